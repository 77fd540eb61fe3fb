/* formats/parquet/thrift.c: Thrift's compact protocol. Written by hand: Debian's libthrift is C++ and needs
 * generated code, and Parquet uses a dozen primitives of it. */
#include "formats/parquet/thrift.h"

#include <assert.h>

/* ---- writing ---- */

void mr_thrift_writer_init(struct mr_thrift_writer *w, struct mr_text *out)
{
    w->out = out;
    w->depth = 0;
    w->last[0] = 0;
}

static void open_struct(struct mr_thrift_writer *w)
{
    w->depth++;
    assert(w->depth < MR_THRIFT_DEPTH);
    w->last[w->depth] = 0;
}

static void field_header(struct mr_thrift_writer *w, int16_t id, enum mr_thrift_type type)
{
    int delta = id - w->last[w->depth];
    w->last[w->depth] = id;
    if (delta > 0 && delta <= 15) {
        mr_text_append_char(w->out, (char)(delta << 4 | type));
        return;
    }
    mr_text_append_char(w->out, (char)type);
    mr_varint_append(w->out, mr_zigzag(id));
}

void mr_thrift_end(struct mr_thrift_writer *w)
{
    mr_text_append_char(w->out, MR_THRIFT_STOP);
    w->depth--;
}

void mr_thrift_struct(struct mr_thrift_writer *w, int16_t id)
{
    field_header(w, id, MR_THRIFT_STRUCT);
    open_struct(w);
}

void mr_thrift_i32(struct mr_thrift_writer *w, int16_t id, int32_t value)
{
    field_header(w, id, MR_THRIFT_I32);
    mr_varint_append(w->out, mr_zigzag(value));
}

void mr_thrift_i64(struct mr_thrift_writer *w, int16_t id, int64_t value)
{
    field_header(w, id, MR_THRIFT_I64);
    mr_varint_append(w->out, mr_zigzag(value));
}

void mr_thrift_i16(struct mr_thrift_writer *w, int16_t id, int16_t value)
{
    field_header(w, id, MR_THRIFT_I16);
    mr_varint_append(w->out, mr_zigzag(value));
}

void mr_thrift_byte(struct mr_thrift_writer *w, int16_t id, int8_t value)
{
    field_header(w, id, MR_THRIFT_BYTE);
    mr_text_append_char(w->out, (char)value);
}

void mr_thrift_bool(struct mr_thrift_writer *w, int16_t id, bool value)
{
    field_header(w, id, value ? MR_THRIFT_TRUE : MR_THRIFT_FALSE);
}

void mr_thrift_element_binary(struct mr_thrift_writer *w, const void *data, size_t size)
{
    mr_varint_append(w->out, size);
    mr_text_append(w->out, data, size);
}

void mr_thrift_binary(struct mr_thrift_writer *w, int16_t id, const void *data, size_t size)
{
    field_header(w, id, MR_THRIFT_BINARY);
    mr_thrift_element_binary(w, data, size);
}

void mr_thrift_list(struct mr_thrift_writer *w, int16_t id, enum mr_thrift_type element, size_t count)
{
    field_header(w, id, MR_THRIFT_LIST);
    if (count < 15) {
        mr_text_append_char(w->out, (char)(count << 4 | element));
        return;
    }
    mr_text_append_char(w->out, (char)(0xf0 | element));
    mr_varint_append(w->out, count);
}

void mr_thrift_element_struct(struct mr_thrift_writer *w)
{
    open_struct(w);
}

void mr_thrift_element_i32(struct mr_thrift_writer *w, int32_t value)
{
    mr_varint_append(w->out, mr_zigzag(value));
}

/* ---- reading ---- */

void mr_thrift_reader_init(struct mr_thrift_reader *r, const void *data, size_t size)
{
    *r = (struct mr_thrift_reader){.start = data, .at = data, .end = (const uint8_t *)data + size};
}

static void fail(struct mr_thrift_reader *r)
{
    r->failed = true;
    r->at = r->end;
}

static void fail_short(struct mr_thrift_reader *r)
{
    r->short_input = r->short_input || !r->failed;
    fail(r);
}

static uint8_t read_byte(struct mr_thrift_reader *r)
{
    if (r->at >= r->end) {
        fail_short(r);
        return 0;
    }
    return *r->at++;
}

uint64_t mr_thrift_read_varint(struct mr_thrift_reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_byte(r);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return r->failed ? 0 : value;
    }
    fail(r); /* more than ten bytes */
    return 0;
}

bool mr_thrift_next(struct mr_thrift_reader *r, struct mr_thrift_field *field)
{
    uint8_t header = read_byte(r);
    if (r->failed || header == MR_THRIFT_STOP)
        return false;
    field->type = (enum mr_thrift_type)(header & 0x0f);
    if (field->type == MR_THRIFT_STOP || field->type > MR_THRIFT_STRUCT) {
        fail(r);
        return false;
    }
    if (header >> 4)
        field->id = (int16_t)(field->id + (header >> 4));
    else
        field->id = (int16_t)mr_unzigzag(mr_thrift_read_varint(r));
    return !r->failed;
}

