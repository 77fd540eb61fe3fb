/* The log: parsing and printing actions, loading from commits, gaps, hints, damaged files, features. */
#include "tests/delta/delta_test_util.h"

static struct mr_error error;

static void put_version(const char *root, int64_t version, const char *text)
{
    char directory[400], name[64];
    snprintf(directory, sizeof(directory), "%s/_delta_log", root);
    OK(mr_directory_create(directory, &error));
    mr_delta_commit_name(version, name);
    write_text(root, name, text);
}

#define ADD_LINE(path)                                                                                       \
    "{\"add\":{\"path\":\"" path                                                                             \
    "\",\"partitionValues\":{},\"size\":7,\"modificationTime\":5,\"dataChange\":true}}\n"
#define REMOVE_LINE(path) "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":9,\"dataChange\":true}}\n"

static void load(struct mr_delta_table *table, const char *root, int64_t version, int expected)
{
    OK(mr_delta_open(table, root, MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_TOMBSTONES, &error));
    mr_error_clear(&error);
    int status = mr_delta_load(table, version, &error);
    if (status != expected)
        fail_msg("status %d: %s", status, error.message);
}

static void test_print_parse(void **state)
{
    (void)state;
    struct mr_delta_pair values[] = {{MR_STR("p\"q"), MR_STR("a/b %\xc3\xa9"), false},
                                     {MR_STR("n"), {NULL, 0}, true}};
    struct mr_delta_file file = {.path = MR_STR("p=a%2520b/x.parquet"),
                                 .partition_values = {values, 2},
                                 .size_bytes = 1234567890123,
                                 .modified_ms = 1700000000000,
                                 .data_change = true,
                                 .stats = MR_STR("{\"numRecords\":3,\"minValues\":{\"a\":\"\\n\"}}"),
                                 .vector = {'u', MR_STR("ab^-aqEH.-t@S}K{vb[*k^"), 4, 40, 6},
                                 .base_row_id = 12,
                                 .row_commit_version = -1};
    struct mr_text text, again;
    struct mr_arena arena;
    struct mr_delta_action action;
    mr_text_init(&text);
    mr_text_init(&again);
    mr_arena_init(&arena);
    mr_delta_add_print(&text, &file);
    OK(mr_delta_action_parse(&arena, mr_text_str(&text), &action, &error));
    assert_int_equal(action.kind, MR_DELTA_ADD);
    assert_true(mr_str_equal(action.file.path, file.path));
    assert_true(mr_str_equal(action.file.stats, file.stats));
    assert_int_equal(action.file.partition_values.count, 2);
    assert_true(mr_str_equal(action.file.partition_values.items[0].value, values[0].value));
    assert_true(action.file.partition_values.items[1].is_null);
    assert_int_equal(action.file.vector.storage, 'u');
    assert_int_equal(action.file.vector.offset, 4);
    assert_int_equal(mr_delta_stats_rows(action.file.stats), 3);
    mr_delta_add_print(&again, &action.file);
    assert_string_equal(text.data, again.data);
    mr_text_release(&text);
    mr_text_release(&again);
    mr_arena_release(&arena);
}

static void test_replay(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct mr_delta_table table;
    put_version(root, 0, "{\"commitInfo\":{\"operation\":\"X\"}}\n" PROTOCOL_LINE METADATA_LINE);
    put_version(root, 1,
                ADD_LINE("a%20b")
                    ADD_LINE("c") "{\"unknownAction\":{\"x\":1}}\n{\"cdc\":{\"path\":\"q\"}}\n");
    put_version(root, 2, REMOVE_LINE("a%20b") "{\"txn\":{\"appId\":\"q\",\"version\":4}}\n" ADD_LINE("d"));
    put_version(root, 3, REMOVE_LINE("d") ADD_LINE("d"));
    load(&table, root, -1, MR_OK);
    assert_int_equal(table.snapshot.version, 3);
    assert_int_equal(table.snapshot.files.count, 2);
    assert_int_equal(table.snapshot.files.size_bytes, 14);
    assert_int_equal(table.snapshot.tombstones.count, 1); /* of "a b"; "d" is back */
    assert_int_equal(mr_delta_snapshot_txn(&table.snapshot, MR_STR("q"))->version, 4);
    assert_null(mr_delta_snapshot_txn(&table.snapshot, MR_STR("r")));
    put_version(root, 4, ADD_LINE("e"));
    OK(mr_delta_refresh(&table, &error));
    assert_int_equal(table.snapshot.version, 4);
    assert_int_equal(table.snapshot.files.count, 3);
    mr_delta_close(&table);
    load(&table, root, 1, MR_OK);
    assert_int_equal(table.snapshot.files.count, 2);
    mr_delta_close(&table);
    load(&table, root, 9, MR_E_USAGE);
    assert_string_equal(error.condition, "DELTA_VERSION_NOT_FOUND");
    mr_delta_close(&table);
    scratch_remove(root);
}

