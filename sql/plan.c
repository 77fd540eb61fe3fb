/* sql/plan.c: nodes of the logical plan. */
#include "sql/analysis.h"

struct mr_plan *mr_plan_new(struct mr_analysis *a, enum mr_plan_kind kind, struct mr_plan *input,
                            uint32_t start, uint32_t stop)
{
    struct mr_plan *plan = MR_ARENA_NEW(a->arena, struct mr_plan);
    struct mr_plan **inputs = MR_ARENA_ARRAY(a->arena, struct mr_plan *, 1);
    if (!plan || !inputs) {
        mr_error_memory(a->error, sizeof *plan);
        return NULL;
    }
    plan->kind = kind;
    plan->inputs = inputs;
    plan->origin = a->origin;
    plan->start = start;
    plan->stop = stop;
    plan->limit = -1;
    plan->watermark.column = plan->session_group = -1;
    if (input) {
        inputs[0] = input;
        plan->input_count = 1;
        plan->schema = input->schema;
        plan->delays = input->delays;
        plan->streaming = input->streaming;
    }
    return plan;
}

int64_t mr_plan_delay_of(const struct mr_plan *input, const struct mr_expression *e)
{
    if (e->kind == MR_EXPR_COLUMN && e->column < input->schema->field_count)
        return input->delays[e->column];
    return -1;
}

static int shape(struct mr_analysis *a, struct mr_plan *plan, const struct mr_field *fields,
                 const int64_t *delays, int count)
{
    int64_t *copy = MR_ARENA_ARRAY(a->arena, int64_t, count + 1);
    plan->schema = mr_type_struct(a->arena, fields, count);
    if (!plan->schema || !copy)
        return mr_error_memory(a->error, sizeof *copy);
    if (count > 0)
        memcpy(copy, delays, sizeof *copy * (size_t)count);
    plan->delays = copy;
    return MR_OK;
}

int mr_plan_project(struct mr_analysis *a, struct mr_plan *input,
                    const struct mr_expression *const *expressions, const char *const *names, int count,
                    struct mr_plan **out)
{
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_PROJECT, input, input->start, input->stop);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, count + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, count + 1);
    if (!plan || !fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < count; i++) {
        const struct mr_expression *e = expressions[i];
        if (e->kind == MR_EXPR_COLUMN)
            fields[i] = input->schema->fields[e->column]; /* comment and metadata go along */
        fields[i].name = names[i];
        fields[i].type = e->type;
        fields[i].nullable = e->nullable;
        delays[i] = mr_plan_delay_of(input, e);
    }
    plan->expressions = expressions;
    *out = plan;
    return shape(a, plan, fields, delays, count);
}

int mr_plan_filter(struct mr_analysis *a, struct mr_plan *input, const struct mr_expression *condition,
                   struct mr_plan **out)
{
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_FILTER, input, input->start, input->stop);
    if (!plan)
        return a->error->code;
    plan->condition = condition;
    *out = plan;
    return MR_OK;
}

int mr_plan_append(struct mr_analysis *a, struct mr_plan *input, const struct mr_expression *expression,
                   const char *name, int64_t delay_us, struct mr_plan **out)
{
    int count = input->schema->field_count;
    const struct mr_expression **expressions =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, count + 1);
    if (!expressions || !names)
        return mr_error_memory(a->error, sizeof *names);
    for (int i = 0; i < count; i++) {
        names[i] = input->schema->fields[i].name;
        MR_TRY(mr_sql_plan_column(a, input, i, NULL, NULL, &expressions[i]));
    }
    expressions[count] = expression;
    names[count] = name;
    MR_TRY(mr_plan_project(a, input, expressions, names, count + 1, out));
    if (delay_us >= 0)
        ((int64_t *)(*out)->delays)[count] = delay_us;
    return MR_OK;
}

int mr_plan_aggregate(struct mr_analysis *a, struct mr_plan *input, const int *group_columns, int group_count,
                      const struct mr_aggregate *const *aggregates, const char *const *names,
                      int aggregate_count, struct mr_plan **out)
{
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_AGGREGATE, input, input->start, input->stop);
    int count = group_count + aggregate_count;
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, count + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, count + 1);
    if (!plan || !fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < group_count; i++) {
        fields[i] = input->schema->fields[group_columns[i]];
        delays[i] = input->delays[group_columns[i]];
    }
    for (int i = 0; i < aggregate_count; i++) {
        fields[group_count + i] = (struct mr_field){.name = names[i],
                                                    .type = aggregates[i]->result,
                                                    .nullable = aggregates[i]->nullable};
        delays[group_count + i] = -1;
    }
    plan->group_columns = group_columns;
    plan->group_count = group_count;
    plan->aggregates = aggregates;
    plan->aggregate_count = aggregate_count;
    *out = plan;
    return shape(a, plan, fields, delays, count);
}

