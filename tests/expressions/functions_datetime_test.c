/* Datetime patterns by themselves, and date functions over columns, checked against plain counting. Single
 * values are compared with Spark by tests/spark/functions. */
#include "tests/expressions/expression_text.h"

#include "expressions/datetime_format.h"

static const struct mr_datetime_format *compile(const char *pattern, enum mr_datetime_use use)
{
    const struct mr_datetime_format *format = NULL;
    struct mr_error error;
    mr_error_clear(&error);
    test_builder();
    if (mr_datetime_format_compile(&test_arena, mr_str_of(pattern), use, &format, &error) < 0)
        fail_msg("%s: %s", pattern, error.message);
    return format;
}

static const struct mr_zone *zone(const char *id)
{
    const struct mr_zone *out = NULL;
    struct mr_error error;
    mr_error_clear(&error);
    assert_int_equal(mr_zone_find(mr_str_of(id), &out, &error), MR_OK);
    return out;
}

static void prints(const char *pattern, int64_t micros, const char *zone_id, const char *expected)
{
    struct mr_text out;
    mr_text_init(&out);
    bool good = mr_datetime_format_print(compile(pattern, MR_DATETIME_PRINT), micros,
                                         zone_id ? zone(zone_id) : NULL, &out);
    if (!expected ? good : !good || strcmp(out.data, expected) != 0)
        fail_msg("%s prints %s, not %s", pattern, good ? out.data : "nothing",
                 expected ? expected : "nothing");
    mr_text_release(&out);
}

static void parses(const char *pattern, const char *text, const char *expected)
{
    int64_t micros = 0;
    bool good = mr_datetime_format_parse_timestamp(compile(pattern, MR_DATETIME_PARSE), mr_str_of(text),
                                                   mr_zone_utc(), &micros);
    char buffer[48] = "";
    if (good)
        buffer[mr_timestamp_text(micros, buffer)] = 0;
    if (!expected ? good : !good || strcmp(buffer, expected) != 0)
        fail_msg("%s reads %s as %s, not %s", pattern, text, good ? buffer : "nothing",
                 expected ? expected : "nothing");
}

static void printing(void **state)
{
    (void)state;
    int64_t at = 1709647629012345; /* 2024-03-05 14:07:09.012345 UTC, a Tuesday */
    prints("yyyy-MM-dd'T'HH:mm:ss.SSSSSS", at, "UTC", "2024-03-05T14:07:09.012345");
    prints("yy M d H m s S", at, "UTC", "24 3 5 14 7 9 0");
    prints("EEEE, d MMMM y G", at, "UTC", "Tuesday, 5 March 2024 AD");
    prints("D DDD F Q QQQQ", at, "UTC", "65 065 5 1 1st quarter");
    prints("h a K k", at, "UTC", "2 PM 2 14");
    prints("h a K k", at - 14LL * 3600000000, "UTC", "12 AM 0 24");
    prints("XXX xx O VV z", at, "Europe/Zurich", "+01:00 +0100 GMT+1 Europe/Zurich CET");
    prints("z zzzz", at + 120LL * 86400000000, "America/New_York", "EDT Eastern Daylight Time");
    prints("X", at, "Asia/Kolkata", "+0530");
    prints("yyyy", -62198755200000000, "UTC", "-0001");
    prints("yyyy G", -62198755200000000, "UTC", "0002 BC");
    prints("''yyyy''", at, "UTC", "'2024'");
    prints("HH:mm", at, NULL, "14:07");
    prints("HH:mm X", at, NULL, NULL);
}

static void parsing(void **state)
{
    (void)state;
    parses("yyyy-MM-dd HH:mm:ss", "2024-03-05 14:07:09", "2024-03-05 14:07:09");
    parses("yyyy-MM-dd HH:mm:ss", "2024-03-05 14:07:0", NULL);
    parses("yyyy-MM-dd", "2023-02-29", NULL);
    parses("yyyyMMddHHmmss", "20240305140709", "2024-03-05 14:07:09");
    parses("yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05 14:07", "2024-03-05 14:07:00");
    parses("yyyy-MM-dd[ HH:mm[:ss]]", "2024-03-05", "2024-03-05 00:00:00");
    parses("d MMM yyyy", "5 MAR 2024", "2024-03-05 00:00:00");
    parses("yyyy-MM-dd h:mm a", "2024-03-05 2:07 pm", "2024-03-05 14:07:00");
    parses("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-03-05T14:07:09-05:30", "2024-03-05 19:37:09");
    parses("yyyy-MM-dd VV", "2024-07-01 Europe/Zurich", "2024-06-30 22:00:00");
    parses("HH:mm HH", "10:30 11", NULL);
    parses("HH a", "14 AM", NULL);
    parses("ss.SSS", "07.5", "1970-01-01 00:00:07.5");
    parses("ss.SSS", "07.5000", NULL);
    parses("", "", "1970-01-01 00:00:00");
    parses("yyyy", "99999999999999999999", NULL);
}

