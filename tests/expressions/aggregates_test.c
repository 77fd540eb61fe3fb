/* Aggregates: results over rows, merged from two partial states, and through their stored form. */
#include "tests/expressions/expression_text.h"

static const char *aggregate_text(const char *name, const char *arguments, bool distinct,
                                  const struct mr_batch *batch, int parts);

/* Record of one aggregate: made, fed the rows [start, stop), stored and read back. */
static void *make_record(const struct mr_aggregate *a, struct mr_column *const *columns, int64_t start,
                         int64_t stop, struct mr_error *error)
{
    void *record = mr_arena_allocate_zeroed(&test_arena, a->state_bytes);
    int32_t rows[64];
    void *states[64];
    struct mr_selection selection = {rows, 0};
    a->type->init(a, record);
    for (int64_t i = start; i < stop; i++) {
        rows[selection.count] = (int32_t)i;
        states[selection.count++] = record;
        if (selection.count < 64 && i + 1 < stop)
            continue;
        if (a->type->update(a, states, 0, columns, &selection, stop, &test_arena, error) < 0)
            return NULL;
        selection.count = 0;
    }
    if (a->flat || !a->type->encode)
        return record;
    struct mr_text text;
    mr_text_init(&text);
    a->type->encode(a, record, &text);
    const char *at = text.data;
    void *copy = mr_arena_allocate_zeroed(&test_arena, a->state_bytes);
    a->type->init(a, copy);
    int status = a->type->decode(a, &at, text.data + text.size, copy, &test_arena, error);
    assert_ptr_equal(at, text.data + text.size);
    mr_text_release(&text);
    return status < 0 ? NULL : copy;
}

static const char *aggregate_text(const char *name, const char *arguments, bool distinct,
                                  const struct mr_batch *batch, int parts)
{
    static char result[4096];
    struct mr_error error;
    mr_error_clear(&error);
    struct mr_expression_builder b = test_builder();
    const struct mr_expression *list[8];
    struct mr_column *columns[8] = {NULL};
    int count = 0, status = MR_OK;
    const struct mr_aggregate *a = NULL;
    for (const char *at = arguments; *at && status >= 0; skip_blanks(&at))
        status = parse_expression(&b, &at, &list[count++], &error);
    if (status >= 0)
        status = mr_aggregate_call(&b, mr_str_of(name), list, count, distinct, NULL, &a, &error);
    struct mr_evaluator *evaluator = NULL;
    if (status >= 0)
        status = mr_evaluator_open(&evaluator, a->arguments, a->argument_count, &test_session, &error);
    if (status >= 0)
        status = mr_evaluator_run(evaluator, batch, NULL, columns, &error);
    void *total = NULL;
    for (int p = 0; p < parts && status >= 0; p++) {
        void *record =
            make_record(a, columns, batch->length * p / parts, batch->length * (p + 1) / parts, &error);
        status = record ? MR_OK : error.code;
        if (record && total)
            status = a->type->merge(a, total, record, &test_arena, &error);
        else
            total = record;
    }
    struct mr_text text;
    mr_text_init(&text);
    if (status >= 0) {
        struct mr_column *out = mr_column_new(a->result, 1);
        status = a->type->finish(a, &total, 0, 1, out, &error);
        if (status >= 0 && (a->result->id == MR_VOID || mr_column_is_null(out, 0)))
            mr_text_append_str(&text, "NULL");
        else if (status >= 0)
            mr_value_text(&text, out, 0, mr_zone_utc());
        if (status >= 0)
            assert_int_equal(out->length, 1);
        mr_column_unref(out);
    }
    if (status < 0)
        mr_text_format(&text, "!%s", error.condition);
    snprintf(result, sizeof result, "%s", text.data);
    mr_text_release(&text);
    for (int i = 0; i < 8; i++)
        mr_column_unref(columns[i]);
    mr_evaluator_close(evaluator);
    return result;
}

struct aggregate_expectation {
    const char *name, *arguments, *expected;
    bool distinct;
};

static void check_aggregates(const struct aggregate_expectation *list, size_t count,
                             const struct mr_batch *batch)
{
    for (size_t i = 0; i < count; i++)
        for (int parts = 1; parts <= 3; parts++) {
            const char *actual =
                aggregate_text(list[i].name, list[i].arguments, list[i].distinct, batch, parts);
            if (strcmp(actual, list[i].expected) != 0)
                fail_msg("%s(%s) of %d parts\n  is  %s\n  not %s", list[i].name, list[i].arguments, parts,
                         actual, list[i].expected);
        }
}
#define CHECK_AGGREGATES(list, batch) check_aggregates(list, sizeof(list) / sizeof(list)[0], batch)

