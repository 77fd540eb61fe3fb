/* runtime/query.c: a query's life: opened (which is recovery), run (driver.c), stopped, closed. */
#include "runtime/query.h"

#include <stdio.h>
#include <unistd.h>

#include "runtime/driver.h"
#include "runtime/static_side.h"

#define TOKENS_AT_ONCE 4.0

bool mr_query_offsets_equal(const struct mr_text *a, const struct mr_text *b, int count)
{
    for (int i = 0; i < count; i++) {
        if (!mr_str_equal(mr_text_str(&a[i]), mr_text_str(&b[i])))
            return false;
    }
    return true;
}

int mr_query_set_text(struct mr_text *to, struct mr_str from, struct mr_error *error)
{
    mr_text_clear(to);
    mr_text_append(to, from.data ? from.data : "", from.size);
    return to->failed ? mr_error_memory(error, from.size) : MR_OK;
}

static void draw_uuid(uint8_t bytes[16], char text[37])
{
    for (int i = 0; i < 2; i++) {
        uint64_t dice = mr_env()->random();
        memcpy(bytes + 8 * i, &dice, 8);
    }
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    char *at = text;
    for (int i = 0; i < 16; i++)
        at += snprintf(at, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes[i]);
}

static struct mr_text *new_texts(struct mr_query *query, int count)
{
    struct mr_text *texts = MR_ARENA_ARRAY(&query->arena, struct mr_text, count + 1);
    for (int i = 0; texts && i < count; i++)
        mr_text_init(&texts[i]);
    return texts;
}

static int make_room(struct mr_query *query, struct mr_error *error)
{
    int sources = query->job->source_count, nodes = query->job->node_count, sinks = query->job->sink_count;
    query->decided = new_texts(query, sources);
    query->reached = new_texts(query, sources);
    query->planned = new_texts(query, sources);
    query->late_us = MR_ARENA_ARRAY(&query->arena, int64_t, nodes + 1);
    query->evict_us = MR_ARENA_ARRAY(&query->arena, int64_t, nodes + 1);
    query->scratch_us = MR_ARENA_ARRAY(&query->arena, int64_t, nodes + 1);
    query->enrolled = MR_ARENA_ARRAY(&query->arena, struct mr_register, sinks + 1);
    query->expected = MR_ARENA_ARRAY(&query->arena, struct mr_register, sinks + 1);
    if (!query->decided || !query->reached || !query->planned || !query->late_us || !query->evict_us ||
        !query->scratch_us || !query->enrolled || !query->expected)
        return mr_error_memory(error, sizeof(struct mr_text) * (size_t)(sources + sinks + nodes));
    mr_job_fingerprint(query->job, &query->fingerprint);
    return query->fingerprint.failed ? mr_error_memory(error, query->fingerprint.size) : MR_OK;
}

static int take_pool(struct mr_query *query, struct mr_error *error)
{
    query->pool = query->options.pool;
    if (query->pool)
        return MR_OK;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    query->own_pool = true;
    return mr_pool_start(&query->pool, cores > 0 ? (int)cores : 1, error);
}

static int open_checkpoint(struct mr_query *query, struct mr_error *error)
{
    const struct mr_query_options *options = &query->options;
    if (options->trigger == MR_TRIGGER_ONCE_BATCH) {
        draw_uuid(query->batch_id.bytes, query->batch_id.text);
        query->refreshing = options->full_refresh;
        return MR_OK;
    }
    if (!options->checkpoint_path)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "A streaming query needs a checkpoint directory.");
    struct mr_checkpoint_options how = {
        .path = options->checkpoint_path,
        .memory_bytes = options->memory_limit_bytes / 8,
        .retain_every = options->retain_every,
        .retain_count = options->retain_count,
        .refresh = options->full_refresh,
        .force = options->force_checkpoint,
    };
    if (how.memory_bytes > (size_t)256 << 20)
        how.memory_bytes = (size_t)256 << 20;
    MR_TRY(mr_checkpoint_open(&query->checkpoint, &how, error));
    query->refreshing = mr_checkpoint_refreshing(query->checkpoint);
    return MR_OK;
}

static void driver_wake(void *driver)
{
    mr_waiter_wake(((struct mr_query *)driver)->waiter);
}

#define SPLIT_SHARE 32 /* what workers have begun to read is read to its end, however full memory is */
#define STATIC_SHARE 4 /* a quarter of the query's memory may hold what its streams are joined with */

static int open_static_sides(struct mr_query *query, struct mr_error *error)
{
    struct mr_job *job = query->job;
    for (int i = 0; i < job->side_count; i++) {
        size_t limit_bytes = query->options.memory_limit_bytes / STATIC_SHARE / (size_t)job->side_count;
        MR_TRY(mr_static_side_open(job->sides[i], query->pool, query->options.pool_lock, limit_bytes, error));
    }
    return MR_OK;
}

