/* sql/infer.c: conditions that follow from joins and generators, put where the filters are pushed down from.
 *
 * Not only for speed: on a stream they stand before the watermark is observed, so they decide which event
 * times count, and Spark's rows are to be had with Spark's watermarks only. */
#include "expressions/function.h"
#include "sql/checks.h"
#include "sql/optimise.h"

/* ---- conditions as lists ---- */
#define MAX_CONJUNCTS 64

struct conditions {
    const struct mr_expression *list[MAX_CONJUNCTS];
    int count;
};

static bool is_and(const struct mr_expression *e)
{
    return e->kind == MR_EXPR_CALL && strcmp(e->function->name, "and") == 0 && e->argument_count == 2;
}

/* False: there are too many of them. */
static bool split(const struct mr_expression *e, struct conditions *out)
{
    if (is_and(e))
        return split(e->arguments[0], out) && split(e->arguments[1], out);
    if (out->count == MAX_CONJUNCTS)
        return false;
    out->list[out->count++] = e;
    return true;
}

static int call(struct mr_analysis *a, const char *name, const struct mr_expression *const *arguments,
                int count, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    mr_sql_builder(a, NULL, &b);
    return mr_expression_call(&b, mr_str_of(name), (const struct mr_expression **)arguments, count, out,
                              a->error);
}

static void add(struct conditions *c, const struct mr_expression *e)
{
    for (int i = 0; i < c->count; i++)
        if (mr_expression_equal(c->list[i], e))
            return;
    if (c->count < MAX_CONJUNCTS)
        c->list[c->count++] = e;
}

static int junction(struct mr_analysis *a, const struct conditions *c, const struct mr_expression **out)
{
    *out = c->count > 0 ? c->list[0] : NULL;
    for (int i = 1; i < c->count; i++) {
        const struct mr_expression *both[2] = {*out, c->list[i]};
        MR_TRY(call(a, "and", both, 2, out));
    }
    return MR_OK;
}

static int filter(struct mr_analysis *a, struct mr_plan **plan, const struct conditions *c, bool *added)
{
    const struct mr_expression *condition = NULL;
    if (c->count == 0)
        return MR_OK;
    *added = true;
    MR_TRY(junction(a, c, &condition));
    return mr_plan_filter(a, *plan, condition, plan);
}

/* ---- joins ---- */
struct sides {
    struct mr_analysis *a;
    const struct mr_plan *join;
    int left_width, total;
    bool into[2]; /* which side's rows may be left out when the condition is not TRUE for them */
    struct conditions below[2];
};

/* Columns that cannot be NULL where e is TRUE. */
static int not_null_columns(struct sides *s, const struct mr_expression *e)
{
    if (e->kind == MR_EXPR_COLUMN) {
        int side = e->column >= s->left_width;
        const struct mr_expression *below = NULL, *test = NULL;
        if (!e->nullable || !s->into[side])
            return MR_OK;
        MR_TRY(mr_sql_over_side(s->a, s->join, side, e, &below));
        MR_TRY(call(s->a, "isnotnull", &below, 1, &test));
        add(&s->below[side], test);
        return MR_OK;
    }
    if (!mr_sql_is_strict(e))
        return MR_OK;
    for (int i = 0; i < e->argument_count; i++)
        MR_TRY(not_null_columns(s, e->arguments[i]));
    return MR_OK;
}

/* What is said of a key alone holds for the other side's key too. */
static int conditions_of_keys(struct sides *s, const struct conditions *on, const struct mr_expression *e,
                              int used)
{
    int other = used == 1;
    const struct mr_expression *said = NULL, *below = NULL;
    const struct mr_expression **keys =
        MR_ARENA_ARRAY(s->a->arena, const struct mr_expression *, s->total + 1);
    bool *columns = MR_ARENA_ARRAY(s->a->arena, bool, s->total + 1);
    if (!keys || !columns)
        return mr_error_memory(s->a->error, sizeof *keys);
    if ((used != 1 && used != 2) || !s->into[other])
        return MR_OK;
    mr_expression_columns_used(e, columns);
    for (int i = 0; i < on->count; i++) {
        const struct mr_expression *k = on->list[i];
        bool equal = k->kind == MR_EXPR_CALL && strcmp(k->function->name, "=") == 0;
        if (!equal || k->arguments[0]->kind != MR_EXPR_COLUMN || k->arguments[1]->kind != MR_EXPR_COLUMN)
            continue;
        for (int one = 0; one < 2; one++)
            keys[k->arguments[one]->column] = k->arguments[!one];
    }
    for (int i = 0; i < s->total; i++)
        if (columns[i] && (!keys[i] || (keys[i]->column >= s->left_width) != other))
            return MR_OK;
    MR_TRY(mr_expression_substitute(s->a->arena, e, keys, &said, s->a->error));
    MR_TRY(mr_sql_over_side(s->a, s->join, other, said, &below));
    add(&s->below[other], below);
    return MR_OK;
}

