/* formats/parquet/rle.c: encoder and decoder of the hybrid of run lengths and bit-packed groups.
 *
 * A run: varint(count << 1), then the value in ceil(width / 8) bytes. Literals: varint(groups << 1 | 1), then
 * groups of eight values, width bytes each. The encoder keeps a literal stretch to 63 groups, so that its
 * header is one byte that can be reserved in front of it. */
#include "formats/parquet/rle.h"

#include "formats/parquet/bits.h"
#include "formats/parquet/thrift.h"

#define MAX_GROUPS 63

/* ---- encoding ---- */

MR_INLINE uint32_t value_at(const void *values, size_t value_size, size_t i)
{
    return value_size == 1 ? ((const uint8_t *)values)[i] : ((const uint32_t *)values)[i];
}

void mr_rle_append_run(struct mr_text *out, uint32_t value, uint64_t count, int width)
{
    mr_varint_append(out, count << 1);
    mr_text_append(out, &value, (size_t)(width + 7) / 8);
}

/* How many values from i on equal the one at i. */
MR_INLINE size_t run_length(const void *values, size_t value_size, size_t i, size_t count)
{
    uint32_t first = value_at(values, value_size, i);
    size_t n = i + 1;
    while (n < count && value_at(values, value_size, n) == first)
        n++;
    return n - i;
}

MR_INLINE void pack_group(uint8_t *out, const void *values, size_t value_size, size_t i, size_t n, int width)
{
    uint64_t word = 0;
    int bits = 0;
    for (size_t k = 0; k < 8; k++) {
        uint64_t value = k < n ? value_at(values, value_size, i + k) : 0;
        word |= value << bits;
        bits += width;
        if (bits >= 32) {
            memcpy(out, &word, 4);
            out += 4;
            word >>= 32;
            bits -= 32;
        }
    }
    memcpy(out, &word, (size_t)(bits + 7) / 8);
}

struct literals {
    uint8_t bytes[1 + MAX_GROUPS * 32]; /* header and groups */
    size_t groups;
};

static void flush_literals(struct mr_text *out, struct literals *literals, int width)
{
    if (literals->groups == 0)
        return;
    literals->bytes[0] = (uint8_t)(literals->groups << 1 | 1);
    mr_text_append(out, literals->bytes, 1 + literals->groups * (size_t)width);
    literals->groups = 0;
}

MR_INLINE void append_values(struct mr_text *out, const void *values, size_t value_size, size_t count,
                             int width)
{
    struct literals literals = {.groups = 0};
    size_t shortest_run = width <= 2 ? 64 : 8; /* a shorter one costs more than its literals */
    size_t i = 0;
    while (i < count && width > 0) {
        size_t n = 1;
        uint32_t first = value_at(values, value_size, i);
        if (i + 1 < count && value_at(values, value_size, i + 1) == first)
            n = run_length(values, value_size, i, count);
        if (n >= shortest_run || (n == count - i && n > 8)) {
            flush_literals(out, &literals, width);
            mr_rle_append_run(out, first, n, width);
            i += n;
            continue;
        }
        n = count - i < 8 ? count - i : 8;
        pack_group(literals.bytes + 1 + literals.groups * (size_t)width, values, value_size, i, n, width);
        literals.groups++;
        i += n;
        if (literals.groups == MAX_GROUPS)
            flush_literals(out, &literals, width);
    }
    flush_literals(out, &literals, width);
}

void mr_rle_append_u8(struct mr_text *out, const uint8_t *values, size_t count, int width)
{
    append_values(out, values, 1, count, width);
}

void mr_rle_append_u32(struct mr_text *out, const uint32_t *values, size_t count, int width)
{
    append_values(out, values, 4, count, width);
}

/* ---- decoding ---- */

void mr_rle_reader_init(struct mr_rle_reader *r, const void *data, size_t size, int width)
{
    *r = (struct mr_rle_reader){.at = data, .end = (const uint8_t *)data + size, .width = width};
}

void mr_rle_reader_init_bit_packed(struct mr_rle_reader *r, const void *data, size_t size, int width)
{
    mr_rle_reader_init(r, data, size, width);
    r->msb_first = true;
    r->literals = r->at;
    r->literals_end = r->end;
    r->literal_left = width == 0 ? UINT64_MAX : (uint64_t)size * 8 / (uint64_t)width;
    r->at = r->end;
}

