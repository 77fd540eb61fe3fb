/* Mathematical functions: Spark's answers. */
#include "tests/expressions/expression_text.h"

static void rounding(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(round 2.5)", "3"},
        {"(round -2.5)", "-3"},
        {"(bround 2.5)", "2"},
        {"(bround 3.5)", "4"},
        {"(round 1234.567 -2)", "1200"},
        {"(round 2.5D)", "3.0"},
        {"(round 1.005D 2)", "1.01"},
        {"(bround 2.5D)", "2.0"},
        {"(round 15 -1)", "20"},
        {"(bround 15 -1)", "20"},
        {"(bround 25 -1)", "20"},
        {"(round 2.675D 2)", "2.68"},
        {"(round 0.285D 2)", "0.29"},
        {"(bround 0.125D 2)", "0.12"},
        {"(round 1.5F)", "2.0"},
        {"(round 123.456F 1)", "123.5"},
        {"(round 127Y -1)", "!ARITHMETIC_OVERFLOW"},
        {"(round 2147483647 -1)", "!ARITHMETIC_OVERFLOW"},
        {"(round 9223372036854775807L -1)", "!ARITHMETIC_OVERFLOW"},
        {"(round 999.9 -1)", "1000"},
        {"(round 9.9 -5)", "0"},
        {"(round 1.5 5)", "1.5"},
        {"(bround 12.45 1)", "12.4"},
        {"(round 99 -2)", "100"},
        {"(round 49 -2)", "0"},
        {"(round -55 -1)", "-60"},
        {"(bround -45 -1)", "-40"},
        {"(round -0.4D)", "0.0"},
        {"(round -0.5D)", "-1.0"},
        {"(round 1e300D 2)", "1.0E300"},
        {"(round 1e308D -300)", "1.0E308"},
        {"(round 123456789.987654321D 5)", "1.2345678998765E8"},
        {"(round (cast 'NaN' DOUBLE) 2)", "NaN"},
        {"(round 2.5 null)", "NULL"},
        {"(round 9.99D 1)", "10.0"},
        {"(round 0.0999D 3)", "0.1"},
        {"(ceil 1.5)", "2"},
        {"(ceil -1.5)", "-1"},
        {"(floor -1.5)", "-2"},
        {"(ceil 1.234 2)", "1.24"},
        {"(floor -1.234 2)", "-1.24"},
        {"(ceil 15 -1)", "20"},
        {"(ceil 3.1411 -1)", "10"},
        {"(floor 3.1411 -3)", "0"},
        {"(ceil 1.5D)", "2"},
        {"(floor 1e300D)", "9223372036854775807"},
        {"(ceil (cast 'NaN' DOUBLE))", "0"},
        {"(ceil '1.2')", "2"},
        {"(ceil 1.23D 1)", "1.3"},
    };
    check_all(list);
}

static void elementary(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(sqrt -1)", "NaN"},
        {"(ln 0)", "NULL"},
        {"(ln -1)", "NULL"},
        {"(log 2 8)", "3.0"},
        {"(log 0)", "NULL"},
        {"(log10 100)", "2.0"},
        {"(log2 8)", "3.0"},
        {"(log 1 2)", "Infinity"},
        {"(exp 1000)", "Infinity"},
        {"(pow 2 -1)", "0.5"},
        {"(pow 1 (cast 'inf' DOUBLE))", "NaN"},
        {"(cbrt 27)", "3.0"},
        {"(log1p -1)", "NULL"},
        {"(sign -2.5)", "-1.0"},
        {"(sign -0.0D)", "-0.0"},
        {"(factorial 20)", "2432902008176640000"},
        {"(factorial 21)", "NULL"},
        {"(hypot 3 4)", "5.0"},
        {"(width_bucket 5.3 0.2 10.6 5)", "3"},
        {"(pi)", "3.141592653589793"},
        {"(degrees (pi))", "180.0"},
        {"(atan2 -0.0D -1)", "3.141592653589793"},
        {"(asinh -0.0D)", "-0.0"},
        {"(greatest 1 2.5 null)", "2.5"},
        {"(least 'a' 'b')", "a"},
        {"(greatest null null)", "NULL"},
        {"(greatest 1 '2')", "!DATATYPE_MISMATCH.DATA_DIFF_TYPES"},
        {"(greatest 1)", "!WRONG_NUM_ARGS.WITHOUT_SUGGESTION"},
    };
    check_all(list);
}

static void random_numbers(void **state)
{
    (void)state;
    struct mr_batch batch;
    make_batch("a INT, b INT", "1|5;2|3;3|null", &batch);
    check("(rand 0)", &batch, "0.7604953758285915|0.5234194256885571|0.0953472826424725");
    check("(rand 5)", &batch, "0.02390696427502892|0.09509767744084452|0.7705061443410145");
    check("(randn 0)", &batch, "1.6034991609278433|0.14416006165776865|-0.6253564498627744");
    check("(uniform 1 10 0)", &batch, "7|5|1");
    check("(rand #0)", &batch, "!DATATYPE_MISMATCH.NON_FOLDABLE_INPUT");
    check("(greatest #0 #1)", &batch, "5|3|3");
    check("(least #0 #1 2)", &batch, "1|2|2");
    mr_batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounding), cmocka_unit_test(elementary),
                                       cmocka_unit_test(random_numbers)};
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
