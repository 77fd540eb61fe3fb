/* tests/sql/static_side_test.c: a stream joined with something static: what is read anew, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "runtime/progress.h"
#include "sinks/memory.h"
#include "sql/run.h"

static char base[64];
static struct mr_error error;

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            fail_msg("%s: [%s] %s", #call, error.condition, error.message);                                  \
    } while (0)

static int set_up(void **state)
{
    char path[128];
    (void)state;
    snprintf(base, sizeof base, "/tmp/mr_static_XXXXXX");
    if (!mkdtemp(base))
        return -1;
    static const char *const folders[] = {"in", "dim"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", base, folders[i]);
        mkdir(path, 0777);
    }
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static void write_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", base, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- names: `in` is the stream of a folder, `dim` files, `t` a Delta table ---- */
static int open_relation(const struct mr_relation_request *request, const char *type, const char *folder,
                         bool stream, struct mr_relation *out, struct mr_error *e)
{
    struct mr_arena *arena = &request->job->arena;
    struct mr_source *source =
        mr_job_new_source(request->job, mr_source_type_find(mr_str_of(type)), request->source_name, e);
    struct mr_option *options = MR_ARENA_ARRAY(arena, struct mr_option, 3);
    if (!source || !options)
        return e->code;
    options[source->option_count++] =
        (struct mr_option){"path", mr_arena_format(arena, "%s/%s", base, folder)};
    if (strcmp(type, "files") == 0)
        options[source->option_count++] = (struct mr_option){"format", "json"};
    if (stream)
        options[source->option_count++] = (struct mr_option){"maxFilesPerTrigger", "1"};
    if (strcmp(type, "files") == 0)
        MR_TRY(mr_schema_parse(arena, MR_STR("k BIGINT, v STRING"), &source->declared_schema, e));
    source->options = options;
    MR_TRY(mr_job_open_source(request->job, source, e));
    out->source = source;
    out->hidden_columns = source->hidden_columns;
    out->streaming = stream;
    return MR_OK;
}

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *e)
{
    struct mr_str name = request->name->parts[0];
    (void)ctx;
    if (mr_str_equal(name, MR_STR("s")))
        return open_relation(request, "files", "in", true, out, e);
    if (mr_str_equal(name, MR_STR("dim")))
        return open_relation(request, "files", "dim", false, out, e);
    if (mr_str_equal(name, MR_STR("t")))
        return open_relation(request, "delta", "t", false, out, e);
    return MR_END;
}

static const struct mr_catalog catalog = {.ctx = NULL, .resolve = resolve};
static const struct mr_sql_environment environment = {.catalog = &catalog};

/* ---- running ---- */
static int plan(struct mr_job *job, struct mr_sql_script *script, struct mr_sql_text *origin, const char *sql,
                const struct mr_node **node)
{
    struct mr_plan *plan = NULL;
    mr_job_init(job);
    MR_TRY(mr_sql_parse(script, "", mr_str_of(sql), &error));
    *origin = (struct mr_sql_text){script->file, script->text};
    MR_TRY(mr_sql_analyse(job, &environment, origin, script->statements[0].query, &plan, &error));
    return mr_sql_plan_job(job, plan, node, &error);
}

/* A version of the Delta table: the query's rows, and no others. */
static void write_table(const char *sql)
{
    struct mr_job job;
    struct mr_sql_script script;
    struct mr_sql_text origin;
    const struct mr_node *node = NULL;
    struct mr_query *query = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/t", base);
    OK(plan(&job, &script, &origin, sql, &node));
    job.mode = MR_MODE_COMPLETE;
    struct mr_option *options = MR_ARENA_ARRAY(&job.arena, struct mr_option, 3);
    options[0] = (struct mr_option){"path", path};
    options[1] = (struct mr_option){"oneShot", "true"};
    options[2] = (struct mr_option){"overwriteSchema", "true"};
    OK(mr_job_add_sink(&job, node, mr_sink_type_find(MR_STR("delta")), "t", options, 3, &error));
    const struct mr_query_options how = {.trigger = MR_TRIGGER_ONCE_BATCH};
    OK(mr_query_open(&query, &job, &how, &error));
    OK(mr_query_run(query, &error));
    OK(mr_query_close(query, &error));
    mr_sql_script_release(&script);
}

static void (*between)(int64_t batch); /* what happens to the world after a micro-batch */

static void on_progress(void *ctx, const struct mr_progress *progress)
{
    (void)ctx;
    if (between)
        between(progress->batch);
}

static char result[4096]; /* rows as text, by micro-batch */

static void read_rows(struct mr_memory_table *table)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int64_t batch = 0; batch <= mr_memory_table_last_batch(table); batch++) {
        struct mr_batch rows = {0};
        mr_text_format(&text, "%s", batch > 0 ? "/ " : "");
        if (mr_memory_table_read(table, batch, &rows, &error) == MR_OK)
            for (int64_t row = 0; row < rows.length; row++)
                for (int c = 0; c < rows.schema->field_count; c++) {
                    mr_value_text(&text, rows.columns[c], row, mr_zone_utc());
                    mr_text_append_char(&text, c + 1 < rows.schema->field_count ? ':' : ' ');
                }
        mr_batch_release(&rows);
    }
    snprintf(result, sizeof result, "%s", text.size > 0 ? text.data : "");
    mr_text_release(&text);
}

