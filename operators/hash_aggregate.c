/* operators/hash_aggregate.c: aggregation behind the exchange, by Spark's rules (reference: Structured
 * Streaming 1.5, 1.6).
 *
 * Takes partial states, merges them per group, keeps groups in the checkpoint, and emits at the end of a
 * micro-batch: APPEND    groups whose event time is at or before the watermark, once, and forgets them UPDATE
 * groups that changed in this micro-batch; those at or before the watermark are forgotten afterwards COMPLETE
 * all groups, always; nothing is late and nothing is forgotten A batch query (no checkpoint) emits all
 * groups. A group is late when its event time is at or before the previous batch's watermark.
 *
 * The table is a write-back cache: a group's stored state is merged in at the end of the micro-batch that
 * first touches it, and dirty groups go into the next decision. Groups made and evicted between two decisions
 * are never written. */
#include "operators/aggregate_state.h"

#include "columns/value.h"
#include "operators/plan_text.h"
#include "operators/show_state.h"

#define AHEAD 16  /* groups of a list are fetched so many before their turn */
#define TURN 256u /* flags have no more than 8 bits */

struct bucket { /* cached groups of one event time */
    struct mr_group *first;
    struct mr_group_list dirty;  /* since the last flush */
    struct mr_group_list parked; /* packed by this flush, and dirty again after it */
};
struct run { /* the event time of the groups in hand; known: what follows is true */
    bool known, may_be_stored;
    int64_t time_us;
    struct bucket *bucket; /* NULL: groups are not listed by time */
};
struct aggregate {
    const struct mr_type *shown; /* type of the rows of state, when it is shown */
    struct mr_group_table table;
    struct mr_aggregate_state state;
    bool everything;       /* emit all groups every time, evict none */
    bool evicts;           /* groups have an event time, and go when the watermark reaches it */
    bool full;             /* the cache, at the last flush: it is emptied once that is decided */
    struct mr_map buckets; /* event time -> struct bucket, in bucket_pool */
    struct mr_arena bucket_pool;
    struct run run;
    uint32_t turn;                /* the upper bits of the flags of groups touched in this micro-batch */
    int64_t touched_count;        /* in this micro-batch */
    struct mr_group_list touched; /* they, in UPDATE mode */
    struct mr_group_list fresh;   /* touched, to be loaded */
    int64_t dirty_count;          /* since the last flush */
    int64_t leaving;              /* of those, what this micro-batch evicts at its end */
    struct mr_group_list dirty;   /* they; where groups are listed by time, only while they are flushed */
    int64_t flushed_evict_us;     /* what the last flush knew to be evicted next */
    int64_t evicted_us;           /* evicted so far in memory; goes into the next decision */
    struct mr_group **records;    /* scratch, per pushed batch */
    uint64_t *hashes;
    int32_t *rows;
    int64_t capacity;
    const struct mr_column *times; /* event times of the batch being pushed */
};

/* How many dirty groups have an event time at or before this one. */
static int64_t dirty_until(const struct aggregate *aggregate, int64_t until_us)
{
    int64_t count = 0;
    if (until_us == MR_NO_WATERMARK || until_us <= aggregate->evicted_us)
        return 0;
    for (size_t i = 0; i < aggregate->buckets.count; i++) {
        const struct mr_map_entry *entry = &aggregate->buckets.entries[i];
        int64_t time_us;
        memcpy(&time_us, entry->key.data, 8);
        if (time_us <= until_us)
            count += ((const struct bucket *)entry->pointer)->dirty.count;
    }
    return count;
}

/* All groups of the table, by a function that takes MR_BATCH_ROWS of them at most. */
static int each_cached(struct mr_operator *op,
                       int (*each)(struct mr_operator *op, struct mr_group_table *table,
                                   struct mr_group **groups, int64_t count, struct mr_error *error),
                       struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    struct mr_group *groups[MR_BATCH_ROWS];
    struct mr_group_cursor cursor = {0};
    for (;;) {
        int64_t count = mr_group_table_next(&aggregate->table, &cursor, groups, MR_BATCH_ROWS);
        if (count == 0)
            return MR_OK;
        MR_TRY(each(op, &aggregate->table, groups, count, error));
    }
}

