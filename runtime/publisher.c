/* runtime/publisher.c: see publisher.h. */
#include "runtime/publisher.h"

#include <signal.h>
#include <time.h>

#define FIRST_PAUSE_US 2000
#define LONGEST_PAUSE_US 1000000
#define GIVE_UP_US 60000000
#define HURRY_US 5000000
#define SAY_AFTER_US 10000000 /* that a target is waited for; and then once a minute */
#define SAY_EVERY_US 60000000

struct decision { /* the publications of one decision; the list is in order */
    struct decision *next;
    int64_t batch;
    int left;
};
struct item {
    struct item *next; /* of the same sink */
    struct decision *decision;
    struct mr_publication what;
    int64_t pause_us, not_before_us, first_tried_us, said_us;
    bool unknown; /* the last attempt may have landed, and the register could not be read */
    char bytes[];
};
struct queue {
    struct item *first, *last;
};
struct mr_publisher {
    struct mr_publisher_options options;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t work, progress;
    struct queue *queues; /* per sink */
    struct decision *first, *last;
    int unpublished; /* decisions */
    int64_t published;
    bool stopping, clean_due, renew_due;
    _Atomic int64_t hurry_since_us; /* 0: no hurry */
    _Atomic int64_t cost_us;        /* of the last publication */
    int status;
    struct mr_error error;
};

static bool same(const struct mr_register *a, int64_t batch, uint64_t decision_id)
{
    return a->present && a->batch == batch && a->decision_id == decision_id;
}

static int stopped_by_register(const struct mr_sink *sink, const struct item *item,
                               const struct mr_register *found, struct mr_error *error)
{
    mr_error_set(
        error, MR_E_PROTOCOL, "SINK_REGISTER_MISMATCH",
        "Batch %lld cannot be published to the sink '%s': its target holds batch %lld of decision %llx where "
        "batch %lld of decision %llx must come before. Somebody else writes with this query's identity, or "
        "the "
        "target was put back. Look before you go on; `millrace checkpoint set-aside` keeps the batch aside.",
        (long long)item->what.batch, sink->name, (long long)(found->present ? found->batch : -2),
        (unsigned long long)found->decision_id, (long long)item->what.predecessor.batch,
        (unsigned long long)item->what.predecessor.decision_id);
    return error->code;
}

/* After an attempt whose outcome is unknown: MR_OK it landed, MR_END it did not, MR_BLOCKED ask again later;
 * negative: neither, or nobody will know. */
static int look(struct mr_sink *sink, struct item *item, struct mr_error *error)
{
    item->unknown = false;
    if (sink->type->flags & MR_SINK_NO_REGISTER)
        return MR_END;
    struct mr_register found = {0};
    int status = sink->type->published(sink, &found, error);
    item->unknown = status < 0 && (error->flags & MR_RETRIABLE);
    if (status < 0)
        return item->unknown ? MR_BLOCKED : status;
    if (same(&found, item->what.batch, item->what.decision_id))
        return MR_OK;
    if (same(&found, item->what.predecessor.batch, item->what.predecessor.decision_id))
        return MR_END;
    return stopped_by_register(sink, item, &found, error);
}

/* One attempt and its interpretation: MR_OK done, MR_BLOCKED again later, negative: refused. */
static int attempt(struct mr_publisher *publisher, struct item *item, struct mr_error *error)
{
    struct mr_sink *sink = publisher->options.sinks[item->what.sink];
    mr_error_clear(error);
    if (item->unknown) {
        int looked = look(sink, item, error);
        if (looked != MR_END)
            return looked;
    }
    mr_killpoint("publish.before");
    int status = sink->type->publish(sink, item->what.manifest, error);
    if (status >= 0) {
        mr_killpoint("publish.after");
        return MR_OK;
    }
    if (error->flags & MR_FATAL) /* memory and disk may differ: recovery reads the register */
        return status;
    if (error->flags & MR_AMBIGUOUS) {
        mr_killpoint("publish.ambiguous");
        struct mr_error reading;
        mr_error_clear(&reading);
        int looked = look(sink, item, &reading);
        if (looked < 0)
            *error = reading;
        return looked == MR_END ? MR_BLOCKED : looked;
    }
    return (error->flags & MR_RETRIABLE) || status == MR_E_CONFLICT ? MR_BLOCKED : status;
}

/* The pause doubles; a little dice keeps two writers from meeting again and again. */
static void postpone(struct item *item)
{
    int64_t now = mr_env()->monotonic_us();
    item->pause_us = item->pause_us ? item->pause_us * 2 : FIRST_PAUSE_US;
    if (item->pause_us > LONGEST_PAUSE_US)
        item->pause_us = LONGEST_PAUSE_US;
    item->not_before_us = now + item->pause_us / 2 + (int64_t)(mr_env()->random() % (uint64_t)item->pause_us);
}

