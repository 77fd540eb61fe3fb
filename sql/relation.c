/* sql/relation.c: what stands in FROM: tables, views, CTEs, subqueries, aliases, watermarks. */
#include <stdio.h>

#include "operators/custom_state.h"
#include "sql/analysis.h"

/* ---- sources ---- */

/* Of its own, so that two inferred schemas of one query stay apart. */
static int keep_schema(struct mr_analysis *a, struct mr_source *source)
{
    const struct mr_sql_environment *environment = a->environment;
    int index = a->job->source_count; /* which it will have */
    source->schema_read_only = environment->schema_read_only;
    source->schema_directory = index == 0
                                   ? environment->schema_directory
                                   : mr_arena_format(a->arena, "%s/%d", environment->schema_directory, index);
    return source->schema_directory ? MR_OK : mr_error_memory(a->error, 1024);
}

/* Under the option that the error is about, if it is about one, else under [start, stop). */
static int source_error(struct mr_analysis *a, const struct mr_sql_relation *relation, uint32_t start,
                        uint32_t stop)
{
    const char *name = mr_error_parameter_find(a->error, "option");
    struct mr_str option = mr_str_of(name ? name : "");
    for (int i = 0; name && i < relation->argument_count; i++) {
        const struct mr_sql_expression *argument = relation->arguments[i];
        if (argument->kind == MR_SQL_NAMED && mr_str_equal_nocase(argument->word, option))
            return mr_sql_error_at(a, argument->start, argument->stop);
    }
    for (int i = 0; name && i < relation->option_count; i++)
        if (mr_str_equal_nocase(relation->options[i].key, option))
            return mr_sql_error_at(a, relation->options[i].start, relation->options[i].stop);
    return mr_sql_error_at(a, start, stop);
}

int mr_sql_open_source(struct mr_analysis *a, const char *type, const struct mr_option *options, int count,
                       const char *name, const struct mr_sql_relation *relation, uint32_t start,
                       uint32_t stop, struct mr_source **out)
{
    const struct mr_source_type *kind = mr_source_type_find(mr_str_of(type));
    if (!kind)
        return mr_sql_unsupported(a, start, stop, "There is no source of the kind %s.", type);
    struct mr_source *source = mr_job_new_source(a->job, kind, name, a->error);
    if (!source)
        return mr_sql_error_at(a, start, stop);
    source->options = options;
    source->option_count = count;
    source->batch = !relation->stream;
    source->base_directory = a->environment ? a->environment->base_directory : NULL;
    if (relation->stream && a->environment && a->environment->schema_directory)
        MR_TRY(keep_schema(a, source));
    source->zone = a->job->session.zone;
    if (mr_job_open_source(a->job, source, a->error) < 0)
        return source_error(a, relation, start, stop);
    *out = source;
    return MR_OK;
}

int mr_sql_scan_plan(struct mr_analysis *a, struct mr_source *source, const struct mr_type *schema,
                     int hidden, bool streaming, const char *name, uint32_t start, uint32_t stop,
                     struct mr_plan **out)
{
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_SCAN, NULL, start, stop);
    int count = schema->field_count;
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, count + 1);
    if (!plan || !delays)
        return mr_error_memory(a->error, sizeof *delays);
    (void)hidden;
    for (int i = 0; i < count; i++)
        delays[i] = -1;
    plan->source = source;
    plan->relation = name;
    plan->schema = schema;
    plan->delays = delays;
    plan->streaming = streaming;
    *out = plan;
    return MR_OK;
}

