/* formats/parquet/bytes.h: a growable run of bytes whose appends inline; for the values of a page. */
#ifndef MR_PARQUET_BYTES_H
#define MR_PARQUET_BYTES_H

#include "base/memory.h"

struct mr_bytes {
    uint8_t *data;
    size_t size, capacity;
};

/* Room for size more bytes; false without memory. */
static inline bool mr_bytes_reserve(struct mr_bytes *bytes, size_t size)
{
    if (bytes->capacity - bytes->size >= size)
        return true;
    size_t capacity = bytes->capacity < 512 ? 1024 : bytes->capacity * 2;
    if (capacity < bytes->size + size)
        capacity = bytes->size + size;
    uint8_t *data = mr_reallocate(bytes->data, capacity);
    if (!data)
        return false;
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

static inline void mr_bytes_release(struct mr_bytes *bytes)
{
    mr_free(bytes->data);
    *bytes = (struct mr_bytes){0};
}

#endif
