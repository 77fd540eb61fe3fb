/* sql/within_group.c: aggregates of rows in an order, f(…) WITHIN GROUP (ORDER BY …), as plain ones: what is
 * ordered becomes an argument, or is collected and sorted. */
#include "sql/within_group.h"

static struct mr_sql_expression *node(struct mr_analysis *a, const struct mr_sql_expression *at,
                                      enum mr_sql_expression_kind kind, int count)
{
    struct mr_sql_expression *e = MR_ARENA_NEW(a->arena, struct mr_sql_expression);
    struct mr_sql_expression **arguments = MR_ARENA_ARRAY(a->arena, struct mr_sql_expression *, count + 1);
    if (!e || !arguments)
        return NULL;
    *e = (struct mr_sql_expression){.kind = kind,
                                    .start = at->start,
                                    .stop = at->stop,
                                    .outer_start = at->start,
                                    .outer_stop = at->stop,
                                    .depth = at->depth,
                                    .arguments = arguments,
                                    .argument_count = count};
    return e;
}

/* name(x, y, z); arguments from the first NULL on are not there. NULL without memory. */
static struct mr_sql_expression *call(struct mr_analysis *a, const struct mr_sql_expression *at,
                                      const char *function, struct mr_sql_expression *x,
                                      struct mr_sql_expression *y, struct mr_sql_expression *z)
{
    struct mr_sql_expression *const list[] = {x, y, z};
    int count = !x ? 0 : !y ? 1 : !z ? 2 : 3;
    struct mr_sql_expression *e = node(a, at, MR_SQL_CALL, count);
    struct mr_sql_name *name = MR_ARENA_NEW(a->arena, struct mr_sql_name);
    struct mr_str *part = MR_ARENA_NEW(a->arena, struct mr_str);
    if (!e || !name || !part)
        return NULL;
    *part = mr_str_of(function);
    *name = (struct mr_sql_name){part, 1, at->start, at->stop};
    e->name = name;
    memcpy(e->arguments, list, sizeof *list * (size_t)count);
    return e;
}

static struct mr_sql_expression *text(struct mr_analysis *a, const struct mr_sql_expression *at,
                                      const char *value)
{
    struct mr_sql_expression *e = node(a, at, MR_SQL_STRING, 0);
    if (e)
        e->text = mr_str_of(value);
    return e;
}

static struct mr_sql_expression *boolean(struct mr_analysis *a, const struct mr_sql_expression *at,
                                         bool value)
{
    struct mr_sql_expression *e = node(a, at, MR_SQL_BOOLEAN, 0);
    if (e)
        e->flag = value;
    return e;
}

static struct mr_sql_expression *to_double(struct mr_analysis *a, struct mr_sql_expression *value)
{
    struct mr_sql_expression *e = node(a, value, MR_SQL_CAST, 1);
    if (!e)
        return NULL;
    e->arguments[0] = value;
    e->type = MR_STR("DOUBLE");
    e->type_start = value->start;
    return e;
}

/* In descending order: of the negated values, negated. */
static struct mr_sql_expression *percentile(struct mr_analysis *a, const struct mr_sql_expression *ast,
                                            const char *function)
{
    struct mr_sql_expression *value = ast->within[0].expression;
    if (ast->within[0].descending) {
        value = to_double(a, value);
        value = value ? call(a, ast, "negative", value, NULL, NULL) : NULL;
    }
    struct mr_sql_expression *e = value ? call(a, ast, function, value, ast->arguments[0], NULL) : NULL;
    if (!e)
        return NULL;
    e->filter = ast->filter;
    return ast->within[0].descending ? call(a, ast, "negative", e, NULL, NULL) : e;
}

/* sort_array(collect_list(struct(key, value)) FILTER (…), ascending).value, joined; NULL where there is none.
 */
