/* sql/call.c: calls of functions: scalar ones, aggregates, time windows, higher-order ones, and Spark's
 * special forms. */
#include <stdio.h>

#include "expressions/aggregate.h"
#include "expressions/function.h"
#include "expressions/window.h"
#include "sql/over.h"
#include "sql/within_group.h"

static struct mr_str function_name(const struct mr_sql_expression *ast)
{
    return ast->name->parts[ast->name->count - 1];
}

/* f, builtin.f, system.builtin.f */
static bool is_builtin(const struct mr_sql_name *name)
{
    if (name->count == 1)
        return true;
    bool builtin = mr_str_equal_nocase(name->parts[name->count - 2], MR_STR("builtin"));
    return builtin &&
           (name->count == 2 || (name->count == 3 && mr_str_equal_nocase(name->parts[0], MR_STR("system"))));
}

static bool is_called(const struct mr_sql_expression *ast, const char *name)
{
    return mr_str_equal_nocase(function_name(ast), mr_str_of(name));
}

static int unresolved(struct mr_analysis *a, const struct mr_sql_expression *ast)
{
    const struct mr_session *s = &a->job->session;
    const char *name = mr_sql_quoted(a, ast->name->parts, ast->name->count);
    const char *nearest = mr_function_nearest(ast->name->parts[ast->name->count - 1]);
    mr_error_set(a->error, MR_E_SQL, "UNRESOLVED_ROUTINE", "There is no function %s.%s%s%s", name,
                 nearest ? " Did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    mr_error_parameter(a->error, "routineName", "%s", name);
    mr_error_parameter(a->error, "searchPath", "[`system`.`builtin`, `system`.`session`, `%s`.`%s`]",
                       s->catalog ? s->catalog : "spark_catalog", s->database ? s->database : "default");
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* ---- which calls are what ---- */
static bool is_window_only(struct mr_str name)
{
    static const char *const names[] = {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist",
                                        "ntile",      "lag",  "lead",       "nth_value"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mr_str_equal_nocase(name, mr_str_of(names[i])))
            return true;
    return false;
}

static bool is_grouping_function(const struct mr_sql_expression *ast)
{
    return is_called(ast, "grouping") || is_called(ast, "grouping_id");
}

bool mr_sql_has_aggregate(const struct mr_sql_expression *ast)
{
    if (ast->kind == MR_SQL_CALL && !ast->over && is_builtin(ast->name) &&
        (mr_aggregate_find(function_name(ast)) || is_grouping_function(ast)))
        return true;
    for (int i = 0; i < ast->argument_count; i++)
        if (mr_sql_has_aggregate(ast->arguments[i]))
            return true;
    for (int i = 0; ast->over && i < ast->over->partition_count; i++)
        if (mr_sql_has_aggregate(ast->over->partition[i]))
            return true;
    for (int i = 0; ast->over && i < ast->over->order_count; i++)
        if (mr_sql_has_aggregate(ast->over->order[i].expression))
            return true;
    return false;
}

bool mr_sql_is_generator(const struct mr_sql_expression *ast)
{
    if (ast->kind != MR_SQL_CALL || !is_builtin(ast->name))
        return false;
    const struct mr_function *f = mr_function_find(function_name(ast));
    return f && (f->flags & MR_FN_GENERATOR);
}

/* ---- arguments ---- */
struct argument_list {
    const struct mr_expression **items;
    int count, capacity;
};

static int add_argument(struct mr_analysis *a, struct argument_list *list, const struct mr_expression *e)
{
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 8;
        const struct mr_expression **items = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, capacity);
        if (!items)
            return mr_error_memory(a->error, sizeof *items * (size_t)capacity);
        if (list->count > 0)
            memcpy(items, list->items, sizeof *items * (size_t)list->count);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = e;
    return MR_OK;
}

/* Every column that a star among the arguments stands for. */
static int expand_star(struct mr_resolution *r, const struct mr_sql_expression *star,
                       struct argument_list *list)
{
    struct mr_analysis *a = r->analysis;
    int before = list->count;
    for (int i = 0; i < r->input->scope.count; i++) {
        const struct mr_scope_column *c = &r->input->scope.columns[i];
        const struct mr_expression *e = NULL;
        int qualifiers = star->name ? star->name->count : 0;
        if (c->hidden || (qualifiers == 0 && c->qualified_only) ||
            (qualifiers > 0 && !mr_scope_matches(a, c, star->name->parts, qualifiers)))
            continue;
        MR_TRY(mr_sql_plan_column(a, r->input->plan, c->column, NULL, star, &e));
        MR_TRY(add_argument(a, list, e));
    }
    if (list->count > before)
        return MR_OK;
    return mr_sql_error(a, star->start, star->stop, "CANNOT_RESOLVE_STAR_EXPAND",
                        "This star stands for no column.");
}

static int named_argument(struct mr_resolution *r, const struct mr_sql_expression *ast,
                          const struct mr_sql_expression *argument)
{
    struct mr_analysis *a = r->analysis;
    const char *name = mr_sql_quoted(a, ast->name->parts, ast->name->count);
    mr_error_set(a->error, MR_E_SQL, "NAMED_PARAMETERS_NOT_SUPPORTED",
                 "The function %s takes its arguments by position only.", name);
    mr_error_parameter(a->error, "functionName", "%s", name);
    return mr_sql_error_at(a, argument->start, argument->stop);
}

/* ---- higher-order functions ---- */
static int lambda_types(const struct argument_list *list, struct mr_str name, const struct mr_type **types,
                        bool *nullable, int count)
{
    const struct mr_type *first = list->count > 0 ? list->items[0]->type : NULL;
    bool folds =
        mr_str_equal_nocase(name, MR_STR("aggregate")) || mr_str_equal_nocase(name, MR_STR("reduce"));
    bool pairs = mr_str_equal_nocase(name, MR_STR("array_sort"));
    bool zips = mr_str_equal_nocase(name, MR_STR("zip_with"));
    for (int i = 0; i < count; i++) {
        types[i] = NULL;
        nullable[i] = true;
        if (folds && (i == 0 || list->count > 2))
            types[i] = list->items[1]->type; /* the accumulator; of the finish function too */
        else if (zips && i < 2)
            types[i] = list->items[i]->type->id == MR_ARRAY ? list->items[i]->type->fields[0].type : NULL;
        else if (first && first->id == MR_ARRAY && (i == 0 || pairs || folds))
            types[i] = first->fields[0].type;
        else if (first && first->id == MR_ARRAY)
            types[i] = mr_type_of(MR_INT); /* the index */
        else if (first && first->id == MR_MAP && i < 2)
            types[i] = first->fields[i].type;
        else if (first && first->id == MR_MAP && list->count > 1 && list->items[1]->type->id == MR_MAP)
            types[i] = list->items[1]->type->fields[1].type; /* map_zip_with */
        if (!types[i])
            return MR_END;
    }
    return MR_OK;
}

static int resolve_lambda(struct mr_resolution *r, const struct mr_sql_expression *ast,
                          struct argument_list *list, const struct mr_sql_expression *lambda,
                          const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    int count = lambda->name_count;
    const struct mr_type **types = MR_ARENA_ARRAY(a->arena, const struct mr_type *, count + 1);
    bool *nullable = MR_ARENA_ARRAY(a->arena, bool, count + 1);
    struct mr_expression *e = MR_ARENA_NEW(a->arena, struct mr_expression);
    const struct mr_expression **body = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, 1);
    if (!types || !nullable || !e || !body)
        return mr_error_memory(a->error, sizeof *e);
    if (lambda_types(list, function_name(ast), types, nullable, count) == MR_END)
        return mr_sql_error(a, lambda->start, lambda->stop, "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
                            "%.*s does not take a function of %d parameters here.",
                            (int)function_name(ast).size, function_name(ast).data, count);
    const struct mr_lambda_scope *outer = r->lambda;
    struct mr_lambda_scope scope = {
        lambda->names, types, nullable, count, outer ? outer->first + outer->count : 0, outer};
    r->lambda = &scope;
    int status = mr_sql_resolve(r, lambda->arguments[0], &body[0]);
    r->lambda = outer;
    MR_TRY(status);
    *e = (struct mr_expression){.kind = MR_EXPR_LAMBDA,
                                .type = body[0]->type,
                                .nullable = body[0]->nullable,
                                .deterministic = body[0]->deterministic,
                                .arguments = body,
                                .argument_count = 1,
                                .column = scope.first,
                                .origin = a->origin,
                                .sql_start = lambda->start,
                                .sql_stop = lambda->stop};
    *out = e;
    struct mr_text text;
    mr_text_init(&text);
    mr_text_format(&text, "lambdafunction(%s", mr_sql_shown_name(a, body[0]));
    for (int i = 0; i < count; i++)
        mr_text_append_str(&text, ", namedlambdavariable()");
    mr_text_append_char(&text, ')');
    status = mr_sql_show(a, out, "%s", text.data ? text.data : "");
    mr_text_release(&text);
    return status;
}

