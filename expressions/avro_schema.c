/* expressions/avro_schema.c: the JSON text of an Avro schema becomes a tree. */
#include "expressions/avro_schema.h"

#include <ctype.h>
#include <stdio.h>

struct parser {
    struct mr_arena *arena;
    struct mr_map named; /* full name -> schema */
    struct mr_error *error;
};

static const char *const kind_names[] = {"null",   "boolean", "int",  "long",  "float", "double", "bytes",
                                         "string", "record",  "enum", "array", "map",   "union",  "fixed"};

const char *mr_avro_kind_name(enum mr_avro_kind kind)
{
    return kind_names[kind];
}

static int wrong(struct parser *p, const struct mr_json *at, const char *what)
{
    int size = at->raw.size > 160 ? 160 : (int)at->raw.size;
    mr_error_set(p->error, MR_E_SQL, "INVALID_SCHEMA.PARSE_ERROR", "The Avro schema is wrong: %s, at %.*s.",
                 what, size, at->raw.data);
    mr_error_parameter(p->error, "inputSchema", "%.*s", size, at->raw.data);
    mr_error_parameter(p->error, "reason", "%s", what);
    return p->error->code;
}

static int no_memory(struct parser *p)
{
    return mr_error_memory(p->error, sizeof(struct mr_avro_schema));
}

/* ---- names ---- */
static bool is_name(struct mr_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!isalpha(c) && c != '_' && c < 0x80 && !(i > 0 && isdigit(c)))
            return false;
    }
    return text.size > 0;
}

/* name with its namespace: one in the name itself counts more than the one around it. */
static const char *full_name(struct parser *p, struct mr_str name, struct mr_str space)
{
    if (memchr(name.data, '.', name.size) || space.size == 0)
        return mr_arena_copy_text(p->arena, name.data, name.size);
    return mr_arena_format(p->arena, "%.*s.%.*s", (int)space.size, space.data, (int)name.size, name.data);
}

static struct mr_str space_of(const char *full)
{
    const char *dot = strrchr(full, '.');
    return (struct mr_str){full, dot ? (size_t)(dot - full) : 0};
}

static int read_strings(struct parser *p, const struct mr_json *list, struct mr_str **out, int *count)
{
    if (!list)
        return MR_OK;
    if (list->type != MR_JSON_ARRAY)
        return wrong(p, list, "a list of names is expected");
    *out = MR_ARENA_ARRAY(p->arena, struct mr_str, list->count + 1);
    if (!*out)
        return no_memory(p);
    for (const struct mr_json *item = list->first; item; item = item->next) {
        if (item->type != MR_JSON_STRING)
            return wrong(p, item, "a name is expected");
        (*out)[(*count)++] = item->text;
    }
    return MR_OK;
}

static int read_name(struct parser *p, const struct mr_json *json, struct mr_str *space,
                     struct mr_avro_schema *schema)
{
    struct mr_str name, given;
    if (!mr_json_get_str(json, "name", &name))
        return wrong(p, json, "it has no name");
    if (mr_json_get_str(json, "namespace", &given))
        *space = given;
    schema->full_name = full_name(p, name, *space);
    if (!schema->full_name)
        return no_memory(p);
    const char *dot = strrchr(schema->full_name, '.');
    schema->name = dot ? dot + 1 : schema->full_name;
    *space = space_of(schema->full_name);
    if (!is_name(mr_str_of(schema->name)))
        return wrong(p, json, "its name is not made of letters, digits and underscores");
    MR_TRY(read_strings(p, mr_json_member(json, "aliases"), &schema->aliases, &schema->alias_count));
    for (int i = 0; i < schema->alias_count; i++) {
        const char *alias = full_name(p, schema->aliases[i], *space);
        if (!alias)
            return no_memory(p);
        schema->aliases[i] = mr_str_of(alias);
    }
    bool created;
    struct mr_map_entry *entry = mr_map_put(&p->named, mr_str_of(schema->full_name), &created);
    if (!entry)
        return no_memory(p);
    /* the same definition may stand there twice */
    const struct mr_avro_schema *other = entry->pointer;
    if (!created && !mr_str_equal(other->raw, json->raw))
        return wrong(p, json, "another type of that name is defined already");
    schema->raw = json->raw;
    entry->pointer = schema;
    return MR_OK;
}

