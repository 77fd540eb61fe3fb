/* tests/api/custom_state_test.c: processors of the program's own: what Spark answered to the same orders
 * (custom_state_cases.json, made by record_custom_state.py). */
#include <time.h>

#include "base/json.h"
#include "tests/api/support.h"

#define START 1767225600LL /* seconds: 2026-01-01T00:00:00Z, as in the recorder */
#define INPUT "key STRING, key2 INT, seq INT, op STRING, name STRING, n BIGINT, at TIMESTAMP"
#define OUTPUT "key STRING, key2 INT, seq INT, text STRING"
enum { SEQ = 2, OP = 3, NAME = 4, N = 5 };

static struct mr_env clock_env;
static int64_t clock_us;

static int64_t clock_now(void)
{
    return clock_us;
}

/* ---- the processor of the recorder ---- */
struct answer {
    struct millrace_call *call;
    char text[2048];
    bool given;
};

static void say(struct answer *answer, const char *format, ...)
{
    size_t used = strlen(answer->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(answer->text + used, sizeof answer->text - used, format, arguments);
    va_end(arguments);
    answer->given = true;
}

static void say_number(struct answer *answer, const struct millrace_rows *rows, int64_t row)
{
    if (!rows)
        say(answer, "none");
    else if (millrace_rows_is_null(rows, row, 0))
        say(answer, "None");
    else
        say(answer, "%lld", (long long)millrace_rows_int(rows, row, 0));
}

static bool is_event(struct millrace_call *call)
{
    return *(const enum millrace_time_mode *)millrace_call_context(call) == MILLRACE_EVENT_TIME;
}

static int64_t when(struct millrace_call *call, int64_t seconds)
{
    return is_event(call) ? (START + seconds) * 1000000 : millrace_call_time_us(call) + seconds * 1000000;
}

static void say_timers(struct answer *answer)
{
    int64_t at_us = INT64_MIN;
    int count = 0;
    bool event = is_event(answer->call);
    while (millrace_timer_next(answer->call, &at_us)) {
        if (event)
            say(answer, "%s%lld", count > 0 ? " " : "<", (long long)(at_us / 1000000 - START));
        count++;
    }
    if (event)
        say(answer, count > 0 ? ">" : "<>");
    else
        say(answer, "%d timers", count);
}

static struct millrace_row *number_row(struct millrace_call *call, const char *variable, int64_t n)
{
    struct millrace_row *row = millrace_variable_row(call, variable);
    millrace_row_int(row, 0, n);
    return row;
}

static void value_order(struct answer *answer, const char *op, int64_t n)
{
    struct millrace_call *call = answer->call;
    if (strcmp(op, "get") == 0)
        say_number(answer, millrace_value_get(call, "value"), 0);
    if (strcmp(op, "set") == 0)
        millrace_value_set(call, "value", number_row(call, "value", n));
    if (strcmp(op, "setnull") == 0)
        millrace_value_set(call, "value", millrace_variable_row(call, "value"));
    if (strcmp(op, "clear") == 0)
        millrace_variable_clear(call, "value");
}

static void list_order(struct answer *answer, const char *op, int64_t n)
{
    struct millrace_call *call = answer->call;
    if (strcmp(op, "append") == 0)
        millrace_list_append(call, "list", number_row(call, "list", n));
    if (strcmp(op, "replace") == 0 || strcmp(op, "listclear") == 0)
        millrace_variable_clear(call, "list");
    for (int64_t i = 0; strcmp(op, "replace") == 0 && i < n; i++)
        millrace_list_append(call, "list", number_row(call, "list", i));
    if (strcmp(op, "list") != 0)
        return;
    const struct millrace_rows *elements = NULL;
    const char *gap = "";
    say(answer, "[");
    while (millrace_list_next(call, "list", &elements))
        for (int64_t i = 0; i < millrace_rows_count(elements); i++) {
            say(answer, "%s", gap);
            say_number(answer, elements, i);
            gap = " ";
        }
    say(answer, "]");
}

static void map_order(struct answer *answer, const char *op, const char *name, int64_t n)
{
    struct millrace_call *call = answer->call;
    struct millrace_row *key = millrace_map_key_row(call, "map");
    millrace_row_text(key, 0, name);
    if (strcmp(op, "put") == 0)
        millrace_map_put(call, "map", key, number_row(call, "map", n));
    if (strcmp(op, "remove") == 0)
        millrace_map_remove(call, "map", key);
    if (strcmp(op, "has") == 0)
        say(answer, millrace_map_get(call, "map", key) ? "yes" : "no");
    if (strcmp(op, "mapget") == 0)
        say_number(answer, millrace_map_get(call, "map", key), 0);
    if (strcmp(op, "mapclear") == 0)
        millrace_variable_clear(call, "map");
    if (strcmp(op, "map") != 0)
        return;
    const struct millrace_rows *keys = NULL, *values = NULL;
    const char *gap = "";
    say(answer, "{");
    while (millrace_map_next(call, "map", &keys, &values))
        for (int64_t i = 0; i < millrace_rows_count(keys); i++) {
            char text[64];
            millrace_rows_text(keys, i, 0, text, sizeof text);
            say(answer, "%s%s=", gap, text);
            say_number(answer, values, i);
            gap = " ";
        }
    say(answer, "}");
}

static void timer_order(struct answer *answer, const char *op, int64_t n)
{
    struct millrace_call *call = answer->call;
    if (strcmp(op, "timer") == 0 || strcmp(op, "repeat") == 0 || strcmp(op, "same") == 0)
        millrace_timer_set(call, when(call, n));
    if (strcmp(op, "repeat") == 0 || strcmp(op, "same") == 0)
        millrace_value_set(call, "left", number_row(call, "left", strcmp(op, "repeat") == 0 ? 3 : -1));
    if (strcmp(op, "untimer") == 0)
        millrace_timer_delete(call, when(call, n));
    if (strcmp(op, "timers") == 0)
        say_timers(answer);
    if (strcmp(op, "now") == 0)
        say(answer, "watermark %lld", (long long)(millrace_call_watermark_us(call) / 1000000 - START));
}

static void emit(struct answer *answer, int64_t seq)
{
    const struct millrace_rows *key = millrace_call_key(answer->call);
    struct millrace_row *row = millrace_output_row(answer->call);
    millrace_row_copy(row, 0, key, 0, 0);
    millrace_row_copy(row, 1, key, 0, 1);
    millrace_row_int(row, 2, seq);
    millrace_row_text(row, 3, answer->text);
    millrace_emit(answer->call, row);
}

static int take_orders(struct millrace_call *call, const struct millrace_rows *rows)
{
    for (int64_t i = 0; i < millrace_rows_count(rows); i++) {
        struct answer answer = {.call = call};
        char op[16], name[16];
        millrace_rows_text(rows, i, OP, op, sizeof op);
        millrace_rows_text(rows, i, NAME, name, sizeof name);
        int64_t n = millrace_rows_int(rows, i, N);
        value_order(&answer, op, n);
        list_order(&answer, op, n);
        map_order(&answer, op, name, n);
        timer_order(&answer, op, n);
        if (answer.given)
            emit(&answer, millrace_rows_int(rows, i, SEQ));
    }
    return 0;
}

static int fire(struct millrace_call *call, int64_t at_us)
{
    struct answer answer = {.call = call};
    say(&answer, "fired");
    if (is_event(call)) {
        say(&answer, " %lld at %lld ", (long long)(at_us / 1000000 - START),
            (long long)(millrace_call_watermark_us(call) / 1000000 - START));
        say_timers(&answer);
    }
    const struct millrace_rows *left = millrace_value_get(call, "left");
    int64_t times = left ? millrace_rows_int(left, 0, 0) : 0;
    if (times < 0) {
        millrace_timer_set(call, at_us);
        millrace_variable_clear(call, "left");
    } else if (times > 0) {
        millrace_value_set(call, "left", number_row(call, "left", times - 1));
        millrace_timer_set(call, at_us + 10000000);
    }
    emit(&answer, -1);
    return 0;
}

/* ---- a case ---- */
static struct millrace_job *case_job(const struct mr_json *described, enum millrace_time_mode *mode,
                                     const char *partitions)
{
    struct mr_str text = {"", 0};
    int64_t ttl_ms = 0;
    mr_json_get_str(described, "mode", &text);
    mr_json_get_i64(described, "ttl_ms", &ttl_ms);
    *mode = mr_str_equal(text, MR_STR("event"))        ? MILLRACE_EVENT_TIME
            : mr_str_equal(text, MR_STR("processing")) ? MILLRACE_PROCESSING_TIME
                                                       : MILLRACE_TIME_NONE;
    struct millrace_job *job = millrace_job_new("orders");
    millrace_job_set(job, "spark.sql.session.timeZone", "UTC");
    millrace_job_set(job, "millrace.workers", "1");
    millrace_job_set(job, "millrace.state.partitions", partitions);
    millrace_job_set(job, "millrace.decision.microBatches", "1");
    mr_json_get_str(described, "output_mode", &text);
    millrace_output_mode(job, mr_str_equal(text, MR_STR("update")) ? MILLRACE_UPDATE : MILLRACE_APPEND);
    const struct millrace_variable variables[] = {{"value", MILLRACE_VALUE, "n BIGINT", NULL, ttl_ms * 1000},
                                                  {"list", MILLRACE_LIST, "n BIGINT", NULL, ttl_ms * 1000},
                                                  {"map", MILLRACE_MAP, "n BIGINT", "name STRING",
                                                   ttl_ms * 1000},
                                                  {"left", MILLRACE_VALUE, "n BIGINT", NULL, 0},
                                                  {0}};
    struct millrace_stream *s = millrace_read(job, "memory", "stream", "orders", "schema", INPUT, NULL);
    if (*mode == MILLRACE_EVENT_TIME)
        s = millrace_watermark(s, "at", "10 seconds");
    s = millrace_process(s, &(struct millrace_processor){.keys = "key, key2",
                                                         .output = OUTPUT,
                                                         .time_mode = *mode,
                                                         .variables = variables,
                                                         .rows = take_orders,
                                                         .timer = fire,
                                                         .ctx = mode});
    millrace_write(s, "memory", "table", "answers", NULL);
    check(job);
    return job;
}

static void feed(struct millrace_job *job, const struct mr_json *rows)
{
    struct mr_text lines;
    mr_text_init(&lines);
    for (const struct mr_json *row = rows->first; row; row = row->next) {
        mr_text_append(&lines, row->raw.data, row->raw.size);
        mr_text_append_char(&lines, '\n');
    }
    millrace_memory_append_json(job, "orders", lines.data, lines.size);
    check(job);
    mr_text_release(&lines);
}

/* What is to come, sorted: as the recorder sorts. */
static const char *expected(const struct mr_json *batch)
{
    static struct lines lines;
    lines.text[0] = 0;
    for (const struct mr_json *row = batch->first; row; row = row->next)
        sprintf(lines.text + strlen(lines.text), "%.*s\n", (int)row->raw.size, row->raw.data);
    return sorted(&lines);
}

/* Each micro-batch's rows, as the program gets them; empty ones do not come. */
struct answers {
    struct lines batches[64];
    int64_t numbers[64];
    int count;
};
static struct answers answers;

static void read_answers(struct millrace_job *job, int64_t *next)
{
    struct millrace_rows *all = NULL;
    answers.count = 0;
    for (int gap = 0; gap < 8; (*next)++) {
        millrace_memory_read(job, "answers", *next, &all);
        int64_t count = millrace_rows_count(all);
        gap = count > 0 ? 0 : gap + 1;
        if (count > 0) {
            struct lines *lines = &answers.batches[answers.count++];
            lines->text[0] = 0;
            for (int64_t row = 0; row < count; row++) {
                size_t used = strlen(lines->text);
                millrace_rows_json(all, row, lines->text + used, sizeof lines->text - used);
                strcat(lines->text, "\n");
            }
        }
        millrace_rows_free(all);
        all = NULL;
    }
    *next -= 8;
}

static void run_step(struct millrace_job *job, const struct mr_json *step, const char *where, bool together,
                     int64_t *next)
{
    char copy[1 << 14];
    int64_t wait_s = 0;
    int at = 0;
    mr_json_get_i64(step, "wait_s", &wait_s);
    for (int64_t second = 0; together && second < wait_s; second++) { /* timers are looked at all the time */
        clock_us += 1000000;
        millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
        check(job);
    }
    feed(job, mr_json_member(step, "rows"));
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    if (together)
        return;
    read_answers(job, next);
    for (const struct mr_json *batch = mr_json_member(step, "answer")->first; batch; batch = batch->next) {
        strcpy(copy, expected(batch));
        if (at == answers.count)
            fail_msg("%s: a batch is missing:\n%s", where, copy);
        const char *got = sorted(&answers.batches[at++]);
        if (strcmp(got, copy) != 0)
            fail_msg("%s, batch %d: Spark gave\n%sand here came\n%s", where, at - 1, copy, got);
    }
    if (at < answers.count)
        fail_msg("%s: Spark gave nothing more, and here came\n%s", where, answers.batches[at].text);
}

static void run_case(const struct mr_json *described, const char *partitions)
{
    enum millrace_time_mode mode;
    char where[128];
    int64_t next = 0;
    int number = 0;
    clock_us = START * 1000000;
    struct millrace_job *job = case_job(described, &mode, partitions);
    const struct mr_json *last = NULL;
    for (const struct mr_json *step = mr_json_member(described, "steps")->first; step; step = step->next) {
        snprintf(where, sizeof where, "%.*s, step %d", (int)described->key.size, described->key.data,
                 number++);
        run_step(job, step, where, mode == MILLRACE_PROCESSING_TIME, &next);
        last = step;
    }
    if (mode == MILLRACE_PROCESSING_TIME) {
        char copy[1 << 14];
        for (int second = 0; second < 3; second++) {
            clock_us += 1000000;
            millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
        }
        strcpy(copy, expected(mr_json_member(last, "answer")->first));
        assert_string_equal(table_lines(job, "answers", -1), copy);
    }
    millrace_job_free(job);
}

static void as_spark_answered(void **state)
{
    static const char *const partitions[] = {"1", "3"};
    struct mr_arena arena;
    struct mr_json *cases;
    struct mr_error error;
    char text[1 << 16];
    (void)state;
    FILE *file = fopen("tests/api/custom_state_cases.json", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_true(size < sizeof text);
    clock_env = *mr_env_system();
    clock_env.now_us = clock_now;
    mr_env_replace(&clock_env);
    mr_arena_init(&arena);
    assert_int_equal(mr_json_parse(&arena, (struct mr_str){text, size}, &cases, &error), 0);
    for (int p = 0; p < 2; p++)
        for (const struct mr_json *one = cases->first; one; one = one->next) {
            run_case(one, partitions[p]);
            mr_directory_remove(folder, &error);
            assert_int_equal(mr_directory_create(folder, &error), 0);
        }
    mr_arena_release(&arena);
    mr_env_replace(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(as_spark_answered, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
