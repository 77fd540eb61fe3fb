/* operators/project.c: one expression per output column. */
#include "operators/common.h"

static int project_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_project_config *config = op->node->config;
    struct mr_evaluator *evaluator = NULL;
    MR_TRY(mr_evaluator_open(&evaluator, config->expressions, config->count, op->session, error));
    op->ctx = evaluator;
    return MR_OK;
}

static int project_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                        struct mr_error *error)
{
    struct mr_batch out;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = batch->length;
    int status = mr_evaluator_run(op->ctx, batch, NULL, out.columns, error);
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static void project_close(struct mr_operator *op)
{
    mr_evaluator_close(op->ctx);
    op->ctx = NULL;
}

const struct mr_operator_type mr_project_operator = {.name = "project",
                                                     .open = project_open,
                                                     .push = project_push,
                                                     .close = project_close};