static int forget_turn(struct mr_operator *op, struct mr_group_table *table, struct mr_group **groups,
                       int64_t count, struct mr_error *error)
{
    (void)op;
    (void)table;
    (void)error;
    for (int64_t i = 0; i < count; i++)
        groups[i]->flags %= TURN;
    return MR_OK;
}

static int aggregate_begin(struct mr_operator *op, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    aggregate->turn += TURN;
    if (aggregate->turn == 0) { /* once in 16 million micro-batches */
        aggregate->turn = TURN;
        MR_TRY(each_cached(op, forget_turn, error));
    }
    if (aggregate->evicted_us ==
        MR_NO_WATERMARK) { /* the first micro-batch of this process: what the last one evicted is gone */
        aggregate->evicted_us = op->late_us;
        aggregate->state.deleted_us = op->late_us;
    }
    aggregate->leaving = dirty_until(aggregate, op->evict_us);
    return MR_OK;
}

/* ---- push ---- */
static int reserve(struct aggregate *aggregate, int64_t length, struct mr_error *error)
{
    if (length <= aggregate->capacity)
        return MR_OK;
    mr_free(aggregate->records);
    mr_free(aggregate->hashes);
    mr_free(aggregate->rows);
    aggregate->capacity = 0;
    aggregate->records = mr_allocate(sizeof(void *) * (size_t)length);
    aggregate->hashes = mr_allocate(sizeof(uint64_t) * (size_t)length);
    aggregate->rows = mr_allocate(sizeof(int32_t) * (size_t)length);
    if (!aggregate->records || !aggregate->hashes || !aggregate->rows)
        return mr_error_memory(error, (size_t)length * 20);
    aggregate->capacity = length;
    return MR_OK;
}

/* Groups come mostly in runs of one event time: what is known of it is looked up once a run. */
static int turn_to(struct mr_operator *op, int64_t time_us, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    if (aggregate->run.known && aggregate->run.time_us == time_us)
        return MR_OK;
    aggregate->run.known = false;
    aggregate->run.time_us = time_us;
    aggregate->run.may_be_stored = mr_aggregate_state_may_hold(&aggregate->state, time_us);
    aggregate->run.bucket = NULL;
    if (aggregate->evicts) {
        struct mr_map_entry *entry =
            mr_map_put(&aggregate->buckets, (struct mr_str){(const char *)&time_us, 8}, NULL);
        if (!entry)
            return mr_error_memory(error, 64);
        if (!entry->pointer)
            entry->pointer = MR_ARENA_NEW(&aggregate->bucket_pool, struct bucket);
        if (!entry->pointer)
            return mr_error_memory(error, sizeof(struct bucket));
        aggregate->run.bucket = entry->pointer;
    }
    aggregate->run.known = true;
    return MR_OK;
}

/* Into the list of its event time, which has been turned to, and that of dirty groups. */
static int list_group(struct mr_operator *op, struct mr_group *group, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    struct bucket *bucket = aggregate->run.bucket;
    if (!(group->flags & MR_GROUP_DIRTY) && op->checkpoint) {
        MR_TRY(mr_group_list_add(bucket ? &bucket->dirty : &aggregate->dirty, group, error));
        aggregate->dirty_count++;
    }
    if (!(group->flags & MR_GROUP_LISTED) && bucket) {
        group->flags |= MR_GROUP_LISTED;
        group->next = bucket->first;
        bucket->first = group;
    }
    group->flags |= MR_GROUP_DIRTY;
    return MR_OK;
}

static int touch(struct mr_operator *op, struct mr_group *group, const struct mr_batch *batch, int64_t row,
                 struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct aggregate *aggregate = op->ctx;
    const struct mr_column *times = aggregate->times;
    MR_TRY(turn_to(op, times ? mr_event_time_of(batch->columns[config->event_time_group], times, row) : 0,
                   error));
    if (group->flags / TURN != aggregate->turn / TURN) {
        if (op->mode == MR_MODE_UPDATE)
            MR_TRY(mr_group_list_add(&aggregate->touched, group, error));
        aggregate->touched_count++;
        if (!(group->flags & MR_GROUP_LOADED) && aggregate->run.may_be_stored) {
            MR_TRY(mr_group_list_add(&aggregate->fresh, group, error));
        } else if (!(group->flags & MR_GROUP_LOADED)) {
            group->flags |= MR_GROUP_LOADED;
            aggregate->state.rows++;
        }
    }
    MR_TRY(list_group(op, group, error));
    group->flags = group->flags % TURN | aggregate->turn;
    return MR_OK;
}

