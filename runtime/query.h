/* runtime/query.h: runs a job as a sequence of micro-batches, exactly once: plan, execute, prepare, decide,
 * publish (docs/guarantees.md).
 *
 * One driver (the thread that calls mr_query_run), the process's worker pool, one publisher thread per query.
 */
#ifndef MR_RUNTIME_QUERY_H
#define MR_RUNTIME_QUERY_H

#include "runtime/job.h"

enum mr_trigger {
    MR_TRIGGER_AVAILABLE_NOW, /* all that is there at the start, in as many micro-batches as limits ask for,
                                 then a no-data batch, then end */
    MR_TRIGGER_CONTINUOUS,    /* as soon as there is data, until stopped; interval_us > 0: at most once per
                                 interval */
    MR_TRIGGER_ONCE_BATCH,    /* a batch query: no checkpoint, everything in one micro-batch, no watermark */
};
struct mr_progress; /* runtime/progress.h: one per micro-batch, as Spark's StreamingQueryProgress */

struct mr_query_options {
    const char *name;            /* shown in progress; NULL: none */
    const char *checkpoint_path; /* NULL only for ONCE_BATCH */
    enum mr_trigger trigger;
    int64_t interval_us;
    int partitions;            /* of keyed state; 0: number of workers */
    size_t memory_limit_bytes; /* this query's share */
    /* A decision is closed by whichever comes first; 0: 1 s, 16 to 40 MiB by the memory limit, 256 MiB.
     * micro_batches 1: one decision per micro-batch. */
    int64_t decision_time_us;
    size_t decision_state_bytes, decision_input_bytes;
    int decision_micro_batches;
    int pipelining;             /* decided and unpublished at most; 0: 2 */
    int64_t publish_give_up_us; /* a batch that could not be published for so long ends the query; 0: 60 s */
    int retain_every, retain_count;
    bool full_refresh;     /* new query id, first manifest empties the table */
    bool keep_table;       /* with a full refresh: another flow into the same table empties it */
    bool force_checkpoint; /* open the checkpoint on a network file system all the same */
    struct mr_pool *pool;  /* shared by the process's queries; the query uses it one micro-batch at a time */
    pthread_mutex_t *pool_lock; /* taken around each use of pool; NULL: the pool is this query's alone */
    /* Called by the driver after each decided micro-batch (invariant 1: nothing before). Must not block long.
     */
    void (*on_progress)(void *ctx, const struct mr_progress *progress);
    /* Called by the publisher when a batch is visible in a sink's target; for waking downstream queries. */
    void (*on_published)(void *ctx, int sink, int64_t batch);
    void *ctx;
};

struct mr_query;
/* Opens checkpoint, sinks (enrol) and sources (restore), checks the fingerprint, publishes what is decided
 * and unpublished: recovery is this, always (invariant 6). The job is taken over. */
int mr_query_open(struct mr_query **out, struct mr_job *job, const struct mr_query_options *options,
                  struct mr_error *error);
/* Runs to the end (AVAILABLE_NOW, ONCE_BATCH) or until stopped (then MR_OK, with the batch in hand finished
 * and published). */
int mr_query_run(struct mr_query *query, struct mr_error *error);
/* Finish the batch in hand, then return from run. From any thread; safe in a signal handler's thread, not in
 * the handler. */
void mr_query_stop(struct mr_query *query);
/* Something may be new (upstream published): look at once. From any thread. */
void mr_query_wake(struct mr_query *query);
int mr_query_close(struct mr_query *query, struct mr_error *error);

#endif