static int resolve_arguments(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             struct argument_list *list)
{
    for (int i = 0; i < ast->argument_count; i++) {
        const struct mr_sql_expression *argument = ast->arguments[i];
        const struct mr_expression *e = NULL;
        if (argument->kind == MR_SQL_STAR) {
            MR_TRY(expand_star(r, argument, list));
            continue;
        }
        if (argument->kind == MR_SQL_NAMED)
            return named_argument(r, ast, argument);
        if (argument->kind == MR_SQL_LAMBDA)
            MR_TRY(resolve_lambda(r, ast, list, argument, &e));
        else
            MR_TRY(mr_sql_resolve(r, argument, &e));
        MR_TRY(add_argument(r->analysis, list, e));
    }
    return MR_OK;
}

/* ---- aggregates ---- */
static int misplaced(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    struct mr_analysis *a = r->analysis;
    int size = (int)(ast->stop - ast->start);
    const char *text = a->origin->text + ast->start;
    switch (r->place) {
    case MR_PLACE_WHERE:
        mr_error_set(a->error, MR_E_SQL, "INVALID_WHERE_CONDITION",
                     "An aggregate function cannot stand in WHERE; filter groups with HAVING.");
        mr_error_parameter(a->error, "condition", "\"%.*s\"", size, text);
        mr_error_parameter(a->error, "expressionList", "%.*s", size, text);
        return mr_sql_error_at(a, ast->start, ast->stop);
    case MR_PLACE_GROUP_BY:
        mr_error_set(a->error, MR_E_SQL, "GROUP_BY_AGGREGATE",
                     "Rows cannot be grouped by an aggregate of them.");
        mr_error_parameter(a->error, "sqlExpr", "%.*s", size, text);
        return mr_sql_error_at(a, ast->start, ast->stop);
    case MR_PLACE_ARGUMENT:
        return mr_sql_error(
            a, ast->start, ast->stop, "NESTED_AGGREGATE_FUNCTION",
            "An aggregate cannot be the argument of another; compute the inner one in a subquery.");
    default:
        mr_error_set(a->error, MR_E_SQL, "UNSUPPORTED_EXPR_FOR_OPERATOR",
                     "An aggregate function cannot stand here.");
        mr_error_parameter(a->error, "invalidExprSqls", "\"%.*s\"", size, text);
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
}

/* The same aggregate twice is computed once. */
static int add_aggregate(struct mr_resolution *r, const struct mr_sql_expression *ast,
                         const struct mr_aggregate *aggregate, const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_text mine, other, name;
    int found = -1;
    mr_text_init(&mine);
    mr_text_init(&other);
    mr_text_init(&name);
    mr_aggregate_fingerprint(&mine, aggregate);
    for (int i = 0; i < r->aggregate_count && found < 0; i++) {
        mr_text_clear(&other);
        mr_aggregate_fingerprint(&other, r->aggregates[i]);
        if (mr_str_equal(mr_text_str(&mine), mr_text_str(&other)))
            found = i;
    }
    mr_aggregate_name(&name, aggregate, NULL);
    const char *shown = mr_arena_copy_text(a->arena, name.data ? name.data : "", name.size);
    mr_text_release(&mine);
    mr_text_release(&other);
    mr_text_release(&name);
    if (!shown)
        return mr_error_memory(a->error, 0);
    if (found < 0 && r->aggregate_count == r->aggregate_capacity) {
        int capacity = r->aggregate_capacity ? 2 * r->aggregate_capacity : 8;
        const struct mr_aggregate **list = MR_ARENA_ARRAY(a->arena, const struct mr_aggregate *, capacity);
        const char **names = MR_ARENA_ARRAY(a->arena, const char *, capacity);
        if (!list || !names)
            return mr_error_memory(a->error, sizeof *list * (size_t)capacity);
        for (int i = 0; i < r->aggregate_count; i++) {
            list[i] = r->aggregates[i];
            names[i] = r->aggregate_names[i];
        }
        r->aggregates = list;
        r->aggregate_names = names;
        r->aggregate_capacity = capacity;
    }
    if (found < 0) {
        found = r->aggregate_count++;
        r->aggregates[found] = aggregate;
        r->aggregate_names[found] = shown;
    }
    return mr_sql_column(a, aggregate->result, aggregate->nullable, MR_AGGREGATE_BASE + found, shown, ast,
                         out);
}

static int count_star(struct mr_resolution *r, const struct mr_sql_expression *ast,
                      struct argument_list *list, bool *done)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *one = NULL;
    *done = false;
    if (!is_called(ast, "count") || ast->argument_count != 1 || ast->arguments[0]->kind != MR_SQL_STAR ||
        ast->distinct)
        return MR_OK;
    const struct mr_sql_expression *star = ast->arguments[0];
    if (star->name) {
        const char *name = mr_sql_quoted(a, star->name->parts, star->name->count);
        mr_error_set(a->error, MR_E_SQL, "INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT",
                     "count(%s.*) is not allowed; write count(*), or name the columns.", name);
        mr_error_parameter(a->error, "tableName", "%s", name);
        return mr_sql_error_at(a, star->start, star->stop);
    }
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), 1, &one, a->error));
    *done = true;
    return add_argument(a, list, one);
}

