/* formats/parquet_rows.c: Parquet files behind the contract of row formats, so that folders of them are read
 * as those of JSON are. Columns are matched by name; one that a file lacks is NULL. */
#include "formats/format.h"
#include "formats/parquet/parquet.h"

static const struct mr_option_spec options[] = {
    {"mergeSchema", MR_OPTION_IGNORED, "false", .help = "the schema is that of the oldest file"},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true",
     .help = "accepted; names match exactly, then without case"},
    {"datetimeRebaseMode", MR_OPTION_REFUSED, NULL, .help = "dates are read as they are written"},
    {"int96RebaseMode", MR_OPTION_REFUSED, NULL, .help = "time stamps are read as they are written"},
    {0}};

struct rows_plan {
    const struct mr_type *wanted; /* the used columns */
    int *columns;                 /* of the batch, for each of them */
};
struct borrowed { /* the Parquet reader closes its input; ours is closed by format.c */
    struct mr_input input;
    struct mr_input *real;
};
struct rows_reader {
    struct mr_parquet_reader *reader;
    struct mr_parquet_scan *scan; /* NULL: no column is used, rows are counted */
    int64_t left;                 /* rows to count */
};

static int rows_open(struct mr_format *format, struct mr_error *error)
{
    struct rows_plan *plan = format->ctx;
    int count = format->schema ? format->schema->field_count : 0, used = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(&format->arena, struct mr_field, count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields * (size_t)(count + 1));
    plan->columns = MR_ARENA_ARRAY(&format->arena, int, count + 1);
    if (!plan->columns)
        return mr_error_memory(error, sizeof(int) * (size_t)(count + 1));
    for (int i = 0; i < count; i++) {
        if (format->used && !format->used[i])
            continue;
        plan->columns[used] = i;
        fields[used++] = format->schema->fields[i];
    }
    plan->wanted = mr_type_struct(&format->arena, fields, used);
    return plan->wanted ? MR_OK : mr_error_memory(error, sizeof *fields);
}

static bool rows_splittable(const struct mr_format *format)
{
    (void)format;
    return false; /* row groups are no byte ranges */
}

static int borrowed_read(struct mr_input *input, int64_t offset, void *out, size_t size,
                         struct mr_error *error)
{
    struct mr_input *real = ((struct borrowed *)input)->real;
    return real->read_at(real, offset, out, size, error);
}

static void borrowed_close(struct mr_input *input)
{
    mr_free(input);
}

static int open_parquet(struct mr_input *real, struct mr_parquet_reader **out, struct mr_error *error)
{
    struct borrowed *b = mr_allocate_zeroed(sizeof *b);
    *out = NULL;
    if (!b)
        return mr_error_memory(error, sizeof *b);
    b->input = (struct mr_input){real->name, real->size_bytes, borrowed_read, borrowed_close};
    b->real = real;
    return mr_parquet_reader_open(out, &b->input, error);
}

static int rows_reader_open(struct mr_format_reader *reader, struct mr_error *error)
{
    const struct rows_plan *plan = reader->format->ctx;
    struct rows_reader *r = mr_allocate_zeroed(sizeof *r);
    reader->ctx = r;
    if (!r)
        return mr_error_memory(error, sizeof *r);
    MR_TRY(open_parquet(reader->range.input, &r->reader, error));
    r->left = mr_parquet_reader_rows(r->reader);
    if (plan->wanted->field_count == 0)
        return MR_OK;
    return mr_parquet_scan_open(&r->scan, r->reader, plan->wanted, NULL, 0,
                                mr_parquet_reader_row_groups(r->reader), error);
}

static int rows_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    const struct rows_plan *plan = reader->format->ctx;
    struct rows_reader *r = reader->ctx;
    struct mr_batch found = {0};
    if (!r->scan) {
        batch->length = r->left < MR_BATCH_ROWS ? r->left : MR_BATCH_ROWS;
        r->left -= batch->length;
        return batch->length > 0 ? MR_OK : MR_END;
    }
    int status = mr_parquet_scan_next(r->scan, MR_BATCH_ROWS, &found, error);
    if (status != MR_OK)
        return status;
    batch->length = found.length;
    for (int i = 0; i < plan->wanted->field_count; i++) {
        mr_column_unref(batch->columns[plan->columns[i]]);
        batch->columns[plan->columns[i]] = found.columns[i];
        found.columns[i] = NULL;
    }
    mr_batch_release(&found);
    return MR_OK;
}

static void rows_reader_close(struct mr_format_reader *reader)
{
    struct rows_reader *r = reader->ctx;
    if (!r)
        return;
    if (r->scan)
        mr_parquet_scan_close(r->scan);
    mr_parquet_reader_close(r->reader);
    mr_free(r);
}

static int rows_schema(struct mr_format *format, const struct mr_format_range *range, struct mr_arena *arena,
                       const struct mr_type **out, struct mr_error *error)
{
    struct mr_parquet_reader *reader;
    (void)format;
    *out = NULL;
    int status = open_parquet(range->input, &reader, error);
    if (status >= 0) {
        *out = mr_type_copy(arena, mr_parquet_reader_schema(reader));
        status = *out ? MR_OK : mr_error_memory(error, sizeof **out);
        mr_parquet_reader_close(reader);
    }
    range->input->close(range->input);
    return status;
}

const struct mr_format_type mr_parquet_row_format = {
    .name = "parquet",
    .options = options,
    .plan_bytes = sizeof(struct rows_plan),
    .open = rows_open,
    .splittable = rows_splittable,
    .reader_open = rows_reader_open,
    .read = rows_read,
    .reader_close = rows_reader_close,
    .file_schema = rows_schema,
};
