/* columns/column.c: a column's memory: fixed parts, validity, string buffers.
 *
 * Kept true everywhere in this room: validity bits at and beyond length are set (so that a row becomes valid
 * by being written), and values beyond length are initialised. */
#include "columns/column.h"

#include "columns/column_parts.h"

static bool new_children(struct mr_column *c, const struct mr_type *type, int64_t capacity, bool zeroed)
{
    c->children =
        mr_allocate_zeroed(sizeof *c->children * (size_t)(type->field_count ? type->field_count : 1));
    if (!c->children)
        return false;
    c->child_count = type->field_count;
    for (int i = 0; i < type->field_count; i++) {
        c->children[i] = mr_column_new_sized(type->fields[i].type, capacity, zeroed);
        if (!c->children[i])
            return false;
    }
    return true;
}

struct mr_column *mr_column_new_sized(const struct mr_type *type, int64_t capacity, bool zeroed)
{
    struct mr_column *c = mr_allocate_zeroed(sizeof *c);
    if (!c)
        return NULL;
    atomic_init(&c->references, 1);
    c->type = type;
    c->capacity = capacity;
    size_t bytes = mr_type_width(type) * (size_t)capacity;
    bool failed = false;
    if (bytes > 0) {
        c->values = zeroed ? mr_allocate_zeroed(bytes) : mr_allocate(bytes);
        failed = !c->values;
    }
    if (type->id == MR_ARRAY || type->id == MR_MAP) {
        size_t size = sizeof *c->offsets * (size_t)(capacity + 1);
        c->offsets = zeroed ? mr_allocate_zeroed(size) : mr_allocate(size);
        failed = failed || !c->offsets;
        if (c->offsets)
            c->offsets[0] = 0;
    }
    if (!failed && mr_type_is_nested(type))
        failed = !new_children(c, type, capacity, zeroed);
    if (failed) {
        mr_column_unref(c);
        return NULL;
    }
    return c;
}

struct mr_column *mr_column_new(const struct mr_type *type, int64_t capacity)
{
    return mr_column_new_sized(type, capacity, true);
}

struct mr_column *mr_column_ref(struct mr_column *column)
{
    atomic_fetch_add_explicit(&column->references, 1, memory_order_relaxed);
    return column;
}

static void drop_kept(struct mr_column *c)
{
    for (int i = 0; i < c->kept_count; i++)
        mr_buffer_unref(c->kept[i]);
    c->kept_count = 0;
    c->heap = NULL;
}

