/* delta/delta.h: Delta Lake tables: the log, snapshots, commits, statistics, data files. Knows nothing of
 * streaming.
 *
 * A table is a directory with Parquet files and a log, `_delta_log/<20-digit version>.json`, one JSON action
 * per line. The state at version v is the newest checkpoint at or before v with the commits after it applied
 * in order. The one operation a commit rests on is storage's put_if_absent of the next version's file.
 *
 * Lifetimes: strings of an action or file are views; who owns them is said at each struct. A table object is
 * used by one thread at a time (its owner locks); separate objects on one table may be used by separate
 * threads and processes. */
#ifndef MR_DELTA_DELTA_H
#define MR_DELTA_DELTA_H

#include "base/json.h"
#include "columns/value.h"
#include "formats/parquet/parquet.h"
#include "storage/storage.h"

#define MR_DELTA_ENGINE "Millrace/0.1.0" /* commitInfo.engineInfo */
#define MR_DELTA_LOG "_delta_log"

/* ---- actions: the lines of a commit, the rows of a checkpoint ---- */
struct mr_delta_pair {
    struct mr_str key, value;
    bool is_null; /* JSON null; value is empty then */
};
struct mr_delta_pairs {
    struct mr_delta_pair *items;
    int count;
};
struct mr_delta_vector {   /* where a file's deletion vector is */
    char storage;          /* 'u' file named by a UUID, 'i' inline, 'p' absolute path; 0: the file has none */
    struct mr_str content; /* pathOrInlineDv */
    int32_t offset;        /* in the file; -1: absent */
    int32_t size_bytes;
    int64_t cardinality;
};
struct mr_delta_file {  /* add and remove */
    struct mr_str path; /* as in the log: a URI, usually relative, percent-encoded */
    struct mr_delta_pairs
        partition_values; /* values as text; empty text counts as NULL, as the protocol says */
    struct mr_delta_pairs tags;
    int64_t size_bytes;  /* -1: not recorded (removes of old writers) */
    int64_t modified_ms; /* add */
    int64_t deleted_ms;  /* remove: deletionTimestamp; -1: absent, counts as expired */
    bool data_change;
    struct mr_str stats; /* JSON; size 0: none, or not kept */
    struct mr_delta_vector vector;
    int64_t base_row_id, row_commit_version; /* -1: absent */
};
struct mr_delta_protocol {
    int min_reader, min_writer;
    bool has_reader_features, has_writer_features; /* the lists exist (perhaps empty) */
    struct mr_str *reader_features, *writer_features;
    int reader_feature_count, writer_feature_count;
};
struct mr_delta_metadata {
    struct mr_str id, name, description, schema_json;
    struct mr_str *partition_columns;
    int partition_column_count;
    struct mr_delta_pairs configuration;
    int64_t created_ms; /* -1: absent */
};
struct mr_delta_txn {
    struct mr_str app_id;
    int64_t version;
    int64_t updated_ms; /* -1: absent */
};
struct mr_delta_domain {
    struct mr_str name, configuration;
    bool removed;
};
enum mr_delta_action_kind {
    MR_DELTA_NONE, /* an action this version does not know, or that no state is made of (cdc,
                      checkpointMetadata) */
    MR_DELTA_ADD,
    MR_DELTA_REMOVE,
    MR_DELTA_METADATA,
    MR_DELTA_PROTOCOL,
    MR_DELTA_TXN,
    MR_DELTA_COMMIT_INFO,
    MR_DELTA_DOMAIN,
    MR_DELTA_SIDECAR,
};
struct mr_delta_action {
    enum mr_delta_action_kind kind;
    union {
        struct mr_delta_file file; /* ADD, REMOVE */
        struct mr_delta_metadata metadata;
        struct mr_delta_protocol protocol;
        struct mr_delta_txn txn;
        struct mr_delta_domain domain;
        struct mr_str sidecar;      /* its path below _delta_log/_sidecars, or absolute */
        const struct mr_json *info; /* COMMIT_INFO: the object */
    };
};
/* One line. What it points to lives in the arena and in line. CORRUPT: not an action, or one without what it
 * must have. */
int mr_delta_action_parse(struct mr_arena *arena, struct mr_str line, struct mr_delta_action *out,
                          struct mr_error *error);
