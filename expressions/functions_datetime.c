/* expressions/functions_datetime.c: the table of date and time functions, and how their calls are resolved.
 */
#include "expressions/coercion.h"
#include "expressions/datetime_kernels.h"
#include "expressions/registry.h"

#define N MR_FN_NULL_IF_ANY
#define PURE (MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE)
#define DEFAULT_PATTERN "yyyy-MM-dd HH:mm:ss"

static const int64_t second_us = MR_SECOND_US, millisecond_us = 1000, microsecond_us = 1;

static const struct mr_type *decimal_type(struct mr_resolve *r, int precision, int scale)
{
    return mr_type_decimal(r->builder->arena, precision, scale);
}

/* ---- adding and subtracting days ---- */
static bool is_unit_call(struct mr_resolve *r)
{
    const struct mr_expression *unit = r->arguments[0];
    return r->count == 3 && unit->kind == MR_EXPR_LITERAL && unit->type->id == MR_STRING;
}

static int resolve_timestampadd(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_signature(r, "slt>3", error));
    struct mr_str unit;
    MR_TRY(mr_resolve_constant_string(r, 0, &unit, error));
    if (unit.data && !mr_datetime_is_unit(unit)) {
        mr_resolve_error(r, error, "INVALID_PARAMETER_VALUE.DATETIME_UNIT", "'%.*s' is no unit of time.",
                         (int)unit.size, unit.data);
        mr_error_parameter(error, "functionName", "`%s`", r->name);
        mr_error_parameter(error, "parameter", "`unit`");
        mr_error_parameter(error, "invalidValue", "'%.*s'", (int)unit.size, unit.data);
        return error->code;
    }
    return MR_OK;
}

static int resolve_timestampdiff(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    for (int i = 1; i < 3; i++)
        if (r->arguments[i]->type->id != MR_TIMESTAMP_NTZ)
            MR_TRY(mr_resolve_cast(r, i, mr_type_of(MR_TIMESTAMP), error));
    r->type = mr_type_of(MR_BIGINT);
    return MR_OK;
}

/* date_add(date, days), dateadd(unit, count, timestamp). */
static int resolve_date_add(struct mr_resolve *r, struct mr_error *error)
{
    if (is_unit_call(r))
        return mr_resolve_rewrite(r, "timestampadd", r->arguments, 3, error);
    if (r->count != 2)
        return mr_resolve_wrong_count(r, "2", error);
    const struct mr_type *days = r->arguments[1]->type;
    bool small = days->id >= MR_TINYINT && days->id <= MR_INT;
    if (!small && days->id != MR_STRING && days->id != MR_VOID)
        return mr_resolve_unexpected_type(r, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")", error);
    return mr_resolve_signature(r, "Di>D", error);
}

static int resolve_datediff(struct mr_resolve *r, struct mr_error *error)
{
    if (is_unit_call(r))
        return mr_resolve_rewrite(r, "timestampdiff", r->arguments, 3, error);
    if (r->count != 2)
        return mr_resolve_wrong_count(r, "2", error);
    return mr_resolve_signature(r, "DD>i", error);
}

static int resolve_months_between(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2) {
        const struct mr_expression *yes;
        MR_TRY(mr_expression_bool(r->builder, true, &yes, error));
        MR_TRY(mr_resolve_add(r, yes, error));
    }
    return mr_resolve_signature(r, "TTb>d", error);
}

static int resolve_time_bucket(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *width = r->arguments[0]->type, *time = r->arguments[1]->type;
    if (width->id != MR_INTERVAL_DAY_TIME && width->id != MR_INTERVAL_YEAR_MONTH)
        return mr_resolve_unexpected_type(r, 0, "(\"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")",
                                          error);
    if (time->id == MR_STRING || time->id == MR_VOID)
        MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_TIMESTAMP), error));
    time = r->arguments[1]->type;
    if (r->count == 2) {
        int64_t origin = time->id == MR_TIMESTAMP ? mr_zone_to_utc(r->builder->session->zone, 0) : 0;
        MR_TRY(mr_resolve_add_i64(r, time->id == MR_TIMESTAMP_NTZ ? time : mr_type_of(MR_TIMESTAMP), origin,
                                  error));
    }
    if (time->id != MR_TIMESTAMP && time->id != MR_TIMESTAMP_NTZ)
        return mr_resolve_unexpected_type(r, 1, "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"", error);
    MR_TRY(mr_resolve_cast(r, 2, time, error));
    const struct mr_column *constant;
    MR_TRY(mr_resolve_constant(r, 0, &constant, error));
    if (constant && !mr_column_is_null(constant, 0) &&
        (width->id == MR_INTERVAL_DAY_TIME ? constant->i64[0] : constant->i32[0]) <= 0) {
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                         "The bucket must be longer than 0.");
        mr_error_parameter(error, "exprName", "`bucketSize`");
        mr_error_parameter(error, "valueRange", "(0, inf)");
        return error->code;
    }
    r->type = time;
    return MR_OK;
}

