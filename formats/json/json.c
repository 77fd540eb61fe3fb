/* formats/json/json.c: the JSON format: lines of a file to batches, and what becomes of records that do not
 * fit. */
#include "base/json.h"
#include "formats/json/json.h"

#include "formats/json/scan.h"
#include "formats/utf8_clean.h"

struct json_reader {
    struct mr_lines lines;
    struct json_scan *scan;
    struct mr_json_converter *converter;
    enum mr_compression compression;
    struct mr_batch *batch;     /* in hand */
    struct mr_column **columns; /* of the batch, in order of the record */
    int64_t row;
    bool file_done; /* multi_line: the file has been read */
    struct mr_text rescued, clean;
};

static int read_error(struct mr_format_reader *reader, struct mr_error *error, int64_t offset)
{
    struct json_reader *r = reader->ctx;
    int64_t line = mr_line_number(reader->range.input, r->compression, offset);
    return mr_error_at(error, reader->range.input->name, line, 0, offset);
}

/* ---- columns of the batch in hand ---- */

static void set_lengths(struct json_reader *r, int count)
{
    for (int i = 0; i < count; i++)
        r->columns[i]->length = r->row;
}

static int pad_nulls(struct mr_column *column, int64_t length, struct mr_error *error)
{
    return mr_column_append_nulls(column, length - column->length, error);
}

static int put_text(struct mr_column *column, int64_t row, struct mr_str text, struct mr_error *error)
{
    MR_TRY(pad_nulls(column, row, error));
    MR_TRY(mr_column_reserve(column, row < MR_BATCH_ROWS ? MR_BATCH_ROWS : (row + 1) * 2, error));
    MR_TRY(mr_column_set_bytes(column, row, text.data, text.size, error));
    column->length = row + 1;
    return MR_OK;
}

/* The buffer of the chunk in hand goes with every column that may point into it. */
static int keep_buffer(struct mr_format_reader *reader, struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    const struct json_plan *plan = reader->format->ctx;
    for (int i = 0; i < plan->record->field_count; i++) {
        const struct mr_type *type = plan->record->fields[i].type;
        if (type->id == MR_STRING)
            MR_TRY(mr_column_keep(r->columns[i], r->lines.buffer, error));
        else if (mr_type_is_nested(type))
            MR_TRY(mr_json_converter_keep(r->columns[i], r->lines.buffer, error));
    }
    return MR_OK;
}

/* ---- records that need the converter ---- */

/* Would inference make a column of it? Not of objects and lists with nothing inside. */
static bool shows_column(const struct mr_json *value, bool drop_null)
{
    bool empty = true;
    if (value->type == MR_JSON_NULL || (value->type == MR_JSON_STRING && value->text.size == 0))
        return !drop_null;
    if (value->type != MR_JSON_OBJECT && value->type != MR_JSON_ARRAY)
        return true;
    for (const struct mr_json *member = value->first; member; member = member->next) {
        bool named = value->type == MR_JSON_ARRAY ? member->type != MR_JSON_NULL : member->key.size > 0;
        if (named && shows_column(member, drop_null))
            return true;
        empty &= member->type == MR_JSON_NULL;
    }
    return value->type == MR_JSON_ARRAY && empty && !drop_null;
}

/* What the converter rescued: members without a field, and members that did not fit theirs. Are there any of
 * the first kind? */
static bool is_new(const struct mr_json *value, const struct mr_type *type, bool drop_null)
{
    bool list = value->type == MR_JSON_ARRAY && type->id == MR_ARRAY;
    if (!list && (value->type != MR_JSON_OBJECT || type->id != MR_STRUCT))
        return false;
    for (const struct mr_json *member = value->first; member; member = member->next) {
        int field = list ? 0 : mr_type_field(type, member->key, true, NULL);
        if (field < 0 && mr_type_field(type, member->key, false, NULL) >= 0)
            continue; /* another spelling of a field there is: rescued, and no column of its own */
        if (field < 0 ? member->key.size > 0 && shows_column(member, drop_null)
                      : is_new(member, type->fields[field].type, drop_null))
            return true;
    }
    return false;
}

