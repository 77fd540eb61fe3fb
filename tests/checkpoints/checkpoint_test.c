/* tests/checkpoints/checkpoint_test.c: opening, deciding, recovering, refusing. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rocksdb/c.h>

#include "checkpoints/checkpoint.h"

static char directory[64], path[128];
static struct mr_error error;

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/checkpoint_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/a/b", directory);
    mr_error_clear(&error);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return mr_directory_remove(directory, &error);
}

#define OK(call)                                                                                             \
    do {                                                                                                     \
        int ok_ = (call);                                                                                    \
        if (ok_ < 0) {                                                                                       \
            char text_[2048];                                                                                \
            mr_error_format(&error, text_, sizeof text_);                                                    \
            fail_msg("%s: %s", #call, text_);                                                                \
        }                                                                                                    \
    } while (0)

static struct mr_checkpoint *open_it(void)
{
    struct mr_checkpoint *checkpoint;
    OK(mr_checkpoint_open(&checkpoint, &(struct mr_checkpoint_options){.path = path}, &error));
    return checkpoint;
}

static struct mr_str S(const char *text) {
    return mr_str_of(text);
}

/* Decides `batch` with one state entry and, when manifest is given, a manifest for sink "out". */
static uint64_t
decide(struct mr_checkpoint *checkpoint, int64_t batch, const char *key, const char *value,
       const char *manifest)
{
    struct mr_decision *decision;
    OK(mr_decision_begin(checkpoint, batch, &decision, &error));
    uint64_t id = mr_decision_id(decision);
    struct mr_register known;
    mr_checkpoint_register(checkpoint, S("out"), &known);
    if (!known.present)
        mr_decision_enrol(decision, S("out"), &(struct mr_register){true, -1, 77});
    mr_decision_put(decision, MR_FAMILY_STATE, S(key), S(value));
    if (manifest)
        mr_decision_manifest(decision, S("out"), S(manifest));
    char record[32];
    snprintf(record, sizeof record, "{\"batch\":%lld}", (long long)batch);
    OK(mr_decision_commit(decision, S(record), &error));
    return id;
}

static void a_new_checkpoint_has_an_id_and_nothing_else(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    assert_true(mr_checkpoint_is_new(checkpoint));
    assert_string_equal(mr_checkpoint_path(checkpoint), path);
    char id[37];
    memcpy(id, mr_checkpoint_query_id(checkpoint)->text, sizeof id);
    assert_int_equal(strlen(id), 36);
    assert_int_equal(id[14], '4');
    uint64_t attempt = mr_checkpoint_attempt(checkpoint);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_decided last;
    OK(mr_checkpoint_last(checkpoint, &arena, &last, &error));
    assert_int_equal(last.batch, -1);
    struct mr_pending *pending;
    size_t count;
    OK(mr_checkpoint_pending(checkpoint, &arena, &pending, &count, &error));
    assert_int_equal(count, 0);
    mr_checkpoint_close(checkpoint);
    checkpoint = open_it();
    assert_string_equal(mr_checkpoint_query_id(checkpoint)->text, id);
    assert_true(mr_checkpoint_attempt(checkpoint) != attempt);
    mr_checkpoint_close(checkpoint);
    mr_arena_release(&arena);
}

