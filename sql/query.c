/* sql/query.c: queries: WITH, set operations, ORDER BY and LIMIT over them. */
#include "expressions/resolve.h"
#include "sql/analysis.h"

/* ---- ordinals, ORDER BY, LIMIT ---- */
int mr_sql_ordinal(struct mr_analysis *a, const struct mr_sql_expression *ast, int count,
                   const char *condition, int *out)
{
    int64_t value = 0;
    *out = -1;
    if (ast->kind != MR_SQL_NUMBER)
        return MR_OK;
    for (size_t i = 0; i < ast->text.size; i++) {
        char c = ast->text.data[i];
        bool sign = i == 0 && c == '-';
        if (!sign && (c < '0' || c > '9'))
            return MR_OK; /* 1.5 is no position */
        if (!sign && value < INT32_MAX)
            value = value * 10 + (c - '0');
    }
    if (ast->text.data[0] == '-')
        value = -value;
    if (value < 1 || value > count) {
        bool order = strstr(condition, "ORDER") != NULL;
        mr_error_set(a->error, MR_E_SQL, condition,
                     "%s BY position %.*s is not in the select list of %d column%s.",
                     order ? "ORDER" : "GROUP", (int)ast->text.size, ast->text.data, count,
                     count == 1 ? "" : "s");
        mr_error_parameter(a->error, "index", "%.*s", (int)ast->text.size, ast->text.data);
        mr_error_parameter(a->error, "size", "%d", count);
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    *out = (int)value - 1;
    return MR_OK;
}

static int check_orderable(struct mr_analysis *a, const struct mr_sql_expression *ast,
                           const struct mr_expression *e)
{
    if (mr_type_is_orderable(e->type))
        return MR_OK;
    struct mr_text name, type;
    mr_text_init(&name);
    mr_text_init(&type);
    mr_expression_name(&name, e, NULL);
    mr_type_text(&type, e->type);
    mr_error_set(a->error, MR_E_SQL, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
                 "A %s has no order to sort by.", type.data);
    mr_error_parameter(a->error, "sqlExpr", "\"%s\"", name.data);
    mr_error_parameter(a->error, "functionName", "`sortorder`");
    mr_error_parameter(a->error, "dataType", "\"%s\"", type.data);
    mr_text_release(&name);
    mr_text_release(&type);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

int mr_sql_sort_plan(struct mr_analysis *a, const struct mr_sql_query *query, struct mr_plan **plan)
{
    int count = query->order_all ? (*plan)->schema->field_count : query->order_count;
    struct mr_sort_key *keys = MR_ARENA_ARRAY(a->arena, struct mr_sort_key, count + 1);
    struct mr_relation_plan input = {.plan = *plan};
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = &input, .place = MR_PLACE_ORDER_BY, .window = &window};
    if (!keys)
        return mr_error_memory(a->error, sizeof *keys);
    MR_TRY(mr_scope_of_plan(a, *plan, NULL, 0, 0, &input.scope));
    for (int i = 0; i < count; i++) {
        const struct mr_sql_order *o = &query->order[query->order_all ? 0 : i];
        int position = query->order_all ? i : -1;
        if (!query->order_all)
            MR_TRY(mr_sql_ordinal(a, o->expression, (*plan)->schema->field_count, "ORDER_BY_POS_OUT_OF_RANGE",
                                  &position));
        if (position >= 0)
            MR_TRY(mr_sql_plan_column(a, *plan, position, NULL, o->expression, &keys[i].expression));
        else
            MR_TRY(mr_sql_resolve(&r, o->expression, &keys[i].expression));
        if (o->expression)
            MR_TRY(check_orderable(a, o->expression, keys[i].expression));
        keys[i].descending = o->descending;
        keys[i].nulls_first = o->nulls_first;
    }
    struct mr_plan *sort = mr_plan_new(a, MR_PLAN_SORT, *plan, query->start, query->stop);
    if (!sort)
        return a->error->code;
    sort->sort_keys = keys;
    sort->sort_count = count;
    *plan = sort;
    return MR_OK;
}

static int limit_value(struct mr_analysis *a, const struct mr_sql_expression *ast, const char *name,
                       int64_t *out)
{
    struct mr_plan empty = {.schema = mr_type_struct(a->arena, NULL, 0)};
    struct mr_relation_plan nothing = {.plan = &empty};
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = &nothing, .place = MR_PLACE_OTHER, .window = &window};
    struct mr_expression_builder b;
    const struct mr_expression *e = NULL;
    const char *problem = NULL;
    mr_sql_builder(a, ast, &b);
    int status = mr_sql_resolve(&r, ast, &e);
    int size = (int)(ast->stop - ast->start);
    const char *text = a->origin->text + ast->start;
    if (status < 0 && strncmp(a->error->condition, "UNRESOLVED_COLUMN", 17) == 0) {
        mr_error_clear(a->error);
        problem = "INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE";
    } else {
        MR_TRY(status);
        bool integer = mr_type_is_integral(e->type) && e->type->id != MR_BIGINT;
        if (e->foldable)
            MR_TRY(mr_expression_fold(&b, e, &e, a->error));
        if (e->kind != MR_EXPR_LITERAL)
            problem = "INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE";
        else if (!integer)
            problem = "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE";
        else if (mr_column_is_null(e->literal, 0))
            problem = "INVALID_LIMIT_LIKE_EXPRESSION.IS_NULL";
        else
            *out = e->type->id == MR_INT        ? e->literal->i32[0]
                   : e->type->id == MR_SMALLINT ? e->literal->i16[0]
                                                : e->literal->i8[0];
        if (!problem && *out < 0)
            problem = "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE";
    }
    if (!problem)
        return MR_OK;
    mr_error_set(a->error, MR_E_SQL, problem, "%s is followed by a constant integer that is not negative.",
                 name);
    mr_error_parameter(a->error, "name", "%s", name);
    mr_error_parameter(a->error, "expr", "\"%.*s\"", size, text);
    if (e && strstr(problem, "DATA_TYPE")) {
        struct mr_text type;
        mr_text_init(&type);
        mr_type_text(&type, e->type);
        mr_error_parameter(a->error, "dataType", "\"%s\"", type.data);
        mr_text_release(&type);
    }
    if (strstr(problem, "IS_NEGATIVE"))
        mr_error_parameter(a->error, "v", "%lld", (long long)*out);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

int mr_sql_limit_plan(struct mr_analysis *a, const struct mr_sql_query *query, struct mr_plan **plan)
{
    int64_t limit = -1, offset = 0;
    if (!query->limit && !query->offset)
        return MR_OK;
    if (query->limit)
        MR_TRY(limit_value(a, query->limit, "limit", &limit));
    if (query->offset)
        MR_TRY(limit_value(a, query->offset, "offset", &offset));
    struct mr_plan *node = mr_plan_new(a, MR_PLAN_LIMIT, *plan, query->start, query->stop);
    if (!node)
        return a->error->code;
    node->limit = limit;
    node->offset = offset;
    *plan = node;
    return MR_OK;
}

/* ---- set operations ---- */
static const char *ordinal_word(int i)
{
    static const char *const words[] = {"first", "second",  "third",  "fourth", "fifth",
                                        "sixth", "seventh", "eighth", "ninth",  "tenth"};
    return i < 10 ? words[i] : "later";
}

static int different_width(struct mr_analysis *a, const struct mr_sql_body *body, const char *operator,
                           int left, int right)
{
    mr_error_set(a->error, MR_E_SQL, "NUM_COLUMNS_MISMATCH",
                 "Both sides of %s need as many columns: the first has %d, the second %d.", operator, left,
                 right);
    mr_error_parameter(a->error, "operator", "%s", operator);
    mr_error_parameter(a->error, "firstNumColumns", "%d", left);
    mr_error_parameter(a->error, "invalidOrdinalNum", "second");
    mr_error_parameter(a->error, "invalidNumColumns", "%d", right);
    return mr_sql_error_at(a, body->start, body->stop);
}

static int different_type(struct mr_analysis *a, const struct mr_sql_body *body, const char *operator,
                          int column, const struct mr_type *left, const struct mr_type *right)
{
    struct mr_text one, two;
    mr_text_init(&one);
    mr_text_init(&two);
    mr_type_text(&one, left);
    mr_type_text(&two, right);
    mr_error_set(a->error, MR_E_SQL, "INCOMPATIBLE_COLUMN_TYPE",
                 "The %s column of both sides of %s needs a common type; they are %s and %s.",
                 ordinal_word(column), operator, one.data, two.data);
    mr_error_parameter(a->error, "tableOrdinalNumber", "second");
    mr_error_parameter(a->error, "columnOrdinalNumber", "%s", ordinal_word(column));
    mr_error_parameter(a->error, "dataType2", "\"%s\"", one.data);
    mr_error_parameter(a->error, "operator", "%s", operator);
    mr_error_parameter(a->error, "hint", "%s", "");
    mr_error_parameter(a->error, "dataType1", "\"%s\"", two.data);
    mr_text_release(&one);
    mr_text_release(&two);
    return mr_sql_error_at(a, body->start, body->stop);
}

/* Casts the plan's columns to the types; names are those given. */
static int cast_side(struct mr_analysis *a, struct mr_plan **plan, const struct mr_type *const *types,
                     const char *const *names, int extra, int tag)
{
    int count = (*plan)->schema->field_count;
    bool same = extra == 0;
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 2);
    struct mr_expression_builder b;
    if (!list)
        return mr_error_memory(a->error, sizeof *list);
    for (int i = 0; i < count; i++) {
        const struct mr_expression *e = NULL;
        mr_sql_builder(a, NULL, &b);
        b.sql_start = (*plan)->start;
        b.sql_stop = (*plan)->stop;
        MR_TRY(mr_sql_plan_column(a, *plan, i, NULL, NULL, &e));
        same = same && mr_type_equal(e->type, types[i]);
        MR_TRY(mr_expression_cast(&b, e, types[i], false, &list[i], a->error));
    }
    if (same)
        return MR_OK;
    if (extra) {
        mr_sql_builder(a, NULL, &b);
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), tag, &list[count], a->error));
    }
    return mr_plan_project(a, *plan, list, names, count + extra, plan);
}

