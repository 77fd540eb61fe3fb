/* sql/build.h: what the files of constructors share. */
#ifndef MR_SQL_BUILD_H
#define MR_SQL_BUILD_H

#include "sql/parser.h"

struct mr_sql_expression *mr_sql_new_expression(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                                uint32_t start, uint32_t stop);
/* Copies list (NULLs left out) and sets the depth. */
void mr_sql_set_arguments(struct mr_sql_parser *p, struct mr_sql_expression *e,
                          struct mr_sql_expression *const *list, int count);

#endif
