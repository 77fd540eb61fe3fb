/* runtime/execution.h: a job's instances, and running them over one micro-batch. Private to this room.
 *
 * The DAG is cut where rows are exchanged: KEYED nodes have one instance per partition, SINGLE nodes one, all
 * others one per worker. Within a stage batches are pushed by plain calls; into an exchange they go through
 * bounded queues, one per partition. Workers take, in this order: a partition whose queue holds batches and
 * nobody works on; an instance that may finish; the next read of a split. A node is complete when all its
 * inputs are complete and all its instances have finished; the micro-batch ends when all nodes are complete.
 */
#ifndef MR_RUNTIME_EXECUTION_H
#define MR_RUNTIME_EXECUTION_H

#include "runtime/job.h"

struct mr_execution;
struct mr_stage;

struct mr_instance {
    struct mr_operator op;
    struct mr_execution *execution;
    struct mr_stage *stage;
    bool opened;
};
struct mr_queued { /* a batch on its way into a partition; without columns: the end of the input */
    int input;
    size_t bytes;
    struct mr_batch batch;
};
struct mr_partition {
    struct mr_queued *items; /* ring */
    size_t capacity, first, count;
    size_t bytes;        /* of the queued batches */
    int64_t dirty_bytes; /* of the instance, as of the last time somebody worked on it */
    bool busy, finished; /* busy: one worker owns instance and popping */
};
struct mr_consumer {
    struct mr_stage *stage;
    int input;
};
struct mr_stage { /* one node and what belongs to it */
    const struct mr_node *node;
    int index;
    struct mr_consumer *consumers;
    int consumer_count;
    bool exchange; /* KEYED or SINGLE: fed through partitions */
    int instance_count;
    struct mr_instance *instances;   /* NULL for a source node */
    struct mr_partition *partitions; /* instance_count of them, when exchange */
    /* Of the micro-batch; under the lock. */
    int inputs_left, finish_left;
    bool *finish_due; /* stateless with a finish: per worker */
    bool complete;
    int64_t rows; /* source node: rows it gave */
};
struct mr_piece { /* a split to read */
    int source;
    bool taken;
    struct mr_split split;
};
struct mr_worker_state { /* of one worker; padded by allocation, used by it alone */
    struct mr_reader reader;
    int source;            /* of the open reader; -1: none */
    int lane_source, lane; /* the split in hand is of that lane; 0: none; under the lock */
    uint64_t *hashes;
    int32_t *rows;
    int *partition_of;
    int64_t capacity;
    int64_t *starts; /* partitions + 1 */
};
struct mr_execution {
    struct mr_job *job;
    struct mr_pool *pool;
    pthread_mutex_t *pool_lock; /* NULL: none */
    struct mr_arena arena;
    struct mr_stage *stages; /* as job->nodes: inputs first */
    int stage_count;
    int workers, partitions;
    size_t partition_bytes; /* a queue is full at this many bytes */
    bool smallest_first;    /* an operator makes use of inputs that end early */
    struct mr_worker_state *worker_states;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock, while a micro-batch runs: */
    struct mr_piece *pieces;
    size_t piece_count, next_piece;
    size_t *source_pieces, *source_taken,
        *source_done;     /* per source: splits planned, taken, read to the end */
    int64_t *source_rows; /* per source; counted once per node that reads it */
    int waiting;          /* workers asleep */
    int complete_count;   /* stages */
    size_t queued_bytes;
    bool closing; /* dirty state is at its limit: no more splits of sources that can be cut */
    int status;   /* the first error's */
    struct mr_error error;
    _Atomic bool stop; /* status is negative: look */
    /* Limits, set by the driver. */
    size_t dirty_limit_bytes; /* 0: none */
};

/* Makes instances (of all nodes) and opens them. checkpoint NULL: batch run. */
int mr_execution_open(struct mr_execution *execution, struct mr_job *job, struct mr_pool *pool,
                      struct mr_checkpoint *checkpoint, int partitions, size_t memory_limit_bytes,
                      struct mr_error *error);
void mr_execution_close(struct mr_execution *execution); /* zeroed is fine */

struct mr_micro_batch {
    int64_t number;
    bool last_of_decision;
    /* Per stage (position in the job): rows at or before are late; what ends at or before is evicted. */
    const int64_t *late_us, *evict_us;
    const struct mr_split_list *splits; /* per source */
};
/* Runs one micro-batch to its end. On error memory is not what it was: drop everything (invariant 9). */
int mr_execution_run(struct mr_execution *execution, const struct mr_micro_batch *batch,
                     struct mr_error *error);
/* Of all stateful instances; passing_bytes: see mr_operator_type. */
int64_t mr_execution_dirty_bytes(const struct mr_execution *execution, int64_t *passing_bytes);
/* When, by the clock, some instance wants a batch without data; INT64_MAX: none does. */
int64_t mr_execution_due_us(const struct mr_execution *execution);
/* Sum over the node's instances. */
void mr_execution_metrics(const struct mr_execution *execution, int stage, struct mr_operator_metrics *out);

/* exchange.c */
/* Hands the batch (the caller's) to the stage's partitions by key; worker drains a partition that is full and
 * that nobody works on, here and now. */
int mr_exchange_send(struct mr_execution *execution, struct mr_stage *stage, int input, int worker,
                     const struct mr_batch *batch, struct mr_error *error);
/* Tells the stage's partitions, behind what is queued, that this input has ended. Under the lock. */
int mr_exchange_input_ended(struct mr_execution *execution, struct mr_stage *stage, int input,
                            struct mr_error *error);
/* Pushes what is queued into the instance until the queue is empty. The caller has made the partition busy.
 */
int mr_exchange_drain(struct mr_execution *execution, struct mr_stage *stage, int partition, int worker,
                      struct mr_error *error);
void mr_exchange_clear(struct mr_stage *stage); /* drops what is queued, after an error */
/* execution.c: gives a batch to all consumers of a stage, as worker. */
int mr_stage_deliver(struct mr_stage *stage, struct mr_execution *execution, int worker,
                     const struct mr_batch *batch, struct mr_error *error);

#endif
