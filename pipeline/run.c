/* pipeline/run.c: running the flows of a checked pipeline.
 *
 * Triggered: one flow after the other, upstream first, each with all workers, as spark-pipelines orders them.
 * Continuous: every streaming flow has a driver thread; what one publishes wakes those that read it;
 * materialized views are refreshed after their inputs changed, at most once a minute. */
#include "pipeline/graph.h"
#include "pipeline/progress_file.h"
#include "pipeline/settings.h"

#include <stdio.h>
#include <unistd.h>

#define RETRIES 2 /* unless spark.sql.pipelines.maxFlowRetryAttempts says otherwise */
#define RETRY_PAUSE_US 1000000
#define VIEW_INTERVAL_US (60 * 1000000LL) /* materialized views in --continuous */

struct run {
    bool continuous; /* now: a full refresh may make a triggered pass first */
    struct mr_pipeline *pipeline;
    const struct mr_pipeline_options *options;
    struct mr_pool *pool;
    pthread_mutex_t pool_lock, plan_lock;
};
struct flow_run {
    struct run *run;
    struct mr_flow *flow;
    struct mr_progress_file *progress;
    bool opened; /* the last attempt got as far as opening its query */
    bool dirty;  /* views: an input has changed since the last refresh began */
    int64_t refreshed_us;
    pthread_t thread;
    bool started;
};

static bool is_view(const struct mr_flow *flow)
{
    return flow->target->kind == MR_MATERIALIZED_VIEW;
}

static void set_state(struct run *run, struct mr_flow *flow, enum mr_flow_state state)
{
    pthread_mutex_lock(&run->pipeline->lock);
    flow->state = state;
    if (run->options->on_state)
        run->options->on_state(run->options->ctx, flow);
    pthread_cond_broadcast(&run->pipeline->changed);
    pthread_mutex_unlock(&run->pipeline->lock);
}

static bool stopping(struct run *run)
{
    pthread_mutex_lock(&run->pipeline->lock);
    bool result = run->pipeline->stopping;
    pthread_mutex_unlock(&run->pipeline->lock);
    return result;
}

/* Waits, but not beyond a request to stop. */
static void pause_us(struct run *run, int64_t duration_us)
{
    struct timespec until;
    int64_t at = mr_env()->now_us() + duration_us;
    until.tv_sec = at / 1000000;
    until.tv_nsec = at % 1000000 * 1000;
    pthread_mutex_lock(&run->pipeline->lock);
    int late = 0;
    while (!run->pipeline->stopping && late == 0)
        late = pthread_cond_timedwait(&run->pipeline->changed, &run->pipeline->lock, &until);
    pthread_mutex_unlock(&run->pipeline->lock);
}

/* ---- callbacks of a running query ---- */
static void on_progress(void *ctx, const struct mr_progress *progress)
{
    struct flow_run *own = ctx;
    struct run *run = own->run;
    mr_progress_file_write(own->progress, progress);
    pthread_mutex_lock(&run->pipeline->lock);
    if (run->options->on_progress)
        run->options->on_progress(run->options->ctx, own->flow, progress);
    pthread_mutex_unlock(&run->pipeline->lock);
}

static void on_published(void *ctx, int sink, int64_t batch)
{
    struct flow_run *own = ctx;
    struct run *run = own->run;
    (void)sink;
    pthread_mutex_lock(&run->pipeline->lock);
    for (int f = 0; f < run->pipeline->flow_count; f++) {
        struct mr_flow *other = run->pipeline->flows[f];
        for (int i = 0; i < other->input_count; i++)
            if (other->inputs[i] == own->flow->target) {
                other->input_changed = true;
                if (other->running)
                    mr_query_wake(other->running);
            }
    }
    if (run->options->on_published)
        run->options->on_published(run->options->ctx, own->flow, batch);
    pthread_cond_broadcast(&run->pipeline->changed);
    pthread_mutex_unlock(&run->pipeline->lock);
}

