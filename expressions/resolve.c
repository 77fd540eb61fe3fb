/* expressions/resolve.c: what functions' resolve work with. */
#include "expressions/resolve.h"

#include <stdio.h>

#include "expressions/coercion.h"

/* ---- errors ---- */
int mr_builder_error_at(const struct mr_expression_builder *b, struct mr_error *error)
{
    if (!b || !b->origin || error->sql_stop)
        return error->code;
    mr_error_in_sql(error, b->origin->file, b->origin->text, b->sql_start, b->sql_stop);
    error->sql_start = b->sql_start;
    error->sql_stop = b->sql_stop;
    return error->code;
}

static void append_call(struct mr_text *out, const struct mr_resolve *r)
{
    struct mr_expression e = {.kind = MR_EXPR_CALL,
                              .type = mr_type_of(MR_VOID),
                              .function = r->function,
                              .name = r->function->shown ? NULL : r->name,
                              .arguments = r->arguments,
                              .argument_count = r->count};
    mr_expression_name(out, &e, NULL);
}

static void add_quoted(struct mr_error *error, const char *parameter, const struct mr_text *text)
{
    mr_error_parameter(error, parameter, "\"%s\"", text->data);
}

/* Parameters sqlExpr (the call) and where; ends every error of resolution. */
static int finish_error(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    append_call(&text, r);
    add_quoted(error, "sqlExpr", &text);
    mr_text_release(&text);
    return mr_builder_error_at(r->builder, error);
}

int mr_resolve_error(struct mr_resolve *r, struct mr_error *error, const char *condition, const char *format,
                     ...)
{
    char message[sizeof error->message];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    mr_error_set(error, MR_E_SQL, condition, "%s", message);
    if (strncmp(condition, "DATATYPE_MISMATCH", 17) == 0)
        return finish_error(r, error);
    return mr_builder_error_at(r->builder, error);
}

static const char *ordinal(int i, char buffer[16])
{
    static const char *const words[] = {"first", "second",  "third",  "fourth", "fifth",
                                        "sixth", "seventh", "eighth", "ninth",  "tenth"};
    if (i < 10)
        return words[i];
    snprintf(buffer, 16, "%dth", i + 1);
    return buffer;
}

int mr_resolve_unexpected_type(struct mr_resolve *r, int i, const char *required, struct mr_error *error)
{
    char buffer[16];
    struct mr_text call, input, type;
    mr_text_init(&call);
    mr_text_init(&input);
    mr_text_init(&type);
    append_call(&call, r);
    mr_expression_name(&input, r->arguments[i], NULL);
    mr_type_text(&type, r->arguments[i]->type);
    mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
                 "The types in \"%s\" do not go together: its %s parameter must be %s, but \"%s\" is \"%s\".",
                 call.data, ordinal(i, buffer), required, input.data, type.data);
    mr_error_parameter(error, "paramIndex", "%s", ordinal(i, buffer));
    mr_error_parameter(error, "requiredType", "%s", required);
    add_quoted(error, "inputSql", &input);
    add_quoted(error, "inputType", &type);
    mr_text_release(&call);
    mr_text_release(&input);
    mr_text_release(&type);
    return finish_error(r, error);
}

int mr_resolve_binary_diff_types(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_text call, left, right;
    mr_text_init(&call);
    mr_text_init(&left);
    mr_text_init(&right);
    append_call(&call, r);
    mr_type_text(&left, r->arguments[0]->type);
    mr_type_text(&right, r->arguments[1]->type);
    mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES",
                 "The types in \"%s\" do not go together: the left side is \"%s\", the right side is \"%s\".",
                 call.data, left.data, right.data);
    add_quoted(error, "left", &left);
    add_quoted(error, "right", &right);
    mr_text_release(&call);
    mr_text_release(&left);
    mr_text_release(&right);
    return finish_error(r, error);
}

