/* runtime/driver.h: a query's insides, shared by the files that drive it. Private to this room.
 *
 * query.c      open, stop, wake, close
 * recovery.c   what the checkpoint and the targets say at the start (invariants 3, 6)
 * driver.c     the loop: plan, execute, when to decide
 * decide.c     closing a decision: prepare, flush, decide, hand over to the publisher
 * report.c     progress of each micro-batch, kept until it is decided (invariant 1) */
#ifndef MR_RUNTIME_DRIVER_H
#define MR_RUNTIME_DRIVER_H

#include "runtime/execution.h"
#include "runtime/progress.h"
#include "runtime/publisher.h"
#include "runtime/query.h"
#include "runtime/record.h"
#include "runtime/wait.h"

struct mr_report { /* of one micro-batch; lives in the decision's arena */
    struct mr_report *next;
    struct mr_progress progress;
};
struct mr_handed_over { /* a decision whose publication sources wait for (invariant 13) */
    struct mr_handed_over *next;
    int64_t batch;
    struct mr_text *ends; /* per source */
};
struct mr_query {
    struct mr_query_options options;
    struct mr_job *job;
    struct mr_arena arena;            /* life of the query */
    struct mr_checkpoint *checkpoint; /* NULL: ONCE_BATCH */
    struct mr_pool *pool;             /* options.pool, or our own */
    bool own_pool;
    struct mr_execution execution;
    struct mr_watermark watermark;
    struct mr_publisher *publisher;
    struct mr_waiter *waiter;
    struct mr_query_id batch_id; /* ONCE_BATCH: an id of its own */
    char run_id[37];
    struct mr_text fingerprint;
    struct mr_register *enrolled; /* per sink: not known to the checkpoint before this start */
    struct mr_register *expected; /* per sink: what the register holds when all decided is published */
    bool refreshing;              /* the first decision empties the targets */
    bool failed;                  /* memory is not what the checkpoint says: only close is left */
    _Atomic bool stopping;

    /* Where we are. Texts per source. */
    int64_t next_batch;
    struct mr_text *decided;                  /* offsets of the last decision */
    struct mr_text *reached;                  /* behind the last micro-batch */
    struct mr_text *planned;                  /* of the micro-batch in hand */
    int64_t *late_us, *evict_us, *scratch_us; /* per node */

    /* The open decision: micro-batches that have run and are not decided. */
    struct mr_arena decision_arena;
    int micro_batches;
    int64_t opened_us; /* monotonic, when its first micro-batch began */
    size_t input_bytes;
    struct mr_report *reports, **reports_end;
    int64_t last_started_us; /* wall clock, of the micro-batch before; -1: none */
    /* Of the last micro-batch. */
    struct mr_arena batch_arena;
    int64_t batch_time_us;
    uint64_t batch_seed;

    /* Pace: tokens are commits we may make at once; one comes back in the time that driver.c's pace says. */
    double tokens;
    int64_t tokens_at_us;
    bool gathering;          /* rows have run, and it is too early to decide */
    int64_t decide_cost_us;  /* of the last decision; waiting for an earlier one's publication counts */
    int64_t next_trigger_us; /* with an interval; wall clock */
    struct mr_handed_over *handed_over, **handed_over_end;
    int64_t oldest_retained; /* batch of the oldest retained copy of the checkpoint; -1: none */
};

/* recovery.c */
int mr_query_recover(struct mr_query *query, struct mr_error *error);
/* driver.c */
bool mr_query_offsets_equal(const struct mr_text *a, const struct mr_text *b, int count);
/* Moves the offset on until nothing more comes: a batch query takes everything at once. */
int mr_query_plan_all(struct mr_source *source, struct mr_text *offset, struct mr_error *error);
int mr_query_set_text(struct mr_text *to, struct mr_str from, struct mr_error *error);
/* decide.c: decides and hands over what has run since the last decision. */
int mr_query_decide(struct mr_query *query, struct mr_error *error);
/* Tells sources what has been published since the last call. */
int mr_query_tell_sources(struct mr_query *query, struct mr_error *error);
/* report.c: what the micro-batch that has just run did; lists: its splits' sources. */
int mr_query_report(struct mr_query *query, int64_t plan_us, int64_t execute_us, struct mr_error *error);

#endif
