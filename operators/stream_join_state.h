/* operators/stream_join_state.h: how the rows of a join of streams lie in the checkpoint.
 *
 * Keys in MR_FAMILY_STATE, numbers big-endian; every value begins with format(1) expiry(8, little-endian), so
 * that what has expired is dropped by compaction (mr_decision_expire):
 *   id(2) 0x00 partition(2)                 -> partitions(2) highest expiry(8) next pack(4), then live rows
 *                                              by expiry: up to(8) rows(8), …
 *   id(2) 0x01 key group(2) key… pack(4)    -> rows of the left side with this key
 *   id(2) 0x02 key group(2) key… pack(4)    -> of the right side
 *   id(2) 0x03 expiry(8) key group(2) side(1) key… pack(4)
 *                                           -> (nothing): a row of this pack goes then; written for sides
 *                                              whose rows come out when they go
 * and in stream_join_passing.c rows that the next micro-batch forgets, many keys' together.
 *
 * A pack holds rows that came between two decisions; per
 * row, variable-length numbers unless said otherwise: the pack's expiry minus the row's, size * 2 + (has had
 * a partner), and the row's columns. A decision writes a pack again only where a row of it has found its
 * first partner.
 *
 * The rows in memory are a write-back cache. `complete`: nothing is stored that is not in memory as well, so
 * that nothing need be read; from the first time the cache is dropped (or a checkpoint is opened) until what
 * was stored by then has expired, keys are read when they are first met. */
#ifndef MR_OPERATORS_STREAM_JOIN_STATE_H
#define MR_OPERATORS_STREAM_JOIN_STATE_H

#include "operators/stream_join.h"
#include "operators/stream_join_rows.h"

#define MR_STREAM_JOIN_FORMAT 1
#define MR_JOIN_COUNTS 64 /* of live rows by expiry */

struct mr_join_count {
    int64_t upto_us; /* rows with an expiry above the one before, up to this */
    int64_t rows;
};
struct mr_stream_join_state {
    struct mr_operator *op;
    const struct mr_stream_join_config *config;
    struct mr_join_rows rows;
    int outer_sides; /* bit by side: rows that have had no partner come out when they expire */
    bool complete;
    int64_t stored_until_us;                      /* what is stored and not in memory has expired by then */
    struct mr_join_count outside[MR_JOIN_COUNTS]; /* rows stored and not in memory */
    int outside_count;
    uint32_t next_pack, first_own_pack; /* packs from first_own_pack on were written from what is in memory */
    int stale_partitions;
    struct mr_group **dirty;
    int64_t dirty_count, dirty_capacity;
    int64_t expired_us;   /* the checkpoint knows that this has expired */
    double written_share; /* what the last decision took of a byte that was not written: some is compressed */
    bool dropping;        /* the cache is dropped when what was written is durable */
    /* Rows that pass: those of the last decision, in so many values of this batch, the last expires then. */
    int64_t passing_batch, passing_upto_us;
    uint32_t passing_values;
    bool passing_unknown; /* there are values that another process wrote */
};
/* For the rows of this instance in memory. */
static inline size_t mr_stream_join_memory_limit(const struct mr_operator *op)
{
    return op->memory_limit_bytes ? op->memory_limit_bytes : (size_t)64 << 20;
}
int mr_stream_join_state_open(struct mr_stream_join_state *state, struct mr_operator *op, int outer_sides,
                              struct mr_error *error);
void mr_stream_join_state_close(struct mr_stream_join_state *state);
/* Reads what the checkpoint holds of this side for the keys that have not been read yet. */
int mr_stream_join_state_load(struct mr_stream_join_state *state, int side, struct mr_group *const *groups,
                              int64_t count, int64_t expired_us, struct mr_error *error);
/* Reads all rows that come out when they expire in (after, upto], the earliest first. let_go is asked to
 * remove rows from memory, those that expire by upto_us, whenever there are too many. */
int mr_stream_join_state_load_expiring(struct mr_stream_join_state *state, int64_t after_us, int64_t upto_us,
                                       int (*let_go)(struct mr_operator *op, int64_t upto_us,
                                                     struct mr_error *error),
                                       struct mr_error *error);
/* The key has something to write. */
int mr_stream_join_state_touch(struct mr_stream_join_state *state, struct mr_group *group,
                               struct mr_error *error);
/* Rows at or before have gone from memory. */
void mr_stream_join_state_expired(struct mr_stream_join_state *state, int64_t expired_us);
int mr_stream_join_state_write(struct mr_stream_join_state *state, struct mr_decision *decision,
                               int64_t expired_us, struct mr_error *error);
/* What was written is durable: the cache may be dropped. */
void mr_stream_join_state_decided(struct mr_stream_join_state *state);
int64_t mr_stream_join_state_rows(const struct mr_stream_join_state *state); /* live, stored or not */

#endif
