/* expressions/aggregates_percentile.c: percentile_approx, by a Greenwald-Khanna summary with Spark's
 * parameters, so that answers are equal where the rows arrive in one order.
 *
 * The summary holds some of the values, sorted; g counts the rows from the value before up to this one, delta
 * how much more its rank may be. Values are buffered and merged in when the buffer is full; then neighbours
 * are joined as long as the error stays within 1 / accuracy. */
#include <math.h>
#include <stdlib.h>

#include "expressions/percentages.h"

#define HEAD_MAX 50000
#define COMPRESS_AT 10000

struct sample {
    double value;
    int64_t g, delta;
};
struct digest {
    double *head; /* not merged in yet */
    uint32_t head_count, head_capacity;
    struct sample *samples;
    uint32_t sample_count, sample_capacity;
    int64_t count; /* rows in samples */
};
struct state {
    struct digest *digest; /* NULL: empty */
};
struct plan {
    struct mr_percentages percentages;
    double error; /* relative: 1 / accuracy */
};

static int percentage_out_of_range(struct mr_expression_builder *b, const struct mr_aggregate *a,
                                   double value, struct mr_error *error)
{
    mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                 "The percentage of `%s` must be between 0.0 and 1.0.", a->type->name);
    mr_error_parameter(error, "exprName", "percentage");
    mr_error_parameter(error, "valueRange", "[0.0, 1.0]");
    mr_error_parameter(error, "currentValue", "%gD", value);
    return mr_builder_error_at(b, error);
}

int mr_percentages_constant(struct mr_expression_builder *b, struct mr_aggregate *a,
                            const struct mr_expression **arguments, struct mr_percentages *out,
                            struct mr_error *error)
{
    const struct mr_expression *folded = NULL;
    bool array = arguments[1]->type->id == MR_ARRAY;
    const struct mr_type *type = mr_type_of(MR_DOUBLE);
    if (array)
        type = mr_type_array(b->arena, type, true);
    MR_TRY(mr_cast_build(b, arguments[1], type, false, true, &arguments[1], error));
    MR_TRY(mr_expression_fold(b, arguments[1], &folded, error));
    if (folded->kind != MR_EXPR_LITERAL || mr_column_is_null(folded->literal, 0)) {
        mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                     "The percentage of `%s` must be a constant.", a->type->name);
        mr_error_parameter(error, "inputName", "`percentage`");
        return mr_builder_error_at(b, error);
    }
    arguments[1] = folded;
    const struct mr_column *values = array ? folded->literal->children[0] : folded->literal;
    out->array = array;
    out->count = (int)values->length;
    out->values = MR_ARENA_ARRAY(b->arena, double, out->count + 1);
    if (!out->values)
        return mr_error_memory(error, sizeof(double));
    for (int i = 0; i < out->count; i++) {
        out->values[i] = values->f64[i];
        if (!(out->values[i] >= 0 && out->values[i] <= 1))
            return percentage_out_of_range(b, a, out->values[i], error);
    }
    return MR_OK;
}

