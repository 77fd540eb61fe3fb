/* sinks/row_log.c: rows between write and publish.
 *
 * Manifest: 'W' 1, truncate (1), query id (36), batch (8), decision id (8), number of sections (8); a
 * section: batch (8), rows (8), rows counted only (8), bytes (8), the rows column by column as mr_row_append
 * writes them. Numbers little-endian, as the machine's. */
#include "sinks/row_log.h"

#include "columns/value.h"

#define HEAD_BYTES (3 + 36 + 24)

struct section {
    struct section *next;
    int64_t batch, rows, more;
    struct mr_text bytes;
};
struct buffer { /* of one worker */
    struct mr_text bytes;
    int64_t rows, more;
};
struct mr_row_log {
    const struct mr_sink *sink;
    int64_t keep, batch;
    struct section *sections, **end; /* of the decision in hand, closed */
    bool open, always;               /* open: a micro-batch is being written */
    struct buffer *buffers;
};

int mr_row_log_open(struct mr_row_log **out, const struct mr_sink *sink, int64_t keep, bool always,
                    struct mr_error *error)
{
    int workers = sink->workers > 0 ? sink->workers : 1;
    struct mr_row_log *log = mr_allocate_zeroed(sizeof *log);
    struct buffer *buffers = mr_allocate_zeroed(sizeof *buffers * (size_t)workers);
    *out = log;
    if (!log || !buffers) {
        mr_free(log);
        mr_free(buffers);
        *out = NULL;
        return mr_error_memory(error, sizeof *buffers * (size_t)workers);
    }
    for (int w = 0; w < workers; w++)
        mr_text_init(&buffers[w].bytes);
    *log = (struct mr_row_log){
        .sink = sink, .keep = keep, .always = always, .buffers = buffers, .end = &log->sections};
    return MR_OK;
}

static void drop_sections(struct mr_row_log *log)
{
    while (log->sections) {
        struct section *next = log->sections->next;
        mr_text_release(&log->sections->bytes);
        mr_free(log->sections);
        log->sections = next;
    }
    log->end = &log->sections;
}

static int workers_of(const struct mr_row_log *log)
{
    return log->sink->workers > 0 ? log->sink->workers : 1;
}

void mr_row_log_abandon(struct mr_row_log *log)
{
    drop_sections(log);
    for (int w = 0; w < workers_of(log); w++) {
        mr_text_clear(&log->buffers[w].bytes);
        log->buffers[w].rows = log->buffers[w].more = 0;
    }
    log->open = false;
}

void mr_row_log_close(struct mr_row_log *log)
{
    if (!log)
        return;
    drop_sections(log);
    for (int w = 0; w < workers_of(log); w++)
        mr_text_release(&log->buffers[w].bytes);
    mr_free(log->buffers);
    mr_free(log);
}

/* What the workers wrote becomes one section. */
static int close_batch(struct mr_row_log *log, struct mr_error *error)
{
    if (!log->open)
        return MR_OK;
    log->open = false;
    if (log->sink->mode == MR_MODE_COMPLETE)
        drop_sections(log); /* the newest replaces what came before it */
    struct section *section = mr_allocate_zeroed(sizeof *section);
    if (!section)
        return mr_error_memory(error, sizeof *section);
    section->batch = log->batch;
    mr_text_init(&section->bytes);
    for (int w = 0; w < workers_of(log); w++) {
        struct buffer *buffer = &log->buffers[w];
        section->bytes.failed |= buffer->bytes.failed;
        mr_text_append(&section->bytes, buffer->bytes.data, buffer->bytes.size);
        section->rows += buffer->rows;
        section->more += buffer->more;
        mr_text_clear(&buffer->bytes);
        buffer->rows = buffer->more = 0;
    }
    *log->end = section;
    log->end = &section->next;
    return section->bytes.failed ? mr_error_memory(error, section->bytes.size) : MR_OK;
}

int mr_row_log_begin(struct mr_row_log *log, int64_t batch, struct mr_error *error)
{
    MR_TRY(close_batch(log, error));
    log->batch = batch;
    log->open = true;
    return MR_OK;
}

