/* delta/partition.c: partition values as text and back, the directories they make, and paths as the log
 * writes them.
 *
 * Three notations meet: the value (partitionValues: "2024-01-02T03:04:05.000000Z"), the directory Hive would
 * make of it ("ts=2024-01-02T03%3A04%3A05.000000Z"), and that path as a URI in add.path
 * ("ts=2024-01-02T03%253A04…"). */
#include <stdio.h>

#include "base/json.h"
#include "delta/delta.h"

/* ---- values ---- */
static void timestamp_text(struct mr_text *out, int64_t utc_us)
{
    struct mr_civil c;
    mr_civil_from_micros(utc_us, &c);
    const char *sign = c.year < 0 ? "-" : c.year > 9999 ? "+" : "";
    mr_text_format(out, "%s%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", sign,
                   (long long)(c.year < 0 ? -c.year : c.year), c.month, c.day, c.hour, c.minute, c.second,
                   c.microsecond);
}

bool mr_delta_partition_text(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    if (mr_column_is_null(column, row))
        return false;
    if (mr_type_is_bytes(column->type)) {
        struct mr_str text = mr_view_str(&column->views[row]);
        mr_text_append(out, text.data, text.size);
        return text.size > 0;
    }
    if (column->type->id == MR_TIMESTAMP)
        timestamp_text(out, column->i64[row]);
    else
        mr_value_text(out, column, row, mr_zone_utc());
    return true;
}

static bool parse_integer(struct mr_str text, int64_t low, int64_t high, int64_t *out)
{
    char digits[24];
    if (text.size == 0 || text.size >= sizeof(digits))
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    struct mr_json number = {.type = MR_JSON_NUMBER, .text = {digits, text.size}, .raw = {digits, text.size}};
    const char *first = digits + (digits[0] == '-' || digits[0] == '+');
    if (digits[0] == '+')
        number.text = number.raw = (struct mr_str){digits + 1, text.size - 1};
    for (const char *c = first; *c; c++)
        if (*c < '0' || *c > '9')
            return false;
    return *first != '\0' && mr_json_to_i64(&number, out) && *out >= low && *out <= high;
}

static bool parse_special(struct mr_str text, double *out)
{
    if (mr_str_equal(text, MR_STR("NaN")))
        *out = __builtin_nan("");
    else if (mr_str_equal(text, MR_STR("Infinity")))
        *out = __builtin_inf();
    else if (mr_str_equal(text, MR_STR("-Infinity")))
        *out = -__builtin_inf();
    else
        return false;
    return true;
}

static bool parse_timestamp(struct mr_str text, const struct mr_zone *zone, int64_t *out)
{
    return mr_timestamp_parse_iso(text.data, text.size, out) || mr_timestamp_parse(text, zone, out);
}

static bool parse_number(struct mr_str text, struct mr_column *out, int64_t row)
{
    int64_t integer = 0;
    double real = 0;
    mr_i128 decimal = 0;
    bool ok = false, overflow = false;
    switch (out->type->id) {
    case MR_TINYINT:
        ok = parse_integer(text, INT8_MIN, INT8_MAX, &integer);
        out->i8[row] = (int8_t)integer;
        return ok;
    case MR_SMALLINT:
        ok = parse_integer(text, INT16_MIN, INT16_MAX, &integer);
        out->i16[row] = (int16_t)integer;
        return ok;
    case MR_INT:
        ok = parse_integer(text, INT32_MIN, INT32_MAX, &integer);
        out->i32[row] = (int32_t)integer;
        return ok;
    case MR_BIGINT:
        ok = parse_integer(text, INT64_MIN, INT64_MAX, &integer);
        out->i64[row] = integer;
        return ok;
    case MR_FLOAT:
        ok = parse_special(text, &real) || mr_double_parse(text, &real);
        out->f32[row] = (float)real;
        return ok;
    case MR_DOUBLE:
        ok = parse_special(text, &real) || mr_double_parse(text, &real);
        out->f64[row] = real;
        return ok;
    default: /* DECIMAL */
        ok = mr_decimal_parse(text, out->type->precision, out->type->scale, &decimal, &overflow) && !overflow;
        mr_decimal_put(out, row, ok ? decimal : 0);
        return ok;
    }
}

static bool parse_value(struct mr_str text, const struct mr_zone *zone, struct mr_column *out, int64_t row)
{
    bool ok = false;
    switch (out->type->id) {
    case MR_BOOLEAN:
        out->booleans[row] = mr_str_equal_nocase(text, MR_STR("true"));
        return out->booleans[row] || mr_str_equal_nocase(text, MR_STR("false"));
    case MR_DATE:
        out->i32[row] = 0;
        return mr_date_parse(text, &out->i32[row]);
    case MR_TIMESTAMP:
        out->i64[row] = 0;
        return parse_timestamp(text, zone, &out->i64[row]);
    case MR_TIMESTAMP_NTZ:
        out->i64[row] = 0;
        ok = mr_timestamp_ntz_parse(text, &out->i64[row]);
        return ok || mr_timestamp_parse_iso(text.data, text.size, &out->i64[row]);
    default:
        return mr_type_is_numeric(out->type) && parse_number(text, out, row);
    }
}

