/* runtime/exchange.c: rows find their partition by key group.
 *
 * A queue that is full still takes the batch (its emitter stands in the middle of a push and could not come
 * again), but says MR_FULL: the worker then drains that partition itself, unless another one is at it; and no
 * worker reads more input while queues are full. So memory stays bounded by one batch per worker above the
 * limit, and nobody waits for anybody with a partition in hand: nothing can deadlock. */
#include "runtime/execution.h"

static int reserve(struct mr_worker_state *state, int64_t rows, int partitions, struct mr_error *error)
{
    if (!state->starts) {
        state->starts = mr_allocate(sizeof *state->starts * (size_t)(partitions + 1));
        if (!state->starts)
            return mr_error_memory(error, sizeof *state->starts * (size_t)(partitions + 1));
    }
    if (rows <= state->capacity)
        return MR_OK;
    int64_t capacity = rows < MR_BATCH_ROWS ? MR_BATCH_ROWS : rows;
    mr_free(state->hashes);
    mr_free(state->rows);
    mr_free(state->partition_of);
    state->hashes = mr_allocate(sizeof *state->hashes * (size_t)capacity);
    state->rows = mr_allocate(sizeof *state->rows * (size_t)capacity);
    state->partition_of = mr_allocate(sizeof *state->partition_of * (size_t)capacity);
    state->capacity = state->hashes && state->rows && state->partition_of ? capacity : 0;
    return state->capacity ? MR_OK : mr_error_memory(error, sizeof *state->hashes * (size_t)capacity);
}

/* Sorts row numbers by partition: rows of p are state->rows[starts[p], starts[p+1]), ascending. */
static void sort_rows(struct mr_worker_state *state, const struct mr_batch *batch, const int *keys,
                      int key_count, int partitions)
{
    for (int k = 0; k < key_count; k++)
        mr_column_hash(batch->columns[keys[k]], state->hashes, k > 0);
    memset(state->starts, 0, sizeof *state->starts * (size_t)(partitions + 1));
    for (int64_t i = 0; i < batch->length; i++) {
        int p = key_count > 0 ? mr_key_group_partition(mr_key_group(state->hashes[i]), partitions) : 0;
        state->partition_of[i] = p;
        state->starts[p + 1]++;
    }
    for (int p = 0; p < partitions; p++)
        state->starts[p + 1] += state->starts[p];
    for (int64_t i = 0; i < batch->length; i++)
        state->rows[state->starts[state->partition_of[i]]++] = (int32_t)i;
    for (int p = partitions; p > 0; p--) /* the loop above has moved every start to its end */
        state->starts[p] = state->starts[p - 1];
    state->starts[0] = 0;
}

/* Takes over the batch. Under the lock. MR_FULL: taken, and the queue is at its limit. */
static int enqueue(struct mr_execution *execution, struct mr_partition *partition, int input,
                   struct mr_batch *batch, size_t bytes, struct mr_error *error)
{
    if (partition->count == partition->capacity) {
        size_t capacity = partition->capacity ? partition->capacity * 2 : 16;
        struct mr_queued *grown = mr_allocate(capacity * sizeof *grown);
        if (!grown)
            return mr_error_memory(error, capacity * sizeof *grown);
        for (size_t i = 0; i < partition->count; i++)
            grown[i] = partition->items[(partition->first + i) % partition->capacity];
        mr_free(partition->items);
        partition->items = grown;
        partition->capacity = capacity;
        partition->first = 0;
    }
    struct mr_queued *item = &partition->items[(partition->first + partition->count) % partition->capacity];
    item->input = input;
    item->bytes = bytes;
    mr_batch_move(&item->batch, batch);
    partition->count++;
    partition->bytes += bytes;
    execution->queued_bytes += bytes;
    if (execution->waiting > 0)
        pthread_cond_signal(&execution->changed);
    return partition->bytes >= execution->partition_bytes ? MR_FULL : MR_OK;
}

int mr_exchange_input_ended(struct mr_execution *execution, struct mr_stage *stage, int input,
                            struct mr_error *error)
{
    for (int p = 0; p < stage->instance_count; p++) {
        struct mr_batch end = {0};
        MR_TRY(enqueue(execution, &stage->partitions[p], input, &end, 0, error));
    }
    return MR_OK;
}

