/* formats/stream.c: bytes of an input in order; other encodings to UTF-8. */
#include "formats/stream.h"

#include <errno.h>
#include <iconv.h>

struct plain {
    struct mr_stream stream;
    struct mr_input *input;
    int64_t position;
};

static int plain_read(struct mr_stream *stream, void *out, size_t size, size_t *got, struct mr_error *error)
{
    struct plain *plain = (struct plain *)stream;
    int64_t left = plain->input->size_bytes - plain->position;
    size_t take = left <= 0 ? 0 : (size_t)left < size ? (size_t)left : size;
    *got = 0;
    if (take > 0)
        MR_TRY(plain->input->read_at(plain->input, plain->position, out, take, error));
    plain->position += (int64_t)take;
    *got = take;
    return MR_OK;
}

static void plain_close(struct mr_stream *stream)
{
    mr_free(stream);
}

enum mr_compression mr_compression_of(const char *path)
{
    static const struct {
        const char *extension;
        enum mr_compression compression;
    } known[] = {{".gz", MR_GZIP},
                 {".gzip", MR_GZIP},
                 {".zst", MR_ZSTD},
                 {".zstd", MR_ZSTD},
                 {".deflate", MR_DEFLATE},
                 {".bz2", MR_COMPRESSION_UNKNOWN},
                 {".snappy", MR_COMPRESSION_UNKNOWN},
                 {".lz4", MR_COMPRESSION_UNKNOWN},
                 {".lzo", MR_COMPRESSION_UNKNOWN},
                 {".xz", MR_COMPRESSION_UNKNOWN}};
    struct mr_str name = mr_str_of(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mr_str extension = mr_str_of(known[i].extension);
        if (name.size > extension.size &&
            mr_str_equal_nocase((struct mr_str){name.data + name.size - extension.size, extension.size},
                                extension))
            return known[i].compression;
    }
    return MR_PLAIN;
}

bool mr_encoding_is_utf8(const char *encoding)
{
    return !encoding || mr_str_equal_nocase(mr_str_of(encoding), MR_STR("UTF-8")) ||
           mr_str_equal_nocase(mr_str_of(encoding), MR_STR("UTF8"));
}

int mr_stream_open(struct mr_stream **out, struct mr_input *input, enum mr_compression compression,
                   int64_t start, const char *encoding, struct mr_error *error)
{
    *out = NULL;
    if (compression == MR_COMPRESSION_UNKNOWN) {
        mr_error_set(
            error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.NO_HINT",
            "%s is compressed in a way that is not supported. Use gzip (.gz) or zstd (.zst), or unpack it.",
            input->name);
        return mr_error_at(error, input->name, 0, 0, -1);
    }
    struct plain *plain = mr_allocate_zeroed(sizeof *plain);
    if (!plain)
        return mr_error_memory(error, sizeof *plain);
    plain->stream = (struct mr_stream){input->name, plain_read, plain_close};
    plain->input = input;
    plain->position = start;
    *out = &plain->stream;
    if (compression != MR_PLAIN)
        MR_TRY(mr_stream_decompress(out, *out, compression, error));
    return mr_encoding_is_utf8(encoding) ? MR_OK : mr_stream_transcode(out, *out, encoding, error);
}

/* ---- encodings ---- */

#define TRANSCODE_BYTES 65536

struct transcode {
    struct mr_stream stream;
    struct mr_stream *inner;
    iconv_t converter;
    bool inner_end;
    size_t have; /* bytes in `in` not converted yet */
    char in[TRANSCODE_BYTES];
};

static int transcode_fill(struct transcode *t, struct mr_error *error)
{
    size_t got = 0;
    while (!t->inner_end && t->have < sizeof t->in - 16) {
        MR_TRY(t->inner->read(t->inner, t->in + t->have, sizeof t->in - t->have, &got, error));
        t->inner_end = got == 0;
        t->have += got;
    }
    /* Java takes UTF-16 without a mark for big-endian, iconv for the machine's order. */
    bool marked = t->have >= 2 && (memcmp(t->in, "\xFF\xFE", 2) == 0 || memcmp(t->in, "\xFE\xFF", 2) == 0);
    if (t->converter == (iconv_t)-1)
        t->converter = iconv_open("UTF-8", marked ? "UTF-16" : "UTF-16BE");
    if (t->converter == (iconv_t)-1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "INVALID_PARAMETER_VALUE.CHARSET",
                            "The C library's conversions (gconv) lack UTF-16.");
    return MR_OK;
}

/* One byte, or unit, that is none in this encoding becomes U+FFFD, as Java's decoders do. */
static void replace_bad(char **from, size_t *left, char **to, size_t *room)
{
    memcpy(*to, "\xEF\xBF\xBD", 3);
    *to += 3;
    *room -= 3;
    *from += 1;
    *left -= 1;
}

static int transcode_read(struct mr_stream *stream, void *out, size_t size, size_t *got,
                          struct mr_error *error)
{
    struct transcode *t = (struct transcode *)stream;
    char *to = out;
    size_t room = size;
    while (room >= 8) { /* less is too little for a character: the caller comes again */
        if (t->have < 8)
            MR_TRY(transcode_fill(t, error));
        if (t->have == 0)
            break;
        char *from = t->in;
        size_t left = t->have;
        int why = iconv(t->converter, &from, &left, &to, &room) == (size_t)-1 ? errno : 0;
        if (why == EILSEQ && room >= 3)
            replace_bad(&from, &left, &to, &room);
        if (why == EINVAL && t->inner_end && left > 0 && room >= 3) { /* cut in the middle of a character */
            replace_bad(&from, &left, &to, &room);
            left = 0;
        }
        memmove(t->in, from, left);
        t->have = left;
        if (why == EINVAL)
            MR_TRY(transcode_fill(t, error));
        if (why == E2BIG)
            break;
    }
    *got = size - room;
    return MR_OK;
}

static void transcode_close(struct mr_stream *stream)
{
    struct transcode *t = (struct transcode *)stream;
    if (t->converter != (iconv_t)-1)
        iconv_close(t->converter);
    t->inner->close(t->inner);
    mr_free(t);
}

int mr_stream_transcode(struct mr_stream **out, struct mr_stream *inner, const char *encoding,
                        struct mr_error *error)
{
    *out = NULL;
    struct transcode *t = mr_allocate_zeroed(sizeof *t);
    bool marked = mr_str_equal_nocase(mr_str_of(encoding), MR_STR("UTF-16"));
    iconv_t converter = t && !marked ? iconv_open("UTF-8", encoding) : (iconv_t)-1;
    if (!t || (!marked && converter == (iconv_t)-1)) {
        int status = !t ? mr_error_memory(error, sizeof *t)
                        : mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE.CHARSET",
                                       "The encoding '%s' is not known here.", encoding);
        inner->close(inner);
        mr_free(t);
        return status;
    }
    t->stream = (struct mr_stream){inner->name, transcode_read, transcode_close};
    t->inner = inner;
    t->converter = converter;
    *out = &t->stream;
    return MR_OK;
}
