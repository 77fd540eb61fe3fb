/* expressions/function_tools.c: what the function groups share. */
#include "expressions/function_tools.h"

uint32_t mr_utf8_decode(const char *data, size_t size, size_t *step)
{
    const unsigned char *p = (const unsigned char *)data;
    *step = 1;
    if (p[0] < 0xC0)
        return p[0];
    if (p[0] < 0xE0 && size >= 2) {
        *step = 2;
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    }
    if (p[0] >= 0xE0 && p[0] < 0xF0 && size >= 3) {
        *step = 3;
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    }
    if (p[0] >= 0xF0 && size >= 4) {
        *step = 4;
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    }
    return p[0];
}

size_t mr_utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

int mr_resolve_add(struct mr_resolve *r, const struct mr_expression *value, struct mr_error *error)
{
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(r->builder->arena, const struct mr_expression *, r->count + 2);
    if (!arguments)
        return mr_error_memory(error, sizeof *arguments);
    if (r->count > 0)
        memcpy(arguments, r->arguments, sizeof *arguments * (size_t)r->count);
    arguments[r->count++] = value;
    r->arguments = arguments;
    return MR_OK;
}

int mr_resolve_add_string(struct mr_resolve *r, const char *value, struct mr_error *error)
{
    const struct mr_expression *e;
    MR_TRY(mr_expression_string(r->builder, mr_str_of(value), &e, error));
    return mr_resolve_add(r, e, error);
}

int mr_resolve_add_i64(struct mr_resolve *r, const struct mr_type *type, int64_t value,
                       struct mr_error *error)
{
    const struct mr_expression *e;
    MR_TRY(mr_expression_i64(r->builder, type, value, &e, error));
    return mr_resolve_add(r, e, error);
}

int mr_resolve_add_null(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *e;
    MR_TRY(mr_expression_null(r->builder, &e, error));
    return mr_resolve_add(r, e, error);
}

const struct mr_type *mr_type_as_nullable(struct mr_arena *arena, const struct mr_type *type)
{
    if (type->field_count == 0)
        return type;
    struct mr_type *copy = MR_ARENA_NEW(arena, struct mr_type);
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, type->field_count);
    if (!copy || !fields)
        return NULL;
    *copy = *type;
    copy->fields = fields;
    for (int i = 0; i < type->field_count; i++) {
        fields[i] = type->fields[i];
        fields[i].type = mr_type_as_nullable(arena, type->fields[i].type);
        fields[i].nullable = type->id != MR_MAP || i == 1;
        if (!fields[i].type)
            return NULL;
    }
    return copy;
}
