/* Values: what can be checked without asking Spark, and the nested values whose text Spark was asked for. */
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/json.h"
#include "columns/value.h"

static struct mr_arena arena;
static struct mr_error error;

static uint64_t dice_state = 88172645463325252ULL;
static uint64_t dice(void)
{
    dice_state ^= dice_state << 13, dice_state ^= dice_state >> 7, dice_state ^= dice_state << 17;
    return dice_state;
}

/* ---- decimals ---- */

static mr_i128 random_i128(int digits)
{
    mr_i128 value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (mr_i128)(dice() % 10);
    return dice() % 2 ? value : -value;
}

static void decimals_go_through_text(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        int scale = (int)(dice() % 39);
        mr_i128 value = random_i128((int)(dice() % 39)), back = 0;
        bool overflow = true;
        char text[48];
        size_t size = mr_decimal_text(value, scale, text);
        assert_true(size <= 41);
        assert_true(mr_decimal_parse((struct mr_str){text, size}, 38, scale, &back, &overflow));
        assert_false(overflow);
        assert_true(value == back);
        char again[64];
        double expected = strtod(strncpy(again, (text[size] = 0, text), sizeof again), NULL);
        assert_memory_equal(&expected, &(double){mr_decimal_to_double(value, scale)}, 8);
    }
    mr_i128 value = 0;
    assert_false(mr_decimal_from_double(NAN, 10, 2, &value));
    assert_false(mr_decimal_from_double(INFINITY, 10, 2, &value));
    assert_true(mr_decimal_from_double(1.005, 10, 2, &value) &&
                value == 101); /* by its text, not by its bits */
}

static void rescaling_rounds_half_away_from_zero(void **state)
{
    (void)state;
    mr_i128 out = 0;
    static const struct {
        int64_t value;
        int from, to, precision, result;
    } cases[] = {{15, 1, 0, 5, 2}, {-15, 1, 0, 5, -2}, {14, 1, 0, 5, 1},    {-14, 1, 0, 5, -1},
                 {5, 1, 0, 1, 1},  {449, 2, 0, 5, 4},  {12, 0, 2, 5, 1200}, {0, 0, 38, 38, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(mr_decimal_rescale(cases[i].value, cases[i].from, cases[i].to, cases[i].precision, &out));
        assert_true(out == cases[i].result);
    }
    assert_false(mr_decimal_rescale(995, 2, 1, 2, &out)); /* 10.0 has three digits */
    assert_false(mr_decimal_rescale(100, 0, 38, 38, &out));
    assert_true(mr_decimal_fits(mr_decimal_power(38) - 1, 38));
    assert_false(mr_decimal_fits(mr_decimal_power(38), 38));
    assert_false(mr_decimal_fits(-mr_decimal_power(5), 5));
}

/* (a / b) * b + rest gives a back, for wide dividends and divisors of all sizes */
static void division_is_exact(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        mr_i128 quotient = random_i128(1 + (int)(dice() % 19)), divisor = random_i128(1 + (int)(dice() % 19)),
                out = 0;
        if (divisor == 0)
            continue;
        /* exact division: product / divisor at scale 0 */
        assert_true(mr_decimal_divide(quotient * divisor, 0, divisor, 0, 38, 0, &out));
        assert_true(out == quotient);
        /* and through 256 bits: (q * d) / d with 20 digits raised, when they fit */
        int scale = (int)(dice() % 19);
        assert_true(mr_decimal_divide(quotient * divisor, 0, divisor, 0, 38, scale, &out));
        assert_true(out == quotient * mr_decimal_power(scale));
        assert_true(mr_decimal_multiply(quotient, divisor, 10, 38, 10, &out));
        assert_true(out == quotient * divisor);
    }
    mr_i128 out = 0;
    assert_false(mr_decimal_divide(1, 0, 0, 0, 38, 6, &out));
    assert_false(mr_decimal_divide(mr_decimal_power(37), 0, 1, 38, 38, 6, &out));
    assert_true(mr_decimal_divide(1, 38, mr_decimal_power(37), 0, 38, 6, &out) && out == 0);
}

/* ---- doubles ---- */

