/* formats/parquet/statistics_out.h: statistics as the footer and as Delta want them. */
#ifndef MR_PARQUET_STATISTICS_OUT_H
#define MR_PARQUET_STATISTICS_OUT_H

#include "formats/parquet/parquet.h"
#include "formats/parquet/writer_schema.h"

/* Field id of a chunk's metadata: null count and, where they hold, bounds. */
void mr_parquet_statistics_write(struct mr_thrift_writer *t, int16_t id,
                                 const struct mr_parquet_statistics *statistics,
                                 const struct mr_parquet_column_writer *column);
/* One entry per leaf, in the arena; bounds are columns the caller unrefs, also after an error. */
int mr_parquet_leaf_statistics_make(const struct mr_parquet_writer_schema *schema,
                                    const struct mr_parquet_column_writer *columns, struct mr_arena *arena,
                                    struct mr_leaf_statistics **out, struct mr_error *error);

#endif
