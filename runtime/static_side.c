/* runtime/static_side.c: reading static sides when they have changed. */
#include "runtime/static_side.h"

#include "runtime/driver.h"

void mr_static_side_init(struct mr_static_side *side, const struct mr_job *job, const char *name)
{
    mr_job_init(&side->job);
    side->job.session = job->session;
    side->rows.name = name;
}

struct mr_job *mr_static_side_job(struct mr_static_side *side)
{
    return &side->job;
}

struct mr_static_rows *mr_static_side_rows(struct mr_static_side *side)
{
    return &side->rows;
}

void mr_static_side_release(struct mr_static_side *side)
{
    mr_static_rows_release(&side->rows);
    for (int i = 0; i < side->text_count; i++) {
        mr_text_release(&side->seen[i]);
        mr_text_release(&side->read[i]);
    }
    side->text_count = 0;
    mr_job_release(&side->job);
}

int mr_static_side_open(struct mr_static_side *side, struct mr_pool *pool, pthread_mutex_t *pool_lock,
                        size_t limit_bytes, struct mr_error *error)
{
    struct mr_job *job = &side->job;
    int count = job->source_count;
    side->planned = MR_ARENA_ARRAY(&job->arena, struct mr_source *, count + 1);
    side->seen = MR_ARENA_ARRAY(&job->arena, struct mr_text, count + 1);
    side->read = MR_ARENA_ARRAY(&job->arena, struct mr_text, count + 1);
    if (!side->planned || !side->seen || !side->read)
        return mr_error_memory(error, sizeof(struct mr_text) * (size_t)count);
    for (int i = 0; i < count; i++) {
        side->planned[i] = job->sources[i];
        mr_text_init(&side->seen[i]);
        mr_text_init(&side->read[i]);
    }
    side->text_count = count;
    side->rows.limit_bytes = limit_bytes;
    side->pool = pool;
    side->pool_lock = pool_lock;
    return MR_OK;
}

/* Rows that a query brings along, and the like: nothing ever comes to them. */
static bool is_constant(const struct mr_source *source)
{
    return !source->type->snapshot && !source->type->wait;
}

/* Is any source not what it was when the rows were read? What the sources say now goes into now[]. */
static int look(struct mr_static_side *side, struct mr_text *now, bool *changed, struct mr_error *error)
{
    *changed = !side->loaded || side->job.varies;
    for (int i = 0; i < side->text_count; i++) {
        struct mr_source *source = side->planned[i];
        if (!source->type->snapshot) {
            *changed = *changed || !is_constant(source);
            continue;
        }
        MR_TRY(source->type->snapshot(source, &now[i], error));
        *changed = *changed || !mr_str_equal(mr_text_str(&now[i]), mr_text_str(&side->seen[i]));
    }
    return MR_OK;
}

static int schema_changed(const struct mr_source *source, struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    source->type->describe((struct mr_source *)source, &text);
    mr_error_set(
        error, MR_E_SCHEMA_CHANGED, "DELTA_SCHEMA_CHANGE_SINCE_ANALYSIS",
        "The columns of %s, with which a stream is joined, have changed since the query was planned. "
        "Start the query again.",
        text.data ? text.data : source->name);
    error->flags |= MR_RETRIABLE;
    mr_text_release(&text);
    return error->code;
}

/* The source once more, as it is now. */
static int reopen(const struct mr_source *planned, struct mr_source *out, struct mr_error *error)
{
    *out = *planned;
    out->ctx = NULL;
    out->schema = NULL;
    out->metrics = (struct mr_source_metrics){.backlog_files = -1, .backlog_bytes = -1};
    out->available_now = true;
    mr_arena_init(&out->arena);
    int status = out->type->open(out, error);
    if (status < 0) {
        mr_arena_release(&out->arena);
        return status;
    }
    if (mr_type_equal(out->schema, planned->schema))
        return MR_OK;
    schema_changed(planned, error);
    out->type->close(out);
    mr_arena_release(&out->arena);
    return error->code;
}

