/* checkpoints/checkpoint.h: what a query must remember, kept in RocksDB; the one place where a batch is
 * decided.
 *
 * A checkpoint belongs to one query. It holds: the query id, the record of the last decided batch (offsets,
 * watermarks, …), the manifests that are decided and perhaps not yet published, keyed state, and what sources
 * remember. All changes of one decision go in by ONE synced write (invariants 2, 9); there is no other way to
 * write. Only this room includes RocksDB. On disk, see README.md. Recovery: open -> last -> pending. */
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
    size_t memory_bytes; /* filters, indexes and write buffers together; 0: 64 MiB */
    int retain_every;    /* keep a RocksDB checkpoint every so many batches; 0: none */
    int retain_count;    /* how many of them; 0: 2 */
    bool force;          /* open on a network file system all the same */
    bool read_only;      /* for inspection, also while a query runs: takes no lock, writes nothing */
    int64_t retained;    /* with read_only: the copy retained of this batch instead; 0: none of them */
    bool refresh;        /* full refresh: forget everything, draw a new query id (invariant 14) */
};
struct mr_query_id {
    uint8_t bytes[16]; /* random, drawn when the checkpoint was created */
    char text[37];     /* as a UUID */
};

/* Locks (invariant 8: CHECKPOINT_LOCKED when held by another process, or by this one), refuses a folder of
 * Spark's (offsets/), a retained checkpoint, a newer format and network file systems, opens RocksDB (which
 * flushes what it recovered), draws the query id when new. */
int mr_checkpoint_open(struct mr_checkpoint **out, const struct mr_checkpoint_options *options,
                       struct mr_error *error);
void mr_checkpoint_close(struct mr_checkpoint *checkpoint); /* NULL is fine; no decision may be open */
const struct mr_query_id *mr_checkpoint_query_id(const struct mr_checkpoint *checkpoint);
uint64_t mr_checkpoint_attempt(const struct mr_checkpoint *checkpoint); /* 64 random bits per open */
const char *mr_checkpoint_path(const struct mr_checkpoint *checkpoint);
bool mr_checkpoint_is_new(const struct mr_checkpoint *checkpoint); /* nothing decided yet */
/* A full refresh was asked for, now or before a crash, and nothing has been decided since: the next manifests
 * empty their targets. */
bool mr_checkpoint_refreshing(const struct mr_checkpoint *checkpoint);

/* ---- the last decision ---- */
struct mr_decided {       /* texts belong to the arena given */
    int64_t batch;        /* number of the last micro-batch it covers; -1: none yet */
    uint64_t decision_id; /* 63 random bits; never 0 once something is decided */
    struct mr_str record; /* runtime's JSON: offsets, watermarks, fingerprints, … */
};
int mr_checkpoint_last(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_decided *out,
                       struct mr_error *error);

/* ---- sinks: registers and manifests ---- */
struct mr_register { /* what a sink's target holds (invariant 3) */
    bool present;
    int64_t batch;        /* -1: enrolled, nothing published yet */
    uint64_t decision_id; /* of that batch; when enrolled: of the enrolment */
};
/* What this sink's register will hold once all that is decided is published: the predecessor of its next
 * manifest. Not present: the checkpoint does not know the sink yet. Not at the same time as a commit. */
void mr_checkpoint_register(const struct mr_checkpoint *checkpoint, struct mr_str sink,
                            struct mr_register *out);

struct mr_pending { /* decided, and not known to be published */
    int64_t batch;
    uint64_t decision_id;
    struct mr_str sink; /* its name in the query */
    struct mr_register predecessor;
    struct mr_str manifest;
};
/* Ascending by batch within a sink. Texts belong to the arena. */
int mr_checkpoint_pending(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_pending **out,
                          size_t *count, struct mr_error *error);
/* The same for what was set aside: kept for the user, never published. */
int mr_checkpoint_aside(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_pending **out,
                        size_t *count, struct mr_error *error);
/* The manifest of this sink and batch is visible in its target: it need not be kept. Written lazily (not
 * synced): recovery reads the register again. From any thread. */
int mr_checkpoint_published(struct mr_checkpoint *checkpoint, struct mr_str sink, int64_t batch,
                            struct mr_error *error);
/* Keeps aside, in one synced write, the manifest of this sink and batch and those pending behind it at the
 * same sink (each names its predecessor, so none could be published without it), and expects the register
 * that the first of them named (invariant 12). MR_E_USAGE when it is not pending. */
int mr_checkpoint_set_aside(struct mr_checkpoint *checkpoint, struct mr_str sink, int64_t batch,
                            struct mr_error *error);

