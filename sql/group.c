/* sql/group.c: GROUP BY: its expressions and sets, the aggregation, and expressions over its result. */
#include "expressions/function.h"
#include "expressions/resolve.h"
#include "sql/analysis.h"

#define MAX_SETS 4096
#define GROUPING_ID_COLUMN                                                                                   \
    (MR_AGGREGATE_BASE + (1 << 19)) /* stands for the grouping id until the plan is made */

/* ---- the expressions ---- */
static int aggregate_position(struct mr_analysis *a, const struct mr_sql_expression *ast,
                              const struct mr_sql_expression *item)
{
    int size = (int)(item->stop - item->start);
    mr_error_set(a->error, MR_E_SQL, "GROUP_BY_POS_AGGREGATE",
                 "GROUP BY %.*s means %.*s, which holds an aggregate function.", (int)ast->text.size,
                 ast->text.data, size, a->origin->text + item->start);
    mr_error_parameter(a->error, "index", "%.*s", (int)ast->text.size, ast->text.data);
    mr_error_parameter(a->error, "aggExpr", "%.*s", size, a->origin->text + item->start);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* GROUP BY 2 and GROUP BY alias: the item's expression; otherwise ast itself. */
static int grouped_item(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_sql_expression **out, const struct mr_expression **star)
{
    struct mr_analysis *a = r->analysis;
    int position = -1, column = 0, used = 0;
    *out = ast;
    *star = NULL;
    bool has_star = false;
    for (int i = 0; i < r->item_count; i++)
        has_star = has_star || !r->items[i].ast;
    if (ast->kind == MR_SQL_NUMBER && has_star)
        return mr_sql_error(a, ast->start, ast->stop, "STAR_GROUP_BY_POS",
                            "GROUP BY a position cannot stand with a star in the select list.");
    MR_TRY(mr_sql_ordinal(a, ast, r->item_count, "GROUP_BY_POS_OUT_OF_RANGE", &position));
    if (position >= 0 && mr_sql_has_aggregate(r->items[position].ast))
        return aggregate_position(a, ast, r->items[position].ast);
    if (position < 0 && ast->kind == MR_SQL_COLUMN && ast->name->count == 1) {
        int status = mr_scope_find(a, &r->input->scope, ast->name, &column, &used);
        if (status < 0)
            return status;
        for (int i = 0; status == MR_END && i < r->item_count && position < 0; i++)
            if (r->items[i].alias_count == 1 &&
                mr_sql_same_name(a, r->items[i].aliases[0], ast->name->parts[0]))
                position = i;
    }
    if (position >= 0) {
        *out = r->items[position].ast;
        *star = r->items[position].expression;
    }
    return MR_OK;
}

static int not_groupable(struct mr_analysis *a, const struct mr_sql_expression *ast,
                         const struct mr_expression *e)
{
    struct mr_text name, type;
    mr_text_init(&name);
    mr_text_init(&type);
    mr_expression_name(&name, e, NULL);
    mr_type_text(&type, e->type);
    mr_error_set(a->error, MR_E_SQL, "GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE",
                 "Rows cannot be grouped by a %s.", type.data);
    mr_error_parameter(a->error, "sqlExpr", "\"%s\"", name.data);
    mr_error_parameter(a->error, "dataType", "\"%s\"", type.data);
    mr_text_release(&name);
    mr_text_release(&type);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* Adds the expression unless it is there; its number. */
static int add_group(struct mr_resolution *r, const struct mr_sql_expression *ast,
                     struct mr_grouping_plan *out, int *index)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_sql_expression *item = ast;
    const struct mr_expression *e = NULL;
    MR_TRY(grouped_item(r, ast, &item, &e));
    if (!e)
        MR_TRY(mr_sql_resolve(r, item, &e));
    for (int i = 0; i < out->count; i++)
        if (mr_expression_equal(out->groups[i], e)) {
            *index = i;
            return MR_OK;
        }
    if (!mr_type_is_orderable(e->type) && e->type->id != MR_MAP)
        return not_groupable(a, ast, e);
    if ((out->count & (out->count - 1)) == 0) { /* full at powers of two */
        int capacity = out->count ? 2 * out->count : 1;
        const struct mr_expression **groups =
            MR_ARENA_ARRAY(a->arena, const struct mr_expression *, capacity);
        const char **names = MR_ARENA_ARRAY(a->arena, const char *, capacity);
        if (!groups || !names)
            return mr_error_memory(a->error, sizeof *groups);
        for (int i = 0; i < out->count; i++) {
            groups[i] = out->groups[i];
            names[i] = out->names[i];
        }
        out->groups = groups;
        out->names = names;
    }
    MR_TRY(mr_sql_item_name(a, item ? item : ast, e, &out->names[out->count]));
    out->groups[out->count] = e;
    *index = out->count++;
    return MR_OK;
}

/* ---- sets ---- */
struct set_list {
    uint64_t *sets;
    int count;
};

static int new_sets(struct mr_resolution *r, struct set_list *list, int64_t count, uint32_t start,
                    uint32_t stop)
{
    if (count > MAX_SETS)
        return mr_sql_error(r->analysis, start, stop, "FAILED_TO_PARSE_TOO_COMPLEX",
                            "The grouping has more than %d sets.", MAX_SETS);
    list->sets = MR_ARENA_ARRAY(r->analysis->arena, uint64_t, count + 1);
    list->count = (int)count;
    return list->sets ? MR_OK : mr_error_memory(r->analysis->error, sizeof(uint64_t) * (size_t)count);
}

static int bits_of(struct mr_resolution *r, const struct mr_sql_grouping_set *set,
                   struct mr_grouping_plan *out, uint64_t *bits)
{
    *bits = 0;
    for (int i = 0; i < set->count; i++) {
        int index = 0;
        MR_TRY(add_group(r, set->expressions[i], out, &index));
        if (index >= 63)
            return mr_sql_error(r->analysis, set->expressions[i]->start, set->expressions[i]->stop,
                                "GROUPING_SIZE_LIMIT_EXCEEDED",
                                "At most 63 expressions can be grouped in sets.");
        *bits |= (uint64_t)1 << index;
    }
    return MR_OK;
}

static int sets_of(struct mr_resolution *r, const struct mr_sql_grouping *g, struct mr_grouping_plan *out,
                   struct set_list *list);

static int explicit_sets(struct mr_resolution *r, const struct mr_sql_grouping *g,
                         struct mr_grouping_plan *out, struct set_list *list)
{
    MR_TRY(new_sets(r, list, MAX_SETS, g->start, g->stop));
    list->count = 0;
    for (int i = 0; i < g->set_count; i++) {
        struct set_list nested = {0};
        uint64_t bits = 0;
        if (g->sets[i].nested) {
            MR_TRY(sets_of(r, g->sets[i].nested, out, &nested));
        } else {
            MR_TRY(bits_of(r, &g->sets[i], out, &bits));
            nested = (struct set_list){&bits, 1};
        }
        if (list->count + nested.count > MAX_SETS)
            return new_sets(r, list, MAX_SETS + 1, g->start, g->stop);
        for (int k = 0; k < nested.count; k++)
            list->sets[list->count++] = nested.sets[k];
    }
    return MR_OK;
}

static int sets_of(struct mr_resolution *r, const struct mr_sql_grouping *g, struct mr_grouping_plan *out,
                   struct set_list *list)
{
    uint64_t units[64];
    if (g->kind == MR_SQL_GROUPING_SETS)
        return explicit_sets(r, g, out, list);
    if (g->kind == MR_SQL_GROUPING_EXPRESSION) {
        const struct mr_sql_grouping_set one = {(struct mr_sql_expression **)&g->expression, 1, NULL};
        MR_TRY(new_sets(r, list, 1, g->start, g->stop));
        return bits_of(r, &one, out, &list->sets[0]);
    }
    int count = g->set_count;
    if (count > 63)
        return new_sets(r, list, MAX_SETS + 1, g->start, g->stop);
    for (int i = 0; i < count; i++)
        MR_TRY(bits_of(r, &g->sets[i], out, &units[i]));
    bool rollup = g->kind == MR_SQL_GROUPING_ROLLUP;
    MR_TRY(new_sets(r, list,
                    rollup       ? count + 1
                    : count > 20 ? MAX_SETS + 1
                                 : (int64_t)1 << count,
                    g->start, g->stop));
    for (int s = 0; s < list->count; s++) /* the full set first */
        for (int i = 0; i < count; i++) {
            bool in = rollup ? i < count - s : (s >> (count - 1 - i) & 1) == 0;
            list->sets[s] |= in ? units[i] : 0;
        }
    return MR_OK;
}

/* GROUP BY a, ROLLUP(b): every set of one with every set of the other. */
static int cross_sets(struct mr_resolution *r, const struct mr_sql_body *body, struct mr_grouping_plan *out)
{
    struct set_list all = {0};
    MR_TRY(new_sets(r, &all, 1, body->start, body->stop));
    for (int i = 0; i < body->grouping_count; i++) {
        const struct mr_sql_grouping *g = &body->groupings[i];
        struct set_list more = {0}, both = {0};
        MR_TRY(sets_of(r, g, out, &more));
        MR_TRY(new_sets(r, &both, (int64_t)all.count * more.count, g->start, g->stop));
        for (int x = 0; x < all.count; x++)
            for (int y = 0; y < more.count; y++)
                both.sets[x * more.count + y] = all.sets[x] | more.sets[y];
        all = both;
    }
    out->sets = all.sets;
    out->set_count = all.count;
    return MR_OK;
}

static int group_by_all(struct mr_resolution *r, struct mr_grouping_plan *out)
{
    for (int i = 0; i < r->item_count; i++) {
        const struct mr_select_item *item = &r->items[i];
        int index = 0;
        if (item->ast && mr_sql_has_aggregate(item->ast))
            continue;
        if (item->ast) {
            MR_TRY(add_group(r, item->ast, out, &index));
            continue;
        }
        const struct mr_sql_expression star = {.kind = MR_SQL_STAR};
        struct mr_str name = mr_str_of(item->name);
        const struct mr_sql_name column_name = {&name, 1, 0, 0};
        struct mr_sql_expression column = star;
        column.kind = MR_SQL_COLUMN;
        column.name = &column_name;
        MR_TRY(add_group(r, &column, out, &index));
    }
    return MR_OK;
}

int mr_sql_resolve_groups(struct mr_resolution *r, const struct mr_sql_body *body,
                          struct mr_grouping_plan *out)
{
    bool plain = true;
    *out = (struct mr_grouping_plan){0};
    if (body->group == MR_SQL_GROUP_ALL)
        return group_by_all(r, out);
    for (int i = 0; i < body->grouping_count; i++)
        plain = plain && body->groupings[i].kind == MR_SQL_GROUPING_EXPRESSION;
    for (int i = 0; i < body->grouping_count && plain; i++) {
        int index = 0;
        MR_TRY(add_group(r, body->groupings[i].expression, out, &index));
    }
    if (!plain) {
        MR_TRY(cross_sets(r, body, out));
        r->is_grouped = true;
        r->grouping_id = GROUPING_ID_COLUMN;
    }
    r->groups = out->groups;
    r->group_count = out->count;
    return MR_OK;
}

/* ---- the plan ---- */
/* Groups, then the input's columns. */
static int group_projection(struct mr_resolution *r, const struct mr_grouping_plan *groups,
                            struct mr_plan **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_plan *input = r->input->plan;
    int columns = input->schema->field_count, total = groups->count + columns;
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, total + 1);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, total + 1);
    if (!list || !names)
        return mr_error_memory(a->error, sizeof *list);
    for (int i = 0; i < groups->count; i++) {
        list[i] = groups->groups[i];
        names[i] = groups->names[i];
    }
    for (int i = 0; i < columns; i++) {
        names[groups->count + i] = input->schema->fields[i].name;
        MR_TRY(mr_sql_plan_column(a, input, i, NULL, NULL, &list[groups->count + i]));
    }
    return mr_plan_project(a, input, list, names, total, out);
}

