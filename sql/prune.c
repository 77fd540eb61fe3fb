/* sql/prune.c: columns nobody uses are neither computed nor carried, and not read where they come from. */
#include "operators/window.h"
#include "sql/optimise.h"

struct columns { /* of one input: what is needed of it, where it is afterwards */
    bool *needed;
    int *map;
    int count;
    const struct mr_expression **moved; /* column i as an expression over the pruned input */
};

static int begin(struct mr_analysis *a, const struct mr_plan *input, struct columns *c)
{
    c->count = input->schema->field_count;
    c->needed = MR_ARENA_ARRAY(a->arena, bool, c->count + 1);
    c->map = MR_ARENA_ARRAY(a->arena, int, c->count + 1);
    c->moved = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, c->count + 1);
    return c->needed && c->map && c->moved ? MR_OK : mr_error_memory(a->error, (size_t)c->count);
}

static int finish(struct mr_analysis *a, struct mr_plan **input, struct columns *c)
{
    const struct mr_type *before = (*input)->schema;
    MR_TRY(mr_sql_prune(a, input, c->needed, c->map));
    for (int i = 0; i < c->count; i++) {
        /* A column that is gone may still be shown in a name (expression->shown); there only its own name
         * counts. */
        const struct mr_field *f = &before->fields[i];
        MR_TRY(mr_sql_column(a, f->type, f->nullable, c->map[i] >= 0 ? c->map[i] : 0, f->name, NULL,
                             &c->moved[i]));
    }
    return MR_OK;
}

static int move(struct mr_analysis *a, const struct columns *c, const struct mr_expression **e)
{
    return mr_expression_substitute(a->arena, *e, c->moved, e, a->error);
}

static int keep_fields(struct mr_analysis *a, struct mr_plan *plan, const bool *kept, int *map)
{
    int before = plan->schema->field_count, count = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, before + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, before + 1);
    if (!fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < before; i++) {
        map[i] = kept[i] ? count : -1;
        if (!kept[i])
            continue;
        fields[count] = plan->schema->fields[i];
        delays[count++] = plan->delays[i];
    }
    plan->schema = mr_type_struct(a->arena, fields, count);
    plan->delays = delays;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

/* The node's output is its input's. */
static void pass_through(struct mr_plan *plan, const struct columns *c, int *map)
{
    plan->schema = plan->inputs[0]->schema;
    if (plan->kind != MR_PLAN_WATERMARK)
        plan->delays = plan->inputs[0]->delays;
    memcpy(map, c->map, sizeof *map * (size_t)c->count);
}

/* ---- by kind ---- */
static int prune_scan(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    int count = plan->schema->field_count;
    plan->used = MR_ARENA_ARRAY(a->arena, bool, count + 1);
    if (!plan->used)
        return mr_error_memory(a->error, (size_t)count);
    for (int i = 0; i < count; i++) {
        plan->used[i] = needed[i];
        map[i] = i;
    }
    return MR_OK;
}

static int prune_project(struct mr_analysis *a, struct mr_plan **plan, const bool *needed, int *map)
{
    struct mr_plan *p = *plan;
    struct columns c;
    int before = p->schema->field_count, count = 0;
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, before + 1);
    if (!list)
        return mr_error_memory(a->error, sizeof *list);
    MR_TRY(begin(a, p->inputs[0], &c));
    for (int i = 0; i < before; i++)
        if (needed[i])
            mr_expression_columns_used(p->expressions[i], c.needed);
    MR_TRY(finish(a, &p->inputs[0], &c));
    for (int i = 0; i < before; i++)
        if (needed[i]) {
            list[count] = p->expressions[i];
            MR_TRY(move(a, &c, &list[count]));
            count++;
        }
    MR_TRY(keep_fields(a, p, needed, map));
    p->expressions = list;
    if (count == 0) /* only the number of rows counts */
        *plan = p->inputs[0];
    return MR_OK;
}

static int prune_filter(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    MR_TRY(begin(a, plan->inputs[0], &c));
    memcpy(c.needed, needed, (size_t)c.count);
    mr_expression_columns_used(plan->condition, c.needed);
    MR_TRY(finish(a, &plan->inputs[0], &c));
    MR_TRY(move(a, &c, &plan->condition));
    pass_through(plan, &c, map);
    return MR_OK;
}