int mr_resolve_binary_wrong_type(struct mr_resolve *r, const char *required, struct mr_error *error)
{
    struct mr_text call, actual;
    mr_text_init(&call);
    mr_text_init(&actual);
    append_call(&call, r);
    mr_type_text(&actual, r->arguments[0]->type->id == MR_VOID && r->count > 1 ? r->arguments[1]->type
                                                                               : r->arguments[0]->type);
    mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE",
                 "The types in \"%s\" do not go together: the operator takes %s, not \"%s\".", call.data,
                 required, actual.data);
    mr_error_parameter(error, "inputType", "%s", required);
    add_quoted(error, "actualDataType", &actual);
    mr_text_release(&call);
    mr_text_release(&actual);
    return finish_error(r, error);
}

int mr_resolve_data_diff_types(struct mr_resolve *r, int first, int last, struct mr_error *error)
{
    struct mr_text call, types;
    mr_text_init(&call);
    mr_text_init(&types);
    append_call(&call, r);
    last = last < 0 ? r->count - 1 : last;
    mr_text_append_char(&types, '[');
    for (int i = first; i <= last; i++) {
        mr_text_append_str(&types, i > first ? ", \"" : "\"");
        mr_type_text(&types, r->arguments[i]->type);
        mr_text_append_char(&types, '"');
    }
    mr_text_append_char(&types, ']');
    mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
                 "The types in \"%s\" do not go together: the values should be of one type, but are %s.",
                 call.data, types.data);
    mr_error_parameter(error, "functionName", "`%s`", r->name);
    mr_error_parameter(error, "dataType", "%s", types.data);
    mr_text_release(&call);
    mr_text_release(&types);
    return finish_error(r, error);
}

int mr_resolve_non_foldable(struct mr_resolve *r, int i, const char *argument_name, struct mr_error *error)
{
    struct mr_text input, type;
    mr_text_init(&input);
    mr_text_init(&type);
    mr_expression_name(&input, r->arguments[i], NULL);
    mr_type_text(&type, r->arguments[i]->type);
    mr_error_set(error, MR_E_SQL, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                 "The argument `%s` of `%s` must be a constant, but \"%s\" depends on the row.",
                 argument_name, r->name, input.data);
    mr_error_parameter(error, "inputName", "`%s`", argument_name);
    add_quoted(error, "inputType", &type);
    add_quoted(error, "inputExpr", &input);
    mr_text_release(&input);
    mr_text_release(&type);
    return finish_error(r, error);
}

int mr_resolve_wrong_count(struct mr_resolve *r, const char *expected, struct mr_error *error)
{
    mr_error_set(error, MR_E_SQL, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`%s` takes %s arguments, not %d.",
                 r->name, expected, r->count);
    mr_error_parameter(error, "functionName", "`%s`", r->name);
    mr_error_parameter(error, "expectedNum", "%s", expected);
    mr_error_parameter(error, "actualNum", "%d", r->count);
    mr_error_parameter(error, "docroot", "https://spark.apache.org/docs/latest");
    return mr_builder_error_at(r->builder, error);
}

/* ---- coercion ---- */
int mr_resolve_force(struct mr_resolve *r, int i, const struct mr_type *type, struct mr_error *error)
{
    if (!type)
        return mr_error_memory(error, sizeof *type);
    return mr_cast_build(r->builder, r->arguments[i], type, false, true, &r->arguments[i], error);
}

int mr_resolve_cast(struct mr_resolve *r, int i, const struct mr_type *type, struct mr_error *error)
{
    const struct mr_type *from = r->arguments[i]->type;
    if (mr_type_equal(from, type))
        return MR_OK;
    if (!mr_resolve_castable(from, type)) {
        struct mr_text text;
        mr_text_init(&text);
        mr_text_append_char(&text, '"');
        mr_type_text(&text, type);
        mr_text_append_char(&text, '"');
        mr_resolve_unexpected_type(r, i, text.data, error);
        mr_text_release(&text);
        return error->code;
    }
    return mr_resolve_force(r, i, type, error);
}

int mr_resolve_all(struct mr_resolve *r, const struct mr_type *type, struct mr_error *error)
{
    for (int i = 0; i < r->count; i++)
        MR_TRY(mr_resolve_cast(r, i, type, error));
    return MR_OK;
}

