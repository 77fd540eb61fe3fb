/* sql/over.h: window functions. Not for other folders. */
#ifndef MR_SQL_OVER_H
#define MR_SQL_OVER_H

#include "sql/analysis.h"

/* A call with OVER. Beside aggregates its column stands for what mr_sql_place_over puts into the plan. */
int mr_sql_resolve_over(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out);
/* The window functions found beside aggregates, over the aggregation. */
int mr_sql_place_over(struct mr_resolution *r, const struct mr_grouping_plan *groups, bool has_group_by,
                      struct mr_plan **plan);

#endif
