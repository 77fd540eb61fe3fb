/* columns/column_append.c: rows added at the end, one by one and in ranges. */
#include "columns/column.h"
#include "columns/column_parts.h"

/* Bits [start, start+64) of a bitmap that has at least `words` words; what lies beyond is 1. */
static inline uint64_t bits_at(const uint64_t *bitmap, int64_t words, int64_t start)
{
    int64_t word = start >> 6;
    int shift = (int)(start & 63);
    uint64_t low = word < words ? bitmap[word] : ~0ULL;
    if (shift == 0)
        return low;
    uint64_t high = word + 1 < words ? bitmap[word + 1] : ~0ULL;
    return low >> shift | high << (64 - shift);
}

/* ANDs count bits of `from`, from bit `start`, into those of `to` at bit `at`, which are 1. */
static void copy_bits(uint64_t *to, int64_t at, const uint64_t *from, int64_t words, int64_t start,
                      int64_t count)
{
    for (int64_t done = 0; done < count; done += 64) {
        uint64_t bits = bits_at(from, words, start + done);
        int64_t left = count - done, place = at + done;
        if (left < 64)
            bits |= ~0ULL << left;
        int shift = (int)(place & 63);
        to[place >> 6] &= shift ? bits << shift | ((1ULL << shift) - 1) : bits;
        if (shift && left > 64 - shift)
            to[(place >> 6) + 1] &= bits >> (64 - shift) | ~0ULL << shift;
    }
}

static int append_offsets(struct mr_column *column, const struct mr_column *other, int64_t start,
                          int64_t count, struct mr_error *error)
{
    int64_t at = column->length, base = column->offsets[at], first = other->offsets[start];
    int64_t elements = other->offsets[start + count] - first;
    if (base + elements > INT32_MAX)
        return mr_error_memory(error, (size_t)(base + elements));
    for (int64_t i = 0; i < count; i++)
        column->offsets[at + i + 1] = (int32_t)(base + other->offsets[start + i + 1] - first);
    for (int i = 0; i < column->child_count; i++)
        MR_TRY(mr_column_append_range(column->children[i], other->children[i], first, elements, error));
    return MR_OK;
}

int mr_column_append_range(struct mr_column *column, const struct mr_column *other, int64_t start,
                           int64_t count, struct mr_error *error)
{
    if (count <= 0)
        return MR_OK;
    MR_TRY(mr_column_room(column, count, error));
    size_t width = mr_type_width(column->type);
    if (width > 0)
        memcpy((char *)column->values + width * (size_t)column->length,
               (const char *)other->values + width * (size_t)start, width * (size_t)count);
    for (int i = 0; i < other->kept_count; i++)
        MR_TRY(mr_column_keep(column, other->kept[i], error));
    if (column->offsets)
        MR_TRY(append_offsets(column, other, start, count, error));
    for (int i = 0; !column->offsets && i < column->child_count; i++)
        MR_TRY(mr_column_append_range(column->children[i], other->children[i], start, count, error));
    if (other->validity) {
        MR_TRY(mr_column_make_validity(column, error));
        copy_bits(column->validity, column->length, other->validity, validity_words(other->capacity), start,
                  count);
    }
    column->length += count;
    return MR_OK;
}

int mr_column_append_nulls(struct mr_column *column, int64_t count, struct mr_error *error)
{
    if (count <= 0)
        return MR_OK;
    MR_TRY(mr_column_room(column, count, error));
    int64_t row = column->length;
    size_t width = mr_type_width(column->type);
    if (width > 0) /* a cleared column still holds old values */
        memset((char *)column->values + width * (size_t)row, 0, width * (size_t)count);
    for (int64_t i = 0; column->offsets && i < count; i++)
        column->offsets[row + i + 1] = column->offsets[row];
    for (int i = 0; !column->offsets && i < column->child_count; i++)
        MR_TRY(mr_column_append_nulls(column->children[i], count, error));
    MR_TRY(mr_column_make_validity(column, error));
    for (int64_t i = row; i < row + count; i++)
        if ((i & 63) == 0 && i + 64 <= row + count) {
            column->validity[i >> 6] = 0;
            i += 63;
        } else {
            column->validity[i >> 6] &= ~(1ULL << (i & 63));
        }
    column->length += count;
    return MR_OK;
}

int mr_column_append_null(struct mr_column *column, struct mr_error *error)
{
    MR_TRY(mr_column_room(column, 1, error));
    int64_t row = column->length;
    size_t width = mr_type_width(column->type);
    if (width > 0) /* a cleared column still holds old values */
        memset((char *)column->values + width * (size_t)row, 0, width);
    if (column->offsets)
        column->offsets[row + 1] = column->offsets[row];
    for (int i = 0; !column->offsets && i < column->child_count; i++)
        MR_TRY(mr_column_append_null(column->children[i], error));
    MR_TRY(mr_column_set_null(column, row, error));
    column->length++;
    return MR_OK;
}

static int append_nested(struct mr_column *column, const struct mr_column *other, int64_t row, bool kept,
                         struct mr_error *error)
{
    if (!column->offsets) {
        for (int i = 0; i < column->child_count; i++)
            MR_TRY(mr_column_append(column->children[i], other->children[i], row, kept, error));
        return MR_OK;
    }
    int64_t at = column->length;
    for (int i = 0; i < column->child_count; i++)
        for (int64_t k = other->offsets[row]; k < other->offsets[row + 1]; k++)
            MR_TRY(mr_column_append(column->children[i], other->children[i], k, kept, error));
    if (column->children[0]->length > INT32_MAX)
        return mr_error_memory(error, (size_t)column->children[0]->length);
    column->offsets[at + 1] = (int32_t)column->children[0]->length;
    return MR_OK;
}

int mr_column_append(struct mr_column *column, const struct mr_column *other, int64_t row, bool kept,
                     struct mr_error *error)
{
    if (mr_column_is_null(other, row))
        return mr_column_append_null(column, error);
    MR_TRY(mr_column_room(column, 1, error));
    int64_t at = column->length;
    switch (mr_type_width(column->type)) {
    case 1:
        column->i8[at] = other->i8[row];
        break;
    case 2:
        ((mr_any16 *)column->values)[at] = ((const mr_any16 *)other->values)[row];
        break;
    case 4:
        ((mr_any32 *)column->values)[at] = ((const mr_any32 *)other->values)[row];
        break;
    case 8:
        ((mr_any64 *)column->values)[at] = ((const mr_any64 *)other->values)[row];
        break;
    case 16:
        if (!kept && mr_type_is_bytes(column->type) && other->views[row].size > MR_VIEW_INLINE)
            MR_TRY(mr_column_set_bytes(column, at, other->views[row].data, other->views[row].size, error));
        else
            ((struct mr_any128 *)column->values)[at] = ((const struct mr_any128 *)other->values)[row];
        break;
    default:
        MR_TRY(append_nested(column, other, row, kept, error));
    }
    column->length++;
    return MR_OK;
}
