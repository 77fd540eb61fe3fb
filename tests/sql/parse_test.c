/* tests/sql/parse_test.c: statements and their trees; what is not SQL; memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sql/sql.h"

static struct mr_sql_script script;
static struct mr_error error;

static const struct mr_sql_statement *only(const char *text)
{
    mr_error_clear(&error);
    int status = mr_sql_parse(&script, "f.sql", mr_str_of(text), &error);
    if (status < 0)
        print_message("%s\n%s\n", text, error.message);
    assert_int_equal(status, MR_OK);
    assert_int_equal(script.count, 1);
    return &script.statements[0];
}

static void assert_text(struct mr_str got, const char *expected)
{
    if (!mr_str_equal(got, mr_str_of(expected)))
        print_message("got %.*s, expected %s\n", (int)got.size, got.data, expected);
    assert_true(mr_str_equal(got, mr_str_of(expected)));
}

/* ---- trees as text ---- */
static void show(struct mr_text *out, const struct mr_sql_expression *e)
{
    static const char *const kinds[] = {
        [MR_SQL_SUBSCRIPT] = "[]", [MR_SQL_CASE] = "case",     [MR_SQL_ROW] = "row",
        [MR_SQL_TRIM] = "trim",    [MR_SQL_LAMBDA] = "lambda", [MR_SQL_CAST] = "cast",
        [MR_SQL_NULL] = "null",    [MR_SQL_STAR] = "*",        [MR_SQL_EXTRACT] = "extract",
        [MR_SQL_FIELD] = "field",  [MR_SQL_NAMED] = "named",   [MR_SQL_TABLE] = "table"};
    if (e->argument_count > 0 || e->kind == MR_SQL_CALL)
        mr_text_append_char(out, '(');
    if (e->kind == MR_SQL_COLUMN || e->kind == MR_SQL_CALL)
        for (int i = 0; i < e->name->count; i++)
            mr_text_format(out, "%s%.*s", i > 0 ? "." : "", (int)e->name->parts[i].size,
                           e->name->parts[i].data);
    else if (e->kind == MR_SQL_NUMBER || e->kind == MR_SQL_STRING)
        mr_text_append(out, e->text.data, e->text.size);
    else if (e->kind == MR_SQL_BOOLEAN)
        mr_text_append_str(out, e->flag ? "true" : "false");
    else if (e->kind == MR_SQL_OPERATOR || e->kind == MR_SQL_LIKE_LIST)
        mr_text_append(out, e->word.data, e->word.size);
    else if (e->kind == MR_SQL_TYPED)
        mr_text_format(out, "%.*s'%.*s'", (int)e->word.size, e->word.data, (int)e->text.size, e->text.data);
    else if (e->kind == MR_SQL_INTERVAL)
        for (int i = 0; i < e->unit_count; i++)
            mr_text_format(out, "<%.*s %.*s>", (int)e->units[i].value.size, e->units[i].value.data,
                           (int)e->units[i].unit.size, e->units[i].unit.data);
    else
        mr_text_append_str(out, kinds[e->kind] ? kinds[e->kind] : "?");
    if (e->kind == MR_SQL_CAST)
        mr_text_format(out, ":%.*s", (int)e->type.size, e->type.data);
    for (int i = 0; i < e->argument_count; i++) {
        mr_text_append_char(out, ' ');
        show(out, e->arguments[i]);
    }
    if (e->argument_count > 0 || e->kind == MR_SQL_CALL)
        mr_text_append_char(out, ')');
}

static void check(const char *expression, const char *expected)
{
    struct mr_sql_expression *e = NULL;
    struct mr_text text;
    mr_text_init(&text);
    mr_error_clear(&error);
    int status = mr_sql_parse_expression(&script, NULL, mr_str_of(expression), &e, &error);
    if (status < 0)
        print_message("%s: %s\n", expression, error.message);
    assert_int_equal(status, MR_OK);
    show(&text, e);
    assert_string_equal(text.data, expected);
    mr_text_release(&text);
    mr_sql_script_release(&script);
}

