/* formats/parquet/column_reader.h: rows of one leaf, across the pages of a chunk. */
#ifndef MR_PARQUET_COLUMN_READER_H
#define MR_PARQUET_COLUMN_READER_H

#include "formats/parquet/convert.h"
#include "formats/parquet/page_reader.h"

struct mr_column_reader {
    struct mr_page_reader pages;
    struct mr_parquet_conversion conversion;
    bool old_calendar; /* a DATE or TIMESTAMP that is ancient means another day */
    /* Levels of some whole rows, of a leaf in lists; also levels decoded ahead, which belong to the page in
     * hand. */
    struct mr_bytes definition, repetition; /* a byte each; .size: those of the rows */
    size_t ahead, ahead_at;
    uint8_t ahead_definition[MR_VALUES_PIECE], ahead_repetition[MR_VALUES_PIECE];
    uint64_t scratch[MR_VALUES_PIECE * 2]; /* one piece of values before conversion */
};

/* n rows of a leaf at the top level into rows [0, n) of column, which is empty and has room. */
int mr_column_reader_flat(struct mr_column_reader *r, int64_t n, struct mr_column *column,
                          struct mr_error *error);
/* The levels of n rows and, unless column is NULL, their values without gaps into rows [0, *values) of
 * column, which grows. A leaf outside of lists has no repetition levels. */
int mr_column_reader_levels(struct mr_column_reader *r, int64_t n, struct mr_column *column, int64_t *values,
                            struct mr_error *error);
/* Spreads the values in rows [at, at + values) over [at, at + count): row at + i holds one where present[i],
 * else NULL. */
int mr_column_spread(struct mr_column *column, int64_t at, const uint8_t *present, int64_t count,
                     int64_t values, struct mr_error *error);
void mr_column_reader_release(struct mr_column_reader *r);

#endif
