/* Functions on arrays, maps and structs over columns with NULL lists, NULL elements and selections; lambdas
 * that take columns from outside and stand in one another; generators' rows. Single values are compared with
 * Spark by tests/spark/functions. */
#include "tests/expressions/expression_text.h"

static struct mr_batch batch;

/* #0 "1,2" etc. as text; lists are made by split and casts. */
#define LIST "(cast (split #0 ',') ARRAY<INT>)"
#define TEXTS "(split #1 ' ')"

static int setup(void **state)
{
    (void)state;
    make_batch("l STRING, s STRING, n INT",
               "3,1,2|b a longer text than that|2;null|null|1;5|x|null;4,4,9,4|a a|0", &batch);
    return 0;
}

static int teardown(void **state)
{
    mr_batch_release(&batch);
    return test_teardown(state);
}

static void access(void **state)
{
    (void)state;
    check("(size " LIST ")", &batch, "3|NULL|1|4");
    check("(element_at " LIST " -1)", &batch, "2|NULL|5|4");
    check("(element_at " LIST " #2)", &batch, "!INVALID_INDEX_OF_ZERO");
    check("(try_element_at " LIST " 2)", &batch, "1|NULL|NULL|4");
    check("(get " TEXTS " #2)", &batch, "longer|NULL|NULL|a");
    check("(array_contains " LIST " #2)", &batch, "true|NULL|NULL|false");
    check("(array_position " LIST " 4)", &batch, "0|NULL|0|1");
    check("(array_min " LIST ")", &batch, "1|NULL|5|4");
    check("(array_max " TEXTS ")", &batch, "that|NULL|x|a");
}

static void lists(void **state)
{
    (void)state;
    check("(array #2 7 #2)", &batch, "[2, 7, 2]|[1, 7, 1]|[null, 7, null]|[0, 7, 0]");
    check("(slice " TEXTS " 2 2)", &batch, "[a, longer]|NULL|[]|[a]");
    check("(reverse " TEXTS ")", &batch, "[that, than, text, longer, a, b]|NULL|[x]|[a, a]");
    check("(sort_array " LIST " false)", &batch, "[3, 2, 1]|NULL|[5]|[9, 4, 4, 4]");
    check("(array_distinct " LIST ")", &batch, "[3, 1, 2]|NULL|[5]|[4, 9]");
    check("(array_remove " LIST " 4)", &batch, "[3, 1, 2]|NULL|[5]|[9]");
    check("(array_union " LIST " (array 1 #2))", &batch, "[3, 1, 2]|NULL|[5, 1, null]|[4, 9, 1, 0]");
    check("(array_except " LIST " (array 2 4))", &batch, "[3, 1]|NULL|[5]|[9]");
    check("(array_intersect " LIST " (array 2 4 5))", &batch, "[2]|NULL|[5]|[4]");
    check("(arrays_overlap " LIST " (array #2))", &batch, "true|NULL|NULL|false");
    check("(arrays_zip " LIST " " TEXTS ")", &batch,
          "[{3, b}, {1, a}, {2, longer}, {null, text}, {null, than}, {null, that}]|NULL|[{5, x}]|[{4, a}, "
          "{4, a}, {9, null}, {4, null}]");
    check("(concat " LIST " (array #2))", &batch, "[3, 1, 2, 2]|NULL|[5, null]|[4, 4, 9, 4, 0]");
    check("(array_append " LIST " #2)", &batch, "[3, 1, 2, 2]|NULL|[5, null]|[4, 4, 9, 4, 0]");
    check("(array_insert " LIST " -1 0)", &batch, "[3, 1, 2, 0]|NULL|[5, 0]|[4, 4, 9, 4, 0]");
    check("(array_insert " LIST " 6 0)", &batch,
          "[3, 1, 2, null, null, 0]|NULL|[5, null, null, null, null, 0]|[4, 4, 9, 4, null, 0]");
    check("(flatten (array " LIST " (array 7)))", &batch, "[3, 1, 2, 7]|NULL|[5, 7]|[4, 4, 9, 4, 7]");
    check("(array_join " TEXTS " '+')", &batch, "b+a+longer+text+than+that|NULL|x|a+a");
    check("(array_repeat #1 #2)", &batch,
          "[b a longer text than that, b a longer text than that]|[null]|NULL|[]");
    check("(sequence #2 3)", &batch, "[2, 3]|[1, 2, 3]|NULL|[0, 1, 2, 3]");
}

