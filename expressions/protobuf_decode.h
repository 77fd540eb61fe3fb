/* expressions/protobuf_decode.h: Protobuf messages -> rows of a column, by a compiled plan.
 *
 * Fields may come in any order and more than once: the last scalar counts, messages are merged, elements are
 * gathered, a oneof keeps the member that came last. A value is written to its place in the columns when it
 * comes; what never came is filled in at the end of its message. Strings are views into the message. */
#ifndef MR_EXPRESSIONS_PROTOBUF_DECODE_H
#define MR_EXPRESSIONS_PROTOBUF_DECODE_H

#include "columns/column.h"
#include "expressions/protobuf_schema.h"

struct mr_proto_plan; /* immutable, in the arena, as is all it refers to */
/* type: what mr_proto_sql_type gave for the message and options. */
int mr_proto_plan_make(struct mr_arena *arena, const struct mr_proto_message *message,
                       const struct mr_type *type, const struct mr_proto_options *options,
                       const struct mr_proto_plan **out, struct mr_error *error);
/* Appends one row to column (of the plan's type). MR_E_DATA (MALFORMED_PROTOBUF_MESSAGE): nothing was
 * appended, the message names the byte offset. The caller makes the column keep the message. */
int mr_proto_decode(const struct mr_proto_plan *plan, struct mr_str message, struct mr_column *column,
                    struct mr_error *error);

#endif
