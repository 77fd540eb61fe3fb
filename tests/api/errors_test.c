/* tests/api/errors_test.c: errors stick, name the place, and say what Spark says. */
#include "tests/api/support.h"

static struct millrace_job *with_source(struct millrace_stream **s)
{
    struct millrace_job *job = millrace_job_new("errors");
    *s = millrace_read(job, "memory", "stream", "errors", "schema", "a INT, b STRING, t TIMESTAMP", NULL);
    assert_non_null(*s);
    return job;
}

static int nobody(void *ctx, const struct millrace_rows *rows)
{
    (void)ctx;
    (void)rows;
    fail_msg("nothing is to be delivered");
    return 0;
}

/* The job has that error; after it everything is refused with the same code. */
static void expect_sticky(struct millrace_job *job, int code, const char *condition, bool building)
{
    if (strcmp(millrace_error_condition(job), condition) != 0)
        fail_msg("%s is wanted, and it is: %s", condition, millrace_error_text(job));
    assert_int_equal(millrace_error_code(job), code);
    assert_int_equal(millrace_job_set(job, "no such", "thing"), code);
    assert_null(millrace_sql(job, "SELECT 1"));
    assert_null(millrace_read(job, "nothing", NULL));
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("never")), code);
    assert_int_equal(millrace_query(job, "SELECT 1", nobody, NULL), code);
    assert_non_null(strstr(millrace_error_text(job), millrace_error_message(job)));
    assert_int_equal(millrace_job_clear_error(job), building ? code : MILLRACE_OK);
    assert_string_equal(millrace_error_condition(job), building ? condition : "");
    assert_false(mr_file_exists(in_folder("never")));
    millrace_job_free(job);
}

/* An error of building, which stays; of resolving, which can be cleared. */
static void expect(struct millrace_job *job, int code, const char *condition)
{
    expect_sticky(job, code, condition, true);
}

static void expect_clearable(struct millrace_job *job, int code, const char *condition)
{
    expect_sticky(job, code, condition, false);
}

static void sticky_chain(void **state)
{
    struct millrace_stream *s;
    (void)state;
    struct millrace_job *job = with_source(&s);
    struct millrace_stream *bad = millrace_filter(s, "a >");
    assert_null(bad);
    assert_null(millrace_group(millrace_watermark(bad, "t", "1 minute"), "b", "count(*)"));
    assert_int_equal(millrace_write(bad, "delta", "path", "x", NULL), MILLRACE_USAGE);
    assert_null(millrace_select(s, "a"));
    assert_non_null(strstr(millrace_error_text(job), "a >"));
    assert_non_null(strstr(millrace_error_text(job), "^"));
    expect(job, MILLRACE_SQL, "PARSE_SYNTAX_ERROR");
}

static void pieces(void **state)
{
    struct millrace_stream *s;
    static const char *const conditions[] = {
        "a > 0 GROUP BY a", "a > 0; SELECT 1", "a > 0 UNION ALL SELECT * FROM x", "a > 0 ORDER BY a", "",
        "a > 0)",           "a > 0 LIMIT 1"};
    static const char *const lists[] = {"a FROM x", "a FROM x WHERE", "", "a FROM x --",
                                        "a FROM x; SELECT b"};
    static const char *const keys[] = {"b GROUP BY a", "b FROM x", "b,", "b)"};
    (void)state;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        struct millrace_job *job = with_source(&s);
        assert_null(millrace_filter(s, conditions[i]));
        expect(job, MILLRACE_SQL, "PARSE_SYNTAX_ERROR");
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct millrace_job *job = with_source(&s);
        assert_null(millrace_select(s, lists[i]));
        expect(job, MILLRACE_SQL, "PARSE_SYNTAX_ERROR");
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct millrace_job *job = with_source(&s);
        assert_null(millrace_group(s, keys[i], "count(*)"));
        expect(job, MILLRACE_SQL, "PARSE_SYNTAX_ERROR");
    }
    struct millrace_job *job = with_source(&s);
    assert_non_null(millrace_filter(s, "a > 0 -- and so on"));
    assert_non_null(millrace_select(s, "a -- the first"));
    assert_non_null(millrace_group(s, "b -- the key", "count(*) -- all"));
    assert_non_null(millrace_drop_duplicates(s, NULL));
    check(job);
    assert_null(millrace_drop_duplicates(s, "a + 1"));
    expect(job, MILLRACE_SQL, "PARSE_SYNTAX_ERROR");
}

