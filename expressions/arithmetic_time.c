/* expressions/arithmetic_time.c: dates and timestamps ± intervals and days, differences, and arithmetic of
 * intervals.
 *
 * An interval of days added to a TIMESTAMP is that many days of the session's calendar (a day may have 23 or
 * 25 hours); hours and less are added to the instant. Months keep the day of the month, cut to the month's
 * last. */
#include <math.h>

#include "expressions/arithmetic.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_time(const struct mr_type *t)
{
    return t->id >= MR_DATE && t->id <= MR_TIMESTAMP_NTZ;
}
static bool is_interval(const struct mr_type *t)
{
    return t->id == MR_INTERVAL_DAY_TIME || t->id == MR_INTERVAL_YEAR_MONTH;
}

static int interval_overflow(struct mr_error *error, const char *alternative)
{
    if (alternative) {
        mr_error_set(error, MR_E_DATA, "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION",
                     "An interval does not fit its type. `%s` gives NULL instead.", alternative);
        mr_error_parameter(error, "functionName", "`%s`", alternative);
    } else {
        mr_error_set(error, MR_E_DATA, "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
                     "An interval does not fit its type.");
    }
    return error->code;
}

static int datetime_overflow(const struct mr_arithmetic *a, struct mr_column *out, int64_t row,
                             const char *operation, struct mr_error *error)
{
    if (a->try_it)
        return mr_column_set_null(out, row, error);
    mr_row_error(error, "DATETIME_OVERFLOW", "%s leaves the range of dates and times.", operation);
    mr_error_parameter(error, "operation", "%s", operation);
    return error->code;
}

bool mr_date_add_months(int32_t days, int32_t months, int32_t *out)
{
    struct mr_civil civil;
    mr_civil_from_days(days, &civil);
    int64_t total = civil.year * 12 + civil.month - 1 + months;
    int64_t year = floor_div(total, 12);
    int month = (int)(total - year * 12) + 1;
    int last = mr_days_in_month(year, month);
    int64_t result = mr_days_from_civil(year, month, civil.day < last ? civil.day : last);
    *out = (int32_t)result;
    return result >= INT32_MIN && result <= INT32_MAX;
}

/* ---- date ± days, date ± months ---- */
/* Beyond the range it wraps around, as in Spark. */
KERNEL(date_add_days)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const int32_t *date = arguments[0]->i32, *by = arguments[1]->i32;
    const uint32_t sign = a->operator== '-' ? -1u : 1u;
    (void)error;
    MR_ROWS(i, rows, out->length, { out->i32[i] = (int32_t)((uint32_t)date[i] + sign * (uint32_t)by[i]); });
    return MR_OK;
}

/* DATE and an interval of whole days stay a DATE. */
KERNEL(date_add_day_interval)
{
    const struct mr_arithmetic *a = call->expression->bound;
    MR_ROWS(i, rows, out->length, {
        int64_t by = arguments[1]->i64[i] / DAY_US;
        int64_t days = arguments[0]->i32[i] + (a->operator== '-' ? -by : by);
        if (days > INT32_MAX || days < INT32_MIN)
            MR_TRY(datetime_overflow(a, out, i, "Adding an interval to a date", error));
        out->i32[i] = (int32_t)days;
    });
    return MR_OK;
}

KERNEL(date_add_month_interval)
{
    const struct mr_arithmetic *a = call->expression->bound;
    MR_ROWS(i, rows, out->length, {
        int32_t by = arguments[1]->i32[i];
        if ((a->operator== '-' && by == INT32_MIN) ||
            !mr_date_add_months(arguments[0]->i32[i], a->operator== '-' ? -by : by, &out->i32[i]))
            MR_TRY(datetime_overflow(a, out, i, "Adding months to a date", error));
    });
    return MR_OK;
}

/* ---- timestamp ± interval ---- */
static const struct mr_zone *zone_of(const struct mr_call *call, const struct mr_type *type)
{
    return type->id == MR_TIMESTAMP ? call->session->zone : NULL;
}

