/* sql/simplify.c: constants folded, filters pushed towards the sources, projections collapsed. */
#include "expressions/function.h"
#include "sql/checks.h"
#include "sql/optimise.h"

#define MAX_MERGED_NODES 2000 /* a merged projection may not grow beyond this */

/* ---- folding ---- */
static int fold_list(struct mr_analysis *a, const struct mr_expression *const *list, int count,
                     const struct mr_expression *const **out)
{
    const struct mr_expression **copy = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    if (!copy)
        return mr_error_memory(a->error, sizeof *copy);
    for (int i = 0; i < count; i++) {
        copy[i] = list[i];
        if (copy[i])
            MR_TRY(mr_sql_fold(a, &copy[i]));
    }
    *out = copy;
    return MR_OK;
}

static int fold_plan(struct mr_analysis *a, struct mr_plan *plan)
{
    if (plan->expressions)
        MR_TRY(fold_list(a, plan->expressions, plan->schema->field_count, &plan->expressions));
    if (plan->condition)
        MR_TRY(mr_sql_fold(a, &plan->condition));
    for (int i = 0; i < plan->sort_count; i++)
        MR_TRY(mr_sql_fold(a, &((struct mr_sort_key *)plan->sort_keys)[i].expression));
    if (plan->kind == MR_PLAN_GENERATE)
        MR_TRY(mr_sql_fold(a, &plan->generate.generator));
    if (plan->kind == MR_PLAN_EXPAND) {
        const struct mr_expression *const **projections =
            MR_ARENA_ARRAY(a->arena, const struct mr_expression *const *, plan->expand.projection_count);
        if (!projections)
            return mr_error_memory(a->error, sizeof *projections);
        for (int i = 0; i < plan->expand.projection_count; i++)
            MR_TRY(fold_list(a, plan->expand.projections[i], plan->expand.column_count, &projections[i]));
        plan->expand.projections = projections;
        if (plan->expand.conditions)
            MR_TRY(fold_list(a, plan->expand.conditions, plan->expand.projection_count,
                             &plan->expand.conditions));
    }
    return MR_OK;
}

/* ---- conditions as lists ---- */
struct conjuncts {
    const struct mr_expression *list[64];
    int count;
};

static bool is_and(const struct mr_expression *e)
{
    return e->kind == MR_EXPR_CALL && e->argument_count == 2 && strcmp(e->function->name, "and") == 0;
}

static int count_conjuncts(const struct mr_expression *e)
{
    return is_and(e) ? count_conjuncts(e->arguments[0]) + count_conjuncts(e->arguments[1]) : 1;
}

static void split_all(const struct mr_expression *e, struct conjuncts *out)
{
    if (is_and(e)) {
        split_all(e->arguments[0], out);
        split_all(e->arguments[1], out);
        return;
    }
    out->list[out->count++] = e;
}

/* a AND b AND c as a list; a condition that does not fit stays one. */
static void split(const struct mr_expression *e, struct conjuncts *out)
{
    if (out->count + count_conjuncts(e) <= 62)
        split_all(e, out);
    else
        out->list[out->count++] = e;
}

static int join(struct mr_analysis *a, const struct conjuncts *c, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    mr_sql_builder(a, NULL, &b);
    *out = c->count > 0 ? c->list[0] : NULL;
    for (int i = 1; i < c->count; i++) {
        const struct mr_expression *sides[2] = {*out, c->list[i]};
        MR_TRY(mr_expression_call(&b, MR_STR("and"), sides, 2, out, a->error));
    }
    return MR_OK;
}

static bool *columns_used(struct mr_analysis *a, const struct mr_expression *e, int count)
{
    bool *used = MR_ARENA_ARRAY(a->arena, bool, count + 1);
    if (used)
        mr_expression_columns_used(e, used);
    else
        mr_error_memory(a->error, (size_t)count);
    return used;
}

/* ---- filters ---- */
static int filter_over(struct mr_analysis *a, struct mr_plan *input, const struct conjuncts *c,
                       struct mr_plan **out)
{
    const struct mr_expression *condition = NULL;
    MR_TRY(join(a, c, &condition));
    *out = input;
    return condition ? mr_plan_filter(a, input, condition, out) : MR_OK;
}

