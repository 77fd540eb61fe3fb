/* expressions/functions_collection.c: the table of functions on arrays, maps and structs, and how their calls
 * are resolved. */
#include "expressions/coercion.h"
#include "expressions/collection_kernels.h"
#include "expressions/registry.h"
#include "expressions/string_kernels.h"

#define N MR_FN_NULL_IF_ANY
#define SOMETIMES (MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL)

static int give(struct mr_resolve *r, const struct mr_type *type, struct mr_error *error)
{
    r->type = type;
    return type ? MR_OK : mr_error_memory(error, sizeof *type);
}

static const struct mr_type *element_of(const struct mr_type *array)
{
    return array->fields[0].type;
}

static int need_array(struct mr_resolve *r, int i, struct mr_error *error)
{
    return r->arguments[i]->type->id == MR_ARRAY ? MR_OK
                                                 : mr_resolve_unexpected_type(r, i, "\"ARRAY\"", error);
}

static int need_map(struct mr_resolve *r, int i, struct mr_error *error)
{
    return r->arguments[i]->type->id == MR_MAP ? MR_OK : mr_resolve_unexpected_type(r, i, "\"MAP\"", error);
}

static bool holds_map(const struct mr_type *type)
{
    bool found = type->id == MR_MAP;
    for (int i = 0; i < type->field_count; i++)
        found |= holds_map(type->fields[i].type);
    return found;
}

static int need_orderable(struct mr_resolve *r, const struct mr_type *element, struct mr_error *error)
{
    if (mr_type_is_orderable(element))
        return MR_OK;
    mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
                     "`%s` needs elements that can be ordered.", r->name);
    mr_error_parameter(error, "functionName", "`%s`", r->name);
    return error->code;
}

/* ---- making ---- */
static int resolve_array(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *element = mr_type_of(MR_VOID);
    bool has_null = false;
    if (r->count > 0)
        MR_TRY(mr_resolve_common(r, 0, -1, &element, error));
    for (int i = 0; i < r->count; i++)
        has_null |= r->arguments[i]->nullable;
    r->nullable = false;
    return give(r, mr_type_array(r->builder->arena, element, has_null), error);
}

/* A column or field keeps its name; anything else is colN. */
static const char *member_name(struct mr_resolve *r, int i)
{
    const struct mr_expression *e = r->arguments[i];
    if (e->kind == MR_EXPR_COLUMN && e->name)
        return e->name;
    if (e->kind == MR_EXPR_CALL && strcmp(e->function->name, ".") == 0 && e->argument_count == 2 &&
        e->arguments[1]->kind == MR_EXPR_LITERAL) {
        struct mr_str name = mr_view_str(&e->arguments[1]->literal->views[0]);
        return mr_arena_copy_text(r->builder->arena, name.data, name.size);
    }
    return mr_arena_format(r->builder->arena, "col%d", i + 1);
}

static int resolve_struct(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_field *fields = MR_ARENA_ARRAY(r->builder->arena, struct mr_field, r->count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < r->count; i++)
        fields[i] = (struct mr_field){.name = member_name(r, i),
                                      .type = r->arguments[i]->type,
                                      .nullable = r->arguments[i]->nullable};
    r->nullable = false;
    return give(r, mr_type_struct(r->builder->arena, fields, r->count), error);
}

