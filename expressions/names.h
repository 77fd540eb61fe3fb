/* expressions/names.h: the written form of a literal, shared by expression names and aggregate names. */
#ifndef MR_EXPRESSIONS_NAMES_H
#define MR_EXPRESSIONS_NAMES_H

#include "expressions/expression.h"

/* Row 0 as Spark shows a literal in names: text without quotes, DATE '…', X'…', NULL. */
void mr_literal_name(struct mr_text *out, const struct mr_column *value);

#endif
