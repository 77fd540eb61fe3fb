/* columns/value.h: decimals, dates, time zones, values as text, order-preserving keys. */
#ifndef MR_COLUMNS_VALUE_H
#define MR_COLUMNS_VALUE_H

#include "columns/column.h"

/* ---- decimal: unscaled integer, |value| < 10^precision ---- */
mr_i128 mr_decimal_power(int exponent); /* 10^exponent, 0..38 */
bool mr_decimal_fits(mr_i128 unscaled, int precision);
/* Changes the scale, rounding half up (away from zero); false when it does not fit in precision digits. */
bool mr_decimal_rescale(mr_i128 value, int from_scale, int to_scale, int to_precision, mr_i128 *out);
/* Results at the given result type (Spark's rules for the type are in expressions/); false on overflow.
 * 256-bit intermediates. */
bool mr_decimal_multiply(mr_i128 a, mr_i128 b, int scale_sum, int to_precision, int to_scale, mr_i128 *out);
bool mr_decimal_divide(mr_i128 a, int a_scale, mr_i128 b, int b_scale, int to_precision, int to_scale,
                       mr_i128 *out);
/* "-12.340", with an optional exponent, no blanks; digits below the scale are rounded half up. false: not a
 * number. *overflow: a number that does not fit, *out is untouched. */
bool mr_decimal_parse(struct mr_str text, int precision, int scale, mr_i128 *out, bool *overflow);
/* Plain digits, no exponent, as Spark's cast to string. Here as everywhere below: no NUL, returns the length.
 */
size_t mr_decimal_text(mr_i128 unscaled, int scale, char out[48]);
double mr_decimal_to_double(mr_i128 unscaled, int scale);
/* By its shortest text, rounded half up; false: too large, infinite, NaN. */
bool mr_decimal_from_double(double value, int precision, int scale, mr_i128 *out);
static inline mr_i128 mr_decimal_at(const struct mr_column *c, int64_t row)
{
    return mr_type_is_long_decimal(c->type) ? c->i128[row] : (mr_i128)c->i64[row];
}
static inline void mr_decimal_put(struct mr_column *c, int64_t row, mr_i128 value)
{
    if (mr_type_is_long_decimal(c->type))
        c->i128[row] = value;
    else
        c->i64[row] = (int64_t)value;
}

/* ---- numbers as text ---- */
/* Spark's form, Java's Double.toString: "1.0", "1.0E10", "NaN", "Infinity". */
size_t mr_double_text(double value, char out[32]);
size_t mr_float_text(float value, char out[32]);
size_t mr_double_json(double value, char out[32]); /* shortest JSON number */
size_t mr_i64_text(int64_t value, char out[24]);
/* Exactly one decimal floating literal, a sign allowed, no blanks, no names; correctly rounded, locale-free.
 * Beyond the range: infinity, or zero. */
bool mr_double_parse(struct mr_str text, double *out);

/* ---- civil time, proleptic Gregorian, years -290307..294246 ---- */
struct mr_civil {
    int64_t year;
    int month, day; /* 1..12, 1..31 */
    int hour, minute, second, microsecond;
};
int64_t mr_days_from_civil(int64_t year, int month, int day);
void mr_civil_from_days(int64_t days, struct mr_civil *out); /* time fields zero */
void mr_civil_from_micros(int64_t local_us, struct mr_civil *out);
int64_t mr_micros_from_civil(const struct mr_civil *civil);
int mr_days_in_month(int64_t year, int month);

/* ---- time zones: TZif files of the package tzdata; ids as Spark's ("UTC", "Europe/Zurich", "+02:00") ----
 */
struct mr_zone; /* shared, lives to the end of the process */
/* Error INVALID_TIMEZONE */
int mr_zone_find(struct mr_str id, const struct mr_zone **out, struct mr_error *error);
const struct mr_zone *mr_zone_utc(void);
const struct mr_zone *mr_zone_host(void); /* /etc/timezone or /etc/localtime, never TZ; UTC when neither */
const char *mr_zone_id(const struct mr_zone *zone);
int32_t mr_zone_offset_seconds(const struct mr_zone *zone, int64_t utc_us); /* east positive */
int64_t mr_zone_to_local(const struct mr_zone *zone, int64_t utc_us);
/* As java.time's ZonedDateTime.ofLocal: in a gap the time is moved forward by its length; in an overlap the
 * earlier offset. */
int64_t mr_zone_to_utc(const struct mr_zone *zone, int64_t local_us);

/* Spark's lenient cast of text to DATE / TIMESTAMP ("2024-1-2", "2024-01-02 03:04:05.6+01:00", "2024");
 * blanks
 * trimmed. A time alone ("12:30") is today's, by the environment's clock. */
bool mr_date_parse(struct mr_str text, int32_t *days);
bool mr_timestamp_parse(struct mr_str text, const struct mr_zone *zone, int64_t *micros);
bool mr_timestamp_ntz_parse(struct mr_str text, int64_t *micros);
/* Exactly YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm) or with a blank for T, the form data files use; fast.
 * false: use the other. */
bool mr_timestamp_parse_iso(const char *text, size_t size, int64_t *micros);
size_t mr_date_text(int32_t days, char out[32]);
/* "2024-01-02 03:04:05.6", trailing zeros of the fraction cut. */
size_t mr_timestamp_text(int64_t local_us, char out[48]);

/* ---- any value as Spark's cast to string does it; nested values as {1, a} / [1, 2] / {k -> v} ---- */
void mr_value_text(struct mr_text *out, const struct mr_column *column, int64_t row,
                   const struct mr_zone *zone);
/* As Spark's to_json writes it: NULL members left out when skip_null. */
void mr_value_json(struct mr_text *out, const struct mr_column *column, int64_t row,
                   const struct mr_zone *zone, bool skip_null);

/* ---- keys that keep order: memcmp orders encodings as mr_column_compare does, column by column, NULL first
 * ---- */
/* Appends the encoding of one value. Fixed width types: one marker byte (0 NULL, 1 value) and big-endian
 * bytes with the sign bit flipped; strings: escaped (0x00 -> 0x00 0xFF) and closed by 0x00 0x00; nested
 * values element by element. */
void mr_key_append(struct mr_text *out, const struct mr_column *column, int64_t row);
/* Decodes one value of out->type from *at and appends it to out. MR_E_CORRUPT when it is none. */
int mr_key_decode(const char **at, const char *end, struct mr_column *out, struct mr_error *error);
/* ---- compact rows (not ordered): what state values and the exchange of spilled rows use ---- */
void mr_row_append(struct mr_text *out, const struct mr_column *column, int64_t row);
int mr_row_decode(const char **at, const char *end, struct mr_column *out, struct mr_error *error);
/* The same encoding for many rows. A flat type is no ARRAY, MAP or STRUCT: its values can be written straight
 * to their place, when there are mr_row_bound bytes for each (8 more may be overwritten by 0). */
bool mr_row_is_flat(const struct mr_type *type);
#define MR_FLAT_ROW_BYTES 17 /* of a value that is no string; beside the bytes of one */
size_t mr_row_bound(const struct mr_column *column, int64_t row);
char *mr_row_write(char *to, const struct mr_column *column, int64_t row); /* returns the end */
/* Decodes one value of each of count rows: from at[i], which is moved behind it; ends[i] is the row's end.
 * out is empty. Strings point into the rows when in_place (the caller lets the column keep the memory), else
 * they are copied. */
int mr_rows_decode(const char **at, const char *const *ends, int64_t count, bool in_place,
                   struct mr_column *out, struct mr_error *error);

#endif
