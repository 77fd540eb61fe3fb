/* api/arrow_schema.c: Spark's types as Arrow's, and back. */
#include <stdio.h>
#include <stdlib.h>

#include "api/arrow.h"

/* ---- export ---- */
static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
        mr_free(schema->children[i]);
    }
    mr_free(schema->children);
    mr_free((char *)schema->name);
    mr_free((char *)schema->format);
    *schema = (struct ArrowSchema){0};
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *memory = mr_allocate(size);
    if (memory)
        memcpy(memory, text, size);
    return memory;
}

static void format_of(const struct mr_type *type, const struct mr_zone *zone, bool large, char out[96])
{
    static const char *const plain[MR_TYPE_COUNT] = {[MR_VOID] = "n",
                                                     [MR_BOOLEAN] = "b",
                                                     [MR_TINYINT] = "c",
                                                     [MR_SMALLINT] = "s",
                                                     [MR_INT] = "i",
                                                     [MR_BIGINT] = "l",
                                                     [MR_FLOAT] = "f",
                                                     [MR_DOUBLE] = "g",
                                                     [MR_STRING] = "u",
                                                     [MR_BINARY] = "z",
                                                     [MR_DATE] = "tdD",
                                                     [MR_TIMESTAMP_NTZ] = "tsu:",
                                                     [MR_ARRAY] = "+l",
                                                     [MR_MAP] = "+m",
                                                     [MR_STRUCT] = "+s",
                                                     [MR_INTERVAL_DAY_TIME] = "tDu",
                                                     [MR_INTERVAL_YEAR_MONTH] = "tiM"};
    if (type->id == MR_DECIMAL)
        snprintf(out, 96, "d:%d,%d", type->precision, type->scale);
    else if (type->id == MR_TIMESTAMP)
        snprintf(out, 96, "tsu:%s", mr_zone_id(zone));
    else if (large)
        snprintf(out, 96, "%s", type->id == MR_STRING ? "U" : "Z");
    else
        snprintf(out, 96, "%s", plain[type->id]);
}

static int fill(struct ArrowSchema *out, const char *format, const char *name, bool nullable, int children,
                struct mr_error *error)
{
    *out = (struct ArrowSchema){.flags = nullable ? ARROW_FLAG_NULLABLE : 0, .release = release_schema};
    out->format = copy(format);
    out->name = copy(name);
    if (children > 0)
        out->children = mr_allocate_zeroed(sizeof *out->children * (size_t)children);
    if (!out->format || !out->name || (children > 0 && !out->children))
        return mr_error_memory(error, sizeof *out);
    for (int i = 0; i < children; i++) {
        out->children[i] = mr_allocate_zeroed(sizeof *out->children[i]);
        if (!out->children[i])
            return mr_error_memory(error, sizeof *out);
        out->n_children++;
    }
    return MR_OK;
}

static int export_type(const struct mr_type *type, const struct mr_column *column, const char *name,
                       bool nullable, const struct mr_zone *zone, struct ArrowSchema *out,
                       struct mr_error *error);

/* A map is a list of entries, a struct of key and value. */
static int export_map(const struct mr_type *type, const struct mr_column *column, const struct mr_zone *zone,
                      struct ArrowSchema *out, struct mr_error *error)
{
    struct ArrowSchema *entries = out->children[0];
    MR_TRY(fill(entries, "+s", "entries", false, 2, error));
    MR_TRY(export_type(type->fields[0].type, column->children[0], "key", false, zone, entries->children[0],
                       error));
    return export_type(type->fields[1].type, column->children[1], "value", type->fields[1].nullable, zone,
                       entries->children[1], error);
}

static int export_type(const struct mr_type *type, const struct mr_column *column, const char *name,
                       bool nullable, const struct mr_zone *zone, struct ArrowSchema *out,
                       struct mr_error *error)
{
    char format[96];
    int children = type->id == MR_MAP ? 1 : mr_type_is_nested(type) ? type->field_count : 0;
    format_of(type, zone, mr_type_is_bytes(type) && mr_arrow_is_large(column), format);
    MR_TRY(fill(out, format, name, nullable, children, error));
    if (type->id == MR_MAP)
        return export_map(type, column, zone, out, error);
    for (int i = 0; i < children; i++)
        MR_TRY(export_type(type->fields[i].type, column->children[i],
                           type->id == MR_ARRAY ? "item" : type->fields[i].name, type->fields[i].nullable,
                           zone, out->children[i], error));
    return MR_OK;
}

int mr_arrow_export_schema(const struct mr_batch *rows, const struct mr_zone *zone, struct ArrowSchema *out,
                           struct mr_error *error)
{
    const struct mr_type *schema = rows->schema;
    int status = fill(out, "+s", "", false, schema->field_count, error);
    for (int i = 0; status >= 0 && i < schema->field_count; i++)
        status = export_type(schema->fields[i].type, rows->columns[i], schema->fields[i].name,
                             schema->fields[i].nullable, zone, out->children[i], error);
    if (status < 0 && out->release)
        out->release(out);
    return status;
}

