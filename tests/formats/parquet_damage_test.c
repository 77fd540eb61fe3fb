/* Damaged Parquet files: cut at every byte, flipped bit by bit, sizes made huge. Never a crash; never, where
 * pages are concerned, a wrong row; always an error that names file and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/formats/parquet_test_util.h"

static struct mr_error error;

#define SMALL_NESTED                                                                                         \
    "i INT, s STRING, a ARRAY<STRUCT<x: BIGINT, y: STRING>>, m MAP<STRING, DOUBLE>, d DECIMAL(20,2)"

static void make_file(struct memory_output *out, const char *text, const struct mr_parquet_options *options,
                      const struct sample_style *style, int64_t rows, struct mr_text *json)
{
    struct mr_arena arena;
    const struct mr_type *schema;
    struct mr_parquet_writer *writer;
    struct mr_batch batch = {0};
    struct sample_random random = {.state = 5};
    mr_arena_init(&arena);
    memory_output_init(out);
    assert_int_equal(mr_schema_parse(&arena, mr_str_of(text), &schema, &error), MR_OK);
    assert_int_equal(sample_batch(&batch, schema, rows, &random, style, &error), MR_OK);
    assert_int_equal(mr_parquet_writer_open(&writer, &out->output, schema, options, &error), MR_OK);
    assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_OK);
    assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
    mr_parquet_writer_close(writer);
    for (int64_t row = 0; row < rows; row++) {
        sample_row_json(json, &batch, row);
        mr_text_append_char(json, '\n');
    }
    mr_batch_release(&batch);
    mr_arena_release(&arena);
}

static size_t footer_start(const struct mr_text *file)
{
    uint32_t size;
    memcpy(&size, file->data + file->size - 8, 4);
    return file->size - 8 - size;
}

/* Reads data from memory of exactly that size, so that the sanitizer sees every byte too far. */
static int read_exact(const char *data, size_t size, struct mr_text *rows)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    mr_error_clear(&error);
    int status = file_rows(copy, size, 1000, rows, &error);
    free(copy);
    if (status < 0) {
        assert_true(error.code == status);
        assert_true(error.message[0] != '\0' && error.condition[0] != '\0');
        assert_true(status == MR_E_CORRUPT || status == MR_E_UNSUPPORTED || status == MR_E_DATA ||
                    status == MR_E_MEMORY);
    }
    return status;
}

static const struct {
    const char *schema;
    struct mr_parquet_options options;
    struct sample_style style;
    int64_t rows;
} files[] = {
    {SMALL_NESTED, {.page_bytes = 400}, {20, 0, 10}, 60},
    {SMALL_NESTED, {.codec = MR_PARQUET_UNCOMPRESSED}, {20, 0, 10}, 30},
    {SMALL_NESTED, {.codec = MR_PARQUET_SNAPPY, .row_group_bytes = 500}, {0, 4, 30}, 60},
    {"s STRING, i BIGINT, b BOOLEAN", {.codec = MR_PARQUET_GZIP}, {10, 3, 60}, 600},
};

static void every_cut_is_noticed(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
        struct memory_output file;
        struct mr_text json;
        mr_text_init(&json);
        make_file(&file, files[f].schema, &files[f].options, &files[f].style, files[f].rows, &json);
        for (size_t size = 0; size < file.text.size; size++)
            assert_true(read_exact(file.text.data, size, NULL) < 0);
        assert_int_equal(read_exact(file.text.data, file.text.size, NULL), MR_OK);
        mr_text_release(&json);
        mr_text_release(&file.text);
    }
}

