/* formats/parquet/rle.h: Parquet's hybrid of run lengths and bit-packed groups, for levels and dictionary
 * indices. */
#ifndef MR_PARQUET_RLE_H
#define MR_PARQUET_RLE_H

#include "base/memory.h"

/* Appends count values, each below 2^width, without a length in front. */
void mr_rle_append_u8(struct mr_text *out, const uint8_t *values, size_t count, int width);
void mr_rle_append_u32(struct mr_text *out, const uint32_t *values, size_t count, int width);
/* Appends one run of count times value. */
void mr_rle_append_run(struct mr_text *out, uint32_t value, uint64_t count, int width);

/* Reads in pieces of any size; never past end. */
struct mr_rle_reader {
    const uint8_t *at, *end;
    int width;             /* 0..32 */
    uint64_t run_left;     /* values left of a run of run_value */
    uint64_t literal_left; /* values left of the bit-packed groups at literals */
    uint32_t run_value;
    const uint8_t *literals, *literals_end;
    uint64_t literal_index;
    bool msb_first; /* the deprecated BIT_PACKED encoding of levels: no runs, most significant bit first */
};
void mr_rle_reader_init(struct mr_rle_reader *r, const void *data, size_t size, int width);
void mr_rle_reader_init_bit_packed(struct mr_rle_reader *r, const void *data, size_t size, int width);
/* false: the data end before count values, or are no such encoding. */
bool mr_rle_read_u8(struct mr_rle_reader *r, uint8_t *out, size_t count); /* width <= 8 */
bool mr_rle_read_u32(struct mr_rle_reader *r, uint32_t *out, size_t count);
/* If the next values are a run: its value and how many are left of it, without taking them; 0: they are not.
 */
uint64_t mr_rle_peek_run(struct mr_rle_reader *r, uint32_t *value);
bool mr_rle_skip(struct mr_rle_reader *r, size_t count);

#endif
