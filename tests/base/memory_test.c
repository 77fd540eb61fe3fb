#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"

static void accounting_follows(void **state)
{
    (void)state;
    size_t before = mr_memory_used();
    char *a = mr_allocate(1000);
    assert_true(mr_memory_used() >= before + 1000);
    a = mr_reallocate(a, 100000);
    assert_true(mr_memory_used() >= before + 100000);
    assert_true(mr_memory_peak() >= before + 100000);
    char *z = mr_allocate_zeroed(100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(z[i], 0);
    mr_free(z);
    mr_free(a);
    mr_free(NULL);
    assert_int_equal(mr_memory_used(), before);
}

static void the_nth_allocation_fails(void **state)
{
    (void)state;
    mr_memory_fail_at(2);
    void *a = mr_allocate(1);
    assert_non_null(a);
    assert_null(mr_allocate(1));
    void *b = mr_allocate(1);
    assert_non_null(b);
    mr_free(a);
    mr_free(b);
    mr_memory_fail_at(0);
}

static void arena_pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    size_t before = mr_memory_used();
    char *pieces[3000];
    size_t sizes[3000];
    srand(1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3000; i++) {
            sizes[i] = i % 500 == 0 ? 3000000 : (size_t)(rand() % 300);
            pieces[i] = mr_arena_allocate(&arena, sizes[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], i & 0xFF, sizes[i]);
        }
        for (int i = 0; i < 3000; i++)
            for (size_t k = 0; k < sizes[i]; k += 97)
                assert_int_equal((unsigned char)pieces[i][k], i & 0xFF);
        assert_true(arena.used_bytes > 18000000);
        mr_arena_clear(&arena);
        assert_int_equal(arena.used_bytes, 0);
        assert_true(mr_memory_used() < before + 2000000); /* one block of the usual size at most */
    }
    assert_string_equal(mr_arena_format(&arena, "%d-%s", 5, "x"), "5-x");
    assert_string_equal(mr_arena_copy_text(&arena, "abc", 2), "ab");
    assert_null(mr_arena_allocate(&arena, SIZE_MAX - 3));
    mr_arena_release(&arena);
    assert_int_equal(mr_memory_used(), before);
    struct mr_arena zeroed = {0}; /* one that was only zeroed works as well */
    assert_non_null(mr_arena_allocate(&zeroed, 10));
    mr_arena_release(&zeroed);
}

static void texts_grow(void **state)
{
    (void)state;
    struct mr_text text;
    mr_text_init(&text);
    assert_string_equal(text.data, "");
    mr_text_clear(&text);
    for (int i = 0; i < 1000; i++) {
        mr_text_append_char(&text, 'a');
        mr_text_append_str(&text, "bc");
        mr_text_format(&text, "%03d", i);
        assert_int_equal(text.data[text.size], 0);
    }
    assert_int_equal(text.size, 6000);
    assert_memory_equal(text.data + 5994, "abc999", 6);
    mr_text_clear(&text);
    assert_string_equal(text.data, "");
    mr_memory_fail_at(1);
    char large[10000] = {0};
    mr_text_append(&text, large, sizeof large);
    assert_true(text.failed);
    mr_text_append_str(&text, "ignored");
    assert_int_equal(text.size, 0);
    mr_text_release(&text);
    struct mr_text zeroed = {0};
    mr_text_format(&zeroed, "%s", "abc");
    assert_string_equal(zeroed.data, "abc");
    mr_text_release(&zeroed);
}

