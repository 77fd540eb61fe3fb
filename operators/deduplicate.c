/* operators/deduplicate.c: the first row of every key, by Spark's rules (reference: Structured
 * Streaming 1.7).
 *
 * A key is remembered until it expires: never; once the watermark has reached its event time, when that is
 * part of the key; or, within the watermark, once it has reached the first row's event time and the delay.
 * A row whose event time is at or before the previous batch's watermark is late and dropped.
 *
 * Nothing is done for keys that expire: they count as absent from then on, and are counted per expiry. The
 * table is a write-back cache of the state (keyed_state.h) whose values hold nothing but the expiry. A key
 * made and expired between two decisions is never written. */
#include "operators/aggregate_input.h"
#include "operators/expiry_counts.h"
#include "operators/plan_text.h"
#include "operators/show_state.h"

#define FORMAT 1
#define STATE_HEAD_BYTES (2 + 1 + 2) /* state id, kind, key group */
#define ABSENT INT64_MIN             /* expiry of a key that is not in state */
#define FLEETING MR_GROUP_TOUCHED    /* made in this micro-batch, and expired when it ends */
#define USED MR_GROUP_LISTED         /* since the cache was last trimmed */
#define PACKED MR_GROUP_PERSISTED    /* together with others: found in the cache only */
#define SIFT_EVERY 65536             /* dirty keys */

struct deduplicate {
    struct mr_group_table table;
    struct mr_keyed_state state;
    struct mr_expiry_counts counts;
    int64_t evicted_us; /* keys that expire at or before are absent, unless fleeting */
    bool begun;
    struct mr_group_list dirty, fleeting;
    int64_t passing;        /* of dirty: those that the next watermark will pass */
    int64_t sifted;         /* how many were dirty when those were counted */
    int64_t newest_us;      /* latest expiry given so far */
    uint32_t trimmed_count; /* groups that the last trimming left */
    struct mr_column **keys;
    struct mr_group **records; /* scratch, per pushed batch */
    uint64_t *hashes;
    int32_t *rows;
    int64_t capacity;
};

static int64_t whole_ms(int64_t us)
{
    return us == MR_NO_WATERMARK ? us : us - (us % 1000 + 1000) % 1000;
}

static int deduplicate_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_deduplicate_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct deduplicate), error));
    struct deduplicate *d = op->ctx;
    const struct mr_type **types = mr_allocate(sizeof(void *) * (size_t)(config->count + 1));
    d->keys = mr_allocate_zeroed(sizeof(void *) * (size_t)(config->count + 1));
    if (!types || !d->keys) {
        mr_free(types);
        return mr_error_memory(error, sizeof(void *) * (size_t)config->count);
    }
    for (int c = 0; c < config->count; c++)
        types[c] = mr_operator_input(op, 0)->fields[config->columns[c]].type;
    int status = mr_group_table_init(&d->table, types, config->count, NULL, 0, error);
    mr_free(types);
    if (status >= 0)
        status = mr_expiry_counts_open(&d->counts, op, error);
    d->evicted_us = d->newest_us = MR_NO_WATERMARK;
    d->state = (struct mr_keyed_state){.op = op,
                                       .table = &d->table,
                                       .format = FORMAT,
                                       .uncached_us = d->counts.latest_us};
    op->metrics.rows_total = d->counts.live;
    return status;
}

/* ---- the cache between decisions ---- */
static bool is_live(void *ctx, struct mr_group *group)
{
    return group->time_us > ((struct deduplicate *)ctx)->evicted_us;
}

static bool is_used(void *ctx, struct mr_group *group)
{
    struct deduplicate *d = ctx;
    if (group->flags & PACKED)
        return true;
    if (!(group->flags & USED) && group->time_us > d->state.uncached_us)
        d->state.uncached_us = group->time_us;
    bool used = group->flags & USED;
    group->flags &= ~(uint32_t)USED;
    return used;
}

/* Groups have moved. */
static int list_dirty(struct deduplicate *d, struct mr_error *error)
{
    struct mr_group_cursor cursor = {0};
    struct mr_group *some[256];
    int64_t count = 1;
    for (d->dirty.count = 0; count > 0;) {
        count = mr_group_table_next(&d->table, &cursor, some, 256);
        for (int64_t i = 0; i < count; i++)
            if (some[i]->flags & MR_GROUP_DIRTY)
                MR_TRY(mr_group_list_add(&d->dirty, some[i], error));
    }
    return MR_OK;
}

