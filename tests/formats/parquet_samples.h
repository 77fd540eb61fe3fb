/* tests/formats/parquet_samples.h: batches of any type, reproducible by a seed; files that try what the
 * Parquet writer can; and rows as JSON that loses nothing: DATE as days, TIMESTAMP as microseconds, DECIMAL
 * as text, BINARY as hex digits, MAP as a list of pairs, floating point with all digits. */
#ifndef MR_TESTS_PARQUET_SAMPLES_H
#define MR_TESTS_PARQUET_SAMPLES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "columns/value.h"
#include "formats/parquet/parquet.h"

#define SAMPLE __attribute__((unused)) static

struct sample_random {
    uint64_t state;
};
SAMPLE uint64_t sample_next(struct sample_random *r)
{
    r->state += 0x9e3779b97f4a7c15ULL;
    return mr_hash_u64(r->state);
}
SAMPLE int64_t sample_below(struct sample_random *r, int64_t limit)
{
    return (int64_t)(sample_next(r) % (uint64_t)limit);
}

/* How values are drawn. */
struct sample_style {
    int null_percent;
    int distinct;         /* strings and numbers: that many values; 0: all over the range */
    int64_t string_bytes; /* longest string */
};

SAMPLE mr_i128 sample_decimal(struct sample_random *r, int precision)
{
    mr_i128 limit = mr_decimal_power(precision);
    mr_u128 bits = (mr_u128)sample_next(r) << 64 | sample_next(r);
    mr_i128 value = (mr_i128)(bits % (mr_u128)limit);
    return sample_below(r, 2) ? value : -value;
}

SAMPLE double sample_double(struct sample_random *r, const struct sample_style *style)
{
    if (style->distinct > 0)
        return (double)sample_below(r, style->distinct) / 4;
    switch (sample_below(r, 12)) {
    case 0:
        return INFINITY;
    case 1:
        return -INFINITY;
    case 2:
        return -0.0;
    case 3:
        return 0.0;
    case 4:
        return NAN;
    default:
        return ldexp((double)(int64_t)sample_next(r), (int)sample_below(r, 100) - 80);
    }
}

SAMPLE void sample_string(struct sample_random *r, const struct sample_style *style, bool binary,
                          struct mr_text *out)
{
    static const char *const pieces[] = {"a", "Z",  "0",  "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x8e\x89",
                                         " ", "\"", "\\", "\n"};
    struct sample_random own = {.state = style->distinct > 0 ? (uint64_t)sample_below(r, style->distinct)
                                                             : sample_next(r)};
    int64_t size = sample_below(&own, style->string_bytes + 1);
    mr_text_clear(out);
    while ((int64_t)out->size < size) {
        if (binary)
            mr_text_append_char(out, (char)sample_next(&own));
        else
            mr_text_append_str(out, pieces[sample_below(&own, 10)]);
    }
}

SAMPLE int64_t sample_integer(struct sample_random *r, const struct sample_style *style, int bits)
{
    if (style->distinct > 0)
        return sample_below(r, style->distinct) - style->distinct / 2;
    int64_t value = (int64_t)sample_next(r) >> sample_below(r, 63);
    return bits == 64 ? value : (int64_t)((uint64_t)value << (64 - bits)) >> (64 - bits);
}