static int prune_expand(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct mr_expand_config *e = &plan->expand;
    struct columns c;
    const struct mr_expression *const **projections =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *const *, e->projection_count);
    const struct mr_expression **conditions =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, e->projection_count);
    if (!projections || !conditions)
        return mr_error_memory(a->error, sizeof *projections);
    MR_TRY(begin(a, plan->inputs[0], &c));
    for (int p = 0; p < e->projection_count; p++) {
        for (int i = 0; i < e->column_count; i++)
            if (needed[i])
                mr_expression_columns_used(e->projections[p][i], c.needed);
        if (e->conditions && e->conditions[p])
            mr_expression_columns_used(e->conditions[p], c.needed);
    }
    MR_TRY(finish(a, &plan->inputs[0], &c));
    int kept = 0;
    for (int p = 0; p < e->projection_count; p++) {
        const struct mr_expression **list =
            MR_ARENA_ARRAY(a->arena, const struct mr_expression *, e->column_count + 1);
        if (!list)
            return mr_error_memory(a->error, sizeof *list);
        kept = 0;
        for (int i = 0; i < e->column_count; i++)
            if (needed[i]) {
                list[kept] = e->projections[p][i];
                MR_TRY(move(a, &c, &list[kept]));
                kept++;
            }
        projections[p] = list;
        if (e->conditions && e->conditions[p]) {
            conditions[p] = e->conditions[p];
            MR_TRY(move(a, &c, &conditions[p]));
        }
    }
    MR_TRY(keep_fields(a, plan, needed, map));
    *e = (struct mr_expand_config){projections, e->conditions ? conditions : NULL, e->projection_count, kept};
    return MR_OK;
}

static int prune_generate(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    int total = plan->schema->field_count;
    bool *kept = MR_ARENA_ARRAY(a->arena, bool, total + 1);
    if (!kept)
        return mr_error_memory(a->error, (size_t)total);
    MR_TRY(begin(a, plan->inputs[0], &c));
    memcpy(c.needed, needed, (size_t)c.count);
    mr_expression_columns_used(plan->generate.generator, c.needed);
    MR_TRY(finish(a, &plan->inputs[0], &c));
    MR_TRY(move(a, &c, &plan->generate.generator));
    /* Output: all the pruned input has, then the new columns. */
    int inputs = plan->inputs[0]->schema->field_count, made = total - c.count;
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, inputs + made + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, inputs + made + 1);
    if (!fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < inputs + made; i++) {
        fields[i] =
            i < inputs ? plan->inputs[0]->schema->fields[i] : plan->schema->fields[c.count + i - inputs];
        delays[i] = i < inputs ? plan->inputs[0]->delays[i] : -1;
    }
    for (int i = 0; i < total; i++)
        map[i] = i < c.count ? c.map[i] : inputs + i - c.count;
    plan->schema = mr_type_struct(a->arena, fields, inputs + made);
    plan->delays = delays;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

static int prune_watermark(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    MR_TRY(begin(a, plan->inputs[0], &c));
    memcpy(c.needed, needed, (size_t)c.count);
    c.needed[plan->watermark.column] = true;
    MR_TRY(finish(a, &plan->inputs[0], &c));
    int count = plan->inputs[0]->schema->field_count;
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, count + 1);
    if (!delays)
        return mr_error_memory(a->error, sizeof *delays);
    plan->watermark.column = c.map[plan->watermark.column];
    for (int i = 0; i < count; i++)
        delays[i] = i == plan->watermark.column ? plan->watermark.delay_us : -1;
    plan->delays = delays;
    pass_through(plan, &c, map);
    return MR_OK;
}

static int move_aggregate(struct mr_analysis *a, const struct columns *c,
                          const struct mr_aggregate **aggregate)
{
    struct mr_aggregate *copy = MR_ARENA_NEW(a->arena, struct mr_aggregate);
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, (*aggregate)->argument_count + 1);
    if (!copy || !arguments)
        return mr_error_memory(a->error, sizeof *copy);
    *copy = **aggregate;
    for (int i = 0; i < copy->argument_count; i++) {
        arguments[i] = copy->arguments[i];
        MR_TRY(move(a, c, &arguments[i]));
        MR_TRY(mr_sql_fold(a, &arguments[i]));
    }
    copy->arguments = arguments;
    if (copy->filter)
        MR_TRY(move(a, c, &copy->filter));
    *aggregate = copy;
    return MR_OK;
}

