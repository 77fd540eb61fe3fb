/* tests/operators/group_table_test.c: groups found by the table against groups found by comparing all rows
 * with all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "operators/aggregate_input.h"
#include "operators/group_table.h"

static struct mr_error error;
static struct mr_arena arena;
#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            fail_msg("%s: %s", #call, error.message);                                                        \
    } while (0)

static uint64_t seed;
static uint64_t dice(uint64_t sides)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % sides;
}

static struct mr_aggregate *count_rows(void)
{
    static const struct mr_session session = {.ansi = true};
    struct mr_expression_builder builder = {.arena = &arena, .session = &session};
    const struct mr_expression *one = NULL;
    const struct mr_aggregate *count = NULL;
    OK(mr_expression_i64(&builder, mr_type_of(MR_BIGINT), 1, &one, &error));
    OK(mr_aggregate_call(&builder, MR_STR("count"), &one, 1, false, NULL, &count, &error));
    return (struct mr_aggregate *)(uintptr_t)count;
}

/* ---- random columns with few different values ---- */
static void fill(struct mr_column *column, int64_t row, int nulls)
{
    static const char *const texts[] = {
        "", "a", "twelve bytes", "longer than twelve bytes", "longer than twelve bytez", "ä"};
    static const double doubles[] = {0.0, -0.0, 1.5, -1.5, INFINITY};
    const struct mr_type *type = column->type;
    if (nulls && dice(5) == 0) {
        OK(mr_column_append_null(column, &error));
        return;
    }
    OK(mr_column_reserve(column, row + 1, &error));
    column->length = row + 1;
    mr_column_set_valid(column, row);
    switch (type->id) {
    case MR_BOOLEAN:
        column->booleans[row] = (uint8_t)dice(2);
        break;
    case MR_INT:
    case MR_DATE:
        column->i32[row] = (int32_t)dice(4) - 2;
        break;
    case MR_DOUBLE:
        column->f64[row] = dice(6) == 0 ? -(double)NAN : doubles[dice(5)];
        break;
    case MR_STRING: {
        const char *text = texts[dice(6)];
        OK(mr_column_set_bytes(column, row, text, strlen(text), &error));
        break;
    }
    case MR_DECIMAL:
        mr_decimal_put(column, row, (mr_i128)dice(3) * mr_decimal_power(30) - 5);
        break;
    case MR_STRUCT:
        for (int f = 0; f < type->field_count; f++)
            fill(column->children[f], row, nulls);
        break;
    case MR_ARRAY: {
        int32_t elements = (int32_t)dice(3),
                from = column->children[0]->length > 0 ? (int32_t)column->children[0]->length : 0;
        if (row == 0)
            column->offsets[0] = 0;
        for (int32_t e = 0; e < elements; e++)
            fill(column->children[0], from + e, nulls);
        column->offsets[row + 1] = from + elements;
        break;
    }
    default:
        column->i64[row] = (int64_t)dice(3) - 1;
    }
}

static void check(const char *ddl, int nulls, int rows)
{
    const struct mr_type *schema = NULL;
    struct mr_group_table table;
    const struct mr_aggregate *aggregates[] = {count_rows()};
    const struct mr_type *types[16];
    struct mr_batch batch, keys;
    struct mr_group **groups = calloc((size_t)rows, sizeof(*groups));
    uint64_t *hashes = calloc((size_t)rows, sizeof(*hashes));
    OK(mr_schema_parse(&arena, mr_str_of(ddl), &schema, &error));
    for (int c = 0; c < schema->field_count; c++)
        types[c] = schema->fields[c].type;
    OK(mr_group_table_init(&table, types, schema->field_count, aggregates, 1, &error));
    OK(mr_batch_init(&batch, schema, rows, &error));
    for (int row = 0; row < rows; row++)
        for (int c = 0; c < schema->field_count; c++)
            fill(batch.columns[c], row, nulls);
    batch.length = rows;
    mr_hash_keys(batch.columns, schema->field_count, rows, hashes);
    OK(mr_group_table_find(&table, batch.columns, hashes, NULL, rows, true, groups, &error));
    for (int a = 0; a < rows; a++)
        for (int b = 0; b < a; b++) {
            bool same = true;
            for (int c = 0; c < schema->field_count; c++)
                same = same && mr_column_same(batch.columns[c], a, batch.columns[c], b);
            if (same != (groups[a] == groups[b]))
                fail_msg("%s: rows %d and %d are %s and got %s groups", ddl, a, b,
                         same ? "the same" : "different", groups[a] == groups[b] ? "one" : "two");
        }
    OK(mr_batch_init(&keys, schema, 0, &error));
    OK(mr_group_table_keys(&table, groups, rows, keys.columns, &error));
    keys.length = rows;
    for (int row = 0; row < rows; row++)
        for (int c = 0; c < schema->field_count; c++)
            assert_true(mr_column_same(batch.columns[c], row, keys.columns[c], row));
    mr_batch_release(&keys);
    mr_batch_release(&batch);
    mr_group_table_release(&table);
    free(groups);
    free(hashes);
}