static void wrong_use(void **state)
{
    struct millrace_stream *s, *other;
    (void)state;
    struct millrace_job *job = millrace_job_new(NULL);
    assert_null(millrace_read(job, "kinesis", "stream", "x", NULL));
    expect(job, MILLRACE_USAGE, "DATA_SOURCE_NOT_FOUND");
    job = with_source(&s);
    assert_int_equal(millrace_write(s, "paper", NULL), MILLRACE_USAGE);
    expect(job, MILLRACE_USAGE, "DATA_SOURCE_NOT_FOUND");
    job = with_source(&s);
    assert_int_equal(millrace_write(s, "delta", "path", NULL), MILLRACE_USAGE);
    expect(job, MILLRACE_USAGE, "INVALID_PARAMETER_VALUE");
    job = with_source(&s);
    millrace_job_set(job, "spark.sql.session.timezone", "Mars/Olympus");
    expect(job, MILLRACE_SQL, "INVALID_TIMEZONE");
    job = with_source(&s);
    millrace_job_set(job, "spark.sql.ansi.enabled", "perhaps");
    expect(job, MILLRACE_USAGE, "INVALID_OPTION_VALUE");
    job = with_source(&s);
    millrace_job_set(job, "spark.sql.ansi.enable", "true");
    assert_non_null(strstr(millrace_error_message(job), "spark.sql.ansi.enabled"));
    expect(job, MILLRACE_USAGE, "UNKNOWN_OPTION");
    job = with_source(&s);
    assert_ptr_equal(millrace_name(s, "one"), s);
    assert_null(millrace_name(s, "ONE"));
    expect(job, MILLRACE_USAGE, "TABLE_OR_VIEW_ALREADY_EXISTS");
    job = with_source(&s);
    struct millrace_job *second = with_source(&other);
    assert_null(millrace_union(s, other));
    expect(job, MILLRACE_USAGE, "INVALID_PARAMETER_VALUE");
    millrace_job_free(second);
    job = with_source(&s);
    assert_null(millrace_filter(s, NULL));
    expect(job, MILLRACE_USAGE, "INVALID_PARAMETER_VALUE");
}

static void names_and_types(void **state)
{
    struct millrace_stream *s;
    (void)state;
    struct millrace_job *job = with_source(&s);
    assert_int_equal(millrace_schema(millrace_filter(s, "a > 0 AND\nnowhere = 1"), NULL, 0), 0);
    assert_non_null(strstr(millrace_error_text(job), "nowhere = 1"));
    assert_non_null(strstr(millrace_error_text(job), "millrace_filter"));
    expect_clearable(job, MILLRACE_SQL, "UNRESOLVED_COLUMN.WITH_SUGGESTION");
    job = with_source(&s);
    millrace_write_callback(millrace_sql(job, "SELECT * FROM missing"), nobody, NULL);
    assert_int_equal(millrace_job_check(job), MILLRACE_SQL);
    expect_clearable(job, MILLRACE_SQL, "TABLE_OR_VIEW_NOT_FOUND");
    job = with_source(&s);
    millrace_write_callback(millrace_filter(s, "a"), nobody, NULL);
    millrace_job_check(job);
    expect_clearable(job, MILLRACE_SQL, "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN");
    job = with_source(&s); /* append without a watermark has no end */
    millrace_write_callback(millrace_group(s, "b", "count(*) AS n"), nobody, NULL);
    millrace_job_check(job);
    assert_int_equal(millrace_error_code(job), MILLRACE_SQL);
    millrace_job_free(job);
    job = with_source(&s);
    millrace_write_callback(millrace_sql(job, "SELECT 1"), nobody, NULL);
    millrace_job_check(job);
    expect_clearable(job, MILLRACE_USAGE, "WRITE_STREAM_NOT_ALLOWED");
    job = with_source(&s); /* a stream that reads itself */
    millrace_name(millrace_sql(job, "SELECT * FROM snake"), "snake");
    assert_int_equal(millrace_schema(millrace_sql(job, "SELECT * FROM snake"), NULL, 0), 0);
    expect_clearable(job, MILLRACE_SQL, "VIEW_EXCEED_MAX_NESTED_DEPTH");
}

