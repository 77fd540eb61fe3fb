/* formats/csv/csv.c: the CSV format: lines to batches, headers, and what becomes of records that do not fit.
 */
#include "formats/csv/csv.h"

#include <stdio.h>

#include "formats/utf8_clean.h"

struct csv_reader {
    struct mr_lines lines;
    struct mr_buffer *whole; /* multi_line: the file */
    const char *next, *line_end;
    enum mr_compression compression;
    struct mr_csv_record record;
    struct mr_batch *batch;
    int64_t row;
    bool header_done, valid; /* valid: the chunk in hand is UTF-8 */
    int64_t skip_rows;       /* still to be passed over */
    int *token_of;           /* by_name: value of each column, -1: the file lacks it */
    int expected;            /* values in a record */
    char **unknown;          /* by_name: names of values without a column, else NULL; expected of them */
    struct mr_text clean, rescued;
    struct mr_arena arena;
};

static int at_record(struct mr_format_reader *reader, int64_t offset, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    int64_t line = mr_line_number(reader->range.input, r->compression, offset);
    return mr_error_at(error, reader->range.input->name, line, 0, offset);
}

static struct mr_buffer *buffer_of(struct csv_reader *r)
{
    return r->whole ? r->whole : r->lines.buffer;
}

static int64_t offset_of(struct csv_reader *r, const char *text)
{
    return (r->whole ? 0 : r->lines.chunk_offset) + (text - buffer_of(r)->data);
}

/* ---- headers ---- */

static bool same_name(const struct mr_format *format, struct mr_str a, struct mr_str b)
{
    return format->case_sensitive ? mr_str_equal(a, b) : mr_str_equal_nocase(a, b);
}

static int bad_header(struct mr_format_reader *reader, const char *what, struct mr_str found,
                      const char *wanted, struct mr_error *error)
{
    mr_error_set(error, MR_E_DATA, "FAILED_READ_FILE.NO_HINT",
                 "The header of %s does not fit the schema: %s '%.*s', the schema has '%s' (option "
                 "enforceSchema is false).",
                 reader->range.input->name, what, (int)found.size, found.data, wanted);
    return mr_error_at(error, reader->range.input->name, 1, 0, 0);
}

/* enforceSchema false: the header must say what the schema says. */
static int check_header(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    if (plan->options.enforce_schema)
        return MR_OK;
    for (int i = 0; i < plan->column_count || i < r->record.count; i++) {
        struct mr_str name =
            i < r->record.count ? mr_csv_token_text(&r->record, &r->record.tokens[i]) : MR_STR("");
        if (i >= plan->column_count)
            return bad_header(reader, "beyond its last column there is", name, "nothing", error);
        if (!mr_str_equal_nocase(name, mr_str_of(plan->columns[i].name)))
            return bad_header(reader, "it has", name, plan->columns[i].name, error);
    }
    return MR_OK;
}

static int new_column(struct mr_format_reader *reader, const char *name, struct mr_error *error)
{
    mr_error_set(error, MR_E_SCHEMA_CHANGED, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE",
                 "%s has the column '%s', which the schema lacks.", reader->range.path, name);
    return mr_error_at(error, reader->range.input->name, 1, 0, 0);
}

/* Is there a column of that name that has no value yet? It takes value i. */
static bool take_column(struct mr_format_reader *reader, struct mr_str name, int i)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    for (int c = 0; c < plan->column_count; c++) {
        if (r->token_of[c] >= 0 || !same_name(reader->format, name, mr_str_of(plan->columns[c].name)))
            continue;
        r->token_of[c] = i;
        return true;
    }
    return false;
}

