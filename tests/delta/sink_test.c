/* The Delta sink: its register, publishing once and only once, what it does when the target changes, files,
 * partitions, modes. */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "tests/delta/sink_test_util.h"

static void test_append(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&rig);
    assert_int_equal(rig.at.batch, -1);
    rig_batch(&rig, 0, 100);
    rig_batch(&rig, 100, 50);
    assert_int_equal(rig.sink.metrics.rows, 50);
    assert_int_equal(rig.sink.metrics.files, 1);
    struct mr_text manifest; /* nothing written: nothing to publish */
    mr_text_init(&manifest);
    OK(rig.sink.type->begin(&rig.sink, 2, &error));
    OK(rig.sink.type->prepare(&rig.sink, 2, 1002, &rig.at, &manifest, &error));
    assert_int_equal(manifest.size, 0);
    mr_text_release(&manifest);
    rig_stop(&rig);
    struct contents got = read_back(root);
    assert_int_equal(got.version, 2); /* 0 creates and enrols */
    assert_int_equal(got.rows, 150);
    assert_int_equal(got.sum, 149 * 150 / 2);
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 8);
    rig_start(&rig);
    assert_int_equal(rig.at.batch, 1);
    assert_int_equal(rig.at.decision_id, 1001);
    rig_batch(&rig, 150, 1);
    rig_stop(&rig);
    assert_int_equal(read_back(root).version, 3);
    scratch_remove(root);
}

static void test_published_once(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig, later;
    struct mr_text one, two, copy, stale;
    rig_init(&rig, root, "id BIGINT", QUERY, 7);
    rig_start(&rig);
    rig_decide(&rig, 0, 10, &one);
    rig_decide(&rig, 10, 10, &two); /* decided while the first is unpublished */
    mr_text_init(&copy);
    mr_text_append(&copy, one.data, one.size);
    mr_text_init(&stale);
    mr_text_append(&stale, one.data, one.size);
    OK(rig_publish(&rig, &one));
    OK(rig_publish(&rig, &copy)); /* again: found done */
    assert_int_equal(read_back(root).rows, 10);
    rig_stop(&rig);
    rig_init(&later, root, "id BIGINT", QUERY,
             9); /* another process recovers: it needs nothing but the manifest */
    rig_start(&later);
    OK(rig_publish(&later, &two));
    assert_int_equal(read_back(root).rows, 20);
    assert_int_equal(rig_publish(&later, &stale),
                     MR_E_PROTOCOL); /* behind what the table holds: the runtime knows it is done */
    assert_int_equal(read_back(root).rows, 20);
    rig_stop(&later);
    scratch_remove(root);
}

/* A checkpoint copied and run twice: whoever comes second stops. */
static void test_two_of_one(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig a, b;
    struct mr_text first, second;
    rig_init(&a, root, "id BIGINT", QUERY, 7);
    rig_start(&a);
    rig_init(&b, root, "id BIGINT", QUERY, 8);
    rig_start(&b);
    assert_int_equal(a.at.decision_id, b.at.decision_id);
    rig_decide(&a, 0, 10, &first);
    rig_decide(&b, 100, 10, &second);
    second.data[0] = '{'; /* the same number, another decision */
    char *at = strstr(second.data, "\"decision\":1000");
    memcpy(at, "\"decision\":1777", 15);
    OK(rig_publish(&a, &first));
    assert_int_equal(rig_publish(&b, &second), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "DELTA_CONCURRENT_TRANSACTION");
    assert_int_equal(read_back(root).rows, 10);
    rig_stop(&a);
    rig_stop(&b);
    scratch_remove(root);
}

static void test_other_writers(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig a, b;
    struct mr_text first, second;
    rig_init(&a, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&a);
    rig_init(&b, root, "id BIGINT, name STRING", OTHER, 7);
    rig_start(&b);
    rig_decide(&a, 0, 10, &first);
    rig_decide(&b, 10, 10, &second);
    OK(rig_publish(&b, &second));
    OK(rig_publish(&a, &first)); /* loses the race for the version, not the batch */
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 20);
    assert_int_equal(got.version, 3);
    rig_stop(&a);
    rig_stop(&b);
    scratch_remove(root);
}

