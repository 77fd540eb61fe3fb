/* base/memory.h: arenas, reference-counted buffers, growable text.
 *
 * Lifetimes: an arena's memory is dropped in one step (job > batch > scratch). What must outlive an arena is
 * copied. Every allocation of our own goes through mr_allocate so that tests can make the N-th one fail and
 * the process-wide limit can be accounted. */
#ifndef MR_BASE_MEMORY_H
#define MR_BASE_MEMORY_H

#ifdef __cplusplus /* base/json_index.cpp */
#include <atomic>
using std::atomic_int;
#else
#include <stdatomic.h>
#endif
#include <string.h>

#include "base/error.h"

/* malloc, realloc, free with accounting; NULL when there is none. Zeroed where the name says so. */
void *mr_allocate(size_t size_bytes);
void *mr_allocate_zeroed(size_t size_bytes);
void *mr_reallocate(void *memory, size_t size_bytes);
void mr_free(void *memory);
/* Bytes now held through mr_allocate, and the highest value ever. */
size_t mr_memory_used(void);
size_t mr_memory_peak(void);
/* What the allocator keeps of freed memory goes back to the system; takes milliseconds. */
void mr_memory_give_back(void);
/* For tests: the nth allocation from now on (1: the next) fails, and only that one; 0: none. */
void mr_memory_fail_at(int64_t nth);

/* ---- slices ---- */
struct mr_str { /* not owned, not NUL-terminated */
    const char *data;
    size_t size;
};
#define MR_STR(literal) ((struct mr_str){(literal), sizeof(literal) - 1})
static inline struct mr_str mr_str_of(const char *text)
{
    return (struct mr_str){text, text ? strlen(text) : 0};
}
static inline bool mr_str_equal(struct mr_str a, struct mr_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
bool mr_str_equal_nocase(struct mr_str a, struct mr_str b); /* ASCII case only */
/* Edits (insert, delete, replace) from a to b, without regard to case; names beyond 40 letters are far from
 * everything. For "Did you mean …?". */
int mr_edit_distance(const char *a, const char *b);
int mr_str_compare(struct mr_str a, struct mr_str b); /* bytewise, as memcmp */
bool mr_str_starts_with(struct mr_str text, struct mr_str prefix);
bool mr_str_ends_with(struct mr_str text, struct mr_str suffix);

/* ---- arena ---- */
struct mr_arena_block;
struct mr_arena {
    struct mr_arena_block *blocks; /* newest first */
    char *next, *end;              /* free part of the newest block */
    size_t used_bytes;             /* handed out since init or reset */
    size_t block_bytes;            /* size of the next block */
};
void mr_arena_init(struct mr_arena *arena);
/* 16-byte aligned; NULL when there is no memory. Not zeroed. */
void *mr_arena_allocate(struct mr_arena *arena, size_t size_bytes);
void *mr_arena_allocate_zeroed(struct mr_arena *arena, size_t size_bytes);
char *mr_arena_copy_text(struct mr_arena *arena, const char *data, size_t size); /* NUL-terminated copy */
char *mr_arena_format(struct mr_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mr_arena_clear(struct mr_arena *arena);   /* forgets everything, keeps one block for reuse */
void mr_arena_release(struct mr_arena *arena); /* gives all memory back */
#define MR_ARENA_NEW(arena, type) ((type *)mr_arena_allocate_zeroed((arena), sizeof(type)))
#define MR_ARENA_ARRAY(arena, type, count)                                                                   \
    ((type *)mr_arena_allocate_zeroed((arena), sizeof(type) * (size_t)(count)))

/* ---- reference-counted bytes: what string views point into ---- */
struct mr_buffer {
    atomic_int references;
    size_t size; /* bytes in use */
    size_t capacity;
    char *data; /* followed by MR_BUFFER_PADDING readable bytes, so SIMD code may read past the end */
};
#define MR_BUFFER_PADDING 64
struct mr_buffer *mr_buffer_new(size_t capacity); /* one reference; NULL without memory */
struct mr_buffer *mr_buffer_ref(struct mr_buffer *buffer);
void mr_buffer_unref(struct mr_buffer *buffer); /* NULL allowed */

/* ---- growable text, always NUL-terminated ---- */
struct mr_text {
    char *data; /* never NULL after a successful append; "" before */
    size_t size, capacity;
    bool failed; /* an append ran out of memory; check once at the end */
};
void mr_text_init(struct mr_text *text);
void mr_text_append(struct mr_text *text, const void *data, size_t size);
/* Room for `more` bytes behind what is there, to be written by the caller, who then adds them to size and
 * puts the closing NUL (there is room for it). NULL without memory. */
char *mr_text_reserve(struct mr_text *text, size_t more);
void mr_text_append_str(struct mr_text *text, const char *cstring);
void mr_text_append_char(struct mr_text *text, char c);
void mr_text_format(struct mr_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mr_text_clear(struct mr_text *text); /* keeps the memory */
void mr_text_release(struct mr_text *text);
static inline struct mr_str mr_text_str(const struct mr_text *text)
{
    return (struct mr_str){text->data, text->size};
}

/* ---- hash map from bytes to a pointer or number ---- */
struct mr_map_entry {
    struct mr_str key; /* owned by the map's arena */
    union {
        void *pointer;
        int64_t number;
    };
};
struct mr_map { /* insertion order is kept: entries[0 .. count) */
    struct mr_map_entry *entries;
    uint32_t *slots;
    size_t count, capacity, slot_count;
    struct mr_arena keys;
};
void mr_map_init(struct mr_map *map);
/* Existing or new entry for key (then pointer/number is 0); NULL without memory. *created may be NULL.
 * Entries move when the map grows: keep no pointer across another put. */
struct mr_map_entry *mr_map_put(struct mr_map *map, struct mr_str key, bool *created);
struct mr_map_entry *mr_map_get(const struct mr_map *map, struct mr_str key); /* NULL: absent */
void mr_map_release(struct mr_map *map);

/* ---- hashing (xxh3) ---- */
uint64_t mr_hash(const void *data, size_t size);
uint64_t mr_hash_seeded(const void *data, size_t size, uint64_t seed);
static inline uint64_t mr_hash_u64(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    return x ^ (x >> 32);
}

#endif