/* ---- names ---- */
static int not_found(struct mr_analysis *a, const struct mr_sql_relation *relation)
{
    const struct mr_session *s = &a->job->session;
    const char *name = mr_sql_quoted(a, relation->name->parts, relation->name->count);
    const struct mr_catalog *catalog = a->environment ? a->environment->catalog : NULL;
    const char *nearest =
        catalog && catalog->nearest
            ? catalog->nearest(catalog->ctx, relation->name->parts[relation->name->count - 1])
            : NULL;
    if (nearest)
        mr_error_set(a->error, MR_E_SQL, "TABLE_OR_VIEW_NOT_FOUND",
                     "There is no table or view %s. Did you mean `%s`?", name, nearest);
    else
        mr_error_set(a->error, MR_E_SQL, "TABLE_OR_VIEW_NOT_FOUND",
                     "There is no table or view %s; check spelling, schema and catalog.", name);
    mr_error_parameter(a->error, "relationName", "%s", name);
    mr_error_parameter(a->error, "searchPath", "[`system`.`builtin`, `system`.`session`, `%s`.`%s`]",
                       s->catalog ? s->catalog : "spark_catalog", s->database ? s->database : "default");
    return mr_sql_error_at(a, relation->name->start, relation->name->stop);
}

static int options_of(struct mr_analysis *a, const struct mr_sql_relation *relation, int extra,
                      struct mr_option **out)
{
    struct mr_option *options =
        MR_ARENA_ARRAY(a->arena, struct mr_option, relation->option_count + extra + 1);
    if (!options)
        return mr_error_memory(a->error, sizeof *options);
    for (int i = 0; i < relation->option_count; i++) {
        const struct mr_sql_option *o = &relation->options[i];
        options[extra + i].name = mr_sql_text(a, o->key);
        options[extra + i].value = mr_sql_text(a, o->value.data ? o->value : MR_STR("true"));
        if (!options[extra + i].name || !options[extra + i].value)
            return a->error->code;
    }
    *out = options;
    return MR_OK;
}

/* Unique in the job, and the same for an unchanged query: the name as written, numbered when it comes again.
 */
static const char *source_name(struct mr_analysis *a, const struct mr_sql_relation *relation)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int i = 0; i < relation->name->count; i++) {
        mr_text_append_str(&text, i > 0 ? "." : "");
        mr_text_append(&text, relation->name->parts[i].data, relation->name->parts[i].size);
    }
    size_t size = text.size;
    for (int again = 2;; again++) {
        bool taken = false;
        for (int i = 0; i < a->job->source_count && !taken; i++)
            taken = text.data && strcmp(a->job->sources[i]->name, text.data) == 0;
        if (!taken)
            break;
        text.size = size;
        mr_text_format(&text, "#%d", again);
    }
    const char *name = text.failed ? NULL : mr_arena_copy_text(a->arena, text.data, text.size);
    mr_text_release(&text);
    if (!name)
        mr_error_memory(a->error, size);
    return name;
}

/* What is read by its place, and what others read so and Millrace does not. */
static const char *const direct[] = {"json", "csv", "text", "parquet", "binaryFile", "delta"};
static const char *const not_direct[] = {"avro",    "orc",  "xml",  "kafka",        "jdbc",
                                         "iceberg", "hudi", "hive", "sequencefile", "binary"};

static int find_word(const char *const *words, size_t count, struct mr_str word)
{
    for (size_t i = 0; i < count; i++)
        if (mr_str_equal_nocase(word, mr_str_of(words[i])))
            return (int)i;
    return -1;
}

static int refuse_direct(struct mr_analysis *a, const struct mr_sql_relation *relation)
{
    struct mr_str format = relation->name->parts[0];
    mr_error_set(
        a->error, MR_E_UNSUPPORTED, "UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY",
        "There is no table `%.*s`.`%.*s`, and %.*s is not among the formats that are read by a path: "
        "json, csv, text, parquet, binaryFile and delta.",
        (int)format.size, format.data, (int)relation->name->parts[1].size, relation->name->parts[1].data,
        (int)format.size, format.data);
    mr_error_parameter(a->error, "dataSourceType", "%.*s", (int)format.size, format.data);
    return mr_sql_error_at(a, relation->name->start, relation->name->stop);
}