static void a_decision_survives_and_chains_registers(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    uint64_t id0 = decide(checkpoint, 0, "k", "v0", "m0");
    decide(checkpoint, 1, "k", "v1", NULL); /* nothing for the sink */
    uint64_t id4 = decide(checkpoint, 4, "k", "v4", "m4");
    assert_true(id0 != 0 && id4 != 0 && id0 >> 63 == 0);
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (int round = 0; round < 2; round++) { /* as it is, and after opening again */
        struct mr_decided last;
        OK(mr_checkpoint_last(checkpoint, &arena, &last, &error));
        assert_int_equal(last.batch, 4);
        assert_int_equal(last.decision_id, id4);
        assert_true(mr_str_equal(last.record, S("{\"batch\":4}")));
        struct mr_pending *pending;
        size_t count;
        OK(mr_checkpoint_pending(checkpoint, &arena, &pending, &count, &error));
        assert_int_equal(count, 2);
        assert_int_equal(pending[0].batch, 0);
        assert_int_equal(pending[0].predecessor.batch, -1);
        assert_int_equal(pending[0].predecessor.decision_id, 77);
        assert_true(mr_str_equal(pending[0].manifest, S("m0")));
        assert_int_equal(pending[1].batch, 4);
        assert_int_equal(pending[1].predecessor.batch, 0);
        assert_int_equal(pending[1].predecessor.decision_id, id0);
        assert_true(mr_str_equal(pending[1].sink, S("out")));
        struct mr_register expected;
        mr_checkpoint_register(checkpoint, S("out"), &expected);
        assert_true(expected.present);
        assert_int_equal(expected.batch, 4);
        assert_int_equal(expected.decision_id, id4);
        mr_checkpoint_close(checkpoint);
        checkpoint = open_it();
    }
    OK(mr_checkpoint_published(checkpoint, S("out"), 0, &error));
    struct mr_pending *pending;
    size_t count;
    OK(mr_checkpoint_pending(checkpoint, &arena, &pending, &count, &error));
    assert_int_equal(count, 1);
    assert_int_equal(pending[0].batch, 4);
    mr_checkpoint_close(checkpoint);
    mr_arena_release(&arena);
}

static void batches_only_go_forward(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    decide(checkpoint, 3, "k", "v", NULL);
    struct mr_decision *decision, *second;
    assert_int_equal(mr_decision_begin(checkpoint, 3, &decision, &error), MR_E_INTERNAL);
    OK(mr_decision_begin(checkpoint, 4, &decision, &error));
    assert_int_equal(mr_decision_begin(checkpoint, 5, &second, &error), MR_E_INTERNAL);
    mr_decision_put(decision, MR_FAMILY_STATE, S("k"), S("abandoned"));
    mr_decision_abandon(decision);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_str key = S("k"), value;
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, &key, 1, &arena, &value, &error));
    assert_true(mr_str_equal(value, S("v")));
    mr_arena_release(&arena);
    mr_checkpoint_close(checkpoint);
}

static void a_manifest_needs_an_enrolled_sink(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_decision *decision;
    OK(mr_decision_begin(checkpoint, 0, &decision, &error));
    mr_decision_manifest(decision, S("out"), S("m"));
    assert_int_equal(mr_decision_commit(decision, S("{}"), &error), MR_E_INTERNAL);
    assert_true(mr_checkpoint_is_new(checkpoint));
    mr_checkpoint_close(checkpoint);
}

static int count_keys(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *e)
{
    (void)value;
    (void)e;
    struct mr_text *seen = ctx;
    mr_text_append(seen, key.data, key.size);
    mr_text_append_char(seen, ' ');
    return seen->size > 9 ? MR_END : MR_OK;
}

static void state_is_read_by_key_by_range_and_by_cursor(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_decision *decision;
    OK(mr_decision_begin(checkpoint, 0, &decision, &error));
    const char *keys[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 6; i++)
        mr_decision_put(decision, MR_FAMILY_STATE, S(keys[i]), S(keys[5 - i]));
    mr_decision_put(decision, MR_FAMILY_SOURCES, S("b"), S(""));
    mr_decision_delete(decision, MR_FAMILY_STATE, S("b"));
    mr_decision_delete_range(decision, MR_FAMILY_STATE, S("d"), S("e"));
    mr_decision_delete_range(decision, MR_FAMILY_STATE, S("f"), S("a")); /* empty: ignored */
    assert_true(mr_decision_bytes(decision) > 12);
    OK(mr_decision_commit(decision, S("{}"), &error));
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_str wanted[] = {S("e"), S("b"), S("a"), S("zz"), S("d")}, values[5];
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, wanted, 5, &arena, values, &error));
    assert_true(mr_str_equal(values[0], S("b")));
    assert_null(values[1].data);
    assert_true(mr_str_equal(values[2], S("f")));
    assert_null(values[3].data);
    assert_null(values[4].data);
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_SOURCES, wanted + 1, 1, &arena, values, &error));
    assert_non_null(values[0].data);
    assert_int_equal(values[0].size, 0);
    struct mr_text seen;
    mr_text_init(&seen);
    OK(mr_checkpoint_scan(checkpoint, MR_FAMILY_STATE, S("b"), S(""), count_keys, &seen, &error));
    assert_string_equal(seen.data, "c e f ");
    struct mr_state_cursor *cursor;
    OK(mr_state_cursor_open(checkpoint, MR_FAMILY_STATE, S(""), S("f"), &cursor, &error));
    struct mr_str key, value;
    mr_text_clear(&seen);
    while (mr_state_cursor_next(cursor, &key, &value)) {
        mr_text_append(&seen, key.data, key.size);
        mr_text_append(&seen, value.data, value.size);
    }
    assert_false(mr_state_cursor_next(cursor, &key, &value));
    OK(mr_state_cursor_close(cursor, &error));
    assert_string_equal(seen.data, "afcdeb");
    mr_text_release(&seen);
    mr_arena_release(&arena);
    mr_checkpoint_close(checkpoint);
}

