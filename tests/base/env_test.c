#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/json.h"

static struct mr_arena arena;
static char *folder;

static int make_folder(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    char name[] = "/tmp/millrace-base-XXXXXX";
    folder = mkdtemp(name) ? mr_arena_copy_text(&arena, name, strlen(name)) : NULL;
    return folder ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    struct mr_error error;
    int status = mr_directory_remove(folder, &error);
    mr_arena_release(&arena);
    return status;
}

static char *in_folder(const char *name)
{
    return mr_path_join(&arena, folder, name);
}

static void write_file(const char *path, const char *text)
{
    struct mr_error error;
    int file = mr_env()->open(path, MR_OPEN_WRITE | MR_OPEN_CREATE | MR_OPEN_TRUNCATE);
    assert_true(file >= 0);
    assert_int_equal(mr_file_write_all(file, path, text, strlen(text), &error), MR_OK);
    mr_env()->close(file);
}

static void expect_content(const char *path, const char *expected)
{
    struct mr_text text;
    struct mr_error error;
    mr_text_init(&text);
    assert_int_equal(mr_file_read_all(path, &text, &error), MR_OK);
    assert_string_equal(text.data, expected);
    mr_text_release(&text);
}

static void paths_are_joined_and_cut(void **state)
{
    (void)state;
    static const char *const joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"},
        {"", "b", "b"},    {"a", "", "a"},     {"a//c", "./b/", "a/c/b"},
        {".", "b", "b"},   {"/a", "/b", "/b"}, {"a", "../b", "a/../b"},
        {"", "", "."},     {"/", "", "/"},     {"./a", ".b", "a/.b"},
    };
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++)
        assert_string_equal(mr_path_join(&arena, joins[i][0], joins[i][1]), joins[i][2]);
    assert_string_equal(mr_path_name("/a/b.c"), "b.c");
    assert_string_equal(mr_path_name("b.c"), "b.c");
    static const char *const directories[][2] = {{"/a/b", "/a"},  {"/a", "/"},   {"a", "."}, {"a/b", "a"},
                                                 {"/a//b", "/a"}, {"a/b/", "a"}, {"/", "/"}, {"", "."}};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
        assert_string_equal(mr_path_directory(&arena, directories[i][0]), directories[i][1]);
}

static void uris_become_paths(void **state)
{
    (void)state;
    static const char *const uris[][2] = {
        {"file:///a%20b", "/a b"},
        {"file:/a", "/a"},
        {"FILE:/a%2", "/a%2"},
        {"file://localhost/a", "/a"},
        {"/a%20b", "/a%20b"},
        {"a/b", "a/b"},
        {"a:b", "a:b"},
        {"file:///%C3%A9%zz", "/\xC3\xA9%zz"},
        {"file:///a%2F", "/a/"},
    };
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++)
        assert_string_equal(mr_path_from_uri(&arena, mr_str_of(uris[i][0])), uris[i][1]);
    assert_null(mr_path_from_uri(&arena, MR_STR("s3://bucket/a")));
    assert_null(mr_path_from_uri(&arena, MR_STR("hdfs:/a")));
    assert_null(mr_path_from_uri(&arena, MR_STR("file://otherhost/a")));
}

static int count_entries(void *ctx, const char *name, bool is_directory)
{
    int *count = ctx;
    *count += is_directory ? 100 : 1;
    return strcmp(name, "stop") == 0 ? 7 : 0;
}

static void directories_are_made_and_removed(void **state)
{
    (void)state;
    struct mr_error error;
    char *deep = in_folder("x/y//z/");
    assert_int_equal(mr_directory_create(in_folder("x/y/z"), &error), MR_OK);
    assert_int_equal(mr_directory_create(deep, &error), MR_OK);
    write_file(in_folder("x/y/f"), "1");
    /* a link to a directory is removed as a link */
    assert_int_equal(mr_directory_create(in_folder("kept"), &error), MR_OK);
    write_file(in_folder("kept/f"), "2");
    assert_int_equal(symlink(in_folder("kept"), in_folder("x/link")), 0);
    int count = 0;
    assert_int_equal(mr_env()->list(in_folder("x"), count_entries, &count), 0);
    assert_int_equal(count, 200);
    assert_int_equal(mr_directory_remove(in_folder("x"), &error), MR_OK);
    assert_false(mr_file_exists(in_folder("x")));
    expect_content(in_folder("kept/f"), "2");
    assert_int_equal(mr_directory_remove(in_folder("x"), &error), MR_OK);
    write_file(in_folder("file"), "");
    assert_int_equal(mr_directory_create(in_folder("file/a"), &error), MR_E_IO);
    assert_int_equal(mr_directory_create(in_folder("file"), &error), MR_E_IO);
    assert_int_equal(error.sys_errno, EEXIST);
    write_file(in_folder("kept/stop"), "");
    assert_int_equal(mr_env()->list(in_folder("kept"), count_entries, &count), 7);
    assert_int_equal(mr_env()->list(in_folder("nothing"), count_entries, &count), -1);
}

