/* JSON text to columns and back: the tokenizer's leniency, the rules per type, records in files, rescued
 * members. What from_json gives is compared with Spark by tests/spark/functions; here is what only C sees. */
#include "tests/expressions/expression_text.h"

#include "expressions/json_convert.h"

static struct mr_json_options options;
static struct mr_error error;

static void defaults(void)
{
    test_builder();
    mr_json_options_init(&options, mr_zone_utc());
    mr_error_clear(&error);
}

static int tokenize(const char *text)
{
    struct mr_json_tokens tokens = {0};
    int status = mr_json_tokenize(&tokens, mr_str_of(text), &options, &error);
    mr_json_tokens_release(&tokens);
    return status;
}

static void syntax(void **state)
{
    (void)state;
    static const char *const good[] = {"{}",
                                       "[]",
                                       " \t\r\n[1, -2.5e+3, true, null]",
                                       "\"a\\u00e9\"",
                                       "'single'",
                                       "{'a':1}",
                                       "NaN",
                                       "-INF",
                                       "+Infinity",
                                       "1",
                                       "-0",
                                       "\xEF\xBB\xBF{}",
                                       "{} trailing {",
                                       "0.10",
                                       "[[[[]]]]",
                                       "{\"a\":{\"b\":[]}}"};
    static const char *const bad[] = {"{",        "[1",         "{\"a\"}",
                                      "{\"a\":}", "{\"a\":1,}", "[1,]",
                                      "[1 2]",    "01",         "1.",
                                      ".5",       "-",          "1e",
                                      "+1",       "tru",        "nulls",
                                      "\"a",      "\"\\q\"",    "\"\\u12g4\"",
                                      "\"a\nb\"", "{a:1}",      "/*c*/1",
                                      "\"\xff\"", "1x",         "INF",
                                      "{,}",      "]",          "\"\xed\xa0\x80\""};
    defaults();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (tokenize(good[i]) != MR_OK)
            fail_msg("%s is JSON: %s", good[i], error.message);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (tokenize(bad[i]) != MR_E_DATA)
            fail_msg("%s is no JSON", bad[i]);
    assert_int_equal(tokenize(""), MR_END);
    assert_int_equal(tokenize(" \n "), MR_END);
    assert_int_equal(tokenize("[1, tru]"), MR_E_DATA);
    assert_int_equal(error.offset, 4);
}

static int set(const char *name, const char *value)
{
    const struct mr_option option = {name, value};
    return mr_json_options_read(&options, &test_arena, mr_zone_utc(), &option, 1, &error);
}

