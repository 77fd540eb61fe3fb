/* tests/fuzz/csv_fuzz.c: any bytes as CSV: quoted values read at once and character by character are the
 * same, whole files and ranges too.
 *
 * As a libFuzzer target, or with -DMR_FUZZ_REPLAY as a program that runs the files it is given. The first
 * byte picks schema and options. */
#include "tests/formats/cases_helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const schemas[] = {
    "a INT, b STRING, c DOUBLE, _corrupt_record STRING",
    "a STRING, b STRING, c STRING",
    "a DATE, t TIMESTAMP, n DECIMAL(10,2), x BINARY, k BOOLEAN, z TIMESTAMP_NTZ, f FLOAT",
    "a BIGINT, b STRING, _rescued STRING",
};
static const struct mr_option modes[][2] = {
    {{"mode", "PERMISSIVE"}, {"header", "false"}},
    {{"mode", "DROPMALFORMED"}, {"header", "true"}},
    {{"ignoreLeadingWhiteSpace", "true"}, {"ignoreTrailingWhiteSpace", "true"}},
    {{"escape", "\""}, {"comment", "#"}},
    {{"sep", "||"}, {"lineSep", ";"}},
    {{"multiLine", "true"}, {"nullValue", "x"}},
    {{"unescapedQuoteHandling", "STOP_AT_CLOSING_QUOTE"}, {"quote", "'"}},
    {{"charToEscapeQuoteEscaping", "^"}, {"unescapedQuoteHandling", "SKIP_VALUE"}}};

static void one_way(const struct read_request *request, enum mr_format_way way, int64_t start, int64_t end,
                    struct mr_text *out)
{
    struct read_request q = *request;
    struct mr_error error = {0};
    int64_t rows = 0;
    q.way = way;
    q.start = start;
    q.end = end;
    if (end == start && end > 0)
        return;
    if (read_rows(&q, out, &rows, &error) < 0)
        mr_text_format(out, "[%s] %lld", error.condition, (long long)error.offset);
}

static void same(const struct mr_text *a, const struct mr_text *b, const char *what)
{
    if (mr_str_equal(mr_text_str(a), mr_text_str(b)))
        return;
    fprintf(stderr, "%s:\n%s\n%s\n", what, a->data ? a->data : "", b->data ? b->data : "");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct mr_error error = {0};
    struct mr_text best, other;
    struct read_request q = {.format = "csv", .name = "data", .option_count = 2};
    if (size < 2)
        return 0;
    mr_arena_init(&arena);
    mr_text_init(&best);
    mr_text_init(&other);
    int schema = data[0] % 4, mode = data[0] / 4 % 8;
    if (mr_schema_parse(&arena, mr_str_of(schemas[schema]), &q.schema, &error) < 0)
        abort();
    q.options = modes[mode];
    q.rescued_column = schema == 3 ? "_rescued" : NULL;
    char *copy = malloc(size); /* exactly as large, so that the sanitizer sees reads beyond it */
    memcpy(copy, data + 1, size - 1);
    q.data = copy;
    q.size = size - 1;
    one_way(&q, MR_WAY_BEST, 0, 0, &best);
    one_way(&q, MR_WAY_SLOW, 0, 0, &other);
    same(&best, &other, "at once and by character differ");
    if (mode != 5 && mode != 1 &&
        size > 3) { /* multiLine files have one range; a header is in the first one */
        int64_t middle = 1 + data[0] * 7 % (int64_t)(size - 2);
        mr_text_clear(&other);
        one_way(&q, MR_WAY_BEST, 0, middle, &other);
        struct mr_text rest;
        mr_text_init(&rest);
        one_way(&q, MR_WAY_BEST, middle, (int64_t)size - 1, &rest);
        if (other.size > 0 && rest.size > 0)
            mr_text_append_char(&other, ',');
        mr_text_append(&other, rest.data, rest.size);
        mr_text_release(&rest);
        same(&best, &other, "whole and ranges differ");
    }
    free(copy);
    mr_text_release(&best);
    mr_text_release(&other);
    mr_arena_release(&arena);
    return 0;
}

#ifdef MR_FUZZ_REPLAY
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        static uint8_t data[1 << 22];
        size_t size = file ? fread(data, 1, sizeof data, file) : 0;
        if (file)
            fclose(file);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
#endif
