/* checkpoints/checkpoint.h: what a query must remember, kept in RocksDB; the one place where a batch is
 * decided.
 *
 * A checkpoint belongs to one query. It holds: the query id, the record of the last decided batch (offsets,
 * watermarks, …), the manifests that are decided and perhaps not yet published, keyed state, and what sources
 * remember. All changes of one decision go in by ONE synced write (invariants 2, 9); there is no other way to
 * write. Only this room includes RocksDB. Options: reference of DESIGN's commit protocol; recovery: open ->
 * last -> unpublished. */
#ifndef MR_CHECKPOINTS_CHECKPOINT_H
#define MR_CHECKPOINTS_CHECKPOINT_H

#include "base/env.h"

struct mr_checkpoint;
struct mr_decision;

enum mr_family {                    /* key spaces */
                 MR_FAMILY_META,    /* of this room */
                 MR_FAMILY_STATE,   /* operators' keyed state; the first two bytes of a key are the state id,
                                       big-endian */
                 MR_FAMILY_SOURCES, /* what sources remember; a key begins with the source's index (two bytes,
                                       big-endian) */
                 MR_FAMILY_COUNT
};
struct mr_checkpoint_options {
    const char *path;    /* directory, made when missing (its parents too, fsynced) */
    size_t memory_bytes; /* block cache and write buffers together; 0: 64 MiB */
    int retain_every;    /* keep a RocksDB checkpoint every so many batches; 0: none */
    int retain_count;    /* how many of them */
    bool force;          /* open on a network file system all the same */
    bool read_only;      /* for inspection: takes no lock beyond RocksDB's read-only open */
};
struct mr_query_id {
    uint8_t bytes[16]; /* random, drawn when the checkpoint was created */
    char text[37];     /* as a UUID */
};

/* Locks (invariant 8: CHECKPOINT_LOCKED when held by another process), refuses a folder of Spark's
 * (offsets/), a newer format and network file systems, opens RocksDB (which flushes what it recovered), draws
 * the query id when new. */
int mr_checkpoint_open(struct mr_checkpoint **out, const struct mr_checkpoint_options *options,
                       struct mr_error *error);
void mr_checkpoint_close(struct mr_checkpoint *checkpoint);
const struct mr_query_id *mr_checkpoint_query_id(const struct mr_checkpoint *checkpoint);
uint64_t mr_checkpoint_attempt(const struct mr_checkpoint *checkpoint); /* 64 random bits per open */
const char *mr_checkpoint_path(const struct mr_checkpoint *checkpoint);
bool mr_checkpoint_is_new(const struct mr_checkpoint *checkpoint); /* nothing decided yet */

/* ---- the last decision ---- */
struct mr_decided {       /* texts belong to the arena given */
    int64_t batch;        /* number of the last micro-batch it covers; -1: none yet */
    uint64_t decision_id; /* 63 random bits; never 0 */
    struct mr_str record; /* runtime's JSON: offsets, watermarks, fingerprints, ... */
};
int mr_checkpoint_last(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_decided *out,
                       struct mr_error *error);
/* Decided, and not known to be published: ascending by batch, per sink. */
struct mr_pending {
    int64_t batch;
    uint64_t decision_id;
    struct mr_str sink; /* name of the sink in the query */
    struct mr_str manifest;
};
int mr_checkpoint_pending(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_pending **out,
                          size_t *count, struct mr_error *error);
/* The manifest of this sink and batch is visible in its target: it need not be kept. Written lazily (not
 * synced): recovery reads the register again. */
int mr_checkpoint_published(struct mr_checkpoint *checkpoint, struct mr_str sink, int64_t batch,
                            struct mr_error *error);
/* Keeps a manifest aside in one synced write and forgets that it is pending (invariant 12). */
int mr_checkpoint_set_aside(struct mr_checkpoint *checkpoint, struct mr_str sink, int64_t batch,
                            struct mr_error *error);
/* The register each sink had when it was last published or enrolled, as the checkpoint remembers it:
 * predecessor of the next manifest. */
struct mr_register {
    bool present;
    int64_t batch;        /* -1: enrolled, nothing published yet */
    uint64_t decision_id; /* of that batch; when enrolled: of the enrolment */
};

/* ---- one decision ---- */
/* decision_id is drawn here. One at a time per checkpoint. */
int mr_decision_begin(struct mr_checkpoint *checkpoint, int64_t batch, struct mr_decision **out,
                      struct mr_error *error);
uint64_t mr_decision_id(const struct mr_decision *decision);
/* Keys in ascending order are much cheaper. Bytes are copied. Out of memory is remembered and reported by
 * decide. */
void mr_decision_put(struct mr_decision *decision, enum mr_family family, struct mr_str key,
                     struct mr_str value);
void mr_decision_delete(struct mr_decision *decision, enum mr_family family, struct mr_str key);
void mr_decision_delete_range(struct mr_decision *decision, enum mr_family family, struct mr_str begin,
                              struct mr_str end); /* nothing unless begin < end */
void mr_decision_manifest(struct mr_decision *decision, struct mr_str sink, struct mr_str manifest);
size_t mr_decision_bytes(const struct mr_decision *decision);
/* THE COMMIT POINT: one synced WriteBatch. On error the decision is AMBIGUOUS and FATAL: close the
 * checkpoint, open it again, look at last. Frees decision. */
int mr_decision_commit(struct mr_decision *decision, struct mr_str record, struct mr_error *error);
void mr_decision_abandon(struct mr_decision *decision);

/* ---- reading state (sees every committed decision; thread-safe) ---- */
/* values[i].data is NULL when absent; bytes in the arena. */
int mr_checkpoint_get_many(struct mr_checkpoint *checkpoint, enum mr_family family, const struct mr_str *keys,
                           size_t count, struct mr_arena *arena, struct mr_str *values,
                           struct mr_error *error);
/* Calls each for keys in [begin, end) ascending until it returns nonzero (a negative value is an error it has
 * put into error). Slices are valid during the call only. end.size 0: to the end of the family. */
int mr_checkpoint_scan(struct mr_checkpoint *checkpoint, enum mr_family family, struct mr_str begin,
                       struct mr_str end,
                       int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                       void *ctx, struct mr_error *error);
/* An iterator over [begin, end), for operators that emit by seeking. One thread. */
struct mr_state_cursor;
int mr_state_cursor_open(struct mr_checkpoint *checkpoint, enum mr_family family, struct mr_str begin,
                         struct mr_str end, struct mr_state_cursor **out, struct mr_error *error);
bool mr_state_cursor_next(struct mr_state_cursor *cursor, struct mr_str *key,
                          struct mr_str *value); /* slices until next call */
int mr_state_cursor_close(struct mr_state_cursor *cursor,
                          struct mr_error *error); /* the iteration's error, if any */

/* ---- retained checkpoints (hard links), for replay and inspection ---- */
int mr_checkpoint_retain(struct mr_checkpoint *checkpoint, int64_t batch, struct mr_error *error);

#endif
