/* pipeline/relations.c: what a name in a query stands for: a dataset of the project or a table in the
 * warehouse. (Paths, json.`…`, are sql/relation.c's.) */
#include "pipeline/graph.h"

static char *copy(struct mr_arena *arena, struct mr_str text)
{
    return mr_arena_copy_text(arena, text.data, text.size);
}

/* request's options with more in front; in the job's arena. */
static int with_options(const struct mr_relation_request *request, const struct mr_option *more,
                        int more_count, struct mr_source *source, struct mr_error *error)
{
    struct mr_option *options =
        MR_ARENA_ARRAY(&request->job->arena, struct mr_option, more_count + request->option_count + 1);
    if (!options)
        return mr_error_memory(error, sizeof(*options));
    for (int i = 0; i < more_count; i++)
        options[i] = more[i];
    for (int i = 0; i < request->option_count; i++)
        options[more_count + i] = request->options[i];
    source->options = options;
    source->option_count = more_count + request->option_count;
    return MR_OK;
}

static int open_source(const struct mr_relation_request *request, const char *type_name,
                       const char *directory, const struct mr_option *options, int option_count,
                       const struct mr_type *declared, struct mr_relation *out, struct mr_error *error)
{
    const struct mr_source_type *type = mr_source_type_find(mr_str_of(type_name));
    if (!type)
        return mr_error_set(error, MR_E_UNSUPPORTED, "DATA_SOURCE_NOT_FOUND", "There is no source `%s`.",
                            type_name);
    struct mr_source *source = mr_job_new_source(request->job, type, request->source_name, error);
    if (!source)
        return error->code;
    source->base_directory = directory;
    source->declared_schema = declared;
    source->batch = !request->stream;
    MR_TRY(with_options(request, options, option_count, source, error));
    MR_TRY(mr_job_open_source(request->job, source, error));
    out->source = source;
    out->streaming = request->stream;
    out->hidden_columns = source->hidden_columns;
    return MR_OK;
}

int mr_relation_table(const struct mr_relation_request *request, const char *path,
                      const struct mr_type *declared, struct mr_relation *out, struct mr_error *error)
{
    const struct mr_option options[] = {
        {"path", mr_arena_copy_text(&request->job->arena, path, strlen(path))}};
    return open_source(request, "delta", NULL, options, 1, declared, out, error);
}

/* A Delta table of the warehouse that this project does not define. */
int mr_relation_warehouse(const struct mr_relation_request *request, const struct mr_project *project,
                          const char *database, struct mr_relation *out, struct mr_error *error)
{
    struct mr_arena *arena = &request->job->arena;
    const struct mr_sql_name *name = request->name;
    if (name->count > 1)
        database = copy(arena, name->parts[name->count - 2]);
    const char *table = copy(arena, name->parts[name->count - 1]);
    const char *path = database && table ? mr_project_table_path(project, arena, database, table) : NULL;
    char *log = path ? mr_path_join(arena, path, "_delta_log") : NULL;
    if (!log)
        return mr_error_memory(error, 1024);
    if (!mr_file_exists(log))
        return MR_END;
    out->catalog = project->catalog;
    out->database = database;
    return mr_relation_table(request, path, NULL, out, error);
}

/* CREATE TABLE … USING json OPTIONS (…) LOCATION '…'. */
int mr_relation_external(const struct mr_relation_request *request, const struct mr_project *project,
                         const struct mr_dataset *dataset, struct mr_relation *out, struct mr_error *error)
{
    const struct mr_sql_statement *statement = dataset->statement;
    struct mr_arena *arena = &request->job->arena;
    struct mr_option *options = MR_ARENA_ARRAY(arena, struct mr_option, statement->option_count + 3);
    int count = 0;
    if (!options)
        return mr_error_memory(error, sizeof(*options));
    char *path = statement->location.data ? mr_path_from_uri(arena, statement->location) : NULL;
    bool delta = mr_str_equal_nocase(statement->provider, MR_STR("delta"));
    bool kafka = mr_str_equal_nocase(statement->provider, MR_STR("kafka"));
    if (path)
        options[count++] =
            (struct mr_option){"path", path[0] == '/' ? path : mr_path_join(arena, project->directory, path)};
    if (!delta && !kafka) {
        options[count++] = (struct mr_option){"format", copy(arena, statement->provider)};
        options[count++] = (struct mr_option){"dialect", "spark"};
    }
    for (int i = 0; i < statement->option_count; i++)
        options[count++] = (struct mr_option){copy(arena, statement->options[i].key),
                                              copy(arena, statement->options[i].value)};
    out->catalog = dataset->catalog;
    out->database = dataset->database;
    return open_source(request,
                       delta   ? "delta"
                       : kafka ? "kafka"
                               : "files",
                       project->directory, options, count, dataset->schema, out, error);
}