static int prune_aggregate(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    int total = plan->schema->field_count, count = 0;
    bool *kept = MR_ARENA_ARRAY(a->arena, bool, total + 1);
    int *groups = MR_ARENA_ARRAY(a->arena, int, plan->group_count + 1);
    const struct mr_aggregate **list =
        MR_ARENA_ARRAY(a->arena, const struct mr_aggregate *, plan->aggregate_count + 1);
    if (!kept || !groups || !list)
        return mr_error_memory(a->error, sizeof *list);
    MR_TRY(begin(a, plan->inputs[0], &c));
    for (int i = 0; i < plan->group_count; i++) {
        c.needed[plan->group_columns[i]] = true;
        kept[i] = true;
    }
    bool any = plan->group_count > 0;
    for (int i = 0; i < plan->aggregate_count; i++) {
        const struct mr_aggregate *aggregate = plan->aggregates[i];
        /* State of a stream is laid out by all aggregates; of a global one at least one must stay. */
        kept[plan->group_count + i] = needed[plan->group_count + i] || plan->streaming || !any;
        if (!kept[plan->group_count + i])
            continue;
        any = true;
        for (int k = 0; k < aggregate->argument_count; k++)
            mr_expression_columns_used(aggregate->arguments[k], c.needed);
        if (aggregate->filter)
            mr_expression_columns_used(aggregate->filter, c.needed);
    }
    MR_TRY(finish(a, &plan->inputs[0], &c));
    for (int i = 0; i < plan->group_count; i++)
        groups[i] = c.map[plan->group_columns[i]];
    for (int i = 0; i < plan->aggregate_count; i++)
        if (kept[plan->group_count + i]) {
            list[count] = plan->aggregates[i];
            MR_TRY(move_aggregate(a, &c, &list[count]));
            count++;
        }
    MR_TRY(keep_fields(a, plan, kept, map));
    plan->group_columns = groups;
    plan->aggregates = list;
    plan->aggregate_count = count;
    return MR_OK;
}

static int prune_deduplicate(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    int *columns = MR_ARENA_ARRAY(a->arena, int, plan->group_count + 1);
    if (!columns)
        return mr_error_memory(a->error, sizeof *columns);
    MR_TRY(begin(a, plan->inputs[0], &c));
    for (int i = 0; i < c.count; i++) /* the event time drives eviction */
        c.needed[i] = needed[i] || plan->delays[i] >= 0;
    for (int i = 0; i < plan->group_count; i++)
        c.needed[plan->group_columns[i]] = true;
    MR_TRY(finish(a, &plan->inputs[0], &c));
    for (int i = 0; i < plan->group_count; i++)
        columns[i] = c.map[plan->group_columns[i]];
    plan->group_columns = columns;
    pass_through(plan, &c, map);
    return MR_OK;
}

/* Who knows what the processor looks at; and it emits what it emits. */
static int prune_custom(struct mr_analysis *a, struct mr_plan *plan, int *map)
{
    struct columns c;
    MR_TRY(begin(a, plan->inputs[0], &c));
    for (int i = 0; i < c.count; i++)
        c.needed[i] = true;
    for (int i = 0; i < plan->schema->field_count; i++)
        map[i] = i;
    return finish(a, &plan->inputs[0], &c);
}

/* All inputs get the same columns in the same order. */
static int prune_union(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    int total = plan->schema->field_count;
    for (int i = 0; i < plan->input_count; i++) {
        struct columns c;
        int count = 0;
        MR_TRY(begin(a, plan->inputs[i], &c));
        memcpy(c.needed, needed, (size_t)c.count);
        MR_TRY(finish(a, &plan->inputs[i], &c));
        const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, total + 1);
        const char **names = MR_ARENA_ARRAY(a->arena, const char *, total + 1);
        bool same = true;
        if (!list || !names)
            return mr_error_memory(a->error, sizeof *list);
        for (int k = 0; k < total; k++)
            if (needed[k]) {
                same = same && c.map[k] == count;
                names[count] = plan->schema->fields[k].name;
                list[count++] = c.moved[k];
            }
        if (!same || count != plan->inputs[i]->schema->field_count)
            MR_TRY(mr_plan_project(a, plan->inputs[i], list, names, count, &plan->inputs[i]));
    }
    return keep_fields(a, plan, needed, map);
}

