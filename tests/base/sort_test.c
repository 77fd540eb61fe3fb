#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/sort.h"

#define MOST 5000

static int compare(const void *left, const void *right)
{
    return mr_str_compare(((const struct mr_keyed *)left)->key, ((const struct mr_keyed *)right)->key);
}

/* Few different bytes, zeros among them, so that beginnings are shared and keys begin other keys. */
static size_t make_key(char *out, const char *beginning, size_t shared, int most, int letters)
{
    size_t size = shared + (size_t)(rand() % (most + 1));
    memcpy(out, beginning, shared);
    for (size_t i = shared; i < size; i++)
        out[i] = (char)(rand() % letters == 0 ? 0 : rand() % letters * 37);
    return size;
}

static void sorts_as_qsort_does(void **state)
{
    (void)state;
    static struct mr_keyed keys[MOST], expected[MOST], scratch[MOST];
    static char bytes[MOST][80];
    const char *beginning = "\0\1same beginning of all keys";
    srand(7);
    for (int round = 0; round < 300; round++) {
        size_t count = round % 3 == 0 ? (size_t)(rand() % 40) : (size_t)(rand() % MOST);
        size_t shared = (size_t)(rand() % 20);
        int most = round % 5 == 0 ? 3 : rand() % 40, letters = 1 + rand() % 7;
        for (size_t i = 0; i < count; i++) {
            size_t size = make_key(bytes[i], beginning, shared, most, letters);
            keys[i] = (struct mr_keyed){.key = {bytes[i], size}, .item = bytes[i]};
            expected[i] = keys[i];
        }
        mr_sort_keyed(keys, scratch, count);
        qsort(expected, count, sizeof *expected, compare);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(mr_str_compare(keys[i].key, expected[i].key), 0);
            assert_ptr_equal(keys[i].item, keys[i].key.data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorts_as_qsort_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