/* Which conjuncts may go below `plan`, and what they look like there. */
static int sink_conjunct(struct mr_analysis *a, const struct mr_plan *plan, const struct mr_expression *e,
                         const struct mr_expression **below)
{
    const struct mr_plan *input = plan->inputs[0];
    int columns = plan->schema->field_count;
    *below = NULL;
    if (!e->deterministic)
        return MR_OK;
    bool *used = columns_used(a, e, columns);
    if (!used)
        return a->error->code;
    switch (plan->kind) {
    case MR_PLAN_PROJECT:
        for (int i = 0; i < columns; i++)
            if (used[i] && !plan->expressions[i]->deterministic)
                return MR_OK;
        return mr_expression_substitute(a->arena, e, plan->expressions, below, a->error);
    case MR_PLAN_WATERMARK: /* as Spark: what does not look at the event time goes before it is observed */
        *below = used[plan->watermark.column] ? NULL : e;
        return MR_OK;
    case MR_PLAN_SORT:
        *below = e;
        return MR_OK;
    case MR_PLAN_GENERATE:
        for (int i = input->schema->field_count; i < columns; i++)
            if (used[i])
                return MR_OK;
        *below = e;
        return MR_OK;
    case MR_PLAN_AGGREGATE: {
        const struct mr_expression **groups =
            MR_ARENA_ARRAY(a->arena, const struct mr_expression *, columns + 1);
        if (!groups)
            return mr_error_memory(a->error, sizeof *groups);
        bool any = false;
        for (int i = 0; i < columns; i++) {
            if (used[i] && i >= plan->group_count)
                return MR_OK;
            any |= used[i];
            if (i < plan->group_count)
                MR_TRY(mr_sql_plan_column(a, input, plan->group_columns[i], NULL, NULL, &groups[i]));
        }
        return any ? mr_expression_substitute(a->arena, e, groups, below, a->error) : MR_OK;
    }
    default:
        return MR_OK;
    }
}

static int push_into_union(struct mr_analysis *a, struct mr_plan *filter, struct mr_plan **plan)
{
    struct mr_plan *both = filter->inputs[0];
    for (int i = 0; i < both->input_count; i++) {
        MR_TRY(mr_plan_filter(a, both->inputs[i], filter->condition, &both->inputs[i]));
        MR_TRY(mr_sql_simplify(a, &both->inputs[i]));
    }
    *plan = both;
    return MR_OK;
}

/* ---- filters and joins ---- */
int mr_sql_over_side(struct mr_analysis *a, const struct mr_plan *join, int side,
                     const struct mr_expression *e, const struct mr_expression **out)
{
    int shift = side ? join->inputs[0]->schema->field_count : 0, total = 0;
    for (int i = 0; i < join->input_count; i++)
        total += join->inputs[i]->schema->field_count;
    const struct mr_expression **columns = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, total + 1);
    if (!columns)
        return mr_error_memory(a->error, sizeof *columns);
    for (int i = 0; i < join->inputs[side]->schema->field_count; i++)
        MR_TRY(mr_sql_plan_column(a, join->inputs[side], i, NULL, NULL, &columns[shift + i]));
    return mr_expression_substitute(a->arena, e, columns, out, a->error);
}

int mr_sql_sides_used(const struct mr_plan *join, const struct mr_expression *e)
{
    if (e->kind == MR_EXPR_COLUMN)
        return e->column < join->inputs[0]->schema->field_count ? 1 : 2;
    int sides = 0;
    for (int i = 0; i < e->argument_count; i++)
        sides |= mr_sql_sides_used(join, e->arguments[i]);
    return sides;
}

/* The result is NULL when an argument is. Operators have kernels by type, so their table does not say. */
bool mr_sql_is_strict(const struct mr_expression *e)
{
    static const char *const strict[] = {"=",   "<", "<=", ">", ">=", "<>", "!=",  "==",
                                         "not", "+", "-",  "*", "/",  "%",  "cast"};
    if (e->kind != MR_EXPR_CALL || (e->function->flags & MR_FN_NULL_IF_ANY))
        return e->kind == MR_EXPR_CALL;
    for (size_t i = 0; i < sizeof strict / sizeof *strict; i++)
        if (strcmp(e->function->name, strict[i]) == 0)
            return true;
    return false;
}

