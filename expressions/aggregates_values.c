/* expressions/aggregates_values.c: min, max, first, last, any_value, min_by, max_by. */
#include "expressions/aggregates.h"

static void zero_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

/* ---- min and max ---- */
/* Up to 8 bytes wide: value and whether there is one. Everything else is a slot. */
struct extreme {
    union {
        int64_t i64;
        double f64;
        float f32;
        int32_t i32;
        int16_t i16;
        int8_t i8;
        uint8_t booleans;
    };
    int64_t has;
};

static bool is_small(const struct mr_type *type)
{
    return mr_slot_is_flat(type) && mr_type_width(type) <= 8;
}
static bool is_max(const struct mr_aggregate *a)
{
    return a->type->name[1] == 'a';
}

MR_AGGREGATE_RESOLVE(extreme_resolve)
{
    const struct mr_type *type = arguments[0]->type;
    MR_TRY(mr_aggregate_orderable(b, a, arguments, 0, error));
    mr_aggregate_shape(a, type, true, is_small(type) ? sizeof(struct extreme) : sizeof(struct mr_slot));
    a->align_bytes = is_small(type) ? 8 : 16;
    a->flat = mr_slot_is_flat(type);
    return MR_OK;
}

#define LESS(a, b) ((a) < (b))
#define GREATER(a, b) ((a) > (b))
/* NaN is the greatest. */
#define FLOAT_LESS(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define FLOAT_GREATER(a, b) FLOAT_LESS(b, a)
#define EXTREME(name, field, better)                                                                         \
    MR_AGGREGATE_UPDATE(name)                                                                                \
    {                                                                                                        \
        (void)a;                                                                                             \
        (void)arena;                                                                                         \
        (void)error;                                                                                         \
        const struct mr_column *value = arguments[0];                                                        \
        bool nulls = value->validity != NULL;                                                                \
        MR_AGGREGATE_ROWS(i, k, rows, length, {                                                              \
            if (nulls && mr_column_is_null(value, i))                                                        \
                continue;                                                                                    \
            struct extreme *state = MR_STATE(struct extreme, states, offset, k);                             \
            if (!state->has || better(value->field[i], state->field)) {                                      \
                state->field = value->field[i];                                                              \
                state->has = 1;                                                                              \
            }                                                                                                \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
EXTREME(min_u8, booleans, LESS)
EXTREME(min_i8, i8, LESS)
EXTREME(min_i16, i16, LESS)
EXTREME(min_i32, i32, LESS)
EXTREME(min_i64, i64, LESS)
EXTREME(min_f32, f32, FLOAT_LESS)
EXTREME(min_f64, f64, FLOAT_LESS)
EXTREME(max_u8, booleans, GREATER)
EXTREME(max_i8, i8, GREATER)
EXTREME(max_i16, i16, GREATER)
EXTREME(max_i32, i32, GREATER)
EXTREME(max_i64, i64, GREATER)
EXTREME(max_f32, f32, FLOAT_GREATER)
EXTREME(max_f64, f64, FLOAT_GREATER)

typedef int (*update_function)(const struct mr_aggregate *a, void *const *states, size_t offset,
                               struct mr_column *const *arguments, const struct mr_selection *rows,
                               int64_t length, struct mr_arena *arena, struct mr_error *error);

static update_function small_update(const struct mr_aggregate *a, const struct mr_type *type)
{
    bool max = is_max(a);
    switch (type->id) {
    case MR_BOOLEAN:
        return max ? max_u8 : min_u8;
    case MR_FLOAT:
        return max ? max_f32 : min_f32;
    case MR_DOUBLE:
        return max ? max_f64 : min_f64;
    default:
        break;
    }
    switch (mr_type_width(type)) {
    case 1:
        return max ? max_i8 : min_i8;
    case 2:
        return max ? max_i16 : min_i16;
    case 4:
        return max ? max_i32 : min_i32;
    default:
        return max ? max_i64 : min_i64;
    }
}

static int wide_update(const struct mr_aggregate *a, void *const *states, size_t offset,
                       const struct mr_column *value, const struct mr_selection *rows, int64_t length,
                       struct mr_arena *arena, struct mr_error *error)
{
    int status = MR_OK;
    bool max = is_max(a);
    struct mr_text scratch;
    mr_text_init(&scratch);
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (mr_column_is_null(value, i))
            continue;
        struct mr_slot *slot = MR_STATE(struct mr_slot, states, offset, k);
        int order = slot->has ? mr_slot_compare_row(slot, value, i, &scratch) : 0;
        if (!slot->has || (max ? order < 0 : order > 0))
            MR_ERR(mr_slot_put(slot, value, i, true, arena, error));
    });
err:
    mr_text_release(&scratch);
    return status;
}

MR_AGGREGATE_UPDATE(extreme_update)
{
    const struct mr_column *value = arguments[0];
    if (value->type->id == MR_VOID)
        return MR_OK;
    if (is_small(value->type))
        return small_update(a, value->type)(a, states, offset, arguments, rows, length, arena, error);
    return wide_update(a, states, offset, value, rows, length, arena, error);
}

MR_AGGREGATE_MERGE(extreme_merge)
{
    const struct mr_type *type = a->arguments[0]->type;
    if (type->id == MR_VOID)
        return MR_OK;
    if (is_small(type)) { /* one row of a column that is the other state's value */
        const struct extreme *other = from;
        int64_t bits = other->i64;
        struct mr_column column = {.type = type, .length = 1, .capacity = 1, .values = &bits};
        struct mr_column *const columns[] = {&column};
        if (!other->has)
            return MR_OK;
        return small_update(a, type)(a, &into, 0, columns, NULL, 1, arena, error);
    }
    const struct mr_slot *other = from;
    struct mr_slot *slot = into;
    if (!other->has)
        return MR_OK;
    int order = slot->has ? mr_slot_compare(slot, other, type) : 0;
    if (slot->has && (is_max(a) ? order >= 0 : order <= 0))
        return MR_OK;
    return mr_slot_copy(slot, other, type, arena, error);
}

MR_AGGREGATE_FINISH(extreme_finish)
{
    const struct mr_type *type = a->arguments[0]->type;
    size_t width = mr_type_width(type);
    for (int64_t k = 0; k < count; k++) {
        int64_t row = 0;
        if (!is_small(type)) {
            MR_TRY(mr_slot_append(MR_STATE(struct mr_slot, records, offset, k), out, true, error));
            continue;
        }
        const struct extreme *state = MR_STATE(struct extreme, records, offset, k);
        MR_TRY(mr_aggregate_append(out, !state->has, &row, error));
        if (width > 0)
            memcpy((char *)out->values + width * (size_t)row, &state->i64, width);
    }
    return MR_OK;
}

static void extreme_encode(const struct mr_aggregate *a, const void *state, struct mr_text *out)
{
    mr_slot_encode(state, a->arguments[0]->type, out);
}

static int extreme_decode(const struct mr_aggregate *a, const char **at, const char *end, void *state,
                          struct mr_arena *arena, struct mr_error *error)
{
    return mr_slot_decode(state, a->arguments[0]->type, at, end, arena, error);
}

/* ---- first, last, any_value ---- */
struct which {
    bool last, skip_nulls;
};

MR_AGGREGATE_RESOLVE(first_resolve)
{
    const struct mr_type *type = arguments[0]->type;
    struct which *which = MR_ARENA_NEW(b->arena, struct which);
    if (!which)
        return mr_error_memory(error, sizeof *which);
    which->last = a->type->name[0] == 'l';
    if (a->argument_count == 2) {
        const struct mr_expression *flag = NULL;
        MR_TRY(mr_aggregate_cast(b, a, arguments, 1, mr_type_of(MR_BOOLEAN), error));
        MR_TRY(mr_expression_fold(b, arguments[1], &flag, error));
        if (flag->kind != MR_EXPR_LITERAL)
            return mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                                "Whether `%s` skips NULLs must be a constant.", a->type->name);
        which->skip_nulls = !mr_column_is_null(flag->literal, 0) && flag->literal->booleans[0];
    }
    a->bound = which;
    mr_aggregate_shape(a, type, true, sizeof(struct mr_slot));
    a->align_bytes = 16;
    a->flat = mr_slot_is_flat(type);
    return MR_OK;
}

