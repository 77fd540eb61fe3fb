/* tests/runtime/schedule_test.c: stages, exchanges and full queues, with more workers than cores. Run it with
 * ThreadSanitizer, too. */
#include "tests/runtime/support.h"

/* Passes rows on, (k, c, s) as (s mod 11, c), and emits one row of its own when the input ends: a stateless
 * operator with a finish. */
static int remap_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *e)
{
    (void)input;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, pair_schema, batch->length, e));
    for (int64_t i = 0; i < batch->length; i++) {
        out.columns[0]->i64[i] = batch->columns[2]->i64[i] % 11;
        out.columns[1]->i64[i] = 1;
    }
    out.length = out.columns[0]->length = out.columns[1]->length = batch->length;
    op->metrics.rows_in += batch->length;
    int status = op->emit(op, &out, e);
    mr_batch_release(&out);
    return status;
}

static int remap_finish(struct mr_operator *op, struct mr_error *e)
{
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, pair_schema, 1, e));
    out.columns[0]->i64[0] = 1000;
    out.columns[1]->i64[0] = 1;
    out.length = out.columns[0]->length = out.columns[1]->length = 1;
    int status = op->emit(op, &out, e);
    mr_batch_release(&out);
    return status;
}

static const struct mr_operator_type remap_operator = {.name = "remap",
                                                       .open = nothing_open,
                                                       .push = remap_push,
                                                       .finish = remap_finish,
                                                       .close = nothing_close};

/* SINGLE: adds up everything, emits (rows, sum of v) at the end of the micro-batch. */
static int total_open(struct mr_operator *op, struct mr_error *e)
{
    op->ctx = mr_allocate_zeroed(2 * sizeof(int64_t));
    return op->ctx ? MR_OK : mr_error_memory(e, 16);
}

static int total_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *e)
{
    (void)input;
    (void)e;
    int64_t *total = op->ctx;
    total[0] += batch->length;
    for (int64_t i = 0; i < batch->length; i++)
        total[1] += batch->columns[1]->i64[i];
    return MR_OK;
}

static int total_finish(struct mr_operator *op, struct mr_error *e)
{
    int64_t *total = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, pair_schema, 1, e));
    out.columns[0]->i64[0] = total[0];
    out.columns[1]->i64[0] = total[1];
    out.length = out.columns[0]->length = out.columns[1]->length = 1;
    int status = op->emit(op, &out, e);
    mr_batch_release(&out);
    return status;
}

static void total_close(struct mr_operator *op)
{
    mr_free(op->ctx);
}

static const struct mr_operator_type total_operator = {.name = "total",
                                                       .flags = MR_OP_SINGLE,
                                                       .open = total_open,
                                                       .push = total_push,
                                                       .finish = total_finish,
                                                       .close = total_close};

static int union_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *e)
{
    (void)input;
    return op->emit(op, batch, e);
}

static const struct mr_operator_type both_operator = {.name = "both",
                                                      .open = nothing_open,
                                                      .push = union_push,
                                                      .close = nothing_close};

static struct mr_node *keyed(struct mr_job *job, const struct mr_node *input)
{
    struct mr_node *node = mr_job_add_node(job, &count_operator, NULL, &input, 1, triple_schema);
    OK(mr_job_set_exchange(job, node, 0, (int[]){0}, 1, &error));
    return node;
}

/* Two keyed stages behind each other through tiny queues: what comes out of the second must count what the
 * first let out, whoever ran it. */
