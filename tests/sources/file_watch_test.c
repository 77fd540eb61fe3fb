/* tests/sources/file_watch_test.c: files are found, planned, read once, and remembered. */
#include <sys/inotify.h>

#include "tests/sources/file_helper.h"

static void reads_each_file_once(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/b.json", "{\"a\":1}\n{\"a\":2}\n");
    write_file("in/a.json", "{\"a\":3}\n");
    write_file("in/_hidden.json", "{\"a\":99}\n");
    write_file("in/.dot.json", "{\"a\":99}\n");
    age("in/b.json", 1);
    age("in/a.json", 2);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;2,NULL;3,NULL;");
    assert_string_equal(r.offset.data, "{\"logOffset\":0}");
    assert_string_equal(step(&r), "");
    write_file("in/c.json", "{\"a\":4}\n");
    assert_string_equal(step(&r), "4,NULL;");
    stop(&r);
    write_file("in/d.json", "{\"a\":5}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "5,NULL;");
    assert_string_equal(step(&r), "");
    end(&r);
}

static void limits_and_order(void **state)
{
    struct run r = {0};
    (void)state;
    for (int i = 0; i < 5; i++) {
        char name[32], text[32];
        snprintf(name, sizeof name, "in/f%d.json", i);
        snprintf(text, sizeof text, "{\"a\":%d}\n", i);
        write_file(name, text);
        age(name, 10 - i / 2); /* f4, then f2 f3, then f0 f1 */
    }
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("maxFilesPerTrigger", "2")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "4,NULL;2,NULL;");
    assert_int_equal(r.source.metrics.backlog_files, 3);
    assert_string_equal(step(&r), "3,NULL;0,NULL;");
    assert_string_equal(step(&r), "1,NULL;");
    assert_string_equal(step(&r), "");
    end(&r);
}

static void metadata_and_partitions(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/day=2024-01-02/n=7/x y.json", "{\"a\":1}\n");
    age("in/day=2024-01-02/n=7/x y.json", 0);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    char wanted[600];
    snprintf(wanted, sizeof wanted,
             "1,2024-01-02,7,{file:%s/in/day=2024-01-02/n=7/x%%20y.json, x%%20y.json, 8, 0, 8, 2023-11-14 "
             "22:13:20};",
             base);
    assert_string_equal(step(&r), wanted);
    assert_int_equal(r.source.hidden_columns, 1);
    end(&r);
}

static void splits_of_large_files(void **state)
{
    struct run r = {0};
    struct mr_text text, rows, to, wanted;
    int count;
    (void)state;
    mr_text_init(&text);
    mr_text_init(&rows);
    mr_text_init(&to);
    mr_text_init(&wanted);
    for (int i = 0; i < 2000; i++) {
        mr_text_format(&text, "{\"a\":%d,\"pad\":\"%.*s\"}%s\n", i, i % 37,
                       "....................................", i % 3 == 0 ? "\r" : "");
        mr_text_format(&wanted, "%d,NULL;", i);
    }
    write_file("in/big.json", text.data);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("splitBytes", "1024")));
    r.source.used = (bool[]){true, false};
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, &count), 0);
    assert_true(count > 50);
    assert_string_equal(rows.data, wanted.data);
    end(&r);
    mr_text_release(&text);
    mr_text_release(&rows);
    mr_text_release(&to);
    mr_text_release(&wanted);
}

