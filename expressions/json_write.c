/* expressions/json_write.c: values as JSON text, the way Spark's JacksonGenerator writes them, and JSON
 * written anew. */
#include <stdio.h>

#include "base/json.h"
#include "base/number.h"
#include "expressions/encoding.h"
#include "expressions/json_internal.h"

struct writer {
    struct mr_text *out;
    const struct mr_json_options *options;
    int depth; /* open objects: what pretty indents by */
};

static void escape_unit(struct mr_text *out, uint32_t unit)
{
    char text[8];
    snprintf(text, sizeof text, "\\u%04X", unit & 0xFFFF);
    mr_text_append(out, text, 6);
}

static uint32_t decode(const char *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    if (size == 2)
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    if (size == 3)
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

static size_t write_wide(struct mr_text *out, const char *data, size_t size, bool ascii)
{
    size_t n = mr_utf8_character_size(data, size);
    if (n == 0) {
        mr_text_append_str(out, ascii ? "\\uFFFD" : "\xEF\xBF\xBD");
        return 1;
    }
    if (!ascii) {
        mr_text_append(out, data, n);
        return n;
    }
    uint32_t c = decode(data, n);
    if (c >= 0x10000) {
        escape_unit(out, 0xD800 + ((c - 0x10000) >> 10));
        escape_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
        escape_unit(out, c);
    }
    return n;
}

static void write_quoted(struct mr_text *out, struct mr_str text, bool ascii)
{
    mr_text_append_char(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < text.size;) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        mr_text_append(out, text.data + plain, i - plain);
        if (c >= 0x80) {
            i += write_wide(out, text.data + i, text.size - i, ascii);
        } else {
            static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
            const char *known = c ? strchr(from, c) : NULL;
            if (known) {
                mr_text_append_char(out, '\\');
                mr_text_append_char(out, to[known - from]);
            } else {
                escape_unit(out, c);
            }
            i++;
        }
        plain = i;
    }
    mr_text_append(out, text.data + plain, text.size - plain);
    mr_text_append_char(out, '"');
}

/* ---- JSON written anew ---- */
static void normalize_integer(struct mr_str text, struct mr_text *out)
{
    bool negative = text.data[0] == '-';
    size_t i = negative;
    while (i + 1 < text.size && text.data[i] == '0')
        i++;
    if (negative && !(i + 1 == text.size && text.data[i] == '0'))
        mr_text_append_char(out, '-');
    mr_text_append(out, text.data + i, text.size - i);
}

static void normalize_number(struct mr_str text, struct mr_text *out)
{
    char digits[32];
    double value = 0;
    mr_number_parse_double(text.data, text.size, &value);
    size_t size = mr_number_text(value, digits);
    bool finite = value - value == 0;
    if (!finite)
        mr_text_append_char(out, '"');
    mr_text_append(out, digits, size);
    if (!finite)
        mr_text_append_char(out, '"');
}

static void normalize_non_number(struct mr_str text, struct mr_text *out)
{
    const char *name = memchr(text.data, 'a', text.size) ? "\"NaN\"" : "\"Infinity\"";
    mr_text_append_str(out, text.data[0] == '-' ? "\"-Infinity\"" : name);
}

void mr_json_normalize(const struct mr_json_tokens *tokens, uint32_t index, struct mr_text *scratch,
                       struct mr_text *out)
{
    const struct mr_json_token *token = &tokens->tokens[index];
    struct mr_str text = mr_json_token_text(tokens, token);
    bool object = token->kind == MR_JSON_T_OBJECT;
    switch ((enum mr_json_token_kind)token->kind) {
    case MR_JSON_T_OBJECT:
    case MR_JSON_T_ARRAY:
        mr_text_append_char(out, object ? '{' : '[');
        for (uint32_t i = index + 1; i < token->next; i = tokens->tokens[i].next) {
            if (i > index + 1)
                mr_text_append_char(out, ',');
            if (object) {
                write_quoted(out, mr_json_unescape(tokens, &tokens->tokens[i], scratch), false);
                mr_text_append_char(out, ':');
                i++;
            }
            mr_json_normalize(tokens, i, scratch, out);
        }
        mr_text_append_char(out, object ? '}' : ']');
        break;
    case MR_JSON_T_NAME:
    case MR_JSON_T_STRING:
        write_quoted(out, mr_json_unescape(tokens, token, scratch), false);
        break;
    case MR_JSON_T_INTEGER:
        normalize_integer(text, out);
        break;
    case MR_JSON_T_FLOAT:
        normalize_number(text, out);
        break;
    case MR_JSON_T_NON_NUMBER:
        normalize_non_number(text, out);
        break;
    default:
        mr_text_append(out, text.data, text.size);
    }
}

