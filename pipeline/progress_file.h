/* pipeline/progress_file.h: progress of a flow as JSON lines, <storage>/_progress/<table>/<flow>.jsonl. */
#ifndef MR_PIPELINE_PROGRESS_FILE_H
#define MR_PIPELINE_PROGRESS_FILE_H

#include "runtime/progress.h"

struct mr_progress_file;
/* Appends to what is there. When a file has grown past 16 MiB it is moved to <flow>.1.jsonl, which is
 * replaced. */
int mr_progress_file_open(struct mr_progress_file **out, const char *storage, const char *table,
                          const char *flow, struct mr_error *error);
/* Not fsynced, and a failure to write is only logged: progress must not stop a query. */
void mr_progress_file_write(struct mr_progress_file *file, const struct mr_progress *progress);
void mr_progress_file_close(struct mr_progress_file *file); /* NULL allowed */

#endif
