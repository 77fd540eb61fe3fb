/* formats/parquet/writer.c: batches into row groups, and the footer. */
#include "formats/parquet/parquet.h"

#include "formats/parquet/bits.h"
#include "formats/parquet/statistics_out.h"
#include "formats/parquet/writer_schema.h"

#define DEFAULT_ROW_GROUP_BYTES (64 << 20)
#define DEFAULT_PAGE_BYTES (1 << 20)
#define MOST_PENDING_BYTES (24 << 20) /* in pages in progress */
#define CREATED_BY "millrace version 0.1.0"

/* What the footer says of a column chunk, kept until then. */
struct chunk_entry {
    enum mr_parquet_compression codec;
    int64_t value_count, uncompressed_bytes, compressed_bytes;
    int64_t data_page_offset, dictionary_page_offset; /* 0: none */
    int64_t dictionary_pages, value_pages;
    bool plain_pages;
    struct mr_parquet_statistics statistics;
};
struct row_group_entry {
    struct row_group_entry *next;
    int64_t rows;
    int64_t offset;
    struct chunk_entry chunks[];
};

struct mr_parquet_writer {
    struct mr_output *output;
    const struct mr_type *schema_type;
    struct mr_parquet_options options;
    struct mr_arena arena, batch_arena;
    struct mr_parquet_writer_schema schema;
    struct mr_parquet_column_writer *columns;
    struct mr_parquet_scratch scratch;
    struct row_group_entry *first, *last;
    int row_groups;
    int64_t rows, group_rows;
    struct mr_leaf_statistics *statistics; /* made by finish */
    bool failed;                           /* pages and levels may not match any more */
    bool finished;
};

static enum mr_parquet_compression codec_of(enum mr_parquet_codec codec)
{
    switch (codec) {
    case MR_PARQUET_UNCOMPRESSED:
        return MR_PARQUET_CODEC_NONE;
    case MR_PARQUET_SNAPPY:
        return MR_PARQUET_CODEC_SNAPPY;
    case MR_PARQUET_GZIP:
        return MR_PARQUET_CODEC_GZIP;
    default:
        return MR_PARQUET_CODEC_ZSTD;
    }
}

static int open_columns(struct mr_parquet_writer *w, struct mr_error *error)
{
    w->columns = MR_ARENA_ARRAY(&w->arena, struct mr_parquet_column_writer, w->schema.leaf_count);
    if (!w->columns)
        return mr_error_memory(error, sizeof(*w->columns) * (size_t)w->schema.leaf_count);
    for (int i = 0; i < w->schema.leaf_count; i++) {
        const struct mr_parquet_writer_leaf *leaf = &w->schema.leaves[i];
        struct mr_parquet_column_writer *c = &w->columns[i];
        struct mr_text name;
        mr_text_init(&name);
        for (int k = 0; k < leaf->path_count; k++)
            mr_text_format(&name, "%s%s", k > 0 ? "." : "", leaf->path[k]);
        c->name = mr_arena_copy_text(&w->arena, name.data, name.size);
        mr_text_release(&name);
        if (!c->name)
            return mr_error_memory(error, 64);
        c->type = leaf->node->type;
        c->physical = mr_parquet_physical_of(c->type, &c->width);
        c->definition = leaf->node->definition;
        c->repetition = leaf->node->repetition;
        c->page_bytes = w->options.page_bytes;
        c->scratch = &w->scratch;
        MR_TRY(mr_parquet_column_writer_init(c, error));
    }
    return MR_OK;
}

int mr_parquet_writer_open(struct mr_parquet_writer **out, struct mr_output *output,
                           const struct mr_type *schema, const struct mr_parquet_options *options,
                           struct mr_error *error)
{
    int status = MR_OK;
    *out = NULL;
    struct mr_parquet_writer *w = mr_allocate_zeroed(sizeof(*w));
    if (!w)
        return mr_error_memory(error, sizeof(*w));
    w->output = output;
    w->schema_type = schema;
    if (options)
        w->options = *options;
    if (w->options.row_group_bytes <= 0)
        w->options.row_group_bytes = DEFAULT_ROW_GROUP_BYTES;
    if (w->options.page_bytes <= 0)
        w->options.page_bytes = DEFAULT_PAGE_BYTES;
    if (w->options.page_bytes > 1 << 30)
        w->options.page_bytes = 1 << 30;
    mr_arena_init(&w->arena);
    mr_arena_init(&w->batch_arena);
    mr_text_init(&w->scratch.head);
    mr_text_init(&w->scratch.header);
    mr_compressor_init(&w->scratch.compressor, codec_of(w->options.codec), w->options.level);
    MR_ERR(mr_parquet_writer_schema_init(&w->schema, &w->arena, schema, w->options.field_ids, error));
    MR_ERR(open_columns(w, error));
    MR_ERR(output->write(output, "PAR1", 4, error));
    *out = w;
    return MR_OK;
err:
    mr_parquet_writer_close(w);
    return status;
}