static void test_target_changed(void **state)
{
    (void)state;
    char *root = scratch_new(), path[500];
    struct rig rig;
    struct mr_text manifest;
    struct stat info;
    rig_init(&rig, root, "id BIGINT", QUERY, 7);
    rig_start(&rig);
    rig_decide(&rig, 0, 10, &manifest);
    /* a wider table takes the batch */
    write_text(root, "_delta_log/00000000000000000001.json", METADATA_LINE);
    assert_int_equal(rig_publish(&rig, &manifest),
                     MR_E_PROTOCOL); /* but that one is another table, with another column */
    assert_string_equal(error.condition, "DELTA_METADATA_CHANGED");
    rig_stop(&rig);
    scratch_remove(root);

    root = scratch_new();
    rig_init(&rig, root, "id BIGINT", QUERY, 7);
    rig_start(&rig);
    rig_decide(&rig, 0, 10, &manifest);
    rig_stop(&rig);
    rig_init(&rig, root, "id BIGINT", QUERY, 8); /* the next process finds a file gone */
    rig_start(&rig);
    DIR *listing = opendir(root);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing))
        if (strncmp(entry->d_name, "part-", 5) == 0) {
            snprintf(path, sizeof(path), "%s/%s", root, entry->d_name);
            unlink(path);
        }
    closedir(listing);
    assert_int_equal(rig_publish(&rig, &manifest), MR_E_PROTOCOL);
    assert_string_equal(error.condition, "FAILED_READ_FILE.FILE_NOT_EXIST");
    snprintf(path, sizeof(path), "%s/_delta_log/00000000000000000001.json", root);
    assert_int_not_equal(stat(path, &info), 0);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_register_gone(void **state)
{
    (void)state;
    char *root = scratch_new(), path[500];
    struct rig rig;
    struct mr_text manifest;
    rig_init(&rig, root, "id BIGINT", QUERY, 7);
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    rig_decide(&rig, 10, 10, &manifest);
    rig_stop(&rig);
    snprintf(path, sizeof(path), "%s/_delta_log", root);
    OK(mr_directory_remove(path, &error));
    rig_init(&rig, root, "id BIGINT", QUERY, 8);
    rig_start(&rig); /* enrols anew: with another decision id */
    assert_int_equal(rig.at.batch, -1);
    assert_int_equal(rig_publish(&rig, &manifest), MR_E_PROTOCOL);
    assert_int_equal(read_back(root).rows, 0);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_complete(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig.sink.mode = MR_MODE_COMPLETE;
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    OK(rig_write(&rig, 500, 10)); /* an earlier micro-batch of the same decision: replaced by the next */
    rig_batch(&rig, 0, 20);
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 20);
    assert_int_equal(got.sum, 190);
    assert_int_equal(got.files, 1);
    rig_batch(&rig, 0, 0); /* no rows: the table is empty then */
    assert_int_equal(read_back(root).rows, 0);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_full_refresh(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    rig_stop(&rig);
    rig_init(&rig, root, "id BIGINT, name DOUBLE", OTHER, 8); /* a new query, and another type */
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_SQL);
    assert_string_equal(error.condition, "DELTA_FAILED_TO_MERGE_FIELDS");
    rig.sink.truncate_first = true;
    rig_start(&rig);
    assert_int_equal(read_back(root).rows, 10); /* nothing happens before the first batch */
    rig_batch(&rig, 0, 3);
    assert_int_equal(read_back(root).rows, 3);
    rig_batch(&rig, 3, 4); /* the second one appends */
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 7);
    assert_int_equal(got.sum, 21);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_schema(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_option(&rig, "notNullColumns", "id");
    rig_option(&rig, "comment", "a table");
    rig_option(&rig, "delta.appendOnly", "true");
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    rig_stop(&rig);
    rig_init(&rig, root, "ID BIGINT, extra DOUBLE", QUERY, 8);
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_SQL);
    assert_string_equal(error.condition, "DELTA_METADATA_MISMATCH");
    rig_option(&rig, "mergeSchema", "true");
    rig_start(&rig);
    rig_batch(&rig, 10, 10);
    struct contents got = read_back(root);
    assert_int_equal(got.columns, 3);
    assert_int_equal(got.rows, 20);
    assert_int_equal(got.sum, 190);
    rig_stop(&rig);
    rig_init(&rig, root, "name STRING", QUERY, 9);
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_SQL);
    assert_string_equal(error.condition, "DELTA_MISSING_NOT_NULL_COLUMN_VALUE");
    rig_stop(&rig);
    rig_init(&rig, root, "id BIGINT", QUERY, 9);
    rig.sink.mode = MR_MODE_COMPLETE;
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_USAGE);
    assert_string_equal(error.condition, "DELTA_CANNOT_MODIFY_APPEND_ONLY");
    rig_stop(&rig);
    rig_init(&rig, root, "id BIGINT", QUERY, 9);
    rig_option(&rig, "mergSchema", "true");
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_USAGE);
    assert_non_null(strstr(error.message, "mergeSchema"));
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_not_null(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_option(&rig, "notNullColumns", "name");
    rig_start(&rig);
    OK(rig_write(&rig, 0, 6));
    assert_int_equal(rig_write(&rig, 6, 1), MR_E_DATA);
    assert_string_equal(error.condition, "DELTA_NOT_NULL_CONSTRAINT_VIOLATED");
    assert_string_equal(error.sqlstate, "23502");
    rig.sink.type->abandon(&rig.sink);
    rig_stop(&rig);
    assert_int_equal(read_back(root).rows, 0);
    scratch_remove(root);
}

