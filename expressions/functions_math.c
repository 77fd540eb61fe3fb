/* expressions/functions_math.c: elementary functions, extremes, random numbers. Rounding is in rounding.c. */
#include <math.h>

#include "expressions/coercion.h"
#include "expressions/evaluator.h"
#include "expressions/random.h"
#include "expressions/registry.h"
#include "expressions/rounding.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

/* ---- functions of one and two doubles ---- */
#define UNARY(name, expression)                                                                              \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        const double *value = arguments[0]->f64;                                                             \
        MR_ROWS(i, rows, out->length, {                                                                      \
            const double x = value[i];                                                                       \
            out->f64[i] = (expression);                                                                      \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
#define BINARY(name, expression)                                                                             \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        const double *first = arguments[0]->f64, *second = arguments[1]->f64;                                \
        MR_ROWS(i, rows, out->length, {                                                                      \
            const double x = first[i], y = second[i];                                                        \
            out->f64[i] = (expression);                                                                      \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
/* NULL where the argument is not above the asymptote: logarithms. */
#define LOGARITHM(name, asymptote, expression)                                                               \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        const double *value = arguments[0]->f64;                                                             \
        MR_ROWS(i, rows, out->length, {                                                                      \
            const double x = value[i];                                                                       \
            if (x <= (asymptote))                                                                            \
                MR_TRY(mr_column_set_null(out, i, error));                                                   \
            else                                                                                             \
                out->f64[i] = (expression);                                                                  \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }

/* Java's Math.pow: a base of ±1 and an infinite exponent give NaN. */
static double java_pow(double x, double y)
{
    if (isinf(y) && fabs(x) == 1)
        return NAN;
    if (isnan(y))
        return NAN;
    return pow(x, y);
}
/* A sign that keeps zeros and NaN as they are. */
static double sign_of(double x)
{
    return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
}
static double inverse_hyperbolic_sine(double x)
{
    if (x == -INFINITY)
        return x;
    return copysign(log(fabs(x) + sqrt(x * x + 1)), x);
}

UNARY(math_sqrt, sqrt(x))
UNARY(math_cbrt, (double)cbrtl(x)) /* cbrt(27) must be 3 */
UNARY(math_exp, exp(x))
UNARY(math_expm1, expm1(x))
UNARY(math_sin, sin(x))
UNARY(math_cos, cos(x))
UNARY(math_tan, tan(x))
UNARY(math_cot, 1 / tan(x))
UNARY(math_sec, 1 / cos(x))
UNARY(math_csc, 1 / sin(x))
UNARY(math_asin, asin(x))
UNARY(math_acos, acos(x))
UNARY(math_atan, atan(x))
UNARY(math_sinh, sinh(x))
UNARY(math_cosh, cosh(x))
UNARY(math_tanh, tanh(x))
UNARY(math_asinh, inverse_hyperbolic_sine(x))
UNARY(math_acosh, log(x + sqrt(x * x - 1)))
UNARY(math_atanh, 0.5 * (log1p(x) - log1p(-x)))
UNARY(math_degrees, x *(180 / M_PI))
UNARY(math_radians, x *(M_PI / 180))
UNARY(math_rint, rint(x))
UNARY(math_sign, sign_of(x))
BINARY(math_pow, java_pow(x, y))
BINARY(math_atan2, atan2(x + 0.0, y + 0.0))
BINARY(math_hypot, hypot(x, y))
LOGARITHM(math_ln, 0, log(x))
LOGARITHM(math_log10, 0, log10(x))
LOGARITHM(math_log2, 0, log(x) / log(2))
LOGARITHM(math_log1p, -1, log1p(x))

KERNEL(math_log_base)
{
    (void)call;
    const double *base = arguments[0]->f64, *value = arguments[1]->f64;
    MR_ROWS(i, rows, out->length, {
        if (base[i] <= 0 || value[i] <= 0)
            MR_TRY(mr_column_set_null(out, i, error));
        else
            out->f64[i] = log(value[i]) / log(base[i]);
    });
    return MR_OK;
}

/* log(x) is log(e(), x). */
static int resolve_log(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1) {
        const struct mr_expression **arguments =
            MR_ARENA_ARRAY(r->builder->arena, const struct mr_expression *, 2);
        if (!arguments)
            return mr_error_memory(error, sizeof *arguments);
        MR_TRY(mr_expression_call(r->builder, MR_STR("e"), NULL, 0, &arguments[0], error));
        arguments[1] = r->arguments[0];
        r->arguments = arguments;
        r->count = 2;
    }
    return mr_resolve_signature(r, "dd>d", error);
}

KERNEL(constant)
{
    (void)arguments;
    (void)error;
    double value = *(const double *)call->expression->function->data;
    MR_ROWS(i, rows, out->length, { out->f64[i] = value; });
    return MR_OK;
}

/* sign of an interval, too */
static int resolve_sign(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    if (type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH) {
        const struct mr_type *number = mr_type_of(type->id == MR_INTERVAL_DAY_TIME ? MR_BIGINT : MR_INT);
        MR_TRY(mr_resolve_force(r, 0, number, error));
    }
    return mr_resolve_signature(r, "d>d", error);
}

/* ---- whole numbers ---- */
KERNEL(factorial)
{
    (void)call;
    MR_ROWS(i, rows, out->length, {
        int32_t n = arguments[0]->i32[i];
        int64_t product = 1;
        for (int32_t k = 2; k <= n && n <= 20; k++)
            product *= k;
        if (n < 0 || n > 20)
            MR_TRY(mr_column_set_null(out, i, error));
        out->i64[i] = product;
    });
    return MR_OK;
}

KERNEL(width_bucket)
{
    (void)call;
    MR_ROWS(i, rows, out->length, {
        double value = arguments[0]->f64[i];
        double low = arguments[1]->f64[i];
        double high = arguments[2]->f64[i];
        int64_t buckets = arguments[3]->i64[i];
        bool wrong = buckets <= 0 || buckets == INT64_MAX || isnan(value) || low == high || !isfinite(low) ||
                     !isfinite(high);
        if (wrong) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        double lower = low < high ? low : high;
        double upper = low < high ? high : low;
        int64_t bucket = 0;
        if (low < high ? value < lower : value > upper)
            bucket = 0;
        else if (low < high ? value >= upper : value <= lower)
            bucket = buckets + 1;
        else if (low < high)
            bucket = (int64_t)((double)buckets * (value - lower) / (upper - lower)) + 1;
        else
            bucket = (int64_t)((double)buckets * (upper - value) / (upper - lower)) + 1;
        out->i64[i] = bucket;
    });
    return MR_OK;
}

/* Intervals of one family are compared as numbers. */
static int resolve_width_bucket(struct mr_resolve *r, struct mr_error *error)
{
    enum mr_type_id id = r->arguments[0]->type->id;
    for (int i = 0; i < 3 && (id == MR_INTERVAL_DAY_TIME || id == MR_INTERVAL_YEAR_MONTH); i++) {
        if (r->arguments[i]->type->id != id)
            return mr_resolve_data_diff_types(r, 0, 2, error);
        MR_TRY(mr_resolve_force(r, i,
                                mr_type_interval(id == MR_INTERVAL_YEAR_MONTH,
                                                 id == MR_INTERVAL_YEAR_MONTH ? 1 : 3,
                                                 id == MR_INTERVAL_YEAR_MONTH ? 1 : 3),
                                error));
        MR_TRY(mr_resolve_force(r, i, mr_type_decimal(r->builder->arena, 38, 6), error));
        MR_TRY(mr_resolve_force(r, i, mr_type_of(MR_DOUBLE), error));
    }
    return mr_resolve_signature(r, "dddl>l", error);
}

/* ---- greatest, least: NULLs do not count ---- */
static int resolve_extreme(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *common = NULL;
    bool all_nullable = true;
    for (int i = 1; i < r->count; i++) { /* text is not brought together with numbers here */
        const struct mr_type *a = r->arguments[0]->type, *b = r->arguments[i]->type;
        bool mixed = (a->id == MR_STRING) != (b->id == MR_STRING) && a->id != MR_VOID && b->id != MR_VOID;
        if (mixed)
            return mr_resolve_data_diff_types(r, 0, -1, error);
    }
    MR_TRY(mr_resolve_common(r, 0, -1, &common, error));
    if (!mr_type_is_orderable(common)) {
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
                         "`%s` compares values; maps have no order.", r->name);
        mr_error_parameter(error, "functionName", "`%s`", r->name);
        return error->code;
    }
    for (int i = 0; i < r->count; i++)
        all_nullable = all_nullable && r->arguments[i]->nullable;
    r->nullable = all_nullable;
    return mr_resolve_fixed(r, common);
}

KERNEL(extreme)
{
    int count = call->expression->argument_count;
    bool greatest = call->expression->function->name[0] == 'g';
    int32_t *best = mr_call_scratch(call, sizeof(int32_t) * (size_t)(out->length + 1));
    struct mr_merge merge;
    int32_t *list = mr_call_scratch(call, sizeof(int32_t) * (size_t)(out->length + 1));
    if (!best || !list)
        return mr_row_memory(error);
    MR_FOR_ROWS (i, rows, out->length) {
        best[i] = -1;
        for (int k = 0; k < count; k++) {
            if (arguments[k]->type->id == MR_VOID || mr_column_is_null(arguments[k], i))
                continue;
            int order = best[i] < 0 ? 0 : mr_column_compare(arguments[k], i, arguments[best[i]], i);
            if (best[i] < 0 || (greatest ? order > 0 : order < 0))
                best[i] = k;
        }
    }
    MR_TRY(mr_merge_begin(&merge, call, out, error));
    for (int k = -1; k < count; k++) {
        struct mr_selection chosen = {list, 0};
        MR_FOR_ROWS (i, rows, out->length)
            if (best[i] == k)
                list[chosen.count++] = (int32_t)i;
        MR_TRY(mr_merge_rows(&merge, k < 0 ? NULL : arguments[k], &chosen, error));
    }
    return mr_merge_finish(&merge, rows ? rows->count : out->length, error);
}

/* ---- random numbers: the sequence of a seed goes on over the batches of an evaluator ---- */
/* Without a seed every call in every task has a sequence of its own. */
static int64_t unseeded(const struct mr_call *call)
{
    uint64_t task = mr_hash_u64((uint64_t)(uintptr_t)call->evaluator);
    return (int64_t)mr_hash_u64(call->session->batch_seed + task + (uint64_t)call->node);
}

static int random_open(struct mr_call *call, struct mr_error *error)
{
    struct mr_random *random = mr_allocate_zeroed(sizeof *random);
    int64_t seed = 0;
    if (!random)
        return mr_error_memory(error, sizeof *random);
    if (call->expression->argument_count > 0) {
        const struct mr_column *value = mr_call_constant(call, 0);
        if (value && !mr_column_is_null(value, 0))
            seed = value->type->id == MR_INT ? value->i32[0] : value->i64[0];
    } else {
        seed = unseeded(call);
    }
    mr_random_init(random, seed);
    call->state = random;
    return MR_OK;
}

static void random_close(struct mr_call *call)
{
    mr_free(call->state);
}

static int resolve_random(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1) {
        const struct mr_column *value = NULL;
        const struct mr_type *type = r->arguments[0]->type;
        MR_TRY(mr_resolve_constant(r, 0, &value, error));
        if (!value)
            return mr_resolve_non_foldable(r, 0, "seed", error);
        if (type->id != MR_INT && type->id != MR_BIGINT)
            MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_BIGINT), error));
    }
    r->nullable = false;
    return mr_resolve_fixed(r, mr_type_of(MR_DOUBLE));
}

