/* tests/api/restart_test.c: jobs that go on where others stopped, in the same process and after a death;
 * tables as sources. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/api/support.h"

static struct millrace_job *new_job(const char *name)
{
    struct millrace_job *job = millrace_job_new(name);
    millrace_job_set(job, "spark.sql.session.timeZone", "UTC");
    millrace_job_set(job, "millrace.workers", "1");
    millrace_job_set(job, "millrace.decision.microBatches", "1");
    return job;
}

static void run(struct millrace_job *job, const char *checkpoint)
{
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder(checkpoint));
    check(job);
}

static const char *delta_lines(const char *columns, const char *table)
{
    static char out[1 << 16];
    char sql[512];
    struct millrace_job *job = new_job(NULL);
    snprintf(sql, sizeof sql, "SELECT %s FROM delta.`%s`", columns, in_folder(table));
    strcpy(out, query_lines(job, sql));
    millrace_job_free(job);
    return out;
}

/* ---- a receiver that dies ---- */
static int append_to_file(void *ctx, const struct millrace_rows *rows)
{
    char line[256];
    FILE *file = fopen(in_folder("received"), "a");
    for (int64_t row = 0; row < millrace_rows_count(rows); row++) {
        millrace_rows_json(rows, row, line, sizeof line);
        fprintf(file, "%s %lld %s\n", millrace_rows_query_id(rows), (long long)millrace_rows_batch(rows),
                line);
    }
    fclose(file);
    if (ctx && millrace_rows_batch(rows) == 1)
        raise(SIGKILL);
    return 0;
}

static struct millrace_job *files_to_file(void *die)
{
    struct millrace_job *job = new_job("files");
    millrace_write_callback(millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema",
                                          "n INT", "maxFilesPerTrigger", "1", NULL),
                            append_to_file, die);
    return job;
}

static void death_in_a_callback(void **state)
{
    char text[2048] = "", wanted[2048];
    (void)state;
    put_file("in/1.json", "{\"n\":1}\n");
    put_file("in/2.json", "{\"n\":2}\n");
    put_file("in/3.json", "{\"n\":3}\n");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct millrace_job *job = files_to_file(&child);
        millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct millrace_job *job = files_to_file(NULL);
    run(job, "checkpoint");
    millrace_job_free(job);
    FILE *file = fopen(in_folder("received"), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    char id[37] = "";
    memcpy(id, text, 36);
    /* Batch 1 comes again, with the same id, number and rows; what the child acknowledged may come again too.
     */
    snprintf(wanted, sizeof wanted, "%s 0 {\"n\":1}\n%s 1 {\"n\":2}\n%s 1 {\"n\":2}\n%s 2 {\"n\":3}\n", id,
             id, id, id);
    char *again = strstr(text + 40, " 0 {");
    if (again) { /* the acknowledgement of batch 0 was not durable yet: leave it out */
        char *line = again - 36;
        memmove(line, strchr(again, '\n') + 1, strlen(strchr(again, '\n') + 1) + 1);
    }
    assert_string_equal(text, wanted);
}

/* ---- one job's table is another's source ---- */
static void table_to_table(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        put_file(round ? "in/2.json" : "in/1.json",
                 round ? "{\"n\":3}\n{\"n\":4}\n" : "{\"n\":1}\n{\"n\":2}\n");
        struct millrace_job *first = new_job("bronze"), *second = new_job("silver");
        millrace_job_set(first, "millrace.base.directory", folder);
        millrace_write(millrace_read(first, "files", "path", "in", "format", "json", "schema", "n INT", NULL),
                       "delta", "path", "bronze", NULL);
        run(first, "checkpoint1");
        millrace_write(millrace_select(millrace_filter(millrace_read(second, "delta", "path",
                                                                     in_folder("bronze"), NULL),
                                                       "n % 2 = 0"),
                                       "n, n * n AS square"),
                       "delta", "path", in_folder("silver"), NULL);
        run(second, "checkpoint2");
        millrace_job_free(first);
        millrace_job_free(second);
    }
    assert_string_equal(delta_lines("*", "silver"), "{\"n\":2,\"square\":4}\n{\"n\":4,\"square\":16}\n");
}

/* ---- an inferred schema that grows: the run takes the column up and goes on ---- */
static void grown_schema(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        put_file(round ? "in/2.json" : "in/1.json", round ? "{\"n\":2,\"more\":\"x\"}\n" : "{\"n\":1}\n");
        struct millrace_job *job = new_job("grown");
        millrace_write(millrace_read(job, "files", "path", in_folder("in"), "format", "json", NULL), "delta",
                       "path", in_folder("table"), "mergeSchema", "true", NULL);
        run(job, "checkpoint");
        millrace_job_free(job);
    }
    assert_string_equal(delta_lines("n, more", "table"),
                        "{\"n\":1,\"more\":null}\n{\"n\":2,\"more\":\"x\"}\n");
}

