/* operators/operator.h: the contract of an operator, and the nodes of a job.
 *
 * A job is a DAG of nodes between N sources and M sinks, made once by the planner and never changed: struct
 * mr_node with a read-only config. While it runs each node has instances (struct mr_operator): stateless
 * nodes one per worker, nodes behind an exchange one per partition. Batches are pushed; an operator emits to
 * its consumers. Runtime calls of one micro-batch, per instance: begin, push…, finish; per decision: flush,
 * then decided. */
#ifndef MR_OPERATORS_OPERATOR_H
#define MR_OPERATORS_OPERATOR_H

#include "checkpoints/checkpoint.h"
#include "columns/column.h"
#include "expressions/aggregate.h"
#include "expressions/expression.h"
#include "sinks/sink.h"

#define MR_KEY_GROUPS                                                                                        \
    1024 /* keyed state is routed by hash to one of these; a partition owns a range of them */
#define MR_NO_WATERMARK INT64_MIN
#define MR_DIRTY_ENOUGH ((int64_t)1 << 50)

struct mr_node;
struct mr_operator;

struct mr_event_time { /* of one micro-batch, as progress reports it; microseconds */
    int64_t count, min_us, max_us;
    double sum_us; /* for the average */
};
struct mr_operator_metrics { /* of the micro-batch; for stateful operators numRows… of Spark's progress */
    int64_t rows_in, rows_out;
    int64_t rows_total; /* live keys in state now (this instance) */
    int64_t rows_updated, rows_removed, rows_dropped_by_watermark;
    int64_t state_bytes;             /* memory held by this instance */
    int64_t passed[16], failed[16];  /* expectations, by index (expect operator) */
    struct mr_event_time event_time; /* watermark operator */
};