/* ---- the summary ---- */
static int compare_doubles(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    if (a != a || b != b)
        return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static int room_for_samples(struct digest *d, uint32_t count, struct sample **fresh, struct mr_error *error)
{
    (void)d;
    *fresh = mr_allocate(sizeof **fresh * (count + 1));
    return *fresh ? MR_OK : mr_error_memory(error, sizeof **fresh * count);
}

/* samples[0 .. count) become the digest's. */
static int take_samples(struct digest *d, const struct sample *samples, uint32_t count,
                        struct mr_arena *arena, struct mr_error *error)
{
    if (count > d->sample_capacity) {
        uint32_t capacity = count + count / 2;
        d->samples = mr_arena_allocate(arena, sizeof *samples * capacity);
        if (!d->samples)
            return mr_error_memory(error, sizeof *samples * capacity);
        d->sample_capacity = capacity;
    }
    if (count > 0)
        memcpy(d->samples, samples, sizeof *samples * count);
    d->sample_count = count;
    return MR_OK;
}

static int flush_head(struct digest *d, double relative_error, struct mr_arena *arena, struct mr_error *error)
{
    struct sample *merged = NULL;
    uint32_t count = 0, s = 0;
    if (d->head_count == 0)
        return MR_OK;
    MR_TRY(room_for_samples(d, d->sample_count + d->head_count, &merged, error));
    qsort(d->head, d->head_count, sizeof *d->head, compare_doubles);
    for (uint32_t h = 0; h < d->head_count; h++) {
        while (s < d->sample_count && d->samples[s].value <= d->head[h])
            merged[count++] = d->samples[s++];
        d->count++;
        bool edge = count == 0 || (s == d->sample_count && h + 1 == d->head_count);
        int64_t delta = edge ? 0 : (int64_t)floor(2 * relative_error * (double)d->count);
        merged[count++] = (struct sample){d->head[h], 1, delta};
    }
    while (s < d->sample_count)
        merged[count++] = d->samples[s++];
    d->head_count = 0;
    int status = take_samples(d, merged, count, arena, error);
    mr_free(merged);
    return status;
}

/* Joins neighbours from the end on, in place; the first and the last value stay. */
static void join_samples(struct digest *d, double threshold)
{
    struct sample *samples = d->samples;
    uint32_t count = d->sample_count;
    if (count < 2)
        return;
    struct sample first = samples[0], head = samples[count - 1];
    uint32_t write = count; /* kept samples are written from the end */
    for (uint32_t i = count - 1; i-- > 1;) {
        struct sample sample = samples[i];
        if ((double)(sample.g + head.g + head.delta) < threshold) {
            head.g += sample.g;
        } else {
            samples[--write] = head;
            head = sample;
        }
    }
    samples[--write] = head;
    if (first.value <= head.value)
        samples[--write] = first;
    memmove(samples, samples + write, sizeof *samples * (count - write));
    d->sample_count = count - write;
}

static int compress(struct digest *d, double relative_error, struct mr_arena *arena, struct mr_error *error)
{
    MR_TRY(flush_head(d, relative_error, arena, error));
    join_samples(d, 2 * relative_error * (double)d->count);
    return MR_OK;
}

static int insert(struct state *state, double value, double relative_error, struct mr_arena *arena,
                  struct mr_error *error)
{
    if (!state->digest)
        state->digest = MR_ARENA_NEW(arena, struct digest);
    struct digest *d = state->digest;
    if (!d)
        return mr_error_memory(error, sizeof *d);
    if (d->head_count == d->head_capacity) {
        uint32_t capacity = d->head_capacity ? d->head_capacity * 4 : 16;
        capacity = capacity > HEAD_MAX ? HEAD_MAX : capacity;
        double *head = mr_arena_allocate(arena, sizeof *head * capacity);
        if (!head)
            return mr_error_memory(error, sizeof *head * capacity);
        if (d->head_count > 0)
            memcpy(head, d->head, sizeof *head * d->head_count);
        d->head = head;
        d->head_capacity = capacity;
    }
    d->head[d->head_count++] = value;
    if (d->head_count < HEAD_MAX)
        return MR_OK;
    MR_TRY(flush_head(d, relative_error, arena, error));
    if (d->sample_count >= COMPRESS_AT)
        join_samples(d, 2 * relative_error * (double)d->count);
    return MR_OK;
}

static int merge_digests(struct digest *x, const struct digest *y, double relative_error,
                         struct mr_arena *arena, struct mr_error *error)
{
    struct sample *merged = NULL;
    uint32_t count = 0, i = 0, k = 0;
    int64_t x_delta = (int64_t)floor(2 * relative_error * (double)y->count);
    int64_t y_delta = (int64_t)floor(2 * relative_error * (double)x->count);
    MR_TRY(room_for_samples(x, x->sample_count + y->sample_count, &merged, error));
    while (i < x->sample_count && k < y->sample_count) {
        if (x->samples[i].value < y->samples[k].value) {
            merged[count] = x->samples[i++];
            merged[count++].delta += k > 0 ? x_delta : 0;
        } else {
            merged[count] = y->samples[k++];
            merged[count++].delta += i > 0 ? y_delta : 0;
        }
    }
    while (i < x->sample_count)
        merged[count++] = x->samples[i++];
    while (k < y->sample_count)
        merged[count++] = y->samples[k++];
    x->count += y->count;
    int status = take_samples(x, merged, count, arena, error);
    mr_free(merged);
    MR_TRY(status);
    join_samples(x, 2 * relative_error * (double)x->count);
    return MR_OK;
}

static double query(const struct digest *d, double percentage, double relative_error)
{
    const struct sample *samples = d->samples;
    uint32_t last = d->sample_count - 1;
    int64_t widest = INT64_MIN, min_rank = samples[0].g, rank = (int64_t)ceil(percentage * (double)d->count);
    if (percentage <= relative_error || last == 0)
        return samples[0].value;
    if (percentage >= 1 - relative_error)
        return samples[last].value;
    for (uint32_t i = 0; i <= last; i++)
        widest = samples[i].g + samples[i].delta > widest ? samples[i].g + samples[i].delta : widest;
    double target = (double)widest / 2;
    for (uint32_t i = 0; i < last; min_rank += samples[++i].g) {
        int64_t max_rank = min_rank + samples[i].delta;
        if ((double)max_rank - target <= (double)rank && (double)rank <= (double)min_rank + target)
            return samples[i].value;
    }
    return samples[last].value;
}

/* ---- the aggregate ---- */
static int constant_accuracy(struct mr_expression_builder *b, struct mr_aggregate *a,
                             const struct mr_expression **arguments, double *out, struct mr_error *error)
{
    const struct mr_expression *folded = NULL;
    if (a->argument_count < 3) {
        MR_TRY(mr_expression_i64(b, mr_type_of(MR_INT), 10000, &arguments[2], error));
        a->argument_count = 3; /* shown in names */
    }
    if (!mr_type_is_integral(arguments[2]->type))
        return mr_aggregate_unexpected(b, a, arguments, 2, "\"INTEGRAL\"", error);
    MR_TRY(mr_cast_build(b, arguments[2], mr_type_of(MR_BIGINT), false, true, &folded, error));
    MR_TRY(mr_expression_fold(b, folded, &folded, error));
    bool constant = folded->kind == MR_EXPR_LITERAL && !mr_column_is_null(folded->literal, 0);
    int64_t accuracy = constant ? folded->literal->i64[0] : 0;
    if (!constant || accuracy <= 0 || accuracy > INT32_MAX) {
        mr_error_set(error, MR_E_SQL,
                     constant ? "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"
                              : "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                     "The accuracy of `%s` must be a constant between 1 and 2147483647.", a->type->name);
        mr_error_parameter(error, "exprName", "accuracy");
        mr_error_parameter(error, "valueRange", "(0, 2147483647]");
        mr_error_parameter(error, "currentValue", "%lldL", (long long)accuracy);
        return mr_builder_error_at(b, error);
    }
    *out = 1.0 / (double)accuracy;
    return MR_OK;
}

MR_AGGREGATE_RESOLVE(approximate_resolve)
{
    struct plan *plan = MR_ARENA_NEW(b->arena, struct plan);
    const struct mr_type *type = arguments[0]->type;
    if (!plan)
        return mr_error_memory(error, sizeof *plan);
    if (type->id == MR_VOID || type->id == MR_STRING) {
        MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_DOUBLE), error));
        type = arguments[0]->type;
    }
    if (!mr_type_is_numeric(type) && !(type->id >= MR_DATE && type->id <= MR_INTERVAL_YEAR_MONTH))
        return mr_aggregate_unexpected(b, a, arguments, 0,
                                       "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or "
                                       "\"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
                                       error);
    MR_TRY(mr_percentages_constant(b, a, arguments, &plan->percentages, error));
    MR_TRY(constant_accuracy(b, a, arguments, &plan->error, error));
    const struct mr_type *result = plan->percentages.array ? mr_type_array(b->arena, type, false) : type;
    if (!result)
        return mr_error_memory(error, sizeof *result);
    a->bound = plan;
    mr_aggregate_shape(a, result, true, sizeof(struct state));
    a->flat = false;
    return MR_OK;
}

