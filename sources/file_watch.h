/* sources/file_watch.h: what the parts of the "files" source share.
 *
 * A file goes: found (listing, inotify) -> pending (heap, oldest first) -> planned (a micro-batch's number)
 * -> remembered in the decision. Remembered: MR_FAMILY_SOURCES, key = source index (2 bytes) 'f' path; value
 * = struct file_entry as written by file_seen.c. A file is known in memory by 16 bytes of hash. The offset is
 * {"logOffset":n}: all files of batches up to n. */
#ifndef MR_SOURCES_FILE_WATCH_H
#define MR_SOURCES_FILE_WATCH_H

#include <pthread.h>

#include "formats/format.h"
#include "sources/file_notify.h"
#include "sources/file_source.h"

enum file_clean { FILE_CLEAN_OFF, FILE_CLEAN_DELETE, FILE_CLEAN_MOVE };
enum file_evolution { FILE_EVOLVE_ADD, FILE_EVOLVE_RESCUE, FILE_EVOLVE_FAIL, FILE_EVOLVE_NONE };

struct file_options {
    const char *path, *format_name; /* format_name: NULL: by the path */
    const struct mr_format_type *format;
    struct mr_option *format_options; /* those of the format's table */
    int format_option_count;
    const char *schema_text, *schema_hints, *schema_location, *rescued_column, *partition_columns;
    bool infer_types, include_existing, recursive, allow_overwrites, ignore_missing, ignore_corrupt,
        spark_dialect, validate;
    bool case_sensitive;
    int64_t max_files, max_bytes;                 /* INT64_MAX: none */
    const char *name_filter;                      /* glob on the file's name, NULL: none */
    const char *modified_after, *modified_before; /* as given; NULL: not */
    int64_t modified_after_us, modified_before_us;
    enum file_clean clean;
    int64_t clean_retention_us;
    const char *clean_destination;
    enum file_evolution evolution;
    int64_t list_interval_us;
    int64_t split_bytes;
    int64_t sample_files, sample_bytes;
};

struct file_item { /* a file to be read, or a piece of it */
    char *path;    /* absolute; of the heap or plan that holds the item */
    int64_t size_bytes, modified_us;
    int64_t start; /* 0, or where an earlier decision stopped */
    bool whole;    /* known to be complete: closed after writing, moved in, or unchanged for one listing */
};
struct file_list {
    struct file_item *items;
    size_t count, capacity;
};
struct file_plan { /* one micro-batch */
    int64_t number;
    struct file_list files;
    bool marks;                 /* the files are only recorded as seen (includeExistingFiles false) … */
    bool last_marks;            /* … and these are the last */
    bool split;                 /* somebody reads it */
    int64_t cut_file, cut_byte; /* a file that ends at a split boundary: index and byte; -1 */
};
struct file_seen {       /* 24 bytes a file */
    uint64_t low, high;  /* hash of the path */
    int64_t modified_us; /* with allowOverwrites: of the version taken */
};
struct file_used { /* for cleanSource: taken, waiting for its retention */
    char *path;
    int64_t number, taken_us;
};

struct file_source {
    struct mr_source *source;
    struct file_options options;
    const char *root;      /* absolute; the longest part of the path without a glob */
    const char **patterns; /* components below root, '/'-joined; "" matches root itself */
    int pattern_count;
    const struct mr_type *data_schema;      /* what the format gives */
    const struct mr_type *partition_schema; /* columns from folders' names; may have no fields */
    struct mr_format format;
    bool format_open;
    pthread_mutex_t lock; /* plans, used_up, the format's opening, the schema's growth */
    struct mr_storage storage;
    struct mr_notify *notify;
    /* found */
    struct file_seen *seen;
    size_t seen_count, seen_capacity;
    struct file_list pending;  /* heap */
    struct file_list doubtful; /* perhaps still being written: looked at again with the next listing */
    struct file_list existing; /* to be recorded as seen without being read */
    bool marking;              /* `existing` has not been recorded completely */
    int64_t marking_us;        /* when that began, wall clock */
    struct file_used *used_up;
    size_t used_up_count, used_up_capacity;
    /* planned, not yet known to be published: ascending */
    struct file_plan *plans;
    size_t plan_count, plan_capacity;
    int64_t pending_bytes;
    int64_t next_listing_us; /* monotonic */
    int64_t published;       /* number of the last published batch, -1 */
    bool must_list, listed_once, first_start, unwatched, told_missing;
    int schema_version; /* of _schemas; -1: none */
};

