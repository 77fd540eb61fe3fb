/* sql/expression.c: syntax trees of expressions to typed ones: columns, operators, casts; folding; automatic
 * names. */
#include <stdio.h>

#include "expressions/function.h"
#include "sql/subquery.h"

void mr_sql_builder(const struct mr_analysis *a, const struct mr_sql_expression *at,
                    struct mr_expression_builder *out)
{
    *out =
        (struct mr_expression_builder){.arena = a->arena, .session = &a->job->session, .origin = a->origin};
    if (at) {
        out->sql_start = at->start;
        out->sql_stop = at->stop;
    }
}

/* A literal of the text stands for the expression in names: it holds no columns that could be moved wrongly.
 */
int mr_sql_show(struct mr_analysis *a, const struct mr_expression **e, const char *format, ...)
{
    struct mr_expression_builder b;
    const struct mr_expression *shown = NULL;
    struct mr_text text;
    char buffer[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    mr_text_init(&text);
    mr_text_append_str(&text, buffer);
    mr_sql_builder(a, NULL, &b);
    int status = mr_expression_string(&b, mr_text_str(&text), &shown, a->error);
    mr_text_release(&text);
    MR_TRY(status);
    struct mr_expression *copy = MR_ARENA_NEW(a->arena, struct mr_expression);
    if (!copy)
        return mr_error_memory(a->error, sizeof *copy);
    *copy = **e;
    copy->shown = shown;
    *e = copy;
    return MR_OK;
}

const char *mr_sql_shown_name(struct mr_analysis *a, const struct mr_expression *e)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_expression_name(&text, e, NULL);
    const char *name =
        text.failed ? NULL : mr_arena_copy_text(a->arena, text.data ? text.data : "", text.size);
    mr_text_release(&text);
    return name ? name : "";
}

/* ---- columns ---- */
int mr_sql_column(struct mr_analysis *a, const struct mr_type *type, bool nullable, int column,
                  const char *name, const struct mr_sql_expression *at, const struct mr_expression **out)
{
    struct mr_expression *e = MR_ARENA_NEW(a->arena, struct mr_expression);
    if (!e)
        return mr_error_memory(a->error, sizeof *e);
    e->kind = MR_EXPR_COLUMN;
    e->type = type;
    e->nullable = nullable;
    e->deterministic = true;
    e->column = column;
    e->name = name;
    if (at) {
        e->origin = a->origin;
        e->sql_start = at->start;
        e->sql_stop = at->stop;
    }
    *out = e;
    return MR_OK;
}

int mr_sql_plan_column(struct mr_analysis *a, const struct mr_plan *plan, int column, const char *name,
                       const struct mr_sql_expression *at, const struct mr_expression **out)
{
    const struct mr_field *f = &plan->schema->fields[column];
    return mr_sql_column(a, f->type, f->nullable, column, name ? name : f->name, at, out);
}

static int access_fields(struct mr_resolution *r, const struct mr_sql_expression *ast, int first,
                         const struct mr_expression **e)
{
    struct mr_expression_builder b;
    mr_sql_builder(r->analysis, ast, &b);
    for (int i = first; i < ast->name->count; i++) {
        const struct mr_expression *arguments[2] = {*e, NULL};
        bool subscript = (*e)->type->id == MR_MAP; /* the key, and shown like one */
        MR_TRY(mr_expression_string(&b, ast->name->parts[i], &arguments[1], r->analysis->error));
        MR_TRY(mr_expression_call(&b, subscript ? MR_STR("[]") : MR_STR("."), arguments, 2, e,
                                  r->analysis->error));
    }
    return MR_OK;
}

static int find_variable(struct mr_resolution *r, const struct mr_sql_expression *ast,
                         const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    for (const struct mr_lambda_scope *l = r->lambda; l; l = l->outer)
        for (int i = 0; i < l->count; i++) {
            if (!mr_sql_same_name(a, l->names[i], ast->name->parts[0]))
                continue;
            struct mr_expression *e = MR_ARENA_NEW(a->arena, struct mr_expression);
            if (!e)
                return mr_error_memory(a->error, sizeof *e);
            *e = (struct mr_expression){.kind = MR_EXPR_VARIABLE,
                                        .type = l->types[i],
                                        .nullable = l->nullable[i],
                                        .deterministic = true,
                                        .column = l->first + i,
                                        .name = "namedlambdavariable()"};
            *out = e;
            return access_fields(r, ast, 1, out);
        }
    return MR_END;
}