static void test_keys_of_all_kinds(void **state)
{
    (void)state;
    static const char *const schemas[] = {"a BIGINT",
                                          "a STRING",
                                          "a DOUBLE",
                                          "a DECIMAL(38,2), b BOOLEAN",
                                          "a INT, b DATE, c STRING",
                                          "w STRUCT<start: TIMESTAMP, end: TIMESTAMP>, k STRING",
                                          "s STRUCT<a: STRUCT<b: STRING, c: DOUBLE>, d: INT>",
                                          "l ARRAY<STRING>, k BIGINT"};
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
        for (int nulls = 0; nulls < 2; nulls++) {
            seed = 77 + i;
            check(schemas[i], nulls, 300);
        }
}

static void test_many_groups_remove_and_clear(void **state)
{
    (void)state;
    struct mr_group_table table;
    const struct mr_aggregate *aggregates[] = {count_rows()};
    const struct mr_type *types[] = {mr_type_of(MR_BIGINT)};
    enum { ROWS = 50000 };
    struct mr_column *column = mr_column_new(types[0], ROWS);
    struct mr_group **groups = calloc(ROWS, sizeof(*groups)), **found = calloc(ROWS, sizeof(*found));
    uint64_t *hashes = calloc(ROWS, sizeof(*hashes));
    for (int64_t i = 0; i < ROWS; i++)
        column->i64[i] = i * 7;
    column->length = ROWS;
    OK(mr_group_table_init(&table, types, 1, aggregates, 1, &error));
    for (int round = 0; round < 2; round++) {
        mr_hash_keys(&column, 1, ROWS, hashes);
        OK(mr_group_table_find(&table, &column, hashes, NULL, ROWS, true, groups, &error));
        assert_int_equal(table.live, ROWS);
        for (int i = 0; i < ROWS; i += 2)
            mr_group_table_remove(&table, groups[i]);
        assert_int_equal(table.live, ROWS / 2);
        OK(mr_group_table_find(&table, &column, hashes, NULL, ROWS, false, found, &error));
        for (int i = 0; i < ROWS; i++)
            assert_ptr_equal(found[i], i % 2 ? groups[i] : NULL);
        struct mr_group_cursor cursor = {0};
        int64_t walked = 0, some;
        while ((some = mr_group_table_next(&table, &cursor, found, 1000)) > 0)
            walked += some;
        assert_int_equal(walked, ROWS / 2);
        /* Records of removed groups are taken again, and their groups begin anew. */
        size_t bytes = mr_group_table_bytes(&table);
        OK(mr_group_table_find(&table, &column, hashes, NULL, ROWS, true, found, &error));
        assert_int_equal(table.count, ROWS);
        assert_int_equal(mr_group_table_bytes(&table), bytes);
        for (int i = 0; i < ROWS; i++)
            assert_int_equal(found[i]->flags, 0);
        mr_group_table_clear(&table);
        assert_int_equal(table.live, 0);
    }
    mr_group_table_release(&table);
    mr_column_unref(column);
    free(groups);
    free(found);
    free(hashes);
}

/* Hashes that crowd around the end of the slots: what is removed parts nobody from where it is looked for. */
static void test_removal_among_crowded_hashes(void **state)
{
    (void)state;
    enum { KEYS = 600, CHANGES = 20000 };
    struct mr_group_table table;
    const struct mr_type *types[] = {mr_type_of(MR_BIGINT)};
    struct mr_column *column = mr_column_new(types[0], KEYS);
    struct mr_group *groups[KEYS] = {0}, *found[KEYS];
    uint64_t hashes[KEYS];
    for (int32_t i = 0; i < KEYS; i++) {
        column->i64[i] = i;
        hashes[i] = (uint64_t)i << 32 | (uint32_t)(i % 90 - 45);
    }
    column->length = KEYS;
    seed = 5;
    OK(mr_group_table_init(&table, types, 1, NULL, 0, &error));
    for (int change = 0; change < CHANGES; change++) {
        int32_t key = (int32_t)dice(KEYS);
        struct mr_selection one = {&key, 1};
        if (groups[key]) {
            mr_group_table_remove(&table, groups[key]);
            groups[key] = NULL;
        } else {
            OK(mr_group_table_find(&table, &column, hashes, &one, KEYS, true, &groups[key], &error));
        }
        if (change % 50 != 0)
            continue;
        OK(mr_group_table_find(&table, &column, hashes, NULL, KEYS, false, found, &error));
        for (int i = 0; i < KEYS; i++)
            assert_ptr_equal(found[i], groups[i]);
    }
    mr_group_table_release(&table);
    mr_column_unref(column);
}

