/* sql/build_query.c: queries, select lists and relations, for the grammar's actions. */
#include "sql/build.h"

static int deeper(struct mr_sql_parser *p, int depth)
{
    if (depth >= MR_SQL_MAX_DEPTH)
        mr_sql_parser_too_complex(p);
    return depth + 1;
}

static void raise(int *depth, int other)
{
    if (other > *depth)
        *depth = other;
}

/* The items of a list, copied into an array of structs of the given size. */
static void *array_of(struct mr_sql_parser *p, const struct mr_sql_list *list, size_t size, int *count)
{
    *count = 0;
    if (!list || list->count == 0)
        return NULL;
    char *array = mr_arena_allocate(p->arena, size * (size_t)list->count);
    if (!array) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, size) : p->status;
        return NULL;
    }
    for (int i = 0; i < list->count; i++)
        memcpy(array + size * (size_t)i, list->items[i], size);
    *count = list->count;
    return array;
}

/* ---- what stands behind a query ---- */
void mr_sql_tail_begin(struct mr_sql_parser *p)
{
    struct mr_sql_tail *tail = mr_sql_parser_new(p, sizeof *tail);
    tail->outer = p->tail;
    p->tail = tail;
}

void mr_sql_tail_order(struct mr_sql_parser *p, struct mr_sql_list *order)
{
    p->tail->order = order;
}

void mr_sql_tail_order_all(struct mr_sql_parser *p, int descending, int nulls)
{
    p->tail->order_all = true;
    p->tail->all_descending = descending;
    p->tail->all_nulls = nulls;
}

void mr_sql_tail_limit(struct mr_sql_parser *p, struct mr_sql_expression *limit)
{
    p->tail->limit = limit;
}
void mr_sql_tail_offset(struct mr_sql_parser *p, struct mr_sql_expression *offset)
{
    p->tail->offset = offset;
}

struct mr_sql_order *mr_sql_make_order(struct mr_sql_parser *p, struct mr_sql_expression *expression,
                                       int descending, int nulls)
{
    struct mr_sql_order *o = mr_sql_parser_new(p, sizeof *o);
    *o = (struct mr_sql_order){expression, descending, nulls ? nulls == 'f' : !descending};
    return o;
}

struct mr_sql_query *mr_sql_make_query(struct mr_sql_parser *p, const struct mr_sql_token *with,
                                       int recursive, struct mr_sql_list *ctes, struct mr_sql_body *body)
{
    struct mr_sql_query *q = mr_sql_parser_new(p, sizeof *q);
    struct mr_sql_tail *tail = p->tail;
    p->tail = tail->outer;
    q->start = with ? with->start : body->start;
    q->stop = p->last_stop;
    q->with_start = q->start;
    q->recursive = recursive;
    q->ctes = array_of(p, ctes, sizeof *q->ctes, &q->cte_count);
    q->body = body;
    q->order = array_of(p, tail->order, sizeof *q->order, &q->order_count);
    if (tail->order_all) {
        q->order_all = true;
        q->order = mr_sql_make_order(p, NULL, tail->all_descending, tail->all_nulls);
        q->order_count = 1;
    }
    q->limit = tail->limit;
    q->offset = tail->offset;
    int depth = body->depth;
    for (int i = 0; i < q->cte_count; i++)
        raise(&depth, q->ctes[i].query->depth);
    for (int i = 0; i < q->order_count && !q->order_all; i++)
        raise(&depth, q->order[i].expression->depth);
    q->depth = deeper(p, depth);
    return q;
}

struct mr_sql_query *mr_sql_query_parens(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                         struct mr_sql_query *query, const struct mr_sql_token *end)
{
    (void)p;
    query->start = begin->start;
    query->stop = end->stop;
    query->depth = deeper(p, query->depth);
    return query;
}

