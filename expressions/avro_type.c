/* expressions/avro_type.c: the SQL type of an Avro schema, and the schema of an SQL type, by Spark's rules.
 */
#include "expressions/avro_schema.h"

#include <stdio.h>

#define MOST_PARTS 100000 /* records that hold records twice grow without end */

struct typing {
    struct mr_arena *arena;
    const struct mr_avro_type_options *options;
    struct mr_error *error;
    int parts;
};
struct open_record { /* the records around */
    const struct open_record *outer;
    const struct mr_avro_schema *schema;
};

static int type_of(struct typing *t, const struct mr_avro_schema *schema, const struct open_record *outer,
                   const struct mr_type **out, bool *nullable);

static int no_memory(struct typing *t)
{
    return mr_error_memory(t->error, sizeof(struct mr_type));
}

static int record_type(struct typing *t, const struct mr_avro_schema *schema, const struct open_record *outer,
                       const struct mr_type **out)
{
    struct open_record here = {outer, schema};
    int depth = 0, count = 0, limit = t->options->recursion_limit;
    for (const struct open_record *o = outer; o; o = o->outer)
        depth += o->schema == schema;
    *out = NULL;
    if (depth > 0 && limit <= 0)
        return mr_error_set(
            t->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
            "The Avro record %s holds itself. Set the option recursiveFieldMaxDepth, to 1 .. 15, to say "
            "how often it is followed.",
            schema->full_name);
    if (depth > 0 && depth >= limit)
        return MR_OK;
    struct mr_field *fields = MR_ARENA_ARRAY(t->arena, struct mr_field, schema->count + 1);
    if (!fields)
        return no_memory(t);
    for (int i = 0; i < schema->count; i++) {
        struct mr_field *field = &fields[count];
        MR_TRY(type_of(t, schema->fields[i].schema, &here, &field->type, &field->nullable));
        if (!field->type)
            continue;
        field->name = schema->fields[i].name;
        for (int k = 0; k < count && !t->options->any_names; k++)
            if (mr_str_equal_nocase(mr_str_of(fields[k].name), mr_str_of(field->name)))
                return mr_error_set(t->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
                                    "The fields %s and %s of the Avro record %s differ in case only.",
                                    fields[k].name, field->name, schema->full_name);
        count++;
    }
    *out = mr_type_struct(t->arena, fields, count);
    return *out ? MR_OK : no_memory(t);
}

static int member_name(struct typing *t, const struct mr_avro_schema *branch, int number,
                       struct mr_field *fields, int count)
{
    struct mr_str prefix = t->options->stable_prefix;
    fields[count].name = t->options->stable_names ? mr_arena_format(t->arena, "%.*s%s", (int)prefix.size,
                                                                    prefix.data, branch->name)
                                                  : mr_arena_format(t->arena, "member%d", number);
    if (!fields[count].name)
        return no_memory(t);
    for (int i = 0; i < count; i++)
        if (mr_str_equal_nocase(mr_str_of(fields[i].name), mr_str_of(fields[count].name)))
            return mr_error_set(t->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
                                "Two branches of an Avro union would both be called %s; leave "
                                "enableStableIdentifiersForUnionType away.",
                                fields[count].name);
    return MR_OK;
}

