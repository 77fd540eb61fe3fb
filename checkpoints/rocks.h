/* checkpoints/rocks.h: what the files of this room share; nobody else includes it. */
#ifndef MR_CHECKPOINTS_ROCKS_H
#define MR_CHECKPOINTS_ROCKS_H

#include <rocksdb/c.h>

#include "checkpoints/checkpoint.h"

/* Every value begins with a letter that says what it is, and the version of its form. */
#define MR_ROCKS_VERSION 1
#define MR_ROCKS_HEADER 2
enum mr_rocks_kind {
    MR_ROCKS_QUERY = 'Q',    /* query id: 16 bytes */
    MR_ROCKS_LAST = 'L',     /* batch (8), decision id (8), the record */
    MR_ROCKS_REGISTER = 'R', /* batch (8), decision id (8) */
    MR_ROCKS_EXPIRED = 'X',  /* expiry threshold of a state id (8) */
    MR_ROCKS_PENDING = 'P',  /* decision id (8), predecessor's batch (8) and decision id (8), the manifest */
    MR_ROCKS_STATE = 'S',    /* an operator's value */
    MR_ROCKS_SOURCE = 'O',   /* a source's value */
};
/* Keys of MR_FAMILY_META. Behind the prefixes: the sink's name; for pending and aside a NUL and the batch
 * (8). */
#define MR_ROCKS_KEY_QUERY "query"
#define MR_ROCKS_KEY_LAST "last"
#define MR_ROCKS_KEY_REGISTER "register/"
#define MR_ROCKS_KEY_PENDING "pending/"
#define MR_ROCKS_KEY_ASIDE "aside/"
#define MR_ROCKS_KEY_EXPIRED "expired/" /* behind it: the state id (2) */
#define MR_EXPIRED_KEY_BYTES (sizeof MR_ROCKS_KEY_EXPIRED - 1 + 2)

struct mr_known_sink { /* of the list of registers the checkpoint expects */
    struct mr_known_sink *next;
    struct mr_register expected;
    size_t name_size;
    char name[];
};
struct mr_expiry { /* a durable threshold; what compaction may drop (expiry.c) */
    struct mr_expiry *next;
    uint16_t state_id;
    _Atomic int64_t expired_us;
};
struct mr_checkpoint {
    char *path;
    char *database; /* path/rocksdb */
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[MR_FAMILY_COUNT];
    rocksdb_writeoptions_t *synced, *lazy;
    rocksdb_readoptions_t *reading, *passing; /* passing: leaves nothing in the cache */
    size_t cache_bytes; /* our share of the process's cache of filters and indexes; 0: whole ones, no cache */
    uint64_t written_bytes; /* by decisions of this process */
    atomic_uint chunks;     /* of keys read */
    int lock_file;          /* -1: not held */
    bool read_only, refreshing;
    struct mr_query_id query_id;
    uint64_t attempt;
    int64_t last_batch;
    int retain_every, retain_count;
    int64_t last_retained; /* batch; -1: none */
    struct mr_known_sink *sinks;
    struct mr_expiry *_Atomic expiries;
    rocksdb_compactionfilter_t *filter; /* of the family of state; outlives the database */
    struct mr_decision *open;           /* the decision in hand */
    atomic_bool failed; /* a write's outcome is unknown: nothing more is written (invariant 9) */
};

