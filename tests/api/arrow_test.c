/* tests/api/arrow_test.c: rows out to Arrow and back in, of every type; damaged structures are refused. (What
 * pyarrow says of ours, and we of pyarrow's, is in arrow_check.py.) */
#include "tests/api/support.h"

#define EVERY_TYPE                                                                                           \
    "b BOOLEAN, i8 TINYINT, i16 SMALLINT, i32 INT, i64 BIGINT, f FLOAT, d DOUBLE, p DECIMAL(10,2), q "       \
    "DECIMAL(38,9), "                                                                                        \
    "s STRING, x BINARY, day DATE, t TIMESTAMP, n TIMESTAMP_NTZ, l ARRAY<STRING>, ll ARRAY<ARRAY<INT>>, "    \
    "m MAP<STRING, ARRAY<DOUBLE>>, r STRUCT<a: INT, `b c`: STRUCT<d: STRING, e: ARRAY<BOOLEAN>>>"

static const char *const every_value =
    "{\"b\":true,\"i8\":-128,\"i16\":32767,\"i32\":-7,\"i64\":9223372036854775807,\"f\":1.5,\"d\":-0.1,\"p\":"
    "-12345678.90,"
    "\"q\":12345678901234567890123456789.123456789,\"s\":\"\",\"x\":\"AAEC\",\"day\":\"1582-10-04\","
    "\"t\":\"2024-02-29T23:59:59.999999Z\",\"n\":\"1969-12-31T23:59:59.5\",\"l\":[\"a\",null,\"a string that "
    "is not inlined\"],"
    "\"ll\":[[1,2],[],null,[3,null]],\"m\":{\"k\":[1.0,null],\"another key, a long one\":null,\"e\":[]},"
    "\"r\":{\"a\":1,\"b c\":{\"d\":\"deep\",\"e\":[true,false]}}}\n"
    "{}\n"
    "{\"b\":false,\"s\":\"gr\xc3\xbc\xc3\x9f\xf0\x9f\x8d\xb5 beyond the twelve "
    "bytes\",\"l\":[],\"ll\":[],\"m\":{},\"r\":{\"b c\":{}}}\n"
    "{\"i32\":2147483647,\"r\":{\"a\":2,\"b c\":{\"e\":[null]}},\"m\":{\"z\":[0.5]},\"ll\":[[4]]}\n";

static struct millrace_job *new_job(void)
{
    struct millrace_job *job = millrace_job_new(NULL);
    millrace_job_set(job, "spark.sql.session.timeZone", "Europe/Zurich");
    millrace_job_set(job, "millrace.workers", "1");
    return job;
}

struct exported {
    struct ArrowSchema schema;
    struct ArrowArray array;
};

static int export(void *ctx, const struct millrace_rows *rows)
{
    struct exported *out = ctx;
    return millrace_rows_arrow(rows, &out->schema, &out->array);
}

static void release(struct exported *e)
{
    if (e->schema.release)
        e->schema.release(&e->schema);
    if (e->array.release)
        e->array.release(&e->array);
}

static const struct ArrowSchema *child(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (strcmp(schema->children[i]->name, name) == 0)
            return schema->children[i];
    fail_msg("no column %s", name);
    return NULL;
}

static void every_type_goes_around(void **state)
{
    (void)state;
    struct exported e = {0};
    struct millrace_job *job = new_job();
    millrace_name(millrace_read(job, "memory", "stream", "one", "schema", EVERY_TYPE, NULL), "one");
    millrace_memory_append_json(job, "one", every_value, strlen(every_value));
    check(job);
    char before[1 << 14];
    strcpy(before, query_lines(job, "SELECT * FROM one"));
    assert_non_null(strstr(before, "\"q\":12345678901234567890123456789.123456789"));
    millrace_query(job, "SELECT * FROM one", export, &e);
    check(job);
    assert_int_equal(e.array.length, 4);
    assert_string_equal(child(&e.schema, "p")->format, "d:10,2");
    assert_string_equal(child(&e.schema, "t")->format, "tsu:Europe/Zurich");
    assert_string_equal(child(&e.schema, "n")->format, "tsu:");
    assert_string_equal(child(&e.schema, "m")->format, "+m");
    assert_string_equal(child(&e.schema, "s")->format, "u");
    assert_true(child(&e.schema, "s")->flags & ARROW_FLAG_NULLABLE);
    /* A stream is made of them; the arrays outlive the query they came from. */
    millrace_memory_append(job, "two", &e.schema, &e.array);
    check(job);
    assert_null(e.schema.release);
    assert_null(e.array.release);
    millrace_name(millrace_read(job, "memory", "stream", "two", NULL), "two");
    assert_string_equal(query_lines(job, "SELECT * FROM two"), before);
    millrace_job_free(job);
}

