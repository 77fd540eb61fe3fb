/* expressions/aggregates_collect.c: aggregates that keep all values: collect_list, collect_set, percentile,
 * median, mode, string_agg.
 *
 * The state is a growing list of encoded values in the state's arena; what each function makes of it happens
 * at the end. */
#include <math.h>
#include <stdlib.h>

#include "expressions/percentages.h"

struct item {
    const char *data;
    uint32_t size;
    uint32_t hash;
};
struct list {
    struct item *items;
    uint32_t count, capacity;
    uint32_t *slots; /* sets only: item + 1; 0: empty */
    uint32_t slot_count;
};
struct state {
    struct list *list; /* NULL: empty */
};

static void list_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

static bool is_set(const struct mr_aggregate *a)
{
    return strcmp(a->type->name, "collect_set") == 0;
}
/* Sets and counts need equal encodings of equal values: those of keys. */
static bool is_ordered(const struct mr_aggregate *a)
{
    return is_set(a) || strcmp(a->type->name, "mode") == 0;
}

static int grow(struct list *list, struct mr_arena *arena, struct mr_error *error)
{
    uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
    struct item *items = mr_arena_allocate(arena, sizeof *items * capacity);
    if (!items)
        return mr_error_memory(error, sizeof *items * capacity);
    if (list->count > 0)
        memcpy(items, list->items, sizeof *items * list->count);
    list->items = items;
    list->capacity = capacity;
    return MR_OK;
}

static int index_items(struct list *list, struct mr_arena *arena, struct mr_error *error)
{
    list->slot_count = list->capacity * 2;
    list->slots = MR_ARENA_ARRAY(arena, uint32_t, list->slot_count);
    if (!list->slots)
        return mr_error_memory(error, sizeof(uint32_t) * list->slot_count);
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t slot = list->items[i].hash & (list->slot_count - 1);
        while (list->slots[slot])
            slot = (slot + 1) & (list->slot_count - 1);
        list->slots[slot] = i + 1;
    }
    return MR_OK;
}

static int add(const struct mr_aggregate *a, struct state *state, const char *data, size_t size,
               struct mr_arena *arena, struct mr_error *error)
{
    if (!state->list)
        state->list = MR_ARENA_NEW(arena, struct list);
    struct list *list = state->list;
    if (!list)
        return mr_error_memory(error, sizeof *list);
    bool set = is_set(a);
    uint32_t hash = set ? (uint32_t)mr_hash(data, size) : 0, slot = 0;
    if (list->count == list->capacity) {
        MR_TRY(grow(list, arena, error));
        if (set)
            MR_TRY(index_items(list, arena, error));
    }
    for (slot = set ? hash & (list->slot_count - 1) : 0; set && list->slots[slot];
         slot = (slot + 1) & (list->slot_count - 1)) {
        const struct item *item = &list->items[list->slots[slot] - 1];
        if (item->hash == hash && item->size == size && memcmp(item->data, data, size) == 0)
            return MR_OK;
    }
    const char *copy = mr_arena_copy_text(arena, data, size);
    if (!copy)
        return mr_error_memory(error, size);
    list->items[list->count++] = (struct item){copy, (uint32_t)size, hash};
    if (set)
        list->slots[slot] = list->count;
    return MR_OK;
}

MR_AGGREGATE_UPDATE(list_update)
{
    int status = MR_OK;
    const struct mr_column *value = arguments[0];
    bool ordered = is_ordered(a);
    struct mr_text text;
    if (value->type->id == MR_VOID)
        return MR_OK;
    mr_text_init(&text);
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (mr_column_is_null(value, i))
            continue;
        mr_text_clear(&text);
        if (ordered)
            mr_key_append(&text, value, i);
        else
            mr_row_append(&text, value, i);
        if (text.failed)
            MR_ERR(mr_error_memory(error, text.size));
        MR_ERR(add(a, MR_STATE(struct state, states, offset, k), text.data, text.size, arena, error));
    });
err:
    mr_text_release(&text);
    return status;
}

MR_AGGREGATE_MERGE(list_merge)
{
    const struct list *other = ((const struct state *)from)->list;
    for (uint32_t i = 0; other && i < other->count; i++)
        MR_TRY(add(a, into, other->items[i].data, other->items[i].size, arena, error));
    return MR_OK;
}

static void list_encode(const struct mr_aggregate *a, const void *state, struct mr_text *out)
{
    (void)a;
    const struct list *list = ((const struct state *)state)->list;
    uint32_t count = list ? list->count : 0;
    mr_text_append(out, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        mr_text_append(out, &list->items[i].size, sizeof list->items[i].size);
        mr_text_append(out, list->items[i].data, list->items[i].size);
    }
}