static void many_keys_are_read_in_pieces(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_decision *decision;
    OK(mr_decision_begin(checkpoint, 0, &decision, &error));
    static char keys[COUNT][12];
    static struct mr_str slices[COUNT], values[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "%06d", i);
        slices[i] = S(keys[i]);
        if (i % 3 == 0)
            mr_decision_put(decision, MR_FAMILY_STATE, slices[i], slices[i]);
    }
    OK(mr_decision_commit(decision, S("{}"), &error));
    struct mr_arena arena;
    mr_arena_init(&arena);
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, slices, COUNT, &arena, values, &error));
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0)
            assert_true(mr_str_equal(values[i], slices[i]));
        else
            assert_null(values[i].data);
    }
    mr_arena_release(&arena);
    mr_checkpoint_close(checkpoint);
}

static void only_one_opens_it(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it(), *second;
    struct mr_checkpoint_options options = {.path = path};
    assert_int_equal(mr_checkpoint_open(&second, &options, &error), MR_E_CONFLICT);
    assert_string_equal(error.condition, "CHECKPOINT_LOCKED");
    /* A reader may look meanwhile, and sees what is decided. */
    decide(checkpoint, 0, "k", "v", "m");
    options.read_only = true;
    OK(mr_checkpoint_open(&second, &options, &error));
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_decided last;
    OK(mr_checkpoint_last(second, &arena, &last, &error));
    assert_int_equal(last.batch, 0);
    struct mr_decision *decision;
    assert_int_equal(mr_decision_begin(second, 1, &decision, &error), MR_E_USAGE);
    mr_checkpoint_close(second);
    /* The reader's close must not have let go of the lock: another process is refused. */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        options.read_only = false;
        int status = mr_checkpoint_open(&second, &options, &error);
        _exit(status == MR_E_CONFLICT ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    mr_checkpoint_close(checkpoint);
    mr_checkpoint_close(open_it());
    mr_arena_release(&arena);
}

static void a_killed_process_leaves_what_it_decided(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct mr_checkpoint *checkpoint = open_it();
        decide(checkpoint, 0, "k", "v", "m");
        struct mr_decision *decision;
        OK(mr_decision_begin(checkpoint, 1, &decision, &error));
        mr_decision_put(decision, MR_FAMILY_STATE, S("k"), S("undecided"));
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_decided last;
    OK(mr_checkpoint_last(checkpoint, &arena, &last, &error));
    assert_int_equal(last.batch, 0);
    struct mr_str key = S("k"), value;
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, &key, 1, &arena, &value, &error));
    assert_true(mr_str_equal(value, S("v")));
    mr_arena_release(&arena);
    mr_checkpoint_close(checkpoint);
}

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    char inner[160];
    snprintf(inner, sizeof inner, "%s/offsets", path);
    OK(mr_directory_create(inner, &error));
    struct mr_checkpoint *checkpoint;
    struct mr_checkpoint_options options = {.path = path};
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Spark"));
    OK(mr_directory_remove(inner, &error));
    snprintf(inner, sizeof inner, "%s/millrace.lock", path);
    OK(mr_file_replace(inner, "millrace checkpoint 2\n", 22, &error));
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_UNSUPPORTED);
    assert_string_equal(error.condition, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_VERSION");
    OK(mr_file_replace(inner, "something else\n", 15, &error));
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
    options.read_only = true;
    options.path = "/tmp/no/such/checkpoint";
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_USAGE);
}

