/* sql/plan_stream_join.c: joins of two streams: when their rows expire, and which of them Spark refuses. */
#include "expressions/function.h"
#include "operators/stream_join.h"
#include "sql/checks.h"
#include "sql/plan_join.h"

#define MAX_TERMS 32

/* ---- what a comparison of times says ----
 * By the rules of Spark's StreamingJoinHelper: a conjunct l < r (or <=, or turned round) becomes a sum of
 * terms below 0. When the side's column is one of them, subtracted, and the other side's event time another,
 * then from the other side's watermark follows how old a row of this side may be and still find a partner.
 * What is not a sum of columns, casts and constants says nothing. Equal terms count once, as they do in
 * Spark. As there, a number below a column of
 * the side alone counts as a time that never moves. */
struct bound {
    bool moves, stands;
    int64_t shift_us, latest_us; /* as struct mr_stream_join_side has them */
};
struct terms {
    struct {
        int column; /* of the pair; -1: a constant */
        double constant_us;
        bool negative;
    } list[MAX_TERMS];
    int count;
    bool invalid;
};

static void add_term(struct terms *terms, int column, double constant_us, bool negative)
{
    for (int i = 0; i < terms->count; i++)
        if (terms->list[i].column == column && terms->list[i].constant_us == constant_us &&
            terms->list[i].negative == negative)
            return;
    if (terms->count == MAX_TERMS) {
        terms->invalid = true;
        return;
    }
    terms->list[terms->count].column = column;
    terms->list[terms->count].constant_us = constant_us;
    terms->list[terms->count++].negative = negative;
}

static void collect_literal(struct terms *terms, const struct mr_expression *e, bool negative)
{
    const struct mr_column *value = e->literal;
    if (mr_column_is_null(value, 0))
        terms->invalid = true;
    else if (e->type->id == MR_INTERVAL_DAY_TIME)
        add_term(terms, -1, (double)value->i64[0], negative);
    else if (e->type->id == MR_DOUBLE || e->type->id == MR_FLOAT)
        add_term(terms, -1, (e->type->id == MR_FLOAT ? (double)value->f32[0] : value->f64[0]) * 1e6,
                 negative);
    else if (e->type->id == MR_DECIMAL)
        add_term(terms, -1, mr_decimal_to_double(mr_decimal_at(value, 0), e->type->scale) * 1e6, negative);
    else if (mr_type_is_integral(e->type))
        add_term(terms, -1, (double)mr_integer_at(value, 0) * 1e6, negative);
    else
        terms->invalid = true;
}

static bool is_call(const struct mr_expression *e, const char *name, int arguments)
{
    return e->kind == MR_EXPR_CALL && e->argument_count == arguments && strcmp(e->function->name, name) == 0;
}

static void collect(struct terms *terms, const struct mr_expression *e, bool negative)
{
    bool number = e->type->id == MR_TIMESTAMP || mr_type_is_numeric(e->type);
    bool sum = is_call(e, "+", 2), difference = is_call(e, "-", 2);
    if (e->kind == MR_EXPR_LITERAL) {
        collect_literal(terms, e, negative);
    } else if (e->kind == MR_EXPR_COLUMN) {
        add_term(terms, e->column, 0, negative);
    } else if ((sum || difference) && number) {
        collect(terms, e->arguments[0], negative);
        collect(terms, e->arguments[1], difference ? !negative : negative);
    } else if (is_call(e, "-", 1) || is_call(e, "negative", 1)) {
        collect(terms, e->arguments[0], !negative);
    } else if (is_call(e, "cast", 1) && number) {
        collect(terms, e->arguments[0], negative);
    } else {
        terms->invalid = true;
    }
}

/* l < r */
static void bound_of(const struct mr_plan *join, int side, const struct mr_expression *l,
                     const struct mr_expression *r, bool inclusive, struct bound *out)
{
    struct terms terms = {.count = 0};
    int left = join->inputs[0]->schema->field_count, own = 0, other = 0;
    double offset_us = 0;
    collect(&terms, l, false);
    collect(&terms, r, true);
    for (int i = 0; i < terms.count; i++) {
        int column = terms.list[i].column;
        if (column < 0) {
            offset_us += terms.list[i].negative ? -terms.list[i].constant_us : terms.list[i].constant_us;
        } else if ((column >= left) == (side == 1)) {
            own++;
            terms.invalid |= !terms.list[i].negative;
        } else {
            other++;
            int64_t delay = join->inputs[!side]->delays[column >= left ? column - left : column];
            terms.invalid |= terms.list[i].negative || delay < 0;
        }
    }
    if (terms.invalid || own != 1 || other > 1 || offset_us > 9e18 || offset_us < -9e18)
        return;
    int64_t offset = (int64_t)offset_us, over = offset % 1000, one = inclusive ? 1000 : 0;
    offset -= over < 0 ? over + 1000 : over;
    if (other == 1) {
        out->shift_us = out->moves && out->shift_us > one - offset ? out->shift_us : one - offset;
        out->moves = true;
    } else {
        out->latest_us = out->stands && out->latest_us < offset - one ? out->latest_us : offset - one;
        out->stands = true;
    }
}

