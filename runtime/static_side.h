/* runtime/static_side.h: what a stream is joined with that is no stream: a table, files, a query over them.
 *
 * Read whole before a micro-batch when it is not what it was at the one before, and held in memory; so one
 * micro-batch sees one state of it (invariant 10), and what that was stands in the decision's record. Private
 * to this room; the planner makes sides through runtime/job.h. */
#ifndef MR_RUNTIME_STATIC_SIDE_H
#define MR_RUNTIME_STATIC_SIDE_H

#include "operators/join.h"
#include "runtime/execution.h"
#include "runtime/job.h"

struct mr_static_side {
    struct mr_job job; /* a batch; its last node fills rows */
    struct mr_static_rows rows;
    struct mr_pool *pool;
    pthread_mutex_t *pool_lock;
    /* Per source. The source as planned only tells what there is (snapshot); each reading opens it anew. */
    struct mr_source **planned;
    struct mr_text *seen; /* what it said when the rows were read; per source */
    struct mr_text *read; /* the offset they were read to */
    int text_count;
    bool loaded;
};

void mr_static_side_init(struct mr_static_side *side, const struct mr_job *job, const char *name);
void mr_static_side_release(struct mr_static_side *side);
/* limit_bytes: of the rows. */
int mr_static_side_open(struct mr_static_side *side, struct mr_pool *pool, pthread_mutex_t *pool_lock,
                        size_t limit_bytes, struct mr_error *error);
/* Before a micro-batch, no worker being at work. session: time and dice of the micro-batch.
 * MR_E_SCHEMA_CHANGED (retriable) when a source has other columns than when the query was planned. */
int mr_static_side_refresh(struct mr_static_side *side, const struct mr_session *session,
                           struct mr_error *error);

#endif
