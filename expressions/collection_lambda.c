/* expressions/collection_lambda.c: higher-order functions: all elements of all rows go through the lambda at
 * once. */
#include "expressions/collection_kernels.h"
#include "expressions/lambda.h"

/* ---- state: the call's lambdas ---- */
struct lambdas {
    int count;
    struct mr_lambda *items[]; /* by argument; NULL: the argument is none */
};

int mr_collection_open_lambdas(struct mr_call *call, struct mr_error *error)
{
    int count = call->expression->argument_count;
    struct lambdas *state = mr_allocate_zeroed(sizeof *state + sizeof *state->items * (size_t)count);
    if (!state)
        return mr_error_memory(error, sizeof *state);
    state->count = count;
    call->state = state;
    int status = MR_OK;
    for (int i = 0; i < count && status >= 0; i++)
        if (call->expression->arguments[i]->kind == MR_EXPR_LAMBDA)
            status = mr_lambda_open(&state->items[i], call, call->expression->arguments[i], error);
    if (status < 0) {
        mr_collection_close_lambdas(call);
        call->state = NULL;
    }
    return status;
}

void mr_collection_close_lambdas(struct mr_call *call)
{
    struct lambdas *state = call->state;
    for (int i = 0; state && i < state->count; i++)
        mr_lambda_close(state->items[i]);
    mr_free(state);
}

struct mr_lambda *mr_collection_lambda(const struct mr_call *call, int i)
{
    return ((struct lambdas *)call->state)->items[i];
}

/* ---- the elements of the rows that count ---- */
struct elements {
    int32_t *element; /* row of the child column */
    int32_t *row_of;  /* row of the batch */
    int64_t count, capacity;
};

static void release_elements(struct elements *e)
{
    mr_free(e->element);
    mr_free(e->row_of);
}

static int add_element(struct elements *e, int32_t element, int64_t row, struct mr_error *error)
{
    if (e->count == e->capacity) {
        int64_t capacity = e->capacity ? e->capacity * 2 : 1024;
        int32_t *more = mr_reallocate(e->element, sizeof *more * (size_t)capacity);
        if (more)
            e->element = more;
        int32_t *rows = more ? mr_reallocate(e->row_of, sizeof *rows * (size_t)capacity) : NULL;
        if (!rows)
            return mr_error_memory(error, sizeof *rows * (size_t)capacity);
        e->row_of = rows;
        e->capacity = capacity;
    }
    e->element[e->count] = element;
    e->row_of[e->count++] = (int32_t)row;
    return MR_OK;
}

static int collect_elements(const struct mr_column *list, const struct mr_selection *rows, struct elements *e,
                            struct mr_error *error)
{
    MR_FOR_ROWS (i, rows, list->length) {
        struct mr_range range = mr_range_of(list, i);
        for (int32_t k = range.first; k < range.last; k++)
            MR_TRY(add_element(e, k, i, error));
    }
    return MR_OK;
}

/* The elements' values; the child column itself when that is what they are. */
static int take_elements(struct mr_column *child, const struct elements *e, struct mr_column **out,
                         struct mr_error *error)
{
    bool all = e->count == child->length;
    for (int64_t i = 0; all && i < e->count; i++)
        all = e->element[i] == i;
    if (all) {
        *out = mr_column_ref(child);
        return MR_OK;
    }
    return mr_column_take(child, e->element, e->count, out, error);
}

/* 0, 1, 2, … within each list. */
static int index_column(const struct mr_column *list, const struct elements *e, struct mr_column **out,
                        struct mr_error *error)
{
    *out = mr_column_new(mr_type_of(MR_INT), e->count);
    if (!*out)
        return mr_error_memory(error, (size_t)e->count);
    (*out)->length = e->count;
    for (int64_t i = 0; i < e->count; i++)
        (*out)->i32[i] = e->element[i] - list->offsets[e->row_of[i]];
    return MR_OK;
}

