/* expressions/functions_conditional.c: CASE, IF, COALESCE and kin. All are LAZY: a branch is computed on the
 * rows that come to it. */
#include <math.h>

#include "expressions/coercion.h"
#include "expressions/evaluator.h"
#include "expressions/registry.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

/* ---- case ---- */
/* Branch i of n: cond, value, …, [else]. The values are at odd places and, as ELSE, last. */
static bool is_value(int i, int count)
{
    return i % 2 == 1 || (count % 2 == 1 && i == count - 1);
}

static int resolve_case(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    const struct mr_type *common = NULL;
    bool nullable = r->count % 2 == 0;
    for (int i = 0; i < r->count; i++) {
        if (is_value(i, r->count)) {
            common = common ? mr_type_common(arena, common, r->arguments[i]->type) : r->arguments[i]->type;
            nullable = nullable || r->arguments[i]->nullable;
            if (!common)
                return mr_resolve_data_diff_types(r, 0, -1, error);
            continue;
        }
        const struct mr_type *type = r->arguments[i]->type;
        bool void_fits = type->id == MR_VOID && *r->name == 'i'; /* IF(NULL, …) only */
        if (type->id != MR_BOOLEAN && !void_fits)
            return mr_resolve_unexpected_type(r, i, "\"BOOLEAN\"", error);
        MR_TRY(mr_resolve_force(r, i, mr_type_of(MR_BOOLEAN), error));
    }
    for (int i = 0; i < r->count; i++)
        if (is_value(i, r->count))
            MR_TRY(mr_resolve_force(r, i, common, error));
    r->nullable = nullable;
    return mr_resolve_fixed(r, common);
}

KERNEL(case_when)
{
    (void)arguments;
    struct mr_merge merge;
    int count = call->expression->argument_count;
    int64_t total = rows ? rows->count : out->length, left = total;
    struct mr_selection rest = {rows ? rows->rows : NULL, total}; /* rows NULL: all */
    const struct mr_selection *open = rows;
    MR_TRY(mr_merge_begin(&merge, call, out, error));
    for (int i = 0; i + 1 < count && left > 0; i += 2) {
        struct mr_column *condition = NULL, *value = NULL;
        MR_TRY(mr_evaluator_argument(call, i, open, &condition, error));
        int32_t *yes = mr_call_scratch(call, sizeof(int32_t) * (size_t)(left + 1));
        int32_t *no = mr_call_scratch(call, sizeof(int32_t) * (size_t)(left + 1));
        if (!yes || !no)
            return mr_row_memory(error);
        struct mr_selection taken = {yes, 0};
        int64_t remaining = 0;
        mr_rows_split(condition, open, out->length, yes, &taken.count, no, &remaining);
        if (taken.count > 0) {
            const struct mr_selection *those = taken.count == left ? open : &taken;
            MR_TRY(mr_evaluator_argument(call, i + 1, those, &value, error));
            MR_TRY(mr_merge_rows(&merge, value, those, error));
        }
        left = remaining;
        rest = (struct mr_selection){no, remaining};
        open = remaining == total ? rows : &rest;
    }
    if (left > 0) {
        struct mr_column *value = NULL;
        if (count % 2 == 1)
            MR_TRY(mr_evaluator_argument(call, count - 1, open, &value, error));
        MR_TRY(mr_merge_rows(&merge, value, open, error));
    }
    return mr_merge_finish(&merge, total, error);
}

/* ---- coalesce ---- */
static int resolve_coalesce(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *common = NULL;
    MR_TRY(mr_resolve_common(r, 0, -1, &common, error));
    r->nullable = true;
    for (int i = 0; i < r->count; i++)
        r->nullable = r->nullable && r->arguments[i]->nullable;
    return mr_resolve_fixed(r, common);
}

/* Rows of value that are not NULL to has, the others to lacks. */
static void split_null(const struct mr_column *value, const struct mr_selection *rows, int64_t length,
                       int32_t *has, int64_t *has_count, int32_t *lacks, int64_t *lacks_count)
{
    bool all_null = value->type->id == MR_VOID;
    *has_count = *lacks_count = 0;
    MR_FOR_ROWS (i, rows, length) {
        if (all_null || mr_column_is_null(value, i))
            lacks[(*lacks_count)++] = (int32_t)i;
        else
            has[(*has_count)++] = (int32_t)i;
    }
}

