/* expressions/aggregates_sketch.c: approx_count_distinct by HyperLogLog++: registers of the 64-bit hash
 * (xxhash64, seed 42) of every value, as Spark keeps them, so that estimates are equal. */
#include <math.h>

#include "expressions/aggregates.h"
#include "expressions/hyperloglog_data.h"

struct sketch {
    int precision; /* 2^precision registers of a byte */
};

static int relative_error(struct mr_expression_builder *b, struct mr_aggregate *a,
                          const struct mr_expression **arguments, double *out, struct mr_error *error)
{
    const struct mr_expression *value = NULL;
    *out = 0.05;
    if (a->argument_count == 1)
        return MR_OK;
    MR_TRY(mr_aggregate_cast(b, a, arguments, 1, mr_type_of(MR_DOUBLE), error));
    MR_TRY(mr_expression_fold(b, arguments[1], &value, error));
    if (value->kind != MR_EXPR_LITERAL || mr_column_is_null(value->literal, 0)) {
        mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                     "The relative standard deviation of `%s` must be a constant.", a->type->name);
        mr_error_parameter(error, "inputName", "`relativeSD`");
        return mr_builder_error_at(b, error);
    }
    *out = value->literal->f64[0];
    arguments[1] = value;
    return MR_OK;
}

/* The argument becomes its hash, NULL where it is NULL; names go on showing the argument. */
static int hash_argument(struct mr_expression_builder *b, const struct mr_expression **argument,
                         struct mr_error *error)
{
    const struct mr_expression *value = *argument, *hash = NULL, *test = NULL;
    MR_TRY(mr_expression_call(b, MR_STR("xxhash64"), &value, 1, &hash, error));
    if (value->nullable || value->type->id == MR_VOID) {
        MR_TRY(mr_expression_call(b, MR_STR("isnotnull"), &value, 1, &test, error));
        const struct mr_expression *branch[] = {test, hash};
        MR_TRY(mr_expression_call(b, MR_STR("case"), branch, 2, &hash, error));
    }
    struct mr_expression *shown = MR_ARENA_NEW(b->arena, struct mr_expression);
    if (!shown)
        return mr_error_memory(error, sizeof *shown);
    *shown = *hash;
    shown->shown = value->shown ? value->shown : value;
    *argument = shown;
    return MR_OK;
}

MR_AGGREGATE_RESOLVE(sketch_resolve)
{
    double error_rate = 0;
    struct sketch *sketch = MR_ARENA_NEW(b->arena, struct sketch);
    if (!sketch)
        return mr_error_memory(error, sizeof *sketch);
    MR_TRY(relative_error(b, a, arguments, &error_rate, error));
    sketch->precision = error_rate > 0 ? (int)ceil(2.0 * log(1.106 / error_rate) / log(2.0)) : 0;
    if (sketch->precision < MR_HLL_MIN_PRECISION || sketch->precision > 24) {
        mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                     "The relative standard deviation of `%s` must be between 0.0003 and 0.39.",
                     a->type->name);
        mr_error_parameter(error, "exprName", "`relativeSD`");
        return mr_builder_error_at(b, error);
    }
    MR_TRY(hash_argument(b, &arguments[0], error));
    a->bound = sketch;
    mr_aggregate_shape(a, mr_type_of(MR_BIGINT), false, (size_t)1 << sketch->precision);
    return MR_OK;
}

static void zero_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

MR_AGGREGATE_UPDATE(sketch_update)
{
    (void)arena;
    (void)error;
    const int precision = ((const struct sketch *)a->bound)->precision;
    const struct mr_column *hash = arguments[0];
    if (hash->type->id == MR_VOID)
        return MR_OK;
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (mr_column_is_null(hash, i))
            continue;
        uint64_t x = (uint64_t)hash->i64[i];
        uint8_t *reg = MR_STATE(uint8_t, states, offset, k) + (x >> (64 - precision));
        /* The mark bounds the run of zeros to the bits there are. */
        uint8_t run = (uint8_t)(__builtin_clzll(x << precision | 1ULL << (precision - 1)) + 1);
        if (run > *reg)
            *reg = run;
    });
    return MR_OK;
}

MR_AGGREGATE_MERGE(sketch_merge)
{
    (void)arena;
    (void)error;
    uint8_t *x = into;
    const uint8_t *y = from;
    for (size_t i = 0; i < a->state_bytes; i++)
        x[i] = x[i] > y[i] ? x[i] : y[i];
    return MR_OK;
}

/* Mean bias of the 6 table entries nearest to the raw estimate. */
static double bias_of(double estimate, int precision)
{
    int table = precision - MR_HLL_MIN_PRECISION, start = 0;
    for (int i = 0; i < table; i++)
        start += hll_counts[i];
    const double *estimates = hll_estimates + start, *biases = hll_biases + start;
    int count = hll_counts[table], nearest = 0;
    while (nearest < count && estimates[nearest] < estimate)
        nearest++;
    int low = nearest - 6 + 1 > 0 ? nearest - 6 + 1 : 0;
    int high = low + 6 < count ? low + 6 : count;
    while (high < count && fabs(estimates[high] - estimate) < fabs(estimates[low] - estimate)) {
        low++;
        high++;
    }
    double sum = 0;
    for (int i = low; i < high; i++)
        sum += biases[i];
    return sum / (high - low);
}

static int64_t estimate_of(const uint8_t *registers, int precision)
{
    double m = (double)(1 << precision), inverse = 0, zeros = 0;
    for (int i = 0; i < 1 << precision; i++) {
        inverse += 1.0 / (double)(1ULL << registers[i]);
        zeros += registers[i] == 0;
    }
    double alpha = precision == 4   ? 0.673
                   : precision == 5 ? 0.697
                   : precision == 6 ? 0.709
                                    : 0.7213 / (1.0 + 1.079 / m);
    double raw = alpha * m * m / inverse, estimate = raw;
    bool tables = precision <= MR_HLL_MAX_PRECISION;
    if (tables && raw < 5.0 * m)
        estimate = raw - bias_of(raw, precision);
    if (zeros > 0) {
        double linear = m * log(m / zeros);
        double limit = tables ? hll_thresholds[precision - MR_HLL_MIN_PRECISION] : 0;
        if ((tables && linear <= limit) || raw <= 2.5 * m)
            estimate = linear;
    }
    return (int64_t)floor(estimate + 0.5);
}

MR_AGGREGATE_FINISH(sketch_finish)
{
    const int precision = ((const struct sketch *)a->bound)->precision;
    for (int64_t k = 0; k < count; k++) {
        int64_t row = 0;
        MR_TRY(mr_aggregate_append(out, false, &row, error));
        out->i64[row] = estimate_of(MR_STATE(uint8_t, records, offset, k), precision);
    }
    return MR_OK;
}

const struct mr_aggregate_type mr_aggregates_sketch[] = {
    {"approx_count_distinct", 1, 2, sketch_resolve, zero_init, sketch_update, sketch_merge, sketch_finish,
     NULL, NULL},
    {0},
};