int mr_sql_union_plan(struct mr_analysis *a, struct mr_plan *const *inputs, int count, uint32_t start,
                      uint32_t stop, struct mr_plan **out)
{
    int columns = inputs[0]->schema->field_count;
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_UNION, inputs[0], start, stop);
    struct mr_plan **list = MR_ARENA_ARRAY(a->arena, struct mr_plan *, count);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, columns + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, columns + 1);
    if (!plan || !list || !fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int c = 0; c < columns; c++) {
        fields[c] = inputs[0]->schema->fields[c];
        delays[c] = inputs[0]->delays[c]; /* an event time when the first input says so, as Spark has it */
    }
    for (int i = 0; i < count; i++) {
        list[i] = inputs[i];
        plan->streaming = plan->streaming || inputs[i]->streaming;
        for (int c = 0; c < columns; c++)
            fields[c].nullable |= inputs[i]->schema->fields[c].nullable;
    }
    plan->inputs = list;
    plan->input_count = count;
    plan->schema = mr_type_struct(a->arena, fields, columns);
    plan->delays = delays;
    *out = plan;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

/* EXCEPT and INTERSECT (DISTINCT): rows tagged by side, grouped by all columns; a row counts when its tags
 * are 0 alone, or both. */
static int tagged_plan(struct mr_analysis *a, const struct mr_sql_body *body, struct mr_plan *both,
                       int columns, struct mr_plan **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *tag = NULL, *sides[2], *condition = NULL, *second = NULL;
    const struct mr_aggregate **tags = MR_ARENA_ARRAY(a->arena, const struct mr_aggregate *, 2);
    static const char *const names[2] = {"least_tag", "largest_tag"};
    int *groups = MR_ARENA_ARRAY(a->arena, int, columns + 1);
    struct mr_plan *plan = NULL;
    if (!tags || !groups)
        return mr_error_memory(a->error, sizeof *tags);
    mr_sql_builder(a, NULL, &b);
    for (int i = 0; i < columns; i++)
        groups[i] = i;
    MR_TRY(mr_sql_plan_column(a, both, columns, NULL, NULL, &tag));
    MR_TRY(mr_aggregate_call(&b, MR_STR("min"), &tag, 1, false, NULL, &tags[0], a->error));
    MR_TRY(mr_aggregate_call(&b, MR_STR("max"), &tag, 1, false, NULL, &tags[1], a->error));
    MR_TRY(mr_plan_aggregate(a, both, groups, columns, tags, names, 2, &plan));
    bool intersect = body->kind == MR_SQL_BODY_INTERSECT;
    MR_TRY(mr_sql_plan_column(a, plan, columns + 1, NULL, NULL, &sides[0]));
    MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), intersect ? 1 : 0, &sides[1], a->error));
    MR_TRY(mr_expression_call(&b, MR_STR("="), sides, 2, &condition, a->error));
    if (intersect) {
        MR_TRY(mr_sql_plan_column(a, plan, columns, NULL, NULL, &sides[0]));
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), 0, &sides[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("="), sides, 2, &second, a->error));
        const struct mr_expression *junction[2] = {condition, second};
        MR_TRY(mr_expression_call(&b, MR_STR("and"), junction, 2, &condition, a->error));
    }
    MR_TRY(mr_plan_filter(a, plan, condition, &plan));
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, columns + 1);
    const char **shown = MR_ARENA_ARRAY(a->arena, const char *, columns + 1);
    if (!list || !shown)
        return mr_error_memory(a->error, sizeof *list);
    for (int i = 0; i < columns; i++) {
        shown[i] = plan->schema->fields[i].name;
        MR_TRY(mr_sql_plan_column(a, plan, i, NULL, NULL, &list[i]));
    }
    return mr_plan_project(a, plan, list, shown, columns, out);
}

