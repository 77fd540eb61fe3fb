/* operators/union.c: all rows of all inputs; their columns have been made alike by the planner. */
#include "operators/common.h"

static int union_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    (void)input;
    op->metrics.rows_in += batch->length;
    return mr_operator_emit(op, batch, error);
}

const struct mr_operator_type mr_union_operator = {.name = "union", .push = union_push};
