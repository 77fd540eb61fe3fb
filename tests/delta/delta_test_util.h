/* tests/delta/delta_test_util.h: a folder of its own for every test, and what most of them need. */
#ifndef MR_TESTS_DELTA_TEST_UTIL_H
#define MR_TESTS_DELTA_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "delta/delta.h"

/* A fresh directory below $TMPDIR, or in memory, where fsync is cheap, or below /tmp; removed by
 * scratch_remove. */
static inline char *scratch_new(void)
{
    const char *base = getenv("TMPDIR");
    char *path = malloc(256);
    if (!base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, 256, "%s/millrace-delta-XXXXXX", base);
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void scratch_remove(char *path)
{
    struct mr_error error;
    assert_int_equal(mr_directory_remove(path, &error), MR_OK);
    free(path);
}

/* Fails the test with the error's text when status is negative. */
static inline int check_ok(int status, const struct mr_error *error, const char *file, int line)
{
    if (status < 0) {
        char text[2048];
        mr_error_format(error, text, sizeof(text));
        fail_msg("%s:%d: %s", file, line, text);
    }
    return status;
}
#define OK(call) check_ok((call), &error, __FILE__, __LINE__)

static inline void write_text(const char *directory, const char *name, const char *text)
{
    char path[512];
    struct mr_error error;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(mr_file_replace(path, text, strlen(text), &error), MR_OK);
}

#define PROTOCOL_LINE "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define METADATA_LINE                                                                                        \
    "{\"metaData\":{\"id\":\"table-1\",\"format\":{\"provider\":\"parquet\",\"options\":{}},"                \
    "\"schemaString\":\"{\\\"type\\\":"                                                                      \
    "\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":"     \
    "true,\\\"metadata\\\":"                                                                                 \
    "{}}]}\",\"partitionColumns\":[],\"configuration\":{},\"createdTime\":1}}\n"

#endif
