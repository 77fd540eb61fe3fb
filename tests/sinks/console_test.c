/* tests/sinks/console_test.c: tables of text as Spark shows them (the expected texts are Spark's own). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sinks/console.h"
#include "sinks/memory.h"

static struct mr_error error;
static struct mr_arena arena;
static struct mr_batch rows;

static int setup(void **state)
{
    (void)state;
    const struct mr_type *schema;
    mr_arena_init(&arena);
    mr_error_clear(&error);
    assert_int_equal(mr_schema_parse(&arena, MR_STR("k STRING, ts TIMESTAMP"), &schema, &error), MR_OK);
    assert_int_equal(mr_batch_init(&rows, schema, 3, &error), MR_OK);
    mr_column_set_bytes(rows.columns[0], 0, "a", 1, &error);
    mr_column_set_bytes(rows.columns[0], 1, "b\xc3\xa4", 3, &error);
    mr_column_set_null(rows.columns[0], 2, &error);
    rows.columns[1]->i64[0] = 1704067201000000;
    rows.columns[1]->i64[1] = 1704067202500000;
    rows.columns[1]->i64[2] = 1704067202000000;
    rows.length = rows.columns[0]->length = rows.columns[1]->length = 3;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mr_batch_release(&rows);
    mr_arena_release(&arena);
    return 0;
}

static void tables_look_like_sparks(void **state)
{
    (void)state;
    struct mr_text text;
    mr_text_init(&text);
    mr_console_table(&text, &rows, 0, 20, mr_zone_utc());
    assert_string_equal(text.data, "+----+--------------------+\n"
                                   "|   k|                  ts|\n"
                                   "+----+--------------------+\n"
                                   "|   a| 2024-01-01 00:00:01|\n"
                                   "|  b\xc3\xa4|2024-01-01 00:00:...|\n"
                                   "|NULL| 2024-01-01 00:00:02|\n"
                                   "+----+--------------------+\n\n");
    mr_text_clear(&text);
    mr_console_table(&text, &rows, 5, 0, mr_zone_utc());
    assert_string_equal(text.data, "+----+---------------------+\n"
                                   "|k   |ts                   |\n"
                                   "+----+---------------------+\n"
                                   "|a   |2024-01-01 00:00:01  |\n"
                                   "|b\xc3\xa4  |2024-01-01 00:00:02.5|\n"
                                   "|NULL|2024-01-01 00:00:02  |\n"
                                   "+----+---------------------+\n"
                                   "only showing top 3 rows\n\n");
    mr_text_clear(&text);
    mr_console_table(&text, &rows, 0, 3, mr_zone_utc());
    assert_non_null(strstr(text.data, "|NUL|202|\n"));
    mr_text_release(&text);
}

/* What a sink does between begin and publish, with standard output in a pipe. */
static void batches_are_printed_when_published(void **state)
{
    (void)state;
    struct mr_query_id id = {.text = "11111111-2222-3333-4444-555555555555"};
    struct mr_option options[] = {{"numRows", "2"}, {"truncate", "false"}};
    struct mr_sink sink = {.type = &mr_console_sink,
                           .name = "console",
                           .schema = rows.schema,
                           .options = options,
                           .option_count = 2,
                           .zone = mr_zone_utc(),
                           .query_id = &id,
                           .workers = 1};
    struct mr_text manifest;
    mr_text_init(&manifest);
    assert_int_equal(sink.type->open(&sink, &error), MR_OK);
    assert_int_equal(sink.type->begin(&sink, 6, &error), MR_OK);
    assert_int_equal(sink.type->write(&sink, 0, &rows, &error), MR_OK);
    assert_int_equal(sink.type->begin(&sink, 7, &error), MR_OK);
    struct mr_register before = {true, -1, 1};
    assert_int_equal(sink.type->prepare(&sink, 7, 99, &before, &manifest, &error), MR_OK);
    assert_true(manifest.size > 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    int kept = dup(1);
    dup2(ends[1], 1);
    int status = sink.type->publish(&sink, mr_text_str(&manifest), &error);
    fflush(stdout);
    dup2(kept, 1);
    close(kept);
    close(ends[1]);
    char printed[2000] = {0};
    assert_true(read(ends[0], printed, sizeof printed - 1) > 0);
    close(ends[0]);
    assert_int_equal(status, MR_OK);
    assert_string_equal(printed, "-------------------------------------------\nBatch: 6\n"
                                 "-------------------------------------------\n"
                                 "+---+---------------------+\n"
                                 "|k  |ts                   |\n"
                                 "+---+---------------------+\n"
                                 "|a  |2024-01-01 00:00:01  |\n"
                                 "|b\xc3\xa4 |2024-01-01 00:00:02.5|\n"
                                 "+---+---------------------+\n"
                                 "only showing top 2 rows\n\n"
                                 "-------------------------------------------\nBatch: 7\n"
                                 "-------------------------------------------\n"
                                 "+---+---+\n"
                                 "|k  |ts |\n"
                                 "+---+---+\n"
                                 "+---+---+\n\n");
    /* Damage is noticed. */
    for (size_t cut = 0; cut < manifest.size; cut += 7)
        assert_true(sink.type->publish(&sink, (struct mr_str){manifest.data, cut}, &error) < 0);
    sink.type->close(&sink);
    mr_text_release(&manifest);
}

static void wrong_options_are_named(void **state)
{
    (void)state;
    const struct mr_option wrong[] = {{"numrow", "2"}, {"numRows", "many"}, {"truncate", "perhaps"}};
    for (int i = 0; i < 3; i++) {
        struct mr_sink sink = {.type = &mr_console_sink,
                               .schema = rows.schema,
                               .options = &wrong[i],
                               .option_count = 1};
        assert_true(sink.type->open(&sink, &error) < 0);
        assert_non_null(strstr(error.message, wrong[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_look_like_sparks, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_are_printed_when_published, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_options_are_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