static bool has_new_fields(struct mr_format_reader *reader)
{
    struct json_reader *r = reader->ctx;
    const struct json_plan *plan = reader->format->ctx;
    struct mr_str members = mr_json_converter_rescued(r->converter);
    struct mr_arena arena;
    struct mr_json *rescued;
    struct mr_error ignored;
    if (members.size == 0)
        return false;
    mr_text_clear(&r->rescued);
    mr_text_format(&r->rescued, "{%.*s}", (int)members.size, members.data);
    mr_arena_init(&arena);
    bool found = mr_json_parse(&arena, mr_text_str(&r->rescued), &rescued, &ignored) == MR_OK &&
                 is_new(rescued, reader->format->schema, plan->options.drop_field_if_all_null);
    mr_arena_release(&arena);
    return found;
}

static int new_fields(struct mr_format_reader *reader, struct mr_str line, int64_t offset,
                      struct mr_error *error)
{
    (void)line;
    mr_error_set(error, MR_E_SCHEMA_CHANGED, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_RECORD_WITH_FILE_PATH",
                 "%s has a record with fields that the schema lacks.", reader->range.path);
    mr_error_parameter(error, "filePath", "%s", reader->range.path);
    return read_error(reader, error, offset);
}

static int fail_fast(struct mr_format_reader *reader, struct mr_str line, int64_t offset,
                     struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    const struct mr_error *cause = mr_json_converter_cause(r->converter);
    int shown = (int)(line.size < 200 ? line.size : 200);
    mr_error_set(error, MR_E_DATA, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                 "Malformed record: %.*s%s. %s The mode FAILFAST stops here; PERMISSIVE gives NULLs instead.",
                 shown, line.data, line.size > 200 ? " …" : "", cause && cause->code ? cause->message : "");
    mr_error_parameter(error, "badRecord", "%.*s", shown, line.data);
    mr_error_parameter(error, "failFastMode", "FAILFAST");
    int64_t inside = cause && cause->code && cause->offset > 0 ? cause->offset : 0;
    return read_error(reader, error, offset + inside);
}

static bool rescue_of(struct mr_format_reader *reader, enum mr_json_verdict verdict, struct mr_str line)
{
    struct json_reader *r = reader->ctx;
    struct mr_str members = mr_json_converter_rescued(r->converter);
    struct mr_json_writer writer = {&r->rescued, false};
    if (verdict != MR_JSON_BAD && members.size == 0)
        return false;
    mr_text_clear(&r->rescued);
    mr_json_begin_object(&writer);
    if (verdict == MR_JSON_BAD) {
        mr_json_key(&writer, "_corrupt_record");
        mr_json_str(&writer, line);
    } else {
        mr_text_append(&r->rescued, members.data, members.size);
        writer.comma = true;
    }
    mr_json_key(&writer, "_file_path");
    mr_json_cstr(&writer, reader->range.path);
    mr_json_end_object(&writer);
    return true;
}

/* What the mode makes of a record the converter has looked at; rows: how many it has appended. */
static int settle(struct mr_format_reader *reader, struct mr_str line, int64_t offset,
                  enum mr_json_verdict verdict, int64_t rows, struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    const struct json_plan *plan = reader->format->ctx;
    int count = plan->record->field_count;
    /* With a rescued data column a value that does not fit is no reason to drop or to fail. */
    bool bad = verdict == MR_JSON_BAD || (verdict == MR_JSON_PARTIAL && !reader->format->rescued_column);
    bool rescued = plan->options.collect_rescued && rescue_of(reader, verdict, line);
    if (bad && plan->options.record.mode == MR_RECORD_FAIL_FAST)
        return fail_fast(reader, line, offset, error);
    reader->bad_rows += bad;
    if (bad && plan->options.record.mode == MR_RECORD_DROP_MALFORMED) {
        for (int i = 0; i < count; i++)
            mr_json_cut_column(r->columns[i], r->row);
        return MR_OK;
    }
    if (verdict == MR_JSON_BAD) {
        for (int i = 0; i < count; i++)
            MR_TRY(mr_column_append_null(r->columns[i], error));
        rows = 1;
    }
    for (int64_t i = 0; i < rows; i++) {
        if (verdict != MR_JSON_GOOD && plan->corrupt_column >= 0)
            MR_TRY(put_text(r->batch->columns[plan->corrupt_column], r->row + i,
                            mr_utf8_clean(line, &r->clean), error));
        if (rescued && plan->rescued_column >= 0)
            MR_TRY(put_text(r->batch->columns[plan->rescued_column], r->row + i, mr_text_str(&r->rescued),
                            error));
    }
    r->row += rows;
    return MR_OK;
}

