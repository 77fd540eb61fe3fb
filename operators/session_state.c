/* operators/session_state.c: see the header. */
#include "operators/session_state.h"

#include <stdlib.h>

#include "columns/value.h"

#define FORMAT 1
#define CHUNK MR_BATCH_ROWS
#define VALUES_BYTES ((size_t)1 << 20) /* of keys that are looked at together, roughly */
#define COUNT_BYTES (1 + 8 + 2 + 8 + 8)

/* ---- opening ---- */
struct counts {
    struct mr_session_state *state;
    int64_t own, all; /* own may be negative: only the sum over partitions means something */
    int highest;
    bool has_own, same_layout;
};

static int read_count(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct counts *counts = ctx;
    struct mr_session_state *state = counts->state;
    int64_t rows, latest_us;
    if (key.size != 5 || value.size != COUNT_BYTES || value.data[0] != FORMAT)
        return mr_state_corrupt(state->op, "a count of sessions", error);
    int partition = (int)mr_state_get_u16(key.data + 3);
    memcpy(&rows, value.data + 11, 8);
    memcpy(&latest_us, value.data + 19, 8);
    counts->all += rows;
    counts->highest = partition + 1 > counts->highest ? partition + 1 : counts->highest;
    if ((int)mr_state_get_u16(value.data + 9) != state->op->partitions)
        counts->same_layout = false;
    if (partition == state->op->partition) {
        counts->own = rows;
        counts->has_own = true;
    }
    if (latest_us > state->latest_us)
        state->latest_us = latest_us;
    return MR_OK;
}

int mr_session_state_open(struct mr_session_state *state, struct mr_operator *op,
                          struct mr_session_table *table, bool expires, struct mr_error *error)
{
    struct counts counts = {.state = state, .same_layout = true};
    *state = (struct mr_session_state){.op = op,
                                       .table = table,
                                       .expires = expires,
                                       .evicted_us = MR_NO_WATERMARK,
                                       .latest_us = MR_NO_WATERMARK};
    state->keyed = (struct mr_keyed_state){.op = op,
                                           .table = &table->keys,
                                           .format = FORMAT,
                                           .uncached_us = MR_NO_WATERMARK};
    if (!op->checkpoint || mr_checkpoint_is_new(op->checkpoint))
        return MR_OK;
    int status = mr_state_scan(op, MR_STATE_COUNTS, read_count, &counts, error);
    state->keyed.uncached_us = state->latest_us;
    state->rows = counts.own;
    state->is_written = counts.same_layout && counts.has_own;
    state->written_rows = counts.own;
    if (counts.same_layout)
        return status;
    state->rows = op->partition == 0 ? counts.all : 0; /* only the sum over partitions can be known */
    state->stale_partitions = counts.highest;
    return status;
}

/* ---- reading keys ---- */
static int found(void *ctx, struct mr_group *key, int64_t expiry_us, struct mr_str value,
                 struct mr_error *error)
{
    struct mr_session_state *state = ctx;
    struct mr_group **end = &key->next, *session = NULL;
    const char *at = value.data, *stop = value.data + value.size;
    (void)expiry_us;
    while (at < stop) {
        int64_t times[2];
        uint32_t size;
        if (stop - at < 20)
            return mr_state_corrupt(state->op, "a session is too short", error);
        memcpy(times, at, 16);
        memcpy(&size, at + 16, 4);
        at += 20;
        if ((size_t)(stop - at) < size)
            return mr_state_corrupt(state->op, "a session is too short", error);
        if (times[1] > state->evicted_us) {
            MR_TRY(mr_session_table_new(state->table, key, times[0], times[1], &session, error));
            MR_TRY(mr_group_table_merge(&state->table->states, session, (struct mr_str){at, size}, false,
                                        error));
            session->flags |= MR_GROUP_PERSISTED;
            *end = session;
            end = &session->next;
            if (state->expires) {
                session->flags |= MR_GROUP_LISTED;
                MR_TRY(mr_session_due_add(state->table, session, error));
            }
        }
        at += size;
    }
    return MR_OK;
}

