/* base/memory.c: accounted allocation, slices, reference-counted buffers, hashing. */
#include "base/memory.h"

#include <malloc.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The allocator knows the size of each block, so no header of ours is needed: what is counted is what is
 * held. */
static _Atomic size_t used_bytes;
static _Atomic size_t peak_bytes;
static _Atomic int64_t fail_countdown;

void mr_memory_fail_at(int64_t nth)
{
    atomic_store(&fail_countdown, nth);
}

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) <= 0)
        return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void account(void *memory)
{
    size_t size = malloc_usable_size(memory);
    size_t now = atomic_fetch_add_explicit(&used_bytes, size, memory_order_relaxed) + size;
    size_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed))
        ;
}

void *mr_allocate(size_t size_bytes)
{
    if (must_fail())
        return NULL;
    void *memory = malloc(size_bytes ? size_bytes : 1);
    if (memory)
        account(memory);
    return memory;
}

void *mr_allocate_zeroed(size_t size_bytes)
{
    if (must_fail())
        return NULL;
    void *memory = calloc(1, size_bytes ? size_bytes : 1);
    if (memory)
        account(memory);
    return memory;
}

void *mr_reallocate(void *memory, size_t size_bytes)
{
    if (must_fail())
        return NULL;
    size_t before = memory ? malloc_usable_size(memory) : 0;
    void *moved = realloc(memory, size_bytes ? size_bytes : 1);
    if (!moved)
        return NULL;
    atomic_fetch_sub_explicit(&used_bytes, before, memory_order_relaxed);
    account(moved);
    return moved;
}

void mr_free(void *memory)
{
    if (!memory)
        return;
    atomic_fetch_sub_explicit(&used_bytes, malloc_usable_size(memory), memory_order_relaxed);
    free(memory);
}

size_t mr_memory_used(void)
{
    return atomic_load_explicit(&used_bytes, memory_order_relaxed);
}

size_t mr_memory_peak(void)
{
    return atomic_load_explicit(&peak_bytes, memory_order_relaxed);
}

void mr_memory_give_back(void)
{
    malloc_trim(0);
}

static inline unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool mr_str_equal_nocase(struct mr_str a, struct mr_str b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower((unsigned char)a.data[i]) != lower((unsigned char)b.data[i]))
            return false;
    return true;
}

int mr_edit_distance(const char *a, const char *b)
{
    int row[42];
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > 40 || m > 40)
        return 100;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int above = row[j];
            int cost = diagonal + ((a[i - 1] | 32) != (b[j - 1] | 32));
            if (above + 1 < cost)
                cost = above + 1;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            diagonal = above;
            row[j] = cost;
        }
    }
    return row[m];
}

int mr_str_compare(struct mr_str a, struct mr_str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.size < b.size ? -1 : a.size > b.size;
}

bool mr_str_starts_with(struct mr_str text, struct mr_str prefix)
{
    return prefix.size <= text.size && (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

bool mr_str_ends_with(struct mr_str text, struct mr_str suffix)
{
    return suffix.size <= text.size &&
           (suffix.size == 0 || memcmp(text.data + text.size - suffix.size, suffix.data, suffix.size) == 0);
}

struct mr_buffer *mr_buffer_new(size_t capacity)
{
    /* One allocation: the bytes follow the header. */
    struct mr_buffer *buffer = mr_allocate(sizeof *buffer + capacity + MR_BUFFER_PADDING);
    if (!buffer)
        return NULL;
    atomic_init(&buffer->references, 1);
    buffer->size = 0;
    buffer->capacity = capacity;
    buffer->data = (char *)(buffer + 1);
    memset(buffer->data + capacity, 0, MR_BUFFER_PADDING);
    return buffer;
}

struct mr_buffer *mr_buffer_ref(struct mr_buffer *buffer)
{
    atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
    return buffer;
}

void mr_buffer_unref(struct mr_buffer *buffer)
{
    if (buffer && atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) == 1)
        mr_free(buffer);
}

uint64_t mr_hash(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t mr_hash_seeded(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
