/* formats/parquet/convert.h: from the physical values of a leaf to the type that is wanted of it. */
#ifndef MR_PARQUET_CONVERT_H
#define MR_PARQUET_CONVERT_H

#include "formats/parquet/decode.h"
#include "formats/parquet/reader_schema.h"

enum mr_conversion_kind {
    MR_CONVERT_NONE,          /* the physical values are the column's */
    MR_CONVERT_INTEGER,       /* INT32, INT64 to any integral type, checked for range */
    MR_CONVERT_FLOATING,      /* INT32, FLOAT to DOUBLE */
    MR_CONVERT_DECIMAL,       /* INT32, INT64 to DECIMAL */
    MR_CONVERT_BYTES_DECIMAL, /* big-endian bytes to DECIMAL */
    MR_CONVERT_MILLIS,        /* INT64 milliseconds to TIMESTAMP(_NTZ) */
    MR_CONVERT_INT96,         /* nanoseconds of the day, Julian day */
    MR_CONVERT_DATE_TIME,     /* days to TIMESTAMP_NTZ */
};
struct mr_parquet_conversion {
    enum mr_conversion_kind kind;
    enum mr_parquet_physical physical;
    const struct mr_type *to;
    int scale_up;     /* DECIMAL: digits the scale grows by */
    bool is_unsigned; /* the physical integers are */
};

/* false: the file's type does not go to wanted. */
bool mr_parquet_conversion_choose(const struct mr_parquet_source *leaf, const struct mr_type *wanted,
                                  struct mr_parquet_conversion *out);
/* n values into rows [at, at + n) of column. NULL: done; else what is wrong with a value. */
const char *mr_parquet_convert(const struct mr_parquet_conversion *c, const void *values, size_t n,
                               struct mr_column *column, int64_t at);

#endif
