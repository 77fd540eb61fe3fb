/* sinks/console.c: see console.h. */
#include "sinks/console.h"

#include <stdio.h>
#include <stdlib.h>

#include "columns/value.h"
#include "sinks/row_log.h"

struct console_sink {
    struct mr_row_log *log;
    int rows, truncate;
    const char *truncate_text; /* as given */
};

/* ---- the table ---- */

/* Characters, as the terminal counts them: code points (wide ones count once, too). */
static size_t characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Bytes of the first n characters. */
static size_t prefix(const char *text, size_t size, size_t n)
{
    size_t i = 0;
    for (; i < size; i++) {
        bool begins = ((unsigned char)text[i] & 0xC0) != 0x80;
        if (begins && n-- == 0)
            break;
    }
    return i;
}

struct cell {
    size_t start, size, width; /* in the text of all cells */
};

static struct cell add_cell(struct mr_text *cells, size_t start, int truncate)
{
    size_t size = cells->size - start, width = characters(cells->data + start, size);
    if (truncate > 0 && width > (size_t)truncate) {
        bool dots = truncate >= 4; /* below there is no room for them */
        size_t kept = prefix(cells->data + start, size, (size_t)(dots ? truncate - 3 : truncate));
        cells->size = start + kept;
        if (dots)
            mr_text_append_str(cells, "...");
        size = cells->size - start;
        width = (size_t)truncate;
    }
    return (struct cell){start, size, width};
}

static void pad(struct mr_text *out, size_t count, char c)
{
    for (size_t i = 0; i < count; i++)
        mr_text_append_char(out, c);
}

static void write_rule(struct mr_text *out, const size_t *widths, int columns)
{
    for (int c = 0; c < columns; c++) {
        mr_text_append_char(out, '+');
        pad(out, widths[c], '-');
    }
    mr_text_append_str(out, "+\n");
}

static void write_line(struct mr_text *out, const struct mr_text *texts, const struct cell *cells,
                       const size_t *widths, int columns, bool right)
{
    for (int c = 0; c < columns; c++) {
        size_t blanks = widths[c] - cells[c].width;
        mr_text_append_char(out, '|');
        pad(out, right ? blanks : 0, ' ');
        mr_text_append(out, texts->data + cells[c].start, cells[c].size);
        pad(out, right ? 0 : blanks, ' ');
    }
    mr_text_append_str(out, "|\n");
}

static void fill_cells(struct mr_text *texts, struct cell *cells, size_t *widths, const struct mr_batch *rows,
                       int truncate, const struct mr_zone *zone)
{
    int columns = rows->schema->field_count;
    for (int64_t line = 0; line <= rows->length; line++) {
        for (int c = 0; c < columns; c++) {
            size_t start = texts->size;
            if (line == 0)
                mr_text_append_str(texts, rows->schema->fields[c].name);
            else if (mr_column_is_null(rows->columns[c], line - 1))
                mr_text_append_str(texts, "NULL");
            else
                mr_value_text(texts, rows->columns[c], line - 1, zone);
            struct cell cell = add_cell(texts, start, truncate);
            cells[line * columns + c] = cell;
            if (cell.width > widths[c])
                widths[c] = cell.width;
        }
    }
}

void mr_console_table(struct mr_text *out, const struct mr_batch *rows, int64_t more, int truncate,
                      const struct mr_zone *zone)
{
    int columns = rows->schema->field_count;
    struct mr_text texts;
    mr_text_init(&texts);
    struct cell *cells = mr_allocate_zeroed(sizeof *cells * (size_t)((rows->length + 1) * columns + 1));
    size_t *widths = mr_allocate_zeroed(sizeof *widths * (size_t)(columns + 1));
    if (cells && widths) {
        for (int c = 0; c < columns; c++)
            widths[c] = 3;
        fill_cells(&texts, cells, widths, rows, truncate, zone);
        write_rule(out, widths, columns);
        write_line(out, &texts, cells, widths, columns, truncate > 0);
        write_rule(out, widths, columns);
        for (int64_t row = 1; row <= rows->length; row++)
            write_line(out, &texts, cells + row * columns, widths, columns, truncate > 0);
        write_rule(out, widths, columns);
        if (more > 0)
            mr_text_format(out, "only showing top %lld row%s\n", (long long)rows->length,
                           rows->length == 1 ? "" : "s");
        mr_text_append_char(out, '\n');
    }
    out->failed |= !cells || !widths || texts.failed;
    mr_free(cells);
    mr_free(widths);
    mr_text_release(&texts);
}

/* ---- the sink ---- */

#define TO(member) MR_OPTION_HOME(console_sink, member)

