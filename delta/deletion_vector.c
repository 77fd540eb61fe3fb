/* delta/deletion_vector.c: which rows of a file are deleted.
 *
 * The vector is a 64-bit Roaring bitmap: magic, then 32-bit bitmaps with the upper 32 bits of their row
 * numbers as keys. Where it is: 'i' inline: Z85 text of the bytes 'u' in the file deletion_vector_<uuid>.bin,
 * its name's UUID the last 20 characters of Z85, a directory prefix before them 'p' in a file given by its
 * absolute path In a file, at `offset`: size (4 bytes, big-endian), the bytes, CRC-32 (4 bytes, big-endian).
 */
#include <stdio.h>
#include <zlib.h>

#include "delta/delta.h"

#define MAGIC_NATIVE 1681511376 /* 32-bit bitmaps in a plain array */
#define MAGIC_PORTABLE 1681511377
#define COOKIE_PLAIN 12346 /* of the portable 32-bit form: no run containers */
#define COOKIE_RUNS 12347

struct bytes { /* little-endian */
    const uint8_t *at, *end;
    bool short_of;
};

static uint64_t take(struct bytes *in, int size)
{
    uint64_t value = 0;
    if (in->end - in->at < size) {
        in->short_of = true;
        in->at = in->end;
        return 0;
    }
    for (int i = 0; i < size; i++)
        value |= (uint64_t)in->at[i] << (8 * i);
    in->at += size;
    return value;
}

static int damaged(const char *name, struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "DELTA_DELETION_VECTOR_INVALID_ROW_INDEX",
                        "The deletion vector %s is damaged: it is no Roaring bitmap. Restore it from a copy.",
                        name);
}

/* Rows must come ascending. */
static int add_run(struct mr_delta_deleted *out, uint64_t start, uint64_t end, const char *name,
                   struct mr_error *error)
{
    if (out->count > 0 && start < out->ends[out->count - 1])
        return damaged(name, error);
    out->rows += end - start;
    if (out->count > 0 && start == out->ends[out->count - 1]) {
        out->ends[out->count - 1] = end;
        return MR_OK;
    }
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 64;
        uint64_t *starts = mr_reallocate(out->starts, capacity * sizeof(*starts));
        if (starts)
            out->starts = starts;
        uint64_t *ends = starts ? mr_reallocate(out->ends, capacity * sizeof(*ends)) : NULL;
        if (!ends)
            return mr_error_memory(error, capacity * sizeof(*ends));
        out->ends = ends;
        out->capacity = capacity;
    }
    out->starts[out->count] = start;
    out->ends[out->count++] = end;
    return MR_OK;
}

static int parse_container(struct bytes *in, uint64_t base, uint32_t cardinality, bool is_run,
                           struct mr_delta_deleted *out, const char *name, struct mr_error *error)
{
    if (is_run) {
        uint32_t runs = (uint32_t)take(in, 2);
        for (uint32_t i = 0; i < runs && !in->short_of; i++) {
            uint64_t start = base + take(in, 2);
            MR_TRY(add_run(out, start, start + take(in, 2) + 1, name, error));
        }
        return MR_OK;
    }
    if (cardinality <= 4096) {
        for (uint32_t i = 0; i < cardinality && !in->short_of; i++) {
            uint64_t row = base + take(in, 2);
            MR_TRY(add_run(out, row, row + 1, name, error));
        }
        return MR_OK;
    }
    for (uint32_t word = 0; word < 1024 && !in->short_of; word++) {
        uint64_t bits = take(in, 8);
        while (bits != 0) {
            uint64_t row = base + word * 64 + (uint64_t)__builtin_ctzll(bits);
            MR_TRY(add_run(out, row, row + 1, name, error));
            bits &= bits - 1;
        }
    }
    return MR_OK;
}

