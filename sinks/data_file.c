/* sinks/data_file.c: see data_file.h. */
#include "sinks/data_file.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t name_hash(const struct mr_sink *sink)
{
    return (uint32_t)mr_hash(sink->name, strlen(sink->name));
}

void mr_data_file_name(const struct mr_sink *sink, int64_t number, int64_t batch, const char *suffix,
                       char out[MR_DATA_FILE_NAME])
{
    snprintf(out, MR_DATA_FILE_NAME, "part-%05lld-%s-%08x-%lld-%016llx%s", (long long)number,
             sink->query_id->text, name_hash(sink), (long long)batch, (unsigned long long)sink->attempt,
             suffix);
}

bool mr_data_file_parse(const struct mr_sink *sink, const char *name, const char *suffix, int64_t *batch)
{
    char expected[80];
    size_t digits = strncmp(name, "part-", 5) == 0 ? strspn(name + 5, "0123456789") : 0;
    if (digits < 5)
        return false;
    int size = snprintf(expected, sizeof expected, "-%s-%08x-", sink->query_id->text, name_hash(sink));
    const char *at = name + 5 + digits;
    if (strncmp(at, expected, (size_t)size) != 0)
        return false;
    at += size;
    char *end = NULL;
    *batch = strtoll(at, &end, 10);
    return end != at && end[0] == '-' && strlen(end) == 1 + 16 + strlen(suffix) &&
           strcmp(end + 17, suffix) == 0;
}