/* An item of the select list by its name. HAVING and ORDER BY see all of them, an item those before it. */
static int find_item(struct mr_resolution *r, const struct mr_sql_expression *ast, int *found)
{
    struct mr_analysis *a = r->analysis;
    *found = -1;
    for (int i = 0; i < r->item_count; i++) {
        const struct mr_select_item *item = &r->items[i];
        bool named = item->alias_count == 1 || r->items_first;
        if (!named || !item->name || !mr_sql_same_name(a, mr_str_of(item->name), ast->name->parts[0]))
            continue;
        if (*found >= 0 && !mr_expression_equal(r->items[*found].expression, item->expression)) {
            const char *quoted = mr_sql_quoted(a, ast->name->parts, 1);
            const char *condition = r->items_first ? "AMBIGUOUS_REFERENCE" : "AMBIGUOUS_LATERAL_COLUMN_ALIAS";
            mr_error_set(a->error, MR_E_SQL, condition,
                         "More than one column of the select list is called %s.", quoted);
            mr_error_parameter(a->error, "name", "%s", quoted);
            mr_error_parameter(a->error, r->items_first ? "referenceNames" : "n",
                               r->items_first ? "[%s, %s]" : "2", quoted, quoted);
            return mr_sql_error_at(a, ast->start, ast->stop);
        }
        *found = i;
    }
    return *found >= 0 ? MR_OK : MR_END;
}

