/* sql/subquery.c: queries inside expressions, as joins with the relation the expression is over.
 *
 * A value is a LEFT JOIN that admits one partner a row; EXISTS and IN among the conditions of WHERE are semi
 * and anti joins, elsewhere a join that marks the rows that have a partner. Columns of the outer query may
 * stand in the WHERE of the inner one: such conditions are pulled out of it and become the join's, over
 * columns that the inner query gives beside its own. */
#include "sql/subquery.h"

#include "expressions/function.h"
#include "expressions/resolve.h"

/* ---- columns of the outer query ---- */
int mr_sql_outer_column(struct mr_resolution *r, const struct mr_sql_expression *ast, int *parts,
                        const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_correlation *c = r->correlation;
    int column = -1;
    if (!c)
        return MR_END;
    int status = mr_scope_find(a, &c->outer->input->scope, ast->name, &column, parts);
    if (status != MR_OK)
        return status;
    const char *name = mr_sql_text(a, ast->name->parts[*parts - 1]);
    if (!name)
        return a->error->code;
    MR_TRY(mr_sql_plan_column(a, c->outer->input->plan, column, name, ast, out));
    ((struct mr_expression *)*out)->column += MR_OUTER_BASE;
    if (c->outer_count < MR_MAX_CORRELATIONS)
        c->outer_names[c->outer_count++] = name;
    return MR_OK;
}

static bool has_outer(const struct mr_expression *e)
{
    if (e->kind == MR_EXPR_COLUMN)
        return e->column >= MR_OUTER_BASE;
    for (int i = 0; i < e->argument_count; i++)
        if (has_outer(e->arguments[i]))
            return true;
    return false;
}

static bool has_inner(const struct mr_expression *e)
{
    if (e->kind == MR_EXPR_COLUMN)
        return e->column < MR_OUTER_BASE;
    for (int i = 0; i < e->argument_count; i++)
        if (has_inner(e->arguments[i]))
            return true;
    return false;
}

/* A copy with other column numbers: outer ones from 0, inner ones from `inner` on. */
static int renumber(struct mr_analysis *a, const struct mr_expression *e, int inner,
                    const struct mr_expression **out)
{
    struct mr_expression *copy = MR_ARENA_NEW(a->arena, struct mr_expression);
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, e->argument_count + 1);
    if (!copy || !arguments)
        return mr_error_memory(a->error, sizeof *copy);
    *copy = *e;
    if (e->kind == MR_EXPR_COLUMN)
        copy->column = e->column >= MR_OUTER_BASE ? e->column - MR_OUTER_BASE : e->column + inner;
    copy->arguments = arguments;
    for (int i = 0; i < e->argument_count; i++)
        MR_TRY(renumber(a, e->arguments[i], inner, &arguments[i]));
    *out = copy;
    return MR_OK;
}

static int combine(struct mr_analysis *a, const char *function, const struct mr_expression *x,
                   const struct mr_expression *y, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *both[2] = {x, y};
    mr_sql_builder(a, NULL, &b);
    if (!x || !y) {
        *out = x ? x : y;
        return MR_OK;
    }
    return mr_expression_call(&b, mr_str_of(function), both, 2, out, a->error);
}

int mr_sql_pull_conditions(struct mr_analysis *a, struct mr_correlation *c, const struct mr_expression **e)
{
    const struct mr_expression *condition = *e, *kept[2] = {NULL, NULL};
    bool is_and = condition->kind == MR_EXPR_CALL && strcmp(condition->function->name, "and") == 0;
    if (is_and && has_outer(condition)) {
        for (int i = 0; i < 2; i++) {
            kept[i] = condition->arguments[i];
            MR_TRY(mr_sql_pull_conditions(a, c, &kept[i]));
        }
        return combine(a, "and", kept[0], kept[1], e);
    }
    if (!has_outer(condition))
        return MR_OK;
    if (c->count == MR_MAX_CORRELATIONS)
        return mr_sql_unsupported(a, condition->sql_start, condition->sql_stop,
                                  "A subquery has more than %d conditions on the outer query.",
                                  MR_MAX_CORRELATIONS);
    c->conditions[c->count++] = condition;
    *e = NULL;
    return MR_OK;
}

