/* expressions/rounding.h: round, bround, ceil, floor. */
#ifndef MR_EXPRESSIONS_ROUNDING_H
#define MR_EXPRESSIONS_ROUNDING_H

#include "expressions/resolve.h"

int mr_resolve_round(struct mr_resolve *r, struct mr_error *error);
int mr_resolve_bround(struct mr_resolve *r, struct mr_error *error);
int mr_resolve_ceil(struct mr_resolve *r, struct mr_error *error);
int mr_resolve_floor(struct mr_resolve *r, struct mr_error *error);

#endif
