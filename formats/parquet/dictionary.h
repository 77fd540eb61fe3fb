/* formats/parquet/dictionary.h: the distinct values of a column chunk, numbered in order of appearance. */
#ifndef MR_PARQUET_DICTIONARY_H
#define MR_PARQUET_DICTIONARY_H

#include "columns/column.h"
#include "formats/parquet/bytes.h"

struct mr_dictionary_slot {
    uint32_t hash;
    uint32_t number; /* of the entry, plus 1; 0: empty */
};
struct mr_dictionary {
    size_t width; /* bytes per value: 4, 8 or the length of a fixed array; 0: strings */
    uint32_t count;
    struct mr_bytes values;    /* the entries in PLAIN encoding: the body of the dictionary page */
    struct mr_bytes positions; /* strings: uint32_t per entry, where its bytes start in values */
    struct mr_dictionary_slot *slots;
    uint32_t slot_count; /* a power of two */
    size_t limit_bytes;  /* of values */
};

void mr_dictionary_init(struct mr_dictionary *d, size_t width, size_t limit_bytes);
void mr_dictionary_clear(struct mr_dictionary *d); /* keeps the memory */
void mr_dictionary_release(struct mr_dictionary *d);
/* Numbers of count values, new ones being added, until the limit stops it: returns how many were numbered; -1
 * without memory. */
int64_t mr_dictionary_add_fixed(struct mr_dictionary *d, const void *values, size_t count, uint32_t *numbers);
int64_t mr_dictionary_add_views(struct mr_dictionary *d, const struct mr_view *views, size_t count,
                                uint32_t *numbers);
static inline struct mr_str mr_dictionary_entry(const struct mr_dictionary *d, uint32_t number)
{
    if (d->width > 0)
        return (struct mr_str){(const char *)d->values.data + number * d->width, d->width};
    uint32_t start = ((const uint32_t *)d->positions.data)[number], size;
    memcpy(&size, d->values.data + start - 4, 4);
    return (struct mr_str){(const char *)d->values.data + start, size};
}

#endif
