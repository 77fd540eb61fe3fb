/* tests/sources/file_schema_test.c: schemas given, inferred, remembered, and how they grow; bad input. */
#include <zlib.h>
#include <zstd.h>

#include "formats/parquet/parquet.h"
#include "tests/sources/file_helper.h"

static void expect_schema(struct run *r, const char *wanted)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_type_simple_text(&text, r->source.schema);
    char *hidden = strstr(text.data, ",_metadata:");
    if (hidden)
        strcpy(hidden, ">");
    assert_string_equal(text.data, wanted);
    mr_text_release(&text);
}

static bool only_data[32];

static void hide_metadata(struct run *r)
{
    for (int i = 0; i < 32; i++)
        only_data[i] = i + 1 < r->source.schema->field_count;
    r->source.used = only_data;
}

static void inferred_as_auto_loader(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/a.json", "{\"b\":1,\"a\":\"x\",\"o\":{\"p\":1.5}}\n{\"b\":\"mistyped\",\"c\":[1]}\n");
    write_file("in/b.json", "{\"b\":7}\n{bad\n");
    age("in/a.json", 1);
    age("in/b.json", 2);
    start(&r, NULL,
          OPTIONS(O("path", "in"), O("format", "json"),
                  O("schemaHints", "b BIGINT, o.p DECIMAL(5,2), extra DATE")));
    expect_schema(
        &r,
        "struct<a:string,b:bigint,c:array<bigint>,o:struct<p:decimal(5,2)>,extra:date,_rescued_data:string>");
    hide_metadata(&r);
    char wanted[1024];
    snprintf(
        wanted, sizeof wanted,
        "x,1,NULL,{1.50},NULL,NULL,NULL;"
        "NULL,NULL,[1],NULL,NULL,{\"b\":\"mistyped\",\"_file_path\":\"file:%s/in/a.json\"},NULL;"
        "NULL,7,NULL,NULL,NULL,NULL,NULL;"
        "NULL,NULL,NULL,NULL,NULL,{\"_corrupt_record\":\"{bad\",\"_file_path\":\"file:%s/in/b.json\"},NULL;",
        base, base);
    assert_string_equal(step(&r), wanted);
    end(&r);
    start(&r, NULL,
          OPTIONS(O("path", "in"), O("format", "json"), O("inferColumnTypes", "false"),
                  O("rescuedDataColumn", "rest")));
    expect_schema(&r, "struct<a:string,b:string,c:string,o:string,rest:string>");
    end(&r);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "json"), O("dialect", "spark")));
    expect_schema(&r, "struct<_corrupt_record:string,a:string,b:string,c:array<bigint>,o:struct<p:double>>");
    end(&r);
}

static void nothing_to_infer_from(void **state)
{
    struct run r = {0};
    struct mr_error error = {0};
    (void)state;
    write_file("in/_ignored.json", "{\"a\":1}\n");
    write_file("in/empty.json", "");
    start_with(&r, NULL, OPTIONS(O("path", "in"), O("format", "json")));
    assert_true(mr_file_source.open(&r.source, &r.error) < 0);
    assert_string_equal(r.error.condition, "UNABLE_TO_INFER_SCHEMA");
    mr_arena_release(&r.source.arena);
    mr_checkpoint_close(r.checkpoint);
    mr_directory_remove(r.checkpoint_path, &error);
}

