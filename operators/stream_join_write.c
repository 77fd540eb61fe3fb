/* operators/stream_join_write.c: what a decision writes of a join's state: new rows in packs, packs with rows
 * that found their first partner, and when rows that come out will do so. */
#include <stdlib.h>

#include "operators/state_key.h"
#include "operators/stream_join_pack.h"

#define CHUNK MR_BATCH_ROWS
#define MARKED_PACK_BYTES ((size_t)16 << 10) /* of rows that may be marked: written again as a whole */
#define PACK_BYTES ((size_t)1 << 20)
#define MUCH_BYTES (32 << 20)

struct entry {
    uint64_t order; /* the key's first bytes behind kind */
    struct mr_str key;
    struct mr_join_row *first; /* new rows: the newest of the pack; NULL: an expiry, without rows */
    uint32_t count;            /* rows from first on; 0: those of the key whose pack it is */
    uint32_t pack;
    int64_t expiry_us;
};
struct writing {
    struct mr_stream_join_state *state;
    struct mr_arena arena;
    struct entry *entries;
    size_t count, capacity;
    uint32_t packs; /* most packs one key needed */
    struct mr_text text;
};

static int add_entry(struct writing *w, enum mr_state_kind kind, const struct mr_join_wanted *wanted,
                     int side, const struct entry *entry, struct mr_error *error)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 1024;
        struct entry *grown = mr_reallocate(w->entries, sizeof *grown * capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * capacity);
        w->entries = grown;
        w->capacity = capacity;
    }
    mr_text_clear(&w->text);
    mr_state_put_prefix(&w->text, w->state->op, kind);
    if (kind == MR_JOIN_EXPIRIES) {
        mr_state_put_time(&w->text, entry->expiry_us);
        mr_text_append(&w->text, wanted->prefix.data, 2);
        mr_text_append_char(&w->text, (char)side);
        mr_text_append(&w->text, wanted->prefix.data + 2, wanted->prefix.size - 2);
    } else {
        mr_text_append(&w->text, wanted->prefix.data, wanted->prefix.size);
    }
    mr_state_put_u32(&w->text, entry->pack);
    char *copy = w->text.failed ? NULL : mr_arena_copy_text(&w->arena, w->text.data, w->text.size);
    if (!copy)
        return mr_error_memory(error, w->text.size);
    struct entry *made = &w->entries[w->count++];
    *made = *entry;
    made->key = (struct mr_str){copy, w->text.size};
    uint64_t order = 0;
    size_t bytes = w->text.size - 2 < 8 ? w->text.size - 2 : 8;
    memcpy(&order, copy + 2, bytes);
    made->order = __builtin_bswap64(order);
    return MR_OK;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return a->order != b->order ? (a->order < b->order ? -1 : 1) : mr_str_compare(a->key, b->key);
}

/* ---- what a key has to write ---- */
/* This row or the next one behind it that is new: those that pass stand between them. */
static struct mr_join_row *next_new(struct mr_join_row *row)
{
    while (row && row->pack == MR_JOIN_PASSING)
        row = row->next;
    return row && row->pack == 0 ? row : NULL;
}

/* One entry per expiry among the pack's rows that may come out then. Rows of one time lie together mostly. */
static int add_expiries(struct writing *w, const struct mr_join_wanted *wanted, const struct entry *pack,
                        struct mr_error *error)
{
    int64_t last_us = MR_NEVER_EXPIRES;
    struct mr_join_row *row = pack->first;
    for (uint32_t i = 0; i < pack->count; i++, row = next_new(row->next)) {
        if (row->expiry_us == MR_NEVER_EXPIRES || row->expiry_us == last_us || row->matched)
            continue;
        last_us = row->expiry_us;
        struct entry expiry = {.pack = pack->pack, .expiry_us = last_us};
        MR_TRY(add_entry(w, MR_JOIN_EXPIRIES, wanted, row->side, &expiry, error));
    }
    return MR_OK;
}

