/* expressions/percentages.h: the percentages that percentile functions are asked for. */
#ifndef MR_EXPRESSIONS_PERCENTAGES_H
#define MR_EXPRESSIONS_PERCENTAGES_H

#include "expressions/aggregates.h"

struct mr_percentages {
    double *values; /* each between 0 and 1 */
    int count;
    bool array; /* the result is one */
};
/* Argument 1, a constant number or array of numbers; the argument is replaced by the folded one. */
int mr_percentages_constant(struct mr_expression_builder *b, struct mr_aggregate *a,
                            const struct mr_expression **arguments, struct mr_percentages *out,
                            struct mr_error *error);

#endif