static int resolve_named_struct(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_field *fields = MR_ARENA_ARRAY(r->builder->arena, struct mr_field, r->count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    if (r->count % 2 != 0)
        return mr_resolve_wrong_count(r, "2n (n > 0)", error);
    for (int i = 0; i < r->count; i += 2) {
        const struct mr_column *name = NULL;
        if (r->arguments[i]->type->id == MR_STRING)
            MR_TRY(mr_resolve_constant(r, i, &name, error));
        if (!name || mr_column_is_null(name, 0)) {
            struct mr_text shown;
            mr_text_init(&shown);
            mr_expression_name(&shown, r->arguments[i], NULL);
            mr_resolve_error(r, error, "DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING",
                             "The names of named_struct must be constant strings; %s is none.", shown.data);
            mr_error_parameter(error, "inputExprs", "[\"%s\"]", shown.data);
            mr_text_release(&shown);
            return error->code;
        }
        struct mr_str text = mr_view_str(&name->views[0]);
        fields[i / 2] = (struct mr_field){.name = mr_arena_copy_text(r->builder->arena, text.data, text.size),
                                          .type = r->arguments[i + 1]->type,
                                          .nullable = r->arguments[i + 1]->nullable};
    }
    r->nullable = false;
    return give(r, mr_type_struct(r->builder->arena, fields, r->count / 2), error);
}

static int give_map(struct mr_resolve *r, const struct mr_type *key, const struct mr_type *value,
                    bool has_null, struct mr_error *error)
{
    if (holds_map(key)) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_text(&text, key);
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE",
                         "A key of a map cannot hold a map.");
        mr_error_parameter(error, "keyType", "\"%s\"", text.data);
        mr_text_release(&text);
        return error->code;
    }
    return give(r, mr_type_map(r->builder->arena, key, value, has_null), error);
}

/* The arguments of one parity get their least common type. */
static int common_of_every_other(struct mr_resolve *r, int first, const struct mr_type **out,
                                 const char *condition, struct mr_error *error)
{
    *out = mr_type_of(MR_VOID);
    for (int i = first; i < r->count; i += 2) {
        *out = mr_type_common(r->builder->arena, *out, r->arguments[i]->type);
        if (!*out)
            return mr_resolve_error(r, error, condition, "The %s of a map must have one type.",
                                    first ? "values" : "keys");
    }
    for (int i = first; i < r->count; i += 2)
        MR_TRY(mr_resolve_force(r, i, *out, error));
    return MR_OK;
}

static int resolve_map(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *key, *value;
    bool has_null = false;
    if (r->count % 2 != 0)
        return mr_resolve_wrong_count(r, "2n (n > 0)", error);
    MR_TRY(common_of_every_other(r, 0, &key, "DATATYPE_MISMATCH.CREATE_MAP_KEY_DIFF_TYPES", error));
    MR_TRY(common_of_every_other(r, 1, &value, "DATATYPE_MISMATCH.CREATE_MAP_VALUE_DIFF_TYPES", error));
    for (int i = 1; i < r->count; i += 2)
        has_null |= r->arguments[i]->nullable;
    r->nullable = false;
    return give_map(r, key, value, has_null, error);
}

static int resolve_map_from_arrays(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    MR_TRY(need_array(r, 1, error));
    const struct mr_field *values = r->arguments[1]->type->fields;
    return give_map(r, element_of(r->arguments[0]->type), values->type, values->nullable, error);
}

static int resolve_map_from_entries(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    if (type->id != MR_ARRAY || element_of(type)->id != MR_STRUCT || element_of(type)->field_count != 2)
        return mr_resolve_unexpected_type(r, 0, "\"ARRAY\" of pair \"STRUCT\"", error);
    const struct mr_field *fields = element_of(type)->fields;
    return give_map(r, fields[0].type, fields[1].type, fields[1].nullable, error);
}

static int resolve_str_to_map(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1)
        MR_TRY(mr_resolve_add_string(r, ",", error));
    if (r->count == 2)
        MR_TRY(mr_resolve_add_string(r, ":", error));
    MR_TRY(mr_resolve_all_strings(r, error));
    return give_map(r, mr_type_of(MR_STRING), mr_type_of(MR_STRING), true, error);
}

static int resolve_map_part(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    const char *part = r->function->data;
    MR_TRY(need_map(r, 0, error));
    const struct mr_field *fields = r->arguments[0]->type->fields;
    if (*part == 'k')
        return give(r, mr_type_array(arena, fields[0].type, false), error);
    if (*part == 'v')
        return give(r, mr_type_array(arena, fields[1].type, fields[1].nullable), error);
    struct mr_field entry[2] = {fields[0], fields[1]};
    entry[0].name = "key";
    entry[0].nullable = false;
    entry[1].name = "value";
    const struct mr_type *type = mr_type_struct(arena, entry, 2);
    return type ? give(r, mr_type_array(arena, type, false), error) : mr_error_memory(error, sizeof *type);
}