struct run { /* one pass of a lambda over the elements of a list */
    struct elements elements;
    struct mr_column *parameters[MR_LAMBDA_PARAMETERS];
    struct mr_column *result;
};

static void release_run(struct run *r)
{
    release_elements(&r->elements);
    for (int p = 0; p < MR_LAMBDA_PARAMETERS; p++)
        mr_column_unref(r->parameters[p]);
    mr_column_unref(r->result);
}

/* Arrays: element and index; maps: key and value. */
static int run_over(struct mr_call *call, int lambda, struct mr_column *list, const struct mr_selection *rows,
                    struct run *r, struct mr_error *error)
{
    MR_TRY(collect_elements(list, rows, &r->elements, error));
    MR_TRY(take_elements(list->children[0], &r->elements, &r->parameters[0], error));
    if (list->type->id == MR_MAP)
        MR_TRY(take_elements(list->children[1], &r->elements, &r->parameters[1], error));
    else
        MR_TRY(index_column(list, &r->elements, &r->parameters[1], error));
    return mr_lambda_run(mr_collection_lambda(call, lambda), call, r->parameters, r->elements.row_of,
                         r->elements.count, &r->result, error);
}

static bool is_true(const struct mr_column *c, int64_t row)
{
    return c->type->id == MR_BOOLEAN && !mr_column_is_null(c, row) && c->booleans[row];
}

/* out's lists are as long as the rows' elements, in order. */
static void copy_lengths(struct mr_column *out, const struct elements *e)
{
    int64_t done = 0;
    for (int64_t row = 0; row < out->length; row++) {
        out->offsets[row] = (int32_t)done;
        while (done < e->count && e->row_of[done] == row)
            done++;
    }
    out->offsets[out->length] = (int32_t)done;
}

static int set_child(struct mr_column *out, int child, const struct mr_column *from, struct mr_error *error)
{
    mr_column_clear(out->children[child]);
    return mr_column_append_range(out->children[child], from, 0, from->length, error);
}

MR_KERNEL(mr_collection_transform)
{
    struct run r = {0};
    int status = run_over(call, 1, arguments[0], rows, &r, error);
    if (status >= 0) {
        copy_lengths(out, &r.elements);
        status = set_child(out, 0, r.result, error);
    }
    release_run(&r);
    return status < 0 ? status : MR_OK;
}

