/* pipeline/catalog.c: see the header. */
#include "pipeline/catalog.h"
#include "pipeline/graph.h"

static int resolve_dataset(const struct mr_pipeline *pipeline, const struct mr_relation_request *request,
                           struct mr_dataset *dataset, struct mr_relation *out, struct mr_error *error)
{
    out->catalog = dataset->catalog;
    out->database = dataset->database;
    if (dataset->kind == MR_VIEW) {
        out->view = dataset->statement->query;
        out->origin = dataset->origin;
        return MR_OK;
    }
    if (dataset->kind == MR_EXTERNAL_TABLE)
        return mr_relation_external(request, pipeline->project, dataset, out, error);
    char *log = mr_path_join(&request->job->arena, dataset->path, "_delta_log");
    if (log && !mr_file_exists(log))
        return mr_error_set(error, MR_E_SQL, "TABLE_OR_VIEW_NOT_FOUND",
                            "The table `%s` has not been made yet: `millrace run` makes it.",
                            dataset->full_name);
    return mr_relation_table(request, dataset->path, NULL, out, error);
}

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error)
{
    struct mr_table_catalog *tables = ctx;
    if (tables->pipeline) {
        const struct mr_project *project = tables->pipeline->project;
        struct mr_dataset *dataset =
            mr_pipeline_dataset(tables->pipeline, request->name, project->catalog, project->database);
        if (dataset && dataset->kind != MR_SINK)
            return resolve_dataset(tables->pipeline, request, dataset, out, error);
        int status = mr_relation_warehouse(request, project, project->database, out, error);
        if (status != MR_END)
            return status;
    }
    return MR_END;
}

static const char *nearest(void *ctx, struct mr_str name)
{
    struct mr_table_catalog *tables = ctx;
    return tables->pipeline ? mr_pipeline_nearest(tables->pipeline, name) : NULL;
}

int mr_table_catalog_open(struct mr_table_catalog *tables, struct mr_pipeline *pipeline,
                          struct mr_session *session, struct mr_error *error)
{
    struct mr_map none;
    struct mr_job job = {0};
    *tables = (struct mr_table_catalog){.catalog = {tables, resolve, nearest}, .pipeline = pipeline};
    mr_map_init(&none);
    MR_TRY(mr_session_from_conf(&job, pipeline ? &pipeline->project->configuration : &none,
                                pipeline ? pipeline->project->catalog : "spark_catalog",
                                pipeline ? pipeline->project->database : "default", error));
    *session = job.session;
    mr_map_release(&none);
    return MR_OK;
}
