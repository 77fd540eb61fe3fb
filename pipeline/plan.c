/* pipeline/plan.c: checking and planning of flows. */
#include "delta/delta.h"
#include "pipeline/graph.h"
#include "pipeline/settings.h"
#include "sources/delta.h"

#include <stdio.h>

struct planning { /* one flow being planned; ctx of the catalog */
    struct mr_pipeline *pipeline;
    struct mr_flow *flow;
    bool for_running;
    bool unchanged; /* a materialized view whose inputs are as they were */
};

static int find_schema(struct mr_pipeline *pipeline, struct mr_dataset *dataset, struct mr_error *error);

static int record_input(struct mr_pipeline *pipeline, struct mr_flow *flow, struct mr_dataset *dataset,
                        struct mr_error *error)
{
    for (int i = 0; i < flow->input_count; i++)
        if (flow->inputs[i] == dataset)
            return MR_OK;
    if (flow->input_count == flow->input_capacity) {
        int capacity = flow->input_capacity ? flow->input_capacity * 2 : 4;
        struct mr_dataset **inputs = MR_ARENA_ARRAY(&pipeline->arena, struct mr_dataset *, capacity);
        if (!inputs)
            return mr_error_memory(error, sizeof(*inputs) * (size_t)capacity);
        if (flow->input_count > 0)
            memcpy(inputs, flow->inputs, sizeof(*inputs) * (size_t)flow->input_count);
        flow->inputs = inputs;
        flow->input_capacity = capacity;
    }
    flow->inputs[flow->input_count++] = dataset;
    return MR_OK;
}

/* ---- names ---- */
static int resolve_dataset(struct planning *planning, const struct mr_relation_request *request,
                           struct mr_dataset *dataset, struct mr_relation *out, struct mr_error *error)
{
    struct mr_pipeline *pipeline = planning->pipeline;
    out->catalog = dataset->catalog;
    out->database = dataset->database;
    if (dataset->kind == MR_VIEW) {
        out->view = dataset->statement->query;
        out->origin = dataset->origin;
        return MR_OK;
    }
    MR_TRY(find_schema(pipeline, dataset, error));
    MR_TRY(record_input(pipeline, planning->flow, dataset, error));
    if (dataset->kind == MR_EXTERNAL_TABLE)
        return mr_relation_external(request, pipeline->project, dataset, out, error);
    if (planning->for_running)
        return mr_relation_table(request, dataset->path, dataset->schema, out, error);
    out->schema = dataset->schema;
    out->streaming = request->stream;
    return mr_options_check(mr_delta_source_options, MR_DELTA_SOURCE_OWNER, request->options,
                            request->option_count, error);
}

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error)
{
    struct planning *planning = ctx;
    struct mr_flow *flow = planning->flow;
    struct mr_dataset *dataset =
        mr_pipeline_dataset(planning->pipeline, request->name, flow->catalog, flow->database);
    if (dataset && dataset->kind != MR_SINK) /* these are written only */
        return resolve_dataset(planning, request, dataset, out, error);
    return mr_relation_warehouse(request, planning->pipeline->project, flow->database, out, error);
}

static const char *nearest(void *ctx, struct mr_str name)
{
    struct planning *planning = ctx;
    return mr_pipeline_nearest(planning->pipeline, name);
}

/* ---- session ---- */
int mr_session_from_conf(struct mr_job *job, const struct mr_map *conf, const char *catalog,
                         const char *database, struct mr_error *error)
{
    const char *zone = mr_setting_text(conf, "spark.sql.session.timeZone");
    const char *policy = mr_setting_text(conf, "spark.sql.streaming.multipleWatermarkPolicy");
    job->session.zone = mr_zone_host();
    if (zone)
        MR_TRY(mr_zone_find(mr_str_of(zone), &job->session.zone, error));
    job->session.ansi = mr_setting_boolean(conf, "spark.sql.ansi.enabled", true);
    job->session.case_sensitive = mr_setting_boolean(conf, "spark.sql.caseSensitive", false);
    job->session.catalog = catalog;
    job->session.database = database;
    job->allow_late_loss =
        !mr_setting_boolean(conf, "spark.sql.streaming.statefulOperator.checkCorrectness.enabled", true);
    job->no_data_batches = mr_setting_boolean(conf, "spark.sql.streaming.noDataMicroBatches.enabled", true);
    job->watermark_policy =
        policy && mr_str_equal_nocase(mr_str_of(policy), MR_STR("max")) ? MR_WATERMARK_MAX : MR_WATERMARK_MIN;
    return MR_OK;
}

