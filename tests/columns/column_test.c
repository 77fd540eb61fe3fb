/* Properties that hold for columns of every type, on random values. */
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "columns/value.h"

static struct mr_arena arena;
static struct mr_error error;

static uint64_t dice_state = 88172645463325252ULL;
static uint64_t dice(uint64_t below)
{
    dice_state ^= dice_state << 13, dice_state ^= dice_state >> 7, dice_state ^= dice_state << 17;
    return dice_state % below;
}

static const char *const type_texts[] = {
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL(10,2)",
    "DECIMAL(38,5)",
    "STRING",
    "BINARY",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NTZ",
    "INTERVAL DAY TO SECOND",
    "INTERVAL YEAR TO MONTH",
    "VOID",
    "ARRAY<INT>",
    "ARRAY<STRING>",
    "MAP<STRING, DOUBLE>",
    "STRUCT<a: INT, b: STRING>",
    "STRUCT<>",
    "ARRAY<STRUCT<a: ARRAY<STRING>, b: DECIMAL(38,0)>>",
    "MAP<INT, ARRAY<STRING>>",
    "STRUCT<a: MAP<STRING, STRING>, b: STRUCT<c: DOUBLE>>",
};
enum { TYPES = sizeof type_texts / sizeof type_texts[0] };

static const struct mr_type *type_of(const char *text)
{
    const struct mr_type *type = NULL;
    assert_int_equal(mr_type_parse(&arena, mr_str_of(text), &type, &error), MR_OK);
    return type;
}

/* ---- random columns: few distinct values, so that equal ones occur ---- */

static void append_random(struct mr_column *c, int depth);

static void append_random_bytes(struct mr_column *c)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "b",
                                        "ab",
                                        "a\0b",
                                        "abcdefghijkl",
                                        "abcdefghijklm",
                                        "abcdefghijkln",
                                        "abcdXfghijklmnopqrstuvwxyz",
                                        "\xFF\xFF\xFF\xFF",
                                        "\xC3\xA9",
                                        "a\0",
                                        "a\0\0",
                                        "\0"};
    static const size_t sizes[] = {0, 1, 1, 2, 3, 12, 13, 13, 26, 4, 2, 2, 3, 1};
    size_t i = dice(14);
    assert_int_equal(mr_column_set_bytes(c, c->length, texts[i], sizes[i], &error), MR_OK);
}

static void append_random_fixed(struct mr_column *c)
{
    static const int64_t integers[] = {0,    1,       -1,        127,       -128,      300,
                                       -300, 1000000, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN};
    static const double doubles[] = {0.0, -0.0, 1.5, -1.5, INFINITY, -INFINITY, NAN, 5e-324, 1e300, -1e300};
    int64_t row = c->length, value = integers[dice(12)];
    switch (c->type->id) {
    case MR_BOOLEAN:
        c->booleans[row] = value & 1;
        break;
    case MR_FLOAT:
        c->f32[row] = (float)doubles[dice(10)];
        break;
    case MR_DOUBLE:
        c->f64[row] = doubles[dice(10)] * (dice(2) ? 1 : -1);
        break;
    case MR_DECIMAL:
        mr_decimal_put(c, row,
                       c->type->precision > 18 ? (mr_i128)value * 1000000007 * (mr_i128)dice(3)
                                               : value % 1000000);
        break;
    default:
        switch (mr_type_width(c->type)) {
        case 1:
            c->i8[row] = (int8_t)value;
            break;
        case 2:
            c->i16[row] = (int16_t)value;
            break;
        case 4:
            c->i32[row] = (int32_t)value;
            break;
        default:
            c->i64[row] = value;
        }
    }
}

static void append_random_map(struct mr_column *c, int depth)
{
    /* distinct keys, in a random direction */
    uint64_t count = dice(3), first = dice(2);
    for (uint64_t i = 0; i < count; i++) {
        struct mr_column *keys = c->children[0];
        uint64_t key = first ? i : count - 1 - i;
        assert_int_equal(mr_column_reserve(keys, keys->length + 1, &error), MR_OK);
        if (mr_type_is_bytes(keys->type))
            assert_int_equal(mr_column_set_bytes(keys, keys->length, key ? "a long key, not inlined" : "k",
                                                 key ? 23 : 1, &error),
                             MR_OK);
        else
            keys->i32[keys->length] = (int32_t)key;
        keys->length++;
        append_random(c->children[1], depth + 1);
    }
}

