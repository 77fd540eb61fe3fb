/* expressions/avro_encode.c: to_avro's rows, by Spark's pairs of types. */
#include "expressions/avro_encode.h"

#include <stdio.h>

#include "base/varint.h"
#include "columns/value.h"

struct mr_avro_encoder {
    const struct mr_avro_schema *schema; /* what is written, a union's branch */
    const struct mr_type *type;
    int branch;       /* number in the union around; -1: there is none */
    int null_branch;  /* -1: NULL cannot be written */
    const char *name; /* of the field, for errors */
    int column;       /* RECORD: the struct's field; -1: there is none, NULL is written */
    int count;
    const struct mr_avro_encoder *children; /* RECORD: by the schema's fields; UNION: by the struct's */
};
struct maker {
    struct mr_arena *arena;
    bool case_sensitive;
    struct mr_error *error;
};

static int make(struct maker *m, const struct mr_type *type, const struct mr_avro_schema *schema,
                const char *name, struct mr_avro_encoder *out);

static int incompatible(struct maker *m, const struct mr_type *type, const struct mr_avro_schema *schema,
                        const char *name, const char *why)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, type);
    mr_error_set(m->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
                 "`%s` of type %.300s cannot be written as Avro's %s%s%s.", name, text.data,
                 schema->full_name, *why ? ": " : "", why);
    mr_text_release(&text);
    return m->error->code;
}

/* ---- what goes together ---- */
static bool scalar_fits(const struct mr_type *type, const struct mr_avro_schema *s)
{
    bool plain = s->logical == MR_AVRO_PLAIN;
    switch (type->id) {
    case MR_VOID:
        return s->kind == MR_AVRO_NULL;
    case MR_BOOLEAN:
        return s->kind == MR_AVRO_BOOLEAN;
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        return s->kind == MR_AVRO_INT;
    case MR_BIGINT:
    case MR_INTERVAL_DAY_TIME:
        return s->kind == MR_AVRO_LONG;
    case MR_FLOAT:
        return s->kind == MR_AVRO_FLOAT;
    case MR_DOUBLE:
        return s->kind == MR_AVRO_DOUBLE;
    case MR_STRING:
        return s->kind == MR_AVRO_STRING || s->kind == MR_AVRO_ENUM;
    case MR_BINARY:
        return s->kind == MR_AVRO_BYTES || s->kind == MR_AVRO_FIXED;
    case MR_TIMESTAMP:
        return s->kind == MR_AVRO_LONG &&
               (plain || s->logical == MR_AVRO_TIMESTAMP_MILLIS || s->logical == MR_AVRO_TIMESTAMP_MICROS);
    case MR_TIMESTAMP_NTZ:
        return s->kind == MR_AVRO_LONG &&
               (plain || s->logical == MR_AVRO_LOCAL_MILLIS || s->logical == MR_AVRO_LOCAL_MICROS);
    case MR_DECIMAL:
        return s->logical == MR_AVRO_DECIMAL && s->precision == type->precision && s->scale == type->scale;
    default:
        return false;
    }
}

static int make_record(struct maker *m, const struct mr_type *type, const struct mr_avro_schema *schema,
                       const char *name, struct mr_avro_encoder *out)
{
    struct mr_avro_encoder *children = MR_ARENA_ARRAY(m->arena, struct mr_avro_encoder, schema->count + 1);
    if (!children)
        return mr_error_memory(m->error, sizeof *children);
    out->children = children;
    out->count = schema->count;
    for (int f = 0; f < type->field_count; f++) {
        int found = -1;
        for (int i = 0; i < schema->count; i++) {
            struct mr_str a = mr_str_of(schema->fields[i].name), b = mr_str_of(type->fields[f].name);
            if (!(m->case_sensitive ? mr_str_equal(a, b) : mr_str_equal_nocase(a, b)))
                continue;
            if (found >= 0)
                return incompatible(m, type, schema, type->fields[f].name,
                                    "two of its fields have that name");
            found = i;
        }
        if (found < 0)
            return incompatible(m, type, schema, type->fields[f].name, "the record has no such field");
        MR_TRY(make(m, type->fields[f].type, schema->fields[found].schema, schema->fields[found].name,
                    &children[found]));
        children[found].column = f;
    }
    for (int i = 0; i < schema->count; i++) {
        bool nullable;
        if (children[i].schema)
            continue;
        mr_avro_not_null(schema->fields[i].schema, &nullable);
        if (!nullable || schema->fields[i].schema->kind != MR_AVRO_UNION)
            return incompatible(m, type, schema, name,
                                "a field of the record that must not be NULL has no value");
        MR_TRY(make(m, mr_type_of(MR_VOID), schema->fields[i].schema, schema->fields[i].name, &children[i]));
        children[i].column = -1;
    }
    return MR_OK;
}