static void bound_of_condition(const struct mr_plan *join, int side, const struct mr_expression *e,
                               struct bound *out)
{
    if (is_call(e, "and", 2)) {
        bound_of_condition(join, side, e->arguments[0], out);
        bound_of_condition(join, side, e->arguments[1], out);
    } else if (is_call(e, "<", 2) || is_call(e, "<=", 2)) {
        bound_of(join, side, e->arguments[0], e->arguments[1], is_call(e, "<=", 2), out);
    } else if (is_call(e, ">", 2) || is_call(e, ">=", 2)) {
        bound_of(join, side, e->arguments[1], e->arguments[0], is_call(e, ">=", 2), out);
    }
}

static int event_times(const struct mr_plan *plan, int *column)
{
    int count = 0;
    *column = -1;
    for (int i = plan->schema->field_count - 1; i >= 0; i--)
        if (plan->delays[i] >= 0) {
            *column = i;
            count++;
        }
    return count;
}

static bool bound_of_side(const struct mr_plan *join, int side, struct bound *out)
{
    int column;
    *out = (struct bound){.latest_us = INT64_MAX};
    if (join->condition && event_times(join->inputs[!side], &column) > 0)
        bound_of_condition(join, side, join->condition, out);
    return out->moves || out->stands;
}

/* ---- checks ---- */
struct equalities {
    int keys;
    bool event_time; /* one of them is */
};

static bool is_event_time(const struct mr_plan *join, const struct mr_expression *e)
{
    int left = join->inputs[0]->schema->field_count;
    if (e->kind != MR_EXPR_COLUMN)
        return false;
    return join->inputs[e->column >= left]->delays[e->column >= left ? e->column - left : e->column] >= 0;
}

static void find_equalities(const struct mr_plan *join, const struct mr_expression *e, struct equalities *out)
{
    if (is_call(e, "and", 2)) {
        find_equalities(join, e->arguments[0], out);
        find_equalities(join, e->arguments[1], out);
    }
    bool equal = is_call(e, "=", 2);
    if (!equal && !is_call(e, "<=>", 2))
        return;
    int one = mr_sql_join_sides_of(join, e->arguments[0]),
        other = mr_sql_join_sides_of(join, e->arguments[1]);
    if ((one | other) != 3 || one == 3 || other == 3 ||
        !mr_type_equal(e->arguments[0]->type, e->arguments[1]->type))
        return;
    out->keys++;
    out->event_time |=
        equal && (is_event_time(join, e->arguments[0]) || is_event_time(join, e->arguments[1]));
}

void mr_sql_judge_stream_join(struct mr_plan *join)
{
    enum mr_sql_join_kind kind = join->written_join;
    struct equalities equal = {0};
    struct bound bound;
    if (join->judged)
        return;
    if (join->condition)
        find_equalities(join, join->condition, &equal);
    join->judged = true;
    join->bounded =
        equal.event_time || (kind != MR_SQL_JOIN_RIGHT && bound_of_side(join, 0, &bound)) ||
        ((kind == MR_SQL_JOIN_RIGHT || kind == MR_SQL_JOIN_FULL) && bound_of_side(join, 1, &bound));
}

int mr_sql_check_stream_join(struct mr_plan *join, enum mr_output_mode mode, struct mr_error *error)
{
    bool left = join->written_join == MR_SQL_JOIN_LEFT, right = join->written_join == MR_SQL_JOIN_RIGHT;
    bool full = join->written_join == MR_SQL_JOIN_FULL, semi = join->written_join == MR_SQL_JOIN_SEMI;
    struct equalities equal = {0};
    int column;
    if (join->written_join == MR_SQL_JOIN_ANTI)
        return mr_sql_refuse(join, "_LEGACY_ERROR_TEMP_3102",
                             "LEFT ANTI joins with a stream on the right are not supported.", error);
    if ((left || right || full) && mode != MR_MODE_APPEND)
        return mr_sql_refuse(join, "_LEGACY_ERROR_TEMP_3102",
                             "Outer joins of two streams are supported in output mode append only.", error);
    if (mode == MR_MODE_COMPLETE)
        return mr_sql_refuse(join, "_LEGACY_ERROR_TEMP_3102",
                             "Joins of two streams are not supported in output mode complete.", error);
    if (join->condition)
        find_equalities(join, join->condition, &equal);
    mr_sql_judge_stream_join(join);
    if ((left || right || full || semi) && !join->bounded)
        return mr_sql_refuse(
            join, "_LEGACY_ERROR_TEMP_3102",
            "This join of two streams would keep its rows for ever and never know which have no partner: put "
            "WATERMARK … DELAY OF … on both and an event time among the keys, or a range of one's time "
            "around the other's in the condition.",
            error);
    if (equal.keys == 0)
        return mr_sql_refuse(join, "STREAM_FAILED",
                             "A join of two streams needs an equality between them in its condition.", error);
    for (int side = 0; side < 2; side++)
        if (event_times(join->inputs[side], &column) > 1)
            return mr_sql_refuse(
                join, "STREAM_FAILED",
                "A side of this join has more than one event time; select one of them below the join.",
                error);
    return MR_OK;
}

