/* expressions/datetime_arithmetic.c: adding to, subtracting and truncating dates and timestamps. */
#include "expressions/datetime_kernels.h"

int64_t mr_days_add_months(int64_t days, int64_t months)
{
    struct mr_civil c;
    mr_civil_from_days(days, &c);
    int64_t month = c.year * 12 + c.month - 1 + months;
    int64_t year = mr_floor_div(month, 12);
    int in_year = (int)mr_floor_mod(month, 12) + 1, last = mr_days_in_month(year, in_year);
    return mr_days_from_civil(year, in_year, c.day < last ? c.day : last);
}

int64_t mr_local_add_months(int64_t local_us, int64_t months)
{
    int64_t days = mr_floor_div(local_us, MR_DAY_US);
    return mr_days_add_months(days, months) * MR_DAY_US + (local_us - days * MR_DAY_US);
}

/* Too far away wraps around, as in Spark. */
MR_KERNEL(mr_datetime_date_add)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (int32_t)((uint32_t)arguments[0]->i32[i] + (uint32_t)arguments[1]->i32[i]);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_date_sub)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (int32_t)((uint32_t)arguments[0]->i32[i] - (uint32_t)arguments[1]->i32[i]);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_datediff)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (int32_t)((uint32_t)arguments[0]->i32[i] - (uint32_t)arguments[1]->i32[i]);
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_add_months)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t days = mr_days_add_months(arguments[0]->i32[i], arguments[1]->i32[i]);
        if (days != (int32_t)days)
            return mr_row_overflow(error, "date overflow", NULL);
        out->i32[i] = (int32_t)days;
    }
    return MR_OK;
}

/* ---- months_between ---- */
static double months_between(const struct mr_zone *zone, int64_t later_us, int64_t earlier_us, bool round_off)
{
    struct mr_civil a, b;
    int64_t local_a = mr_local_us(zone, later_us), local_b = mr_local_us(zone, earlier_us);
    int64_t days_a = mr_floor_div(local_a, MR_DAY_US), days_b = mr_floor_div(local_b, MR_DAY_US);
    mr_civil_from_days(days_a, &a);
    mr_civil_from_days(days_b, &b);
    double months = (double)((a.year - b.year) * 12 + a.month - b.month);
    bool last_a = a.day == mr_days_in_month(a.year, a.month),
         last_b = b.day == mr_days_in_month(b.year, b.month);
    if (a.day == b.day || (last_a && last_b))
        return months;
    int64_t second_a = mr_floor_div(later_us - mr_instant_us(zone, days_a * MR_DAY_US), MR_SECOND_US);
    int64_t second_b = mr_floor_div(earlier_us - mr_instant_us(zone, days_b * MR_DAY_US), MR_SECOND_US);
    int64_t seconds = (int64_t)(a.day - b.day) * 86400 + second_a - second_b;
    months += (double)seconds / (31 * 86400.0);
    if (!round_off)
        return months;
    double scaled = months * 1e8 + 0.5; /* Java's Math.round: half up */
    int64_t rounded = (int64_t)scaled - (scaled < (double)(int64_t)scaled);
    return (double)rounded / 1e8;
}

MR_KERNEL(mr_datetime_months_between)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->f64[i] = months_between(call->session->zone, arguments[0]->i64[i], arguments[1]->i64[i],
                                     arguments[2]->booleans[i]);
    }
    return MR_OK;
}

/* ---- next_day ---- */
static int day_of_week(struct mr_str text) /* 0 Monday … 6; -1: no day */
{
    static const char *const names[7] = {"MONDAY", "TUESDAY",  "WEDNESDAY", "THURSDAY",
                                         "FRIDAY", "SATURDAY", "SUNDAY"};
    for (int i = 0; i < 7; i++) {
        size_t whole = strlen(names[i]);
        if ((text.size == 2 || text.size == 3 || text.size == whole) &&
            mr_str_equal_nocase(text, (struct mr_str){names[i], text.size}))
            return i;
    }
    return -1;
}

MR_KERNEL(mr_datetime_next_day)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str name = mr_string_at(arguments[1], i);
        int wanted = day_of_week(name);
        if (wanted < 0) {
            mr_row_error(error, "ILLEGAL_DAY_OF_WEEK", "'%.*s' is no day of the week.",
                         (int)(name.size > 100 ? 100 : name.size), name.data);
            mr_error_parameter(error, "string", "%.*s", (int)(name.size > 100 ? 100 : name.size), name.data);
            return error->code;
        }
        int64_t days = arguments[0]->i32[i];
        out->i32[i] = (int32_t)(days + 1 + mr_floor_mod(wanted - (days + 4), 7));
    }
    return MR_OK;
}

