/* formats/stream.h: a file's bytes in order (decompressed, as UTF-8), cut into chunks of whole lines.
 *
 * Chunks live in reference-counted buffers that go round: string columns point into them, and a buffer is
 * filled again when nobody does any more (reused memory is warm; fresh memory costs a page fault every 4
 * KiB). */
#ifndef MR_FORMATS_STREAM_H
#define MR_FORMATS_STREAM_H

#include "formats/format.h"

/* ---- bytes in order ---- */
struct mr_stream {
    const char *name;
    /* Some bytes; *got is 0 only at the end of the stream. size is at least 16. */
    int (*read)(struct mr_stream *stream, void *out, size_t size, size_t *got, struct mr_error *error);
    void (*close)(struct mr_stream *stream);
};
enum mr_compression { MR_PLAIN, MR_GZIP, MR_ZSTD, MR_DEFLATE, MR_COMPRESSION_UNKNOWN };
/* By the name's extension; UNKNOWN: compressed in a way that is not supported (.bz2, .snappy, .lz4, …). */
enum mr_compression mr_compression_of(const char *path);
/* The input's bytes from `start` on (0 for anything compressed). The input stays the caller's. encoding: NULL
 * or a name iconv knows; UTF-8 costs nothing. */
int mr_stream_open(struct mr_stream **out, struct mr_input *input, enum mr_compression compression,
                   int64_t start, const char *encoding, struct mr_error *error);
static inline void mr_stream_close(struct mr_stream *stream)
{
    if (stream)
        stream->close(stream);
}
/* A decompressor over inner, which it closes; also when opening fails. */
int mr_stream_decompress(struct mr_stream **out, struct mr_stream *inner, enum mr_compression compression,
                         struct mr_error *error);
bool mr_encoding_is_utf8(const char *encoding); /* NULL: it is */
/* Text in another encoding to UTF-8. */
int mr_stream_transcode(struct mr_stream **out, struct mr_stream *inner, const char *encoding,
                        struct mr_error *error);

/* ---- buffers that go round ---- */
#define MR_CHUNK_BYTES ((size_t)1 << 18) /* a batch's worth stays in the second-level cache */
struct mr_buffer_pool;
struct mr_buffer_pool *mr_buffer_pool_new(void);
void mr_buffer_pool_free(struct mr_buffer_pool *pool); /* buffers still in use live on */
/* A buffer of at least that capacity, size 0, with one reference for the caller. Thread-safe. NULL without
 * memory. */
struct mr_buffer *mr_buffer_pool_take(struct mr_buffer_pool *pool, size_t capacity);

/* ---- chunks of whole lines ---- */
struct mr_lines {
    struct mr_stream *stream; /* closed by mr_lines_close */
    struct mr_buffer_pool *pool;
    struct mr_str separator;  /* size 0: \n, \r\n or \r */
    struct mr_buffer *buffer; /* the chunk's; take a reference to keep it */
    const char *next,
        *end; /* what is left of the chunk: whole lines, the last one possibly without separator. The
                 consumer moves next. At least MR_BUFFER_PADDING readable bytes follow, the first of them 0 */
    int64_t chunk_offset; /* of buffer->data in the file */
    int64_t read_offset;  /* bytes taken from the stream */
    int64_t stop_offset;  /* lines that begin at or beyond it are not ours; INT64_MAX: none */
    size_t filled;        /* bytes in buffer, whole lines or not */
    size_t first;         /* where our first line begins in it */
    bool at_end, skip_first, skip_mark, finished;
};
struct mr_line_options {
    struct mr_str separator; /* size 0: \n, \r\n or \r */
    const char *encoding;    /* NULL: UTF-8 */
};
struct mr_record_lines { /* of JSON and CSV */
    struct mr_line_options lines;
    bool multi_line;
};
extern const struct mr_option_spec mr_line_option_table[], mr_record_line_table[]; /* of these structs */
/* The lines that begin in the range, whose input stays the caller's. A byte order mark at the file's
 * beginning is left out. */
int mr_lines_of_range(struct mr_lines *lines, const struct mr_format *format,
                      const struct mr_format_range *range, const struct mr_line_options *options,
                      struct mr_error *error);
/* Whether ranges find the same lines as one reading: not in another encoding, nor if a separator may overlap
 * with itself. */
bool mr_lines_splittable(const struct mr_line_options *options);
/* The next chunk (next < end), when the last is used up. MR_END at the end. */
int mr_lines_fill(struct mr_lines *lines, struct mr_error *error);
void mr_lines_close(struct mr_lines *lines); /* zeroed is fine */
static inline int64_t mr_lines_offset(const struct mr_lines *lines, const char *at)
{
    return lines->chunk_offset + (at - lines->buffer->data);
}
/* The end of the line that begins at text, without its separator; *next: the beginning of the following one.
 */
const char *mr_line_end(const char *text, const char *end, struct mr_str separator, const char **next);

/* For messages: the number of the line at this offset, found by reading the file again from its beginning; 0
 * when it cannot be told. */
int64_t mr_line_number(struct mr_input *input, enum mr_compression compression, int64_t offset);

#endif
