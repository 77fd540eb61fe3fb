/* expressions/arithmetic_decimal.c: kernels of + - * / % div pmod on decimals of any precision and scale. The
 * result's type is Spark's; the exact result is rounded half up to its scale and must fit its precision. */
#include "expressions/arithmetic.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

static int overflow(const struct mr_arithmetic *a, struct mr_column *out, int64_t row, mr_i128 value,
                    int scale, struct mr_error *error)
{
    char text[48];
    if (a->try_it)
        return mr_column_set_null(out, row, error);
    text[mr_decimal_text(value, scale, text)] = 0;
    return mr_row_decimal_overflow(error, text, out->type);
}

/* value * 10^digits; false when it leaves 128 bits. */
static bool scale_up(mr_i128 value, int digits, mr_i128 *out)
{
    return !__builtin_mul_overflow(value, mr_decimal_power(digits), out);
}

/* a + b at scale `scale` when the plain way overflows: whole parts and fractions apart. The sum has more than
 * 38 digits only when it is an overflow of the result, too, or digits that the result's scale rounds away. */
static bool add_wide(mr_i128 a, int a_scale, mr_i128 b, int b_scale, const struct mr_type *to, mr_i128 *out)
{
    int scale = a_scale > b_scale ? a_scale : b_scale;
    mr_i128 one = mr_decimal_power(scale);
    mr_i128 whole = a / mr_decimal_power(a_scale) + b / mr_decimal_power(b_scale);
    mr_i128 fa = a % mr_decimal_power(a_scale) * mr_decimal_power(scale - a_scale);
    mr_i128 fb = b % mr_decimal_power(b_scale) * mr_decimal_power(scale - b_scale);
    mr_i128 rest;
    if ((fa < 0) == (fb < 0)) { /* both below one: the sum of the magnitudes fits 128 bits without a sign */
        mr_u128 sum = (fa < 0 ? -(mr_u128)fa : (mr_u128)fa) + (fb < 0 ? -(mr_u128)fb : (mr_u128)fb);
        bool negative = fa < 0;
        if (sum >= (mr_u128)one) {
            sum -= (mr_u128)one;
            whole += negative ? -1 : 1;
        }
        rest = negative ? -(mr_i128)sum : (mr_i128)sum;
    } else {
        rest = fa + fb;
    }
    if (whole > 0 && rest < 0) {
        whole--;
        rest += one;
    } else if (whole < 0 && rest > 0) {
        whole++;
        rest -= one;
    }
    mr_i128 shifted = 0, fraction = 0;
    if (!mr_decimal_rescale(rest, scale, to->scale, 38, &fraction) || !scale_up(whole, to->scale, &shifted))
        return false;
    return !__builtin_add_overflow(shifted, fraction, out) && mr_decimal_fits(*out, to->precision);
}

static bool add_exact(mr_i128 a, int a_scale, mr_i128 b, int b_scale, const struct mr_type *to, mr_i128 *out)
{
    int scale = a_scale > b_scale ? a_scale : b_scale;
    mr_i128 x = 0, y = 0, sum = 0;
    if (!scale_up(a, scale - a_scale, &x) || !scale_up(b, scale - b_scale, &y) ||
        __builtin_add_overflow(x, y, &sum))
        return add_wide(a, a_scale, b, b_scale, to, out);
    return mr_decimal_rescale(sum, scale, to->scale, to->precision, out);
}

KERNEL(add_decimal)
{
    const struct mr_arithmetic *a = call->expression->bound;
    int a_scale = arguments[0]->type->scale, b_scale = arguments[1]->type->scale;
    bool minus = a->operator== '-';
    MR_ROWS(i, rows, out->length, {
        mr_i128 x = mr_decimal_at(arguments[0], i);
        mr_i128 y = mr_decimal_at(arguments[1], i);
        mr_i128 value = 0;
        if (!add_exact(x, a_scale, minus ? -y : y, b_scale, out->type, &value)) {
            mr_i128 shown = 0;
            if (!scale_up(x, b_scale > a_scale ? b_scale - a_scale : 0, &shown))
                shown = x;
            mr_i128 other = 0;
            bool known = scale_up(minus ? -y : y, a_scale > b_scale ? a_scale - b_scale : 0, &other);
            if (!known || __builtin_add_overflow(shown, other, &shown))
                shown = x;
            MR_TRY(overflow(a, out, i, shown, a_scale > b_scale ? a_scale : b_scale, error));
            continue;
        }
        mr_decimal_put(out, i, value);
    });
    return MR_OK;
}

/* Up to 18 digits in and out, nothing rounded away: plain 64-bit arithmetic. The result type has a digit more
 * than both, so no overflow. */
static bool is_short(const struct mr_type *type)
{
    return type->precision <= 18;
}

/* Nothing is rounded away, and the result type holds every sum: one multiplication and addition of 128 bits.
 */
