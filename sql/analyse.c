/* sql/analyse.c: the analyser's entry points, and what a flow puts behind a query: expectations, a table's
 * columns. */
#include "sql/optimise.h"

static struct mr_analysis begin(struct mr_job *job, const struct mr_sql_environment *environment,
                                const struct mr_sql_text *origin, struct mr_error *error)
{
    static const struct mr_sql_text nowhere = {"", ""};
    return (struct mr_analysis){.job = job,
                                .arena = &job->arena,
                                .environment = environment,
                                .origin = origin ? origin : &nowhere,
                                .error = error};
}

int mr_sql_analyse(struct mr_job *job, const struct mr_sql_environment *environment,
                   const struct mr_sql_text *origin, const struct mr_sql_query *query, struct mr_plan **out,
                   struct mr_error *error)
{
    struct mr_analysis a = begin(job, environment, origin, error);
    struct mr_relation_plan plan = {0};
    MR_TRY(mr_sql_query_plan(&a, query, &plan));
    *out = plan.plan;
    return mr_sql_optimise(&a, out);
}

const struct mr_type *mr_sql_plan_schema(const struct mr_plan *plan)
{
    return plan->schema;
}
bool mr_sql_plan_is_streaming(const struct mr_plan *plan)
{
    return plan->streaming;
}

/* ---- expectations ---- */
int mr_sql_plan_expect(struct mr_job *job, const struct mr_sql_text *origin,
                       const struct mr_sql_expectation *expectations, int count, struct mr_plan **plan,
                       struct mr_error *error)
{
    struct mr_analysis a = begin(job, NULL, origin, error);
    struct mr_relation_plan input = {.plan = *plan};
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = &a, .input = &input, .place = MR_PLACE_OTHER, .window = &window};
    if (count == 0)
        return MR_OK;
    if (count > 16)
        return mr_sql_unsupported(&a, expectations[16].start, expectations[16].stop,
                                  "A table has at most 16 expectations.");
    MR_TRY(mr_scope_of_plan(&a, *plan, NULL, 0, 0, &input.scope));
    const struct mr_expression **conditions = MR_ARENA_ARRAY(a.arena, const struct mr_expression *, count);
    const char **names = MR_ARENA_ARRAY(a.arena, const char *, count);
    enum mr_expect_action *actions = MR_ARENA_ARRAY(a.arena, enum mr_expect_action, count);
    struct mr_plan *node =
        mr_plan_new(&a, MR_PLAN_EXPECT, *plan, expectations[0].start, expectations[count - 1].stop);
    if (!conditions || !names || !actions || !node)
        return mr_error_memory(error, sizeof *names);
    for (int i = 0; i < count; i++) {
        const struct mr_sql_expectation *e = &expectations[i];
        MR_TRY(mr_sql_resolve_condition(&r, e->condition, &conditions[i]));
        MR_TRY(mr_sql_fold(&a, &conditions[i]));
        names[i] = mr_sql_text(&a, e->name);
        if (!names[i])
            return error->code;
        for (int k = 0; k < i; k++)
            if (strcmp(names[k], names[i]) == 0)
                return mr_sql_error(&a, e->start, e->stop, "CONSTRAINT_ALREADY_EXISTS",
                                    "Two expectations are called %s.", names[i]);
        actions[i] = e->violation == MR_SQL_VIOLATION_DROP_ROW      ? MR_EXPECT_DROP
                     : e->violation == MR_SQL_VIOLATION_FAIL_UPDATE ? MR_EXPECT_FAIL
                                                                    : MR_EXPECT_WARN;
    }
    node->expect = (struct mr_expect_config){conditions, names, actions, count};
    *plan = node;
    return MR_OK;
}

/* ---- a table's columns ---- */
static int find_field(const struct mr_analysis *a, const struct mr_type *schema, const char *name)
{
    for (int i = 0; i < schema->field_count; i++)
        if (mr_sql_same_name(a, mr_str_of(schema->fields[i].name), mr_str_of(name)))
            return i;
    return -1;
}

static int check_columns(struct mr_analysis *a, const struct mr_plan *plan, const struct mr_type *table,
                         bool by_name)
{
    int given = plan->schema->field_count, wanted = table->field_count;
    for (int i = 0; by_name && i < given; i++) {
        const char *name = plan->schema->fields[i].name;
        if (find_field(a, table, name) >= 0)
            continue;
        mr_error_set(a->error, MR_E_SQL, "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS",
                     "The query gives a column `%s` that the table does not have.", name);
        mr_error_parameter(a->error, "extraColumns", "`%s`", name);
        return mr_sql_error_at(a, plan->start, plan->stop);
    }
    if (by_name || given == wanted)
        return MR_OK;
    mr_error_set(a->error, MR_E_SQL,
                 given > wanted ? "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"
                                : "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
                 "The query gives %d columns, the table has %d.", given, wanted);
    return mr_sql_error_at(a, plan->start, plan->stop);
}

