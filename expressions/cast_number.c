/* expressions/cast_number.c: casts between numbers and booleans. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expressions/cast.h"

#define CONVERT(name)                                                                                        \
    static int name(const struct mr_cast *cast, const struct mr_session *session,                            \
                    const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,      \
                    struct mr_error *error)
#define UNUSED ((void)cast, (void)session, (void)error)

/* As Java narrows integers. */
static int wrap(struct mr_column *out, int64_t row, int64_t value)
{
    if (out->type->id == MR_TINYINT)
        out->i8[row] = (int8_t)value;
    else if (out->type->id == MR_SMALLINT)
        out->i16[row] = (int16_t)value;
    else if (out->type->id == MR_INT)
        out->i32[row] = (int32_t)value;
    else
        out->i64[row] = value;
    return MR_OK;
}

/* As Java makes an integer of a float: cut to INT's or BIGINT's bounds, then narrowed. */
static int64_t saturated(const struct mr_column *out, double value)
{
    bool wide = out->type->id == MR_BIGINT;
    if (isnan(value))
        return 0;
    if (value < 0)
        return wide ? INT64_MIN : value <= INT32_MIN ? INT32_MIN : (int64_t)value;
    return wide ? INT64_MAX : value >= INT32_MAX ? INT32_MAX : (int64_t)value;
}

static int overflow_i64(const struct mr_cast *cast, struct mr_column *out, int64_t row, int64_t value,
                        struct mr_error *error)
{
    if (cast->wraps)
        return wrap(out, row, value);
    static const char *const suffixes[] = {
        [MR_TINYINT] = "Y", [MR_SMALLINT] = "S", [MR_INT] = "", [MR_BIGINT] = "L"};
    char text[32];
    snprintf(text, sizeof text, "%lld%s", (long long)value, suffixes[cast->from->id]);
    return mr_cast_overflow(cast, out, row, text, error);
}

static int overflow_f64(const struct mr_cast *cast, struct mr_column *out, int64_t row, double value,
                        struct mr_error *error)
{
    if (cast->wraps)
        return wrap(out, row, saturated(out, value));
    char text[40];
    size_t size =
        cast->from->id == MR_FLOAT ? mr_float_text((float)value, text) : mr_double_text(value, text);
    if (cast->from->id == MR_DOUBLE && isfinite(value))
        text[size++] = 'D';
    text[size] = 0;
    return mr_cast_overflow(cast, out, row, text, error);
}

/* ---- integers, floats and booleans among each other ---- */
#define PLAIN(name, from_field, to_field, to_type)                                                           \
    CONVERT(name)                                                                                            \
    {                                                                                                        \
        UNUSED;                                                                                              \
        MR_ROWS(i, rows, out->length, { out->to_field[i] = (to_type)in->from_field[i]; });                   \
        return MR_OK;                                                                                        \
    }
