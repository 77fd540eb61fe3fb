/* clang-format off */
/* millrace/millrace.h: Millrace inside a C or C++ program.
 *
 * A job is built by chaining: a source gives a stream, operators make streams of streams, a sink takes one;
 * SQL may stand at any place of the chain. Then the job is run: micro-batch after micro-batch, each read row
 * reaching a Delta table exactly once, through any number of crashes and restarts with the same checkpoint
 * directory.
 *
 *   struct millrace_job *job = millrace_job_new("revenue");
 *   struct millrace_stream *s;
 *   s = millrace_read(job, "files", "path", "landing", "format", "json",
 *                     "schema", "product STRING, amount DECIMAL(10,2), at TIMESTAMP", NULL);
 *   s = millrace_watermark(millrace_filter(s, "amount > 0"), "at", "30 seconds");
 *   s = millrace_group(s, "window(at, '1 minute') AS minute, product",
 *                      "count(*) AS orders, sum(amount) AS revenue");
 *   millrace_write(s, "delta", "path", "tables/revenue", NULL);
 *   if (millrace_job_run(job, MILLRACE_AVAILABLE_NOW, "checkpoints/revenue") < 0)
 *       fprintf(stderr, "%s\n", millrace_error_text(job));
 *   millrace_job_free(job);
 *
 * Errors are sticky: the first one stays with the job, every later call does nothing and gives it (or NULL)
 * back, so a chain needs one check, at its end. NULL for a job or a stream is allowed everywhere and does
 * nothing.
 *
 * Threads: one thread at a time builds, runs and frees a job; different jobs are independent. From any
 * thread, also while the job runs: millrace_job_stop, millrace_job_wake, millrace_job_progress,
 * millrace_memory_append, millrace_memory_append_json, millrace_memory_read. Not from signal handlers.
 *
 * Text is UTF-8, copied where it is kept. Expressions, types, time zones, functions and error conditions are
 * those of Spark SQL 4.2 in ANSI mode. */
/* clang-format on */
#ifndef MILLRACE_MILLRACE_H
#define MILLRACE_MILLRACE_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/arrow.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MILLRACE_API __attribute__((visibility("default")))
#define MILLRACE_SENTINEL __attribute__((sentinel))
#else
#define MILLRACE_API
#define MILLRACE_SENTINEL
#endif

#define MILLRACE_VERSION_MAJOR 0
#define MILLRACE_VERSION_MINOR 1
#define MILLRACE_VERSION_PATCH 0
/* Version of the library in use, "0.1.0". */
MILLRACE_API const char *millrace_version(void);

struct millrace_job;    /* sources, operators and sinks; runs them */
struct millrace_stream; /* a relation within a job; belongs to it and goes with it */
struct millrace_rows;   /* some rows, never changed */

/* What calls give back: 0, or why not. What to do next is better asked by millrace_error_is_retriable. */
enum millrace_result {
    MILLRACE_OK = 0,
    MILLRACE_USAGE = -1,  /* wrong use of a call, an option or a setting */
    MILLRACE_SQL = -2,    /* wrong SQL: syntax, names, types, a query that cannot be run as a stream */
    MILLRACE_DATA = -3,   /* malformed input, or an expression failed on a row */
    MILLRACE_IO = -4,     /* the operating system, a disk, or a callback said no */
    MILLRACE_MEMORY = -5, /* out of memory */
    MILLRACE_PROTOCOL =
        -6, /* table or checkpoint are not as this job left them: it stops instead of guessing */
    MILLRACE_CONFLICT = -7,    /* somebody else was there first; the same may succeed when repeated */
    MILLRACE_UNSUPPORTED = -8, /* known, and not supported */
    MILLRACE_CANCELLED = -9,   /* stopped on request */
    MILLRACE_SCHEMA = -10,     /* the input has new columns that could not be taken up */
    MILLRACE_CORRUPT = -11,    /* a file of a table or of the checkpoint is damaged */
    MILLRACE_INTERNAL = -12    /* a bug in Millrace */
};

/* ---- the job ---- */

/* A job without anything in it. name is shown in progress reports; NULL: none. NULL only without memory. */
MILLRACE_API struct millrace_job *millrace_job_new(const char *name);
/* Frees the job and its streams. It must not be running. Memory streams and tables that no other job holds
 * are forgotten; Arrow structures made from rows live on. */
