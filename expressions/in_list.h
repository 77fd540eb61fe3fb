/* expressions/in_list.h: the IN operator. */
#ifndef MR_EXPRESSIONS_IN_LIST_H
#define MR_EXPRESSIONS_IN_LIST_H

#include "expressions/resolve.h"

int mr_in_resolve(struct mr_resolve *r, struct mr_error *error);
int mr_in_open(struct mr_call *call, struct mr_error *error);
void mr_in_close(struct mr_call *call);
int mr_in_kernel(struct mr_call *call, struct mr_column *const *arguments, const struct mr_selection *rows,
                 struct mr_column *out, struct mr_error *error);

#endif