static void arrays_outlive_the_job(void **state)
{
    (void)state;
    struct exported e = {0};
    struct millrace_job *job = new_job();
    millrace_query(job, "SELECT id, concat('row number ', id) AS s, id % 2 = 0 AS b FROM range(3)", export,
                   &e);
    check(job);
    millrace_job_free(job);
    const struct ArrowArray *ids = e.array.children[0], *texts = e.array.children[1],
                            *flags = e.array.children[2];
    assert_int_equal(((const int64_t *)ids->buffers[1])[2], 2);
    assert_int_equal(((const int32_t *)texts->buffers[1])[3], 36);
    assert_memory_equal(texts->buffers[2], "row number 0row number 1row number 2", 36);
    assert_int_equal(*(const uint8_t *)flags->buffers[1], 5);
    /* A child that is moved away is its new owner's. */
    struct ArrowArray moved = *e.array.children[1];
    e.array.children[1]->release = NULL;
    release(&e);
    assert_memory_equal(moved.buffers[2], "row number 0", 12);
    moved.release(&moved);
    assert_null(moved.release);
}

static void columns_by_name_and_slices(void **state)
{
    (void)state;
    struct exported e = {0};
    struct millrace_job *job = new_job();
    millrace_name(millrace_read(job, "memory", "stream", "sliced", "schema",
                                "b BOOLEAN, l ARRAY<BIGINT>, s STRING, m MAP<STRING, BIGINT>", NULL),
                  "sliced");
    millrace_query(job,
                   "SELECT map(concat('k', id), id) AS m, if(id % 3 = 1, NULL, concat('s', id)) AS s, "
                   "array(id, id * 10) AS l, id % 2 = 0 AS b FROM range(20) ORDER BY id",
                   export, &e);
    check(job);
    e.array.offset = 9; /* of the struct; each child has its own besides */
    e.array.length = 4;
    e.array.children[3]->offset = 1;
    e.array.children[3]->length -= 1;
    millrace_memory_append(job, "sliced", &e.schema, &e.array);
    check(job);
    assert_string_equal(query_lines(job, "SELECT * FROM sliced"),
                        "{\"b\":false,\"l\":[10,100],\"s\":null,\"m\":{\"k10\":10}}\n"
                        "{\"b\":false,\"l\":[12,120],\"s\":\"s12\",\"m\":{\"k12\":12}}\n"
                        "{\"b\":true,\"l\":[11,110],\"s\":\"s11\",\"m\":{\"k11\":11}}\n"
                        "{\"b\":true,\"l\":[9,90],\"s\":\"s9\",\"m\":{\"k9\":9}}\n");
    millrace_job_free(job);
}

/* ---- structures by hand ---- */
static void keep_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void keep_array(struct ArrowArray *array)
{
    array->release = NULL;
}

struct hand { /* a struct array of one column */
    struct ArrowSchema schema, column_schema, *schemas[1];
    struct ArrowArray array, column, *columns[1];
    const void *none[1], *buffers[5];
};

static void make(struct hand *h, const char *format, int64_t length, int64_t buffers)
{
    h->column_schema =
        (struct ArrowSchema){.format = format, .name = "c", .flags = 2, .release = keep_schema};
    h->schemas[0] = &h->column_schema;
    h->schema =
        (struct ArrowSchema){.format = "+s", .n_children = 1, .children = h->schemas, .release = keep_schema};
    h->column = (struct ArrowArray){.length = length,
                                    .n_buffers = buffers,
                                    .buffers = h->buffers,
                                    .null_count = -1,
                                    .release = keep_array};
    h->columns[0] = &h->column;
    h->array = (struct ArrowArray){.length = length,
                                   .n_buffers = 1,
                                   .buffers = h->none,
                                   .n_children = 1,
                                   .children = h->columns,
                                   .release = keep_array};
}

static void expect(struct millrace_job *job, struct hand *h, const char *condition)
{
    millrace_memory_append(job, "hand", &h->schema, &h->array);
    if (strcmp(millrace_error_condition(job), condition) != 0)
        fail_msg("%s is wanted, and it is %s", condition, millrace_error_text(job));
    assert_null(h->schema.release);
    assert_null(h->array.release);
    millrace_job_clear_error(job);
}

