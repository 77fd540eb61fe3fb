/* operators/aggregate_state.h: how an aggregation's groups lie in the checkpoint.
 *
 * Keys in MR_FAMILY_STATE, all numbers big-endian, times with the sign bit flipped:
 *   id(2) 0x00 partition(2)                  -> format(1) partitions(2) rows(8)
 *                                               live groups of that partition
 *   id(2) 0x01 end(8) key group(2) key…      -> format(1) states…, grouped by an event time
 *   id(2) 0x01 key group(2) key…             -> format(1) states…, otherwise
 *   id(2) 0x04 end(8) partition(2) number(4) -> format(1) size of a record(4) records…
 *                                               see aggregate_pack.c
 * so that all groups of a closing window lie together, ordered by key group, and one range delete drops every
 * window up to a time. */
#ifndef MR_OPERATORS_AGGREGATE_STATE_H
#define MR_OPERATORS_AGGREGATE_STATE_H

#include "operators/aggregate_input.h"

#define MR_AGGREGATE_STATE_FORMAT 1

struct mr_aggregate_state {
    struct mr_operator *op;
    const struct mr_aggregate_config *config;
    struct mr_group_table *table;  /* the cache of groups; owned by the operator */
    struct mr_group_table scratch; /* groups read back only to be emitted */
    int64_t rows;                  /* live groups of this partition, in the checkpoint or not */
    int64_t written_rows;          /* what the checkpoint says; -1: nothing yet */
    int stale_partitions;          /* counts of an earlier layout to be deleted; partition 0 only */
    /* Event times that have groups in the checkpoint; number: how many of this partition, all of which are in
     * the table; -1: not known, nor in the table. */
    struct mr_map persisted;
    bool track;            /* persisted is complete */
    int64_t deleted_us;    /* everything at or before is deleted in the checkpoint */
    struct mr_text packed; /* keys of packed groups that the next decision deletes, one after another */
};
int mr_aggregate_state_open(struct mr_aggregate_state *state, struct mr_operator *op,
                            struct mr_group_table *table, const struct mr_type *const *key_types,
                            struct mr_error *error);
void mr_aggregate_state_close(struct mr_aggregate_state *state);
/* false: the checkpoint surely holds no group of this event time (0 for groups without one) that is not in
 * the table. */
bool mr_aggregate_state_may_hold(const struct mr_aggregate_state *state, int64_t time_us);
/* The table was emptied: what is stored has to be read again. */
void mr_aggregate_state_cache_emptied(struct mr_aggregate_state *state);
/* Merges what the checkpoint holds for these groups (flags become LOADED, and PERSISTED when it held
 * something). */
int mr_aggregate_state_load(struct mr_aggregate_state *state, struct mr_group **groups, int64_t count,
                            struct mr_error *error);
/* Calls emit for all groups of this partition in the checkpoint that are not in the table: with event time in
 * (after, upto], or all when there is none. Returns how many in *count. */
int mr_aggregate_state_scan(struct mr_aggregate_state *state, int64_t after_us, int64_t upto_us,
                            int (*emit)(struct mr_operator *op, struct mr_group_table *table,
                                        struct mr_group **groups, int64_t count, struct mr_error *error),
                            int64_t *count, struct mr_error *error);
/* Hands these groups, and the deletion of everything up to evicted_us (MR_NO_WATERMARK: nothing), to the
 * decision. */
int mr_aggregate_state_write(struct mr_aggregate_state *state, struct mr_decision *decision,
                             struct mr_group **groups, int64_t count, int64_t evicted_us,
                             struct mr_error *error);
/* aggregate_pack.c: dirty groups of one event time, a list by next, as a few values; those packed are clean
 * then, are added to `packed` unless that is NULL, and must stay in the table until the next decision. What
 * was packed by the last decision is deleted. What is found at the start, in the table again: each is called
 * for each group, which is to be made dirty. */
int mr_aggregate_state_pack(struct mr_aggregate_state *state, struct mr_decision *decision, int64_t time_us,
                            struct mr_group *first, struct mr_group_list *packed, struct mr_error *error);
void mr_aggregate_state_drop_packed(struct mr_aggregate_state *state, struct mr_decision *decision);
int mr_aggregate_state_unpack(struct mr_aggregate_state *state,
                              int (*each)(struct mr_operator *op, struct mr_group *group, int64_t time_us,
                                          struct mr_error *error),
                              struct mr_error *error);

#endif