/* A group that the last decision before this process packed. */
static int take_back(struct mr_operator *op, struct mr_group *group, int64_t time_us, struct mr_error *error)
{
    MR_TRY(turn_to(op, time_us, error));
    group->flags |= MR_GROUP_LOADED;
    return list_group(op, group, error);
}

static int aggregate_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct aggregate), error));
    struct aggregate *aggregate = op->ctx;
    mr_map_init(&aggregate->buckets);
    mr_arena_init(&aggregate->bucket_pool);
    aggregate->evicted_us = aggregate->flushed_evict_us = MR_NO_WATERMARK;
    aggregate->turn = TURN;
    aggregate->everything = !op->checkpoint || config->complete_output || op->mode == MR_MODE_COMPLETE;
    aggregate->evicts = !aggregate->everything && config->event_time_group >= 0;
    const struct mr_type **types = mr_allocate(sizeof(void *) * (size_t)(config->group_count + 1));
    if (!types)
        return mr_error_memory(error, sizeof(void *) * (size_t)config->group_count);
    for (int g = 0; g < config->group_count; g++)
        types[g] = mr_operator_input(op, 0)->fields[g].type;
    int status = mr_group_table_init(&aggregate->table, types, config->group_count, config->aggregates,
                                     config->aggregate_count, error);
    if (status >= 0)
        status = mr_aggregate_state_open(&aggregate->state, op, &aggregate->table, types, error);
    mr_free(types);
    if (status >= 0)
        status = mr_aggregate_state_unpack(&aggregate->state, take_back, error);
    op->metrics.rows_total = aggregate->state.rows;
    return status;
}

static int aggregate_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                          struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct aggregate *aggregate = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(reserve(aggregate, batch->length, error));
    int64_t kept =
        mr_operator_drop_late(op, batch, aggregate->evicts ? config->event_time_group : -1, aggregate->rows);
    if (kept == 0)
        return MR_OK;
    struct mr_selection selection = {aggregate->rows, kept};
    mr_hash_keys(batch->columns, config->group_count, batch->length, aggregate->hashes);
    MR_TRY(mr_group_table_find(&aggregate->table, batch->columns, aggregate->hashes, &selection,
                               batch->length, true, aggregate->records, error));
    const struct mr_column *states = batch->columns[config->group_count];
    aggregate->times =
        config->event_time_group >= 0 ? mr_event_times(batch->columns[config->event_time_group]) : NULL;
    const uint32_t settled = aggregate->turn | MR_GROUP_DIRTY, looked_at = ~(TURN - 1) | MR_GROUP_DIRTY;
    for (int64_t k = 0; k < kept; k++) {
        struct mr_group *group = aggregate->records[k];
        if ((group->flags & looked_at) != settled)
            MR_TRY(touch(op, group, batch, selection.rows[k], error));
        MR_TRY(mr_group_table_merge(&aggregate->table, group, mr_view_str(&states->views[selection.rows[k]]),
                                    false, error));
    }
    return MR_OK;
}

/* ---- emit ---- */
static int emit_groups(struct mr_operator *op, struct mr_group_table *table, struct mr_group **groups,
                       int64_t count, struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    for (int64_t at = 0; at < count; at += MR_BATCH_ROWS) {
        int64_t some = count - at < MR_BATCH_ROWS ? count - at : MR_BATCH_ROWS;
        struct mr_batch out;
        MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
        out.length = some;
        int status = mr_group_table_keys(table, groups + at, some, out.columns, error);
        if (status >= 0)
            status =
                mr_group_table_results(table, groups + at, some, out.columns + config->group_count, error);
        if (status >= 0)
            status = mr_operator_emit(op, &out, error);
        mr_batch_release(&out);
        MR_TRY(status);
    }
    return MR_OK;
}

/* A query without keys has one group, which every micro-batch changes, without rows too. */
static int touch_only_group(struct mr_operator *op, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    const struct mr_aggregate_config *config = op->node->config;
    if (config->group_count > 0 || op->partition != 0)
        return MR_OK;
    uint64_t hash = 0;
    struct mr_group *group = NULL;
    MR_TRY(mr_group_table_find(&aggregate->table, NULL, &hash, NULL, 1, true, &group, error));
    return touch(op, group, NULL, 0, error);
}

