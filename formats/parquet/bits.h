/* formats/parquet/bits.h: numbers of any bit width, packed from the least significant bit on. */
#ifndef MR_PARQUET_BITS_H
#define MR_PARQUET_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MR_INLINE static inline __attribute__((always_inline))

/* Bits needed to hold value: 0 for 0. */
MR_INLINE int mr_bit_width(uint64_t value)
{
    return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

/* Eight bytes from at, those behind end taken as zero. */
MR_INLINE uint64_t mr_load_bits(const uint8_t *at, const uint8_t *end)
{
    uint64_t word = 0;
    if (end - at >= 8)
        memcpy(&word, at, 8);
    else if (end > at)
        memcpy(&word, at, (size_t)(end - at));
    return word;
}

/* Value number index of values of width bits (0..64) packed from start. */
MR_INLINE uint64_t mr_unpack_bits(const uint8_t *start, const uint8_t *end, uint64_t index, int width)
{
    uint64_t bit = index * (uint64_t)width;
    const uint8_t *at = start + (bit >> 3);
    int shift = (int)(bit & 7);
    uint64_t word = mr_load_bits(at, end) >> shift;
    if (shift + width > 64 && end - at > 8)
        word |= (uint64_t)at[8] << (64 - shift);
    return width == 64 ? word : word & ((1ULL << width) - 1);
}

#endif
