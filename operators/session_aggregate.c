/* operators/session_aggregate.c: aggregation by session windows behind the exchange, by Spark's rules
 * (reference: Structured Streaming 1.5, 1.6).
 *
 * What comes from before the exchange, [start, end) with states, is kept until the micro-batch ends. Then,
 * key by key, it is merged with the key's sessions in the order of the starts, so that aggregates that tell
 * the order of rows see them in that of event time; sessions that touch become one. APPEND emits sessions
 * that end at or before the watermark, once, and forgets them; COMPLETE emits all, always; so does a batch
 * query. What ends at or before the previous batch's watermark is late, in complete mode too.
 *
 * The table is a write-back cache: a key's stored sessions are read when it is first touched, and the table
 * is emptied when it has grown too large; what is emitted of other keys passes, some at a time. A session
 * made and closed between two decisions is never written. */
#include "operators/session_state.h"
#include "operators/plan_text.h"
#include "operators/show_state.h"

#include <stdlib.h>

struct piece { /* of a session, from before the exchange */
    struct mr_group *key;
    int64_t start_us, end_us;
    struct mr_str states; /* in the arena of pieces */
};
struct session_aggregate {
    const struct mr_type *shown; /* type of the rows of state, when it is shown */
    struct mr_session_table table;
    struct mr_session_state state;
    bool everything; /* emit all sessions every time, evict none */
    bool begun;
    struct piece *pieces;                             /* of this micro-batch */
    int64_t piece_count, piece_capacity, piece_bytes; /* piece_bytes: of their states */
    struct mr_arena piece_arena;
    struct mr_group_list dirty;  /* keys changed since the last flush */
    struct mr_group_list closed; /* scratch */
    int64_t passing_count,
        passing_us;         /* sessions that end at or before passing_us; MR_NO_WATERMARK: not known */
    int64_t flushed_bytes;  /* of the table, at the last flush; less when it has been emptied since */
    uint32_t trimmed_count; /* keys that the last trimming left */
    struct mr_group **keys; /* scratch, per pushed batch */
    uint64_t *hashes;
    int32_t *rows;
    int64_t capacity;
};

static int session_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct session_aggregate), error));
    struct session_aggregate *a = op->ctx;
    int groups = config->aggregate.group_count;
    mr_arena_init(&a->piece_arena);
    a->passing_us = MR_NO_WATERMARK;
    a->everything = !op->checkpoint || config->aggregate.complete_output || op->mode == MR_MODE_COMPLETE;
    const struct mr_type **types = mr_allocate(sizeof(void *) * (size_t)(groups + 1));
    if (!types)
        return mr_error_memory(error, sizeof(void *) * (size_t)groups);
    for (int g = 0; g < groups; g++)
        types[g] = mr_operator_input(op, 0)->fields[g].type;
    int status = mr_session_table_init(&a->table, config, types, error);
    mr_free(types);
    if (status >= 0)
        status = mr_session_state_open(&a->state, op, &a->table, !a->everything, error);
    op->metrics.rows_total = a->state.rows;
    return status;
}

/* ---- the cache between decisions ---- */
static bool has_sessions(void *ctx, struct mr_group *key)
{
    (void)ctx;
    return key->next != NULL;
}

/* Keys without sessions go; when there are too many others everything does: the checkpoint has it. */
static int trim(struct mr_operator *op, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    size_t limit = op->memory_limit_bytes ? op->memory_limit_bytes : (size_t)64 << 20;
    struct mr_group_cursor cursor = {0};
    struct mr_group *some[256];
    int64_t count;
    if (a->dirty.count > 0)
        return MR_OK;
    if (mr_session_table_bytes(&a->table) > limit) {
        mr_session_table_clear(&a->table);
        a->state.keyed.uncached_us = a->state.latest_us;
        a->trimmed_count = 0;
        a->flushed_bytes = 0;
        return MR_OK;
    }
    if (a->table.keys.count / 2 <= a->trimmed_count + 8192)
        return MR_OK;
    MR_TRY(mr_group_table_retain(&a->table.keys, has_sessions, NULL, error));
    do {
        count = mr_group_table_next(&a->table.keys, &cursor, some, 256);
        for (int64_t i = 0; i < count; i++) /* they have moved */
            for (struct mr_group *session = some[i]->next; session; session = session->next)
                session->owner = some[i];
    } while (count > 0);
    a->trimmed_count = a->table.keys.count;
    return MR_OK;
}

static int session_begin(struct mr_operator *op, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    bool first = !a->begun;
    a->begun = true;
    if (!op->checkpoint)
        return MR_OK;
    if (!a->everything && first) /* of this process: what the last micro-batch evicted is gone */
        a->state.evicted_us = op->late_us;
    return trim(op, error);
}