static void files_are_read_whole(void **state)
{
    (void)state;
    struct mr_error error;
    struct mr_text text;
    mr_text_init(&text);
    assert_int_equal(mr_file_read_all(in_folder("absent"), &text, &error), MR_E_IO);
    assert_int_equal(error.sys_errno, ENOENT);
    assert_non_null(strstr(error.message, "absent"));
    mr_text_append_str(&text, "kept ");
    write_file(in_folder("f"), "content");
    assert_int_equal(mr_file_read_all(in_folder("f"), &text, &error), MR_OK);
    assert_string_equal(text.data, "kept content");
    /* a file whose size says nothing */
    mr_text_clear(&text);
    assert_int_equal(mr_file_read_all("/proc/self/status", &text, &error), MR_OK);
    assert_true(text.size > 100);
    /* directories can be opened, not read */
    assert_int_equal(mr_file_read_all(folder, &text, &error), MR_E_IO);
    assert_int_equal(error.sys_errno, EISDIR);
    mr_text_release(&text);
}

/* ---- an environment that journals and fails ---- */

static struct mr_text journal;
static const char *fail_call;
static int fail_errno;
static int64_t write_limit = INT64_MAX;

static int note(const char *call, const char *path)
{
    mr_text_format(&journal, "%s %s\n", call, path ? mr_path_name(path) : "");
    if (!fail_call || strcmp(fail_call, call) != 0)
        return 0;
    errno = fail_errno;
    return -1;
}

static int test_fsync(int file)
{
    return note("fsync", NULL) < 0 ? -1 : mr_env_system()->fsync(file);
}
static int test_fsync_directory(const char *path)
{
    return note("fsync_directory", path) < 0 ? -1 : mr_env_system()->fsync_directory(path);
}
static int test_rename(const char *from, const char *to)
{
    return note("rename", to) < 0 ? -1 : mr_env_system()->rename(from, to);
}
static int test_mkdir(const char *path)
{
    return note("mkdir", path) < 0 ? -1 : mr_env_system()->mkdir(path);
}
static int64_t test_write(int file, const void *data, size_t size)
{
    if (note("write", NULL) < 0)
        return -1;
    return mr_env_system()->write(file, data, (int64_t)size < write_limit ? size : (size_t)write_limit);
}

static void use_test_env(const char *failing, int with_errno)
{
    static struct mr_env env;
    env = *mr_env_system();
    env.fsync = test_fsync;
    env.fsync_directory = test_fsync_directory;
    env.rename = test_rename;
    env.mkdir = test_mkdir;
    env.write = test_write;
    fail_call = failing;
    fail_errno = with_errno;
    mr_text_clear(&journal);
    mr_env_replace(&env);
}

