/* operators/aggregate_state.c: see the header for the layout. */
#include "operators/aggregate_state.h"

#include <stdlib.h>

#include "base/sort.h"
#include "columns/value.h"
#include "operators/state_key.h"

#define CHUNK MR_BATCH_ROWS
#define MAX_TRACKED 65536

/* ---- key pieces ---- */
static void put_prefix(const struct mr_aggregate_state *state, struct mr_text *out, char kind)
{
    mr_state_put_prefix(out, state->op, kind);
}

static size_t head_bytes(const struct mr_aggregate_state *state)
{
    return state->config->event_time_group >= 0 ? 2 + 1 + 8 + 2 : 2 + 1 + 2;
}

static void put_key(const struct mr_aggregate_state *state, struct mr_text *out,
                    struct mr_column *const *keys, int64_t row, uint64_t hash, int64_t time_us)
{
    put_prefix(state, out, 1);
    if (state->config->event_time_group >= 0)
        mr_state_put_time(out, time_us);
    mr_state_put_u16(out, (unsigned)mr_key_group(hash));
    for (int g = 0; g < state->config->group_count; g++)
        mr_key_append(out, keys[g], row);
}

/* ---- opening: counts and the event times that are there ---- */
struct counts {
    struct mr_aggregate_state *state;
    int64_t own, all;
    int highest;
    bool same_layout;
};

static int read_count(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct counts *counts = ctx;
    const struct mr_operator *op = counts->state->op;
    if (key.size != 5 || value.size != 11 || value.data[0] != MR_AGGREGATE_STATE_FORMAT)
        return mr_state_corrupt(op, "its row count", error);
    int partition = (uint8_t)key.data[3] << 8 | (uint8_t)key.data[4];
    int partitions = (uint8_t)value.data[1] << 8 | (uint8_t)value.data[2];
    int64_t rows;
    memcpy(&rows, value.data + 3, 8);
    counts->all += rows;
    counts->highest = partition + 1 > counts->highest ? partition + 1 : counts->highest;
    if (partitions != op->partitions)
        counts->same_layout = false;
    if (partition == op->partition)
        counts->own = rows;
    return 0;
}

static int read_counts(struct mr_aggregate_state *state, struct mr_error *error)
{
    struct counts counts = {.state = state, .own = INT64_MIN, .same_layout = true};
    MR_TRY(mr_state_scan(state->op, MR_STATE_COUNTS, read_count, &counts, error));
    if (counts.same_layout) {
        state->written_rows = counts.own;
        state->rows = counts.own == INT64_MIN ? 0 : counts.own; /* negative where another counts more */
        return MR_OK;
    }
    state->rows = state->op->partition == 0 ? counts.all : 0; /* only the sum over partitions can be known */
    state->stale_partitions = counts.highest;
    return MR_OK;
}

/* count more groups of this time are stored; -1: no longer known how many. While it is known all of them are
 * in the cache: this process has stored them, and has not emptied the cache since. */
static int mark_persisted(struct mr_aggregate_state *state, int64_t time_us, int64_t count,
                          struct mr_error *error)
{
    if (!state->track || state->config->event_time_group < 0)
        return MR_OK;
    if (state->persisted.count >= MAX_TRACKED) {
        state->track = false;
        return MR_OK;
    }
    struct mr_map_entry *entry =
        mr_map_put(&state->persisted, (struct mr_str){(const char *)&time_us, 8}, NULL);
    if (!entry)
        return mr_error_memory(error, 64);
    entry->number = count < 0 || entry->number < 0 ? -1 : entry->number + count;
    return MR_OK;
}

