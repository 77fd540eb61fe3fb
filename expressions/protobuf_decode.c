/* expressions/protobuf_decode.c: see protobuf_decode.h. */
#include "expressions/protobuf_decode.h"

#include <stdio.h>

#include "base/json.h"
#include "columns/value.h"
#include "expressions/append.h"
#include "expressions/message_call.h"
#include "expressions/protobuf_json.h"
#include "expressions/protobuf_wire.h"

enum action {
    SCALAR,
    MOMENT,  /* seconds and nanos: microseconds */
    WRAPPED, /* the one value inside */
    MESSAGE,
    ENTRY, /* of a map */
    ANY,   /* its JSON */
};
struct step { /* of one field */
    const struct mr_proto_field *field;
    enum action action;
    int column;                     /* of the struct; -1: nobody wants it */
    const struct mr_proto_plan *of; /* MESSAGE, ENTRY */
    bool never_null;                /* zero, or empty, stands for what is missing */
};
struct mr_proto_plan {
    const struct mr_proto_message *message;
    struct step *steps; /* by the message's fields */
    int column_count;
    bool root, enums_as_ints;
    const struct mr_proto_set *any_types;
};
struct input {
    struct mr_wire w;
    const uint8_t *start;
    struct mr_error *error;
};

/* ---- plan ---- */
struct planner {
    struct mr_arena *arena;
    const struct mr_proto_options *options;
    struct mr_error *error;
};

static int make(struct planner *p, const struct mr_proto_message *message, const struct mr_type *type,
                bool entry, const struct mr_proto_plan **out);

static int column_of(const struct mr_type *type, struct mr_str name)
{
    for (int i = 0; i < type->field_count; i++)
        if (mr_str_equal(mr_str_of(type->fields[i].name), name))
            return i;
    return -1;
}

static int make_step(struct planner *p, const struct mr_proto_field *f, const struct mr_type *type,
                     bool entry, struct step *step)
{
    const struct mr_proto_message *m = f->message;
    const struct mr_type *value = step->column < 0 ? NULL : type->fields[step->column].type;
    step->field = f;
    step->never_null =
        !f->repeated && ((p->options->emit_defaults && !f->presence) || f->fallback.data || entry);
    if (!value || !m)
        return MR_OK;
    if (f->repeated && value->id == MR_ARRAY)
        value = value->fields[0].type;
    if (value->id == MR_MAP) {
        step->action = ENTRY;
        return make(p, m, value, true, &step->of);
    }
    if (value->id == MR_STRUCT) {
        step->action = MESSAGE;
        return make(p, m, value, false, &step->of);
    }
    if (mr_proto_is_any(m)) {
        step->action = ANY;
        return MR_OK;
    }
    step->action = value->id == MR_TIMESTAMP || value->id == MR_INTERVAL_DAY_TIME ? MOMENT : WRAPPED;
    return MR_OK;
}

/* entry: the type is a MAP, whose key and value are the message's fields. */
static int make(struct planner *p, const struct mr_proto_message *message, const struct mr_type *type,
                bool entry, const struct mr_proto_plan **out)
{
    struct mr_proto_plan *plan = MR_ARENA_NEW(p->arena, struct mr_proto_plan);
    struct step *steps = MR_ARENA_ARRAY(p->arena, struct step, message->count + 1);
    if (!plan || !steps)
        return mr_error_memory(p->error, sizeof *plan);
    plan->message = message;
    plan->steps = steps;
    plan->column_count = type->field_count;
    plan->enums_as_ints = p->options->enums_as_ints;
    plan->any_types = p->options->any_types;
    *out = plan;
    for (int i = 0; i < message->count; i++) {
        steps[i].column = entry ? i : column_of(type, message->fields[i].name);
        MR_TRY(make_step(p, &message->fields[i], type, entry, &steps[i]));
    }
    return MR_OK;
}

int mr_proto_plan_make(struct mr_arena *arena, const struct mr_proto_message *message,
                       const struct mr_type *type, const struct mr_proto_options *options,
                       const struct mr_proto_plan **out, struct mr_error *error)
{
    struct planner p = {arena, options, error};
    MR_TRY(make(&p, message, type, false, out));
    ((struct mr_proto_plan *)*out)->root = true;
    return MR_OK;
}

