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

#include "runtime/job.h"
#include "sql/ast.h"

/* ---- parsing ---- */
struct mr_sql_script {
    struct mr_arena arena;
    const char *file; /* "" for text without a file */
    const char *text; /* NUL-terminated copy in the arena */
    struct mr_sql_statement *statements;
    int count;
};
/* Statements are separated by ';'; empty ones do not count. Errors: PARSE_SYNTAX_ERROR,
 * UNCLOSED_BRACKETED_COMMENT, FAILED_TO_PARSE_TOO_COMPLEX (nesting), … with file, line and caret. After an
 * error the script is released. */
int mr_sql_parse(struct mr_sql_script *script, const char *file, struct mr_str text, struct mr_error *error);
void mr_sql_script_release(struct mr_sql_script *script);
/* An expression alone, as in an expectation written in an option. It lives in the script, which has no
 * statements. */
int mr_sql_parse_expression(struct mr_sql_script *script, const char *file, struct mr_str text,
                            struct mr_sql_expression **out, struct mr_error *error);

/* Every relation a query reads by name, CTEs of its own left out; in order, with repetitions. Stops when each
 * returns nonzero, and returns that. */
int mr_sql_each_relation(const struct mr_sql_query *query,
                         int (*each)(void *ctx, const struct mr_sql_relation *relation), void *ctx);

/* ---- what names stand for: given by the caller ---- */
struct mr_relation_request {
    const struct mr_sql_name *name;  /* as written: t, db.t, catalog.db.t */
    bool stream;                     /* STREAM t */
    const struct mr_option *options; /* WITH (…), in the job's arena */
    int option_count;
    struct mr_job *job;      /* where a source is made: mr_job_new_source, mr_job_open_source */
    const char *source_name; /* unique in the job, the same for an unchanged query; for mr_job_new_source */
};
struct mr_relation { /* zeroed before the call */
    /* A table: its opened source, which the job owns. NULL with a schema alone where nothing is to be run
     * (dry-run of a table that is not there yet). */
    struct mr_source *source;
    const struct mr_type *schema; /* when source is NULL; must live as long as the job */
    int hidden_columns;
    bool streaming; /* to be read as a stream */
    /* A view instead: its query, resolved in its own text. Must live as long as the job. */
    const struct mr_sql_query *view;
    const struct mr_sql_text *origin;
    /* With a view: its rows go through this operator. Lives as long as the job. */
    const struct mr_custom_config *custom;
    const char *catalog, *database; /* for names like db.t.a; NULL: not known */
};
struct mr_catalog {
    void *ctx;
    /* MR_OK, MR_END when there is no such relation, or an error. */
    int (*resolve)(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error);
    /* NULL, or: a name like one that was not found; NULL: none. */
    const char *(*nearest)(void *ctx, struct mr_str name);
};
struct mr_sql_environment {
    const struct mr_catalog *catalog; /* NULL: no tables */
    const char *base_directory;       /* of relative paths in read_files; NULL: the working directory */
    const char *schema_directory;     /* where inferred schemas of streams are kept; NULL: nowhere */
    bool schema_read_only;            /* a kept schema is used, and none is written */
};

/* ---- analysis and planning. The job carries the session (zone, ANSI, catalog, database), takes the sources,
 * and its arena holds the plan. ---- */
struct mr_plan;
/* origin: the text the query is written in; lives as long as the job, as does the query.
 * Names, types, automatic column names; then constant folding, filters pushed down, projections collapsed,
 * columns pruned (source->used). *out has a schema and a streaming flag (sql/plan.h). */
int mr_sql_analyse(struct mr_job *job, const struct mr_sql_environment *environment,
                   const struct mr_sql_text *origin, const struct mr_sql_query *query, struct mr_plan **out,
                   struct mr_error *error);
const struct mr_type *mr_sql_plan_schema(const struct mr_plan *plan);
bool mr_sql_plan_is_streaming(const struct mr_plan *plan);
/* Puts expectations behind the plan's rows; their conditions see its columns. */
int mr_sql_plan_expect(struct mr_job *job, const struct mr_sql_text *origin,
                       const struct mr_sql_expectation *expectations, int count, struct mr_plan **plan,
                       struct mr_error *error);
/* Casts the plan's columns to a table's, as INSERT does (ANSI store assignment). by_name: in the table's
 * order, missing ones NULL, unknown ones refused; otherwise by position. */
int mr_sql_plan_store(struct mr_job *job, const struct mr_type *table, bool by_name, struct mr_plan **plan,
                      struct mr_error *error);
/* The job's nodes; *out is the last one, behind which the caller puts sinks. job->mode is set before
 * (streams): Spark's checks of what a stream may do in that mode are made here. Sets job->output. */
int mr_sql_plan_job(struct mr_job *job, struct mr_plan *plan, const struct mr_node **out,
                    struct mr_error *error);

#endif