KERNEL(add_decimal_exact)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const struct mr_column *left = arguments[0], *right = arguments[1];
    const mr_i128 left_factor = mr_decimal_power(out->type->scale - left->type->scale);
    const mr_i128 right_factor =
        mr_decimal_power(out->type->scale - right->type->scale) * (a->operator== '-' ? -1 : 1);
    (void)error;
    MR_ROWS(i, rows, out->length, {
        mr_u128 x = (mr_u128)mr_decimal_at(left, i) * (mr_u128)left_factor;
        mr_u128 y = (mr_u128)mr_decimal_at(right, i) * (mr_u128)right_factor;
        mr_decimal_put(out, i, (mr_i128)(x + y));
    });
    return MR_OK;
}

/* Digits of the exact sum, before the result type is cut to 38. */
static int sum_digits(const struct mr_type *a, const struct mr_type *b)
{
    int a_whole = a->precision - a->scale, b_whole = b->precision - b->scale;
    int scale = a->scale > b->scale ? a->scale : b->scale;
    return (a_whole > b_whole ? a_whole : b_whole) + scale + 1;
}

KERNEL(add_decimal_short)
{
    const struct mr_arithmetic *a = call->expression->bound;
    int a_scale = arguments[0]->type->scale, b_scale = arguments[1]->type->scale, scale = out->type->scale;
    if (!is_short(arguments[0]->type) || !is_short(arguments[1]->type) || !is_short(out->type) ||
        scale < a_scale || scale < b_scale)
        return (sum_digits(arguments[0]->type, arguments[1]->type) <= 38
                    ? add_decimal_exact
                    : add_decimal)(call, arguments, rows, out, error);
    const int64_t left_factor = (int64_t)mr_decimal_power(scale - a_scale);
    const int64_t right_factor = (int64_t)mr_decimal_power(scale - b_scale) * (a->operator== '-' ? -1 : 1);
    const int64_t *restrict left = arguments[0]->i64, *restrict right = arguments[1]->i64;
    int64_t *restrict to = out->i64;
    MR_ROWS(i, rows, out->length, {
        to[i] = (int64_t)((uint64_t)left[i] * (uint64_t)left_factor +
                          (uint64_t)right[i] * (uint64_t)right_factor);
    });
    return MR_OK;
}

KERNEL(multiply_decimal)
{
    const struct mr_arithmetic *a = call->expression->bound;
    int scale = arguments[0]->type->scale + arguments[1]->type->scale;
    bool exact = out->type->scale == scale; /* then the type has room for every product */
    if (exact && is_short(out->type)) {
        const int64_t *restrict left = arguments[0]->i64, *restrict right = arguments[1]->i64;
        MR_ROWS(i, rows, out->length, { out->i64[i] = (int64_t)((uint64_t)left[i] * (uint64_t)right[i]); });
        return MR_OK;
    }
    if (exact && is_short(arguments[0]->type) && is_short(arguments[1]->type)) {
        const int64_t *restrict left = arguments[0]->i64, *restrict right = arguments[1]->i64;
        MR_ROWS(i, rows, out->length, { out->i128[i] = (mr_i128)left[i] * right[i]; });
        return MR_OK;
    }
    if (exact && arguments[0]->type->precision + arguments[1]->type->precision < 38) {
        MR_ROWS(i, rows, out->length, {
            mr_u128 x = (mr_u128)mr_decimal_at(arguments[0], i);
            out->i128[i] = (mr_i128)(x * (mr_u128)mr_decimal_at(arguments[1], i));
        });
        return MR_OK;
    }
    MR_ROWS(i, rows, out->length, {
        mr_i128 x = mr_decimal_at(arguments[0], i);
        mr_i128 y = mr_decimal_at(arguments[1], i);
        mr_i128 value = 0;
        if (!mr_decimal_multiply(x, y, scale, out->type->precision, out->type->scale, &value)) {
            mr_i128 shown = x;
            if (__builtin_mul_overflow(x, y, &shown))
                MR_TRY(overflow(a, out, i, x, arguments[0]->type->scale, error));
            else
                MR_TRY(overflow(a, out, i, shown, scale, error));
            continue;
        }
        mr_decimal_put(out, i, value);
    });
    return MR_OK;
}

KERNEL(divide_decimal)
{
    const struct mr_arithmetic *a = call->expression->bound;
    int a_scale = arguments[0]->type->scale, b_scale = arguments[1]->type->scale;
    MR_ROWS(i, rows, out->length, {
        mr_i128 x = mr_decimal_at(arguments[0], i);
        mr_i128 y = mr_decimal_at(arguments[1], i);
        mr_i128 value = 0;
        if (y == 0) {
            MR_TRY(mr_arithmetic_zero(a, out, i, error));
            continue;
        }
        if (!mr_decimal_divide(x, a_scale, y, b_scale, out->type->precision, out->type->scale, &value)) {
            MR_TRY(overflow(a, out, i, x, a_scale, error));
            continue;
        }
        mr_decimal_put(out, i, value);
    });
    return MR_OK;
}

