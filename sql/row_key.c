/* sql/row_key.c: the grouping columns of an aggregation, followed through what stands above it. */
#include "sql/row_key.h"

#include "expressions/function.h"

struct trace { /* where an output column comes from */
    int group; /* of the aggregation; -1: from elsewhere */
    int field; /* of that group's STRUCT; -1: all of it */
};

static struct trace trace_expression(const struct mr_expression *e, const struct trace *below)
{
    const struct trace none = {-1, -1};
    if (e->kind == MR_EXPR_COLUMN)
        return below[e->column];
    bool is_field = e->kind == MR_EXPR_CALL && strcmp(e->function->name, ".") == 0 && e->argument_count == 2;
    if (!is_field || e->arguments[0]->kind != MR_EXPR_COLUMN || e->arguments[0]->type->id != MR_STRUCT)
        return none;
    struct trace whole = below[e->arguments[0]->column];
    const struct mr_expression *name = e->arguments[1];
    if (whole.group < 0 || whole.field >= 0 || name->kind != MR_EXPR_LITERAL)
        return none;
    return (struct trace){whole.group, mr_type_field(e->arguments[0]->type,
                                                     mr_view_str(&name->literal->views[0]), false, NULL)};
}

/* The aggregation below projections and filters, NULL: none; traces: of plan's output, in the arena. */
static const struct mr_plan *follow(struct mr_arena *arena, const struct mr_plan *plan, struct trace **traces)
{
    int count = plan->schema->field_count;
    struct trace *below = NULL;
    *traces = MR_ARENA_ARRAY(arena, struct trace, count + 1);
    if (plan->kind == MR_PLAN_AGGREGATE) {
        for (int c = 0; *traces && c < count; c++)
            (*traces)[c] = (struct trace){c < plan->group_count ? c : -1, -1};
        return plan;
    }
    bool passes = plan->kind == MR_PLAN_FILTER || plan->kind == MR_PLAN_EXPECT ||
                  plan->kind == MR_PLAN_SORT || plan->kind == MR_PLAN_LIMIT;
    if (!passes && plan->kind != MR_PLAN_PROJECT)
        return NULL;
    const struct mr_plan *found = follow(arena, plan->inputs[0], &below);
    for (int c = 0; found && below && *traces && c < count; c++)
        (*traces)[c] = passes ? below[c] : trace_expression(plan->expressions[c], below);
    return found;
}

/* Adds the output columns that hold the group; false: some part of it is nowhere. */
static bool find_group(const struct mr_plan *aggregate, int group, const struct trace *traces, int count,
                       struct mr_row_key *key, int *columns)
{
    const struct mr_type *type = aggregate->schema->fields[group].type;
    int fields = type->id == MR_STRUCT ? type->field_count : 0, found = 0, before = key->count;
    for (int c = 0; c < count; c++) {
        if (traces[c].group == group && traces[c].field < 0) {
            columns[before] = c;
            key->count = before + 1;
            return true;
        }
    }
    for (int f = 0; f < fields; f++) {
        for (int c = 0; c < count; c++) {
            if (traces[c].group == group && traces[c].field == f) {
                columns[key->count++] = c;
                found++;
                break;
            }
        }
    }
    return fields > 0 && (found == fields || (found > 0 && aggregate->delays[group] >= 0));
}

int mr_sql_row_key(struct mr_arena *arena, const struct mr_plan *plan, const struct mr_row_key **out,
                   struct mr_error *error)
{
    struct trace *traces = NULL;
    int count = plan->schema->field_count;
    *out = NULL;
    const struct mr_plan *aggregate = follow(arena, plan, &traces);
    if (!aggregate)
        return MR_OK;
    struct mr_row_key *key = MR_ARENA_NEW(arena, struct mr_row_key);
    int *columns = MR_ARENA_ARRAY(arena, int, count + 1);
    if (!traces || !key || !columns)
        return mr_error_memory(error, sizeof *traces * (size_t)count);
    key->columns = columns;
    for (int group = 0; group < aggregate->group_count && !key->missing; group++)
        if (!find_group(aggregate, group, traces, count, key, columns))
            key->missing = aggregate->schema->fields[group].name;
    *out = key;
    return MR_OK;
}
