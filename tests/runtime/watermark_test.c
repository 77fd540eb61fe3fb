/* tests/runtime/watermark_test.c: W(N), per-operator propagation, no-data batches, restarts. The numbers of
 * the first three tests are those of Spark's own progress reports. */
#include "tests/runtime/support.h"

#include "runtime/record.h"
#include "runtime/watermark.h"

static struct mr_job job;
static struct mr_watermark watermark;
static int64_t late[16], evict[16];

#define SECOND 1000000LL
#define AT(seconds) (1704067200LL * SECOND + (seconds)*SECOND) /* 2024-01-01 and some seconds */

static int64_t held_back(const struct mr_node *node, int64_t input_us)
{
    return input_us - *(const int64_t *)node->config;
}

static bool wants(const struct mr_node *node, int64_t old_us, int64_t new_us)
{
    (void)node;
    return new_us > old_us;
}

static int no_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *e)
{
    (void)op;
    (void)input;
    (void)batch;
    (void)e;
    return MR_OK;
}

static const struct mr_operator_type windowed = {.name = "stateStoreSave",
                                                 .flags = MR_OP_STATEFUL | MR_OP_KEYED,
                                                 .open = nothing_open,
                                                 .push = no_push,
                                                 .close = nothing_close,
                                                 .wants_batch = wants};
static const struct mr_operator_type joining = {.name = "symmetricHashJoin",
                                                .flags = MR_OP_STATEFUL | MR_OP_KEYED,
                                                .open = nothing_open,
                                                .push = no_push,
                                                .close = nothing_close,
                                                .output_watermark = held_back,
                                                .wants_batch = wants};

static struct mr_node *marked(int64_t delay_us, const char *name)
{
    const struct mr_node *source = mr_job_add_source_node(&job, add_source(&job, name, NULL));
    struct mr_watermark_config *config = MR_ARENA_NEW(&job.arena, struct mr_watermark_config);
    config->delay_us = delay_us;
    return mr_job_add_node(&job, &mr_watermark_operator, config, &source, 1, pair_schema);
}

/* One micro-batch whose watermark operators saw these largest event times (0: no rows). */
static void run_batch(int64_t first_max_us, int64_t second_max_us)
{
    struct mr_event_time seen[2] = {{first_max_us != 0, first_max_us, first_max_us, 0},
                                    {second_max_us != 0, second_max_us, second_max_us, 0}};
    mr_watermark_of_batch(&watermark, &job, late, evict);
    mr_watermark_advance(&watermark, &job, seen);
}

static bool wants_another(void)
{
    int64_t a[16], b[16];
    return mr_watermark_wants_batch(&watermark, &job, a, b);
}

static void begin(void)
{
    OK(mr_watermark_init(&watermark, &job, &job.arena, &error));
}

/* Case 30_restart: one watermark of 10 seconds. */
static void late_lags_one_batch_behind(void **state)
{
    (void)state;
    mr_job_init(&job);
    const struct mr_node *mark = marked(10 * SECOND, "in");
    const struct mr_node *window = mr_job_add_node(&job, &windowed, NULL, &mark, 1, pair_schema);
    add_target(&job, window, "out", table_path);
    begin();
    assert_false(wants_another());
    run_batch(AT(9), 0);
    assert_int_equal(late[2], 0);
    assert_int_equal(evict[2], 0);
    assert_int_equal(evict[0], MR_NO_WATERMARK); /* in front of it there is none */
    assert_true(wants_another());
    run_batch(AT(21), 0);
    assert_int_equal(late[2], 0);
    assert_int_equal(evict[2], AT(-1));
    assert_true(wants_another());
    run_batch(0, 0); /* the batch without data */
    assert_int_equal(late[2], AT(-1));
    assert_int_equal(evict[2], AT(11));
    assert_false(wants_another());
    /* A restart in between: the record keeps all of it. */
    struct mr_record record = {.batch = 2,
                               .offsets = &(struct mr_str){"3", 1},
                               .fingerprint = MR_STR(
                                   "{\"version\":1,\"sources\":[{\"name\":\"in\",\"type\":\"memory\"}],"
                                   "\"states\":[{\"operator\":\"stateStoreSave\",\"plan\":\"\"}]}")};
    struct mr_text text;
    mr_text_init(&text);
    mr_record_write(&text, &record, &job, &watermark);
    begin();
    struct mr_record back;
    OK(mr_record_parse(&back, &watermark, &job, mr_text_str(&text), &job.arena, &error));
    assert_int_equal(back.batch, 2);
    assert_true(mr_str_equal(back.offsets[0], MR_STR("3")));
    mr_text_release(&text);
    run_batch(AT(11), 0); /* older than before: nothing falls */
    assert_int_equal(late[2], AT(11));
    assert_int_equal(evict[2], AT(11));
    run_batch(AT(35), 0);
    run_batch(AT(50), 0);
    assert_int_equal(late[2], AT(11));
    assert_int_equal(evict[2], AT(25));
    assert_true(wants_another());
    run_batch(0, 0);
    assert_int_equal(evict[2], AT(40));
    mr_job_release(&job);
}