static void test_states_travel(void **state)
{
    (void)state;
    struct mr_group_table table;
    const struct mr_aggregate *aggregates[] = {count_rows(), count_rows()};
    struct mr_group *group = NULL;
    uint64_t hash = 0;
    struct mr_text bytes;
    mr_text_init(&bytes);
    OK(mr_group_table_init(&table, NULL, 0, aggregates, 2, &error));
    OK(mr_group_table_find(&table, NULL, &hash, NULL, 1, true, &group, &error));
    void *states[] = {group, group, group};
    struct mr_column *ones = mr_column_new(mr_type_of(MR_BIGINT), 3);
    ones->length = 3;
    for (int i = 0; i < 3; i++)
        ones->i64[i] = 1;
    OK(aggregates[1]->type->update(aggregates[1], states, table.offsets[1], &ones, NULL, 3, &table.arena,
                                   &error));
    OK(mr_group_table_encode(&table, group, &bytes, &error));
    OK(mr_group_table_merge(&table, group, mr_text_str(&bytes), false, &error));
    OK(mr_group_table_merge(&table, group, mr_text_str(&bytes), true, &error));
    struct mr_column *results[2];
    OK(mr_group_table_results(&table, &group, 1, results, &error));
    assert_int_equal(results[0]->i64[0], 0);
    assert_int_equal(results[1]->i64[0], 9);
    assert_true(mr_group_table_merge(&table, group, (struct mr_str){bytes.data, bytes.size - 1}, false,
                                     &error) == MR_E_CORRUPT);
    mr_column_unref(results[0]);
    mr_column_unref(results[1]);
    mr_column_unref(ones);
    mr_text_release(&bytes);
    mr_group_table_release(&table);
}

/* Groups as bytes and back; those with a long string among their keys are none. */
static void test_raw_groups(void **state)
{
    (void)state;
    struct mr_group_table table, other;
    const struct mr_aggregate *aggregates[] = {count_rows()};
    const struct mr_type *types[] = {mr_type_of(MR_BIGINT), mr_type_of(MR_STRING)};
    enum { ROWS = 3000 };
    struct mr_column *keys[] = {mr_column_new(types[0], ROWS), mr_column_new(types[1], ROWS)};
    struct mr_group *groups[ROWS], *back;
    for (int i = 0; i < ROWS; i++) {
        char text[40];
        int size = snprintf(text, sizeof text, i % 3 ? "%d" : "a string of some length %d", i);
        keys[0]->i64[i] = i;
        OK(mr_column_set_bytes(keys[1], i, text, (size_t)size, &error));
    }
    OK(mr_column_set_null(keys[0], 7, &error));
    OK(mr_column_set_null(keys[1], 8, &error));
    keys[0]->length = keys[1]->length = ROWS;
    OK(mr_group_table_init(&table, types, 2, aggregates, 1, &error));
    OK(mr_group_table_init(&other, types, 2, aggregates, 1, &error));
    OK(mr_group_table_find(&table, keys, NULL, NULL, ROWS, true, groups, &error));
    struct mr_text bytes;
    mr_text_init(&bytes);
    for (int i = 0; i < ROWS; i++) {
        bool raw = i % 3 != 0 || i == 8;
        assert_int_equal(mr_group_table_is_raw(&table, groups[i]), raw);
        if (!raw)
            continue;
        memcpy((char *)groups[i] + table.offsets[0], &(int64_t){i * 5}, 8);
        mr_text_clear(&bytes);
        mr_group_table_raw_append(&table, groups[i], &bytes);
        assert_int_equal(bytes.size, mr_group_table_raw_bytes(&table));
        OK(mr_group_table_raw_add(&other, bytes.data, &back, &error));
    }
    struct mr_group **found = groups;
    OK(mr_group_table_find(&other, keys, NULL, NULL, ROWS, false, found, &error));
    for (int i = 0; i < ROWS; i++) {
        int64_t count;
        assert_int_equal(found[i] != NULL, i % 3 != 0 || i == 8);
        if (!found[i])
            continue;
        memcpy(&count, (char *)found[i] + other.offsets[0], 8);
        assert_int_equal(count, i * 5);
    }
    mr_text_release(&bytes);
    mr_group_table_release(&table);
    mr_group_table_release(&other);
    mr_column_unref(keys[0]);
    mr_column_unref(keys[1]);
}

int main(void)
{
    mr_arena_init(&arena);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_all_kinds),
        cmocka_unit_test(test_many_groups_remove_and_clear),
        cmocka_unit_test(test_removal_among_crowded_hashes),
        cmocka_unit_test(test_states_travel),
        cmocka_unit_test(test_raw_groups),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mr_arena_release(&arena);
    return failed;
}
