/* expressions/arithmetic.c: kernels of + - * / % div pmod on integers and floats. */
#include "expressions/arithmetic.h"

#include <math.h>
#include <stdio.h>

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

/* ---- rows that fail ---- */
static const char *alternative(char operator)
{
    switch (operator) {
    case '+':
        return "try_add";
    case '-':
        return "try_subtract";
    case '*':
        return "try_multiply";
    default:
        return "try_divide";
    }
}

int mr_arithmetic_overflow(const struct mr_arithmetic *a, struct mr_column *out, int64_t row,
                           struct mr_error *error)
{
    if (a->wraps) /* the row holds the low bits */
        return MR_OK;
    if (a->try_it)
        return mr_column_set_null(out, row, error);
    return mr_row_overflow(error, a->operator== 'd' ? "Overflow in integral divide" : "overflow",
                           alternative(a->operator));
}

int mr_arithmetic_zero(const struct mr_arithmetic *a, struct mr_column *out, int64_t row,
                       struct mr_error *error)
{
    if (a->try_it)
        return mr_column_set_null(out, row, error);
    if (a->operator!= '%' && a->operator!= 'p')
        return mr_row_divide_by_zero(error);
    mr_row_error(error, "REMAINDER_BY_ZERO", "The divisor is 0. `try_mod` gives NULL instead.");
    mr_error_parameter(error, "config", "\"spark.sql.ansi.enabled\"");
    return error->code;
}

/* TINYINT and SMALLINT have a condition of their own. */
static int small_overflow(const struct mr_arithmetic *a, struct mr_column *out, int64_t row, int left,
                          int right, struct mr_error *error)
{
    if (a->wraps)
        return MR_OK;
    if (a->try_it)
        return mr_column_set_null(out, row, error);
    mr_row_error(error, "BINARY_ARITHMETIC_OVERFLOW",
                 "%dS %c %dS does not fit its type. `%s` gives NULL instead.", left, a->operator, right,
                 alternative(a->operator));
    mr_error_parameter(error, "value1", "%dS", left);
    mr_error_parameter(error, "symbol", "%c", a->operator);
    mr_error_parameter(error, "value2", "%dS", right);
    mr_error_parameter(error, "functionName", "`%s`", alternative(a->operator));
    return error->code;
}

