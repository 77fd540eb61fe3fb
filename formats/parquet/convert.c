/* formats/parquet/convert.c
 *
 * Values that do not fit are errors here, never wrapped: a file may hold more than its annotation says. */
#include "formats/parquet/convert.h"

#include "columns/value.h"

#define MICROS_PER_DAY (86400 * INT64_C(1000000))
#define JULIAN_1970 2440588

/* ---- choosing ---- */

static bool is_timestamp(enum mr_type_id id)
{
    return id == MR_TIMESTAMP || id == MR_TIMESTAMP_NTZ;
}

static bool from_decimal(const struct mr_parquet_source *leaf, const struct mr_type *wanted,
                         struct mr_parquet_conversion *out)
{
    const struct mr_type *type = leaf->type;
    int whole = type->precision - type->scale;
    if (wanted->id != MR_DECIMAL || wanted->scale < type->scale || wanted->precision - wanted->scale < whole)
        return false;
    bool bytes = mr_value_form(leaf->element->physical) == MR_FORM_VIEW;
    out->scale_up = wanted->scale - type->scale;
    out->kind = bytes ? MR_CONVERT_BYTES_DECIMAL : MR_CONVERT_DECIMAL;
    bool same = leaf->element->physical == MR_PARQUET_INT64 && wanted->precision <= 18 && out->scale_up == 0;
    if (same)
        out->kind = MR_CONVERT_NONE;
    return true;
}

static bool from_integer(const struct mr_parquet_source *leaf, const struct mr_type *wanted,
                         struct mr_parquet_conversion *out)
{
    const struct mr_parquet_element *e = leaf->element;
    bool is_unsigned = e->logical == MR_PARQUET_LOGICAL_INTEGER && !e->is_signed;
    bool narrow = e->physical == MR_PARQUET_INT32;
    out->is_unsigned = is_unsigned;
    out->kind = MR_CONVERT_INTEGER;
    switch (wanted->id) {
    case MR_INTERVAL_YEAR_MONTH:
        out->kind = MR_CONVERT_NONE;
        return narrow && !is_unsigned;
    case MR_INTERVAL_DAY_TIME:
        out->kind = MR_CONVERT_NONE;
        return !narrow && !is_unsigned;
    case MR_TINYINT:
    case MR_SMALLINT:
        return narrow;
    case MR_INT:
        if (!is_unsigned && narrow)
            out->kind = MR_CONVERT_NONE;
        return narrow;
    case MR_BIGINT:
        if (!is_unsigned && !narrow)
            out->kind = MR_CONVERT_NONE;
        return true;
    case MR_DOUBLE:
        out->kind = MR_CONVERT_FLOATING;
        return narrow && !is_unsigned;
    case MR_DECIMAL: {
        int digits = is_unsigned && !narrow ? 20 : narrow ? 10 : 19;
        out->scale_up = wanted->scale;
        out->kind = MR_CONVERT_DECIMAL;
        return wanted->precision - wanted->scale >= digits;
    }
    default:
        return false;
    }
}

static bool from_bytes(const struct mr_parquet_source *leaf, const struct mr_type *wanted)
{
    return mr_type_is_bytes(wanted) && (leaf->type->id == MR_STRING || leaf->type->id == MR_BINARY);
}

static bool from_timestamp(const struct mr_parquet_source *leaf, const struct mr_type *wanted,
                           struct mr_parquet_conversion *out)
{
    bool int96 = leaf->element->physical == MR_PARQUET_INT96;
    if (int96)
        out->kind = MR_CONVERT_INT96;
    else if (leaf->element->unit == MR_PARQUET_MILLIS)
        out->kind = MR_CONVERT_MILLIS;
    /* A point in time is no local time: Spark refuses that too. The other way round it reads. */
    return wanted->id == MR_TIMESTAMP ||
           (wanted->id == MR_TIMESTAMP_NTZ && leaf->type->id == MR_TIMESTAMP_NTZ);
}

bool mr_parquet_conversion_choose(const struct mr_parquet_source *leaf, const struct mr_type *wanted,
                                  struct mr_parquet_conversion *out)
{
    *out = (struct mr_parquet_conversion){.physical = leaf->element->physical, .to = wanted};
    enum mr_parquet_logical logical = leaf->element->logical;
    switch (leaf->type->id) {
    case MR_BOOLEAN:
        return wanted->id == MR_BOOLEAN;
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_BIGINT:
        return from_integer(leaf, wanted, out);
    case MR_DECIMAL:
        if (logical == MR_PARQUET_LOGICAL_INTEGER)
            return from_integer(leaf, wanted, out);
        return from_decimal(leaf, wanted, out);
    case MR_FLOAT:
        out->kind = wanted->id == MR_DOUBLE ? MR_CONVERT_FLOATING : MR_CONVERT_NONE;
        return wanted->id == MR_FLOAT || wanted->id == MR_DOUBLE;
    case MR_DOUBLE:
        return wanted->id == MR_DOUBLE;
    case MR_STRING:
    case MR_BINARY:
        return from_bytes(leaf, wanted);
    case MR_DATE:
        out->kind = wanted->id == MR_DATE ? MR_CONVERT_NONE : MR_CONVERT_DATE_TIME;
        return wanted->id == MR_DATE || wanted->id == MR_TIMESTAMP_NTZ;
    default:
        return is_timestamp(leaf->type->id) && from_timestamp(leaf, wanted, out);
    }
}

/* ---- converting ---- */

/* The value number i as a signed integer; unsigned values of 64 bits need all of it. */
static inline mr_i128 integer_at(const struct mr_parquet_conversion *c, const void *values, size_t i,
                                 bool is_unsigned)
{
    if (c->physical == MR_PARQUET_INT32) {
        int32_t value = ((const int32_t *)values)[i];
        return is_unsigned ? (mr_i128)(uint32_t)value : (mr_i128)value;
    }
    int64_t value = ((const int64_t *)values)[i];
    return is_unsigned ? (mr_i128)(uint64_t)value : (mr_i128)value;
}

