/* formats/parquet/format.h: the structures of Parquet's footer and page headers, as far as they are used
 * here.
 *
 * File: "PAR1", then row groups of column chunks of pages (a header, then a body of compressed size), then
 * the footer (FileMetaData), its size in 4 bytes, "PAR1". All integers are little-endian. */
#ifndef MR_PARQUET_FORMAT_H
#define MR_PARQUET_FORMAT_H

#include "formats/parquet/thrift.h"

/* Values of the enums are the format's own. */
enum mr_parquet_physical {
    MR_PARQUET_BOOLEAN = 0,
    MR_PARQUET_INT32 = 1,
    MR_PARQUET_INT64 = 2,
    MR_PARQUET_INT96 = 3,
    MR_PARQUET_FLOAT = 4,
    MR_PARQUET_DOUBLE = 5,
    MR_PARQUET_BYTE_ARRAY = 6,
    MR_PARQUET_FIXED = 7,  /* FIXED_LEN_BYTE_ARRAY */
    MR_PARQUET_GROUP = -1, /* an inner node of the schema: has no physical type */
};
enum mr_parquet_repetition { MR_PARQUET_REQUIRED = 0, MR_PARQUET_OPTIONAL = 1, MR_PARQUET_REPEATED = 2 };
enum mr_parquet_encoding {
    MR_PARQUET_PLAIN = 0,
    MR_PARQUET_PLAIN_DICTIONARY = 2,
    MR_PARQUET_RLE = 3,
    MR_PARQUET_BIT_PACKED = 4,
    MR_PARQUET_DELTA_BINARY_PACKED = 5,
    MR_PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    MR_PARQUET_DELTA_BYTE_ARRAY = 7,
    MR_PARQUET_RLE_DICTIONARY = 8,
    MR_PARQUET_BYTE_STREAM_SPLIT = 9,
};
enum mr_parquet_page_type {
    MR_PARQUET_DATA_PAGE = 0,
    MR_PARQUET_INDEX_PAGE = 1,
    MR_PARQUET_DICTIONARY_PAGE = 2,
    MR_PARQUET_DATA_PAGE_V2 = 3,
};
enum mr_parquet_compression {
    MR_PARQUET_CODEC_NONE = 0,
    MR_PARQUET_CODEC_SNAPPY = 1,
    MR_PARQUET_CODEC_GZIP = 2,
    MR_PARQUET_CODEC_LZO = 3,
    MR_PARQUET_CODEC_BROTLI = 4,
    MR_PARQUET_CODEC_LZ4 = 5, /* Hadoop's framing */
    MR_PARQUET_CODEC_ZSTD = 6,
    MR_PARQUET_CODEC_LZ4_RAW = 7,
};
enum mr_parquet_converted {
    MR_PARQUET_CONVERTED_NONE = -1,
    MR_PARQUET_UTF8 = 0,
    MR_PARQUET_MAP = 1,
    MR_PARQUET_MAP_KEY_VALUE = 2,
    MR_PARQUET_LIST = 3,
    MR_PARQUET_ENUM = 4,
    MR_PARQUET_CONVERTED_DECIMAL = 5,
    MR_PARQUET_CONVERTED_DATE = 6,
    MR_PARQUET_TIME_MILLIS = 7,
    MR_PARQUET_TIME_MICROS = 8,
    MR_PARQUET_TIMESTAMP_MILLIS = 9,
    MR_PARQUET_TIMESTAMP_MICROS = 10,
    MR_PARQUET_UINT_8 = 11,
    MR_PARQUET_UINT_16 = 12,
    MR_PARQUET_UINT_32 = 13,
    MR_PARQUET_UINT_64 = 14,
    MR_PARQUET_INT_8 = 15,
    MR_PARQUET_INT_16 = 16,
    MR_PARQUET_INT_32 = 17,
    MR_PARQUET_INT_64 = 18,
    MR_PARQUET_JSON = 19,
    MR_PARQUET_BSON = 20,
    MR_PARQUET_CONVERTED_INTERVAL = 21,
};
/* Field ids of the union LogicalType. */
enum mr_parquet_logical {
    MR_PARQUET_LOGICAL_NONE = 0,
    MR_PARQUET_LOGICAL_STRING = 1,
    MR_PARQUET_LOGICAL_MAP = 2,
    MR_PARQUET_LOGICAL_LIST = 3,
    MR_PARQUET_LOGICAL_ENUM = 4,
    MR_PARQUET_LOGICAL_DECIMAL = 5,
    MR_PARQUET_LOGICAL_DATE = 6,
    MR_PARQUET_LOGICAL_TIME = 7,
    MR_PARQUET_LOGICAL_TIMESTAMP = 8,
    MR_PARQUET_LOGICAL_INTEGER = 10,
    MR_PARQUET_LOGICAL_UNKNOWN = 11, /* a column of NULLs only */
    MR_PARQUET_LOGICAL_JSON = 12,
    MR_PARQUET_LOGICAL_BSON = 13,
    MR_PARQUET_LOGICAL_UUID = 14,
    MR_PARQUET_LOGICAL_FLOAT16 = 15,
    MR_PARQUET_LOGICAL_VARIANT = 16,
    MR_PARQUET_LOGICAL_GEOMETRY = 17,
    MR_PARQUET_LOGICAL_GEOGRAPHY = 18,
};
enum mr_parquet_unit { MR_PARQUET_MILLIS = 1, MR_PARQUET_MICROS = 2, MR_PARQUET_NANOS = 3 };