static int send_to(struct mr_execution *execution, struct mr_stage *stage, int index, int input, int worker,
                   struct mr_batch *batch, size_t bytes, struct mr_error *error)
{
    struct mr_partition *partition = &stage->partitions[index];
    pthread_mutex_lock(&execution->lock);
    int status = enqueue(execution, partition, input, batch, bytes, error);
    bool drain = status == MR_FULL && !partition->busy;
    if (drain)
        partition->busy = true;
    pthread_mutex_unlock(&execution->lock);
    if (status < 0) {
        mr_batch_release(batch);
        return status;
    }
    return drain ? mr_exchange_drain(execution, stage, index, worker, error) : MR_OK;
}

int mr_exchange_send(struct mr_execution *execution, struct mr_stage *stage, int input, int worker,
                     const struct mr_batch *batch, struct mr_error *error)
{
    if (batch->length == 0)
        return MR_OK;
    struct mr_batch part = {0};
    size_t bytes = mr_batch_bytes(batch);
    if (stage->instance_count == 1) {
        MR_TRY(mr_batch_copy(&part, batch, error));
        return send_to(execution, stage, 0, input, worker, &part, bytes, error);
    }
    struct mr_worker_state *state = &execution->worker_states[worker];
    int partitions = stage->instance_count;
    MR_TRY(reserve(state, batch->length, partitions, error));
    sort_rows(state, batch, stage->node->exchange_keys[input], stage->node->exchange_key_counts[input],
              partitions);
    /* All parts are made before the first is sent: sending may drain, which sends on, which uses the same
     * scratch. */
    struct mr_batch *parts = mr_allocate_zeroed(sizeof *parts * (size_t)partitions);
    size_t *part_bytes = mr_allocate_zeroed(sizeof *part_bytes * (size_t)partitions);
    int status = parts && part_bytes ? MR_OK : mr_error_memory(error, sizeof *parts * (size_t)partitions);
    for (int p = 0; status >= 0 && p < partitions; p++) {
        int64_t begin = state->starts[p], count = state->starts[p + 1] - begin;
        part_bytes[p] = (size_t)((double)bytes * (double)count / (double)batch->length);
        if (count == batch->length)
            status = mr_batch_copy(&parts[p], batch, error);
        else if (count > 0)
            status = mr_batch_take(batch, state->rows + begin, count, &parts[p], error);
    }
    for (int p = 0; parts && p < partitions; p++) {
        int target = (p + worker) % partitions; /* workers begin at different queues */
        if (status >= 0 && parts[target].columns)
            status =
                send_to(execution, stage, target, input, worker, &parts[target], part_bytes[target], error);
        else
            mr_batch_release(&parts[target]);
    }
    mr_free(parts);
    mr_free(part_bytes);
    return status;
}

int mr_exchange_drain(struct mr_execution *execution, struct mr_stage *stage, int index, int worker,
                      struct mr_error *error)
{
    struct mr_partition *partition = &stage->partitions[index];
    struct mr_operator *op = &stage->instances[index].op;
    op->worker = worker;
    int status = MR_OK;
    pthread_mutex_lock(&execution->lock);
    while (status >= 0 && partition->count > 0 && !execution->stop) {
        struct mr_queued item = partition->items[partition->first];
        partition->first = (partition->first + 1) % partition->capacity;
        partition->count--;
        partition->bytes -= item.bytes;
        execution->queued_bytes -= item.bytes;
        pthread_mutex_unlock(&execution->lock);
        status = item.batch.columns ? op->type->push(op, item.input, &item.batch, error)
                                    : op->type->input_ended(op, item.input, error);
        mr_batch_release(&item.batch);
        int64_t dirty = status >= 0 && op->type->dirty_bytes ? op->type->dirty_bytes(op) : 0;
        pthread_mutex_lock(&execution->lock);
        partition->dirty_bytes = dirty;
    }
    partition->busy = status < 0; /* after an error nobody may finish what is half done */
    if (execution->waiting > 0)
        pthread_cond_broadcast(&execution->changed);
    pthread_mutex_unlock(&execution->lock);
    return status;
}

void mr_exchange_clear(struct mr_stage *stage)
{
    for (int p = 0; stage->partitions && p < stage->instance_count; p++) {
        struct mr_partition *partition = &stage->partitions[p];
        for (size_t i = 0; i < partition->count; i++)
            mr_batch_release(&partition->items[(partition->first + i) % partition->capacity].batch);
        partition->count = partition->bytes = 0;
    }
}
