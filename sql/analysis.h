/* sql/analysis.h: what the files of the analyser share. Not for other folders. */
#ifndef MR_SQL_ANALYSIS_H
#define MR_SQL_ANALYSIS_H

#include "sql/plan.h"
#include "sql/sql.h"

#define MR_SQL_MAX_RELATIONS 1000 /* relations of one query, views and CTEs unfolded */
#define MR_SQL_MAX_VIEW_DEPTH 50
#define MR_SQL_MAX_QUERY_DEPTH 250

/* ---- names in sight ---- */
struct mr_scope_column {
    const struct mr_str *qualifier; /* catalog.database.table, as far as known, or the alias */
    int qualifier_count;
    struct mr_str name;
    int column;          /* of the plan */
    bool hidden;         /* not part of *: _metadata, a generated window */
    bool qualified_only; /* the sides of USING: found by t.a, not by a */
};
struct mr_scope {
    struct mr_scope_column *columns;
    int count;
};
struct mr_relation_plan { /* a plan and how its columns are called */
    struct mr_plan *plan;
    struct mr_scope scope;
};

/* ---- one analysis ---- */
struct mr_sql_cte_scope {
    const struct mr_sql_cte *cte;
    const struct mr_sql_cte_scope *outer; /* what the CTE itself sees */
};
struct mr_analysis {
    struct mr_job *job;
    struct mr_arena *arena; /* the job's */
    const struct mr_sql_environment *environment;
    const struct mr_sql_text *origin;
    const struct mr_sql_cte_scope *ctes;
    int relations;
    int view_depth, query_depth;
    struct mr_correlation *correlation; /* of the SELECT that is planned next; NULL: it stands for itself */
    struct mr_error *error;
};

/* ---- expressions: expression.c ---- */
/* Columns of a typed tree below this are those of the input; from here on they stand for aggregates (column -
 * MR_AGGREGATE_BASE) until the plan of the aggregation is made, or for items of the select list. */
#define MR_AGGREGATE_BASE (1 << 20)
#define MR_OUTER_BASE (1 << 22) /* columns of the query around a subquery (subquery.h) */
#define MR_LATE_BASE (1 << 23)  /* values of subqueries that are joined to an aggregation */
#define MR_ITEM_BASE (1 << 24)
#define MR_MAX_CORRELATIONS 32

struct mr_select_item {                  /* of the select list, stars expanded */
    const struct mr_sql_expression *ast; /* NULL: column `column` of the scope's plan, by a star */
    const struct mr_str *aliases;
    int alias_count;
    const struct mr_expression *expression; /* once resolved */
    const char *name;
    int generated, generated_count; /* a generator: the columns of the plan it gave; count 0: none */
};
struct mr_time_window {               /* window(…) or session_window(…) found in an operator */
    const struct mr_expression *call; /* NULL: none yet */
    int column;
    bool session;
};
struct mr_lambda_scope {
    const struct mr_str *names;
    const struct mr_type *const *types;
    const bool *nullable;
    int count, first; /* variable numbers begin at first */
    const struct mr_lambda_scope *outer;
};
enum mr_sql_place { /* for the error when an aggregate or a generator stands where it must not */
                    MR_PLACE_SELECT,
                    MR_PLACE_WHERE,
                    MR_PLACE_GROUP_BY,
                    MR_PLACE_HAVING,
                    MR_PLACE_QUALIFY,
                    MR_PLACE_ORDER_BY,
                    MR_PLACE_JOIN,
                    MR_PLACE_ARGUMENT, /* of an aggregate */
                    MR_PLACE_OTHER,
};
struct mr_resolution {
    struct mr_analysis *analysis;
    struct mr_relation_plan *input; /* may grow by a window column while expressions are resolved */
    enum mr_sql_place place;
    bool aggregates_allowed;
    bool has_aggregates; /* some were found */
    const struct mr_aggregate **aggregates;
    const char **aggregate_names;
    int aggregate_count, aggregate_capacity;
    /* Names of earlier items (lateral aliases), or of all items for HAVING and ORDER BY. */
    struct mr_select_item *items;
    int item_count;
    bool items_first;      /* HAVING, ORDER BY: items win over columns */
    bool items_as_columns; /* ORDER BY: an item's name becomes MR_ITEM_BASE + its number */
    bool is_grouped;       /* GROUP BY with sets: grouping() is allowed */
    int grouping_id;       /* column of the grouping id as MR_AGGREGATE_BASE number; -1 */
    const struct mr_expression *const *groups;
    int group_count;
    const struct mr_lambda_scope *lambda;
    struct mr_time_window *window;                   /* at most one per query */
    struct mr_correlation *correlation;              /* outer columns may stand here; NULL: none */
    struct mr_plan *late_plans[MR_MAX_CORRELATIONS]; /* subqueries found beside aggregates */
    int late_count;
    struct mr_window_call *over[MR_MAX_CORRELATIONS]; /* window functions found beside aggregates */
    int over_count;
    /* Where they are in the plan, once they are: subqueries first, window functions from
     * MR_MAX_CORRELATIONS on. */
    int late_columns[2 * MR_MAX_CORRELATIONS];
    const struct mr_sql_window *windows; /* WINDOW name AS (…) */
    int window_count;
};

