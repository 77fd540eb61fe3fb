/* tests/runtime/query_test.c: a query from source to target, stopped and started, with everything that can
 * happen on the way (invariants 1-6, 12, 13). */
#include "tests/runtime/support.h"

static void rows_go_through_once_each(void **state)
{
    (void)state;
    for (int unit = 0; unit < 10; unit++)
        add_rows(stream, unit * 1000, 1000, 0);
    OK(run_map("3"));
    assert_evens(10000);
    assert_int_equal(mr_memory_stream_published(stream), 10);
    /* Again, with nothing new, and with something new. */
    OK(run_map(NULL));
    assert_evens(10000);
    add_rows(stream, 10000, 5000, 0);
    OK(run_map(NULL));
    assert_evens(15000);
}

static void an_empty_input_decides_nothing(void **state)
{
    (void)state;
    OK(run_map(NULL));
    struct mr_checkpoint *checkpoint;
    OK(mr_checkpoint_open(&checkpoint, &(struct mr_checkpoint_options){.path = checkpoint_path}, &error));
    assert_true(mr_checkpoint_is_new(checkpoint));
    mr_checkpoint_close(checkpoint);
    assert_true(mr_file_exists(table_path)); /* enrolled */
}

static struct {
    int count, decided;
    int64_t rows, last_batch, last_published;
    bool visible_too_early;
    struct mr_text json;
} told;

static void on_progress(void *ctx, const struct mr_progress *progress)
{
    (void)ctx;
    told.count++;
    told.rows += progress->rows;
    told.decided += progress->decided_here;
    told.last_batch = progress->batch;
    mr_text_clear(&told.json);
    mr_progress_json(progress, &told.json);
}

static void on_published(void *ctx, int sink, int64_t batch)
{
    (void)ctx;
    (void)sink;
    __atomic_store_n(&told.last_published, batch, __ATOMIC_SEQ_CST);
}

static struct mr_query_options told_options(enum mr_trigger trigger)
{
    struct mr_query_options options = query_options(trigger);
    mr_text_release(&told.json);
    memset(&told, 0, sizeof told);
    mr_text_init(&told.json);
    told.last_published = -1;
    options.on_progress = on_progress;
    options.on_published = on_published;
    return options;
}

static void micro_batches_share_decisions(void **state)
{
    (void)state;
    for (int unit = 0; unit < 8; unit++)
        add_rows(stream, unit * 10, 10, 0);
    struct mr_job job;
    map_job(&job, "1", NULL);
    struct mr_query_options options = told_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_time_us = 60000000;
    OK(run_job(&job, &options));
    assert_int_equal(told.count, 8); /* one report per micro-batch */
    assert_int_equal(told.decided, 1);
    assert_int_equal(told.rows, 80);
    assert_int_equal(told.last_batch, 7);
    assert_int_equal(told.last_published, 7);
    assert_evens(80);
    /* Limits close decisions. */
    for (int unit = 8; unit < 16; unit++)
        add_rows(stream, unit * 10, 10, 0);
    map_job(&job, "1", NULL);
    options = told_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_micro_batches = 3;
    OK(run_job(&job, &options));
    assert_int_equal(told.count, 8);
    assert_int_equal(told.decided, 3);
    assert_evens(160);
    for (int unit = 16; unit < 20; unit++)
        add_rows(stream, unit * 10, 10, 0);
    map_job(&job, "1", NULL);
    options = told_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_input_bytes = 1;
    OK(run_job(&job, &options));
    assert_int_equal(told.decided, 4);
    assert_evens(200);
}

