/* operators/custom_state.c: grouping rows for a processor of the user's, calling it, and firing its timers,
 * by the rules of Spark's transformWithState:
 *
 * - rows of a micro-batch first, key by key; then the timers that are due, earliest first: with event time
 *   those at or before the watermark that evicts (also in a micro-batch without data), with processing time
 *   those at or before the time of the micro-batch;
 * - a timer set while timers fire is not among them, even if it is due: it fires in the next micro-batch; and
 *   a timer is gone when its call returns, even if the call has set the same time again;
 * - with event time, rows at or before the watermark of the micro-batch before are late, and dropped.
 *
 * The state is in custom_store.c, what a processor does with it in custom_call.c. */
#include "operators/custom_state.h"

#include <stdlib.h>

#include "columns/value.h"
#include "operators/aggregate_input.h"
#include "operators/common.h"
#include "operators/custom_call.h"
#include "operators/plan_text.h"

#define TIME_HEAD 11 /* of a timer by time: id, kind, time */

struct row_ref {         /* a row that waits for the end of the micro-batch */
    struct mr_str group; /* key group and key, in the arena */
    uint64_t prefix;     /* of group, to be compared first */
    int64_t order;       /* in which it came */
    int batch, row;
};
struct custom {
    struct mr_custom_call call;
    bool keeps_time; /* what variables hold expires, or did in an earlier run */
    struct mr_batch *held;
    int held_count, held_capacity;
    size_t held_bytes;
    struct row_ref *refs;
    int64_t ref_count, ref_capacity;
    struct mr_arena keys;
    struct mr_text key;
    struct mr_column **columns; /* scratch: the key's */
    uint64_t *hashes;           /* scratch, per pushed batch */
    int32_t *rows;
    int64_t row_capacity;
};

static size_t memory_limit(const struct mr_operator *op)
{
    return op->memory_limit_bytes ? op->memory_limit_bytes : (size_t)64 << 20;
}

static const char *const mode_names[] = {"none", "event time", "processing time"};

/* ---- timers ---- */
static bool is_own(const struct mr_operator *op, struct mr_str key)
{
    int group = (int)mr_state_get_u16(key.data + TIME_HEAD);
    return mr_key_group_partition(group, op->partitions) == op->partition;
}

/* Timers in [from_us, upto_us] of all partitions. */
static int scan_timers(struct custom *c, int64_t from_us, int64_t upto_us, struct mr_custom_scan *scan,
                       struct mr_error *error)
{
    struct mr_text range;
    mr_text_init(&range);
    mr_state_put_prefix(&range, c->call.op, MR_STATE_TIMES);
    mr_state_put_time(&range, from_us);
    size_t size = range.size;
    mr_state_put_prefix(&range, c->call.op, upto_us == INT64_MAX ? MR_STATE_END : MR_STATE_TIMES);
    if (upto_us != INT64_MAX)
        mr_state_put_time(&range, upto_us + 1);
    *scan = (struct mr_custom_scan){0};
    int status = range.failed ? mr_error_memory(error, range.capacity)
                              : mr_custom_scan_open(scan, &c->call.store, (struct mr_str){range.data, size},
                                                    (struct mr_str){range.data + size, range.size - size},
                                                    true, error);
    mr_text_release(&range);
    return status;
}

static int fire(struct custom *c, struct mr_str key, int64_t at_us, struct mr_error *error)
{
    const struct mr_custom_config *config = c->call.op->node->config;
    MR_TRY(
        mr_custom_call_begin(&c->call, (struct mr_str){key.data + TIME_HEAD, key.size - TIME_HEAD}, error));
    int status = config->processor.timer ? config->processor.timer(&c->call, at_us, error) : MR_OK;
    mr_custom_call_end(&c->call);
    MR_TRY(status);
    return mr_custom_timer_forget(&c->call, at_us, error);
}

/* Fires what is due, and learns when the next one is: with processing time exactly, for somebody waits. */
static int fire_due(struct custom *c, int64_t upto_us, bool exactly, struct mr_error *error)
{
    struct mr_custom_scan scan;
    struct mr_str key, value;
    int64_t from_us = c->call.next_due_us;
    if (from_us > upto_us)
        return MR_OK;
    c->call.next_due_us = exactly ? INT64_MAX : upto_us + 1; /* timers set from here on may lower it */
    int status = scan_timers(c, from_us, exactly ? INT64_MAX : upto_us, &scan, error);
    while (status == MR_OK) {
        status = mr_custom_scan_next(&scan, &key, &value, error);
        if (status != MR_OK || !is_own(c->call.op, key))
            continue;
        int64_t at_us = mr_state_get_time(key.data + 3);
        if (at_us > upto_us) {
            c->call.next_due_us = at_us < c->call.next_due_us ? at_us : c->call.next_due_us;
            break;
        }
        status = fire(c, key, at_us, error);
    }
    mr_custom_scan_close(&scan);
    return status < 0 ? status : MR_OK;
}