/* ---- one flow ---- */
static int wrong_kind(const struct mr_flow *flow, const char *condition, const char *message,
                      struct mr_error *error)
{
    mr_error_set(error, MR_E_SQL, condition, "%s", message);
    mr_error_parameter(error, "flowIdentifier", "%s", flow->full_name);
    return mr_error_in_sql(error, flow->origin->file, flow->origin->text, flow->query->start,
                           flow->query->stop);
}

static int check_kind(const struct mr_flow *flow, const struct mr_plan *plan, struct mr_error *error)
{
    bool streaming = mr_sql_plan_is_streaming(plan);
    if (flow->target->kind == MR_MATERIALIZED_VIEW && streaming)
        return wrong_kind(
            flow, "INVALID_FLOW_QUERY_TYPE.STREAMING_RELATION_FOR_MATERIALIZED_VIEW",
            "A materialized view reads its inputs whole. Leave STREAM out, or make it a STREAMING TABLE.",
            error);
    if (flow->target->kind != MR_MATERIALIZED_VIEW && flow->target->kind != MR_VIEW && !streaming)
        return wrong_kind(
            flow, "INVALID_FLOW_QUERY_TYPE.BATCH_RELATION_FOR_STREAMING_TABLE",
            "A streaming table reads streams. Write FROM STREAM t, or make it a MATERIALIZED VIEW.", error);
    return MR_OK;
}

#define OUTPUT_MODE "millrace.outputMode"

/* A streaming table appends, unless its property says otherwise. */
static int output_mode(const struct mr_flow *flow, enum mr_output_mode *out, struct mr_error *error)
{
    static const char *const names[] = {"append", "update", "complete"};
    const struct mr_sql_statement *statement = flow->target->statement;
    bool view = flow->target->kind == MR_MATERIALIZED_VIEW;
    *out = view ? MR_MODE_COMPLETE : MR_MODE_APPEND;
    for (int i = 0; !view && i < statement->property_count; i++) {
        const struct mr_sql_option *property = &statement->properties[i];
        if (!mr_str_equal(property->key, MR_STR(OUTPUT_MODE)))
            continue;
        int mode = 0;
        while (mode < 3 && !mr_str_equal_nocase(property->value, mr_str_of(names[mode])))
            mode++;
        if (mode == 3)
            return mr_error_set(error, MR_E_USAGE, "STREAMING_OUTPUT_MODE.INVALID",
                                "%s of the table %s is append, update or complete, not '%.*s'.", OUTPUT_MODE,
                                flow->target->name, (int)property->value.size, property->value.data);
        *out = (enum mr_output_mode)mode;
    }
    return MR_OK;
}

char *mr_flow_schema_directory(const struct mr_pipeline *pipeline, const struct mr_flow *flow,
                               struct mr_arena *arena)
{
    return mr_arena_format(arena, "%s/_schemas/%s/%s", pipeline->project->storage, flow->target->full_name,
                           flow->name);
}

/* Analyses the flow's query into a plan of its rows. */
static int analyse(struct planning *planning, struct mr_job *job, struct mr_plan **plan,
                   struct mr_error *error)
{
    struct mr_flow *flow = planning->flow;
    struct mr_catalog catalog = {planning, resolve, nearest};
    struct mr_sql_environment environment = {.catalog = &catalog,
                                             .base_directory = planning->pipeline->project->directory,
                                             .schema_read_only = !planning->for_running};
    if (planning->for_running || !flow->infer_anew) {
        environment.schema_directory = mr_flow_schema_directory(planning->pipeline, flow, &job->arena);
        if (!environment.schema_directory)
            return mr_error_memory(error, 1024);
    }
    MR_TRY(output_mode(flow, &job->mode, error));
    MR_TRY(mr_session_from_conf(job, &flow->conf, flow->catalog, flow->database, error));
    MR_TRY(mr_sql_analyse(job, &environment, flow->origin, flow->query, plan, error));
    return check_kind(flow, *plan, error);
}

static const char *join_names(struct mr_arena *arena, const struct mr_str *names, int count)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int i = 0; i < count; i++) {
        mr_text_append_str(&text, i > 0 ? "," : "");
        mr_text_append(&text, names[i].data, names[i].size);
    }
    char *joined = text.failed ? NULL : mr_arena_copy_text(arena, text.size ? text.data : "", text.size);
    mr_text_release(&text);
    return joined;
}