/* ---- row groups ---- */

static int write_pages(struct mr_parquet_writer *w, struct mr_parquet_column_writer *c,
                       struct mr_error *error)
{
    for (const struct mr_parquet_page *page = c->first; page; page = page->next)
        MR_TRY(w->output->write(w->output, page->bytes, page->size, error));
    return MR_OK;
}

static int finish_row_group(struct mr_parquet_writer *w, struct mr_error *error)
{
    if (w->group_rows == 0)
        return MR_OK;
    size_t size = sizeof(struct row_group_entry) + sizeof(struct chunk_entry) * (size_t)w->schema.leaf_count;
    struct row_group_entry *group = mr_arena_allocate_zeroed(&w->arena, size);
    if (!group)
        return mr_error_memory(error, size);
    group->rows = w->group_rows;
    group->offset = w->output->written_bytes;
    for (int i = 0; i < w->schema.leaf_count; i++) {
        struct mr_parquet_column_writer *c = &w->columns[i];
        struct chunk_entry *chunk = &group->chunks[i];
        int64_t dictionary_bytes = 0, offset = w->output->written_bytes;
        MR_TRY(mr_parquet_column_finish_chunk(c, &dictionary_bytes, error));
        *chunk = (struct chunk_entry){
            .codec = c->codec,
            .value_count = c->chunk_levels,
            .uncompressed_bytes = c->uncompressed_bytes,
            .compressed_bytes = c->pages_bytes,
            .data_page_offset = offset + dictionary_bytes,
            .dictionary_page_offset = dictionary_bytes > 0 ? offset : 0,
            .dictionary_pages = c->dictionary_pages,
            .value_pages = c->value_pages,
            .plain_pages = c->plain_pages,
            .statistics = c->statistics,
        };
        MR_TRY(write_pages(w, c, error));
        mr_parquet_column_reset_chunk(c);
    }
    if (w->last)
        w->last->next = group;
    else
        w->first = group;
    w->last = group;
    w->row_groups++;
    w->group_rows = 0;
    return MR_OK;
}

static int64_t input_bytes(const struct mr_parquet_writer *w)
{
    int64_t bytes = 0;
    for (int i = 0; i < w->schema.leaf_count; i++)
        bytes += w->columns[i].input_bytes;
    return bytes;
}

/* With many columns the pages in progress together are much; those that hold most of it are finished before
 * they are full. */
static int relieve_memory(struct mr_parquet_writer *w, struct mr_error *error)
{
    int64_t pending = 0;
    for (int i = 0; i < w->schema.leaf_count; i++)
        pending += mr_parquet_column_pending_bytes(&w->columns[i]);
    if (pending < MOST_PENDING_BYTES)
        return MR_OK;
    for (int i = 0; i < w->schema.leaf_count; i++) {
        struct mr_parquet_column_writer *c = &w->columns[i];
        if (mr_parquet_column_pending_bytes(c) < pending / w->schema.leaf_count / 2)
            continue;
        MR_TRY(mr_parquet_column_finish_page(c, error));
        mr_parquet_column_trim(c);
    }
    return MR_OK;
}

static int write_batch(struct mr_parquet_writer *w, const struct mr_batch *batch, struct mr_error *error)
{
    MR_TRY(mr_parquet_shred(&w->schema, w->columns, batch, &w->batch_arena, error));
    mr_arena_clear(&w->batch_arena);
    w->rows += batch->length;
    w->group_rows += batch->length;
    if (input_bytes(w) < w->options.row_group_bytes && w->group_rows < INT32_MAX / 2)
        return relieve_memory(w, error);
    return finish_row_group(w, error);
}

int mr_parquet_writer_write(struct mr_parquet_writer *w, const struct mr_batch *batch, struct mr_error *error)
{
    if (w->failed || w->finished)
        return mr_error_set(error, MR_E_INTERNAL, "TASK_WRITE_FAILED",
                            "%s: rows were written to a Parquet file that is %s.", w->output->name,
                            w->finished ? "finished" : "broken by an earlier error");
    int status = write_batch(w, batch, error);
    w->failed = status < 0;
    return status;
}

int64_t mr_parquet_writer_bytes(const struct mr_parquet_writer *w)
{
    int64_t bytes = w->output->written_bytes;
    for (int i = 0; i < w->schema.leaf_count; i++) {
        const struct mr_parquet_column_writer *c = &w->columns[i];
        /* What is not compressed yet will shrink as the finished pages of its chunk did, or by half. */
        int64_t pending = mr_parquet_column_pending_bytes(c);
        bool known = c->uncompressed_bytes > 0;
        bytes += c->pages_bytes;
        bytes += known ? (int64_t)((double)pending * (double)c->pages_bytes / (double)c->uncompressed_bytes)
                       : pending / 2;
    }
    return bytes;
}

