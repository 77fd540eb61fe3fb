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
/* Of a join: an expression over the pair's columns, one side's only, as one over that side's (0 left, 1
 * right). */
int mr_sql_over_side(struct mr_analysis *a, const struct mr_plan *join, int side,
                     const struct mr_expression *e, const struct mr_expression **out);
/* Which sides' columns it uses: 1 left, 2 right, 3 both. */
int mr_sql_sides_used(const struct mr_plan *join, const struct mr_expression *e);
/* The result is NULL when an argument is. */
bool mr_sql_is_strict(const struct mr_expression *e);
/* prune.c: only the needed columns; map[i] is where output column i is now, or -1. */
int mr_sql_prune(struct mr_analysis *a, struct mr_plan **plan, const bool *needed, int *map);

#endif
