/* operators/stream_join.h: joins of two streams (Spark's symmetricHashJoin). */
#ifndef MR_OPERATORS_STREAM_JOIN_H
#define MR_OPERATORS_STREAM_JOIN_H

#include "operators/join.h"

enum mr_stream_join_expiry {
    MR_EXPIRE_NEVER,    /* no bound can be derived: kept for ever */
    MR_EXPIRE_BY_KEY,   /* a key column is an event time: gone when it is at or before the watermark */
    MR_EXPIRE_BY_VALUE, /* the range condition bounds the side's event time */
};
struct mr_stream_join_side {
    const int *keys; /* columns of the input that are equal to the other side's; the node's exchange keys */
    int width;       /* columns that are output and seen by conditions; what follows are keys */
    int time_column; /* event time of the side: rows at or before the late watermark are dropped; -1: none */
    /* What refers to this side alone: rows that do not satisfy it find no partner and are not kept. NULL:
     * none. Over the input's columns. */
    const struct mr_expression *filter;
    enum mr_stream_join_expiry expiry;
    int expiry_column; /* TIMESTAMP, or STRUCT whose `end` counts */
    /* BY_VALUE: a row goes when its time, rounded up to a millisecond, plus this is at or before the
     * watermark. */
    int64_t shift_us;
    /* BY_VALUE: rows with a later time never go (a condition like `value > 20` bounds them so in Spark, which
     * takes the number for a time); INT64_MAX: all go some day. */
    int64_t latest_us;
};
struct mr_stream_join_config {
    enum mr_join_kind kind; /* not ANTI */
    int key_count;
    struct mr_stream_join_side sides[2];
    const struct mr_expression *condition; /* over the columns of both sides; NULL: none */
};
/* KEYED, two inputs, with state. Output: left columns, right columns (SEMI: left ones only). NULL keys are
 * equal to each other: the planner filters them away where they must not meet. */
extern const struct mr_operator_type mr_stream_join_operator;

#endif
