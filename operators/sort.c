/* operators/sort.c: orders all rows of a micro-batch (batch queries, and complete mode), in memory; with a
 * limit only the first rows are emitted. */
#include "operators/common.h"

#include <stdlib.h>

#include "operators/sort_key.h"

struct sort_row {
    const char *key;
    uint32_t key_size;
    int32_t batch, row;
};
struct sort {
    struct mr_evaluator *evaluator;
    struct mr_batch *batches;
    int batch_count, batch_capacity;
    struct sort_row *rows;
    int64_t row_count, row_capacity;
    struct mr_arena keys;
    struct mr_column **columns; /* scratch: key columns of one batch */
};

static int sort_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_sort_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct sort), error));
    struct sort *sort = op->ctx;
    mr_arena_init(&sort->keys);
    sort->columns = mr_allocate_zeroed(sizeof(void *) * (size_t)(config->count + 1));
    const struct mr_expression **keys = mr_allocate(sizeof(void *) * (size_t)(config->count + 1));
    int status = MR_OK;
    if (!sort->columns || !keys)
        status = mr_error_memory(error, sizeof(void *) * (size_t)config->count);
    for (int k = 0; status >= 0 && k < config->count; k++)
        keys[k] = config->keys[k].expression;
    if (status >= 0)
        status = mr_evaluator_open(&sort->evaluator, keys, config->count, op->session, error);
    mr_free(keys);
    return status;
}

static void forget_rows(struct sort *sort)
{
    for (int b = 0; b < sort->batch_count; b++)
        mr_batch_release(&sort->batches[b]);
    sort->batch_count = 0;
    sort->row_count = 0;
    mr_arena_clear(&sort->keys);
}

static int sort_begin(struct mr_operator *op, struct mr_error *error)
{
    (void)error;
    forget_rows(op->ctx);
    return MR_OK;
}

static int room_for(struct sort *sort, int64_t more, struct mr_error *error)
{
    if (sort->batch_count == sort->batch_capacity) {
        int capacity = sort->batch_capacity ? sort->batch_capacity * 2 : 16;
        struct mr_batch *batches = mr_reallocate(sort->batches, sizeof(*batches) * (size_t)capacity);
        if (!batches)
            return mr_error_memory(error, sizeof(*batches) * (size_t)capacity);
        sort->batches = batches;
        sort->batch_capacity = capacity;
    }
    if (sort->row_count + more > sort->row_capacity) {
        int64_t capacity = (sort->row_count + more) * 2;
        struct sort_row *rows = mr_reallocate(sort->rows, sizeof(*rows) * (size_t)capacity);
        if (!rows)
            return mr_error_memory(error, sizeof(*rows) * (size_t)capacity);
        sort->rows = rows;
        sort->row_capacity = capacity;
    }
    return MR_OK;
}

static int sort_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_sort_config *config = op->node->config;
    struct sort *sort = op->ctx;
    struct mr_text key;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(room_for(sort, batch->length, error));
    MR_TRY(mr_evaluator_run(sort->evaluator, batch, NULL, sort->columns, error));
    mr_text_init(&key);
    int status = mr_batch_copy(&sort->batches[sort->batch_count], batch, error);
    sort->batch_count += status >= 0; /* from here on it is released with the others */
    for (int64_t row = 0; status >= 0 && row < batch->length; row++) {
        mr_text_clear(&key);
        for (int k = 0; k < config->count; k++)
            mr_sort_key_append(&key, config->keys[k].descending, config->keys[k].nulls_first,
                               sort->columns[k], row);
        char *copy = key.failed ? NULL : mr_arena_copy_text(&sort->keys, key.data, key.size);
        if (!copy)
            status = mr_error_memory(error, key.size);
        sort->rows[sort->row_count++] =
            (struct sort_row){copy, (uint32_t)key.size, (int32_t)sort->batch_count - 1, (int32_t)row};
    }
    for (int k = 0; k < config->count; k++)
        mr_column_unref(sort->columns[k]);
    mr_text_release(&key);
    return status;
}

static int compare_rows(const void *left, const void *right)
{
    const struct sort_row *a = left, *b = right;
    int order = mr_sort_key_compare(a->key, a->key_size, b->key, b->key_size);
    if (order == 0) /* as they came */
        order =
            a->batch != b->batch ? (a->batch < b->batch ? -1 : 1) : (a->row < b->row ? -1 : a->row > b->row);
    return order;
}

static int emit_rows(struct mr_operator *op, const struct sort_row *rows, int64_t count,
                     struct mr_error *error)
{
    struct sort *sort = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, op->node->output, count, error));
    int status = MR_OK;
    for (int c = 0; status >= 0 && c < op->node->output->field_count; c++)
        for (int64_t i = 0; status >= 0 && i < count; i++)
            status = mr_column_append(out.columns[c], sort->batches[rows[i].batch].columns[c], rows[i].row,
                                      false, error);
    out.length = count;
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int sort_finish(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_sort_config *config = op->node->config;
    struct sort *sort = op->ctx;
    if (sort->row_count > 0)
        qsort(sort->rows, (size_t)sort->row_count, sizeof(*sort->rows), compare_rows);
    int64_t count = config->limit >= 0 && config->limit < sort->row_count ? config->limit : sort->row_count;
    int status = MR_OK;
    for (int64_t at = 0; status >= 0 && at < count; at += MR_BATCH_ROWS)
        status =
            emit_rows(op, sort->rows + at, count - at < MR_BATCH_ROWS ? count - at : MR_BATCH_ROWS, error);
    forget_rows(sort);
    return status;
}

static void sort_close(struct mr_operator *op)
{
    struct sort *sort = op->ctx;
    if (!sort)
        return;
    forget_rows(sort);
    mr_evaluator_close(sort->evaluator);
    mr_arena_release(&sort->keys);
    mr_free(sort->batches);
    mr_free(sort->rows);
    mr_free(sort->columns);
    mr_free(sort);
    op->ctx = NULL;
}

const struct mr_operator_type mr_sort_operator = {.name = "sort",
                                                  .flags = MR_OP_SINGLE,
                                                  .open = sort_open,
                                                  .begin = sort_begin,
                                                  .push = sort_push,
                                                  .finish = sort_finish,
                                                  .close = sort_close};
