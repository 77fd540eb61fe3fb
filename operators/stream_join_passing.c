/* operators/stream_join_passing.c: rows that the next micro-batch forgets, in the checkpoint.
 *
 *   id(2) 0x04 batch(8) partition(2) number(4) -> format(1) latest expiry(8) size(4), then that many bytes
 *                                                 under zstd: the length of a key, itself, number of its
 *                                                 rows * 2 + side, the rows as in any pack; and so on
 *
 * Such rows must be in the decision, but nobody looks them up by key: memory keeps them until they expire,
 * and a process that starts again takes back all of them. Most rows of a stream that is behind are of this
 * kind, and by key each of them would cost many times as much. */
#include "columns/value.h"
#include "formats/parquet/compression.h"
#include "operators/stream_join_pack.h"

#define HEAD_BYTES (1 + 8 + 4)
#define VALUE_BYTES ((size_t)1 << 20) /* before compression */
#define CHUNK MR_BATCH_ROWS

struct passing {
    struct mr_stream_join_state *state;
    struct mr_decision *decision;
    struct mr_compressor compressor;
    struct mr_text rows, value;
    struct mr_bytes packed;
    int64_t upto_us;
    uint32_t number;
};

static void put_key(const struct mr_operator *op, struct mr_text *out, int64_t batch, uint32_t number)
{
    mr_text_clear(out);
    mr_state_put_prefix(out, op, MR_STATE_PACKED);
    mr_state_put_time(out, batch);
    mr_state_put_u16(out, (unsigned)op->partition);
    mr_state_put_u32(out, number);
}

static int put_value(struct passing *p, struct mr_error *error)
{
    struct mr_text key;
    uint32_t size = (uint32_t)p->rows.size;
    if (size == 0)
        return MR_OK;
    MR_TRY(mr_compress(&p->compressor, p->rows.data, p->rows.size, &p->packed, error));
    mr_text_init(&key);
    put_key(p->state->op, &key, p->state->op->batch, p->number++);
    mr_text_clear(&p->value);
    mr_text_append_char(&p->value, MR_STREAM_JOIN_FORMAT);
    mr_text_append(&p->value, &p->upto_us, 8);
    mr_text_append(&p->value, &size, 4);
    mr_text_append(&p->value, p->packed.data, p->packed.size);
    bool failed = key.failed || p->value.failed;
    if (!failed)
        mr_decision_put(p->decision, MR_FAMILY_STATE, mr_text_str(&key), mr_text_str(&p->value));
    mr_text_release(&key);
    mr_text_clear(&p->rows);
    return failed ? mr_error_memory(error, p->value.capacity) : MR_OK;
}

/* This row or the next one behind it that passes; *rest: there is another one to write. */
static struct mr_join_row *next_passing(const struct passing *p, struct mr_join_row *row, bool *rest)
{
    for (; row && (row->pack == 0 || row->pack == MR_JOIN_PASSING); row = row->next) {
        if (row->pack == 0 && row->expiry_us <= p->upto_us)
            return row;
        *rest |= row->pack == 0;
    }
    return NULL;
}

/* Of one side of this key what passes, a value's worth at a time. */
static int put_side(struct passing *p, const struct mr_join_key *key, int side, struct mr_str name,
                    bool *rest, struct mr_error *error)
{
    struct mr_join_row *row = next_passing(p, key->first[side], rest);
    while (row) {
        struct mr_join_row *first = row;
        uint64_t count = 0;
        for (size_t bytes = p->rows.size; row && bytes < VALUE_BYTES;
             row = next_passing(p, row->next, rest)) {
            bytes += row->size;
            count++;
        }
        char *to = mr_text_reserve(&p->rows, name.size + 20);
        if (!to)
            return mr_error_memory(error, name.size);
        to = mr_varint_put(to, name.size);
        memcpy(to, name.data, name.size);
        to = mr_varint_put(to + name.size, count << 1 | (uint64_t)side);
        p->rows.size = (size_t)(to - p->rows.data);
        for (row = first; count > 0; count--) {
            struct mr_join_row *next = next_passing(p, row->next, rest);
            mr_join_pack_row(&p->rows, row, p->upto_us);
            row->pack = MR_JOIN_PASSING;
            row = next;
        }
        if (p->rows.failed)
            return mr_error_memory(error, p->rows.capacity);
        if (p->rows.size >= VALUE_BYTES)
            MR_TRY(put_value(p, error));
    }
    return MR_OK;
}