/* ---- one decision ---- */
/* decision_id is drawn here. One at a time per checkpoint. */
int mr_decision_begin(struct mr_checkpoint *checkpoint, int64_t batch, struct mr_decision **out,
                      struct mr_error *error);
uint64_t mr_decision_id(const struct mr_decision *decision);
/* Keys in ascending order are much cheaper. Bytes are copied. Out of memory is remembered and reported by
 * commit. */
void mr_decision_put(struct mr_decision *decision, enum mr_family family, struct mr_str key,
                     struct mr_str value);
void mr_decision_delete(struct mr_decision *decision, enum mr_family family, struct mr_str key);
/* Nothing unless begin < end. */
void mr_decision_delete_range(struct mr_decision *decision, enum mr_family family, struct mr_str begin,
                              struct mr_str end);
/* Keyed state whose values are {version byte, int64 expiry_us little-endian, …}: entries of this state with
 * expiry <= expired_us are logically absent from this decision on, and may be dropped for good by compaction
 * after it is durable. The operator itself must treat them as absent: reads may still return them. Holds for
 * all keys of the state id: an entry that never expires has expiry INT64_MAX; values shorter than 9 bytes are
 * kept. Thresholds only rise; per decision and state id the highest counts. */
void mr_decision_expire(struct mr_decision *decision, uint16_t state_id, int64_t expired_us);
/* The sink becomes known with this register: once, before its first manifest. */
void mr_decision_enrol(struct mr_decision *decision, struct mr_str sink, const struct mr_register *enrolled);
/* At most one per sink and decision; its predecessor is what mr_checkpoint_register says. */
void mr_decision_manifest(struct mr_decision *decision, struct mr_str sink, struct mr_str manifest);
size_t mr_decision_bytes(const struct mr_decision *decision);
/* THE COMMIT POINT: one synced WriteBatch. On error nothing is known: FATAL, and AMBIGUOUS unless it never
 * reached RocksDB; the checkpoint takes no more writes: close it, open it again, look at last. Frees the
 * decision. */
int mr_decision_commit(struct mr_decision *decision, struct mr_str record, struct mr_error *error);
void mr_decision_abandon(struct mr_decision *decision); /* NULL is fine */

/* ---- reading state (sees every committed decision; thread-safe) ---- */
/* values[i].data is NULL when absent; bytes in the arena. Sorted keys are cheaper. */
int mr_checkpoint_get_many(struct mr_checkpoint *checkpoint, enum mr_family family, const struct mr_str *keys,
                           size_t count, struct mr_arena *arena, struct mr_str *values,
                           struct mr_error *error);
/* Calls each for keys in [begin, end) ascending until it returns nonzero, and returns that (a negative value
 * is an error it has put into error). Slices are valid during the call only. end.size 0: to the end of the
 * family. */
int mr_checkpoint_scan(struct mr_checkpoint *checkpoint, enum mr_family family, struct mr_str begin,
                       struct mr_str end,
                       int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                       void *ctx, struct mr_error *error);
/* An iterator over [begin, end), for operators that emit by seeking. One thread. */
struct mr_state_cursor;
int mr_state_cursor_open(struct mr_checkpoint *checkpoint, enum mr_family family, struct mr_str begin,
                         struct mr_str end, struct mr_state_cursor **out, struct mr_error *error);
/* Slices are valid until the next call. false: the end, or an error that close tells. */
bool mr_state_cursor_next(struct mr_state_cursor *cursor, struct mr_str *key, struct mr_str *value);
/* The next key is the first at or behind this one; the end stays. */
void mr_state_cursor_seek(struct mr_state_cursor *cursor, struct mr_str key);
int mr_state_cursor_close(struct mr_state_cursor *cursor, struct mr_error *error);

/* Merges all files now, which drops for good what is deleted or expired (also done bit by bit in the
 * background). Reads it all: minutes when there is much. Not while a decision is being committed. */
int mr_checkpoint_compact(struct mr_checkpoint *checkpoint, struct mr_error *error);

/* ---- retained checkpoints (hard links), for replay and inspection ---- */
/* Keeps one now when `batch` has passed the next multiple of retain_every; removes those beyond retain_count.
 */
int mr_checkpoint_retain(struct mr_checkpoint *checkpoint, int64_t batch, struct mr_error *error);
/* Batches of those that are retained, ascending; in the arena. */
int mr_checkpoint_retained(struct mr_checkpoint *checkpoint, struct mr_arena *arena, int64_t **batches,
                           int *count, struct mr_error *error);
/* Batch of the oldest that is retained; -1: none. */
int mr_checkpoint_oldest_retained(struct mr_checkpoint *checkpoint, int64_t *out, struct mr_error *error);

#endif