/* A column of that side is NULL: then so is e. */
static bool follows_null(const struct mr_plan *join_plan, const struct mr_expression *e, int side)
{
    if (e->kind == MR_EXPR_COLUMN)
        return (e->column >= join_plan->inputs[0]->schema->field_count) == side;
    if (!mr_sql_is_strict(e))
        return false;
    for (int i = 0; i < e->argument_count; i++)
        if (follows_null(join_plan, e->arguments[i], side))
            return true;
    return false;
}

/* Rows of an outer join without a partner do not pass a filter that asks for one: then it is no outer join.
 * As Spark, for on a stream this decides what may be filtered before event times are observed. */
static void strengthen_join(struct mr_plan *join_plan, const struct conjuncts *all)
{
    bool asks[2] = {false, false};
    for (int i = 0; i < all->count; i++) {
        const struct mr_expression *e = all->list[i];
        bool test = e->kind == MR_EXPR_CALL && strcmp(e->function->name, "isnotnull") == 0;
        for (int side = 0; e->deterministic && side < 2; side++)
            asks[side] = asks[side] || follows_null(join_plan, test ? e->arguments[0] : e, side);
    }
    enum mr_sql_join_kind kind = join_plan->join;
    bool full = kind == MR_SQL_JOIN_FULL;
    bool left = asks[0] || kind == MR_SQL_JOIN_LEFT, right = asks[1] || kind == MR_SQL_JOIN_RIGHT;
    if (!full && kind != MR_SQL_JOIN_LEFT && kind != MR_SQL_JOIN_RIGHT)
        return;
    if (left && right)
        join_plan->join = MR_SQL_JOIN_INNER;
    else if (full && left)
        join_plan->join = MR_SQL_JOIN_LEFT;
    else if (full && right)
        join_plan->join = MR_SQL_JOIN_RIGHT;
}

/* Conjuncts of one side go into that side where no row of it is kept without a partner because of them; of an
 * inner join the others join the condition, so that FROM a, b WHERE a.x = b.x finds its keys. */
static int push_into_join(struct mr_analysis *a, struct mr_plan **plan)
{
    struct mr_plan *filter = *plan, *join_plan = filter->inputs[0];
    struct conjuncts all = {0}, above = {0}, side[2] = {{{0}, 0}, {{0}, 0}}, on = {0};
    split(filter->condition, &all);
    mr_sql_judge_stream_join(join_plan);
    strengthen_join(join_plan, &all);
    enum mr_sql_join_kind kind = join_plan->join;
    bool inner = kind == MR_SQL_JOIN_INNER || kind == MR_SQL_JOIN_CROSS;
    bool into_left = inner || kind == MR_SQL_JOIN_LEFT || kind == MR_SQL_JOIN_SEMI ||
                     kind == MR_SQL_JOIN_ANTI ||
                     kind == MR_SQL_JOIN_MARK; /* whose last column counts as the right side's */
    bool into_right = inner || kind == MR_SQL_JOIN_RIGHT;
    if (inner && join_plan->condition)
        split(join_plan->condition, &on);
    if (on.count + all.count > 64)
        return MR_OK;
    for (int i = 0; i < all.count; i++) {
        const struct mr_expression *e = all.list[i];
        int used = mr_sql_sides_used(join_plan, e);
        bool left = used == 1 && into_left, right = used == 2 && into_right;
        if (!e->deterministic || !(left || right || inner))
            above.list[above.count++] = e;
        else if (left || right)
            MR_TRY(mr_sql_over_side(a, join_plan, right, e, &side[right].list[side[right].count++]));
        else
            on.list[on.count++] = e;
    }
    for (int i = 0; i < 2; i++) {
        if (side[i].count == 0)
            continue;
        MR_TRY(filter_over(a, join_plan->inputs[i], &side[i], &join_plan->inputs[i]));
        MR_TRY(mr_sql_simplify(a, &join_plan->inputs[i]));
    }
    if (inner) {
        MR_TRY(join(a, &on, &join_plan->condition));
        join_plan->join = MR_SQL_JOIN_INNER;
    }
    return filter_over(a, join_plan, &above, plan);
}