void mr_sql_builder(const struct mr_analysis *a, const struct mr_sql_expression *at,
                    struct mr_expression_builder *out);
int mr_sql_resolve(struct mr_resolution *r, const struct mr_sql_expression *ast,
                   const struct mr_expression **out);
/* A BOOLEAN expression, for WHERE, HAVING and FILTER: DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN. */
int mr_sql_resolve_condition(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             const struct mr_expression **out);
int mr_sql_resolve_call(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out);
int mr_sql_resolve_column(struct mr_resolution *r, const struct mr_sql_expression *ast,
                          const struct mr_expression **out);
int mr_sql_resolve_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                           const struct mr_expression **out);
int mr_sql_resolve_aggregate(struct mr_resolution *r, const struct mr_sql_expression *ast,
                             const struct mr_expression **out);
/* The column of the input that holds the time window `call`; makes it, below the operator, the first time:
 * window.c. */
int mr_sql_add_window(struct mr_resolution *r, const struct mr_sql_expression *ast,
                      const struct mr_expression *call, bool session, int *column);
/* INTERVAL of a watermark's delay, in microseconds. */
int mr_sql_interval_us(struct mr_analysis *a, const struct mr_sql_expression *ast, int64_t *out);
/* Is there an aggregate function in the tree (outside of subqueries and OVER)? */
bool mr_sql_has_aggregate(const struct mr_sql_expression *ast);
bool mr_sql_is_generator(const struct mr_sql_expression *ast);
/* Literals for what does not depend on rows; what fails stays as it is, to fail when it is reached. */
int mr_sql_fold(struct mr_analysis *a, const struct mr_expression **e);
/* The name Spark gives an item without alias. */
int mr_sql_item_name(struct mr_analysis *a, const struct mr_sql_expression *ast,
                     const struct mr_expression *e, const char **out);
/* *e as a copy that names show as this text. */
int mr_sql_show(struct mr_analysis *a, const struct mr_expression **e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *mr_sql_shown_name(struct mr_analysis *a, const struct mr_expression *e); /* in the arena */
/* A column expression with a name of its own. */
int mr_sql_column(struct mr_analysis *a, const struct mr_type *type, bool nullable, int column,
                  const char *name, const struct mr_sql_expression *at, const struct mr_expression **out);
int mr_sql_plan_column(struct mr_analysis *a, const struct mr_plan *plan, int column, const char *name,
                       const struct mr_sql_expression *at, const struct mr_expression **out);

/* ---- scopes: scope.c ---- */
int mr_scope_add(struct mr_analysis *a, struct mr_scope *scope, struct mr_scope_column column);
int mr_scope_of_plan(struct mr_analysis *a, const struct mr_plan *plan, const struct mr_str *qualifier,
                     int qualifier_count, int hidden, struct mr_scope *out);
/* Resolves the longest part of a dotted name that is a column: *used parts of it. MR_END when there is none;
 * AMBIGUOUS_REFERENCE. */
int mr_scope_find(struct mr_analysis *a, const struct mr_scope *scope, const struct mr_sql_name *name,
                  int *column, int *used);
/* UNRESOLVED_COLUMN with the most similar names. */
int mr_scope_unresolved(struct mr_analysis *a, const struct mr_scope *scope, const struct mr_sql_name *name);
bool mr_scope_matches(const struct mr_analysis *a, const struct mr_scope_column *c,
                      const struct mr_str *qualifier, int count);
bool mr_sql_same_name(const struct mr_analysis *a, struct mr_str x, struct mr_str y);
const char *mr_sql_quoted(struct mr_analysis *a, const struct mr_str *parts, int count); /* `a`.`b` */
char *mr_sql_text(struct mr_analysis *a, struct mr_str s);

/* ---- plans: plan.c ---- */
struct mr_plan *
mr_plan_new(struct mr_analysis *a, enum mr_plan_kind kind, struct mr_plan *input, uint32_t start,
            uint32_t stop); /* schema, delays and streaming are the input's; NULL without memory */
/* PROJECT of the expressions, named. */
int mr_plan_project(struct mr_analysis *a, struct mr_plan *input,
                    const struct mr_expression *const *expressions, const char *const *names, int count,
                    struct mr_plan **out);
int mr_plan_filter(struct mr_analysis *a, struct mr_plan *input, const struct mr_expression *condition,
                   struct mr_plan **out);
/* The input's columns, and one more. */
int mr_plan_append(struct mr_analysis *a, struct mr_plan *input, const struct mr_expression *expression,
                   const char *name, int64_t delay_us, struct mr_plan **out);
/* AGGREGATE of group columns and results over an input that has the groups as columns. */
int mr_plan_aggregate(struct mr_analysis *a, struct mr_plan *input, const int *group_columns, int group_count,
                      const struct mr_aggregate *const *aggregates, const char *const *names,
                      int aggregate_count, struct mr_plan **out);
int mr_plan_distinct(struct mr_analysis *a, struct mr_plan *input, struct mr_plan **out);
int64_t mr_plan_delay_of(const struct mr_plan *input, const struct mr_expression *e);

/* ---- groups: group.c ---- */
struct mr_grouping_plan {
    const struct mr_expression **groups; /* over the input */
    const char **names;
    int count;
    /* GROUPING SETS, ROLLUP, CUBE: which groups count in each set, by bit; set_count 0: all, once. */
    uint64_t *sets;
    int set_count;
};
/* Resolves GROUP BY. Windows may be added to r->input. */
int mr_sql_resolve_groups(struct mr_resolution *r, const struct mr_sql_body *body,
                          struct mr_grouping_plan *out);
/* The aggregation over r->input with all aggregates found in r. */
int mr_sql_group_plan(struct mr_resolution *r, const struct mr_grouping_plan *groups, struct mr_plan **out);
/* An expression over input and aggregates as one over the aggregation's output; MISSING_AGGREGATION. */
int mr_sql_regroup(struct mr_resolution *r, const struct mr_grouping_plan *groups, const struct mr_plan *plan,
                   bool has_group_by, const struct mr_expression **e);

/* ---- queries: query.c, select.c, relation.c, table_function.c ---- */
int mr_sql_query_plan(struct mr_analysis *a, const struct mr_sql_query *query, struct mr_relation_plan *out);
int mr_sql_select_plan(struct mr_analysis *a, const struct mr_sql_body *body,
                       const struct mr_sql_query *query, struct mr_relation_plan *out);
int mr_sql_relation_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                         struct mr_relation_plan *out);
int mr_sql_table_function_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                               struct mr_relation_plan *out);
int mr_sql_join_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                     struct mr_relation_plan *out);
/* JOIN of two plans, without a condition; outer sides become nullable. */
int mr_plan_join(struct mr_analysis *a, enum mr_sql_join_kind kind, struct mr_plan *left,
                 struct mr_plan *right, uint32_t start, uint32_t stop, struct mr_plan **out);