/* ---- evict ---- */
static void release_bucket(struct bucket *bucket)
{
    mr_free(bucket->dirty.groups);
    mr_free(bucket->parked.groups);
    *bucket = (struct bucket){0};
}

static void release_buckets(struct aggregate *aggregate)
{
    for (size_t i = 0; i < aggregate->buckets.count; i++)
        if (aggregate->buckets.entries[i].pointer) /* NULL: there was no memory for it */
            release_bucket(aggregate->buckets.entries[i].pointer);
    mr_map_release(&aggregate->buckets);
}

static int remove_bucket(struct mr_operator *op, struct bucket *bucket, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    struct mr_group_list list = {0};
    int status = MR_OK;
    for (struct mr_group *group = bucket->first; group && status >= 0; group = group->next)
        status = mr_group_list_add(&list, group, error);
    if (status >= 0 && op->mode == MR_MODE_APPEND)
        status = emit_groups(op, &aggregate->table, list.groups, list.count, error);
    for (int64_t i = 0; status >= 0 && i < list.count; i++) {
        if (i + AHEAD < list.count)
            __builtin_prefetch(list.groups[i + AHEAD], 1);
        if (i + AHEAD / 2 < list.count)
            mr_group_table_expect(&aggregate->table, list.groups[i + AHEAD / 2]->hash);
        mr_group_table_remove(&aggregate->table, list.groups[i]);
    }
    op->metrics.rows_removed += list.count;
    aggregate->state.rows -= list.count;
    aggregate->dirty_count -= bucket->dirty.count;
    mr_free(list.groups);
    release_bucket(bucket);
    return status;
}

static int evict(struct mr_operator *op, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    int64_t stored = 0;
    if (!aggregate->evicts || op->evict_us == MR_NO_WATERMARK || op->evict_us <= aggregate->evicted_us)
        return MR_OK;
    aggregate->run.known = false;
    MR_TRY(mr_aggregate_state_scan(&aggregate->state, aggregate->evicted_us, op->evict_us,
                                   op->mode == MR_MODE_APPEND ? emit_groups : NULL, &stored, error));
    op->metrics.rows_removed += stored;
    aggregate->state.rows -= stored;
    struct mr_map left;
    mr_map_init(&left);
    int status = MR_OK;
    for (size_t i = 0; i < aggregate->buckets.count; i++) {
        struct mr_map_entry *entry = &aggregate->buckets.entries[i], *copy = NULL;
        int64_t time_us;
        memcpy(&time_us, entry->key.data, 8);
        if (status >= 0 && time_us <= op->evict_us) {
            status = remove_bucket(op, entry->pointer, error);
            continue;
        }
        if (status >= 0)
            copy = mr_map_put(&left, entry->key, NULL);
        if (copy)
            copy->pointer = entry->pointer;
        else
            release_bucket(entry->pointer);
        if (!copy && status >= 0)
            status = mr_error_memory(error, 64);
    }
    mr_map_release(&aggregate->buckets);
    aggregate->buckets = left;
    aggregate->evicted_us = op->evict_us;
    aggregate->leaving = 0;
    return status;
}

static int aggregate_finish(struct mr_operator *op, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    int64_t stored;
    MR_TRY(touch_only_group(op, error));
    MR_TRY(
        mr_aggregate_state_load(&aggregate->state, aggregate->fresh.groups, aggregate->fresh.count, error));
    op->metrics.rows_updated += aggregate->touched_count;
    if (aggregate->everything) {
        MR_TRY(mr_aggregate_state_scan(&aggregate->state, INT64_MIN, INT64_MAX, emit_groups, &stored, error));
        MR_TRY(each_cached(op, emit_groups, error));
    } else if (op->mode == MR_MODE_UPDATE) {
        MR_TRY(
            emit_groups(op, &aggregate->table, aggregate->touched.groups, aggregate->touched.count, error));
    }
    aggregate->touched_count = aggregate->touched.count = aggregate->fresh.count = 0;
    MR_TRY(evict(op, error));
    op->metrics.rows_total = aggregate->state.rows;
    op->metrics.state_bytes = (int64_t)mr_group_table_bytes(&aggregate->table);
    if (!op->checkpoint)
        mr_group_table_clear(&aggregate->table);
    return MR_OK;
}