static void a_cut_batch_goes_on(void **state)
{
    struct run r = {0};
    struct mr_text text, rows, to, cut;
    struct mr_arena arena;
    (void)state;
    mr_text_init(&text);
    mr_text_init(&rows);
    mr_text_init(&to);
    mr_text_init(&cut);
    mr_arena_init(&arena);
    for (int i = 0; i < 400; i++)
        mr_text_format(&text, "{\"a\":%d,\"pad\":\"..............................\"}\n", i);
    write_file("in/1.json", text.data);
    age("in/1.json", 1);
    write_file("in/2.json", "{\"a\":1000}\n");
    age("in/2.json", 2);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("splitBytes", "4k")));
    r.source.used = (bool[]){true, false};
    assert_true(plan(&r, &to));
    struct mr_split_list splits = {.arena = &arena};
    assert_int_equal(mr_file_source.split(&r.source, mr_text_str(&r.offset), mr_text_str(&to), &splits,
                                          &r.error),
                     0);
    assert_true(splits.count > 3);
    assert_int_equal(mr_file_source.cut(&r.source, mr_text_str(&r.offset), mr_text_str(&to), &splits, 2, &cut,
                                        &r.error),
                     0);
    assert_int_equal(read_range(&r, mr_text_str(&cut), &rows, NULL), 0);
    int first_part = 0;
    for (char *p = rows.data; *p; p++)
        first_part += *p == ';';
    assert_true(first_part > 50 && first_part < 300);
    decide(&r, mr_text_str(&cut));
    stop(&r); /* and the rest is read by another process */
    char path[512], aside[512];
    snprintf(path, sizeof path, "%s/in/1.json", base);
    snprintf(aside, sizeof aside, "%s/aside", base);
    assert_int_equal(rename(path, aside), 0);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    mr_text_clear(&cut);
    assert_int_equal(mr_file_source.latest(&r.source, mr_text_str(&r.offset), &cut, &r.error), MR_E_IO);
    assert_string_equal(r.error.condition, "FAILED_READ_FILE.FILE_NOT_EXIST");
    assert_non_null(strstr(r.error.message, "read up to byte"));
    stop(&r);
    assert_int_equal(rename(aside, path), 0);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    mr_text_append_str(&rows, step(&r));
    int all = 0;
    long sum = 0;
    for (char *p = rows.data; *p; p = strchr(p, ';') + 1, all++)
        sum += atol(p);
    assert_int_equal(all, 401);
    assert_int_equal(sum, 399 * 400 / 2 + 1000);
    assert_string_equal(step(&r), "");
    end(&r);
    mr_arena_release(&arena);
    mr_text_release(&text);
    mr_text_release(&rows);
    mr_text_release(&to);
    mr_text_release(&cut);
}

static void undecided_batches_are_planned_again(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_true(plan(&r, &to));
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), 0);
    write_file("in/b.json", "{\"a\":2}\n");
    age("in/a.json", 1);
    age("in/b.json", 2);
    assert_string_equal(step(&r), "1,NULL;2,NULL;"); /* the decision failed: from the same offset again */
    assert_string_equal(step(&r), "");
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void existing_files_can_be_left_out(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/old.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("includeExistingFiles", "false")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "");
    assert_string_equal(r.offset.data, "{\"logOffset\":0}"); /* a decision without rows */
    write_file("in/new.json", "{\"a\":2}\n");
    assert_string_equal(step(&r), "2,NULL;");
    stop(&r);
    write_file("in/late.json", "{\"a\":3}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("includeExistingFiles", "false")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "3,NULL;");
    end(&r);
}

static void globs(void **state)
{
    (void)state;
    assert_true(mr_glob_match("*.json", "a.json"));
    assert_false(mr_glob_match("*.json", "a.json.gz"));
    assert_true(mr_glob_match("f?[a-c][^0-9]*", "fxbq"));
    assert_false(mr_glob_match("f?[a-c][^0-9]*", "fxb1"));
    assert_true(mr_glob_match("a\\*b", "a*b"));
    assert_false(mr_glob_match("a\\*b", "axb"));
    assert_true(mr_glob_match("*a*b*c*", "xxaxxbxxcxx"));
    struct mr_arena arena;
    struct mr_error error = {0};
    const char **patterns;
    int count;
    mr_arena_init(&arena);
    assert_int_equal(mr_glob_expand(&arena, "x{a,b/{c,d}}y", &patterns, &count, &error), 0);
    assert_int_equal(count, 3);
    assert_string_equal(patterns[0], "xay");
    assert_string_equal(patterns[1], "xb/cy");
    assert_string_equal(patterns[2], "xb/dy");
    mr_arena_release(&arena);
}

