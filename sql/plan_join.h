/* sql/plan_join.h: planning of joins. Not for other folders. */
#ifndef MR_SQL_PLAN_JOIN_H
#define MR_SQL_PLAN_JOIN_H

#include "sql/plan.h"

/* The nodes of a batch join over the nodes of its inputs: equalities between the sides become keys, the rest
 * of the condition is tested on pairs. */
int mr_sql_build_join(struct mr_job *job, const struct mr_plan *plan, const struct mr_node *const *inputs,
                      const struct mr_node **out, struct mr_error *error);

/* The node of a stream's (inputs[0]) join with a static side; inputs[1] is the last node of the side's job so
 * far, which gets what is missing. */
int mr_sql_build_static_join(struct mr_job *job, struct mr_static_side *side, const struct mr_plan *plan,
                             const struct mr_node *const *inputs, const struct mr_node **out,
                             struct mr_error *error);
/* plan_static.c: such a join, everything below it included. */
int mr_sql_build_stream_with_static(struct mr_job *job, const struct mr_plan *plan,
                                    const struct mr_node **out, struct mr_error *error);
/* planner.c: nodes of a plan and of everything below it. */
int mr_sql_build_nodes(struct mr_job *job, const struct mr_plan *plan, const struct mr_node **out,
                       struct mr_error *error);

#endif