/* json.`/path`, delta.`/path`: files and tables by their place, with the defaults that Spark has there. */
static int by_path(struct mr_analysis *a, const struct mr_sql_relation *relation, struct mr_relation *found)
{
    struct mr_option *options = NULL;
    const struct mr_str *parts = relation->name->parts;
    if (relation->name->count != 2)
        return MR_END;
    int format = find_word(direct, sizeof direct / sizeof *direct, parts[0]);
    if (format < 0)
        return memchr(parts[1].data, '/', parts[1].size) ||
                       find_word(not_direct, sizeof not_direct / sizeof *not_direct, parts[0]) >= 0
                   ? refuse_direct(a, relation)
                   : MR_END;
    bool delta = strcmp(direct[format], "delta") == 0;
    int extra = delta ? 1 : 3;
    MR_TRY(options_of(a, relation, extra, &options));
    options[0] = (struct mr_option){"path", mr_sql_text(a, parts[1])};
    if (!delta) {
        options[1] = (struct mr_option){"format", direct[format]};
        options[2] = (struct mr_option){"dialect", "spark"};
    }
    const char *name = source_name(a, relation);
    if (!options[0].value || !name)
        return a->error->code;
    found->streaming = relation->stream;
    MR_TRY(mr_sql_open_source(a, delta ? "delta" : "files", options, relation->option_count + extra, name,
                              relation, relation->name->start, relation->name->stop, &found->source));
    return MR_OK;
}

/* The table's qualifier: catalog.database.table, as far as the catalog told. */
static int qualifier_of(struct mr_analysis *a, const struct mr_sql_relation *relation,
                        const struct mr_relation *found, const struct mr_str **out, int *count)
{
    struct mr_str *parts = MR_ARENA_ARRAY(a->arena, struct mr_str, relation->name->count + 3);
    if (!parts)
        return mr_error_memory(a->error, sizeof *parts);
    *count = 0;
    if (relation->name->count <= 2 && found->catalog && found->database)
        parts[(*count)++] = mr_str_of(found->catalog);
    if (relation->name->count == 1 && found->database)
        parts[(*count)++] = mr_str_of(found->database);
    for (int i = 0; i < relation->name->count && i < 4; i++)
        parts[(*count)++] = relation->name->parts[i];
    *out = parts;
    return MR_OK;
}

static int view_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                     const struct mr_relation *found, struct mr_relation_plan *out)
{
    const struct mr_sql_text *origin = a->origin;
    const struct mr_sql_cte_scope *ctes = a->ctes;
    if (a->view_depth >= MR_SQL_MAX_VIEW_DEPTH)
        return mr_sql_error(a, relation->start, relation->stop, "VIEW_EXCEED_MAX_NESTED_DEPTH",
                            "Views are nested more than %d deep here; do they read each other?",
                            MR_SQL_MAX_VIEW_DEPTH);
    a->origin = found->origin;
    a->ctes = NULL;
    a->view_depth++;
    int status = mr_sql_query_plan(a, found->view, out);
    a->view_depth--;
    a->origin = origin;
    a->ctes = ctes;
    return status;
}

/* Behind the rows of a view: an operator of the user's own. */
static int custom_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                       const struct mr_custom_config *custom, struct mr_relation_plan *out)
{
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_CUSTOM, out->plan, relation->start, relation->stop);
    int count = custom->output->field_count;
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, count + 1);
    if (!plan || !delays)
        return mr_error_memory(a->error, sizeof *plan);
    for (int i = 0; i < count; i++)
        delays[i] = -1;
    for (int i = 0; custom->event_time_output >= 0 && i < out->plan->schema->field_count; i++)
        if (out->plan->delays[i] >= 0)
            delays[custom->event_time_output] = out->plan->delays[i];
    plan->custom = custom;
    plan->schema = custom->output;
    plan->delays = delays;
    out->plan = plan;
    out->scope = (struct mr_scope){0};
    return mr_scope_of_plan(a, plan, NULL, 0, 0, &out->scope);
}

