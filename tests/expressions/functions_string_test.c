/* String functions over columns: short and long values, NULLs, selections, results that outlive what they
 * were made of. Single values are compared with Spark by tests/spark/functions. */
#include "tests/expressions/expression_text.h"

#include "expressions/regex.h"

#define LONG "the quick brown fox jumps over the lazy dog"

static struct mr_batch batch;

static int setup(void **state)
{
    (void)state;
    make_batch("s STRING, n INT, t STRING",
               "abc|2|b;null|1|x;" LONG
               "|5|fox;\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 12345678901234|3|\xE2\x82\xAC;|0|;xyz|null|null",
               &batch);
    return 0;
}

static int teardown(void **state)
{
    mr_batch_release(&batch);
    return test_teardown(state);
}

static void lengths(void **state)
{
    (void)state;
    check("(length #0)", &batch, "3|NULL|43|20|0|3");
    check("(octet_length #0)", &batch, "3|NULL|43|24|0|3");
    check("(bit_length #0)", &batch, "24|NULL|344|192|0|24");
    check("(ascii #0)", &batch, "97|NULL|116|233|0|120");
}

static void parts(void **state)
{
    (void)state;
    check("(substring #0 #1)", &batch,
          "bc|NULL|quick brown fox jumps over the lazy dog|\xC3\xA9 \xE2\x82\xAC 12345678901234||NULL");
    check("(substring #0 2 3)", &batch, "bc|NULL|he |t\xC3\xA9 ||yz");
    check("(substring #0 -4 3)", &batch, "ab|NULL| do|123||xy");
    check("(left #0 #1)", &batch, "ab|NULL|the q|\xC3\xA9t\xC3\xA9||NULL");
    check("(right #0 #1)", &batch, "bc|NULL|y dog|234||NULL");
    check("(split_part #0 ' ' -2)", &batch, "|NULL|lazy|\xE2\x82\xAC||");
    check("(substring_index #0 ' ' 2)", &batch, "abc|NULL|the quick|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC||xyz");
    check("(reverse #0)", &batch,
          "cba|NULL|god yzal eht revo spmuj xof nworb kciuq eht|43210987654321 \xE2\x82\xAC "
          "\xC3\xA9t\xC3\xA9||zyx");
    check(
        "(overlay #0 'XX' 2)", &batch,
        "aXX|NULL|tXX quick brown fox jumps over the lazy dog|\xC3\xA9XX \xE2\x82\xAC 12345678901234|XX|xXX");
}

static void searches(void **state)
{
    (void)state;
    check("(instr #0 #2)", &batch, "2|NULL|17|5|1|NULL");
    check("(locate #2 #0 #1)", &batch, "2|NULL|17|5|0|0");
    check("(contains #0 #2)", &batch, "true|NULL|true|true|true|NULL");
    check("(startswith #0 'the')", &batch, "false|NULL|true|false|false|false");
    check("(endswith #0 #2)", &batch, "false|NULL|false|false|true|NULL");
    check("(replace #0 #2 '-')", &batch,
          "a-c|NULL|the quick brown - jumps over the lazy dog|\xC3\xA9t\xC3\xA9 - 12345678901234||NULL");
    check("(translate #0 'abc\xC3\xA9' 'xy')", &batch,
          "xy|NULL|the quik yrown fox jumps over the lxzy dog|t \xE2\x82\xAC 12345678901234||xyz");
    check("(find_in_set #2 'a,b,fox')", &batch, "2|0|3|0|0|NULL");
}