static void doubles_are_read_exactly(void **state)
{
    (void)state;
    char text[64];
    for (int i = 0; i < 300000; i++) {
        uint64_t a = dice() >> (dice() % 64);
        switch (i % 4) {
        case 0:
            snprintf(text, sizeof text, "%llu.%03u", (unsigned long long)a, (unsigned)(dice() % 1000));
            break;
        case 1:
            snprintf(text, sizeof text, "-%llue%d", (unsigned long long)a, (int)(dice() % 700) - 350);
            break;
        case 2:
            snprintf(text, sizeof text, "0.%012llu", (unsigned long long)(a % 1000000000000ULL));
            break;
        default:
            snprintf(text, sizeof text, "%llu", (unsigned long long)a);
        }
        double value = 0, expected = strtod(text, NULL);
        assert_true(mr_double_parse(mr_str_of(text), &value));
        assert_memory_equal(&value, &expected, 8);
    }
    static const char *const bad[] = {"",    "-",   "+",   ".",   "1 ", " 1",  "1x",    "0x1", "inf",
                                      "nan", "NaN", "--1", "+-1", "1e", "1e+", "1.2.3", "e5",  "1,5"};
    double value = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mr_double_parse(mr_str_of(bad[i]), &value));
    static const char *const good[] = {"1.", ".5", "+1", "-0", "1E5", "00001", "1e+5"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(mr_double_parse(mr_str_of(good[i]), &value));
    assert_true(mr_double_parse(MR_STR("-0"), &value) && signbit(value));
}

/* ---- civil time ---- */

static void every_day_has_its_date(void **state)
{
    (void)state;
    int64_t day = mr_days_from_civil(-400, 1, 1);
    for (int64_t year = -400; year <= 2500; year++)
        for (int month = 1; month <= 12; month++)
            for (int date = 1; date <= mr_days_in_month(year, month); date++, day++) {
                struct mr_civil civil;
                if (mr_days_from_civil(year, month, date) != day)
                    fail_msg("%d-%d-%d", (int)year, month, date);
                mr_civil_from_days(day, &civil);
                if (civil.year != year || civil.month != month || civil.day != date)
                    fail_msg("%d-%d-%d back", (int)year, month, date);
            }
    assert_int_equal(mr_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(mr_days_from_civil(2024, 2, 29), 19782);
    static const int64_t instants[] = {0, -1, 1, INT64_MAX, INT64_MIN, 86400000000 - 1, -86400000000};
    for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++) {
        struct mr_civil civil;
        mr_civil_from_micros(instants[i], &civil);
        assert_int_equal(mr_micros_from_civil(&civil), instants[i]);
    }
}

static void the_fast_timestamp_form_agrees_with_the_lenient_one(void **state)
{
    (void)state;
    char text[64];
    int accepted = 0;
    for (int i = 0; i < 200000; i++) {
        int64_t micros = (int64_t)(dice() % 253402300800000000ULL), iso = 0, lenient = 0;
        struct mr_civil c;
        mr_civil_from_micros(micros - (i % 2 ? 62135596800000000 : 0), &c);
        int size = snprintf(text, sizeof text, "%04d-%02d-%02d%c%02d:%02d:%02d", (int)c.year, c.month, c.day,
                            i % 3 ? 'T' : ' ', c.hour, c.minute, c.second);
        if (i % 5 > 0)
            size +=
                snprintf(text + size, sizeof text - (size_t)size, ".%0*d", i % 5 * 2 - 1, (int)(dice() % 10));
        static const char *const zones[] = {"Z", "+01:00", "-11:30", "+18:00", "-00:00"};
        size += snprintf(text + size, sizeof text - (size_t)size, "%s", zones[dice() % 5]);
        if (i % 7 == 0) /* one wrong or unusual character */
            text[dice() % (uint64_t)size] = "0123456789:-T Z+."[dice() % 17];
        bool fast = mr_timestamp_parse_iso(text, (size_t)size, &iso);
        bool slow = mr_timestamp_parse((struct mr_str){text, (size_t)size}, mr_zone_utc(), &lenient);
        if (fast && (!slow || iso != lenient))
            fail_msg("%s: %lld, %lld", text, (long long)iso, (long long)lenient);
        if (i % 7 != 0)
            assert_true(fast);
        accepted += fast;
    }
    assert_true(accepted > 170000);
}