enum mr_operator_flag {
    MR_OP_STATEFUL = 1,
    MR_OP_KEYED = 2,    /* input must be exchanged by mr_node.exchange_keys; one instance per partition */
    MR_OP_SINGLE = 4,   /* one instance for all (global sort, limit) */
    MR_OP_TERMINAL = 8, /* emits nothing: a sink */
};
struct mr_operator_type {
    const char *name; /* as in Spark's progress for stateful ones: "stateStoreSave", "dedupe", … */
    uint32_t flags;
    int (*open)(struct mr_operator *op, struct mr_error *error);
    int (*begin)(struct mr_operator *op, struct mr_error *error); /* NULL allowed */
    /* input: which of node->inputs it comes from. The batch stays the caller's (share its columns, do not
     * change them). */
    int (*push)(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error);
    /* KEYED: this input has no more rows in this micro-batch, the others may have. NULL: nobody cares;
     * otherwise sources are read the smallest first. */
    int (*input_ended)(struct mr_operator *op, int input, struct mr_error *error);
    int (*finish)(struct mr_operator *op,
                  struct mr_error *error); /* no more input in this micro-batch; NULL allowed */
    /* Stateful: hand dirty entries, sorted by key, to the decision. Several micro-batches may lie between two
     * flushes. */
    int (*flush)(struct mr_operator *op, struct mr_decision *decision, struct mr_error *error);
    void (*decided)(struct mr_operator *op); /* what was flushed is durable: entries may be forgotten */
    int64_t (*dirty_bytes)(struct mr_operator *op); /* MR_DIRTY_ENOUGH: decide, whatever the limit is */
    /* Bytes that a decision would write now and one a little later would not: rows that wait for the other
     * side of a join and expire soon, groups that the next micro-batch evicts. Decisions grow with it, so
     * that they need not write it each time. NULL: none. */
    int64_t (*passing_bytes)(struct mr_operator *op);
    /* Watermark that leaves this operator when `input_us` enters it (SPARK-42376): NULL means the same. */
    int64_t (*output_watermark)(const struct mr_node *node, int64_t input_us);
    /* True when a batch without data would emit or evict something at this watermark (no-data batches). NULL:
     * never. */
    bool (*wants_batch)(const struct mr_node *node, int64_t old_watermark_us, int64_t new_watermark_us);
    /* When, by the clock, a batch without data would do something (timers); INT64_MAX: not that is known.
     * NULL: never. */
    int64_t (*due_us)(struct mr_operator *op);
    /* Text for the plan fingerprint kept with its state; what may not change on restart (1.11). NULL: none.
     */
    void (*fingerprint)(const struct mr_node *node, struct mr_text *out);
    /* What state holds, for people (`millrace state`). state_type: the rows' type, in the arena, a STRUCT
     * whose fields are `key` and `value` (NULL: no memory). show_state emits the rows of an instance that has
     * been opened for all key groups; its checkpoint may be read-only; late_us: what was evicted. Both NULL:
     * not shown. Operators with two inputs keep rows of each: side is
     * which. */
    const struct mr_type *(*state_type)(const struct mr_node *node, int side, struct mr_arena *arena);
    int (*show_state)(struct mr_operator *op, int side, const struct mr_type *type, struct mr_error *error);
    void (*close)(struct mr_operator *op);
};
struct mr_node {
    /* Unique in the job. Stateful nodes: 0, 1, … in the order they were added, whatever stands between them,
     * so that a filter more or less does not change where state is found: keys of state begin with it. */
    int id;
    const struct mr_operator_type *type; /* NULL: a source node */
    const void *config;
    const struct mr_node *const *inputs;
    int input_count;
    const struct mr_type *output; /* schema of what it emits */
    /* KEYED: per input, the columns that make the key. */
    const int *const *exchange_keys;
    const int *exchange_key_counts;
    const struct mr_row_key *row_key; /* output mode update: what names a row of its output; NULL: nothing */
    int source;                       /* index of the job's source when type is NULL, else -1 */
    int sink;                         /* index of the job's sink for the sink operator, else -1 */
};
struct mr_operator {
    const struct mr_operator_type *type;
    const struct mr_node *node;
    int partition, partitions; /* KEYED: this instance's; owns key groups [partition*1024/partitions,
                                  (partition+1)*1024/partitions) */
    int worker;                /* stateless: which worker's instance; otherwise the worker running it now */
    const struct mr_session *session;
    struct mr_checkpoint *checkpoint; /* NULL in batch runs: state stays in memory */
    enum mr_output_mode mode;
    size_t memory_limit_bytes; /* share for caches of this instance */
    struct mr_sink *sink;      /* the sink operator's; else NULL */
    /* Per micro-batch, set before begin: */
    int64_t batch;
    int64_t late_us;       /* rows at or before are late (watermark of the previous batch) */
    int64_t evict_us;      /* emit and drop what ends at or before (watermark of this batch) */
    int64_t next_evict_us; /* set after it: what evict_us will be in the next micro-batch, come what may */
    bool last_batch_of_decision;
    /* Where emitted batches go; set by the runtime. Returns MR_OK or an error; the batch stays the emitter's.
     */
    int (*emit)(struct mr_operator *op, const struct mr_batch *batch, struct mr_error *error);
    void *emit_ctx;
    struct mr_operator_metrics
        metrics; /* reset by the runtime at begin, but for rows_total and state_bytes */
    void *ctx;
};
/* Key group of a row's hash (mr_column_hash over the key columns, in order). */
static inline int mr_key_group(uint64_t hash)
{
    return (int)(hash >> 54);
}
static inline int mr_key_group_partition(int key_group, int partitions)
{
    return (int)((int64_t)key_group * partitions / MR_KEY_GROUPS);
}

