/* sql/planner.c: a plan's nodes as the nodes of a job. */
#include "operators/custom_state.h"
#include "operators/window.h"
#include "sql/checks.h"
#include "sql/panes.h"
#include "sql/plan_join.h"
#include "sql/row_key.h"
#include "sql/sql.h"

struct planner {
    struct mr_job *job;
    struct mr_error *error;
};

static int build(struct planner *p, const struct mr_plan *plan, const struct mr_node **out);

static int add(struct planner *p, const struct mr_operator_type *type, const void *config, size_t config_size,
               const struct mr_node *const *inputs, int count, const struct mr_type *output,
               const struct mr_node **out)
{
    void *copy = mr_arena_allocate(&p->job->arena, config_size ? config_size : 1);
    if (!copy)
        return mr_error_memory(p->error, config_size);
    if (config_size > 0)
        memcpy(copy, config, config_size);
    *out = mr_job_add_node(p->job, type, copy, inputs, count, output);
    return *out ? MR_OK : mr_error_memory(p->error, sizeof **out);
}

static int build_scan(struct planner *p, const struct mr_plan *plan, const struct mr_node **out)
{
    if (!plan->source) { /* known by its schema alone (dry-run): nothing to read */
        const struct mr_node *none[1] = {NULL};
        *out = mr_job_add_node(p->job, &mr_union_operator, NULL, none, 0, plan->schema);
        return *out ? MR_OK : mr_error_memory(p->error, sizeof **out);
    }
    plan->source->used = plan->used;
    *out = mr_job_add_source_node(p->job, plan->source);
    return *out ? MR_OK : mr_error_memory(p->error, sizeof **out);
}

/* Two nodes: before the exchange and behind it. Sessions are made before the exchange unless an aggregate
 * tells the order of rows: then rows go through one by one, to be put in order behind it. panes: what
 * sql/panes.h found; NULL: nothing. */
static int build_aggregate(struct planner *p, const struct mr_plan *plan, const struct mr_panes *panes,
                           const struct mr_node *input, const struct mr_node **out)
{
    struct mr_arena *arena = &p->job->arena;
    int groups = plan->group_count, key_count = 0;
    bool session = plan->session_group >= 0, in_order = false;
    struct mr_session_config config = {
        .aggregate = {.group_columns = plan->group_columns,
                      .group_count = groups,
                      .aggregates = plan->aggregates,
                      .aggregate_count = plan->aggregate_count,
                      .event_time_group = plan->streaming ? mr_sql_event_time_group(plan) : -1,
                      .complete_output = plan->streaming && p->job->mode == MR_MODE_COMPLETE},
        .session_group = plan->session_group,
    };
    size_t size = session ? sizeof config : sizeof config.aggregate; /* which comes first */
    if (panes) {
        config.aggregate.window_count = panes->count;
        config.aggregate.pane_group = panes->group;
        config.aggregate.slide_us = panes->slide_us;
    }
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, groups + 1);
    int *keys = MR_ARENA_ARRAY(arena, int, groups + 1);
    if (!fields || !keys)
        return mr_error_memory(p->error, sizeof *fields);
    for (int i = 0; i < groups; i++) {
        fields[i] = plan->schema->fields[i];
        if (i != plan->session_group)
            keys[key_count++] = i;
    }
    for (int i = 0; i < plan->aggregate_count; i++)
        in_order = in_order || mr_aggregate_tells_order(plan->aggregates[i]);
    fields[groups] = (struct mr_field){.name = "states", .type = mr_type_of(MR_BINARY)};
    const struct mr_type *partial = mr_type_struct(arena, fields, groups + 1);
    if (!partial)
        return mr_error_memory(p->error, sizeof *fields);
    MR_TRY(add(p, session && !in_order ? &mr_partial_session_operator : &mr_partial_aggregate_operator,
               &config, size, &input, 1, partial, out));
    const struct mr_node *below = *out;
    MR_TRY(add(p, session ? &mr_session_operator : &mr_aggregate_operator, &config, size, &below, 1,
               plan->schema, out));
    return mr_job_set_exchange(p->job, (struct mr_node *)*out, 0, keys, key_count, p->error);
}

