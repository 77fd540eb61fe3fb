/* tests/runtime/support.h: a target with a register in one file, operators small enough to be judged by eye,
 * and the plumbing of a job. Included once by each test. */
#ifndef TESTS_RUNTIME_SUPPORT_H
#define TESTS_RUNTIME_SUPPORT_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/progress.h"
#include "runtime/query.h"
#include "sinks/memory.h"
#include "sources/memory.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* every test uses its part */

static struct mr_error error;

#define OK(call)                                                                                             \
    do {                                                                                                     \
        int ok_ = (call);                                                                                    \
        if (ok_ < 0) {                                                                                       \
            char text_[2048];                                                                                \
            mr_error_format(&error, text_, sizeof text_);                                                    \
            fail_msg("%s: %s", #call, text_);                                                                \
        }                                                                                                    \
    } while (0)

/* ---- a target: one file, "batch decision query\n" and then the rows, replaced as a whole ---- */

enum fault {
    FAULT_NONE,
    FAULT_RETRIABLE,
    FAULT_CONFLICT,
    FAULT_LOST_ANSWER,
    FAULT_NEVER_ARRIVED,
    FAULT_REFUSED,
    FAULT_FATAL
};
static struct {
    enum fault kind;
    int times; /* so many publishes fail */
    int publishes, cleans;
    bool blocked_once; /* the next prepare asks to wait */
    int blocked_unpublished;
} fault;

struct file_target {
    pthread_mutex_t lock;
    struct mr_text rows; /* of the decision in hand */
};

static const char *target_path(const struct mr_sink *sink)
{
    return mr_option_text(sink->options, sink->option_count, "path");
}

static int target_open(struct mr_sink *sink, struct mr_error *e)
{
    struct file_target *self = mr_allocate_zeroed(sizeof *self);
    if (!self)
        return mr_error_memory(e, sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    mr_text_init(&self->rows);
    sink->ctx = self;
    return MR_OK;
}

static int target_published(struct mr_sink *sink, struct mr_register *out, struct mr_error *e)
{
    struct mr_text text;
    *out = (struct mr_register){0};
    mr_text_init(&text);
    if (!mr_file_exists(target_path(sink)))
        return MR_OK;
    int status = mr_file_read_all(target_path(sink), &text, e);
    if (status < 0) {
        mr_text_release(&text);
        return status;
    }
    long long batch;
    unsigned long long id;
    char query[40];
    if (sscanf(text.data, "%lld %llu %39s", &batch, &id, query) == 3 &&
        strcmp(query, sink->query_id->text) == 0)
        *out = (struct mr_register){true, batch, id};
    mr_text_release(&text);
    return MR_OK;
}

static int target_enrol(struct mr_sink *sink, struct mr_register *out, struct mr_error *e)
{
    MR_TRY(target_published(sink, out, e));
    if (out->present)
        return MR_OK;
    struct mr_text old, text; /* the rows stay */
    mr_text_init(&old);
    mr_text_init(&text);
    int status = mr_file_exists(target_path(sink)) ? mr_file_read_all(target_path(sink), &old, e) : MR_OK;
    *out = (struct mr_register){true, -1, mr_env()->random() >> 1};
    mr_text_format(&text, "-1 %llu %s\n%s", (unsigned long long)out->decision_id, sink->query_id->text,
                   old.size ? strchr(old.data, '\n') + 1 : "");
    if (status >= 0)
        status =
            text.failed ? mr_error_memory(e, 1) : mr_file_replace(target_path(sink), text.data, text.size, e);
    mr_text_release(&old);
    mr_text_release(&text);
    return status;
}

static int target_begin(struct mr_sink *sink, int64_t batch, struct mr_error *e)
{
    (void)batch;
    (void)e;
    struct file_target *self = sink->ctx;
    if (sink->mode == MR_MODE_COMPLETE)
        mr_text_clear(&self->rows);
    return MR_OK;
}

static int target_write(struct mr_sink *sink, int worker, const struct mr_batch *batch, struct mr_error *e)
{
    (void)worker;
    (void)e;
    struct file_target *self = sink->ctx;
    pthread_mutex_lock(&self->lock);
    for (int64_t row = 0; row < batch->length; row++) {
        for (int c = 0; c < batch->schema->field_count; c++) {
            if (mr_column_is_null(batch->columns[c], row))
                mr_text_format(&self->rows, "%snull", c ? "," : "");
            else
                mr_text_format(&self->rows, "%s%lld", c ? "," : "", (long long)batch->columns[c]->i64[row]);
        }
        mr_text_append_char(&self->rows, '\n');
    }
    pthread_mutex_unlock(&self->lock);
    return MR_OK;
}

static int target_prepare(struct mr_sink *sink, int64_t batch, uint64_t id, const struct mr_register *before,
                          struct mr_text *manifest, struct mr_error *e)
{
    struct file_target *self = sink->ctx;
    if (fault.blocked_once) {
        fault.blocked_once = false;
        return MR_BLOCKED;
    }
    if (self->rows.size > 0 || sink->truncate_first)
        mr_text_format(manifest, "%lld %llu %lld %llu %d\n%s", (long long)batch, (unsigned long long)id,
                       (long long)before->batch, (unsigned long long)before->decision_id,
                       sink->truncate_first, self->rows.size ? self->rows.data : "");
    bool failed = self->rows.failed || manifest->failed;
    mr_text_clear(&self->rows);
    return failed ? mr_error_memory(e, 1) : MR_OK;
}

static int fail_with(struct mr_error *e, int code, uint32_t flags)
{
    mr_error_set(e, code, "TASK_WRITE_FAILED", "injected");
    e->flags = flags;
    return code;
}

static int land(struct mr_sink *sink, struct mr_str manifest, struct mr_error *e)
{
    long long batch, before;
    unsigned long long id, before_id;
    int truncate;
    char *copy = strndup(manifest.data, manifest.size);
    sscanf(copy, "%lld %llu %lld %llu %d", &batch, &id, &before, &before_id, &truncate);
    struct mr_register now;
    int status = target_published(sink, &now, e);
    if (status >= 0 && !(now.present && now.batch == batch && now.decision_id == id)) {
        if (!now.present || now.batch != before || now.decision_id != before_id) {
            status = mr_error_set(e, MR_E_PROTOCOL, "SINK_REGISTER_MISMATCH",
                                  "the register is not the predecessor");
        } else {
            struct mr_text old, text;
            mr_text_init(&old);
            mr_text_init(&text);
            status = mr_file_read_all(target_path(sink), &old, e);
            mr_text_format(&text, "%lld %llu %s\n", batch, id, sink->query_id->text);
            if (status >= 0 && !truncate && sink->mode != MR_MODE_COMPLETE)
                mr_text_append_str(&text, strchr(old.data, '\n') + 1);
            mr_text_append_str(&text, strchr(copy, '\n') + 1);
            if (status >= 0 && text.failed)
                status = mr_error_memory(e, text.size);
            if (status >= 0)
                status = mr_file_replace(target_path(sink), text.data, text.size, e);
            mr_text_release(&old);
            mr_text_release(&text);
        }
    }
    free(copy);
    return status;
}

static int target_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *e)
{
    fault.publishes++;
    enum fault kind = fault.times > 0 ? fault.kind : FAULT_NONE;
    fault.times--;
    switch (kind) {
    case FAULT_RETRIABLE:
        return fail_with(e, MR_E_IO, MR_RETRIABLE);
    case FAULT_CONFLICT:
        return fail_with(e, MR_E_CONFLICT, 0);
    case FAULT_LOST_ANSWER:
        MR_TRY(land(sink, manifest, e));
        return fail_with(e, MR_E_IO, MR_AMBIGUOUS);
    case FAULT_NEVER_ARRIVED:
        return fail_with(e, MR_E_IO, MR_AMBIGUOUS);
    case FAULT_REFUSED:
        return fail_with(e, MR_E_PROTOCOL, 0);
    case FAULT_FATAL:
        return fail_with(e, MR_E_IO, MR_FATAL | MR_AMBIGUOUS);
    case FAULT_NONE:
        break;
    }
    return land(sink, manifest, e);
}

static int target_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *e)
{
    (void)sink;
    (void)published;
    (void)e;
    fault.cleans++;
    return MR_OK;
}