/* ---- a correlated aggregation: grouped by what the conditions compare with the outer query ---- */
int mr_sql_correlation_groups(struct mr_analysis *a, struct mr_correlation *c,
                              struct mr_grouping_plan *groups)
{
    groups->groups = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, c->count + 1);
    groups->names = MR_ARENA_ARRAY(a->arena, const char *, c->count + 1);
    if (!groups->groups || !groups->names)
        return mr_error_memory(a->error, sizeof *groups->groups);
    for (int i = 0; i < c->count; i++) {
        const struct mr_expression *e = c->conditions[i];
        bool equal = e->kind == MR_EXPR_CALL &&
                     (strcmp(e->function->name, "=") == 0 || strcmp(e->function->name, "<=>") == 0);
        int inner = equal && !has_outer(e->arguments[0]) ? 0 : 1;
        if (!equal || has_outer(e->arguments[inner]) || has_inner(e->arguments[!inner])) {
            mr_error_set(a->error, MR_E_SQL,
                         "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.CORRELATED_COLUMN_IS_NOT_ALLOWED_IN_"
                         "PREDICATE",
                         "An aggregation in a subquery may be tied to the outer query by equalities only.");
            return mr_sql_error_at(a, e->sql_start, e->sql_stop);
        }
        const struct mr_expression *sides[2] = {e->arguments[inner], e->arguments[!inner]};
        struct mr_expression *group = MR_ARENA_NEW(a->arena, struct mr_expression);
        if (!group)
            return mr_error_memory(a->error, sizeof *group);
        *group = (struct mr_expression){.kind = MR_EXPR_COLUMN,
                                        .type = sides[0]->type,
                                        .nullable = true,
                                        .deterministic = true,
                                        .name = "group",
                                        .column = i};
        groups->groups[i] = sides[0];
        groups->names[i] = "group";
        sides[0] = group; /* over the extra columns of the result */
        MR_TRY(combine(a, e->function->name, sides[0], sides[1], &c->conditions[i]));
    }
    groups->count = c->count;
    c->grouped = true;
    return MR_OK;
}

/* What e is when there are no rows: aggregates that count are 0, others NULL. */
int mr_sql_value_of_nothing(struct mr_analysis *a, const struct mr_resolution *r,
                            const struct mr_plan *aggregation, const struct mr_expression *e,
                            const struct mr_expression **out)
{
    struct mr_expression_builder b;
    int count = aggregation->schema->field_count, groups = aggregation->group_count;
    const struct mr_expression **values = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    if (!values)
        return mr_error_memory(a->error, sizeof *values);
    mr_sql_builder(a, NULL, &b);
    for (int i = 0; i < count; i++) {
        const struct mr_type *type = aggregation->schema->fields[i].type;
        bool counts = i >= groups && !r->aggregates[i - groups]->nullable && mr_type_is_integral(type);
        if (counts)
            MR_TRY(mr_expression_i64(&b, type, 0, &values[i], a->error));
        else
            MR_TRY(mr_expression_null(&b, &values[i], a->error));
        if (!counts)
            MR_TRY(mr_expression_cast(&b, values[i], type, false, &values[i], a->error));
    }
    MR_TRY(mr_expression_substitute(a->arena, e, values, out, a->error));
    MR_TRY(mr_sql_fold(a, out));
    if ((*out)->kind == MR_EXPR_LITERAL && mr_column_is_null((*out)->literal, 0))
        *out = NULL;
    return MR_OK;
}