/* Under the lock. */
static void mark_done(struct mr_publisher *publisher, struct item *item)
{
    item->decision->left--;
    while (publisher->first && publisher->first->left == 0) {
        struct decision *done = publisher->first;
        publisher->first = done->next;
        if (!publisher->first)
            publisher->last = NULL;
        publisher->published = done->batch;
        publisher->unpublished--;
        mr_free(done);
    }
}

static bool takes_too_long(const struct mr_publisher *publisher, const struct item *item,
                           const struct mr_error *error)
{
    int64_t now = mr_env()->monotonic_us(), hurry_since_us = publisher->hurry_since_us;
    int64_t give_up_us = publisher->options.give_up_us ? publisher->options.give_up_us : GIVE_UP_US;
    const struct mr_sink *sink = publisher->options.sinks[item->what.sink];
    bool patient = publisher->options.patient && (sink->type->flags & MR_SINK_WAITS) &&
                   (error->flags & MR_RETRIABLE) && publisher->options.give_up_us == 0;
    return (!patient && now - item->first_tried_us > give_up_us) ||
           (hurry_since_us > 0 && now - hurry_since_us > HURRY_US);
}

static void say_that_it_waits(const struct mr_publisher *publisher, struct item *item,
                              const struct mr_error *error)
{
    int64_t now = mr_env()->monotonic_us();
    if (now - item->first_tried_us < SAY_AFTER_US || (item->said_us && now - item->said_us < SAY_EVERY_US))
        return;
    item->said_us = now;
    mr_log(MR_LOG_WARN, "sink.waits", "batch %lld waits for the sink '%s' for %lld s now: %s",
           (long long)item->what.batch, publisher->options.sinks[item->what.sink]->name,
           (long long)((now - item->first_tried_us) / 1000000), error->message);
}

static void publish_one(struct mr_publisher *publisher, struct item *item)
{
    struct mr_error error;
    if (item->first_tried_us == 0)
        item->first_tried_us = mr_env()->monotonic_us();
    int64_t begun_us = mr_env()->monotonic_us();
    int status = attempt(publisher, item, &error);
    if (status == MR_OK)
        publisher->cost_us = mr_env()->monotonic_us() - begun_us;
    if (status == MR_BLOCKED) {
        postpone(item);
        say_that_it_waits(publisher, item, &error);
        if (takes_too_long(publisher, item, &error))
            status = error.code;
    }
    if (status == MR_OK && publisher->options.checkpoint) {
        struct mr_error ignored; /* a hint only: recovery reads the register */
        struct mr_sink *sink = publisher->options.sinks[item->what.sink];
        (void)mr_checkpoint_published(publisher->options.checkpoint, mr_str_of(sink->name), item->what.batch,
                                      &ignored);
        mr_killpoint("publish.marked");
    }
    if (status == MR_OK && publisher->options.on_published)
        publisher->options.on_published(publisher->options.ctx, item->what.sink, item->what.batch);
    pthread_mutex_lock(&publisher->lock);
    if (status == MR_OK) {
        struct queue *queue = &publisher->queues[item->what.sink];
        queue->first = item->next;
        if (!queue->first)
            queue->last = NULL;
        mark_done(publisher, item);
        mr_free(item);
    } else if (status < 0) {
        publisher->status = status;
        publisher->error = error;
    }
    pthread_cond_broadcast(&publisher->progress);
    pthread_mutex_unlock(&publisher->lock);
    if (status != MR_BLOCKED && publisher->options.wake)
        publisher->options.wake(publisher->options.driver);
}

/* The due item whose batch is the lowest; *wait_until_us: when another may be due. Under the lock. */
static struct item *choose(struct mr_publisher *publisher, int64_t *wait_until_us)
{
    struct item *best = NULL;
    int64_t now = mr_env()->monotonic_us();
    *wait_until_us = INT64_MAX;
    for (int s = 0; s < publisher->options.sink_count; s++) {
        struct item *item = publisher->queues[s].first;
        if (!item)
            continue;
#ifdef MR_PLANT_OUT_OF_ORDER
        item = publisher->queues[s].last;
#endif
        if (item->not_before_us > now) {
            if (item->not_before_us < *wait_until_us)
                *wait_until_us = item->not_before_us;
        } else if (!best || item->what.batch < best->what.batch) {
            best = item;
        }
    }
    return best;
}