/* ---- integers ---- */
#define SMALL(name, field, type, operator)                                                                   \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        const struct mr_arithmetic *a = call->expression->bound;                                             \
        const type *left = arguments[0]->field, *right = arguments[1]->field;                                \
        MR_ROWS(i, rows, out->length, {                                                                      \
            int value = left[i] operator right[i];                                                           \
            if (value != (type)value)                                                                        \
                MR_TRY(small_overflow(a, out, i, left[i], right[i], error));                                 \
            out->field[i] = (type)value;                                                                     \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
SMALL(add_i8, i8, int8_t, +)
SMALL(add_i16, i16, int16_t, +)
SMALL(subtract_i8, i8, int8_t, -)
SMALL(subtract_i16, i16, int16_t, -)
SMALL(multiply_i8, i8, int8_t, *)
SMALL(multiply_i16, i16, int16_t, *)

/* The rows of a batch whose dense loop saw an overflow, one by one. */
#define CHECKED(name, field, type, builtin)                                                                  \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        const struct mr_arithmetic *a = call->expression->bound;                                             \
        const type *left = arguments[0]->field, *right = arguments[1]->field;                                \
        MR_ROWS(i, rows, out->length, {                                                                      \
            if (builtin(left[i], right[i], &out->field[i]))                                                  \
                MR_TRY(mr_arithmetic_overflow(a, out, i, error));                                            \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
CHECKED(add_i32_checked, i32, int32_t, __builtin_add_overflow)
CHECKED(add_i64_checked, i64, int64_t, __builtin_add_overflow)
CHECKED(subtract_i32_checked, i32, int32_t, __builtin_sub_overflow)
CHECKED(subtract_i64_checked, i64, int64_t, __builtin_sub_overflow)
CHECKED(multiply_i32, i32, int32_t, __builtin_mul_overflow)
CHECKED(multiply_i64, i64, int64_t, __builtin_mul_overflow)

/* Dense: wraps and collects the sign bits that tell of overflow, which vectorises; an overflow anywhere falls
 * back to the checked loop. */
#define WRAPPING(name, checked, field, type, unsigned_type, operator, flipped)                               \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        if (rows)                                                                                            \
            return checked(call, arguments, rows, out, error);                                               \
        const type *restrict left = arguments[0]->field, *restrict right = arguments[1]->field;              \
        type *restrict to = out->field;                                                                      \
        type over = 0;                                                                                       \
        for (int64_t i = 0; i < out->length; i++) {                                                          \
            type value = (type)((unsigned_type)left[i] operator(unsigned_type) right[i]);                    \
            over |= flipped;                                                                                 \
            to[i] = value;                                                                                   \
        }                                                                                                    \
        return over < 0 ? checked(call, arguments, rows, out, error) : MR_OK;                                \
    }
WRAPPING(add_i32, add_i32_checked, i32, int32_t, uint32_t, +, (left[i] ^ value) & (right[i] ^ value))
WRAPPING(add_i64, add_i64_checked, i64, int64_t, uint64_t, +, (left[i] ^ value) & (right[i] ^ value))
WRAPPING(subtract_i32, subtract_i32_checked, i32, int32_t, uint32_t, -,
         (left[i] ^ right[i]) & (left[i] ^ value))
WRAPPING(subtract_i64, subtract_i64_checked, i64, int64_t, uint64_t, -,
         (left[i] ^ right[i]) & (left[i] ^ value))

/* sum: Java's type of a sum, which wraps around in pmod. */
#define REMAINDER(name, field, type, sum_type)                                                               \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        const struct mr_arithmetic *a = call->expression->bound;                                             \
        const type *left = arguments[0]->field, *right = arguments[1]->field;                                \
        MR_ROWS(i, rows, out->length, {                                                                      \
            if (right[i] == 0)                                                                               \
                MR_TRY(mr_arithmetic_zero(a, out, i, error));                                                \
            sum_type value = right[i] == 0 || right[i] == -1 ? 0 : left[i] % right[i];                       \
            if (a->operator== 'p' && value<0) {                                                              \
                sum_type sum = 0;                                                                            \
                (void)__builtin_add_overflow(value, (sum_type)right[i], &sum);                               \
                value = right[i] == -1 ? 0 : sum % right[i];                                                 \
            }                                                                                                \
            out->field[i] = (type)value;                                                                     \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
REMAINDER(remainder_i8, i8, int8_t, int32_t)
REMAINDER(remainder_i16, i16, int16_t, int32_t)
REMAINDER(remainder_i32, i32, int32_t, int32_t)
REMAINDER(remainder_i64, i64, int64_t, int64_t)

KERNEL(div_i64)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const int64_t *left = arguments[0]->i64, *right = arguments[1]->i64;
    MR_ROWS(i, rows, out->length, {
        if (right[i] == 0) {
            MR_TRY(mr_arithmetic_zero(a, out, i, error));
            continue;
        }
        if (right[i] == -1 && left[i] == INT64_MIN) {
            MR_TRY(mr_arithmetic_overflow(a, out, i, error));
            continue;
        }
        out->i64[i] = left[i] / right[i];
    });
    return MR_OK;
}

/* ---- floats ---- */
#define FLOAT(name, field, operator)                                                                         \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        MR_ROWS(i, rows, out->length,                                                                        \
                { out->field[i] = arguments[0]->field[i] operator arguments[1]->field[i]; });                \
        return MR_OK;                                                                                        \
    }
FLOAT(add_f32, f32, +)
FLOAT(add_f64, f64, +)
FLOAT(subtract_f32, f32, -)
FLOAT(subtract_f64, f64, -)
FLOAT(multiply_f32, f32, *)
FLOAT(multiply_f64, f64, *)

KERNEL(divide_f64)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const double *left = arguments[0]->f64, *right = arguments[1]->f64;
    MR_ROWS(i, rows, out->length, {
        if (right[i] == 0)
            MR_TRY(mr_arithmetic_zero(a, out, i, error));
        else
            out->f64[i] = left[i] / right[i];
    });
    return MR_OK;
}

#define FLOAT_REMAINDER(name, field, type, remainder)                                                        \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        const struct mr_arithmetic *a = call->expression->bound;                                             \
        const type *left = arguments[0]->field, *right = arguments[1]->field;                                \
        MR_ROWS(i, rows, out->length, {                                                                      \
            if (right[i] == 0) {                                                                             \
                MR_TRY(mr_arithmetic_zero(a, out, i, error));                                                \
                continue;                                                                                    \
            }                                                                                                \
            type value = remainder(left[i], right[i]);                                                       \
            if (a->operator== 'p' && value<0)                                                                \
                value = remainder(value + right[i], right[i]);                                               \
            out->field[i] = value;                                                                           \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
FLOAT_REMAINDER(remainder_f32, f32, float, fmodf)
FLOAT_REMAINDER(remainder_f64, f64, double, fmod)

mr_kernel mr_arithmetic_kernel(char operator, enum mr_type_id id)
{
    static const mr_kernel add[] = {[MR_TINYINT] = add_i8, [MR_SMALLINT] = add_i16, [MR_INT] = add_i32,
                                    [MR_BIGINT] = add_i64, [MR_FLOAT] = add_f32,    [MR_DOUBLE] = add_f64};
    static const mr_kernel subtract[] = {
        [MR_TINYINT] = subtract_i8, [MR_SMALLINT] = subtract_i16, [MR_INT] = subtract_i32,
        [MR_BIGINT] = subtract_i64, [MR_FLOAT] = subtract_f32,    [MR_DOUBLE] = subtract_f64};
    static const mr_kernel multiply[] = {
        [MR_TINYINT] = multiply_i8, [MR_SMALLINT] = multiply_i16, [MR_INT] = multiply_i32,
        [MR_BIGINT] = multiply_i64, [MR_FLOAT] = multiply_f32,    [MR_DOUBLE] = multiply_f64};
    static const mr_kernel remainder[] = {
        [MR_TINYINT] = remainder_i8, [MR_SMALLINT] = remainder_i16, [MR_INT] = remainder_i32,
        [MR_BIGINT] = remainder_i64, [MR_FLOAT] = remainder_f32,    [MR_DOUBLE] = remainder_f64};
    if (id > MR_DOUBLE)
        return NULL;
    switch (operator) {
    case '+':
        return add[id];
    case '-':
        return subtract[id];
    case '*':
        return multiply[id];
    case '%':
    case 'p':
        return remainder[id];
    case 'd':
        return id == MR_BIGINT ? div_i64 : NULL;
    default:
        return id == MR_DOUBLE ? divide_f64 : NULL;
    }
}
