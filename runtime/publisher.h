/* runtime/publisher.h: makes decided manifests visible, in order, on a thread of its own. Private to this
 * room.
 *
 * One thread per query. Batches of one sink go out in order; sinks do not wait for each other but at the
 * limit of decided and unpublished decisions. An outcome that is unknown is made known by reading the
 * register before anything is tried again (invariant 3); what may succeed later is tried again with growing
 * pauses; any other refusal ends the query (invariant 12) and leaves the manifest where it is. */
#ifndef MR_RUNTIME_PUBLISHER_H
#define MR_RUNTIME_PUBLISHER_H

#include "runtime/job.h"

struct mr_publisher;
struct mr_publication { /* one manifest; bytes are copied */
    int sink;
    int64_t batch;
    uint64_t decision_id;
    struct mr_register predecessor;
    struct mr_str manifest;
};
struct mr_publisher_options {
    struct mr_checkpoint *checkpoint; /* NULL: batch run, nothing is marked */
    struct mr_sink *const *sinks;
    int sink_count;
    int64_t give_up_us; /* a manifest that could not be published for so long ends the query; 0: 60 s */
    bool patient;       /* targets that are away (MR_SINK_WAITS) are waited for, unless give_up_us is given */
    void (*on_published)(void *ctx, int sink, int64_t batch); /* on the publisher's thread; NULL: none */
    void *ctx;
    void (*wake)(void *driver); /* something was published, or has failed */
    void *driver;
};
int mr_publisher_start(struct mr_publisher **out, const struct mr_publisher_options *options,
                       struct mr_error *error);
/* One decision, durable by now; its publications ascend by batch after those handed over before. */
int mr_publisher_add(struct mr_publisher *publisher, int64_t batch, const struct mr_publication *publications,
                     int count, struct mr_error *error);
/* Waits until fewer than `fewer_than` decisions are unpublished (1: none). Negative when publishing has
 * failed. */
int mr_publisher_wait(struct mr_publisher *publisher, int fewer_than, struct mr_error *error);
/* MR_OK, or the failure that has ended publishing. */
int mr_publisher_status(struct mr_publisher *publisher, struct mr_error *error);
/* Batch of the last decision of which everything is visible; -1: none since the start. */
int64_t mr_publisher_published(struct mr_publisher *publisher);
bool mr_publisher_idle(struct mr_publisher *publisher); /* all that was added is published */
/* How long the last publication took, microseconds; 0: there was none. */
int64_t mr_publisher_cost_us(const struct mr_publisher *publisher);
/* The query is to end: what cannot be published within five seconds is left for the next start. From any
 * thread. */
void mr_publisher_hurry(struct mr_publisher *publisher);
/* Lets sinks remove what undecided batches left, when there is nothing better to do (invariant 4). */
void mr_publisher_clean(struct mr_publisher *publisher);
/* Ends the thread after the attempt in hand; what is not published stays decided. NULL is fine. */
void mr_publisher_stop(struct mr_publisher *publisher);

#endif
