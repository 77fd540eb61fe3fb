/* expressions/cast_time.c: casts between dates, timestamps, intervals and numbers. */
#include <math.h>
#include <stdio.h>

#include "expressions/cast.h"
#include "expressions/coercion.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)

#define CONVERT(name)                                                                                        \
    static int name(const struct mr_cast *cast, const struct mr_session *session,                            \
                    const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,      \
                    struct mr_error *error)
#define UNUSED ((void)cast, (void)session, (void)error)

int64_t mr_interval_unit_us(int field)
{
    static const int64_t units[] = {DAY_US, 3600 * SECOND_US, 60 * SECOND_US, SECOND_US};
    return units[field];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- dates and timestamps ---- */
CONVERT(date_to_timestamp)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->i64[i] = mr_zone_to_utc(session->zone, in->i32[i] * DAY_US); });
    return MR_OK;
}
CONVERT(date_to_ntz)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->i64[i] = in->i32[i] * DAY_US; });
    return MR_OK;
}
CONVERT(timestamp_to_date)
{
    UNUSED;
    MR_ROWS(i, rows, out->length,
            { out->i32[i] = (int32_t)floor_div(mr_zone_to_local(session->zone, in->i64[i]), DAY_US); });
    return MR_OK;
}
CONVERT(ntz_to_date)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->i32[i] = (int32_t)floor_div(in->i64[i], DAY_US); });
    return MR_OK;
}
CONVERT(timestamp_to_ntz)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->i64[i] = mr_zone_to_local(session->zone, in->i64[i]); });
    return MR_OK;
}
CONVERT(ntz_to_timestamp)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->i64[i] = mr_zone_to_utc(session->zone, in->i64[i]); });
    return MR_OK;
}

/* ---- timestamps and numbers: seconds since 1970 ---- */
static int put_integer(const struct mr_cast *cast, struct mr_column *out, int64_t row, int64_t value,
                       const struct mr_column *in, const struct mr_session *session, struct mr_error *error)
{
    bool fits = true;
    switch (out->type->id) {
    case MR_TINYINT:
        fits = (out->i8[row] = (int8_t)value) == value;
        break;
    case MR_SMALLINT:
        fits = (out->i16[row] = (int16_t)value) == value;
        break;
    case MR_INT:
        fits = (out->i32[row] = (int32_t)value) == value;
        break;
    default:
        out->i64[row] = value;
        break;
    }
    if (fits)
        return MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    if (cast->from->id == MR_TIMESTAMP)
        mr_text_append_str(&text, "TIMESTAMP '");
    mr_value_text(&text, in, row, session->zone);
    if (cast->from->id == MR_TIMESTAMP)
        mr_text_append_str(&text, "'");
    int status = mr_cast_overflow(cast, out, row, text.data, error);
    mr_text_release(&text);
    return status;
}

CONVERT(timestamp_to_integer)
{
    MR_ROWS(i, rows, out->length,
            { MR_TRY(put_integer(cast, out, i, floor_div(in->i64[i], SECOND_US), in, session, error)); });
    return MR_OK;
}

static int put_decimal(const struct mr_cast *cast, struct mr_column *out, int64_t row, mr_i128 value,
                       int scale, struct mr_error *error)
{
    mr_i128 unscaled = 0;
    if (!mr_decimal_rescale(value, scale, cast->to->scale, cast->to->precision, &unscaled)) {
        char text[48];
        text[mr_decimal_text(value, scale, text)] = 0;
        return mr_cast_decimal_overflow(cast, out, row, text, error);
    }
    mr_decimal_put(out, row, unscaled);
    return MR_OK;
}

CONVERT(timestamp_to_fraction)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        if (out->type->id == MR_DECIMAL)
            MR_TRY(put_decimal(cast, out, i, in->i64[i], 6, error));
        else if (out->type->id == MR_FLOAT)
            out->f32[i] = (float)((double)in->i64[i] / 1e6);
        else
            out->f64[i] = (double)in->i64[i] / 1e6;
    });
    return MR_OK;
}

/* Beyond the range it stays at the bound, as java.util.concurrent.TimeUnit does. */
static int64_t saturate(mr_i128 value)
{
    if (value > INT64_MAX)
        return INT64_MAX;
    return value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

CONVERT(integer_to_timestamp)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, { out->i64[i] = saturate((mr_i128)mr_integer_at(in, i) * SECOND_US); });
    return MR_OK;
}

CONVERT(fraction_to_timestamp)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        double value = 0;
        if (in->type->id == MR_DECIMAL) {
            mr_i128 scale = mr_decimal_power(in->type->scale);
            mr_i128 unscaled = mr_decimal_at(in, i);
            mr_i128 whole = unscaled / scale;
            mr_i128 rest = unscaled % scale;
            /* Digits beyond the microsecond are cut off. */
            rest = in->type->scale >= 6 ? rest / mr_decimal_power(in->type->scale - 6)
                                        : rest * mr_decimal_power(6 - in->type->scale);
            /* Beyond 64 bits the upper ones are lost, as in Spark. */
            out->i64[i] = (int64_t)((mr_u128)whole * (mr_u128)SECOND_US + (mr_u128)rest);
            continue;
        }
        value = in->type->id == MR_FLOAT ? (double)in->f32[i] : in->f64[i];
        if (!isfinite(value)) {
            char text[32];
            size_t size = mr_double_text(value, text);
            MR_TRY(mr_cast_invalid(cast, out, i, (struct mr_str){text, size}, error));
            continue;
        }
        if (value * 1e6 >= 0x1p63 || value * 1e6 < -0x1p63) {
            char text[40];
            size_t size = mr_double_text(value, text);
            memcpy(text + size, "D", 2);
            MR_TRY(mr_cast_overflow(cast, out, i, text, error));
            continue;
        }
        out->i64[i] = (int64_t)(value * 1e6);
    });
    return MR_OK;
}