KERNEL(rand_uniform)
{
    struct mr_random *random = call->state;
    (void)arguments;
    (void)error;
    MR_FOR_ROWS (i, rows, out->length)
        out->f64[i] = mr_random_double(random);
    return MR_OK;
}

/* Normally distributed, by the polar method; the second number of each pair is kept for the next row. */
struct gaussian {
    struct mr_random random;
    double next;
    bool has_next;
};

static int gaussian_open(struct mr_call *call, struct mr_error *error)
{
    MR_TRY(random_open(call, error));
    struct gaussian *gaussian = mr_allocate_zeroed(sizeof *gaussian);
    struct mr_random *random = call->state;
    if (gaussian)
        gaussian->random = *random;
    mr_free(random);
    call->state = gaussian;
    return gaussian ? MR_OK : mr_error_memory(error, sizeof *gaussian);
}

static double next_gaussian(struct gaussian *gaussian)
{
    double x = 0, y = 0, square = 0;
    if (gaussian->has_next) {
        gaussian->has_next = false;
        return gaussian->next;
    }
    while (square >= 1 || square == 0) {
        x = 2 * mr_random_double(&gaussian->random) - 1;
        y = 2 * mr_random_double(&gaussian->random) - 1;
        square = x * x + y * y;
    }
    double factor = sqrt(-2 * log(square) / square);
    gaussian->next = y * factor;
    gaussian->has_next = true;
    return x * factor;
}