static void folders_and_globs(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/2024-01/a.json", "{\"a\":1}\n");
    write_file("in/2024-02/b.json", "{\"a\":2}\n");
    write_file("in/2024-03/c.json", "{\"a\":3}\n");
    write_file("in/2024-02/sub/d.json", "{\"a\":4}\n");
    write_file("in/2024-02/e.txt", "{\"a\":5}\n");
    age("in/2024-01/a.json", 1);
    age("in/2024-02/b.json", 2);
    age("in/2024-02/sub/d.json", 3);
    start(&r, "a BIGINT",
          OPTIONS(O("path", "in/2024-0{1,2}"), O("format", "json"), O("pathGlobFilter", "*.json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;2,NULL;4,NULL;");
    write_file("in/2024-02/new/deep/f.json", "{\"a\":6}\n"); /* folders that appear later */
    usleep(10000);
    assert_string_equal(step(&r), "6,NULL;");
    write_file("in/2024-02/new/deep/g.json", "{\"a\":7}\n");
    assert_string_equal(step(&r), "7,NULL;");
    write_file("in/2024-03/h.json", "{\"a\":8}\n");
    assert_string_equal(step(&r), "");
    end(&r);
    start(&r, "a BIGINT",
          OPTIONS(O("path", "in/2024-02"), O("format", "json"), O("recursiveFileLookup", "false"),
                  O("modifiedAfter", "2020-01-01"), O("fileNamePattern", "*.json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "2,NULL;");
    end(&r);
}

static void wait_and_wake(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;");
    int64_t before = mr_env()->monotonic_us();
    mr_file_source.wait(&r.source, before + 50000);
    assert_true(mr_env()->monotonic_us() - before >= 49000);
    write_file("in/b.json", "{\"a\":2}\n");
    before = mr_env()->monotonic_us();
    mr_file_source.wait(&r.source, before + 60000000);
    assert_true(mr_env()->monotonic_us() - before < 30000000);
    assert_string_equal(step(&r), "2,NULL;");
    mr_file_source.wake(&r.source);
    assert_string_equal(step(&r), "");
    before = mr_env()->monotonic_us();
    mr_file_source.wait(&r.source, before + 60000000);
    assert_true(mr_env()->monotonic_us() - before < 30000000);
    end(&r);
}

/* ---- files being written ---- */

static enum mr_lease_result lease_answer;
static enum mr_lease_result fake_lease(const char *path)
{
    (void)path;
    return lease_answer;
}

static void half_written_files_wait(void **state)
{
    struct run r = {0};
    (void)state;
    char path[512];
    mkdir(base, 0755);
    write_file("in/a.json", "{\"a\":1}\n");
    snprintf(path, sizeof path, "%s/in/open.json", base);
    FILE *open_file = fopen(path, "w");
    fputs("{\"a\":2}\n{\"a\"", open_file);
    fflush(open_file);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;"); /* somebody has open.json open for writing: no lease */
    assert_string_equal(step(&r), "");
    fputs(":3}\n", open_file);
    fclose(open_file);
    assert_string_equal(step(&r), "2,NULL;3,NULL;"); /* closed: whole */
    end(&r);
    /* Where leases say nothing, the size must stand still for one listing. */
    struct mr_notify_system silent = *mr_notify_system();
    silent.lease = fake_lease;
    lease_answer = MR_LEASE_UNKNOWN;
    mr_notify_system_replace(&silent);
    struct run q = {0};
    start(&q, "a BIGINT",
          OPTIONS(O("path", "in"), O("format", "json"), O("listInterval", "20 ms"),
                  O("pathGlobFilter", "a*")));
    q.source.used = (bool[]){true, false};
    assert_string_equal(step(&q), "");
    usleep(30000);
    assert_string_equal(step(&q), "1,NULL;");
    end(&q);
    mr_notify_system_replace(NULL);
}

static void a_changed_file_fails_the_batch(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_true(plan(&r, &to));
    write_file("in/a.json", "{\"a\":1}\n{\"a\":2}\n");
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_IO);
    assert_string_equal(r.error.condition, "FAILED_READ_FILE.NO_HINT");
    assert_true(r.error.flags & MR_RETRIABLE);
    assert_string_equal(step(&r), "1,NULL;2,NULL;");
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void missing_files(void **state)
{
    struct run r = {0};
    struct mr_text to, rows;
    char path[512];
    (void)state;
    mr_text_init(&to);
    mr_text_init(&rows);
    write_file("in/a.json", "{\"a\":1}\n");
    snprintf(path, sizeof path, "%s/in/a.json", base);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_true(plan(&r, &to));
    unlink(path);
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), MR_E_IO);
    assert_string_equal(r.error.condition, "FAILED_READ_FILE.FILE_NOT_EXIST");
    assert_string_equal(r.error.file, path);
    end(&r);
    write_file("in/a.json", "{\"a\":1}\n");
    write_file("in/b.json", "{\"a\":2}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("ignoreMissingFiles", "true")));
    r.source.used = (bool[]){true, false};
    assert_true(plan(&r, &to));
    unlink(path);
    mr_text_clear(&rows);
    assert_int_equal(read_range(&r, mr_text_str(&to), &rows, NULL), 0);
    assert_string_equal(rows.data, "2,NULL;");
    end(&r);
    mr_text_release(&to);
    mr_text_release(&rows);
}

static void expect_refused(const struct mr_option *options, int count, const char *condition)
{
    struct run r = {0};
    start_with(&r, "a BIGINT", options, count);
    assert_true(mr_file_source.open(&r.source, &r.error) < 0);
    assert_string_equal(r.error.condition, condition);
    r.source.ctx = NULL;
    mr_arena_release(&r.source.arena);
    mr_checkpoint_close(r.checkpoint);
    struct mr_error error = {0};
    mr_directory_remove(r.checkpoint_path, &error);
}

static void options_are_checked(void **state)
{
    (void)state;
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("maxFilesPerTriger", "5")),
                   "UNKNOWN_OPTION");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("maxFilesPerTrigger", "many")),
                   "INVALID_OPTION_VALUE");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("maxFilesPerTrigger", "0")),
                   "INVALID_OPTION_VALUE");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("mode", "SLOPPY")),
                   "INVALID_OPTION_VALUE");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("cleanSource", "ZIP")),
                   "INVALID_OPTION_VALUE");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"),
                           O("cloudFiles.schemaEvolutionMode", "whatever")),
                   "INVALID_OPTION_VALUE");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("maxNestingDepth", "100001")),
                   "INVALID_OPTION_VALUE");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("latestFirst", "true")),
                   "UNSUPPORTED_OPTION");
    expect_refused(OPTIONS(O("path", "in"), O("format", "nope")), "DATA_SOURCE_NOT_FOUND");
    expect_refused(OPTIONS(O("format", "json")), "STDS_REQUIRED_OPTION_UNSPECIFIED");
    expect_refused(OPTIONS(O("path", "s3://b/x"), O("format", "json")),
                   "FAILED_READ_FILE.UNSUPPORTED_FILE_SYSTEM");
    expect_refused(OPTIONS(O("path", "in"), O("format", "json"), O("cleanSource", "DELETE"),
                           O("cleanSource.retentionDuration", "1 day")),
                   "INVALID_OPTION_VALUE");
}