/* ---- decisions ---- */
static bool cache_is_full(const struct mr_operator *op)
{
    const struct aggregate *aggregate = op->ctx;
    size_t limit = op->memory_limit_bytes ? op->memory_limit_bytes : (size_t)64 << 20;
    return mr_group_table_bytes(&aggregate->table) > limit;
}

/* Up to which event time dirty groups go into the decision together: what the next micro-batch evicts
 * whatever it reads, and as much beyond as the last decision has evicted, for the next one will likely do the
 * same. */
static int64_t pack_until(struct mr_operator *op)
{
    struct aggregate *aggregate = op->ctx;
    int64_t before_us = aggregate->flushed_evict_us, until_us = op->next_evict_us, step_us;
    aggregate->flushed_evict_us = op->next_evict_us;
    if (before_us != MR_NO_WATERMARK && !__builtin_sub_overflow(op->next_evict_us, before_us, &step_us) &&
        __builtin_add_overflow(op->next_evict_us, step_us, &until_us))
        until_us = INT64_MAX;
    return until_us;
}

/* Groups that are packed and may outlive the next micro-batch remain dirty: should they, the next decision
 * writes them, each by itself. */
static int pack(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    if (op->next_evict_us == MR_NO_WATERMARK)
        return MR_OK;
    int64_t until_us = pack_until(op);
    if (aggregate->everything || aggregate->full || mr_group_table_raw_bytes(&aggregate->table) == 0)
        return MR_OK;
    for (size_t i = 0; i < aggregate->buckets.count; i++) {
        const struct mr_map_entry *entry = &aggregate->buckets.entries[i];
        struct bucket *bucket = entry->pointer;
        int64_t time_us;
        memcpy(&time_us, entry->key.data, 8);
        if (time_us <= until_us)
            MR_TRY(mr_aggregate_state_pack(&aggregate->state, decision, time_us, bucket->first,
                                           time_us > op->next_evict_us ? &bucket->parked : NULL, error));
    }
    return MR_OK;
}

/* Of groups that are listed by time, what has not been packed. */
static int gather_dirty(struct aggregate *aggregate, struct mr_error *error)
{
    for (size_t i = 0; i < aggregate->buckets.count; i++) {
        struct bucket *bucket = aggregate->buckets.entries[i].pointer;
        for (int64_t k = 0; k < bucket->dirty.count; k++)
            if (bucket->dirty.groups[k]->flags & MR_GROUP_DIRTY)
                MR_TRY(mr_group_list_add(&aggregate->dirty, bucket->dirty.groups[k], error));
    }
    return MR_OK;
}

/* All is clean but for what is parked. */
static void start_over(struct aggregate *aggregate)
{
    aggregate->dirty.count = aggregate->dirty_count = 0;
    for (size_t i = 0; i < aggregate->buckets.count; i++) {
        struct bucket *bucket = aggregate->buckets.entries[i].pointer;
        struct mr_group_list written = bucket->dirty;
        bucket->dirty = bucket->parked;
        bucket->parked = written;
        bucket->parked.count = 0;
        for (int64_t k = 0; k < bucket->dirty.count; k++)
            bucket->dirty.groups[k]->flags |= MR_GROUP_DIRTY;
        aggregate->dirty_count += bucket->dirty.count;
    }
}

static int aggregate_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    aggregate->run.known = false;
    aggregate->full = cache_is_full(op);
    mr_aggregate_state_drop_packed(&aggregate->state, decision);
    MR_TRY(pack(op, decision, error));
    MR_TRY(gather_dirty(aggregate, error));
    MR_TRY(mr_aggregate_state_write(&aggregate->state, decision, aggregate->dirty.groups,
                                    aggregate->dirty.count,
                                    aggregate->evicts ? aggregate->evicted_us : MR_NO_WATERMARK, error));
    start_over(aggregate);
    return MR_OK;
}

/* All groups are clean now: when the cache has grown too large it starts over. */
static void aggregate_decided(struct mr_operator *op)
{
    struct aggregate *aggregate = op->ctx;
    if (!aggregate->full)
        return;
    aggregate->run.known = false;
    mr_group_table_clear(&aggregate->table);
    mr_aggregate_state_cache_emptied(&aggregate->state);
    release_buckets(aggregate);
    mr_map_init(&aggregate->buckets);
    mr_arena_clear(&aggregate->bucket_pool);
}

