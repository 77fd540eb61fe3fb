/* expressions/collection_sort.c: sort_array and array_sort, by a merge sort that keeps equal elements in
 * order. */
#include "expressions/collection_kernels.h"
#include "expressions/lambda.h"

struct sorter {
    struct mr_call *call;
    const struct mr_column *child;
    struct mr_lambda *lambda; /* NULL: the natural order */
    int64_t row;              /* the lambda's captured columns are those of this row */
    int sign;                 /* -1: descending */
    int null_sign;            /* -1: NULL first */
    int32_t *spare;
};

static int compare_by_lambda(struct sorter *s, int32_t a, int32_t b, int *order, struct mr_error *error)
{
    struct mr_column *parameters[MR_LAMBDA_PARAMETERS] = {NULL}, *result = NULL;
    int32_t row = (int32_t)s->row;
    int status = mr_column_take(s->child, &a, 1, &parameters[0], error);
    if (status >= 0)
        status = mr_column_take(s->child, &b, 1, &parameters[1], error);
    if (status >= 0)
        status = mr_lambda_run(s->lambda, s->call, parameters, &row, 1, &result, error);
    if (status >= 0 && mr_column_is_null(result, 0))
        status = mr_row_error(error, "COMPARATOR_RETURNS_NULL",
                              "The comparator of array_sort gave NULL for two elements.");
    if (status >= 0)
        *order = result->i32[0];
    mr_column_unref(parameters[0]);
    mr_column_unref(parameters[1]);
    mr_column_unref(result);
    return status;
}

static int compare(struct sorter *s, int32_t a, int32_t b, int *order, struct mr_error *error)
{
    if (s->lambda)
        return compare_by_lambda(s, a, b, order, error);
    bool a_null = s->child->type->id == MR_VOID || mr_column_is_null(s->child, a);
    bool b_null = s->child->type->id == MR_VOID || mr_column_is_null(s->child, b);
    if (a_null || b_null)
        *order = a_null && b_null ? 0 : a_null ? s->null_sign : -s->null_sign;
    else
        *order = mr_column_compare(s->child, a, s->child, b) * s->sign;
    return MR_OK;
}

static int insertion_sort(struct sorter *s, int32_t *elements, int64_t count, struct mr_error *error)
{
    for (int64_t i = 1; i < count; i++) {
        int32_t element = elements[i];
        int64_t k = i;
        for (; k > 0; k--) {
            int order;
            MR_TRY(compare(s, elements[k - 1], element, &order, error));
            if (order <= 0)
                break;
            elements[k] = elements[k - 1];
        }
        elements[k] = element;
    }
    return MR_OK;
}

static int sort(struct sorter *s, int32_t *elements, int64_t count, struct mr_error *error)
{
    if (count <= 8)
        return insertion_sort(s, elements, count, error);
    int64_t half = count / 2;
    MR_TRY(sort(s, elements, half, error));
    MR_TRY(sort(s, elements + half, count - half, error));
    memcpy(s->spare, elements, sizeof *elements * (size_t)half);
    int64_t left = 0, right = half, to = 0;
    while (left < half && right < count) {
        int order;
        MR_TRY(compare(s, s->spare[left], elements[right], &order, error));
        elements[to++] = order <= 0 ? s->spare[left++] : elements[right++];
    }
    memcpy(elements + to, s->spare + left, sizeof *elements * (size_t)(half - left));
    return MR_OK;
}

static int sort_row(struct sorter *s, struct mr_picks *picks, struct mr_range range, int64_t row,
                    struct mr_error *error)
{
    int64_t first = picks->count, count = range.last - range.first;
    mr_picks_begin(picks, row);
    for (int32_t k = range.first; k < range.last; k++)
        MR_TRY(mr_picks_add(picks, k, error));
    s->row = row;
    s->spare = mr_allocate(sizeof *s->spare * (size_t)(count / 2 + 1));
    int status = s->spare ? sort(s, picks->rows + first, count, error) : mr_row_memory(error);
    mr_free(s->spare);
    return status;
}

static int sort_lists(struct sorter *s, const struct mr_column *in, const struct mr_column *descending,
                      const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)
{
    struct mr_picks picks = mr_picks(out);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        if (descending) { /* sort_array(array, ascending): NULL first when ascending */
            s->sign = descending->booleans[i] ? 1 : -1;
            s->null_sign = -s->sign;
        }
        MR_ERR(sort_row(s, &picks, mr_range_of(in, i), i, error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, in->children[0], error));
err:
    mr_picks_release(&picks);
    return status;
}

MR_KERNEL(mr_collection_sort_array)
{
    struct sorter s = {.call = call, .child = arguments[0]->children[0]};
    return sort_lists(&s, arguments[0], arguments[1], rows, out, error);
}

MR_KERNEL(mr_collection_array_sort)
{
    bool by_lambda = call->expression->argument_count > 1;
    struct sorter s = {.call = call, .child = arguments[0]->children[0], .sign = 1, .null_sign = 1};
    s.lambda = by_lambda ? mr_collection_lambda(call, 1) : NULL;
    return sort_lists(&s, arguments[0], NULL, rows, out, error);
}
