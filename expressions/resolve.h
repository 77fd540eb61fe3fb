/* expressions/resolve.h: what a function's resolve works with: coercion of arguments, constants, and Spark's
 * analysis errors.
 *
 * Every int result is MR_OK or an error that is already filled, with the SQL range of the call. */
#ifndef MR_EXPRESSIONS_RESOLVE_H
#define MR_EXPRESSIONS_RESOLVE_H

#include "base/option.h"
#include "expressions/function.h"

/* ---- coercion ---- */
/* Argument i as `type`, by Spark's implicit cast of function arguments (NULL and STRING go to any atomic
 * type, atomic types to STRING, numbers widen, …). DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE when there is
 * none. A DECIMAL target takes any number. */
int mr_resolve_cast(struct mr_resolve *r, int i, const struct mr_type *type, struct mr_error *error);
/* The same without asking whether Spark would do it implicitly: any cast that exists. */
int mr_resolve_force(struct mr_resolve *r, int i, const struct mr_type *type, struct mr_error *error);
/* Would mr_resolve_cast go from one type to the other? */
bool mr_resolve_castable(const struct mr_type *from, const struct mr_type *to);
int mr_resolve_all(struct mr_resolve *r, const struct mr_type *type, struct mr_error *error);
int mr_resolve_all_strings(struct mr_resolve *r, struct mr_error *error);
/* Arguments first .. last (inclusive; last -1: to the end) get their least common type, which is also given
 * back. DATATYPE_MISMATCH.DATA_DIFF_TYPES when there is none. */
int mr_resolve_common(struct mr_resolve *r, int first, int last, const struct mr_type **out,
                      struct mr_error *error);
/* Sets the result type; nullable keeps its default (any argument is) unless the function's flags say
 * otherwise. */
int mr_resolve_fixed(struct mr_resolve *r, const struct mr_type *result);
/* Most functions need no resolve of their own but a signature, one letter per argument, '>' and the result:
 *   b i l d s x D T N y z  coerced to BOOLEAN INT BIGINT DOUBLE STRING BINARY DATE TIMESTAMP TIMESTAMP_NTZ,
 *                          INTERVAL YEAR TO MONTH, INTERVAL DAY TO SECOND
 *   B  STRING or BINARY as it is, else STRING
 *   I  any integral as it is (STRING: BIGINT)
 *   n  any number as it is (STRING: DOUBLE)
 *   c  DECIMAL as it is, integrals to the DECIMAL that holds them
 *   t  TIMESTAMP or TIMESTAMP_NTZ as it is, else TIMESTAMP
 *   o  any atomic type as it is        a  anything as it is
 *   A  ARRAY, M MAP, S STRUCT, as they are
 *   *  after a letter: and any number more of those
 *   ?  the arguments that follow may be missing
 *   result: a letter of the first line, or a digit (the coerced type of that argument, 1 is the first), or
 *   "[s]": ARRAY<STRING>.
 * "Bii>1" is substring. */
int mr_resolve_signature(struct mr_resolve *r, const char *signature, struct mr_error *error);

/* ---- constants ---- */
/* The value (row 0) of argument i when it can be computed now, in the builder's arena; NULL when it cannot
 * (it depends on a row). */
int mr_resolve_constant(struct mr_resolve *r, int i, const struct mr_column **out, struct mr_error *error);
/* The text of constant STRING argument i; {NULL,0} when it is NULL. DATATYPE_MISMATCH.NON_FOLDABLE_INPUT
 * when it is not constant. */
/* The entries of a map of strings but for those that are NULL, as options in the builder's arena. */
int mr_resolve_options(struct mr_resolve *r, const struct mr_column *map, const struct mr_option **out,
                       int *count, struct mr_error *error);
int mr_resolve_constant_string(struct mr_resolve *r, int i, struct mr_str *out, struct mr_error *error);
int mr_resolve_constant_i64(struct mr_resolve *r, int i, int64_t *out, bool *is_null, struct mr_error *error);

/* Another expression in the place of this call: shows as the call in names. r->rewritten is set. */
int mr_resolve_rewrite(struct mr_resolve *r, const char *function,
                       const struct mr_expression *const *arguments, int count, struct mr_error *error);

/* ---- analysis errors, all with code MR_E_SQL ---- */
/* required: as Spark shows it, e.g. "\"STRING\"" or "(\"STRING\" or \"BINARY\")". i counts from 0. */
int mr_resolve_unexpected_type(struct mr_resolve *r, int i, const char *required, struct mr_error *error);
/* …BINARY_OP_DIFF_TYPES */
int mr_resolve_binary_diff_types(struct mr_resolve *r, struct mr_error *error);
/* …BINARY_OP_WRONG_TYPE */
int mr_resolve_binary_wrong_type(struct mr_resolve *r, const char *required, struct mr_error *error);
/* …DATA_DIFF_TYPES */
int mr_resolve_data_diff_types(struct mr_resolve *r, int first, int last, struct mr_error *error);
int mr_resolve_non_foldable(struct mr_resolve *r, int i, const char *argument_name, struct mr_error *error);
/* WRONG_NUM_ARGS.WITHOUT_SUGGESTION */
int mr_resolve_wrong_count(struct mr_resolve *r, const char *expected, struct mr_error *error);
/* Any other condition: code MR_E_SQL, the range of the call, parameter sqlExpr when the condition is a
 * DATATYPE_MISMATCH. */
int mr_resolve_error(struct mr_resolve *r, struct mr_error *error, const char *condition, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
/* Marks the builder's SQL range on an error. Returns error->code. */
int mr_builder_error_at(const struct mr_expression_builder *b, struct mr_error *error);

/* ---- types ---- */
/* The DECIMAL that holds any value of a numeric type (INT: 10,0; DOUBLE: 30,15; …). */
const struct mr_type *mr_type_as_decimal(struct mr_arena *arena, const struct mr_type *type);
/* DECIMAL(p,s) adjusted into 38 digits as Spark does (at least 6 of the scale are kept). */
const struct mr_type *mr_type_decimal_adjusted(struct mr_arena *arena, int precision, int scale);
/* Wider of two numeric types as binary operators see it; NULL when one is not numeric. */
const struct mr_type *mr_type_wider_number(struct mr_arena *arena, const struct mr_type *a,
                                           const struct mr_type *b);
/* The same type with everything in it nullable but the keys of maps: what is read from messages may be
 * missing. NULL without memory. */
const struct mr_type *mr_type_as_nullable(struct mr_arena *arena, const struct mr_type *type);
bool mr_type_is_orderable(const struct mr_type *type); /* no MAP inside */

#endif