/* ---- values ---- */
/* Java's BigDecimal.toString: an exponent when the number is very small. */
static void write_decimal(struct mr_text *out, mr_i128 value, int scale)
{
    char text[48];
    size_t size = mr_decimal_text(value, 0, text);
    bool negative = text[0] == '-';
    int digits = (int)size - negative, adjusted = digits - 1 - scale;
    if (adjusted >= -6) {
        size = mr_decimal_text(value, scale, text);
        mr_text_append(out, text, size);
        return;
    }
    mr_text_append(out, text, (size_t)negative + 1);
    if (digits > 1) {
        mr_text_append_char(out, '.');
        mr_text_append(out, text + negative + 1, (size_t)digits - 1);
    }
    mr_text_format(out, "E%d", adjusted);
}

static char *put_digits(char *to, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + count;
}

/* "2024-01-02", years beyond four digits with a sign; room for 24 bytes. */
static char *put_date(char *to, const struct mr_civil *c)
{
    int64_t year = c->year < 0 ? -c->year : c->year;
    if (c->year < 0 || year > 9999)
        *to++ = c->year < 0 ? '-' : '+';
    to = put_digits(to, (int)year, year > 99999 ? 6 : year > 9999 ? 5 : 4);
    *to++ = '-';
    to = put_digits(to, c->month, 2);
    *to++ = '-';
    return put_digits(to, c->day, 2);
}

static void write_timestamp(struct mr_text *out, int64_t micros, const struct mr_zone *zone)
{
    struct mr_civil c;
    char text[64], *to = text;
    int32_t offset = zone ? mr_zone_offset_seconds(zone, micros) : 0;
    mr_civil_from_micros(micros + (int64_t)offset * 1000000, &c);
    *to++ = '"';
    to = put_date(to, &c);
    *to++ = 'T';
    to = put_digits(to, c.hour, 2);
    *to++ = ':';
    to = put_digits(to, c.minute, 2);
    *to++ = ':';
    to = put_digits(to, c.second, 2);
    *to++ = '.';
    to = put_digits(to, c.microsecond / 1000, 3);
    if (zone && offset == 0) {
        *to++ = 'Z';
    } else if (zone) {
        int minutes = (offset < 0 ? -offset : offset) / 60;
        *to++ = offset < 0 ? '-' : '+';
        to = put_digits(to, minutes / 60, 2);
        *to++ = ':';
        to = put_digits(to, minutes % 60, 2);
    }
    *to++ = '"';
    mr_text_append(out, text, (size_t)(to - text));
}

static int write_formatted(struct mr_text *out, const struct mr_datetime_format *format, int64_t micros,
                           const struct mr_zone *zone, struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    bool good = mr_datetime_format_print(format, micros, zone, &text);
    if (good)
        write_quoted(out, mr_text_str(&text), false);
    mr_text_release(&text);
    if (good)
        return MR_OK;
    return mr_error_set(error, MR_E_DATA, "INVALID_DATETIME_PATTERN.WITH_SUGGESTION",
                        "The datetime pattern asks for something that the value does not have.");
}

