/* tests/api/processor_test.c: processors over restarts, deaths, other numbers of partitions, and changes of
 * what they keep; huge lists; errors; timers of a source that stands still. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/api/support.h"

#define COLUMNS "k STRING, n BIGINT, at TIMESTAMP"

static struct lines lines;

static struct millrace_job *new_job(const char *partitions)
{
    struct millrace_job *job = millrace_job_new(NULL);
    millrace_job_set(job, "spark.sql.session.timeZone", "UTC");
    millrace_job_set(job, "millrace.workers", "2");
    millrace_job_set(job, "millrace.state.partitions", partitions);
    millrace_job_set(job, "millrace.decision.microBatches", "1");
    return job;
}

static struct millrace_stream *read_files(struct millrace_job *job)
{
    return millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema", COLUMNS,
                         "maxFilesPerTrigger", "1", NULL);
}

/* Runs a job whose rows go to `lines`, and frees it. */
static int run_into_lines(struct millrace_job *job, struct millrace_stream *stream)
{
    lines.text[0] = 0;
    lines.calls = 0;
    millrace_write_callback(stream, collect, &lines);
    return millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
}

static struct millrace_row *filled(struct millrace_row *row, int64_t n)
{
    millrace_row_int(row, 0, n);
    return row;
}

static int emit_number(struct millrace_call *call, int64_t n)
{
    struct millrace_row *row = millrace_output_row(call);
    millrace_row_copy(row, 0, millrace_call_key(call), 0, 0);
    millrace_row_int(row, 1, n);
    return millrace_emit(call, row);
}

/* ---- everything counted in three ways ---- */
static int64_t list_sum(struct millrace_call *call)
{
    int64_t sum = 0;
    const struct millrace_rows *elements = NULL;
    while (millrace_list_next(call, "list", &elements))
        for (int64_t i = 0; i < millrace_rows_count(elements); i++)
            sum += millrace_rows_int(elements, i, 0);
    return sum;
}

static int64_t map_sum(struct millrace_call *call)
{
    int64_t sum = 0;
    const struct millrace_rows *keys = NULL, *values = NULL;
    while (millrace_map_next(call, "map", &keys, &values))
        for (int64_t i = 0; i < millrace_rows_count(keys); i++)
            sum += millrace_rows_int(keys, i, 0) * millrace_rows_int(values, i, 0);
    return sum;
}

/* Sums n in a value, a list, and a map from n to how often it came; the three agree. */
static int sum_up(struct millrace_call *call, const struct millrace_rows *rows)
{
    const struct millrace_rows *before = millrace_value_get(call, "value");
    int64_t sum = millrace_rows_int(before, 0, 0);
    for (int64_t i = 0; i < millrace_rows_count(rows); i++) {
        int64_t n = millrace_rows_int(rows, i, 1);
        sum += n;
        millrace_list_append(call, "list", filled(millrace_variable_row(call, "list"), n));
        struct millrace_row *key = filled(millrace_map_key_row(call, "map"), n);
        int64_t times = millrace_rows_int(millrace_map_get(call, "map", key), 0, 0);
        millrace_map_put(call, "map", key, filled(millrace_variable_row(call, "map"), times + 1));
        millrace_timer_set(call, millrace_rows_int(rows, i, 2) + 60000000);
    }
    millrace_value_set(call, "value", filled(millrace_variable_row(call, "value"), sum));
    if (list_sum(call) != sum || map_sum(call) != sum)
        return millrace_call_fail(call, "value %lld, list %lld, map %lld", (long long)sum,
                                  (long long)list_sum(call), (long long)map_sum(call));
    return 0;
}

static int tell_sum(struct millrace_call *call, int64_t at_us)
{
    (void)at_us;
    return emit_number(call, millrace_rows_int(millrace_value_get(call, "value"), 0, 0));
}

static struct millrace_stream *sums(struct millrace_job *job)
{
    static const struct millrace_variable variables[] = {{"value", MILLRACE_VALUE, "n BIGINT", NULL, 0},
                                                         {"list", MILLRACE_LIST, "n BIGINT", NULL, 0},
                                                         {"map", MILLRACE_MAP, "c BIGINT", "n BIGINT", 0},
                                                         {NULL, 0, NULL, NULL, 0}};
    return millrace_process(millrace_watermark(read_files(job), "at", "0 seconds"),
                            &(struct millrace_processor){.keys = "k",
                                                         .output = "k STRING, n BIGINT",
                                                         .time_mode = MILLRACE_EVENT_TIME,
                                                         .variables = variables,
                                                         .rows = sum_up,
                                                         .timer = tell_sum});
}

