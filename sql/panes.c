/* sql/panes.c: see the header. */
#include "sql/panes.h"

#include "expressions/window.h"

/* Aggregates whose result does not depend on the order in which rows come and states are merged. Sums of
 * floating point numbers do. */
static bool any_order(const struct mr_aggregate *aggregate)
{
    static const char *const names[] = {"count", "count_if", "min",     "max",      "sum",     "try_sum",
                                        "avg",   "mean",     "try_avg", "bool_and", "bool_or", "every",
                                        "some",  "any",      "bit_and", "bit_or",   "bit_xor"};
    bool known = false, exact = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known = known || strcmp(aggregate->type->name, names[i]) == 0;
    for (int i = 0; i < aggregate->argument_count; i++) {
        enum mr_type_id id = aggregate->arguments[i]->type->id;
        exact = exact && id != MR_FLOAT && id != MR_DOUBLE;
    }
    return known && exact && aggregate->flat && !aggregate->distinct;
}

/* The one column in which the projections differ, when it is a sliding window; else -1. */
static int sliding_column(const struct mr_expand_config *expand)
{
    int found = -1;
    for (int c = 0; c < expand->column_count; c++) {
        bool same = true;
        for (int p = 1; p < expand->projection_count; p++)
            same = same && mr_expression_equal(expand->projections[0][c], expand->projections[p][c]);
        if (same)
            continue;
        if (found >= 0 || !mr_window_of(expand->projections[0][c]))
            return -1;
        found = c;
    }
    return found;
}

/* The column of plan's output that is the sliding window of the expand below, with nothing but projections
 * between that take it as it is; -1: there is none. */
static int window_column(const struct mr_plan *plan, bool *used)
{
    if (plan->kind == MR_PLAN_EXPAND)
        return plan->expand.projection_count > 1 && plan->expand.conditions ? sliding_column(&plan->expand)
                                                                            : -1;
    if (plan->kind != MR_PLAN_PROJECT)
        return -1;
    int below = window_column(plan->inputs[0], used), found = -1;
    for (int c = 0; below >= 0 && c < plan->schema->field_count; c++) {
        const struct mr_expression *e = plan->expressions[c];
        memset(used, 0, (size_t)plan->inputs[0]->schema->field_count);
        mr_expression_columns_used(e, used);
        if (!used[below])
            continue;
        if (found >= 0 || e->kind != MR_EXPR_COLUMN)
            return -1;
        found = c;
    }
    return found;
}

static int widest(const struct mr_plan *plan)
{
    int below = plan->input_count > 0 ? widest(plan->inputs[0]) : 0;
    return below > plan->schema->field_count ? below : plan->schema->field_count;
}

static bool uses(const struct mr_plan *plan, int column, bool *used)
{
    memset(used, 0, (size_t)plan->inputs[0]->schema->field_count);
    for (int a = 0; a < plan->aggregate_count; a++) {
        const struct mr_aggregate *aggregate = plan->aggregates[a];
        for (int i = 0; i < aggregate->argument_count; i++)
            mr_expression_columns_used(aggregate->arguments[i], used);
        if (aggregate->filter)
            mr_expression_columns_used(aggregate->filter, used);
    }
    return used[column];
}

static bool fits(const struct mr_plan *plan, int column, int *group, bool *used)
{
    *group = -1;
    for (int g = 0; g < plan->group_count; g++) {
        const struct mr_type *type = plan->inputs[0]->schema->fields[plan->group_columns[g]].type;
        if (plan->group_columns[g] == column && *group < 0)
            *group = g;
        else if (plan->group_columns[g] == column || mr_type_is_nested(type))
            return false;
    }
    for (int a = 0; a < plan->aggregate_count; a++)
        if (!any_order(plan->aggregates[a]))
            return false;
    return *group >= 0 && plan->group_count <= 32 && !uses(plan, column, used);
}

int mr_sql_find_panes(struct mr_job *job, const struct mr_plan *plan, struct mr_panes *out,
                      struct mr_error *error)
{
    struct mr_arena *arena = &job->arena;
    *out = (struct mr_panes){0};
    bool *used = MR_ARENA_ARRAY(arena, bool, widest(plan) + 1);
    if (!used)
        return mr_error_memory(error, (size_t)widest(plan));
    int column = window_column(plan->inputs[0], used);
    if (column < 0 || !fits(plan, column, &out->group, used))
        return MR_OK;
    const struct mr_plan *below = plan->inputs[0];
    while (below->kind != MR_PLAN_EXPAND)
        below = below->inputs[0];
    column = sliding_column(&below->expand);
    const struct mr_expression *call = below->expand.projections[0][column], *time = call->arguments[0];
    const struct mr_window *window = mr_window_of(call);
    if (window->slide_us * below->expand.projection_count != window->duration_us)
        return MR_OK; /* rows of one pane would not be in the same windows */
    const struct mr_expression *const **projections =
        MR_ARENA_ARRAY(arena, const struct mr_expression *const *, 1);
    const struct mr_expression **conditions = MR_ARENA_ARRAY(arena, const struct mr_expression *, 1);
    if (!projections || !conditions)
        return mr_error_memory(error, sizeof *projections);
    struct mr_expression_builder b = {.arena = &job->arena, .session = &job->session};
    projections[0] = below->expand.projections[0];
    if (time->nullable)
        MR_TRY(mr_expression_call(&b, MR_STR("isnotnull"), &time, 1, &conditions[0], error));
    out->expand = (struct mr_expand_config){projections, time->nullable ? conditions : NULL, 1,
                                            below->expand.column_count};
    out->slide_us = window->slide_us;
    out->count = below->expand.projection_count;
    return MR_OK;
}
