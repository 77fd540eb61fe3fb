/* expressions/aggregates_basic.c: count, sum, avg, bool_and, bit_and and kin. */
#include "expressions/aggregates.h"

/* ---- count ---- */
MR_AGGREGATE_RESOLVE(count_resolve)
{
    if (a->argument_count == 0) {
        mr_error_set(error, MR_E_SQL, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                     "`count` takes at least one argument, or `*`.");
        mr_error_parameter(error, "functionName", "`count`");
        mr_error_parameter(error, "expectedNum", " >= 1");
        mr_error_parameter(error, "actualNum", "0");
        return mr_builder_error_at(b, error);
    }
    (void)arguments;
    mr_aggregate_shape(a, mr_type_of(MR_BIGINT), false, sizeof(int64_t));
    return MR_OK;
}

static void zero_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

MR_AGGREGATE_UPDATE(count_update)
{
    (void)arena;
    (void)error;
    const struct mr_column *only = NULL; /* the one argument that has NULLs, when it is one */
    int with_nulls = 0;
    for (int c = 0; c < a->argument_count; c++)
        if (arguments[c]->validity || arguments[c]->type->id == MR_VOID) {
            only = arguments[c];
            with_nulls++;
            if (only->type->id == MR_VOID)
                return MR_OK;
        }
    int64_t count = rows ? rows->count : length;
    if (with_nulls == 0) {
        for (int64_t k = 0; k < count; k++)
            *MR_STATE(int64_t, states, offset, k) += 1;
        return MR_OK;
    }
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        bool valid = !mr_column_is_null(only, i);
        for (int c = 0; with_nulls > 1 && valid && c < a->argument_count; c++)
            valid = !mr_column_is_null(arguments[c], i);
        *MR_STATE(int64_t, states, offset, k) += valid;
    });
    return MR_OK;
}

MR_AGGREGATE_RESOLVE(count_if_resolve)
{
    MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_BOOLEAN), error));
    mr_aggregate_shape(a, mr_type_of(MR_BIGINT), false, sizeof(int64_t));
    return MR_OK;
}

MR_AGGREGATE_UPDATE(count_if_update)
{
    (void)a;
    (void)arena;
    (void)error;
    const struct mr_column *value = arguments[0];
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        *MR_STATE(int64_t, states, offset, k) += value->booleans[i] && !mr_column_is_null(value, i);
    });
    return MR_OK;
}

MR_AGGREGATE_MERGE(count_merge)
{
    (void)a;
    (void)arena;
    (void)error;
    *(int64_t *)into += *(const int64_t *)from;
    return MR_OK;
}

MR_AGGREGATE_FINISH(count_finish)
{
    (void)a;
    MR_TRY(mr_column_reserve(out, out->length + count, error));
    for (int64_t k = 0; k < count; k++)
        out->i64[out->length++] = *MR_STATE(int64_t, records, offset, k);
    return MR_OK;
}

/* ---- sum and avg: one state for both ---- */
struct sum_state { /* integers, intervals */
    int64_t sum, count;
};
struct sum_double {
    double sum;
    int64_t count;
};
struct sum_decimal {
    mr_i128 sum;
    int64_t count;
    int64_t overflow; /* try_sum: once out of range, always NULL */
};

/* What a sum beyond its type is for: sum, try_sum, avg, … */
static bool is_try(const struct mr_aggregate *a)
{
    return strncmp(a->type->name, "try_", 4) == 0;
}
static bool is_average(const struct mr_aggregate *a)
{
    return strcmp(a->type->name, "avg") == 0 || strcmp(a->type->name, "mean") == 0 ||
           strcmp(a->type->name, "try_avg") == 0;
}

static int numeric_or_interval(struct mr_expression_builder *b, struct mr_aggregate *a,
                               const struct mr_expression **arguments, struct mr_error *error)
{
    const struct mr_type *type = arguments[0]->type;
    if (type->id == MR_VOID || type->id == MR_STRING)
        return mr_cast_build(b, arguments[0], mr_type_of(MR_DOUBLE), false, true, &arguments[0], error);
    if (!mr_type_is_numeric(type) && type->id != MR_INTERVAL_DAY_TIME && type->id != MR_INTERVAL_YEAR_MONTH)
        return mr_aggregate_unexpected(b, a, arguments, 0, "\"NUMERIC\" or \"ANSI INTERVAL\"", error);
    return MR_OK;
}