/* The database of a closed checkpoint, without what the product adds to it. */
struct raw {
    rocksdb_options_t *options;
    rocksdb_column_family_handle_t *families[3];
    rocksdb_t *db;
};

static struct raw raw_open(const char *folder)
{
    char database[160], *message = NULL;
    snprintf(database, sizeof database, "%s%s", folder, folder == path ? "/rocksdb" : "");
    const char *names[] = {"default", "state", "sources"};
    struct raw raw = {.options = rocksdb_options_create()};
    rocksdb_options_set_disable_auto_compactions(raw.options, 1);
    const rocksdb_options_t *all[] = {raw.options, raw.options, raw.options};
    raw.db = rocksdb_open_column_families(raw.options, database, 3, names, all, raw.families, &message);
    assert_null(message);
    return raw;
}

static void raw_close(struct raw *raw)
{
    for (int i = 0; i < 3; i++)
        rocksdb_column_family_handle_destroy(raw->families[i]);
    rocksdb_close(raw->db);
    rocksdb_options_destroy(raw->options);
}

/* Puts a raw value into the database of a closed checkpoint. */
static void put_raw(const char *key, const char *value, size_t size)
{
    struct raw raw = raw_open(path);
    char *message = NULL;
    rocksdb_writeoptions_t *writing = rocksdb_writeoptions_create();
    rocksdb_put_cf(raw.db, writing, raw.families[strlen(key) == 1 ? 1 : 0], key, strlen(key), value, size,
                   &message);
    assert_null(message);
    rocksdb_writeoptions_destroy(writing);
    raw_close(&raw);
}

static void newer_and_damaged_values_are_told_apart(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    decide(checkpoint, 0, "k", "v", NULL);
    mr_checkpoint_close(checkpoint);
    put_raw("k", "S\2new", 5);
    put_raw("l", "Zv", 2);
    checkpoint = open_it();
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_str key = S("k"), value, v;
    assert_int_equal(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, &key, 1, &arena, &value, &error),
                     MR_E_UNSUPPORTED);
    key = S("l");
    assert_int_equal(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, &key, 1, &arena, &value, &error),
                     MR_E_CORRUPT);
    struct mr_state_cursor *cursor;
    OK(mr_state_cursor_open(checkpoint, MR_FAMILY_STATE, S("l"), S(""), &cursor, &error));
    assert_false(mr_state_cursor_next(cursor, &key, &v));
    assert_int_equal(mr_state_cursor_close(cursor, &error), MR_E_CORRUPT);
    mr_checkpoint_close(checkpoint);
    put_raw("last", "L\1", 2);
    struct mr_checkpoint_options options = {.path = path};
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
    mr_arena_release(&arena);
}

static void a_lost_query_id_is_damage(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    decide(checkpoint, 0, "k", "v", NULL);
    mr_checkpoint_close(checkpoint);
    put_raw("query", "Q\1short", 7);
    struct mr_checkpoint_options options = {.path = path};
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
    assert_string_equal(error.condition, "STREAMING_CHECKPOINT_MISSING_METADATA_FILE");
}

/* The closed checkpoint's MANIFEST with these bytes instead of what stood from `at` on (-1: behind all). */
static void rewrite_manifest(int64_t at, const void *bytes, size_t size)
{
    char name[192];
    struct mr_text text;
    mr_text_init(&text);
    snprintf(name, sizeof name, "%s/rocksdb/CURRENT", path);
    OK(mr_file_read_all(name, &text, &error));
    snprintf(name, sizeof name, "%s/rocksdb/%.*s", path, (int)text.size - 1, text.data);
    mr_text_release(&text);
    mr_text_init(&text);
    OK(mr_file_read_all(name, &text, &error));
    if (at < 0)
        mr_text_append(&text, bytes, size);
    else
        memcpy(text.data + at, bytes, size);
    OK(mr_file_replace(name, text.data, text.size, &error));
    mr_text_release(&text);
}