static int put_chunk(struct passing *p, struct mr_group **groups, int64_t count, int64_t *rest,
                     struct mr_error *error)
{
    struct mr_stream_join_state *state = p->state;
    struct mr_column *columns[64];
    struct mr_text name;
    int status = MR_OK;
    MR_TRY(mr_group_table_keys(&state->rows.keys, groups, count, columns, error));
    mr_text_init(&name);
    for (int64_t i = 0; i < count && status == MR_OK; i++) {
        const struct mr_join_key *key = mr_join_key_of(&state->rows, groups[i]);
        bool more = key->changed;
        mr_text_clear(&name);
        for (int k = 0; k < state->config->key_count; k++)
            mr_key_append(&name, columns[k], i);
        if (name.failed)
            status = mr_error_memory(error, name.capacity);
        for (int side = 0; side < 2 && status == MR_OK; side++)
            status = put_side(p, key, side, mr_text_str(&name), &more, error);
        if (more)
            state->dirty[(*rest)++] = groups[i];
    }
    mr_text_release(&name);
    for (int k = 0; k < state->config->key_count; k++)
        mr_column_unref(columns[k]);
    return status;
}

/* What was written so last time has expired, all of it. */
static int delete_old(struct mr_stream_join_state *state, struct mr_decision *decision, int64_t expired_us,
                      struct mr_error *error)
{
    struct mr_text key, end;
    if (expired_us == MR_NO_WATERMARK || state->passing_upto_us > expired_us)
        return MR_OK;
    mr_text_init(&key);
    mr_text_init(&end);
    if (state->passing_unknown && state->op->partition == 0) { /* of another process: all partitions' */
        mr_state_put_prefix(&key, state->op, MR_STATE_PACKED);
        put_key(state->op, &end, state->op->batch, 0);
        if (!key.failed && !end.failed)
            mr_decision_delete_range(decision, MR_FAMILY_STATE, mr_text_str(&key), mr_text_str(&end));
    }
    for (uint32_t i = 0; i < state->passing_values && !key.failed; i++) {
        put_key(state->op, &key, state->passing_batch, i);
        if (!key.failed)
            mr_decision_delete(decision, MR_FAMILY_STATE, mr_text_str(&key));
    }
    bool failed = key.failed || end.failed;
    state->passing_unknown = false;
    state->passing_values = 0;
    mr_text_release(&key);
    mr_text_release(&end);
    return failed ? mr_error_memory(error, 64) : MR_OK;
}

int mr_join_passing_write(struct mr_stream_join_state *state, struct mr_decision *decision,
                          int64_t expired_us, struct mr_error *error)
{
    struct passing p = {.state = state, .decision = decision, .upto_us = state->op->next_evict_us};
    int64_t rest = 0;
    int status = MR_OK;
    MR_TRY(delete_old(state, decision, expired_us, error));
    if (p.upto_us == MR_NO_WATERMARK || state->dropping)
        return MR_OK;
    mr_compressor_init(&p.compressor, MR_PARQUET_CODEC_ZSTD, 1);
    mr_text_init(&p.rows);
    mr_text_init(&p.value);
    for (int64_t i = 0; i < state->dirty_count && status == MR_OK; i += CHUNK) {
        int64_t left = state->dirty_count - i;
        status = put_chunk(&p, state->dirty + i, left < CHUNK ? left : CHUNK, &rest, error);
    }
    if (status == MR_OK)
        status = put_value(&p, error);
    if (p.number > 0) {
        state->passing_values = p.number;
        state->passing_batch = state->op->batch;
        state->passing_upto_us = p.upto_us;
    }
    state->dirty_count = rest;
    mr_compressor_release(&p.compressor);
    mr_text_release(&p.rows);
    mr_text_release(&p.value);
    mr_bytes_release(&p.packed);
    return status;
}

/* ---- reading ---- */
struct taking {
    struct mr_stream_join_state *state;
    int64_t expired_us, upto_us;
    struct mr_decompressor decompressor;
    struct mr_text raw;
    struct mr_column *columns[64];
    const char *rows[CHUNK]; /* of each key: their number and side, then they */
    int64_t count;
};