static int smaller(int x, int y)
{
    return x < y ? x : y;
}

MR_AGGREGATE_RESOLVE(sum_resolve)
{
    MR_TRY(numeric_or_interval(b, a, arguments, error));
    const struct mr_type *type = arguments[0]->type;
    if (type->id == MR_DECIMAL) {
        const struct mr_type *result =
            mr_type_decimal(b->arena, smaller(type->precision + 10, 38), type->scale);
        if (!result)
            return mr_error_memory(error, sizeof *result);
        mr_aggregate_shape(a, result, true, sizeof(struct sum_decimal));
        a->align_bytes = 16;
    } else if (type->id == MR_FLOAT || type->id == MR_DOUBLE) {
        mr_aggregate_shape(a, mr_type_of(MR_DOUBLE), true, sizeof(struct sum_double));
    } else {
        mr_aggregate_shape(a, mr_type_is_integral(type) ? mr_type_of(MR_BIGINT) : type, true,
                           sizeof(struct sum_state));
    }
    return MR_OK;
}

MR_AGGREGATE_RESOLVE(avg_resolve)
{
    MR_TRY(numeric_or_interval(b, a, arguments, error));
    const struct mr_type *type = arguments[0]->type;
    if (type->id == MR_DECIMAL) {
        const struct mr_type *result = mr_type_decimal_adjusted(b->arena, smaller(type->precision + 4, 38),
                                                                smaller(type->scale + 4, 38));
        if (!result)
            return mr_error_memory(error, sizeof *result);
        mr_aggregate_shape(a, result, true, sizeof(struct sum_decimal));
        a->align_bytes = 16;
    } else if (mr_type_is_numeric(type)) {
        mr_aggregate_shape(a, mr_type_of(MR_DOUBLE), true, sizeof(struct sum_double));
    } else {
        mr_aggregate_shape(a, mr_type_of(type->id), true, sizeof(struct sum_state));
    }
    return MR_OK;
}

static int sum_overflow(const struct mr_aggregate *a, struct mr_error *error)
{
    if (a->arguments[0]->type->id == MR_DECIMAL)
        return mr_row_overflow(error, "Overflow in sum of decimals", is_average(a) ? "try_avg" : "try_sum");
    return mr_row_overflow(error, "overflow", "try_add");
}

/* A sum of integers that left 64 bits; under try_ it stays NULL, marked by a negative count. */
static int integers_overflow(const struct mr_aggregate *a, struct sum_state *state, struct mr_error *error)
{
    if (!is_try(a))
        return sum_overflow(a, error);
    state->count = INT64_MIN / 2;
    return MR_OK;
}

static bool leaves_type(const struct mr_aggregate *a, int64_t sum)
{
    return a->result->id == MR_INTERVAL_YEAR_MONTH && (sum > INT32_MAX || sum < INT32_MIN);
}

