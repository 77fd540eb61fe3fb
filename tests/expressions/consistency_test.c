/* Vectorized evaluation against itself: random expressions over a batch give on every row what they give on
 * that row alone, whatever else is selected; a row that fails alone fails any selection it is in, and
 * disturbs none it is not in. */
#include "tests/expressions/expression_text.h"

static uint64_t dice_state = 42;
static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(dice_state >> 33) % sides;
}

enum kind { INTEGER, BOOLEAN, TEXT, DOUBLE, DECIMAL, KINDS };

static void leaf(struct mr_text *out, enum kind kind)
{
    static const char *const columns[KINDS][2] = {
        {"#0", "#1"}, {"#2", "#2"}, {"#3", "#4"}, {"#5", "#5"}, {"#6", "#6"}};
    static const char *const constants[KINDS][4] = {{"0", "3", "-7", "2147483647"},
                                                    {"true", "false", "null", "true"},
                                                    {"'x'", "'a longer text than fits'", "'7'", "''"},
                                                    {"0D", "1.5D", "-2D", "1e300D"},
                                                    {"0.5", "12.25", "-3.0", "99999999.99"}};
    mr_text_append_str(out, dice(3) ? columns[kind][dice(2)] : constants[kind][dice(4)]);
}

static void generate(struct mr_text *out, enum kind kind, int depth);

static void call(struct mr_text *out, const char *name, int count, const enum kind *kinds, int depth)
{
    mr_text_format(out, "(%s", name);
    for (int i = 0; i < count; i++) {
        mr_text_append_char(out, ' ');
        generate(out, kinds[i], depth - 1);
    }
    mr_text_append_char(out, ')');
}

static void generate_conditional(struct mr_text *out, enum kind kind, int depth)
{
    switch (dice(5)) {
    case 0:
        call(out, "if", 3, (enum kind[]){BOOLEAN, kind, kind}, depth);
        break;
    case 1:
        call(out, "case", 4, (enum kind[]){BOOLEAN, kind, BOOLEAN, kind}, depth);
        break;
    case 2:
        call(out, "case", 5, (enum kind[]){BOOLEAN, kind, BOOLEAN, kind, kind}, depth);
        break;
    case 3:
        call(out, "coalesce", 3, (enum kind[]){kind, kind, kind}, depth);
        break;
    default:
        call(out, "nullif", 2, (enum kind[]){kind, kind}, depth);
        break;
    }
}

static void generate_boolean(struct mr_text *out, int depth)
{
    static const char *const comparisons[] = {"=", "!=", "<", "<=", ">", ">=", "<=>"};
    static const enum kind ordered[] = {INTEGER, TEXT, DOUBLE, DECIMAL};
    enum kind kind = ordered[dice(4)];
    switch (dice(7)) {
    case 0:
        call(out, "and", 2, (enum kind[]){BOOLEAN, BOOLEAN}, depth);
        break;
    case 1:
        call(out, "or", 2, (enum kind[]){BOOLEAN, BOOLEAN}, depth);
        break;
    case 2:
        call(out, "not", 1, (enum kind[]){BOOLEAN}, depth);
        break;
    case 3:
        call(out, dice(2) ? "isnull" : "isnotnull", 1, (enum kind[]){kind}, depth);
        break;
    case 4:
        call(out, "in", 4, (enum kind[]){kind, kind, kind, kind}, depth);
        break;
    default:
        call(out, comparisons[dice(7)], 2, (enum kind[]){kind, kind}, depth);
        break;
    }
}

static void generate(struct mr_text *out, enum kind kind, int depth)
{
    static const char *const integer[] = {"+", "-", "*", "%", "pmod", "try_add", "&"};
    static const char *const floating[] = {"+", "-", "*", "/", "greatest"};
    if (depth == 0 || dice(6) == 0) {
        leaf(out, kind);
    } else if (kind != BOOLEAN && dice(3) == 0) {
        generate_conditional(out, kind, depth);
    } else if (kind == BOOLEAN) {
        generate_boolean(out, depth);
    } else if (kind == INTEGER) {
        call(out, integer[dice(7)], 2, (enum kind[]){INTEGER, INTEGER}, depth);
    } else if (kind == TEXT) {
        static const char *const text[] = {"upper", "reverse", "concat"};
        int which = (int)dice(3);
        call(out, text[which], which == 2 ? 2 : 1, (enum kind[]){TEXT, TEXT}, depth);
    } else {
        call(out, floating[dice(5)], 2, (enum kind[]){kind, kind}, depth);
    }
}

