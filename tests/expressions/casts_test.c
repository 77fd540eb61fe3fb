/* Casts: every pair of types that Spark has, and what it says of values that do not fit. */
#include "tests/expressions/expression_text.h"

static void numbers(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(cast 300 TINYINT)", "!CAST_OVERFLOW"},
        {"(cast 3000000000 INT)", "!CAST_OVERFLOW"},
        {"(cast 3e9D INT)", "!CAST_OVERFLOW"},
        {"(cast (cast 'NaN' DOUBLE) INT)", "!CAST_OVERFLOW"},
        {"(cast 1234.5 TINYINT)", "!CAST_OVERFLOW"},
        {"(cast 1.9D INT)", "1"},
        {"(cast -1.5 INT)", "-1"},
        {"(cast 1e30D DECIMAL(10,2))", "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
        {"(cast (cast 'NaN' DOUBLE) DECIMAL(10,2))", "NULL"},
        {"(cast 1000.5 DECIMAL(3,1))", "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
        {"(cast 100000 DECIMAL(5,1))", "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
        {"(cast 1.25 DECIMAL(3,1))", "1.3"},
        {"(cast true DECIMAL(2,1))", "1.0"},
        {"(cast 0.5 BOOLEAN)", "true"},
        {"(cast 0D BOOLEAN)", "false"},
        {"(cast 0.1F DOUBLE)", "0.10000000149011612"},
        {"(cast 1 BINARY)", "!DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION"},
        {"(cast 1 DATE)", "!DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION"},
        {"(cast true DATE)", "!DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"},
        {"(try_cast 300 TINYINT)", "NULL"},
        {"(try_cast 1e30D DECIMAL(10,2))", "NULL"},
        {"(try_cast 1 DATE)", "!DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION"},
    };
    check_all(list);
}

static void texts(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(cast 'abc' INT)", "!CAST_INVALID_INPUT"},
        {"(cast '1.5' INT)", "!CAST_INVALID_INPUT"},
        {"(cast '' INT)", "!CAST_INVALID_INPUT"},
        {"(cast '  12 ' INT)", "12"},
        {"(cast '+5' INT)", "5"},
        {"(cast '-128' TINYINT)", "-128"},
        {"(cast '128' TINYINT)", "!CAST_INVALID_INPUT"},
        {"(cast '9223372036854775808' BIGINT)", "!CAST_INVALID_INPUT"},
        {"(cast '-9223372036854775808' BIGINT)", "-9223372036854775808"},
        {"(cast '1e400' DOUBLE)", "Infinity"},
        {"(cast '1.5d' DOUBLE)", "1.5"},
        {"(cast '+inf' DOUBLE)", "Infinity"},
        {"(cast '-NaN' DOUBLE)", "NaN"},
        {"(cast '+nan' DOUBLE)", "!CAST_INVALID_INPUT"},
        {"(cast '0x10' DOUBLE)", "!CAST_INVALID_INPUT"},
        {"(cast '123.456' DECIMAL(5,1))", "123.5"},
        {"(cast '1e2' DECIMAL(5,1))", "100.0"},
        {"(cast '12345678.456' DECIMAL(5,1))", "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
        {"(cast 'abc' DECIMAL(5,1))", "!CAST_INVALID_INPUT"},
        {"(cast ' T ' BOOLEAN)", "true"},
        {"(cast 'true1' BOOLEAN)", "!CAST_INVALID_INPUT"},
        {"(cast '2024-13-01' DATE)", "!CAST_INVALID_INPUT"},
        {"(cast '2024-1-5 abc' DATE)", "2024-01-05"},
        {"(cast '2024-01-01T10:00:00Z' TIMESTAMP_NTZ)", "2024-01-01 10:00:00"},
        {"(cast '2024-01-01 10:00:00.120+01:00' TIMESTAMP)", "2024-01-01 09:00:00.12"},
        {"(cast 1e20D STRING)", "1.0E20"},
        {"(cast 1e-5D STRING)", "1.0E-5"},
        {"(cast (cast '0.0000001' DECIMAL(20,10)) STRING)", "0.0000001000"},
        {"(try_cast 'a' INT)", "NULL"},
    };
    check_all(list);
}

static void times(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"(cast (cast '1969-12-31 23:59:59.5' TIMESTAMP) BIGINT)", "-1"},
        {"(cast (cast '1969-12-31 23:59:59.5' TIMESTAMP) DOUBLE)", "-0.5"},
        {"(cast (cast '1969-12-31 23:59:59.5' TIMESTAMP) DECIMAL(20,6))", "-0.500000"},
        {"(cast (cast '2300-01-01' TIMESTAMP) INT)", "!CAST_OVERFLOW"},
        {"(cast (cast '2024-01-01' DATE) INT)", "!DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION"},
        {"(cast 1.5 TIMESTAMP)", "1970-01-01 00:00:01.5"},
        {"(cast -1.0000005D TIMESTAMP)", "1969-12-31 23:59:59"},
        {"(cast (cast 'NaN' DOUBLE) TIMESTAMP)", "!CAST_INVALID_INPUT"},
        {"(cast (cast '2024-01-01' DATE) TIMESTAMP)", "2024-01-01 00:00:00"},
        {"(cast (cast '2024-01-01 10:00:00' TIMESTAMP) DATE)", "2024-01-01"},
        {"(cast 1.5 TIMESTAMP_NTZ)", "!DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"},
        {"(cast (cast '2024-01-01' TIMESTAMP) BOOLEAN)", "!DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION"},
    };
    check_all(list);
}

