/* formats/parquet/page_writer.c: from the page in progress to a finished one: encode, compress, keep.
 *
 * Body of a data page (V1): repetition levels and definition levels, each with its size in 4 bytes and only
 * where the column has any; then the values. */
#include "formats/parquet/bits.h"
#include "formats/parquet/checksum.h"
#include "formats/parquet/column_writer.h"
#include "formats/parquet/delta_packed.h"
#include "formats/parquet/rle.h"

#define LARGEST_HEADROOM (256 << 10)

static void append_levels(struct mr_text *head, const uint8_t *levels, int64_t count, int largest)
{
    size_t at = head->size;
    uint32_t size = 0;
    mr_text_append(head, &size, 4);
    if (levels)
        mr_rle_append_u8(head, levels, (size_t)count, mr_bit_width((uint64_t)largest));
    else
        mr_rle_append_run(head, (uint32_t)largest, (uint64_t)count, mr_bit_width((uint64_t)largest));
    size = (uint32_t)(head->size - at - 4);
    if (!head->failed)
        memcpy(head->data + at, &size, 4);
}

static void append_booleans(struct mr_text *head, const uint8_t *values, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        unsigned byte = 0;
        for (size_t k = 0; k < 8 && i + k < count; k++)
            byte |= (unsigned)(values[i + k] != 0) << k;
        mr_text_append_char(head, (char)byte);
    }
}

/* Appends the encoded values to head, or leaves those that need no encoding to *tail. Returns the encoding.
 */
static enum mr_parquet_encoding encode_values(struct mr_parquet_column_writer *c, struct mr_text *head,
                                              struct mr_str *tail)
{
    const uint8_t *values = c->values.data + c->headroom;
    size_t bytes = c->values.size - c->headroom;
    *tail = (struct mr_str){(const char *)values, 0};
    if (c->dictionary_on) {
        int width = mr_bit_width(c->dictionary.count > 0 ? c->dictionary.count - 1 : 0);
        if (width == 0)
            width = 1; /* some readers do not take 0 */
        mr_text_append_char(head, (char)width);
        mr_rle_append_u32(head, (const uint32_t *)c->numbers.data, c->numbers.size / 4, width);
        return MR_PARQUET_RLE_DICTIONARY;
    }
    if (c->physical == MR_PARQUET_BYTE_ARRAY && c->lengths.size > 0) {
        mr_delta_append_i32(head, (const int32_t *)c->lengths.data, c->lengths.size / 4);
        tail->size = bytes;
        return MR_PARQUET_DELTA_LENGTH_BYTE_ARRAY;
    }
    if (mr_parquet_is_integer(c) && bytes > 0) {
        if (c->width == 4)
            mr_delta_append_i32(head, (const int32_t *)values, bytes / 4);
        else
            mr_delta_append_i64(head, (const int64_t *)values, bytes / 8);
        return MR_PARQUET_DELTA_BINARY_PACKED;
    }
    if (c->physical == MR_PARQUET_BOOLEAN)
        append_booleans(head, values, bytes);
    else
        tail->size = bytes;
    return MR_PARQUET_PLAIN;
}

/* head and tail behind each other: in front of the values, where head fits, else in a buffer. */
static int join(struct mr_parquet_column_writer *c, const struct mr_text *head, struct mr_str tail,
                struct mr_str *body, struct mr_error *error)
{
    size_t size = head->size + tail.size;
    if (size > INT32_MAX)
        return mr_error_set(error, MR_E_UNSUPPORTED, "TASK_WRITE_FAILED",
                            "The column %s: values too large for a Parquet page (%zu bytes together).",
                            c->name, size);
    *body = (struct mr_str){head->data, size};
    if (tail.size == 0)
        return MR_OK;
    if (head->size <= c->headroom) {
        body->data = tail.data - head->size;
        memcpy(c->values.data + c->headroom - head->size, head->data, head->size);
        return MR_OK;
    }
    struct mr_bytes *memory = &c->scratch->body;
    memory->size = 0;
    if (!mr_bytes_reserve(memory, size))
        return mr_error_memory(error, size);
    memcpy(memory->data, head->data, head->size);
    memcpy(memory->data + head->size, tail.data, tail.size);
    body->data = (const char *)memory->data;
    return MR_OK;
}

/* Compresses a body into the scratch, or leaves it as it is when the chunk goes without a codec. The first
 * page of values decides for the chunk: what does not shrink by a twentieth is not worth decompressing. */
static int compress_body(struct mr_parquet_column_writer *c, struct mr_str *body, struct mr_error *error)
{
    struct mr_compressor *compressor = &c->scratch->compressor;
    bool first = !c->first;
    if (first)
        c->codec = compressor->codec;
    if (c->codec == MR_PARQUET_CODEC_NONE)
        return MR_OK;
    struct mr_bytes *out = &c->scratch->compressed;
    MR_TRY(mr_compress(compressor, body->data, body->size, out, error));
    if (first && !c->dictionary_on && out->size + out->size / 20 >= body->size) {
        c->codec = MR_PARQUET_CODEC_NONE;
        return MR_OK;
    }
    *body = (struct mr_str){(const char *)out->data, out->size};
    return MR_OK;
}

