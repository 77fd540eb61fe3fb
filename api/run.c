/* api/run.c: running a job, stopping it, and what it reports meanwhile. */
#include <string.h>

#include "api/job.h"
#include "runtime/progress.h"

/* ---- one at a time ---- */
int mr_api_enter(struct millrace_job *job, struct mr_error *error)
{
    pthread_mutex_lock(&job->lock);
    bool busy = job->busy;
    job->busy = true;
    pthread_mutex_unlock(&job->lock);
    if (!busy)
        return MR_OK;
    return mr_error_set(error, MR_E_USAGE, "CONCURRENT_QUERY",
                        "The job is running already; a job runs once at a time.");
}

void mr_api_leave(struct millrace_job *job)
{
    pthread_mutex_lock(&job->lock);
    job->busy = false;
    pthread_mutex_unlock(&job->lock);
}

int mr_api_pool(struct millrace_job *job, struct mr_pool **out, struct mr_error *error)
{
    int64_t workers = mr_setting_integer(&job->conf, "millrace.workers", 0);
    *out = NULL;
    return workers > 0 ? mr_pool_start(out, (int)workers, error) : MR_OK;
}

/* ---- progress ---- */
static void on_progress(void *ctx, const struct mr_progress *progress)
{
    struct millrace_job *job = ctx;
    struct mr_text text;
    mr_text_init(&text);
    mr_progress_json(progress, &text);
    if (!text.failed) { /* progress must not stop a query */
        pthread_mutex_lock(&job->lock);
        mr_text_clear(&job->progress);
        mr_text_append(&job->progress, text.data, text.size);
        pthread_mutex_unlock(&job->lock);
        if (job->on_progress)
            job->on_progress(job->progress_ctx, text.data, text.size);
    }
    mr_text_release(&text);
}

void millrace_job_on_progress(struct millrace_job *job, millrace_progress_function function, void *ctx)
{
    if (!job)
        return;
    job->on_progress = function;
    job->progress_ctx = ctx;
}

size_t millrace_job_progress(struct millrace_job *job, char *out, size_t size)
{
    mr_api_put(out, size, MR_STR(""));
    if (!job)
        return 0;
    pthread_mutex_lock(&job->lock);
    size_t length = job->progress.size > 0 ? mr_api_put(out, size, mr_text_str(&job->progress)) : 0;
    pthread_mutex_unlock(&job->lock);
    return length;
}

/* ---- stopping ---- */
void millrace_job_stop(struct millrace_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&job->lock);
    job->stopping = true;
    if (job->running)
        mr_query_stop(job->running);
    pthread_mutex_unlock(&job->lock);
}

void millrace_job_wake(struct millrace_job *job)
{
    if (!job)
        return;
    pthread_mutex_lock(&job->lock);
    if (job->running)
        mr_query_wake(job->running);
    pthread_mutex_unlock(&job->lock);
}

static bool is_stopping(struct millrace_job *job)
{
    pthread_mutex_lock(&job->lock);
    bool stopping = job->stopping;
    pthread_mutex_unlock(&job->lock);
    return stopping;
}

/* While running is set, stop and wake reach the query; it is closed only afterwards. */
static void set_running(struct millrace_job *job, struct mr_query *query)
{
    pthread_mutex_lock(&job->lock);
    job->running = query;
    if (query && job->stopping)
        mr_query_stop(query);
    pthread_mutex_unlock(&job->lock);
}

/* ---- running ---- */
static int run_query(struct millrace_job *job, struct mr_job *target, const struct mr_query_options *options,
                     struct mr_error *error)
{
    struct mr_query *query = NULL;
    MR_TRY(mr_query_open(&query, target, options, error));
    set_running(job, query);
    int status = mr_query_run(query, error);
    set_running(job, NULL);
    struct mr_error closing = {0};
    int closed = mr_query_close(query, status < 0 ? &closing : error);
    return status < 0 ? status : closed;
}

static int run(struct millrace_job *job, enum millrace_trigger trigger, const char *checkpoint,
               struct mr_pool *pool, struct mr_error *error)
{
    struct mr_query_options options = {
        .name = job->name,
        .checkpoint_path = checkpoint,
        .trigger = trigger == MILLRACE_CONTINUOUS ? MR_TRIGGER_CONTINUOUS : MR_TRIGGER_AVAILABLE_NOW,
        .interval_us = mr_setting_duration_us(&job->conf, "pipelines.trigger.interval", 0),
        .partitions = (int)mr_setting_integer(&job->conf, "millrace.state.partitions", 0),
        .memory_limit_bytes = (size_t)mr_setting_integer(&job->conf, "millrace.memory.limitMiB", 1024) << 20,
        .decision_micro_batches = (int)mr_setting_integer(&job->conf, "millrace.decision.microBatches", 0),
        .retain_every = (int)mr_setting_integer(&job->conf, "millrace.checkpoint.retainEvery", 0),
        .retain_count = (int)mr_setting_integer(&job->conf, "millrace.checkpoint.retainCount", 3),
        .full_refresh = mr_setting_boolean(&job->conf, "millrace.refresh", false),
        .force_checkpoint = mr_setting_boolean(&job->conf, "millrace.checkpoint.force", false),
        .pool = pool,
        .on_progress = on_progress,
        .ctx = job,
    };
    int status;
    do { /* a schema that grew is recorded: the job goes on with it */
        struct mr_job target;
        status = mr_api_plan(job, &target, checkpoint, error);
        if (status >= 0)
            status = run_query(job, &target, &options, error);
        options.full_refresh = false;
    } while (status == MR_E_SCHEMA_CHANGED && !is_stopping(job));
    return status;
}

static int check_run(enum millrace_trigger trigger, const char *checkpoint, struct mr_error *error)
{
    if (trigger != MILLRACE_AVAILABLE_NOW && trigger != MILLRACE_CONTINUOUS)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE", "There is no trigger %d.",
                            (int)trigger);
    if (!checkpoint || !checkpoint[0])
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "millrace_job_run needs a directory for the job's checkpoint.");
    return MR_OK;
}

int millrace_job_run(struct millrace_job *job, enum millrace_trigger trigger, const char *checkpoint)
{
    struct mr_error error = {0};
    struct mr_pool *pool = NULL;
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    status = mr_api_enter(job, &error);
    if (status < 0) /* the run that is under way is not to blame */
        return status;
    status = check_run(trigger, checkpoint, &error);
    if (status >= 0)
        status = mr_api_pool(job, &pool, &error);
    if (status >= 0)
        status = run(job, trigger, checkpoint, pool, &error);
    mr_pool_stop(pool);
    pthread_mutex_lock(&job->lock);
    job->stopping = false;
    pthread_mutex_unlock(&job->lock);
    mr_api_leave(job);
    if (status < 0)
        return mr_api_fail(job, &error, false);
    return mr_api_failed(job); /* of an append meanwhile */
}
