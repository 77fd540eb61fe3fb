/* sinks/data_file.h: names of the files that sinks write before anything names them (invariant 4).
 *
 *   part-00007-<query id>-<hash of the sink's name>-<batch>-<attempt><suffix> */
#ifndef MR_SINKS_DATA_FILE_H
#define MR_SINKS_DATA_FILE_H

#include "sinks/sink.h"

#define MR_DATA_FILE_NAME 180
void mr_data_file_name(const struct mr_sink *sink, int64_t number, int64_t batch, const char *suffix,
                       char out[MR_DATA_FILE_NAME]);
/* Is it a name of this sink, of this or an earlier attempt? Then *batch is the micro-batch in it. */
bool mr_data_file_parse(const struct mr_sink *sink, const char *name, const char *suffix, int64_t *batch);

#endif