/* Adds a page with that header and body to the chunk: behind the others, a dictionary page in front. */
static int keep_page(struct mr_parquet_column_writer *c, struct mr_parquet_page_header *header,
                     struct mr_str body, struct mr_error *error)
{
    MR_TRY(compress_body(c, &body, error));
    header->compressed_bytes = (int32_t)body.size;
    header->has_crc = true;
    header->crc = mr_crc32(body.data, body.size);
    struct mr_text *text = &c->scratch->header;
    mr_text_clear(text);
    mr_parquet_page_header_write(text, header);
    size_t size = text->size + body.size;
    struct mr_parquet_page *page = text->failed ? NULL : mr_allocate(sizeof(*page) + size);
    if (!page)
        return mr_error_memory(error, sizeof(*page) + size);
    memcpy(page->bytes, text->data, text->size);
    memcpy(page->bytes + text->size, body.data, body.size);
    page->size = size;
    page->next = NULL;
    if (header->type == MR_PARQUET_DICTIONARY_PAGE) {
        page->next = c->first;
        c->first = page;
    } else if (c->last) {
        c->last->next = page;
        c->last = page;
    } else {
        c->first = c->last = page;
    }
    c->pages_bytes += (int64_t)size;
    c->uncompressed_bytes += (int64_t)text->size + header->uncompressed_bytes;
    return MR_OK;
}

/* The next page's head is likely to be as long as this one's. */
static int adapt_headroom(struct mr_parquet_column_writer *c, size_t head_size, struct mr_error *error)
{
    c->values.size = 0;
    if (head_size > c->headroom && head_size < LARGEST_HEADROOM)
        c->headroom = head_size + head_size / 4;
    if (!mr_bytes_reserve(&c->values, c->headroom))
        return mr_error_memory(error, c->headroom);
    c->values.size = c->headroom;
    return MR_OK;
}

int mr_parquet_column_finish_page(struct mr_parquet_column_writer *c, struct mr_error *error)
{
    if (c->levels == 0)
        return MR_OK;
    if (c->dictionary_on && !mr_parquet_column_dictionary_pays(c, MR_DICTIONARY_PERCENT))
        MR_TRY(mr_parquet_column_leave_dictionary(c, error));
    struct mr_text *head = &c->scratch->head;
    mr_text_clear(head);
    if (c->repetition > 0)
        append_levels(head, c->repetitions.data, c->levels, c->repetition);
    if (c->definition > 0)
        append_levels(head, c->definitions_kept ? c->definitions.data : NULL, c->levels, c->definition);
    struct mr_str tail, body;
    enum mr_parquet_encoding encoding = encode_values(c, head, &tail);
    if (head->failed)
        return mr_error_memory(error, head->size);
    MR_TRY(join(c, head, tail, &body, error));
    struct mr_parquet_page_header header = {
        .type = MR_PARQUET_DATA_PAGE,
        .uncompressed_bytes = (int32_t)body.size,
        .value_count = (int32_t)c->levels,
        .encoding = encoding,
        .definition_encoding = MR_PARQUET_RLE,
        .repetition_encoding = MR_PARQUET_RLE,
    };
    MR_TRY(keep_page(c, &header, body, error));
    if (encoding == MR_PARQUET_RLE_DICTIONARY)
        c->dictionary_pages++;
    else
        c->value_pages++;
    c->plain_pages = c->plain_pages || encoding == MR_PARQUET_PLAIN;
    c->chunk_levels += c->levels;
    c->levels = c->plain_bytes = 0;
    c->definitions_kept = false;
    c->lengths.size = c->numbers.size = c->definitions.size = c->repetitions.size = 0;
    return adapt_headroom(c, tail.size > 0 ? head->size : 0, error);
}

int mr_parquet_column_finish_chunk(struct mr_parquet_column_writer *c, int64_t *dictionary_page_bytes,
                                   struct mr_error *error)
{
    *dictionary_page_bytes = 0;
    MR_TRY(mr_parquet_column_finish_page(c, error));
    if (c->dictionary_pages == 0)
        return MR_OK;
    struct mr_str body = {(const char *)c->dictionary.values.data, c->dictionary.values.size};
    struct mr_parquet_page_header header = {
        .type = MR_PARQUET_DICTIONARY_PAGE,
        .uncompressed_bytes = (int32_t)body.size,
        .value_count = (int32_t)c->dictionary.count,
        .encoding = MR_PARQUET_PLAIN,
    };
    MR_TRY(keep_page(c, &header, body, error));
    *dictionary_page_bytes = (int64_t)c->first->size;
    return MR_OK;
}
