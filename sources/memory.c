/* sources/memory.c: see memory.h. */
#include "sources/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct mr_memory_stream {
    struct mr_memory_stream *next;
    char *name;
    int references;
    struct mr_arena arena;
    const struct mr_type *schema;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct mr_batch *units;
    int64_t count, capacity, published;
};

static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mr_memory_stream *streams;

static struct mr_memory_stream *find(const char *name)
{
    for (struct mr_memory_stream *stream = streams; stream; stream = stream->next) {
        if (strcmp(stream->name, name) == 0)
            return stream;
    }
    return NULL;
}

static struct mr_memory_stream *create(const char *name, const struct mr_type *schema, struct mr_error *error)
{
    struct mr_memory_stream *stream = mr_allocate_zeroed(sizeof *stream);
    if (!stream) {
        mr_error_memory(error, sizeof *stream);
        return NULL;
    }
    mr_arena_init(&stream->arena);
    stream->name = mr_arena_copy_text(&stream->arena, name, strlen(name));
    stream->schema = mr_type_copy(&stream->arena, schema);
    if (!stream->name || !stream->schema) {
        mr_arena_release(&stream->arena);
        mr_free(stream);
        mr_error_memory(error, strlen(name));
        return NULL;
    }
    pthread_mutex_init(&stream->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&stream->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    stream->next = streams;
    streams = stream;
    return stream;
}

int mr_memory_stream_open(struct mr_memory_stream **out, const char *name, const struct mr_type *schema,
                          struct mr_error *error)
{
    int status = MR_OK;
    pthread_mutex_lock(&streams_lock);
    struct mr_memory_stream *stream = find(name);
    if (!stream && !schema)
        status =
            mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND", "There is no stream '%s' in memory.", name);
    else if (!stream)
        stream = create(name, schema, error);
    else if (schema && !mr_type_equal(stream->schema, schema))
        status = mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                              "The stream '%s' in memory has another schema.", name);
    if (stream && status >= 0)
        stream->references++;
    pthread_mutex_unlock(&streams_lock);
    *out = status < 0 ? NULL : stream;
    return *out ? MR_OK : status < 0 ? status : error->code;
}

void mr_memory_stream_close(struct mr_memory_stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_lock(&streams_lock);
    bool last = --stream->references == 0;
    for (struct mr_memory_stream **at = &streams; last && *at; at = &(*at)->next) {
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    }
    pthread_mutex_unlock(&streams_lock);
    if (!last)
        return;
    for (int64_t i = 0; i < stream->count; i++)
        mr_batch_release(&stream->units[i]);
    mr_free(stream->units);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->lock);
    mr_arena_release(&stream->arena);
    mr_free(stream);
}

const struct mr_type *mr_memory_stream_schema(const struct mr_memory_stream *stream)
{
    return stream->schema;
}

int mr_memory_stream_add(struct mr_memory_stream *stream, const struct mr_batch *rows, struct mr_error *error)
{
    struct mr_batch unit = {0};
    MR_TRY(mr_batch_copy(&unit, rows, error));
    unit.schema = stream->schema;
    int status = MR_OK;
    pthread_mutex_lock(&stream->lock);
    if (stream->count == stream->capacity) {
        int64_t capacity = stream->capacity ? stream->capacity * 2 : 16;
        struct mr_batch *grown = mr_reallocate(stream->units, sizeof *grown * (size_t)capacity);
        if (grown) {
            stream->units = grown;
            stream->capacity = capacity;
        } else {
            status = mr_error_memory(error, sizeof *grown * (size_t)capacity);
        }
    }
    if (status >= 0)
        mr_batch_move(&stream->units[stream->count++], &unit);
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    mr_batch_release(&unit);
    return status;
}

int64_t mr_memory_stream_units(struct mr_memory_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    int64_t count = stream->count;
    pthread_mutex_unlock(&stream->lock);
    return count;
}

int64_t mr_memory_stream_published(struct mr_memory_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    int64_t published = stream->published;
    pthread_mutex_unlock(&stream->lock);
    return published;
}

/* ---- the source ---- */

struct memory_source {
    const char *name; /* of the stream */
    struct mr_memory_stream *stream;
    int64_t max_units, max_bytes; /* 0: no limit */
    int64_t end;                  /* available_now: units there were at the start */
    int64_t seen;                 /* units at the last look; wait returns when there are more */
    bool woken;                   /* under the stream's lock */
};
struct memory_split {
    int64_t unit;
};
struct memory_reader {
    struct mr_batch held;
    int64_t row;
};

