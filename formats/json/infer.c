/* formats/json/infer.c: what columns a file of JSON records would have. */
#include "formats/infer.h"

#include "formats/json/json.h"

struct inference {
    struct mr_infer *infer;
    const struct mr_json_options *options;
    const struct mr_json_tokens *tokens;
    struct mr_text scratch;
};

/* "12.50" -> DECIMAL(4,2); false: more than 38 digits. */
static bool decimal_of(struct mr_str text, int *precision, int *scale)
{
    int digits = 0, places = 0, exponent = 0;
    bool point = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '.') {
            point = true;
        } else if (c >= '0' && c <= '9') {
            digits += digits > 0 || c != '0';
            places += point;
        } else if (c == 'e' || c == 'E') {
            for (size_t k = i + 1; k < text.size; k++)
                if (text.data[k] >= '0' && text.data[k] <= '9' && exponent < 10000)
                    exponent = exponent * 10 + text.data[k] - '0';
            if (text.data[i + 1] == '-')
                exponent = -exponent;
            break;
        }
    }
    places -= exponent;
    digits = digits ? digits : 1;
    if (places < 0) { /* no decimal here has a negative scale: the zeros are written out */
        digits -= places;
        places = 0;
    }
    *precision = digits > places ? digits : places;
    *scale = places;
    return *precision <= 38;
}

static void infer_number(struct inference *in, struct mr_infer_node *node, const struct mr_json_token *token)
{
    struct mr_str text = mr_json_token_text(in->tokens, token);
    int precision, scale;
    if (token->kind == MR_JSON_T_INTEGER) {
        size_t digits = text.size - (text.data[0] == '-');
        mr_i128 value;
        bool overflow = true;
        bool fits = digits <= 18;
        if (!fits && digits <= 20 && mr_decimal_parse(text, 38, 0, &value, &overflow))
            fits = value >= INT64_MIN && value <= INT64_MAX;
        if (fits)
            mr_infer_scalar(node, MR_INFER_LONG, 0, 0);
        else if (decimal_of(text, &precision, &scale))
            mr_infer_scalar(node, MR_INFER_DECIMAL, precision, scale);
        else
            mr_infer_scalar(node, MR_INFER_DOUBLE, 0, 0);
        return;
    }
    if (token->kind == MR_JSON_T_FLOAT && in->options->prefers_decimal &&
        decimal_of(text, &precision, &scale))
        mr_infer_scalar(node, MR_INFER_DECIMAL, precision, scale);
    else
        mr_infer_scalar(node, MR_INFER_DOUBLE, 0, 0);
}

static void infer_string(struct inference *in, struct mr_infer_node *node, const struct mr_json_token *token)
{
    const struct mr_json_options *o = in->options;
    struct mr_str text = mr_json_token_text(in->tokens, token);
    int64_t micros;
    mr_i128 value;
    bool overflow = false;
    int precision, scale;
    if (node->kind == MR_INFER_STRING || text.size == 0) /* an empty text tells no more than null does */
        return;
    if (o->prefers_decimal && mr_decimal_parse(text, 38, 18, &value, &overflow) && !overflow &&
        decimal_of(text, &precision, &scale)) {
        mr_infer_scalar(node, MR_INFER_DECIMAL, precision, scale);
        return;
    }
    if (o->infer_timestamp) {
        bool good = o->record.timestamp_format
                        ? mr_datetime_format_parse_timestamp(o->record.timestamp_format, text, o->record.zone,
                                                             &micros)
                        : mr_timestamp_parse(text, o->record.zone, &micros);
        if (good) {
            mr_infer_scalar(node, MR_INFER_TIMESTAMP, 0, 0);
            return;
        }
    }
    mr_infer_scalar(node, MR_INFER_STRING, 0, 0);
}

/* false: out of memory */
static bool infer_value(struct inference *in, struct mr_infer_node *node, uint32_t index)
{
    const struct mr_json_token *tokens = in->tokens->tokens, *token = &tokens[index];
    bool as_string = in->options->primitives_as_string;
    switch (token->kind) {
    case MR_JSON_T_OBJECT:
        if (!mr_infer_container(in->infer, node, MR_INFER_STRUCT))
            return true;
        for (uint32_t i = index + 1; i < token->next; i = tokens[i + 1].next) {
            struct mr_str name = mr_json_unescape(in->tokens, &tokens[i], &in->scratch);
            struct mr_infer_node *member = mr_infer_member(in->infer, node, name);
            if (!member || !infer_value(in, member, i + 1))
                return false;
        }
        return true;
    case MR_JSON_T_ARRAY:
        if (!mr_infer_container(in->infer, node, MR_INFER_ARRAY))
            return true;
        if (!node->element)
            node->element = mr_infer_node_new(in->infer, MR_INFER_NULL);
        for (uint32_t i = index + 1; node->element && i < token->next; i = tokens[i].next)
            if (!infer_value(in, node->element, i))
                return false;
        return node->element != NULL;
    case MR_JSON_T_STRING:
        infer_string(in, node, token);
        return true;
    case MR_JSON_T_TRUE:
    case MR_JSON_T_FALSE:
        mr_infer_scalar(node, as_string ? MR_INFER_STRING : MR_INFER_BOOLEAN, 0, 0);
        return true;
    case MR_JSON_T_NULL:
        return true;
    default:
        if (as_string)
            mr_infer_scalar(node, MR_INFER_STRING, 0, 0);
        else
            infer_number(in, node, token);
        return true;
    }
}

