/* operators/state_cache.c: see the header. */
#include "operators/state_cache.h"

#include <stdlib.h>

static struct mr_cached *new_entry(struct mr_state_cache *cache, struct mr_str key, int levels)
{
    size_t head = sizeof(struct mr_cached) + sizeof(void *) * (size_t)levels;
    struct mr_cached *entry = mr_arena_allocate_zeroed(&cache->arena, head + key.size);
    if (!entry)
        return NULL;
    if (key.size > 0)
        memcpy((char *)entry + head, key.data, key.size);
    entry->key = (struct mr_str){(char *)entry + head, key.size};
    return entry;
}

int mr_state_cache_init(struct mr_state_cache *cache, struct mr_error *error)
{
    *cache = (struct mr_state_cache){0};
    mr_arena_init(&cache->arena);
    cache->head = new_entry(cache, MR_STR(""), MR_CACHE_LEVELS);
    return cache->head ? MR_OK : mr_error_memory(error, sizeof *cache->head);
}

void mr_state_cache_release(struct mr_state_cache *cache)
{
    if (cache->head)
        mr_arena_release(&cache->arena);
    mr_free(cache->dirty);
    *cache = (struct mr_state_cache){0};
}

/* before[level]: the last entry of the level whose key is less. */
static struct mr_cached *find(const struct mr_state_cache *cache, struct mr_str key,
                              struct mr_cached *before[MR_CACHE_LEVELS])
{
    struct mr_cached *at = cache->head;
    for (int level = MR_CACHE_LEVELS - 1; level >= 0; level--) {
        while (at->next[level] && mr_str_compare(at->next[level]->key, key) < 0)
            at = at->next[level];
        before[level] = at;
    }
    return at->next[0];
}

struct mr_cached *mr_state_cache_seek(const struct mr_state_cache *cache, struct mr_str key)
{
    struct mr_cached *before[MR_CACHE_LEVELS];
    return find(cache, key, before);
}

struct mr_cached *mr_state_cache_find(const struct mr_state_cache *cache, struct mr_str key)
{
    struct mr_cached *entry = mr_state_cache_seek(cache, key);
    return entry && mr_str_equal(entry->key, key) ? entry : NULL;
}

/* Every level holds a quarter of the one below; by the key alone, so that runs are alike. */
static int levels_of(struct mr_str key)
{
    uint64_t dice = mr_hash(key.data, key.size);
    int levels = 1 + __builtin_ctzll(dice | 1ULL << 63) / 2;
    return levels < MR_CACHE_LEVELS ? levels : MR_CACHE_LEVELS;
}

static int mark_dirty(struct mr_state_cache *cache, struct mr_cached *entry, struct mr_error *error)
{
    if (entry->dirty)
        return MR_OK;
    if (cache->dirty_count == cache->dirty_capacity) {
        int64_t more = cache->dirty_capacity ? cache->dirty_capacity * 2 : 256;
        struct mr_cached **grown = mr_reallocate(cache->dirty, sizeof *grown * (size_t)more);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)more);
        cache->dirty = grown;
        cache->dirty_capacity = more;
    }
    cache->dirty[cache->dirty_count++] = entry;
    cache->dirty_bytes += sizeof *entry + entry->key.size;
    entry->dirty = true;
    return MR_OK;
}

static int set_value(struct mr_state_cache *cache, struct mr_cached *entry, struct mr_str value,
                     struct mr_error *error)
{
    if (!value.data) {
        entry->value = NULL;
        entry->value_size = entry->value_capacity = 0;
        return MR_OK;
    }
    if (!entry->value || entry->value_capacity < value.size) {
        size_t capacity = entry->value ? value.size + value.size / 2 : value.size;
        entry->value = mr_arena_allocate(&cache->arena, capacity + 1);
        if (!entry->value)
            return mr_error_memory(error, capacity);
        entry->value_capacity = (uint32_t)capacity;
        if (entry->dirty)
            cache->dirty_bytes += capacity;
    }
    memcpy(entry->value, value.data, value.size);
    entry->value_size = (uint32_t)value.size;
    return MR_OK;
}

int mr_state_cache_put(struct mr_state_cache *cache, struct mr_str key, struct mr_str value,
                       enum mr_cache_put how, struct mr_cached **out, struct mr_error *error)
{
    struct mr_cached *before[MR_CACHE_LEVELS], *entry = find(cache, key, before);
    if (!entry || !mr_str_equal(entry->key, key)) {
        int levels = levels_of(key);
        entry = new_entry(cache, key, levels);
        if (!entry)
            return mr_error_memory(error, sizeof *entry + key.size);
        entry->unstored = how == MR_CACHE_NEW;
        for (int level = 0; level < levels; level++) {
            entry->next[level] = before[level]->next[level];
            before[level]->next[level] = entry;
        }
    }
    *out = entry;
    if (how == MR_CACHE_READ && entry->dirty)
        return MR_OK;
    if (how == MR_CACHE_READ)
        entry->unstored = !value.data;
    else
        MR_TRY(mark_dirty(cache, entry, error));
    if (how != MR_CACHE_READ)
        entry->stamp = cache->stamp;
    return set_value(cache, entry, value, error);
}

static int compare_dirty(const void *left, const void *right)
{
    return mr_str_compare((*(struct mr_cached *const *)left)->key, (*(struct mr_cached *const *)right)->key);
}

void mr_state_cache_sort(struct mr_state_cache *cache)
{
    if (cache->dirty_count > 1)
        qsort(cache->dirty, (size_t)cache->dirty_count, sizeof *cache->dirty, compare_dirty);
}

void mr_state_cache_written(struct mr_state_cache *cache)
{
    for (int64_t i = 0; i < cache->dirty_count; i++) {
        struct mr_cached *entry = cache->dirty[i];
        entry->dirty = entry->cut = false;
        entry->unstored = !entry->value;
    }
    cache->dirty_count = 0;
    cache->dirty_bytes = 0;
}

int mr_state_cache_shed(struct mr_state_cache *cache, struct mr_error *error)
{
    struct mr_state_cache kept;
    int status = mr_state_cache_init(&kept, error);
    for (int64_t i = 0; status >= 0 && i < cache->dirty_count; i++) {
        const struct mr_cached *old = cache->dirty[i];
        struct mr_cached *entry = NULL;
        status = mr_state_cache_put(&kept, old->key, (struct mr_str){old->value, old->value_size},
                                    old->unstored ? MR_CACHE_NEW : MR_CACHE_CHANGE, &entry, error);
        if (entry)
            entry->cut = old->cut;
    }
    if (status < 0) {
        mr_state_cache_release(&kept);
        return status;
    }
    kept.stamp = cache->stamp;
    mr_state_cache_release(cache);
    *cache = kept;
    return MR_OK;
}