/* As RocksDB begins a record of 1,200 bytes: a checksum (a wrong one), the size, "whole". */
static size_t make_record(char *out, size_t arrived)
{
    static const char head[] = {1, 2, 3, 4, (char)(1200 & 255), 1200 >> 8, 1};
    memset(out, 0, 1207);
    memset(out, 'x', arrived);
    memcpy(out, head, sizeof head);
    return 1207;
}

static void a_torn_manifest_loses_what_was_not_synced(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_checkpoint_options options = {.path = path};
    struct mr_arena arena;
    struct mr_str key = S("k"), value;
    char record[1300];
    decide(checkpoint, 0, "k", "v", NULL);
    mr_checkpoint_close(checkpoint);
    rewrite_manifest(-1, record, make_record(record, 40));
    options.read_only = true; /* who only reads mends nothing */
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
    options.read_only = false;
    checkpoint = open_it();
    mr_arena_init(&arena);
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, &key, 1, &arena, &value, &error));
    assert_true(mr_str_equal(value, S("v")));
    mr_arena_release(&arena);
    mr_checkpoint_close(checkpoint);
    /* All sectors are there: other damage. */
    rewrite_manifest(-1, record, make_record(record, 1207));
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
}

/* Records behind the damaged one were written, and may have been synced. */
static void a_damaged_manifest_is_no_torn_one(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_checkpoint_options options = {.path = path};
    static const char zeros[20];
    decide(checkpoint, 0, "k", "v", NULL);
    mr_checkpoint_close(checkpoint);
    rewrite_manifest(8, zeros, sizeof zeros);
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_CORRUPT);
}

static void set_aside_takes_what_stands_behind_with_it(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    uint64_t id0 = decide(checkpoint, 0, "k", "v", "m0");
    OK(mr_checkpoint_published(checkpoint, S("out"), 0, &error));
    decide(checkpoint, 1, "k", "v", "m1");
    decide(checkpoint, 2, "k", "v", "m2");
    assert_int_equal(mr_checkpoint_set_aside(checkpoint, S("out"), 0, &error), MR_E_USAGE);
    OK(mr_checkpoint_set_aside(checkpoint, S("out"), 1, &error));
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (int round = 0; round < 2; round++) {
        struct mr_pending *items;
        size_t count;
        OK(mr_checkpoint_pending(checkpoint, &arena, &items, &count, &error));
        assert_int_equal(count, 0);
        OK(mr_checkpoint_aside(checkpoint, &arena, &items, &count, &error));
        assert_int_equal(count, 2);
        assert_true(mr_str_equal(items[1].manifest, S("m2")));
        struct mr_register expected;
        mr_checkpoint_register(checkpoint, S("out"), &expected);
        assert_int_equal(expected.batch, 0);
        assert_int_equal(expected.decision_id, id0);
        mr_checkpoint_close(checkpoint);
        checkpoint = open_it();
    }
    mr_checkpoint_close(checkpoint);
    mr_arena_release(&arena);
}

static void a_refresh_forgets_and_is_remembered_until_decided(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    char id[37];
    memcpy(id, mr_checkpoint_query_id(checkpoint)->text, sizeof id);
    decide(checkpoint, 0, "k", "v", "m");
    assert_false(mr_checkpoint_refreshing(checkpoint));
    mr_checkpoint_close(checkpoint);
    OK(mr_checkpoint_open(&checkpoint, &(struct mr_checkpoint_options){.path = path, .refresh = true},
                          &error));
    assert_true(mr_checkpoint_is_new(checkpoint));
    assert_true(mr_checkpoint_refreshing(checkpoint));
    assert_string_not_equal(mr_checkpoint_query_id(checkpoint)->text, id);
    memcpy(id, mr_checkpoint_query_id(checkpoint)->text, sizeof id);
    mr_checkpoint_close(checkpoint);
    checkpoint = open_it(); /* as after a crash: it has not been asked for this time */
    assert_true(mr_checkpoint_refreshing(checkpoint));
    assert_string_equal(mr_checkpoint_query_id(checkpoint)->text, id);
    decide(checkpoint, 0, "k", "v", "m");
    assert_false(mr_checkpoint_refreshing(checkpoint));
    mr_checkpoint_close(checkpoint);
    checkpoint = open_it();
    assert_false(mr_checkpoint_refreshing(checkpoint));
    assert_false(mr_checkpoint_is_new(checkpoint));
    mr_checkpoint_close(checkpoint);
}

