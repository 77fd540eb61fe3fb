/* operators/keyed_state.c: see the header. */
#include "operators/keyed_state.h"

#include <stdlib.h>

#include "columns/value.h"

#define CHUNK MR_BATCH_ROWS
#define KEY_HEAD 5 /* id, kind and key group, before the key itself */

int mr_state_corrupt(const struct mr_operator *op, const char *what, struct mr_error *error)
{
    int code =
        mr_error_set(error, MR_E_CORRUPT, "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                     "The state of operator %d (%s) is damaged or not of this program's format: %s. "
                     "Restore the checkpoint from a copy, or start the table over with a full refresh.",
                     op->node->id, op->type->name, what);
    mr_error_at(error, mr_checkpoint_path(op->checkpoint), 0, 0, -1);
    return code;
}

int mr_state_scan(const struct mr_operator *op, int kind,
                  int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                  void *ctx, struct mr_error *error)
{
    struct mr_text range;
    if (!op->checkpoint || mr_checkpoint_is_new(op->checkpoint))
        return MR_OK;
    mr_text_init(&range);
    mr_state_put_prefix(&range, op, kind);
    size_t size = range.size;
    mr_state_put_prefix(&range, op, kind + 1);
    int status =
        range.failed
            ? mr_error_memory(error, range.capacity)
            : mr_checkpoint_scan(op->checkpoint, MR_FAMILY_STATE, (struct mr_str){range.data, size},
                                 (struct mr_str){range.data + size, range.size - size}, each, ctx, error);
    mr_text_release(&range);
    return status;
}

/* ---- keys ---- */
static int compare_entries(const void *left, const void *right)
{
    const struct mr_state_entry *a = left, *b = right;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return mr_str_compare(a->key, b->key);
}

/* Of one key group. */
static uint64_t prefix_of(struct mr_str key)
{
    uint64_t bits = 0;
    memcpy(&bits, key.data + KEY_HEAD, key.size - KEY_HEAD < 8 ? key.size - KEY_HEAD : 8);
    return __builtin_bswap64(bits);
}

/* Groups by key group: a pass that saves most of the sorting. */
static void order_by_key_group(struct mr_group *const *groups, int64_t count, struct mr_state_entry *out,
                               int64_t starts[MR_KEY_GROUPS + 1])
{
    memset(starts, 0, sizeof *starts * (MR_KEY_GROUPS + 1));
    for (int64_t i = 0; i < count; i++)
        starts[mr_key_group(groups[i]->hash) + 1]++;
    for (int g = 0; g < MR_KEY_GROUPS; g++)
        starts[g + 1] += starts[g];
    for (int64_t i = 0; i < count; i++)
        out[starts[mr_key_group(groups[i]->hash)]++].group = groups[i];
    for (int g = MR_KEY_GROUPS; g > 0; g--)
        starts[g] = starts[g - 1];
    starts[0] = 0;
}

static int encode_some(const struct mr_keyed_state *state, struct mr_state_entry *entries, int64_t count,
                       struct mr_arena *arena, struct mr_text *key, struct mr_error *error)
{
    struct mr_group *groups[CHUNK];
    int columns_count = state->table->key_count;
    struct mr_column **columns = MR_ARENA_ARRAY(arena, struct mr_column *, columns_count + 1);
    if (!columns)
        return mr_error_memory(error, sizeof *columns);
    for (int64_t i = 0; i < count; i++)
        groups[i] = entries[i].group;
    MR_TRY(mr_group_table_keys(state->table, groups, count, columns, error));
    int status = MR_OK;
    for (int64_t i = 0; status >= 0 && i < count; i++) {
        mr_text_clear(key);
        mr_state_put_prefix(key, state->op, MR_STATE_ENTRIES);
        mr_state_put_u16(key, (unsigned)mr_key_group(groups[i]->hash));
        for (int c = 0; c < columns_count; c++)
            mr_key_append(key, columns[c], i);
        char *copy = key->failed ? NULL : mr_arena_copy_text(arena, key->data, key->size);
        if (!copy)
            status = mr_error_memory(error, key->size);
        entries[i].key = (struct mr_str){copy, key->size};
        entries[i].prefix = copy ? prefix_of(entries[i].key) : 0;
    }
    for (int c = 0; c < columns_count; c++)
        mr_column_unref(columns[c]);
    return status;
}

