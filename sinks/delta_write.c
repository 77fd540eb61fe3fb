/* sinks/delta_write.c: batches -> Parquet files nobody refers to yet.
 *
 * Few files: workers share one file per partition value until it has 4 MiB; only then does a worker that
 * finds every file busy open another. A file is closed (and fsynced, by the worker that filled it) at 128
 * MiB; what is open when the decision ends is closed then, several at a time. */
#include "sinks/delta.h"

#define CLOSERS 4

int mr_delta_writers_init(struct mr_delta_sink *s, struct mr_error *error)
{
    struct mr_delta_writers *w = &s->writers;
    (void)error;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->idle, NULL);
    mr_arena_init(&w->arena);
    mr_map_init(&w->parts);
    mr_delta_written_init(&w->written);
    return MR_OK;
}

/* ---- who writes where ---- */
static void detach(struct mr_delta_writers *w, struct mr_delta_out *out)
{
    struct mr_delta_out **link = &out->part->outs;
    while (*link != out)
        link = &(*link)->next;
    *link = out->next;
    out->part->open--;
    w->open_files--;
}

/* The idle file of the partition that has most; *total: bytes in all of them. Under the lock. */
static struct mr_delta_out *idle_out(const struct mr_delta_part *part, int64_t *total)
{
    struct mr_delta_out *best = NULL;
    *total = 0;
    for (struct mr_delta_out *out = part->outs; out; out = out->next) {
        *total += out->bytes;
        if (!out->busy && (!best || out->bytes > best->bytes))
            best = out;
    }
    return best;
}

/* The file unused longest over all partitions, taken out; NULL when all are busy. Under the lock. */
static struct mr_delta_out *take_stale(struct mr_delta_writers *w)
{
    struct mr_delta_out *stale = NULL;
    for (size_t i = 0; i < w->parts.count; i++) {
        struct mr_delta_part *part = w->parts.entries[i].pointer;
        for (struct mr_delta_out *out = part ? part->outs : NULL; out; out = out->next)
            if (!out->busy && (!stale || out->last_used < stale->last_used))
                stale = out;
    }
    if (stale)
        detach(w, stale);
    return stale;
}

static int acquire(struct mr_delta_sink *s, struct mr_delta_part *part, struct mr_delta_out **result,
                   struct mr_error *error)
{
    struct mr_delta_writers *w = &s->writers;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        int64_t total = 0;
        struct mr_delta_out *out = idle_out(part, &total);
        if (out) {
            out->busy = true;
            pthread_mutex_unlock(&w->lock);
            *result = out;
            return MR_OK;
        }
        if (part->open == 0 || (total >= MR_DELTA_SHARE_BYTES && part->open < s->sink->workers))
            break;
        pthread_cond_wait(&w->idle, &w->lock);
    }
    part->open++;
    int64_t number = w->next_number++;
    struct mr_delta_out *stale = ++w->open_files > MR_DELTA_OPEN_FILES ? take_stale(w) : NULL;
    if (stale)
        pthread_cond_broadcast(&w->idle); /* whoever waited for that one may open its own */
    pthread_mutex_unlock(&w->lock);
    int status = stale ? mr_delta_out_finish(s, stale, &w->written, error) : MR_OK;
    if (status == MR_OK)
        status = mr_delta_out_open(s, s->file_schema, part, number, w->batch, result, error);
    pthread_mutex_lock(&w->lock);
    if (status == MR_OK) {
        (*result)->next = part->outs;
        part->outs = *result;
    } else {
        part->open--;
        w->open_files--;
        pthread_cond_broadcast(&w->idle);
    }
    pthread_mutex_unlock(&w->lock);
    return status;
}

/* Gives the file back, or closes it when it is full or broken. */
static int give_back(struct mr_delta_sink *s, struct mr_delta_out *out, int status, struct mr_error *error)
{
    struct mr_delta_writers *w = &s->writers;
    pthread_mutex_lock(&w->lock);
    out->bytes = mr_parquet_writer_bytes(out->parquet);
    out->last_used = w->clock++;
    out->busy = false;
    bool full = status == MR_OK && out->bytes >= s->roll_bytes;
    if (full || status < 0)
        detach(w, out);
    pthread_cond_broadcast(&w->idle);
    pthread_mutex_unlock(&w->lock);
    if (status < 0)
        mr_delta_out_free(out);
    return full ? mr_delta_out_finish(s, out, &w->written, error) : status;
}

static int write_part(struct mr_delta_sink *s, struct mr_delta_part *part, const struct mr_batch *batch,
                      struct mr_error *error)
{
    struct mr_delta_out *out = NULL;
    MR_TRY(acquire(s, part, &out, error));
    int status = mr_parquet_writer_write(out->parquet, batch, error);
    return give_back(s, out, status, error);
}

