/* sql/optimise.h: rewriting of plans. Not for other folders. */
#ifndef MR_SQL_OPTIMISE_H
#define MR_SQL_OPTIMISE_H

#include "sql/analysis.h"

/* Constants folded, filters pushed down, projections collapsed, columns pruned; scans get `used`. */
int mr_sql_optimise(struct mr_analysis *a, struct mr_plan **plan);
/* simplify.c: all but the pruning. */
int mr_sql_simplify(struct mr_analysis *a, struct mr_plan **plan);
/* infer.c: conditions that follow from joins and generators, as filters; *added: there were some. Once, after
 * simplify, and before it is called again. */
int mr_sql_infer(struct mr_analysis *a, struct mr_plan *plan, bool *added);
/* The result is NULL when an argument is. */
bool mr_sql_is_strict(const struct mr_expression *e);
/* prune.c: only the needed columns; map[i] is where output column i is now, or -1. */
int mr_sql_prune(struct mr_analysis *a, struct mr_plan **plan, const bool *needed, int *map);

#endif