static void test_precedence(void **state)
{
    (void)state;
    check("1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)");
    check("a OR b AND NOT c = 1", "(or a (and b (not (= c 1))))");
    check("a AND b AND c AND d", "(and a b c d)");
    check("(a AND b) AND c", "(and (and a b) c)");
    check("-a * -1", "(* (- a) -1)");
    check("2 -1", "(- 2 1)");
    check("a BETWEEN 1 AND 2 AND b", "(and (between a 1 2) b)");
    check("NOT a BETWEEN 1 AND 2", "(not (between a 1 2))");
    check("a NOT IN (1, 2)", "(not (in a 1 2))");
    check("1 | 2 & 3 ^ 4 << 1", "(| 1 (^ (& 2 3) (<< 4 1)))");
    check("a || b = c", "(= (|| a b) c)");
    check("a.b.c[1].d::array<int>", "(cast:array<int> (field ([] a.b.c 1)))");
    check("a <> 1", "(not (= a 1))");
    check("CASE a WHEN 1 THEN 'x' ELSE 'y' END", "(case a 1 x y)");
    check("a LIKE ANY ('x', 'y')", "(like a x y)");
}

static void test_forms(void **state)
{
    (void)state;
    check("CAST(x AS STRUCT<a: INT, b: ARRAY<MAP<STRING, INT>>>)",
          "(cast:STRUCT<a: INT, b: ARRAY<MAP<STRING, INT>>> x)");
    check("x >> 2", "(>> x 2)");
    check("INTERVAL 1 DAY 2 HOURS", "<1 DAY><2 HOURS>");
    check("INTERVAL -1 DAY", "<-1 DAY>");
    check("INTERVAL '1' DAY", "<1 DAY>");
    check("DATE '2024-01-01'", "DATE'2024-01-01'");
    check("'it''s' \"x\"", "it'sx");
    check("'a\\n\\u0041\\101\\%'", "a\nAA\\%");
    check("r'a\\n'", "a\\n");
    check("transform(a, (x, i) -> x + i)", "(transform a (lambda (+ x i)))");
    check("filter(a, x -> x IS NOT NULL)", "(filter a (lambda (isnotnull x)))");
    check("TRIM(BOTH 'a' FROM b)", "(trim b a)");
    check("SUBSTRING(a FROM 1 FOR 2)", "(substring a 1 2)");
    check("POSITION('a' IN b)", "(locate a b)");
    check("EXTRACT(YEAR FROM ts)", "(extract ts)");
    check("count(*)", "(count *)");
    check("f(k => 1)", "(f (named 1))");
    check("(1, a)", "(row 1 a)");
    check("a IS NOT DISTINCT FROM b", "(<=> a b)");
    check("a IS NOT TRUE", "(not (<=> a true))");
}

/* Words that are keywords elsewhere. */
static void test_names(void **state)
{
    (void)state;
    check("interval + 1", "(+ interval 1)");
    check("interval - 1", "(- interval 1)");
    check("date", "date");
    check("end", "end");
    check("CASE WHEN end THEN end END", "(case end end)");
    check("select", "select");
    check("group + order * limit", "(+ group (* order limit))");
    check("left(a, 1)", "(left a 1)");
    check("if(a, b, c)", "(if a b c)");
    check("map(1, 2)", "(map 1 2)");
    check("trim(a)", "(trim a)");
    check("extract", "extract");
    check("position(a, b)", "(position a b)");
    check("exists(a, x -> x)", "(exists a (lambda x))");
    check("t.select.from", "t.select.from");
    check("any(a)", "(any a)");
    check("first(a)", "(first a)");
    check("`a``b`", "a`b");
    check("not", "not");
    check("in", "in");
}

