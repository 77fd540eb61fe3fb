/* formats/parquet/thrift.h: Thrift's compact protocol, as much of it as Parquet's footer and page headers
 * use.
 *
 * Reading is bounds-checked throughout: after anything odd `failed` is set, every later read gives zero, and
 * field loops end, so that a parser needs to look at `failed` only once. */
#ifndef MR_PARQUET_THRIFT_H
#define MR_PARQUET_THRIFT_H

#include "base/varint.h"

enum mr_thrift_type {
    MR_THRIFT_STOP = 0,
    MR_THRIFT_TRUE = 1,
    MR_THRIFT_FALSE = 2,
    MR_THRIFT_BYTE = 3,
    MR_THRIFT_I16 = 4,
    MR_THRIFT_I32 = 5,
    MR_THRIFT_I64 = 6,
    MR_THRIFT_DOUBLE = 7,
    MR_THRIFT_BINARY = 8,
    MR_THRIFT_LIST = 9,
    MR_THRIFT_SET = 10,
    MR_THRIFT_MAP = 11,
    MR_THRIFT_STRUCT = 12,
};

#define MR_THRIFT_DEPTH 64 /* structs within structs */

/* ---- writing ---- */
struct mr_thrift_writer {
    struct mr_text *out;
    int16_t last[MR_THRIFT_DEPTH]; /* field id written last, per open struct */
    int depth;
};
void mr_thrift_writer_init(struct mr_thrift_writer *w, struct mr_text *out); /* opens the outermost struct */
void mr_thrift_end(struct mr_thrift_writer *w);                              /* closes the innermost struct */
void mr_thrift_struct(struct mr_thrift_writer *w, int16_t id); /* a field that is a struct, opened */
void mr_thrift_i32(struct mr_thrift_writer *w, int16_t id, int32_t value);
void mr_thrift_i64(struct mr_thrift_writer *w, int16_t id, int64_t value);
void mr_thrift_i16(struct mr_thrift_writer *w, int16_t id, int16_t value);
void mr_thrift_byte(struct mr_thrift_writer *w, int16_t id, int8_t value);
void mr_thrift_bool(struct mr_thrift_writer *w, int16_t id, bool value);
void mr_thrift_binary(struct mr_thrift_writer *w, int16_t id, const void *data, size_t size);
void mr_thrift_list(struct mr_thrift_writer *w, int16_t id, enum mr_thrift_type element, size_t count);
/* Elements of a list: values without a field header; a struct element is opened by element_struct, closed by
 * end. */
void mr_thrift_element_struct(struct mr_thrift_writer *w);
void mr_thrift_element_i32(struct mr_thrift_writer *w, int32_t value);
void mr_thrift_element_binary(struct mr_thrift_writer *w, const void *data, size_t size);

/* ---- reading ---- */
struct mr_thrift_reader {
    const uint8_t *start, *at, *end;
    bool failed;
    bool short_input; /* failed only because the input ended: more bytes may help */
    bool no_memory;   /* failed because a parser had none for what it read */
    int depth;
};
struct mr_thrift_field { /* start each struct with a zeroed one */
    int16_t id;
    enum mr_thrift_type type;
};
void mr_thrift_reader_init(struct mr_thrift_reader *r, const void *data, size_t size);
/* The next field of the struct, or false at its end (or failure). Each field must be read or skipped. */
bool mr_thrift_next(struct mr_thrift_reader *r, struct mr_thrift_field *field);
void mr_thrift_skip(struct mr_thrift_reader *r, enum mr_thrift_type type);
/* Values of the current field; a field of another type than asked for fails. */
int64_t mr_thrift_read_int(struct mr_thrift_reader *r, enum mr_thrift_type type); /* BYTE, I16, I32, I64 */
int32_t mr_thrift_read_i32(struct mr_thrift_reader *r, enum mr_thrift_type type); /* out of 32 bits: fails */
bool mr_thrift_read_bool(struct mr_thrift_reader *r, enum mr_thrift_type type);
struct mr_str mr_thrift_read_binary(struct mr_thrift_reader *r,
                                    enum mr_thrift_type type); /* view of the input */
/* Count of a list whose elements are of that type; never more than bytes are left. */
size_t mr_thrift_read_list(struct mr_thrift_reader *r, enum mr_thrift_type type, enum mr_thrift_type element);
/* Marks a nested struct, so that depth is bounded; false when too deep or not a struct. leave after its last
 * field. */
bool mr_thrift_enter(struct mr_thrift_reader *r, enum mr_thrift_type type);
void mr_thrift_leave(struct mr_thrift_reader *r);
uint64_t mr_thrift_read_varint(struct mr_thrift_reader *r);

#endif
