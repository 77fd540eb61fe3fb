/* sql/panes.h: aggregations over sliding windows that may go by panes: each row is aggregated once, with the
 * latest window that holds it, and the states of a pane are merged into all its windows. Not for other
 * folders. */
#ifndef MR_SQL_PANES_H
#define MR_SQL_PANES_H

#include "sql/plan.h"

struct mr_panes {
    int count; /* windows that hold a row; 0: this aggregation cannot go by panes */
    int group; /* the window's index among the group columns */
    int64_t slide_us;
    struct mr_expand_config
        expand; /* instead of the one below the aggregation: one row for each, with a time */
};
/* plan: an aggregation. */
int mr_sql_find_panes(struct mr_job *job, const struct mr_plan *plan, struct mr_panes *out,
                      struct mr_error *error);

#endif
