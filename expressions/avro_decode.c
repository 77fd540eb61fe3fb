/* expressions/avro_decode.c: bytes of one message -> one row, by the steps of a plan. */
#include "expressions/avro_decode.h"

#include "base/varint.h"
#include "columns/value.h"
#include "expressions/append.h"
#include "expressions/message_call.h"

/* Values that take no bytes (NULL, empty records) cost a sender nothing; this many of them are enough in one
 * message. */
#define MOST_FREE_ITEMS (1 << 16)
#define MOST_DEPTH 1000 /* of what is skipped; what is read is as deep as its type */

struct input {
    const uint8_t *start, *at, *end;
    int64_t free_items;
    struct mr_error *error;
};

static int decode(struct input *in, const struct mr_avro_step *step, struct mr_column *column);

static int __attribute__((cold, noinline)) bad(struct input *in, const char *what)
{
    int64_t offset = in->at - in->start;
    mr_error_set(in->error, MR_E_DATA, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                 "The Avro message is malformed at byte %lld of %lld: %s.", (long long)offset,
                 (long long)(in->end - in->start), what);
    return mr_error_at(in->error, NULL, 0, 0, offset);
}

/* ---- numbers ---- */
static int read_varint(struct input *in, int most_bytes, uint64_t *out)
{
    const char *start = (const char *)in->at, *at = start;
    ptrdiff_t left = in->end - in->at;
    if (!mr_varint_get(&at, start + (left < most_bytes ? left : most_bytes), out))
        return bad(in, at - start < most_bytes ? "it ends within a number" : "a number is too long");
    in->at += at - start;
    return MR_OK;
}

static inline int read_long(struct input *in, int64_t *out)
{
    uint64_t raw;
    if (in->at < in->end && *in->at < 0x80)
        raw = *in->at++;
    else
        MR_TRY(read_varint(in, MR_VARINT_BYTES, &raw));
    *out = mr_unzigzag(raw);
    return MR_OK;
}

static inline int read_int(struct input *in, int32_t *out)
{
    uint64_t raw;
    if (in->at < in->end && *in->at < 0x80)
        raw = *in->at++;
    else
        MR_TRY(read_varint(in, 5, &raw));
    *out = (int32_t)((uint32_t)raw >> 1) ^ -(int32_t)(raw & 1);
    return MR_OK;
}

static int read_integer(struct input *in, enum mr_avro_kind wire, int64_t *out)
{
    int32_t narrow = 0;
    if (wire == MR_AVRO_LONG)
        return read_long(in, out);
    MR_TRY(read_int(in, &narrow));
    *out = narrow;
    return MR_OK;
}

static int take(struct input *in, int64_t size, struct mr_str *out)
{
    if (size < 0)
        return bad(in, "a length is negative");
    if (size > in->end - in->at)
        return bad(in, "it ends within a value");
    *out = (struct mr_str){(const char *)in->at, (size_t)size};
    in->at += size;
    return MR_OK;
}

static int read_bytes(struct input *in, const struct mr_avro_schema *writer, struct mr_str *out)
{
    int64_t size = writer->size_bytes;
    if (writer->kind != MR_AVRO_FIXED)
        MR_TRY(read_long(in, &size));
    return take(in, size, out);
}

/* Items of the next block of an array or map; 0: the end. A negative number is followed by the block's size
 * in bytes; -1 in *size when there is none. */
static int read_block(struct input *in, int64_t *count, int64_t *size)
{
    MR_TRY(read_long(in, count));
    *size = -1;
    if (*count >= 0)
        return MR_OK;
    if (*count == INT64_MIN)
        return bad(in, "a block has too many items");
    *count = -*count;
    MR_TRY(read_long(in, size));
    return *size < 0 ? bad(in, "a length is negative") : MR_OK;
}

static int free_item(struct input *in, const uint8_t *before)
{
    if (in->at == before && --in->free_items < 0)
        return bad(in, "it has too many items that take no bytes");
    return MR_OK;
}

/* ---- what nobody wants ---- */
static int skip(struct input *in, const struct mr_avro_schema *schema, int depth);

