/* tests/api/misuse_test.c: calls out of turn: from callbacks, from several threads, while a job runs, with
 * numbers that are none. Typed errors, nothing lost, and nobody crashes. */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/api/support.h"

struct seen {
    struct millrace_job *job;
    _Atomic int64_t rows;
    int calls;
    bool fails;
};

static int take(void *ctx, const struct millrace_rows *rows)
{
    struct seen *seen = ctx;
    char text[16];
    seen->calls++;
    if (seen->calls == 1) { /* numbers that are none */
        assert_int_equal(millrace_rows_is_null(rows, -1, 0), 1);
        assert_int_equal(millrace_rows_is_null(rows, 0, 99), 1);
        assert_int_equal(millrace_rows_int(rows, INT64_MAX, 0), 0);
        assert_int_equal(millrace_rows_int(rows, 0, INT32_MIN), 0);
        assert_null(millrace_rows_name(rows, 7));
        assert_int_equal(millrace_rows_column(rows, "nope"), -1);
        millrace_rows_text(rows, 0, 0, NULL, 0);
        millrace_rows_text(rows, 1 << 20, 3, text, sizeof text);
        millrace_rows_json(rows, -5, text, 1);
    }
    if (seen->fails)
        return 1;
    seen->rows += millrace_rows_count(rows);
    return 0;
}

static struct millrace_job *new_job(struct seen *seen, const char *stream)
{
    *seen = (struct seen){.job = millrace_job_new("misuse")};
    struct millrace_stream *s =
        millrace_read(seen->job, "memory", "stream", stream, "schema", "a BIGINT", NULL);
    assert_non_null(s);
    millrace_job_set(seen->job, "millrace.workers", "4");
    assert_int_equal(millrace_write_callback(s, take, seen), 0);
    return seen->job;
}

struct feeder {
    struct millrace_job *job;
    const char *stream;
    int count;
};

static void *feed(void *ctx)
{
    struct feeder *f = ctx;
    char progress[64];
    for (int i = 0; i < f->count; i++) {
        assert_int_equal(millrace_memory_append_json(f->job, f->stream, "{\"a\":1}\n{\"a\":2}\n", 16), 0);
        millrace_job_wake(f->job);
        millrace_job_progress(f->job, progress, sizeof progress);
    }
    return NULL;
}

struct runner {
    struct millrace_job *job;
    const char *checkpoint;
    int status;
};

static void *run(void *ctx)
{
    struct runner *r = ctx;
    r->status = millrace_job_run(r->job, MILLRACE_CONTINUOUS, r->checkpoint);
    return NULL;
}

/* Four threads feed one run; another job with the same checkpoint is refused meanwhile. */
static void many_threads(void **state)
{
    struct seen seen, other;
    struct runner r = {new_job(&seen, "threads"), in_folder("ck"), 0};
    struct feeder f = {r.job, "threads", 50};
    pthread_t running, feeding[4];
    (void)state;
    assert_int_equal(pthread_create(&running, NULL, run, &r), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&feeding[i], NULL, feed, &f), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(feeding[i], NULL);
    for (int i = 0; i < 2000 && seen.rows < 400; i++)
        usleep(5000);
    assert_int_equal(seen.rows, 400);
    struct millrace_job *second = new_job(&other, "threads");
    assert_true(millrace_job_run(second, MILLRACE_AVAILABLE_NOW, r.checkpoint) < 0);
    assert_string_equal(millrace_error_condition(second), "CHECKPOINT_LOCKED");
    millrace_job_free(second);
    millrace_job_stop(r.job);
    millrace_job_stop(r.job);
    pthread_join(running, NULL);
    assert_int_equal(r.status, 0);
    millrace_job_free(r.job);
}

/* A receiver that fails gets the same rows again; a job that failed says so until it is told to go on. */
static void a_receiver_that_fails(void **state)
{
    struct seen seen;
    struct millrace_job *job = new_job(&seen, "fails");
    (void)state;
    assert_int_equal(millrace_memory_append_json(job, "fails", "{\"a\":1}\n{\"a\":2}\n", 16), 0);
    seen.fails = true;
    assert_true(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("ck")) < 0);
    assert_string_equal(millrace_error_condition(job), "FOREACH_BATCH_USER_FUNCTION_ERROR");
    assert_true(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("ck")) < 0);
    seen.fails = false;
    millrace_job_clear_error(job);
    assert_int_equal(millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("ck")), 0);
    assert_int_equal(seen.rows, 2);
    millrace_job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(a_receiver_that_fails, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