/* One row per set: the groups that do not count are NULL; then the grouping id, the set's number, the input.
 */
static int expand_sets(struct mr_resolution *r, const struct mr_grouping_plan *groups, struct mr_plan *input,
                       struct mr_plan **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    int columns = input->schema->field_count, n = groups->count, total = columns + 2;
    const struct mr_expression *const **projections =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *const *, groups->set_count);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, total + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, total + 1);
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_EXPAND, input, input->start, input->stop);
    if (!projections || !fields || !delays || !plan)
        return mr_error_memory(a->error, sizeof *fields);
    mr_sql_builder(a, NULL, &b);
    for (int s = 0; s < groups->set_count; s++) {
        const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, total);
        uint64_t id = 0;
        if (!list)
            return mr_error_memory(a->error, sizeof *list);
        for (int i = 0; i < columns; i++) {
            int place = i < n ? i : i + 2;
            MR_TRY(mr_sql_plan_column(a, input, i, NULL, NULL, &list[place]));
            if (i < n && !(groups->sets[s] >> i & 1)) {
                id |= (uint64_t)1 << (n - 1 - i);
                MR_TRY(mr_expression_null(&b, &list[place], a->error));
                MR_TRY(mr_expression_cast(&b, list[place], input->schema->fields[i].type, false, &list[place],
                                          a->error));
            }
        }
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_BIGINT), (int64_t)id, &list[n], a->error));
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), s, &list[n + 1], a->error));
        projections[s] = list;
    }
    for (int i = 0; i < columns; i++) {
        int place = i < n ? i : i + 2;
        fields[place] = input->schema->fields[i];
        delays[place] = input->delays[i];
        for (int s = 0; s < groups->set_count && i < n; s++)
            fields[place].nullable |= !(groups->sets[s] >> i & 1);
    }
    fields[n] = (struct mr_field){.name = "spark_grouping_id", .type = mr_type_of(MR_BIGINT)};
    fields[n + 1] = (struct mr_field){.name = "grouping_set", .type = mr_type_of(MR_INT)};
    delays[n] = delays[n + 1] = -1;
    plan->schema = mr_type_struct(a->arena, fields, total);
    plan->delays = delays;
    plan->expand = (struct mr_expand_config){projections, NULL, groups->set_count, total};
    *out = plan;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

