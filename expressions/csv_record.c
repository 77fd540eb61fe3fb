/* expressions/csv_record.c: one record of CSV: split, converted, written. */
#include "base/number.h"
#include "expressions/csv_record.h"

/* ---- splitting ---- */
static bool at_separator(const struct mr_csv_rules *rules, struct mr_str text, size_t at)
{
    size_t size = rules->separator.size;
    return text.size - at >= size && memcmp(text.data + at, rules->separator.data, size) == 0;
}

static size_t separator_from(const struct mr_csv_rules *rules, struct mr_str text, size_t at)
{
    while (at < text.size && !at_separator(rules, text, at))
        at++;
    return at;
}

static int end_token(struct mr_csv_tokens *tokens, struct mr_error *error)
{
    if (tokens->count == tokens->capacity) {
        int capacity = tokens->capacity ? tokens->capacity * 2 : 16;
        size_t *ends = mr_reallocate(tokens->ends, sizeof *ends * (size_t)capacity);
        if (!ends)
            return mr_error_memory(error, sizeof *ends * (size_t)capacity);
        tokens->ends = ends;
        tokens->capacity = capacity;
    }
    tokens->ends[tokens->count++] = tokens->text.size;
    return tokens->text.failed ? mr_error_memory(error, tokens->text.size) : MR_OK;
}

/* at is behind the opening quote; gives back where the value ends. */
static size_t read_quoted(const struct mr_csv_rules *rules, struct mr_str text, size_t at,
                          struct mr_text *out)
{
    size_t before = out->size, open = at - 1;
    while (at < text.size) {
        char c = text.data[at], next = at + 1 < text.size ? text.data[at + 1] : '\0';
        if (c == rules->quote && !(rules->escape == rules->quote && next == rules->quote)) {
            at++;
            if (at == text.size || at_separator(rules, text, at))
                return at;
            out->size = before; /* it goes on: all of it as it stands */
            size_t end = separator_from(rules, text, at);
            mr_text_append(out, text.data + open, end - open);
            return end;
        }
        if (c == rules->escape && next == rules->quote)
            at++;
        mr_text_append_char(out, text.data[at++]);
    }
    return at;
}

int mr_csv_split(const struct mr_csv_rules *rules, struct mr_str record, struct mr_csv_tokens *tokens,
                 struct mr_error *error)
{
    mr_text_clear(&tokens->text);
    tokens->count = 0;
    for (size_t at = 0;;) {
        if (at < record.size && record.data[at] == rules->quote && rules->quote > 0) {
            at = read_quoted(rules, record, at + 1, &tokens->text);
        } else {
            size_t end = separator_from(rules, record, at), from = at, to = end;
            while (rules->trim_leading && from < to && (unsigned char)record.data[from] <= ' ')
                from++;
            while (rules->trim_trailing && to > from && (unsigned char)record.data[to - 1] <= ' ')
                to--;
            mr_text_append(&tokens->text, record.data + from, to - from);
            at = end;
        }
        MR_TRY(end_token(tokens, error));
        if (at >= record.size)
            return MR_OK;
        at += rules->separator.size;
    }
}

struct mr_str mr_csv_token(const struct mr_csv_tokens *tokens, int i)
{
    size_t start = i > 0 ? tokens->ends[i - 1] : 0;
    return (struct mr_str){tokens->text.data + start, tokens->ends[i] - start};
}

void mr_csv_tokens_release(struct mr_csv_tokens *tokens)
{
    mr_text_release(&tokens->text);
    mr_free(tokens->ends);
    tokens->ends = NULL;
}

/* ---- converting ---- */
static bool parse_integer(struct mr_str text, int64_t low, int64_t high, int64_t *out)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    bool negative = i && text.data[0] == '-';
    int64_t value = 0;
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return value >= low && value <= high;
}