static int resolve_map_concat(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type;
    if (r->count == 0)
        return give_map(r, mr_type_of(MR_STRING), mr_type_of(MR_STRING), false, error);
    for (int i = 0; i < r->count; i++)
        if (r->arguments[i]->type->id != MR_MAP)
            return mr_resolve_error(r, error, "DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES",
                                    "`map_concat` takes maps of one type.");
    MR_TRY(mr_resolve_common(r, 0, -1, &type, error));
    return give(r, type, error);
}

static int resolve_repeat(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    r->nullable = r->arguments[1]->nullable;
    return give(r, mr_type_array(r->builder->arena, r->arguments[0]->type, r->arguments[0]->nullable), error);
}

/* ---- an array and a value that could be its element ---- */
static int diff_types(struct mr_resolve *r, int array, int value, struct mr_error *error)
{
    struct mr_text left, right;
    mr_text_init(&left);
    mr_text_init(&right);
    mr_type_text(&left, r->arguments[array]->type);
    mr_type_text(&right, r->arguments[value]->type);
    mr_resolve_error(r, error, "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES",
                     "`%s` takes an array and a value of its element's type, not \"%s\" and \"%s\".", r->name,
                     left.data, right.data);
    mr_error_parameter(error, "functionName", "`%s`", r->name);
    mr_error_parameter(error, "dataType", "\"ARRAY\"");
    mr_error_parameter(error, "leftType", "\"%s\"", left.data);
    mr_error_parameter(error, "rightType", "\"%s\"", right.data);
    mr_text_release(&left);
    mr_text_release(&right);
    return error->code;
}

/* Both get the common type; the array then is an array of it. */
static int match_element(struct mr_resolve *r, int array, int value, bool has_null, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    if (r->arguments[array]->type->id != MR_ARRAY)
        return diff_types(r, array, value, error);
    const struct mr_field *element = r->arguments[array]->type->fields;
    const struct mr_type *common = mr_type_common(arena, element->type, r->arguments[value]->type);
    bool texts = (element->type->id == MR_STRING) != (r->arguments[value]->type->id == MR_STRING);
    bool void_type = element->type->id == MR_VOID || r->arguments[value]->type->id == MR_VOID;
    if (!common || (texts && !void_type)) /* texts are not taken for numbers here */
        return diff_types(r, array, value, error);
    const struct mr_type *wanted = mr_type_array(arena, common, element->nullable || has_null);
    if (!wanted)
        return mr_error_memory(error, sizeof *wanted);
    MR_TRY(mr_resolve_force(r, array, wanted, error));
    MR_TRY(mr_resolve_force(r, value, common, error));
    return give(r, wanted, error);
}

static int null_type(struct mr_resolve *r, struct mr_error *error)
{
    mr_resolve_error(r, error, "DATATYPE_MISMATCH.NULL_TYPE", "`%s` takes no bare NULL.", r->name);
    mr_error_parameter(error, "functionName", "`%s`", r->name);
    return error->code;
}

static int resolve_search(struct mr_resolve *r, struct mr_error *error)
{
    const enum mr_type_id *result = r->function->data;
    if (r->arguments[0]->type->id == MR_VOID ||
        (*result == MR_BOOLEAN && r->arguments[1]->type->id == MR_VOID))
        return null_type(r, error);
    MR_TRY(match_element(r, 0, 1, false, error));
    MR_TRY(need_orderable(r, element_of(r->type), error));
    if (*result == MR_ARRAY) { /* array_remove */
        r->type = r->arguments[0]->type;
        return MR_OK;
    }
    if (*result == MR_BOOLEAN)
        r->nullable = r->nullable || r->arguments[0]->type->fields[0].nullable;
    r->type = mr_type_of(*result);
    return MR_OK;
}

static int resolve_add(struct mr_resolve *r, struct mr_error *error)
{
    bool inserts = r->count == 3;
    if (inserts && r->arguments[1]->type->id == MR_VOID)
        return mr_resolve_unexpected_type(r, 1, "\"INT\"", error);
    if (inserts)
        MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    MR_TRY(match_element(r, 0, inserts ? 2 : 1, inserts || r->arguments[1]->nullable, error));
    r->nullable = r->arguments[0]->nullable || (inserts && r->arguments[1]->nullable);
    return MR_OK;
}