/* Runs the stream over the files in/0.json … it finds; its rows go into `result`. Returns the status. */
static int run(const char *sql, size_t memory_bytes)
{
    struct mr_job job;
    struct mr_sql_script script;
    struct mr_sql_text origin;
    const struct mr_node *node = NULL;
    struct mr_query *query = NULL;
    char checkpoint[128];
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", base);
    OK(plan(&job, &script, &origin, sql, &node));
    struct mr_option *options = MR_ARENA_ARRAY(&job.arena, struct mr_option, 2);
    options[0] = (struct mr_option){"table", "static_side"};
    options[1] = (struct mr_option){"history", "true"};
    struct mr_memory_table *table = mr_memory_table_open("static_side");
    OK(mr_job_add_sink(&job, node, mr_sink_type_find(MR_STR("memory")), "out", options, 2, &error));
    const struct mr_query_options how = {.checkpoint_path = checkpoint,
                                         .decision_micro_batches = 1,
                                         .memory_limit_bytes = memory_bytes,
                                         .on_progress = on_progress};
    OK(mr_query_open(&query, &job, &how, &error));
    int status = mr_query_run(query, &error);
    struct mr_error ignored;
    mr_query_close(query, &ignored);
    read_rows(table);
    mr_memory_table_close(table);
    mr_sql_script_release(&script);
    between = NULL;
    return status;
}

static void three_files(void)
{
    write_file("in/0.json", "{\"k\":1,\"v\":\"a\"}\n");
    write_file("in/1.json", "{\"k\":1,\"v\":\"b\"}\n");
    write_file("in/2.json", "{\"k\":1,\"v\":\"c\"}\n");
}

/* ---- tests ---- */
static void change_files(int64_t batch)
{
    if (batch == 0)
        write_file("dim/0.json", "{\"k\":1,\"v\":\"changed\"}\n");
    if (batch == 1)
        write_file("dim/1.json", "{\"k\":1,\"v\":\"more\"}\n");
}

static void test_files(void **state)
{
    (void)state;
    three_files();
    write_file("dim/0.json", "{\"k\":1,\"v\":\"first\"}\n{\"k\":2,\"v\":\"other\"}\n");
    between = change_files;
    OK(run("SELECT s.v, dim.v AS name FROM STREAM s JOIN dim ON s.k = dim.k", 0));
    bool either = strcmp(result, "a:first / b:changed / c:changed c:more ") == 0 ||
                  strcmp(result, "a:first / b:changed / c:more c:changed ") == 0;
    if (!either)
        fail_msg("%s", result);
}

static void change_table(int64_t batch)
{
    if (batch == 0)
        write_table("SELECT 1L AS k, 'two' AS v");
    if (batch == 1)
        write_table("SELECT 2L AS k, 'three' AS v");
}

static void test_delta(void **state)
{
    (void)state;
    three_files();
    write_table("SELECT 1L AS k, 'one' AS v");
    between = change_table;
    OK(run("SELECT s.v, t.v AS name FROM STREAM s LEFT JOIN (SELECT k, max(v) AS v FROM t GROUP BY k) t ON "
           "s.k = t.k",
           0));
    assert_string_equal(result, "a:one / b:two / c:null ");
}

static void change_columns(int64_t batch)
{
    if (batch == 0)
        write_table("SELECT 1L AS k, 'two' AS v, 3 AS w");
}

/* Columns that came or went: the query ends, to be planned anew; what it had done stays. */
static void test_columns(void **state)
{
    (void)state;
    three_files();
    write_table("SELECT 1L AS k, 'one' AS v");
    between = change_columns;
    assert_true(run("SELECT s.v, t.v AS name FROM STREAM s JOIN t ON s.k = t.k", 0) < 0);
    assert_int_equal(error.code, MR_E_SCHEMA_CHANGED);
    assert_true(error.flags & MR_RETRIABLE);
    assert_string_equal(result, "a:one ");
}

static void replace_table(int64_t batch)
{
    char command[128];
    if (batch != 0)
        return;
    snprintf(command, sizeof command, "rm -rf %s/t", base);
    assert_int_equal(system(command), 0);
    usleep(5000); /* the log's file gets another time */
    write_table("SELECT 1L AS k, 'new' AS v");
}

/* A table of the same version that is another one. */
static void test_replaced(void **state)
{
    (void)state;
    three_files();
    write_table("SELECT 1L AS k, 'old' AS v");
    between = replace_table;
    OK(run("SELECT s.v, t.v AS name FROM STREAM s JOIN t ON s.k = t.k", 0));
    assert_string_equal(result, "a:old / b:new / c:new ");
}

static void test_memory(void **state)
{
    (void)state;
    three_files();
    assert_true(run("SELECT s.v, r.id FROM STREAM s JOIN range(3000000) r ON s.k = r.id", 64 << 20) < 0);
    assert_string_equal(error.condition, "_LEGACY_ERROR_TEMP_2249");
    assert_non_null(strstr(error.message, "16 MiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delta, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
    };
    mr_log_level_set(MR_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
