/* operators/stream_join_state.c: opening, reading and counting; see the header for the layout. Writing:
 * stream_join_write.c. */
#include "operators/stream_join_state.h"

#include <stdlib.h>

#include "columns/value.h"
#include "operators/state_key.h"
#include "operators/stream_join_pack.h"

#define CHUNK MR_BATCH_ROWS

/* ---- counts ---- */
static void merge_smallest(struct mr_join_count *counts, int *count)
{
    int best = 0;
    for (int i = 1; i + 1 < *count - 1; i++) /* the last, which may never expire, stays as it is */
        if (counts[i].rows + counts[i + 1].rows < counts[best].rows + counts[best + 1].rows)
            best = i;
    counts[best + 1].rows += counts[best].rows;
    memmove(&counts[best], &counts[best + 1], sizeof *counts * (size_t)(*count - best - 1));
    --*count;
}

void mr_join_count_add(struct mr_join_count *counts, int *count, int64_t upto_us, int64_t rows)
{
    int at = 0;
    while (at < *count && counts[at].upto_us < upto_us)
        at++;
    if (at < *count && counts[at].upto_us == upto_us) {
        counts[at].rows += rows;
        return;
    }
    if (*count == MR_JOIN_COUNTS) {
        merge_smallest(counts, count);
        for (at = 0; at < *count && counts[at].upto_us < upto_us;)
            at++;
    }
    memmove(&counts[at + 1], &counts[at], sizeof *counts * (size_t)(*count - at));
    counts[at] = (struct mr_join_count){upto_us, rows};
    ++*count;
}

void mr_join_count_rows(const struct mr_join_rows *rows, struct mr_join_count *counts, int *count)
{
    for (int side = 0; side < 2; side++) {
        const struct mr_join_shelf *shelf = &rows->shelves[side];
        for (int64_t i = 0; i < shelf->bucket_count; i++) {
            const struct mr_join_bucket *bucket = &shelf->buckets[i];
            int64_t upto_us = bucket->span == INT64_MAX
                                  ? MR_NEVER_EXPIRES
                                  : (int64_t)(((uint64_t)bucket->span + 1) << shelf->span_bits) - 1;
            if (bucket->rows > 0)
                mr_join_count_add(counts, count, upto_us, bucket->rows);
        }
    }
}

int64_t mr_stream_join_state_rows(const struct mr_stream_join_state *state)
{
    int64_t rows = state->rows.live;
    for (int i = 0; i < state->outside_count; i++)
        rows += state->outside[i].rows;
    return rows;
}

static void count_read(struct mr_stream_join_state *state, int64_t expiry_us)
{
    for (int i = 0; i < state->outside_count; i++)
        if (state->outside[i].upto_us >= expiry_us) {
            state->outside[i].rows -= state->outside[i].rows > 0;
            return;
        }
}

void mr_stream_join_state_expired(struct mr_stream_join_state *state, int64_t expired_us)
{
    int gone = 0;
    while (gone < state->outside_count && state->outside[gone].upto_us <= expired_us)
        gone++;
    state->outside_count -= gone;
    memmove(state->outside, state->outside + gone, sizeof *state->outside * (size_t)state->outside_count);
    if (!state->complete && state->stored_until_us <= expired_us) {
        state->complete = true;
        state->outside_count = 0;
    }
}

/* ---- opening ---- */
struct opening {
    struct mr_stream_join_state *state;
    int highest_partition;
    bool same_layout;
    struct mr_join_count own[MR_JOIN_COUNTS], all[MR_JOIN_COUNTS];
    int own_count, all_count;
};

