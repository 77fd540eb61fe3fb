/* operators/session_table.h: keys and their sessions, each with a record of aggregate states.
 *
 * Keys are groups of one table, without states; `next` of a key is the first of its sessions, which are
 * groups of another table, in a list through `next`; `owner` of a session is its key. Two sessions of a key
 * are at least an instant apart: those that touch are one. */
#ifndef MR_OPERATORS_SESSION_TABLE_H
#define MR_OPERATORS_SESSION_TABLE_H

#include "operators/aggregate_input.h"

struct mr_session_due { /* a session to be looked at when the watermark gets there */
    int64_t due_us;
    struct mr_group *session;
};
struct mr_session_table {
    const struct mr_session_config *config;
    struct mr_group_table keys, states;
    struct mr_group *unused;        /* records of sessions that are gone */
    struct mr_column **key_columns; /* scratch: of a batch, without the session */
    struct mr_session_due *due;     /* a heap: the earliest first */
    int64_t due_count, due_capacity;
};
/* types: of all group columns, the session among them. */
int mr_session_table_init(struct mr_session_table *table, const struct mr_session_config *config,
                          const struct mr_type *const *types, struct mr_error *error);
void mr_session_table_release(struct mr_session_table *table);
void mr_session_table_clear(struct mr_session_table *table);
size_t mr_session_table_bytes(const struct mr_session_table *table);

/* [0] start, [1] end, in microseconds. */
static inline int64_t *mr_session_times(const struct mr_group *session)
{
    return (int64_t *)(void *)(session + 1) + 1; /* behind the word of null bits */
}
/* The keys of a batch's rows, made when missing; column_of_group[g] is the batch's column of group g.
 * hashes[row] is filled in; NULL as in mr_group_table_find. rows NULL: all. */
int mr_session_table_find(struct mr_session_table *table, const struct mr_batch *batch,
                          const int *column_of_group, const struct mr_selection *rows, uint64_t *hashes,
                          struct mr_group **keys, struct mr_error *error);
/* A session of the key in no list. */
int mr_session_table_new(struct mr_session_table *table, struct mr_group *key, int64_t start_us,
                         int64_t end_us, struct mr_group **out, struct mr_error *error);
/* The record may be used again. */
void mr_session_table_discard(struct mr_session_table *table, struct mr_group *session);
/* All group columns of these sessions, in the order of the config. */
int mr_session_table_columns(struct mr_session_table *table, struct mr_group *const *sessions, int64_t count,
                             struct mr_column **out, struct mr_error *error);

/* ---- what is due ---- */
int mr_session_due_add(struct mr_session_table *table, struct mr_group *session, struct mr_error *error);
/* How many sessions of keys that differ from the checkpoint end at or before upto_us; takes as long as
 * there are sessions that do. */
int64_t mr_session_due_count(const struct mr_session_table *table, int64_t upto_us);
/* The session to be looked at earliest, if that is at or before upto_us; NULL: none. It may be gone, or end
 * later than it did. */
struct mr_group *mr_session_due_take(struct mr_session_table *table, int64_t upto_us);

#endif
