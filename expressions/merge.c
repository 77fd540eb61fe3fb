/* expressions/merge.c: rows split by a condition, and results put together from columns that hold different
 * rows. */
#include "expressions/evaluator.h"

void mr_rows_split(const struct mr_column *condition, const struct mr_selection *rows, int64_t length,
                   int32_t *yes, int64_t *yes_count, int32_t *no, int64_t *no_count)
{
    int64_t count = rows ? rows->count : length, yeses = 0, noes = 0;
    if (condition->type->id == MR_VOID) { /* a bare NULL */
        for (int64_t k = 0; no && k < count; k++)
            no[noes++] = rows ? rows->rows[k] : (int32_t)k;
        count = 0;
    }
    const uint8_t *values = condition->booleans;
    const uint64_t *validity = condition->validity;
    for (int64_t k = 0; k < count;
         k++) { /* without branches: the condition of a filter is what no predictor knows */
        int64_t i = rows ? rows->rows[k] : k;
        int64_t is = values[i] != 0;
        if (validity)
            is &= (int64_t)((validity[i >> 6] >> (i & 63)) & 1);
        if (yes)
            yes[yeses] = (int32_t)i;
        if (no)
            no[noes] = (int32_t)i;
        yeses += is;
        noes += 1 - is;
    }
    if (yes_count)
        *yes_count = yeses;
    if (no_count)
        *no_count = noes;
}

/* Bits of the rows that are NULL in from. */
static int copy_nulls(struct mr_column *out, const struct mr_column *from, const struct mr_selection *rows,
                      int64_t length, struct mr_error *error)
{
    if (!from->validity)
        return MR_OK;
    MR_FOR_ROWS (i, rows, length)
        if (mr_column_is_null(from, i))
            MR_TRY(mr_column_set_null(out, i, error));
    return MR_OK;
}

int mr_rows_copy(struct mr_column *out, const struct mr_column *from, const struct mr_selection *rows,
                 int64_t length, struct mr_error *error)
{
    if (mr_type_is_bytes(from->type))
        MR_TRY(mr_column_keep_all_of(out, from, error));
    switch (mr_type_width(from->type)) {
    case 1:
        MR_FOR_ROWS (i, rows, length)
            out->i8[i] = from->i8[i];
        break;
    case 2:
        MR_FOR_ROWS (i, rows, length)
            out->i16[i] = from->i16[i];
        break;
    case 4:
        MR_FOR_ROWS (i, rows, length)
            out->i32[i] = from->i32[i];
        break;
    case 8:
        MR_FOR_ROWS (i, rows, length)
            out->i64[i] = from->i64[i];
        break;
    case 16:
        MR_FOR_ROWS (i, rows, length)
            out->i128[i] = from->i128[i];
        break;
    default:
        break;
    }
    return copy_nulls(out, from, rows, length, error);
}

int mr_merge_begin(struct mr_merge *merge, struct mr_call *call, struct mr_column *out,
                   struct mr_error *error)
{
    *merge = (struct mr_merge){.call = call, .out = out};
    if (!mr_type_is_nested(out->type))
        return MR_OK;
    size_t size = sizeof *merge->source * (size_t)(out->length + 1);
    merge->source = mr_call_scratch(call, size);
    if (!merge->source)
        return mr_error_memory(error, size);
    memset(merge->source, 0, size);
    return MR_OK;
}

/* What was one column so far becomes copied rows; all of them were done by it. */
static int spread_whole(struct mr_merge *merge, struct mr_error *error)
{
    struct mr_column *whole = merge->whole;
    merge->whole = NULL;
    if (!whole || merge->source)
        return MR_OK;
    /* Rows that come later are copied over what is copied here too much. */
    int status = mr_rows_copy(merge->out, whole, NULL, merge->out->length, error);
    return status;
}

int mr_merge_rows(struct mr_merge *merge, struct mr_column *from, const struct mr_selection *rows,
                  struct mr_error *error)
{
    int64_t length = merge->out->length, count = rows ? rows->count : length;
    if (count == 0)
        return MR_OK;
    if (merge->rows_done == 0 && from) {
        merge->whole = from;
    } else {
        MR_TRY(spread_whole(merge, error));
        if (!merge->source && from) {
            MR_FOR_ROWS (i, rows, length)
                mr_column_set_valid(merge->out, i);
            MR_TRY(mr_rows_copy(merge->out, from, rows, length, error));
        }
    }
    merge->rows_done += count;
    if (merge->source) {
        MR_FOR_ROWS (i, rows, length)
            merge->source[i] = from;
    } else if (!from) {
        MR_FOR_ROWS (i, rows, length)
            MR_TRY(mr_column_set_null(merge->out, i, error));
    }
    return MR_OK;
}

int mr_merge_finish(struct mr_merge *merge, int64_t total, struct mr_error *error)
{
    struct mr_column *out = merge->out;
    if (merge->whole && merge->rows_done >= total) {
        merge->call->result = mr_column_ref(merge->whole);
        return MR_OK;
    }
    MR_TRY(spread_whole(merge, error));
    if (!merge->source)
        return MR_OK;
    int64_t length = out->length;
    mr_column_clear(out);
    for (int64_t i = 0; i < length; i++) {
        if (merge->source[i])
            MR_TRY(mr_column_append(out, merge->source[i], i, false, error));
        else
            MR_TRY(mr_column_append_null(out, error));
    }
    return MR_OK;
}