static bool parse_floating(struct mr_str text, double *out)
{
    while (text.size > 0 && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    static const struct {
        const char *name;
        double value;
    } names[] = {{"NaN", (double)__builtin_nanf("")},
                 {"Inf", __builtin_inf()},
                 {"-Inf", -__builtin_inf()},
                 {"Infinity", __builtin_inf()},
                 {"-Infinity", -__builtin_inf()}};
    for (int i = 0; i < MR_COUNT(names); i++)
        if (mr_str_equal(text, mr_str_of(names[i].name))) {
            *out = names[i].value;
            return true;
        }
    if (text.size > 0 && text.data[0] == '+') {
        text.data++;
        text.size--;
    }
    bool digit = text.size > 0 &&
                 (text.data[0] == '-' || text.data[0] == '.' || (text.data[0] >= '0' && text.data[0] <= '9'));
    return digit && mr_number_parse_double(text.data, text.size, out) == text.size;
}

static bool parse_decimal(struct mr_str text, const struct mr_type *type, mr_i128 *out)
{
    char plain[128];
    size_t size = 0;
    bool overflow = false;
    for (size_t i = 0; i < text.size && size < sizeof plain; i++)
        if (text.data[i] != ',')
            plain[size++] = text.data[i];
    if (size == 0 || size == sizeof plain || (unsigned char)plain[0] <= ' ' ||
        (unsigned char)plain[size - 1] <= ' ')
        return false;
    return mr_decimal_parse((struct mr_str){plain, size}, type->precision, type->scale, out, &overflow) &&
           !overflow;
}

static bool parse_time(struct mr_str text, const struct mr_json_options *times, const struct mr_zone *zone,
                       enum mr_type_id id, int64_t *out)
{
    int32_t days = 0;
    bool good;
    switch (id) {
    case MR_DATE:
        good = times->record.date_format
                   ? mr_datetime_format_parse_date(times->record.date_format, text, &days)
                   : mr_date_parse(text, &days);
        *out = days;
        return good;
    case MR_TIMESTAMP:
        if (times->record.timestamp_format)
            return mr_datetime_format_parse_timestamp(times->record.timestamp_format, text, zone, out);
        return mr_timestamp_parse(text, zone, out);
    default:
        if (times->record.timestamp_ntz_format)
            return mr_datetime_format_parse_ntz(times->record.timestamp_ntz_format, text, false, out);
        return mr_timestamp_ntz_parse(text, out);
    }
}

static int put_integer(struct mr_column *column, int64_t row, int64_t value)
{
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
    return MR_OK;
}

int mr_csv_convert(struct mr_str value, const struct mr_json_options *times, const struct mr_zone *zone,
                   struct mr_column *column, int64_t row, struct mr_error *error)
{
    static const int64_t highest[] = {INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
    enum mr_type_id id = column->type->id;
    int64_t integer = 0;
    double number = 0;
    mr_i128 decimal = 0;
    switch (id) {
    case MR_BOOLEAN: {
        bool yes = mr_str_equal_nocase(value, MR_STR("true"));
        column->booleans[row] = yes;
        return yes || mr_str_equal_nocase(value, MR_STR("false")) ? MR_OK : MR_END;
    }
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_BIGINT: {
        int64_t most = highest[id - MR_TINYINT];
        return parse_integer(value, -most - 1, most, &integer) ? put_integer(column, row, integer) : MR_END;
    }
    case MR_FLOAT:
    case MR_DOUBLE:
        if (!parse_floating(value, &number))
            return MR_END;
        if (id == MR_FLOAT)
            column->f32[row] = (float)number;
        else
            column->f64[row] = number;
        return MR_OK;
    case MR_DECIMAL:
        if (!parse_decimal(value, column->type, &decimal))
            return MR_END;
        mr_decimal_put(column, row, decimal);
        return MR_OK;
    case MR_STRING:
    case MR_BINARY:
        return mr_column_set_bytes(column, row, value.data, value.size, error);
    case MR_DATE:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        return parse_time(value, times, zone, id, &integer) ? put_integer(column, row, integer) : MR_END;
    default:
        return MR_END;
    }
}

/* ---- inference ---- */
void mr_csv_type_text(struct mr_str value, const struct mr_json_options *times, struct mr_text *out)
{
    int64_t integer;
    double number;
    if (value.size == 0)
        mr_text_append_str(out, "STRING");
    else if (parse_integer(value, INT32_MIN, INT32_MAX, &integer))
        mr_text_append_str(out, "INT");
    else if (parse_integer(value, INT64_MIN, INT64_MAX, &integer))
        mr_text_append_str(out, "BIGINT");
    else if (strspn(value.data, "0123456789") >= value.size && value.size <= 38)
        mr_text_format(out, "DECIMAL(%d,0)", (int)value.size);
    else if (parse_floating(value, &number))
        mr_text_append_str(out, "DOUBLE");
    else if (parse_time(value, times, times->record.zone, MR_DATE, &integer) && value.size <= 10)
        mr_text_append_str(out, "DATE");
    else if (parse_time(value, times, times->record.zone, MR_TIMESTAMP, &integer))
        mr_text_append_str(out, "TIMESTAMP");
    else if (mr_str_equal_nocase(value, MR_STR("true")) || mr_str_equal_nocase(value, MR_STR("false")))
        mr_text_append_str(out, "BOOLEAN");
    else
        mr_text_append_str(out, "STRING");
}

/* ---- writing ---- */
static bool needs_quotes(const struct mr_csv_rules *rules, struct mr_str value, bool first)
{
    if (rules->quote_all || (first && value.data[0] == '#'))
        return true;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == rules->quote || c == '\n' || c == '\r' || at_separator(rules, value, i))
            return true;
    }
    return false;
}

void mr_csv_append(const struct mr_csv_rules *rules, struct mr_str value, bool first, struct mr_text *out)
{
    while (rules->trim_leading && value.size > 0 && (unsigned char)value.data[0] <= ' ') {
        value.data++;
        value.size--;
    }
    while (rules->trim_trailing && value.size > 0 && (unsigned char)value.data[value.size - 1] <= ' ')
        value.size--;
    if (value.size == 0) {
        mr_text_append(out, rules->empty_value.data, rules->empty_value.size);
        return;
    }
    if (!needs_quotes(rules, value, first)) {
        mr_text_append(out, value.data, value.size);
        return;
    }
    mr_text_append_char(out, (char)rules->quote);
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == rules->quote)
            mr_text_append_char(out, (char)rules->escape);
        mr_text_append_char(out, value.data[i]);
    }
    mr_text_append_char(out, (char)rules->quote);
}