static int write_time(const struct writer *w, const struct mr_column *column, int64_t row,
                      struct mr_error *error)
{
    const struct mr_json_options *o = w->options;
    struct mr_civil c;
    char text[32], *end;
    switch (column->type->id) {
    case MR_TIMESTAMP:
        if (o->record.timestamp_print)
            return write_formatted(w->out, o->record.timestamp_print, column->i64[row], o->record.zone,
                                   error);
        write_timestamp(w->out, column->i64[row], o->record.zone);
        return MR_OK;
    case MR_TIMESTAMP_NTZ:
        if (o->record.timestamp_ntz_print)
            return write_formatted(w->out, o->record.timestamp_ntz_print, column->i64[row], NULL, error);
        write_timestamp(w->out, column->i64[row], NULL);
        return MR_OK;
    default:
        if (o->record.date_print)
            return write_formatted(w->out, o->record.date_print, column->i32[row] * 86400000000LL, NULL,
                                   error);
        mr_civil_from_days(column->i32[row], &c);
        text[0] = '"';
        end = put_date(text + 1, &c);
        *end++ = '"';
        mr_text_append(w->out, text, (size_t)(end - text));
        return MR_OK;
    }
}

static void write_floating(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    char text[32];
    bool single = column->type->id == MR_FLOAT;
    double value = single ? (double)column->f32[row] : column->f64[row];
    size_t size = single ? mr_number_text_float(column->f32[row], text) : mr_number_text(value, text);
    bool quoted = value - value != 0;
    if (quoted)
        mr_text_append_char(out, '"');
    mr_text_append(out, text, size);
    if (quoted)
        mr_text_append_char(out, '"');
}

static int write_bytes(struct mr_text *out, struct mr_str bytes, struct mr_error *error)
{
    size_t size = mr_base64_encoded_size(bytes.size);
    char *text = mr_allocate(size + 1);
    if (!text)
        return mr_error_memory(error, size);
    mr_base64_encode(bytes.data, bytes.size, text);
    write_quoted(out, (struct mr_str){text, size}, false);
    mr_free(text);
    return MR_OK;
}

static int write_value(struct writer *w, const struct mr_column *column, int64_t row, struct mr_error *error);

/* A map's key is text whatever its type: what Java's toString gives for Spark's inner form of the value. */
static int write_key(struct writer *w, const struct mr_column *column, int64_t row, struct mr_error *error)
{
    struct mr_text text, *out = w->out;
    enum mr_type_id id = column->type->id;
    if (id == MR_STRING) {
        write_quoted(out, mr_view_str(&column->views[row]), w->options->write_non_ascii_as_escapes);
        return MR_OK;
    }
    mr_text_init(&text);
    int status = MR_OK;
    if (mr_type_is_integral(column->type) || (id >= MR_DATE && id <= MR_INTERVAL_YEAR_MONTH)) {
        mr_text_format(&text, "%lld", (long long)mr_integer_at(column, row));
    } else if (id == MR_STRUCT) {
        struct writer inner = {&text, w->options, 0};
        mr_text_append_char(&text, '[');
        for (int f = 0; f < column->child_count && status >= 0; f++) {
            if (f > 0)
                mr_text_append_char(&text, ',');
            if (column->children[f]->type->id == MR_STRING && !mr_column_is_null(column->children[f], row))
                mr_text_append(&text, mr_view_data(&column->children[f]->views[row]),
                               column->children[f]->views[row].size);
            else
                status = write_value(&inner, column->children[f], row, error);
        }
        mr_text_append_char(&text, ']');
    } else {
        mr_value_text(&text, column, row, w->options->record.zone);
    }
    if (text.failed && status >= 0)
        status = mr_error_memory(error, 0);
    if (status >= 0)
        write_quoted(out, mr_text_str(&text), w->options->write_non_ascii_as_escapes);
    mr_text_release(&text);
    return status;
}