int mr_sql_resolve_aggregate(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    struct argument_list list = {0};
    const struct mr_expression *filter = NULL;
    const struct mr_aggregate *aggregate = NULL;
    bool done;
    if (!r->aggregates_allowed)
        return misplaced(r, ast);
    enum mr_sql_place place = r->place;
    r->place = MR_PLACE_ARGUMENT;
    r->aggregates_allowed = false;
    int status = count_star(r, ast, &list, &done);
    if (status == MR_OK && !done)
        status = resolve_arguments(r, ast, &list);
    if (status == MR_OK && ast->filter)
        status = mr_sql_resolve_condition(r, ast->filter, &filter);
    r->place = place;
    r->aggregates_allowed = true;
    MR_TRY(status);
    mr_sql_builder(a, ast, &b);
    if (ast->ignore_nulls) {
        const struct mr_expression *yes = NULL;
        MR_TRY(mr_expression_bool(&b, true, &yes, a->error));
        MR_TRY(add_argument(a, &list, yes));
    }
    r->has_aggregates = true;
    MR_TRY(mr_aggregate_call(&b, function_name(ast), list.items, list.count, ast->distinct, filter,
                             &aggregate, a->error));
    return add_aggregate(r, ast, aggregate, out);
}

/* ---- grouping(a), grouping_id() ---- */
static int grouping_bit(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_sql_expression *argument, int *bit)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_expression *e = NULL;
    MR_TRY(mr_sql_resolve(r, argument, &e));
    for (int i = 0; i < r->group_count; i++)
        if (mr_expression_equal(r->groups[i], e)) {
            *bit = r->group_count - 1 - i;
            return MR_OK;
        }
    return mr_sql_error(a, ast->start, ast->stop, "GROUPING_COLUMN_MISMATCH",
                        "The argument of grouping() is none of the columns that are grouped by.");
}

