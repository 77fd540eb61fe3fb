/* columns/type.c: building, comparing and printing types. */
#include "columns/type.h"

#include <stdlib.h>

#include "base/json.h"
#include "columns/type_text.h"

#define PRIMITIVE(type_id) [type_id] = {.id = type_id}
static const struct mr_type primitives[MR_TYPE_COUNT] = {
    PRIMITIVE(MR_VOID),
    PRIMITIVE(MR_BOOLEAN),
    PRIMITIVE(MR_TINYINT),
    PRIMITIVE(MR_SMALLINT),
    PRIMITIVE(MR_INT),
    PRIMITIVE(MR_BIGINT),
    PRIMITIVE(MR_FLOAT),
    PRIMITIVE(MR_DOUBLE),
    [MR_DECIMAL] = {.id = MR_DECIMAL, .precision = 10},
    PRIMITIVE(MR_STRING),
    PRIMITIVE(MR_BINARY),
    PRIMITIVE(MR_DATE),
    PRIMITIVE(MR_TIMESTAMP),
    PRIMITIVE(MR_TIMESTAMP_NTZ),
    PRIMITIVE(MR_INTERVAL_DAY_TIME),
    PRIMITIVE(MR_INTERVAL_YEAR_MONTH),
};

const struct mr_type *mr_type_of(enum mr_type_id id)
{
    return id >= MR_VOID && id < MR_ARRAY ? &primitives[id] : NULL;
}