static void test_refused_names(void **state)
{
    (void)state;
    static const struct {
        const char *ddl, *partition, *condition;
    } cases[] = {
        {"id BIGINT, `a b` STRING", NULL, "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES"},
        {"id BIGINT, ID STRING", NULL, "DELTA_DUPLICATE_COLUMNS_FOUND"},
        {"id BIGINT", "nope", "DELTA_PARTITION_COLUMN_NOT_FOUND"},
        {"id BIGINT", "id", "DELTA_NON_PARTITION_COLUMN_ABSENT"},
        {"id BIGINT, a ARRAY<INT>", "a", "DELTA_INVALID_PARTITION_COLUMN_TYPE"},
        {"id BIGINT, v VOID", NULL, "DELTA_UNSUPPORTED_DATA_TYPES"},
    };
    char *root = scratch_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        rig_init(&rig, root, cases[i].ddl, QUERY, 7);
        if (cases[i].partition)
            rig_option(&rig, "partitionColumns", cases[i].partition);
        assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_SQL);
        assert_string_equal(error.condition, cases[i].condition);
        rig_stop(&rig);
    }
    scratch_remove(root);
}

static int count_files(const char *directory, const char *prefix)
{
    int count = 0;
    DIR *listing = opendir(directory);
    for (struct dirent *entry = listing ? readdir(listing) : NULL; entry; entry = readdir(listing))
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (listing)
        closedir(listing);
    return count;
}

static void test_partitions(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, p STRING, q BIGINT", QUERY, 7);
    rig_option(&rig, "partitionColumns", "p");
    rig_start(&rig);
    rig_batch(&rig, 0, 100);
    assert_int_equal(rig.sink.metrics.files, 4); /* s0 s1 s2 and NULL */
    assert_int_equal(count_files(root, "p=s"), 3);
    assert_int_equal(count_files(root, "p=__HIVE_DEFAULT_PARTITION__"), 1);
    rig_stop(&rig);
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 100);
    assert_int_equal(got.sum, 4950);
    rig_init(&rig, root, "id BIGINT, p STRING, q BIGINT", QUERY, 8);
    rig_option(&rig, "partitionColumns", "q");
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_USAGE);
    assert_string_equal(error.condition, "DELTA_CREATE_TABLE_WITH_DIFFERENT_PARTITIONING");
    rig_stop(&rig);
    scratch_remove(root);
}

/* More partition values than files may be open. */
static void test_many_partitions(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, q BIGINT", QUERY, 7);
    rig_option(&rig, "partitionColumns", "q");
    rig_start(&rig);
    struct mr_text manifest;
    mr_text_init(&manifest);
    OK(rig_write(&rig, 0, 150));
    OK(rig_write(&rig, 0, 150)); /* each value again: some files were closed meanwhile */
    OK(rig.sink.type->prepare(&rig.sink, 0, 1000, &rig.at, &manifest, &error));
    OK(rig_publish(&rig, &manifest));
    rig_stop(&rig);
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 300);
    assert_int_equal(got.sum, 149 * 150);
    assert_true(got.files >= 150 && got.files <= 300);
    scratch_remove(root);
}