static void a_refresh_killed_half_way_is_finished(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    decide(checkpoint, 5, "k", "v", NULL);
    mr_checkpoint_close(checkpoint);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) { /* a process of its own: kill points are read once */
        setenv("MILLRACE_KILLPOINT", "refresh.discarded", 1);
        execl("/proc/self/exe", "refresh", path, (char *)NULL);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    checkpoint = open_it();
    assert_true(mr_checkpoint_is_new(checkpoint));
    assert_true(mr_checkpoint_refreshing(checkpoint));
    mr_checkpoint_close(checkpoint);
}

static void retained_copies_are_kept_in_number_and_not_opened(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint;
    struct mr_checkpoint_options options = {.path = path, .retain_every = 2, .retain_count = 2};
    OK(mr_checkpoint_open(&checkpoint, &options, &error));
    int64_t oldest;
    OK(mr_checkpoint_oldest_retained(checkpoint, &oldest, &error));
    assert_int_equal(oldest, -1);
    for (int batch = 0; batch < 9; batch++) {
        decide(checkpoint, batch, "k", "v", NULL);
        OK(mr_checkpoint_retain(checkpoint, batch, &error));
    }
    OK(mr_checkpoint_oldest_retained(checkpoint, &oldest, &error));
    assert_int_equal(oldest, 6);
    mr_checkpoint_close(checkpoint);
    char copy[160];
    snprintf(copy, sizeof copy, "%s/retained/8", path);
    options.path = copy;
    assert_int_equal(mr_checkpoint_open(&checkpoint, &options, &error), MR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "replay"));
}

/* ---- expiry ---- */

/* Decides `batch`: 100 entries of each state id given, key <id><i>, expiry first + i. */
static struct mr_decision *put_expiring(struct mr_checkpoint *checkpoint, int64_t batch, int ids,
                                        int64_t first)
{
    struct mr_decision *decision;
    OK(mr_decision_begin(checkpoint, batch, &decision, &error));
    for (int id = 0; id < ids; id++) {
        for (int i = 0; i < 100; i++) {
            char key[3] = {0, (char)id, (char)i}, value[12] = {1};
            int64_t expiry_us = i == 99 ? INT64_MAX : first + i;
            memcpy(value + 1, &expiry_us, 8);
            mr_decision_put(decision, MR_FAMILY_STATE, (struct mr_str){key, 3}, (struct mr_str){value, 12});
        }
        char key[3] = {0, (char)id, (char)200}; /* too short to have an expiry */
        mr_decision_put(decision, MR_FAMILY_STATE, (struct mr_str){key, 3}, (struct mr_str){"\1short", 6});
    }
    return decision;
}

/* Entries physically there, per state id; smallest: the lowest third byte seen. */
static void count_raw(const char *folder, int counts[3], int smallest[3])
{
    struct raw raw = raw_open(folder);
    rocksdb_readoptions_t *reading = rocksdb_readoptions_create();
    rocksdb_iterator_t *at = rocksdb_create_iterator_cf(raw.db, reading, raw.families[1]);
    for (int id = 0; id < 3; id++)
        counts[id] = 0, smallest[id] = 256;
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
        size_t size;
        const char *key = rocksdb_iter_key(at, &size);
        counts[(int)key[1]]++;
        if ((uint8_t)key[2] < smallest[(int)key[1]])
            smallest[(int)key[1]] = (uint8_t)key[2];
    }
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(reading);
    raw_close(&raw);
}

