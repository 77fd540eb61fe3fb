/* tests/expressions/expression_text.h: expressions and batches written as text, for table-driven tests.
 *
 *   (name a b …)      a call            (cast a TYPE)  (try_cast a TYPE)     TYPE as one word: DECIMAL(5,2),
 * ARRAY<INT> #0                column 0          null true false                      1  1.5  1L  2S 3Y  1.5D
 * 'text'
 *   "#" columns belong to the batch given to check(). */
#ifndef MR_TESTS_EXPRESSION_TEXT_H
#define MR_TESTS_EXPRESSION_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "expressions/aggregate.h"
#include "expressions/function.h"

static struct mr_session test_session;
static struct mr_arena test_arena;
static const struct mr_type *test_schema;

static struct mr_expression_builder test_builder(void)
{
    struct mr_error error;
    mr_error_clear(&error);
    if (!test_session.zone) {
        if (mr_zone_find(MR_STR("UTC"), &test_session.zone, &error) < 0)
            abort();
        test_session.ansi = true;
        mr_arena_init(&test_arena);
    }
    return (struct mr_expression_builder){.arena = &test_arena, .session = &test_session};
}

static void skip_blanks(const char **at)
{
    while (**at == ' ')
        ++*at;
}

static struct mr_str take_token(const char **at)
{
    skip_blanks(at);
    const char *start = *at;
    int depth = 0;
    while (**at && (depth > 0 || (**at != ' ' && **at != ')'))) {
        depth += **at == '(' || (**at == '<' && *at > start && (*at)[-1] >= 'A');
        depth -= (**at == ')' || **at == '>') && depth > 0;
        ++*at;
    }
    return (struct mr_str){start, (size_t)(*at - start)};
}

static int parse_expression(struct mr_expression_builder *b, const char **at,
                            const struct mr_expression **out, struct mr_error *error);

static int parse_number(struct mr_expression_builder *b, struct mr_str token,
                        const struct mr_expression **out, struct mr_error *error)
{
    char text[64] = {0};
    char last = token.data[token.size - 1];
    enum mr_type_id id = last == 'L'   ? MR_BIGINT
                         : last == 'S' ? MR_SMALLINT
                         : last == 'Y' ? MR_TINYINT
                                       : MR_INT;
    const struct mr_type *type = mr_type_of(id);
    memcpy(text, token.data, token.size);
    if (last == 'D' || last == 'F' || strchr(text, '.') || strchr(text, 'e')) {
        const struct mr_expression *string = NULL;
        const char *point = strchr(text, '.');
        int scale = point ? (int)(text + token.size - point - 1) : 0;
        int digits = (int)token.size - (point != NULL) - (*text == '-');
        if (point && point - text - (*text == '-') == 1 && text[*text == '-'] == '0')
            digits--;
        if (last == 'D' || last == 'F')
            type = mr_type_of(last == 'D' ? MR_DOUBLE : MR_FLOAT);
        else
            type = mr_type_decimal(b->arena, digits < scale ? scale : digits, scale);
        if (last == 'D' || last == 'F')
            token.size--;
        MR_TRY(mr_expression_string(b, token, &string, error));
        MR_TRY(mr_expression_cast(b, string, type, false, &string, error));
        MR_TRY(mr_expression_fold(b, string, &string, error));
        return mr_expression_literal(b, (struct mr_column *)string->literal, out, error);
    }
    long long value = strtoll(text, NULL, 10);
    if (id == MR_INT && (value > INT32_MAX || value < INT32_MIN))
        type = mr_type_of(MR_BIGINT);
    return mr_expression_i64(b, type, value, out, error);
}

