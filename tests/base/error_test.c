#include <errno.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

static void conditions_are_sorted_and_found(void **state)
{
    (void)state;
    static const char *const names[] = {
#define MR_CONDITION(name, sqlstate) name,
#include "base/conditions.def"
#undef MR_CONDITION
    };
    size_t count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            assert_true(strcmp(names[i - 1], names[i]) < 0);
        assert_non_null(mr_condition_sqlstate(names[i]));
    }
    assert_string_equal(mr_condition_sqlstate("DIVIDE_BY_ZERO"), "22012");
    assert_string_equal(mr_condition_sqlstate("PARSE_SYNTAX_ERROR"), "42601");
    assert_null(mr_condition_sqlstate("NO_SUCH_CONDITION"));
    assert_null(mr_condition_sqlstate("DIVIDE_BY_ZER"));
    assert_null(mr_condition_sqlstate("DIVIDE_BY_ZEROO"));
    assert_null(mr_condition_sqlstate(""));
    /* a subclass nobody listed has the state of its class */
    assert_string_equal(mr_condition_sqlstate("DIVIDE_BY_ZERO.OURS"), "22012");
}

static void set_fills_everything(void **state)
{
    (void)state;
    struct mr_error error;
    memset(&error, 0xAA, sizeof error);
    assert_int_equal(mr_error_set(&error, MR_E_DATA, "DIVIDE_BY_ZERO", "Division %d by zero.", 7), MR_E_DATA);
    assert_int_equal(error.code, MR_E_DATA);
    assert_string_equal(error.condition, "DIVIDE_BY_ZERO");
    assert_string_equal(error.sqlstate, "22012");
    assert_string_equal(error.message, "Division 7 by zero.");
    assert_string_equal(error.file, "");
    assert_int_equal(error.offset, -1);
    assert_int_equal(error.flags, 0);
    assert_int_equal(error.parameters_size, 0);
    mr_error_set(&error, MR_E_IO, "MR_OWN", "x");
    assert_string_equal(error.sqlstate, "XXKM0");
    /* a message may be wrapped into itself */
    mr_error_set(&error, MR_E_IO, "MR_OWN", "before: %s", error.message);
    assert_string_equal(error.message, "before: x");
}

static void long_texts_are_cut_at_a_character(void **state)
{
    (void)state;
    struct mr_error error;
    char text[3000];
    for (int shift = 0; shift < 4; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = (size_t)shift; i + 3 < sizeof text - 1; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 3);
        text[sizeof text - 1] = 0;
        mr_error_set(&error, MR_E_DATA, text, "%s", text);
        assert_in_range(strlen(error.message), sizeof error.message - 4, sizeof error.message - 1);
        size_t rest = (strlen(error.message) - (size_t)shift) % 3;
        assert_int_equal(rest, 0);
        assert_int_equal((strlen(error.condition) - (size_t)shift) % 3, 0);
        mr_error_system(&error, ENOSPC, "TASK_WRITE_FAILED", "%s", text);
        assert_non_null(strstr(error.message, "No space left"));
        mr_error_at(&error, text, 1, 1, 1);
        assert_int_equal((strlen(error.file) - (size_t)shift) % 3, 0);
    }
}

static void system_errors_carry_flags(void **state)
{
    (void)state;
    struct mr_error error;
    assert_int_equal(mr_error_system(&error, ENOSPC, "TASK_WRITE_FAILED", "Cannot write %s", "/x"), MR_E_IO);
    assert_int_equal(error.sys_errno, ENOSPC);
    assert_int_equal(error.flags, MR_RETRIABLE);
    assert_string_equal(error.message,
                        "Cannot write /x: No space left on device. Make room there and run again.");
    mr_error_system(&error, EIO, "TASK_WRITE_FAILED", "Cannot write %s", "/x");
    assert_int_equal(error.flags, 0);
    assert_int_equal(mr_error_memory(&error, 77), MR_E_MEMORY);
    assert_non_null(strstr(error.message, "77"));
}