/* How often a row of both sides stands in EXCEPT ALL or INTERSECT ALL: an array of that many elements. */
static int copies(struct mr_analysis *a, bool intersect, const struct mr_plan *plan, int columns,
                  const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *counts[2], *repeat[2];
    mr_sql_builder(a, NULL, &b);
    MR_TRY(mr_sql_plan_column(a, plan, columns, NULL, NULL, &counts[0]));
    MR_TRY(mr_sql_plan_column(a, plan, columns + 1, NULL, NULL, &counts[1]));
    MR_TRY(
        mr_expression_call(&b, intersect ? MR_STR("least") : MR_STR("-"), counts, 2, &repeat[1], a->error));
    MR_TRY(mr_expression_cast(&b, repeat[1], mr_type_of(MR_INT), false, &repeat[1], a->error));
    MR_TRY(mr_expression_bool(&b, true, &repeat[0], a->error));
    return mr_expression_call(&b, MR_STR("array_repeat"), repeat, 2, out, a->error);
}

/* EXCEPT ALL and INTERSECT ALL: rows tagged by side and counted by side, then given as often as that asks
 * for.
 */
static int counted_plan(struct mr_analysis *a, const struct mr_sql_body *body, struct mr_plan *both,
                        int columns, struct mr_plan **out)
{
    struct mr_expression_builder b;
    const struct mr_expression *tag = NULL, *one = NULL, *generator = NULL;
    const struct mr_aggregate **counts = MR_ARENA_ARRAY(a->arena, const struct mr_aggregate *, 2);
    static const char *const names[2] = {"left_rows", "right_rows"};
    int *groups = MR_ARENA_ARRAY(a->arena, int, columns + 1);
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, columns + 1);
    const char **shown = MR_ARENA_ARRAY(a->arena, const char *, columns + 1);
    struct mr_plan *plan = NULL;
    if (!counts || !groups || !list || !shown)
        return mr_error_memory(a->error, sizeof *list);
    mr_sql_builder(a, NULL, &b);
    for (int i = 0; i < columns; i++)
        groups[i] = i;
    MR_TRY(mr_sql_plan_column(a, both, columns, NULL, NULL, &tag));
    MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), 1, &one, a->error));
    for (int side = 0; side < 2; side++) {
        const struct mr_expression *sides[2] = {tag, NULL}, *filter = NULL;
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), side, &sides[1], a->error));
        MR_TRY(mr_expression_call(&b, MR_STR("="), sides, 2, &filter, a->error));
        MR_TRY(mr_aggregate_call(&b, MR_STR("count"), &one, 1, false, filter, &counts[side], a->error));
    }
    MR_TRY(mr_plan_aggregate(a, both, groups, columns, counts, names, 2, &plan));
    MR_TRY(copies(a, body->kind == MR_SQL_BODY_INTERSECT, plan, columns, &generator));
    MR_TRY(mr_expression_call(&b, MR_STR("explode"), &generator, 1, &generator, a->error));
    MR_TRY(mr_plan_generate(a, plan, generator, false, &plan));
    for (int i = 0; i < columns; i++) {
        shown[i] = plan->schema->fields[i].name;
        MR_TRY(mr_sql_plan_column(a, plan, i, NULL, NULL, &list[i]));
    }
    return mr_plan_project(a, plan, list, shown, columns, out);
}