/* WITH c(x, y) AS …: the columns' names. */
static int rename_columns(struct mr_analysis *a, const struct mr_str *names, int count, uint32_t start,
                          uint32_t stop, struct mr_relation_plan *out)
{
    int columns = 0;
    struct mr_scope renamed = {0};
    for (int i = 0; i < out->scope.count; i++)
        columns += !out->scope.columns[i].hidden && !out->scope.columns[i].qualified_only;
    if (columns != count) {
        mr_error_set(a->error, MR_E_SQL, "ASSIGNMENT_ARITY_MISMATCH",
                     "The relation has %d columns, and %d names are given.", columns, count);
        mr_error_parameter(a->error, "numExpr", "%d", count);
        mr_error_parameter(a->error, "numTarget", "%d", columns);
        return mr_sql_error_at(a, start, stop);
    }
    for (int i = 0, k = 0; i < out->scope.count; i++) {
        struct mr_scope_column c = out->scope.columns[i];
        if (!c.hidden && !c.qualified_only) {
            c.name = names[k++];
            MR_TRY(mr_scope_add(a, &renamed, c));
        }
    }
    out->scope = renamed;
    return MR_OK;
}

static int cte_plan(struct mr_analysis *a, const struct mr_sql_cte_scope *scope, struct mr_relation_plan *out)
{
    const struct mr_sql_cte_scope *ctes = a->ctes;
    a->ctes = scope->outer;
    int status = mr_sql_query_plan(a, scope->cte->query, out);
    a->ctes = ctes;
    MR_TRY(status);
    if (scope->cte->column_count > 0)
        return rename_columns(a, scope->cte->columns, scope->cte->column_count, scope->cte->start,
                              scope->cte->stop, out);
    return MR_OK;
}

static int set_qualifier(struct mr_analysis *a, struct mr_relation_plan *out, const struct mr_str *qualifier,
                         int count)
{
    (void)a;
    for (int i = 0; i < out->scope.count; i++) {
        out->scope.columns[i].qualifier = qualifier;
        out->scope.columns[i].qualifier_count = count;
    }
    return MR_OK;
}

static int name_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                     struct mr_relation_plan *out)
{
    struct mr_relation found = {0};
    const struct mr_str *qualifier = NULL;
    int count = 0, status = MR_END;
    for (const struct mr_sql_cte_scope *c = a->ctes; c && relation->name->count == 1 && !relation->stream;
         c = c->outer)
        if (mr_sql_same_name(a, c->cte->name, relation->name->parts[0])) {
            MR_TRY(cte_plan(a, c, out));
            return set_qualifier(a, out, relation->name->parts, 1);
        }
    const char *name = source_name(a, relation);
    struct mr_option *options = NULL;
    if (!name)
        return a->error->code;
    MR_TRY(options_of(a, relation, 0, &options));
    struct mr_relation_request request = {relation->name,         relation->stream, options,
                                          relation->option_count, a->job,           name};
    if (a->environment && a->environment->catalog)
        status = a->environment->catalog->resolve(a->environment->catalog->ctx, &request, &found, a->error);
    if (status == MR_END)
        status = by_path(a, relation, &found);
    if (status < 0)
        return source_error(a, relation, relation->name->start, relation->name->stop);
    if (status == MR_END)
        return not_found(a, relation);
    MR_TRY(qualifier_of(a, relation, &found, &qualifier, &count));
    if (found.view) {
        MR_TRY(view_plan(a, relation, &found, out));
        if (found.custom)
            MR_TRY(custom_plan(a, relation, found.custom, out));
        return set_qualifier(a, out, qualifier, count);
    }
    const struct mr_type *schema = found.source ? found.source->schema : found.schema;
    int hidden = found.source ? found.source->hidden_columns : found.hidden_columns;
    MR_TRY(mr_sql_scan_plan(a, found.source, schema, hidden, found.streaming, name, relation->start,
                            relation->stop, &out->plan));
    return mr_scope_of_plan(a, out->plan, qualifier, count, hidden, &out->scope);
}

