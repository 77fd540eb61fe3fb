/* cli/rows.c: rows as an aligned table, as JSON lines, or as CSV. */
#include "base/json.h"
#include "cli/cli.h"

#define ALIGNED_ROWS 10000
#define WIDEST 80 /* longer values are cut in a table, with … */

struct mr_row_printer {
    FILE *stream;
    enum mr_output_format format;
    struct mr_arena arena; /* the schema, which outlives the query it is of */
    const struct mr_type *schema;
    const struct mr_zone *zone;
    struct mr_batch kept; /* TABLE: rows that decide the widths */
    bool aligned;
    int *widths;
    bool *right;
    int64_t rows;
    struct mr_text text;
};

int mr_row_printer_open(struct mr_row_printer **out, FILE *stream, enum mr_output_format format,
                        const struct mr_type *schema, const struct mr_zone *zone, struct mr_error *error)
{
    struct mr_row_printer *printer = mr_allocate_zeroed(sizeof(*printer));
    if (!printer)
        return mr_error_memory(error, sizeof(*printer));
    *printer = (struct mr_row_printer){.stream = stream, .format = format, .zone = zone};
    mr_arena_init(&printer->arena);
    mr_text_init(&printer->text);
    printer->schema = mr_type_copy(&printer->arena, schema);
    printer->widths = mr_allocate_zeroed(sizeof(int) * (size_t)(schema->field_count + 1));
    printer->right = mr_allocate_zeroed(sizeof(bool) * (size_t)(schema->field_count + 1));
    *out = printer;
    if (!printer->schema || !printer->widths || !printer->right)
        return mr_error_memory(error, 64);
    if (format == MR_OUTPUT_TABLE)
        return mr_batch_init(&printer->kept, printer->schema, 256, error);
    if (format == MR_OUTPUT_CSV) {
        for (int c = 0; c < schema->field_count; c++)
            fprintf(stream, "%s%s", c > 0 ? "," : "", schema->fields[c].name);
        fputc('\n', stream);
    }
    return MR_OK;
}

/* ---- JSON and CSV ---- */
static void print_json(struct mr_row_printer *printer, const struct mr_batch *batch, int64_t row)
{
    struct mr_text *text = &printer->text;
    mr_text_clear(text);
    struct mr_json_writer writer = {.out = text};
    mr_json_begin_object(&writer);
    for (int c = 0; c < printer->schema->field_count; c++) {
        mr_json_key(&writer, printer->schema->fields[c].name);
        if (mr_column_is_null(batch->columns[c], row)) {
            mr_json_null(&writer);
        } else {
            mr_value_json(text, batch->columns[c], row, printer->zone, false);
            writer.comma = true;
        }
    }
    mr_json_end_object(&writer);
    mr_text_append_char(text, '\n');
    fwrite(text->data, 1, text->size, printer->stream);
}

static void print_csv_value(struct mr_row_printer *printer, struct mr_str value)
{
    bool quoted = value.size == 0;
    for (size_t i = 0; i < value.size && !quoted; i++)
        quoted = strchr(",\"\r\n", value.data[i]) != NULL;
    if (!quoted) {
        fwrite(value.data, 1, value.size, printer->stream);
        return;
    }
    fputc('"', printer->stream);
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '"')
            fputc('"', printer->stream);
        fputc(value.data[i], printer->stream);
    }
    fputc('"', printer->stream);
}

static void print_csv(struct mr_row_printer *printer, const struct mr_batch *batch, int64_t row)
{
    for (int c = 0; c < printer->schema->field_count; c++) {
        if (c > 0)
            fputc(',', printer->stream);
        if (mr_column_is_null(batch->columns[c], row))
            continue;
        mr_text_clear(&printer->text);
        mr_value_text(&printer->text, batch->columns[c], row, printer->zone);
        print_csv_value(printer, mr_text_str(&printer->text));
    }
    fputc('\n', printer->stream);
}

/* ---- table ---- */
static struct mr_str cell(struct mr_row_printer *printer, const struct mr_column *column, int64_t row)
{
    mr_text_clear(&printer->text);
    if (mr_column_is_null(column, row))
        mr_text_append_str(&printer->text, "NULL");
    else
        mr_value_text(&printer->text, column, row, printer->zone);
    for (size_t i = 0; i < printer->text.size; i++)
        if ((unsigned char)printer->text.data[i] < ' ')
            printer->text.data[i] = ' ';
    return mr_text_str(&printer->text);
}

