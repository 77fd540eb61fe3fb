/* tests/api/job_test.c: jobs from source to sink through the public header. */
#include "tests/api/support.h"

#define ORDERS "product STRING, amount DECIMAL(10,2), at TIMESTAMP"

static struct millrace_job *new_job(const char *name)
{
    struct millrace_job *job = millrace_job_new(name);
    millrace_job_set(job, "spark.sql.session.timeZone", "UTC");
    millrace_job_set(job, "millrace.workers", "2");
    return job;
}

static void put_orders(void)
{
    put_file("landing/1.json", "{\"product\":\"tea\",\"amount\":1.50,\"at\":\"2024-01-01T10:00:05Z\"}\n"
                               "{\"product\":\"tea\",\"amount\":2.50,\"at\":\"2024-01-01T10:00:45Z\"}\n"
                               "{\"product\":\"mug\",\"amount\":-1,\"at\":\"2024-01-01T10:00:50Z\"}\n");
    put_file("landing/2.json", "{\"product\":\"mug\",\"amount\":8,\"at\":\"2024-01-01T10:01:10Z\"}\n"
                               "{\"product\":\"tea\",\"amount\":4,\"at\":\"2024-01-01T10:05:00Z\"}\n");
}

/* files -> filter -> watermark -> window, as the header's example has it */
static struct millrace_stream *revenue(struct millrace_job *job)
{
    struct millrace_stream *s = millrace_read(job, "files", "path", in_folder("landing"), "format", "json",
                                              "schema", ORDERS, "maxFilesPerTrigger", "1", NULL);
    s = millrace_watermark(millrace_filter(s, "amount > 0"), "at", "30 seconds");
    return millrace_group(s, "window(at, '1 minute') AS minute, product",
                          "count(*) AS orders, sum(amount) AS revenue");
}

static void files_to_callback(void **state)
{
    static struct lines lines;
    (void)state;
    put_orders();
    struct millrace_job *job = new_job("revenue");
    struct millrace_stream *s =
        millrace_select(revenue(job), "minute.start AS minute, product, orders, revenue");
    millrace_write_callback(s, collect, &lines);
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(
        sorted(&lines),
        "2 {\"minute\":\"2024-01-01T10:00:00.000Z\",\"product\":\"tea\",\"orders\":2,\"revenue\":4.00}\n"
        "2 {\"minute\":\"2024-01-01T10:01:00.000Z\",\"product\":\"mug\",\"orders\":1,\"revenue\":8.00}\n");
    millrace_job_free(job);
}

static void files_to_delta_and_again(void **state)
{
    (void)state;
    put_orders();
    for (int run = 0; run < 2; run++) { /* the second has nothing new */
        struct millrace_job *job = new_job("revenue");
        millrace_write(millrace_select(revenue(job), "product, orders, revenue"), "delta", "path",
                       in_folder("table"), NULL);
        millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
        check(job);
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT * FROM delta.`%s`", in_folder("table"));
        assert_string_equal(query_lines(job, sql), "{\"product\":\"mug\",\"orders\":1,\"revenue\":8.00}\n"
                                                   "{\"product\":\"tea\",\"orders\":2,\"revenue\":4.00}\n");
        millrace_job_free(job);
    }
    put_file("landing/3.json", "{\"product\":\"cup\",\"amount\":3,\"at\":\"2024-01-01T10:09:00Z\"}\n"
                               "{\"product\":\"late\",\"amount\":3,\"at\":\"2024-01-01T10:00:00Z\"}\n");
    struct millrace_job *job = new_job("revenue");
    millrace_write(millrace_select(revenue(job), "product, orders, revenue"), "delta", "path",
                   in_folder("table"), NULL);
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT product, revenue FROM delta.`%s` ORDER BY revenue", in_folder("table"));
    assert_string_equal(query_lines(job, sql),
                        "{\"product\":\"mug\",\"revenue\":8.00}\n{\"product\":\"tea\",\"revenue\":4.00}\n"
                        "{\"product\":\"tea\",\"revenue\":4.00}\n");
    millrace_job_free(job);
}

/* ---- memory to memory, in the other modes ---- */
static void add(struct millrace_job *job, const char *stream, const char *lines)
{
    millrace_memory_append_json(job, stream, lines, strlen(lines));
    check(job);
}

static struct millrace_job *counting(enum millrace_mode mode)
{
    struct millrace_job *job = new_job(NULL);
    millrace_job_set(job, "millrace.decision.microBatches", "1");
    struct millrace_stream *s = millrace_read(job, "memory", "stream", "words", "schema",
                                              "word STRING, n INT", "maxFilesPerTrigger", "1", NULL);
    millrace_output_mode(job, mode);
    millrace_write(millrace_group(s, "word", "sum(n) AS n"), "memory", "table", "counts", NULL);
    check(job);
    return job;
}