static void append_random(struct mr_column *c, int depth)
{
    if (c->type->id == MR_VOID || dice(6) == 0) {
        assert_int_equal(mr_column_append_null(c, &error), MR_OK);
        return;
    }
    assert_int_equal(mr_column_reserve(c, c->length + 1, &error), MR_OK);
    if (c->type->id == MR_ARRAY) {
        for (uint64_t n = dice(3); n > 0; n--)
            append_random(c->children[0], depth + 1);
        c->offsets[c->length + 1] = (int32_t)c->children[0]->length;
    } else if (c->type->id == MR_MAP) {
        append_random_map(c, depth);
        c->offsets[c->length + 1] = (int32_t)c->children[0]->length;
    } else if (c->type->id == MR_STRUCT) {
        for (int i = 0; i < c->child_count; i++)
            append_random(c->children[i], depth + 1);
    } else if (mr_type_is_bytes(c->type)) {
        append_random_bytes(c);
    } else {
        append_random_fixed(c);
    }
    mr_column_set_valid(c, c->length);
    c->length++;
}

static struct mr_column *random_column(const struct mr_type *type, int64_t rows)
{
    struct mr_column *c = mr_column_new(type, dice(2) ? rows : 0);
    assert_non_null(c);
    for (int64_t i = 0; i < rows; i++)
        append_random(c, 0);
    return c;
}

/* Lengths fit together, offsets ascend, bits beyond the length are set. */
static void check_shape(const struct mr_column *c)
{
    assert_true(c->capacity >= c->length);
    for (int64_t i = c->length; c->validity && i < (c->capacity + 63) / 64 * 64; i++)
        assert_false(mr_column_is_null(c, i));
    if (c->offsets) {
        assert_int_equal(c->offsets[0], 0);
        for (int64_t i = 0; i < c->length; i++)
            assert_true(c->offsets[i] <= c->offsets[i + 1]);
    }
    for (int i = 0; i < c->child_count; i++) {
        assert_int_equal(c->children[i]->length, c->offsets ? c->offsets[c->length] : c->length);
        check_shape(c->children[i]);
    }
}

static void expect_rows(const struct mr_column *c, const struct mr_column *from, const int32_t *rows,
                        int64_t count)
{
    assert_int_equal(c->length, count);
    check_shape(c);
    for (int64_t i = 0; i < count; i++) {
        if (rows[i] < 0)
            assert_true(mr_column_is_null(c, i));
        else
            assert_true(mr_column_same(c, i, from, rows[i]));
    }
}

static int32_t *some_rows(int64_t count, int64_t of, bool absent)
{
    int32_t *rows = mr_arena_allocate(&arena, sizeof *rows * (size_t)(count + 1));
    for (int64_t i = 0; i < count; i++)
        rows[i] = absent && dice(5) == 0 ? -1 : (int32_t)dice((uint64_t)of);
    return rows;
}

static void take_slice_repeat_detach(void **state)
{
    (void)state;
    for (int t = 0; t < TYPES; t++) {
        const struct mr_type *type = type_of(type_texts[t]);
        for (int round = 0; round < 20; round++) {
            int64_t length = 1 + (int64_t)dice(200), count = (int64_t)dice(200);
            struct mr_column *c = random_column(type, length), *out = NULL, *again = NULL;
            check_shape(c);
            int32_t *rows = some_rows(count, length, round % 2);
            assert_int_equal(mr_column_take(c, rows, count, &out, &error), MR_OK);
            expect_rows(out, c, rows, count);
            /* the taken column lives by itself */
            assert_int_equal(mr_column_detach(out, &again, &error), MR_OK);
            mr_column_unref(out);
            expect_rows(again, c, rows, count);
            mr_column_unref(again);
            int64_t start = (int64_t)dice((uint64_t)length),
                    size = (int64_t)dice((uint64_t)(length - start) + 1);
            assert_int_equal(mr_column_slice(c, start, size, &out, &error), MR_OK);
            assert_int_equal(out->length, size);
            check_shape(out);
            for (int64_t i = 0; i < size; i++)
                assert_true(mr_column_same(out, i, c, start + i));
            mr_column_unref(out);
            assert_int_equal(mr_column_repeat(c, start, count, &out, &error), MR_OK);
            for (int64_t i = 0; i < count; i++)
                rows[i] = (int32_t)start;
            expect_rows(out, c, rows, count);
            mr_column_unref(out);
            mr_column_unref(c);
        }
        mr_arena_clear(&arena);
    }
}

