/* formats/parquet/compression.c */
#include "formats/parquet/compression.h"

#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

/* ---- compressing ---- */

void mr_compressor_init(struct mr_compressor *c, enum mr_parquet_compression codec, int level)
{
    *c = (struct mr_compressor){.codec = codec, .level = level};
}

void mr_compressor_release(struct mr_compressor *c)
{
    ZSTD_freeCCtx(c->context);
    c->context = NULL;
}

static int compress_failed(struct mr_error *error, const char *codec, const char *why)
{
    return mr_error_set(error, MR_E_INTERNAL, "TASK_WRITE_FAILED", "Compressing a page with %s failed: %s.",
                        codec, why);
}

static int compress_zstd(struct mr_compressor *c, const void *data, size_t size, struct mr_bytes *out,
                         struct mr_error *error)
{
    if (!c->context)
        c->context = ZSTD_createCCtx();
    if (!c->context || !mr_bytes_reserve(out, ZSTD_compressBound(size)))
        return mr_error_memory(error, size);
    size_t got = ZSTD_compressCCtx(c->context, out->data, out->capacity, data, size, c->level ? c->level : 1);
    if (ZSTD_isError(got))
        return compress_failed(error, "zstd", ZSTD_getErrorName(got));
    out->size = got;
    return MR_OK;
}

static int compress_gzip(struct mr_compressor *c, const void *data, size_t size, struct mr_bytes *out,
                         struct mr_error *error)
{
    z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)size};
    int level = c->level ? c->level : Z_DEFAULT_COMPRESSION;
    if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return mr_error_memory(error, size);
    int result = Z_MEM_ERROR;
    if (mr_bytes_reserve(out, deflateBound(&stream, size))) {
        stream.next_out = out->data;
        stream.avail_out = (uInt)out->capacity;
        result = deflate(&stream, Z_FINISH);
        out->size = stream.total_out;
    }
    deflateEnd(&stream);
    if (result == Z_MEM_ERROR)
        return mr_error_memory(error, size);
    return result == Z_STREAM_END ? MR_OK : compress_failed(error, "gzip", "the output did not fit");
}

static int compress_snappy(const void *data, size_t size, struct mr_bytes *out, struct mr_error *error)
{
    size_t bound = snappy_max_compressed_length(size);
    if (!mr_bytes_reserve(out, bound))
        return mr_error_memory(error, bound);
    if (snappy_compress(data, size, (char *)out->data, &bound) != SNAPPY_OK)
        return compress_failed(error, "snappy", "the library refused");
    out->size = bound;
    return MR_OK;
}

int mr_compress(struct mr_compressor *c, const void *data, size_t size, struct mr_bytes *out,
                struct mr_error *error)
{
    out->size = 0;
    switch (c->codec) {
    case MR_PARQUET_CODEC_ZSTD:
        return compress_zstd(c, data, size, out, error);
    case MR_PARQUET_CODEC_GZIP:
        return compress_gzip(c, data, size, out, error);
    case MR_PARQUET_CODEC_SNAPPY:
        return compress_snappy(data, size, out, error);
    default:
        if (!mr_bytes_reserve(out, size + 1))
            return mr_error_memory(error, size);
        memcpy(out->data, data, size);
        out->size = size;
        return MR_OK;
    }
}

/* ---- decompressing ---- */

const char *mr_codec_name(int32_t codec)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                        "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
    return codec >= 0 && codec < 8 ? names[codec] : "codec";
}

void mr_decompressor_release(struct mr_decompressor *d)
{
    ZSTD_freeDCtx(d->context);
    d->context = NULL;
}

bool mr_decompress_possible(int32_t codec, size_t compressed_size, size_t size)
{
    switch (codec) {
    case MR_PARQUET_CODEC_NONE:
        return size == compressed_size;
    case MR_PARQUET_CODEC_SNAPPY: /* a copy of 64 bytes takes 2 to 5 */
        return size / 32 <= compressed_size;
    case MR_PARQUET_CODEC_LZ4:
    case MR_PARQUET_CODEC_LZ4_RAW: /* each further byte of a match's length counts 255 */
        return size / 256 <= compressed_size;
    case MR_PARQUET_CODEC_GZIP: /* deflate's limit is 1032 */
        return size / 1100 <= compressed_size;
    case MR_PARQUET_CODEC_ZSTD: /* a block of 128 KiB takes 4 bytes or more */
        return size / 32768 <= compressed_size;
    default:
        return true;
    }
}

