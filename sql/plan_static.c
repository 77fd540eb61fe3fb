/* sql/plan_static.c: a stream joined with something that is no stream. What is below the static side becomes
 * a job of its own, which the runtime runs whenever what it reads has changed; the stream is not exchanged.
 */
#include "expressions/function.h"
#include "operators/join.h"
#include "sql/plan_join.h"

/* ---- the stream comes first ---- */
/* Numbers of the pair's columns once the sides have changed places. */
static int swap_columns(struct mr_job *job, const struct mr_plan *plan, const struct mr_type *swapped,
                        const struct mr_expression ***out, struct mr_error *error)
{
    int left = plan->inputs[0]->schema->field_count, right = plan->inputs[1]->schema->field_count;
    struct mr_expression_builder b = {.arena = &job->arena, .session = &job->session};
    const struct mr_expression **columns =
        MR_ARENA_ARRAY(&job->arena, const struct mr_expression *, left + right + 1);
    if (!columns)
        return mr_error_memory(error, sizeof *columns);
    for (int i = 0; i < left + right; i++)
        MR_TRY(mr_expression_column(&b, swapped, i < left ? right + i : i - left, &columns[i], error));
    *out = columns;
    return MR_OK;
}

/* static JOIN stream, static RIGHT JOIN stream: the same with the stream on the left, its columns put back.
 */
static int build_swapped(struct mr_job *job, const struct mr_plan *plan, const struct mr_node **out,
                         struct mr_error *error)
{
    struct mr_arena *arena = &job->arena;
    int left = plan->inputs[0]->schema->field_count, right = plan->inputs[1]->schema->field_count;
    struct mr_plan swapped = *plan;
    struct mr_plan *inputs[2] = {plan->inputs[1], plan->inputs[0]};
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, left + right + 1);
    struct mr_project_config *config = MR_ARENA_NEW(arena, struct mr_project_config);
    const struct mr_expression **columns = NULL;
    const struct mr_node *joined = NULL;
    if (!fields || !config)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < left + right; i++)
        fields[i < left ? right + i : i - left] = plan->schema->fields[i];
    swapped.inputs = inputs;
    swapped.schema = mr_type_struct(arena, fields, left + right);
    swapped.join = plan->join == MR_SQL_JOIN_RIGHT ? MR_SQL_JOIN_LEFT : plan->join;
    if (!swapped.schema)
        return mr_error_memory(error, sizeof *fields);
    MR_TRY(swap_columns(job, plan, swapped.schema, &columns, error));
    if (plan->condition)
        MR_TRY(mr_expression_substitute(arena, plan->condition, columns, &swapped.condition, error));
    MR_TRY(mr_sql_build_stream_with_static(job, &swapped, &joined, error));
    *config = (struct mr_project_config){columns, left + right};
    *out = mr_job_add_node(job, &mr_project_operator, config, &joined, 1, plan->schema);
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}

/* ---- the static side ---- */
static int move_sources(struct mr_job *from, struct mr_job *to, const struct mr_plan *plan,
                        struct mr_error *error)
{
    bool here = plan->source && plan->source->index < from->source_count &&
                from->sources[plan->source->index] == plan->source; /* two scans may share one */
    if (plan->kind == MR_PLAN_SCAN && here)
        MR_TRY(mr_job_move_source(from, to, plan->source, error));
    for (int i = 0; i < plan->input_count; i++)
        MR_TRY(move_sources(from, to, plan->inputs[i], error));
    return MR_OK;
}

static bool varies(const struct mr_expression *e)
{
    if (!e)
        return false;
    if (!e->deterministic || (e->kind == MR_EXPR_CALL && e->function->flags & MR_FN_BATCH_CONSTANT))
        return true;
    for (int i = 0; i < e->argument_count; i++)
        if (varies(e->arguments[i]))
            return true;
    return false;
}

static bool any_varies(const struct mr_expression *const *list, int count)
{
    for (int i = 0; list && i < count; i++)
        if (varies(list[i]))
            return true;
    return false;
}

/* Do the plan's rows depend on more than what it reads? */
static bool plan_varies(const struct mr_plan *plan)
{
    bool found = varies(plan->condition) || varies(plan->generate.generator) ||
                 any_varies(plan->expressions, plan->expressions ? plan->schema->field_count : 0);
    for (int i = 0; i < plan->expand.projection_count; i++)
        found = found || any_varies(plan->expand.projections[i], plan->expand.column_count);
    for (int i = 0; i < plan->aggregate_count; i++)
        found = found || any_varies(plan->aggregates[i]->arguments, plan->aggregates[i]->argument_count) ||
                varies(plan->aggregates[i]->filter);
    for (int i = 0; i < plan->sort_count; i++)
        found = found || varies(plan->sort_keys[i].expression);
    for (int i = 0; !found && i < plan->input_count; i++)
        found = plan_varies(plan->inputs[i]);
    return found;
}

static const char *name_of(struct mr_job *job, const struct mr_plan *plan)
{
    while (plan->input_count == 1)
        plan = plan->inputs[0];
    if (plan->kind == MR_PLAN_SCAN && plan->relation && *plan->relation)
        return mr_arena_format(&job->arena, "`%s`", plan->relation);
    return "a query";
}

int mr_sql_build_stream_with_static(struct mr_job *job, const struct mr_plan *plan,
                                    const struct mr_node **out, struct mr_error *error)
{
    if (!plan->inputs[0]->streaming)
        return build_swapped(job, plan, out, error);
    const struct mr_plan *right = plan->inputs[1];
    const struct mr_node *inputs[2] = {NULL, NULL};
    const char *name = name_of(job, right);
    struct mr_static_side *side = NULL;
    if (!name)
        return mr_error_memory(error, 64);
    MR_TRY(mr_sql_build_nodes(job, plan->inputs[0], &inputs[0], error));
    MR_TRY(mr_job_add_static_side(job, name, &side, error));
    struct mr_job *static_job = mr_static_side_job(side);
    static_job->varies = plan_varies(right);
    MR_TRY(move_sources(job, static_job, right, error));
    MR_TRY(mr_sql_build_nodes(static_job, right, &inputs[1], error));
    return mr_sql_build_static_join(job, side, plan, inputs, out, error);
}