static int read_counts(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct opening *opening = ctx;
    struct mr_stream_join_state *state = opening->state;
    uint16_t partitions;
    int64_t highest_us;
    uint32_t next_pack;
    if (key.size != 5 || value.size < 23 || value.data[0] != MR_STREAM_JOIN_FORMAT ||
        (value.size - 23) % 16 != 0)
        return mr_state_corrupt(state->op, "its row counts", error);
    memcpy(&partitions, value.data + 9, 2);
    memcpy(&highest_us, value.data + 11, 8);
    memcpy(&next_pack, value.data + 19, 4);
    int partition = (int)mr_state_get_u16(key.data + 3);
    for (const char *at = value.data + 23; at < value.data + value.size; at += 16) {
        int64_t upto_us, rows;
        memcpy(&upto_us, at, 8);
        memcpy(&rows, at + 8, 8);
        mr_join_count_add(opening->all, &opening->all_count, upto_us, rows);
        if (partition == state->op->partition)
            mr_join_count_add(opening->own, &opening->own_count, upto_us, rows);
    }
    if (partition + 1 > opening->highest_partition)
        opening->highest_partition = partition + 1;
    if (partitions != state->op->partitions)
        opening->same_layout = false;
    if (highest_us > state->stored_until_us)
        state->stored_until_us = highest_us;
    if (next_pack > state->next_pack)
        state->next_pack = next_pack;
    return 0;
}

static int open_stored(struct mr_stream_join_state *state, struct mr_error *error)
{
    struct opening opening = {.state = state, .same_layout = true};
    MR_TRY(mr_state_scan(state->op, MR_STATE_COUNTS, read_counts, &opening, error));
    bool own = opening.same_layout;
    bool all = !own && state->op->partition == 0; /* only the sum over partitions can be known */
    state->outside_count = own ? opening.own_count : all ? opening.all_count : 0;
    memcpy(state->outside, own ? opening.own : opening.all,
           sizeof *state->outside * (size_t)state->outside_count);
    state->stale_partitions = own ? 0 : opening.highest_partition;
    state->first_own_pack = state->next_pack;
    state->rows.highest_us = state->stored_until_us;
    state->complete = state->stored_until_us == INT64_MIN;
    return MR_OK;
}

int mr_stream_join_state_open(struct mr_stream_join_state *state, struct mr_operator *op, int outer_sides,
                              struct mr_error *error)
{
    const struct mr_stream_join_config *config = op->node->config;
    const struct mr_type *types[64];
    *state = (struct mr_stream_join_state){.op = op,
                                           .config = config,
                                           .outer_sides = outer_sides,
                                           .complete = true,
                                           .stored_until_us = INT64_MIN,
                                           .next_pack = 1,
                                           .first_own_pack = 1,
                                           .written_share = 0.5,
                                           .passing_upto_us = INT64_MIN,
                                           .expired_us = MR_NO_WATERMARK};
    for (int k = 0; k < config->key_count; k++)
        types[k] = op->node->inputs[0]->output->fields[config->sides[0].keys[k]].type;
    MR_TRY(mr_join_rows_init(&state->rows, types, config->key_count, error));
    if (!op->checkpoint || mr_checkpoint_is_new(op->checkpoint))
        return MR_OK;
    return open_stored(state, error);
}

void mr_stream_join_state_close(struct mr_stream_join_state *state)
{
    mr_join_rows_release(&state->rows);
    mr_free(state->dirty);
    state->dirty = NULL;
}

