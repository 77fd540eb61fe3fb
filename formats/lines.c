/* formats/lines.c: a stream cut into chunks of whole lines; the buffers they live in. */
#include <pthread.h>

#include "formats/stream.h"

#define LINES(member) MR_OPTION_HOME(mr_line_options, member)
#define RECORDS(member) MR_OPTION_HOME(mr_record_lines, member)

const struct mr_option_spec mr_line_option_table[] = {
    {"lineSep", MR_OPTION_TEXT, NULL, "what ends a line; by default \\n, \\r\\n or \\r", LINES(separator)},
    {"encoding", MR_OPTION_TEXT, NULL, "the files' encoding; by default UTF-8", LINES(encoding)},
    {0},
};
const struct mr_option_spec mr_record_line_table[] = {
    {"charset", MR_OPTION_TEXT, NULL, "the same as encoding", RECORDS(lines.encoding)},
    {.include = mr_line_option_table, RECORDS(lines)},
    {"multiLine", MR_OPTION_BOOLEAN, "false",
     "JSON: a file is one record, or one array of them; CSV: quoted values may hold line ends",
     RECORDS(multi_line)},
    {"rescuedDataColumn", MR_OPTION_TEXT, NULL,
     .help = "a STRING column for what has no column or does not fit its type, as JSON"},
    {"samplingRatio", MR_OPTION_IGNORED, "1.0", .help = "inference reads whole files"},
    {"badRecordsPath", MR_OPTION_REFUSED, NULL, .help = "use columnNameOfCorruptRecord or rescuedDataColumn"},
    {"singleVariantColumn", MR_OPTION_REFUSED, NULL, .help = "there is no VARIANT type yet"},
    {0},
};

/* ---- pool ---- */

#define POOL_BUFFERS 64

struct mr_buffer_pool {
    pthread_mutex_t lock;
    struct mr_buffer *buffers[POOL_BUFFERS]; /* one reference each; references == 1: free */
    int count, next;
};

struct mr_buffer_pool *mr_buffer_pool_new(void)
{
    struct mr_buffer_pool *pool = mr_allocate_zeroed(sizeof *pool);
    if (pool)
        pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void mr_buffer_pool_free(struct mr_buffer_pool *pool)
{
    if (!pool)
        return;
    for (int i = 0; i < pool->count; i++)
        mr_buffer_unref(pool->buffers[i]);
    pthread_mutex_destroy(&pool->lock);
    mr_free(pool);
}

struct mr_buffer *mr_buffer_pool_take(struct mr_buffer_pool *pool, size_t capacity)
{
    if (capacity > MR_CHUNK_BYTES) /* rare and large: not kept */
        return mr_buffer_new(capacity);
    struct mr_buffer *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->count && !found;
         i++) /* the one used longest ago is at the end: take the warmest */
        if (atomic_load_explicit(&pool->buffers[i]->references, memory_order_acquire) == 1)
            found = mr_buffer_ref(pool->buffers[i]);
    if (!found) {
        found = mr_buffer_new(MR_CHUNK_BYTES);
        if (found && pool->count < POOL_BUFFERS)
            pool->buffers[pool->count++] = mr_buffer_ref(found);
    }
    pthread_mutex_unlock(&pool->lock);
    if (found)
        found->size = 0;
    return found;
}

/* ---- lines ---- */

const char *mr_line_end(const char *text, const char *end, struct mr_str separator, const char **next)
{
    const char *found;
    if (separator.size > 0) {
        found = memmem(text, (size_t)(end - text), separator.data, separator.size);
        *next = found ? found + separator.size : end;
        return found ? found : end;
    }
    found = memchr(text, '\n', (size_t)(end - text));
    const char *line_end = found ? found : end;
    *next = found ? found + 1 : end;
    const char *cr = memchr(text, '\r', (size_t)(line_end - text));
    if (cr) {
        *next = cr + 1 == found ? found + 1 : cr + 1;
        return cr;
    }
    return line_end;
}

int mr_lines_of_range(struct mr_lines *lines, const struct mr_format *format,
                      const struct mr_format_range *range, const struct mr_line_options *options,
                      struct mr_error *error)
{
    struct mr_str separator = options->separator;
    /* A line begins in the range if the separator before it ends there: it may lie just before the range. */
    int64_t before = separator.size > 0 ? (int64_t)separator.size : 1;
    int64_t start = range->start > before ? range->start - before : 0;
    struct mr_stream *stream;
    MR_TRY(mr_stream_open(&stream, range->input, mr_compression_of(range->input->name), start,
                          options->encoding, error));
    *lines = (struct mr_lines){.stream = stream,
                               .pool = format->pool,
                               .separator = separator,
                               .chunk_offset = start,
                               .read_offset = start,
                               .stop_offset = range->end < 0 ? INT64_MAX : range->end,
                               .skip_first = range->start > 0,
                               .skip_mark = start == 0};
    return MR_OK;
}