/* A file with a row for each of the keys, at this minute. */
static void put_minute(int minute, int keys)
{
    char name[32];
    struct mr_text text;
    mr_text_init(&text);
    for (int key = 0; key < keys; key++)
        mr_text_format(&text, "{\"k\":\"key %d\",\"n\":%d,\"at\":\"2026-01-01T%02d:%02d:00Z\"}\n", key,
                       key + minute, 10 + minute / 60, minute % 60);
    snprintf(name, sizeof name, "in/%03d.json", minute);
    put_file(name, text.data);
    mr_text_release(&text);
}

/* What the timers of a minute's file tell: all rows so far, those of the file after it not yet, summed up. */
static void expect_sums(int keys, int minutes)
{
    static struct lines wanted;
    wanted.text[0] = 0;
    char copy[1 << 16];
    for (int key = 0; key < keys; key++)
        sprintf(wanted.text + strlen(wanted.text), "{\"k\":\"key %d\",\"n\":%d}\n", key,
                minutes * key + minutes * (minutes - 1) / 2);
    strcpy(copy, sorted(&wanted));
    char *got = lines.text; /* without the batches' numbers */
    static struct lines bare;
    bare.text[0] = 0;
    for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n"))
        sprintf(bare.text + strlen(bare.text), "%s\n", strchr(line, '{'));
    assert_string_equal(sorted(&bare), copy);
}

static void other_partitions(void **state)
{
    static const char *const partitions[] = {"1", "4", "2", "2", "7", "1"};
    (void)state;
    for (int minute = 0; minute < 6; minute++) {
        put_minute(minute, 200);
        struct millrace_job *job = new_job(partitions[minute]);
        if (minute > 2) /* rows, and the micro-batch without them, in one decision */
            millrace_job_set(job, "millrace.decision.microBatches", "10");
        run_into_lines(job, sums(job));
        check(job);
        millrace_job_free(job);
        if (minute > 0) /* the minute before is over, in the micro-batch without data behind the rows */
            expect_sums(200, minute + 1);
    }
}

/* ---- death ---- */
static void die_at(const char *killpoint)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("MILLRACE_KILLPOINT", killpoint, 1);
        struct millrace_job *job = new_job("2");
        struct millrace_stream *s = sums(job);
        millrace_write(s, "delta", "path", in_folder("table"), NULL);
        millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void death_between_decide_and_publish(void **state)
{
    char sql[512];
    (void)state;
    for (int minute = 0; minute < 5; minute++)
        put_minute(minute, 3);
    die_at("decide.after:3");
    die_at("decide.before:2");
    die_at("execute.after");
    struct millrace_job *job = new_job("3");
    millrace_write(sums(job), "delta", "path", in_folder("table"), NULL);
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    snprintf(sql, sizeof sql, "SELECT k, count(*) AS c, max(n) AS m FROM delta.`%s` GROUP BY k",
             in_folder("table"));
    assert_string_equal(query_lines(job, sql), "{\"k\":\"key 0\",\"c\":4,\"m\":10}\n"
                                               "{\"k\":\"key 1\",\"c\":4,\"m\":15}\n"
                                               "{\"k\":\"key 2\",\"c\":4,\"m\":20}\n");
    millrace_job_free(job);
}

/* ---- a list of 100,000 elements ---- */
#define HUGE_LIST 100000

static int grow(struct millrace_call *call, const struct millrace_rows *rows)
{
    int64_t n = millrace_rows_int(rows, 0, 1), length = 0;
    char filler[101];
    memset(filler, 'x', 100);
    filler[100] = 0;
    for (int64_t i = 0; n == 1 && i < HUGE_LIST / 10; i++) { /* ten files of it */
        struct millrace_row *row = millrace_variable_row(call, "list");
        millrace_row_text(row, 0, filler);
        millrace_list_append(call, "list", row);
    }
    if (n == 3)
        millrace_variable_clear(call, "list");
    if (n == 1)
        return 0;
    const struct millrace_rows *elements = NULL;
    while (millrace_list_next(call, "list", &elements))
        length += millrace_rows_count(elements);
    return emit_number(call, length);
}