static void chained_stages_with_full_queues(void **state)
{
    (void)state;
    struct mr_pool *pool;
    OK(mr_pool_start(&pool, 4, &error));
    for (int unit = 0; unit < 20; unit++)
        add_rows(stream, unit * 3000, 3000, 1000);
    struct mr_job job;
    mr_job_init(&job);
    job.mode = MR_MODE_UPDATE;
    const struct mr_node *node = mr_job_add_source_node(&job, add_source(&job, "in", "10"));
    node = keyed(&job, node);
    node = mr_job_add_node(&job, &remap_operator, NULL, &node, 1, pair_schema);
    node = keyed(&job, node);
    add_target(&job, node, "out", table_path);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.pool = pool;
    options.partitions = 5;
    options.memory_limit_bytes = 1 << 20; /* queues of a few KiB */
    OK(run_job(&job, &options));
    mr_pool_stop(pool);
    struct mr_text text;
    mr_text_init(&text);
    OK(mr_file_read_all(table_path, &text, &error));
    int64_t counts[1001] = {0}, total = 0;
    for (char *line = strchr(text.data, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        long long k, c, s;
        assert_int_equal(sscanf(line + 1, "%lld,%lld,%lld", &k, &c, &s), 3);
        assert_true(c > counts[k]);
        counts[k] = c;
    }
    for (int k = 0; k < 11; k++)
        total += counts[k];
    assert_int_equal(total, 2 * 1000);     /* two micro-batches change all of 1,000 keys */
    assert_int_equal(counts[1000], 2 * 4); /* one row per worker and micro-batch */
    mr_text_release(&text);
}

static void two_sources_meet_in_one_node(void **state)
{
    (void)state;
    struct mr_memory_stream *other;
    OK(mr_memory_stream_open(&other, "other", pair_schema, &error));
    for (int unit = 0; unit < 7; unit++)
        add_rows(stream, unit * 9000, 9000, 0); /* more than one batch per unit */
    for (int unit = 0; unit < 3; unit++)
        add_rows(other, unit * 100, 100, 0);
    struct mr_pool *pool;
    OK(mr_pool_start(&pool, 3, &error));
    struct mr_job job;
    mr_job_init(&job);
    const struct mr_node *inputs[2];
    inputs[0] = mr_job_add_source_node(&job, add_source(&job, "in", NULL));
    inputs[1] = mr_job_add_source_node(&job, add_source(&job, "other", NULL));
    const struct mr_node *node = mr_job_add_node(&job, &both_operator, NULL, inputs, 2, pair_schema);
    node = mr_job_add_node(&job, &total_operator, NULL, &node, 1, pair_schema);
    add_target(&job, node, "out", table_path);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.pool = pool;
    OK(run_job(&job, &options));
    mr_pool_stop(pool);
    int64_t rows[4], sums[4];
    assert_int_equal(read_table(table_path, 0, rows, 4), 1);
    assert_int_equal(rows[0], 63300);
    read_table(table_path, 1, sums, 4);
    assert_int_equal(sums[0], 63000LL * 62999 / 2 + 300 * 299 / 2);
    mr_memory_stream_close(other);
}

/* A stream read by two nodes is read once and counted twice, as Spark counts it. */
static void a_stream_may_be_read_twice(void **state)
{
    (void)state;
    add_rows(stream, 0, 100, 0);
    struct mr_job job;
    mr_job_init(&job);
    struct mr_source *source = add_source(&job, "in", NULL);
    const struct mr_node *inputs[2];
    inputs[0] = mr_job_add_source_node(&job, source);
    inputs[1] = mr_job_add_source_node(&job, source);
    const struct mr_node *node = mr_job_add_node(&job, &both_operator, NULL, inputs, 2, pair_schema);
    add_target(&job, node, "out", table_path);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    OK(run_job(&job, &options));
    int64_t values[300];
    assert_int_equal(read_table(table_path, 1, values, 300), 200);
}

static void an_error_in_any_worker_ends_the_batch(void **state)
{
    (void)state;
    struct mr_pool *pool;
    OK(mr_pool_start(&pool, 4, &error));
    for (int unit = 0; unit < 40; unit++)
        add_rows(stream, unit * 1000, 1000, 0);
    int64_t poison = 23456;
    for (int round = 0; round < 3; round++) {
        struct mr_job job;
        map_job(&job, NULL, &poison);
        struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
        options.pool = pool;
        assert_int_equal(run_job(&job, &options), MR_E_DATA);
    }
    OK(run_map(NULL));
    assert_evens(40000);
    mr_pool_stop(pool);
}

/* Dirty state at its limit ends a micro-batch at a split: what was read is what is decided. */
static struct {
    int batches;
    int64_t rows;
} cut;

static void count_batches(void *ctx, const struct mr_progress *progress)
{
    (void)ctx;
    cut.batches++;
    cut.rows += progress->rows;
}

static void a_batch_ends_early_when_state_is_full(void **state)
{
    (void)state;
    for (int unit = 0; unit < 30; unit++)
        add_rows(stream, unit * 100, 100, 0); /* every row a new key */
    struct mr_job job;
    count_job(&job, NULL); /* no limit of the source's own */
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_state_bytes = 30000; /* 300 keys */
    options.on_progress = count_batches;
    cut.batches = 0;
    cut.rows = 0;
    OK(run_job(&job, &options));
    assert_true(cut.batches > 4);
    assert_int_equal(cut.rows, 3000);
    static int64_t keys[4000];
    assert_int_equal(read_table(table_path, 0, keys, 4000), 3000);
    for (int64_t i = 0; i < 3000; i++)
        assert_int_equal(keys[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(chained_stages_with_full_queues),
        T(two_sources_meet_in_one_node),
        T(a_stream_may_be_read_twice),
        T(an_error_in_any_worker_ends_the_batch),
        T(a_batch_ends_early_when_state_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
