/* delta/schema.c: schema enforcement and additive evolution. Names compare without regard to case, as in
 * Spark; the table's spelling wins. A changed type is refused, widening included: it would need the
 * typeWidening feature. */
#include <stdio.h>

#include "delta/delta.h"

#define BAD_CHARACTERS " ,;{}()\n\t="

/* ---- may it be written? ---- */
static int mismatch(const char *table, const struct mr_type *schema, const struct mr_type *written,
                    const char *column, struct mr_error *error)
{
    struct mr_text have, want;
    mr_text_init(&have);
    mr_text_init(&want);
    mr_type_simple_text(&have, written);
    mr_type_simple_text(&want, schema);
    mr_error_set(error, MR_E_SQL, "DELTA_METADATA_MISMATCH",
                 "The column %s is not in the table %s. Set the option mergeSchema to true to have the table "
                 "take new columns in. Table: "
                 "%.300s; data: %.300s.",
                 column, table, want.data, have.data);
    mr_text_release(&have);
    mr_text_release(&want);
    return error->code;
}

static int cannot_merge(const char *column, const struct mr_type *have, const struct mr_type *want,
                        struct mr_error *error)
{
    struct mr_text from, to;
    mr_text_init(&from);
    mr_text_init(&to);
    mr_type_text(&from, have);
    mr_type_text(&to, want);
    mr_error_set(
        error, MR_E_SQL, "DELTA_FAILED_TO_MERGE_FIELDS",
        "The column %s is %s in the table and %s in the data. Cast it in the query, or write to a new table.",
        column, to.data, from.data);
    mr_error_parameter(error, "currentField", "%s", column);
    mr_error_parameter(error, "updateField", "%s", column);
    mr_text_release(&from);
    mr_text_release(&to);
    return error->code;
}

/* "a.b" into out, cut when too long. */
static void join(char out[256], const char *parent, const char *name)
{
    snprintf(out, 256, "%s%s%s", parent, parent[0] ? "." : "", name);
}

static int check_struct(const char *table, const char *path, const struct mr_type *schema,
                        const struct mr_type *written, struct mr_error *error);

static int check_type(const char *table, const char *path, const struct mr_type *schema,
                      const struct mr_type *written, struct mr_error *error)
{
    bool same = schema->id == written->id && schema->precision == written->precision &&
                schema->scale == written->scale;
    if (!same)
        return cannot_merge(path, written, schema, error);
    if (schema->id == MR_STRUCT)
        return check_struct(table, path, schema, written, error);
    for (int i = 0; i < schema->field_count; i++) {
        char inner[256];
        join(inner, path, schema->fields[i].name);
        MR_TRY(check_type(table, inner, schema->fields[i].type, written->fields[i].type, error));
    }
    return MR_OK;
}

static int check_struct(const char *table, const char *path, const struct mr_type *schema,
                        const struct mr_type *written, struct mr_error *error)
{
    char inner[256];
    for (int i = 0; i < written->field_count; i++) {
        int at = mr_type_field(schema, mr_str_of(written->fields[i].name), false, NULL);
        join(inner, path, written->fields[i].name);
        if (at < 0)
            return mismatch(table, schema, written, inner, error);
        MR_TRY(check_type(table, inner, schema->fields[at].type, written->fields[i].type, error));
    }
    for (int i = 0; i < schema->field_count; i++) {
        bool given = mr_type_field(written, mr_str_of(schema->fields[i].name), false, NULL) >= 0;
        if (given || schema->fields[i].nullable)
            continue;
        join(inner, path, schema->fields[i].name);
        mr_error_set(error, MR_E_SQL, "DELTA_MISSING_NOT_NULL_COLUMN_VALUE",
                     "The column %s of the table %s is NOT NULL, and the data lack it.", inner, table);
        mr_error_parameter(error, "columnName", "%s", inner);
        return error->code;
    }
    return MR_OK;
}

int mr_delta_schema_check(const char *table, const struct mr_type *schema, const struct mr_type *written,
                          struct mr_error *error)
{
    return check_struct(table, "", schema, written, error);
}

/* ---- growing ---- */
static const struct mr_type *merge_struct(struct mr_arena *arena, const struct mr_type *schema,
                                          const struct mr_type *written, bool *changed);

/* The table's type with what the written one has more, inside. Unequal types stay: the check names them. */
static const struct mr_type *merge_type(struct mr_arena *arena, const struct mr_type *schema,
                                        const struct mr_type *written, bool *changed)
{
    if (schema->id != written->id || schema->field_count == 0)
        return schema;
    if (schema->id == MR_STRUCT)
        return merge_struct(arena, schema, written, changed);
    const struct mr_type *inner[2] = {NULL, NULL};
    for (int i = 0; i < schema->field_count && i < 2; i++) {
        inner[i] = merge_type(arena, schema->fields[i].type, written->fields[i].type, changed);
        if (!inner[i])
            return NULL;
    }
    if (schema->id == MR_ARRAY)
        return mr_type_array(arena, inner[0], schema->fields[0].nullable);
    return mr_type_map(arena, inner[0], inner[1], schema->fields[1].nullable);
}