static void damage_is_refused(void **state)
{
    static const int32_t offsets[] = {0, 3, 1, -5}, numbers[] = {1, 2, 3};
    static const uint8_t wide[32] = {[15] = 0x7f};
    static const int64_t far[] = {INT64_MAX, INT64_MIN}, sizes[] = {4};
    (void)state;
    struct hand h = {0};
    struct millrace_job *job = new_job();
    millrace_read(job, "memory", "stream", "hand", "schema", "c STRING", NULL);
    check(job);
    h.buffers[1] = offsets;
    h.buffers[2] = "abc";
    make(&h, "u", 2, 3); /* an end before its beginning */
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    make(&h, "u", 3, 3);
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    make(&h, "u", 1, 2); /* a buffer less */
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    make(&h, "u", 1, 3);
    h.column.length = 0; /* shorter than the struct */
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    h.buffers[2] = "a\xff"
                   "c";
    make(&h, "u", 1, 3);
    expect(job, &h, "INVALID_UTF8_STRING");
    h.buffers[1] = numbers;
    make(&h, "i", 3, 2);
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    make(&h, "ttm", 3, 2);
    expect(job, &h, "UNSUPPORTED_ARROWTYPE");
    make(&h, "d:50,2,256", 1, 2);
    expect(job, &h, "UNSUPPORTED_ARROWTYPE");
    make(&h, "u", 1, 3);
    h.column_schema.name = "d";
    expect(job, &h, "ARROW_SCHEMA_FIELD_NAME_MISMATCH");
    make(&h, "u", 0, 3);
    h.schema.format = "i";
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    static const int32_t view[] = {20, 0x61616161, 0, 0},
                         outside[] = {13, 0, 7, 0}; /* beyond the 4 bytes; no buffer 7 */
    h.buffers[1] = view;
    h.buffers[2] = "aaaa";
    h.buffers[3] = sizes;
    make(&h, "vu", 1, 4);
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    h.buffers[1] = outside;
    make(&h, "vu", 1, 4);
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    millrace_job_free(job);

    job = new_job();
    millrace_read(job, "memory", "stream", "hand", "schema", "c DECIMAL(38,0)", NULL);
    h.buffers[1] = wide; /* 2^127 - something: 39 digits */
    make(&h, "d:38,0", 1, 2);
    expect(job, &h, "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION");
    millrace_job_free(job);
    job = new_job();
    millrace_read(job, "memory", "stream", "hand", "schema", "c TIMESTAMP", NULL);
    h.buffers[1] = far;
    make(&h, "tss:UTC", 1, 2);
    expect(job, &h, "DATETIME_OVERFLOW");
    make(&h, "tsn:UTC", 2, 2);
    expect(job, &h, "");
    make(&h, "tsu:", 1, 2);
    expect(job, &h, "ARROW_TYPE_MISMATCH");
    millrace_job_free(job);
}

static void rows_by_hand(void **state)
{
    struct millrace_rows *rows = NULL;
    char text[64];
    size_t size;
    (void)state;
    struct millrace_job *job = new_job();
    struct millrace_stream *s = millrace_read(job, "memory", "stream", "rows", "schema", EVERY_TYPE, NULL);
    millrace_write(s, "memory", "table", "rows", NULL);
    millrace_memory_read(job, "rows", -1, &rows);
    assert_null(rows);
    millrace_memory_append_json(job, "rows", every_value, strlen(every_value));
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    millrace_memory_read(job, "rows", 0, &rows);
    check(job);
    millrace_job_free(job); /* rows live on */
    assert_int_equal(millrace_rows_count(rows), 4);
    assert_int_equal(millrace_rows_columns(rows), 18);
    assert_int_equal(millrace_rows_batch(rows), 0);
    int column = millrace_rows_column(rows, "I64");
    assert_int_equal(column, 4);
    assert_string_equal(millrace_rows_name(rows, column), "i64");
    assert_true(millrace_rows_int(rows, 0, column) == INT64_MAX);
    assert_int_equal(millrace_rows_int(rows, 1, column), 0);
    assert_true(millrace_rows_is_null(rows, 1, column));
    assert_false(millrace_rows_is_null(rows, 0, column));
    assert_int_equal(millrace_rows_int(rows, 0, millrace_rows_column(rows, "i8")), -128);
    assert_int_equal(millrace_rows_int(rows, 0, millrace_rows_column(rows, "day")), -141438);
    assert_true(millrace_rows_double(rows, 0, millrace_rows_column(rows, "p")) == -12345678.90);
    assert_true(millrace_rows_double(rows, 0, millrace_rows_column(rows, "f")) == 1.5);
    assert_true(millrace_rows_double(rows, 0, millrace_rows_column(rows, "i16")) == 32767);
    const char *bytes = millrace_rows_bytes(rows, 0, millrace_rows_column(rows, "x"), &size);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "\0\1\2", 3);
    assert_null(millrace_rows_bytes(rows, 0, column, &size));
    assert_int_equal(millrace_rows_text(rows, 0, millrace_rows_column(rows, "t"), text, sizeof text), 26);
    assert_string_equal(text, "2024-03-01 00:59:59.999999");
    assert_int_equal(millrace_rows_text(rows, 0, millrace_rows_column(rows, "t"), text, 5), 26);
    assert_string_equal(text, "2024");
    millrace_rows_text(rows, 1, 0, text, sizeof text);
    assert_string_equal(text, "NULL");
    millrace_rows_type(rows, millrace_rows_column(rows, "q"), text, sizeof text);
    assert_string_equal(text, "DECIMAL(38,9)");
    assert_null(millrace_rows_name(rows, 18));
    assert_true(millrace_rows_is_null(rows, 4, 0));
    assert_true(millrace_rows_is_null(rows, -1, -1));
    assert_int_equal(millrace_rows_column(rows, "none"), -1);
    millrace_rows_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_goes_around, setup, teardown),
        cmocka_unit_test_setup_teardown(arrays_outlive_the_job, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_by_name_and_slices, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_by_hand, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