static void appends_build_what_was_given(void **state)
{
    (void)state;
    for (int t = 0; t < TYPES; t++) {
        const struct mr_type *type = type_of(type_texts[t]);
        struct mr_column *out = mr_column_new(type, 0);
        for (int reuse = 0; reuse < 3; reuse++) {
            struct mr_column *all = mr_column_new(type, 0);
            for (int round = 0; round < 12; round++) {
                struct mr_column *c = random_column(type, 1 + (int64_t)dice(100));
                int64_t start = (int64_t)dice((uint64_t)c->length), before = out->length;
                int64_t count = (int64_t)dice((uint64_t)(c->length - start) + 1);
                bool kept = round % 3 == 1;
                if (kept)
                    assert_int_equal(mr_column_keep_all_of(out, c, &error), MR_OK);
                if (round % 3 == 2)
                    assert_int_equal(mr_column_append_range(out, c, start, count, &error), MR_OK);
                else
                    for (int64_t i = 0; i < count; i++)
                        assert_int_equal(mr_column_append(out, c, start + i, kept, &error), MR_OK);
                assert_int_equal(out->length, before + count);
                for (int64_t i = 0; i < count; i++)
                    assert_true(mr_column_same(out, before + i, c, start + i));
                assert_int_equal(mr_column_append_range(all, c, start, count, &error), MR_OK);
                mr_column_unref(c);
            }
            check_shape(out);
            assert_int_equal(out->length, all->length);
            int64_t nulls = 0;
            for (int64_t i = 0; i < out->length; i++) {
                assert_true(mr_column_same(out, i, all, i));
                nulls += mr_column_is_null(out, i);
            }
            assert_int_equal(mr_column_null_count(out), nulls);
            mr_column_unref(all);
            mr_column_clear(out);
            assert_int_equal(out->length, 0);
        }
        mr_column_unref(out);
        mr_arena_clear(&arena);
    }
}

static void equality_order_hash_and_keys_agree(void **state)
{
    (void)state;
    enum { ROWS = 120 };
    for (int t = 0; t < TYPES; t++) {
        const struct mr_type *type = type_of(type_texts[t]);
        bool has_map = strstr(type_texts[t], "MAP") != NULL;
        struct mr_column *c = random_column(type, ROWS), *slice = NULL;
        uint64_t hashes[ROWS], mixed[ROWS], part[ROWS];
        struct mr_text keys[ROWS];
        mr_column_hash(c, hashes, false);
        for (int i = 0; i < ROWS; i++) {
            mixed[i] = hashes[i];
            mr_text_init(&keys[i]);
            mr_key_append(&keys[i], c, i);
        }
        mr_column_hash(c, mixed, true);
        /* the hash of a row does not depend on where it stands or on NULLs beside it */
        for (int i = 0; i < ROWS; i++) {
            assert_int_equal(mr_column_slice(c, i, 1, &slice, &error), MR_OK);
            mr_column_hash(slice, part, false);
            assert_int_equal(part[0], hashes[i]);
            mr_column_unref(slice);
        }
        for (int i = 0; i < ROWS; i++)
            for (int k = 0; k < ROWS; k++) {
                bool same = mr_column_same(c, i, c, k);
                int bytes = mr_str_compare(mr_text_str(&keys[i]), mr_text_str(&keys[k]));
                assert_int_equal(same, bytes == 0);
                if (same) {
                    assert_int_equal(hashes[i], hashes[k]);
                    assert_int_equal(mixed[i], mixed[k]);
                } else {
                    assert_true(hashes[i] != hashes[k]);
                }
                if (mr_column_is_null(c, i) || mr_column_is_null(c, k)) {
                    assert_int_equal(bytes, (int)mr_column_is_null(c, k) - (int)mr_column_is_null(c, i));
                    continue;
                }
                if (!has_map)
                    assert_int_equal(mr_column_compare(c, i, c, k), bytes);
            }
        /* decoding gives the values back, several values one behind the other */
        struct mr_text all, rows;
        mr_text_init(&all);
        mr_text_init(&rows);
        for (int i = 0; i < ROWS; i++) {
            mr_text_append(&all, keys[i].data, keys[i].size);
            mr_row_append(&rows, c, i);
            mr_text_release(&keys[i]);
        }
        struct mr_column *from_keys = mr_column_new(type, 0), *from_rows = mr_column_new(type, 0);
        const char *at = all.data, *row_at = rows.data;
        for (int i = 0; i < ROWS; i++) {
            assert_int_equal(mr_key_decode(&at, all.data + all.size, from_keys, &error), MR_OK);
            assert_int_equal(mr_row_decode(&row_at, rows.data + rows.size, from_rows, &error), MR_OK);
            assert_true(mr_column_same(from_keys, i, c, i));
            assert_true(mr_column_same(from_rows, i, c, i));
        }
        assert_ptr_equal(at, all.data + all.size);
        assert_ptr_equal(row_at, rows.data + rows.size);
        check_shape(from_keys);
        check_shape(from_rows);
        mr_column_unref(from_keys);
        mr_column_unref(from_rows);
        mr_text_release(&all);
        mr_text_release(&rows);
        mr_column_unref(c);
        mr_arena_clear(&arena);
    }
}