static int body_plan(struct mr_analysis *a, const struct mr_sql_body *body, const struct mr_sql_query *query,
                     struct mr_relation_plan *out);

static int check_streams(struct mr_analysis *a, const struct mr_sql_body *body, const struct mr_plan *left,
                         const struct mr_plan *right, bool is_union)
{
    if (is_union && left->streaming != right->streaming)
        return mr_sql_error(a, body->start, body->stop, "_LEGACY_ERROR_TEMP_3102",
                            "Union between streaming and batch relations is not supported.");
    if (!is_union && (left->streaming || right->streaming))
        return mr_sql_error(a, body->start, body->stop, "_LEGACY_ERROR_TEMP_3102",
                            "EXCEPT and INTERSECT are not supported on a stream.");
    return MR_OK;
}

static int set_plan(struct mr_analysis *a, const struct mr_sql_body *body, struct mr_relation_plan *out)
{
    struct mr_relation_plan left, right;
    bool is_union = body->kind == MR_SQL_BODY_UNION;
    const char *operator= is_union ? "UNION" : body->kind == MR_SQL_BODY_EXCEPT ? "EXCEPT" : "INTERSECT";
    MR_TRY(body_plan(a, body->left, NULL, &left));
    MR_TRY(body_plan(a, body->right, NULL, &right));
    int columns = left.plan->schema->field_count;
    if (columns != right.plan->schema->field_count)
        return different_width(a, body, operator, columns, right.plan->schema->field_count);
    MR_TRY(check_streams(a, body, left.plan, right.plan, is_union));
    const struct mr_type **types = MR_ARENA_ARRAY(a->arena, const struct mr_type *, columns + 1);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, columns + 2);
    if (!types || !names)
        return mr_error_memory(a->error, sizeof *types);
    for (int i = 0; i < columns; i++) {
        const struct mr_type *l = left.plan->schema->fields[i].type, *r = right.plan->schema->fields[i].type;
        names[i] = left.plan->schema->fields[i].name;
        types[i] = mr_type_common(a->arena, l, r);
        if (!types[i])
            return different_type(a, body, operator, i, l, r);
    }
    names[columns] = "tag";
    MR_TRY(cast_side(a, &left.plan, types, names, !is_union, 0));
    MR_TRY(cast_side(a, &right.plan, types, names, !is_union, 1));
    struct mr_plan *inputs[2] = {left.plan, right.plan};
    MR_TRY(mr_sql_union_plan(a, inputs, 2, body->start, body->stop, &out->plan));
    if (!is_union && body->all)
        MR_TRY(counted_plan(a, body, out->plan, columns, &out->plan));
    else if (!is_union)
        MR_TRY(tagged_plan(a, body, out->plan, columns, &out->plan));
    else if (!body->all)
        MR_TRY(mr_plan_distinct(a, out->plan, &out->plan));
    return mr_scope_of_plan(a, out->plan, NULL, 0, 0, &out->scope);
}