static int take_keys(struct taking *t, struct mr_error *error)
{
    struct mr_stream_join_state *state = t->state;
    const struct mr_operator *op = state->op;
    struct mr_group *groups[CHUNK];
    uint64_t hashes[CHUNK];
    int32_t own[CHUNK];
    struct mr_selection selection = {own, 0};
    if (t->count == 0)
        return MR_OK;
    mr_hash_keys(t->columns, state->config->key_count, t->count, hashes);
    for (int64_t i = 0; i < t->count; i++)
        if (mr_key_group_partition(mr_key_group(hashes[i]), op->partitions) == op->partition)
            own[selection.count++] = (int32_t)i;
    MR_TRY(mr_group_table_find(&state->rows.keys, t->columns, hashes, &selection, t->count, true, groups,
                               error));
    const char *end = t->raw.data + t->raw.size;
    for (int64_t i = 0; i < selection.count; i++) {
        const char *at = t->rows[own[i]];
        uint64_t head = 0;
        struct mr_join_packed row;
        if (!mr_varint_get(&at, end, &head))
            return mr_state_corrupt(op, "rows that pass end too early", error);
        for (uint64_t left = head >> 1; left > 0 && mr_join_pack_next(&at, end, t->upto_us, &row); left--)
            if (row.expiry_us > t->expired_us)
                MR_TRY(mr_join_add_stored_row(state, groups[i], head & 1, MR_JOIN_PASSING, &row, error));
    }
    for (int k = 0; k < state->config->key_count; k++)
        mr_column_clear(t->columns[k]);
    t->count = 0;
    return MR_OK;
}

static int take_raw(struct taking *t, struct mr_error *error)
{
    struct mr_stream_join_state *state = t->state;
    const char *at = t->raw.data, *end = at + t->raw.size;
    while (at < end) {
        uint64_t size, head;
        struct mr_join_packed row;
        if (!mr_varint_get(&at, end, &size) || size > (uint64_t)(end - at))
            return mr_state_corrupt(state->op, "rows that pass have a key that ends too early", error);
        for (int k = 0; k < state->config->key_count; k++)
            MR_TRY(mr_key_decode(&at, end, t->columns[k], error));
        t->rows[t->count++] = at;
        if (!mr_varint_get(&at, end, &head))
            return mr_state_corrupt(state->op, "rows that pass end too early", error);
        for (uint64_t left = head >> 1; left > 0; left--)
            if (!mr_join_pack_next(&at, end, t->upto_us, &row))
                return mr_state_corrupt(state->op, "rows that pass end too early", error);
        if (t->count == CHUNK)
            MR_TRY(take_keys(t, error));
    }
    return take_keys(t, error);
}

static int take_value(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct taking *t = ctx;
    const struct mr_operator *op = t->state->op;
    uint32_t size;
    (void)key;
    if (value.size < HEAD_BYTES || value.data[0] != MR_STREAM_JOIN_FORMAT)
        return mr_state_corrupt(op, "rows that pass begin with an unknown format", error);
    memcpy(&t->upto_us, value.data + 1, 8);
    memcpy(&size, value.data + 9, 4);
    t->state->passing_unknown = true;
    if (t->upto_us <= t->expired_us)
        return MR_OK;
    if (t->upto_us > t->state->passing_upto_us)
        t->state->passing_upto_us = t->upto_us;
    struct mr_str packed = {value.data + HEAD_BYTES, value.size - HEAD_BYTES};
    if (!mr_decompress_possible(MR_PARQUET_CODEC_ZSTD, packed.size, size))
        return mr_state_corrupt(op, "rows that pass are not as many as they say", error);
    mr_text_clear(&t->raw);
    if (!mr_text_reserve(&t->raw, size))
        return mr_error_memory(error, size);
    MR_TRY(mr_decompress(&t->decompressor, MR_PARQUET_CODEC_ZSTD, packed.data, packed.size, t->raw.data, size,
                         error));
    t->raw.size = size;
    return take_raw(t, error);
}

int mr_join_passing_read(struct mr_stream_join_state *state, int64_t expired_us, struct mr_error *error)
{
    struct taking *t = mr_allocate_zeroed(sizeof *t);
    int status = MR_OK;
    if (!t)
        return mr_error_memory(error, sizeof *t);
    t->state = state;
    t->expired_us = expired_us;
    mr_text_init(&t->raw);
    for (int k = 0; k < state->config->key_count; k++) {
        t->columns[k] = mr_column_new(state->rows.keys.key_types[k], CHUNK);
        if (!t->columns[k])
            MR_ERR(mr_error_memory(error, CHUNK * 16));
    }
    MR_ERR(mr_state_scan(state->op, MR_STATE_PACKED, take_value, t, error));
err:
    for (int k = 0; k < state->config->key_count; k++)
        mr_column_unref(t->columns[k]);
    mr_decompressor_release(&t->decompressor);
    mr_text_release(&t->raw);
    mr_free(t);
    return status;
}
