/* tests/formats/cases.h: runs recorded cases (cases/NAME.jsonl, answers by Spark) against a format. */
#ifndef MR_TESTS_FORMATS_CASES_H
#define MR_TESTS_FORMATS_CASES_H

#include "base/json.h"
#include "formats/format.h"

/* Bytes in memory as an input; close frees it (not the bytes). */
struct mr_input *memory_input(const char *name, const void *data, size_t size);
/* All rows of a text as canonical JSON, one array per row; on failure the error. schema's memory: arena. */
struct read_request {
    const char *format;
    const struct mr_option *options;
    int option_count;
    const struct mr_type *schema;
    const bool *used;
    const char *rescued_column;
    const char *name; /* of the file */
    const void *data;
    size_t size;
    int64_t start, end; /* end 0: all */
    bool case_insensitive;
    enum mr_format_way way;
    const bool *as_length; /* columns of which the length is asked */
};
int read_rows(const struct read_request *request, struct mr_text *out, int64_t *rows, struct mr_error *error);
void render_value(struct mr_text *out, const struct mr_column *column, int64_t row);
/* Runs every case of the file; returns how many failed, having printed them. differs: NULL-terminated names
 * of cases that are different on purpose, each with the reason behind it: name, reason, name, reason, …,
 * NULL. */
int run_cases(const char *path, const char *const *differs, int *count);

#endif
