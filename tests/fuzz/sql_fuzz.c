/* tests/fuzz/sql_fuzz.c: any bytes as SQL: parsed, analysed against a few relations, optimised and planned;
 * nothing is run.
 *
 * As a libFuzzer target, or with -DMR_FUZZ_REPLAY as a program:
 *   sql_fuzz FILE…                 every file as one input
 *   sql_fuzz -mutate N SEED FILE…  N inputs made of the files' words, shuffled, dropped and doubled */
#include <stdio.h>
#include <stdlib.h>

#include "sql/plan.h"
#include "sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mr_type *stream_schema, *table_schema;
static struct mr_arena types;
static struct mr_sql_script view;
static struct mr_sql_text view_origin;

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error)
{
    (void)ctx;
    (void)error;
    struct mr_str name = request->name->parts[request->name->count - 1];
    if (mr_str_equal_nocase(name, MR_STR("u"))) {
        out->view = view.statements[0].query;
        out->origin = &view_origin;
        return MR_OK;
    }
    out->streaming = request->stream || mr_str_equal_nocase(name, MR_STR("s"));
    out->schema = out->streaming ? stream_schema : table_schema;
    return out->streaming || mr_str_equal_nocase(name, MR_STR("t")) ? MR_OK : MR_END;
}

static void plan_query(const struct mr_sql_script *script, const struct mr_sql_query *query,
                       enum mr_output_mode mode)
{
    static const struct mr_catalog catalog = {.ctx = NULL, .resolve = resolve};
    static const struct mr_sql_environment environment = {.catalog = &catalog,
                                                          .base_directory = "/nonexistent"};
    const struct mr_sql_text origin = {script->file, script->text};
    struct mr_plan *plan = NULL;
    const struct mr_node *node = NULL;
    struct mr_error error;
    struct mr_text text;
    struct mr_job job;
    mr_error_clear(&error);
    mr_job_init(&job);
    job.mode = mode;
    job.session.catalog = "c";
    job.session.database = "d";
    mr_text_init(&text);
    if (mr_sql_analyse(&job, &environment, &origin, query, &plan, &error) == MR_OK) {
        mr_plan_text(&text, plan);
        mr_sql_plan_job(&job, plan, &node, &error);
    }
    mr_text_release(&text);
    mr_job_release(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_sql_script script;
    struct mr_error error;
    mr_error_clear(&error);
    if (!stream_schema) {
        mr_arena_init(&types);
        if (mr_schema_parse(&types, MR_STR("id BIGINT, k STRING, v DOUBLE, ts TIMESTAMP"), &stream_schema,
                            &error) < 0 ||
            mr_schema_parse(&types,
                            MR_STR("a INT, b STRING, c DOUBLE, ts TIMESTAMP, st STRUCT<x: INT, y: STRING>, "
                                   "arr ARRAY<INT>, m MAP<STRING, INT>"),
                            &table_schema, &error) < 0 ||
            mr_sql_parse(&view, "u", MR_STR("SELECT * FROM VALUES (1, 'a'), (2, 'b') AS u(a, d)"), &error) <
                0)
            abort();
        view_origin = (struct mr_sql_text){view.file, view.text};
    }
    if (mr_sql_parse(&script, "fuzz", (struct mr_str){(const char *)data, size}, &error) < 0)
        return 0;
    for (int i = 0; i < script.count; i++)
        if (script.statements[i].query)
            plan_query(&script, script.statements[i].query, (enum mr_output_mode)(size % 3));
    mr_sql_script_release(&script);
    return 0;
}

#ifdef MR_FUZZ_REPLAY
static uint64_t dice_state;

static size_t dice(size_t below)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return below ? (size_t)(dice_state >> 33) % below : 0;
}

struct words {
    char **items;
    size_t count, capacity;
};

static void add_word(struct words *w, const char *text, size_t size)
{
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 1024;
        w->items = realloc(w->items, w->capacity * sizeof *w->items);
    }
    w->items[w->count++] = strndup(text, size);
}

/* Words and signs, blanks left out; a line's end is a word of its own. */
static void cut(struct words *w, const char *text)
{
    while (*text) {
        size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_'`\"");
        if (size == 0)
            size = 1;
        if (*text != ' ')
            add_word(w, text, size);
        text += size;
    }
}

static void mutate(const struct words *w)
{
    struct mr_text text;
    size_t start = dice(w->count), length = 1 + dice(60);
    mr_text_init(&text);
    while (start > 0 && strcmp(w->items[start], "SELECT") != 0 && strcmp(w->items[start], "WITH") != 0)
        start--;
    for (size_t i = start; i < start + length && i < w->count; i++) {
        size_t what = dice(24);
        if (w->items[i][0] == '-' && length > 4)
            break; /* the end of the query */
        if (what == 0 && dice(3) == 0)
            continue;
        mr_text_format(&text, "%s ", w->items[what == 1 ? dice(w->count) : i]);
        if (what == 2)
            mr_text_format(&text, "%s ", w->items[i]);
        if (what == 3)
            mr_text_format(&text, "%s ", w->items[dice(w->count)]);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)(text.data ? text.data : ""), text.size);
    mr_text_release(&text);
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size + 1);
    *size = fread(data, 1, *size, file);
    data[*size] = 0;
    fclose(file);
    return data;
}

int main(int argc, char **argv)
{
    bool mutates = argc > 4 && strcmp(argv[1], "-mutate") == 0;
    struct words words = {0};
    for (int i = mutates ? 4 : 1; i < argc; i++) {
        size_t size = 0;
        char *data = read_file(argv[i], &size);
        if (data && mutates)
            cut(&words, data);
        else if (data)
            LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        free(data);
    }
    long count = mutates ? atol(argv[2]) : 0;
    dice_state = mutates ? (uint64_t)atoll(argv[3]) : 0;
    for (long i = 0; i < count; i++)
        mutate(&words);
    for (size_t i = 0; i < words.count; i++)
        free(words.items[i]);
    free(words.items);
    mr_sql_script_release(&view);
    mr_arena_release(&types);
    printf("ok sql_fuzz %ld inputs\n", mutates ? count : (long)argc - 1);
    return 0;
}
#endif
