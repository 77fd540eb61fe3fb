/* sinks/delta_keeper.c: log checkpoints beside the commits. A thread per checkpoint: one is due every ten
 * commits at most, and it touches nothing of the sink but the keeper. */
#include <signal.h>
#include <string.h>

#include "sinks/delta.h"

void mr_delta_keeper_init(struct mr_delta_keeper *keeper)
{
    memset(keeper, 0, sizeof(*keeper));
    pthread_mutex_init(&keeper->lock, NULL);
}

static void *keeper_main(void *argument)
{
    struct mr_delta_keeper *keeper = argument;
    struct mr_error error;
    int64_t actions = -1;
    mr_error_clear(&error);
    int status = mr_delta_checkpoint_write(keeper->path, keeper->version, &actions, &error);
    if (status < 0) /* the log is complete without it */
        mr_log(MR_LOG_WARN, "delta.checkpoint_failed", "%s: no checkpoint of version %lld: %s", keeper->path,
               (long long)keeper->version, error.message);
    pthread_mutex_lock(&keeper->lock);
    keeper->written = status == MR_OK ? actions : -1;
    keeper->running = false;
    keeper->finished = true;
    pthread_mutex_unlock(&keeper->lock);
    return NULL;
}

void mr_delta_keeper_poke(struct mr_delta_sink *s)
{
    struct mr_delta_keeper *keeper = &s->keeper;
    struct mr_delta_snapshot *snapshot = &s->table.snapshot;
    pthread_mutex_lock(&keeper->lock);
    bool running = keeper->running;
    if (keeper->finished) { /* or it failed: the next try after as many commits again */
        keeper->finished = false;
        snapshot->checkpoint_version = keeper->version;
        snapshot->tail_actions = 0;
        if (keeper->written >= 0)
            snapshot->checkpoint_actions = keeper->written;
    }
    pthread_mutex_unlock(&keeper->lock);
    if (running || !mr_delta_checkpoint_due(snapshot))
        return;
    if (keeper->started)
        pthread_join(keeper->thread, NULL);
    keeper->started = false;
    if (!keeper->path) {
        keeper->path = mr_allocate(strlen(mr_delta_path(&s->table)) + 1);
        if (!keeper->path)
            return;
        strcpy(keeper->path, mr_delta_path(&s->table));
    }
    keeper->version = snapshot->version;
    keeper->running = true;
    sigset_t all, before; /* signals are the loop thread's business */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    keeper->started = pthread_create(&keeper->thread, NULL, keeper_main, keeper) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!keeper->started)
        keeper->running = false;
}

void mr_delta_keeper_release(struct mr_delta_keeper *keeper)
{
    if (keeper->started)
        pthread_join(keeper->thread, NULL);
    mr_free(keeper->path);
    pthread_mutex_destroy(&keeper->lock);
    memset(keeper, 0, sizeof(*keeper));
}
