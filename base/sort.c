/* base/sort.c: see the header. */
#include "base/sort.h"

#define FEW 24 /* are sorted by insertion */

/* Eight bytes at `from` as a number that orders as they do; what is missing counts as zero. */
static inline uint64_t head_of(struct mr_str key, size_t from)
{
    uint64_t word = 0;
    size_t left = key.size > from ? key.size - from : 0;
    if (left >= 8)
        memcpy(&word, key.data + from, 8);
    else if (left > 0)
        memcpy(&word, key.data + from, left);
    return __builtin_bswap64(word);
}

static void insert_few(struct mr_keyed *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct mr_keyed moved = keys[i];
        size_t at = i;
        for (; at > 0 && mr_str_compare(keys[at - 1].key, moved.key) > 0; at--)
            keys[at] = keys[at - 1];
        keys[at] = moved;
    }
}

static size_t common_beginning(const struct mr_keyed *keys, size_t count, size_t from)
{
    struct mr_str first = keys[0].key;
    size_t common = first.size;
    for (size_t i = 1; i < count; i++) {
        size_t limit = keys[i].key.size < common ? keys[i].key.size : common, at = from;
        while (at < limit && keys[i].key.data[at] == first.data[at])
            at++;
        common = at;
    }
    return common;
}

/* One pass: by one byte of the heads. */
static void pass(const struct mr_keyed *from, struct mr_keyed *to, size_t count, int shift)
{
    size_t starts[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        starts[from[i].head >> shift & 255]++;
    for (int b = 0; b < 256; b++) {
        size_t here = starts[b];
        starts[b] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[starts[from[i].head >> shift & 255]++] = from[i];
}

static void sort_from(struct mr_keyed *keys, struct mr_keyed *scratch, size_t count, size_t known);

/* Keys with equal heads at offset. One that ends within its head is the beginning of all longer ones. */
static void sort_equal_heads(struct mr_keyed *keys, struct mr_keyed *scratch, size_t count, size_t offset)
{
    size_t shorter = 0, longer = 0;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].key.size > offset + 8) {
            scratch[longer++] = keys[i];
            continue;
        }
        struct mr_keyed moved = keys[i];
        size_t at = shorter++;
        for (; at > 0 && keys[at - 1].key.size > moved.key.size; at--)
            keys[at] = keys[at - 1];
        keys[at] = moved;
    }
    memcpy(keys + shorter, scratch, longer * sizeof *keys);
    if (longer > 1)
        sort_from(keys + shorter, scratch, longer, offset + 8);
}

/* known: bytes at the beginning that are the same in all. */
static void sort_from(struct mr_keyed *keys, struct mr_keyed *scratch, size_t count, size_t known)
{
    if (count <= FEW) {
        insert_few(keys, count);
        return;
    }
    size_t offset = common_beginning(keys, count, known);
    uint64_t differing = 0;
    for (size_t i = 0; i < count; i++) {
        keys[i].head = head_of(keys[i].key, offset);
        differing |= keys[i].head ^ keys[0].head;
    }
    struct mr_keyed *from = keys, *to = scratch;
    for (int shift = 0; shift < 64; shift += 8) {
        if ((differing >> shift & 255) == 0)
            continue;
        pass(from, to, count, shift);
        struct mr_keyed *other = from;
        from = to;
        to = other;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && keys[end].head == keys[begin].head;)
            end++;
        if (end - begin > FEW)
            sort_equal_heads(keys + begin, scratch, end - begin, offset);
        else if (end - begin > 1)
            insert_few(keys + begin, end - begin);
    }
}

void mr_sort_keyed(struct mr_keyed *keys, struct mr_keyed *scratch, size_t count)
{
    sort_from(keys, scratch, count, 0);
}
