/* operators/stream_join.c: joins of two streams, by Spark's rules (symmetricHashJoin).
 *
 * Every row is joined with the rows of the other side that are kept, then kept itself; so each pair is met
 * once, whichever comes first. Rows that are late by the last micro-batch's watermark are dropped; rows that
 * fail a condition on their side alone find no partner and are not kept: in an outer join they come out at
 * once. At the end of a micro-batch the rows that the watermark lets nobody match any more are forgotten;
 * those of an outer side that have had no partner come out beside NULLs. Of a LEFT SEMI join a left row comes
 * out when it meets its first partner.
 *
 * When a row expires is known when it comes (struct mr_stream_join_side): by its key, when an event time is
 * among the keys, or by its event time and what the range condition allows. Rows without a time stay. */
#include "operators/stream_join.h"

#include "columns/value.h"
#include "operators/aggregate_state.h"
#include "operators/plan_text.h"
#include "operators/stream_join_pack.h"
#include "operators/stream_join_pairs.h"

struct stream_join {
    struct mr_stream_join_state state;
    struct mr_join_pairs *pairs;
    struct mr_evaluator *filters[2];
    bool flat[2]; /* all columns of the side can be written straight to their place */
    int64_t expired_us;
    bool opened_stored; /* what passes has not been read yet */
    bool ended[2];      /* no more rows of this side in the micro-batch */
    uint64_t *hashes;   /* scratch, per pushed batch */
    struct mr_group **groups;
    int32_t *rows, *rest;
    uint8_t *has_partner;
    int64_t capacity;
    struct mr_text text;
    struct mr_arena arena;
};

/* Rows of this side come out when they expire without having had a partner. */
static bool is_outer(enum mr_join_kind kind, int side)
{
    return kind == MR_JOIN_FULL || kind == (side == 0 ? MR_JOIN_LEFT : MR_JOIN_RIGHT);
}

static int pair_schema(struct mr_operator *op, struct stream_join *join, struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    int left = config->sides[0].width, total = left + config->sides[1].width;
    struct mr_field *fields = MR_ARENA_ARRAY(&join->arena, struct mr_field, total + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < total; i++) {
        fields[i] = mr_operator_input(op, i >= left)->fields[i < left ? i : i - left];
        fields[i].nullable = true;
    }
    join->pairs->schema = mr_type_struct(&join->arena, fields, total);
    return join->pairs->schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

static int join_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct stream_join), error));
    struct stream_join *join = op->ctx;
    mr_arena_init(&join->arena);
    mr_text_init(&join->text);
    join->expired_us = MR_NO_WATERMARK;
    join->pairs = mr_allocate_zeroed(sizeof *join->pairs);
    if (!join->pairs)
        return mr_error_memory(error, sizeof *join->pairs);
    join->pairs->op = op;
    join->pairs->state = &join->state;
    MR_TRY(pair_schema(op, join, error));
    if (config->condition)
        MR_TRY(mr_evaluator_open(&join->pairs->condition, &config->condition, 1, op->session, error));
    int outer = 0;
    for (int side = 0; side < 2; side++) {
        const struct mr_stream_join_side *s = &config->sides[side];
        if (s->filter)
            MR_TRY(mr_evaluator_open(&join->filters[side], &s->filter, 1, op->session, error));
        outer |= is_outer(config->kind, side) << side;
        join->flat[side] = true;
        for (int c = 0; c < s->width; c++)
            join->flat[side] &= mr_row_is_flat(mr_operator_input(op, side)->fields[c].type);
    }
    MR_TRY(mr_stream_join_state_open(&join->state, op, outer, error));
    op->metrics.rows_total = mr_stream_join_state_rows(&join->state);
    join->opened_stored = !join->state.complete;
    return MR_OK;
}

static int join_begin(struct mr_operator *op, struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    join->ended[0] = join->ended[1] = false;
    if (join->expired_us == MR_NO_WATERMARK && op->late_us != MR_NO_WATERMARK) {
        join->expired_us = op->late_us; /* what the last micro-batch of the process before removed is gone */
        mr_stream_join_state_expired(&join->state, op->late_us);
    }
    if (!join->opened_stored)
        return MR_OK;
    join->opened_stored = false;
    return mr_join_passing_read(&join->state, join->expired_us, error);
}