#define SUM_INTEGERS(name, field)                                                                            \
    MR_AGGREGATE_UPDATE(name)                                                                                \
    {                                                                                                        \
        (void)arena;                                                                                         \
        const struct mr_column *value = arguments[0];                                                        \
        bool nulls = value->validity != NULL;                                                                \
        MR_AGGREGATE_ROWS(i, k, rows, length, {                                                              \
            if (nulls && mr_column_is_null(value, i))                                                        \
                continue;                                                                                    \
            struct sum_state *state = MR_STATE(struct sum_state, states, offset, k);                         \
            state->count++;                                                                                  \
            if (__builtin_add_overflow(state->sum, (int64_t)value->field[i], &state->sum) ||                 \
                leaves_type(a, state->sum))                                                                  \
                MR_TRY(integers_overflow(a, state, error));                                                  \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
SUM_INTEGERS(sum_i8, i8)
SUM_INTEGERS(sum_i16, i16)
SUM_INTEGERS(sum_i32, i32)
SUM_INTEGERS(sum_i64, i64)

#define SUM_DOUBLES(name, field)                                                                             \
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
            struct sum_double *state = MR_STATE(struct sum_double, states, offset, k);                       \
            state->sum += (double)value->field[i];                                                           \
            state->count++;                                                                                  \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
SUM_DOUBLES(double_i8, i8)
SUM_DOUBLES(double_i16, i16)
SUM_DOUBLES(double_i32, i32)
SUM_DOUBLES(double_i64, i64)
SUM_DOUBLES(double_f32, f32)
SUM_DOUBLES(double_f64, f64)

static int add_decimal(const struct mr_aggregate *a, struct sum_decimal *state, mr_i128 value,
                       struct mr_error *error)
{
    int precision = smaller(a->arguments[0]->type->precision + 10, 38);
    if (state->overflow)
        return MR_OK;
    if (!__builtin_add_overflow(state->sum, value, &state->sum) && mr_decimal_fits(state->sum, precision))
        return MR_OK;
    state->overflow = 1;
    return is_try(a) ? MR_OK : sum_overflow(a, error);
}

MR_AGGREGATE_UPDATE(sum_decimals)
{
    (void)arena;
    const struct mr_column *value = arguments[0];
    bool nulls = value->validity != NULL;
    if (!mr_type_is_long_decimal(
            value->type)) { /* 10^18 rows would have to come to overflow: p + 10 digits */
        MR_AGGREGATE_ROWS(i, k, rows, length, {
            if (nulls && mr_column_is_null(value, i))
                continue;
            struct sum_decimal *state = MR_STATE(struct sum_decimal, states, offset, k);
            state->sum += value->i64[i];
            state->count++;
        });
        return MR_OK;
    }
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (nulls && mr_column_is_null(value, i))
            continue;
        struct sum_decimal *state = MR_STATE(struct sum_decimal, states, offset, k);
        state->count++;
        MR_TRY(add_decimal(a, state, value->i128[i], error));
    });
    return MR_OK;
}

MR_AGGREGATE_UPDATE(sum_update)
{
    const struct mr_type *type = arguments[0]->type;
    bool doubles = a->result->id == MR_DOUBLE;
    switch (type->id) {
    case MR_TINYINT:
        return (doubles ? double_i8 : sum_i8)(a, states, offset, arguments, rows, length, arena, error);
    case MR_SMALLINT:
        return (doubles ? double_i16 : sum_i16)(a, states, offset, arguments, rows, length, arena, error);
    case MR_INT:
        return (doubles ? double_i32 : sum_i32)(a, states, offset, arguments, rows, length, arena, error);
    case MR_INTERVAL_YEAR_MONTH:
        return sum_i32(a, states, offset, arguments, rows, length, arena, error);
    case MR_BIGINT:
        return (doubles ? double_i64 : sum_i64)(a, states, offset, arguments, rows, length, arena, error);
    case MR_INTERVAL_DAY_TIME:
        return sum_i64(a, states, offset, arguments, rows, length, arena, error);
    case MR_FLOAT:
        return double_f32(a, states, offset, arguments, rows, length, arena, error);
    case MR_DOUBLE:
        return double_f64(a, states, offset, arguments, rows, length, arena, error);
    default:
        return sum_decimals(a, states, offset, arguments, rows, length, arena, error);
    }
}

MR_AGGREGATE_MERGE(sum_merge)
{
    (void)arena;
    if (a->arguments[0]->type->id == MR_DECIMAL) {
        const struct sum_decimal *other = from;
        struct sum_decimal *state = into;
        state->count += other->count;
        if (other->overflow)
            state->overflow = 1;
        return add_decimal(a, state, other->sum, error);
    }
    if (a->result->id == MR_DOUBLE) {
        const struct sum_double *other = from;
        ((struct sum_double *)into)->sum += other->sum;
        ((struct sum_double *)into)->count += other->count;
        return MR_OK;
    }
    const struct sum_state *other = from;
    struct sum_state *state = into;
    bool poisoned = state->count < 0 || other->count < 0;
    state->count = poisoned ? INT64_MIN / 2 : state->count + other->count;
    if (poisoned)
        return MR_OK;
    if (__builtin_add_overflow(state->sum, other->sum, &state->sum) || leaves_type(a, state->sum))
        return integers_overflow(a, state, error);
    return MR_OK;
}

int mr_aggregate_append(struct mr_column *out, bool null, int64_t *row, struct mr_error *error)
{
    if (out->length == out->capacity)
        MR_TRY(mr_column_reserve(out, out->capacity < 32 ? 64 : out->capacity * 2, error));
    *row = out->length++;
    return null ? mr_column_set_null(out, *row, error) : MR_OK;
}

MR_AGGREGATE_FINISH(sum_finish)
{
    bool decimal = a->arguments[0]->type->id == MR_DECIMAL;
    int precision = smaller(a->arguments[0]->type->precision + 10, 38);
    for (int64_t k = 0; k < count; k++) {
        int64_t row = 0;
        if (decimal) {
            const struct sum_decimal *state = MR_STATE(struct sum_decimal, records, offset, k);
            bool fits = !state->overflow && mr_decimal_fits(state->sum, precision);
            if (!fits && !is_try(a))
                return sum_overflow(a, error);
            MR_TRY(mr_aggregate_append(out, state->count == 0 || !fits, &row, error));
            if (fits)
                mr_decimal_put(out, row, state->sum);
            continue;
        }
        const struct sum_state *state = MR_STATE(struct sum_state, records, offset, k);
        MR_TRY(mr_aggregate_append(out, state->count <= 0, &row, error));
        if (a->result->id == MR_INTERVAL_YEAR_MONTH)
            out->i32[row] = (int32_t)state->sum;
        else
            out->i64[row] = state->sum; /* the bits of a double, too */
    }
    return MR_OK;
}

static int average_interval(const struct sum_state *state, struct mr_column *out, int64_t row)
{
    int64_t n = state->count, sum = state->sum;
    if (n <= 0)
        return MR_OK;
    mr_i128 magnitude = sum < 0 ? -(mr_i128)sum : sum;
    int64_t value = (int64_t)((2 * magnitude + n) / (2 * (mr_i128)n));
    value = sum < 0 ? -value : value;
    if (out->type->id == MR_INTERVAL_YEAR_MONTH)
        out->i32[row] = (int32_t)value;
    else
        out->i64[row] = value;
    return MR_OK;
}

MR_AGGREGATE_FINISH(avg_finish)
{
    const struct mr_type *type = a->arguments[0]->type;
    for (int64_t k = 0; k < count; k++) {
        int64_t row = 0;
        if (type->id == MR_DECIMAL) {
            const struct sum_decimal *state = MR_STATE(struct sum_decimal, records, offset, k);
            mr_i128 value = 0;
            bool some = state->count > 0 && !state->overflow;
            bool fits = some && mr_decimal_divide(state->sum, type->scale, state->count, 0,
                                                  a->result->precision, a->result->scale, &value);
            if (some && !fits && !is_try(a))
                return sum_overflow(a, error);
            MR_TRY(mr_aggregate_append(out, !fits, &row, error));
            if (fits)
                mr_decimal_put(out, row, value);
        } else if (a->result->id == MR_DOUBLE) {
            const struct sum_double *state = MR_STATE(struct sum_double, records, offset, k);
            MR_TRY(mr_aggregate_append(out, state->count == 0, &row, error));
            if (state->count > 0)
                out->f64[row] = state->sum / (double)state->count;
        } else {
            const struct sum_state *state = MR_STATE(struct sum_state, records, offset, k);
            MR_TRY(mr_aggregate_append(out, state->count <= 0, &row, error));
            MR_TRY(average_interval(state, out, row));
        }
    }
    return MR_OK;
}

/* ---- bool_and, bool_or, bit_and, bit_or, bit_xor ---- */
struct bits_state {
    int64_t value, has;
};

MR_AGGREGATE_RESOLVE(bool_resolve)
{
    MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_BOOLEAN), error));
    mr_aggregate_shape(a, mr_type_of(MR_BOOLEAN), true, sizeof(struct bits_state));
    return MR_OK;
}