/* ---- push ---- */
static int reserve(struct session_aggregate *a, int64_t length, struct mr_error *error)
{
    if (a->piece_count + length > a->piece_capacity) {
        int64_t capacity = (a->piece_count + length) * 2;
        struct piece *grown = mr_reallocate(a->pieces, sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        a->pieces = grown;
        a->piece_capacity = capacity;
    }
    if (length <= a->capacity)
        return MR_OK;
    mr_free(a->keys);
    mr_free(a->hashes);
    mr_free(a->rows);
    a->capacity = 0;
    a->keys = mr_allocate(sizeof(void *) * (size_t)length);
    a->hashes = mr_allocate(sizeof(uint64_t) * (size_t)length);
    a->rows = mr_allocate(sizeof(int32_t) * (size_t)length);
    if (!a->keys || !a->hashes || !a->rows)
        return mr_error_memory(error, (size_t)length * 20);
    a->capacity = length;
    return MR_OK;
}

static int session_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                        struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    struct session_aggregate *a = op->ctx;
    const struct mr_column *window = batch->columns[config->session_group];
    const int64_t *starts = window->children[0]->i64, *ends = window->children[1]->i64;
    int64_t late_us = config->aggregate.event_time_group >= 0 ? op->late_us : MR_NO_WATERMARK, kept = 0;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(reserve(a, batch->length, error));
    for (int64_t row = 0; row < batch->length; row++) {
        a->rows[kept] = (int32_t)row;
        kept += ends[row] > late_us;
    }
    op->metrics.rows_dropped_by_watermark += batch->length - kept;
    if (kept == 0)
        return MR_OK;
    struct mr_selection selection = {a->rows, kept};
    MR_TRY(mr_session_table_find(&a->table, batch, NULL, &selection, a->hashes, a->keys, error));
    MR_TRY(mr_session_state_load(&a->state, a->keys, kept, error));
    const struct mr_column *states = batch->columns[config->aggregate.group_count];
    for (int64_t k = 0; k < kept; k++) {
        int64_t row = a->rows[k];
        struct mr_str bytes = mr_view_str(&states->views[row]);
        char *copy = mr_arena_copy_text(&a->piece_arena, bytes.data, bytes.size);
        if (!copy)
            return mr_error_memory(error, bytes.size);
        a->piece_bytes += (int64_t)bytes.size;
        a->pieces[a->piece_count++] = (struct piece){a->keys[k], starts[row], ends[row], {copy, bytes.size}};
    }
    return MR_OK;
}

/* ---- merging ---- */
static int compare_pieces(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->start_us != b->start_us)
        return a->start_us < b->start_us ? -1 : 1;
    return a->end_us < b->end_us ? -1 : a->end_us > b->end_us;
}

static void extend(struct mr_group *session, int64_t end_us)
{
    if (end_us <= mr_session_times(session)[1])
        return;
    mr_session_times(session)[1] = end_us;
    session->flags &= ~(uint32_t)MR_GROUP_PERSISTED; /* its end is not in the index */
}

/* A stored session touches the one before. */
static int join_stored(struct mr_operator *op, struct mr_group *current, struct mr_group *stored,
                       struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    MR_TRY(mr_group_table_merge_group(&a->table.states, current, stored, error));
    extend(current, mr_session_times(stored)[1]);
    mr_session_table_discard(&a->table, stored);
    op->metrics.rows_removed++;
    a->state.rows--;
    return MR_OK;
}

static int add_piece(struct mr_operator *op, const struct piece *piece, struct mr_group **current,
                     bool touches, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    if (touches) {
        extend(*current, piece->end_us);
    } else {
        MR_TRY(mr_session_table_new(&a->table, piece->key, piece->start_us, piece->end_us, current, error));
        a->state.rows++;
    }
    return mr_group_table_merge(&a->table.states, *current, piece->states, false, error);
}

/* The pieces of one key, ascending by start, with its sessions. */
static int merge_key(struct mr_operator *op, const struct piece *pieces, int64_t count,
                     struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    struct mr_group *key = pieces[0].key, *stored = key->next, *current = NULL, **end = &key->next;
    for (int64_t p = 0; stored || p < count;) {
        bool old = stored && (p == count || mr_session_times(stored)[0] <= pieces[p].start_us);
        int64_t start_us = old ? mr_session_times(stored)[0] : pieces[p].start_us;
        bool touches = current && mr_session_times(current)[1] >= start_us;
        struct mr_group *next = old ? stored->next : NULL;
        if (old && touches)
            MR_TRY(join_stored(op, current, stored, error));
        else if (old)
            current = stored;
        else
            MR_TRY(add_piece(op, &pieces[p], &current, touches, error));
        if (old)
            stored = next;
        else
            p++;
        if (touches)
            continue;
        *end = current;
        end = &current->next;
        op->metrics.rows_updated++;
    }
    *end = NULL;
    for (struct mr_group *s = key->next; s && !a->everything; s = s->next) {
        if (s->flags & MR_GROUP_LISTED)
            continue;
        s->flags |= MR_GROUP_LISTED;
        MR_TRY(mr_session_due_add(&a->table, s, error));
    }
    if ((key->flags & MR_GROUP_DIRTY) || !op->checkpoint)
        return MR_OK;
    key->flags |= MR_GROUP_DIRTY;
    return mr_group_list_add(&a->dirty, key, error);
}