int mr_session_state_load(struct mr_session_state *state, struct mr_group *const *keys, int64_t count,
                          struct mr_error *error)
{
    bool cached = mr_keyed_state_is_cached(&state->keyed, state->evicted_us);
    struct mr_group_list fresh = {0};
    int status = MR_OK;
    for (int64_t k = 0; status >= 0 && k < count; k++) {
        if (keys[k]->flags & MR_GROUP_LOADED)
            continue;
        keys[k]->flags |= MR_GROUP_LOADED;
        if (!cached)
            status = mr_group_list_add(&fresh, keys[k], error);
    }
    if (status >= 0 && fresh.count > 0)
        status = mr_keyed_state_load(&state->keyed, fresh.groups, fresh.count, found, state, error);
    mr_free(fresh.groups);
    return status;
}

/* ---- reading what is not in the table ---- */
struct scan {
    struct mr_session_state *state;  /* the operator's */
    struct mr_session_table passing; /* for some keys */
    struct mr_session_state reading; /* into it */
    bool by_time;
    size_t head_bytes; /* of a key, before the grouping key */
    struct mr_column **columns;
    struct mr_str *values;   /* of keys, in the arena; not by time */
    int64_t *ends;           /* by time */
    uint64_t *hashes;        /* per key */
    struct mr_group **found; /* per key */
    int32_t *rows;
    struct mr_arena arena, kept; /* kept: until the end; arena: while some keys are looked at */
    size_t value_bytes;
    int64_t count, total;
    int (*each)(struct mr_operator *op, struct mr_session_table *table, struct mr_group *const *sessions,
                int64_t count, struct mr_error *error);
};

/* What the checkpoint holds of the keys at these rows, into the table that passes. By time a key may come
 * several times. */
static int scan_load(struct scan *scan, const struct mr_selection *rows, struct mr_error *error)
{
    struct mr_session_state *reading = &scan->reading;
    struct mr_str rest;
    int64_t expiry_us;
    MR_TRY(mr_group_table_find(&scan->passing.keys, scan->columns, scan->hashes, rows, scan->count, true,
                               scan->found, error));
    if (scan->by_time)
        return mr_session_state_load(reading, scan->found, rows->count, error);
    for (int64_t k = 0; k < rows->count; k++) {
        MR_TRY(
            mr_keyed_state_get_head(&reading->keyed, scan->values[rows->rows[k]], &expiry_us, &rest, error));
        MR_TRY(found(reading, scan->found[k], expiry_us, rest, error));
    }
    return MR_OK;
}

/* By time, of each key the session that ends when the entry says: one that has grown has another entry. */
static int scan_hand_out(struct scan *scan, const struct mr_selection *rows, struct mr_error *error)
{
    struct mr_group_list list = {0};
    int status = MR_OK;
    for (int64_t k = 0; k < rows->count; k++)
        for (struct mr_group *s = scan->found[k]->next; status >= 0 && s; s = s->next)
            if (!scan->by_time || mr_session_times(s)[1] == scan->ends[rows->rows[k]])
                status = mr_group_list_add(&list, s, error);
    if (status >= 0 && list.count > 0)
        status = scan->each(scan->state->op, &scan->passing, list.groups, list.count, error);
    scan->total += list.count;
    mr_free(list.groups);
    return status;
}

static int scan_chunk(struct scan *scan, struct mr_error *error)
{
    struct mr_group_table *keys = &scan->state->table->keys;
    struct mr_selection rows = {scan->rows, 0};
    mr_hash_keys(scan->columns, keys->key_count, scan->count, scan->hashes);
    MR_TRY(
        mr_group_table_find(keys, scan->columns, scan->hashes, NULL, scan->count, false, scan->found, error));
    for (int64_t k = 0; k < scan->count; k++)
        if (!scan->found[k])
            scan->rows[rows.count++] = (int32_t)k;
    if (rows.count > 0)
        MR_TRY(scan_load(scan, &rows, error));
    if (rows.count > 0)
        MR_TRY(scan_hand_out(scan, &rows, error));
    mr_session_table_clear(&scan->passing);
    for (int c = 0; c < keys->key_count; c++)
        mr_column_clear(scan->columns[c]);
    mr_arena_clear(&scan->arena);
    scan->count = 0;
    scan->value_bytes = 0;
    return MR_OK;
}

