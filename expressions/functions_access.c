/* expressions/functions_access.c: struct.field, array[index], map[key]. */
#include "expressions/coercion.h"
#include "expressions/evaluator.h"
#include "expressions/registry.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

struct field_access {
    struct mr_bound_kernel kernel;
    int field;
};

/* ---- fields ---- */
static void list_fields(const struct mr_type *type, struct mr_text *out)
{
    for (int i = 0; i < type->field_count; i++)
        mr_text_format(out, "%s`%s`", i ? ", " : "", type->fields[i].name);
}

static int find_field(struct mr_resolve *r, const struct mr_type *type, struct mr_str name, int *out,
                      struct mr_error *error)
{
    bool ambiguous = false;
    *out = mr_type_field(type, name, r->builder->session && r->builder->session->case_sensitive, &ambiguous);
    if (*out >= 0 && !ambiguous)
        return MR_OK;
    struct mr_text fields;
    mr_text_init(&fields);
    list_fields(type, &fields);
    if (ambiguous) {
        mr_resolve_error(r, error, "AMBIGUOUS_REFERENCE_TO_FIELDS", "More than one field is called `%.*s`.",
                         (int)name.size, name.data);
        mr_error_parameter(error, "field", "`%.*s`", (int)name.size, name.data);
        mr_error_parameter(error, "count", "2");
    } else {
        mr_resolve_error(r, error, "FIELD_NOT_FOUND", "There is no field `%.*s`; there are %s.",
                         (int)name.size, name.data, fields.data);
        mr_error_parameter(error, "fieldName", "`%.*s`", (int)name.size, name.data);
        mr_error_parameter(error, "fields", "%s", fields.data);
    }
    mr_text_release(&fields);
    return error->code;
}

/* child as seen through its parent: NULL where the parent is. A new reference. */
static int through_parent(const struct mr_column *parent, struct mr_column *child, struct mr_column **out,
                          struct mr_error *error)
{
    if (!parent->validity) {
        *out = mr_column_ref(child);
        return MR_OK;
    }
    int32_t *rows = mr_allocate(sizeof(int32_t) * (size_t)(parent->length + 1));
    if (!rows)
        return mr_row_memory(error);
    for (int64_t i = 0; i < parent->length; i++)
        rows[i] = mr_column_is_null(parent, i) ? -1 : (int32_t)i;
    int status = mr_column_take(child, rows, parent->length, out, error);
    mr_free(rows);
    return status;
}

KERNEL(struct_field)
{
    const struct field_access *access = call->expression->bound;
    (void)rows;
    (void)out;
    return through_parent(arguments[0], arguments[0]->children[access->field], &call->result, error);
}

KERNEL(array_of_field)
{
    const struct field_access *access = call->expression->bound;
    const struct mr_column *list = arguments[0];
    struct mr_column *elements = list->children[0], *inner = NULL;
    (void)rows;
    MR_TRY(through_parent(elements, elements->children[access->field], &inner, error));
    struct mr_column *result = mr_column_new(out->type, list->length);
    if (!result) {
        mr_column_unref(inner);
        return mr_row_memory(error);
    }
    mr_column_unref(result->children[0]);
    result->children[0] = inner;
    result->length = list->length;
    memcpy(result->offsets, list->offsets, sizeof(int32_t) * (size_t)(list->length + 1));
    call->result = result;
    if (!list->validity)
        return MR_OK;
    MR_TRY(mr_column_make_validity(result, error));
    memcpy(result->validity, list->validity, sizeof(uint64_t) * (size_t)((list->length + 63) / 64));
    return MR_OK;
}

