/* expressions/lists.h: what functions on arrays and maps are built with. */
#ifndef MR_EXPRESSIONS_LISTS_H
#define MR_EXPRESSIONS_LISTS_H

#include "expressions/function_tools.h"

/* ---- results that share what they are made of ---- */
/* A column of `length` rows whose children are still missing (NULL), for call->result; offsets are not set.
 * NULL without memory. */
struct mr_column *mr_shell_new(const struct mr_type *type, int64_t length, struct mr_error *error);
/* The shell's rows are NULL where out's are. */
int mr_shell_validity(struct mr_column *shell, const struct mr_column *out, struct mr_error *error);

/* ---- lists made of rows of one column ---- */
/* Collects, list by list, which rows of a child column the result's lists hold; mr_picks_finish then takes
 * them at once. */
struct mr_picks {
    struct mr_column *out; /* ARRAY or MAP */
    int32_t *rows;         /* -1: a NULL element */
    int64_t count, capacity;
    int64_t next_row; /* of out, whose offset is not set yet */
};
static inline struct mr_picks mr_picks(struct mr_column *out)
{
    return (struct mr_picks){.out = out};
}
void mr_picks_begin(struct mr_picks *picks, int64_t row); /* the list of `row` begins; rows ascend */
int mr_picks_add(struct mr_picks *picks, int32_t element, struct mr_error *error);
/* Sets the remaining offsets and child `child` of out to the rows picked from `from`. Frees the picks. */
int mr_picks_finish(struct mr_picks *picks, int child, const struct mr_column *from, struct mr_error *error);
void mr_picks_release(struct mr_picks *picks); /* after an error; harmless otherwise */

/* Elements [first, last) of a list column's row. */
struct mr_range {
    int32_t first, last;
};
static inline struct mr_range mr_range_of(const struct mr_column *list, int64_t row)
{
    return (struct mr_range){list->offsets[row], list->offsets[row + 1]};
}
/* The element of [first, last) that is the same as row `row` of value (NULL is the same as NULL); -1. */
int32_t mr_range_find(const struct mr_column *child, struct mr_range range, const struct mr_column *value,
                      int64_t row);

/* ---- sets of elements of some columns of one type ---- */
struct mr_element_set { /* zeroed to begin with */
    struct mr_element {
        const struct mr_column *column;
        int32_t row;
        uint64_t hash;
    } * elements;
    int32_t *slots; /* index + 1; 0: free */
    int32_t count, capacity, slot_count;
};
void mr_element_set_clear(struct mr_element_set *set);
void mr_element_set_release(struct mr_element_set *set);
/* hashes: of every row of column (mr_column_hash). *added: it was not there yet. */
int mr_element_set_add(struct mr_element_set *set, const struct mr_column *column, const uint64_t *hashes,
                       int32_t row, bool *added, struct mr_error *error);
bool mr_element_set_has(const struct mr_element_set *set, const struct mr_column *column,
                        const uint64_t *hashes, int32_t row);
/* Hashes of all rows of a column, in the call's scratch. NULL without memory. */
uint64_t *mr_element_hashes(struct mr_call *call, const struct mr_column *column);

/* ---- map keys: never NULL, never twice ---- */
int mr_map_key_null(struct mr_error *error);
int mr_map_key_duplicate(const struct mr_column *keys, int64_t row, struct mr_error *error);
/* Checks the keys of entries [first, last). */
int mr_map_keys_check(const struct mr_column *keys, struct mr_range range, struct mr_error *error);

#endif
