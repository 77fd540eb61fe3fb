/* tests/sql/runner.c: runs scripts of SQL and what must come of it.
 *
 *   sql_runner FILE…      prints "ok FILE:LINE" or "not ok FILE:LINE: why" per case
 *   sql_runner -q 'SQL'   runs one query and prints its rows
 *
 * A script is a list of cases, divided by empty lines. Lines that begin with # are comments.
 *   view NAME             a relation for the cases that follow: a query
 *   SELECT …
 *   stream NAME           a stream with these columns; nothing can be run on it
 *   id BIGINT, ts TIMESTAMP
 *   set KEY=VALUE         for the cases that follow: spark.sql.ansi.enabled
 *   query                 a batch query: its schema, then its rows, columns divided by |; in any order unless
 * the query SELECT …              says ORDER BY
 *   ----
 *   struct<a:int>
 *   1
 *   error                 a query that must fail: the condition, then parameters that must be there
 *   ours                  the same, where our answer is not Spark's: not supported, or found earlier
 *   SELECT …
 *   ----
 *   CONDITION
 *   name = value
 *   plan MODE             the optimised plan of a query in output mode append, update or complete
 *   SELECT …
 *   ----
 *   Project …
 *   refused MODE          a stream that must be refused in that mode: the condition */
#include <stdio.h>
#include <stdlib.h>

#include "sql/plan.h"
#include "sql/run.h"

/* ---- relations the script defines ---- */
struct relation {
    char name[64];
    struct mr_sql_script script; /* view */
    struct mr_sql_text origin;
    const struct mr_type *schema; /* stream */
};
static struct relation relations[64];
static int relation_count;
static struct mr_arena types;

static struct relation *find(struct mr_str name)
{
    for (int i = relation_count - 1; i >= 0; i--)
        if (mr_str_equal_nocase(mr_str_of(relations[i].name), name))
            return &relations[i];
    return NULL;
}

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error)
{
    (void)ctx;
    (void)error;
    struct relation *r = find(request->name->parts[request->name->count - 1]);
    if (!r || request->name->count > 1)
        return MR_END;
    if (r->schema) {
        out->schema = r->schema;
        out->streaming = true;
    } else {
        out->view = r->script.statements[0].query;
        out->origin = &r->origin;
    }
    return MR_OK;
}
static const struct mr_catalog catalog = {.ctx = NULL, .resolve = resolve};
static const struct mr_sql_environment environment = {.catalog = &catalog, .base_directory = "tests/sql"};

/* ---- one case ---- */
struct outcome {
    struct mr_text schema;
    struct mr_text rows[4096];
    int row_count;
};
static struct outcome outcome;

static int take_schema(void *ctx, const struct mr_type *schema, struct mr_error *error)
{
    (void)ctx;
    (void)error;
    mr_type_simple_text(&outcome.schema, schema);
    return MR_OK;
}

static int take_rows(void *ctx, const struct mr_batch *rows, struct mr_error *error)
{
    (void)ctx;
    (void)error;
    for (int64_t i = 0; i < rows->length && outcome.row_count < 4096; i++) {
        struct mr_text *row = &outcome.rows[outcome.row_count++];
        for (int c = 0; c < rows->schema->field_count; c++) {
            if (c > 0)
                mr_text_append_str(row, "|");
            if (rows->columns[c]->type->id == MR_VOID || mr_column_is_null(rows->columns[c], i))
                mr_text_append_str(row, "NULL");
            else
                mr_value_text(row, rows->columns[c], i, mr_zone_utc());
        }
    }
    return MR_OK;
}

static void forget_outcome(void)
{
    mr_text_release(&outcome.schema);
    for (int i = 0; i < outcome.row_count; i++)
        mr_text_release(&outcome.rows[i]);
    memset(&outcome, 0, sizeof outcome);
}

static struct mr_session session = {.ansi = true,
                                    .catalog = "spark_catalog",
                                    .database = "default",
                                    .user = "me"};

static int run(const char *sql, struct mr_error *error)
{
    struct mr_session own = session;
    own.zone = mr_zone_utc();
    const struct mr_sql_run_options options = {.environment = &environment,
                                               .session = &own,
                                               .on_schema = take_schema,
                                               .on_rows = take_rows};
    mr_error_clear(error);
    return mr_sql_run(mr_str_of(sql), &options, error);
}

