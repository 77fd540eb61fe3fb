/* The Delta source: initial snapshot, version by version, limits, restarts at every offset, and what it must
 * refuse. */
#include "sources/delta.h"
#include "tests/delta/sink_test_util.h"

struct tap { /* one source driven by hand */
    struct mr_source source;
    struct mr_option options[8];
    struct mr_arena arena; /* of a micro-batch */
    struct mr_text at;
    int64_t rows, sum;
};

static void tap_init(struct tap *tap, const char *path)
{
    memset(tap, 0, sizeof(*tap));
    mr_arena_init(&tap->arena);
    mr_arena_init(&tap->source.arena);
    mr_text_init(&tap->at);
    tap->options[0] = (struct mr_option){"path", path};
    tap->source.type = &mr_delta_source_type;
    tap->source.name = "in";
    tap->source.checkpoint =
        (struct mr_checkpoint *)tap; /* there is one, so this is a stream; never looked into */
    tap->source.options = tap->options;
    tap->source.option_count = 1;
}

static void tap_option(struct tap *tap, const char *name, const char *value)
{
    tap->options[tap->source.option_count++] = (struct mr_option){name, value};
}

static void tap_open(struct tap *tap)
{
    OK(tap->source.type->open(&tap->source, &error));
    OK(tap->source.type->restore(&tap->source, mr_text_str(&tap->at), &error));
}

static void tap_close(struct tap *tap, bool forget)
{
    if (tap->source.ctx)
        tap->source.type->close(&tap->source);
    mr_arena_release(&tap->source.arena);
    mr_arena_init(&tap->source.arena);
    if (forget) {
        mr_arena_release(&tap->source.arena);
        mr_arena_release(&tap->arena);
        mr_text_release(&tap->at);
    }
}

static void read_split(struct tap *tap, const struct mr_split *split)
{
    struct mr_reader reader = {0};
    struct mr_batch batch = {0};
    int id = mr_type_field(tap->source.schema, MR_STR("id"), false, NULL);
    OK(tap->source.type->reader_open(&tap->source, split, &reader, &error));
    while (OK(tap->source.type->read(&tap->source, &reader, &batch, &error)) == MR_OK) {
        tap->rows += batch.length;
        for (int64_t row = 0; row < batch.length; row++)
            tap->sum +=
                id >= 0 && !mr_column_is_null(batch.columns[id], row) ? batch.columns[id]->i64[row] : 0;
        mr_batch_release(&batch);
    }
    tap->source.type->reader_close(&tap->source, &reader);
}

/* One micro-batch; returns its splits, 0: nothing new, -1: error. taken_most: cut after so many splits, 0:
 * all. */
static int tap_step(struct tap *tap, size_t taken_most)
{
    struct mr_text to;
    struct mr_split_list splits = {.arena = &tap->arena};
    mr_text_init(&to);
    mr_arena_clear(&tap->arena);
    mr_error_clear(&error);
    if (tap->source.type->latest(&tap->source, mr_text_str(&tap->at), &to, &error) < 0) {
        mr_text_release(&to);
        return -1;
    }
    bool moved = !mr_str_equal(mr_text_str(&to), mr_text_str(&tap->at));
    if (moved)
        OK(tap->source.type->split(&tap->source, mr_text_str(&tap->at), mr_text_str(&to), &splits, &error));
    size_t taken = taken_most > 0 && splits.count > taken_most ? taken_most : splits.count;
    for (size_t i = 0; i < taken; i++)
        read_split(tap, &splits.splits[i]);
    if (taken < splits.count) {
        struct mr_text shorter;
        mr_text_init(&shorter);
        OK(tap->source.type->cut(&tap->source, mr_text_str(&tap->at), mr_text_str(&to), &splits, taken,
                                 &shorter, &error));
        mr_text_release(&to);
        to = shorter;
    }
    mr_text_release(&tap->at);
    tap->at = to;
    return moved ? (int)taken : 0;
}

