/* delta/set.c: a set of files. Identity is the protocol's: path and deletion vector. Paths are compared as
 * they are written, as Spark and delta-rs do; only "file:" before an absolute one makes no difference. An
 * entry is one block of memory, so that a long-lived set that changes all the time (a table rewritten in
 * every commit) does not grow. */
#include <stdlib.h>

#include "delta/delta.h"

#define DELETED ((struct mr_delta_entry *)1)

void mr_delta_set_init(struct mr_delta_set *set)
{
    memset(set, 0, sizeof(*set));
}

void mr_delta_set_release(struct mr_delta_set *set)
{
    for (size_t i = 0; i < set->slot_count; i++)
        if (set->slots[i] && set->slots[i] != DELETED)
            mr_free(set->slots[i]);
    mr_free(set->slots);
    memset(set, 0, sizeof(*set));
}

/* The identity as text: the path, then the vector's name and offset where there is one. */
static int key_of(const struct mr_delta_file *file, struct mr_text *out, struct mr_error *error)
{
    struct mr_str path = file->path;
    if (mr_str_starts_with(path, MR_STR("file:"))) {
        path.data += 5, path.size -= 5;
        while (path.size > 1 && path.data[0] == '/' && path.data[1] == '/')
            path.data++, path.size--;
    }
    mr_text_append(out, path.data, path.size);
    if (file->vector.storage != 0) {
        mr_text_append_char(out, '\0');
        mr_text_append_char(out, file->vector.storage);
        mr_text_append(out, file->vector.content.data, file->vector.content.size);
        mr_text_format(out, "@%d", file->vector.offset);
    }
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}

/* Slot of the key, or the first free one for it. */
static size_t slot_of(const struct mr_delta_set *set, struct mr_str key, uint64_t hash)
{
    size_t mask = set->slot_count - 1, at = hash & mask, free_slot = SIZE_MAX;
    for (;; at = (at + 1) & mask) {
        struct mr_delta_entry *entry = set->slots[at];
        if (!entry)
            return free_slot != SIZE_MAX ? free_slot : at;
        if (entry == DELETED) {
            free_slot = free_slot != SIZE_MAX ? free_slot : at;
            continue;
        }
        if (entry->hash == hash && mr_str_equal(entry->key, key))
            return at;
    }
}

static int grow(struct mr_delta_set *set, struct mr_error *error)
{
    if (set->slot_count > 0 && (set->used + 1) * 4 <= set->slot_count * 3)
        return MR_OK;
    size_t slot_count = 64;
    while (slot_count < (set->count + 1) * 2)
        slot_count *= 2;
    struct mr_delta_entry **slots = mr_allocate_zeroed(slot_count * sizeof(*slots));
    if (!slots)
        return mr_error_memory(error, slot_count * sizeof(*slots));
    struct mr_delta_set old = *set;
    set->slots = slots;
    set->slot_count = slot_count;
    set->used = set->count;
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i] && old.slots[i] != DELETED)
            slots[slot_of(set, old.slots[i]->key, old.slots[i]->hash)] = old.slots[i];
    mr_free(old.slots);
    return MR_OK;
}

static struct mr_str pack(char **at, struct mr_str from)
{
    if (!from.data)
        return from;
    struct mr_str to = {*at, from.size};
    if (from.size > 0)
        memcpy(*at, from.data, from.size);
    (*at)[from.size] = '\0';
    *at += from.size + 1;
    return to;
}

static size_t pairs_bytes(const struct mr_delta_pairs *pairs)
{
    size_t bytes = 0;
    for (int i = 0; i < pairs->count; i++)
        bytes += pairs->items[i].key.size + pairs->items[i].value.size + 2;
    return bytes;
}

static struct mr_delta_pairs pack_pairs(struct mr_delta_pair **items, char **at,
                                        const struct mr_delta_pairs *from)
{
    struct mr_delta_pairs to = {*items, from->count};
    for (int i = 0; i < from->count; i++) {
        to.items[i] = from->items[i];
        to.items[i].key = pack(at, from->items[i].key);
        to.items[i].value = pack(at, from->items[i].value);
    }
    *items += from->count;
    return to;
}

static struct mr_delta_entry *entry_new(const struct mr_delta_file *file, struct mr_str key, bool with_stats)
{
    struct mr_delta_file kept = *file;
    if (!with_stats) {
        kept.stats = (struct mr_str){0};
        kept.tags = (struct mr_delta_pairs){0};
    }
    size_t pairs = (size_t)kept.partition_values.count + (size_t)kept.tags.count;
    size_t text = key.size + kept.path.size + kept.stats.size + kept.vector.content.size + 4 +
                  pairs_bytes(&kept.partition_values) + pairs_bytes(&kept.tags);
    struct mr_delta_entry *entry = mr_allocate(sizeof(*entry) + pairs * sizeof(struct mr_delta_pair) + text);
    if (!entry)
        return NULL;
    struct mr_delta_pair *items = (struct mr_delta_pair *)(entry + 1);
    char *at = (char *)(items + pairs);
    entry->file = kept;
    entry->key = pack(&at, key);
    entry->file.path = pack(&at, kept.path);
    entry->file.stats = pack(&at, kept.stats);
    entry->file.vector.content = pack(&at, kept.vector.content);
    entry->file.partition_values = pack_pairs(&items, &at, &kept.partition_values);
    entry->file.tags = pack_pairs(&items, &at, &kept.tags);
    return entry;
}