static int add_new_rows(struct writing *w, const struct mr_join_wanted *wanted, int side, uint32_t *used,
                        struct mr_error *error)
{
    struct mr_stream_join_state *state = w->state;
    const struct mr_join_key *key = mr_join_key_of(&state->rows, wanted->group);
    bool outer = state->outer_sides >> side & 1;
    bool marked = outer || (side == 0 && state->config->kind == MR_JOIN_SEMI);
    size_t limit = marked ? MARKED_PACK_BYTES : PACK_BYTES;
    struct mr_join_row *row = next_new(key->first[side]);
    while (row) {
        struct entry entry = {.first = row, .pack = state->next_pack + *used, .expiry_us = row->expiry_us};
        size_t bytes = 0;
        for (; row && bytes < limit; row = next_new(row->next)) {
            bytes += row->size;
            entry.count++;
            if (row->expiry_us > entry.expiry_us)
                entry.expiry_us = row->expiry_us;
        }
        ++*used;
        MR_TRY(add_entry(w, MR_JOIN_LEFT_ROWS + side, wanted, side, &entry, error));
        if (outer)
            MR_TRY(add_expiries(w, wanted, &entry, error));
    }
    return MR_OK;
}

/* Each pack with a changed row, once: marks that it is in are taken off as they are met. */
static int add_changed_packs(struct writing *w, const struct mr_join_wanted *wanted, int side,
                             struct mr_error *error)
{
    struct mr_join_key *key = mr_join_key_of(&w->state->rows, wanted->group);
    for (struct mr_join_row *row = key->first[side]; row; row = row->next) {
        if (!row->changed)
            continue;
        struct entry entry = {.first = key->first[side], .pack = row->pack, .expiry_us = INT64_MIN};
        for (struct mr_join_row *other = key->first[side]; other; other = other->next) {
            if (other->pack != entry.pack)
                continue;
            other->changed = 0;
            if (other->expiry_us > entry.expiry_us)
                entry.expiry_us = other->expiry_us;
        }
        MR_TRY(add_entry(w, MR_JOIN_LEFT_ROWS + side, wanted, side, &entry, error));
    }
    return MR_OK;
}

static int add_keys(struct writing *w, struct mr_group *const *groups, int64_t count, struct mr_error *error)
{
    struct mr_join_wanted wanted[CHUNK];
    MR_TRY(mr_join_wanted_keys(w->state, &w->arena, groups, count, wanted, error));
    for (int64_t i = 0; i < count; i++) {
        struct mr_join_key *key = mr_join_key_of(&w->state->rows, wanted[i].group);
        for (int side = 0; side < 2; side++) {
            uint32_t used = 0;
            MR_TRY(add_new_rows(w, &wanted[i], side, &used, error));
            if (used > w->packs)
                w->packs = used;
            if (key->changed)
                MR_TRY(add_changed_packs(w, &wanted[i], side, error));
        }
        key->changed = false;
    }
    return MR_OK;
}

/* ---- values ---- */
static void put_entry(struct writing *w, struct mr_decision *decision, const struct entry *entry)
{
    struct mr_text *value = &w->text;
    mr_text_clear(value);
    mr_text_append_char(value, MR_STREAM_JOIN_FORMAT);
    mr_text_append(value, &entry->expiry_us, 8);
    struct mr_join_row *row = entry->first;
    for (uint32_t i = 0; row && i < entry->count; i++) {
        struct mr_join_row *next = next_new(row->next);
        mr_join_pack_row(value, row, entry->expiry_us);
        row->pack = entry->pack;
        row = next;
    }
    for (row = entry->first; row && entry->count == 0; row = row->next)
        if (row->pack == entry->pack)
            mr_join_pack_row(value, row, entry->expiry_us);
    if (!value->failed)
        mr_decision_put(decision, MR_FAMILY_STATE, entry->key, mr_text_str(value));
}

static void put_counts(struct writing *w, struct mr_decision *decision)
{
    struct mr_stream_join_state *state = w->state;
    const struct mr_operator *op = state->op;
    struct mr_join_count counts[MR_JOIN_COUNTS];
    int count = state->outside_count;
    int64_t never_us = MR_NEVER_EXPIRES;
    uint16_t partitions = (uint16_t)op->partitions;
    char key[8];
    memcpy(counts, state->outside, sizeof *counts * (size_t)count);
    mr_join_count_rows(&state->rows, counts, &count);
    mr_text_clear(&w->text);
    mr_text_append_char(&w->text, MR_STREAM_JOIN_FORMAT);
    mr_text_append(&w->text, &never_us, 8);
    mr_text_append(&w->text, &partitions, 2);
    mr_text_append(&w->text, &state->rows.highest_us, 8);
    mr_text_append(&w->text, &state->next_pack, 4);
    for (int i = 0; i < count; i++) {
        mr_text_append(&w->text, &counts[i].upto_us, 8);
        mr_text_append(&w->text, &counts[i].rows, 8);
    }
    for (int p = op->partition; p < state->stale_partitions || p == op->partition; p++) {
        struct mr_text name;
        if (p != op->partition && (op->partition != 0 || p < op->partitions))
            continue;
        mr_text_init(&name);
        mr_state_put_prefix(&name, op, MR_STATE_COUNTS);
        mr_state_put_u16(&name, (unsigned)p);
        w->text.failed |= name.failed;
        size_t size = name.size < sizeof key ? name.size : sizeof key;
        memcpy(key, name.data, size);
        mr_text_release(&name);
        if (p == op->partition)
            mr_decision_put(decision, MR_FAMILY_STATE, (struct mr_str){key, size}, mr_text_str(&w->text));
        else
            mr_decision_delete(decision, MR_FAMILY_STATE, (struct mr_str){key, size});
    }
    state->stale_partitions = 0;
}

