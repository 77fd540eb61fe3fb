/* formats/parquet/delta_packed.c
 *
 * Header: varint block size, varint miniblocks per block, varint count, zigzag first value. Per block: zigzag
 * smallest delta, one width byte per miniblock, then the miniblocks: (delta - smallest) bit-packed.
 * Miniblocks behind the last value take no bytes. Deltas of 32-bit columns wrap in 32 bits, so that no width
 * exceeds 32. */
#include "formats/parquet/delta_packed.h"

#include "formats/parquet/bits.h"
#include "formats/parquet/thrift.h"

#define BLOCK 128
#define MINIBLOCKS 4
#define MINIBLOCK (BLOCK / MINIBLOCKS)

/* ---- encoding ---- */

/* Packs 32 values of width bits into 4 * width bytes. Inlined with a constant width, the loop unrolls to
 * shifts and stores. */
MR_INLINE void pack_32(uint8_t *out, const uint64_t *values, int width)
{
    uint64_t word = 0;
    int bits = 0;
#pragma GCC unroll 32
    for (int i = 0; i < MINIBLOCK; i++) {
        word |= values[i] << bits;
        bits += width;
        if (bits >= 64) {
            memcpy(out, &word, 8);
            out += 8;
            bits -= 64;
            word = bits > 0 ? values[i] >> (width - bits) : 0;
        }
    }
    if (bits > 0)
        memcpy(out, &word, 4); /* 32 * width bits are a multiple of 32 */
}

static void pack_miniblock(uint8_t *out, const uint64_t *values, int width)
{
    switch (width) {
#define W(n)                                                                                                 \
    case n:                                                                                                  \
        pack_32(out, values, n);                                                                             \
        return;
#define W8(n) W(n) W(n + 1) W(n + 2) W(n + 3) W(n + 4) W(n + 5) W(n + 6) W(n + 7)
        W8(1)
        W8(9) W8(17) W8(25) W8(33) W8(41) W8(49) W8(57)
#undef W8
#undef W
            default : return;
    }
}

struct block {
    int64_t deltas[BLOCK]; /* those behind count repeat the smallest, so that they pack to zero */
    int64_t minimum;
    int widths[MINIBLOCKS];
};

static void measure_block(struct block *b, size_t count)
{
    int64_t minimum = b->deltas[0];
    for (size_t i = 1; i < count; i++)
        minimum = b->deltas[i] < minimum ? b->deltas[i] : minimum;
    for (size_t i = count; i < BLOCK; i++)
        b->deltas[i] = minimum;
    b->minimum = minimum;
    for (size_t m = 0; m < MINIBLOCKS; m++) {
        uint64_t all = 0;
        for (size_t i = m * MINIBLOCK; i < (m + 1) * MINIBLOCK; i++)
            all |= (uint64_t)b->deltas[i] - (uint64_t)minimum;
        b->widths[m] = mr_bit_width(all);
    }
}

