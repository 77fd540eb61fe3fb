/* expressions/functions_predicates.c: comparisons, three-valued logic, IS NULL, IN, BETWEEN. */
#include <math.h>

#include "expressions/coercion.h"
#include "expressions/compare.h"
#include "expressions/evaluator.h"
#include "expressions/in_list.h"
#include "expressions/registry.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

/* ---- comparisons ---- */
static int check_orderable(struct mr_resolve *r, const struct mr_type *type, struct mr_error *error)
{
    if (mr_type_is_orderable(type))
        return MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, type);
    mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
                     "`%s` compares values, and %s has no order.", r->name, text.data);
    mr_error_parameter(error, "functionName", "`%s`", r->name);
    mr_error_parameter(error, "dataType", "\"%s\"", text.data);
    mr_text_release(&text);
    return error->code;
}

/* Both sides become one type, an integral literal beside a DECIMAL as small a DECIMAL as holds it. */
static int common_sides(struct mr_resolve *r, const struct mr_type **common, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    const struct mr_type *sides[2] = {r->arguments[0]->type, r->arguments[1]->type};
    for (int i = 0; i < 2; i++) {
        const struct mr_type *exact = NULL;
        if (sides[1 - i]->id == MR_DECIMAL)
            exact = mr_type_decimal_of_literal(arena, r->arguments[i]);
        if (exact)
            sides[i] = exact;
    }
    *common = mr_type_common(arena, sides[0], sides[1]);
    bool atomic = !mr_type_is_nested(sides[0]) && !mr_type_is_nested(sides[1]);
    /* Inside nested types Spark brings no strings and numbers together here. */
    if (!*common ||
        (!atomic && !mr_type_equal(sides[0], sides[1]) && sides[0]->id != MR_VOID &&
         sides[1]->id != MR_VOID && !mr_type_equal(*common, sides[0]) && !mr_type_equal(*common, sides[1])))
        return mr_resolve_binary_diff_types(r, error);
    MR_TRY(check_orderable(r, *common, error));
    MR_TRY(mr_resolve_force(r, 0, *common, error));
    return mr_resolve_force(r, 1, *common, error);
}

static int bind_kernel(struct mr_resolve *r, mr_kernel kernel, uint32_t flags, struct mr_error *error)
{
    struct mr_bound_kernel *bound = MR_ARENA_NEW(r->builder->arena, struct mr_bound_kernel);
    if (!bound)
        return mr_error_memory(error, sizeof *bound);
    *bound = (struct mr_bound_kernel){kernel, flags};
    r->bound = bound;
    r->type = mr_type_of(MR_BOOLEAN);
    return MR_OK;
}

static int resolve_comparison(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *common = NULL;
    enum mr_comparison which = *(const enum mr_comparison *)r->function->data;
    MR_TRY(common_sides(r, &common, error));
    uint32_t flags = MR_FN_NULL_IF_ANY | (mr_type_is_nested(common) ? 0 : MR_FN_SPECULATIVE);
    if (common->id == MR_VOID)
        flags = 0;
    return bind_kernel(r, mr_compare_kernel(which, common), flags, error);
}

/* <=>: equality in which NULL equals NULL; never NULL. */
KERNEL(null_safe_equal)
{
    const struct mr_column *a = arguments[0], *b = arguments[1];
    bool is_void = a->type->id == MR_VOID;
    if (!a->validity && !b->validity && !is_void)
        return mr_compare_kernel(MR_EQ, a->type)(call, arguments, rows, out, error);
    MR_ROWS(i, rows, out->length, {
        bool a_null = is_void || mr_column_is_null(a, i);
        bool b_null = is_void || mr_column_is_null(b, i);
        out->booleans[i] = a_null || b_null ? a_null && b_null : mr_column_compare(a, i, b, i) == 0;
    });
    return MR_OK;
}

static int resolve_null_safe(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *common = NULL;
    MR_TRY(common_sides(r, &common, error));
    return mr_resolve_fixed(r, mr_type_of(MR_BOOLEAN));
}

