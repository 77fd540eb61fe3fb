/* expressions/datetime_kernels.h: kernels of the date and time functions; the table is in
 * functions_datetime.c. */
#ifndef MR_EXPRESSIONS_DATETIME_KERNELS_H
#define MR_EXPRESSIONS_DATETIME_KERNELS_H

#include "expressions/datetime_format.h"
#include "expressions/function_tools.h"

#define MR_DAY_US 86400000000LL
#define MR_SECOND_US 1000000LL

static inline int64_t mr_floor_div(int64_t a, int64_t b)
{
    return a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
}
static inline int64_t mr_floor_mod(int64_t a, int64_t b)
{
    return a - mr_floor_div(a, b) * b;
}
/* TIMESTAMP -> local time; TIMESTAMP_NTZ is local already: zone NULL. */
static inline int64_t mr_local_us(const struct mr_zone *zone, int64_t micros)
{
    return zone ? mr_zone_to_local(zone, micros) : micros;
}
static inline int64_t mr_instant_us(const struct mr_zone *zone, int64_t local_us)
{
    return zone ? mr_zone_to_utc(zone, local_us) : local_us;
}
/* The session's zone for a TIMESTAMP column, NULL for TIMESTAMP_NTZ. */
static inline const struct mr_zone *mr_zone_of(const struct mr_call *call, const struct mr_column *column)
{
    return column->type->id == MR_TIMESTAMP ? call->session->zone : NULL;
}
/* Months added to a date or local time; the day is cut to the month's last. */
int64_t mr_days_add_months(int64_t days, int64_t months);
int64_t mr_local_add_months(int64_t local_us, int64_t months);

/* datetime_fields.c: (DATE) -> INT, but for the time's */
MR_KERNEL(mr_datetime_year);
MR_KERNEL(mr_datetime_quarter);
MR_KERNEL(mr_datetime_month);
MR_KERNEL(mr_datetime_day);
MR_KERNEL(mr_datetime_dayofweek);     /* 1 Sunday … 7 */
MR_KERNEL(mr_datetime_dayofweek_iso); /* 1 Monday … 7 */
MR_KERNEL(mr_datetime_weekday);       /* 0 Monday … 6 */
MR_KERNEL(mr_datetime_dayofyear);
MR_KERNEL(mr_datetime_weekofyear);
MR_KERNEL(mr_datetime_yearofweek);
MR_KERNEL(mr_datetime_hour); /* (TIMESTAMP or NTZ) */
MR_KERNEL(mr_datetime_minute);
MR_KERNEL(mr_datetime_second);
MR_KERNEL(mr_datetime_second_fraction); /* DECIMAL(8,6) */
MR_KERNEL(mr_datetime_dayname);
MR_KERNEL(mr_datetime_monthname);
MR_KERNEL(mr_datetime_interval_field); /* (interval); which one is in bound */
MR_KERNEL(mr_datetime_last_day);

/* datetime_arithmetic.c */
MR_KERNEL(mr_datetime_date_add);
MR_KERNEL(mr_datetime_date_sub);
MR_KERNEL(mr_datetime_datediff);
MR_KERNEL(mr_datetime_add_months);
MR_KERNEL(mr_datetime_months_between);
MR_KERNEL(mr_datetime_next_day);
MR_KERNEL(mr_datetime_trunc);      /* (DATE, unit) */
MR_KERNEL(mr_datetime_date_trunc); /* (unit, TIMESTAMP) */
MR_KERNEL(mr_datetime_time_bucket);
MR_KERNEL(mr_datetime_timestampadd);  /* (unit, BIGINT, TIMESTAMP or NTZ) */
MR_KERNEL(mr_datetime_timestampdiff); /* (unit, start, end) */
/* Is it a unit of timestampadd? */
bool mr_datetime_is_unit(struct mr_str text);

/* datetime_convert.c */
MR_KERNEL(mr_datetime_seconds_i64); /* BIGINT of some unit -> TIMESTAMP; the unit's microseconds are the
                                       function's data */
MR_KERNEL(mr_datetime_seconds_f64);
MR_KERNEL(mr_datetime_seconds_decimal);
MR_KERNEL(mr_datetime_unix);     /* TIMESTAMP -> BIGINT of some unit */
MR_KERNEL(mr_datetime_copy_i32); /* DATE <-> INT */
MR_KERNEL(mr_datetime_from_utc);
MR_KERNEL(mr_datetime_to_utc);
MR_KERNEL(mr_datetime_convert_timezone);
MR_KERNEL(mr_datetime_make_date);
MR_KERNEL(mr_datetime_make_timestamp); /* (y, m, d, h, m, DECIMAL(16,6) [, zone]) */
MR_KERNEL(mr_datetime_make_dt_interval);
MR_KERNEL(mr_datetime_make_ym_interval);
MR_KERNEL(mr_datetime_now);
MR_KERNEL(mr_datetime_today);
MR_KERNEL(mr_datetime_local_now);

/* datetime_text.c: by pattern; with open and close */
MR_KERNEL(mr_datetime_date_format);   /* (TIMESTAMP, pattern) */
MR_KERNEL(mr_datetime_from_unixtime); /* (BIGINT, pattern) */
MR_KERNEL(mr_datetime_parse);         /* (STRING, pattern) -> TIMESTAMP, NTZ, DATE or BIGINT seconds */
int mr_datetime_open_formats(struct mr_call *call, struct mr_error *error);
void mr_datetime_close_formats(struct mr_call *call);

#endif