static void replace_syncs_in_order(void **state)
{
    (void)state;
    struct mr_error error;
    mr_text_init(&journal);
    use_test_env(NULL, 0);
    write_limit = 4; /* short writes */
    assert_int_equal(mr_file_replace(in_folder("r"), "abcdefg", 7, &error), MR_OK);
    write_limit = INT64_MAX;
    char *expected = mr_arena_format(&arena, "write \nwrite \nfsync \nrename r\nfsync_directory %s\n",
                                     mr_path_name(folder));
    assert_string_equal(journal.data, expected);
    expect_content(in_folder("r"), "abcdefg");
    static const char *const calls[] = {"write", "fsync", "rename", "fsync_directory"};
    for (int i = 0; i < 4; i++) {
        use_test_env(calls[i], ENOSPC);
        assert_int_equal(mr_file_replace(in_folder("r"), "new", 3, &error), MR_E_IO);
        assert_int_equal(error.sys_errno, ENOSPC);
        mr_env_replace(NULL);
        assert_int_equal(!!(error.flags & MR_AMBIGUOUS), i == 3);
        assert_int_equal(!!(error.flags & MR_FATAL), i == 1 || i == 3);
        expect_content(in_folder("r"), i == 3 ? "new" : "abcdefg");
        int entries = 0; /* no temporary file is left */
        struct mr_error ignored;
        assert_int_equal(mr_directory_create(in_folder("only"), &ignored), MR_OK);
        mr_env()->list(in_folder("only"), count_entries, &entries);
        assert_int_equal(entries, 0);
    }
    use_test_env("fsync", EIO);
    assert_int_equal(mr_file_replace(in_folder("only/f"), "new", 3, &error), MR_E_IO);
    mr_env_replace(NULL);
    int entries = 0;
    mr_env()->list(in_folder("only"), count_entries, &entries);
    assert_int_equal(entries, 0);
    mr_text_release(&journal);
}

static void new_directories_are_synced_into_their_parents(void **state)
{
    (void)state;
    struct mr_error error;
    mr_text_init(&journal);
    use_test_env(NULL, 0);
    assert_int_equal(mr_directory_create(in_folder("p/q"), &error), MR_OK);
    char *expected = mr_arena_format(&arena, "mkdir p\nfsync_directory %s\nmkdir q\nfsync_directory p\n",
                                     mr_path_name(folder));
    assert_non_null(strstr(journal.data, expected));
    mr_text_clear(&journal);
    assert_int_equal(mr_directory_create(in_folder("p/q"), &error), MR_OK);
    assert_string_equal(journal.data, "");
    /* a directory that somebody made and perhaps did not fsync: its parent, once */
    assert_int_equal(mr_env_system()->mkdir(in_folder("p/found")), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mr_directory_create(in_folder("p/found"), &error), MR_OK);
    assert_string_equal(journal.data, "fsync_directory p\n");
    mr_text_clear(&journal);
    assert_int_equal(mr_env_system()->mkdir(in_folder("p/found/deeper")), 0);
    assert_int_equal(mr_directory_create(in_folder("p/found/deeper/new"), &error), MR_OK);
    assert_string_equal(journal.data, "fsync_directory found\nmkdir new\nfsync_directory deeper\n");
    use_test_env("fsync_directory", EIO);
    assert_int_equal(mr_directory_create(in_folder("p/r"), &error), MR_E_IO);
    mr_env_replace(NULL);
    mr_text_release(&journal);
}