/* Two flows make one table: the slower finds it there, with other columns, and adds its own. */
static void test_created_meanwhile(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig a, b;
    rig_init(&a, root, "id BIGINT, p STRING", QUERY, 7);
    rig_option(&a, "partitionColumns", "p");
    rig_init(&b, root, "ID BIGINT, P STRING, more DOUBLE", OTHER, 7);
    rig_option(&b, "mergeSchema", "true");
    OK(b.sink.type->open(&b.sink, &error)); /* there is no table yet */
    rig_start(&a);
    rig_batch(&a, 0, 10);
    OK(b.sink.type->enrol(&b.sink, &b.at, &error));
    rig_batch(&b, 10, 10);
    rig_batch(&a, 20, 10);
    struct contents got = read_back(root);
    assert_int_equal(got.columns, 3);
    assert_int_equal(got.rows, 30);
    assert_int_equal(got.sum, 29 * 30 / 2);
    assert_true(count_files(root, "p=s") == 3); /* b took over the table's partitioning and spelling */
    assert_int_equal(count_files(root, "P="), 0);
    rig_stop(&a);
    rig_stop(&b);
    scratch_remove(root);
}

static void test_rolling(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING, d DOUBLE", QUERY, 7);
    rig_option(&rig, "delta.targetFileSize", "64k");
    rig_start(&rig);
    struct mr_text manifest;
    mr_text_init(&manifest);
    for (int i = 0; i < 30; i++)
        OK(rig_write(&rig, i * 4000, 4000));
    OK(rig.sink.type->prepare(&rig.sink, 0, 1000, &rig.at, &manifest, &error));
    OK(rig_publish(&rig, &manifest));
    rig_stop(&rig);
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 120000);
    assert_int_equal(got.sum, (int64_t)119999 * 120000 / 2);
    assert_true(got.files > 2 && got.files < 30);
    scratch_remove(root);
}

static void test_clean(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    struct mr_text dead, pending;
    struct mr_register crashed_at = rig.at;
    rig_decide(&rig, 10, 10, &dead); /* prepared, and the process dies before it decides */
    mr_text_release(&dead);
    rig_stop(&rig);
    assert_int_equal(count_files(root, "part-"), 2);
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 8);
    rig_start(&rig);
    assert_int_equal(rig.at.batch, crashed_at.batch);
    OK(rig.sink.type->clean(&rig.sink, &rig.at, &error));
    assert_int_equal(count_files(root, "part-"),
                     2); /* batch 1 is not at the register: it might be decided for all we know */
    rig_decide(&rig, 10, 10, &pending); /* decided and not published */
    OK(rig.sink.type->clean(&rig.sink, &crashed_at, &error));
    assert_int_equal(count_files(root, "part-"), 3);
    OK(rig_publish(&rig, &pending));
    write_text(root, "part-00000-" OTHER "-00000000-0-0000000000000001.zstd.parquet", "x");
    write_text(root, "part-00000-another-writers.snappy.parquet", "x");
    char stale[400], fresh[400];
    snprintf(stale, sizeof(stale), "%s/_delta_log/00000000000000000007.checkpoint.parquet.0a.tmp", root);
    snprintf(fresh, sizeof(fresh), "%s/_delta_log/_last_checkpoint.0b.tmp", root);
    write_text(root, "_delta_log/00000000000000000007.checkpoint.parquet.0a.tmp", "x");
    write_text(root, "_delta_log/_last_checkpoint.0b.tmp", "x");
    struct timeval long_ago[2] = {{1000, 0}, {1000, 0}};
    assert_int_equal(utimes(stale, long_ago), 0);
    struct mr_register published;
    OK(rig.sink.type->published(&rig.sink, &published, &error));
    assert_int_equal(published.batch, 1);
    OK(rig.sink.type->clean(&rig.sink, &published, &error));
    assert_int_equal(count_files(root, "part-"), 4); /* two of the table, two of others */
    assert_int_not_equal(access(stale, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0); /* somebody may be writing it */
    assert_int_equal(read_back(root).rows, 20);
    rig_stop(&rig);
    scratch_remove(root);
}