static int tap_all(struct tap *tap)
{
    int steps = 0, got = 0;
    for (got = tap_step(tap, 0); got > 0; got = tap_step(tap, 0))
        steps++;
    return got < 0 ? -1 : steps;
}

static void upstream(struct rig *rig, const char *root)
{
    rig_init(rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(rig);
}

static void test_follow(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    rig_batch(&rig, 10, 10);
    tap_init(&tap, root);
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 2); /* the snapshot at version 2 */
    assert_non_null(strstr(tap.at.data, "\"reservoirVersion\":3,\"index\":-1,\"isStartingVersion\":false"));
    assert_int_equal(tap_step(&tap, 0), 0);
    rig_batch(&rig, 20, 5);
    assert_int_equal(tap_step(&tap, 0), 1);
    rig_batch(&rig, 25, 5);
    rig_batch(&rig, 30, 5);
    assert_int_equal(tap_step(&tap, 0), 2);
    assert_int_equal(tap.rows, 35);
    assert_int_equal(tap.sum, 34 * 35 / 2);
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

/* Stopped and started again after every micro-batch of one file: each row once. */
static void test_restart_everywhere(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    for (int i = 0; i < 5; i++)
        rig_batch(&rig, i * 10, 10);
    tap_init(&tap, root);
    tap_option(&tap, "maxFilesPerTrigger", "1");
    int written = 5;
    for (int i = 0; i < 12; i++) {
        tap_open(&tap);
        int got = tap_step(&tap, 0);
        assert_int_equal(got, i < written ? 1 : 0);
        if (i == 2) { /* in the middle of the initial snapshot: new commits do not change it */
            rig_batch(&rig, 50, 10);
            rig_batch(&rig, 60, 10);
            written += 2;
        }
        tap_close(&tap, false);
    }
    assert_int_equal(tap.rows, 70);
    assert_int_equal(tap.sum, 69 * 70 / 2);
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_limits_and_cut(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    for (int i = 0; i < 6; i++)
        rig_batch(&rig, i * 10, 10);
    tap_init(&tap, root);
    tap_option(&tap, "maxFilesPerTrigger", "4");
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 4);
    assert_int_equal(tap.source.metrics.backlog_files, 2);
    assert_int_equal(tap_step(&tap, 0), 2);
    tap_close(&tap, true);
    tap_init(&tap, root);
    tap_option(&tap, "maxBytesPerTrigger", "1");
    tap_open(&tap);
    assert_int_equal(tap_all(&tap), 6);
    tap_close(&tap, true);
    tap_init(&tap, root);
    tap_open(&tap);
    for (int i = 0; i < 6; i++)
        assert_int_equal(tap_step(&tap, 1), 1); /* the runtime ended each micro-batch after one split */
    assert_int_equal(tap_step(&tap, 1), 0);
    assert_int_equal(tap.rows, 60);
    assert_int_equal(tap.sum, 59 * 60 / 2);
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_available_now(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    tap_init(&tap, root);
    tap.source.available_now = true;
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 1);
    rig_batch(&rig, 10, 10); /* too late for this run */
    assert_int_equal(tap_step(&tap, 0), 0);
    tap_close(&tap, false);
    tap_open(&tap);
    assert_int_equal(tap_all(&tap), 1);
    assert_int_equal(tap.rows, 20);
    tap_close(&tap, true);
    tap_init(&tap, root);
    tap_option(&tap, "versionAsOf", "1");
    tap_open(&tap);
    assert_int_equal(tap_all(&tap), 1);
    assert_int_equal(tap.rows, 10);
    tap_close(&tap, true);
    tap_init(&tap, root);
    tap_option(&tap, "startingVersion", "2");
    tap_open(&tap);
    assert_int_equal(tap_all(&tap), 1);
    assert_int_equal(tap.sum, 145);
    tap_close(&tap, true);
    tap_init(&tap, root);
    tap_option(&tap, "startingVersion", "latest");
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 0);
    assert_true(tap.at.size > 0); /* "latest" is settled from here on */
    rig_batch(&rig, 20, 7);
    tap_close(&tap, false);
    tap_open(&tap);
    assert_int_equal(tap_all(&tap), 1);
    assert_int_equal(tap.rows, 7);
    tap_close(&tap, true);
    tap_init(&tap, root);
    tap_option(&tap, "startingVersion", "99");
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), -1);
    assert_string_equal(error.condition, "DELTA_VERSION_NOT_FOUND");
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

