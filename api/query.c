/* api/query.c: batch queries. The rows are kept until the query has succeeded: a callback sees all of them,
 * or none. */
#include "api/job.h"
#include "sql/run.h"

struct answer {
    struct mr_api_planning *planning;
    struct mr_arena arena; /* of the schema: the query's own is gone when the rows are given out */
    struct mr_batch rows;
};

static int on_schema(void *ctx, const struct mr_type *schema, struct mr_error *error)
{
    struct answer *answer = ctx;
    mr_api_plan_share(answer->planning);
    const struct mr_type *copy = mr_type_copy(&answer->arena, schema);
    return copy ? mr_batch_init(&answer->rows, copy, 16, error) : mr_error_memory(error, sizeof *copy);
}

static int on_rows(void *ctx, const struct mr_batch *rows, struct mr_error *error)
{
    return mr_batch_append(&((struct answer *)ctx)->rows, rows, error);
}

static int ask(struct mr_api_planning *planning, const char *sql, struct mr_pool *pool, struct answer *answer,
               struct mr_error *error)
{
    int64_t memory_mib = mr_setting_integer(&planning->job->conf, "millrace.memory.limitMiB", 1024);
    struct mr_sql_run_options options = {.environment = &planning->environment,
                                         .session = &planning->session,
                                         .file = "millrace_query",
                                         .pool = pool,
                                         .memory_limit_bytes = (size_t)memory_mib << 20,
                                         .on_schema = on_schema,
                                         .on_rows = on_rows,
                                         .ctx = answer};
    return mr_sql_run(mr_str_of(sql), &options, error);
}

static int query(struct millrace_job *job, const char *sql, millrace_rows_function function, void *ctx,
                 struct mr_error *error)
{
    struct mr_api_planning planning;
    struct answer answer = {.planning = &planning};
    struct mr_pool *pool = NULL;
    if (!sql || !function)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "millrace_query needs a query and a function for its rows.");
    mr_arena_init(&answer.arena);
    int status = mr_api_plan_begin(&planning, job, true, NULL, error);
    if (status >= 0)
        status = mr_api_pool(job, &pool, error);
    if (status >= 0)
        status = ask(&planning, sql, pool, &answer, error);
    if (status >= 0) {
        struct millrace_rows given = {.batch = answer.rows, .zone = planning.session.zone, .number = -1};
        int result = function(ctx, &given);
        if (result != 0)
            status = mr_error_set(error, MR_E_IO, "FOREACH_BATCH_USER_FUNCTION_ERROR",
                                  "The program's function returned %d for the rows of the query.", result);
    }
    mr_pool_stop(pool);
    mr_batch_release(&answer.rows);
    mr_api_plan_end(&planning);
    mr_arena_release(&answer.arena);
    return status;
}

int millrace_query(struct millrace_job *job, const char *sql, millrace_rows_function function, void *ctx)
{
    struct mr_error error = {0};
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    status = mr_api_enter(job, &error);
    if (status < 0) /* the run that is under way is not to blame */
        return status;
    status = query(job, sql, function, ctx, &error);
    mr_api_leave(job);
    return status < 0 ? mr_api_fail(job, &error, false) : MILLRACE_OK;
}
