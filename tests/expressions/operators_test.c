/* Operators: results, types' limits and errors as Spark gives them. */
#include "tests/expressions/expression_text.h"

static void arithmetic(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(+ 1 2)", "3"},
        {"(+ 1 1.5)", "2.5"},
        {"(+ 1L 1.5D)", "2.5"},
        {"(+ 1 null)", "NULL"},
        {"(+ 2147483647 1)", "!ARITHMETIC_OVERFLOW"},
        {"(+ 9223372036854775807L 1L)", "!ARITHMETIC_OVERFLOW"},
        {"(- -2147483648 1)", "!ARITHMETIC_OVERFLOW"},
        {"(* 2147483647 2)", "!ARITHMETIC_OVERFLOW"},
        {"(+ 127Y 1Y)", "!BINARY_ARITHMETIC_OVERFLOW"},
        {"(try_add 2147483647 1)", "NULL"},
        {"(try_add 1Y 127Y)", "NULL"},
        {"(try_divide 1 0)", "NULL"},
        {"(try_mod 1 0)", "NULL"},
        {"(/ 1 2)", "0.5"},
        {"(/ 1 0)", "!DIVIDE_BY_ZERO"},
        {"(/ 1.0 3)", "0.333333"},
        {"(/ 10 3.0)", "3.333333"},
        {"(/ 1.0 0)", "!DIVIDE_BY_ZERO"},
        {"(% 1 0)", "!REMAINDER_BY_ZERO"},
        {"(mod 5 0)", "!REMAINDER_BY_ZERO"},
        {"(% -7 3)", "-1"},
        {"(% 7 -3)", "1"},
        {"(% -7.5 2)", "-1.5"},
        {"(% 2 1.8)", "0.2"},
        {"(% -9223372036854775808L -1L)", "0"},
        {"(pmod -7 3)", "2"},
        {"(pmod 7 -3)", "1"},
        {"(pmod -7.5 2)", "0.5"},
        {"(pmod -7 -3)", "-1"},
        {"(div 5 2)", "2"},
        {"(div -5 2)", "-2"},
        {"(div 5 0)", "!DIVIDE_BY_ZERO"},
        {"(div 7.5 2)", "3"},
        {"(div -9223372036854775808L -1L)", "!ARITHMETIC_OVERFLOW"},
        {"(+ '1' 2)", "3"},
        {"(+ 'a' 1)", "!CAST_INVALID_INPUT"},
        {"(+ '1' '2')", "!DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"},
        {"(+ true true)", "!DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"},
        {"(+ 1 true)", "!DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"},
        {"(- 5)", "-5"},
        {"(- -128Y)", "!ARITHMETIC_OVERFLOW"},
        {"(abs -1.5)", "1.5"},
        {"(abs -2147483648)", "!ARITHMETIC_OVERFLOW"},
        {"(+ (cast '99999999999999999999999999999999999999' DECIMAL(38,0)) 1)",
         "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
        {"(* (cast '99999999999999999999999999999999999999' DECIMAL(38,0)) 10)",
         "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
        {"(* 1.25 1.25)", "1.5625"},
        {"(- 1.25 2)", "-0.75"},
        {"(* 1.5 2)", "3.0"},
        {"(+ 12345678901234567.89 0.001)", "12345678901234567.891"},
        {"(& 5 3)", "1"},
        {"(| 5 3)", "7"},
        {"(^ 5 3)", "6"},
        {"(~ 5)", "-6"},
        {"(<< 1 33)", "2"},
        {"(>> -8 1)", "-4"},
        {"(>>> -8 60)", "15"},
        {"(<< 1L 40)", "1099511627776"},
        {"(bit_count 7)", "3"},
        {"(getbit 5 0)", "1"},
    };
    check_all(list);
}

static void comparisons(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(= 1 1)", "true"},
        {"(= 1 '1')", "true"},
        {"(= 1 'a')", "!CAST_INVALID_INPUT"},
        {"(= 1 null)", "NULL"},
        {"(<=> 1 null)", "false"},
        {"(<=> null null)", "true"},
        {"(< 1.5 2)", "true"},
        {"(= (cast 'nan' DOUBLE) (cast 'nan' DOUBLE))", "true"},
        {"(> (cast 'nan' DOUBLE) 1e300D)", "true"},
        {"(= -0.0D 0.0D)", "true"},
        {"(= 'abcdefghijklmnop' 'abcdefghijklmnop')", "true"},
        {"(< 'abcdefghijklmnoo' 'abcdefghijklmnop')", "true"},
        {"(!= 'a' 'b')", "true"},
        {"(< (cast '2024-01-01' DATE) '2024-01-02')", "true"},
        {"(= 1 true)", "!DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"},
        {"(in 1 1 null)", "true"},
        {"(in 2 1 null)", "NULL"},
        {"(in 1 1.0 2)", "true"},
        {"(in null 1)", "NULL"},
        {"(in 17 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 null)", "true"},
        {"(in 18 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 null)", "NULL"},
        {"(in 'x' 'a' 'b' 'c' 'd' 'e' 'f' 'g' 'h' 'i' 'j' 'k' 'l' 'm')", "false"},
        {"(between 1 0 2)", "true"},
        {"(between 5 0 null)", "NULL"},
        {"(isnull null)", "true"},
        {"(isnotnull 1)", "true"},
        {"(isnan (cast 'nan' DOUBLE))", "true"},
        {"(and null false)", "false"},
        {"(and null true)", "NULL"},
        {"(or null true)", "true"},
        {"(or null false)", "NULL"},
        {"(not null)", "NULL"},
        {"(and 1 1)", "!DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"},
        {"(and true 1)", "!DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"},
        {"(and false (= (/ 1 0) 1))", "false"},
        {"(or true (= (/ 1 0) 1))", "true"},
    };
    check_all(list);
}

