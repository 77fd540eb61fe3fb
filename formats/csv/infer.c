/* formats/csv/infer.c: what columns a CSV file would have. Types are tried in Spark's order: INT, BIGINT,
 * DECIMAL without places, DOUBLE, DATE, TIMESTAMP, BOOLEAN, STRING; a column never goes back to one it has
 * left. */
#include <stdio.h>

#include "formats/csv/csv.h"
#include "formats/infer.h"

struct inference {
    const struct csv_plan *plan;
    struct mr_infer *infer;
    struct csv_record record;
    struct mr_infer_node **columns; /* by position */
    int count;
    bool named;
    int64_t skip_rows;
};

static bool is_integer(struct mr_str text, int64_t *out)
{
    char copy[32];
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return mr_option_parse_integer(copy, out);
}

/* A number without places: its digits; 0: none such, or more than 38. */
static int whole_digits(struct mr_str text)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    while (i < text.size && text.data[i] == '0')
        i++;
    size_t digits = text.size - i;
    for (; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
    return digits <= 38 ? (int)(digits ? digits : 1) : 0;
}

static bool is_date(const struct csv_options *o, struct mr_str text)
{
    int32_t days;
    if (o->record.date_format)
        return mr_datetime_format_parse_date(o->record.date_format, text, &days);
    return text.size == 10 && text.data[4] == '-' && text.data[7] == '-' && mr_date_parse(text, &days);
}

static bool is_timestamp(const struct csv_options *o, struct mr_str text)
{
    int64_t micros;
    return o->record.timestamp_format
               ? mr_datetime_format_parse_timestamp(o->record.timestamp_format, text, o->record.zone, &micros)
               : mr_timestamp_parse(text, o->record.zone, &micros);
}

/* The first kind from `from` on that the text is of. */
static enum mr_infer_kind kind_of(const struct csv_options *o, struct mr_str text, enum mr_infer_kind from,
                                  int *precision)
{
    int64_t number;
    double real;
    *precision = 0;
    if (from <= MR_INFER_LONG && is_integer(text, &number))
        return from <= MR_INFER_INT && number == (int32_t)number ? MR_INFER_INT : MR_INFER_LONG;
    if (from <= MR_INFER_DECIMAL) {
        *precision = whole_digits(text);
        if (*precision > 0)
            return MR_INFER_DECIMAL;
    }
    bool named = mr_str_equal(text, o->nan_value) || mr_str_equal(text, o->positive_infinity) ||
                 mr_str_equal(text, o->negative_infinity);
    if (from <= MR_INFER_DOUBLE && (named || csv_double_parse(text, &real)))
        return MR_INFER_DOUBLE;
    if (from <= MR_INFER_DATE && o->prefer_date && is_date(o, text))
        return MR_INFER_DATE;
    if (from <= MR_INFER_TIMESTAMP && is_timestamp(o, text))
        return MR_INFER_TIMESTAMP;
    if (mr_str_equal_nocase(text, MR_STR("true")) || mr_str_equal_nocase(text, MR_STR("false")))
        return MR_INFER_BOOLEAN;
    return MR_INFER_STRING;
}

static void infer_value(const struct csv_options *o, struct mr_infer_node *node, struct mr_str text)
{
    int precision;
    enum mr_infer_kind had = node->kind, kind;
    if (had == MR_INFER_STRING || text.size == 0 || mr_str_equal(text, o->null_value))
        return;
    if (!o->infer_schema)
        kind = MR_INFER_STRING;
    else if (had == MR_INFER_BOOLEAN) /* its place in the order of types is behind the times */
        kind = kind_of(o, text, MR_INFER_STRING, &precision);
    else
        kind = kind_of(o, text, had, &precision);
    if (had == MR_INFER_DATE && kind == MR_INFER_TIMESTAMP && o->record.date_pattern)
        kind = MR_INFER_STRING; /* days in a form of their own are no timestamps */
    if (had == MR_INFER_TIMESTAMP && kind == MR_INFER_DATE)
        kind = MR_INFER_TIMESTAMP;
    mr_infer_scalar(node, kind, precision, 0);
}