int mr_keyed_state_sort(const struct mr_keyed_state *state, struct mr_group *const *groups, int64_t count,
                        struct mr_arena *arena, struct mr_state_entry *out, struct mr_error *error)
{
    int64_t starts[MR_KEY_GROUPS + 1];
    struct mr_text key;
    int status = MR_OK;
    mr_text_init(&key);
    order_by_key_group(groups, count, out, starts);
    for (int64_t at = 0; status >= 0 && at < count; at += CHUNK)
        status = encode_some(state, out + at, count - at < CHUNK ? count - at : CHUNK, arena, &key, error);
    mr_text_release(&key);
    for (int g = 0; status >= 0 && g < MR_KEY_GROUPS; g++)
        if (starts[g + 1] - starts[g] > 1)
            qsort(out + starts[g], (size_t)(starts[g + 1] - starts[g]), sizeof *out, compare_entries);
    return status;
}

/* ---- values ---- */
void mr_keyed_state_put_head(struct mr_text *out, char format, int64_t expiry_us)
{
    mr_text_append_char(out, format);
    mr_text_append(out, &expiry_us, 8); /* little-endian, as this machine */
}

int mr_keyed_state_get_head(const struct mr_keyed_state *state, struct mr_str value, int64_t *expiry_us,
                            struct mr_str *rest, struct mr_error *error)
{
    if (value.size < 9 || value.data[0] != state->format)
        return mr_state_corrupt(state->op, "a value begins with an unknown format", error);
    memcpy(expiry_us, value.data + 1, 8);
    *rest = (struct mr_str){value.data + 9, value.size - 9};
    return MR_OK;
}

/* ---- reading ---- */
static int load_some(const struct mr_keyed_state *state, struct mr_group *const *groups, int64_t count,
                     struct mr_arena *arena,
                     int (*found)(void *, struct mr_group *, int64_t, struct mr_str, struct mr_error *),
                     void *ctx, struct mr_error *error)
{
    struct mr_state_entry *entries = MR_ARENA_ARRAY(arena, struct mr_state_entry, count);
    struct mr_str *keys = MR_ARENA_ARRAY(arena, struct mr_str, count),
                  *values = MR_ARENA_ARRAY(arena, struct mr_str, count), rest;
    if (!entries || !keys || !values)
        return mr_error_memory(error, sizeof *entries * (size_t)count);
    MR_TRY(mr_keyed_state_sort(state, groups, count, arena, entries, error));
    for (int64_t i = 0; i < count; i++)
        keys[i] = entries[i].key;
    MR_TRY(mr_checkpoint_get_many(state->op->checkpoint, MR_FAMILY_STATE, keys, (size_t)count, arena, values,
                                  error));
    for (int64_t i = 0; i < count; i++) {
        int64_t expiry_us = 0;
        if (!values[i].data)
            continue;
        MR_TRY(mr_keyed_state_get_head(state, values[i], &expiry_us, &rest, error));
        MR_TRY(found(ctx, entries[i].group, expiry_us, rest, error));
    }
    return MR_OK;
}

int mr_keyed_state_load(const struct mr_keyed_state *state, struct mr_group *const *groups, int64_t count,
                        int (*found)(void *ctx, struct mr_group *group, int64_t expiry_us,
                                     struct mr_str value, struct mr_error *error),
                        void *ctx, struct mr_error *error)
{
    struct mr_arena arena;
    int status = MR_OK;
    mr_arena_init(&arena);
    for (int64_t at = 0; status >= 0 && at < count; at += CHUNK) {
        int64_t some = count - at < CHUNK ? count - at : CHUNK;
        status = load_some(state, groups + at, some, &arena, found, ctx, error);
        mr_arena_clear(&arena);
    }
    mr_arena_release(&arena);
    return status;
}