/* Types are one word here: INTERVAL_DT is INTERVAL DAY TO SECOND, INTERVAL_H is INTERVAL HOUR, … */
static struct mr_str interval_name(struct mr_str word)
{
    static const struct {
        const char *word, *name;
    } names[] = {{"INTERVAL_DT", "INTERVAL DAY TO SECOND"},
                 {"INTERVAL_YM", "INTERVAL YEAR TO MONTH"},
                 {"INTERVAL_D", "INTERVAL DAY"},
                 {"INTERVAL_H", "INTERVAL HOUR"},
                 {"INTERVAL_S", "INTERVAL SECOND"},
                 {"INTERVAL_M", "INTERVAL MONTH"},
                 {"INTERVAL_Y", "INTERVAL YEAR"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (mr_str_equal(word, mr_str_of(names[i].word)))
            return mr_str_of(names[i].name);
    return word;
}

static int parse_call(struct mr_expression_builder *b, const char **at, const struct mr_expression **out,
                      struct mr_error *error)
{
    const struct mr_expression *arguments[32];
    int count = 0;
    ++*at;
    struct mr_str name = take_token(at);
    bool cast = mr_str_equal(name, MR_STR("cast")), try_cast = mr_str_equal(name, MR_STR("try_cast"));
    for (skip_blanks(at); **at != ')'; skip_blanks(at)) {
        if ((cast || try_cast) && count == 1) {
            const struct mr_type *type = NULL;
            struct mr_str word = take_token(at);
            word = interval_name(word);
            MR_TRY(mr_type_parse(b->arena, word, &type, error));
            ++*at;
            return mr_expression_cast(b, arguments[0], type, try_cast, out, error);
        }
        MR_TRY(parse_expression(b, at, &arguments[count++], error));
    }
    ++*at;
    return mr_expression_call(b, name, arguments, count, out, error);
}

static int parse_expression(struct mr_expression_builder *b, const char **at,
                            const struct mr_expression **out, struct mr_error *error)
{
    skip_blanks(at);
    if (**at == '(')
        return parse_call(b, at, out, error);
    if (**at == '\'') {
        const char *end = strchr(*at + 1, '\'');
        struct mr_str text = {*at + 1, (size_t)(end - *at - 1)};
        *at = end + 1;
        return mr_expression_string(b, text, out, error);
    }
    struct mr_str token = take_token(at);
    if (*token.data == '#')
        return mr_expression_column(b, test_schema, atoi(token.data + 1), out, error);
    if (mr_str_equal(token, MR_STR("null")))
        return mr_expression_null(b, out, error);
    if (mr_str_equal(token, MR_STR("true")) || mr_str_equal(token, MR_STR("false")))
        return mr_expression_bool(b, *token.data == 't', out, error);
    return parse_number(b, token, out, error);
}

/* A batch from text: rows separated by ';', values by '|'; "null" is NULL. */
static inline void make_batch(const char *schema, const char *rows, struct mr_batch *batch)
{
    struct mr_error error;
    mr_error_clear(&error);
    struct mr_expression_builder b = test_builder();
    const struct mr_type *type = NULL;
    assert_int_equal(mr_schema_parse(&test_arena, mr_str_of(schema), &type, &error), MR_OK);
    test_schema = type;
    assert_int_equal(mr_batch_init(batch, type, 16, &error), MR_OK);
    for (const char *at = rows; *at;) {
        for (int c = 0; c < type->field_count; c++) {
            size_t size = strcspn(at, "|;");
            struct mr_str text = {at, size};
            const struct mr_expression *e = NULL;
            if (mr_str_equal(text, MR_STR("null")))
                assert_int_equal(mr_expression_null(&b, &e, &error), MR_OK);
            else
                assert_int_equal(mr_expression_string(&b, text, &e, &error), MR_OK);
            assert_int_equal(mr_expression_cast(&b, e, type->fields[c].type, false, &e, &error), MR_OK);
            assert_int_equal(mr_expression_fold(&b, e, &e, &error), MR_OK);
            assert_int_equal(mr_column_append(batch->columns[c], e->literal, 0, false, &error), MR_OK);
            at += size + (at[size] != 0);
        }
        batch->length++;
    }
}

/* The value of every selected row of the expression, separated by '|', or "!CONDITION". */
static inline char *evaluate_text(const char *text, const struct mr_batch *batch,
                                  const struct mr_selection *rows)
{
    static struct mr_text out;
    struct mr_error error;
    mr_error_clear(&error);
    struct mr_expression_builder b = test_builder();
    const struct mr_expression *e = NULL;
    struct mr_evaluator *evaluator = NULL;
    struct mr_column *column = NULL;
    if (!out.data)
        mr_text_init(&out);
    mr_text_clear(&out);
    test_schema = batch->schema;
    const char *at = text;
    int status = parse_expression(&b, &at, &e, &error);
    if (status >= 0)
        status = mr_evaluator_open(&evaluator, &e, 1, &test_session, &error);
    if (status >= 0)
        status = mr_evaluator_run(evaluator, batch, rows, &column, &error);
    if (status < 0) {
        mr_text_format(&out, "!%s", error.condition);
    } else {
        int64_t count = rows ? rows->count : batch->length;
        for (int64_t k = 0; k < count; k++) {
            int64_t i = rows ? rows->rows[k] : k;
            if (k > 0)
                mr_text_append_char(&out, '|');
            if (e->type->id == MR_VOID || mr_column_is_null(column, i))
                mr_text_append_str(&out, "NULL");
            else
                mr_value_text(&out, column, i, mr_zone_utc());
        }
    }
    mr_column_unref(column);
    mr_evaluator_close(evaluator);
    return out.data;
}

static inline void check(const char *expression, const struct mr_batch *batch, const char *expected)
{
    const char *actual = evaluate_text(expression, batch, NULL);
    if (strcmp(actual, expected) != 0)
        fail_msg("%s\n  is       %s\n  not      %s", expression, actual, expected);
}

/* Over one row without columns. */
static inline void check_constant(const char *expression, const char *expected)
{
    static const struct mr_type empty = {.id = MR_STRUCT};
    struct mr_batch batch = {.schema = &empty, .length = 1};
    check(expression, &batch, expected);
}

struct expectation {
    const char *expression, *expected;
};
#define check_all(list)                                                                                      \
    for (size_t expectation_ = 0; expectation_ < sizeof(list) / sizeof(list)[0]; expectation_++)             \
    check_constant((list)[expectation_].expression, (list)[expectation_].expected)

static inline int test_teardown(void **state)
{
    (void)state;
    if (test_session.zone)
        mr_arena_release(&test_arena);
    test_session.zone = NULL;
    return 0;
}

#endif
