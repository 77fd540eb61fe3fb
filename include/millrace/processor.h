/* clang-format off */
/* millrace/processor.h: operators of the program's own, with state. Included by millrace/millrace.h.
 *
 * A processor groups a stream's rows by key. For every key that a micro-batch has rows of, its function gets
 * them, then its timers that are due; it reads and changes state that is the key's own (values, lists, maps),
 * sets timers, and emits rows. State is part of the checkpoint: what a micro-batch changed is decided with
 * the rows it emitted, and survives crashes, restarts, and another number of partitions. The rules are those
 * of Spark's transformWithState.
 *
 *   static int rows(struct millrace_call *call, const struct millrace_rows *logins)
 *   {
 *       const struct millrace_rows *before = millrace_value_get(call, "failures");
 *       int64_t failures = before ? millrace_rows_int(before, 0, 0) : 0;
 *       for (int64_t i = 0; i < millrace_rows_count(logins); i++)
 *           failures += millrace_rows_int(logins, i, 1) == 0;
 *       struct millrace_row *row = millrace_variable_row(call, "failures");
 *       millrace_row_int(row, 0, failures);
 *       return millrace_value_set(call, "failures", row);
 *   }
 *   …
 *   static const struct millrace_variable variables[] = {{"failures", MILLRACE_VALUE, "n BIGINT"}, {0}};
 *   s = millrace_process(s, &(struct millrace_processor){.keys = "user", .output = "user STRING, n BIGINT",
 *                                                        .variables = variables, .rows = rows});
 *
 * Functions of a processor run on worker threads of Millrace's: several at the same time for different keys,
 * one at a time for one key and for one object made by `open`. They must not call the job, but for those
 * calls that any thread may make; the calls below they may make with the `call` they were given, until they
 * return. A micro-batch that was not decided when the process died runs again: what functions do outside of
 * state and emitted rows may happen twice.
 *
 * Errors are sticky here too: after the first one every call does nothing and gives it (or NULL) back, and
 * the run ends with it whatever the function returns. So a function needs no checks. NULL for a row is
 * allowed after an error only. */
/* clang-format on */
#ifndef MILLRACE_PROCESSOR_H
#define MILLRACE_PROCESSOR_H

#ifndef MILLRACE_MILLRACE_H
#error "include millrace/millrace.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct millrace_call; /* a call of a function: one key */
struct millrace_row;  /* a row to be filled in */

enum millrace_time_mode {
    MILLRACE_TIME_NONE = 0, /* no timers */
    /* Timers go by the watermark, which the stream must have; rows that are older than it are dropped. */
    MILLRACE_EVENT_TIME = 1,
    /* Timers, and what variables keep for a while, go by the time of the micro-batch. */
    MILLRACE_PROCESSING_TIME = 2
};

enum millrace_variable_kind {
    MILLRACE_VALUE = 0,  /* one row */
    MILLRACE_LIST = 1,   /* rows in the order they were appended */
    MILLRACE_MAP = 2,    /* rows by key */
    MILLRACE_REMOVED = 3 /* forgets, for all keys, what the checkpoint holds under the name; no error when it
                            holds nothing */
};
struct millrace_variable {
    const char *name;
    enum millrace_variable_kind kind;
    const char *columns;     /* of its rows, as DDL: "n BIGINT, last TIMESTAMP" */
    const char *key_columns; /* of a map's keys, as DDL */
    /* With processing time: a value, an element, an entry is gone this long after it was put last, in
     * microseconds; 0: never. */
    int64_t ttl_us;
};

struct millrace_processor {
    /* The key's columns, as after SELECT: "user", "user, window.start AS day". Keys may be NULL, as a group
     * may. Not changed over a checkpoint, nor is time_mode. */
    const char *keys;
    const char *output; /* columns of the rows it emits, as DDL */
    /* With event time: the column of the output, a TIMESTAMP, that is the event time of what is made of the
     * rows (windows, say), with the stream's watermark. A row emitted that is older than the watermark is an
     * error: EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED. NULL: they have none. */
    const char *event_time;
    enum millrace_time_mode time_mode;
    /* Ended by one without a name; NULL: none. Over a checkpoint they may come and go: a variable that is not
     * declared keeps what it holds. Kind and types of one that the checkpoint knows do not change. */
    const struct millrace_variable *variables;
    /* Gets the rows of a key (all columns of the stream) in the order the partition got them: all of a
     * micro-batch in one call, unless they are too many for the memory limit. Not 0: the run ends. */
    int (*rows)(struct millrace_call *call, const struct millrace_rows *rows);
    /* A timer is due; it is gone when this returns. NULL: nothing happens then. */
    int (*timer)(struct millrace_call *call, int64_t at_us);
    /* An object for a partition's calls (millrace_call_context), and its end; NULL: calls get ctx. open
     * returns NULL when it cannot. Before the first micro-batch and after the last; no call is there. */
    void *(*open)(void *ctx);
    void (*close)(void *object);
    void *ctx;
};
/* The rows that the processor emits. What the struct points at is copied, ctx is not. Update mode: as append,
 * the rows have no key that they could replace each other by. A stream that several others are made of is
 * processed for each of them, with state of its own. Errors when the job is checked or run: names and types
 * of keys; STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE, STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE,
 * STATE_STORE_INVALID_VARIABLE_TYPE_CHANGE, STATE_STORE_INVALID_CONFIG_AFTER_RESTART: the checkpoint holds it
 * otherwise; TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR: a function said no. */
