/* operators/join_probe.h: rows found by key, and rows that look for partners among them. Shared by the joins
 * that hold one side in memory; not for other folders. */
#ifndef MR_OPERATORS_JOIN_PROBE_H
#define MR_OPERATORS_JOIN_PROBE_H

#include "operators/join.h"

/* ---- the right side ---- */
/* Gathers batches into one: right rows in the order they came. Takes the batches over. */
int mr_join_table_gather(struct mr_join_table *table, const struct mr_type *schema, struct mr_batch *batches,
                         int64_t count, struct mr_error *error);
/* The table over the gathered rows' keys. */
int mr_join_table_index(struct mr_join_table *table, const struct mr_join_config *config,
                        struct mr_error *error);
void mr_join_table_release(struct mr_join_table *table); /* zeroed is fine */

/* ---- the left side ---- */
struct mr_join_pairs { /* candidates of one left batch, then those that passed */
    int32_t left[MR_BATCH_ROWS], right[MR_BATCH_ROWS];
    int32_t passed[MR_BATCH_ROWS];
    int64_t count;
};
struct mr_join_probe {
    const struct mr_join_config *config;
    const struct mr_join_table *table;
    bool *right_matched;            /* per right row, set for those that found a partner; NULL: not wanted */
    struct mr_evaluator *evaluator; /* of the condition; NULL: none */
    const struct mr_type *pair_schema;
    uint64_t *hashes; /* of a left batch's rows */
    bool *left_matched;
    int64_t left_capacity;
    struct mr_join_pairs *pairs;
    struct mr_arena arena;
};
int mr_join_probe_open(struct mr_join_probe *probe, const struct mr_join_config *config,
                       const struct mr_type *left, const struct mr_type *right,
                       const struct mr_session *session, struct mr_error *error);
void mr_join_probe_close(struct mr_join_probe *probe); /* zeroed is fine */
/* Emits what the join makes of a left batch. */
int mr_join_probe_left(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_batch *left,
                       struct mr_error *error);
/* Emits the right rows without a partner, beside NULLs of the left schema. */
int mr_join_probe_right(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_type *left,
                        struct mr_error *error);

#endif
