/* expressions/functions_string.c: the table of string functions, and how their calls are resolved. */
#include "expressions/coercion.h"
#include "expressions/registry.h"
#include "expressions/string_kernels.h"

#define N MR_FN_NULL_IF_ANY
#define PURE (MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE)
#define SELF MR_FN_MAY_BE_NULL /* the kernel sees to NULLs itself */

static const struct mr_type *string_type(void)
{
    return mr_type_of(MR_STRING);
}

/* Both STRING, or both BINARY when both are. */
static int same_bytes(struct mr_resolve *r, int first, int second, struct mr_error *error)
{
    bool binary = r->arguments[first]->type->id == MR_BINARY && r->arguments[second]->type->id == MR_BINARY;
    const struct mr_type *type = mr_type_of(binary ? MR_BINARY : MR_STRING);
    MR_TRY(mr_resolve_cast(r, first, type, error));
    return mr_resolve_cast(r, second, type, error);
}

static int resolve_test(struct mr_resolve *r, struct mr_error *error)
{
    r->type = mr_type_of(MR_BOOLEAN);
    return same_bytes(r, 0, 1, error);
}

static int resolve_substring(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), INT32_MAX, error));
    return mr_resolve_signature(r, "Bii>1", error);
}

static int add_zero_byte(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_column *value = mr_column_new(mr_type_of(MR_BINARY), 1);
    const struct mr_expression *zero;
    if (!value)
        return mr_error_memory(error, sizeof *value);
    value->length = 1;
    value->views[0] = mr_view_of("\0", 1);
    int status = mr_expression_literal(r->builder, value, &zero, error);
    mr_column_unref(value);
    return status < 0 ? status : mr_resolve_add(r, zero, error);
}

static int resolve_pad(struct mr_resolve *r, struct mr_error *error)
{
    bool binary = r->arguments[0]->type->id == MR_BINARY;
    if (r->count == 2 && binary) {
        MR_TRY(add_zero_byte(r, error));
    } else if (r->count == 2) {
        MR_TRY(mr_resolve_add_string(r, " ", error));
    }
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    MR_TRY(same_bytes(r, 0, 2, error));
    r->type = r->arguments[0]->type;
    return MR_OK;
}

/* trim(characters, text) has its arguments the other way round than btrim(text, characters). */
static int resolve_trim(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_all_strings(r, error));
    r->type = string_type();
    if (r->count == 2 && strcmp(r->function->name, "btrim") != 0) {
        const struct mr_expression *text = r->arguments[1];
        r->arguments[1] = r->arguments[0];
        r->arguments[0] = text;
    }
    return MR_OK;
}

static int resolve_overlay(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 3)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), -1, error));
    MR_TRY(same_bytes(r, 0, 1, error));
    MR_TRY(mr_resolve_cast(r, 2, mr_type_of(MR_INT), error));
    MR_TRY(mr_resolve_cast(r, 3, mr_type_of(MR_INT), error));
    r->type = r->arguments[0]->type;
    return MR_OK;
}

static int resolve_locate(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), 1, error));
    return mr_resolve_signature(r, "ssi>i", error);
}

static int resolve_replace(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        MR_TRY(mr_resolve_add_string(r, "", error));
    return mr_resolve_signature(r, "sss>s", error);
}

static int resolve_concat_ws(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_cast(r, 0, string_type(), error));
    for (int i = 1; i < r->count; i++) {
        const struct mr_type *type = r->arguments[i]->type;
        if (type->id == MR_ARRAY && type->fields[0].type->id != MR_STRING) {
            const struct mr_type *strings = mr_type_array(r->builder->arena, string_type(), true);
            if (!strings)
                return mr_error_memory(error, sizeof *strings);
            if (mr_type_is_nested(type->fields[0].type))
                return mr_resolve_unexpected_type(r, i, "(\"ARRAY<STRING>\" or \"STRING\")", error);
            MR_TRY(mr_resolve_force(r, i, strings, error));
        } else if (type->id != MR_ARRAY) {
            if (mr_type_is_nested(type))
                return mr_resolve_unexpected_type(r, i, "(\"ARRAY<STRING>\" or \"STRING\")", error);
            MR_TRY(mr_resolve_cast(r, i, string_type(), error));
        }
    }
    r->type = string_type();
    r->nullable = r->arguments[0]->nullable;
    return MR_OK;
}

