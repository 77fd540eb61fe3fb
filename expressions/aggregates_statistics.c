/* expressions/aggregates_statistics.c: stddev, variance, skewness, kurtosis, covariance, correlation,
 * regression.
 *
 * One pass over running central moments; two partial states are merged by the formulas for the moments of a
 * union, in the order Spark applies them, so that results agree to the last digit where the order of rows
 * does. */
#include <math.h>

#include "expressions/aggregates.h"

/* ---- one variable ---- */
struct moments {
    double n, mean, m2, m3, m4;
};

enum statistic { STDDEV_POP, STDDEV_SAMP, VAR_POP, VAR_SAMP, SKEWNESS, KURTOSIS };
static const struct {
    const char *name;
    enum statistic which;
} statistics[] = {
    {"stddev", STDDEV_SAMP},    {"std", STDDEV_SAMP},   {"stddev_samp", STDDEV_SAMP},
    {"stddev_pop", STDDEV_POP}, {"variance", VAR_SAMP}, {"var_samp", VAR_SAMP},
    {"var_pop", VAR_POP},       {"skewness", SKEWNESS}, {"kurtosis", KURTOSIS},
};

static void zero_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

MR_AGGREGATE_RESOLVE(moments_resolve)
{
    enum statistic *which = MR_ARENA_NEW(b->arena, enum statistic);
    if (!which)
        return mr_error_memory(error, sizeof *which);
    for (size_t i = 0; i < sizeof statistics / sizeof statistics[0]; i++)
        if (strcmp(statistics[i].name, a->type->name) == 0)
            *which = statistics[i].which;
    MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_DOUBLE), error));
    a->bound = which;
    mr_aggregate_shape(a, mr_type_of(MR_DOUBLE), true, sizeof(struct moments));
    return MR_OK;
}

static void add_moment(struct moments *m, double x)
{
    double n = m->n + 1, delta = x - m->mean, delta_n = delta / n;
    double m2 = m->m2 + delta * (delta - delta_n);
    double delta2 = delta * delta, delta_n2 = delta_n * delta_n;
    double m3 = m->m3 - 3 * delta_n * m2 + delta * (delta2 - delta_n2);
    double m4 = m->m4 - 4 * delta_n * m3 - 6 * delta_n2 * m2 + delta * (delta * delta2 - delta_n * delta_n2);
    *m = (struct moments){n, m->mean + delta_n, m2, m3, m4};
}

MR_AGGREGATE_UPDATE(moments_update)
{
    (void)a;
    (void)arena;
    (void)error;
    const struct mr_column *value = arguments[0];
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (!mr_column_is_null(value, i))
            add_moment(MR_STATE(struct moments, states, offset, k), value->f64[i]);
    });
    return MR_OK;
}

MR_AGGREGATE_MERGE(moments_merge)
{
    (void)a;
    (void)arena;
    (void)error;
    struct moments *x = into;
    const struct moments *y = from;
    double n1 = x->n, n2 = y->n, n = n1 + n2;
    if (n2 == 0)
        return MR_OK;
    double delta = y->mean - x->mean, delta_n = n == 0 ? 0 : delta / n;
    double m2 = x->m2 + y->m2 + delta * delta_n * n1 * n2;
    double m3 = x->m3 + y->m3 + delta_n * delta_n * delta * n1 * n2 * (n1 - n2) +
                3 * delta_n * (n1 * y->m2 - n2 * x->m2);
    double m4 =
        x->m4 + y->m4 + delta_n * delta_n * delta_n * delta * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2) +
        6 * delta_n * delta_n * (n1 * n1 * y->m2 + n2 * n2 * x->m2) + 4 * delta_n * (n1 * y->m3 - n2 * x->m3);
    *x = (struct moments){n, x->mean + delta_n * n2, m2, m3, m4};
    return MR_OK;
}

/* false: NULL */
static bool statistic_of(const struct moments *m, enum statistic which, double *out)
{
    bool sample = which == STDDEV_SAMP || which == VAR_SAMP;
    if (m->n == 0 || (sample && m->n == 1))
        return false;
    double variance = m->m2 / (sample ? m->n - 1 : m->n);
    switch (which) {
    case STDDEV_POP:
    case STDDEV_SAMP:
        *out = sqrt(variance);
        return true;
    case VAR_POP:
    case VAR_SAMP:
        *out = variance;
        return true;
    case SKEWNESS:
        *out = sqrt(m->n) * m->m3 / sqrt(m->m2 * m->m2 * m->m2);
        return m->m2 != 0;
    default:
        *out = m->n * m->m4 / (m->m2 * m->m2) - 3.0;
        return m->m2 != 0;
    }
}

MR_AGGREGATE_FINISH(moments_finish)
{
    enum statistic which = *(const enum statistic *)a->bound;
    for (int64_t k = 0; k < count; k++) {
        int64_t row = 0;
        double value = 0;
        bool some = statistic_of(MR_STATE(struct moments, records, offset, k), which, &value);
        MR_TRY(mr_aggregate_append(out, !some, &row, error));
        out->f64[row] = value;
    }
    return MR_OK;
}

/* ---- two variables ---- */
struct comoments { /* of the pairs in which neither is NULL: x the first argument, y the second */
    double n, x_mean, y_mean, c, x_m2, y_m2;
};

MR_AGGREGATE_RESOLVE(pair_resolve)
{
    MR_TRY(mr_aggregate_cast(b, a, arguments, 0, mr_type_of(MR_DOUBLE), error));
    MR_TRY(mr_aggregate_cast(b, a, arguments, 1, mr_type_of(MR_DOUBLE), error));
    bool counts = strcmp(a->type->name, "regr_count") == 0;
    mr_aggregate_shape(a, mr_type_of(counts ? MR_BIGINT : MR_DOUBLE), !counts, sizeof(struct comoments));
    return MR_OK;
}