static void new_columns_are_added(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char path[512];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json", "{\"a\":1,\"o\":{\"p\":1}}\n");
    age("in/a.json", 1);
#define GROWING OPTIONS(O("path", "in"), O("format", "json"), O("schemaLocation", "schemas"))
    start(&r, NULL, GROWING);
    expect_schema(&r, "struct<a:bigint,o:struct<p:bigint>,_rescued_data:string>");
    hide_metadata(&r);
    assert_string_equal(step(&r), "1,{1},NULL,NULL;");
    write_file("in/b.json", "{\"a\":2,\"o\":{\"p\":2,\"q\":\"x\"}}\n{\"b\":true,\"a\":\"not a number\"}\n");
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_SCHEMA_CHANGED);
    assert_string_equal(r.error.condition, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE");
    assert_string_equal(r.error.sqlstate, "KD003");
    assert_non_null(strstr(r.error.message, "o, b"));
    snprintf(path, sizeof path, "%s/schemas/_schemas/1", base);
    assert_int_equal(access(path, F_OK), 0);
    stop(&r);
    start(&r, NULL, GROWING);
    expect_schema(&r, "struct<a:bigint,o:struct<p:bigint,q:string>,b:boolean,_rescued_data:string>");
    hide_metadata(&r);
    char wanted[600];
    snprintf(wanted, sizeof wanted,
             "2,{2, x},NULL,NULL,NULL;NULL,NULL,true,{\"a\":\"not a "
             "number\",\"_file_path\":\"file:%s/in/b.json\"},NULL;",
             base);
    assert_string_equal(step(&r), wanted);
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void other_evolution_modes(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char wanted[600];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json", "{\"a\":1}\n");
    age("in/a.json", 1);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "json"), O("schemaEvolutionMode", "rescue")));
    hide_metadata(&r);
    write_file("in/b.json", "{\"a\":2,\"b\":[1,{\"x\":\"y\"}]}\n");
    age("in/b.json", 2);
    snprintf(wanted, sizeof wanted,
             "1,NULL,NULL;2,{\"b\":[1,{\"x\":\"y\"}],\"_file_path\":\"file:%s/in/b.json\"},NULL;", base);
    assert_string_equal(step(&r), wanted);
    end(&r);
    age("in/b.json", 0);
    start(&r, "a BIGINT",
          OPTIONS(O("path", "in"), O("format", "json"), O("schemaEvolutionMode", "failOnNewColumns")));
    hide_metadata(&r);
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_DATA);
    assert_string_equal(r.error.condition, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE");
    end(&r);
    start(&r, NULL,
          OPTIONS(O("path", "in"), O("format", "json"), O("schemaEvolutionMode", "none"),
                  O("schemaHints", "a INT"), O("pathGlobFilter", "a*")));
    expect_schema(&r, "struct<a:int>");
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void csv_columns_by_name(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char wanted[800];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.csv", "a,b\n1,x\n");
    age("in/a.csv", 1);
#define CSV                                                                                                  \
    OPTIONS(O("path", "in"), O("format", "csv"), O("header", "true"), O("inferSchema", "true"),              \
            O("schemaLocation", "s"))
    start(&r, NULL, CSV);
    expect_schema(&r, "struct<a:int,b:string,_rescued_data:string>");
    hide_metadata(&r);
    assert_string_equal(step(&r), "1,x,NULL,NULL;");
    write_file("in/b.csv", "b,c,a\ny,2024-01-02,2\nz,nope,bad,more\n");
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_SCHEMA_CHANGED);
    stop(&r);
    start(&r, NULL, CSV);
    expect_schema(&r, "struct<a:int,b:string,c:string,_rescued_data:string>");
    hide_metadata(&r);
    snprintf(wanted, sizeof wanted,
             "2,y,2024-01-02,NULL,NULL;NULL,z,nope,{\"a\":\"bad\",\"_c3\":\"more\",\"_file_path\":\"file:%s/"
             "in/b.csv\"},NULL;",
             base);
    assert_string_equal(step(&r), wanted);
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

/* read_files finds types (inferColumnTypes); Spark's reader does when it is told to (inferSchema). */
static void csv_types(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/a.csv", "a,b,c\n1,x,2024-01-02\n");
    age("in/a.csv", 1);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "csv"), O("header", "true")));
    expect_schema(&r, "struct<a:int,b:string,c:date,_rescued_data:string>");
    stop(&r);
    start(&r, NULL,
          OPTIONS(O("path", "in"), O("format", "csv"), O("header", "true"), O("inferColumnTypes", "false")));
    expect_schema(&r, "struct<a:string,b:string,c:string,_rescued_data:string>");
    stop(&r);
    start(&r, NULL,
          OPTIONS(O("path", "in"), O("format", "csv"), O("header", "true"), O("INFERSCHEMA", "false")));
    expect_schema(&r, "struct<a:string,b:string,c:string,_rescued_data:string>");
    stop(&r);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "csv"), O("header", "true"), O("dialect", "spark")));
    expect_schema(&r, "struct<a:string,b:string,c:string>");
    end(&r);
}

/* ---- compressed files ---- */

static void write_bytes(const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(data, 1, size, file);
    fclose(file);
}

