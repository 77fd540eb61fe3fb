/* operators/filter.c: rows whose condition is TRUE. */
#include "operators/common.h"

struct filter {
    struct mr_evaluator *evaluator;
    int32_t *rows;
    int64_t capacity;
};

static int filter_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_filter_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct filter), error));
    struct filter *filter = op->ctx;
    return mr_evaluator_open(&filter->evaluator, &config->condition, 1, op->session, error);
}

static int filter_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                       struct mr_error *error)
{
    struct filter *filter = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (batch->length > filter->capacity) {
        mr_free(filter->rows);
        filter->rows = mr_allocate(sizeof(int32_t) * (size_t)batch->length);
        filter->capacity = filter->rows ? batch->length : 0;
        if (!filter->rows)
            return mr_error_memory(error, sizeof(int32_t) * (size_t)batch->length);
    }
    int64_t kept = 0;
    MR_TRY(mr_evaluator_filter(filter->evaluator, batch, NULL, filter->rows, &kept, error));
    if (kept == batch->length)
        return mr_operator_emit(op, batch, error);
    if (kept == 0)
        return MR_OK;
    struct mr_batch out;
    MR_TRY(mr_batch_take(batch, filter->rows, kept, &out, error));
    int status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static void filter_close(struct mr_operator *op)
{
    struct filter *filter = op->ctx;
    if (!filter)
        return;
    mr_evaluator_close(filter->evaluator);
    mr_free(filter->rows);
    mr_free(filter);
    op->ctx = NULL;
}

const struct mr_operator_type mr_filter_operator = {.name = "filter",
                                                    .open = filter_open,
                                                    .push = filter_push,
                                                    .close = filter_close};