static struct millrace_stream *growing(struct millrace_job *job)
{
    static const struct millrace_variable variables[] = {{"list", MILLRACE_LIST, "text STRING", NULL, 0},
                                                         {NULL, 0, NULL, NULL, 0}};
    return millrace_process(read_files(job), &(struct millrace_processor){.keys = "k",
                                                                          .output = "k STRING, n BIGINT",
                                                                          .variables = variables,
                                                                          .rows = grow});
}

static void huge_list(void **state)
{
    static const char *const wanted[] = {"10 {\"k\":\"a\",\"n\":100000}\n", "11 {\"k\":\"a\",\"n\":100000}\n",
                                         "12 {\"k\":\"a\",\"n\":0}\n", "13 {\"k\":\"a\",\"n\":0}\n"};
    static const int orders[] = {2, 2, 3, 2};
    char name[32];
    (void)state;
    for (int file = 0; file < 10; file++) {
        snprintf(name, sizeof name, "in/%02d.json", file);
        put_file(name, "{\"k\":\"a\",\"n\":1}\n");
    }
    for (int step = 0; step < 4; step++) {
        char text[64];
        snprintf(name, sizeof name, "in/%02d.json", 10 + step);
        snprintf(text, sizeof text, "{\"k\":\"a\",\"n\":%d}\n", orders[step]);
        put_file(name, text);
        struct millrace_job *job = new_job("1");
        millrace_job_set(job, "millrace.memory.limitMiB", "32");
        size_t before = mr_memory_used();
        run_into_lines(job, growing(job));
        check(job);
        /* All elements at once would be more than that: they are 14 MB, and as many as entries in memory 24.
         */
        assert_true(mr_memory_peak() - before < (size_t)24 << 20);
        assert_string_equal(lines.text, wanted[step]);
        millrace_job_free(job);
    }
}

/* ---- errors ---- */
static int say_no(struct millrace_call *call, const struct millrace_rows *rows)
{
    if (millrace_rows_int(rows, 0, 1) == 13)
        return millrace_call_fail(call, "%d is no number", 13);
    return emit_number(call, millrace_rows_int(rows, 0, 1));
}

static void an_error_of_the_program(void **state)
{
    (void)state;
    put_file("in/1.json", "{\"k\":\"a\",\"n\":1}\n");
    put_file("in/2.json", "{\"k\":\"b\",\"n\":13}\n");
    struct millrace_job *job = new_job("2");
    struct millrace_stream *s =
        millrace_process(read_files(job), &(struct millrace_processor){.keys = "k, n % 2 AS odd",
                                                                       .output = "k STRING, n BIGINT",
                                                                       .rows = say_no});
    assert_int_equal(run_into_lines(job, s), MILLRACE_IO);
    assert_string_equal(millrace_error_condition(job), "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR");
    assert_string_equal(millrace_error_message(job),
                        "The processor's function for rows failed for the key (k = "
                        "b, odd = 1): 13 is no number");
    assert_string_equal(lines.text, "0 {\"k\":\"a\",\"n\":1}\n");
    millrace_job_free(job);
}

static int misuse(struct millrace_call *call, const struct millrace_rows *rows)
{
    switch (millrace_rows_int(rows, 0, 1)) {
    case 1:
        millrace_timer_set(call, 5);
        break;
    case 2:
        millrace_value_get(call, "no such");
        break;
    case 3:
        millrace_list_append(call, "value", millrace_variable_row(call, "value"));
        break;
    case 4:
        millrace_row_text(millrace_variable_row(call, "value"), 0, "text");
        break;
    case 5:
        millrace_row_int(millrace_variable_row(call, "value"), 1, 300);
        break;
    case 6:
        millrace_emit(call, millrace_variable_row(call, "value"));
        break;
    default:
        millrace_row_int(millrace_variable_row(call, "value"), 7, 0);
    }
    return 0; /* the error counts all the same */
}

