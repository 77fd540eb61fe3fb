/* runtime/driver.c: the loop of a query: plan, execute, and when to decide.
 *
 * A decision is closed at once when nothing more is there to read, or little at a time (and the table has not
 * had more than its commits per second); while there is more, micro-batches are gathered until a limit on
 * time, state or input. How they are gathered changes no row, no watermark and no progress report. */
#include "runtime/driver.h"

#include "runtime/static_side.h"

/* Between two commits: their cost is to be a tenth of the time at most, and readers have to go through a log
 * of them, so that there are 25 a second at most; 10 a second there may always be. */
#define SHORTEST_PACE_US 40000
#define LONGEST_PACE_US 100000
#define PACE_PER_COST 10
#define GATHER_US 10000    /* a stop is heard after so long */
#define MOST_PATIENCE 4    /* times the usual limits of a decision */
#define PATIENCE_SHARE 4   /* one time more for each such share of the limit on state that passes */
#define TOKENS_AT_ONCE 4.0 /* so that a little jitter at that rate delays nobody */
#define TRICKLE_BYTES (1 << 20)
#define CLOCK_IS_READ_US 60000000 /* at least that often while a timer is awaited */

/* ---- pace ---- */

static int64_t pace_us(const struct mr_query *query)
{
    int64_t wanted_us = PACE_PER_COST * (query->decide_cost_us + mr_publisher_cost_us(query->publisher));
    return wanted_us < SHORTEST_PACE_US  ? SHORTEST_PACE_US
           : wanted_us > LONGEST_PACE_US ? LONGEST_PACE_US
                                         : wanted_us;
}

static void refill(struct mr_query *query)
{
    int64_t now = mr_env()->monotonic_us();
    query->tokens += (double)(now - query->tokens_at_us) / (double)pace_us(query);
    if (query->tokens > TOKENS_AT_ONCE)
        query->tokens = TOKENS_AT_ONCE;
    query->tokens_at_us = now;
}

static bool has_pace(const struct mr_query *query)
{
    for (int s = 0; s < query->job->sink_count; s++) {
        if (!(query->job->sinks[s]->type->flags & MR_SINK_ANY_PACE))
            return true;
    }
    return query->job->sink_count == 0;
}

static bool may_commit(struct mr_query *query)
{
    if (query->options.trigger != MR_TRIGGER_CONTINUOUS || query->options.interval_us > 0)
        return true;
    if (!has_pace(query)) /* what waits for a publication would only make the next one wait */
        return mr_publisher_idle(query->publisher);
    refill(query);
    return query->tokens >= 1.0;
}

static int64_t next_token_us(const struct mr_query *query)
{
    return query->tokens_at_us + (int64_t)((1.0 - query->tokens) * (double)pace_us(query)) + 1;
}

static bool decision_is_full(const struct mr_query *query)
{
    const struct mr_query_options *limits = &query->options;
    if (query->micro_batches == 0)
        return false;
    if (limits->decision_micro_batches > 0 && query->micro_batches >= limits->decision_micro_batches)
        return true;
    if (limits->trigger == MR_TRIGGER_CONTINUOUS && limits->interval_us > 0)
        return true;
    int64_t passing, state = (int64_t)limits->decision_state_bytes;
    int64_t dirty = mr_execution_dirty_bytes(&query->execution, &passing);
    /* What would be written now, and in vain, is worth some patience. */
    int64_t patience = 1 + (state > 0 ? passing / (state / PATIENCE_SHARE + 1) : 0);
    patience = patience < MOST_PATIENCE ? patience : MOST_PATIENCE;
    return mr_env()->monotonic_us() - query->opened_us >= patience * limits->decision_time_us ||
           query->input_bytes >= (size_t)patience * limits->decision_input_bytes || dirty >= state;
}

static int decide(struct mr_query *query, struct mr_error *error)
{
    refill(query);
    query->tokens = query->tokens >= 1.0 ? query->tokens - 1.0 : 0.0;
    int64_t begun_us = mr_env()->monotonic_us();
    int status = mr_query_decide(query, error);
    query->decide_cost_us = mr_env()->monotonic_us() - begun_us;
    return status;
}

/* With an interval: false, after some sleep, until the next trigger's time has come. Triggers stand on
 * multiples of the interval, as Spark's; a clock that jumps costs one interval at most. */
