/* expressions/collection_sets.c: arrays as sets: distinct, union, intersect, except, overlap. NULL is the
 * same as NULL. */
#include "expressions/collection_kernels.h"

/* Elements of the arrays, each once; of both, or of the first that are (or are not) in the second. */
enum operation { DISTINCT, INTERSECT, EXCEPT };

static int combine_row(struct mr_element_set *seen, struct mr_element_set *other, enum operation operation,
                       struct mr_column *const *arguments, uint64_t *const *hashes, int64_t i,
                       struct mr_picks *picks, struct mr_error *error)
{
    bool added;
    struct mr_range range = mr_range_of(arguments[0], i);
    mr_element_set_clear(seen);
    mr_element_set_clear(other);
    if (operation != DISTINCT) {
        struct mr_range second = mr_range_of(arguments[1], i);
        for (int32_t k = second.first; k < second.last; k++)
            MR_TRY(mr_element_set_add(other, arguments[1]->children[0], hashes[1], k, &added, error));
    }
    for (int32_t k = range.first; k < range.last; k++) {
        if (operation != DISTINCT &&
            mr_element_set_has(other, arguments[0]->children[0], hashes[0], k) != (operation == INTERSECT))
            continue;
        MR_TRY(mr_element_set_add(seen, arguments[0]->children[0], hashes[0], k, &added, error));
        if (added)
            MR_TRY(mr_picks_add(picks, k, error));
    }
    return MR_OK;
}

static int combine(struct mr_call *call, struct mr_column *const *arguments, const struct mr_selection *rows,
                   struct mr_column *out, enum operation operation, struct mr_error *error)
{
    struct mr_element_set seen = {0}, other = {0};
    struct mr_picks picks = mr_picks(out);
    uint64_t *hashes[2] = {mr_element_hashes(call, arguments[0]->children[0]), NULL};
    int status = MR_OK;
    if (operation != DISTINCT)
        hashes[1] = mr_element_hashes(call, arguments[1]->children[0]);
    if (!hashes[0] || (operation != DISTINCT && !hashes[1]))
        MR_ERR(mr_row_memory(error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_picks_begin(&picks, i);
        MR_ERR(combine_row(&seen, &other, operation, arguments, hashes, i, &picks, error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, arguments[0]->children[0], error));
err:
    mr_picks_release(&picks);
    mr_element_set_release(&seen);
    mr_element_set_release(&other);
    return status;
}

MR_KERNEL(mr_collection_distinct)
{
    return combine(call, arguments, rows, out, DISTINCT, error);
}
MR_KERNEL(mr_collection_intersect)
{
    return combine(call, arguments, rows, out, INTERSECT, error);
}
MR_KERNEL(mr_collection_except)
{
    return combine(call, arguments, rows, out, EXCEPT, error);
}

MR_KERNEL(mr_collection_union)
{
    struct mr_element_set seen = {0};
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *child = out->children[0];
    int status = MR_OK;
    uint64_t *hashes[2] = {mr_element_hashes(call, arguments[0]->children[0]),
                           mr_element_hashes(call, arguments[1]->children[0])};
    if (!hashes[0] || !hashes[1])
        MR_ERR(mr_row_memory(error));
    for (int a = 0; a < 2; a++)
        MR_ERR(mr_column_keep_all_of(child, arguments[a]->children[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        mr_element_set_clear(&seen);
        for (int a = 0; a < 2; a++) {
            struct mr_range range = mr_range_of(arguments[a], i);
            for (int32_t k = range.first; k < range.last; k++) {
                bool added = false;
                MR_ERR(mr_element_set_add(&seen, arguments[a]->children[0], hashes[a], k, &added, error));
                if (added)
                    MR_ERR(mr_column_append(child, arguments[a]->children[0], k, true, error));
            }
        }
    }
    mr_list_finish(&writer);
err:
    mr_element_set_release(&seen);
    return status;
}

/* Is there an element in both? NULL when not, but one of two arrays that are not empty holds a NULL. */
MR_KERNEL(mr_collection_overlap)
{
    struct mr_element_set seen = {0};
    const struct mr_column *left = arguments[0]->children[0], *right = arguments[1]->children[0];
    int status = MR_OK;
    uint64_t *hashes[2] = {mr_element_hashes(call, left), mr_element_hashes(call, right)};
    if (!hashes[0] || !hashes[1])
        MR_ERR(mr_row_memory(error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range a = mr_range_of(arguments[0], i), b = mr_range_of(arguments[1], i);
        bool found = false, has_null = false, added;
        mr_element_set_clear(&seen);
        for (int32_t k = a.first; k < a.last; k++) {
            has_null |= left->type->id == MR_VOID || mr_column_is_null(left, k);
            MR_ERR(mr_element_set_add(&seen, left, hashes[0], k, &added, error));
        }
        for (int32_t k = b.first; k < b.last; k++) {
            bool is_null = right->type->id == MR_VOID || mr_column_is_null(right, k);
            has_null |= is_null;
            found |= !is_null && mr_element_set_has(&seen, right, hashes[1], k);
        }
        out->booleans[i] = found;
        if (!found && has_null && a.last > a.first && b.last > b.first)
            MR_ERR(mr_column_set_null(out, i, error));
    }
err:
    mr_element_set_release(&seen);
    return status;
}
