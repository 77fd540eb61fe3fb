/* expressions/protobuf_encode.c: see protobuf_encode.h. Fields are written in the order of their numbers. */
#include "expressions/protobuf_encode.h"

#include <stdlib.h>

#include "base/varint.h"
#include "columns/value.h"
#include "expressions/protobuf_wire.h"

struct part { /* one field */
    const struct mr_proto_field *field;
    const struct mr_type *type;          /* of one value, be the field repeated or not */
    int column;                          /* of the struct; -1: the zero of a required field */
    const struct mr_proto_encoder *of;   /* of a message inside; MAP: of its entries */
    const struct mr_proto_field *inside; /* a wrapped value */
};
struct mr_proto_encoder {
    struct part *parts;
    int count;
};
struct maker {
    struct mr_arena *arena;
    bool case_sensitive;
    struct mr_error *error;
};

/* ---- plan ---- */
static int make(struct maker *m, const struct mr_type *type, const struct mr_proto_message *message,
                bool entry, const struct mr_proto_encoder **out);

static int does_not_fit(struct maker *m, const struct mr_type *type, const struct mr_proto_field *f)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, type);
    mr_error_set(m->error, MR_E_SQL, "UNABLE_TO_CONVERT_TO_PROTOBUF_MESSAGE_TYPE",
                 "A value of type %.300s cannot be written to the Protobuf field `%.*s`.", text.data,
                 (int)f->name.size, f->name.data);
    mr_error_parameter(m->error, "protobufType", "%.*s", (int)f->name.size, f->name.data);
    mr_error_parameter(m->error, "toType", "\"%.300s\"", text.data);
    mr_text_release(&text);
    return m->error->code;
}

static bool scalar_fits(const struct mr_type *type, enum mr_proto_kind kind)
{
    bool unsigned32 = kind == MR_PROTO_UINT32 || kind == MR_PROTO_FIXED32;
    bool any32 = unsigned32 || kind == MR_PROTO_INT32 || kind == MR_PROTO_SINT32 || kind == MR_PROTO_SFIXED32;
    bool any64 = kind == MR_PROTO_INT64 || kind == MR_PROTO_UINT64 || kind == MR_PROTO_SINT64 ||
                 kind == MR_PROTO_FIXED64 || kind == MR_PROTO_SFIXED64;
    switch (type->id) {
    case MR_BOOLEAN:
        return kind == MR_PROTO_BOOL;
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_DATE:
        return any32;
    case MR_INT:
        return any32 || kind == MR_PROTO_ENUM;
    case MR_BIGINT:
        return any64 || unsigned32;
    case MR_DECIMAL:
        return kind == MR_PROTO_UINT64 && type->precision == 20 && type->scale == 0;
    case MR_FLOAT:
        return kind == MR_PROTO_FLOAT;
    case MR_DOUBLE:
        return kind == MR_PROTO_DOUBLE;
    case MR_STRING:
        return kind == MR_PROTO_STRING || kind == MR_PROTO_ENUM;
    case MR_BINARY:
        return kind == MR_PROTO_BYTES;
    default:
        return false;
    }
}

static int make_part(struct maker *m, const struct mr_type *type, const struct mr_proto_field *f,
                     struct part *part)
{
    const struct mr_proto_message *message = f->message;
    part->field = f;
    part->type = type;
    if (type->id == MR_VOID)
        return MR_OK;
    if (message && f->repeated && type->id == MR_MAP && message->map_entry)
        return make(m, type, message, true, &part->of);
    if (f->repeated != (type->id == MR_ARRAY))
        return does_not_fit(m, type, f);
    if (f->repeated)
        type = part->type = type->fields[0].type;
    if (!message)
        return scalar_fits(type, f->kind) ? MR_OK : does_not_fit(m, type, f);
    if (type->id == MR_STRUCT)
        return make(m, type, message, false, &part->of);
    if ((type->id == MR_TIMESTAMP && mr_proto_is_moment(message, "Timestamp")) ||
        (type->id == MR_INTERVAL_DAY_TIME && mr_proto_is_moment(message, "Duration")))
        return MR_OK;
    part->inside = mr_proto_wrapped(message);
    return part->inside && scalar_fits(type, part->inside->kind) ? MR_OK : does_not_fit(m, type, f);
}

