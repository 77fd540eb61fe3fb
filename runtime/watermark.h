/* runtime/watermark.h: Spark's watermarks: one per query, from the largest event times its watermark
 * operators have seen. Private to this room.
 *
 * W(N) is fixed before micro-batch N runs, from what the batches before it saw; it never falls and is in
 * whole milliseconds. Batch N evicts and emits with W(N) and drops as late what W(N-1) says. Behind an
 * operator that holds rows back (a join) the watermark is what that operator lets through
 * (mr_operator_type.output_watermark). */
#ifndef MR_RUNTIME_WATERMARK_H
#define MR_RUNTIME_WATERMARK_H

#include "runtime/job.h"

struct mr_watermark {
    enum mr_watermark_policy policy;
    int operator_count; /* watermark nodes, in Spark's order: depth first from the sinks */
    int *operators;     /* their positions in the job */
    int *clauses;       /* per operator: the first one made from the same WATERMARK clause: they are one */
    /* Of the first of each clause: has a micro-batch run, and how far it has come; without rows 0. As in
     * Spark not kept over a restart: then the query's watermark stands until every clause has had rows again.
     */
    bool *seen;
    int64_t *operator_ms;
    int64_t previous_ms; /* W of the last micro-batch, N-1; 0 before the first */
    int64_t current_ms;  /* W of the next micro-batch, N */
    bool first;          /* no micro-batch has run yet */
};
/* Arrays live in the arena. */
int mr_watermark_init(struct mr_watermark *watermark, const struct mr_job *job, struct mr_arena *arena,
                      struct mr_error *error);
/* Micro-batch N has run and its watermark operators saw these times (one per operator): W(N+1). */
void mr_watermark_advance(struct mr_watermark *watermark, const struct mr_job *job,
                          const struct mr_event_time *seen);
/* Per node of the job, in microseconds: the watermark of its input when the query's is global_ms;
 * MR_NO_WATERMARK where it has none. */
void mr_watermark_inputs(const struct mr_watermark *watermark, const struct mr_job *job, int64_t global_ms,
                         int64_t *out_us);
/* late_us and evict_us of the next micro-batch, per node. */
void mr_watermark_of_batch(const struct mr_watermark *watermark, const struct mr_job *job, int64_t *late_us,
                           int64_t *evict_us);
/* Would a micro-batch without data emit or evict something? scratch: two arrays of a value per node. */
bool mr_watermark_wants_batch(const struct mr_watermark *watermark, const struct mr_job *job,
                              int64_t *scratch_a, int64_t *scratch_b);

#endif
