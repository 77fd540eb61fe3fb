#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/number.h"

static struct mr_arena arena;

static struct mr_json *parse(const char *text)
{
    struct mr_json *json = NULL;
    struct mr_error error;
    return mr_json_parse(&arena, mr_str_of(text), &json, &error) == MR_OK ? json : NULL;
}

static void good_documents(void **state)
{
    (void)state;
    struct mr_json *j =
        parse(" { \"a\" : [1, -2.5e+3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"], \"b\":{}, \"a2\":\"\" } ");
    assert_non_null(j);
    assert_int_equal(j->count, 3);
    const struct mr_json *a = mr_json_member(j, "a");
    assert_int_equal(a->count, 5);
    assert_true(mr_str_equal(a->raw, MR_STR("[1, -2.5e+3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"]")));
    const struct mr_json *item = a->first;
    assert_int_equal(item->type, MR_JSON_NUMBER);
    item = item->next;
    assert_true(mr_str_equal(item->text, MR_STR("-2.5e+3")));
    item = item->next;
    assert_true(item->type == MR_JSON_BOOLEAN && item->boolean);
    item = item->next->next;
    assert_true(mr_str_equal(item->text, MR_STR("x\xC3\xA9\xF0\x9F\x98\x80\n")));
    assert_null(item->next);
    assert_int_equal(mr_json_member(j, "b")->type, MR_JSON_OBJECT);
    assert_null(mr_json_member(j, "c"));
    assert_null(mr_json_member(a, "c"));
    assert_null(mr_json_member(NULL, "c"));
    j = parse("{\"x\":1,\"x\":2,\"n\":null,\"s\":\"t\",\"f\":false,\"big\":9223372036854775807,\"small\":-"
              "9223372036854775808}");
    int64_t n = 5;
    bool b = true;
    struct mr_str s = {0};
    assert_true(mr_json_get_i64(j, "x", &n));
    assert_int_equal(n, 2); /* the last of duplicates */
    assert_false(mr_json_get_i64(j, "n", &n));
    assert_false(mr_json_get_i64(j, "s", &n));
    assert_int_equal(n, 2);
    assert_true(mr_json_get_str(j, "s", &s) && mr_str_equal(s, MR_STR("t")));
    assert_true(mr_json_get_bool(j, "f", &b) && !b);
    assert_true(mr_json_get_i64(j, "big", &n) && n == INT64_MAX);
    assert_true(mr_json_get_i64(j, "small", &n) && n == INT64_MIN);
    static const char *const no_integers[] = {"9223372036854775808", "-9223372036854775809", "1.0", "1e2",
                                              "18446744073709551616"};
    for (size_t i = 0; i < 5; i++)
        assert_false(mr_json_to_i64(parse(no_integers[i]), &n));
    /* lone surrogates have no UTF-8 */
    j = parse("\"\\ud800x\\udc00\\ud800\\u0041\"");
    assert_true(mr_str_equal(j->text, MR_STR("\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
                                             "A")));
}

static void bad_documents(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "tru",
        "truex",
        "nul",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "\"\x01\"",
        "1 2",
        "{} x",
        "\"\xFF\"",
        "\"\xC0\x80\"",
        "\"\xED\xA0\x80\"",
        "NaN",
        "[1 2]",
        "\xEF\xBB\xBF{}",
        "-01",
        "\"\\",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mr_json *json = NULL;
        struct mr_error error;
        size_t size = strlen(texts[i]);
        char *exact = malloc(size + !size); /* so that the sanitizer sees a read beyond */
        memcpy(exact, texts[i], size);
        int status = mr_json_parse(&arena, (struct mr_str){exact, size}, &json, &error);
        if (status != MR_E_CORRUPT)
            fail_msg("accepted: %s", texts[i]);
        assert_in_range(error.offset, 0, strlen(texts[i]));
        assert_null(json);
        free(exact);
    }
    char deep[4000];
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    deep[2000] = 0;
    assert_non_null(parse(deep));
    memset(deep, '[', 1001);
    memset(deep + 1001, ']', 1001);
    deep[2002] = 0;
    assert_null(parse(deep));
}

static void written_text_is_read_back(void **state)
{
    (void)state;
    struct mr_text out;
    mr_text_init(&out);
    struct mr_json_writer w = {.out = &out};
    mr_json_begin_object(&w);
    mr_json_key(&w, "a\"b");
    mr_json_begin_array(&w);
    mr_json_i64(&w, INT64_MIN);
    mr_json_double(&w, 0.1);
    mr_json_double(&w, NAN);
    mr_json_bool(&w, true);
    mr_json_null(&w);
    mr_json_cstr(&w, NULL);
    mr_json_begin_object(&w);
    mr_json_end_object(&w);
    mr_json_begin_array(&w);
    mr_json_end_array(&w);
    mr_json_end_array(&w);
    mr_json_key_str(&w, MR_STR("s"));
    mr_json_str(&w, MR_STR("\x01\x1f\b\f\n\r\t\\/\xC3\xA9\xFF\xE2\x82x\x7F"));
    mr_json_key(&w, "r");
    mr_json_raw(&w, MR_STR("[1]"));
    mr_json_end_object(&w);
    assert_string_equal(out.data, "{\"a\\\"b\":[-9223372036854775808,0.1,\"NaN\",true,null,null,{},[]],"
                                  "\"s\":\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\\/"
                                  "\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDx\x7F\",\"r\":[1]}");
    assert_non_null(parse(out.data));
    mr_text_release(&out);
}