static void making(void **state)
{
    (void)state;
    check("(upper #0)", &batch,
          "ABC|NULL|THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG|\xC3\x89T\xC3\x89 \xE2\x82\xAC "
          "12345678901234||XYZ");
    check("(lower (upper #0))", &batch,
          "abc|NULL|" LONG "|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 12345678901234||xyz");
    check("(initcap #0)", &batch,
          "Abc|NULL|The Quick Brown Fox Jumps Over The Lazy Dog|\xC3\x89t\xC3\xA9 \xE2\x82\xAC "
          "12345678901234||Xyz");
    check("(concat #0 '/' #2)", &batch,
          "abc/b|NULL|" LONG "/fox|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 12345678901234/\xE2\x82\xAC|/|NULL");
    check("(concat_ws '-' #0 #2)", &batch,
          "abc-b|x|" LONG "-fox|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 12345678901234-\xE2\x82\xAC|-|xyz");
    check("(lpad #2 6 'ab')", &batch, "ababab|ababax|abafox|ababa\xE2\x82\xAC|ababab|NULL");
    check("(rpad #0 5 '*')", &batch, "abc**|NULL|the q|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC|*****|xyz**");
    check("(repeat #2 #1)", &batch, "bb|x|foxfoxfoxfoxfox|\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC||NULL");
    check("(trim (concat '  ' #0 ' '))", &batch,
          "abc|NULL|" LONG "|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 12345678901234||xyz");
    check("(elt #1 #0 #2 'third')", &batch, "!INVALID_ARRAY_INDEX");
    check("(format_string '%s:%5d' #2 #1)", &batch,
          "b:    2|x:    1|fox:    5|\xE2\x82\xAC:    3|:    0|null: null");
    check("(base64 #2)", &batch, "Yg==|eA==|Zm94|4oKs||NULL");
    check("(unbase64 (base64 #0))", &batch,
          "abc|NULL|" LONG "|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC 12345678901234||xyz");
    check("(unhex (hex #2))", &batch, "b|x|fox|\xE2\x82\xAC||NULL");
}

static void regexps(void **state)
{
    (void)state;
    check("(rlike #0 '[aeiou]{1}.*o')", &batch, "false|NULL|true|false|false|false");
    check("(regexp_replace #0 '([a-z])([a-z])' '$2$1')", &batch,
          "bac|NULL|hte uqcik rbwon ofx ujpms vore hte alyz odg|\xC3\xA9t\xC3\xA9 \xE2\x82\xAC "
          "12345678901234||yxz");
    check("(regexp_replace #0 #2 '-')", &batch,
          "a-c|NULL|the quick brown - jumps over the lazy dog|\xC3\xA9t\xC3\xA9 - 12345678901234|-|NULL");
    check("(regexp_extract #0 '(\\d+)' 1)", &batch, "|NULL||12345678901234||");
    check("(regexp_extract_all #0 '[a-z]{4,}' 0)", &batch,
          "[]|NULL|[quick, brown, jumps, over, lazy]|[]|[]|[]");
    check("(regexp_count #0 '\\w')", &batch, "3|NULL|35|15|0|3");
    check("(split #0 ' ')", &batch,
          "[abc]|NULL|[the, quick, brown, fox, jumps, over, the, lazy, dog]|[\xC3\xA9t\xC3\xA9, "
          "\xE2\x82\xAC, 12345678901234]|[]|[xyz]");
    check("(split #0 '[ o]+' 3)", &batch,
          "[abc]|NULL|[the, quick, br"
          "own fox jumps over the lazy dog]|[\xC3\xA9t\xC3\xA9, \xE2\x82\xAC, 12345678901234]|[]|[xyz]");
    check("(rlike #0 '(')", &batch, "!INVALID_PARAMETER_VALUE.PATTERN");
}

