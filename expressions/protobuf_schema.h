/* expressions/protobuf_schema.h: Protobuf's message types, from a FileDescriptorSet (protoc
 * --descriptor_set_out
 * --include_imports), and the SQL types they stand for.
 *
 * A set is immutable, in an arena; message types refer to each other, also in circles. Syntax proto2 and
 * proto3; editions are refused by name. */
#ifndef MR_EXPRESSIONS_PROTOBUF_SCHEMA_H
#define MR_EXPRESSIONS_PROTOBUF_SCHEMA_H

#include "columns/type.h"
#include "expressions/protobuf_wire.h"

enum mr_proto_kind { /* FieldDescriptorProto.Type */
                     MR_PROTO_DOUBLE = 1,
                     MR_PROTO_FLOAT,
                     MR_PROTO_INT64,
                     MR_PROTO_UINT64,
                     MR_PROTO_INT32,
                     MR_PROTO_FIXED64,
                     MR_PROTO_FIXED32,
                     MR_PROTO_BOOL,
                     MR_PROTO_STRING,
                     MR_PROTO_GROUP,
                     MR_PROTO_MESSAGE,
                     MR_PROTO_BYTES,
                     MR_PROTO_UINT32,
                     MR_PROTO_ENUM,
                     MR_PROTO_SFIXED32,
                     MR_PROTO_SFIXED64,
                     MR_PROTO_SINT32,
                     MR_PROTO_SINT64,
};
struct mr_proto_value { /* of an enum */
    struct mr_str name;
    int32_t number;
};
struct mr_proto_enum {
    struct mr_str name, full_name;
    struct mr_proto_value *values;
    int count;
    bool closed; /* proto2: numbers without a name are no values */
};
struct mr_proto_message;
struct mr_proto_field {
    struct mr_str name;
    uint32_t number;
    enum mr_proto_kind kind;
    bool repeated, required, packed; /* packed: written so */
    bool presence;                   /* absent is another thing than zero */
    bool utf8;                       /* proto3: a string must be valid */
    int oneof;                       /* index in the message; -1: none, or one made for `optional` */
    struct mr_str fallback;          /* proto2's default; data NULL: none */
    struct mr_str type_name;
    const struct mr_proto_message *message; /* MESSAGE, GROUP */
    const struct mr_proto_enum *symbols;    /* ENUM */
};
struct mr_proto_message {
    struct mr_str name, full_name;
    struct mr_proto_field *fields; /* as declared */
    int count;
    bool map_entry;
    bool top; /* not declared inside another */
};
struct mr_proto_set {
    struct mr_proto_message *messages;
    struct mr_proto_enum *enums;
    int message_count, enum_count;
};

/* bytes are kept. Errors (MR_E_SQL): CANNOT_PARSE_PROTOBUF_DESCRIPTOR, PROTOBUF_DEPENDENCY_NOT_FOUND. */
int mr_proto_set_parse(struct mr_arena *arena, struct mr_str bytes, struct mr_proto_set *out,
                       struct mr_error *error);
/* By full name, or by name when it is not declared inside another; NULL: there is none. */
const struct mr_proto_message *mr_proto_find(const struct mr_proto_set *set, struct mr_str name);

enum mr_wire_type mr_proto_wire(enum mr_proto_kind kind); /* of a value on its own, not packed */

struct mr_proto_options {
    int recursion_limit;  /* recursive.fields.max.depth; outside 1 .. 10: a recursive message is refused */
    bool enums_as_ints;   /* enums.as.ints */
    bool emit_defaults;   /* emit.default.values */
    bool upcast_unsigned; /* upcast.unsigned.ints */
    bool unwrap;          /* unwrap.primitive.wrapper.types */
    bool retain_empty;    /* retain.empty.message.types */
    const struct mr_proto_set *any_types; /* convert.any.fields.to.json: what may be in them; NULL: no */
};
/* STRUCT of the message. *out may have no fields. Error RECURSIVE_PROTOBUF_SCHEMA (MR_E_SQL). */
int mr_proto_sql_type(struct mr_arena *arena, const struct mr_proto_message *message,
                      const struct mr_proto_options *options, const struct mr_type **out,
                      struct mr_error *error);

bool mr_proto_is_any(const struct mr_proto_message *m); /* google.protobuf.Any */
/* Messages that have an SQL type of their own. */
bool mr_proto_is_moment(const struct mr_proto_message *m, const char *name); /* "Timestamp", "Duration" */
/* The one field of google.protobuf's BoolValue, Int32Value, …; NULL: the message is none of them. */
const struct mr_proto_field *mr_proto_wrapped(const struct mr_proto_message *m);
/* The field inside that struct which stands for a message without any. */
#define MR_PROTO_EMPTY_FIELD "__dummy_field_in_empty_struct"

#endif