static bool has_equal_sets(const struct mr_grouping_plan *groups)
{
    for (int i = 0; i < groups->set_count; i++)
        for (int k = 0; k < i; k++)
            if (groups->sets[i] == groups->sets[k])
                return true;
    return false;
}

/* The aggregate with its arguments over the groups' projection: input column i is column shift + i there. */
static int shift_aggregate(struct mr_analysis *a, const struct mr_aggregate *from, const struct mr_plan *plan,
                           int shift, const struct mr_aggregate **out)
{
    int count = plan->schema->field_count - shift;
    const struct mr_expression **columns = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, from->argument_count + 1);
    struct mr_aggregate *copy = MR_ARENA_NEW(a->arena, struct mr_aggregate);
    if (!columns || !arguments || !copy)
        return mr_error_memory(a->error, sizeof *copy);
    for (int i = 0; i < count; i++)
        MR_TRY(mr_sql_plan_column(a, plan, shift + i, NULL, NULL, &columns[i]));
    *copy = *from;
    for (int i = 0; i < from->argument_count; i++)
        MR_TRY(mr_expression_substitute(a->arena, from->arguments[i], columns, &arguments[i], a->error));
    if (from->filter)
        MR_TRY(mr_expression_substitute(a->arena, from->filter, columns, &copy->filter, a->error));
    copy->arguments = arguments;
    *out = copy;
    return MR_OK;
}