/* sum(a) AS s, max(s): s is not there yet when groups are formed. */
static int alias_in_aggregate(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    struct mr_analysis *a = r->analysis;
    const char *name = mr_sql_quoted(a, ast->name->parts, 1);
    mr_error_set(
        a->error, MR_E_SQL, "UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC",
        "%s is another item of this select list, which an aggregate function cannot use; nest the queries.",
        name);
    mr_error_parameter(a->error, "lca", "%s", name);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* An earlier item in the place of its alias: a lateral alias. What is not deterministic is computed once,
 * below. */
static int use_item(struct mr_resolution *r, const struct mr_sql_expression *ast, int i,
                    const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_select_item *item = &r->items[i];
    if (r->items_as_columns)
        return mr_sql_column(a, item->expression->type, item->expression->nullable, MR_ITEM_BASE + i,
                             mr_sql_text(a, ast->name->parts[0]), ast, out);
    if (!item->expression->deterministic && !r->has_aggregates) {
        int column = r->input->plan->schema->field_count;
        MR_TRY(mr_plan_append(a, r->input->plan, item->expression, item->name, -1, &r->input->plan));
        MR_TRY(mr_sql_plan_column(a, r->input->plan, column, item->name, ast, &item->expression));
    }
    struct mr_expression *e = MR_ARENA_NEW(a->arena, struct mr_expression);
    if (!e)
        return mr_error_memory(a->error, sizeof *e);
    *e = *item->expression;
    *out = e;
    if (r->items_first)
        return MR_OK;
    return mr_sql_show(a, out, "lateralAliasReference(%.*s)", (int)ast->name->parts[0].size,
                       ast->name->parts[0].data);
}

/* Functions that Spark lets stand without brackets. */
static int keyword_function(struct mr_resolution *r, const struct mr_sql_expression *ast,
                            const struct mr_expression **out)
{
    static const char *const functions[][2] = {
        {"current_date", "current_date"},     {"current_timestamp", "current_timestamp"},
        {"localtimestamp", "localtimestamp"}, {"current_time", "current_time"},
        {"current_user", "current_user"},     {"user", "current_user"},
        {"session_user", "current_user"},     {"current_catalog", "current_catalog"},
        {"current_schema", "current_schema"}, {"current_database", "current_database"}};
    struct mr_expression_builder b;
    mr_sql_builder(r->analysis, ast, &b);
    for (size_t i = 0; i < sizeof functions / sizeof *functions && ast->name->count == 1; i++) {
        struct mr_str name = mr_str_of(functions[i][1]);
        if (mr_str_equal_nocase(ast->name->parts[0], mr_str_of(functions[i][0])) && mr_function_find(name))
            return mr_expression_call(&b, name, NULL, 0, out, r->analysis->error);
    }
    return MR_END;
}

static int input_column(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    int column = -1, used = 0;
    int status = mr_scope_find(a, &r->input->scope, ast->name, &column, &used);
    if (status != MR_OK)
        return status;
    const char *name = mr_sql_text(a, ast->name->parts[used - 1]);
    if (!name)
        return a->error->code;
    MR_TRY(mr_sql_plan_column(a, r->input->plan, column, name, ast, out));
    return access_fields(r, ast, used, out);
}

int mr_sql_resolve_column(struct mr_resolution *r, const struct mr_sql_expression *ast,
                          const struct mr_expression **out)
{
    int item = -1;
    int status = find_variable(r, ast, out);
    if (status != MR_END)
        return status;
    bool items = r->items != NULL;
    if (items && r->items_first && ast->name->count == 1 && r->place != MR_PLACE_ARGUMENT) {
        MR_TRY(status = find_item(r, ast, &item));
        if (status == MR_OK)
            return use_item(r, ast, item, out);
    }
    MR_TRY(status = input_column(r, ast, out));
    if (status == MR_OK)
        return MR_OK;
    if (items) {
        MR_TRY(status = find_item(r, ast, &item));
        if (status == MR_OK && r->place == MR_PLACE_ARGUMENT)
            return alias_in_aggregate(r, ast);
        if (status == MR_OK) {
            MR_TRY(use_item(r, ast, item, out));
            return access_fields(r, ast, 1, out);
        }
    }
    status = keyword_function(r, ast, out);
    if (status != MR_END)
        return status;
    int parts = 0;
    MR_TRY(status = mr_sql_outer_column(r, ast, &parts, out));
    if (status == MR_OK)
        return access_fields(r, ast, parts, out);
    return mr_scope_unresolved(r->analysis, &r->input->scope, ast->name);
}

/* ---- operators ---- */
static int call(struct mr_resolution *r, const struct mr_sql_expression *ast, struct mr_str function,
                const struct mr_expression *const *arguments, int count, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    mr_sql_builder(r->analysis, ast, &b);
    return mr_expression_call(&b, function, arguments, count, out, r->analysis->error);
}

/* A chain of AND or OR as a balanced tree, so that its depth is small. */
static int junction(struct mr_resolution *r, const struct mr_sql_expression *ast,
                    const struct mr_expression *const *list, int count, const struct mr_expression **out)
{
    const struct mr_expression *sides[2];
    if (count == 1) {
        *out = list[0];
        return MR_OK;
    }
    int half = count <= 8 ? count - 1 : count / 2; /* short ones lean left, as Spark's names do */
    MR_TRY(junction(r, ast, list, half, &sides[0]));
    MR_TRY(junction(r, ast, list + half, count - half, &sides[1]));
    return call(r, ast, ast->word, sides, 2, out);
}

static int row_of(struct mr_resolution *r, const struct mr_sql_expression *ast, bool by_position,
                  const struct mr_expression **out);

/* d + 1 and d - 1 of a DATE are date_add and date_sub to Spark. */
static int show_date_arithmetic(struct mr_resolution *r, const struct mr_sql_expression *ast,
                                const struct mr_expression *const *arguments, const struct mr_expression **e)
{
    bool plus = mr_str_equal(ast->word, MR_STR("+")), minus = mr_str_equal(ast->word, MR_STR("-"));
    if (ast->argument_count != 2 || (!plus && !minus))
        return MR_OK;
    int date = arguments[0]->type->id == MR_DATE ? 0 : 1;
    if (arguments[date]->type->id != MR_DATE || !mr_type_is_integral(arguments[!date]->type) ||
        (minus && date != 0))
        return MR_OK;
    return mr_sql_show(r->analysis, e, "%s(%s, %s)", plus ? "date_add" : "date_sub",
                       mr_sql_shown_name(r->analysis, arguments[date]),
                       mr_sql_shown_name(r->analysis, arguments[!date]));
}

static int resolve_operator(struct mr_resolution *r, const struct mr_sql_expression *ast,
                            const struct mr_expression **out)
{
    int count = ast->argument_count;
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(r->analysis->arena, const struct mr_expression *, count);
    if (!arguments)
        return mr_error_memory(r->analysis->error, sizeof *arguments * (size_t)count);
    const struct mr_sql_expression *query = NULL;
    bool in = mr_str_equal(ast->word, MR_STR("in")), negated;
    if (mr_sql_is_predicate(ast, &query, &negated) && query->kind == MR_SQL_QUERY_IN) /* NULLs count */
        return mr_sql_resolve_subquery(r, query, negated, out);
    for (int i = 0; i < count; i++) {
        bool row = in && ast->arguments[i]->kind == MR_SQL_ROW; /* (a, b) IN ((1, 2)): names do not count */
        MR_TRY(row ? row_of(r, ast->arguments[i], true, &arguments[i])
                   : mr_sql_resolve(r, ast->arguments[i], &arguments[i]));
    }
    if (mr_str_equal(ast->word, MR_STR("and")) || mr_str_equal(ast->word, MR_STR("or")))
        return junction(r, ast, arguments, count, out);
    if (mr_str_equal(ast->word, MR_STR("||")))
        return call(r, ast, MR_STR("concat"), arguments, count, out);
    MR_TRY(call(r, ast, ast->word, arguments, count, out));
    return show_date_arithmetic(r, ast, arguments, out);
}

static int resolve_case(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    int count = ast->argument_count, first = ast->flag ? 1 : 0;
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(r->analysis->arena, const struct mr_expression *, count);
    if (!arguments)
        return mr_error_memory(r->analysis->error, sizeof *arguments * (size_t)count);
    for (int i = 0; i < count; i++)
        MR_TRY(mr_sql_resolve(r, ast->arguments[i], &arguments[i]));
    for (int i = first; ast->flag && i + 1 < count; i += 2) {
        const struct mr_expression *sides[2] = {arguments[0], arguments[i]};
        MR_TRY(call(r, ast->arguments[i], MR_STR("="), sides, 2, &arguments[i]));
    }
    return call(r, ast, MR_STR("case"), arguments + first, count - first, out);
}

static int resolve_cast(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *value = NULL;
    const struct mr_type *type = NULL;
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &value));
    if (mr_type_parse(a->arena, ast->type, &type, a->error) < 0) {
        a->error->line = a->error->column = 0;
        return mr_sql_error_at(a, ast->type_start, ast->type_start + (uint32_t)ast->type.size);
    }
    mr_sql_builder(a, ast, &b);
    return mr_expression_cast(&b, value, type, ast->flag, out, a->error);
}