static int union_type(struct typing *t, const struct mr_avro_schema *schema, const struct open_record *outer,
                      const struct mr_type **out, bool *nullable)
{
    unsigned kinds = 0;
    int others = 0, count = 0, number = 0;
    bool ignored;
    const struct mr_avro_schema *one = mr_avro_not_null(schema, nullable);
    if (one != schema)
        return type_of(t, one, outer, out, &ignored);
    for (int i = 0; i < schema->count; i++)
        if (schema->fields[i].schema->kind != MR_AVRO_NULL) {
            kinds |= 1U << schema->fields[i].schema->kind;
            others++;
        }
    if (others == 2 && kinds == (1U << MR_AVRO_INT | 1U << MR_AVRO_LONG)) {
        *out = mr_type_of(MR_BIGINT);
        return MR_OK;
    }
    if (others == 2 && kinds == (1U << MR_AVRO_FLOAT | 1U << MR_AVRO_DOUBLE)) {
        *out = mr_type_of(MR_DOUBLE);
        return MR_OK;
    }
    struct mr_field *fields = MR_ARENA_ARRAY(t->arena, struct mr_field, schema->count + 1);
    if (!fields)
        return no_memory(t);
    for (int i = 0; i < schema->count; i++) {
        const struct mr_avro_schema *branch = schema->fields[i].schema;
        if (branch->kind == MR_AVRO_NULL)
            continue;
        MR_TRY(type_of(t, branch, outer, &fields[count].type, &fields[count].nullable));
        if (fields[count].type) {
            MR_TRY(member_name(t, branch, number, fields, count));
            fields[count++].nullable = true;
        }
        number++;
    }
    *out = mr_type_struct(t->arena, fields, count);
    return *out ? MR_OK : no_memory(t);
}

static int list_type(struct typing *t, const struct mr_avro_schema *schema, const struct open_record *outer,
                     const struct mr_type **out)
{
    const struct mr_type *inner;
    bool nullable;
    MR_TRY(type_of(t, schema->fields[0].schema, outer, &inner, &nullable));
    *out = NULL;
    if (!inner)
        return MR_OK;
    *out = schema->kind == MR_AVRO_ARRAY ? mr_type_array(t->arena, inner, nullable)
                                         : mr_type_map(t->arena, mr_type_of(MR_STRING), inner, nullable);
    return *out ? MR_OK : no_memory(t);
}

static int too_precise(struct typing *t, const struct mr_avro_schema *schema)
{
    mr_error_set(t->error, MR_E_SQL, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
                 "An Avro decimal of %d digits; DECIMAL has at most 38.", schema->precision);
    mr_error_parameter(t->error, "precision", "%d", schema->precision);
    mr_error_parameter(t->error, "maxPrecision", "38");
    return t->error->code;
}

/* INT and LONG may say which SQL type they were written from. */
static int number_type(struct typing *t, const struct mr_avro_schema *schema, const struct mr_type **out)
{
    bool narrow = schema->kind == MR_AVRO_INT;
    *out = mr_type_of(narrow ? MR_INT : MR_BIGINT);
    if (!schema->catalyst)
        return MR_OK;
    const struct mr_type *type;
    MR_TRY(mr_type_parse(t->arena, mr_str_of(schema->catalyst), &type, t->error));
    if (type->id != (narrow ? MR_INTERVAL_YEAR_MONTH : MR_INTERVAL_DAY_TIME) && type->id != (*out)->id)
        return mr_error_set(t->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
                            "An Avro %s says that it is a %s, which it cannot hold.", schema->name,
                            schema->catalyst);
    *out = type;
    return MR_OK;
}

static int type_of(struct typing *t, const struct mr_avro_schema *schema, const struct open_record *outer,
                   const struct mr_type **out, bool *nullable)
{
    static const enum mr_type_id plain[] = {MR_VOID,   MR_BOOLEAN, MR_INT,    MR_BIGINT, MR_FLOAT,
                                            MR_DOUBLE, MR_BINARY,  MR_STRING, MR_STRUCT, MR_STRING,
                                            MR_ARRAY,  MR_MAP,     MR_VOID,   MR_BINARY};
    *nullable = schema->kind == MR_AVRO_NULL;
    if (++t->parts > MOST_PARTS)
        return mr_error_set(t->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
                            "The Avro schema gives a type of more than %d parts.", MOST_PARTS);
    switch (schema->logical) {
    case MR_AVRO_DATE:
        *out = mr_type_of(MR_DATE);
        return MR_OK;
    case MR_AVRO_TIMESTAMP_MILLIS:
    case MR_AVRO_TIMESTAMP_MICROS:
        *out = mr_type_of(MR_TIMESTAMP);
        return MR_OK;
    case MR_AVRO_LOCAL_MILLIS:
    case MR_AVRO_LOCAL_MICROS:
        *out = mr_type_of(MR_TIMESTAMP_NTZ);
        return MR_OK;
    case MR_AVRO_TIME_MICROS:
        return mr_error_set(
            t->error, MR_E_SQL, "UNSUPPORTED_DATATYPE",
            "Avro's time-micros is of type TIME, which there is not. A reader's schema (the option "
            "avroSchema) with a plain long gives microseconds since midnight.");
    case MR_AVRO_DECIMAL:
        if (schema->precision > 38)
            return too_precise(t, schema);
        *out = mr_type_decimal(t->arena, (uint8_t)schema->precision, (uint8_t)schema->scale);
        return *out ? MR_OK : no_memory(t);
    default:
        break;
    }
    switch (schema->kind) {
    case MR_AVRO_INT:
    case MR_AVRO_LONG:
        return number_type(t, schema, out);
    case MR_AVRO_RECORD:
        return record_type(t, schema, outer, out);
    case MR_AVRO_ARRAY:
    case MR_AVRO_MAP:
        return list_type(t, schema, outer, out);
    case MR_AVRO_UNION:
        return union_type(t, schema, outer, out, nullable);
    default:
        *out = mr_type_of(plain[schema->kind]);
        return MR_OK;
    }
}