static void flipped_bits_give_no_wrong_row(void **state)
{
    (void)state;
    int noticed = 0, unchanged = 0;
    for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
        struct memory_output file;
        struct mr_text json, rows;
        mr_text_init(&json);
        mr_text_init(&rows);
        make_file(&file, files[f].schema, &files[f].options, &files[f].style, files[f].rows, &json);
        size_t footer = footer_start(&file.text);
        for (size_t at = 0; at < file.text.size; at++) {
            for (int bit = 0; bit < 8; bit += at < footer ? 1 : 3) {
                mr_text_clear(&rows);
                file.text.data[at] ^= (char)(1 << bit);
                int status = read_exact(file.text.data, file.text.size, &rows);
                file.text.data[at] ^= (char)(1 << bit);
                noticed += status < 0;
                unchanged += status == MR_OK;
                if (status == MR_OK && at < footer &&
                    (rows.size != json.size || memcmp(rows.data, json.data, json.size) != 0))
                    fail_msg("file %zu: bit %d of byte %zu changes rows and nobody notices", f, bit, at);
            }
        }
        mr_text_release(&json);
        mr_text_release(&rows);
        mr_text_release(&file.text);
    }
    assert_true(noticed > 10 * unchanged / 2);
}

/* Damage at random: several bytes, runs of 0 and 0xff, pieces moved. */
static void random_damage_does_no_harm(void **state)
{
    (void)state;
    struct sample_random random = {.state = 99};
    for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
        struct memory_output file;
        struct mr_text json;
        mr_text_init(&json);
        make_file(&file, files[f].schema, &files[f].options, &files[f].style, files[f].rows, &json);
        char *copy = malloc(file.text.size);
        assert_non_null(copy);
        for (int i = 0; i < 3000; i++) {
            memcpy(copy, file.text.data, file.text.size);
            size_t footer = footer_start(&file.text);
            for (int64_t k = sample_below(&random, 4); k >= 0; k--) {
                /* half of it in the footer, where all sizes and places stand */
                size_t low = sample_below(&random, 2) ? footer : 0;
                size_t at = low + (size_t)sample_below(&random, (int64_t)(file.text.size - 8 - low));
                size_t n = 1 + (size_t)sample_below(&random, 6);
                n = at + n > file.text.size - 8 ? 1 : n;
                int kind = (int)sample_below(&random, 4);
                for (size_t b = 0; b < n; b++)
                    copy[at + b] = kind == 0 ? 0 : kind == 1 ? (char)0xff : (char)sample_next(&random);
            }
            read_exact(copy, file.text.size, NULL);
        }
        free(copy);
        mr_text_release(&json);
        mr_text_release(&file.text);
    }
}

static void errors_name_file_column_and_place(void **state)
{
    (void)state;
    struct memory_output file;
    struct mr_text json;
    mr_text_init(&json);
    make_file(&file, "first INT, second STRING", NULL, &(struct sample_style){0, 0, 30}, 500, &json);
    size_t footer = footer_start(&file.text);
    file.text.data[footer - 20] ^= 1; /* in the last page of the last column */
    assert_int_equal(read_exact(file.text.data, file.text.size, NULL), MR_E_CORRUPT);
    assert_non_null(strstr(error.message, "memory.parquet"));
    assert_non_null(strstr(error.message, "second"));
    assert_non_null(strstr(error.message, "checksum"));
    assert_string_equal(error.file, "memory.parquet");
    assert_true(error.offset > 4 && error.offset < (int64_t)footer);
    assert_int_equal(read_exact(file.text.data, 0, NULL), MR_E_CORRUPT);
    assert_string_equal(error.condition, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER");
    assert_int_equal(read_exact("this is some text, no Parquet", 29, NULL), MR_E_CORRUPT);
    assert_non_null(strstr(error.message, "PAR1"));
    memcpy(file.text.data + file.text.size - 4, "PARE", 4);
    assert_int_equal(read_exact(file.text.data, file.text.size, NULL), MR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "encrypted"));
    mr_text_release(&json);
    mr_text_release(&file.text);
}