int64_t mr_thrift_read_int(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    if (type == MR_THRIFT_BYTE)
        return (int8_t)read_byte(r);
    if (type < MR_THRIFT_I16 || type > MR_THRIFT_I64) {
        fail(r);
        return 0;
    }
    return mr_unzigzag(mr_thrift_read_varint(r));
}

int32_t mr_thrift_read_i32(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    int64_t value = mr_thrift_read_int(r, type);
    if (value < INT32_MIN || value > INT32_MAX) {
        fail(r);
        return 0;
    }
    return (int32_t)value;
}

bool mr_thrift_read_bool(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    if (type != MR_THRIFT_TRUE && type != MR_THRIFT_FALSE)
        fail(r);
    return type == MR_THRIFT_TRUE;
}

struct mr_str mr_thrift_read_binary(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    struct mr_str none = {"", 0};
    if (type != MR_THRIFT_BINARY) {
        fail(r);
        return none;
    }
    uint64_t size = mr_thrift_read_varint(r);
    if (r->failed)
        return none;
    if (size > (uint64_t)(r->end - r->at)) {
        fail_short(r);
        return none;
    }
    struct mr_str value = {(const char *)r->at, (size_t)size};
    r->at += size;
    return value;
}

static size_t read_list_header(struct mr_thrift_reader *r, enum mr_thrift_type *element)
{
    uint8_t header = read_byte(r);
    *element = (enum mr_thrift_type)(header & 0x0f);
    uint64_t count = header >> 4;
    if (count == 15)
        count = mr_thrift_read_varint(r);
    if (count > (uint64_t)(r->end - r->at)) { /* every element takes a byte at least */
        fail_short(r);
        count = 0;
    }
    return (size_t)count;
}

size_t mr_thrift_read_list(struct mr_thrift_reader *r, enum mr_thrift_type type, enum mr_thrift_type element)
{
    if (type != MR_THRIFT_LIST && type != MR_THRIFT_SET) {
        fail(r);
        return 0;
    }
    enum mr_thrift_type got;
    size_t count = read_list_header(r, &got);
    bool same = got == element || (element == MR_THRIFT_TRUE && got == MR_THRIFT_FALSE);
    if (count > 0 && !same) {
        fail(r);
        return 0;
    }
    return count;
}

bool mr_thrift_enter(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    if (type != MR_THRIFT_STRUCT || r->depth >= MR_THRIFT_DEPTH)
        fail(r);
    r->depth++;
    return !r->failed;
}

void mr_thrift_leave(struct mr_thrift_reader *r)
{
    r->depth--;
}

static void skip_bytes(struct mr_thrift_reader *r, uint64_t size)
{
    if (size > (uint64_t)(r->end - r->at))
        fail_short(r);
    else
        r->at += size;
}

static void skip_struct(struct mr_thrift_reader *r)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, MR_THRIFT_STRUCT))
        return;
    while (mr_thrift_next(r, &field))
        mr_thrift_skip(r, field.type);
    mr_thrift_leave(r);
}

/* Booleans take no byte as a field but one as an element. */
static void skip_element(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    if (type == MR_THRIFT_TRUE || type == MR_THRIFT_FALSE)
        skip_bytes(r, 1);
    else
        mr_thrift_skip(r, type);
}

static void skip_list(struct mr_thrift_reader *r)
{
    enum mr_thrift_type element;
    size_t count = read_list_header(r, &element);
    if (r->depth >= MR_THRIFT_DEPTH)
        fail(r);
    r->depth++;
    for (size_t i = 0; i < count && !r->failed; i++)
        skip_element(r, element);
    r->depth--;
}

static void skip_map(struct mr_thrift_reader *r)
{
    uint64_t count = mr_thrift_read_varint(r);
    if (count == 0)
        return;
    uint8_t types = read_byte(r);
    if (r->depth >= MR_THRIFT_DEPTH)
        fail(r);
    r->depth++;
    for (uint64_t i = 0; i < count && !r->failed; i++) {
        skip_element(r, (enum mr_thrift_type)(types >> 4));
        skip_element(r, (enum mr_thrift_type)(types & 0x0f));
    }
    r->depth--;
}

void mr_thrift_skip(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    switch (type) {
    case MR_THRIFT_TRUE:
    case MR_THRIFT_FALSE:
        return;
    case MR_THRIFT_BYTE:
        skip_bytes(r, 1);
        return;
    case MR_THRIFT_I16:
    case MR_THRIFT_I32:
    case MR_THRIFT_I64:
        mr_thrift_read_varint(r);
        return;
    case MR_THRIFT_DOUBLE:
        skip_bytes(r, 8);
        return;
    case MR_THRIFT_BINARY:
        mr_thrift_read_binary(r, type);
        return;
    case MR_THRIFT_LIST:
    case MR_THRIFT_SET:
        skip_list(r);
        return;
    case MR_THRIFT_MAP:
        skip_map(r);
        return;
    case MR_THRIFT_STRUCT:
        skip_struct(r);
        return;
    default:
        fail(r);
    }
}
