/* expressions/append.h: rows added one by one to columns that a kernel builds (elements of lists, records).
 */
#ifndef MR_EXPRESSIONS_APPEND_H
#define MR_EXPRESSIONS_APPEND_H

#include "columns/column.h"

/* Room for `more` rows behind the last, at least doubling. For lists and structs: of the column itself, not
 * of its children. */
static inline int mr_append_room(struct mr_column *column, int64_t more, struct mr_error *error)
{
    int64_t need = column->length + more;
    if (need <= column->capacity)
        return MR_OK;
    int64_t capacity = column->capacity * 2 > 16 ? column->capacity * 2 : 16;
    return mr_column_reserve(column, capacity < need ? need : capacity, error);
}
/* One more row, valid, to be written at *row. */
static inline int mr_append_row(struct mr_column *column, int64_t *row, struct mr_error *error)
{
    MR_TRY(mr_append_room(column, 1, error));
    *row = column->length++;
    mr_column_set_valid(column, *row);
    return MR_OK;
}
/* Bytes that are copied into the column's heap. */
static inline int mr_append_text(struct mr_column *column, struct mr_str text, struct mr_error *error)
{
    int64_t row;
    MR_TRY(mr_append_row(column, &row, error));
    return mr_column_set_bytes(column, row, text.data, text.size, error);
}
/* Bytes that stay where they are: what holds them is kept by the column. */
static inline int mr_append_view(struct mr_column *column, struct mr_str text, struct mr_error *error)
{
    int64_t row;
    MR_TRY(mr_append_row(column, &row, error));
    column->views[row] = mr_view_of(text.data, (uint32_t)text.size);
    return MR_OK;
}
/* Forgets the rows from `length` on, and what lists have gathered for a row they do not have yet. */
static inline void mr_append_undo(struct mr_column *column, int64_t length)
{
    for (int64_t row = length; row < column->length; row++)
        mr_column_set_valid(column, row);
    int64_t inner = column->offsets ? column->offsets[length] : length;
    column->length = length;
    for (int i = 0; i < column->child_count; i++)
        if (column->children[i]->length > inner || column->children[i]->child_count > 0)
            mr_append_undo(column->children[i], inner);
}

#endif