static void target_abandon(struct mr_sink *sink)
{
    mr_text_clear(&((struct file_target *)sink->ctx)->rows);
}

static void target_describe(struct mr_sink *sink, struct mr_text *out)
{
    mr_text_format(out, "FileTarget[%s]", target_path(sink));
}

static void target_close(struct mr_sink *sink)
{
    struct file_target *self = sink->ctx;
    mr_text_release(&self->rows);
    pthread_mutex_destroy(&self->lock);
    mr_free(self);
}

static const struct mr_sink_type file_target = {
    .name = "file_target",
    .modes = 7,
    .open = target_open,
    .enrol = target_enrol,
    .begin = target_begin,
    .write = target_write,
    .prepare = target_prepare,
    .publish = target_publish,
    .published = target_published,
    .clean = target_clean,
    .abandon = target_abandon,
    .describe = target_describe,
    .close = target_close,
};

/* ---- operators over (k BIGINT, v BIGINT) ---- */

static int nothing_open(struct mr_operator *op, struct mr_error *e)
{
    (void)op;
    (void)e;
    return MR_OK;
}

static void nothing_close(struct mr_operator *op)
{
    (void)op;
}

/* Keeps rows with even v; fails on v == *config when config is given. */
static int even_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *e)
{
    (void)input;
    const int64_t *poison = op->node->config;
    int32_t *rows = mr_allocate(sizeof *rows * (size_t)batch->length);
    int64_t count = 0;
    int status = rows ? MR_OK : mr_error_memory(e, sizeof *rows);
    for (int64_t i = 0; i < batch->length && status >= 0; i++) {
        if (poison && batch->columns[1]->i64[i] == *poison)
            status = mr_error_set(e, MR_E_DATA, "DIVIDE_BY_ZERO", "poison");
        if (batch->columns[1]->i64[i] % 2 == 0)
            rows[count++] = (int32_t)i;
    }
    struct mr_batch kept = {0};
    if (status >= 0)
        status = mr_batch_take(batch, rows, count, &kept, e);
    if (status >= 0)
        status = op->emit(op, &kept, e);
    mr_batch_release(&kept);
    mr_free(rows);
    return status;
}

