/* expressions/json_scalar.c: one JSON token -> one value of an atomic type, by Spark's rules per type. */
#include "base/number.h"
#include "expressions/append.h"
#include "expressions/encoding.h"
#include "expressions/interval_text.h"
#include "expressions/json_internal.h"

static int put_i64(struct mr_column *column, int64_t value, struct mr_error *error)
{
    int64_t row;
    MR_TRY(mr_append_row(column, &row, error));
    switch (mr_type_width(column->type)) {
    case 1:
        column->i8[row] = (int8_t)value;
        break;
    case 2:
        column->i16[row] = (int16_t)value;
        break;
    case 4:
        column->i32[row] = (int32_t)value;
        break;
    default:
        column->i64[row] = value;
    }
    return MR_JSON_FIT;
}

static bool parse_i64(struct mr_str text, int64_t *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    int64_t value = 0;
    for (size_t i = negative; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static int convert_integer(struct mr_str text, const struct mr_json_token *token, struct mr_column *column,
                           struct mr_error *error)
{
    /* A TINYINT takes 128 to 255 too, and wraps: Jackson's byte. */
    static const int64_t lowest[] = {INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN};
    static const int64_t highest[] = {UINT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
    int64_t value;
    int k = (int)column->type->id - MR_TINYINT;
    if (token->kind != MR_JSON_T_INTEGER || !parse_i64(text, &value) || value < lowest[k] ||
        value > highest[k])
        return MR_JSON_MISFIT;
    return put_i64(column, value, error);
}

static bool named_number(struct mr_str text, double *out)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"NaN", (double)__builtin_nanf("")}, {"Infinity", __builtin_inf()},
                 {"+Infinity", __builtin_inf()},      {"+INF", __builtin_inf()},
                 {"-Infinity", -__builtin_inf()},     {"-INF", -__builtin_inf()}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (mr_str_equal(text, mr_str_of(names[i].name))) {
            *out = names[i].value;
            return true;
        }
    }
    return false;
}

static int convert_floating(struct mr_json_converter *c, const struct mr_json_token *token,
                            struct mr_column *column, struct mr_error *error)
{
    struct mr_str text = mr_json_token_text(c->from, token);
    double value = 0;
    float single = 0;
    if (token->kind == MR_JSON_T_INTEGER || token->kind == MR_JSON_T_FLOAT) {
        if (column->type->id == MR_FLOAT)
            mr_number_parse_float(text.data, text.size, &single);
        else
            mr_number_parse_double(text.data, text.size, &value);
        if (token->kind == MR_JSON_T_INTEGER && value == 0 && single == 0)
            value = single = 0; /* an integer has no negative zero */
    } else if (token->kind == MR_JSON_T_NON_NUMBER || token->kind == MR_JSON_T_STRING) {
        if (!c->options.allow_non_numeric_numbers || !named_number(text, &value))
            return MR_JSON_MISFIT;
        single = (float)value;
    } else {
        return MR_JSON_MISFIT;
    }
    int64_t row;
    MR_TRY(mr_append_row(column, &row, error));
    if (column->type->id == MR_FLOAT)
        column->f32[row] = single;
    else
        column->f64[row] = value;
    return MR_JSON_FIT;
}

/* Numbers, and texts of numbers with commas between the thousands. */
static int convert_decimal(struct mr_json_converter *c, const struct mr_json_token *token,
                           struct mr_column *column, struct mr_error *error)
{
    struct mr_str text = mr_json_token_text(c->from, token);
    if (token->kind == MR_JSON_T_STRING) {
        text = mr_json_unescape(c->from, token, &c->scratch);
        mr_text_clear(&c->other_scratch);
        for (size_t i = 0; i < text.size; i++)
            if (text.data[i] != ',')
                mr_text_append_char(&c->other_scratch, text.data[i]);
        text = mr_text_str(&c->other_scratch);
    } else if (token->kind != MR_JSON_T_INTEGER && token->kind != MR_JSON_T_FLOAT) {
        return MR_JSON_MISFIT;
    }
    mr_i128 value;
    bool overflow = false;
    if (text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ' ||
        !mr_decimal_parse(text, column->type->precision, column->type->scale, &value, &overflow) || overflow)
        return MR_JSON_MISFIT;
    int64_t row;
    MR_TRY(mr_append_row(column, &row, error));
    mr_decimal_put(column, row, value);
    return MR_JSON_FIT;
}