bool mr_lines_splittable(const struct mr_line_options *options)
{
    struct mr_str separator = options->separator;
    for (size_t shared = 1; shared < separator.size; shared++)
        if (memcmp(separator.data, separator.data + separator.size - shared, shared) == 0)
            return false;
    return mr_encoding_is_utf8(options->encoding);
}

void mr_lines_close(struct mr_lines *lines)
{
    mr_stream_close(lines->stream);
    mr_buffer_unref(lines->buffer);
    *lines = (struct mr_lines){0};
}

/* Behind the last separator in [begin, end), or NULL. A \r at the very end may be half of a \r\n, so it does
 * not count. */
static const char *last_line_end(const struct mr_lines *lines, const char *begin, const char *end)
{
    size_t size = (size_t)(end - begin);
    struct mr_str separator = lines->separator;
    if (separator.size == 0) {
        const char *found = memrchr(begin, '\n', size);
        if (!found && size > 1)
            found = memrchr(begin, '\r', size - 1);
        return found ? found + 1 : NULL;
    }
    for (const char *p = end - separator.size; p >= begin; p--) {
        p = memrchr(begin, separator.data[0], (size_t)(p - begin) + 1);
        if (!p)
            return NULL;
        if (memcmp(p, separator.data, separator.size) == 0)
            return p + separator.size;
    }
    return NULL;
}

/* Where the range ends in the buffer: the first line that begins at or beyond stop_offset. NULL: not in it
 * (yet). */
static const char *range_end(const struct mr_lines *lines, const char *begin, const char *end)
{
    int64_t stop = lines->stop_offset - lines->chunk_offset; /* within the buffer, if at all */
    const char *data = lines->buffer->data;
    if (stop > end - data)
        return NULL;
    if (stop <= begin - data)
        return begin;
    const char *from = data + stop - 1, *next; /* the separator of our last line may be the byte before */
    if (lines->separator.size > 1) {
        from = data + stop - lines->separator.size;
        from = from < begin ? begin : from;
    }
    const char *line_end = mr_line_end(from, end, lines->separator, &next);
    if (line_end == end && !lines->at_end)
        return NULL;
    if (next == end && line_end < end && *line_end == '\r' && lines->separator.size == 0 && !lines->at_end)
        return NULL; /* a \n may follow */
    if (lines->separator.size == 0 && next < end && next[-1] == '\r' && *next == '\n')
        next++; /* stop lies between the two */
    return next;
}

static int more(struct mr_lines *lines, struct mr_error *error)
{
    struct mr_buffer *buffer = lines->buffer;
    while (lines->filled + 16 <= buffer->capacity && !lines->at_end) {
        size_t got, room = buffer->capacity - lines->filled;
        int64_t left =
            lines->stop_offset - lines->read_offset; /* beyond the range only the rest of a line is wanted */
        size_t beyond = lines->filled > 65536 ? lines->filled : 65536;
        size_t wanted = left <= 0 ? beyond : left < INT32_MAX ? (size_t)left + 4096 : room;
        room = room < wanted ? room : wanted;
        MR_TRY(lines->stream->read(lines->stream, buffer->data + lines->filled, room, &got, error));
        lines->filled += got;
        lines->read_offset += (int64_t)got;
        lines->at_end = got == 0;
        if (lines->read_offset >= lines->stop_offset)
            break;
    }
    buffer->size = lines->filled;
    memset(buffer->data + lines->filled, 0, MR_BUFFER_PADDING);
    return MR_OK;
}

/* A new buffer that begins with what is left of the old one, from `from` on: the beginning of a line. */
static int move_rest(struct mr_lines *lines, const char *from, size_t capacity, struct mr_error *error)
{
    struct mr_buffer *old = lines->buffer;
    size_t rest = old ? lines->filled - (size_t)(from - old->data) : 0;
    struct mr_buffer *fresh = mr_buffer_pool_take(lines->pool, capacity > rest * 2 ? capacity : rest * 2);
    if (!fresh)
        return mr_error_memory(error, capacity);
    if (old) {
        memcpy(fresh->data, from, rest);
        lines->chunk_offset += from - old->data;
        mr_buffer_unref(old);
    }
    lines->buffer = fresh;
    lines->filled = rest;
    lines->first = 0;
    return MR_OK;
}

