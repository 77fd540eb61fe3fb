/* columns/type_json.c: Spark's schema JSON, as in Delta's metaData.schemaString. */
#include "base/json.h"
#include "base/number.h"
#include "columns/type_text.h"

/* ---- out ---- */

static const char *const json_names[MR_TYPE_COUNT] = {
    "void",
    "boolean",
    "byte",
    "short",
    "integer",
    "long",
    "float",
    "double",
    "decimal",
    "string",
    "binary",
    "date",
    "timestamp",
    "timestamp_ntz",
    "interval day to second",
    "interval year to month",
    "array",
    "map",
    "struct",
};

static void write_type(struct mr_json_writer *w, const struct mr_type *type);

static void write_field(struct mr_json_writer *w, const struct mr_field *field)
{
    mr_json_begin_object(w);
    mr_json_key(w, "name");
    mr_json_cstr(w, field->name);
    mr_json_key(w, "type");
    write_type(w, field->type);
    mr_json_key(w, "nullable");
    mr_json_bool(w, field->nullable);
    mr_json_key(w, "metadata");
    if (field->metadata) {
        mr_json_raw(w, mr_str_of(field->metadata));
    } else {
        mr_json_begin_object(w);
        if (field->comment) {
            mr_json_key(w, "comment");
            mr_json_cstr(w, field->comment);
        }
        mr_json_end_object(w);
    }
    mr_json_end_object(w);
}

static void write_member(struct mr_json_writer *w, const char *name, const struct mr_type *type)
{
    mr_json_key(w, name);
    write_type(w, type);
}

static void write_nested(struct mr_json_writer *w, const struct mr_type *type)
{
    mr_json_begin_object(w);
    mr_json_key(w, "type");
    mr_json_cstr(w, json_names[type->id]);
    if (type->id == MR_STRUCT) {
        mr_json_key(w, "fields");
        mr_json_begin_array(w);
        for (int i = 0; i < type->field_count; i++)
            write_field(w, &type->fields[i]);
        mr_json_end_array(w);
    } else if (type->id == MR_ARRAY) {
        write_member(w, "elementType", type->fields[0].type);
        mr_json_key(w, "containsNull");
        mr_json_bool(w, type->fields[0].nullable);
    } else {
        write_member(w, "keyType", type->fields[0].type);
        write_member(w, "valueType", type->fields[1].type);
        mr_json_key(w, "valueContainsNull");
        mr_json_bool(w, type->fields[1].nullable);
    }
    mr_json_end_object(w);
}

static void write_type(struct mr_json_writer *w, const struct mr_type *type)
{
    if (mr_type_is_nested(type)) {
        write_nested(w, type);
    } else if (type->id == MR_DECIMAL || type->id == MR_INTERVAL_DAY_TIME ||
               type->id == MR_INTERVAL_YEAR_MONTH) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_simple_text(&text, type);
        mr_json_str(w, mr_text_str(&text));
        w->out->failed = w->out->failed || text.failed;
        mr_text_release(&text);
    } else {
        mr_json_cstr(w, json_names[type->id]);
    }
}

void mr_schema_to_json(struct mr_text *out, const struct mr_type *schema)
{
    struct mr_json_writer w = {.out = out};
    write_type(&w, schema);
}

/* ---- in ---- */

struct reader {
    struct mr_arena *arena;
    struct mr_error *error;
};

static int bad(struct reader *r, struct mr_str piece, const char *why)
{
    int shown = piece.size > 200 ? 200 : (int)piece.size;
    mr_error_set(r->error, MR_E_CORRUPT, "INVALID_JSON_DATA_TYPE", "The schema JSON is wrong at %.*s: %s.",
                 shown, piece.data, why);
    mr_error_parameter(r->error, "invalidType", "%.*s", shown, piece.data);
    return MR_E_CORRUPT;
}

/* Writes text that is NULL without memory. */
static int keep(struct reader *r, struct mr_str text, const char **out)
{
    *out = mr_arena_copy_text(r->arena, text.data, text.size);
    return *out ? MR_OK : mr_error_memory(r->error, text.size);
}

static int checked(struct reader *r, const struct mr_type *type, const struct mr_type **out)
{
    *out = type;
    return type ? MR_OK : mr_error_memory(r->error, sizeof *type);
}

static int read_type(struct reader *r, const struct mr_json *json, const struct mr_type **out);

