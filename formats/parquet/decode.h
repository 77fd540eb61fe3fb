/* formats/parquet/decode.h: the values of a page, in every encoding, in pieces. */
#ifndef MR_PARQUET_DECODE_H
#define MR_PARQUET_DECODE_H

#include "columns/column.h"
#include "formats/parquet/bytes.h"
#include "formats/parquet/delta_packed.h"
#include "formats/parquet/format.h"
#include "formats/parquet/rle.h"

#define MR_VALUES_PIECE 1024 /* values decoded at once, at most */

/* Values take three forms: numbers of 4 or 8 bytes (INT32, INT64, FLOAT, DOUBLE), booleans of a byte, and
 * views (BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY, INT96). */
enum mr_value_form { MR_FORM_BOOLEAN, MR_FORM_4, MR_FORM_8, MR_FORM_VIEW };
static inline enum mr_value_form mr_value_form(enum mr_parquet_physical physical)
{
    switch (physical) {
    case MR_PARQUET_BOOLEAN:
        return MR_FORM_BOOLEAN;
    case MR_PARQUET_INT32:
    case MR_PARQUET_FLOAT:
        return MR_FORM_4;
    case MR_PARQUET_INT64:
    case MR_PARQUET_DOUBLE:
        return MR_FORM_8;
    default:
        return MR_FORM_VIEW;
    }
}
static inline size_t mr_value_form_bytes(enum mr_value_form form)
{
    return form == MR_FORM_BOOLEAN ? 1
           : form == MR_FORM_4     ? 4
           : form == MR_FORM_8     ? 8
                                   : sizeof(struct mr_view);
}

struct mr_parquet_dictionary { /* of a chunk, decoded */
    struct mr_bytes values;    /* in their form; views point into the dictionary page */
    uint32_t count;
};

struct mr_values_reader {
    enum mr_parquet_physical physical;
    enum mr_value_form form;
    size_t width; /* bytes of a value in PLAIN encoding, 0: varies */
    int32_t encoding;
    const uint8_t *at, *end; /* PLAIN; bytes of DELTA_LENGTH_BYTE_ARRAY and of suffixes; streams */
    uint64_t index;          /* of the next bit (booleans) or value (streams) */
    uint64_t stream_length;  /* BYTE_STREAM_SPLIT: values, and so the distance of their bytes */
    struct mr_rle_reader rle;
    struct mr_delta_reader delta;    /* numbers, lengths or prefix lengths */
    struct mr_delta_reader suffixes; /* DELTA_BYTE_ARRAY: lengths of suffixes */
    struct mr_bytes last;            /* DELTA_BYTE_ARRAY: the value before */
    const struct mr_parquet_dictionary *dictionary;
};

/* Starts a page whose values lie in data. type_length: of a FIXED. MR_E_CORRUPT, or MR_E_UNSUPPORTED naming
 * the encoding. */
int mr_values_open(struct mr_values_reader *v, enum mr_parquet_physical physical, int32_t type_length,
                   int32_t encoding, const void *data, size_t size,
                   const struct mr_parquet_dictionary *dictionary, struct mr_error *error);
void mr_values_release(struct mr_values_reader *v);
/* Exactly n <= MR_VALUES_PIECE values in their form. Views point into the page, the dictionary, or *heap, a
 * new buffer that the caller unrefs (NULL: not used). false: the page is damaged. *no_memory tells of a
 * failed allocation. */
bool mr_values_read(struct mr_values_reader *v, void *out, size_t n, struct mr_buffer **heap,
                    bool *no_memory);
/* Decodes a dictionary page of count values. */
int mr_dictionary_decode(struct mr_parquet_dictionary *out, enum mr_parquet_physical physical,
                         int32_t type_length, const void *data, size_t size, uint32_t count,
                         struct mr_error *error);
const char *mr_encoding_name(int32_t encoding);

#endif