static int skip_list(struct input *in, const struct mr_avro_schema *schema, int depth)
{
    for (;;) {
        int64_t count, size;
        struct mr_str piece;
        MR_TRY(read_block(in, &count, &size));
        if (count == 0)
            return MR_OK;
        if (size >= 0) {
            MR_TRY(take(in, size, &piece));
            continue;
        }
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *before = in->at;
            if (schema->kind == MR_AVRO_MAP) {
                MR_TRY(read_long(in, &size));
                MR_TRY(take(in, size, &piece));
            }
            MR_TRY(skip(in, schema->fields[0].schema, depth + 1));
            MR_TRY(free_item(in, before));
        }
    }
}

static int skip(struct input *in, const struct mr_avro_schema *schema, int depth)
{
    int64_t number = 0;
    struct mr_str piece;
    if (depth > MOST_DEPTH)
        return bad(in, "it is nested too deeply");
    switch (schema->kind) {
    case MR_AVRO_NULL:
        return MR_OK;
    case MR_AVRO_BOOLEAN:
        return take(in, 1, &piece);
    case MR_AVRO_INT:
    case MR_AVRO_ENUM:
        return read_integer(in, MR_AVRO_INT, &number);
    case MR_AVRO_LONG:
        return read_long(in, &number);
    case MR_AVRO_FLOAT:
        return take(in, 4, &piece);
    case MR_AVRO_DOUBLE:
        return take(in, 8, &piece);
    case MR_AVRO_BYTES:
    case MR_AVRO_STRING:
    case MR_AVRO_FIXED:
        return read_bytes(in, schema, &piece);
    case MR_AVRO_RECORD:
        for (int i = 0; i < schema->count; i++)
            MR_TRY(skip(in, schema->fields[i].schema, depth + 1));
        return MR_OK;
    case MR_AVRO_UNION:
        MR_TRY(read_integer(in, MR_AVRO_INT, &number));
        if (number < 0 || number >= schema->count)
            return bad(in, "a union has no such branch");
        return skip(in, schema->fields[number].schema, depth + 1);
    default:
        return skip_list(in, schema, depth);
    }
}

/* ---- values ---- */
static int put_integer(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    int64_t value = 0, row;
    MR_TRY(read_integer(in, step->wire, &value));
    if (step->action == MR_AVRO_AS_MILLIS && __builtin_mul_overflow(value, 1000, &value))
        return bad(in, "a time is out of range");
    MR_TRY(mr_append_row(column, &row, in->error));
    switch (column->type->id) {
    case MR_FLOAT:
        column->f32[row] = (float)value;
        break;
    case MR_DOUBLE:
        column->f64[row] = (double)value;
        break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        column->i32[row] = (int32_t)value;
        break;
    default:
        column->i64[row] = value;
    }
    return MR_OK;
}

static int put_float(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    struct mr_str bytes;
    int64_t row;
    float single;
    double value;
    bool wide = step->wire == MR_AVRO_DOUBLE;
    MR_TRY(take(in, wide ? 8 : 4, &bytes));
    memcpy(&single, bytes.data, 4);
    if (wide)
        memcpy(&value, bytes.data, 8);
    else
        value = single;
    MR_TRY(mr_append_row(column, &row, in->error));
    if (column->type->id == MR_FLOAT)
        column->f32[row] = single;
    else
        column->f64[row] = value;
    return MR_OK;
}

static int put_decimal(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    struct mr_str bytes;
    int64_t row;
    MR_TRY(read_bytes(in, step->writer, &bytes));
    if (bytes.size == 0)
        return bad(in, "a decimal has no digits");
    uint8_t sign = bytes.data[0] & 0x80 ? 0xFF : 0;
    mr_u128 value = sign ? ~(mr_u128)0 : 0;
    size_t i = 0;
    while (bytes.size - i > 16 && (uint8_t)bytes.data[i] == sign)
        i++;
    if (bytes.size - i > 16)
        return bad(in, "a decimal is too large");
    bool negative = sign != 0;
    for (; i < bytes.size; i++)
        value = value << 8 | (uint8_t)bytes.data[i];
    if (((mr_i128)value < 0) != negative || !mr_decimal_fits((mr_i128)value, column->type->precision))
        return bad(in, "a decimal has more digits than its schema says");
    MR_TRY(mr_append_row(column, &row, in->error));
    mr_decimal_put(column, row, (mr_i128)value);
    return MR_OK;
}