/* by_name: which value is which column. */
static int map_header(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    int count = r->record.count;
    r->expected = count;
    r->token_of = MR_ARENA_ARRAY(&r->arena, int, plan->column_count + 1);
    r->unknown = MR_ARENA_ARRAY(&r->arena, char *, count + 1);
    if (!r->token_of || !r->unknown)
        return mr_error_memory(error, sizeof(int) * (size_t)(plan->column_count + count));
    for (int c = 0; c < plan->column_count; c++)
        r->token_of[c] = -1;
    for (int i = 0; i < count; i++) {
        struct mr_str name = mr_csv_token_text(&r->record, &r->record.tokens[i]);
        char *unique = csv_header_name(&r->arena, &r->record, i);
        if (!unique)
            return mr_error_memory(error, name.size);
        if ((name.size > 0 && take_column(reader, name, i)) || take_column(reader, mr_str_of(unique), i))
            continue;
        r->unknown[i] = unique;
        /* another spelling of a column there is is rescued, and no column of its own */
        if (reader->format->report_new_fields &&
            mr_type_field(reader->format->schema, mr_str_of(unique), false, NULL) < 0)
            return new_column(reader, unique, error);
    }
    return MR_OK;
}

static int take_header(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    r->header_done = true;
    return plan->by_name ? map_header(reader, error) : check_header(reader, error);
}

/* A range that begins in the middle of a file: its header is at the beginning. */
static int fetch_header(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    struct mr_lines lines;
    int64_t skip = plan->options.skip_rows;
    int status = MR_OK;
    const struct mr_format_range whole = {.input = reader->range.input,
                                          .path = reader->range.path,
                                          .end = -1};
    MR_TRY(mr_lines_of_range(&lines, reader->format, &whole, &plan->options.text.lines, error));
    while (!r->header_done) {
        status = mr_lines_fill(&lines, error);
        if (status != MR_OK)
            break;
        const char *next, *end = mr_line_end(lines.next, lines.end, lines.separator, &next);
        struct mr_str line = {lines.next, (size_t)(end - lines.next)};
        lines.next = next;
        if (skip > 0 ? skip-- > 0 : csv_is_nothing(&plan->options, line))
            continue;
        status = mr_csv_split(&r->record, &plan->options.csv, line.data, end, NULL, &next, error);
        if (status >= 0)
            status = take_header(reader, error);
        if (status < 0)
            break;
    }
    mr_lines_close(&lines);
    return status < 0 ? status : MR_OK;
}

/* ---- rows ---- */

static int pad_nulls(struct mr_column *column, int64_t length, struct mr_error *error)
{
    while (column->length < length)
        MR_TRY(mr_column_append_null(column, error));
    return MR_OK;
}

static int put_text(struct mr_column *column, int64_t row, struct mr_str text, struct mr_error *error)
{
    MR_TRY(pad_nulls(column, row, error));
    MR_TRY(mr_column_set_bytes(column, row, text.data, text.size, error));
    column->length = row + 1;
    return MR_OK;
}

static void rescue(struct csv_reader *r, const char *name, struct mr_str text)
{
    struct mr_json_writer writer = {&r->rescued, r->rescued.size > 0};
    if (r->rescued.size == 0)
        mr_text_append_char(&r->rescued, '{');
    mr_json_key(&writer, name);
    mr_json_str(&writer, text);
}

/* One value into its column. MR_END: it did not fit; the row is NULL there. */
static int put_value(struct mr_format_reader *reader, const struct csv_column *c,
                     const struct mr_csv_token *token, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    struct mr_column *column = r->batch->columns[c->batch_column];
    if (!token || mr_csv_token_is_null(token))
        return mr_column_set_null(column, r->row, error);
    struct mr_str text = mr_csv_token_text(&r->record, token);
    if (mr_str_equal(text, plan->options.csv.null_value))
        return mr_column_set_null(column, r->row, error);
    const struct mr_buffer *buffer = buffer_of(r);
    bool stays = text.data >= buffer->data && text.data < buffer->data + buffer->size;
    if (!r->valid && column->type->id == MR_STRING) {
        struct mr_str clean = mr_utf8_clean(text, &r->clean);
        stays = stays && clean.data == text.data;
        text = clean;
    }
    int status = mr_csv_put(&plan->options.csv, column, r->row, text, stays, error);
    if (status == MR_END) {
        MR_TRY(mr_column_set_null(column, r->row, error));
        if (plan->rescued_column >= 0)
            rescue(r, c->name, text);
        return MR_END;
    }
    return status;
}