/* ---- logical types ---- */
static bool decimal_fits(const struct mr_avro_schema *schema, int64_t precision, int64_t scale)
{
    if (precision < 1 || scale < 0 || scale > precision || precision > 10000)
        return false;
    if (schema->kind != MR_AVRO_FIXED)
        return true;
    /* digits that size bytes hold for sure */
    int64_t digits =
        schema->size_bytes > 38 ? 38 : (int64_t)(((double)schema->size_bytes * 8 - 1) * 0.30102999566);
    return precision <= digits;
}

static void read_logical(const struct mr_json *json, struct mr_avro_schema *schema)
{
    static const struct {
        const char *name;
        enum mr_avro_kind kind;
        enum mr_avro_logical logical;
    } known[] = {{"date", MR_AVRO_INT, MR_AVRO_DATE},
                 {"timestamp-millis", MR_AVRO_LONG, MR_AVRO_TIMESTAMP_MILLIS},
                 {"timestamp-micros", MR_AVRO_LONG, MR_AVRO_TIMESTAMP_MICROS},
                 {"local-timestamp-millis", MR_AVRO_LONG, MR_AVRO_LOCAL_MILLIS},
                 {"local-timestamp-micros", MR_AVRO_LONG, MR_AVRO_LOCAL_MICROS},
                 {"time-micros", MR_AVRO_LONG, MR_AVRO_TIME_MICROS}};
    struct mr_str name;
    int64_t precision = 0, scale = 0;
    if (!mr_json_get_str(json, "logicalType", &name))
        return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (mr_str_equal(name, mr_str_of(known[i].name)) && schema->kind == known[i].kind)
            schema->logical = known[i].logical;
    if (mr_str_equal(name, MR_STR("decimal")) &&
        (schema->kind == MR_AVRO_BYTES || schema->kind == MR_AVRO_FIXED)) {
        mr_json_get_i64(json, "precision", &precision);
        mr_json_get_i64(json, "scale", &scale);
        if (!decimal_fits(schema, precision, scale))
            return;
        schema->logical = MR_AVRO_DECIMAL;
        schema->precision = (int)precision;
        schema->scale = (int)scale;
    } else if (schema->logical == MR_AVRO_PLAIN) {
        schema->logical = MR_AVRO_OTHER;
    }
}

/* ---- the kinds ---- */
static int parse(struct parser *p, const struct mr_json *json, struct mr_str space,
                 const struct mr_avro_schema **out);

static int parse_record(struct parser *p, const struct mr_json *json, struct mr_str space,
                        struct mr_avro_schema *schema)
{
    const struct mr_json *list = mr_json_member(json, "fields");
    if (!list || list->type != MR_JSON_ARRAY)
        return wrong(p, json, "a record has no list of fields");
    schema->fields = MR_ARENA_ARRAY(p->arena, struct mr_avro_field, list->count + 1);
    if (!schema->fields)
        return no_memory(p);
    for (const struct mr_json *item = list->first; item; item = item->next) {
        struct mr_avro_field *field = &schema->fields[schema->count];
        const struct mr_json *type = mr_json_member(item, "type");
        struct mr_str name;
        if (!mr_json_get_str(item, "name", &name) || !is_name(name))
            return wrong(p, item, "a field has no name, or one not made of letters, digits and underscores");
        if (!type)
            return wrong(p, item, "a field has no type");
        field->name = mr_arena_copy_text(p->arena, name.data, name.size);
        field->fallback = mr_json_member(item, "default");
        if (!field->name)
            return no_memory(p);
        for (int i = 0; i < schema->count; i++)
            if (strcmp(schema->fields[i].name, field->name) == 0)
                return wrong(p, item, "two fields have the same name");
        MR_TRY(read_strings(p, mr_json_member(item, "aliases"), &field->aliases, &field->alias_count));
        MR_TRY(parse(p, type, space, &field->schema));
        schema->count++; /* only now, for a record inside itself is not looked at before it is whole */
    }
    return MR_OK;
}

