/* expressions/protobuf_wire.c: see protobuf_wire.h. */
#include "expressions/protobuf_wire.h"

#include "base/varint.h"

#define MOST_DEPTH 100 /* of groups nobody knows, as elsewhere */

bool mr_wire_varint_slow(struct mr_wire *w, uint64_t *out)
{
    const char *start = (const char *)w->at, *at = start;
    if (!mr_varint_get(&at, (const char *)w->end, out))
        return mr_wire_fail(w, at - start < MR_VARINT_BYTES ? "it ends within a number"
                                                            : "a number is too long");
    w->at += at - start;
    return true;
}

static bool fixed(struct mr_wire *w, size_t size, uint64_t *out)
{
    if ((size_t)(w->end - w->at) < size)
        return mr_wire_fail(w, "it ends within a number");
    *out = 0;
    memcpy(out, w->at, size); /* little-endian, as this machine */
    w->at += size;
    return true;
}

bool mr_wire_next(struct mr_wire *w, struct mr_wire_field *out)
{
    uint64_t tag, size;
    if (!mr_wire_varint(w, &tag))
        return false;
    tag = (uint32_t)tag;
    out->number = (uint32_t)(tag >> 3);
    out->type = (enum mr_wire_type)(tag & 7);
    if (out->number == 0)
        return mr_wire_fail(w, "a field has the number 0");
    switch (out->type) {
    case MR_WIRE_VARINT:
        return mr_wire_varint(w, &out->value);
    case MR_WIRE_FIXED64:
        return fixed(w, 8, &out->value);
    case MR_WIRE_FIXED32:
        return fixed(w, 4, &out->value);
    case MR_WIRE_BYTES:
        if (!mr_wire_varint(w, &size))
            return false;
        if (size > (uint64_t)(w->end - w->at))
            return mr_wire_fail(w, "it ends within a value");
        out->bytes = (struct mr_str){(const char *)w->at, (size_t)size};
        w->at += size;
        return true;
    case MR_WIRE_START_GROUP:
    case MR_WIRE_END_GROUP:
        return true;
    default:
        return mr_wire_fail(w, "a field has a wire type that there is not");
    }
}

bool mr_wire_skip_group(struct mr_wire *w, uint32_t number, int depth)
{
    struct mr_wire_field field;
    if (depth > MOST_DEPTH)
        return mr_wire_fail(w, "groups are nested too deeply");
    while (w->at < w->end) {
        if (!mr_wire_next(w, &field))
            return false;
        if (field.type == MR_WIRE_END_GROUP)
            return field.number == number || mr_wire_fail(w, "a group ends that did not begin");
        if (field.type == MR_WIRE_START_GROUP && !mr_wire_skip_group(w, field.number, depth + 1))
            return false;
    }
    return mr_wire_fail(w, "it ends within a group");
}
