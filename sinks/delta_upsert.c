/* sinks/delta_upsert.c: output mode update, the writing half: the last row of every key in the decision in
 * hand goes into files, once. The other half, delta_resolve.c, takes the rows they replace out of the table
 * when the batch is published (invariant 5). */
#include "sinks/delta.h"

struct upsert_batch { /* rows that were written, and which of them count still */
    struct mr_batch rows;
    int32_t *alive; /* 1: no later row has its key */
};
struct mr_delta_upsert {
    struct mr_map latest; /* key -> number: position of its row, batch << 32 | row */
    struct upsert_batch *batches;
    int64_t count, capacity;
    struct mr_text key; /* scratch */
};

int mr_delta_upsert_plan(struct mr_delta_sink *s, struct mr_error *error)
{
    const struct mr_row_key *key = s->sink->row_key;
    if (s->sink->mode != MR_MODE_UPDATE || !key)
        return MR_OK;
    s->upsert = mr_allocate_zeroed(sizeof(*s->upsert));
    if (!s->upsert)
        return mr_error_memory(error, sizeof(*s->upsert));
    mr_map_init(&s->upsert->latest);
    mr_text_init(&s->upsert->key);
    return MR_OK;
}

void mr_delta_upsert_reset(struct mr_delta_sink *s)
{
    struct mr_delta_upsert *upsert = s->upsert;
    if (!upsert)
        return;
    for (int64_t i = 0; i < upsert->count; i++) {
        mr_batch_release(&upsert->batches[i].rows);
        mr_free(upsert->batches[i].alive);
    }
    upsert->count = 0;
    mr_map_release(&upsert->latest);
    mr_map_init(&upsert->latest);
}

void mr_delta_upsert_release(struct mr_delta_sink *s)
{
    struct mr_delta_upsert *upsert = s->upsert;
    if (!upsert)
        return;
    mr_delta_upsert_reset(s);
    mr_map_release(&upsert->latest);
    mr_text_release(&upsert->key);
    mr_free(upsert->batches);
    mr_free(upsert);
    s->upsert = NULL;
}

/* The rows, with strings of their own: what they came from may be gone before the decision ends. */
static int keep_rows(struct mr_delta_upsert *upsert, const struct mr_batch *batch, struct upsert_batch **out,
                     struct mr_error *error)
{
    if (upsert->count == upsert->capacity) {
        int64_t capacity = upsert->capacity ? upsert->capacity * 2 : 16;
        struct upsert_batch *more =
            mr_reallocate(upsert->batches, sizeof(*upsert->batches) * (size_t)capacity);
        if (!more)
            return mr_error_memory(error, sizeof(*more) * (size_t)capacity);
        upsert->batches = more;
        upsert->capacity = capacity;
    }
    struct upsert_batch *kept = &upsert->batches[upsert->count];
    *kept = (struct upsert_batch){0};
    MR_TRY(mr_batch_init(&kept->rows, batch->schema, 0, error));
    upsert->count++;
    kept->rows.length = batch->length;
    kept->alive = mr_allocate(sizeof(int32_t) * (size_t)batch->length);
    if (!kept->alive)
        return mr_error_memory(error, sizeof(int32_t) * (size_t)batch->length);
    for (int i = 0; i < batch->schema->field_count; i++)
        MR_TRY(mr_column_detach(batch->columns[i], &kept->rows.columns[i], error));
    *out = kept;
    return MR_OK;
}

static int upsert_rows(struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_delta_upsert *upsert = s->upsert;
    const struct mr_row_key *key = s->sink->row_key;
    struct upsert_batch *kept = NULL;
    MR_TRY(keep_rows(upsert, batch, &kept, error));
    uint64_t position = (uint64_t)(upsert->count - 1) << 32;
    for (int64_t row = 0; row < batch->length; row++) {
        bool created = false;
        mr_text_clear(&upsert->key);
        for (int i = 0; i < key->count; i++)
            mr_key_append(&upsert->key, kept->rows.columns[key->columns[i]], row);
        struct mr_map_entry *entry = mr_map_put(&upsert->latest, mr_text_str(&upsert->key), &created);
        if (!entry || upsert->key.failed)
            return mr_error_memory(error, upsert->key.size);
        if (!created)
            upsert->batches[entry->number >> 32].alive[entry->number & UINT32_MAX] = 0;
        entry->number = position | (uint64_t)row;
        kept->alive[row] = 1;
    }
    return MR_OK;
}

int mr_delta_upsert_write(struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_error *error)
{
    if (batch->length == 0)
        return MR_OK;
    pthread_mutex_lock(&s->writers.lock);
    int status = upsert_rows(s, batch, error);
    pthread_mutex_unlock(&s->writers.lock);
    return status;
}

int mr_delta_upsert_finish(struct mr_delta_sink *s, struct mr_error *error)
{
    struct mr_delta_upsert *upsert = s->upsert;
    int status = MR_OK;
    for (int64_t i = 0; i < upsert->count && status >= 0; i++) {
        struct upsert_batch *kept = &upsert->batches[i];
        struct mr_batch rows = {0};
        int64_t count = 0;
        for (int32_t row = 0; row < kept->rows.length; row++) /* alive flags become row numbers in place */
            if (kept->alive[row])
                kept->alive[count++] = row;
        status = mr_batch_take(&kept->rows, kept->alive, count, &rows, error);
        if (status >= 0)
            status = mr_delta_writers_write(s, &rows, error);
        mr_batch_release(&rows);
    }
    mr_delta_upsert_reset(s);
    return status < 0 ? status : MR_OK;
}