static int resolve_grouping(struct mr_resolution *r, const struct mr_sql_expression *ast,
                            const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *id = NULL, *arguments[2];
    int bit = 0;
    bool one = is_called(ast, "grouping");
    if (!r->is_grouped)
        return mr_sql_error(a, ast->start, ast->stop, "UNSUPPORTED_GROUPING_EXPRESSION",
                            "grouping() and grouping_id() stand with ROLLUP, CUBE or GROUPING SETS only.");
    mr_sql_builder(a, ast, &b);
    const char *name = mr_arena_copy_text(a->arena, a->origin->text + ast->start, ast->stop - ast->start);
    MR_TRY(mr_sql_column(a, mr_type_of(MR_BIGINT), false, r->grouping_id, name ? name : "", ast, &id));
    r->has_aggregates = true;
    if (!one && ast->argument_count == 0) {
        *out = id;
        return MR_OK;
    }
    if (one && ast->argument_count != 1)
        return mr_sql_error(a, ast->start, ast->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                            "grouping() takes one argument.");
    const struct mr_expression *sum = NULL;
    for (int i = 0; i < ast->argument_count; i++) {
        MR_TRY(grouping_bit(r, ast, ast->arguments[i], &bit));
        arguments[0] = id;
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), bit, &arguments[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("shiftright"), arguments, 2, &arguments[0], a->error));
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_BIGINT), 1, &arguments[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("&"), arguments, 2, &arguments[0], a->error));
        MR_TRY(
            mr_expression_i64(&b, mr_type_of(MR_INT), ast->argument_count - 1 - i, &arguments[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("shiftleft"), arguments, 2, &arguments[0], a->error));
        if (sum) {
            arguments[1] = sum;
            MR_TRY(mr_expression_call(&b, MR_STR("|"), arguments, 2, &arguments[0], a->error));
        }
        sum = arguments[0];
    }
    if (one)
        MR_TRY(mr_expression_cast(&b, sum, mr_type_of(MR_TINYINT), false, &sum, a->error));
    *out = sum;
    return mr_sql_show(a, out, "%s", name ? name : "");
}

