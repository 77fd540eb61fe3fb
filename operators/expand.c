/* operators/expand.c: several projections of every row (sliding windows, rollup, cube, grouping sets). */
#include "operators/common.h"

struct expand {
    struct mr_evaluator **projections; /* per projection: its columns, then its condition if any */
    struct mr_column **columns;
    int32_t *rows;
    int64_t capacity;
};

static int expand_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_expand_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct expand), error));
    struct expand *expand = op->ctx;
    expand->projections = mr_allocate_zeroed(sizeof(void *) * (size_t)(config->projection_count + 1));
    expand->columns = mr_allocate_zeroed(sizeof(void *) * (size_t)(config->column_count + 1));
    const struct mr_expression **all = mr_allocate(sizeof(void *) * (size_t)(config->column_count + 1));
    int status = MR_OK;
    if (!expand->projections || !expand->columns || !all)
        status = mr_error_memory(error, sizeof(void *) * (size_t)config->column_count);
    for (int p = 0; status >= 0 && p < config->projection_count; p++) {
        int count = config->column_count;
        memcpy(all, config->projections[p], sizeof(void *) * (size_t)count);
        if (config->conditions && config->conditions[p])
            all[count++] = config->conditions[p];
        status = mr_evaluator_open(&expand->projections[p], all, count, op->session, error);
    }
    mr_free(all);
    return status;
}

static int emit_where(struct mr_operator *op, struct mr_batch *out, const struct mr_column *condition,
                      struct mr_error *error)
{
    struct expand *expand = op->ctx;
    if (!condition)
        return mr_operator_emit(op, out, error);
    if (out->length > expand->capacity) {
        mr_free(expand->rows);
        expand->rows = mr_allocate(sizeof(int32_t) * (size_t)out->length);
        expand->capacity = expand->rows ? out->length : 0;
        if (!expand->rows)
            return mr_error_memory(error, sizeof(int32_t) * (size_t)out->length);
    }
    int64_t kept = 0;
    for (int64_t row = 0; row < out->length; row++) {
        expand->rows[kept] = (int32_t)row;
        kept += !mr_column_is_null(condition, row) && condition->booleans[row];
    }
    if (kept == out->length)
        return mr_operator_emit(op, out, error);
    struct mr_batch some;
    MR_TRY(mr_batch_take(out, expand->rows, kept, &some, error));
    int status = mr_operator_emit(op, &some, error);
    mr_batch_release(&some);
    return status;
}

static int expand_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                       struct mr_error *error)
{
    const struct mr_expand_config *config = op->node->config;
    struct expand *expand = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    for (int p = 0; p < config->projection_count; p++) {
        struct mr_batch out;
        MR_TRY(mr_evaluator_run(expand->projections[p], batch, NULL, expand->columns, error));
        struct mr_column *condition =
            config->conditions && config->conditions[p] ? expand->columns[config->column_count] : NULL;
        int status = mr_batch_init(&out, op->node->output, 0, error);
        if (status >= 0) {
            out.length = batch->length;
            memcpy(out.columns, expand->columns, sizeof(void *) * (size_t)config->column_count);
            status = emit_where(op, &out, condition, error);
            mr_batch_release(&out);
        } else {
            for (int c = 0; c < config->column_count; c++)
                mr_column_unref(expand->columns[c]);
        }
        mr_column_unref(condition);
        MR_TRY(status);
    }
    return MR_OK;
}

static void expand_close(struct mr_operator *op)
{
    const struct mr_expand_config *config = op->node->config;
    struct expand *expand = op->ctx;
    if (!expand)
        return;
    for (int p = 0; expand->projections && p < config->projection_count; p++)
        mr_evaluator_close(expand->projections[p]);
    mr_free(expand->projections);
    mr_free(expand->columns);
    mr_free(expand->rows);
    mr_free(expand);
    op->ctx = NULL;
}

const struct mr_operator_type mr_expand_operator = {.name = "expand",
                                                    .open = expand_open,
                                                    .push = expand_push,
                                                    .close = expand_close};