/* Drops what has expired; if that is not enough, and all is written, what was not used since the last time,
 * or else everything. */
static int trim(struct mr_operator *op, struct mr_error *error)
{
    struct deduplicate *d = op->ctx;
    size_t limit = op->memory_limit_bytes ? op->memory_limit_bytes : (size_t)64 << 20;
    bool written = d->dirty.count == 0;
    bool too_large = written && mr_group_table_bytes(&d->table) > limit;
    if (!too_large && d->table.count / 2 <= d->trimmed_count + 8192)
        return MR_OK;
    MR_TRY(mr_group_table_retain(&d->table, is_live, d, error));
    for (int pass = 0; written && pass < 2 && mr_group_table_bytes(&d->table) > limit / 4 * 3; pass++)
        MR_TRY(mr_group_table_retain(&d->table, is_used, d, error)); /* the second time nothing is used */
    d->trimmed_count = d->table.count;
    return written ? MR_OK : list_dirty(d, error);
}

static int unpacked(void *ctx, struct mr_group *group, int64_t expiry_us, struct mr_error *error)
{
    (void)ctx;
    (void)error;
    group->flags |= MR_GROUP_LOADED | PACKED;
    group->time_us = expiry_us;
    return MR_OK;
}

static int deduplicate_begin(struct mr_operator *op, struct mr_error *error)
{
    struct deduplicate *d = op->ctx;
    if (!d->begun) { /* of this process: what the last micro-batch evicted is gone */
        d->begun = true;
        d->evicted_us = whole_ms(op->late_us);
        if (d->evicted_us != MR_NO_WATERMARK)
            mr_expiry_counts_expire(&d->counts, d->evicted_us);
        MR_TRY(mr_keyed_state_unpack(&d->state, d->evicted_us, unpacked, d, error));
    }
    return op->checkpoint ? trim(op, error) : MR_OK;
}

/* ---- rows ---- */
static int reserve(struct deduplicate *d, int64_t length, struct mr_error *error)
{
    if (length <= d->capacity)
        return MR_OK;
    mr_free(d->records);
    mr_free(d->hashes);
    mr_free(d->rows);
    d->capacity = 0;
    d->records = mr_allocate(sizeof(void *) * (size_t)length);
    d->hashes = mr_allocate(sizeof(uint64_t) * (size_t)length);
    d->rows = mr_allocate(sizeof(int32_t) * (size_t)length);
    if (!d->records || !d->hashes || !d->rows)
        return mr_error_memory(error, (size_t)length * 20);
    d->capacity = length;
    return MR_OK;
}

static int found(void *ctx, struct mr_group *group, int64_t expiry_us, struct mr_str value,
                 struct mr_error *error)
{
    (void)ctx;
    (void)value;
    (void)error;
    group->time_us = expiry_us;
    return MR_OK;
}

/* Groups that are new to the cache learn whether the checkpoint knows them. */
static int load_fresh(struct deduplicate *d, int64_t count, struct mr_error *error)
{
    bool cached = mr_keyed_state_is_cached(&d->state, d->evicted_us);
    struct mr_group_list fresh = {0};
    int status = MR_OK;
    for (int64_t k = 0; status >= 0 && k < count; k++) {
        struct mr_group *group = d->records[k];
        if (group->flags & MR_GROUP_LOADED)
            continue;
        group->flags |= MR_GROUP_LOADED;
        group->time_us = ABSENT;
        if (!cached)
            status = mr_group_list_add(&fresh, group, error);
    }
    if (status >= 0 && fresh.count > 0)
        status = mr_keyed_state_load(&d->state, fresh.groups, fresh.count, found, d, error);
    mr_free(fresh.groups);
    return status;
}

static int64_t expiry_of(const struct mr_deduplicate_config *config, const struct mr_column *column,
                         const struct mr_column *times, int64_t row)
{
    if (!column)
        return MR_NEVER;
    int64_t time_us = mr_event_time_of(column, times, row), expiry_us;
    if (!config->within_watermark)
        return time_us; /* NULL: never */
    if (time_us == INT64_MAX)
        time_us = 0; /* as Spark, which reads the number behind a NULL */
    return __builtin_add_overflow(time_us, config->delay_us, &expiry_us) ? MR_NEVER : expiry_us;
}