static int resolve_elt(struct mr_resolve *r, struct mr_error *error)
{
    bool binary = r->count > 1;
    for (int i = 1; i < r->count; i++)
        binary &= r->arguments[i]->type->id == MR_BINARY;
    r->type = mr_type_of(binary ? MR_BINARY : MR_STRING);
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_INT), error));
    for (int i = 1; i < r->count; i++)
        MR_TRY(mr_resolve_cast(r, i, r->type, error));
    return MR_OK;
}

static int resolve_mask(struct mr_resolve *r, struct mr_error *error)
{
    static const char *const defaults[] = {"", "X", "x", "n"};
    static const char *const names[] = {"", "upperChar", "lowerChar", "digitChar", "otherChar"};
    MR_TRY(mr_resolve_cast(r, 0, string_type(), error));
    while (r->count < 4)
        MR_TRY(mr_resolve_add_string(r, defaults[r->count], error));
    if (r->count < 5)
        MR_TRY(mr_resolve_add_null(r, error));
    for (int i = 1; i < 5; i++) {
        struct mr_str text;
        MR_TRY(mr_resolve_cast(r, i, string_type(), error));
        MR_TRY(mr_resolve_constant_string(r, i, &text, error));
        if (text.data && mr_utf8_count(text.data, text.size) != 1) {
            mr_resolve_error(r, error, "DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE", "%s must be one character.",
                             names[i]);
            mr_error_parameter(error, "exprName", "%s", names[i]);
            return error->code;
        }
    }
    r->type = string_type();
    r->nullable = r->arguments[0]->nullable;
    return MR_OK;
}

static int resolve_sentences(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    while (r->count < 3)
        MR_TRY(mr_resolve_add_string(r, "", error));
    MR_TRY(mr_resolve_all_strings(r, error));
    const struct mr_type *words = mr_type_array(arena, string_type(), false);
    r->type = words ? mr_type_array(arena, words, false) : NULL;
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

/* decode(bytes, charset), or decode(value, search, result, …, [otherwise]): a CASE where NULL equals NULL. */
static int resolve_decode(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        return mr_resolve_signature(r, "xs>s", error);
    if (r->count < 2)
        return mr_resolve_wrong_count(r, "> 1", error);
    int count = 0;
    const struct mr_expression **branches =
        MR_ARENA_ARRAY(r->builder->arena, const struct mr_expression *, r->count + 1);
    if (!branches)
        return mr_error_memory(error, sizeof *branches);
    for (int i = 1; i + 1 < r->count; i += 2) {
        const struct mr_expression *pair[] = {r->arguments[0], r->arguments[i]};
        MR_TRY(mr_expression_call(r->builder, MR_STR("<=>"), pair, 2, &branches[count], error));
        branches[count + 1] = r->arguments[i + 1];
        count += 2;
    }
    if (r->count % 2 == 0)
        branches[count++] = r->arguments[r->count - 1];
    return mr_resolve_rewrite(r, "case", branches, count, error);
}

static int resolve_to_binary(struct mr_resolve *r, struct mr_error *error)
{
    static const char *const formats[] = {"hex", "utf-8", "utf8", "base64"};
    struct mr_str format = MR_STR("hex");
    MR_TRY(mr_resolve_all_strings(r, error));
    if (r->count > 1)
        MR_TRY(mr_resolve_constant_string(r, 1, &format, error));
    bool known = format.data == NULL, tolerate = strncmp(r->function->name, "try_", 4) == 0;
    for (int i = 0; i < MR_COUNT(formats); i++)
        known |= mr_str_equal_nocase(format, mr_str_of(formats[i]));
    if (!known && !tolerate)
        return mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_ARG_VALUE",
                                "The format must be 'hex', 'utf-8', 'utf8' or 'base64', not '%.*s'.",
                                (int)format.size, format.data);
    r->type = mr_type_of(MR_BINARY);
    r->nullable = r->nullable || tolerate;
    return MR_OK;
}