static const struct mr_operator_type even_operator = {.name = "even",
                                                      .open = nothing_open,
                                                      .push = even_push,
                                                      .close = nothing_close};

/* Counts rows and sums v per k, in state; emits (k, count, sum) of the changed keys when the batch ends. */
struct count_entry {
    int64_t count, sum;
    bool dirty, changed;
};
struct count_state {
    struct mr_map map; /* key: 8 bytes of k; pointer: struct count_entry */
};

static int count_open(struct mr_operator *op, struct mr_error *e)
{
    struct count_state *state = mr_allocate_zeroed(sizeof *state);
    op->ctx = state;
    if (!state)
        return mr_error_memory(e, sizeof *state);
    mr_map_init(&state->map);
    return MR_OK;
}

static void count_key(struct mr_operator *op, int64_t k, char out[10])
{
    out[0] = (char)(op->node->id >> 8);
    out[1] = (char)op->node->id;
    memcpy(out + 2, &k, 8);
}

static int count_find(struct mr_operator *op, int64_t k, struct count_entry **out, struct mr_error *e)
{
    struct count_state *state = op->ctx;
    struct mr_map_entry *entry = mr_map_put(&state->map, (struct mr_str){(char *)&k, 8}, NULL);
    if (!entry)
        return mr_error_memory(e, 8);
    int status = MR_OK;
    if (!entry->pointer) {
        struct count_entry *made = entry->pointer = mr_allocate_zeroed(sizeof *made);
        if (!made)
            return mr_error_memory(e, sizeof *made);
        struct mr_arena arena;
        mr_arena_init(&arena);
        char key[10];
        count_key(op, k, key);
        struct mr_str slice = {key, 10}, value = {0};
        if (op->checkpoint)
            status = mr_checkpoint_get_many(op->checkpoint, MR_FAMILY_STATE, &slice, 1, &arena, &value, e);
        if (status >= 0 && value.data)
            memcpy(made, value.data, 16);
        mr_arena_release(&arena);
    }
    *out = entry->pointer;
    return status;
}