/* ---- WATERMARK … DELAY OF … ---- */
static int check_event_time(struct mr_analysis *a, const struct mr_sql_watermark *w,
                            const struct mr_expression *e, const char *name)
{
    const struct mr_type *type = e->type;
    struct mr_text text;
    bool window = type->id == MR_STRUCT && type->field_count == 2 &&
                  strcmp(type->fields[1].name, "end") == 0 && type->fields[1].type->id == MR_TIMESTAMP;
    if (type->id == MR_TIMESTAMP || window)
        return MR_OK;
    mr_text_init(&text);
    mr_type_text(&text, type);
    mr_error_set(a->error, MR_E_SQL, "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
                 "The event time `%s` is a %s; it must be a TIMESTAMP.", name, text.data);
    mr_error_parameter(a->error, "eventName", "`%s`", name);
    mr_error_parameter(a->error, "eventType", "\"%s\"", text.data);
    mr_text_release(&text);
    return mr_sql_error_at(a, w->expression->start, w->expression->stop);
}

/* An expression with a name: a new first column. */
static int prepend_column(struct mr_analysis *a, const struct mr_expression *e, const char *name,
                          struct mr_relation_plan *out)
{
    int count = out->plan->schema->field_count;
    const struct mr_expression **list = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count + 1);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, count + 1);
    struct mr_scope scope = {0};
    if (!list || !names)
        return mr_error_memory(a->error, sizeof *list);
    list[0] = e;
    names[0] = name;
    for (int i = 0; i < count; i++) {
        names[i + 1] = out->plan->schema->fields[i].name;
        MR_TRY(mr_sql_plan_column(a, out->plan, i, NULL, NULL, &list[i + 1]));
    }
    MR_TRY(mr_plan_project(a, out->plan, list, names, count + 1, &out->plan));
    struct mr_scope_column first = {.name = mr_str_of(name), .column = 0};
    if (out->scope.count > 0) {
        first.qualifier = out->scope.columns[0].qualifier;
        first.qualifier_count = out->scope.columns[0].qualifier_count;
    }
    MR_TRY(mr_scope_add(a, &scope, first));
    for (int i = 0; i < out->scope.count; i++) {
        out->scope.columns[i].column++;
        MR_TRY(mr_scope_add(a, &scope, out->scope.columns[i]));
    }
    out->scope = scope;
    return MR_OK;
}

static int watermark_plan(struct mr_analysis *a, const struct mr_sql_watermark *w,
                          struct mr_relation_plan *out)
{
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = out, .place = MR_PLACE_OTHER, .window = &window};
    const struct mr_expression *e = NULL;
    int64_t delay_us = 0;
    const char *name = NULL;
    if (w->alias_count > 1)
        return mr_sql_error(a, w->start, w->stop, "CANNOT_USE_MULTI_ALIASES_IN_WATERMARK_CLAUSE",
                            "The expression of WATERMARK takes one name.");
    if (w->expression->kind == MR_SQL_STAR)
        return mr_sql_error(a, w->start, w->stop, "REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE",
                            "WATERMARK is followed by one column.");
    MR_TRY(mr_sql_resolve(&r, w->expression, &e));
    MR_TRY(mr_sql_interval_us(a, w->delay, &delay_us));
    if (delay_us < 0)
        return mr_sql_error(a, w->delay->start, w->delay->stop, "INVALID_PARAMETER_VALUE",
                            "The delay of a watermark cannot be negative.");
    if (w->alias_count == 0 && e->kind != MR_EXPR_COLUMN) {
        int size = (int)(w->expression->stop - w->expression->start);
        mr_error_set(a->error, MR_E_SQL, "REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE",
                     "An expression in WATERMARK needs a name: WATERMARK … AS name DELAY OF ….");
        mr_error_parameter(a->error, "sqlExpr", "%.*s", size, a->origin->text + w->expression->start);
        return mr_sql_error_at(a, w->expression->start, w->expression->stop);
    }
    int column = e->column;
    name = w->alias_count ? mr_sql_text(a, w->aliases[0]) : e->name;
    if (out->plan->streaming)
        MR_TRY(check_event_time(a, w, e, name));
    if (w->alias_count) {
        MR_TRY(prepend_column(a, e, name, out));
        column = 0;
    }
    if (!out->plan->streaming) /* a batch query has no watermark */
        return MR_OK;
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_WATERMARK, out->plan, w->start, w->stop);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, out->plan->schema->field_count);
    if (!plan || !delays)
        return mr_error_memory(a->error, sizeof *plan);
    for (int i = 0; i < out->plan->schema->field_count; i++)
        delays[i] = i == column ? delay_us : -1;
    plan->delays = delays;
    plan->watermark = (struct mr_watermark_config){column, delay_us, a->origin->text + w->start};
    out->plan = plan;
    return MR_OK;
}