static void update_mode(void **state)
{
    (void)state;
    struct millrace_job *job = counting(MILLRACE_UPDATE);
    add(job, "words", "{\"word\":\"a\",\"n\":1}\n{\"word\":\"b\",\"n\":2}\n");
    add(job, "words", "{\"word\":\"a\",\"n\":10}\n");
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(table_lines(job, "counts", 0),
                        "0 {\"word\":\"a\",\"n\":1}\n0 {\"word\":\"b\",\"n\":2}\n");
    assert_string_equal(table_lines(job, "counts", 1), "1 {\"word\":\"a\",\"n\":11}\n");
    /* The same job goes on from its checkpoint. */
    add(job, "words", "{\"word\":\"b\",\"n\":5}\n");
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(table_lines(job, "counts", 2), "2 {\"word\":\"b\",\"n\":7}\n");
    assert_string_equal(table_lines(job, "counts", -1),
                        "{\"word\":\"a\",\"n\":11}\n{\"word\":\"a\",\"n\":1}\n{\"word\":\"b\",\"n\":2}\n"
                        "{\"word\":\"b\",\"n\":7}\n");
    assert_string_equal(query_lines(job, "SELECT count(*) AS c FROM counts"), "{\"c\":4}\n");
    millrace_job_free(job);
}

static void complete_mode(void **state)
{
    (void)state;
    struct millrace_job *job = counting(MILLRACE_COMPLETE);
    add(job, "words", "{\"word\":\"a\",\"n\":1}\n{\"word\":\"b\",\"n\":2}\n");
    add(job, "words", "{\"word\":\"a\",\"n\":10}\n");
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(table_lines(job, "counts", -1),
                        "{\"word\":\"a\",\"n\":11}\n{\"word\":\"b\",\"n\":2}\n");
    millrace_job_free(job);
}

/* One stream into two sinks is computed once: the rows count once, and there is one state. */
static void one_stream_two_sinks(void **state)
{
    static struct lines lines;
    char progress[8192];
    (void)state;
    struct millrace_job *job = new_job(NULL);
    struct millrace_stream *s =
        millrace_read(job, "memory", "stream", "split", "schema", "word STRING", NULL);
    s = millrace_group(s, "word", "count(*) AS n");
    millrace_output_mode(job, MILLRACE_UPDATE);
    millrace_write_callback(s, collect, &lines);
    millrace_write(s, "memory", "table", "split", NULL);
    add(job, "split", "{\"word\":\"a\"}\n{\"word\":\"a\"}\n");
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(sorted(&lines), "0 {\"word\":\"a\",\"n\":2}\n");
    assert_string_equal(table_lines(job, "split", 0), "0 {\"word\":\"a\",\"n\":2}\n");
    millrace_job_progress(job, progress, sizeof progress);
    assert_non_null(strstr(progress, "\"numInputRows\":2,"));
    const char *first = strstr(progress, "stateStoreSave");
    assert_non_null(first);
    assert_null(strstr(first + 1, "stateStoreSave"));
    millrace_job_free(job);
}

/* ---- SQL in the chain, two sinks, one source read once ---- */
static void sql_and_two_sinks(void **state)
{
    static struct lines lines;
    (void)state;
    struct millrace_job *job = new_job(NULL);
    struct millrace_stream *s =
        millrace_read(job, "memory", "stream", "numbers", "schema", "a BIGINT, b STRING, c DOUBLE", NULL);
    millrace_name(millrace_select(s, "a, b, a * 10 AS ten"), "tens");
    millrace_write_callback(millrace_sql(job, "SELECT ten, upper(b) AS b FROM STREAM Tens WHERE a > 1"),
                            collect, &lines);
    millrace_write(millrace_union(millrace_select(s, "a"), millrace_sql(job, "SELECT ten FROM tens")),
                   "memory", "table", "both", NULL);
    char schema[128];
    assert_int_equal(millrace_schema(millrace_sql(job, "SELECT * FROM tens"), schema, sizeof schema), 30);
    assert_string_equal(schema, "a BIGINT, b STRING, ten BIGINT");
    add(job, "numbers", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\",\"c\":1e3}\n");
    millrace_job_check(job);
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(sorted(&lines), "0 {\"ten\":20,\"b\":\"Y\"}\n");
    assert_string_equal(table_lines(job, "both", -1), "{\"a\":10}\n{\"a\":1}\n{\"a\":20}\n{\"a\":2}\n");
    /* Streams in a batch query are read whole. */
    assert_string_equal(query_lines(job, "SELECT sum(ten) AS s FROM tens"), "{\"s\":30}\n");
    char progress[8192];
    assert_true(millrace_job_progress(job, progress, sizeof progress) > 0);
    assert_non_null(strstr(progress, "\"numInputRows\":6"));
    millrace_job_free(job);
}