static void wrong_calls(void **state)
{
    static const char *const conditions[] = {
        "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE",
        "INVALID_PARAMETER_VALUE",
        "INVALID_PARAMETER_VALUE",
        "INVALID_PARAMETER_VALUE",
        "ARITHMETIC_OVERFLOW",
        "INVALID_PARAMETER_VALUE",
        "INVALID_PARAMETER_VALUE"};
    static const struct millrace_variable variables[] = {{"value", MILLRACE_VALUE, "n BIGINT, b TINYINT",
                                                          NULL, 0},
                                                         {NULL, 0, NULL, NULL, 0}};
    (void)state;
    for (int i = 1; i <= 7; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"k\":\"b\",\"n\":%d}\n", i);
        put_file("in/1.json", text);
        struct millrace_job *job = new_job("1");
        run_into_lines(job,
                       millrace_process(read_files(job), &(struct millrace_processor){.keys = "k",
                                                                                      .output = "n INT",
                                                                                      .variables = variables,
                                                                                      .rows = misuse}));
        assert_string_equal(millrace_error_condition(job), conditions[i - 1]);
        assert_non_null(strstr(millrace_error_message(job), "the key (k = b)"));
        millrace_job_free(job);
    }
}

static void wrong_processors(void **state)
{
    static const struct millrace_variable twice[] = {{"v", MILLRACE_VALUE, "n INT", NULL, 0},
                                                     {"v", MILLRACE_LIST, "n INT", NULL, 0},
                                                     {NULL, 0, NULL, NULL, 0}};
    static const struct millrace_variable expires[] = {{"v", MILLRACE_VALUE, "n INT", NULL, 5},
                                                       {NULL, 0, NULL, NULL, 0}};
    static const struct millrace_variable below[] = {{"v", MILLRACE_VALUE, "n INT", NULL, -5},
                                                     {NULL, 0, NULL, NULL, 0}};
    static const struct millrace_variable bare[] = {{"v", MILLRACE_MAP, "n INT", NULL, 0},
                                                    {NULL, 0, NULL, NULL, 0}};
    const struct {
        struct millrace_processor processor;
        const char *condition;
    } wrong[] = {
        {{.keys = "k", .output = "n INT"}, "INVALID_PARAMETER_VALUE"},
        {{.output = "n INT", .rows = say_no}, "INVALID_PARAMETER_VALUE"},
        {{.keys = "k", .rows = say_no}, "INVALID_PARAMETER_VALUE"},
        {{.keys = "k", .output = "n INTT", .rows = say_no}, "UNSUPPORTED_DATATYPE"},
        {{.keys = "k", .output = "n INT", .rows = say_no, .variables = twice},
         "STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED"},
        {{.keys = "k", .output = "n INT", .rows = say_no, .variables = expires},
         "STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL"},
        {{.keys = "k", .output = "n INT", .rows = say_no, .variables = below},
         "STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE"},
        {{.keys = "k", .output = "n INT", .rows = say_no, .variables = bare}, "INVALID_PARAMETER_VALUE"},
        {{.keys = "nosuch", .output = "n INT", .rows = say_no}, "UNRESOLVED_COLUMN.WITH_SUGGESTION"},
        {{.keys = "k", .output = "n INT", .rows = say_no, .time_mode = MILLRACE_EVENT_TIME},
         "_LEGACY_ERROR_TEMP_3102"},
    };
    (void)state;
    put_file("in/1.json", "{\"k\":\"b\",\"n\":1}\n");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct millrace_job *job = new_job("1");
        millrace_write_callback(millrace_process(read_files(job), &wrong[i].processor), collect, &lines);
        millrace_job_check(job);
        assert_string_equal(millrace_error_condition(job), wrong[i].condition);
        millrace_job_free(job);
    }
}

/* ---- what changes over a checkpoint ---- */
static int keep(struct millrace_call *call, const struct millrace_rows *rows)
{
    int64_t kept = millrace_rows_int(millrace_value_get(call, "first"), 0, 0);
    millrace_value_set(call, "first",
                       filled(millrace_variable_row(call, "first"), kept + millrace_rows_int(rows, 0, 1)));
    return emit_number(call, kept);
}

static int pass_on(struct millrace_call *call, const struct millrace_rows *rows)
{
    return emit_number(call, millrace_rows_int(rows, 0, 1));
}

