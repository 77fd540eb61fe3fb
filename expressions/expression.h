/* expressions/expression.h: typed expression trees and their vectorized evaluation.
 *
 * Plan: struct mr_expression, immutable, in an arena, made by the constructors below, which do Spark's type
 * resolution and coercion (so that SQL and the C API share it). State: struct mr_evaluator, one per task,
 * which owns scratch and compiled things (regexes, formats, expanded constants).
 *
 * Evaluation is a column at a time under a selection: rows outside the selection are never looked at, so that
 * ANSI errors arise only on rows that count (CASE, AND/OR, COALESCE, IF evaluate their branches on the rows
 * that reach them, WHERE shields what follows). */
#ifndef MR_EXPRESSIONS_EXPRESSION_H
#define MR_EXPRESSIONS_EXPRESSION_H

#include "columns/value.h"

enum mr_expression_kind {
    MR_EXPR_COLUMN,   /* field `column` of the input batch */
    MR_EXPR_LITERAL,  /* row 0 of `literal` */
    MR_EXPR_CALL,     /* function over arguments; casts, operators, CASE, field access are functions too */
    MR_EXPR_LAMBDA,   /* arguments[0] is the body; higher-order functions only */
    MR_EXPR_VARIABLE, /* lambda variable `column` */
};
struct mr_function;
struct mr_sql_text {  /* where an expression was written; for carets under run-time errors */
    const char *file; /* "" for text without a file */
    const char *text; /* the whole statement or file, NUL-terminated */
};
struct mr_expression {
    enum mr_expression_kind kind;
    const struct mr_type *type;
    bool nullable;
    bool deterministic, foldable;
    bool implicit; /* a cast that coercion put in: names and messages show its argument instead */
    int column;
    /* COLUMN: the field's name; LITERAL: its text, if not plain; CALL: as written, lower case, when not
     * function->name; else NULL */
    const char *name;
    /* what names show instead of this (a call that resolution rewrote); NULL: itself */
    const struct mr_expression *shown;
    const struct mr_column *literal;
    const struct mr_function *function;
    const struct mr_expression *const *arguments;
    int argument_count;
    const void *bound; /* what the function's resolve left: kernel choice, field index, unit, ... */
    const struct mr_sql_text *origin; /* NULL: not from SQL */
    uint32_t sql_start, sql_stop;     /* byte range in origin->text */
};

/* What resolution and evaluation may depend on. One per query, immutable while it runs, but for the batch_*
 * fields, which the runtime sets before each micro-batch (invariant 10: time and randomness are read once per
 * batch and recorded with it). */
struct mr_session {
    const struct mr_zone *zone; /* spark.sql.session.timeZone */
    bool ansi;                  /* spark.sql.ansi.enabled */
    bool case_sensitive;        /* spark.sql.caseSensitive */
    const char *user;           /* current_user() */
    const char *catalog, *database;
    int64_t batch_time_us; /* current_timestamp() */
    uint64_t batch_seed;   /* rand(), uuid() */
};

/* ---- constructors. Trees and types live in the arena. Errors are Spark's analysis errors
 * (DATATYPE_MISMATCH.…, UNRESOLVED_ROUTINE,
 *      WRONG_NUM_ARGS.WITHOUT_SUGGESTION, …), with the SQL range of the offending node when `at` is given.
 *      ---- */
struct mr_expression_builder {
    struct mr_arena *arena;
    const struct mr_session *session;
    /* set by the caller before each call, as are start and stop; may be NULL */
    const struct mr_sql_text *origin;
    uint32_t sql_start, sql_stop;
};
int mr_expression_column(struct mr_expression_builder *b, const struct mr_type *schema, int column,
                         const struct mr_expression **out, struct mr_error *error);
/* Row 0 of value, copied into the arena. */
int mr_expression_literal(struct mr_expression_builder *b, struct mr_column *value,
                          const struct mr_expression **out, struct mr_error *error);
int mr_expression_null(struct mr_expression_builder *b, const struct mr_expression **out,
                       struct mr_error *error);