/* ---- intervals ---- */
/* What one of the interval type's last field is in the stored unit. */
static int64_t interval_unit(const struct mr_type *type)
{
    int last = mr_type_interval_last(type);
    if (type->id == MR_INTERVAL_YEAR_MONTH)
        return last == 0 ? 12 : 1;
    return mr_interval_unit_us(last);
}

CONVERT(interval_to_number)
{
    int64_t unit = interval_unit(cast->from);
    MR_ROWS(i, rows, out->length, {
        int64_t value = cast->from->id == MR_INTERVAL_YEAR_MONTH ? in->i32[i] : in->i64[i];
        if (out->type->id != MR_DECIMAL)
            MR_TRY(put_integer(cast, out, i, value / unit, in, session, error));
        else if (unit == SECOND_US)
            MR_TRY(put_decimal(cast, out, i, value, 6, error));
        else
            MR_TRY(put_decimal(cast, out, i, value / unit, 0, error));
    });
    return MR_OK;
}

CONVERT(number_to_interval)
{
    UNUSED;
    int64_t unit = interval_unit(cast->to);
    bool months = cast->to->id == MR_INTERVAL_YEAR_MONTH;
    MR_ROWS(i, rows, out->length, {
        mr_i128 value = in->type->id == MR_DECIMAL ? mr_decimal_at(in, i) : mr_integer_at(in, i);
        if (in->type->id == MR_DECIMAL) {
            mr_i128 scale = mr_decimal_power(in->type->scale);
            bool fits = value / scale < INT64_MAX && value / scale > INT64_MIN;
            mr_i128 rest = (value % scale) * 10 * unit / scale; /* one digit more, to round half up */
            rest = (rest + (rest < 0 ? -5 : 5)) / 10;
            value = fits ? value / scale * unit + rest : (mr_i128)INT64_MAX * 2;
        } else {
            value *= unit;
        }
        bool over =
            months ? (value > INT32_MAX || value < INT32_MIN) : (value > INT64_MAX || value < INT64_MIN);
        if (over) {
            struct mr_text text;
            mr_text_init(&text);
            mr_value_text(&text, in, i, session->zone);
            if (in->type->id == MR_BIGINT)
                mr_text_append_char(&text, 'L');
            int status = mr_cast_overflow(cast, out, i, text.data, error);
            mr_text_release(&text);
            MR_TRY(status);
        } else if (months) {
            out->i32[i] = (int32_t)value;
        } else {
            out->i64[i] = (int64_t)value;
        }
    });
    return MR_OK;
}

CONVERT(interval_to_interval)
{
    UNUSED;
    int64_t unit = interval_unit(cast->to);
    MR_ROWS(i, rows, out->length, {
        if (cast->to->id == MR_INTERVAL_YEAR_MONTH)
            out->i32[i] = in->i32[i] / (int32_t)unit * (int32_t)unit;
        else
            out->i64[i] = unit == SECOND_US ? in->i64[i] : in->i64[i] / unit * unit;
    });
    return MR_OK;
}

/* ---- choice ---- */
static mr_cast_convert with_interval(const struct mr_type *from, const struct mr_type *to)
{
    if (from->id == to->id)
        return interval_to_interval;
    bool from_interval = from->id == MR_INTERVAL_DAY_TIME || from->id == MR_INTERVAL_YEAR_MONTH;
    const struct mr_type *number = from_interval ? to : from;
    if (!mr_type_is_integral(number) && number->id != MR_DECIMAL)
        return NULL;
    return from_interval ? interval_to_number : number_to_interval;
}

static bool is_interval(const struct mr_type *type)
{
    return type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH;
}

mr_cast_convert mr_cast_choose_time(const struct mr_type *from, const struct mr_type *to, bool *total)
{
    *total = false;
    if (is_interval(from) || is_interval(to))
        return with_interval(from, to);
    bool fraction = to->id == MR_FLOAT || to->id == MR_DOUBLE || to->id == MR_DECIMAL;
    switch (from->id) {
    case MR_DATE:
        return to->id == MR_TIMESTAMP ? date_to_timestamp : to->id == MR_TIMESTAMP_NTZ ? date_to_ntz : NULL;
    case MR_TIMESTAMP_NTZ:
        return to->id == MR_TIMESTAMP ? ntz_to_timestamp : to->id == MR_DATE ? ntz_to_date : NULL;
    case MR_TIMESTAMP:
        if (to->id == MR_DATE)
            return timestamp_to_date;
        if (to->id == MR_TIMESTAMP_NTZ)
            return timestamp_to_ntz;
        return mr_type_is_integral(to) ? timestamp_to_integer : fraction ? timestamp_to_fraction : NULL;
    default:
        if (to->id != MR_TIMESTAMP || !mr_type_is_numeric(from))
            return NULL;
        return mr_type_is_integral(from) ? integer_to_timestamp : fraction_to_timestamp;
    }
}