static int fail_fast(struct mr_format_reader *reader, struct mr_str line, bool counted,
                     struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    int shown = (int)(line.size < 200 ? line.size : 200);
    mr_error_set(error, MR_E_DATA, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                 "Malformed record: %.*s%s. %s The mode FAILFAST stops here; PERMISSIVE gives NULLs instead.",
                 shown, line.data, line.size > 200 ? " …" : "",
                 counted ? "It has another number of values than the schema has columns."
                         : "A value does not fit its column.");
    mr_error_parameter(error, "badRecord", "%.*s", shown, line.data);
    mr_error_parameter(error, "failFastMode", "FAILFAST");
    return at_record(reader, offset_of(r, line.data), error);
}

static int put_rescued(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    if (r->rescued.size == 0)
        return MR_OK;
    struct mr_json_writer writer = {&r->rescued, true};
    mr_json_key(&writer, "_file_path");
    mr_json_cstr(&writer, reader->range.path);
    mr_json_end_object(&writer);
    return put_text(r->batch->columns[plan->rescued_column], r->row, mr_text_str(&r->rescued), error);
}

/* Values that no column takes: of columns the schema lacks, or more than there are columns. */
static void rescue_rest(struct mr_format_reader *reader)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    int known = plan->by_name ? r->expected : plan->column_count;
    for (int i = 0; i < r->record.count; i++) {
        const struct mr_csv_token *token = &r->record.tokens[i];
        char name[24];
        if ((i < known && !(plan->by_name && r->unknown[i])) || mr_csv_token_is_null(token))
            continue;
        snprintf(name, sizeof name, "_c%d", i);
        rescue(r, i < known ? r->unknown[i] : name, mr_csv_token_text(&r->record, token));
    }
}

static int put_row(struct mr_format_reader *reader, struct mr_str line, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    int expected = plan->by_name ? r->expected : plan->column_count;
    bool miscounted = r->record.count != expected && (!plan->pruned || plan->by_name), misfit = false;
    mr_text_clear(&r->rescued);
    for (int i = 0; i < plan->column_count; i++) {
        const struct csv_column *c = &plan->columns[i];
        int at = plan->by_name ? r->token_of[i] : i;
        if (c->batch_column < 0)
            continue;
        int status =
            put_value(reader, c, at >= 0 && at < r->record.count ? &r->record.tokens[at] : NULL, error);
        MR_TRY(status);
        misfit |= status == MR_END;
    }
    if (plan->rescued_column >= 0)
        rescue_rest(reader);
    bool bad = miscounted || (misfit && !reader->format->rescued_column);
    reader->bad_rows += bad;
    if (bad && plan->options.csv.record.mode == MR_RECORD_FAIL_FAST)
        return fail_fast(reader, line, miscounted, error);
    if (bad && plan->options.csv.record.mode == MR_RECORD_DROP_MALFORMED) {
        for (int i = 0; i < plan->column_count; i++)
            if (plan->columns[i].batch_column >= 0)
                mr_column_set_valid(r->batch->columns[plan->columns[i].batch_column], r->row);
        return MR_OK;
    }
    if ((miscounted || misfit) && plan->corrupt_column >= 0)
        MR_TRY(
            put_text(r->batch->columns[plan->corrupt_column], r->row, mr_utf8_clean(line, &r->clean), error));
    MR_TRY(put_rescued(reader, error));
    r->row++;
    return MR_OK;
}