static size_t gzip(const char *text, char *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)text;
    z.avail_in = (unsigned)strlen(text);
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void compressed_files(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char packed[4096];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/plain.json", "{\"a\":1}\n");
    age("in/plain.json", 1);
    size_t size = gzip("{\"a\":2}\n{\"a\"", packed, sizeof packed);
    size += gzip(":3}\n", packed + size, sizeof packed - size); /* two members are one text */
    write_bytes("in/a.json.gz", packed, size);
    age("in/a.json.gz", 2);
    size = ZSTD_compress(packed, sizeof packed, "{\"a\":4}\n", 8, 1);
    write_bytes("in/b.json.zst", packed, size);
    age("in/b.json.zst", 3);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    hide_metadata(&r);
    assert_string_equal(step(&r), "1,NULL;2,NULL;3,NULL;4,NULL;");
    size = gzip("{\"a\":5}\n{\"a\":6}\n", packed, sizeof packed);
    write_bytes("in/cut.json.gz", packed, size - 9);
    assert_true(plan(&r, &to));
    assert_true(read_range(&r, mr_text_str(&to), &rows, NULL) < 0);
    assert_string_equal(r.error.condition, "FAILED_READ_FILE.NO_HINT");
    assert_non_null(strstr(r.error.message, "ends too early"));
    stop(&r);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("ignoreCorruptFiles", "true")));
    hide_metadata(&r);
    step(&r); /* whatever could be read of it */
    stop(&r);
    write_bytes("in/another.json.bz2", "BZh9", 4);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    hide_metadata(&r);
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_UNSUPPORTED);
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void parquet_files(void **state)
{
    struct run r = {0};
    struct mr_storage storage = {0};
    struct mr_arena arena;
    struct mr_output *output;
    struct mr_parquet_writer *writer;
    struct mr_batch batch = {0};
    const struct mr_type *schema;
    (void)state;
    mr_arena_init(&arena);
    write_file("in/_keep", "");
    assert_int_equal(mr_storage_open(&storage, base, &r.error), 0);
    assert_int_equal(mr_schema_parse(&arena, MR_STR("a BIGINT, s STRING, l ARRAY<STRING>"), &schema,
                                     &r.error),
                     0);
    assert_int_equal(storage.type->output(&storage, "in/a.parquet", &output, &r.error), 0);
    assert_int_equal(mr_parquet_writer_open(&writer, output, schema, &(struct mr_parquet_options){0},
                                            &r.error),
                     0);
    assert_int_equal(mr_batch_init(&batch, schema, 2, &r.error), 0);
    for (int i = 0; i < 2; i++) {
        batch.columns[0]->i64[i] = 7 + i;
        mr_column_set_bytes(batch.columns[1], i, "a text that is no inline view", 29, &r.error);
    }
    batch.columns[0]->length = batch.columns[1]->length = batch.length = 2;
    mr_column_append_null(batch.columns[2], &r.error);
    mr_column_append_null(batch.columns[2], &r.error);
    assert_int_equal(mr_parquet_writer_write(writer, &batch, &r.error), 0);
    assert_int_equal(mr_parquet_writer_finish(writer, &r.error), 0);
    mr_parquet_writer_close(writer);
    assert_int_equal(output->finish(output, &r.error), 0);
    mr_batch_release(&batch);
    mr_storage_close(&storage);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "parquet")));
    expect_schema(&r, "struct<a:bigint,s:string,l:array<string>>");
    r.source.used = (bool[]){true, true, false, false};
    assert_string_equal(
        step(&r), "7,a text that is no inline view,NULL,NULL;8,a text that is no inline view,NULL,NULL;");
    end(&r);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "parquet")));
    hide_metadata(&r);
    assert_string_equal(
        step(&r), "7,a text that is no inline view,NULL,NULL;8,a text that is no inline view,NULL,NULL;");
    end(&r);
    write_file("in/broken.parquet", "PAR1 is not enough");
    start(&r, "a BIGINT",
          OPTIONS(O("path", "in/broken.parquet"), O("format", "parquet"), O("ignoreCorruptFiles", "true")));
    hide_metadata(&r);
    assert_string_equal(step(&r), "");
    end(&r);
    mr_arena_release(&arena);
}

/* ---- bad input ---- */