static const char *to_integers(const struct mr_parquet_conversion *c, const void *values, size_t n,
                               struct mr_column *column, int64_t at)
{
    bool is_unsigned = c->is_unsigned, fits = true;
    for (size_t i = 0; i < n; i++) {
        int64_t value = (int64_t)integer_at(c, values, i, is_unsigned);
        switch (c->to->id) {
        case MR_TINYINT:
            fits = fits && value == (int8_t)value;
            column->i8[at + (int64_t)i] = (int8_t)value;
            break;
        case MR_SMALLINT:
            fits = fits && value == (int16_t)value;
            column->i16[at + (int64_t)i] = (int16_t)value;
            break;
        case MR_INT:
            fits = fits && value == (int32_t)value;
            column->i32[at + (int64_t)i] = (int32_t)value;
            break;
        default:
            fits = fits && (c->physical == MR_PARQUET_INT32 || !is_unsigned || value >= 0);
            column->i64[at + (int64_t)i] = value;
        }
    }
    return fits ? NULL : "a value is outside of the type's range";
}

static void to_doubles(const struct mr_parquet_conversion *c, const void *values, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = c->physical == MR_PARQUET_FLOAT ? ((const float *)values)[i] : ((const int32_t *)values)[i];
}

static bool put_decimal(const struct mr_parquet_conversion *c, mr_i128 value, mr_i128 factor,
                        struct mr_column *column, int64_t row)
{
    bool overflow = __builtin_mul_overflow(value, factor, &value);
    mr_decimal_put(column, row, value);
    return !overflow && mr_decimal_fits(value, c->to->precision);
}

static const char *to_decimals(const struct mr_parquet_conversion *c, const void *values, size_t n,
                               struct mr_column *column, int64_t at)
{
    mr_i128 factor = mr_decimal_power(c->scale_up);
    bool fits = true;
    for (size_t i = 0; i < n; i++)
        fits &= put_decimal(c, integer_at(c, values, i, c->is_unsigned), factor, column, at + (int64_t)i);
    return fits ? NULL : "a decimal has more digits than its type";
}

static const char *bytes_to_decimals(const struct mr_parquet_conversion *c, const struct mr_view *values,
                                     size_t n, struct mr_column *column, int64_t at)
{
    mr_i128 factor = mr_decimal_power(c->scale_up);
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *bytes = (const unsigned char *)mr_view_data(&values[i]);
        uint32_t size = values[i].size;
        bool negative = size > 0 && bytes[0] >= 0x80;
        mr_u128 value = negative ? ~(mr_u128)0 : 0;
        for (; size > 16; size--, bytes++) /* only more of the sign may be in front */
            fits &= *bytes == (negative ? 0xff : 0) && (bytes[1] >= 0x80) == negative;
        for (uint32_t k = 0; k < size; k++)
            value = value << 8 | bytes[k];
        fits &= put_decimal(c, (mr_i128)value, factor, column, at + (int64_t)i);
    }
    return fits ? NULL : "a decimal has more digits than its type";
}

static const char *millis_to_micros(const int64_t *values, size_t n, int64_t *out)
{
    bool overflow = false;
    for (size_t i = 0; i < n; i++)
        overflow |= __builtin_mul_overflow(values[i], 1000, &out[i]);
    return overflow ? "a time is outside of the type's range" : NULL;
}

static const char *days_to_micros(const int32_t *values, size_t n, int64_t *out)
{
    bool overflow = false;
    for (size_t i = 0; i < n; i++)
        overflow |= __builtin_mul_overflow((int64_t)values[i], MICROS_PER_DAY, &out[i]);
    return overflow ? "a date is outside of the type's range" : NULL;
}

static const char *int96_to_micros(const struct mr_view *values, size_t n, int64_t *out)
{
    bool sound = true;
    for (size_t i = 0; i < n; i++) {
        int64_t nanos, micros;
        uint32_t julian_day;
        memcpy(&nanos, values[i].inlined, 8);
        memcpy(&julian_day, values[i].inlined + 8, 4);
        int64_t day = (int64_t)(int32_t)julian_day - JULIAN_1970;
        sound &= !__builtin_mul_overflow(day, MICROS_PER_DAY, &micros);
        int64_t part = nanos / 1000 - (nanos % 1000 < 0);
        sound &= !__builtin_add_overflow(micros, part, &out[i]);
    }
    return sound ? NULL : "a time is outside of the type's range";
}

const char *mr_parquet_convert(const struct mr_parquet_conversion *c, const void *values, size_t n,
                               struct mr_column *column, int64_t at)
{
    switch (c->kind) {
    case MR_CONVERT_INTEGER:
        return to_integers(c, values, n, column, at);
    case MR_CONVERT_FLOATING:
        to_doubles(c, values, n, column->f64 + at);
        return NULL;
    case MR_CONVERT_DECIMAL:
        return to_decimals(c, values, n, column, at);
    case MR_CONVERT_BYTES_DECIMAL:
        return bytes_to_decimals(c, values, n, column, at);
    case MR_CONVERT_MILLIS:
        return millis_to_micros(values, n, column->i64 + at);
    case MR_CONVERT_INT96:
        return int96_to_micros(values, n, column->i64 + at);
    case MR_CONVERT_DATE_TIME:
        return days_to_micros(values, n, column->i64 + at);
    default:
        memcpy((char *)column->values + (size_t)at * mr_type_width(c->to), values, n * mr_type_width(c->to));
        return NULL;
    }
}
