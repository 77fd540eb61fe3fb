/* runtime/wait.c: see wait.h. */
#include "runtime/wait.h"

#include <signal.h>
#include <time.h>

struct watcher {
    struct mr_waiter *waiter;
    struct mr_source *source;
    pthread_t thread;
    bool started;
    bool armed;   /* told to wait, and has not come back */
    bool waiting; /* inside the source's wait, or about to be */
    int64_t deadline_us;
};
struct mr_waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct watcher *watchers; /* of the sources that can be waited for */
    int count;
    bool woken, stopping;
};

int mr_waiter_open(struct mr_waiter **out, struct mr_source *const *sources, int count,
                   struct mr_error *error)
{
    *out = NULL;
    struct mr_waiter *waiter = mr_allocate_zeroed(sizeof *waiter);
    struct watcher *watchers = mr_allocate_zeroed(sizeof *watchers * (size_t)(count + 1));
    if (!waiter || !watchers) {
        mr_free(waiter);
        mr_free(watchers);
        return mr_error_memory(error, sizeof *waiter);
    }
    waiter->watchers = watchers;
    for (int i = 0; i < count; i++) {
        if (sources[i]->type->wait)
            watchers[waiter->count++] = (struct watcher){.waiter = waiter, .source = sources[i]};
    }
    pthread_mutex_init(&waiter->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = waiter;
    return MR_OK;
}

void mr_waiter_wake(struct mr_waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    waiter->woken = true;
    for (int i = 0; i < waiter->count; i++) {
        if (waiter->watchers[i].waiting)
            waiter->watchers[i].source->type->wake(waiter->watchers[i].source);
    }
    pthread_cond_broadcast(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static void *watch(void *argument)
{
    struct watcher *self = argument;
    struct mr_waiter *waiter = self->waiter;
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->stopping) {
        if (!self->armed) {
            pthread_cond_wait(&waiter->changed, &waiter->lock);
            continue;
        }
        int64_t deadline_us = self->deadline_us;
        pthread_mutex_unlock(&waiter->lock);
        self->source->type->wait(self->source, deadline_us);
        pthread_mutex_lock(&waiter->lock);
        self->armed = self->waiting = false;
        waiter->woken = true;
        pthread_cond_broadcast(&waiter->changed);
    }
    pthread_mutex_unlock(&waiter->lock);
    return NULL;
}

static int start(struct watcher *watcher, struct mr_error *error)
{
    if (watcher->started)
        return MR_OK;
    sigset_t all, before; /* signals are the loop thread's business */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&watcher->thread, NULL, watch, watcher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    watcher->started = why == 0;
    return why == 0 ? MR_OK
                    : mr_error_system(error, why, "INTERNAL_ERROR", "Cannot start a thread for a source");
}

/* With no source to wait for, or with several: sleeps on the condition. Under the lock. */
static void sleep_here(struct mr_waiter *waiter, int64_t deadline_us)
{
    while (!waiter->woken && mr_env()->monotonic_us() < deadline_us) {
        if (deadline_us == INT64_MAX) {
            pthread_cond_wait(&waiter->changed, &waiter->lock);
        } else {
            struct timespec until = {deadline_us / 1000000, deadline_us % 1000000 * 1000};
            pthread_cond_timedwait(&waiter->changed, &waiter->lock, &until);
        }
    }
}

static int sleep_on_one(struct mr_waiter *waiter, int64_t deadline_us)
{
    struct watcher *only = &waiter->watchers[0];
    pthread_mutex_lock(&waiter->lock);
    bool sleep = !waiter->woken;
    only->waiting = sleep; /* from here on a wake goes to the source, which does not lose it */
    pthread_mutex_unlock(&waiter->lock);
    if (sleep)
        only->source->type->wait(only->source, deadline_us);
    pthread_mutex_lock(&waiter->lock);
    only->waiting = waiter->woken = false;
    pthread_mutex_unlock(&waiter->lock);
    return MR_OK;
}

int mr_waiter_sleep(struct mr_waiter *waiter, int64_t deadline_us, struct mr_error *error)
{
    if (waiter->count == 1)
        return sleep_on_one(waiter, deadline_us);
    for (int i = 0; i < waiter->count; i++)
        MR_TRY(start(&waiter->watchers[i], error));
    pthread_mutex_lock(&waiter->lock);
    for (int i = 0; i < waiter->count && !waiter->woken; i++) {
        struct watcher *watcher = &waiter->watchers[i];
        watcher->deadline_us = deadline_us;
        watcher->armed = watcher->waiting = true;
    }
    pthread_cond_broadcast(&waiter->changed);
    sleep_here(waiter, deadline_us);
    for (int i = 0; i < waiter->count; i++) { /* call back those that are still inside */
        struct watcher *watcher = &waiter->watchers[i];
        if (watcher->waiting)
            watcher->source->type->wake(watcher->source);
    }
    for (int i = 0; i < waiter->count; i++) {
        while (waiter->watchers[i].waiting)
            pthread_cond_wait(&waiter->changed, &waiter->lock);
    }
    waiter->woken = false;
    pthread_mutex_unlock(&waiter->lock);
    return MR_OK;
}

void mr_waiter_close(struct mr_waiter *waiter)
{
    if (!waiter)
        return;
    pthread_mutex_lock(&waiter->lock);
    waiter->stopping = true;
    pthread_cond_broadcast(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
    for (int i = 0; i < waiter->count; i++) {
        if (waiter->watchers[i].started)
            pthread_join(waiter->watchers[i].thread, NULL);
    }
    pthread_cond_destroy(&waiter->changed);
    pthread_mutex_destroy(&waiter->lock);
    mr_free(waiter->watchers);
    mr_free(waiter);
}