static int scan_entry(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct scan *scan = ctx;
    const struct mr_operator *op = scan->state->op;
    struct mr_str rest;
    if (key.size < scan->head_bytes)
        return mr_state_corrupt(op, "a key is too short", error);
    const char *at = key.data + scan->head_bytes, *end = key.data + key.size;
    int key_group = (int)mr_state_get_u16(at - 2);
    if (mr_key_group_partition(key_group, op->partitions) != op->partition)
        return MR_OK;
    for (int c = 0; c < scan->state->table->keys.key_count; c++)
        MR_TRY(mr_key_decode(&at, end, scan->columns[c], error));
    if (scan->by_time) {
        MR_TRY(mr_keyed_state_get_head(&scan->state->keyed, value, &scan->ends[scan->count], &rest, error));
    } else {
        char *copy = mr_arena_copy_text(&scan->arena, value.data, value.size);
        if (!copy)
            return mr_error_memory(error, value.size);
        scan->values[scan->count] = (struct mr_str){copy, value.size};
        scan->value_bytes += value.size;
    }
    scan->count++;
    return scan->count == CHUNK || scan->value_bytes >= VALUES_BYTES ? scan_chunk(scan, error) : MR_OK;
}

static int scan_range(struct scan *scan, int64_t upto_us, struct mr_error *error)
{
    struct mr_session_state *state = scan->state;
    struct mr_text range;
    size_t begin = 0;
    mr_text_init(&range);
    for (int side = 0; side < 2; side++) {
        mr_state_put_prefix(&range, state->op, scan->by_time ? MR_STATE_TIMES : MR_STATE_ENTRIES);
        if (!scan->by_time)
            mr_state_put_u16(&range, (unsigned)mr_state_first_group(state->op, state->op->partition + side));
        else
            mr_state_put_time(&range, (side == 0 ? state->evicted_us : upto_us) + 1);
        if (side == 0)
            begin = range.size;
    }
    int status = range.failed ? mr_error_memory(error, range.capacity) : MR_OK;
    if (status >= 0)
        status =
            mr_checkpoint_scan(state->op->checkpoint, MR_FAMILY_STATE, (struct mr_str){range.data, begin},
                               (struct mr_str){range.data + begin, range.size - begin}, scan_entry, scan,
                               error);
    mr_text_release(&range);
    return status >= 0 && scan->count > 0 ? scan_chunk(scan, error) : status;
}

static int scan_open(struct scan *scan, struct mr_error *error)
{
    const struct mr_session_table *table = scan->state->table;
    const struct mr_group_table *keys = &table->keys;
    int groups = table->config->aggregate.group_count;
    const struct mr_type **types = MR_ARENA_ARRAY(&scan->kept, const struct mr_type *, groups + 1);
    if (!types)
        return mr_error_memory(error, sizeof(void *) * (size_t)groups);
    for (int g = 0, k = 0; g < groups; g++)
        types[g] = g == table->config->session_group ? table->states.key_types[0] : keys->key_types[k++];
    MR_TRY(mr_session_table_init(&scan->passing, table->config, types, error));
    scan->reading = *scan->state;
    scan->reading.table = &scan->passing;
    scan->reading.keyed.table = &scan->passing.keys;
    scan->reading.expires = false; /* nothing is due in the table that passes */
    scan->columns = MR_ARENA_ARRAY(&scan->kept, struct mr_column *, keys->key_count + 1);
    scan->values = MR_ARENA_ARRAY(&scan->kept, struct mr_str, CHUNK);
    scan->ends = MR_ARENA_ARRAY(&scan->kept, int64_t, CHUNK);
    scan->hashes = MR_ARENA_ARRAY(&scan->kept, uint64_t, CHUNK);
    scan->found = MR_ARENA_ARRAY(&scan->kept, struct mr_group *, CHUNK);
    scan->rows = MR_ARENA_ARRAY(&scan->kept, int32_t, CHUNK);
    if (!scan->columns || !scan->values || !scan->ends || !scan->hashes || !scan->found || !scan->rows)
        return mr_error_memory(error, CHUNK * 40);
    for (int c = 0; c < keys->key_count; c++) {
        scan->columns[c] = mr_column_new(keys->key_types[c], CHUNK);
        if (!scan->columns[c])
            return mr_error_memory(error, CHUNK * 16);
    }
    return MR_OK;
}