/* Calls each for every line of a commit file; name and number of the line are put into its error. files:
 * false passes adds and removes as MR_DELTA_NONE, unparsed but for their ends. A file without any action is
 * CORRUPT (an interrupted foreign writer leaves such files, and taking one for a commit would lose its rows
 * silently). The arena is cleared before every line: copy what must stay. */
int mr_delta_commit_parse(struct mr_arena *arena, const char *name, struct mr_str text, bool files,
                          int (*each)(void *ctx, const struct mr_delta_action *action,
                                      struct mr_error *error),
                          void *ctx, struct mr_error *error);
/* Appends the action as one line, newline included. */
void mr_delta_add_print(struct mr_text *out, const struct mr_delta_file *file);
void mr_delta_remove_print(struct mr_text *out, const struct mr_delta_file *file, int64_t deleted_ms,
                           bool data_change);
void mr_delta_metadata_print(struct mr_text *out, const struct mr_delta_metadata *metadata);
void mr_delta_protocol_print(struct mr_text *out, const struct mr_delta_protocol *protocol);
void mr_delta_txn_print(struct mr_text *out, struct mr_str app_id, int64_t version, int64_t updated_ms);
void mr_delta_domain_print(struct mr_text *out, const struct mr_delta_domain *domain);
/* Deep copies into the arena. MR_E_MEMORY */
int mr_delta_metadata_copy(struct mr_arena *arena, const struct mr_delta_metadata *from,
                           struct mr_delta_metadata *to, struct mr_error *error);
int mr_delta_protocol_copy(struct mr_arena *arena, const struct mr_delta_protocol *from,
                           struct mr_delta_protocol *to, struct mr_error *error);
/* Looks a configuration up by key; size 0 and data NULL when absent. */
struct mr_str mr_delta_property(const struct mr_delta_metadata *metadata, const char *key);
bool mr_delta_property_is(const struct mr_delta_metadata *metadata, const char *key, bool fallback);

/* ---- protocol: table features by name ---- */
/* May this version of ours read / append to a table of that protocol and metadata? table names it in the
 * message. Errors: DELTA_UNSUPPORTED_FEATURES_FOR_READ / _FOR_WRITE (parameter unsupported: the names),
 * DELTA_INVALID_PROTOCOL_VERSION. */
int mr_delta_check_readable(const char *table, const struct mr_delta_protocol *protocol,
                            struct mr_error *error);
int mr_delta_check_writable(const char *table, const struct mr_delta_protocol *protocol,
                            const struct mr_delta_metadata *metadata, struct mr_error *error);
bool mr_delta_has_feature(const struct mr_delta_protocol *protocol, const char *name);
/* The lowest protocol that a new table of that schema and those properties needs: 1/2, or 3/7 with the
 * features. Arena owns the lists. */
int mr_delta_protocol_for(struct mr_arena *arena, const struct mr_type *schema,
                          const struct mr_delta_pairs *properties, struct mr_delta_protocol *out,
                          struct mr_error *error);

/* ---- a set of files by identity (path and deletion vector) ---- */
struct mr_delta_entry { /* one block of memory, freed with its set */
    struct mr_delta_file file;
    uint64_t hash;
    struct mr_str key;
    uint64_t order; /* ascending in the order of insertion */
};
struct mr_delta_set {
    struct mr_delta_entry **slots;  /* open addressing */
    size_t slot_count, count, used; /* used: live and deleted slots */
    uint64_t next_order;
    int64_t size_bytes; /* sum of the files' sizes */
};
void mr_delta_set_init(struct mr_delta_set *set);
void mr_delta_set_release(struct mr_delta_set *set);
/* Copies the file in, replacing one of equal identity. with_stats: keep stats and tags too. */
int mr_delta_set_put(struct mr_delta_set *set, const struct mr_delta_file *file, bool with_stats,
                     struct mr_error *error);
/* true when it was there. */
int mr_delta_set_remove(struct mr_delta_set *set, const struct mr_delta_file *file, bool *found,
                        struct mr_error *error);
/* A copy of a file in one block of memory (mr_free); key and hash are not set. NULL without memory. */
struct mr_delta_entry *mr_delta_entry_copy(const struct mr_delta_file *file, bool with_stats);
const struct mr_delta_entry *mr_delta_set_get(const struct mr_delta_set *set,
                                              const struct mr_delta_file *file);
