/* columns/column_parts.h: what the files on columns share; private to this room. */
#ifndef MR_COLUMNS_COLUMN_PARTS_H
#define MR_COLUMNS_COLUMN_PARTS_H

#include "columns/column.h"

/* As mr_column_new; when not zeroed the caller writes every value before anybody sees it. */
struct mr_column *mr_column_new_sized(const struct mr_type *type, int64_t capacity, bool zeroed);

/* Values are moved by width, whatever their type is. */
typedef uint16_t __attribute__((may_alias)) mr_any16;
typedef uint32_t __attribute__((may_alias)) mr_any32;
typedef uint64_t __attribute__((may_alias)) mr_any64;
struct mr_any128 {
    uint64_t low, high;
} __attribute__((may_alias));

static inline int64_t validity_words(int64_t rows)
{
    return rows > 0 ? (rows + 63) / 64 : 1;
}

/* Room for one more row, at least doubling. */
static inline int mr_column_room(struct mr_column *column, int64_t more, struct mr_error *error)
{
    int64_t need = column->length + more;
    if (need <= column->capacity)
        return MR_OK;
    int64_t capacity = column->capacity * 2;
    if (capacity < 16)
        capacity = 16;
    return mr_column_reserve(column, capacity < need ? need : capacity, error);
}

#endif
