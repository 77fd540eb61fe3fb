/* expressions/coercion.h: type rules that operators, casts and constructors share. See expressions/resolve.h
 * for the public ones. */
#ifndef MR_EXPRESSIONS_COERCION_H
#define MR_EXPRESSIONS_COERCION_H

#include "expressions/resolve.h"

/* DECIMAL(digits, 0) that an integral literal needs beside a DECIMAL; NULL when e is none. */
const struct mr_type *mr_type_decimal_of_literal(struct mr_arena *arena, const struct mr_expression *e);
/* Result type of a + - * / % b, both DECIMAL. */
const struct mr_type *mr_type_decimal_result(struct mr_arena *arena, char operator, const struct mr_type * a,
                                             const struct mr_type *b);
/* Spark makes one type of both before an operator that takes neither complains: BINARY_OP_WRONG_TYPE instead
 * of …_DIFF_TYPES. */
bool mr_types_alike(const struct mr_type *a, const struct mr_type *b);
bool mr_type_can_store_assign(const struct mr_type *from, const struct mr_type *to);

/* A cast node, or value itself when it has the type already. implicit: coercion's, not shown in names. No
 * check whether Spark would do it unasked; MR_E_SQL when there is no such cast at all. */
int mr_cast_build(struct mr_expression_builder *b, const struct mr_expression *value,
                  const struct mr_type *to, bool try_cast, bool implicit, const struct mr_expression **out,
                  struct mr_error *error);
/* A call node without resolution: type, nullable and bound are given. */
int mr_call_build(struct mr_expression_builder *b, const struct mr_function *function, const char *name,
                  const struct mr_expression **arguments, int count, const struct mr_type *type,
                  bool nullable, const void *bound, const struct mr_expression **out, struct mr_error *error);

#endif