/* ---- configs of the kinds of operator; the planner fills them in an arena ---- */
struct mr_filter_config {
    const struct mr_expression *condition;
};
struct mr_project_config {
    const struct mr_expression *const *expressions;
    int count;
};
struct mr_watermark_config {
    int column;
    int64_t delay_us; /* column: TIMESTAMP, or STRUCT whose field `end` counts */
    /* Where it was written, the same for a clause reached twice (a view or a WITH used twice); NULL: nowhere.
     */
    const char *clause;
};
struct mr_expect_config { /* data quality: counts, drops or fails; at most 16 */
    const struct mr_expression *const *conditions;
    const char *const *names;
    const enum mr_expect_action { MR_EXPECT_WARN, MR_EXPECT_DROP, MR_EXPECT_FAIL } * actions;
    int count;
};
struct mr_expand_config { /* one output row per projection and input row (sliding windows by pane, rollup);
                             rows whose condition is not TRUE are left out */
    const struct mr_expression *const *const *projections; /* [projection][output column] */
    const struct mr_expression *const *conditions;         /* per projection; NULL: keep all */
    int projection_count, column_count;
};
struct mr_generate_config {
    const struct mr_expression *generator;
    bool outer; /* appends the generator's columns to the input's */
};
struct mr_aggregate_config {
    const int *group_columns; /* in the input of the partial node; the output begins with them */
    int group_count;
    const struct mr_aggregate *const *aggregates; /* arguments over the partial node's input */
    int aggregate_count;
    /* Index among group columns of the event time: a window STRUCT (its `end` counts) or a watermarked
     * TIMESTAMP; -1: none, never evicted. */
    int event_time_group;
    bool complete_output; /* planner: output mode COMPLETE, all groups every batch, nothing evicted or late */
    /* Sliding windows by panes: rows come once each, with the latest window that holds them, in group column
     * pane_group; the partial node gives their states to the other windows too, which begin slide_us, 2 *
     * slide_us, … earlier. window_count 0: rows are as they are. Only where neither the order of rows nor
     * that of merging counts, and with flat states and keys that are not nested. */
    int window_count, pane_group;
    int64_t slide_us;
};
struct mr_session_config { /* aggregation by session windows */
    struct mr_aggregate_config aggregate;
    int session_group; /* which of the group columns is the session: a STRUCT of start and end, not NULL */
};
struct mr_sort_key {
    const struct mr_expression *expression;
    bool descending, nulls_first;
};
struct mr_sort_config {
    const struct mr_sort_key *keys;
    int count;
    int64_t limit; /* -1: all */
};
struct mr_limit_config {
    int64_t limit, offset;
};
struct mr_deduplicate_config {
    const int *columns; /* the key */
    int count;
    int event_time_column; /* by which rows are late: a window STRUCT (its `end` counts) or a TIMESTAMP; -1 */
    bool expires;          /* keys do: at the event time, or, within the watermark, delay_us later */
    bool within_watermark;
    int64_t delay_us;
};
struct mr_join_config;   /* operators/join.h */
struct mr_custom_config; /* operators/custom_state.h */

extern const struct mr_operator_type mr_filter_operator;
extern const struct mr_operator_type mr_project_operator;
extern const struct mr_operator_type mr_watermark_operator;
extern const struct mr_operator_type mr_expect_operator;
extern const struct mr_operator_type mr_expand_operator;
extern const struct mr_operator_type mr_generate_operator;
extern const struct mr_operator_type mr_union_operator;
/* Emits group columns and one BINARY column, the record of states. */
extern const struct mr_operator_type mr_partial_aggregate_operator;
/* KEYED; takes what the partial operator emits; emits group columns and results by output mode. State:
 * operators/aggregate_state.h. */
extern const struct mr_operator_type mr_aggregate_operator;
/* The same for sessions: rows with [start, start + gap) become sessions, before the exchange and behind it.
 */
extern const struct mr_operator_type mr_partial_session_operator;
extern const struct mr_operator_type mr_session_operator;
extern const struct mr_operator_type mr_sort_operator;
extern const struct mr_operator_type mr_limit_operator;       /* of the query */
extern const struct mr_operator_type mr_batch_limit_operator; /* of each micro-batch */
/* KEYED by the columns; emits its input's rows. The same operator by the two names that Spark has for it. */
extern const struct mr_operator_type mr_deduplicate_operator;
extern const struct mr_operator_type mr_deduplicate_within_operator;
extern const struct mr_operator_type
    mr_sink_operator; /* config: struct mr_sink_config; the runtime gives it the sink */
struct mr_sink_config {
    int sink;
};

#endif