/* ---- import ---- */
static int unsupported(const struct ArrowSchema *schema, struct mr_error *error)
{
    const char *name = schema->name ? schema->name : "", *format = schema->format ? schema->format : "";
    mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_ARROWTYPE",
                 "The column `%s` has the Arrow format \"%s\", for which there is no type here.", name,
                 format);
    mr_error_parameter(error, "typeName", "%s", format);
    return error->code;
}

static int damaged(const struct ArrowSchema *schema, struct mr_error *error)
{
    return mr_error_set(error, MR_E_USAGE, "ARROW_TYPE_MISMATCH",
                        "The Arrow schema of `%s` is damaged: format \"%s\" with %lld children.",
                        schema->name ? schema->name : "", schema->format ? schema->format : "NULL",
                        (long long)schema->n_children);
}

static const struct {
    const char *format;
    enum mr_arrow_layout layout;
    enum mr_type_id type;
    int width; /* bytes of a value, or of an offset */
} formats[] = {
    {"n", MR_ARROW_NULL, MR_VOID, 0},
    {"b", MR_ARROW_BITS, MR_BOOLEAN, 0},
    {"c", MR_ARROW_SAME, MR_TINYINT, 1},
    {"C", MR_ARROW_UNSIGNED, MR_SMALLINT, 1},
    {"s", MR_ARROW_SAME, MR_SMALLINT, 2},
    {"S", MR_ARROW_UNSIGNED, MR_INT, 2},
    {"i", MR_ARROW_SAME, MR_INT, 4},
    {"I", MR_ARROW_UNSIGNED, MR_BIGINT, 4},
    {"l", MR_ARROW_SAME, MR_BIGINT, 8},
    {"L", MR_ARROW_UNSIGNED, MR_DECIMAL, 8},
    {"e", MR_ARROW_HALF, MR_FLOAT, 2},
    {"f", MR_ARROW_SAME, MR_FLOAT, 4},
    {"g", MR_ARROW_SAME, MR_DOUBLE, 8},
    {"u", MR_ARROW_BYTES, MR_STRING, 4},
    {"U", MR_ARROW_BYTES, MR_STRING, 8},
    {"vu", MR_ARROW_VIEWS, MR_STRING, 16},
    {"z", MR_ARROW_BYTES, MR_BINARY, 4},
    {"Z", MR_ARROW_BYTES, MR_BINARY, 8},
    {"vz", MR_ARROW_VIEWS, MR_BINARY, 16},
    {"tdD", MR_ARROW_SAME, MR_DATE, 4},
    {"tdm", MR_ARROW_DATE_MILLIS, MR_DATE, 8},
    {"tiM", MR_ARROW_SAME, MR_INTERVAL_YEAR_MONTH, 4},
    {"tDs", MR_ARROW_SECONDS, MR_INTERVAL_DAY_TIME, 8},
    {"tDm", MR_ARROW_MILLIS, MR_INTERVAL_DAY_TIME, 8},
    {"tDu", MR_ARROW_SAME, MR_INTERVAL_DAY_TIME, 8},
    {"tDn", MR_ARROW_NANOS, MR_INTERVAL_DAY_TIME, 8},
    {"+l", MR_ARROW_LIST, MR_ARRAY, 4},
    {"+L", MR_ARROW_LIST, MR_ARRAY, 8},
    {"+vl", MR_ARROW_LIST_VIEW, MR_ARRAY, 4},
    {"+vL", MR_ARROW_LIST_VIEW, MR_ARRAY, 8},
    {"+m", MR_ARROW_MAP, MR_MAP, 4},
    {"+s", MR_ARROW_STRUCT, MR_STRUCT, 0},
};

/* "d:precision,scale[,bits]" */
static bool decimal_kind(const char *format, struct mr_arrow_kind *out)
{
    int precision = 0, scale = 0, bits = 128, end = 0;
    if (sscanf(format, "d:%d,%d%n", &precision, &scale, &end) != 2)
        return false;
    if (format[end] == ',') {
        int start = end;
        if (sscanf(format + start, ",%d%n", &bits, &end) != 1 || format[start + end])
            return false;
    } else if (format[end]) {
        return false;
    }
    bool good = precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision &&
                (bits == 32 || bits == 64 || bits == 128 || bits == 256);
    *out = (struct mr_arrow_kind){MR_ARROW_DECIMAL, MR_DECIMAL, bits / 8, precision, scale};
    return good;
}

