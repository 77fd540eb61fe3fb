/* columns/value_json.c: any value as Spark's to_json writes it. */
#include <math.h>

#include "base/json.h"
#include "columns/value.h"

struct context {
    struct mr_json_writer writer;
    const struct mr_zone *zone;
    bool skip_null;
};

static void write_value(struct context *c, const struct mr_column *column, int64_t row);

/* Spark's default pattern: yyyy-MM-dd'T'HH:mm:ss.SSS, and the offset for TIMESTAMP. */
static void write_timestamp(struct context *c, int64_t micros, const struct mr_zone *zone)
{
    int32_t offset = zone ? mr_zone_offset_seconds(zone, micros) : 0;
    int64_t local = micros + (int64_t)offset * 1000000;
    struct mr_civil civil;
    struct mr_text text;
    char date[32];
    mr_civil_from_micros(local, &civil);
    int64_t days = mr_days_from_civil(civil.year, civil.month, civil.day);
    size_t date_size = mr_date_text((int32_t)days, date);
    mr_text_init(&text);
    mr_text_append(&text, date, date_size);
    mr_text_format(&text, "T%02d:%02d:%02d.%03d", civil.hour, civil.minute, civil.second,
                   civil.microsecond / 1000);
    int32_t minutes = (offset < 0 ? -offset : offset) / 60;
    if (zone && offset == 0)
        mr_text_append_char(&text, 'Z');
    else if (zone)
        mr_text_format(&text, "%c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    mr_json_str(&c->writer, mr_text_str(&text));
    c->writer.out->failed = c->writer.out->failed || text.failed;
    mr_text_release(&text);
}

static void write_base64(struct context *c, const struct mr_view *view)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *data = (const unsigned char *)mr_view_data(view);
    struct mr_text text;
    mr_text_init(&text);
    for (size_t i = 0; i < view->size; i += 3) {
        size_t left = view->size - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)data[i + 2] : 0);
        char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        left > 1 ? alphabet[bits >> 6 & 63] : '=', left > 2 ? alphabet[bits & 63] : '='};
        mr_text_append(&text, four, 4);
    }
    mr_json_str(&c->writer, mr_text_str(&text));
    c->writer.out->failed = c->writer.out->failed || text.failed;
    mr_text_release(&text);
}

static void write_text(struct context *c, const struct mr_column *column, int64_t row, bool quoted)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_value_text(&text, column, row, c->zone);
    if (quoted)
        mr_json_str(&c->writer, mr_text_str(&text));
    else
        mr_json_raw(&c->writer, mr_text_str(&text));
    c->writer.out->failed = c->writer.out->failed || text.failed;
    mr_text_release(&text);
}

/* As Java's BigDecimal.toString: with an exponent where the first digit stands below 10^-6. */
static void write_decimal(struct context *c, mr_i128 value, int scale)
{
    char plain[48], digits[48], text[64];
    int count = (int)mr_decimal_text(value < 0 ? -value : value, 0, digits);
    int exponent = count - 1 - scale;
    size_t size = 0;
    if (exponent >= -6) {
        size = mr_decimal_text(value, scale, plain);
        mr_json_raw(&c->writer, (struct mr_str){plain, size});
        return;
    }
    if (value < 0)
        text[size++] = '-';
    text[size++] = digits[0];
    if (count > 1)
        text[size++] = '.';
    memcpy(text + size, digits + 1, (size_t)count - 1);
    size += (size_t)count - 1;
    text[size++] = 'E';
    size += mr_i64_text(exponent, text + size);
    mr_json_raw(&c->writer, (struct mr_str){text, size});
}

static void write_struct(struct context *c, const struct mr_column *column, int64_t row)
{
    mr_json_begin_object(&c->writer);
    for (int i = 0; i < column->child_count; i++) {
        bool null = column->children[i]->type->id == MR_VOID || mr_column_is_null(column->children[i], row);
        if (null && c->skip_null)
            continue;
        mr_json_key(&c->writer, column->type->fields[i].name);
        write_value(c, column->children[i], row);
    }
    mr_json_end_object(&c->writer);
}

static void write_list(struct context *c, const struct mr_column *column, int64_t row)
{
    mr_json_begin_array(&c->writer);
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++)
        write_value(c, column->children[0], k);
    mr_json_end_array(&c->writer);
}

/* Keys are written as text; NULL values always appear. */
static void write_map(struct context *c, const struct mr_column *column, int64_t row)
{
    struct mr_text key;
    mr_text_init(&key);
    mr_json_begin_object(&c->writer);
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++) {
        mr_text_clear(&key);
        mr_value_text(&key, column->children[0], k, c->zone);
        mr_json_key_str(&c->writer, mr_text_str(&key));
        write_value(c, column->children[1], k);
    }
    mr_json_end_object(&c->writer);
    c->writer.out->failed = c->writer.out->failed || key.failed;
    mr_text_release(&key);
}

static void write_value(struct context *c, const struct mr_column *column, int64_t row)
{
    if (column->type->id == MR_VOID || mr_column_is_null(column, row)) {
        mr_json_null(&c->writer);
        return;
    }
    switch (column->type->id) {
    case MR_STRING:
        mr_json_str(&c->writer, mr_view_str(&column->views[row]));
        break;
    case MR_BINARY:
        write_base64(c, &column->views[row]);
        break;
    case MR_FLOAT:
        write_text(c, column, row, !isfinite(column->f32[row]));
        break;
    case MR_DOUBLE:
        write_text(c, column, row, !isfinite(column->f64[row]));
        break;
    case MR_DECIMAL:
        write_decimal(c, mr_decimal_at(column, row), column->type->scale);
        break;
    case MR_DATE:
    case MR_INTERVAL_DAY_TIME:
    case MR_INTERVAL_YEAR_MONTH:
        write_text(c, column, row, true);
        break;
    case MR_TIMESTAMP:
        write_timestamp(c, column->i64[row], c->zone);
        break;
    case MR_TIMESTAMP_NTZ:
        write_timestamp(c, column->i64[row], NULL);
        break;
    case MR_ARRAY:
        write_list(c, column, row);
        break;
    case MR_MAP:
        write_map(c, column, row);
        break;
    case MR_STRUCT:
        write_struct(c, column, row);
        break;
    default:
        write_text(c, column, row, false);
    }
}

void mr_value_json(struct mr_text *out, const struct mr_column *column, int64_t row,
                   const struct mr_zone *zone, bool skip_null)
{
    struct context c = {.writer = {.out = out}, .zone = zone, .skip_null = skip_null};
    write_value(&c, column, row);
}