static int read_u32(const char **at, const char *end, uint32_t *out, struct mr_error *error)
{
    if (end - *at < (ptrdiff_t)sizeof *out)
        return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR", "a stored list of values is damaged");
    memcpy(out, *at, sizeof *out);
    *at += sizeof *out;
    return MR_OK;
}

static int list_decode(const struct mr_aggregate *a, const char **at, const char *end, void *state,
                       struct mr_arena *arena, struct mr_error *error)
{
    uint32_t count = 0, size = 0;
    memset(state, 0, sizeof(struct state));
    MR_TRY(read_u32(at, end, &count, error));
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(read_u32(at, end, &size, error));
        if (end - *at < (ptrdiff_t)size)
            return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR", "a stored list of values is damaged");
        MR_TRY(add(a, state, *at, size, arena, error));
        *at += size;
    }
    return MR_OK;
}

static int decode_item(const struct item *item, bool ordered, struct mr_column *out, struct mr_error *error)
{
    const char *at = item->data, *end = item->data + item->size;
    return ordered ? mr_key_decode(&at, end, out, error) : mr_row_decode(&at, end, out, error);
}

/* ---- collect_list, collect_set ---- */
MR_AGGREGATE_RESOLVE(collect_resolve)
{
    const struct mr_type *type = mr_type_array(b->arena, arguments[0]->type, false);
    if (!type)
        return mr_error_memory(error, sizeof *type);
    if (is_set(a))
        MR_TRY(mr_aggregate_orderable(b, a, arguments, 0, error));
    mr_aggregate_shape(a, type, false, sizeof(struct state));
    a->flat = false;
    return MR_OK;
}

MR_AGGREGATE_FINISH(collect_finish)
{
    for (int64_t k = 0; k < count; k++) {
        const struct list *list = MR_STATE(struct state, records, offset, k)->list;
        int64_t row = 0;
        MR_TRY(mr_aggregate_append(out, false, &row, error));
        for (uint32_t i = 0; list && i < list->count; i++)
            MR_TRY(decode_item(&list->items[i], is_ordered(a), out->children[0], error));
        out->offsets[row + 1] = (int32_t)out->children[0]->length;
    }
    return MR_OK;
}

/* ---- string_agg, listagg ---- */
MR_AGGREGATE_RESOLVE(string_agg_resolve)
{
    const struct mr_expression *delimiter = NULL;
    struct mr_str *text = MR_ARENA_NEW(b->arena, struct mr_str);
    if (!text)
        return mr_error_memory(error, sizeof *text);
    if (arguments[0]->type->id != MR_BINARY)
        MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_STRING), error));
    if (a->argument_count == 2) {
        MR_TRY(mr_aggregate_cast(b, a, arguments, 1, arguments[0]->type, error));
        MR_TRY(mr_expression_fold(b, arguments[1], &delimiter, error));
        if (delimiter->kind != MR_EXPR_LITERAL)
            return mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                                "The delimiter of `%s` must be a constant.", a->type->name);
        if (!mr_column_is_null(delimiter->literal, 0))
            *text = mr_view_str(&delimiter->literal->views[0]);
    }
    a->bound = text;
    mr_aggregate_shape(a, arguments[0]->type, true, sizeof(struct state));
    a->flat = false;
    return MR_OK;
}

static int join_items(const struct mr_aggregate *a, const struct list *list, struct mr_text *text,
                      struct mr_error *error)
{
    const struct mr_str *delimiter = a->bound;
    struct mr_column *values = mr_column_new(a->result, list->count);
    int status = values ? MR_OK : mr_error_memory(error, list->count);
    for (uint32_t i = 0; i < list->count && status >= 0; i++) {
        status = decode_item(&list->items[i], false, values, error);
        if (status < 0)
            break;
        struct mr_str value = mr_string_at(values, i);
        if (i > 0)
            mr_text_append(text, delimiter->data, delimiter->size);
        mr_text_append(text, value.data, value.size);
    }
    mr_column_unref(values);
    return status < 0 ? status : text->failed ? mr_error_memory(error, text->size) : MR_OK;
}

