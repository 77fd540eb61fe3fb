/* tests/runtime/crash_test.c: killed at every named point, once and again during recovery, a query loses and
 * doubles nothing. (tests/crash/ kills at every durable call and judges by other readers; this is the quick
 * half.) */
#include "tests/runtime/support.h"

#define UNITS 12
#define ROWS 500
#define MODULO 37

static const char *const points[] = {
    "open.locked",    "open.recovered", "recover.register", "recover.enrolled", "recover.publishing",
    "plan.after",     "execute.after",  "prepare.after",    "decide.before",    "decide.after",
    "publish.before", "publish.after",  "publish.marked",   "retain.created",   "publish.ambiguous",
};
#define POINTS (sizeof points / sizeof *points)

/* The program that is killed: all units, one per micro-batch, two micro-batches per decision. */
static int child(const char *kind, const char *checkpoint, const char *table, const char *faulty)
{
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s", checkpoint);
    snprintf(table_path, sizeof table_path, "%s", table);
    mr_log_level_set(MR_LOG_ERROR);
    mr_arena_init(&schemas);
    mr_schema_parse(&schemas, MR_STR("k BIGINT, v BIGINT"), &pair_schema, &error);
    mr_schema_parse(&schemas, MR_STR("k BIGINT, c BIGINT, s BIGINT"), &triple_schema, &error);
    mr_memory_stream_open(&stream, "in", pair_schema, &error);
    for (int unit = 0; unit < UNITS; unit++)
        add_rows(stream, unit * ROWS, ROWS, strcmp(kind, "count") == 0 ? MODULO : 0);
    if (*faulty == 'y') {
        fault.kind = FAULT_LOST_ANSWER;
        fault.times = 1;
    }
    struct mr_job job;
    if (strcmp(kind, "count") == 0)
        count_job(&job, "1");
    else
        map_job(&job, "1", NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_micro_batches = 2;
    options.retain_every = 4;
    options.partitions = 3;
    int status = run_job(&job, &options);
    if (status < 0) {
        char text[2048];
        mr_error_format(&error, text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    mr_memory_stream_close(stream);
    mr_arena_release(&schemas);
    return status < 0 ? 1 : 0;
}

/* true: it ran to its end; false: it was killed. */
static bool run_child(const char *kind, const char *killpoint, bool faulty)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (killpoint)
            setenv("MILLRACE_KILLPOINT", killpoint, 1);
        execl("/proc/self/exe", "crash_test", kind, checkpoint_path, table_path, faulty ? "yes" : "no",
              (char *)NULL);
        _exit(9);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s with %s ended with status %x", kind, killpoint ? killpoint : "no kill point", status);
    return true;
}

static void check_count(void)
{
    struct mr_text text;
    mr_text_init(&text);
    OK(mr_file_read_all(table_path, &text, &error));
    int64_t last[MODULO] = {0}, emissions = 0;
    for (char *line = strchr(text.data, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        long long k, c, s;
        assert_int_equal(sscanf(line + 1, "%lld,%lld,%lld", &k, &c, &s), 3);
        assert_true(c > last[k]); /* a doubled emission would repeat a count */
        last[k] = c;
        emissions++;
    }
    mr_text_release(&text);
    int64_t total = 0;
    for (int k = 0; k < MODULO; k++)
        total += last[k];
    assert_int_equal(total, UNITS * ROWS);
    assert_int_equal(emissions, UNITS * MODULO); /* every micro-batch touches every key once */
}

static void check(const char *kind)
{
    if (strcmp(kind, "count") == 0)
        check_count();
    else
        assert_evens(UNITS * ROWS);
}

static void clear_all(void)
{
    OK(mr_directory_remove(checkpoint_path, &error));
    mr_env()->unlink(table_path);
}

static void killed_once(void **state)
{
    (void)state;
    const char *kinds[] = {"map", "count"};
    int killed = 0, counts[] = {1, 3};
    for (int kind = 0; kind < 2; kind++) {
        for (size_t p = 0; p < POINTS; p++) {
            for (int c = 0; c < 2; c++) {
                char point[64];
                snprintf(point, sizeof point, "%s:%d", points[p], counts[c]);
                bool faulty = strcmp(points[p], "publish.ambiguous") == 0;
                killed += !run_child(kinds[kind], point, faulty);
                assert_true(run_child(kinds[kind], NULL, false));
                check(kinds[kind]);
                clear_all();
            }
        }
    }
    print_message("killed %d times\n", killed);
    assert_true(killed > 40);
}

static void killed_again_while_recovering(void **state)
{
    (void)state;
    static const char *const firsts[] = {"execute.after", "decide.after", "publish.before", "publish.after"};
    int killed = 0;
    for (size_t first = 0; first < sizeof firsts / sizeof *firsts; first++) {
        for (size_t second = 0; second < POINTS; second++) {
            char point[64];
            snprintf(point, sizeof point, "%s:%d", firsts[first], 2);
            assert_false(run_child("count", point, false));
            killed += !run_child("count", points[second], true);
            assert_true(run_child("count", NULL, false));
            check("count");
            clear_all();
        }
    }
    print_message("killed %d times\n", killed);
    assert_true(killed > 40);
}

int main(int count, char **arguments)
{
    if (count == 5)
        return child(arguments[1], arguments[2], arguments[3], arguments[4]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(killed_again_while_recovering, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
