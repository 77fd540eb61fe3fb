/* expressions/datetime_convert.c: dates and timestamps from numbers and fields, zones, and the current time.
 */
#include <math.h>

#include "expressions/datetime_kernels.h"

static int64_t unit_of(const struct mr_call *call)
{
    return *(const int64_t *)call->expression->function->data;
}

static int overflow(struct mr_error *error)
{
    return mr_row_error(error, "DATETIME_OVERFLOW", "A number is too large for a timestamp.");
}

MR_KERNEL(mr_datetime_seconds_i64)
{
    int64_t unit = unit_of(call);
    MR_FOR_ROWS (i, rows, out->length) {
        if (__builtin_mul_overflow(arguments[0]->i64[i], unit, &out->i64[i]))
            return overflow(error);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_seconds_f64)
{
    MR_FOR_ROWS (i, rows, out->length) {
        double micros = arguments[0]->f64[i] * 1e6;
        if (!isfinite(micros))
            MR_TRY(mr_column_set_null(out, i, error));
        else
            out->i64[i] = micros >= 9.2e18 ? INT64_MAX : micros <= -9.2e18 ? INT64_MIN : (int64_t)micros;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_seconds_decimal)
{
    int scale = arguments[0]->type->scale;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_i128 value = mr_decimal_at(arguments[0], i), micros;
        if (scale > 6) {
            if (value % mr_decimal_power(scale - 6) != 0)
                return mr_row_error(
                    error, "ARITHMETIC_OVERFLOW",
                    "timestamp_seconds was given parts of a microsecond, which it does not round.");
            value /= mr_decimal_power(scale - 6);
            micros = value;
        } else if (__builtin_mul_overflow(value, mr_decimal_power(6 - scale), &micros)) {
            return overflow(error);
        }
        if (micros != (int64_t)micros)
            return overflow(error);
        out->i64[i] = (int64_t)micros;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_unix)
{
    int64_t unit = unit_of(call);
    const struct mr_zone *zone = arguments[0]->type->id == MR_TIMESTAMP_NTZ ? call->session->zone : NULL;
    MR_FOR_ROWS (i, rows, out->length) {
        out->i64[i] = mr_floor_div(mr_instant_us(zone, arguments[0]->i64[i]), unit);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_copy_i32)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = arguments[0]->i32[i];
    }
    return MR_OK;
}

/* ---- zones ---- */
/* The zone of a text; the same text as the time before costs nothing. */
static int zone_of_text(struct mr_str id, struct mr_str *last, const struct mr_zone **zone,
                        struct mr_error *error)
{
    if (last->data && mr_str_equal(id, *last))
        return MR_OK;
    MR_TRY(mr_zone_find(id, zone, error));
    *last = id;
    return MR_OK;
}

static int shift(struct mr_column *const *arguments, const struct mr_selection *rows, struct mr_column *out,
                 bool to_utc, struct mr_error *error)
{
    struct mr_str last = {NULL, 0};
    const struct mr_zone *zone = NULL;
    MR_FOR_ROWS (i, rows, out->length) {
        MR_TRY(zone_of_text(mr_string_at(arguments[1], i), &last, &zone, error));
        int64_t micros = arguments[0]->i64[i];
        out->i64[i] = to_utc ? mr_zone_to_utc(zone, micros) : mr_zone_to_local(zone, micros);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_from_utc)
{
    return shift(arguments, rows, out, false, error);
}
MR_KERNEL(mr_datetime_to_utc)
{
    return shift(arguments, rows, out, true, error);
}

/* (from zone, to zone, NTZ) */
MR_KERNEL(mr_datetime_convert_timezone)
{
    struct mr_str last_from = {NULL, 0}, last_to = {NULL, 0};
    const struct mr_zone *from = NULL, *to = NULL;
    MR_FOR_ROWS (i, rows, out->length) {
        MR_TRY(zone_of_text(mr_string_at(arguments[0], i), &last_from, &from, error));
        MR_TRY(zone_of_text(mr_string_at(arguments[1], i), &last_to, &to, error));
        out->i64[i] = mr_zone_to_local(to, mr_zone_to_utc(from, arguments[2]->i64[i]));
    }
    return MR_OK;
}

/* ---- from fields ---- */
static int out_of_bounds(const char *field, int64_t value, int64_t low, int64_t high, struct mr_error *error)
{
    mr_row_error(error, "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION",
                 "Invalid value for %s (valid values %lld - %lld): %lld.", field, (long long)low,
                 (long long)high, (long long)value);
    mr_error_parameter(error, "rangeMessage", "Invalid value for %s (valid values %lld - %lld): %lld", field,
                       (long long)low, (long long)high, (long long)value);
    mr_error_parameter(error, "ansiConfig", "%s", "\"spark.sql.ansi.enabled\"");
    return error->code;
}

static int check_date(int64_t year, int32_t month, int32_t day, int64_t *days, struct mr_error *error)
{
    if (year < -290307 || year > 294247)
        return out_of_bounds("Year", year, -290307, 294247, error);
    if (month < 1 || month > 12)
        return out_of_bounds("MonthOfYear", month, 1, 12, error);
    if (day < 1 || day > mr_days_in_month(year, month))
        return out_of_bounds("DayOfMonth", day, 1, mr_days_in_month(year, month), error);
    *days = mr_days_from_civil(year, month, day);
    return MR_OK;
}

MR_KERNEL(mr_datetime_make_date)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t days = 0;
        MR_TRY(check_date(arguments[0]->i32[i], arguments[1]->i32[i], arguments[2]->i32[i], &days, error));
        out->i32[i] = (int32_t)days;
    }
    return MR_OK;
}

