/* columns/type_text.h: what the files on types share; private to this room. */
#ifndef MR_COLUMNS_TYPE_TEXT_H
#define MR_COLUMNS_TYPE_TEXT_H

#include "columns/type.h"

/* The SQL type without parameters of that name ("INTEGER", "long", "timestamp_ltz"); NULL: there is none. */
const struct mr_type *mr_type_by_name(struct mr_str name);
/* "{"comment":"..."}" in the arena; NULL without memory. */
const char *mr_comment_metadata(struct mr_arena *arena, const char *comment);

#endif
