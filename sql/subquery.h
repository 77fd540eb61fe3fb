/* sql/subquery.h: queries inside expressions. Not for other folders. */
#ifndef MR_SQL_SUBQUERY_H
#define MR_SQL_SUBQUERY_H

#include "sql/analysis.h"

struct mr_correlation { /* what ties a query inside an expression to the query around it */
    struct mr_resolution *outer;
    bool exists; /* its rows do not count, only whether there are any */
    /* Conditions pulled out of its WHERE: numbers from MR_OUTER_BASE are columns of the outer query's input,
     * others columns that the plan gives from first_inner on. */
    const struct mr_expression *conditions[MR_MAX_CORRELATIONS];
    int count;
    int first_inner; /* the columns before it are the query's own; 0 where nothing was pulled out */
    bool grouped;    /* an aggregation: one row a group at most */
    const struct mr_expression *nothing; /* its value where there is no row; NULL: NULL. Then the plan's last
                                          * column tells rows from none */
    const char *outer_names[MR_MAX_CORRELATIONS];
    int outer_count;
};

/* A name found in the outer query: *parts of it; MR_END when there is none. */
int mr_sql_outer_column(struct mr_resolution *r, const struct mr_sql_expression *ast, int *parts,
                        const struct mr_expression **out);
/* Takes the conditions with outer columns out of *e; NULL when nothing is left. */
int mr_sql_pull_conditions(struct mr_analysis *a, struct mr_correlation *c, const struct mr_expression **e);
/* Groups for an aggregation that the conditions tie to the outer query. */
int mr_sql_correlation_groups(struct mr_analysis *a, struct mr_correlation *c,
                              struct mr_grouping_plan *groups);
/* The value of an expression over an aggregation of no rows; NULL for NULL. */
int mr_sql_value_of_nothing(struct mr_analysis *a, const struct mr_resolution *r,
                            const struct mr_plan *aggregation, const struct mr_expression *e,
                            const struct mr_expression **out);

/* EXISTS, IN (SELECT …) or their negation? */
bool mr_sql_is_predicate(const struct mr_sql_expression *ast, const struct mr_sql_expression **query,
                         bool *negated);
/* As a condition on all rows of r->input. */
int mr_sql_filter_by_subquery(struct mr_resolution *r, const struct mr_sql_expression *ast, bool negated);
/* As a value anywhere in an expression. */
int mr_sql_resolve_subquery(struct mr_resolution *r, const struct mr_sql_expression *ast, bool negated,
                            const struct mr_expression **out);
/* Joins the values found beside aggregates to the aggregation. */
int mr_sql_join_late(struct mr_resolution *r, uint32_t start, uint32_t stop, struct mr_plan **plan);

#endif