/* Appends one value of the column's type. */
SAMPLE int sample_append(struct mr_column *column, struct sample_random *r, const struct sample_style *style,
                         bool nullable, struct mr_error *error)
{
    if (nullable && sample_below(r, 100) < style->null_percent)
        return mr_column_append_null(column, error);
    if (column->length == column->capacity)
        MR_TRY(mr_column_reserve(column, column->capacity * 2 + 16, error));
    int64_t row = column->length++;
    const struct mr_type *type = column->type;
    struct mr_text text;
    int status = MR_OK;
    mr_column_set_valid(column, row);
    switch (type->id) {
    case MR_BOOLEAN:
        column->booleans[row] = (uint8_t)sample_below(r, 2);
        break;
    case MR_TINYINT:
        column->i8[row] = (int8_t)sample_integer(r, style, 8);
        break;
    case MR_SMALLINT:
        column->i16[row] = (int16_t)sample_integer(r, style, 16);
        break;
    case MR_INT:
    case MR_INTERVAL_YEAR_MONTH:
        column->i32[row] = (int32_t)sample_integer(r, style, 32);
        break;
    case MR_DATE:
        column->i32[row] = (int32_t)sample_below(r, 60000) - 30000;
        break;
    case MR_BIGINT:
        column->i64[row] = sample_integer(r, style, 64);
        break;
    case MR_INTERVAL_DAY_TIME:
        column->i64[row] = sample_integer(r, style, 50);
        break;
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        column->i64[row] = INT64_C(1700000000000000) + sample_below(r, 1000000000000);
        break;
    case MR_FLOAT:
        column->f32[row] = (float)sample_double(r, style);
        break;
    case MR_DOUBLE:
        column->f64[row] = sample_double(r, style);
        break;
    case MR_DECIMAL:
        mr_decimal_put(column, row, sample_decimal(r, type->precision));
        break;
    case MR_STRING:
    case MR_BINARY:
        mr_text_init(&text);
        sample_string(r, style, type->id == MR_BINARY, &text);
        status = mr_column_set_bytes(column, row, text.data, text.size, error);
        mr_text_release(&text);
        return status;
    case MR_STRUCT:
        for (int i = 0; i < type->field_count; i++)
            MR_TRY(sample_append(column->children[i], r, style, type->fields[i].nullable, error));
        break;
    default: {
        int64_t size = sample_below(r, 5);
        for (int64_t k = 0; k < size; k++)
            for (int i = 0; i < type->field_count; i++)
                MR_TRY(sample_append(column->children[i], r, style,
                                     type->fields[i].nullable && !(type->id == MR_MAP && i == 0), error));
        column->offsets[row + 1] = column->offsets[row] + (int32_t)size;
    }
    }
    return MR_OK;
}

SAMPLE int sample_batch(struct mr_batch *batch, const struct mr_type *schema, int64_t rows,
                        struct sample_random *r, const struct sample_style *style, struct mr_error *error)
{
    MR_TRY(mr_batch_init(batch, schema, rows > 0 ? rows : 1, error));
    for (int i = 0; i < schema->field_count; i++)
        for (int64_t row = 0; row < rows; row++)
            MR_TRY(sample_append(batch->columns[i], r, style, schema->fields[i].nullable, error));
    batch->length = rows;
    return MR_OK;
}

/* ---- JSON ---- */