/* Rows whose key is not there yet, in d->rows; their number in *count. */
static int choose(struct mr_operator *op, const struct mr_batch *batch, int64_t *count,
                  struct mr_error *error)
{
    const struct mr_deduplicate_config *config = op->node->config;
    struct deduplicate *d = op->ctx;
    const struct mr_column *column = config->expires ? batch->columns[config->event_time_column] : NULL;
    const struct mr_column *times = column ? mr_event_times(column) : NULL;
    int64_t chosen = 0;
    for (int64_t k = 0; k < *count; k++) {
        struct mr_group *group = d->records[k];
        group->flags |= USED;
        if (group->time_us > d->evicted_us || (group->flags & FLEETING))
            continue;
        group->time_us = expiry_of(config, column, times, d->rows[k]);
        group->flags &= ~(uint32_t)PACKED;
        d->rows[chosen++] = d->rows[k];
        if (group->time_us > d->newest_us && group->time_us != MR_NEVER)
            d->newest_us = group->time_us;
        MR_TRY(mr_expiry_counts_add(&d->counts, group->time_us, error));
        if (group->time_us <= d->evicted_us) {
            group->flags |= FLEETING;
            MR_TRY(mr_group_list_add(&d->fleeting, group, error));
        } else if (!(group->flags & MR_GROUP_DIRTY) && op->checkpoint) {
            group->flags |= MR_GROUP_DIRTY;
            MR_TRY(mr_group_list_add(&d->dirty, group, error));
        }
    }
    *count = chosen;
    return MR_OK;
}

/* What the next watermark will be if nothing but this operator's rows make it: the delay behind their newest
 * event time. */
static int64_t next_watermark(const struct deduplicate *d, const struct mr_deduplicate_config *config)
{
    int64_t behind = config->within_watermark ? 2 * config->delay_us : config->delay_us, reached;
    return __builtin_sub_overflow(d->newest_us, behind, &reached) ? INT64_MIN : reached;
}

/* Forgets dirty keys that have expired; counts those that will with the watermark that this micro-batch's
 * rows make: it is the delay behind their newest event time. */
static void sift_dirty(struct deduplicate *d, const struct mr_deduplicate_config *config)
{
    int64_t reached = next_watermark(d, config), kept = 0;
    d->passing = 0;
    for (int64_t i = 0; i < d->dirty.count; i++) {
        struct mr_group *group = d->dirty.groups[i];
        if (group->time_us <= d->evicted_us) {
            group->flags &= ~(uint32_t)MR_GROUP_DIRTY;
            continue;
        }
        d->dirty.groups[kept++] = group;
        d->passing += group->time_us <= reached;
    }
    d->dirty.count = d->sifted = kept;
}

