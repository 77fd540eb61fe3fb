/* expressions/lambda.h: evaluation of the functions that transform, filter, aggregate and kin are given.
 *
 * A lambda is evaluated over many elements at once. Its body is rewritten when the call is opened: parameters
 * and the columns it takes from outside become columns of an element batch; outer columns are repeated for
 * each element of their row. Variables are numbered from the outermost lambda inwards; MR_EXPR_LAMBDA's
 * `column` is the number of its own first one. */
#ifndef MR_EXPRESSIONS_LAMBDA_H
#define MR_EXPRESSIONS_LAMBDA_H

#include "expressions/kernel.h"

#define MR_LAMBDA_PARAMETERS 3

struct mr_lambda; /* one lambda of one call */
/* argument: an MR_EXPR_LAMBDA of the call. */
int mr_lambda_open(struct mr_lambda **out, const struct mr_call *call, const struct mr_expression *argument,
                   struct mr_error *error);
void mr_lambda_close(struct mr_lambda *lambda); /* NULL allowed */
/* Evaluates the body for `count` elements: parameters[p] (NULL when the lambda has no such one) has a row per
 * element; row_of[i] is the row of call->batch that element i belongs to. *out: a new reference to a column
 * of count rows. */
int mr_lambda_run(struct mr_lambda *lambda, const struct mr_call *call, struct mr_column *const *parameters,
                  const int32_t *row_of, int64_t count, struct mr_column **out, struct mr_error *error);

#endif
