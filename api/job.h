/* api/job.h: a job of the public API as its files share it. Private to this room. */
#ifndef MR_API_JOB_H
#define MR_API_JOB_H

#include "millrace/millrace.h"
#include "operators/custom_state.h"
#include "pipeline/settings.h"
#include "runtime/query.h"
#include "sinks/memory.h"
#include "sources/memory.h"
#include "sql/sql.h"

struct millrace_stream {
    struct millrace_job *job;
    struct millrace_stream *next; /* all of the job, in the order they were made */
    const char *name;             /* "stream 3": how the text of later steps calls it */
    /* A source: opened anew by every plan. */
    const struct mr_source_type *type; /* NULL: a query */
    const char *source_name;           /* "files#0": how the checkpoint calls it */
    const struct mr_option *options;
    int option_count;
    /* A query over other streams. */
    struct mr_sql_script script;
    struct mr_sql_text origin;
    const struct mr_sql_query *query;
    const struct mr_custom_config *custom; /* the query's rows go through this processor; NULL: none */
};
struct mr_api_name { /* of a stream, given by the program */
    struct mr_api_name *next;
    const char *name;
    struct millrace_stream *stream;
};
struct mr_api_output {
    struct mr_api_output *next;
    const struct millrace_stream *stream; /* what is put out */
    struct millrace_stream *rows;         /* SELECT * of it */
    const struct mr_sink_type *type;
    const char *name; /* "delta#0": how the checkpoint calls it */
    const struct mr_option *options;
    int option_count;
    millrace_rows_function function; /* callback */
    void *function_ctx;
};
struct mr_api_held { /* what lives in memory as long as a job holds it */
    struct mr_api_held *next;
    struct mr_memory_stream *stream;
    struct mr_memory_table *table;
};
struct millrace_job {
    struct mr_arena arena; /* of the building thread */
    const char *name;
    struct mr_map conf; /* pointer: const char *; keys as in the table of settings */
    struct millrace_stream *streams, **streams_end;
    struct mr_api_name *names;
    struct mr_api_output *outputs, **outputs_end;
    int stream_count, source_count, output_count;
    enum mr_output_mode mode;
    millrace_progress_function on_progress;
    void *progress_ctx;

    pthread_mutex_t lock; /* guards what follows */
    bool failed, failed_building;
    struct mr_error error;
    char error_text[4096];
    bool busy; /* a run or a query is under way */
    bool stopping;
    struct mr_query *running;
    struct mr_text progress;
    struct mr_api_held *held;
};

/* ---- job.c ---- */
/* 0, or the code of the job's error; MR_E_MEMORY for NULL. */
int mr_api_failed(struct millrace_job *job);
/* Keeps the error if it is the job's first. building: it can never be cleared. Returns error->code. */
int mr_api_fail(struct millrace_job *job, const struct mr_error *error, bool building);
int mr_api_fail_memory(struct millrace_job *job, bool building);
/* "key", "value", …, NULL as options in the job's arena. MR_E_USAGE when a value is missing. */
int mr_api_options(struct millrace_job *job, const char *const *pairs, const struct mr_option **out,
                   int *count, struct mr_error *error);
/* Keeps a memory stream, or a table, until the job is freed; takes the reference over. From any thread. */
int mr_api_hold(struct millrace_job *job, struct mr_memory_stream *stream, struct mr_memory_table *table,
                struct mr_error *error);
/* text cut into out as snprintf does it; its whole length. */
size_t mr_api_put(char *out, size_t size, struct mr_str text);

/* ---- stream.c ---- */
/* A query of our own making over streams, as a stream. file: what errors call the text. NULL: the job has the
 * error. */
struct millrace_stream *mr_api_query_stream(struct millrace_job *job, const char *file, const char *text);
/* A stream of its own over another one's rows, with these keys (as after SELECT) in front of all columns;
 * their number. Negative: the job has the error, or there is no stream. */
int mr_api_keyed_stream(struct millrace_stream *stream, const char *call, const char *keys,
                        struct millrace_stream **out);
/* Reads options given as arguments; NULL without memory. The array is the caller's, freed by mr_free. */
const char **mr_api_pairs(va_list arguments);

/* ---- plan.c ---- */
struct mr_api_planning {
    struct millrace_job *job;
    struct mr_session session;
    bool batch;             /* streams are read whole */
    const char *checkpoint; /* schemas are kept in it; NULL: nowhere */
    struct mr_catalog catalog;
    struct mr_sql_environment environment;
    struct mr_arena arena;
    struct {
        const struct millrace_stream *stream;
        struct mr_source *source;
        int references;
    } * opened;
    int opened_count;
};
/* Session and environment, for mr_sql_analyse. To be ended in any case. planning stays where it is meanwhile.
 */
int mr_api_plan_begin(struct mr_api_planning *planning, struct millrace_job *job, bool batch,
                      const char *checkpoint, struct mr_error *error);
/* After the last mr_sql_plan_job: sources that several plans read give all their columns. */
void mr_api_plan_share(struct mr_api_planning *planning);
void mr_api_plan_end(struct mr_api_planning *planning);
/* The whole job with its sinks into target, which is released after an error. */
int mr_api_plan(struct millrace_job *job, struct mr_job *target, const char *checkpoint,
                struct mr_error *error);

/* ---- run.c ---- */
/* MR_E_USAGE while a run or a query is under way; otherwise that is so until mr_api_leave. */
int mr_api_enter(struct millrace_job *job, struct mr_error *error);
void mr_api_leave(struct millrace_job *job);
/* The pool the setting asks for; NULL (and MR_OK): none was asked for. */
int mr_api_pool(struct millrace_job *job, struct mr_pool **out, struct mr_error *error);

/* ---- rows.c ---- */
struct millrace_rows {
    struct mr_batch batch; /* its length is their number */
    bool is_part;          /* of the columns' rows: */
    int64_t first;         /* from this one on */
    const struct mr_zone *zone;
    int64_t number; /* micro-batch; -1: none */
    char query_id[37];
    struct mr_memory_table *table; /* whose types the columns have; NULL: somebody else sees to that */
};

/* ---- callback.c ---- */
extern const struct mr_sink_type mr_api_callback_sink; /* sink->ctx: its struct mr_api_output, before open */

/* ---- arrow_export.c, arrow_schema.c, arrow_import.c ---- */
/* rows tell which columns of text need large offsets. */
int mr_arrow_export_schema(const struct mr_batch *rows, const struct mr_zone *zone, struct ArrowSchema *out,
                           struct mr_error *error);
int mr_arrow_export(const struct mr_batch *rows, struct ArrowArray *out, struct mr_error *error);
/* The Spark type that values of an Arrow type become. In the arena; a struct's fields are nullable. */
int mr_arrow_type(struct mr_arena *arena, const struct ArrowSchema *schema, const struct mr_type **out,
                  struct mr_error *error);
/* The same type with everything in it nullable. */
int mr_arrow_nullable(struct mr_arena *arena, const struct mr_type *type, const struct mr_type **out,
                      struct mr_error *error);
/* Copies a struct array into a batch of that schema; fields are matched by name. */
int mr_arrow_import(const struct ArrowSchema *schema, const struct ArrowArray *array,
                    const struct mr_type *to, struct mr_batch *out, struct mr_error *error);

#endif