/* member0, member1, … are the branches that are not NULL. */
static int make_members(struct maker *m, const struct mr_type *type, const struct mr_avro_schema *schema,
                        const char *name, struct mr_avro_encoder *out)
{
    struct mr_avro_encoder *children = MR_ARENA_ARRAY(m->arena, struct mr_avro_encoder, schema->count + 1);
    char expected[32];
    if (!children)
        return mr_error_memory(m->error, sizeof *children);
    out->children = children;
    for (int i = 0; i < schema->count; i++) {
        if (schema->fields[i].schema->kind == MR_AVRO_NULL)
            continue;
        int k = out->count++;
        snprintf(expected, sizeof expected, "member%d", k);
        if (k >= type->field_count || strcmp(type->fields[k].name, expected) != 0)
            return incompatible(m, type, schema, name,
                                "a union is written from a struct of member0, member1, …");
        MR_TRY(make(m, type->fields[k].type, schema->fields[i].schema, name, &children[k]));
        children[k].branch = i;
        children[k].column = k;
    }
    if (out->count != type->field_count)
        return incompatible(m, type, schema, name, "the union has fewer branches");
    return MR_OK;
}

/* BIGINT and DOUBLE also fit unions of INT and LONG, of FLOAT and DOUBLE. */
static const struct mr_avro_schema *wide_branch(const struct mr_type *type,
                                                const struct mr_avro_schema *schema, int *branch)
{
    enum mr_avro_kind wide = type->id == MR_BIGINT ? MR_AVRO_LONG : MR_AVRO_DOUBLE;
    unsigned kinds = 0;
    for (int i = 0; i < schema->count; i++) {
        enum mr_avro_kind kind = schema->fields[i].schema->kind;
        kinds |= kind == MR_AVRO_NULL ? 0 : 1U << kind;
        if (kind == wide)
            *branch = i;
    }
    bool longs = kinds == (1U << MR_AVRO_INT | 1U << MR_AVRO_LONG);
    bool doubles = kinds == (1U << MR_AVRO_FLOAT | 1U << MR_AVRO_DOUBLE);
    if (!(type->id == MR_BIGINT && longs) && !(type->id == MR_DOUBLE && doubles))
        return NULL;
    return schema->fields[*branch].schema;
}

static int make(struct maker *m, const struct mr_type *type, const struct mr_avro_schema *schema,
                const char *name, struct mr_avro_encoder *out)
{
    bool nullable;
    *out = (struct mr_avro_encoder){.type = type, .branch = -1, .null_branch = -1, .name = name};
    out->schema = schema;
    if (schema->kind == MR_AVRO_UNION) {
        const struct mr_avro_schema *one = mr_avro_not_null(schema, &nullable);
        for (int i = 0; i < schema->count; i++) {
            if (schema->fields[i].schema->kind == MR_AVRO_NULL)
                out->null_branch = i;
            else if (schema->fields[i].schema == one)
                out->branch = i;
        }
        if (type->id == MR_VOID && out->null_branch >= 0)
            return MR_OK;
        if (one == schema && type->id == MR_STRUCT)
            return make_members(m, type, schema, name, out);
        if (one == schema)
            one = wide_branch(type, schema, &out->branch);
        if (!one)
            return incompatible(m, type, schema, name, "");
        out->schema = schema = one;
    }
    if (type->id == MR_STRUCT && schema->kind == MR_AVRO_RECORD)
        return make_record(m, type, schema, name, out);
    bool map = type->id == MR_MAP;
    if ((type->id == MR_ARRAY && schema->kind == MR_AVRO_ARRAY) ||
        (map && schema->kind == MR_AVRO_MAP && type->fields[0].type->id == MR_STRING)) {
        struct mr_avro_encoder *child = MR_ARENA_NEW(m->arena, struct mr_avro_encoder);
        if (!child)
            return mr_error_memory(m->error, sizeof *child);
        out->children = child;
        out->count = 1;
        return make(m, type->fields[map].type, schema->fields[0].schema, name, child);
    }
    return scalar_fits(type, schema) ? MR_OK : incompatible(m, type, schema, name, "");
}

