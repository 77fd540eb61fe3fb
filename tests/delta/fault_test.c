/* What goes wrong outside: memory that runs out at every allocation, disks that fail at every call, files cut
 * and bits flipped. Nothing may crash, leak or be taken for something else; what failed before its commit has
 * not happened. */
#include <errno.h>

#include "sources/delta.h"
#include "tests/delta/sink_test_util.h"

static struct mr_error failure;

/* ---- one life of a table: open, enrol, two appends, read as a stream. 0, or the first error ---- */
struct life {
    struct rig rig;
    struct mr_batch batches[2];
    int64_t read_rows;
    int published; /* batches that publish said are there */
};

static void life_init(struct life *life, const char *root, uint64_t attempt)
{
    memset(life, 0, sizeof(*life));
    rig_init(&life->rig, root, "id BIGINT, p STRING", QUERY, attempt);
    rig_option(&life->rig, "partitionColumns", "p");
    for (int i = 0; i < 2; i++)
        fill(&life->batches[i], life->rig.sink.schema, i * 10, 10);
}

static void life_release(struct life *life)
{
    for (int i = 0; i < 2; i++)
        mr_batch_release(&life->batches[i]);
    rig_stop(&life->rig);
}

static int append(struct life *life, int number)
{
    struct mr_sink *sink = &life->rig.sink;
    struct mr_text manifest;
    mr_text_init(&manifest);
    int status = sink->type->begin(sink, number, &failure);
    if (status == MR_OK)
        status = sink->type->write(sink, 0, &life->batches[number], &failure);
    if (status == MR_OK)
        status =
            sink->type->prepare(sink, number, 1000 + (uint64_t)number, &life->rig.at, &manifest, &failure);
    if (status == MR_OK)
        status = sink->type->publish(sink, mr_text_str(&manifest), &failure);
    else
        sink->type->abandon(sink);
    mr_text_release(&manifest);
    life->rig.at = (struct mr_register){true, number, 1000 + (uint64_t)number};
    life->published += status == MR_OK;
    return status;
}

static int read_all(struct life *life, struct mr_source *source)
{
    struct mr_text to;
    struct mr_split_list splits = {.arena = &source->arena};
    mr_text_init(&to);
    int status = source->type->open(source, &failure);
    if (status == MR_OK)
        status = source->type->restore(source, (struct mr_str){0}, &failure);
    if (status == MR_OK)
        status = source->type->latest(source, (struct mr_str){0}, &to, &failure);
    if (status == MR_OK && to.size > 0)
        status = source->type->split(source, (struct mr_str){0}, mr_text_str(&to), &splits, &failure);
    for (size_t i = 0; status == MR_OK && i < splits.count; i++) {
        struct mr_reader reader = {0};
        struct mr_batch batch = {0};
        status = source->type->reader_open(source, &splits.splits[i], &reader, &failure);
        while (status == MR_OK) {
            status = source->type->read(source, &reader, &batch, &failure);
            life->read_rows += status == MR_OK ? batch.length : 0;
            mr_batch_release(&batch);
        }
        if (reader.ctx)
            source->type->reader_close(source, &reader);
        status = status == MR_END ? MR_OK : status;
    }
    mr_text_release(&to);
    return status;
}

static int live(struct life *life)
{
    struct mr_sink *sink = &life->rig.sink;
    int status = sink->type->open(sink, &failure);
    if (status == MR_OK)
        status = sink->type->enrol(sink, &life->rig.at, &failure);
    for (int i = 0; status == MR_OK && i < 2; i++)
        status = append(life, i);
    if (status != MR_OK)
        return status;
    struct mr_source source = {.type = &mr_delta_source_type, .name = "in", .options = life->rig.options};
    source.option_count = 1;
    source.checkpoint = (struct mr_checkpoint *)life; /* never looked into */
    mr_arena_init(&source.arena);
    status = read_all(life, &source);
    if (source.ctx)
        source.type->close(&source);
    mr_arena_release(&source.arena);
    return status;
}

/* What is in the table must be what was said to be. */
static void check_table(const char *root, const struct life *life, bool ambiguous)
{
    struct mr_delta_table table;
    OK(mr_delta_open(&table, root, 0, &error));
    int status = OK(mr_delta_load(&table, -1, &error));
    int64_t version = table.snapshot.version;
    mr_delta_close(&table);
    if (status == MR_END) {
        assert_int_equal(life->published, 0);
        return;
    }
    int64_t rows = read_back(root).rows;
    if (rows != life->published * 10 && !(ambiguous && rows == life->published * 10 + 10))
        fail_msg("version %lld has %lld rows, %d batches were published", (long long)version, (long long)rows,
                 life->published);
}

