/* tests/formats/text_test.c: text and binaryFile as Spark reads them. */
#include "formats/infer.h"
#include "tests/formats/cases_helper.h"

#include <cmocka.h>

static void as_spark(void **state)
{
    int count = 0;
    (void)state;
    int failed = run_cases("tests/formats/cases/text.jsonl", NULL, &count);
    assert_true(count > 30);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_spark)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