int mr_resolve_all_strings(struct mr_resolve *r, struct mr_error *error)
{
    return mr_resolve_all(r, mr_type_of(MR_STRING), error);
}

int mr_resolve_common(struct mr_resolve *r, int first, int last, const struct mr_type **out,
                      struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    last = last < 0 ? r->count - 1 : last;
    const struct mr_type *common = r->arguments[first]->type;
    for (int i = first + 1; i <= last && common; i++)
        common = mr_type_common(arena, common, r->arguments[i]->type);
    if (!common)
        return mr_resolve_data_diff_types(r, first, last, error);
    for (int i = first; i <= last; i++)
        MR_TRY(mr_resolve_force(r, i, common, error));
    if (out)
        *out = common;
    return MR_OK;
}

int mr_resolve_fixed(struct mr_resolve *r, const struct mr_type *result)
{
    r->type = result;
    return MR_OK;
}

/* ---- signatures ---- */
static const struct mr_type *letter_type(char letter)
{
    switch (letter) {
    case 'b':
        return mr_type_of(MR_BOOLEAN);
    case 'i':
        return mr_type_of(MR_INT);
    case 'l':
        return mr_type_of(MR_BIGINT);
    case 'd':
        return mr_type_of(MR_DOUBLE);
    case 's':
        return mr_type_of(MR_STRING);
    case 'x':
        return mr_type_of(MR_BINARY);
    case 'D':
        return mr_type_of(MR_DATE);
    case 'T':
        return mr_type_of(MR_TIMESTAMP);
    case 'N':
        return mr_type_of(MR_TIMESTAMP_NTZ);
    case 'y':
        return mr_type_of(MR_INTERVAL_YEAR_MONTH);
    case 'z':
        return mr_type_of(MR_INTERVAL_DAY_TIME);
    default:
        return NULL;
    }
}

static int resolve_letter(struct mr_resolve *r, int i, char letter, struct mr_error *error)
{
    const struct mr_type *from = r->arguments[i]->type;
    bool is_void = from->id == MR_VOID, is_string = from->id == MR_STRING;
    switch (letter) {
    case 'a':
        return MR_OK;
    case 'B':
        return from->id == MR_BINARY ? MR_OK : mr_resolve_cast(r, i, mr_type_of(MR_STRING), error);
    case 'o':
        return mr_type_is_nested(from) ? mr_resolve_unexpected_type(r, i, "\"ATOMIC\"", error) : MR_OK;
    case 'I':
        if (is_void || is_string)
            return mr_resolve_force(r, i, mr_type_of(is_void ? MR_INT : MR_BIGINT), error);
        return mr_type_is_integral(from) ? MR_OK : mr_resolve_unexpected_type(r, i, "\"INTEGRAL\"", error);
    case 'n':
        if (is_void || is_string)
            return mr_resolve_force(r, i, mr_type_of(MR_DOUBLE), error);
        return mr_type_is_numeric(from) ? MR_OK : mr_resolve_unexpected_type(r, i, "\"NUMERIC\"", error);
    case 'c':
        if (is_void || is_string)
            return mr_resolve_force(r, i, mr_type_decimal(r->builder->arena, 38, 18), error);
        if (!mr_type_is_numeric(from))
            return mr_resolve_unexpected_type(r, i, "\"DECIMAL\"", error);
        return mr_resolve_force(r, i, mr_type_as_decimal(r->builder->arena, from), error);
    case 't':
        if (from->id == MR_TIMESTAMP_NTZ)
            return MR_OK;
        return mr_resolve_cast(r, i, mr_type_of(MR_TIMESTAMP), error);
    case 'A':
        return from->id == MR_ARRAY ? MR_OK : mr_resolve_unexpected_type(r, i, "\"ARRAY\"", error);
    case 'M':
        return from->id == MR_MAP ? MR_OK : mr_resolve_unexpected_type(r, i, "\"MAP\"", error);
    case 'S':
        return from->id == MR_STRUCT ? MR_OK : mr_resolve_unexpected_type(r, i, "\"STRUCT\"", error);
    default:
        return mr_resolve_cast(r, i, letter_type(letter), error);
    }
}

