/* What the Parquet writer writes, the reader reads: every type, nested, NULLs, groups, pages; statistics;
 * projections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/formats/parquet_test_util.h"

static struct mr_arena arena;
static struct mr_error error;

static int set_up(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    mr_error_clear(&error);
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    mr_arena_release(&arena);
    return 0;
}

static const struct mr_type *parse(const char *text)
{
    const struct mr_type *schema = NULL;
    if (mr_schema_parse(&arena, mr_str_of(text), &schema, &error) < 0)
        fail_msg("%s: %s", text, error.message);
    return schema;
}

/* A file of `batches` batches; the rows as JSON into rows. Ends with finish; the writer is handed out when
 * asked for. */
static void write_file(struct memory_output *out, const struct mr_type *schema,
                       const struct mr_parquet_options *options, const struct sample_style *style,
                       int batches, int64_t rows_each, struct mr_text *rows,
                       struct mr_parquet_writer **writer_out)
{
    struct mr_parquet_writer *writer;
    struct sample_random random = {.state = (uint64_t)rows_each};
    memory_output_init(out);
    assert_int_equal(mr_parquet_writer_open(&writer, &out->output, schema, options, &error), MR_OK);
    for (int i = 0; i < batches; i++) {
        struct mr_batch batch = {0};
        assert_int_equal(sample_batch(&batch, schema, rows_each, &random, style, &error), MR_OK);
        assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_OK);
        for (int64_t row = 0; rows && row < rows_each; row++) {
            sample_row_json(rows, &batch, row);
            mr_text_append_char(rows, '\n');
        }
        mr_batch_release(&batch);
    }
    assert_int_equal(mr_parquet_writer_rows(writer), batches * rows_each);
    assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
    assert_int_equal(mr_parquet_writer_bytes(writer), out->text.size);
    if (writer_out)
        *writer_out = writer;
    else
        mr_parquet_writer_close(writer);
}

static struct mr_parquet_reader *open_reader(const struct memory_output *file)
{
    struct mr_parquet_reader *reader;
    if (mr_parquet_reader_open(&reader, memory_open(file->text.data, file->text.size), &error) < 0)
        fail_msg("%s", error.message);
    return reader;
}

static void sample_files_come_back(void **state)
{
    (void)state;
    char folder[] = "/tmp/millrace-parquet-XXXXXX";
    struct mr_storage storage;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mr_storage_open(&storage, folder, &error), MR_OK);
    for (size_t i = 0; i < SAMPLE_FILES; i++) {
        struct mr_text expected, bytes;
        mr_text_init(&expected);
        mr_text_init(&bytes);
        assert_int_equal(sample_file_write(&sample_files[i], &storage, sample_files[i].name, &expected, NULL,
                                           &error),
                         MR_OK);
        assert_int_equal(storage.type->get(&storage, sample_files[i].name, &bytes, &error), MR_OK);
        for (int64_t at_once = 3; at_once < 100000; at_once *= 37) {
            struct mr_text rows;
            mr_text_init(&rows);
            if (file_rows(bytes.data, bytes.size, at_once, &rows, &error) < 0)
                fail_msg("%s: %s", sample_files[i].name, error.message);
            assert_int_equal(rows.size, expected.size);
            if (rows.size > 0 && memcmp(rows.data, expected.data, rows.size) != 0)
                fail_msg("%s read %lld at once differs", sample_files[i].name, (long long)at_once);
            mr_text_release(&rows);
        }
        mr_text_release(&expected);
        mr_text_release(&bytes);
    }
    mr_storage_close(&storage);
    assert_int_equal(mr_directory_remove(folder, &error), MR_OK);
}

/* Intervals have no Parquet type of their own: the schema that goes along tells them. */
static void intervals_and_comments_come_back(void **state)
{
    (void)state;
    struct memory_output file;
    struct mr_text expected, rows, a, b;
    mr_text_init(&expected);
    mr_text_init(&rows);
    mr_text_init(&a);
    mr_text_init(&b);
    const struct mr_type *schema = parse("d INTERVAL DAY TO SECOND, y INTERVAL YEAR TO MONTH COMMENT "
                                         "'months', a ARRAY<INTERVAL DAY TO SECOND>");
    write_file(&file, schema, NULL, &(struct sample_style){20, 0, 5}, 2, 500, &expected, NULL);
    struct mr_parquet_reader *reader = open_reader(&file);
    mr_schema_to_json(&a, schema);
    mr_schema_to_json(&b, mr_parquet_reader_schema(reader));
    assert_string_equal(a.data, b.data);
    mr_parquet_reader_close(reader);
    assert_int_equal(file_rows(file.text.data, file.text.size, 100, &rows, &error), MR_OK);
    assert_string_equal(rows.data, expected.data);
    mr_text_release(&expected);
    mr_text_release(&rows);
    mr_text_release(&a);
    mr_text_release(&b);
    mr_text_release(&file.text);
}