/* (value * 10^digits) mod m for magnitudes below 10^38, step by step so that nothing leaves 128 bits. */
static mr_u128 shifted_modulo(mr_u128 value, int digits, mr_u128 m)
{
    value %= m;
    for (; digits > 0; digits--) {
        mr_u128 twice = value * 2 % m;
        value = (twice * 2 % m * 2 % m + twice) % m;
    }
    return value;
}

static mr_i128 decimal_remainder(mr_i128 a, int a_scale, mr_i128 b, int b_scale)
{
    int scale = a_scale > b_scale ? a_scale : b_scale;
    mr_u128 x = a < 0 ? -(mr_u128)a : (mr_u128)a, y = b < 0 ? -(mr_u128)b : (mr_u128)b, rest;
    mr_u128 scaled = 0;
    if (b_scale < scale && __builtin_mul_overflow(y, (mr_u128)mr_decimal_power(scale - b_scale), &scaled))
        rest = x; /* the divisor is beyond anything the dividend can be */
    else
        rest = shifted_modulo(x, scale - a_scale, b_scale < scale ? scaled : y);
    return a < 0 ? -(mr_i128)rest : (mr_i128)rest;
}

KERNEL(remainder_decimal)
{
    const struct mr_arithmetic *a = call->expression->bound;
    int a_scale = arguments[0]->type->scale, b_scale = arguments[1]->type->scale;
    int scale = a_scale > b_scale ? a_scale : b_scale;
    MR_ROWS(i, rows, out->length, {
        mr_i128 x = mr_decimal_at(arguments[0], i);
        mr_i128 y = mr_decimal_at(arguments[1], i);
        if (y == 0) {
            MR_TRY(mr_arithmetic_zero(a, out, i, error));
            continue;
        }
        mr_i128 rest = decimal_remainder(x, a_scale, y, b_scale);
        if (a->operator== 'p' && rest<0) {
            mr_i128 divisor = 0;
            if (scale_up(y, scale - b_scale, &divisor))
                rest = (rest + divisor) % divisor;
        }
        mr_i128 value = 0;
        if (!mr_decimal_rescale(rest, scale, out->type->scale, out->type->precision, &value)) {
            MR_TRY(overflow(a, out, i, rest, scale, error));
            continue;
        }
        mr_decimal_put(out, i, value);
    });
    return MR_OK;
}

/* The whole part of x / y. Beyond 38 digits there is none that fits: false. */
static bool whole_quotient(mr_i128 x, int x_scale, mr_i128 y, int y_scale, mr_i128 *out)
{
    int scale = x_scale > y_scale ? x_scale : y_scale;
    mr_i128 left = 0, right = 0;
    bool right_fits = scale_up(y, scale - y_scale, &right);
    if (right_fits && scale_up(x, scale - x_scale, &left)) {
        *out = left / right;
        return true;
    }
    *out = 0;
    if (!right_fits) /* the divisor is larger than anything the dividend can be */
        return true;
    if (!mr_decimal_divide(x, x_scale, y, y_scale, 38, 0, out))
        return false;
    mr_i128 rest = decimal_remainder(x, x_scale, y, y_scale);
    mr_u128 magnitude = rest < 0 ? -(mr_u128)rest : (mr_u128)rest;
    mr_u128 divisor = right < 0 ? -(mr_u128)right : (mr_u128)right;
    if (magnitude >= divisor - magnitude) /* it was rounded away from zero */
        *out -= (x < 0) != (y < 0) ? -1 : 1;
    return true;
}

/* As BIGINT; of what does not fit the lower 64 bits remain, as in Spark. */
KERNEL(div_decimal)
{
    const struct mr_arithmetic *a = call->expression->bound;
    int a_scale = arguments[0]->type->scale, b_scale = arguments[1]->type->scale;
    MR_ROWS(i, rows, out->length, {
        mr_i128 quotient = 0;
        mr_i128 divisor = mr_decimal_at(arguments[1], i);
        if (divisor == 0)
            MR_TRY(mr_arithmetic_zero(a, out, i, error));
        else if (!whole_quotient(mr_decimal_at(arguments[0], i), a_scale, divisor, b_scale, &quotient))
            MR_TRY(mr_arithmetic_overflow(a, out, i, error));
        out->i64[i] = (int64_t)(mr_u128)quotient;
    });
    return MR_OK;
}

mr_kernel mr_arithmetic_decimal_kernel(char operator)
{
    switch (operator) {
    case '+':
    case '-':
        return add_decimal_short;
    case '*':
        return multiply_decimal;
    case '/':
        return divide_decimal;
    case 'd':
        return div_decimal;
    default:
        return remainder_decimal;
    }
}