#define NARROW(name, from_field, to_field, to_type, least, most)                                             \
    CONVERT(name)                                                                                            \
    {                                                                                                        \
        UNUSED;                                                                                              \
        MR_ROWS(i, rows, out->length, {                                                                      \
            int64_t value = in->from_field[i];                                                               \
            if (value < (least) || value > (most)) {                                                         \
                MR_TRY(overflow_i64(cast, out, i, value, error));                                            \
                continue;                                                                                    \
            }                                                                                                \
            out->to_field[i] = (to_type)value;                                                               \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
/* Java's conversion after Spark's check: what lies beyond by less than one is let in, and cut to the bound.
 */
#define FROM_FLOAT(name, from_field, to_field, to_type, least, most)                                         \
    CONVERT(name)                                                                                            \
    {                                                                                                        \
        UNUSED;                                                                                              \
        MR_ROWS(i, rows, out->length, {                                                                      \
            double value = in->from_field[i];                                                                \
            if (!(floor(value) <= (double)(most) && ceil(value) >= (double)(least))) {                       \
                MR_TRY(overflow_f64(cast, out, i, value, error));                                            \
                continue;                                                                                    \
            }                                                                                                \
            out->to_field[i] = value >= (double)(most) ? (to_type)(most) : (to_type)value;                   \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
#define TO_BOOLEAN(name, from_field)                                                                         \
    CONVERT(name)                                                                                            \
    {                                                                                                        \
        UNUSED;                                                                                              \
        MR_ROWS(i, rows, out->length, { out->booleans[i] = in->from_field[i] != 0; });                       \
        return MR_OK;                                                                                        \
    }

PLAIN(u8_to_i8, booleans, i8, int8_t)
PLAIN(u8_to_i16, booleans, i16, int16_t)
PLAIN(u8_to_i32, booleans, i32, int32_t)
PLAIN(u8_to_i64, booleans, i64, int64_t)
PLAIN(u8_to_f32, booleans, f32, float)
PLAIN(u8_to_f64, booleans, f64, double)
PLAIN(i8_to_i16, i8, i16, int16_t)
PLAIN(i8_to_i32, i8, i32, int32_t)
PLAIN(i8_to_i64, i8, i64, int64_t)
PLAIN(i8_to_f32, i8, f32, float)
PLAIN(i8_to_f64, i8, f64, double)
PLAIN(i16_to_i32, i16, i32, int32_t)
PLAIN(i16_to_i64, i16, i64, int64_t)
PLAIN(i16_to_f32, i16, f32, float)
PLAIN(i16_to_f64, i16, f64, double)
PLAIN(i32_to_i64, i32, i64, int64_t)
PLAIN(i32_to_f32, i32, f32, float)
PLAIN(i32_to_f64, i32, f64, double)
PLAIN(i64_to_f32, i64, f32, float)
PLAIN(i64_to_f64, i64, f64, double)
PLAIN(f32_to_f64, f32, f64, double)
PLAIN(f64_to_f32, f64, f32, float)
NARROW(i16_to_i8, i16, i8, int8_t, INT8_MIN, INT8_MAX)
NARROW(i32_to_i8, i32, i8, int8_t, INT8_MIN, INT8_MAX)
NARROW(i64_to_i8, i64, i8, int8_t, INT8_MIN, INT8_MAX)
NARROW(i32_to_i16, i32, i16, int16_t, INT16_MIN, INT16_MAX)
NARROW(i64_to_i16, i64, i16, int16_t, INT16_MIN, INT16_MAX)
NARROW(i64_to_i32, i64, i32, int32_t, INT32_MIN, INT32_MAX)
FROM_FLOAT(f32_to_i8, f32, i8, int8_t, INT8_MIN, INT8_MAX)
FROM_FLOAT(f32_to_i16, f32, i16, int16_t, INT16_MIN, INT16_MAX)
FROM_FLOAT(f32_to_i32, f32, i32, int32_t, INT32_MIN, INT32_MAX)
FROM_FLOAT(f32_to_i64, f32, i64, int64_t, INT64_MIN, INT64_MAX)
FROM_FLOAT(f64_to_i8, f64, i8, int8_t, INT8_MIN, INT8_MAX)
FROM_FLOAT(f64_to_i16, f64, i16, int16_t, INT16_MIN, INT16_MAX)
FROM_FLOAT(f64_to_i32, f64, i32, int32_t, INT32_MIN, INT32_MAX)
FROM_FLOAT(f64_to_i64, f64, i64, int64_t, INT64_MIN, INT64_MAX)
TO_BOOLEAN(i8_to_boolean, i8)
TO_BOOLEAN(i16_to_boolean, i16)
TO_BOOLEAN(i32_to_boolean, i32)
TO_BOOLEAN(i64_to_boolean, i64)
TO_BOOLEAN(f32_to_boolean, f32)
TO_BOOLEAN(f64_to_boolean, f64)

/* ---- decimals ---- */
CONVERT(integer_to_decimal)
{
    UNUSED;
    const mr_i128 scale = mr_decimal_power(cast->to->scale);
    const mr_i128 bound = mr_decimal_power(cast->to->precision - cast->to->scale);
    MR_ROWS(i, rows, out->length, {
        int64_t value = mr_integer_at(in, i);
        if (value >= bound || value <= -bound) {
            char text[24];
            snprintf(text, sizeof text, "%lld", (long long)value);
            MR_TRY(mr_cast_decimal_overflow(cast, out, i, text, error));
            continue;
        }
        mr_decimal_put(out, i, value * scale);
    });
    return MR_OK;
}

/* The type has room for every value of the integral one. */
CONVERT(integer_to_roomy_decimal)
{
    UNUSED;
    const mr_i128 scale = mr_decimal_power(cast->to->scale);
    if (in->type->id == MR_BIGINT && mr_type_is_long_decimal(out->type)) {
        MR_ROWS(i, rows, out->length, { out->i128[i] = (mr_i128)((mr_u128)in->i64[i] * (mr_u128)scale); });
    } else if (in->type->id == MR_INT && !mr_type_is_long_decimal(out->type)) {
        MR_ROWS(i, rows, out->length, { out->i64[i] = in->i32[i] * (int64_t)scale; });
    } else {
        MR_ROWS(i, rows, out->length, { mr_decimal_put(out, i, mr_integer_at(in, i) * scale); });
    }
    return MR_OK;
}

/* The digits of a double without exponent, as Java's BigDecimal.toPlainString. */
static void plain_text(double value, char *out, size_t out_size)
{
    char text[32], digits[32];
    size_t size = mr_double_text(value, text), count = 0;
    char *e = memchr(text, 'E', size);
    text[size] = 0;
    int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
    if (!e || exponent < 0 || exponent > 400) {
        snprintf(out, out_size, "%s", text);
        return;
    }
    const char *sign = *text == '-' ? "-" : "";
    for (char *c = text; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    int zeros = exponent + 1 - (int)count;
    if (zeros < 0) {
        snprintf(out, out_size, "%s%.*s.%.*s", sign, exponent + 1, digits, -zeros, digits + exponent + 1);
        return;
    }
    int written = snprintf(out, out_size, "%s%.*s", sign, (int)count, digits);
    for (; zeros > 0 && written + 1 < (int)out_size; zeros--)
        out[written++] = '0';
    out[written] = 0;
}

CONVERT(float_to_decimal)
{
    UNUSED;
    bool is_float = in->type->id == MR_FLOAT;
    MR_ROWS(i, rows, out->length, {
        double value = is_float ? in->f32[i] : in->f64[i];
        mr_i128 unscaled = 0;
        if (!isfinite(value)) {
            MR_TRY(mr_column_set_null(out, i, error));
        } else if (!mr_decimal_from_double(value, cast->to->precision, cast->to->scale, &unscaled)) {
            char text[420];
            plain_text(value, text, sizeof text);
            MR_TRY(mr_cast_decimal_overflow(cast, out, i, text, error));
        } else {
            mr_decimal_put(out, i, unscaled);
        }
    });
    return MR_OK;
}

CONVERT(decimal_to_decimal)
{
    UNUSED;
    int from_scale = cast->from->scale, to_scale = cast->to->scale, precision = cast->to->precision;
    MR_ROWS(i, rows, out->length, {
        mr_i128 value = mr_decimal_at(in, i);
        mr_i128 rescaled = 0;
        if (!mr_decimal_rescale(value, from_scale, to_scale, precision, &rescaled)) {
            char text[48];
            text[mr_decimal_text(value, from_scale, text)] = 0;
            MR_TRY(mr_cast_decimal_overflow(cast, out, i, text, error));
            continue;
        }
        mr_decimal_put(out, i, rescaled);
    });
    return MR_OK;
}

/* Short decimals that gain digits cannot fail: one multiplication a row. */
CONVERT(decimal_widen)
{
    UNUSED;
    const int64_t factor = (int64_t)mr_decimal_power(cast->to->scale - cast->from->scale);
    MR_ROWS(i, rows, out->length, { out->i64[i] = (int64_t)((uint64_t)in->i64[i] * (uint64_t)factor); });
    return MR_OK;
}

static void integer_bounds(enum mr_type_id id, mr_i128 *least, mr_i128 *most)
{
    int bits = id == MR_TINYINT ? 7 : id == MR_SMALLINT ? 15 : id == MR_INT ? 31 : 63;
    *most = ((mr_i128)1 << bits) - 1;
    *least = -*most - 1;
}

CONVERT(decimal_to_integer)
{
    UNUSED;
    const mr_i128 scale = mr_decimal_power(cast->from->scale);
    mr_i128 least, most;
    integer_bounds(cast->to->id, &least, &most);
    MR_ROWS(i, rows, out->length, {
        mr_i128 value = mr_decimal_at(in, i);
        mr_i128 whole = value / scale;
        if (whole < least || whole > most) {
            char text[56];
            size_t size = mr_decimal_text(value, cast->from->scale, text);
            memcpy(text + size, "BD", 3);
            MR_TRY(mr_cast_overflow(cast, out, i, text, error));
            continue;
        }
        switch (cast->to->id) {
        case MR_TINYINT:
            out->i8[i] = (int8_t)whole;
            break;
        case MR_SMALLINT:
            out->i16[i] = (int16_t)whole;
            break;
        case MR_INT:
            out->i32[i] = (int32_t)whole;
            break;
        default:
            out->i64[i] = (int64_t)whole;
            break;
        }
    });
    return MR_OK;
}

CONVERT(decimal_to_float)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        double value = mr_decimal_to_double(mr_decimal_at(in, i), cast->from->scale);
        if (out->type->id == MR_FLOAT)
            out->f32[i] = (float)value;
        else
            out->f64[i] = value;
    });
    return MR_OK;
}

CONVERT(decimal_to_boolean)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->booleans[i] = mr_decimal_at(in, i) != 0; });
    return MR_OK;
}

/* ---- choice ---- */
static mr_cast_convert with_decimal(const struct mr_type *from, const struct mr_type *to, bool *total)
{
    if (to->id != MR_DECIMAL) {
        *total = to->id == MR_FLOAT || to->id == MR_DOUBLE || to->id == MR_BOOLEAN;
        if (to->id == MR_BOOLEAN)
            return decimal_to_boolean;
        return *total ? decimal_to_float : decimal_to_integer;
    }
    if (from->id == MR_DECIMAL) {
        bool widens = to->scale >= from->scale && to->precision - to->scale >= from->precision - from->scale;
        *total = widens && to->precision <= 18;
        return *total ? decimal_widen : decimal_to_decimal;
    }
    if (from->id == MR_FLOAT || from->id == MR_DOUBLE)
        return float_to_decimal;
    int digits = from->id == MR_TINYINT    ? 3
                 : from->id == MR_SMALLINT ? 5
                 : from->id == MR_INT      ? 10
                 : from->id == MR_BIGINT   ? 19
                                           : 1;
    *total = to->precision - to->scale >= digits;
    return *total ? integer_to_roomy_decimal : integer_to_decimal;
}

mr_cast_convert mr_cast_choose_number(const struct mr_type *from, const struct mr_type *to, bool *total)
{
    static const struct {
        mr_cast_convert convert;
        bool total;
    } plain[MR_DOUBLE + 1][MR_DOUBLE + 1] = {
        [MR_BOOLEAN] = {[MR_TINYINT] = {u8_to_i8, 1},
                        [MR_SMALLINT] = {u8_to_i16, 1},
                        [MR_INT] = {u8_to_i32, 1},
                        [MR_BIGINT] = {u8_to_i64, 1},
                        [MR_FLOAT] = {u8_to_f32, 1},
                        [MR_DOUBLE] = {u8_to_f64, 1}},
        [MR_TINYINT] = {[MR_SMALLINT] = {i8_to_i16, 1},
                        [MR_INT] = {i8_to_i32, 1},
                        [MR_BIGINT] = {i8_to_i64, 1},
                        [MR_FLOAT] = {i8_to_f32, 1},
                        [MR_DOUBLE] = {i8_to_f64, 1},
                        [MR_BOOLEAN] = {i8_to_boolean, 1}},
        [MR_SMALLINT] = {[MR_TINYINT] = {i16_to_i8, 0},
                         [MR_INT] = {i16_to_i32, 1},
                         [MR_BIGINT] = {i16_to_i64, 1},
                         [MR_FLOAT] = {i16_to_f32, 1},
                         [MR_DOUBLE] = {i16_to_f64, 1},
                         [MR_BOOLEAN] = {i16_to_boolean, 1}},
        [MR_INT] = {[MR_TINYINT] = {i32_to_i8, 0},
                    [MR_SMALLINT] = {i32_to_i16, 0},
                    [MR_BIGINT] = {i32_to_i64, 1},
                    [MR_FLOAT] = {i32_to_f32, 1},
                    [MR_DOUBLE] = {i32_to_f64, 1},
                    [MR_BOOLEAN] = {i32_to_boolean, 1}},
        [MR_BIGINT] = {[MR_TINYINT] = {i64_to_i8, 0},
                       [MR_SMALLINT] = {i64_to_i16, 0},
                       [MR_INT] = {i64_to_i32, 0},
                       [MR_FLOAT] = {i64_to_f32, 1},
                       [MR_DOUBLE] = {i64_to_f64, 1},
                       [MR_BOOLEAN] = {i64_to_boolean, 1}},
        [MR_FLOAT] = {[MR_TINYINT] = {f32_to_i8, 0},
                      [MR_SMALLINT] = {f32_to_i16, 0},
                      [MR_INT] = {f32_to_i32, 0},
                      [MR_BIGINT] = {f32_to_i64, 0},
                      [MR_DOUBLE] = {f32_to_f64, 1},
                      [MR_BOOLEAN] = {f32_to_boolean, 1}},
        [MR_DOUBLE] = {[MR_TINYINT] = {f64_to_i8, 0},
                       [MR_SMALLINT] = {f64_to_i16, 0},
                       [MR_INT] = {f64_to_i32, 0},
                       [MR_BIGINT] = {f64_to_i64, 0},
                       [MR_FLOAT] = {f64_to_f32, 1},
                       [MR_BOOLEAN] = {f64_to_boolean, 1}},
    };
    bool from_number = from->id == MR_BOOLEAN || mr_type_is_numeric(from);
    bool to_number = to->id == MR_BOOLEAN || mr_type_is_numeric(to);
    *total = false;
    if (!from_number || !to_number)
        return NULL;
    if (from->id == MR_DECIMAL || to->id == MR_DECIMAL)
        return with_decimal(from, to, total);
    *total = plain[from->id][to->id].total;
    return plain[from->id][to->id].convert;
}
