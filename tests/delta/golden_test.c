/* Tables that Spark wrote, as the Delta project publishes them for implementers: each is read and compared,
 * as a multiset of rows, with the expected rows beside it, or refused with the condition named here. Read
 * from ../shared/data/delta-golden. */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/delta/delta_test_util.h"

#define GOLDEN "../shared/data/delta-golden"

static struct mr_error error;
static char *scratch;

/* Tables that must be refused, and how. */
static const struct refused {
    const char *table, *condition;
} refused[] = {
    {"deltalog-invalid-protocol-version", "DELTA_INVALID_PROTOCOL_VERSION"},
    {"deltalog-state-reconstruction-from-checkpoint-missing-metadata", "DELTA_STATE_RECOVER_ERROR"},
    {"deltalog-state-reconstruction-from-checkpoint-missing-protocol", "DELTA_STATE_RECOVER_ERROR"},
    {"deltalog-state-reconstruction-without-metadata", "DELTA_STATE_RECOVER_ERROR"},
    {"deltalog-state-reconstruction-without-protocol", "DELTA_STATE_RECOVER_ERROR"},
    {"no-delta-log-folder", "(no table)"},
    {"versions-not-contiguous", "DELTA_VERSIONS_NOT_CONTIGUOUS"},
    {"data-reader-absolute-paths-escaped-chars", "DELTA_STATE_RECOVER_ERROR"}, /* has no metaData */
};

struct rows { /* one line of text per row */
    char **lines;
    size_t count, capacity;
};

static void add_rows(struct rows *rows, const struct mr_batch *batch, const struct mr_type *order)
{
    struct mr_text line;
    mr_text_init(&line);
    for (int64_t row = 0; row < batch->length; row++) {
        mr_text_clear(&line);
        for (int i = 0; i < order->field_count; i++) {
            int at = mr_type_field(batch->schema, mr_str_of(order->fields[i].name), true, NULL);
            mr_text_append_str(&line, "|");
            if (at < 0)
                mr_text_append_str(&line, "?");
            else
                mr_value_json(&line, batch->columns[at], row, mr_zone_utc(), false);
        }
        if (rows->count == rows->capacity) {
            rows->capacity = rows->capacity ? rows->capacity * 2 : 64;
            rows->lines = realloc(rows->lines, rows->capacity * sizeof(*rows->lines));
        }
        rows->lines[rows->count++] = strdup(line.data);
    }
    mr_text_release(&line);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_rows(struct rows *rows)
{
    if (rows->count > 0)
        qsort(rows->lines, rows->count, sizeof(*rows->lines), compare_lines);
}

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->lines[i]);
    free(rows->lines);
    *rows = (struct rows){0};
}

static int read_table(struct mr_delta_table *table, const struct mr_zone *zone, struct rows *out)
{
    const struct mr_delta_snapshot *snapshot = &table->snapshot;
    struct mr_delta_scan *scan = NULL;
    struct mr_arena arena;
    const struct mr_delta_entry **files = NULL;
    size_t count = 0;
    mr_arena_init(&arena);
    int status =
        mr_delta_scan_new(&scan, snapshot->schema, &snapshot->metadata, snapshot->schema, NULL, zone, &error);
    if (status == MR_OK)
        status = mr_delta_set_sorted(&snapshot->files, &arena, &files, &count, &error);
    for (size_t i = 0; status == MR_OK && i < count; i++) {
        struct mr_delta_reader *reader = NULL;
        struct mr_batch batch = {0};
        status = mr_delta_reader_open(&reader, table, scan, &files[i]->file, 0, -1, &error);
        while (status == MR_OK) {
            status = mr_delta_reader_next(reader, &batch, &error);
            if (status == MR_OK)
                add_rows(out, &batch, snapshot->schema);
            mr_batch_release(&batch);
        }
        mr_delta_reader_close(reader);
        status = status == MR_END ? MR_OK : status;
    }
    mr_delta_scan_free(scan);
    mr_arena_release(&arena);
    return status;
}

static void read_parquet(const char *path, struct rows *out, const struct mr_type *order)
{
    struct mr_storage storage;
    struct mr_input *input = NULL;
    struct mr_parquet_reader *reader = NULL;
    struct mr_parquet_scan *scan = NULL;
    struct mr_batch batch = {0};
    OK(mr_storage_open(&storage, "/", &error));
    OK(storage.type->input(&storage, path + 1, &input, &error));
    OK(mr_parquet_reader_open(&reader, input, &error));
    OK(mr_parquet_scan_open(&scan, reader, mr_parquet_reader_schema(reader), NULL, 0,
                            mr_parquet_reader_row_groups(reader), &error));
    while (OK(mr_parquet_scan_next(scan, MR_BATCH_ROWS, &batch, &error)) == MR_OK) {
        add_rows(out, &batch, order);
        mr_batch_release(&batch);
    }
    mr_parquet_scan_close(scan);
    mr_parquet_reader_close(reader);
    mr_storage_close(&storage);
}

