/* formats/parquet/page_reader.h: the pages of one column chunk, one after the other. */
#ifndef MR_PARQUET_PAGE_READER_H
#define MR_PARQUET_PAGE_READER_H

#include "formats/parquet/compression.h"
#include "formats/parquet/decode.h"
#include "formats/parquet/reader_schema.h"
#include "storage/storage.h"

struct mr_page_reader {
    struct mr_input *input;
    const struct mr_parquet_leaf *leaf;
    const struct mr_parquet_chunk *chunk;
    struct mr_decompressor *decompressor; /* shared by the columns of a scan */
    int64_t at, end;                      /* of the chunk in the file: the next page, the end */
    int64_t page_at;                      /* where the page in hand begins, for errors */
    struct mr_bytes window;               /* bytes of the file from window_at on */
    int64_t window_at;

    int64_t levels_left;      /* of the chunk, those of the page in hand included */
    int64_t page_levels_left; /* of the page in hand */
    struct mr_buffer *page;   /* its body, decompressed; NULL: none */
    struct mr_rle_reader definitions, repetitions;
    struct mr_values_reader values;
    struct mr_buffer *dictionary_page;
    struct mr_parquet_dictionary dictionary;
    bool has_dictionary;
};

/* Starts a chunk; file_end is where the footer begins. */
int mr_page_reader_start(struct mr_page_reader *r, const struct mr_parquet_chunk *chunk, int64_t file_end,
                         struct mr_error *error);
/* The next data page that holds levels. Called while levels_left > 0 and page_levels_left is 0. */
int mr_page_reader_next(struct mr_page_reader *r, struct mr_error *error);
void mr_page_reader_release(struct mr_page_reader *r);
/* An error that names file, column and offset. */
int mr_page_reader_corrupt(const struct mr_page_reader *r, const char *what, struct mr_error *error);

#endif