/* Removed files of earlier commits are not ours to remove: older versions still read them. */
static void test_clean_keeps_history(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, "id BIGINT", QUERY, 7);
    rig.sink.mode = MR_MODE_COMPLETE;
    rig_start(&rig);
    rig_batch(&rig, 0, 10);
    rig_batch(&rig, 0, 20);
    OK(rig.sink.type->clean(&rig.sink, &rig.at, &error));
    assert_int_equal(count_files(root, "part-"), 2);
    rig_stop(&rig);
    scratch_remove(root);
}

static void test_log_checkpoints(void **state)
{
    (void)state;
    char *root = scratch_new(), name[300];
    struct rig rig;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&rig);
    for (int i = 0; i < 35; i++)
        rig_batch(&rig, i * 10, 10);
    rig_stop(&rig);
    snprintf(name, sizeof(name), "%s/_delta_log", root);
    assert_true(count_files(name, "_last_checkpoint") == 1);
    struct contents got = read_back(root);
    assert_int_equal(got.rows, 350);
    assert_int_equal(got.sum, 349 * 350 / 2);
    struct mr_delta_table table; /* without the commits before the checkpoint */
    OK(mr_delta_open(&table, root, MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_STATS, &error));
    OK(mr_delta_load(&table, -1, &error));
    assert_true(table.snapshot.checkpoint_version >= 10);
    for (int64_t v = 0; v <= table.snapshot.checkpoint_version; v++) {
        mr_delta_commit_name(v, name);
        OK(table.storage.type->remove(&table.storage, name, &error));
    }
    size_t at = 0;
    const struct mr_delta_entry *entry = mr_delta_set_next(&table.snapshot.files, &at);
    assert_int_equal(mr_delta_stats_rows(entry->file.stats), 10);
    mr_delta_close(&table);
    got = read_back(root);
    assert_int_equal(got.rows, 350);
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 8);
    rig_start(&rig);
    assert_int_equal(rig.at.batch, 34); /* the register went through the checkpoint */
    rig_batch(&rig, 350, 10);
    rig_stop(&rig);
    assert_int_equal(read_back(root).rows, 360);
    scratch_remove(root);
}

static void test_one_shot(void **state)
{
    (void)state;
    char *root = scratch_new();
    for (int i = 0; i < 3; i++) {
        struct rig rig;
        rig_init(&rig, root, i < 2 ? "id BIGINT, name STRING" : "id BIGINT, other DOUBLE",
                 i % 2 ? OTHER : QUERY, (uint64_t)i);
        rig.sink.mode = MR_MODE_COMPLETE;
        rig_option(&rig, "oneShot", "true");
        rig_option(&rig, "overwriteSchema", "true");
        rig_option(&rig, "userMetadata", "{\"inputs\":1}");
        OK(rig.sink.type->open(&rig.sink, &error));
        OK(rig.sink.type->enrol(&rig.sink, &rig.at, &error));
        rig.batch = 0;
        struct mr_text manifest;
        mr_text_init(&manifest);
        OK(rig_write(&rig, 0, 10 + i));
        OK(rig.sink.type->prepare(&rig.sink, 0, 500 + (uint64_t)i, &rig.at, &manifest, &error));
        OK(rig_publish(&rig, &manifest));
        rig_stop(&rig);
        struct contents got = read_back(root);
        assert_int_equal(got.version, i); /* one commit each, the first creates the table */
        assert_int_equal(got.rows, 10 + i);
    }
    struct mr_delta_table table;
    OK(mr_delta_open(&table, root, 0, &error));
    OK(mr_delta_load(&table, -1, &error));
    assert_int_equal(table.snapshot.txns.count, 2); /* one register, however many queries */
    assert_string_equal(table.snapshot.schema->fields[1].name, "other");
    mr_delta_close(&table);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_published_once),
        cmocka_unit_test(test_two_of_one),
        cmocka_unit_test(test_other_writers),
        cmocka_unit_test(test_target_changed),
        cmocka_unit_test(test_register_gone),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_full_refresh),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_not_null),
        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_many_partitions),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_clean_keeps_history),
        cmocka_unit_test(test_log_checkpoints),
        cmocka_unit_test(test_one_shot),
        cmocka_unit_test(test_created_meanwhile),
        cmocka_unit_test(test_rolling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
