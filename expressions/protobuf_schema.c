/* expressions/protobuf_schema.c: a FileDescriptorSet, itself a Protobuf message, becomes message types. */
#include "expressions/protobuf_schema.h"

#include <stdio.h>

#include "expressions/protobuf_wire.h"

/* A list of descriptors that grows in the arena. */
struct parser {
    struct mr_arena *arena;
    struct mr_proto_set *set;
    struct mr_error *error;
    int message_capacity, enum_capacity;
    bool proto3; /* of the file at hand */
};
#define MOST_NESTING 100

static int wrong(struct parser *p, const char *why)
{
    return mr_error_set(
        p->error, MR_E_SQL, "CANNOT_PARSE_PROTOBUF_DESCRIPTOR",
        "The descriptor is no FileDescriptorSet (protoc --descriptor_set_out --include_imports): %s.", why);
}

static int no_memory(struct parser *p)
{
    return mr_error_memory(p->error, sizeof(struct mr_proto_message));
}

/* Calls each for every field of the message in bytes. */
static int walk(struct parser *p, struct mr_str bytes, void *ctx,
                int (*each)(struct parser *p, void *ctx, const struct mr_wire_field *field))
{
    struct mr_wire w = mr_wire_of(bytes);
    struct mr_wire_field field;
    while (w.at < w.end) {
        field = (struct mr_wire_field){0};
        if (!mr_wire_next(&w, &field))
            return wrong(p, w.problem);
        if (field.type == MR_WIRE_START_GROUP || field.type == MR_WIRE_END_GROUP)
            return wrong(p, "it holds a group");
        MR_TRY(each(p, ctx, &field));
    }
    return MR_OK;
}

static int count_field(struct parser *p, void *ctx, const struct mr_wire_field *field)
{
    (void)p;
    int *counts = ctx; /* [0]: which number; [1]: how many */
    counts[1] += (int)field->number == counts[0];
    return MR_OK;
}

static int count_of(struct parser *p, struct mr_str bytes, int number, int *count)
{
    int counts[2] = {number, 0};
    MR_TRY(walk(p, bytes, counts, count_field));
    *count = counts[1];
    return MR_OK;
}

static int full_name(struct parser *p, struct mr_str scope, struct mr_str name, struct mr_str *out)
{
    char *text = scope.size ? mr_arena_format(p->arena, "%.*s.%.*s", (int)scope.size, scope.data,
                                              (int)name.size, name.data)
                            : mr_arena_copy_text(p->arena, name.data, name.size);
    *out = mr_str_of(text);
    return text ? MR_OK : no_memory(p);
}

/* ---- enums ---- */
static int enum_value(struct parser *p, void *ctx, const struct mr_wire_field *field)
{
    (void)p;
    struct mr_proto_value *value = ctx;
    if (field->number == 1)
        value->name = field->bytes;
    if (field->number == 2)
        value->number = (int32_t)field->value;
    return MR_OK;
}

static int enum_part(struct parser *p, void *ctx, const struct mr_wire_field *field)
{
    struct mr_proto_enum *e = ctx;
    if (field->number == 1)
        e->name = field->bytes;
    if (field->number != 2)
        return MR_OK;
    struct mr_proto_value *value = &e->values[e->count++];
    return walk(p, field->bytes, value, enum_value);
}

static int parse_enum(struct parser *p, struct mr_str scope, struct mr_str bytes)
{
    int count;
    struct mr_proto_set *set = p->set;
    if (set->enum_count == p->enum_capacity) {
        int capacity = p->enum_capacity * 2 + 16;
        struct mr_proto_enum *more = MR_ARENA_ARRAY(p->arena, struct mr_proto_enum, capacity);
        if (!more)
            return no_memory(p);
        if (set->enum_count > 0)
            memcpy(more, set->enums, sizeof *more * (size_t)set->enum_count);
        set->enums = more;
        p->enum_capacity = capacity;
    }
    struct mr_proto_enum *e = &set->enums[set->enum_count];
    *e = (struct mr_proto_enum){.closed = !p->proto3};
    MR_TRY(count_of(p, bytes, 2, &count));
    e->values = MR_ARENA_ARRAY(p->arena, struct mr_proto_value, count + 1);
    if (!e->values)
        return no_memory(p);
    MR_TRY(walk(p, bytes, e, enum_part));
    if (e->count == 0)
        return wrong(p, "an enum has no values");
    set->enum_count++;
    return full_name(p, scope, e->name, &e->full_name);
}

