/* tests/formats/json_test.c: JSON as Spark reads it; the scan against the converter. */
#include "tests/formats/cases_helper.h"

#include <cmocka.h>

#define NOT_UTF8 "Jackson lets bytes pass that are not UTF-8; here they make a record malformed, always"
static const char *const differs[] = {"utf8 in used: overlong",
                                      NOT_UTF8,
                                      "utf8 in unused: overlong",
                                      NOT_UTF8,
                                      "utf8 in name: overlong",
                                      NOT_UTF8,
                                      "utf8 in unused: surrogate",
                                      NOT_UTF8,
                                      "utf8 in used: beyond",
                                      NOT_UTF8,
                                      "utf8 in unused: beyond",
                                      NOT_UTF8,
                                      "utf8 in name: beyond",
                                      NOT_UTF8,
                                      "utf8 in used: overlong three",
                                      NOT_UTF8,
                                      "utf8 in unused: overlong three",
                                      NOT_UTF8,
                                      "utf8 in name: overlong three",
                                      NOT_UTF8,
                                      "values as BINARY",
                                      "after bad base64 Spark loses the fields that follow",
                                      "values as MAP<STRING,INT>",
                                      "the answer came through a Python dict, which drops equal keys",
                                      "ends: utf16 bom",
                                      "UTF-16 needs the option encoding",
                                      "nesting as text 1001",
                                      "Spark makes half a value of a text nested too deep",
                                      "long name",
                                      "names have no limit here",
                                      NULL};

static void as_spark(void **state)
{
    int count = 0;
    (void)state;
    int failed = run_cases("tests/formats/cases/json.jsonl", differs, &count);
    assert_true(count > 200);
    assert_int_equal(failed, 0);
}

static const char *const infers_otherwise[] = {"one 1e2 {'prefersDecimal': 'true'}",
                                               "Spark fails: its decimals could have negative scales",
                                               "one 1e400 {'prefersDecimal': 'true'}",
                                               "Spark fails",
                                               "one NaN {'prefersDecimal': 'true'}",
                                               "Spark takes the record for malformed",
                                               "one Infinity {'prefersDecimal': 'true'}",
                                               "Spark takes the record for malformed",
                                               "duplicates",
                                               "equal names are one column here",
                                               "case",
                                               "the same, found when the schema is used",
                                               NULL};

static void infers_as_spark(void **state)
{
    int count = 0;
    (void)state;
    int failed = run_cases("tests/formats/cases/infer.jsonl", infers_otherwise, &count);
    assert_true(count > 400);
    assert_int_equal(failed, 0);
}

/* ---- the scan against the converter, on records made at random ---- */

static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(dice >> 33) % sides;
}

static const char *const NAMES[] = {
    "a", "b", "c", "t", "o", "unknown", "a_rather_long_name_of_a_member_that_is_used"};
static const char *const VALUES[] = {"1",
                                     "-7",
                                     "0",
                                     "-0",
                                     "123456789012345678",
                                     "9223372036854775807",
                                     "9223372036854775808",
                                     "1.5",
                                     "-0.0",
                                     "1e5",
                                     "1E-3",
                                     "01",
                                     "1.",
                                     "null",
                                     "true",
                                     "false",
                                     "tru",
                                     "\"x\"",
                                     "\"\"",
                                     "\"a longer text than fits into a view\"",
                                     "\"esc\\\"aped \\u00e9\\n\"",
                                     "\"bad \\x\"",
                                     "\"h\xC3\xA9llo\"",
                                     "\"bad \xC3(\"",
                                     "\"2024-01-02T03:04:05Z\"",
                                     "\"2024-01-02T03:04:05.123456+02:00\"",
                                     "\"2024-02-30T03:04:05Z\"",
                                     "\"2024-01-02 03:04:05\"",
                                     "[]",
                                     "[1,2]",
                                     "{}",
                                     "{\"p\":1,\"q\":\"x\"}",
                                     "{\"p\":\"x\"}",
                                     "[{\"x\":[1,{\"y\":null}]}]",
                                     "[1,",
                                     "\"tab\there\"",
                                     "NaN",
                                     "'single'"};

static void put_record(struct mr_text *out)
{
    static const char *const ends[] = {"\n", "\n", "\n", "\r\n", " \n", " junk\n", "\n\n", "}\n"};
    uint32_t members = roll(7);
    mr_text_append_char(out, '{');
    for (uint32_t i = 0; i < members; i++) {
        bool usual = roll(4) > 0; /* the same order most of the time, so that prediction is at work */
        mr_text_format(out, "%s\"%s\"%s%s", i ? (roll(20) ? "," : " , ") : "", NAMES[usual ? i : roll(7)],
                       roll(20) ? ":" : " : ",
                       VALUES[usual ? (i * 5) % 12 : roll(sizeof VALUES / sizeof *VALUES)]);
    }
    mr_text_append_str(out, roll(50) ? "}" : "");
    mr_text_append_str(out, ends[roll(3) ? 0 : roll(8)]);
}

static void all_ways_are_one(void **state)
{
    struct mr_arena arena;
    struct mr_error error = {0};
    struct read_request q = {.format = "json", .name = "data"};
    (void)state;
    mr_arena_init(&arena);
    assert_int_equal(
        mr_schema_parse(&arena,
                        MR_STR("a BIGINT, b STRING, c DOUBLE, t TIMESTAMP, o STRUCT<p: INT, q: STRING>, "
                               "a_rather_long_name_of_a_member_that_is_used STRING, _corrupt_record STRING"),
                        &q.schema, &error),
        0);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        dice = seed;
        struct mr_text text, rows[3];
        mr_text_init(&text);
        for (int i = 0; i < 300; i++)
            put_record(&text);
        q.data = text.data;
        q.size = text.size;
        for (int way = 0; way < 3; way++) {
            int64_t count = 0;
            mr_text_init(&rows[way]);
            q.way = (enum mr_format_way)way;
            assert_int_equal(read_rows(&q, &rows[way], &count, &error), 0);
            assert_true(count > 100);
        }
        assert_string_equal(rows[0].data, rows[1].data);
        assert_string_equal(rows[0].data, rows[2].data);
        for (int way = 0; way < 3; way++)
            mr_text_release(&rows[way]);
        mr_text_release(&text);
    }
    mr_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_spark), cmocka_unit_test(infers_as_spark),
                                       cmocka_unit_test(all_ways_are_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