/* local midnights: days of the calendar, then the rest as a duration. */
static bool add_micros(const struct mr_zone *zone, int64_t time, int64_t by, int64_t *out)
{
    int64_t days = by / DAY_US, rest = by % DAY_US;
    if (!zone || days == 0)
        return !__builtin_add_overflow(time, by, out);
    int64_t local = mr_zone_to_local(zone, time);
    if (__builtin_add_overflow(local, days * DAY_US, &local))
        return false;
    return !__builtin_add_overflow(mr_zone_to_utc(zone, local), rest, out);
}

KERNEL(timestamp_add_micros)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const struct mr_zone *zone = zone_of(call, arguments[0]->type);
    MR_ROWS(i, rows, out->length, {
        int64_t by = arguments[1]->i64[i];
        int64_t time = 0;
        bool fits = a->operator!= '-' || by != INT64_MIN;
        fits = fits && add_micros(zone, arguments[0]->i64[i], a->operator== '-' ? -by : by, &time);
        if (!fits)
            MR_TRY(datetime_overflow(a, out, i, "Adding an interval to a timestamp", error));
        out->i64[i] = time;
    });
    return MR_OK;
}

KERNEL(timestamp_add_months)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const struct mr_zone *zone = zone_of(call, arguments[0]->type);
    MR_ROWS(i, rows, out->length, {
        int32_t by = arguments[1]->i32[i];
        int64_t time = arguments[0]->i64[i];
        int64_t local = zone ? mr_zone_to_local(zone, time) : time;
        int64_t days = floor_div(local, DAY_US);
        int32_t moved = 0;
        bool fits =
            by != INT32_MIN && mr_date_add_months((int32_t)days, a->operator== '-' ? -by : by, &moved);
        if (!fits) {
            MR_TRY(datetime_overflow(a, out, i, "Adding months to a timestamp", error));
            continue;
        }
        local = moved * DAY_US + (local - days * DAY_US);
        out->i64[i] = zone ? mr_zone_to_utc(zone, local) : local;
    });
    return MR_OK;
}

/* ---- differences ---- */
KERNEL(date_difference)
{
    (void)call;
    (void)error;
    MR_ROWS(i, rows, out->length,
            { out->i64[i] = ((int64_t)arguments[0]->i32[i] - arguments[1]->i32[i]) * DAY_US; });
    return MR_OK;
}

/* Of two instants as the session's clock shows them. */
KERNEL(timestamp_difference)
{
    const struct mr_arithmetic *a = call->expression->bound;
    const struct mr_zone *zone = zone_of(call, arguments[0]->type);
    MR_ROWS(i, rows, out->length, {
        int64_t x = arguments[0]->i64[i];
        int64_t y = arguments[1]->i64[i];
        if (zone) {
            x = mr_zone_to_local(zone, x);
            y = mr_zone_to_local(zone, y);
        }
        if (__builtin_sub_overflow(x, y, &out->i64[i]))
            MR_TRY(mr_arithmetic_overflow(a, out, i, error));
    });
    return MR_OK;
}

/* ---- intervals among each other and with numbers ---- */
KERNEL(interval_add)
{
    const struct mr_arithmetic *a = call->expression->bound;
    bool months = out->type->id == MR_INTERVAL_YEAR_MONTH;
    MR_ROWS(i, rows, out->length, {
        int64_t x = months ? arguments[0]->i32[i] : arguments[0]->i64[i];
        int64_t y = months ? arguments[1]->i32[i] : arguments[1]->i64[i];
        int64_t value = 0;
        bool over =
            a->operator== '-' ? __builtin_sub_overflow(x, y, &value) : __builtin_add_overflow(x, y, &value);
        over = over || (months && (value > INT32_MAX || value < INT32_MIN));
        if (over && a->try_it)
            MR_TRY(mr_column_set_null(out, i, error));
        else if (over)
            return interval_overflow(error, a->operator== '-' ? "try_subtract" : "try_add");
        if (months)
            out->i32[i] = (int32_t)value;
        else
            out->i64[i] = value;
    });
    return MR_OK;
}

/* Rounded half up. false: out of range. */
static bool round_to_i64(double value, int64_t *out)
{
    double rounded = floor(fabs(value) + 0.5);
    if (!(rounded < 0x1p63))
        return false;
    *out = value < 0 ? -(int64_t)rounded : (int64_t)rounded;
    return true;
}