int mr_expression_bool(struct mr_expression_builder *b, bool value, const struct mr_expression **out,
                       struct mr_error *error);
int mr_expression_i64(struct mr_expression_builder *b, const struct mr_type *type, int64_t value,
                      /* any integer, date, timestamp, interval type */
                      const struct mr_expression **out, struct mr_error *error);
int mr_expression_string(struct mr_expression_builder *b, struct mr_str value,
                         const struct mr_expression **out, struct mr_error *error);
/* Spark's function or operator by name ("+", "=", "<=>", "and", "not", "upper", "case", "in", "cast" is
 * separate), arguments coerced. "case" takes cond, value, cond, value, …, [else]. "." takes (struct, literal
 * name), "[]" takes (array|map|struct, key). Aggregate functions are refused here: see aggregate.h. */
int mr_expression_call(struct mr_expression_builder *b, struct mr_str name,
                       const struct mr_expression *const *arguments, int count,
                       const struct mr_expression **out, struct mr_error *error);
/* ANSI cast; with try_cast malformed input gives NULL. DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION when
 * there is no such cast. */
int mr_expression_cast(struct mr_expression_builder *b, const struct mr_expression *value,
                       const struct mr_type *to, bool try_cast, const struct mr_expression **out,
                       struct mr_error *error);
/* The implicit cast of an INSERT (ANSI store assignment): refuses lossy pairs with
 * INCOMPATIBLE_DATA_FOR_TABLE.… */
int mr_expression_store_assign(struct mr_expression_builder *b, const struct mr_expression *value,
                               const struct mr_type *to, const char *column_name,
                               const struct mr_expression **out, struct mr_error *error);
/* Least common type as UNION, CASE, COALESCE, arrays use it; NULL when there is none. */
const struct mr_type *mr_type_common(struct mr_arena *arena, const struct mr_type *a,
                                     const struct mr_type *b);
/* The same tree with column i replaced by replacements[i] (projection collapsing, pushing filters down). */
int mr_expression_substitute(struct mr_arena *arena, const struct mr_expression *e,
                             const struct mr_expression *const *replacements,
                             const struct mr_expression **out, struct mr_error *error);
/* used[i] |= column i occurs; used has room for the input's columns. */
void mr_expression_columns_used(const struct mr_expression *e, bool *used);
bool mr_expression_equal(const struct mr_expression *a, const struct mr_expression *b);
/* Spark's automatic column name for an expression, e.g. "count(1)", "(a + 1)", "upper(k)". */
void mr_expression_name(struct mr_text *out, const struct mr_expression *e, const struct mr_type *input);
/* A stable text for plan fingerprints (independent of addresses, positions and spelling of SQL). */
void mr_expression_fingerprint(struct mr_text *out, const struct mr_expression *e);
/* Literal when foldable, evaluated now (errors reported); otherwise e itself. */
int mr_expression_fold(struct mr_expression_builder *b, const struct mr_expression *e,
                       const struct mr_expression **out, struct mr_error *error);

/* ---- evaluation ---- */
struct mr_evaluator;
/* count expressions over one input schema; common subexpressions are computed once per batch. session is
 * kept. */
int mr_evaluator_open(struct mr_evaluator **out, const struct mr_expression *const *expressions, int count,
                      const struct mr_session *session, struct mr_error *error);
/* out[i]: a new reference to expression i's column, of batch->length rows, defined on the selected rows only
 * (elsewhere initialised, any value). Errors (MR_E_DATA) carry Spark's condition and the SQL range. */
int mr_evaluator_run(struct mr_evaluator *evaluator, const struct mr_batch *batch,
                     const struct mr_selection *rows, struct mr_column **out, struct mr_error *error);
/* Rows where the (single, BOOLEAN) expression is TRUE, among `rows`; out_rows has room for batch->length. */
int mr_evaluator_filter(struct mr_evaluator *evaluator, const struct mr_batch *batch,
                        const struct mr_selection *rows, int32_t *out_rows, int64_t *out_count,
                        struct mr_error *error);
void mr_evaluator_close(struct mr_evaluator *evaluator);

#endif