static void basic(void **state)
{
    (void)state;
    struct mr_batch batch;
    static const struct aggregate_expectation list[] = {
        {"count", "1", "6", false},
        {"count", "#0", "5", false},
        {"count", "#0 #1", "3", false},
        {"count", "#0", "3", true},
        {"count", "#0 #1", "3", true},
        {"count_if", "(> #0 1)", "3", false},
        {"sum", "#0", "9", false},
        {"sum", "#0", "6", true},
        {"sum", "#2", "16.5", false},
        {"sum", "#3", "60.60", false},
        {"sum", "(cast #0 DECIMAL(38,10))", "9.0000000000", false},
        {"avg", "#0", "1.8", false},
        {"avg", "#3", "12.120000", false},
        {"avg", "(cast #0 DECIMAL(38,10))", "1.80000000000000", false},
        {"min", "#0", "1", false},
        {"max", "#0", "3", false},
        {"min", "#1", "a", false},
        {"max", "#1", "zzzzzzzzzzzzzzzzzzzz", false},
        {"max", "#2", "NaN", false},
        {"min", "#2", "-1.0", false},
        {"max", "#3", "30.30", false},
        {"min", "(cast #3 DECIMAL(38,2))", "0.00", false},
        {"max", "(> #0 2)", "true", false},
        {"bool_and", "(> #0 0)", "true", false},
        {"some", "(> #0 5)", "false", false},
        {"bit_xor", "#0", "3", false},
        {"first", "#0", "1", false},
        {"last", "#0", "1", false},
        {"last", "#1", "NULL", false},
        {"last", "#1 true", "b", false},
        {"any_value", "#1", "a", false},
        {"max_by", "#1 #3", "b", false},
        {"min_by", "#1 #3", "NULL", false},
        {"min", "(cast #0 STRING)", "1", false},
        {"sum", "null", "NULL", false},
        {"max", "null", "NULL", false},
        {"sum", "true", "!DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", false},
        {"sum", "9223372036854775807L", "!ARITHMETIC_OVERFLOW", false},
        {"try_sum", "9223372036854775807L", "NULL", false},
        {"sum", "(cast '99999999999999999999999999999999999999' DECIMAL(38,0))", "!ARITHMETIC_OVERFLOW",
         false},
        {"sum", "(cast '1' STRING)", "6.0", false},
    };
    make_batch("a INT, b STRING, c DOUBLE, d DECIMAL(10,2)",
               "1|a|1.5|10.10;2|null|NaN|null;3|zzzzzzzzzzzzzzzzzzzz|2|0.00;null|a|-1|20.20;2|b|4|30.30;1|"
               "null|5|0.00",
               &batch);
    batch.columns[2]->f64[1] = 5; /* sums below do without NaN */
    check("#2", &batch, "1.5|5.0|2.0|-1.0|4.0|5.0");
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        bool nan = strcmp(list[i].expected, "NaN") == 0;
        batch.columns[2]->f64[1] = nan ? 0.0 / 0.0 : 5;
        check_aggregates(&list[i], 1, &batch);
    }
    mr_batch_release(&batch);
}

static void statistics(void **state)
{
    (void)state;
    struct mr_batch batch;
    static const struct aggregate_expectation list[] = {
        {"stddev", "#0", "3.095695936834452", false},
        {"stddev_pop", "#0", "2.680951323690902", false},
        {"variance", "#0", "9.583333333333334", false},
        {"var_pop", "#0", "7.1875", false},
        {"corr", "#1 #2", "0.9743547036924464", false},
        {"covar_pop", "#1 #2", "1.6666666666666667", false},
        {"covar_samp", "#1 #2", "2.5", false},
        {"regr_count", "#2 #1", "3", false},
        {"regr_avgx", "#2 #1", "2.0", false},
        {"regr_sxx", "#2 #1", "2.0", false},
        {"regr_sxy", "#2 #1", "5.0", false},
        {"regr_slope", "#2 #1", "2.5", false},
        {"regr_r2", "#2 #1", "0.949367088607595", false},
    };
    make_batch("x INT, y DOUBLE, z DOUBLE", "1|1|2;2|2|3.5;4|3|7;8|null|1;null|null|null", &batch);
    for (size_t i = 0; i < sizeof list / sizeof list[0];
         i++) { /* whole only: another order of additions, another last digit */
        const char *actual = aggregate_text(list[i].name, list[i].arguments, false, &batch, 1);
        if (strcmp(actual, list[i].expected) != 0)
            fail_msg("%s is %s, not %s", list[i].name, actual, list[i].expected);
        double parts = strtod(aggregate_text(list[i].name, list[i].arguments, false, &batch, 3), NULL);
        assert_true(parts - strtod(list[i].expected, NULL) < 1e-9 &&
                    strtod(list[i].expected, NULL) - parts < 1e-9);
    }
    assert_string_equal(aggregate_text("skewness", "#0", false, &batch, 1), "0.656807734499699");
    assert_string_equal(aggregate_text("kurtosis", "#0", false, &batch, 1), "-1.09897920604915");
    mr_batch_release(&batch);
    make_batch("x INT, y DOUBLE, z DOUBLE", "1|1|2", &batch);
    assert_string_equal(aggregate_text("stddev", "#0", false, &batch, 1), "NULL");
    assert_string_equal(aggregate_text("stddev_pop", "#0", false, &batch, 1), "0.0");
    assert_string_equal(aggregate_text("regr_slope", "#1 #2", false, &batch, 1), "NULL");
    mr_batch_release(&batch);
}

