/* operators/aggregate_pack.c: groups that the next decision surely or likely evicts, many in one value.
 *
 * They must be in the decision, for their rows are, but nobody will look them up one by one: the cache keeps
 * them until they are emitted, and a process that starts again takes them all back before its first
 * micro-batch. So they go into the checkpoint as raw records, some hundreds per value; the next decision
 * deletes the values. */
#include "operators/aggregate_state.h"
#include "operators/state_key.h"

#define KEY_BYTES (2 + 1 + 8 + 2 + 4) /* id, kind, end, partition, number */
#define HEAD_BYTES (1 + 4)            /* format, size of a record */
#define VALUE_BYTES (64u << 10)

static void put_key(const struct mr_aggregate_state *state, struct mr_text *out, int64_t time_us,
                    unsigned number)
{
    mr_state_put_prefix(out, state->op, MR_STATE_PACKED);
    mr_state_put_time(out, time_us);
    mr_state_put_u16(out, (unsigned)state->op->partition);
    mr_state_put_u16(out, number >> 16);
    mr_state_put_u16(out, number & 0xFFFF);
}

static void begin_value(const struct mr_aggregate_state *state, struct mr_text *value)
{
    uint32_t size = (uint32_t)mr_group_table_raw_bytes(state->table);
    mr_text_clear(value);
    mr_text_append_char(value, MR_AGGREGATE_STATE_FORMAT);
    mr_text_append(value, &size, 4);
}

int mr_aggregate_state_pack(struct mr_aggregate_state *state, struct mr_decision *decision, int64_t time_us,
                            struct mr_group *first, struct mr_group_list *packed, struct mr_error *error)
{
    struct mr_text value;
    unsigned number = 0;
    int status = MR_OK;
    mr_text_init(&value);
    begin_value(state, &value);
    for (struct mr_group *group = first; group; group = group->next) {
        if ((group->flags & MR_GROUP_DIRTY) && mr_group_table_is_raw(state->table, group)) {
            mr_group_table_raw_append(state->table, group, &value);
            group->flags &= ~(uint32_t)MR_GROUP_DIRTY;
            if (packed && status >= 0)
                status = mr_group_list_add(packed, group, error);
        }
        if (value.size <= HEAD_BYTES || (group->next && value.size < VALUE_BYTES))
            continue;
        size_t before = state->packed.size;
        put_key(state, &state->packed, time_us, number++);
        if (!value.failed && !state->packed.failed)
            mr_decision_put(decision, MR_FAMILY_STATE,
                            (struct mr_str){state->packed.data + before, KEY_BYTES}, mr_text_str(&value));
        begin_value(state, &value);
    }
    bool failed = value.failed || state->packed.failed;
    size_t size = value.capacity;
    mr_text_release(&value);
    return failed ? mr_error_memory(error, size) : status;
}

void mr_aggregate_state_drop_packed(struct mr_aggregate_state *state, struct mr_decision *decision)
{
    for (size_t at = 0; at < state->packed.size; at += KEY_BYTES)
        mr_decision_delete(decision, MR_FAMILY_STATE, (struct mr_str){state->packed.data + at, KEY_BYTES});
    mr_text_clear(&state->packed);
}

struct unpacking {
    struct mr_aggregate_state *state;
    int (*each)(struct mr_operator *op, struct mr_group *group, int64_t time_us, struct mr_error *error);
};

static int unpack_value(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct unpacking *unpacking = ctx;
    struct mr_aggregate_state *state = unpacking->state;
    struct mr_operator *op = state->op;
    size_t record = mr_group_table_raw_bytes(state->table);
    uint32_t size = 0;
    if (value.size >= HEAD_BYTES)
        memcpy(&size, value.data + 1, 4);
    if (key.size != KEY_BYTES || value.size < HEAD_BYTES || value.data[0] != MR_AGGREGATE_STATE_FORMAT ||
        record == 0 || size != record || (value.size - HEAD_BYTES) % record != 0)
        return mr_state_corrupt(op, "groups stored together are of another form", error);
    if (op->partition == 0) { /* they are kept anew, or gone, with the next decision; one of us says so */
        mr_text_append(&state->packed, key.data, key.size);
        if (state->packed.failed)
            return mr_error_memory(error, key.size);
    }
    for (const char *at = value.data + HEAD_BYTES; at < value.data + value.size; at += record) {
        uint64_t hash;
        struct mr_group *group;
        memcpy(&hash, at, 8);
        if (mr_key_group_partition(mr_key_group(hash), op->partitions) != op->partition)
            continue;
        MR_TRY(mr_group_table_raw_add(state->table, at, &group, error));
        MR_TRY(unpacking->each(op, group, mr_state_get_time(key.data + 3), error));
    }
    return MR_OK;
}

int mr_aggregate_state_unpack(struct mr_aggregate_state *state,
                              int (*each)(struct mr_operator *op, struct mr_group *group, int64_t time_us,
                                          struct mr_error *error),
                              struct mr_error *error)
{
    struct unpacking unpacking = {state, each};
    return mr_state_scan(state->op, MR_STATE_PACKED, unpack_value, &unpacking, error);
}
