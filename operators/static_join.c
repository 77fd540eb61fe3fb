/* operators/static_join.c: joins a stream with a static side that is held in memory as a whole. The stream is
 * not exchanged: every worker looks into the same table, which nobody changes during a micro-batch. */
#include "operators/common.h"
#include "operators/join_probe.h"

/* ---- the static side ---- */
struct static_table {
    struct mr_batch *batches;
    int64_t count, capacity;
    size_t bytes;
};

static void drop_batches(struct static_table *table)
{
    for (int64_t i = 0; i < table->count; i++)
        mr_batch_release(&table->batches[i]);
    table->count = 0;
    table->bytes = 0;
}

static int table_open(struct mr_operator *op, struct mr_error *error)
{
    return mr_operator_context(op, sizeof(struct static_table), error);
}

static int table_begin(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_static_table_config *config = op->node->config;
    (void)error;
    drop_batches(op->ctx);
    mr_static_rows_release(config->rows);
    return MR_OK;
}

/* What the table over the rows takes beside them: a hash, a chain link and up to four heads of chains. */
#define INDEX_BYTES 28

static int table_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_static_table_config *config = op->node->config;
    struct static_table *table = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (table->count == table->capacity) {
        int64_t capacity = table->capacity ? 2 * table->capacity : 16;
        struct mr_batch *grown = mr_reallocate(table->batches, sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        table->batches = grown;
        table->capacity = capacity;
    }
    struct mr_batch *copy = &table->batches[table->count];
    MR_TRY(mr_batch_copy(copy, batch, error));
    table->count++;
    table->bytes += mr_batch_bytes(copy) + INDEX_BYTES * (size_t)copy->length;
    if (config->rows->limit_bytes == 0 || table->bytes <= config->rows->limit_bytes)
        return MR_OK;
    drop_batches(table);
    return mr_error_set(error, MR_E_UNSUPPORTED, "_LEGACY_ERROR_TEMP_2249",
                        "The static side of the join, %s, takes more than %zu MiB, which is what of the "
                        "memory limit a join may hold. Select fewer columns or rows of it before joining, or "
                        "raise the memory limit.",
                        config->rows->name, config->rows->limit_bytes >> 20);
}

static int table_finish(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_static_table_config *config = op->node->config;
    struct static_table *table = op->ctx;
    int status = mr_join_table_gather(&config->rows->table, mr_operator_input(op, 0), table->batches,
                                      table->count, error);
    if (status >= 0)
        status = mr_join_table_index(&config->rows->table, config->join, error);
    drop_batches(table);
    return status;
}

static void table_close(struct mr_operator *op)
{
    struct static_table *table = op->ctx;
    if (!table)
        return;
    drop_batches(table);
    mr_free(table->batches);
    mr_free(table);
    op->ctx = NULL;
}

void mr_static_rows_release(struct mr_static_rows *rows)
{
    mr_join_table_release(&rows->table);
}

const struct mr_operator_type mr_static_table_operator = {.name = "staticTable",
                                                          .flags = MR_OP_SINGLE | MR_OP_TERMINAL,
                                                          .open = table_open,
                                                          .begin = table_begin,
                                                          .push = table_push,
                                                          .finish = table_finish,
                                                          .close = table_close};

/* ---- the stream ---- */
static int join_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_static_join_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct mr_join_probe), error));
    struct mr_join_probe *probe = op->ctx;
    MR_TRY(mr_join_probe_open(probe, &config->join, mr_operator_input(op, 0), config->right, op->session,
                              error));
    probe->table = &config->rows->table;
    return MR_OK;
}

static int join_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    (void)input;
    op->metrics.rows_in += batch->length;
    return mr_join_probe_left(op, op->ctx, batch, error);
}

static void join_close(struct mr_operator *op)
{
    if (!op->ctx)
        return;
    mr_join_probe_close(op->ctx);
    mr_free(op->ctx);
    op->ctx = NULL;
}

const struct mr_operator_type mr_static_join_operator = {.name = "staticJoin",
                                                         .open = join_open,
                                                         .push = join_push,
                                                         .close = join_close};
