/* expressions/avro_schema.h: Avro schemas, and the SQL types they stand for.
 *
 * A schema is an immutable tree in an arena, parsed from its JSON text; a record that names itself inside
 * makes it a graph, so walks follow a depth. Names are resolved and checked as Avro's Java library does;
 * logical types that do not fit what they stand on are ignored, as there. */
#ifndef MR_EXPRESSIONS_AVRO_SCHEMA_H
#define MR_EXPRESSIONS_AVRO_SCHEMA_H

#include "base/json.h"
#include "columns/type.h"

enum mr_avro_kind {
    MR_AVRO_NULL,
    MR_AVRO_BOOLEAN,
    MR_AVRO_INT,
    MR_AVRO_LONG,
    MR_AVRO_FLOAT,
    MR_AVRO_DOUBLE,
    MR_AVRO_BYTES,
    MR_AVRO_STRING,
    MR_AVRO_RECORD,
    MR_AVRO_ENUM,
    MR_AVRO_ARRAY,
    MR_AVRO_MAP,
    MR_AVRO_UNION,
    MR_AVRO_FIXED,
};
enum mr_avro_logical {
    MR_AVRO_PLAIN,
    MR_AVRO_DATE,
    MR_AVRO_TIMESTAMP_MILLIS,
    MR_AVRO_TIMESTAMP_MICROS,
    MR_AVRO_LOCAL_MILLIS,
    MR_AVRO_LOCAL_MICROS,
    MR_AVRO_DECIMAL,
    MR_AVRO_TIME_MICROS,
    MR_AVRO_OTHER, /* known to Avro, a plain value here: uuid, time-millis, duration, … */
};
struct mr_avro_field;
struct mr_avro_schema {
    enum mr_avro_kind kind;
    enum mr_avro_logical logical;
    int precision, scale;   /* DECIMAL; more than 38 digits are no SQL type */
    const char *name;       /* without its namespace; of unnamed types the kind's */
    const char *full_name;  /* RECORD, ENUM, FIXED; else as name */
    struct mr_str *aliases; /* full names */
    int alias_count;
    int64_t size_bytes;               /* FIXED */
    int count;                        /* RECORD: fields; UNION: branches; ARRAY, MAP: 1 */
    struct mr_avro_field *fields;     /* ARRAY: items; MAP: values */
    struct mr_str *symbols;           /* ENUM */
    int symbol_count, symbol_default; /* -1: none */
    struct mr_str raw;                /* of named types: their JSON text */
    const char *catalyst;             /* INT, LONG: the SQL type Spark wrote beside it; NULL: none */
};
struct mr_avro_field {
    const char *name;
    const struct mr_avro_schema *schema;
    const struct mr_json *fallback; /* "default"; NULL: none */
    struct mr_str *aliases;
    int alias_count;
};

/* Parses the text, which is copied into the arena. Error: INVALID_SCHEMA.PARSE_ERROR (MR_E_SQL) saying what
 * is wrong and where. */
int mr_avro_schema_parse(struct mr_arena *arena, struct mr_str json, const struct mr_avro_schema **out,
                         struct mr_error *error);
const char *mr_avro_kind_name(enum mr_avro_kind kind); /* "int", "record", … */

struct mr_avro_type_options {
    int recursion_limit; /* recursiveFieldMaxDepth; <= 0: a recursive schema is refused */
    bool stable_names;   /* enableStableIdentifiersForUnionType: members by type, not by number */
    struct mr_str stable_prefix;
    bool any_names; /* names of fields may differ in case only */
};
/* The SQL type of values of the schema. *out is NULL when nothing is left of it at the limit of recursion.
 * Errors (MR_E_SQL): AVRO_SCHEMA_INCOMPATIBLE; a type of more than 100,000 parts is refused. */
int mr_avro_sql_type(struct mr_arena *arena, const struct mr_avro_schema *schema,
                     const struct mr_avro_type_options *options, const struct mr_type **out, bool *nullable,
                     struct mr_error *error);
/* The JSON text of the schema that to_avro gives a type on its own. AVRO_SCHEMA_INCOMPATIBLE when there is
 * none. */
int mr_avro_schema_of(struct mr_text *out, const struct mr_type *type, bool nullable, struct mr_error *error);
/* The branch of a union of NULL and one more that is not NULL, else the schema; *nullable tells of a NULL
 * branch. */
const struct mr_avro_schema *mr_avro_not_null(const struct mr_avro_schema *schema, bool *nullable);

#endif