static void a_type_that_does_not_fit_is_named(void **state)
{
    (void)state;
    static const char *const wanted[] = {"i STRING",     "s INT",           "a INT",    "a ARRAY<INT>",
                                         "m ARRAY<INT>", "d DECIMAL(10,2)", "i BOOLEAN"};
    struct memory_output file;
    struct mr_text json;
    struct mr_arena arena;
    struct mr_parquet_reader *reader;
    mr_arena_init(&arena);
    mr_text_init(&json);
    make_file(&file, SMALL_NESTED, NULL, &(struct sample_style){0, 0, 30}, 5, &json);
    assert_int_equal(mr_parquet_reader_open(&reader, memory_open(file.text.data, file.text.size), &error),
                     MR_OK);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        const struct mr_type *schema;
        struct mr_parquet_scan *scan;
        char name[] = "column x";
        name[7] = wanted[i][0];
        assert_int_equal(mr_schema_parse(&arena, mr_str_of(wanted[i]), &schema, &error), MR_OK);
        assert_int_equal(mr_parquet_scan_open(&scan, reader, schema, NULL, 0, 1, &error), MR_E_DATA);
        assert_null(scan);
        assert_string_equal(error.condition, "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH");
        assert_non_null(strstr(error.message, "memory.parquet"));
        if (!strstr(error.message, name))
            fail_msg("%s: %s", wanted[i], error.message);
    }
    mr_parquet_reader_close(reader);
    mr_arena_release(&arena);
    mr_text_release(&json);
    mr_text_release(&file.text);
}

/* One allocation after the other fails: an error, or the right bytes all the same. */
static void a_failing_allocation_is_an_error(void **state)
{
    (void)state;
    struct memory_output good, file;
    struct mr_text json, rows;
    struct mr_arena arena;
    const struct mr_type *schema;
    struct mr_batch batch = {0};
    struct sample_random random = {.state = 5};
    struct mr_parquet_options options = {.page_bytes = 400, .row_group_bytes = 3000};
    mr_arena_init(&arena);
    mr_text_init(&json);
    mr_text_init(&rows);
    make_file(&good, SMALL_NESTED, &options, &(struct sample_style){20, 9, 20}, 100, &json);
    assert_int_equal(mr_schema_parse(&arena, mr_str_of(SMALL_NESTED), &schema, &error), MR_OK);
    assert_int_equal(sample_batch(&batch, schema, 100, &random, &(struct sample_style){20, 9, 20}, &error),
                     MR_OK);
    int failures = 0, lucky = 0;
    for (int64_t nth = 1; lucky < 50; nth++) { /* behind the last allocation all go well */
        struct mr_parquet_writer *writer;
        memory_output_init(&file);
        mr_error_clear(&error);
        mr_memory_fail_at(nth);
        int status = mr_parquet_writer_open(&writer, &file.output, schema, &options, &error);
        if (status == MR_OK)
            status = mr_parquet_writer_write(writer, &batch, &error);
        if (status == MR_OK)
            status = mr_parquet_writer_finish(writer, &error);
        mr_parquet_writer_close(writer);
        mr_memory_fail_at(0);
        assert_true(status == MR_OK || (status == MR_E_MEMORY && error.code == MR_E_MEMORY));
        if (status == MR_OK) {
            assert_int_equal(file.text.size, good.text.size);
            assert_memory_equal(file.text.data, good.text.data, good.text.size);
        }
        failures += status < 0;
        lucky = status == MR_OK ? lucky + 1 : 0;
        mr_text_release(&file.text);
    }
    assert_true(failures > 50);
    failures = lucky = 0;
    for (int64_t nth = 1; lucky < 50; nth++) {
        mr_text_clear(&rows);
        mr_error_clear(&error);
        mr_memory_fail_at(nth);
        int status = file_rows(good.text.data, good.text.size, 30, &rows, &error);
        mr_memory_fail_at(0);
        assert_true(status == MR_OK || rows.failed || (status == MR_E_MEMORY && error.code == MR_E_MEMORY));
        if (status == MR_OK && !rows.failed)
            assert_string_equal(rows.data, json.data);
        failures += status < 0;
        lucky = status == MR_OK ? lucky + 1 : 0;
        rows.failed = false;
    }
    assert_true(failures > 50);
    mr_batch_release(&batch);
    mr_arena_release(&arena);
    mr_text_release(&json);
    mr_text_release(&rows);
    mr_text_release(&good.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(flipped_bits_give_no_wrong_row),
        cmocka_unit_test(random_damage_does_no_harm),
        cmocka_unit_test(errors_name_file_column_and_place),
        cmocka_unit_test(a_type_that_does_not_fit_is_named),
        cmocka_unit_test(a_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