KERNEL(rand_normal)
{
    (void)arguments;
    (void)error;
    MR_FOR_ROWS (i, rows, out->length)
        out->f64[i] = next_gaussian(call->state);
    return MR_OK;
}

/* ---- uniform(min, max[, seed]) ---- */
static int resolve_uniform(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *common = NULL;
    for (int i = 0; i < r->count; i++) {
        const struct mr_column *value = NULL;
        MR_TRY(mr_resolve_constant(r, i, &value, error));
        if (!value)
            return mr_resolve_non_foldable(r, i, i == 0 ? "min" : i == 1 ? "max" : "seed", error);
        if (!mr_type_is_numeric(r->arguments[i]->type) && r->arguments[i]->type->id != MR_VOID)
            return mr_resolve_unexpected_type(r, i, i < 2 ? "integer or floating-point" : "integer", error);
    }
    MR_TRY(mr_resolve_common(r, 0, 1, &common, error));
    if (common->id == MR_DECIMAL)
        common = mr_type_of(MR_DOUBLE);
    MR_TRY(mr_resolve_force(r, 0, mr_type_of(MR_DOUBLE), error));
    MR_TRY(mr_resolve_force(r, 1, mr_type_of(MR_DOUBLE), error));
    if (r->count == 3)
        MR_TRY(mr_resolve_force(r, 2, mr_type_of(MR_BIGINT), error));
    return mr_resolve_fixed(r, common->id == MR_VOID ? mr_type_of(MR_INT) : common);
}