KERNEL(coalesce)
{
    (void)arguments;
    struct mr_merge merge;
    int count = call->expression->argument_count;
    int64_t total = rows ? rows->count : out->length, left = total;
    struct mr_selection rest = {NULL, 0};
    const struct mr_selection *open = rows;
    MR_TRY(mr_merge_begin(&merge, call, out, error));
    for (int i = 0; i < count && left > 0; i++) {
        struct mr_column *value = NULL;
        MR_TRY(mr_evaluator_argument(call, i, open, &value, error));
        if ((!value->validity && value->type->id != MR_VOID) || i == count - 1) {
            MR_TRY(mr_merge_rows(&merge, value, open, error));
            left = 0;
            break;
        }
        int32_t *has = mr_call_scratch(call, sizeof(int32_t) * (size_t)(left + 1));
        int32_t *lacks = mr_call_scratch(call, sizeof(int32_t) * (size_t)(left + 1));
        if (!has || !lacks)
            return mr_row_memory(error);
        struct mr_selection taken = {has, 0};
        split_null(value, open, out->length, has, &taken.count, lacks, &left);
        MR_TRY(mr_merge_rows(&merge, value, &taken, error));
        rest = (struct mr_selection){lacks, left};
        open = left == total ? rows : &rest;
    }
    return mr_merge_finish(&merge, total, error);
}

/* ---- what is made of them ---- */
static int resolve_nvl2(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *test = NULL;
    MR_TRY(mr_expression_call(r->builder, MR_STR("isnotnull"), &r->arguments[0], 1, &test, error));
    const struct mr_expression *parts[] = {test, r->arguments[1], r->arguments[2]};
    return mr_resolve_rewrite(r, "if", parts, 3, error);
}

static int resolve_nullif(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *test = NULL, *null = NULL;
    MR_TRY(mr_expression_call(r->builder, MR_STR("="), r->arguments, 2, &test, error));
    MR_TRY(mr_expression_null(r->builder, &null, error));
    const struct mr_expression *parts[] = {test, null, r->arguments[0]};
    return mr_resolve_rewrite(r, "if", parts, 3, error);
}

static int resolve_zero(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *zero = NULL;
    MR_TRY(mr_expression_i64(r->builder, mr_type_of(MR_INT), 0, &zero, error));
    const struct mr_expression *parts[] = {r->arguments[0], zero};
    return mr_resolve_rewrite(r, *r->name == 'z' ? "coalesce" : "nullif", parts, 2, error);
}

static int resolve_nanvl(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *test = NULL;
    const struct mr_type *common = NULL;
    for (int i = 0; i < 2; i++)
        if (r->arguments[i]->type->id != MR_FLOAT)
            MR_TRY(mr_resolve_cast(r, i, mr_type_of(MR_DOUBLE), error));
    MR_TRY(mr_resolve_common(r, 0, 1, &common, error));
    MR_TRY(mr_expression_call(r->builder, MR_STR("isnan"), &r->arguments[0], 1, &test, error));
    const struct mr_expression *parts[] = {test, r->arguments[1], r->arguments[0]};
    return mr_resolve_rewrite(r, "if", parts, 3, error);
}

const struct mr_function mr_functions_conditional[] = {
    {"case", 2, -1, MR_FN_LAZY, .resolve = resolve_case, .kernel = case_when},
    {"when", 2, -1, MR_FN_LAZY, .resolve = resolve_case, .kernel = case_when},
    {"if", 3, 3, MR_FN_LAZY, .resolve = resolve_case, .kernel = case_when},
    {"coalesce", 1, -1, MR_FN_LAZY, .resolve = resolve_coalesce, .kernel = coalesce},
    {"nvl", 2, 2, MR_FN_LAZY, .resolve = resolve_coalesce, .kernel = coalesce},
    {"ifnull", 2, 2, MR_FN_LAZY, .resolve = resolve_coalesce, .kernel = coalesce},
    {"nvl2", 3, 3, 0, .resolve = resolve_nvl2},
    {"nullif", 2, 2, 0, .resolve = resolve_nullif},
    {"nanvl", 2, 2, 0, .resolve = resolve_nanvl},
    {"nullifzero", 1, 1, 0, .resolve = resolve_zero},
    {"zeroifnull", 1, 1, 0, .resolve = resolve_zero},
    {0},
};
