/* Commits: compare-and-swap between processes, conflicts found by build, nothing done, ambiguity, log kept by
 * others. */
#include <errno.h>
#include <sys/wait.h>

#include "tests/delta/delta_test_util.h"

static struct mr_error error;

struct intent {
    const char *app;
    int64_t number;
    int calls;
    bool create;
};

static int build(void *ctx, const struct mr_delta_snapshot *snapshot, struct mr_delta_commit_info *info,
                 struct mr_text *actions, struct mr_error *failure)
{
    struct intent *intent = ctx;
    (void)info;
    intent->calls++;
    if (intent->create && snapshot->version >= 0)
        return MR_END;
    if (intent->create) {
        mr_text_append_str(actions, PROTOCOL_LINE METADATA_LINE);
        return MR_OK;
    }
    const struct mr_delta_txn *txn = mr_delta_snapshot_txn(snapshot, mr_str_of(intent->app));
    int64_t expected = txn ? txn->version + 1 : 0;
    if (expected != intent->number)
        return mr_error_set(failure, MR_E_PROTOCOL, "DELTA_CONCURRENT_TRANSACTION", "expected %lld",
                            (long long)expected);
    mr_delta_txn_print(actions, mr_str_of(intent->app), intent->number, 1);
    return MR_OK;
}

static void create(const char *root)
{
    struct mr_delta_table table;
    struct intent intent = {.create = true};
    int64_t version = -1;
    OK(mr_delta_open(&table, root, 0, &error));
    assert_int_equal(mr_delta_commit(&table, &(struct mr_delta_commit_info){.operation = "CREATE TABLE"},
                                     build, &intent, &version, &error),
                     MR_OK);
    assert_int_equal(version, 0);
    assert_int_equal(mr_delta_commit(&table, &(struct mr_delta_commit_info){.operation = "CREATE TABLE"},
                                     build, &intent, &version, &error),
                     MR_END);
    mr_delta_close(&table);
}

static int write_many(const char *root, int writer, int commits)
{
    struct mr_delta_table table;
    char app[16];
    snprintf(app, sizeof(app), "w%d", writer);
    if (mr_delta_open(&table, root, 0, &error) < 0)
        return 1;
    for (int i = 0; i < commits; i++) {
        struct intent intent = {.app = app, .number = i};
        int64_t version = -1;
        int status = mr_delta_commit(&table, &(struct mr_delta_commit_info){.operation = "TEST"}, build,
                                     &intent, &version, &error);
        if (status != MR_OK) {
            fprintf(stderr, "writer %d, commit %d: %s\n", writer, i, error.message);
            return 1;
        }
    }
    mr_delta_close(&table);
    return 0;
}

static void test_four_writers(void **state)
{
    (void)state;
    char *root = scratch_new();
    enum { WRITERS = 4, COMMITS = 250 };
    pid_t children[WRITERS];
    create(root);
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(write_many(root, i, COMMITS));
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    struct mr_delta_table table;
    int64_t first = -1, last = -1;
    OK(mr_delta_open(&table, root, 0, &error));
    assert_int_equal(mr_delta_load(&table, -1, &error), MR_OK);
    assert_int_equal(table.snapshot.version, WRITERS * COMMITS);
    OK(mr_delta_commit_range(&table, &first, &last, &error));
    assert_int_equal(first, 0);
    assert_int_equal(last, WRITERS * COMMITS);
    assert_int_equal(table.snapshot.txns.count, WRITERS);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(((struct mr_delta_txn *)table.snapshot.txns.entries[i].pointer)->version,
                         COMMITS - 1);
    mr_delta_close(&table);
    scratch_remove(root);
}

static void test_conflict_is_seen(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct mr_delta_table one, two;
    struct intent a = {.app = "q", .number = 0}, b = {.app = "q", .number = 0},
                  c = {.app = "other", .number = 0};
    int64_t version = -1;
    struct mr_delta_commit_info info = {.operation = "TEST"};
    create(root);
    OK(mr_delta_open(&one, root, 0, &error));
    OK(mr_delta_open(&two, root, 0, &error));
    OK(mr_delta_load(&one, -1, &error));
    OK(mr_delta_load(&two, -1, &error));
    OK(mr_delta_commit(&one, &info, build, &a, &version, &error));
    assert_int_equal(version, 1);
    assert_int_equal(mr_delta_commit(&two, &info, build, &b, &version, &error),
                     MR_E_PROTOCOL); /* the same number is taken */
    assert_int_equal(b.calls, 2);
    OK(mr_delta_commit(&two, &info, build, &c, &version, &error));
    assert_int_equal(version, 2);
    mr_delta_close(&one);
    mr_delta_close(&two);
    scratch_remove(root);
}