static int uniform_open(struct mr_call *call, struct mr_error *error)
{
    struct mr_random *random = mr_allocate_zeroed(sizeof *random);
    int64_t seed = unseeded(call);
    if (!random)
        return mr_error_memory(error, sizeof *random);
    if (call->expression->argument_count == 3) {
        const struct mr_column *value = mr_call_constant(call, 2);
        seed = value && !mr_column_is_null(value, 0) ? value->i64[0] : 0;
    }
    mr_random_init(random, seed);
    call->state = random;
    return MR_OK;
}

KERNEL(uniform)
{
    MR_FOR_ROWS (i, rows, out->length) {
        double low = arguments[0]->f64[i], high = arguments[1]->f64[i];
        if (mr_column_is_null(arguments[0], i) || mr_column_is_null(arguments[1], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        double value = low + (high - low) * mr_random_double(call->state);
        switch (out->type->id) {
        case MR_TINYINT:
            out->i8[i] = (int8_t)value;
            break;
        case MR_SMALLINT:
            out->i16[i] = (int16_t)value;
            break;
        case MR_INT:
            out->i32[i] = (int32_t)value;
            break;
        case MR_BIGINT:
            out->i64[i] = (int64_t)value;
            break;
        case MR_FLOAT:
            out->f32[i] = (float)value;
            break;
        default:
            out->f64[i] = value;
            break;
        }
    }
    return MR_OK;
}

#define PURE (MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE)
#define ONE(name, kernel_, shown_)                                                                           \
    {                                                                                                        \
        name, 1, 1, PURE, .kernel = kernel_, .signature = "d>d", .shown = shown_                             \
    }
#define LOG(name, kernel_, shown_)                                                                           \
    {                                                                                                        \
        name, 1, 1, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, .kernel = kernel_, .signature = "d>d",            \
                                                           .shown = shown_                                   \
    }
#define RANDOM(name, kernel_)                                                                                \
    {                                                                                                        \
        name, 0, 1, MR_FN_NONDETERMINISTIC, .resolve = resolve_random, .kernel = kernel_,                    \
                                            .open = random_open, .close = random_close                       \
    }
const struct mr_function mr_functions_math[] = {
    ONE("sqrt", math_sqrt, "SQRT"),
    ONE("cbrt", math_cbrt, "CBRT"),
    ONE("exp", math_exp, "EXP"),
    ONE("expm1", math_expm1, "EXPM1"),
    ONE("sin", math_sin, "SIN"),
    ONE("cos", math_cos, "COS"),
    ONE("tan", math_tan, "TAN"),
    ONE("cot", math_cot, "COT"),
    ONE("sec", math_sec, "SEC"),
    ONE("csc", math_csc, "CSC"),
    ONE("asin", math_asin, "ASIN"),
    ONE("acos", math_acos, "ACOS"),
    ONE("atan", math_atan, "ATAN"),
    ONE("sinh", math_sinh, "SINH"),
    ONE("cosh", math_cosh, "COSH"),
    ONE("tanh", math_tanh, "TANH"),
    ONE("asinh", math_asinh, "ASINH"),
    ONE("acosh", math_acosh, "ACOSH"),
    ONE("atanh", math_atanh, "ATANH"),
    ONE("degrees", math_degrees, "DEGREES"),
    ONE("radians", math_radians, "RADIANS"),
    ONE("rint", math_rint, NULL),
    LOG("ln", math_ln, NULL),
    LOG("log10", math_log10, "LOG10"),
    LOG("log2", math_log2, "LOG2"),
    LOG("log1p", math_log1p, "LOG1P"),
    {"log", 1, 2, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, .resolve = resolve_log, .kernel = math_log_base,
     .shown = "LOG"},
    {"sign", 1, 1, PURE, .resolve = resolve_sign, .kernel = math_sign},
    {"signum", 1, 1, PURE, .resolve = resolve_sign, .kernel = math_sign, .shown = "SIGNUM"},
    {"pow", 2, 2, PURE, .kernel = math_pow, .signature = "dd>d"},
    {"power", 2, 2, PURE, .kernel = math_pow, .signature = "dd>d", .shown = "POWER"},
    {"atan2", 2, 2, PURE, .kernel = math_atan2, .signature = "dd>d", .shown = "ATAN2"},
    {"hypot", 2, 2, PURE, .kernel = math_hypot, .signature = "dd>d", .shown = "HYPOT"},
    {"pi", 0, 0, 0, .kernel = constant, .signature = ">d", .data = &(const double){M_PI}, .shown = "PI"},
    {"e", 0, 0, 0, .kernel = constant, .signature = ">d", .data = &(const double){M_E}, .shown = "E"},
    {"factorial", 1, 1, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, .kernel = factorial, .signature = "i>l"},
    {"width_bucket", 4, 4, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, .resolve = resolve_width_bucket,
     .kernel = width_bucket},
    {"greatest", 2, -1, 0, .resolve = resolve_extreme, .kernel = extreme},
    {"least", 2, -1, 0, .resolve = resolve_extreme, .kernel = extreme},
    {"ceil", 1, 2, 0, .resolve = mr_resolve_ceil},
    {"ceiling", 1, 2, 0, .resolve = mr_resolve_ceil},
    {"floor", 1, 2, 0, .resolve = mr_resolve_floor},
    {"round", 1, 2, 0, .resolve = mr_resolve_round},
    {"bround", 1, 2, 0, .resolve = mr_resolve_bround},
    RANDOM("rand", rand_uniform),
    {"random", 0, 1, MR_FN_NONDETERMINISTIC, .resolve = resolve_random, .kernel = rand_uniform,
     .open = random_open, .close = random_close, .shown = "rand"},
    {"randn", 0, 1, MR_FN_NONDETERMINISTIC, .resolve = resolve_random, .kernel = rand_normal,
     .open = gaussian_open, .close = random_close},
    {"uniform", 2, 3, MR_FN_NONDETERMINISTIC, .resolve = resolve_uniform, .kernel = uniform,
     .open = uniform_open, .close = random_close},
    {0},
};