/* interval * number or interval / number, the number an integral, DECIMAL or DOUBLE. */
static bool scale_interval(int64_t interval, const struct mr_column *number, int64_t row, bool divide,
                           int64_t *out)
{
    switch (number->type->id) {
    case MR_DECIMAL: {
        mr_i128 value = mr_decimal_at(number, row), result = 0;
        int scale = number->type->scale;
        bool fits = divide ? mr_decimal_divide(interval, 0, value, scale, 38, 0, &result)
                           : mr_decimal_multiply(interval, value, scale, 38, 0, &result);
        *out = (int64_t)result;
        return fits && result <= INT64_MAX && result >= INT64_MIN;
    }
    case MR_DOUBLE:
        return round_to_i64(divide ? (double)interval / number->f64[row]
                                   : (double)interval * number->f64[row],
                            out);
    default: {
        int64_t value = number->i64[row];
        if (!divide)
            return !__builtin_mul_overflow(interval, value, out);
        mr_i128 magnitude = interval < 0 ? -(mr_i128)interval : interval,
                by = value < 0 ? -(mr_i128)value : value;
        mr_i128 result = (2 * magnitude + by) / (2 * by);
        result = (interval < 0) != (value < 0) ? -result : result;
        *out = (int64_t)result;
        return result <= INT64_MAX && result >= INT64_MIN;
    }
    }
}

static bool is_zero(const struct mr_column *number, int64_t row)
{
    if (number->type->id == MR_DOUBLE)
        return number->f64[row] == 0;
    return number->type->id == MR_DECIMAL ? mr_decimal_at(number, row) == 0 : number->i64[row] == 0;
}

KERNEL(interval_scale)
{
    const struct mr_arithmetic *a = call->expression->bound;
    bool months = out->type->id == MR_INTERVAL_YEAR_MONTH, divide = a->operator== '/';
    MR_ROWS(i, rows, out->length, {
        int64_t interval = months ? arguments[0]->i32[i] : arguments[0]->i64[i];
        int64_t value = 0;
        bool zero = divide && is_zero(arguments[1], i);
        bool fits = !zero && scale_interval(interval, arguments[1], i, divide, &value);
        fits = fits && !(months && (value > INT32_MAX || value < INT32_MIN));
        if (!fits && a->try_it)
            MR_TRY(mr_column_set_null(out, i, error));
        else if (zero)
            return mr_row_error(error, "INTERVAL_DIVIDED_BY_ZERO",
                                "An interval is divided by 0. `try_divide` gives NULL instead.");
        else if (!fits)
            return interval_overflow(error, divide ? "try_divide" : "try_multiply");
        if (months)
            out->i32[i] = (int32_t)value;
        else
            out->i64[i] = value;
    });
    return MR_OK;
}

KERNEL(interval_div)
{
    const struct mr_arithmetic *a = call->expression->bound;
    bool months = arguments[0]->type->id == MR_INTERVAL_YEAR_MONTH;
    MR_ROWS(i, rows, out->length, {
        int64_t x = months ? arguments[0]->i32[i] : arguments[0]->i64[i];
        int64_t y = months ? arguments[1]->i32[i] : arguments[1]->i64[i];
        if (y == 0)
            return mr_row_error(error, "INTERVAL_DIVIDED_BY_ZERO",
                                "An interval is divided by 0. `try_divide` gives NULL instead.");
        if (y == -1 && x == INT64_MIN)
            MR_TRY(mr_arithmetic_overflow(a, out, i, error));
        else
            out->i64[i] = x / y;
    });
    return MR_OK;
}

/* ---- which of them ---- */
static int take(struct mr_resolve *r, struct mr_arithmetic *a, mr_kernel kernel, const struct mr_type *type,
                bool *done)
{
    a->kernel.kernel = kernel;
    a->kernel.flags = MR_FN_NULL_IF_ANY;
    r->type = type;
    *done = true;
    return MR_OK;
}

static void swap(struct mr_resolve *r)
{
    const struct mr_expression *first = r->arguments[0];
    r->arguments[0] = r->arguments[1];
    r->arguments[1] = first;
}

