/* operators/keyed_pack.c: keys that expire before long, many in one value.
 *
 *   id(2) 0x04 batch(8) partition(2) number(4) -> format(1) latest expiry(8) record size(4), then per key:
 *                                                 expiry(8) raw record of the table
 * Such a key must be in the decision, but nobody will look it up alone: the cache keeps it until it expires,
 * and a process that starts again takes back all that have not. A value is never deleted: it expires with the
 * last of its keys. */
#include "operators/keyed_state.h"

#define HEAD_BYTES (1 + 8 + 4)
#define VALUE_BYTES (64u << 10)

bool mr_keyed_state_can_pack(const struct mr_keyed_state *state, const struct mr_group *group)
{
    return mr_group_table_raw_bytes(state->table) > 0 && mr_group_table_is_raw(state->table, group);
}

static int put_value(const struct mr_keyed_state *state, struct mr_decision *decision, unsigned number,
                     int64_t latest_us, struct mr_text *value, struct mr_error *error)
{
    struct mr_text key;
    mr_text_init(&key);
    mr_state_put_prefix(&key, state->op, MR_STATE_PACKED);
    mr_state_put_time(&key, state->op->batch);
    mr_state_put_u16(&key, (unsigned)state->op->partition);
    mr_state_put_u32(&key, number);
    bool failed = key.failed || value->failed;
    if (!failed) {
        memcpy(value->data + 1, &latest_us, 8);
        mr_decision_put(decision, MR_FAMILY_STATE, mr_text_str(&key), mr_text_str(value));
    }
    mr_text_release(&key);
    return failed ? mr_error_memory(error, value->capacity) : MR_OK;
}

int mr_keyed_state_pack(const struct mr_keyed_state *state, struct mr_decision *decision,
                        struct mr_group *const *groups, int64_t count, struct mr_error *error)
{
    struct mr_text value;
    uint32_t size = (uint32_t)mr_group_table_raw_bytes(state->table);
    unsigned number = 0;
    int status = MR_OK;
    mr_text_init(&value);
    for (int64_t i = 0; status >= 0 && i < count;) {
        int64_t latest_us = INT64_MIN;
        mr_text_clear(&value);
        mr_keyed_state_put_head(&value, state->format, 0);
        mr_text_append(&value, &size, 4);
        for (; i < count && value.size < VALUE_BYTES; i++) {
            mr_text_append(&value, &groups[i]->time_us, 8);
            mr_group_table_raw_append(state->table, groups[i], &value);
            latest_us = groups[i]->time_us > latest_us ? groups[i]->time_us : latest_us;
        }
        status = put_value(state, decision, number++, latest_us, &value, error);
    }
    mr_text_release(&value);
    return status;
}

struct unpacking {
    const struct mr_keyed_state *state;
    int64_t evicted_us;
    int (*each)(void *ctx, struct mr_group *group, int64_t expiry_us, struct mr_error *error);
    void *ctx;
};

static int unpack_value(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct unpacking *unpacking = ctx;
    const struct mr_keyed_state *state = unpacking->state;
    const struct mr_operator *op = state->op;
    size_t record = mr_group_table_raw_bytes(state->table);
    uint32_t size;
    int64_t latest_us;
    struct mr_str rest;
    (void)key;
    MR_TRY(mr_keyed_state_get_head(state, value, &latest_us, &rest, error));
    if (latest_us <= unpacking->evicted_us)
        return MR_OK;
    if (value.size < HEAD_BYTES)
        return mr_state_corrupt(op, "keys stored together are of another form", error);
    memcpy(&size, rest.data, 4);
    if (record == 0 || size != record || (value.size - HEAD_BYTES) % (8 + record) != 0)
        return mr_state_corrupt(op, "keys stored together are of another form", error);
    for (const char *at = value.data + HEAD_BYTES; at < value.data + value.size; at += 8 + record) {
        int64_t expiry_us;
        uint64_t hash;
        struct mr_group *group;
        memcpy(&expiry_us, at, 8);
        memcpy(&hash, at + 8, 8);
        if (expiry_us <= unpacking->evicted_us ||
            mr_key_group_partition(mr_key_group(hash), op->partitions) != op->partition)
            continue;
        MR_TRY(mr_group_table_raw_add(state->table, at + 8, &group, error));
        MR_TRY(unpacking->each(unpacking->ctx, group, expiry_us, error));
    }
    return MR_OK;
}

int mr_keyed_state_unpack(const struct mr_keyed_state *state, int64_t evicted_us,
                          int (*each)(void *ctx, struct mr_group *group, int64_t expiry_us,
                                      struct mr_error *error),
                          void *ctx, struct mr_error *error)
{
    struct unpacking unpacking = {state, evicted_us, each, ctx};
    return mr_state_scan(state->op, MR_STATE_PACKED, unpack_value, &unpacking, error);
}