/* ---- an environment whose link fails, or lands and fails all the same ---- */
static struct mr_env faulty;
static int link_errno, sync_errno, syncs;
static bool link_lands;

static int faulty_link(const char *from, const char *to)
{
    if (link_errno == 0)
        return mr_env_system()->link(from, to);
    if (link_lands)
        mr_env_system()->link(from, to);
    errno = link_errno;
    return -1;
}

static int faulty_fsync_directory(const char *path)
{
    syncs++;
    if (sync_errno == 0)
        return mr_env_system()->fsync_directory(path);
    errno = sync_errno;
    return -1;
}

static void test_ambiguous(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct mr_delta_table table;
    struct mr_delta_commit_info info = {.operation = "TEST"};
    int64_t version = -1;
    create(root);
    OK(mr_delta_open(&table, root, 0, &error));
    faulty = *mr_env_system();
    faulty.link = faulty_link;
    faulty.fsync_directory = faulty_fsync_directory;
    mr_env_replace(&faulty);
    struct intent intent = {.app = "q", .number = 0};
    link_errno = EIO, link_lands = true;
    assert_true(mr_delta_commit(&table, &info, build, &intent, &version, &error) < 0);
    assert_true(error.flags & MR_AMBIGUOUS);
    link_errno = 0;
    intent.calls = 0;
    mr_error_clear(&error);
    assert_int_equal(mr_delta_commit(&table, &info, build, &intent, &version, &error),
                     MR_E_PROTOCOL); /* it had landed, and is seen */
    assert_int_equal(intent.calls, 1);
    intent.number = 1;
    link_errno = EIO, link_lands = false;
    assert_true(mr_delta_commit(&table, &info, build, &intent, &version, &error) < 0);
    link_errno = 0;
    OK(mr_delta_commit(&table, &info, build, &intent, &version, &error)); /* it had not */
    assert_int_equal(version, 2);
    intent.number = 2;
    sync_errno = EIO;
    assert_true(mr_delta_commit(&table, &info, build, &intent, &version, &error) < 0);
    assert_true(error.flags & MR_AMBIGUOUS);
    sync_errno = 0;
    intent.number = 3;
    OK(mr_delta_commit(&table, &info, build, &intent, &version, &error));
    assert_int_equal(version, 4);
    mr_env_replace(NULL);
    mr_delta_close(&table);
    scratch_remove(root);
}

static void test_sync_of_foreign_commits(void **state)
{
    (void)state;
    char *root = scratch_new();
    struct mr_delta_table table;
    struct intent intent = {.app = "q", .number = 0};
    int64_t version = -1;
    create(root);
    OK(mr_delta_open(&table, root, 0, &error));
    OK(mr_delta_commit(&table, &(struct mr_delta_commit_info){.operation = "TEST"}, build, &intent, &version,
                       &error));
    write_text(root, "_delta_log/00000000000000000002.json", "{\"txn\":{\"appId\":\"x\",\"version\":1}}\n");
    faulty = *mr_env_system();
    faulty.fsync_directory = faulty_fsync_directory;
    mr_env_replace(&faulty);
    syncs = 0;
    OK(mr_delta_sync_commit(&table, 1, &error));
    assert_int_equal(syncs, 0); /* published by this process */
    OK(mr_delta_sync_commit(&table, 2, &error));
    assert_int_equal(syncs, 1);
    OK(mr_delta_sync_commit(&table, 2, &error));
    assert_int_equal(syncs, 1);
    mr_env_replace(NULL);
    mr_delta_close(&table);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_writers),
        cmocka_unit_test(test_conflict_is_seen),
        cmocka_unit_test(test_ambiguous),
        cmocka_unit_test(test_sync_of_foreign_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
