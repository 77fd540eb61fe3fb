/* delta/log.h: inside delta/: what lies in _delta_log, and reading checkpoints. */
#ifndef MR_DELTA_LOG_H
#define MR_DELTA_LOG_H

#include "delta/delta.h"

struct mr_delta_checkpoint_name {
    int64_t version;
    int part, parts;     /* classic: 1 of 1, or one of several */
    bool is_v2, is_json; /* named by a UUID */
    const char *path;    /* relative to the root */
    int64_t size_bytes;
};
struct mr_delta_listing { /* everything in the arena given */
    struct mr_arena *arena;
    int64_t *commits; /* versions, ascending */
    int64_t *commit_times_us;
    size_t commit_count, commit_capacity;
    struct mr_delta_checkpoint_name *checkpoints; /* ascending by version, then name */
    size_t checkpoint_count, checkpoint_capacity;
    bool failed; /* out of memory */
};
/* Files of versions >= from (0: all). Commits before the first checkpoint are listed too. */
int mr_delta_list(struct mr_storage *storage, int64_t from, struct mr_arena *arena,
                  struct mr_delta_listing *out, struct mr_error *error);
/* Version of _last_checkpoint, -1 when there is none that can be read. Never an error: it is a hint. */
int64_t mr_delta_hint(struct mr_storage *storage);
/* The files of the newest complete checkpoint at or before `at_most`, in listing->checkpoints[*first, *first
 * + *count); false: none. */
bool mr_delta_newest_checkpoint(const struct mr_delta_listing *listing, int64_t at_most, size_t *first,
                                size_t *count);

typedef int (*mr_delta_each)(void *ctx, const struct mr_delta_action *action, struct mr_error *error);
struct mr_delta_checkpoint_reading {
    struct mr_storage *storage;
    uint32_t keep;   /* enum mr_delta_keep: which rows and members to read */
    bool files_only; /* leave protocol, metadata, txns and domains out */
    mr_delta_each each;
    void *ctx;
    int64_t rows;          /* out: rows of all parts */
    bool lacks_stats_json; /* out: statistics are there in struct form only */
};
/* Reads one checkpoint, given by its names (parts), sidecars included. An action is valid during the call
 * only. */
int mr_delta_checkpoint_read(struct mr_delta_checkpoint_reading *reading,
                             const struct mr_delta_checkpoint_name *names, size_t count,
                             struct mr_error *error);

/* Applies the commits (snapshot->version, to] from the storage. */
int mr_delta_replay(struct mr_storage *storage, struct mr_delta_snapshot *snapshot, int64_t to,
                    struct mr_error *error);
/* Applies one commit's text as version snapshot->version + 1. */
int mr_delta_replay_text(struct mr_delta_snapshot *snapshot, const char *name, struct mr_str text,
                         struct mr_error *error);
/* Loads the newest state at or before version (-1: newest) into an initialised snapshot. MR_END: no table. */
int mr_delta_snapshot_load(struct mr_storage *storage, struct mr_delta_snapshot *snapshot, int64_t version,
                           struct mr_error *error);

/* What this process knows to be durable in its logs (published or synced by itself). */
void mr_delta_durable_add(const char *root, int64_t version);
bool mr_delta_durable(const char *root, int64_t version);

#endif