/* ---- planning ---- */
/* The key that is an event time, of the left side if there is one; -1: none. */
static int event_time_key(const struct mr_plan *plan, const struct mr_planned_join *planned)
{
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < planned->config.key_count; k++) {
            int column = planned->columns[side][k];
            if (column < plan->inputs[side]->schema->field_count && plan->inputs[side]->delays[column] >= 0 &&
                !planned->config.null_safe[k])
                return k;
        }
    return -1;
}

static int conjoin(struct mr_job *job, const struct mr_expression **to, const struct mr_expression *e,
                   struct mr_error *error)
{
    struct mr_expression_builder b = {.arena = &job->arena, .session = &job->session};
    const struct mr_expression *both[2] = {*to, e};
    if (!*to) {
        *to = e;
        return MR_OK;
    }
    return mr_expression_call(&b, MR_STR("and"), both, 2, to, error);
}

/* Conditions on one side go to that side, unless they are not deterministic: these are asked per pair. */
static int share_out(struct mr_job *job, const struct mr_plan *plan, const struct mr_expression *e,
                     struct mr_stream_join_config *config, struct mr_error *error)
{
    if (is_call(e, "and", 2)) {
        MR_TRY(share_out(job, plan, e->arguments[0], config, error));
        return share_out(job, plan, e->arguments[1], config, error);
    }
    int sides = mr_sql_join_sides_of(plan, e);
    if (sides == 3 || !e->deterministic)
        return conjoin(job, &config->condition, e, error);
    int side = sides == 2; /* constants: to the left, as good as any */
    const struct mr_expression *over = NULL;
    MR_TRY(mr_sql_join_over_side(job, plan, side, e, &over, error));
    return conjoin(job, &config->sides[side].filter, over, error);
}

int mr_sql_build_stream_join(struct mr_job *job, const struct mr_plan *plan,
                             const struct mr_node *const *inputs, const struct mr_node **out,
                             struct mr_error *error)
{
    struct mr_job *const jobs[2] = {job, job};
    struct mr_planned_join *planned = NULL;
    struct mr_stream_join_config *config = MR_ARENA_NEW(&job->arena, struct mr_stream_join_config);
    if (!config)
        return mr_error_memory(error, sizeof *config);
    MR_TRY(mr_sql_plan_join_sides(jobs, plan, inputs, &planned, error));
    config->kind = planned->config.kind;
    config->key_count = planned->config.key_count;
    if (planned->config.condition)
        MR_TRY(share_out(job, plan, planned->config.condition, config, error));
    int key = event_time_key(plan, planned);
    for (int side = 0; side < 2; side++) {
        struct mr_stream_join_side *s = &config->sides[side];
        struct bound bound;
        s->keys = planned->columns[side];
        s->width = plan->inputs[side]->schema->field_count;
        event_times(plan->inputs[side], &s->time_column);
        if (key >= 0) {
            s->expiry = MR_EXPIRE_BY_KEY;
            s->expiry_column = s->keys[key];
        } else if (s->time_column >= 0 && bound_of_side(plan, side, &bound)) {
            s->expiry = MR_EXPIRE_BY_VALUE;
            s->expiry_column = s->time_column;
            s->shift_us = bound.shift_us;
            s->latest_us = bound.latest_us;
        }
    }
    struct mr_node *node =
        mr_job_add_node(job, &mr_stream_join_operator, config, planned->sides, 2, plan->schema);
    if (!node)
        return mr_error_memory(error, sizeof *node);
    *out = node;
    MR_TRY(mr_job_set_exchange(job, node, 0, config->sides[0].keys, config->key_count, error));
    return mr_job_set_exchange(job, node, 1, config->sides[1].keys, config->key_count, error);
}
