/* expressions/arithmetic.h: shared by the files that make up the arithmetic operators. */
#ifndef MR_EXPRESSIONS_ARITHMETIC_H
#define MR_EXPRESSIONS_ARITHMETIC_H

#include "expressions/coercion.h"
#include "expressions/kernel.h"

struct mr_arithmetic { /* bound to a call */
    struct mr_bound_kernel kernel;
    char operator; /* + - * / %, d for div, p for pmod */
    bool try_it;   /* NULL instead of an error */
    bool wraps;    /* without ANSI: integers wrap around where they would be NULL */
};
/* Of function->data: which operator a function is. */
struct mr_arithmetic_kind {
    char operator;
    bool try_it;
};
/* NULL when the operator has no kernel for operands of that type. */
mr_kernel mr_arithmetic_kernel(char operator, enum mr_type_id id);
mr_kernel mr_arithmetic_decimal_kernel(char operator);
/* Puts NULL or reports the overflow of an operator on a row. */
int mr_arithmetic_overflow(const struct mr_arithmetic *a, struct mr_column *out, int64_t row,
                           struct mr_error *error);
/* Divisor 0: NULL, DIVIDE_BY_ZERO or REMAINDER_BY_ZERO. */
int mr_arithmetic_zero(const struct mr_arithmetic *a, struct mr_column *out, int64_t row,
                       struct mr_error *error);

/* Date, timestamp and interval operands of + - * / div: sets r->type and bound, or r->rewritten. *done is
 * false when none is one. */
int mr_resolve_time_arithmetic(struct mr_resolve *r, struct mr_arithmetic *a, bool *done,
                               struct mr_error *error);

/* Adds months to a date in days since 1970; the day is cut to the month's last. false: out of range. */
bool mr_date_add_months(int32_t days, int32_t months, int32_t *out);

#endif
