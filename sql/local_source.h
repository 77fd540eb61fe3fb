/* sql/local_source.h: rows that a query brings along: VALUES, range(), SELECT without FROM. */
#ifndef MR_SQL_LOCAL_SOURCE_H
#define MR_SQL_LOCAL_SOURCE_H

#include "sources/source.h"

struct mr_local_rows { /* source->ctx before it is opened; in the job's arena */
    const struct mr_type *schema;
    struct mr_batch rows; /* taken over; released by close. Of length `count` when it has columns */
    bool is_range;        /* one BIGINT column: start, start + step, … */
    int64_t start, step;
    int64_t count;
};
extern const struct mr_source_type mr_local_source;

#endif