/* ---- push ---- */
static int reserve(struct stream_join *join, int64_t length, struct mr_error *error)
{
    if (length <= join->capacity)
        return MR_OK;
    mr_free(join->hashes);
    mr_free(join->groups);
    mr_free(join->rows);
    mr_free(join->rest);
    mr_free(join->has_partner);
    size_t count = (size_t)length;
    join->hashes = mr_allocate(sizeof *join->hashes * count);
    join->groups = mr_allocate(sizeof *join->groups * count);
    join->rows = mr_allocate(sizeof *join->rows * count);
    join->rest = mr_allocate(sizeof *join->rest * count);
    join->has_partner = mr_allocate(count);
    bool all = join->hashes && join->groups && join->rows && join->rest && join->has_partner;
    join->capacity = all ? length : 0;
    return all ? MR_OK : mr_error_memory(error, count * 25);
}

/* Leaves in join->rows those that may find a partner; the others come out now where their side is outer. */
static int filter_side(struct mr_operator *op, int side, const struct mr_batch *batch, int64_t *count,
                       struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    struct stream_join *join = op->ctx;
    struct mr_selection selection = {join->rows, *count};
    int64_t passed = 0, failed = 0;
    if (!join->filters[side] || *count == 0)
        return MR_OK;
    MR_TRY(mr_evaluator_filter(join->filters[side], batch, &selection, join->rest, &passed, error));
    int32_t *swap = join->rest;
    if (is_outer(config->kind, side)) {
        int64_t next = 0;
        int32_t *out = (int32_t *)(void *)join->hashes; /* not in use yet */
        for (int64_t i = 0; i < *count; i++) {
            if (next < passed && join->rest[next] == join->rows[i])
                next++;
            else
                out[failed++] = join->rows[i];
        }
        MR_TRY(mr_join_emit_alone(join->pairs, batch, out, failed, side, error));
    }
    join->rest = join->rows;
    join->rows = swap;
    *count = passed;
    return MR_OK;
}

static int probe(struct mr_operator *op, int side, const struct mr_batch *batch, int64_t count,
                 struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    struct stream_join *join = op->ctx;
    struct mr_join_pairs *pairs = join->pairs;
    bool semi = config->kind == MR_JOIN_SEMI;
    pairs->side = side;
    pairs->batch = batch;
    pairs->has_partner = join->has_partner;
    pairs->marks_coming = is_outer(config->kind, side) || (semi && side == 0);
    pairs->marks_kept = is_outer(config->kind, !side) || (semi && side == 1);
    if (pairs->marks_coming)
        memset(join->has_partner, 0, (size_t)batch->length);
    for (int64_t i = 0; i < count; i++) {
        struct mr_join_row *kept = mr_join_key_of(&join->state.rows, join->groups[i])->first[!side];
        for (; kept; kept = kept->next) {
            if (semi && side == 1 && kept->matched)
                continue;
            pairs->coming[pairs->count] = join->rows[i];
            pairs->kept[pairs->count++] = kept;
            if (pairs->count == MR_BATCH_ROWS)
                MR_TRY(mr_join_pairs_take(pairs, error));
        }
    }
    return mr_join_pairs_take(pairs, error);
}

/* ---- keeping rows ---- */
static int64_t expiry_of(const struct mr_stream_join_side *side, const struct mr_column *group,
                         const struct mr_column *times, int64_t row)
{
    if (!times)
        return MR_NEVER_EXPIRES;
    int64_t time_us = mr_event_time_of(group, times, row);
    if (side->expiry == MR_EXPIRE_BY_KEY || time_us == INT64_MAX)
        return time_us;
    int64_t over = time_us % 1000;
    time_us += over > 0 ? 1000 - over : -over;
    return time_us > side->latest_us ? MR_NEVER_EXPIRES : time_us + side->shift_us;
}

static int keep_flat(struct stream_join *join, int side, int width, const struct mr_batch *batch, int64_t row,
                     int64_t expiry_us, struct mr_join_row **out, struct mr_error *error)
{
    size_t bound = (size_t)width * MR_FLAT_ROW_BYTES;
    for (int c = 0; c < width; c++)
        if (mr_type_is_bytes(batch->columns[c]->type) && !mr_column_is_null(batch->columns[c], row))
            bound += batch->columns[c]->views[row].size;
    MR_TRY(mr_join_rows_place(&join->state.rows, side, expiry_us, bound, out, error));
    char *to = (char *)(*out + 1), *at = to;
    for (int c = 0; c < width; c++)
        at = mr_row_write(at, batch->columns[c], row);
    (*out)->size = (uint32_t)(at - to) & (MR_JOIN_ROW_BYTES_MAX - 1);
    return MR_OK;
}