/* ---- extract ---- */
struct part {
    const char *names;                 /* separated by blanks */
    const char *of_time, *of_interval; /* the functions that do it; NULL: none */
    bool year_month;                   /* of_interval takes that kind of interval */
};
static const struct part parts[] = {
    {"YEAR Y YEARS YR YRS", "year", "extract_interval_year", true},
    {"YEAROFWEEK", "extract_yearofweek", NULL, false},
    {"QUARTER QTR", "quarter", NULL, false},
    {"MONTH MON MONS MONTHS", "month", "extract_interval_month", true},
    {"WEEK W WEEKS", "weekofyear", NULL, false},
    {"DAY D DAYS", "day", "extract_interval_day", false},
    {"DAYOFWEEK DOW", "dayofweek", NULL, false},
    {"DAYOFWEEK_ISO DOW_ISO", "extract_dayofweek_iso", NULL, false},
    {"DOY", "dayofyear", NULL, false},
    {"HOUR H HOURS HR HRS", "hour", "extract_interval_hour", false},
    {"MINUTE M MIN MINS MINUTES", "minute", "extract_interval_minute", false},
    {"SECOND S SEC SECONDS SECS", "extract_second", "extract_interval_second", false},
};

static bool is_listed(const char *list, struct mr_str name)
{
    while (*list) {
        size_t size = strcspn(list, " ");
        if (mr_str_equal_nocase(name, (struct mr_str){list, size}))
            return true;
        list += size + (list[size] == ' ');
    }
    return false;
}

static int resolve_extract(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str field;
    MR_TRY(mr_resolve_constant_string(r, 0, &field, error));
    enum mr_type_id id = r->arguments[1]->type->id;
    bool interval = id == MR_INTERVAL_DAY_TIME || id == MR_INTERVAL_YEAR_MONTH;
    for (int i = 0; i < MR_COUNT(parts); i++) {
        const char *function = interval ? parts[i].of_interval : parts[i].of_time;
        if (!is_listed(parts[i].names, field))
            continue;
        if (!function || (interval && parts[i].year_month != (id == MR_INTERVAL_YEAR_MONTH)))
            break;
        return mr_resolve_rewrite(r, function, &r->arguments[1], 1, error);
    }
    struct mr_text source;
    mr_text_init(&source);
    mr_expression_name(&source, r->arguments[1], NULL);
    mr_resolve_error(r, error, "INVALID_EXTRACT_FIELD", "There is no `%.*s` in \"%s\".", (int)field.size,
                     field.data, source.data);
    mr_error_parameter(error, "field", "`%.*s`", (int)field.size, field.data);
    mr_error_parameter(error, "expr", "\"%s\"", source.data);
    mr_text_release(&source);
    return error->code;
}