MR_AGGREGATE_RESOLVE(bits_resolve)
{
    const struct mr_type *type = arguments[0]->type;
    if (type->id == MR_VOID || type->id == MR_STRING)
        MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_BIGINT), error));
    else if (!mr_type_is_integral(type))
        return mr_aggregate_unexpected(b, a, arguments, 0, "\"INTEGRAL\"", error);
    mr_aggregate_shape(a, arguments[0]->type, true, sizeof(struct bits_state));
    return MR_OK;
}

enum bits_operator { BITS_AND, BITS_OR, BITS_XOR };
static enum bits_operator bits_operator(const struct mr_aggregate *a)
{
    const char *name = a->type->name;
    if (strcmp(name, "bit_xor") == 0)
        return BITS_XOR;
    return strcmp(name, "bit_or") == 0 || strcmp(name, "bool_or") == 0 || strcmp(name, "any") == 0 ||
                   strcmp(name, "some") == 0
               ? BITS_OR
               : BITS_AND;
}

static void add_bits(struct bits_state *state, int64_t value, enum bits_operator operator)
{
    if (!state->has)
        state->value = value;
    else if (operator== BITS_AND)
        state->value &= value;
    else if (operator== BITS_OR)
        state->value |= value;
    else
        state->value ^= value;
    state->has = 1;
}