static const char *const queries[] = {
    "SELECT a end, b date, c watermark, d stream FROM t",
    "SELECT watermark.a FROM t watermark",
    "SELECT * FROM t left JOIN u ON true",
    "SELECT * FROM stream",
    "SELECT * FROM stream WHERE a",
    "SELECT from FROM from",
    "SELECT order, group FROM t WHERE order > 0 GROUP BY order, group ORDER BY group",
    "SELECT * EXCEPT (a, b) FROM t",
    "SELECT * FROM t EXCEPT (SELECT 1)",
    "SELECT 1 minus FROM t MINUS SELECT 2",
    "SELECT filter FROM t",
    "SELECT count(*) FILTER (WHERE a) over FROM t",
    "SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t",
    "SELECT * FROM ((SELECT 1) UNION (SELECT 2)) x",
    "SELECT * FROM (((SELECT 1)))",
    "SELECT ((SELECT 1)), (SELECT 2) + 1",
    "SELECT * FROM (t JOIN u USING (a))",
    "SELECT * FROM (t) AS x (a, b)",
    "SELECT * FROM VALUES (1, 2), (3, 4) AS v(a, b), u",
    "SELECT * FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS w JOIN u ON true",
    "SELECT * FROM STREAM(t) WITH ('k' = 'v', maxFilesPerTrigger = 1) x",
    "SELECT * FROM STREAM read_files('p', format => 'json', `cleanSource.moveDestination` => 'q') WATERMARK "
    "a AS b "
    "DELAY OF INTERVAL '1' MINUTE",
    "SELECT * FROM drop_duplicates(TABLE(STREAM t), 'a')",
    "SELECT * FROM drop_duplicates(TABLE(SELECT 1), columns => array('a'))",
    "SELECT k, v FROM t LATERAL VIEW OUTER explode(m) x AS k, v LATERAL VIEW explode(a) y",
    "FROM t SELECT a",
    "TABLE t",
    "VALUES (1), (2)",
    "WITH a AS (SELECT 1), b (x) AS (SELECT 2) SELECT * FROM a, b ORDER BY ALL LIMIT ALL OFFSET 1",
    "SELECT a FROM t GROUP BY GROUPING SETS ((a, b), a, (), CUBE(a)), ROLLUP(c, (d, e))",
    "SELECT a FROM t GROUP BY a WITH CUBE HAVING b",
    "SELECT first(a IGNORE NULLS), last(b) IGNORE NULLS, f(DISTINCT a, b)",
    "SELECT /*+ BROADCAST(t) */ 1 -- comment\n + /* nested /* comment */ */ 2",
    "SELECT a FROM t WINDOW w AS (PARTITION BY a) ORDER BY a DESC NULLS FIRST",
};

static void test_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_int_equal(only(queries[i])->kind, MR_SQL_STATEMENT_QUERY);
        mr_sql_script_release(&script);
    }
}