static int resolve_field(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    const struct mr_type *type = r->arguments[0]->type;
    struct field_access *access = MR_ARENA_NEW(arena, struct field_access);
    struct mr_str name;
    if (!access)
        return mr_error_memory(error, sizeof *access);
    MR_TRY(mr_resolve_constant_string(r, 1, &name, error));
    if (type->id == MR_MAP)
        return mr_resolve_rewrite(r, "[]", r->arguments, 2, error);
    bool array = type->id == MR_ARRAY && type->fields[0].type->id == MR_STRUCT;
    const struct mr_type *base = array ? type->fields[0].type : type;
    if (base->id != MR_STRUCT) {
        struct mr_text text, shown;
        mr_text_init(&text);
        mr_text_init(&shown);
        mr_type_text(&text, type);
        mr_expression_name(&shown, r->arguments[0], NULL);
        mr_resolve_error(r, error, "INVALID_EXTRACT_BASE_FIELD_TYPE",
                         "\"%s\" is a %s; only a STRUCT, MAP or ARRAY has something inside.", shown.data,
                         text.data);
        mr_error_parameter(error, "base", "\"%s\"", shown.data);
        mr_error_parameter(error, "other", "\"%s\"", text.data);
        mr_text_release(&text);
        mr_text_release(&shown);
        return error->code;
    }
    MR_TRY(find_field(r, base, name, &access->field, error));
    const struct mr_field *field = &base->fields[access->field];
    access->kernel.kernel = array ? array_of_field : struct_field;
    r->bound = access;
    r->nullable = r->arguments[0]->nullable || (!array && field->nullable);
    r->type = field->type;
    if (array)
        r->type = mr_type_array(arena, field->type, field->nullable || type->fields[0].nullable);
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

/* ---- subscripts ---- */
static int bad_index(int64_t index, int64_t size, struct mr_error *error)
{
    mr_row_error(error, "INVALID_ARRAY_INDEX",
                 "Index %lld is outside an array of %lld elements. `get` gives NULL instead.",
                 (long long)index, (long long)size);
    mr_error_parameter(error, "indexValue", "%lld", (long long)index);
    mr_error_parameter(error, "arraySize", "%lld", (long long)size);
    return error->code;
}

static int32_t find_key(const struct mr_column *map, int64_t row, const struct mr_column *key)
{
    const struct mr_column *keys = map->children[0];
    for (int32_t k = map->offsets[row]; k < map->offsets[row + 1]; k++)
        if (mr_column_compare(keys, k, key, row) == 0)
            return k;
    return -1;
}

KERNEL(subscript)
{
    const struct mr_column *base = arguments[0], *key = arguments[1];
    bool is_map = base->type->id == MR_MAP;
    int32_t *from = mr_call_scratch(call, sizeof(int32_t) * (size_t)(out->length + 1));
    if (!from)
        return mr_row_memory(error);
    memset(from, 0xFF, sizeof(int32_t) * (size_t)out->length); /* -1: NULL */
    MR_FOR_ROWS (i, rows, out->length) {
        if (is_map) {
            from[i] = find_key(base, i, key);
            continue;
        }
        int64_t index = mr_integer_at(key, i), size = base->offsets[i + 1] - base->offsets[i];
        if (index < 0 || index >= size)
            return bad_index(index, size, error);
        from[i] = base->offsets[i] + (int32_t)index;
    }
    return mr_column_take(base->children[is_map ? 1 : 0], from, out->length, &call->result, error);
}

static int resolve_subscript(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    switch (type->id) {
    case MR_ARRAY:
        if (r->arguments[1]->type->id == MR_VOID || r->arguments[1]->type->id == MR_STRING)
            MR_TRY(mr_resolve_force(r, 1, mr_type_of(MR_INT), error));
        if (!mr_type_is_integral(r->arguments[1]->type))
            return mr_resolve_unexpected_type(r, 1, "\"INTEGRAL\"", error);
        r->nullable = true;
        return mr_resolve_fixed(r, type->fields[0].type);
    case MR_MAP:
        MR_TRY(mr_resolve_cast(r, 1, type->fields[0].type, error));
        r->nullable = true;
        return mr_resolve_fixed(r, type->fields[1].type);
    default:
        return mr_resolve_rewrite(r, ".", r->arguments, 2, error);
    }
}

const struct mr_function mr_functions_access[] = {
    {".", 2, 2, 0, .resolve = resolve_field},
    {"[]", 2, 2, MR_FN_NULL_IF_ANY, .resolve = resolve_subscript, .kernel = subscript},
    {0},
};