/* First event time after `after_us` that has groups in the checkpoint; MR_END when none. */
static int next_time(struct mr_aggregate_state *state, int64_t after_us, int64_t *time_us,
                     struct mr_error *error)
{
    struct mr_text keys;
    struct mr_state_cursor *cursor = NULL;
    struct mr_str key, value;
    mr_text_init(&keys);
    put_prefix(state, &keys, 1);
    if (after_us == INT64_MAX) {
        mr_text_release(&keys);
        return MR_END;
    }
    mr_state_put_time(&keys, after_us == INT64_MIN ? after_us : after_us + 1);
    size_t size = keys.size;
    put_prefix(state, &keys, 2);
    int status = keys.failed ? mr_error_memory(error, keys.capacity) : MR_OK;
    if (status >= 0)
        status =
            mr_state_cursor_open(state->op->checkpoint, MR_FAMILY_STATE, (struct mr_str){keys.data, size},
                                 (struct mr_str){keys.data + size, keys.size - size}, &cursor, error);
    if (status >= 0) {
        bool found = mr_state_cursor_next(cursor, &key, &value);
        if (found && key.size < head_bytes(state))
            status = mr_state_corrupt(state->op, "a key is too short", error);
        else if (found)
            *time_us = mr_state_get_time(key.data + 3);
        int closed = mr_state_cursor_close(cursor, error);
        status = status < 0 ? status : closed < 0 ? closed : found ? MR_OK : MR_END;
    }
    mr_text_release(&keys);
    return status;
}

int mr_aggregate_state_open(struct mr_aggregate_state *state, struct mr_operator *op,
                            struct mr_group_table *table, const struct mr_type *const *key_types,
                            struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    *state = (struct mr_aggregate_state){.op = op,
                                         .config = config,
                                         .table = table,
                                         .written_rows = -1,
                                         .track = true,
                                         .deleted_us = MR_NO_WATERMARK};
    mr_map_init(&state->persisted);
    mr_text_init(&state->packed);
    MR_TRY(mr_group_table_init(&state->scratch, key_types, config->group_count, config->aggregates,
                               config->aggregate_count, error));
    if (!op->checkpoint || mr_checkpoint_is_new(op->checkpoint))
        return MR_OK;
    int status = read_counts(state, error);
    int64_t time_us = INT64_MIN;
    while (status == MR_OK && config->event_time_group >= 0 && state->track) {
        status = next_time(state, time_us, &time_us, error);
        if (status == MR_OK)
            status = mark_persisted(state, time_us, -1, error);
    }
    return status < 0 ? status : MR_OK;
}

void mr_aggregate_state_close(struct mr_aggregate_state *state)
{
    mr_group_table_release(&state->scratch);
    mr_map_release(&state->persisted);
    mr_text_release(&state->packed);
}

/* ---- sorted keys of many groups ---- */

/* Keys of a few groups, behind those there are already. */
static int add_keys(struct mr_aggregate_state *state, struct mr_arena *arena, struct mr_group **groups,
                    int64_t count, struct mr_keyed *out, struct mr_error *error)
{
    int groups_count = state->config->group_count, time_group = state->config->event_time_group;
    struct mr_column **columns = MR_ARENA_ARRAY(arena, struct mr_column *, groups_count + 1);
    if (!columns)
        return mr_error_memory(error, sizeof(void *) * (size_t)groups_count);
    MR_TRY(mr_group_table_keys(state->table, groups, count, columns, error));
    const struct mr_column *event_times = time_group >= 0 ? mr_event_times(columns[time_group]) : NULL;
    struct mr_text keys;
    mr_text_init(&keys);
    for (int64_t k = 0; k < count; k++) {
        int64_t time_us = time_group >= 0 ? mr_event_time_of(columns[time_group], event_times, k) : 0;
        size_t before = keys.size;
        put_key(state, &keys, columns, k, groups[k]->hash, time_us);
        out[k] = (struct mr_keyed){.key.size = keys.size - before, .item = groups[k]};
    }
    char *copy = keys.failed ? NULL : mr_arena_copy_text(arena, keys.data, keys.size);
    int status = copy ? MR_OK : mr_error_memory(error, keys.size);
    for (int64_t k = 0; copy && k < count; k++) {
        out[k].key.data = copy;
        copy += out[k].key.size;
    }
    mr_text_release(&keys);
    for (int g = 0; g < groups_count; g++)
        mr_column_unref(columns[g]);
    return status;
}