/* ---- errors ---- */
static int __attribute__((cold, noinline)) bad(struct input *in, const char *what)
{
    int64_t offset = in->w.at - in->start;
    mr_error_set(in->error, MR_E_DATA, "MALFORMED_PROTOBUF_MESSAGE",
                 "The Protobuf message is malformed at byte %lld: %s. The mode PERMISSIVE makes it NULL.",
                 (long long)offset, what);
    mr_error_parameter(in->error, "failFastMode", "FAILFAST");
    return mr_error_at(in->error, NULL, 0, 0, offset);
}

static int __attribute__((cold, noinline))
bad_field(struct input *in, const struct mr_proto_field *f, const char *what)
{
    char text[200];
    int size = f->name.size > 100 ? 100 : (int)f->name.size;
    snprintf(text, sizeof text, "the field %.*s %s", size, f->name.data, what);
    return bad(in, text);
}

/* ---- scalars ---- */
/* The row of a singular value: there already, or new. */
static int place(struct mr_column *column, int64_t row, struct mr_error *error)
{
    if (column->length > row) {
        mr_column_set_valid(column, row);
        return MR_OK;
    }
    return mr_append_row(column, &row, error);
}

static const struct mr_proto_value *symbol_of(const struct mr_proto_enum *e, int32_t number)
{
    if (number >= 0 && number < e->count && e->values[number].number == number)
        return &e->values[number];
    for (int i = 0; i < e->count; i++)
        if (e->values[i].number == number)
            return &e->values[i];
    return NULL;
}

static int put_symbol(struct input *in, const struct mr_proto_enum *e, int32_t number,
                      struct mr_column *column, int64_t row)
{
    const struct mr_proto_value *value = symbol_of(e, number);
    char text[300];
    if (column->type->id == MR_INT) {
        column->i32[row] = number;
        return MR_OK;
    }
    if (value)
        return mr_column_set_bytes(column, row, value->name.data, value->name.size, in->error);
    int size = snprintf(text, sizeof text, "UNKNOWN_ENUM_VALUE_%.*s_%d",
                        (int)(e->name.size > 200 ? 200 : e->name.size), e->name.data, number);
    return mr_column_set_bytes(column, row, text, (size_t)size, in->error);
}

/* proto2 allows any bytes; what is no UTF-8 becomes U+FFFD, as in Java. */
static int put_cleaned(struct input *in, struct mr_str text, struct mr_column *column, int64_t row)
{
    struct mr_text clean;
    mr_text_init(&clean);
    for (size_t i = 0; i < text.size;) {
        size_t size = mr_utf8_character_size(text.data + i, text.size - i);
        mr_text_append(&clean, size ? text.data + i : "\xEF\xBF\xBD", size ? size : 3);
        i += size ? size : 1;
    }
    int status = clean.failed ? mr_error_memory(in->error, clean.size)
                              : mr_column_set_bytes(column, row, clean.data, clean.size, in->error);
    mr_text_release(&clean);
    return status;
}

static int put_text(struct input *in, const struct mr_proto_field *f, struct mr_str text,
                    struct mr_column *column, int64_t row)
{
    if (f->kind == MR_PROTO_STRING && mr_utf8_valid_prefix(text) < text.size)
        return f->utf8 ? bad_field(in, f, "is not valid UTF-8") : put_cleaned(in, text, column, row);
    column->views[row] = mr_view_of(text.data, (uint32_t)text.size);
    return MR_OK;
}