static const char *change(const char *keys, enum millrace_time_mode mode,
                          const struct millrace_variable *variables,
                          int (*rows)(struct millrace_call *, const struct millrace_rows *))
{
    static char condition[128];
    static int file;
    char name[32];
    snprintf(name, sizeof name, "in/%03d.json", file++);
    put_file(name, "{\"k\":\"a\",\"n\":1}\n");
    struct millrace_job *job = new_job("2");
    run_into_lines(job, millrace_process(read_files(job),
                                         &(struct millrace_processor){.keys = keys,
                                                                      .output = "k STRING, n BIGINT",
                                                                      .time_mode = mode,
                                                                      .variables = variables,
                                                                      .rows = rows}));
    snprintf(condition, sizeof condition, "%s", millrace_error_condition(job));
    if (condition[0] == 0) {
        char *row = strrchr(lines.text, '{'); /* what the last file gave */
        snprintf(condition, sizeof condition, "%s", row ? row : "nothing");
    }
    millrace_job_free(job);
    return condition;
}

static void changes(void **state)
{
#define END                                                                                                  \
    {                                                                                                        \
        NULL, 0, NULL, NULL, 0                                                                               \
    }
    static const struct millrace_variable first[] = {{"first", MILLRACE_VALUE, "n BIGINT", NULL, 0}, END};
    static const struct millrace_variable more[] = {{"other", MILLRACE_LIST, "s STRING", NULL, 0},
                                                    {"first", MILLRACE_VALUE, "n BIGINT", NULL, 0},
                                                    END};
    static const struct millrace_variable other[] = {{"other", MILLRACE_LIST, "s STRING", NULL, 0}, END};
    static const struct millrace_variable type[] = {{"first", MILLRACE_VALUE, "n INT", NULL, 0}, END};
    static const struct millrace_variable kind[] = {{"first", MILLRACE_LIST, "n BIGINT", NULL, 0}, END};
    static const struct millrace_variable removed[] = {{"first", MILLRACE_REMOVED, NULL, NULL, 0},
                                                       {"never", MILLRACE_REMOVED, NULL, NULL, 0},
                                                       END};
    const enum millrace_time_mode none = MILLRACE_TIME_NONE;
    (void)state;
    assert_string_equal(change("k", none, first, keep), "{\"k\":\"a\",\"n\":0}\n");
    assert_string_equal(change("k, n", none, first, keep), "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE");
    assert_string_equal(change("k", MILLRACE_PROCESSING_TIME, first, keep),
                        "STATE_STORE_INVALID_CONFIG_AFTER_RESTART");
    assert_string_equal(change("k", none, type, pass_on), "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE");
    assert_string_equal(change("k", none, kind, pass_on), "STATE_STORE_INVALID_VARIABLE_TYPE_CHANGE");
    /* Nothing of that was read: five files wait. A variable more, in another order, is fine. */
    assert_string_equal(change("k", none, more, keep), "{\"k\":\"a\",\"n\":5}\n");
    /* One that is not declared keeps what it holds. */
    assert_string_equal(change("k", none, other, pass_on), "{\"k\":\"a\",\"n\":1}\n");
    assert_string_equal(change("k", none, type, pass_on), "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE");
    assert_string_equal(change("k", none, first, keep), "{\"k\":\"a\",\"n\":7}\n");
    /* Removed, it may come back as something else. */
    assert_string_equal(change("k", none, removed, pass_on), "{\"k\":\"a\",\"n\":1}\n");
    assert_string_equal(change("k", none, removed, pass_on), "{\"k\":\"a\",\"n\":1}\n");
    assert_string_equal(change("k", none, type, keep), "{\"k\":\"a\",\"n\":0}\n");
#undef END
}

/* ---- windows over what a processor emits ---- */
static int shift(struct millrace_call *call, const struct millrace_rows *rows)
{
    for (int64_t i = 0; i < millrace_rows_count(rows); i++) {
        struct millrace_row *row = millrace_output_row(call);
        millrace_row_int(row, 0, millrace_rows_int(rows, i, 2) - *(int64_t *)millrace_call_context(call));
        millrace_row_copy(row, 1, rows, i, 1);
        millrace_emit(call, row);
    }
    return 0;
}

