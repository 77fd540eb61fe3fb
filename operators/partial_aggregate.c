/* operators/partial_aggregate.c: aggregation before the exchange: one record per group and worker instead of
 * one per row.
 *
 * Emits the group columns and one BINARY column with the states, as mr_group_table_encode writes them. The
 * table is emptied at the end of every micro-batch, and earlier when it has grown large. */
#include "operators/aggregate_input.h"

#define TABLE_BYTES (8u << 20)

struct partial {
    struct mr_group_table table;
    struct mr_aggregate_input input;
    struct mr_group **records;
};

static int partial_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct partial), error));
    struct partial *partial = op->ctx;
    const struct mr_type **types = mr_allocate(sizeof(void *) * (size_t)(config->group_count + 1));
    if (!types)
        return mr_error_memory(error, sizeof(void *) * (size_t)config->group_count);
    for (int g = 0; g < config->group_count; g++)
        types[g] = mr_operator_input(op, 0)->fields[config->group_columns[g]].type;
    int status = mr_group_table_init(&partial->table, types, config->group_count, config->aggregates,
                                     config->aggregate_count, error);
    mr_free(types);
    if (status < 0)
        return status;
    partial->records = mr_allocate(sizeof(void *) * MR_BATCH_ROWS);
    if (!partial->records)
        return mr_error_memory(error, sizeof(void *) * MR_BATCH_ROWS);
    return mr_aggregate_input_open(&partial->input, config, op->session, error);
}

static int emit_records(struct mr_operator *op, int64_t count, struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct partial *partial = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = count;
    int status = mr_group_table_keys(&partial->table, partial->records, count, out.columns, error);
    if (status >= 0)
        status = mr_group_table_states(&partial->table, partial->records, count,
                                       &out.columns[config->group_count], error);
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int empty_table(struct mr_operator *op, struct mr_error *error)
{
    struct partial *partial = op->ctx;
    struct mr_group_cursor cursor = {0};
    int64_t count;
    do {
        count = mr_group_table_next(&partial->table, &cursor, partial->records, MR_BATCH_ROWS);
        if (count > 0)
            MR_TRY(emit_records(op, count, error));
    } while (count > 0);
    mr_group_table_clear(&partial->table);
    return MR_OK;
}

static int partial_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                        struct mr_error *error)
{
    struct partial *partial = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(mr_aggregate_input_add(&partial->input, &partial->table, batch, error));
    if (mr_group_table_bytes(&partial->table) > TABLE_BYTES)
        return empty_table(op, error);
    return MR_OK;
}

static void partial_close(struct mr_operator *op)
{
    struct partial *partial = op->ctx;
    if (!partial)
        return;
    mr_aggregate_input_close(&partial->input);
    mr_group_table_release(&partial->table);
    mr_free(partial->records);
    mr_free(partial);
    op->ctx = NULL;
}

const struct mr_operator_type mr_partial_aggregate_operator = {.name = "partialAggregate",
                                                               .open = partial_open,
                                                               .push = partial_push,
                                                               .finish = empty_table,
                                                               .close = partial_close};
