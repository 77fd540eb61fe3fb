/* runtime/worker.c: the workers' loop over one micro-batch. */
#include "runtime/execution.h"

enum task_kind {
    TASK_NONE,  /* nothing now: sleep */
    TASK_AGAIN, /* something has changed: choose anew */
    TASK_DRAIN,
    TASK_FINISH,
    TASK_READ,
    TASK_OPEN
};
struct task {
    enum task_kind kind;
    struct mr_stage *stage;
    int instance;
    struct mr_piece piece;
};

/* ---- completion; all under the lock ---- */

static void stage_complete(struct mr_execution *execution, struct mr_stage *stage);

/* All inputs of the stage are complete: who must finish? */
static void inputs_complete(struct mr_execution *execution, struct mr_stage *stage)
{
    if (!stage->exchange && !stage->node->type->finish) {
        stage_complete(execution, stage);
        return;
    }
    stage->finish_left = stage->instance_count;
    for (int k = 0; k < stage->instance_count; k++)
        stage->finish_due[k] = true;
}

static void fail(struct mr_execution *execution, int status, const struct mr_error *error)
{
    if (execution->status >= 0) {
        execution->status = status;
        execution->error = *error;
        execution->stop = true;
    }
    pthread_cond_broadcast(&execution->changed);
}

static void stage_complete(struct mr_execution *execution, struct mr_stage *stage)
{
    stage->complete = true;
    execution->complete_count++;
    for (int i = 0; i < stage->consumer_count; i++) {
        struct mr_stage *consumer = stage->consumers[i].stage;
        consumer->inputs_left--;
        if (consumer->inputs_left > 0 && consumer->exchange && consumer->node->type->input_ended) {
            struct mr_error error;
            int status = mr_exchange_input_ended(execution, consumer, stage->consumers[i].input, &error);
            if (status < 0)
                fail(execution, status, &error);
        }
        if (consumer->inputs_left == 0)
            inputs_complete(execution, consumer);
    }
    pthread_cond_broadcast(&execution->changed);
}

static void source_complete(struct mr_execution *execution, int source)
{
    for (int i = 0; i < execution->stage_count; i++) {
        if (execution->stages[i].node->source == source && !execution->stages[i].node->type)
            stage_complete(execution, &execution->stages[i]);
    }
}

/* ---- choosing; under the lock ---- */

/* Downstream first, so that what is queued gets out of the way. */
static bool pick_partition(struct mr_execution *execution, int worker, struct task *out)
{
    for (int i = execution->stage_count - 1; i >= 0; i--) {
        struct mr_stage *stage = &execution->stages[i];
        if (!stage->exchange)
            continue;
        for (int k = 0; k < stage->instance_count; k++) {
            int p = (k + worker) % stage->instance_count;
            if (stage->partitions[p].count == 0 || stage->partitions[p].busy)
                continue;
            stage->partitions[p].busy = true;
            *out = (struct task){.kind = TASK_DRAIN, .stage = stage, .instance = p};
            return true;
        }
    }
    return false;
}

/* A stateless instance is finished by its own worker, a partition by anybody once its queue is empty. */
static bool pick_finish(struct mr_execution *execution, int worker, struct task *out)
{
    for (int i = 0; i < execution->stage_count; i++) {
        struct mr_stage *stage = &execution->stages[i];
        if (stage->finish_left == 0)
            continue;
        for (int k = 0; k < stage->instance_count; k++) {
            bool due = stage->finish_due[k] && (stage->exchange || k == worker);
            if (!due || (stage->exchange && (stage->partitions[k].busy || stage->partitions[k].count > 0)))
                continue;
            stage->finish_due[k] = false;
            if (stage->exchange)
                stage->partitions[k].busy = true;
            *out = (struct task){.kind = TASK_FINISH, .stage = stage, .instance = k};
            return true;
        }
    }
    return false;
}

static bool state_is_full(struct mr_execution *execution)
{
    if (execution->dirty_limit_bytes == 0 || execution->closing)
        return execution->closing;
    int64_t dirty = 0;
    for (int i = 0; i < execution->stage_count; i++) {
        struct mr_stage *stage = &execution->stages[i];
        for (int p = 0; stage->exchange && p < stage->instance_count; p++)
            dirty += stage->partitions[p].dirty_bytes;
    }
    execution->closing = dirty >= (int64_t)execution->dirty_limit_bytes;
    return execution->closing;
}

static bool lane_is_free(const struct mr_execution *execution, const struct mr_piece *piece)
{
    for (int w = 0; piece->split.lane > 0 && w < execution->workers; w++) {
        const struct mr_worker_state *state = &execution->worker_states[w];
        if (state->lane == piece->split.lane && state->lane_source == piece->source)
            return false;
    }
    return true;
}

/* Takes the first split whose lane nobody is in; NULL: none now. */
static struct mr_piece *next_piece(struct mr_execution *execution)
{
    while (execution->next_piece < execution->piece_count && execution->pieces[execution->next_piece].taken)
        execution->next_piece++;
    for (size_t i = execution->next_piece; i < execution->piece_count; i++) {
        struct mr_piece *piece = &execution->pieces[i];
        if (piece->taken || !lane_is_free(execution, piece))
            continue;
        piece->taken = true;
        return piece;
    }
    return NULL;
}