static int build_deduplicate(struct planner *p, const struct mr_plan *plan, const struct mr_node *input,
                             const struct mr_node **out)
{
    const struct mr_operator_type *type =
        plan->within_watermark ? &mr_deduplicate_within_operator : &mr_deduplicate_operator;
    if (plan->within_watermark && !plan->streaming) {
        mr_error_set(p->error, MR_E_SQL, "_LEGACY_ERROR_TEMP_3102",
                     "drop_duplicates_within_watermark is for streams; drop_duplicates does for a batch.");
        if (!plan->origin)
            return p->error->code;
        return mr_error_in_sql(p->error, plan->origin->file, plan->origin->text, plan->start, plan->stop);
    }
    struct mr_deduplicate_config config = {.columns = plan->group_columns,
                                           .count = plan->group_count,
                                           .event_time_column = -1,
                                           .expires = plan->within_watermark,
                                           .within_watermark = plan->within_watermark};
    for (int i = plan->schema->field_count - 1; plan->streaming && i >= 0; i--)
        if (plan->delays[i] >= 0)
            config.event_time_column = i;
    if (config.event_time_column >= 0)
        config.delay_us = plan->delays[config.event_time_column];
    for (int g = 0; g < plan->group_count; g++)
        config.expires = config.expires || plan->group_columns[g] == config.event_time_column;
    MR_TRY(add(p, type, &config, sizeof config, &input, 1, plan->schema, out));
    return mr_job_set_exchange(p->job, (struct mr_node *)*out, 0, plan->group_columns, plan->group_count,
                               p->error);
}

static int build_custom(struct planner *p, const struct mr_plan *plan, const struct mr_node *input,
                        const struct mr_node **out)
{
    struct mr_custom_config config = *plan->custom;
    const struct mr_type *rows = input->output;
    int keys = config.key_count;
    int *columns = MR_ARENA_ARRAY(&p->job->arena, int, keys + 1);
    config.key = mr_type_struct(&p->job->arena, rows->fields, keys);
    config.rows = mr_type_struct(&p->job->arena, rows->fields + keys, rows->field_count - keys);
    if (!columns || !config.key || !config.rows)
        return mr_error_memory(p->error, sizeof *columns);
    config.event_time_column = -1;
    for (int i = rows->field_count - 1; plan->streaming && config.mode == MR_TIME_EVENT && i >= 0; i--)
        if (plan->inputs[0]->delays[i] >= 0)
            config.event_time_column = i;
    for (int i = 0; i < keys; i++)
        columns[i] = i;
    MR_TRY(add(p, &mr_custom_operator, &config, sizeof config, &input, 1, plan->schema, out));
    return mr_job_set_exchange(p->job, (struct mr_node *)*out, 0, columns, keys, p->error);
}

static int build_one(struct planner *p, const struct mr_plan *plan, const struct mr_node *const *inputs,
                     const struct mr_node **out)
{
    const struct mr_type *schema = plan->schema;
    switch (plan->kind) {
    case MR_PLAN_PROJECT: {
        struct mr_project_config config = {plan->expressions, schema->field_count};
        return add(p, &mr_project_operator, &config, sizeof config, inputs, 1, schema, out);
    }
    case MR_PLAN_FILTER: {
        struct mr_filter_config config = {plan->condition};
        return add(p, &mr_filter_operator, &config, sizeof config, inputs, 1, schema, out);
    }
    case MR_PLAN_EXPAND:
        return add(p, &mr_expand_operator, &plan->expand, sizeof plan->expand, inputs, 1, schema, out);
    case MR_PLAN_GENERATE:
        return add(p, &mr_generate_operator, &plan->generate, sizeof plan->generate, inputs, 1, schema, out);
    case MR_PLAN_WATERMARK:
        return add(p, &mr_watermark_operator, &plan->watermark, sizeof plan->watermark, inputs, 1, schema,
                   out);
    case MR_PLAN_EXPECT:
        return add(p, &mr_expect_operator, &plan->expect, sizeof plan->expect, inputs, 1, schema, out);
    case MR_PLAN_UNION:
        return add(p, &mr_union_operator, NULL, 0, inputs, plan->input_count, schema, out);
    case MR_PLAN_AGGREGATE:
        return build_aggregate(p, plan, NULL, inputs[0], out);
    case MR_PLAN_DEDUPLICATE:
        return build_deduplicate(p, plan, inputs[0], out);
    case MR_PLAN_CUSTOM:
        return build_custom(p, plan, inputs[0], out);
    case MR_PLAN_SORT: {
        struct mr_sort_config config = {plan->sort_keys, plan->sort_count, plan->limit};
        return add(p, &mr_sort_operator, &config, sizeof config, inputs, 1, schema, out);
    }
    case MR_PLAN_LIMIT: {
        struct mr_limit_config config = {plan->limit, plan->offset};
        bool whole = plan->streaming && (p->job->mode == MR_MODE_APPEND || !mr_sql_aggregates_stream(plan));
        return add(p, whole ? &mr_limit_operator : &mr_batch_limit_operator, &config, sizeof config, inputs,
                   1, schema, out);
    }
    case MR_PLAN_WINDOW:
        MR_TRY(add(p, &mr_window_operator, plan->window, sizeof *plan->window, inputs, 1, schema, out));
        return mr_job_set_exchange(p->job, (struct mr_node *)*out, 0, plan->window->partition,
                                   plan->window->partition_count, p->error);
    case MR_PLAN_JOIN:
        return (plan->streaming ? mr_sql_build_stream_join : mr_sql_build_join)(p->job, plan, inputs, out,
                                                                                p->error);
    default:
        return mr_error_set(p->error, MR_E_INTERNAL, "INTERNAL_ERROR", "A plan node of no kind.");
    }
}

