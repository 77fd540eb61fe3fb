/* operators/aggregate_input.h: evaluating aggregate arguments and updating states; what the partial
 * aggregation does per batch. */
#ifndef MR_OPERATORS_AGGREGATE_INPUT_H
#define MR_OPERATORS_AGGREGATE_INPUT_H

#include "operators/common.h"
#include "operators/group_table.h"

struct mr_aggregate_input {
    const struct mr_aggregate_config *config;
    struct mr_evaluator
        *evaluator; /* arguments of all aggregates, each followed by its filter if any; NULL: none */
    struct mr_column **values;
    int value_count;
    int64_t capacity; /* rows the arrays below have room for */
    struct mr_group **groups;
    struct mr_group **filtered; /* groups and rows that pass an aggregate's FILTER */
    int32_t *rows;
};
int mr_aggregate_input_open(struct mr_aggregate_input *input, const struct mr_aggregate_config *config,
                            const struct mr_session *session, struct mr_error *error);
/* Finds or makes the group of every row and updates all states. The groups' hashes are the table's own. */
int mr_aggregate_input_add(struct mr_aggregate_input *input, struct mr_group_table *table,
                           const struct mr_batch *batch, struct mr_error *error);
/* In two steps, for those who find the groups themselves: room for input->groups of a batch, and, once groups
 * are there, the update of their states, which lie in the records of table. */
int mr_aggregate_input_reserve(struct mr_aggregate_input *input, int64_t length, struct mr_error *error);
int mr_aggregate_input_update(struct mr_aggregate_input *input, struct mr_group_table *table,
                              const struct mr_batch *batch, struct mr_error *error);
void mr_aggregate_input_close(struct mr_aggregate_input *input);
/* How large the table before the exchange may grow before it is emptied. */
static inline size_t mr_partial_table_bytes(const struct mr_operator *op)
{
    size_t most = (size_t)8 << 20, share = op->memory_limit_bytes / 4;
    return share > 0 && share < most ? share : most;
}
/* hashes[row] over the key columns, as the exchange computes them; 0 without columns. */
void mr_hash_keys(struct mr_column *const *columns, int count, int64_t length, uint64_t *hashes);

#endif
