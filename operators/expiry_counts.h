/* operators/expiry_counts.h: how many entries of a state expire when, to the millisecond (the grain of
 * watermarks), so that how many live and how many expire now is known without looking at any of them.
 *
 * Kept per second of expiry, in the checkpoint too:
 *   id(2) 0x00 partition(2) second(8) -> format(1) expiry(8) partitions(2) entries(varint) live(varint, per
 *                                        entry: milliseconds since the entry before, count)
 * After a change of the number of partitions the first one takes all counts over: only sums can be known
 * then, and only sums are told. */
#ifndef MR_OPERATORS_EXPIRY_COUNTS_H
#define MR_OPERATORS_EXPIRY_COUNTS_H

#include "operators/keyed_state.h"

struct mr_expiry_second;
struct mr_expiry_counts {
    struct mr_operator *op;
    struct mr_expiry_second **seconds; /* ascending; [first, first + count) */
    size_t first, count, capacity, last_used;
    int64_t live;      /* sum of all */
    bool stale;        /* the checkpoint holds counts of another layout */
    int64_t latest_us; /* expiry of what the checkpoint held when it was opened, in any partition */
    size_t bytes;      /* memory held */
};
/* Reads what the checkpoint holds. */
int mr_expiry_counts_open(struct mr_expiry_counts *counts, struct mr_operator *op, struct mr_error *error);
void mr_expiry_counts_close(struct mr_expiry_counts *counts);
/* One more entry that expires then (MR_NEVER: never). */
int mr_expiry_counts_add(struct mr_expiry_counts *counts, int64_t expiry_us, struct mr_error *error);
/* One fewer: it went before it expired. */
int mr_expiry_counts_remove(struct mr_expiry_counts *counts, int64_t expiry_us, struct mr_error *error);
/* Forgets what expires at or before upto_us (of whole milliseconds); how many entries that was. */
int64_t mr_expiry_counts_expire(struct mr_expiry_counts *counts, int64_t upto_us);
/* Hands what changed to the decision. */
int mr_expiry_counts_write(struct mr_expiry_counts *counts, struct mr_decision *decision,
                           struct mr_error *error);

#endif