/* What is written is in memory twice until it is decided, as the decision's batch of writes and in RocksDB's
 * buffer. For much of it all that is free goes back to the system first: the allocator would keep it. */
static void make_room(struct mr_stream_join_state *state)
{
    bool much = state->rows.unwritten_bytes > MUCH_BYTES;
    if (much || mr_join_rows_bytes(&state->rows) > mr_stream_join_memory_limit(state->op))
        mr_join_rows_trim(&state->rows, true);
    if (much)
        mr_memory_give_back();
}

int mr_stream_join_state_write(struct mr_stream_join_state *state, struct mr_decision *decision,
                               int64_t expired_us, struct mr_error *error)
{
    struct writing w = {.state = state};
    int64_t live = 0;
    int64_t unwritten = state->rows.unwritten_bytes;
    size_t before = mr_decision_bytes(decision);
    int status = MR_OK;
    bool expires = expired_us != MR_NO_WATERMARK && expired_us > state->expired_us;
    if (state->dirty_count == 0 && !expires && state->stale_partitions == 0)
        return MR_OK;
    mr_arena_init(&w.arena);
    mr_text_init(&w.text);
    for (int64_t i = 0; i < state->dirty_count; i++) {
        struct mr_join_key *key = mr_join_key_of(&state->rows, state->dirty[i]);
        if (!(state->dirty[i]->flags & MR_GROUP_REMOVED) && key->dirty) /* once each */
            state->dirty[live++] = state->dirty[i];
        key->dirty = false;
    }
    state->dirty_count = live;
    make_room(state);
    /* Then rows are looked up by key. */
    state->dropping = mr_join_rows_bytes(&state->rows) > mr_stream_join_memory_limit(state->op);
    if (state->next_pack > UINT32_MAX - (1U << 26))
        MR_ERR(mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "The join has numbered 2^32 packs of rows; start over with a full refresh."));
    MR_ERR(mr_join_passing_write(state, decision, expired_us, error));
    live = state->dirty_count;
    for (int64_t i = 0; i < live; i += CHUNK)
        MR_ERR(add_keys(&w, state->dirty + i, live - i < CHUNK ? live - i : CHUNK, error));
    if (w.count > 1)
        qsort(w.entries, w.count, sizeof *w.entries, compare_entries);
    for (size_t i = 0; i < w.count; i++)
        put_entry(&w, decision, &w.entries[i]);
    if (unwritten > 0)
        state->written_share = (double)(mr_decision_bytes(decision) - before) / (double)unwritten;
    state->next_pack += w.packs;
    put_counts(&w, decision);
    if (expires && state->op->partition == 0) /* all partitions expire alike */
        mr_decision_expire(decision, (uint16_t)state->op->node->id, expired_us);
    if (expires)
        state->expired_us = expired_us;
    if (w.text.failed)
        MR_ERR(mr_error_memory(error, w.text.capacity));
    state->dirty_count = 0;
    mr_join_rows_written(&state->rows);
    MR_ERR(mr_join_rows_compact(&state->rows, error));
err:
    mr_arena_release(&w.arena);
    mr_text_release(&w.text);
    mr_free(w.entries);
    return status;
}

void mr_stream_join_state_decided(struct mr_stream_join_state *state)
{
    mr_join_rows_trim(&state->rows, false);
    if (!state->dropping)
        return;
    state->dropping = false;
    mr_join_count_rows(&state->rows, state->outside, &state->outside_count);
    state->complete = false;
    state->stored_until_us = state->rows.highest_us;
    state->first_own_pack = state->next_pack;
    mr_join_rows_clear(&state->rows);
}