/* Plans sql for a mode; the plan's text or an error. */
static int plan(const char *sql, const char *mode, struct mr_text *out, struct mr_error *error)
{
    struct mr_sql_script script;
    struct mr_job job;
    struct mr_plan *made = NULL;
    const struct mr_node *last = NULL;
    mr_error_clear(error);
    MR_TRY(mr_sql_parse(&script, NULL, mr_str_of(sql), error));
    mr_job_init(&job);
    job.session = session;
    job.session.zone = mr_zone_utc();
    job.mode = strcmp(mode, "update") == 0     ? MR_MODE_UPDATE
               : strcmp(mode, "complete") == 0 ? MR_MODE_COMPLETE
                                               : MR_MODE_APPEND;
    const struct mr_sql_text origin = {script.file, script.text};
    int status = mr_sql_analyse(&job, &environment, &origin, script.statements[0].query, &made, error);
    if (status == MR_OK) {
        mr_plan_text(out, made);
        status = mr_sql_plan_job(&job, made, &last, error);
        /* The script's streams are not there. */
        if (status < 0 && strcmp(error->condition, "TABLE_OR_VIEW_NOT_FOUND") == 0)
            status = MR_OK;
    }
    mr_job_release(&job);
    mr_sql_script_release(&script);
    return status;
}

/* ---- expectations ---- */
struct lines {
    char *items[4200];
    int count;
};

static void show_error(const struct mr_error *error)
{
    char text[4096];
    mr_error_format(error, text, sizeof text);
    printf("    got: %s\n", text);
}

static const char *parameter(const struct mr_error *error, const char *name)
{
    for (size_t i = 0; i < error->parameters_size;) {
        const char *key = error->parameters + i, *value = key + strlen(key) + 1;
        if (strcmp(key, name) == 0)
            return value;
        i = (size_t)(value - error->parameters) + strlen(value) + 1;
    }
    return NULL;
}

