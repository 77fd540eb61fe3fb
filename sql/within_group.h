/* sql/within_group.h: aggregates of rows in an order. Not for other folders. */
#ifndef MR_SQL_WITHIN_GROUP_H
#define MR_SQL_WITHIN_GROUP_H

#include "sql/analysis.h"

/* A function that stands with WITHIN GROUP only. */
bool mr_sql_is_ordered_set(const struct mr_sql_expression *ast);
/* f(…) WITHIN GROUP (ORDER BY …). */
int mr_sql_resolve_within_group(struct mr_resolution *r, const struct mr_sql_expression *ast,
                                const struct mr_expression **out);

#endif