/* Writes the value to a row that is there. raw: of numbers, as on the wire. */
static int put_scalar(struct input *in, const struct mr_proto_field *f, uint64_t raw, struct mr_str text,
                      struct mr_column *column, int64_t row)
{
    uint32_t low = (uint32_t)raw;
    switch (f->kind) {
    case MR_PROTO_STRING:
    case MR_PROTO_BYTES:
        return put_text(in, f, text, column, row);
    case MR_PROTO_BOOL:
        column->booleans[row] = raw != 0;
        return MR_OK;
    case MR_PROTO_ENUM:
        return put_symbol(in, f->symbols, (int32_t)low, column, row);
    case MR_PROTO_FLOAT:
        memcpy(&column->f32[row], &low, 4);
        return MR_OK;
    case MR_PROTO_DOUBLE:
        memcpy(&column->f64[row], &raw, 8);
        return MR_OK;
    case MR_PROTO_SINT32:
        column->i32[row] = (int32_t)(low >> 1) ^ -(int32_t)(low & 1);
        return MR_OK;
    case MR_PROTO_SINT64:
        column->i64[row] = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
        return MR_OK;
    case MR_PROTO_UINT64:
        if (column->type->id == MR_DECIMAL)
            column->i128[row] = (mr_i128)raw;
        else
            column->i64[row] = (int64_t)raw;
        return MR_OK;
    case MR_PROTO_UINT32:
        if (column->type->id == MR_BIGINT) {
            column->i64[row] = low;
            return MR_OK;
        }
        column->i32[row] = (int32_t)low;
        return MR_OK;
    case MR_PROTO_INT64:
    case MR_PROTO_FIXED64:
    case MR_PROTO_SFIXED64:
        column->i64[row] = (int64_t)raw;
        return MR_OK;
    default:
        column->i32[row] = (int32_t)low;
        return MR_OK;
    }
}

static bool is_zero(const struct mr_proto_field *f, const struct mr_wire_field *value)
{
    if (f->kind == MR_PROTO_ENUM)
        return (int32_t)value->value == f->symbols->values[0].number;
    if (f->kind == MR_PROTO_BOOL || f->kind == MR_PROTO_INT64 || mr_proto_wire(f->kind) == MR_WIRE_FIXED64 ||
        f->kind == MR_PROTO_UINT64 || f->kind == MR_PROTO_SINT64)
        return value->value == 0;
    return mr_proto_wire(f->kind) == MR_WIRE_BYTES ? value->bytes.size == 0 : (uint32_t)value->value == 0;
}

/* A number without a name in an enum of proto2 is no value at all. */
static bool is_no_value(const struct mr_proto_field *f, uint64_t raw)
{
    return f->kind == MR_PROTO_ENUM && f->symbols->closed && !symbol_of(f->symbols, (int32_t)raw);
}

static int read_fields(struct input *in, const struct mr_proto_plan *plan, struct mr_column *const *columns,
                       int64_t row, uint32_t group);

/* ---- messages inside ---- */
/* Runs the body with the input narrowed to the bytes of a field. */
#define WITHIN(in, bytes_, status_, call_)                                                                   \
    do {                                                                                                     \
        struct mr_wire outer_ = (in)->w;                                                                     \
        (in)->w = mr_wire_of(bytes_);                                                                        \
        status_ = (call_);                                                                                   \
        (in)->w = outer_;                                                                                    \
    } while (0)

/* One number of a message inside: seconds, nanos, or what is wrapped. */
static int find_inside(struct input *in, const struct mr_proto_message *m, uint64_t raw[2],
                       struct mr_str *text, bool seen[2])
{
    struct mr_wire_field value;
    while (in->w.at < in->w.end) {
        value = (struct mr_wire_field){0};
        if (!mr_wire_next(&in->w, &value) ||
            (value.type == MR_WIRE_START_GROUP && !mr_wire_skip_group(&in->w, value.number, 0)))
            return bad(in, in->w.problem);
        if (value.type == MR_WIRE_END_GROUP)
            return bad(in, "a group ends that did not begin");
        for (int i = 0; i < m->count && i < 2; i++)
            if (m->fields[i].number == value.number && mr_proto_wire(m->fields[i].kind) == value.type) {
                raw[i] = value.value;
                *text = value.bytes;
                seen[i] = !is_zero(&m->fields[i], &value);
            }
    }
    return MR_OK;
}

static int read_moment(struct input *in, const struct mr_proto_message *m, struct mr_column *column,
                       int64_t row)
{
    uint64_t raw[2] = {0, 0};
    bool seen[2] = {false, false};
    struct mr_str text = {NULL, 0};
    int64_t micros;
    MR_TRY(find_inside(in, m, raw, &text, seen));
    if (__builtin_mul_overflow((int64_t)raw[0], (int64_t)1000000, &micros) ||
        __builtin_add_overflow(micros, (int64_t)((int32_t)raw[1] / 1000), &micros))
        return bad(in, "a time is out of range");
    MR_TRY(place(column, row, in->error));
    column->i64[row] = micros;
    return MR_OK;
}