/* A query without a checkpoint reads the table as it is, whole, whatever the limits. */
static void test_batch(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    for (int i = 0; i < 5; i++)
        rig_batch(&rig, i * 10, 10);
    tap_init(&tap, root);
    tap.source.checkpoint = NULL;
    tap.source.available_now = true;
    tap_option(&tap, "maxFilesPerTrigger", "1");
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 5);
    assert_int_equal(tap_step(&tap, 0), 0);
    assert_int_equal(tap.rows, 50);
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_waits_for_the_table(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    const struct mr_type *declared = NULL;
    struct mr_arena arena;
    mr_arena_init(&arena);
    tap_init(&tap, root);
    assert_int_equal(tap.source.type->open(&tap.source, &error), MR_E_USAGE);
    assert_string_equal(error.condition, "DELTA_PATH_DOES_NOT_EXIST");
    tap_close(&tap, true);
    OK(mr_schema_parse(&arena, MR_STR("id BIGINT, more STRING"), &declared, &error));
    tap_init(&tap, root);
    tap.source.declared_schema = declared;
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 0);
    upstream(&rig, root);
    assert_int_equal(tap_step(&tap, 0), 0); /* there, and empty */
    assert_int_equal(tap.at.size, 0);
    rig_batch(&rig, 0, 10);
    assert_int_equal(tap_step(&tap, 0), 1);
    assert_int_equal(tap.rows, 10); /* "more" is not in the table: NULL */
    tap_close(&tap, true);
    rig_stop(&rig);
    OK(mr_schema_parse(&arena, MR_STR("id STRING"), &declared, &error));
    tap_init(&tap, root);
    tap.source.declared_schema = declared;
    assert_int_equal(tap.source.type->open(&tap.source, &error), MR_E_SQL);
    tap_close(&tap, true);
    mr_arena_release(&arena);
    scratch_remove(root);
}

static void remove_version(const char *root, int64_t version)
{
    char name[64], path[400];
    mr_delta_commit_name(version, name);
    snprintf(path, sizeof(path), "%s/%s", root, name);
    assert_int_equal(unlink(path), 0);
}

/* A commit, or wake from another thread, ends the wait; nothing else does for long. */
static void test_wait(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    tap_init(&tap, root);
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 1);
    int64_t started = mr_env()->monotonic_us();
    tap.source.type->wait(&tap.source, started + 1000); /* puts the watch in place */
    tap.source.type->wait(&tap.source, mr_env()->monotonic_us() + 50000);
    assert_true(mr_env()->monotonic_us() - started < 5000000);
    tap.source.type->wake(&tap.source); /* before the wait: not lost */
    tap.source.type->wait(&tap.source, mr_env()->monotonic_us() + 60000000);
    rig_batch(&rig, 10, 10);
    tap.source.type->wait(&tap.source, mr_env()->monotonic_us() + 60000000);
    assert_true(mr_env()->monotonic_us() - started < 20000000);
    assert_int_equal(tap_step(&tap, 0), 1);
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