/* ---- fields ---- */
struct raw_field {
    struct mr_proto_field *field;
    int label, oneof;
    bool optional, packed, packed_given;
};

static int field_option(struct parser *p, void *ctx, const struct mr_wire_field *field)
{
    (void)p;
    struct raw_field *raw = ctx;
    if (field->number == 2) {
        raw->packed = field->value != 0;
        raw->packed_given = true;
    }
    return MR_OK;
}

static int field_part(struct parser *p, void *ctx, const struct mr_wire_field *part)
{
    struct raw_field *raw = ctx;
    struct mr_proto_field *f = raw->field;
    switch (part->number) {
    case 1:
        f->name = part->bytes;
        return MR_OK;
    case 3:
        f->number = (uint32_t)part->value;
        return MR_OK;
    case 4:
        raw->label = (int)part->value;
        return MR_OK;
    case 5:
        f->kind = (enum mr_proto_kind)part->value;
        return MR_OK;
    case 6:
        f->type_name = part->bytes;
        return MR_OK;
    case 7:
        f->fallback = part->bytes.data ? part->bytes : MR_STR("");
        return MR_OK;
    case 8:
        return walk(p, part->bytes, raw, field_option);
    case 9:
        raw->oneof = (int)part->value;
        return MR_OK;
    case 17:
        raw->optional = part->value != 0;
        return MR_OK;
    default:
        return MR_OK;
    }
}

static bool can_be_packed(enum mr_proto_kind kind)
{
    return kind != MR_PROTO_STRING && kind != MR_PROTO_BYTES && kind != MR_PROTO_MESSAGE &&
           kind != MR_PROTO_GROUP;
}

/* A default of bytes is written with C's escapes. */
static int unescape(struct parser *p, struct mr_str *text)
{
    static const char letters[] = "abfnrtv", meant[] = "\a\b\f\n\r\t\v";
    char *out = mr_arena_allocate(p->arena, text->size + 1);
    size_t size = 0;
    if (!out)
        return no_memory(p);
    for (size_t i = 0; i < text->size; i++) {
        char c = text->data[i];
        if (c == '\\' && i + 1 < text->size) {
            c = text->data[++i];
            const char *letter = c ? strchr(letters, c) : NULL;
            if (c >= '0' && c <= '7') {
                unsigned value = (unsigned)(c - '0');
                for (int n = 0; n < 2 && i + 1 < text->size && (text->data[i + 1] & 0xF8) == '0'; n++)
                    value = value * 8 + (unsigned)(text->data[++i] - '0');
                c = (char)value;
            } else if (letter) {
                c = meant[letter - letters];
            }
        }
        out[size++] = c;
    }
    *text = (struct mr_str){out, size};
    return MR_OK;
}

static int parse_field(struct parser *p, struct mr_str bytes, struct mr_proto_field *f)
{
    struct raw_field raw = {.field = f, .label = 1, .oneof = -1};
    *f = (struct mr_proto_field){.oneof = -1};
    MR_TRY(walk(p, bytes, &raw, field_part));
    if (f->kind < MR_PROTO_DOUBLE || f->kind > MR_PROTO_SINT64 || f->number == 0 || f->number >= 1U << 29 ||
        f->name.size == 0)
        return wrong(p, "a field has no name, number or type");
    if (f->kind == MR_PROTO_BYTES && f->fallback.data)
        MR_TRY(unescape(p, &f->fallback));
    bool message = f->kind == MR_PROTO_MESSAGE || f->kind == MR_PROTO_GROUP;
    f->repeated = raw.label == 3;
    f->required = raw.label == 2;
    f->oneof = raw.optional ? -1 : raw.oneof;
    f->packed = f->repeated && can_be_packed(f->kind) && (raw.packed_given ? raw.packed : p->proto3);
    f->presence = !f->repeated && (!p->proto3 || message || raw.oneof >= 0);
    f->utf8 = p->proto3;
    return MR_OK;
}

