/* expressions/protobuf_json.h: google.protobuf.Any as JSON, for the option convert.any.fields.to.json. */
#ifndef MR_EXPRESSIONS_PROTOBUF_JSON_H
#define MR_EXPRESSIONS_PROTOBUF_JSON_H

#include "expressions/protobuf_schema.h"

/* Appends what Protobuf's JSON mapping makes of the Any in bytes: {"@type":"…",members}, members by number,
 * under the names they were declared with, those that are absent left out. The type inside must be one of the
 * set. false: it is not, or the bytes are malformed; *problem says why. Slow: meant for the odd column. */
bool mr_proto_any_json(const struct mr_proto_set *set, bool enums_as_ints, struct mr_str bytes,
                       struct mr_text *out, const char **problem);

#endif