/* ---- one flow ---- */
static bool named(const char *const *names, int count, const struct mr_dataset *dataset)
{
    for (int i = 0; i < count; i++) {
        const char *dot = strrchr(names[i], '.');
        struct mr_str last = mr_str_of(dot ? dot + 1 : names[i]);
        if (mr_str_equal_nocase(mr_str_of(names[i]), mr_str_of(dataset->full_name)) ||
            (mr_str_equal_nocase(last, mr_str_of(dataset->name)) &&
             mr_str_ends_with(mr_str_of(dataset->full_name), mr_str_of(names[i]))) ||
            mr_str_equal_nocase(mr_str_of(names[i]), mr_str_of(dataset->name)))
            return true;
    }
    return false;
}

static bool full_refresh(const struct run *run, const struct mr_flow *flow)
{
    return run->options->full_refresh_all ||
           named(run->options->full_refresh, run->options->full_refresh_count, flow->target);
}

static bool selected(const struct run *run, const struct mr_flow *flow)
{
    const struct mr_pipeline_options *options = run->options;
    if (options->full_refresh_all || (options->refresh_count == 0 && options->full_refresh_count == 0))
        return true;
    return full_refresh(run, flow) || named(options->refresh, options->refresh_count, flow->target);
}

const char *mr_flow_checkpoint_path(const struct mr_pipeline *pipeline, const struct mr_flow *flow,
                                    struct mr_arena *arena)
{
    const struct mr_dataset *target = flow->target;
    return mr_arena_format(arena, "%s/_checkpoints/%s/%s/%s/%s/0", pipeline->project->storage,
                           target->catalog, target->database, target->name, flow->name);
}

static int run_query(struct flow_run *own, struct mr_job *job, struct mr_error *error)
{
    struct run *run = own->run;
    struct mr_flow *flow = own->flow;
    struct mr_arena arena;
    struct mr_query *query = NULL;
    mr_arena_init(&arena);
    struct mr_query_options options = {
        .name = flow->full_name,
        .checkpoint_path = is_view(flow) ? NULL : mr_flow_checkpoint_path(run->pipeline, flow, &arena),
        .trigger = is_view(flow)     ? MR_TRIGGER_ONCE_BATCH
                   : run->continuous ? MR_TRIGGER_CONTINUOUS
                                     : MR_TRIGGER_AVAILABLE_NOW,
        .interval_us = mr_setting_duration_us(&flow->conf, "pipelines.trigger.interval", 0),
        .memory_limit_bytes = (size_t)mr_setting_integer(&flow->conf, "millrace.memory.limitMiB", 1024) << 20,
        .partitions = (int)mr_setting_integer(&flow->conf, "millrace.state.partitions", 0),
        .decision_micro_batches = (int)mr_setting_integer(&flow->conf, "millrace.decision.microBatches", 0),
        .publish_give_up_us = mr_setting_integer(&flow->conf, "millrace.publish.giveUpSeconds", 0) * 1000000,
        .retain_every = (int)mr_setting_integer(&flow->conf, "millrace.checkpoint.retainEvery", 0),
        .force_checkpoint = mr_setting_boolean(&flow->conf, "millrace.checkpoint.force", false),
        .retain_count = (int)mr_setting_integer(&flow->conf, "millrace.checkpoint.retainCount", 3),
        .full_refresh = full_refresh(run, flow) && flow->attempts == 1 && flow->target->flow_count == 1,
        .keep_table = flow != flow->target->flows[0],
        .pool = run->pool,
        .pool_lock = &run->pool_lock,
        .on_progress = on_progress,
        .on_published = on_published,
        .ctx = own,
    };
    int status = mr_query_open(&query, job, &options, error);
    own->opened = status >= 0;
    if (status >= 0) {
        pthread_mutex_lock(&run->pipeline->lock);
        flow->running = query;
        bool stop = run->pipeline->stopping;
        pthread_mutex_unlock(&run->pipeline->lock);
        if (stop)
            mr_query_stop(query);
        set_state(run, flow, MR_FLOW_RUNNING);
        status = mr_query_run(query, error);
        pthread_mutex_lock(&run->pipeline->lock);
        flow->running = NULL;
        pthread_mutex_unlock(&run->pipeline->lock);
        struct mr_error closing = {0};
        int closed = mr_query_close(query, status < 0 ? &closing : error);
        status = status < 0 ? status : closed;
    }
    mr_arena_release(&arena);
    return status;
}