static void types_that_cannot_be_written_are_named(void **state)
{
    (void)state;
    static const char *const schemas[] = {"a VOID", "a STRUCT<>", "a ARRAY<STRUCT<b: VOID>>"};
    for (int i = 0; i < 3; i++) {
        struct memory_output file;
        struct mr_parquet_writer *writer;
        memory_output_init(&file);
        assert_int_equal(mr_parquet_writer_open(&writer, &file.output, parse(schemas[i]), NULL, &error),
                         MR_E_UNSUPPORTED);
        assert_null(writer);
        mr_text_release(&file.text);
    }
}

static void null_in_a_required_column_is_refused(void **state)
{
    (void)state;
    static const char *const schemas[] = {"i INT NOT NULL", "s STRUCT<x: STRING NOT NULL>",
                                          "s STRUCT<x: INT> NOT NULL"};
    for (int i = 0; i < 3; i++) {
        struct memory_output file;
        struct mr_parquet_writer *writer;
        struct mr_batch batch = {0};
        const struct mr_type *schema = parse(schemas[i]);
        memory_output_init(&file);
        assert_int_equal(mr_parquet_writer_open(&writer, &file.output, schema, NULL, &error), MR_OK);
        assert_int_equal(mr_batch_init(&batch, schema, 4, &error), MR_OK);
        struct mr_column *column = batch.columns[0];
        assert_int_equal(mr_column_append_null(column, &error), MR_OK);
        if (i == 1) /* the struct is there, its field is not */
            mr_column_set_valid(column, 0);
        batch.length = 1;
        assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_E_DATA);
        assert_string_equal(error.condition, "NOT_NULL_ASSERT_VIOLATION");
        assert_non_null(strstr(error.message, i == 1 ? "s.x" : schema->fields[0].name));
        assert_true(mr_parquet_writer_finish(writer, &error) < 0);
        mr_batch_release(&batch);
        mr_parquet_writer_close(writer);
        mr_text_release(&file.text);
    }
}

/* ---- statistics ---- */

/* Compares what the writer says of one leaf with the batches it was given. */
static void check_leaf(const struct mr_leaf_statistics *leaf, const struct mr_batch *batches, int count)
{
    int64_t nulls = 0;
    bool nan = false;
    const struct mr_column *low = NULL, *high = NULL;
    int64_t low_row = 0, high_row = 0;
    for (int b = 0; b < count; b++) {
        int index = mr_type_field(batches[b].schema, mr_str_of(leaf->path[0]), true, NULL);
        const struct mr_column *column = batches[b].columns[index];
        nulls += mr_column_null_count(column);
        for (int64_t row = 0; row < column->length; row++) {
            if (mr_column_is_null(column, row))
                continue;
            nan |= column->type->id == MR_DOUBLE && isnan(column->f64[row]);
            nan |= column->type->id == MR_FLOAT && isnan(column->f32[row]);
            if (!low || mr_column_compare(column, row, low, low_row) < 0)
                low = column, low_row = row;
            if (!high || mr_column_compare(column, row, high, high_row) > 0)
                high = column, high_row = row;
        }
    }
    assert_int_equal(leaf->null_count, nulls);
    if (!low || nan || leaf->type->id == MR_BINARY) {
        assert_false(leaf->has_bounds);
        return;
    }
    assert_true(leaf->has_bounds);
    int below = mr_column_compare(leaf->bounds, 0, low, low_row);
    int above = mr_column_compare(leaf->bounds, 1, high, high_row);
    bool long_low = leaf->type->id == MR_STRING && low->views[low_row].size > 64;
    bool long_high = leaf->type->id == MR_STRING && high->views[high_row].size > 64;
    assert_true(long_low ? below < 0 : below == 0);
    assert_true(long_high ? above > 0 : above == 0);
}

