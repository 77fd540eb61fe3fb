/* operators/session_state.h: how sessions lie in the checkpoint.
 *
 *   id(2) 0x00 partition(2)             -> format(1) never(8) partitions(2) sessions(8) latest end(8)
 *   id(2) 0x01 key group(2) key…        -> format(1) latest end(8), then per session of the key, by start:
 *                                          start(8) end(8) size(4) states…
 *   id(2) 0x02 end(8) key group(2) key… -> format(1) end(8): some session of this key ended then when this
 *                                          was written; perhaps it has grown since
 *
 * Expiry is logical (keyed_state.h): a session that ends at or before what has been evicted is absent from
 * its key's value. In complete mode nothing expires, and there is no index by time. */
#ifndef MR_OPERATORS_SESSION_STATE_H
#define MR_OPERATORS_SESSION_STATE_H

#include "operators/keyed_state.h"
#include "operators/session_table.h"

struct mr_session_state {
    struct mr_operator *op;
    struct mr_session_table *table;
    struct mr_keyed_state keyed;
    bool expires;         /* sessions do, at their end */
    int64_t evicted_us;   /* sessions that end at or before are absent; the operator keeps it */
    int64_t rows;         /* live sessions of this partition, cached or not */
    int64_t latest_us;    /* latest end that was ever written */
    int64_t written_rows; /* what the checkpoint says, if is_written */
    bool is_written;
    int stale_partitions; /* counts of an earlier layout to be deleted; partition 0 only */
};
int mr_session_state_open(struct mr_session_state *state, struct mr_operator *op,
                          struct mr_session_table *table, bool expires, struct mr_error *error);
/* Keys that are not LOADED get the sessions that the checkpoint holds for them. */
int mr_session_state_load(struct mr_session_state *state, struct mr_group *const *keys, int64_t count,
                          struct mr_error *error);
/* Sessions that the checkpoint holds of keys that are not in the table, those that end in (evicted, upto], or
 * all of them (MR_NEVER), some at a time: each gets them in a table that lasts for the call. *count: how many
 * there were. */
int mr_session_state_scan(struct mr_session_state *state, int64_t upto_us,
                          int (*each)(struct mr_operator *op, struct mr_session_table *table,
                                      struct mr_group *const *sessions, int64_t count,
                                      struct mr_error *error),
                          int64_t *count, struct mr_error *error);
/* Hands these keys to the decision. */
int mr_session_state_write(struct mr_session_state *state, struct mr_decision *decision,
                           struct mr_group *const *keys, int64_t count, struct mr_error *error);

#endif