static int attempt(struct flow_run *own, struct mr_error *error)
{
    struct mr_job job;
    bool unchanged = false;
    set_state(own->run, own->flow, MR_FLOW_PLANNING);
    pthread_mutex_lock(&own->run->plan_lock); /* plans share the pipeline's arena */
    int status = mr_flow_plan(own->run->pipeline, own->flow, &job, true, &unchanged, error);
    pthread_mutex_unlock(&own->run->plan_lock);
    MR_TRY(status);
    if (unchanged && !full_refresh(own->run, own->flow)) { /* a view whose inputs are as they were */
        mr_job_release(&job);
        return MR_OK;
    }
    set_state(own->run, own->flow, MR_FLOW_STARTING);
    return run_query(own, &job, error);
}

/* Retries what may go better next time; a grown schema starts the flow again as often as it
 * grows. */
static int run_flow(struct flow_run *own)
{
    struct mr_flow *flow = own->flow;
    int64_t retries = mr_setting_integer(&flow->conf, "spark.sql.pipelines.maxFlowRetryAttempts", RETRIES);
    int failures = 0, status;
    for (;;) {
        struct mr_error error = {0};
        flow->attempts++;
        own->opened = false;
        status = attempt(own, &error);
        flow->error = error;
        if (status >= 0 || stopping(own->run))
            break;
        if (status == MR_E_SCHEMA_CHANGED) {
            pthread_mutex_lock(&own->run->plan_lock);
            mr_flow_schema_changed(own->run->pipeline, flow);
            pthread_mutex_unlock(&own->run->plan_lock);
            mr_log(MR_LOG_INFO, "flow.schema_changed", "%s starts again: %s", flow->full_name, error.message);
            continue;
        }
        if (status == MR_E_CONFLICT && !own->opened)
            break; /* somebody else runs this checkpoint: waiting seldom helps, and the user should hear of it
                    */
        if (!(error.flags & MR_RETRIABLE) || failures++ >= retries)
            break;
        mr_log(MR_LOG_WARN, "flow.retry", "%s starts again: %s", flow->full_name, error.message);
        pause_us(own->run, RETRY_PAUSE_US << failures);
    }
    return status;
}

static void end_flow(struct flow_run *own, int status)
{
    bool stopped = stopping(own->run);
    set_state(own->run, own->flow,
              status < 0                                 ? MR_FLOW_FAILED
              : stopped && own->run->options->continuous ? MR_FLOW_STOPPED
                                                         : MR_FLOW_COMPLETED);
}

/* ---- triggered ---- */
static bool upstream_failed(const struct mr_flow *flow)
{
    for (int i = 0; i < flow->input_count; i++)
        for (int f = 0; f < flow->inputs[i]->flow_count; f++) {
            enum mr_flow_state state = flow->inputs[i]->flows[f]->state;
            if (state == MR_FLOW_FAILED || state == MR_FLOW_SKIPPED)
                return true;
        }
    return false;
}

static void run_triggered(struct run *run, struct flow_run *flows)
{
    for (int f = 0; f < run->pipeline->flow_count; f++) {
        struct mr_flow *flow = flows[f].flow;
        if (flow->state == MR_FLOW_EXCLUDED)
            continue;
        if (stopping(run))
            set_state(run, flow, MR_FLOW_STOPPED);
        else if (upstream_failed(flow))
            set_state(run, flow, MR_FLOW_SKIPPED);
        else
            end_flow(&flows[f], run_flow(&flows[f]));
    }
}

/* ---- continuous ---- */
static void refresh_view(struct flow_run *own)
{
    struct run *run = own->run;
    struct mr_flow *flow = own->flow;
    int status = MR_OK;
    while (status >= 0 && !stopping(run)) {
        pthread_mutex_lock(&run->pipeline->lock);
        bool changed = flow->input_changed;
        flow->input_changed = false;
        pthread_mutex_unlock(&run->pipeline->lock);
        int64_t now = mr_env()->monotonic_us();
        if ((changed || own->refreshed_us == 0) &&
            (own->refreshed_us == 0 || now - own->refreshed_us >= VIEW_INTERVAL_US)) {
            own->refreshed_us = now;
            flow->attempts = 0;
            status = run_flow(own);
            set_state(run, flow, status < 0 ? MR_FLOW_FAILED : MR_FLOW_RUNNING);
            continue;
        }
        if (changed) {
            pthread_mutex_lock(&run->pipeline->lock);
            flow->input_changed = true;
            pthread_mutex_unlock(&run->pipeline->lock);
        }
        pause_us(run, 1000000);
    }
    end_flow(own, status);
}

