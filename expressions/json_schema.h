/* expressions/json_schema.h: the type of one JSON value, as schema_of_json tells it. (Files are looked at by
 * formats/infer.h.) */
#ifndef MR_EXPRESSIONS_JSON_SCHEMA_H
#define MR_EXPRESSIONS_JSON_SCHEMA_H

#include "expressions/json_convert.h"

/* Fields are sorted by name; nulls are STRING; fields whose type is a struct without fields are left out. */
int mr_json_schema_of(struct mr_arena *arena, const struct mr_json_tokens *tokens, uint32_t index,
                      const struct mr_json_options *options, const struct mr_type **out,
                      struct mr_error *error);

#endif