/* ---- and, or, not ---- */
static int resolve_logic(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *boolean = mr_type_of(MR_BOOLEAN);
    const struct mr_type *const sides[2] = {r->arguments[0]->type, r->arguments[1]->type};
    for (int i = 0; i < 2; i++) {
        bool fits = sides[1 - i]->id == MR_BOOLEAN || sides[1 - i]->id == MR_VOID;
        if ((sides[i]->id == MR_VOID && fits) ||
            (sides[i]->id == MR_STRING && sides[1 - i]->id == MR_BOOLEAN))
            MR_TRY(mr_resolve_force(r, i, boolean, error));
    }
    if (r->arguments[0]->type->id == MR_BOOLEAN && r->arguments[1]->type->id == MR_BOOLEAN)
        return mr_resolve_fixed(r, boolean);
    if (mr_types_alike(sides[0], sides[1]))
        return mr_resolve_binary_wrong_type(r, "\"BOOLEAN\"", error);
    return mr_resolve_binary_diff_types(r, error);
}

/* Rows of the left side that decide the result by themselves: FALSE for and, TRUE for or. */
static inline bool decides(const struct mr_column *left, int64_t row, uint8_t deciding)
{
    return left->booleans[row] == deciding && !mr_column_is_null(left, row);
}

static int combine_logic(struct mr_column *const left, const struct mr_column *right,
                         const struct mr_selection *rows, uint8_t deciding, struct mr_column *out,
                         struct mr_error *error)
{
    if (!left->validity && !right->validity) {
        if (deciding)
            MR_ROWS(i, rows, out->length, { out->booleans[i] = left->booleans[i] | right->booleans[i]; });
        else
            MR_ROWS(i, rows, out->length, { out->booleans[i] = left->booleans[i] & right->booleans[i]; });
        return MR_OK;
    }
    MR_FOR_ROWS (i, rows, out->length) {
        bool left_null = mr_column_is_null(left, i), right_null = mr_column_is_null(right, i);
        bool decided = decides(left, i, deciding) || decides(right, i, deciding);
        out->booleans[i] = decided ? deciding : !deciding;
        if (!decided && (left_null || right_null))
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

/* The right side is computed only on rows that the left one leaves open; on all of them when that is cheap
 * and harmless. */
KERNEL(logic)
{
    (void)arguments;
    struct mr_column *left = NULL, *right = NULL;
    const uint8_t deciding = call->expression->function->data != NULL;
    MR_TRY(mr_evaluator_argument(call, 0, rows, &left, error));
    if (mr_evaluator_is_cheap(call, 1)) {
        struct mr_error ignored;
        mr_error_clear(&ignored);
        if (mr_evaluator_argument(call, 1, rows, &right, &ignored) >= 0)
            return combine_logic(left, right, rows, deciding, out, error);
    }
    int64_t count = rows ? rows->count : out->length, open = 0;
    int32_t *list = mr_call_scratch(call, sizeof(int32_t) * (size_t)(count + 1));
    if (!list)
        return mr_row_memory(error);
    for (int64_t k = 0; k < count; k++) {
        int64_t i = rows ? rows->rows[k] : k;
        out->booleans[i] = deciding;
        list[open] = (int32_t)i;
        open += !decides(left, i, deciding);
    }
    if (open == 0)
        return MR_OK;
    struct mr_selection rest = {list, open};
    const struct mr_selection *those = open == count ? rows : &rest;
    MR_TRY(mr_evaluator_argument(call, 1, those, &right, error));
    return combine_logic(left, right, those, deciding, out, error);
}

KERNEL(logic_not)
{
    (void)call;
    (void)error;
    MR_ROWS(i, rows, out->length, { out->booleans[i] = !arguments[0]->booleans[i]; });
    return MR_OK;
}

/* ---- is null ---- */
static int resolve_any_boolean(struct mr_resolve *r, struct mr_error *error)
{
    (void)error;
    return mr_resolve_fixed(r, mr_type_of(MR_BOOLEAN));
}

KERNEL(is_null)
{
    (void)error;
    const struct mr_column *value = arguments[0];
    uint8_t wanted = call->expression->function->data == NULL; /* what a NULL gives */
    if (value->type->id == MR_VOID) {
        memset(out->booleans, wanted, (size_t)out->length);
    } else if (!value->validity) {
        memset(out->booleans, !wanted, (size_t)out->length);
    } else {
        MR_ROWS(i, rows, out->length, {
            uint8_t valid = (value->validity[i >> 6] >> (i & 63)) & 1;
            out->booleans[i] = valid != wanted;
        });
    }
    return MR_OK;
}

KERNEL(is_nan)
{
    (void)call;
    (void)error;
    const struct mr_column *value = arguments[0];
    MR_ROWS(i, rows, out->length, {
        bool valid = !mr_column_is_null(value, i);
        out->booleans[i] =
            valid && (value->type->id == MR_FLOAT ? isnan(value->f32[i]) : isnan(value->f64[i]));
    });
    return MR_OK;
}

static int resolve_is_nan(struct mr_resolve *r, struct mr_error *error)
{
    if (r->arguments[0]->type->id != MR_FLOAT)
        MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_DOUBLE), error));
    return mr_resolve_fixed(r, mr_type_of(MR_BOOLEAN));
}