static int resolve_second_fraction(struct mr_resolve *r, struct mr_error *error)
{
    if (r->arguments[0]->type->id != MR_INTERVAL_DAY_TIME)
        MR_TRY(mr_resolve_signature(r, "t>1", error));
    r->type = decimal_type(r, 8, 6);
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

static int resolve_interval_field(struct mr_resolve *r, struct mr_error *error)
{
    (void)error;
    const char *field = r->function->data;
    r->type = mr_type_of(*field == 'Y' || *field == 'D' ? MR_INT : MR_TINYINT);
    return MR_OK;
}

/* ---- from numbers and fields ---- */
static const struct mr_bound_kernel seconds_i64 = {mr_datetime_seconds_i64, N};
static const struct mr_bound_kernel seconds_f64 = {mr_datetime_seconds_f64, N};
static const struct mr_bound_kernel seconds_decimal = {mr_datetime_seconds_decimal, N};

static int resolve_timestamp_seconds(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    r->type = mr_type_of(MR_TIMESTAMP);
    if (type->id == MR_STRING)
        return mr_resolve_unexpected_type(r, 0, "\"NUMERIC\"", error);
    if (type->id == MR_FLOAT || type->id == MR_DOUBLE) {
        r->bound = &seconds_f64;
        r->nullable = true;
        return mr_resolve_cast(r, 0, mr_type_of(MR_DOUBLE), error);
    }
    r->bound = type->id == MR_DECIMAL ? &seconds_decimal : &seconds_i64;
    if (type->id == MR_DECIMAL)
        return MR_OK;
    MR_TRY(mr_resolve_signature(r, "I>T", error));
    return mr_resolve_cast(r, 0, mr_type_of(MR_BIGINT), error);
}

static int resolve_timestamp_integral(struct mr_resolve *r, struct mr_error *error)
{
    if (r->arguments[0]->type->id == MR_STRING)
        return mr_resolve_unexpected_type(r, 0, "\"INTEGRAL\"", error);
    MR_TRY(mr_resolve_signature(r, "I>T", error));
    return mr_resolve_cast(r, 0, mr_type_of(MR_BIGINT), error);
}

/* make_timestamp(year, …, second [, zone]), make_timestamp(date). */
static int resolve_make_timestamp(struct mr_resolve *r, struct mr_error *error)
{
    const char *suffix = strstr(r->function->name, "_ntz");
    const struct mr_type *type = mr_type_of(suffix ? MR_TIMESTAMP_NTZ : MR_TIMESTAMP);
    if (r->count == 1) {
        const struct mr_expression *date;
        if (r->arguments[0]->type->id != MR_DATE)
            return mr_resolve_unexpected_type(r, 0, "\"DATE\"", error);
        MR_TRY(mr_expression_cast(r->builder, r->arguments[0], type, false, &date, error));
        r->rewritten = date;
        return MR_OK;
    }
    if (r->count != 6 && (r->count != 7 || suffix))
        return mr_resolve_wrong_count(r, suffix ? "6" : "[6, 7]", error);
    for (int i = 0; i < 5; i++)
        MR_TRY(mr_resolve_cast(r, i, mr_type_of(MR_INT), error));
    const struct mr_type *seconds = decimal_type(r, 16, 6);
    if (!seconds)
        return mr_error_memory(error, sizeof *seconds);
    MR_TRY(mr_resolve_cast(r, 5, seconds, error));
    if (r->count == 7)
        MR_TRY(mr_resolve_cast(r, 6, mr_type_of(MR_STRING), error));
    r->type = type;
    r->nullable = r->nullable || strncmp(r->function->name, "try_", 4) == 0;
    return MR_OK;
}

static int resolve_make_dt_interval(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *seconds = decimal_type(r, 18, 6);
    if (!seconds)
        return mr_error_memory(error, sizeof *seconds);
    while (r->count < 3)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), 0, error));
    if (r->count < 4) {
        struct mr_column *zero = mr_column_new(seconds, 1);
        const struct mr_expression *literal = NULL;
        if (!zero)
            return mr_error_memory(error, sizeof *zero);
        zero->length = 1;
        zero->i64[0] = 0;
        int status = mr_expression_literal(r->builder, zero, &literal, error);
        mr_column_unref(zero);
        MR_TRY(status);
        MR_TRY(mr_resolve_add(r, literal, error));
    }
    for (int i = 0; i < 3; i++)
        MR_TRY(mr_resolve_cast(r, i, mr_type_of(MR_INT), error));
    r->type = mr_type_of(MR_INTERVAL_DAY_TIME);
    return mr_resolve_cast(r, 3, seconds, error);
}

static int resolve_make_ym_interval(struct mr_resolve *r, struct mr_error *error)
{
    while (r->count < 2)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), 0, error));
    return mr_resolve_signature(r, "ii>y", error);
}