/* ---- time windows ---- */
static int resolve_time_window(struct mr_resolution *r, const struct mr_sql_expression *ast,
                               const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    struct argument_list list = {0};
    const struct mr_expression *call = NULL;
    bool session = is_called(ast, "session_window");
    int column = -1;
    MR_TRY(resolve_arguments(r, ast, &list));
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_call(&b, function_name(ast), list.items, list.count, &call, a->error));
    bool can = r->place == MR_PLACE_SELECT || r->place == MR_PLACE_GROUP_BY || r->place == MR_PLACE_HAVING ||
               r->place == MR_PLACE_ORDER_BY || r->place == MR_PLACE_ARGUMENT;
    if (!can)
        return mr_sql_unsupported(a, ast->start, ast->stop,
                                  "window() stands in SELECT and GROUP BY; compute it in a subquery first.");
    MR_TRY(mr_sql_add_window(r, ast, call, session, &column));
    return mr_sql_plan_column(a, r->input->plan, column, session ? "session_window" : "window", ast, out);
}

/* ---- calls ---- */
static int resolve_over(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    int size = (int)(ast->stop - ast->start);
    if (!r->input->plan->streaming)
        return mr_sql_resolve_over(r, ast, out);
    mr_error_set(a->error, MR_E_SQL, "NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING",
                 "A stream has no end to order rows by; only windows of event time can be computed on it: "
                 "GROUP BY window(…).");
    mr_error_parameter(a->error, "windowFunc", "%.*s", (int)function_name(ast).size, function_name(ast).data);
    mr_error_parameter(a->error, "columnName", "%.*s", size, a->origin->text + ast->start);
    mr_error_parameter(a->error, "windowSpec", "%.*s", size, a->origin->text + ast->start);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* dateadd(DAY, 1, d) and kin: the unit is a bare word. */
static bool takes_unit(const struct mr_sql_expression *ast)
{
    static const char *const names[] = {"dateadd",   "date_add",      "timestampadd", "datediff",
                                        "date_diff", "timestampdiff", "timediff"};
    if (ast->argument_count != 3 || ast->arguments[0]->kind != MR_SQL_COLUMN ||
        ast->arguments[0]->name->count != 1)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_called(ast, names[i]))
            return true;
    return false;
}