static void damaged_timestamps_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "2024-01-02T03:04:05",       "2024-01-02T03:04:05.Z",     "2024-02-30T03:04:05Z",
        "2023-02-29T03:04:05Z",      "2024-13-02T03:04:05Z",      "2024-00-02T03:04:05Z",
        "2024-01-00T03:04:05Z",      "2024-01-32T03:04:05Z",      "2024-01-02T24:04:05Z",
        "2024-01-02T03:60:05Z",      "2024-01-02T03:04:60Z",      "2024-01-02T03:04:05+1:00",
        "2024-01-02T03:04:05+01:60", "2024-01-02T03:04:05+18:01", "2024-01-02T03:04:05+0100",
        "2024-01-02T03:04:05ZZ",     "2024-01-02T03:04:05z",      "2024-01-02t03:04:05Z",
        "20240-1-02T03:04:05Z",      " 2024-01-02T03:04:05Z",     "2024-01-02T03:04:05.1234567890123456Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t micros = 0;
        size_t size = strlen(bad[i]);
        char *exact = malloc(size);
        memcpy(exact, bad[i], size);
        if (mr_timestamp_parse_iso(exact, size, &micros))
            fail_msg("accepted: %s", bad[i]);
        free(exact);
    }
    /* every prefix of a good one is looked at without a read beyond it */
    const char *good = "2024-01-02T03:04:05.123456+01:00";
    for (size_t size = 0; size < strlen(good); size++) {
        int64_t micros = 0;
        char *exact = malloc(size + 1);
        memcpy(exact, good, size);
        char *cut = malloc(size + !size);
        memcpy(cut, good, size);
        assert_false(mr_timestamp_parse_iso(cut, size, &micros));
        mr_timestamp_parse((struct mr_str){cut, size}, mr_zone_utc(), &micros);
        free(cut);
        free(exact);
    }
}

static int64_t fixed_now(void)
{
    return INT64_C(1704164645) * 1000000;
}

static void a_time_alone_is_today(void **state)
{
    (void)state;
    struct mr_env env = *mr_env_system();
    env.now_us = fixed_now;
    mr_env_replace(&env);
    int64_t micros = 0;
    const struct mr_zone *apia = NULL;
    assert_int_equal(mr_zone_find(MR_STR("Pacific/Apia"), &apia, &error), MR_OK); /* tomorrow there */
    assert_true(mr_timestamp_parse(MR_STR("12:30"), mr_zone_utc(), &micros));
    assert_int_equal(micros, INT64_C(1704198600) * 1000000);
    assert_true(mr_timestamp_parse(MR_STR("T1:2:3.5"), apia, &micros));
    assert_int_equal(micros, INT64_C(1704110523500000));
    assert_false(mr_timestamp_ntz_parse(MR_STR("12:30"), &micros));
    mr_env_replace(NULL);
}

/* ---- zones ---- */

static void zones_are_found_by_spark_s_ids(void **state)
{
    (void)state;
    static const char *const good[] = {"UTC",
                                       "Z",
                                       "GMT",
                                       "UT",
                                       "+1",
                                       "+01",
                                       "-01:30",
                                       "+18:00",
                                       "GMT+1",
                                       "UTC-02:00",
                                       "UT+0330",
                                       "PST",
                                       "EST",
                                       "Europe/Zurich",
                                       "America/Argentina/Buenos_Aires",
                                       "Etc/GMT-14",
                                       "EST5EDT",
                                       "+01:02:03",
                                       "+1:3"};
    static const char *const bad[] = {"",          "X",         "europe/zurich",
                                      "Europe",    "Europe/",   "../../../etc/passwd",
                                      "right/UTC", "posix/UTC", "posixrules",
                                      "+19",       "+18:01",    "+1:60",
                                      "GMT1",      "UTC+",      "+",
                                      "+001",      "zone.tab",  "Europe/Zurich ",
                                      "/UTC",      "utc",       "a\nb"};
    const struct mr_zone *zone = NULL, *again = NULL;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (mr_zone_find(mr_str_of(good[i]), &zone, &error) != MR_OK)
            fail_msg("refused: %s", good[i]);
        assert_string_equal(mr_zone_id(zone), good[i]);
        assert_int_equal(mr_zone_find(mr_str_of(good[i]), &again, &error), MR_OK);
        assert_ptr_equal(zone, again);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (mr_zone_find(mr_str_of(bad[i]), &zone, &error) != MR_E_SQL)
            fail_msg("accepted: %s", bad[i]);
        assert_string_equal(error.condition, "INVALID_TIMEZONE");
    }
    assert_int_equal(mr_zone_find(MR_STR("-01:30"), &zone, &error), MR_OK);
    assert_int_equal(mr_zone_offset_seconds(zone, 0), -5400);
    assert_int_equal(mr_zone_find(MR_STR("PST"), &zone, &error), MR_OK);
    assert_int_equal(mr_zone_offset_seconds(zone, 1704164645000000), -8 * 3600);
    setenv("TZ", "Asia/Tokyo", 1); /* never looked at */
    assert_non_null(mr_zone_id(mr_zone_host()));
    assert_string_not_equal(mr_zone_id(mr_zone_host()), "Asia/Tokyo");
    unsetenv("TZ");
}