/* ---- messages ---- */
struct raw_message {
    int index; /* in the set, which may move */
    int nesting;
};
static int parse_message(struct parser *p, struct mr_str scope, struct mr_str bytes, int nesting);

static int message_option(struct parser *p, void *ctx, const struct mr_wire_field *option)
{
    struct raw_message *raw = ctx;
    if (option->number == 7)
        p->set->messages[raw->index].map_entry = option->value != 0;
    return MR_OK;
}

static int message_part(struct parser *p, void *ctx, const struct mr_wire_field *part)
{
    struct raw_message *raw = ctx;
    struct mr_proto_message *m = &p->set->messages[raw->index];
    switch (part->number) {
    case 2:
        return parse_field(p, part->bytes, &m->fields[m->count++]);
    case 3:
        return parse_message(p, m->full_name, part->bytes, raw->nesting + 1);
    case 4:
        return parse_enum(p, m->full_name, part->bytes);
    case 7:
        return walk(p, part->bytes, raw, message_option);
    default:
        return MR_OK;
    }
}

static int message_name(struct parser *p, void *ctx, const struct mr_wire_field *part)
{
    (void)p;
    if (part->number == 1)
        *(struct mr_str *)ctx = part->bytes;
    return MR_OK;
}

static int parse_message(struct parser *p, struct mr_str scope, struct mr_str bytes, int nesting)
{
    struct mr_proto_set *set = p->set;
    struct raw_message raw = {set->message_count, nesting};
    int count;
    if (nesting > MOST_NESTING)
        return wrong(p, "messages are declared too deep inside each other");
    if (set->message_count == p->message_capacity) {
        int capacity = p->message_capacity * 2 + 16;
        struct mr_proto_message *more = MR_ARENA_ARRAY(p->arena, struct mr_proto_message, capacity);
        if (!more)
            return no_memory(p);
        if (set->message_count > 0)
            memcpy(more, set->messages, sizeof *more * (size_t)set->message_count);
        set->messages = more;
        p->message_capacity = capacity;
    }
    struct mr_proto_message *m = &set->messages[set->message_count++];
    *m = (struct mr_proto_message){.top = nesting == 0};
    MR_TRY(count_of(p, bytes, 2, &count));
    m->fields = MR_ARENA_ARRAY(p->arena, struct mr_proto_field, count + 1);
    if (!m->fields)
        return no_memory(p);
    MR_TRY(walk(p, bytes, &m->name, message_name));
    MR_TRY(full_name(p, scope, m->name, &m->full_name));
    return walk(p, bytes, &raw, message_part);
}

/* ---- files ---- */
struct raw_file {
    struct mr_str package, syntax;
};

static int file_head(struct parser *p, void *ctx, const struct mr_wire_field *part)
{
    (void)p;
    struct raw_file *file = ctx;
    if (part->number == 2)
        file->package = part->bytes;
    if (part->number == 12)
        file->syntax = part->bytes;
    return MR_OK;
}

static int file_part(struct parser *p, void *ctx, const struct mr_wire_field *part)
{
    struct raw_file *file = ctx;
    if (part->number == 4)
        return parse_message(p, file->package, part->bytes, 0);
    if (part->number == 5)
        return parse_enum(p, file->package, part->bytes);
    return MR_OK;
}

static int set_part(struct parser *p, void *ctx, const struct mr_wire_field *part)
{
    struct raw_file file = {{NULL, 0}, {NULL, 0}};
    (void)ctx;
    if (part->number != 1 || part->type != MR_WIRE_BYTES)
        return wrong(p, "it holds something else than files");
    MR_TRY(walk(p, part->bytes, &file, file_head));
    p->proto3 = mr_str_equal(file.syntax, MR_STR("proto3"));
    if (!p->proto3 && file.syntax.size > 0 && !mr_str_equal(file.syntax, MR_STR("proto2")))
        return mr_error_set(p->error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "Protobuf files of syntax '%.*s' are not supported; proto2 and proto3 are.",
                            (int)(file.syntax.size > 40 ? 40 : file.syntax.size), file.syntax.data);
    return walk(p, part->bytes, &file, file_part);
}