/* A result's strings may point into its argument's buffers: they must keep them. */
static void lifetime(void **state)
{
    (void)state;
    struct mr_batch input;
    struct mr_error error;
    struct mr_evaluator *evaluator = NULL;
    struct mr_column *columns[4];
    const struct mr_expression *list[4];
    static const char *const texts[] = {"(substring #0 5)", "(replace #0 'zzz' 'y')", "(split #0 ',')",
                                        "(regexp_extract #0 'b.*' 0)"};
    mr_error_clear(&error);
    make_batch("s STRING", "aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbb,cccccccccccccccccccc;short",
               &input);
    struct mr_expression_builder b = test_builder();
    for (int i = 0; i < 4; i++) {
        const char *at = texts[i];
        assert_int_equal(parse_expression(&b, &at, &list[i], &error), MR_OK);
    }
    assert_int_equal(mr_evaluator_open(&evaluator, list, 4, &test_session, &error), MR_OK);
    assert_int_equal(mr_evaluator_run(evaluator, &input, NULL, columns, &error), MR_OK);
    mr_batch_release(&input);
    mr_evaluator_close(evaluator);
    struct mr_text out;
    mr_text_init(&out);
    for (int i = 0; i < 4; i++) {
        mr_value_text(&out, columns[i], 0, mr_zone_utc());
        mr_text_append_char(&out, ';');
        mr_column_unref(columns[i]);
    }
    assert_string_equal(out.data, "aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbb,cccccccccccccccccccc;"
                                  "aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbb,cccccccccccccccccccc;"
                                  "[aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc];"
                                  "bbbbbbbbbbbbbbbbbbbbbbbbbb,cccccccccccccccccccc;");
    mr_text_release(&out);
}

static void selection(void **state)
{
    (void)state;
    static const int32_t some[] = {2, 3, 5};
    test_schema = batch.schema; /* another test had its own */
    struct mr_selection rows = {some, 3};
    assert_string_equal(evaluate_text("(split #0 ' ')", &batch, &rows),
                        "[the, quick, brown, fox, jumps, over, the, lazy, dog]|[\xC3\xA9t\xC3\xA9, "
                        "\xE2\x82\xAC, 12345678901234]|[xyz]");
    assert_string_equal(evaluate_text("(elt #1 #0 #2 'c' 'd' 'e')", &batch, &rows), "e|c|NULL");
    assert_string_equal(evaluate_text("(regexp_extract_all #0 '[a-z]o[a-z]' 0)", &batch, &rows),
                        "[row, fox, dog]|[]|[]");
}

static void translate(const char *java, const char *expected)
{
    struct mr_text out;
    bool unicode = false;
    mr_text_init(&out);
    bool good = mr_regex_translate(mr_str_of(java), &out, &unicode);
    if (!expected ? good : !good || strcmp(out.data, expected) != 0)
        fail_msg("%s becomes %s", java, good ? out.data : "nothing");
    mr_text_release(&out);
}

static void java_patterns(void **state)
{
    (void)state;
    translate("a\\d+[b-d]*?", "a\\d+[b-d]*?");
    translate("[a-z&&[^bc]]", "(?:(?=[a-z])(?=(?:[^bc]))(?s:.))");
    translate("[a[bc]d]", "(?:(?=(?:[ad]|[bc]))(?s:.))");
    translate("\\p{Lower}\\P{Alpha}[\\p{Digit}x]", "[a-z][^a-zA-Z][0-9x]");
    translate("\\p{IsLatin}\\pL\\p{script=Greek}", "\\p{Latin}\\p{L}\\p{Greek}");
    translate("\\u00e9\\uD83D\\uDE00\\x41\\0101", "\\x{00e9}\\x{1F600}\\x{41}\\x{41}");
    translate("\\Qa.b\\E+", "a\\.b+");
    translate("(?iu)x(?<name>y)(?:z)", "(?i)x(?<name>y)(?:z)");
    translate("[]a]", "[\\]a]");
    translate("a{2,3}", "a{2,3}");
    translate("a{x", NULL);
    translate("[a", NULL);
    translate("\\y", NULL);
    translate("(*UTF)", NULL);
    translate("(?R)", NULL);
    translate("\\p{InGreek}", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),   cmocka_unit_test(parts),         cmocka_unit_test(searches),
        cmocka_unit_test(making),    cmocka_unit_test(regexps),       cmocka_unit_test(lifetime),
        cmocka_unit_test(selection), cmocka_unit_test(java_patterns),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