/* Damaged encodings give an error or other values, never a crash; a cut one never decodes. */
static void damaged_keys_and_rows_are_refused(void **state)
{
    (void)state;
    for (int t = 0; t < TYPES; t++) {
        const struct mr_type *type = type_of(type_texts[t]);
        for (int round = 0; round < 200; round++) {
            struct mr_column *c = random_column(type, 1);
            struct mr_text text;
            mr_text_init(&text);
            bool key = round % 2;
            if (key)
                mr_key_append(&text, c, 0);
            else
                mr_row_append(&text, c, 0);
            for (size_t cut = 0; cut < text.size; cut++) {
                struct mr_column *out = mr_column_new(type, 4);
                char *exact = malloc(cut + 1);
                memcpy(exact, text.data, cut);
                const char *at = exact;
                int status = key ? mr_key_decode(&at, exact + cut, out, &error)
                                 : mr_row_decode(&at, exact + cut, out, &error);
                assert_int_equal(status, MR_E_CORRUPT);
                free(exact);
                mr_column_unref(out);
            }
            for (size_t flip = 0; flip < text.size; flip++) {
                struct mr_column *out = mr_column_new(type, 4);
                char *exact = malloc(text.size);
                memcpy(exact, text.data, text.size);
                exact[flip] = (char)dice(256);
                const char *at = exact, *end = exact + text.size;
                int status =
                    key ? mr_key_decode(&at, end, out, &error) : mr_row_decode(&at, end, out, &error);
                assert_true(status == MR_OK || status == MR_E_CORRUPT);
                free(exact);
                mr_column_unref(out);
            }
            mr_text_release(&text);
            mr_column_unref(c);
        }
        mr_arena_clear(&arena);
    }
}

static void hashes_are_pinned(void **state)
{
    (void)state; /* these values are on disk: a change needs a migration of every state store */
    struct mr_column *ints = mr_column_new(mr_type_of(MR_BIGINT), 3),
                     *texts = mr_column_new(mr_type_of(MR_STRING), 3);
    uint64_t hashes[3];
    ints->length = texts->length = 3;
    ints->i64[0] = 42, ints->i64[1] = -1;
    mr_column_set_null(ints, 2, &error);
    mr_column_set_bytes(texts, 0, "millrace", 8, &error);
    mr_column_set_bytes(texts, 1, "a string of more than twelve bytes", 34, &error);
    mr_column_set_null(texts, 2, &error);
    mr_column_hash(ints, hashes, false);
    static const uint64_t expected[6] = {0x63eb4d090e3c46f3, 0x448e29ced4103459, 0x9e3779b97f4a7c15,
                                         0xd1a3741723e8ce47, 0x2379137dcb171789, 0x394044a4e0a1d401};
    for (int i = 0; i < 3; i++)
        assert_int_equal(hashes[i], expected[i]);
    mr_column_hash(texts, hashes, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hashes[i], expected[3 + i]);
    mr_column_unref(ints);
    mr_column_unref(texts);
}

static void special_floats_compare_as_spark_does(void **state)
{
    (void)state;
    struct mr_column *c = mr_column_new(mr_type_of(MR_DOUBLE), 4);
    c->length = 4;
    c->f64[0] = NAN, c->f64[1] = -NAN, c->f64[2] = -0.0, c->f64[3] = INFINITY;
    struct mr_column *zero = mr_column_new(mr_type_of(MR_DOUBLE), 1);
    zero->length = 1;
    assert_true(mr_column_same(c, 0, c, 1));
    assert_int_equal(mr_column_compare(c, 0, c, 3), 1);
    assert_int_equal(mr_column_compare(c, 3, c, 0), -1);
    assert_true(mr_column_same(c, 2, zero, 0));
    mr_column_unref(c);
    mr_column_unref(zero);
}

