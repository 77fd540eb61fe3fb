/* pipeline/graph.c: statements of the project's files -> datasets and flows. */
#include "pipeline/graph.h"

#include "pipeline/settings.h"

#include <stdio.h>

/* ---- where the statements of one file stand: USE and SET act on what follows, file by file ---- */
struct place {
    struct mr_pipeline *pipeline;
    const struct mr_sql_text *origin;
    const char *catalog, *database;
    struct mr_map conf; /* SET so far; pointer: const char * */
    struct mr_error *error;
};

static int refuse(struct place *place, uint32_t start, uint32_t stop, const char *condition,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
static int refuse(struct place *place, uint32_t start, uint32_t stop, const char *condition,
                  const char *format, ...)
{
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    mr_error_set(place->error, MR_E_SQL, condition, "%s", text);
    return mr_error_in_sql(place->error, place->origin->file, place->origin->text, start, stop);
}

static char *copy_str(struct mr_arena *arena, struct mr_str text)
{
    return mr_arena_copy_text(arena, text.data, text.size);
}

static char *lower(struct mr_arena *arena, const char *text)
{
    char *copy = mr_arena_copy_text(arena, text, strlen(text));
    for (char *c = copy; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c += 'a' - 'A';
    return copy;
}

/* catalog.database.name of a name as written; parts that are missing come from the place. */
static int full_name(struct mr_arena *arena, const struct mr_sql_name *name, const char *catalog,
                     const char *database, const char *parts[3])
{
    if (name->count > 3)
        return MR_E_SQL;
    parts[0] = name->count > 2 ? copy_str(arena, name->parts[0]) : catalog;
    parts[1] = name->count > 1 ? copy_str(arena, name->parts[name->count - 2]) : database;
    parts[2] = copy_str(arena, name->parts[name->count - 1]);
    return parts[0] && parts[1] && parts[2] ? MR_OK : MR_E_MEMORY;
}

static struct mr_dataset *find(const struct mr_pipeline *pipeline, const char *full)
{
    char key[1024];
    size_t size = 0;
    for (; full[size] && size < sizeof(key) - 1; size++)
        key[size] = (char)(full[size] >= 'A' && full[size] <= 'Z' ? full[size] + 'a' - 'A' : full[size]);
    struct mr_map_entry *entry = mr_map_get(&pipeline->names, (struct mr_str){key, size});
    return entry ? entry->pointer : NULL;
}

struct mr_dataset *mr_pipeline_dataset(struct mr_pipeline *pipeline, const struct mr_sql_name *name,
                                       const char *catalog, const char *database)
{
    const char *parts[3];
    char full[1024];
    if (full_name(&pipeline->arena, name, catalog, database, parts) < 0)
        return NULL;
    snprintf(full, sizeof(full), "%s.%s.%s", parts[0], parts[1], parts[2]);
    return find(pipeline, full);
}

const char *mr_pipeline_nearest(const struct mr_pipeline *pipeline, struct mr_str name)
{
    char text[64];
    const char *nearest = NULL;
    int best = name.size < 4 ? 2 : 3;
    if (name.size >= sizeof text)
        return NULL;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    for (int d = 0; d < pipeline->dataset_count; d++) {
        const struct mr_dataset *dataset = pipeline->datasets[d];
        int edits = dataset->kind == MR_SINK ? best : mr_edit_distance(text, dataset->name);
        if (edits >= best)
            continue;
        best = edits;
        nearest = dataset->name;
    }
    return nearest;
}

/* ---- growing lists ---- */
static int grow(struct mr_arena *arena, void ***items, int count, int *capacity)
{
    if (count < *capacity)
        return MR_OK;
    int wanted = *capacity ? *capacity * 2 : 16;
    void **larger = MR_ARENA_ARRAY(arena, void *, wanted);
    if (!larger)
        return MR_E_MEMORY;
    if (count > 0)
        memcpy(larger, *items, sizeof(void *) * (size_t)count);
    *items = larger;
    *capacity = wanted;
    return MR_OK;
}

const char *mr_project_table_path(const struct mr_project *project, struct mr_arena *arena,
                                  const char *database, const char *name)
{
    char *file = lower(arena, name);
    if (!file || strcmp(database, "default") == 0)
        return file ? mr_path_join(arena, project->warehouse, file) : NULL;
    char *folder = mr_arena_format(arena, "%s.db/%s", database, file);
    return folder ? mr_path_join(arena, project->warehouse, folder) : NULL;
}

static int add_dataset(struct place *place, const struct mr_sql_statement *statement,
                       enum mr_dataset_kind kind, struct mr_dataset **out)
{
    struct mr_pipeline *pipeline = place->pipeline;
    struct mr_arena *arena = &pipeline->arena;
    const char *parts[3];
    const struct mr_sql_name *name = statement->name;
    if (full_name(arena, name, place->catalog, place->database, parts) < 0)
        return refuse(place, name->start, name->stop, "REQUIRES_SINGLE_PART_NAMESPACE",
                      "A table's name has at most three parts: catalog, schema, table.");
    struct mr_dataset *dataset = MR_ARENA_NEW(arena, struct mr_dataset);
    const char *full = mr_arena_format(arena, "%s.%s.%s", parts[0], parts[1], parts[2]);
    if (!dataset || !full)
        return mr_error_memory(place->error, sizeof(*dataset));
    struct mr_dataset *other = find(pipeline, full);
    if (other)
        return refuse(place, name->start, name->stop, "PIPELINE_DUPLICATE_IDENTIFIERS.OUTPUT",
                      "`%s` is defined twice: here and in %s. Give one of them another name.", full,
                      other->origin->file);
    *dataset = (struct mr_dataset){.kind = kind,
                                   .catalog = parts[0],
                                   .database = parts[1],
                                   .name = parts[2],
                                   .full_name = full,
                                   .statement = statement,
                                   .origin = place->origin,
                                   .private_ = statement->is_private};
    if (kind == MR_STREAMING_TABLE || kind == MR_MATERIALIZED_VIEW) {
        if (statement->location.data) {
            char *path = mr_path_from_uri(arena, statement->location);
            dataset->path =
                path && path[0] != '/' ? mr_path_join(arena, pipeline->project->directory, path) : path;
        } else {
            dataset->path = mr_project_table_path(pipeline->project, arena, parts[1], parts[2]);
        }
        if (!dataset->path)
            return refuse(place, statement->start, statement->stop, "UNSUPPORTED_FEATURE",
                          "The table's LOCATION should be a folder of this machine.");
    }
    char *key = lower(arena, full);
    struct mr_map_entry *entry = key ? mr_map_put(&pipeline->names, mr_str_of(key), NULL) : NULL;
    if (!entry || grow(arena, (void ***)(void *)&pipeline->datasets, pipeline->dataset_count,
                       &pipeline->dataset_capacity) < 0)
        return mr_error_memory(place->error, 64);
    entry->pointer = dataset;
    pipeline->datasets[pipeline->dataset_count++] = dataset;
    *out = dataset;
    return MR_OK;
}

static int copy_conf(struct place *place, struct mr_map *out)
{
    mr_map_init(out);
    for (int side = 0; side < 2; side++) {
        const struct mr_map *from = side == 0 ? &place->pipeline->project->configuration : &place->conf;
        for (size_t i = 0; i < from->count; i++) {
            struct mr_map_entry *entry = mr_map_put(out, from->entries[i].key, NULL);
            if (!entry)
                return mr_error_memory(place->error, 64);
            entry->pointer = from->entries[i].pointer;
        }
    }
    return MR_OK;
}

static int add_flow(struct place *place, const struct mr_sql_statement *statement, const char *name,
                    struct mr_dataset *target)
{
    struct mr_pipeline *pipeline = place->pipeline;
    struct mr_arena *arena = &pipeline->arena;
    struct mr_flow *flow = MR_ARENA_NEW(arena, struct mr_flow);
    if (!flow ||
        grow(arena, (void ***)(void *)&pipeline->flows, pipeline->flow_count, &pipeline->flow_capacity) < 0)
        return mr_error_memory(place->error, sizeof(*flow));
    *flow = (struct mr_flow){.name = name,
                             .target = target,
                             .query = statement->query,
                             .origin = place->origin,
                             .start = statement->start,
                             .stop = statement->stop,
                             .once = statement->once,
                             .catalog = place->catalog,
                             .database = place->database};
    flow->full_name = mr_arena_format(arena, "%s.%s.%s", target->catalog, target->database, name);
    MR_TRY(copy_conf(place, &flow->conf));
    for (int i = 0; i < pipeline->flow_count; i++)
        if (strcmp(pipeline->flows[i]->full_name, flow->full_name) == 0) {
            mr_map_release(&flow->conf);
            return refuse(place, statement->start, statement->stop, "PIPELINE_DUPLICATE_IDENTIFIERS.FLOW",
                          "There are two flows named `%s`. Give one of them another name.", flow->full_name);
        }
    pipeline->flows[pipeline->flow_count++] = flow;
    struct mr_flow **flows = MR_ARENA_ARRAY(arena, struct mr_flow *, target->flow_count + 1);
    if (!flows)
        return mr_error_memory(place->error, 64);
    if (target->flow_count > 0)
        memcpy(flows, target->flows, sizeof(*flows) * (size_t)target->flow_count);
    flows[target->flow_count++] = flow;
    target->flows = flows;
    return MR_OK;
}

/* ---- statements ---- */
static int check_format(struct place *place, const struct mr_sql_statement *statement)
{
    if (statement->provider.size == 0 || mr_str_equal_nocase(statement->provider, MR_STR("delta")))
        return MR_OK;
    return refuse(place, statement->start, statement->stop, "UNSUPPORTED_FEATURE.TABLE_OPERATION",
                  "Millrace keeps tables as Delta; USING %.*s is not supported here.",
                  (int)statement->provider.size, statement->provider.data);
}

static int define_table(struct place *place, const struct mr_sql_statement *statement)
{
    struct mr_dataset *dataset = NULL;
    bool streaming = statement->kind == MR_SQL_CREATE_STREAMING_TABLE;
    MR_TRY(check_format(place, statement));
    MR_TRY(add_dataset(place, statement, streaming ? MR_STREAMING_TABLE : MR_MATERIALIZED_VIEW, &dataset));
    return statement->query ? add_flow(place, statement, dataset->name, dataset) : MR_OK;
}

static int define_sink(struct place *place, const struct mr_sql_statement *statement)
{
    struct mr_dataset *dataset = NULL;
    if (!mr_sink_type_find(statement->provider) || mr_str_equal_nocase(statement->provider, MR_STR("delta")))
        return refuse(place, statement->start, statement->stop, "DATA_SOURCE_NOT_FOUND",
                      "There is no sink %.*s: there are kafka, json, csv, parquet, console and memory. A "
                      "Delta table is a "
                      "STREAMING TABLE.",
                      (int)statement->provider.size, statement->provider.data);
    return add_dataset(place, statement, MR_SINK, &dataset);
}

/* 'x' and "x" are x, as Databricks' pipelines are written; no setting's value has quotes of its own. */
static struct mr_str without_quotes(struct mr_str value)
{
    bool quoted = value.size >= 2 && (value.data[0] == '\'' || value.data[0] == '"') &&
                  value.data[value.size - 1] == value.data[0];
    return quoted ? (struct mr_str){value.data + 1, value.size - 2} : value;
}

static int define_set(struct place *place, const struct mr_sql_statement *statement)
{
    if (!statement->value.data)
        return refuse(place, statement->start, statement->stop,
                      "PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR",
                      "SET in a pipeline needs a value: SET key = value.");
    const char *key = copy_str(&place->pipeline->arena, statement->key);
    char *value = copy_str(&place->pipeline->arena, without_quotes(statement->value));
    if (!key || !value)
        return mr_error_memory(place->error, 64);
    if (mr_project_setting_check(&key, value, place->error) < 0)
        return mr_error_in_sql(place->error, place->origin->file, place->origin->text, statement->start,
                               statement->stop);
    struct mr_map_entry *entry = mr_map_put(&place->conf, mr_str_of(key), NULL);
    if (!entry)
        return mr_error_memory(place->error, 64);
    entry->pointer = value;
    return MR_OK;
}

static int define_use(struct place *place, const struct mr_sql_statement *statement)
{
    const struct mr_sql_name *name = statement->name;
    char *last = copy_str(&place->pipeline->arena, name->parts[name->count - 1]);
    if (!last)
        return mr_error_memory(place->error, 64);
    if (statement->is_catalog) {
        place->catalog = last;
        return MR_OK;
    }
    place->database = last;
    if (name->count > 1)
        place->catalog = copy_str(&place->pipeline->arena, name->parts[0]);
    return MR_OK;
}

/* Flows may stand before the table they write: they are looked at after all files have been read. */
static int define(struct place *place, const struct mr_sql_statement *statement, bool flows)
{
    struct mr_dataset *dataset = NULL;
    if (statement->kind == MR_SQL_SET)
        return define_set(place, statement);
    if (statement->kind == MR_SQL_USE)
        return define_use(place, statement);
    if (flows != (statement->kind == MR_SQL_CREATE_FLOW))
        return MR_OK;
    switch (statement->kind) {
    case MR_SQL_CREATE_STREAMING_TABLE:
    case MR_SQL_CREATE_MATERIALIZED_VIEW:
        return define_table(place, statement);
    case MR_SQL_CREATE_VIEW:
    case MR_SQL_CREATE_TEMPORARY_VIEW:
        return add_dataset(place, statement, MR_VIEW, &dataset);
    case MR_SQL_CREATE_TABLE:
        if (statement->query || statement->provider.size == 0)
            break;
        return add_dataset(place, statement, MR_EXTERNAL_TABLE, &dataset);
    case MR_SQL_CREATE_SINK:
        return define_sink(place, statement);
    case MR_SQL_CREATE_FLOW: {
        const struct mr_sql_name *target = statement->target;
        const char *parts[3];
        char full[1024] = "";
        if (full_name(&place->pipeline->arena, target, place->catalog, place->database, parts) >= 0)
            snprintf(full, sizeof(full), "%s.%s.%s", parts[0], parts[1], parts[2]);
        dataset = find(place->pipeline, full);
        if (!dataset || (dataset->kind != MR_STREAMING_TABLE && dataset->kind != MR_SINK))
            return refuse(
                place, target->start, target->stop, "TABLE_OR_VIEW_NOT_FOUND",
                "The flow's target `%s` is no streaming table and no sink of this project. Define it "
                "with CREATE STREAMING TABLE or CREATE SINK.",
                full);
        if (!statement->by_name)
            return refuse(place, statement->start, statement->stop,
                          "UNSUPPORTED_FEATURE.INSERT_INTO_WITHOUT_BY_NAME",
                          "A flow inserts by column names: write INSERT INTO %s BY NAME SELECT ….",
                          dataset->name);
        return add_flow(place, statement,
                        copy_str(&place->pipeline->arena, statement->name->parts[statement->name->count - 1]),
                        dataset);
    }
    default:
        break;
    }
    return refuse(place, statement->start, statement->stop, "PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR",
                  "%.*s cannot stand in a pipeline. Allowed are CREATE STREAMING TABLE, MATERIALIZED VIEW, "
                  "(TEMPORARY) VIEW, SINK, FLOW, "
                  "CREATE TABLE … USING … LOCATION, SET and USE.",
                  (int)statement->word.size, statement->word.data);
}

static int define_all(struct mr_pipeline *pipeline, int file, bool flows, struct mr_error *error)
{
    struct mr_sql_script *script = pipeline->scripts[file];
    struct mr_sql_text *origin = MR_ARENA_NEW(&pipeline->arena, struct mr_sql_text);
    if (!origin)
        return mr_error_memory(error, sizeof(*origin));
    *origin = (struct mr_sql_text){script->file, script->text};
    struct place place = {.pipeline = pipeline,
                          .origin = origin,
                          .catalog = pipeline->project->catalog,
                          .database = pipeline->project->database,
                          .error = error};
    mr_map_init(&place.conf);
    int status = MR_OK;
    for (int i = 0; status >= 0 && i < script->count; i++)
        status = define(&place, &script->statements[i], flows);
    mr_map_release(&place.conf);
    return status;
}

static int read_script(struct mr_pipeline *pipeline, const char *path, struct mr_error *error)
{
    struct mr_text text;
    struct mr_sql_script *script = MR_ARENA_NEW(&pipeline->arena, struct mr_sql_script);
    const char *shown = path;
    size_t root = strlen(pipeline->project->directory);
    if (!script)
        return mr_error_memory(error, sizeof(*script));
    if (strncmp(path, pipeline->project->directory, root) == 0 && path[root] == '/')
        shown = path + root + 1;
    mr_text_init(&text);
    int status = mr_file_read_all(path, &text, error);
    if (status >= 0)
        status = mr_sql_parse(script, mr_arena_copy_text(&pipeline->arena, shown, strlen(shown)),
                              mr_text_str(&text), error);
    if (status >= 0)
        pipeline->scripts[pipeline->script_count++] = script;
    mr_text_release(&text);
    return status;
}

static int check_datasets(struct mr_pipeline *pipeline, struct mr_error *error)
{
    bool stores = false;
    for (int i = 0; i < pipeline->dataset_count; i++) {
        const struct mr_dataset *dataset = pipeline->datasets[i];
        bool sink = dataset->kind == MR_SINK;
        stores = stores || dataset->path || sink;
        if ((sink || dataset->kind == MR_STREAMING_TABLE) && dataset->flow_count == 0) {
            mr_error_set(
                error, MR_E_SQL, "PIPELINE_DATASET_WITHOUT_FLOW",
                sink ? "No flow writes the sink `%s`. Add CREATE FLOW f AS INSERT INTO it BY NAME "
                       "SELECT …."
                     : "The streaming table `%s` has no query and no flow writes it. Add AS SELECT …, "
                       "or a CREATE FLOW.",
                dataset->full_name);
            return mr_error_in_sql(error, dataset->origin->file, dataset->origin->text,
                                   dataset->statement->start, dataset->statement->stop);
        }
    }
    if (stores)
        return MR_OK;
    mr_error_set(error, MR_E_SQL, "RUN_EMPTY_PIPELINE",
                 "The project defines no table. Put CREATE STREAMING TABLE or CREATE MATERIALIZED VIEW "
                 "statements into the files that "
                 "`libraries` names.");
    return mr_error_at(error, pipeline->project->spec, 0, 0, -1);
}

int mr_pipeline_open(struct mr_pipeline *pipeline, struct mr_project *project, struct mr_error *error)
{
    *pipeline = (struct mr_pipeline){.project = project};
    mr_arena_init(&pipeline->arena);
    mr_map_init(&pipeline->names);
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_cond_init(&pipeline->changed, NULL);
    pipeline->scripts = MR_ARENA_ARRAY(&pipeline->arena, struct mr_sql_script *, project->file_count + 1);
    if (!pipeline->scripts)
        return mr_error_memory(error, 64);
    for (int i = 0; i < project->file_count; i++)
        MR_TRY(read_script(pipeline, project->files[i], error));
    for (int flows = 0; flows < 2; flows++)
        for (int i = 0; i < pipeline->script_count; i++)
            MR_TRY(define_all(pipeline, i, flows == 1, error));
    return check_datasets(pipeline, error);
}

void mr_pipeline_close(struct mr_pipeline *pipeline)
{
    for (int i = 0; i < pipeline->flow_count; i++)
        mr_map_release(&pipeline->flows[i]->conf);
    for (int i = 0; i < pipeline->script_count; i++)
        mr_sql_script_release(pipeline->scripts[i]);
    mr_map_release(&pipeline->names);
    pthread_mutex_destroy(&pipeline->lock);
    pthread_cond_destroy(&pipeline->changed);
    mr_arena_release(&pipeline->arena);
    *pipeline = (struct mr_pipeline){0};
}
