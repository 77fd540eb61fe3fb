/* expressions/csv_write.c: values written as CSV. */
#include "expressions/csv.h"

#include "columns/value.h"

#define TO(member) MR_OPTION_HOME(mr_csv_format, member)

const struct mr_option_spec mr_csv_write_table[] = {
    {"delimiter", MR_OPTION_TEXT, NULL, "the same as sep", TO(separator)},
    {"sep", MR_OPTION_TEXT, ",", "between values", TO(separator)},
    {"quote", MR_OPTION_CHARACTER, "\"", "around values that need it", TO(quote)},
    {"escape", MR_OPTION_CHARACTER, "\\", "before a quote within quotes", TO(escape)},
    {"charToEscapeQuoteEscaping", MR_OPTION_CHARACTER, "(the escape)", "before an escape within quotes",
     TO(escape_escape)},
    {"quoteAll", MR_OPTION_BOOLEAN, "false", "around all values", TO(quote_all)},
    {"nullValue", MR_OPTION_TEXT, "", "for NULL", TO(null_value)},
    {"emptyValue", MR_OPTION_TEXT, "\"\"", "for the empty string", TO(empty_value)},
    {"ignoreLeadingWhiteSpace", MR_OPTION_BOOLEAN, "true", "blanks before values are cut", TO(trim_leading)},
    {"ignoreTrailingWhiteSpace", MR_OPTION_BOOLEAN, "true", "blanks behind values are cut",
     TO(trim_trailing)},
    {.include = mr_time_option_table, TO(times.record)},
    {0},
};
#undef TO

int mr_csv_format_compile(struct mr_csv_format *format, struct mr_arena *arena, const struct mr_zone *zone,
                          struct mr_error *error)
{
    if (format->separator.size == 0)
        return mr_error_set(error, MR_E_SQL, "INVALID_DELIMITER_VALUE.EMPTY_STRING",
                            "The delimiter must not be empty.");
    format->quote += format->quote < 0; /* none is written as NUL, as Spark does */
    format->escape += format->escape < 0;
    if (format->escape_escape == 0 && format->escape != format->quote) /* not given */
        format->escape_escape = format->escape;
    format->escape_escape += format->escape_escape < 0;
    return mr_record_options_compile(&format->times.record, arena, zone, false, error);
}

static bool at_separator(const struct mr_csv_format *format, struct mr_str text, size_t at)
{
    size_t size = format->separator.size;
    return text.size - at >= size && memcmp(text.data + at, format->separator.data, size) == 0;
}

static bool needs_quotes(const struct mr_csv_format *format, struct mr_str value, bool first)
{
    if (format->quote_all || (first && value.data[0] == '#'))
        return true;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == format->quote || c == '\n' || c == '\r' || at_separator(format, value, i))
            return true;
    }
    return false;
}

void mr_csv_append(const struct mr_csv_format *format, struct mr_str value, bool first, struct mr_text *out)
{
    while (format->trim_leading && value.size > 0 && (unsigned char)value.data[0] <= ' ') {
        value.data++;
        value.size--;
    }
    while (format->trim_trailing && value.size > 0 && (unsigned char)value.data[value.size - 1] <= ' ')
        value.size--;
    if (value.size == 0) {
        mr_text_append(out, format->empty_value.data, format->empty_value.size);
        return;
    }
    if (!needs_quotes(format, value, first)) {
        mr_text_append(out, value.data, value.size);
        return;
    }
    mr_text_append_char(out, (char)format->quote);
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == format->quote)
            mr_text_append_char(out, (char)format->escape);
        else if (value.data[i] == format->escape && format->escape_escape > 0)
            mr_text_append_char(out, (char)format->escape_escape);
        mr_text_append_char(out, value.data[i]);
    }
    mr_text_append_char(out, (char)format->quote);
}

/* ---- a record of columns ---- */
static int append_value(const struct mr_csv_format *format, const struct mr_zone *zone,
                        const struct mr_column *c, int64_t row, struct mr_text *out, struct mr_error *error);

/* Behind a blank, as Spark has it, the first of a list too; what is NULL and written as nothing has none. */
static int append_null_or(const struct mr_csv_format *format, const struct mr_zone *zone,
                          const struct mr_column *c, int64_t row, bool first, struct mr_text *out,
                          struct mr_error *error)
{
    bool null = c->type->id == MR_VOID || mr_column_is_null(c, row);
    if (null ? format->null_value.size > 0 : !first)
        mr_text_append_char(out, ' ');
    if (!null)
        return append_value(format, zone, c, row, out, error);
    mr_text_append(out, format->null_value.data, format->null_value.size);
    return MR_OK;
}

static int append_nested(const struct mr_csv_format *format, const struct mr_zone *zone,
                         const struct mr_column *c, int64_t row, struct mr_text *out, struct mr_error *error)
{
    bool list = c->type->id == MR_ARRAY, map = c->type->id == MR_MAP;
    int64_t from = list || map ? c->offsets[row] : 0, to = list || map ? c->offsets[row + 1] : c->child_count;
    mr_text_append_char(out, list ? '[' : '{');
    for (int64_t k = from; k < to; k++) {
        const struct mr_column *child = c->children[list ? 0 : map ? 1 : k];
        if (k > from)
            mr_text_append_str(out, map ? ", " : ",");
        if (map) {
            MR_TRY(append_value(format, zone, c->children[0], k, out, error));
            mr_text_append_str(out, " ->");
        }
        MR_TRY(append_null_or(format, zone, child, list || map ? k : row, !map && k == from, out, error));
    }
    mr_text_append_char(out, list ? ']' : '}');
    return MR_OK;
}

static int append_value(const struct mr_csv_format *format, const struct mr_zone *zone,
                        const struct mr_column *c, int64_t row, struct mr_text *out, struct mr_error *error)
{
    bool time = c->type->id == MR_DATE || c->type->id == MR_TIMESTAMP || c->type->id == MR_TIMESTAMP_NTZ;
    if (c->type->id == MR_ARRAY || c->type->id == MR_MAP || c->type->id == MR_STRUCT)
        return append_nested(format, zone, c, row, out, error);
    if (!time) {
        mr_value_text(out, c, row, zone);
        return out->failed ? mr_error_memory(error, 0) : MR_OK;
    }
    struct mr_json_options options = format->times;
    size_t start = out->size;
    options.record.zone = zone;
    MR_TRY(mr_json_write(out, c, row, &options, error));
    memmove(out->data + start, out->data + start + 1, out->size - start - 2); /* JSON's quotes */
    out->size -= 2;
    return MR_OK;
}

static void append_null(const struct mr_csv_format *format, struct mr_text *out)
{
    if (format->quote_all)
        mr_text_append_char(out, (char)format->quote);
    mr_text_append(out, format->null_value.data, format->null_value.size);
    if (format->quote_all)
        mr_text_append_char(out, (char)format->quote);
}

int mr_csv_write(const struct mr_csv_format *format, const struct mr_zone *zone,
                 struct mr_column *const *columns, int count, int64_t row, struct mr_text *piece,
                 struct mr_text *out, struct mr_error *error)
{
    for (int f = 0; f < count; f++) {
        if (f > 0)
            mr_text_append(out, format->separator.data, format->separator.size);
        if (columns[f]->type->id == MR_VOID || mr_column_is_null(columns[f], row)) {
            append_null(format, out);
            continue;
        }
        mr_text_clear(piece);
        MR_TRY(append_value(format, zone, columns[f], row, piece, error));
        mr_csv_append(format, mr_text_str(piece), f == 0, out);
    }
    return MR_OK;
}