static void windows_above(void **state)
{
    int64_t shifts_us[] = {0, 150000000};
    (void)state;
    for (int minute = 0; minute < 4; minute++)
        put_minute(minute, 3);
    for (int i = 0; i < 2; i++) {
        struct millrace_job *job = new_job("2");
        struct millrace_stream *s = millrace_watermark(read_files(job), "at", "30 seconds");
        s = millrace_process(s, &(struct millrace_processor){.keys = "k",
                                                             .output = "at TIMESTAMP, n BIGINT",
                                                             .event_time = "at",
                                                             .time_mode = MILLRACE_EVENT_TIME,
                                                             .rows = shift,
                                                             .ctx = &shifts_us[i]});
        s = millrace_group(s, "window(at, '1 minute')", "sum(n) AS n");
        int result = run_into_lines(job, millrace_select(s, "minute(window.start) AS m, n"));
        assert_string_equal(millrace_error_condition(job),
                            i == 0 ? "" : "EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED");
        assert_int_equal(result, i == 0 ? MILLRACE_OK : MILLRACE_DATA);
        if (i == 0) {
            char *rows = strchr(sorted(&lines), '{');
            assert_non_null(strstr(rows, "{\"m\":0,\"n\":3}"));
            assert_non_null(strstr(rows, "{\"m\":1,\"n\":6}"));
            assert_null(strstr(rows, "{\"m\":2,"));
        }
        millrace_job_free(job);
        struct mr_error error;
        assert_int_equal(mr_directory_remove(in_folder("checkpoint"), &error), 0);
    }
}

/* ---- a batch query over it ---- */
/* The two files' rows of a key come in any order. */
static int count_rows(struct millrace_call *call, const struct millrace_rows *rows)
{
    return emit_number(call, millrace_rows_count(rows));
}

static void as_a_batch(void **state)
{
    (void)state;
    put_minute(0, 3);
    put_minute(1, 3);
    struct millrace_job *job = new_job("2");
    millrace_name(millrace_process(read_files(job),
                                   &(struct millrace_processor){.keys = "k",
                                                                .output = "k STRING, n BIGINT",
                                                                .rows = count_rows}),
                  "passed");
    assert_string_equal(query_lines(job, "SELECT k, count(*) AS c, min(n) AS n FROM passed GROUP BY k"),
                        "{\"k\":\"key 0\",\"c\":1,\"n\":2}\n{\"k\":\"key 1\",\"c\":1,\"n\":2}\n"
                        "{\"k\":\"key 2\",\"c\":1,\"n\":2}\n");
    millrace_job_free(job);
}

/* ---- timers while nothing comes ---- */
static int wait_a_little(struct millrace_call *call, const struct millrace_rows *rows)
{
    (void)rows;
    return millrace_timer_set(call, millrace_call_time_us(call) + 300000);
}

static int stop_job(struct millrace_call *call, int64_t at_us)
{
    if (millrace_call_time_us(call) < at_us)
        return millrace_call_fail(call, "too early");
    millrace_job_stop(millrace_call_context(call));
    return emit_number(call, 1);
}

static void timers_while_idle(void **state)
{
    (void)state;
    put_file("in/1.json", "{\"k\":\"a\",\"n\":1}\n");
    for (int interval = 0; interval < 2; interval++) {
        char checkpoint[32];
        struct millrace_job *job = new_job("2");
        if (interval)
            millrace_job_set(job, "pipelines.trigger.interval", "100 milliseconds");
        struct millrace_stream *s =
            millrace_process(read_files(job),
                             &(struct millrace_processor){.keys = "k",
                                                          .output = "k STRING, n BIGINT",
                                                          .time_mode = MILLRACE_PROCESSING_TIME,
                                                          .rows = wait_a_little,
                                                          .timer = stop_job,
                                                          .ctx = job});
        lines.text[0] = 0;
        millrace_write_callback(s, collect, &lines);
        snprintf(checkpoint, sizeof checkpoint, "checkpoint %d", interval);
        millrace_job_run(job, MILLRACE_CONTINUOUS, in_folder(checkpoint));
        check(job);
        assert_non_null(strstr(lines.text, "{\"k\":\"a\",\"n\":1}"));
        millrace_job_free(job);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    /* The first forks: a child has no use of a RocksDB whose threads stayed behind. */
    const struct CMUnitTest tests[] = {TEST(death_between_decide_and_publish),
                                       TEST(other_partitions),
                                       TEST(huge_list),
                                       TEST(an_error_of_the_program),
                                       TEST(wrong_calls),
                                       TEST(wrong_processors),
                                       TEST(changes),
                                       TEST(as_a_batch),
                                       TEST(windows_above),
                                       TEST(timers_while_idle)};
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
