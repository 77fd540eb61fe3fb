/* formats/parquet/reader_types.c */
#include "formats/parquet/reader_types.h"

#include <math.h>

static void set_integer(struct mr_parquet_element *e, int bits, bool is_signed)
{
    e->logical = MR_PARQUET_LOGICAL_INTEGER;
    e->bits = bits;
    e->is_signed = is_signed;
}

static void set_time(struct mr_parquet_element *e, enum mr_parquet_logical logical, enum mr_parquet_unit unit)
{
    e->logical = logical;
    e->unit = unit;
    e->utc = true;
}

void mr_parquet_element_normalize(struct mr_parquet_element *e)
{
    if (e->logical == MR_PARQUET_LOGICAL_UNKNOWN) /* NULLs only: Spark takes the physical type */
        e->converted = MR_PARQUET_CONVERTED_NONE;
    if (e->logical == MR_PARQUET_LOGICAL_UNKNOWN)
        e->logical = MR_PARQUET_LOGICAL_NONE;
    if (e->logical != MR_PARQUET_LOGICAL_NONE)
        return;
    switch (e->converted) {
    case MR_PARQUET_UTF8:
        e->logical = MR_PARQUET_LOGICAL_STRING;
        break;
    case MR_PARQUET_MAP:
    case MR_PARQUET_MAP_KEY_VALUE:
        e->logical = MR_PARQUET_LOGICAL_MAP;
        break;
    case MR_PARQUET_LIST:
        e->logical = MR_PARQUET_LOGICAL_LIST;
        break;
    case MR_PARQUET_ENUM:
        e->logical = MR_PARQUET_LOGICAL_ENUM;
        break;
    case MR_PARQUET_CONVERTED_DECIMAL:
        e->logical = MR_PARQUET_LOGICAL_DECIMAL;
        break;
    case MR_PARQUET_CONVERTED_DATE:
        e->logical = MR_PARQUET_LOGICAL_DATE;
        break;
    case MR_PARQUET_TIME_MILLIS:
        set_time(e, MR_PARQUET_LOGICAL_TIME, MR_PARQUET_MILLIS);
        break;
    case MR_PARQUET_TIME_MICROS:
        set_time(e, MR_PARQUET_LOGICAL_TIME, MR_PARQUET_MICROS);
        break;
    case MR_PARQUET_TIMESTAMP_MILLIS:
        set_time(e, MR_PARQUET_LOGICAL_TIMESTAMP, MR_PARQUET_MILLIS);
        break;
    case MR_PARQUET_TIMESTAMP_MICROS:
        set_time(e, MR_PARQUET_LOGICAL_TIMESTAMP, MR_PARQUET_MICROS);
        break;
    case MR_PARQUET_UINT_8:
        set_integer(e, 8, false);
        break;
    case MR_PARQUET_UINT_16:
        set_integer(e, 16, false);
        break;
    case MR_PARQUET_UINT_32:
        set_integer(e, 32, false);
        break;
    case MR_PARQUET_UINT_64:
        set_integer(e, 64, false);
        break;
    case MR_PARQUET_INT_8:
        set_integer(e, 8, true);
        break;
    case MR_PARQUET_INT_16:
        set_integer(e, 16, true);
        break;
    case MR_PARQUET_INT_32:
        set_integer(e, 32, true);
        break;
    case MR_PARQUET_INT_64:
        set_integer(e, 64, true);
        break;
    case MR_PARQUET_JSON:
        e->logical = MR_PARQUET_LOGICAL_JSON;
        break;
    case MR_PARQUET_BSON:
        e->logical = MR_PARQUET_LOGICAL_BSON;
        break;
    default:
        break;
    }
}

const char *mr_parquet_physical_name(enum mr_parquet_physical physical)
{
    static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return physical >= 0 && physical <= MR_PARQUET_FIXED ? names[physical] : "unknown physical type";
}

static const char *logical_name(const struct mr_parquet_element *e)
{
    switch (e->logical) {
    case MR_PARQUET_LOGICAL_NONE:
        return e->converted == MR_PARQUET_CONVERTED_INTERVAL ? "INTERVAL" : NULL;
    case MR_PARQUET_LOGICAL_STRING:
        return "STRING";
    case MR_PARQUET_LOGICAL_ENUM:
        return "ENUM";
    case MR_PARQUET_LOGICAL_DECIMAL:
        return "DECIMAL";
    case MR_PARQUET_LOGICAL_DATE:
        return "DATE";
    case MR_PARQUET_LOGICAL_TIME:
        return "TIME";
    case MR_PARQUET_LOGICAL_TIMESTAMP:
        return e->unit == MR_PARQUET_NANOS ? "TIMESTAMP(NANOS)" : "TIMESTAMP";
    case MR_PARQUET_LOGICAL_INTEGER:
        return "INTEGER";
    case MR_PARQUET_LOGICAL_JSON:
        return "JSON";
    case MR_PARQUET_LOGICAL_BSON:
        return "BSON";
    case MR_PARQUET_LOGICAL_UUID:
        return "UUID";
    case MR_PARQUET_LOGICAL_FLOAT16:
        return "FLOAT16";
    case MR_PARQUET_LOGICAL_VARIANT:
        return "VARIANT";
    case MR_PARQUET_LOGICAL_GEOMETRY:
        return "GEOMETRY";
    case MR_PARQUET_LOGICAL_GEOGRAPHY:
        return "GEOGRAPHY";
    default:
        return "a logical type of a later version";
    }
}