/* ---- the inner query ---- */
static int inner_plan(struct mr_resolution *r, const struct mr_sql_expression *ast, struct mr_correlation *c,
                      struct mr_plan **out)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_sql_query *query = ast->query;
    struct mr_relation_plan plan = {0};
    struct mr_correlation *before = a->correlation;
    *c = (struct mr_correlation){.outer = r, .exists = ast->kind == MR_SQL_QUERY_EXISTS};
    if (r->place == MR_PLACE_JOIN || r->place == MR_PLACE_OTHER || r->lambda)
        return mr_sql_unsupported(a, ast->start, ast->stop,
                                  "A subquery is not supported here; put it into WHERE or the select list.");
    a->correlation = query->body->kind == MR_SQL_BODY_SELECT ? c : NULL;
    int status = mr_sql_query_plan(a, query, &plan);
    a->correlation = before;
    if (status < 0)
        return status;
    if (c->count > 0 && (query->limit || query->offset))
        return mr_sql_unsupported(a, ast->start, ast->stop,
                                  "LIMIT in a subquery that depends on the outer query is not supported.");
    if (plan.plan->streaming)
        return mr_sql_error(a, ast->start, ast->stop, "INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY",
                            "A subquery in an expression cannot read a stream; join the stream.");
    *out = plan.plan;
    return MR_OK;
}

/* JOIN of the input with the inner query by the conditions pulled out of it, and one more. */
static int join_plan(struct mr_resolution *r, const struct mr_sql_expression *ast, enum mr_sql_join_kind kind,
                     struct mr_plan *inner, const struct mr_correlation *c, const struct mr_expression *more,
                     struct mr_plan **join)
{
    struct mr_analysis *a = r->analysis;
    struct mr_plan *left = r->input->plan;
    int first = left->schema->field_count + c->first_inner;
    MR_TRY(mr_plan_join(a, kind, left, inner, ast->start, ast->stop, join));
    (*join)->condition = more;
    (*join)->subquery = true;
    for (int i = 0; i < c->count; i++) {
        const struct mr_expression *condition = NULL;
        MR_TRY(renumber(a, c->conditions[i], first, &condition));
        MR_TRY(combine(a, "and", (*join)->condition, condition, &(*join)->condition));
    }
    r->input->plan = *join;
    return MR_OK;
}