static void clean(struct mr_publisher *publisher)
{
    for (int s = 0; s < publisher->options.sink_count; s++) {
        struct mr_sink *sink = publisher->options.sinks[s];
        if (!sink->type->clean || (sink->type->flags & MR_SINK_NO_REGISTER))
            continue;
        struct mr_register published;
        struct mr_error error;
        mr_error_clear(&error);
        int status = sink->type->published(sink, &published, &error);
        if (status >= 0 && published.present)
            status = sink->type->clean(sink, &published, &error);
        if (status < 0) /* left-overs cost room, nothing else */
            mr_log(MR_LOG_WARN, "sink.clean", "sink '%s': %s", sink->name, error.message);
    }
}

#define RENEW_AGAIN_US 30000000 /* after an error that may pass */

/* Sinks whose registers expire say them again; *until_us is lowered to when one is due next. */
static void renew(struct mr_publisher *publisher, int64_t *until_us)
{
    for (int s = 0; s < publisher->options.sink_count; s++) {
        struct mr_sink *sink = publisher->options.sinks[s];
        struct mr_error error;
        int64_t next_us = INT64_MAX;
        if (!sink->type->renew)
            continue;
        mr_error_clear(&error);
        int status = sink->type->renew(sink, &next_us, &error);
        if (status < 0 && (error.flags & MR_RETRIABLE)) {
            mr_log(MR_LOG_WARN, "sink.renew", "sink '%s': %s", sink->name, error.message);
            next_us = mr_env()->monotonic_us() + RENEW_AGAIN_US;
        } else if (status < 0) {
            pthread_mutex_lock(&publisher->lock);
            publisher->status = status;
            publisher->error = error;
            pthread_cond_broadcast(&publisher->progress);
            pthread_mutex_unlock(&publisher->lock);
            if (publisher->options.wake)
                publisher->options.wake(publisher->options.driver);
        }
        *until_us = next_us < *until_us ? next_us : *until_us;
    }
}

static void *publisher_main(void *argument)
{
    int64_t renew_us = INT64_MAX; /* sinks may not be open yet */
    struct mr_publisher *publisher = argument;
    pthread_mutex_lock(&publisher->lock);
    while (!publisher->stopping && publisher->status >= 0) {
        int64_t until_us;
        struct item *item = choose(publisher, &until_us);
        if (item || (publisher->clean_due && !publisher->first)) {
            bool idle = !item;
            publisher->clean_due = publisher->clean_due && !idle;
            pthread_mutex_unlock(&publisher->lock);
            if (idle)
                clean(publisher);
            else
                publish_one(publisher, item);
            pthread_mutex_lock(&publisher->lock);
        } else if (!publisher->first && (publisher->renew_due || mr_env()->monotonic_us() >= renew_us)) {
            publisher->renew_due = false;
            pthread_mutex_unlock(&publisher->lock);
            renew_us = INT64_MAX;
            renew(publisher, &renew_us);
            pthread_mutex_lock(&publisher->lock);
        } else if (until_us == INT64_MAX && renew_us == INT64_MAX) {
            pthread_cond_wait(&publisher->work, &publisher->lock);
        } else {
            until_us = until_us < renew_us ? until_us : renew_us;
            struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
            pthread_cond_timedwait(&publisher->work, &publisher->lock, &until);
        }
    }
    pthread_mutex_unlock(&publisher->lock);
    return NULL;
}

int mr_publisher_start(struct mr_publisher **out, const struct mr_publisher_options *options,
                       struct mr_error *error)
{
    *out = NULL;
    struct mr_publisher *publisher = mr_allocate_zeroed(sizeof *publisher);
    if (!publisher)
        return mr_error_memory(error, sizeof *publisher);
    publisher->options = *options;
    publisher->published = -1;
    pthread_mutex_init(&publisher->lock, NULL);
    pthread_condattr_t monotonic; /* pauses are measured by mr_env()->monotonic_us */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&publisher->work, &monotonic);
    pthread_cond_init(&publisher->progress, NULL);
    pthread_condattr_destroy(&monotonic);
    publisher->queues = mr_allocate_zeroed(sizeof *publisher->queues * (size_t)(options->sink_count + 1));
    int status = publisher->queues ? MR_OK : mr_error_memory(error, sizeof *publisher->queues);
    if (status >= 0) {
        sigset_t all, before; /* signals are the loop thread's business */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int why = pthread_create(&publisher->thread, NULL, publisher_main, publisher);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        publisher->started = why == 0;
        if (why != 0)
            status = mr_error_system(error, why, "INTERNAL_ERROR", "Cannot start the publisher thread");
    }
    if (status < 0) {
        mr_publisher_stop(publisher);
        return status;
    }
    *out = publisher;
    return MR_OK;
}