/* ---- references ---- */
static int link_field(struct parser *p, const struct mr_map *messages, const struct mr_map *enums,
                      struct mr_proto_field *f)
{
    struct mr_str name = f->type_name;
    if (f->kind != MR_PROTO_MESSAGE && f->kind != MR_PROTO_GROUP && f->kind != MR_PROTO_ENUM)
        return MR_OK;
    if (name.size > 0 && name.data[0] == '.') {
        name.data++;
        name.size--;
    }
    const struct mr_map_entry *entry = mr_map_get(f->kind == MR_PROTO_ENUM ? enums : messages, name);
    if (!entry) {
        mr_error_set(p->error, MR_E_SQL, "PROTOBUF_DEPENDENCY_NOT_FOUND",
                     "The descriptor lacks `%.*s`; was it made with --include_imports?", (int)name.size,
                     name.data);
        mr_error_parameter(p->error, "dependencyName", "%.*s", (int)name.size, name.data);
        return p->error->code;
    }
    if (f->kind == MR_PROTO_ENUM)
        f->symbols = entry->pointer;
    else
        f->message = entry->pointer;
    return MR_OK;
}

static int link_all(struct parser *p, struct mr_map *messages, struct mr_map *enums)
{
    struct mr_proto_set *set = p->set;
    for (int i = 0; i < set->message_count; i++) {
        struct mr_map_entry *entry = mr_map_put(messages, set->messages[i].full_name, NULL);
        if (!entry)
            return no_memory(p);
        entry->pointer = &set->messages[i];
    }
    for (int i = 0; i < set->enum_count; i++) {
        struct mr_map_entry *entry = mr_map_put(enums, set->enums[i].full_name, NULL);
        if (!entry)
            return no_memory(p);
        entry->pointer = &set->enums[i];
    }
    for (int i = 0; i < set->message_count; i++) {
        struct mr_proto_message *m = &set->messages[i];
        for (int k = 0; k < m->count; k++)
            MR_TRY(link_field(p, messages, enums, &m->fields[k]));
        if (m->map_entry && m->count != 2)
            return wrong(p, "an entry of a map has not two fields");
    }
    return MR_OK;
}

int mr_proto_set_parse(struct mr_arena *arena, struct mr_str bytes, struct mr_proto_set *out,
                       struct mr_error *error)
{
    struct parser p = {.arena = arena, .set = out, .error = error};
    struct mr_map messages, enums;
    const char *copy = mr_arena_copy_text(arena, bytes.data, bytes.size);
    *out = (struct mr_proto_set){0};
    if (!copy)
        return mr_error_memory(error, bytes.size);
    MR_TRY(walk(&p, (struct mr_str){copy, bytes.size}, NULL, set_part));
    mr_map_init(&messages);
    mr_map_init(&enums);
    int status = link_all(&p, &messages, &enums);
    mr_map_release(&messages);
    mr_map_release(&enums);
    return status;
}

const struct mr_proto_message *mr_proto_find(const struct mr_proto_set *set, struct mr_str name)
{
    for (int i = 0; i < set->message_count; i++)
        if (mr_str_equal(set->messages[i].full_name, name) ||
            (set->messages[i].top && mr_str_equal(set->messages[i].name, name)))
            return &set->messages[i];
    return NULL;
}

enum mr_wire_type mr_proto_wire(enum mr_proto_kind kind)
{
    switch (kind) {
    case MR_PROTO_DOUBLE:
    case MR_PROTO_FIXED64:
    case MR_PROTO_SFIXED64:
        return MR_WIRE_FIXED64;
    case MR_PROTO_FLOAT:
    case MR_PROTO_FIXED32:
    case MR_PROTO_SFIXED32:
        return MR_WIRE_FIXED32;
    case MR_PROTO_STRING:
    case MR_PROTO_BYTES:
    case MR_PROTO_MESSAGE:
        return MR_WIRE_BYTES;
    case MR_PROTO_GROUP:
        return MR_WIRE_START_GROUP;
    default:
        return MR_WIRE_VARINT;
    }
}
