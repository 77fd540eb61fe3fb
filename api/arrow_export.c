/* api/arrow_export.c: columns as Arrow arrays.
 *
 * Where our layout is Arrow's (validity, fixed widths, offsets of lists) the array shares our buffers and
 * keeps the column; what differs is copied: booleans become bits, views offsets and bytes, short decimals 128
 * bits. */
#include "api/arrow.h"

struct exported {             /* private_data of an array */
    struct mr_column *column; /* kept; NULL: none */
    const void *buffers[3];
    void *owned[2]; /* buffers made for it */
};

static const int64_t nothing[2]; /* a buffer of a column without rows */

static void release_array(struct ArrowArray *array)
{
    struct exported *exported = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
        mr_free(array->children[i]);
    }
    mr_free(array->children);
    mr_column_unref(exported->column);
    mr_free(exported->owned[0]);
    mr_free(exported->owned[1]);
    mr_free(exported);
    *array = (struct ArrowArray){0};
}

static int begin(struct ArrowArray *out, int64_t length, int buffers, int children, struct mr_error *error)
{
    struct exported *exported = mr_allocate_zeroed(sizeof *exported);
    *out = (struct ArrowArray){0};
    if (!exported)
        return mr_error_memory(error, sizeof *exported);
    *out = (struct ArrowArray){.length = length,
                               .n_buffers = buffers,
                               .buffers = exported->buffers,
                               .release = release_array,
                               .private_data = exported};
    if (children > 0)
        out->children = mr_allocate_zeroed(sizeof *out->children * (size_t)children);
    if (children > 0 && !out->children)
        return mr_error_memory(error, sizeof *out->children * (size_t)children);
    for (int i = 0; i < children; i++) {
        out->children[i] = mr_allocate_zeroed(sizeof *out->children[i]);
        if (!out->children[i])
            return mr_error_memory(error, sizeof *out->children[i]);
        out->n_children++;
    }
    return MR_OK;
}

/* A buffer of the array's own; one more byte than asked for, so that none is empty. */
static void *own(struct ArrowArray *out, int index, size_t size, struct mr_error *error)
{
    struct exported *exported = out->private_data;
    void *buffer = mr_allocate_zeroed(size + 1);
    if (!buffer) {
        mr_error_memory(error, size);
        return NULL;
    }
    exported->owned[index - 1] = buffer;
    exported->buffers[index] = buffer;
    return buffer;
}

/* ---- by layout ---- */
static int export_booleans(const struct mr_column *column, struct ArrowArray *out, struct mr_error *error)
{
    uint8_t *bits = own(out, 1, (size_t)(column->length + 7) / 8, error);
    if (!bits)
        return error->code;
    for (int64_t i = 0; i < column->length; i++)
        bits[i >> 3] |= (uint8_t)((column->booleans[i] != 0) << (i & 7));
    return MR_OK;
}

static int export_decimals(const struct mr_column *column, struct ArrowArray *out, struct mr_error *error)
{
    mr_i128 *wide = own(out, 1, sizeof(mr_i128) * (size_t)column->length, error);
    if (!wide)
        return error->code;
    for (int64_t i = 0; i < column->length; i++)
        wide[i] = column->i64[i];
    return MR_OK;
}

static int64_t total_bytes(const struct mr_column *column)
{
    int64_t total = 0;
    for (int64_t i = 0; i < column->length; i++)
        total += mr_column_is_null(column, i) ? 0 : column->views[i].size;
    return total;
}

bool mr_arrow_is_large(const struct mr_column *column)
{
    return total_bytes(column) > INT32_MAX;
}

static int export_bytes(const struct mr_column *column, struct ArrowArray *out, struct mr_error *error)
{
    int64_t total = total_bytes(column), at = 0;
    bool large = total > INT32_MAX;
    size_t width = large ? sizeof(int64_t) : sizeof(int32_t);
    void *offsets = own(out, 1, width * (size_t)(column->length + 1), error);
    char *bytes = offsets ? own(out, 2, (size_t)total, error) : NULL;
    if (!bytes)
        return error->code;
    for (int64_t i = 0; i < column->length; i++) {
        if (!mr_column_is_null(column, i)) {
            memcpy(bytes + at, mr_view_data(&column->views[i]), column->views[i].size);
            at += column->views[i].size;
        }
        if (large)
            ((int64_t *)offsets)[i + 1] = at;
        else
            ((int32_t *)offsets)[i + 1] = (int32_t)at;
    }
    return MR_OK;
}

static int export_column(struct mr_column *column, struct ArrowArray *out, struct mr_error *error);

static int export_map(struct mr_column *column, struct ArrowArray *out, struct mr_error *error)
{
    struct ArrowArray *entries = out->children[0];
    MR_TRY(begin(entries, column->children[0]->length, 1, 2, error));
    MR_TRY(export_column(column->children[0], entries->children[0], error));
    return export_column(column->children[1], entries->children[1], error);
}

static int export_children(struct mr_column *column, struct ArrowArray *out, struct mr_error *error)
{
    for (int i = 0; i < column->child_count; i++)
        MR_TRY(export_column(column->children[i], out->children[i], error));
    return MR_OK;
}

static int export_column(struct mr_column *column, struct ArrowArray *out, struct mr_error *error)
{
    const struct mr_type *type = column->type;
    bool list = type->id == MR_ARRAY || type->id == MR_MAP;
    int buffers = type->id == MR_VOID ? 0 : type->id == MR_STRUCT ? 1 : mr_type_is_bytes(type) ? 3 : 2;
    int children = type->id == MR_MAP ? 1 : column->child_count;
    MR_TRY(begin(out, column->length, buffers, children, error));
    struct exported *exported = out->private_data;
    exported->column = mr_column_ref(column);
    out->null_count = type->id == MR_VOID ? column->length : mr_column_null_count(column);
    if (buffers > 0)
        exported->buffers[0] = out->null_count > 0 ? column->validity : NULL;
    if (list)
        exported->buffers[1] = column->offsets ? (const void *)column->offsets : nothing;
    if (type->id == MR_MAP)
        return export_map(column, out, error);
    if (mr_type_is_nested(type))
        return export_children(column, out, error);
    if (type->id == MR_BOOLEAN)
        return export_booleans(column, out, error);
    if (type->id == MR_DECIMAL && !mr_type_is_long_decimal(type))
        return export_decimals(column, out, error);
    if (mr_type_is_bytes(type))
        return export_bytes(column, out, error);
    if (buffers > 0)
        exported->buffers[1] = column->values ? column->values : nothing;
    return MR_OK;
}

int mr_arrow_export(const struct mr_batch *rows, struct ArrowArray *out, struct mr_error *error)
{
    int status = begin(out, rows->length, 1, rows->schema->field_count, error);
    for (int i = 0; status >= 0 && i < rows->schema->field_count; i++)
        status = export_column(rows->columns[i], out->children[i], error);
    if (status < 0 && out->release)
        out->release(out);
    return status;
}
