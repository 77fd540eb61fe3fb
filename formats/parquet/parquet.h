/* formats/parquet/parquet.h: Parquet files <-> column batches, nested types included.
 *
 * Writer: one file, any number of row groups. Encodings are chosen per column chunk from its first values:
 * dictionary while it pays, DELTA_BINARY_PACKED for integers, dates and timestamps, DELTA_LENGTH_BYTE_ARRAY
 * or PLAIN for strings, PLAIN otherwise; zstd pages of about 1 MiB, data page V1; min/max/null_count
 * statistics per chunk. Timestamps are INT64 MICROS (UTC-adjusted for TIMESTAMP), decimals INT32/INT64 up to
 * 9/18 digits, else FIXED_LEN_BYTE_ARRAY; lists and maps in the standard 3-level form. Reader: everything the
 * writer writes, and what others write: all physical types, INT96, 2- and 3-level lists, data pages V1 and
 * V2, PLAIN, dictionary, RLE, DELTA_*, BYTE_STREAM_SPLIT; uncompressed, snappy, gzip, lz4 (Hadoop and raw),
 * zstd. What is not supported is refused by name. */
#ifndef MR_FORMATS_PARQUET_H
#define MR_FORMATS_PARQUET_H

#include "columns/value.h"
#include "storage/storage.h"

enum mr_parquet_codec { MR_PARQUET_ZSTD, MR_PARQUET_UNCOMPRESSED, MR_PARQUET_SNAPPY, MR_PARQUET_GZIP };
struct mr_parquet_options {
    enum mr_parquet_codec codec;
    int level;               /* zstd: 1 when 0 */
    int64_t row_group_bytes; /* flush a row group at about this many bytes of input; 0: 64 MiB */
    int64_t page_bytes;      /* 0: 1 MiB */
    /* NULL: none. Else one per field in depth-first order of the schema, elements, keys and values included;
     * 0 or less: that field has none. */
    const int32_t *field_ids;
};

struct mr_parquet_writer;
/* Takes output over only on finish/abandon by the caller: the writer never closes it. schema must outlive the
 * writer. */
int mr_parquet_writer_open(struct mr_parquet_writer **out, struct mr_output *output,
                           const struct mr_type *schema, const struct mr_parquet_options *options,
                           struct mr_error *error);
int mr_parquet_writer_write(struct mr_parquet_writer *writer, const struct mr_batch *batch,
                            struct mr_error *error);
int64_t mr_parquet_writer_bytes(
    const struct mr_parquet_writer *writer); /* written plus an estimate of what is buffered */
int64_t mr_parquet_writer_rows(const struct mr_parquet_writer *writer);
/* Writes what is buffered and the footer; the writer stays valid for the statistics below until close. */
int mr_parquet_writer_finish(struct mr_parquet_writer *writer, struct mr_error *error);
void mr_parquet_writer_close(struct mr_parquet_writer *writer); /* NULL allowed; frees */

/* Statistics of the whole file for one leaf, for Delta. Strings: exact min and max of full length kept up to
 * 64 bytes; longer ones are cut as Delta wants it (prefix for min; for max a prefix raised so that it stays
 * an upper bound, or has_bounds false). */
struct mr_leaf_statistics {
    const struct mr_type *type;
    const char *const *path; /* field names from the root */
    int depth;
    bool in_repeated; /* below an ARRAY or MAP: no statistics */
    int64_t null_count;
    bool has_bounds;          /* false: all NULL, or NaN seen, or type without order */
    struct mr_column *bounds; /* 2 rows: min, max */
};
int mr_parquet_writer_statistics(const struct mr_parquet_writer *writer,
                                 const struct mr_leaf_statistics **leaves, int *count);

struct mr_parquet_reader;
/* Reads the footer. The reader keeps input and closes it, also when this fails. Several scans, each on a
 * thread of its own, may use one reader. */
int mr_parquet_reader_open(struct mr_parquet_reader **out, struct mr_input *input, struct mr_error *error);
/* As Spark would read it, all of it nullable; VOID where the file has a type that is not supported, which a
 * scan refuses by name. */
const struct mr_type *mr_parquet_reader_schema(const struct mr_parquet_reader *reader);
int64_t mr_parquet_reader_rows(const struct mr_parquet_reader *reader);
int mr_parquet_reader_row_groups(const struct mr_parquet_reader *reader);
int64_t mr_parquet_reader_row_group_rows(const struct mr_parquet_reader *reader, int row_group);
/* Key-value metadata of the footer; size 0 when absent. */
struct mr_str mr_parquet_reader_metadata(const struct mr_parquet_reader *reader, const char *key);
/* What to read: wanted is a STRUCT; fields are matched by field id when ids are given (column mapping), else
 * by name (exact, then case-insensitive), recursively in nested structs; a field that the file lacks reads as
 * NULL; types are widened where Spark allows (INT to BIGINT, FLOAT to DOUBLE, DECIMAL to larger, INT96 and
 * millis to TIMESTAMP, DATE to TIMESTAMP_NTZ). Another mismatch is an error that names file and column.
 * field_ids as in mr_parquet_options; a struct in the file none of whose fields has an id is matched by name.
 * row_groups [first, first+count). */
struct mr_parquet_scan;
int mr_parquet_scan_open(struct mr_parquet_scan **out, struct mr_parquet_reader *reader,
                         const struct mr_type *wanted, const int32_t *field_ids, int first_row_group,
                         int row_group_count, struct mr_error *error);
/* Up to max_rows rows (and no more than 65,536) into batch (released or zeroed by the caller; schema =
 * wanted). MR_END at the end. A batch never spans row groups. After an error the scan can only be closed. */
int mr_parquet_scan_next(struct mr_parquet_scan *scan, int64_t max_rows, struct mr_batch *batch,
                         struct mr_error *error);
void mr_parquet_scan_close(struct mr_parquet_scan *scan);
void mr_parquet_reader_close(struct mr_parquet_reader *reader);

#endif