static int keep_nested(struct stream_join *join, int side, int width, const struct mr_batch *batch,
                       int64_t row, int64_t expiry_us, struct mr_join_row **out, struct mr_error *error)
{
    mr_text_clear(&join->text);
    for (int c = 0; c < width; c++)
        mr_row_append(&join->text, batch->columns[c], row);
    if (join->text.failed)
        return mr_error_memory(error, join->text.capacity);
    MR_TRY(mr_join_rows_place(&join->state.rows, side, expiry_us, join->text.size, out, error));
    memcpy(*out + 1, join->text.data, join->text.size);
    (*out)->size = (uint32_t)join->text.size & (MR_JOIN_ROW_BYTES_MAX - 1);
    return MR_OK;
}

/* No row that still comes in this micro-batch may meet this one, and none of a later one. */
static bool leaves_at_once(const struct mr_operator *op, const struct stream_join *join, int side,
                           int64_t expiry_us)
{
    return join->ended[!side] && op->evict_us != MR_NO_WATERMARK && expiry_us <= op->evict_us;
}

static int keep_row(struct mr_operator *op, int side, const struct mr_batch *batch, int64_t i,
                    int64_t expiry_us, struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    struct stream_join *join = op->ctx;
    int64_t row = join->rows[i];
    int width = config->sides[side].width;
    struct mr_join_row *kept;
    if (join->flat[side])
        MR_TRY(keep_flat(join, side, width, batch, row, expiry_us, &kept, error));
    else
        MR_TRY(keep_nested(join, side, width, batch, row, expiry_us, &kept, error));
    kept->matched = join->pairs->marks_coming && join->has_partner[row];
    mr_join_rows_add(&join->state.rows, kept, join->groups[i]);
    if (!mr_join_key_of(&join->state.rows, join->groups[i])->dirty)
        MR_TRY(mr_stream_join_state_touch(&join->state, join->groups[i], error));
    return MR_OK;
}

/* Keys that were looked for and of which no row was kept. */
static void forget_keys(struct stream_join *join, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const struct mr_join_key *key = mr_join_key_of(&join->state.rows, join->groups[i]);
        if (!key->first[0] && !key->first[1] && !(join->groups[i]->flags & MR_GROUP_REMOVED))
            mr_group_table_remove(&join->state.rows.keys, join->groups[i]);
    }
}

static int keep(struct mr_operator *op, int side, const struct mr_batch *batch, int64_t count,
                struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    const struct mr_stream_join_side *s = &config->sides[side];
    struct stream_join *join = op->ctx;
    const struct mr_column *group = s->expiry == MR_EXPIRE_NEVER ? NULL : batch->columns[s->expiry_column];
    const struct mr_column *times = group ? mr_event_times(group) : NULL;
    int64_t alone = 0, left = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = join->rows[i], expiry_us = expiry_of(s, group, times, row);
        bool matched = join->pairs->marks_coming && join->has_partner[row];
        if (matched && config->kind == MR_JOIN_SEMI)
            continue;
        op->metrics.rows_updated++;
        if (!leaves_at_once(op, join, side, expiry_us)) {
            MR_TRY(keep_row(op, side, batch, i, expiry_us, error));
            continue;
        }
        left++;
        if (is_outer(config->kind, side) && !matched)
            join->rest[alone++] = (int32_t)row;
    }
    op->metrics.rows_removed += left;
    if (left > 0)
        forget_keys(join, count);
    return mr_join_emit_alone(join->pairs, batch, join->rest, alone, side, error);
}

static int emit_matched(struct mr_operator *op, const struct mr_batch *batch, int64_t count,
                        struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    int64_t matched = 0;
    for (int64_t i = 0; i < count; i++) {
        join->rest[matched] = join->rows[i];
        matched += join->has_partner[join->rows[i]];
    }
    return mr_join_emit_alone(join->pairs, batch, join->rest, matched, 0, error);
}

static int join_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    struct stream_join *join = op->ctx;
    struct mr_column *keys[64];
    op->metrics.rows_in += batch->length;
    MR_TRY(reserve(join, batch->length, error));
    int64_t count = mr_operator_drop_late(op, batch, config->sides[input].time_column, join->rows);
    MR_TRY(filter_side(op, input, batch, &count, error));
    if (count == 0)
        return MR_OK;
    for (int k = 0; k < config->key_count; k++)
        keys[k] = batch->columns[config->sides[input].keys[k]];
    mr_hash_keys(keys, config->key_count, batch->length, join->hashes);
    struct mr_selection selection = {join->rows, count};
    MR_TRY(mr_group_table_find(&join->state.rows.keys, keys, join->hashes, &selection, batch->length, true,
                               join->groups, error));
    MR_TRY(mr_stream_join_state_load(&join->state, !input, join->groups, count, join->expired_us, error));
    MR_TRY(probe(op, input, batch, count, error));
    if (config->kind == MR_JOIN_SEMI && input == 0)
        MR_TRY(emit_matched(op, batch, count, error));
    return keep(op, input, batch, count, error);
}

