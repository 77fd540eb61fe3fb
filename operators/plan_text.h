/* operators/plan_text.h: what may not change against a checkpoint, as text for people and for comparing:
 * parts "label: value" with "; " between them, so that a message can name the one that changed. Columns count
 * by name and type, not by where they stand: a filter more may move them. */
#ifndef MR_OPERATORS_PLAN_TEXT_H
#define MR_OPERATORS_PLAN_TEXT_H

#include "expressions/aggregate.h"

/* "name type, name type": fields[columns[i]], or the first `count` fields when columns is NULL. */
void mr_plan_text_columns(struct mr_text *out, const struct mr_type *input, const int *columns, int count);
/* "sum(v) bigint, …". input: of the arguments. Where a state's size depends on what the name does not say,
 * the size is there too. */
void mr_plan_text_aggregates(struct mr_text *out, const struct mr_aggregate *const *aggregates, int count,
                             const struct mr_type *input);

#endif