/* ---- between ---- */
static int resolve_between(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_expression_builder *b = r->builder;
    const struct mr_expression *parts[2] = {NULL, NULL};
    const struct mr_expression *low[] = {r->arguments[0], r->arguments[1]};
    const struct mr_expression *high[] = {r->arguments[0], r->arguments[2]};
    MR_TRY(mr_expression_call(b, MR_STR(">="), low, 2, &parts[0], error));
    MR_TRY(mr_expression_call(b, MR_STR("<="), high, 2, &parts[1], error));
    return mr_resolve_rewrite(r, "and", parts, 2, error);
}

#define COMPARISON(name, which)                                                                              \
    {                                                                                                        \
        name, 2, 2, 0, .resolve = resolve_comparison, .data = &(const enum mr_comparison)                    \
        {                                                                                                    \
            which                                                                                            \
        }                                                                                                    \
    }
#define PLAIN (MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE)
const struct mr_function mr_functions_predicates[] = {
    COMPARISON("=", MR_EQ),
    COMPARISON("==", MR_EQ),
    COMPARISON("!=", MR_NE),
    COMPARISON("<>", MR_NE),
    COMPARISON("<", MR_LT),
    COMPARISON("<=", MR_LE),
    COMPARISON(">", MR_GT),
    COMPARISON(">=", MR_GE),
    {"<=>", 2, 2, MR_FN_NEVER_NULL, .resolve = resolve_null_safe, .kernel = null_safe_equal},
    {"equal_null", 2, 2, MR_FN_NEVER_NULL, .resolve = resolve_null_safe, .kernel = null_safe_equal},
    {"and", 2, 2, MR_FN_LAZY, .resolve = resolve_logic, .kernel = logic},
    {"or", 2, 2, MR_FN_LAZY, .resolve = resolve_logic, .kernel = logic, .data = "or"},
    {"not", 1, 1, PLAIN, .signature = "b>b", .kernel = logic_not},
    {"!", 1, 1, PLAIN, .signature = "b>b", .kernel = logic_not},
    {"isnull", 1, 1, MR_FN_NEVER_NULL, .resolve = resolve_any_boolean, .kernel = is_null},
    {"isnotnull", 1, 1, MR_FN_NEVER_NULL, .resolve = resolve_any_boolean, .kernel = is_null, .data = "not"},
    {"isnan", 1, 1, MR_FN_NEVER_NULL, .resolve = resolve_is_nan, .kernel = is_nan},
    {"in", 1, -1, 0, .resolve = mr_in_resolve, .kernel = mr_in_kernel, .open = mr_in_open,
     .close = mr_in_close},
    {"between", 3, 3, 0, .resolve = resolve_between},
    {0},
};