static int read_rows(struct mr_static_side *side, struct mr_arena *arena, struct mr_error *error)
{
    struct mr_job *job = &side->job;
    struct mr_str none = {"", 0};
    struct mr_split_list *lists = MR_ARENA_ARRAY(arena, struct mr_split_list, job->source_count + 1);
    int64_t *watermarks = MR_ARENA_ARRAY(arena, int64_t, job->node_count + 1);
    if (!lists || !watermarks)
        return mr_error_memory(error, sizeof *lists);
    for (int i = 0; i < job->node_count; i++)
        watermarks[i] = MR_NO_WATERMARK;
    for (int i = 0; i < job->source_count; i++) {
        struct mr_source *source = job->sources[i];
        if (source->type->restore)
            MR_TRY(source->type->restore(source, none, error));
        mr_text_clear(&side->read[i]);
        MR_TRY(mr_query_plan_all(source, &side->read[i], error));
        lists[i] = (struct mr_split_list){.arena = arena};
        if (side->read[i].size > 0)
            MR_TRY(source->type->split(source, none, mr_text_str(&side->read[i]), &lists[i], error));
    }
    struct mr_micro_batch batch = {.last_of_decision = true,
                                   .late_us = watermarks,
                                   .evict_us = watermarks,
                                   .splits = lists};
    struct mr_execution execution;
    int status = mr_execution_open(&execution, job, side->pool, NULL, 0, side->rows.limit_bytes, error);
    execution.pool_lock = side->pool_lock;
    if (status >= 0)
        status = mr_execution_run(&execution, &batch, error);
    mr_execution_close(&execution);
    return status;
}

static int read_anew(struct mr_static_side *side, struct mr_error *error)
{
    struct mr_job *job = &side->job;
    struct mr_arena arena;
    mr_arena_init(&arena);
    int opened = 0, status = MR_OK;
    struct mr_source *fresh = MR_ARENA_ARRAY(&arena, struct mr_source, job->source_count + 1);
    if (!fresh)
        status = mr_error_memory(error, sizeof *fresh);
    for (; status >= 0 && opened < job->source_count; opened++) {
        if (is_constant(side->planned[opened]))
            continue; /* the source itself */
        status = reopen(side->planned[opened], &fresh[opened], error);
        if (status < 0)
            break;
        job->sources[opened] = &fresh[opened];
    }
    side->loaded = false;
    if (status >= 0)
        status = read_rows(side, &arena, error);
    for (int i = 0; i < opened; i++) {
        if (job->sources[i] == side->planned[i])
            continue;
        fresh[i].type->close(&fresh[i]);
        mr_arena_release(&fresh[i].arena);
        job->sources[i] = side->planned[i];
    }
    mr_arena_release(&arena);
    side->loaded = status >= 0;
    return status;
}

int mr_static_side_refresh(struct mr_static_side *side, const struct mr_session *session,
                           struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    bool changed = false;
    int status = MR_OK;
    struct mr_text *now = MR_ARENA_ARRAY(&arena, struct mr_text, side->text_count + 1);
    if (!now)
        return mr_error_memory(error, sizeof *now);
    for (int i = 0; i < side->text_count; i++)
        mr_text_init(&now[i]);
    side->job.session.batch_time_us = session->batch_time_us;
    side->job.session.batch_seed = session->batch_seed;
    MR_ERR(look(side, now, &changed, error));
    if (changed)
        MR_ERR(read_anew(side, error));
    for (int i = 0; i < side->text_count; i++) /* looked at before it was read: never newer than the rows */
        MR_ERR(mr_query_set_text(&side->seen[i], mr_text_str(&now[i]), error));
err:
    for (int i = 0; i < side->text_count; i++)
        mr_text_release(&now[i]);
    mr_arena_release(&arena);
    return status;
}