static void conditionals(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(case true 1 2.5)", "1.0"},
        {"(case false 1)", "NULL"},
        {"(case null 1 2)", "!DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"},
        {"(if null 1 2)", "2"},
        {"(case 1 2)", "!DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"},
        {"(case true 1 'a')", "1"},
        {"(case false (/ 1 0) 7)", "7.0"},
        {"(if true 'a' 'b')", "a"},
        {"(coalesce null 1 'a')", "1"},
        {"(coalesce 1 (/ 1 0))", "1.0"},
        {"(nvl null 2)", "2"},
        {"(nvl2 null 1 2)", "2"},
        {"(nullif 1 1)", "NULL"},
        {"(nullif 1 2)", "1"},
        {"(nanvl (cast 'nan' DOUBLE) 5D)", "5.0"},
        {"(zeroifnull null)", "0"},
        {"(nullifzero 0)", "NULL"},
    };
    check_all(list);
}

/* Branches see only the rows that come to them, over a whole column and under a selection. */
static void branches(void **state)
{
    (void)state;
    struct mr_batch batch;
    make_batch("a INT, b STRING, c DOUBLE", "1|x|1.5;0|null|2.5;null|z|null;4|w|-1", &batch);
    check("(if (> #0 0) (div 8 #0) -1)", &batch, "8|-1|-1|2");
    check("(case (= #0 1) 'one' (= #0 4) #1 'other')", &batch, "one|other|other|w");
    check("(coalesce #1 (cast #0 STRING))", &batch, "x|0|z|w");
    check("(and (!= #0 0) (> (div 8 #0) 2))", &batch, "true|false|NULL|false");
    check("(+ #0 #0)", &batch, "2|0|NULL|8");
    check("(+ (+ #0 1) (* (+ #0 1) 2))", &batch, "6|3|NULL|15");
    check("(= #1 'x')", &batch, "true|NULL|false|false");
    check("(< #2 2)", &batch, "true|false|NULL|true");
    int32_t rows[] = {0, 3};
    struct mr_selection selection = {rows, 2};
    assert_string_equal(evaluate_text("(div 8 #0)", &batch, &selection), "8|2");
    assert_string_equal(evaluate_text("(div 8 #0)", &batch, NULL), "!DIVIDE_BY_ZERO");
    mr_batch_release(&batch);
}

/* An overflow on a row that does not count is none, even though dense loops go over it. */
static void speculation(void **state)
{
    (void)state;
    struct mr_batch batch;
    make_batch("a INT, b INT", "2147483647|1;5|6;null|3;7|null", &batch);
    int32_t rows[] = {1, 2, 3};
    struct mr_selection selection = {rows, 3};
    assert_string_equal(evaluate_text("(+ #0 #1)", &batch, &selection), "11|NULL|NULL");
    assert_string_equal(evaluate_text("(+ #0 #1)", &batch, NULL), "!ARITHMETIC_OVERFLOW");
    assert_string_equal(evaluate_text("(if (< #0 10) (+ #0 #1) 0)", &batch, NULL), "0|11|0|NULL");
    mr_batch_release(&batch);
}

