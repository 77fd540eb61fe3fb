/* operators/limit.c: the first rows: of the whole query, by a count that lives as long as the query
 * (globalLimit), or of every micro-batch (limit). */
#include "operators/common.h"

#define LIMIT_FORMAT 1

struct limit {
    int64_t taken; /* rows let through or skipped, ever */
    bool dirty;
    bool loaded;
};

static void state_key(const struct mr_operator *op, char key[3])
{
    key[0] = (char)(op->node->id >> 8);
    key[1] = (char)op->node->id;
    key[2] = 0;
}

static int limit_open(struct mr_operator *op, struct mr_error *error)
{
    MR_TRY(mr_operator_context(op, sizeof(struct limit), error));
    struct limit *limit = op->ctx;
    if (!op->checkpoint)
        return MR_OK;
    char key[3];
    state_key(op, key);
    struct mr_str name = {key, sizeof(key)}, value = {0};
    struct mr_arena arena;
    mr_arena_init(&arena);
    int status = mr_checkpoint_get_many(op->checkpoint, MR_FAMILY_STATE, &name, 1, &arena, &value, error);
    if (status >= 0 && value.data && value.size == 9 && value.data[0] == LIMIT_FORMAT)
        memcpy(&limit->taken, value.data + 1, 8);
    else if (status >= 0 && value.data)
        status =
            mr_error_set(error, MR_E_CORRUPT, "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                         "The row count of LIMIT in the checkpoint is not one of this program's format.");
    mr_arena_release(&arena);
    return status;
}

static int limit_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_limit_config *config = op->node->config;
    struct limit *limit = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    int64_t skip = config->offset - limit->taken;
    int64_t first = skip < 0 ? 0 : skip > batch->length ? batch->length : skip;
    int64_t count = batch->length - first;
    if (config->limit >= 0) {
        int64_t left = config->offset + config->limit - limit->taken - first;
        count = left < 0 ? 0 : left < count ? left : count;
    }
    limit->taken += first + count;
    limit->dirty = limit->dirty || first + count > 0;
    op->metrics.rows_updated = op->metrics.rows_updated || first + count > 0; /* the one count that is kept */
    if (count == 0)
        return MR_OK;
    if (count == batch->length)
        return mr_operator_emit(op, batch, error);
    struct mr_batch out;
    MR_TRY(mr_batch_slice(batch, first, count, &out, error));
    int status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int limit_finish(struct mr_operator *op, struct mr_error *error)
{
    (void)error;
    op->metrics.rows_total = ((struct limit *)op->ctx)->taken > 0; /* one count, once there is one */
    return MR_OK;
}

static int limit_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct limit *limit = op->ctx;
    char key[3], value[9] = {LIMIT_FORMAT};
    (void)error;
    if (!limit->dirty)
        return MR_OK;
    state_key(op, key);
    memcpy(value + 1, &limit->taken, 8);
    mr_decision_put(decision, MR_FAMILY_STATE, (struct mr_str){key, sizeof(key)},
                    (struct mr_str){value, sizeof(value)});
    limit->dirty = false;
    return MR_OK;
}

static void limit_close(struct mr_operator *op)
{
    mr_free(op->ctx);
    op->ctx = NULL;
}

static void limit_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    const struct mr_limit_config *config = node->config;
    mr_text_format(out, "limit %lld offset %lld", (long long)config->limit, (long long)config->offset);
}

const struct mr_operator_type mr_limit_operator = {.name = "globalLimit",
                                                   .flags = MR_OP_STATEFUL | MR_OP_SINGLE,
                                                   .open = limit_open,
                                                   .push = limit_push,
                                                   .finish = limit_finish,
                                                   .flush = limit_flush,
                                                   .fingerprint = limit_fingerprint,
                                                   .close = limit_close};

static int batch_limit_open(struct mr_operator *op, struct mr_error *error)
{
    return mr_operator_context(op, sizeof(struct limit), error);
}

static int batch_limit_begin(struct mr_operator *op, struct mr_error *error)
{
    struct limit *limit = op->ctx;
    (void)error;
    limit->taken = 0;
    return MR_OK;
}

const struct mr_operator_type mr_batch_limit_operator = {.name = "limit",
                                                         .flags = MR_OP_SINGLE,
                                                         .open = batch_limit_open,
                                                         .begin = batch_limit_begin,
                                                         .push = limit_push,
                                                         .close = limit_close};