static int find_next_due(struct custom *c, struct mr_error *error)
{
    struct mr_custom_scan scan;
    struct mr_str key, value;
    c->call.next_due_us = INT64_MAX;
    int status = scan_timers(c, INT64_MIN, INT64_MAX, &scan, error);
    while (status == MR_OK && c->call.next_due_us == INT64_MAX) {
        status = mr_custom_scan_next(&scan, &key, &value, error);
        if (status == MR_OK && is_own(c->call.op, key))
            c->call.next_due_us = mr_state_get_time(key.data + 3);
    }
    mr_custom_scan_close(&scan);
    return status < 0 ? status : MR_OK;
}

/* ---- a life ---- */
static int custom_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_custom_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct custom), error));
    struct custom *c = op->ctx;
    mr_arena_init(&c->keys);
    mr_text_init(&c->key);
    c->columns = mr_allocate_zeroed(sizeof(void *) * (size_t)(config->key_count + 1));
    if (!c->columns)
        return mr_error_memory(error, sizeof(void *));
    MR_TRY(mr_custom_call_open(&c->call, op, error));
    MR_TRY(mr_custom_variables_open(&c->call, error));
    c->keeps_time = c->call.store.now_us != INT64_MIN; /* once things expire, they do for good */
    for (int i = 0; i < config->variable_count; i++)
        c->keeps_time = c->keeps_time || config->variables[i].ttl_us > 0;
    if (config->mode == MR_TIME_PROCESSING)
        MR_TRY(find_next_due(c, error));
    op->metrics.rows_total = c->call.store.counts.live;
    return config->processor.open ? config->processor.open(config->processor.ctx, &c->call.instance, error)
                                  : MR_OK;
}

/* What was only read is forgotten when there is too much in memory. Nobody holds an entry. */
static int trim(struct custom *c, struct mr_error *error)
{
    struct mr_state_cache *cache = &c->call.store.cache;
    size_t limit = memory_limit(c->call.op);
    bool full = mr_state_cache_bytes(cache) > limit / 2 && cache->dirty_bytes < limit / 4;
    return full && c->call.op->checkpoint ? mr_state_cache_shed(cache, error) : MR_OK;
}

static int custom_begin(struct mr_operator *op, struct mr_error *error)
{
    struct custom *c = op->ctx;
    struct mr_custom_store *store = &c->call.store;
    if (c->keeps_time && op->session->batch_time_us > store->now_us)
        store->now_us = op->session->batch_time_us; /* never back: what has expired may be gone for good */
    if (store->now_us != INT64_MIN)
        op->metrics.rows_removed += mr_expiry_counts_expire(&store->counts, store->now_us);
    return trim(c, error);
}

/* ---- rows ---- */
static uint64_t prefix_of(struct mr_str text)
{
    uint64_t bits = 0;
    memcpy(&bits, text.data, text.size < 8 ? text.size : 8);
    return __builtin_bswap64(bits);
}

static int compare_refs(const void *left, const void *right)
{
    const struct row_ref *a = left, *b = right;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int order = mr_str_compare(a->group, b->group);
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int reserve(struct custom *c, int64_t rows, struct mr_error *error)
{
    if (c->held_count == c->held_capacity) {
        int more = c->held_capacity ? c->held_capacity * 2 : 16;
        struct mr_batch *grown = mr_reallocate(c->held, sizeof *grown * (size_t)more);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)more);
        c->held = grown;
        c->held_capacity = more;
    }
    if (c->ref_count + rows > c->ref_capacity) {
        int64_t more = 2 * (c->ref_count + rows);
        struct row_ref *grown = mr_reallocate(c->refs, sizeof *grown * (size_t)more);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)more);
        c->refs = grown;
        c->ref_capacity = more;
    }
    if (rows <= c->row_capacity)
        return MR_OK;
    mr_free(c->hashes);
    mr_free(c->rows);
    c->row_capacity = 0;
    c->hashes = mr_allocate(sizeof *c->hashes * (size_t)rows);
    c->rows = mr_allocate(sizeof *c->rows * (size_t)rows);
    if (!c->hashes || !c->rows)
        return mr_error_memory(error, sizeof *c->hashes * (size_t)rows);
    c->row_capacity = rows;
    return MR_OK;
}