/* Names of columns: from the header, made unique; _cN without. */
static int name_columns(struct inference *in, struct mr_error *error)
{
    struct mr_infer *infer = in->infer;
    int count = in->record.count;
    bool header = in->plan->options.header;
    in->named = true;
    if (!infer->root)
        infer->root = mr_infer_node_new(infer, MR_INFER_STRUCT);
    in->columns = MR_ARENA_ARRAY(&infer->arena, struct mr_infer_node *, count + 1);
    if (!infer->root || !in->columns)
        return mr_error_memory(error, sizeof(struct mr_infer_node *) * (size_t)count);
    in->count = count;
    for (int i = 0; i < count; i++) {
        struct mr_str name = header ? csv_token_text(&in->record, &in->record.tokens[i]) : MR_STR("");
        bool twice = false;
        for (int k = 0; k < count && header && name.size > 0; k++)
            twice |= k != i && mr_str_equal_nocase(name, csv_token_text(&in->record, &in->record.tokens[k]));
        char *made = name.size == 0 ? mr_arena_format(&infer->arena, "_c%d", i)
                     : twice        ? mr_arena_format(&infer->arena, "%.*s%d", (int)name.size, name.data, i)
                                    : mr_arena_copy_text(&infer->arena, name.data, name.size);
        in->columns[i] = made ? mr_infer_member(infer, infer->root, mr_str_of(made)) : NULL;
        if (!in->columns[i])
            return mr_error_memory(error, name.size);
    }
    return MR_OK;
}

static int infer_record(struct inference *in, struct mr_error *error)
{
    bool header = in->plan->options.header;
    if (!in->named) {
        MR_TRY(name_columns(in, error));
        if (header)
            return MR_OK;
    }
    for (int i = 0; i < in->record.count && i < in->count; i++) {
        const struct csv_token *token = &in->record.tokens[i];
        if (token->data || token->moved)
            infer_value(&in->plan->options, in->columns[i], csv_token_text(&in->record, token));
    }
    return MR_OK;
}

static int infer_lines(struct inference *in, struct mr_lines *lines, struct mr_error *error)
{
    const struct csv_options *o = &in->plan->options;
    int status = MR_OK;
    while (status == MR_OK && in->infer->bytes_left > 0) {
        status = mr_lines_fill(lines, error);
        if (status != MR_OK)
            break;
        in->infer->bytes_left -= lines->end - lines->next;
        for (const char *p = lines->next, *next; p < lines->end && status >= 0; p = next) {
            const char *ignored, *end = mr_line_end(p, lines->end, lines->separator, &next);
            struct mr_str line = {p, (size_t)(end - p)};
            if (in->skip_rows > 0 ? in->skip_rows-- > 0 : csv_is_nothing(o, line))
                continue;
            status = csv_record_read(&in->record, o, p, end, NULL, &ignored, error);
            if (status >= 0)
                status = infer_record(in, error);
        }
        lines->next = lines->end;
    }
    return status < 0 ? status : MR_OK;
}

static int infer_whole(struct inference *in, struct mr_stream *stream, struct mr_error *error)
{
    const struct csv_options *o = &in->plan->options;
    struct mr_buffer *whole = NULL;
    MR_TRY(csv_read_whole(stream, &whole, error));
    const char *p = whole->data, *end = p + whole->size;
    if (whole->size >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        p += 3;
    const char *line_end = csv_detect_line_end(o, p, (size_t)(end - p));
    int status = MR_OK;
    in->infer->bytes_left -= (int64_t)whole->size;
    while (p < end && status >= 0) {
        bool empty = strncmp(p, line_end, strlen(line_end)) == 0;
        if (empty || (unsigned char)*p == o->comment || in->skip_rows > 0) {
            in->skip_rows -= in->skip_rows > 0;
            mr_line_end(p, end, mr_str_of(line_end), &p);
            continue;
        }
        status = csv_record_read(&in->record, o, p, end, line_end, &p, error);
        if (status >= 0)
            status = infer_record(in, error);
    }
    mr_buffer_unref(whole);
    return status;
}

int mr_csv_infer(struct mr_format *format, const struct mr_format_range *range, struct mr_infer *infer,
                 struct mr_error *error)
{
    struct inference in = {.plan = format->ctx, .infer = infer};
    struct mr_lines lines = {0};
    const struct csv_options *o = &in.plan->options;
    mr_text_init(&in.record.scratch);
    in.skip_rows = o->skip_rows;
    int status = mr_lines_of_range(&lines, format, range, &o->text.lines, error);
    if (status >= 0) {
        status = o->text.multi_line ? infer_whole(&in, lines.stream, error) : infer_lines(&in, &lines, error);
        mr_lines_close(&lines);
    }
    csv_record_release(&in.record);
    if (status < 0)
        mr_error_at(error, range->input->name, 0, 0, -1);
    range->input->close(range->input);
    return status;
}
