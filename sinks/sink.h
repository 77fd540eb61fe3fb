/* sinks/sink.h: the contract of a sink.
 *
 * Verbs in the order of a query's life: open, enrol, (begin, write…, prepare, [decision], publish)…, clean,
 * close. A sink writes data nobody refers to yet, hands back a manifest, and makes the manifest visible by
 * compare-and-swap on its target's register (invariants 3-5, 11, 12). To add a sink is to add one file and
 * one line in sinks/registry.c. */
#ifndef MR_SINKS_SINK_H
#define MR_SINKS_SINK_H

#include "base/option.h"
#include "checkpoints/checkpoint.h"
#include "columns/column.h"
#include "columns/value.h"

enum mr_output_mode { MR_MODE_APPEND, MR_MODE_UPDATE, MR_MODE_COMPLETE };

enum mr_publish_result {
    MR_PUBLISHED = 0, /* done, or found done */
    /* negative codes: flags tell. RETRIABLE: again later. AMBIGUOUS: look at the register first. Otherwise
       refused: the query stops (invariant 12) */
};
struct mr_row_key { /* output mode update: a row replaces the one before it with an equal key (NULL is equal
                       to NULL) */
    const int *columns; /* of the rows; none of them: there is only one row */
    int count;
    const char *missing; /* a grouping column the rows lack, so that they have no key; else NULL */
};
struct mr_sink_metrics { /* of the decision in hand; read after prepare */
    int64_t rows, bytes, files;
};
enum mr_sink_flag {
    /* The target remembers nothing (a terminal): enrol and published are not called, invariant 3 is not
     * checked, and what was decided and not known to be published is published again after a crash: at least
     * once. */
    MR_SINK_NO_REGISTER = 1,
    /* A publication leaves nothing behind that readers have to go through (a table's log): there may be as
     * many a second as come. */
    MR_SINK_ANY_PACE = 4,
    /* One flow fills the target: a full refresh of one would empty what another wrote. */
    MR_SINK_ONE_FLOW = 8,
    /* In mode UPDATE rows replace each other by their row key: a query that groups must put its groups out.
     */
    MR_SINK_BY_KEY = 2,
    /* A target that is away for minutes comes back: a continuous query waits for it. */
    MR_SINK_WAITS = 8,
};
struct mr_sink;
struct mr_sink_type {
    const char *name; /* "delta", "console", "memory", … */
    uint32_t modes;   /* bit per mr_output_mode it can take */
    uint32_t flags;   /* enum mr_sink_flag */
    /* A sentence on what to do when the register is absent and should not be; NULL: nothing special. */
    const char *absent_help;
    /* Checks options and schema against the target as it is. Creates nothing. */
    int (*open)(struct mr_sink *sink, struct mr_error *error);
    /* The target's register exists from here on: creates the target when missing. *out: what it holds now.
     * Called once per start, before the first decision. */
    int (*enrol)(struct mr_sink *sink, struct mr_register *out, struct mr_error *error);
    /* Start of one micro-batch. In COMPLETE mode what earlier micro-batches of the same decision wrote is
     * replaced. */
    int (*begin)(struct mr_sink *sink, int64_t batch, struct mr_error *error);
    /* May be called by several workers at once. The batch stays the caller's. */
    int (*write)(struct mr_sink *sink, int worker, const struct mr_batch *batch, struct mr_error *error);
    /* MR_BLOCKED: what this decision needs (a change of the schema) may only be prepared when nothing is
     * decided and unpublished; it is called again when that is so. Ends the decision's output: files closed
     * and fsynced, their directories too. Appends the manifest (never empty when anything was written or the
     * mode demands a commit; an empty manifest means there is nothing to publish). predecessor: register
     * value the target will have when its turn comes. */
    int (*prepare)(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                   const struct mr_register *predecessor, struct mr_text *manifest, struct mr_error *error);
    /* One attempt. Called by one thread, in order of batches. Needs nothing but the manifest, so it serves
     * recovery too. */
    int (*publish)(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error);
    int (*published)(struct mr_sink *sink, struct mr_register *out,
                     struct mr_error *error); /* reads the target's register */
    /* Removes files of undecided batches: those that `published` proves dead (invariant 4). */
    int (*clean)(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error);
    /* May be NULL: registers that expire are said again. Called by the thread that publishes while it has
     * nothing to publish, first after the first publication or at once; *next_us: when to call again
     * (mr_env()->monotonic_us). A retriable error is tried again. */
    int (*renew)(struct mr_sink *sink, int64_t *next_us, struct mr_error *error);
    /* Drops what the decision in hand wrote, after an error: memory only, files stay for clean. */
    void (*abandon)(struct mr_sink *sink);
    void (*describe)(struct mr_sink *sink, struct mr_text *out); /* for progress: "DeltaSink[file:/…]" */
    void (*close)(struct mr_sink *sink);
};
struct mr_sink {
    const struct mr_sink_type *type;
    const char *name;             /* unique in the query; the sink's id is <query id>/<name> */
    const struct mr_type *schema; /* of the batches it gets */
    const struct mr_option *options;
    int option_count;
    enum mr_output_mode mode;
    const struct mr_zone *zone;       /* session time zone, for showing values */
    struct mr_checkpoint *checkpoint; /* NULL: a batch query; a large outbox lies beside it */
    const struct mr_query_id *query_id;
    uint64_t attempt;
    int workers;
    /* First publication after a full refresh empties the table (invariant 14). */
    bool truncate_first;
    const struct mr_row_key *row_key; /* UPDATE mode; NULL: rows have none and are only ever added */
    struct mr_sink_metrics metrics;
    bool opened; /* the runtime's: open succeeded, so that close is due */
    void *ctx;
};
const struct mr_sink_type *mr_sink_type_find(struct mr_str name);
/* The same, where an option chooses between two kinds (kafka: delivery). */
const struct mr_sink_type *mr_sink_type_for(struct mr_str name, const struct mr_option *options, int count);

#endif