/* ---- truncation ---- */
enum level { NONE, MICROSECOND, MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR };

static enum level find_level(struct mr_str text)
{
    static const struct {
        const char *name;
        enum level level;
    } levels[] = {{"MICROSECOND", MICROSECOND},
                  {"MILLISECOND", MILLISECOND},
                  {"SECOND", SECOND},
                  {"MINUTE", MINUTE},
                  {"HOUR", HOUR},
                  {"DAY", DAY},
                  {"DD", DAY},
                  {"WEEK", WEEK},
                  {"MON", MONTH},
                  {"MONTH", MONTH},
                  {"MM", MONTH},
                  {"QUARTER", QUARTER},
                  {"YEAR", YEAR},
                  {"YYYY", YEAR},
                  {"YY", YEAR}};
    for (int i = 0; i < MR_COUNT(levels); i++)
        if (mr_str_equal_nocase(text, mr_str_of(levels[i].name)))
            return levels[i].level;
    return NONE;
}

static int64_t truncate_days(int64_t days, enum level level)
{
    struct mr_civil c;
    if (level == WEEK)
        return days - mr_floor_mod(days + 3, 7);
    mr_civil_from_days(days, &c);
    int month = level == MONTH ? c.month : level == QUARTER ? (c.month - 1) / 3 * 3 + 1 : 1;
    return mr_days_from_civil(c.year, month, 1);
}

MR_KERNEL(mr_datetime_trunc)
{
    struct mr_str last = {NULL, 0};
    enum level level = NONE;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str unit = mr_string_at(arguments[1], i);
        if (!last.data || !mr_str_equal(unit, last))
            level = find_level(unit);
        last = unit;
        if (level < WEEK)
            MR_TRY(mr_column_set_null(out, i, error));
        else
            out->i32[i] = (int32_t)truncate_days(arguments[0]->i32[i], level);
    }
    return MR_OK;
}

static int64_t truncate_micros(const struct mr_zone *zone, int64_t micros, enum level level)
{
    static const int64_t units[] = {[MICROSECOND] = 1,
                                    [MILLISECOND] = 1000,
                                    [SECOND] = MR_SECOND_US,
                                    [MINUTE] = 60 * MR_SECOND_US,
                                    [HOUR] = 3600 * MR_SECOND_US};
    if (level <= SECOND)
        return micros - mr_floor_mod(micros, units[level]);
    int64_t local = mr_local_us(zone, micros);
    if (level <= HOUR)
        return micros - mr_floor_mod(local, units[level]);
    int64_t days = mr_floor_div(local, MR_DAY_US);
    return mr_instant_us(zone, (level == DAY ? days : truncate_days(days, level)) * MR_DAY_US);
}

MR_KERNEL(mr_datetime_date_trunc)
{
    struct mr_str last = {NULL, 0};
    enum level level = NONE;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str unit = mr_string_at(arguments[0], i);
        if (!last.data || !mr_str_equal(unit, last))
            level = find_level(unit);
        last = unit;
        if (level == NONE)
            MR_TRY(mr_column_set_null(out, i, error));
        else
            out->i64[i] = truncate_micros(call->session->zone, arguments[1]->i64[i], level);
    }
    return MR_OK;
}

/* ---- time_bucket(width, time, origin): buckets are counted in local time from the origin ---- */
static int64_t bucket_of_months(int64_t local, int64_t origin, int32_t width)
{
    struct mr_civil at, from;
    mr_civil_from_micros(local, &at);
    mr_civil_from_micros(origin, &from);
    int64_t months = (at.year - from.year) * 12 + at.month - from.month;
    if (mr_local_add_months(origin, months) > local)
        months--;
    return mr_local_add_months(origin, mr_floor_div(months, width) * width);
}

MR_KERNEL(mr_datetime_time_bucket)
{
    const struct mr_column *width = arguments[0];
    const struct mr_zone *zone = mr_zone_of(call, arguments[1]);
    bool months = width->type->id == MR_INTERVAL_YEAR_MONTH;
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t local = mr_local_us(zone, arguments[1]->i64[i]),
                origin = mr_local_us(zone, arguments[2]->i64[i]), start, since;
        if ((months ? width->i32[i] : width->i64[i]) <= 0)
            return mr_row_error(error, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                                "A bucket of time_bucket must be longer than 0.");
        if (months) {
            start = bucket_of_months(local, origin, width->i32[i]);
        } else {
            if (__builtin_sub_overflow(local, origin, &since))
                return mr_row_overflow(error, "timestamp overflow", NULL);
            start = local - mr_floor_mod(since, width->i64[i]);
        }
        out->i64[i] = mr_instant_us(zone, start);
    }
    return MR_OK;
}

