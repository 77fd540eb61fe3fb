/* sql/plan_join.h: planning of joins. Not for other folders. */
#ifndef MR_SQL_PLAN_JOIN_H
#define MR_SQL_PLAN_JOIN_H

#include "operators/join.h"
#include "sql/plan.h"

#define MR_SQL_MAX_JOIN_KEYS 32

struct mr_planned_join {
    struct mr_join_config config;
    const struct mr_node *sides[2];       /* with the keys as columns */
    int columns[2][MR_SQL_MAX_JOIN_KEYS]; /* of the keys */
};
/* Finds the join's keys and brings its inputs into the shape the operators want. jobs: whose nodes they are.
 */
int mr_sql_plan_join_sides(struct mr_job *const jobs[2], const struct mr_plan *plan,
                           const struct mr_node *const *inputs, struct mr_planned_join **out,
                           struct mr_error *error);
/* Which sides' columns an expression over the pair uses: bit 0 left, bit 1 right. */
int mr_sql_join_sides_of(const struct mr_plan *join, const struct mr_expression *e);
/* An expression over one side's columns of the pair as one over that input. */
int mr_sql_join_over_side(struct mr_job *job, const struct mr_plan *join, int side,
                          const struct mr_expression *e, const struct mr_expression **out,
                          struct mr_error *error);
/* plan_stream_join.c: the node of a join of two streams. */
int mr_sql_build_stream_join(struct mr_job *job, const struct mr_plan *plan,
                             const struct mr_node *const *inputs, const struct mr_node **out,
                             struct mr_error *error);

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