/* Which of the groups is a session window. */
static int mark_session(struct mr_resolution *r, const struct mr_grouping_plan *groups, struct mr_plan *plan)
{
    for (int i = 0; r->window->call && r->window->session && i < groups->count; i++) {
        const struct mr_expression *e = groups->groups[i];
        if (e->kind != MR_EXPR_COLUMN || e->column != r->window->column)
            continue;
        for (int s = 0; s < groups->set_count; s++)
            if (!(groups->sets[s] >> i & 1))
                return mr_sql_unsupported(r->analysis, plan->start, plan->stop,
                                          "A session window stands in every grouping set, or in none.");
        plan->session_group = i;
    }
    return MR_OK;
}

int mr_sql_group_plan(struct mr_resolution *r, const struct mr_grouping_plan *groups, struct mr_plan **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_plan *input = NULL;
    const struct mr_aggregate **aggregates =
        MR_ARENA_ARRAY(a->arena, const struct mr_aggregate *, r->aggregate_count + 1);
    int *columns = MR_ARENA_ARRAY(a->arena, int, groups->count + 2);
    if (!aggregates || !columns)
        return mr_error_memory(a->error, sizeof *aggregates);
    MR_TRY(group_projection(r, groups, &input));
    int count = groups->count, shift = groups->count;
    if (groups->set_count > 0) {
        MR_TRY(expand_sets(r, groups, input, &input));
        count += has_equal_sets(groups) ? 2 : 1;
        shift += 2;
    }
    for (int i = 0; i < count; i++)
        columns[i] = i;
    for (int i = 0; i < r->aggregate_count; i++)
        MR_TRY(shift_aggregate(a, r->aggregates[i], input, shift, &aggregates[i]));
    MR_TRY(
        mr_plan_aggregate(a, input, columns, count, aggregates, r->aggregate_names, r->aggregate_count, out));
    return mark_session(r, groups, *out);
}