/* ---- timestampadd, timestampdiff ---- */
static const struct unit {
    const char *name;
    int64_t micros; /* of local time from DAY on; 0: months */
    int months;
} units[] = {{"MICROSECOND", 1, 0},
             {"MILLISECOND", 1000, 0},
             {"SECOND", MR_SECOND_US, 0},
             {"MINUTE", 60 * MR_SECOND_US, 0},
             {"HOUR", 3600 * MR_SECOND_US, 0},
             {"DAY", MR_DAY_US, 0},
             {"DAYOFYEAR", MR_DAY_US, 0},
             {"WEEK", 7 * MR_DAY_US, 0},
             {"MONTH", 0, 1},
             {"QUARTER", 0, 3},
             {"YEAR", 0, 12}};

static const struct unit *find_unit(struct mr_str text)
{
    for (int i = 0; i < MR_COUNT(units); i++)
        if (mr_str_equal_nocase(text, mr_str_of(units[i].name)))
            return &units[i];
    return NULL;
}

bool mr_datetime_is_unit(struct mr_str text)
{
    return find_unit(text) != NULL;
}

static int bad_unit(struct mr_str text, struct mr_error *error)
{
    return mr_row_error(error, "INVALID_PARAMETER_VALUE.DATETIME_UNIT", "'%.*s' is no unit of time.",
                        (int)text.size, text.data);
}

MR_KERNEL(mr_datetime_timestampadd)
{
    const struct mr_zone *zone = mr_zone_of(call, arguments[2]);
    MR_FOR_ROWS (i, rows, out->length) {
        const struct unit *unit = find_unit(mr_string_at(arguments[0], i));
        int64_t count = arguments[1]->i64[i], micros = arguments[2]->i64[i], by, result;
        if (!unit)
            return bad_unit(mr_string_at(arguments[0], i), error);
        if (unit->months > 0) {
            if (count > 12000000 || count < -12000000)
                return mr_row_error(error, "DATETIME_OVERFLOW",
                                    "A timestamp is too far from 1970 for its type.");
            result =
                mr_instant_us(zone, mr_local_add_months(mr_local_us(zone, micros), count * unit->months));
        } else {
            bool days = unit->micros >= MR_DAY_US;
            int64_t from = days ? mr_local_us(zone, micros) : micros;
            if (__builtin_mul_overflow(count, unit->micros, &by) || __builtin_add_overflow(from, by, &result))
                return mr_row_error(error, "DATETIME_OVERFLOW",
                                    "A timestamp is too far from 1970 for its type.");
            result = days ? mr_instant_us(zone, result) : result;
        }
        out->i64[i] = result;
    }
    return MR_OK;
}

static int64_t whole_months(int64_t start, int64_t end)
{
    struct mr_civil a, b;
    mr_civil_from_micros(start, &a);
    mr_civil_from_micros(end, &b);
    int64_t months = (b.year - a.year) * 12 + b.month - a.month;
    /* what is left of the month, compared by day and time of day, as java.time does */
    int64_t rest_a = a.day * MR_DAY_US + mr_floor_mod(start, MR_DAY_US),
            rest_b = b.day * MR_DAY_US + mr_floor_mod(end, MR_DAY_US);
    if (months > 0 && rest_b < rest_a)
        months--;
    else if (months < 0 && rest_b > rest_a)
        months++;
    return months;
}

/* In local time, whatever the unit; incomplete units are cut off. */
MR_KERNEL(mr_datetime_timestampdiff)
{
    const struct mr_zone *from_zone = mr_zone_of(call, arguments[1]),
                         *to_zone = mr_zone_of(call, arguments[2]);
    MR_FOR_ROWS (i, rows, out->length) {
        const struct unit *unit = find_unit(mr_string_at(arguments[0], i));
        if (!unit)
            return bad_unit(mr_string_at(arguments[0], i), error);
        int64_t start = mr_local_us(from_zone, arguments[1]->i64[i]),
                end = mr_local_us(to_zone, arguments[2]->i64[i]);
        if (unit->months > 0)
            out->i64[i] = whole_months(start, end) / unit->months;
        else
            out->i64[i] = (end - start) / unit->micros;
    }
    return MR_OK;
}