static void digest_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

static double number_at(const struct mr_column *c, int64_t row)
{
    switch (c->type->id) {
    case MR_FLOAT:
        return c->f32[row];
    case MR_DOUBLE:
        return c->f64[row];
    case MR_DECIMAL:
        return mr_decimal_to_double(mr_decimal_at(c, row), c->type->scale);
    default:
        break;
    }
    switch (mr_type_width(c->type)) {
    case 1:
        return c->i8[row];
    case 2:
        return c->i16[row];
    case 4:
        return c->i32[row];
    default:
        return (double)c->i64[row];
    }
}

static void put_number(struct mr_column *c, int64_t row, double value)
{
    mr_i128 unscaled = 0;
    switch (c->type->id) {
    case MR_FLOAT:
        c->f32[row] = (float)value;
        return;
    case MR_DOUBLE:
        c->f64[row] = value;
        return;
    case MR_DECIMAL:
        mr_decimal_from_double(value, c->type->precision, c->type->scale, &unscaled);
        mr_decimal_put(c, row, unscaled);
        return;
    default:
        break;
    }
    switch (mr_type_width(c->type)) {
    case 1:
        c->i8[row] = (int8_t)value;
        return;
    case 2:
        c->i16[row] = (int16_t)value;
        return;
    case 4:
        c->i32[row] = (int32_t)value;
        return;
    default:
        c->i64[row] = value >= 0x1p63 ? INT64_MAX : (int64_t)value;
        return;
    }
}

