/* expressions/collection_access.c: looking into arrays and maps. */
#include "expressions/collection_kernels.h"

/* The result is rows of `from`, one per row of out; -1: NULL. */
static int take_result(struct mr_call *call, const struct mr_column *from, const int32_t *elements,
                       const struct mr_column *out, struct mr_error *error)
{
    return mr_column_take(from, elements, out->length, &call->result, error);
}

static int32_t *no_elements(struct mr_call *call, const struct mr_column *out)
{
    int32_t *elements = mr_call_scratch(call, sizeof *elements * (size_t)(out->length + 1));
    for (int64_t i = 0; elements && i < out->length; i++)
        elements[i] = -1;
    return elements;
}

static int bad_index(int64_t index, int32_t size, struct mr_error *error)
{
    if (index == 0)
        return mr_row_error(error, "INVALID_INDEX_OF_ZERO",
                            "Elements are counted from 1, or from the end from -1.");
    mr_row_error(error, "INVALID_ARRAY_INDEX_IN_ELEMENT_AT",
                 "Element %lld was asked for in an array of %d. `try_element_at` gives NULL instead.",
                 (long long)index, size);
    mr_error_parameter(error, "indexValue", "%lld", (long long)index);
    mr_error_parameter(error, "arraySize", "%d", size);
    mr_error_parameter(error, "functionName", "`try_element_at`");
    return error->code;
}

/* Positions count from 1, or from the end. */
static int array_element(struct mr_range range, int32_t index, bool tolerate, int32_t *element,
                         struct mr_error *error)
{
    int32_t size = range.last - range.first;
    if (index == 0 || (!tolerate && (index > size || index < -size)))
        return bad_index(index, size, error);
    if (index > 0 && index <= size)
        *element = range.first + index - 1;
    else if (index < 0 && -index <= size)
        *element = range.last + index;
    return MR_OK;
}

MR_KERNEL(mr_collection_element_at)
{
    const struct mr_column *in = arguments[0];
    bool map = in->type->id == MR_MAP, tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    int32_t *elements = no_elements(call, out);
    if (!elements)
        return mr_row_memory(error);
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(in, i);
        if (map)
            elements[i] = mr_range_find(in->children[0], range, arguments[1], i);
        else
            MR_TRY(array_element(range, arguments[1]->i32[i], tolerate, &elements[i], error));
    }
    return take_result(call, in->children[map], elements, out, error);
}

/* get(array, index): counts from 0, NULL outside. */
MR_KERNEL(mr_collection_get)
{
    int32_t *elements = no_elements(call, out);
    if (!elements)
        return mr_row_memory(error);
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        int32_t index = arguments[1]->i32[i];
        if (index >= 0 && index < range.last - range.first)
            elements[i] = range.first + index;
    }
    return take_result(call, arguments[0]->children[0], elements, out, error);
}

MR_KERNEL(mr_collection_size)
{
    const int32_t *offsets = arguments[0]->offsets;
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = offsets[i + 1] - offsets[i];
    }
    return MR_OK;
}

/* NULL when it is not found and there are NULLs that it might be. */
MR_KERNEL(mr_collection_contains)
{
    const struct mr_column *child = arguments[0]->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        bool found = mr_range_find(child, range, arguments[1], i) >= 0, has_null = false;
        for (int32_t k = range.first; !found && child->validity && k < range.last; k++)
            has_null |= mr_column_is_null(child, k);
        out->booleans[i] = found;
        if (!found && has_null)
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

MR_KERNEL(mr_collection_position)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        int32_t found = mr_range_find(arguments[0]->children[0], range, arguments[1], i);
        out->i64[i] = found < 0 ? 0 : found - range.first + 1;
    }
    return MR_OK;
}

MR_KERNEL(mr_collection_contains_key)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        out->booleans[i] = mr_range_find(arguments[0]->children[0], range, arguments[1], i) >= 0;
    }
    return MR_OK;
}

/* The smallest or greatest element that is not NULL. */
MR_KERNEL(mr_collection_extreme)
{
    const struct mr_column *child = arguments[0]->children[0];
    int sign = strcmp(call->expression->function->name, "array_max") == 0 ? 1 : -1;
    int32_t *elements = no_elements(call, out);
    if (!elements)
        return mr_row_memory(error);
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        for (int32_t k = range.first; k < range.last; k++)
            if (child->type->id != MR_VOID && !mr_column_is_null(child, k) &&
                (elements[i] < 0 || mr_column_compare(child, k, child, elements[i]) * sign > 0))
                elements[i] = k;
    }
    return take_result(call, child, elements, out, error);
}
