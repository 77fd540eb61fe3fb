/* formats/binary.c: the binaryFile format: a file is one row: where it is, when it was modified, its size,
 * its bytes as they are (compressed files too). */
#include "formats/format.h"

static const struct mr_option_spec options[] = {{0}};

enum { PATH, MODIFIED, LENGTH, CONTENT, COLUMNS };

/* One row cannot be larger: its size and those of its column's values are 31 bits in many places. */
#define LARGEST_BYTES INT32_MAX

struct binary_plan {
    int columns[COLUMNS]; /* of the batch; -1: nobody wants it */
};

static const struct mr_type *binary_schema(void)
{
    static struct mr_field fields[COLUMNS] = {{.name = "path", .nullable = true},
                                              {.name = "modificationTime", .nullable = true},
                                              {.name = "length", .nullable = true},
                                              {.name = "content", .nullable = true}};
    static const struct mr_type schema = {.id = MR_STRUCT, .field_count = COLUMNS, .fields = fields};
    fields[PATH].type = mr_type_of(MR_STRING);
    fields[MODIFIED].type = mr_type_of(MR_TIMESTAMP);
    fields[LENGTH].type = mr_type_of(MR_BIGINT);
    fields[CONTENT].type = mr_type_of(MR_BINARY);
    return &schema;
}

static int binary_open(struct mr_format *format, struct mr_error *error)
{
    const struct mr_type *known = binary_schema();
    struct binary_plan *plan = format->ctx;
    for (int i = 0; i < COLUMNS; i++)
        plan->columns[i] = -1;
    for (int i = 0; format->schema && i < format->schema->field_count; i++) {
        const struct mr_field *field = &format->schema->fields[i];
        int which = mr_type_field(known, mr_str_of(field->name), false, NULL);
        if (which < 0 || field->type->id != known->fields[which].type->id)
            return mr_error_set(error, MR_E_SQL, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                                "The binaryFile format has the columns path STRING, modificationTime "
                                "TIMESTAMP, length BIGINT, content BINARY; the schema's %s is none of them.",
                                field->name);
        if (!format->used || format->used[i])
            plan->columns[which] = i;
    }
    return MR_OK;
}

static bool binary_splittable(const struct mr_format *format)
{
    (void)format;
    return false;
}

static int binary_reader_open(struct mr_format_reader *reader, struct mr_error *error)
{
    (void)reader;
    (void)error;
    return MR_OK;
}

static void binary_reader_close(struct mr_format_reader *reader)
{
    (void)reader;
}

static int put_content(struct mr_input *input, struct mr_column *column, struct mr_error *error)
{
    int64_t size = input->size_bytes;
    if (size > LARGEST_BYTES)
        return mr_error_set(error, MR_E_DATA, "FAILED_READ_FILE.NO_HINT",
                            "The file has %lld bytes; a value of the column content has at most %d. Leave "
                            "the column away, or the file (pathGlobFilter).",
                            (long long)size, LARGEST_BYTES);
    char *bytes = mr_allocate((size_t)size + 1);
    if (!bytes)
        return mr_error_memory(error, (size_t)size + 1);
    int status = input->read_at(input, 0, bytes, (size_t)size, error);
    if (status >= 0)
        status = mr_column_set_bytes(column, 0, bytes, (size_t)size, error);
    mr_free(bytes);
    return status;
}

static int binary_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    const struct binary_plan *plan = reader->format->ctx;
    const struct mr_format_range *range = &reader->range;
    struct mr_column *columns[COLUMNS];
    if (reader->rows > 0 || range->input->size_bytes == 0) /* empty files are no rows, as in Spark */
        return MR_END;
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = plan->columns[i] >= 0 ? batch->columns[plan->columns[i]] : NULL;
    if (columns[PATH])
        MR_TRY(mr_column_set_bytes(columns[PATH], 0, range->path, strlen(range->path), error));
    if (columns[MODIFIED])
        columns[MODIFIED]->i64[0] = range->modified_us;
    if (columns[LENGTH])
        columns[LENGTH]->i64[0] = range->input->size_bytes;
    if (columns[CONTENT])
        MR_TRY(put_content(range->input, columns[CONTENT], error));
    for (int i = 0; i < COLUMNS; i++)
        if (columns[i])
            columns[i]->length = 1;
    batch->length = 1;
    return MR_OK;
}

const struct mr_format_type mr_binary_format = {
    .name = "binaryFile",
    .options = options,
    .plan_bytes = sizeof(struct binary_plan),
    .open = binary_open,
    .splittable = binary_splittable,
    .reader_open = binary_reader_open,
    .read = binary_read,
    .reader_close = binary_reader_close,
    .fixed_schema = binary_schema,
};
