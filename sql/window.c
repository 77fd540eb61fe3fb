/* sql/window.c: time windows as columns. window(ts, d) becomes a column computed below the operator that
 * names it, rows without a time left out; a sliding window becomes one row per window that holds the time. A
 * session window is [ts, ts + gap) until the aggregation over it makes sessions of them. */
#include "expressions/window.h"
#include "sql/analysis.h"

#define MAX_PANES 10000 /* windows that one row may fall into */

static int64_t delay_of(const struct mr_resolution *r, const struct mr_expression *time)
{
    if (time->kind == MR_EXPR_CALL && strcmp(time->function->name, "window_time") == 0)
        time = time->arguments[0];
    return mr_plan_delay_of(r->input->plan, time);
}

/* window(ts - shift, …) */
static int pane(struct mr_analysis *a, const struct mr_sql_expression *ast, const struct mr_expression *call,
                int64_t shift_us, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *sides[2] = {call->arguments[0], NULL}, *arguments[4];
    mr_sql_builder(a, ast, &b);
    for (int i = 0; i < 4; i++)
        arguments[i] = call->arguments[i];
    if (shift_us > 0) {
        MR_TRY(mr_expression_i64(&b, mr_type_interval(false, 0, 3), shift_us, &sides[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("-"), sides, 2, &arguments[0], a->error));
    }
    return mr_expression_call(&b, MR_STR("window"), arguments, 4, out, a->error);
}

/* ts < window.end */
static int inside(struct mr_analysis *a, const struct mr_sql_expression *ast,
                  const struct mr_expression *time, const struct mr_expression *window,
                  const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *field[2] = {window, NULL}, *sides[2] = {time, NULL};
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_string(&b, MR_STR("end"), &field[1], a->error));
    MR_TRY(mr_expression_call(&b, MR_STR("."), field, 2, &sides[1], a->error));
    return mr_expression_call(&b, MR_STR("<"), sides, 2, out, a->error);
}

/* Rows without a time are left out. */
static int with_time(struct mr_resolution *r, const struct mr_sql_expression *ast,
                     const struct mr_expression *time)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *known = NULL;
    if (!time->nullable)
        return MR_OK;
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_call(&b, MR_STR("isnotnull"), &time, 1, &known, a->error));
    return mr_plan_filter(a, r->input->plan, known, &r->input->plan);
}

static int sliding(struct mr_resolution *r, const struct mr_sql_expression *ast,
                   const struct mr_expression *call, const struct mr_window *w, int64_t delay_us)
{
    struct mr_analysis *a = r->analysis;
    MR_TRY(with_time(r, ast, call->arguments[0]));
    struct mr_plan *input = r->input->plan, *plan = NULL;
    int count = input->schema->field_count;
    int64_t panes = w->duration_us / w->slide_us + (w->duration_us % w->slide_us != 0);
    if (panes > MAX_PANES)
        return mr_sql_unsupported(a, ast->start, ast->stop,
                                  "A row would be in %lld windows; the limit is %d.", (long long)panes,
                                  MAX_PANES);
    /* The projection gives schema and marks; its kind is changed to EXPAND. */
    MR_TRY(mr_plan_append(a, input, call, "window", delay_us, &plan));
    const struct mr_expression *const **projections =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *const *, panes);
    const struct mr_expression **conditions = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, panes);
    if (!projections || !conditions)
        return mr_error_memory(a->error, sizeof *projections * (size_t)panes);
    for (int64_t i = 0; i < panes; i++) {
        const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
        if (!list)
            return mr_error_memory(a->error, sizeof *list);
        memcpy(list, plan->expressions, sizeof *list * (size_t)count);
        MR_TRY(pane(a, ast, call, i * w->slide_us, &list[count]));
        MR_TRY(inside(a, ast, call->arguments[0], list[count], &conditions[i]));
        projections[i] = list;
    }
    plan->kind = MR_PLAN_EXPAND;
    plan->expressions = NULL;
    plan->expand = (struct mr_expand_config){projections, conditions, (int)panes, count + 1};
    r->input->plan = plan;
    return MR_OK;
}

/* end > start: rows without a gap, or with one that is not positive, are left out too. */
static int with_gap(struct mr_resolution *r, const struct mr_sql_expression *ast, int column)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *end[2], *start[2], *sides[2], *positive = NULL;
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_sql_plan_column(a, r->input->plan, column, NULL, ast, &end[0]));
    start[0] = end[0];
    MR_TRY(mr_expression_string(&b, MR_STR("end"), &end[1], a->error));
    MR_TRY(mr_expression_string(&b, MR_STR("start"), &start[1], a->error));
    MR_TRY(mr_expression_call(&b, MR_STR("."), end, 2, &sides[0], a->error));
    MR_TRY(mr_expression_call(&b, MR_STR("."), start, 2, &sides[1], a->error));
    MR_TRY(mr_expression_call(&b, MR_STR(">"), sides, 2, &positive, a->error));
    return mr_plan_filter(a, r->input->plan, positive, &r->input->plan);
}

static int tumbling(struct mr_resolution *r, const struct mr_sql_expression *ast,
                    const struct mr_expression *call, const char *name, int64_t delay_us)
{
    MR_TRY(with_time(r, ast, call->arguments[0]));
    return mr_plan_append(r->analysis, r->input->plan, call, name, delay_us, &r->input->plan);
}

static int session_of(struct mr_resolution *r, const struct mr_sql_expression *ast,
                      const struct mr_expression *call, int64_t delay_us, int column)
{
    int64_t gap_us = 0;
    MR_TRY(tumbling(r, ast, call, "session_window", delay_us));
    if (mr_session_window_gap(call, &gap_us) && gap_us > 0)
        return MR_OK;
    return with_gap(r, ast, column);
}

int mr_sql_add_window(struct mr_resolution *r, const struct mr_sql_expression *ast,
                      const struct mr_expression *call, bool session, int *column)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_window *w = mr_window_of(call);
    const char *name = session ? "session_window" : "window";
    if (r->window->call) {
        if (!mr_expression_equal(r->window->call, call))
            return mr_sql_error(a, ast->start, ast->stop, "_LEGACY_ERROR_TEMP_1039",
                                "Only one time window can be computed in one query block; nest the queries.");
        *column = r->window->column;
        return MR_OK;
    }
    int64_t delay_us = delay_of(r, call->arguments[0]);
    *column = r->input->plan->schema->field_count;
    if (w && w->slide_us < w->duration_us)
        MR_TRY(sliding(r, ast, call, w, delay_us));
    else if (session)
        MR_TRY(session_of(r, ast, call, delay_us, *column));
    else
        MR_TRY(tumbling(r, ast, call, name, delay_us));
    /* Rows without a time are gone. */
    ((struct mr_field *)r->input->plan->schema->fields)[*column].nullable = false;
    *r->window = (struct mr_time_window){call, *column, session};
    struct mr_scope_column known = {.name = mr_str_of(name), .column = *column, .hidden = true};
    return mr_scope_add(a, &r->input->scope, known);
}