#define TO(member) MR_OPTION_HOME(memory_source, member)

static const struct mr_option_spec memory_options[] = {
    {"stream", MR_OPTION_TEXT, NULL, "name of the stream", TO(name)},
    {"maxFilesPerTrigger", MR_OPTION_INTEGER, "0", "units a micro-batch takes at most", TO(max_units)},
    {"maxBytesPerTrigger", MR_OPTION_BYTES, NULL, "bytes a micro-batch takes, about; one unit at least",
     TO(max_bytes)},
    {0},
};

static void memory_close(struct mr_source *source)
{
    struct memory_source *self = source->ctx;
    if (self)
        mr_memory_stream_close(self->stream);
    mr_free(self);
    source->ctx = NULL;
}

static int memory_open(struct mr_source *source, struct mr_error *error)
{
    struct memory_source *self = mr_allocate_zeroed(sizeof *self);
    source->ctx = self;
    if (!self)
        return mr_error_memory(error, sizeof *self);
    self->name = source->name;
    int status =
        mr_options_read(memory_options, "memory", source->options, source->option_count, self, error);
    if (status >= 0)
        status = mr_memory_stream_open(&self->stream, self->name, source->declared_schema, error);
    if (status < 0) {
        memory_close(source);
        return status;
    }
    self->end = INT64_MAX;
    source->schema = self->stream->schema;
    return MR_OK;
}

static int parse_offset(struct mr_str text, int64_t *out, struct mr_error *error)
{
    char digits[24], *end;
    *out = 0;
    if (text.size == 0)
        return MR_OK;
    snprintf(digits, sizeof digits, "%.*s", (int)(text.size < 23 ? text.size : 23), text.data);
    *out = strtoll(digits, &end, 10);
    if (*end == 0 && end != digits && *out >= 0)
        return MR_OK;
    return mr_error_set(error, MR_E_CORRUPT, "INVALID_PARAMETER_VALUE",
                        "The offset of a stream in memory is a number of units, not %s.", digits);
}

static int memory_restore(struct mr_source *source, struct mr_str from, struct mr_error *error)
{
    struct memory_source *self = source->ctx;
    int64_t taken;
    MR_TRY(parse_offset(from, &taken, error));
    int64_t count = mr_memory_stream_units(self->stream);
    if (taken > count)
        return mr_error_set(
            error, MR_E_PROTOCOL, "INVALID_PARAMETER_VALUE",
            "The checkpoint has taken %lld units of the stream '%s', which holds %lld: they are lost.",
            (long long)taken, self->stream->name, (long long)count);
    if (source->available_now)
        self->end = count;
    return MR_OK;
}

static int memory_latest(struct mr_source *source, struct mr_str from, struct mr_text *to,
                         struct mr_error *error)
{
    struct memory_source *self = source->ctx;
    int64_t begin;
    MR_TRY(parse_offset(from, &begin, error));
    pthread_mutex_lock(&self->stream->lock);
    int64_t count = self->stream->count;
    self->seen = count;
    if (count > self->end)
        count = self->end;
    int64_t end = begin, bytes = 0, backlog = 0;
    while (end < count && (self->max_units <= 0 || end - begin < self->max_units) &&
           (self->max_bytes <= 0 || end == begin || bytes < self->max_bytes))
        bytes += (int64_t)mr_batch_bytes(&self->stream->units[end++]);
    for (int64_t i = end; i < count; i++)
        backlog += (int64_t)mr_batch_bytes(&self->stream->units[i]);
    pthread_mutex_unlock(&self->stream->lock);
    source->metrics = (struct mr_source_metrics){.backlog_files = count - end, .backlog_bytes = backlog};
    if (end > begin)
        mr_text_format(to, "%lld", (long long)end);
    else
        mr_text_append(to, from.data ? from.data : "", from.size);
    return to->failed ? mr_error_memory(error, 24) : MR_OK;
}