struct mr_sql_cte *mr_sql_make_cte(struct mr_sql_parser *p, const struct mr_sql_token *name,
                                   struct mr_sql_list *columns, struct mr_sql_query *query,
                                   const struct mr_sql_token *end)
{
    struct mr_sql_cte *c = mr_sql_parser_new(p, sizeof *c);
    c->name = mr_sql_token_identifier(p, name);
    c->columns = mr_sql_names_of(p, columns, &c->column_count);
    c->query = query;
    c->start = name->start;
    c->stop = end->stop;
    return c;
}

/* ---- bodies ---- */
static struct mr_sql_body *new_body(struct mr_sql_parser *p, enum mr_sql_body_kind kind, uint32_t start,
                                    int depth)
{
    struct mr_sql_body *b = mr_sql_parser_new(p, sizeof *b);
    b->kind = kind;
    b->start = start;
    b->stop = p->last_stop;
    b->depth = deeper(p, depth);
    return b;
}

struct mr_sql_body *mr_sql_make_set(struct mr_sql_parser *p, enum mr_sql_body_kind kind,
                                    struct mr_sql_body *left, int all, struct mr_sql_body *right)
{
    int depth = left->depth;
    raise(&depth, right->depth);
    struct mr_sql_body *b = new_body(p, kind, left->start, depth);
    b->left = left;
    b->right = right;
    b->all = all;
    return b;
}

struct mr_sql_body *mr_sql_make_from_body(struct mr_sql_parser *p, enum mr_sql_body_kind kind,
                                          struct mr_sql_relation *from)
{
    struct mr_sql_body *b = new_body(p, kind, from->start, from->depth);
    b->from = from;
    return b;
}

struct mr_sql_body *mr_sql_make_query_body(struct mr_sql_parser *p, struct mr_sql_query *query)
{
    struct mr_sql_body *b = new_body(p, MR_SQL_BODY_QUERY, query->start, query->depth);
    b->query = query;
    return b;
}

void mr_sql_select_begin(struct mr_sql_parser *p)
{
    struct mr_sql_select_state *s = mr_sql_parser_new(p, sizeof *s);
    s->outer = p->select;
    p->select = s;
}

static struct mr_sql_grouping *whole_grouping(struct mr_sql_parser *p, struct mr_sql_list *groupings,
                                              int with)
{
    struct mr_sql_list *units = NULL;
    for (int i = 0; i < groupings->count; i++) {
        struct mr_sql_grouping *g = groupings->items[i];
        if (g->kind != MR_SQL_GROUPING_EXPRESSION)
            mr_sql_parser_error(
                p, g->start, g->stop, "PARSE_SYNTAX_ERROR",
                "WITH ROLLUP and WITH CUBE follow plain expressions; write ROLLUP(…) or CUBE(…)");
        else
            units = mr_sql_list_add(p, units, mr_sql_make_grouping_set(p, g->expression, NULL));
    }
    return mr_sql_make_grouping(p, with == 'r' ? MR_SQL_GROUPING_ROLLUP : MR_SQL_GROUPING_CUBE, NULL, units);
}

void mr_sql_select_group(struct mr_sql_parser *p, struct mr_sql_list *groupings, int with)
{
    p->select->group = MR_SQL_GROUP_PLAIN;
    if (with)
        p->select->groupings = mr_sql_list_add(p, NULL, whole_grouping(p, groupings, with));
    else
        p->select->groupings = groupings;
}

struct mr_sql_body *mr_sql_make_select(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                       int distinct, struct mr_sql_list *items, struct mr_sql_relation *from)
{
    struct mr_sql_select_state *s = p->select;
    p->select = s->outer;
    int depth = from ? from->depth : 0;
    for (int i = 0; i < items->count; i++)
        raise(&depth, ((struct mr_sql_item *)items->items[i])->expression->depth);
    raise(&depth, s->where ? s->where->depth : 0);
    raise(&depth, s->having ? s->having->depth : 0);
    uint32_t start = from && from->start < begin->start ? from->start : begin->start;
    struct mr_sql_body *b = new_body(p, MR_SQL_BODY_SELECT, start, depth);
    b->distinct = distinct;
    b->items = array_of(p, items, sizeof *b->items, &b->item_count);
    b->from = from;
    b->where = s->where;
    b->having = s->having;
    b->qualify = s->qualify;
    b->group = s->group;
    b->groupings = array_of(p, s->groupings, sizeof *b->groupings, &b->grouping_count);
    b->windows = array_of(p, s->windows, sizeof *b->windows, &b->window_count);
    return b;
}