/* Seconds are DECIMAL(16,6); 60 is taken for the next minute's 0. */
static int local_of_fields(struct mr_column *const *arguments, int64_t i, int64_t *local,
                           struct mr_error *error)
{
    int32_t hour = arguments[3]->i32[i], minute = arguments[4]->i32[i];
    int64_t second_us = arguments[5]->i64[i], days = 0;
    MR_TRY(check_date(arguments[0]->i32[i], arguments[1]->i32[i], arguments[2]->i32[i], &days, error));
    if (hour < 0 || hour > 23)
        return out_of_bounds("HourOfDay", hour, 0, 23, error);
    if (minute < 0 || minute > 59)
        return out_of_bounds("MinuteOfHour", minute, 0, 59, error);
    if (second_us > 60 * MR_SECOND_US && second_us < 61 * MR_SECOND_US)
        return mr_row_error(error, "INVALID_FRACTION_OF_SECOND",
                            "Seconds go from 0 to 60. `try_make_timestamp` gives NULL instead.");
    if (second_us < 0 || second_us > 60 * MR_SECOND_US)
        return out_of_bounds("SecondOfMinute", mr_floor_div(second_us, MR_SECOND_US), 0, 59, error);
    *local = days * MR_DAY_US + (hour * 3600LL + minute * 60LL) * MR_SECOND_US + second_us;
    return MR_OK;
}

MR_KERNEL(mr_datetime_make_timestamp)
{
    bool tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    bool zoned = call->expression->argument_count > 6;
    struct mr_str last = {NULL, 0};
    const struct mr_zone *zone = mr_zone_of(call, out);
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t local = 0;
        int status = zoned ? zone_of_text(mr_string_at(arguments[6], i), &last, &zone, error) : MR_OK;
        if (status >= 0)
            status = local_of_fields(arguments, i, &local, error);
        if (status >= 0) {
            out->i64[i] = mr_instant_us(zone, local);
        } else if (tolerate && status != MR_E_MEMORY) {
            mr_error_clear(error);
            MR_TRY(mr_column_set_null(out, i, error));
        } else {
            return status;
        }
    }
    return MR_OK;
}

static int interval_overflow(struct mr_error *error)
{
    return mr_row_error(error, "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
                        "An interval is too long for its type.");
}

/* (days, hours, minutes, DECIMAL(18,6) seconds) */
MR_KERNEL(mr_datetime_make_dt_interval)
{
    static const int64_t units[] = {MR_DAY_US, 3600 * MR_SECOND_US, 60 * MR_SECOND_US};
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t sum = arguments[3]->i64[i], part;
        for (int k = 0; k < 3; k++)
            if (__builtin_mul_overflow((int64_t)arguments[k]->i32[i], units[k], &part) ||
                __builtin_add_overflow(sum, part, &sum))
                return interval_overflow(error);
        out->i64[i] = sum;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_make_ym_interval)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t months = arguments[0]->i32[i] * 12LL + arguments[1]->i32[i];
        if (months != (int32_t)months)
            return interval_overflow(error);
        out->i32[i] = (int32_t)months;
    }
    return MR_OK;
}

/* ---- the time of the batch ---- */
MR_KERNEL(mr_datetime_now)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i64[i] = call->session->batch_time_us;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_local_now)
{
    int64_t local = mr_zone_to_local(call->session->zone, call->session->batch_time_us);
    MR_FOR_ROWS (i, rows, out->length) {
        out->i64[i] = local;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_today)
{
    int64_t local = mr_zone_to_local(call->session->zone, call->session->batch_time_us);
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (int32_t)mr_floor_div(local, MR_DAY_US);
    }
    return MR_OK;
}