static int memory_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                        struct mr_split_list *splits, struct mr_error *error)
{
    struct memory_source *self = source->ctx;
    int64_t begin, end;
    MR_TRY(parse_offset(from, &begin, error));
    MR_TRY(parse_offset(to, &end, error));
    splits->splits = MR_ARENA_ARRAY(splits->arena, struct mr_split, end - begin + 1);
    if (!splits->splits)
        return mr_error_memory(error, sizeof *splits->splits * (size_t)(end - begin));
    for (int64_t unit = begin; unit < end; unit++) {
        struct memory_split *split = MR_ARENA_NEW(splits->arena, struct memory_split);
        if (!split)
            return mr_error_memory(error, sizeof *split);
        split->unit = unit;
        pthread_mutex_lock(&self->stream->lock);
        int64_t bytes = (int64_t)mr_batch_bytes(&self->stream->units[unit]);
        pthread_mutex_unlock(&self->stream->lock);
        splits->splits[splits->count++] = (struct mr_split){bytes, split, 0};
    }
    return MR_OK;
}

static int memory_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                      const struct mr_split_list *splits, size_t taken, struct mr_text *out,
                      struct mr_error *error)
{
    (void)source;
    (void)to;
    (void)splits;
    int64_t begin;
    MR_TRY(parse_offset(from, &begin, error));
    mr_text_format(out, "%lld", (long long)(begin + (int64_t)taken));
    return out->failed ? mr_error_memory(error, 24) : MR_OK;
}

static int memory_reader_open(struct mr_source *source, const struct mr_split *split,
                              struct mr_reader *reader, struct mr_error *error)
{
    struct memory_source *self = source->ctx;
    struct memory_reader *state = mr_allocate_zeroed(sizeof *state);
    if (!state)
        return mr_error_memory(error, sizeof *state);
    pthread_mutex_lock(
        &self->stream->lock); /* the array may move while it grows: keep the columns, not the place */
    int status =
        mr_batch_copy(&state->held, &self->stream->units[((struct memory_split *)split->ctx)->unit], error);
    pthread_mutex_unlock(&self->stream->lock);
    if (status < 0)
        mr_free(state);
    else
        reader->ctx = state;
    return status;
}

static int memory_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                       struct mr_error *error)
{
    (void)source;
    struct memory_reader *state = reader->ctx;
    int64_t left = state->held.length - state->row;
    if (left == 0)
        return MR_END;
    int64_t rows = left < MR_BATCH_ROWS ? left : MR_BATCH_ROWS;
    if (rows == state->held.length)
        MR_TRY(mr_batch_copy(batch, &state->held, error));
    else
        MR_TRY(mr_batch_slice(&state->held, state->row, rows, batch, error));
    state->row += rows;
    return MR_OK;
}

static void memory_reader_close(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    struct memory_reader *state = reader->ctx;
    if (state)
        mr_batch_release(&state->held);
    mr_free(state);
}

static int memory_published(struct mr_source *source, struct mr_str upto, struct mr_error *error)
{
    struct memory_source *self = source->ctx;
    int64_t units;
    MR_TRY(parse_offset(upto, &units, error));
    pthread_mutex_lock(&self->stream->lock);
    if (units > self->stream->published)
        self->stream->published = units;
    pthread_mutex_unlock(&self->stream->lock);
    return MR_OK;
}

static void memory_wait(struct mr_source *source, int64_t deadline_us)
{
    struct memory_source *self = source->ctx;
    struct mr_memory_stream *stream = self->stream;
    pthread_mutex_lock(&stream->lock);
    while (!self->woken && stream->count == self->seen && mr_env()->monotonic_us() < deadline_us) {
        if (deadline_us == INT64_MAX) {
            pthread_cond_wait(&stream->changed, &stream->lock);
        } else {
            struct timespec until = {deadline_us / 1000000, deadline_us % 1000000 * 1000};
            pthread_cond_timedwait(&stream->changed, &stream->lock, &until);
        }
    }
    self->woken = false;
    pthread_mutex_unlock(&stream->lock);
}

static void memory_wake(struct mr_source *source)
{
    struct memory_source *self = source->ctx;
    pthread_mutex_lock(&self->stream->lock);
    self->woken = true;
    pthread_cond_broadcast(&self->stream->changed);
    pthread_mutex_unlock(&self->stream->lock);
}

static void memory_describe(struct mr_source *source, struct mr_text *out)
{
    struct memory_source *self = source->ctx;
    mr_text_format(out, "MemoryStream[%s]", self->stream->name);
}

const struct mr_source_type mr_memory_source = {
    .name = "memory",
    .open = memory_open,
    .restore = memory_restore,
    .latest = memory_latest,
    .split = memory_split,
    .reader_open = memory_reader_open,
    .read = memory_read,
    .reader_close = memory_reader_close,
    .cut = memory_cut,
    .published = memory_published,
    .wait = memory_wait,
    .wake = memory_wake,
    .describe = memory_describe,
    .close = memory_close,
};
