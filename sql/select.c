/* sql/select.c: one SELECT: FROM, WHERE, the select list, groups, HAVING, DISTINCT, and the ORDER BY behind
 * it. */
#include "expressions/resolve.h"
#include "sql/over.h"
#include "sql/subquery.h"

struct selection {
    struct mr_analysis *a;
    const struct mr_sql_body *body;
    const struct mr_sql_query *query; /* whose ORDER BY belongs to this SELECT; NULL: none */
    struct mr_relation_plan input;
    struct mr_time_window window;
    struct mr_resolution r;
    struct mr_grouping_plan groups;
    bool is_aggregate, has_group_by;
    const struct mr_expression *having, *qualify;
    struct mr_sort_key *keys;
    int key_count;
    struct mr_correlation *correlation; /* with the query around it; NULL: none */
};

/* ---- FROM and WHERE ---- */
static int from_plan(struct selection *s)
{
    if (s->body->from)
        return mr_sql_relation_plan(s->a, s->body->from, &s->input);
    return mr_sql_one_row_plan(s->a, s->body->start, s->body->stop, &s->input.plan);
}

/* EXISTS, IN (SELECT …) and their negations among the conditions, taken out of them. */
static int take_predicates(struct selection *s, const struct mr_sql_expression *where,
                           struct mr_sql_expression *others, const struct mr_sql_expression **predicates,
                           int *count)
{
    bool chain = where->kind == MR_SQL_OPERATOR && mr_str_equal(where->word, MR_STR("and"));
    int total = chain ? where->argument_count : 1;
    const struct mr_sql_expression *query;
    bool negated;
    struct mr_sql_expression *whole = (struct mr_sql_expression *)where;
    struct mr_sql_expression **list = chain ? where->arguments : &whole;
    struct mr_sql_expression **kept = MR_ARENA_ARRAY(s->a->arena, struct mr_sql_expression *, total);
    if (!kept)
        return mr_error_memory(s->a->error, sizeof *kept);
    *others = (struct mr_sql_expression){.kind = MR_SQL_OPERATOR,
                                         .word = MR_STR("and"),
                                         .start = where->start,
                                         .stop = where->stop,
                                         .arguments = kept};
    for (int i = 0; i < total; i++) {
        if (mr_sql_is_predicate(list[i], &query, &negated) && *count < MR_MAX_CORRELATIONS)
            predicates[(*count)++] = list[i];
        else
            kept[others->argument_count++] = list[i];
    }
    if (others->argument_count == 1)
        *others = *kept[0];
    return MR_OK;
}

static int where_plan(struct selection *s)
{
    struct mr_resolution r = {.analysis = s->a,
                              .input = &s->input,
                              .place = MR_PLACE_WHERE,
                              .window = &s->window,
                              .correlation = s->correlation};
    const struct mr_sql_expression *predicates[MR_MAX_CORRELATIONS], *query;
    struct mr_sql_expression others;
    const struct mr_expression *condition = NULL;
    int count = 0;
    bool negated;
    if (!s->body->where)
        return MR_OK;
    MR_TRY(take_predicates(s, s->body->where, &others, predicates, &count));
    bool none = others.kind == MR_SQL_OPERATOR && others.argument_count == 0;
    if (!none)
        MR_TRY(mr_sql_resolve_condition(&r, &others, &condition));
    if (condition && s->correlation)
        MR_TRY(mr_sql_pull_conditions(s->a, s->correlation, &condition));
    if (condition)
        MR_TRY(mr_plan_filter(s->a, s->input.plan, condition, &s->input.plan));
    for (int i = 0; i < count; i++) {
        mr_sql_is_predicate(predicates[i], &query, &negated);
        MR_TRY(mr_sql_filter_by_subquery(&r, query, negated));
    }
    return MR_OK;
}

/* ---- the select list, stars expanded ---- */
static int add_item(struct selection *s, struct mr_select_item item)
{
    struct mr_resolution *r = &s->r;
    if ((r->item_count & (r->item_count - 1)) == 0) { /* full at powers of two */
        struct mr_select_item *longer =
            MR_ARENA_ARRAY(s->a->arena, struct mr_select_item, r->item_count ? 2 * r->item_count : 1);
        if (!longer)
            return mr_error_memory(s->a->error, sizeof *longer);
        if (r->item_count > 0)
            memcpy(longer, r->items, sizeof *longer * (size_t)r->item_count);
        r->items = longer;
    }
    r->items[r->item_count++] = item;
    return MR_OK;
}