/* ---- (SELECT …) as a value ---- */
static int one_column(struct mr_resolution *r, const struct mr_sql_expression *ast, int count)
{
    struct mr_analysis *a = r->analysis;
    if (count == 1)
        return MR_OK;
    mr_error_set(a->error, MR_E_SQL,
                 "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                 "A subquery used as a value gives one column, not %d.", count);
    mr_error_parameter(a->error, "number", "%d", count);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* What stands for rows of the outer query without a partner: IF(ISNULL(marker), nothing, value). */
static int with_default(struct mr_resolution *r, const struct mr_correlation *c, struct mr_plan *join,
                        const struct mr_expression **value)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *marker = NULL, *test = NULL;
    if (!c->nothing)
        return MR_OK;
    mr_sql_builder(a, NULL, &b);
    MR_TRY(mr_sql_plan_column(a, join, join->schema->field_count - 1, NULL, NULL, &marker));
    MR_TRY(mr_expression_call(&b, MR_STR("isnull"), &marker, 1, &test, a->error));
    const struct mr_expression *parts[3] = {test, c->nothing, *value};
    return mr_expression_call(&b, MR_STR("if"), parts, 3, value, a->error);
}

/* In a query with aggregates a value is joined to the groups, once they are made. */
static int join_later(struct mr_resolution *r, const struct mr_sql_expression *ast, struct mr_plan *inner,
                      const struct mr_correlation *c, const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_field *field = &inner->schema->fields[0];
    if (c->count > 0)
        return mr_sql_unsupported(
            a, ast->start, ast->stop,
            "A subquery that depends on the outer query is not supported beside aggregate "
            "functions; compute one of them in a subquery in FROM.");
    if (r->late_count == MR_MAX_CORRELATIONS)
        return mr_sql_unsupported(a, ast->start, ast->stop, "There are more than %d subqueries.",
                                  MR_MAX_CORRELATIONS);
    r->late_plans[r->late_count] = inner;
    return mr_sql_column(a, field->type, true, MR_LATE_BASE + r->late_count++, "scalarsubquery()", ast, out);
}

int mr_sql_join_late(struct mr_resolution *r, uint32_t start, uint32_t stop, struct mr_plan **plan)
{
    for (int i = 0; i < r->late_count; i++) {
        struct mr_plan *join = NULL;
        r->late_columns[i] = (*plan)->schema->field_count;
        MR_TRY(mr_plan_join(r->analysis, MR_SQL_JOIN_LEFT, *plan, r->late_plans[i], start, stop, &join));
        join->single = true;
        join->group_count = (*plan)->group_count; /* its columns still begin with the groups */
        *plan = join;
    }
    return MR_OK;
}

static int resolve_value(struct mr_resolution *r, const struct mr_sql_expression *ast,
                         const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_correlation c;
    struct mr_plan *inner = NULL, *join = NULL;
    MR_TRY(inner_plan(r, ast, &c, &inner));
    MR_TRY(one_column(r, ast, c.first_inner > 0 ? c.first_inner : inner->schema->field_count));
    if (r->aggregates_allowed && r->place != MR_PLACE_ARGUMENT)
        return join_later(r, ast, inner, &c, out);
    int column = r->input->plan->schema->field_count;
    MR_TRY(join_plan(r, ast, MR_SQL_JOIN_LEFT, inner, &c, NULL, &join));
    join->single = !c.grouped;
    MR_TRY(mr_sql_plan_column(a, join, column, "scalarsubquery()", ast, out));
    MR_TRY(with_default(r, &c, join, out));
    if (c.count == 0)
        return mr_sql_show(a, out, "scalarsubquery()");
    struct mr_text names;
    mr_text_init(&names);
    for (int i = 0; i < c.outer_count; i++)
        mr_text_format(&names, "%s%s", i > 0 ? ", " : "", c.outer_names[i]);
    int status = mr_sql_show(a, out, "scalarsubquery(%s)", names.data ? names.data : "");
    mr_text_release(&names);
    return status;
}

/* ---- EXISTS and IN ---- */
static int wrong_length(struct mr_resolution *r, const struct mr_sql_expression *ast, int left,
                        const struct mr_plan *inner, int right)
{
    struct mr_analysis *a = r->analysis;
    struct mr_text names;
    const struct mr_sql_expression *value = ast->arguments[0];
    mr_error_set(a->error, MR_E_SQL, "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
                 "IN compares %d columns with a subquery of %d.", left, right);
    mr_error_parameter(a->error, "leftLength", "%d", left);
    mr_error_parameter(a->error, "rightLength", "%d", right);
    mr_error_parameter(a->error, "leftColumns", "\"%.*s\"", (int)(value->stop - value->start),
                       a->origin->text + value->start);
    mr_text_init(&names);
    for (int i = 0; i < right; i++)
        mr_text_format(&names, "%s\"%s\"", i > 0 ? ", " : "", inner->schema->fields[i].name);
    mr_error_parameter(a->error, "rightColumns", "%s", names.data ? names.data : "");
    mr_text_release(&names);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* x = inner column, for each; of NOT IN also where that is not known. */
static int in_condition(struct mr_resolution *r, const struct mr_sql_expression *ast, struct mr_plan *inner,
                        const struct mr_correlation *c, bool negated, const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_sql_expression *left = ast->arguments[0];
    struct mr_expression_builder b;
    bool row = left->kind == MR_SQL_ROW;
    int count = row ? left->argument_count : 1, shift = r->input->plan->schema->field_count;
    int columns = c->first_inner > 0 ? c->first_inner : inner->schema->field_count;
    *out = NULL;
    if (count != columns)
        return wrong_length(r, ast, count, inner, columns);
    mr_sql_builder(a, ast, &b);
    for (int i = 0; i < count; i++) {
        const struct mr_expression *sides[2], *equal = NULL, *unknown = NULL;
        MR_TRY(mr_sql_resolve(r, row ? left->arguments[i] : left, &sides[0]));
        if (r->input->plan->schema->field_count != shift)
            return mr_sql_unsupported(a, ast->start, ast->stop,
                                      "A subquery on the left of IN (SELECT …) is not supported.");
        MR_TRY(mr_sql_plan_column(a, inner, i, NULL, ast, &sides[1]));
        ((struct mr_expression *)sides[1])->column += shift;
        const struct mr_type *common = mr_type_common(a->arena, sides[0]->type, sides[1]->type);
        bool both_text = sides[0]->type->id == MR_STRING || sides[1]->type->id == MR_STRING;
        if (!common && !both_text) {
            mr_error_set(a->error, MR_E_SQL, "DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH",
                         "IN compares columns of types that have nothing in common.");
            return mr_sql_error_at(a, ast->start, ast->stop);
        }
        MR_TRY(mr_expression_call(&b, MR_STR("="), sides, 2, &equal, a->error));
        if (negated) {
            MR_TRY(mr_expression_call(&b, MR_STR("isnull"), &equal, 1, &unknown, a->error));
            MR_TRY(combine(a, "or", equal, unknown, &equal));
        }
        MR_TRY(combine(a, "and", *out, equal, out));
    }
    return MR_OK;
}

static int predicate_join(struct mr_resolution *r, const struct mr_sql_expression *ast, bool negated,
                          enum mr_sql_join_kind kind, struct mr_plan **join)
{
    struct mr_correlation c;
    struct mr_plan *inner = NULL;
    const struct mr_expression *condition = NULL;
    MR_TRY(inner_plan(r, ast, &c, &inner));
    if (ast->kind == MR_SQL_QUERY_IN) {
        MR_TRY(in_condition(r, ast, inner, &c, negated, &condition));
    } else if (c.count == 0) { /* any row will do */
        struct mr_plan *limit = mr_plan_new(r->analysis, MR_PLAN_LIMIT, inner, ast->start, ast->stop);
        if (!limit)
            return r->analysis->error->code;
        limit->limit = 1;
        inner = limit;
    }
    return join_plan(r, ast, kind, inner, &c, condition, join);
}

bool mr_sql_is_predicate(const struct mr_sql_expression *ast, const struct mr_sql_expression **query,
                         bool *negated)
{
    *negated =
        ast->kind == MR_SQL_OPERATOR && ast->argument_count == 1 && mr_str_equal(ast->word, MR_STR("not"));
    *query = *negated ? ast->arguments[0] : ast;
    return (*query)->kind == MR_SQL_QUERY_EXISTS || (*query)->kind == MR_SQL_QUERY_IN;
}

int mr_sql_filter_by_subquery(struct mr_resolution *r, const struct mr_sql_expression *ast, bool negated)
{
    struct mr_plan *join = NULL;
    return predicate_join(r, ast, negated, negated ? MR_SQL_JOIN_ANTI : MR_SQL_JOIN_SEMI, &join);
}

int mr_sql_resolve_subquery(struct mr_resolution *r, const struct mr_sql_expression *ast, bool negated,
                            const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_plan *join = NULL;
    if (ast->kind == MR_SQL_QUERY_VALUE)
        return resolve_value(r, ast, out);
    if (r->aggregates_allowed && r->place != MR_PLACE_ARGUMENT)
        return mr_sql_unsupported(a, ast->start, ast->stop,
                                  "EXISTS and IN (SELECT …) are not supported beside aggregate functions.");
    int column = r->input->plan->schema->field_count;
    MR_TRY(predicate_join(r, ast, negated, MR_SQL_JOIN_MARK, &join));
    MR_TRY(mr_sql_plan_column(a, join, column, NULL, ast, out));
    if (ast->kind == MR_SQL_QUERY_EXISTS)
        MR_TRY(mr_sql_show(a, out, "exists()"));
    if (!negated)
        return MR_OK;
    struct mr_expression_builder b;
    mr_sql_builder(a, ast, &b);
    return mr_expression_call(&b, MR_STR("not"), out, 1, out, a->error);
}