MR_KERNEL(mr_collection_filter)
{
    struct run r = {0};
    struct mr_picks picks = mr_picks(out);
    int status = MR_OK;
    MR_ERR(run_over(call, 1, arguments[0], rows, &r, error));
    for (int64_t i = 0; i < r.elements.count; i++) {
        if (i == 0 || r.elements.row_of[i] != r.elements.row_of[i - 1])
            mr_picks_begin(&picks, r.elements.row_of[i]);
        if (is_true(r.result, i))
            MR_ERR(mr_picks_add(&picks, r.elements.element[i], error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, arguments[0]->children[0], error));
err:
    mr_picks_release(&picks);
    release_run(&r);
    return status;
}

/* exists: TRUE when one is, NULL when none is but one is NULL; forall is exists' mirror image. */
MR_KERNEL(mr_collection_exists)
{
    bool all = strcmp(call->expression->function->name, "forall") == 0;
    struct run r = {0};
    int status = MR_OK;
    MR_ERR(run_over(call, 1, arguments[0], rows, &r, error));
    MR_FOR_ROWS (i, rows, out->length) {
        out->booleans[i] = all;
    }
    for (int64_t i = 0; i < r.elements.count;) {
        int32_t row = r.elements.row_of[i];
        bool decided = false, has_null = false;
        for (; i < r.elements.count && r.elements.row_of[i] == row; i++) {
            bool is_null = r.result->type->id == MR_VOID || mr_column_is_null(r.result, i);
            has_null |= is_null;
            decided |= !is_null && is_true(r.result, i) != all;
        }
        if (decided)
            out->booleans[row] = !all;
        else if (has_null)
            MR_ERR(mr_column_set_null(out, row, error));
    }
err:
    release_run(&r);
    return status;
}

/* ---- aggregate(array, start, merge [, finish]): one step for all rows at a time ---- */
/* Rows whose array has an element number `step`. */
static int64_t rows_at_step(const struct mr_column *list, const struct mr_selection *rows, int32_t step,
                            int32_t *out)
{
    int64_t count = 0;
    MR_FOR_ROWS (i, rows, list->length) {
        if (list->offsets[i + 1] - list->offsets[i] > step)
            out[count++] = (int32_t)i;
    }
    return count;
}

/* A column as long as the batch: row active[k] from changed, the others as they were. */
static int replace_rows(struct mr_column **value, const struct mr_column *changed, const int32_t *active,
                        int64_t count, struct mr_error *error)
{
    struct mr_column *next = mr_column_new((*value)->type, (*value)->length);
    if (!next)
        return mr_error_memory(error, (size_t)(*value)->length);
    int status = mr_column_keep_all_of(next, *value, error);
    if (status >= 0)
        status = mr_column_keep_all_of(next, changed, error);
    int64_t k = 0;
    for (int64_t row = 0; row < (*value)->length && status >= 0; row++) {
        bool is_changed = k < count && active[k] == row;
        status = mr_column_append(next, is_changed ? changed : *value, is_changed ? k++ : row, true, error);
    }
    if (status < 0) {
        mr_column_unref(next);
        return status;
    }
    mr_column_unref(*value);
    *value = next;
    return MR_OK;
}

static int merge_step(struct mr_call *call, const struct mr_column *list, struct mr_column **value,
                      const int32_t *active, int32_t *elements, int64_t count, int32_t step,
                      struct mr_error *error)
{
    struct mr_column *parameters[MR_LAMBDA_PARAMETERS] = {NULL}, *merged = NULL;
    for (int64_t k = 0; k < count; k++)
        elements[k] = list->offsets[active[k]] + step;
    int status = mr_column_take(*value, active, count, &parameters[0], error);
    if (status >= 0)
        status = mr_column_take(list->children[0], elements, count, &parameters[1], error);
    if (status >= 0)
        status =
            mr_lambda_run(mr_collection_lambda(call, 2), call, parameters, active, count, &merged, error);
    if (status >= 0 && count == (*value)->length) {
        mr_column_unref(*value);
        *value = mr_column_ref(merged);
    } else if (status >= 0) {
        status = replace_rows(value, merged, active, count, error);
    }
    mr_column_unref(parameters[0]);
    mr_column_unref(parameters[1]);
    mr_column_unref(merged);
    return status;
}

/* The finish function on the rows that count; the others are left alone. */
static int finish_aggregate(struct mr_call *call, struct mr_column *value, const struct mr_selection *rows,
                            int32_t *active, struct mr_column *out, struct mr_error *error)
{
    struct mr_column *parameters[MR_LAMBDA_PARAMETERS] = {NULL}, *finished = NULL;
    int32_t *place = mr_call_scratch(call, sizeof *place * (size_t)(out->length + 1));
    int64_t count = 0;
    if (!place)
        return mr_row_memory(error);
    for (int64_t i = 0; i < out->length; i++)
        place[i] = -1;
    MR_FOR_ROWS (i, rows, out->length) {
        place[i] = (int32_t)count;
        active[count++] = (int32_t)i;
    }
    int status = mr_column_take(value, active, count, &parameters[0], error);
    if (status >= 0)
        status =
            mr_lambda_run(mr_collection_lambda(call, 3), call, parameters, active, count, &finished, error);
    if (status >= 0)
        status = mr_column_take(finished, place, out->length, &call->result, error);
    mr_column_unref(parameters[0]);
    mr_column_unref(finished);
    return status;
}

MR_KERNEL(mr_collection_aggregate)
{
    const struct mr_column *list = arguments[0];
    struct mr_column *value = NULL;
    int32_t *active = mr_call_scratch(call, sizeof *active * (size_t)(out->length + 1));
    int32_t *elements = mr_call_scratch(call, sizeof *elements * (size_t)(out->length + 1));
    struct mr_selection present;
    int64_t count = 0;
    int status = MR_OK;
    if (!active || !elements)
        return mr_row_memory(error);
    int32_t *rows_present = mr_call_scratch(call, sizeof *rows_present * (size_t)(out->length + 1));
    if (!rows_present)
        return mr_row_memory(error);
    MR_FOR_ROWS (i, rows, out->length) {
        if (!mr_column_is_null(list, i))
            rows_present[count++] = (int32_t)i;
    }
    present = (struct mr_selection){rows_present, count};
    value = mr_column_ref(arguments[1]);
    for (int32_t step = 0;; step++) {
        count = rows_at_step(list, &present, step, active);
        if (count == 0)
            break;
        MR_ERR(merge_step(call, list, &value, active, elements, count, step, error));
    }
    if (call->expression->argument_count > 3)
        MR_ERR(finish_aggregate(call, value, &present, active, out, error));
    else { /* NULL arrays give NULL */
        for (int64_t i = 0; i < out->length; i++)
            active[i] = -1;
        for (int64_t k = 0; k < present.count; k++)
            active[present.rows[k]] = present.rows[k];
        MR_ERR(mr_column_take(value, active, out->length, &call->result, error));
    }
err:
    mr_column_unref(value);
    return status;
}

/* ---- zip_with(a, b, lambda): the shorter array goes on with NULLs ---- */
MR_KERNEL(mr_collection_zip_with)
{
    struct elements e[2] = {0};
    struct mr_column *parameters[MR_LAMBDA_PARAMETERS] = {NULL}, *result = NULL;
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range[2] = {mr_range_of(arguments[0], i), mr_range_of(arguments[1], i)};
        int32_t size[2] = {range[0].last - range[0].first, range[1].last - range[1].first};
        for (int32_t k = 0; k < size[0] || k < size[1]; k++)
            for (int side = 0; side < 2; side++)
                MR_ERR(add_element(&e[side], k < size[side] ? range[side].first + k : -1, i, error));
    }
    for (int side = 0; side < 2; side++)
        MR_ERR(mr_column_take(arguments[side]->children[0], e[side].element, e[side].count, &parameters[side],
                              error));
    MR_ERR(mr_lambda_run(mr_collection_lambda(call, 2), call, parameters, e[0].row_of, e[0].count, &result,
                         error));
    copy_lengths(out, &e[0]);
    MR_ERR(set_child(out, 0, result, error));
err:
    release_elements(&e[0]);
    release_elements(&e[1]);
    mr_column_unref(parameters[0]);
    mr_column_unref(parameters[1]);
    mr_column_unref(result);
    return status;
}