/* Between planning and reading nothing may vanish; a version that vanished is never skipped. */
static void test_vanished(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    tap_init(&tap, root);
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 1);
    rig_batch(&rig, 10, 10);
    rig_batch(&rig, 20, 10);
    rig_batch(&rig, 30, 10);
    remove_version(root, 2);
    assert_int_equal(tap_step(&tap, 0), -1);
    assert_string_equal(error.condition, "DELTA_MISSING_FILES_UNEXPECTED_VERSION");
    tap_close(&tap, false);
    remove_version(root, 3);
    mr_error_clear(&error);
    assert_true(tap.source.type->open(&tap.source, &error) < 0); /* the table itself is damaged now */
    tap_close(&tap, false);
    remove_version(root, 4);
    remove_version(root, 1);
    tap_open(&tap); /* an old copy of the table: version 0 only, and we have read version 1 */
    assert_int_equal(tap_step(&tap, 0), -1);
    assert_string_equal(error.condition, "DELTA_STREAMING_TRAILING_COMMIT_MISSING");
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_other_table(void **state)
{
    (void)state;
    char *root = scratch_new(), path[300];
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    tap_init(&tap, root);
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 1);
    tap_close(&tap, false);
    rig_stop(&rig);
    snprintf(path, sizeof(path), "%s/_delta_log", root);
    OK(mr_directory_remove(path, &error));
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 8);
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    OK(tap.source.type->open(&tap.source, &error));
    assert_int_equal(tap.source.type->restore(&tap.source, mr_text_str(&tap.at), &error), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE");
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

static void commit_text(const char *root, int64_t version, const char *text)
{
    char name[64];
    mr_delta_commit_name(version, name);
    write_text(root, name, text);
}

#define REMOVE(change)                                                                                       \
    "{\"remove\":{\"path\":\"gone.parquet\",\"deletionTimestamp\":1,\"dataChange\":" change "}}\n"
#define ADD(change)                                                                                          \
    "{\"add\":{\"path\":\"new.parquet\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,"           \
    "\"dataChange\":" change "}}\n"

static void check_changes(const char *root, const char *text, const char *option, const char *condition,
                          int64_t files)
{
    struct tap tap;
    struct mr_text to;
    mr_text_init(&to);
    commit_text(root, 2, text);
    tap_init(&tap, root);
    tap_option(&tap, "startingVersion", "2");
    if (option)
        tap_option(&tap, option, "true");
    tap_open(&tap);
    mr_error_clear(&error);
    int status = tap.source.type->latest(&tap.source, (struct mr_str){0}, &to, &error);
    assert_string_equal(error.condition, condition ? condition : "");
    assert_int_equal(status, condition ? MR_E_PROTOCOL : MR_OK);
    struct mr_delta_source *s = tap.source.ctx;
    if (!condition)
        assert_int_equal(s->count - s->head, files);
    mr_text_release(&to);
    tap_close(&tap, true);
}

static void test_changes(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    rig_stop(&rig);
    check_changes(root, REMOVE("false") ADD("false"), NULL, NULL, 0); /* a compaction */
    check_changes(root, REMOVE("true"), NULL, "DELTA_SOURCE_IGNORE_DELETE", 0);
    assert_string_equal(error.sqlstate, "0A000");
    check_changes(root, REMOVE("true"), "ignoreDeletes", NULL, 0);
    check_changes(root, REMOVE("true") ADD("true"), NULL, "DELTA_SOURCE_TABLE_IGNORE_CHANGES", 0);
    check_changes(root, REMOVE("true") ADD("true"), "ignoreDeletes", "DELTA_SOURCE_TABLE_IGNORE_CHANGES", 0);
    check_changes(root, REMOVE("true") ADD("true"), "ignoreChanges", NULL, 1);
    check_changes(root, REMOVE("true") ADD("true"), "skipChangeCommits", NULL, 0);
    check_changes(root, ADD("true") ADD("true"), "skipChangeCommits", NULL, 2);
    scratch_remove(root);
}

static void test_schema_grows(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    rig_stop(&rig);
    tap_init(&tap, root);
    tap_open(&tap);
    assert_int_equal(tap_step(&tap, 0), 1);
    rig_init(&rig, root, "id BIGINT, name STRING, more DOUBLE", QUERY, 8);
    rig_option(&rig, "mergeSchema", "true");
    rig_start(&rig);
    rig_batch(&rig, 10, 10);
    assert_int_equal(tap_step(&tap, 0), -1);
    assert_int_equal(error.code, MR_E_SCHEMA_CHANGED);
    assert_true(error.flags & MR_RETRIABLE);
    tap_close(&tap, false);
    tap_open(&tap);
    assert_int_equal(tap.source.schema->field_count, 3);
    assert_int_equal(tap_all(&tap), 1);
    assert_int_equal(tap.rows, 20);
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_bad_options(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"startingVersoin", "1"},
                                           {"maxFilesPerTrigger", "x"},
                                           {"maxFilesPerTrigger", "0"},
                                           {"readChangeFeed", "true"},
                                           {"startingVersion", "soon"}};
    char *root = scratch_new();
    struct rig rig;
    upstream(&rig, root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tap tap;
        struct mr_text to;
        mr_text_init(&to);
        tap_init(&tap, root);
        tap_option(&tap, cases[i][0], cases[i][1]);
        int status = tap.source.type->open(&tap.source, &error);
        if (status == MR_OK)
            status = tap.source.type->latest(&tap.source, (struct mr_str){0}, &to, &error);
        assert_true(status < 0);
        mr_text_release(&to);
        tap_close(&tap, true);
    }
    struct tap tap;
    tap_init(&tap, root);
    tap_open(&tap);
    mr_error_clear(&error);
    assert_int_equal(tap.source.type->restore(&tap.source, MR_STR("{\"sourceVersion\":1}"), &error),
                     MR_E_CORRUPT);
    assert_string_equal(error.condition, "DELTA_INVALID_SOURCE_OFFSET_FORMAT");
    tap_close(&tap, true);
    rig_stop(&rig);
    scratch_remove(root);
}

