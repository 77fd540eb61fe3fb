/* base/varint.h: numbers of variable length: seven bits a byte, the lowest first, the top bit set in all but
 * the last (LEB128); as Parquet, Protobuf, Avro and our own state write them. */
#ifndef MR_BASE_VARINT_H
#define MR_BASE_VARINT_H

#include "base/memory.h"

#define MR_VARINT_BYTES 10 /* of the largest */

/* Writes at most MR_VARINT_BYTES; returns what is behind them. */
static inline char *mr_varint_put(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static inline void mr_varint_append(struct mr_text *out, uint64_t value)
{
    char bytes[MR_VARINT_BYTES];
    mr_text_append(out, bytes, (size_t)(mr_varint_put(bytes, value) - bytes));
}

/* Moves *at behind the number. false: it ends too early, or has more than MR_VARINT_BYTES; *at is then behind
 * what was looked at, and *out means nothing. */
static inline bool mr_varint_get(const char **at, const char *end, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        unsigned char byte = (unsigned char)*(*at)++;
        *out |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Signed numbers, the sign in the lowest bit: small ones stay short. */
static inline uint64_t mr_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t mr_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
