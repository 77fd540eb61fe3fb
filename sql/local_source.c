/* sql/local_source.c: rows that a query brings along. They are there at once and never change. */
#include "sql/local_source.h"

#define SPLIT_ROWS ((int64_t)1 << 20)

static int local_open(struct mr_source *source, struct mr_error *error)
{
    struct mr_local_rows *local = source->ctx;
    (void)error;
    source->schema = local->schema;
    return MR_OK;
}

static int local_restore(struct mr_source *source, struct mr_str from, struct mr_error *error)
{
    (void)source;
    (void)from;
    (void)error;
    return MR_OK;
}

static int local_latest(struct mr_source *source, struct mr_str from, struct mr_text *to,
                        struct mr_error *error)
{
    const struct mr_local_rows *local = source->ctx;
    mr_text_clear(to);
    if (from.size > 0)
        mr_text_append(to, from.data, from.size);
    else
        mr_text_format(to, "{\"rows\":%lld}", (long long)local->count);
    return to->failed ? mr_error_memory(error, 0) : MR_OK;
}

struct piece {
    int64_t next, stop;
};

static int local_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                       struct mr_split_list *splits, struct mr_error *error)
{
    const struct mr_local_rows *local = source->ctx;
    if (from.size == to.size)
        return MR_OK; /* nothing is ever new */
    for (int64_t row = 0; row < local->count; row += SPLIT_ROWS) {
        int64_t stop = local->count - row > SPLIT_ROWS ? row + SPLIT_ROWS : local->count;
        if (splits->count == splits->capacity) {
            size_t capacity = splits->capacity ? 2 * splits->capacity : 8;
            struct mr_split *longer = mr_arena_allocate(splits->arena, capacity * sizeof *longer);
            if (!longer)
                return mr_error_memory(error, capacity * sizeof *longer);
            if (splits->count > 0)
                memcpy(longer, splits->splits, splits->count * sizeof *longer);
            splits->splits = longer;
            splits->capacity = capacity;
        }
        struct piece *piece = MR_ARENA_NEW(splits->arena, struct piece);
        if (!piece)
            return mr_error_memory(error, sizeof *piece);
        *piece = (struct piece){row, stop};
        splits->splits[splits->count++] = (struct mr_split){(stop - row) * 8, piece, 0};
    }
    return MR_OK;
}

static int local_reader_open(struct mr_source *source, const struct mr_split *split, struct mr_reader *reader,
                             struct mr_error *error)
{
    struct piece *piece = mr_allocate(sizeof *piece);
    (void)source;
    if (!piece)
        return mr_error_memory(error, sizeof *piece);
    *piece = *(const struct piece *)split->ctx;
    reader->ctx = piece;
    return MR_OK;
}

static int local_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                      struct mr_error *error)
{
    const struct mr_local_rows *local = source->ctx;
    struct piece *piece = reader->ctx;
    int64_t count = piece->stop - piece->next < MR_BATCH_ROWS ? piece->stop - piece->next : MR_BATCH_ROWS;
    if (count == 0)
        return MR_END;
    if (local->is_range) {
        MR_TRY(mr_batch_init(batch, local->schema, count, error));
        for (int64_t i = 0; i < count; i++)
            batch->columns[0]->i64[i] = local->start + (piece->next + i) * local->step;
        batch->columns[0]->length = count;
    } else if (local->schema->field_count == 0) {
        MR_TRY(mr_batch_init(batch, local->schema, 0, error));
    } else {
        MR_TRY(mr_batch_slice(&local->rows, piece->next, count, batch, error));
    }
    batch->length = count;
    piece->next += count;
    return MR_OK;
}

static void local_reader_close(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    mr_free(reader->ctx);
    reader->ctx = NULL;
}

static int local_remember(struct mr_source *source, struct mr_str from, struct mr_str to,
                          struct mr_decision *decision, struct mr_error *error)
{
    (void)source;
    (void)from;
    (void)to;
    (void)decision;
    (void)error;
    return MR_OK;
}

static int local_published(struct mr_source *source, struct mr_str upto, struct mr_error *error)
{
    (void)source;
    (void)upto;
    (void)error;
    return MR_OK;
}

static void local_describe(struct mr_source *source, struct mr_text *out)
{
    const struct mr_local_rows *local = source->ctx;
    mr_text_format(out, "%s[%lld]", local->is_range ? "Range" : "LocalRows", (long long)local->count);
}

static void local_close(struct mr_source *source)
{
    struct mr_local_rows *local = source->ctx;
    mr_batch_release(&local->rows);
}

const struct mr_source_type mr_local_source = {
    .name = "local",
    .open = local_open,
    .restore = local_restore,
    .latest = local_latest,
    .split = local_split,
    .reader_open = local_reader_open,
    .read = local_read,
    .reader_close = local_reader_close,
    .remember = local_remember,
    .published = local_published,
    .describe = local_describe,
    .close = local_close,
};