static int interval_is_due(struct mr_query *query, bool *due, struct mr_error *error)
{
    int64_t interval_us = query->options.interval_us;
    *due = true;
    if (interval_us <= 0 || query->options.trigger != MR_TRIGGER_CONTINUOUS)
        return MR_OK;
    int64_t now_us = mr_env()->now_us();
    if (query->next_trigger_us - now_us > interval_us)
        query->next_trigger_us = now_us + interval_us;
    if (now_us < query->next_trigger_us) {
        *due = false;
        return mr_waiter_sleep(query->waiter, mr_env()->monotonic_us() + query->next_trigger_us - now_us,
                               error);
    }
    query->next_trigger_us = now_us - now_us % interval_us + interval_us;
    return MR_OK;
}

/* ---- one micro-batch ---- */

/* Where every source would go next; *fresh: one of them has something. */
static int plan(struct mr_query *query, bool *fresh, struct mr_error *error)
{
    *fresh = false;
    for (int s = 0; s < query->job->source_count; s++) {
        struct mr_source *source = query->job->sources[s];
        struct mr_str from = mr_text_str(&query->reached[s]);
        mr_text_clear(&query->planned[s]);
        MR_TRY(source->type->latest(source, from, &query->planned[s], error));
        if (query->planned[s].failed)
            return mr_error_memory(error, query->planned[s].size);
        if (query->planned[s].size == 0)
            MR_TRY(mr_query_set_text(&query->planned[s], from, error));
        *fresh = *fresh || !mr_str_equal(mr_text_str(&query->planned[s]), from);
    }
    return MR_OK;
}

int mr_query_plan_all(struct mr_source *source, struct mr_text *offset, struct mr_error *error)
{
    struct mr_text step;
    mr_text_init(&step);
    int status = MR_OK;
    for (bool moved = true; moved;) {
        struct mr_str from = mr_text_str(offset);
        mr_text_clear(&step);
        MR_ERR(source->type->latest(source, from, &step, error));
        moved = step.size > 0 && !mr_str_equal(mr_text_str(&step), from);
        if (moved)
            MR_ERR(mr_query_set_text(offset, mr_text_str(&step), error));
    }
err:
    mr_text_release(&step);
    return status;
}

static int plan_all(struct mr_query *query, struct mr_error *error)
{
    for (int s = 0; s < query->job->source_count; s++) {
        if (query->planned[s].size > 0)
            MR_TRY(mr_query_plan_all(query->job->sources[s], &query->planned[s], error));
    }
    return MR_OK;
}

static int split(struct mr_query *query, struct mr_split_list *lists, struct mr_error *error)
{
    for (int s = 0; s < query->job->source_count; s++) {
        struct mr_source *source = query->job->sources[s];
        struct mr_str from = mr_text_str(&query->reached[s]), to = mr_text_str(&query->planned[s]);
        lists[s] = (struct mr_split_list){.arena = &query->batch_arena};
        if (!mr_str_equal(from, to))
            MR_TRY(source->type->split(source, from, to, &lists[s], error));
    }
    return MR_OK;
}

/* The micro-batch may have ended before all its splits were taken: what was read is what counts. */
static int settle(struct mr_query *query, const struct mr_split_list *lists, struct mr_error *error)
{
    struct mr_text shorter;
    mr_text_init(&shorter);
    int status = MR_OK;
    for (int s = 0; s < query->job->source_count; s++) {
        struct mr_source *source = query->job->sources[s];
        size_t taken = query->execution.source_taken[s];
        for (size_t i = 0; i < taken; i++)
            query->input_bytes += (size_t)lists[s].splits[i].size_bytes;
        if (taken < lists[s].count) {
            mr_text_clear(&shorter);
            MR_ERR(source->type->cut(source, mr_text_str(&query->reached[s]), mr_text_str(&query->planned[s]),
                                     &lists[s], taken, &shorter, error));
            MR_ERR(mr_query_set_text(&query->planned[s], mr_text_str(&shorter), error));
        }
    }
err:
    mr_text_release(&shorter);
    return status;
}

static int advance_watermark(struct mr_query *query, struct mr_error *error)
{
    struct mr_watermark *watermark = &query->watermark;
    struct mr_event_time *seen =
        MR_ARENA_ARRAY(&query->batch_arena, struct mr_event_time, watermark->operator_count + 1);
    if (!seen)
        return mr_error_memory(error, sizeof *seen);
    for (int i = 0; i < watermark->operator_count; i++) {
        struct mr_operator_metrics metrics;
        mr_execution_metrics(&query->execution, watermark->operators[i], &metrics);
        seen[i] = metrics.event_time;
    }
    mr_watermark_advance(watermark, query->job, seen);
    return MR_OK;
}