static void compaction_drops_what_is_expired_and_nothing_else(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint;
    struct mr_checkpoint_options options = {.path = path, .retain_every = 1};
    OK(mr_checkpoint_open(&checkpoint, &options, &error));
    struct mr_decision *decision = put_expiring(checkpoint, 1, 3, 0);
    OK(mr_decision_commit(decision, S("{}"), &error));
    OK(mr_checkpoint_retain(checkpoint, 1, &error));
    /* What is not decided, or abandoned, expires nothing. */
    OK(mr_decision_begin(checkpoint, 2, &decision, &error));
    mr_decision_expire(decision, 1, 90);
    OK(mr_checkpoint_compact(checkpoint, &error));
    mr_decision_abandon(decision);
    OK(mr_checkpoint_compact(checkpoint, &error));
    OK(mr_decision_begin(checkpoint, 2, &decision, &error));
    mr_decision_expire(decision, 1, 20);
    mr_decision_expire(decision, 1, 39); /* the highest counts */
    mr_decision_expire(decision, 1, 5);
    OK(mr_decision_commit(decision, S("{}"), &error));
    OK(mr_checkpoint_compact(checkpoint, &error));
    mr_checkpoint_close(checkpoint);
    int counts[3], smallest[3];
    count_raw(path, counts, smallest);
    assert_int_equal(counts[0], 101);
    assert_int_equal(counts[2], 101);
    assert_int_equal(counts[1], 101 - 40);
    assert_int_equal(smallest[1], 40);
    char retained[160];
    snprintf(retained, sizeof retained, "%s/retained/1", path);
    count_raw(retained, counts, smallest);
    assert_int_equal(counts[1], 101);
    /* The threshold is kept; a lower one later changes nothing, a higher one counts. */
    checkpoint = open_it();
    decision = put_expiring(checkpoint, 3, 3, 10); /* written again, with a later expiry: 10 … */
    mr_decision_expire(decision, 1, 7);
    OK(mr_decision_commit(decision, S("{}"), &error));
    OK(mr_checkpoint_compact(checkpoint, &error));
    mr_checkpoint_close(checkpoint);
    count_raw(path, counts, smallest);
    assert_int_equal(counts[1], 101 - 30);
    assert_int_equal(smallest[1], 30);
}

/* An expired newest version must not uncover an older one that lies in a lower level. */
static void what_compaction_drops_uncovers_nothing(void **state)
{
    (void)state;
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_decision *decision = put_expiring(checkpoint, 0, 2, 1000);
    OK(mr_decision_commit(decision, S("{}"), &error));
    OK(mr_checkpoint_compact(checkpoint, &error));
    decision = put_expiring(checkpoint, 1, 2, 0); /* shortens their life */
    mr_decision_expire(decision, 1, 500);
    OK(mr_decision_commit(decision, S("{}"), &error));
    OK(mr_checkpoint_compact(checkpoint, &error));
    mr_checkpoint_close(checkpoint);
    int counts[3], smallest[3];
    count_raw(path, counts, smallest);
    assert_int_equal(counts[1], 2); /* the one that never expires, the short one */
    assert_int_equal(counts[0], 101);
}

/* Killed after the write and before memory knew of it: the next start does. */
static void a_threshold_survives_a_kill(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("MILLRACE_KILLPOINT", "decide.after", 1);
        execl("/proc/self/exe", "expire", path, "expire", (char *)NULL);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    struct mr_checkpoint *checkpoint = open_it();
    assert_false(mr_checkpoint_is_new(checkpoint));
    OK(mr_checkpoint_compact(checkpoint, &error));
    mr_checkpoint_close(checkpoint);
    int counts[3], smallest[3];
    count_raw(path, counts, smallest);
    assert_int_equal(counts[0], 101);
    assert_int_equal(counts[1], 101 - 51);
    assert_int_equal(smallest[1], 51);
}

/* A write that fails part way (file size limit) poisons the checkpoint; a new start finds the last decision.
 */
