/* base/env.h: one clock, one disk, one dice.
 *
 * Our own code reaches files, time, randomness and threads only through this table, so that tests can fail,
 * delay, rewind and journal them. Nothing else of ours calls open, fsync, rename, time or rand. (RocksDB and
 * librdkafka go their own way; faults that must include them are injected by a preloaded library.) */
#ifndef MR_BASE_ENV_H
#define MR_BASE_ENV_H

#include <pthread.h>

#include "base/memory.h"

struct mr_file_info {
    int64_t size_bytes;
    int64_t modified_us; /* modification time, microseconds since 1970 UTC */
    uint64_t device, inode;
    bool is_directory, is_regular;
};

enum mr_open_flag {
    MR_OPEN_READ = 1,
    MR_OPEN_WRITE = 2,
    MR_OPEN_CREATE = 4,
    MR_OPEN_EXCLUSIVE = 8, /* with CREATE: fail when it exists (errno EEXIST) */
    MR_OPEN_TRUNCATE = 16,
    MR_OPEN_APPEND = 32,
};

struct mr_env {
    /* Files. Results as the system call's: >= 0 or -1 with errno; EINTR is retried inside. */
    int (*open)(const char *path, int flags);
    int (*close)(int file);
    int64_t (*read)(int file, void *out, size_t size);
    int64_t (*pread)(int file, void *out, size_t size, int64_t offset);
    int64_t (*write)(int file, const void *data, size_t size);
    int (*fsync)(int file); /* data and metadata; never retried after an error (invariant 9) */
    int (*fsync_directory)(const char *path);
    int (*rename)(const char *from, const char *to);
    int (*link)(const char *from, const char *to); /* put-if-absent: errno EEXIST when `to` exists */
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path);
    int (*rmdir)(const char *path);
    int (*stat)(const char *path, struct mr_file_info *out);
    /* Calls each(name) for every entry but . and ..; stops when it returns nonzero, and returns that. */
    int (*list)(const char *path, int (*each)(void *ctx, const char *name, bool is_directory), void *ctx);
    /* Time and dice. */
    int64_t (*now_us)(void);       /* wall clock, microseconds since 1970 UTC; may jump */
    int64_t (*monotonic_us)(void); /* for durations and timers; never jumps */
    void (*sleep_us)(int64_t duration_us);
    uint64_t (*random)(void); /* 64 random bits */
};

/* The table in force, the system's unless a test put another. Never NULL. */
const struct mr_env *mr_env(void);
void mr_env_replace(const struct mr_env *env); /* NULL: the system's again */
const struct mr_env *mr_env_system(void);

/* ---- the usual compositions; errors name the path ---- */
int mr_file_read_all(const char *path, struct mr_text *out, struct mr_error *error);
int mr_file_write_all(int file, const char *path, const void *data, size_t size, struct mr_error *error);
/* Writes a temporary file beside path, fsyncs it, renames it over path, fsyncs the directory. */
int mr_file_replace(const char *path, const void *data, size_t size, struct mr_error *error);
/* mkdir -p; fsyncs the parent of every directory it made, and once per process that of the deepest one it
 * found, whose maker may have died (invariant 7). */
int mr_directory_create(const char *path, struct mr_error *error);
int mr_directory_fsync(const char *path, struct mr_error *error);
int mr_directory_remove(const char *path, struct mr_error *error); /* recursive; absent is fine */
bool mr_file_exists(const char *path);
/* "a/b", in the arena; "." and doubled slashes are removed; an absolute name stands alone. */
char *mr_path_join(struct mr_arena *arena, const char *directory, const char *name);
const char *mr_path_name(const char *path); /* the last component */
/* All before the last component; "." where there is nothing. */
char *mr_path_directory(struct mr_arena *arena, const char *path);
/* "file:///a%20b", "file:/a" -> "/a b"; anything else unchanged; NULL for another scheme. */
char *mr_path_from_uri(struct mr_arena *arena, struct mr_str uri);

/* ---- kill points: MILLRACE_KILLPOINT=name[:count] ends the process with SIGKILL there, the count-th time;
 * with MILLRACE_KILLPOINT_STOPS set it is only stopped (SIGSTOP) ---- */
void mr_killpoint(const char *name);

/* ---- threads: a bounded pool of workers ---- */
struct mr_pool;
int mr_pool_start(struct mr_pool **out, int workers, struct mr_error *error);
/* Runs run(ctx, worker) on every worker at once, worker = 0 .. n-1, and waits for all; returns the first
 * error. The calling thread is worker 0, so a pool of one starts no thread. Callers on several threads take
 * turns; run must not call it for the same pool again. */
int mr_pool_run(struct mr_pool *pool, int (*run)(void *ctx, int worker, struct mr_error *error), void *ctx,
                struct mr_error *error);
int mr_pool_workers(const struct mr_pool *pool);
void mr_pool_stop(struct mr_pool *pool);

/* ---- log: one JSON line per event on stderr, {"time":…,"level":…,"event":…,"message":…} ---- */
enum mr_log_level { MR_LOG_DEBUG, MR_LOG_INFO, MR_LOG_WARN, MR_LOG_ERROR };
void mr_log_level_set(enum mr_log_level lowest);
/* format gives the message; event is a short stable word with dots, e.g. "checkpoint.recovered" */
void mr_log(enum mr_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