MR_AGGREGATE_UPDATE(first_update)
{
    const struct which *which = a->bound;
    const struct mr_column *value = arguments[0];
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        struct mr_slot *slot = MR_STATE(struct mr_slot, states, offset, k);
        if (slot->has && !which->last)
            continue;
        if (which->skip_nulls && (value->type->id == MR_VOID || mr_column_is_null(value, i)))
            continue;
        MR_TRY(mr_slot_put(slot, value, i, false, arena, error));
    });
    return MR_OK;
}

MR_AGGREGATE_MERGE(first_merge)
{
    const struct which *which = a->bound;
    const struct mr_slot *other = from;
    struct mr_slot *slot = into;
    if (!other->has || (slot->has && !which->last))
        return MR_OK;
    return mr_slot_copy(slot, other, a->arguments[0]->type, arena, error);
}

MR_AGGREGATE_FINISH(first_finish)
{
    (void)a;
    for (int64_t k = 0; k < count; k++)
        MR_TRY(mr_slot_append(MR_STATE(struct mr_slot, records, offset, k), out, false, error));
    return MR_OK;
}

/* ---- min_by, max_by: of the value and what it is ordered by ---- */
struct by_state {
    struct mr_slot value, order;
};

MR_AGGREGATE_RESOLVE(by_resolve)
{
    MR_TRY(mr_aggregate_orderable(b, a, arguments, 1, error));
    mr_aggregate_shape(a, arguments[0]->type, true, sizeof(struct by_state));
    a->align_bytes = 16;
    a->flat = mr_slot_is_flat(arguments[0]->type) && mr_slot_is_flat(arguments[1]->type);
    return MR_OK;
}