static void links_are_put_if_absent(void **state)
{
    (void)state;
    write_file(in_folder("a"), "a");
    assert_int_equal(mr_env()->link(in_folder("a"), in_folder("linked")), 0);
    assert_int_equal(mr_env()->link(in_folder("a"), in_folder("linked")), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(mr_env()->open(in_folder("a"), MR_OPEN_WRITE | MR_OPEN_CREATE | MR_OPEN_EXCLUSIVE), -1);
    assert_int_equal(errno, EEXIST);
    struct mr_file_info info;
    assert_int_equal(mr_env()->stat(in_folder("a"), &info), 0);
    assert_int_equal(info.size_bytes, 1);
    assert_true(info.is_regular && !info.is_directory);
    assert_true(llabs(info.modified_us - mr_env()->now_us()) < 60000000);
    int file = mr_env()->open(in_folder("a"), MR_OPEN_READ);
    assert_true(fcntl(file, F_GETFD) & FD_CLOEXEC);
    char byte = 0;
    assert_int_equal(mr_env()->pread(file, &byte, 1, 0), 1);
    assert_int_equal(byte, 'a');
    mr_env()->close(file);
}

static void time_and_dice(void **state)
{
    (void)state;
    int64_t start = mr_env()->monotonic_us();
    mr_env()->sleep_us(2000);
    assert_true(mr_env()->monotonic_us() - start >= 2000);
    mr_env()->sleep_us(-5);
    assert_true(mr_env()->random() != mr_env()->random());
}

static void kill_points_kill(void **state)
{
    (void)state;
    for (int hits = 1; hits <= 3; hits++) {
        pid_t child = fork();
        if (child == 0) {
            setenv("MILLRACE_KILLPOINT", "here:2", 1);
            mr_killpoint("her");
            mr_killpoint("heree");
            for (int i = 0; i < hits; i++)
                mr_killpoint("here");
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (hits < 2)
            assert_true(WIFEXITED(status));
        else
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

/* ---- pool ---- */

struct work {
    atomic_int runs;
    atomic_int workers[8];
    int failing;
};

static int run_work(void *ctx, int worker, struct mr_error *error)
{
    struct work *work = ctx;
    atomic_fetch_add(&work->runs, 1);
    atomic_fetch_add(&work->workers[worker], 1);
    if (work->failing >= 0 && worker >= work->failing)
        return mr_error_set(error, MR_E_DATA, "X", "worker %d", worker);
    return MR_OK;
}

static void pools_run_every_worker(void **state)
{
    (void)state;
    struct mr_error error;
    for (int workers = 1; workers <= 4; workers++) {
        struct mr_pool *pool = NULL;
        assert_int_equal(mr_pool_start(&pool, workers, &error), MR_OK);
        assert_int_equal(mr_pool_workers(pool), workers);
        struct work work = {.failing = -1};
        for (int round = 0; round < 300; round++)
            assert_int_equal(mr_pool_run(pool, run_work, &work, &error), MR_OK);
        assert_int_equal(work.runs, 300 * workers);
        for (int i = 0; i < workers; i++)
            assert_int_equal(work.workers[i], 300);
        for (int failing = 0; failing < workers; failing++) {
            work.failing = failing;
            mr_error_clear(&error);
            assert_int_equal(mr_pool_run(pool, run_work, &work, &error), MR_E_DATA);
            int worker = -1;
            assert_int_equal(sscanf(error.message, "worker %d", &worker), 1);
            assert_in_range(worker, failing, workers - 1);
        }
        mr_pool_stop(pool);
    }
    struct mr_pool *none = NULL;
    assert_int_equal(mr_pool_start(&none, 0, &error), MR_E_USAGE);
    mr_pool_stop(NULL);
}

static void *drive(void *argument)
{
    struct mr_pool *pool = argument;
    struct mr_error error;
    struct work work = {.failing = -1};
    for (int i = 0; i < 200; i++)
        if (mr_pool_run(pool, run_work, &work, &error) != MR_OK)
            return NULL;
    return work.runs == 600 ? pool : NULL;
}

static void drivers_share_a_pool(void **state)
{
    (void)state;
    struct mr_error error;
    struct mr_pool *pool = NULL;
    assert_int_equal(mr_pool_start(&pool, 3, &error), MR_OK);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, drive, pool), 0);
    for (int i = 0; i < 3; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, pool);
    }
    mr_pool_stop(pool);
}

static void log_lines_are_json(void **state)
{
    (void)state;
    char *path = in_folder("log");
    int saved = dup(STDERR_FILENO), file = open(path, O_CREAT | O_WRONLY, 0600);
    dup2(file, STDERR_FILENO);
    mr_log(MR_LOG_DEBUG, "test.hidden", "not shown");
    mr_log(MR_LOG_WARN, "test.event", "quote \" and %s", "\xFF");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(file);
    struct mr_text text;
    struct mr_error error;
    struct mr_json *json = NULL;
    mr_text_init(&text);
    assert_int_equal(mr_file_read_all(path, &text, &error), MR_OK);
    assert_int_equal(mr_json_parse(&arena, mr_text_str(&text), &json, &error), MR_OK);
    struct mr_str member;
    assert_true(mr_json_get_str(json, "message", &member));
    assert_true(mr_str_equal(member, MR_STR("quote \" and \xEF\xBF\xBD")));
    assert_true(mr_json_get_str(json, "level", &member) && mr_str_equal(member, MR_STR("warn")));
    assert_true(mr_json_get_str(json, "time", &member) && member.size == 27);
    mr_text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_joined_and_cut),
        cmocka_unit_test(uris_become_paths),
        cmocka_unit_test(directories_are_made_and_removed),
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(replace_syncs_in_order),
        cmocka_unit_test(new_directories_are_synced_into_their_parents),
        cmocka_unit_test(links_are_put_if_absent),
        cmocka_unit_test(time_and_dice),
        cmocka_unit_test(kill_points_kill),
        cmocka_unit_test(pools_run_every_worker),
        cmocka_unit_test(drivers_share_a_pool),
        cmocka_unit_test(log_lines_are_json),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
