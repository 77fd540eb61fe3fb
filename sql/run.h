/* sql/run.h: a batch query from text to rows: what `millrace sql`, the C API and the tests use. */
#ifndef MR_SQL_RUN_H
#define MR_SQL_RUN_H

#include "runtime/query.h"
#include "sql/sql.h"

struct mr_sql_run_options {
    const struct mr_sql_environment *environment; /* NULL: no tables */
    const struct mr_session *session;             /* NULL: UTC, ANSI */
    const char *file;                             /* name of the text in errors; NULL: none */
    struct mr_pool *pool;                         /* NULL: the calling thread alone */
    pthread_mutex_t *pool_lock;
    size_t memory_limit_bytes; /* 0: 1 GiB */
    /* Called once with the output's columns, before any row; they live until the run returns. A negative
     * result ends the query. */
    int (*on_schema)(void *ctx, const struct mr_type *schema, struct mr_error *error);
    /* Called with rows, by one thread at a time; the batch is lent. In order when the query has ORDER BY. */
    int (*on_rows)(void *ctx, const struct mr_batch *rows, struct mr_error *error);
    void *ctx;
};
/* Parses text as one query, plans and runs it. A stream in it is refused: it has no end. */
int mr_sql_run(struct mr_str text, const struct mr_sql_run_options *options, struct mr_error *error);
/* The same of a query that is parsed already. */
int mr_sql_run_query(const struct mr_sql_text *origin, const struct mr_sql_query *query,
                     const struct mr_sql_run_options *options, struct mr_error *error);

#endif
