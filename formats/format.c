/* formats/format.c: what all row formats have in common: the list of them, options, batches. */
#include "formats/format.h"

#include "formats/stream.h"

extern const struct mr_format_type mr_json_format, mr_csv_format, mr_text_row_format, mr_parquet_row_format,
    mr_binary_format;

static const struct mr_format_type *const TYPES[] = {&mr_json_format,     &mr_csv_format,
                                                     &mr_text_row_format, &mr_parquet_row_format,
                                                     &mr_binary_format,   NULL};

const struct mr_format_type *const *mr_format_types(void)
{
    return TYPES;
}

const struct mr_format_type *mr_format_type_find(struct mr_str name)
{
    for (int i = 0; TYPES[i]; i++)
        if (mr_str_equal_nocase(mr_str_of(TYPES[i]->name), name))
            return TYPES[i];
    return NULL;
}

/* Names are told apart without regard to case, as Spark does by default. */
static int check_columns(const struct mr_type *schema, struct mr_error *error)
{
    struct mr_map names;
    char lower[256];
    int status = MR_OK;
    mr_map_init(&names);
    for (int i = 0; i < schema->field_count && status >= 0; i++) {
        const char *name = schema->fields[i].name;
        size_t size = 0;
        bool created = true;
        for (; name[size] && size < sizeof lower; size++)
            lower[size] = (char)(name[size] >= 'A' && name[size] <= 'Z' ? name[size] + 32 : name[size]);
        if (!mr_map_put(&names, (struct mr_str){lower, size}, &created)) {
            status = mr_error_memory(error, size);
            continue;
        }
        if (created || size == sizeof lower)
            continue;
        status =
            mr_error_set(error, MR_E_SQL, "COLUMN_ALREADY_EXISTS",
                         "The schema has the column %s twice (names are compared without regard to case).",
                         name);
        mr_error_parameter(error, "columnName", "`%s`", name);
    }
    mr_map_release(&names);
    return status;
}

int mr_format_open(struct mr_format *format, const struct mr_format_type *type,
                   const struct mr_option *options, int option_count, struct mr_error *error)
{
    format->type = type;
    if (!format->zone)
        format->zone = mr_zone_utc();
    mr_arena_init(&format->arena);
    format->ctx = mr_arena_allocate_zeroed(&format->arena, type->plan_bytes);
    if (!format->ctx)
        return mr_error_memory(error, type->plan_bytes);
    MR_TRY(mr_options_read(type->options, type->name, options, option_count, format->ctx, error));
    if (format->schema)
        MR_TRY(check_columns(format->schema, error));
    format->pool = mr_buffer_pool_new();
    if (!format->pool)
        return mr_error_memory(error, MR_CHUNK_BYTES);
    return type->open(format, error);
}

void mr_format_close(struct mr_format *format)
{
    if (!format->type)
        return;
    mr_buffer_pool_free(format->pool);
    mr_arena_release(&format->arena);
    *format = (struct mr_format){0};
}

/* ---- readers ---- */

struct reader { /* what every reader has beside its type's part */
    struct mr_format_reader reader;
    int64_t null_length;
    struct mr_column
        *nulls[]; /* one per field of the schema: its all-NULL column of null_length rows, or NULL */
};

int mr_format_reader_open(struct mr_format *format, const struct mr_format_range *range,
                          struct mr_format_reader **out, struct mr_error *error)
{
    size_t size = sizeof(struct reader) + sizeof(struct mr_column *) * (size_t)format->schema->field_count;
    struct reader *r = mr_allocate_zeroed(size);
    *out = NULL;
    if (!r) {
        range->input->close(range->input);
        return mr_error_memory(error, size);
    }
    r->reader.format = format;
    r->reader.range = *range;
    int status = format->type->reader_open(&r->reader, error);
    if (status < 0) {
        mr_format_reader_close(&r->reader);
        return mr_error_at(error, range->path, 0, 0, -1);
    }
    *out = &r->reader;
    return MR_OK;
}

void mr_format_reader_close(struct mr_format_reader *reader)
{
    struct reader *r = (struct reader *)reader;
    if (!r)
        return;
    reader->format->type->reader_close(reader);
    reader->range.input->close(reader->range.input);
    for (int i = 0; i < reader->format->schema->field_count; i++)
        mr_column_unref(r->nulls[i]);
    mr_free(r);
}

static int all_null(const struct mr_type *type, int64_t length, struct mr_column **out,
                    struct mr_error *error)
{
    struct mr_column *column = mr_column_new(type, length);
    *out = column;
    if (!column)
        return mr_error_memory(error, mr_type_width(type) * (size_t)length);
    return mr_column_append_nulls(column, length, error);
}

static int fill_unused(struct reader *r, struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_type *schema = r->reader.format->schema;
    for (int i = 0; i < schema->field_count; i++) {
        if (batch->columns[i])
            continue;
        if (r->nulls[i] && r->nulls[i]->length != batch->length) {
            mr_column_unref(r->nulls[i]);
            r->nulls[i] = NULL;
        }
        if (!r->nulls[i])
            MR_TRY(all_null(schema->fields[i].type, batch->length, &r->nulls[i], error));
        batch->columns[i] = mr_column_ref(r->nulls[i]);
    }
    return MR_OK;
}

int mr_format_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_format *format = reader->format;
    int status;
    MR_TRY(mr_batch_init(batch, format->schema, 0, error));
    for (int i = 0; i < format->schema->field_count; i++) {
        if (format->used && !format->used[i])
            continue;
        batch->columns[i] = mr_column_new(format->schema->fields[i].type, MR_FORMAT_BATCH_ROWS);
        if (!batch->columns[i]) {
            mr_batch_release(batch);
            return mr_error_memory(error, MR_FORMAT_BATCH_ROWS * 16);
        }
    }
    MR_ERR(format->type->read(reader, batch, error));
    if (status == MR_END) {
        mr_batch_release(batch);
        return MR_END;
    }
    MR_ERR(fill_unused((struct reader *)reader, batch, error));
    reader->rows += batch->length;
    return MR_OK;
err:
    mr_batch_release(batch);
    return mr_error_at(error, reader->range.input->name, 0, 0, -1);
}