/* Operators hear what they will evict next. */
static void foretell(struct mr_query *query)
{
    mr_watermark_of_batch(&query->watermark, query->job, query->late_us, query->evict_us);
    for (int i = 0; i < query->execution.stage_count; i++) {
        struct mr_stage *stage = &query->execution.stages[i];
        for (int k = 0; stage->instances && k < stage->instance_count; k++)
            stage->instances[k].op.next_evict_us = query->evict_us[i];
    }
}

static int execute(struct mr_query *query, const struct mr_split_list *lists, struct mr_error *error)
{
    bool once = query->options.trigger == MR_TRIGGER_ONCE_BATCH;
    if (once) {
        for (int i = 0; i < query->job->node_count; i++)
            query->late_us[i] = query->evict_us[i] = MR_NO_WATERMARK;
    } else {
        mr_watermark_of_batch(&query->watermark, query->job, query->late_us, query->evict_us);
    }
    for (int s = 0; s < query->job->sink_count; s++) {
        struct mr_sink *sink = query->job->sinks[s];
        if (sink->type->begin)
            MR_TRY(sink->type->begin(sink, query->next_batch, error));
    }
    struct mr_micro_batch batch = {
        .number = query->next_batch,
        .last_of_decision = once || query->options.decision_micro_batches == 1,
        .late_us = query->late_us,
        .evict_us = query->evict_us,
        .splits = lists,
    };
    query->execution.dirty_limit_bytes = once ? 0 : query->options.decision_state_bytes;
    return mr_execution_run(&query->execution, &batch, error);
}

/* The clock in milliseconds, as Spark's current_timestamp of a batch. */
static int64_t batch_time_us(void)
{
    int64_t now_us = mr_env()->now_us();
    return now_us - now_us % 1000;
}

/* Time, dice and what streams are joined with are read once (invariant 10). */
static int read_world(struct mr_query *query, struct mr_error *error)
{
    query->batch_time_us = batch_time_us();
    query->batch_seed = mr_env()->random();
    query->job->session.batch_time_us = query->batch_time_us;
    query->job->session.batch_seed = query->batch_seed;
    for (int i = 0; i < query->job->side_count; i++)
        MR_TRY(mr_static_side_refresh(query->job->sides[i], &query->job->session, error));
    return MR_OK;
}

static int run_micro_batch(struct mr_query *query, int64_t plan_us, struct mr_error *error)
{
    int64_t started_us = mr_env()->monotonic_us();
    if (query->micro_batches == 0)
        query->opened_us = started_us;
    MR_TRY(read_world(query, error));
    mr_arena_clear(&query->batch_arena);
    struct mr_split_list *lists =
        MR_ARENA_ARRAY(&query->batch_arena, struct mr_split_list, query->job->source_count + 1);
    if (!lists)
        return mr_error_memory(error, sizeof *lists);
    MR_TRY(split(query, lists, error));
    mr_killpoint("plan.after");
    int64_t split_us = mr_env()->monotonic_us();
    MR_TRY(execute(query, lists, error));
    MR_TRY(settle(query, lists, error));
    mr_killpoint("execute.after");
    int64_t ended_us = mr_env()->monotonic_us();
    MR_TRY(mr_query_report(query, plan_us + split_us - started_us, ended_us - split_us, error));
    if (query->options.trigger != MR_TRIGGER_ONCE_BATCH)
        MR_TRY(advance_watermark(query, error));
    foretell(query);
    for (int s = 0; s < query->job->source_count; s++)
        MR_TRY(mr_query_set_text(&query->reached[s], mr_text_str(&query->planned[s]), error));
    query->next_batch++;
    query->micro_batches++;
    return MR_OK;
}

/* ---- the loop ---- */

static bool wants_batch_without_data(const struct mr_query *query)
{
    if (query->refreshing && query->next_batch == 0)
        return true; /* the target must be emptied, whether anything comes or not */
    if (query->options.trigger == MR_TRIGGER_ONCE_BATCH)
        return query->next_batch == 0;
    if (!query->job->no_data_batches)
        return false;
    return mr_watermark_wants_batch(&query->watermark, query->job, query->scratch_us, query->late_us) ||
           mr_execution_due_us(&query->execution) <= batch_time_us();
}

