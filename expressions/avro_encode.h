/* expressions/avro_encode.h: rows of a column -> Avro's binary form, by a compiled plan. */
#ifndef MR_EXPRESSIONS_AVRO_ENCODE_H
#define MR_EXPRESSIONS_AVRO_ENCODE_H

#include "columns/column.h"
#include "expressions/avro_schema.h"

struct mr_avro_encoder; /* immutable, in the arena */
/* How values of the type are written by the schema. Fields are matched by name, without regard to case unless
 * case_sensitive. AVRO_SCHEMA_INCOMPATIBLE (MR_E_SQL) when they do not go together. */
int mr_avro_encoder_make(struct mr_arena *arena, const struct mr_type *type,
                         const struct mr_avro_schema *schema, bool case_sensitive,
                         const struct mr_avro_encoder **out, struct mr_error *error);
/* Appends the value of the row, which is not NULL. MR_E_DATA: AVRO_CANNOT_WRITE_NULL_FIELD, or a value that
 * the schema cannot hold; what was appended by then is left there. */
int mr_avro_encode(const struct mr_avro_encoder *encoder, const struct mr_column *column, int64_t row,
                   struct mr_text *out, struct mr_error *error);

#endif