int mr_row_log_write(struct mr_row_log *log, int worker, const struct mr_batch *batch, struct mr_error *error)
{
    struct buffer *buffer = &log->buffers[worker];
    int64_t take = batch->length;
    if (log->keep >= 0 && take > log->keep - buffer->rows)
        take = log->keep > buffer->rows ? log->keep - buffer->rows : 0;
    for (int64_t row = 0; row < take; row++) {
        for (int c = 0; c < batch->schema->field_count; c++)
            mr_row_append(&buffer->bytes, batch->columns[c], row);
    }
    buffer->rows += take;
    buffer->more += batch->length - take;
    return buffer->bytes.failed ? mr_error_memory(error, buffer->bytes.size) : MR_OK;
}

static void put_i64(struct mr_text *out, int64_t value)
{
    mr_text_append(out, &value, sizeof value);
}

int mr_row_log_prepare(struct mr_row_log *log, int64_t batch, uint64_t decision_id, struct mr_text *manifest,
                       struct mr_error *error)
{
    MR_TRY(close_batch(log, error));
    int64_t count = 0, rows = 0;
    for (const struct section *s = log->sections; s; s = s->next) {
        count++;
        rows += s->rows + s->more;
    }
    const struct mr_sink *sink = log->sink;
    if (rows > 0 || (count > 0 && (log->always || sink->mode == MR_MODE_COMPLETE)) || sink->truncate_first) {
        char head[3] = {'W', 1, sink->truncate_first};
        mr_text_append(manifest, head, sizeof head);
        mr_text_append(manifest, sink->query_id->text, 36);
        put_i64(manifest, batch);
        put_i64(manifest, (int64_t)decision_id);
        put_i64(manifest, count);
        for (const struct section *s = log->sections; s; s = s->next) {
            put_i64(manifest, s->batch);
            put_i64(manifest, s->rows);
            put_i64(manifest, s->more);
            put_i64(manifest, (int64_t)s->bytes.size);
            mr_text_append(manifest, s->bytes.data, s->bytes.size);
        }
    }
    drop_sections(log);
    return manifest->failed ? mr_error_memory(error, manifest->size) : MR_OK;
}

/* ---- reading ---- */

static int damaged(struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                        "A manifest of rows in the checkpoint is damaged, or of another schema.");
}

static bool take_i64(const char **at, const char *end, int64_t *out)
{
    if (end - *at < 8)
        return false;
    memcpy(out, *at, 8);
    *at += 8;
    return true;
}

static int decode(const char *at, const char *end, int64_t rows, struct mr_batch *batch,
                  struct mr_error *error)
{
    for (int64_t row = 0; row < rows; row++) {
        for (int c = 0; c < batch->schema->field_count; c++)
            MR_TRY(mr_row_decode(&at, end, batch->columns[c], error));
    }
    batch->length = rows;
    return at == end ? MR_OK : damaged(error);
}

int mr_row_manifest_read(struct mr_str manifest, const struct mr_type *schema, struct mr_row_manifest *head,
                         int (*each)(void *ctx, int64_t batch, struct mr_batch *rows, int64_t more,
                                     struct mr_error *error),
                         void *ctx, struct mr_error *error)
{
    const char *at = manifest.data, *end = manifest.data + manifest.size;
    if (manifest.size < HEAD_BYTES || at[0] != 'W' || at[1] < 1)
        return damaged(error);
    if (at[1] > 1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_VERSION",
                            "A manifest of rows has version %d; this Millrace knows 1.", at[1]);
    head->truncate = at[2] != 0;
    memcpy(head->query_id, at + 3, 36);
    head->query_id[36] = 0;
    at += 39;
    int64_t id = 0, count = 0;
    take_i64(&at, end, &head->batch);
    take_i64(&at, end, &id);
    take_i64(&at, end, &count);
    head->decision_id = (uint64_t)id;
    for (int64_t i = 0; each && i < count; i++) {
        int64_t batch, rows, more, bytes;
        bool good = take_i64(&at, end, &batch) && take_i64(&at, end, &rows) && take_i64(&at, end, &more) &&
                    take_i64(&at, end, &bytes);
        if (!good || rows < 0 || bytes < 0 || bytes > end - at)
            return damaged(error);
        struct mr_batch decoded = {0};
        int status = mr_batch_init(&decoded, schema, rows > 0 ? rows : 1, error);
        if (status >= 0)
            status = decode(at, at + bytes, rows, &decoded, error);
        if (status >= 0)
            status = each(ctx, batch, &decoded, more, error);
        mr_batch_release(&decoded);
        MR_TRY(status);
        at += bytes;
    }
    return MR_OK;
}