/* One 32-bit bitmap in the portable form. */
static int parse_bitmap(struct bytes *in, uint64_t high, struct mr_delta_deleted *out, const char *name,
                        struct mr_error *error)
{
    uint32_t cookie = (uint32_t)take(in, 4), containers = 0;
    const uint8_t *run_bits = NULL;
    if ((cookie & 0xffff) == COOKIE_RUNS) {
        containers = (cookie >> 16) + 1;
        run_bits = in->at;

        if (in->end - in->at < (int64_t)(containers + 7) / 8)
            return damaged(name, error);
        in->at += (containers + 7) / 8;
    } else if (cookie == COOKIE_PLAIN) {
        containers = (uint32_t)take(in, 4);
    } else {
        return damaged(name, error);
    }
    const uint8_t *header = in->at;
    if (containers > 65536 || in->end - in->at < (int64_t)containers * 4)
        return damaged(name, error);
    in->at += containers * 4;
    bool has_offsets = !run_bits || containers >= 4;
    if (has_offsets && in->end - in->at < (int64_t)containers * 4)
        return damaged(name, error);
    if (has_offsets)
        in->at += containers * 4;
    for (uint32_t i = 0; i < containers; i++) {
        uint64_t key = header[i * 4] | (uint64_t)header[i * 4 + 1] << 8;
        uint32_t cardinality = (header[i * 4 + 2] | (uint32_t)header[i * 4 + 3] << 8) + 1;
        bool is_run = run_bits && (run_bits[i / 8] >> (i % 8) & 1);
        MR_TRY(parse_container(in, high << 32 | key << 16, cardinality, is_run, out, name, error));
    }
    return MR_OK;
}

int mr_delta_deleted_parse(const uint8_t *data, size_t size, const char *name, struct mr_delta_deleted *out,
                           struct mr_error *error)
{
    struct bytes in = {data, data + size, false};
    memset(out, 0, sizeof(*out));
    uint32_t magic = (uint32_t)take(&in, 4);
    if (magic == MAGIC_PORTABLE) {
        uint64_t bitmaps = take(&in, 8);
        for (uint64_t i = 0; i < bitmaps && !in.short_of; i++) {
            uint64_t high = take(&in, 4);
            MR_TRY(parse_bitmap(&in, high, out, name, error));
        }
    } else if (magic == MAGIC_NATIVE) {
        uint64_t bitmaps = take(&in, 4);
        for (uint64_t i = 0; i < bitmaps && !in.short_of; i++) {
            uint64_t bytes = take(&in, 4);
            if ((uint64_t)(in.end - in.at) < bytes)
                return damaged(name, error);
            struct bytes one = {in.at, in.at + bytes, false};
            MR_TRY(parse_bitmap(&one, i, out, name, error));
            in.at += bytes;
        }
    } else {
        return damaged(name, error);
    }
    return in.short_of ? damaged(name, error) : MR_OK;
}

void mr_delta_deleted_release(struct mr_delta_deleted *deleted)
{
    mr_free(deleted->starts);
    mr_free(deleted->ends);
    memset(deleted, 0, sizeof(*deleted));
}