const struct mr_type *mr_type_decimal(struct mr_arena *arena, int precision, int scale)
{
    struct mr_type *type = MR_ARENA_NEW(arena, struct mr_type);
    if (!type)
        return NULL;
    *type = (struct mr_type){.id = MR_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
    return type;
}

static const struct mr_type *new_nested(struct mr_arena *arena, enum mr_type_id id,
                                        const struct mr_field *fields, int count)
{
    struct mr_type *type = MR_ARENA_NEW(arena, struct mr_type);
    struct mr_field *own = MR_ARENA_ARRAY(arena, struct mr_field, count > 0 ? count : 1);
    if (!type || !own)
        return NULL;
    if (count > 0)
        memcpy(own, fields, sizeof *own * (size_t)count);
    *type = (struct mr_type){.id = id, .field_count = count, .fields = own};
    return type;
}

const struct mr_type *mr_type_array(struct mr_arena *arena, const struct mr_type *element, bool contains_null)
{
    struct mr_field field = {.name = "element", .type = element, .nullable = contains_null};
    return new_nested(arena, MR_ARRAY, &field, 1);
}

const struct mr_type *mr_type_map(struct mr_arena *arena, const struct mr_type *key,
                                  const struct mr_type *value, bool value_contains_null)
{
    struct mr_field fields[2] = {
        {.name = "key", .type = key, .nullable = false},
        {.name = "value", .type = value, .nullable = value_contains_null},
    };
    return new_nested(arena, MR_MAP, fields, 2);
}

const struct mr_type *mr_type_struct(struct mr_arena *arena, const struct mr_field *fields, int count)
{
    return new_nested(arena, MR_STRUCT, fields, count);
}

static bool copy_cstring(struct mr_arena *arena, const char **text)
{
    if (!*text)
        return true;
    *text = mr_arena_copy_text(arena, *text, strlen(*text));
    return *text != NULL;
}

const struct mr_type *mr_type_copy(struct mr_arena *arena, const struct mr_type *type)
{
    if (type->id == MR_DECIMAL)
        return mr_type_decimal(arena, type->precision, type->scale);
    if (type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH)
        return mr_type_interval(type->id == MR_INTERVAL_YEAR_MONTH, mr_type_interval_first(type),
                                mr_type_interval_last(type));
    if (!mr_type_is_nested(type))
        return mr_type_of(type->id);
    const struct mr_type *copy = new_nested(arena, type->id, type->fields, type->field_count);
    if (!copy)
        return NULL;
    struct mr_field *fields = (struct mr_field *)copy->fields; /* ours until it is handed out */
    for (int i = 0; i < copy->field_count; i++) {
        fields[i].type = mr_type_copy(arena, fields[i].type);
        if (!fields[i].type || !copy_cstring(arena, &fields[i].name) ||
            !copy_cstring(arena, &fields[i].comment) || !copy_cstring(arena, &fields[i].metadata))
            return NULL;
    }
    return copy;
}

bool mr_type_equal(const struct mr_type *a, const struct mr_type *b)
{
    if (a == b)
        return true;
    if (a->id != b->id || a->precision != b->precision || a->scale != b->scale ||
        a->field_count != b->field_count)
        return false;
    for (int i = 0; i < a->field_count; i++) {
        if (a->id == MR_STRUCT && strcmp(a->fields[i].name, b->fields[i].name) != 0)
            return false;
        if (!mr_type_equal(a->fields[i].type, b->fields[i].type))
            return false;
    }
    return true;
}

int mr_type_field(const struct mr_type *type, struct mr_str name, bool case_sensitive, bool *ambiguous)
{
    int found = -1;
    if (ambiguous)
        *ambiguous = false;
    for (int i = 0; i < type->field_count; i++) {
        struct mr_str field = mr_str_of(type->fields[i].name);
        if (!(case_sensitive ? mr_str_equal(field, name) : mr_names_equal(field, name)))
            continue;
        if (found < 0)
            found = i;
        else if (ambiguous)
            *ambiguous = true;
    }
    return found;
}

size_t mr_type_width(const struct mr_type *type)
{
    static const uint8_t widths[MR_TYPE_COUNT] = {
        [MR_BOOLEAN] = 1,
        [MR_TINYINT] = 1,
        [MR_SMALLINT] = 2,
        [MR_INT] = 4,
        [MR_BIGINT] = 8,
        [MR_FLOAT] = 4,
        [MR_DOUBLE] = 8,
        [MR_DECIMAL] = 8,
        [MR_STRING] = 16,
        [MR_BINARY] = 16,
        [MR_DATE] = 4,
        [MR_TIMESTAMP] = 8,
        [MR_TIMESTAMP_NTZ] = 8,
        [MR_INTERVAL_DAY_TIME] = 8,
        [MR_INTERVAL_YEAR_MONTH] = 4,
    };
    return mr_type_is_long_decimal(type) ? 16 : widths[type->id];
}

/* ---- intervals ---- */

static const struct mr_type interval_types[2][4][4] = {
#define I(id, f, l) [f][l] = {id, (f) + 1, (l) + 1, 0, NULL}
    {I(MR_INTERVAL_DAY_TIME, 0, 0), I(MR_INTERVAL_DAY_TIME, 0, 1), I(MR_INTERVAL_DAY_TIME, 0, 2),
     I(MR_INTERVAL_DAY_TIME, 0, 3), I(MR_INTERVAL_DAY_TIME, 1, 1), I(MR_INTERVAL_DAY_TIME, 1, 2),
     I(MR_INTERVAL_DAY_TIME, 1, 3), I(MR_INTERVAL_DAY_TIME, 2, 2), I(MR_INTERVAL_DAY_TIME, 2, 3),
     I(MR_INTERVAL_DAY_TIME, 3, 3)},
    {I(MR_INTERVAL_YEAR_MONTH, 0, 0), I(MR_INTERVAL_YEAR_MONTH, 0, 1), I(MR_INTERVAL_YEAR_MONTH, 1, 1)},
#undef I
};

const struct mr_type *mr_type_interval(bool year_month, int first_field, int last_field)
{
    int widest = year_month ? 1 : 3;
    if (first_field < 0 || last_field < first_field || last_field > widest)
        return NULL;
    if (first_field == 0 && last_field == widest)
        return mr_type_of(year_month ? MR_INTERVAL_YEAR_MONTH : MR_INTERVAL_DAY_TIME);
    return &interval_types[year_month][first_field][last_field];
}
int mr_type_interval_first(const struct mr_type *type)
{
    return type->precision ? type->precision - 1 : 0;
}
int mr_type_interval_last(const struct mr_type *type)
{
    int widest = type->id == MR_INTERVAL_YEAR_MONTH ? 1 : 3;
    return type->scale ? type->scale - 1 : widest;
}

/* ---- text ---- */

static const char *const sql_names[MR_TYPE_COUNT] = {
    "VOID",
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "STRING",
    "BINARY",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NTZ",
    "INTERVAL DAY TO SECOND",
    "INTERVAL YEAR TO MONTH",
    "ARRAY",
    "MAP",
    "STRUCT",
};
static const char *const simple_names[MR_TYPE_COUNT] = {
    "void",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
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

/* "INTERVAL DAY TO HOUR", in the case of the rest of the text. */
static void append_interval(struct mr_text *out, const struct mr_type *type, bool upper)
{
    static const char *const fields[2][2][4] = {
        {{"day", "hour", "minute", "second"}, {"year", "month", "", ""}},
        {{"DAY", "HOUR", "MINUTE", "SECOND"}, {"YEAR", "MONTH", "", ""}}};
    const char *const *names = fields[upper][type->id == MR_INTERVAL_YEAR_MONTH];
    int first = mr_type_interval_first(type), last = mr_type_interval_last(type);
    mr_text_format(out, "%s %s", upper ? "INTERVAL" : "interval", names[first]);
    if (last > first)
        mr_text_format(out, " %s %s", upper ? "TO" : "to", names[last]);
}

static bool plain_name(const char *name)
{
    bool digits_only = true;
    for (const char *c = name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        if (!letter && !(*c >= '0' && *c <= '9'))
            return false;
        digits_only = digits_only && !letter;
    }
    return *name && !digits_only;
}

static void append_name(struct mr_text *out, const char *name)
{
    if (plain_name(name)) {
        mr_text_append_str(out, name);
        return;
    }
    mr_text_append_char(out, '`');
    for (const char *c = name; *c; c++) {
        if (*c == '`')
            mr_text_append_char(out, '`');
        mr_text_append_char(out, *c);
    }
    mr_text_append_char(out, '`');
}

static void append_sql_string(struct mr_text *out, const char *text)
{
    mr_text_append_char(out, '\'');
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            mr_text_append_char(out, '\\');
        mr_text_append_char(out, *c);
    }
    mr_text_append_char(out, '\'');
}

static void append_struct(struct mr_text *out, const struct mr_type *type)
{
    mr_text_append_str(out, "STRUCT<");
    for (int i = 0; i < type->field_count; i++) {
        const struct mr_field *field = &type->fields[i];
        if (i > 0)
            mr_text_append_str(out, ", ");
        append_name(out, field->name);
        mr_text_append_str(out, ": ");
        mr_type_text(out, field->type);
        if (!field->nullable)
            mr_text_append_str(out, " NOT NULL");
        if (field->comment) {
            mr_text_append_str(out, " COMMENT ");
            append_sql_string(out, field->comment);
        }
    }
    mr_text_append_char(out, '>');
}

void mr_type_text(struct mr_text *out, const struct mr_type *type)
{
    switch (type->id) {
    case MR_DECIMAL:
        mr_text_format(out, "DECIMAL(%d,%d)", type->precision, type->scale);
        break;
    case MR_ARRAY:
        mr_text_append_str(out, "ARRAY<");
        mr_type_text(out, type->fields[0].type);
        mr_text_append_char(out, '>');
        break;
    case MR_MAP:
        mr_text_append_str(out, "MAP<");
        mr_type_text(out, type->fields[0].type);
        mr_text_append_str(out, ", ");
        mr_type_text(out, type->fields[1].type);
        mr_text_append_char(out, '>');
        break;
    case MR_STRUCT:
        append_struct(out, type);
        break;
    case MR_INTERVAL_DAY_TIME:
    case MR_INTERVAL_YEAR_MONTH:
        append_interval(out, type, true);
        break;
    default:
        mr_text_append_str(out, sql_names[type->id]);
    }
}

void mr_type_simple_text(struct mr_text *out, const struct mr_type *type)
{
    if (type->id == MR_DECIMAL) {
        mr_text_format(out, "decimal(%d,%d)", type->precision, type->scale);
        return;
    }
    if (type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH) {
        append_interval(out, type, false);
        return;
    }
    mr_text_append_str(out, simple_names[type->id]);
    if (!mr_type_is_nested(type))
        return;
    mr_text_append_char(out, '<');
    for (int i = 0; i < type->field_count; i++) {
        if (i > 0)
            mr_text_append_char(out, ',');
        if (type->id == MR_STRUCT) {
            mr_text_append_str(out, type->fields[i].name);
            mr_text_append_char(out, ':');
        }
        mr_type_simple_text(out, type->fields[i].type);
    }
    mr_text_append_char(out, '>');
}
