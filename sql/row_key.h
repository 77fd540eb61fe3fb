/* sql/row_key.h: which output columns name a row of a streaming aggregation. Private to this room. */
#ifndef MR_SQL_ROW_KEY_H
#define MR_SQL_ROW_KEY_H

#include "sql/plan.h"

/* *out: NULL when the plan's rows have no key (no aggregation on top: rows are only ever added). A grouping
 * column counts as there when an output column is that column, or all its fields, or one side of the window
 * of an event time, whose length is fixed. */
int mr_sql_row_key(struct mr_arena *arena, const struct mr_plan *plan, const struct mr_row_key **out,
                   struct mr_error *error);

#endif