static void state_survives_and_partitions_may_change(void **state)
{
    (void)state;
    int partitions[] = {1, 3, 2, 7};
    for (int run = 0; run < 4; run++) {
        for (int unit = 0; unit < 4; unit++)
            add_rows(stream, (run * 4 + unit) * 5000, 5000, 97);
        struct mr_job job;
        count_job(&job, run % 2 ? "1" : NULL);
        struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
        options.partitions = partitions[run];
        OK(run_job(&job, &options));
    }
    /* The last emission of every key tells all its rows; counts only grow. */
    static int64_t keys[100000], counts[100000];
    struct mr_text text;
    mr_text_init(&text);
    OK(mr_file_read_all(table_path, &text, &error));
    int64_t last[97] = {0}, sums[97] = {0};
    for (char *line = strchr(text.data, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        long long k, c, s;
        assert_int_equal(sscanf(line + 1, "%lld,%lld,%lld", &k, &c, &s), 3);
        assert_true(c > last[k]);
        last[k] = c;
        sums[k] = s;
    }
    for (int64_t k = 0; k < 97; k++) {
        int64_t count = 0, sum = 0;
        for (int64_t v = k; v < 80000; v += 97) {
            count++;
            sum += v;
        }
        assert_int_equal(last[k], count);
        assert_int_equal(sums[k], sum);
    }
    mr_text_release(&text);
    (void)keys;
    (void)counts;
}

static void a_failing_row_decides_nothing(void **state)
{
    (void)state;
    add_rows(stream, 0, 100, 0);
    OK(run_map(NULL));
    add_rows(stream, 100, 100, 0);
    int64_t poison = 150;
    struct mr_job job;
    map_job(&job, NULL, &poison);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    assert_int_equal(run_job(&job, &options), MR_E_DATA);
    assert_string_equal(error.condition, "DIVIDE_BY_ZERO");
    assert_evens(100);
    OK(run_map(NULL));
    assert_evens(200);
}

static void publishing_is_tried_again(void **state)
{
    (void)state;
    enum fault kinds[] = {FAULT_RETRIABLE, FAULT_CONFLICT, FAULT_LOST_ANSWER, FAULT_NEVER_ARRIVED};
    int64_t rows = 0;
    for (int i = 0; i < 4; i++) {
        fault.kind = kinds[i];
        fault.times = kinds[i] == FAULT_LOST_ANSWER ? 1 : 3;
        fault.publishes = 0;
        add_rows(stream, rows, 50, 0);
        rows += 50;
        OK(run_map(NULL));
        assert_int_equal(fault.publishes, kinds[i] == FAULT_LOST_ANSWER ? 1 : 4);
        assert_evens(rows);
    }
}

static void a_refusal_stops_and_keeps_the_batch(void **state)
{
    (void)state;
    add_rows(stream, 0, 50, 0);
    fault.kind = FAULT_REFUSED;
    fault.times = 1;
    assert_int_equal(run_map(NULL), MR_E_PROTOCOL);
    assert_evens(0);
    struct mr_checkpoint *checkpoint;
    struct mr_arena arena;
    struct mr_pending *pending;
    size_t count;
    mr_arena_init(&arena);
    OK(mr_checkpoint_open(&checkpoint, &(struct mr_checkpoint_options){.path = checkpoint_path}, &error));
    OK(mr_checkpoint_pending(checkpoint, &arena, &pending, &count, &error));
    assert_int_equal(count, 1);
    mr_checkpoint_close(checkpoint);
    mr_arena_release(&arena);
    /* A start publishes it without reading its input again. */
    OK(run_map(NULL));
    assert_evens(50);
    /* The same for an error that leaves memory and disk apart. */
    add_rows(stream, 50, 50, 0);
    fault.kind = FAULT_FATAL;
    fault.times = 1;
    assert_int_equal(run_map(NULL), MR_E_IO);
    OK(run_map(NULL));
    assert_evens(100);
}

static void set_aside_is_the_way_past(void **state)
{
    (void)state;
    add_rows(stream, 0, 50, 0);
    OK(run_map(NULL));
    add_rows(stream, 50, 50, 0);
    fault.kind = FAULT_REFUSED;
    fault.times = 2;
    assert_int_equal(run_map(NULL), MR_E_PROTOCOL);
    assert_int_equal(run_map(NULL), MR_E_PROTOCOL);
    struct mr_checkpoint *checkpoint;
    OK(mr_checkpoint_open(&checkpoint, &(struct mr_checkpoint_options){.path = checkpoint_path}, &error));
    OK(mr_checkpoint_set_aside(checkpoint, MR_STR("out"), 1, &error));
    mr_checkpoint_close(checkpoint);
    add_rows(stream, 100, 50, 0);
    OK(run_map(NULL));
    int64_t values[200];
    assert_int_equal(read_table(table_path, 1, values, 200), 50);
    assert_int_equal(values[24], 48);
    assert_int_equal(values[25], 100);
}

static void copy_file(const char *from, const char *to)
{
    struct mr_text text;
    mr_text_init(&text);
    OK(mr_file_read_all(from, &text, &error));
    OK(mr_file_replace(to, text.data, text.size, &error));
    mr_text_release(&text);
}

static void copy_checkpoint(const char *from, const char *to)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

static void a_copied_checkpoint_stops(void **state)
{
    (void)state;
    char copy[96];
    snprintf(copy, sizeof copy, "%s/copy", directory);
    add_rows(stream, 0, 50, 0);
    OK(run_map(NULL));
    copy_checkpoint(checkpoint_path, copy);
    add_rows(stream, 50, 50, 0);
    OK(run_map(NULL)); /* the original takes the second unit */
    struct mr_job job;
    map_job(&job, NULL, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.checkpoint_path = copy;
    assert_int_equal(run_job(&job, &options), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "SINK_REGISTER_MISMATCH.AHEAD");
    assert_evens(100);
}

static void a_fork_of_the_same_batch_number_stops(void **state)
{
    (void)state;
    char copy[96];
    snprintf(copy, sizeof copy, "%s/copy", directory);
    add_rows(stream, 0, 50, 0);
    OK(run_map(NULL));
    copy_checkpoint(checkpoint_path, copy);
    add_rows(stream, 50, 50, 0);
    fault.kind = FAULT_REFUSED; /* the copy decides batch 1 and cannot publish it */
    fault.times = 1;
    struct mr_job job;
    map_job(&job, NULL, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.checkpoint_path = copy;
    assert_int_equal(run_job(&job, &options), MR_E_PROTOCOL);
    OK(run_map(NULL)); /* the original decides and publishes its own batch 1 */
    map_job(&job, NULL, NULL);
    assert_int_equal(run_job(&job, &options), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "SINK_REGISTER_MISMATCH.FOREIGN");
    assert_evens(100);
}

static void a_target_put_back_or_lost_stops(void **state)
{
    (void)state;
    char copy[96];
    snprintf(copy, sizeof copy, "%s/copy", directory);
    add_rows(stream, 0, 50, 0);
    OK(run_map(NULL));
    copy_file(table_path, copy);
    add_rows(stream, 50, 50, 0);
    OK(run_map(NULL));
    copy_file(copy, table_path);
    assert_int_equal(run_map(NULL), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "SINK_REGISTER_MISMATCH.BEHIND");
    mr_env()->unlink(table_path);
    assert_int_equal(run_map(NULL), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "SINK_REGISTER_MISMATCH.ABSENT");
    assert_false(mr_file_exists(table_path)); /* and nothing was made in its place */
}

static void another_querys_plan_is_refused(void **state)
{
    (void)state;
    add_rows(stream, 0, 50, 10);
    struct mr_job job;
    count_job(&job, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    OK(run_job(&job, &options));
    count_job(&job, NULL);
    OK(mr_job_set_exchange(&job, job.nodes[1], 0, (int[]){1}, 1, &error));
    assert_int_equal(run_job(&job, &options), MR_E_UNSUPPORTED);
    assert_string_equal(error.condition, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE");
    map_job(&job, NULL, NULL);
    assert_int_equal(run_job(&job, &options), MR_E_UNSUPPORTED);
    assert_string_equal(error.condition, "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA");
    /* A filter more in front is fine: state is found all the same. */
    mr_job_init(&job);
    job.mode = MR_MODE_UPDATE;
    const struct mr_node *node = mr_job_add_source_node(&job, add_source(&job, "in", NULL));
    node = mr_job_add_node(&job, &even_operator, NULL, &node, 1, pair_schema);
    struct mr_node *count = mr_job_add_node(&job, &count_operator, NULL, &node, 1, triple_schema);
    OK(mr_job_set_exchange(&job, count, 0, (int[]){0}, 1, &error));
    add_target(&job, count, "out", table_path);
    add_rows(stream, 100, 1, 10);
    OK(run_job(&job, &options));
    struct mr_text text;
    mr_text_init(&text);
    OK(mr_file_read_all(table_path, &text, &error));
    assert_non_null(strstr(text.data, "\n0,6,200\n")); /* 0, 10, 20, 30, 40 and now 100 */
    mr_text_release(&text);
}

static void two_sinks_share_a_decision_but_not_a_target(void **state)
{
    (void)state;
    char second[96];
    snprintf(second, sizeof second, "%s/second", directory);
    add_rows(stream, 0, 50, 0);
    struct mr_job job;
    map_job(&job, NULL, NULL);
    add_target(&job, job.nodes[0], "all", second);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    OK(run_job(&job, &options));
    int64_t values[200];
    assert_int_equal(read_table(second, 1, values, 200), 50);
    assert_evens(50);
    map_job(&job, NULL, NULL);
    add_target(&job, job.nodes[0], "all", table_path);
    assert_int_equal(run_job(&job, &options), MR_E_USAGE);
    assert_non_null(strstr(error.message, "same target"));
}

static void a_schema_change_waits_for_publications(void **state)
{
    (void)state;
    add_rows(stream, 0, 50, 0);
    fault.blocked_once = true;
    OK(run_map(NULL));
    assert_evens(50);
}

static void a_full_refresh_empties_the_target_once(void **state)
{
    (void)state;
    add_rows(stream, 0, 50, 0);
    OK(run_map(NULL));
    struct mr_job job;
    map_job(&job, NULL, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.full_refresh = true;
    OK(run_job(&job, &options)); /* not appended to what is there */
    assert_evens(50);
    /* Killed before its first decision, the refresh is still due at the next start. */
    map_job(&job, NULL, NULL);
    struct mr_query *query;
    OK(mr_query_open(&query, &job, &options, &error));
    OK(mr_query_close(query, &error));
    OK(run_map(NULL));
    assert_evens(50);
    add_rows(stream, 50, 50, 0);
    OK(run_map(NULL));
    assert_evens(100);
}

static void a_batch_query_takes_everything_and_keeps_nothing(void **state)
{
    (void)state;
    for (int unit = 0; unit < 5; unit++)
        add_rows(stream, unit * 10, 10, 0);
    struct mr_job job;
    map_job(&job, "2", NULL);
    struct mr_query_options options = told_options(MR_TRIGGER_ONCE_BATCH);
    options.checkpoint_path = NULL;
    OK(run_job(&job, &options));
    assert_int_equal(told.count, 1);
    assert_int_equal(told.rows, 50);
    assert_evens(50);
    assert_false(mr_file_exists(checkpoint_path));
}

static void a_memory_table_goes_on_exactly_once(void **state)
{
    (void)state;
    struct mr_memory_table *table = mr_memory_table_open("t");
    for (int run = 0; run < 3; run++) {
        add_rows(stream, run * 100, 100, 0);
        struct mr_job job;
        mr_job_init(&job);
        const struct mr_node *node = mr_job_add_source_node(&job, add_source(&job, "in", NULL));
        OK(mr_job_add_sink(&job, node, mr_sink_type_find(MR_STR("Memory")), "t", NULL, 0, &error));
        struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
        OK(run_job(&job, &options));
        assert_int_equal(mr_memory_table_rows(table), (run + 1) * 100);
        assert_int_equal(mr_memory_table_last_batch(table), run);
    }
    struct mr_batch rows;
    OK(mr_memory_table_read(table, 1, &rows, &error));
    assert_int_equal(rows.length, 100);
    assert_int_equal(rows.columns[1]->i64[0], 100);
    mr_batch_release(&rows);
    mr_memory_table_close(table);
}

static void progress_looks_like_sparks(void **state)
{
    (void)state;
    add_rows(stream, 0, 10, 3);
    struct mr_job job;
    count_job(&job, NULL);
    struct mr_query_options options = told_options(MR_TRIGGER_AVAILABLE_NOW);
    options.partitions = 2;
    OK(run_job(&job, &options));
    const char *parts[] = {
        "\"name\":\"test\",\"timestamp\":\"",
        "\"batchId\":0,\"batchDuration\":",
        "\"numInputRows\":10,\"inputRowsPerSecond\":0.0,\"processedRowsPerSecond\":",
        "\"stateOperators\":[{\"operatorName\":\"count\",\"numRowsTotal\":3,\"numRowsUpdated\":3,"
        "\"numRowsRemoved\":0,",
        "\"numShufflePartitions\":2,",
        "\"sources\":[{\"description\":\"MemoryStream[in]\",\"startOffset\":null,\"endOffset\":1,"
        "\"latestOffset\":null,",
        "\"sink\":{\"description\":\"FileTarget[",
        "\"numOutputRows\":3}}",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(told.json.data, parts[i]))
            fail_msg("no %s in %s", parts[i], told.json.data);
    }
    assert_null(strstr(told.json.data, "eventTime"));
    mr_text_release(&told.json);
}

/* Sources may not let go of input that a replay from a retained copy would need (invariant 13). */
static void retained_copies_hold_their_input(void **state)
{
    (void)state;
    for (int unit = 0; unit < 10; unit++)
        add_rows(stream, unit * 10, 10, 0);
    struct mr_job job;
    map_job(&job, "1", NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_micro_batches = 1;
    options.retain_every = 3;
    options.retain_count = 2;
    OK(run_job(&job, &options));
    assert_evens(100);
    assert_int_equal(mr_memory_stream_published(stream), 7); /* 9 and 6 are kept: all up to batch 6 may go */
    struct mr_checkpoint *copy;
    char path[160];
    snprintf(path, sizeof path, "%s/retained/9", checkpoint_path);
    assert_true(mr_file_exists(path));
    assert_int_equal(mr_checkpoint_open(&copy, &(struct mr_checkpoint_options){.path = path}, &error),
                     MR_E_UNSUPPORTED);
}

/* Overwrites the second half of every file of the checkpoint's database whose name ends so. */
static int damage(const char *ending)
{
    char command[400];
    snprintf(command, sizeof command,
             "cd '%s/rocksdb' && for f in *%s; do n=$(stat -c %%s \"$f\"); "
             "dd if=/dev/zero of=\"$f\" bs=1 seek=$((n/2)) count=$((n-n/2)) conv=notrunc 2>/dev/null; done",
             checkpoint_path, ending);
    return system(command);
}

/* A hole in the write-ahead log costs decisions, which RocksDB cannot know; the target's register tells. */
static void a_damaged_log_is_noticed(void **state)
{
    (void)state;
    for (int unit = 0; unit < 6; unit++)
        add_rows(stream, unit * 10, 10, 0);
    struct mr_job job;
    map_job(&job, "1", NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_micro_batches = 1;
    OK(run_job(&job, &options));
    assert_int_equal(damage(".log"), 0);
    assert_int_equal(run_map(NULL), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "SINK_REGISTER_MISMATCH.AHEAD");
    assert_evens(60);
}

static void a_damaged_database_is_named(void **state)
{
    (void)state;
    add_rows(stream, 0, 10, 0);
    OK(run_map(NULL));
    OK(run_map(NULL)); /* opening has flushed a table by now */
    assert_int_equal(damage(".sst"), 0);
    assert_int_equal(run_map(NULL), MR_E_CORRUPT);
    assert_non_null(strstr(error.message, checkpoint_path));
    assert_evens(10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(rows_go_through_once_each),
        T(an_empty_input_decides_nothing),
        T(micro_batches_share_decisions),
        T(state_survives_and_partitions_may_change),
        T(a_failing_row_decides_nothing),
        T(publishing_is_tried_again),
        T(a_refusal_stops_and_keeps_the_batch),
        T(set_aside_is_the_way_past),
        T(a_copied_checkpoint_stops),
        T(a_fork_of_the_same_batch_number_stops),
        T(a_target_put_back_or_lost_stops),
        T(another_querys_plan_is_refused),
        T(two_sinks_share_a_decision_but_not_a_target),
        T(a_schema_change_waits_for_publications),
        T(a_full_refresh_empties_the_target_once),
        T(a_batch_query_takes_everything_and_keeps_nothing),
        T(a_memory_table_goes_on_exactly_once),
        T(progress_looks_like_sparks),
        T(retained_copies_hold_their_input),
        T(a_damaged_log_is_noticed),
        T(a_damaged_database_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
