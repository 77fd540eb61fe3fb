/* expressions/slot.c: one value of any type inside an aggregate's state. */
#include "expressions/aggregates.h"

static int put_bytes(struct mr_slot *slot, const char *data, size_t size, struct mr_arena *arena,
                     struct mr_error *error)
{
    if (!slot->has ||
        slot->capacity < size) { /* the room is used again: a maximum that grows often stays cheap */
        size_t capacity = size < 16 ? 16 : size + size / 2;
        char *room = mr_arena_allocate(arena, capacity);
        if (!room)
            return mr_error_memory(error, capacity);
        slot->data = room;
        slot->capacity = (uint32_t)capacity;
    }
    if (size > 0)
        memcpy(slot->data, data, size);
    slot->size = (uint32_t)size;
    return MR_OK;
}

int mr_slot_put(struct mr_slot *slot, const struct mr_column *value, int64_t row, bool ordered,
                struct mr_arena *arena, struct mr_error *error)
{
    int status = MR_OK;
    bool null = value->type->id == MR_VOID || mr_column_is_null(value, row);
    if (null) {
        bool flat = mr_slot_is_flat(value->type);
        if (!flat && !slot->has)
            MR_TRY(put_bytes(slot, "", 0, arena, error));
    } else if (mr_type_is_nested(value->type)) {
        struct mr_text text;
        mr_text_init(&text);
        if (ordered)
            mr_key_append(&text, value, row);
        else
            mr_row_append(&text, value, row);
        status = text.failed ? mr_error_memory(error, text.size)
                             : put_bytes(slot, text.data, text.size, arena, error);
        mr_text_release(&text);
    } else if (mr_type_is_bytes(value->type)) {
        struct mr_str bytes = mr_string_at(value, row);
        status = put_bytes(slot, bytes.data, bytes.size, arena, error);
    } else {
        size_t width = mr_type_width(value->type);
        memset(&slot->i128, 0, sizeof slot->i128);
        memcpy(&slot->i128, (const char *)value->values + width * (size_t)row, width);
    }
    slot->has = 1;
    slot->is_null = null;
    return status;
}

int mr_slot_copy(struct mr_slot *into, const struct mr_slot *from, const struct mr_type *type,
                 struct mr_arena *arena, struct mr_error *error)
{
    if (mr_slot_is_flat(type))
        into->i128 = from->i128;
    else
        MR_TRY(put_bytes(into, from->data, from->size, arena, error));
    into->has = from->has;
    into->is_null = from->is_null;
    return MR_OK;
}

int mr_slot_append(const struct mr_slot *slot, struct mr_column *out, bool ordered, struct mr_error *error)
{
    int64_t row = 0;
    if (!slot->has || slot->is_null)
        return mr_column_append_null(out, error);
    if (mr_type_is_nested(out->type)) {
        const char *at = slot->data;
        if (ordered)
            return mr_key_decode(&at, slot->data + slot->size, out, error);
        return mr_row_decode(&at, slot->data + slot->size, out, error);
    }
    MR_TRY(mr_aggregate_append(out, false, &row, error));
    if (mr_type_is_bytes(out->type))
        return mr_column_set_bytes(out, row, slot->data, slot->size, error);
    size_t width = mr_type_width(out->type);
    if (width > 0)
        memcpy((char *)out->values + width * (size_t)row, &slot->i128, width);
    return MR_OK;
}

/* ---- order ---- */
static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return mr_str_compare((struct mr_str){a, a_size}, (struct mr_str){b, b_size});
}

static int compare_doubles(double a, double b)
{
    if (a != a || b != b)
        return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static int compare_values(const void *a, const void *b, const struct mr_type *type)
{
#define COMPARE(ctype)                                                                                       \
    do {                                                                                                     \
        ctype x, y;                                                                                          \
        memcpy(&x, a, sizeof x);                                                                             \
        memcpy(&y, b, sizeof y);                                                                             \
        return (x > y) - (x < y);                                                                            \
    } while (0)
    if (type->id == MR_FLOAT || type->id == MR_DOUBLE) {
        float f, g;
        double x, y;
        memcpy(&f, a, sizeof f);
        memcpy(&g, b, sizeof g);
        if (type->id == MR_FLOAT)
            return compare_doubles(f, g);
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return compare_doubles(x, y);
    }
    switch (mr_type_width(type)) {
    case 1:
        COMPARE(int8_t);
    case 2:
        COMPARE(int16_t);
    case 4:
        COMPARE(int32_t);
    case 8:
        COMPARE(int64_t);
    default:
        COMPARE(mr_i128);
    }
#undef COMPARE
}

int mr_slot_compare(const struct mr_slot *a, const struct mr_slot *b, const struct mr_type *type)
{
    if (!mr_slot_is_flat(type))
        return compare_bytes(a->data, a->size, b->data, b->size);
    return compare_values(&a->i128, &b->i128, type);
}

int mr_slot_compare_row(const struct mr_slot *a, const struct mr_column *value, int64_t row,
                        struct mr_text *scratch)
{
    if (mr_type_is_bytes(value->type)) {
        struct mr_str bytes = mr_string_at(value, row);
        return compare_bytes(a->data, a->size, bytes.data, bytes.size);
    }
    if (mr_type_is_nested(value->type)) {
        mr_text_clear(scratch);
        mr_key_append(scratch, value, row);
        return compare_bytes(a->data, a->size, scratch->data, scratch->size);
    }
    size_t width = mr_type_width(value->type);
    return compare_values(&a->i128, (const char *)value->values + width * (size_t)row, value->type);
}

/* ---- bytes ---- */
void mr_slot_encode(const struct mr_slot *slot, const struct mr_type *type, struct mr_text *out)
{
    char head[2] = {(char)slot->has, (char)slot->is_null};
    mr_text_append(out, head, 2);
    if (!slot->has || slot->is_null)
        return;
    if (mr_slot_is_flat(type)) {
        mr_text_append(out, &slot->i128, sizeof slot->i128);
        return;
    }
    mr_text_append(out, &slot->size, sizeof slot->size);
    mr_text_append(out, slot->data, slot->size);
}

static int corrupt(struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR", "a stored aggregate state is damaged");
}

int mr_slot_decode(struct mr_slot *slot, const struct mr_type *type, const char **at, const char *end,
                   struct mr_arena *arena, struct mr_error *error)
{
    memset(slot, 0, sizeof *slot);
    if (end - *at < 2)
        return corrupt(error);
    uint8_t has = (uint8_t)(*at)[0], is_null = (uint8_t)(*at)[1];
    *at += 2;
    if (has && is_null && !mr_slot_is_flat(type))
        MR_TRY(put_bytes(slot, "", 0, arena, error));
    if (has && !is_null && mr_slot_is_flat(type)) {
        if (end - *at < (ptrdiff_t)sizeof slot->i128)
            return corrupt(error);
        memcpy(&slot->i128, *at, sizeof slot->i128);
        *at += sizeof slot->i128;
    } else if (has && !is_null) {
        uint32_t size = 0;
        if (end - *at < (ptrdiff_t)sizeof size)
            return corrupt(error);
        memcpy(&size, *at, sizeof size);
        *at += sizeof size;
        if (end - *at < (ptrdiff_t)size)
            return corrupt(error);
        MR_TRY(put_bytes(slot, *at, size, arena, error));
        *at += size;
    }
    slot->has = has;
    slot->is_null = is_null;
    return MR_OK;
}
