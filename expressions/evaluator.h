/* expressions/evaluator.h: what LAZY kernels ask of the evaluator besides mr_evaluator_argument
 * (expressions/kernel.h). */
#ifndef MR_EXPRESSIONS_EVALUATOR_H
#define MR_EXPRESSIONS_EVALUATOR_H

#include "expressions/kernel.h"

/* Argument i is cheap and pure enough to be computed on more rows than need it; an error then only means that
 * it has to be computed again on exactly those that do. */
bool mr_evaluator_is_cheap(const struct mr_call *call, int i);
/* Splits rows (NULL: all length) by a BOOLEAN column: rows where it is TRUE to yes, the others (FALSE or
 * NULL) to no; either may be NULL. The arrays have room for all of them. */
void mr_rows_split(const struct mr_column *condition, const struct mr_selection *rows, int64_t length,
                   int32_t *yes, int64_t *yes_count, int32_t *no, int64_t *no_count);
/* Copies rows of from into the same rows of out (same type, both at least that long; not for ARRAY, MAP,
 * STRUCT). */
int mr_rows_copy(struct mr_column *out, const struct mr_column *from, const struct mr_selection *rows,
                 int64_t length, struct mr_error *error);

/* Puts a result together from columns that hold different rows (CASE, IF, COALESCE). */
struct mr_merge {
    struct mr_call *call;
    struct mr_column *out;
    const struct mr_column **source; /* nested types only: which column each row comes from */
    struct mr_column *whole;         /* the one column that gave every row so far */
    int64_t rows_done;
};
int mr_merge_begin(struct mr_merge *merge, struct mr_call *call, struct mr_column *out,
                   struct mr_error *error);
/* These rows come from `from`; NULL: they are NULL. */
int mr_merge_rows(struct mr_merge *merge, struct mr_column *from, const struct mr_selection *rows,
                  struct mr_error *error);
/* total: how many rows count in all. Leaves the result in out or in call->result. */
int mr_merge_finish(struct mr_merge *merge, int64_t total, struct mr_error *error);

#endif
