/* operators/keyed_state.h: state that is looked up by key without a time (deduplication, sessions).
 *
 *   id(2) 0x01 key group(2) key…  -> format(1) expiry(8, little-endian, microseconds) …
 *
 * The operator's group table is a write-back cache of it. An entry whose expiry is at or before what has been
 * evicted is absent, wherever it still lies: the decision says so (mr_decision_expire), and compaction drops
 * it some day. */
#ifndef MR_OPERATORS_KEYED_STATE_H
#define MR_OPERATORS_KEYED_STATE_H

#include "operators/group_table.h"
#include "operators/state_key.h"

#define MR_NEVER INT64_MAX /* expiry of what stays for ever */

struct mr_keyed_state {
    struct mr_operator *op;
    struct mr_group_table *table; /* the cache; owned by the operator */
    char format;                  /* of values */
    /* Keys that expire after this are in the cache if they are anywhere. So nothing needs to be looked for in
     * the checkpoint once all that expires earlier has been evicted. */
    int64_t uncached_us;
};
struct mr_state_entry {
    struct mr_group *group;
    uint64_t prefix;   /* bytes of the key behind the key group, to be compared first */
    struct mr_str key; /* in the arena given */
};

static inline bool mr_keyed_state_is_cached(const struct mr_keyed_state *state, int64_t evicted_us)
{
    return !state->op->checkpoint || state->uncached_us <= evicted_us;
}
/* Keys of these groups, ascending. */
int mr_keyed_state_sort(const struct mr_keyed_state *state, struct mr_group *const *groups, int64_t count,
                        struct mr_arena *arena, struct mr_state_entry *out, struct mr_error *error);
/* Reads these groups and calls found for each that the checkpoint holds, however long expired. */
int mr_keyed_state_load(const struct mr_keyed_state *state, struct mr_group *const *groups, int64_t count,
                        int (*found)(void *ctx, struct mr_group *group, int64_t expiry_us,
                                     struct mr_str value, struct mr_error *error),
                        void *ctx, struct mr_error *error);
/* Begins a value; the rest is the caller's. */
void mr_keyed_state_put_head(struct mr_text *out, char format, int64_t expiry_us);
/* Takes a value apart. */
int mr_keyed_state_get_head(const struct mr_keyed_state *state, struct mr_str value, int64_t *expiry_us,
                            struct mr_str *rest, struct mr_error *error);

/* keyed_pack.c: groups of a table without aggregates that expire at time_us, as a few values; they must stay
 * in the table until then. What was packed and expires after evicted_us is brought back, for this partition.
 */
bool mr_keyed_state_can_pack(const struct mr_keyed_state *state, const struct mr_group *group);
int mr_keyed_state_pack(const struct mr_keyed_state *state, struct mr_decision *decision,
                        struct mr_group *const *groups, int64_t count, struct mr_error *error);
int mr_keyed_state_unpack(const struct mr_keyed_state *state, int64_t evicted_us,
                          int (*each)(void *ctx, struct mr_group *group, int64_t expiry_us,
                                      struct mr_error *error),
                          void *ctx, struct mr_error *error);

#endif