static void *flow_thread(void *ctx)
{
    struct flow_run *own = ctx;
    if (is_view(own->flow))
        refresh_view(own);
    else
        end_flow(own, run_flow(own));
    return NULL;
}

static int run_continuous(struct run *run, struct flow_run *flows, struct mr_error *error)
{
    int status = MR_OK;
    for (int f = 0; f < run->pipeline->flow_count; f++) {
        if (flows[f].flow->state == MR_FLOW_EXCLUDED)
            continue;
        int problem = pthread_create(&flows[f].thread, NULL, flow_thread, &flows[f]);
        if (problem != 0) {
            status = mr_error_system(error, problem, "INTERNAL_ERROR", "Cannot start a thread for %s",
                                     flows[f].flow->full_name);
            mr_pipeline_stop(run->pipeline);
            break;
        }
        flows[f].started = true;
    }
    for (int f = 0; f < run->pipeline->flow_count; f++)
        if (flows[f].started)
            pthread_join(flows[f].thread, NULL);
    return status;
}

/* ---- the whole ---- */
void mr_pipeline_infer_anew(struct mr_pipeline *pipeline, const struct mr_pipeline_options *options)
{
    struct run run = {.pipeline = pipeline, .options = options};
    for (int f = 0; f < pipeline->flow_count; f++)
        pipeline->flows[f]->infer_anew = full_refresh(&run, pipeline->flows[f]);
}

static int check_selection(const struct run *run, struct mr_error *error)
{
    for (int side = 0; side < 2; side++) {
        const char *const *names = side == 0 ? run->options->refresh : run->options->full_refresh;
        int count = side == 0 ? run->options->refresh_count : run->options->full_refresh_count;
        for (int i = 0; i < count; i++) {
            bool found = false;
            for (int f = 0; f < run->pipeline->flow_count; f++)
                found = found || named(&names[i], 1, run->pipeline->flows[f]->target);
            if (!found)
                return mr_error_set(error, MR_E_USAGE, "TABLE_OR_VIEW_NOT_FOUND",
                                    "`%s`, which is to be refreshed, is no table of this project.", names[i]);
        }
    }
    return MR_OK;
}

static int first_failure(const struct mr_pipeline *pipeline, struct mr_error *error)
{
    for (int f = 0; f < pipeline->flow_count; f++)
        if (pipeline->flows[f]->state == MR_FLOW_FAILED) {
            *error = pipeline->flows[f]->error;
            return error->code;
        }
    return MR_OK;
}

static int refresh_checkpoint(struct run *run, const struct mr_flow *flow, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_checkpoint *checkpoint = NULL;
    mr_arena_init(&arena);
    struct mr_checkpoint_options options = {.path = mr_flow_checkpoint_path(run->pipeline, flow, &arena),
                                            .force = mr_setting_boolean(&flow->conf,
                                                                        "millrace.checkpoint.force", false),
                                            .refresh = true};
    int status =
        options.path ? mr_checkpoint_open(&checkpoint, &options, error) : mr_error_memory(error, 1024);
    mr_checkpoint_close(checkpoint);
    mr_arena_release(&arena);
    return status;
}

/* Whatever else is wrong with a checkpoint, a full refresh mends. */
static int check_unlocked(struct run *run, const struct mr_flow *flow, struct mr_arena *arena,
                          struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = NULL;
    struct mr_checkpoint_options options = {.path = mr_flow_checkpoint_path(run->pipeline, flow, arena),
                                            .force = mr_setting_boolean(&flow->conf,
                                                                        "millrace.checkpoint.force", false)};
    if (!options.path)
        return mr_error_memory(error, 1024);
    if (!mr_file_exists(options.path))
        return MR_OK;
    int status = mr_checkpoint_open(&checkpoint, &options, error);
    mr_checkpoint_close(checkpoint);
    if (status < 0 && strcmp(error->condition, "CHECKPOINT_LOCKED") == 0)
        return status;
    mr_error_clear(error);
    return MR_OK;
}

/* What is refreshed in full infers its columns anew; but another process that runs one of these flows goes on
 * by the columns it has, and then nothing is refreshed. */