static int keep_buffer(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    for (int i = 0; i < plan->column_count; i++)
        if (plan->columns[i].batch_column >= 0 && mr_type_is_bytes(plan->columns[i].type))
            MR_TRY(mr_column_keep(r->batch->columns[plan->columns[i].batch_column], buffer_of(r), error));
    return MR_OK;
}

/* ---- lines ---- */

static int read_chunk(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    const struct csv_options *o = &plan->options;
    struct mr_lines *lines = &r->lines;
    r->valid = mr_utf8_valid_prefix((struct mr_str){lines->next, (size_t)(lines->end - lines->next)}) ==
               (size_t)(lines->end - lines->next);
    while (lines->next < lines->end && r->row < MR_BATCH_ROWS) {
        const char *next, *end = mr_line_end(lines->next, lines->end, lines->separator, &next);
        struct mr_str line = {lines->next, (size_t)(end - lines->next)};
        lines->next = next;
        if (r->skip_rows > 0) {
            r->skip_rows--;
            continue;
        }
        if (csv_is_nothing(o, line))
            continue;
        if (plan->nothing && r->header_done) {
            r->row++;
            continue;
        }
        int status = mr_csv_split(&r->record, &o->csv, line.data, end, NULL, &next, error);
        if (status < 0)
            return at_record(reader, offset_of(r, line.data), error);
        MR_TRY(r->header_done ? put_row(reader, line, error) : take_header(reader, error));
    }
    return keep_buffer(reader, error);
}

/* ---- whole files ---- */

int csv_read_whole(struct mr_stream *stream, struct mr_buffer **out, struct mr_error *error)
{
    struct mr_buffer *whole = mr_buffer_new(MR_CHUNK_BYTES);
    size_t got = 1;
    while (whole && got > 0) {
        if (whole->size + 16 > whole->capacity) {
            struct mr_buffer *larger = mr_buffer_new(whole->capacity * 2);
            if (larger)
                memcpy(larger->data, whole->data, whole->size);
            if (larger)
                larger->size = whole->size;
            mr_buffer_unref(whole);
            whole = larger;
            continue;
        }
        int status =
            stream->read(stream, whole->data + whole->size, whole->capacity - whole->size, &got, error);
        if (status < 0) {
            mr_buffer_unref(whole);
            return status;
        }
        whole->size += got;
    }
    if (!whole)
        return mr_error_memory(error, MR_CHUNK_BYTES);
    memset(whole->data + whole->size, 0, MR_BUFFER_PADDING);
    *out = whole;
    return MR_OK;
}

const char *csv_detect_line_end(const struct csv_options *options, const char *text, size_t size)
{
    if (options->text.lines.separator.size > 0)
        return options->text.lines.separator.data;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            return "\n";
        if (text[i] == '\r')
            return i + 1 < size && text[i + 1] == '\n' ? "\r\n" : "\r";
    }
    return "\n";
}

static int open_whole(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    MR_TRY(csv_read_whole(r->lines.stream, &r->whole, error));
    r->next = r->whole->data;
    if (r->whole->size >= 3 && memcmp(r->next, "\xEF\xBB\xBF", 3) == 0)
        r->next += 3;
    r->line_end =
        csv_detect_line_end(&plan->options, r->next, (size_t)(r->whole->data + r->whole->size - r->next));
    r->valid = mr_utf8_valid_prefix((struct mr_str){r->whole->data, r->whole->size}) == r->whole->size;
    return MR_OK;
}