static void new_line(struct writer *w)
{
    if (!w->options->pretty)
        return;
    mr_text_append_char(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        mr_text_append_str(w->out, "  ");
}

static void open_object(struct writer *w)
{
    mr_text_append_char(w->out, '{');
    w->depth++;
}

static void next_member(struct writer *w, bool first)
{
    if (!first)
        mr_text_append_char(w->out, ',');
    new_line(w);
}

static void close_object(struct writer *w, bool empty)
{
    w->depth--;
    if (!empty)
        new_line(w);
    else if (w->options->pretty)
        mr_text_append_char(w->out, ' ');
    mr_text_append_char(w->out, '}');
}

static int write_struct(struct writer *w, const struct mr_column *column, int64_t row, struct mr_error *error)
{
    bool first = true;
    open_object(w);
    for (int f = 0; f < column->child_count; f++) {
        if (w->options->ignore_null_fields && mr_column_is_null(column->children[f], row))
            continue;
        next_member(w, first);
        first = false;
        write_quoted(w->out, mr_str_of(column->type->fields[f].name), w->options->write_non_ascii_as_escapes);
        mr_text_append_str(w->out, w->options->pretty ? " : " : ":");
        MR_TRY(write_value(w, column->children[f], row, error));
    }
    close_object(w, first);
    return MR_OK;
}

static int write_map(struct writer *w, const struct mr_column *column, int64_t row, struct mr_error *error)
{
    int32_t begin = column->offsets[row], end = column->offsets[row + 1];
    open_object(w);
    for (int32_t i = begin; i < end; i++) {
        next_member(w, i == begin);
        MR_TRY(write_key(w, column->children[0], i, error));
        mr_text_append_str(w->out, w->options->pretty ? " : " : ":");
        MR_TRY(write_value(w, column->children[1], i, error));
    }
    close_object(w, begin == end);
    return MR_OK;
}

static int write_array(struct writer *w, const struct mr_column *column, int64_t row, struct mr_error *error)
{
    bool pretty = w->options->pretty;
    int32_t begin = column->offsets[row], end = column->offsets[row + 1];
    mr_text_append_str(w->out, pretty ? "[ " : "[");
    for (int32_t i = begin; i < end; i++) {
        if (i > begin)
            mr_text_append_str(w->out, pretty ? ", " : ",");
        MR_TRY(write_value(w, column->children[0], i, error));
    }
    mr_text_append_str(w->out, pretty && end > begin ? " ]" : "]");
    return MR_OK;
}

static int write_value(struct writer *w, const struct mr_column *column, int64_t row, struct mr_error *error)
{
    struct mr_text *out = w->out;
    if (column->type->id == MR_VOID || mr_column_is_null(column, row)) {
        mr_text_append_str(out, "null");
        return MR_OK;
    }
    switch (column->type->id) {
    case MR_BOOLEAN:
        mr_text_append_str(out, column->booleans[row] ? "true" : "false");
        break;
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_BIGINT: {
        char text[24];
        mr_text_append(out, text, mr_number_text_i64(mr_integer_at(column, row), text));
        break;
    }
    case MR_FLOAT:
    case MR_DOUBLE:
        write_floating(out, column, row);
        break;
    case MR_DECIMAL:
        write_decimal(out, mr_decimal_at(column, row), column->type->scale);
        break;
    case MR_STRING:
        write_quoted(out, mr_view_str(&column->views[row]), w->options->write_non_ascii_as_escapes);
        break;
    case MR_BINARY:
        return write_bytes(out, mr_view_str(&column->views[row]), error);
    case MR_DATE:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        return write_time(w, column, row, error);
    case MR_ARRAY:
        return write_array(w, column, row, error);
    case MR_MAP:
        return write_map(w, column, row, error);
    case MR_STRUCT:
        return write_struct(w, column, row, error);
    default: /* intervals */
        mr_text_append_char(out, '"');
        mr_value_text(out, column, row, w->options->record.zone);
        mr_text_append_char(out, '"');
    }
    return MR_OK;
}

int mr_json_write(struct mr_text *out, const struct mr_column *column, int64_t row,
                  const struct mr_json_options *options, struct mr_error *error)
{
    struct writer w = {out, options, 0};
    MR_TRY(write_value(&w, column, row, error));
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}