MR_AGGREGATE_UPDATE(by_update)
{
    int status = MR_OK;
    const struct mr_column *order = arguments[1];
    bool max = is_max(a);
    if (order->type->id == MR_VOID)
        return MR_OK;
    struct mr_text scratch;
    mr_text_init(&scratch);
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        struct by_state *state = MR_STATE(struct by_state, states, offset, k);
        if (mr_column_is_null(order, i))
            continue;
        int compared = state->order.has ? mr_slot_compare_row(&state->order, order, i, &scratch) : 0;
        if (state->order.has && (max ? compared > 0 : compared < 0))
            continue;
        MR_ERR(mr_slot_put(&state->order, order, i, true, arena, error));
        MR_ERR(mr_slot_put(&state->value, arguments[0], i, false, arena, error));
    });
err:
    mr_text_release(&scratch);
    return status;
}

MR_AGGREGATE_MERGE(by_merge)
{
    const struct by_state *other = from;
    struct by_state *state = into;
    const struct mr_type *value = a->arguments[0]->type, *order = a->arguments[1]->type;
    if (!other->order.has)
        return MR_OK;
    int compared = state->order.has ? mr_slot_compare(&state->order, &other->order, order) : 0;
    if (state->order.has && (is_max(a) ? compared > 0 : compared < 0))
        return MR_OK;
    MR_TRY(mr_slot_copy(&state->order, &other->order, order, arena, error));
    return mr_slot_copy(&state->value, &other->value, value, arena, error);
}

MR_AGGREGATE_FINISH(by_finish)
{
    (void)a;
    for (int64_t k = 0; k < count; k++)
        MR_TRY(mr_slot_append(&MR_STATE(struct by_state, records, offset, k)->value, out, false, error));
    return MR_OK;
}

static void by_encode(const struct mr_aggregate *a, const void *state, struct mr_text *out)
{
    const struct by_state *by = state;
    mr_slot_encode(&by->value, a->arguments[0]->type, out);
    mr_slot_encode(&by->order, a->arguments[1]->type, out);
}

static int by_decode(const struct mr_aggregate *a, const char **at, const char *end, void *state,
                     struct mr_arena *arena, struct mr_error *error)
{
    struct by_state *by = state;
    MR_TRY(mr_slot_decode(&by->value, a->arguments[0]->type, at, end, arena, error));
    return mr_slot_decode(&by->order, a->arguments[1]->type, at, end, arena, error);
}

#define EXTREMES(name)                                                                                       \
    {                                                                                                        \
        name, 1, 1, extreme_resolve, zero_init, extreme_update, extreme_merge, extreme_finish,               \
            extreme_encode, extreme_decode                                                                   \
    }
#define FIRST(name)                                                                                          \
    {                                                                                                        \
        name, 1, 2, first_resolve, zero_init, first_update, first_merge, first_finish, extreme_encode,       \
            extreme_decode                                                                                   \
    }
#define BY(name)                                                                                             \
    {                                                                                                        \
        name, 2, 2, by_resolve, zero_init, by_update, by_merge, by_finish, by_encode, by_decode              \
    }
const struct mr_aggregate_type mr_aggregates_values[] = {
    EXTREMES("min"),     EXTREMES("max"),    FIRST("first"), FIRST("first_value"), FIRST("last"),
    FIRST("last_value"), FIRST("any_value"), BY("min_by"),   BY("max_by"),         {0},
};