static int read_whole(struct mr_format_reader *reader, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    if (!r->whole)
        MR_TRY(open_whole(reader, error));
    const char *end = r->whole->data + r->whole->size;
    size_t line_end_size = strlen(r->line_end);
    while (r->next < end && r->row < MR_BATCH_ROWS) {
        const char *from = r->next;
        bool empty = (size_t)(end - from) >= line_end_size && memcmp(from, r->line_end, line_end_size) == 0;
        bool comment = (unsigned char)*from == plan->options.csv.comment;
        if (empty || comment || r->skip_rows > 0) {
            struct mr_str separator = mr_str_of(r->line_end);
            mr_line_end(from, end, separator, &r->next);
            r->skip_rows -= r->skip_rows > 0;
            continue;
        }
        int status = mr_csv_split(&r->record, &plan->options.csv, from, end, r->line_end, &r->next, error);
        if (status < 0)
            return at_record(reader, offset_of(r, from), error);
        struct mr_str text = {from, (size_t)(r->next - from)};
        while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
            text.size--;
        MR_TRY(r->header_done ? put_row(reader, text, error) : take_header(reader, error));
    }
    return keep_buffer(reader, error);
}

static int csv_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    struct csv_reader *r = reader->ctx;
    const struct csv_plan *plan = reader->format->ctx;
    int status = MR_OK;
    r->batch = batch;
    r->row = 0;
    if (!r->header_done && plan->by_name && reader->range.start > 0)
        MR_TRY(fetch_header(reader, error));
    if (plan->options.text.multi_line)
        MR_TRY(read_whole(reader, error));
    while (!plan->options.text.multi_line && r->row < MR_BATCH_ROWS) {
        status = mr_lines_fill(&r->lines, error);
        if (status == MR_END)
            break;
        MR_TRY(status);
        MR_TRY(read_chunk(reader, error));
    }
    batch->length = r->row;
    for (int i = 0; i < plan->column_count; i++)
        if (plan->columns[i].batch_column >= 0)
            batch->columns[plan->columns[i].batch_column]->length = r->row;
    if (plan->corrupt_column >= 0)
        MR_TRY(pad_nulls(batch->columns[plan->corrupt_column], r->row, error));
    if (plan->rescued_column >= 0)
        MR_TRY(pad_nulls(batch->columns[plan->rescued_column], r->row, error));
    bool over = status == MR_END || (r->whole && r->next == r->whole->data + r->whole->size);
    return r->row == 0 && over ? MR_END : MR_OK;
}

/* ---- life ---- */

static void csv_reader_close(struct mr_format_reader *reader)
{
    struct csv_reader *r = reader->ctx;
    if (!r)
        return;
    mr_lines_close(&r->lines);
    mr_buffer_unref(r->whole);
    mr_csv_record_release(&r->record);
    mr_text_release(&r->clean);
    mr_text_release(&r->rescued);
    mr_arena_release(&r->arena);
    mr_free(r);
}

static int csv_reader_open(struct mr_format_reader *reader, struct mr_error *error)
{
    const struct csv_plan *plan = reader->format->ctx;
    const struct mr_format_range *range = &reader->range;
    struct csv_reader *r = mr_allocate_zeroed(sizeof *r);
    reader->ctx = r;
    if (!r)
        return mr_error_memory(error, sizeof *r);
    mr_arena_init(&r->arena);
    mr_text_init(&r->clean);
    mr_text_init(&r->rescued);
    mr_text_init(&r->record.scratch);
    r->compression = mr_compression_of(range->input->name);
    r->header_done = !plan->options.header || (range->start > 0 && !plan->by_name);
    r->skip_rows = range->start > 0 ? 0 : plan->options.skip_rows;
    MR_TRY(mr_lines_of_range(&r->lines, reader->format, &reader->range, &plan->options.text.lines, error));
    return MR_OK;
}

static bool csv_splittable(const struct mr_format *format)
{
    const struct csv_plan *plan = format->ctx;
    return !plan->options.text.multi_line && plan->options.skip_rows == 0 &&
           mr_lines_splittable(&plan->options.text.lines);
}

const struct mr_format_type mr_csv_format = {
    .name = "csv",
    .options = mr_csv_option_table,
    .plan_bytes = sizeof(struct csv_plan),
    .open = mr_csv_plan_open,
    .splittable = csv_splittable,
    .reader_open = csv_reader_open,
    .read = csv_read,
    .reader_close = csv_reader_close,
    .infer = mr_csv_infer,
};