static int convert_record(struct mr_format_reader *reader, struct mr_str line, int64_t offset,
                          struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    const struct json_plan *plan = reader->format->ctx;
    enum mr_json_verdict verdict = MR_JSON_EMPTY;
    int64_t rows = 0;
    set_lengths(r, plan->record->field_count);
    MR_TRY(mr_json_convert(r->converter, line, true, r->columns, &verdict, &rows, error));
    if (reader->format->report_new_fields && (verdict == MR_JSON_GOOD || verdict == MR_JSON_PARTIAL) &&
        has_new_fields(reader))
        return new_fields(reader, line, offset, error);
    if (verdict != MR_JSON_EMPTY)
        MR_TRY(settle(reader, line, offset, verdict, rows, error));
    if (r->scan)
        mr_json_scan_columns(r->scan, r->columns, r->row);
    return MR_OK;
}

/* ---- lines ---- */

/* Lines of the chunk in hand until the batch is full. */
static int read_chunk(struct mr_format_reader *reader, struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    const struct json_plan *plan = reader->format->ctx;
    struct mr_lines *lines = &r->lines;
    const char *p = lines->next, *end = lines->end;
    bool plain = lines->separator.size == 0;
    if (r->scan) {
        mr_json_scan_columns(r->scan, r->columns, r->row);
        r->scan->error = error;
    }
    while (p < end && r->row < MR_BATCH_ROWS) {
        const char *record_end = r->scan ? mr_json_scan_line(r->scan, p) : NULL;
        if (record_end && plain && record_end < end && *record_end == '\n') {
            r->row++;
            p = record_end + 1;
            continue;
        }
        const char *next, *line_end = mr_line_end(p, end, lines->separator, &next);
        if (record_end &&
            record_end <= line_end) { /* whatever follows the record on its line does not count */
            r->row++;
        } else {
            if (record_end) { /* it went beyond the line: only a separator of the user's can be inside a
                                 record */
                r->scan->row--;
                mr_json_scan_undo(r->scan);
            }
            struct mr_str line = {p, (size_t)(line_end - p)};
            MR_TRY(convert_record(reader, line, mr_lines_offset(lines, p), error));
        }
        p = next;
    }
    lines->next = p;
    if (r->scan && r->scan->failed)
        return mr_error_memory(error, 0);
    set_lengths(r, plan->record->field_count);
    return keep_buffer(reader, error);
}

/* multi_line: the whole file is one text. */
static int read_file(struct mr_format_reader *reader, struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    struct mr_lines *lines = &r->lines;
    struct mr_buffer *whole = mr_buffer_new(MR_CHUNK_BYTES);
    int status = MR_OK;
    size_t got = 1;
    while (whole && got > 0 && status >= 0) {
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
        status = lines->stream->read(lines->stream, whole->data + whole->size, whole->capacity - whole->size,
                                     &got, error);
        whole->size += status < 0 ? 0 : got;
    }
    if (!whole)
        return mr_error_memory(error, MR_CHUNK_BYTES);
    r->file_done = true;
    lines->buffer = whole; /* the reader's from here on */
    MR_TRY(status);
    memset(whole->data + whole->size, 0, MR_BUFFER_PADDING);
    bool mark = whole->size >= 3 && memcmp(whole->data, "\xEF\xBB\xBF", 3) == 0;
    struct mr_str text = {whole->data + 3 * mark, whole->size - 3 * mark};
    MR_TRY(convert_record(reader, text, 3 * mark, error));
    const struct json_plan *plan = reader->format->ctx;
    set_lengths(r, plan->record->field_count);
    return keep_buffer(reader, error);
}