static int add_table_sink(struct planning *planning, struct mr_job *job, const struct mr_node *node,
                          struct mr_error *error)
{
    const struct mr_dataset *target = planning->flow->target;
    const struct mr_sql_statement *statement = target->statement;
    bool view = target->kind == MR_MATERIALIZED_VIEW;
    struct mr_option *options = MR_ARENA_ARRAY(&job->arena, struct mr_option, statement->property_count + 9);
    struct mr_str *not_null = MR_ARENA_ARRAY(&job->arena, struct mr_str, statement->column_count + 1);
    int count = 0, required = 0;
    if (!options || !not_null)
        return mr_error_memory(error, sizeof(*options));
    for (int i = 0; i < statement->column_count; i++)
        if (statement->columns[i].not_null)
            not_null[required++] = statement->columns[i].name;
    options[count++] = (struct mr_option){"path", target->path};
    if (statement->partition_count > 0)
        options[count++] =
            (struct mr_option){"partitionColumns", join_names(&job->arena, statement->partition_columns,
                                                              statement->partition_count)};
    if (statement->cluster_count > 0 || statement->cluster_auto)
        mr_log(MR_LOG_WARN, "table.not_clustered",
               "CLUSTER BY of %s is not carried out: its files hold rows as they come.", target->full_name);
    if (required > 0)
        options[count++] = (struct mr_option){"notNullColumns", join_names(&job->arena, not_null, required)};
    if (statement->comment.data)
        options[count++] =
            (struct mr_option){"comment", mr_arena_copy_text(&job->arena, statement->comment.data,
                                                             statement->comment.size)};
    if (view) {
        const char *inputs = mr_view_inputs(planning->flow, job);
        planning->unchanged = inputs && mr_view_is_unchanged(planning->flow, inputs);
        if (inputs)
            options[count++] = (struct mr_option){"userMetadata", inputs};
        options[count++] = (struct mr_option){"oneShot", "true"};
        options[count++] = (struct mr_option){"overwriteSchema", "true"};
    } else {
        options[count++] =
            (struct mr_option){"mergeSchema", "true"}; /* tables of a pipeline take added columns */
    }
    for (int i = 0; i < statement->property_count; i++) {
        const struct mr_sql_option *property = &statement->properties[i];
        options[count++] =
            (struct mr_option){mr_arena_format(&job->arena, "property.%.*s", (int)property->key.size,
                                               property->key.data),
                               mr_arena_copy_text(&job->arena, property->value.data, property->value.size)};
    }
    return mr_job_add_sink(job, node, mr_sink_type_find(MR_STR("delta")), target->name, options, count,
                           error);
}

static int add_sink(struct planning *planning, struct mr_job *job, const struct mr_node *node,
                    struct mr_error *error)
{
    const struct mr_dataset *target = planning->flow->target;
    const struct mr_sql_statement *statement = target->statement;
    struct mr_option *options = MR_ARENA_ARRAY(&job->arena, struct mr_option, statement->option_count + 1);
    if (!options)
        return mr_error_memory(error, sizeof(*options));
    for (int i = 0; i < statement->option_count; i++) {
        const struct mr_sql_option *option = &statement->options[i];
        options[i] =
            (struct mr_option){mr_arena_copy_text(&job->arena, option->key.data, option->key.size),
                               option->value.data
                                   ? mr_arena_copy_text(&job->arena, option->value.data, option->value.size)
                                   : "true"};
        if (!options[i].name || !options[i].value)
            return mr_error_memory(error, option->key.size);
        if (mr_str_equal_nocase(option->key, MR_STR("path")) && !strchr(options[i].value, ':'))
            options[i].value =
                mr_path_join(&job->arena, planning->pipeline->project->directory, options[i].value);
    }
    const struct mr_sink_type *type = mr_sink_type_for(statement->provider, options, statement->option_count);
    if ((type->flags & MR_SINK_ONE_FLOW) && target->flow_count > 1)
        return mr_error_set(
            error, MR_E_SQL, "UNSUPPORTED_FEATURE.TABLE_OPERATION",
            "%d flows write to the sink %s; a folder takes one. Put them together with UNION ALL, or "
            "give each a sink of its own.",
            target->flow_count, target->name);
    return mr_job_add_sink(job, node, type, target->name, options, statement->option_count, error);
}

static int plan_flow(struct planning *planning, struct mr_job *job, struct mr_error *error)
{
    struct mr_flow *flow = planning->flow;
    const struct mr_dataset *target = flow->target;
    const struct mr_sql_statement *statement = target->statement;
    const struct mr_node *node = NULL;
    struct mr_plan *plan = NULL;
    if (!target->checked) /* since an input's schema changed */
        MR_TRY(find_schema(planning->pipeline, flow->target, error));
    MR_TRY(analyse(planning, job, &plan, error));
    if (target->schema && target->kind != MR_SINK) /* flows into a sink have each their own columns */
        MR_TRY(mr_sql_plan_store(job, target->schema, true, &plan, error));
    if (statement->expectation_count > 0)
        MR_TRY(mr_sql_plan_expect(job, target->origin, statement->expectations, statement->expectation_count,
                                  &plan, error));
    MR_TRY(mr_sql_plan_job(job, plan, &node, error));
    if (target->kind == MR_SINK)
        return add_sink(planning, job, node, error);
    return planning->for_running ? add_table_sink(planning, job, node, error)
                                 : mr_job_check_row_key(node, target->name, error);
}