static int with_unit(struct mr_resolution *r, const struct mr_sql_expression *ast, struct argument_list *list)
{
    struct mr_expression_builder b;
    const struct mr_expression *e = NULL;
    mr_sql_builder(r->analysis, ast, &b);
    MR_TRY(mr_expression_string(&b, ast->arguments[0]->name->parts[0], &e, r->analysis->error));
    MR_TRY(add_argument(r->analysis, list, e));
    for (int i = 1; i < 3; i++) {
        MR_TRY(mr_sql_resolve(r, ast->arguments[i], &e));
        MR_TRY(add_argument(r->analysis, list, e));
    }
    return MR_OK;
}

static bool has_aliased(const struct mr_sql_expression *ast)
{
    for (int i = 0; i < ast->argument_count; i++)
        if (ast->arguments[i]->kind == MR_SQL_ALIASED)
            return true;
    return false;
}

/* struct(a AS x, b) */
static int struct_with_names(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             struct argument_list *list)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    mr_sql_builder(a, ast, &b);
    if (!is_called(ast, "struct"))
        return mr_sql_error(a, ast->start, ast->stop, "PARSE_SYNTAX_ERROR",
                            "Only the arguments of struct() can be given names with AS.");
    for (int i = 0; i < ast->argument_count; i++) {
        const struct mr_sql_expression *argument = ast->arguments[i];
        const struct mr_expression *name = NULL, *value = NULL;
        char column[32];
        struct mr_str shown = {column, (size_t)snprintf(column, sizeof column, "col%d", i + 1)};
        if (argument->kind == MR_SQL_ALIASED) {
            shown = argument->word;
            argument = argument->arguments[0];
        } else if (argument->kind == MR_SQL_COLUMN) {
            shown = argument->name->parts[argument->name->count - 1];
        }
        MR_TRY(mr_expression_string(&b, shown, &name, a->error));
        MR_TRY(mr_sql_resolve(r, argument, &value));
        MR_TRY(add_argument(a, list, name));
        MR_TRY(add_argument(a, list, value));
    }
    return MR_OK;
}

/* struct(a AS x, b) */
static int show_struct(struct mr_resolution *r, const struct mr_sql_expression *ast,
                       const struct argument_list *list, const struct mr_expression **out)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_text_append_str(&text, "struct(");
    for (int i = 0; i < ast->argument_count; i++) {
        const struct mr_sql_expression *argument = ast->arguments[i];
        mr_text_format(&text, "%s%s", i > 0 ? ", " : "",
                       mr_sql_shown_name(r->analysis, list->items[2 * i + 1]));
        if (argument->kind == MR_SQL_ALIASED)
            mr_text_format(&text, " AS %.*s", (int)argument->word.size, argument->word.data);
    }
    mr_text_append_char(&text, ')');
    int status = mr_sql_show(r->analysis, out, "%s", text.data ? text.data : "");
    mr_text_release(&text);
    return status;
}