static void read_expected(const char *directory, struct rows *out, const struct mr_type *order)
{
    DIR *listing = opendir(directory);
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        char path[1024];
        size_t size = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || size < 8 || strcmp(entry->d_name + size - 8, ".parquet") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        read_parquet(path, out, order);
    }
    closedir(listing);
}

static bool same_rows(struct rows *got, struct rows *expected, const char *name)
{
    sort_rows(got);
    sort_rows(expected);
    bool same = got->count == expected->count;
    for (size_t i = 0; same && i < got->count; i++)
        same = strcmp(got->lines[i], expected->lines[i]) == 0;
    if (!same) {
        fprintf(stderr, "%s: %zu rows, %zu expected\n", name, got->count, expected->count);
        for (size_t i = 0; i < 3; i++)
            fprintf(stderr, "  got %s\n  expected %s\n", i < got->count ? got->lines[i] : "-",
                    i < expected->count ? expected->lines[i] : "-");
    }
    return same;
}

static const struct refused *find_refused(const char *name)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (strcmp(refused[i].table, name) == 0)
            return &refused[i];
    return NULL;
}

/* true when the table is as it must be. */
static bool check_table(const char *name)
{
    char path[512], expected_path[512];
    struct mr_delta_table table;
    struct stat info;
    struct rows got = {0}, expected = {0};
    bool good = true;
    snprintf(path, sizeof(path), "%s/%s/delta", scratch, name);
    snprintf(expected_path, sizeof(expected_path), "%s/%s/expected", scratch, name);
    if (stat(path, &info) != 0) /* a folder of commits only */
        snprintf(path, sizeof(path), "%s/%s", scratch, name);
    mr_error_clear(&error);
    OK(mr_delta_open(&table, path, MR_DELTA_KEEP_FILES, &error));
    int status = mr_delta_load(&table, -1, &error);
    if (status == MR_OK)
        status = mr_delta_check_readable(path, &table.snapshot.protocol, &error);
    const struct refused *wanted = find_refused(name);
    const char *condition = status == MR_END ? "(no table)" : status < 0 ? error.condition : NULL;
    if (wanted && wanted->condition) {
        good = condition && strcmp(condition, wanted->condition) == 0;
        if (!good)
            fprintf(stderr, "%s: %s instead of %s\n", name, condition ? condition : "read",
                    wanted->condition);
    } else if (condition) {
        good = false;
        fprintf(stderr, "%s: [%s] %s\n", name, condition, error.message);
    } else if (stat(expected_path, &info) == 0) {
        const struct mr_zone *zone = NULL; /* of the session that wrote partition values without one */
        if (strcmp(name, "data-reader-partition-values") == 0)
            OK(mr_zone_find(MR_STR("America/Los_Angeles"), &zone, &error));
        if (read_table(&table, zone, &got) < 0) {
            good = false;
            fprintf(stderr, "%s: [%s] %s\n", name, error.condition, error.message);
        } else {
            read_expected(expected_path, &expected, table.snapshot.schema);
            good = same_rows(&got, &expected, name);
        }
    } else {
        printf("  %s: loads (version %lld, %zu files); it has no expected rows\n", name,
               (long long)table.snapshot.version, table.snapshot.files.count);
    }
    mr_delta_close(&table);
    free_rows(&got);
    free_rows(&expected);
    return good;
}

/* "hive" is a folder of tables. */
static int check_folder(const char *name)
{
    char path[512], inner[600];
    int bad = 0;
    snprintf(path, sizeof(path), "%s/%s/delta", scratch, name);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/delta/%s", name, entry->d_name);
        bad += !check_table(inner);
    }
    closedir(listing);
    return bad > 0;
}

static void test_golden(void **state)
{
    (void)state;
    DIR *listing = opendir(GOLDEN);
    int tables = 0, bad = 0;
    if (!listing) {
        printf("SKIPPED: %s is missing; the tables of the Delta project were not read\n", GOLDEN);
        skip();
    }
    scratch = scratch_new();
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        char name[256], command[1024];
        const char *dot = strstr(entry->d_name, ".tar.zst");
        if (!dot)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(dot - entry->d_name), entry->d_name);
        snprintf(command, sizeof(command), "tar -C '%s' --zstd -xf '%s/%s' 2>/dev/null", scratch, GOLDEN,
                 entry->d_name);
        assert_int_equal(system(command), 0);
        tables++;
        bad += strcmp(name, "hive") == 0 ? check_folder(name) : !check_table(name);
    }
    closedir(listing);
    printf("%d tables, %d not as they must be\n", tables, bad);
    assert_int_equal(bad, 0);
    assert_true(tables > 0);
    scratch_remove(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