int mr_delta_partition_parse(const struct mr_delta_pair *value, const char *name, const struct mr_zone *zone,
                             struct mr_column *out, int64_t row, struct mr_error *error)
{
    if (!value || value->is_null || value->value.size == 0)
        return mr_column_set_null(out, row, error);
    if (mr_type_is_bytes(out->type))
        return mr_column_set_bytes(out, row, value->value.data, value->value.size, error);
    mr_column_set_valid(out, row);
    if (parse_value(value->value, zone, out, row))
        return MR_OK;
    struct mr_text type;
    mr_text_init(&type);
    mr_type_text(&type, out->type);
    mr_error_set(error, MR_E_CORRUPT, "DELTA_FAILED_CAST_PARTITION_VALUE",
                 "The log gives the partition column %s the value '%.*s', which is no %s.", name,
                 (int)value->value.size, value->value.data, type.data);
    mr_error_parameter(error, "value", "%.*s", (int)value->value.size, value->value.data);
    mr_error_parameter(error, "dataType", "%s", type.data);
    mr_text_release(&type);
    return error->code;
}

/* ---- paths ---- */
static void append_escaped(struct mr_text *out, unsigned char c)
{
    mr_text_format(out, "%%%02X", c);
}

/* What is no UTF-8 becomes U+FFFD, as in the log, whose JSON has no other way to say the value. */
static void append_hive(struct mr_text *out, struct mr_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        size_t size = c < 0x80 ? 1 : mr_utf8_character_size(text.data + i, text.size - i);
        if (size == 0) {
            mr_text_append_str(out, "\xEF\xBF\xBD");
        } else if (size > 1) {
            mr_text_append(out, text.data + i, size);
            i += size - 1;
        } else if (c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\{[]^", c))
            append_escaped(out, c);
        else
            mr_text_append_char(out, (char)c);
    }
}

void mr_delta_partition_path(struct mr_text *out, struct mr_str name, struct mr_str value, bool is_null)
{
    append_hive(out, name);
    mr_text_append_char(out, '=');
    if (is_null || value.size == 0)
        mr_text_append_str(out, "__HIVE_DEFAULT_PARTITION__");
    else
        append_hive(out, value);
    mr_text_append_char(out, '/');
}

/* Exactly what delta-rs makes of a path when it removes a file: removes are matched by their text. Spark
 * keeps what it finds. */
void mr_delta_path_encode(struct mr_text *out, struct mr_str path)
{
    for (size_t i = 0; i < path.size; i++) {
        unsigned char c = (unsigned char)path.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c > 0x20 && c < 0x80 && strchr("/-_.!~'()*,;:$&+=@", c));
        if (plain)
            mr_text_append_char(out, (char)c);
        else
            append_escaped(out, c);
    }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void mr_delta_path_decode(struct mr_text *out, struct mr_str path)
{
    size_t plain = 0; /* start of what is copied as it is */
    for (size_t i = 0; i + 2 < path.size; i++) {
        if (path.data[i] != '%' || hex(path.data[i + 1]) < 0 || hex(path.data[i + 2]) < 0)
            continue;
        mr_text_append(out, path.data + plain, i - plain);
        mr_text_append_char(out, (char)(hex(path.data[i + 1]) * 16 + hex(path.data[i + 2])));
        i += 2;
        plain = i + 1;
    }
    mr_text_append(out, path.data + plain, path.size - plain);
}

/* "scheme:" at the start of a path; a partition directory "a=b:c" is none. */
static bool has_scheme(struct mr_str path)
{
    size_t i = 0;
    while (i < path.size && ((path.data[i] >= 'a' && path.data[i] <= 'z') ||
                             (i > 0 && path.data[i] >= '0' && path.data[i] <= '9')))
        i++;
    return i > 1 && i + 1 < path.size && path.data[i] == ':' && path.data[i + 1] == '/';
}

int mr_delta_input(struct mr_delta_table *table, struct mr_str path, struct mr_input **out,
                   struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_text text;
    struct mr_storage whole = {0};
    mr_arena_init(&arena);
    mr_text_init(&text);
    int status = MR_OK;
    *out = NULL;
    if (!has_scheme(path)) {
        mr_delta_path_decode(&text, path);
    } else {
        char *plain = mr_path_from_uri(&arena, path);
        if (!plain)
            MR_ERR(mr_error_set(error, MR_E_UNSUPPORTED, "DELTA_CANNOT_RECONSTRUCT_PATH_FROM_URI",
                                "The log names the file %.*s, which is on a storage that is not supported.",
                                (int)path.size, path.data));
        mr_text_append_str(&text, plain);
    }
    if (text.failed || text.size == 0)
        MR_ERR(mr_error_memory(error, path.size));
    if (text.data[0] != '/') {
        status = table->storage.type->input(&table->storage, text.data, out, error);
    } else { /* absolute: a shallow clone, or a table that was moved file by file */
        MR_ERR(mr_storage_open(&whole, "/", error));
        status = whole.type->input(&whole, text.data + 1, out, error);
    }
err:
    if (whole.type)
        mr_storage_close(&whole);
    mr_text_release(&text);
    mr_arena_release(&arena);
    return status;
}