int mr_plan_distinct(struct mr_analysis *a, struct mr_plan *input, struct mr_plan **out)
{
    int count = input->schema->field_count;
    int *columns = MR_ARENA_ARRAY(a->arena, int, count + 1);
    if (!columns)
        return mr_error_memory(a->error, sizeof *columns);
    for (int i = 0; i < count; i++)
        columns[i] = i;
    return mr_plan_aggregate(a, input, columns, count, NULL, NULL, 0, out);
}

/* ---- text ---- */
static const char *const kind_names[] = {
    [MR_PLAN_SCAN] = "Scan",           [MR_PLAN_PROJECT] = "Project",
    [MR_PLAN_FILTER] = "Filter",       [MR_PLAN_EXPAND] = "Expand",
    [MR_PLAN_GENERATE] = "Generate",   [MR_PLAN_WATERMARK] = "Watermark",
    [MR_PLAN_AGGREGATE] = "Aggregate", [MR_PLAN_DEDUPLICATE] = "Deduplicate",
    [MR_PLAN_WINDOW] = "Window",       [MR_PLAN_UNION] = "Union",
    [MR_PLAN_JOIN] = "Join",           [MR_PLAN_SORT] = "Sort",
    [MR_PLAN_LIMIT] = "Limit",         [MR_PLAN_EXPECT] = "Expect",
    [MR_PLAN_CUSTOM] = "Custom",
};

static void list_expressions(struct mr_text *out, const struct mr_expression *const *list, int count)
{
    mr_text_append_str(out, " [");
    for (int i = 0; i < count; i++) {
        mr_text_append_str(out, i > 0 ? ", " : "");
        mr_expression_name(out, list[i], NULL);
    }
    mr_text_append_char(out, ']');
}

static void details(struct mr_text *out, const struct mr_plan *plan)
{
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        mr_text_format(out, " %s [", plan->relation);
        for (int i = 0, n = 0; i < plan->schema->field_count; i++)
            if (!plan->used || plan->used[i])
                mr_text_format(out, "%s%s", n++ > 0 ? ", " : "", plan->schema->fields[i].name);
        mr_text_append_char(out, ']');
        break;
    case MR_PLAN_PROJECT:
        list_expressions(out, plan->expressions, plan->schema->field_count);
        break;
    case MR_PLAN_FILTER:
    case MR_PLAN_JOIN:
        if (plan->condition)
            list_expressions(out, &plan->condition, 1);
        break;
    case MR_PLAN_EXPAND:
        mr_text_format(out, " %d", plan->expand.projection_count);
        break;
    case MR_PLAN_GENERATE:
        list_expressions(out, &plan->generate.generator, 1);
        break;
    case MR_PLAN_WATERMARK:
        mr_text_format(out, " %s %lld", plan->schema->fields[plan->watermark.column].name,
                       (long long)plan->watermark.delay_us);
        break;
    case MR_PLAN_AGGREGATE:
        mr_text_append_str(out, " [");
        for (int i = 0; i < plan->schema->field_count; i++)
            mr_text_format(out, "%s%s",
                           i == 0                   ? ""
                           : i == plan->group_count ? "; "
                                                    : ", ",
                           plan->schema->fields[i].name);
        mr_text_append_char(out, ']');
        break;
    case MR_PLAN_SORT:
        mr_text_append_str(out, " [");
        for (int i = 0; i < plan->sort_count; i++) {
            mr_text_append_str(out, i > 0 ? ", " : "");
            mr_expression_name(out, plan->sort_keys[i].expression, NULL);
            mr_text_append_str(out, plan->sort_keys[i].descending ? " desc" : "");
        }
        mr_text_append_char(out, ']');
        break;
    case MR_PLAN_LIMIT:
        mr_text_format(out, " %lld %lld", (long long)plan->limit, (long long)plan->offset);
        break;
    default:
        break;
    }
}

static void node_text(struct mr_text *out, const struct mr_plan *plan, int depth)
{
    mr_text_format(out, "%*s%s", 2 * depth, "", kind_names[plan->kind]);
    details(out, plan);
    mr_text_append_char(out, '\n');
    for (int i = 0; i < plan->input_count; i++)
        node_text(out, plan->inputs[i], depth + 1);
}

void mr_plan_text(struct mr_text *out, const struct mr_plan *plan)
{
    node_text(out, plan, 0);
}
