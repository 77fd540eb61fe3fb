/* sql/plan_join.h: planning of joins. Not for other folders. */
#ifndef MR_SQL_PLAN_JOIN_H
#define MR_SQL_PLAN_JOIN_H

#include "sql/plan.h"

/* The nodes of a batch join over the nodes of its inputs: equalities between the sides become keys, the rest
 * of the condition is tested on pairs. */
int mr_sql_build_join(struct mr_job *job, const struct mr_plan *plan, const struct mr_node *const *inputs,
                      const struct mr_node **out, struct mr_error *error);

#endif