static int find_field(struct maker *m, const struct mr_proto_message *message, const char *name, int *out)
{
    *out = -1;
    for (int i = 0; i < message->count; i++) {
        struct mr_str a = message->fields[i].name, b = mr_str_of(name);
        if (!(m->case_sensitive ? mr_str_equal(a, b) : mr_str_equal_nocase(a, b)))
            continue;
        if (*out >= 0)
            return mr_error_set(m->error, MR_E_SQL, "AMBIGUOUS_COLUMN_OR_FIELD",
                                "Two fields of the Protobuf message %.*s are called `%s`.",
                                (int)message->full_name.size, message->full_name.data, name);
        *out = i;
    }
    if (*out >= 0)
        return MR_OK;
    mr_error_set(m->error, MR_E_SQL, "NO_SQL_TYPE_IN_PROTOBUF_SCHEMA",
                 "The Protobuf message %.*s has no field `%s`.", (int)message->full_name.size,
                 message->full_name.data, name);
    mr_error_parameter(m->error, "catalystFieldPath", "%s", name);
    return m->error->code;
}

static int by_number(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return (x->field->number > y->field->number) - (x->field->number < y->field->number);
}

/* entry: the type is a MAP, whose key and value are the message's fields. */
static int make(struct maker *m, const struct mr_type *type, const struct mr_proto_message *message,
                bool entry, const struct mr_proto_encoder **out)
{
    struct mr_proto_encoder *encoder = MR_ARENA_NEW(m->arena, struct mr_proto_encoder);
    struct part *parts = MR_ARENA_ARRAY(m->arena, struct part, type->field_count + message->count + 1);
    if (!encoder || !parts)
        return mr_error_memory(m->error, sizeof *encoder);
    encoder->parts = parts;
    *out = encoder;
    for (int c = 0; c < type->field_count; c++) {
        int field = c;
        if (!entry)
            MR_TRY(find_field(m, message, type->fields[c].name, &field));
        parts[encoder->count].column = c;
        MR_TRY(make_part(m, type->fields[c].type, &message->fields[field], &parts[encoder->count++]));
    }
    for (int i = 0; i < message->count; i++) {
        bool given = !message->fields[i].required;
        for (int k = 0; k < type->field_count; k++)
            given |= parts[k].field == &message->fields[i];
        if (given)
            continue;
        mr_error_set(m->error, MR_E_SQL, "PROTOBUF_FIELD_MISSING_IN_SQL_SCHEMA",
                     "The field %.*s of the Protobuf message %.*s is required; the value has none.",
                     (int)message->fields[i].name.size, message->fields[i].name.data,
                     (int)message->full_name.size, message->full_name.data);
        mr_error_parameter(m->error, "field", "%.*s", (int)message->fields[i].name.size,
                           message->fields[i].name.data);
        return m->error->code;
    }
    qsort(parts, (size_t)encoder->count, sizeof *parts, by_number);
    return MR_OK;
}

int mr_proto_encoder_make(struct mr_arena *arena, const struct mr_type *type,
                          const struct mr_proto_message *message, bool case_sensitive,
                          const struct mr_proto_encoder **out, struct mr_error *error)
{
    struct maker m = {arena, case_sensitive, error};
    return make(&m, type, message, false, out);
}

/* ---- values ---- */
static void put_tag(struct mr_text *out, const struct mr_proto_field *f, enum mr_wire_type type)
{
    mr_varint_append(out, (uint64_t)f->number << 3 | (uint64_t)type);
}

/* Puts the size of what was appended from `start` on before it. */
static void put_size_before(struct mr_text *out, size_t start)
{
    size_t size = out->size - start, width = 1;
    for (size_t rest = size; rest >= 0x80; rest >>= 7)
        width++;
    if (!mr_text_reserve(out, width))
        return;
    memmove(out->data + start + width, out->data + start, size);
    for (size_t i = 0, rest = size; i < width; i++, rest >>= 7)
        out->data[start + i] = (char)(i + 1 < width ? rest | 0x80 : rest);
    out->size += width;
    out->data[out->size] = 0;
}

static int wrong_value(const struct mr_proto_field *f, const char *why, struct mr_error *error)
{
    return mr_error_set(error, MR_E_DATA, "UNABLE_TO_CONVERT_TO_PROTOBUF_MESSAGE_TYPE",
                        "A value cannot be written to the Protobuf field `%.*s`: %s.", (int)f->name.size,
                        f->name.data, why);
}

