/* expressions/rounding.c: round (half away from zero), bround (half to even), ceil, floor.
 *
 * Floating-point numbers are rounded as Spark does it: by their shortest decimal text, so that round(1.005,
 * 2) is 1.01. */
#include "expressions/rounding.h"

#include <math.h>
#include <stdio.h>

#include "expressions/kernel.h"

enum mode { HALF_UP, HALF_EVEN, CEILING, FLOOR };
struct rounding { /* bound to a call */
    struct mr_bound_kernel kernel;
    enum mode mode;
    int scale; /* digits after the point; negative: before it */
};

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

/* value / unit, rounded; unit > 0. */
static mr_i128 divide_rounded(mr_i128 value, mr_i128 unit, enum mode mode)
{
    mr_i128 quotient = value / unit, rest = value % unit;
    mr_i128 magnitude = rest < 0 ? -rest : rest;
    int away = value < 0 ? -1 : 1;
    bool up = false;
    switch (mode) {
    case HALF_UP:
        up = magnitude >= unit - magnitude;
        break;
    case HALF_EVEN:
        up = magnitude > unit - magnitude || (magnitude == unit - magnitude && quotient % 2 != 0);
        break;
    case CEILING:
        up = rest > 0;
        break;
    case FLOOR:
        up = rest < 0;
        break;
    }
    return up ? quotient + away : quotient;
}

/* A decimal at from_scale, rounded to `scale` digits, given at scale 0 when that is negative. */
static bool round_decimal(mr_i128 value, int from_scale, int scale, enum mode mode, mr_i128 *out)
{
    int digits = from_scale - scale; /* that go */
    if (digits <= 0) {
        *out = value;
        return true;
    }
    if (digits > 38)
        *out = (mode == CEILING && value > 0) || (mode == FLOOR && value < 0) ? (value > 0 ? 1 : -1) : 0;
    else
        *out = divide_rounded(value, mr_decimal_power(digits), mode);
    if (scale >= 0)
        return true;
    if (scale < -38)
        return *out == 0;
    return !__builtin_mul_overflow(*out, mr_decimal_power(-scale), out);
}

KERNEL(round_decimals)
{
    const struct rounding *rounding = call->expression->bound;
    int from_scale = arguments[0]->type->scale;
    MR_ROWS(i, rows, out->length, {
        mr_i128 value = mr_decimal_at(arguments[0], i);
        mr_i128 rounded = 0;
        if (!round_decimal(value, from_scale, rounding->scale, rounding->mode, &rounded) ||
            !mr_decimal_fits(rounded, out->type->precision)) {
            char text[48];
            text[mr_decimal_text(value, from_scale, text)] = 0;
            return mr_row_decimal_overflow(error, text, out->type);
        }
        mr_decimal_put(out, i, rounded);
    });
    return MR_OK;
}