static void nested(void **state)
{
    (void)state;
    struct mr_batch batch;
    make_batch("a INT", "1;2;3", &batch);
    check("(. (window (cast '2024-01-01 00:00:07' TIMESTAMP) '10 seconds') 'start')", &batch,
          "2024-01-01 00:00:00|2024-01-01 00:00:00|2024-01-01 00:00:00");
    check(
        "(. (window (cast '2024-01-01 00:00:07' TIMESTAMP_NTZ) '10 seconds' '10 seconds' '3 seconds') 'end')",
        &batch, "2024-01-01 00:00:13|2024-01-01 00:00:13|2024-01-01 00:00:13");
    check("(. (window (cast '1969-12-31 23:59:57' TIMESTAMP) '10 seconds') 'start')", &batch,
          "1969-12-31 23:59:50|1969-12-31 23:59:50|1969-12-31 23:59:50");
    check("(window_time (window (cast '2024-01-01 00:00:07' TIMESTAMP) '10 seconds'))", &batch,
          "2024-01-01 00:00:09.999999|2024-01-01 00:00:09.999999|2024-01-01 00:00:09.999999");
    check("(window #0 '10 seconds')", &batch, "!DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE");
    check("(window (cast '2024-01-01' DATE) 'abc')", &batch, "!CANNOT_PARSE_INTERVAL");
    check("(. (window (cast '2024-01-01' DATE) '1 day') 'nope')", &batch, "!FIELD_NOT_FOUND");
    mr_batch_release(&batch);
}

static void times(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(+ (cast '2024-01-01' DATE) 1)", "2024-01-02"},
        {"(+ 1 (cast '2024-01-01' DATE))", "2024-01-02"},
        {"(- (cast '2024-01-01' DATE) 1)", "2023-12-31"},
        {"(+ (cast '9999-12-31' DATE) 2147483647)", "-5869611-06-20"},
        {"(+ (cast '2024-01-01' DATE) 1L)", "!DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"},
        {"(- (cast '2024-01-02' DATE) (cast '2024-01-01' DATE))", "INTERVAL '1' DAY"},
        {"(- '2024-01-02' (cast '2024-01-01' DATE))", "INTERVAL '1' DAY"},
        {"(- (cast '2024-01-01' TIMESTAMP) '2023-12-31')", "INTERVAL '1 00:00:00' DAY TO SECOND"},
        {"(- (cast '2024-03-31' DATE) (cast '1' INTERVAL_M))", "2024-02-29"},
        {"(+ (cast '2024-02-29' DATE) (cast '1' INTERVAL_Y))", "2025-02-28"},
        {"(+ (cast '2024-01-01' DATE) (cast '2' INTERVAL_D))", "2024-01-03"},
        {"(+ (cast '2024-01-01' DATE) (cast '2' INTERVAL_H))", "2024-01-01 02:00:00"},
        {"(+ (cast '2024-01-31 10:00:00' TIMESTAMP) (cast '1' INTERVAL_M))", "2024-02-29 10:00:00"},
        {"(- (cast '2024-01-01 10:00:00' TIMESTAMP) (cast '1 02:03:04.5' INTERVAL_DT))",
         "2023-12-31 07:56:55.5"},
        {"(+ (cast '2024-01-31 10:00:00' TIMESTAMP_NTZ) (cast '1' INTERVAL_D))", "2024-02-01 10:00:00"},
        {"(+ '2024-01-01' (cast '1' INTERVAL_D))", "2024-01-02 00:00:00"},
        {"(+ (cast '1' INTERVAL_D) (cast '1' INTERVAL_H))", "INTERVAL '1 01' DAY TO HOUR"},
        {"(- (cast '1' INTERVAL_Y) (cast '1' INTERVAL_M))", "INTERVAL '0-11' YEAR TO MONTH"},
        {"(* (cast '1' INTERVAL_D) 1.5)", "INTERVAL '1 12:00:00' DAY TO SECOND"},
        {"(* '2' (cast '1' INTERVAL_D))", "INTERVAL '2 00:00:00' DAY TO SECOND"},
        {"(/ (cast '1' INTERVAL_D) 3)", "INTERVAL '0 08:00:00' DAY TO SECOND"},
        {"(* (cast '10' INTERVAL_S) 0.3333333)", "INTERVAL '0 00:00:03.333333' DAY TO SECOND"},
        {"(/ (cast '7' INTERVAL_M) 2)", "INTERVAL '0-4' YEAR TO MONTH"},
        {"(* (cast '1' INTERVAL_M) 1.5D)", "INTERVAL '0-2' YEAR TO MONTH"},
        {"(/ (cast '1' INTERVAL_D) 0)", "!INTERVAL_DIVIDED_BY_ZERO"},
        {"(div (cast '10' INTERVAL_D) (cast '3' INTERVAL_D))", "3"},
        {"(- (cast '1' INTERVAL_D))", "INTERVAL '-1' DAY"},
        {"(+ (cast '106751991' INTERVAL_D) (cast '106751991' INTERVAL_D))",
         "!INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION"},
        {"(+ (cast '1' INTERVAL_M) (cast '1' INTERVAL_S))", "!DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"},
        {"(> (cast '1' INTERVAL_D) (cast '23' INTERVAL_H))", "true"},
        {"(cast (cast '90' INTERVAL_S) INT)", "90"},
        {"(cast 5 INTERVAL_D)", "INTERVAL '5' DAY"},
    };
    check_all(list);
}