static int deduplicate_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                            struct mr_error *error)
{
    const struct mr_deduplicate_config *config = op->node->config;
    struct deduplicate *d = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(reserve(d, batch->length, error));
    int64_t count = mr_operator_drop_late(op, batch, config->event_time_column, d->rows);
    if (count == 0)
        return MR_OK;
    struct mr_selection selection = {d->rows, count};
    for (int c = 0; c < config->count; c++)
        d->keys[c] = batch->columns[config->columns[c]];
    mr_hash_keys(d->keys, config->count, batch->length, d->hashes);
    MR_TRY(mr_group_table_find(&d->table, d->keys, d->hashes, &selection, batch->length, true, d->records,
                               error));
    MR_TRY(load_fresh(d, count, error));
    MR_TRY(choose(op, batch, &count, error));
    op->metrics.rows_updated += count;
    if (d->dirty.count - d->sifted > SIFT_EVERY)
        sift_dirty(d, config);
    if (count == batch->length)
        return mr_operator_emit(op, batch, error);
    if (count == 0)
        return MR_OK;
    struct mr_batch out;
    MR_TRY(mr_batch_take(batch, d->rows, count, &out, error));
    int status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int deduplicate_finish(struct mr_operator *op, struct mr_error *error)
{
    struct deduplicate *d = op->ctx;
    (void)error;
    if (op->evict_us > d->evicted_us)
        d->evicted_us = whole_ms(op->evict_us);
    if (d->evicted_us != MR_NO_WATERMARK)
        op->metrics.rows_removed += mr_expiry_counts_expire(&d->counts, d->evicted_us);
    for (int64_t i = 0; i < d->fleeting.count; i++)
        d->fleeting.groups[i]->flags &= ~(uint32_t)FLEETING;
    d->fleeting.count = 0;
    sift_dirty(d, op->node->config);
    op->metrics.rows_total = d->counts.live;
    op->metrics.state_bytes = (int64_t)(mr_group_table_bytes(&d->table) + d->counts.bytes);
    if (!op->checkpoint)
        mr_group_table_clear(&d->table);
    return MR_OK;
}

/* ---- decisions ---- */
/* Those that last first, of which it returns the number, then those that expire soon, to be packed. */
static int64_t split_dirty(struct deduplicate *d, int64_t next_us)
{
    struct mr_group **groups = d->dirty.groups;
    int64_t first = 0, end = d->dirty.count;
    while (first < end) {
        struct mr_group *group = groups[first];
        group->flags &= ~(uint32_t)MR_GROUP_DIRTY;
        if (group->time_us > next_us || !mr_keyed_state_can_pack(&d->state, group)) {
            first++;
            continue;
        }
        group->flags |= PACKED;
        groups[first] = groups[--end];
        groups[end] = group;
    }
    return first;
}

static int write_dirty(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct deduplicate *d = op->ctx;
    struct mr_arena arena;
    struct mr_text value;
    int status = MR_OK;
    mr_arena_init(&arena);
    mr_text_init(&value);
    struct mr_state_entry *entries = mr_allocate(sizeof *entries * (size_t)(d->dirty.count + 1));
    if (!entries)
        MR_ERR(mr_error_memory(error, sizeof *entries * (size_t)d->dirty.count));
    int64_t count = split_dirty(d, op->next_evict_us);
    MR_ERR(mr_keyed_state_pack(&d->state, decision, d->dirty.groups + count, d->dirty.count - count, error));
    MR_ERR(mr_keyed_state_sort(&d->state, d->dirty.groups, count, &arena, entries, error));
    for (int64_t i = 0; i < count; i++) {
        mr_text_clear(&value);
        mr_keyed_state_put_head(&value, FORMAT, entries[i].group->time_us);
        mr_decision_put(decision, MR_FAMILY_STATE, entries[i].key, mr_text_str(&value));
    }
    if (value.failed)
        MR_ERR(mr_error_memory(error, value.capacity));
    d->dirty.count = d->passing = d->sifted = 0;
err:
    mr_free(entries);
    mr_arena_release(&arena);
    mr_text_release(&value);
    return status;
}

static int deduplicate_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error)
{
    struct deduplicate *d = op->ctx;
    MR_TRY(mr_expiry_counts_write(&d->counts, decision, error));
    MR_TRY(write_dirty(op, decision, error));
    if (d->evicted_us != MR_NO_WATERMARK)
        mr_decision_expire(decision, (uint16_t)op->node->id, d->evicted_us);
    return MR_OK;
}

static int64_t bytes_of(const struct deduplicate *d, int64_t keys)
{
    return keys * (int64_t)(d->table.key_bytes + 32);
}

static int64_t deduplicate_dirty_bytes(struct mr_operator *op)
{
    struct deduplicate *d = op->ctx;
    return bytes_of(d, d->dirty.count - d->passing);
}

static int64_t deduplicate_passing_bytes(struct mr_operator *op)
{
    struct deduplicate *d = op->ctx;
    return bytes_of(d, d->passing);
}

static bool deduplicate_wants_batch(const struct mr_node *node, int64_t old_watermark_us,
                                    int64_t new_watermark_us)
{
    (void)node;
    return new_watermark_us > old_watermark_us; /* Spark's rule, whatever is in state */
}

static void deduplicate_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    const struct mr_deduplicate_config *config = node->config;
    const struct mr_type *input = node->inputs[0]->output;
    bool is_key = false;
    for (int c = 0; c < config->count; c++)
        is_key = is_key || (config->expires && config->columns[c] == config->event_time_column);
    mr_text_append_str(out, "deduplication columns: ");
    mr_plan_text_columns(out, input, config->columns, config->count);
    mr_text_format(out, "; event time: %s", is_key ? input->fields[config->event_time_column].name : "none");
}

