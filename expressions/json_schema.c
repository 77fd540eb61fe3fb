/* expressions/json_schema.c: the type of one JSON value. While it is worked out VOID stands for null; at the
 * end it becomes STRING. */
#include <stdlib.h>

#include "expressions/json_schema.h"

struct inference {
    struct mr_arena *arena;
    const struct mr_json_tokens *tokens;
    const struct mr_json_options *options;
    struct mr_text scratch;
};

static int out_of_memory(struct mr_error *error)
{
    return mr_error_memory(error, sizeof(struct mr_type));
}

/* ---- numbers ---- */
static const struct mr_type *number_type(struct inference *in, const struct mr_json_token *token)
{
    struct mr_str text = mr_json_token_text(in->tokens, token);
    bool overflow = false, integer = token->kind == MR_JSON_T_INTEGER;
    mr_i128 value;
    if (integer && mr_decimal_parse(text, 38, 0, &value, &overflow) && !overflow && value >= INT64_MIN &&
        value <= INT64_MAX)
        return mr_type_of(MR_BIGINT);
    if (!integer && !in->options->prefers_decimal)
        return mr_type_of(MR_DOUBLE);
    int digits = 0, places = 0, exponent = 0;
    bool point = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if ((c | 0x20) == 'e') {
            exponent = atoi(text.data + i + 1);
            break;
        }
        point |= c == '.';
        if (c >= '0' && c <= '9') {
            digits += digits > 0 || c != '0';
            places += point;
        }
    }
    places -= exponent;
    digits = digits > 0 ? digits : 1;
    int precision = places < 0 ? digits - places : digits > places ? digits : places;
    if (precision > 38)
        return mr_type_of(MR_DOUBLE);
    return mr_type_decimal(in->arena, precision, places < 0 ? 0 : places);
}

/* ---- the type that holds both ---- */
static const struct mr_type *common(struct inference *in, const struct mr_type *a, const struct mr_type *b);

static const struct mr_type *common_number(struct inference *in, const struct mr_type *a,
                                           const struct mr_type *b)
{
    if (a->id == MR_DOUBLE || b->id == MR_DOUBLE)
        return mr_type_of(MR_DOUBLE);
    int scale_a = a->id == MR_DECIMAL ? a->scale : 0, scale_b = b->id == MR_DECIMAL ? b->scale : 0;
    int whole_a = a->id == MR_DECIMAL ? a->precision - scale_a : 20,
        whole_b = b->id == MR_DECIMAL ? b->precision - scale_b : 20;
    int scale = scale_a > scale_b ? scale_a : scale_b, whole = whole_a > whole_b ? whole_a : whole_b;
    return whole + scale > 38 ? mr_type_of(MR_DOUBLE) : mr_type_decimal(in->arena, whole + scale, scale);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct mr_field *)a)->name, ((const struct mr_field *)b)->name);
}

static const struct mr_type *common_struct(struct inference *in, const struct mr_type *a,
                                           const struct mr_type *b)
{
    struct mr_field *fields = MR_ARENA_ARRAY(in->arena, struct mr_field, a->field_count + b->field_count + 1);
    int count = 0, i = 0, k = 0;
    if (!fields)
        return NULL;
    while (i < a->field_count || k < b->field_count) {
        int order = i == a->field_count   ? 1
                    : k == b->field_count ? -1
                                          : strcmp(a->fields[i].name, b->fields[k].name);
        fields[count] = order <= 0 ? a->fields[i] : b->fields[k];
        if (order == 0)
            fields[count].type = common(in, a->fields[i].type, b->fields[k].type);
        if (!fields[count++].type)
            return NULL;
        i += order <= 0;
        k += order >= 0;
    }
    return mr_type_struct(in->arena, fields, count);
}

static const struct mr_type *common(struct inference *in, const struct mr_type *a, const struct mr_type *b)
{
    bool numbers = mr_type_is_numeric(a) && mr_type_is_numeric(b);
    if (a->id == MR_VOID || mr_type_equal(a, b))
        return b;
    if (b->id == MR_VOID)
        return a;
    if (numbers)
        return common_number(in, a, b);
    if (a->id == MR_STRUCT && b->id == MR_STRUCT)
        return common_struct(in, a, b);
    if (a->id == MR_ARRAY && b->id == MR_ARRAY) {
        const struct mr_type *element = common(in, a->fields[0].type, b->fields[0].type);
        return element ? mr_type_array(in->arena, element, true) : NULL;
    }
    return mr_type_of(MR_STRING);
}

/* ---- values ---- */
static const struct mr_type *type_of(struct inference *in, uint32_t index);