/* ---- arrays of one type ---- */
static int resolve_sets(struct mr_resolve *r, struct mr_error *error)
{
    const enum mr_type_id *result = r->function->data;
    const struct mr_type *type;
    for (int i = 0; i < r->count; i++)
        if (r->arguments[i]->type->id != MR_ARRAY)
            return mr_resolve_error(r, error, "DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES",
                                    "`%s` takes arrays whose elements have one type.", r->name);
    MR_TRY(mr_resolve_common(r, 0, -1, &type, error));
    MR_TRY(need_orderable(r, element_of(type), error));
    if (*result == MR_BOOLEAN)
        r->nullable = true;
    return give(r, *result == MR_BOOLEAN ? mr_type_of(MR_BOOLEAN) : type, error);
}

static int resolve_same_array(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    r->type = r->arguments[0]->type;
    for (int i = 1; i < r->count; i++)
        MR_TRY(mr_resolve_cast(r, i, mr_type_of(MR_INT), error));
    return MR_OK;
}

static int resolve_shuffle(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    r->type = r->arguments[0]->type;
    return r->count > 1 ? mr_resolve_cast(r, 1, mr_type_of(MR_BIGINT), error) : MR_OK;
}

static int resolve_compact(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    return give(r, mr_type_array(r->builder->arena, element_of(r->arguments[0]->type), false), error);
}

static int resolve_flatten(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    const struct mr_field *inner = r->arguments[0]->type->fields;
    if (inner->type->id != MR_ARRAY)
        return mr_resolve_unexpected_type(r, 0, "\"ARRAY\" of \"ARRAY\"", error);
    r->nullable = r->nullable || inner->nullable;
    return give(r, inner->type, error);
}

static int resolve_sort_array(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1) {
        const struct mr_expression *yes;
        MR_TRY(mr_expression_bool(r->builder, true, &yes, error));
        MR_TRY(mr_resolve_add(r, yes, error));
    }
    MR_TRY(need_array(r, 0, error));
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_BOOLEAN), error));
    r->type = r->arguments[0]->type;
    return need_orderable(r, element_of(r->type), error);
}

static int resolve_array_sort(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    r->type = r->arguments[0]->type;
    if (r->count == 1)
        return need_orderable(r, element_of(r->type), error);
    if (r->arguments[1]->kind != MR_EXPR_LAMBDA || r->arguments[1]->type->id != MR_INT)
        return mr_resolve_unexpected_type(r, 1, "\"INT\"", error);
    return MR_OK;
}

static int resolve_extreme(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(need_array(r, 0, error));
    r->nullable = true;
    MR_TRY(give(r, element_of(r->arguments[0]->type), error));
    return need_orderable(r, r->type, error);
}

static int resolve_join(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *strings = mr_type_array(r->builder->arena, mr_type_of(MR_STRING), true);
    if (!strings)
        return mr_error_memory(error, sizeof *strings);
    MR_TRY(need_array(r, 0, error));
    if (element_of(r->arguments[0]->type)->id != MR_STRING)
        MR_TRY(mr_resolve_force(r, 0, strings, error));
    for (int i = 1; i < r->count; i++)
        MR_TRY(mr_resolve_cast(r, i, mr_type_of(MR_STRING), error));
    r->type = mr_type_of(MR_STRING);
    return MR_OK;
}

static int resolve_zip(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, r->count + 1);
    const struct mr_type *nothing = mr_type_array(arena, mr_type_of(MR_VOID), true);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < r->count; i++) {
        if (r->arguments[i]->type->id == MR_VOID && nothing)
            MR_TRY(mr_resolve_force(r, i, nothing, error));
        MR_TRY(need_array(r, i, error));
        const struct mr_expression *e = r->arguments[i];
        fields[i] = (struct mr_field){.type = element_of(e->type), .nullable = true};
        fields[i].name = e->kind == MR_EXPR_COLUMN && e->name ? e->name : mr_arena_format(arena, "%d", i);
    }
    const struct mr_type *entry = mr_type_struct(arena, fields, r->count);
    return entry ? give(r, mr_type_array(arena, entry, false), error) : mr_error_memory(error, sizeof *entry);
}