int mr_flow_plan(struct mr_pipeline *pipeline, struct mr_flow *flow, struct mr_job *job, bool for_running,
                 bool *unchanged, struct mr_error *error)
{
    struct planning planning = {pipeline, flow, for_running, false};
    mr_job_init(job);
    int status = plan_flow(&planning, job, error);
    *unchanged = planning.unchanged;
    if (status < 0)
        mr_job_release(job);
    return status;
}

/* ---- schemas of datasets ---- */
/* The columns as declared; a column without a type (a name and a comment) takes the query's. */
static int declared_schema(struct mr_pipeline *pipeline, struct mr_dataset *dataset,
                           const struct mr_type *query, const struct mr_type **out, struct mr_error *error)
{
    const struct mr_sql_statement *statement = dataset->statement;
    struct mr_arena *arena = &pipeline->arena;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, statement->column_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof(*fields));
    for (int i = 0; i < statement->column_count; i++) {
        const struct mr_sql_column_definition *column = &statement->columns[i];
        fields[i] = (struct mr_field){.name = mr_arena_copy_text(arena, column->name.data, column->name.size),
                                      .nullable = !column->not_null};
        if (column->comment.data)
            fields[i].comment = mr_arena_copy_text(arena, column->comment.data, column->comment.size);
        int at = query ? mr_type_field(query, column->name, false, NULL) : -1;
        int status = MR_OK;
        if (column->type.data)
            status = mr_type_parse(arena, column->type, &fields[i].type, error);
        else if (at >= 0)
            fields[i].type = query->fields[at].type;
        else
            status =
                mr_error_set(error, MR_E_SQL, "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
                             "The query of `%s` has no column `%s`.", dataset->full_name, fields[i].name);
        if (status < 0)
            return mr_error_in_sql(error, dataset->origin->file, dataset->origin->text, column->start,
                                   column->stop);
    }
    *out = mr_type_struct(arena, fields, statement->column_count);
    return *out ? MR_OK : mr_error_memory(error, 64);
}

/* Columns and fields of `more` that `schema` lacks come behind its own. A stream's columns are nullable, and
 * other flows may lack one. */
static int merge_schema(struct mr_arena *arena, const struct mr_type *schema, const struct mr_type *more,
                        const struct mr_type **out, struct mr_error *error)
{
    bool changed;
    if (schema)
        return mr_delta_schema_merge(arena, schema, more, out, &changed, error);
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, more->field_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof(*fields));
    for (int i = 0; i < more->field_count; i++) {
        fields[i] = more->fields[i];
        fields[i].nullable = true;
    }
    *out = mr_type_struct(arena, fields, more->field_count);
    return *out ? MR_OK : mr_error_memory(error, 64);
}

static int flow_schema(struct mr_pipeline *pipeline, struct mr_flow *flow, struct mr_error *error)
{
    struct planning planning = {pipeline, flow, false, false};
    struct mr_job job;
    struct mr_plan *plan = NULL;
    mr_job_init(&job);
    int status = analyse(&planning, &job, &plan, error);
    if (status >= 0) {
        flow->schema = mr_type_copy(&pipeline->arena, mr_sql_plan_schema(plan));
        status = flow->schema ? MR_OK : mr_error_memory(error, 64);
    }
    mr_job_release(&job);
    return status;
}

static int cycle(const struct mr_pipeline *pipeline, const struct mr_dataset *dataset, struct mr_error *error)
{
    struct mr_text names;
    mr_text_init(&names);
    for (int i = 0; i < pipeline->dataset_count; i++)
        if (pipeline->datasets[i]->checking)
            mr_text_format(&names, "%s%s", names.size ? ", " : "", pipeline->datasets[i]->full_name);
    mr_error_set(error, MR_E_SQL, "PIPELINE_GRAPH_NOT_TOPOLOGICALLY_SORTED",
                 "`%s` depends on itself; the circle runs through %s.", dataset->full_name,
                 names.size ? names.data : "");
    mr_text_release(&names);
    return mr_error_in_sql(error, dataset->origin->file, dataset->origin->text, dataset->statement->start,
                           dataset->statement->stop);
}

