/* expressions/protobuf_wire.h: Protobuf's wire format, field by field; for descriptors and for messages. */
#ifndef MR_EXPRESSIONS_PROTOBUF_WIRE_H
#define MR_EXPRESSIONS_PROTOBUF_WIRE_H

#include "base/memory.h"

enum mr_wire_type {
    MR_WIRE_VARINT = 0,
    MR_WIRE_FIXED64 = 1,
    MR_WIRE_BYTES = 2,
    MR_WIRE_START_GROUP = 3,
    MR_WIRE_END_GROUP = 4,
    MR_WIRE_FIXED32 = 5,
};
struct mr_wire { /* a message, or a part of one */
    const uint8_t *at, *end;
    const char *problem; /* why the last read failed */
};
struct mr_wire_field {
    uint32_t number;
    enum mr_wire_type type;
    uint64_t value;      /* VARINT, FIXED64, FIXED32 */
    struct mr_str bytes; /* BYTES */
};
/* The whole of bytes, which may be empty without an address. */
static inline struct mr_wire mr_wire_of(struct mr_str bytes)
{
    const uint8_t *at = (const uint8_t *)(bytes.data ? bytes.data : "");
    return (struct mr_wire){at, at + bytes.size, NULL};
}

bool mr_wire_varint_slow(struct mr_wire *w, uint64_t *out);
static inline bool mr_wire_varint(struct mr_wire *w, uint64_t *out)
{
    if (w->at < w->end && *w->at < 0x80) {
        *out = *w->at++;
        return true;
    }
    return mr_wire_varint_slow(w, out);
}
static inline bool mr_wire_fail(struct mr_wire *w, const char *problem)
{
    w->problem = problem;
    return false;
}
/* The next field: its value, or for a group nothing but that it begins or ends. false: malformed. There is
 * one, at < end. */
bool mr_wire_next(struct mr_wire *w, struct mr_wire_field *out);
/* Everything up to the end of the group, which has begun. */
bool mr_wire_skip_group(struct mr_wire *w, uint32_t number, int depth);

#endif
