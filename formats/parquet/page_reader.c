/* formats/parquet/page_reader.c
 *
 * Everything read is checked against what is there: the chunk against the file, a page against the chunk,
 * levels and values against the page. Sizes from a header are believed only after that. */
#include "formats/parquet/page_reader.h"

#include "formats/parquet/bits.h"
#include "formats/parquet/checksum.h"

#define READ_AHEAD (256 << 10)
#define HEADER_BYTES 128          /* first try for a page header */
#define LONGEST_HEADER (16 << 20) /* statistics in it may be long */

int mr_page_reader_corrupt(const struct mr_page_reader *r, const char *what, struct mr_error *error)
{
    mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                 "%s is damaged: column %s, in the page at byte %lld: %s. Restore the file or remove it.",
                 r->input->name, r->leaf->path, (long long)r->page_at, what);
    return mr_error_at(error, r->input->name, 0, 0, r->page_at);
}

/* Says where, of an error that an inner layer has set. */
static int located(const struct mr_page_reader *r, struct mr_error *error)
{
    char what[sizeof(error->message)];
    memcpy(what, error->message, sizeof(what));
    int code = error->code;
    if (code != MR_E_CORRUPT && code != MR_E_UNSUPPORTED)
        return mr_error_at(error, r->input->name, 0, 0, r->page_at);
    char condition[sizeof(error->condition)];
    memcpy(condition, error->condition, sizeof(condition));
    mr_error_set(error, code, condition, "%s: column %s, in the page at byte %lld: %.600s", r->input->name,
                 r->leaf->path, (long long)r->page_at, what);
    return mr_error_at(error, r->input->name, 0, 0, r->page_at);
}

int mr_page_reader_start(struct mr_page_reader *r, const struct mr_parquet_chunk *chunk, int64_t file_end,
                         struct mr_error *error)
{
    int64_t start = chunk->data_page_offset;
    if (chunk->dictionary_page_offset > 0 && chunk->dictionary_page_offset < start)
        start = chunk->dictionary_page_offset;
    r->chunk = chunk;
    r->page_at = start;
    r->page_levels_left = 0;
    r->has_dictionary = false;
    r->window.size = 0;
    bool sound = start >= 4 && start <= file_end && chunk->compressed_bytes >= 0 &&
                 chunk->compressed_bytes <= file_end - start && chunk->value_count >= 0;
    if (!sound)
        return mr_page_reader_corrupt(r, "its place in the file is impossible", error);
    if (chunk->physical != r->leaf->element->physical)
        return mr_page_reader_corrupt(r, "its physical type is not the schema's", error);
    r->at = start;
    r->end = start + chunk->compressed_bytes;
    r->levels_left = chunk->value_count;
    return MR_OK;
}

void mr_page_reader_release(struct mr_page_reader *r)
{
    mr_bytes_release(&r->window);
    mr_buffer_unref(r->page);
    mr_buffer_unref(r->dictionary_page);
    mr_bytes_release(&r->dictionary.values);
    mr_values_release(&r->values);
    r->page = r->dictionary_page = NULL;
}

/* Makes the window hold [at, at + size), reading ahead within the chunk; bytes that are there already are
 * kept. */
static int fill_window(struct mr_page_reader *r, int64_t at, size_t size, const uint8_t **out,
                       struct mr_error *error)
{
    struct mr_bytes *w = &r->window;
    if (at < r->window_at || at > r->window_at + (int64_t)w->size)
        w->size = 0;
    if (w->size == 0)
        r->window_at = at;
    size_t skip = (size_t)(at - r->window_at);
    if (w->size - skip < size) {
        w->size -= skip;
        memmove(w->data ? w->data : (uint8_t *)"", w->data ? w->data + skip : (uint8_t *)"", w->size);
        r->window_at = at;
        skip = 0;
        int64_t rest = r->end - at;
        size_t wanted = size < READ_AHEAD ? READ_AHEAD : size;
        wanted = rest < (int64_t)wanted ? (size_t)rest : wanted;
        size_t more = wanted - w->size;
        if (!mr_bytes_reserve(w, more))
            return mr_error_memory(error, more);
        MR_TRY(r->input->read_at(r->input, at + (int64_t)w->size, w->data + w->size, more, error));
        w->size += more;
    }
    *out = w->data + skip;
    return MR_OK;
}