static int symbol_number(const struct mr_proto_field *f, const struct mr_column *c, int64_t row,
                         uint64_t *out, struct mr_error *error)
{
    bool text = c->type->id == MR_STRING;
    struct mr_str name = text ? mr_view_str(&c->views[row]) : MR_STR("");
    char shown[24];
    for (int i = 0; i < f->symbols->count; i++) {
        const struct mr_proto_value *value = &f->symbols->values[i];
        if (text ? mr_str_equal(value->name, name) : value->number == c->i32[row]) {
            *out = (uint64_t)(int64_t)value->number;
            return MR_OK;
        }
    }
    if (!text)
        name = (struct mr_str){shown, mr_i64_text(c->i32[row], shown)};
    mr_error_set(error, MR_E_DATA, "CANNOT_CONVERT_SQL_VALUE_TO_PROTOBUF_ENUM_TYPE",
                 "'%.*s' is no value of the enum of the Protobuf field `%.*s`.",
                 (int)(name.size > 100 ? 100 : name.size), name.data, (int)f->name.size, f->name.data);
    mr_error_parameter(error, "protobufColumn", "%.*s", (int)f->name.size, f->name.data);
    mr_error_parameter(error, "data", "%.*s", (int)(name.size > 100 ? 100 : name.size), name.data);
    return error->code;
}

/* The number as it stands on the wire; *type says how wide. */
static int number_of(const struct mr_proto_field *f, const struct mr_column *c, int64_t row, uint64_t *out,
                     enum mr_wire_type *type, struct mr_error *error)
{
    uint32_t low;
    int64_t value = 0;
    *type = MR_WIRE_VARINT;
    *out = 0;
    if (f->kind == MR_PROTO_ENUM)
        return symbol_number(f, c, row, out, error);
    if (f->kind == MR_PROTO_FLOAT) {
        memcpy(&low, &c->f32[row], 4);
        *out = low;
        *type = MR_WIRE_FIXED32;
        return MR_OK;
    }
    if (f->kind == MR_PROTO_DOUBLE) {
        memcpy(out, &c->f64[row], 8);
        *type = MR_WIRE_FIXED64;
        return MR_OK;
    }
    if (c->type->id == MR_DECIMAL) {
        mr_i128 wide = mr_decimal_at(c, row);
        if (wide < 0 || wide > (mr_i128)UINT64_MAX)
            return wrong_value(f, "it is no unsigned number of 64 bits", error);
        *out = (uint64_t)wide;
        return MR_OK;
    }
    value = mr_integer_at(c, row);
    *out = (uint64_t)value;
    switch (f->kind) {
    case MR_PROTO_SINT32:
    case MR_PROTO_SINT64:
        *out = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
        return MR_OK;
    case MR_PROTO_UINT32:
    case MR_PROTO_FIXED32:
        if (c->type->id == MR_BIGINT && (value < 0 || value > UINT32_MAX))
            return wrong_value(f, "it is no unsigned number of 32 bits", error);
        *out = (uint32_t)value;
        *type = f->kind == MR_PROTO_FIXED32 ? MR_WIRE_FIXED32 : MR_WIRE_VARINT;
        return MR_OK;
    case MR_PROTO_SFIXED32:
        *type = MR_WIRE_FIXED32;
        return MR_OK;
    case MR_PROTO_FIXED64:
    case MR_PROTO_SFIXED64:
        *type = MR_WIRE_FIXED64;
        return MR_OK;
    default:
        return MR_OK;
    }
}

static void put_number(struct mr_text *out, uint64_t value, enum mr_wire_type type)
{
    if (type == MR_WIRE_VARINT)
        mr_varint_append(out, value);
    else
        mr_text_append(out, &value, type == MR_WIRE_FIXED32 ? 4 : 8);
}

/* zeros: zero is written, too. */
static int put_scalar(const struct mr_proto_field *f, const struct mr_column *c, int64_t row, bool zeros,
                      struct mr_text *out, struct mr_error *error)
{
    uint64_t value;
    enum mr_wire_type type;
    if (f->kind == MR_PROTO_STRING || f->kind == MR_PROTO_BYTES) {
        const struct mr_view *view = &c->views[row];
        if (view->size == 0 && !zeros)
            return MR_OK;
        put_tag(out, f, MR_WIRE_BYTES);
        mr_varint_append(out, view->size);
        mr_text_append(out, mr_view_data(view), view->size);
        return MR_OK;
    }
    MR_TRY(number_of(f, c, row, &value, &type, error));
    bool zero = f->kind == MR_PROTO_ENUM ? (int32_t)value == f->symbols->values[0].number : value == 0;
    if (zero && !zeros)
        return MR_OK;
    put_tag(out, f, type);
    put_number(out, value, type);
    return MR_OK;
}

static int put_fields(const struct mr_proto_encoder *e, struct mr_column *const *columns, int64_t row,
                      bool entry, struct mr_text *out, struct mr_error *error);