static void leniency(void **state)
{
    (void)state;
    static const struct {
        const char *option, *text;
    } cases[] = {{"allowUnquotedFieldNames", "{a:1, b_2$:2}"},
                 {"allowComments", "{/*x*/\"a\"://y\n1}"},
                 {"allowNumericLeadingZeros", "{\"a\":007}"},
                 {"allowBackslashEscapingAnyCharacter", "{\"a\":\"\\q\\\xC3\xA9\"}"},
                 {"allowUnquotedControlChars", "{\"a\":\"x\ty\"}"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        defaults();
        if (tokenize(cases[i].text) != MR_E_DATA)
            fail_msg("%s without %s", cases[i].text, cases[i].option);
        assert_int_equal(set(cases[i].option, "true"), MR_OK);
        if (tokenize(cases[i].text) != MR_OK)
            fail_msg("%s with %s: %s", cases[i].text, cases[i].option, error.message);
    }
    defaults();
    assert_int_equal(set("ALLOWSINGLEQUOTES", "false"), MR_OK);
    assert_int_equal(tokenize("{'a':1}"), MR_E_DATA);
    assert_int_equal(set("noSuchOption", "1"), MR_OK); /* passed over, and so is a mode that is none */
    assert_int_equal(set("mode", "whatever"), MR_OK);
    assert_int_equal(options.record.mode, MR_RECORD_PERMISSIVE);
    assert_int_equal(set("allowComments", "perhaps"), MR_E_USAGE);
    assert_int_equal(set("maxNumLen", "-1"), MR_E_USAGE);
    assert_int_equal(set("dateFormat", "bbb"), MR_E_SQL);
}

static void depth(void **state)
{
    (void)state;
    defaults();
    char *text = malloc(200002);
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    text[200000] = 0;
    assert_int_equal(tokenize(text), MR_E_DATA);
    assert_int_equal(tokenize(text + 99000), MR_OK); /* a thousand deep */
    assert_int_equal(tokenize(text + 98999), MR_E_DATA);
    free(text);
}

/* Converts records one after the other; the rows as text, verdicts, and what was rescued. */
static char *convert(const char *schema, const char *const *records, size_t count, bool text_stays)
{
    static struct mr_text out;
    const struct mr_type *type = NULL;
    struct mr_json_converter *converter = NULL;
    struct mr_column *columns[16];
    if (!out.data)
        mr_text_init(&out);
    mr_text_clear(&out);
    assert_int_equal(mr_schema_parse(&test_arena, mr_str_of(schema), &type, &error), MR_OK);
    assert_int_equal(mr_json_converter_open(&converter, type, &options, &error), MR_OK);
    for (int c = 0; c < type->field_count; c++)
        columns[c] = mr_column_new(type->fields[c].type, 0);
    for (size_t i = 0; i < count; i++) {
        enum mr_json_verdict verdict;
        int64_t rows;
        assert_int_equal(mr_json_convert(converter, mr_str_of(records[i]), text_stays, columns, &verdict,
                                         &rows, &error),
                         MR_OK);
        mr_text_append_char(&out, "eGPB"[verdict]);
        for (int64_t row = columns[0]->length - rows; row < columns[0]->length; row++) {
            mr_text_append_char(&out, '(');
            for (int c = 0; c < type->field_count; c++) {
                if (c > 0)
                    mr_text_append_str(&out, ", ");
                if (mr_column_is_null(columns[c], row))
                    mr_text_append_str(&out, "NULL");
                else
                    mr_value_text(&out, columns[c], row, mr_zone_utc());
            }
            mr_text_append_char(&out, ')');
        }
        struct mr_str rescued = mr_json_converter_rescued(converter);
        if (rescued.size > 0)
            mr_text_format(&out, "<%.*s>", (int)rescued.size, rescued.data);
        mr_text_append_char(&out, ' ');
    }
    for (int c = 0; c < type->field_count; c++)
        assert_int_equal(columns[c]->length, columns[0]->length);
    for (int c = 0; c < type->field_count; c++)
        mr_column_unref(columns[c]);
    mr_json_converter_close(converter);
    if (out.size > 0)
        out.data[--out.size] = 0;
    return out.data;
}

static void check_records(const char *schema, const char *record, const char *expected)
{
    for (int stays = 0; stays < 2; stays++) {
        const char *actual = convert(schema, &record, 1, stays);
        if (strcmp(actual, expected) != 0)
            fail_msg("%s as %s\n  is  %s\n  not %s", record, schema, actual, expected);
    }
}

static void records(void **state)
{
    (void)state;
    defaults();
    check_records("a INT, b STRING", "{\"b\":\"a text that is longer than twelve bytes\",\"a\":1}",
                  "G(1, a text that is longer than twelve bytes)");
    check_records("a INT, b STRING", "{\"a\":\"x\",\"b\":[1, 2.50 ,\"q\"]}", "P(NULL, [1, 2.50 ,\"q\"])");
    check_records("a INT", "[{\"a\":1},{},{\"a\":3}]", "G(1)(NULL)(3)");
    check_records("a INT", "[{\"a\":1},{\"a\":\"x\"}]", "P(1)(NULL)");
    check_records("a INT", "[{\"a\":1},5]", "B");
    check_records("a INT", "[]", "G");
    check_records("a INT", "null", "B");
    check_records("a INT", "  ", "e");
    check_records("a INT", "{\"a\":1}{\"a\":2}", "G(1)");
    check_records("a INT", "{\"a\":1,\"a\":2}", "G(2)");
    check_records("a INT, b INT", "{\"a\":1,\"b\":5,\"a\":\"x\"}", "P(1, 5)");
    check_records("a ARRAY<STRUCT<x: INT, y: STRING>>, b INT",
                  "{\"a\":[{\"x\":1},{\"x\":2}],\"a\":[{\"y\":\"longer than twelve\"}],\"b\":1}",
                  "G([{null, longer than twelve}], 1)");
    check_records("m MAP<STRING, INT>, n INT", "{\"m\":{\"a\":1,\"b\":\"x\"},\"n\":1}", "P(NULL, 1)");
    check_records("m MAP<STRING, STRING>", "{\"m\":{\"a\":{\"b\" : [ ] },\"c\":null}}",
                  "G({a -> {\"b\" : [ ] }, c -> null})");
    check_records("s STRUCT<a: INT, b: INT>", "{\"s\":{\"a\":1,\"b\":\"x\"}}", "P({1, null})");
    check_records("s STRUCT<a: INT>, t INT", "{\"s\":5,\"t\":1}", "P(NULL, 1)");
    check_records("a TINYINT, b SMALLINT, c BIGINT", "{\"a\":255,\"b\":32768,\"c\":-9223372036854775808}",
                  "P(-1, NULL, -9223372036854775808)");
    check_records("t TIMESTAMP, d DATE, n TIMESTAMP_NTZ",
                  "{\"t\":\"2024-01-02T03:04:05.6+01:00\",\"d\":\"2024-01-02\",\"n\":\"2024-01-02 03:04\"}",
                  "G(2024-01-02 02:04:05.6, 2024-01-02, 2024-01-02 03:04:00)");
    check_records("a DOUBLE, b FLOAT, c DECIMAL(5,2)", "{\"a\":1e400,\"b\":\"-INF\",\"c\":\"1,234.5\"}",
                  "P(Infinity, -Infinity, NULL)");
}

/* Rows that fail must leave nothing behind that the next ones trip over. */
static void many(void **state)
{
    (void)state;
    defaults();
    static const char *const list[] = {
        "{\"l\":[[1,2],[3]],\"s\":{\"t\":\"first text, long enough\"},\"i\":1}",
        "{\"l\":[[1,2],[\"x\"]],\"s\":{\"t\":\"second text, long enough\"},\"i\":2}",
        "{\"l\":[[9]",
        "{\"l\":null,\"s\":null,\"i\":null}",
        "{\"l\":[],\"s\":{},\"i\":4}",
        "[{\"i\":5},{\"l\":[[5]]},7]",
        "{\"l\":[[],null,[6]],\"i\":6}"};
    for (int stays = 0; stays < 2; stays++) {
        const char *actual = convert("l ARRAY<ARRAY<INT>>, s STRUCT<t: STRING>, i INT", list, 7, stays);
        assert_string_equal(
            actual, "G([[1, 2], [3]], {first text, long enough}, 1) P(NULL, {second text, long enough}, 2) B "
                    "G(NULL, NULL, NULL) G([], {null}, 4) B G([[], null, [6]], NULL, 6)");
    }
}

static void rescued(void **state)
{
    (void)state;
    defaults();
    options.collect_rescued = true;
    check_records("a INT, s STRUCT<b: INT>", "{\"a\":1,\"x\":\"q\\\"\",\"s\":{\"b\":2,\"y\":[1]},\"z\":null}",
                  "G(1, {2})<\"x\":\"q\\\"\",\"s\":{\"y\":[1]},\"z\":null>");
    check_records("a INT, s STRUCT<b: INT>", "{\"a\":\"one\",\"s\":{\"b\":\"two\"}}",
                  "P(NULL, {null})<\"a\":\"one\",\"s\":{\"b\":\"two\"}>");
    check_records("a INT, s STRUCT<b: INT>", "{\"a\":1,\"s\":{\"b\":2}}", "G(1, {2})");
    check_records("a INT, s STRUCT<b: INT>", "{\"s\":7}", "P(NULL, NULL)<\"s\":7>");
    check_records("a ARRAY<STRUCT<b: INT>>", "{\"a\":[{\"b\":1},{\"b\":\"x\"}]}",
                  "P([{1}, {null}])<\"a\":[{\"b\":1},{\"b\":\"x\"}]>");
    check_records("A INT", "{\"a\":1}", "G(NULL)<\"a\":1>");
    options.case_sensitive = false;
    check_records("A INT", "{\"a\":1}", "G(1)");
}

/* More fields than are searched one by one. */
static void wide(void **state)
{
    (void)state;
    defaults();
    struct mr_text schema, record, expected;
    mr_text_init(&schema);
    mr_text_init(&record);
    mr_text_init(&expected);
    const struct mr_type *type = NULL;
    for (int i = 0; i < 500; i++) {
        mr_text_format(&schema, "%sColumn%d INT", i ? ", " : "", i);
        mr_text_format(&record, "%s\"%solumn%d\":%d", i ? "," : "{", i % 2 ? "c" : "C", 499 - i, i);
    }
    mr_text_append_char(&record, '}');
    assert_int_equal(mr_schema_parse(&test_arena, mr_text_str(&schema), &type, &error), MR_OK);
    for (int pass = 0; pass < 2; pass++) {
        struct mr_json_converter *converter;
        struct mr_column *columns[500];
        enum mr_json_verdict verdict;
        int64_t rows;
        int found = 0;
        options.case_sensitive = pass == 0;
        assert_int_equal(mr_json_converter_open(&converter, type, &options, &error), MR_OK);
        for (int c = 0; c < 500; c++)
            columns[c] = mr_column_new(type->fields[c].type, 0);
        assert_int_equal(mr_json_convert(converter, mr_text_str(&record), true, columns, &verdict, &rows,
                                         &error),
                         MR_OK);
        for (int c = 0; c < 500; c++) {
            assert_int_equal(columns[c]->length, 1);
            found += !mr_column_is_null(columns[c], 0) && columns[c]->i32[0] == 499 - c;
            mr_column_unref(columns[c]);
        }
        assert_int_equal(found, pass == 0 ? 250 : 500);
        mr_json_converter_close(converter);
    }
    mr_text_release(&schema);
    mr_text_release(&record);
    mr_text_release(&expected);
}

static void causes(void **state)
{
    (void)state;
    defaults();
    const struct mr_type *type = NULL;
    struct mr_json_converter *converter;
    enum mr_json_verdict verdict;
    int64_t rows;
    assert_int_equal(mr_schema_parse(&test_arena, MR_STR("a INT"), &type, &error), MR_OK);
    assert_int_equal(mr_json_converter_open(&converter, type, &options, &error), MR_OK);
    struct mr_column *column = mr_column_new(type->fields[0].type, 0);
    assert_int_equal(mr_json_convert(converter, MR_STR("{\"a\": \"x\"}"), true, &column, &verdict, &rows,
                                     &error),
                     MR_OK);
    assert_string_equal(mr_json_converter_cause(converter)->condition, "CANNOT_PARSE_JSON_FIELD");
    assert_int_equal(mr_json_convert(converter, MR_STR("{\"a\": \"\"}"), true, &column, &verdict, &rows,
                                     &error),
                     MR_OK);
    assert_string_equal(mr_json_converter_cause(converter)->condition, "EMPTY_JSON_FIELD_VALUE");
    assert_int_equal(mr_json_convert(converter, MR_STR("{\"a\": 1 1}"), true, &column, &verdict, &rows,
                                     &error),
                     MR_OK);
    assert_int_equal(mr_json_converter_cause(converter)->offset, 8);
    assert_int_equal(mr_json_convert(converter, MR_STR("{\"a\": 1}"), true, &column, &verdict, &rows, &error),
                     MR_OK);
    assert_int_equal(mr_json_converter_cause(converter)->code, 0);
    mr_column_unref(column);
    mr_json_converter_close(converter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax),  cmocka_unit_test(leniency), cmocka_unit_test(depth),
        cmocka_unit_test(records), cmocka_unit_test(many),     cmocka_unit_test(rescued),
        cmocka_unit_test(wide),    cmocka_unit_test(causes),
    };
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