/* In the arena, ascending; item is the group. */
static int sorted_keys(struct mr_aggregate_state *state, struct mr_arena *arena, struct mr_group **groups,
                       int64_t count, struct mr_keyed **out, struct mr_error *error)
{
    struct mr_keyed *keyed = mr_arena_allocate(arena, sizeof *keyed * (size_t)(count + 1)),
                    *scratch = mr_arena_allocate(arena, sizeof *keyed * (size_t)(count + 1));
    if (!keyed || !scratch)
        return mr_error_memory(error, sizeof *keyed * (size_t)count);
    for (int64_t at = 0; at < count; at += CHUNK)
        MR_TRY(
            add_keys(state, arena, groups + at, count - at < CHUNK ? count - at : CHUNK, keyed + at, error));
    mr_sort_keyed(keyed, scratch, (size_t)count);
    *out = keyed;
    return MR_OK;
}

bool mr_aggregate_state_may_hold(const struct mr_aggregate_state *state, int64_t time_us)
{
    if (!state->op->checkpoint)
        return false;
    if (state->config->event_time_group < 0 || !state->track)
        return true;
    const struct mr_map_entry *entry =
        mr_map_get(&state->persisted, (struct mr_str){(const char *)&time_us, 8});
    return entry && entry->number < 0;
}

void mr_aggregate_state_cache_emptied(struct mr_aggregate_state *state)
{
    for (size_t i = 0; i < state->persisted.count; i++)
        state->persisted.entries[i].number = -1;
}

/* ---- load ---- */
static int merge_value(struct mr_aggregate_state *state, struct mr_group_table *table, struct mr_group *group,
                       struct mr_str value, struct mr_error *error)
{
    if (value.size < 1 || value.data[0] != MR_AGGREGATE_STATE_FORMAT)
        return mr_state_corrupt(state->op, "a value begins with an unknown format", error);
    return mr_group_table_merge(table, group, (struct mr_str){value.data + 1, value.size - 1}, true, error);
}

static int load_chunk(struct mr_aggregate_state *state, struct mr_group **groups, int64_t count,
                      struct mr_arena *arena, struct mr_error *error)
{
    struct mr_str *keys = MR_ARENA_ARRAY(arena, struct mr_str, count),
                  *values = MR_ARENA_ARRAY(arena, struct mr_str, count);
    struct mr_keyed *keyed = NULL;
    if (!keys || !values)
        return mr_error_memory(error, sizeof(*keys) * (size_t)count);
    MR_TRY(sorted_keys(state, arena, groups, count, &keyed, error));
    for (int64_t k = 0; k < count; k++)
        keys[k] = keyed[k].key;
    MR_TRY(mr_checkpoint_get_many(state->op->checkpoint, MR_FAMILY_STATE, keys, (size_t)count, arena, values,
                                  error));
    for (int64_t k = 0; k < count; k++) {
        struct mr_group *group = keyed[k].item;
        if (values[k].data) {
            MR_TRY(merge_value(state, state->table, group, values[k], error));
            group->flags |= MR_GROUP_PERSISTED;
        }
        group->flags |= MR_GROUP_LOADED;
        state->rows += (group->flags & MR_GROUP_PERSISTED) == 0;
    }
    return MR_OK;
}

int mr_aggregate_state_load(struct mr_aggregate_state *state, struct mr_group **groups, int64_t count,
                            struct mr_error *error)
{
    if (!state->op->checkpoint) {
        for (int64_t k = 0; k < count; k++)
            groups[k]->flags |= MR_GROUP_LOADED;
        state->rows += count;
        return MR_OK;
    }
    struct mr_arena arena;
    mr_arena_init(&arena);
    int status = MR_OK;
    for (int64_t at = 0; status >= 0 && at < count; at += CHUNK) {
        status = load_chunk(state, groups + at, count - at < CHUNK ? count - at : CHUNK, &arena, error);
        mr_arena_clear(&arena);
    }
    mr_arena_release(&arena);
    return status;
}

