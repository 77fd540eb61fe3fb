/* tests/delta/upsert_test.c: output mode update into Delta: rows replace those with their key, whatever
 * happens to the table between the decision and its publication. */
#include "tests/delta/sink_test_util.h"

#define DDL "id BIGINT, name STRING, v DOUBLE"

static const int by_id[] = {0}, by_both[] = {1, 0};
static const struct mr_row_key id_key = {by_id, 1, NULL}, both_key = {by_both, 2, NULL},
                               no_columns = {by_id, 0, NULL};

static void start(struct rig *rig, const char *root, const char *query, uint64_t attempt,
                  const struct mr_row_key *key)
{
    rig_init(rig, root, DDL, query, attempt);
    rig->sink.mode = MR_MODE_UPDATE;
    rig->sink.row_key = key;
    rig_start(rig);
}

/* ids first … first+count-1, names as fill gives them, all with the value. */
static void write_value(struct rig *rig, int64_t first, int64_t count, double value)
{
    struct mr_batch batch = {0};
    OK(rig->sink.type->begin(&rig->sink, rig->batch, &error));
    fill(&batch, rig->sink.schema, first, count);
    for (int64_t row = 0; row < count; row++)
        batch.columns[2]->f64[row] = value;
    OK(rig->sink.type->write(&rig->sink, 0, &batch, &error));
    mr_batch_release(&batch);
}

static void decide(struct rig *rig, struct mr_text *manifest)
{
    mr_text_init(manifest);
    OK(rig->sink.type->prepare(&rig->sink, rig->batch, 1000 + (uint64_t)rig->batch, &rig->at, manifest,
                               &error));
    rig->at = (struct mr_register){true, rig->batch, 1000 + (uint64_t)rig->batch};
    rig->batch++;
}

static void upsert(struct rig *rig, int64_t first, int64_t count, double value)
{
    struct mr_text manifest;
    write_value(rig, first, count, value);
    decide(rig, &manifest);
    OK(rig_publish(rig, &manifest));
}

struct table { /* what the table holds, by id 0 … 99; -1: no such row */
    double value[100];
    int64_t rows, version;
    size_t files;
};

static struct table table_of(const char *path)
{
    struct mr_delta_table table;
    struct mr_delta_scan *scan = NULL;
    struct table out = {.rows = 0};
    OK(mr_delta_open(&table, path, MR_DELTA_KEEP_FILES, &error));
    OK(mr_delta_load(&table, -1, &error));
    const struct mr_delta_snapshot *snapshot = &table.snapshot;
    out.version = snapshot->version;
    out.files = snapshot->files.count;
    for (int i = 0; i < 100; i++)
        out.value[i] = -1;
    OK(mr_delta_scan_new(&scan, snapshot->schema, &snapshot->metadata, snapshot->schema, NULL, NULL, &error));
    size_t at = 0;
    for (const struct mr_delta_entry *e = mr_delta_set_next(&snapshot->files, &at); e;
         e = mr_delta_set_next(&snapshot->files, &at)) {
        struct mr_delta_reader *reader = NULL;
        struct mr_batch batch = {0};
        OK(mr_delta_reader_open(&reader, &table, scan, &e->file, 0, -1, &error));
        while (OK(mr_delta_reader_next(reader, &batch, &error)) == MR_OK) {
            for (int64_t row = 0; row < batch.length; row++)
                out.value[batch.columns[0]->i64[row]] = batch.columns[2]->f64[row];
            out.rows += batch.length;
            mr_batch_release(&batch);
        }
        mr_delta_reader_close(reader);
    }
    mr_delta_scan_free(scan);
    mr_delta_close(&table);
    return out;
}

static void expect(const struct table *table, int first, int count, double value)
{
    for (int id = first; id < first + count; id++)
        assert_true(table->value[id] == value);
}

static void replaces_rows(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    start(&rig, root, QUERY, 7, &id_key);
    upsert(&rig, 0, 10, 1);
    upsert(&rig, 5, 10, 2);
    upsert(&rig, 40, 5, 3); /* none of them is there: one more file, nothing rewritten */
    struct table got = table_of(root);
    assert_int_equal(got.rows, 20);
    expect(&got, 0, 5, 1);
    expect(&got, 5, 10, 2);
    expect(&got, 40, 5, 3);
    assert_int_equal(got.files, 3);
    upsert(&rig, 0, 15, 4); /* two files lose all their rows */
    got = table_of(root);
    assert_int_equal(got.rows, 20);
    assert_int_equal(got.files, 2);
    expect(&got, 0, 15, 4);
    rig_stop(&rig);
    scratch_remove(root);
}