/* "2000-01-01T00:00GMT+01:00", as Spark's first versions wrote it. */
static struct mr_str without_gmt(struct mr_str text, char buffer[128])
{
    if (text.size >= 128 || text.size < 3)
        return text;
    for (size_t i = 0; i + 3 <= text.size; i++) {
        if (memcmp(text.data + i, "GMT", 3) == 0) {
            memcpy(buffer, text.data, i);
            memcpy(buffer + i, text.data + i + 3, text.size - i - 3);
            return (struct mr_str){buffer, text.size - 3};
        }
    }
    return text;
}

static bool parse_timestamp(const struct mr_json_options *o, struct mr_str text, int64_t *out)
{
    char buffer[128];
    if (o->record.timestamp_format) {
        if (mr_datetime_format_parse_timestamp(o->record.timestamp_format, text, o->record.zone, out))
            return true;
        if (!o->record.date_time_fallback)
            return false;
    } else if (mr_timestamp_parse_iso(text.data, text.size, out)) {
        return true;
    }
    return mr_timestamp_parse(text, o->record.zone, out) ||
           mr_timestamp_parse(without_gmt(text, buffer), o->record.zone, out);
}

/* Does a text that is a timestamp name a zone? Digits, '-', ':' and '.' are the rest of it; a '-' behind the
 * time is an offset's. */
static bool names_zone(struct mr_str text)
{
    bool in_time = false;
    for (size_t i = 0; i < text.size; i++) {
        char ch = text.data[i];
        bool plain = (ch >= '0' && ch <= '9') || ch == ':' || ch == '.' || ch == ' ';
        if (in_time && !plain)
            return true;
        in_time |= ch == ':';
    }
    return false;
}

static bool parse_timestamp_ntz(const struct mr_json_options *o, struct mr_str text, int64_t *out)
{
    if (o->record.timestamp_ntz_format)
        return mr_datetime_format_parse_ntz(o->record.timestamp_ntz_format, text, false, out);
    return !names_zone(text) && mr_timestamp_ntz_parse(text, out);
}

static bool parse_date(const struct mr_json_options *o, struct mr_str text, int32_t *out)
{
    char buffer[128];
    int64_t days;
    if (o->record.date_format) {
        if (mr_datetime_format_parse_date(o->record.date_format, text, out))
            return true;
        if (!o->record.date_time_fallback)
            return false;
    }
    if (mr_date_parse(text, out) || mr_date_parse(without_gmt(text, buffer), out))
        return true;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < '0' || text.data[i] > '9') && !(i == 0 && text.data[i] == '-' && text.size > 1))
            return false;
    if (text.size == 0 || !parse_i64(text, &days) || days != (int32_t)days)
        return false;
    *out = (int32_t)days; /* days since 1970, as Spark's first versions wrote dates */
    return true;
}