/* ---- the end of a micro-batch ---- */
struct leaving { /* rows without partner, by side */
    struct mr_join_pairs *pairs;
    struct mr_join_row *rows[2][MR_BATCH_ROWS];
    int64_t count[2];
};

static int row_leaves(void *ctx, struct mr_join_row *row, struct mr_error *error)
{
    struct leaving *leaving = ctx;
    int side = row->side;
    if (row->matched)
        return MR_OK;
    leaving->rows[side][leaving->count[side]++] = row;
    if (leaving->count[side] < MR_BATCH_ROWS)
        return MR_OK;
    leaving->count[side] = 0;
    return mr_join_emit_kept(leaving->pairs, leaving->rows[side], MR_BATCH_ROWS, side, error);
}

static int emit_leaving(struct leaving *leaving, struct mr_error *error)
{
    for (int side = 0; side < 2; side++)
        MR_TRY(mr_join_emit_kept(leaving->pairs, leaving->rows[side], leaving->count[side], side, error));
    return MR_OK;
}

/* Rows of these sides that expire by then leave memory. */
static int remove_expired(struct mr_operator *op, int sides, int64_t upto_us, struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    struct mr_join_rows *rows = &join->state.rows;
    struct leaving *leaving = NULL;
    int64_t removed = 0;
    if (join->state.outer_sides & sides) {
        leaving = mr_allocate(sizeof *leaving);
        if (!leaving)
            return mr_error_memory(error, sizeof *leaving);
        leaving->pairs = join->pairs;
        leaving->count[0] = leaving->count[1] = 0;
    }
    struct mr_join_removal removal = {upto_us, sides, join->state.outer_sides, leaving ? row_leaves : NULL,
                                      leaving};
    int status = mr_join_rows_remove(rows, &removal, &removed, error);
    if (status == MR_OK && leaving)
        status = emit_leaving(leaving, error);
    mr_free(leaving);
    MR_TRY(status);
    if (removed > 0)
        mr_join_rows_free_removed(rows);
    op->metrics.rows_removed += removed;
    return MR_OK;
}

static bool evicts(const struct mr_operator *op)
{
    const struct stream_join *join = op->ctx;
    /* Also when the watermark stands: rows of an input without one may have come behind it. */
    return op->evict_us != MR_NO_WATERMARK && op->evict_us >= join->expired_us;
}

/* What waited for this side and expires in this micro-batch need not wait for its end: the other side's rows
 * take its memory. */
static int join_input_ended(struct mr_operator *op, int input, struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    join->ended[input] = true;
    if (!evicts(op) || (!join->state.complete && (join->state.outer_sides >> !input & 1)))
        return MR_OK;
    return remove_expired(op, 1 << !input, op->evict_us, error);
}

static int let_go(struct mr_operator *op, int64_t upto_us, struct mr_error *error)
{
    return remove_expired(op, 3, upto_us, error);
}

static int evict(struct mr_operator *op, struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    if (!evicts(op))
        return MR_OK;
    MR_TRY(mr_stream_join_state_load_expiring(&join->state, join->expired_us, op->evict_us, let_go, error));
    MR_TRY(let_go(op, op->evict_us, error));
    join->expired_us = op->evict_us;
    mr_stream_join_state_expired(&join->state, op->evict_us);
    return MR_OK;
}

static int join_finish(struct mr_operator *op, struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    MR_TRY(evict(op, error));
    op->metrics.rows_total = mr_stream_join_state_rows(&join->state);
    op->metrics.state_bytes = (int64_t)mr_join_rows_bytes(&join->state.rows);
    return MR_OK;
}

/* ---- decisions ---- */
static int join_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    return mr_stream_join_state_write(&join->state, decision, join->expired_us, error);
}

static void join_decided(struct mr_operator *op)
{
    struct stream_join *join = op->ctx;
    mr_stream_join_state_decided(&join->state);
}

/* Rows that wait for a partner mostly expire before they are written, and where micro-batches end decides
 * what is late: so they end one early only when memory demands it. Beside the rows in memory there will be
 * the decision's batch of writes (which doubles as it grows) and what RocksDB makes of it. */
