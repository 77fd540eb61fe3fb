/* sql/sql.h: SQL text to statements, statements to plans, plans to jobs. What pipeline/, api/ and cli/ use.
 *
 *   mr_sql_parse          text          -> struct mr_sql_script (sql/ast.h)
 *   mr_sql_analyse        query         -> struct mr_plan (sql/plan.h): names and types resolved, optimised
 *   mr_sql_plan_job       plan          -> struct mr_job (runtime/job.h) without sinks; the caller adds those
 *   mr_sql_run (sql/run.h) text         -> rows of a batch query
 *
 * All errors are Spark's, with the range and a caret under the SQL. */
#ifndef MR_SQL_SQL_H
#define MR_SQL_SQL_H

#include "sql/ast.h"

/* ---- parsing ---- */
struct mr_sql_script {
    struct mr_arena arena;
    const char *file; /* "" for text without a file */
    const char *text; /* NUL-terminated copy in the arena */
    struct mr_sql_statement *statements;
    int count;
};
/* Statements are separated by ';'; empty ones do not count. Errors: PARSE_SYNTAX_ERROR, UNCLOSED_BRACKETED_COMMENT,
 * FAILED_TO_PARSE_TOO_COMPLEX (nesting), … with file, line and caret. After an error the script is released. */
int mr_sql_parse(struct mr_sql_script *script, const char *file, struct mr_str text, struct mr_error *error);
void mr_sql_script_release(struct mr_sql_script *script);
/* An expression alone, as in an expectation written in an option. It lives in the script, which has no statements. */
int mr_sql_parse_expression(struct mr_sql_script *script, const char *file, struct mr_str text,
                            struct mr_sql_expression **out, struct mr_error *error);

/* Every relation a query reads by name, CTEs of its own left out; in order, with repetitions. Stops when each returns
 * nonzero, and returns that. */
int mr_sql_each_relation(const struct mr_sql_query *query,
                         int (*each)(void *ctx, const struct mr_sql_relation *relation), void *ctx);

#endif
