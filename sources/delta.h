/* sources/delta.h: inside the Delta source.
 *
 * It gives the rows of a table's initial snapshot, file by file, then those that later versions added,
 * version by version. An offset is Spark's:
 * {"sourceVersion":1,"reservoirId":…,"reservoirVersion":V,"index":I,"isStartingVersion":B}: files of version
 * V up to number I are read; B: of the snapshot at V, sorted by time and path, else of the commit V in its
 * order. Ours may have one member more, "rowGroups": so many row groups of file I + 1 are read too. */
#ifndef MR_SOURCES_DELTA_H
#define MR_SOURCES_DELTA_H

#include "delta/delta.h"
#include "sources/file_notify.h"
#include "sources/source.h"

struct mr_delta_offset {
    bool present; /* false: the beginning */
    bool starting;
    int64_t version, index, row_groups;
};
struct mr_delta_item { /* a file that is known and not yet read */
    int64_t version, index;
    bool starting;
    bool last; /* of its version or snapshot */
    const struct mr_delta_file *file;
    struct mr_delta_entry *owned; /* its memory; NULL: the initial snapshot's */
};

struct mr_delta_source {
    struct mr_source *source;
    struct mr_delta_table table; /* protocol and metadata; loaded anew until the scan is made */
    bool exists;                 /* the table was there when last looked */
    struct mr_delta_scan *scan;
    struct mr_notify *notify;
    bool watched; /* the log is */
    /* Options. */
    int64_t max_files, max_bytes; /* 0: no limit */
    int64_t as_of;                /* read this version and no more; -1: not asked for */
    const char *starting_version; /* text; NULL: the initial snapshot */
    int64_t starting_at;          /* resolved from startingVersion or startingTimestamp; -1: not given */
    bool ignore_deletes, ignore_changes, skip_change_commits;
    /* Following. */
    bool started;                  /* the queue begins behind the offset last asked from */
    int64_t bound;                 /* newest version that counts (available now, as of); INT64_MAX: all */
    struct mr_delta_table initial; /* the snapshot that its items point into; unused: storage.type NULL */
    struct mr_arena initial_arena;
    int64_t empty_initial; /* version of an initial snapshot without files that was looked at; -1 */
    int64_t next_version;  /* to be scanned */
    int64_t gap_checked_us;
    struct mr_delta_item *items; /* ascending; items[head, count) are not yet behind the query */
    size_t head, count, capacity;
};

extern const struct mr_source_type mr_delta_source_type;
#define MR_DELTA_SOURCE_OWNER "The Delta source"
extern const struct mr_option_spec mr_delta_source_options[];

/* ---- delta_offset.c ---- */
/* DELTA_INVALID_SOURCE_OFFSET_FORMAT; DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE unless the offset is of
 * table_id. */
int mr_delta_offset_parse(struct mr_str text, struct mr_str table_id, struct mr_delta_offset *out,
                          struct mr_error *error);
void mr_delta_offset_print(struct mr_text *out, struct mr_str table_id, const struct mr_delta_offset *offset);
/* Is the item (its part from row group `row_groups` on, if it is the one in hand) behind the offset, so that
 * it is still to be read? */
bool mr_delta_offset_before(const struct mr_delta_offset *offset, const struct mr_delta_item *item);
/* The offset behind an item read to its end, or (groups > 0) behind its first groups. */
struct mr_delta_offset mr_delta_offset_behind(const struct mr_delta_item *item, int64_t groups);

/* ---- delta_follow.c ---- */
/* Options and the table as it is; sets exists. */
int mr_delta_source_look(struct mr_delta_source *s, struct mr_error *error);
/* Fills the queue behind `from` until it holds a micro-batch's worth or there is no more. *start: from, or
 * where the beginning is. */
int mr_delta_follow(struct mr_delta_source *s, const struct mr_delta_offset *from,
                    struct mr_delta_offset *start, struct mr_error *error);
void mr_delta_follow_release(struct mr_delta_source *s);

/* ---- delta_read.c ---- */
int mr_delta_source_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                          struct mr_split_list *splits, struct mr_error *error);
int mr_delta_source_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                        const struct mr_split_list *splits, size_t taken, struct mr_text *out,
                        struct mr_error *error);
int mr_delta_source_reader_open(struct mr_source *source, const struct mr_split *split,
                                struct mr_reader *reader, struct mr_error *error);
int mr_delta_source_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                         struct mr_error *error);
void mr_delta_source_reader_close(struct mr_source *source, struct mr_reader *reader);

#endif