SAMPLE void sample_double_json(struct mr_json_writer *w, double value, int digits)
{
    char text[64];
    if (isnan(value) || isinf(value)) {
        mr_json_cstr(w, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    snprintf(text, sizeof(text), "%.*g", digits, value);
    if (!strpbrk(text, ".e")) /* else -0 would be an integer to who reads it */
        strcat(text, ".0");
    mr_json_raw(w, (struct mr_str){text, strlen(text)});
}

SAMPLE void sample_json(struct mr_json_writer *w, const struct mr_column *column, int64_t row)
{
    const struct mr_type *type = column->type;
    char text[64];
    if (mr_column_is_null(column, row) || type->id == MR_VOID) {
        mr_json_null(w);
        return;
    }
    switch (type->id) {
    case MR_BOOLEAN:
        mr_json_bool(w, column->booleans[row]);
        break;
    case MR_TINYINT:
        mr_json_i64(w, column->i8[row]);
        break;
    case MR_SMALLINT:
        mr_json_i64(w, column->i16[row]);
        break;
    case MR_INT:
    case MR_INTERVAL_YEAR_MONTH:
    case MR_DATE:
        mr_json_i64(w, column->i32[row]);
        break;
    case MR_FLOAT:
        sample_double_json(w, column->f32[row], 9);
        break;
    case MR_DOUBLE:
        sample_double_json(w, column->f64[row], 17);
        break;
    case MR_STRING:
        mr_json_str(w, mr_view_str(&column->views[row]));
        break;
    case MR_DECIMAL:
        mr_json_str(w, (struct mr_str){text, mr_decimal_text(mr_decimal_at(column, row), type->scale, text)});
        break;
    case MR_BINARY: {
        struct mr_text hex;
        struct mr_str bytes = mr_view_str(&column->views[row]);
        mr_text_init(&hex);
        for (size_t i = 0; i < bytes.size; i++)
            mr_text_format(&hex, "%02x", (unsigned char)bytes.data[i]);
        mr_json_str(w, mr_text_str(&hex));
        mr_text_release(&hex);
        break;
    }
    case MR_STRUCT:
        mr_json_begin_object(w);
        for (int i = 0; i < type->field_count; i++) {
            mr_json_key(w, type->fields[i].name);
            sample_json(w, column->children[i], row);
        }
        mr_json_end_object(w);
        break;
    case MR_ARRAY:
    case MR_MAP:
        mr_json_begin_array(w);
        for (int32_t k = column->offsets[row]; k < column->offsets[row + 1]; k++) {
            if (type->id == MR_MAP)
                mr_json_begin_array(w);
            for (int i = 0; i < type->field_count; i++)
                sample_json(w, column->children[i], k);
            if (type->id == MR_MAP)
                mr_json_end_array(w);
        }
        mr_json_end_array(w);
        break;
    default:
        mr_json_i64(w, column->i64[row]);
    }
}

SAMPLE void sample_row_json(struct mr_text *out, const struct mr_batch *batch, int64_t row)
{
    struct mr_json_writer w = {.out = out};
    mr_json_begin_object(&w);
    for (int i = 0; i < batch->schema->field_count; i++) {
        mr_json_key(&w, batch->schema->fields[i].name);
        sample_json(&w, batch->columns[i], row);
    }
    mr_json_end_object(&w);
}

/* ---- files ---- */

#define SAMPLE_PRIMITIVES                                                                                    \
    "b BOOLEAN, i8 TINYINT, i16 SMALLINT, i32 INT, i64 BIGINT, f32 FLOAT, f64 DOUBLE, d5 DECIMAL(5,2), "     \
    "d9 DECIMAL(9,0), d18 DECIMAL(18,6), d20 DECIMAL(20,3), d38 DECIMAL(38,10), s STRING, x BINARY, d "      \
    "DATE, "                                                                                                 \
    "t TIMESTAMP, n TIMESTAMP_NTZ"
#define SAMPLE_NESTED                                                                                        \
    "id BIGINT, a ARRAY<INT>, aa ARRAY<ARRAY<STRING>>, st STRUCT<x: INT, y: STRUCT<z: STRING, w: DOUBLE>>, " \
    "m MAP<STRING, BIGINT>, ms MAP<INT, STRUCT<p: DATE, q: ARRAY<TIMESTAMP>>>, "                             \
    "as ARRAY<STRUCT<k: STRING, v: ARRAY<DECIMAL(20,2)>>>, sa STRUCT<l: ARRAY<BOOLEAN>, m: MAP<STRING, "     \
    "ARRAY<INT>>>, "                                                                                         \
    "mm MAP<STRING, MAP<STRING, BINARY>>"
#define SAMPLE_REQUIRED                                                                                      \
    "i INT NOT NULL, s STRING NOT NULL, st STRUCT<x: INT NOT NULL, y: STRING> NOT NULL, a ARRAY<BIGINT> "    \
    "NOT NULL, "                                                                                             \
    "ast ARRAY<STRUCT<k: INT NOT NULL, v: DOUBLE NOT NULL>>"

struct sample_file {
    const char *name, *schema;
    int64_t rows;
    struct sample_style style;
    struct mr_parquet_options options;
};
static const struct sample_file sample_files[] = {
    {"primitives", SAMPLE_PRIMITIVES, 3000, {10, 0, 30}, {0}},
    {"primitives_few_values", SAMPLE_PRIMITIVES, 9000, {5, 20, 30}, {0}},
    {"primitives_no_nulls", SAMPLE_PRIMITIVES, 5000, {0, 0, 30}, {0}},
    {"primitives_all_null", SAMPLE_PRIMITIVES, 500, {100, 0, 30}, {0}},
    {"primitives_empty", SAMPLE_PRIMITIVES, 0, {0, 0, 30}, {0}},
    {"primitives_one_row", SAMPLE_PRIMITIVES, 1, {0, 0, 30}, {0}},
    {"required", SAMPLE_REQUIRED, 2000, {20, 0, 30}, {0}},
    {"nested", SAMPLE_NESTED, 2000, {20, 0, 20}, {0}},
    {"nested_few_values", SAMPLE_NESTED, 6000, {10, 10, 40}, {.page_bytes = 2000}},
    {"nested_no_nulls", SAMPLE_NESTED, 1000, {0, 0, 20}, {0}},
    {"nested_all_null", SAMPLE_NESTED, 100, {100, 0, 20}, {0}},
    {"nested_empty", SAMPLE_NESTED, 0, {0, 0, 20}, {0}},
    {"nested_groups", SAMPLE_NESTED, 3000, {20, 0, 20}, {.row_group_bytes = 20000, .page_bytes = 1000}},
    {"many_groups", SAMPLE_PRIMITIVES, 20000, {10, 0, 30}, {.row_group_bytes = 100000, .page_bytes = 3000}},
    {"long_strings", "s STRING, x BINARY", 60, {10, 0, 200000}, {0}},
    {"dictionary_overflow", "s STRING, i BIGINT", 40000, {1, 30000, 120}, {.page_bytes = 100000}},
    {"uncompressed", SAMPLE_PRIMITIVES, 3000, {10, 0, 30}, {.codec = MR_PARQUET_UNCOMPRESSED}},
    {"snappy", SAMPLE_PRIMITIVES, 3000, {10, 0, 30}, {.codec = MR_PARQUET_SNAPPY}},
    {"gzip", SAMPLE_PRIMITIVES, 3000, {10, 0, 30}, {.codec = MR_PARQUET_GZIP}},
};
#define SAMPLE_FILES (sizeof(sample_files) / sizeof(sample_files[0]))

/* Writes one file; its rows as JSON lines and its schema into rows and json, unless they are NULL. */
SAMPLE int sample_file_write(const struct sample_file *file, struct mr_storage *storage, const char *path,
                             struct mr_text *rows, struct mr_text *json, struct mr_error *error)
{
    struct mr_arena arena;
    const struct mr_type *schema;
    struct mr_output *output;
    struct mr_parquet_writer *writer = NULL;
    struct sample_random random = {.state = (uint64_t)file->rows + strlen(file->name)};
    mr_arena_init(&arena);
    int status = mr_schema_parse(&arena, mr_str_of(file->schema), &schema, error);
    if (status == MR_OK)
        status = storage->type->output(storage, path, &output, error);
    if (status < 0) {
        mr_arena_release(&arena);
        return status;
    }
    if (json)
        mr_schema_to_json(json, schema);
    status = mr_parquet_writer_open(&writer, output, schema, &file->options, error);
    for (int64_t done = 0; status == MR_OK && done < file->rows;) {
        struct mr_batch batch = {0};
        int64_t n = file->rows - done < 700 ? file->rows - done : 700;
        status = sample_batch(&batch, schema, n, &random, &file->style, error);
        if (status == MR_OK)
            status = mr_parquet_writer_write(writer, &batch, error);
        for (int64_t row = 0; rows && status == MR_OK && row < n; row++) {
            sample_row_json(rows, &batch, row);
            mr_text_append_char(rows, '\n');
        }
        mr_batch_release(&batch);
        done += n;
    }
    if (status == MR_OK)
        status = mr_parquet_writer_finish(writer, error);
    mr_parquet_writer_close(writer);
    mr_arena_release(&arena);
    if (status == MR_OK)
        return output->finish(output, error);
    output->abandon(output);
    return status;
}

SAMPLE int samples_write(const char *directory, struct mr_error *error)
{
    struct mr_storage storage;
    MR_TRY(mr_storage_open(&storage, directory, error));
    int status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < SAMPLE_FILES; i++) {
        struct mr_text rows, json;
        char path[200];
        mr_text_init(&rows);
        mr_text_init(&json);
        snprintf(path, sizeof(path), "%s.parquet", sample_files[i].name);
        status = storage.type->remove(&storage, path, error);
        if (status == MR_OK)
            status = sample_file_write(&sample_files[i], &storage, path, &rows, &json, error);
        snprintf(path, sizeof(path), "%s.json", sample_files[i].name);
        if (status == MR_OK)
            status = storage.type->replace(&storage, path, rows.data ? rows.data : "", rows.size, error);
        snprintf(path, sizeof(path), "%s.schema", sample_files[i].name);
        if (status == MR_OK)
            status = storage.type->replace(&storage, path, json.data, json.size, error);
        mr_text_release(&rows);
        mr_text_release(&json);
    }
    mr_storage_close(&storage);
    return status;
}

#endif