static int prune_join(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns left, right;
    int total = plan->schema->field_count;
    MR_TRY(begin(a, plan->inputs[0], &left));
    MR_TRY(begin(a, plan->inputs[1], &right));
    int both = left.count + right.count;
    bool *used = MR_ARENA_ARRAY(a->arena, bool, both + 1);
    const struct mr_expression **moved = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, both + 1);
    bool *kept = MR_ARENA_ARRAY(a->arena, bool, both + 1);
    if (!used || !moved || !kept)
        return mr_error_memory(a->error, (size_t)both);
    bool mark = plan->join == MR_SQL_JOIN_MARK; /* its column is of neither side */
    if (mark)
        total--;
    memcpy(used, needed, (size_t)total);
    if (plan->condition)
        mr_expression_columns_used(plan->condition, used);
    for (int i = 0; i < both; i++) {
        const struct columns *side = i < left.count ? &left : &right;
        int column = i < left.count ? i : i - left.count;
        side->needed[column] = used[i]; /* an event time too: unused, it makes no row late (Spark's way) */
    }
    MR_TRY(finish(a, &plan->inputs[0], &left));
    MR_TRY(finish(a, &plan->inputs[1], &right));
    int shift = plan->inputs[0]->schema->field_count, after = shift + plan->inputs[1]->schema->field_count;
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, after + 2);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, after + 2);
    if (!fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < after; i++) {
        const struct mr_plan *side = plan->inputs[i >= shift];
        fields[i] = side->schema->fields[i < shift ? i : i - shift];
        delays[i] = side->delays[i < shift ? i : i - shift];
    }
    for (int i = 0; i < both; i++) {
        int place = i < left.count ? left.map[i] : right.map[i - left.count];
        if (i >= left.count && place >= 0)
            place += shift;
        if (i < total)
            map[i] = place;
        if (place >= 0 && i < total)
            fields[place].nullable = plan->schema->fields[i].nullable;
        int shown = place >= 0 ? place : 0;
        MR_TRY(mr_sql_column(a, fields[shown].type, fields[shown].nullable, shown, fields[shown].name, NULL,
                             &moved[i]));
    }
    if (plan->condition)
        MR_TRY(mr_expression_substitute(a->arena, plan->condition, moved, &plan->condition, a->error));
    bool one_side = plan->join == MR_SQL_JOIN_SEMI || plan->join == MR_SQL_JOIN_ANTI;
    if (mark) {
        map[total] = shift;
        fields[shift] = plan->schema->fields[total];
        delays[shift] = -1;
        after = shift + 1;
    }
    plan->schema = mr_type_struct(a->arena, fields, one_side ? shift : after);
    plan->delays = delays;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

/* Behind a join of streams: without what only its condition needs, event times above all: a stream has one.
 */
static int drop_unneeded(struct mr_analysis *a, struct mr_plan **plan, int total, const bool *needed,
                         int *map)
{
    struct mr_plan *join = *plan;
    int count = 0;
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, total + 1);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, total + 1);
    if (!list || !names)
        return mr_error_memory(a->error, sizeof *list);
    for (int i = 0; i < total; i++) {
        if (!needed[i]) {
            map[i] = -1;
            continue;
        }
        names[count] = join->schema->fields[map[i]].name;
        MR_TRY(mr_sql_plan_column(a, join, map[i], NULL, NULL, &list[count]));
        map[i] = count++;
    }
    if (count == 0 || count == join->schema->field_count)
        return MR_OK;
    return mr_plan_project(a, join, list, names, count, plan);
}

/* Calls visit for every column number of the window's. */
static void each_window_column(struct mr_window_config *w, void (*visit)(void *ctx, int *column), void *ctx)
{
    for (int i = 0; i < w->partition_count; i++)
        visit(ctx, (int *)&w->partition[i]);
    for (int i = 0; i < w->order_count; i++)
        visit(ctx, (int *)&w->order[i].column);
    for (int i = 0; i < w->argument_count; i++)
        visit(ctx, (int *)&w->arguments[i]);
    if (w->filter >= 0)
        visit(ctx, &w->filter);
    if (w->from.column >= 0)
        visit(ctx, &w->from.column);
    if (w->to.column >= 0)
        visit(ctx, &w->to.column);
}

static void need_column(void *ctx, int *column)
{
    ((bool *)ctx)[*column] = true;
}

static void move_column(void *ctx, int *column)
{
    *column = ((const int *)ctx)[*column];
}

static int prune_window(struct mr_analysis *a, struct mr_plan **plan, const bool *needed, int *map)
{
    struct mr_plan *window = *plan;
    struct columns c;
    MR_TRY(begin(a, window->inputs[0], &c));
    memcpy(c.needed, needed, (size_t)c.count);
    if (needed[c.count])
        each_window_column(window->window, need_column, c.needed);
    MR_TRY(finish(a, &window->inputs[0], &c));
    memcpy(map, c.map, sizeof *map * (size_t)c.count);
    map[c.count] = -1;
    if (!needed[c.count]) { /* nobody wants its value */
        *plan = window->inputs[0];
        return MR_OK;
    }
    each_window_column(window->window, move_column, c.map);
    const struct mr_plan *input = window->inputs[0];
    int count = input->schema->field_count;
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, count + 2);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, count + 2);
    if (!fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < count; i++) {
        fields[i] = input->schema->fields[i];
        delays[i] = input->delays[i];
    }
    fields[count] = window->schema->fields[c.count];
    delays[count] = -1;
    map[c.count] = count;
    window->schema = mr_type_struct(a->arena, fields, count + 1);
    window->delays = delays;
    return window->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

