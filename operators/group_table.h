/* operators/group_table.h: a hash table from grouping keys to records of aggregate states.
 *
 * A record is one piece of memory: header, key row, states. A key row is fixed-size: a word of null bits and
 * the key's leaves (STRUCTs are flattened; strings are views whose long bytes lie in the table's arena). Keys
 * that hold arrays or maps, or more than 60 nodes, are kept as one encoded string instead. Records never
 * move, so states can be addressed by pointers until clear. */
#ifndef MR_OPERATORS_GROUP_TABLE_H
#define MR_OPERATORS_GROUP_TABLE_H

#include "expressions/aggregate.h"

enum mr_group_flag { /* free for the operator, but for REMOVED */
                     MR_GROUP_REMOVED = 1,
                     MR_GROUP_LOADED = 2,     /* what the checkpoint holds for this key has been merged in */
                     MR_GROUP_DIRTY = 4,      /* differs from what the checkpoint holds */
                     MR_GROUP_TOUCHED = 8,    /* the operator's own, while a micro-batch runs */
                     MR_GROUP_PERSISTED = 16, /* the checkpoint holds this key */
                     MR_GROUP_LISTED = 32     /* in the operator's list of groups with one event time */
};
struct mr_group {
    union {
        uint64_t hash;          /* of the key columns, as it was given */
        struct mr_group *owner; /* of a group that mr_group_table_add made: the caller's */
    };
    uint32_t flags;
    uint32_t number;           /* mr_group_table_at finds it again */
    union {                    /* the operator's */
        struct mr_group *next; /* a list of groups */
        int64_t time_us;
    };
};

struct mr_group_list {
    struct mr_group **groups;
    int64_t count, capacity;
};
int mr_group_list_add(struct mr_group_list *list, struct mr_group *group, struct mr_error *error);

struct mr_key_node;
struct mr_group_table {
    const struct mr_type **key_types;
    int key_count;
    struct mr_key_node *nodes;
    int node_count;
    bool encoded; /* the key is one encoded string */
    bool has_strings;
    size_t key_bytes, record_bytes, states_offset; /* states_offset is from the record's start */
    const struct mr_aggregate *const *aggregates;
    size_t *offsets; /* of each aggregate's state, from the record's start */
    int aggregate_count;
    bool flat;                            /* every state may be copied as bytes */
    size_t states_bytes;                  /* all states together */
    size_t payload_offset, payload_bytes; /* the operator's own part of a record; zeroed when made */
    struct {
        uint32_t tag, number; /* the hash's lower half; number + 1, 0: free */
    } * slots;
    uint32_t slot_mask, used_slots;
    char **chunks;
    uint32_t chunk_count, chunk_capacity, count; /* count: records ever made since clear */
    uint32_t live;
    struct mr_group *unused; /* removed ones, whose records are taken again */
    struct mr_arena arena;   /* long strings, memory of states that are not flat */
    struct mr_arena layout;
    char *key_rows; /* scratch */
    size_t key_rows_bytes;
    struct mr_text scratch;
};
int mr_group_table_init(struct mr_group_table *table, const struct mr_type *const *key_types, int key_count,
                        const struct mr_aggregate *const *aggregates, int aggregate_count,
                        struct mr_error *error);
/* Gives every record bytes for the operator's own use; right after init. */
void mr_group_table_add_payload(struct mr_group_table *table, size_t payload_bytes);
static inline void *mr_group_payload(const struct mr_group_table *table, const struct mr_group *group)
{
    return (char *)(uintptr_t)group + table->payload_offset;
}
void mr_group_table_release(struct mr_group_table *table);
/* Forgets all groups, keeps little memory. */
void mr_group_table_clear(struct mr_group_table *table);
/* records[k] = the group of row rows[k]; made (states initialised, flags 0) when missing and insert, else
 * NULL. hashes[row], the same function at every call; NULL: the table's own. */
int mr_group_table_find(struct mr_group_table *table, struct mr_column *const *keys, const uint64_t *hashes,
                        const struct mr_selection *rows, int64_t length, bool insert,
                        struct mr_group **records, struct mr_error *error);
/* A group that find does not find, with the key of all zero bytes; for the owner of the keys to fill in. */
int mr_group_table_add(struct mr_group_table *table, struct mr_group **out, struct mr_error *error);
/* Walks all live groups: fills records with up to max of them, returns how many; 0 at the end. Start with a
 * zeroed cursor. */
struct mr_group_cursor {
    uint32_t next;
};
int64_t mr_group_table_next(const struct mr_group_table *table, struct mr_group_cursor *cursor,
                            struct mr_group **records, int64_t max);
struct mr_group *mr_group_table_at(const struct mr_group_table *table, uint32_t number);
void mr_group_table_remove(struct mr_group_table *table, struct mr_group *group);
/* Brings near what finding or removing the group with this hash will ask for first. */
static inline void mr_group_table_expect(const struct mr_group_table *table, uint64_t hash)
{
    if (table->slots)
        __builtin_prefetch(&table->slots[(uint32_t)hash & table->slot_mask]);
}
/* Forgets the groups that keep refuses and gives their memory back. Groups move: nobody may hold one. Only
 * for tables without aggregates. */
int mr_group_table_retain(struct mr_group_table *table, bool (*keep)(void *ctx, struct mr_group *group),
                          void *ctx, struct mr_error *error);
/* For keys of which `column` is a window (a STRUCT of two times) and no other is nested, with the table's own
 * hashes and flat states: its start; and the states of a group of another such table merged into the group of
 * the window that begins shift_us earlier. */
int64_t mr_group_window_start(const struct mr_group_table *table, const struct mr_group *group, int column);
int mr_group_table_add_pane(struct mr_group_table *table, const struct mr_group *pane, int column,
                            int64_t shift_us, struct mr_error *error);
/* New columns of the keys of these records, in order. */
int mr_group_table_keys(struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                        struct mr_column **out, struct mr_error *error);
/* States of one group <-> bytes (appended). */
int mr_group_table_encode(const struct mr_group_table *table, const struct mr_group *group,
                          struct mr_text *out, struct mr_error *error);
/* Merges encoded states into the group's: as what came after the group's rows, or before them (first, last,
 * collect_list tell the difference). */
int mr_group_table_merge(struct mr_group_table *table, struct mr_group *group, struct mr_str states,
                         bool before, struct mr_error *error);
/* Merges one group's states into another's of the same table, as what came after. */
int mr_group_table_merge_group(struct mr_group_table *table, struct mr_group *into,
                               const struct mr_group *from, struct mr_error *error);
/* New BINARY column of the encoded states of these records. */
int mr_group_table_states(const struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                          struct mr_column **out, struct mr_error *error);
/* A group as bytes of a fixed size that begin with its hash (0: keys or states of this table hold more than a
 * record), unless a long string is among its keys (is_raw); and such a group back in the table, its states
 * replaced when it is there. */
size_t mr_group_table_raw_bytes(const struct mr_group_table *table);
bool mr_group_table_is_raw(const struct mr_group_table *table, const struct mr_group *group);
void mr_group_table_raw_append(const struct mr_group_table *table, const struct mr_group *group,
                               struct mr_text *out);
int mr_group_table_raw_add(struct mr_group_table *table, const char *raw, struct mr_group **out,
                           struct mr_error *error);
/* One result column per aggregate. */
int mr_group_table_results(struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                           struct mr_column **out, struct mr_error *error);
size_t mr_group_table_bytes(const struct mr_group_table *table);

#endif
