/* sql/run.c: runs a batch query and hands its rows to a callback. */
#include "sql/run.h"

struct receiver { /* the sink's ctx */
    const struct mr_sql_run_options *options;
    pthread_mutex_t lock;
};

/* ---- the sink: rows go straight to the callback; nothing is kept, nothing is published ---- */
static int rows_open(struct mr_sink *sink, struct mr_error *error)
{
    (void)sink;
    (void)error;
    return MR_OK;
}

static int rows_enrol(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    (void)sink;
    (void)error;
    *out = (struct mr_register){0};
    return MR_OK;
}

static int rows_begin(struct mr_sink *sink, int64_t batch, struct mr_error *error)
{
    (void)sink;
    (void)batch;
    (void)error;
    return MR_OK;
}

static int rows_write(struct mr_sink *sink, int worker, const struct mr_batch *batch, struct mr_error *error)
{
    struct receiver *receiver = sink->ctx;
    (void)worker;
    if (!receiver->options->on_rows || batch->length == 0)
        return MR_OK;
    pthread_mutex_lock(&receiver->lock);
    int status = receiver->options->on_rows(receiver->options->ctx, batch, error);
    pthread_mutex_unlock(&receiver->lock);
    return status;
}

static int rows_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                        const struct mr_register *predecessor, struct mr_text *manifest,
                        struct mr_error *error)
{
    (void)sink;
    (void)batch;
    (void)decision_id;
    (void)predecessor;
    (void)manifest;
    (void)error;
    return MR_OK;
}

static int rows_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error)
{
    (void)sink;
    (void)manifest;
    (void)error;
    return MR_OK;
}

static int rows_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error)
{
    (void)sink;
    (void)published;
    (void)error;
    return MR_OK;
}

static void rows_abandon(struct mr_sink *sink)
{
    (void)sink;
}
static void rows_describe(struct mr_sink *sink, struct mr_text *out)
{
    (void)sink;
    mr_text_append_str(out, "rows");
}
static void rows_close(struct mr_sink *sink)
{
    (void)sink;
}

static const struct mr_sink_type rows_sink = {
    .name = "rows",
    .modes = 1U << MR_MODE_APPEND | 1U << MR_MODE_UPDATE | 1U << MR_MODE_COMPLETE,
    .open = rows_open,
    .enrol = rows_enrol,
    .begin = rows_begin,
    .write = rows_write,
    .prepare = rows_prepare,
    .publish = rows_publish,
    .published = rows_enrol,
    .clean = rows_clean,
    .abandon = rows_abandon,
    .describe = rows_describe,
    .close = rows_close,
};

/* ---- the run ---- */
static int plan_query(struct mr_job *job, const struct mr_sql_text *origin, const struct mr_sql_query *query,
                      const struct mr_sql_run_options *options, struct receiver *receiver,
                      struct mr_error *error)
{
    struct mr_plan *plan = NULL;
    const struct mr_node *last = NULL;
    if (options->session)
        job->session = *options->session;
    MR_TRY(mr_sql_analyse(job, options->environment, origin, query, &plan, error));
    if (mr_sql_plan_is_streaming(plan)) {
        mr_error_set(
            error, MR_E_SQL, "_LEGACY_ERROR_TEMP_3102",
            "A stream has no end, so this query cannot be run by itself; leave STREAM out to read what is "
            "there now, or make it a streaming table of a pipeline.");
        return mr_error_in_sql(error, origin->file, origin->text, query->start, query->stop);
    }
    MR_TRY(mr_sql_plan_job(job, plan, &last, error));
    MR_TRY(mr_job_add_sink(job, last, &rows_sink, "rows", NULL, 0, error));
    job->sinks[job->sink_count - 1]->ctx = receiver;
    return options->on_schema ? options->on_schema(options->ctx, job->output, error) : MR_OK;
}

static int run_job(struct mr_job *job, const struct mr_sql_run_options *options, struct mr_error *error)
{
    struct mr_query *query = NULL;
    struct mr_pool *own = NULL;
    struct mr_query_options settings = {
        .trigger = MR_TRIGGER_ONCE_BATCH,
        .memory_limit_bytes = options->memory_limit_bytes ? options->memory_limit_bytes : (size_t)1 << 30,
        .pool = options->pool,
        .pool_lock = options->pool_lock,
    };
    int status = MR_OK;
    if (!settings.pool) {
        status = mr_pool_start(&own, 1, error);
        settings.pool = own;
    }
    if (status == MR_OK)
        status = mr_query_open(&query, job, &settings, error);
    else
        mr_job_release(job);
    if (status == MR_OK)
        status = mr_query_run(query, error);
    if (query) {
        struct mr_error ignored;
        mr_error_clear(&ignored);
        int closed = mr_query_close(query, status < 0 ? &ignored : error);
        status = status < 0 ? status : closed;
    }
    if (own)
        mr_pool_stop(own);
    return status;
}

int mr_sql_run_query(const struct mr_sql_text *origin, const struct mr_sql_query *query,
                     const struct mr_sql_run_options *options, struct mr_error *error)
{
    struct mr_job job;
    struct receiver receiver = {options, PTHREAD_MUTEX_INITIALIZER};
    mr_job_init(&job);
    int status = plan_query(&job, origin, query, options, &receiver, error);
    if (status < 0) {
        mr_job_release(&job);
        return status;
    }
    status = run_job(&job, options, error);
    pthread_mutex_destroy(&receiver.lock);
    return status;
}

int mr_sql_run(struct mr_str text, const struct mr_sql_run_options *options, struct mr_error *error)
{
    struct mr_sql_script script;
    MR_TRY(mr_sql_parse(&script, options->file, text, error));
    int status;
    if (script.count == 0) {
        status = mr_error_set(error, MR_E_SQL, "PARSE_EMPTY_STATEMENT", "There is no statement in the text.");
    } else if (script.count > 1) {
        mr_error_set(error, MR_E_SQL, "PARSE_SYNTAX_ERROR",
                     "One query is run at a time; there are %d statements.", script.count);
        mr_error_parameter(error, "error", "'%.*s'", (int)script.statements[1].word.size,
                           script.statements[1].word.data);
        status = mr_error_in_sql(error, script.file, script.text, script.statements[1].start,
                                 script.statements[1].stop);
    } else if (script.statements[0].kind != MR_SQL_STATEMENT_QUERY) {
        mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                     "Only queries are run here; %.*s belongs into a pipeline's file.",
                     (int)script.statements[0].word.size, script.statements[0].word.data);
        status = mr_error_in_sql(error, script.file, script.text, script.statements[0].start,
                                 script.statements[0].stop);
    } else {
        const struct mr_sql_text origin = {script.file, script.text};
        status = mr_sql_run_query(&origin, script.statements[0].query, options, error);
    }
    mr_sql_script_release(&script);
    return status;
}