static int parse_enum(struct parser *p, const struct mr_json *json, struct mr_avro_schema *schema)
{
    struct mr_str fallback;
    const struct mr_json *list = mr_json_member(json, "symbols");
    schema->symbol_default = -1;
    if (!list)
        return wrong(p, json, "an enum has no symbols");
    MR_TRY(read_strings(p, list, &schema->symbols, &schema->symbol_count));
    if (!mr_json_get_str(json, "default", &fallback))
        return MR_OK;
    for (int i = 0; i < schema->symbol_count; i++)
        if (mr_str_equal(schema->symbols[i], fallback))
            schema->symbol_default = i;
    return schema->symbol_default < 0 ? wrong(p, json, "the default is none of the symbols") : MR_OK;
}

static int parse_inner(struct parser *p, const struct mr_json *json, const char *member, struct mr_str space,
                       struct mr_avro_schema *schema)
{
    const struct mr_json *inner = mr_json_member(json, member);
    if (!inner)
        return wrong(p, json, "an array has no items, or a map no values");
    schema->fields = MR_ARENA_ARRAY(p->arena, struct mr_avro_field, 1);
    if (!schema->fields)
        return no_memory(p);
    schema->count = 1;
    schema->fields[0].name = member;
    return parse(p, inner, space, &schema->fields[0].schema);
}

static int parse_fixed(struct parser *p, const struct mr_json *json, struct mr_avro_schema *schema)
{
    if (!mr_json_get_i64(json, "size", &schema->size_bytes) || schema->size_bytes < 0 ||
        schema->size_bytes > INT32_MAX)
        return wrong(p, json, "a fixed has no size that is a number");
    return MR_OK;
}

static int parse_object(struct parser *p, const struct mr_json *json, struct mr_str space,
                        const struct mr_avro_schema **out)
{
    const struct mr_json *type = mr_json_member(json, "type");
    if (!type || type->type != MR_JSON_STRING)
        return wrong(p, json, "it has no type that is a name");
    int kind = 0;
    while (kind <= MR_AVRO_FIXED &&
           (kind == MR_AVRO_UNION || !mr_str_equal(type->text, mr_str_of(kind_names[kind]))))
        kind++;
    if (mr_str_equal(type->text, MR_STR("error")))
        kind = MR_AVRO_RECORD;
    if (kind > MR_AVRO_FIXED)
        return parse(p, type, space, out); /* the name of another */
    struct mr_avro_schema *schema = MR_ARENA_NEW(p->arena, struct mr_avro_schema);
    struct mr_str catalyst;
    if (!schema)
        return no_memory(p);
    *out = schema;
    schema->kind = (enum mr_avro_kind)kind;
    schema->name = schema->full_name = kind_names[kind];
    if (kind == MR_AVRO_RECORD || kind == MR_AVRO_ENUM || kind == MR_AVRO_FIXED)
        MR_TRY(read_name(p, json, &space, schema));
    if (kind == MR_AVRO_RECORD)
        MR_TRY(parse_record(p, json, space, schema));
    if (kind == MR_AVRO_ENUM)
        MR_TRY(parse_enum(p, json, schema));
    if (kind == MR_AVRO_FIXED)
        MR_TRY(parse_fixed(p, json, schema));
    if (kind == MR_AVRO_ARRAY)
        MR_TRY(parse_inner(p, json, "items", space, schema));
    if (kind == MR_AVRO_MAP)
        MR_TRY(parse_inner(p, json, "values", space, schema));
    if ((kind == MR_AVRO_INT || kind == MR_AVRO_LONG) &&
        mr_json_get_str(json, "spark.sql.catalyst.type", &catalyst)) {
        schema->catalyst = mr_arena_copy_text(p->arena, catalyst.data, catalyst.size);
        if (!schema->catalyst)
            return no_memory(p);
    }
    read_logical(json, schema);
    return MR_OK;
}