static int64_t bytes_of(const struct aggregate *aggregate, int64_t groups)
{
    return groups * (int64_t)(aggregate->table.record_bytes + 32);
}

static int64_t aggregate_dirty_bytes(struct mr_operator *op)
{
    struct aggregate *aggregate = op->ctx;
    return bytes_of(aggregate, aggregate->dirty_count - aggregate->leaving);
}

static int64_t aggregate_passing_bytes(struct mr_operator *op)
{
    struct aggregate *aggregate = op->ctx;
    return bytes_of(aggregate, dirty_until(aggregate, op->next_evict_us));
}

static bool aggregate_wants_batch(const struct mr_node *node, int64_t old_watermark_us,
                                  int64_t new_watermark_us)
{
    const struct mr_aggregate_config *config = node->config;
    return !config->complete_output &&
           new_watermark_us > old_watermark_us; /* Spark's rule, whatever is in state */
}

static void aggregate_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    const struct mr_aggregate_config *config = node->config;
    const struct mr_type *input = node->inputs[0]->output;
    mr_text_append_str(out, "grouping keys: ");
    mr_plan_text_columns(out, input, NULL, config->group_count);
    mr_text_format(out, "; event time: %s; aggregates: ",
                   config->event_time_group < 0 ? "none" : input->fields[config->event_time_group].name);
    mr_plan_text_aggregates(out, config->aggregates, config->aggregate_count,
                            node->inputs[0]->inputs[0]->output);
}

/* ---- for people ---- */
static const struct mr_type *aggregate_state_type(const struct mr_node *node, int side,
                                                  struct mr_arena *arena)
{
    const struct mr_aggregate_config *config = node->config;
    (void)side;
    return mr_shown_aggregate_type(node, config->group_count, config->aggregates, config->aggregate_count,
                                   node->inputs[0]->inputs[0]->output, arena);
}

static int show_groups(struct mr_operator *op, struct mr_group_table *table, struct mr_group **groups,
                       int64_t count, struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_shown_batch(&out, aggregate->shown, count, error));
    int status = mr_group_table_keys(table, groups, count, out.columns[0]->children, error);
    if (status >= 0)
        status = mr_group_table_results(table, groups, count, out.columns[1]->children, error);
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int aggregate_show_state(struct mr_operator *op, int side, const struct mr_type *type,
                                struct mr_error *error)
{
    struct aggregate *aggregate = op->ctx;
    int64_t count;
    (void)side;
    aggregate->shown = type;
    MR_TRY(each_cached(op, show_groups, error)); /* those that were packed */
    return mr_aggregate_state_scan(&aggregate->state, INT64_MIN, INT64_MAX, show_groups, &count, error);
}

static void aggregate_close(struct mr_operator *op)
{
    struct aggregate *aggregate = op->ctx;
    if (!aggregate)
        return;
    mr_aggregate_state_close(&aggregate->state);
    mr_group_table_release(&aggregate->table);
    release_buckets(aggregate);
    mr_arena_release(&aggregate->bucket_pool);
    mr_free(aggregate->touched.groups);
    mr_free(aggregate->fresh.groups);
    mr_free(aggregate->dirty.groups);
    mr_free(aggregate->records);
    mr_free(aggregate->hashes);
    mr_free(aggregate->rows);
    mr_free(aggregate);
    op->ctx = NULL;
}

const struct mr_operator_type mr_aggregate_operator = {.name = "stateStoreSave",
                                                       .flags = MR_OP_STATEFUL | MR_OP_KEYED,
                                                       .open = aggregate_open,
                                                       .begin = aggregate_begin,
                                                       .push = aggregate_push,
                                                       .finish = aggregate_finish,
                                                       .flush = aggregate_flush,
                                                       .decided = aggregate_decided,
                                                       .dirty_bytes = aggregate_dirty_bytes,
                                                       .passing_bytes = aggregate_passing_bytes,
                                                       .wants_batch = aggregate_wants_batch,
                                                       .fingerprint = aggregate_fingerprint,
                                                       .state_type = aggregate_state_type,
                                                       .show_state = aggregate_show_state,
                                                       .close = aggregate_close};