/* ---- a receiver that says no, and gets the same again ---- */
static void callback_refuses(void **state)
{
    static struct lines lines = {.fail_at = 2};
    (void)state;
    struct millrace_job *job = new_job(NULL);
    millrace_job_set(job, "millrace.decision.microBatches", "1");
    millrace_write_callback(millrace_read(job, "memory", "stream", "refused", "schema", "n INT",
                                          "maxFilesPerTrigger", "1", NULL),
                            collect, &lines);
    for (int i = 0; i < 4; i++) {
        char line[32];
        snprintf(line, sizeof line, "{\"n\":%d}\n", i);
        add(job, "refused", line);
    }
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")), MILLRACE_IO);
    assert_string_equal(millrace_error_condition(job), "FOREACH_BATCH_USER_FUNCTION_ERROR");
    assert_string_equal(millrace_error_sqlstate(job), "39000");
    assert_string_equal(millrace_error_parameter(job, "reason"), "7");
    assert_string_equal(lines.text, "0 {\"n\":0}\n");
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")), MILLRACE_IO);
    assert_int_equal(lines.calls, 2); /* the error is sticky */
    assert_int_equal(millrace_job_clear_error(job), MILLRACE_OK);
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(sorted(&lines), "0 {\"n\":0}\n1 {\"n\":1}\n2 {\"n\":2}\n3 {\"n\":3}\n");
    millrace_job_free(job);
}

/* ---- continuous: fed and stopped by another thread ---- */
struct feeding {
    struct millrace_job *job;
    struct lines lines;
    int progress;
};

static void on_progress(void *ctx, const char *json, size_t size)
{
    struct feeding *feeding = ctx;
    assert_int_equal(strlen(json), size);
    feeding->progress++;
}

static int collect_and_stop(void *ctx, const struct millrace_rows *rows)
{
    struct feeding *feeding = ctx;
    collect(&feeding->lines, rows);
    if (strstr(feeding->lines.text, "\"n\":2"))
        millrace_job_stop(feeding->job);
    return 0;
}

static void *feed(void *ctx)
{
    struct feeding *feeding = ctx;
    for (int i = 0; i < 3; i++) {
        char line[32];
        snprintf(line, sizeof line, "{\"n\":%d}", i);
        millrace_memory_append_json(feeding->job, "fed", line, strlen(line));
        usleep(20000);
    }
    return NULL;
}

static void continuous(void **state)
{
    static struct feeding feeding;
    pthread_t thread;
    (void)state;
    feeding.job = new_job("continuous");
    millrace_write_callback(millrace_read(feeding.job, "memory", "stream", "fed", "schema", "n INT", NULL),
                            collect_and_stop, &feeding);
    millrace_job_on_progress(feeding.job, on_progress, &feeding);
    check(feeding.job);
    assert_int_equal(pthread_create(&thread, NULL, feed, &feeding), 0);
    millrace_job_run(feeding.job, MILLRACE_CONTINUOUS, in_folder("checkpoint"));
    pthread_join(thread, NULL);
    check(feeding.job);
    assert_int_equal(strlen(feeding.lines.text), 3 * strlen("0 {\"n\":0}\n"));
    assert_true(feeding.progress >= 1);
    /* Stopped before it begins: it ends at once. */
    millrace_job_stop(feeding.job);
    millrace_job_run(feeding.job, MILLRACE_CONTINUOUS, in_folder("checkpoint"));
    check(feeding.job);
    millrace_job_free(feeding.job);
}

/* ---- duplicates ---- */
static void duplicates(void **state)
{
    static struct lines lines;
    (void)state;
    struct millrace_job *job = new_job(NULL);
    struct millrace_stream *s =
        millrace_read(job, "memory", "stream", "twice", "schema", "k INT, `it's` STRING, v INT", NULL);
    millrace_write_callback(millrace_drop_duplicates(s, "k, `it's`"), collect, &lines);
    add(job, "twice", "{\"k\":1,\"it's\":\"x\",\"v\":1}\n{\"k\":2,\"it's\":\"x\",\"v\":1}\n");
    if (millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")) == MILLRACE_UNSUPPORTED) {
        millrace_job_free(job);
        skip(); /* no operator for it in a stream yet */
    }
    add(job, "twice", "{\"k\":1,\"it's\":\"x\",\"v\":2}\n{\"k\":1,\"it's\":\"y\",\"v\":2}\n");
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    assert_string_equal(sorted(&lines),
                        "0 {\"k\":1,\"it's\":\"x\",\"v\":1}\n0 {\"k\":2,\"it's\":\"x\",\"v\":1}\n"
                        "1 {\"k\":1,\"it's\":\"y\",\"v\":2}\n");
    millrace_job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_to_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(files_to_delta_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(update_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(complete_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(one_stream_two_sinks, setup, teardown),
        cmocka_unit_test_setup_teardown(sql_and_two_sinks, setup, teardown),
        cmocka_unit_test_setup_teardown(callback_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(continuous, setup, teardown),
        cmocka_unit_test_setup_teardown(duplicates, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
