/* expressions/datetime_fields.c: year, month, day, hour, … of dates, timestamps and intervals. */
#include "expressions/coercion.h"
#include "expressions/datetime_kernels.h"
#include "expressions/datetime_pattern.h"

MR_KERNEL(mr_datetime_year)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->i32[i] = (int32_t)c.year;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_quarter)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->i32[i] = (c.month + 2) / 3;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_month)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->i32[i] = c.month;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_day)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->i32[i] = c.day;
    }
    return MR_OK;
}

/* 0 Monday … 6 Sunday; 1970-01-01 was a Thursday. */
static int weekday(int64_t days)
{
    return (int)mr_floor_mod(days + 3, 7);
}

MR_KERNEL(mr_datetime_weekday)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = weekday(arguments[0]->i32[i]);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_dayofweek)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (weekday(arguments[0]->i32[i]) + 1) % 7 + 1;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_dayofweek_iso)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = weekday(arguments[0]->i32[i]) + 1;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_dayofyear)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->i32[i] = (int32_t)(arguments[0]->i32[i] - mr_days_from_civil(c.year, 1, 1) + 1);
    }
    return MR_OK;
}

/* ISO 8601: the week that holds the Thursday; its year is that Thursday's. */
static int64_t thursday(int64_t days)
{
    return days - weekday(days) + 3;
}

MR_KERNEL(mr_datetime_weekofyear)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t day = thursday(arguments[0]->i32[i]);
        mr_civil_from_days(day, &c);
        out->i32[i] = (int32_t)((day - mr_days_from_civil(c.year, 1, 1)) / 7 + 1);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_yearofweek)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(thursday(arguments[0]->i32[i]), &c);
        out->i32[i] = (int32_t)c.year;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_last_day)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->i32[i] = arguments[0]->i32[i] + mr_days_in_month(c.year, c.month) - c.day;
    }
    return MR_OK;
}

/* ---- of the time of day ---- */
#define TIME_FIELD(name, unit_us, modulus)                                                                   \
    MR_KERNEL(name)                                                                                          \
    {                                                                                                        \
        const struct mr_zone *zone = mr_zone_of(call, arguments[0]);                                         \
        MR_FOR_ROWS (i, rows, out->length) {                                                                 \
            int64_t in_day = mr_floor_mod(mr_local_us(zone, arguments[0]->i64[i]), MR_DAY_US);               \
            out->i32[i] = (int32_t)(in_day / (unit_us) % (modulus));                                         \
        }                                                                                                    \
        return MR_OK;                                                                                        \
    }
TIME_FIELD(mr_datetime_hour, 3600 * MR_SECOND_US, 24)
TIME_FIELD(mr_datetime_minute, 60 * MR_SECOND_US, 60)
TIME_FIELD(mr_datetime_second, MR_SECOND_US, 60)

MR_KERNEL(mr_datetime_second_fraction)
{
    const struct mr_zone *zone = mr_zone_of(call, arguments[0]);
    MR_FOR_ROWS (i, rows, out->length) {
        out->i64[i] = mr_floor_mod(mr_local_us(zone, arguments[0]->i64[i]), 60 * MR_SECOND_US);
    }
    return MR_OK;
}

/* ---- names ---- */
MR_KERNEL(mr_datetime_dayname)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->views[i] = mr_view_of(mr_weekday_names[weekday(arguments[0]->i32[i])], 3);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_monthname)
{
    struct mr_civil c;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_civil_from_days(arguments[0]->i32[i], &c);
        out->views[i] = mr_view_of(mr_month_names[c.month - 1], 3);
    }
    return MR_OK;
}

/* ---- of intervals: each field without those above it, with the interval's sign ---- */
MR_KERNEL(mr_datetime_interval_field)
{
    const struct mr_column *in = arguments[0];
    const char *field = call->expression->function->data;
    MR_FOR_ROWS (i, rows, out->length) {
        switch (*field) {
        case 'Y':
            out->i32[i] = in->i32[i] / 12;
            break;
        case 'M':
            out->i8[i] = (int8_t)(in->i32[i] % 12);
            break;
        case 'D':
            out->i32[i] = (int32_t)(in->i64[i] / MR_DAY_US);
            break;
        case 'h':
            out->i8[i] = (int8_t)(in->i64[i] / (3600 * MR_SECOND_US) % 24);
            break;
        case 'm':
            out->i8[i] = (int8_t)(in->i64[i] / (60 * MR_SECOND_US) % 60);
            break;
        default:
            out->i64[i] = in->i64[i] % (60 * MR_SECOND_US);
        }
    }
    return MR_OK;
}