/* Days are the calendar's, hours are durations: Europe/Zurich changes its clock on 2024-03-31 and 2024-10-27.
 */
static void zones(void **state)
{
    (void)state;
    struct mr_error error;
    const struct mr_zone *utc = NULL, *zurich = NULL;
    mr_error_clear(&error);
    test_builder();
    utc = test_session.zone;
    assert_int_equal(mr_zone_find(MR_STR("Europe/Zurich"), &zurich, &error), MR_OK);
    test_session.zone = zurich;
    static const struct expectation list[] = {
        {"(cast (+ (cast '2024-03-30 02:30:00' TIMESTAMP) (cast '1' INTERVAL_D)) STRING)",
         "2024-03-31 03:30:00"},
        {"(cast (+ (cast '2024-03-30 02:30:00' TIMESTAMP) (cast '24' INTERVAL_H)) STRING)",
         "2024-03-31 03:30:00"},
        {"(cast (+ (cast '2024-10-26 02:30:00' TIMESTAMP) (cast '1' INTERVAL_D)) STRING)",
         "2024-10-27 02:30:00"},
        {"(- (cast '2024-10-27 12:00:00' TIMESTAMP) (cast '2024-10-26 12:00:00' TIMESTAMP))",
         "INTERVAL '1 00:00:00' DAY TO SECOND"},
        {"(cast (cast '2024-06-01 00:00:00' TIMESTAMP) BIGINT)", "1717192800"},
        {"(= (cast (cast '2024-06-01 00:00:00' TIMESTAMP_NTZ) TIMESTAMP) (cast '2024-06-01 00:00:00' "
         "TIMESTAMP))",
         "true"},
        {"(cast (+ (cast '2024-01-31 00:30:00' TIMESTAMP) (cast '2' INTERVAL_M)) STRING)",
         "2024-03-31 00:30:00"},
        {"(cast (cast '2024-06-01' DATE) TIMESTAMP)", "2024-05-31 22:00:00"},
        {"(cast (cast '2024-06-01 00:30:00' TIMESTAMP) DATE)", "2024-06-01"},
    };
    check_all(list);
    test_session.zone = utc;
}

static void like(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(like 'abc' 'a%')", "true"},
        {"(like 'abc' '_b_')", "true"},
        {"(like 'a%c' 'a\\%c')", "true"},
        {"(like 'abc' 'a\\%c')", "false"},
        {"(like 'a.c' 'a.c')", "true"},
        {"(like 'abc' 'a.c')", "false"},
        {"(like '' '')", "true"},
        {"(like '' '%')", "true"},
        {"(like 'a' '')", "false"},
        {"(like null 'a')", "NULL"},
        {"(like 'abc' '%b%')", "true"},
        {"(like 'abc' '%c')", "true"},
        {"(like 'ab' '_')", "false"},
        {"(like 'ab' 'a%b%')", "true"},
        {"(like 'aXbXc' 'a%b%c')", "true"},
        {"(like 'a!c' 'a!!_' '!')", "true"},
        {"(like 'abc' 'a!b' '!')", "!INVALID_FORMAT.ESC_IN_THE_MIDDLE"},
        {"(like 'abc' 'ab!' '!')", "!INVALID_FORMAT.ESC_AT_THE_END"},
        {"(like 'abc' 'a\\b')", "!INVALID_FORMAT.ESC_IN_THE_MIDDLE"},
        {"(like '\xC3\xA4\xC3\xB6\xC3\xBC' '_\xC3\xB6_')", "true"},
        {"(like 'xab' '%a_')", "true"},
        {"(like 'abab' '%ab')", "true"},
        {"(like 'aba' '%ab')", "false"},
        {"(like 'ab' '%a%ab')", "false"},
    };
    check_all(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic), cmocka_unit_test(comparisons), cmocka_unit_test(conditionals),
        cmocka_unit_test(branches),   cmocka_unit_test(speculation), cmocka_unit_test(nested),
        cmocka_unit_test(times),      cmocka_unit_test(zones),       cmocka_unit_test(like),
    };
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