static struct mr_sql_expression *joined(struct mr_analysis *a, const struct mr_sql_expression *ast)
{
    struct mr_sql_expression *pair = node(a, ast, MR_SQL_CALL, 4), *there = NULL, *field = NULL, *list = NULL;
    struct mr_sql_expression *shape = call(a, ast, "named_struct", NULL, NULL, NULL);
    if (!pair || !shape)
        return NULL;
    pair->name = shape->name;
    pair->arguments[0] = text(a, ast, "key");
    pair->arguments[1] = ast->within[0].expression;
    pair->arguments[2] = text(a, ast, "value");
    pair->arguments[3] = ast->arguments[0];
    list = call(a, ast, "collect_list", pair, NULL, NULL);
    there = call(a, ast, "isnotnull", ast->arguments[0], NULL, NULL);
    if (!list || !there || !pair->arguments[0] || !pair->arguments[2])
        return NULL;
    list->filter = there;
    if (ast->filter) {
        list->filter = node(a, ast, MR_SQL_OPERATOR, 2);
        if (!list->filter)
            return NULL;
        list->filter->word = MR_STR("and");
        list->filter->arguments[0] = there;
        list->filter->arguments[1] = ast->filter;
    }
    struct mr_sql_expression *order = boolean(a, ast, !ast->within[0].descending);
    field = node(a, ast, MR_SQL_FIELD, 1);
    if (!order || !field)
        return NULL;
    field->arguments[0] = call(a, ast, "sort_array", list, order, NULL);
    field->word = MR_STR("value");
    struct mr_sql_expression *delimiter = ast->argument_count > 1 ? ast->arguments[1] : text(a, ast, "");
    struct mr_sql_expression *all = delimiter ? call(a, ast, "array_join", field, delimiter, NULL) : NULL;
    struct mr_sql_expression *some =
        field->arguments[0] ? call(a, ast, "array_max", field, NULL, NULL) : NULL;
    /* nvl2(any, all, all): array_join of no elements is not NULL. */
    struct mr_sql_expression *none = node(a, ast, MR_SQL_NULL, 0);
    return all && some && none ? call(a, ast, "nvl2", some, all, none) : NULL;
}

static bool is(const struct mr_sql_expression *ast, const char *name)
{
    return ast->name->count == 1 && mr_str_equal_nocase(ast->name->parts[0], mr_str_of(name));
}

bool mr_sql_is_ordered_set(const struct mr_sql_expression *ast)
{
    return is(ast, "percentile_cont") || is(ast, "percentile_disc");
}

int mr_sql_resolve_within_group(struct mr_resolution *r, const struct mr_sql_expression *ast,
                                const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_sql_expression *plain = NULL;
    bool lists = is(ast, "listagg") || is(ast, "string_agg");
    int arguments = lists && ast->argument_count == 2 ? 2 : is(ast, "mode") ? 0 : 1;
    if (!lists && !mr_sql_is_ordered_set(ast) && !is(ast, "mode")) {
        const char *name = mr_sql_quoted(a, ast->name->parts, ast->name->count);
        mr_error_set(a->error, MR_E_SQL, "INVALID_WITHIN_GROUP_EXPRESSION", "%s takes no WITHIN GROUP.",
                     name);
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    bool plain_order = ast->within_count == 1 &&
                       ast->within[0].nulls_first == !ast->within[0].descending; /* as it is by itself */
    if (ast->distinct || !plain_order || (is(ast, "mode") && ast->within[0].descending))
        return mr_sql_unsupported(
            a, ast->start, ast->stop,
            "WITHIN GROUP is supported with one expression in plain order, without DISTINCT "
            "(mode: ascending).");
    if (ast->argument_count != arguments)
        return mr_sql_error(a, ast->start, ast->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                            "The function takes %d arguments here.", arguments);
    if (lists) {
        plain = joined(a, ast);
    } else if (is(ast, "mode")) {
        struct mr_sql_expression *yes = boolean(a, ast, true);
        plain = yes ? call(a, ast, "mode", ast->within[0].expression, yes, NULL) : NULL;
        if (plain)
            plain->filter = ast->filter;
    } else {
        plain = percentile(a, ast, is(ast, "percentile_cont") ? "percentile_cont" : "percentile_disc");
    }
    if (!plain)
        return mr_error_memory(a->error, sizeof *plain);
    MR_TRY(mr_sql_resolve(r, plain, out));
    return mr_sql_show(a, out, "%.*s", (int)(ast->stop - ast->start), a->origin->text + ast->start);
}