int mr_avro_sql_type(struct mr_arena *arena, const struct mr_avro_schema *schema,
                     const struct mr_avro_type_options *options, const struct mr_type **out, bool *nullable,
                     struct mr_error *error)
{
    struct typing t = {.arena = arena, .options = options, .error = error};
    return type_of(&t, schema, NULL, out, nullable);
}

/* ---- the schema of a type ---- */
struct writing {
    struct mr_json_writer json;
    struct mr_error *error;
};

static int write_type(struct writing *w, const struct mr_type *type, bool nullable, const char *name,
                      const char *space);

static int fixed_bytes(int precision)
{
    static const uint8_t bytes[39] = {0,  1,  1,  2,  2,  3,  3,  4,  4,  4,  5,  5,  6,
                                      6,  6,  7,  7,  8,  8,  9,  9,  9,  10, 10, 11, 11,
                                      11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 16, 16, 16};
    return bytes[precision];
}

static void write_annotated(struct writing *w, const char *type, const char *key, const char *value)
{
    mr_json_begin_object(&w->json);
    mr_json_key(&w->json, "type");
    mr_json_cstr(&w->json, type);
    mr_json_key(&w->json, key);
    mr_json_cstr(&w->json, value);
    mr_json_end_object(&w->json);
}

static int write_decimal(struct writing *w, const struct mr_type *type, const char *name, const char *space)
{
    char full[1200];
    snprintf(full, sizeof full, "%s%s%s", space, *space ? "." : "", name);
    mr_json_begin_object(&w->json);
    mr_json_key(&w->json, "type");
    mr_json_cstr(&w->json, "fixed");
    mr_json_key(&w->json, "name");
    mr_json_cstr(&w->json, "fixed");
    mr_json_key(&w->json, "namespace");
    mr_json_cstr(&w->json, full);
    mr_json_key(&w->json, "size");
    mr_json_i64(&w->json, fixed_bytes(type->precision));
    mr_json_key(&w->json, "logicalType");
    mr_json_cstr(&w->json, "decimal");
    mr_json_key(&w->json, "precision");
    mr_json_i64(&w->json, type->precision);
    mr_json_key(&w->json, "scale");
    mr_json_i64(&w->json, type->scale);
    mr_json_end_object(&w->json);
    return MR_OK;
}