static const struct mr_type *object_type(struct inference *in, uint32_t index)
{
    const struct mr_json_token *tokens = in->tokens->tokens;
    uint32_t members = 0, count = 0;
    for (uint32_t i = index + 1; i < tokens[index].next; i = tokens[i + 1].next)
        members++;
    struct mr_field *fields = MR_ARENA_ARRAY(in->arena, struct mr_field, members + 1);
    if (!fields)
        return NULL;
    for (uint32_t i = index + 1; i < tokens[index].next; i = tokens[i + 1].next) {
        struct mr_str name = mr_json_unescape(in->tokens, &tokens[i], &in->scratch);
        fields[count] =
            (struct mr_field){.name = mr_arena_copy_text(in->arena, name.data, name.size), .nullable = true};
        fields[count].type = type_of(in, i + 1);
        if (!fields[count].name || !fields[count++].type)
            return NULL;
    }
    qsort(fields, count, sizeof *fields, by_name);
    return mr_type_struct(in->arena, fields, (int)count);
}

static const struct mr_type *string_type(struct inference *in, const struct mr_json_token *token)
{
    struct mr_str text = mr_json_unescape(in->tokens, token, &in->scratch);
    int64_t micros;
    if (text.size == 0)
        return mr_type_of(MR_VOID);
    if (in->options->infer_timestamp) {
        bool time = in->options->record.timestamp_format
                        ? mr_datetime_format_parse_timestamp(in->options->record.timestamp_format, text,
                                                             in->options->record.zone, &micros)
                        : mr_timestamp_parse(text, in->options->record.zone, &micros);
        if (time)
            return mr_type_of(MR_TIMESTAMP);
    }
    return mr_type_of(MR_STRING);
}

static const struct mr_type *type_of(struct inference *in, uint32_t index)
{
    const struct mr_json_token *token = &in->tokens->tokens[index];
    bool as_text = in->options->primitives_as_string;
    const struct mr_type *element = mr_type_of(MR_VOID);
    switch ((enum mr_json_token_kind)token->kind) {
    case MR_JSON_T_OBJECT:
        return object_type(in, index);
    case MR_JSON_T_ARRAY:
        for (uint32_t i = index + 1; i < token->next && element; i = in->tokens->tokens[i].next) {
            const struct mr_type *next = type_of(in, i);
            element = next ? common(in, element, next) : NULL;
        }
        return element ? mr_type_array(in->arena, element, true) : NULL;
    case MR_JSON_T_NULL:
        return element;
    case MR_JSON_T_STRING:
        return string_type(in, token);
    case MR_JSON_T_INTEGER:
    case MR_JSON_T_FLOAT:
        return as_text ? mr_type_of(MR_STRING) : number_type(in, token);
    case MR_JSON_T_NON_NUMBER:
        return mr_type_of(as_text ? MR_STRING : MR_DOUBLE);
    default:
        return mr_type_of(as_text ? MR_STRING : MR_BOOLEAN);
    }
}

/* NULL in *out: a struct without fields, which goes away. false: no memory. */
static bool canonical(struct inference *in, const struct mr_type *type, const struct mr_type **out)
{
    const struct mr_type *inner;
    *out = type;
    if (type->id == MR_VOID)
        *out = mr_type_of(MR_STRING);
    if (type->id == MR_ARRAY) {
        if (!canonical(in, type->fields[0].type, &inner))
            return false;
        *out = inner ? mr_type_array(in->arena, inner, true) : NULL;
        return !inner || *out;
    }
    if (type->id != MR_STRUCT)
        return true;
    struct mr_field *fields = MR_ARENA_ARRAY(in->arena, struct mr_field, type->field_count + 1);
    int count = 0;
    for (int i = 0; fields && i < type->field_count; i++) {
        fields[count] = type->fields[i];
        if (!canonical(in, type->fields[i].type, &inner))
            return false;
        fields[count].type = inner;
        count += inner != NULL;
    }
    *out = fields && count > 0 ? mr_type_struct(in->arena, fields, count) : NULL;
    return fields && (count == 0 || *out);
}

int mr_json_schema_of(struct mr_arena *arena, const struct mr_json_tokens *tokens, uint32_t index,
                      const struct mr_json_options *options, const struct mr_type **out,
                      struct mr_error *error)
{
    struct inference in = {.arena = arena, .tokens = tokens, .options = options};
    mr_text_init(&in.scratch);
    const struct mr_type *type = type_of(&in, index);
    bool good = type && canonical(&in, type, out);
    if (good && !*out)
        *out = mr_type_struct(arena, NULL, 0);
    mr_text_release(&in.scratch);
    return good && *out ? MR_OK : out_of_memory(error);
}
