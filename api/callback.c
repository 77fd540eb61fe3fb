/* api/callback.c: a sink that hands the rows of every published micro-batch to a function of the program.
 *
 * The function keeps no register that we could read, so a batch whose delivery was not recorded is delivered
 * again after a crash (MR_SINK_NO_REGISTER); it carries query id and batch number, by which a receiver that
 * stores them tells. */
#include "sinks/row_log.h"

#include "api/job.h"

struct callback_sink {
    const struct mr_api_output *output;
    struct mr_row_log *log;
};

static void callback_close(struct mr_sink *sink)
{
    struct callback_sink *self = sink->ctx;
    if (self)
        mr_row_log_close(self->log);
    mr_free(self);
    sink->ctx = NULL;
}

static int callback_open(struct mr_sink *sink, struct mr_error *error)
{
    const struct mr_api_output *output = sink->ctx;
    struct callback_sink *self = mr_allocate_zeroed(sizeof *self);
    if (!self)
        return mr_error_memory(error, sizeof *self);
    self->output = output;
    int status = mr_row_log_open(&self->log, sink, -1, false, error);
    if (status < 0)
        mr_free(self);
    else
        sink->ctx = self;
    return status;
}

static int callback_begin(struct mr_sink *sink, int64_t batch, struct mr_error *error)
{
    return mr_row_log_begin(((struct callback_sink *)sink->ctx)->log, batch, error);
}

static int callback_write(struct mr_sink *sink, int worker, const struct mr_batch *batch,
                          struct mr_error *error)
{
    return mr_row_log_write(((struct callback_sink *)sink->ctx)->log, worker, batch, error);
}

static int callback_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                            const struct mr_register *predecessor, struct mr_text *manifest,
                            struct mr_error *error)
{
    (void)predecessor;
    size_t before = manifest->size;
    struct callback_sink *self = sink->ctx;
    MR_TRY(mr_row_log_prepare(self->log, batch, decision_id, manifest, error));
    sink->metrics = (struct mr_sink_metrics){.rows = -1, .bytes = (int64_t)(manifest->size - before)};
    return MR_OK;
}

struct delivery {
    const struct mr_sink *sink;
    const struct mr_api_output *output;
    struct mr_row_manifest head;
};

static int deliver(void *ctx, int64_t batch, struct mr_batch *rows, int64_t more, struct mr_error *error)
{
    struct delivery *delivery = ctx;
    struct millrace_rows given = {.batch = *rows, .zone = delivery->sink->zone, .number = batch};
    (void)more;
    memcpy(given.query_id, delivery->head.query_id, sizeof given.query_id);
    if (rows->length == 0 && delivery->sink->mode != MR_MODE_COMPLETE)
        return MR_OK;
    int result = delivery->output->function(delivery->output->function_ctx, &given);
    if (result == 0)
        return MR_OK;
    mr_error_set(error, MR_E_IO, "FOREACH_BATCH_USER_FUNCTION_ERROR",
                 "The program's function returned %d for micro-batch %lld. It is decided, and will be "
                 "delivered again by the next run.",
                 result, (long long)batch);
    mr_error_parameter(error, "reason", "%d", result);
    return error->code;
}

static int callback_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error)
{
    const struct callback_sink *self = sink->ctx;
    struct delivery delivery = {.sink = sink, .output = self->output};
    return mr_row_manifest_read(manifest, sink->schema, &delivery.head, deliver, &delivery, error);
}

static void callback_abandon(struct mr_sink *sink)
{
    mr_row_log_abandon(((struct callback_sink *)sink->ctx)->log);
}

static void callback_describe(struct mr_sink *sink, struct mr_text *out)
{
    mr_text_format(out, "CallbackSink[%s]", sink->name);
}

const struct mr_sink_type mr_api_callback_sink = {
    .name = "callback",
    .modes = 1U << MR_MODE_APPEND | 1U << MR_MODE_UPDATE | 1U << MR_MODE_COMPLETE,
    .flags = MR_SINK_NO_REGISTER,
    .open = callback_open,
    .begin = callback_begin,
    .write = callback_write,
    .prepare = callback_prepare,
    .publish = callback_publish,
    .abandon = callback_abandon,
    .describe = callback_describe,
    .close = callback_close,
};