static int add_ref(struct custom *c, int row, struct mr_error *error)
{
    const struct mr_custom_config *config = c->call.op->node->config;
    mr_text_clear(&c->key);
    mr_state_put_u16(&c->key, (unsigned)mr_key_group(c->hashes[row]));
    for (int k = 0; k < config->key_count; k++)
        mr_key_append(&c->key, c->columns[k], row);
    char *copy = c->key.failed ? NULL : mr_arena_copy_text(&c->keys, c->key.data, c->key.size);
    if (!copy)
        return mr_error_memory(error, c->key.size);
    struct mr_str group = {copy, c->key.size};
    c->refs[c->ref_count] = (struct row_ref){group, prefix_of(group), c->ref_count, c->held_count, row};
    c->ref_count++;
    return MR_OK;
}

/* Gives the processor the rows of refs [first, first + count), which are whole keys. */
static int give_keys(struct custom *c, int64_t first, int64_t count, struct mr_error *error)
{
    const struct mr_custom_config *config = c->call.op->node->config;
    const struct row_ref *refs = c->refs + first;
    struct mr_batch rows;
    MR_TRY(mr_batch_init(&rows, config->rows, count, error));
    int status = MR_OK;
    for (int k = 0; status >= 0 && k < rows.schema->field_count; k++)
        for (int64_t i = 0; status >= 0 && i < count; i++)
            status = mr_column_append(rows.columns[k], c->held[refs[i].batch].columns[config->key_count + k],
                                      refs[i].row, false, error);
    rows.length = count;
    for (int64_t at = 0, next; status >= 0 && at < count; at = next) {
        for (next = at + 1; next < count && mr_str_equal(refs[at].group, refs[next].group);)
            next++;
        status = mr_custom_call_begin(&c->call, refs[at].group, error);
        if (status >= 0)
            status = config->processor.rows(&c->call, &rows, at, next - at, error);
        mr_custom_call_end(&c->call);
    }
    mr_batch_release(&rows);
    return status;
}

/* Values, and the heads of lists, of the keys of these refs are read in one go. */
static int prefetch(struct custom *c, int64_t first, int64_t count, struct mr_error *error)
{
    const struct mr_custom_config *config = c->call.op->node->config;
    struct mr_custom_store *store = &c->call.store;
    struct mr_arena arena;
    int64_t found = 0;
    int status = MR_OK;
    if (!c->call.op->checkpoint || config->variable_count == 0)
        return MR_OK;
    mr_arena_init(&arena);
    struct mr_str *keys = MR_ARENA_ARRAY(&arena, struct mr_str, count * config->variable_count);
    if (!keys)
        MR_ERR(mr_error_memory(error, sizeof *keys * (size_t)count));
    for (int i = 0; i < config->variable_count; i++) {
        if (config->variables[i].kind != MR_CUSTOM_VALUE && config->variables[i].kind != MR_CUSTOM_LIST)
            continue;
        for (int64_t r = first; r < first + count; r++) {
            if (r > first && mr_str_equal(c->refs[r].group, c->refs[r - 1].group))
                continue;
            mr_text_clear(&c->key);
            mr_custom_put_base(store, &c->key, c->call.slots[i].number, c->refs[r].group);
            char *copy = c->key.failed ? NULL : mr_arena_copy_text(&arena, c->key.data, c->key.size);
            if (!copy)
                MR_ERR(mr_error_memory(error, c->key.size));
            keys[found++] = (struct mr_str){copy, c->key.size};
        }
    }
    status = mr_custom_prefetch(store, keys, found, error);
err:
    mr_arena_release(&arena);
    return status;
}

/* All rows that wait, key by key. */
static int give_rows(struct custom *c, struct mr_error *error)
{
    int status = MR_OK;
    if (c->ref_count > 1)
        qsort(c->refs, (size_t)c->ref_count, sizeof *c->refs, compare_refs);
    for (int64_t at = 0, next; status >= 0 && at < c->ref_count; at = next) {
        next = at + MR_BATCH_ROWS < c->ref_count ? at + MR_BATCH_ROWS : c->ref_count;
        while (next < c->ref_count && mr_str_equal(c->refs[next].group, c->refs[next - 1].group))
            next++;
        status = trim(c, error);
        if (status >= 0)
            status = prefetch(c, at, next - at, error);
        if (status >= 0)
            status = give_keys(c, at, next - at, error);
    }
    for (int i = 0; i < c->held_count; i++)
        mr_batch_release(&c->held[i]);
    c->held_count = 0;
    c->held_bytes = 0;
    c->ref_count = 0;
    mr_arena_clear(&c->keys);
    return status;
}