static int resolve_field(struct mr_resolution *r, const struct mr_sql_expression *ast,
                         const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *arguments[2];
    mr_sql_builder(r->analysis, ast, &b);
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &arguments[0]));
    MR_TRY(mr_expression_string(&b, ast->word, &arguments[1], r->analysis->error));
    return mr_expression_call(&b, MR_STR("."), arguments, 2, out, r->analysis->error);
}

static int resolve_subscript(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             const struct mr_expression **out)
{
    const struct mr_expression *arguments[2];
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &arguments[0]));
    MR_TRY(mr_sql_resolve(r, ast->arguments[1], &arguments[1]));
    bool field = arguments[0]->type->id == MR_STRUCT && ast->arguments[1]->kind == MR_SQL_STRING;
    return call(r, ast, field ? MR_STR(".") : MR_STR("[]"), arguments, 2, out);
}

/* a LIKE ANY (x, y) is a LIKE x OR a LIKE y; a NOT LIKE ANY (x, y) holds when one of them does not match. */
static int resolve_like_list(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    int count = ast->argument_count - 1;
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    const struct mr_expression *sides[2];
    if (!list)
        return mr_error_memory(a->error, sizeof *list);
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &sides[0]));
    for (int i = 0; i < count; i++) {
        MR_TRY(mr_sql_resolve(r, ast->arguments[i + 1], &sides[1]));
        MR_TRY(call(r, ast, ast->word, sides, 2, &list[i]));
        if (ast->distinct)
            MR_TRY(call(r, ast, MR_STR("not"), &list[i], 1, &list[i]));
    }
    struct mr_sql_expression chain = *ast;
    chain.word = ast->flag ? MR_STR("and") : MR_STR("or");
    MR_TRY(junction(r, &chain, list, count, out));
    return mr_sql_show(a, out, "%s%slike%s(%s)", ast->distinct ? "not" : "", ast->word.size == 5 ? "i" : "",
                       ast->flag ? "all" : "any", mr_sql_shown_name(a, sides[0]));
}