int mr_resolve_signature(struct mr_resolve *r, const char *signature, struct mr_error *error)
{
    const char *at = signature;
    for (int i = 0; i < r->count; i++) {
        while (*at == '?')
            at++;
        if (*at == '>')
            return mr_resolve_wrong_count(r, "fewer", error);
        MR_TRY(resolve_letter(r, i, *at, error));
        if (at[1] != '*')
            at++;
    }
    const char *result = strchr(signature, '>') + 1;
    if (*result == '[')
        r->type = mr_type_array(r->builder->arena, letter_type(result[1]), true);
    else if (*result >= '1' && *result <= '9')
        r->type = r->arguments[*result - '1']->type;
    else
        r->type = letter_type(*result);
    return r->type ? MR_OK : mr_error_memory(error, sizeof(struct mr_type));
}

/* ---- constants ---- */
int mr_resolve_constant(struct mr_resolve *r, int i, const struct mr_column **out, struct mr_error *error)
{
    const struct mr_expression *folded = NULL;
    *out = NULL;
    if (!r->arguments[i]->foldable)
        return MR_OK;
    MR_TRY(mr_expression_fold(r->builder, r->arguments[i], &folded, error));
    if (folded->kind == MR_EXPR_LITERAL)
        *out = folded->literal;
    return MR_OK;
}

int mr_resolve_options(struct mr_resolve *r, const struct mr_column *map, const struct mr_option **out,
                       int *count, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    struct mr_option *options = MR_ARENA_ARRAY(arena, struct mr_option, map->offsets[1] + 1);
    *count = 0;
    *out = options;
    if (!options)
        return mr_error_memory(error, sizeof *options);
    for (int32_t k = map->offsets[0]; !mr_column_is_null(map, 0) && k < map->offsets[1]; k++) {
        struct mr_str name = mr_view_str(&map->children[0]->views[k]);
        if (mr_column_is_null(map->children[1], k))
            continue;
        struct mr_str value = mr_view_str(&map->children[1]->views[k]);
        struct mr_option *option = &options[(*count)++];
        option->name = mr_arena_copy_text(arena, name.data, name.size);
        option->value = mr_arena_copy_text(arena, value.data, value.size);
        if (!option->name || !option->value)
            return mr_error_memory(error, name.size + value.size);
    }
    return MR_OK;
}

int mr_resolve_constant_string(struct mr_resolve *r, int i, struct mr_str *out, struct mr_error *error)
{
    const struct mr_column *value = NULL;
    *out = (struct mr_str){NULL, 0};
    MR_TRY(mr_resolve_constant(r, i, &value, error));
    if (!value)
        return mr_resolve_non_foldable(r, i, "value", error);
    if (value->type->id == MR_VOID || mr_column_is_null(value, 0))
        return MR_OK;
    if (!mr_type_is_bytes(value->type))
        return mr_resolve_unexpected_type(r, i, "\"STRING\"", error);
    *out = mr_view_str(&value->views[0]);
    return MR_OK;
}

int mr_resolve_constant_i64(struct mr_resolve *r, int i, int64_t *out, bool *is_null, struct mr_error *error)
{
    const struct mr_column *value = NULL;
    *out = 0;
    *is_null = true;
    MR_TRY(mr_resolve_constant(r, i, &value, error));
    if (!value)
        return mr_resolve_non_foldable(r, i, "value", error);
    if (value->type->id == MR_VOID || mr_column_is_null(value, 0))
        return MR_OK;
    *is_null = false;
    switch (mr_type_width(value->type)) {
    case 1:
        *out = value->i8[0];
        break;
    case 2:
        *out = value->i16[0];
        break;
    case 4:
        *out = value->i32[0];
        break;
    case 8:
        *out = value->i64[0];
        break;
    default:
        return mr_resolve_unexpected_type(r, i, "\"INTEGRAL\"", error);
    }
    return MR_OK;
}

int mr_resolve_rewrite(struct mr_resolve *r, const char *function,
                       const struct mr_expression *const *arguments, int count, struct mr_error *error)
{
    return mr_expression_call(r->builder, mr_str_of(function), arguments, count, &r->rewritten, error);
}
