/* formats/parquet/column_writer.h: one leaf column being written: the page in progress and the chunk's
 * finished pages.
 *
 * Only the page in progress holds plain values (about page_bytes); finished pages are held compressed until
 * the row group is written, because the chunks of a row group lie behind each other in the file. */
#ifndef MR_PARQUET_COLUMN_WRITER_H
#define MR_PARQUET_COLUMN_WRITER_H

#include "formats/parquet/compression.h"
#include "formats/parquet/dictionary.h"
#include "formats/parquet/statistics.h"

struct mr_parquet_page {
    struct mr_parquet_page *next;
    size_t size; /* header and body */
    uint8_t bytes[];
};

/* Shared by the columns of a writer: used while one page is finished. */
struct mr_parquet_scratch {
    struct mr_compressor compressor;
    struct mr_text head;   /* levels and encoded values of a page */
    struct mr_text header; /* page header */
    struct mr_bytes body;  /* a page put together */
    struct mr_bytes compressed;
    struct mr_bytes dense; /* values of one segment in their physical type */
    struct mr_bytes rows;  /* rows of one segment that hold a value */
};

struct mr_parquet_column_writer {
    /* what it is */
    const struct mr_type *type;
    enum mr_parquet_physical physical;
    size_t width; /* bytes of a value in PLAIN encoding; 0: BYTE_ARRAY; 1: BOOLEAN in values below */
    int definition, repetition; /* largest levels */
    const char *name;           /* dotted path, for errors */
    int64_t page_bytes;
    struct mr_parquet_scratch *scratch;

    /* the page in progress */
    bool dictionary_on;      /* numbers are collected instead of values */
    struct mr_bytes values;  /* after headroom free bytes: physical values; strings: their bytes */
    size_t headroom;         /* for levels and lengths, so that the page's body lies in one piece */
    struct mr_bytes lengths; /* strings: int32_t each */
    struct mr_bytes numbers; /* dictionary: uint32_t each */
    struct mr_bytes definitions, repetitions; /* a byte per level */
    bool definitions_kept;                    /* false: every value so far is present, nothing was stored */
    int64_t levels;                           /* in the page */
    int64_t plain_bytes;                      /* what the page's values take in PLAIN encoding */
    int64_t next_check;                       /* values at which the dictionary is judged again */

    /* the chunk */
    struct mr_dictionary dictionary;
    int64_t dictionary_pages, value_pages; /* finished data pages, by encoding */
    bool plain_pages; /* some of the latter are PLAIN though the encoding is another (empty ones) */
    enum mr_parquet_compression codec; /* decided by the first page */
    struct mr_parquet_page *first, *last;
    int64_t pages_bytes;        /* held in pages */
    int64_t uncompressed_bytes; /* with headers, as the footer wants it */
    int64_t chunk_levels;
    int64_t input_bytes; /* in the chunk */
    struct mr_parquet_statistics statistics, file_statistics;
};

struct mr_parquet_levels { /* of one leaf, for some rows of a batch */
    int64_t count;
    uint8_t *definition, *repetition;
    int32_t *rows; /* row of the column, or -1: nothing is there */
};

int mr_parquet_column_writer_init(struct mr_parquet_column_writer *c, struct mr_error *error);
void mr_parquet_column_writer_release(struct mr_parquet_column_writer *c);
/* Rows [start, start + count) of a column that lies at the top level. */
int mr_parquet_column_write_flat(struct mr_parquet_column_writer *c, const struct mr_column *column,
                                 int64_t start, int64_t count, struct mr_error *error);
/* Levels begin and end with whole records. */
int mr_parquet_column_write_levels(struct mr_parquet_column_writer *c, const struct mr_column *column,
                                   const struct mr_parquet_levels *levels, struct mr_error *error);
int mr_parquet_column_finish_page(struct mr_parquet_column_writer *c,
                                  struct mr_error *error); /* page_writer.c */
/* The dictionary page of the chunk, when it has one, as a page of its own in front of the others. */
int mr_parquet_column_finish_chunk(struct mr_parquet_column_writer *c, int64_t *dictionary_page_bytes,
                                   struct mr_error *error);
void mr_parquet_column_reset_chunk(
    struct mr_parquet_column_writer *c); /* frees the pages, merges the statistics */
/* Gives back the buffers of the page in progress, which is empty, and the dictionary unless the chunk uses
 * it. */
void mr_parquet_column_trim(struct mr_parquet_column_writer *c);
/* Buffers of the page in progress, in bytes. */
int64_t mr_parquet_column_pending_bytes(const struct mr_parquet_column_writer *c);

/* ---- between column_writer.c and page_writer.c ---- */
int mr_parquet_column_leave_dictionary(struct mr_parquet_column_writer *c, struct mr_error *error);
/* Whether dictionary and numbers take at most so many per cent of what the page's values alone would. */
#define MR_DICTIONARY_PERCENT 80
bool mr_parquet_column_dictionary_pays(struct mr_parquet_column_writer *c, int percent);
bool mr_parquet_is_integer(const struct mr_parquet_column_writer *c); /* INT32 or INT64 */

#endif