/* Away from transitions, local time and back is the identity, to the end of time. */
static void zones_go_there_and_back(void **state)
{
    (void)state;
    static const char *const ids[] = {"Europe/Zurich",     "America/New_York", "Australia/Lord_Howe",
                                      "Africa/Casablanca", "Asia/Tehran",      "Europe/Dublin",
                                      "Pacific/Apia",      "America/Sao_Paulo"};
    for (size_t z = 0; z < sizeof ids / sizeof ids[0]; z++) {
        const struct mr_zone *zone = NULL;
        assert_int_equal(mr_zone_find(mr_str_of(ids[z]), &zone, &error), MR_OK);
        for (int i = 0; i < 20000; i++) {
            int64_t utc = (int64_t)dice() / 2;
            int64_t back = mr_zone_to_utc(zone, mr_zone_to_local(zone, utc));
            int64_t before = mr_zone_offset_seconds(zone, utc - 86400000000),
                    after = mr_zone_offset_seconds(zone, utc + 86400000000);
            if (before == after)
                assert_int_equal(back, utc);
            /* the calendar repeats after 400 years, once the rule of the last year holds */
            if (utc > INT64_C(2900000000000000) && utc < INT64_C(1000000000000000000) && z != 3)
                assert_int_equal(mr_zone_offset_seconds(zone, utc),
                                 mr_zone_offset_seconds(zone, utc + INT64_C(12622780800000000)));
        }
    }
}

/* ---- nested values against Spark ---- */

static int32_t date_of(const char *text)
{
    int32_t days = 0;
    assert_true(mr_date_parse(mr_str_of(text), &days));
    return days;
}

static struct mr_column *child(struct mr_column *c, int field)
{
    c->children[field]->length = 1;
    return c->children[field];
}

/* The row that record_spark.py builds in SQL. */
static struct mr_column *spark_row(const struct mr_zone *zone)
{
    const struct mr_type *type = NULL;
    assert_int_equal(
        mr_type_parse(
            &arena,
            MR_STR(
                "STRUCT<a INT, b STRING, c ARRAY<DOUBLE>, d MAP<STRING, INT>, e DATE, f TIMESTAMP, g "
                "TIMESTAMP_NTZ, "
                "h BINARY, i DECIMAL(5,3), j BOOLEAN, k FLOAT, l INTERVAL DAY TO SECOND, m INTERVAL YEAR TO "
                "MONTH, "
                "n STRUCT<x VOID>, o ARRAY<STRUCT<y STRING>>, p DOUBLE, q DECIMAL(20,10), r DECIMAL(20,8), "
                "s DECIMAL(20,6)>"),
            &type, &error),
        MR_OK);
    struct mr_column *v = mr_column_new(type, 4);
    v->length = 1;
    child(v, 0)->i32[0] = 1;
    mr_column_set_null(child(v, 1), 0, &error);
    struct mr_column *c = child(v, 2)->children[0];
    c->f64[0] = 1.5, c->f64[2] = NAN;
    c->length = v->children[2]->offsets[1] = 3;
    mr_column_set_null(c, 1, &error);
    struct mr_column *d = child(v, 3);
    d->offsets[1] = 2;
    d->children[0]->length = d->children[1]->length = 2;
    mr_column_set_bytes(d->children[0], 0, "k", 1, &error);
    mr_column_set_bytes(d->children[0], 1, "q", 1, &error);
    d->children[1]->i32[0] = 1;
    mr_column_set_null(d->children[1], 1, &error);
    child(v, 4)->i32[0] = date_of("2024-01-02");
    assert_true(mr_timestamp_parse(MR_STR("2024-07-02 03:04:05.678901"), zone, child(v, 5)->i64));
    assert_true(mr_timestamp_ntz_parse(MR_STR("2024-01-02 03:04:05"), child(v, 6)->i64));
    mr_column_set_bytes(child(v, 7), 0, "\0\xFF\x41", 3, &error);
    child(v, 8)->i64[0] = 12340;
    child(v, 9)->booleans[0] = 1;
    child(v, 10)->f32[0] = 1;
    child(v, 11)->i64[0] = INT64_C(93784500000);
    child(v, 12)->i32[0] = -14;
    mr_column_append_null(child(v, 13)->children[0], &error);
    child(v, 14)->offsets[1] = 1;
    v->children[14]->children[0]->length = 1;
    mr_column_set_bytes(child(v->children[14]->children[0], 0), 0, "q\"\\ \n\xC3\xA9/", 8, &error);
    child(v, 15)->f64[0] = 1e10;
    child(v, 16)->i128[0] = 0;
    child(v, 17)->i128[0] = -120;
    child(v, 18)->i128[0] = 1;
    return v;
}