static int read_wrapped(struct input *in, const struct step *step, struct mr_column *column, int64_t row,
                        bool zeros)
{
    uint64_t raw[2] = {0, 0};
    bool seen[2] = {false, false};
    struct mr_str text = {NULL, 0};
    const struct mr_proto_field *f = &step->field->message->fields[0];
    MR_TRY(find_inside(in, step->field->message, raw, &text, seen));
    MR_TRY(place(column, row, in->error));
    if (!seen[0] && !zeros)
        return mr_column_set_null(column, row, in->error);
    return put_scalar(in, f, raw[0], text.data ? text : MR_STR(""), column, row);
}

static int read_any(struct input *in, const struct mr_proto_plan *plan, struct mr_str bytes,
                    struct mr_column *column, int64_t row)
{
    struct mr_text text;
    const char *problem;
    mr_text_init(&text);
    int status = mr_proto_any_json(plan->any_types, plan->enums_as_ints, bytes, &text, &problem)
                     ? place(column, row, in->error)
                     : bad(in, problem);
    if (status == MR_OK)
        status = mr_column_set_bytes(column, row, text.data, text.size, in->error);
    mr_text_release(&text);
    return status;
}

static int read_struct(struct input *in, const struct mr_proto_plan *plan, struct mr_column *column,
                       int64_t row, uint32_t group)
{
    if (column->length > row && mr_column_is_null(column, row))
        mr_append_undo(column, row);
    MR_TRY(read_fields(in, plan, column->children, row, group));
    return place(column, row, in->error);
}

/* One message into a row of column: the value of a field, an element, an entry. */
static int read_message(struct input *in, const struct mr_proto_plan *plan, const struct step *step,
                        const struct mr_wire_field *value, struct mr_column *column, int64_t row)
{
    int status = MR_OK;
    if (value->type == MR_WIRE_START_GROUP && step->action == MESSAGE)
        return read_struct(in, step->of, column, row, value->number);
    if (value->type == MR_WIRE_START_GROUP)
        return bad_field(in, step->field, "is a group of a type that is none");
    if (step->action == ANY)
        return read_any(in, plan, value->bytes, column, row);
    if (step->action == MOMENT)
        WITHIN(in, value->bytes, status, read_moment(in, step->field->message, column, row));
    else if (step->action == WRAPPED)
        WITHIN(in, value->bytes, status, read_wrapped(in, step, column, row, step->never_null));
    else
        WITHIN(in, value->bytes, status, read_struct(in, step->of, column, row, 0));
    return status;
}

/* ---- fields ---- */
static int read_packed(struct input *in, const struct mr_proto_field *f, struct mr_column *items)
{
    enum mr_wire_type type = mr_proto_wire(f->kind);
    size_t width = type == MR_WIRE_FIXED64 ? 8 : type == MR_WIRE_FIXED32 ? 4 : 0;
    struct mr_str none = {NULL, 0};
    while (in->w.at < in->w.end) {
        uint64_t raw = 0;
        int64_t row;
        if (width > 0) {
            if ((size_t)(in->w.end - in->w.at) < width)
                return bad(in, "it ends within a number");
            memcpy(&raw, in->w.at, width);
            in->w.at += width;
        } else if (!mr_wire_varint(&in->w, &raw)) {
            return bad(in, in->w.problem);
        }
        if (is_no_value(f, raw))
            continue;
        MR_TRY(mr_append_row(items, &row, in->error));
        MR_TRY(put_scalar(in, f, raw, none, items, row));
    }
    return MR_OK;
}

static int read_repeated(struct input *in, const struct mr_proto_plan *plan, const struct step *step,
                         const struct mr_wire_field *value, struct mr_column *list)
{
    struct mr_column *items = list->children[0];
    int status = MR_OK;
    int64_t row;
    if (step->action == ENTRY) {
        WITHIN(in, value->bytes, status, read_fields(in, step->of, list->children, items->length, 0));
        return status;
    }
    if (step->action != SCALAR)
        return read_message(in, plan, step, value, items, items->length);
    if (value->type == MR_WIRE_BYTES && mr_proto_wire(step->field->kind) != MR_WIRE_BYTES) {
        WITHIN(in, value->bytes, status, read_packed(in, step->field, items));
        return status;
    }
    MR_TRY(mr_append_row(items, &row, in->error));
    return put_scalar(in, step->field, value->value, value->bytes, items, row);
}