/* ---- errors while running: they stick, and can be cleared ---- */
static void at_run_time(void **state)
{
    struct millrace_stream *s;
    (void)state;
    struct millrace_job *job = with_source(&s);
    millrace_write(millrace_select(s, "10 / a AS x"), "memory", "table", "quotients", NULL);
    millrace_memory_append_json(job, "errors", "{\"a\":0}", 7);
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")), MILLRACE_DATA);
    assert_string_equal(millrace_error_condition(job), "DIVIDE_BY_ZERO");
    assert_string_equal(millrace_error_sqlstate(job), "22012");
    assert_false(millrace_error_is_retriable(job));
    assert_non_null(strstr(millrace_error_text(job), "10 / a"));
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")), MILLRACE_DATA);
    assert_int_equal(millrace_job_clear_error(job), MILLRACE_OK);
    assert_string_equal(millrace_error_text(job), "");
    struct millrace_rows *rows;
    assert_int_equal(millrace_memory_read(job, "quotients", -1, &rows), MILLRACE_OK);
    assert_true(!rows || millrace_rows_count(rows) == 0);
    millrace_rows_free(rows);
    millrace_job_free(job);
}

static void bad_appends(void **state)
{
    struct millrace_stream *s;
    static const struct {
        const char *stream, *lines, *condition;
    } cases[] = {
        {"nobody", "{}", "PATH_NOT_FOUND"},
        {"errors", "{\"a\":1}\n{\"a\":", "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
        {"errors", "{\"a\":\"x\"}", "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    };
    (void)state;
    struct millrace_job *job = with_source(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(
            millrace_memory_append_json(job, cases[i].stream, cases[i].lines, strlen(cases[i].lines)) < 0);
        assert_string_equal(millrace_error_condition(job), cases[i].condition);
        assert_int_equal(millrace_job_clear_error(job), MILLRACE_OK);
    }
    millrace_memory_append_json(job, "errors", "", 0);
    check(job);
    millrace_job_free(job);
}

static void no_run_without(void **state)
{
    struct millrace_stream *s;
    (void)state;
    struct millrace_job *job = with_source(&s);
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("never")), MILLRACE_USAGE);
    millrace_job_clear_error(job);
    millrace_write(s, "memory", "table", "somewhere", NULL);
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, NULL), MILLRACE_USAGE);
    millrace_job_clear_error(job);
    assert_int_equal(millrace_job_run(job, (enum millrace_trigger)9, in_folder("never")), MILLRACE_USAGE);
    millrace_job_free(job);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct ArrowSchema schema = {0};
    struct ArrowArray array = {0};
    struct millrace_rows *rows;
    char text[8] = "x";
    millrace_job_free(NULL);
    assert_int_equal(millrace_job_set(NULL, "a", "b"), MILLRACE_MEMORY);
    assert_null(millrace_read(NULL, "files", NULL));
    assert_null(millrace_filter(NULL, "a"));
    assert_null(millrace_union(NULL, NULL));
    assert_null(millrace_name(NULL, NULL));
    assert_int_equal(millrace_write(NULL, "delta", NULL), MILLRACE_USAGE);
    assert_int_equal(millrace_write_callback(NULL, NULL, NULL), MILLRACE_USAGE);
    assert_int_equal(millrace_job_run(NULL, MILLRACE_AVAILABLE_NOW, "x"), MILLRACE_MEMORY);
    millrace_job_stop(NULL);
    millrace_job_wake(NULL);
    millrace_job_on_progress(NULL, NULL, NULL);
    assert_int_equal(millrace_job_progress(NULL, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(millrace_schema(NULL, text, sizeof text), 0);
    assert_int_equal(millrace_memory_append(NULL, "x", &schema, &array), MILLRACE_MEMORY);
    assert_int_equal(millrace_memory_read(NULL, "x", 0, &rows), MILLRACE_MEMORY);
    assert_null(rows);
    assert_int_equal(millrace_rows_count(NULL), 0);
    assert_int_equal(millrace_rows_columns(NULL), 0);
    assert_int_equal(millrace_rows_is_null(NULL, 0, 0), 1);
    assert_int_equal(millrace_rows_arrow(NULL, &schema, &array), MILLRACE_USAGE);
    millrace_rows_free(NULL);
    assert_int_equal(millrace_error_code(NULL), MILLRACE_MEMORY);
    assert_true(strlen(millrace_error_text(NULL)) > 0);
    assert_string_equal(millrace_version(), "0.1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sticky_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_use, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_types, setup, teardown),
        cmocka_unit_test_setup_teardown(at_run_time, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_appends, setup, teardown),
        cmocka_unit_test_setup_teardown(no_run_without, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_at_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
