/* sql/table_function.c: functions in FROM: read_files, read_kafka, range, drop_duplicates, and generators;
 * LATERAL VIEW.
 */
#include "expressions/function.h"
#include "sql/analysis.h"

static bool is_named(const struct mr_sql_relation *relation, const char *name)
{
    return mr_str_equal_nocase(relation->name->parts[relation->name->count - 1], mr_str_of(name));
}

/* ---- constants as text ---- */
static int constant(struct mr_analysis *a, const struct mr_sql_expression *ast, const struct mr_column **out)
{
    struct mr_relation_plan nothing = {0};
    struct mr_time_window window = {0};
    struct mr_plan empty = {.schema = mr_type_struct(a->arena, NULL, 0)};
    struct mr_resolution r = {.analysis = a, .input = &nothing, .place = MR_PLACE_OTHER, .window = &window};
    struct mr_expression_builder b;
    const struct mr_expression *e = NULL;
    nothing.plan = &empty;
    MR_TRY(mr_sql_resolve(&r, ast, &e));
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_fold(&b, e, &e, a->error));
    if (e->kind != MR_EXPR_LITERAL)
        return mr_sql_error(a, ast->start, ast->stop, "NON_FOLDABLE_ARGUMENT",
                            "The arguments of a table function are constants.");
    *out = e->literal;
    return MR_OK;
}

static int constant_text(struct mr_analysis *a, const struct mr_sql_expression *ast, const char **out)
{
    const struct mr_column *value = NULL;
    struct mr_text text;
    MR_TRY(constant(a, ast, &value));
    if (value->type->id == MR_VOID || mr_column_is_null(value, 0))
        return mr_sql_error(a, ast->start, ast->stop, "INVALID_PARAMETER_VALUE", "An option cannot be NULL.");
    mr_text_init(&text);
    mr_value_text(&text, value, 0, a->job->session.zone ? a->job->session.zone : mr_zone_utc());
    *out = text.failed ? NULL : mr_arena_copy_text(a->arena, text.data ? text.data : "", text.size);
    mr_text_release(&text);
    return *out ? MR_OK : mr_error_memory(a->error, 0);
}

/* ---- read_files(path, key => value, …), read_kafka(key => value, …) ---- */
static int source_option(struct mr_analysis *a, const struct mr_sql_expression *argument, bool path,
                         struct mr_option *options, int i)
{
    bool named = argument->kind == MR_SQL_NAMED;
    if (!named && (i > 0 || !path))
        return mr_sql_error(a, argument->start, argument->stop, "UNEXPECTED_POSITIONAL_ARGUMENT",
                            path ? "After the path read_files takes named options: key => value."
                                 : "read_kafka takes named options: key => value.");
    options[i].name = named ? mr_sql_text(a, argument->word) : "path";
    if (!options[i].name)
        return a->error->code;
    for (int k = 0; k < i; k++)
        if (mr_str_equal_nocase(mr_str_of(options[k].name), mr_str_of(options[i].name)))
            return mr_sql_error(a, argument->start, argument->stop,
                                "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.BOTH_POSITIONAL_AND_NAMED",
                                "The option %s is given twice.", options[i].name);
    return constant_text(a, named ? argument->arguments[0] : argument, &options[i].value);
}

static int read_source_plan(struct mr_analysis *a, const struct mr_sql_relation *relation, const char *type,
                            struct mr_relation_plan *out)
{
    int count = relation->argument_count;
    bool files = strcmp(type, "files") == 0;
    struct mr_option *options = MR_ARENA_ARRAY(a->arena, struct mr_option, count + 1);
    const char *name = mr_arena_format(a->arena, "read_%s#%d", type, a->job->source_count);
    struct mr_source *source = NULL;
    if (!options || !name)
        return mr_error_memory(a->error, sizeof *options);
    for (int i = 0; i < count; i++)
        MR_TRY(source_option(a, relation->arguments[i], files, options, i));
    if (files && !mr_option_text(options, count, "path"))
        return mr_sql_error(a, relation->start, relation->stop, "REQUIRED_PARAMETER_NOT_FOUND",
                            "read_files needs a path: read_files('folder', format => 'json').");
    MR_TRY(mr_sql_open_source(a, type, options, count, name, relation, relation->start, relation->stop,
                              &source));
    MR_TRY(mr_sql_scan_plan(a, source, source->schema, source->hidden_columns, relation->stream, name,
                            relation->start, relation->stop, &out->plan));
    return mr_scope_of_plan(a, out->plan, NULL, 0, source->hidden_columns, &out->scope);
}