static int convert_time(struct mr_json_converter *c, const struct mr_json_token *token,
                        struct mr_column *column, struct mr_error *error)
{
    enum mr_type_id id = column->type->id;
    int64_t value = 0;
    int32_t days = 0;
    if (token->kind == MR_JSON_T_INTEGER && id == MR_TIMESTAMP) { /* seconds; too many of them wrap */
        if (!parse_i64(mr_json_token_text(c->from, token), &value))
            return MR_JSON_MISFIT;
        return put_i64(column, (int64_t)((uint64_t)value * 1000000), error);
    }
    if (token->kind != MR_JSON_T_STRING || token->size == 0)
        return MR_JSON_MISFIT;
    struct mr_str text = mr_json_unescape(c->from, token, &c->scratch);
    bool good;
    switch (id) {
    case MR_DATE:
        good = parse_date(&c->options, text, &days);
        value = days;
        break;
    case MR_TIMESTAMP:
        good = parse_timestamp(&c->options, text, &value);
        break;
    case MR_TIMESTAMP_NTZ:
        good = parse_timestamp_ntz(&c->options, text, &value);
        break;
    default:
        good = mr_interval_parse(text, column->type, &value);
    }
    return good ? put_i64(column, value, error) : MR_JSON_MISFIT;
}

static int convert_string(struct mr_json_converter *c, uint32_t index, struct mr_column *column,
                          struct mr_error *error)
{
    const struct mr_json_token *token = &c->from->tokens[index];
    struct mr_str text = mr_json_token_text(c->from, token);
    bool stays = c->text_stays;
    if (token->kind == MR_JSON_T_STRING) {
        text = mr_json_unescape(c->from, token, &c->scratch);
        stays &= !token->escaped;
    } else if (!c->options.exact_text) {
        mr_text_clear(&c->other_scratch);
        mr_json_normalize(c->from, index, &c->scratch, &c->other_scratch);
        text = mr_text_str(&c->other_scratch);
        stays = false;
    }
    if (c->scratch.failed || c->other_scratch.failed)
        return mr_error_memory(error, text.size);
    MR_TRY(stays ? mr_append_view(column, text, error) : mr_append_text(column, text, error));
    return MR_JSON_FIT;
}

static int convert_binary(struct mr_json_converter *c, const struct mr_json_token *token,
                          struct mr_column *column, struct mr_error *error)
{
    if (token->kind != MR_JSON_T_STRING)
        return MR_JSON_MISFIT;
    struct mr_str text = mr_json_unescape(c->from, token, &c->scratch);
    size_t size;
    char *bytes = mr_allocate(text.size / 4 * 3 + 4);
    if (!bytes)
        return mr_error_memory(error, text.size);
    int status = MR_JSON_MISFIT;
    if (mr_base64_decode(text.data, text.size, MR_BASE64_STRICT, bytes, &size))
        status = mr_append_text(column, (struct mr_str){bytes, size}, error);
    mr_free(bytes);
    return status;
}

int mr_json_convert_scalar(struct mr_json_converter *c, uint32_t index, struct mr_column *column,
                           struct mr_error *error)
{
    const struct mr_json_token *token = &c->from->tokens[index];
    if (token->kind == MR_JSON_T_NULL) {
        MR_TRY(mr_column_append_null(column, error));
        return MR_JSON_FIT;
    }
    switch (column->type->id) {
    case MR_VOID:
        MR_TRY(mr_column_append_null(column, error));
        return MR_JSON_FIT;
    case MR_BOOLEAN:
        if (token->kind != MR_JSON_T_TRUE && token->kind != MR_JSON_T_FALSE)
            return MR_JSON_MISFIT;
        return put_i64(column, token->kind == MR_JSON_T_TRUE, error);
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_BIGINT:
        return convert_integer(mr_json_token_text(c->from, token), token, column, error);
    case MR_FLOAT:
    case MR_DOUBLE:
        return convert_floating(c, token, column, error);
    case MR_DECIMAL:
        return convert_decimal(c, token, column, error);
    case MR_STRING:
        return convert_string(c, index, column, error);
    case MR_BINARY:
        return convert_binary(c, token, column, error);
    case MR_DATE:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
    case MR_INTERVAL_DAY_TIME:
    case MR_INTERVAL_YEAR_MONTH:
        return convert_time(c, token, column, error);
    default:
        return MR_JSON_MISFIT;
    }
}