/* int(x) and kin are casts. */
static bool is_cast(struct mr_str name)
{
    static const char *const names[] = {"boolean", "tinyint", "smallint", "int",       "bigint", "float",
                                        "double",  "decimal", "date",     "timestamp", "binary", "string"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mr_str_equal_nocase(name, mr_str_of(names[i])))
            return true;
    return false;
}

static int plain_call(struct mr_resolution *r, const struct mr_sql_expression *ast,
                      const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    struct argument_list list = {0};
    struct mr_str name = function_name(ast);
    if (!mr_function_find(name))
        return unresolved(a, ast);
    if (ast->distinct || ast->filter || ast->ignore_nulls) {
        mr_error_set(a->error, MR_E_SQL, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
                     "%.*s is no aggregate function: it takes no %s.", (int)name.size, name.data,
                     ast->distinct ? "DISTINCT"
                     : ast->filter ? "FILTER"
                                   : "IGNORE NULLS");
        mr_error_parameter(a->error, "prettyName", "`%.*s`", (int)name.size, name.data);
        mr_error_parameter(a->error, "syntax", "%s",
                           ast->distinct ? "DISTINCT"
                           : ast->filter ? "FILTER CLAUSE"
                                         : "IGNORE NULLS");
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    if (takes_unit(ast)) {
        MR_TRY(with_unit(r, ast, &list));
    } else if (has_aliased(ast)) {
        MR_TRY(struct_with_names(r, ast, &list));
        name = MR_STR("named_struct");
    } else {
        MR_TRY(resolve_arguments(r, ast, &list));
    }
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_call(&b, name, list.items, list.count, out, a->error));
    if (is_cast(name) && list.count == 1) /* int(x) shows as x */
        return mr_sql_show(a, out, "%s", mr_sql_shown_name(a, list.items[0]));
    if (has_aliased(ast))
        return show_struct(r, ast, &list, out);
    return MR_OK;
}

static int misplaced_generator(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    struct mr_analysis *a = r->analysis;
    int size = (int)(ast->stop - ast->start);
    bool outside = r->place != MR_PLACE_SELECT;
    mr_error_set(a->error, MR_E_SQL,
                 outside ? "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT"
                         : "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
                 "%.*s makes several rows of one: it stands alone in the select list, or in LATERAL VIEW.",
                 (int)function_name(ast).size, function_name(ast).data);
    mr_error_parameter(a->error, outside ? "plan" : "expression", "\"%.*s\"", size,
                       a->origin->text + ast->start);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

int mr_sql_resolve_call(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    if (!is_builtin(ast->name))
        return unresolved(r->analysis, ast);
    if (ast->over)
        return resolve_over(r, ast, out);
    if (is_window_only(function_name(ast))) {
        int size = (int)(ast->stop - ast->start);
        mr_error_set(r->analysis->error, MR_E_SQL, "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE",
                     "%.*s needs an OVER clause.", (int)function_name(ast).size, function_name(ast).data);
        mr_error_parameter(r->analysis->error, "funcName", "\"%.*s\"", size,
                           r->analysis->origin->text + ast->start);
        return mr_sql_error_at(r->analysis, ast->start, ast->stop);
    }
    if (is_called(ast, "window") || is_called(ast, "session_window"))
        return resolve_time_window(r, ast, out);
    if (is_grouping_function(ast))
        return resolve_grouping(r, ast, out);
    if (ast->within_count > 0 && r->aggregates_allowed)
        return mr_sql_resolve_within_group(r, ast, out);
    if (mr_sql_is_ordered_set(ast) && ast->argument_count == 1)
        return mr_sql_error(r->analysis, ast->start, ast->stop,
                            "INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING",
                            "%.*s needs WITHIN GROUP (ORDER BY …).", (int)function_name(ast).size,
                            function_name(ast).data);
    if (mr_aggregate_find(function_name(ast)))
        return mr_sql_resolve_aggregate(r, ast, out);
    if (mr_sql_is_generator(ast))
        return misplaced_generator(r, ast);
    return plain_call(r, ast, out);
}
