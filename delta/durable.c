/* delta/durable.c: which log entries this process knows to be on disk, per table: those it published, those
 * it synced.
 *
 * A pipeline's downstream query reads what its upstream published moments ago in the same process; without
 * this it would fsync every entry a second time. Kept as a few ranges per table; forgetting one costs an
 * fsync, nothing else. */
#include "delta/log.h"

#define RANGES 16

struct known {
    int64_t first[RANGES], last[RANGES];
    int count, next; /* next: the range to give up when all are taken */
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mr_map tables; /* root -> struct known; lives as long as the process */
static bool started;

static struct known *known_of(const char *root, bool create)
{
    if (!started) {
        mr_map_init(&tables);
        started = true;
    }
    struct mr_map_entry *entry =
        create ? mr_map_put(&tables, mr_str_of(root), NULL) : mr_map_get(&tables, mr_str_of(root));
    if (entry && !entry->pointer)
        entry->pointer = mr_allocate_zeroed(sizeof(struct known));
    return entry ? entry->pointer : NULL;
}

void mr_delta_durable_add(const char *root, int64_t version)
{
    pthread_mutex_lock(&lock);
    struct known *known = known_of(root, true);
    bool done = !known;
    for (int i = 0; !done && i < known->count; i++) {
        done = version >= known->first[i] && version <= known->last[i];
        if (!done && version == known->last[i] + 1) {
            known->last[i] = version;
            done = true;
        }
    }
    if (!done) {
        int slot = known->count < RANGES ? known->count++ : known->next++ % RANGES;
        known->first[slot] = known->last[slot] = version;
    }
    pthread_mutex_unlock(&lock);
}

bool mr_delta_durable(const char *root, int64_t version)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    const struct known *known = known_of(root, false);
    for (int i = 0; known && i < known->count; i++)
        found = found || (version >= known->first[i] && version <= known->last[i]);
    pthread_mutex_unlock(&lock);
    return found;
}