/* ---- bodies and queries ---- */
static int body_plan(struct mr_analysis *a, const struct mr_sql_body *body, const struct mr_sql_query *query,
                     struct mr_relation_plan *out)
{
    *out = (struct mr_relation_plan){0};
    switch (body->kind) {
    case MR_SQL_BODY_SELECT:
        return mr_sql_select_plan(a, body, query, out);
    case MR_SQL_BODY_VALUES:
    case MR_SQL_BODY_TABLE:
        return mr_sql_relation_plan(a, body->from, out);
    case MR_SQL_BODY_QUERY:
        return mr_sql_query_plan(a, body->query, out);
    default:
        return set_plan(a, body, out);
    }
}

static int check_ctes(struct mr_analysis *a, const struct mr_sql_query *query)
{
    for (int i = 0; i < query->cte_count; i++)
        for (int k = 0; k < i; k++)
            if (mr_sql_same_name(a, query->ctes[i].name, query->ctes[k].name)) {
                int size = (int)query->ctes[i].name.size;
                mr_error_set(a->error, MR_E_SQL, "DUPLICATED_CTE_NAMES", "WITH defines `%.*s` twice.", size,
                             query->ctes[i].name.data);
                mr_error_parameter(a->error, "duplicateNames", "`%.*s`", size, query->ctes[i].name.data);
                return mr_sql_error_at(a, query->ctes[i].start, query->ctes[i].stop);
            }
    if (query->recursive)
        return mr_sql_unsupported(a, query->with_start, query->with_start + 4,
                                  "WITH RECURSIVE is not supported.");
    return MR_OK;
}

