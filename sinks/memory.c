/* sinks/memory.c: see memory.h. */
#include "sinks/memory.h"

#include "sinks/row_log.h"

struct part { /* rows of one micro-batch */
    int64_t batch;
    bool replaced; /* COMPLETE with history: a later micro-batch stands for the table */
    struct mr_batch rows;
};
struct mr_memory_table {
    struct mr_memory_table *next;
    char *name;
    int references;
    pthread_mutex_t lock; /* guards what follows */
    struct mr_arena arena;
    const struct mr_type *schema; /* of the first query that wrote; NULL: none yet */
    struct part *parts;
    size_t count, capacity;
    char query_id[37]; /* who published last, and what */
    int64_t batch;
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mr_memory_table *tables;

struct mr_memory_table *mr_memory_table_open(const char *name)
{
    pthread_mutex_lock(&tables_lock);
    struct mr_memory_table *table = tables;
    while (table && strcmp(table->name, name) != 0)
        table = table->next;
    if (!table) {
        table = mr_allocate_zeroed(sizeof *table);
        char *copy = mr_allocate(strlen(name) + 1);
        if (table && copy) {
            strcpy(copy, name);
            table->name = copy;
            table->batch = -1;
            mr_arena_init(&table->arena);
            pthread_mutex_init(&table->lock, NULL);
            table->next = tables;
            tables = table;
        } else {
            mr_free(table);
            mr_free(copy);
            table = NULL;
        }
    }
    if (table)
        table->references++;
    pthread_mutex_unlock(&tables_lock);
    return table;
}

static void clear(struct mr_memory_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        mr_batch_release(&table->parts[i].rows);
    table->count = 0;
}

void mr_memory_table_close(struct mr_memory_table *table)
{
    if (!table)
        return;
    pthread_mutex_lock(&tables_lock);
    bool last = --table->references == 0;
    for (struct mr_memory_table **at = &tables; last && *at; at = &(*at)->next) {
        if (*at == table) {
            *at = table->next;
            break;
        }
    }
    pthread_mutex_unlock(&tables_lock);
    if (!last)
        return;
    clear(table);
    mr_free(table->parts);
    mr_free(table->name);
    mr_arena_release(&table->arena);
    pthread_mutex_destroy(&table->lock);
    mr_free(table);
}

int64_t mr_memory_table_rows(struct mr_memory_table *table)
{
    pthread_mutex_lock(&table->lock);
    int64_t rows = 0;
    for (size_t i = 0; i < table->count; i++)
        rows += table->parts[i].replaced ? 0 : table->parts[i].rows.length;
    pthread_mutex_unlock(&table->lock);
    return rows;
}

int64_t mr_memory_table_last_batch(struct mr_memory_table *table)
{
    pthread_mutex_lock(&table->lock);
    int64_t batch = table->batch;
    pthread_mutex_unlock(&table->lock);
    return batch;
}

int mr_memory_table_read(struct mr_memory_table *table, int64_t batch, struct mr_batch *out,
                         struct mr_error *error)
{
    *out = (struct mr_batch){0};
    pthread_mutex_lock(&table->lock);
    int status = table->schema ? mr_batch_init(out, table->schema, 16, error) : MR_END;
    for (size_t i = 0; status == MR_OK && i < table->count; i++) {
        if (batch < 0 ? !table->parts[i].replaced : table->parts[i].batch == batch)
            status = mr_batch_append(out, &table->parts[i].rows, error);
    }
    pthread_mutex_unlock(&table->lock);
    if (status < 0)
        mr_batch_release(out);
    return status;
}

/* ---- the sink ---- */

struct memory_sink {
    const char *name; /* of the table */
    struct mr_memory_table *table;
    struct mr_row_log *log;
    bool history;
};

static void memory_close(struct mr_sink *sink)
{
    struct memory_sink *self = sink->ctx;
    if (self) {
        mr_row_log_close(self->log);
        mr_memory_table_close(self->table);
        mr_free(self);
    }
    sink->ctx = NULL;
}

static int check_schema(struct mr_memory_table *table, const struct mr_sink *sink, struct mr_error *error)
{
    int status = MR_OK;
    pthread_mutex_lock(&table->lock);
    if (!table->schema)
        table->schema = mr_type_copy(&table->arena, sink->schema);
    if (!table->schema)
        status = mr_error_memory(error, sizeof *table->schema);
    else if (!mr_type_equal(table->schema, sink->schema))
        status =
            mr_error_set(error, MR_E_USAGE, "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
                         "The table '%s' in memory has another schema than the rows for it.", table->name);
    pthread_mutex_unlock(&table->lock);
    return status;
}

#define TO(member) MR_OPTION_HOME(memory_sink, member)

static const struct mr_option_spec memory_options[] = {
    {"history", MR_OPTION_BOOLEAN, "false",
     "COMPLETE: rows that were replaced can still be read by their batch", TO(history)},
    {"table", MR_OPTION_TEXT, "(the sink's own)", "name of the table in memory", TO(name)},
    {0},
};

static int memory_open(struct mr_sink *sink, struct mr_error *error)
{
    struct memory_sink *self = mr_allocate_zeroed(sizeof *self);
    sink->ctx = self;
    if (!self)
        return mr_error_memory(error, sizeof *self);
    self->name = sink->name;
    int status = mr_options_read(memory_options, "memory", sink->options, sink->option_count, self, error);
    self->table = status >= 0 ? mr_memory_table_open(self->name) : NULL;
    if (status >= 0)
        status = self->table ? mr_row_log_open(&self->log, sink, -1, false, error)
                             : mr_error_memory(error, sizeof *self);
    if (status >= 0)
        status = check_schema(self->table, sink, error);
    if (status < 0)
        memory_close(sink);
    return status;
}

static int memory_begin(struct mr_sink *sink, int64_t batch, struct mr_error *error)
{
    return mr_row_log_begin(((struct memory_sink *)sink->ctx)->log, batch, error);
}

static int memory_write(struct mr_sink *sink, int worker, const struct mr_batch *batch,
                        struct mr_error *error)
{
    return mr_row_log_write(((struct memory_sink *)sink->ctx)->log, worker, batch, error);
}

static int memory_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                          const struct mr_register *predecessor, struct mr_text *manifest,
                          struct mr_error *error)
{
    (void)predecessor;
    size_t before = manifest->size;
    MR_TRY(mr_row_log_prepare(((struct memory_sink *)sink->ctx)->log, batch, decision_id, manifest, error));
    sink->metrics = (struct mr_sink_metrics){.rows = -1, .bytes = (int64_t)(manifest->size - before)};
    return MR_OK;
}