static bool pick_input(struct mr_execution *execution, int worker, struct task *out)
{
    if (execution->worker_states[worker].source >= 0) {
        *out = (struct task){.kind = TASK_READ};
        return true;
    }
    struct mr_piece *piece = next_piece(execution);
    if (!piece)
        return false;
    int source = piece->source;
    /* The first split of a source is always taken, so that every micro-batch gets on. */
    bool skip = execution->job->sources[source]->type->cut && execution->source_taken[source] > 0;
    if (skip && state_is_full(execution)) {
        execution->source_pieces[source]--;
        if (execution->source_done[source] == execution->source_pieces[source])
            source_complete(execution, source);
        *out = (struct task){.kind = TASK_AGAIN};
        return true;
    }
    execution->source_taken[source]++;
    execution->worker_states[worker].lane_source = source;
    execution->worker_states[worker].lane = piece->split.lane;
    *out = (struct task){.kind = TASK_OPEN, .piece = *piece};
    return true;
}

static struct task pick(struct mr_execution *execution, int worker)
{
    struct task task = {.kind = TASK_NONE};
    if (pick_partition(execution, worker, &task) || pick_finish(execution, worker, &task))
        return task;
    /* All queues that hold something are being worked on. While they are full nobody adds to them. */
    size_t limit = execution->partition_bytes * (size_t)execution->workers;
    if (execution->queued_bytes < limit)
        pick_input(execution, worker, &task);
    return task;
}

/* ---- doing; without the lock ---- */

static int read_once(struct mr_execution *execution, int worker, struct mr_error *error)
{
    struct mr_worker_state *state = &execution->worker_states[worker];
    struct mr_source *source = execution->job->sources[state->source];
    struct mr_batch batch = {0};
    int status = source->type->read(source, &state->reader, &batch, error);
    int64_t rows = 0;
    for (int i = 0; status == MR_OK && i < execution->stage_count && batch.length > 0; i++) {
        struct mr_stage *stage = &execution->stages[i];
        if (stage->node->type || stage->node->source != source->index)
            continue;
        rows += batch.length;
        status = mr_stage_deliver(stage, execution, worker, &batch, error);
    }
    mr_batch_release(&batch);
    bool ended = status != MR_OK; /* the end, or an error */
    if (ended) {
        source->type->reader_close(source, &state->reader);
        state->source = -1;
    }
    if (status < 0)
        return status;
    pthread_mutex_lock(&execution->lock);
    execution->source_rows[source->index] += rows;
    if (ended) {
        state->lane = 0;
        if (execution->next_piece < execution->piece_count)
            pthread_cond_broadcast(&execution->changed); /* somebody may wait for the lane */
        execution->source_done[source->index]++;
        if (execution->source_done[source->index] == execution->source_pieces[source->index])
            source_complete(execution, source->index);
    }
    pthread_mutex_unlock(&execution->lock);
    return MR_OK;
}

static int open_reader(struct mr_execution *execution, int worker, const struct mr_piece *piece,
                       struct mr_error *error)
{
    struct mr_worker_state *state = &execution->worker_states[worker];
    struct mr_source *source = execution->job->sources[piece->source];
    state->reader = (struct mr_reader){0};
    MR_TRY(source->type->reader_open(source, &piece->split, &state->reader, error));
    state->source = piece->source;
    return MR_OK;
}

static int finish_instance(struct mr_execution *execution, int worker, const struct task *task,
                           struct mr_error *error)
{
    struct mr_stage *stage = task->stage;
    struct mr_operator *op = &stage->instances[task->instance].op;
    if (stage->exchange)
        op->worker = worker;
    int status = op->type->finish ? op->type->finish(op, error) : MR_OK;
    if (status < 0)
        return status;
    pthread_mutex_lock(&execution->lock);
    if (stage->exchange)
        stage->partitions[task->instance].busy = false;
    stage->finish_left--;
    if (stage->finish_left == 0)
        stage_complete(execution, stage);
    pthread_mutex_unlock(&execution->lock);
    return MR_OK;
}

static int perform(struct mr_execution *execution, int worker, const struct task *task,
                   struct mr_error *error)
{
    switch (task->kind) {
    case TASK_DRAIN:
        return mr_exchange_drain(execution, task->stage, task->instance, worker, error);
    case TASK_FINISH:
        return finish_instance(execution, worker, task, error);
    case TASK_OPEN:
        return open_reader(execution, worker, &task->piece, error);
    case TASK_READ:
        return read_once(execution, worker, error);
    case TASK_NONE:
    case TASK_AGAIN:
        break;
    }
    return MR_OK;
}

