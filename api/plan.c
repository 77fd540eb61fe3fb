/* api/plan.c: from a job's streams to the runtime's job: what names in its queries stand for, and its sinks.
 */
#include "api/job.h"
#include "pipeline/pipeline.h"
#include "sql/local_source.h"

/* ---- names ---- */
static bool same_name(const struct mr_api_planning *planning, struct mr_str a, const char *b)
{
    return planning->session.case_sensitive ? mr_str_equal(a, mr_str_of(b))
                                            : mr_str_equal_nocase(a, mr_str_of(b));
}

static const struct millrace_stream *find_stream(const struct mr_api_planning *planning, struct mr_str name)
{
    for (const struct millrace_stream *stream = planning->job->streams; stream; stream = stream->next)
        if (mr_str_equal(name, mr_str_of(stream->name)))
            return stream;
    for (const struct mr_api_name *given = planning->job->names; given; given = given->next)
        if (same_name(planning, name, given->name))
            return given->stream;
    return NULL;
}

/* ---- sources ---- */
/* A path in the options that is relative to the base directory, where the source or sink does not see to that
 * itself. */
static int place_path(const struct millrace_job *job, struct mr_arena *arena, const struct mr_option *options,
                      int count, const struct mr_option **out, struct mr_error *error)
{
    const char *base = mr_setting_text(&job->conf, "millrace.base.directory");
    struct mr_option *placed = MR_ARENA_ARRAY(arena, struct mr_option, count + 1);
    if (!placed)
        return mr_error_memory(error, sizeof *placed * (size_t)count);
    for (int i = 0; i < count; i++) {
        placed[i] = options[i];
        if (!base || !mr_str_equal_nocase(mr_str_of(options[i].name), MR_STR("path")) ||
            options[i].value[0] == '/' || strstr(options[i].value, ":/"))
            continue;
        placed[i].value = mr_path_join(arena, base, options[i].value);
        if (!placed[i].value)
            return mr_error_memory(error, strlen(options[i].value));
    }
    *out = placed;
    return MR_OK;
}

/* The option schema of a memory stream is the API's. */
static void drop_schema_option(struct mr_source *source, struct mr_option *options)
{
    int kept = 0;
    for (int i = 0; i < source->option_count; i++)
        if (!mr_str_equal_nocase(mr_str_of(options[i].name), MR_STR("schema")))
            options[kept++] = options[i];
    source->option_count = kept;
}

static int open_source(const struct mr_api_planning *planning, struct mr_job *target,
                       const struct millrace_stream *stream, struct mr_source **out, struct mr_error *error)
{
    struct mr_source *source = mr_job_new_source(target, stream->type, stream->source_name, error);
    if (!source)
        return error->code;
    source->base_directory = mr_setting_text(&planning->job->conf, "millrace.base.directory");
    source->option_count = stream->option_count;
    MR_TRY(place_path(planning->job, &target->arena, stream->options, stream->option_count, &source->options,
                      error));
    if (stream->type == &mr_memory_source)
        drop_schema_option(source, (struct mr_option *)source->options);
    if (planning->checkpoint) {
        source->schema_directory =
            mr_arena_format(&target->arena, "%s/schemas/%s", planning->checkpoint, stream->source_name);
        if (!source->schema_directory)
            return mr_error_memory(error, 64);
    }
    *out = source;
    return mr_job_open_source(target, source, error);
}

/* A stream's source is opened once, and read once, however often it is named. */
static int resolve_source(struct mr_api_planning *planning, struct mr_job *target,
                          const struct millrace_stream *stream, struct mr_relation *out,
                          struct mr_error *error)
{
    int i = 0;
    while (i < planning->opened_count && planning->opened[i].stream != stream)
        i++;
    if (i == planning->opened_count) {
        MR_TRY(open_source(planning, target, stream, &planning->opened[i].source, error));
        planning->opened[i].stream = stream;
        planning->opened_count++;
    }
    planning->opened[i].references++;
    out->source = planning->opened[i].source;
    out->hidden_columns = out->source->hidden_columns;
    out->streaming = !planning->batch;
    return MR_OK;
}