static int push_filter(struct mr_analysis *a, struct mr_plan **plan)
{
    struct mr_plan *filter = *plan, *input = filter->inputs[0];
    struct conjuncts all = {0}, above = {0}, below = {0};
    if (filter->condition->kind == MR_EXPR_LITERAL && !mr_column_is_null(filter->condition->literal, 0) &&
        filter->condition->literal->booleans[0]) {
        *plan = input;
        return MR_OK;
    }
    if (input->kind == MR_PLAN_UNION && filter->condition->deterministic)
        return push_into_union(a, filter, plan);
    split(filter->condition, &all);
    if (input->kind == MR_PLAN_FILTER) {
        struct conjuncts both = {0};
        split(input->condition, &both);
        if (both.count + all.count > 64 || !input->condition->deterministic)
            return MR_OK;
        for (int i = 0; i < all.count; i++)
            both.list[both.count++] = all.list[i];
        MR_TRY(filter_over(a, input->inputs[0], &both, plan));
        return push_filter(a, plan);
    }
    if (input->kind == MR_PLAN_JOIN)
        return push_into_join(a, plan);
    if (input->input_count != 1)
        return MR_OK;
    for (int i = 0; i < all.count; i++) {
        const struct mr_expression *lower = NULL;
        MR_TRY(sink_conjunct(a, input, all.list[i], &lower));
        if (lower)
            below.list[below.count++] = lower;
        else
            above.list[above.count++] = all.list[i];
    }
    if (below.count == 0)
        return MR_OK;
    MR_TRY(filter_over(a, input->inputs[0], &below, &input->inputs[0]));
    if (input->inputs[0]->kind == MR_PLAN_FILTER)
        MR_TRY(push_filter(a, &input->inputs[0]));
    return filter_over(a, input, &above, plan);
}

/* ---- queries inside expressions ---- */
static int sink_subquery(struct mr_analysis *a, struct mr_plan **plan);

/* JOIN over PROJECT as PROJECT over JOIN. */
static int sink_below_project(struct mr_analysis *a, struct mr_plan **plan)
{
    struct mr_plan *joined = *plan, *project = joined->inputs[0], *input = project->inputs[0];
    int width = project->schema->field_count, below = input->schema->field_count;
    int right = joined->inputs[1]->schema->field_count, kept = joined->schema->field_count - width;
    int most = width + right + below + 2;
    const struct mr_expression **columns = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, most);
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, most);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, most);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, most);
    if (!columns || !list || !fields || !delays)
        return mr_error_memory(a->error, sizeof *fields * (size_t)most);
    for (int i = 0; i < width; i++) {
        if (!project->expressions[i]->deterministic)
            return MR_OK;
        columns[i] = list[i] = project->expressions[i];
    }
    for (int i = 0; i < right; i++) {
        const struct mr_field *field = &joined->inputs[1]->schema->fields[i];
        MR_TRY(mr_sql_column(a, field->type, field->nullable, below + i, field->name, NULL,
                             &columns[width + i]));
    }
    for (int i = 0; i < below + kept; i++) {
        fields[i] = i < below ? input->schema->fields[i] : joined->schema->fields[width + i - below];
        delays[i] = i < below ? input->delays[i] : joined->delays[width + i - below];
        if (i >= below)
            MR_TRY(mr_sql_column(a, fields[i].type, fields[i].nullable, i, fields[i].name, NULL,
                                 &list[width + i - below]));
    }
    if (joined->condition)
        MR_TRY(mr_expression_substitute(a->arena, joined->condition, columns, &joined->condition, a->error));
    project->schema = joined->schema;
    project->delays = joined->delays;
    project->expressions = list;
    project->inputs[0] = joined;
    joined->inputs[0] = input;
    joined->delays = delays;
    joined->schema = mr_type_struct(a->arena, fields, below + kept);
    if (!joined->schema)
        return mr_error_memory(a->error, sizeof *fields);
    *plan = project;
    return MR_OK;
}

/* As Spark, to which they are conditions until after its filters were pushed down: before the event time is
 * observed, where they do not look at it. */