struct adding {
    struct mr_memory_table *table;
    bool replace, history;
};

static int add_part(void *ctx, int64_t batch, struct mr_batch *rows, int64_t more, struct mr_error *error)
{
    (void)more;
    struct adding *adding = ctx;
    struct mr_memory_table *table = adding->table;
    if (adding->replace && !adding->history)
        clear(table);
    for (size_t i = 0; adding->replace && i < table->count; i++)
        table->parts[i].replaced = true;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 16;
        struct part *grown = mr_reallocate(table->parts, capacity * sizeof *grown);
        if (!grown)
            return mr_error_memory(error, capacity * sizeof *grown);
        table->parts = grown;
        table->capacity = capacity;
    }
    struct part *part = &table->parts[table->count++];
    part->batch = batch;
    part->replaced = false;
    mr_batch_move(&part->rows, rows);
    return MR_OK;
}

static int memory_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error)
{
    struct memory_sink *self = sink->ctx;
    struct mr_memory_table *table = self->table;
    struct mr_row_manifest head;
    pthread_mutex_lock(&table->lock);
    int status = mr_row_manifest_read(manifest, table->schema, &head, NULL, NULL, error);
    bool mine = status >= 0 && strcmp(head.query_id, table->query_id) == 0;
    if (status >= 0 && !(mine && head.batch <= table->batch)) {
        if (head.truncate)
            clear(table);
        struct adding adding = {table, sink->mode == MR_MODE_COMPLETE, self->history};
        status = mr_row_manifest_read(manifest, table->schema, &head, add_part, &adding, error);
        if (status >= 0) {
            memcpy(table->query_id, head.query_id, sizeof head.query_id);
            table->batch = head.batch;
        }
    }
    pthread_mutex_unlock(&table->lock);
    return status;
}

static void memory_abandon(struct mr_sink *sink)
{
    mr_row_log_abandon(((struct memory_sink *)sink->ctx)->log);
}

static void memory_describe(struct mr_sink *sink, struct mr_text *out)
{
    (void)sink;
    mr_text_append_str(out, "MemorySink");
}

const struct mr_sink_type mr_memory_sink = {
    .name = "memory",
    .modes = 1U << MR_MODE_APPEND | 1U << MR_MODE_UPDATE | 1U << MR_MODE_COMPLETE,
    .flags = MR_SINK_NO_REGISTER,
    .open = memory_open,
    .begin = memory_begin,
    .write = memory_write,
    .prepare = memory_prepare,
    .publish = memory_publish,
    .abandon = memory_abandon,
    .describe = memory_describe,
    .close = memory_close,
};
