/* sql/plan_join.c: a join's keys, found in its condition. */
#include "expressions/function.h"
#include "operators/join.h"
#include "sql/plan_join.h"

struct sides {
    struct mr_job *job;
    const struct mr_plan *plan;
    struct mr_error *error;
    int left_width, right_width;
    const struct mr_expression *keys[2][MR_SQL_MAX_JOIN_KEYS]; /* over one side's columns each */
    bool null_safe[MR_SQL_MAX_JOIN_KEYS];
    int key_count;
    const struct mr_expression *rest; /* what is left of the condition */
};

int mr_sql_join_sides_of(const struct mr_plan *join, const struct mr_expression *e)
{
    if (e->kind == MR_EXPR_COLUMN)
        return e->column < join->inputs[0]->schema->field_count ? 1 : 2;
    int sides = 0;
    for (int i = 0; i < e->argument_count; i++)
        sides |= mr_sql_join_sides_of(join, e->arguments[i]);
    return sides;
}

int mr_sql_join_over_side(struct mr_job *job, const struct mr_plan *join, int side,
                          const struct mr_expression *e, const struct mr_expression **out,
                          struct mr_error *error)
{
    int left = join->inputs[0]->schema->field_count, right = join->inputs[1]->schema->field_count;
    struct mr_expression_builder b = {.arena = &job->arena, .session = &job->session};
    const struct mr_expression **columns =
        MR_ARENA_ARRAY(&job->arena, const struct mr_expression *, left + right + 1);
    if (!columns)
        return mr_error_memory(error, sizeof *columns);
    for (int i = 0; i < join->inputs[side]->schema->field_count; i++)
        MR_TRY(mr_expression_column(&b, join->inputs[side]->schema, i, &columns[side ? left + i : i], error));
    return mr_expression_substitute(&job->arena, e, columns, out, error);
}

static int add_condition(struct sides *s, const struct mr_expression *e)
{
    struct mr_expression_builder b = {.arena = &s->job->arena,
                                      .session = &s->job->session,
                                      .origin = e->origin,
                                      .sql_start = e->sql_start,
                                      .sql_stop = e->sql_stop};
    const struct mr_expression *both[2] = {s->rest, e};
    if (!s->rest) {
        s->rest = e;
        return MR_OK;
    }
    return mr_expression_call(&b, MR_STR("and"), both, 2, &s->rest, s->error);
}

/* Takes the condition apart at its ANDs. */
static int split(struct sides *s, const struct mr_expression *e)
{
    bool call = e->kind == MR_EXPR_CALL && e->argument_count == 2;
    if (call && strcmp(e->function->name, "and") == 0) {
        MR_TRY(split(s, e->arguments[0]));
        return split(s, e->arguments[1]);
    }
    if (e->kind == MR_EXPR_LITERAL && !mr_column_is_null(e->literal, 0) && e->literal->booleans[0])
        return MR_OK;
    bool null_safe = call && strcmp(e->function->name, "<=>") == 0;
    bool equal = call && (strcmp(e->function->name, "=") == 0 || null_safe);
    if (!equal || !e->deterministic || s->key_count == MR_SQL_MAX_JOIN_KEYS)
        return add_condition(s, e);
    int one = mr_sql_join_sides_of(s->plan, e->arguments[0]),
        other = mr_sql_join_sides_of(s->plan, e->arguments[1]);
    if ((one | other) != 3 || one == 3 || other == 3 ||
        !mr_type_equal(e->arguments[0]->type, e->arguments[1]->type))
        return add_condition(s, e);
    s->keys[0][s->key_count] = e->arguments[one == 1 ? 0 : 1];
    MR_TRY(mr_sql_join_over_side(s->job, s->plan, 1, e->arguments[one == 1 ? 1 : 0],
                                 &s->keys[1][s->key_count], s->error));
    s->null_safe[s->key_count++] = null_safe;
    return MR_OK;
}

/* The input with its keys as columns: columns it has, or computed ones behind them. */
static int keyed_input(struct sides *s, struct mr_job *job, int side, const struct mr_node *input,
                       int *columns, const struct mr_node **out)
{
    struct mr_arena *arena = &s->job->arena;
    const struct mr_type *schema = s->plan->inputs[side]->schema;
    int width = schema->field_count, count = width;
    const struct mr_expression **list =
        MR_ARENA_ARRAY(arena, const struct mr_expression *, width + s->key_count + 1);
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, width + s->key_count + 1);
    struct mr_project_config *config = MR_ARENA_NEW(arena, struct mr_project_config);
    struct mr_expression_builder b = {.arena = arena, .session = &s->job->session};
    if (!list || !fields || !config)
        return mr_error_memory(s->error, sizeof *fields);
    for (int i = 0; i < width; i++) {
        fields[i] = schema->fields[i];
        MR_TRY(mr_expression_column(&b, schema, i, &list[i], s->error));
    }
    for (int k = 0; k < s->key_count; k++) {
        const struct mr_expression *key = s->keys[side][k];
        columns[k] = key->kind == MR_EXPR_COLUMN ? key->column : count;
        if (key->kind == MR_EXPR_COLUMN)
            continue;
        fields[count] = (struct mr_field){.name = "key", .type = key->type, .nullable = true};
        list[count++] = key;
    }
    *out = input;
    if (count == width)
        return MR_OK;
    const struct mr_type *wider = mr_type_struct(arena, fields, count);
    *config = (struct mr_project_config){list, count};
    *out = wider ? mr_job_add_node(job, &mr_project_operator, config, &input, 1, wider) : NULL;
    return *out ? MR_OK : mr_error_memory(s->error, sizeof *config);
}

