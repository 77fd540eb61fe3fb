/* Several workers write at once, while the decision before is being published: few files, every row once. */
#include "tests/delta/sink_test_util.h"

enum { WORKERS = 4, BATCHES = 30, ROWS = 4096 };

struct work {
    struct rig *rig;
    struct mr_text *manifest; /* to be published by worker 0 meanwhile; NULL: none */
    int64_t first;
    int batches;
};

static int write_batches(void *ctx, int worker, struct mr_error *failure)
{
    struct work *work = ctx;
    struct mr_sink *sink = &work->rig->sink;
    if (worker == 0 && work->manifest)
        return sink->type->publish(sink, mr_text_str(work->manifest), failure);
    for (int i = 0; i < work->batches; i++) {
        struct mr_batch batch = {0};
        fill(&batch, sink->schema, work->first + ((int64_t)worker * work->batches + i) * ROWS, ROWS);
        int status = sink->type->write(sink, worker, &batch, failure);
        mr_batch_release(&batch);
        if (status < 0)
            return status;
    }
    return MR_OK;
}

static int64_t sum_to(int64_t n)
{
    return n * (n - 1) / 2;
}

static void test_shared_file(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct mr_pool *pool = NULL;
    struct rig rig;
    struct mr_text manifest;
    OK(mr_pool_start(&pool, WORKERS, &error));
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig.sink.workers = WORKERS;
    rig_start(&rig);
    struct work work = {.rig = &rig, .batches = 1};
    mr_text_init(&manifest);
    OK(rig.sink.type->begin(&rig.sink, 0, &error));
    OK(mr_pool_run(pool, write_batches, &work, &error));
    OK(rig.sink.type->prepare(&rig.sink, 0, 1000, &rig.at, &manifest, &error));
    OK(rig_publish(&rig, &manifest));
    assert_int_equal(rig.sink.metrics.files, 1); /* little data: one file, however many workers */
    struct contents got = read_back(root);
    assert_int_equal(got.rows, WORKERS * ROWS);
    assert_int_equal(got.sum, sum_to(WORKERS * ROWS));
    rig_stop(&rig);
    mr_pool_stop(pool);
    scratch_remove(root);
}

static void run_pipelined(const char *ddl, const char *partition)
{
    char *root = scratch_new();
    struct mr_pool *pool = NULL;
    struct rig rig;
    struct mr_text manifests[3];
    int64_t rows = 0;
    OK(mr_pool_start(&pool, WORKERS, &error));
    rig_init(&rig, root, ddl, QUERY, 7);
    rig.sink.workers = WORKERS;
    if (partition)
        rig_option(&rig, "partitionColumns", partition);
    rig_start(&rig);
    for (int i = 0; i < 3; i++) {
        struct work work = {&rig, i > 0 ? &manifests[i - 1] : NULL, rows, BATCHES};
        mr_text_init(&manifests[i]);
        OK(rig.sink.type->begin(&rig.sink, i, &error));
        OK(mr_pool_run(pool, write_batches, &work, &error));
        if (i > 0) /* worker 0 published instead of writing: its rows come now */
            for (int j = 0; j < BATCHES; j++) {
                struct mr_batch batch = {0};
                fill(&batch, rig.sink.schema, rows + (int64_t)j * ROWS, ROWS);
                OK(rig.sink.type->write(&rig.sink, 0, &batch, &error));
                mr_batch_release(&batch);
            }
        OK(rig.sink.type->prepare(&rig.sink, i, 1000 + (uint64_t)i, &rig.at, &manifests[i], &error));
        rig.at = (struct mr_register){true, i, 1000 + (uint64_t)i};
        rows += (int64_t)WORKERS * BATCHES * ROWS;
    }
    OK(rig.sink.type->publish(&rig.sink, mr_text_str(&manifests[2]), &error));
    rig_stop(&rig);
    for (int i = 0; i < 3; i++)
        mr_text_release(&manifests[i]);
    struct contents got = read_back(root);
    assert_int_equal(got.rows, rows);
    assert_int_equal(got.sum, sum_to(rows));
    assert_true(got.files <= 3 * WORKERS * (partition ? 4 : 1));
    mr_pool_stop(pool);
    scratch_remove(root);
}

static void test_pipelined(void **state)
{
    (void)state;
    run_pipelined("id BIGINT, name STRING, d DOUBLE", NULL);
}

static void test_pipelined_partitions(void **state)
{
    (void)state;
    run_pipelined("id BIGINT, name STRING, d DOUBLE", "name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_file),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_pipelined_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