MR_AGGREGATE_UPDATE(digest_update)
{
    const struct plan *plan = a->bound;
    const struct mr_column *value = arguments[0];
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (!mr_column_is_null(value, i))
            MR_TRY(insert(MR_STATE(struct state, states, offset, k), number_at(value, i), plan->error, arena,
                          error));
    });
    return MR_OK;
}

/* A copy of a digest whose head is merged in; in the arena. */
static int settled(const struct digest *from, double relative_error, struct mr_arena *arena,
                   struct digest **out, struct mr_error *error)
{
    struct digest *d = MR_ARENA_NEW(arena, struct digest);
    if (!d)
        return mr_error_memory(error, sizeof *d);
    MR_TRY(take_samples(d, from->samples, from->sample_count, arena, error));
    d->count = from->count;
    d->head = mr_arena_allocate(arena, sizeof *d->head * (from->head_count + 1));
    if (!d->head)
        return mr_error_memory(error, sizeof *d->head * from->head_count);
    if (from->head_count > 0)
        memcpy(d->head, from->head, sizeof *d->head * from->head_count);
    d->head_count = from->head_count;
    d->head_capacity = 0; /* never grows */
    *out = d;
    return compress(d, relative_error, arena, error);
}

MR_AGGREGATE_MERGE(digest_merge)
{
    const struct plan *plan = a->bound;
    const struct digest *other = ((const struct state *)from)->digest;
    struct state *state = into;
    struct digest *mine = NULL, *theirs = NULL;
    if (!other)
        return MR_OK;
    MR_TRY(settled(other, plan->error, arena, &theirs, error));
    if (!state->digest) {
        state->digest = theirs;
        theirs->head_count = 0;
        return MR_OK;
    }
    mine = state->digest;
    MR_TRY(compress(mine, plan->error, arena, error));
    return merge_digests(mine, theirs, plan->error, arena, error);
}