MR_AGGREGATE_UPDATE(bits_update)
{
    (void)arena;
    (void)error;
    enum bits_operator operator= bits_operator(a);
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (!mr_column_is_null(arguments[0], i))
            add_bits(MR_STATE(struct bits_state, states, offset, k),
                     mr_integer_at(arguments[0], i), operator);
    });
    return MR_OK;
}

MR_AGGREGATE_MERGE(bits_merge)
{
    (void)arena;
    (void)error;
    const struct bits_state *other = from;
    if (other->has)
        add_bits(into, other->value, bits_operator(a));
    return MR_OK;
}

MR_AGGREGATE_FINISH(bits_finish)
{
    (void)a;
    for (int64_t k = 0; k < count; k++) {
        const struct bits_state *state = MR_STATE(struct bits_state, records, offset, k);
        int64_t row = 0;
        MR_TRY(mr_aggregate_append(out, !state->has, &row, error));
        switch (mr_type_width(out->type)) {
        case 1:
            out->i8[row] = (int8_t)state->value;
            break;
        case 2:
            out->i16[row] = (int16_t)state->value;
            break;
        case 4:
            out->i32[row] = (int32_t)state->value;
            break;
        default:
            out->i64[row] = state->value;
            break;
        }
    }
    return MR_OK;
}

#define SUM(name)                                                                                            \
    {                                                                                                        \
        name, 1, 1, sum_resolve, zero_init, sum_update, sum_merge, sum_finish, NULL, NULL                    \
    }
#define AVG(name)                                                                                            \
    {                                                                                                        \
        name, 1, 1, avg_resolve, zero_init, sum_update, sum_merge, avg_finish, NULL, NULL                    \
    }
#define BOOL(name)                                                                                           \
    {                                                                                                        \
        name, 1, 1, bool_resolve, zero_init, bits_update, bits_merge, bits_finish, NULL, NULL                \
    }
#define BITS(name)                                                                                           \
    {                                                                                                        \
        name, 1, 1, bits_resolve, zero_init, bits_update, bits_merge, bits_finish, NULL, NULL                \
    }
const struct mr_aggregate_type mr_aggregates_basic[] = {
    {"count", 0, -1, count_resolve, zero_init, count_update, count_merge, count_finish, NULL, NULL},
    {"count_if", 1, 1, count_if_resolve, zero_init, count_if_update, count_merge, count_finish, NULL, NULL},
    SUM("sum"),
    SUM("try_sum"),
    AVG("avg"),
    AVG("mean"),
    AVG("try_avg"),
    BOOL("bool_and"),
    BOOL("bool_or"),
    BOOL("every"),
    BOOL("some"),
    BOOL("any"),
    BITS("bit_and"),
    BITS("bit_or"),
    BITS("bit_xor"),
    {0},
};
