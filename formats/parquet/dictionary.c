/* formats/parquet/dictionary.c: open addressing over the entries' hashes, at most half full. */
#include "formats/parquet/dictionary.h"

#define FIRST_SLOTS 64
#define PIECE 256 /* values hashed before they are looked up, so that their slots are fetched meanwhile */

void mr_dictionary_init(struct mr_dictionary *d, size_t width, size_t limit_bytes)
{
    *d = (struct mr_dictionary){.width = width, .limit_bytes = limit_bytes};
}

void mr_dictionary_clear(struct mr_dictionary *d)
{
    d->count = 0;
    d->values.size = 0;
    d->positions.size = 0;
    if (d->slots)
        memset(d->slots, 0, d->slot_count * sizeof(*d->slots));
}

void mr_dictionary_release(struct mr_dictionary *d)
{
    mr_bytes_release(&d->values);
    mr_bytes_release(&d->positions);
    mr_free(d->slots);
    d->slots = NULL;
    d->slot_count = 0;
    d->count = 0;
}

static bool grow_slots(struct mr_dictionary *d)
{
    uint32_t slot_count = d->slot_count ? d->slot_count * 2 : FIRST_SLOTS;
    struct mr_dictionary_slot *slots = mr_allocate_zeroed(slot_count * sizeof(*slots));
    if (!slots)
        return false;
    for (uint32_t i = 0; i < d->slot_count; i++) {
        if (d->slots[i].number == 0)
            continue;
        uint32_t at = d->slots[i].hash & (slot_count - 1);
        while (slots[at].number != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = d->slots[i];
    }
    mr_free(d->slots);
    d->slots = slots;
    d->slot_count = slot_count;
    return true;
}

/* Appends an entry; its slot is at. */
static bool add_entry(struct mr_dictionary *d, uint32_t at, uint32_t hash, const void *data, size_t size)
{
    if (!mr_bytes_reserve(&d->values, size + 4) || !mr_bytes_reserve(&d->positions, 4))
        return false;
    if (d->width == 0) {
        uint32_t size32 = (uint32_t)size;
        memcpy(d->values.data + d->values.size, &size32, 4);
        d->values.size += 4;
        uint32_t start = (uint32_t)d->values.size;
        memcpy(d->positions.data + d->positions.size, &start, 4);
        d->positions.size += 4;
    }
    if (size > 0)
        memcpy(d->values.data + d->values.size, data, size);
    d->values.size += size;
    d->count++;
    d->slots[at] = (struct mr_dictionary_slot){hash, d->count};
    return true;
}

static inline bool entry_is(const struct mr_dictionary *d, uint32_t number, const void *data, size_t size)
{
    struct mr_str entry = mr_dictionary_entry(d, number);
    return entry.size == size && memcmp(entry.data, data, size) == 0;
}

enum { FULL = -1, NO_MEMORY = -2 };

/* The number of one value, or FULL, or NO_MEMORY. */
static inline int64_t number_of(struct mr_dictionary *d, uint32_t hash, const void *data, size_t size)
{
    uint32_t at = hash & (d->slot_count - 1);
    for (; d->slots[at].number != 0; at = (at + 1) & (d->slot_count - 1))
        if (d->slots[at].hash == hash && entry_is(d, d->slots[at].number - 1, data, size))
            return d->slots[at].number - 1;
    if (d->values.size + size + 4 > d->limit_bytes)
        return FULL;
    if (!add_entry(d, at, hash, data, size))
        return NO_MEMORY;
    int64_t number = d->count - 1;
    if (d->count * 2 > d->slot_count && !grow_slots(d))
        return NO_MEMORY;
    return number;
}

static inline uint32_t hash_fixed(const uint8_t *value, size_t width)
{
    uint64_t word = 0;
    if (width == 4)
        memcpy(&word, value, 4);
    else if (width == 8)
        memcpy(&word, value, 8);
    else
        return (uint32_t)mr_hash(value, width);
    return (uint32_t)mr_hash_u64(word);
}

int64_t mr_dictionary_add_fixed(struct mr_dictionary *d, const void *values, size_t count, uint32_t *numbers)
{
    if (!d->slots && !grow_slots(d))
        return -1;
    const uint8_t *value = values;
    for (size_t i = 0; i < count; i++, value += d->width) {
        int64_t number = number_of(d, hash_fixed(value, d->width), value, d->width);
        if (number == NO_MEMORY)
            return -1;
        if (number == FULL)
            return (int64_t)i;
        numbers[i] = (uint32_t)number;
    }
    return (int64_t)count;
}

static inline uint32_t hash_view(const struct mr_view *view)
{
    if (view->size > MR_VIEW_INLINE)
        return (uint32_t)mr_hash(view->data, view->size);
    uint64_t low, high;
    memcpy(&low, view, 8);
    memcpy(&high, (const char *)view + 8, 8);
    return (uint32_t)mr_hash_u64(low ^ (high * 0x9e3779b97f4a7c15ULL));
}

int64_t mr_dictionary_add_views(struct mr_dictionary *d, const struct mr_view *views, size_t count,
                                uint32_t *numbers)
{
    if (!d->slots && !grow_slots(d))
        return -1;
    uint32_t hashes[PIECE];
    for (size_t start = 0; start < count; start += PIECE) {
        size_t n = count - start < PIECE ? count - start : PIECE;
        for (size_t i = 0; i < n; i++) {
            hashes[i] = hash_view(&views[start + i]);
            __builtin_prefetch(&d->slots[hashes[i] & (d->slot_count - 1)]);
        }
        for (size_t i = 0; i < n; i++) {
            const struct mr_view *view = &views[start + i];
            int64_t number = number_of(d, hashes[i], mr_view_data(view), view->size);
            if (number == NO_MEMORY)
                return -1;
            if (number == FULL)
                return (int64_t)(start + i);
            numbers[start + i] = (uint32_t)number;
        }
    }
    return (int64_t)count;
}