static int merge_pieces(struct mr_operator *op, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    if (a->piece_count > 1)
        qsort(a->pieces, (size_t)a->piece_count, sizeof *a->pieces, compare_pieces);
    for (int64_t first = 0; first < a->piece_count;) {
        int64_t after = first + 1;
        while (after < a->piece_count && a->pieces[after].key == a->pieces[first].key)
            after++;
        MR_TRY(merge_key(op, a->pieces + first, after - first, error));
        first = after;
    }
    a->piece_count = a->piece_bytes = 0;
    mr_arena_clear(&a->piece_arena);
    return MR_OK;
}

/* ---- emitting ---- */
static int emit_sessions(struct mr_operator *op, struct mr_session_table *table,
                         struct mr_group *const *sessions, int64_t count, struct mr_error *error)
{
    const struct mr_session_config *config = op->node->config;
    for (int64_t at = 0; at < count; at += MR_BATCH_ROWS) {
        int64_t some = count - at < MR_BATCH_ROWS ? count - at : MR_BATCH_ROWS;
        struct mr_batch out;
        MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
        out.length = some;
        int status = mr_session_table_columns(table, sessions + at, some, out.columns, error);
        if (status >= 0)
            status = mr_group_table_results(&table->states, (struct mr_group **)sessions + at, some,
                                            out.columns + config->aggregate.group_count, error);
        if (status >= 0)
            status = mr_operator_emit(op, &out, error);
        mr_batch_release(&out);
        MR_TRY(status);
    }
    return MR_OK;
}

static int emit_all(struct mr_operator *op, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    struct mr_group_cursor cursor = {0};
    struct mr_group *sessions[1024];
    int64_t count;
    MR_TRY(mr_session_state_scan(&a->state, MR_NEVER, emit_sessions, &count, error));
    for (;;) {
        count = mr_group_table_next(&a->table.states, &cursor, sessions, 1024);
        if (count == 0)
            return MR_OK;
        MR_TRY(emit_sessions(op, &a->table, sessions, count, error));
    }
}

static void unlink_session(struct mr_group *session)
{
    struct mr_group **at = &session->owner->next;
    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
}

static int evict(struct mr_operator *op, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    if (a->everything || op->evict_us <= a->state.evicted_us)
        return MR_OK;
    int64_t stored; /* closed, and never looked at since they were written */
    MR_TRY(mr_session_state_scan(&a->state, op->evict_us, emit_sessions, &stored, error));
    a->closed.count = 0;
    for (;;) {
        struct mr_group *session = mr_session_due_take(&a->table, op->evict_us);
        if (!session)
            break;
        if (session->flags & MR_GROUP_REMOVED)
            continue;
        if (mr_session_times(session)[1] > op->evict_us) {
            MR_TRY(mr_session_due_add(&a->table, session, error));
            continue;
        }
        unlink_session(session);
        session->flags |= MR_GROUP_REMOVED; /* it may be due twice; its record is still needed */
        MR_TRY(mr_group_list_add(&a->closed, session, error));
    }
    MR_TRY(emit_sessions(op, &a->table, a->closed.groups, a->closed.count, error));
    for (int64_t i = 0; i < a->closed.count; i++)
        mr_session_table_discard(&a->table, a->closed.groups[i]);
    op->metrics.rows_removed += stored + a->closed.count;
    a->state.rows -= stored + a->closed.count;
    a->state.evicted_us = op->evict_us;
    return MR_OK;
}

static int session_finish(struct mr_operator *op, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    MR_TRY(merge_pieces(op, error));
    if (a->everything)
        MR_TRY(emit_all(op, error));
    MR_TRY(evict(op, error));
    op->metrics.rows_total = a->state.rows;
    op->metrics.state_bytes = (int64_t)mr_session_table_bytes(&a->table);
    a->passing_us = MR_NO_WATERMARK;
    if (!op->checkpoint)
        mr_session_table_clear(&a->table);
    return MR_OK;
}

/* ---- decisions ---- */
static int session_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    int64_t count = 0;
    for (int64_t i = 0; i < a->dirty.count; i++) {
        struct mr_group *key = a->dirty.groups[i];
        key->flags &= ~(uint32_t)MR_GROUP_DIRTY;
        a->dirty.groups[count] = key;
        count += key->next != NULL; /* without sessions: what is stored has expired */
    }
    a->dirty.count = 0;
    a->passing_us = MR_NO_WATERMARK;
    a->flushed_bytes = (int64_t)mr_session_table_bytes(&a->table);
    return mr_session_state_write(&a->state, decision, a->dirty.groups, count, error);
}

