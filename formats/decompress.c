/* formats/decompress.c: gzip, zlib and zstd as streams. Several members or frames behind one another count as
 * one; a stream that ends before its last member does is an error, never a short file. */
#include "formats/stream.h"

#include <zlib.h>
#include <zstd.h>

#define COMPRESSED_BYTES 65536

struct decompress {
    struct mr_stream stream;
    struct mr_stream *inner;
    enum mr_compression compression;
    z_stream zlib;
    ZSTD_DStream *zstd;
    size_t at, have;      /* compressed bytes in `in` not used yet: [at, have) */
    int64_t taken;        /* compressed bytes read, for messages */
    bool inner_end, open; /* open: in the middle of a member or frame */
    unsigned char in[COMPRESSED_BYTES];
};

static int damaged(struct decompress *d, const char *why, struct mr_error *error)
{
    int64_t offset = d->taken - (int64_t)(d->have - d->at);
    mr_error_set(error, MR_E_DATA, "FAILED_READ_FILE.NO_HINT",
                 "%s: the %s stream %s at byte %lld of the compressed file. Write the file again.",
                 d->stream.name, d->compression == MR_ZSTD ? "zstd" : "gzip", why, (long long)offset);
    return mr_error_at(error, d->stream.name, 0, 0, offset);
}

static int refill(struct decompress *d, struct mr_error *error)
{
    if (d->at < d->have || d->inner_end)
        return MR_OK;
    d->at = 0;
    d->have = 0;
    MR_TRY(d->inner->read(d->inner, d->in, sizeof d->in, &d->have, error));
    d->taken += (int64_t)d->have;
    d->inner_end = d->have == 0;
    return MR_OK;
}

static int zlib_step(struct decompress *d, char *out, size_t size, size_t *made, struct mr_error *error)
{
    if (!d->open && inflateReset(&d->zlib) != Z_OK)
        return damaged(d, "cannot be started", error);
    d->open = true;
    size_t room = size < (1u << 30) ? size : 1u << 30;
    d->zlib.next_in = d->in + d->at;
    d->zlib.avail_in = (unsigned)(d->have - d->at);
    d->zlib.next_out = (unsigned char *)out;
    d->zlib.avail_out = (unsigned)room;
    int result = inflate(&d->zlib, Z_NO_FLUSH);
    d->at = d->have - d->zlib.avail_in;
    *made = room - d->zlib.avail_out;
    if (result == Z_STREAM_END)
        d->open = false;
    else if (result == Z_MEM_ERROR)
        return mr_error_memory(error, 0);
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return damaged(d, "is damaged", error);
    return MR_OK;
}

static int zstd_step(struct decompress *d, char *out, size_t size, size_t *made, struct mr_error *error)
{
    ZSTD_inBuffer in = {d->in, d->have, d->at};
    ZSTD_outBuffer to = {out, size, 0};
    size_t result = ZSTD_decompressStream(d->zstd, &to, &in);
    d->at = in.pos;
    *made = to.pos;
    if (ZSTD_isError(result))
        return damaged(d, "is damaged", error);
    d->open = result != 0;
    return MR_OK;
}

static int decompress_read(struct mr_stream *stream, void *out, size_t size, size_t *got,
                           struct mr_error *error)
{
    struct decompress *d = (struct decompress *)stream;
    size_t made = 0;
    *got = 0;
    while (made == 0) {
        MR_TRY(refill(d, error));
        if (d->at == d->have && d->inner_end && !d->open)
            return MR_OK;
        size_t before = d->at;
        int (*step)(struct decompress *, char *, size_t, size_t *, struct mr_error *) =
            d->compression == MR_ZSTD ? zstd_step : zlib_step;
        MR_TRY(step(d, out, size, &made, error));
        if (made == 0 && d->at == before && d->inner_end && d->open)
            return damaged(d, "ends too early", error);
    }
    *got = made;
    return MR_OK;
}

static void decompress_close(struct mr_stream *stream)
{
    struct decompress *d = (struct decompress *)stream;
    if (d->compression == MR_ZSTD)
        ZSTD_freeDStream(d->zstd);
    else
        inflateEnd(&d->zlib);
    d->inner->close(d->inner);
    mr_free(d);
}

int mr_stream_decompress(struct mr_stream **out, struct mr_stream *inner, enum mr_compression compression,
                         struct mr_error *error)
{
    struct decompress *d = mr_allocate_zeroed(sizeof *d);
    bool good = d != NULL;
    *out = NULL;
    if (d) {
        d->stream = (struct mr_stream){inner->name, decompress_read, decompress_close};
        d->inner = inner;
        d->compression = compression;
        if (compression == MR_ZSTD) {
            d->zstd = ZSTD_createDStream();
            good = d->zstd != NULL;
        } else {
            good = inflateInit2(&d->zlib, compression == MR_GZIP ? 15 + 16 : 15) == Z_OK;
        }
    }
    if (!good) {
        mr_free(d);
        inner->close(inner);
        return mr_error_memory(error, sizeof *d);
    }
    *out = &d->stream;
    return MR_OK;
}
