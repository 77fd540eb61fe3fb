/* operators/sink.c: the end of a job: rows go to the sink, each worker's on its own. */
#include "operators/operator.h"

static int sink_open(struct mr_operator *op, struct mr_error *error)
{
    if (!op->sink)
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "A sink operator was given no sink.");
    return MR_OK;
}

static int sink_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    (void)input;
    op->metrics.rows_in += batch->length;
    return batch->length > 0 ? op->sink->type->write(op->sink, op->worker, batch, error) : MR_OK;
}

static void sink_close(struct mr_operator *op)
{
    (void)op;
}

const struct mr_operator_type mr_sink_operator = {
    .name = "sink",
    .flags = MR_OP_TERMINAL,
    .open = sink_open,
    .push = sink_push,
    .close = sink_close,
};