static void print_cell(struct mr_row_printer *printer, int c, struct mr_str text, bool last)
{
    int width = printer->widths[c], columns = mr_text_columns(text);
    bool shortened = columns > width;
    if (shortened) {
        text.size = mr_text_cut(text, width - 1);
        columns = mr_text_columns(text) + 1;
    }
    int blanks = width - columns;
    if (printer->right[c])
        fprintf(printer->stream, "%*s", blanks, "");
    fwrite(text.data, 1, text.size, printer->stream);
    if (shortened)
        fputs("…", printer->stream);
    if (!printer->right[c] && !last)
        fprintf(printer->stream, "%*s", blanks, "");
    fputs(last ? "\n" : "  ", printer->stream);
}

static void print_rows(struct mr_row_printer *printer, const struct mr_batch *batch)
{
    int count = printer->schema->field_count;
    for (int64_t row = 0; row < batch->length; row++)
        for (int c = 0; c < count; c++)
            print_cell(printer, c, cell(printer, batch->columns[c], row), c == count - 1);
}

static void align(struct mr_row_printer *printer)
{
    bool colour = mr_terminal(printer->stream);
    int count = printer->schema->field_count;
    for (int c = 0; c < count; c++) {
        const struct mr_field *field = &printer->schema->fields[c];
        int width = mr_text_columns(mr_str_of(field->name));
        for (int64_t row = 0; row < printer->kept.length; row++) {
            int columns = mr_text_columns(cell(printer, printer->kept.columns[c], row));
            width = columns > width ? columns : width;
        }
        printer->widths[c] = width > WIDEST ? WIDEST : width < 1 ? 1 : width;
        printer->right[c] = mr_type_is_numeric(field->type);
    }
    if (colour)
        fputs("\033[1m", printer->stream);
    for (int c = 0; c < count; c++)
        print_cell(printer, c, mr_str_of(printer->schema->fields[c].name), c == count - 1);
    if (colour)
        fputs("\033[0m", printer->stream);
    for (int c = 0; c < count; c++) {
        for (int i = 0; i < printer->widths[c]; i++)
            fputs("─", printer->stream);
        fputs(c == count - 1 ? "\n" : "  ", printer->stream);
    }
    print_rows(printer, &printer->kept);
    mr_batch_release(&printer->kept);
    printer->aligned = true;
}

int mr_row_printer_add(struct mr_row_printer *printer, const struct mr_batch *batch, struct mr_error *error)
{
    printer->rows += batch->length;
    if (printer->format == MR_OUTPUT_TABLE && !printer->aligned) {
        MR_TRY(mr_batch_append(&printer->kept, batch, error));
        if (printer->kept.length >= ALIGNED_ROWS)
            align(printer);
        return MR_OK;
    }
    if (printer->format == MR_OUTPUT_TABLE)
        print_rows(printer, batch);
    for (int64_t row = 0; printer->format != MR_OUTPUT_TABLE && row < batch->length; row++) {
        if (printer->format == MR_OUTPUT_JSON)
            print_json(printer, batch, row);
        else
            print_csv(printer, batch, row);
    }
    return MR_OK;
}

int mr_row_printer_close(struct mr_row_printer *printer, int status, struct mr_error *error)
{
    bool complete = status >= 0;
    if (!printer)
        return status;
    if (printer->format == MR_OUTPUT_TABLE && (complete || printer->rows > 0)) {
        if (!printer->aligned)
            align(printer);
        fprintf(printer->stream, "(%lld row%s%s)\n", (long long)printer->rows, printer->rows == 1 ? "" : "s",
                complete ? "" : ", then it failed");
    }
    if (fflush(printer->stream) != 0 && complete)
        status = mr_error_set(error, MR_E_IO, "FAILED_WRITE_OUTPUT",
                              "Cannot write the rows: the output is closed or full.");
    mr_batch_release(&printer->kept);
    mr_text_release(&printer->text);
    mr_free(printer->widths);
    mr_free(printer->right);
    mr_arena_release(&printer->arena);
    mr_free(printer);
    return status;
}