int mr_session_state_scan(struct mr_session_state *state, int64_t upto_us,
                          int (*each)(struct mr_operator *op, struct mr_session_table *table,
                                      struct mr_group *const *sessions, int64_t count,
                                      struct mr_error *error),
                          int64_t *count, struct mr_error *error)
{
    struct scan scan = {.state = state, .by_time = upto_us != MR_NEVER, .each = each};
    *count = 0;
    if (mr_keyed_state_is_cached(&state->keyed, state->evicted_us))
        return MR_OK;
    scan.head_bytes = scan.by_time ? 2 + 1 + 8 + 2 : 2 + 1 + 2;
    mr_arena_init(&scan.arena);
    mr_arena_init(&scan.kept);
    int status = scan_open(&scan, error);
    if (status >= 0)
        status = scan_range(&scan, upto_us, error);
    for (int c = 0; scan.columns && c < state->table->keys.key_count; c++)
        mr_column_unref(scan.columns[c]);
    mr_session_table_release(&scan.passing);
    mr_arena_release(&scan.arena);
    mr_arena_release(&scan.kept);
    *count = scan.total;
    return status;
}

/* ---- writing ---- */
static int put_sessions(struct mr_session_state *state, const struct mr_group *key, struct mr_text *value,
                        struct mr_error *error)
{
    int64_t latest_us = MR_NEVER;
    for (const struct mr_group *s = key->next; s && state->expires; s = s->next)
        latest_us = mr_session_times(s)[1]; /* the last one ends last */
    mr_text_clear(value);
    mr_keyed_state_put_head(value, FORMAT, latest_us);
    if (latest_us > state->latest_us)
        state->latest_us = latest_us;
    for (const struct mr_group *s = key->next; s; s = s->next) {
        uint32_t size = 0;
        mr_text_append(value, mr_session_times(s), 16);
        mr_text_append(value, &size, 4);
        size_t before = value->size;
        MR_TRY(mr_group_table_encode(&state->table->states, s, value, error));
        size = (uint32_t)(value->size - before);
        memcpy(value->data + before - 4, &size, 4);
    }
    return value->failed ? mr_error_memory(error, value->capacity) : MR_OK;
}

struct index_entry {
    struct mr_str key; /* in the arena */
    int64_t end_us;
};

static int compare_index(const void *left, const void *right)
{
    return mr_str_compare(((const struct index_entry *)left)->key, ((const struct index_entry *)right)->key);
}

