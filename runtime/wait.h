/* runtime/wait.h: sleeping until one of several sources may have something. Private to this room.
 *
 * One source: the driver sleeps in its wait. Several: each is waited for by a thread of its own, started when
 * first needed; none is inside a source when mr_waiter_sleep has returned, so that a source is used by one
 * thread at a time. */
#ifndef MR_RUNTIME_WAIT_H
#define MR_RUNTIME_WAIT_H

#include "runtime/job.h"

struct mr_waiter;
int mr_waiter_open(struct mr_waiter **out, struct mr_source *const *sources, int count,
                   struct mr_error *error);
void mr_waiter_close(struct mr_waiter *waiter); /* NULL is fine */
/* Returns when a source returns from its wait, at deadline_us (mr_env()->monotonic_us; INT64_MAX: none), or
 * when woken since the last return. */
int mr_waiter_sleep(struct mr_waiter *waiter, int64_t deadline_us, struct mr_error *error);
void mr_waiter_wake(struct mr_waiter *waiter); /* from any thread; never lost */

#endif