struct mr_sql_item *mr_sql_make_item(struct mr_sql_parser *p, struct mr_sql_expression *expression,
                                     struct mr_sql_list *aliases)
{
    struct mr_sql_item *item = mr_sql_parser_new(p, sizeof *item);
    item->expression = expression;
    item->aliases = mr_sql_names_of(p, aliases, &item->alias_count);
    return item;
}

struct mr_sql_grouping *mr_sql_make_grouping(struct mr_sql_parser *p, enum mr_sql_grouping_kind kind,
                                             struct mr_sql_expression *expression, struct mr_sql_list *sets)
{
    struct mr_sql_grouping *g = mr_sql_parser_new(p, sizeof *g);
    g->kind = kind;
    g->expression = expression;
    g->sets = array_of(p, sets, sizeof *g->sets, &g->set_count);
    g->start = expression ? expression->outer_start : p->last_stop;
    g->stop = p->last_stop;
    return g;
}

/* One unit of ROLLUP or CUBE, or one set: (a, b) is two expressions, a and (a) one. */
struct mr_sql_grouping_set *mr_sql_make_grouping_set(struct mr_sql_parser *p,
                                                     struct mr_sql_expression *expression,
                                                     struct mr_sql_grouping *nested)
{
    struct mr_sql_grouping_set *s = mr_sql_parser_new(p, sizeof *s);
    s->nested = nested;
    if (expression && expression->kind == MR_SQL_ROW) {
        s->expressions = expression->arguments;
        s->count = expression->argument_count;
    } else if (expression) {
        s->expressions = mr_sql_parser_new(p, sizeof *s->expressions);
        s->expressions[0] = expression;
        s->count = 1;
    }
    return s;
}

/* ---- relations ---- */
static struct mr_sql_relation *new_relation(struct mr_sql_parser *p, enum mr_sql_relation_kind kind,
                                            uint32_t start, int depth)
{
    struct mr_sql_relation *r = mr_sql_parser_new(p, sizeof *r);
    r->kind = kind;
    r->start = start;
    r->stop = p->last_stop;
    r->depth = deeper(p, depth);
    return r;
}

struct mr_sql_alias mr_sql_make_alias(struct mr_sql_parser *p, const struct mr_sql_token *name,
                                      struct mr_sql_list *columns)
{
    struct mr_sql_alias alias = {{NULL, 0}, columns, p->last_stop};
    if (name)
        alias.name = mr_sql_token_identifier(p, name);
    return alias;
}

struct mr_sql_relation *mr_sql_make_table(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                          struct mr_sql_name *name, struct mr_sql_list *options)
{
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_NAME, begin ? begin->start : name->start, 0);
    r->name = name;
    r->options = array_of(p, options, sizeof *r->options, &r->option_count);
    return r;
}

struct mr_sql_relation *mr_sql_make_subquery(struct mr_sql_parser *p, struct mr_sql_query *query)
{
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_QUERY, query->start, query->depth);
    r->query = query;
    return r;
}

struct mr_sql_relation *mr_sql_make_group(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                          struct mr_sql_relation *inner, const struct mr_sql_token *end)
{
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_GROUP, begin->start, inner->depth);
    r->left = inner;
    r->stop = end->stop;
    return r;
}

struct mr_sql_relation *mr_sql_make_values(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           struct mr_sql_list *rows)
{
    int depth = 0;
    for (int i = 0; i < rows->count; i++)
        raise(&depth, ((struct mr_sql_expression *)rows->items[i])->depth);
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_VALUES, begin->start, depth);
    r->arguments = (struct mr_sql_expression **)rows->items;
    r->argument_count = rows->count;
    return r;
}

