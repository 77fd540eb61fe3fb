/* formats/parquet/delta_packed.h: the DELTA_BINARY_PACKED encoding of integers. */
#ifndef MR_PARQUET_DELTA_PACKED_H
#define MR_PARQUET_DELTA_PACKED_H

#include "base/memory.h"

/* Appends the encoding of count values: blocks of 128 values in 4 miniblocks. */
void mr_delta_append_i64(struct mr_text *out, const int64_t *values, size_t count);
void mr_delta_append_i32(struct mr_text *out, const int32_t *values, size_t count);
/* Bytes that the encoding of count values would take, within a few per cent, without making it. */
size_t mr_delta_estimate(const int64_t *values, size_t count);

/* Reads in pieces of any size; never past end. Arithmetic wraps in 64 bits; 32-bit columns take the low half.
 */
struct mr_delta_reader {
    const uint8_t *at, *end;
    uint64_t values_left;    /* in the whole, the first one included */
    uint64_t miniblock_size; /* values; a multiple of 32 */
    uint64_t miniblock_left;
    uint32_t miniblocks; /* per block */
    uint32_t miniblock;  /* number of the next one of this block */
    const uint8_t *widths;
    const uint8_t *packed, *packed_end;
    uint64_t packed_index;
    int width;
    int64_t minimum; /* smallest delta of the block */
    int64_t last;
    bool first; /* the first value, from the header, is still to be handed out */
};
/* false: no such header. */
bool mr_delta_reader_init(struct mr_delta_reader *r, const void *data, size_t size);
bool mr_delta_read(struct mr_delta_reader *r, int64_t *out, size_t count);
/* Where the encoding ends, found without decoding the values; NULL: it is damaged. */
const uint8_t *mr_delta_end(const struct mr_delta_reader *r);

#endif
