/* expressions/collection_vector.c: vectors: arrays of FLOAT. A NULL element makes the result NULL. */
#include <math.h>

#include "expressions/collection_kernels.h"

static bool has_null(const struct mr_column *child, struct mr_range range)
{
    for (int32_t k = range.first; child->validity && k < range.last; k++)
        if (mr_column_is_null(child, k))
            return true;
    return false;
}

static int dimension_mismatch(const struct mr_call *call, int32_t left, int32_t right, struct mr_error *error)
{
    const char *name = call->expression->function->name;
    mr_row_error(error, "VECTOR_DIMENSION_MISMATCH", "`%s` was given vectors of %d and %d elements.", name,
                 left, right);
    mr_error_parameter(error, "functionName", "`%s`", name);
    mr_error_parameter(error, "leftDim", "%d", left);
    mr_error_parameter(error, "rightDim", "%d", right);
    return error->code;
}

MR_KERNEL(mr_collection_vector_pair)
{
    const char *what = call->expression->function->data;
    const struct mr_column *left = arguments[0]->children[0], *right = arguments[1]->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range a = mr_range_of(arguments[0], i), b = mr_range_of(arguments[1], i);
        int32_t size = a.last - a.first;
        float inner = 0, squares_a = 0, squares_b = 0, distance = 0; /* as Spark sums, in FLOAT */
        if (size != b.last - b.first)
            return dimension_mismatch(call, size, b.last - b.first, error);
        bool is_null = has_null(left, a) || has_null(right, b);
        for (int32_t k = 0; k < size; k++) {
            float x = left->f32[a.first + k], y = right->f32[b.first + k];
            inner += x * y;
            squares_a += x * x;
            squares_b += y * y;
            distance += (x - y) * (x - y);
        }
        float lengths = sqrtf(squares_a * squares_b);
        is_null |= *what == 'c' && lengths == 0;
        out->f32[i] = is_null ? 0
                              : (float)(*what == 'i'   ? inner
                                        : *what == 'd' ? sqrt(distance)
                                                       : inner / lengths);
        if (is_null)
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

/* Of degree 1, 2 or infinity. */
static int norm(const struct mr_column *child, struct mr_range range, float degree, double *out,
                struct mr_error *error)
{
    double sum = 0;
    if (degree != 1 && degree != 2 && !(isinf(degree) && degree > 0)) {
        mr_row_error(error, "INVALID_VECTOR_NORM_DEGREE",
                     "The degree of a norm must be 1, 2 or infinity, not %g.", (double)degree);
        mr_error_parameter(error, "degree", "%g", (double)degree);
        return error->code;
    }
    for (int32_t k = range.first; k < range.last; k++) {
        double x = fabs((double)child->f32[k]);
        if (degree == 1)
            sum += x;
        else if (degree == 2)
            sum += x * x;
        else
            sum = x > sum ? x : sum;
    }
    *out = degree == 2 ? sqrt(sum) : sum;
    return MR_OK;
}

MR_KERNEL(mr_collection_vector_norm)
{
    const struct mr_column *child = arguments[0]->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        double length = 0;
        MR_TRY(norm(child, range, arguments[1]->f32[i], &length, error));
        out->f32[i] = (float)length;
        if (has_null(child, range))
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

MR_KERNEL(mr_collection_vector_normalize)
{
    struct mr_list_writer writer = mr_list_writer(out);
    const struct mr_column *child = arguments[0]->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        double length = 0;
        mr_list_begin(&writer, i);
        MR_TRY(norm(child, range, arguments[1]->f32[i], &length, error));
        if (has_null(child, range) || (length == 0 && range.last > range.first)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        for (int32_t k = range.first; k < range.last; k++) {
            int64_t row;
            MR_TRY(mr_append_row(out->children[0], &row, error));
            out->children[0]->f32[row] = (float)((double)child->f32[k] / length);
        }
    }
    mr_list_finish(&writer);
    return MR_OK;
}

int mr_collection_resolve_vector(struct mr_resolve *r, struct mr_error *error)
{
    const char *what = r->function->data;
    bool pair = *what == 'i' || *what == 'd' || *what == 'c';
    for (int i = 0; i < (pair ? 2 : 1); i++) {
        const struct mr_type *type = r->arguments[i]->type;
        if (type->id != MR_ARRAY || type->fields[0].type->id != MR_FLOAT)
            return mr_resolve_unexpected_type(r, i, "\"ARRAY<FLOAT>\"", error);
    }
    if (!pair && r->count == 1) {
        const struct mr_expression *two = NULL;
        struct mr_column *value = mr_column_new(mr_type_of(MR_FLOAT), 1);
        if (!value)
            return mr_error_memory(error, sizeof *value);
        value->length = 1;
        value->f32[0] = 2;
        int status = mr_expression_literal(r->builder, value, &two, error);
        mr_column_unref(value);
        MR_TRY(status);
        MR_TRY(mr_resolve_add(r, two, error));
    }
    if (!pair)
        MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_FLOAT), error));
    r->type =
        *what == 'v' ? mr_type_array(r->builder->arena, mr_type_of(MR_FLOAT), false) : mr_type_of(MR_FLOAT);
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}