static void statistics_are_those_of_the_values(void **state)
{
    (void)state;
    static const struct sample_style styles[] = {
        {10, 0, 30}, {0, 0, 30}, {100, 0, 30}, {5, 9, 300}, {5, 0, 300}};
    const struct mr_type *schema = parse(SAMPLE_PRIMITIVES);
    struct mr_parquet_options options = {.row_group_bytes = 30000, .page_bytes = 3000};
    for (size_t s = 0; s < sizeof(styles) / sizeof(styles[0]); s++) {
        struct memory_output file;
        struct mr_parquet_writer *writer;
        struct mr_batch batches[4] = {0};
        struct sample_random random = {.state = s};
        memory_output_init(&file);
        assert_int_equal(mr_parquet_writer_open(&writer, &file.output, schema, &options, &error), MR_OK);
        for (int b = 0; b < 4; b++) {
            assert_int_equal(sample_batch(&batches[b], schema, 300, &random, &styles[s], &error), MR_OK);
            assert_int_equal(mr_parquet_writer_write(writer, &batches[b], &error), MR_OK);
        }
        assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
        const struct mr_leaf_statistics *leaves;
        int count;
        assert_int_equal(mr_parquet_writer_statistics(writer, &leaves, &count), MR_OK);
        assert_int_equal(count, schema->field_count);
        for (int i = 0; i < count; i++)
            check_leaf(&leaves[i], batches, 4);
        for (int b = 0; b < 4; b++)
            mr_batch_release(&batches[b]);
        mr_parquet_writer_close(writer);
        mr_text_release(&file.text);
    }
}

static void nested_statistics_have_paths(void **state)
{
    (void)state;
    struct memory_output file;
    struct mr_parquet_writer *writer;
    const struct mr_type *schema =
        parse("st STRUCT<x: INT, y: STRUCT<z: STRING>>, a ARRAY<STRUCT<k: INT>>, m MAP<INT, INT>");
    write_file(&file, schema, NULL, &(struct sample_style){30, 0, 10}, 1, 500, NULL, &writer);
    const struct mr_leaf_statistics *leaves;
    int count;
    assert_int_equal(mr_parquet_writer_statistics(writer, &leaves, &count), MR_OK);
    assert_int_equal(count, 5);
    assert_int_equal(leaves[1].depth, 3);
    assert_string_equal(leaves[1].path[0], "st");
    assert_string_equal(leaves[1].path[1], "y");
    assert_string_equal(leaves[1].path[2], "z");
    assert_true(leaves[1].has_bounds && !leaves[1].in_repeated && leaves[1].null_count > 0);
    for (int i = 2; i < 5; i++)
        assert_true(leaves[i].in_repeated && !leaves[i].has_bounds);
    assert_string_equal(leaves[2].path[0], "a");
    assert_int_equal(leaves[2].depth, 1);
    mr_parquet_writer_close(writer);
    mr_text_release(&file.text);
}

static void put_strings(struct mr_batch *batch, const struct mr_type *schema, const char *const *texts,
                        int count)
{
    assert_int_equal(mr_batch_init(batch, schema, count, &error), MR_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(mr_column_set_bytes(batch->columns[0], i, texts[i], strlen(texts[i]), &error),
                         MR_OK);
    batch->columns[0]->length = batch->length = count;
}

/* Bounds of one long string: min a prefix in whole characters, max raised above all that begins so. */
static void long_bounds_stay_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *unit; /* repeated 40 times */
        const char *tail; /* last characters of the raised maximum; NULL: there is none */
    } cases[] = {{"abc", "abcb"},
                 {"\xc3\xa4", "\xc3\xa5"},
                 {"\xf0\x9f\x8e\x89", "\xf0\x9f\x8e\x8a"},
                 {"\xf4\x8f\xbf\xbf", NULL},
                 {"\x7f", NULL},
                 {"\xff", NULL}};
    const struct mr_type *schema = parse("s STRING");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[400] = "";
        for (int k = 0; k < 70; k++)
            strcat(text, cases[i].unit);
        struct memory_output file;
        struct mr_parquet_writer *writer;
        struct mr_batch batch = {0};
        const struct mr_leaf_statistics *leaf;
        const char *texts[] = {text};
        int count;
        memory_output_init(&file);
        put_strings(&batch, schema, texts, 1);
        assert_int_equal(mr_parquet_writer_open(&writer, &file.output, schema, NULL, &error), MR_OK);
        assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_OK);
        assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
        assert_int_equal(mr_parquet_writer_statistics(writer, &leaf, &count), MR_OK);
        bool raised = cases[i].tail || strcmp(cases[i].unit, "\x7f") == 0;
        assert_int_equal(leaf->has_bounds, raised);
        if (raised) {
            struct mr_str low = mr_view_str(&leaf->bounds->views[0]),
                          high = mr_view_str(&leaf->bounds->views[1]);
            assert_true(low.size <= 64 && low.size >= 60 && memcmp(low.data, text, low.size) == 0);
            assert_true(mr_str_compare(high, mr_str_of(text)) > 0);
            if (cases[i].tail)
                assert_true(mr_str_ends_with(high, mr_str_of(cases[i].tail)));
        }
        mr_batch_release(&batch);
        mr_parquet_writer_close(writer);
        mr_text_release(&file.text);
    }
}