static void clean_source_moves(void **state)
{
    struct run r = {0};
    char path[512];
    (void)state;
    write_file("in/x/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT",
          OPTIONS(O("path", "in"), O("format", "json"), O("cleanSource", "MOVE"),
                  O("cleanSource.moveDestination", "done"), O("cleanSource.retentionDuration", "0 days")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;");
    snprintf(path, sizeof path, "%s/in/x/a.json", base);
    assert_int_equal(access(path, F_OK), 0); /* not before it is published */
    stop(&r);
    start(&r, "a BIGINT",
          OPTIONS(O("path", "in"), O("format", "json"), O("cleanSource", "MOVE"),
                  O("cleanSource.moveDestination", "done"), O("cleanSource.retentionDuration", "0 days")));
    assert_int_equal(mr_file_source.published(&r.source, MR_STR("{\"logOffset\":0}"), &r.error), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/done/x/a.json", base);
    assert_int_equal(access(path, F_OK), 0);
    end(&r);
}

static int64_t days_later;

static int64_t later_us(void)
{
    return mr_env_system()->now_us() + days_later * INT64_C(86400000000);
}

/* Deleted when published and older than the retention, by whichever process is there then. */
static void clean_source_deletes(void **state)
{
    struct run r = {0};
    char path[512], kept[512];
    struct mr_env later = *mr_env_system();
    struct mr_option options[] = {O("path", "in"), O("format", "json"), O("cleanSource", "DELETE"),
                                  O("cleanSource.retentionDuration", "8 days")};
    (void)state;
    later.now_us = later_us;
    mr_env_replace(&later);
    days_later = 0;
    snprintf(path, sizeof path, "%s/in/a.json", base);
    snprintf(kept, sizeof kept, "%s/in/b.json", base);
    write_file("in/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", options, 4);
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;");
    days_later = 9;
    stop(&r);
    start(&r, "a BIGINT", options, 4);
    r.source.used = (bool[]){true, false};
    assert_int_equal(access(path, F_OK), 0); /* nobody has said that it is published */
    write_file("in/b.json", "{\"a\":2}\n");
    assert_string_equal(step(&r), "2,NULL;");
    assert_int_equal(mr_file_source.published(&r.source, MR_STR("{\"logOffset\":1}"), &r.error), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access(kept, F_OK), 0); /* published, and young */
    days_later = 18;
    stop(&r);
    start(&r, "a BIGINT", options, 4);
    r.source.used = (bool[]){true, false};
    assert_int_equal(mr_file_source.published(&r.source, MR_STR("{\"logOffset\":1}"), &r.error), 0);
    assert_int_not_equal(access(kept, F_OK), 0);
    assert_string_equal(step(&r), "");
    end(&r);
    mr_env_replace(NULL);
}

/* ---- notifications that do not arrive ---- */

static bool overflown;

/* The kernel's queue was full: what it held is gone, and it says so, once. Else: events are lost in silence.
 */
static int64_t losing_read(int notify, void *out, size_t size)
{
    char lost[4096];
    while (read(notify, lost, sizeof lost) > 0)
        ;
    if (!overflown || size < sizeof(struct inotify_event))
        return -1;
    overflown = false;
    memcpy(out, &(struct inotify_event){.wd = -1, .mask = IN_Q_OVERFLOW}, sizeof(struct inotify_event));
    return sizeof(struct inotify_event);
}

static void lost_notifications(void **state)
{
    struct run r = {0};
    (void)state;
    struct mr_notify_system losing = *mr_notify_system();
    losing.read = losing_read;
    mr_notify_system_replace(&losing);
    write_file("in/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("listInterval", "1 hour")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;");
    write_file("in/b.json", "{\"a\":2}\n");
    write_file("in/new/c.json", "{\"a\":3}\n");
    age("in/b.json", 0);
    age("in/new/c.json", 1);
    assert_string_equal(step(&r), ""); /* nobody has said anything */
    overflown = true;
    assert_string_equal(step(&r), "2,NULL;3,NULL;");
    stop(&r);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("listInterval", "50 ms")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "");
    write_file("in/d.json", "{\"a\":4}\n");
    int64_t until = mr_env()->monotonic_us() + 60000000;
    const char *rows = step(&r);
    while (!*rows && mr_env()->monotonic_us() < until) {
        mr_file_source.wait(&r.source, mr_env()->monotonic_us() + 20000);
        rows = step(&r);
    }
    assert_string_equal(rows, "4,NULL;"); /* the periodic listing has found it */
    end(&r);
    mr_notify_system_replace(NULL);
}

static void overwritten_files(void **state)
{
    struct run r = {0};
    (void)state;
    write_file("in/a.json", "{\"a\":1}\n");
    age("in/a.json", 1);
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json"), O("allowOverwrites", "true")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;");
    write_file("in/a.json", "{\"a\":2}\n");
    assert_string_equal(step(&r), "2,NULL;");
    assert_string_equal(step(&r), "");
    end(&r);
    write_file("in/a.json", "{\"a\":1}\n");
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    assert_string_equal(step(&r), "1,NULL;");
    write_file("in/a.json", "{\"a\":2}\n");
    assert_string_equal(step(&r), "");
    end(&r);
}

static void many_files(void **state)
{
    struct run r = {0};
    struct mr_text to;
    (void)state;
    mr_text_init(&to);
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/f%05d.json", i);
        write_file(name, "{\"a\":1}\n");
    }
    start(&r, "a BIGINT", OPTIONS(O("path", "in"), O("format", "json")));
    r.source.used = (bool[]){true, false};
    int64_t rows = 0;
    for (int i = 0; i < 3; i++)
        rows += (int64_t)strlen(step(&r)) / 7;
    assert_int_equal(rows, 3000);
    assert_string_equal(step(&r), "");
    end(&r);
    mr_text_release(&to);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reads_each_file_once),
        TEST(limits_and_order),
        TEST(metadata_and_partitions),
        TEST(splits_of_large_files),
        TEST(a_cut_batch_goes_on),
        TEST(undecided_batches_are_planned_again),
        TEST(existing_files_can_be_left_out),
        TEST(globs),
        TEST(folders_and_globs),
        TEST(wait_and_wake),
        TEST(half_written_files_wait),
        TEST(a_changed_file_fails_the_batch),
        TEST(missing_files),
        TEST(options_are_checked),
        TEST(clean_source_moves),
        TEST(clean_source_deletes),
        TEST(lost_notifications),
        TEST(overwritten_files),
        TEST(many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