MILLRACE_API void millrace_job_free(struct millrace_job *job);

/* A setting, before the job is run; as in a project's configuration where both have it. Of the session:
 * spark.sql.session.timeZone (the host's), spark.sql.ansi.enabled (true), spark.sql.caseSensitive (false),
 * spark.sql.streaming.multipleWatermarkPolicy (min), spark.sql.streaming.noDataMicroBatches.enabled (true),
 * spark.sql.streaming.statefulOperator.checkCorrectness.enabled (true; false: stateful operators above each
 * other are not refused in update and complete mode), millrace.base.directory (of relative paths; the working
 * directory). Of a run: pipelines.trigger.interval
 * ("10 seconds": with MILLRACE_CONTINUOUS, a micro-batch at most that often; none), millrace.workers
 * (threads; one per core), millrace.state.partitions (of keyed state; one per worker),
 * millrace.memory.limitMiB (1024), millrace.decision.microBatches (micro-batches that one decision covers at
 * most; no limit), millrace.checkpoint.retainEvery (keep a copy of the checkpoint every so many batches; 0),
 * millrace.checkpoint.retainCount (3), millrace.checkpoint.force (on a network file system all the same;
 * false), millrace.refresh (true: forget the checkpoint and empty the targets; false). Errors:
 * UNKNOWN_OPTION, INVALID_OPTION_VALUE, INVALID_TIMEZONE. */
MILLRACE_API int millrace_job_set(struct millrace_job *job, const char *key, const char *value);

/* ---- streams ---- */
/* Each of these returns a new stream (or, with millrace_name, the same), NULL after an error. A stream may be
 * used any number of times. Names and types are resolved when the job is checked or run; syntax is checked at
 * once. */

/* A source: kind "files", "kafka", "delta" or "memory", then its options, name after name and value, closed
 * by NULL. Options are those of docs/options.md, e.g. for files path, format, schema, maxFilesPerTrigger; for
 * delta path, startingVersion; for kafka bootstrapServers, subscribe; for memory stream (the name it is fed
 * by, see millrace_memory_append) and schema. Errors: DATA_SOURCE_NOT_FOUND, UNKNOWN_OPTION (when run). */
MILLRACE_API struct millrace_stream *millrace_read(struct millrace_job *job, const char *kind,
                                                   ...) MILLRACE_SENTINEL;
/* The same with the options in an array that ends with NULL; options NULL: none. */
MILLRACE_API struct millrace_stream *millrace_read_options(struct millrace_job *job, const char *kind,
                                                           const char *const *options);
/* A query: "SELECT … FROM STREAM read_files('landing', format => 'json') …". It reads streams by the names
 * that millrace_name gave them, and tables by path (STREAM delta.`/data/t`, or without STREAM as they are
 * now). Errors: PARSE_SYNTAX_ERROR, …, with a caret under the place. */
MILLRACE_API struct millrace_stream *millrace_sql(struct millrace_job *job, const char *sql);
/* Gives the stream a name under which SQL finds it; it may have several. Returns the stream. Error:
 * TABLE_OR_VIEW_ALREADY_EXISTS. */
MILLRACE_API struct millrace_stream *millrace_name(struct millrace_stream *stream, const char *name);

/* Rows for which the condition is TRUE. */
MILLRACE_API struct millrace_stream *millrace_filter(struct millrace_stream *stream, const char *condition);
/* Columns, as after SELECT: "*, amount * 2 AS twice". */
MILLRACE_API struct millrace_stream *millrace_select(struct millrace_stream *stream, const char *columns);
/* Declares the event time, a TIMESTAMP column or "expression AS name", and how late rows may be ("30
 * seconds"): what is older than the newest seen by more than that may be dropped, and groups older than that
 * are final. */
MILLRACE_API struct millrace_stream *millrace_watermark(struct millrace_stream *stream,
                                                        const char *event_time, const char *delay);
/* Groups and aggregates: columns are the keys, then the aggregates. keys "window(at, '1 minute') AS minute,
 * product"; NULL or "" makes one group of all. aggregates "count(*) AS orders, sum(amount) AS revenue". */