/* ---- reading less, or something else ---- */

static void scan_rows(struct mr_parquet_reader *reader, const struct mr_type *wanted, const int32_t *ids,
                      int first, int count, struct mr_text *rows)
{
    struct mr_parquet_scan *scan;
    struct mr_batch batch = {0};
    if (mr_parquet_scan_open(&scan, reader, wanted, ids, first, count, &error) < 0)
        fail_msg("%s", error.message);
    int status = MR_OK;
    while (status == MR_OK) {
        status = mr_parquet_scan_next(scan, 10, &batch, &error);
        if (status < 0)
            fail_msg("%s", error.message);
        for (int64_t row = 0; status == MR_OK && row < batch.length; row++) {
            sample_row_json(rows, &batch, row);
            mr_text_append_char(rows, '\n');
        }
        mr_batch_release(&batch);
    }
    mr_parquet_scan_close(scan);
}

/* One row: {a: 1, b: {c: 2, d: "x"}, e: [{f: 3, g: 4}], B2: 5} */
static void write_projection_file(struct memory_output *file, const int32_t *ids)
{
    struct mr_parquet_options options = {.field_ids = ids};
    struct mr_parquet_writer *writer;
    struct mr_batch batch = {0};
    const struct mr_type *schema =
        parse("a INT, b STRUCT<c: INT, d: STRING>, e ARRAY<STRUCT<f: INT, g: INT>>, B2 INT");
    memory_output_init(file);
    assert_int_equal(mr_batch_init(&batch, schema, 1, &error), MR_OK);
    batch.length = 1;
    for (int i = 0; i < 4; i++)
        batch.columns[i]->length = 1;
    batch.columns[0]->i32[0] = 1;
    struct mr_column *b = batch.columns[1], *e = batch.columns[2]->children[0];
    b->children[0]->i32[0] = 2;
    assert_int_equal(mr_column_set_bytes(b->children[1], 0, "x", 1, &error), MR_OK);
    b->children[0]->length = b->children[1]->length = 1;
    batch.columns[2]->offsets[1] = 1;
    e->length = e->children[0]->length = e->children[1]->length = 1;
    e->children[0]->i32[0] = 3;
    e->children[1]->i32[0] = 4;
    batch.columns[3]->i32[0] = 5;
    assert_int_equal(mr_parquet_writer_open(&writer, &file->output, schema, &options, &error), MR_OK);
    assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_OK);
    assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
    mr_parquet_writer_close(writer);
    mr_batch_release(&batch);
}