struct mr_sql_relation *mr_sql_make_table_function(struct mr_sql_parser *p, struct mr_sql_name *name,
                                                   struct mr_sql_list *arguments,
                                                   const struct mr_sql_token *end)
{
    int depth = 0;
    for (int i = 0; arguments && i < arguments->count; i++)
        raise(&depth, ((struct mr_sql_expression *)arguments->items[i])->depth);
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_FUNCTION, name->start, depth);
    r->name = name;
    r->stop = end->stop;
    if (arguments) {
        r->arguments = (struct mr_sql_expression **)arguments->items;
        r->argument_count = arguments->count;
    }
    return r;
}

struct mr_sql_relation *mr_sql_make_join(struct mr_sql_parser *p, struct mr_sql_relation *left, int kind,
                                         struct mr_sql_relation *right)
{
    int depth = left->depth;
    raise(&depth, right->depth);
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_JOIN, left->start, depth);
    r->left = left;
    r->right = right;
    r->join = (enum mr_sql_join_kind)kind;
    return r;
}

void mr_sql_join_using(struct mr_sql_parser *p, struct mr_sql_relation *join, struct mr_sql_list *names)
{
    join->using_names = mr_sql_names_of(p, names, &join->using_count);
    join->stop = p->last_stop;
}

void mr_sql_relation_stop(struct mr_sql_parser *p, struct mr_sql_relation *relation)
{
    relation->stop = p->last_stop;
    if (relation->on && relation->on->depth >= relation->depth)
        relation->depth = deeper(p, relation->on->depth);
}

struct mr_sql_relation *mr_sql_make_view(struct mr_sql_parser *p, struct mr_sql_relation *left, int outer,
                                         struct mr_sql_name *function, struct mr_sql_list *arguments,
                                         struct mr_sql_alias alias)
{
    int depth = left->depth;
    for (int i = 0; arguments && i < arguments->count; i++)
        raise(&depth, ((struct mr_sql_expression *)arguments->items[i])->depth);
    struct mr_sql_relation *r = new_relation(p, MR_SQL_RELATION_VIEW, left->start, depth);
    r->left = left;
    r->outer = outer;
    r->name = function;
    if (arguments) {
        r->arguments = (struct mr_sql_expression **)arguments->items;
        r->argument_count = arguments->count;
    }
    return mr_sql_relation_finish(p, r, 0, NULL, alias);
}

struct mr_sql_relation *mr_sql_relation_finish(struct mr_sql_parser *p, struct mr_sql_relation *relation,
                                               int sample, struct mr_sql_watermark *watermark,
                                               struct mr_sql_alias alias)
{
    relation->has_sample |= sample != 0;
    relation->watermark = watermark;
    relation->alias = alias.name;
    relation->columns = mr_sql_names_of(p, alias.columns, &relation->column_count);
    relation->stop = p->last_stop;
    return relation;
}

struct mr_sql_watermark *mr_sql_make_watermark(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                               struct mr_sql_item *item, struct mr_sql_expression *delay)
{
    struct mr_sql_watermark *w = mr_sql_parser_new(p, sizeof *w);
    *w = (struct mr_sql_watermark){item->expression, item->aliases, item->alias_count, delay,
                                   begin->start,     p->last_stop};
    return w;
}

struct mr_sql_option *mr_sql_make_option(struct mr_sql_parser *p, struct mr_str key, uint32_t start,
                                         uint32_t stop)
{
    struct mr_sql_option *o = mr_sql_parser_new(p, sizeof *o);
    *o = (struct mr_sql_option){.key = key, .start = start, .stop = stop};
    return o;
}

struct mr_sql_option *mr_sql_set_option(struct mr_sql_parser *p, struct mr_sql_option *option,
                                        struct mr_str value)
{
    option->value = value;
    option->stop = p->last_stop;
    return option;
}