/* ---- expressions over the result ---- */
static bool commutes(const struct mr_expression *e)
{
    static const char *const names[] = {"+", "*", "=", "<=>", "and", "or", "&", "|", "^"};
    if (e->kind != MR_EXPR_CALL || e->argument_count != 2)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(e->function->name, names[i]) == 0)
            return true;
    return false;
}

/* Equal, with 1 + a the same as a + 1 (at the top: trees below are compared as they are). */
static bool same(const struct mr_expression *x, const struct mr_expression *y)
{
    if (mr_expression_equal(x, y))
        return true;
    return commutes(x) && y->kind == MR_EXPR_CALL && x->function == y->function && y->argument_count == 2 &&
           mr_expression_equal(x->arguments[0], y->arguments[1]) &&
           mr_expression_equal(x->arguments[1], y->arguments[0]);
}

/* HAVING and ORDER BY of groups see the select list and what is grouped by, nothing else. */
static int out_of_sight(struct mr_resolution *r, const struct mr_expression *e)
{
    struct mr_scope scope = {0};
    struct mr_str part = mr_str_of(e->name);
    const struct mr_sql_name name = {&part, 1, e->sql_start, e->sql_stop};
    for (int i = 0; i < r->item_count; i++) {
        struct mr_scope_column item = {.name = mr_str_of(r->items[i].name), .column = i};
        MR_TRY(mr_scope_add(r->analysis, &scope, item));
    }
    return mr_scope_unresolved(r->analysis, &scope, &name);
}