void mr_column_unref(struct mr_column *column)
{
    if (!column || atomic_fetch_sub_explicit(&column->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < column->child_count; i++)
        mr_column_unref(column->children[i]);
    drop_kept(column);
    mr_free(column->children);
    mr_free(column->kept);
    mr_free(column->values);
    mr_free(column->offsets);
    mr_free(column->validity);
    mr_free(column);
}

static int grow(void **memory, size_t width, int64_t from, int64_t to, int fill, struct mr_error *error)
{
    void *moved = mr_reallocate(*memory, width * (size_t)to);
    if (!moved)
        return mr_error_memory(error, width * (size_t)to);
    memset((char *)moved + width * (size_t)from, fill, width * (size_t)(to - from));
    *memory = moved;
    return MR_OK;
}

int mr_column_reserve(struct mr_column *column, int64_t capacity, struct mr_error *error)
{
    int64_t had = column->capacity;
    if (capacity <= had)
        return MR_OK;
    size_t width = mr_type_width(column->type);
    if (width > 0)
        MR_TRY(grow(&column->values, width, had, capacity, 0, error));
    if (column->offsets) {
        void *offsets = column->offsets;
        MR_TRY(grow(&offsets, sizeof *column->offsets, had + 1, capacity + 1, 0, error));
        column->offsets = offsets;
    }
    if (column->validity && validity_words(capacity) > validity_words(had)) {
        void *validity = column->validity;
        MR_TRY(grow(&validity, sizeof *column->validity, validity_words(had), validity_words(capacity), 0xFF,
                    error));
        column->validity = validity;
    }
    column->capacity = capacity;
    return MR_OK;
}

void mr_column_clear(struct mr_column *column)
{
    column->length = 0;
    mr_free(column->validity);
    column->validity = NULL;
    struct mr_buffer *heap = column->heap;
    if (heap && atomic_load_explicit(&heap->references, memory_order_acquire) == 1)
        mr_buffer_ref(heap);
    else
        heap = NULL;
    drop_kept(column);
    if (heap) {
        heap->size = 0;
        column->kept[column->kept_count++] = heap;
        column->heap = heap;
    }
    for (int i = 0; i < column->child_count; i++)
        mr_column_clear(column->children[i]);
}

size_t mr_column_bytes(const struct mr_column *column)
{
    size_t bytes = sizeof *column + mr_type_width(column->type) * (size_t)column->capacity;
    if (column->validity)
        bytes += sizeof *column->validity * (size_t)validity_words(column->capacity);
    if (column->offsets)
        bytes += sizeof *column->offsets * (size_t)(column->capacity + 1);
    for (int i = 0; i < column->kept_count; i++)
        bytes += sizeof *column->kept[i] + column->kept[i]->capacity + MR_BUFFER_PADDING;
    for (int i = 0; i < column->child_count; i++)
        bytes += mr_column_bytes(column->children[i]);
    return bytes;
}

int mr_column_make_validity(struct mr_column *column, struct mr_error *error)
{
    if (column->validity)
        return MR_OK;
    size_t bytes = sizeof *column->validity * (size_t)validity_words(column->capacity);
    column->validity = mr_allocate(bytes);
    if (!column->validity)
        return mr_error_memory(error, bytes);
    memset(column->validity, 0xFF, bytes);
    return MR_OK;
}

int mr_column_set_null(struct mr_column *column, int64_t row, struct mr_error *error)
{
    if (!column->validity)
        MR_TRY(mr_column_make_validity(column, error));
    column->validity[row >> 6] &= ~(1ULL << (row & 63));
    return MR_OK;
}

int64_t mr_column_null_count(const struct mr_column *column)
{
    if (!column->validity)
        return 0;
    int64_t valid = 0, words = column->length / 64, rest = column->length % 64;
    for (int64_t i = 0; i < words; i++)
        valid += __builtin_popcountll(column->validity[i]);
    if (rest > 0)
        valid += __builtin_popcountll(column->validity[words] & ((1ULL << rest) - 1));
    return column->length - valid;
}

/* ---- string buffers ---- */

static int push_kept(struct mr_column *c, struct mr_buffer *buffer, struct mr_error *error)
{
    if (c->kept_count == c->kept_capacity) {
        int capacity = c->kept_capacity ? c->kept_capacity * 2 : 4;
        struct mr_buffer **kept = mr_reallocate(c->kept, sizeof(struct mr_buffer *) * (size_t)capacity);
        if (!kept)
            return mr_error_memory(error, sizeof(struct mr_buffer *) * (size_t)capacity);
        c->kept = kept;
        c->kept_capacity = capacity;
    }
    c->kept[c->kept_count++] = buffer;
    return MR_OK;
}

char *mr_column_heap(struct mr_column *column, size_t size)
{
    struct mr_buffer *heap = column->heap;
    if (!heap || heap->capacity - heap->size < size) {
        size_t capacity = heap ? heap->capacity * 2 : 4096;
        if (capacity > 1024 * 1024)
            capacity = 1024 * 1024;
        if (capacity < size)
            capacity = size;
        heap = mr_buffer_new(capacity);
        if (!heap)
            return NULL;
        if (push_kept(column, heap, NULL) < 0) {
            mr_buffer_unref(heap);
            return NULL;
        }
        column->heap = heap;
    }
    char *space = heap->data + heap->size;
    heap->size += size;
    return space;
}

int mr_column_set_bytes(struct mr_column *column, int64_t row, const char *data, size_t size,
                        struct mr_error *error)
{
    if (size > UINT32_MAX)
        return mr_error_memory(error, size);
    if (size > MR_VIEW_INLINE) {
        char *copy = mr_column_heap(column, size);
        if (!copy)
            return mr_error_memory(error, size);
        memcpy(copy, data, size);
        data = copy;
    }
    column->views[row] = mr_view_of(data, (uint32_t)size);
    mr_column_set_valid(column, row);
    return MR_OK;
}

int mr_column_keep(struct mr_column *column, struct mr_buffer *buffer, struct mr_error *error)
{
    /* Batches cut from one input share its buffer; looking at the last few finds nearly all repetitions. */
    int oldest = column->kept_count > 16 ? column->kept_count - 16 : 0;
    for (int i = column->kept_count - 1; i >= oldest; i--)
        if (column->kept[i] == buffer)
            return MR_OK;
    MR_TRY(push_kept(column, buffer, error));
    mr_buffer_ref(buffer);
    return MR_OK;
}

int mr_column_keep_all_of(struct mr_column *column, const struct mr_column *other, struct mr_error *error)
{
    for (int i = 0; i < other->kept_count; i++)
        MR_TRY(mr_column_keep(column, other->kept[i], error));
    for (int i = 0; i < column->child_count; i++)
        MR_TRY(mr_column_keep_all_of(column->children[i], other->children[i], error));
    return MR_OK;
}