/* Leaves out what stands before the first line of ours. false: all of the buffer does, and more may. */
static bool find_first_line(struct mr_lines *lines)
{
    char *data = lines->buffer->data;
    const char *begin = data, *end = data + lines->filled, *next;
    if (lines->skip_mark) {
        lines->skip_mark = false;
        if (lines->filled >= 3 && memcmp(begin, "\xEF\xBB\xBF", 3) == 0) {
            lines->first =
                3; /* the first line begins behind it, and is ours even when the range ends within the mark */
            lines->stop_offset = lines->stop_offset < 4 ? 4 : lines->stop_offset;
        }
    }
    if (!lines->skip_first)
        return true;
    const char *line_end = mr_line_end(begin, end, lines->separator, &next);
    bool half = lines->separator.size == 0 && next == end && line_end < end && *line_end == '\r';
    if ((line_end == end || half) && !lines->at_end) { /* its last bytes may be the first of a separator */
        size_t keep = lines->separator.size > 1 ? lines->separator.size - 1 : 1;
        keep = keep < lines->filled ? keep : lines->filled;
        memmove(data, end - keep, keep);
        lines->chunk_offset += (int64_t)(lines->filled - keep);
        lines->filled = keep;
        return false;
    }
    lines->skip_first = false;
    lines->first = (size_t)(next - data);
    return true;
}

/* The chunk in hand's whole lines. MR_OK: there are some. MR_BLOCKED: not one yet. MR_END: the range ends
 * here. */
static int cut_chunk(struct mr_lines *lines)
{
    const char *begin = lines->buffer->data + lines->first, *end = lines->buffer->data + lines->filled;
    const char *cut = range_end(lines, begin, end);
    bool last = cut != NULL || lines->at_end;
    if (!cut)
        cut = lines->at_end ? end : last_line_end(lines, begin, end);
    if (!cut)
        return MR_BLOCKED;
    lines->next = begin;
    lines->end = cut;
    return cut > begin ? MR_OK : last ? MR_END : MR_BLOCKED;
}

int mr_lines_fill(struct mr_lines *lines, struct mr_error *error)
{
    if (lines->next < lines->end)
        return MR_OK;
    if (lines->finished)
        return MR_END;
    if (lines->buffer && lines->stop_offset <= mr_lines_offset(lines, lines->end))
        lines->finished = true;
    if (lines->buffer && lines->at_end && lines->end == lines->buffer->data + lines->filled)
        lines->finished = true;
    if (lines->finished)
        return MR_END;
    MR_TRY(move_rest(lines, lines->end, MR_CHUNK_BYTES, error));
    for (;;) {
        MR_TRY(more(lines, error));
        if (!find_first_line(lines))
            continue;
        int status = cut_chunk(lines);
        if (status == MR_END)
            lines->finished = true;
        if (status != MR_BLOCKED)
            return status;
        if (lines->filled > ((size_t)1 << 31) - 64) {
            mr_error_set(error, MR_E_DATA, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                         "%s has a line of more than 2 GiB.", lines->stream->name);
            return mr_error_at(error, lines->stream->name, 0, 0, lines->chunk_offset);
        }
        if (lines->filled + 16 > lines->buffer->capacity) /* not one line fits */
            MR_TRY(move_rest(lines, lines->buffer->data + lines->first, lines->buffer->capacity * 2, error));
    }
}

int64_t mr_line_number(struct mr_input *input, enum mr_compression compression, int64_t offset)
{
    struct mr_stream *stream = NULL;
    struct mr_error error;
    char block[8192];
    int64_t at = 0, number = 1;
    bool good = mr_stream_open(&stream, input, compression, 0, NULL, &error) >= 0;
    while (good && at < offset) {
        size_t got = 0, want = offset - at < (int64_t)sizeof block ? (size_t)(offset - at) : sizeof block;
        good = stream->read(stream, block, want < 16 ? 16 : want, &got, &error) >= 0 && got > 0;
        for (size_t i = 0; i < got && at + (int64_t)i < offset; i++)
            number += block[i] == '\n';
        at += (int64_t)got;
    }
    mr_stream_close(stream);
    return good ? number : 0;
}
