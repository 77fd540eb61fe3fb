/* runtime/execution.c: instances: made, opened, connected, counted. Running them: worker.c. */
#include "runtime/execution.h"

#define PROCESS_BYTES ((size_t)32 << 20) /* what a process takes that does nothing yet */

int mr_stage_deliver(struct mr_stage *stage, struct mr_execution *execution, int worker,
                     const struct mr_batch *batch, struct mr_error *error)
{
    for (int i = 0; i < stage->consumer_count; i++) {
        struct mr_consumer *consumer = &stage->consumers[i];
        if (consumer->stage->exchange) {
            MR_TRY(mr_exchange_send(execution, consumer->stage, consumer->input, worker, batch, error));
            continue;
        }
        struct mr_operator *op = &consumer->stage->instances[worker].op;
        MR_TRY(op->type->push(op, consumer->input, batch, error));
    }
    return MR_OK;
}

static int emit(struct mr_operator *op, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_instance *instance = op->emit_ctx;
    return mr_stage_deliver(instance->stage, instance->execution, op->worker, batch, error);
}

static struct mr_stage *stage_of(struct mr_execution *execution, const struct mr_node *node)
{
    for (int i = 0; i < execution->stage_count; i++) {
        if (execution->stages[i].node == node)
            return &execution->stages[i];
    }
    return NULL;
}

static int connect(struct mr_execution *execution, struct mr_error *error)
{
    for (int i = 0; i < execution->stage_count; i++) {
        struct mr_stage *stage = &execution->stages[i];
        for (int k = 0; k < stage->node->input_count; k++) {
            struct mr_stage *producer = stage_of(execution, stage->node->inputs[k]);
            if (!producer || producer >= stage)
                return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR",
                                    "Node %d of the job has an input that does not stand before it.", i);
            struct mr_consumer *grown =
                MR_ARENA_ARRAY(&execution->arena, struct mr_consumer, producer->consumer_count + 1);
            if (!grown)
                return mr_error_memory(error, sizeof *grown);
            if (producer->consumer_count > 0)
                memcpy(grown, producer->consumers, sizeof *grown * (size_t)producer->consumer_count);
            grown[producer->consumer_count++] = (struct mr_consumer){stage, k};
            producer->consumers = grown;
        }
    }
    return MR_OK;
}

static int make_stage(struct mr_execution *execution, struct mr_stage *stage, struct mr_error *error)
{
    const struct mr_operator_type *type = stage->node->type;
    if (!type) /* a source node */
        return MR_OK;
    stage->exchange = type->flags & (MR_OP_KEYED | MR_OP_SINGLE);
    stage->instance_count = type->flags & MR_OP_KEYED    ? execution->partitions
                            : type->flags & MR_OP_SINGLE ? 1
                                                         : execution->workers;
    stage->instances = MR_ARENA_ARRAY(&execution->arena, struct mr_instance, stage->instance_count);
    stage->finish_due = MR_ARENA_ARRAY(&execution->arena, bool, stage->instance_count);
    if (stage->exchange)
        stage->partitions = MR_ARENA_ARRAY(&execution->arena, struct mr_partition, stage->instance_count);
    if (!stage->instances || !stage->finish_due || (stage->exchange && !stage->partitions))
        return mr_error_memory(error, sizeof *stage->instances * (size_t)stage->instance_count);
    return MR_OK;
}

static int open_instances(struct mr_execution *execution, struct mr_stage *stage,
                          struct mr_checkpoint *checkpoint, size_t share_bytes, struct mr_error *error)
{
    for (int k = 0; k < stage->instance_count; k++) {
        struct mr_instance *instance = &stage->instances[k];
        instance->execution = execution;
        instance->stage = stage;
        instance->op = (struct mr_operator){
            .type = stage->node->type,
            .node = stage->node,
            .partition = stage->exchange ? k : 0,
            .partitions = stage->exchange ? stage->instance_count : 1,
            .worker = stage->exchange ? 0 : k,
            .session = &execution->job->session,
            .checkpoint = checkpoint,
            .mode = execution->job->mode,
            .memory_limit_bytes = share_bytes,
            .sink = stage->node->sink >= 0 ? execution->job->sinks[stage->node->sink] : NULL,
            .late_us = MR_NO_WATERMARK,
            .evict_us = MR_NO_WATERMARK,
            .emit = emit,
            .emit_ctx = instance,
        };
        instance->opened = true; /* also when open fails half way: close takes what there is */
        if (instance->op.type->open)
            MR_TRY(instance->op.type->open(&instance->op, error));
    }
    return MR_OK;
}

static int make_scratch(struct mr_execution *execution, struct mr_error *error)
{
    size_t sources = (size_t)execution->job->source_count;
    execution->worker_states = MR_ARENA_ARRAY(&execution->arena, struct mr_worker_state, execution->workers);
    execution->source_pieces = MR_ARENA_ARRAY(&execution->arena, size_t, sources + 1);
    execution->source_taken = MR_ARENA_ARRAY(&execution->arena, size_t, sources + 1);
    execution->source_done = MR_ARENA_ARRAY(&execution->arena, size_t, sources + 1);
    execution->source_rows = MR_ARENA_ARRAY(&execution->arena, int64_t, sources + 1);
    if (!execution->worker_states || !execution->source_pieces || !execution->source_taken ||
        !execution->source_done || !execution->source_rows)
        return mr_error_memory(error, sources * sizeof(size_t));
    for (int w = 0; w < execution->workers; w++)
        execution->worker_states[w].source = -1;
    return MR_OK;
}