static bool check_error(const struct mr_error *error, const struct lines *expected, const char *place)
{
    if (expected->count == 0 || strcmp(error->condition, expected->items[0]) != 0) {
        printf("not ok %s: expected %s\n", place, expected->count ? expected->items[0] : "a condition");
        show_error(error);
        return false;
    }
    for (int i = 1; i < expected->count; i++) {
        char *equals = strstr(expected->items[i], " = ");
        char name[128] = "";
        if (!equals || equals - expected->items[i] >= 128)
            continue;
        memcpy(name, expected->items[i], (size_t)(equals - expected->items[i]));
        const char *value = parameter(error, name);
        if (!value || strcmp(value, equals + 3) != 0) {
            printf("not ok %s: parameter %s is %s, expected %s\n", place, name, value ? value : "not there",
                   equals + 3);
            show_error(error);
            return false;
        }
    }
    return true;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

static bool check_rows(const char *sql, struct lines *expected, const char *place)
{
    static char *got[4096];
    bool ordered = strstr(sql, "ORDER BY") != NULL;
    const char *schema = outcome.schema.data ? outcome.schema.data : "";
    bool same = expected->count > 0 && strcmp(schema, expected->items[0]) == 0;
    for (int i = 0; i < outcome.row_count; i++)
        got[i] = outcome.rows[i].data ? outcome.rows[i].data : (char *)"";
    if (!ordered) {
        qsort(got, (size_t)outcome.row_count, sizeof *got, by_text);
        if (expected->count > 1)
            qsort(expected->items + 1, (size_t)expected->count - 1, sizeof *expected->items, by_text);
    }
    same = same && expected->count - 1 == outcome.row_count;
    for (int i = 0; same && i < outcome.row_count; i++)
        same = strcmp(got[i], expected->items[i + 1]) == 0;
    if (same)
        return true;
    printf("not ok %s: other rows\n    %s\n", place, sql);
    for (int i = 0; i < expected->count; i++)
        printf("    expected: %s\n", expected->items[i]);
    printf("    got:      %s\n", schema);
    for (int i = 0; i < outcome.row_count; i++)
        printf("    got:      %s\n", got[i]);
    return false;
}

static bool check_plan(const char *text, const struct lines *expected, const char *place)
{
    struct mr_text all;
    mr_text_init(&all);
    for (int i = 0; i < expected->count; i++)
        mr_text_format(&all, "%s\n", expected->items[i]);
    bool same = strcmp(all.data ? all.data : "", text) == 0;
    if (!same)
        printf("not ok %s: another plan\n    expected:\n%s    got:\n%s", place, all.data ? all.data : "",
               text);
    mr_text_release(&all);
    return same;
}

static bool define(const char *kind, const char *name, const char *body, const char *place)
{
    struct mr_error error;
    struct relation *r = &relations[relation_count];
    mr_error_clear(&error);
    if (relation_count == 64)
        return false;
    *r = (struct relation){0};
    snprintf(r->name, sizeof r->name, "%s", name);
    int status = strcmp(kind, "view") == 0 ? mr_sql_parse(&r->script, name, mr_str_of(body), &error)
                                           : mr_schema_parse(&types, mr_str_of(body), &r->schema, &error);
    if (status < 0) {
        printf("not ok %s: %s %s\n", place, kind, name);
        show_error(&error);
        return false;
    }
    r->origin = (struct mr_sql_text){r->script.file, r->script.text};
    relation_count++;
    return true;
}

static bool run_case(char *head, const char *sql, struct lines *expected, const char *place)
{
    static struct mr_error error;
    struct mr_text text;
    char *argument = strchr(head, ' ');
    if (argument)
        *argument++ = 0;
    if (strcmp(head, "set") == 0 && argument) {
        session.ansi = strcmp(argument, "spark.sql.ansi.enabled=false") != 0;
        return true;
    }
    if (strcmp(head, "view") == 0 || strcmp(head, "stream") == 0)
        return define(head, argument ? argument : "", sql, place);
    bool good = false;
    mr_text_init(&text);
    if (strcmp(head, "query") == 0) {
        if (run(sql, &error) < 0) {
            printf("not ok %s: failed\n    %s\n", place, sql);
            show_error(&error);
        } else {
            good = check_rows(sql, expected, place);
        }
    } else if (strcmp(head, "error") == 0 || strcmp(head, "ours") == 0) {
        if (run(sql, &error) < 0)
            good = check_error(&error, expected, place);
        else
            printf("not ok %s: did not fail: %s\n", place, sql);
    } else if (strcmp(head, "plan") == 0 || strcmp(head, "refused") == 0) {
        int status = plan(sql, argument ? argument : "append", &text, &error);
        bool plans = strcmp(head, "plan") == 0;
        if (plans && status < 0) {
            printf("not ok %s: failed\n", place);
            show_error(&error);
        } else if (plans) {
            good = check_plan(text.data ? text.data : "", expected, place);
        } else if (status < 0) {
            good = check_error(&error, expected, place);
        } else {
            printf("not ok %s: was not refused: %s\n", place, sql);
        }
    } else {
        printf("not ok %s: no kind of case: %s\n", place, head);
    }
    mr_text_release(&text);
    forget_outcome();
    return good;
}

/* ---- scripts ---- */
static char *read_line(FILE *file, char **buffer, size_t *capacity, int *number)
{
    for (;;) {
        ssize_t size = getline(buffer, capacity, file);
        if (size < 0)
            return NULL;
        (*number)++;
        if (size > 0 && (*buffer)[size - 1] == '\n')
            (*buffer)[size - 1] = 0;
        if ((*buffer)[0] != '#')
            return *buffer;
    }
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *buffer = NULL, *line, *head = NULL;
    size_t capacity = 0;
    int number = 0, started = 0, bad = 0;
    static struct lines expected;
    struct mr_text sql;
    bool answers = false;
    if (!file) {
        printf("not ok %s: cannot be read\n", path);
        return 1;
    }
    mr_text_init(&sql);
    do {
        line = read_line(file, &buffer, &capacity, &number);
        if (line && *line && !head) {
            head = strdup(line);
            started = number;
        } else if (line && *line && !answers && strcmp(line, "----") == 0) {
            answers = true;
        } else if (line && *line && answers) {
            if (expected.count < 4200)
                expected.items[expected.count++] = strdup(line);
        } else if (line && *line) {
            mr_text_format(&sql, "%s%s", sql.size > 0 ? "\n" : "", line);
        } else if (head) {
            char place[300];
            snprintf(place, sizeof place, "%s:%d", path, started);
            bool definition = strncmp(head, "view", 4) == 0 || strncmp(head, "stream", 6) == 0 ||
                              strncmp(head, "set ", 4) == 0;
            bool good = run_case(head, sql.data ? sql.data : "", &expected, place);
            bad += !good;
            if (good && !definition)
                printf("ok %s\n", place);
            free(head);
            head = NULL;
            answers = false;
            mr_text_clear(&sql);
            for (int i = 0; i < expected.count; i++)
                free(expected.items[i]);
            expected.count = 0;
        }
    } while (line);
    mr_text_release(&sql);
    free(buffer);
    fclose(file);
    return bad;
}

static int show_query(const char *sql)
{
    struct mr_error error;
    if (run(sql, &error) < 0) {
        show_error(&error);
        return 1;
    }
    printf("%s\n", outcome.schema.data ? outcome.schema.data : "");
    for (int i = 0; i < outcome.row_count; i++)
        printf("%s\n", outcome.rows[i].data ? outcome.rows[i].data : "");
    forget_outcome();
    return 0;
}

int main(int argc, char **argv)
{
    int bad = 0;
    mr_arena_init(&types);
    if (argc == 3 && strcmp(argv[1], "-q") == 0)
        return show_query(argv[2]);
    for (int i = 1; i < argc; i++) {
        session.ansi = true;
        bad += run_file(argv[i]);
        for (int k = 0; k < relation_count; k++)
            mr_sql_script_release(&relations[k].script);
        relation_count = 0;
    }
    mr_arena_release(&types);
    return bad > 0;
}