int mr_avro_encoder_make(struct mr_arena *arena, const struct mr_type *type,
                         const struct mr_avro_schema *schema, bool case_sensitive,
                         const struct mr_avro_encoder **out, struct mr_error *error)
{
    struct maker m = {arena, case_sensitive, error};
    struct mr_avro_encoder *encoder = MR_ARENA_NEW(arena, struct mr_avro_encoder);
    if (!encoder)
        return mr_error_memory(error, sizeof *encoder);
    *out = encoder;
    return make(&m, type, schema, "value", encoder);
}

/* ---- values ---- */
static void put_long(struct mr_text *out, int64_t value)
{
    mr_varint_append(out, mr_zigzag(value));
}

static void put_bytes(struct mr_text *out, struct mr_str bytes)
{
    put_long(out, (int64_t)bytes.size);
    mr_text_append(out, bytes.data, bytes.size);
}

static int wrong_value(const struct mr_avro_encoder *e, struct mr_error *error, const char *why)
{
    return mr_error_set(error, MR_E_DATA, "AVRO_SCHEMA_INCOMPATIBLE",
                        "`%s` cannot be written as Avro's %s: %s.", e->name, e->schema->full_name, why);
}

static int put_symbol(const struct mr_avro_encoder *e, struct mr_str text, struct mr_text *out,
                      struct mr_error *error)
{
    for (int i = 0; i < e->schema->symbol_count; i++)
        if (mr_str_equal(e->schema->symbols[i], text)) {
            put_long(out, i);
            return MR_OK;
        }
    return wrong_value(e, error, "the text is none of the enum's symbols");
}

static void put_decimal(const struct mr_avro_encoder *e, mr_i128 value, struct mr_text *out)
{
    char bytes[16];
    size_t size = 16, start = 0;
    for (int i = 0; i < 16; i++)
        bytes[i] = (char)((mr_u128)value >> (8 * (15 - i)));
    char sign = value < 0 ? (char)0xFF : 0;
    while (start < 15 && bytes[start] == sign && ((bytes[start + 1] ^ sign) & 0x80) == 0)
        start++;
    size -= start;
    if (e->schema->kind == MR_AVRO_BYTES)
        put_long(out, (int64_t)size);
    for (int64_t i = (int64_t)size; e->schema->kind == MR_AVRO_FIXED && i < e->schema->size_bytes; i++)
        mr_text_append_char(out, sign);
    mr_text_append(out, bytes + start, size);
}

static int64_t in_unit(const struct mr_avro_encoder *e, int64_t micros)
{
    bool fine = e->schema->logical == MR_AVRO_TIMESTAMP_MICROS || e->schema->logical == MR_AVRO_LOCAL_MICROS;
    int64_t millis = micros / 1000;
    return fine ? micros : millis - (micros < millis * 1000);
}

