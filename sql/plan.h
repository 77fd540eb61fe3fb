/* sql/plan.h: the logical plan: a tree of relational nodes with typed expressions by column number.
 *
 * Made by the analyser in the job's arena, rewritten by the optimiser, turned into the job's nodes by the
 * planner. Every node has an output schema; expressions of a node number the columns of its inputs (of a
 * join: left, then right). */
#ifndef MR_SQL_PLAN_H
#define MR_SQL_PLAN_H

#include "operators/operator.h"
#include "runtime/job.h"
#include "sql/ast.h"

enum mr_plan_kind {
    MR_PLAN_SCAN, /* source, or nothing to run when source is NULL (a table that is not there yet) */
    MR_PLAN_PROJECT,
    MR_PLAN_FILTER,
    MR_PLAN_EXPAND,
    MR_PLAN_GENERATE, /* input's columns, then the generator's */
    MR_PLAN_WATERMARK,
    MR_PLAN_AGGREGATE, /* group columns, then results */
    MR_PLAN_DEDUPLICATE,
    MR_PLAN_UNION,
    MR_PLAN_JOIN,
    MR_PLAN_SORT,
    MR_PLAN_LIMIT,
    MR_PLAN_EXPECT,
    MR_PLAN_WINDOW, /* input's columns, then the window function's value */
    MR_PLAN_CUSTOM, /* a processor's rows; the input's first columns are its key */
};

struct mr_plan {
    enum mr_plan_kind kind;
    const struct mr_type *schema;
    /* Per column: the watermark's delay in microseconds where the column is an event time (Spark's column
     * metadata spark.watermarkDelayMs), else -1. */
    const int64_t *delays;
    struct mr_plan **inputs;
    int input_count;
    bool streaming;
    const struct mr_sql_text *origin; /* where it was written, for errors found late */
    uint32_t start, stop;

    struct mr_source *source;                       /* SCAN */
    const char *relation;                           /* SCAN: name for messages */
    bool *used;                                     /* SCAN: columns anybody uses */
    const struct mr_expression *const *expressions; /* PROJECT, one per field */
    const struct mr_expression *condition;          /* FILTER; JOIN: NULL for none */
    struct mr_expand_config expand;
    struct mr_generate_config generate;
    struct mr_watermark_config watermark;
    const int *group_columns; /* AGGREGATE: of the input; DEDUPLICATE: the columns that count */
    int group_count;
    const struct mr_aggregate *const *aggregates;
    int aggregate_count;
    int session_group;     /* AGGREGATE: which of the group columns is a session window; -1: none */
    bool within_watermark; /* DEDUPLICATE */
    enum mr_sql_join_kind join;
    enum mr_sql_join_kind written_join; /* what a stream may do is judged by: a filter above may have made an
                                           outer join an inner one */
    bool judged, bounded;               /* JOIN: as the condition was written, before filters came to it */
    bool single;                        /* LEFT JOIN: a second partner of a row is an error */
    bool subquery;                      /* JOIN: made of a query inside an expression */
    const struct mr_sort_key *sort_keys;
    int sort_count;
    int64_t limit, offset; /* LIMIT; limit -1: all */
    struct mr_expect_config expect;
    struct mr_window_config *window;       /* operators/window.h */
    const struct mr_custom_config *custom; /* operators/custom_state.h */
};

/* An indented text of the tree, for tests and for people. */
void mr_plan_text(struct mr_text *out, const struct mr_plan *plan);

#endif