static int64_t bytes_of_one(const struct session_aggregate *a)
{
    return (int64_t)(a->table.keys.key_bytes + a->table.states.record_bytes + 64);
}

/* Sessions that the next micro-batch closes whatever it reads. */
static int64_t session_passing_bytes(struct mr_operator *op)
{
    struct session_aggregate *a = op->ctx;
    if (a->everything || op->next_evict_us == MR_NO_WATERMARK)
        return 0;
    if (a->passing_us != op->next_evict_us)
        a->passing_count = mr_session_due_count(&a->table, op->next_evict_us);
    a->passing_us = op->next_evict_us;
    return a->passing_count * bytes_of_one(a);
}

/* What has come for this micro-batch, each a session to be, and by what the table has grown since the last
 * flush: keys read from the checkpoint cannot go either until then. */
static int64_t session_dirty_bytes(struct mr_operator *op)
{
    struct session_aggregate *a = op->ctx;
    int64_t pieces = a->piece_count * ((int64_t)sizeof *a->pieces + bytes_of_one(a)) + a->piece_bytes;
    int64_t grown = (int64_t)mr_session_table_bytes(&a->table) - a->flushed_bytes;
    int64_t dirty = a->dirty.count * bytes_of_one(a);
    int64_t held = grown > dirty ? grown : dirty;
    int64_t passing = session_passing_bytes(op);
    return pieces + (held > passing ? held - passing : 0);
}

static bool session_wants_batch(const struct mr_node *node, int64_t old_watermark_us,
                                int64_t new_watermark_us)
{
    const struct mr_session_config *config = node->config;
    return !config->aggregate.complete_output &&
           new_watermark_us > old_watermark_us; /* Spark's rule, whatever is in state */
}

static void session_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    const struct mr_session_config *config = node->config;
    const struct mr_type *input = node->inputs[0]->output;
    mr_text_append_str(out, "grouping keys: ");
    mr_plan_text_columns(out, input, NULL, config->aggregate.group_count);
    mr_text_format(out, "; session window: %s; aggregates: ", input->fields[config->session_group].name);
    mr_plan_text_aggregates(out, config->aggregate.aggregates, config->aggregate.aggregate_count,
                            node->inputs[0]->inputs[0]->output);
}

/* ---- for people ---- */
static const struct mr_type *session_state_type(const struct mr_node *node, int side, struct mr_arena *arena)
{
    const struct mr_session_config *config = node->config;
    (void)side;
    return mr_shown_aggregate_type(node, config->aggregate.group_count, config->aggregate.aggregates,
                                   config->aggregate.aggregate_count, node->inputs[0]->inputs[0]->output,
                                   arena);
}

static int show_sessions(struct mr_operator *op, struct mr_session_table *table,
                         struct mr_group *const *sessions, int64_t count, struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_shown_batch(&out, a->shown, count, error));
    int status = mr_session_table_columns(table, sessions, count, out.columns[0]->children, error);
    if (status >= 0)
        status = mr_group_table_results(&table->states, (struct mr_group **)sessions, count,
                                        out.columns[1]->children, error);
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int session_show_state(struct mr_operator *op, int side, const struct mr_type *type,
                              struct mr_error *error)
{
    struct session_aggregate *a = op->ctx;
    int64_t count;
    (void)side;
    a->shown = type;
    return mr_session_state_scan(&a->state, MR_NEVER, show_sessions, &count, error);
}

static void session_close(struct mr_operator *op)
{
    struct session_aggregate *a = op->ctx;
    if (!a)
        return;
    mr_session_table_release(&a->table);
    mr_arena_release(&a->piece_arena);
    mr_free(a->pieces);
    mr_free(a->dirty.groups);
    mr_free(a->closed.groups);
    mr_free(a->keys);
    mr_free(a->hashes);
    mr_free(a->rows);
    mr_free(a);
    op->ctx = NULL;
}

const struct mr_operator_type mr_session_operator = {.name = "sessionWindowStateStoreSaveExec",
                                                     .flags = MR_OP_STATEFUL | MR_OP_KEYED,
                                                     .open = session_open,
                                                     .begin = session_begin,
                                                     .push = session_push,
                                                     .finish = session_finish,
                                                     .flush = session_flush,
                                                     .dirty_bytes = session_dirty_bytes,
                                                     .passing_bytes = session_passing_bytes,
                                                     .wants_batch = session_wants_batch,
                                                     .fingerprint = session_fingerprint,
                                                     .state_type = session_state_type,
                                                     .show_state = session_show_state,
                                                     .close = session_close};