static int infer_join(struct mr_analysis *a, struct mr_plan *join, bool *added)
{
    struct conditions on = {0}, kept = {0};
    struct sides s = {.a = a,
                      .join = join,
                      .left_width = join->inputs[0]->schema->field_count,
                      .total = join->inputs[0]->schema->field_count + join->inputs[1]->schema->field_count};
    enum mr_sql_join_kind kind = join->join;
    bool both = kind == MR_SQL_JOIN_INNER || kind == MR_SQL_JOIN_CROSS || kind == MR_SQL_JOIN_SEMI;
    s.into[0] = both || kind == MR_SQL_JOIN_RIGHT;
    s.into[1] = both || kind == MR_SQL_JOIN_LEFT || kind == MR_SQL_JOIN_ANTI;
    if (!join->condition || !split(join->condition, &on))
        return MR_OK;
    mr_sql_judge_stream_join(join); /* as it was written */
    for (int i = 0; i < on.count; i++) {
        const struct mr_expression *e = on.list[i], *below = NULL;
        int used = mr_sql_sides_used(join, e);
        if (e->deterministic)
            MR_TRY(not_null_columns(&s, e));
        if (e->deterministic)
            MR_TRY(conditions_of_keys(&s, &on, e, used));
        /* A list that is full keeps the rest where it stands. */
        bool one_side = e->deterministic && used != 3 && s.below[used == 2].count < MAX_CONJUNCTS &&
                        ((used == 1 && s.into[0]) || (used == 2 && s.into[1]));
        if (!one_side) {
            kept.list[kept.count++] = e;
            continue;
        }
        MR_TRY(mr_sql_over_side(a, join, used - 1, e, &below));
        add(&s.below[used - 1], below);
    }
    if (kept.count < on.count)
        MR_TRY(junction(a, &kept, &join->condition));
    MR_TRY(filter(a, &join->inputs[0], &s.below[0], added));
    return filter(a, &join->inputs[1], &s.below[1], added);
}

/* ---- generators ---- */
/* explode(x) gives rows where x has elements. */
static int infer_generate(struct mr_analysis *a, struct mr_plan *plan, bool *added)
{
    static const char *const names[] = {"explode", "posexplode", "inline"};
    const struct mr_expression *generator = plan->generate.generator, *x, *test = NULL;
    struct conditions below = {0};
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known = known || strcmp(generator->function->name, names[i]) == 0;
    if (plan->generate.outer || !known || generator->argument_count != 1)
        return MR_OK;
    x = generator->arguments[0];
    bool made = x->kind == MR_EXPR_CALL &&
                (strcmp(x->function->name, "array") == 0 || strcmp(x->function->name, "map") == 0);
    if (x->foldable || !x->deterministic || made)
        return MR_OK;
    struct mr_expression_builder b;
    mr_sql_builder(a, NULL, &b);
    const struct mr_expression *more[2] = {NULL, NULL};
    MR_TRY(call(a, "size", &x, 1, &more[0]));
    MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), 0, &more[1], a->error));
    MR_TRY(call(a, ">", more, 2, &test));
    add(&below, test);
    if (x->nullable) {
        MR_TRY(call(a, "isnotnull", &x, 1, &test));
        add(&below, test);
    }
    return filter(a, &plan->inputs[0], &below, added);
}

int mr_sql_infer(struct mr_analysis *a, struct mr_plan *plan, bool *added)
{
    if (plan->kind == MR_PLAN_JOIN)
        MR_TRY(infer_join(a, plan, added));
    if (plan->kind == MR_PLAN_GENERATE)
        MR_TRY(infer_generate(a, plan, added));
    for (int i = 0; i < plan->input_count; i++)
        MR_TRY(mr_sql_infer(a, plan->inputs[i], added));
    return MR_OK;
}
