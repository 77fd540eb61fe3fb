/* expressions/protobuf_encode.h: rows of a STRUCT column -> Protobuf messages, by a compiled plan. */
#ifndef MR_EXPRESSIONS_PROTOBUF_ENCODE_H
#define MR_EXPRESSIONS_PROTOBUF_ENCODE_H

#include "columns/column.h"
#include "expressions/protobuf_schema.h"

struct mr_proto_encoder; /* immutable, in the arena */
/* How structs of the type are written as the message; fields by name, without regard to case unless
 * case_sensitive. Errors (MR_E_SQL): NO_SQL_TYPE_IN_PROTOBUF_SCHEMA, PROTOBUF_FIELD_MISSING_IN_SQL_SCHEMA,
 * UNABLE_TO_CONVERT_TO_PROTOBUF_MESSAGE_TYPE. */
int mr_proto_encoder_make(struct mr_arena *arena, const struct mr_type *type,
                          const struct mr_proto_message *message, bool case_sensitive,
                          const struct mr_proto_encoder **out, struct mr_error *error);
/* Appends the message of the row, which is not NULL. MR_E_DATA: a value the message cannot hold. */
int mr_proto_encode(const struct mr_proto_encoder *encoder, const struct mr_column *column, int64_t row,
                    struct mr_text *out, struct mr_error *error);

#endif
