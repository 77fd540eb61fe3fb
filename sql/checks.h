/* sql/checks.h: what a stream may do in an output mode, by Spark's rules. Not for other folders. */
#ifndef MR_SQL_CHECKS_H
#define MR_SQL_CHECKS_H

#include "sql/plan.h"

/* Of a streaming plan. STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION and kin. */
int mr_sql_check_stream(const struct mr_plan *plan, enum mr_output_mode mode, struct mr_error *error);
/* Index among the group columns of the event time, or -1. */
int mr_sql_event_time_group(const struct mr_plan *aggregate);

#endif