/* file_options.c */
int mr_file_options_read(struct file_source *s, struct mr_error *error);
/* file_list.c: what is there */
int mr_file_root(struct file_source *s, struct mr_error *error);
/* Does the absolute path belong to the source, by name alone? */
bool mr_file_matches(const struct file_source *s, const char *path);
/* Calls each for every file that matches, not known to be seen when skip_seen, until it returns nonzero
 * (positive: enough); also sets watches. */
int mr_file_walk(struct file_source *s, bool skip_seen,
                 int (*each)(void *ctx, const char *path, const struct mr_file_info *info,
                             struct mr_error *error),
                 void *ctx, struct mr_error *error);
/* The path leads to nothing: no such file, a folder on the way that is none, links in a circle. */
bool mr_file_gone(int sys_errno);
bool mr_file_wanted_time(const struct file_source *s, int64_t modified_us);
/* file_seen.c: what is known */
/* What the checkpoint remembers; decided: number of the last decided batch, -1: none. */
int mr_file_seen_load(struct file_source *s, int64_t decided, struct mr_error *error);
void mr_file_marking_put(struct file_source *s, struct mr_decision *decision, bool done);
bool mr_file_seen_has(const struct file_source *s, const char *path, int64_t modified_us);
bool mr_file_seen_path(const struct file_source *s, const char *path);
int mr_file_seen_add(struct file_source *s, const char *path, int64_t modified_us, struct mr_error *error);
void mr_file_seen_forget(struct file_source *s);
void mr_file_seen_put(struct file_source *s, struct mr_decision *decision, const struct file_plan *plan,
                      size_t index, int64_t now_us);
/* file_pending.c: what waits */
int mr_file_pending_push(struct file_source *s, const char *path, const struct mr_file_info *info,
                         int64_t start, bool whole, struct mr_error *error);
bool mr_file_pending_pop(struct file_source *s, struct file_item *out); /* the oldest; path is the caller's */
void mr_file_list_release(struct file_list *list);
int mr_file_list_add(struct file_list *list, const struct file_item *item, struct mr_error *error);
/* file_plan.c: micro-batches */
int mr_file_find(struct file_source *s, struct mr_error *error); /* events and, when due, a listing */
int mr_file_latest(struct mr_source *source, struct mr_str from, struct mr_text *to, struct mr_error *error);
int mr_file_offset(struct mr_str text, int64_t *number, struct mr_error *error);
void mr_file_offset_write(struct mr_text *out, int64_t number);
struct file_plan *mr_file_plan_find(struct file_source *s, int64_t number);
void mr_file_plans_drop(struct file_source *s, int64_t upto); /* those with numbers <= upto */
/* file_read.c: splits and readers */
int mr_file_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                  struct mr_split_list *splits, struct mr_error *error);
int mr_file_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                const struct mr_split_list *splits, size_t taken, struct mr_text *out,
                struct mr_error *error);
int mr_file_reader_open(struct mr_source *source, const struct mr_split *split, struct mr_reader *reader,
                        struct mr_error *error);
int mr_file_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                 struct mr_error *error);
void mr_file_reader_close(struct mr_source *source, struct mr_reader *reader);
/* file_schema.c: columns */
int mr_file_schema_open(struct file_source *s, struct mr_error *error);
/* A file has fields the schema lacks: records the merged schema and fills error with
 * UNKNOWN_FIELD_EXCEPTION…, or with why it could not. */
int mr_file_schema_grow(struct file_source *s, const char *path, struct mr_error *error);
const struct mr_type *mr_file_metadata_type(struct mr_arena *arena); /* NULL without memory */
/* file_partition.c: columns from folders' names */
int mr_file_partition_schema(struct file_source *s, const struct mr_type *declared, struct mr_error *error);
/* One-row columns for a path, in order of partition_schema. */
int mr_file_partition_values(struct file_source *s, const char *path, struct mr_column **out,
                             struct mr_error *error);
/* file_clean.c */
int mr_file_used_add(struct file_source *s, const char *path, int64_t number, int64_t taken_us,
                     struct mr_error *error);
int mr_file_clean(struct file_source *s, int64_t published, struct mr_error *error);

static inline struct file_source *mr_file_source_of(struct mr_source *source)
{
    return source->ctx;
}

#endif
