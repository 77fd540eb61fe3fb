/* tests/sql/memory_test.c: queries whose n-th allocation fails, for every n: the same rows or a clean error,
 * nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sql/run.h"

static int64_t seen;

static int count_rows(void *ctx, const struct mr_batch *rows, struct mr_error *error)
{
    (void)ctx;
    (void)error;
    seen += rows->length;
    return MR_OK;
}

static int run(const char *sql, struct mr_error *error)
{
    const struct mr_sql_run_options options = {.on_rows = count_rows};
    seen = 0;
    mr_error_clear(error);
    return mr_sql_run(mr_str_of(sql), &options, error);
}

/* Steps grow, so that the run stays short. */
static void survive(const char *sql)
{
    static struct mr_error error;
    assert_int_equal(run(sql, &error), MR_OK);
    int64_t rows = seen, failures = 0,
            successes = 0; /* a failure while folding constants is no failure of the query */
    for (int64_t n = 1; n < 100000; n += 1 + n / 40) {
        mr_memory_fail_at(n);
        int status = run(sql, &error);
        mr_memory_fail_at(0);
        if (status == MR_OK) {
            assert_int_equal(seen, rows);
            successes++;
            if (successes == 60)
                break;
            continue;
        }
        failures++;
        successes = 0;
        if (error.code != MR_E_MEMORY)
            print_message("%lld: %s %s\n", (long long)n, error.condition, error.message);
        assert_int_equal(error.code, MR_E_MEMORY);
    }
    assert_true(failures > 20);
}

static void test_select(void **state)
{
    (void)state;
    survive("SELECT id % 3 AS k, count(*) c, sum(id) + 1, max(upper(CAST(id AS STRING))) FROM range(50) "
            "WHERE id > 2 "
            "GROUP BY k HAVING c > 1 ORDER BY c DESC, k LIMIT 2");
}

static void test_join(void **state)
{
    (void)state;
    survive("WITH a AS (SELECT * FROM VALUES (1, 'x'), (2, 'y'), (NULL, 'z') AS v(k, s)) "
            "SELECT a.s, b.s FROM a FULL JOIN a b ON a.k = b.k + 1 AND a.s <> b.s");
}

static void test_sets(void **state)
{
    (void)state;
    survive("SELECT k, grouping(k), count(DISTINCT v) FROM (SELECT 1 AS k, 2 AS v UNION ALL SELECT 2, 3 "
            "UNION SELECT 3, 4) GROUP BY ROLLUP(k)");
}

static void test_window(void **state)
{
    (void)state;
    survive("SELECT window.start, e, count(*) FROM VALUES (TIMESTAMP '2024-01-01 00:00:03', array(1, 2)) AS "
            "t(ts, a) "
            "LATERAL VIEW explode(a) x AS e GROUP BY window(ts, '10 seconds', '5 seconds'), e");
}

static void test_over(void **state)
{
    (void)state;
    survive(
        "SELECT id, row_number() OVER (PARTITION BY id % 3 ORDER BY id DESC) AS n, sum(id) OVER (ORDER BY id "
        "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s, collect_list(id) OVER (ORDER BY id) AS l FROM "
        "range(20) QUALIFY n < 4");
}

static void test_subqueries(void **state)
{
    (void)state;
    survive(
        "SELECT id, (SELECT count(*) FROM range(5) r WHERE r.id = t.id) AS c FROM range(20) t WHERE id IN "
        "(SELECT id * 2 FROM range(6)) AND NOT EXISTS (SELECT 1 FROM range(3) x WHERE x.id = t.id) OR id = "
        "7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_over),   cmocka_unit_test(test_subqueries),
                                       cmocka_unit_test(test_select), cmocka_unit_test(test_join),
                                       cmocka_unit_test(test_sets),   cmocka_unit_test(test_window)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