/* Iterate: for (size_t i = 0; (e = mr_delta_set_next(set, &i));) — in no useful order. */
const struct mr_delta_entry *mr_delta_set_next(const struct mr_delta_set *set, size_t *at);
/* All entries ascending by modification time, then path, then identity: an order that any reader of the
 * version finds again. */
int mr_delta_set_sorted(const struct mr_delta_set *set, struct mr_arena *arena,
                        const struct mr_delta_entry ***out, size_t *count, struct mr_error *error);

/* ---- snapshot ---- */
enum mr_delta_keep { /* what a snapshot holds beyond protocol, metadata and txns; the less, the faster it
                        opens */
                     MR_DELTA_KEEP_FILES = 1,
                     MR_DELTA_KEEP_STATS = 2,      /* with FILES: their stats and tags */
                     MR_DELTA_KEEP_TOMBSTONES = 4, /* removes that have not expired */
};
struct mr_delta_snapshot {
    int64_t version; /* -1: there is no table */
    uint32_t keep;
    struct mr_arena protocol_arena, metadata_arena, arena; /* txns and domains: arena */
    struct mr_delta_protocol protocol;
    struct mr_delta_metadata metadata;
    const struct mr_type *schema; /* logical; of metadata.schema_json; NULL before there is metadata */
    uint64_t schema_hash;         /* of schema_json and partition columns: equal means unchanged */
    struct mr_delta_set files, tombstones;
    struct mr_map txns; /* app id -> struct mr_delta_txn, in arena */
    struct mr_map
        domains; /* name -> struct mr_delta_domain, in arena; removed ones stay with removed = true */
    bool has_protocol, has_metadata;
    /* How the log stands, for whoever decides to write a checkpoint. */
    int64_t checkpoint_version; /* the newest known; -1: none */
    int64_t checkpoint_actions; /* rows in it */
    int64_t tail_actions;       /* actions in the commits after it */
    int64_t first_commit;       /* lowest commit file that was seen by a listing; -1: not listed */
};
void mr_delta_snapshot_init(struct mr_delta_snapshot *snapshot, uint32_t keep);
void mr_delta_snapshot_release(struct mr_delta_snapshot *snapshot);
/* Applies one action of the next version. */
int mr_delta_snapshot_apply(struct mr_delta_snapshot *snapshot, const struct mr_delta_action *action,
                            struct mr_error *error);
/* The txn of an application, or NULL. */
const struct mr_delta_txn *mr_delta_snapshot_txn(const struct mr_delta_snapshot *snapshot,
                                                 struct mr_str app_id);
/* Position of a partition column among metadata's, -1: none. Names compare without regard to case. */
int mr_delta_partition_index(const struct mr_delta_metadata *metadata, struct mr_str column);

/* ---- table ---- */
struct mr_delta_table {
    struct mr_storage storage;
    struct mr_delta_snapshot snapshot; /* of the last load or refresh */
    int64_t listed_us;                 /* monotonic time of the last listing of the log */
    bool loaded;                       /* false: snapshot means nothing; load before use */
};
/* Reads nothing yet. path: directory or URI. */
int mr_delta_open(struct mr_delta_table *table, const char *path, uint32_t keep, struct mr_error *error);
void mr_delta_close(struct mr_delta_table *table); /* zeroed is fine */
const char *mr_delta_path(const struct mr_delta_table *table);
/* The state at `version` (-1: the newest). MR_END: there is no table here (no log, or an empty one);
 * snapshot.version is -1. A hint that is wrong or damaged costs time only; a damaged checkpoint is passed
 * over when older ones and commits suffice. Does not check features. */
int mr_delta_load(struct mr_delta_table *table, int64_t version, struct mr_error *error);
/* Brings the snapshot to the newest version reading new commits only (loads when not loaded). MR_END as
 * above. */
int mr_delta_refresh(struct mr_delta_table *table, struct mr_error *error);
/* The text of one commit, appended. MR_END: no such version now. */
int mr_delta_read_commit(struct mr_delta_table *table, int64_t version, struct mr_text *out,
                         struct mr_error *error);
/* Does the commit file exist? 1, 0, or an error. Cheap. */
int mr_delta_has_commit(struct mr_delta_table *table, int64_t version, struct mr_error *error);
/* Lowest commit file, and highest version of a commit or checkpoint there is (-1 without any). */
int mr_delta_commit_range(struct mr_delta_table *table, int64_t *first, int64_t *last,
                          struct mr_error *error);