/* Nested casts go through the elements that count; NULLs stay. */
static void nested(void **state)
{
    (void)state;
    struct mr_error error;
    mr_error_clear(&error);
    struct mr_expression_builder b = test_builder();
    const struct mr_type *from = NULL, *to = NULL;
    struct mr_batch batch;
    struct mr_column *out = NULL;
    const struct mr_expression *e = NULL;
    struct mr_evaluator *evaluator = NULL;
    struct mr_text text;
    assert_int_equal(mr_schema_parse(&test_arena, MR_STR("s STRUCT<a: INT, b: ARRAY<STRING>>"), &from,
                                     &error),
                     MR_OK);
    assert_int_equal(mr_type_parse(&test_arena, MR_STR("STRUCT<x: STRING, y: ARRAY<INT>>"), &to, &error),
                     MR_OK);
    assert_int_equal(mr_batch_init(&batch, from, 4, &error), MR_OK);
    struct mr_column *s = batch.columns[0];
    batch.length = s->length = s->children[0]->length = s->children[1]->length = 2;
    s->children[0]->i32[0] = 7;
    assert_int_equal(mr_column_set_null(s->children[0], 1, &error), MR_OK);
    struct mr_column *strings = s->children[1]->children[0];
    strings->length = 2;
    assert_int_equal(mr_column_set_bytes(strings, 0, "12", 2, &error), MR_OK);
    assert_int_equal(mr_column_set_null(strings, 1, &error), MR_OK);
    s->children[1]->offsets[1] = 2;
    s->children[1]->offsets[2] = 2;
    assert_int_equal(mr_expression_column(&b, from, 0, &e, &error), MR_OK);
    assert_int_equal(mr_expression_cast(&b, e, to, false, &e, &error), MR_OK);
    assert_int_equal(mr_evaluator_open(&evaluator, &e, 1, &test_session, &error), MR_OK);
    assert_int_equal(mr_evaluator_run(evaluator, &batch, NULL, &out, &error), MR_OK);
    mr_text_init(&text);
    mr_value_text(&text, out, 0, mr_zone_utc());
    assert_string_equal(text.data, "{7, [12, null]}");
    mr_text_clear(&text);
    mr_value_text(&text, out, 1, mr_zone_utc());
    assert_string_equal(text.data, "{null, []}");
    mr_text_release(&text);
    mr_column_unref(out);
    mr_evaluator_close(evaluator);
    mr_batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(texts),
                                       cmocka_unit_test(times), cmocka_unit_test(nested)};
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