struct mr_parquet_element { /* SchemaElement: the schema is a list of these, depth first */
    struct mr_str name;
    enum mr_parquet_physical physical;
    int32_t type_length; /* FIXED: bytes */
    enum mr_parquet_repetition repetition;
    int32_t child_count;
    enum mr_parquet_converted converted;
    int32_t scale, precision;
    int32_t field_id; /* -1: none */
    enum mr_parquet_logical logical;
    bool utc;                  /* logical TIME and TIMESTAMP: adjusted to UTC */
    enum mr_parquet_unit unit; /* the same */
    int bits;                  /* logical INTEGER */
    bool is_signed;
};

struct mr_parquet_chunk { /* ColumnChunk with its ColumnMetaData */
    bool has_metadata;
    struct mr_str file_path; /* the chunk lies in another file */
    enum mr_parquet_physical physical;
    int32_t codec;
    int64_t value_count;
    int64_t uncompressed_bytes, compressed_bytes;
    int64_t data_page_offset, dictionary_page_offset; /* 0: no dictionary page */
    bool encrypted;
};

struct mr_parquet_row_group {
    struct mr_parquet_chunk *chunks;
    size_t chunk_count;
    int64_t row_count;
};

struct mr_parquet_footer {
    int32_t version;
    struct mr_parquet_element *elements;
    size_t element_count;
    int64_t row_count;
    struct mr_parquet_row_group *row_groups;
    size_t row_group_count;
    struct mr_str (*metadata)[2]; /* key, value */
    size_t metadata_count;
    struct mr_str created_by;
    bool encrypted;
};

struct mr_parquet_page_header {
    enum mr_parquet_page_type type;
    int32_t uncompressed_bytes, compressed_bytes; /* of the body; for V2 levels included */
    bool has_crc;
    uint32_t crc;
    bool has_details;    /* the header of its type was there */
    int32_t value_count; /* levels; NULLs included */
    int32_t encoding;
    int32_t definition_encoding, repetition_encoding; /* V1 */
    int32_t definition_bytes, repetition_bytes;       /* V2: sizes of the levels */
    bool is_compressed;                               /* V2 */
};

/* Parses a footer; all of it lives in the arena and views data. MR_E_CORRUPT without file name. */
int mr_parquet_footer_parse(struct mr_arena *arena, const void *data, size_t size,
                            struct mr_parquet_footer *out, struct mr_error *error);
/* Parses a page header at data. MR_OK: *used bytes; MR_BLOCKED: it does not end within size bytes;
 * MR_E_CORRUPT. */
int mr_parquet_page_header_parse(const void *data, size_t size, struct mr_parquet_page_header *out,
                                 size_t *used, struct mr_error *error);

/* ---- writing ---- */
void mr_parquet_element_write(struct mr_thrift_writer *w, const struct mr_parquet_element *element);
/* A data page V1 or a dictionary page. */
void mr_parquet_page_header_write(struct mr_text *out, const struct mr_parquet_page_header *header);

#endif