static enum mr_join_kind kind_of(enum mr_sql_join_kind kind)
{
    switch (kind) {
    case MR_SQL_JOIN_LEFT:
        return MR_JOIN_LEFT;
    case MR_SQL_JOIN_RIGHT:
        return MR_JOIN_RIGHT;
    case MR_SQL_JOIN_FULL:
        return MR_JOIN_FULL;
    case MR_SQL_JOIN_SEMI:
        return MR_JOIN_SEMI;
    case MR_SQL_JOIN_ANTI:
        return MR_JOIN_ANTI;
    case MR_SQL_JOIN_MARK:
        return MR_JOIN_MARK;
    default:
        return MR_JOIN_INNER;
    }
}

int mr_sql_plan_join_sides(struct mr_job *const jobs[2], const struct mr_plan *plan,
                           const struct mr_node *const *inputs, struct mr_planned_join **out,
                           struct mr_error *error)
{
    struct mr_arena *arena = &jobs[0]->arena;
    struct sides s = {.job = jobs[0],
                      .plan = plan,
                      .error = error,
                      .left_width = plan->inputs[0]->schema->field_count,
                      .right_width = plan->inputs[1]->schema->field_count};
    struct mr_planned_join *planned = MR_ARENA_NEW(arena, struct mr_planned_join);
    bool *null_safe = MR_ARENA_ARRAY(arena, bool, MR_SQL_MAX_JOIN_KEYS);
    if (!planned || !null_safe)
        return mr_error_memory(error, sizeof *planned);
    if (plan->condition)
        MR_TRY(split(&s, plan->condition));
    memcpy(null_safe, s.null_safe, sizeof s.null_safe);
    for (int side = 0; side < 2; side++)
        MR_TRY(
            keyed_input(&s, jobs[side], side, inputs[side], planned->columns[side], &planned->sides[side]));
    planned->config = (struct mr_join_config){.kind = kind_of(plan->join),
                                              .left_keys = planned->columns[0],
                                              .right_keys = planned->columns[1],
                                              .null_safe = null_safe,
                                              .key_count = s.key_count,
                                              .left_width = s.left_width,
                                              .right_width = s.right_width,
                                              .condition = s.rest,
                                              .single = plan->single};
    *out = planned;
    return MR_OK;
}

int mr_sql_build_join(struct mr_job *job, const struct mr_plan *plan, const struct mr_node *const *inputs,
                      const struct mr_node **out, struct mr_error *error)
{
    struct mr_job *const jobs[2] = {job, job};
    struct mr_planned_join *planned = NULL;
    MR_TRY(mr_sql_plan_join_sides(jobs, plan, inputs, &planned, error));
    int keys = planned->config.key_count;
    struct mr_node *node =
        mr_job_add_node(job, &mr_batch_join_operator, &planned->config, planned->sides, 2, plan->schema);
    if (!node)
        return mr_error_memory(error, sizeof *node);
    *out = node;
    MR_TRY(mr_job_set_exchange(job, node, 0, planned->columns[0], keys, error));
    return mr_job_set_exchange(job, node, 1, planned->columns[1], keys, error);
}

int mr_sql_build_static_join(struct mr_job *job, struct mr_static_side *side, const struct mr_plan *plan,
                             const struct mr_node *const *inputs, const struct mr_node **out,
                             struct mr_error *error)
{
    struct mr_job *const jobs[2] = {job, mr_static_side_job(side)};
    struct mr_arena *arena = &job->arena;
    struct mr_planned_join *planned = NULL;
    struct mr_static_table_config *table = MR_ARENA_NEW(arena, struct mr_static_table_config);
    struct mr_static_join_config *config = MR_ARENA_NEW(arena, struct mr_static_join_config);
    if (!table || !config)
        return mr_error_memory(error, sizeof *config);
    MR_TRY(mr_sql_plan_join_sides(jobs, plan, inputs, &planned, error));
    const struct mr_type *right = planned->sides[1]->output;
    *config = (struct mr_static_join_config){planned->config, mr_static_side_rows(side), right};
    *table = (struct mr_static_table_config){mr_static_side_rows(side), &config->join};
    *out = mr_job_add_node(job, &mr_static_join_operator, config, &planned->sides[0], 1, plan->schema);
    if (!*out || !mr_job_add_node(jobs[1], &mr_static_table_operator, table, &planned->sides[1], 1, right))
        return mr_error_memory(error, sizeof **out);
    return MR_OK;
}
