/* operators/batch_join.c: joins two batch inputs. What comes is kept; at the end the right side goes into a
 * hash table by its keys and the left side's rows look for partners in it. */
#include "operators/common.h"
#include "operators/join_probe.h"

struct batch_join {
    struct mr_batch *batches[2];
    int64_t batch_count[2], batch_capacity[2];
    struct mr_join_table right;
    struct mr_join_probe probe;
};

static int join_open(struct mr_operator *op, struct mr_error *error)
{
    MR_TRY(mr_operator_context(op, sizeof(struct batch_join), error));
    struct batch_join *join = op->ctx;
    return mr_join_probe_open(&join->probe, op->node->config, mr_operator_input(op, 0),
                              mr_operator_input(op, 1), op->session, error);
}

static int join_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    struct batch_join *join = op->ctx;
    op->metrics.rows_in += batch->length;
    if (join->batch_count[input] == join->batch_capacity[input]) {
        int64_t capacity = join->batch_capacity[input] ? 2 * join->batch_capacity[input] : 16;
        struct mr_batch *grown = mr_reallocate(join->batches[input], sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        join->batches[input] = grown;
        join->batch_capacity[input] = capacity;
    }
    MR_TRY(mr_batch_copy(&join->batches[input][join->batch_count[input]], batch, error));
    join->batch_count[input]++;
    return MR_OK;
}

/* ---- the end of the inputs ---- */
static void forget(struct batch_join *join)
{
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < join->batch_count[side]; i++)
            mr_batch_release(&join->batches[side][i]);
        join->batch_count[side] = 0;
    }
    mr_join_table_release(&join->right);
    mr_free(join->probe.right_matched);
    join->probe.right_matched = NULL;
}

static int prepare(struct mr_operator *op, struct batch_join *join, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    MR_TRY(mr_join_table_gather(&join->right, mr_operator_input(op, 1), join->batches[1],
                                join->batch_count[1], error));
    join->batch_count[1] = 0;
    MR_TRY(mr_join_table_index(&join->right, config, error));
    join->probe.table = &join->right;
    if (config->kind != MR_JOIN_RIGHT && config->kind != MR_JOIN_FULL)
        return MR_OK;
    join->probe.right_matched = mr_allocate_zeroed((size_t)join->right.rows.length + 1);
    return join->probe.right_matched ? MR_OK : mr_error_memory(error, (size_t)join->right.rows.length);
}

static int join_finish(struct mr_operator *op, struct mr_error *error)
{
    struct batch_join *join = op->ctx;
    int status = prepare(op, join, error);
    for (int64_t i = 0; i < join->batch_count[0] && status == MR_OK; i++)
        status = mr_join_probe_left(op, &join->probe, &join->batches[0][i], error);
    if (status == MR_OK && join->probe.right_matched)
        status = mr_join_probe_right(op, &join->probe, mr_operator_input(op, 0), error);
    forget(join);
    return status;
}

static void join_close(struct mr_operator *op)
{
    struct batch_join *join = op->ctx;
    if (!join)
        return;
    forget(join);
    mr_join_probe_close(&join->probe);
    mr_free(join->batches[0]);
    mr_free(join->batches[1]);
    mr_free(join);
    op->ctx = NULL;
}

const struct mr_operator_type mr_batch_join_operator = {.name = "batchJoin",
                                                        .flags = MR_OP_KEYED,
                                                        .open = join_open,
                                                        .push = join_push,
                                                        .finish = join_finish,
                                                        .close = join_close};
