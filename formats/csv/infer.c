/* formats/csv/infer.c: what columns a CSV file would have. Types are tried in the order of enum
 * mr_csv_kind; a column never goes back to one it has left. */
#include "formats/csv/csv.h"
#include "formats/infer.h"

struct inference {
    const struct csv_plan *plan;
    struct mr_infer *infer;
    struct mr_csv_record record;
    struct mr_infer_node **columns; /* by position */
    int count;
    bool named;
    int64_t skip_rows;
};

static enum mr_infer_kind kind_of(const struct mr_csv_options *o, struct mr_str text, enum mr_infer_kind had,
                                  int *precision)
{
    enum mr_csv_kind from = had == MR_INFER_BOOLEAN ? MR_CSV_BOOLEAN
                            : had >= MR_INFER_INT   ? (enum mr_csv_kind)(had - MR_INFER_INT)
                                                    : MR_CSV_INT;
    enum mr_csv_kind kind = mr_csv_kind_of(o, text, from, precision);
    return kind == MR_CSV_STRING    ? MR_INFER_STRING
           : kind == MR_CSV_BOOLEAN ? MR_INFER_BOOLEAN
                                    : (enum mr_infer_kind)(MR_INFER_INT + kind);
}
_Static_assert((int)MR_INFER_TIMESTAMP - (int)MR_INFER_INT == (int)MR_CSV_TIMESTAMP,
               "kinds of CSV are kinds of inference");

static void infer_value(const struct csv_options *o, struct mr_infer_node *node, struct mr_str text)
{
    int precision = 0;
    enum mr_infer_kind had = node->kind, kind = MR_INFER_STRING;
    if (had == MR_INFER_STRING || text.size == 0 || mr_str_equal(text, o->csv.null_value))
        return;
    if (o->infer_schema)
        kind = kind_of(&o->csv, text, had, &precision);
    if (had == MR_INFER_DATE && kind == MR_INFER_TIMESTAMP && o->csv.record.date_pattern)
        kind = MR_INFER_STRING; /* days in a form of their own are no timestamps */
    if (had == MR_INFER_TIMESTAMP && kind == MR_INFER_DATE)
        kind = MR_INFER_TIMESTAMP;
    mr_infer_scalar(node, kind, precision, 0);
}

/* Names of columns: from the header, or _cN. */
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
        char *made = header ? csv_header_name(&infer->arena, &in->record, i)
                            : mr_arena_format(&infer->arena, "_c%d", i);
        in->columns[i] = made ? mr_infer_member(infer, infer->root, mr_str_of(made)) : NULL;
        if (!in->columns[i])
            return mr_error_memory(error, sizeof(struct mr_infer_node));
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
        const struct mr_csv_token *token = &in->record.tokens[i];
        if (!mr_csv_token_is_null(token))
            infer_value(&in->plan->options, in->columns[i], mr_csv_token_text(&in->record, token));
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
            status = mr_csv_split(&in->record, &o->csv, p, end, NULL, &ignored, error);
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
        if (empty || (unsigned char)*p == o->csv.comment || in->skip_rows > 0) {
            in->skip_rows -= in->skip_rows > 0;
            mr_line_end(p, end, mr_str_of(line_end), &p);
            continue;
        }
        status = mr_csv_split(&in->record, &o->csv, p, end, line_end, &p, error);
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
    mr_csv_record_release(&in.record);
    if (status < 0)
        mr_error_at(error, range->input->name, 0, 0, -1);
    range->input->close(range->input);
    return status;
}