static int put_symbol(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    int32_t number = 0;
    MR_TRY(read_int(in, &number));
    if (number < 0 || number >= step->count)
        return bad(in, "an enum has no such symbol");
    if (!step->symbols[number].data)
        return bad(in, "an enum's symbol is unknown to the reader");
    return mr_append_text(column, step->symbols[number], in->error);
}

static int put_list(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    bool map = step->wire == MR_AVRO_MAP;
    struct mr_column *values = column->children[map];
    int64_t first = values->length, row, count, size;
    for (;;) {
        MR_TRY(read_block(in, &count, &size));
        if (count == 0)
            break;
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *before = in->at;
            if (map) {
                struct mr_str key;
                MR_TRY(read_long(in, &size));
                MR_TRY(take(in, size, &key));
                MR_TRY(mr_append_view(column->children[0], key, in->error));
            }
            MR_TRY(decode(in, step->children[0], values));
            MR_TRY(free_item(in, before));
        }
    }
    if (map)
        MR_TRY(mr_message_last_keys(column, first, in->error));
    if (values->length > INT32_MAX)
        return bad(in, "it makes a batch of too many items");
    MR_TRY(mr_append_row(column, &row, in->error));
    column->offsets[row] = (int32_t)first;
    column->offsets[row + 1] = (int32_t)values->length;
    return MR_OK;
}

static int put_record(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    int64_t row;
    for (int i = 0; i < step->count; i++) {
        const struct mr_avro_step *child = step->children[i];
        MR_TRY(child->column < 0 ? skip(in, child->writer, 0)
                                 : decode(in, child, column->children[child->column]));
    }
    return mr_append_row(column, &row, in->error);
}

static int put_member(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    int64_t row;
    for (int i = 0; i < column->child_count; i++)
        MR_TRY(i == step->member ? decode(in, step->children[0], column->children[i])
                                 : mr_column_append_null(column->children[i], in->error));
    return mr_append_row(column, &row, in->error);
}

static int put_boolean(struct input *in, struct mr_column *column)
{
    struct mr_str byte;
    int64_t row;
    MR_TRY(take(in, 1, &byte));
    MR_TRY(mr_append_row(column, &row, in->error));
    column->booleans[row] = byte.data[0] == 1;
    return MR_OK;
}

static int decode(struct input *in, const struct mr_avro_step *step, struct mr_column *column)
{
    struct mr_str bytes;
    int32_t branch = 0;
    while (step->action == MR_AVRO_BRANCH) {
        MR_TRY(read_int(in, &branch));
        if (branch < 0 || branch >= step->count)
            return bad(in, "a union has no such branch");
        step = step->children[branch];
    }
    switch (step->action) {
    case MR_AVRO_FAIL:
        return bad(in, step->why);
    case MR_AVRO_AS_NULL:
        return mr_column_append_null(column, in->error);
    case MR_AVRO_AS_BOOLEAN:
        return put_boolean(in, column);
    case MR_AVRO_AS_INTEGER:
    case MR_AVRO_AS_MILLIS:
        return put_integer(in, step, column);
    case MR_AVRO_AS_FLOAT:
        return put_float(in, step, column);
    case MR_AVRO_AS_BYTES:
        MR_TRY(read_bytes(in, step->writer, &bytes));
        return mr_append_view(column, bytes, in->error);
    case MR_AVRO_AS_DECIMAL:
        return put_decimal(in, step, column);
    case MR_AVRO_AS_SYMBOL:
        return put_symbol(in, step, column);
    case MR_AVRO_AS_LIST:
        return put_list(in, step, column);
    case MR_AVRO_AS_RECORD:
        return put_record(in, step, column);
    case MR_AVRO_MEMBER:
        return put_member(in, step, column);
    case MR_AVRO_DEFAULT:
        return mr_column_append(column, step->constant, 0, false, in->error);
    default: /* SKIP stands in records only */
        return bad(in, "a value has no place");
    }
}

int mr_avro_decode(const struct mr_avro_plan *plan, struct mr_str message, size_t start,
                   struct mr_column *column, struct mr_error *error)
{
    const uint8_t *data = (const uint8_t *)message.data;
    struct input in = {data, data + start, data + message.size, MOST_FREE_ITEMS, error};
    int64_t length = column->length;
    int status = decode(&in, plan->root, column);
    if (status < 0)
        mr_append_undo(column, length);
    return status;
}