/* ---- drop_duplicates(TABLE(t), 'a', 'b') ---- */
static int add_column(struct mr_analysis *a, const struct mr_relation_plan *plan, struct mr_str name,
                      const struct mr_sql_expression *at, int *columns, int *count)
{
    const struct mr_sql_name column = {&name, 1, at->start, at->stop};
    int used = 0;
    int status = mr_scope_find(a, &plan->scope, &column, &columns[*count], &used);
    if (status == MR_END)
        return mr_scope_unresolved(a, &plan->scope, &column);
    MR_TRY(status);
    for (int i = 0; i < *count; i++)
        if (columns[i] == columns[*count])
            return MR_OK;
    (*count)++;
    return MR_OK;
}

static int duplicate_columns(struct mr_analysis *a, const struct mr_sql_expression *ast,
                             const struct mr_relation_plan *plan, int *columns, int *count)
{
    const struct mr_column *value = NULL;
    const struct mr_sql_expression *argument = ast->kind == MR_SQL_NAMED ? ast->arguments[0] : ast;
    MR_TRY(constant(a, argument, &value));
    bool list = value->type->id == MR_ARRAY && value->type->fields[0].type->id == MR_STRING;
    if (value->type->id != MR_STRING && !list)
        return mr_sql_error(a, argument->start, argument->stop, "INVALID_PARAMETER_VALUE",
                            "Columns are given by name: 'a', or array('a', 'b').");
    const struct mr_column *names = list ? value->children[0] : value;
    int64_t from = list ? value->offsets[0] : 0, to = list ? value->offsets[1] : 1;
    for (int64_t i = from; i < to; i++)
        MR_TRY(add_column(a, plan, mr_view_str(&names->views[i]), argument, columns, count));
    return MR_OK;
}

static int drop_duplicates_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                                bool within_watermark, struct mr_relation_plan *out)
{
    if (relation->argument_count < 1 || relation->arguments[0]->kind != MR_SQL_TABLE)
        return mr_sql_error(a, relation->start, relation->stop, "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
                            "The first argument is a table: drop_duplicates(TABLE(t), 'a', 'b').");
    MR_TRY(mr_sql_relation_plan(a, relation->arguments[0]->relation, out));
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_DEDUPLICATE, out->plan, relation->start, relation->stop);
    int *columns = MR_ARENA_ARRAY(a->arena, int, out->plan->schema->field_count + 1);
    if (!plan || !columns)
        return mr_error_memory(a->error, sizeof *columns);
    for (int i = 1; i < relation->argument_count; i++)
        MR_TRY(duplicate_columns(a, relation->arguments[i], out, columns, &plan->group_count));
    for (int i = 0; relation->argument_count == 1 && i < out->scope.count; i++)
        if (!out->scope.columns[i].hidden)
            columns[plan->group_count++] = out->scope.columns[i].column;
    plan->group_columns = columns;
    plan->within_watermark = within_watermark;
    out->plan = plan;
    return MR_OK;
}

/* ---- generators ---- */
static int generator_call(struct mr_resolution *r, const struct mr_sql_expression *ast,
                          const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(a->arena, const struct mr_expression *, ast->argument_count + 1);
    if (!arguments)
        return mr_error_memory(a->error, sizeof *arguments);
    for (int i = 0; i < ast->argument_count; i++) {
        const struct mr_sql_expression *argument = ast->arguments[i];
        bool named =
            argument->kind == MR_SQL_NAMED && ast->argument_count == 1; /* explode(collection => a) */
        MR_TRY(mr_sql_resolve(r, named ? argument->arguments[0] : argument, &arguments[i]));
    }
    mr_sql_builder(a, ast, &b);
    return mr_expression_call(&b, ast->name->parts[ast->name->count - 1], arguments, ast->argument_count, out,
                              a->error);
}

/* The columns of a generator: its value is an ARRAY of STRUCTs, one per row. */
static const struct mr_type *generator_row(const struct mr_expression *e)
{
    bool rows = e->type->id == MR_ARRAY && e->type->fields[0].type->id == MR_STRUCT;
    return rows ? e->type->fields[0].type : e->type->id == MR_STRUCT ? e->type : NULL;
}