/* The other members of the oneof have never been. */
static void clear_others(const struct mr_proto_plan *plan, const struct step *kept,
                         struct mr_column *const *columns, int64_t row)
{
    for (int i = 0; i < plan->message->count; i++) {
        const struct step *other = &plan->steps[i];
        if (other != kept && other->field->oneof == kept->field->oneof && other->column >= 0 &&
            columns[other->column]->length > row)
            mr_append_undo(columns[other->column], row);
    }
}

static int read_field(struct input *in, const struct mr_proto_plan *plan, const struct step *step,
                      const struct mr_wire_field *value, struct mr_column *const *columns, int64_t row)
{
    const struct mr_proto_field *f = step->field;
    enum mr_wire_type type = mr_proto_wire(f->kind);
    bool packed = f->repeated && value->type == MR_WIRE_BYTES && type != MR_WIRE_START_GROUP;
    bool other_type = value->type != type && !packed;
    if (other_type && plan->root)
        return bad_field(in, f, "has another type than the schema says");
    if (!other_type && !packed && is_no_value(f, value->value)) {
        if (plan->root)
            return bad_field(in, f, "has a number that its enum does not name");
        return MR_OK;
    }
    if (!other_type && f->oneof >= 0)
        clear_others(plan, step, columns, row);
    if (other_type || step->column < 0) {
        if (value->type == MR_WIRE_START_GROUP && !mr_wire_skip_group(&in->w, value->number, 0))
            return bad(in, in->w.problem);
        return MR_OK;
    }
    struct mr_column *column = columns[step->column];
    if (f->repeated)
        return read_repeated(in, plan, step, value, column);
    if (step->action != SCALAR)
        return read_message(in, plan, step, value, column, row);
    if (!f->presence && !step->never_null && is_zero(f, value)) {
        if (column->length > row)
            mr_append_undo(column, row);
        return MR_OK;
    }
    MR_TRY(place(column, row, in->error));
    return put_scalar(in, f, value->value, value->bytes, column, row);
}

static const struct step *find_step(const struct mr_proto_plan *plan, uint32_t number, int *hint)
{
    const struct mr_proto_message *m = plan->message;
    for (int k = 0; k < m->count; k++) {
        int i = *hint + k < m->count ? *hint + k : *hint + k - m->count;
        if (m->fields[i].number == number) {
            *hint = m->fields[i].repeated || i + 1 == m->count ? i : i + 1;
            return &plan->steps[i];
        }
    }
    return NULL;
}

/* ---- what did not come ---- */
static int put_default(struct input *in, const struct step *step, struct mr_column *column)
{
    const struct mr_proto_field *f = step->field;
    int64_t row;
    double number = 0;
    float single;
    uint64_t raw = 0;
    struct mr_str text = f->fallback;
    MR_TRY(mr_append_row(column, &row, in->error));
    if (!text.data) {
        raw = f->kind == MR_PROTO_ENUM ? (uint64_t)(int64_t)f->symbols->values[0].number : 0;
        return put_scalar(in, f, raw, MR_STR(""), column, row);
    }
    switch (f->kind) {
    case MR_PROTO_STRING:
    case MR_PROTO_BYTES: /* the descriptor's arena may go before the column does */
        return mr_column_set_bytes(column, row, text.data, text.size, in->error);
    case MR_PROTO_BOOL:
        raw = mr_str_equal(text, MR_STR("true"));
        break;
    case MR_PROTO_ENUM:
        for (int i = 0; i < f->symbols->count; i++)
            if (mr_str_equal(f->symbols->values[i].name, text))
                raw = (uint64_t)(int64_t)f->symbols->values[i].number;
        break;
    case MR_PROTO_DOUBLE:
    case MR_PROTO_FLOAT:
        if (!mr_double_parse(text, &number))
            number = mr_str_equal(text, MR_STR("nan")) ? __builtin_nan("")
                     : text.data[0] == '-'             ? -__builtin_inf()
                                                       : __builtin_inf();
        single = (float)number;
        if (f->kind == MR_PROTO_FLOAT)
            memcpy(&raw, &single, 4);
        else
            memcpy(&raw, &number, 8);
        break;
    default: {
        bool negative = text.size > 0 && text.data[0] == '-';
        for (size_t i = negative; i < text.size; i++)
            raw = raw * 10 + (uint64_t)(text.data[i] - '0');
        raw = negative ? 0 - raw : raw;
        if (f->kind == MR_PROTO_SINT32 || f->kind == MR_PROTO_SINT64)
            raw = raw << 1 ^ (uint64_t)((int64_t)raw >> 63);
    }
    }
    return put_scalar(in, f, raw, text, column, row);
}