static void test_pipeline_statements(void **state)
{
    (void)state;
    const struct mr_sql_statement *s =
        only("CREATE OR REFRESH PRIVATE STREAMING TABLE db.gold (id BIGINT NOT NULL COMMENT 'key', total "
             "DECIMAL(10,2),\n"
             "  CONSTRAINT positive EXPECT (total > 0) ON VIOLATION DROP ROW, CONSTRAINT ok EXPECT (id IS "
             "NOT NULL))\n"
             "USING delta PARTITIONED BY (id) COMMENT 'it''s' TBLPROPERTIES ('a.b' = 'c', d = true)\n"
             "AS SELECT * FROM STREAM t");
    assert_int_equal(s->kind, MR_SQL_CREATE_STREAMING_TABLE);
    assert_true(s->or_refresh && s->is_private && s->has_columns && s->query);
    assert_int_equal(s->name->count, 2);
    assert_text(s->name->parts[1], "gold");
    assert_int_equal(s->column_count, 2);
    assert_text(s->columns[0].type, "BIGINT");
    assert_true(s->columns[0].not_null && !s->columns[1].not_null);
    assert_text(s->columns[0].comment, "key");
    assert_null(s->columns[1].comment.data);
    assert_text(s->columns[1].type, "DECIMAL(10,2)");
    assert_int_equal(s->expectation_count, 2);
    assert_text(s->expectations[0].name, "positive");
    assert_text(s->expectations[0].text, "total > 0");
    assert_int_equal(s->expectations[0].violation, MR_SQL_VIOLATION_DROP_ROW);
    assert_int_equal(s->expectations[1].violation, MR_SQL_VIOLATION_WARN);
    assert_text(s->provider, "delta");
    assert_text(s->partition_columns[0], "id");
    assert_text(s->comment, "it's");
    assert_int_equal(s->property_count, 2);
    assert_text(s->properties[0].key, "a.b");
    assert_text(s->properties[1].value, "true");
    assert_true(s->query->body->from->stream);
    mr_sql_script_release(&script);

    s = only("CREATE FLOW f COMMENT 'x' AS INSERT INTO t BY NAME SELECT 1 AS a");
    assert_int_equal(s->kind, MR_SQL_CREATE_FLOW);
    assert_true(s->by_name && s->query);
    assert_text(s->target->parts[0], "t");
    mr_sql_script_release(&script);
    s = only("CREATE TABLE ext.raw (id BIGINT) USING json OPTIONS (header = 'true', multiLine 'false') "
             "LOCATION '/d'");
    assert_int_equal(s->kind, MR_SQL_CREATE_TABLE);
    assert_int_equal(s->option_count, 2);
    assert_text(s->location, "/d");
    mr_sql_script_release(&script);
    s = only("CREATE TEMPORARY VIEW v (a COMMENT 'x') AS SELECT 1");
    assert_int_equal(s->kind, MR_SQL_CREATE_TEMPORARY_VIEW);
    assert_null(s->columns[0].type.data);
    mr_sql_script_release(&script);
    s = only("CREATE MATERIALIZED VIEW IF NOT EXISTS mv CLUSTER BY AUTO AS SELECT 1");
    assert_true(s->if_not_exists && s->cluster_auto);
    mr_sql_script_release(&script);
    s = only("SET spark.sql.x = 'a' b ;");
    assert_text(s->key, "spark.sql.x");
    assert_text(s->value, "'a' b");
    mr_sql_script_release(&script);
    s = only("SET TIME ZONE 'Europe/Zurich'");
    assert_text(s->key, "spark.sql.session.timeZone");
    assert_text(s->value, "Europe/Zurich");
    mr_sql_script_release(&script);
    s = only("USE CATALOG c");
    assert_true(s->kind == MR_SQL_USE && s->is_catalog);
    mr_sql_script_release(&script);
    s = only("DROP TABLE t");
    assert_int_equal(s->kind, MR_SQL_OTHER);
    assert_text(s->word, "DROP");
    mr_sql_script_release(&script);
}

static void test_script(void **state)
{
    (void)state;
    mr_error_clear(&error);
    assert_int_equal(mr_sql_parse(&script, "f",
                                  MR_STR("\xEF\xBB\xBF;; SET a=1;\n-- ;\nSELECT ';' ; SELECT 2"), &error),
                     0);
    assert_int_equal(script.count, 3);
    mr_sql_script_release(&script);
    assert_int_equal(mr_sql_parse(&script, "f", MR_STR(" -- nothing\n"), &error), 0);
    assert_int_equal(script.count, 0);
    mr_sql_script_release(&script);
}

static void refused(const char *text, const char *condition, int64_t line, int64_t column)
{
    mr_error_clear(&error);
    int status = mr_sql_parse(&script, "f.sql", mr_str_of(text), &error);
    if (status >= 0 || strcmp(error.condition, condition) != 0)
        print_message("%s: %d %s %s\n", text, status, error.condition, error.message);
    assert_int_equal(status, error.code);
    assert_true(status < 0);
    assert_string_equal(error.condition, condition);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
}

static void test_errors(void **state)
{
    (void)state;
    refused("SELEC 1", "PARSE_SYNTAX_ERROR", 1, 1);
    refused("SELECT 1;\nSELECT (1", "PARSE_SYNTAX_ERROR", 2, 10);
    refused("SELECT 'a", "PARSE_SYNTAX_ERROR", 1, 8);
    refused("SELECT 1 /* x", "UNCLOSED_BRACKETED_COMMENT", 1, 10);
    refused("SELECT a b c", "PARSE_SYNTAX_ERROR", 1, 12);
    refused("SELECT 1 \x01", "PARSE_SYNTAX_ERROR", 1, 10);
    refused("CREATE STREAMING TABLE t COMMENT 'a' COMMENT 'b'", "DUPLICATE_CLAUSES", 1, 38);
    refused("CREATE MATERIALIZED VIEW t", "PARSE_SYNTAX_ERROR", 1, 27);
    refused("CREATE STREAMING TABLE t PARTITIONED BY (a) CLUSTER BY (b)",
            "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", 1, 1);
    refused("SET a b = c", "INVALID_SET_SYNTAX", 1, 1);
    refused("CREATE FLOW f AS AUTO CDC INTO t FROM STREAM s KEYS (a) SEQUENCE BY b",
            "UNSUPPORTED_FEATURE.CHANGE_DATA_CAPTURE", 1, 18);
}