static struct item *make_item(const struct mr_publication *what, struct decision *decision,
                              struct mr_error *error)
{
    struct item *item = mr_allocate_zeroed(sizeof *item + what->manifest.size);
    if (!item) {
        mr_error_memory(error, what->manifest.size);
        return NULL;
    }
    item->what = *what;
    item->decision = decision;
    memcpy(item->bytes, what->manifest.data, what->manifest.size);
    item->what.manifest.data = item->bytes;
    return item;
}

int mr_publisher_add(struct mr_publisher *publisher, int64_t batch, const struct mr_publication *publications,
                     int count, struct mr_error *error)
{
    struct decision *decision = mr_allocate_zeroed(sizeof *decision);
    if (!decision)
        return mr_error_memory(error, sizeof *decision);
    *decision =
        (struct decision){.batch = batch, .left = count + 1}; /* one more, so that it is counted once below */
    struct item *made = NULL, **tail = &made;
    for (int i = 0; i < count; i++) {
        *tail = make_item(&publications[i], decision, error);
        if (*tail) {
            tail = &(*tail)->next;
            continue;
        }
        while (made) {
            struct item *next = made->next;
            mr_free(made);
            made = next;
        }
        mr_free(decision);
        return error->code;
    }
    pthread_mutex_lock(&publisher->lock);
    if (publisher->last)
        publisher->last->next = decision;
    else
        publisher->first = decision;
    publisher->last = decision;
    publisher->unpublished++;
    while (made) {
        struct item *item = made;
        made = item->next;
        item->next = NULL;
        struct queue *queue = &publisher->queues[item->what.sink];
        if (queue->last)
            queue->last->next = item;
        else
            queue->first = item;
        queue->last = item;
    }
    publisher->renew_due = true;
    struct item none = {.decision = decision};
    mark_done(publisher, &none);
    pthread_cond_signal(&publisher->work);
    pthread_mutex_unlock(&publisher->lock);
    return MR_OK;
}

int mr_publisher_wait(struct mr_publisher *publisher, int fewer_than, struct mr_error *error)
{
    pthread_mutex_lock(&publisher->lock);
    while (publisher->unpublished >= fewer_than && publisher->status >= 0)
        pthread_cond_wait(&publisher->progress, &publisher->lock);
    int status = publisher->status;
    if (status < 0)
        *error = publisher->error;
    pthread_mutex_unlock(&publisher->lock);
    return status;
}

int mr_publisher_status(struct mr_publisher *publisher, struct mr_error *error)
{
    pthread_mutex_lock(&publisher->lock);
    int status = publisher->status;
    if (status < 0)
        *error = publisher->error;
    pthread_mutex_unlock(&publisher->lock);
    return status;
}

int64_t mr_publisher_published(struct mr_publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    int64_t batch = publisher->published;
    pthread_mutex_unlock(&publisher->lock);
    return batch;
}

bool mr_publisher_idle(struct mr_publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    bool idle = publisher->unpublished == 0;
    pthread_mutex_unlock(&publisher->lock);
    return idle;
}

int64_t mr_publisher_cost_us(const struct mr_publisher *publisher)
{
    return publisher->cost_us;
}

void mr_publisher_hurry(struct mr_publisher *publisher)
{
    int64_t now = mr_env()->monotonic_us();
    publisher->hurry_since_us = now > 0 ? now : 1;
}

void mr_publisher_clean(struct mr_publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    publisher->clean_due = publisher->renew_due = true;
    pthread_cond_signal(&publisher->work);
    pthread_mutex_unlock(&publisher->lock);
}

void mr_publisher_stop(struct mr_publisher *publisher)
{
    if (!publisher)
        return;
    pthread_mutex_lock(&publisher->lock);
    publisher->stopping = true;
    pthread_cond_broadcast(&publisher->work);
    pthread_mutex_unlock(&publisher->lock);
    if (publisher->started)
        pthread_join(publisher->thread, NULL);
    for (int s = 0; publisher->queues && s < publisher->options.sink_count; s++) {
        while (publisher->queues[s].first) {
            struct item *next = publisher->queues[s].first->next;
            mr_free(publisher->queues[s].first);
            publisher->queues[s].first = next;
        }
    }
    while (publisher->first) {
        struct decision *next = publisher->first->next;
        mr_free(publisher->first);
        publisher->first = next;
    }
    mr_free(publisher->queues);
    pthread_cond_destroy(&publisher->work);
    pthread_cond_destroy(&publisher->progress);
    pthread_mutex_destroy(&publisher->lock);
    mr_free(publisher);
}