static void index_finds_the_structure(void **state)
{
    (void)state;
    struct mr_json_index *index = mr_json_index_new();
    const char *text = "{\"a\\\"{\": [1, true ,\"x,y\"]}\n{}";
    size_t size = strlen(text), count = 0;
    struct mr_buffer *buffer = mr_buffer_new(size);
    memcpy(buffer->data, text, size);
    const uint32_t *at = NULL;
    assert_int_equal(mr_json_index_build(index, buffer->data, size, &at, &count), MR_JSON_INDEXED);
    char found[64] = {0};
    for (size_t i = 0; i < count; i++)
        found[i] = text[at[i]];
    assert_string_equal(found, "{\":[1,t,\"]}{}");
    assert_int_equal(at[count], size);
    assert_int_equal(mr_json_index_build(index, "", 0, &at, &count), MR_JSON_INDEXED);
    assert_int_equal(count, 0);
    assert_int_equal(at[0], 0);
    static const struct {
        const char *text;
        int result;
    } cases[] = {
        {"   \n ", MR_JSON_INDEXED},
        {"\"abc", MR_JSON_UNCLOSED_STRING},
        {"\"a\nb\"", MR_JSON_UNCLOSED_STRING},
        {"{\"a\":\"\xFF\"}", MR_JSON_BAD_UTF8},
        {"\"\xED\xA0\x80\"", MR_JSON_BAD_UTF8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(buffer->data, 0, size);
        memcpy(buffer->data, cases[i].text, strlen(cases[i].text));
        assert_int_equal(mr_json_index_build(index, buffer->data, strlen(cases[i].text), &at, &count),
                         cases[i].result);
    }
    mr_buffer_unref(buffer);
    /* larger and larger: the index grows, and each colon is found once */
    for (size_t length = 1; length < 3000000; length *= 5) {
        buffer = mr_buffer_new(length);
        memset(buffer->data, ':', length);
        assert_int_equal(mr_json_index_build(index, buffer->data, length, &at, &count), MR_JSON_INDEXED);
        assert_int_equal(count, length);
        for (size_t i = 0; i <= length; i++)
            assert_int_equal(at[i], i);
        mr_buffer_unref(buffer);
    }
    mr_json_index_free(index);
}

static void utf8_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {
        {"abc", 3},
        {"\xC3\xA9", 2},
        {"\xC3", 0},
        {"aaaaaaaaaaaaaaa\xC3", 15},
        {"\xC0\x80", 0},
        {"\xE0\x9F\xBF", 0},
        {"\xE0\xA0\x80", 3},
        {"\xED\x9F\xBF", 3},
        {"\xED\xA0\x80", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xF0\x90\x80\x80", 4},
        {"\xF4\x8F\xBF\xBF", 4},
        {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"a\x80", 1},
        {"\xE2\x82", 0},
        {"\xE2\x28\xA1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(mr_utf8_valid_prefix(mr_str_of(cases[i].text)), cases[i].valid);
}

static void numbers_round_trip(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252ULL;
    for (int i = 0; i < 200000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double value, back = 0;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        char text[40];
        size_t size = mr_number_text(value, text);
        assert_in_range(size, 3, 26);
        text[size] = 0;
        assert_memory_equal(&value, &(double){strtod(text, NULL)}, 8);
        assert_int_equal(mr_number_parse_double(text, size, &back), size);
        assert_memory_equal(&value, &back, 8);
        float narrow, narrow_back = 0;
        memcpy(&narrow, &bits, 4);
        if (!isfinite(narrow))
            continue;
        size = mr_number_text_float(narrow, text);
        assert_int_equal(mr_number_parse_float(text, size, &narrow_back), size);
        assert_memory_equal(&narrow, &narrow_back, 4);
    }
    double value = 0;
    static const struct {
        const char *text;
        double value;
    } extremes[] = {{"1e400", INFINITY},         {"-1e400", -INFINITY}, {"1e-400", 0},
                    {"0.0000001e400", INFINITY}, {"123456789e-400", 0}, {"0e999", 0},
                    {"1e99999999999", INFINITY}, {"1e-99999999999", 0}};
    for (size_t i = 0; i < sizeof extremes / sizeof extremes[0]; i++) {
        assert_int_equal(mr_number_parse_double(extremes[i].text, strlen(extremes[i].text), &value),
                         strlen(extremes[i].text));
        assert_true(value == extremes[i].value);
    }
    char text[40];
    assert_int_equal(mr_number_fixed(2.345, 2, text, sizeof text), 4);
    assert_memory_equal(text, "2.35", 4);
    assert_int_equal(mr_number_fixed(1e300, 2, text, sizeof text), 0);
    static const int64_t integers[] = {0, 7, 10, 99, 100, -1, -100, 12345, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        char expected[32];
        int size = snprintf(expected, sizeof expected, "%lld", (long long)integers[i]);
        assert_int_equal(mr_number_text_i64(integers[i], text), size);
        assert_memory_equal(text, expected, (size_t)size);
    }
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
        cmocka_unit_test(good_documents),
        cmocka_unit_test(bad_documents),
        cmocka_unit_test(written_text_is_read_back),
        cmocka_unit_test(index_finds_the_structure),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(numbers_round_trip),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
