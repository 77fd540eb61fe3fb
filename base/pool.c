/* base/pool.c: persistent worker threads that all run one piece of work at a time. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/env.h"

typedef int (*pool_work)(void *ctx, int worker, struct mr_error *error);

struct mr_pool {
    int workers; /* the caller included */
    int started; /* threads running: workers - 1 once start succeeded */
    pthread_t *threads;
    pthread_mutex_t turn; /* held for one run: drivers of several queries share one pool */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t begin, done;
    uint64_t round; /* counts runs; a thread that has seen this one waits for the next */
    bool stopping;
    int running; /* threads that have not finished this round */
    pool_work run;
    void *ctx;
    int status;             /* of the first worker that failed in this round */
    struct mr_error *error; /* where it goes: the caller's */
};

struct pool_thread {
    struct mr_pool *pool;
    int worker;
};

static void finish(struct mr_pool *pool, int status, const struct mr_error *error)
{
    if (status < 0 && pool->status >= 0) {
        pool->status = status;
        if (pool->error && pool->error != error)
            *pool->error = *error;
    }
}

static void *thread_main(void *argument)
{
    struct pool_thread *self = argument;
    struct mr_pool *pool = self->pool;
    int worker = self->worker;
    mr_free(self);
    uint64_t seen = 0;
    struct mr_error error;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->stopping)
            pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->stopping)
            break;
        seen = pool->round;
        pool_work run = pool->run;
        void *ctx = pool->ctx;
        pthread_mutex_unlock(&pool->lock);
        mr_error_clear(&error);
        int status = run(ctx, worker, &error);
        pthread_mutex_lock(&pool->lock);
        finish(pool, status, &error);
        pool->running--;
        if (pool->running == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are the loop thread's business: workers are born with all of them blocked. */
static int start_thread(struct mr_pool *pool, int worker, struct mr_error *error)
{
    struct pool_thread *self = mr_allocate(sizeof *self);
    if (!self)
        return mr_error_memory(error, sizeof *self);
    *self = (struct pool_thread){pool, worker};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&pool->threads[worker - 1], NULL, thread_main, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why == 0)
        return MR_OK;
    mr_free(self);
    return mr_error_system(error, why, "INTERNAL_ERROR", "Cannot start worker thread %d", worker);
}

int mr_pool_start(struct mr_pool **out, int workers, struct mr_error *error)
{
    *out = NULL;
    if (workers < 1)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "A pool needs at least 1 worker, not %d.", workers);
    struct mr_pool *pool = mr_allocate_zeroed(sizeof *pool);
    if (!pool)
        return mr_error_memory(error, sizeof *pool);
    pool->workers = workers;
    pthread_mutex_init(&pool->turn, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->threads = mr_allocate_zeroed(sizeof(pthread_t) * (size_t)workers);
    int status = pool->threads ? MR_OK : mr_error_memory(error, sizeof(pthread_t) * (size_t)workers);
    for (int worker = 1; status >= 0 && worker < workers; worker++) {
        status = start_thread(pool, worker, error);
        pool->started += status >= 0;
    }
    if (status < 0) {
        mr_pool_stop(pool);
        return status;
    }
    *out = pool;
    return MR_OK;
}

int mr_pool_run(struct mr_pool *pool, int (*run)(void *ctx, int worker, struct mr_error *error), void *ctx,
                struct mr_error *error)
{
    if (pool->workers == 1)
        return run(ctx, 0, error);
    struct mr_error own; /* worker 0's, until all have finished: a thread may fill the caller's meanwhile */
    mr_error_clear(&own);
    pthread_mutex_lock(&pool->turn);
    pthread_mutex_lock(&pool->lock);
    pool->run = run;
    pool->ctx = ctx;
    pool->status = MR_OK;
    pool->error = error;
    pool->running = pool->started;
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    int status = run(ctx, 0, &own);
    pthread_mutex_lock(&pool->lock);
    finish(pool, status, &own);
    while (pool->running > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    status = pool->status;
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->turn);
    return status;
}

int mr_pool_workers(const struct mr_pool *pool)
{
    return pool->workers;
}

void mr_pool_stop(struct mr_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->turn);
    mr_free(pool->threads);
    mr_free(pool);
}