/* Seconds and nanos: of a time stamp nanos count forward; of a duration they have the sign of the seconds. */
static void put_moment(const struct part *part, int64_t micros, struct mr_text *out)
{
    int64_t seconds = micros / 1000000, rest = micros % 1000000;
    if (rest < 0 && part->type->id == MR_TIMESTAMP) {
        seconds--;
        rest += 1000000;
    }
    const int64_t values[2] = {seconds, rest * 1000};
    for (int i = 0; i < 2; i++)
        if (values[i] != 0) {
            put_tag(out, &part->field->message->fields[i], MR_WIRE_VARINT);
            mr_varint_append(out, (uint64_t)values[i]);
        }
}

static int put_message(const struct part *part, const struct mr_column *c, int64_t row, struct mr_text *out,
                       struct mr_error *error)
{
    bool group = part->field->kind == MR_PROTO_GROUP;
    put_tag(out, part->field, group ? MR_WIRE_START_GROUP : MR_WIRE_BYTES);
    size_t start = out->size;
    if (part->inside)
        MR_TRY(put_scalar(part->inside, c, row, part->inside->presence, out, error));
    else if (part->of)
        MR_TRY(put_fields(part->of, c->children, row, false, out, error));
    else
        put_moment(part, c->i64[row], out);
    if (group)
        put_tag(out, part->field, MR_WIRE_END_GROUP);
    else
        put_size_before(out, start);
    return MR_OK;
}

static int put_packed(const struct mr_proto_field *f, const struct mr_column *items, int32_t first,
                      int32_t end, struct mr_text *out, struct mr_error *error)
{
    uint64_t value;
    enum mr_wire_type type;
    if (first == end)
        return MR_OK;
    put_tag(out, f, MR_WIRE_BYTES);
    size_t start = out->size;
    for (int32_t i = first; i < end; i++) {
        if (mr_column_is_null(items, i))
            return wrong_value(f, "an element is NULL", error);
        MR_TRY(number_of(f, items, i, &value, &type, error));
        put_number(out, value, type);
    }
    put_size_before(out, start);
    return MR_OK;
}

static int put_repeated(const struct part *part, const struct mr_column *list, int64_t row,
                        struct mr_text *out, struct mr_error *error)
{
    const struct mr_proto_field *f = part->field;
    int32_t first = list->offsets[row], end = list->offsets[row + 1];
    if (f->packed)
        return put_packed(f, list->children[0], first, end, out, error);
    for (int32_t i = first; i < end; i++) {
        if (list->type->id == MR_MAP) {
            put_tag(out, f, MR_WIRE_BYTES);
            size_t start = out->size;
            MR_TRY(put_fields(part->of, list->children, i, true, out, error));
            put_size_before(out, start);
            continue;
        }
        if (mr_column_is_null(list->children[0], i))
            return wrong_value(f, "an element is NULL", error);
        MR_TRY(f->message ? put_message(part, list->children[0], i, out, error)
                          : put_scalar(f, list->children[0], i, true, out, error));
    }
    return MR_OK;
}

/* A required field that is NULL gets its zero. */
static int put_required(const struct mr_proto_field *f, struct mr_text *out, struct mr_error *error)
{
    if (f->message)
        return wrong_value(f, "it is NULL, and required", error);
    enum mr_wire_type type = mr_proto_wire(f->kind);
    put_tag(out, f, type);
    uint64_t zero = f->kind == MR_PROTO_ENUM ? (uint64_t)(int64_t)f->symbols->values[0].number : 0;
    put_number(out, zero, type == MR_WIRE_BYTES ? MR_WIRE_VARINT : type);
    return MR_OK;
}

/* entry: the zero of a key or value is written, and a value that is NULL is left out. */
static int put_fields(const struct mr_proto_encoder *e, struct mr_column *const *columns, int64_t row,
                      bool entry, struct mr_text *out, struct mr_error *error)
{
    for (int i = 0; i < e->count; i++) {
        const struct part *part = &e->parts[i];
        const struct mr_column *c = columns[part->column];
        const struct mr_proto_field *f = part->field;
        if (part->type->id == MR_VOID || mr_column_is_null(c, row)) {
            if (f->required)
                MR_TRY(put_required(f, out, error));
            continue;
        }
        if (f->repeated)
            MR_TRY(put_repeated(part, c, row, out, error));
        else if (f->message)
            MR_TRY(put_message(part, c, row, out, error));
        else
            MR_TRY(put_scalar(f, c, row, f->presence || entry, out, error));
    }
    return MR_OK;
}

int mr_proto_encode(const struct mr_proto_encoder *encoder, const struct mr_column *column, int64_t row,
                    struct mr_text *out, struct mr_error *error)
{
    MR_TRY(put_fields(encoder, column->children, row, false, out, error));
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}
