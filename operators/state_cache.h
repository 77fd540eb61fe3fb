/* operators/state_cache.h: entries of state in memory, in the order of their keys: what no decision has
 * written yet, and what was read or written of late. Laid over the checkpoint, whose entries it hides, it
 * says what state holds now. Not for other folders.
 *
 * A skip list in an arena. Entries never move and are never taken out but all together (shed), so that who
 * walks it may change it on the way. */
#ifndef MR_OPERATORS_STATE_CACHE_H
#define MR_OPERATORS_STATE_CACHE_H

#include "base/memory.h"

#define MR_CACHE_LEVELS 12

struct mr_cached {
    struct mr_str key;
    char *value; /* NULL: state does not hold this key */
    uint32_t value_size, value_capacity;
    uint32_t stamp; /* of the cache when it was changed last */
    bool dirty;     /* the checkpoint knows otherwise, perhaps */
    bool unstored;  /* the checkpoint does not hold this key */
    bool cut;       /* what the checkpoint holds behind this key, which begins with it, does not count */
    struct mr_cached *next[];
};
struct mr_state_cache {
    struct mr_arena arena;
    struct mr_cached *head; /* before all others */
    struct mr_cached **dirty;
    int64_t dirty_count, dirty_capacity;
    size_t dirty_bytes;
    uint32_t stamp;
};
int mr_state_cache_init(struct mr_state_cache *cache, struct mr_error *error);
void mr_state_cache_release(struct mr_state_cache *cache); /* zeroed is fine */
/* The first entry at or behind key; NULL: none. Then: entry->next[0]. */
struct mr_cached *mr_state_cache_seek(const struct mr_state_cache *cache, struct mr_str key);
struct mr_cached *mr_state_cache_find(const struct mr_state_cache *cache, struct mr_str key);
enum mr_cache_put {
    MR_CACHE_READ,   /* what the checkpoint holds; not put over a change */
    MR_CACHE_CHANGE, /* of a key that the checkpoint may hold */
    MR_CACHE_NEW     /* a change of a key that it does not hold */
};
/* value.data NULL: absent. Bytes are copied. */
int mr_state_cache_put(struct mr_state_cache *cache, struct mr_str key, struct mr_str value,
                       enum mr_cache_put how, struct mr_cached **out, struct mr_error *error);
/* Puts the changed entries in order: cache->dirty[0 .. dirty_count). */
void mr_state_cache_sort(struct mr_state_cache *cache);
/* The changes are handed to a decision. */
void mr_state_cache_written(struct mr_state_cache *cache);
/* Forgets all but changes. Entries move: nobody may hold one. */
int mr_state_cache_shed(struct mr_state_cache *cache, struct mr_error *error);
static inline size_t mr_state_cache_bytes(const struct mr_state_cache *cache)
{
    return cache->arena.used_bytes + sizeof(void *) * (size_t)cache->dirty_capacity;
}

#endif