/* Is there a commit or checkpoint of a version above this one? 1, 0, or an error. */
int mr_delta_any_after(struct mr_delta_table *table, int64_t version, struct mr_error *error);
/* Newest version whose commit file was last modified at or before then. MR_END: none is. */
int mr_delta_version_at(struct mr_delta_table *table, int64_t time_us, int64_t *version,
                        struct mr_error *error);
/* Makes a commit that somebody else wrote durable (file and directory), unless this process published or
 * synced it before: invariant 7. */
int mr_delta_sync_commit(struct mr_delta_table *table, int64_t version, struct mr_error *error);
/* Name of a commit file, relative to the root. */
void mr_delta_commit_name(int64_t version, char out[64]);

/* ---- commit ---- */
struct mr_delta_commit_info {    /* what commitInfo says */
    const char *operation;       /* "STREAMING UPDATE", "CREATE TABLE", … */
    struct mr_str parameters;    /* operationParameters: a JSON object; size 0: {} */
    struct mr_str metrics;       /* operationMetrics: a JSON object; size 0: {} */
    struct mr_str user_metadata; /* size 0: none */
    bool blind_append;
};
/* Asked before every attempt, with the snapshot the commit will follow (version -1: no table yet): appends
 * the actions of the next version (all lines but commitInfo's), or says MR_END: nothing is left to do. A
 * negative code ends the commit; this is where the caller finds conflicts: register, identity, schema, files
 * it removes. It may set info fields that depend on the snapshot. */
typedef int (*mr_delta_build)(void *ctx, const struct mr_delta_snapshot *snapshot,
                              struct mr_delta_commit_info *info, struct mr_text *actions,
                              struct mr_error *error);
/* Repeats build and put_if_absent until it lands; other writers' commits are read in between. Checks the
 * protocol before writing. MR_OK: *version holds the commit, durable; the snapshot stands there. MR_END:
 * build had nothing to do. CONFLICT|RETRIABLE after too many attempts. AMBIGUOUS: it may be there; the
 * snapshot is dropped, so that asking again reads everything anew. */
int mr_delta_commit(struct mr_delta_table *table, const struct mr_delta_commit_info *info,
                    mr_delta_build build, void *ctx, int64_t *version, struct mr_error *error);
/* "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" from the environment's dice. */
void mr_delta_uuid(char out[37]);

/* ---- log checkpoints ---- */
/* Is one due: log tail longer than max(10 commits or delta.checkpointInterval, 10 % of the last checkpoint)?
 */
bool mr_delta_checkpoint_due(const struct mr_delta_snapshot *snapshot);
/* Writes the classic checkpoint of that version and _last_checkpoint. Opens the table for itself, so it may
 * run beside commits. Memory: the tail's actions and the checkpoint's compressed bytes, not the table's.
 * *actions: how many it holds. MR_END: nothing done, since somebody wrote one or the table's settings leave
 * it to other writers. */
int mr_delta_checkpoint_write(const char *path, int64_t version, int64_t *actions, struct mr_error *error);

/* ---- partition values and paths ---- */
/* Text of a partition value as Delta stores it (timestamps as ISO 8601 in UTC). false: NULL (also for an
 * empty string). */
bool mr_delta_partition_text(struct mr_text *out, const struct mr_column *column, int64_t row);
/* The value of a text; row is set in out (NULL for a null or empty text). zone: of time stamps without one,
 * as old writers left them. DELTA_FAILED_CAST_PARTITION_VALUE */
int mr_delta_partition_parse(const struct mr_delta_pair *value, const char *name, const struct mr_zone *zone,
                             struct mr_column *out, int64_t row, struct mr_error *error);
/* Appends "name=value/" with Hive's escapes; is_null: __HIVE_DEFAULT_PARTITION__. */
void mr_delta_partition_path(struct mr_text *out, struct mr_str name, struct mr_str value, bool is_null);
void mr_delta_path_encode(struct mr_text *out, struct mr_str path); /* file path -> what stands in add.path */
void mr_delta_path_decode(struct mr_text *out, struct mr_str path); /* and back; not for URIs with a scheme */
/* Opens what a path in the log names: relative to the table, absolute, or a file: URI. */
int mr_delta_input(struct mr_delta_table *table, struct mr_str path, struct mr_input **out,
                   struct mr_error *error);

