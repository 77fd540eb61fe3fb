/* operators/sort_key.h: rows' keys as bytes whose order is the order asked for. Not for other folders. */
#ifndef MR_OPERATORS_SORT_KEY_H
#define MR_OPERATORS_SORT_KEY_H

#include "columns/value.h"

/* One key: a byte that puts NULLs where they belong, then the encoding, its bits turned over when descending.
 */
static inline void mr_sort_key_append(struct mr_text *text, bool descending, bool nulls_first,
                                      const struct mr_column *column, int64_t row)
{
    if (mr_column_is_null(column, row)) {
        mr_text_append_char(text, nulls_first ? 0 : 2);
        return;
    }
    mr_text_append_char(text, 1);
    size_t start = text->size;
    mr_key_append(text, column, row);
    for (size_t i = start; descending && i < text->size; i++)
        text->data[i] = (char)~text->data[i];
}

/* Shorter comes first when it begins the other. */
static inline int mr_sort_key_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 || a_size == b_size ? order : a_size < b_size ? -1 : 1;
}

#endif