MILLRACE_API struct millrace_stream *millrace_group(struct millrace_stream *stream, const char *keys,
                                                    const char *aggregates);
/* Rows of both, columns matched by position, types brought together as UNION ALL does. */
MILLRACE_API struct millrace_stream *millrace_union(struct millrace_stream *a, struct millrace_stream *b);
/* The first row of each value of these columns ("order_id, product"; NULL or "": of all). Values are
 * remembered for ever; with the event time among them, until the watermark has passed it. */
MILLRACE_API struct millrace_stream *millrace_drop_duplicates(struct millrace_stream *stream,
                                                              const char *columns);
/* The same of a stream with a watermark, remembering each value until the watermark has passed the first
 * row's event time by the delay. */
MILLRACE_API struct millrace_stream *millrace_drop_duplicates_within_watermark(struct millrace_stream *stream,
                                                                               const char *columns);

/* millrace_process: an operator of the program's own, with state and timers: millrace/processor.h. */

/* The stream's columns as DDL text, "a BIGINT, b STRING": resolves it. Returns the length of the whole text,
 * of which at most size - 1 bytes and a NUL are put into out (which may be NULL when size is 0); 0 after an
 * error. */
MILLRACE_API size_t millrace_schema(struct millrace_stream *stream, char *out, size_t size);

/* ---- sinks ---- */

enum millrace_mode {
    MILLRACE_APPEND = 0,  /* rows that will not change any more */
    MILLRACE_UPDATE = 1,  /* rows that are new or changed since the micro-batch before */
    MILLRACE_COMPLETE = 2 /* all rows of the result, after every micro-batch */
};
/* The output mode of all of the job's sinks; append unless set. In update mode a row in a Delta table
 * replaces the one with equal grouping columns (which the rows must hold); rows of queries without grouping
 * are added. */
MILLRACE_API int millrace_output_mode(struct millrace_job *job, enum millrace_mode mode);

/* Puts the stream's rows into a sink: kind "delta" (options path, mergeSchema, partitionColumns, …), "memory"
 * (option table, the name it is read by, see millrace_memory_read) or "console" (numRows, truncate); then
 * options as millrace_read takes them. A job may have several sinks: they share each decision and become
 * visible one by one. The order of these calls identifies the sinks in the checkpoint: keep it. Errors:
 * DATA_SOURCE_NOT_FOUND; when run: UNKNOWN_OPTION, STREAMING_OUTPUT_MODE.…, what the target refuses. */
MILLRACE_API int millrace_write(struct millrace_stream *stream, const char *kind, ...) MILLRACE_SENTINEL;
MILLRACE_API int millrace_write_options(struct millrace_stream *stream, const char *kind,
                                        const char *const *options);

/* Gets some rows, which stay Millrace's and are gone when it returns (millrace_rows_arrow keeps them). Not 0:
 * it could not take them, and the run ends with FOREACH_BATCH_USER_FUNCTION_ERROR. */
typedef int (*millrace_rows_function)(void *ctx, const struct millrace_rows *rows);
/* Calls function with the rows of each decided micro-batch, in order, one call at a time, on a thread of
 * Millrace's. What was decided and is not known to be delivered (function returned not 0, or the process
 * died) is delivered again by the next run with the same checkpoint, perhaps with micro-batches before it
 * that were taken: same rows, same millrace_rows_batch, same millrace_rows_query_id. A receiver that keeps
 * these two with what it stores, and passes over what it has, has every row exactly once. function must not
 * call the job, but for those calls that any thread may make. */
MILLRACE_API int millrace_write_callback(struct millrace_stream *stream, millrace_rows_function function,
                                         void *ctx);

/* ---- running ---- */

enum millrace_trigger {
    MILLRACE_AVAILABLE_NOW = 0, /* all that is there at the start, then end */
    MILLRACE_CONTINUOUS = 1     /* whenever there is something new, until stopped */
};
/* Resolves and plans everything, as a run would, and writes nothing. */
MILLRACE_API int millrace_job_check(struct millrace_job *job);
/* Runs the job on this thread (and workers), to its end or until it is stopped, which is no error.
 * checkpoint: a directory of the job's own, made when missing, on a local disk; what was decided before is
 * published, then the job goes on behind it. A job may be run again. Errors leave tables and checkpoint
 * whole: run it again when they are retriable, or after the cause is removed and millrace_job_clear_error.
 * Among them: CHECKPOINT_LOCKED (another run uses it), STREAMING_QUERY_EVOLUTION_ERROR.… (the job has changed
 * too much for its checkpoint). */
