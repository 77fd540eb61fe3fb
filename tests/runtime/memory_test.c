/* tests/runtime/memory_test.c: every allocation of ours fails once, one after another: an error that says so,
 * nothing leaked (AddressSanitizer looks), and the next start loses and doubles nothing. */
#include "tests/runtime/support.h"

static int run_count(void)
{
    struct mr_job job;
    count_job(&job, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.partitions = 2;
    return run_job(&job, &options);
}

/* As count_job and map_job, but without asserting that building succeeds. */
static int run_with_failure(bool counting, int64_t nth)
{
    struct mr_job job;
    if (counting)
        count_job(&job, NULL);
    else
        map_job(&job, NULL, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.partitions = 2;
    mr_error_clear(&error);
    mr_memory_fail_at(nth);
    int status = run_job(&job, &options);
    mr_memory_fail_at(0);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    bool counting = *state != NULL;
    int failures = 0, quiet = 0;
    int64_t unit = 0;
    for (int64_t nth = 1; quiet < 5; nth += 1 + nth / 60) {
        add_rows(stream, unit * 20, 20, counting ? 7 : 0);
        unit++;
        int status = run_with_failure(counting, nth);
        if (status < 0) {
            failures++;
            quiet = 0;
            if (status != MR_E_MEMORY)
                print_message("allocation %lld: %d %s\n", (long long)nth, status, error.message);
            assert_true(error.condition[0] != 0);
        } else {
            quiet++; /* not reached, or an allocation that may fail without harm */
        }
        OK(counting ? run_count() : run_map(NULL));
        if (!counting)
            assert_evens(unit * 20);
    }
    if (counting) {
        static int64_t counts[100000], keys[100000];
        size_t rows = read_table(table_path, 1, counts, 100000);
        assert_int_equal(read_table(table_path, 0, keys, 100000), rows);
        int64_t total = 0;
        for (int64_t k = 0; k < 7; k++)
            total += (unit * 20 + 6 - k) / 7;
        assert_int_equal(total, unit * 20);
        assert_int_equal(counts[rows - 1], (unit * 20 + 6) / 7); /* the largest count, of k = 0 */
    }
    print_message("%d allocations failed\n", failures);
    assert_true(failures > 30);
}

int main(void)
{
    static int counting = 1;
    const struct CMUnitTest tests[] = {
        {"every_allocation_of_a_map_job_may_fail", every_allocation_may_fail, setup, teardown, NULL},
        {"every_allocation_of_a_keyed_job_may_fail", every_allocation_may_fail, setup, teardown, &counting},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