/* Z85: five characters for four bytes. The result has text.size / 5 * 4 bytes. */
static bool z85_decode(struct mr_str text, uint8_t *out)
{
    static const char alphabet[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    if (text.size % 5 != 0)
        return false;
    for (size_t i = 0; i < text.size; i += 5) {
        uint64_t value = 0;
        for (size_t j = 0; j < 5; j++) {
            const char *at = text.data[i + j] ? strchr(alphabet, text.data[i + j]) : NULL;
            if (!at)
                return false;
            value = value * 85 + (uint64_t)(at - alphabet);
        }
        if (value > UINT32_MAX)
            return false;
        for (int j = 0; j < 4; j++)
            *out++ = (uint8_t)(value >> (24 - 8 * j));
    }
    return true;
}

/* "ab" + 20 characters -> "ab/deletion_vector_<uuid>.bin". */
static int vector_path(struct mr_str content, struct mr_text *out, struct mr_error *error)
{
    uint8_t id[16];
    if (content.size < 20 || !z85_decode((struct mr_str){content.data + content.size - 20, 20}, id))
        return mr_error_set(error, MR_E_CORRUPT, "DELTA_TXN_LOG_FAILED_INTEGRITY",
                            "The log names a deletion vector '%.*s', which is no valid name.",
                            (int)content.size, content.data);
    if (content.size > 20) {
        mr_text_append(out, content.data, content.size - 20);
        mr_text_append_char(out, '/');
    }
    mr_text_append_str(out, "deletion_vector_");
    for (int i = 0; i < 16; i++)
        mr_text_format(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    mr_text_append_str(out, ".bin");
    return out->failed ? mr_error_memory(error, content.size) : MR_OK;
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int load_file(struct mr_delta_table *table, struct mr_str path, const struct mr_delta_vector *vector,
                     uint8_t *data, struct mr_error *error)
{
    struct mr_input *input = NULL;
    uint8_t frame[4];
    size_t size = (size_t)vector->size_bytes;
    int64_t offset = vector->offset >= 0 ? vector->offset : 1; /* after the format's version byte */
    MR_TRY(mr_delta_input(table, path, &input, error));
    int status = input->read_at(input, offset, frame, 4, error);
    if (status == MR_OK && big_endian(frame) != size)
        status = mr_error_set(error, MR_E_CORRUPT, "DELTA_DELETION_VECTOR_SIZE_MISMATCH",
                              "The deletion vector %s at offset %lld has %u bytes; the log says %zu.",
                              input->name, (long long)offset, big_endian(frame), size);
    if (status == MR_OK)
        status = input->read_at(input, offset + 4, data, size, error);
    if (status == MR_OK)
        status = input->read_at(input, offset + 4 + (int64_t)size, frame, 4, error);
    if (status == MR_OK && big_endian(frame) != (uint32_t)crc32(0, data, (uInt)size))
        status = mr_error_set(
            error, MR_E_CORRUPT, "DELTA_DELETION_VECTOR_CHECKSUM_MISMATCH",
            "The deletion vector %s at offset %lld does not match its checksum. Restore it from a copy.",
            input->name, (long long)offset);
    input->close(input);
    return status;
}

int mr_delta_deleted_load(struct mr_delta_table *table, const struct mr_delta_vector *vector,
                          struct mr_delta_deleted *out, struct mr_error *error)
{
    struct mr_text path;
    mr_text_init(&path);
    memset(out, 0, sizeof(*out));
    size_t room = (size_t)vector->size_bytes + vector->content.size;
    uint8_t *data = mr_allocate(room + 1);
    int status = MR_OK;
    if (!data)
        MR_ERR(mr_error_memory(error, room));
    if (vector->storage == 'i') {
        size_t decoded = vector->content.size / 5 * 4;
        if (!z85_decode(vector->content, data) || decoded < (size_t)vector->size_bytes)
            MR_ERR(damaged("in the log", error));
        mr_text_append_str(&path, "in the log");
    } else if (vector->storage == 'u') {
        struct mr_text plain; /* a file name, which a path of the log would have encoded */
        mr_text_init(&plain);
        status = vector_path(vector->content, &plain, error);
        mr_delta_path_encode(&path, mr_text_str(&plain));
        mr_text_release(&plain);
        MR_ERR(status);
        MR_ERR(load_file(table, mr_text_str(&path), vector, data, error));
    } else {
        mr_text_append(&path, vector->content.data, vector->content.size);
        MR_ERR(load_file(table, mr_text_str(&path), vector, data, error));
    }
    MR_ERR(mr_delta_deleted_parse(data, (size_t)vector->size_bytes, path.data, out, error));
    if (out->rows != (uint64_t)vector->cardinality)
        status = mr_error_set(error, MR_E_CORRUPT, "DELTA_DELETION_VECTOR_CARDINALITY_MISMATCH",
                              "The deletion vector %s deletes %llu rows; the log says %lld.", path.data,
                              (unsigned long long)out->rows, (long long)vector->cardinality);
err:
    if (status < 0)
        mr_delta_deleted_release(out);
    mr_text_release(&path);
    mr_free(data);
    return status;
}