/* DECIMAL of at most so many digits; NULL when the annotation makes none. */
static const struct mr_type *decimal_type(struct mr_arena *arena, const struct mr_parquet_element *e,
                                          int digits)
{
    bool sound = e->precision >= 1 && e->precision <= 38 && e->precision <= digits && e->scale >= 0 &&
                 e->scale <= e->precision;
    return sound ? mr_type_decimal(arena, e->precision, e->scale) : NULL;
}

static const struct mr_type *int32_type(struct mr_arena *arena, const struct mr_parquet_element *e)
{
    switch (e->logical) {
    case MR_PARQUET_LOGICAL_NONE:
        return e->converted == MR_PARQUET_CONVERTED_NONE ? mr_type_of(MR_INT) : NULL;
    case MR_PARQUET_LOGICAL_INTEGER:
        if (e->bits == 8)
            return mr_type_of(e->is_signed ? MR_TINYINT : MR_SMALLINT);
        if (e->bits == 16)
            return mr_type_of(e->is_signed ? MR_SMALLINT : MR_INT);
        return e->bits == 32 ? mr_type_of(e->is_signed ? MR_INT : MR_BIGINT) : NULL;
    case MR_PARQUET_LOGICAL_DATE:
        return mr_type_of(MR_DATE);
    case MR_PARQUET_LOGICAL_DECIMAL:
        return decimal_type(arena, e, 9);
    default:
        return NULL;
    }
}

static const struct mr_type *int64_type(struct mr_arena *arena, const struct mr_parquet_element *e)
{
    switch (e->logical) {
    case MR_PARQUET_LOGICAL_NONE:
        return e->converted == MR_PARQUET_CONVERTED_NONE ? mr_type_of(MR_BIGINT) : NULL;
    case MR_PARQUET_LOGICAL_INTEGER:
        if (e->bits != 64)
            return NULL;
        return e->is_signed ? mr_type_of(MR_BIGINT) : mr_type_decimal(arena, 20, 0);
    case MR_PARQUET_LOGICAL_DECIMAL:
        return decimal_type(arena, e, 18);
    case MR_PARQUET_LOGICAL_TIMESTAMP:
        if (e->unit != MR_PARQUET_MILLIS && e->unit != MR_PARQUET_MICROS)
            return NULL;
        return mr_type_of(e->utc ? MR_TIMESTAMP : MR_TIMESTAMP_NTZ);
    default:
        return NULL;
    }
}

static const struct mr_type *byte_array_type(struct mr_arena *arena, const struct mr_parquet_element *e)
{
    switch (e->logical) {
    case MR_PARQUET_LOGICAL_STRING:
    case MR_PARQUET_LOGICAL_ENUM:
    case MR_PARQUET_LOGICAL_JSON:
        return mr_type_of(MR_STRING);
    case MR_PARQUET_LOGICAL_NONE:
    case MR_PARQUET_LOGICAL_BSON:
        return mr_type_of(MR_BINARY);
    case MR_PARQUET_LOGICAL_DECIMAL:
        return decimal_type(arena, e, 38);
    default:
        return NULL;
    }
}

static const struct mr_type *fixed_type(struct mr_arena *arena, const struct mr_parquet_element *e)
{
    if (e->logical == MR_PARQUET_LOGICAL_NONE && e->converted == MR_PARQUET_CONVERTED_NONE)
        return mr_type_of(MR_BINARY);
    if (e->logical != MR_PARQUET_LOGICAL_DECIMAL)
        return NULL;
    int digits = e->type_length >= 16 ? 38 : (int)floor((8 * e->type_length - 1) * log10(2));
    return decimal_type(arena, e, digits);
}

const struct mr_type *mr_parquet_leaf_type(struct mr_arena *arena, const struct mr_parquet_element *e,
                                           const char **unsupported)
{
    const struct mr_type *type = NULL;
    *unsupported = NULL;
    switch (e->physical) {
    case MR_PARQUET_BOOLEAN:
        type = mr_type_of(MR_BOOLEAN);
        break;
    case MR_PARQUET_INT32:
        type = int32_type(arena, e);
        break;
    case MR_PARQUET_INT64:
        type = int64_type(arena, e);
        break;
    case MR_PARQUET_INT96:
        type = mr_type_of(MR_TIMESTAMP);
        break;
    case MR_PARQUET_FLOAT:
        type = mr_type_of(MR_FLOAT);
        break;
    case MR_PARQUET_DOUBLE:
        type = mr_type_of(MR_DOUBLE);
        break;
    case MR_PARQUET_BYTE_ARRAY:
        type = byte_array_type(arena, e);
        break;
    case MR_PARQUET_FIXED:
        type = fixed_type(arena, e);
        break;
    default:
        break;
    }
    if (type)
        return type;
    const char *name = logical_name(e);
    *unsupported = mr_arena_format(arena, "%s%s%s%s", mr_parquet_physical_name(e->physical), name ? " (" : "",
                                   name ? name : "", name ? ")" : "");
    return *unsupported ? mr_type_of(MR_VOID) : NULL;
}