static int read_name(struct reader *r, const struct mr_json *json, const struct mr_type **out)
{
    struct mr_str name = json->text;
    for (int id = MR_VOID; id < MR_ARRAY; id++)
        if (id != MR_DECIMAL && mr_str_equal(name, mr_str_of(json_names[id])))
            return checked(r, mr_type_of((enum mr_type_id)id), out);
    if (mr_str_equal(name, MR_STR("null")))
        return checked(r, mr_type_of(MR_VOID), out);
    if (mr_str_equal(name, MR_STR("timestamp_ltz")))
        return checked(r, mr_type_of(MR_TIMESTAMP), out);
    if (mr_str_starts_with(name, MR_STR("decimal")) || mr_str_starts_with(name, MR_STR("interval ")))
        return mr_type_parse(r->arena, name, out, r->error);
    mr_error_set(r->error, MR_E_UNSUPPORTED, "UNSUPPORTED_DATATYPE", "The data type '%.*s' is not supported.",
                 (int)(name.size < 200 ? name.size : 200), name.data);
    mr_error_parameter(r->error, "typeName", "\"%.*s\"", (int)(name.size < 200 ? name.size : 200), name.data);
    return MR_E_UNSUPPORTED;
}

static int read_field(struct reader *r, const struct mr_json *json, struct mr_field *field)
{
    const struct mr_json *type = mr_json_member(json, "type"), *metadata = mr_json_member(json, "metadata");
    struct mr_str name, comment;
    if (!mr_json_get_str(json, "name", &name) || !type)
        return bad(r, json->raw, "a field needs \"name\" and \"type\"");
    if (memchr(name.data, 0, name.size))
        return bad(r, json->raw, "a name must not hold a zero byte");
    *field = (struct mr_field){.nullable = true};
    mr_json_get_bool(json, "nullable", &field->nullable);
    MR_TRY(keep(r, name, &field->name));
    MR_TRY(read_type(r, type, &field->type));
    if (!metadata || metadata->type != MR_JSON_OBJECT || metadata->count == 0)
        return MR_OK;
    MR_TRY(keep(r, metadata->raw, &field->metadata));
    if (mr_json_get_str(metadata, "comment", &comment) && !memchr(comment.data, 0, comment.size))
        MR_TRY(keep(r, comment, &field->comment));
    return MR_OK;
}

static int read_struct(struct reader *r, const struct mr_json *json, const struct mr_type **out)
{
    const struct mr_json *list = mr_json_member(json, "fields");
    if (!list || list->type != MR_JSON_ARRAY)
        return bad(r, json->raw, "a struct needs an array \"fields\"");
    struct mr_field *fields = MR_ARENA_ARRAY(r->arena, struct mr_field, list->count + 1);
    if (!fields)
        return mr_error_memory(r->error, sizeof *fields * list->count);
    int count = 0;
    for (const struct mr_json *f = list->first; f; f = f->next)
        MR_TRY(read_field(r, f, &fields[count++]));
    return checked(r, mr_type_struct(r->arena, fields, count), out);
}

/* Recursion is bounded by the nesting that mr_json_parse accepts. */
static int read_type(struct reader *r, const struct mr_json *json, const struct mr_type **out)
{
    struct mr_str kind;
    if (json->type == MR_JSON_STRING)
        return read_name(r, json, out);
    if (!mr_json_get_str(json, "type", &kind))
        return bad(r, json->raw, "a type is a name or an object with \"type\"");
    if (mr_str_equal(kind, MR_STR("struct")))
        return read_struct(r, json, out);
    const struct mr_type *first = NULL, *second = NULL;
    bool nullable = true;
    if (mr_str_equal(kind, MR_STR("array")) && mr_json_member(json, "elementType")) {
        mr_json_get_bool(json, "containsNull", &nullable);
        MR_TRY(read_type(r, mr_json_member(json, "elementType"), &first));
        return checked(r, mr_type_array(r->arena, first, nullable), out);
    }
    if (mr_str_equal(kind, MR_STR("map")) && mr_json_member(json, "keyType") &&
        mr_json_member(json, "valueType")) {
        mr_json_get_bool(json, "valueContainsNull", &nullable);
        MR_TRY(read_type(r, mr_json_member(json, "keyType"), &first));
        MR_TRY(read_type(r, mr_json_member(json, "valueType"), &second));
        return checked(r, mr_type_map(r->arena, first, second, nullable), out);
    }
    return bad(r, json->raw, "this is no type");
}

int mr_schema_from_json(struct mr_arena *arena, struct mr_str json, const struct mr_type **out,
                        struct mr_error *error)
{
    struct mr_arena scratch;
    mr_arena_init(&scratch);
    struct mr_json *tree = NULL;
    struct reader r = {arena, error};
    int status = mr_json_parse(&scratch, json, &tree, error);
    if (status >= 0)
        status = read_type(&r, tree, out);
    if (status >= 0 && (*out)->id != MR_STRUCT)
        status = bad(&r, json, "a schema is a struct");
    mr_arena_release(&scratch);
    return status;
}