static int count_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *e)
{
    (void)input;
    for (int64_t i = 0; i < batch->length; i++) {
        int64_t k = batch->columns[0]->i64[i];
        uint64_t hash;
        struct mr_batch one;
        if (i == 0) { /* the row is in the right partition */
            MR_TRY(mr_batch_slice(batch, 0, 1, &one, e));
            mr_column_hash(one.columns[0], &hash, false);
            mr_batch_release(&one);
            if (mr_key_group_partition(mr_key_group(hash), op->partitions) != op->partition)
                return mr_error_set(e, MR_E_INTERNAL, "INTERNAL_ERROR", "row in the wrong partition");
        }
        struct count_entry *entry = NULL;
        MR_TRY(count_find(op, k, &entry, e));
        entry->count++;
        entry->sum += batch->columns[1]->i64[i];
        entry->dirty = entry->changed = true;
    }
    op->metrics.rows_in += batch->length;
    return MR_OK;
}

static int count_finish(struct mr_operator *op, struct mr_error *e)
{
    struct count_state *state = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, op->node->output, (int64_t)state->map.count + 1, e));
    for (size_t i = 0; i < state->map.count; i++) {
        struct count_entry *entry = state->map.entries[i].pointer;
        if (!entry->changed)
            continue;
        entry->changed = false;
        int64_t row = out.length++;
        memcpy(&out.columns[0]->i64[row], state->map.entries[i].key.data, 8);
        out.columns[1]->i64[row] = entry->count;
        out.columns[2]->i64[row] = entry->sum;
        for (int c = 0; c < 3; c++)
            out.columns[c]->length = out.length;
    }
    op->metrics.rows_updated += out.length;
    op->metrics.rows_total = (int64_t)state->map.count;
    int status = out.length > 0 ? op->emit(op, &out, e) : MR_OK;
    mr_batch_release(&out);
    return status;
}

static int count_flush(struct mr_operator *op, struct mr_decision *decision, struct mr_error *e)
{
    (void)e;
    struct count_state *state = op->ctx;
    for (size_t i = 0; i < state->map.count; i++) {
        struct count_entry *entry = state->map.entries[i].pointer;
        int64_t k;
        memcpy(&k, state->map.entries[i].key.data, 8);
        char key[10];
        count_key(op, k, key);
        if (entry->dirty)
            mr_decision_put(decision, MR_FAMILY_STATE, (struct mr_str){key, 10},
                            (struct mr_str){(char *)entry, 16});
        entry->dirty = false;
    }
    return MR_OK;
}

static int64_t count_dirty(struct mr_operator *op)
{
    struct count_state *state = op->ctx;
    int64_t bytes = 0;
    for (size_t i = 0; i < state->map.count; i++)
        bytes += ((struct count_entry *)state->map.entries[i].pointer)->dirty ? 100 : 0;
    return bytes;
}

static void count_fingerprint(const struct mr_node *node, struct mr_text *out)
{
    mr_text_format(out, "count by %d", node->exchange_keys[0][0]);
}

static void count_close(struct mr_operator *op)
{
    struct count_state *state = op->ctx;
    if (!state) /* open had no memory */
        return;
    for (size_t i = 0; i < state->map.count; i++)
        mr_free(state->map.entries[i].pointer);
    mr_map_release(&state->map);
    mr_free(state);
}

static const struct mr_operator_type count_operator = {
    .name = "count",
    .flags = MR_OP_STATEFUL | MR_OP_KEYED,
    .open = count_open,
    .push = count_push,
    .finish = count_finish,
    .flush = count_flush,
    .dirty_bytes = count_dirty,
    .fingerprint = count_fingerprint,
    .close = count_close,
};

/* ---- plumbing ---- */

static char directory[64], checkpoint_path[96], table_path[96];
static struct mr_arena schemas;
static const struct mr_type *pair_schema, *triple_schema;
static struct mr_memory_stream *stream;

static int setup(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof fault);
    mr_error_clear(&error);
    mr_log_level_set(MR_LOG_ERROR);
    snprintf(directory, sizeof directory, "/tmp/runtime_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s/checkpoint", directory);
    snprintf(table_path, sizeof table_path, "%s/table", directory);
    mr_arena_init(&schemas);
    OK(mr_schema_parse(&schemas, MR_STR("k BIGINT, v BIGINT"), &pair_schema, &error));
    OK(mr_schema_parse(&schemas, MR_STR("k BIGINT, c BIGINT, s BIGINT"), &triple_schema, &error));
    OK(mr_memory_stream_open(&stream, "in", pair_schema, &error));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mr_memory_stream_close(stream);
    mr_arena_release(&schemas);
    return mr_directory_remove(directory, &error);
}

