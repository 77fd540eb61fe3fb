/* operators/common.h: what the operators of this folder share. */
#ifndef MR_OPERATORS_COMMON_H
#define MR_OPERATORS_COMMON_H

#include "operators/operator.h"

/* ctx of at least size bytes, zeroed, in op->ctx; freed by close with mr_free. */
static inline int mr_operator_context(struct mr_operator *op, size_t size_bytes, struct mr_error *error)
{
    op->ctx = mr_allocate_zeroed(size_bytes);
    return op->ctx ? MR_OK : mr_error_memory(error, size_bytes);
}
static inline int mr_operator_emit(struct mr_operator *op, const struct mr_batch *batch,
                                   struct mr_error *error)
{
    if (batch->length == 0)
        return MR_OK;
    op->metrics.rows_out += batch->length;
    return op->emit(op, batch, error);
}
static inline const struct mr_type *mr_operator_input(const struct mr_operator *op, int input)
{
    return op->node->inputs[input]->output;
}

#endif
