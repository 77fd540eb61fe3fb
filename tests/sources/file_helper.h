/* tests/sources/file_helper.h: a query's side of the files source, for the test programs that include it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/file_glob.h"
#include "sources/file_notify.h"
#include "sources/file_source.h"

#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wunused-function"

static char base[256];

static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    for (char *slash = path + strlen(base) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void age(const char *name, long seconds)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    struct timespec times[2] = {{1700000000 + seconds, 0}, {1700000000 + seconds, 0}};
    assert_int_equal(utimensat(0, path, times, 0), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(base, "/tmp/mr_file_watch_XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct mr_error error = {0};
    (void)state;
    return mr_directory_remove(base, &error);
}

/* ---- a query's side of the source ---- */

struct run {
    struct mr_source source;
    struct mr_error error;
    struct mr_checkpoint *checkpoint;
    struct mr_text offset; /* of the last decision */
    int64_t batch;
    char checkpoint_path[300];
};

static void start_with(struct run *r, const char *ddl, const struct mr_option *options, int count)
{
    struct mr_checkpoint_options place = {.path = r->checkpoint_path};
    snprintf(r->checkpoint_path, sizeof r->checkpoint_path, "%s_checkpoint", base);
    if (mr_checkpoint_open(&r->checkpoint, &place, &r->error) < 0)
        fail_msg("[%s] %s", r->error.condition, r->error.message);
    r->source.type = &mr_file_source;
    r->source.name = "s";
    r->source.index = 3;
    r->source.options = options;
    r->source.option_count = count;
    r->source.base_directory = base;
    r->source.zone = mr_zone_utc();
    r->source.checkpoint = r->checkpoint;
    mr_arena_init(&r->source.arena);
    if (ddl)
        assert_int_equal(mr_schema_parse(&r->source.arena, mr_str_of(ddl), &r->source.declared_schema,
                                         &r->error),
                         0);
}

static void start(struct run *r, const char *ddl, const struct mr_option *options, int count)
{
    start_with(r, ddl, options, count);
    int status = mr_file_source.open(&r->source, &r->error);
    if (status < 0)
        fail_msg("[%s] %s", r->error.condition, r->error.message);
    assert_int_equal(mr_file_source.restore(&r->source, mr_text_str(&r->offset), &r->error), 0);
}

static void stop(struct run *r)
{
    mr_file_source.close(&r->source);
    mr_arena_release(&r->source.arena);
    mr_checkpoint_close(r->checkpoint);
    r->source = (struct mr_source){0};
}

static void end(struct run *r)
{
    struct mr_error error = {0};
    stop(r);
    mr_text_release(&r->offset);
    mr_directory_remove(r->checkpoint_path, &error);
}

static void add_text(struct mr_text *out, const struct mr_batch *batch, int64_t row)
{
    for (int i = 0; i < batch->schema->field_count; i++) {
        if (i > 0)
            mr_text_append_char(out, ',');
        if (mr_column_is_null(batch->columns[i], row))
            mr_text_append_str(out, "NULL");
        else
            mr_value_text(out, batch->columns[i], row, mr_zone_utc());
    }
    mr_text_append_char(out, ';');
}

/* Plans and reads one micro-batch; false: nothing new. */
static bool plan(struct run *r, struct mr_text *to)
{
    mr_text_clear(to);
    int status = mr_file_source.latest(&r->source, mr_text_str(&r->offset), to, &r->error);
    if (status < 0)
        fail_msg("[%s] %s", r->error.condition, r->error.message);
    return !mr_str_equal(mr_text_str(to), mr_text_str(&r->offset));
}

static int read_range(struct run *r, struct mr_str to, struct mr_text *rows, int *split_count)
{
    struct mr_arena arena;
    struct mr_split_list splits = {.arena = &arena};
    mr_arena_init(&arena);
    int status = mr_file_source.split(&r->source, mr_text_str(&r->offset), to, &splits, &r->error);
    for (size_t i = 0; i < splits.count && status >= 0; i++) {
        struct mr_reader reader = {0};
        status = mr_file_source.reader_open(&r->source, &splits.splits[i], &reader, &r->error);
        if (status < 0)
            break;
        while (status == MR_OK) {
            struct mr_batch batch = {0};
            status = mr_file_source.read(&r->source, &reader, &batch, &r->error);
            for (int64_t row = 0; status == MR_OK && row < batch.length; row++)
                add_text(rows, &batch, row);
            mr_batch_release(&batch);
        }
        mr_file_source.reader_close(&r->source, &reader);
    }
    if (split_count)
        *split_count = (int)splits.count;
    mr_arena_release(&arena);
    return status < 0 ? status : MR_OK;
}

static void decide(struct run *r, struct mr_str to)
{
    struct mr_decision *decision;
    assert_int_equal(mr_decision_begin(r->checkpoint, r->batch++, &decision, &r->error), 0);
    assert_int_equal(mr_file_source.remember(&r->source, mr_text_str(&r->offset), to, decision, &r->error),
                     0);
    assert_int_equal(mr_decision_commit(decision, MR_STR("{}"), &r->error), 0);
    mr_text_clear(&r->offset);
    mr_text_append(&r->offset, to.data, to.size);
}

/* One whole micro-batch; the rows as "a,b;a,b;". "" when there is nothing new. */
static const char *step(struct run *r)
{
    static struct mr_text rows;
    struct mr_text to;
    mr_text_init(&to);
    mr_text_clear(&rows);
    if (plan(r, &to)) {
        int status = read_range(r, mr_text_str(&to), &rows, NULL);
        if (status < 0)
            fail_msg("[%s] %s", r->error.condition, r->error.message);
        decide(r, mr_text_str(&to));
    }
    mr_text_release(&to);
    return rows.data ? rows.data : "";
}

#define OPTIONS(...)                                                                                         \
    (const struct mr_option[]){__VA_ARGS__},                                                                 \
        sizeof((struct mr_option[]){__VA_ARGS__}) / sizeof(struct mr_option)
#define O(name, value) ((struct mr_option){name, value})