static int sink_subquery(struct mr_analysis *a, struct mr_plan **plan)
{
    struct mr_plan *join_plan = *plan, *above = join_plan->inputs[0];
    bool filter = above->kind == MR_PLAN_FILTER && above->condition->deterministic;
    if (above->kind == MR_PLAN_PROJECT) {
        MR_TRY(sink_below_project(a, plan));
        return *plan == above ? sink_subquery(a, &above->inputs[0]) : MR_OK;
    }
    if (!filter && above->kind != MR_PLAN_WATERMARK)
        return MR_OK;
    int columns = join_plan->inputs[0]->schema->field_count + join_plan->inputs[1]->schema->field_count;
    bool *used = MR_ARENA_ARRAY(a->arena, bool, columns + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, columns + 2);
    if (!used || !delays)
        return mr_error_memory(a->error, sizeof *delays);
    if (join_plan->condition)
        mr_expression_columns_used(join_plan->condition, used);
    if (!filter && used[above->watermark.column])
        return MR_OK;
    for (int i = 0; i < join_plan->schema->field_count; i++)
        delays[i] = join_plan->delays[i];
    above->schema = join_plan->schema;
    above->delays = join_plan->delays;
    if (!filter)
        delays[above->watermark.column] = above->inputs[0]->delays[above->watermark.column];
    join_plan->delays = delays;
    join_plan->inputs[0] = above->inputs[0];
    above->inputs[0] = join_plan;
    *plan = above;
    return sink_subquery(a, &above->inputs[0]);
}

/* ---- left semi joins ---- */
/* Which side of the join below a left semi join may become a part of, by the columns of that join that its
 * condition uses: 0 left, 1 right, -1 neither. */
static int side_for_semi(const struct mr_plan *below, const bool *used)
{
    int left = below->inputs[0]->schema->field_count, count[2] = {0, 0}, side;
    enum mr_sql_join_kind kind = below->join;
    for (int i = 0; i < below->schema->field_count; i++)
        count[i >= left] += used[i];
    if (below->single || below->subquery || !below->condition || (count[0] > 0) == (count[1] > 0))
        return -1;
    side = count[1] > 0;
    if (kind != MR_SQL_JOIN_INNER && kind != (side == 0 ? MR_SQL_JOIN_LEFT : MR_SQL_JOIN_RIGHT))
        return -1;
    return below->inputs[side]->streaming == below->streaming ? side : -1;
}

/* Whether there is such a join below, with nothing but columns handed on in between. */
static int has_place_for_semi(struct mr_analysis *a, const struct mr_plan *below, const bool *used,
                              bool *found)
{
    *found = below->kind == MR_PLAN_JOIN && side_for_semi(below, used) >= 0;
    if (below->kind != MR_PLAN_PROJECT)
        return MR_OK;
    bool *lower = MR_ARENA_ARRAY(a->arena, bool, below->inputs[0]->schema->field_count + 1);
    if (!lower)
        return mr_error_memory(a->error, 64);
    for (int i = 0; i < below->schema->field_count; i++) {
        const struct mr_expression *e = below->expressions[i];
        if (!e->deterministic || (used[i] && e->kind != MR_EXPR_COLUMN))
            return MR_OK;
        if (used[i])
            lower[e->column] = true;
    }
    return has_place_for_semi(a, below->inputs[0], lower, found);
}

/* SEMI over JOIN as JOIN over SEMI. */
static int sink_into_side(struct mr_analysis *a, struct mr_plan **plan, int side)
{
    struct mr_plan *semi = *plan, *below = semi->inputs[0], *input = below->inputs[side];
    int left = below->inputs[0]->schema->field_count, width = input->schema->field_count;
    int all = below->schema->field_count, right = semi->inputs[1]->schema->field_count;
    const struct mr_expression **columns =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, all + right + 1);
    if (!columns)
        return mr_error_memory(a->error, sizeof *columns);
    for (int i = 0; i < width + right; i++) {
        const struct mr_field *field =
            i < width ? &input->schema->fields[i] : &semi->inputs[1]->schema->fields[i - width];
        int was = i >= width ? all + i - width : side == 0 ? i : left + i;
        MR_TRY(mr_sql_column(a, field->type, field->nullable, i, field->name, NULL, &columns[was]));
    }
    MR_TRY(mr_expression_substitute(a->arena, semi->condition, columns, &semi->condition, a->error));
    semi->inputs[0] = input;
    semi->schema = input->schema;
    semi->delays = input->delays;
    below->inputs[side] = semi;
    below->streaming |= semi->streaming;
    *plan = below;
    return MR_OK;
}

/* As Spark: below columns handed on, a left semi join becomes part of that side of a join that its condition
 * is about, if no row of it is kept or lost for want of a partner. */