static void test_no_memory(void **state)
{
    (void)state;
    int failed = 0, nth = 1, good_in_a_row = 0; /* some failures are made good: go on until none is left */
    for (; good_in_a_row < 60; nth++) {
        char *root = scratch_new();
        struct life life;
        life_init(&life, root, 7);
        mr_error_clear(&failure);
        mr_memory_fail_at(nth);
        int status = live(&life);
        mr_memory_fail_at(0);
        failed += status < 0;
        /* A commit that landed is reported as such even when memory fails right after; then nothing failed at
         * all. */
        check_table(root, &life, false);
        good_in_a_row = status >= 0 && life.read_rows == 20 ? good_in_a_row + 1 : 0;
        life_release(&life);
        scratch_remove(root);
    }
    assert_true(failed > 300);
}

/* ---- every call of the environment fails once ---- */
static struct mr_env faulty;
static int64_t calls, fail_at;
static int fail_errno;

static bool fails(void)
{
    bool now = ++calls == fail_at;
    if (now)
        errno = fail_errno;
    return now;
}

static int faulty_open(const char *path, int flags)
{
    return (flags & MR_OPEN_WRITE) && fails() ? -1 : mr_env_system()->open(path, flags);
}

static int64_t faulty_write(int file, const void *data, size_t size)
{
    return fails() ? -1 : mr_env_system()->write(file, data, size);
}

static int faulty_fsync(int file)
{
    return fails() ? -1 : mr_env_system()->fsync(file);
}

static int faulty_fsync_directory(const char *path)
{
    return fails() ? -1 : mr_env_system()->fsync_directory(path);
}

static int faulty_link(const char *from, const char *to)
{
    return fails() ? -1 : mr_env_system()->link(from, to);
}

static int faulty_mkdir(const char *path)
{
    return fails() ? -1 : mr_env_system()->mkdir(path);
}

static int64_t faulty_pread(int file, void *out, size_t size, int64_t offset)
{
    return fails() ? -1 : mr_env_system()->pread(file, out, size, offset);
}

static void test_disk_fails(void **state)
{
    (void)state;
    static const int errnos[] = {EIO, ENOSPC, EMFILE};
    faulty = *mr_env_system();
    faulty.open = faulty_open;
    faulty.write = faulty_write;
    faulty.fsync = faulty_fsync;
    faulty.fsync_directory = faulty_fsync_directory;
    faulty.link = faulty_link;
    faulty.mkdir = faulty_mkdir;
    faulty.pread = faulty_pread;
    for (size_t e = 0; e < sizeof(errnos) / sizeof(errnos[0]); e++) {
        bool done = false;
        fail_errno = errnos[e];
        for (fail_at = 1; !done; fail_at++) {
            char *root = scratch_new();
            struct life life;
            life_init(&life, root, 7);
            mr_error_clear(&failure);
            calls = 0;
            mr_env_replace(&faulty);
            int status = live(&life);
            mr_env_replace(NULL);
            done = calls < fail_at; /* there was no such call any more */
            if (done)
                assert_int_equal(life.read_rows, 20);
            if (status < 0)
                assert_int_not_equal(failure.condition[0], 0);
            check_table(root, &life, status < 0 && (failure.flags & MR_AMBIGUOUS));
            life_release(&life);
            /* the next process, with a healthy disk, goes on */
            life_init(&life, root, 8);
            OK(life.rig.sink.type->open(&life.rig.sink, &error));
            OK(life.rig.sink.type->enrol(&life.rig.sink, &life.rig.at, &error));
            life_release(&life);
            scratch_remove(root);
        }
        assert_true(fail_at > 40);
    }
}

/* ---- damaged files ---- */
static void copy_file(const char *from, const char *to)
{
    struct mr_text text;
    mr_text_init(&text);
    OK(mr_file_read_all(from, &text, &error));
    OK(mr_file_replace(to, text.data, text.size, &error));
    mr_text_release(&text);
}