static void fields_are_found_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *wanted, *row;
    } cases[] = {
        {"B2 INT, a INT", "{\"B2\":5,\"a\":1}\n"},
        {"b2 INT, A BIGINT", "{\"b2\":5,\"A\":1}\n"},
        {"zz STRING, b STRUCT<d: STRING>", "{\"zz\":null,\"b\":{\"d\":\"x\"}}\n"},
        {"b STRUCT<new: INT>", "{\"b\":{\"new\":null}}\n"},
        {"e ARRAY<STRUCT<g: BIGINT, new: ARRAY<INT>>>", "{\"e\":[{\"g\":4,\"new\":null}]}\n"},
        {"e ARRAY<STRUCT<new: MAP<INT, INT>>>", "{\"e\":[{\"new\":null}]}\n"},
        {"n STRUCT<x: ARRAY<INT>, y: STRUCT<z: INT>>", "{\"n\":null}\n"},
    };
    struct memory_output file;
    write_projection_file(&file, NULL);
    struct mr_parquet_reader *reader = open_reader(&file);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_text rows;
        mr_text_init(&rows);
        scan_rows(reader, parse(cases[i].wanted), NULL, 0, 1, &rows);
        assert_string_equal(rows.data, cases[i].row);
        mr_text_release(&rows);
    }
    mr_parquet_reader_close(reader);
    mr_text_release(&file.text);
}

static void fields_are_found_by_id(void **state)
{
    (void)state;
    /* a, b, c, d, e, element, f, g, B2 */
    static const int32_t ids[] = {1, 2, 3, 4, 5, 0, 6, 7, 8};
    static const int32_t renamed[] = {8, 2, 4, 5, 0, 7, 99};
    struct memory_output file;
    struct mr_text rows;
    mr_text_init(&rows);
    write_projection_file(&file, ids);
    struct mr_parquet_reader *reader = open_reader(&file);
    scan_rows(reader, parse("a INT, s STRUCT<c: STRING>, l ARRAY<STRUCT<f: INT>>, b INT"), renamed, 0, 1,
              &rows);
    assert_string_equal(rows.data, "{\"a\":5,\"s\":{\"c\":\"x\"},\"l\":[{\"f\":4}],\"b\":null}\n");
    mr_text_release(&rows);
    mr_parquet_reader_close(reader);
    mr_text_release(&file.text);
}

/* Row 0 of the column, from text. */
static void put_value(struct mr_column *column, const char *text)
{
    mr_i128 decimal;
    bool overflow;
    column->length = 1;
    switch (column->type->id) {
    case MR_BOOLEAN:
    case MR_TINYINT:
        column->i8[0] = (int8_t)atoi(text);
        break;
    case MR_SMALLINT:
        column->i16[0] = (int16_t)atoi(text);
        break;
    case MR_INT:
    case MR_DATE:
        column->i32[0] = atoi(text);
        break;
    case MR_FLOAT:
        column->f32[0] = strtof(text, NULL);
        break;
    case MR_DOUBLE:
        column->f64[0] = strtod(text, NULL);
        break;
    case MR_DECIMAL:
        assert_true(mr_decimal_parse(mr_str_of(text), column->type->precision, column->type->scale, &decimal,
                                     &overflow));
        mr_decimal_put(column, 0, decimal);
        break;
    case MR_STRING:
    case MR_BINARY:
        assert_int_equal(mr_column_set_bytes(column, 0, text, strlen(text), &error), MR_OK);
        break;
    default:
        column->i64[0] = atoll(text);
    }
}

