/* The local storage: what put_if_absent promises, also when the disk says no. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/storage.h"

static char folder[64];
static struct mr_storage storage;
static struct mr_error error;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/millrace-storage-XXXXXX");
    mr_error_clear(&error);
    return mkdtemp(folder) ? mr_storage_open(&storage, folder, &error) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_env_replace(NULL);
    mr_storage_close(&storage);
    return mr_directory_remove(folder, &error);
}

/* ---- an environment that counts, and fails the call that is named ---- */

static struct mr_env broken;
static const char *fail_call;
static int fail_errno;
static char calls[4096];

static bool fails(const char *call)
{
    strcat(calls, call);
    strcat(calls, " ");
    if (!fail_call || strcmp(call, fail_call) != 0)
        return false;
    errno = fail_errno;
    return true;
}
static int broken_open(const char *path, int flags)
{
    return fails("open") ? -1 : mr_env_system()->open(path, flags);
}
static int64_t broken_write(int file, const void *data, size_t size)
{
    return fails("write") ? -1 : mr_env_system()->write(file, data, size);
}
static int broken_fsync(int file)
{
    return fails("fsync") ? -1 : mr_env_system()->fsync(file);
}
static int broken_fsync_directory(const char *path)
{
    return fails("fsync_directory") ? -1 : mr_env_system()->fsync_directory(path);
}
static int broken_link(const char *from, const char *to)
{
    return fails("link") ? -1 : mr_env_system()->link(from, to);
}
static int broken_unlink(const char *path)
{
    return fails("unlink") ? -1 : mr_env_system()->unlink(path);
}

static void break_environment(const char *call, int sys_errno)
{
    broken = *mr_env_system();
    broken.open = broken_open;
    broken.write = broken_write;
    broken.fsync = broken_fsync;
    broken.fsync_directory = broken_fsync_directory;
    broken.link = broken_link;
    broken.unlink = broken_unlink;
    fail_call = call;
    fail_errno = sys_errno;
    calls[0] = '\0';
    mr_env_replace(&broken);
}

/* ---- helpers ---- */

static int put(const char *path, const char *text)
{
    return storage.type->put_if_absent(&storage, path, text, strlen(text), &error);
}

static void expect(const char *path, const char *text)
{
    struct mr_text got;
    mr_text_init(&got);
    int status = storage.type->get(&storage, path, &got, &error);
    if (!text)
        assert_int_equal(status, MR_END);
    else
        assert_string_equal(got.data, text);
    mr_text_release(&got);
}

struct names {
    char text[1000];
    int stop_after;
};

static int add_name(void *ctx, const struct mr_storage_entry *entry)
{
    struct names *names = ctx;
    strcat(names->text, entry->path);
    strcat(names->text, entry->is_directory ? "/ " : " ");
    return --names->stop_after == 0 ? 7 : 0;
}

static void expect_list(const char *directory, const char *after, const char *expected)
{
    struct names names = {.stop_after = -1};
    assert_int_equal(storage.type->list(&storage, directory, after, add_name, &names, &error), MR_OK);
    assert_string_equal(names.text, expected);
}

static int files_on_disk(const char *directory)
{
    char command[200];
    int count = -1;
    snprintf(command, sizeof(command), "find %s/%s -type f | wc -l", folder, directory);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
}

/* ---- tests ---- */

static void the_first_put_wins(void **state)
{
    (void)state;
    assert_int_equal(put("log/0.json", "first"), MR_PUT_DONE);
    assert_int_equal(put("log/0.json", "second"), MR_PUT_EXISTS);
    expect("log/0.json", "first");
    assert_int_equal(files_on_disk("log"), 1); /* no temporary is left */
}

static void an_empty_object_can_be_put(void **state)
{
    (void)state;
    assert_int_equal(put("empty", ""), MR_PUT_DONE);
    expect("empty", "");
    assert_int_equal(put("empty", "x"), MR_PUT_EXISTS);
}

static void put_syncs_in_order(void **state)
{
    (void)state;
    assert_int_equal(put("a", "x"), MR_PUT_DONE);
    break_environment(NULL, 0);
    assert_int_equal(put("b", "x"), MR_PUT_DONE);
    assert_string_equal(calls, "open write fsync link unlink fsync_directory ");
}

static void a_missing_directory_is_made_and_its_parents_are_synced(void **state)
{
    (void)state;
    break_environment(NULL, 0);
    assert_int_equal(put("x/y/z", "1"), MR_PUT_DONE);
    static const char begin[] = "open fsync_directory fsync_directory ";
    static const char end[] = "fsync_directory open write fsync link unlink fsync_directory ";
    assert_memory_equal(calls, begin, strlen(begin));
    assert_string_equal(calls + strlen(calls) - strlen(end), end);
    mr_env_replace(NULL);
    expect("x/y/z", "1");
}