int mr_sql_values_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                       struct mr_relation_plan *out);
int mr_sql_range_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                      struct mr_relation_plan *out);
int mr_sql_one_row_plan(struct mr_analysis *a, uint32_t start, uint32_t stop, struct mr_plan **out);
/* SELECT … LATERAL VIEW and generators in the select list: GENERATE over the plan; *first, *count: its new
 * columns. */
int mr_sql_generate_plan(struct mr_resolution *r, const struct mr_sql_expression *ast, bool outer,
                         const struct mr_str *aliases, int alias_count, int *first, int *count);
/* GENERATE: the input's columns, then the generator's. */
int mr_plan_generate(struct mr_analysis *a, struct mr_plan *input, const struct mr_expression *generator,
                     bool outer, struct mr_plan **out);
/* A source made in the job for a relation; the name shown in progress and messages is unique in it. Errors
 * are placed under the option they are about, else under [start, stop). */
int mr_sql_open_source(struct mr_analysis *a, const char *type, const struct mr_option *options, int count,
                       const char *name, const struct mr_sql_relation *relation, uint32_t start,
                       uint32_t stop, struct mr_source **out);
int mr_sql_scan_plan(struct mr_analysis *a, struct mr_source *source, const struct mr_type *schema,
                     int hidden, bool streaming, const char *name, uint32_t start, uint32_t stop,
                     struct mr_plan **out);
/* UNION of plans with equal columns. */
int mr_sql_union_plan(struct mr_analysis *a, struct mr_plan *const *inputs, int count, uint32_t start,
                      uint32_t stop, struct mr_plan **out);
/* ORDER BY over a plan whose columns are all it can see. */
int mr_sql_sort_plan(struct mr_analysis *a, const struct mr_sql_query *query, struct mr_plan **plan);
/* Which item ORDER BY 2 means; -1 when it is no number. ORDER_BY_POS_OUT_OF_RANGE. */
int mr_sql_ordinal(struct mr_analysis *a, const struct mr_sql_expression *ast, int count,
                   const char *condition, int *out);
int mr_sql_limit_plan(struct mr_analysis *a, const struct mr_sql_query *query, struct mr_plan **plan);

/* ---- errors ---- */
/* Code MR_E_SQL, marked at the range. Returns the code. */
int mr_sql_error(struct mr_analysis *a, uint32_t start, uint32_t stop, const char *condition,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
int mr_sql_unsupported(struct mr_analysis *a, uint32_t start, uint32_t stop, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Marks the range on an error that has none. Returns the code. */
int mr_sql_error_at(struct mr_analysis *a, uint32_t start, uint32_t stop);

#endif
