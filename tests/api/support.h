/* tests/api/support.h: a folder of the test's own, files in it, and rows as text. The tests see the public
 * header only, but for what they need to stand on. Included once by each test. */
#ifndef TESTS_API_SUPPORT_H
#define TESTS_API_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "millrace/millrace.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* every test uses its part */

static char folder[64];

/* A path in the test's folder; four at a time. */
static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    mr_log_level_set(MR_LOG_ERROR);
    snprintf(folder, sizeof folder, "/tmp/api_test.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    struct mr_error error;
    (void)state;
    return mr_directory_remove(folder, &error);
}

static void put_file(const char *name, const char *text)
{
    char directory[256];
    snprintf(directory, sizeof directory, "%s", in_folder(name));
    *strrchr(directory, '/') = 0;
    struct mr_error error;
    assert_int_equal(mr_directory_create(directory, &error), 0);
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void check(const struct millrace_job *job)
{
    if (millrace_error_code(job) < 0)
        fail_msg("%s", millrace_error_text(job));
}

/* ---- rows as lines of JSON, "batch " in front of each, in the order they come ---- */
struct lines {
    char text[1 << 16];
    int calls;
    int fail_at; /* the call that says no; 0: none */
};

static void add_lines(struct lines *lines, const struct millrace_rows *rows)
{
    size_t used = strlen(lines->text);
    for (int64_t row = 0; row < millrace_rows_count(rows); row++) {
        if (millrace_rows_batch(rows) >= 0)
            used += (size_t)snprintf(lines->text + used, sizeof lines->text - used, "%lld ",
                                     (long long)millrace_rows_batch(rows));
        used += millrace_rows_json(rows, row, lines->text + used, sizeof lines->text - used);
        assert_true(used + 2 < sizeof lines->text);
        strcpy(lines->text + used, "\n");
        used++;
    }
}

static int collect(void *ctx, const struct millrace_rows *rows)
{
    struct lines *lines = ctx;
    if (++lines->calls == lines->fail_at)
        return 7;
    add_lines(lines, rows);
    return 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines, sorted: workers do not keep an order. */
static const char *sorted(struct lines *lines)
{
    static char out[1 << 16];
    char *pieces[1000];
    int count = 0;
    for (char *line = strtok(lines->text, "\n"); line && count < 1000; line = strtok(NULL, "\n"))
        pieces[count++] = line;
    qsort(pieces, (size_t)count, sizeof pieces[0], compare_lines);
    out[0] = 0;
    for (int i = 0; i < count; i++)
        sprintf(out + strlen(out), "%s\n", pieces[i]);
    lines->text[0] = 0;
    return out;
}

/* A memory table's rows, or those of a query, sorted. */
static const char *table_lines(struct millrace_job *job, const char *table, int64_t batch)
{
    static struct lines lines;
    struct millrace_rows *rows = NULL;
    lines.text[0] = 0;
    millrace_memory_read(job, table, batch, &rows);
    check(job);
    if (rows) {
        struct lines *into = &lines;
        add_lines(into, rows);
    }
    millrace_rows_free(rows);
    return sorted(&lines);
}

static const char *query_lines(struct millrace_job *job, const char *sql)
{
    static struct lines lines;
    lines.text[0] = 0;
    lines.calls = 0;
    millrace_query(job, sql, collect, &lines);
    check(job);
    assert_int_equal(lines.calls, 1);
    return sorted(&lines);
}

#endif