/* Loads and reads everything; the status. */
static int try_to_read(const char *root, int64_t *rows)
{
    struct mr_source source = {.type = &mr_delta_source_type, .name = "in", .option_count = 1};
    struct mr_option options[1] = {{"path", root}};
    struct life life = {0};
    source.options = options;
    mr_arena_init(&source.arena);
    mr_error_clear(&failure);
    int status = read_all(&life, &source);
    if (source.ctx)
        source.type->close(&source);
    mr_arena_release(&source.arena);
    *rows = life.read_rows;
    return status;
}

static void damage(const char *root, const char *name, bool may_be_passed_over)
{
    char path[500], kept[600];
    struct mr_text text;
    int64_t rows = 0, whole = 0;
    snprintf(path, sizeof(path), "%s/%s", root, name);
    snprintf(kept, sizeof(kept), "%s/kept", root);
    copy_file(path, kept);
    assert_int_equal(try_to_read(root, &whole), MR_OK);
    mr_text_init(&text);
    OK(mr_file_read_all(kept, &text, &error));
    size_t step = text.size > 2000 ? text.size / 300 : 3;
    for (size_t cut = 0; cut + 1 < text.size; cut += step) {
        bool between_lines = cut > 0 && (text.data[cut] == '\n' || text.data[cut - 1] == '\n');
        if (between_lines) /* nothing in the format tells that lines are missing */
            continue;
        OK(mr_file_replace(path, text.data, cut, &error));
        int status = try_to_read(root, &rows);
        if (status >= 0 && !(may_be_passed_over && rows == whole))
            fail_msg("%s cut to %zu bytes: %lld rows and no error", name, cut, (long long)rows);
    }
    for (size_t at = 0; at < text.size; at += step) { /* must not crash; a changed digit may well be read */
        text.data[at] ^= (char)(1 << (at % 8));
        OK(mr_file_replace(path, text.data, text.size, &error));
        try_to_read(root, &rows);
        text.data[at] ^= (char)(1 << (at % 8));
    }
    copy_file(kept, path);
    assert_int_equal(try_to_read(root, &rows), MR_OK);
    assert_int_equal(rows, whole);
    unlink(kept);
    mr_text_release(&text);
}

static void test_damaged_files(void **state)
{
    (void)state;
    char *root = scratch_new(), name[64];
    struct rig rig;
    int64_t actions = 0;
    mr_log_level_set(MR_LOG_ERROR);
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&rig);
    for (int i = 0; i < 5; i++)
        rig_batch(&rig, i * 10, 10);
    rig_stop(&rig);
    mr_delta_commit_name(0, name);
    damage(root, name, false);
    mr_delta_commit_name(3, name);
    damage(root, name, false);
    OK(mr_delta_checkpoint_write(root, 4, &actions, &error));
    assert_true(actions > 4);
    damage(root, "_delta_log/00000000000000000004.checkpoint.parquet", true);
    damage(root, "_delta_log/_last_checkpoint", true);
    for (int64_t version = 0; version < 4; version++) {
        char path[500];
        mr_delta_commit_name(version, name);
        snprintf(path, sizeof(path), "%s/%s", root, name);
        unlink(path);
    }
    damage(root, "_delta_log/00000000000000000004.checkpoint.parquet",
           false); /* now nothing else has the state */
    mr_log_level_set(MR_LOG_INFO);
    scratch_remove(root);
}

static void test_damaged_manifests(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct rig rig;
    struct mr_text manifest, cut;
    rig_init(&rig, root, "id BIGINT, name STRING", QUERY, 7);
    rig_start(&rig);
    rig_decide(&rig, 0, 10, &manifest);
    const char *newline = memchr(manifest.data, '\n', manifest.size);
    for (size_t size = 0; size <= (size_t)(newline - manifest.data); size++) {
        mr_text_init(&cut);
        mr_text_append(&cut, manifest.data, size);
        assert_true(rig_publish(&rig, &cut) < 0);
    }
    mr_text_init(&cut);
    mr_text_append(&cut, manifest.data, manifest.size);
    char *version = strstr(cut.data, "\"version\":1");
    version[10] = '9';
    assert_int_equal(rig_publish(&rig, &cut), MR_E_UNSUPPORTED);
    assert_int_equal(read_back(root).rows, 0);
    OK(rig_publish(&rig, &manifest));
    assert_int_equal(read_back(root).rows, 10);
    rig_stop(&rig);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_disk_fails),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_damaged_manifests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
