/* columns/type.h: Spark's types, and schemas.
 *
 * A type is an immutable tree. Primitive types are static; the others live in an arena that outlives their
 * use. A schema is a STRUCT type. Text form: Spark's DDL ("DECIMAL(10,2)", "ARRAY<STRING>", "STRUCT<a: INT,
 * b: STRING>"), and Spark's/Delta's schema JSON. */
#ifndef MR_COLUMNS_TYPE_H
#define MR_COLUMNS_TYPE_H

#include "base/memory.h"

enum mr_type_id {
    MR_VOID, /* type of a bare NULL */
    MR_BOOLEAN,
    MR_TINYINT,
    MR_SMALLINT,
    MR_INT,
    MR_BIGINT,
    MR_FLOAT,
    MR_DOUBLE,
    MR_DECIMAL,
    MR_STRING,
    MR_BINARY,
    MR_DATE,                /* int32 days since 1970-01-01, proleptic Gregorian */
    MR_TIMESTAMP,           /* int64 microseconds since 1970-01-01 UTC */
    MR_TIMESTAMP_NTZ,       /* int64 microseconds of local time */
    MR_INTERVAL_DAY_TIME,   /* int64 microseconds (INTERVAL DAY TO SECOND and its parts) */
    MR_INTERVAL_YEAR_MONTH, /* int32 months */
    MR_ARRAY,
    MR_MAP,
    MR_STRUCT,
    MR_TYPE_COUNT
};

struct mr_field;
struct mr_type {
    enum mr_type_id id;
    uint8_t precision, scale; /* DECIMAL: 1..38, 0..precision; INTERVAL: first field + 1, last field + 1 */
    int field_count;
    const struct mr_field *fields; /* STRUCT: members; ARRAY: [0] "element"; MAP: [0] "key", [1] "value" */
};
struct mr_field {
    const char *name;
    const struct mr_type *type;
    bool nullable;
    const char *comment;  /* NULL: none */
    const char *metadata; /* the JSON object of the field's metadata, comment included; NULL: {} */
};

const struct mr_type *mr_type_of(enum mr_type_id id); /* primitives other than DECIMAL; static */
/* All *_new return NULL without memory. Fields are copied (shallowly: their types must live as long). */
const struct mr_type *mr_type_decimal(struct mr_arena *arena, int precision, int scale);
/* INTERVAL types carry their fields: YEAR 0, MONTH 1, or DAY 0, HOUR 1, MINUTE 2, SECOND 3; static.
 * mr_type_of gives the widest of both families, as this does for them. NULL: no such type. */
const struct mr_type *mr_type_interval(bool year_month, int first_field, int last_field);
int mr_type_interval_first(const struct mr_type *type);
int mr_type_interval_last(const struct mr_type *type);
const struct mr_type *mr_type_array(struct mr_arena *arena, const struct mr_type *element,
                                    bool contains_null);
const struct mr_type *mr_type_map(struct mr_arena *arena, const struct mr_type *key,
                                  const struct mr_type *value, bool value_contains_null);
const struct mr_type *mr_type_struct(struct mr_arena *arena, const struct mr_field *fields, int count);
const struct mr_type *mr_type_copy(struct mr_arena *arena, const struct mr_type *type); /* deep */

/* Same ids, parameters and field names (bytewise), recursively; nullability and comments do not count. */
bool mr_type_equal(const struct mr_type *a, const struct mr_type *b);
/* Names without regard to case, letter by letter, as Java's equalsIgnoreCase. */
bool mr_names_equal(struct mr_str a, struct mr_str b);
/* out becomes what equal names have in common. */
void mr_name_fold(struct mr_text *out, struct mr_str name);
/* Index of the field, or -1. Spark resolves names without regard to case; *ambiguous (may be NULL) tells of
 * two matches. */
int mr_type_field(const struct mr_type *type, struct mr_str name, bool case_sensitive, bool *ambiguous);

static inline bool mr_type_is_integral(const struct mr_type *t)
{
    return t->id >= MR_TINYINT && t->id <= MR_BIGINT;
}
static inline bool mr_type_is_numeric(const struct mr_type *t)
{
    return t->id >= MR_TINYINT && t->id <= MR_DECIMAL;
}
static inline bool mr_type_is_bytes(const struct mr_type *t)
{
    return t->id == MR_STRING || t->id == MR_BINARY;
}
static inline bool mr_type_is_nested(const struct mr_type *t)
{
    return t->id >= MR_ARRAY;
}
static inline bool mr_type_is_long_decimal(const struct mr_type *t)
{
    return t->id == MR_DECIMAL && t->precision > 18;
}
/* Bytes per value in struct mr_column.values: 1, 2, 4, 8, 16; 0 for VOID, ARRAY, MAP, STRUCT. */
size_t mr_type_width(const struct mr_type *type);

/* "DECIMAL(10,2)", "ARRAY<INT>", "STRUCT<a: INT NOT NULL, b: STRING>": upper case, as Spark's toSQL and
 * messages. */
void mr_type_text(struct mr_text *out, const struct mr_type *type);
/* "struct<a:int,b:string>": as Spark's simpleString. */
void mr_type_simple_text(struct mr_text *out, const struct mr_type *type);
/* Parses one type, or a column list "a BIGINT, b STRING NOT NULL COMMENT 'x'" (also "a: BIGINT"; also
 * STRUCT<...>) as a STRUCT. Names as in Spark: identifiers or back-quoted. Error: PARSE_SYNTAX_ERROR /
 * UNSUPPORTED_DATATYPE with column. */
int mr_type_parse(struct mr_arena *arena, struct mr_str text, const struct mr_type **out,
                  struct mr_error *error);
int mr_schema_parse(struct mr_arena *arena, struct mr_str text, const struct mr_type **out,
                    struct mr_error *error);
/* Spark's schema JSON, as in Delta's metaData.schemaString: {"type":"struct","fields":[...]} */
void mr_schema_to_json(struct mr_text *out, const struct mr_type *schema);
int mr_schema_from_json(struct mr_arena *arena, struct mr_str json, const struct mr_type **out,
                        struct mr_error *error);

#endif