/* ---- for people ---- */
static const struct mr_type *deduplicate_state_type(const struct mr_node *node, int side,
                                                    struct mr_arena *arena)
{
    const struct mr_deduplicate_config *config = node->config;
    const struct mr_field value = {.name = "expires", .type = mr_type_of(MR_TIMESTAMP), .nullable = true};
    struct mr_field *keys = MR_ARENA_ARRAY(arena, struct mr_field, config->count + 1);
    (void)side;
    for (int c = 0; keys && c < config->count; c++)
        keys[c] = node->inputs[0]->output->fields[config->columns[c]];
    return keys ? mr_shown_type(arena, keys, config->count, &value, 1) : NULL;
}

struct showing {
    struct mr_operator *op;
    const struct mr_type *type;
};

/* One entry is one batch: it is for people. */
static int show_entry(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    const struct showing *showing = ctx;
    struct mr_operator *op = showing->op;
    const struct mr_deduplicate_config *config = op->node->config;
    struct deduplicate *d = op->ctx;
    struct mr_batch out;
    struct mr_str rest;
    int64_t expiry_us;
    MR_TRY(mr_keyed_state_get_head(&d->state, value, &expiry_us, &rest, error));
    if (expiry_us <= op->late_us)
        return MR_OK;
    int status = mr_batch_init(&out, showing->type, 1, error);
    const char *at = key.data + STATE_HEAD_BYTES, *end = key.data + key.size;
    for (int c = 0; status >= 0 && c < config->count; c++)
        status = mr_key_decode(&at, end, out.columns[0]->children[c], error);
    if (status >= 0) {
        struct mr_column *expires = out.columns[1]->children[0];
        expires->i64[0] = expiry_us;
        expires->length = out.columns[0]->length = out.columns[1]->length = out.length = 1;
        status = expiry_us == MR_NEVER ? mr_column_set_null(expires, 0, error) : MR_OK;
    }
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status < 0 ? status : MR_OK;
}

static int show_packed(void *ctx, struct mr_group *group, int64_t expiry_us, struct mr_error *error)
{
    const struct showing *showing = ctx;
    struct deduplicate *d = showing->op->ctx;
    struct mr_batch out;
    MR_TRY(mr_shown_batch(&out, showing->type, 1, error));
    int status = mr_group_table_keys(&d->table, &group, 1, out.columns[0]->children, error);
    struct mr_column *expires = status < 0 ? NULL : mr_column_new(mr_type_of(MR_TIMESTAMP), 1);
    if (status >= 0 && !expires)
        status = mr_error_memory(error, 16);
    if (status >= 0) {
        expires->i64[0] = expiry_us;
        expires->length = 1;
        out.columns[1]->children[0] = expires;
        status = mr_operator_emit(showing->op, &out, error);
    }
    mr_batch_release(&out);
    return status;
}

static int deduplicate_show_state(struct mr_operator *op, int side, const struct mr_type *type,
                                  struct mr_error *error)
{
    struct deduplicate *d = op->ctx;
    struct showing showing = {op, type};
    (void)side;
    MR_TRY(mr_keyed_state_unpack(&d->state, op->late_us, show_packed, &showing, error));
    return mr_state_scan(op, MR_STATE_ENTRIES, show_entry, &showing, error);
}

static void deduplicate_close(struct mr_operator *op)
{
    struct deduplicate *d = op->ctx;
    if (!d)
        return;
    mr_expiry_counts_close(&d->counts);
    mr_group_table_release(&d->table);
    mr_free(d->dirty.groups);
    mr_free(d->fleeting.groups);
    mr_free(d->keys);
    mr_free(d->records);
    mr_free(d->hashes);
    mr_free(d->rows);
    mr_free(d);
    op->ctx = NULL;
}

#define DEDUPLICATE(spark_name)                                                                              \
    {                                                                                                        \
        .name = spark_name, .flags = MR_OP_STATEFUL | MR_OP_KEYED, .open = deduplicate_open,                 \
        .begin = deduplicate_begin, .push = deduplicate_push, .finish = deduplicate_finish,                  \
        .flush = deduplicate_flush, .dirty_bytes = deduplicate_dirty_bytes,                                  \
        .passing_bytes = deduplicate_passing_bytes, .wants_batch = deduplicate_wants_batch,                  \
        .fingerprint = deduplicate_fingerprint, .state_type = deduplicate_state_type,                        \
        .show_state = deduplicate_show_state, .close = deduplicate_close                                     \
    }
const struct mr_operator_type mr_deduplicate_operator = DEDUPLICATE("dedupe");
const struct mr_operator_type mr_deduplicate_within_operator = DEDUPLICATE("dedupeWithinWatermark");
