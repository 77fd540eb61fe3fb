/* operators/stream_join_pack.h: rows in a pack, and what reading and writing of a join's state share. Private
 * to stream_join_*.c. */
#ifndef MR_OPERATORS_STREAM_JOIN_PACK_H
#define MR_OPERATORS_STREAM_JOIN_PACK_H

#include "base/varint.h"
#include "operators/aggregate_input.h"
#include "operators/state_key.h"
#include "operators/stream_join_state.h"

/* What keys are of, beside MR_STATE_COUNTS; of the right side's rows: one more. */
#define MR_JOIN_LEFT_ROWS MR_STATE_ENTRIES
#define MR_JOIN_EXPIRIES MR_STATE_END

struct mr_join_packed {
    int64_t expiry_us;
    bool matched;
    const char *data;
    size_t size;
};

static inline bool mr_join_pack_next(const char **at, const char *end, int64_t pack_expiry_us,
                                     struct mr_join_packed *out)
{
    uint64_t earlier, head;
    if (!mr_varint_get(at, end, &earlier) || !mr_varint_get(at, end, &head) ||
        head >> 1 > (uint64_t)(end - *at) || head >> 1 >= MR_JOIN_ROW_BYTES_MAX)
        return false;
    *out = (struct mr_join_packed){(int64_t)((uint64_t)pack_expiry_us - earlier), head & 1, *at, head >> 1};
    *at += head >> 1;
    return true;
}

static inline void mr_join_pack_row(struct mr_text *out, const struct mr_join_row *row,
                                    int64_t pack_expiry_us)
{
    char *to = mr_text_reserve(out, (size_t)row->size + 20);
    if (!to)
        return;
    to = mr_varint_put(to, (uint64_t)pack_expiry_us - (uint64_t)row->expiry_us);
    to = mr_varint_put(to, (uint64_t)row->size << 1 | row->matched);
    memcpy(to, mr_join_row_bytes(row), row->size);
    to[row->size] = 0;
    out->size = (size_t)(to - out->data) + row->size;
}

struct mr_join_wanted {
    struct mr_str prefix; /* key group and key */
    struct mr_group *group;
};
/* The prefixes of these groups' keys, in the arena, ascending. */
int mr_join_wanted_keys(struct mr_stream_join_state *state, struct mr_arena *arena,
                        struct mr_group *const *groups, int64_t count, struct mr_join_wanted *out,
                        struct mr_error *error);
/* A row that the checkpoint has, in this pack. */
int mr_join_add_stored_row(struct mr_stream_join_state *state, struct mr_group *group, int side,
                           uint32_t pack, const struct mr_join_packed *packed, struct mr_error *error);
/* stream_join_passing.c: of the keys in the state's list those rows that expire before they would be written
 * again; the list keeps the keys with other rows to write. And what was written so, once a process, that has
 * not expired. */
int mr_join_passing_write(struct mr_stream_join_state *state, struct mr_decision *decision,
                          int64_t expired_us, struct mr_error *error);
int mr_join_passing_read(struct mr_stream_join_state *state, int64_t expired_us, struct mr_error *error);
/* stream_join_show.c: the type and the rows of one side, for people. */
const struct mr_type *mr_stream_join_state_type(const struct mr_node *node, int side, struct mr_arena *arena);
int mr_stream_join_state_show(struct mr_stream_join_state *state, int side, const struct mr_type *type,
                              struct mr_error *error);
/* Adds rows to counts by expiry, at most MR_JOIN_COUNTS of them; all rows in memory. */
void mr_join_count_add(struct mr_join_count *counts, int *count, int64_t upto_us, int64_t rows);
void mr_join_count_rows(const struct mr_join_rows *rows, struct mr_join_count *counts, int *count);

#endif
