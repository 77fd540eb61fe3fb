/* sql/build_statement.c: statements, for the grammar's actions. They fill p->statement. */
#include "sql/build.h"

void mr_sql_statement_query(struct mr_sql_parser *p, struct mr_sql_query *query)
{
    p->statement->kind = MR_SQL_STATEMENT_QUERY;
    p->statement->word = MR_STR("SELECT");
    p->statement->query = query;
}

static void take_elements(struct mr_sql_parser *p)
{
    struct mr_sql_statement *s = p->statement;
    if (p->columns) {
        struct mr_sql_column_definition *columns =
            mr_arena_allocate(p->arena, sizeof *columns * (size_t)p->columns->count);
        for (int i = 0; columns && i < p->columns->count; i++)
            columns[i] = *(struct mr_sql_column_definition *)p->columns->items[i];
        s->columns = columns;
        s->column_count = columns ? p->columns->count : 0;
        if (!columns && p->status == MR_OK)
            p->status = mr_error_memory(p->error, sizeof *columns);
    }
    if (p->expectations) {
        struct mr_sql_expectation *list =
            mr_arena_allocate(p->arena, sizeof *list * (size_t)p->expectations->count);
        for (int i = 0; list && i < p->expectations->count; i++)
            list[i] = *(struct mr_sql_expectation *)p->expectations->items[i];
        s->expectations = list;
        s->expectation_count = list ? p->expectations->count : 0;
        if (!list && p->status == MR_OK)
            p->status = mr_error_memory(p->error, sizeof *list);
    }
}

static void unsupported_clause(struct mr_sql_parser *p, bool given, const char *clause)
{
    const struct mr_sql_statement *s = p->statement;
    if (given)
        mr_sql_parser_error(p, s->start, s->start + 6, "PARSE_SYNTAX_ERROR", "%.*s takes no %s",
                            (int)s->word.size, s->word.data, clause);
}

void mr_sql_statement_create(struct mr_sql_parser *p, const struct mr_sql_create *create,
                             struct mr_sql_name *name)
{
    struct mr_sql_statement *s = p->statement;
    s->kind = create->kind;
    s->word = mr_str_of(create->word);
    s->name = name;
    take_elements(p);
    bool is_dataset =
        create->kind == MR_SQL_CREATE_STREAMING_TABLE || create->kind == MR_SQL_CREATE_MATERIALIZED_VIEW;
    bool is_view = create->kind == MR_SQL_CREATE_VIEW || create->kind == MR_SQL_CREATE_TEMPORARY_VIEW;
    bool needs_query = is_view || create->kind == MR_SQL_CREATE_MATERIALIZED_VIEW;
    bool is_sink = create->kind == MR_SQL_CREATE_SINK;
    if ((needs_query && !s->query) || (is_sink && s->provider.size == 0))
        mr_sql_parser_unexpected(p, &p->current);
    unsupported_clause(p, is_sink && s->query, "AS; write CREATE FLOW f AS INSERT INTO it BY NAME SELECT …");
    unsupported_clause(p, is_sink && (s->has_columns || s->location.data),
                       "columns or LOCATION; write OPTIONS (…)");
    unsupported_clause(p, s->or_refresh && !is_dataset, "OR REFRESH");
    unsupported_clause(p, s->or_replace && is_dataset, "OR REPLACE; write OR REFRESH");
    unsupported_clause(p, is_view && s->provider.size > 0, "USING");
    unsupported_clause(p, (is_view || is_sink) && (s->partition_count > 0 || s->cluster_count > 0),
                       "PARTITIONED BY or CLUSTER BY");
    if (s->partition_count > 0 && s->cluster_count > 0)
        mr_sql_parser_error(p, s->start, s->start + 6,
                            "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED",
                            "a table is laid out by PARTITIONED BY or by CLUSTER BY, not both");
    unsupported_clause(p, is_view && s->location.data, "LOCATION");
    unsupported_clause(p, create->kind != MR_SQL_CREATE_TABLE && !is_sink && s->option_count > 0, "OPTIONS");
    unsupported_clause(p, create->kind == MR_SQL_CREATE_TABLE && s->expectation_count > 0,
                       "EXPECT constraints");
    for (int i = 0; i < s->column_count && !is_view && !is_sink; i++)
        if (!s->columns[i].type.data && !(is_dataset && s->query))
            mr_sql_parser_error(p, s->columns[i].start, s->columns[i].stop, "PARSE_SYNTAX_ERROR",
                                "the column %.*s needs a type", (int)s->columns[i].name.size,
                                s->columns[i].name.data);
}

void mr_sql_statement_flow(struct mr_sql_parser *p, struct mr_sql_name *name, struct mr_sql_name *target,
                           struct mr_sql_query *query)
{
    struct mr_sql_statement *s = p->statement;
    s->kind = MR_SQL_CREATE_FLOW;
    s->word = MR_STR("CREATE FLOW");
    s->name = name;
    s->target = target;
    s->query = query;
}

