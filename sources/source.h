/* sources/source.h: the contract of a source.
 *
 * A source is replayable: the same offset range gives the same rows. Offsets are JSON text (they stand in
 * progress reports and in the decision's record). Verbs in the order of a query's life: open, restore,
 * (latest, split, read…, remember, [decision], published)…, close. To add a source is to add one file and one
 * line in sources/registry.c. */
#ifndef MR_SOURCES_SOURCE_H
#define MR_SOURCES_SOURCE_H

#include "checkpoints/checkpoint.h"
#include "columns/column.h"
#include "sinks/sink.h" /* struct mr_option */

struct mr_split {       /* a piece of the range that one task reads */
    int64_t size_bytes; /* rough; for balancing and admission */
    void *ctx;          /* the source's */
    int lane;           /* splits of one lane are read one after the other, in order; 0: none */
};
struct mr_split_list {
    struct mr_split *splits;
    size_t count, capacity;
    struct mr_arena *arena; /* of the micro-batch; splits' ctx live there */
};
struct mr_reader { /* one split being read by one worker */
    void *ctx;
};
struct mr_source_lag { /* of a stream of offsets: from where a micro-batch ends to the latest, per partition
                        */
    bool known;
    int64_t least, most;
    double average;
};
struct mr_source_metrics {                /* since the last call of latest */
    int64_t backlog_files, backlog_bytes; /* known and not yet taken; -1 unknown */
    struct mr_source_lag lag;
    struct mr_str latest; /* the latest offset there is, JSON, the source's; size 0: unknown */
};
struct mr_source;
struct mr_source_type {
    const char *name; /* "files", "delta", "memory", "rate", "kafka" */
    /* Checks options; infers the schema where none is given; no decision has been read yet. Sets
     * source->schema and metadata_schema. */
    int (*open)(struct mr_source *source, struct mr_error *error);
    /* from: offset of the last decision, size 0 for a new query. Loads what it remembered (MR_FAMILY_SOURCES
     * under its index). */
    int (*restore)(struct mr_source *source, struct mr_str from, struct mr_error *error);
    /* Plans one micro-batch after `from` (size 0: the beginning), admission limits applied: to = `from` when
     * there is nothing new. With available_now only what was there when the run began counts. Rows may not be
     * visible before they are durable at their origin (invariant 7). */
    int (*latest)(struct mr_source *source, struct mr_str from, struct mr_text *to, struct mr_error *error);
    int (*split)(struct mr_source *source, struct mr_str from, struct mr_str to, struct mr_split_list *splits,
                 struct mr_error *error);
    /* Readers: several at once, one thread each. read: up to MR_BATCH_ROWS rows into a zeroed batch, which
     * the reader fills and the caller releases; MR_END (and no batch) at the end. */
    int (*reader_open)(struct mr_source *source, const struct mr_split *split, struct mr_reader *reader,
                       struct mr_error *error);
    int (*read)(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                struct mr_error *error);
    void (*reader_close)(struct mr_source *source, struct mr_reader *reader);
    /* May be NULL. The offset behind the first `taken` of the splits (with lanes: behind those that were
     * read) that `split` made of (from, to]: the runtime ends a micro-batch early at a split boundary when
     * its state has grown to its limit (invariant 2). */
    int (*cut)(struct mr_source *source, struct mr_str from, struct mr_str to,
               const struct mr_split_list *splits, size_t taken, struct mr_text *out, struct mr_error *error);
    /* Puts what must be remembered about (from, to] into the decision. */
    int (*remember)(struct mr_source *source, struct mr_str from, struct mr_str to,
                    struct mr_decision *decision, struct mr_error *error);
    /* Everything up to `upto` is published: clean up, report lag (invariant 13). */
    int (*published)(struct mr_source *source, struct mr_str upto, struct mr_error *error);
    /* Blocks until there may be something new, until the deadline (mr_env()->monotonic_us; INT64_MAX: none)
     * or until wake is called; spurious returns are fine. A wake that comes before the wait is not lost: the
     * next wait returns at once. No other call but wake is made meanwhile. wait NULL: nothing new ever comes
     * by itself. */
    void (*wait)(struct mr_source *source, int64_t deadline_us);
    void (*wake)(struct mr_source *source); /* from any thread */
    /* What reading the whole source would give now, as text that is another one when the rows may be: a
     * table's version, names, sizes and times of files. For inputs of a stream that are read again and again
     * (the static side of a join): cheap, and on a source that is opened and not read itself. NULL: it may
     * have changed whenever it is looked at (of a source that has no wait: never). */
    int (*snapshot)(struct mr_source *source, struct mr_text *out, struct mr_error *error);
    void (*describe)(struct mr_source *source,
                     struct mr_text *out); /* for progress: "FileStreamSource[file:/…]" */
    void (*close)(struct mr_source *source);
};
struct mr_source {
    const struct mr_source_type *type;
    int index; /* position in the query */
    const char *name;
    const struct mr_option *options;
    int option_count;
    const char *base_directory;            /* relative paths are relative to it (the project's folder) */
    const char *schema_directory;          /* where an inferred schema is kept, fsynced before use; NULL:
                                              schemaLocation option or none */
    bool schema_read_only;                 /* a schema kept there is used, and none is written */
    const struct mr_type *declared_schema; /* NULL: infer or take the source's own */
    const struct mr_zone *zone;            /* session time zone, for data without one */
    /* Set by open: the columns it gives, hidden ones (_metadata) last. */
    const struct mr_type *schema;
    int hidden_columns;
    /* Columns that anybody uses, one per schema field; NULL: all. Others may be given as all-NULL. Set by the
     * runtime after open. */
    const bool *used;
    /* Splits are best no larger, as a micro-batch ends early only between them. 0: as the source likes. Set
     * by the runtime after open. */
    size_t split_bytes;
    bool batch;                       /* read as a table, not as a stream; set before open */
    bool available_now;               /* take what is there at the start, then stop */
    struct mr_checkpoint *checkpoint; /* set before restore */
    struct mr_source_metrics metrics;
    struct mr_arena arena; /* life of the source */
    void *ctx;
};
const struct mr_source_type *mr_source_type_find(struct mr_str name);

#endif