/* Below an aggregation that goes by panes: projections over an expand. */
static int build_panes(struct planner *p, const struct mr_plan *plan, const struct mr_panes *panes,
                       const struct mr_node **out)
{
    const struct mr_node *input = NULL;
    if (plan->kind != MR_PLAN_EXPAND) {
        MR_TRY(build_panes(p, plan->inputs[0], panes, &input));
        return build_one(p, plan, &input, out);
    }
    MR_TRY(build(p, plan->inputs[0], &input));
    return add(p, &mr_expand_operator, &panes->expand, sizeof panes->expand, &input, 1, plan->schema, out);
}

static int build(struct planner *p, const struct mr_plan *plan, const struct mr_node **out)
{
    struct mr_panes panes;
    if (plan->kind == MR_PLAN_AGGREGATE) {
        MR_TRY(mr_sql_find_panes(p->job, plan, &panes, p->error));
        if (panes.count > 0) {
            const struct mr_node *input = NULL;
            MR_TRY(build_panes(p, plan->inputs[0], &panes, &input));
            return build_aggregate(p, plan, &panes, input, out);
        }
    }
    if (plan->kind == MR_PLAN_SCAN)
        return build_scan(p, plan, out);
    if (plan->kind == MR_PLAN_JOIN && plan->inputs[0]->streaming != plan->inputs[1]->streaming)
        return mr_sql_build_stream_with_static(p->job, plan, out, p->error);
    const struct mr_node **inputs =
        MR_ARENA_ARRAY(&p->job->arena, const struct mr_node *, plan->input_count + 1);
    if (!inputs)
        return mr_error_memory(p->error, sizeof *inputs);
    for (int i = 0; i < plan->input_count; i++)
        MR_TRY(build(p, plan->inputs[i], &inputs[i]));
    return build_one(p, plan, inputs, out);
}

/* LIMIT over SORT, with projections between: the sort need not give more rows. */
static void limit_sorts(struct mr_plan *plan)
{
    for (int i = 0; i < plan->input_count; i++)
        limit_sorts(plan->inputs[i]);
    if (plan->kind != MR_PLAN_LIMIT || plan->limit < 0)
        return;
    struct mr_plan *below = plan->inputs[0];
    while (below->kind == MR_PLAN_PROJECT)
        below = below->inputs[0];
    if (below->kind == MR_PLAN_SORT)
        below->limit = plan->limit + plan->offset;
}

int mr_sql_build_nodes(struct mr_job *job, const struct mr_plan *plan, const struct mr_node **out,
                       struct mr_error *error)
{
    struct planner planner = {job, error};
    return build(&planner, plan, out);
}

int mr_sql_plan_job(struct mr_job *job, struct mr_plan *plan, const struct mr_node **out,
                    struct mr_error *error)
{
    struct planner p = {job, error};
    if (plan->streaming)
        MR_TRY(mr_sql_check_stream(plan, job->mode, job->allow_late_loss, error));
    limit_sorts(plan);
    MR_TRY(build(&p, plan, out));
    job->output = plan->schema;
    if (!plan->streaming || job->mode != MR_MODE_UPDATE)
        return MR_OK;
    return mr_sql_row_key(&job->arena, plan, &((struct mr_node *)*out)->row_key, error);
}