/* ---- options, and a record of columns ---- */
#define TO(member) MR_OPTION_HOME(mr_csv_format, member)

const struct mr_option_spec mr_csv_write_table[] = {
    {"delimiter", MR_OPTION_TEXT, NULL, "the same as sep", TO(rules.separator)},
    {"sep", MR_OPTION_TEXT, ",", "between values", TO(rules.separator)},
    {"quote", MR_OPTION_CHARACTER, "\"", "around values that need it", TO(rules.quote)},
    {"escape", MR_OPTION_CHARACTER, "\\", "before a quote within quotes", TO(rules.escape)},
    {"quoteAll", MR_OPTION_BOOLEAN, "false", "around all values", TO(rules.quote_all)},
    {"nullValue", MR_OPTION_TEXT, "", "for NULL", TO(rules.null_value)},
    {"emptyValue", MR_OPTION_TEXT, "\"\"", "for the empty string", TO(rules.empty_value)},
    {"ignoreLeadingWhiteSpace", MR_OPTION_BOOLEAN, "true", "blanks before values are cut",
     TO(rules.trim_leading)},
    {"ignoreTrailingWhiteSpace", MR_OPTION_BOOLEAN, "true", "blanks behind values are cut",
     TO(rules.trim_trailing)},
    {.include = mr_time_option_table, TO(times.record)},
    {0},
};
/* The same, but for the last three. */
static const struct mr_option_spec read_table[] = {
    {.include = mr_csv_write_table},
    {"emptyValue", MR_OPTION_TEXT, "", "what an empty quoted value is read as", TO(rules.empty_value)},
    {"ignoreLeadingWhiteSpace", MR_OPTION_BOOLEAN, "false", "blanks before values do not count",
     TO(rules.trim_leading)},
    {"ignoreTrailingWhiteSpace", MR_OPTION_BOOLEAN, "false", "blanks behind values do not count",
     TO(rules.trim_trailing)},
    {.include = mr_record_option_table, TO(times.record)},
    {0},
};

int mr_csv_format_read(struct mr_csv_format *format, bool writing, struct mr_arena *arena,
                       const struct mr_zone *zone, const struct mr_option *options, int count,
                       struct mr_error *error)
{
    const struct mr_option_spec *table = writing ? mr_csv_write_table : read_table;
    *format = (struct mr_csv_format){0};
    mr_json_options_init(&format->times, zone);
    MR_TRY(mr_options_read(table, NULL, options, count, format, error));
    return mr_csv_format_compile(format, arena, zone, error);
}

int mr_csv_format_compile(struct mr_csv_format *format, struct mr_arena *arena, const struct mr_zone *zone,
                          struct mr_error *error)
{
    if (format->rules.separator.size == 0)
        return mr_error_set(error, MR_E_SQL, "INVALID_DELIMITER_VALUE.EMPTY_STRING",
                            "The delimiter must not be empty.");
    format->rules.quote += format->rules.quote < 0; /* none is written as NUL, as Spark does */
    format->rules.escape += format->rules.escape < 0;
    return mr_record_options_compile(&format->times.record, arena, zone, false, error);
}

static int value_text(const struct mr_csv_format *format, const struct mr_zone *zone,
                      const struct mr_column *c, int64_t row, struct mr_text *out, struct mr_error *error)
{
    bool time = c->type->id == MR_DATE || c->type->id == MR_TIMESTAMP || c->type->id == MR_TIMESTAMP_NTZ;
    mr_text_clear(out);
    if (!time) {
        mr_value_text(out, c, row, zone);
        return out->failed ? mr_error_memory(error, 0) : MR_OK;
    }
    struct mr_json_options options = format->times;
    options.record.zone = zone;
    MR_TRY(mr_json_write(out, c, row, &options, error));
    memmove(out->data, out->data + 1, out->size - 2); /* JSON's quotes */
    out->size -= 2;
    return MR_OK;
}

int mr_csv_write(const struct mr_csv_format *format, const struct mr_zone *zone,
                 struct mr_column *const *columns, int count, int64_t row, struct mr_text *piece,
                 struct mr_text *out, struct mr_error *error)
{
    const struct mr_csv_rules *rules = &format->rules;
    for (int f = 0; f < count; f++) {
        if (f > 0)
            mr_text_append(out, rules->separator.data, rules->separator.size);
        if (columns[f]->type->id == MR_VOID || mr_column_is_null(columns[f], row)) {
            mr_text_append(out, rules->null_value.data, rules->null_value.size);
            continue;
        }
        MR_TRY(value_text(format, zone, columns[f], row, piece, error));
        mr_csv_append(rules, mr_text_str(piece), f == 0, out);
    }
    return MR_OK;
}