static int parse_union(struct parser *p, const struct mr_json *json, struct mr_str space,
                       const struct mr_avro_schema **out)
{
    struct mr_avro_schema *schema = MR_ARENA_NEW(p->arena, struct mr_avro_schema);
    if (!schema)
        return no_memory(p);
    *out = schema;
    schema->kind = MR_AVRO_UNION;
    schema->name = schema->full_name = kind_names[MR_AVRO_UNION];
    schema->fields = MR_ARENA_ARRAY(p->arena, struct mr_avro_field, json->count + 1);
    if (!schema->fields)
        return no_memory(p);
    for (const struct mr_json *item = json->first; item; item = item->next) {
        const struct mr_avro_schema *branch;
        MR_TRY(parse(p, item, space, &branch));
        if (branch->kind == MR_AVRO_UNION)
            return wrong(p, item, "a union stands in a union");
        for (int i = 0; i < schema->count; i++)
            if (strcmp(schema->fields[i].schema->full_name, branch->full_name) == 0)
                return wrong(p, item, "two branches of a union have the same type");
        schema->fields[schema->count].name = branch->name;
        schema->fields[schema->count++].schema = branch;
    }
    return MR_OK;
}

static const struct mr_avro_schema *primitive(struct mr_str name)
{
#define PRIMITIVE(which, text)                                                                               \
    {                                                                                                        \
        .kind = which, .name = text, .full_name = text                                                       \
    }
    static const struct mr_avro_schema all[] = {
        PRIMITIVE(MR_AVRO_NULL, "null"),   PRIMITIVE(MR_AVRO_BOOLEAN, "boolean"),
        PRIMITIVE(MR_AVRO_INT, "int"),     PRIMITIVE(MR_AVRO_LONG, "long"),
        PRIMITIVE(MR_AVRO_FLOAT, "float"), PRIMITIVE(MR_AVRO_DOUBLE, "double"),
        PRIMITIVE(MR_AVRO_BYTES, "bytes"), PRIMITIVE(MR_AVRO_STRING, "string")};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (mr_str_equal(name, mr_str_of(all[i].name)))
            return &all[i];
    return NULL;
}

static int parse(struct parser *p, const struct mr_json *json, struct mr_str space,
                 const struct mr_avro_schema **out)
{
    if (json->type == MR_JSON_OBJECT)
        return parse_object(p, json, space, out);
    if (json->type == MR_JSON_ARRAY)
        return parse_union(p, json, space, out);
    if (json->type != MR_JSON_STRING)
        return wrong(p, json, "a type is a name, an object or a list");
    *out = primitive(json->text);
    if (*out)
        return MR_OK;
    const char *name = full_name(p, json->text, space);
    if (!name)
        return no_memory(p);
    struct mr_map_entry *entry = mr_map_get(&p->named, mr_str_of(name));
    if (!entry) /* a name without a namespace may be one outside of any */
        entry = mr_map_get(&p->named, json->text);
    if (!entry)
        return wrong(p, json, "no type of that name is defined");
    *out = entry->pointer;
    return MR_OK;
}

int mr_avro_schema_parse(struct mr_arena *arena, struct mr_str json, const struct mr_avro_schema **out,
                         struct mr_error *error)
{
    struct parser p = {.arena = arena, .error = error};
    struct mr_json *tree;
    const char *copy = mr_arena_copy_text(arena, json.data, json.size);
    if (!copy)
        return mr_error_memory(error, json.size);
    if (mr_json_parse(arena, (struct mr_str){copy, json.size}, &tree, error) < 0) {
        if (error->code == MR_E_MEMORY)
            return error->code;
        char cause[200];
        snprintf(cause, sizeof cause, "%s", error->message);
        mr_error_clear(error);
        mr_error_set(error, MR_E_SQL, "INVALID_SCHEMA.PARSE_ERROR", "The Avro schema is no JSON: %s", cause);
        mr_error_parameter(error, "inputSchema", "%.*s", (int)(json.size > 200 ? 200 : json.size), copy);
        mr_error_parameter(error, "reason", "%s", cause);
        return error->code;
    }
    mr_map_init(&p.named);
    int status = parse(&p, tree, (struct mr_str){"", 0}, out);
    mr_map_release(&p.named);
    return status;
}

const struct mr_avro_schema *mr_avro_not_null(const struct mr_avro_schema *schema, bool *nullable)
{
    const struct mr_avro_schema *only = NULL;
    int others = 0;
    *nullable = schema->kind == MR_AVRO_NULL;
    if (schema->kind != MR_AVRO_UNION)
        return schema;
    for (int i = 0; i < schema->count; i++) {
        if (schema->fields[i].schema->kind == MR_AVRO_NULL) {
            *nullable = true;
        } else {
            only = schema->fields[i].schema;
            others++;
        }
    }
    return others == 1 ? only : schema;
}