static int prune_sort(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    struct mr_sort_key *keys = (struct mr_sort_key *)plan->sort_keys;
    MR_TRY(begin(a, plan->inputs[0], &c));
    memcpy(c.needed, needed, (size_t)c.count);
    for (int i = 0; i < plan->sort_count; i++)
        mr_expression_columns_used(keys[i].expression, c.needed);
    MR_TRY(finish(a, &plan->inputs[0], &c));
    for (int i = 0; i < plan->sort_count; i++)
        MR_TRY(move(a, &c, &keys[i].expression));
    pass_through(plan, &c, map);
    return MR_OK;
}

static int prune_plain(struct mr_analysis *a, struct mr_plan *plan, const bool *needed, int *map)
{
    struct columns c;
    const struct mr_expression **conditions =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, plan->expect.count + 1);
    if (!conditions)
        return mr_error_memory(a->error, sizeof *conditions);
    MR_TRY(begin(a, plan->inputs[0], &c));
    memcpy(c.needed, needed, (size_t)c.count);
    for (int i = 0; i < plan->expect.count; i++)
        mr_expression_columns_used(plan->expect.conditions[i], c.needed);
    MR_TRY(finish(a, &plan->inputs[0], &c));
    for (int i = 0; i < plan->expect.count; i++) {
        conditions[i] = plan->expect.conditions[i];
        MR_TRY(move(a, &c, &conditions[i]));
    }
    if (plan->kind == MR_PLAN_EXPECT)
        plan->expect.conditions = conditions;
    pass_through(plan, &c, map);
    return MR_OK;
}

int mr_sql_prune(struct mr_analysis *a, struct mr_plan **plan, const bool *needed, int *map)
{
    switch ((*plan)->kind) {
    case MR_PLAN_SCAN:
        return prune_scan(a, *plan, needed, map);
    case MR_PLAN_PROJECT:
        return prune_project(a, plan, needed, map);
    case MR_PLAN_FILTER:
        return prune_filter(a, *plan, needed, map);
    case MR_PLAN_EXPAND:
        return prune_expand(a, *plan, needed, map);
    case MR_PLAN_GENERATE:
        return prune_generate(a, *plan, needed, map);
    case MR_PLAN_WATERMARK:
        return prune_watermark(a, *plan, needed, map);
    case MR_PLAN_AGGREGATE:
        return prune_aggregate(a, *plan, needed, map);
    case MR_PLAN_DEDUPLICATE:
        return prune_deduplicate(a, *plan, needed, map);
    case MR_PLAN_UNION:
        return prune_union(a, *plan, needed, map);
    case MR_PLAN_JOIN: {
        bool streams = (*plan)->inputs[0]->streaming && (*plan)->inputs[1]->streaming;
        int total = (*plan)->schema->field_count;
        MR_TRY(prune_join(a, *plan, needed, map));
        return streams ? drop_unneeded(a, plan, total, needed, map) : MR_OK;
    }
    case MR_PLAN_WINDOW:
        return prune_window(a, plan, needed, map);
    case MR_PLAN_CUSTOM:
        return prune_custom(a, *plan, map);
    case MR_PLAN_SORT:
        return prune_sort(a, *plan, needed, map);
    case MR_PLAN_LIMIT:
    case MR_PLAN_EXPECT:
        return prune_plain(a, *plan, needed, map);
    }
    return MR_OK;
}

int mr_sql_optimise(struct mr_analysis *a, struct mr_plan **plan)
{
    bool inferred = false;
    MR_TRY(mr_sql_simplify(a, plan));
    MR_TRY(mr_sql_infer(a, *plan, &inferred));
    if (inferred)
        MR_TRY(mr_sql_simplify(a, plan));
    int count = (*plan)->schema->field_count;
    bool *needed = MR_ARENA_ARRAY(a->arena, bool, count + 1);
    int *map = MR_ARENA_ARRAY(a->arena, int, count + 1);
    if (!needed || !map)
        return mr_error_memory(a->error, sizeof *map);
    for (int i = 0; i < count; i++)
        needed[i] = true;
    return mr_sql_prune(a, plan, needed, map);
}