/* ---- maps ---- */
MR_KERNEL(mr_collection_map_filter)
{
    struct run r = {0};
    struct mr_picks picks = mr_picks(out);
    int status = MR_OK;
    MR_ERR(run_over(call, 1, arguments[0], rows, &r, error));
    for (int64_t i = 0; i < r.elements.count; i++) {
        if (i == 0 || r.elements.row_of[i] != r.elements.row_of[i - 1])
            mr_picks_begin(&picks, r.elements.row_of[i]);
        if (is_true(r.result, i))
            MR_ERR(mr_picks_add(&picks, r.elements.element[i], error));
    }
    MR_ERR(mr_picks_finish(&picks, 0, arguments[0]->children[0], error));
    MR_ERR(mr_picks_finish(&picks, 1, arguments[0]->children[1], error));
err:
    mr_picks_release(&picks);
    release_run(&r);
    return status;
}

static int transform_map(struct mr_call *call, struct mr_column *const *arguments,
                         const struct mr_selection *rows, struct mr_column *out, bool keys,
                         struct mr_error *error)
{
    struct run r = {0};
    int status = MR_OK;
    MR_ERR(run_over(call, 1, arguments[0], rows, &r, error));
    copy_lengths(out, &r.elements);
    MR_ERR(set_child(out, 0, keys ? r.result : r.parameters[0], error));
    MR_ERR(set_child(out, 1, keys ? r.parameters[1] : r.result, error));
    MR_FOR_ROWS (i, rows, out->length) {
        if (keys)
            MR_ERR(mr_map_keys_check(out->children[0], mr_range_of(out, i), error));
    }
err:
    release_run(&r);
    return status;
}