static int resolve_format_number(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *number = r->arguments[0]->type;
    if (number->id == MR_VOID || number->id == MR_STRING)
        MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_DOUBLE), error));
    else if (mr_type_is_integral(number))
        MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_BIGINT), error));
    else if (!mr_type_is_numeric(number))
        return mr_resolve_unexpected_type(r, 0, "\"NUMERIC\"", error);
    if (r->arguments[1]->type->id != MR_STRING)
        MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    r->type = string_type();
    return MR_OK;
}

static int resolve_randstr(struct mr_resolve *r, struct mr_error *error)
{
    int64_t length;
    bool is_null;
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_INT), error));
    MR_TRY(mr_resolve_constant_i64(r, 0, &length, &is_null, error));
    if (is_null || length < 0) {
        mr_resolve_error(r, error, "INVALID_PARAMETER_VALUE.LENGTH",
                         "The length of randstr must be a constant not below 0.");
        return error->code;
    }
    if (r->count > 1 && (!mr_type_is_integral(r->arguments[1]->type) || !r->arguments[1]->foldable))
        return mr_resolve_unexpected_type(r, 1, "(\"INT\" or \"BIGINT\")", error);
    if (r->count > 1)
        MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_BIGINT), error));
    r->type = string_type();
    r->nullable = false;
    return MR_OK;
}

static int resolve_collation(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *name;
    MR_TRY(mr_resolve_cast(r, 0, string_type(), error));
    MR_TRY(mr_expression_string(r->builder, MR_STR("SYSTEM.BUILTIN.UTF8_BINARY"), &name, error));
    r->rewritten = name;
    return MR_OK;
}

static int resolve_collate(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str name;
    MR_TRY(mr_resolve_all_strings(r, error));
    MR_TRY(mr_resolve_constant_string(r, 1, &name, error));
    if (!mr_str_equal_nocase(name, MR_STR("UTF8_BINARY"))) {
        mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                     "The collation %.*s is not supported; UTF8_BINARY is the only one.", (int)name.size,
                     name.data);
        return mr_builder_error_at(r->builder, error);
    }
    r->rewritten = r->arguments[0];
    return MR_OK;
}

#define ONE(name, kernel, flags, signature)                                                                  \
    {                                                                                                        \
        name, 1, 1, flags, NULL, kernel, NULL, NULL, signature, NULL, NULL                                   \
    }
#define TWO(name, kernel, flags, signature)                                                                  \
    {                                                                                                        \
        name, 2, 2, flags, NULL, kernel, NULL, NULL, signature, NULL, NULL                                   \
    }
#define THREE(name, kernel, flags, signature)                                                                \
    {                                                                                                        \
        name, 3, 3, flags, NULL, kernel, NULL, NULL, signature, NULL, NULL                                   \
    }
#define OWN(name, least, most, flags, resolve, kernel)                                                       \
    {                                                                                                        \
        name, least, most, flags, resolve, kernel, NULL, NULL, NULL, NULL, NULL                              \
    }