/* Text of row i of a column, or NULL's. */
static void value_text(struct mr_text *out, const struct mr_column *column, int64_t i)
{
    mr_text_clear(out);
    if (column->type->id == MR_VOID || mr_column_is_null(column, i))
        mr_text_append_str(out, "NULL");
    else
        mr_value_text(out, column, i, mr_zone_utc());
}

#define ROWS 24
struct alone { /* what each row gives by itself */
    bool failed;
    char text[256];
};

static void run_alone(struct mr_evaluator *evaluator, const struct mr_batch *batch, struct alone *rows)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int32_t i = 0; i < batch->length; i++) {
        struct mr_error error;
        struct mr_column *out = NULL;
        const struct mr_selection one = {&i, 1};
        mr_error_clear(&error);
        rows[i].failed = mr_evaluator_run(evaluator, batch, &one, &out, &error) < 0;
        if (rows[i].failed)
            continue;
        value_text(&text, out, i);
        snprintf(rows[i].text, sizeof rows[i].text, "%s", text.data);
        mr_column_unref(out);
    }
    mr_text_release(&text);
}

static void run_selected(const char *expression, struct mr_evaluator *evaluator, const struct mr_batch *batch,
                         const struct alone *rows, unsigned skip_every)
{
    struct mr_error error;
    struct mr_column *out = NULL;
    struct mr_text text;
    int32_t list[ROWS];
    struct mr_selection selection = {list, 0};
    bool fails = false;
    mr_error_clear(&error);
    mr_text_init(&text);
    for (int32_t i = 0; i < batch->length; i++) {
        if (skip_every > 0 && (rows[i].failed || (unsigned)i % skip_every == 0))
            continue;
        list[selection.count++] = i;
        fails = fails || rows[i].failed;
    }
    int status = mr_evaluator_run(evaluator, batch, skip_every ? &selection : NULL, &out, &error);
    if (fails != (status < 0))
        fail_msg("%s: %s under %u", expression, status < 0 ? error.condition : "no error", skip_every);
    for (int64_t k = 0; k < selection.count && status >= 0; k++) {
        value_text(&text, out, list[k]);
        if (strcmp(text.data, rows[list[k]].text) != 0)
            fail_msg("%s\n  row %d is %s, alone %s", expression, list[k], text.data, rows[list[k]].text);
    }
    mr_column_unref(out);
    mr_text_release(&text);
}

static void check_expression(const char *text, const struct mr_batch *batch, int *evaluated)
{
    struct mr_error error;
    struct mr_expression_builder b = test_builder();
    const struct mr_expression *e = NULL;
    struct mr_evaluator *evaluator = NULL;
    struct alone rows[ROWS];
    const char *at = text;
    mr_error_clear(&error);
    if (parse_expression(&b, &at, &e, &error) < 0)
        return; /* no such types together */
    assert_int_equal(mr_evaluator_open(&evaluator, &e, 1, &test_session, &error), MR_OK);
    run_alone(evaluator, batch, rows);
    run_selected(text, evaluator, batch, rows, 0);
    run_selected(text, evaluator, batch, rows, 1000);
    run_selected(text, evaluator, batch, rows, 2);
    run_selected(text, evaluator, batch, rows, 7);
    mr_evaluator_close(evaluator);
    ++*evaluated;
}

static void random_expressions(void **state)
{
    (void)state;
    struct mr_batch batch;
    struct mr_text text, rows;
    int evaluated = 0;
    static const char *const texts[] = {"x", "null", "a longer text than fits", "7", "", "zz"};
    mr_text_init(&text);
    mr_text_init(&rows);
    for (int i = 0; i < ROWS; i++)
        mr_text_format(&rows, "%s|%d|%s|%s|%s|%s|%s;", i % 5 ? "4" : "null", i % 7 ? i - 9 : 2147483647,
                       i % 4 == 0 ? "null"
                       : i % 3    ? "true"
                                  : "false",
                       texts[i % 6], texts[i * 5 % 6],
                       i % 6   ? "2.5"
                       : i % 4 ? "null"
                               : "0",
                       i % 5 == 1 ? "null"
                       : i % 3    ? "12.34"
                                  : "0.00");
    make_batch("a INT, b INT, c BOOLEAN, d STRING, e STRING, f DOUBLE, g DECIMAL(10,2)", rows.data, &batch);
    assert_int_equal(batch.length, ROWS);
    for (int i = 0; i < 3000; i++) {
        mr_text_clear(&text);
        generate(&text, (enum kind)dice(KINDS), 4);
        check_expression(text.data, &batch, &evaluated);
    }
    assert_true(evaluated > 2000);
    mr_text_release(&text);
    mr_text_release(&rows);
    mr_batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_expressions)};
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