MR_AGGREGATE_UPDATE(pair_update)
{
    (void)a;
    (void)arena;
    (void)error;
    const struct mr_column *first = arguments[0], *second = arguments[1];
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        if (mr_column_is_null(first, i) || mr_column_is_null(second, i))
            continue;
        struct comoments *m = MR_STATE(struct comoments, states, offset, k);
        double n = m->n + 1;
        double dx = first->f64[i] - m->x_mean;
        double dy = second->f64[i] - m->y_mean;
        double dx_n = dx / n;
        double dy_n = dy / n;
        double x_mean = m->x_mean + dx_n;
        double y_mean = m->y_mean + dy_n;
        m->c += dx * (second->f64[i] - y_mean);
        m->x_m2 += dx * (first->f64[i] - x_mean);
        m->y_m2 += dy * (second->f64[i] - y_mean);
        m->n = n;
        m->x_mean = x_mean;
        m->y_mean = y_mean;
    });
    return MR_OK;
}

MR_AGGREGATE_MERGE(pair_merge)
{
    (void)a;
    (void)arena;
    (void)error;
    struct comoments *x = into;
    const struct comoments *y = from;
    double n1 = x->n, n2 = y->n, n = n1 + n2;
    if (n2 == 0)
        return MR_OK;
    double dx = y->x_mean - x->x_mean, dy = y->y_mean - x->y_mean, dx_n = dx / n, dy_n = dy / n;
    x->c += y->c + dx * dy_n * n1 * n2;
    x->x_m2 += y->x_m2 + dx * dx_n * n1 * n2;
    x->y_m2 += y->y_m2 + dy * dy_n * n1 * n2;
    x->x_mean += dx_n * n2;
    x->y_mean += dy_n * n2;
    x->n = n;
    return MR_OK;
}

/* In regr_…(y, x) the first argument depends on the second. */
static bool regression(const char *name, const struct comoments *m, double *out)
{
    double dependent = m->x_m2, independent = m->y_m2;
    if (strcmp(name, "avgx") == 0 || strcmp(name, "avgy") == 0) {
        *out = name[3] == 'x' ? m->y_mean : m->x_mean;
        return m->n > 0;
    }
    if (strcmp(name, "sxx") == 0)
        *out = independent;
    else if (strcmp(name, "syy") == 0)
        *out = dependent;
    else if (strcmp(name, "sxy") == 0)
        *out = m->c;
    else if (strcmp(name, "slope") == 0)
        *out = m->c / independent;
    else if (strcmp(name, "intercept") == 0)
        *out = m->x_mean - m->c / independent * m->y_mean;
    else
        *out = dependent == 0 ? 1.0 : m->c / independent * (m->c / dependent);
    return name[0] == 's' && name[1] != 'l' ? m->n > 0 : m->n > 0 && independent != 0;
}

static bool pair_statistic(const char *name, const struct comoments *m, double *out)
{
    if (strcmp(name, "covar_pop") == 0) {
        *out = m->c / m->n;
        return m->n > 0;
    }
    if (strcmp(name, "covar_samp") == 0) {
        *out = m->c / (m->n - 1);
        return m->n > 1;
    }
    if (strcmp(name, "corr") == 0) {
        *out = m->c / sqrt(m->x_m2 * m->y_m2);
        return m->n > 1;
    }
    return regression(name + strlen("regr_"), m, out);
}

MR_AGGREGATE_FINISH(pair_finish)
{
    for (int64_t k = 0; k < count; k++) {
        const struct comoments *m = MR_STATE(struct comoments, records, offset, k);
        int64_t row = 0;
        double value = 0;
        if (out->type->id == MR_BIGINT) {
            MR_TRY(mr_aggregate_append(out, false, &row, error));
            out->i64[row] = (int64_t)m->n;
            continue;
        }
        bool some = pair_statistic(a->type->name, m, &value);
        if (m->n > 1 && m->x_m2 * m->y_m2 == 0 && strcmp(a->type->name, "corr") == 0)
            return mr_row_divide_by_zero(error);
        MR_TRY(mr_aggregate_append(out, !some, &row, error));
        out->f64[row] = some ? value : 0;
    }
    return MR_OK;
}

#define MOMENTS(name)                                                                                        \
    {                                                                                                        \
        name, 1, 1, moments_resolve, zero_init, moments_update, moments_merge, moments_finish, NULL, NULL    \
    }
#define PAIR(name)                                                                                           \
    {                                                                                                        \
        name, 2, 2, pair_resolve, zero_init, pair_update, pair_merge, pair_finish, NULL, NULL                \
    }
const struct mr_aggregate_type mr_aggregates_statistics[] = {
    MOMENTS("stddev"),      MOMENTS("std"),
    MOMENTS("stddev_samp"), MOMENTS("stddev_pop"),
    MOMENTS("variance"),    MOMENTS("var_samp"),
    MOMENTS("var_pop"),     MOMENTS("skewness"),
    MOMENTS("kurtosis"),    PAIR("corr"),
    PAIR("covar_pop"),      PAIR("covar_samp"),
    PAIR("regr_count"),     PAIR("regr_avgx"),
    PAIR("regr_avgy"),      PAIR("regr_sxx"),
    PAIR("regr_sxy"),       PAIR("regr_syy"),
    PAIR("regr_slope"),     PAIR("regr_intercept"),
    PAIR("regr_r2"),        {0},
};