/* ---- memory tables, for batch queries: as they are now ---- */
static int resolve_table(struct mr_api_planning *planning, const struct mr_relation_request *request,
                         struct mr_relation *out, struct mr_error *error)
{
    struct mr_memory_table *table = NULL;
    struct mr_local_rows *rows = MR_ARENA_NEW(&request->job->arena, struct mr_local_rows);
    char *name =
        mr_arena_copy_text(&request->job->arena, request->name->parts[0].data, request->name->parts[0].size);
    if (!rows || !name)
        return mr_error_memory(error, sizeof *rows);
    table = mr_memory_table_open(name);
    if (!table)
        return mr_error_memory(error, sizeof *rows);
    int status = mr_memory_table_read(table, -1, &rows->rows, error);
    if (status != MR_OK) { /* MR_END: nobody has written to it */
        mr_memory_table_close(table);
        return status;
    }
    rows->schema = rows->rows.schema;
    rows->count = rows->rows.length;
    status = mr_api_hold(planning->job, NULL, table, error); /* its types are those of the rows */
    struct mr_source *source =
        status < 0 ? NULL : mr_job_new_source(request->job, &mr_local_source, request->source_name, error);
    if (!source) {
        mr_batch_release(&rows->rows);
        return error->code;
    }
    source->ctx = rows;
    MR_TRY(mr_job_open_source(request->job, source, error));
    out->source = source;
    return MR_OK;
}

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error)
{
    struct mr_api_planning *planning = ctx;
    if (request->name->count != 1)
        return MR_END;
    const struct millrace_stream *stream = find_stream(planning, request->name->parts[0]);
    if (!stream)
        return planning->batch ? resolve_table(planning, request, out, error) : MR_END;
    if (stream->type)
        return resolve_source(planning, request->job, stream, out, error);
    out->view = stream->query;
    out->custom = stream->custom;
    out->origin = &stream->origin;
    return MR_OK;
}

/* ---- planning ---- */
int mr_api_plan_begin(struct mr_api_planning *planning, struct millrace_job *job, bool batch,
                      const char *checkpoint, struct mr_error *error)
{
    struct mr_job carrier; /* of the session's settings */
    *planning = (struct mr_api_planning){.job = job, .batch = batch, .checkpoint = checkpoint};
    mr_arena_init(&planning->arena);
    planning->opened = mr_arena_allocate_zeroed(&planning->arena,
                                                sizeof *planning->opened * (size_t)(job->stream_count + 1));
    planning->catalog = (struct mr_catalog){.ctx = planning, .resolve = resolve};
    planning->environment =
        (struct mr_sql_environment){.catalog = &planning->catalog,
                                    .base_directory = mr_setting_text(&job->conf, "millrace.base.directory")};
    if (checkpoint)
        planning->environment.schema_directory = mr_arena_format(&planning->arena, "%s/schemas", checkpoint);
    if (!planning->opened || (checkpoint && !planning->environment.schema_directory))
        return mr_error_memory(error, sizeof *planning->opened);
    mr_job_init(&carrier);
    int status = mr_session_from_conf(&carrier, &job->conf, "spark_catalog", "default", error);
    planning->session = carrier.session;
    mr_job_release(&carrier);
    return status;
}

void mr_api_plan_share(struct mr_api_planning *planning)
{
    for (int i = 0; i < planning->opened_count; i++)
        if (planning->opened[i].references > 1)
            planning->opened[i].source->used = NULL; /* each plan knows only what it uses itself */
}

void mr_api_plan_end(struct mr_api_planning *planning)
{
    mr_arena_release(&planning->arena);
}

static int plan_stream(struct mr_api_planning *planning, struct mr_job *target,
                       const struct mr_api_output *output, const struct mr_node **node,
                       struct mr_error *error)
{
    const struct millrace_stream *stream = output->rows;
    struct mr_plan *plan = NULL;
    MR_TRY(mr_sql_analyse(target, &planning->environment, &stream->origin, stream->query, &plan, error));
    if (!mr_sql_plan_is_streaming(plan))
        return mr_error_set(
            error, MR_E_USAGE, "WRITE_STREAM_NOT_ALLOWED",
            "What is put into %s reads no stream. Read one (millrace_read, or STREAM in SQL), "
            "or use millrace_query.",
            output->name);
    return mr_sql_plan_job(target, plan, node, error);
}

/* nodes: of the outputs before it, by number. */
static int plan_output(struct mr_api_planning *planning, struct mr_job *target,
                       const struct mr_api_output *output, const struct mr_node **nodes, int number,
                       struct mr_error *error)
{
    const struct mr_option *options = NULL;
    const struct mr_api_output *other = planning->job->outputs;
    for (int i = 0; i < number && !nodes[number]; i++, other = other->next)
        if (other->stream == output->stream)
            nodes[number] = nodes[i]; /* one stream into several sinks is computed once */
    if (!nodes[number])
        MR_TRY(plan_stream(planning, target, output, &nodes[number], error));
    MR_TRY(place_path(planning->job, &target->arena, output->options, output->option_count, &options, error));
    MR_TRY(mr_job_add_sink(target, nodes[number], output->type, output->name, options, output->option_count,
                           error));
    if (output->type == &mr_api_callback_sink)
        target->sinks[target->sink_count - 1]->ctx = (void *)output;
    return MR_OK;
}