static int find_schema(struct mr_pipeline *pipeline, struct mr_dataset *dataset, struct mr_error *error)
{
    const struct mr_sql_statement *statement = dataset->statement;
    bool typed = statement->has_columns && statement->column_count > 0;
    for (int i = 0; i < statement->column_count; i++)
        typed = typed && statement->columns[i].type.data;
    if (dataset->checked)
        return MR_OK;
    if (dataset->checking)
        return cycle(pipeline, dataset, error);
    dataset->checking = true;
    int status = MR_OK;
    const struct mr_type *schema = NULL;
    for (int i = 0; status >= 0 && i < dataset->flow_count; i++) {
        status = flow_schema(pipeline, dataset->flows[i], error);
        if (status >= 0)
            status = merge_schema(&pipeline->arena, schema, dataset->flows[i]->schema, &schema, error);
    }
    if (status >= 0 && (typed || statement->column_count > 0))
        status = declared_schema(pipeline, dataset, schema, &schema, error);
    dataset->schema = schema;
    if (status >= 0 && schema)
        status = mr_dataset_check_columns(dataset, error);
    dataset->checking = false;
    dataset->checked = status >= 0;
    return status;
}

static void forget_schema(struct mr_pipeline *pipeline, struct mr_dataset *dataset)
{
    if (!dataset->checked)
        return;
    dataset->checked = false;
    for (int f = 0; f < pipeline->flow_count; f++)
        for (int i = 0; i < pipeline->flows[f]->input_count; i++)
            if (pipeline->flows[f]->inputs[i] == dataset)
                forget_schema(pipeline, pipeline->flows[f]->target);
}

void mr_flow_schema_changed(struct mr_pipeline *pipeline, struct mr_flow *flow)
{
    forget_schema(pipeline, flow->target);
}

/* ---- order ---- */
static void visit(struct mr_pipeline *pipeline, struct mr_flow *flow, struct mr_flow **order, int *count)
{
    if (flow->ordered)
        return;
    flow->ordered = true;
    for (int i = 0; i < flow->input_count; i++)
        for (int f = 0; f < flow->inputs[i]->flow_count; f++)
            visit(pipeline, flow->inputs[i]->flows[f], order, count);
    order[(*count)++] = flow;
}

/* A view is not planned by itself when nobody reads it: do it here, so that its errors show. */
static int check_view(struct mr_pipeline *pipeline, struct mr_dataset *view, struct mr_error *error)
{
    struct mr_flow flow = {.name = view->name,
                           .full_name = view->full_name,
                           .target = view,
                           .origin = view->origin,
                           .query = view->statement->query,
                           .catalog = view->catalog,
                           .database = view->database};
    struct planning planning = {pipeline, &flow, false, false};
    struct mr_catalog catalog = {&planning, resolve, nearest};
    struct mr_sql_environment environment = {.catalog = &catalog,
                                             .base_directory = pipeline->project->directory};
    struct mr_job job;
    struct mr_plan *plan = NULL;
    mr_job_init(&job);
    int status =
        mr_session_from_conf(&job, &pipeline->project->configuration, view->catalog, view->database, error);
    if (status >= 0)
        status = mr_sql_analyse(&job, &environment, view->origin, flow.query, &plan, error);
    if (status >= 0) {
        view->schema = mr_type_copy(&pipeline->arena, mr_sql_plan_schema(plan));
        view->checked = true;
    }
    mr_job_release(&job);
    return status;
}

int mr_pipeline_check(struct mr_pipeline *pipeline, struct mr_error *error)
{
    for (int i = 0; i < pipeline->dataset_count; i++) {
        struct mr_dataset *dataset = pipeline->datasets[i];
        MR_TRY(dataset->kind == MR_VIEW ? check_view(pipeline, dataset, error)
                                        : find_schema(pipeline, dataset, error));
    }
    for (int i = 0; i < pipeline->flow_count; i++) {
        struct mr_job job;
        bool unchanged;
        MR_TRY(mr_flow_plan(pipeline, pipeline->flows[i], &job, false, &unchanged, error));
        mr_job_release(&job);
    }
    struct mr_flow **order = MR_ARENA_ARRAY(&pipeline->arena, struct mr_flow *, pipeline->flow_count + 1);
    int count = 0;
    if (!order)
        return mr_error_memory(error, sizeof(*order));
    for (int i = 0; i < pipeline->flow_count; i++)
        visit(pipeline, pipeline->flows[i], order, &count);
    pipeline->flows = order;
    pipeline->flow_capacity = pipeline->flow_count;
    return MR_OK;
}