static int open_steps(struct mr_query *query, struct mr_error *error)
{
    struct mr_job *job = query->job;
    MR_TRY(make_room(query, error));
    MR_TRY(take_pool(query, error));
    MR_TRY(open_checkpoint(query, error));
    MR_TRY(mr_waiter_open(&query->waiter, job->sources, job->source_count, error));
    struct mr_publisher_options publishing = {
        .checkpoint = query->checkpoint,
        .sinks = job->sinks,
        .sink_count = job->sink_count,
        .on_published = query->options.on_published,
        .ctx = query->options.ctx,
        .give_up_us = query->options.publish_give_up_us,
        .patient = query->options.trigger == MR_TRIGGER_CONTINUOUS,
        .wake = driver_wake,
        .driver = query,
    };
    MR_TRY(mr_publisher_start(&query->publisher, &publishing, error));
    MR_TRY(mr_watermark_init(&query->watermark, job, &query->arena, error));
    MR_TRY(mr_query_recover(query, error));
    MR_TRY(mr_execution_open(&query->execution, job, query->pool, query->checkpoint,
                             query->options.partitions, query->options.memory_limit_bytes, error));
    query->execution.pool_lock = query->options.pool_lock;
    for (int s = 0; s < job->source_count; s++)
        job->sources[s]->split_bytes = query->options.memory_limit_bytes / SPLIT_SHARE;
    return open_static_sides(query, error);
}

#define LEAST_STATE_BYTES ((size_t)16 << 20)
#define MOST_STATE_BYTES ((size_t)40 << 20)

static void set_defaults(struct mr_query_options *options)
{
    options->decision_time_us = options->decision_time_us ? options->decision_time_us : 1000000;
    options->decision_input_bytes = options->decision_input_bytes ? options->decision_input_bytes : 256 << 20;
    options->memory_limit_bytes = options->memory_limit_bytes ? options->memory_limit_bytes : (size_t)1 << 30;
    /* Where there is room, 40 MiB instead of 16: what changes often is written fewer times. */
    size_t state = options->memory_limit_bytes / 25;
    state = state < LEAST_STATE_BYTES  ? LEAST_STATE_BYTES
            : state > MOST_STATE_BYTES ? MOST_STATE_BYTES
                                       : state;
    options->decision_state_bytes = options->decision_state_bytes ? options->decision_state_bytes : state;
    options->pipelining = options->pipelining > 0 ? options->pipelining : 2;
}

int mr_query_open(struct mr_query **out, struct mr_job *job, const struct mr_query_options *options,
                  struct mr_error *error)
{
    *out = NULL;
    struct mr_query *query = mr_allocate_zeroed(sizeof *query);
    if (!query) {
        mr_job_release(job);
        return mr_error_memory(error, sizeof *query);
    }
    query->options = *options;
    set_defaults(&query->options);
    query->job = job;
    mr_arena_init(&query->arena);
    mr_arena_init(&query->decision_arena);
    mr_arena_init(&query->batch_arena);
    mr_text_init(&query->fingerprint);
    query->reports_end = &query->reports;
    query->handed_over_end = &query->handed_over;
    query->last_started_us = -1;
    query->tokens = TOKENS_AT_ONCE;
    query->tokens_at_us = mr_env()->monotonic_us();
    uint8_t bytes[16];
    draw_uuid(bytes, query->run_id);
    int status = open_steps(query, error);
    if (status < 0) {
        struct mr_error ignored;
        mr_query_close(query, &ignored);
        return status;
    }
    *out = query;
    return MR_OK;
}

void mr_query_stop(struct mr_query *query)
{
    query->stopping = true;
    mr_publisher_hurry(query->publisher);
    mr_waiter_wake(query->waiter);
}

void mr_query_wake(struct mr_query *query)
{
    mr_waiter_wake(query->waiter);
}

static void release_texts(struct mr_text *texts, int count)
{
    for (int i = 0; texts && i < count; i++)
        mr_text_release(&texts[i]);
}

int mr_query_close(struct mr_query *query, struct mr_error *error)
{
    if (!query)
        return MR_OK;
    int status = MR_OK;
    if (query->publisher)
        status = mr_publisher_status(query->publisher, error);
    mr_publisher_stop(query->publisher); /* before the waiter: it wakes the driver */
    mr_execution_close(&query->execution);
    mr_waiter_close(query->waiter);
    int sources = query->job->source_count;
    release_texts(query->decided, sources);
    release_texts(query->reached, sources);
    release_texts(query->planned, sources);
    while (query->handed_over) {
        struct mr_handed_over *next = query->handed_over->next;
        release_texts(query->handed_over->ends, sources);
        mr_free(query->handed_over->ends);
        mr_free(query->handed_over);
        query->handed_over = next;
    }
    mr_job_release(query->job);
    mr_checkpoint_close(query->checkpoint);
    if (query->own_pool)
        mr_pool_stop(query->pool);
    mr_text_release(&query->fingerprint);
    mr_arena_release(&query->batch_arena);
    mr_arena_release(&query->decision_arena);
    mr_arena_release(&query->arena);
    mr_free(query);
    return status;
}
