/* operators/show_state.h: rows of state for people. Not for other folders. */
#ifndef MR_OPERATORS_SHOW_STATE_H
#define MR_OPERATORS_SHOW_STATE_H

#include "operators/group_table.h"
#include "operators/operator.h"

/* STRUCT<key: STRUCT<…>, value: STRUCT<…>>; the fields are copied. NULL: no memory. */
const struct mr_type *mr_shown_type(struct mr_arena *arena, const struct mr_field *keys, int key_count,
                                    const struct mr_field *values, int value_count);
/* The fields that group columns and aggregates give; in the arena. input: of the aggregates' arguments. */
const struct mr_type *mr_shown_aggregate_type(const struct mr_node *node, int group_count,
                                              const struct mr_aggregate *const *aggregates,
                                              int aggregate_count, const struct mr_type *input,
                                              struct mr_arena *arena);
/* A batch of that type whose two STRUCT columns hold `count` rows, none NULL; the children are the caller's
 * to set (they are NULL). Release it in any case. */
int mr_shown_batch(struct mr_batch *out, const struct mr_type *type, int64_t count, struct mr_error *error);

#endif
