/* columns/column_copy.c: new columns out of rows of another. */
#include "columns/column.h"
#include "columns/column_parts.h"

/* One loop per width. With absent rows (-1) the value is zero. */
#define GATHER(name, type)                                                                                \
    static void gather_##name(type *restrict to, const type *restrict from, const int32_t *restrict rows, \
                              int64_t count, bool absent)                                                 \
    {                                                                                                     \
        static const type zero;                                                                           \
        if (!absent)                                                                                      \
            for (int64_t i = 0; i < count; i++)                                                           \
                to[i] = from[rows[i]];                                                                    \
        else                                                                                              \
            for (int64_t i = 0; i < count; i++)                                                           \
                to[i] = rows[i] < 0 ? zero : from[rows[i]];                                               \
    }
GATHER(8, uint8_t)
GATHER(16, mr_any16)
GATHER(32, mr_any32)
GATHER(64, mr_any64)
GATHER(128, struct mr_any128)

static void gather_values(struct mr_column *to, const struct mr_column *from, const int32_t *rows,
                          int64_t count, bool absent)
{
    switch (mr_type_width(from->type)) {
    case 1:
        gather_8(to->values, from->values, rows, count, absent);
        break;
    case 2:
        gather_16(to->values, from->values, rows, count, absent);
        break;
    case 4:
        gather_32(to->values, from->values, rows, count, absent);
        break;
    case 8:
        gather_64(to->values, from->values, rows, count, absent);
        break;
    case 16:
        gather_128(to->values, from->values, rows, count, absent);
        break;
    default:
        break;
    }
}

static void gather_validity(uint64_t *to, const uint64_t *from, const int32_t *rows, int64_t count)
{
    for (int64_t start = 0; start < count; start += 64) {
        int64_t stop = count - start < 64 ? count - start : 64;
        uint64_t word = stop < 64 ? ~0ULL << stop : 0;
        for (int64_t i = 0; i < stop; i++) {
            int64_t row = rows[start + i];
            uint64_t valid = row < 0 ? 0 : from ? from[row >> 6] >> (row & 63) & 1 : 1;
            word |= valid << i;
        }
        to[start >> 6] = word;
    }
}

static int take_children(const struct mr_column *from, const int32_t *rows, int64_t count,
                         struct mr_column *to, struct mr_error *error)
{
    for (int i = 0; i < from->child_count; i++)
        MR_TRY(mr_column_take(from->children[i], rows, count, &to->children[i], error));
    return MR_OK;
}

/* ARRAY, MAP: the elements of the rows taken, one list after the other. */
static int take_elements(const struct mr_column *from, const int32_t *rows, int64_t count,
                         struct mr_column *to, struct mr_error *error)
{
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++)
        if (rows[i] >= 0)
            total += from->offsets[rows[i] + 1] - from->offsets[rows[i]];
    if (total > INT32_MAX)
        return mr_error_memory(error, (size_t)total);
    int32_t *elements = mr_allocate(sizeof *elements * (size_t)total);
    if (!elements)
        return mr_error_memory(error, sizeof *elements * (size_t)total);
    int64_t at = 0;
    to->offsets[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (rows[i] >= 0)
            for (int32_t k = from->offsets[rows[i]]; k < from->offsets[rows[i] + 1]; k++)
                elements[at++] = k;
        to->offsets[i + 1] = (int32_t)at;
    }
    int status = take_children(from, elements, total, to, error);
    mr_free(elements);
    return status;
}

/* A column whose children are to be filled in; fixed parts not initialised. */
static struct mr_column *new_shell(const struct mr_type *type, int64_t capacity)
{
    if (!mr_type_is_nested(type))
        return mr_column_new_sized(type, capacity, false);
    struct mr_column *c = mr_allocate_zeroed(sizeof *c);
    if (!c)
        return NULL;
    atomic_init(&c->references, 1);
    c->type = type;
    c->capacity = capacity;
    c->children =
        mr_allocate_zeroed(sizeof *c->children * (size_t)(type->field_count ? type->field_count : 1));
    if (type->id != MR_STRUCT)
        c->offsets = mr_allocate_zeroed(sizeof *c->offsets * (size_t)(capacity + 1));
    if (!c->children || (type->id != MR_STRUCT && !c->offsets)) {
        mr_column_unref(c);
        return NULL;
    }
    c->child_count = type->field_count;
    return c;
}

static int share_buffers(struct mr_column *to, const struct mr_column *from, struct mr_error *error)
{
    for (int i = 0; i < from->kept_count; i++)
        MR_TRY(mr_column_keep(to, from->kept[i], error));
    return MR_OK;
}

