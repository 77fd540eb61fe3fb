/* operators/custom_store.h: what custom state (custom_state.h) keeps, entry by entry. Not for other folders.
 *
 *   id(2) 0x01 variable(2) group(2) key…           -> head, columns…      a value
 *   id(2) 0x01 variable(2) group(2) key…           -> head, number(8)     a list: the next element's number
 *   id(2) 0x01 variable(2) group(2) key… number(8) -> head, columns…      an element of it
 *   id(2) 0x01 variable(2) group(2) key… columns…  -> head, columns…      an entry of a map
 *   id(2) 0x01 0(2) group(2) key… time(8)          -> head                a timer
 *   id(2) 0x02 time(8) group(2) key…               -> head                the same timer, by time
 *   id(2) 0x05 name…                               -> head, number(2) kind(1) type of keys, NUL, type:
 *                                                     a variable
 *   id(2) 0x05                                     -> head, time(8): how far processing time has come
 *
 * head: format(1) expiry(8), as in keyed_state.h: what expires at or before the processing time of the
 * micro-batch is absent, and compaction drops it some day. An operation costs what it touches: appending to a
 * list reads and writes its next number and the element. */
#ifndef MR_OPERATORS_CUSTOM_STORE_H
#define MR_OPERATORS_CUSTOM_STORE_H

#include "operators/expiry_counts.h"
#include "operators/state_cache.h"

#define MR_CUSTOM_FORMAT 1
#define MR_CUSTOM_HEAD 9
#define MR_CUSTOM_TIMERS 0 /* the variable whose entries are timers */

struct mr_custom_store {
    struct mr_operator *op;
    struct mr_state_cache cache;
    struct mr_expiry_counts counts; /* of values, elements and entries of maps */
    int64_t now_us;                 /* what expires at or before is absent */
    struct mr_text cut;             /* ranges to delete: size(4), first key, size(4), key behind the last */
    struct mr_arena scratch;        /* of one read */
    struct mr_text value;           /* scratch */
};
int mr_custom_store_open(struct mr_custom_store *store, struct mr_operator *op, struct mr_error *error);
void mr_custom_store_close(struct mr_custom_store *store); /* zeroed is fine */

/* Entries of a key begin with this; group: bytes of key group and key, as they stand in state. */
void mr_custom_put_base(const struct mr_custom_store *store, struct mr_text *out, unsigned variable,
                        struct mr_str group);
/* A timer by time. */
void mr_custom_put_timer(const struct mr_custom_store *store, struct mr_text *out, int64_t at_us,
                         struct mr_str group);
/* The first key behind all that begin with the prefix. */
void mr_custom_put_behind(struct mr_text *out, struct mr_str prefix);

/* What is behind the head of this entry's value; data NULL: absent. base: of the entry, when it is one of
 * many, else empty. Valid until the next change. */
int mr_custom_get(struct mr_custom_store *store, struct mr_str key, struct mr_str base, struct mr_str *value,
                  struct mr_error *error);
/* Reads those of the keys that are not in memory, in one go. */
int mr_custom_prefetch(struct mr_custom_store *store, const struct mr_str *keys, int64_t count,
                       struct mr_error *error);
enum mr_custom_put {
    MR_CUSTOM_COUNTED, /* was read before */
    MR_CUSTOM_NEW,     /* is not there */
    MR_CUSTOM_EXTRA    /* was read before; not counted among what state holds */
};
int mr_custom_put(struct mr_custom_store *store, struct mr_str key, struct mr_str rest, int64_t expiry_us,
                  enum mr_custom_put how, struct mr_error *error);
/* The entry was read before. */
int mr_custom_delete(struct mr_custom_store *store, struct mr_str key, bool counted, struct mr_error *error);
/* The same of an entry that does not count, and may not have been read. */
int mr_custom_drop(struct mr_custom_store *store, struct mr_str key, struct mr_error *error);
/* Deletes all that begins with base, but for base itself. */
int mr_custom_cut(struct mr_custom_store *store, struct mr_str base, struct mr_error *error);

/* Entries in [begin, end) in order, those alone that are there. Changes on the way: what is deleted is not
 * seen; settled: nor is what was put after it began. */
struct mr_custom_scan {
    struct mr_custom_store *store;
    struct mr_state_cursor *cursor; /* NULL: the checkpoint holds nothing more */
    struct mr_str stored_key, stored_value;
    bool stored_done; /* these were dealt with */
    struct mr_cached *cached;
    struct mr_text end;
    uint32_t stamp;
    bool settled;
};
int mr_custom_scan_open(struct mr_custom_scan *scan, struct mr_custom_store *store, struct mr_str begin,
                        struct mr_str end, bool settled, struct mr_error *error);
/* All that begins with base, without base itself. */
int mr_custom_scan_base(struct mr_custom_scan *scan, struct mr_custom_store *store, struct mr_str base,
                        bool settled, struct mr_error *error);
/* MR_END at the end. value: behind the head. Both are valid until the next call. */
int mr_custom_scan_next(struct mr_custom_scan *scan, struct mr_str *key, struct mr_str *value,
                        struct mr_error *error);
void mr_custom_scan_close(struct mr_custom_scan *scan); /* zeroed is fine */

/* Hands the changes to the decision. */
int mr_custom_store_flush(struct mr_custom_store *store, struct mr_decision *decision,
                          struct mr_error *error);

#endif