static void test_refused_logs(void **state)
{
    (void)state;
    struct mr_delta_table table;
    char *root = scratch_new(), name[400];
    load(&table, root, -1, MR_END);
    mr_delta_close(&table);
    put_version(root, 0, PROTOCOL_LINE METADATA_LINE);
    put_version(root, 2, ADD_LINE("a"));
    load(&table, root, -1, MR_E_CORRUPT);
    assert_string_equal(error.condition, "DELTA_VERSIONS_NOT_CONTIGUOUS");
    mr_delta_close(&table);
    put_version(root, 1, "");
    load(&table, root, -1, MR_E_CORRUPT); /* a commit of no bytes is no commit */
    assert_string_equal(error.condition, "DELTA_TXN_LOG_FAILED_INTEGRITY");
    assert_non_null(strstr(error.file, "00000000000000000001.json"));
    mr_delta_close(&table);
    put_version(root, 1, ADD_LINE("b") "{\"add\":{\"path\":\"c\",\"parti");
    load(&table, root, -1, MR_E_CORRUPT); /* torn */
    assert_int_equal(error.line, 2);
    mr_delta_close(&table);
    put_version(root, 1, ADD_LINE("b"));
    load(&table, root, -1, MR_OK);
    mr_delta_close(&table);
    snprintf(name, sizeof(name), "%s/_delta_log/00000000000000000000.json", root);
    assert_int_equal(unlink(name), 0);
    load(&table, root, -1, MR_E_CORRUPT);
    assert_string_equal(error.condition, "DELTA_TRUNCATED_TRANSACTION_LOG");
    mr_delta_close(&table);
    put_version(root, 0, METADATA_LINE);
    load(&table, root, -1, MR_E_CORRUPT);
    assert_string_equal(error.condition, "DELTA_STATE_RECOVER_ERROR");
    mr_delta_close(&table);
    scratch_remove(root);
}

static void test_hint_is_only_a_hint(void **state)
{
    (void)state;
    static const char *const hints[] = {
        "", "{", "{\"version\":77,\"size\":3}", "{\"version\":-4}", "\xff\xfe", "{\"version\":1,\"size\":3}"};
    char *root = scratch_new();
    struct mr_delta_table table;
    put_version(root, 0, PROTOCOL_LINE METADATA_LINE);
    put_version(root, 1, ADD_LINE("a"));
    put_version(root, 2, ADD_LINE("b"));
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        write_text(root, "_delta_log/_last_checkpoint", hints[i]);
        load(&table, root, -1, MR_OK);
        assert_int_equal(table.snapshot.version, 2);
        assert_int_equal(table.snapshot.files.count, 2);
        mr_delta_close(&table);
    }
    write_text(root, "_delta_log/00000000000000000001.checkpoint.parquet", "PAR1 this is none PAR1");
    load(&table, root, -1, MR_OK); /* passed over: the commits suffice */
    assert_int_equal(table.snapshot.files.count, 2);
    mr_delta_close(&table);
    scratch_remove(root);
}

static void check_features(const char *protocol, const char *metadata, const char *read_condition,
                           const char *write_condition)
{
    struct mr_arena arena;
    struct mr_delta_action p, m;
    mr_arena_init(&arena);
    OK(mr_delta_action_parse(&arena, mr_str_of(protocol), &p, &error));
    OK(mr_delta_action_parse(&arena, mr_str_of(metadata), &m, &error));
    mr_error_clear(&error);
    int status = mr_delta_check_readable("t", &p.protocol, &error);
    assert_string_equal(error.condition, read_condition ? read_condition : "");
    assert_int_equal(status, read_condition ? MR_E_UNSUPPORTED : MR_OK);
    mr_error_clear(&error);
    status = mr_delta_check_writable("t", &p.protocol, &m.metadata, &error);
    assert_string_equal(error.condition, write_condition ? write_condition : "");
    assert_int_equal(status, write_condition ? MR_E_UNSUPPORTED : MR_OK);
    mr_arena_release(&arena);
}

