/* tests/formats/csv_test.c: CSV as Spark reads it. */
#include "formats/infer.h"
#include "tests/formats/cases_helper.h"

#include <cmocka.h>

static const char *const differs[] = {
    "multiLine: cr in value",
    "a lone \\r in quotes is taken for the file's line end, as in Spark, but then \\n is none",
    "unescaped SKIP_VALUE, long delimiter",
    "univocity goes astray and fails; here the value is NULL as with a short delimiter",
    "escape of escape alone",
    "univocity loses the character when it escapes nothing; here it stands for itself",
    NULL};

static void as_spark(void **state)
{
    int count = 0;
    (void)state;
    int failed = run_cases("tests/formats/cases/csv.jsonl", differs, &count);
    assert_true(count > 200);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_spark)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