/* One unit: `count` rows (first + i, (first + i) * step). */
static void add_rows(struct mr_memory_stream *to, int64_t first, int64_t count, int64_t modulo)
{
    struct mr_batch batch;
    OK(mr_batch_init(&batch, mr_memory_stream_schema(to), count, &error));
    for (int64_t i = 0; i < count; i++) {
        batch.columns[0]->i64[i] = modulo ? (first + i) % modulo : first + i;
        batch.columns[1]->i64[i] = first + i;
    }
    batch.length = batch.columns[0]->length = batch.columns[1]->length = count;
    OK(mr_memory_stream_add(to, &batch, &error));
    mr_batch_release(&batch);
}

static struct mr_source *add_source(struct mr_job *job, const char *name, const char *limit)
{
    struct mr_source *source = mr_job_new_source(job, &mr_memory_source, name, &error);
    assert_non_null(source);
    struct mr_option *options = MR_ARENA_ARRAY(&job->arena, struct mr_option, 2);
    options[0] = (struct mr_option){"stream", name};
    options[1] = (struct mr_option){"maxFilesPerTrigger", limit};
    source->options = options;
    source->option_count = limit ? 2 : 1;
    OK(mr_job_open_source(job, source, &error));
    return source;
}

static void add_target(struct mr_job *job, const struct mr_node *input, const char *name, const char *path)
{
    struct mr_option option = {"path", path};
    OK(mr_job_add_sink(job, input, &file_target, name, &option, 1, &error));
}

/* in -> even -> file target */
static void map_job(struct mr_job *job, const char *limit, const int64_t *poison)
{
    mr_job_init(job);
    struct mr_node *source = mr_job_add_source_node(job, add_source(job, "in", limit));
    const struct mr_node *input = source;
    struct mr_node *even = mr_job_add_node(job, &even_operator, poison, &input, 1, pair_schema);
    add_target(job, even, "out", table_path);
}

/* in -> count by k -> file target */
static void count_job(struct mr_job *job, const char *limit)
{
    mr_job_init(job);
    job->mode = MR_MODE_UPDATE;
    struct mr_node *source = mr_job_add_source_node(job, add_source(job, "in", limit));
    const struct mr_node *input = source;
    struct mr_node *count = mr_job_add_node(job, &count_operator, NULL, &input, 1, triple_schema);
    OK(mr_job_set_exchange(job, count, 0, (int[]){0}, 1, &error));
    add_target(job, count, "out", table_path);
}

static struct mr_query_options query_options(enum mr_trigger trigger)
{
    return (struct mr_query_options){.checkpoint_path = checkpoint_path, .trigger = trigger, .name = "test"};
}

/* Opens, runs and closes; the first error. */
static int run_job(struct mr_job *job, const struct mr_query_options *options)
{
    struct mr_query *query;
    MR_TRY(mr_query_open(&query, job, options, &error));
    int status = mr_query_run(query, &error);
    struct mr_error closing;
    int closed = mr_query_close(query, &closing);
    return status < 0 ? status : closed;
}

static int run_map(const char *limit)
{
    struct mr_job job;
    map_job(&job, limit, NULL);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    return run_job(&job, &options);
}

/* Rows of a target, as numbers of the given column, sorted; returns their count. */
static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static size_t read_table(const char *path, int column, int64_t *out, size_t room)
{
    struct mr_text text;
    mr_text_init(&text);
    if (!mr_file_exists(path))
        return 0;
    OK(mr_file_read_all(path, &text, &error));
    size_t count = 0;
    for (char *line = strchr(text.data, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        char *at = line + 1;
        for (int c = 0; c < column; c++)
            at = strchr(at, ',') + 1;
        assert_true(count < room);
        out[count++] = strtoll(at, NULL, 10);
    }
    mr_text_release(&text);
    qsort(out, count, sizeof *out, compare_i64);
    return count;
}

/* The table of map_job holds exactly the even numbers below n, once each. */
static void assert_evens(int64_t n)
{
    static int64_t values[200000];
    size_t count = read_table(table_path, 1, values, 200000);
    assert_int_equal(count, (n + 1) / 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(values[i], 2 * (int64_t)i);
}

#endif