static int json_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    struct json_reader *r = reader->ctx;
    const struct json_plan *plan = reader->format->ctx;
    int status = MR_OK;
    r->batch = batch;
    r->row = 0;
    for (int i = 0; i < plan->record->field_count; i++) {
        struct mr_column **column = &batch->columns[plan->columns[i]];
        if (!*column) /* looked into, not used */
            *column = mr_column_new(plan->record->fields[i].type, MR_FORMAT_BATCH_ROWS);
        if (!*column)
            return mr_error_memory(error, MR_FORMAT_BATCH_ROWS * 16);
        r->columns[i] = *column;
    }
    if (plan->text.multi_line) {
        if (r->file_done)
            return MR_END;
        MR_TRY(read_file(reader, error));
    }
    while (!plan->text.multi_line && r->row < MR_BATCH_ROWS) {
        status = mr_lines_fill(&r->lines, error);
        if (status == MR_END)
            break;
        MR_TRY(status);
        MR_TRY(read_chunk(reader, error));
    }
    batch->length = r->row;
    if (plan->corrupt_column >= 0)
        MR_TRY(pad_nulls(batch->columns[plan->corrupt_column], r->row, error));
    if (plan->rescued_column >= 0)
        MR_TRY(pad_nulls(batch->columns[plan->rescued_column], r->row, error));
    return r->row == 0 && status == MR_END ? MR_END : MR_OK;
}

/* ---- life ---- */

static void json_reader_close(struct mr_format_reader *reader)
{
    struct json_reader *r = reader->ctx;
    if (!r)
        return;
    mr_lines_close(&r->lines);
    mr_json_scan_close(r->scan);
    mr_json_converter_close(r->converter);
    mr_free(r->columns);
    mr_text_release(&r->rescued);
    mr_text_release(&r->clean);
    mr_free(r);
}

static int json_reader_open(struct mr_format_reader *reader, struct mr_error *error)
{
    const struct json_plan *plan = reader->format->ctx;
    const struct mr_format_range *range = &reader->range;
    struct json_reader *r = mr_allocate_zeroed(sizeof *r);
    reader->ctx = r;
    if (!r)
        return mr_error_memory(error, sizeof *r);
    mr_text_init(&r->rescued);
    mr_text_init(&r->clean);
    r->columns = mr_allocate_zeroed(sizeof(struct mr_column *) * (size_t)(plan->record->field_count + 1));
    if (!r->columns)
        return mr_error_memory(error, sizeof(struct mr_column *));
    r->compression = mr_compression_of(range->input->name);
    MR_TRY(mr_lines_of_range(&r->lines, reader->format, &reader->range, &plan->text.lines, error));
    MR_TRY(mr_json_converter_open(&r->converter, plan->record, &plan->options, error));
    if (plan->scan_allowed && !plan->text.multi_line)
        MR_TRY(mr_json_scan_open(&r->scan, plan, error));
    return MR_OK;
}

static bool json_splittable(const struct mr_format *format)
{
    const struct json_plan *plan = format->ctx;
    return !plan->text.multi_line && mr_lines_splittable(&plan->text.lines);
}

const struct mr_format_type mr_json_format = {
    .name = "json",
    .options = mr_json_option_table,
    .plan_bytes = sizeof(struct json_plan),
    .open = mr_json_plan_open,
    .splittable = json_splittable,
    .reader_open = json_reader_open,
    .read = json_read,
    .reader_close = json_reader_close,
    .infer = mr_json_infer,
};