/* ---- looking in ---- */
static int resolve_element_at(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    r->nullable = true;
    if (type->id != MR_ARRAY && type->id != MR_MAP)
        return mr_resolve_unexpected_type(r, 0, "(\"ARRAY\" or \"MAP\")", error);
    if (r->arguments[1]->type->id == MR_VOID)
        return mr_resolve_unexpected_type(r, 1, type->id == MR_ARRAY ? "\"INT\"" : "the key's type", error);
    MR_TRY(mr_resolve_cast(r, 1, type->id == MR_ARRAY ? mr_type_of(MR_INT) : type->fields[0].type, error));
    return give(r, type->fields[type->field_count - 1].type, error);
}

static int resolve_get(struct mr_resolve *r, struct mr_error *error)
{
    r->nullable = true;
    MR_TRY(need_array(r, 0, error));
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    return give(r, element_of(r->arguments[0]->type), error);
}

static int resolve_size(struct mr_resolve *r, struct mr_error *error)
{
    enum mr_type_id id = r->arguments[0]->type->id;
    bool arrays_only = strcmp(r->function->name, "array_size") == 0;
    r->type = mr_type_of(MR_INT);
    if (id == MR_ARRAY || id == MR_VOID || (id == MR_MAP && !arrays_only))
        return MR_OK;
    return mr_resolve_unexpected_type(r, 0, arrays_only ? "\"ARRAY\"" : "(\"ARRAY\" or \"MAP\")", error);
}

static int resolve_contains_key(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    if (r->arguments[0]->type->id == MR_VOID || r->arguments[1]->type->id == MR_VOID)
        return null_type(r, error);
    MR_TRY(need_map(r, 0, error));
    const struct mr_field *fields = r->arguments[0]->type->fields;
    const struct mr_type *key = mr_type_common(arena, fields[0].type, r->arguments[1]->type);
    if (!key)
        return diff_types(r, 0, 1, error);
    const struct mr_type *map = mr_type_map(arena, key, fields[1].type, fields[1].nullable);
    if (!map)
        return mr_error_memory(error, sizeof *map);
    if (!mr_type_equal(key, fields[0].type))
        MR_TRY(mr_resolve_force(r, 0, map, error));
    MR_TRY(mr_resolve_force(r, 1, key, error));
    r->type = mr_type_of(MR_BOOLEAN);
    return MR_OK;
}

/* ---- of strings and of arrays ---- */
static const struct mr_bound_kernel concat_strings = {mr_string_concat, MR_FN_NULL_IF_ANY};
static const struct mr_bound_kernel concat_arrays = {mr_collection_concat, MR_FN_NULL_IF_ANY};
static const struct mr_bound_kernel reverse_string = {mr_string_reverse, MR_FN_NULL_IF_ANY};
static const struct mr_bound_kernel reverse_array = {mr_collection_reverse, MR_FN_NULL_IF_ANY};

static int resolve_concat(struct mr_resolve *r, struct mr_error *error)
{
    bool arrays = false, binary = r->count > 0;
    for (int i = 0; i < r->count; i++) {
        arrays |= r->arguments[i]->type->id == MR_ARRAY;
        binary &= r->arguments[i]->type->id == MR_BINARY;
    }
    if (arrays) {
        r->bound = &concat_arrays;
        return mr_resolve_common(r, 0, -1, &r->type, error);
    }
    r->bound = &concat_strings;
    r->type = mr_type_of(binary ? MR_BINARY : MR_STRING);
    for (int i = 0; i < r->count; i++) {
        if (mr_type_is_nested(r->arguments[i]->type))
            return mr_resolve_unexpected_type(r, i, "(\"STRING\" or \"BINARY\" or \"ARRAY\")", error);
        MR_TRY(mr_resolve_cast(r, i, r->type, error));
    }
    return MR_OK;
}

static int resolve_reverse(struct mr_resolve *r, struct mr_error *error)
{
    bool array = r->arguments[0]->type->id == MR_ARRAY;
    r->bound = array ? &reverse_array : &reverse_string;
    if (array)
        return give(r, r->arguments[0]->type, error);
    if (mr_type_is_nested(r->arguments[0]->type))
        return mr_resolve_unexpected_type(r, 0, "(\"STRING\" or \"ARRAY\")", error);
    return mr_resolve_signature(r, "B>1", error);
}

