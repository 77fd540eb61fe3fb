/* expressions/in_list.c: value IN (a, b, …). Short lists are compared one by one, in dense loops; long lists
 * of constants become a hash set once per evaluator. */
#include "expressions/in_list.h"

#include "expressions/compare.h"
#include "expressions/kernel.h"

#define LONG_LIST 12

struct in_set {
    struct mr_column *values; /* the constants that are not NULL */
    uint32_t *slots;          /* row + 1 of values; 0: empty */
    uint64_t slot_mask;
    bool has_null;
};

int mr_in_resolve(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1)
        return mr_resolve_wrong_count(r, "> 1", error);
    MR_TRY(mr_resolve_common(r, 0, -1, NULL, error));
    return mr_resolve_fixed(r, mr_type_of(MR_BOOLEAN));
}

static void in_set_free(struct in_set *set)
{
    mr_column_unref(set->values);
    mr_free(set->slots);
    mr_free(set);
}

static int collect_values(struct mr_call *call, struct in_set *set, struct mr_error *error)
{
    for (int i = 1; i < call->expression->argument_count; i++) {
        const struct mr_column *value = mr_call_constant(call, i);
        if (mr_column_is_null(value, 0))
            set->has_null = true;
        else
            MR_TRY(mr_column_append(set->values, value, 0, false, error));
    }
    return MR_OK;
}

static int fill_slots(struct in_set *set, struct mr_error *error)
{
    int64_t count = set->values->length;
    uint64_t slots = 16;
    while (slots < (uint64_t)count * 2)
        slots *= 2;
    set->slot_mask = slots - 1;
    set->slots = mr_allocate_zeroed(sizeof(uint32_t) * slots);
    uint64_t *hashes = mr_allocate(sizeof(uint64_t) * (size_t)(count + 1));
    if (!set->slots || !hashes) {
        mr_free(hashes);
        return mr_error_memory(error, sizeof(uint32_t) * slots);
    }
    mr_column_hash(set->values, hashes, false);
    for (int64_t i = 0; i < count; i++) {
        uint64_t slot = hashes[i] & set->slot_mask;
        while (set->slots[slot])
            slot = (slot + 1) & set->slot_mask;
        set->slots[slot] = (uint32_t)i + 1;
    }
    mr_free(hashes);
    return MR_OK;
}

int mr_in_open(struct mr_call *call, struct mr_error *error)
{
    const struct mr_expression *e = call->expression;
    const struct mr_type *type = e->arguments[0]->type;
    if (e->argument_count <= LONG_LIST || type->id == MR_VOID)
        return MR_OK;
    for (int i = 1; i < e->argument_count; i++)
        if (!mr_call_constant(call, i))
            return MR_OK;
    struct in_set *set = mr_allocate_zeroed(sizeof *set);
    if (!set)
        return mr_error_memory(error, sizeof *set);
    set->values = mr_column_new(type, e->argument_count);
    int status = set->values ? collect_values(call, set, error) : mr_error_memory(error, 0);
    if (status >= 0)
        status = fill_slots(set, error);
    if (status < 0) {
        in_set_free(set);
        return status;
    }
    call->state = set;
    return MR_OK;
}

void mr_in_close(struct mr_call *call)
{
    if (call->state)
        in_set_free(call->state);
}

static bool contains(const struct in_set *set, const struct mr_column *value, int64_t row, uint64_t hash)
{
    for (uint64_t slot = hash & set->slot_mask; set->slots[slot]; slot = (slot + 1) & set->slot_mask)
        if (mr_column_same(set->values, set->slots[slot] - 1, value, row))
            return true;
    return false;
}

static int run_set(struct mr_call *call, const struct in_set *set, const struct mr_column *value,
                   const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)
{
    uint64_t *hashes = mr_call_scratch(call, sizeof(uint64_t) * (size_t)(out->length + 1));
    if (!hashes)
        return mr_row_memory(error);
    mr_column_hash(value, hashes, false);
    MR_FOR_ROWS (i, rows, out->length) {
        bool found = !mr_column_is_null(value, i) && contains(set, value, i, hashes[i]);
        out->booleans[i] = found;
        if (!found && (set->has_null || mr_column_is_null(value, i)))
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

/* out |= value = item, where both are not NULL. */
static int add_item(struct mr_call *call, mr_kernel equal, struct mr_column *const pair[2],
                    const struct mr_selection *rows, struct mr_column *scratch, struct mr_column *out,
                    struct mr_error *error)
{
    const struct mr_column *item = pair[1];
    MR_TRY(equal(call, pair, mr_type_is_nested(item->type) ? rows : NULL, scratch, error));
    if (!item->validity) {
        MR_ROWS(i, rows, out->length, { out->booleans[i] |= scratch->booleans[i]; });
        return MR_OK;
    }
    MR_FOR_ROWS (i, rows, out->length)
        if (!mr_column_is_null(item, i))
            out->booleans[i] |= scratch->booleans[i];
    return MR_OK;
}

int mr_in_kernel(struct mr_call *call, struct mr_column *const *arguments, const struct mr_selection *rows,
                 struct mr_column *out, struct mr_error *error)
{
    struct mr_column *value = arguments[0];
    int count = call->expression->argument_count, status = MR_OK;
    bool nulls = value->validity != NULL;
    if (call->state)
        return run_set(call, call->state, value, rows, out, error);
    if (value->type->id == MR_VOID) {
        MR_FOR_ROWS (i, rows, out->length)
            MR_TRY(mr_column_set_null(out, i, error));
        return MR_OK;
    }
    struct mr_column *scratch = mr_column_new(out->type, out->length);
    if (!scratch)
        return mr_row_memory(error);
    scratch->length = out->length;
    memset(out->booleans, 0, (size_t)out->length);
    mr_kernel equal = mr_compare_kernel(MR_EQ, value->type);
    for (int k = 1; k < count && status >= 0; k++) {
        struct mr_column *const pair[2] = {value, arguments[k]};
        nulls = nulls || arguments[k]->validity;
        status = add_item(call, equal, pair, rows, scratch, out, error);
    }
    mr_column_unref(scratch);
    if (status < 0 || !nulls)
        return status;
    MR_FOR_ROWS (i, rows, out->length) {
        bool null = mr_column_is_null(value, i);
        for (int k = 1; k < count && !null && !out->booleans[i]; k++)
            null = mr_column_is_null(arguments[k], i);
        if (null)
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}