static bool is_excepted(struct selection *s, const struct mr_sql_expression *star, struct mr_str name,
                        bool *used)
{
    for (int i = 0; i < star->name_count; i++)
        if (mr_sql_same_name(s->a, star->names[i], name)) {
            used[i] = true;
            return true;
        }
    return false;
}

static int star_column(struct selection *s, const struct mr_sql_expression *star,
                       const struct mr_scope_column *c, bool *used)
{
    struct mr_select_item item = {0};
    if (is_excepted(s, star, c->name, used))
        return MR_OK;
    item.name = mr_sql_text(s->a, c->name);
    if (!item.name)
        return s->a->error->code;
    MR_TRY(mr_sql_plan_column(s->a, s->input.plan, c->column, item.name, star, &item.expression));
    return add_item(s, item);
}

/* s.*: the fields of a struct. */
static int struct_star(struct selection *s, const struct mr_sql_expression *star, bool *found, bool *used)
{
    struct mr_analysis *a = s->a;
    struct mr_sql_expression column = {.kind = MR_SQL_COLUMN,
                                       .name = star->name,
                                       .start = star->start,
                                       .stop = star->stop};
    struct mr_expression_builder b;
    const struct mr_expression *base = NULL;
    int first = 0, parts = 0;
    *found = false;
    int status = mr_scope_find(a, &s->input.scope, star->name, &first, &parts);
    if (status != MR_OK)
        return status < 0 ? status : MR_OK;
    MR_TRY(mr_sql_resolve_column(&s->r, &column, &base));
    *found = true;
    if (base->type->id != MR_STRUCT) {
        mr_error_set(a->error, MR_E_SQL, "_LEGACY_ERROR_TEMP_1050",
                     "Only a STRUCT has fields that a star can stand for.");
        mr_error_parameter(a->error, "attributes", "List(%s)", base->name ? base->name : "");
        return mr_sql_error_at(a, star->start, star->stop);
    }
    mr_sql_builder(a, star, &b);
    for (int i = 0; i < base->type->field_count; i++) {
        const struct mr_expression *arguments[2] = {base, NULL};
        struct mr_select_item item = {.name = base->type->fields[i].name};
        if (is_excepted(s, star, mr_str_of(item.name), used))
            continue;
        MR_TRY(mr_expression_string(&b, mr_str_of(item.name), &arguments[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("."), arguments, 2, &item.expression, a->error));
        MR_TRY(add_item(s, item));
    }
    return MR_OK;
}

static int unresolved_star(struct selection *s, const struct mr_sql_expression *star)
{
    struct mr_text columns;
    const char *name = mr_sql_quoted(s->a, star->name->parts, star->name->count);
    mr_text_init(&columns);
    for (int i = 0; i < s->input.scope.count && columns.size < 500; i++)
        if (!s->input.scope.columns[i].hidden)
            mr_text_format(&columns, "%s`%.*s`", columns.size > 0 ? ", " : "",
                           (int)s->input.scope.columns[i].name.size, s->input.scope.columns[i].name.data);
    mr_error_set(s->a->error, MR_E_SQL, "CANNOT_RESOLVE_STAR_EXPAND",
                 "There is no relation or struct %s here.", name);
    mr_error_parameter(s->a->error, "targetString", "%s", name);
    mr_error_parameter(s->a->error, "columns", "%s", columns.data ? columns.data : "");
    mr_text_release(&columns);
    return mr_sql_error_at(s->a, star->start, star->stop);
}

static int star_items(struct selection *s, const struct mr_sql_expression *star)
{
    bool used[64] = {false}, found = false;
    int before = s->r.item_count, qualifiers = star->name ? star->name->count : 0, matched = 0;
    if (star->name_count > 64)
        return mr_sql_unsupported(s->a, star->start, star->stop, "EXCEPT takes at most 64 columns.");
    for (int i = 0; i < s->input.scope.count; i++) {
        const struct mr_scope_column c = s->input.scope.columns[i];
        if (c.hidden || (qualifiers == 0 && c.qualified_only) ||
            (qualifiers > 0 && !mr_scope_matches(s->a, &c, star->name->parts, qualifiers)))
            continue;
        matched++;
        MR_TRY(star_column(s, star, &c, used));
    }
    if (matched == 0 && qualifiers > 0) {
        MR_TRY(struct_star(s, star, &found, used));
        if (!found)
            return unresolved_star(s, star);
    }
    for (int i = 0; i < star->name_count; i++)
        if (!used[i]) {
            const struct mr_sql_name name = {&star->names[i], 1, star->start, star->stop};
            return mr_scope_unresolved(s->a, &s->input.scope, &name);
        }
    if (s->r.item_count == before && qualifiers == 0 && !s->body->from)
        return mr_sql_error(s->a, star->start, star->stop, "INVALID_USAGE_OF_STAR_OR_REGEX",
                            "A star needs a FROM clause.");
    return MR_OK;
}

/* SELECT a, FROM t reads as a column FROM called t. */
static int check_trailing_comma(struct selection *s)
{
    const struct mr_sql_item *last = &s->body->items[s->body->item_count - 1];
    const struct mr_sql_expression *e = last->expression;
    bool looks = s->body->item_count > 1 && !s->body->from && last->alias_count == 1 &&
                 e->kind == MR_SQL_COLUMN && e->name->count == 1 &&
                 mr_str_equal_nocase(e->name->parts[0], MR_STR("from"));
    if (!looks)
        return MR_OK;
    return mr_sql_error(s->a, e->start, e->stop, "TRAILING_COMMA_IN_SELECT",
                        "There is a comma before FROM; remove it.");
}

static int list_items(struct selection *s)
{
    MR_TRY(check_trailing_comma(s));
    for (int i = 0; i < s->body->item_count; i++) {
        const struct mr_sql_item *item = &s->body->items[i];
        if (item->expression->kind == MR_SQL_STAR) {
            MR_TRY(star_items(s, item->expression));
            continue;
        }
        struct mr_select_item plain = {.ast = item->expression,
                                       .aliases = item->aliases,
                                       .alias_count = item->alias_count};
        MR_TRY(add_item(s, plain));
        s->is_aggregate = s->is_aggregate || mr_sql_has_aggregate(item->expression);
    }
    s->has_group_by = s->body->group != MR_SQL_GROUP_NONE;
    s->is_aggregate = s->is_aggregate || s->has_group_by || s->body->having;
    return MR_OK;
}

/* ---- resolving the items ---- */
static int generator_item(struct selection *s, struct mr_select_item *item)
{
    if (s->is_aggregate)
        return mr_sql_unsupported(s->a, item->ast->start, item->ast->stop,
                                  "A generator beside aggregate functions is not supported; use a subquery.");
    MR_TRY(mr_sql_generate_plan(&s->r, item->ast, false, item->aliases, item->alias_count, &item->generated,
                                &item->generated_count));
    MR_TRY(mr_sql_plan_column(s->a, s->input.plan, item->generated, NULL, item->ast, &item->expression));
    item->name = s->input.plan->schema->fields[item->generated].name;
    return MR_OK;
}

static int resolve_item(struct selection *s, struct mr_select_item *item)
{
    struct mr_analysis *a = s->a;
    if (!item->ast)
        return MR_OK;
    if (mr_sql_is_generator(item->ast))
        return generator_item(s, item);
    if (item->alias_count > 1) {
        int size = (int)(item->ast->stop - item->ast->start);
        mr_error_set(a->error, MR_E_SQL, "MULTI_ALIAS_WITHOUT_GENERATOR",
                     "Several names are for generators like explode; this is one column.");
        mr_error_parameter(a->error, "expr", "\"%.*s\"", size, a->origin->text + item->ast->start);
        mr_error_parameter(a->error, "names", "%.*s, %.*s", (int)item->aliases[0].size, item->aliases[0].data,
                           (int)item->aliases[1].size, item->aliases[1].data);
        return mr_sql_error_at(a, item->ast->start, item->ast->stop);
    }
    MR_TRY(mr_sql_resolve(&s->r, item->ast, &item->expression));
    if (item->alias_count == 1)
        item->name = mr_sql_text(a, item->aliases[0]);
    else
        MR_TRY(mr_sql_item_name(a, item->ast, item->expression, &item->name));
    return item->name ? MR_OK : a->error->code;
}

static int resolve_items(struct selection *s)
{
    int count = s->r.item_count;
    s->r.place = MR_PLACE_SELECT;
    s->r.aggregates_allowed = s->is_aggregate;
    for (int i = 0; i < count; i++) {
        s->r.item_count = i; /* an item sees those before it */
        int status = resolve_item(s, &s->r.items[i]);
        s->r.item_count = count;
        MR_TRY(status);
    }
    return MR_OK;
}

static int resolve_having(struct selection *s)
{
    if (!s->body->having)
        return MR_OK;
    s->r.place = MR_PLACE_HAVING;
    s->r.items_first = true;
    int status = mr_sql_resolve_condition(&s->r, s->body->having, &s->having);
    s->r.items_first = false;
    return status;
}

static int resolve_qualify(struct selection *s)
{
    if (!s->body->qualify)
        return MR_OK;
    s->r.place = MR_PLACE_QUALIFY;
    s->r.items_first = true;
    int status = mr_sql_resolve_condition(&s->r, s->body->qualify, &s->qualify);
    s->r.items_first = false;
    return status;
}

/* ORDER BY, where it may use what is not selected. */
static int resolve_order(struct selection *s)
{
    const struct mr_sql_query *query = s->query;
    if (!query || query->order_count == 0 || s->body->distinct)
        return MR_OK;
    s->r.place = MR_PLACE_ORDER_BY;
    s->r.items_first = s->r.items_as_columns = true;
    s->key_count = query->order_all ? s->r.item_count : query->order_count;
    s->keys = MR_ARENA_ARRAY(s->a->arena, struct mr_sort_key, s->key_count + 1);
    if (!s->keys)
        return mr_error_memory(s->a->error, sizeof *s->keys);
    for (int i = 0; i < s->key_count; i++) {
        const struct mr_sql_order *o = &query->order[query->order_all ? 0 : i];
        struct mr_sort_key *key = &s->keys[i];
        int position = query->order_all ? i : -1;
        if (!query->order_all)
            MR_TRY(
                mr_sql_ordinal(s->a, o->expression, s->r.item_count, "ORDER_BY_POS_OUT_OF_RANGE", &position));
        if (position >= 0) {
            const struct mr_expression *e = s->r.items[position].expression;
            MR_TRY(mr_sql_column(s->a, e->type, e->nullable, MR_ITEM_BASE + position,
                                 s->r.items[position].name, o->expression, &key->expression));
        } else {
            MR_TRY(mr_sql_resolve(&s->r, o->expression, &key->expression));
        }
        if (!mr_type_is_orderable(key->expression->type))
            return mr_sql_error(s->a, query->start, query->stop, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
                                "A MAP has no order to sort by.");
        key->descending = o->descending;
        key->nulls_first = o->nulls_first;
    }
    s->r.items_first = s->r.items_as_columns = false;
    return MR_OK;
}

/* ---- aggregation ---- */
static int aggregate_plan(struct selection *s)
{
    struct mr_plan *plan = NULL;
    if (s->correlation && s->correlation->count > 0)
        MR_TRY(mr_sql_correlation_groups(s->a, s->correlation, &s->groups));
    MR_TRY(mr_sql_group_plan(&s->r, &s->groups, &plan));
    const struct mr_plan *aggregation = plan;
    MR_TRY(mr_sql_join_late(&s->r, s->body->start, s->body->stop, &plan));
    if (s->having) {
        s->r.place = MR_PLACE_HAVING;
        MR_TRY(mr_sql_regroup(&s->r, &s->groups, plan, s->has_group_by, &s->having));
        int groups = plan->group_count;
        MR_TRY(mr_plan_filter(s->a, plan, s->having, &plan));
        plan->group_count = groups; /* its columns still begin with the groups */
    }
    s->r.place = MR_PLACE_SELECT;
    MR_TRY(mr_sql_place_over(&s->r, &s->groups, s->has_group_by, &plan));
    if (s->qualify)
        MR_TRY(mr_sql_regroup(&s->r, &s->groups, plan, s->has_group_by, &s->qualify));
    s->r.place = MR_PLACE_SELECT;
    for (int i = 0; i < s->r.item_count; i++)
        MR_TRY(mr_sql_regroup(&s->r, &s->groups, plan, s->has_group_by, &s->r.items[i].expression));
    s->r.place = MR_PLACE_ORDER_BY;
    for (int i = 0; i < s->key_count; i++)
        MR_TRY(mr_sql_regroup(&s->r, &s->groups, plan, s->has_group_by, &s->keys[i].expression));
    s->input.plan = plan;
    if (s->correlation && s->correlation->grouped && s->r.item_count == 1 && s->r.late_count == 0)
        MR_TRY(mr_sql_value_of_nothing(s->a, &s->r, aggregation, s->r.items[0].expression,
                                       &s->correlation->nothing));
    return MR_OK;
}

/* ---- the projection, and the sort above it ---- */
struct projection {
    const struct mr_expression **list;
    const char **names;
    int count, items;
};

static int project_items(struct selection *s, struct projection *out)
{
    int capacity = s->input.plan->schema->field_count; /* extra columns a sort may need */
    for (int i = 0; i < s->r.item_count; i++)
        capacity += s->r.items[i].generated_count > 0 ? s->r.items[i].generated_count : 1;
    out->list = MR_ARENA_ARRAY(s->a->arena, const struct mr_expression *, capacity + 1);
    out->names = MR_ARENA_ARRAY(s->a->arena, const char *, capacity + 1);
    if (!out->list || !out->names)
        return mr_error_memory(s->a->error, sizeof *out->list);
    for (int i = 0; i < s->r.item_count; i++) {
        struct mr_select_item *item = &s->r.items[i];
        int first = out->count;
        for (int g = 0; g < item->generated_count; g++) {
            int column = item->generated + g;
            out->names[out->count] = s->input.plan->schema->fields[column].name;
            MR_TRY(mr_sql_plan_column(s->a, s->input.plan, column, NULL, NULL, &out->list[out->count]));
            out->count++;
        }
        if (item->generated_count == 0) {
            out->names[out->count] = item->name;
            out->list[out->count++] = item->expression;
        }
        item->generated = first; /* from here on: its place in the output */
    }
    out->items = out->count;
    return MR_OK;
}

/* A sort key over the projection: items by their place, other columns carried along behind them. */
static int key_over_projection(struct selection *s, struct projection *p, const struct mr_expression **e)
{
    const struct mr_expression *was = *e;
    if (was->kind == MR_EXPR_COLUMN && was->column >= MR_ITEM_BASE) {
        int place = s->r.items[was->column - MR_ITEM_BASE].generated;
        return mr_sql_column(s->a, was->type, was->nullable, place, was->name, NULL, e);
    }
    if (was->kind == MR_EXPR_COLUMN) {
        int place = -1;
        for (int i = 0; i < p->count && place < 0; i++)
            if (mr_expression_equal(p->list[i], was))
                place = i;
        if (place < 0) {
            place = p->count++;
            p->list[place] = was;
            p->names[place] = was->name;
        }
        return mr_sql_column(s->a, was->type, was->nullable, place, was->name, NULL, e);
    }
    if (was->argument_count == 0)
        return MR_OK;
    struct mr_expression *copy = MR_ARENA_NEW(s->a->arena, struct mr_expression);
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(s->a->arena, const struct mr_expression *, was->argument_count);
    if (!copy || !arguments)
        return mr_error_memory(s->a->error, sizeof *copy);
    *copy = *was;
    copy->arguments = arguments;
    for (int i = 0; i < was->argument_count; i++) {
        arguments[i] = was->arguments[i];
        MR_TRY(key_over_projection(s, p, &arguments[i]));
    }
    copy->shown = NULL;
    *e = copy;
    return MR_OK;
}

static int sorted_projection(struct selection *s, struct projection *p, struct mr_plan **plan)
{
    for (int i = 0; i < s->key_count; i++)
        MR_TRY(key_over_projection(s, p, &s->keys[i].expression));
    MR_TRY(mr_plan_project(s->a, s->input.plan, p->list, p->names, p->count, plan));
    struct mr_plan *sort = mr_plan_new(s->a, MR_PLAN_SORT, *plan, s->query->start, s->query->stop);
    if (!sort)
        return s->a->error->code;
    sort->sort_keys = s->keys;
    sort->sort_count = s->key_count;
    *plan = sort;
    if (p->count == p->items)
        return MR_OK;
    const struct mr_expression **kept =
        MR_ARENA_ARRAY(s->a->arena, const struct mr_expression *, p->items + 1);
    if (!kept)
        return mr_error_memory(s->a->error, sizeof *kept);
    for (int i = 0; i < p->items; i++)
        MR_TRY(mr_sql_plan_column(s->a, sort, i, NULL, NULL, &kept[i]));
    return mr_plan_project(s->a, sort, kept, p->names, p->items, plan);
}

/* Behind the items: what the conditions pulled out of WHERE are about, and a column that is never NULL. */
static int correlated_columns(struct selection *s, struct projection *p)
{
    struct mr_analysis *a = s->a;
    struct mr_expression_builder b;
    struct mr_correlation *c = s->correlation;
    int columns = c->grouped ? c->count : s->input.plan->schema->field_count;
    if (s->body->distinct || s->key_count > 0 || s->has_group_by || s->having)
        return mr_sql_unsupported(a, s->body->start, s->body->stop,
                                  "A subquery that depends on the outer query is one plain SELECT, without "
                                  "DISTINCT, GROUP BY, HAVING and ORDER BY.");
    c->first_inner = p->count;
    mr_sql_builder(a, NULL, &b);
    const struct mr_expression **list =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, p->count + columns + 2);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, p->count + columns + 2);
    if (!list || !names)
        return mr_error_memory(a->error, sizeof *list);
    memcpy(list, p->list, sizeof *list * (size_t)p->count);
    memcpy(names, p->names, sizeof *names * (size_t)p->count);
    for (int i = 0; i < columns; i++, p->count++) {
        names[p->count] = s->input.plan->schema->fields[i].name;
        MR_TRY(mr_sql_plan_column(a, s->input.plan, i, NULL, NULL, &list[p->count]));
    }
    if (c->nothing) {
        names[p->count] = "present";
        MR_TRY(mr_expression_bool(&b, true, &list[p->count++], a->error));
    }
    p->list = list;
    p->names = names;
    return MR_OK;
}