static void strings_compare(void **state)
{
    (void)state;
    assert_true(mr_str_equal_nocase(MR_STR("AbC"), MR_STR("aBc")));
    assert_false(mr_str_equal_nocase(MR_STR("AbC"), MR_STR("aBd")));
    assert_false(mr_str_equal_nocase(MR_STR("["), MR_STR("{")));
    assert_int_equal(mr_str_compare(MR_STR("a"), MR_STR("ab")), -1);
    assert_int_equal(mr_str_compare(MR_STR("\xFF"), MR_STR("a")), 1);
    assert_int_equal(mr_str_compare(MR_STR(""), MR_STR("")), 0);
    assert_true(mr_str_starts_with(MR_STR("abc"), MR_STR("ab")));
    assert_false(mr_str_starts_with(MR_STR("a"), MR_STR("ab")));
    assert_true(mr_str_ends_with(MR_STR("abc"), MR_STR("bc")));
    assert_true(mr_str_ends_with(MR_STR("abc"), MR_STR("")));
    assert_false(mr_str_ends_with(MR_STR("bc"), MR_STR("abc")));
}

static void maps_keep_order_and_find(void **state)
{
    (void)state;
    struct mr_map map;
    mr_map_init(&map);
    assert_null(mr_map_get(&map, MR_STR("x")));
    char key[32];
    for (int i = 0; i < 5000; i++) {
        bool created = false;
        int size = snprintf(key, sizeof key, "key %d", i);
        struct mr_map_entry *entry = mr_map_put(&map, (struct mr_str){key, (size_t)size}, &created);
        assert_true(created);
        assert_int_equal(entry->number, 0);
        entry->number = i;
    }
    for (int i = 0; i < 5000; i++) {
        int size = snprintf(key, sizeof key, "key %d", i);
        bool created = true;
        assert_int_equal(mr_map_get(&map, (struct mr_str){key, (size_t)size})->number, i);
        assert_int_equal(mr_map_put(&map, (struct mr_str){key, (size_t)size}, &created)->number, i);
        assert_false(created);
        assert_int_equal(map.entries[i].number, i);
    }
    assert_null(mr_map_get(&map, MR_STR("key 5000")));
    assert_int_equal(map.count, 5000);
    mr_map_release(&map);
    assert_null(mr_map_get(&map, MR_STR("key 1")));
}

static void maps_survive_missing_memory(void **state)
{
    (void)state;
    for (int nth = 1; nth < 12; nth++) {
        struct mr_map map;
        mr_map_init(&map);
        char key[8];
        size_t added = 0;
        mr_memory_fail_at(nth);
        for (int i = 0; i < 100; i++) {
            int size = snprintf(key, sizeof key, "%d", i);
            added += mr_map_put(&map, (struct mr_str){key, (size_t)size}, NULL) != NULL;
        }
        mr_memory_fail_at(0);
        assert_int_equal(map.count, added);
        for (size_t i = 0; i < map.count; i++)
            assert_ptr_equal(mr_map_get(&map, map.entries[i].key), &map.entries[i]);
        mr_map_release(&map);
    }
}

static void buffers_count_references(void **state)
{
    (void)state;
    size_t before = mr_memory_used();
    struct mr_buffer *buffer = mr_buffer_new(10);
    memset(buffer->data, 'x', 10 + MR_BUFFER_PADDING); /* all of it is ours */
    assert_ptr_equal(mr_buffer_ref(buffer), buffer);
    mr_buffer_unref(buffer);
    mr_buffer_unref(buffer);
    mr_buffer_unref(NULL);
    assert_int_equal(mr_memory_used(), before);
}

static void hashes_are_pinned(void **state)
{
    (void)state; /* key groups of stored state rest on these values */
    assert_int_equal(mr_hash("", 0), 0x2d06800538d394c2);
    assert_int_equal(mr_hash("millrace", 8), mr_hash("millrace", 8));
    assert_true(mr_hash("millrace", 8) != mr_hash("millracf", 8));
    assert_true(mr_hash_seeded("a", 1, 1) != mr_hash_seeded("a", 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounting_follows),
        cmocka_unit_test(the_nth_allocation_fails),
        cmocka_unit_test(arena_pieces_are_aligned_and_apart),
        cmocka_unit_test(texts_grow),
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(maps_keep_order_and_find),
        cmocka_unit_test(maps_survive_missing_memory),
        cmocka_unit_test(buffers_count_references),
        cmocka_unit_test(hashes_are_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