static void parameters_are_a_list(void **state)
{
    (void)state;
    struct mr_error error;
    mr_error_set(&error, MR_E_SQL, "X", "x");
    mr_error_parameter(&error, "name", "`%s`", "a");
    mr_error_parameter(&error, "empty", "%s", "");
    const char expected[] = "name\0`a`\0empty\0\0";
    assert_int_equal(error.parameters_size, sizeof expected - 1);
    assert_memory_equal(error.parameters, expected, sizeof expected);
    char large[2000];
    memset(large, 'z', sizeof large);
    large[sizeof large - 1] = 0;
    mr_error_parameter(&error, "large", "%s", large);
    assert_in_range(error.parameters_size, 900, sizeof error.parameters - 1);
    assert_int_equal(error.parameters[error.parameters_size], 0);
    size_t before = error.parameters_size;
    mr_error_parameter(&error, "more", "%s", large);
    assert_in_range(error.parameters_size, before, sizeof error.parameters - 1);
}

static void inner_places_are_kept(void **state)
{
    (void)state;
    struct mr_error error;
    mr_error_set(&error, MR_E_DATA, "X", "x");
    assert_int_equal(mr_error_at(&error, NULL, 0, 5, -1), MR_E_DATA);
    mr_error_at(&error, "f.json", 3, 9, 100);
    assert_string_equal(error.file, "f.json");
    assert_int_equal(error.line, 3);
    assert_int_equal(error.column, 5);
    assert_int_equal(error.offset, 100);
}

static void sql_errors_point_at_the_piece(void **state)
{
    (void)state;
    struct mr_error error;
    const char *sql = "SELECT a,\n\tb\xC3\xA9 FROM t\nWHERE x";
    mr_error_set(&error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "No.");
    size_t start = (size_t)(strstr(sql, "FROM") - sql);
    mr_error_in_sql(&error, "a.sql", sql, start, start + 4);
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 5);
    assert_string_equal(error.excerpt, "\tb\xC3\xA9 FROM t\n\t   ^^^^");
    assert_int_equal(error.sql_start, start);
    char out[400];
    size_t size = mr_error_format(&error, out, sizeof out);
    assert_string_equal(out, "[PARSE_SYNTAX_ERROR] No. SQLSTATE: 42601\n  at a.sql, line 2, column 5\n"
                             "\tb\xC3\xA9 FROM t\n\t   ^^^^");
    assert_int_equal(size, strlen(out));
    char small[10];
    assert_int_equal(mr_error_format(&error, small, sizeof small), size);
    assert_string_equal(small, "[PARSE_SY");
    assert_int_equal(mr_error_format(&error, NULL, 0), size);
    /* beyond the end: the caret stands behind the text */
    mr_error_set(&error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "No.");
    mr_error_in_sql(&error, NULL, "SELECT", 6, 6);
    assert_string_equal(error.excerpt, "SELECT\n      ^");
}

static void long_sql_lines_are_cut_around_the_piece(void **state)
{
    (void)state;
    struct mr_error error;
    char sql[5000];
    for (size_t at = 0; at < 4990; at += 37) {
        for (size_t i = 0; i + 2 < sizeof sql; i += 2)
            memcpy(sql + i, "\xC3\xA9", 2);
        sql[sizeof sql - 2] = sql[sizeof sql - 1] = 0;
        memcpy(sql + at / 2 * 2, "XY", 2);
        mr_error_set(&error, MR_E_SQL, "X", "x");
        mr_error_in_sql(&error, NULL, sql, at / 2 * 2, 4998);
        char *x = strstr(error.excerpt, "XY");
        assert_non_null(x);
        assert_true(strlen(error.excerpt) < sizeof error.excerpt);
        /* as many characters before the caret as before the piece */
        size_t before = 0, blanks = 0;
        for (char *c = error.excerpt; c < x; c++)
            before += ((unsigned char)*c & 0xC0) != 0x80;
        for (char *c = strchr(error.excerpt, '\n') + 1; *c == ' '; c++)
            blanks++;
        assert_int_equal(before, blanks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_sorted_and_found),
        cmocka_unit_test(set_fills_everything),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(system_errors_carry_flags),
        cmocka_unit_test(parameters_are_a_list),
        cmocka_unit_test(inner_places_are_kept),
        cmocka_unit_test(sql_errors_point_at_the_piece),
        cmocka_unit_test(long_sql_lines_are_cut_around_the_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