/* One value of the first type read as the second. */
static void types_are_widened(void **state)
{
    (void)state;
    static const struct {
        const char *from, *value, *to, *expected; /* expected NULL: refused; "!": an error when it is read */
    } cases[] = {
        {"TINYINT", "-7", "BIGINT", "-7"},
        {"SMALLINT", "300", "INT", "300"},
        {"SMALLINT", "300", "TINYINT", "!"},
        {"INT", "-70000", "BIGINT", "-70000"},
        {"INT", "-70000", "DOUBLE", "-70000.0"},
        {"INT", "-70000", "DECIMAL(12,2)", "\"-70000.00\""},
        {"INT", "-70000", "DECIMAL(11,2)", NULL},
        {"INT", "-70000", "SMALLINT", "!"},
        {"INT", "7", "FLOAT", NULL},
        {"INT", "7", "STRING", NULL},
        {"BIGINT", "5000000000", "DECIMAL(22,3)", "\"5000000000.000\""},
        {"BIGINT", "7", "INT", NULL},
        {"FLOAT", "1.5", "DOUBLE", "1.5"},
        {"DOUBLE", "1.5", "FLOAT", NULL},
        {"DECIMAL(5,2)", "-123.45", "DECIMAL(9,2)", "\"-123.45\""},
        {"DECIMAL(5,2)", "-123.45", "DECIMAL(18,10)", "\"-123.4500000000\""},
        {"DECIMAL(5,2)", "-123.45", "DECIMAL(38,20)", "\"-123.45000000000000000000\""},
        {"DECIMAL(18,2)", "-9999999999999999.99", "DECIMAL(20,4)", "\"-9999999999999999.9900\""},
        {"DECIMAL(20,2)", "999999999999999999.99", "DECIMAL(38,20)",
         "\"999999999999999999.99000000000000000000\""},
        {"DECIMAL(20,2)", "1", "DECIMAL(20,1)", NULL},
        {"DECIMAL(20,2)", "1", "DECIMAL(20,3)", NULL},
        {"DATE", "-1", "TIMESTAMP_NTZ", "-86400000000"},
        {"DATE", "1", "TIMESTAMP", NULL},
        {"TIMESTAMP", "5", "TIMESTAMP_NTZ", NULL},
        {"TIMESTAMP_NTZ", "5", "TIMESTAMP", "5"},
        {"STRING", "ab", "BINARY", "\"6162\""},
        {"BINARY", "ab", "STRING", "\"ab\""},
        {"BOOLEAN", "1", "INT", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct memory_output file;
        struct mr_parquet_writer *writer;
        struct mr_parquet_scan *scan;
        struct mr_batch batch = {0};
        const struct mr_type *from =
            mr_type_struct(&arena, &(struct mr_field){"c", NULL, true, NULL, NULL}, 1);
        struct mr_field *field = (struct mr_field *)from->fields;
        assert_int_equal(mr_type_parse(&arena, mr_str_of(cases[i].from), &field->type, &error), MR_OK);
        memory_output_init(&file);
        assert_int_equal(mr_batch_init(&batch, from, 1, &error), MR_OK);
        put_value(batch.columns[0], cases[i].value);
        batch.length = 1;
        assert_int_equal(mr_parquet_writer_open(&writer, &file.output, from, NULL, &error), MR_OK);
        assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_OK);
        assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
        mr_parquet_writer_close(writer);
        mr_batch_release(&batch);
        struct mr_field wanted_field = *field;
        assert_int_equal(mr_type_parse(&arena, mr_str_of(cases[i].to), &wanted_field.type, &error), MR_OK);
        const struct mr_type *wanted = mr_type_struct(&arena, &wanted_field, 1);
        struct mr_parquet_reader *reader = open_reader(&file);
        int status = mr_parquet_scan_open(&scan, reader, wanted, NULL, 0, 1, &error);
        if (!cases[i].expected) {
            assert_int_equal(status, MR_E_DATA);
        } else {
            assert_int_equal(status, MR_OK);
            status = mr_parquet_scan_next(scan, 10, &batch, &error);
            assert_int_equal(status, strcmp(cases[i].expected, "!") == 0 ? MR_E_CORRUPT : MR_OK);
        }
        if (cases[i].expected && status == MR_OK) {
            struct mr_text text;
            char expected[100];
            mr_text_init(&text);
            sample_row_json(&text, &batch, 0);
            snprintf(expected, sizeof(expected), "{\"c\":%s}", cases[i].expected);
            assert_string_equal(text.data, expected);
            mr_text_release(&text);
        }
        mr_batch_release(&batch);
        mr_parquet_scan_close(scan);
        mr_parquet_reader_close(reader);
        mr_text_release(&file.text);
    }
}

static void row_groups_are_read_alone(void **state)
{
    (void)state;
    struct memory_output file;
    struct mr_text expected, rows;
    mr_text_init(&expected);
    mr_text_init(&rows);
    const struct mr_type *schema = parse("i BIGINT, a ARRAY<STRING>");
    write_file(&file, schema, &(struct mr_parquet_options){.row_group_bytes = 4000},
               &(struct sample_style){10, 0, 20}, 20, 50, &expected, NULL);
    struct mr_parquet_reader *reader = open_reader(&file);
    int groups = mr_parquet_reader_row_groups(reader);
    int64_t total = 0;
    assert_true(groups > 5);
    for (int g = 0; g < groups; g++) {
        total += mr_parquet_reader_row_group_rows(reader, g);
        scan_rows(reader, schema, NULL, g, 1, &rows);
    }
    assert_int_equal(total, 1000);
    assert_int_equal(mr_parquet_reader_rows(reader), 1000);
    assert_string_equal(rows.data, expected.data);
    mr_text_clear(&rows);
    scan_rows(reader, parse("x INT"), NULL, 1, 0, &rows);
    assert_int_equal(rows.size, 0);
    struct mr_parquet_scan *scan;
    assert_true(mr_parquet_scan_open(&scan, reader, schema, NULL, groups, 1, &error) < 0);
    mr_parquet_reader_close(reader);
    mr_text_release(&rows);
    mr_text_release(&expected);
    mr_text_release(&file.text);
}