static void a_put_that_was_refused_left_nothing(void **state)
{
    (void)state;
    static const char *const refused[] = {"open", "write", "fsync"};
    for (size_t i = 0; i < 3; i++) {
        mr_error_clear(&error);
        break_environment(refused[i], ENOSPC);
        assert_int_equal(put("full", "text"), MR_E_IO);
        assert_true(error.flags & MR_RETRIABLE);
        assert_false(error.flags & MR_AMBIGUOUS);
        mr_env_replace(NULL);
        expect("full", NULL);
        assert_int_equal(files_on_disk("."), 0);
    }
}

static void a_put_that_may_have_landed_is_ambiguous(void **state)
{
    (void)state;
    break_environment("fsync_directory", EIO);
    assert_int_equal(put("a", "text"), MR_E_IO);
    assert_true(error.flags & MR_AMBIGUOUS);
    mr_env_replace(NULL);
    expect("a", "text");
    mr_error_clear(&error);
    break_environment("link", EIO);
    assert_int_equal(put("b", "text"), MR_E_IO);
    assert_true(error.flags & MR_AMBIGUOUS);
}

static void a_file_system_without_links_is_refused_by_name(void **state)
{
    (void)state;
    break_environment("link", EPERM);
    assert_int_equal(put("a", "text"), MR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "hard links"));
    assert_false(error.flags & MR_AMBIGUOUS);
    mr_env_replace(NULL);
    expect("a", NULL);
}

static void a_temporary_that_cannot_be_removed_does_not_undo_the_put(void **state)
{
    (void)state;
    break_environment("unlink", EIO);
    assert_int_equal(put("a", "text"), MR_PUT_DONE);
    mr_env_replace(NULL);
    expect("a", "text");
    expect_list("", NULL, "a "); /* and nobody sees it */
    int64_t now = mr_env()->now_us();
    assert_int_equal(files_on_disk(""), 2);
    assert_int_equal(storage.type->remove_abandoned(&storage, "", now - 60000000, &error), MR_OK);
    assert_int_equal(files_on_disk(""), 2); /* somebody may still be at it */
    assert_int_equal(storage.type->remove_abandoned(&storage, "", now + 60000000, &error), MR_OK);
    assert_int_equal(files_on_disk(""), 1);
    assert_int_equal(storage.type->remove_abandoned(&storage, "none", now, &error), MR_OK);
    expect("a", "text");
}

static void lists_are_sorted_and_bounded(void **state)
{
    (void)state;
    static const char *const names[] = {"d/10", "d/9", "d/1", "d/sub/x", "d/_last"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(put(names[i], "x"), MR_PUT_DONE);
    expect_list("d", NULL, "d/1 d/10 d/9 d/_last d/sub/ ");
    expect_list("d", "10", "d/9 d/_last d/sub/ ");
    expect_list("d", "zzz", "");
    expect_list("nowhere", NULL, "");
    struct names one = {.stop_after = 1};
    assert_int_equal(storage.type->list(&storage, "d", NULL, add_name, &one, &error), 7);
    assert_string_equal(one.text, "d/1 ");
}

static void stat_and_remove(void **state)
{
    (void)state;
    struct mr_storage_entry entry;
    assert_int_equal(storage.type->stat(&storage, "a", &entry, &error), MR_END);
    assert_int_equal(put("a", "12345"), MR_PUT_DONE);
    assert_int_equal(storage.type->stat(&storage, "a", &entry, &error), MR_OK);
    assert_int_equal(entry.size_bytes, 5);
    assert_true(entry.modified_us > INT64_C(1500000000000000));
    assert_int_equal(storage.type->remove(&storage, "a", &error), MR_OK);
    assert_int_equal(storage.type->remove(&storage, "a", &error), MR_OK);
    assert_int_equal(storage.type->stat(&storage, "a/b", &entry, &error), MR_END);
}

static void replace_takes_the_place(void **state)
{
    (void)state;
    assert_int_equal(storage.type->replace(&storage, "x/_last", "1", 1, &error), MR_OK);
    assert_int_equal(storage.type->replace(&storage, "x/_last", "22", 2, &error), MR_OK);
    expect("x/_last", "22");
    assert_int_equal(files_on_disk("x"), 1);
}

static void outputs_are_new_files(void **state)
{
    (void)state;
    struct mr_output *output, *other;
    assert_int_equal(storage.type->output(&storage, "p=1/part", &output, &error), MR_OK);
    assert_int_equal(storage.type->output(&storage, "p=1/part", &other, &error), MR_E_IO);
    char block[100000];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(output->write(output, "small", 5, &error), MR_OK);
        assert_int_equal(output->write(output, block, sizeof(block), &error), MR_OK);
    }
    assert_int_equal(output->written_bytes, 3 * 100005);
    assert_int_equal(output->finish(output, &error), MR_OK);
    struct mr_input *input;
    char piece[10];
    assert_int_equal(storage.type->input(&storage, "p=1/part", &input, &error), MR_OK);
    assert_int_equal(input->size_bytes, 3 * 100005);
    assert_int_equal(input->read_at(input, 100005, piece, 6, &error), MR_OK);
    assert_memory_equal(piece, "smallx", 6);
    assert_int_equal(input->read_at(input, 3 * 100005 - 2, piece, 6, &error), MR_E_CORRUPT);
    assert_non_null(strstr(error.message, "part"));
    assert_int_equal(error.offset, 3 * 100005);
    input->close(input);
}