/* ---- scan ---- */
struct scan {
    struct mr_aggregate_state *state;
    int (*emit)(struct mr_operator *, struct mr_group_table *, struct mr_group **, int64_t,
                struct mr_error *);
    struct mr_column **keys;
    struct mr_text values; /* sizes are in ends */
    size_t ends[CHUNK];
    int64_t count, emitted;
};

static int scan_chunk(struct scan *scan, struct mr_error *error)
{
    struct mr_aggregate_state *state = scan->state;
    int64_t count = scan->count, missing = 0;
    struct mr_group **groups = mr_allocate(sizeof(void *) * (size_t)count * 2);
    uint64_t *hashes = mr_allocate(sizeof(uint64_t) * (size_t)count);
    int32_t *rows = mr_allocate(sizeof(int32_t) * (size_t)count);
    int status = MR_OK;
    if (!groups || !hashes || !rows)
        MR_ERR(mr_error_memory(error, (size_t)count * 28));
    mr_hash_keys(scan->keys, state->config->group_count, count, hashes);
    MR_ERR(mr_group_table_find(state->table, scan->keys, hashes, NULL, count, false, groups, error));
    for (int64_t k = 0; k < count; k++) {
        rows[missing] = (int32_t)k;
        missing += groups[k] == NULL;
    }
    struct mr_selection selection = {rows, missing};
    MR_ERR(mr_group_table_find(&state->scratch, scan->keys, hashes, &selection, count, true, groups, error));
    for (int64_t m = 0; m < missing; m++) {
        size_t start = rows[m] > 0 ? scan->ends[rows[m] - 1] : 0;
        MR_ERR(merge_value(state, &state->scratch, groups[m],
                           (struct mr_str){scan->values.data + start, scan->ends[rows[m]] - start}, error));
    }
    if (missing > 0 && scan->emit)
        MR_ERR(scan->emit(state->op, &state->scratch, groups, missing, error));
    scan->emitted += missing;
err:
    mr_free(groups);
    mr_free(hashes);
    mr_free(rows);
    mr_group_table_clear(&state->scratch);
    mr_text_clear(&scan->values);
    for (int g = 0; g < state->config->group_count; g++)
        mr_column_clear(scan->keys[g]);
    scan->count = 0;
    return status;
}

static int scan_entry(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct scan *scan = ctx;
    size_t head = head_bytes(scan->state);
    if (key.size < head)
        return mr_state_corrupt(scan->state->op, "a key is too short", error);
    const char *at = key.data + head, *end = key.data + key.size;
    for (int g = 0; g < scan->state->config->group_count; g++)
        MR_TRY(mr_key_decode(&at, end, scan->keys[g], error));
    mr_text_append(&scan->values, value.data, value.size);
    if (scan->values.failed)
        return mr_error_memory(error, scan->values.capacity);
    scan->ends[scan->count++] = scan->values.size;
    return scan->count == CHUNK ? scan_chunk(scan, error) : MR_OK;
}