/* ---- by pattern ---- */
/* to_timestamp(x [, pattern]) and kin: without a pattern, or of what is no text, a cast. */
static int resolve_to_time(struct mr_resolve *r, struct mr_error *error)
{
    const enum mr_type_id *id = r->function->data;
    const struct mr_type *to = mr_type_of(*id), *from = r->arguments[0]->type;
    bool tolerate = strncmp(r->function->name, "try_", 4) == 0,
         time = from->id >= MR_DATE && from->id <= MR_TIMESTAMP_NTZ;
    if (*id == MR_DATE && !time && from->id != MR_VOID) /* whatever has a text */
        MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    if (r->count == 2 && !time) {
        MR_TRY(mr_resolve_signature(r, "ss>s", error));
        r->type = to;
        r->nullable = r->nullable || tolerate;
        return MR_OK;
    }
    const struct mr_expression *cast;
    MR_TRY(mr_expression_cast(r->builder, r->arguments[0], to, tolerate, &cast, error));
    r->rewritten = cast;
    return MR_OK;
}

/* unix_timestamp(), unix_timestamp(text [, pattern]), unix_timestamp(date or timestamp). */
static int resolve_unix_timestamp(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 0) {
        const struct mr_expression *now;
        if (strcmp(r->name, "to_unix_timestamp") == 0)
            return mr_resolve_wrong_count(r, "[1, 2]", error);
        MR_TRY(mr_expression_call(r->builder, MR_STR("current_timestamp"), NULL, 0, &now, error));
        MR_TRY(mr_resolve_add(r, now, error));
    }
    enum mr_type_id id = r->arguments[0]->type->id;
    bool time = id == MR_DATE || id == MR_TIMESTAMP || id == MR_TIMESTAMP_NTZ;
    if (!time && id != MR_STRING && id != MR_VOID)
        return mr_resolve_unexpected_type(r, 0,
                                          "(\"STRING\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\")",
                                          error);
    if (r->count == 1)
        MR_TRY(mr_resolve_add_string(r, DEFAULT_PATTERN, error));
    return mr_resolve_signature(r, time ? "as>l" : "ss>l", error);
}

static int resolve_from_unixtime(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1)
        MR_TRY(mr_resolve_add_string(r, DEFAULT_PATTERN, error));
    return mr_resolve_signature(r, "ls>s", error);
}

static int resolve_current_timezone(struct mr_resolve *r, struct mr_error *error)
{
    return mr_expression_string(r->builder, mr_str_of(mr_zone_id(r->builder->session->zone)), &r->rewritten,
                                error);
}

/* convert_timezone([from,] to, timestamp): from is the session's zone when it is not given. */
static int resolve_convert_timezone(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2) {
        const struct mr_expression *arguments[3] = {NULL, r->arguments[0], r->arguments[1]};
        MR_TRY(mr_expression_call(r->builder, MR_STR("current_timezone"), NULL, 0, &arguments[0], error));
        return mr_resolve_rewrite(r, "convert_timezone", arguments, 3, error);
    }
    return mr_resolve_signature(r, "ssN>N", error);
}

static const enum mr_type_id to_timestamp_id = MR_TIMESTAMP, to_ntz_id = MR_TIMESTAMP_NTZ,
                             to_date_id = MR_DATE;

#define SIMPLE(name, kernel, signature)                                                                      \
    {                                                                                                        \
        name, 1, 1, PURE, NULL, kernel, NULL, NULL, signature, NULL, NULL                                    \
    }
#define WITH(name, least, most, flags, kernel, signature)                                                    \
    {                                                                                                        \
        name, least, most, flags, NULL, kernel, NULL, NULL, signature, NULL, NULL                            \
    }
#define OWN(name, least, most, flags, resolve, kernel, data)                                                 \
    {                                                                                                        \
        name, least, most, flags, resolve, kernel, NULL, NULL, NULL, data, NULL                              \
    }
#define PATTERN(name, least, most, flags, resolve, kernel, signature, data)                                  \
    {                                                                                                        \
        name, least, most, flags, resolve, kernel, mr_datetime_open_formats, mr_datetime_close_formats,      \
            signature, data, NULL                                                                            \
    }
