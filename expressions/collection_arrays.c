/* expressions/collection_arrays.c: arrays from arrays. */
#include "expressions/collection_kernels.h"
#include "expressions/random.h"

/* ---- slice, reverse, remove, compact: some elements of one array ---- */
static int slice_range(struct mr_range *range, int32_t start, int32_t length, struct mr_error *error)
{
    int32_t size = range->last - range->first;
    if (start == 0)
        return mr_row_error(error, "INVALID_PARAMETER_VALUE.START",
                            "`slice` counts from 1, or from the end from -1; the start is 0.");
    if (length < 0)
        return mr_row_error(error, "INVALID_PARAMETER_VALUE.LENGTH", "The length of `slice` is %d.", length);
    int64_t from = start > 0 ? (int64_t)start - 1 : (int64_t)size + start, to = from + length;
    if (from < 0 || from >= size)
        from = to = 0;
    range->last = range->first + (int32_t)(to > size ? size : to);
    range->first += (int32_t)from;
    return MR_OK;
}

MR_KERNEL(mr_collection_slice)
{
    struct mr_list_writer writer = mr_list_writer(out);
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        mr_list_begin(&writer, i);
        MR_TRY(slice_range(&range, arguments[1]->i32[i], arguments[2]->i32[i], error));
        MR_TRY(mr_column_append_range(out->children[0], arguments[0]->children[0], range.first,
                                      range.last - range.first, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

MR_KERNEL(mr_collection_reverse)
{
    struct mr_picks picks = mr_picks(out);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        mr_picks_begin(&picks, i);
        for (int32_t k = range.last - 1; k >= range.first; k--)
            MR_ERR(mr_picks_add(&picks, k, error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, arguments[0]->children[0], error));
err:
    mr_picks_release(&picks);
    return status;
}

MR_KERNEL(mr_collection_compact)
{
    struct mr_picks picks = mr_picks(out);
    const struct mr_column *child = arguments[0]->children[0];
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        mr_picks_begin(&picks, i);
        for (int32_t k = range.first; k < range.last; k++)
            if (child->type->id != MR_VOID && !mr_column_is_null(child, k))
                MR_ERR(mr_picks_add(&picks, k, error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, child, error));
err:
    mr_picks_release(&picks);
    return status;
}

MR_KERNEL(mr_collection_remove)
{
    struct mr_picks picks = mr_picks(out);
    const struct mr_column *child = arguments[0]->children[0];
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        mr_picks_begin(&picks, i);
        for (int32_t k = range.first; k < range.last; k++)
            if (!mr_column_same(child, k, arguments[1], i))
                MR_ERR(mr_picks_add(&picks, k, error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, child, error));
err:
    mr_picks_release(&picks);
    return status;
}

MR_KERNEL(mr_collection_shuffle)
{
    struct mr_picks picks = mr_picks(out);
    struct mr_random random;
    mr_random_init(&random, (int64_t)call->session->batch_seed);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        mr_picks_begin(&picks, i);
        int64_t first = picks.count;
        for (int32_t k = range.first; k < range.last; k++)
            MR_ERR(mr_picks_add(&picks, k, error));
        for (int64_t k = picks.count - 1; k > first; k--) {
            int64_t other = first + mr_random_next(&random, 31) % (uint32_t)(k - first + 1);
            int32_t element = picks.rows[k];
            picks.rows[k] = picks.rows[other];
            picks.rows[other] = element;
        }
    }
    MR_ERR(mr_picks_finish(&picks, 0, arguments[0]->children[0], error));
err:
    mr_picks_release(&picks);
    return status;
}

/* ---- several arrays in one ---- */
MR_KERNEL(mr_collection_concat)
{
    struct mr_list_writer writer = mr_list_writer(out);
    int count = call->expression->argument_count;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        for (int k = 0; k < count; k++) {
            struct mr_range range = mr_range_of(arguments[k], i);
            MR_TRY(mr_column_append_range(out->children[0], arguments[k]->children[0], range.first,
                                          range.last - range.first, error));
        }
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* NULL when one of the inner arrays is. */
MR_KERNEL(mr_collection_flatten)
{
    struct mr_list_writer writer = mr_list_writer(out);
    const struct mr_column *inner = arguments[0]->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        bool has_null = false;
        mr_list_begin(&writer, i);
        for (int32_t k = range.first; k < range.last; k++)
            has_null |= mr_column_is_null(inner, k);
        if (has_null)
            MR_TRY(mr_column_set_null(out, i, error));
        for (int32_t k = range.first; !has_null && k < range.last; k++)
            MR_TRY(mr_column_append_range(out->children[0], inner->children[0], inner->offsets[k],
                                          inner->offsets[k + 1] - inner->offsets[k], error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

static int add_at_end(struct mr_column *const *arguments, const struct mr_selection *rows,
                      struct mr_column *out, bool front, struct mr_error *error)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *child = out->children[0];
    MR_TRY(mr_column_keep_all_of(child, arguments[1], error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        if (mr_column_is_null(arguments[0], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        struct mr_range range = mr_range_of(arguments[0], i);
        if (front)
            MR_TRY(mr_column_append(child, arguments[1], i, true, error));
        MR_TRY(mr_column_append_range(child, arguments[0]->children[0], range.first, range.last - range.first,
                                      error));
        if (!front)
            MR_TRY(mr_column_append(child, arguments[1], i, true, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

MR_KERNEL(mr_collection_append)
{
    return add_at_end(arguments, rows, out, false, error);
}
MR_KERNEL(mr_collection_prepend)
{
    return add_at_end(arguments, rows, out, true, error);
}

/* ---- array_insert(array, position, value): beyond the ends NULLs fill the gap ---- */
static int append_nulls(struct mr_column *child, int64_t count, struct mr_error *error)
{
    if (count > INT32_MAX - 15)
        return mr_error_memory(error, (size_t)count);
    for (int64_t k = 0; k < count; k++)
        MR_TRY(mr_column_append_null(child, error));
    return MR_OK;
}

static int insert_row(struct mr_column *child, const struct mr_column *from, struct mr_range range,
                      int32_t position, const struct mr_column *value, int64_t row, struct mr_error *error)
{
    int64_t size = range.last - range.first;
    /* before which element; from the end -1 is behind the last */
    int64_t at = position > 0 ? (int64_t)position - 1 : size + 1 + position;
    if (position == 0)
        return mr_row_error(error, "INVALID_INDEX_OF_ZERO",
                            "Positions are counted from 1, or from the end from -1.");
    if (at < 0) {
        MR_TRY(mr_column_append(child, value, row, true, error));
        MR_TRY(append_nulls(child, -at, error));
        return mr_column_append_range(child, from, range.first, size, error);
    }
    int64_t head = at < size ? at : size;
    MR_TRY(mr_column_append_range(child, from, range.first, head, error));
    MR_TRY(append_nulls(child, at - head, error));
    MR_TRY(mr_column_append(child, value, row, true, error));
    return mr_column_append_range(child, from, range.first + head, size - head, error);
}

MR_KERNEL(mr_collection_insert)
{
    struct mr_list_writer writer = mr_list_writer(out);
    MR_TRY(mr_column_keep_all_of(out->children[0], arguments[2], error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        if (mr_column_is_null(arguments[0], i) || mr_column_is_null(arguments[1], i))
            MR_TRY(mr_column_set_null(out, i, error));
        else
            MR_TRY(insert_row(out->children[0], arguments[0]->children[0], mr_range_of(arguments[0], i),
                              arguments[1]->i32[i], arguments[2], i, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* ---- array_join(array of strings, between [, for NULLs]) ---- */
MR_KERNEL(mr_collection_join)
{
    bool replaced = call->expression->argument_count > 2;
    const struct mr_column *child = arguments[0]->children[0];
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        struct mr_str between = mr_string_at(arguments[1], i);
        bool first = true;
        mr_text_clear(&text);
        for (int32_t k = range.first; k < range.last; k++) {
            bool is_null = mr_column_is_null(child, k);
            if (is_null && !replaced)
                continue;
            struct mr_str element = mr_string_at(is_null ? arguments[2] : child, is_null ? i : k);
            if (!first)
                mr_text_append(&text, between.data, between.size);
            mr_text_append(&text, element.data, element.size);
            first = false;
        }
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- arrays_zip: the k-th elements of all arrays side by side; NULL where an array is shorter ---- */
MR_KERNEL(mr_collection_zip)
{
    int count = call->expression->argument_count, status = MR_OK;
    struct mr_column *entries = out->children[0];
    struct mr_picks picks = mr_picks(out);
    for (int a = 0; a < count; a++) {
        picks.count = picks.next_row = 0;
        MR_FOR_ROWS (i, rows, out->length) {
            int32_t longest = 0;
            mr_picks_begin(&picks, i);
            for (int other = 0; other < count; other++) {
                struct mr_range range = mr_range_of(arguments[other], i);
                longest = range.last - range.first > longest ? range.last - range.first : longest;
            }
            struct mr_range range = mr_range_of(arguments[a], i);
            for (int32_t k = 0; k < longest; k++)
                MR_ERR(mr_picks_add(&picks, range.first + k < range.last ? range.first + k : -1, error));
        }
        struct mr_column *taken;
        MR_ERR(mr_column_take(arguments[a]->children[0], picks.rows, picks.count, &taken, error));
        mr_column_unref(entries->children[a]);
        entries->children[a] = taken;
    }
    mr_picks_begin(&picks, out->length);
    MR_ERR(mr_column_reserve(entries, picks.count, error));
    entries->length = picks.count;
err:
    mr_picks_release(&picks);
    return status;
}