static struct mr_str recorded(const char *kind)
{
    struct mr_text file;
    struct mr_str answer = {0}, name;
    mr_text_init(&file);
    assert_int_equal(mr_file_read_all("tests/columns/spark_answers.jsonl", &file, &error), MR_OK);
    for (char *at = file.data, *end; (end = strchr(at, '\n')); at = end + 1) {
        struct mr_json *json = NULL;
        char *line = mr_arena_copy_text(&arena, at, (size_t)(end - at));
        assert_int_equal(mr_json_parse(&arena, mr_str_of(line), &json, &error), MR_OK);
        if (mr_json_get_str(json, "kind", &name) && mr_str_equal(name, mr_str_of(kind)))
            mr_json_get_str(json, "answer", &answer);
    }
    mr_text_release(&file);
    assert_non_null(answer.data);
    return answer;
}

static void expect_text(struct mr_text *out, struct mr_str expected)
{
    if (!mr_str_equal(mr_text_str(out), expected))
        fail_msg("\n%s\n%.*s", out->data, (int)expected.size, expected.data);
    mr_text_clear(out);
}

static void nested_values_print_as_spark_s(void **state)
{
    (void)state;
    const struct mr_zone *zone = NULL;
    assert_int_equal(mr_zone_find(MR_STR("Europe/Zurich"), &zone, &error), MR_OK);
    struct mr_column *v = spark_row(zone);
    struct mr_text out;
    mr_text_init(&out);
    mr_value_json(&out, v, 0, zone, true);
    expect_text(&out, recorded("value_json"));
    mr_value_json(&out, v, 0, zone, false);
    expect_text(&out, recorded("value_json_full"));
    /* the text leaves out h and o */
    static const int shown[] = {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18};
    mr_text_append_char(&out, '{');
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        mr_text_append_str(&out, i ? ", " : "");
        mr_value_text(&out, v->children[shown[i]], 0, zone);
    }
    mr_text_append_char(&out, '}');
    expect_text(&out, recorded("value_text"));
    mr_text_release(&out);
    mr_column_unref(v);
}

/* ---- schemas ---- */

static void schema_json_is_read(void **state)
{
    (void)state;
    const struct mr_type *type = NULL;
    const char *text = "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":"
                       "false,\"metadata\":{\"comment\":\"c\",\"x\":[1]}},"
                       "{\"name\":\"b\",\"type\":{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":"
                       "\"decimal(5,1)\",\"valueContainsNull\":false},"
                       "\"nullable\":true,\"metadata\":{}}]}";
    assert_int_equal(mr_schema_from_json(&arena, mr_str_of(text), &type, &error), MR_OK);
    assert_string_equal(type->fields[0].comment, "c");
    assert_string_equal(type->fields[0].metadata, "{\"comment\":\"c\",\"x\":[1]}");
    assert_false(type->fields[0].nullable);
    assert_null(type->fields[1].metadata);
    assert_false(type->fields[1].type->fields[1].nullable);
    struct mr_text out;
    mr_text_init(&out);
    mr_schema_to_json(&out, type);
    assert_string_equal(out.data, text);
    mr_text_release(&out);
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"{", MR_E_CORRUPT},
        {"\"long\"", MR_E_CORRUPT},
        {"{\"type\":\"struct\"}", MR_E_CORRUPT},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\"}]}", MR_E_CORRUPT},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":5}]}", MR_E_CORRUPT},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"array\"}}]}", MR_E_CORRUPT},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"variant\"}]}", MR_E_UNSUPPORTED},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal(50,1)\"}]}", MR_E_SQL},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\\u0000b\",\"type\":\"long\"}]}", MR_E_CORRUPT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(mr_schema_from_json(&arena, mr_str_of(bad[i].text), &type, &error), bad[i].code);
}