static int close_list(struct input *in, const struct step *step, struct mr_column *list, int64_t row)
{
    if (list->length > row) {
        mr_column_set_valid(list, row);
    } else {
        MR_TRY(mr_append_row(list, &row, in->error));
        list->offsets[row] = row > 0 ? list->offsets[row] : 0;
    }
    if (list->children[0]->length > INT32_MAX)
        return bad(in, "it makes a batch of too many elements");
    if (step->action == ENTRY)
        MR_TRY(mr_message_last_keys(list, list->offsets[row], in->error));
    list->offsets[row + 1] = (int32_t)list->children[0]->length;
    return MR_OK;
}

static int fill_missing(struct input *in, const struct mr_proto_plan *plan, struct mr_column *const *columns,
                        int64_t row)
{
    for (int i = 0; i < plan->message->count; i++) {
        const struct step *step = &plan->steps[i];
        struct mr_column *column = step->column < 0 ? NULL : columns[step->column];
        int status = MR_OK;
        if (!column)
            continue;
        if (step->field->repeated) {
            MR_TRY(close_list(in, step, column, row));
            continue;
        }
        if (column->length > row)
            continue;
        struct mr_str nothing = {(const char *)in->w.at, 0};
        struct mr_wire_field empty = {.type = MR_WIRE_BYTES, .bytes = nothing};
        if (step->field->required)
            return bad_field(in, step->field, "is required and missing");
        if (!step->never_null)
            status = mr_column_append_null(column, in->error);
        else if (step->action == SCALAR)
            status = put_default(in, step, column);
        else
            status = read_message(in, plan, step, &empty, column, row);
        MR_TRY(status);
    }
    for (int c = 0; c < plan->column_count; c++) /* that of an empty message */
        if (columns[c]->length == row)
            MR_TRY(mr_column_append_null(columns[c], in->error));
    return MR_OK;
}

/* A message up to the end of the input, or of the group. Every column has the row then. */
static int read_fields(struct input *in, const struct mr_proto_plan *plan, struct mr_column *const *columns,
                       int64_t row, uint32_t group)
{
    int hint = 0;
    bool closed = group == 0;
    while (in->w.at < in->w.end) {
        struct mr_wire_field value = {0};
        if (!mr_wire_next(&in->w, &value))
            return bad(in, in->w.problem);
        if (value.type == MR_WIRE_END_GROUP) {
            if (group == 0 || value.number != group)
                return bad(in, "a group ends that did not begin");
            closed = true;
            break;
        }
        const struct step *step = find_step(plan, value.number, &hint);
        if (step)
            MR_TRY(read_field(in, plan, step, &value, columns, row));
        else if (value.type == MR_WIRE_START_GROUP && !mr_wire_skip_group(&in->w, value.number, 0))
            return bad(in, in->w.problem);
    }
    return closed ? fill_missing(in, plan, columns, row) : bad(in, "it ends within a group");
}

int mr_proto_decode(const struct mr_proto_plan *plan, struct mr_str message, struct mr_column *column,
                    struct mr_error *error)
{
    const uint8_t *data = (const uint8_t *)message.data;
    struct input in = {{data, data + message.size, NULL}, data, error};
    int64_t row = column->length;
    int status = read_struct(&in, plan, column, row, 0);
    if (status < 0)
        mr_append_undo(column, row);
    return status;
}