/* ---- rows to partitions ---- */
/* The partition of a row; made when new. */
static int find_part(struct mr_delta_sink *s, const struct mr_batch *batch, int64_t row,
                     struct mr_delta_part **out, struct mr_error *error)
{
    struct mr_delta_writers *w = &s->writers;
    struct mr_text value, directory;
    mr_text_init(&value);
    mr_text_init(&directory);
    bool created = false;
    for (int i = 0; i < s->partition_count; i++) {
        mr_text_clear(&value);
        bool present = mr_delta_partition_text(&value, batch->columns[s->partition_sources[i]], row);
        mr_delta_partition_path(&directory, s->partition_columns[i], mr_text_str(&value), !present);
    }
    pthread_mutex_lock(&w->lock);
    struct mr_map_entry *entry = mr_map_put(&w->parts, mr_text_str(&directory), &created);
    struct mr_delta_part *part = entry ? entry->pointer : NULL;
    bool whole = entry && !value.failed && !directory.failed;
    if (whole && !part) {
        part = entry->pointer = MR_ARENA_NEW(&w->arena, struct mr_delta_part);
        struct mr_delta_pair *items = MR_ARENA_ARRAY(&w->arena, struct mr_delta_pair, s->partition_count + 1);
        whole = part && items;
        for (int i = 0; whole && i < s->partition_count; i++) {
            mr_text_clear(&value);
            bool present = mr_delta_partition_text(&value, batch->columns[s->partition_sources[i]], row);
            char *copy = mr_arena_copy_text(&w->arena, value.data, value.size);
            items[i] = (struct mr_delta_pair){s->partition_columns[i], {copy, value.size}, !present};
            whole = copy != NULL;
        }
        if (whole) {
            part->directory = entry->key;
            part->values = (struct mr_delta_pairs){items, s->partition_count};
        } else {
            entry->pointer = NULL;
        }
    }
    pthread_mutex_unlock(&w->lock);
    mr_text_release(&value);
    mr_text_release(&directory);
    *out = part;
    return whole ? MR_OK : mr_error_memory(error, sizeof(*part));
}

struct groups {          /* rows of a batch by equal partition values */
    int32_t *group_of;   /* per row */
    int32_t *first_rows; /* per group: its first row */
    int32_t *counts;
    int32_t *rows; /* rows of one group after another */
    int32_t count;
};

static bool same_values(const struct mr_delta_sink *s, const struct mr_batch *batch, int64_t a, int64_t b)
{
    for (int i = 0; i < s->partition_count; i++) {
        const struct mr_column *column = batch->columns[s->partition_sources[i]];
        if (!mr_column_same(column, a, column, b))
            return false;
    }
    return true;
}

static int group_rows(const struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_arena *arena,
                      struct groups *out, struct mr_error *error)
{
    size_t rows = (size_t)batch->length, slots = 16;
    while (slots < rows * 2)
        slots *= 2;
    uint64_t *hashes = MR_ARENA_ARRAY(arena, uint64_t, rows);
    int32_t *table = MR_ARENA_ARRAY(arena, int32_t, slots); /* group + 1 */
    *out = (struct groups){MR_ARENA_ARRAY(arena, int32_t, rows), MR_ARENA_ARRAY(arena, int32_t, rows),
                           MR_ARENA_ARRAY(arena, int32_t, rows), MR_ARENA_ARRAY(arena, int32_t, rows), 0};
    if (!hashes || !table || !out->group_of || !out->first_rows || !out->counts || !out->rows)
        return mr_error_memory(error, rows * 24);
    for (int i = 0; i < s->partition_count; i++)
        mr_column_hash(batch->columns[s->partition_sources[i]], hashes, i > 0);
    for (size_t row = 0; row < rows; row++) {
        size_t slot = hashes[row] & (slots - 1);
        while (table[slot] != 0 && !same_values(s, batch, out->first_rows[table[slot] - 1], (int64_t)row))
            slot = (slot + 1) & (slots - 1);
        if (table[slot] == 0) {
            out->first_rows[out->count] = (int32_t)row;
            table[slot] = ++out->count;
        }
        out->group_of[row] = table[slot] - 1;
        out->counts[table[slot] - 1]++;
    }
    int32_t *next = MR_ARENA_ARRAY(arena, int32_t, out->count + 1);
    if (!next)
        return mr_error_memory(error, sizeof(*next) * (size_t)out->count);
    for (int32_t group = 1; group < out->count; group++)
        next[group] = next[group - 1] + out->counts[group - 1];
    for (size_t row = 0; row < rows; row++)
        out->rows[next[out->group_of[row]]++] = (int32_t)row;
    return MR_OK;
}

static int check_not_null_in(const struct mr_column *column, const struct mr_type *known, const char *name,
                             struct mr_error *error)
{
    if (known->id != MR_STRUCT)
        return MR_OK;
    for (int i = 0; i < column->child_count; i++) {
        int at = mr_type_field(known, mr_str_of(column->type->fields[i].name), false, NULL);
        const struct mr_column *child = column->children[i];
        bool required = at >= 0 && !known->fields[at].nullable;
        for (int64_t row = 0; required && row < column->length; row++)
            if (mr_column_is_null(child, row) && !mr_column_is_null(column, row))
                return mr_error_set(error, MR_E_DATA, "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
                                    "The column %s.%s is NOT NULL in the table, and a row has NULL.", name,
                                    known->fields[at].name);
        if (at >= 0)
            MR_TRY(check_not_null_in(child, known->fields[at].type, name, error));
    }
    return MR_OK;
}