MILLRACE_API int millrace_job_run(struct millrace_job *job, enum millrace_trigger trigger,
                                  const char *checkpoint);
/* The run ends when the micro-batch in hand is published; without a run, the next one ends at once. From any
 * thread. */
MILLRACE_API void millrace_job_stop(struct millrace_job *job);
/* There may be something new: look at once (jobs also notice by themselves). From any thread. */
MILLRACE_API void millrace_job_wake(struct millrace_job *job);

/* Gets each decided micro-batch's progress: one line of JSON, NUL-terminated, of Spark's
 * StreamingQueryProgress; valid during the call, which is made on the thread that runs the job and holds it
 * up. */
typedef void (*millrace_progress_function)(void *ctx, const char *json, size_t size);
MILLRACE_API void millrace_job_on_progress(struct millrace_job *job, millrace_progress_function function,
                                           void *ctx);
/* The latest progress, as above; out and the result as in millrace_schema; 0: none yet. From any thread. */
MILLRACE_API size_t millrace_job_progress(struct millrace_job *job, char *out, size_t size);

/* Answers a batch query over tables by path (delta.`/data/t`), files, memory tables (by name) and this job's
 * named streams (read whole, as they are now): function gets all rows, in the query's order, by one call on
 * this thread, once the query has succeeded; they are kept in memory until then. Not while the job runs. */
MILLRACE_API int millrace_query(struct millrace_job *job, const char *sql, millrace_rows_function function,
                                void *ctx);

/* ---- memory streams and tables ---- */
/* Streams that the program feeds, and tables that it reads, live in this process under names that all jobs
 * share, as long as a job that named them lives. They start empty with every process: use a new checkpoint
 * with them. */

/* Adds rows to the memory stream of that name, as one unit that a micro-batch takes whole. array: a struct
 * array, its fields the columns, matched by name; schema: its type, which must be that of the stream (a
 * stream that is not there yet is made of it). Both are released in any case. Any Arrow layout that has a
 * Spark type is taken: dictionaries, views, large offsets, all time units; time of day, unions and run-end
 * encoding are not. Errors: ARROW_TYPE_MISMATCH, ARROW_SCHEMA_FIELD_NAME_MISMATCH, UNSUPPORTED_ARROWTYPE,
 * PATH_NOT_FOUND. From any thread. */
MILLRACE_API int millrace_memory_append(struct millrace_job *job, const char *stream,
                                        struct ArrowSchema *schema, struct ArrowArray *array);
/* The same from text: JSON lines, read as the file source reads them with FAILFAST. The stream is there:
 * millrace_read made it with a schema. */
MILLRACE_API int millrace_memory_append_json(struct millrace_job *job, const char *stream, const char *lines,
                                             size_t size);
/* The rows of a memory table now: those of one micro-batch, or of all when batch is negative. *out is the
 * caller's, to be freed by millrace_rows_free; NULL when no job has written to the table yet (which is no
 * error). From any thread. */
MILLRACE_API int millrace_memory_read(struct millrace_job *job, const char *table, int64_t batch,
                                      struct millrace_rows **out);

/* ---- rows ---- */
/* Rows and columns are numbered from 0. A place that does not exist reads as NULL. Rows may be read by
 * several threads. */

MILLRACE_API int64_t millrace_rows_count(const struct millrace_rows *rows);
MILLRACE_API int millrace_rows_columns(const struct millrace_rows *rows);
/* The column's name, as long as the rows live; NULL: there is none. */
MILLRACE_API const char *millrace_rows_name(const struct millrace_rows *rows, int column);
/* The column of that name, without regard to ASCII case; -1: there is none. */
MILLRACE_API int millrace_rows_column(const struct millrace_rows *rows, const char *name);
/* The column's type as DDL text, "DECIMAL(10,2)"; out and the result as in millrace_schema. */
MILLRACE_API size_t millrace_rows_type(const struct millrace_rows *rows, int column, char *out, size_t size);