/* ---- schema ---- */
/* Is what was written with `written` (a STRUCT of columns by name) valid in a table of that schema: every
 * column there with an equal type, and no NOT NULL column of the table missing? DELTA_METADATA_MISMATCH,
 * DELTA_FAILED_TO_MERGE_FIELDS, DELTA_MISSING_NOT_NULL_COLUMN_VALUE. */
int mr_delta_schema_check(const char *table, const struct mr_type *schema, const struct mr_type *written,
                          struct mr_error *error);
/* schema with the columns it lacks appended from `written` (nested structs too), new ones nullable. *changed:
 * whether there were any. */
int mr_delta_schema_merge(struct mr_arena *arena, const struct mr_type *schema, const struct mr_type *written,
                          const struct mr_type **out, bool *changed, struct mr_error *error);
/* Names that a table without column mapping may have, no duplicates, types that Delta has, partition columns
 * that exist and may be some. table: for messages. *column, *partition (may be NULL): the column and the
 * partition column that is at fault, -1: none alone. */
int mr_delta_schema_validate(const char *table, const struct mr_type *schema,
                             const struct mr_str *partition_columns, int partition_column_count, int *column,
                             int *partition, struct mr_error *error);

/* ---- statistics of a written file ---- */
/* Appends add.stats: numRecords, minValues, maxValues, nullCount of the first `leaves_indexed` leaf columns
 * (-1: all). */
void mr_delta_stats(struct mr_text *out, const struct mr_type *schema, int64_t rows,
                    const struct mr_leaf_statistics *leaves, int count, int leaves_indexed);
/* Of a stats text: numRecords, -1 unknown. */
int64_t mr_delta_stats_rows(struct mr_str stats);

/* Bounds of a column in a stats text, or of a field of one (path[1], else NULL), as the integer its type is
 * kept as: integers, DATE, TIMESTAMP; never narrower than the file. false: the text does not tell. */
bool mr_delta_stats_bounds(struct mr_arena *arena, struct mr_str stats, const char *const path[2],
                           const struct mr_type *type, int64_t *minimum, int64_t *maximum);

/* ---- reading data files ---- */
struct mr_delta_scan; /* how to read the files of one schema: shared by threads, immutable */
/* schema: logical columns wanted (a subset of the table's in any order; those it lacks read as NULL);
 * metadata: how the table maps names and what it is partitioned by. schema and metadata must outlive the
 * scan. used: one per column, false: give it as all NULL; NULL: all. zone: the session's; NULL: UTC. */
int mr_delta_scan_new(struct mr_delta_scan **out, const struct mr_type *schema,
                      const struct mr_delta_metadata *metadata, const struct mr_type *table_schema,
                      const bool *used, const struct mr_zone *zone, struct mr_error *error);
void mr_delta_scan_free(struct mr_delta_scan *scan);
struct mr_delta_reader; /* one file or part of it, one thread */
/* Rows of row groups [first, first+count); count -1: all from first. Deleted rows are left out. The file's
 * struct must outlive the reader. */
int mr_delta_reader_open(struct mr_delta_reader **out, struct mr_delta_table *table,
                         const struct mr_delta_scan *scan, const struct mr_delta_file *file,
                         int first_row_group, int row_group_count, struct mr_error *error);
/* Up to MR_BATCH_ROWS rows; batch->schema is the scan's. MR_END at the end. */
int mr_delta_reader_next(struct mr_delta_reader *reader, struct mr_batch *batch, struct mr_error *error);
void mr_delta_reader_close(struct mr_delta_reader *reader); /* NULL allowed */
/* Bytes of row groups are about equal: how many are in the file? For splitting a large one. */
int mr_delta_row_groups(struct mr_delta_table *table, const struct mr_delta_file *file, int *count,
                        struct mr_error *error);

/* ---- deletion vectors ---- */
struct mr_delta_deleted { /* sorted 64-bit row numbers as 32-bit arrays would cost; kept as a sorted list of
                             runs */
    uint64_t *starts, *ends; /* rows [starts[i], ends[i]) are deleted */
    size_t count, capacity;
    uint64_t rows; /* sum of the runs */
};
int mr_delta_deleted_load(struct mr_delta_table *table, const struct mr_delta_vector *vector,
                          struct mr_delta_deleted *out, struct mr_error *error);
int mr_delta_deleted_parse(const uint8_t *data, size_t size, const char *name, struct mr_delta_deleted *out,
                           struct mr_error *error);
void mr_delta_deleted_release(struct mr_delta_deleted *deleted);

#endif
