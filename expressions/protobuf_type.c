/* expressions/protobuf_type.c: the SQL type of a Protobuf message, by Spark's rules. */
#include "expressions/protobuf_schema.h"

#define MOST_PARTS 100000

struct typing {
    struct mr_arena *arena;
    const struct mr_proto_options *options;
    struct mr_error *error;
    int parts;
};
struct open_message { /* the messages around */
    const struct open_message *outer;
    const struct mr_proto_message *message;
};

bool mr_proto_is_moment(const struct mr_proto_message *m, const char *name)
{
    return m->count == 2 && mr_str_equal(m->name, mr_str_of(name)) &&
           mr_str_equal(m->fields[0].name, MR_STR("seconds")) &&
           mr_str_equal(m->fields[1].name, MR_STR("nanos"));
}

bool mr_proto_is_any(const struct mr_proto_message *m)
{
    return mr_str_equal(m->full_name, MR_STR("google.protobuf.Any"));
}

const struct mr_proto_field *mr_proto_wrapped(const struct mr_proto_message *m)
{
    static const char *const names[] = {"Bool",   "Int32", "UInt32", "Int64", "UInt64",
                                        "String", "Bytes", "Float",  "Double"};
    struct mr_str name = m->full_name, start = MR_STR("google.protobuf."), end = MR_STR("Value");
    if (m->count != 1 || !mr_str_starts_with(name, start) || !mr_str_ends_with(name, end))
        return NULL;
    name = (struct mr_str){name.data + start.size, name.size - start.size - end.size};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (mr_str_equal(name, mr_str_of(names[i])))
            return &m->fields[0];
    return NULL;
}

static int no_memory(struct typing *t)
{
    return mr_error_memory(t->error, sizeof(struct mr_type));
}

static int struct_of(struct typing *t, const struct mr_proto_message *m, const struct open_message *outer,
                     const struct mr_type **out);

static int scalar_type(struct typing *t, const struct mr_proto_field *f, const struct mr_type **out)
{
    static const enum mr_type_id ids[] = {MR_VOID, MR_DOUBLE, MR_FLOAT,  MR_BIGINT,  MR_BIGINT,
                                          MR_INT,  MR_BIGINT, MR_INT,    MR_BOOLEAN, MR_STRING,
                                          MR_VOID, MR_VOID,   MR_BINARY, MR_INT,     MR_STRING,
                                          MR_INT,  MR_BIGINT, MR_INT,    MR_BIGINT};
    *out = mr_type_of(ids[f->kind]);
    if (f->kind == MR_PROTO_ENUM && t->options->enums_as_ints)
        *out = mr_type_of(MR_INT);
    if (f->kind == MR_PROTO_UINT32 && t->options->upcast_unsigned)
        *out = mr_type_of(MR_BIGINT);
    if (f->kind == MR_PROTO_UINT64 && t->options->upcast_unsigned)
        *out = mr_type_decimal(t->arena, 20, 0);
    return *out ? MR_OK : no_memory(t);
}

static int value_type(struct typing *t, const struct mr_proto_field *f, const struct open_message *outer,
                      const struct mr_type **out);

static int map_type(struct typing *t, const struct mr_proto_message *entry, const struct open_message *outer,
                    const struct mr_type **out)
{
    const struct mr_type *key, *value;
    MR_TRY(value_type(t, &entry->fields[0], outer, &key));
    MR_TRY(value_type(t, &entry->fields[1], outer, &value));
    *out = NULL;
    if (!key || !value)
        return MR_OK;
    *out = mr_type_map(t->arena, key, value, false);
    return *out ? MR_OK : no_memory(t);
}

/* Of one value, be the field repeated or not; NULL: nothing is left of it. */
static int value_type(struct typing *t, const struct mr_proto_field *f, const struct open_message *outer,
                      const struct mr_type **out)
{
    const struct mr_proto_message *m = f->message;
    if (++t->parts > MOST_PARTS)
        return mr_error_set(t->error, MR_E_SQL, "UNABLE_TO_CONVERT_TO_PROTOBUF_MESSAGE_TYPE",
                            "The Protobuf message gives a type of more than %d parts.", MOST_PARTS);
    if (!m)
        return scalar_type(t, f, out);
    *out = mr_type_of(mr_proto_is_moment(m, "Duration") ? MR_INTERVAL_DAY_TIME : MR_TIMESTAMP);
    if (mr_proto_is_moment(m, "Duration") || mr_proto_is_moment(m, "Timestamp"))
        return MR_OK;
    if (t->options->any_types && mr_proto_is_any(m)) {
        *out = mr_type_of(MR_STRING);
        return MR_OK;
    }
    if (t->options->unwrap && mr_proto_wrapped(m))
        return scalar_type(t, mr_proto_wrapped(m), out);
    if (f->repeated && m->map_entry)
        return map_type(t, m, outer, out);
    int depth = 0, limit = t->options->recursion_limit;
    for (const struct open_message *o = outer; o; o = o->outer)
        depth += o->message == m;
    *out = NULL;
    if (depth > 0 && (limit <= 0 || limit > 10)) {
        mr_error_set(t->error, MR_E_SQL, "RECURSIVE_PROTOBUF_SCHEMA",
                     "The Protobuf message %.*s holds itself. Set the option recursive.fields.max.depth, to "
                     "1 .. 10, to "
                     "say how often it is followed.",
                     (int)m->full_name.size, m->full_name.data);
        mr_error_parameter(t->error, "fieldDescriptor", "%.*s", (int)f->name.size, f->name.data);
        return t->error->code;
    }
    if (depth > 0 && depth >= limit)
        return MR_OK;
    MR_TRY(struct_of(t, m, outer, out));
    if (*out && (*out)->field_count == 0)
        *out = NULL;
    return MR_OK;
}

static int struct_of(struct typing *t, const struct mr_proto_message *m, const struct open_message *outer,
                     const struct mr_type **out)
{
    struct open_message here = {outer, m};
    int count = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(t->arena, struct mr_field, m->count + 1);
    if (!fields)
        return no_memory(t);
    for (int i = 0; i < m->count; i++) {
        const struct mr_proto_field *f = &m->fields[i];
        struct mr_field *field = &fields[count];
        MR_TRY(value_type(t, f, &here, &field->type));
        if (!field->type)
            continue;
        field->nullable = !f->required;
        if (f->repeated && field->type->id != MR_MAP)
            field->type = mr_type_array(t->arena, field->type, false);
        field->name = mr_arena_copy_text(t->arena, f->name.data, f->name.size);
        if (!field->type || !field->name)
            return no_memory(t);
        count++;
    }
    if (count == 0 && t->options->retain_empty)
        fields[count++] = (struct mr_field){MR_PROTO_EMPTY_FIELD, mr_type_of(MR_STRING), true, NULL, NULL};
    *out = mr_type_struct(t->arena, fields, count);
    return *out ? MR_OK : no_memory(t);
}

int mr_proto_sql_type(struct mr_arena *arena, const struct mr_proto_message *message,
                      const struct mr_proto_options *options, const struct mr_type **out,
                      struct mr_error *error)
{
    struct typing t = {.arena = arena, .options = options, .error = error};
    return struct_of(&t, message, NULL, out);
}