/* Of the rows themselves: batches that come one after the other share the buffers behind their strings. */
static size_t row_bytes(const struct mr_batch *batch)
{
    size_t bytes = 0;
    for (int k = 0; k < batch->schema->field_count; k++) {
        const struct mr_column *column = batch->columns[k];
        if (!mr_type_is_bytes(column->type)) {
            bytes += mr_column_bytes(column);
            continue;
        }
        for (int64_t row = 0; row < batch->length; row++)
            bytes += sizeof(struct mr_view) + (mr_column_is_null(column, row) ? 0 : column->views[row].size);
    }
    return bytes;
}

static int custom_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                       struct mr_error *error)
{
    const struct mr_custom_config *config = op->node->config;
    struct custom *c = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(reserve(c, batch->length, error));
    int64_t count = mr_operator_drop_late(op, batch, config->event_time_column, c->rows);
    if (count == 0)
        return MR_OK;
    for (int k = 0; k < config->key_count; k++)
        c->columns[k] = batch->columns[k];
    mr_hash_keys(c->columns, config->key_count, batch->length, c->hashes);
    for (int64_t i = 0; i < count; i++)
        MR_TRY(add_ref(c, c->rows[i], error));
    MR_TRY(mr_batch_copy(&c->held[c->held_count], batch, error));
    c->held_bytes += row_bytes(batch) + (size_t)count * sizeof *c->refs;
    c->held_count++;
    return c->held_bytes + c->keys.used_bytes > memory_limit(op) / 4 ? give_rows(c, error) : MR_OK;
}

static int custom_finish(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_custom_config *config = op->node->config;
    struct custom *c = op->ctx;
    MR_TRY(give_rows(c, error));
    if (config->mode == MR_TIME_EVENT && op->evict_us != MR_NO_WATERMARK)
        MR_TRY(fire_due(c, op->evict_us, false, error));
    if (config->mode == MR_TIME_PROCESSING)
        MR_TRY(fire_due(c, op->session->batch_time_us, true, error));
    MR_TRY(mr_custom_send(&c->call, error));
    op->metrics.rows_total = c->call.store.counts.live;
    op->metrics.state_bytes =
        (int64_t)(mr_state_cache_bytes(&c->call.store.cache) + c->call.store.counts.bytes);
    return MR_OK;
}

/* ---- decisions ---- */
static int custom_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct custom *c = op->ctx;
    MR_TRY(mr_custom_variables_flush(&c->call, decision, error));
    return mr_custom_store_flush(&c->call.store, decision, error);
}

/* Rows that wait will change state: a micro-batch ends early for them, too. */
static int64_t custom_dirty_bytes(struct mr_operator *op)
{
    const struct custom *c = op->ctx;
    return (int64_t)(c->call.store.cache.dirty_bytes + c->held_bytes);
}

static bool custom_wants_batch(const struct mr_node *node, int64_t old_watermark_us, int64_t new_watermark_us)
{
    const struct mr_custom_config *config = node->config;
    return config->mode == MR_TIME_EVENT && new_watermark_us > old_watermark_us;
}

static int64_t custom_due_us(struct mr_operator *op)
{
    const struct mr_custom_config *config = op->node->config;
    return config->mode == MR_TIME_PROCESSING ? ((struct custom *)op->ctx)->call.next_due_us : INT64_MAX;
}

static void custom_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    const struct mr_custom_config *config = node->config;
    mr_text_append_str(out, "grouping columns: ");
    mr_plan_text_columns(out, config->key, NULL, config->key_count);
    mr_text_format(out, "; time mode: %s", mode_names[config->mode]);
}

static void custom_close(struct mr_operator *op)
{
    struct custom *c = op->ctx;
    const struct mr_custom_config *config = op->node->config;
    if (!c)
        return;
    if (config->processor.close && c->call.instance)
        config->processor.close(config->processor.ctx, c->call.instance);
    for (int i = 0; i < c->held_count; i++)
        mr_batch_release(&c->held[i]);
    mr_free(c->held);
    mr_free(c->refs);
    mr_free(c->columns);
    mr_free(c->hashes);
    mr_free(c->rows);
    mr_arena_release(&c->keys);
    mr_text_release(&c->key);
    mr_custom_call_close(&c->call);
    mr_free(c);
    op->ctx = NULL;
}

const struct mr_operator_type mr_custom_operator = {
    .name = "transformWithStateExec",
    .flags = MR_OP_STATEFUL | MR_OP_KEYED,
    .open = custom_open,
    .begin = custom_begin,
    .push = custom_push,
    .finish = custom_finish,
    .flush = custom_flush,
    .dirty_bytes = custom_dirty_bytes,
    .wants_batch = custom_wants_batch,
    .due_us = custom_due_us,
    .fingerprint = custom_fingerprint,
    .close = custom_close,
};