static int finish_one(const struct mr_aggregate *a, const struct digest *digest, struct mr_column *out,
                      struct mr_error *error)
{
    const struct plan *plan = a->bound;
    struct mr_arena arena;
    struct digest *d = NULL;
    int64_t row = 0;
    int status = MR_OK;
    mr_arena_init(&arena);
    if (digest)
        MR_ERR(settled(digest, plan->error, &arena, &d, error));
    MR_ERR(mr_aggregate_append(out, !digest, &row, error));
    for (int i = 0; i < plan->percentages.count && digest; i++) {
        struct mr_column *to = plan->percentages.array ? out->children[0] : out;
        int64_t place = row;
        if (plan->percentages.array)
            MR_ERR(mr_aggregate_append(to, false, &place, error));
        put_number(to, place, query(d, plan->percentages.values[i], plan->error));
    }
    if (plan->percentages.array)
        out->offsets[row + 1] = (int32_t)out->children[0]->length;
err:
    mr_arena_release(&arena);
    return status;
}

MR_AGGREGATE_FINISH(digest_finish)
{
    for (int64_t k = 0; k < count; k++)
        MR_TRY(finish_one(a, MR_STATE(struct state, records, offset, k)->digest, out, error));
    return MR_OK;
}

static void digest_encode(const struct mr_aggregate *a, const void *state, struct mr_text *out)
{
    (void)a;
    const struct digest *d = ((const struct state *)state)->digest;
    static const struct digest empty;
    d = d ? d : &empty;
    mr_text_append(out, &d->head_count, sizeof d->head_count);
    mr_text_append(out, &d->sample_count, sizeof d->sample_count);
    mr_text_append(out, &d->count, sizeof d->count);
    mr_text_append(out, d->head, sizeof *d->head * d->head_count);
    mr_text_append(out, d->samples, sizeof *d->samples * d->sample_count);
}

static int read_bytes(const char **at, const char *end, void *out, size_t size, struct mr_error *error)
{
    if ((size_t)(end - *at) < size)
        return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR", "a stored percentile summary is damaged");
    if (size > 0)
        memcpy(out, *at, size);
    *at += size;
    return MR_OK;
}

static int digest_decode(const struct mr_aggregate *a, const char **at, const char *end, void *state,
                         struct mr_arena *arena, struct mr_error *error)
{
    (void)a;
    uint32_t head = 0, samples = 0;
    int64_t count = 0;
    memset(state, 0, sizeof(struct state));
    MR_TRY(read_bytes(at, end, &head, sizeof head, error));
    MR_TRY(read_bytes(at, end, &samples, sizeof samples, error));
    MR_TRY(read_bytes(at, end, &count, sizeof count, error));
    size_t left = (size_t)(end - *at);
    if (head > HEAD_MAX || head > left / sizeof(double) || samples > left / sizeof(struct sample))
        return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR", "a stored percentile summary is damaged");
    if (head + samples == 0)
        return MR_OK;
    struct digest *d = MR_ARENA_NEW(arena, struct digest);
    if (d) {
        d->head = mr_arena_allocate(arena, sizeof *d->head * (head + 1));
        d->samples = mr_arena_allocate(arena, sizeof *d->samples * (samples + 1));
    }
    if (!d || !d->head || !d->samples)
        return mr_error_memory(error, sizeof *d->samples * samples);
    d->head_count = d->head_capacity = head;
    d->sample_count = d->sample_capacity = samples;
    d->count = count;
    ((struct state *)state)->digest = d;
    MR_TRY(read_bytes(at, end, d->head, sizeof *d->head * head, error));
    return read_bytes(at, end, d->samples, sizeof *d->samples * samples, error);
}

#define APPROXIMATE(name)                                                                                    \
    {                                                                                                        \
        name, 2, 3, approximate_resolve, digest_init, digest_update, digest_merge, digest_finish,            \
            digest_encode, digest_decode                                                                     \
    }
const struct mr_aggregate_type mr_aggregates_percentile[] = {
    APPROXIMATE("percentile_approx"),
    APPROXIMATE("approx_percentile"),
    {0},
};