int mr_column_take(const struct mr_column *column, const int32_t *rows, int64_t count, struct mr_column **out,
                   struct mr_error *error)
{
    int status = MR_OK;
    *out = NULL;
    struct mr_column *to = new_shell(column->type, count);
    if (!to)
        return mr_error_memory(error, mr_type_width(column->type) * (size_t)count);
    int32_t signs = 0;
    for (int64_t i = 0; i < count; i++)
        signs |= rows[i];
    bool absent = signs < 0;
    gather_values(to, column, rows, count, absent);
    if (absent || column->validity) {
        MR_ERR(mr_column_make_validity(to, error));
        gather_validity(to->validity, column->validity, rows, count);
    }
    if (to->offsets)
        MR_ERR(take_elements(column, rows, count, to, error));
    else
        MR_ERR(take_children(column, rows, count, to, error));
    MR_ERR(share_buffers(to, column, error));
    to->length = count;
    *out = to;
    return MR_OK;
err:
    mr_column_unref(to);
    return status;
}

int mr_column_slice(const struct mr_column *column, int64_t start, int64_t count, struct mr_column **out,
                    struct mr_error *error)
{
    *out = NULL;
    struct mr_column *to = mr_column_new_sized(column->type, count, false);
    if (!to)
        return mr_error_memory(error, mr_type_width(column->type) * (size_t)count);
    int status = mr_column_append_range(to, column, start, count, error);
    if (status < 0) {
        mr_column_unref(to);
        return status;
    }
    *out = to;
    return MR_OK;
}

#define FILL(type)                      \
    for (int64_t i = 0; i < count; i++) \
    ((type *)to->values)[i] = ((const type *)column->values)[row]

static void fill_values(struct mr_column *to, const struct mr_column *column, int64_t row, int64_t count)
{
    switch (mr_type_width(column->type)) {
    case 1:
        if (count > 0) /* a column without rows has no values */
            memset(to->values, column->i8[row], (size_t)count);
        break;
    case 2:
        FILL(mr_any16);
        break;
    case 4:
        FILL(mr_any32);
        break;
    case 8:
        FILL(mr_any64);
        break;
    case 16:
        FILL(struct mr_any128);
        break;
    default:
        break;
    }
}

int mr_column_repeat(const struct mr_column *column, int64_t row, int64_t count, struct mr_column **out,
                     struct mr_error *error)
{
    if (mr_type_is_nested(column->type)) {
        int32_t *rows = mr_allocate(sizeof *rows * (size_t)count);
        if (!rows)
            return mr_error_memory(error, sizeof *rows * (size_t)count);
        for (int64_t i = 0; i < count; i++)
            rows[i] = (int32_t)row;
        int status = mr_column_take(column, rows, count, out, error);
        mr_free(rows);
        return status;
    }
    *out = NULL;
    int status = MR_OK;
    struct mr_column *to = mr_column_new_sized(column->type, count, false);
    if (!to)
        return mr_error_memory(error, mr_type_width(column->type) * (size_t)count);
    fill_values(to, column, row, count);
    to->length = count;
    if (mr_column_is_null(column, row)) {
        MR_ERR(mr_column_make_validity(to, error));
        memset(to->validity, 0, (size_t)validity_words(count) * sizeof *to->validity);
        if (count % 64 != 0 || count == 0)
            to->validity[validity_words(count) - 1] = ~0ULL << (count % 64);
    }
    MR_ERR(share_buffers(to, column, error));
    *out = to;
    return MR_OK;
err:
    mr_column_unref(to);
    return status;
}

/* Moves the bytes of every long view into one heap of exactly their size. */
static int detach_views(struct mr_column *c, struct mr_error *error)
{
    size_t total = 0;
    for (int64_t i = 0; i < c->length; i++)
        if (!mr_column_is_null(c, i) && c->views[i].size > MR_VIEW_INLINE)
            total += c->views[i].size;
    char *at = total > 0 ? mr_column_heap(c, total) : NULL;
    if (total > 0 && !at)
        return mr_error_memory(error, total);
    for (int64_t i = 0; i < c->length; i++) {
        struct mr_view *view = &c->views[i];
        if (mr_column_is_null(c, i)) {
            *view = (struct mr_view){0}; /* nothing may point into the buffers left behind */
        } else if (view->size > MR_VIEW_INLINE) {
            memcpy(at, view->data, view->size);
            view->data = at;
            at += view->size;
        }
    }
    return MR_OK;
}

/* Detaches c in place: it is a fresh copy that shares the buffers of its origin. */
static int detach(struct mr_column *c, struct mr_error *error)
{
    for (int i = 0; i < c->child_count; i++)
        MR_TRY(detach(c->children[i], error));
    if (!mr_type_is_bytes(c->type))
        return MR_OK;
    struct mr_buffer **kept = c->kept;
    int count = c->kept_count;
    c->kept = NULL;
    c->kept_count = c->kept_capacity = 0;
    c->heap = NULL;
    int status = detach_views(c, error);
    for (int i = 0; i < count; i++)
        mr_buffer_unref(kept[i]);
    mr_free(kept);
    return status;
}

int mr_column_detach(const struct mr_column *column, struct mr_column **out, struct mr_error *error)
{
    MR_TRY(mr_column_slice(column, 0, column->length, out, error));
    int status = detach(*out, error);
    if (status < 0) {
        mr_column_unref(*out);
        *out = NULL;
    }
    return status;
}