int64_t mr_parquet_writer_rows(const struct mr_parquet_writer *w)
{
    return w->rows;
}

/* ---- footer ---- */

static void write_encodings(struct mr_thrift_writer *t, const struct chunk_entry *chunk,
                            enum mr_parquet_encoding values)
{
    int32_t encodings[4];
    size_t count = 0;
    encodings[count++] = MR_PARQUET_RLE;
    if (chunk->dictionary_pages > 0)
        encodings[count++] = MR_PARQUET_RLE_DICTIONARY;
    if (chunk->dictionary_pages > 0 || chunk->plain_pages)
        encodings[count++] = MR_PARQUET_PLAIN;
    if (chunk->value_pages > 0 && values != MR_PARQUET_PLAIN)
        encodings[count++] = values;
    mr_thrift_list(t, 2, MR_THRIFT_I32, count);
    for (size_t i = 0; i < count; i++)
        mr_thrift_element_i32(t, encodings[i]);
}

static void write_encoding_count(struct mr_thrift_writer *t, enum mr_parquet_page_type type,
                                 enum mr_parquet_encoding e, int64_t count)
{
    mr_thrift_element_struct(t);
    mr_thrift_i32(t, 1, type);
    mr_thrift_i32(t, 2, e);
    mr_thrift_i32(t, 3, (int32_t)count);
    mr_thrift_end(t);
}

/* How many pages have which encoding: readers that find only dictionary pages may filter by the dictionary.
 */
static void write_encoding_counts(struct mr_thrift_writer *t, const struct chunk_entry *chunk,
                                  enum mr_parquet_encoding values)
{
    bool dictionary = chunk->dictionary_pages > 0, others = chunk->value_pages > 0;
    mr_thrift_list(t, 13, MR_THRIFT_STRUCT, (size_t)(2 * dictionary + others));
    if (dictionary) {
        write_encoding_count(t, MR_PARQUET_DICTIONARY_PAGE, MR_PARQUET_PLAIN, 1);
        write_encoding_count(t, MR_PARQUET_DATA_PAGE, MR_PARQUET_RLE_DICTIONARY, chunk->dictionary_pages);
    }
    if (others)
        write_encoding_count(t, MR_PARQUET_DATA_PAGE, values, chunk->value_pages);
}

static enum mr_parquet_encoding value_encoding(const struct mr_parquet_column_writer *c)
{
    if (mr_parquet_is_integer(c))
        return MR_PARQUET_DELTA_BINARY_PACKED;
    return c->physical == MR_PARQUET_BYTE_ARRAY ? MR_PARQUET_DELTA_LENGTH_BYTE_ARRAY : MR_PARQUET_PLAIN;
}

static void write_chunk(struct mr_thrift_writer *t, const struct mr_parquet_writer_leaf *leaf,
                        const struct mr_parquet_column_writer *c, const struct chunk_entry *chunk)
{
    enum mr_parquet_encoding values = value_encoding(c);
    mr_thrift_element_struct(t);
    mr_thrift_i64(t, 2, 0); /* deprecated: offset of a copy of the metadata; there is none */
    mr_thrift_struct(t, 3);
    mr_thrift_i32(t, 1, c->physical);
    write_encodings(t, chunk, values);
    mr_thrift_list(t, 3, MR_THRIFT_BINARY, (size_t)leaf->path_count);
    for (int i = 0; i < leaf->path_count; i++)
        mr_thrift_element_binary(t, leaf->path[i], strlen(leaf->path[i]));
    mr_thrift_i32(t, 4, chunk->codec);
    mr_thrift_i64(t, 5, chunk->value_count);
    mr_thrift_i64(t, 6, chunk->uncompressed_bytes);
    mr_thrift_i64(t, 7, chunk->compressed_bytes);
    mr_thrift_i64(t, 9, chunk->data_page_offset);
    if (chunk->dictionary_page_offset > 0)
        mr_thrift_i64(t, 11, chunk->dictionary_page_offset);
    mr_parquet_statistics_write(t, 12, &chunk->statistics, c);
    write_encoding_counts(t, chunk, values);
    mr_thrift_end(t);
    mr_thrift_end(t);
}

static void write_row_group(struct mr_thrift_writer *t, const struct mr_parquet_writer *w,
                            const struct row_group_entry *group, int ordinal)
{
    int64_t uncompressed = 0, compressed = 0;
    mr_thrift_element_struct(t);
    mr_thrift_list(t, 1, MR_THRIFT_STRUCT, (size_t)w->schema.leaf_count);
    for (int i = 0; i < w->schema.leaf_count; i++) {
        write_chunk(t, &w->schema.leaves[i], &w->columns[i], &group->chunks[i]);
        uncompressed += group->chunks[i].uncompressed_bytes;
        compressed += group->chunks[i].compressed_bytes;
    }
    mr_thrift_i64(t, 2, uncompressed);
    mr_thrift_i64(t, 3, group->rows);
    mr_thrift_i64(t, 5, group->offset);
    mr_thrift_i64(t, 6, compressed);
    if (ordinal <= INT16_MAX)
        mr_thrift_i16(t, 7, (int16_t)ordinal);
    mr_thrift_end(t);
}