static void bad_records_name_file_and_line(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char path[512];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json", "{\"a\":1}\n\n{\"a\":2}\n{\"a\":tru}\n{\"a\":3}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("mode", "FAILFAST")));
    hide_metadata(&r);
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_DATA);
    assert_string_equal(r.error.condition, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION");
    snprintf(path, sizeof path, "%s/in/a.json", base);
    assert_string_equal(r.error.file, path);
    assert_int_equal(r.error.line, 4);
    assert_true(r.error.offset >= 17 && r.error.offset < 27);
    end(&r);
    write_file("in/a.json", "{\"a\":1}\n{\"a\":\"x\"}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("mode", "DROPMALFORMED")));
    hide_metadata(&r);
    assert_string_equal(step(&r), "1,NULL;");
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void unreadable_files(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char path[512];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json/inside.json", "{\"a\":1}\n"); /* a folder named like a file */
    write_file("in/empty.json", "");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    hide_metadata(&r);
    assert_string_equal(step(&r), "1,NULL;");
    snprintf(path, sizeof path, "%s/in/secret.json", base);
    write_file("in/secret.json", "{\"a\":2}\n");
    chmod(path, 0);
    if (access(path, R_OK) != 0) { /* the superuser reads all */
        assert_true(plan(&r, &to));
        assert_true(read_range(&r, mr_text_str(&to), &rows, NULL) < 0);
        assert_string_equal(r.error.condition, "FAILED_READ_FILE.NO_HINT");
        assert_string_equal(r.error.file, path);
    }
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void extreme_records(void **state)
{
    struct run r = {0};
    struct mr_text text;
    (void)state;
    mr_text_init(&text);
    mr_text_append_str(&text, "{\"a\":1,\"s\":\"");
    char kilobyte[1024];
    memset(kilobyte, 'x', sizeof kilobyte);
    for (int i = 0; i < 100 * 1024; i++) /* a line of 100 MiB */
        mr_text_append(&text, kilobyte, sizeof kilobyte);
    mr_text_append_str(&text, "\"}\n{\"a\":2}\n{\"a\":3,\"u\":");
    for (int i = 0; i < 10000; i++)
        mr_text_append_char(&text, '[');
    for (int i = 0; i < 10000; i++)
        mr_text_append_char(&text, ']');
    mr_text_append_str(&text, "}\n{\"a\":4}\n");
    write_file("in/a.json", text.data);
    start(&r, "a BIGINT, s STRING", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false, false};
    assert_string_equal(step(&r), "1,NULL,NULL;2,NULL,NULL;NULL,NULL,NULL;4,NULL,NULL;");
    end(&r);
    mr_text_release(&text);
}

static void thousands_of_columns(void **state)
{
    struct run r = {0};
    struct mr_text text, wanted;
    (void)state;
    mr_text_init(&text);
    mr_text_init(&wanted);
    for (int row = 0; row < 3; row++) {
        mr_text_append_char(&text, '{');
        for (int i = 0; i < 5000; i++)
            if (row != 1 || i % 2)
                mr_text_format(&text, "%s\"c%d\":%d", text.data[text.size - 1] == '{' ? "" : ",", i, i + row);
        mr_text_append_str(&text, "}\n");
    }
    write_file("in/a.json", text.data);
    start(&r, NULL, OPTIONS(O("path", "in"), O("format", "json"), O("schemaEvolutionMode", "none")));
    assert_int_equal(r.source.schema->field_count, 5001);
    bool *used = calloc(5001, 1);
    memset(used, 1, 5000);
    r.source.used = used;
    const char *rows = step(&r);
    const char *second = strchr(rows, ';') + 1;
    int nulls = 0;
    for (const char *p = second; p < strchr(second, ';'); p++)
        nulls += *p == 'N';
    assert_int_equal(nulls, 2501);
    end(&r);
    free(used);
    mr_text_release(&text);
    mr_text_release(&wanted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(inferred_as_auto_loader), TEST(nothing_to_infer_from), TEST(new_columns_are_added),
        TEST(other_evolution_modes),   TEST(csv_columns_by_name),   TEST(csv_types),
        TEST(parquet_files),           TEST(compressed_files),      TEST(bad_records_name_file_and_line),
        TEST(unreadable_files),        TEST(extreme_records),       TEST(thousands_of_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