static int work(void *ctx, int worker, struct mr_error *error)
{
    struct mr_execution *execution = ctx;
    struct mr_worker_state *state = &execution->worker_states[worker];
    pthread_mutex_lock(&execution->lock);
    while (execution->status >= 0 && execution->complete_count < execution->stage_count) {
        struct task task = pick(execution, worker);
        if (task.kind == TASK_AGAIN)
            continue;
        if (task.kind == TASK_NONE) {
            execution->waiting++;
            pthread_cond_wait(&execution->changed, &execution->lock);
            execution->waiting--;
            continue;
        }
        pthread_mutex_unlock(&execution->lock);
        int status = perform(execution, worker, &task, error);
        pthread_mutex_lock(&execution->lock);
        if (status < 0)
            fail(execution, status, error);
    }
    pthread_mutex_unlock(&execution->lock);
    if (state->source >= 0) { /* only after an error */
        struct mr_source *source = execution->job->sources[state->source];
        source->type->reader_close(source, &state->reader);
        state->source = -1;
    }
    return MR_OK;
}

/* ---- one micro-batch ---- */

/* Sources in the order in which they are read. */
static int order_sources(struct mr_execution *execution, const struct mr_micro_batch *batch, int **out,
                         struct mr_error *error)
{
    int count = execution->job->source_count;
    int *order = mr_allocate(sizeof *order * (size_t)(count + 1));
    int64_t *bytes = mr_allocate_zeroed(sizeof *bytes * (size_t)(count + 1));
    *out = order;
    for (int s = 0; order && bytes && s < count; s++) {
        int at = s;
        for (size_t i = 0; i < batch->splits[s].count && execution->smallest_first; i++)
            bytes[s] += batch->splits[s].splits[i].size_bytes;
        for (; at > 0 && bytes[order[at - 1]] > bytes[s]; at--)
            order[at] = order[at - 1];
        order[at] = s;
    }
    mr_free(bytes);
    return order && bytes ? MR_OK : mr_error_memory(error, sizeof *bytes * (size_t)count);
}

static int gather_pieces(struct mr_execution *execution, const struct mr_micro_batch *batch,
                         struct mr_error *error)
{
    size_t count = 0;
    int *order = NULL;
    for (int w = 0; w < execution->workers; w++)
        execution->worker_states[w].lane = 0; /* an error may have left it */
    for (int s = 0; s < execution->job->source_count; s++) {
        execution->source_pieces[s] = batch->splits[s].count;
        execution->source_taken[s] = execution->source_done[s] = 0;
        execution->source_rows[s] = 0;
        count += batch->splits[s].count;
    }
    mr_free(execution->pieces);
    execution->pieces = mr_allocate(sizeof *execution->pieces * (count + 1));
    execution->piece_count = execution->next_piece = 0;
    int status = execution->pieces ? order_sources(execution, batch, &order, error)
                                   : mr_error_memory(error, sizeof *execution->pieces * count);
    for (int at = 0; status >= 0 && at < execution->job->source_count; at++) {
        int s = order[at];
        for (size_t i = 0; i < batch->splits[s].count; i++)
            execution->pieces[execution->piece_count++] =
                (struct mr_piece){s, false, batch->splits[s].splits[i]};
    }
    mr_free(order);
    return status;
}

static int begin_instances(struct mr_execution *execution, const struct mr_micro_batch *batch,
                           struct mr_error *error)
{
    for (int i = 0; i < execution->stage_count; i++) {
        struct mr_stage *stage = &execution->stages[i];
        stage->inputs_left = stage->node->input_count;
        stage->finish_left = 0;
        stage->complete = false;
        for (int k = 0; stage->instances && k < stage->instance_count; k++) {
            struct mr_operator *op = &stage->instances[k].op;
            op->batch = batch->number;
            op->late_us = batch->late_us[i];
            op->evict_us = batch->evict_us[i];
            op->last_batch_of_decision = batch->last_of_decision;
            op->metrics = (struct mr_operator_metrics){.rows_total = op->metrics.rows_total,
                                                       .state_bytes = op->metrics.state_bytes};
            if (op->type->begin)
                MR_TRY(op->type->begin(op, error));
        }
    }
    return MR_OK;
}

int mr_execution_run(struct mr_execution *execution, const struct mr_micro_batch *batch,
                     struct mr_error *error)
{
    execution->complete_count = 0;
    execution->closing = false;
    execution->status = MR_OK;
    execution->stop = false;
    mr_error_clear(&execution->error);
    MR_TRY(gather_pieces(execution, batch, error));
    MR_TRY(begin_instances(execution, batch, error));
    pthread_mutex_lock(&execution->lock);
    for (int s = 0; s < execution->job->source_count; s++) {
        if (execution->source_pieces[s] == 0)
            source_complete(execution, s);
    }
    pthread_mutex_unlock(&execution->lock);
    if (execution->pool_lock)
        pthread_mutex_lock(execution->pool_lock);
    int status = mr_pool_run(execution->pool, work, execution, error);
    if (execution->pool_lock)
        pthread_mutex_unlock(execution->pool_lock);
    if (execution->status >= 0)
        return status;
    for (int i = 0; i < execution->stage_count; i++) {
        mr_exchange_clear(&execution->stages[i]);
        for (int p = 0; execution->stages[i].partitions && p < execution->stages[i].instance_count; p++)
            execution->stages[i].partitions[p].busy = false;
    }
    *error = execution->error;
    return execution->status;
}
