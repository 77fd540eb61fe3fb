/* formats/parquet/checksum.c: CRC-32 by carry-less multiplication where the processor has it, else zlib's,
 * which takes four times as long: a twentieth of all encoding.
 *
 * A message is a polynomial over bits; its CRC is the remainder modulo P = 0x104C11DB7. Multiplying the part
 * in hand by x^n mod P moves it n bits on without changing that remainder, so 64 bytes are folded onto the
 * next 64 until few are left, which are then reduced. Bits are mirrored throughout, as CRC-32 wants them. */
#include "formats/parquet/checksum.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLDING __attribute__((target("pclmul,sse4.1")))

/* x moved on by the distance that the two constants stand for, onto next. */
FOLDING static inline __m128i fold(__m128i x, __m128i constants, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(x, constants, 0x00), high = _mm_clmulepi64_si128(x, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

FOLDING static inline __m128i load(const unsigned char *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

/* Remainder of 128 bits: to 96, to 64, then by Barrett's method with P and its inverse. */
FOLDING static inline uint32_t reduce(__m128i x, __m128i by_128)
{
    const __m128i low_32 = _mm_setr_epi32(-1, 0, -1, 0);
    const __m128i by_64 = _mm_set_epi64x(0, 0x163cd6124), barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, by_128, 0x10));
    x = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(x, low_32), by_64, 0x00), _mm_srli_si128(x, 4));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(x, low_32), barrett, 0x10);
    __m128i product = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_32), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, product), 1);
}

/* size is a multiple of 16, at least 64. */
FOLDING static uint32_t crc_folded(const unsigned char *at, size_t size)
{
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i x[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128(-1));
    for (at += 64, size -= 64; size >= 64; at += 64, size -= 64)
        for (int i = 0; i < 4; i++)
            x[i] = fold(x[i], by_512, load(at + 16 * i));
    __m128i sum = x[0];
    for (int i = 1; i < 4; i++)
        sum = fold(sum, by_128, x[i]);
    for (; size >= 16; at += 16, size -= 16)
        sum = fold(sum, by_128, load(at));
    return ~reduce(sum, by_128);
}

uint32_t mr_crc32(const void *data, size_t size)
{
    size_t folded = 0;
    uint32_t crc = 0;
    if (size >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        folded = size & ~(size_t)15;
        crc = crc_folded(data, folded);
    }
    if (folded == size && size > 0)
        return crc;
    return (uint32_t)crc32_z(crc, (const unsigned char *)data + folded, size - folded);
}
#else
uint32_t mr_crc32(const void *data, size_t size)
{
    return (uint32_t)crc32_z(0, data, size);
}
#endif
