/* formats/parquet/statistics.h: smallest and largest value of a column chunk, and of a file. */
#ifndef MR_PARQUET_STATISTICS_H
#define MR_PARQUET_STATISTICS_H

#include "columns/column.h"

#define MR_BOUND_BYTES 64 /* strings are kept up to this length */

struct mr_bound_bytes {
    uint32_t size;
    bool cut; /* the value went on */
    char data[MR_BOUND_BYTES];
};

/* Bounds of what was added. A cut string is a prefix of the true bound: fine as a minimum, to be raised as a
 * maximum. */
struct mr_parquet_statistics {
    int64_t null_count;
    bool any; /* a value that counts was added: bounds are set */
    bool nan; /* a NaN was added: bounds say nothing */
    uint64_t minimum_prefix,
        maximum_prefix; /* first bytes of the string bounds, big-endian: settles most comparisons */
    union {
        int64_t i64; /* also BOOLEAN and all types of 32 bits */
        double f64;  /* also FLOAT */
        mr_i128 i128;
        struct mr_bound_bytes bytes;
    } minimum, maximum;
};

void mr_statistics_add_i32(struct mr_parquet_statistics *s, const int32_t *values, size_t count);
void mr_statistics_add_i64(struct mr_parquet_statistics *s, const int64_t *values, size_t count);
void mr_statistics_add_f32(struct mr_parquet_statistics *s, const float *values, size_t count);
void mr_statistics_add_f64(struct mr_parquet_statistics *s, const double *values, size_t count);
void mr_statistics_add_i128(struct mr_parquet_statistics *s, mr_i128 value);
void mr_statistics_add_boolean(struct mr_parquet_statistics *s, const uint8_t *values, size_t count);
void mr_statistics_add_bytes(struct mr_parquet_statistics *s, const char *data, size_t size);
static inline void mr_statistics_add_view(struct mr_parquet_statistics *s, const struct mr_view *view)
{
    uint64_t prefix = 0;
    const char *data = mr_view_data(view); /* inlined bytes are followed by zeros */
    memcpy(&prefix, data, 8);
    prefix = __builtin_bswap64(prefix);
    if (!s->any || prefix <= s->minimum_prefix || prefix >= s->maximum_prefix)
        mr_statistics_add_bytes(s, data, view->size);
}
/* Adds what from has seen; type decides how bounds compare. */
void mr_statistics_merge(struct mr_parquet_statistics *s, const struct mr_parquet_statistics *from,
                         const struct mr_type *type);

/* Makes a prefix of well-formed UTF-8 the smallest text above everything that starts with it: false when
 * there is none. */
bool mr_statistics_raise(struct mr_bound_bytes *bound);
/* Cuts a bound to whole characters; false: it is no UTF-8. */
bool mr_statistics_whole_characters(struct mr_bound_bytes *bound);

#endif
