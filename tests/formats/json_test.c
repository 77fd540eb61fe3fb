/* tests/formats/json_test.c: JSON as Spark reads it; the scan against the converter. */
#include "tests/formats/cases_helper.h"

#include <cmocka.h>

#define NOT_UTF8 "Jackson lets bytes pass that are not UTF-8; here they make a record malformed, always"
static const char *const differs[] = {
    "utf8 in used: overlong", NOT_UTF8,
    "utf8 in unused: overlong", NOT_UTF8,
    "utf8 in name: overlong", NOT_UTF8,
    "utf8 in unused: surrogate", NOT_UTF8,
    "utf8 in used: beyond", NOT_UTF8,
    "utf8 in unused: beyond", NOT_UTF8,
    "utf8 in name: beyond", NOT_UTF8,
    "utf8 in used: overlong three", NOT_UTF8,
    "utf8 in unused: overlong three", NOT_UTF8,
    "utf8 in name: overlong three", NOT_UTF8,
    "values as BINARY", "after bad base64 Spark loses the fields that follow",
    "values as MAP<STRING,INT>", "the answer came through a Python dict, which drops equal keys",
    "ends: utf16 bom", "UTF-16 needs the option encoding",
    "nesting as text 1001", "Spark makes half a value of a text nested too deep",
    "long name", "names have no limit here",
    NULL};

static void as_spark(void **state)
{
    int count = 0;
    (void)state;
    int failed = run_cases("tests/formats/cases/json.jsonl", differs, &count);
    assert_true(count > 200);
    assert_int_equal(failed, 0);
}

static const char *const infers_otherwise[] = {
    "one 1e2 {'prefersDecimal': 'true'}", "Spark fails: its decimals could have negative scales",
    "one 1e400 {'prefersDecimal': 'true'}", "Spark fails",
    "one NaN {'prefersDecimal': 'true'}", "Spark takes the record for malformed",
    "one Infinity {'prefersDecimal': 'true'}", "Spark takes the record for malformed",
    "duplicates", "equal names are one column here",
    "case", "the same, found when the schema is used",
    NULL};

static void infers_as_spark(void **state)
{
    int count = 0;
    (void)state;
    int failed = run_cases("tests/formats/cases/infer.jsonl", infers_otherwise, &count);
    assert_true(count > 400);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_spark), cmocka_unit_test(infers_as_spark)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