/* time ± interval; the time first. */
static int time_and_interval(struct mr_resolve *r, struct mr_arithmetic *a, bool *done,
                             struct mr_error *error)
{
    const struct mr_type *time = r->arguments[0]->type, *interval = r->arguments[1]->type;
    if (interval->id == MR_INTERVAL_YEAR_MONTH)
        return take(r, a, time->id == MR_DATE ? date_add_month_interval : timestamp_add_months, time, done);
    if (time->id == MR_DATE && mr_type_interval_last(interval) == 0)
        return take(r, a, date_add_day_interval, time, done);
    if (time->id == MR_DATE) {
        MR_TRY(mr_resolve_force(r, 0, mr_type_of(MR_TIMESTAMP), error));
        time = mr_type_of(MR_TIMESTAMP);
    }
    return take(r, a, timestamp_add_micros, time, done);
}

static int date_and_days(struct mr_resolve *r, struct mr_arithmetic *a, bool *done, struct mr_error *error)
{
    const struct mr_type *days = r->arguments[1]->type;
    bool fits = days->id == MR_TINYINT || days->id == MR_SMALLINT || days->id == MR_INT;
    if (!fits)
        return mr_resolve_unexpected_type(r, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")", error);
    MR_TRY(mr_resolve_force(r, 1, mr_type_of(MR_INT), error));
    return take(r, a, date_add_days, mr_type_of(MR_DATE), done);
}

static int difference(struct mr_resolve *r, struct mr_arithmetic *a, bool *done, struct mr_error *error)
{
    const struct mr_type *left = r->arguments[0]->type, *right = r->arguments[1]->type;
    if (!is_time(right))
        right = left; /* text, or a bare NULL */
    if (!is_time(left))
        left = right;
    if (left->id == MR_DATE && right->id == MR_DATE) {
        MR_TRY(mr_resolve_cast(r, 0, left, error));
        MR_TRY(mr_resolve_cast(r, 1, left, error));
        return take(r, a, date_difference, mr_type_interval(false, 0, 0), done);
    }
    const struct mr_type *common = mr_type_common(r->builder->arena, left, right);
    MR_TRY(mr_resolve_cast(r, 0, common, error));
    MR_TRY(mr_resolve_cast(r, 1, common, error));
    return take(r, a, timestamp_difference, mr_type_of(MR_INTERVAL_DAY_TIME), done);
}

static int interval_and_number(struct mr_resolve *r, struct mr_arithmetic *a, bool *done,
                               struct mr_error *error)
{
    const struct mr_type *interval = r->arguments[0]->type, *number = r->arguments[1]->type;
    const struct mr_type *as = mr_type_of(MR_DOUBLE);
    if (number->id == MR_DECIMAL)
        as = number;
    else if (mr_type_is_integral(number))
        as = mr_type_of(MR_BIGINT);
    else if (!mr_type_is_numeric(number) && number->id != MR_STRING && number->id != MR_VOID)
        return mr_resolve_unexpected_type(r, 1, "\"NUMERIC\"", error);
    MR_TRY(mr_resolve_force(r, 1, as, error));
    bool months = interval->id == MR_INTERVAL_YEAR_MONTH;
    return take(r, a, interval_scale, mr_type_of(months ? MR_INTERVAL_YEAR_MONTH : MR_INTERVAL_DAY_TIME),
                done);
}

static int intervals(struct mr_resolve *r, struct mr_arithmetic *a, bool *done, struct mr_error *error)
{
    const struct mr_type *left = r->arguments[0]->type, *right = r->arguments[1]->type;
    bool additive = a->operator== '+' || a->operator== '-';
    if (a->operator== '*' && !is_interval(left)) {
        swap(r);
        left = r->arguments[0]->type;
        right = r->arguments[1]->type;
    }
    if (a->operator== '*' ||(a->operator== '/' && is_interval(left)))
        return interval_and_number(r, a, done, error);
    for (int i = 0; i < 2 && (additive || a->operator== 'd'); i++)
        if (r->arguments[i]->type->id == MR_VOID)
            MR_TRY(mr_resolve_force(r, i, r->arguments[1 - i]->type, error));
    left = r->arguments[0]->type;
    right = r->arguments[1]->type;
    if (left->id != right->id)
        return mr_resolve_binary_diff_types(r, error);
    if (!additive && a->operator!= 'd')
        return mr_resolve_binary_wrong_type(r, "\"NUMERIC\"", error);
    if (!additive)
        return take(r, a, interval_div, mr_type_of(MR_BIGINT), done);
    return take(r, a, interval_add, mr_type_common(r->builder->arena, left, right), done);
}