/* ---- refusals ---- */
static int hold_on(void *ctx, const struct millrace_rows *rows)
{
    (void)rows;
    struct millrace_job *other = files_to_file(NULL); /* the checkpoint of the run that calls us */
    assert_int_equal(millrace_job_run(other, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")),
                     MILLRACE_CONFLICT);
    assert_string_equal(millrace_error_condition(other), "CHECKPOINT_LOCKED");
    assert_true(millrace_error_is_retriable(other));
    millrace_job_free(other);
    assert_int_equal(millrace_job_run(ctx, MILLRACE_AVAILABLE_NOW, in_folder("other")), MILLRACE_USAGE);
    return 0;
}

/* One row per group in the table, the latest. */
static void update_into_delta(void **state)
{
    (void)state;
    for (int file = 1; file <= 2; file++) {
        put_file(file == 1 ? "in/1.json" : "in/2.json",
                 file == 1 ? "{\"n\":1}\n{\"n\":2}\n{\"n\":1}\n" : "{\"n\":1}\n{\"n\":3}\n");
        struct millrace_job *job = new_job(NULL);
        struct millrace_stream *s =
            millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema", "n INT", NULL);
        millrace_output_mode(job, MILLRACE_UPDATE);
        millrace_write(millrace_group(s, "n", "count(*) AS c"), "delta", "path", in_folder("table"), NULL);
        run(job, "checkpoint");
        millrace_job_free(job);
    }
    char sql[512];
    struct millrace_job *job = new_job(NULL);
    snprintf(sql, sizeof sql, "SELECT n, c FROM delta.`%s` ORDER BY n", in_folder("table"));
    assert_string_equal(query_lines(job, sql), "{\"n\":1,\"c\":3}\n{\"n\":2,\"c\":1}\n{\"n\":3,\"c\":1}\n");
    millrace_job_free(job);
}

static void locked_and_changed(void **state)
{
    (void)state;
    put_file("in/1.json", "{\"n\":1}\n");
    struct millrace_job *job = new_job(NULL);
    struct millrace_stream *s =
        millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema", "n INT", NULL);
    millrace_output_mode(job, MILLRACE_UPDATE);
    millrace_write_callback(millrace_group(s, "n", "count(*) AS c"), hold_on, job);
    run(job, "checkpoint");
    millrace_job_free(job);

    job = new_job(NULL); /* other keys on the same state */
    s = millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema", "n INT", NULL);
    millrace_output_mode(job, MILLRACE_UPDATE);
    millrace_write_callback(millrace_group(s, "n % 2, n", "count(*) AS c"), hold_on, job);
    assert_true(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint")) < 0);
    assert_true(strlen(millrace_error_message(job)) > 0);
    millrace_job_free(job);
}

static void refresh(void **state)
{
    (void)state;
    put_file("in/1.json", "{\"n\":1}\n");
    for (int round = 0; round < 3; round++) {
        struct millrace_job *job = new_job(NULL);
        millrace_job_set(job, "millrace.refresh", round == 2 ? "true" : "false");
        millrace_write(millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema",
                                     "n INT", NULL),
                       "delta", "path", in_folder("table"), NULL);
        run(job, "checkpoint");
        millrace_job_free(job);
        assert_string_equal(delta_lines("*", "table"), "{\"n\":1}\n");
    }
}

/* ---- no memory, at every allocation of a chain: an error, no crash, no leak ---- */
static int give_away(void *ctx, const struct millrace_rows *rows)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    int status = millrace_rows_arrow(rows, &schema, &array);
    if (status < 0)
        return status;
    return millrace_memory_append(ctx, "poor copy", &schema, &array);
}

static int chain(struct millrace_job *job)
{
    struct millrace_stream *s = millrace_read(job, "memory", "stream", "poor", "schema",
                                              "a INT, b STRING, c ARRAY<BOOLEAN>, t TIMESTAMP", NULL);
    millrace_name(s, "poor");
    s = millrace_watermark(millrace_filter(s, "a > 0"), "t", "1 minute");
    s = millrace_group(s, "window(t, '1 minute'), b", "count(*) AS n, sum(a)");
    millrace_write(s, "memory", "table", "poor", NULL);
    const char *line =
        "{\"a\":1,\"b\":\"a text that is not inlined\",\"c\":[true,null],\"t\":\"2024-01-01T00:00:00Z\"}";
    millrace_memory_append_json(job, "poor", line, strlen(line));
    millrace_query(job, "SELECT *, map(b, c) AS m FROM poor WHERE a = 1", give_away, job);
    return millrace_job_check(job);
}

static void no_memory(void **state)
{
    (void)state;
    int failures = 0, status = -1;
    for (int64_t nth = 1; status < 0; nth++) {
        struct millrace_job *job = millrace_job_new("poor");
        mr_memory_fail_at(nth);
        status = chain(job);
        mr_memory_fail_at(0);
        failures += status < 0;
        if (status < 0 && millrace_error_code(job) != MILLRACE_MEMORY &&
            strcmp(millrace_error_condition(job), "FOREACH_BATCH_USER_FUNCTION_ERROR") != 0)
            fail_msg("allocation %d: %s", (int)nth, millrace_error_text(job));
        millrace_job_free(job);
        assert_true(nth < 10000);
    }
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(death_in_a_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(table_to_table, setup, teardown),
        cmocka_unit_test_setup_teardown(grown_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(update_into_delta, setup, teardown),
        cmocka_unit_test_setup_teardown(locked_and_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(refresh, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