/* ---- aliases ---- */
static int alias_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                      struct mr_relation_plan *out)
{
    if (relation->alias.size == 0)
        return MR_OK;
    struct mr_str *qualifier = MR_ARENA_NEW(a->arena, struct mr_str);
    if (!qualifier)
        return mr_error_memory(a->error, sizeof *qualifier);
    *qualifier = relation->alias;
    if (relation->column_count > 0)
        MR_TRY(rename_columns(a, relation->columns, relation->column_count, relation->start, relation->stop,
                              out));
    return set_qualifier(a, out, qualifier, 1);
}

static int lateral_view_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                             struct mr_relation_plan *out)
{
    MR_TRY(mr_sql_relation_plan(a, relation->left, out));
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = out, .place = MR_PLACE_OTHER, .window = &window};
    struct mr_sql_expression call = {.kind = MR_SQL_CALL,
                                     .start = relation->name->start,
                                     .stop = relation->stop,
                                     .name = relation->name,
                                     .arguments = relation->arguments,
                                     .argument_count = relation->argument_count};
    int first = 0, count = 0;
    MR_TRY(mr_sql_generate_plan(&r, &call, relation->outer, relation->columns, relation->column_count, &first,
                                &count));
    struct mr_str *qualifier = MR_ARENA_NEW(a->arena, struct mr_str);
    if (!qualifier)
        return mr_error_memory(a->error, sizeof *qualifier);
    *qualifier = relation->alias;
    for (int i = first; i < first + count; i++) {
        struct mr_scope_column c = {.qualifier = qualifier,
                                    .qualifier_count = relation->alias.size > 0,
                                    .name = mr_str_of(out->plan->schema->fields[i].name),
                                    .column = i};
        MR_TRY(mr_scope_add(a, &out->scope, c));
    }
    return MR_OK;
}

static int subquery_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                         struct mr_relation_plan *out)
{
    MR_TRY(mr_sql_query_plan(a, relation->query, out));
    return set_qualifier(a, out, NULL, 0);
}

int mr_sql_relation_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                         struct mr_relation_plan *out)
{
    *out = (struct mr_relation_plan){0};
    if (++a->relations > MR_SQL_MAX_RELATIONS)
        return mr_sql_error(a, relation->start, relation->stop, "FAILED_TO_PARSE_TOO_COMPLEX",
                            "The query reads more than %d relations, views and CTEs unfolded.",
                            MR_SQL_MAX_RELATIONS);
    if (relation->has_sample)
        return mr_sql_unsupported(a, relation->start, relation->stop, "TABLESAMPLE is not supported.");
    if (relation->lateral && relation->kind != MR_SQL_RELATION_FUNCTION)
        return mr_sql_unsupported(a, relation->start, relation->stop,
                                  "LATERAL subqueries are not supported yet.");
    switch (relation->kind) {
    case MR_SQL_RELATION_NAME:
        MR_TRY(name_plan(a, relation, out));
        break;
    case MR_SQL_RELATION_QUERY:
        MR_TRY(subquery_plan(a, relation, out));
        break;
    case MR_SQL_RELATION_GROUP:
        MR_TRY(mr_sql_relation_plan(a, relation->left, out));
        break;
    case MR_SQL_RELATION_VALUES:
        MR_TRY(mr_sql_values_plan(a, relation, out));
        break;
    case MR_SQL_RELATION_FUNCTION:
        MR_TRY(mr_sql_table_function_plan(a, relation, out));
        break;
    case MR_SQL_RELATION_JOIN:
        return mr_sql_join_plan(a, relation, out);
    case MR_SQL_RELATION_VIEW:
        return lateral_view_plan(a, relation, out);
    }
    if (relation->watermark)
        MR_TRY(watermark_plan(a, relation->watermark, out));
    return alias_plan(a, relation, out);
}