void mr_sql_statement_insert(struct mr_sql_parser *p, struct mr_sql_name *target, struct mr_sql_query *query)
{
    struct mr_sql_statement *s = p->statement;
    s->kind = MR_SQL_INSERT;
    s->word = MR_STR("INSERT");
    s->target = target;
    s->query = query;
}

void mr_sql_statement_use(struct mr_sql_parser *p, struct mr_sql_name *name, int catalog)
{
    struct mr_sql_statement *s = p->statement;
    s->kind = MR_SQL_USE;
    s->word = MR_STR("USE");
    s->name = name;
    s->is_catalog = catalog;
}

void mr_sql_statement_column(struct mr_sql_parser *p, const struct mr_sql_token *name,
                             const struct mr_sql_token *type)
{
    struct mr_sql_column_definition *c = mr_sql_parser_new(p, sizeof *c);
    c->name = mr_sql_token_identifier(p, name);
    if (type) {
        c->type = mr_sql_token_text(p, type);
        c->type_start = type->start;
    }
    c->not_null = p->column_not_null;
    c->comment = p->column_comment;
    c->start = name->start;
    c->stop = p->last_stop;
    p->column_not_null = false;
    p->column_comment = (struct mr_str){NULL, 0};
    p->columns = mr_sql_list_add(p, p->columns, c);
}

void mr_sql_statement_expectation(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                  const struct mr_sql_token *name, struct mr_sql_expression *condition,
                                  const struct mr_sql_token *end, int violation)
{
    struct mr_sql_expectation *e = mr_sql_parser_new(p, sizeof *e);
    e->name = mr_sql_token_identifier(p, name);
    e->condition = condition;
    e->text =
        (struct mr_str){p->text + condition->outer_start, condition->outer_stop - condition->outer_start};
    e->violation = (enum mr_sql_violation)violation;
    e->start = begin->start;
    e->stop = end->stop;
    p->expectations = mr_sql_list_add(p, p->expectations, e);
}

/* ---- clauses ---- */
static bool first_time(struct mr_sql_parser *p, const struct mr_sql_token *word, enum mr_sql_clause clause)
{
    bool first = (p->clauses_seen >> clause & 1) == 0;
    p->clauses_seen |= 1u << clause;
    if (!first)
        mr_sql_parser_error(p, word->start, word->stop, "DUPLICATE_CLAUSES",
                            "the clause %.*s stands twice; remove one", (int)(word->stop - word->start),
                            p->text + word->start);
    return first;
}

void mr_sql_clause_text(struct mr_sql_parser *p, const struct mr_sql_token *word, enum mr_sql_clause clause,
                        struct mr_str text)
{
    if (!first_time(p, word, clause))
        return;
    if (clause == MR_SQL_CLAUSE_USING)
        p->statement->provider = text;
    else if (clause == MR_SQL_CLAUSE_COMMENT)
        p->statement->comment = text;
    else
        p->statement->location = text;
}

static const struct mr_sql_option *options_of(struct mr_sql_parser *p, const struct mr_sql_list *list,
                                              int *count)
{
    struct mr_sql_option *options = mr_arena_allocate(p->arena, sizeof *options * (size_t)list->count);
    *count = options ? list->count : 0;
    if (!options && p->status == MR_OK)
        p->status = mr_error_memory(p->error, sizeof *options);
    for (int i = 0; i < *count; i++)
        options[i] = *(struct mr_sql_option *)list->items[i];
    return options;
}

static const struct mr_sql_name *names_with_places(struct mr_sql_parser *p, const struct mr_sql_list *list)
{
    struct mr_sql_name *names = mr_arena_allocate(p->arena, sizeof *names * (size_t)list->count);
    if (!names && p->status == MR_OK)
        p->status = mr_error_memory(p->error, sizeof *names);
    for (int i = 0; names && i < list->count; i++)
        names[i] = *(const struct mr_sql_name *)list->items[i];
    return names;
}

void mr_sql_clause_list(struct mr_sql_parser *p, const struct mr_sql_token *word, enum mr_sql_clause clause,
                        struct mr_sql_list *list)
{
    struct mr_sql_statement *s = p->statement;
    if (!first_time(p, word, clause))
        return;
    if (clause == MR_SQL_CLAUSE_PARTITIONED) {
        s->partition_columns = mr_sql_names_of(p, list, &s->partition_count);
        s->partition_names = names_with_places(p, list);
    } else if (clause == MR_SQL_CLAUSE_CLUSTER && list)
        s->cluster_columns = mr_sql_names_of(p, list, &s->cluster_count);
    else if (clause == MR_SQL_CLAUSE_CLUSTER)
        s->cluster_auto = true;
    else if (clause == MR_SQL_CLAUSE_PROPERTIES)
        s->properties = options_of(p, list, &s->property_count);
    else
        s->options = options_of(p, list, &s->option_count);
}