static void maps(void **state)
{
    (void)state;
    check("(map 'a' #2 'b' 1)", &batch,
          "{a -> 2, b -> 1}|{a -> 1, b -> 1}|{a -> null, b -> 1}|{a -> 0, b -> 1}");
    check("(map #2 1)", &batch, "!NULL_MAP_KEY");
    check("(map_from_arrays (array_distinct " LIST ") (array_distinct " LIST "))", &batch,
          "{3 -> 3, 1 -> 1, 2 -> 2}|NULL|{5 -> 5}|{4 -> 4, 9 -> 9}");
    check("(map_from_arrays " LIST " " LIST ")", &batch, "!DUPLICATED_MAP_KEY");
    check("(map_keys (map 'k' #1))", &batch, "[k]|[k]|[k]|[k]");
    check("(map_values (map 'k' #1))", &batch, "[b a longer text than that]|[null]|[x]|[a a]");
    check("(map_entries (map 'k' #2))", &batch, "[{k, 2}]|[{k, 1}]|[{k, null}]|[{k, 0}]");
    check("(element_at (map 1 'one' 2 'two') #2)", &batch, "two|one|NULL|NULL");
    check("(map_concat (map 'k' #2) (map 'l' 1))", &batch,
          "{k -> 2, l -> 1}|{k -> 1, l -> 1}|{k -> null, l -> 1}|{k -> 0, l -> 1}");
    check("(named_struct 'a' #2 'b' (struct #1))", &batch,
          "{2, {b a longer text than that}}|{1, {null}}|{null, {x}}|{0, {a a}}");
    check("(to_json (named_struct 'a' #2 'b' #1))", &batch,
          "{\"a\":2,\"b\":\"b a longer text than that\"}|{\"a\":1}|{\"b\":\"x\"}|{\"a\":0,\"b\":\"a a\"}");
}

static void selections(void **state)
{
    (void)state;
    static const int32_t some[] = {0, 3};
    struct mr_selection rows = {some, 2};
    assert_string_equal(evaluate_text("(map_from_arrays (array #2) (array #1))", &batch, &rows),
                        "{2 -> b a longer text than that}|{0 -> a a}");
    assert_string_equal(evaluate_text("(array_union " LIST " (array 1))", &batch, &rows),
                        "[3, 1, 2]|[4, 9, 1]");
    assert_string_equal(evaluate_text("(element_at " LIST " (+ #2 1))", &batch, &rows), "2|4");
}

/* ---- lambdas ---- */
static const struct mr_expression *variable(int number, const struct mr_type *type)
{
    struct mr_expression *e = MR_ARENA_NEW(&test_arena, struct mr_expression);
    *e = (struct mr_expression){
        .kind = MR_EXPR_VARIABLE, .type = type, .nullable = true, .deterministic = true, .column = number};
    return e;
}

static const struct mr_expression *lambda(int first, const struct mr_expression *body)
{
    struct mr_expression *e = MR_ARENA_NEW(&test_arena, struct mr_expression);
    const struct mr_expression **arguments = MR_ARENA_ARRAY(&test_arena, const struct mr_expression *, 1);
    arguments[0] = body;
    *e = (struct mr_expression){.kind = MR_EXPR_LAMBDA,
                                .type = body->type,
                                .nullable = true,
                                .deterministic = true,
                                .column = first,
                                .arguments = arguments,
                                .argument_count = 1};
    return e;
}

static const struct mr_expression *call(const char *name, const struct mr_expression *a,
                                        const struct mr_expression *b, const struct mr_expression *c)
{
    struct mr_expression_builder builder = test_builder();
    struct mr_error error;
    const struct mr_expression *arguments[3] = {a, b, c}, *out = NULL;
    mr_error_clear(&error);
    if (mr_expression_call(&builder, mr_str_of(name), arguments, c ? 3 : b ? 2 : 1, &out, &error) < 0)
        fail_msg("%s: %s", name, error.message);
    return out;
}

static const struct mr_expression *parsed(const char *text)
{
    struct mr_expression_builder builder = test_builder();
    struct mr_error error;
    const struct mr_expression *out = NULL;
    mr_error_clear(&error);
    assert_int_equal(parse_expression(&builder, &text, &out, &error), MR_OK);
    return out;
}