/* Pages in progress of many columns are finished early, so that they do not add up. */
static void many_columns_share_memory(void **state)
{
    (void)state;
    enum { COLUMNS = 800, BATCHES = 30 };
    struct mr_field *fields = MR_ARENA_ARRAY(&arena, struct mr_field, COLUMNS);
    for (int i = 0; i < COLUMNS; i++)
        fields[i] = (struct mr_field){mr_arena_format(&arena, "c%d", i),
                                      mr_type_of(i % 3 ? MR_STRING : MR_BIGINT), true, NULL, NULL};
    const struct mr_type *schema = mr_type_struct(&arena, fields, COLUMNS);
    struct sample_style style = {5, 0, 60};
    struct sample_random random = {.state = 4};
    struct mr_parquet_options options = {.codec = MR_PARQUET_UNCOMPRESSED};
    struct memory_output file;
    struct mr_text expected, rows;
    struct mr_parquet_writer *writer;
    size_t most = 0;
    memory_output_init(&file);
    mr_text_init(&expected);
    mr_text_init(&rows);
    assert_int_equal(mr_parquet_writer_open(&writer, &file.output, schema, &options, &error), MR_OK);
    for (int b = 0; b < BATCHES; b++) {
        struct mr_batch batch = {0};
        assert_int_equal(sample_batch(&batch, schema, 60, &random, &style, &error), MR_OK);
        size_t before = mr_memory_used() - expected.capacity - file.text.capacity;
        assert_int_equal(mr_parquet_writer_write(writer, &batch, &error), MR_OK);
        most = before > most ? before : most;
        for (int64_t row = 0; row < batch.length; row++) {
            sample_row_json(&expected, &batch, row);
            mr_text_append_char(&expected, '\n');
        }
        mr_batch_release(&batch);
    }
    assert_int_equal(mr_parquet_writer_finish(writer, &error), MR_OK);
    mr_parquet_writer_close(writer);
    assert_true(most < 110 << 20);
    assert_int_equal(file_rows(file.text.data, file.text.size, 500, &rows, &error), MR_OK);
    assert_int_equal(rows.size, expected.size);
    assert_memory_equal(rows.data, expected.data, rows.size);
    mr_text_release(&rows);
    mr_text_release(&expected);
    mr_text_release(&file.text);
}

static void no_columns_still_count_rows(void **state)
{
    (void)state;
    struct memory_output file;
    struct mr_batch batch = {0};
    struct mr_parquet_scan *scan;
    int64_t rows = 0;
    write_file(&file, parse("i INT"), NULL, &(struct sample_style){0, 0, 0}, 3, 100, NULL, NULL);
    struct mr_parquet_reader *reader = open_reader(&file);
    const struct mr_type *none = mr_type_struct(&arena, NULL, 0);
    assert_int_equal(mr_parquet_scan_open(&scan, reader, none, NULL, 0, 1, &error), MR_OK);
    while (mr_parquet_scan_next(scan, 90, &batch, &error) == MR_OK) {
        rows += batch.length;
        mr_batch_release(&batch);
    }
    assert_int_equal(rows, 300);
    mr_parquet_scan_close(scan);
    mr_parquet_reader_close(reader);
    mr_text_release(&file.text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sample_files_come_back),
        TEST(intervals_and_comments_come_back),
        TEST(types_that_cannot_be_written_are_named),
        TEST(null_in_a_required_column_is_refused),
        TEST(statistics_are_those_of_the_values),
        TEST(nested_statistics_have_paths),
        TEST(long_bounds_stay_bounds),
        TEST(fields_are_found_by_name),
        TEST(fields_are_found_by_id),
        TEST(types_are_widened),
        TEST(row_groups_are_read_alone),
        TEST(many_columns_share_memory),
        TEST(no_columns_still_count_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