/* (a, 1): a struct with the columns' own names, else col1, col2, … */
static int row_of(struct mr_resolution *r, const struct mr_sql_expression *ast, bool by_position,
                  const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    int count = ast->argument_count;
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, 2 * count);
    if (!arguments)
        return mr_error_memory(a->error, sizeof *arguments);
    mr_sql_builder(a, ast, &b);
    for (int i = 0; i < count; i++) {
        char name[32];
        const struct mr_sql_expression *argument = ast->arguments[i];
        bool named = argument->kind == MR_SQL_COLUMN && !by_position;
        size_t size = (size_t)snprintf(name, sizeof name, "col%d", i + 1);
        struct mr_str shown =
            named ? argument->name->parts[argument->name->count - 1] : (struct mr_str){name, size};
        MR_TRY(mr_expression_string(&b, shown, &arguments[2 * i], a->error));
        MR_TRY(mr_sql_resolve(r, argument, &arguments[2 * i + 1]));
    }
    return mr_expression_call(&b, MR_STR("named_struct"), arguments, 2 * count, out, a->error);
}

static int resolve_extract(struct mr_resolution *r, const struct mr_sql_expression *ast,
                           const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *arguments[2];
    mr_sql_builder(r->analysis, ast, &b);
    MR_TRY(mr_expression_string(&b, ast->word, &arguments[0], r->analysis->error));
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &arguments[1]));
    MR_TRY(mr_expression_call(&b, MR_STR("extract"), arguments, 2, out, r->analysis->error));
    return mr_sql_show(r->analysis, out, "extract(%.*s FROM %s)", (int)ast->word.size, ast->word.data,
                       mr_sql_shown_name(r->analysis, arguments[1]));
}

/* TRIM(LEADING x FROM y) is ltrim(x, y). */
static int resolve_trim(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    const struct mr_expression *arguments[2];
    int count = ast->argument_count;
    struct mr_str function = mr_str_equal(ast->word, MR_STR("leading"))    ? MR_STR("ltrim")
                             : mr_str_equal(ast->word, MR_STR("trailing")) ? MR_STR("rtrim")
                                                                           : MR_STR("trim");
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &arguments[count - 1]));
    if (count == 2)
        MR_TRY(mr_sql_resolve(r, ast->arguments[1], &arguments[0]));
    MR_TRY(call(r, ast, function, arguments, count, out));
    if (count == 1)
        return MR_OK;
    const char *side = mr_str_equal(ast->word, MR_STR("leading"))    ? "LEADING"
                       : mr_str_equal(ast->word, MR_STR("trailing")) ? "TRAILING"
                                                                     : "BOTH";
    return mr_sql_show(r->analysis, out, "TRIM(%s %s FROM %s)", side,
                       mr_sql_shown_name(r->analysis, arguments[0]),
                       mr_sql_shown_name(r->analysis, arguments[1]));
}

static int refused(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    struct mr_analysis *a = r->analysis;
    switch (ast->kind) {
    case MR_SQL_STAR:
        return mr_sql_error(a, ast->start, ast->stop, "INVALID_USAGE_OF_STAR_OR_REGEX",
                            "A star cannot stand in this expression; name the columns.");
    case MR_SQL_PARAMETER:
        mr_error_set(a->error, MR_E_SQL, "UNBOUND_SQL_PARAMETER", "There is no value for the parameter %.*s.",
                     (int)ast->word.size, ast->word.data);
        mr_error_parameter(a->error, "name", "%.*s", (int)ast->word.size, ast->word.data);
        return mr_sql_error_at(a, ast->start, ast->stop);
    case MR_SQL_LAMBDA:
        return mr_sql_error(a, ast->start, ast->stop,
                            "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION",
                            "A lambda function is an argument of functions like transform and filter only.");
    default:
        return mr_sql_error(a, ast->start, ast->stop, "PARSE_SYNTAX_ERROR",
                            "This cannot stand in an expression.");
    }
}

int mr_sql_resolve(struct mr_resolution *r, const struct mr_sql_expression *ast,
                   const struct mr_expression **out)
{
    switch (ast->kind) {
    case MR_SQL_NULL:
    case MR_SQL_BOOLEAN:
    case MR_SQL_NUMBER:
    case MR_SQL_STRING:
    case MR_SQL_TYPED:
    case MR_SQL_INTERVAL:
        return mr_sql_resolve_literal(r->analysis, ast, out);
    case MR_SQL_COLUMN:
        return mr_sql_resolve_column(r, ast, out);
    case MR_SQL_CALL:
        return mr_sql_resolve_call(r, ast, out);
    case MR_SQL_OPERATOR:
        return resolve_operator(r, ast, out);
    case MR_SQL_LIKE_LIST:
        return resolve_like_list(r, ast, out);
    case MR_SQL_CASE:
        return resolve_case(r, ast, out);
    case MR_SQL_CAST:
        return resolve_cast(r, ast, out);
    case MR_SQL_FIELD:
        return resolve_field(r, ast, out);
    case MR_SQL_SUBSCRIPT:
        return resolve_subscript(r, ast, out);
    case MR_SQL_ROW:
        return row_of(r, ast, false, out);
    case MR_SQL_EXTRACT:
        return resolve_extract(r, ast, out);
    case MR_SQL_TRIM:
        return resolve_trim(r, ast, out);
    case MR_SQL_QUERY_VALUE:
    case MR_SQL_QUERY_EXISTS:
    case MR_SQL_QUERY_IN:
        return mr_sql_resolve_subquery(r, ast, false, out);
    default:
        return refused(r, ast);
    }
}