static const enum mr_type_id boolean_id = MR_BOOLEAN, bigint_id = MR_BIGINT, array_id = MR_ARRAY;

#define FN(name, least, most, flags, resolve, kernel, data)                                                  \
    {                                                                                                        \
        name, least, most, flags, resolve, kernel, NULL, NULL, NULL, data, NULL                              \
    }
#define LAMBDA(name, least, most, flags, kernel, kind)                                                       \
    {                                                                                                        \
        name, least, most, flags, mr_collection_resolve_lambda, kernel, mr_collection_open_lambdas,          \
            mr_collection_close_lambdas, NULL, kind, NULL                                                    \
    }
#define GENERATOR(name, most, resolve, kernel)                                                               \
    {                                                                                                        \
        name, 1, most, N | MR_FN_GENERATOR | MR_FN_MAY_BE_NULL, resolve, kernel, NULL, NULL, NULL, NULL,     \
            NULL                                                                                             \
    }

const struct mr_function mr_functions_collection[] = {
    FN("array", 0, -1, 0, resolve_array, mr_collection_array, NULL),
    FN("struct", 0, -1, 0, resolve_struct, mr_collection_struct, NULL),
    FN("named_struct", 2, -1, 0, resolve_named_struct, mr_collection_named_struct, NULL),
    FN("map", 0, -1, 0, resolve_map, mr_collection_map, NULL),
    FN("map_from_arrays", 2, 2, N, resolve_map_from_arrays, mr_collection_map_from_arrays, NULL),
    FN("map_from_entries", 1, 1, SOMETIMES, resolve_map_from_entries, mr_collection_map_from_entries, NULL),
    FN("str_to_map", 1, 3, N, resolve_str_to_map, mr_collection_str_to_map, NULL),
    FN("map_keys", 1, 1, N, resolve_map_part, mr_collection_map_part, "k"),
    FN("map_values", 1, 1, N, resolve_map_part, mr_collection_map_part, "v"),
    FN("map_entries", 1, 1, N, resolve_map_part, mr_collection_map_part, "e"),
    FN("map_concat", 0, -1, N, resolve_map_concat, mr_collection_map_concat, NULL),
    FN("map_contains_key", 2, 2, N, resolve_contains_key, mr_collection_contains_key, NULL),
    FN("array_repeat", 2, 2, 0, resolve_repeat, mr_collection_repeat, NULL),
    FN("sequence", 2, 3, N, mr_collection_resolve_sequence, mr_collection_sequence, NULL),
    FN("element_at", 2, 2, SOMETIMES, resolve_element_at, mr_collection_element_at, NULL),
    FN("try_element_at", 2, 2, SOMETIMES, resolve_element_at, mr_collection_element_at, NULL),
    FN("get", 2, 2, SOMETIMES, resolve_get, mr_collection_get, NULL),
    FN("size", 1, 1, N, resolve_size, mr_collection_size, NULL),
    FN("cardinality", 1, 1, N, resolve_size, mr_collection_size, NULL),
    FN("array_size", 1, 1, N, resolve_size, mr_collection_size, NULL),
    FN("array_contains", 2, 2, N, resolve_search, mr_collection_contains, &boolean_id),
    FN("array_position", 2, 2, N, resolve_search, mr_collection_position, &bigint_id),
    FN("array_remove", 2, 2, N, resolve_search, mr_collection_remove, &array_id),
    FN("array_min", 1, 1, SOMETIMES, resolve_extreme, mr_collection_extreme, NULL),
    FN("array_max", 1, 1, SOMETIMES, resolve_extreme, mr_collection_extreme, NULL),
    FN("array_append", 2, 2, 0, resolve_add, mr_collection_append, NULL),
    FN("array_prepend", 2, 2, 0, resolve_add, mr_collection_prepend, NULL),
    FN("array_insert", 3, 3, 0, resolve_add, mr_collection_insert, NULL),
    FN("array_compact", 1, 1, N, resolve_compact, mr_collection_compact, NULL),
    FN("array_distinct", 1, 1, N, resolve_sets, mr_collection_distinct, &array_id),
    FN("array_union", 2, 2, N, resolve_sets, mr_collection_union, &array_id),
    FN("array_intersect", 2, 2, N, resolve_sets, mr_collection_intersect, &array_id),
    FN("array_except", 2, 2, N, resolve_sets, mr_collection_except, &array_id),
    FN("arrays_overlap", 2, 2, SOMETIMES, resolve_sets, mr_collection_overlap, &boolean_id),
    FN("arrays_zip", 1, -1, N, resolve_zip, mr_collection_zip, NULL),
    FN("array_join", 2, 3, N, resolve_join, mr_collection_join, NULL),
    FN("slice", 3, 3, N, resolve_same_array, mr_collection_slice, NULL),
    FN("flatten", 1, 1, SOMETIMES, resolve_flatten, mr_collection_flatten, NULL),
    FN("sort_array", 1, 2, N, resolve_sort_array, mr_collection_sort_array, NULL),
    FN("shuffle", 1, 2, N | MR_FN_NONDETERMINISTIC, resolve_shuffle, mr_collection_shuffle, NULL),
    FN("concat", 0, -1, 0, resolve_concat, NULL, NULL),
    FN("reverse", 1, 1, 0, resolve_reverse, NULL, NULL),
    {"array_sort", 1, 2, N, resolve_array_sort, mr_collection_array_sort, mr_collection_open_lambdas,
     mr_collection_close_lambdas, NULL, NULL, NULL},
    LAMBDA("transform", 2, 2, N, mr_collection_transform, "t"),
    LAMBDA("filter", 2, 2, N, mr_collection_filter, "f"),
    LAMBDA("exists", 2, 2, SOMETIMES, mr_collection_exists, "e"),
    LAMBDA("forall", 2, 2, SOMETIMES, mr_collection_exists, "e"),
    LAMBDA("aggregate", 3, 4, MR_FN_MAY_BE_NULL, mr_collection_aggregate, "a"),
    LAMBDA("reduce", 3, 4, MR_FN_MAY_BE_NULL, mr_collection_aggregate, "a"),
    LAMBDA("zip_with", 3, 3, N, mr_collection_zip_with, "z"),
    LAMBDA("map_filter", 2, 2, N, mr_collection_map_filter, "mf"),
    LAMBDA("transform_keys", 2, 2, N, mr_collection_transform_keys, "mk"),
    LAMBDA("transform_values", 2, 2, N, mr_collection_transform_values, "mv"),
    LAMBDA("map_zip_with", 3, 3, N, mr_collection_map_zip_with, "mz"),
    FN("vector_inner_product", 2, 2, SOMETIMES, mr_collection_resolve_vector, mr_collection_vector_pair,
       "inner"),
    FN("vector_l2_distance", 2, 2, SOMETIMES, mr_collection_resolve_vector, mr_collection_vector_pair,
       "distance"),
    FN("vector_cosine_similarity", 2, 2, SOMETIMES, mr_collection_resolve_vector, mr_collection_vector_pair,
       "cosine"),
    FN("vector_norm", 1, 2, SOMETIMES, mr_collection_resolve_vector, mr_collection_vector_norm, "norm"),
    FN("vector_normalize", 1, 2, SOMETIMES, mr_collection_resolve_vector, mr_collection_vector_normalize,
       "vector"),
    GENERATOR("explode", 1, mr_collection_resolve_explode, mr_collection_explode),
    GENERATOR("explode_outer", 1, mr_collection_resolve_explode, mr_collection_explode),
    GENERATOR("posexplode", 1, mr_collection_resolve_explode, mr_collection_explode),
    GENERATOR("posexplode_outer", 1, mr_collection_resolve_explode, mr_collection_explode),
    GENERATOR("inline", 1, mr_collection_resolve_inline, mr_collection_explode),
    GENERATOR("inline_outer", 1, mr_collection_resolve_inline, mr_collection_explode),
    {"stack", 2, -1, MR_FN_GENERATOR, mr_collection_resolve_stack, mr_collection_stack, NULL, NULL, NULL,
     NULL, NULL},
    {0},
};