MILLRACE_API struct millrace_stream *millrace_process(struct millrace_stream *stream,
                                                      const struct millrace_processor *processor);

/* ---- the call ---- */
/* One row: the key. */
MILLRACE_API const struct millrace_rows *millrace_call_key(struct millrace_call *call);
/* What open made, or ctx. */
MILLRACE_API void *millrace_call_context(struct millrace_call *call);
/* The micro-batch's time and its watermark, microseconds since 1970-01-01 UTC; the watermark is INT64_MIN
 * without one, and 0 before there were rows. */
MILLRACE_API int64_t millrace_call_time_us(struct millrace_call *call);
MILLRACE_API int64_t millrace_call_watermark_us(struct millrace_call *call);
/* Ends the run with a message of the program's; returns what the function is to return. */
MILLRACE_API int millrace_call_fail(struct millrace_call *call, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* ---- rows to be filled in ---- */
/* An empty row, all NULL: of the output, of a variable's columns, of a map's keys. It is the call's, and the
 * same one (empty again) each time. */
MILLRACE_API struct millrace_row *millrace_output_row(struct millrace_call *call);
MILLRACE_API struct millrace_row *millrace_variable_row(struct millrace_call *call, const char *variable);
MILLRACE_API struct millrace_row *millrace_map_key_row(struct millrace_call *call, const char *variable);
/* Columns are numbered from 0. Integers into BOOLEAN, numbers, DATE, TIMESTAMP and intervals (units as in
 * millrace_rows_int), doubles into numbers, bytes into STRING and BINARY. Errors: INVALID_PARAMETER_VALUE (no
 * such column, another type), ARITHMETIC_OVERFLOW. */
MILLRACE_API void millrace_row_int(struct millrace_row *row, int column, int64_t value);
MILLRACE_API void millrace_row_double(struct millrace_row *row, int column, double value);
MILLRACE_API void millrace_row_bytes(struct millrace_row *row, int column, const char *data, size_t size);
/* Bytes up to a NUL; NULL: NULL. */
MILLRACE_API void millrace_row_text(struct millrace_row *row, int column, const char *text);
/* A value of the same type, any type, from rows. */
MILLRACE_API void millrace_row_copy(struct millrace_row *row, int column, const struct millrace_rows *from,
                                    int64_t from_row, int from_column);

/* Puts the row out. */
MILLRACE_API int millrace_emit(struct millrace_call *call, struct millrace_row *row);

/* ---- state: of the key ---- */
/* Rows given out are valid until the next call that reads the same variable (get, next); changes leave them
 * alone. */

/* A value's row; NULL: there is none. */
MILLRACE_API const struct millrace_rows *millrace_value_get(struct millrace_call *call, const char *variable);
MILLRACE_API int millrace_value_set(struct millrace_call *call, const char *variable,
                                    struct millrace_row *row);

/* Costs the same however long the list is. */
MILLRACE_API int millrace_list_append(struct millrace_call *call, const char *variable,
                                      struct millrace_row *row);
/* The list's next elements, some hundreds at a time: 1 and *elements, or 0 at the end. *elements NULL: from
 * the start. Elements appended since then are not seen.
 *
 *   const struct millrace_rows *elements = NULL;
 *   while (millrace_list_next(call, "events", &elements))
 *       for (int64_t i = 0; i < millrace_rows_count(elements); i++)
 *           … */
MILLRACE_API int millrace_list_next(struct millrace_call *call, const char *variable,
                                    const struct millrace_rows **elements);

/* The entry's row; NULL: there is none. */
MILLRACE_API const struct millrace_rows *millrace_map_get(struct millrace_call *call, const char *variable,
                                                          struct millrace_row *key);
MILLRACE_API int millrace_map_put(struct millrace_call *call, const char *variable, struct millrace_row *key,
                                  struct millrace_row *row);
MILLRACE_API int millrace_map_remove(struct millrace_call *call, const char *variable,
                                     struct millrace_row *key);
/* As millrace_list_next, in the order of the keys: row i of *keys belongs to row i of *values. Entries put
 * since the start may be seen. *keys NULL: from the start. */
MILLRACE_API int millrace_map_next(struct millrace_call *call, const char *variable,
                                   const struct millrace_rows **keys, const struct millrace_rows **values);

/* Forgets the value, all elements, or all entries. */
MILLRACE_API int millrace_variable_clear(struct millrace_call *call, const char *variable);

/* ---- timers: of the key ---- */
/* A key has at most one timer of a time. With event time it fires in the first micro-batch whose watermark is
 * not before it, with processing time in the first micro-batch whose time is not; there is one for it alone
 * if no rows come (unless spark.sql.streaming.noDataMicroBatches.enabled is false). What is set while timers
 * fire and is due already fires in the next micro-batch. */
MILLRACE_API int millrace_timer_set(struct millrace_call *call, int64_t at_us);
MILLRACE_API int millrace_timer_delete(struct millrace_call *call, int64_t at_us); /* none there: no error */
/* The key's timers, earliest first, the one that fires included: 1 and *at_us, or 0 at the end. *at_us
 * INT64_MIN: from the start. */
MILLRACE_API int millrace_timer_next(struct millrace_call *call, int64_t *at_us);

#ifdef __cplusplus
}
#endif

#endif
