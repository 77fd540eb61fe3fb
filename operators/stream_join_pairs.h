/* operators/stream_join_pairs.h: pairs of a row that comes and a row that is kept, made into output. Private
 * to stream_join*.c. */
#ifndef MR_OPERATORS_STREAM_JOIN_PAIRS_H
#define MR_OPERATORS_STREAM_JOIN_PAIRS_H

#include "operators/stream_join_state.h"

struct mr_join_pairs {
    struct mr_operator *op;
    struct mr_stream_join_state *state;
    struct mr_evaluator *condition; /* NULL: none */
    const struct mr_type *schema;   /* columns of both sides, nullable */
    int side;                       /* of the rows that come */
    const struct mr_batch *batch;   /* of them */
    uint8_t *has_partner;           /* per row of the batch; of that side's rows that are marked */
    bool marks_coming, marks_kept;
    int64_t count;
    uint64_t outputs; /* batches made so far */
    int32_t coming[MR_BATCH_ROWS];
    struct mr_join_row *kept[MR_BATCH_ROWS];
    int32_t passed[MR_BATCH_ROWS];
    const char *at[MR_BATCH_ROWS], *ends[MR_BATCH_ROWS];
};
/* Tests the pairs collected so far, marks rows that have found a partner, emits what is to be emitted. */
int mr_join_pairs_take(struct mr_join_pairs *pairs, struct mr_error *error);
/* Rows of one side beside NULLs: of the batch by number, or kept ones. */
int mr_join_emit_alone(struct mr_join_pairs *pairs, const struct mr_batch *batch, const int32_t *rows,
                       int64_t count, int side, struct mr_error *error);
int mr_join_emit_kept(struct mr_join_pairs *pairs, struct mr_join_row *const *rows, int64_t count, int side,
                      struct mr_error *error);

#endif