static void batches_share_and_copy(void **state)
{
    (void)state;
    size_t before = mr_memory_used();
    struct mr_arena types;
    mr_arena_init(&types);
    const struct mr_type *schema = NULL;
    assert_int_equal(mr_schema_parse(&types, MR_STR("a INT, b STRING, c ARRAY<STRING>"), &schema, &error),
                     MR_OK);
    struct mr_batch batch, copy, taken, slice, sum, moved;
    assert_int_equal(mr_batch_init(&batch, schema, 0, &error), MR_OK);
    for (int i = 0; i < 3; i++)
        batch.columns[i] = random_column(schema->fields[i].type, 50);
    batch.length = 50;
    assert_true(mr_batch_bytes(&batch) > 50 * 20);
    assert_int_equal(mr_batch_copy(&copy, &batch, &error), MR_OK);
    assert_ptr_equal(copy.columns[1], batch.columns[1]);
    int32_t rows[] = {3, 1, 1, -1};
    assert_int_equal(mr_batch_take(&batch, rows, 4, &taken, &error), MR_OK);
    assert_int_equal(mr_batch_slice(&batch, 10, 30, &slice, &error), MR_OK);
    mr_batch_move(&moved, &batch);
    mr_batch_release(&batch);
    assert_int_equal(mr_batch_init(&sum, schema, 8, &error), MR_OK);
    assert_int_equal(mr_batch_append(&sum, &slice, &error), MR_OK);
    assert_int_equal(mr_batch_append(&sum, &taken, &error), MR_OK);
    mr_batch_release(&slice);
    mr_batch_release(&taken);
    assert_int_equal(sum.length, 34);
    for (int i = 0; i < 3; i++) {
        for (int64_t k = 0; k < 30; k++)
            assert_true(mr_column_same(sum.columns[i], k, copy.columns[i], 10 + k));
        for (int64_t k = 0; k < 3; k++)
            assert_true(mr_column_same(sum.columns[i], 30 + k, copy.columns[i], rows[k]));
        assert_true(mr_column_is_null(sum.columns[i], 33));
    }
    mr_batch_release(&sum);
    mr_batch_release(&copy);
    mr_batch_release(&moved);
    mr_batch_release(&moved); /* zeroed is fine */
    mr_arena_release(&types);
    assert_int_equal(mr_memory_used(), before);
}

static void missing_memory_is_reported(void **state)
{
    (void)state;
    struct mr_arena types;
    mr_arena_init(&types);
    const struct mr_type *type = NULL;
    assert_int_equal(
        mr_type_parse(&types, MR_STR("STRUCT<a: ARRAY<STRING>, b: MAP<STRING, INT>>"), &type, &error), MR_OK);
    struct mr_column *c = random_column(type, 100);
    size_t before = mr_memory_used();
    int32_t rows[] = {1, 2, 3, -1, 5};
    bool reached = false;
    for (int nth = 1; !reached; nth++) {
        struct mr_column *taken = NULL, *detached = NULL;
        struct mr_text text;
        mr_text_init(&text);
        mr_memory_fail_at(nth);
        int status = mr_column_take(c, rows, 5, &taken, &error);
        if (status == MR_OK)
            status = mr_column_detach(taken, &detached, &error);
        struct mr_column *grown = status == MR_OK ? mr_column_new(type, 0) : NULL;
        if (status == MR_OK && !grown)
            status = MR_E_MEMORY;
        for (int64_t i = 0; status == MR_OK && i < 100; i++)
            status = mr_column_append(grown, c, i, false, &error);
        if (status == MR_OK)
            mr_key_append(&text, c, 0);
        mr_memory_fail_at(0);
        reached = status == MR_OK && !text.failed;
        assert_true(reached || text.failed || status == MR_E_MEMORY);
        mr_text_release(&text);
        mr_column_unref(taken);
        mr_column_unref(detached);
        mr_column_unref(grown);
        assert_int_equal(mr_memory_used(), before);
    }
    mr_column_unref(c);
    mr_arena_release(&types);
}

static void selections_walk_rows(void **state)
{
    (void)state;
    int32_t rows[] = {1, 4, 5};
    struct mr_selection selection = {rows, 3};
    const struct mr_selection *some = &selection, *all = NULL;
    int64_t sum = 0, count = 0;
    MR_FOR_ROWS(i, some, 10)
    sum += i, count++;
    assert_int_equal(sum, 10);
    assert_int_equal(count, 3);
    MR_FOR_ROWS(i, all, 5)
    sum += i, count++;
    assert_int_equal(sum, 20);
    assert_int_equal(count, 8);
}

static int start(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mr_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_slice_repeat_detach),
        cmocka_unit_test(appends_build_what_was_given),
        cmocka_unit_test(equality_order_hash_and_keys_agree),
        cmocka_unit_test(damaged_keys_and_rows_are_refused),
        cmocka_unit_test(hashes_are_pinned),
        cmocka_unit_test(special_floats_compare_as_spark_does),
        cmocka_unit_test(batches_share_and_copy),
        cmocka_unit_test(missing_memory_is_reported),
        cmocka_unit_test(selections_walk_rows),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