/* A large file is read in ranges of row groups, and a micro-batch may end between two. */
static void test_row_groups(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct tap tap;
    upstream(&rig, root);
    rig_batch(&rig, 0, 10);
    rig_stop(&rig);
    /* A second file, with several row groups, entered with the size of a large one. */
    struct mr_storage storage;
    struct mr_output *output = NULL;
    struct mr_parquet_writer *writer = NULL;
    struct mr_arena arena;
    const struct mr_type *schema = NULL;
    mr_arena_init(&arena);
    OK(mr_schema_parse(&arena, MR_STR("id BIGINT, name STRING"), &schema, &error));
    OK(mr_storage_open(&storage, root, &error));
    OK(storage.type->output(&storage, "large.parquet", &output, &error));
    struct mr_parquet_options options = {.row_group_bytes = 20000};
    OK(mr_parquet_writer_open(&writer, output, schema, &options, &error));
    for (int i = 0; i < 20; i++) {
        struct mr_batch batch = {0};
        fill(&batch, schema, 10 + i * 1000, 1000);
        OK(mr_parquet_writer_write(writer, &batch, &error));
        mr_batch_release(&batch);
    }
    OK(mr_parquet_writer_finish(writer, &error));
    mr_parquet_writer_close(writer);
    OK(output->finish(output, &error));
    mr_storage_close(&storage);
    commit_text(root, 2,
                "{\"add\":{\"path\":\"large.parquet\",\"partitionValues\":{},\"size\":400000000,"
                "\"modificationTime\":1,"
                "\"dataChange\":true}}\n");
    tap_init(&tap, root);
    int steps = 0;
    for (int got = 1; got > 0; steps++) {
        tap_open(&tap); /* a new process each time */
        got = tap_step(&tap, 1);
        tap_close(&tap, false);
    }
    assert_true(steps > 5);
    assert_int_equal(tap.rows, 20010);
    assert_int_equal(tap.sum, (int64_t)20009 * 20010 / 2);
    tap_close(&tap, true);
    mr_arena_release(&arena);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follow),         cmocka_unit_test(test_restart_everywhere),
        cmocka_unit_test(test_limits_and_cut), cmocka_unit_test(test_available_now),
        cmocka_unit_test(test_batch),          cmocka_unit_test(test_waits_for_the_table),
        cmocka_unit_test(test_wait),           cmocka_unit_test(test_vanished),
        cmocka_unit_test(test_other_table),    cmocka_unit_test(test_changes),
        cmocka_unit_test(test_schema_grows),   cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_row_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