static const struct mr_option_spec console_options[] = {
    {"numRows", MR_OPTION_INTEGER, "20", "rows shown of each batch", TO(rows)},
    {"truncate", MR_OPTION_TEXT, "true", "true: to 20 characters; false; or a number", TO(truncate_text)},
    {0},
};

static int read_options(struct mr_sink *sink, struct console_sink *self, struct mr_error *error)
{
    bool yes;
    MR_TRY(mr_options_read(console_options, "console", sink->options, sink->option_count, self, error));
    const char *truncate = self->truncate_text;
    self->rows = self->rows < 0 ? 0 : self->rows > 1000000 ? 1000000 : self->rows;
    if (mr_option_parse_boolean(truncate, &yes)) {
        self->truncate = yes ? 20 : 0;
        return MR_OK;
    }
    char *end;
    long long number = strtoll(truncate, &end, 10);
    if (*end != 0 || end == truncate || number < 0 || number > 1000000)
        return mr_error_set(
            error, MR_E_USAGE, "INVALID_OPTION_VALUE",
            "The option truncate of the console is true, false or a number of characters, not '%s'.",
            truncate);
    self->truncate = (int)number;
    return MR_OK;
}

static void console_close(struct mr_sink *sink)
{
    struct console_sink *self = sink->ctx;
    if (self)
        mr_row_log_close(self->log);
    mr_free(self);
    sink->ctx = NULL;
}

static int console_open(struct mr_sink *sink, struct mr_error *error)
{
    struct console_sink *self = mr_allocate_zeroed(sizeof *self);
    sink->ctx = self;
    if (!self)
        return mr_error_memory(error, sizeof *self);
    int status = read_options(sink, self, error);
    if (status >= 0)
        status = mr_row_log_open(&self->log, sink, self->rows, true, error);
    if (status < 0)
        console_close(sink);
    return status;
}

static int console_begin(struct mr_sink *sink, int64_t batch, struct mr_error *error)
{
    return mr_row_log_begin(((struct console_sink *)sink->ctx)->log, batch, error);
}

static int console_write(struct mr_sink *sink, int worker, const struct mr_batch *batch,
                         struct mr_error *error)
{
    return mr_row_log_write(((struct console_sink *)sink->ctx)->log, worker, batch, error);
}

static int console_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                           const struct mr_register *predecessor, struct mr_text *manifest,
                           struct mr_error *error)
{
    (void)predecessor;
    return mr_row_log_prepare(((struct console_sink *)sink->ctx)->log, batch, decision_id, manifest, error);
}

struct printing {
    struct mr_sink *sink;
    struct mr_text text;
};

static int print_part(void *ctx, int64_t batch, struct mr_batch *rows, int64_t more, struct mr_error *error)
{
    struct printing *printing = ctx;
    struct console_sink *self = printing->sink->ctx;
    static const char line[] = "-------------------------------------------\n";
    if (rows->length > self->rows) { /* several workers kept as many each */
        struct mr_batch first;
        more += rows->length - self->rows;
        MR_TRY(mr_batch_slice(rows, 0, self->rows, &first, error));
        mr_batch_release(rows);
        mr_batch_move(rows, &first);
    }
    mr_text_format(&printing->text, "%sBatch: %lld\n%s", line, (long long)batch, line);
    mr_console_table(&printing->text, rows, more, self->truncate, printing->sink->zone);
    return printing->text.failed ? mr_error_memory(error, printing->text.size) : MR_OK;
}

static int console_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error)
{
    struct printing printing = {.sink = sink};
    struct mr_row_manifest head;
    mr_text_init(&printing.text);
    int status = mr_row_manifest_read(manifest, sink->schema, &head, print_part, &printing, error);
    if (status >= 0 && (fwrite(printing.text.data, 1, printing.text.size, stdout) < printing.text.size ||
                        fflush(stdout) != 0))
        status = mr_error_set(error, MR_E_IO, "TASK_WRITE_FAILED", "Cannot write to standard output.");
    mr_text_release(&printing.text);
    return status;
}

static void console_abandon(struct mr_sink *sink)
{
    mr_row_log_abandon(((struct console_sink *)sink->ctx)->log);
}

static void console_describe(struct mr_sink *sink, struct mr_text *out)
{
    struct console_sink *self = sink->ctx;
    mr_text_format(out, "ConsoleSink[numRows=%d, truncate=%d]", self->rows, self->truncate);
}

const struct mr_sink_type mr_console_sink = {
    .name = "console",
    .modes = 1U << MR_MODE_APPEND | 1U << MR_MODE_UPDATE | 1U << MR_MODE_COMPLETE,
    .flags = MR_SINK_NO_REGISTER,
    .open = console_open,
    .begin = console_begin,
    .write = console_write,
    .prepare = console_prepare,
    .publish = console_publish,
    .abandon = console_abandon,
    .describe = console_describe,
    .close = console_close,
};