static void last_row_of_a_decision_counts(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct mr_text manifest;
    start(&rig, root, QUERY, 7, &id_key);
    write_value(&rig, 0, 10, 1);
    write_value(&rig, 2, 3, 2); /* later micro-batches of the same decision */
    write_value(&rig, 3, 1, 3);
    decide(&rig, &manifest);
    OK(rig_publish(&rig, &manifest));
    struct table got = table_of(root);
    assert_int_equal(got.rows, 10);
    expect(&got, 0, 2, 1);
    expect(&got, 2, 1, 2);
    expect(&got, 3, 1, 3);
    expect(&got, 4, 1, 2);
    expect(&got, 5, 5, 1);
    rig_stop(&rig);
    scratch_remove(root);
}

/* Another writer's rows land between the decision and its publication: those with our keys go too. */
static void resolved_at_publish(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig, other;
    struct mr_text manifest;
    start(&rig, root, QUERY, 7, &id_key);
    upsert(&rig, 0, 10, 1);
    write_value(&rig, 5, 3, 2);
    decide(&rig, &manifest);
    rig_init(&other, root, DDL, OTHER, 8);
    rig_start(&other);
    rig_batch(&other, 6, 14);
    rig_stop(&other);
    OK(rig_publish(&rig, &manifest));
    struct table got = table_of(root);
    assert_int_equal(got.rows,
                     10 + 14 - 2); /* rows 6 and 7 of the other writer are replaced; 8 and 9 stand twice */
    expect(&got, 5, 3, 2);
    expect(&got, 10, 1, 5);
    rig_stop(&rig);
    scratch_remove(root);
}

/* Decided by a process that died: the next one publishes from the manifest alone, and once. */
static void published_by_the_next_process(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct mr_text manifest, copy;
    start(&rig, root, QUERY, 7, &id_key);
    upsert(&rig, 0, 10, 1);
    write_value(&rig, 5, 3, 2);
    decide(&rig, &manifest);
    rig_stop(&rig);
    mr_text_init(&copy);
    mr_text_append(&copy, manifest.data, manifest.size);
    start(&rig, root, QUERY, 9, &id_key);
    OK(rig_publish(&rig, &manifest));
    int64_t version = table_of(root).version;
    OK(rig_publish(&rig, &copy));
    struct table got = table_of(root);
    assert_int_equal(got.version, version);
    assert_int_equal(got.rows, 10);
    expect(&got, 5, 3, 2);
    rig_stop(&rig);
    scratch_remove(root);
}

static void partitions_and_null_keys(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, DDL, QUERY, 7);
    rig_option(&rig, "partitionColumns", "name");
    rig.sink.mode = MR_MODE_UPDATE;
    rig.sink.row_key = &both_key;
    rig_start(&rig);
    upsert(&rig, 0, 21, 1); /* name is s0, s1, s2, or NULL */
    upsert(&rig, 3, 6, 2);  /* 6 has the name NULL */
    struct table got = table_of(root);
    assert_int_equal(got.rows, 21);
    expect(&got, 0, 3, 1);
    expect(&got, 3, 6, 2);
    expect(&got, 9, 12, 1);
    assert_int_equal(got.files, 8); /* per name: what was written now, and what is left of the file before */
    rig_stop(&rig);
    scratch_remove(root);
}

static void one_row_without_keys(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    start(&rig, root, QUERY, 7, &no_columns);
    upsert(&rig, 1, 1, 1);
    upsert(&rig, 2, 1, 2);
    struct table got = table_of(root);
    assert_int_equal(got.rows, 1);
    expect(&got, 2, 1, 2);
    rig_stop(&rig);
    scratch_remove(root);
}

static void rows_without_key_are_added(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    start(&rig, root, QUERY, 7, NULL);
    upsert(&rig, 1, 2, 1);
    upsert(&rig, 1, 2, 2);
    assert_int_equal(table_of(root).rows, 4);
    rig_stop(&rig);
    scratch_remove(root);
}

static void refused(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    rig_init(&rig, root, DDL, QUERY, 7);
    rig_option(&rig, "delta.appendOnly", "true");
    rig_start(&rig);
    rig_stop(&rig);
    rig_init(&rig, root, DDL, QUERY, 8);
    rig.sink.mode = MR_MODE_UPDATE;
    rig.sink.row_key = &id_key;
    assert_int_equal(rig.sink.type->open(&rig.sink, &error), MR_E_USAGE);
    assert_string_equal(error.condition, "DELTA_CANNOT_MODIFY_APPEND_ONLY");
    rig_stop(&rig);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_rows),
        cmocka_unit_test(last_row_of_a_decision_counts),
        cmocka_unit_test(resolved_at_publish),
        cmocka_unit_test(published_by_the_next_process),
        cmocka_unit_test(partitions_and_null_keys),
        cmocka_unit_test(one_row_without_keys),
        cmocka_unit_test(rows_without_key_are_added),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