/* Index entries of the sessions whose end is new, unsorted. */
static int index_key(struct mr_session_state *state, const struct mr_state_entry *entry,
                     struct mr_arena *arena, struct index_entry **list, int64_t *count, int64_t *capacity,
                     struct mr_error *error)
{
    for (struct mr_group *s = entry->group->next; s; s = s->next) {
        if (s->flags & MR_GROUP_PERSISTED)
            continue;
        s->flags |= MR_GROUP_PERSISTED;
        if (*count == *capacity) {
            int64_t more = *capacity ? *capacity * 2 : 256;
            struct index_entry *grown = mr_reallocate(*list, sizeof *grown * (size_t)more);
            if (!grown)
                return mr_error_memory(error, sizeof *grown * (size_t)more);
            *list = grown;
            *capacity = more;
        }
        struct mr_text key;
        mr_text_init(&key);
        mr_state_put_prefix(&key, state->op, MR_STATE_TIMES);
        mr_state_put_time(&key, mr_session_times(s)[1]);
        mr_text_append(&key, entry->key.data + 3, entry->key.size - 3);
        char *copy = key.failed ? NULL : mr_arena_copy_text(arena, key.data, key.size);
        (*list)[(*count)++] = (struct index_entry){{copy, key.size}, mr_session_times(s)[1]};
        mr_text_release(&key);
        if (!copy)
            return mr_error_memory(error, entry->key.size);
    }
    return MR_OK;
}

static void write_count(struct mr_session_state *state, struct mr_decision *decision, struct mr_text *key,
                        struct mr_text *value)
{
    const struct mr_operator *op = state->op;
    mr_text_clear(key);
    mr_state_put_prefix(key, op, MR_STATE_COUNTS);
    mr_state_put_u16(key, (unsigned)op->partition);
    mr_text_clear(value);
    mr_keyed_state_put_head(value, FORMAT, MR_NEVER);
    mr_state_put_u16(value, (unsigned)op->partitions);
    mr_text_append(value, &state->rows, 8);
    mr_text_append(value, &state->latest_us, 8);
    mr_decision_put(decision, MR_FAMILY_STATE, mr_text_str(key), mr_text_str(value));
    for (int p = op->partitions; op->partition == 0 && p < state->stale_partitions; p++) {
        mr_text_clear(key);
        mr_state_put_prefix(key, op, MR_STATE_COUNTS);
        mr_state_put_u16(key, (unsigned)p);
        mr_decision_delete(decision, MR_FAMILY_STATE, mr_text_str(key));
    }
    state->written_rows = state->rows;
    state->is_written = true;
    state->stale_partitions = 0;
}

int mr_session_state_write(struct mr_session_state *state, struct mr_decision *decision,
                           struct mr_group *const *keys, int64_t count, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_text key, value;
    struct index_entry *index = NULL;
    int64_t index_count = 0, index_capacity = 0;
    int status = MR_OK;
    mr_arena_init(&arena);
    mr_text_init(&key);
    mr_text_init(&value);
    struct mr_state_entry *entries = mr_allocate(sizeof *entries * (size_t)(count + 1));
    if (!entries)
        MR_ERR(mr_error_memory(error, sizeof *entries * (size_t)count));
    MR_ERR(mr_keyed_state_sort(&state->keyed, keys, count, &arena, entries, error));
    for (int64_t i = 0; i < count; i++) {
        MR_ERR(put_sessions(state, entries[i].group, &value, error));
        mr_decision_put(decision, MR_FAMILY_STATE, entries[i].key, mr_text_str(&value));
        if (state->expires)
            MR_ERR(index_key(state, &entries[i], &arena, &index, &index_count, &index_capacity, error));
    }
    if (index_count > 1)
        qsort(index, (size_t)index_count, sizeof *index, compare_index);
    for (int64_t i = 0; i < index_count; i++) {
        mr_text_clear(&value);
        mr_keyed_state_put_head(&value, FORMAT, index[i].end_us);
        mr_decision_put(decision, MR_FAMILY_STATE, index[i].key, mr_text_str(&value));
    }
    if (count > 0 || state->rows != state->written_rows || !state->is_written)
        write_count(state, decision, &key, &value);
    if (state->expires && state->evicted_us != MR_NO_WATERMARK)
        mr_decision_expire(decision, (uint16_t)state->op->node->id, state->evicted_us);
    if (key.failed || value.failed)
        MR_ERR(mr_error_memory(error, value.capacity));
err:
    mr_free(entries);
    mr_free(index);
    mr_arena_release(&arena);
    mr_text_release(&key);
    mr_text_release(&value);
    return status;
}