/* Twice with one evaluator, so that what is kept between runs is used, too. */
static void check_tree(const struct mr_expression *e, const char *expected)
{
    struct mr_evaluator *evaluator = NULL;
    struct mr_error error;
    struct mr_text out;
    mr_error_clear(&error);
    mr_text_init(&out);
    assert_int_equal(mr_evaluator_open(&evaluator, &e, 1, &test_session, &error), MR_OK);
    for (int run = 0; run < 2; run++) {
        struct mr_column *column = NULL;
        if (mr_evaluator_run(evaluator, &batch, NULL, &column, &error) < 0)
            fail_msg("%s", error.message);
        mr_text_clear(&out);
        for (int64_t i = 0; i < batch.length; i++) {
            mr_text_append_str(&out, i > 0 ? "|" : "");
            if (mr_column_is_null(column, i))
                mr_text_append_str(&out, "NULL");
            else
                mr_value_text(&out, column, i, mr_zone_utc());
        }
        assert_string_equal(out.data, expected);
        mr_column_unref(column);
    }
    mr_evaluator_close(evaluator);
    mr_text_release(&out);
}

static void lambdas(void **state)
{
    (void)state;
    const struct mr_type *integer = mr_type_of(MR_INT);
    const struct mr_expression *x = variable(0, integer), *i = variable(1, integer), *n = parsed("#2"),
                               *list = parsed(LIST);
    check_tree(call("transform", list, lambda(0, call("+", x, n, NULL)), NULL),
               "[5, 3, 4]|NULL|[null]|[4, 4, 9, 4]");
    check_tree(call("transform", list, lambda(0, call("*", x, i, NULL)), NULL),
               "[0, 1, 4]|NULL|[0]|[0, 4, 18, 12]");
    check_tree(call("transform", list, lambda(0, x), NULL), "[3, 1, 2]|NULL|[5]|[4, 4, 9, 4]");
    check_tree(call("filter", list, lambda(0, call(">", x, n, NULL)), NULL), "[3]|NULL|[]|[4, 4, 9, 4]");
    check_tree(call("exists", list, lambda(0, call("=", x, n, NULL)), NULL), "true|NULL|NULL|false");
    check_tree(call("forall", list, lambda(0, call(">", x, n, NULL)), NULL), "false|NULL|NULL|true");
    check_tree(call("aggregate", list, n, lambda(0, call("+", x, i, NULL))), "8|NULL|NULL|21");
    check_tree(call("array_sort", list, lambda(0, call("-", i, x, NULL)), NULL),
               "[3, 2, 1]|NULL|[5]|[9, 4, 4, 4]");
    check_tree(call("zip_with", list, parsed("(array 10 20)"), lambda(0, call("+", x, i, NULL))),
               "[13, 21, null]|NULL|[15, null]|[14, 24, null, null]");
}

/* transform(list, x -> aggregate(list, n, (a, y) -> a + y * x)): variables 0; 1 and 2. */
static void nested_lambdas(void **state)
{
    (void)state;
    const struct mr_type *integer = mr_type_of(MR_INT);
    const struct mr_expression *list = parsed(LIST), *n = parsed("(coalesce #2 0)");
    const struct mr_expression *product = call("*", variable(2, integer), variable(0, integer), NULL);
    const struct mr_expression *inner =
        call("aggregate", list, n, lambda(1, call("+", variable(1, integer), product, NULL)));
    check_tree(call("transform", list, lambda(0, inner), NULL), "[20, 8, 14]|NULL|[25]|[84, 84, 189, 84]");
    const struct mr_expression *filter =
        call("filter", list, lambda(1, call("<", variable(1, integer), variable(0, integer), NULL)), NULL);
    check_tree(call("transform", list, lambda(0, filter), NULL),
               "[[1, 2], [], [1]]|NULL|[[]]|[[], [], [4, 4, 4], []]");
}

static void generators(void **state)
{
    (void)state;
    check_tree(parsed("(explode " LIST ")"), "[{3}, {1}, {2}]|NULL|[{5}]|[{4}, {4}, {9}, {4}]");
    check_tree(
        parsed("(posexplode " TEXTS ")"),
        "[{0, b}, {1, a}, {2, longer}, {3, text}, {4, than}, {5, that}]|NULL|[{0, x}]|[{0, a}, {1, a}]");
    check_tree(parsed("(explode (map 'k' #2))"), "[{k, 2}]|[{k, 1}]|[{k, null}]|[{k, 0}]");
    check_tree(parsed("(stack 2 #2 5 7)"),
               "[{2, 5}, {7, null}]|[{1, 5}, {7, null}]|[{null, 5}, {7, null}]|[{0, 5}, {7, null}]");
    check_tree(parsed("(json_tuple (concat '{\"a\":' #2 ',\"b\":[1, 2]}') 'a' 'b')"),
               "[{2, [1,2]}]|[{1, [1,2]}]|[{null, null}]|[{0, [1,2]}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access),     cmocka_unit_test(lists),   cmocka_unit_test(maps),
        cmocka_unit_test(selections), cmocka_unit_test(lambdas), cmocka_unit_test(nested_lambdas),
        cmocka_unit_test(generators),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