int mr_stream_join_state_touch(struct mr_stream_join_state *state, struct mr_group *group,
                               struct mr_error *error)
{
    struct mr_join_key *key = mr_join_key_of(&state->rows, group);
    if (key->dirty || !state->op->checkpoint)
        return MR_OK;
    if (state->dirty_count == state->dirty_capacity) {
        int64_t capacity = state->dirty_capacity ? state->dirty_capacity * 2 : 1024;
        struct mr_group **grown = mr_reallocate(state->dirty, sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        state->dirty = grown;
        state->dirty_capacity = capacity;
    }
    key->dirty = true;
    state->dirty[state->dirty_count++] = group;
    return MR_OK;
}

/* ---- reading keys ---- */
static int compare_wanted(const void *left, const void *right)
{
    return mr_str_compare(((const struct mr_join_wanted *)left)->prefix,
                          ((const struct mr_join_wanted *)right)->prefix);
}

int mr_join_wanted_keys(struct mr_stream_join_state *state, struct mr_arena *arena,
                        struct mr_group *const *groups, int64_t count, struct mr_join_wanted *out,
                        struct mr_error *error)
{
    struct mr_column *columns[64];
    struct mr_text text;
    MR_TRY(mr_group_table_keys(&state->rows.keys, groups, count, columns, error));
    mr_text_init(&text);
    int status = MR_OK;
    for (int64_t i = 0; i < count && status == MR_OK; i++) {
        mr_text_clear(&text);
        mr_state_put_u16(&text, (unsigned)mr_key_group(groups[i]->hash));
        for (int k = 0; k < state->config->key_count; k++)
            mr_key_append(&text, columns[k], i);
        char *copy = text.failed ? NULL : mr_arena_copy_text(arena, text.data, text.size);
        if (!copy)
            status = mr_error_memory(error, text.size);
        out[i] = (struct mr_join_wanted){{copy, text.size}, groups[i]};
    }
    mr_text_release(&text);
    for (int k = 0; k < state->config->key_count; k++)
        mr_column_unref(columns[k]);
    if (status == MR_OK && count > 1)
        qsort(out, (size_t)count, sizeof *out, compare_wanted);
    return status;
}

int mr_join_add_stored_row(struct mr_stream_join_state *state, struct mr_group *group, int side,
                           uint32_t pack, const struct mr_join_packed *packed, struct mr_error *error)
{
    struct mr_join_row *row;
    MR_TRY(mr_join_rows_place(&state->rows, side, packed->expiry_us, packed->size, &row, error));
    memcpy(row + 1, packed->data, packed->size);
    row->size = (uint32_t)packed->size & (MR_JOIN_ROW_BYTES_MAX - 1);
    row->matched = packed->matched;
    row->pack = pack;
    mr_join_rows_add(&state->rows, row, group);
    count_read(state, packed->expiry_us);
    return MR_OK;
}

static int read_pack(struct mr_stream_join_state *state, struct mr_group *group, int side, uint32_t pack,
                     struct mr_str value, int64_t expired_us, struct mr_error *error)
{
    struct mr_join_packed row;
    int64_t expiry_us;
    if (value.size < 9 || value.data[0] != MR_STREAM_JOIN_FORMAT)
        return mr_state_corrupt(state->op, "a pack of rows begins with an unknown format", error);
    memcpy(&expiry_us, value.data + 1, 8);
    const char *at = value.data + 9, *end = value.data + value.size;
    while (at < end) {
        if (!mr_join_pack_next(&at, end, expiry_us, &row))
            return mr_state_corrupt(state->op, "a pack of rows ends too early", error);
        if (row.expiry_us > expired_us)
            MR_TRY(mr_join_add_stored_row(state, group, side, pack, &row, error));
    }
    return MR_OK;
}

/* Rows that the checkpoint does not have stand first in their list: what has just been read in front of them
 * goes behind them. */
static void put_behind(struct mr_join_key *key, int side, struct mr_join_row *unwritten)
{
    struct mr_join_row *first = key->first[side], *last = first, *end = unwritten;
    if (!unwritten || unwritten->pack != 0 || first == unwritten)
        return;
    while (last->next != unwritten)
        last = last->next;
    while (end->next && end->next->pack == 0)
        end = end->next;
    last->next = end->next;
    end->next = first;
    key->first[side] = unwritten;
}

static int read_key(struct mr_stream_join_state *state, struct mr_state_cursor *cursor, int side,
                    const struct mr_join_wanted *wanted, struct mr_text *prefix, int64_t expired_us,
                    struct mr_error *error)
{
    struct mr_str key, value;
    mr_text_clear(prefix);
    mr_state_put_prefix(prefix, state->op, MR_JOIN_LEFT_ROWS + side);
    mr_text_append(prefix, wanted->prefix.data, wanted->prefix.size);
    if (prefix->failed)
        return mr_error_memory(error, prefix->capacity);
    struct mr_join_key *lists = mr_join_key_of(&state->rows, wanted->group);
    struct mr_join_row *before = lists->first[side];
    mr_state_cursor_seek(cursor, mr_text_str(prefix));
    while (mr_state_cursor_next(cursor, &key, &value) && mr_str_starts_with(key, mr_text_str(prefix))) {
        uint32_t pack;
        if (key.size != prefix->size + 4)
            return mr_state_corrupt(state->op, "a key is too long", error);
        pack = mr_state_get_u32(key.data + prefix->size);
        if (pack < state->first_own_pack)
            MR_TRY(read_pack(state, wanted->group, side, pack, value, expired_us, error));
    }
    put_behind(lists, side, before);
    return MR_OK;
}

static int load_chunk(struct mr_stream_join_state *state, int side, struct mr_group *const *groups,
                      int64_t count, int64_t expired_us, struct mr_arena *arena, struct mr_error *error)
{
    struct mr_join_wanted *wanted = MR_ARENA_ARRAY(arena, struct mr_join_wanted, count);
    struct mr_state_cursor *cursor = NULL;
    struct mr_text ends, prefix;
    if (!wanted)
        return mr_error_memory(error, sizeof *wanted * (size_t)count);
    MR_TRY(mr_join_wanted_keys(state, arena, groups, count, wanted, error));
    mr_text_init(&ends);
    mr_text_init(&prefix);
    mr_state_put_prefix(&ends, state->op, MR_JOIN_LEFT_ROWS + side);
    size_t size = ends.size;
    mr_state_put_prefix(&ends, state->op, MR_JOIN_LEFT_ROWS + 1 + side);
    int status = ends.failed ? mr_error_memory(error, ends.capacity) : MR_OK;
    if (status == MR_OK)
        status =
            mr_state_cursor_open(state->op->checkpoint, MR_FAMILY_STATE, (struct mr_str){ends.data, size},
                                 (struct mr_str){ends.data + size, ends.size - size}, &cursor, error);
    for (int64_t i = 0; i < count && status == MR_OK; i++)
        status = read_key(state, cursor, side, &wanted[i], &prefix, expired_us, error);
    struct mr_error ignored;
    int closed = mr_state_cursor_close(cursor, status < 0 ? &ignored : error);
    mr_text_release(&ends);
    mr_text_release(&prefix);
    return status < 0 ? status : closed;
}

int mr_stream_join_state_load(struct mr_stream_join_state *state, int side, struct mr_group *const *groups,
                              int64_t count, int64_t expired_us, struct mr_error *error)
{
    struct mr_group *missing[CHUNK];
    int64_t missing_count = 0;
    struct mr_arena arena;
    int status = MR_OK;
    if (state->complete)
        return MR_OK;
    mr_arena_init(&arena);
    for (int64_t i = 0; i < count && status == MR_OK; i++) {
        struct mr_join_key *key = mr_join_key_of(&state->rows, groups[i]);
        if (!key->loaded[side])
            missing[missing_count++] = groups[i];
        key->loaded[side] = true;
        if (missing_count == 0 || (missing_count < CHUNK && i + 1 < count))
            continue;
        status = load_chunk(state, side, missing, missing_count, expired_us, &arena, error);
        missing_count = 0;
        mr_arena_clear(&arena);
    }
    mr_arena_release(&arena);
    return status;
}

/* ---- reading what expires ---- */
struct expiring {
    struct mr_stream_join_state *state;
    struct mr_operator *op;
    int (*let_go)(struct mr_operator *op, int64_t upto_us, struct mr_error *error);
    int64_t after_us;
    bool full;                        /* memory */
    struct mr_column *columns[2][64]; /* keys by side */
    int64_t count[2];
};

static int load_found(struct expiring *expiring, int side, struct mr_error *error)
{
    struct mr_stream_join_state *state = expiring->state;
    int64_t count = expiring->count[side];
    struct mr_group *groups[CHUNK];
    uint64_t hashes[CHUNK];
    expiring->count[side] = 0;
    if (count == 0)
        return MR_OK;
    mr_hash_keys(expiring->columns[side], state->config->key_count, count, hashes);
    MR_TRY(mr_group_table_find(&state->rows.keys, expiring->columns[side], hashes, NULL, count, true, groups,
                               error));
    for (int k = 0; k < state->config->key_count; k++)
        mr_column_clear(expiring->columns[side][k]);
    MR_TRY(mr_stream_join_state_load(state, side, groups, count, expiring->after_us, error));
    for (int64_t i = 0; i < count; i++) {
        const struct mr_join_key *key = mr_join_key_of(&state->rows, groups[i]);
        if (!key->first[0] && !key->first[1] && !(groups[i]->flags & MR_GROUP_REMOVED))
            mr_group_table_remove(&state->rows.keys, groups[i]);
    }
    expiring->full = mr_join_rows_bytes(&state->rows) > mr_stream_join_memory_limit(state->op);
    return MR_OK;
}

/* Everything that expires by then has been read: it goes before more is read, and is not read again. */
static int make_room(struct expiring *expiring, int64_t upto_us, struct mr_error *error)
{
    MR_TRY(load_found(expiring, 0, error));
    MR_TRY(load_found(expiring, 1, error));
    MR_TRY(expiring->let_go(expiring->op, upto_us, error));
    expiring->after_us = upto_us;
    expiring->full = false;
    return MR_OK;
}

static int find_expiring(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct expiring *expiring = ctx;
    struct mr_stream_join_state *state = expiring->state;
    (void)value;
    if (key.size < 18)
        return mr_state_corrupt(state->op, "a key is too short", error);
    int group = (int)mr_state_get_u16(key.data + 11), side = key.data[13] & 1;
    if (mr_key_group_partition(group, state->op->partitions) != state->op->partition)
        return 0;
    int64_t expiry_us = mr_state_get_time(key.data + 3);
    if (expiring->full && expiry_us > expiring->after_us + 1)
        MR_TRY(make_room(expiring, expiry_us - 1, error));
    const char *at = key.data + 14, *end = key.data + key.size - 4;
    for (int k = 0; k < state->config->key_count; k++)
        MR_TRY(mr_key_decode(&at, end, expiring->columns[side][k], error));
    if (++expiring->count[side] == CHUNK)
        MR_TRY(load_found(expiring, side, error));
    return 0;
}

int mr_stream_join_state_load_expiring(struct mr_stream_join_state *state, int64_t after_us, int64_t upto_us,
                                       int (*let_go)(struct mr_operator *op, int64_t upto_us,
                                                     struct mr_error *error),
                                       struct mr_error *error)
{
    struct expiring *expiring = NULL;
    struct mr_text keys;
    int status = MR_OK;
    if (state->complete || state->outer_sides == 0 || upto_us <= after_us)
        return MR_OK;
    mr_text_init(&keys);
    expiring = mr_allocate_zeroed(sizeof *expiring);
    if (!expiring)
        MR_ERR(mr_error_memory(error, sizeof *expiring));
    expiring->state = state;
    expiring->op = state->op;
    expiring->let_go = let_go;
    expiring->after_us = after_us;
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < state->config->key_count; k++) {
            expiring->columns[side][k] = mr_column_new(state->rows.keys.key_types[k], CHUNK);
            if (!expiring->columns[side][k])
                MR_ERR(mr_error_memory(error, CHUNK * 16));
        }
    mr_state_put_prefix(&keys, state->op, MR_JOIN_EXPIRIES);
    mr_state_put_time(&keys, after_us == INT64_MIN ? after_us : after_us + 1);
    size_t size = keys.size;
    mr_state_put_prefix(&keys, state->op, MR_JOIN_EXPIRIES);
    mr_state_put_time(&keys, upto_us + 1);
    if (keys.failed)
        MR_ERR(mr_error_memory(error, keys.capacity));
    MR_ERR(mr_checkpoint_scan(state->op->checkpoint, MR_FAMILY_STATE, (struct mr_str){keys.data, size},
                              (struct mr_str){keys.data + size, keys.size - size}, find_expiring, expiring,
                              error));
    MR_ERR(load_found(expiring, 0, error));
    MR_ERR(load_found(expiring, 1, error));
err:
    for (int side = 0; expiring && side < 2; side++)
        for (int k = 0; k < state->config->key_count; k++)
            mr_column_unref(expiring->columns[side][k]);
    mr_free(expiring);
    mr_text_release(&keys);
    return status < 0 ? status : MR_OK;
}
