/* sources/file_source.h: files landing in a folder, as a stream or as a batch. Options: mr_file_option_table
 * and those of the format. */
#ifndef MR_SOURCES_FILE_SOURCE_H
#define MR_SOURCES_FILE_SOURCE_H

#include "sources/source.h"

extern const struct mr_source_type mr_file_source; /* "files" */
extern const struct mr_option_spec mr_file_option_table[];

#endif