const struct mr_function mr_functions_string[] = {
    ONE("length", mr_string_length, PURE, "B>i"),
    ONE("len", mr_string_length, PURE, "B>i"),
    ONE("char_length", mr_string_length, PURE, "B>i"),
    ONE("character_length", mr_string_length, PURE, "B>i"),
    ONE("bit_length", mr_string_bit_length, PURE, "B>i"),
    ONE("octet_length", mr_string_octet_length, PURE, "B>i"),
    ONE("upper", mr_string_upper, N, "s>s"),
    ONE("ucase", mr_string_upper, N, "s>s"),
    ONE("lower", mr_string_lower, N, "s>s"),
    ONE("lcase", mr_string_lower, N, "s>s"),
    ONE("initcap", mr_string_initcap, N, "s>s"),
    OWN("trim", 1, 2, N, resolve_trim, mr_string_trim),
    OWN("btrim", 1, 2, N, resolve_trim, mr_string_trim),
    OWN("ltrim", 1, 2, N, resolve_trim, mr_string_ltrim),
    OWN("rtrim", 1, 2, N, resolve_trim, mr_string_rtrim),
    OWN("substring", 2, 3, N, resolve_substring, mr_string_substring),
    OWN("substr", 2, 3, N, resolve_substring, mr_string_substring),
    TWO("left", mr_string_left, N, "Bi>1"),
    TWO("right", mr_string_right, N, "si>1"),
    OWN("lpad", 2, 3, N, resolve_pad, mr_string_lpad),
    OWN("rpad", 2, 3, N, resolve_pad, mr_string_rpad),
    TWO("repeat", mr_string_repeat, N, "si>s"),
    ONE("space", mr_string_space, N, "i>s"),
    OWN("overlay", 3, 4, N, resolve_overlay, mr_string_overlay),
    ONE("ascii", mr_string_ascii, PURE, "s>i"),
    ONE("char", mr_string_char, PURE, "l>s"),
    ONE("chr", mr_string_char, PURE, "l>s"),
    TWO("instr", mr_string_instr, N, "ss>i"),
    OWN("locate", 2, 3, SELF, resolve_locate, mr_string_locate),
    OWN("position", 2, 3, SELF, resolve_locate, mr_string_locate),
    OWN("startswith", 2, 2, PURE, resolve_test, mr_string_startswith),
    OWN("endswith", 2, 2, PURE, resolve_test, mr_string_endswith),
    OWN("contains", 2, 2, N, resolve_test, mr_string_contains),
    OWN("replace", 2, 3, N, resolve_replace, mr_string_replace),
    THREE("translate", mr_string_translate, N, "sss>s"),
    THREE("split_part", mr_string_split_part, N, "ssi>s"),
    THREE("substring_index", mr_string_substring_index, N, "ssi>s"),
    TWO("find_in_set", mr_string_find_in_set, N, "ss>i"),
    OWN("concat_ws", 1, -1, 0, resolve_concat_ws, mr_string_concat_ws),
    OWN("elt", 2, -1, SELF, resolve_elt, mr_string_elt),
    ONE("soundex", mr_string_soundex, N, "s>s"),
    {"levenshtein", 2, 3, N, NULL, mr_string_levenshtein, NULL, NULL, "ss?i>i", NULL, NULL},
    ONE("luhn_check", mr_string_luhn_check, N, "s>b"),
    OWN("mask", 1, 5, 0, resolve_mask, mr_string_mask),
    ONE("quote", mr_string_quote, N, "s>s"),
    OWN("sentences", 1, 3, SELF, resolve_sentences, mr_string_sentences),
    OWN("randstr", 1, 2, MR_FN_NONDETERMINISTIC, resolve_randstr, mr_string_randstr),
    TWO("encode", mr_string_encode, N, "ss>x"),
    OWN("decode", 2, -1, N, resolve_decode, mr_string_decode),
    ONE("is_valid_utf8", mr_string_is_valid_utf8, PURE, "s>b"),
    ONE("make_valid_utf8", mr_string_make_valid_utf8, N, "s>s"),
    ONE("validate_utf8", mr_string_validate_utf8, N, "s>s"),
    ONE("try_validate_utf8", mr_string_try_validate_utf8, N | MR_FN_MAY_BE_NULL, "s>s"),
    OWN("to_binary", 1, 2, N, resolve_to_binary, mr_string_to_binary),
    OWN("try_to_binary", 1, 2, N, resolve_to_binary, mr_string_to_binary),
    {"format_string", 1, -1, SELF, NULL, mr_string_format_string, NULL, NULL, "sa*>s", NULL, NULL},
    {"printf", 1, -1, SELF, NULL, mr_string_format_string, NULL, NULL, "sa*>s", NULL, NULL},
    OWN("format_number", 2, 2, N | MR_FN_MAY_BE_NULL, resolve_format_number, mr_string_format_number),
    OWN("to_char", 2, 2, N, mr_string_resolve_to_char, mr_string_to_char),
    OWN("to_varchar", 2, 2, N, mr_string_resolve_to_char, mr_string_to_char),
    OWN("to_number", 2, 2, N, mr_string_resolve_to_number, mr_string_to_number),
    OWN("try_to_number", 2, 2, N, mr_string_resolve_to_number, mr_string_to_number),
    OWN("collation", 1, 1, 0, resolve_collation, NULL),
    OWN("collate", 2, 2, 0, resolve_collate, NULL),
    {0},
};