int mr_sql_plan_store(struct mr_job *job, const struct mr_type *table, bool by_name, struct mr_plan **plan,
                      struct mr_error *error)
{
    struct mr_analysis a = begin(job, NULL, (*plan)->origin, error);
    struct mr_expression_builder b;
    int count = table->field_count;
    const struct mr_expression **list = MR_ARENA_ARRAY(a.arena, const struct mr_expression *, count + 1);
    const char **names = MR_ARENA_ARRAY(a.arena, const char *, count + 1);
    if (!list || !names)
        return mr_error_memory(error, sizeof *list);
    MR_TRY(check_columns(&a, *plan, table, by_name));
    mr_sql_builder(&a, NULL, &b);
    b.sql_start = (*plan)->start;
    b.sql_stop = (*plan)->stop;
    for (int i = 0; i < count; i++) {
        const struct mr_field *f = &table->fields[i];
        int from = by_name ? find_field(&a, (*plan)->schema, f->name) : i;
        names[i] = f->name;
        if (from < 0) {
            MR_TRY(mr_expression_null(&b, &list[i], error));
            MR_TRY(mr_expression_cast(&b, list[i], f->type, false, &list[i], error));
            continue;
        }
        MR_TRY(mr_sql_plan_column(&a, *plan, from, NULL, NULL, &list[i]));
        MR_TRY(mr_expression_store_assign(&b, list[i], f->type, f->name, &list[i], error));
    }
    MR_TRY(mr_plan_project(&a, *plan, list, names, count, plan));
    return mr_sql_optimise(&a, plan);
}

/* ---- relations of a query ---- */
struct walk {
    int (*each)(void *ctx, const struct mr_sql_relation *relation);
    void *ctx;
    const struct mr_sql_cte_scope *ctes;
};

static int walk_query(struct walk *w, const struct mr_sql_query *query);

static int walk_expressions(struct walk *w, struct mr_sql_expression *const *list, int count);

static int walk_relation(struct walk *w, const struct mr_sql_relation *r)
{
    int status = 0;
    switch (r->kind) {
    case MR_SQL_RELATION_NAME:
        for (const struct mr_sql_cte_scope *c = w->ctes; c && r->name->count == 1 && !r->stream; c = c->outer)
            if (mr_str_equal_nocase(c->cte->name, r->name->parts[0]))
                return 0;
        return w->each(w->ctx, r);
    case MR_SQL_RELATION_QUERY:
        return walk_query(w, r->query);
    case MR_SQL_RELATION_GROUP:
        return walk_relation(w, r->left);
    case MR_SQL_RELATION_JOIN:
        status = walk_relation(w, r->left);
        return status ? status : walk_relation(w, r->right);
    case MR_SQL_RELATION_VIEW:
        return walk_relation(w, r->left);
    default:
        return walk_expressions(w, r->arguments, r->argument_count);
    }
}

static int walk_expressions(struct walk *w, struct mr_sql_expression *const *list, int count)
{
    for (int i = 0; i < count; i++) {
        const struct mr_sql_expression *e = list[i];
        int status = e->query ? walk_query(w, e->query) : e->relation ? walk_relation(w, e->relation) : 0;
        if (status == 0)
            status = walk_expressions(w, e->arguments, e->argument_count);
        if (status)
            return status;
    }
    return 0;
}

static int walk_body(struct walk *w, const struct mr_sql_body *b)
{
    int status = 0;
    if (b->kind == MR_SQL_BODY_QUERY)
        return walk_query(w, b->query);
    if (b->left) {
        status = walk_body(w, b->left);
        return status ? status : walk_body(w, b->right);
    }
    if (b->from)
        status = walk_relation(w, b->from);
    for (int i = 0; i < b->item_count && !status; i++)
        status = walk_expressions(w, (struct mr_sql_expression *const *)&b->items[i].expression, 1);
    if (!status && b->where)
        status = walk_expressions(w, (struct mr_sql_expression *const *)&b->where, 1);
    if (!status && b->having)
        status = walk_expressions(w, (struct mr_sql_expression *const *)&b->having, 1);
    return status;
}

static int walk_ctes(struct walk *w, const struct mr_sql_query *query, int i)
{
    if (i == query->cte_count)
        return walk_body(w, query->body);
    struct mr_sql_cte_scope scope = {&query->ctes[i], w->ctes};
    int status = walk_query(w, query->ctes[i].query);
    w->ctes = &scope;
    if (!status)
        status = walk_ctes(w, query, i + 1);
    w->ctes = scope.outer;
    return status;
}

static int walk_query(struct walk *w, const struct mr_sql_query *query)
{
    return walk_ctes(w, query, 0);
}

int mr_sql_each_relation(const struct mr_sql_query *query,
                         int (*each)(void *ctx, const struct mr_sql_relation *relation), void *ctx)
{
    struct walk w = {each, ctx, NULL};
    return walk_query(&w, query);
}