static int sink_semi(struct mr_analysis *a, struct mr_plan **plan)
{
    struct mr_plan *semi = *plan, *below = semi->inputs[0];
    int columns = below->schema->field_count + semi->inputs[1]->schema->field_count;
    bool *used = MR_ARENA_ARRAY(a->arena, bool, columns + 1), found;
    if (!used)
        return mr_error_memory(a->error, (size_t)columns);
    if (!semi->condition || !semi->condition->deterministic || semi->subquery)
        return MR_OK;
    mr_expression_columns_used(semi->condition, used);
    MR_TRY(has_place_for_semi(a, below, used, &found));
    if (!found)
        return MR_OK;
    mr_sql_judge_stream_join(semi); /* as it was written */
    int side = below->kind == MR_PLAN_JOIN ? side_for_semi(below, used) : 0;
    MR_TRY(below->kind == MR_PLAN_JOIN ? sink_into_side(a, plan, side) : sink_below_project(a, plan));
    return sink_semi(a, &(*plan)->inputs[side]);
}

/* ---- projections ---- */
static int count_nodes(const struct mr_expression *e, int limit)
{
    int count = 1;
    for (int i = 0; i < e->argument_count && count < limit; i++)
        count += count_nodes(e->arguments[i], limit - count);
    return count;
}

/* PROJECT over PROJECT as one, where nothing would be computed differently. */
static int merge_projections(struct mr_analysis *a, struct mr_plan *upper)
{
    struct mr_plan *lower = upper->inputs[0];
    int count = upper->schema->field_count, columns = lower->schema->field_count, nodes = 0;
    bool *used = MR_ARENA_ARRAY(a->arena, bool, columns + 1);
    const struct mr_expression **merged = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    if (!used || !merged)
        return mr_error_memory(a->error, sizeof *merged);
    for (int i = 0; i < count; i++)
        mr_expression_columns_used(upper->expressions[i], used);
    for (int i = 0; i < columns; i++)
        if (used[i] && !lower->expressions[i]->deterministic)
            return MR_OK;
    for (int i = 0; i < count && nodes < MAX_MERGED_NODES; i++) {
        MR_TRY(mr_expression_substitute(a->arena, upper->expressions[i], lower->expressions, &merged[i],
                                        a->error));
        nodes += count_nodes(merged[i], MAX_MERGED_NODES + 1);
    }
    if (nodes >= MAX_MERGED_NODES && nodes > 4 * count)
        return MR_OK;
    for (int i = 0; i < count; i++)
        if (!merged[i])
            return MR_OK;
    upper->expressions = merged;
    upper->inputs[0] = lower->inputs[0];
    return MR_OK;
}

static bool is_identity(const struct mr_plan *plan)
{
    const struct mr_plan *input = plan->inputs[0];
    if (plan->schema->field_count != input->schema->field_count)
        return false;
    for (int i = 0; i < plan->schema->field_count; i++)
        if (plan->expressions[i]->kind != MR_EXPR_COLUMN || plan->expressions[i]->column != i ||
            strcmp(plan->schema->fields[i].name, input->schema->fields[i].name) != 0)
            return false;
    return true;
}

int mr_sql_simplify(struct mr_analysis *a, struct mr_plan **plan)
{
    for (int i = 0; i < (*plan)->input_count; i++)
        MR_TRY(mr_sql_simplify(a, &(*plan)->inputs[i]));
    MR_TRY(fold_plan(a, *plan));
    if ((*plan)->kind == MR_PLAN_FILTER)
        MR_TRY(push_filter(a, plan));
    if ((*plan)->kind == MR_PLAN_JOIN && (*plan)->subquery && (*plan)->inputs[0]->streaming)
        MR_TRY(sink_subquery(a, plan));
    if ((*plan)->kind == MR_PLAN_JOIN &&
        ((*plan)->join == MR_SQL_JOIN_SEMI || (*plan)->join == MR_SQL_JOIN_ANTI))
        MR_TRY(sink_semi(a, plan));
    if ((*plan)->kind == MR_PLAN_PROJECT && (*plan)->inputs[0]->kind == MR_PLAN_PROJECT)
        MR_TRY(merge_projections(a, *plan));
    if ((*plan)->kind == MR_PLAN_PROJECT && is_identity(*plan))
        *plan = (*plan)->inputs[0];
    return MR_OK;
}