struct mr_delta_entry *mr_delta_entry_copy(const struct mr_delta_file *file, bool with_stats)
{
    return entry_new(file, (struct mr_str){0}, with_stats);
}

static int64_t counted_bytes(const struct mr_delta_file *file)
{
    return file->size_bytes > 0 ? file->size_bytes : 0;
}

int mr_delta_set_put(struct mr_delta_set *set, const struct mr_delta_file *file, bool with_stats,
                     struct mr_error *error)
{
    struct mr_text key;
    mr_text_init(&key);
    int status = MR_OK;
    struct mr_delta_entry *entry = NULL;
    MR_ERR(key_of(file, &key, error));
    MR_ERR(grow(set, error));
    entry = entry_new(file, mr_text_str(&key), with_stats);
    if (!entry)
        MR_ERR(mr_error_memory(error, sizeof(*entry) + key.size));
    entry->hash = mr_hash(key.data, key.size);
    entry->order = set->next_order++;
    size_t slot = slot_of(set, entry->key, entry->hash);
    struct mr_delta_entry *old = set->slots[slot];
    if (old && old != DELETED) {
        set->size_bytes -= counted_bytes(&old->file);
        mr_free(old);
    } else {
        set->used += old != DELETED;
        set->count++;
    }
    set->slots[slot] = entry;
    set->size_bytes += counted_bytes(file);
err:
    mr_text_release(&key);
    return status;
}

int mr_delta_set_remove(struct mr_delta_set *set, const struct mr_delta_file *file, bool *found,
                        struct mr_error *error)
{
    *found = false;
    if (set->count == 0)
        return MR_OK;
    struct mr_text key;
    mr_text_init(&key);
    int status = key_of(file, &key, error);
    if (status == MR_OK) {
        size_t slot = slot_of(set, mr_text_str(&key), mr_hash(key.data, key.size));
        struct mr_delta_entry *entry = set->slots[slot];
        if (entry && entry != DELETED) {
            set->size_bytes -= counted_bytes(&entry->file);
            mr_free(entry);
            set->slots[slot] = DELETED;
            set->count--;
            *found = true;
        }
    }
    mr_text_release(&key);
    return status;
}

const struct mr_delta_entry *mr_delta_set_get(const struct mr_delta_set *set,
                                              const struct mr_delta_file *file)
{
    if (set->count == 0)
        return NULL;
    struct mr_text key;
    struct mr_error ignored;
    const struct mr_delta_entry *entry = NULL;
    mr_text_init(&key);
    if (key_of(file, &key, &ignored) == MR_OK)
        entry = set->slots[slot_of(set, mr_text_str(&key), mr_hash(key.data, key.size))];
    mr_text_release(&key);
    return entry == DELETED ? NULL : entry;
}

const struct mr_delta_entry *mr_delta_set_next(const struct mr_delta_set *set, size_t *at)
{
    while (*at < set->slot_count) {
        const struct mr_delta_entry *entry = set->slots[(*at)++];
        if (entry && entry != DELETED)
            return entry;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const struct mr_delta_entry *left = *(const struct mr_delta_entry *const *)a;
    const struct mr_delta_entry *right = *(const struct mr_delta_entry *const *)b;
    if (left->file.modified_ms != right->file.modified_ms)
        return left->file.modified_ms < right->file.modified_ms ? -1 : 1;
    int order = mr_str_compare(left->file.path, right->file.path);
    return order != 0 ? order : mr_str_compare(left->key, right->key);
}

int mr_delta_set_sorted(const struct mr_delta_set *set, struct mr_arena *arena,
                        const struct mr_delta_entry ***out, size_t *count, struct mr_error *error)
{
    *out = MR_ARENA_ARRAY(arena, const struct mr_delta_entry *, set->count + 1);
    *count = 0;
    if (!*out)
        return mr_error_memory(error, (set->count + 1) * sizeof(**out));
    size_t at = 0;
    for (const struct mr_delta_entry *entry = mr_delta_set_next(set, &at); entry;
         entry = mr_delta_set_next(set, &at))
        (*out)[(*count)++] = entry;
    qsort(*out, *count, sizeof(**out), compare);
    return MR_OK;
}
