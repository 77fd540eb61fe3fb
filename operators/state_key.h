/* operators/state_key.h: pieces of the keys and values of keyed state. Not for other folders.
 *
 * A key begins with the state's id (2 bytes, big-endian) and a byte that says what it is a key of. Numbers in
 * keys are big-endian; times have their sign bit flipped, so that bytes order them. */
#ifndef MR_OPERATORS_STATE_KEY_H
#define MR_OPERATORS_STATE_KEY_H

#include "operators/operator.h"

enum mr_state_kind {
    MR_STATE_COUNTS = 0,
    MR_STATE_ENTRIES = 1,
    MR_STATE_TIMES = 2,
    MR_STATE_END = 3,
    MR_STATE_PACKED = 4,
    MR_STATE_VARIABLES = 5
};

static inline void mr_state_put_u16(struct mr_text *out, unsigned value)
{
    char bytes[2] = {(char)(value >> 8), (char)value};
    mr_text_append(out, bytes, 2);
}

static inline unsigned mr_state_get_u16(const char *at)
{
    return (unsigned)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

static inline void mr_state_put_u32(struct mr_text *out, uint32_t value)
{
    value = __builtin_bswap32(value);
    mr_text_append(out, &value, 4);
}

static inline uint32_t mr_state_get_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return __builtin_bswap32(value);
}

static inline void mr_state_put_time(struct mr_text *out, int64_t time)
{
    uint64_t bits = __builtin_bswap64((uint64_t)time ^ (1ULL << 63));
    mr_text_append(out, &bits, 8);
}

static inline int64_t mr_state_get_time(const char *at)
{
    uint64_t bits;
    memcpy(&bits, at, 8);
    return (int64_t)(__builtin_bswap64(bits) ^ (1ULL << 63));
}

static inline void mr_state_put_prefix(struct mr_text *out, const struct mr_operator *op,
                                       enum mr_state_kind kind)
{
    mr_state_put_u16(out, (unsigned)op->node->id);
    mr_text_append_char(out, (char)kind);
}

/* Smallest key group that the partition owns; 1024 behind the last. */
static inline int mr_state_first_group(const struct mr_operator *op, int partition)
{
    int group = 0;
    while (group < MR_KEY_GROUPS && mr_key_group_partition(group, op->partitions) < partition)
        group++;
    return group;
}

/* Calls each, as mr_checkpoint_scan does, for all stored entries of one kind (enum mr_state_kind, or an
 * operator's own); for none without a checkpoint, or with a new one. */
int mr_state_scan(const struct mr_operator *op, int kind,
                  int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                  void *ctx, struct mr_error *error);
/* MR_E_CORRUPT: `what` of this operator's state cannot be read. */
int mr_state_corrupt(const struct mr_operator *op, const char *what, struct mr_error *error);

#endif