static int64_t join_dirty_bytes(struct mr_operator *op)
{
    const struct stream_join *join = op->ctx;
    const struct mr_join_rows *rows = &join->state.rows;
    int64_t limit = (int64_t)mr_stream_join_memory_limit(op);
    bool many = (double)rows->unwritten_bytes * join->state.written_share > (double)limit / 4;
    bool full = rows->unwritten_bytes > limit / 8 && (int64_t)mr_join_rows_bytes(rows) > limit;
    return many || full ? MR_DIRTY_ENOUGH : 0;
}

static int64_t join_passing_bytes(struct mr_operator *op)
{
    struct stream_join *join = op->ctx;
    return join->state.rows.unwritten_bytes;
}

/* ---- watermarks ---- */
static int64_t join_output_watermark(const struct mr_node *node, int64_t input_us)
{
    const struct mr_stream_join_config *config = node->config;
    int64_t lowest = input_us;
    for (int side = 0; side < 2; side++) {
        const struct mr_stream_join_side *s = &config->sides[side];
        int64_t state_us = s->expiry == MR_EXPIRE_BY_VALUE ? input_us - s->shift_us : input_us;
        if (s->expiry == MR_EXPIRE_BY_VALUE && s->latest_us < state_us)
            state_us = s->latest_us;
        lowest = state_us < lowest ? state_us : lowest;
    }
    return lowest;
}

static bool join_wants_batch(const struct mr_node *node, int64_t old_watermark_us, int64_t new_watermark_us)
{
    const struct mr_stream_join_config *config = node->config;
    bool evicts = config->sides[0].expiry != MR_EXPIRE_NEVER || config->sides[1].expiry != MR_EXPIRE_NEVER;
    return evicts && new_watermark_us > old_watermark_us;
}

static void join_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    static const char *const kinds[] = {"inner", "left outer", "right outer", "full outer", "left semi"};
    static const char *const sides[] = {"left", "right"};
    const struct mr_stream_join_config *config = node->config;
    mr_text_format(out, "join type: %s", kinds[config->kind]);
    for (int side = 0; side < 2; side++) {
        const struct mr_stream_join_side *s = &config->sides[side];
        const struct mr_type *input = node->inputs[side]->output;
        mr_text_format(out, "; %s join keys: ", sides[side]);
        mr_plan_text_columns(out, input, s->keys, config->key_count);
        mr_text_format(out, "; %s columns: ", sides[side]);
        mr_plan_text_columns(out, input, NULL, s->width);
        mr_text_format(out, "; %s rows kept: ", sides[side]);
        if (s->expiry == MR_EXPIRE_BY_VALUE)
            mr_text_format(out, "by time %d and %lld us, %lld", s->expiry_column, (long long)s->shift_us,
                           (long long)s->latest_us);
        else
            mr_text_append_str(out, s->expiry == MR_EXPIRE_BY_KEY ? "by key" : "for ever");
    }
}

static int join_show_state(struct mr_operator *op, int side, const struct mr_type *type,
                           struct mr_error *error)
{
    struct stream_join *join = op->ctx;
    return mr_stream_join_state_show(&join->state, side, type, error);
}

static void join_close(struct mr_operator *op)
{
    struct stream_join *join = op->ctx;
    if (!join)
        return;
    mr_stream_join_state_close(&join->state);
    mr_evaluator_close(join->filters[0]);
    mr_evaluator_close(join->filters[1]);
    if (join->pairs)
        mr_evaluator_close(join->pairs->condition);
    mr_free(join->pairs);
    mr_free(join->hashes);
    mr_free(join->groups);
    mr_free(join->rows);
    mr_free(join->rest);
    mr_free(join->has_partner);
    mr_text_release(&join->text);
    mr_arena_release(&join->arena);
    mr_free(join);
    op->ctx = NULL;
}

const struct mr_operator_type mr_stream_join_operator = {.name = "symmetricHashJoin",
                                                         .flags = MR_OP_STATEFUL | MR_OP_KEYED,
                                                         .open = join_open,
                                                         .begin = join_begin,
                                                         .push = join_push,
                                                         .input_ended = join_input_ended,
                                                         .finish = join_finish,
                                                         .flush = join_flush,
                                                         .decided = join_decided,
                                                         .dirty_bytes = join_dirty_bytes,
                                                         .passing_bytes = join_passing_bytes,
                                                         .output_watermark = join_output_watermark,
                                                         .wants_batch = join_wants_batch,
                                                         .fingerprint = join_fingerprint,
                                                         .state_type = mr_stream_join_state_type,
                                                         .show_state = join_show_state,
                                                         .close = join_close};