MR_KERNEL(mr_collection_transform_keys)
{
    return transform_map(call, arguments, rows, out, true, error);
}
MR_KERNEL(mr_collection_transform_values)
{
    return transform_map(call, arguments, rows, out, false, error);
}

/* map_zip_with(a, b, lambda): for every key of either map; values that a map lacks are NULL. */
MR_KERNEL(mr_collection_map_zip_with)
{
    struct elements e[3] = {0}; /* key (of a, or -1), value of a, value of b */
    struct mr_column *parameters[MR_LAMBDA_PARAMETERS] = {NULL}, *result = NULL, *keys = NULL;
    int status = MR_OK;
    keys = mr_column_new(out->type->fields[0].type, 0);
    if (!keys)
        MR_ERR(mr_row_memory(error));
    for (int side = 0; side < 2; side++)
        MR_ERR(mr_column_keep_all_of(keys, arguments[side]->children[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range a = mr_range_of(arguments[0], i), b = mr_range_of(arguments[1], i);
        for (int32_t k = a.first; k < a.last; k++) {
            MR_ERR(mr_column_append(keys, arguments[0]->children[0], k, true, error));
            MR_ERR(add_element(&e[1], k, i, error));
            MR_ERR(add_element(&e[2],
                               mr_range_find(arguments[1]->children[0], b, arguments[0]->children[0], k), i,
                               error));
        }
        for (int32_t k = b.first; k < b.last; k++) {
            if (mr_range_find(arguments[0]->children[0], a, arguments[1]->children[0], k) >= 0)
                continue;
            MR_ERR(mr_column_append(keys, arguments[1]->children[0], k, true, error));
            MR_ERR(add_element(&e[1], -1, i, error));
            MR_ERR(add_element(&e[2], k, i, error));
        }
    }
    parameters[0] = mr_column_ref(keys);
    for (int side = 0; side < 2; side++)
        MR_ERR(mr_column_take(arguments[side]->children[1], e[side + 1].element, e[side + 1].count,
                              &parameters[side + 1], error));
    MR_ERR(mr_lambda_run(mr_collection_lambda(call, 2), call, parameters, e[1].row_of, e[1].count, &result,
                         error));
    copy_lengths(out, &e[1]);
    MR_ERR(set_child(out, 0, keys, error));
    MR_ERR(set_child(out, 1, result, error));
err:
    for (int k = 0; k < 3; k++) {
        release_elements(&e[k]);
        mr_column_unref(parameters[k]);
    }
    mr_column_unref(result);
    mr_column_unref(keys);
    return status;
}

/* ---- resolving ---- */
static int need_lambda(struct mr_resolve *r, int i, struct mr_error *error)
{
    if (r->arguments[i]->kind == MR_EXPR_LAMBDA)
        return MR_OK;
    return mr_resolve_error(r, error, "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
                            "Argument %d of %s must be a function, as in x -> x + 1.", i + 1, r->name);
}

static int need_boolean(struct mr_resolve *r, int i, struct mr_error *error)
{
    enum mr_type_id id = r->arguments[i]->type->id;
    return id == MR_BOOLEAN || id == MR_VOID ? MR_OK : mr_resolve_unexpected_type(r, i, "\"BOOLEAN\"", error);
}

static int need_type(struct mr_resolve *r, int i, enum mr_type_id id, const char *name,
                     struct mr_error *error)
{
    return r->arguments[i]->type->id == id ? MR_OK : mr_resolve_unexpected_type(r, i, name, error);
}

static int resolve_aggregate(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_lambda(r, 2, error));
    const struct mr_type *state = r->arguments[1]->type;
    if (!mr_type_equal(r->arguments[2]->type, state)) {
        struct mr_text required;
        mr_text_init(&required);
        mr_text_append_char(&required, '"');
        mr_type_text(&required, state);
        mr_text_append_char(&required, '"');
        mr_resolve_unexpected_type(r, 2, required.data, error);
        mr_text_release(&required);
        return error->code;
    }
    r->type = state;
    if (r->count > 3) {
        MR_TRY(need_lambda(r, 3, error));
        r->type = r->arguments[3]->type;
    }
    r->nullable = true;
    return MR_OK;
}

static int list_type(struct mr_resolve *r, const struct mr_type *type, struct mr_error *error)
{
    r->type = type;
    return type ? MR_OK : mr_error_memory(error, sizeof *type);
}

static int resolve_map_lambda(struct mr_resolve *r, char kind, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    MR_TRY(need_type(r, 0, MR_MAP, "\"MAP\"", error));
    const struct mr_type *map = r->arguments[0]->type;
    if (kind == 'z') {
        MR_TRY(need_type(r, 1, MR_MAP, "\"MAP\"", error));
        MR_TRY(need_lambda(r, 2, error));
        if (!mr_type_equal(map->fields[0].type, r->arguments[1]->type->fields[0].type))
            return mr_resolve_error(r, error, "DATATYPE_MISMATCH.MAP_ZIP_WITH_DIFF_TYPES",
                                    "The keys of both maps of map_zip_with must have one type.");
        return list_type(r, mr_type_map(arena, map->fields[0].type, r->arguments[2]->type, true), error);
    }
    MR_TRY(need_lambda(r, 1, error));
    const struct mr_expression *lambda = r->arguments[1];
    if (kind == 'f') {
        MR_TRY(need_boolean(r, 1, error));
        return list_type(r, map, error);
    }
    if (kind == 'v')
        return list_type(r, mr_type_map(arena, map->fields[0].type, lambda->type, lambda->nullable), error);
    return list_type(r, mr_type_map(arena, lambda->type, map->fields[1].type, map->fields[1].nullable),
                     error);
}

/* By the function's letter: t transform, f filter, e exists, a aggregate, z zip_with; m and a letter: maps.
 */
int mr_collection_resolve_lambda(struct mr_resolve *r, struct mr_error *error)
{
    const char *kind = r->function->data;
    if (kind[0] == 'm')
        return resolve_map_lambda(r, kind[1], error);
    MR_TRY(need_type(r, 0, MR_ARRAY, "\"ARRAY\"", error));
    if (*kind == 'a')
        return resolve_aggregate(r, error);
    int lambda = *kind == 'z' ? 2 : 1;
    if (*kind == 'z')
        MR_TRY(need_type(r, 1, MR_ARRAY, "\"ARRAY\"", error));
    MR_TRY(need_lambda(r, lambda, error));
    const struct mr_expression *body = r->arguments[lambda];
    if (*kind == 't' || *kind == 'z')
        return list_type(r, mr_type_array(r->builder->arena, body->type, body->nullable), error);
    MR_TRY(need_boolean(r, 1, error));
    if (*kind == 'e')
        r->nullable = true;
    return list_type(r, *kind == 'f' ? r->arguments[0]->type : mr_type_of(MR_BOOLEAN), error);
}