static int read_header(struct mr_page_reader *r, struct mr_parquet_page_header *header,
                       struct mr_error *error)
{
    r->page_at = r->at;
    for (size_t size = HEADER_BYTES;; size *= 4) {
        int64_t rest = r->end - r->at;
        size_t have = rest < (int64_t)size ? (size_t)rest : size;
        const uint8_t *bytes;
        size_t used = 0;
        MR_TRY(fill_window(r, r->at, have, &bytes, error));
        int status = mr_parquet_page_header_parse(bytes, have, header, &used, error);
        if (status < 0)
            return located(r, error);
        if (status == MR_OK) {
            r->at += (int64_t)used;
            break;
        }
        if (have < size || size > LONGEST_HEADER)
            return mr_page_reader_corrupt(r, "the page header does not end", error);
    }
    if (header->compressed_bytes > r->end - r->at)
        return mr_page_reader_corrupt(r, "the page is longer than its column chunk", error);
    return MR_OK;
}

/* A buffer of that size, the old one when nobody else has it. */
static struct mr_buffer *page_buffer(struct mr_buffer *old, size_t size)
{
    bool ours =
        old && atomic_load(&old->references) == 1 && old->capacity >= size && old->capacity / 4 <= size;
    if (!ours) {
        mr_buffer_unref(old);
        old = mr_buffer_new(size > 0 ? size : 1);
    }
    if (old)
        old->size = size;
    return old;
}

/* Reads and decompresses a body into *out. The first plain_bytes of it (levels of V2) are never compressed.
 */
static int read_body(struct mr_page_reader *r, const struct mr_parquet_page_header *header,
                     size_t plain_bytes, struct mr_buffer **out, struct mr_error *error)
{
    const uint8_t *stored;
    size_t stored_size = (size_t)header->compressed_bytes, size = (size_t)header->uncompressed_bytes;
    int32_t codec = header->is_compressed ? r->chunk->codec : MR_PARQUET_CODEC_NONE;
    if (plain_bytes > stored_size || plain_bytes > size)
        return mr_page_reader_corrupt(r, "the levels are longer than the page", error);
    size_t packed = stored_size - plain_bytes, unpacked = size - plain_bytes;
    bool nothing =
        packed == 0 && unpacked == 0; /* V2: a page of NULLs only may leave out even the codec's frame */
    if (!nothing && !mr_decompress_possible(codec, packed, unpacked))
        return mr_page_reader_corrupt(r, "its size cannot be what the header says", error);
    MR_TRY(fill_window(r, r->at, stored_size, &stored, error));
    if (header->has_crc && mr_crc32(stored, stored_size) != header->crc)
        return mr_page_reader_corrupt(r, "its checksum is wrong", error);
    *out = page_buffer(*out, size);
    if (!*out)
        return mr_error_memory(error, size);
    memcpy((*out)->data, stored, plain_bytes);
    if (!nothing) {
        int status = mr_decompress(r->decompressor, codec, stored + plain_bytes, packed,
                                   (*out)->data + plain_bytes, unpacked, error);
        if (status < 0)
            return located(r, error);
    }
    r->at += header->compressed_bytes;
    return MR_OK;
}

static int read_dictionary_page(struct mr_page_reader *r, const struct mr_parquet_page_header *header,
                                struct mr_error *error)
{
    if (r->has_dictionary)
        return mr_page_reader_corrupt(r, "it is a second dictionary", error);
    if (header->encoding != MR_PARQUET_PLAIN && header->encoding != MR_PARQUET_PLAIN_DICTIONARY)
        return mr_page_reader_corrupt(r, "the dictionary is not in PLAIN encoding", error);
    MR_TRY(read_body(r, header, 0, &r->dictionary_page, error));
    int status = mr_dictionary_decode(&r->dictionary, r->leaf->element->physical,
                                      r->leaf->element->type_length, r->dictionary_page->data,
                                      r->dictionary_page->size, (uint32_t)header->value_count, error);
    r->has_dictionary = status == MR_OK;
    return status < 0 ? located(r, error) : MR_OK;
}