int mr_execution_open(struct mr_execution *execution, struct mr_job *job, struct mr_pool *pool,
                      struct mr_checkpoint *checkpoint, int partitions, size_t memory_limit_bytes,
                      struct mr_error *error)
{
    *execution = (struct mr_execution){.job = job, .pool = pool};
    mr_arena_init(&execution->arena);
    pthread_mutex_init(&execution->lock, NULL);
    pthread_cond_init(&execution->changed, NULL);
    execution->workers = mr_pool_workers(pool);
    execution->partitions = partitions > 0 ? partitions : execution->workers;
    if (execution->partitions > MR_KEY_GROUPS)
        execution->partitions = MR_KEY_GROUPS;
    execution->stage_count = job->node_count;
    execution->stages = MR_ARENA_ARRAY(&execution->arena, struct mr_stage, job->node_count + 1);
    if (!execution->stages)
        return mr_error_memory(error, sizeof *execution->stages * (size_t)job->node_count);
    MR_TRY(make_scratch(execution, error));
    int stateful = 0;
    for (int i = 0; i < job->node_count; i++) {
        execution->stages[i].node = job->nodes[i];
        execution->stages[i].index = i;
        MR_TRY(make_stage(execution, &execution->stages[i], error));
        if (execution->stages[i].exchange)
            stateful += execution->stages[i].instance_count;
        execution->smallest_first |= job->nodes[i]->type && job->nodes[i]->type->input_ended;
    }
    MR_TRY(connect(execution, error));
    size_t limit = memory_limit_bytes ? memory_limit_bytes : (size_t)1 << 30;
    limit -= limit / 2 < PROCESS_BYTES ? limit / 2 : PROCESS_BYTES;
    /* The rest: RocksDB, batches, writers, and what one decision adds before the caches are trimmed. */
    size_t share = limit / 8 * 3 / (size_t)(stateful ? stateful : 1);
    execution->partition_bytes = limit / 16 / (size_t)(stateful ? stateful : 1);
    if (execution->partition_bytes > (size_t)8 << 20)
        execution->partition_bytes = (size_t)8 << 20;
    if (execution->partition_bytes < (size_t)64 << 10) /* whatever the limit: an empty queue is never full */
        execution->partition_bytes = (size_t)64 << 10;
    for (int i = 0; i < execution->stage_count; i++) {
        if (execution->stages[i].instances)
            MR_TRY(open_instances(execution, &execution->stages[i], checkpoint, share, error));
    }
    return MR_OK;
}

void mr_execution_close(struct mr_execution *execution)
{
    if (!execution->job)
        return;
    for (int i = 0; i < execution->stage_count && execution->stages; i++) {
        struct mr_stage *stage = &execution->stages[i];
        mr_exchange_clear(stage);
        for (int k = 0; stage->instances && k < stage->instance_count; k++) {
            if (stage->instances[k].opened && stage->instances[k].op.type->close)
                stage->instances[k].op.type->close(&stage->instances[k].op);
            if (stage->partitions)
                mr_free(stage->partitions[k].items);
        }
    }
    for (int w = 0; execution->worker_states && w < execution->workers; w++) {
        struct mr_worker_state *state = &execution->worker_states[w];
        mr_free(state->hashes);
        mr_free(state->rows);
        mr_free(state->partition_of);
        mr_free(state->starts);
    }
    mr_free(execution->pieces);
    pthread_cond_destroy(&execution->changed);
    pthread_mutex_destroy(&execution->lock);
    mr_arena_release(&execution->arena);
    *execution = (struct mr_execution){0};
}

int64_t mr_execution_dirty_bytes(const struct mr_execution *execution, int64_t *passing_bytes)
{
    int64_t total = 0;
    *passing_bytes = 0;
    for (int i = 0; i < execution->stage_count; i++) {
        const struct mr_stage *stage = &execution->stages[i];
        for (int k = 0; stage->instances && k < stage->instance_count; k++) {
            struct mr_operator *op = &stage->instances[k].op;
            if (op->type->dirty_bytes)
                total += op->type->dirty_bytes(op);
            if (op->type->passing_bytes)
                *passing_bytes += op->type->passing_bytes(op);
        }
    }
    return total;
}

int64_t mr_execution_due_us(const struct mr_execution *execution)
{
    int64_t due_us = INT64_MAX;
    for (int i = 0; i < execution->stage_count; i++) {
        const struct mr_stage *stage = &execution->stages[i];
        for (int k = 0; stage->instances && stage->node->type->due_us && k < stage->instance_count; k++) {
            int64_t one_us = stage->node->type->due_us(&stage->instances[k].op);
            due_us = one_us < due_us ? one_us : due_us;
        }
    }
    return due_us;
}

static void add_event_time(struct mr_event_time *into, const struct mr_event_time *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min_us < into->min_us)
        into->min_us = from->min_us;
    if (into->count == 0 || from->max_us > into->max_us)
        into->max_us = from->max_us;
    into->count += from->count;
    into->sum_us += from->sum_us;
}

void mr_execution_metrics(const struct mr_execution *execution, int stage_index,
                          struct mr_operator_metrics *out)
{
    const struct mr_stage *stage = &execution->stages[stage_index];
    *out = (struct mr_operator_metrics){0};
    for (int k = 0; stage->instances && k < stage->instance_count; k++) {
        const struct mr_operator_metrics *one = &stage->instances[k].op.metrics;
        out->rows_in += one->rows_in;
        out->rows_out += one->rows_out;
        out->rows_total += one->rows_total;
        out->rows_updated += one->rows_updated;
        out->rows_removed += one->rows_removed;
        out->rows_dropped_by_watermark += one->rows_dropped_by_watermark;
        out->state_bytes += one->state_bytes;
        for (int i = 0; i < 16; i++) {
            out->passed[i] += one->passed[i];
            out->failed[i] += one->failed[i];
        }
        add_event_time(&out->event_time, &one->event_time);
    }
}