/* Spark's key: lets it, and us, read back what Parquet's own types do not tell, such as intervals and
 * comments. */
static void write_metadata(struct mr_thrift_writer *t, const struct mr_type *schema, struct mr_text *memory)
{
    static const char key[] = "org.apache.spark.sql.parquet.row.metadata";
    mr_text_clear(memory);
    mr_schema_to_json(memory, schema);
    mr_thrift_list(t, 5, MR_THRIFT_STRUCT, 1);
    mr_thrift_element_struct(t);
    mr_thrift_binary(t, 1, key, sizeof(key) - 1);
    mr_thrift_binary(t, 2, memory->data, memory->size);
    mr_thrift_end(t);
}

static int write_footer(struct mr_parquet_writer *w, struct mr_error *error)
{
    struct mr_thrift_writer writer, *t = &writer;
    struct mr_text *footer = &w->scratch.head;
    mr_text_clear(footer);
    mr_thrift_writer_init(t, footer);
    mr_thrift_i32(t, 1, 1);
    mr_thrift_list(t, 2, MR_THRIFT_STRUCT, (size_t)w->schema.element_count);
    for (int i = 0; i < w->schema.element_count; i++)
        mr_parquet_element_write(t, &w->schema.elements[i]);
    mr_thrift_i64(t, 3, w->rows);
    mr_thrift_list(t, 4, MR_THRIFT_STRUCT, (size_t)w->row_groups);
    int ordinal = 0;
    for (const struct row_group_entry *group = w->first; group; group = group->next)
        write_row_group(t, w, group, ordinal++);
    write_metadata(t, w->schema_type, &w->scratch.header);
    mr_thrift_binary(t, 6, CREATED_BY, sizeof(CREATED_BY) - 1);
    mr_thrift_list(t, 7, MR_THRIFT_STRUCT,
                   (size_t)w->schema.leaf_count); /* orders: each column in that of its type */
    for (int i = 0; i < w->schema.leaf_count; i++) {
        mr_thrift_element_struct(t);
        mr_thrift_struct(t, 1);
        mr_thrift_end(t);
        mr_thrift_end(t);
    }
    mr_thrift_end(t);
    uint32_t size = (uint32_t)footer->size;
    mr_text_append(footer, &size, 4);
    mr_text_append(footer, "PAR1", 4);
    if (footer->failed || w->scratch.header.failed)
        return mr_error_memory(error, footer->size);
    return w->output->write(w->output, footer->data, footer->size, error);
}

int mr_parquet_writer_finish(struct mr_parquet_writer *w, struct mr_error *error)
{
    if (w->failed || w->finished)
        return mr_error_set(error, MR_E_INTERNAL, "TASK_WRITE_FAILED", "%s: the Parquet file is %s.",
                            w->output->name, w->finished ? "finished already" : "broken by an earlier error");
    w->failed = true; /* until all of this has worked */
    MR_TRY(finish_row_group(w, error));
    MR_TRY(write_footer(w, error));
    MR_TRY(mr_parquet_leaf_statistics_make(&w->schema, w->columns, &w->arena, &w->statistics, error));
    w->failed = false;
    w->finished = true;
    return MR_OK;
}

int mr_parquet_writer_statistics(const struct mr_parquet_writer *w, const struct mr_leaf_statistics **leaves,
                                 int *count)
{
    *leaves = w->statistics;
    *count = w->finished ? w->schema.leaf_count : 0;
    return w->finished ? MR_OK : MR_BLOCKED;
}

void mr_parquet_writer_close(struct mr_parquet_writer *w)
{
    if (!w)
        return;
    for (int i = 0; w->columns && i < w->schema.leaf_count; i++)
        mr_parquet_column_writer_release(&w->columns[i]);
    for (int i = 0; w->statistics && i < w->schema.leaf_count; i++)
        mr_column_unref(w->statistics[i].bounds);
    mr_compressor_release(&w->scratch.compressor);
    mr_text_release(&w->scratch.head);
    mr_text_release(&w->scratch.header);
    mr_bytes_release(&w->scratch.body);
    mr_bytes_release(&w->scratch.compressed);
    mr_bytes_release(&w->scratch.dense);
    mr_bytes_release(&w->scratch.rows);
    mr_arena_release(&w->arena);
    mr_arena_release(&w->batch_arena);
    mr_free(w);
}
