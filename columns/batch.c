/* columns/batch.c: columns of equal length. */
#include "columns/column.h"

int mr_batch_init(struct mr_batch *batch, const struct mr_type *schema, int64_t capacity,
                  struct mr_error *error)
{
    size_t bytes = sizeof(struct mr_column *) * (size_t)(schema->field_count ? schema->field_count : 1);
    *batch = (struct mr_batch){.schema = schema, .columns = mr_allocate_zeroed(bytes)};
    if (!batch->columns) {
        *batch = (struct mr_batch){0};
        return mr_error_memory(error, bytes);
    }
    for (int i = 0; capacity > 0 && i < schema->field_count; i++) {
        batch->columns[i] = mr_column_new(schema->fields[i].type, capacity);
        if (!batch->columns[i]) {
            mr_batch_release(batch);
            return mr_error_memory(error, mr_type_width(schema->fields[i].type) * (size_t)capacity);
        }
    }
    return MR_OK;
}

void mr_batch_release(struct mr_batch *batch)
{
    for (int i = 0; batch->columns && i < batch->schema->field_count; i++)
        mr_column_unref(batch->columns[i]);
    mr_free(batch->columns);
    *batch = (struct mr_batch){0};
}

void mr_batch_move(struct mr_batch *to, struct mr_batch *from)
{
    *to = *from;
    *from = (struct mr_batch){0};
}

int mr_batch_copy(struct mr_batch *to, const struct mr_batch *from, struct mr_error *error)
{
    MR_TRY(mr_batch_init(to, from->schema, 0, error));
    for (int i = 0; i < from->schema->field_count; i++)
        to->columns[i] = from->columns[i] ? mr_column_ref(from->columns[i]) : NULL;
    to->length = from->length;
    return MR_OK;
}

int mr_batch_take(const struct mr_batch *batch, const int32_t *rows, int64_t count, struct mr_batch *out,
                  struct mr_error *error)
{
    MR_TRY(mr_batch_init(out, batch->schema, 0, error));
    int status = MR_OK;
    for (int i = 0; i < batch->schema->field_count; i++)
        MR_ERR(mr_column_take(batch->columns[i], rows, count, &out->columns[i], error));
    out->length = count;
    return MR_OK;
err:
    mr_batch_release(out);
    return status;
}

int mr_batch_slice(const struct mr_batch *batch, int64_t start, int64_t count, struct mr_batch *out,
                   struct mr_error *error)
{
    MR_TRY(mr_batch_init(out, batch->schema, 0, error));
    int status = MR_OK;
    for (int i = 0; i < batch->schema->field_count; i++)
        MR_ERR(mr_column_slice(batch->columns[i], start, count, &out->columns[i], error));
    out->length = count;
    return MR_OK;
err:
    mr_batch_release(out);
    return status;
}

int mr_batch_append(struct mr_batch *to, const struct mr_batch *from, struct mr_error *error)
{
    for (int i = 0; i < to->schema->field_count; i++)
        MR_TRY(mr_column_append_range(to->columns[i], from->columns[i], 0, from->length, error));
    to->length += from->length;
    return MR_OK;
}

size_t mr_batch_bytes(const struct mr_batch *batch)
{
    size_t bytes = 0;
    for (int i = 0; batch->columns && i < batch->schema->field_count; i++)
        bytes += batch->columns[i] ? mr_column_bytes(batch->columns[i]) : 0;
    return bytes;
}