static int output_plan(struct selection *s, struct mr_relation_plan *out)
{
    struct projection p = {0};
    MR_TRY(project_items(s, &p));
    if (s->correlation && s->correlation->count > 0)
        MR_TRY(correlated_columns(s, &p));
    if (s->key_count > 0)
        MR_TRY(sorted_projection(s, &p, &out->plan));
    else
        MR_TRY(mr_plan_project(s->a, s->input.plan, p.list, p.names, p.count, &out->plan));
    if (s->body->distinct)
        MR_TRY(mr_plan_distinct(s->a, out->plan, &out->plan));
    if (s->body->distinct && s->query && s->query->order_count > 0)
        MR_TRY(mr_sql_sort_plan(s->a, s->query, &out->plan));
    return mr_scope_of_plan(s->a, out->plan, NULL, 0, 0, &out->scope);
}

int mr_sql_select_plan(struct mr_analysis *a, const struct mr_sql_body *body,
                       const struct mr_sql_query *query, struct mr_relation_plan *out)
{
    struct selection s = {.a = a, .body = body, .query = query, .correlation = a->correlation};
    a->correlation = NULL; /* what stands in FROM does not see the outer query */
    s.r = (struct mr_resolution){
        .analysis = a, .input = &s.input, .place = MR_PLACE_SELECT, .window = &s.window, .grouping_id = -1};
    s.r.windows = body->windows;
    s.r.window_count = body->window_count;
    MR_TRY(from_plan(&s));
    MR_TRY(where_plan(&s));
    MR_TRY(list_items(&s));
    if (s.has_group_by) {
        s.r.place = MR_PLACE_GROUP_BY;
        MR_TRY(mr_sql_resolve_groups(&s.r, body, &s.groups));
    }
    MR_TRY(resolve_items(&s));
    MR_TRY(resolve_having(&s));
    MR_TRY(resolve_qualify(&s));
    MR_TRY(resolve_order(&s));
    if (s.is_aggregate)
        MR_TRY(aggregate_plan(&s));
    if (s.qualify)
        MR_TRY(mr_plan_filter(a, s.input.plan, s.qualify, &s.input.plan));
    return output_plan(&s, out);
}