static void two_inputs(enum mr_watermark_policy policy)
{
    struct mr_memory_stream *other;
    OK(mr_memory_stream_open(&other, "c", pair_schema, &error));
    mr_job_init(&job);
    job.watermark_policy = policy;
    const struct mr_node *inputs[2] = {marked(5 * SECOND, "in"), marked(15 * SECOND, "c")};
    const struct mr_node *both = mr_job_add_node(&job, &windowed, NULL, inputs, 2, pair_schema);
    add_target(&job, both, "out", table_path);
    begin();
    mr_memory_stream_close(other);
}

/* Case 11_two_watermarks_min. */
static void the_lowest_counts_or_the_highest(void **state)
{
    (void)state;
    two_inputs(MR_WATERMARK_MIN);
    run_batch(AT(8), AT(4));
    assert_int_equal(watermark.current_ms, AT(-11) / 1000);
    run_batch(AT(21), AT(30));
    assert_int_equal(watermark.current_ms, AT(15) / 1000);
    run_batch(AT(40), AT(41));
    assert_int_equal(watermark.current_ms, AT(26) / 1000);
    run_batch(0, 0);
    assert_int_equal(watermark.current_ms, AT(26) / 1000);
    mr_job_release(&job);
    two_inputs(MR_WATERMARK_MAX);
    run_batch(AT(8), AT(4));
    assert_int_equal(watermark.current_ms, AT(3) / 1000);
    run_batch(0, AT(60));
    assert_int_equal(watermark.current_ms, AT(45) / 1000);
    mr_job_release(&job);
}

/* While one input has had no rows it counts as 1970. */
static void an_input_without_rows_holds_the_lowest_back(void **state)
{
    (void)state;
    two_inputs(MR_WATERMARK_MIN);
    run_batch(AT(8), 0);
    assert_int_equal(watermark.current_ms, 0);
    run_batch(AT(20), AT(5));
    assert_int_equal(watermark.current_ms, AT(-10) / 1000);
    mr_job_release(&job);
}

/* Behind an operator that holds rows back, the watermark is what it lets through; the first batch's late
 * watermark is 1970 everywhere. */
static void chained_operators_see_what_is_let_through(void **state)
{
    (void)state;
    int64_t held_us = 7 * SECOND;
    mr_job_init(&job);
    const struct mr_node *node = marked(10 * SECOND, "in");
    node = mr_job_add_node(&job, &joining, &held_us, &node, 1, pair_schema);
    node = mr_job_add_node(&job, &even_operator, NULL, &node, 1, pair_schema);
    node = mr_job_add_node(&job, &windowed, NULL, &node, 1, pair_schema);
    add_target(&job, node, "out", table_path);
    begin();
    run_batch(AT(30), 0);
    assert_int_equal(late[4], 0);
    assert_int_equal(evict[4], -held_us);
    run_batch(AT(60), 0);
    assert_int_equal(late[2], 0);
    assert_int_equal(evict[2], AT(20));
    assert_int_equal(late[4], -held_us);
    assert_int_equal(evict[4], AT(13));
    run_batch(0, 0);
    assert_int_equal(late[4], AT(13));
    assert_int_equal(evict[4], AT(43));
    mr_job_release(&job);
}

static void granularity_is_a_millisecond(void **state)
{
    (void)state;
    mr_job_init(&job);
    const struct mr_node *mark = marked(1500, "in"); /* 1.5 ms counts as 1 */
    add_target(&job, mark, "out", table_path);
    begin();
    run_batch(AT(9) + 2999, 0);
    assert_int_equal(watermark.current_ms, AT(9) / 1000 + 1);
    mr_job_release(&job);
}

static void a_damaged_record_is_named(void **state)
{
    (void)state;
    mr_job_init(&job);
    add_target(&job, marked(0, "in"), "out", table_path);
    begin();
    struct mr_record record;
    const char *texts[] = {"{", "{}", "{\"version\":1}", "{\"version\":1,\"batch\":1,\"time\":0,\"seed\":0}"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mr_record_parse(&record, &watermark, &job, mr_str_of(texts[i]), &job.arena, &error),
                         MR_E_CORRUPT);
    assert_int_equal(mr_record_parse(&record, &watermark, &job, MR_STR("{\"version\":2}"), &job.arena,
                                     &error),
                     MR_E_UNSUPPORTED);
    mr_job_release(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(late_lags_one_batch_behind),
        T(the_lowest_counts_or_the_highest),
        T(an_input_without_rows_holds_the_lowest_back),
        T(chained_operators_see_what_is_let_through),
        T(granularity_is_a_millisecond),
        T(a_damaged_record_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