static void a_failed_decision_is_fatal_and_ambiguous(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct mr_checkpoint *checkpoint = open_it();
        decide(checkpoint, 0, "k", "v", "m");
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {4096, 4096};
        setrlimit(RLIMIT_FSIZE, &limit);
        struct mr_decision *decision;
        OK(mr_decision_begin(checkpoint, 1, &decision, &error));
        static char big[100000];
        memset(big, 'x', sizeof big);
        mr_decision_put(decision, MR_FAMILY_STATE, S("k"), (struct mr_str){big, sizeof big});
        int status = mr_decision_commit(decision, S("{}"), &error);
        bool good = status == MR_E_IO && (error.flags & MR_FATAL) && (error.flags & MR_AMBIGUOUS) &&
                    !(error.flags & MR_RETRIABLE);
        good = good && mr_decision_begin(checkpoint, 1, &decision, &error) == MR_E_IO &&
               (error.flags & MR_FATAL);
        good = good && mr_checkpoint_published(checkpoint, S("out"), 0, &error) < 0;
        _exit(good ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    struct mr_checkpoint *checkpoint = open_it();
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_decided last;
    OK(mr_checkpoint_last(checkpoint, &arena, &last, &error));
    assert_int_equal(last.batch, 0);
    struct mr_str key = S("k"), value;
    OK(mr_checkpoint_get_many(checkpoint, MR_FAMILY_STATE, &key, 1, &arena, &value, &error));
    assert_true(mr_str_equal(value, S("v")));
    mr_arena_release(&arena);
    mr_checkpoint_close(checkpoint);
}

static void opening_is_fast(void **state)
{
    (void)state;
    int64_t begin = mr_env()->monotonic_us();
    struct mr_checkpoint *checkpoint = open_it();
    int64_t opened = mr_env()->monotonic_us();
    decide(checkpoint, 0, "k", "v", "m");
    int64_t decided = mr_env()->monotonic_us();
    mr_checkpoint_close(checkpoint);
    print_message("open %lld us, decide %lld us\n", (long long)(opened - begin),
                  (long long)(decided - opened));
    assert_true(opened - begin < 10000000); /* a bound for a busy machine; bench/ measures */
}

int main(int count, char **arguments)
{
    if (count == 3) { /* the killed half of a test above */
        struct mr_checkpoint *checkpoint;
        mr_checkpoint_open(&checkpoint, &(struct mr_checkpoint_options){.path = arguments[1]}, &error);
        struct mr_decision *decision = put_expiring(checkpoint, 0, 2, 0);
        mr_decision_expire(decision, 1, 50);
        mr_decision_commit(decision, S("{}"), &error);
        return 0;
    }
    if (count == 2) { /* of another */
        struct mr_checkpoint *checkpoint;
        mr_checkpoint_open(&checkpoint,
                           &(struct mr_checkpoint_options){.path = arguments[1], .refresh = true}, &error);
        return 0;
    }
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_new_checkpoint_has_an_id_and_nothing_else),
        T(a_decision_survives_and_chains_registers),
        T(batches_only_go_forward),
        T(a_manifest_needs_an_enrolled_sink),
        T(state_is_read_by_key_by_range_and_by_cursor),
        T(many_keys_are_read_in_pieces),
        T(only_one_opens_it),
        T(a_killed_process_leaves_what_it_decided),
        T(what_is_not_ours_is_refused),
        T(newer_and_damaged_values_are_told_apart),
        T(a_lost_query_id_is_damage),
        T(a_torn_manifest_loses_what_was_not_synced),
        T(a_damaged_manifest_is_no_torn_one),
        T(set_aside_takes_what_stands_behind_with_it),
        T(a_refresh_forgets_and_is_remembered_until_decided),
        T(a_refresh_killed_half_way_is_finished),
        T(retained_copies_are_kept_in_number_and_not_opened),
        T(compaction_drops_what_is_expired_and_nothing_else),
        T(what_compaction_drops_uncovers_nothing),
        T(a_threshold_survives_a_kill),
        T(a_failed_decision_is_fatal_and_ambiguous),
        T(opening_is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