static int plan_outputs(struct mr_api_planning *planning, struct mr_job *target, struct mr_error *error)
{
    struct millrace_job *job = planning->job;
    target->mode = job->mode;
    MR_TRY(mr_session_from_conf(target, &job->conf, "spark_catalog", "default", error));
    if (!job->outputs)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "The job has no sink: millrace_write gives it one.");
    const struct mr_node **nodes =
        MR_ARENA_ARRAY(&planning->arena, const struct mr_node *, job->output_count + 1);
    if (!nodes)
        return mr_error_memory(error, sizeof *nodes * (size_t)job->output_count);
    int number = 0;
    for (const struct mr_api_output *output = job->outputs; output; output = output->next)
        MR_TRY(plan_output(planning, target, output, nodes, number++, error));
    mr_api_plan_share(planning);
    return MR_OK;
}

int mr_api_plan(struct millrace_job *job, struct mr_job *target, const char *checkpoint,
                struct mr_error *error)
{
    struct mr_api_planning planning;
    mr_job_init(target);
    int status = mr_api_plan_begin(&planning, job, false, checkpoint, error);
    if (status >= 0)
        status = plan_outputs(&planning, target, error);
    mr_api_plan_end(&planning);
    if (status < 0)
        mr_job_release(target);
    return status;
}

/* ---- what a stream looks like ---- */
static bool is_plain_name(const char *name)
{
    size_t size = strlen(name);
    bool good = size > 0 && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; i < size; i++)
        good = good && (name[i] == '_' || (name[i] >= '0' && name[i] <= '9') ||
                        (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z'));
    return good;
}

static void describe(struct mr_text *out, const struct mr_type *schema)
{
    for (int i = 0; i < schema->field_count; i++) {
        const struct mr_field *field = &schema->fields[i];
        mr_text_append_str(out, i > 0 ? ", " : "");
        if (is_plain_name(field->name)) {
            mr_text_append_str(out, field->name);
        } else {
            mr_text_append_char(out, '`');
            for (const char *c = field->name; *c; c++) {
                mr_text_append_str(out, *c == '`' ? "`" : "");
                mr_text_append_char(out, *c);
            }
            mr_text_append_char(out, '`');
        }
        mr_text_append_char(out, ' ');
        mr_type_text(out, field->type);
    }
}

static int schema_text(struct millrace_job *job, const struct millrace_stream *stream, struct mr_text *out,
                       struct mr_error *error)
{
    struct mr_api_planning planning;
    struct mr_job target;
    struct mr_plan *plan = NULL;
    mr_job_init(&target);
    int status = mr_api_plan_begin(&planning, job, false, NULL, error);
    target.session = planning.session;
    if (status >= 0)
        status = mr_sql_analyse(&target, &planning.environment, &stream->origin, stream->query, &plan, error);
    if (status >= 0) {
        describe(out, mr_sql_plan_schema(plan));
        status = out->failed ? mr_error_memory(error, out->size) : MR_OK;
    }
    mr_job_release(&target);
    mr_api_plan_end(&planning);
    return status;
}

size_t millrace_schema(struct millrace_stream *stream, char *out, size_t size)
{
    struct mr_error error = {0};
    struct mr_text text;
    mr_api_put(out, size, MR_STR(""));
    if (!stream || mr_api_failed(stream->job) < 0)
        return 0;
    struct millrace_stream *all = millrace_select(stream, "*");
    if (!all)
        return 0;
    mr_text_init(&text);
    int status = schema_text(stream->job, all, &text, &error);
    if (status < 0)
        mr_api_fail(stream->job, &error, false);
    size_t length = status < 0 ? 0 : mr_api_put(out, size, mr_text_str(&text));
    mr_text_release(&text);
    return length;
}

int millrace_job_check(struct millrace_job *job)
{
    struct mr_error error = {0};
    struct mr_job target;
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    status = mr_api_plan(job, &target, NULL, &error);
    if (status < 0)
        return mr_api_fail(job, &error, false);
    mr_job_release(&target);
    return MILLRACE_OK;
}
