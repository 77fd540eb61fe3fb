/* operators/window.h: window functions over a batch: one more column, computed from rows around each row. */
#ifndef MR_OPERATORS_WINDOW_H
#define MR_OPERATORS_WINDOW_H

#include "operators/operator.h"

enum mr_window_kind {
    MR_WINDOW_AGGREGATE, /* of the frame's rows */
    MR_WINDOW_ROW_NUMBER,
    MR_WINDOW_RANK,
    MR_WINDOW_DENSE_RANK,
    MR_WINDOW_PERCENT_RANK,
    MR_WINDOW_CUME_DIST,
    MR_WINDOW_NTILE,
    MR_WINDOW_LAG, /* offset rows before; negative: after */
    MR_WINDOW_NTH_VALUE,
};
enum mr_frame_bound {
    MR_FRAME_UNBOUNDED_PRECEDING,
    MR_FRAME_OFFSET,  /* ROWS: offset rows on, negative: back. RANGE: the rows from (to) the column's value */
    MR_FRAME_CURRENT, /* ROWS: the row; RANGE: the rows with equal order keys */
    MR_FRAME_UNBOUNDED_FOLLOWING,
};
struct mr_frame_end {
    enum mr_frame_bound bound;
    int64_t offset;
    int column;
};
struct mr_window_order {
    int column;
    bool descending, nulls_first;
};
struct mr_window_config { /* all columns are the input's; the output is the input and the function's value */
    const int *partition;
    int partition_count;
    const struct mr_window_order *order;
    int order_count;
    enum mr_window_kind kind;
    const struct mr_aggregate *aggregate;
    const int *arguments; /* LAG: the value and what stands where there is no row */
    int argument_count;
    int filter;     /* AGGREGATE; -1: none */
    int64_t offset; /* LAG, NTH_VALUE; NTILE: how many */
    bool ignore_nulls, rows;
    struct mr_frame_end from, to;
};
/* KEYED by the partition's columns; holds its rows in memory until the input ends. */
extern const struct mr_operator_type mr_window_operator;

#endif
