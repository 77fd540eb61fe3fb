/* sql/checks.h: what a stream may do in an output mode, by Spark's rules. Not for other folders. */
#ifndef MR_SQL_CHECKS_H
#define MR_SQL_CHECKS_H

#include "sql/plan.h"

/* Of a streaming plan. STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION and kin. allow_late_loss: stateful
 * operators may stand above each other also where the upper one may drop what the lower one gives. */
int mr_sql_check_stream(struct mr_plan *plan, enum mr_output_mode mode, bool allow_late_loss,
                        struct mr_error *error);
/* Does the plan, or anything below it, aggregate a stream? */
bool mr_sql_aggregates_stream(const struct mr_plan *plan);
/* Index among the group columns of the event time, or -1. */
int mr_sql_event_time_group(const struct mr_plan *aggregate);
/* plan_stream_join.c: of a join of two streams. Its condition is judged as it was written: by the first call
 * of judge, which whoever changes it makes before, else by the check. */
void mr_sql_judge_stream_join(struct mr_plan *join);
int mr_sql_check_stream_join(struct mr_plan *join, enum mr_output_mode mode, struct mr_error *error);
/* At a node of the plan; returns the error's code. */
int mr_sql_refuse(const struct mr_plan *plan, const char *condition, const char *message,
                  struct mr_error *error);

#endif