/* 1 when the value is NULL. */
MILLRACE_API int millrace_rows_is_null(const struct millrace_rows *rows, int64_t row, int column);
/* BOOLEAN and integers; DATE in days, TIMESTAMP and TIMESTAMP_NTZ in microseconds, since 1970-01-01 (UTC);
 * intervals in months or microseconds. 0 for NULL and for other types. */
MILLRACE_API int64_t millrace_rows_int(const struct millrace_rows *rows, int64_t row, int column);
/* Numbers, DECIMAL included. 0 for NULL and for other types. */
MILLRACE_API double millrace_rows_double(const struct millrace_rows *rows, int64_t row, int column);
/* STRING and BINARY: the bytes, as long as the rows live, without a NUL behind them; *size_bytes their
 * number. NULL for NULL and for other types. */
MILLRACE_API const char *millrace_rows_bytes(const struct millrace_rows *rows, int64_t row, int column,
                                             size_t *size_bytes);
/* Any value as text, as Spark's cast to STRING has it, in the session's time zone; "NULL" for NULL. out and
 * the result as in millrace_schema. */
MILLRACE_API size_t millrace_rows_text(const struct millrace_rows *rows, int64_t row, int column, char *out,
                                       size_t size);
/* A whole row as a JSON object; out and the result as in millrace_schema. */
MILLRACE_API size_t millrace_rows_json(const struct millrace_rows *rows, int64_t row, char *out, size_t size);

/* The micro-batch they belong to; -1: to none. */
MILLRACE_API int64_t millrace_rows_batch(const struct millrace_rows *rows);
/* The query's id, a UUID that stays with the checkpoint; "": none. */
MILLRACE_API const char *millrace_rows_query_id(const struct millrace_rows *rows);

/* Exports the rows: *schema and *array, a struct array, are filled, and the caller's to release or move.
 * Fixed-width columns are shared with the rows, not copied, and outlive them and the job. Types: booleans as
 * bits, STRING utf8 (large_utf8 beyond 2 GiB), DECIMAL decimal128, TIMESTAMP in microseconds with the
 * session's time zone, TIMESTAMP_NTZ without, intervals month_interval and duration, ARRAY list, MAP map,
 * STRUCT struct. MILLRACE_OK, MILLRACE_MEMORY, or MILLRACE_USAGE for NULL. */
MILLRACE_API int millrace_rows_arrow(const struct millrace_rows *rows, struct ArrowSchema *schema,
                                     struct ArrowArray *array);
/* Frees rows that are the caller's; NULL is fine. */
MILLRACE_API void millrace_rows_free(struct millrace_rows *rows);

/* ---- errors ---- */
/* Of the job's first error. Texts live as long as the job, or until millrace_job_clear_error; "" without an
 * error. */

/* An enum millrace_result. Of a NULL job: MILLRACE_MEMORY, for there is no other reason why there is none. */
MILLRACE_API int millrace_error_code(const struct millrace_job *job);
/* Spark's name of the condition: "DIVIDE_BY_ZERO". */
MILLRACE_API const char *millrace_error_condition(const struct millrace_job *job);
MILLRACE_API const char *millrace_error_sqlstate(const struct millrace_job *job);
MILLRACE_API const char *millrace_error_message(const struct millrace_job *job);
/* All of it, ready to print: "[CONDITION] message SQLSTATE: 12345", file and line, the SQL with a caret under
 * the place. */
MILLRACE_API const char *millrace_error_text(const struct millrace_job *job);
/* One of the condition's parameters, as Spark names them; NULL: there is none of that name. */
MILLRACE_API const char *millrace_error_parameter(const struct millrace_job *job, const char *name);
/* 1: the same run may succeed later (a full disk, a lock). */
MILLRACE_API int millrace_error_is_retriable(const struct millrace_job *job);
/* Forgets the error of a check, a run, a query, or an append, so that the job can be used again. An error of
 * building stays, and is given back: the job is not what was asked for. */
MILLRACE_API int millrace_job_clear_error(struct millrace_job *job);

#ifdef __cplusplus
}
#endif

#include "millrace/processor.h"

#endif