/* Numbers 0 … count - 1. */
static void make_range(int64_t count, struct mr_batch *batch)
{
    struct mr_error error;
    mr_error_clear(&error);
    make_batch("id BIGINT", "", batch);
    assert_int_equal(mr_column_reserve(batch->columns[0], count, &error), MR_OK);
    for (int64_t i = 0; i < count; i++)
        batch->columns[0]->i64[i] = i;
    batch->length = batch->columns[0]->length = count;
}

/* Estimates, not only within their error but Spark's own. */
static void distinct_estimates(void **state)
{
    (void)state;
    static const struct {
        int64_t count;
        const char *plain, *fine, *text, *coarse;
    } list[] = {
        {10, "10", "10", "10", "13"},
        {200, "195", "199", "202", "191"},
        {1000, "1026", "996", "1034", "979"},
        {2000, "1947", "2013", "1937", "2442"},
        {100000, "95546", "100425", "97299", "78139"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct mr_batch batch;
        make_range(list[i].count, &batch);
        const char *name = "approx_count_distinct";
        assert_string_equal(aggregate_text(name, "#0", false, &batch, 2), list[i].plain);
        assert_string_equal(aggregate_text(name, "#0 0.01", false, &batch, 1), list[i].fine);
        assert_string_equal(aggregate_text(name, "(cast #0 STRING)", false, &batch, 3), list[i].text);
        assert_string_equal(aggregate_text(name, "#0 0.3", false, &batch, 1), list[i].coarse);
        mr_batch_release(&batch);
    }
}

static void collections(void **state)
{
    (void)state;
    struct mr_batch batch;
    static const struct aggregate_expectation list[] = {
        {"collect_list", "#0", "[1, 2, 1, 10]", false},
        {"collect_list", "#0", "[1, 2, 10]", true},
        {"collect_set", "#0", "[1, 2, 10]", false},
        {"collect_list", "#1", "[a, b, a, a long string, indeed]", false},
        {"array_agg", "null", "[]", false},
        {"string_agg", "#1 ','", "a,b,a,a long string, indeed", false},
        {"listagg", "#1", "abaa long string, indeed", false},
        {"mode", "#0", "1", false},
        {"median", "#0", "1.5", false},
        {"percentile", "#0 0.3", "1.0", false},
        {"percentile", "#0 0.75", "4.0", false},
        {"percentile", "#0 0.5 2", "1.5", false},
        {"percentile_approx", "#0 0.5", "1", false},
        {"percentile_approx", "(cast #0 DECIMAL(10,2)) 0.75", "2.00", false},
        {"percentile_approx", "#0 1.5", "!DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", false},
        {"percentile_approx", "#0 0.5 0", "!DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", false},
    };
    make_batch("a INT, b STRING", "1|a;2|b;null|null;1|a;10|a long string, indeed", &batch);
    CHECK_AGGREGATES(list, &batch);
    mr_batch_release(&batch);
    make_range(100000, &batch);
    assert_string_equal(aggregate_text("percentile_approx", "#0 0.37", false, &batch, 1), "36996");
    assert_string_equal(aggregate_text("percentile_approx", "#0 0.37 100", false, &batch, 1), "36427");
    assert_string_equal(aggregate_text("percentile_approx", "(cast (% (* #0 7919) 100000) DOUBLE) 0.5 100",
                                       false, &batch, 1),
                        "49871.0");
    long parts = strtol(aggregate_text("percentile_approx", "#0 0.37 100", false, &batch, 3), NULL, 10);
    assert_in_range(parts, 36000, 38000);
    mr_batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(basic), cmocka_unit_test(statistics),
                                       cmocka_unit_test(distinct_estimates), cmocka_unit_test(collections)};
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