static char *repeat(const char *before, const char *piece, int count, const char *after)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_text_append_str(&text, before);
    for (int i = 0; i < count; i++)
        mr_text_append_str(&text, piece);
    mr_text_append_str(&text, after);
    return text.data;
}

static void deep(const char *before, const char *piece, const char *after)
{
    char *text = repeat(before, piece, 20000, after);
    mr_error_clear(&error);
    assert_true(mr_sql_parse(&script, NULL, mr_str_of(text), &error) < 0);
    assert_string_equal(error.condition, "FAILED_TO_PARSE_TOO_COMPLEX");
    mr_free(text);
}

static void test_depth(void **state)
{
    (void)state;
    deep("SELECT ", "(", "1");
    deep("SELECT ", "f(", "1");
    deep("SELECT ", "NOT ", "a");
    deep("SELECT ", "- ", "a");
    deep("SELECT 1", " + 1", "");
    deep("SELECT a", "[0]", "");
    deep("SELECT ", "CASE WHEN ", "1");
    deep("SELECT * FROM ", "(SELECT * FROM ", "t");
    deep("SELECT 1", " UNION ALL SELECT 1", "");
    deep("SELECT ", "f(x -> ", "1)");
    /* Chains of AND and OR are flat, and lists have no depth. */
    char *text = repeat("SELECT a", " OR a = 1", 20000, "");
    only(text);
    mr_sql_script_release(&script);
    mr_free(text);
    text = repeat("SELECT a", ", 1", 20000, "");
    only(text);
    mr_sql_script_release(&script);
    mr_free(text);
}

static int count_relation(void *ctx, const struct mr_sql_relation *relation)
{
    struct mr_text *out = ctx;
    mr_text_format(out, "%s%.*s ", relation->stream ? "!" : "", (int)relation->name->parts[0].size,
                   relation->name->parts[0].data);
    return 0;
}

static void test_relations(void **state)
{
    (void)state;
    struct mr_text text;
    mr_text_init(&text);
    const struct mr_sql_statement *s =
        only("WITH c AS (SELECT * FROM a), d AS (SELECT * FROM c) SELECT * FROM d JOIN STREAM b ON true, "
             "(SELECT * FROM e UNION SELECT 1 FROM a) WHERE x IN (SELECT y FROM g) AND z = (SELECT max(q) "
             "FROM c)");
    assert_int_equal(mr_sql_each_relation(s->query, count_relation, &text), 0);
    assert_string_equal(text.data, "a !b e a g ");
    mr_text_release(&text);
    mr_sql_script_release(&script);
}

/* The n-th allocation fails, for every n: a clean error each time. */
static void test_no_memory(void **state)
{
    (void)state;
    const char *text =
        "CREATE STREAMING TABLE t (a INT COMMENT 'x', CONSTRAINT c EXPECT (a > 0)) AS WITH q AS (SELECT 1) "
        "SELECT window(ts, '1 minute').start, count(*) c, 'a' 'b', INTERVAL 1 DAY FROM STREAM t WATERMARK "
        "ts DELAY OF INTERVAL 1 DAY GROUP BY window(ts, '1 minute'), ROLLUP(a) ORDER BY c LIMIT 1";
    for (int64_t n = 1; n < 200; n++) {
        mr_error_clear(&error);
        mr_memory_fail_at(n);
        int status = mr_sql_parse(&script, NULL, mr_str_of(text), &error);
        mr_memory_fail_at(0);
        if (status == MR_OK) {
            mr_sql_script_release(&script);
            assert_true(n > 3);
            return;
        }
        assert_int_equal(error.code, MR_E_MEMORY);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_pipeline_statements),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