static void fields_are_found_without_regard_to_case(void **state)
{
    (void)state;
    const struct mr_type *type = NULL;
    bool ambiguous = false;
    assert_int_equal(
        mr_schema_parse(&arena, MR_STR("Abc INT, `\xC3\x89t\xC3\xA9` STRING, x INT, X INT"), &type, &error),
        MR_OK);
    assert_int_equal(mr_type_field(type, MR_STR("aBC"), false, &ambiguous), 0);
    assert_false(ambiguous);
    assert_int_equal(mr_type_field(type, MR_STR("aBC"), true, NULL), -1);
    assert_int_equal(mr_type_field(type, MR_STR("\xC3\xA9T\xC3\x89"), false, NULL), 1);
    assert_int_equal(mr_type_field(type, MR_STR("X"), false, &ambiguous), 2);
    assert_true(ambiguous);
    assert_int_equal(mr_type_field(type, MR_STR("X"), true, &ambiguous), 3);
    assert_false(ambiguous);
    assert_int_equal(mr_type_field(type, MR_STR("y"), false, NULL), -1);
}

static void type_errors_name_the_place(void **state)
{
    (void)state;
    const struct mr_type *type = NULL;
    assert_int_equal(mr_schema_parse(&arena, MR_STR("a INT, b FOO"), &type, &error), MR_E_SQL);
    assert_string_equal(error.condition, "UNSUPPORTED_DATATYPE");
    assert_int_equal(error.column, 10);
    assert_non_null(strstr(error.message, "FOO"));
    assert_int_equal(mr_schema_parse(&arena, MR_STR("a VARCHAR(5)"), &type, &error), MR_E_SQL);
    assert_string_equal(error.condition, "UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING");
    assert_int_equal(mr_type_parse(&arena, MR_STR("DECIMAL(5,6)"), &type, &error), MR_E_SQL);
    assert_int_equal(mr_type_parse(&arena, MR_STR("INT x"), &type, &error), MR_E_SQL);
    assert_int_equal(mr_type_parse(&arena, MR_STR(""), &type, &error), MR_E_SQL);
    assert_int_equal(mr_schema_parse(&arena, MR_STR("a: INT"), &type, &error), MR_OK);
    assert_int_equal(mr_schema_parse(&arena, MR_STR("struct<a: INT>"), &type, &error), MR_OK);
    assert_int_equal(type->field_count, 1);
    assert_int_equal(mr_schema_parse(&arena, MR_STR("a STRING COLLATE utf8_binary"), &type, &error), MR_OK);
    assert_int_equal(mr_schema_parse(&arena, MR_STR("a STRING COLLATE UNICODE_CI"), &type, &error), MR_E_SQL);
    struct mr_text deep;
    mr_text_init(&deep);
    for (int i = 0; i < 100000; i++)
        mr_text_append_str(&deep, "ARRAY<");
    assert_int_equal(mr_type_parse(&arena, mr_text_str(&deep), &type, &error), MR_E_SQL);
    mr_text_release(&deep);
}

static int start(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mr_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_go_through_text),
        cmocka_unit_test(rescaling_rounds_half_away_from_zero),
        cmocka_unit_test(division_is_exact),
        cmocka_unit_test(doubles_are_read_exactly),
        cmocka_unit_test(every_day_has_its_date),
        cmocka_unit_test(the_fast_timestamp_form_agrees_with_the_lenient_one),
        cmocka_unit_test(damaged_timestamps_are_refused),
        cmocka_unit_test(a_time_alone_is_today),
        cmocka_unit_test(zones_are_found_by_spark_s_ids),
        cmocka_unit_test(zones_go_there_and_back),
        cmocka_unit_test(nested_values_print_as_spark_s),
        cmocka_unit_test(schema_json_is_read),
        cmocka_unit_test(fields_are_found_without_regard_to_case),
        cmocka_unit_test(type_errors_name_the_place),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