#define CONFIGURED(key, value, extra)                                                                        \
    "{\"metaData\":{\"id\":\"i\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{"          \
    "\\\"name\\\":\\\"a\\\","                                                                                \
    "\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{" extra                               \
    "}}]}\",\"partitionColumns\":[],"                                                                        \
    "\"configuration\":{\"" key "\":\"" value "\"}}}"
#define P37(readers, writers)                                                                                \
    "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[" readers              \
    "],\"writerFeatures\":[" writers "]}}"
#define READ "DELTA_UNSUPPORTED_FEATURES_FOR_READ"
#define WRITE "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE"

static void test_features(void **state)
{
    (void)state;
    const char *plain = CONFIGURED("x", "y", "");
    check_features(PROTOCOL_LINE, plain, NULL, NULL);
    check_features("{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":6}}", plain, NULL, NULL);
    check_features("{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}", plain,
                   "DELTA_INVALID_PROTOCOL_VERSION", "DELTA_INVALID_PROTOCOL_VERSION");
    check_features("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":8}}", plain, NULL,
                   "DELTA_INVALID_PROTOCOL_VERSION");
    check_features(P37("\"madeUp\"", "\"madeUp\""), plain, READ, READ);
    assert_non_null(strstr(error.message, "madeUp"));
    check_features(P37("", "\"madeUpToo\""), plain, NULL, WRITE);
    assert_non_null(strstr(error.message, "madeUpToo"));
    check_features(P37("\"variantType\"", "\"variantType\""), plain, READ, READ);
    check_features(P37("\"deletionVectors\"", "\"deletionVectors\""), plain, NULL, NULL);
    check_features(P37("", "\"rowTracking\""), plain, NULL, WRITE);
    check_features(P37("", "\"inCommitTimestamp\""), plain, NULL, NULL); /* listed, not used */
    check_features(P37("", "\"inCommitTimestamp\""), CONFIGURED("delta.enableInCommitTimestamps", "true", ""),
                   NULL, WRITE);
    check_features(P37("", "\"checkConstraints\""), CONFIGURED("delta.constraints.c", "a > 0", ""), NULL,
                   WRITE);
    check_features("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":3}}",
                   CONFIGURED("delta.constraints.c", "a > 0", ""), NULL, WRITE);
    check_features("{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}",
                   CONFIGURED("delta.columnMapping.mode", "name", ""), NULL, WRITE);
    check_features(PROTOCOL_LINE, CONFIGURED("x", "y", "\\\"delta.invariants\\\":\\\"{}\\\""), NULL, WRITE);
    check_features(PROTOCOL_LINE,
                   CONFIGURED("x", "y", "\\\"comment\\\":\\\"say \\\\\\\"delta.invariants\\\\\\\": no\\\""),
                   NULL, NULL);
}

static void test_paths(void **state)
{
    (void)state;
    /* As Spark 4.2 wrote it, but for the \xc3\xa9: Spark leaves it, and delta-rs then does not find the file
     * it is to remove. */
    const char *value = "a b/c%d:e=f?g\"h\\i{j}[k]^l#m*n'o\xc3\xa9 \x7f+&@!$~`|;,.<>()";
    struct mr_text path, uri, back;
    mr_text_init(&path);
    mr_text_init(&uri);
    mr_text_init(&back);
    mr_delta_partition_path(&path, MR_STR("p"), mr_str_of(value), false);
    assert_string_equal(
        path.data,
        "p=a b%2Fc%25d%3Ae%3Df%3Fg%22h%5Ci%7Bj}%5Bk%5D%5El%23m%2An%27o\xc3\xa9 %7F+&@!$~`|;,.<>()/");
    mr_delta_path_encode(&uri, mr_text_str(&path));
    assert_string_equal(
        uri.data,
        "p=a%20b%252Fc%2525d%253Ae%253Df%253Fg%2522h%255Ci%257Bj%7D%255Bk%255D%255El%2523m%252An%2527o"
        "%C3%A9%20%257F+&@!$~%60%7C;,.%3C%3E()/");
    mr_delta_path_decode(&back, mr_text_str(&uri));
    assert_string_equal(back.data, path.data);
    mr_text_clear(&path);
    mr_delta_partition_path(&path, MR_STR("p"), MR_STR(""), true);
    assert_string_equal(path.data, "p=__HIVE_DEFAULT_PARTITION__/");
    mr_text_release(&path);
    mr_text_release(&uri);
    mr_text_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_parse),  cmocka_unit_test(test_replay),
        cmocka_unit_test(test_refused_logs), cmocka_unit_test(test_hint_is_only_a_hint),
        cmocka_unit_test(test_features),     cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
