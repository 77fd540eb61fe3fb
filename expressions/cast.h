/* expressions/cast.h: casts. A cast is planned once for its pair of types (struct mr_cast, a tree for nested
 * types) and then converts columns.
 *
 * To add a conversion: write a mr_cast_convert and put it where mr_cast_choose_… of its file picks it. */
#ifndef MR_EXPRESSIONS_CAST_H
#define MR_EXPRESSIONS_CAST_H

#include "expressions/kernel.h"

struct mr_cast;
/* Converts rows (no NULL among them; NULL pointer: all) of in to the same rows of out, whose validity is that
 * of in. What cannot be converted becomes NULL under try_cast, an error otherwise. */
typedef int (*mr_cast_convert)(const struct mr_cast *cast, const struct mr_session *session,
                               const struct mr_column *in, const struct mr_selection *rows,
                               struct mr_column *out, struct mr_error *error);
struct mr_cast {
    struct mr_bound_kernel kernel; /* first: what the evaluator reads */
    const struct mr_type *from, *to;
    bool try_cast;
    bool wraps;                      /* without ANSI: integers that do not fit lose their upper bits */
    bool total;                      /* never fails, on any value */
    bool nullable;                   /* may give NULL for what is not NULL, try_cast aside */
    const char *insert_column;       /* store assignment into this column; NULL: an ordinary cast */
    mr_cast_convert convert;         /* NULL: every row is NULL (from VOID), or nested */
    const struct mr_cast **children; /* of a nested type, in order of what comes out */
    const int *sources; /* of a struct into a table: its fields by name, -1: NULL; NULL: by position */
};

/* NULL convert: the pair is not this file's. *total is set for conversions that never fail. */
mr_cast_convert mr_cast_choose_number(const struct mr_type *from, const struct mr_type *to, bool *total);
mr_cast_convert mr_cast_choose_text(const struct mr_type *from, const struct mr_type *to, bool *total);
mr_cast_convert mr_cast_choose_time(const struct mr_type *from, const struct mr_type *to, bool *total);

/* A row that does not fit: NULL or CAST_OVERFLOW (CAST_OVERFLOW_IN_TABLE_INSERT). value: as Spark writes it.
 */
int mr_cast_overflow(const struct mr_cast *cast, struct mr_column *out, int64_t row, const char *value,
                     struct mr_error *error);
int mr_cast_invalid(const struct mr_cast *cast, struct mr_column *out, int64_t row, struct mr_str value,
                    struct mr_error *error);
int mr_cast_decimal_overflow(const struct mr_cast *cast, struct mr_column *out, int64_t row,
                             const char *value, struct mr_error *error);
/* Blanks and control characters cut off at both ends, as casts of text do. */
struct mr_str mr_cast_trim(struct mr_str text);
/* Microseconds of a unit of a day-time interval: DAY 0 … SECOND 3. */
int64_t mr_interval_unit_us(int field);

#endif