static const struct mr_type *merge_struct(struct mr_arena *arena, const struct mr_type *schema,
                                          const struct mr_type *written, bool *changed)
{
    int count = schema->field_count;
    struct mr_field *fields =
        MR_ARENA_ARRAY(arena, struct mr_field, schema->field_count + written->field_count);
    if (!fields)
        return NULL;
    if (count > 0)
        memcpy(fields, schema->fields, sizeof(*fields) * (size_t)count);
    for (int i = 0; i < written->field_count; i++) {
        int at = mr_type_field(schema, mr_str_of(written->fields[i].name), false, NULL);
        if (at >= 0) {
            fields[at].type = merge_type(arena, schema->fields[at].type, written->fields[i].type, changed);
            if (!fields[at].type)
                return NULL;
            continue;
        }
        *changed = true;
        fields[count] = written->fields[i];
        fields[count++].nullable = true; /* old files lack it */
    }
    return mr_type_struct(arena, fields, count);
}

int mr_delta_schema_merge(struct mr_arena *arena, const struct mr_type *schema, const struct mr_type *written,
                          const struct mr_type **out, bool *changed, struct mr_error *error)
{
    *changed = false;
    *out = merge_struct(arena, schema, written, changed);
    return *out ? MR_OK : mr_error_memory(error, sizeof(struct mr_field) * (size_t)schema->field_count);
}

/* ---- may there be such a table? ---- */
static int check_name(const char *table, const char *name, struct mr_error *error)
{
    if (name[0] != '\0' && !strpbrk(name, BAD_CHARACTERS))
        return MR_OK;
    mr_error_set(error, MR_E_SQL, "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES",
                 "The table %s cannot have the column '%s': the name is empty or has one of the characters "
                 "' ,;{}()\\n\\t='. Give it another name with AS.",
                 table, name);
    mr_error_parameter(error, "invalidColumnNames", "%s", name);
    return error->code;
}

/* *column: of the outermost type, where the fault is. */
static int check_names(const char *table, const struct mr_type *type, int *column, struct mr_error *error)
{
    int inner;
    for (int i = 0; i < type->field_count; i++) {
        const char *name = type->fields[i].name;
        *column = i;
        if (type->id == MR_STRUCT)
            MR_TRY(check_name(table, name, error));
        for (int j = 0; type->id == MR_STRUCT && j < i; j++)
            if (mr_names_equal(mr_str_of(type->fields[j].name), mr_str_of(name))) {
                mr_error_set(
                    error, MR_E_SQL, "DELTA_DUPLICATE_COLUMNS_FOUND",
                    "The table %s cannot have the column %s twice; names of a table's columns differ in "
                    "more than case. Give one another name with AS.",
                    table, name);
                mr_error_parameter(error, "duplicateCols", "%s", name);
                return error->code;
            }
        MR_TRY(check_names(table, type->fields[i].type, &inner, error));
    }
    return MR_OK;
}

static int check_types(const char *table, const struct mr_type *type, const char *path, int *column,
                       struct mr_error *error)
{
    int inner_column;
    if (type->id == MR_VOID || type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_text(&text, type);
        mr_error_set(error, MR_E_SQL, "DELTA_UNSUPPORTED_DATA_TYPES",
                     "The column %s is %s, which a Delta table like %s cannot hold; cast it.", path,
                     text.data, table);
        mr_error_parameter(error, "dataTypeList", "%s: %s", path, text.data);
        mr_text_release(&text);
        return error->code;
    }
    for (int i = 0; i < type->field_count; i++) {
        char inner[256];
        *column = i;
        join(inner, path, type->fields[i].name);
        MR_TRY(check_types(table, type->fields[i].type, inner, &inner_column, error));
    }
    return MR_OK;
}

static int check_partition(const char *table, const struct mr_type *schema, struct mr_str column,
                           struct mr_error *error)
{
    int at = mr_type_field(schema, column, false, NULL);
    if (at < 0) {
        mr_error_set(error, MR_E_SQL, "DELTA_PARTITION_COLUMN_NOT_FOUND",
                     "The partition column %.*s is not among the columns of the table %s.", (int)column.size,
                     column.data, table);
        mr_error_parameter(error, "columnName", "%.*s", (int)column.size, column.data);
        return error->code;
    }
    const struct mr_type *type = schema->fields[at].type;
    if (mr_type_is_nested(type) || type->id == MR_BINARY) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_text(&text, type);
        mr_error_set(error, MR_E_SQL, "DELTA_INVALID_PARTITION_COLUMN_TYPE",
                     "The column %.*s is %s; the table %s cannot be partitioned by it.", (int)column.size,
                     column.data, text.data, table);
        mr_error_parameter(error, "name", "%.*s", (int)column.size, column.data);
        mr_error_parameter(error, "dataType", "%s", text.data);
        mr_text_release(&text);
        return error->code;
    }
    return MR_OK;
}

int mr_delta_schema_validate(const char *table, const struct mr_type *schema,
                             const struct mr_str *partition_columns, int partition_column_count, int *column,
                             int *partition, struct mr_error *error)
{
    int unused;
    column = column ? column : &unused;
    partition = partition ? partition : &unused;
    *partition = -1;
    MR_TRY(check_names(table, schema, column, error));
    MR_TRY(check_types(table, schema, "", column, error));
    for (int i = 0; i < partition_column_count; i++) {
        *column = mr_type_field(schema, partition_columns[i], false, NULL);
        *partition = i;
        MR_TRY(check_partition(table, schema, partition_columns[i], error));
    }
    *column = *partition = -1;
    if (partition_column_count > 0 && partition_column_count >= schema->field_count)
        return mr_error_set(
            error, MR_E_SQL, "DELTA_NON_PARTITION_COLUMN_ABSENT",
            "Every column of the table %s is a partition column; it needs at least one that is "
            "not.",
            table);
    return MR_OK;
}