int mr_sql_resolve_condition(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    MR_TRY(mr_sql_resolve(r, ast, out));
    if ((*out)->type->id == MR_BOOLEAN)
        return MR_OK;
    mr_sql_builder(a, ast, &b);
    if ((*out)->type->id == MR_VOID)
        return mr_expression_cast(&b, *out, mr_type_of(MR_BOOLEAN), false, out, a->error);
    struct mr_text name, type;
    mr_text_init(&name);
    mr_text_init(&type);
    mr_expression_name(&name, *out, NULL);
    mr_type_text(&type, (*out)->type);
    mr_error_set(a->error, MR_E_SQL, "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
                 "A condition must be a BOOLEAN; \"%s\" is a %s.", name.data, type.data);
    mr_error_parameter(a->error, "sqlExpr", "\"%s\"", name.data);
    mr_error_parameter(a->error, "filter", "\"%s\"", name.data);
    mr_error_parameter(a->error, "type", "\"%s\"", type.data);
    mr_text_release(&name);
    mr_text_release(&type);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* ---- folding ---- */
int mr_sql_fold(struct mr_analysis *a, const struct mr_expression **e)
{
    struct mr_expression_builder b;
    if ((*e)->kind != MR_EXPR_CALL && (*e)->kind != MR_EXPR_LAMBDA)
        return MR_OK;
    if ((*e)->foldable) {
        struct mr_error ignored;
        mr_error_clear(&ignored);
        mr_sql_builder(a, NULL, &b);
        const struct mr_expression *literal = NULL;
        if (mr_expression_fold(&b, *e, &literal, &ignored) == MR_OK)
            *e = literal;
        return MR_OK; /* what fails, fails when a row gets there */
    }
    const struct mr_expression **arguments = NULL;
    for (int i = 0; i < (*e)->argument_count; i++) {
        const struct mr_expression *argument = (*e)->arguments[i];
        MR_TRY(mr_sql_fold(a, &argument));
        if (argument == (*e)->arguments[i])
            continue;
        if (!arguments) {
            arguments = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, (*e)->argument_count);
            if (!arguments)
                return mr_error_memory(a->error, sizeof *arguments);
            memcpy(arguments, (*e)->arguments, sizeof *arguments * (size_t)(*e)->argument_count);
        }
        arguments[i] = argument;
    }
    if (arguments) {
        struct mr_expression *copy = MR_ARENA_NEW(a->arena, struct mr_expression);
        if (!copy)
            return mr_error_memory(a->error, sizeof *copy);
        *copy = **e;
        copy->arguments = arguments;
        *e = copy;
    }
    return MR_OK;
}

/* ---- names ---- */
static bool is_cast_of_column(const struct mr_expression *e)
{
    if (e->kind != MR_EXPR_CALL || e->argument_count != 1 || e->arguments[0]->kind != MR_EXPR_COLUMN)
        return false;
    return strcmp(e->function->name, "cast") == 0 || strcmp(e->function->name, "try_cast") == 0;
}

int mr_sql_item_name(struct mr_analysis *a, const struct mr_sql_expression *ast,
                     const struct mr_expression *e, const char **out)
{
    bool is_column = ast->kind == MR_SQL_COLUMN;
    bool is_function = is_column && e->kind == MR_EXPR_CALL && e->argument_count == 0; /* current_date */
    if (is_column && !is_function) {
        *out = mr_sql_text(a, ast->name->parts[ast->name->count - 1]);
        return *out ? MR_OK : a->error->code;
    }
    if (is_cast_of_column(e)) {
        *out = e->arguments[0]->name;
        return MR_OK;
    }
    *out = mr_sql_shown_name(a, e);
    return MR_OK;
}