/* Hidden columns (_metadata) are not part of what a query gives. */
static int drop_hidden(struct mr_analysis *a, struct mr_relation_plan *out)
{
    int count = 0;
    bool any = out->plan->schema->field_count != out->scope.count;
    const struct mr_expression **list =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, out->scope.count + 1);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, out->scope.count + 1);
    if (!list || !names)
        return mr_error_memory(a->error, sizeof *list);
    for (int i = 0; i < out->scope.count; i++) {
        const struct mr_scope_column *c = &out->scope.columns[i];
        any |= c->hidden || c->column != i;
        if (c->hidden || c->qualified_only)
            continue;
        names[count] = mr_sql_text(a, c->name);
        if (!names[count])
            return a->error->code;
        any |= strcmp(names[count], out->plan->schema->fields[c->column].name) != 0;
        MR_TRY(mr_sql_plan_column(a, out->plan, c->column, names[count], NULL, &list[count]));
        count++;
    }
    if (!any)
        return MR_OK;
    MR_TRY(mr_plan_project(a, out->plan, list, names, count, &out->plan));
    return mr_scope_of_plan(a, out->plan, NULL, 0, 0, &out->scope);
}

int mr_sql_query_plan(struct mr_analysis *a, const struct mr_sql_query *query, struct mr_relation_plan *out)
{
    const struct mr_sql_cte_scope *before = a->ctes;
    struct mr_sql_cte_scope *scopes = MR_ARENA_ARRAY(a->arena, struct mr_sql_cte_scope, query->cte_count + 1);
    if (!scopes)
        return mr_error_memory(a->error, sizeof *scopes);
    MR_TRY(check_ctes(a, query));
    if (++a->query_depth > MR_SQL_MAX_QUERY_DEPTH)
        return mr_sql_error(a, query->start, query->stop, "FAILED_TO_PARSE_TOO_COMPLEX",
                            "Queries are nested more than %d deep here, views and CTEs unfolded.",
                            MR_SQL_MAX_QUERY_DEPTH);
    for (int i = 0; i < query->cte_count; i++) {
        scopes[i] = (struct mr_sql_cte_scope){&query->ctes[i], a->ctes};
        a->ctes = &scopes[i];
    }
    bool select = query->body->kind == MR_SQL_BODY_SELECT; /* its ORDER BY may use what it does not select */
    int status = body_plan(a, query->body, query, out);
    if (status == MR_OK && !select)
        status = drop_hidden(a, out);
    if (status == MR_OK && !select && query->order_count > 0)
        status = mr_sql_sort_plan(a, query, &out->plan);
    if (status == MR_OK)
        status = mr_sql_limit_plan(a, query, &out->plan);
    a->ctes = before;
    a->query_depth--;
    return status;
}