static int check_not_null(const struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_error *error)
{
    for (int i = 0; i < batch->schema->field_count; i++) {
        const char *name = batch->schema->fields[i].name;
        if (s->not_null[i] && batch->length > 0 && mr_column_null_count(batch->columns[i]) > 0) {
            mr_error_set(error, MR_E_DATA, "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
                         "The column %s is NOT NULL in the table %s, and a row has NULL. Drop such rows with "
                         "an expectation, or give "
                         "a value with coalesce.",
                         name, mr_delta_path(&s->table));
            mr_error_parameter(error, "columnName", "%s", name);
            return error->code;
        }
        int at = mr_type_field(s->schema, mr_str_of(name), false, NULL);
        if (at >= 0 && mr_type_is_nested(s->schema->fields[at].type))
            MR_TRY(check_not_null_in(batch->columns[i], s->schema->fields[at].type, name, error));
    }
    return MR_OK;
}

/* The batch as files hold it: without partition columns, in the table's spelling. Shares the columns. */
static int project(const struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_batch *out,
                   struct mr_error *error)
{
    MR_TRY(mr_batch_init(out, s->file_schema, 0, error));
    out->length = batch->length;
    for (int i = 0; i < s->file_schema->field_count; i++)
        out->columns[i] = mr_column_ref(batch->columns[s->file_columns[i]]);
    return MR_OK;
}

static int write_groups(struct mr_delta_sink *s, const struct mr_batch *batch,
                        const struct mr_batch *projected, const struct groups *groups, struct mr_error *error)
{
    int32_t start = 0;
    for (int32_t group = 0; group < groups->count; group++) {
        struct mr_delta_part *part = NULL;
        struct mr_batch rows = {0};
        MR_TRY(find_part(s, batch, groups->first_rows[group], &part, error));
        if (groups->count == 1)
            return write_part(s, part, projected, error);
        MR_TRY(mr_batch_take(projected, groups->rows + start, groups->counts[group], &rows, error));
        int status = write_part(s, part, &rows, error);
        mr_batch_release(&rows);
        if (status < 0)
            return status;
        start += groups->counts[group];
    }
    return MR_OK;
}

int mr_delta_writers_write(struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_batch projected = {0};
    struct mr_arena arena;
    if (batch->length == 0)
        return MR_OK;
    mr_arena_init(&arena);
    int status = MR_OK;
    MR_ERR(check_not_null(s, batch, error));
    MR_ERR(project(s, batch, &projected, error));
    if (s->partition_count == 0) {
        struct mr_delta_part *part = NULL;
        MR_ERR(find_part(s, batch, 0, &part, error));
        status = write_part(s, part, &projected, error);
    } else {
        struct groups groups;
        MR_ERR(group_rows(s, batch, &arena, &groups, error));
        status = write_groups(s, batch, &projected, &groups, error);
    }
err:
    mr_batch_release(&projected);
    mr_arena_release(&arena);
    return status;
}

/* ---- the end of a decision ---- */
struct closing { /* shared by the threads that close files */
    struct mr_delta_sink *s;
};

static int close_files(void *ctx, int worker, struct mr_error *error)
{
    struct closing *closing = ctx;
    struct mr_delta_writers *w = &closing->s->writers;
    (void)worker;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        struct mr_delta_out *out = take_stale(w);
        pthread_mutex_unlock(&w->lock);
        if (!out)
            return MR_OK;
        MR_TRY(mr_delta_out_finish(closing->s, out, &w->written, error));
    }
}

int mr_delta_writers_finish(struct mr_delta_sink *s, struct mr_error *error)
{
    struct mr_delta_writers *w = &s->writers;
    struct closing closing = {s};
    if (w->open_files > 1 && !s->closers)
        MR_TRY(mr_pool_start(&s->closers, CLOSERS, error));
    if (w->open_files > 1)
        MR_TRY(mr_pool_run(s->closers, close_files, &closing, error));
    else
        MR_TRY(close_files(&closing, 0, error));
    return mr_delta_written_sync(s, &w->written, error);
}

void mr_delta_writers_reset(struct mr_delta_sink *s)
{
    struct mr_delta_writers *w = &s->writers;
    for (struct mr_delta_out *out = take_stale(w); out; out = take_stale(w))
        mr_delta_out_free(out);
    mr_map_release(&w->parts);
    mr_map_init(&w->parts);
    mr_delta_written_release(&w->written);
    mr_delta_written_init(&w->written);
    mr_arena_clear(&w->arena);
    w->open_files = 0;
}

void mr_delta_writers_release(struct mr_delta_sink *s)
{
    struct mr_delta_writers *w = &s->writers;
    mr_delta_writers_reset(s);
    mr_map_release(&w->parts);
    mr_delta_written_release(&w->written);
    mr_arena_release(&w->arena);
    pthread_cond_destroy(&w->idle);
    pthread_mutex_destroy(&w->lock);
    if (s->closers)
        mr_pool_stop(s->closers);
    s->closers = NULL;
}
