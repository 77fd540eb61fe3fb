/* tests/base/option_test.c: options read by a table: defaults, bounds, members, tables in tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/option.h"

enum color { RED, GREEN, BLUE };
struct inner {
    bool yes;
    const char *text;
};
struct outer {
    struct inner inner;
    int64_t number, bytes, delay_us;
    int small, character;
    enum color color;
    bool second;
    struct mr_str str;
    const char *kept;
};

#define INNER(member) MR_OPTION_HOME(inner, member)
#define TO(member) MR_OPTION_HOME(outer, member)

static const struct mr_option_spec inner_table[] = {
    {"yes", MR_OPTION_BOOLEAN, "true", "shared", INNER(yes)},
    {"text", MR_OPTION_TEXT, "hello", "shared", INNER(text)},
    {0},
};
static const struct mr_option_spec table[] = {
    {"numberAlias", MR_OPTION_INTEGER, NULL, "the same as number", TO(number), MR_OPTION_AT_LEAST(1)},
    {"number", MR_OPTION_INTEGER, "7", "bounded below", TO(number), MR_OPTION_AT_LEAST(1)},
    {"small", MR_OPTION_INTEGER, "0", "bounded", TO(small), .least = -2, .most = 3},
    {"bytes", MR_OPTION_BYTES, "(no limit)", "the code decides", TO(bytes)},
    {"delay", MR_OPTION_DURATION, "1 minute", "a duration", TO(delay_us)},
    {"character", MR_OPTION_CHARACTER, "", "a character", TO(character)},
    {"color", MR_OPTION_CHOICE, "green", "one of three", TO(color), .choices = "red|green|blue"},
    {"which", MR_OPTION_CHOICE, "first", "one of two", TO(second), .choices = "first|second"},
    {"str", MR_OPTION_TEXT, "", "text with its size", TO(str)},
    {"kept", MR_OPTION_TEXT, NULL, "has no default", TO(kept)},
    {.include = inner_table, TO(inner)},
    {"elsewhere", MR_OPTION_IGNORED, NULL, .help = "of no effect"},
    {"dangerous", MR_OPTION_REFUSED, NULL, .help = "do without"},
    {"rest.*", MR_OPTION_TEXT, NULL, .help = "handed on"},
    {0},
};

static struct outer out;
static struct mr_error error;

static int read_one(const char *name, const char *value)
{
    const struct mr_option option = {name, value};
    mr_error_clear(&error);
    out = (struct outer){.bytes = 99, .kept = "as it was"};
    return mr_options_read(table, "the test", &option, 1, &out, &error);
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(read_one("rest.anything", "x"), MR_OK);
    assert_true(out.inner.yes);
    assert_string_equal(out.inner.text, "hello");
    assert_int_equal(out.number, 7);
    assert_int_equal(out.bytes, 99);
    assert_int_equal(out.delay_us, 60000000);
    assert_int_equal(out.character, -1);
    assert_int_equal(out.color, GREEN);
    assert_false(out.second);
    assert_string_equal(out.kept, "as it was");
}

static void values(void **state)
{
    (void)state;
    const struct mr_option given[] = {{"NUMBER", "8"},     {"numberAlias", "9"}, {"small", "-2"},
                                      {"bytes", "2k"},     {"delay", "3 ms"},    {"character", "\\t"},
                                      {"color", "BLUE"},   {"which", "second"},  {"str", "abc"},
                                      {"yes", "true"},     {"yes", "false"},     {"text", "bye"},
                                      {"elsewhere", "no"}, {"kept", "new"}};
    mr_error_clear(&error);
    assert_int_equal(mr_options_read(table, "the test", given, (int)(sizeof given / sizeof *given), &out,
                                     &error),
                     MR_OK);
    assert_int_equal(out.number, 8); /* further down in the table than its other name */
    assert_int_equal(out.small, -2);
    assert_int_equal(out.bytes, 2048);
    assert_int_equal(out.delay_us, 3000);
    assert_int_equal(out.character, '\t');
    assert_int_equal(out.color, BLUE);
    assert_true(out.second);
    assert_int_equal(out.str.size, 3);
    assert_false(out.inner.yes); /* the last */
    assert_string_equal(out.inner.text, "bye");
    assert_string_equal(out.kept, "new");
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *condition, *says;
    } cases[] = {{"number", "0", "INVALID_OPTION_VALUE", "a whole number, at least 1"},
                 {"small", "4", "INVALID_OPTION_VALUE", "from -2 to 3"},
                 {"small", "4294967296", "INVALID_OPTION_VALUE", "from -2 to 3"},
                 {"bytes", "-1", "INVALID_OPTION_VALUE", "number of bytes"},
                 {"delay", "soon", "INVALID_OPTION_VALUE", "a duration"},
                 {"character", "ab", "OPTION_VALUE_EXCEEDS_ONE_CHARACTER", "one ASCII character"},
                 {"character", "\xC3\xA9", "OPTION_VALUE_EXCEEDS_ONE_CHARACTER", "one ASCII character"},
                 {"color", "pink", "INVALID_OPTION_VALUE", "red|green|blue"},
                 {"yes", "1", "INVALID_OPTION_VALUE", "true or false"},
                 {"dangerous", "x", "UNSUPPORTED_OPTION", "do without"},
                 {"texd", "x", "UNKNOWN_OPTION", "Did you mean 'text'?"},
                 {"REST.x", "x", "UNKNOWN_OPTION", "the test has no option"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(read_one(cases[i].name, cases[i].value) < 0);
        assert_string_equal(error.condition, cases[i].condition);
        if (!strstr(error.message, cases[i].says))
            fail_msg("%s", error.message);
    }
}

static void lenient(void **state)
{
    (void)state;
    const struct mr_option given[] = {{"nobody", "x"}, {"color", "pink"}, {"which", "second"}};
    const struct mr_option wrong = {"yes", "perhaps"};
    mr_error_clear(&error);
    assert_int_equal(mr_options_read(table, NULL, given, 3, &out, &error), MR_OK);
    assert_int_equal(out.color, GREEN);
    assert_true(out.second);
    assert_int_equal(mr_options_read(table, NULL, &wrong, 1, &out, &error), MR_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(defaults), cmocka_unit_test(values),
                                       cmocka_unit_test(refused), cmocka_unit_test(lenient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