/* "w:bytes", "+w:values", "tsu:zone" */
static bool other_kind(const char *format, struct mr_arrow_kind *out)
{
    bool list = strncmp(format, "+w:", 3) == 0;
    if (list || strncmp(format, "w:", 2) == 0) {
        char *end;
        long width = strtol(format + (list ? 3 : 2), &end, 10);
        *out = (struct mr_arrow_kind){list ? MR_ARROW_FIXED_LIST : MR_ARROW_FIXED_BYTES,
                                      list ? MR_ARRAY : MR_BINARY, (int)width, 0, 0};
        return *end == 0 && width >= 0 && width <= INT32_MAX && end > format + 2;
    }
    if (format[0] == 't' && format[1] == 's' && format[2] && format[3] == ':') {
        static const char units[] = "smun";
        const char *unit = strchr(units, format[2]);
        static const enum mr_arrow_layout layouts[] = {MR_ARROW_SECONDS, MR_ARROW_MILLIS, MR_ARROW_SAME,
                                                       MR_ARROW_NANOS};
        if (!unit)
            return false;
        *out = (struct mr_arrow_kind){layouts[unit - units], format[4] ? MR_TIMESTAMP : MR_TIMESTAMP_NTZ, 8,
                                      0, 0};
        return true;
    }
    return format[0] == 'd' && decimal_kind(format, out);
}

bool mr_arrow_kind_of(const char *format, struct mr_arrow_kind *out)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].format, format) == 0) {
            *out = (struct mr_arrow_kind){formats[i].layout, formats[i].type, formats[i].width, 20, 0};
            return true;
        }
    return other_kind(format, out);
}

static int members_type(struct mr_arena *arena, const struct ArrowSchema *schema, const struct mr_type **out,
                        struct mr_error *error)
{
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, schema->n_children + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields * (size_t)schema->n_children);
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *child = schema->children[i];
        const char *name = child && child->name ? child->name : "";
        fields[i] =
            (struct mr_field){.name = mr_arena_copy_text(arena, name, strlen(name)), .nullable = true};
        if (!child || !fields[i].name)
            return child ? mr_error_memory(error, strlen(name)) : damaged(schema, error);
        MR_TRY(mr_arrow_type(arena, child, &fields[i].type, error));
    }
    *out = mr_type_struct(arena, fields, (int)schema->n_children);
    return *out ? MR_OK : mr_error_memory(error, sizeof *fields);
}

static int map_type(struct mr_arena *arena, const struct ArrowSchema *schema, const struct mr_type **out,
                    struct mr_error *error)
{
    const struct ArrowSchema *entries = schema->children[0];
    const struct mr_type *key, *value;
    if (!entries || !entries->format || strcmp(entries->format, "+s") != 0 || entries->n_children != 2 ||
        !entries->children[0] || !entries->children[1])
        return damaged(schema, error);
    MR_TRY(mr_arrow_type(arena, entries->children[0], &key, error));
    MR_TRY(mr_arrow_type(arena, entries->children[1], &value, error));
    *out = mr_type_map(arena, key, value, true);
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}

int mr_arrow_type(struct mr_arena *arena, const struct ArrowSchema *schema, const struct mr_type **out,
                  struct mr_error *error)
{
    struct mr_arrow_kind kind;
    const struct mr_type *element;
    if (schema->dictionary) /* the values count; the format is that of the indices */
        return mr_arrow_type(arena, schema->dictionary, out, error);
    if (!schema->format || (schema->n_children > 0 && !schema->children) || schema->n_children < 0 ||
        schema->n_children > INT32_MAX)
        return damaged(schema, error);
    if (!mr_arrow_kind_of(schema->format, &kind))
        return unsupported(schema, error);
    if (kind.type == MR_STRUCT)
        return members_type(arena, schema, out, error);
    bool one_child = kind.type == MR_ARRAY || kind.type == MR_MAP;
    if (one_child && (schema->n_children != 1 || !schema->children[0]))
        return damaged(schema, error);
    if (kind.type == MR_MAP)
        return map_type(arena, schema, out, error);
    if (kind.type == MR_ARRAY) {
        MR_TRY(mr_arrow_type(arena, schema->children[0], &element, error));
        *out = mr_type_array(arena, element, true);
    } else if (kind.type == MR_DECIMAL) {
        *out = mr_type_decimal(arena, kind.precision, kind.scale);
    } else {
        *out = mr_type_of(kind.type);
    }
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}

int mr_arrow_nullable(struct mr_arena *arena, const struct mr_type *type, const struct mr_type **out,
                      struct mr_error *error)
{
    const struct mr_type *inner[2] = {NULL, NULL};
    *out = type;
    if (!mr_type_is_nested(type))
        return MR_OK;
    if (type->id == MR_STRUCT) {
        struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, type->field_count + 1);
        if (!fields)
            return mr_error_memory(error, sizeof *fields);
        for (int i = 0; i < type->field_count; i++) {
            fields[i] = type->fields[i];
            fields[i].nullable = true;
            MR_TRY(mr_arrow_nullable(arena, type->fields[i].type, &fields[i].type, error));
        }
        *out = mr_type_struct(arena, fields, type->field_count);
    } else {
        for (int i = 0; i < type->field_count; i++)
            MR_TRY(mr_arrow_nullable(arena, type->fields[i].type, &inner[i], error));
        *out = type->id == MR_MAP ? mr_type_map(arena, inner[0], inner[1], true)
                                  : mr_type_array(arena, inner[0], true);
    }
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}