MR_AGGREGATE_FINISH(string_agg_finish)
{
    int status = MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    for (int64_t k = 0; k < count; k++) {
        const struct list *list = MR_STATE(struct state, records, offset, k)->list;
        int64_t row = 0;
        MR_ERR(mr_aggregate_append(out, !list, &row, error));
        if (!list)
            continue;
        mr_text_clear(&text);
        MR_ERR(join_items(a, list, &text, error));
        MR_ERR(mr_column_set_bytes(out, row, text.data, text.size, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- mode: the most frequent value, of equally frequent ones the least ---- */
MR_AGGREGATE_RESOLVE(mode_resolve)
{
    /* mode(x, deterministic): the answer always is. */
    if (a->argument_count == 2)
        MR_TRY(mr_aggregate_cast(b, a, arguments, 1, mr_type_of(MR_BOOLEAN), error));
    MR_TRY(mr_aggregate_orderable(b, a, arguments, 0, error));
    mr_aggregate_shape(a, arguments[0]->type, true, sizeof(struct state));
    a->flat = false;
    return MR_OK;
}

static int compare_items(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    return mr_str_compare((struct mr_str){a->data, a->size}, (struct mr_str){b->data, b->size});
}

MR_AGGREGATE_FINISH(mode_finish)
{
    (void)a;
    for (int64_t k = 0; k < count; k++) {
        struct list *list = MR_STATE(struct state, records, offset, k)->list;
        uint32_t best = 0, best_count = 0;
        if (!list) {
            MR_TRY(mr_column_append_null(out, error));
            continue;
        }
        qsort(list->items, list->count, sizeof *list->items, compare_items);
        for (uint32_t i = 0, start = 0; i < list->count; i++) {
            if (compare_items(&list->items[start], &list->items[i]) != 0)
                start = i;
            if (i - start + 1 > best_count) {
                best = start;
                best_count = i - start + 1;
            }
        }
        MR_TRY(decode_item(&list->items[best], true, out, error));
    }
    return MR_OK;
}

/* ---- percentile, median: exact, between the two nearest values ---- */
/* Intervals are worked on as their microseconds or months; the result is one again. */
static bool is_interval(const struct mr_type *type)
{
    return type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH;
}

struct percentile_plan {
    struct mr_percentages percentages;
    const struct mr_type *element; /* of the result */
};

MR_AGGREGATE_RESOLVE(percentile_resolve)
{
    struct percentile_plan *plan = MR_ARENA_NEW(b->arena, struct percentile_plan);
    static double half = 0.5;
    if (!plan)
        return mr_error_memory(error, sizeof *plan);
    plan->percentages = (struct mr_percentages){&half, 1, false};
    plan->element = mr_type_of(MR_DOUBLE);
    if (is_interval(arguments[0]->type))
        plan->element = mr_type_of(arguments[0]->type->id);
    else
        MR_TRY(mr_aggregate_cast(b, a, arguments, 0, plan->element, error));
    bool median = strcmp(a->type->name, "median") == 0;
    if (!median)
        MR_TRY(mr_percentages_constant(b, a, arguments, &plan->percentages, error));
    if (!median && a->argument_count == 2) {
        MR_TRY(mr_expression_i64(b, mr_type_of(MR_BIGINT), 1, &arguments[2], error)); /* shown in names */
        a->argument_count = 3;
    }
    if (a->argument_count > 2)
        MR_TRY(mr_aggregate_cast(b, a, arguments, 2, mr_type_of(MR_BIGINT), error));
    const struct mr_type *type = plan->element;
    if (plan->percentages.array)
        type = mr_type_array(b->arena, type, false);
    if (!type)
        return mr_error_memory(error, sizeof *type);
    a->bound = plan;
    mr_aggregate_shape(a, type, true, sizeof(struct state));
    a->flat = false;
    return MR_OK;
}

/* With a frequency the value counts so many times. */
MR_AGGREGATE_UPDATE(percentile_update)
{
    struct mr_text text;
    int status = MR_OK;
    if (a->argument_count < 3)
        return list_update(a, states, offset, arguments, rows, length, arena, error);
    mr_text_init(&text);
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (mr_column_is_null(arguments[0], i) || mr_column_is_null(arguments[2], i))
            continue;
        int64_t frequency = arguments[2]->i64[i];
        if (frequency < 0)
            MR_ERR(mr_row_error(error, "INVALID_PARAMETER_VALUE", "A frequency of %lld is negative.",
                                (long long)frequency));
        mr_text_clear(&text);
        mr_row_append(&text, arguments[0], i);
        for (int64_t n = 0; n < frequency; n++)
            MR_ERR(add(a, MR_STATE(struct state, states, offset, k), text.data, text.size, arena, error));
    });
err:
    mr_text_release(&text);
    return status;
}

static int compare_doubles(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    if (a != a || b != b)
        return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static double interpolate(const double *sorted, int64_t count, double percentage)
{
    double position = (double)(count - 1) * percentage;
    int64_t low = (int64_t)floor(position), high = (int64_t)ceil(position);
    if (low == high || sorted[low] == sorted[high])
        return sorted[low];
    return ((double)high - position) * sorted[low] + (position - (double)low) * sorted[high];
}

static void copy_numbers(const struct mr_column *values, double *out)
{
    for (int64_t i = 0; i < values->length; i++)
        out[i] = values->type->id == MR_DOUBLE                ? values->f64[i]
                 : values->type->id == MR_INTERVAL_YEAR_MONTH ? values->i32[i]
                                                              : (double)values->i64[i];
}

static int sorted_values(const struct mr_type *type, const struct list *list, double **out,
                         struct mr_error *error)
{
    struct mr_column *values = mr_column_new(type, list->count);
    int status = values ? MR_OK : mr_error_memory(error, list->count);
    for (uint32_t i = 0; i < list->count && status >= 0; i++)
        status = decode_item(&list->items[i], false, values, error);
    *out = status >= 0 ? mr_allocate(sizeof(double) * (list->count + 1)) : NULL;
    if (*out) {
        copy_numbers(values, *out);
        qsort(*out, list->count, sizeof(double), compare_doubles);
    } else if (status >= 0) {
        status = mr_error_memory(error, sizeof(double) * list->count);
    }
    mr_column_unref(values);
    return status;
}

static int put_percentile(const struct percentile_plan *plan, struct mr_column *out, int64_t row,
                          double value, struct mr_error *error)
{
    struct mr_column *to = plan->percentages.array ? out->children[0] : out;
    if (plan->percentages.array)
        MR_TRY(mr_aggregate_append(to, false, &row, error));
    switch (plan->element->id) {
    case MR_INTERVAL_YEAR_MONTH:
        to->i32[row] = (int32_t)value;
        break;
    case MR_INTERVAL_DAY_TIME:
        to->i64[row] = (int64_t)value;
        break;
    default:
        to->f64[row] = value;
        break;
    }
    return MR_OK;
}

/* The first value at or behind which that part of the values stands. */
static double discrete(const double *sorted, int64_t count, double percentage)
{
    int64_t place = (int64_t)ceil(percentage * (double)count) - 1;
    return sorted[place < 0 ? 0 : place];
}

MR_AGGREGATE_FINISH(percentile_finish)
{
    bool between = strcmp(a->type->name, "percentile_disc") != 0;
    const struct percentile_plan *plan = a->bound;
    for (int64_t k = 0; k < count; k++) {
        const struct list *list = MR_STATE(struct state, records, offset, k)->list;
        double *sorted = NULL;
        int64_t row = 0;
        if (list)
            MR_TRY(sorted_values(a->arguments[0]->type, list, &sorted, error));
        int status = mr_aggregate_append(out, !list, &row, error);
        for (int i = 0; i < plan->percentages.count && list && status >= 0; i++)
            status = put_percentile(plan, out, row,
                                    (between ? interpolate : discrete)(sorted, list->count,
                                                                       plan->percentages.values[i]),
                                    error);
        if (plan->percentages.array)
            out->offsets[row + 1] = (int32_t)out->children[0]->length;
        mr_free(sorted);
        MR_TRY(status);
    }
    return MR_OK;
}

#define LIST(name, least, most, resolve, update, finish)                                                     \
    {                                                                                                        \
        name, least, most, resolve, list_init, update, list_merge, finish, list_encode, list_decode          \
    }
const struct mr_aggregate_type mr_aggregates_collect[] = {
    LIST("collect_list", 1, 1, collect_resolve, list_update, collect_finish),
    LIST("array_agg", 1, 1, collect_resolve, list_update, collect_finish),
    LIST("collect_set", 1, 1, collect_resolve, list_update, collect_finish),
    LIST("string_agg", 1, 2, string_agg_resolve, list_update, string_agg_finish),
    LIST("listagg", 1, 2, string_agg_resolve, list_update, string_agg_finish),
    LIST("mode", 1, 2, mode_resolve, list_update, mode_finish),
    LIST("percentile", 2, 3, percentile_resolve, percentile_update, percentile_finish),
    /* Written with WITHIN GROUP (ORDER BY value), which makes these of them. */
    LIST("percentile_cont", 2, 2, percentile_resolve, percentile_update, percentile_finish),
    LIST("percentile_disc", 2, 2, percentile_resolve, percentile_update, percentile_finish),
    LIST("median", 1, 1, percentile_resolve, percentile_update, percentile_finish),
    {0},
};