static int missing(struct mr_resolution *r, bool has_group_by, const struct mr_expression *e)
{
    struct mr_analysis *a = r->analysis;
    struct mr_text name;
    if (has_group_by && (r->place == MR_PLACE_HAVING || r->place == MR_PLACE_ORDER_BY))
        return out_of_sight(r, e);
    if (!has_group_by) {
        mr_error_set(a->error, MR_E_SQL, "MISSING_GROUP_BY",
                     "The query has aggregate functions beside plain columns, and no GROUP BY.");
        return mr_sql_error_at(a, e->sql_start, e->sql_stop);
    }
    mr_text_init(&name);
    mr_expression_name(&name, e, NULL);
    mr_error_set(a->error, MR_E_SQL, "MISSING_AGGREGATION",
                 "\"%s\" is not grouped by: add it to GROUP BY, aggregate it, or take any_value(%s).",
                 name.data, name.data);
    mr_error_parameter(a->error, "expression", "\"%s\"", name.data);
    mr_error_parameter(a->error, "expressionAnyValue", "\"any_value(%s)\"", name.data);
    mr_text_release(&name);
    return mr_sql_error_at(a, e->sql_start, e->sql_stop);
}

static int plan_column(struct mr_analysis *a, const struct mr_plan *plan, int column,
                       const struct mr_expression *was, const struct mr_expression **out)
{
    MR_TRY(mr_sql_plan_column(a, plan, column, was->kind == MR_EXPR_COLUMN ? was->name : NULL, NULL, out));
    struct mr_expression *e = (struct mr_expression *)*out;
    e->origin = was->origin;
    e->sql_start = was->sql_start;
    e->sql_stop = was->sql_stop;
    return was->kind == MR_EXPR_COLUMN ? MR_OK : mr_sql_show(a, out, "%s", mr_sql_shown_name(a, was));
}

/* As Spark, which computes it before it groups. */
static bool is_window_time(const struct mr_expression *e)
{
    return e->kind == MR_EXPR_CALL && strcmp(e->function->name, "window_time") == 0;
}

int mr_sql_regroup(struct mr_resolution *r, const struct mr_grouping_plan *groups, const struct mr_plan *plan,
                   bool has_group_by, const struct mr_expression **e)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_expression *was = *e;
    for (int i = 0; i < groups->count; i++)
        if (same(was, groups->groups[i]))
            return plan_column(a, plan, i, was, e);
    if (was->kind == MR_EXPR_COLUMN && was->column >= MR_ITEM_BASE)
        return MR_OK;
    if (was->kind == MR_EXPR_COLUMN && was->column >= MR_LATE_BASE)
        return plan_column(a, plan, r->late_columns[was->column - MR_LATE_BASE], was, e);
    if (was->kind == MR_EXPR_COLUMN && was->column == GROUPING_ID_COLUMN)
        return plan_column(a, plan, groups->count, was, e);
    if (was->kind == MR_EXPR_COLUMN && was->column >= MR_AGGREGATE_BASE)
        return plan_column(a, plan, plan->group_count + was->column - MR_AGGREGATE_BASE, was, e);
    if (was->kind == MR_EXPR_COLUMN || is_window_time(was))
        return missing(r, has_group_by, was);
    if (was->argument_count == 0)
        return MR_OK;
    struct mr_expression *copy = MR_ARENA_NEW(a->arena, struct mr_expression);
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, was->argument_count);
    if (!copy || !arguments)
        return mr_error_memory(a->error, sizeof *copy);
    *copy = *was;
    copy->arguments = arguments;
    for (int i = 0; i < was->argument_count; i++) {
        arguments[i] = was->arguments[i];
        MR_TRY(mr_sql_regroup(r, groups, plan, has_group_by, &arguments[i]));
        copy->nullable = copy->nullable || (arguments[i]->nullable && !was->arguments[i]->nullable);
    }
    *e = copy;
    if (!was->shown || was->shown->kind == MR_EXPR_LITERAL)
        return MR_OK;
    return mr_sql_show(a, e, "%s", mr_sql_shown_name(a, was));
}