static int forget_schemas(struct run *run, struct mr_error *error)
{
    struct mr_pipeline *pipeline = run->pipeline;
    struct mr_arena arena;
    int status = MR_OK;
    mr_arena_init(&arena);
    for (int f = 0; f < pipeline->flow_count && status >= 0; f++)
        if (full_refresh(run, pipeline->flows[f]) && pipeline->flows[f]->target->kind != MR_MATERIALIZED_VIEW)
            status = check_unlocked(run, pipeline->flows[f], &arena, error);
    for (int f = 0; f < pipeline->flow_count && status >= 0; f++) {
        if (!full_refresh(run, pipeline->flows[f]))
            continue;
        char *path = mr_flow_schema_directory(pipeline, pipeline->flows[f], &arena);
        status = path ? mr_directory_remove(path, error) : mr_error_memory(error, 1024);
    }
    mr_arena_release(&arena);
    return status;
}

/* A full refresh of a table that several flows write: all their checkpoints are begun anew before any of them
 * runs, the one that empties the table last, and it runs first (the flows then go one after the other, so
 * nobody's rows are emptied away). */
static int refresh_shared_tables(struct run *run, bool *shared, struct mr_error *error)
{
    for (int f = 0; f < run->pipeline->flow_count; f++) {
        const struct mr_dataset *target = run->pipeline->flows[f]->target;
        if (target->flow_count < 2 || run->pipeline->flows[f] != target->flows[0] ||
            !full_refresh(run, target->flows[0]))
            continue;
        *shared = true;
        for (int i = target->flow_count - 1; i >= 0; i--)
            MR_TRY(refresh_checkpoint(run, target->flows[i], error));
    }
    return MR_OK;
}

static int run_flows(struct run *run, struct mr_error *error)
{
    struct mr_pipeline *pipeline = run->pipeline;
    struct flow_run *flows = mr_allocate_zeroed(sizeof(*flows) * (size_t)(pipeline->flow_count + 1));
    int status = MR_OK;
    bool shared = false;
    if (!flows)
        return mr_error_memory(error, sizeof(*flows));
    for (int f = 0; f < pipeline->flow_count; f++) {
        flows[f] = (struct flow_run){.run = run, .flow = pipeline->flows[f]};
        if (!selected(run, flows[f].flow)) {
            set_state(run, flows[f].flow, MR_FLOW_EXCLUDED);
            continue;
        }
        set_state(run, flows[f].flow, MR_FLOW_QUEUED);
        MR_ERR(mr_progress_file_open(&flows[f].progress, pipeline->project->storage,
                                     flows[f].flow->target->full_name, flows[f].flow->name, error));
    }
    MR_ERR(refresh_shared_tables(run, &shared, error));
    run->continuous = run->options->continuous && !shared;
    if (!run->continuous)
        run_triggered(run, flows);
    run->continuous = run->options->continuous;
    if (run->continuous && !stopping(run) && first_failure(pipeline, error) >= 0)
        status = run_continuous(run, flows, error);
    if (status >= 0)
        status = first_failure(pipeline, error);
err:
    for (int f = 0; f < pipeline->flow_count; f++)
        mr_progress_file_close(flows[f].progress);
    mr_free(flows);
    return status;
}

int mr_pipeline_run(struct mr_pipeline *pipeline, const struct mr_pipeline_options *options,
                    struct mr_error *error)
{
    struct run run = {.pipeline = pipeline, .options = options};
    int workers = options->workers > 0 ? options->workers : (int)sysconf(_SC_NPROCESSORS_ONLN);
    MR_TRY(check_selection(&run, error));
    MR_TRY(forget_schemas(&run, error));
    MR_TRY(mr_pool_start(&run.pool, workers, error));
    pthread_mutex_init(&run.pool_lock, NULL);
    pthread_mutex_init(&run.plan_lock, NULL);
    int status = run_flows(&run, error);
    pthread_mutex_destroy(&run.pool_lock);
    pthread_mutex_destroy(&run.plan_lock);
    mr_pool_stop(run.pool);
    return status;
}

void mr_pipeline_stop(struct mr_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->stopping = true;
    for (int f = 0; f < pipeline->flow_count; f++)
        if (pipeline->flows[f]->running)
            mr_query_stop(pipeline->flows[f]->running);
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
}
