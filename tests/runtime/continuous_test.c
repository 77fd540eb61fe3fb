/* tests/runtime/continuous_test.c: a query that goes on: latency, pace, stopping, waking. */
#include "tests/runtime/support.h"

#include <stdatomic.h>

static _Atomic int64_t published_at_us, published_batch;
static _Atomic int publications, reports;

static void note_published(void *ctx, int sink, int64_t batch)
{
    (void)ctx;
    (void)sink;
    published_batch = batch;
    publications++;
    published_at_us = mr_env()->monotonic_us();
}

static void note_progress(void *ctx, const struct mr_progress *progress)
{
    (void)ctx;
    (void)progress;
    reports++;
}

struct running {
    struct mr_query *query;
    pthread_t thread;
    int status;
    struct mr_error error;
};

static void *run_thread(void *ctx)
{
    struct running *running = ctx;
    running->status = mr_query_run(running->query, &running->error);
    return NULL;
}

static void start(struct running *running, struct mr_job *job, int64_t interval_us)
{
    struct mr_query_options options = query_options(MR_TRIGGER_CONTINUOUS);
    options.on_published = note_published;
    options.on_progress = note_progress;
    options.interval_us = interval_us;
    published_at_us = 0;
    published_batch = -1;
    publications = reports = 0;
    OK(mr_query_open(&running->query, job, &options, &error));
    assert_int_equal(pthread_create(&running->thread, NULL, run_thread, running), 0);
}

static void stop(struct running *running)
{
    mr_query_stop(running->query);
    pthread_join(running->thread, NULL);
    error = running->error;
    OK(running->status);
    OK(mr_query_close(running->query, &error));
}