static int corrupt(struct mr_error *error, int32_t codec)
{
    return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                        "A page does not decompress with %s.", mr_codec_name(codec));
}

/* Pages may hold several gzip members behind each other. */
static int decompress_gzip(const void *data, size_t compressed_size, void *out, size_t size,
                           struct mr_error *error)
{
    z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)compressed_size};
    if (inflateInit2(&stream, 15 + 32) != Z_OK)
        return mr_error_memory(error, 65536);
    stream.next_out = out;
    stream.avail_out = (uInt)size;
    int result = Z_OK;
    while (result == Z_OK) {
        result = inflate(&stream, Z_FINISH);
        if (result == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0)
            result = inflateReset(&stream);
        else if (result == Z_OK)
            result = Z_BUF_ERROR; /* Z_FINISH ends the stream or does not fit */
    }
    bool complete = result == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    return complete ? MR_OK : corrupt(error, MR_PARQUET_CODEC_GZIP);
}

static uint32_t load_big_endian(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return __builtin_bswap32(word);
}

/* Hadoop's framing: (size, compressed size, block) as often as needed, sizes big-endian; false when it is not
 * that. */
static bool decompress_lz4_hadoop(const uint8_t *data, size_t compressed_size, char *out, size_t size)
{
    size_t done = 0;
    while (compressed_size >= 8) {
        uint32_t block_size = load_big_endian(data), block_compressed = load_big_endian(data + 4);
        data += 8;
        compressed_size -= 8;
        if (block_compressed > compressed_size || block_size > size - done)
            return false;
        int got = LZ4_decompress_safe((const char *)data, out + done, (int)block_compressed, (int)block_size);
        if (got < 0 || (uint32_t)got != block_size)
            return false;
        data += block_compressed;
        compressed_size -= block_compressed;
        done += block_size;
    }
    return compressed_size == 0 && done == size;
}

static bool decompress_lz4_raw(const void *data, size_t compressed_size, char *out, size_t size)
{
    int got = LZ4_decompress_safe(data, out, (int)compressed_size, (int)size);
    return got >= 0 && (size_t)got == size;
}

static int decompress_zstd(struct mr_decompressor *d, const void *data, size_t compressed_size, void *out,
                           size_t size, struct mr_error *error)
{
    if (!d->context)
        d->context = ZSTD_createDCtx();
    if (!d->context)
        return mr_error_memory(error, 65536);
    size_t got = ZSTD_decompressDCtx(d->context, out, size, data, compressed_size);
    return !ZSTD_isError(got) && got == size ? MR_OK : corrupt(error, MR_PARQUET_CODEC_ZSTD);
}

int mr_decompress(struct mr_decompressor *d, int32_t codec, const void *data, size_t compressed_size,
                  void *out, size_t size, struct mr_error *error)
{
    size_t snappy_size = size;
    switch (codec) {
    case MR_PARQUET_CODEC_NONE:
        if (size != compressed_size)
            return corrupt(error, codec);
        if (size > 0)
            memcpy(out, data, size);
        return MR_OK;
    case MR_PARQUET_CODEC_ZSTD:
        return decompress_zstd(d, data, compressed_size, out, size, error);
    case MR_PARQUET_CODEC_SNAPPY:
        if (snappy_uncompress(data, compressed_size, out, &snappy_size) != SNAPPY_OK || snappy_size != size)
            return corrupt(error, codec);
        return MR_OK;
    case MR_PARQUET_CODEC_GZIP:
        return decompress_gzip(data, compressed_size, out, size, error);
    case MR_PARQUET_CODEC_LZ4: /* old files hold bare blocks under this name */
        if (!decompress_lz4_hadoop(data, compressed_size, out, size) &&
            !decompress_lz4_raw(data, compressed_size, out, size))
            return corrupt(error, codec);
        return MR_OK;
    case MR_PARQUET_CODEC_LZ4_RAW:
        return decompress_lz4_raw(data, compressed_size, out, size) ? MR_OK : corrupt(error, codec);
    default:
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.NO_HINT",
            "Parquet compression %s (%d) is not supported; rewrite the file with zstd or snappy.",
            mr_codec_name(codec), codec);
    }
}
