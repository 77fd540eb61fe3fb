/* operators/session_partial.c: aggregation by sessions before the exchange: one record per key, session and
 * worker instead of one per row.
 *
 * Only for aggregates that do not tell in which order rows come (mr_aggregate_tells_order); the others go
 * through the plain partial aggregation, row by row, and are put in order behind the exchange. A key's
 * sessions are listed from the latest to the earliest, so that rows in order find theirs at once. Late rows
 * are left alone: the operator behind the exchange drops and counts them, and they must not make a session
 * longer. */
#include "operators/session_table.h"

struct partial {
    struct mr_session_table table;
    struct mr_aggregate_input input;
    struct mr_group **keys; /* scratch: of the rows of a batch */
    int64_t capacity;
    struct mr_group *sessions[MR_BATCH_ROWS];
};

static int partial_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct partial), error));
    struct partial *partial = op->ctx;
    int groups = config->aggregate.group_count;
    const struct mr_type **types = mr_allocate(sizeof(void *) * (size_t)(groups + 1));
    if (!types)
        return mr_error_memory(error, sizeof(void *) * (size_t)groups);
    for (int g = 0; g < groups; g++)
        types[g] = mr_operator_input(op, 0)->fields[config->aggregate.group_columns[g]].type;
    int status = mr_session_table_init(&partial->table, config, types, error);
    mr_free(types);
    return status < 0 ? status
                      : mr_aggregate_input_open(&partial->input, &config->aggregate, op->session, error);
}

/* The session touches the one listed behind it (now): that one becomes part of it. Rows of the batch in hand
 * find the way by `next`. */
static int absorb(struct mr_session_table *table, struct mr_group *session, struct mr_error *error)
{
    struct mr_group *other = session->next;
    int64_t *times = mr_session_times(session), *others = mr_session_times(other);
    MR_TRY(mr_group_table_merge_group(&table->states, session, other, error));
    times[0] = others[0] < times[0] ? others[0] : times[0];
    times[1] = others[1] > times[1] ? others[1] : times[1];
    session->next = other->next;
    other->flags = MR_GROUP_REMOVED;
    other->next = session;
    table->states.live--;
    return MR_OK;
}

/* The session of the key that a row of [start, end) belongs to. */
static int place(struct mr_session_table *table, struct mr_group *key, int64_t start_us, int64_t end_us,
                 struct mr_group **out, struct mr_error *error)
{
    struct mr_group *before = NULL, *session = key->next;
    while (session && mr_session_times(session)[0] > end_us) {
        before = session;
        session = session->next;
    }
    if (!session || mr_session_times(session)[1] < start_us) {
        struct mr_group *made = NULL;
        MR_TRY(mr_session_table_new(table, key, start_us, end_us, &made, error));
        made->next = session;
        if (before)
            before->next = made;
        else
            key->next = made;
        *out = made;
        return MR_OK;
    }
    int64_t *times = mr_session_times(session);
    times[0] = start_us < times[0] ? start_us : times[0];
    times[1] = end_us > times[1] ? end_us : times[1];
    while (session->next && mr_session_times(session->next)[1] >= times[0])
        MR_TRY(absorb(table, session, error));
    *out = session;
    return MR_OK;
}

static int place_rows(struct mr_operator *op, const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    struct partial *partial = op->ctx;
    const struct mr_column *window = batch->columns[config->aggregate.group_columns[config->session_group]];
    const int64_t *starts = window->children[0]->i64, *ends = window->children[1]->i64;
    int64_t late_us = config->aggregate.event_time_group >= 0 ? op->late_us : MR_NO_WATERMARK;
    struct mr_group **sessions = partial->input.groups;
    for (int64_t row = 0; row < batch->length; row++) {
        if (ends[row] <= late_us)
            MR_TRY(mr_session_table_new(&partial->table, partial->keys[row], starts[row], ends[row],
                                        &sessions[row], error));
        else
            MR_TRY(place(&partial->table, partial->keys[row], starts[row], ends[row], &sessions[row], error));
    }
    for (int64_t row = 0; row < batch->length; row++)
        while (sessions[row]->flags & MR_GROUP_REMOVED)
            sessions[row] = sessions[row]->next;
    return MR_OK;
}

static int emit_sessions(struct mr_operator *op, int64_t count, struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    struct partial *partial = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = count;
    int status = mr_session_table_columns(&partial->table, partial->sessions, count, out.columns, error);
    if (status >= 0)
        status = mr_group_table_states(&partial->table.states, partial->sessions, count,
                                       &out.columns[config->aggregate.group_count], error);
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
        count = mr_group_table_next(&partial->table.states, &cursor, partial->sessions, MR_BATCH_ROWS);
        if (count > 0)
            MR_TRY(emit_sessions(op, count, error));
    } while (count > 0);
    mr_session_table_clear(&partial->table);
    return MR_OK;
}

static int partial_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                        struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    struct partial *partial = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (batch->length == 0)
        return MR_OK;
    MR_TRY(mr_aggregate_input_reserve(&partial->input, batch->length, error));
    if (partial->capacity < batch->length) {
        mr_free(partial->keys);
        partial->keys = mr_allocate(sizeof(void *) * (size_t)batch->length);
        partial->capacity = partial->keys ? batch->length : 0;
        if (!partial->keys)
            return mr_error_memory(error, sizeof(void *) * (size_t)batch->length);
    }
    MR_TRY(mr_session_table_find(&partial->table, batch, config->aggregate.group_columns, NULL, NULL,
                                 partial->keys, error));
    MR_TRY(place_rows(op, batch, error));
    MR_TRY(mr_aggregate_input_update(&partial->input, &partial->table.states, batch, error));
    return mr_session_table_bytes(&partial->table) > mr_partial_table_bytes(op) ? empty_table(op, error)
                                                                                : MR_OK;
}

static void partial_close(struct mr_operator *op)
{
    struct partial *partial = op->ctx;
    if (!partial)
        return;
    mr_aggregate_input_close(&partial->input);
    mr_session_table_release(&partial->table);
    mr_free(partial->keys);
    mr_free(partial);
    op->ctx = NULL;
}

const struct mr_operator_type mr_partial_session_operator = {.name = "partialSession",
                                                             .open = partial_open,
                                                             .push = partial_push,
                                                             .finish = empty_table,
                                                             .close = partial_close};
