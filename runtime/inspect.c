/* runtime/inspect.c: see the header. An operator is opened as in a query, with all key groups, and asked. */
#include "runtime/inspect.h"

#include "runtime/record.h"

struct showing {
    int (*each)(void *ctx, const struct mr_batch *rows, struct mr_error *error);
    void *ctx;
};

static int emit(struct mr_operator *op, const struct mr_batch *batch, struct mr_error *error)
{
    struct showing *showing = op->emit_ctx;
    return showing->each(showing->ctx, batch, error);
}

/* late_us: per node of the job, what the last batch evicted; in the arena. */
static int recorded(struct mr_job *job, struct mr_checkpoint *checkpoint, struct mr_arena *arena,
                    int64_t **late_us, struct mr_error *error)
{
    struct mr_decided last;
    struct mr_record record;
    struct mr_watermark watermark;
    MR_TRY(mr_checkpoint_last(checkpoint, arena, &last, error));
    MR_TRY(mr_watermark_init(&watermark, job, arena, error));
    MR_TRY(mr_record_parse(&record, &watermark, job, last.record, arena, error));
    *late_us = MR_ARENA_ARRAY(arena, int64_t, job->node_count + 1);
    if (!*late_us)
        return mr_error_memory(error, sizeof(int64_t) * (size_t)job->node_count);
    mr_watermark_inputs(&watermark, job, watermark.previous_ms, *late_us);
    return MR_OK;
}

static int open_operator(struct mr_operator *op, struct mr_job *job, int at, struct mr_checkpoint *checkpoint,
                         int64_t late_us, struct mr_error *error)
{
    *op = (struct mr_operator){.type = job->nodes[at]->type,
                               .node = job->nodes[at],
                               .partitions = 1,
                               .session = &job->session,
                               .checkpoint = checkpoint,
                               .mode = job->mode,
                               .late_us = late_us,
                               .evict_us = late_us,
                               .emit = emit};
    MR_TRY(op->type->open ? op->type->open(op, error) : MR_OK);
    return op->type->begin ? op->type->begin(op, error) : MR_OK;
}

static bool is_stateful(const struct mr_node *node)
{
    return node->type && node->type->flags & MR_OP_STATEFUL;
}

int mr_inspect_operators(struct mr_job *job, struct mr_checkpoint *checkpoint, struct mr_arena *arena,
                         struct mr_inspected **out, int *count, struct mr_error *error)
{
    int64_t *late_us;
    MR_TRY(recorded(job, checkpoint, arena, &late_us, error));
    *count = 0;
    *out = MR_ARENA_ARRAY(arena, struct mr_inspected, job->node_count + 1);
    if (!*out)
        return mr_error_memory(error, sizeof **out);
    for (int i = 0; i < job->node_count; i++) {
        const struct mr_node *node = job->nodes[i];
        struct mr_operator op;
        if (!is_stateful(node))
            continue;
        int status = open_operator(&op, job, i, checkpoint, late_us[i], error);
        (*out)[(*count)++] = (struct mr_inspected){node->id, node->type->name, op.metrics.rows_total,
                                                   node->type->show_state != NULL};
        if (op.type->close)
            op.type->close(&op);
        MR_TRY(status);
    }
    return MR_OK;
}

static int show(struct mr_operator *op, int side, struct mr_arena *arena, struct mr_error *error)
{
    const struct mr_type *type = op->type->state_type(op->node, side, arena);
    struct mr_batch empty;
    if (!type)
        return mr_error_memory(error, 64);
    MR_TRY(mr_batch_init(&empty, type, 1, error));
    int status = emit(op, &empty, error);
    mr_batch_release(&empty);
    return status < 0 ? status : op->type->show_state(op, side, type, error);
}

int mr_inspect_state(struct mr_job *job, struct mr_checkpoint *checkpoint, int id, enum mr_inspect_side side,
                     int (*each)(void *ctx, const struct mr_batch *rows, struct mr_error *error), void *ctx,
                     struct mr_error *error)
{
    struct showing showing = {each, ctx};
    struct mr_arena arena;
    int64_t *late_us;
    int status = MR_OK, at = 0;
    mr_arena_init(&arena);
    while (at < job->node_count && !(is_stateful(job->nodes[at]) && job->nodes[at]->id == id))
        at++;
    if (at == job->node_count || !job->nodes[at]->type->show_state)
        MR_ERR(mr_error_set(error, MR_E_USAGE, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE",
                            at == job->node_count ? "The query has no stateful operator %d."
                                                  : "Stateful operator %d keeps nothing that can be shown.",
                            id));
    if ((side != MR_INSPECT_ALL) != (job->nodes[at]->input_count == 2))
        MR_ERR(mr_error_set(
            error, MR_E_USAGE, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE",
            side == MR_INSPECT_ALL
                ? "Stateful operator %d is a join of streams: say which side's rows, left or right."
                : "Stateful operator %d is not a join of streams: it has no sides.",
            id));
    MR_ERR(recorded(job, checkpoint, &arena, &late_us, error));
    struct mr_operator op;
    status = open_operator(&op, job, at, checkpoint, late_us[at], error);
    op.emit_ctx = &showing;
    if (status >= 0)
        status = show(&op, side == MR_INSPECT_RIGHT, &arena, error);
    if (op.type->close)
        op.type->close(&op);
err:
    mr_arena_release(&arena);
    return status;
}