static bool wait_for_rows(int64_t rows, int64_t patience_us)
{
    int64_t until_us = mr_env()->monotonic_us() + patience_us;
    static int64_t values[200000];
    while (mr_env()->monotonic_us() < until_us) {
        if ((int64_t)read_table(table_path, 1, values, 200000) == rows)
            return true;
        usleep(500);
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    return compare_i64(a, b);
}

static void rows_are_published_in_milliseconds(void **state)
{
    (void)state;
    struct mr_job job;
    struct running running;
    map_job(&job, NULL, NULL);
    start(&running, &job, 0);
    int64_t latencies[20];
    for (int i = 0; i < 20; i++) {
        usleep(110000); /* below the pace at which commits are gathered */
        int before = publications;
        int64_t added_us = mr_env()->monotonic_us();
        add_rows(stream, i * 100, 100, 0);
        while (publications == before && mr_env()->monotonic_us() - added_us < 60000000)
            usleep(50);
        assert_int_equal(publications, before + 1);
        latencies[i] = published_at_us - added_us;
    }
    stop(&running);
    assert_evens(2000);
    qsort(latencies, 20, sizeof *latencies, compare);
    print_message("latency p50 %lld us, max %lld us\n", (long long)latencies[10], (long long)latencies[19]);
    assert_true(latencies[10] < 1000000); /* a bound for a busy machine; bench/ measures */
}

static void many_small_inputs_share_commits(void **state)
{
    (void)state;
    struct mr_job job;
    struct running running;
    map_job(&job, NULL, NULL);
    start(&running, &job, 0);
    int64_t begin_us = mr_env()->monotonic_us();
    for (int i = 0; i < 200; i++) {
        add_rows(stream, i * 10, 10, 0);
        usleep(5000);
    }
    assert_true(wait_for_rows(1000, 60000000));
    double seconds = (double)(mr_env()->monotonic_us() - begin_us) / 1e6;
    int made = publications;
    stop(&running);
    assert_evens(2000);
    print_message("%d commits in %.2f s, %d micro-batches\n", made, seconds, reports);
    assert_true(made <= 25 * seconds + 6);
    assert_true(made >= 5);
}

static void stop_finishes_what_is_in_hand(void **state)
{
    (void)state;
    struct mr_job job;
    struct running running;
    map_job(&job, "1", NULL);
    for (int i = 0; i < 50; i++)
        add_rows(stream, i * 1000, 1000, 0);
    start(&running, &job, 0);
    while (mr_memory_stream_published(stream) == 0 && running.query)
        usleep(100);
    stop(&running);
    /* Whatever was taken is visible, and nothing half. */
    static int64_t values[200000];
    size_t rows = read_table(table_path, 1, values, 200000);
    assert_int_equal(rows % 500, 0);
    assert_int_equal((int64_t)rows / 500, mr_memory_stream_published(stream));
    OK(run_map(NULL));
    assert_evens(50000);
}

static void an_idle_query_sleeps(void **state)
{
    (void)state;
    struct mr_job job;
    struct running running;
    map_job(&job, NULL, NULL);
    start(&running, &job, 0);
    add_rows(stream, 0, 10, 0);
    assert_true(wait_for_rows(5, 60000000));
    usleep(50000);
    clockid_t clock;
    struct timespec before, after;
    pthread_getcpuclockid(running.thread, &clock);
    clock_gettime(clock, &before);
    usleep(500000);
    clock_gettime(clock, &after);
    int64_t used_us = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    assert_true(used_us < 20000);
    mr_query_wake(running.query); /* harmless */
    usleep(10000);
    assert_int_equal(publications, 1);
    stop(&running);
}

static void several_sources_are_waited_for(void **state)
{
    (void)state;
    struct mr_memory_stream *other;
    OK(mr_memory_stream_open(&other, "other", pair_schema, &error));
    struct mr_job job;
    struct running running;
    mr_job_init(&job);
    add_target(&job, mr_job_add_source_node(&job, add_source(&job, "in", NULL)), "out", table_path);
    char second[96];
    snprintf(second, sizeof second, "%s/second", directory);
    add_target(&job, mr_job_add_source_node(&job, add_source(&job, "other", NULL)), "other", second);
    start(&running, &job, 0);
    int64_t values[1000], worst_us = 0;
    for (int i = 0; i < 10; i++) {
        usleep(60000);
        int64_t added_us = mr_env()->monotonic_us();
        add_rows(i % 2 ? stream : other, i * 10, 10, 0);
        size_t wanted = (size_t)(i / 2 + 1) * 10;
        while (read_table(i % 2 ? table_path : second, 1, values, 1000) < wanted &&
               mr_env()->monotonic_us() - added_us < 60000000)
            usleep(200);
        int64_t took_us = mr_env()->monotonic_us() - added_us;
        worst_us = took_us > worst_us ? took_us : worst_us;
    }
    assert_true(worst_us < 10000000);
    stop(&running);
    assert_int_equal(read_table(table_path, 1, values, 1000), 50);
    assert_int_equal(read_table(second, 1, values, 1000), 50);
    mr_memory_stream_close(other);
}

static void an_interval_sets_the_pace(void **state)
{
    (void)state;
    struct mr_job job;
    struct running running;
    map_job(&job, NULL, NULL);
    start(&running, &job, 200000);
    for (int i = 0; i < 100; i++) {
        add_rows(stream, i * 10, 10, 0);
        usleep(10000);
    }
    assert_true(wait_for_rows(500, 60000000));
    int made = publications;
    int64_t begin_us = mr_env()->monotonic_us();
    stop(&running);
    assert_true(mr_env()->monotonic_us() - begin_us < 150000); /* stop does not wait for the interval */
    assert_in_range(made, 3, 14);
    assert_evens(1000);
}

static void a_failed_publication_ends_the_query(void **state)
{
    (void)state;
    struct mr_job job;
    struct running running;
    map_job(&job, NULL, NULL);
    start(&running, &job, 0);
    fault.kind = FAULT_REFUSED;
    fault.times = 1;
    add_rows(stream, 0, 10, 0);
    pthread_join(running.thread, NULL); /* it ends by itself, though nothing more comes */
    assert_int_equal(running.status, MR_E_PROTOCOL);
    mr_query_close(running.query, &error);
    OK(run_map(NULL));
    assert_evens(10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(rows_are_published_in_milliseconds),  T(many_small_inputs_share_commits),
        T(stop_finishes_what_is_in_hand),       T(an_idle_query_sleeps),
        T(several_sources_are_waited_for),      T(an_interval_sets_the_pace),
        T(a_failed_publication_ends_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