static int write_record(struct writing *w, const struct mr_type *type, const char *name, const char *space)
{
    char inner[1200];
    snprintf(inner, sizeof inner, "%s%s%s", space, *space ? "." : "", name);
    mr_json_begin_object(&w->json);
    mr_json_key(&w->json, "type");
    mr_json_cstr(&w->json, "record");
    mr_json_key(&w->json, "name");
    mr_json_cstr(&w->json, name);
    if (*space) {
        mr_json_key(&w->json, "namespace");
        mr_json_cstr(&w->json, space);
    }
    mr_json_key(&w->json, "fields");
    mr_json_begin_array(&w->json);
    for (int i = 0; i < type->field_count; i++) {
        mr_json_begin_object(&w->json);
        mr_json_key(&w->json, "name");
        mr_json_cstr(&w->json, type->fields[i].name);
        mr_json_key(&w->json, "type");
        MR_TRY(write_type(w, type->fields[i].type, type->fields[i].nullable, type->fields[i].name, inner));
        mr_json_end_object(&w->json);
    }
    mr_json_end_array(&w->json);
    mr_json_end_object(&w->json);
    return MR_OK;
}

static int write_list(struct writing *w, const struct mr_type *type, const char *name, const char *space)
{
    const struct mr_field *inner = &type->fields[type->id == MR_MAP];
    mr_json_begin_object(&w->json);
    mr_json_key(&w->json, "type");
    mr_json_cstr(&w->json, type->id == MR_MAP ? "map" : "array");
    mr_json_key(&w->json, type->id == MR_MAP ? "values" : "items");
    MR_TRY(write_type(w, inner->type, inner->nullable, name, space));
    mr_json_end_object(&w->json);
    return MR_OK;
}

static int write_plain(struct writing *w, const struct mr_type *type)
{
    struct mr_text text;
    switch (type->id) {
    case MR_VOID:
        mr_json_cstr(&w->json, "null");
        return MR_OK;
    case MR_BOOLEAN:
        mr_json_cstr(&w->json, "boolean");
        return MR_OK;
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
        mr_json_cstr(&w->json, "int");
        return MR_OK;
    case MR_BIGINT:
        mr_json_cstr(&w->json, "long");
        return MR_OK;
    case MR_FLOAT:
        mr_json_cstr(&w->json, "float");
        return MR_OK;
    case MR_DOUBLE:
        mr_json_cstr(&w->json, "double");
        return MR_OK;
    case MR_STRING:
        mr_json_cstr(&w->json, "string");
        return MR_OK;
    case MR_BINARY:
        mr_json_cstr(&w->json, "bytes");
        return MR_OK;
    case MR_DATE:
        write_annotated(w, "int", "logicalType", "date");
        return MR_OK;
    case MR_TIMESTAMP:
        write_annotated(w, "long", "logicalType", "timestamp-micros");
        return MR_OK;
    case MR_TIMESTAMP_NTZ:
        write_annotated(w, "long", "logicalType", "local-timestamp-micros");
        return MR_OK;
    default: /* intervals */
        mr_text_init(&text);
        mr_type_simple_text(&text, type);
        write_annotated(w, type->id == MR_INTERVAL_YEAR_MONTH ? "int" : "long", "spark.sql.catalyst.type",
                        text.data);
        mr_text_release(&text);
        return MR_OK;
    }
}

static int write_type(struct writing *w, const struct mr_type *type, bool nullable, const char *name,
                      const char *space)
{
    bool in_union = nullable && type->id != MR_VOID;
    if (type->id == MR_MAP && type->fields[0].type->id != MR_STRING)
        return mr_error_set(w->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
                            "Keys of Avro maps are strings; %s is none.", name);
    if (in_union)
        mr_json_begin_array(&w->json);
    if (type->id == MR_STRUCT)
        MR_TRY(write_record(w, type, name, space));
    else if (type->id == MR_ARRAY || type->id == MR_MAP)
        MR_TRY(write_list(w, type, name, space));
    else if (type->id == MR_DECIMAL)
        MR_TRY(write_decimal(w, type, name, space));
    else
        MR_TRY(write_plain(w, type));
    if (in_union) {
        mr_json_cstr(&w->json, "null");
        mr_json_end_array(&w->json);
    }
    return MR_OK;
}

int mr_avro_schema_of(struct mr_text *out, const struct mr_type *type, bool nullable, struct mr_error *error)
{
    struct writing w = {.json = {.out = out}, .error = error};
    MR_TRY(write_type(&w, type, nullable, "topLevelRecord", ""));
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}