static bool read_header(struct mr_rle_reader *r)
{
    uint64_t header = 0;
    int shift = 0;
    do {
        if (r->at >= r->end || shift > 63)
            return false;
        header |= (uint64_t)(*r->at & 0x7f) << shift;
        shift += 7;
    } while (*r->at++ >= 0x80);
    size_t left = (size_t)(r->end - r->at);
    if (header & 1) {
        uint64_t groups = header >> 1;
        /* The last group may be cut to the bytes it needs. */
        uint64_t bytes =
            r->width == 0 || groups <= left / (size_t)r->width ? groups * (uint64_t)r->width : left;
        r->literals = r->at;
        r->literals_end = r->at + bytes;
        r->literal_index = 0;
        r->literal_left = r->width == 0 ? groups : bytes * 8 / (uint64_t)r->width;
        if (r->width == 0)
            r->literal_left = groups > UINT64_MAX / 8 ? UINT64_MAX : groups * 8;
        r->at += bytes;
        return true; /* an empty stretch is odd, not wrong */
    }
    size_t value_bytes = (size_t)(r->width + 7) / 8;
    if (value_bytes > left)
        return false;
    r->run_value = 0;
    memcpy(&r->run_value, r->at, value_bytes);
    r->at += value_bytes;
    r->run_left = header >> 1;
    return r->width == 32 || r->run_value < 1ULL << r->width;
}

MR_INLINE uint32_t literal_msb_first(const struct mr_rle_reader *r, uint64_t index)
{
    uint32_t value = 0;
    for (uint64_t bit = index * (uint64_t)r->width; bit < (index + 1) * (uint64_t)r->width; bit++)
        value = value << 1 | (r->literals[bit >> 3] >> (7 - (bit & 7)) & 1);
    return value;
}

MR_INLINE void store(void *out, size_t value_size, size_t i, uint32_t value)
{
    if (value_size == 1)
        ((uint8_t *)out)[i] = (uint8_t)value;
    else
        ((uint32_t *)out)[i] = value;
}

MR_INLINE void read_literals(struct mr_rle_reader *r, void *out, size_t value_size, size_t done, size_t n)
{
    if (r->msb_first) {
        for (size_t i = 0; i < n; i++)
            store(out, value_size, done + i, literal_msb_first(r, r->literal_index + i));
        return;
    }
    int width = r->width;
    for (size_t i = 0; i < n; i++)
        store(out, value_size, done + i,
              (uint32_t)mr_unpack_bits(r->literals, r->literals_end, r->literal_index + i, width));
}

MR_INLINE bool read_values(struct mr_rle_reader *r, void *out, size_t value_size, size_t count)
{
    size_t done = 0;
    while (done < count) {
        if (r->run_left == 0 && r->literal_left == 0 && !read_header(r))
            return false;
        size_t wanted = count - done;
        if (r->run_left > 0) {
            size_t n = r->run_left < wanted ? (size_t)r->run_left : wanted;
            for (size_t i = 0; i < n; i++)
                store(out, value_size, done + i, r->run_value);
            r->run_left -= n;
            done += n;
        } else {
            size_t n = r->literal_left < wanted ? (size_t)r->literal_left : wanted;
            read_literals(r, out, value_size, done, n);
            r->literal_index += n;
            r->literal_left -= n;
            done += n;
        }
    }
    return true;
}

bool mr_rle_read_u8(struct mr_rle_reader *r, uint8_t *out, size_t count)
{
    return read_values(r, out, 1, count);
}

bool mr_rle_read_u32(struct mr_rle_reader *r, uint32_t *out, size_t count)
{
    return read_values(r, out, 4, count);
}

uint64_t mr_rle_peek_run(struct mr_rle_reader *r, uint32_t *value)
{
    while (r->run_left == 0 && r->literal_left == 0)
        if (!read_header(r))
            return 0;
    *value = r->run_value;
    return r->literal_left > 0 ? 0 : r->run_left;
}

bool mr_rle_skip(struct mr_rle_reader *r, size_t count)
{
    while (count > 0) {
        if (r->run_left == 0 && r->literal_left == 0 && !read_header(r))
            return false;
        uint64_t *left = r->run_left > 0 ? &r->run_left : &r->literal_left;
        size_t n = *left < count ? (size_t)*left : count;
        *left -= n;
        if (left == &r->literal_left)
            r->literal_index += n;
        count -= n;
    }
    return true;
}
