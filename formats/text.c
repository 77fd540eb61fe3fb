/* formats/text.c: the text format: a line, or a whole file, is one value of the column "value". */
#include "formats/stream.h"
#include "formats/utf8_clean.h"
#include "formats/format.h"

struct text_plan {
    int column; /* of the batch that takes the text; -1: nobody wants it */
    bool whole;
    struct mr_line_options lines;
};
#define TO(member) MR_OPTION_HOME(text_plan, member)

static const struct mr_option_spec options[] = {
    {.include = mr_line_option_table, TO(lines)},
    {"wholeText", MR_OPTION_BOOLEAN, "false", "a file is one value", TO(whole)},
    {0},
};

struct text_reader {
    struct mr_lines lines;
    struct mr_text whole, clean;
    bool done;
};

static int text_open(struct mr_format *format, struct mr_error *error)
{
    struct text_plan *plan = format->ctx;
    plan->column = -1;
    for (int i = 0; format->schema && i < format->schema->field_count; i++) {
        if (format->schema->fields[i].type->id != MR_STRING || i > 0) {
            mr_error_set(error, MR_E_SQL, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                         "The text format has one column, a STRING; the schema has more, or another type.");
            return error->code;
        }
        if (!format->used || format->used[i])
            plan->column = i;
    }
    return MR_OK;
}

static bool text_splittable(const struct mr_format *format)
{
    const struct text_plan *plan = format->ctx;
    return !plan->whole && mr_lines_splittable(&plan->lines);
}

static int text_reader_open(struct mr_format_reader *reader, struct mr_error *error)
{
    const struct text_plan *plan = reader->format->ctx;
    struct text_reader *r = mr_allocate_zeroed(sizeof *r);
    reader->ctx = r;
    if (!r)
        return mr_error_memory(error, sizeof *r);
    mr_text_init(&r->whole);
    mr_text_init(&r->clean);
    MR_TRY(mr_lines_of_range(&r->lines, reader->format, &reader->range, &plan->lines, error));
    if (plan->whole)
        r->lines.skip_mark = false; /* it is part of the file */
    return MR_OK;
}

static void text_reader_close(struct mr_format_reader *reader)
{
    struct text_reader *r = reader->ctx;
    if (!r)
        return;
    mr_lines_close(&r->lines);
    mr_text_release(&r->whole);
    mr_text_release(&r->clean);
    mr_free(r);
}

static int read_whole(struct text_reader *r, struct mr_column *column, int64_t *rows, struct mr_error *error)
{
    int status = MR_OK;
    if (r->done)
        return MR_END;
    r->done = true;
    while (status == MR_OK) {
        status = mr_lines_fill(&r->lines, error);
        MR_TRY(status);
        mr_text_append(&r->whole, r->lines.next, (size_t)(r->lines.end - r->lines.next));
        r->lines.next = r->lines.end;
    }
    if (r->whole.failed)
        return mr_error_memory(error, r->whole.size);
    if (r->whole.size == 0)
        return MR_END; /* empty files are no rows, as in Spark */
    struct mr_str text = mr_utf8_clean(mr_text_str(&r->whole), &r->clean);
    if (column)
        MR_TRY(mr_column_set_bytes(column, 0, text.data, text.size, error));
    *rows = 1;
    return MR_OK;
}

static int put_line(struct text_reader *r, struct mr_column *column, int64_t row, struct mr_str line,
                    bool valid, struct mr_error *error)
{
    if (!valid) {
        struct mr_str clean = mr_utf8_clean(line, &r->clean);
        if (clean.data != line.data)
            return mr_column_set_bytes(column, row, clean.data, clean.size, error);
    }
    column->views[row] = mr_view_of(line.data, (uint32_t)line.size);
    return MR_OK;
}

static int read_lines(struct text_reader *r, struct mr_column *column, int64_t *rows, struct mr_error *error)
{
    struct mr_lines *lines = &r->lines;
    while (*rows < MR_BATCH_ROWS) {
        int status = mr_lines_fill(lines, error);
        if (status == MR_END)
            return *rows > 0 ? MR_OK : MR_END;
        MR_TRY(status);
        struct mr_str chunk = {lines->next, (size_t)(lines->end - lines->next)};
        bool valid = !column || mr_utf8_valid_prefix(chunk) == chunk.size;
        while (lines->next < lines->end && *rows < MR_BATCH_ROWS) {
            const char *next, *end = mr_line_end(lines->next, lines->end, lines->separator, &next);
            struct mr_str line = {lines->next, (size_t)(end - lines->next)};
            if (column)
                MR_TRY(put_line(r, column, *rows, line, valid, error));
            ++*rows;
            lines->next = next;
        }
        if (column)
            MR_TRY(mr_column_keep(column, lines->buffer, error));
    }
    return MR_OK;
}

static int text_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    struct text_reader *r = reader->ctx;
    const struct text_plan *plan = reader->format->ctx;
    struct mr_column *column = plan->column >= 0 ? batch->columns[plan->column] : NULL;
    int64_t rows = 0;
    int status = plan->whole ? read_whole(r, column, &rows, error) : read_lines(r, column, &rows, error);
    MR_TRY(status);
    if (column)
        column->length = rows;
    batch->length = rows;
    return status;
}

static const struct mr_type *text_schema(void)
{
    static struct mr_field field = {.name = "value", .nullable = true};
    static const struct mr_type schema = {.id = MR_STRUCT, .field_count = 1, .fields = &field};
    field.type = mr_type_of(MR_STRING);
    return &schema;
}

const struct mr_format_type mr_text_row_format = {
    .name = "text",
    .options = options,
    .plan_bytes = sizeof(struct text_plan),
    .open = text_open,
    .splittable = text_splittable,
    .reader_open = text_reader_open,
    .read = text_read,
    .reader_close = text_reader_close,
    .fixed_schema = text_schema,
};
