/* tests/fuzz/rows_fuzz.h: what the fuzz targets of row formats share: one input read in several ways, all of
 * which must give the same rows.
 *
 * By libFuzzer, or with replay.c a program that runs the files it is given. The first byte picks schema and
 * options. */
#include "tests/formats/cases_helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_SCHEMAS 4 /* the last has rescued data in its column _rescued */

struct fuzz_way {
    enum mr_format_way way;
    const char *differs; /* what is wrong when it does not give what MR_WAY_BEST gives */
};

static int one_way(const struct read_request *request, enum mr_format_way way, int64_t start, int64_t end,
                   struct mr_text *out)
{
    struct read_request q = *request;
    struct mr_error error = {0};
    int64_t rows = 0;
    q.way = way;
    q.start = start;
    q.end = end;
    int status = read_rows(&q, out, &rows, &error);
    if (status < 0)
        mr_text_format(out, "[%s] %lld", error.condition, (long long)error.offset);
    return status;
}

static void same(const struct mr_text *a, const struct mr_text *b, const char *what)
{
    if (mr_str_equal(mr_text_str(a), mr_text_str(b)))
        return;
    fprintf(stderr, "%s:\n%s\n%s\n", what, a->data ? a->data : "", b->data ? b->data : "");
    abort();
}

static void in_ranges(const struct read_request *q, int64_t middle, const struct mr_text *whole)
{
    struct mr_text got, rest;
    mr_text_init(&got);
    mr_text_init(&rest);
    one_way(q, MR_WAY_BEST, 0, middle, &got);
    one_way(q, MR_WAY_BEST, middle, (int64_t)q->size, &rest);
    if (got.size > 0 && rest.size > 0)
        mr_text_append_char(&got, ',');
    mr_text_append(&got, rest.data, rest.size);
    same(whole, &got, "whole and ranges differ");
    mr_text_release(&got);
    mr_text_release(&rest);
}

/* q: format and options. whole_only: the file is never read in ranges. An error ends a range, so that ranges
 * are compared where there is none. */
static void every_way(struct read_request *q, const char *ddl, bool rescued, const uint8_t *data, size_t size,
                      const struct fuzz_way *ways, int count, bool whole_only)
{
    struct mr_arena arena;
    struct mr_error error = {0};
    struct mr_text best, other;
    mr_arena_init(&arena);
    mr_text_init(&best);
    mr_text_init(&other);
    if (mr_schema_parse(&arena, mr_str_of(ddl), &q->schema, &error) < 0)
        abort();
    q->rescued_column = rescued ? "_rescued" : NULL;
    char *copy = malloc(size); /* exactly as large, so that the sanitizer sees reads beyond it */
    memcpy(copy, data + 1, size - 1);
    q->data = copy;
    q->size = size - 1;
    int status = one_way(q, MR_WAY_BEST, 0, 0, &best);
    for (int i = 0; i < count; i++) {
        mr_text_clear(&other);
        one_way(q, ways[i].way, 0, 0, &other);
        same(&best, &other, ways[i].differs);
    }
    if (status >= 0 && !whole_only && size > 3)
        in_ranges(q, 1 + data[0] * 7 % (int64_t)(size - 2), &best);
    free(copy);
    mr_text_release(&best);
    mr_text_release(&other);
    mr_arena_release(&arena);
}