/* Text that is a timestamp, and an interval: text again. */
static int text_and_interval(struct mr_resolve *r, const struct mr_arithmetic *a, bool *done,
                             struct mr_error *error)
{
    struct mr_expression_builder *b = r->builder;
    const struct mr_expression *sum = NULL;
    MR_TRY(mr_resolve_force(r, 0, mr_type_of(MR_TIMESTAMP), error));
    MR_TRY(
        mr_expression_call(b, a->operator== '-' ? MR_STR("-") : MR_STR("+"), r->arguments, 2, &sum, error));
    *done = true;
    return mr_cast_build(b, sum, mr_type_of(MR_STRING), false, true, &r->rewritten, error);
}

/* What is left of + and - with a date, a timestamp or an interval of days. */
static int refuse_time(struct mr_resolve *r, const struct mr_arithmetic *a, struct mr_error *error)
{
    const struct mr_type *left = r->arguments[0]->type, *right = r->arguments[1]->type;
    if (left->id == MR_DATE)
        return mr_resolve_unexpected_type(r, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")", error);
    if (a->operator== '+' && right->id == MR_DATE)
        return mr_resolve_unexpected_type(r, 0, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")", error);
    return mr_resolve_unexpected_type(r, 0, "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"", error);
}

static bool is_text(const struct mr_type *type)
{
    return type->id == MR_STRING || type->id == MR_VOID;
}

static int additive(struct mr_resolve *r, struct mr_arithmetic *a, bool *done, struct mr_error *error)
{
    const struct mr_type *left = r->arguments[0]->type, *right = r->arguments[1]->type;
    bool plus = a->operator== '+';
    if (is_time(left) && is_interval(right))
        return time_and_interval(r, a, done, error);
    if (left->id == MR_DATE && mr_type_is_integral(right))
        return date_and_days(r, a, done, error);
    if (is_time(left) && right->id == MR_VOID && plus) {
        MR_TRY(mr_resolve_force(r, 1, mr_type_of(MR_INTERVAL_DAY_TIME), error));
        return time_and_interval(r, a, done, error);
    }
    bool left_fits = is_time(left) || is_text(left), right_fits = is_time(right) || is_text(right);
    if (!plus && (is_time(left) || is_time(right)) && left_fits && right_fits)
        return difference(r, a, done, error);
    if (left->id == MR_STRING && right->id == MR_INTERVAL_DAY_TIME)
        return text_and_interval(r, a, done, error);
    bool day_time = left->id == MR_INTERVAL_DAY_TIME || right->id == MR_INTERVAL_DAY_TIME;
    bool both = (is_interval(left) || left->id == MR_VOID) && (is_interval(right) || right->id == MR_VOID);
    if (both && (day_time || is_interval(left) || is_interval(right)) &&
        (left->id == right->id || left->id == MR_VOID || right->id == MR_VOID))
        return intervals(r, a, done, error);
    if (left->id == MR_DATE || right->id == MR_DATE || (!plus && (is_time(left) || is_time(right))) ||
        (plus ? day_time : right->id == MR_INTERVAL_DAY_TIME))
        return refuse_time(r, a, error);
    if (is_interval(left) || is_interval(right))
        return mr_resolve_binary_diff_types(r, error);
    return MR_OK;
}

int mr_resolve_time_arithmetic(struct mr_resolve *r, struct mr_arithmetic *a, bool *done,
                               struct mr_error *error)
{
    *done = false;
    const struct mr_type *left = r->arguments[0]->type, *right = r->arguments[1]->type;
    if (a->operator!= '+' && a->operator!= '-')
        return is_interval(left) || is_interval(right) ? intervals(r, a, done, error) : MR_OK;
    bool swapped = is_time(right) && !is_time(left);
    swapped = swapped || (is_interval(left) && right->id == MR_STRING);
    if (a->operator== '+' && swapped)
        swap(r);
    return additive(r, a, done, error);
}