static int put_scalar(const struct mr_avro_encoder *e, const struct mr_column *c, int64_t row,
                      struct mr_text *out, struct mr_error *error)
{
    switch (e->type->id) {
    case MR_VOID:
        return MR_OK;
    case MR_BOOLEAN:
        mr_text_append_char(out, c->booleans[row] ? 1 : 0);
        return MR_OK;
    case MR_FLOAT:
        mr_text_append(out, &c->f32[row], 4);
        return MR_OK;
    case MR_DOUBLE:
        mr_text_append(out, &c->f64[row], 8);
        return MR_OK;
    case MR_STRING:
    case MR_BINARY:
        if (e->schema->kind == MR_AVRO_ENUM)
            return put_symbol(e, mr_view_str(&c->views[row]), out, error);
        if (e->schema->kind != MR_AVRO_FIXED) {
            put_bytes(out, mr_view_str(&c->views[row]));
            return MR_OK;
        }
        if (c->views[row].size != e->schema->size_bytes)
            return wrong_value(e, error, "it has another number of bytes");
        mr_text_append(out, mr_view_data(&c->views[row]), c->views[row].size);
        return MR_OK;
    case MR_DECIMAL:
        put_decimal(e, mr_decimal_at(c, row), out);
        return MR_OK;
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        put_long(out, in_unit(e, c->i64[row]));
        return MR_OK;
    default:
        put_long(out, mr_integer_at(c, row));
        return MR_OK;
    }
}

static int put(const struct mr_avro_encoder *e, const struct mr_column *c, int64_t row, struct mr_text *out,
               struct mr_error *error);

static int put_null(const struct mr_avro_encoder *e, struct mr_text *out, struct mr_error *error)
{
    if (e->null_branch >= 0) {
        put_long(out, e->null_branch);
        return MR_OK;
    }
    if (e->schema->kind == MR_AVRO_NULL)
        return MR_OK;
    mr_error_set(
        error, MR_E_DATA, "AVRO_CANNOT_WRITE_NULL_FIELD",
        "The field `%s` is NULL; its Avro type %s does not allow that. Make it a union with \"null\".",
        e->name, e->schema->full_name);
    mr_error_parameter(error, "name", "`%s`", e->name);
    mr_error_parameter(error, "dataType", "\"%s\"", e->schema->full_name);
    return error->code;
}

static int put_list(const struct mr_avro_encoder *e, const struct mr_column *c, int64_t row,
                    struct mr_text *out, struct mr_error *error)
{
    bool map = e->type->id == MR_MAP;
    int32_t first = c->offsets[row], end = c->offsets[row + 1];
    if (end > first)
        put_long(out, end - first);
    for (int32_t i = first; i < end; i++) {
        if (map)
            put_bytes(out, mr_view_str(&c->children[0]->views[i]));
        MR_TRY(put(e->children, c->children[map], i, out, error));
    }
    put_long(out, 0);
    return MR_OK;
}

static int put_members(const struct mr_avro_encoder *e, const struct mr_column *c, int64_t row,
                       struct mr_text *out, struct mr_error *error)
{
    for (int i = 0; i < e->count; i++)
        if (!mr_column_is_null(c->children[i], row))
            return put(&e->children[i], c->children[i], row, out, error);
    return put_null(e, out, error);
}

static int put(const struct mr_avro_encoder *e, const struct mr_column *c, int64_t row, struct mr_text *out,
               struct mr_error *error)
{
    if (e->type->id == MR_VOID || mr_column_is_null(c, row))
        return put_null(e, out, error);
    if (e->schema->kind == MR_AVRO_UNION)
        return put_members(e, c, row, out, error);
    if (e->branch >= 0)
        put_long(out, e->branch);
    switch (e->schema->kind) {
    case MR_AVRO_RECORD:
        for (int i = 0; i < e->count; i++) {
            const struct mr_avro_encoder *child = &e->children[i];
            MR_TRY(child->column < 0 ? put_null(child, out, error)
                                     : put(child, c->children[child->column], row, out, error));
        }
        return MR_OK;
    case MR_AVRO_ARRAY:
    case MR_AVRO_MAP:
        return put_list(e, c, row, out, error);
    default:
        return put_scalar(e, c, row, out, error);
    }
}

int mr_avro_encode(const struct mr_avro_encoder *encoder, const struct mr_column *column, int64_t row,
                   struct mr_text *out, struct mr_error *error)
{
    MR_TRY(put(encoder, column, row, out, error));
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}