/* Takes over RocksDB's message (freed); what: "Cannot read the checkpoint /x". */
int mr_rocks_error(struct mr_error *error, char *message, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* options.c: opens the database under `database` with the options the commit protocol needs. */
int mr_rocks_open(struct mr_checkpoint *checkpoint, const struct mr_checkpoint_options *options,
                  struct mr_error *error);
void mr_rocks_close(struct mr_checkpoint *checkpoint);
/* torn.c: a database that cannot be opened: takes an end of its MANIFEST away that a power cut has torn. */
int mr_rocks_cut_torn_manifest(const struct mr_checkpoint *checkpoint, bool *cut, struct mr_error *error);
/* Everything written so far into tables. After a failure the checkpoint takes no more writes. */
int mr_rocks_flush(struct mr_checkpoint *checkpoint, struct mr_error *error);
/* lock.c: the directory itself: what may be opened, and by whom. */
int mr_rocks_lock(struct mr_checkpoint *checkpoint, const struct mr_checkpoint_options *options,
                  struct mr_error *error);
int mr_rocks_refresh(struct mr_checkpoint *checkpoint, bool asked, struct mr_error *error);
int mr_rocks_refresh_check(struct mr_checkpoint *checkpoint, struct mr_error *error);
/* Checks the header and cuts it off; where: for the message. */
int mr_rocks_unwrap(const struct mr_checkpoint *checkpoint, enum mr_rocks_kind kind, struct mr_str *value,
                    struct mr_error *error);
/* One key of META; value->data NULL when absent. The header is checked and cut off; bytes in the arena. */
int mr_rocks_get(struct mr_checkpoint *checkpoint, const char *key, enum mr_rocks_kind kind,
                 struct mr_arena *arena, struct mr_str *value, struct mr_error *error);
/* MR_OK, or why this checkpoint takes no writes. */
int mr_rocks_writable(const struct mr_checkpoint *checkpoint, struct mr_error *error);
/* Writes the batch; after an error the checkpoint takes no more writes. */
int mr_rocks_write(struct mr_checkpoint *checkpoint, rocksdb_writebatch_t *batch, bool sync,
                   struct mr_error *error);
/* This thread's RocksDB stops counting comparisons and the like for reports nobody reads: a fifth of what a
 * key costs. */
static inline void mr_rocks_count_nothing(void)
{
    rocksdb_set_perf_level(rocksdb_disable);
}
/* Calls each for all keys of META that begin with prefix, which is cut off. */
int mr_rocks_scan_meta(struct mr_checkpoint *checkpoint, const char *prefix,
                       int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                       void *ctx, struct mr_error *error);
/* checkpoint.c: identity, last batch, sinks and thresholds of an opened database. */
int mr_rocks_load(struct mr_checkpoint *checkpoint, struct mr_error *error);
/* Draws a query id and puts it into the batch. */
void mr_rocks_put_query_id(struct mr_checkpoint *checkpoint, rocksdb_writebatch_t *batch);
void mr_known_sinks_release(struct mr_checkpoint *checkpoint);
/* expiry.c */
void mr_expired_filter(struct mr_checkpoint *checkpoint, rocksdb_options_t *state_options);
int mr_expired_load(struct mr_checkpoint *checkpoint, struct mr_error *error);
/* Durable threshold of a state id; INT64_MIN: none. */
int64_t mr_expired_until(const struct mr_checkpoint *checkpoint, uint16_t state_id);
/* What is durable from now on; never lowered. Fails only when the state id is new. */
int mr_expired_raise(struct mr_checkpoint *checkpoint, uint16_t state_id, int64_t expired_us,
                     struct mr_error *error);
void mr_expired_key(char out[MR_EXPIRED_KEY_BYTES], uint16_t state_id);
void mr_expired_release(struct mr_checkpoint *checkpoint); /* after the database is closed */
/* manifests.c: in memory. */
int mr_known_sink_set(struct mr_checkpoint *checkpoint, struct mr_str sink,
                      const struct mr_register *expected, struct mr_error *error);
int mr_known_sinks_load(struct mr_checkpoint *checkpoint, struct mr_error *error);
/* "pending/" sink NUL batch */
void mr_manifest_key(struct mr_text *out, const char *prefix, struct mr_str sink, int64_t batch);
void mr_register_encode(char out[16], const struct mr_register *value);

static inline void mr_put_u64(char *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (char)(value >> (56 - 8 * i));
}
static inline uint64_t mr_get_u64(const char *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (uint8_t)from[i];
    return value;
}
static inline enum mr_rocks_kind mr_rocks_kind_of(enum mr_family family)
{
    return family == MR_FAMILY_STATE ? MR_ROCKS_STATE : MR_ROCKS_SOURCE;
}

#endif