int mr_plan_generate(struct mr_analysis *a, struct mr_plan *input, const struct mr_expression *generator,
                     bool outer, struct mr_plan **out)
{
    const struct mr_type *row = generator_row(generator);
    int before = input->schema->field_count, total = before + row->field_count;
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_GENERATE, input, input->start, input->stop);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, total + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, total + 1);
    if (!plan || !fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < total; i++) {
        fields[i] = i < before ? input->schema->fields[i] : row->fields[i - before];
        fields[i].nullable |= i >= before && outer;
        delays[i] = i < before ? input->delays[i] : -1;
    }
    plan->schema = mr_type_struct(a->arena, fields, total);
    plan->delays = delays;
    plan->generate = (struct mr_generate_config){generator, outer};
    *out = plan;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

int mr_sql_generate_plan(struct mr_resolution *r, const struct mr_sql_expression *ast, bool outer,
                         const struct mr_str *aliases, int alias_count, int *first, int *count)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_expression *generator = NULL;
    if (!mr_sql_is_generator(ast)) {
        const char *name = mr_sql_quoted(a, ast->name->parts, ast->name->count);
        mr_error_set(a->error, MR_E_SQL, "UNSUPPORTED_GENERATOR.NOT_GENERATOR",
                     "%s does not make rows of a value; explode does.", name);
        mr_error_parameter(a->error, "functionName", "%s", name);
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    MR_TRY(generator_call(r, ast, &generator));
    if (generator->function && mr_str_ends_with(mr_str_of(generator->function->name), MR_STR("_outer")))
        outer = true;
    const struct mr_type *row = generator_row(generator);
    if (!row)
        return mr_error_set(a->error, MR_E_INTERNAL, "INTERNAL_ERROR", "A generator without columns.");
    if (alias_count > 0 && alias_count != row->field_count) {
        mr_error_set(a->error, MR_E_SQL, "UDTF_ALIAS_NUMBER_MISMATCH",
                     "The generator gives %d columns, and %d names are given.", row->field_count,
                     alias_count);
        mr_error_parameter(a->error, "aliasesSize", "%d", row->field_count);
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    int before = r->input->plan->schema->field_count;
    struct mr_plan *plan = NULL;
    MR_TRY(mr_plan_generate(a, r->input->plan, generator, outer, &plan));
    for (int i = 0; i < alias_count; i++) {
        struct mr_field *field = (struct mr_field *)&plan->schema->fields[before + i];
        field->name = mr_sql_text(a, aliases[i]);
        if (!field->name)
            return a->error->code;
    }
    plan->start = ast->start;
    plan->stop = ast->stop;
    r->input->plan = plan;
    *first = before;
    *count = row->field_count;
    return MR_OK;
}

static int generator_table_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                                const struct mr_sql_expression *call, struct mr_relation_plan *out)
{
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = out, .place = MR_PLACE_OTHER, .window = &window};
    int first = 0, count = 0;
    MR_TRY(mr_sql_one_row_plan(a, relation->start, relation->stop, &out->plan));
    MR_TRY(mr_sql_generate_plan(&r, call, false, NULL, 0, &first, &count));
    return mr_scope_of_plan(a, out->plan, NULL, 0, 0, &out->scope);
}

int mr_sql_table_function_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                               struct mr_relation_plan *out)
{
    struct mr_sql_expression call = {.kind = MR_SQL_CALL,
                                     .start = relation->start,
                                     .stop = relation->stop,
                                     .name = relation->name,
                                     .arguments = relation->arguments,
                                     .argument_count = relation->argument_count};
    if (is_named(relation, "read_files"))
        return read_source_plan(a, relation, "files", out);
    if (is_named(relation, "read_kafka"))
        return read_source_plan(a, relation, "kafka", out);
    if (relation->stream)
        return mr_sql_unsupported(a, relation->start, relation->stop,
                                  "Only tables, read_files(…) and read_kafka(…) can be read as a stream.");
    if (is_named(relation, "range"))
        return mr_sql_range_plan(a, relation, out);
    if (is_named(relation, "drop_duplicates"))
        return drop_duplicates_plan(a, relation, false, out);
    if (is_named(relation, "drop_duplicates_within_watermark"))
        return drop_duplicates_plan(a, relation, true, out);
    if (mr_sql_is_generator(&call))
        return generator_table_plan(a, relation, &call, out);
    const char *name = mr_sql_quoted(a, relation->name->parts, relation->name->count);
    mr_error_set(a->error, MR_E_SQL, "UNRESOLVABLE_TABLE_VALUED_FUNCTION", "There is no table function %s.",
                 name);
    mr_error_parameter(a->error, "name", "%s", name);
    return mr_sql_error_at(a, relation->start, relation->stop);
}