/* mask keeps the differences of 32-bit columns in 32 bits. */
static void append_block(struct mr_text *out, struct block *b, size_t count, uint64_t mask)
{
    uint8_t bytes[10 + MINIBLOCKS + BLOCK * 8];
    size_t used = 0;
    uint64_t minimum = mr_zigzag(b->minimum);
    while (minimum >= 0x80) {
        bytes[used++] = (uint8_t)(minimum | 0x80);
        minimum >>= 7;
    }
    bytes[used++] = (uint8_t)minimum;
    uint64_t values[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        values[i] = ((uint64_t)b->deltas[i] - (uint64_t)b->minimum) & mask;
    size_t miniblocks = (count + MINIBLOCK - 1) / MINIBLOCK;
    for (size_t m = 0; m < MINIBLOCKS; m++)
        bytes[used++] = m < miniblocks ? (uint8_t)b->widths[m] : 0;
    for (size_t m = 0; m < miniblocks; m++) {
        pack_miniblock(bytes + used, values + m * MINIBLOCK, b->widths[m]);
        used += (size_t)b->widths[m] * MINIBLOCK / 8;
    }
    mr_text_append(out, bytes, used);
}

static void append_header(struct mr_text *out, size_t count, int64_t first)
{
    mr_varint_append(out, BLOCK);
    mr_varint_append(out, MINIBLOCKS);
    mr_varint_append(out, count);
    mr_varint_append(out, mr_zigzag(first));
}

void mr_delta_append_i64(struct mr_text *out, const int64_t *values, size_t count)
{
    append_header(out, count, count > 0 ? values[0] : 0);
    struct block block;
    for (size_t i = 1; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        for (size_t k = 0; k < n; k++)
            block.deltas[k] = (int64_t)((uint64_t)values[i + k] - (uint64_t)values[i + k - 1]);
        measure_block(&block, n);
        append_block(out, &block, n, UINT64_MAX);
    }
}

void mr_delta_append_i32(struct mr_text *out, const int32_t *values, size_t count)
{
    append_header(out, count, count > 0 ? values[0] : 0);
    struct block block;
    for (size_t i = 1; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        for (size_t k = 0; k < n; k++)
            block.deltas[k] = (int32_t)((uint32_t)values[i + k] - (uint32_t)values[i + k - 1]);
        measure_block(&block, n);
        append_block(out, &block, n, UINT32_MAX);
    }
}

size_t mr_delta_estimate(const int64_t *values, size_t count)
{
    size_t bytes = 12;
    struct block block;
    for (size_t i = 1; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        for (size_t k = 0; k < n; k++)
            block.deltas[k] = (int64_t)((uint64_t)values[i + k] - (uint64_t)values[i + k - 1]);
        measure_block(&block, n);
        bytes += 2 + MINIBLOCKS;
        for (size_t m = 0; m < (n + MINIBLOCK - 1) / MINIBLOCK; m++)
            bytes += (size_t)block.widths[m] * MINIBLOCK / 8;
    }
    return bytes;
}

/* ---- decoding ---- */

static bool read_varint(struct mr_delta_reader *r, uint64_t *out)
{
    const char *at = (const char *)r->at;
    bool read = mr_varint_get(&at, (const char *)r->end, out);
    r->at = (const uint8_t *)at;
    return read;
}

bool mr_delta_reader_init(struct mr_delta_reader *r, const void *data, size_t size)
{
    *r = (struct mr_delta_reader){.at = data, .end = (const uint8_t *)data + size};
    uint64_t block = 0, miniblocks = 0, first = 0;
    if (!read_varint(r, &block) || !read_varint(r, &miniblocks) || !read_varint(r, &r->values_left) ||
        !read_varint(r, &first))
        return false;
    if (miniblocks == 0 || miniblocks > 65536 || block == 0 || block > 1u << 30 || block % miniblocks != 0)
        return false;
    r->miniblocks = (uint32_t)miniblocks;
    r->miniblock_size = block / miniblocks;
    r->miniblock = r->miniblocks; /* a block begins with the first delta */
    r->last = mr_unzigzag(first);
    r->first = true;
    return r->miniblock_size % 8 == 0; /* the format says 32; whole bytes are what we need */
}

static bool next_miniblock(struct mr_delta_reader *r)
{
    if (r->miniblock == r->miniblocks) {
        uint64_t minimum = 0;
        if (!read_varint(r, &minimum) || (size_t)(r->end - r->at) < r->miniblocks)
            return false;
        r->minimum = mr_unzigzag(minimum);
        r->widths = r->at;
        r->at += r->miniblocks;
        r->miniblock = 0;
    }
    r->width = r->widths[r->miniblock++];
    if (r->width > 64)
        return false;
    size_t left = (size_t)(r->end - r->at);
    uint64_t bytes = r->miniblock_size * (uint64_t)r->width / 8;
    if (bytes > left) {
        /* Some writers cut the last miniblock behind its last value. */
        uint64_t needed = (r->values_left * (uint64_t)r->width + 7) / 8;
        if (r->values_left >= r->miniblock_size || needed > left)
            return false;
        bytes = left;
    }
    r->packed = r->at;
    r->packed_end = r->at + bytes;
    r->packed_index = 0;
    r->miniblock_left = r->miniblock_size;
    r->at += bytes;
    return true;
}

/* Turns n packed differences into values. */
MR_INLINE void unpack(struct mr_delta_reader *r, int64_t *out, size_t n)
{
    uint64_t last = (uint64_t)r->last, minimum = (uint64_t)r->minimum;
    if (r->width == 0) {
        for (size_t i = 0; i < n; i++) {
            last += minimum;
            out[i] = (int64_t)last;
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            last += minimum + mr_unpack_bits(r->packed, r->packed_end, r->packed_index + i, r->width);
            out[i] = (int64_t)last;
        }
    }
    r->last = (int64_t)last;
}

bool mr_delta_read(struct mr_delta_reader *r, int64_t *out, size_t count)
{
    if (count > r->values_left)
        return false;
    size_t done = 0;
    if (r->first && count > 0) {
        out[done++] = r->last;
        r->first = false;
        r->values_left--;
    }
    while (done < count) {
        if (r->miniblock_left == 0 && !next_miniblock(r))
            return false;
        size_t n = count - done < r->miniblock_left ? count - done : (size_t)r->miniblock_left;
        unpack(r, out + done, n);
        r->packed_index += n;
        r->miniblock_left -= n;
        r->values_left -= n;
        done += n;
    }
    return true;
}

const uint8_t *mr_delta_end(const struct mr_delta_reader *r)
{
    struct mr_delta_reader copy = *r;
    if (copy.first && copy.values_left > 0)
        copy.values_left--;
    while (copy.values_left > 0) {
        if (copy.miniblock_left == 0 && !next_miniblock(&copy))
            return NULL;
        uint64_t n = copy.values_left < copy.miniblock_left ? copy.values_left : copy.miniblock_left;
        copy.values_left -= n;
        copy.miniblock_left -= n;
    }
    return copy.at;
}