/* A record: an object, or an array of them. Anything else counts as malformed. */
static bool infer_record(struct inference *in)
{
    const struct mr_json_token *tokens = in->tokens->tokens;
    struct mr_infer *infer = in->infer;
    if (!infer->root)
        infer->root = mr_infer_node_new(infer, MR_INFER_STRUCT);
    if (!infer->root)
        return false;
    if (tokens[0].kind == MR_JSON_T_OBJECT)
        return infer_value(in, infer->root, 0);
    infer->corrupt_seen |= tokens[0].kind != MR_JSON_T_ARRAY && tokens[0].kind != MR_JSON_T_NULL;
    for (uint32_t i = 1; tokens[0].kind == MR_JSON_T_ARRAY && i < tokens[0].next; i = tokens[i].next) {
        if (tokens[i].kind == MR_JSON_T_OBJECT && !infer_value(in, infer->root, i))
            return false;
        infer->corrupt_seen |= tokens[i].kind != MR_JSON_T_OBJECT && tokens[i].kind != MR_JSON_T_NULL;
    }
    return true;
}

static int infer_text(struct inference *in, struct mr_json_tokens *tokens, struct mr_str text,
                      struct mr_error *error)
{
    int status = mr_json_tokenize(tokens, text, in->options, NULL);
    if (status == MR_E_MEMORY)
        return mr_error_memory(error, text.size);
    if (status == MR_E_DATA)
        in->infer->corrupt_seen = true;
    if (status == MR_OK && !infer_record(in))
        return mr_error_memory(error, text.size);
    if (in->infer->corrupt_seen && in->options->record.mode == MR_RECORD_FAIL_FAST) {
        int shown = (int)(text.size < 200 ? text.size : 200);
        mr_error_set(error, MR_E_DATA, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                     "No schema can be inferred from the malformed record %.*s (mode FAILFAST).", shown,
                     text.data);
        mr_error_parameter(error, "badRecord", "%.*s", shown, text.data);
        mr_error_parameter(error, "failFastMode", "FAILFAST");
        return error->code;
    }
    return MR_OK;
}

static int infer_lines(struct mr_format *format, struct inference *in, struct mr_json_tokens *tokens,
                       struct mr_lines *lines, struct mr_error *error)
{
    const struct json_plan *plan = format->ctx;
    struct mr_text whole;
    int status = MR_OK;
    mr_text_init(&whole);
    while (status == MR_OK && in->infer->bytes_left > 0) {
        status = mr_lines_fill(lines, error);
        if (status != MR_OK)
            break;
        in->infer->bytes_left -= lines->end - lines->next;
        if (plan->text.multi_line)
            mr_text_append(&whole, lines->next, (size_t)(lines->end - lines->next));
        for (const char *p = lines->next, *next; !plan->text.multi_line && p < lines->end && status >= 0;
             p = next) {
            const char *end = mr_line_end(p, lines->end, lines->separator, &next);
            status = infer_text(in, tokens, (struct mr_str){p, (size_t)(end - p)}, error);
        }
        lines->next = lines->end;
    }
    if (status >= 0 && plan->text.multi_line && whole.failed)
        status = mr_error_memory(error, whole.size);
    if (status >= 0 && plan->text.multi_line)
        status = infer_text(in, tokens, mr_text_str(&whole), error);
    mr_text_release(&whole);
    return status < 0 ? status : MR_OK;
}

int mr_json_infer(struct mr_format *format, const struct mr_format_range *range, struct mr_infer *infer,
                  struct mr_error *error)
{
    const struct json_plan *plan = format->ctx;
    struct mr_json_tokens tokens = {0};
    struct inference in = {infer, &plan->options, &tokens, {0}};
    struct mr_lines lines = {0};
    infer->sorted = true;
    infer->drop_all_null = plan->options.drop_field_if_all_null;
    if (plan->options.record.mode == MR_RECORD_PERMISSIVE && !infer->corrupt_column)
        infer->corrupt_column = mr_arena_copy_text(&infer->arena, plan->options.record.corrupt_name.data,
                                                   plan->options.record.corrupt_name.size);
    mr_text_init(&in.scratch);
    int status = mr_lines_of_range(&lines, format, range, &plan->text.lines, error);
    if (status >= 0) {
        status = infer_lines(format, &in, &tokens, &lines, error);
        mr_lines_close(&lines);
    }
    mr_json_tokens_release(&tokens);
    mr_text_release(&in.scratch);
    if (status < 0)
        mr_error_at(error, range->input->name, 0, 0, -1);
    range->input->close(range->input);
    return status;
}