/* What one prints the other reads, over a long time. */
static void round_trip(void **state)
{
    (void)state;
    const struct mr_datetime_format *print = compile("yyyy/DDD k:m:s SSSSSS XXXXX", MR_DATETIME_PRINT);
    const struct mr_datetime_format *parse = compile("yyyy/DDD k:m:s SSSSSS XXXXX", MR_DATETIME_PARSE);
    const struct mr_zone *places[] = {mr_zone_utc(), zone("Europe/Zurich"), zone("America/St_Johns"),
                                      zone("+05:45")};
    struct mr_text text;
    mr_text_init(&text);
    for (int64_t i = 0; i < 4000; i++) {
        int64_t micros = -62135596800000000 + i * 78894123456789, back = 0;
        mr_text_clear(&text);
        assert_true(mr_datetime_format_print(print, micros, places[i % 4], &text));
        if (!mr_datetime_format_parse_timestamp(parse, mr_text_str(&text), mr_zone_utc(), &back) ||
            back != micros)
            fail_msg("%s", text.data);
    }
    mr_text_release(&text);
}

static void calendar(void **state)
{
    (void)state;
    struct mr_error error;
    struct mr_batch batch;
    struct mr_evaluator *evaluator = NULL;
    struct mr_column *columns[6];
    const struct mr_expression *list[6];
    static const char *const texts[] = {"(year #0)",     "(dayofyear #0)",    "(dayofweek #0)",
                                        "(last_day #0)", "(add_months #0 1)", "(next_day #0 'MO')"};
    enum { DAYS = 3000 };
    mr_error_clear(&error);
    make_batch("d DATE", "", &batch);
    assert_int_equal(mr_column_reserve(batch.columns[0], DAYS, &error), MR_OK);
    for (int i = 0; i < DAYS; i++)
        batch.columns[0]->i32[i] = 10000 + i; /* from 1997-05-19, a Monday */
    batch.length = batch.columns[0]->length = DAYS;
    struct mr_expression_builder b = test_builder();
    for (int i = 0; i < 6; i++) {
        const char *at = texts[i];
        assert_int_equal(parse_expression(&b, &at, &list[i], &error), MR_OK);
    }
    assert_int_equal(mr_evaluator_open(&evaluator, list, 6, &test_session, &error), MR_OK);
    assert_int_equal(mr_evaluator_run(evaluator, &batch, NULL, columns, &error), MR_OK);
    int year = 1997, day_of_year = 139;
    for (int i = 0; i < DAYS; i++) {
        bool leap = year % 4 == 0;
        assert_int_equal(columns[0]->i32[i], year);
        assert_int_equal(columns[1]->i32[i], day_of_year);
        assert_int_equal(columns[2]->i32[i], (i + 1) % 7 + 1);
        assert_in_range(columns[3]->i32[i], 10000 + i, 10000 + i + 30);
        assert_in_range(columns[4]->i32[i], 10000 + i + 28, 10000 + i + 31);
        assert_int_equal((columns[5]->i32[i] - 10000) % 7, 0);
        assert_in_range(columns[5]->i32[i], 10001 + i, 10007 + i);
        if (++day_of_year > 365 + leap) {
            day_of_year = 1;
            year++;
        }
    }
    for (int i = 0; i < 6; i++)
        mr_column_unref(columns[i]);
    mr_evaluator_close(evaluator);
    mr_batch_release(&batch);
}

static void columns_of_times(void **state)
{
    (void)state;
    struct mr_batch batch;
    make_batch("t TIMESTAMP, s STRING, f STRING",
               "2024-03-05 14:07:09.5|05.03.2024|dd.MM.yyyy;null|x|yyyy;1969-12-31 "
               "23:59:59.5|2024|yyyy;2024-02-29 00:00:00|null|yyyy",
               &batch);
    check("(date_format #0 'HH:mm:ss.SSS')", &batch, "14:07:09.500|NULL|23:59:59.500|00:00:00.000");
    check("(date_trunc 'HOUR' #0)", &batch,
          "2024-03-05 14:00:00|NULL|1969-12-31 23:00:00|2024-02-29 00:00:00");
    check("(try_to_timestamp #1 #2)", &batch, "2024-03-05 00:00:00|NULL|2024-01-01 00:00:00|NULL");
    check("(to_date #1 'dd.MM.yyyy')", &batch, "!CANNOT_PARSE_TIMESTAMP");
    check("(unix_seconds #0)", &batch, "1709647629|NULL|-1|1709164800");
    check("(unix_timestamp #0)", &batch, "1709647629|NULL|0|1709164800");
    check("(second #0)", &batch, "9|NULL|59|0");
    check("(to_timestamp #1 'bbb')", &batch, "!INVALID_DATETIME_PATTERN.WITH_SUGGESTION");
    check("(from_utc_timestamp #0 'Asia/Tokyo')", &batch,
          "2024-03-05 23:07:09.5|NULL|1970-01-01 08:59:59.5|2024-02-29 09:00:00");
    check("(timestampadd 'YEAR' 1 #0)", &batch,
          "2025-03-05 14:07:09.5|NULL|1970-12-31 23:59:59.5|2025-02-28 00:00:00");
    mr_batch_release(&batch);
}

static void current(void **state)
{
    (void)state;
    test_builder();
    test_session.batch_time_us = 1709647629012345;
    check_constant("(current_timestamp)", "2024-03-05 14:07:09.012345");
    check_constant("(current_date)", "2024-03-05");
    check_constant("(datediff (current_date) '2024-03-01')", "4");
    check_constant("(unix_timestamp)", "1709647629");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printing), cmocka_unit_test(parsing),          cmocka_unit_test(round_trip),
        cmocka_unit_test(calendar), cmocka_unit_test(columns_of_times), cmocka_unit_test(current),
    };
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