/* Levels of V1 stand in front of the values: in RLE with their size in 4 bytes, in the old BIT_PACKED
 * without. */
static int open_levels(struct mr_page_reader *r, struct mr_rle_reader *levels, int largest, int32_t encoding,
                       int32_t count, const uint8_t **at, const uint8_t *end, struct mr_error *error)
{
    int width = mr_bit_width((uint64_t)largest);
    size_t left = (size_t)(end - *at), size = 0;
    if (largest == 0)
        return MR_OK;
    if (encoding == MR_PARQUET_RLE) {
        uint32_t size32 = 0;
        if (left >= 4)
            memcpy(&size32, *at, 4);
        size = size32;
        if (left < 4 || size > left - 4)
            return mr_page_reader_corrupt(r, "the levels are longer than the page", error);
        *at += 4;
        mr_rle_reader_init(levels, *at, size, width);
    } else if (encoding == MR_PARQUET_BIT_PACKED) {
        size = ((size_t)count * (size_t)width + 7) / 8;
        if (size > left)
            return mr_page_reader_corrupt(r, "the levels are longer than the page", error);
        mr_rle_reader_init_bit_packed(levels, *at, size, width);
    } else {
        return mr_page_reader_corrupt(r, "the encoding of its levels is unknown", error);
    }
    *at += size;
    return MR_OK;
}

static int open_data_page(struct mr_page_reader *r, const struct mr_parquet_page_header *header,
                          struct mr_error *error)
{
    bool v2 = header->type == MR_PARQUET_DATA_PAGE_V2;
    size_t repetition_bytes = v2 ? (size_t)header->repetition_bytes : 0;
    size_t definition_bytes = v2 ? (size_t)header->definition_bytes : 0;
    const struct mr_parquet_leaf *leaf = r->leaf;
    if (header->value_count > r->levels_left)
        return mr_page_reader_corrupt(r, "it holds more values than its column chunk", error);
    MR_TRY(read_body(r, header, repetition_bytes + definition_bytes, &r->page, error));
    const uint8_t *at = (const uint8_t *)r->page->data, *end = at + r->page->size;
    if (v2) {
        mr_rle_reader_init(&r->repetitions, at, repetition_bytes, mr_bit_width((uint64_t)leaf->repetition));
        at += repetition_bytes;
        mr_rle_reader_init(&r->definitions, at, definition_bytes, mr_bit_width((uint64_t)leaf->definition));
        at += definition_bytes;
    } else {
        MR_TRY(open_levels(r, &r->repetitions, leaf->repetition, header->repetition_encoding,
                           header->value_count, &at, end, error));
        MR_TRY(open_levels(r, &r->definitions, leaf->definition, header->definition_encoding,
                           header->value_count, &at, end, error));
    }
    int status =
        mr_values_open(&r->values, leaf->element->physical, leaf->element->type_length, header->encoding, at,
                       (size_t)(end - at), r->has_dictionary ? &r->dictionary : NULL, error);
    if (status < 0)
        return located(r, error);
    r->page_levels_left = header->value_count;
    return MR_OK;
}

int mr_page_reader_next(struct mr_page_reader *r, struct mr_error *error)
{
    while (r->page_levels_left == 0) {
        struct mr_parquet_page_header header;
        if (r->at >= r->end) {
            r->page_at = r->at;
            return mr_page_reader_corrupt(r, "the column chunk ends before all of its values", error);
        }
        MR_TRY(read_header(r, &header, error));
        if (header.type == MR_PARQUET_DICTIONARY_PAGE)
            MR_TRY(read_dictionary_page(r, &header, error));
        else if (header.type == MR_PARQUET_INDEX_PAGE)
            r->at += header.compressed_bytes;
        else
            MR_TRY(open_data_page(r, &header, error));
    }
    return MR_OK;
}