/* Until something comes, or a timer by the clock is due. */
static int sleep_until_due(struct mr_query *query, struct mr_error *error)
{
    int64_t due_us = query->job->no_data_batches ? mr_execution_due_us(&query->execution) : INT64_MAX;
    if (due_us == INT64_MAX)
        return mr_waiter_sleep(query->waiter, INT64_MAX, error);
    /* A clock that jumps is looked at again now and then. */
    int64_t left_us = due_us - mr_env()->now_us();
    left_us = left_us < CLOCK_IS_READ_US ? left_us + 1000 : CLOCK_IS_READ_US;
    return mr_waiter_sleep(query->waiter, mr_env()->monotonic_us() + left_us, error);
}

/* Data that come all the time, a little at a time, must not wait for a pause: then every micro-batch may be
 * the last of its decision. More than that in one micro-batch is catching up. */
static bool trickles(const struct mr_query *query, size_t batch_bytes)
{
    return query->options.trigger == MR_TRIGGER_CONTINUOUS && query->options.interval_us <= 0 &&
           batch_bytes < TRICKLE_BYTES;
}

/* Rows have run and may not be decided yet: those that come meanwhile run with the next ones, in one micro-
 * batch, not each in one of its own. A sink that takes any pace is free when it has published what it has. */
static int gather(struct mr_query *query, struct mr_error *error)
{
    if (!has_pace(query))
        return mr_publisher_wait(query->publisher, 1, error);
    int64_t left_us = next_token_us(query) - mr_env()->monotonic_us();
    if (left_us > 0)
        mr_env()->sleep_us(left_us < GATHER_US ? left_us : GATHER_US);
    return MR_OK;
}

/* One turn; *ended: there is nothing more to do. */
static int turn(struct mr_query *query, bool *ended, struct mr_error *error)
{
    bool once = query->options.trigger == MR_TRIGGER_ONCE_BATCH, due, fresh;
    MR_TRY(mr_publisher_status(query->publisher, error));
    MR_TRY(mr_query_tell_sources(query, error));
    MR_TRY(interval_is_due(query, &due, error));
    if (!due)
        return MR_OK;
    if (query->gathering && !may_commit(query))
        return gather(query, error);
    query->gathering = false;
    int64_t planning_us = mr_env()->monotonic_us();
    MR_TRY(plan(query, &fresh, error));
    if (once && fresh)
        MR_TRY(plan_all(query, error));
    if (fresh || wants_batch_without_data(query)) {
        size_t before = query->input_bytes;
        MR_TRY(run_micro_batch(query, mr_env()->monotonic_us() - planning_us, error));
        bool little = trickles(query, query->input_bytes - before);
        bool enough = decision_is_full(query) || (little && may_commit(query));
        query->gathering = little && !enough;
        return !once && enough ? decide(query, error) : MR_OK;
    }
    if (query->micro_batches > 0 && may_commit(query))
        return decide(query, error);
    if (query->micro_batches > 0)
        return has_pace(query) ? mr_waiter_sleep(query->waiter, next_token_us(query), error)
                               : gather(query, error);
    *ended = query->options.trigger != MR_TRIGGER_CONTINUOUS;
    return *ended || query->options.interval_us > 0 ? MR_OK : sleep_until_due(query, error);
}

static int loop(struct mr_query *query, struct mr_error *error)
{
    bool ended = false;
    while (!ended && !query->stopping)
        MR_TRY(turn(query, &ended, error));
    if (query->micro_batches > 0)
        MR_TRY(decide(query, error));
    MR_TRY(mr_publisher_wait(query->publisher, 1, error));
    return mr_query_tell_sources(query, error);
}

int mr_query_run(struct mr_query *query, struct mr_error *error)
{
    if (query->failed)
        return mr_error_set(
            error, MR_E_USAGE, "STREAM_FAILED",
            "This query has failed before. Close it and open it again: it recovers from its checkpoint.");
    mr_error_clear(error);
    int status = loop(query, error);
    if (status >= 0)
        return MR_OK;
    query->failed = true; /* what is in memory counts no more (invariant 9) */
    for (int s = 0; s < query->job->sink_count; s++) {
        struct mr_sink *sink = query->job->sinks[s];
        if (sink->opened && sink->type->abandon)
            sink->type->abandon(sink);
    }
    /* What was decided before is published all the same, as far as that can be done at once. */
    struct mr_error ignored;
    if (!(error->flags & MR_FATAL))
        mr_publisher_wait(query->publisher, 1, &ignored);
    return status;
}
