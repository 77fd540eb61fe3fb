/* base/error.h: what a call that can fail gives back.
 *
 * A call that can fail returns an int: MR_OK (0), a positive *status* that is no error (MR_END, MR_FULL,
 * MR_BLOCKED), or a negative *code* below. With a negative code the caller-owned struct mr_error is filled;
 * reporting never allocates, so an error can be reported when memory is gone. Nobody parses codes or messages
 * to decide what to do next: the flags say it. The condition is Spark's (reference: Spark's error classes),
 * the wording is ours. */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mr_status {
    MR_OK = 0,
    MR_END = 1,     /* no more: end of a split, a file, an iterator */
    MR_FULL = 2,    /* a bounded queue takes no more now; drain it and come again */
    MR_BLOCKED = 3, /* nothing now, perhaps later */
};

#define MR_ERROR_CODES(X)                                                                                    \
    X(USAGE, -1, "wrong use of a command, an option or an API call")                                         \
    X(SQL, -2, "the SQL text is wrong: syntax, names, types, unsupported query")                             \
    X(DATA, -3, "input data are malformed, or an expression failed on a row")                                \
    X(IO, -4, "the operating system, a disk or a network said no")                                           \
    X(MEMORY, -5, "out of memory")                                                                           \
    X(PROTOCOL, -6, "the outside world broke the promise the query rests on; it stops")                      \
    X(CONFLICT, -7, "somebody else changed the target; the same request may succeed when repeated")          \
    X(UNSUPPORTED, -8, "a feature that is known and not supported")                                          \
    X(CANCELLED, -9, "stopped on request")                                                                   \
    X(SCHEMA_CHANGED, -10, "the source's schema grew and was recorded; start the flow again")                \
    X(CORRUPT, -11, "a file of ours or of a table is damaged")                                               \
    X(INTERNAL, -12, "a bug in Millrace")

enum mr_error_code {
#define X(name, value, meaning) MR_E_##name = value,
    MR_ERROR_CODES(X)
#undef X
};

enum mr_error_flag {
    MR_RETRIABLE = 1, /* the same call may succeed later */
    MR_FATAL = 2,     /* this object is not usable any more; drop it and recover */
    MR_AMBIGUOUS = 4, /* it may have happened all the same: look before repeating or undoing */
};

struct mr_error {
    int code; /* an mr_error_code, or 0 */
    uint32_t flags;
    int sys_errno;         /* 0 where no system call is to blame */
    char condition[112];   /* Spark's condition name, e.g. "DIVIDE_BY_ZERO"; never empty when code is set */
    char sqlstate[6];      /* from the condition; "XXKM0" where Spark has none */
    char message[1024];    /* one or two sentences: what happened, and the remedy */
    char parameters[1024]; /* name\0value\0 ... \0: Spark's message parameters */
    size_t parameters_size;
    char file[512];               /* data, SQL or log file it happened in; "" unknown */
    int64_t line, column;         /* 1-based; 0 unknown */
    int64_t offset;               /* byte offset in the file; -1 unknown */
    char excerpt[512];            /* the SQL line and a caret line under the piece, ready to print; "" none */
    uint32_t sql_start, sql_stop; /* byte range in the statement's text; 0,0 unknown */
};

void mr_error_clear(struct mr_error *error);
/* Fills *error and returns code, so that `return mr_error_set(...)` is the usual form. sqlstate is looked up
 * from the condition (base/conditions.def). The message is cut, never refused, when too long. */
int mr_error_set(struct mr_error *error, int code, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a failed system call: code IO, ENOSPC/EDQUOT and EMFILE/ENFILE/ENOMEM marked retriable. The
 * message becomes "what: why", and what to do where that is known. */
int mr_error_system(struct mr_error *error, int sys_errno, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What a user does about it, a sentence behind ". "; "" where there is nothing to say. */
const char *mr_error_remedy(int sys_errno);
int mr_error_memory(struct mr_error *error, size_t size_bytes);
void mr_error_parameter(struct mr_error *error, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One of them; NULL: there is none of that name. */
const char *mr_error_parameter_find(const struct mr_error *error, const char *name);
/* Where in the data: file may be NULL (kept as it was), line/column 0 and offset -1 where unknown. Keeps what
 * an inner call has already set. Returns error->code. */
int mr_error_at(struct mr_error *error, const char *file, int64_t line, int64_t column, int64_t offset);
/* Under the offending SQL: fills line, column and excerpt from text[start, stop). Returns error->code. */
int mr_error_in_sql(struct mr_error *error, const char *file, const char *text, size_t start, size_t stop);
/* "[CONDITION] message SQLSTATE: 12345", then file, line and excerpt on lines of their own. Never overflows
 * out; returns the length it would have had. */
size_t mr_error_format(const struct mr_error *error, char *out, size_t out_size);
/* NULL where the condition is not Spark's. */
const char *mr_condition_sqlstate(const char *condition);

/* The four usual macros (WiredTiger): return on error; jump to err: on error. */
#define MR_TRY(call)                                                                                         \
    do {                                                                                                     \
        int mr_try_status_ = (call);                                                                         \
        if (mr_try_status_ < 0)                                                                              \
            return mr_try_status_;                                                                           \
    } while (0)
#define MR_ERR(call)                                                                                         \
    do {                                                                                                     \
        status = (call);                                                                                     \
        if (status < 0)                                                                                      \
            goto err;                                                                                        \
    } while (0)

#endif