/* One run of keys: the key groups of this partition, of one event time when there is one. */
static int scan_range(struct scan *scan, int64_t time_us, struct mr_error *error)
{
    struct mr_aggregate_state *state = scan->state;
    struct mr_operator *op = state->op;
    struct mr_text keys;
    mr_text_init(&keys);
    size_t begin = 0;
    for (int side = 0; side < 2; side++) {
        put_prefix(state, &keys, 1);
        if (state->config->event_time_group >= 0)
            mr_state_put_time(&keys, time_us);
        mr_state_put_u16(&keys, (unsigned)mr_state_first_group(op, op->partition + side));
        if (side == 0)
            begin = keys.size;
    }
    int status = keys.failed ? mr_error_memory(error, keys.capacity) : MR_OK;
    if (status >= 0)
        status = mr_checkpoint_scan(op->checkpoint, MR_FAMILY_STATE, (struct mr_str){keys.data, begin},
                                    (struct mr_str){keys.data + begin, keys.size - begin}, scan_entry, scan,
                                    error);
    mr_text_release(&keys);
    return status;
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static int scan_times(struct scan *scan, int64_t after_us, int64_t upto_us, struct mr_error *error)
{
    struct mr_aggregate_state *state = scan->state;
    int status = MR_OK;
    for (int64_t time_us = after_us; !state->track;) {
        MR_TRY(next_time(state, time_us, &time_us, error));
        if (status == MR_END || time_us > upto_us)
            return MR_OK;
        MR_TRY(scan_range(scan, time_us, error));
    }
    int64_t *times = mr_allocate(sizeof *times * (state->persisted.count + 1));
    if (!times)
        return mr_error_memory(error, sizeof *times * state->persisted.count);
    size_t count = 0;
    for (size_t i = 0; i < state->persisted.count; i++) {
        memcpy(&times[count], state->persisted.entries[i].key.data, 8);
        count += times[count] > after_us && times[count] <= upto_us && state->persisted.entries[i].number < 0;
    }
    qsort(times, count, sizeof *times, compare_times);
    for (size_t i = 0; status >= 0 && i < count; i++)
        status = scan_range(scan, times[i], error);
    mr_free(times);
    return status;
}

int mr_aggregate_state_scan(struct mr_aggregate_state *state, int64_t after_us, int64_t upto_us,
                            int (*emit)(struct mr_operator *op, struct mr_group_table *table,
                                        struct mr_group **groups, int64_t count, struct mr_error *error),
                            int64_t *count, struct mr_error *error)
{
    *count = 0;
    if (!state->op->checkpoint ||
        (state->track && state->config->event_time_group >= 0 && state->persisted.count == 0))
        return MR_OK;
    int groups = state->config->group_count, status = MR_OK;
    struct scan *scan = mr_allocate_zeroed(sizeof(*scan));
    struct mr_column **keys = mr_allocate_zeroed(sizeof(void *) * (size_t)(groups + 1));
    if (!scan || !keys)
        MR_ERR(mr_error_memory(error, sizeof(*scan)));
    scan->state = state;
    scan->emit = emit;
    scan->keys = keys;
    mr_text_init(&scan->values);
    for (int g = 0; g < groups; g++) {
        keys[g] = mr_column_new(state->table->key_types[g], CHUNK);
        if (!keys[g])
            MR_ERR(mr_error_memory(error, CHUNK * 16));
    }
    if (state->config->event_time_group < 0)
        MR_ERR(scan_range(scan, 0, error));
    else
        MR_ERR(scan_times(scan, after_us, upto_us, error));
    if (scan->count > 0)
        MR_ERR(scan_chunk(scan, error));
    *count = scan->emitted;
    status = MR_OK;
err:
    for (int g = 0; keys && g < groups; g++)
        mr_column_unref(keys[g]);
    if (scan)
        mr_text_release(&scan->values);
    mr_free(keys);
    mr_free(scan);
    return status;
}

/* ---- write ---- */
/* Counts what is stored anew, by event time; keys are sorted, so those of one time lie together. */
static int count_persisted(struct mr_aggregate_state *state, const struct mr_keyed *keyed, int64_t count,
                           struct mr_error *error)
{
    if (state->config->event_time_group < 0)
        return MR_OK;
    for (int64_t k = 0, next; k < count; k = next) {
        int64_t time_us = mr_state_get_time(keyed[k].key.data + 3), fresh = 0;
        for (next = k; next < count && memcmp(keyed[next].key.data + 3, keyed[k].key.data + 3, 8) == 0;
             next++)
            fresh += (((const struct mr_group *)keyed[next].item)->flags & MR_GROUP_PERSISTED) == 0;
        MR_TRY(mark_persisted(state, time_us, fresh, error));
    }
    return MR_OK;
}

/* In ascending order: RocksDB takes those several times as fast. */
static int write_groups(struct mr_aggregate_state *state, struct mr_decision *decision,
                        struct mr_group **groups, int64_t count, struct mr_arena *arena,
                        struct mr_text *value, struct mr_error *error)
{
    struct mr_keyed *keyed = NULL;
    MR_TRY(sorted_keys(state, arena, groups, count, &keyed, error));
    MR_TRY(count_persisted(state, keyed, count, error));
    for (int64_t k = 0; k < count; k++) {
        struct mr_group *group = keyed[k].item;
        mr_text_clear(value);
        mr_text_append_char(value, MR_AGGREGATE_STATE_FORMAT);
        MR_TRY(mr_group_table_encode(state->table, group, value, error));
        mr_decision_put(decision, MR_FAMILY_STATE, keyed[k].key, mr_text_str(value));
        group->flags = (group->flags & ~(uint32_t)MR_GROUP_DIRTY) | MR_GROUP_PERSISTED;
    }
    return MR_OK;
}

static void write_counts(struct mr_aggregate_state *state, struct mr_decision *decision, struct mr_text *key)
{
    const struct mr_operator *op = state->op;
    char value[11] = {MR_AGGREGATE_STATE_FORMAT, (char)(op->partitions >> 8), (char)op->partitions};
    if (state->rows == state->written_rows && state->stale_partitions == 0)
        return;
    memcpy(value + 3, &state->rows, 8);
    mr_text_clear(key);
    put_prefix(state, key, 0);
    mr_state_put_u16(key, (unsigned)op->partition);
    mr_decision_put(decision, MR_FAMILY_STATE, mr_text_str(key), (struct mr_str){value, sizeof(value)});
    for (int p = op->partitions; op->partition == 0 && p < state->stale_partitions; p++) {
        mr_text_clear(key);
        put_prefix(state, key, 0);
        mr_state_put_u16(key, (unsigned)p);
        mr_decision_delete(decision, MR_FAMILY_STATE, mr_text_str(key));
    }
    state->written_rows = state->rows;
    state->stale_partitions = 0;
}

static void delete_evicted(struct mr_aggregate_state *state, struct mr_decision *decision, int64_t evicted_us,
                           struct mr_text *key)
{
    mr_text_clear(key);
    put_prefix(state, key, 1);
    mr_state_put_time(key, state->deleted_us == MR_NO_WATERMARK ? INT64_MIN : state->deleted_us + 1);
    size_t begin = key->size;
    put_prefix(state, key, 1);
    mr_state_put_time(key, evicted_us + 1);
    mr_decision_delete_range(decision, MR_FAMILY_STATE, (struct mr_str){key->data, begin},
                             (struct mr_str){key->data + begin, key->size - begin});
}

/* Event times that are gone need not be looked for. */
static int forget_evicted(struct mr_aggregate_state *state, int64_t evicted_us, struct mr_error *error)
{
    struct mr_map left;
    int status = MR_OK;
    mr_map_init(&left);
    for (size_t i = 0; status >= 0 && i < state->persisted.count; i++) {
        int64_t time_us;
        memcpy(&time_us, state->persisted.entries[i].key.data, 8);
        if (time_us <= evicted_us)
            continue;
        struct mr_map_entry *entry = mr_map_put(&left, state->persisted.entries[i].key, NULL);
        if (entry)
            entry->number = state->persisted.entries[i].number;
        else
            status = mr_error_memory(error, 64);
    }
    if (status < 0) {
        mr_map_release(&left);
        return status;
    }
    mr_map_release(&state->persisted);
    state->persisted = left;
    return MR_OK;
}

int mr_aggregate_state_write(struct mr_aggregate_state *state, struct mr_decision *decision,
                             struct mr_group **groups, int64_t count, int64_t evicted_us,
                             struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_text text;
    int status = MR_OK;
    mr_arena_init(&arena);
    mr_text_init(&text);
    MR_ERR(write_groups(state, decision, groups, count, &arena, &text, error));
    write_counts(state, decision, &text);
    if (evicted_us != MR_NO_WATERMARK && evicted_us > state->deleted_us) {
        if (state->op->partition == 0) /* one range for all partitions: they evict the same times */
            delete_evicted(state, decision, evicted_us, &text);
        state->deleted_us = evicted_us;
        MR_ERR(forget_evicted(state, evicted_us, error));
    }
    if (text.failed)
        MR_ERR(mr_error_memory(error, text.capacity));
err:
    mr_arena_release(&arena);
    mr_text_release(&text);
    return status;
}