#define ROUND_INTEGERS(name, field, type)                                                                    \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        const struct rounding *rounding = call->expression->bound;                                           \
        MR_ROWS(i, rows, out->length, {                                                                      \
            mr_i128 rounded = 0;                                                                             \
            bool fits = round_decimal(arguments[0]->field[i], 0, rounding->scale, rounding->mode, &rounded); \
            if (!fits || rounded != (type)rounded)                                                           \
                return mr_row_overflow(error, "Overflow", NULL);                                             \
            out->field[i] = (type)rounded;                                                                   \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
ROUND_INTEGERS(round_i8, i8, int8_t)
ROUND_INTEGERS(round_i16, i16, int16_t)
ROUND_INTEGERS(round_i32, i32, int32_t)
ROUND_INTEGERS(round_i64, i64, int64_t)

/* ---- floats ---- */
/* Sign, digits and the place of the point of a number's shortest text: 0.d1d2d3… * 10^point */
struct digits {
    bool negative;
    int count, point;
    char d[40];
};

static void split_text(const char *text, size_t size, struct digits *out)
{
    int exponent = 0, whole = 0;
    bool fraction = false;
    *out = (struct digits){.negative = *text == '-'};
    for (size_t i = out->negative; i < size; i++) {
        if (text[i] == '.') {
            fraction = true;
        } else if (text[i] == 'E') {
            int sign = text[i + 1] == '-' ? -1 : 1;
            for (size_t k = i + 1 + (sign < 0); k < size; k++)
                exponent = exponent * 10 + (text[k] - '0');
            exponent *= sign;
            break;
        } else {
            out->d[out->count++] = text[i];
            whole += !fraction;
        }
    }
    out->point = whole + exponent;
}

/* Rounds the digits to `scale` places after the point; false when nothing is left but zero. */
static bool round_digits(struct digits *n, int scale, enum mode mode)
{
    int keep = n->point + scale;
    if (keep >= n->count)
        return true;
    if (keep < 0)
        return false;
    bool exact_half = n->d[keep] == '5';
    for (int i = keep + 1; i < n->count; i++)
        exact_half = exact_half && n->d[i] == '0';
    bool odd = keep > 0 && (n->d[keep - 1] - '0') % 2;
    bool up = exact_half ? mode == HALF_UP || odd : n->d[keep] >= '5';
    n->count = keep;
    int i = keep - 1;
    for (; up && i >= 0; i--) {
        if (n->d[i] < '9') {
            n->d[i]++;
            return true;
        }
        n->d[i] = '0';
    }
    if (!up)
        return keep > 0;
    memmove(n->d + 1, n->d, (size_t)n->count);
    n->d[0] = '1';
    n->count++;
    n->point++;
    return true;
}

static double round_text(const char *text, size_t size, int scale, enum mode mode)
{
    struct digits n;
    char out[80];
    double value = 0;
    split_text(text, size, &n);
    if (!round_digits(&n, scale, mode))
        return 0;
    int length = snprintf(out, sizeof out, "%s0.%.*sE%d", n.negative ? "-" : "", n.count, n.d, n.point);
    mr_double_parse((struct mr_str){out, (size_t)length}, &value);
    return value == 0 ? 0 : value; /* no -0.0 */
}

static double round_double(double value, int scale, enum mode mode)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    char text[32];
    if (!isfinite(value))
        return value;
    if (scale >= 0 && scale <= 15) {
        double scaled = fabs(value) * powers[scale], whole = floor(scaled), rest = scaled - whole;
        /* Far from a tie the digits need not be looked at: whole / 10^scale is the nearest double. */
        if (scaled < 1e12 && (rest < 0.499 || rest > 0.501)) {
            double rounded = (rest > 0.5 ? whole + 1 : whole) / powers[scale];
            return value < 0 && rounded != 0 ? -rounded : rounded;
        }
    }
    size_t size = mr_double_text(value, text);
    return round_text(text, size, scale, mode);
}

KERNEL(round_f64)
{
    const struct rounding *rounding = call->expression->bound;
    (void)error;
    MR_ROWS(i, rows, out->length,
            { out->f64[i] = round_double(arguments[0]->f64[i], rounding->scale, rounding->mode); });
    return MR_OK;
}

KERNEL(round_f32)
{
    const struct rounding *rounding = call->expression->bound;
    (void)error;
    MR_ROWS(i, rows, out->length, {
        char text[32];
        float value = arguments[0]->f32[i];
        size_t size = mr_float_text(value, text);
        out->f32[i] =
            isfinite(value) ? (float)round_text(text, size, rounding->scale, rounding->mode) : value;
    });
    return MR_OK;
}

KERNEL(all_null)
{
    (void)call;
    (void)arguments;
    MR_FOR_ROWS (i, rows, out->length)
        MR_TRY(mr_column_set_null(out, i, error));
    return MR_OK;
}

/* ---- ceil and floor of one argument ---- */
/* Java's conversion to long: NaN is 0, what is too large stays at the bound. */
static int64_t to_long(double value)
{
    if (isnan(value))
        return 0;
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

KERNEL(whole_f64)
{
    const struct rounding *rounding = call->expression->bound;
    (void)error;
    MR_ROWS(i, rows, out->length, {
        double value = arguments[0]->f64[i];
        out->i64[i] = to_long(rounding->mode == CEILING ? ceil(value) : floor(value));
    });
    return MR_OK;
}

KERNEL(whole_i64)
{
    (void)rows;
    (void)out;
    (void)error;
    call->result = mr_column_ref(arguments[0]);
    return MR_OK;
}

/* ---- resolution ---- */
static int smaller(int a, int b)
{
    return a < b ? a : b;
}
static int larger(int a, int b)
{
    return a > b ? a : b;
}

static const struct mr_type *rounded_decimal(struct mr_arena *arena, const struct mr_type *type, int scale)
{
    int whole = type->precision - type->scale + 1;
    if (scale < 0)
        return mr_type_decimal(arena, smaller(larger(whole, -scale + 1), 38), 0);
    int kept = smaller(type->scale, scale);
    return mr_type_decimal(arena, smaller(whole + kept, 38), kept);
}

/* The scale, when given: a constant INT; *null when it is NULL. */
static int scale_argument(struct mr_resolve *r, int *scale, bool *null, struct mr_error *error)
{
    int64_t value = 0;
    *scale = 0;
    *null = false;
    if (r->count < 2)
        return MR_OK;
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    if (!r->arguments[1]->foldable)
        return mr_resolve_non_foldable(r, 1, "scale", error);
    MR_TRY(mr_resolve_constant_i64(r, 1, &value, null, error));
    *scale = (int)value;
    return MR_OK;
}

static int bind_rounding(struct mr_resolve *r, enum mode mode, int scale, mr_kernel kernel,
                         struct mr_error *error)
{
    struct rounding *rounding = MR_ARENA_NEW(r->builder->arena, struct rounding);
    if (!rounding)
        return mr_error_memory(error, sizeof *rounding);
    rounding->kernel = (struct mr_bound_kernel){kernel, MR_FN_NULL_IF_ANY};
    rounding->mode = mode;
    rounding->scale = scale;
    r->bound = rounding;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

/* round(x) is shown as round(x, 0). */
static int add_scale(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        return MR_OK;
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(r->builder->arena, const struct mr_expression *, 2);
    if (!arguments)
        return mr_error_memory(error, sizeof *arguments);
    arguments[0] = r->arguments[0];
    MR_TRY(mr_expression_i64(r->builder, mr_type_of(MR_INT), 0, &arguments[1], error));
    r->arguments = arguments;
    r->count = 2;
    return MR_OK;
}

static int resolve_rounding(struct mr_resolve *r, enum mode mode, struct mr_error *error)
{
    int scale = 0;
    bool null = false;
    MR_TRY(add_scale(r, error));
    MR_TRY(scale_argument(r, &scale, &null, error));
    const struct mr_expression *constant = r->arguments[1];
    MR_TRY(mr_resolve_signature(r, "na>1", error));
    r->arguments[1] = constant;
    const struct mr_type *type = r->arguments[0]->type;
    r->type = type->id == MR_DECIMAL ? rounded_decimal(r->builder->arena, type, scale) : type;
    if (null)
        return bind_rounding(r, mode, scale, all_null, error);
    mr_kernel kernel = round_decimals;
    switch (type->id) {
    case MR_TINYINT:
        kernel = scale >= 0 ? whole_i64 : round_i8;
        break;
    case MR_SMALLINT:
        kernel = scale >= 0 ? whole_i64 : round_i16;
        break;
    case MR_INT:
        kernel = scale >= 0 ? whole_i64 : round_i32;
        break;
    case MR_BIGINT:
        kernel = scale >= 0 ? whole_i64 : round_i64;
        break;
    case MR_FLOAT:
        kernel = round_f32;
        break;
    case MR_DOUBLE:
        kernel = round_f64;
        break;
    default:
        break;
    }
    return bind_rounding(r, mode, scale, kernel, error);
}

int mr_resolve_round(struct mr_resolve *r, struct mr_error *error)
{
    return resolve_rounding(r, HALF_UP, error);
}
int mr_resolve_bround(struct mr_resolve *r, struct mr_error *error)
{
    return resolve_rounding(r, HALF_EVEN, error);
}

static int resolve_whole(struct mr_resolve *r, enum mode mode, struct mr_error *error)
{
    MR_TRY(mr_resolve_signature(r, "n>1", error));
    const struct mr_type *type = r->arguments[0]->type;
    if (type->id == MR_DECIMAL) {
        int whole = type->precision - type->scale + 1;
        r->type = type->scale == 0 ? type : mr_type_decimal(r->builder->arena, smaller(whole, 38), 0);
        return bind_rounding(r, mode, 0, round_decimals, error);
    }
    bool integral = mr_type_is_integral(type);
    MR_TRY(mr_resolve_force(r, 0, mr_type_of(integral ? MR_BIGINT : MR_DOUBLE), error));
    r->type = mr_type_of(MR_BIGINT);
    return bind_rounding(r, mode, 0, integral ? whole_i64 : whole_f64, error);
}

static int resolve_to_scale(struct mr_resolve *r, enum mode mode, struct mr_error *error)
{
    int scale = 0;
    bool null = false;
    if (!r->arguments[1]->foldable) {
        mr_resolve_error(r, error, "NON_FOLDABLE_ARGUMENT", "The scale of `%s` must be a constant.", r->name);
        mr_error_parameter(error, "funcName", "`%s`", r->name);
        mr_error_parameter(error, "paramName", "`scale`");
        mr_error_parameter(error, "paramType", "\"INT\"");
        return error->code;
    }
    MR_TRY(scale_argument(r, &scale, &null, error));
    const struct mr_expression *constant = r->arguments[1];
    MR_TRY(mr_resolve_signature(r, "ca>1", error));
    r->arguments[1] = constant;
    r->type = rounded_decimal(r->builder->arena, r->arguments[0]->type, scale);
    return bind_rounding(r, mode, scale, null ? all_null : round_decimals, error);
}

int mr_resolve_ceil(struct mr_resolve *r, struct mr_error *error)
{
    return r->count == 1 ? resolve_whole(r, CEILING, error) : resolve_to_scale(r, CEILING, error);
}

int mr_resolve_floor(struct mr_resolve *r, struct mr_error *error)
{
    return r->count == 1 ? resolve_whole(r, FLOOR, error) : resolve_to_scale(r, FLOOR, error);
}