#define NOW(name, kernel, signature, shown)                                                                  \
    {                                                                                                        \
        name, 0, 0, MR_FN_BATCH_CONSTANT, NULL, kernel, NULL, NULL, signature, NULL, shown                   \
    }
#define UNIX(name, unit)                                                                                     \
    {                                                                                                        \
        name, 1, 1, PURE, NULL, mr_datetime_unix, NULL, NULL, "T>l", unit, NULL                              \
    }

const struct mr_function mr_functions_datetime[] = {
    NOW("current_timestamp", mr_datetime_now, ">T", NULL),
    NOW("now", mr_datetime_now, ">T", NULL),
    NOW("current_date", mr_datetime_today, ">D", NULL),
    NOW("curdate", mr_datetime_today, ">D", "current_date"),
    NOW("localtimestamp", mr_datetime_local_now, ">N", NULL),
    OWN("current_timezone", 0, 0, 0, resolve_current_timezone, NULL, NULL),
    SIMPLE("year", mr_datetime_year, "D>i"),
    SIMPLE("quarter", mr_datetime_quarter, "D>i"),
    SIMPLE("month", mr_datetime_month, "D>i"),
    SIMPLE("day", mr_datetime_day, "D>i"),
    SIMPLE("dayofmonth", mr_datetime_day, "D>i"),
    SIMPLE("dayofweek", mr_datetime_dayofweek, "D>i"),
    SIMPLE("weekday", mr_datetime_weekday, "D>i"),
    SIMPLE("dayofyear", mr_datetime_dayofyear, "D>i"),
    SIMPLE("weekofyear", mr_datetime_weekofyear, "D>i"),
    SIMPLE("hour", mr_datetime_hour, "t>i"),
    SIMPLE("minute", mr_datetime_minute, "t>i"),
    SIMPLE("second", mr_datetime_second, "t>i"),
    SIMPLE("dayname", mr_datetime_dayname, "D>s"),
    SIMPLE("monthname", mr_datetime_monthname, "D>s"),
    SIMPLE("last_day", mr_datetime_last_day, "D>D"),
    SIMPLE("extract_yearofweek", mr_datetime_yearofweek, "D>i"),
    SIMPLE("extract_dayofweek_iso", mr_datetime_dayofweek_iso, "D>i"),
    OWN("extract_second", 1, 1, PURE, resolve_second_fraction, mr_datetime_second_fraction, NULL),
    OWN("extract_interval_year", 1, 1, PURE, resolve_interval_field, mr_datetime_interval_field, "Y"),
    OWN("extract_interval_month", 1, 1, PURE, resolve_interval_field, mr_datetime_interval_field, "M"),
    OWN("extract_interval_day", 1, 1, PURE, resolve_interval_field, mr_datetime_interval_field, "D"),
    OWN("extract_interval_hour", 1, 1, PURE, resolve_interval_field, mr_datetime_interval_field, "h"),
    OWN("extract_interval_minute", 1, 1, PURE, resolve_interval_field, mr_datetime_interval_field, "m"),
    OWN("extract_interval_second", 1, 1, PURE, resolve_second_fraction, mr_datetime_interval_field, "s"),
    OWN("extract", 2, 2, 0, resolve_extract, NULL, NULL),
    OWN("date_part", 2, 2, 0, resolve_extract, NULL, NULL),
    OWN("datepart", 2, 2, 0, resolve_extract, NULL, NULL),
    OWN("date_add", 2, 3, PURE, resolve_date_add, mr_datetime_date_add, NULL),
    OWN("dateadd", 2, 3, PURE, resolve_date_add, mr_datetime_date_add, NULL),
    WITH("date_sub", 2, 2, PURE, mr_datetime_date_sub, "Di>D"),
    OWN("datediff", 2, 3, PURE, resolve_datediff, mr_datetime_datediff, NULL),
    OWN("date_diff", 2, 3, PURE, resolve_datediff, mr_datetime_datediff, NULL),
    WITH("add_months", 2, 2, N, mr_datetime_add_months, "Di>D"),
    OWN("months_between", 2, 3, N, resolve_months_between, mr_datetime_months_between, NULL),
    WITH("next_day", 2, 2, N, mr_datetime_next_day, "Ds>D"),
    WITH("trunc", 2, 2, N | MR_FN_MAY_BE_NULL, mr_datetime_trunc, "Ds>D"),
    WITH("date_trunc", 2, 2, N | MR_FN_MAY_BE_NULL, mr_datetime_date_trunc, "sT>T"),
    OWN("time_bucket", 2, 3, N, resolve_time_bucket, mr_datetime_time_bucket, NULL),
    OWN("timestampadd", 3, 3, N, resolve_timestampadd, mr_datetime_timestampadd, NULL),
    OWN("timestampdiff", 3, 3, N, resolve_timestampdiff, mr_datetime_timestampdiff, NULL),
    OWN("timestamp_seconds", 1, 1, N, resolve_timestamp_seconds, NULL, &second_us),
    OWN("timestamp_millis", 1, 1, N, resolve_timestamp_integral, mr_datetime_seconds_i64, &millisecond_us),
    OWN("timestamp_micros", 1, 1, N, resolve_timestamp_integral, mr_datetime_seconds_i64, &microsecond_us),
    UNIX("unix_seconds", &second_us),
    UNIX("unix_millis", &millisecond_us),
    UNIX("unix_micros", &microsecond_us),
    WITH("unix_date", 1, 1, PURE, mr_datetime_copy_i32, "D>i"),
    WITH("date_from_unix_date", 1, 1, PURE, mr_datetime_copy_i32, "i>D"),
    WITH("from_utc_timestamp", 2, 2, N, mr_datetime_from_utc, "Ts>T"),
    WITH("to_utc_timestamp", 2, 2, N, mr_datetime_to_utc, "Ts>T"),
    OWN("convert_timezone", 2, 3, N, resolve_convert_timezone, mr_datetime_convert_timezone, NULL),
    WITH("make_date", 3, 3, N, mr_datetime_make_date, "iii>D"),
    OWN("make_timestamp", 1, 7, N, resolve_make_timestamp, mr_datetime_make_timestamp, NULL),
    OWN("make_timestamp_ltz", 1, 7, N, resolve_make_timestamp, mr_datetime_make_timestamp, NULL),
    OWN("make_timestamp_ntz", 1, 6, N, resolve_make_timestamp, mr_datetime_make_timestamp, NULL),
    OWN("try_make_timestamp", 1, 7, N, resolve_make_timestamp, mr_datetime_make_timestamp, NULL),
    OWN("try_make_timestamp_ltz", 1, 7, N, resolve_make_timestamp, mr_datetime_make_timestamp, NULL),
    OWN("try_make_timestamp_ntz", 1, 6, N, resolve_make_timestamp, mr_datetime_make_timestamp, NULL),
    OWN("make_dt_interval", 0, 4, N, resolve_make_dt_interval, mr_datetime_make_dt_interval, NULL),
    OWN("make_ym_interval", 0, 2, N, resolve_make_ym_interval, mr_datetime_make_ym_interval, NULL),
    PATTERN("date_format", 2, 2, N, NULL, mr_datetime_date_format, "Ts>s", NULL),
    PATTERN("from_unixtime", 1, 2, N, resolve_from_unixtime, mr_datetime_from_unixtime, NULL, NULL),
    PATTERN("to_timestamp", 1, 2, N, resolve_to_time, mr_datetime_parse, NULL, &to_timestamp_id),
    PATTERN("to_timestamp_ltz", 1, 2, N, resolve_to_time, mr_datetime_parse, NULL, &to_timestamp_id),
    PATTERN("to_timestamp_ntz", 1, 2, N, resolve_to_time, mr_datetime_parse, NULL, &to_ntz_id),
    PATTERN("try_to_timestamp", 1, 2, N, resolve_to_time, mr_datetime_parse, NULL, &to_timestamp_id),
    PATTERN("to_date", 1, 2, N, resolve_to_time, mr_datetime_parse, NULL, &to_date_id),
    PATTERN("try_to_date", 1, 2, N, resolve_to_time, mr_datetime_parse, NULL, &to_date_id),
    PATTERN("unix_timestamp", 0, 2, N, resolve_unix_timestamp, mr_datetime_parse, NULL, NULL),
    PATTERN("to_unix_timestamp", 0, 2, N, resolve_unix_timestamp, mr_datetime_parse, NULL, NULL),
    {0},
};