static void an_abandoned_output_is_gone(void **state)
{
    (void)state;
    struct mr_output *output;
    assert_int_equal(storage.type->output(&storage, "a", &output, &error), MR_OK);
    assert_int_equal(output->write(output, "text", 4, &error), MR_OK);
    output->abandon(output);
    expect("a", NULL);
}

static void an_output_that_failed_cannot_be_finished(void **state)
{
    (void)state;
    struct mr_output *output;
    char block[70000] = {0};
    assert_int_equal(storage.type->output(&storage, "a", &output, &error), MR_OK);
    break_environment("write", EIO);
    assert_int_equal(output->write(output, block, sizeof(block), &error), MR_E_IO);
    mr_env_replace(NULL);
    assert_int_equal(output->write(output, block, sizeof(block), &error), MR_E_IO);
    assert_int_equal(output->finish(output, &error), MR_E_IO);

    assert_int_equal(storage.type->output(&storage, "b", &output, &error), MR_OK);
    break_environment("fsync", EIO);
    assert_int_equal(output->write(output, "text", 4, &error), MR_OK);
    assert_int_equal(output->finish(output, &error), MR_E_IO);
    assert_string_equal(calls, "write fsync "); /* and no second attempt at it */
    mr_env_replace(NULL);
    expect("b", "text");
}

static void missing_files_are_named(void **state)
{
    (void)state;
    struct mr_input *input;
    assert_int_equal(storage.type->input(&storage, "gone.parquet", &input, &error), MR_E_IO);
    assert_string_equal(error.condition, "FAILED_READ_FILE.FILE_NOT_EXIST");
    assert_non_null(strstr(error.message, "gone.parquet"));
    assert_int_equal(mkdir(folder, 0755), -1);
    assert_int_equal(storage.type->input(&storage, "", &input, &error), MR_E_IO); /* a directory */
}

static void roots_may_be_uris(void **state)
{
    (void)state;
    struct mr_storage other;
    char uri[200];
    assert_int_equal(put("a b", "text"), MR_PUT_DONE);
    snprintf(uri, sizeof(uri), "file://%s/", folder);
    assert_int_equal(mr_storage_open(&other, uri, &error), MR_OK);
    assert_string_equal(other.root, folder);
    mr_storage_close(&other);
    assert_int_equal(mr_storage_open(&other, "s3://bucket/x", &error), MR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "s3"));
    assert_int_equal(mr_storage_open(&other, "abfss://x@y/z", &error), MR_E_UNSUPPORTED);
    assert_int_equal(mr_storage_open(&other, "", &error), MR_E_USAGE);
    assert_int_equal(mr_storage_open(&other, "relative/with:colon", &error), MR_OK);
    mr_storage_close(&other);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_put_wins),
        TEST(an_empty_object_can_be_put),
        TEST(put_syncs_in_order),
        TEST(a_missing_directory_is_made_and_its_parents_are_synced),
        TEST(a_put_that_was_refused_left_nothing),
        TEST(a_put_that_may_have_landed_is_ambiguous),
        TEST(a_file_system_without_links_is_refused_by_name),
        TEST(a_temporary_that_cannot_be_removed_does_not_undo_the_put),
        TEST(lists_are_sorted_and_bounded),
        TEST(stat_and_remove),
        TEST(replace_takes_the_place),
        TEST(outputs_are_new_files),
        TEST(an_abandoned_output_is_gone),
        TEST(an_output_that_failed_cannot_be_finished),
        TEST(missing_files_are_named),
        TEST(roots_may_be_uris),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
