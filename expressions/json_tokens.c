/* expressions/json_tokens.c: the first JSON value of a text as a list of tokens, with Jackson's leniency as
 * options.
 *
 * tokens[i].next of an open container is unknown until it closes; the stack holds the indexes of those that
 * are open. */
#include "base/json.h"
#include "expressions/json_convert.h"

struct lexer {
    struct mr_json_tokens *t;
    const struct mr_json_options *options;
    struct mr_error *error; /* NULL: nobody asks */
    size_t size, at;
    uint32_t depth;
};

static int fail(struct lexer *l, size_t at, const char *what)
{
    if (!l->error)
        return MR_E_DATA;
    mr_error_set(l->error, MR_E_DATA, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                 "Malformed JSON at byte %zu: %s.", at, what);
    return mr_error_at(l->error, NULL, 0, 0, (int64_t)at);
}

static int out_of_memory(struct lexer *l, size_t size)
{
    return l->error ? mr_error_memory(l->error, size) : MR_E_MEMORY;
}

static int add(struct lexer *l, int kind, size_t start, size_t size, bool escaped)
{
    struct mr_json_tokens *t = l->t;
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity ? t->capacity * 2 : 64;
        struct mr_json_token *tokens = mr_reallocate(t->tokens, capacity * sizeof *tokens);
        if (!tokens)
            return out_of_memory(l, capacity * sizeof *tokens);
        t->tokens = tokens;
        t->capacity = capacity;
    }
    t->tokens[t->count] =
        (struct mr_json_token){(uint8_t)kind, escaped, (uint32_t)start, (uint32_t)size, t->count + 1};
    t->count++;
    return MR_OK;
}

static int skip_comment(struct lexer *l)
{
    const char *text = l->t->text;
    size_t start = l->at;
    char next = start + 1 < l->size ? text[start + 1] : 0;
    if (next == '/') {
        while (l->at < l->size && text[l->at] != '\n')
            l->at++;
        return MR_OK;
    }
    if (next != '*')
        return fail(l, start, "a '/' that begins no comment");
    for (l->at += 2; l->at + 1 < l->size; l->at++) {
        if (text[l->at] == '*' && text[l->at + 1] == '/') {
            l->at += 2;
            return MR_OK;
        }
    }
    return fail(l, start, "a comment that does not end");
}

static int skip_blanks(struct lexer *l)
{
    const char *text = l->t->text;
    for (; l->at < l->size; l->at++) {
        char c = text[l->at];
        if (c == '/' && l->options->allow_comments) {
            MR_TRY(skip_comment(l));
            l->at--;
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            break;
        }
    }
    return MR_OK;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* l->at is at a backslash; moves behind the escape. */
static int skip_escape(struct lexer *l)
{
    const char *text = l->t->text;
    size_t start = l->at;
    if (start + 1 >= l->size)
        return fail(l, start, "the text ends within a string");
    char c = text[start + 1];
    if (c == 'u') {
        for (size_t i = start + 2; i < start + 6; i++)
            if (i >= l->size || !is_hex(text[i]))
                return fail(l, start, "\\u without four hexadecimal digits");
        l->at = start + 6;
        return MR_OK;
    }
    bool known = c != '\0' && strchr("\"\\/bfnrt", c);
    if (!known && !(c == '\'' && l->options->allow_single_quotes) &&
        !l->options->allow_backslash_escaping_any_character)
        return fail(l, start, "an unknown escape");
    size_t size = mr_utf8_character_size(text + start + 1, l->size - start - 1);
    l->at = start + 1 + (size ? size : 1);
    return MR_OK;
}

/* l->at is behind the opening quote; ends behind the closing one. */
static int lex_string(struct lexer *l, int kind, char quote)
{
    const char *text = l->t->text;
    size_t start = l->at;
    bool escaped = false;
    while (l->at < l->size && text[l->at] != quote) {
        unsigned char c = (unsigned char)text[l->at];
        if (c == '\\') {
            escaped = true;
            MR_TRY(skip_escape(l));
        } else if (c < 0x20) {
            if (!l->options->allow_unquoted_control_chars)
                return fail(l, l->at, "a control character in a string");
            l->at++;
        } else if (c < 0x80) {
            l->at++;
        } else {
            size_t size = mr_utf8_character_size(text + l->at, l->size - l->at);
            if (size == 0 && !l->options->replace_invalid_utf8)
                return fail(l, l->at, "bytes that are not UTF-8");
            escaped |= size == 0;
            l->at += size ? size : 1;
        }
    }
    if (l->at >= l->size)
        return fail(l, start, "a string that does not end");
    size_t size = l->at - start;
    l->at++;
    if ((int64_t)size > l->options->max_string_size)
        return fail(l, start, "a string longer than maxStringLen");
    return add(l, kind, start, size, escaped);
}

static bool name_character(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x7F ||
           (c != '\0' && strchr("_$@#*-+", c));
}

static int lex_name(struct lexer *l)
{
    const char *text = l->t->text;
    char c = l->at < l->size ? text[l->at] : 0;
    if (c == '"' || (c == '\'' && l->options->allow_single_quotes)) {
        l->at++;
        return lex_string(l, MR_JSON_T_NAME, c);
    }
    size_t start = l->at;
    while (l->options->allow_unquoted_field_names && l->at < l->size &&
           name_character((unsigned char)text[l->at]))
        l->at++;
    if (l->at == start)
        return fail(l, start,
                    l->at < l->size ? "a member's name is missing" : "the text ends within an object");
    return add(l, MR_JSON_T_NAME, start, l->at - start, false);
}

static size_t digits(const struct lexer *l, size_t at)
{
    size_t n = 0;
    while (at + n < l->size && l->t->text[at + n] >= '0' && l->t->text[at + n] <= '9')
        n++;
    return n;
}

/* -INF, NaN, +Infinity …; 0 when there is none at `at`. */
static size_t non_number(const struct lexer *l)
{
    static const char *const names[] = {"NaN", "Infinity", "-Infinity", "-INF", "+Infinity", "+INF"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size = strlen(names[i]);
        if (l->size - l->at >= size && memcmp(l->t->text + l->at, names[i], size) == 0)
            return l->options->allow_non_numeric_numbers ? size : 0;
    }
    return 0;
}

static int lex_number(struct lexer *l)
{
    const char *text = l->t->text;
    size_t start = l->at, at = start + (text[start] == '-');
    size_t whole = digits(l, at);
    bool fraction = false;
    if (whole == 0)
        return fail(l, start, "a value is missing or none of JSON's");
    if (whole > 1 && text[at] == '0' && !l->options->allow_numeric_leading_zeros)
        return fail(l, start, "a number with leading zeros");
    at += whole;
    if (at < l->size && text[at] == '.') {
        size_t n = digits(l, at + 1);
        if (n == 0)
            return fail(l, at, "no digit behind the decimal point");
        at += 1 + n;
        fraction = true;
    }
    if (at < l->size && (text[at] == 'e' || text[at] == 'E')) {
        size_t sign = at + 1 < l->size && (text[at + 1] == '+' || text[at + 1] == '-');
        size_t n = digits(l, at + 1 + sign);
        if (n == 0)
            return fail(l, at, "no digit in an exponent");
        at += 1 + sign + n;
        fraction = true;
    }
    if ((int64_t)(at - start) > l->options->max_number_size)
        return fail(l, start, "a number longer than maxNumLen");
    if (l->depth == 0 && at < l->size && !strchr(" \t\r\n", text[at]))
        return fail(l, at, "a number that something else follows");
    l->at = at;
    return add(l, fraction ? MR_JSON_T_FLOAT : MR_JSON_T_INTEGER, start, at - start, false);
}

static int lex_literal(struct lexer *l, const char *name, size_t size, int kind)
{
    const char *text = l->t->text;
    size_t end = l->at + size;
    if (l->size < end || memcmp(text + l->at, name, size) != 0)
        return fail(l, l->at, "a value that is none of JSON's");
    if (end < l->size) {
        unsigned char c = (unsigned char)text[end];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
            c == '$' || c >= 0x80)
            return fail(l, l->at, "a value that is none of JSON's");
    }
    l->at = end;
    return add(l, kind, end - size, size, false);
}

static int lex_open(struct lexer *l, int kind)
{
    struct mr_json_tokens *t = l->t;
    if ((int64_t)l->depth >= l->options->max_nesting_depth)
        return fail(l, l->at, "values nested deeper than maxNestingDepth");
    if (l->depth == t->stack_capacity) {
        uint32_t capacity = t->stack_capacity ? t->stack_capacity * 2 : 32;
        uint32_t *stack = mr_reallocate(t->stack, capacity * sizeof *stack);
        if (!stack)
            return out_of_memory(l, capacity * sizeof *stack);
        t->stack = stack;
        t->stack_capacity = capacity;
    }
    t->stack[l->depth++] = t->count;
    return add(l, kind, l->at++, 0, false);
}

static int lex_value(struct lexer *l)
{
    if (l->at >= l->size)
        return fail(l, l->at, "the text ends where a value should be");
    char c = l->t->text[l->at];
    switch (c) {
    case '{':
        return lex_open(l, MR_JSON_T_OBJECT);
    case '[':
        return lex_open(l, MR_JSON_T_ARRAY);
    case '\'':
        if (!l->options->allow_single_quotes)
            return fail(l, l->at, "a single quote");
        /* fallthrough */
    case '"':
        l->at++;
        return lex_string(l, MR_JSON_T_STRING, c);
    case 't':
        return lex_literal(l, "true", 4, MR_JSON_T_TRUE);
    case 'f':
        return lex_literal(l, "false", 5, MR_JSON_T_FALSE);
    case 'n':
        return lex_literal(l, "null", 4, MR_JSON_T_NULL);
    default: {
        size_t size = non_number(l);
        if (size > 0)
            return lex_literal(l, l->t->text + l->at, size, MR_JSON_T_NON_NUMBER);
        return lex_number(l);
    }
    }
}

/* One step within the innermost open container: its end, or its next element or member. */
static int lex_inside(struct lexer *l)
{
    struct mr_json_tokens *t = l->t;
    uint32_t open = t->stack[l->depth - 1];
    bool object = t->tokens[open].kind == MR_JSON_T_OBJECT;
    MR_TRY(skip_blanks(l));
    if (l->at >= l->size)
        return fail(l, l->at, object ? "the text ends within an object" : "the text ends within an array");
    char c = t->text[l->at];
    if (c == (object ? '}' : ']')) {
        l->at++;
        t->tokens[open].size = (uint32_t)l->at - t->tokens[open].start;
        t->tokens[open].next = t->count;
        l->depth--;
        return MR_OK;
    }
    if (t->count > open + 1) {
        if (c != ',')
            return fail(l, l->at, "a comma is missing");
        l->at++;
        MR_TRY(skip_blanks(l));
    }
    if (object) {
        MR_TRY(lex_name(l));
        MR_TRY(skip_blanks(l));
        if (l->at >= l->size || t->text[l->at] != ':')
            return fail(l, l->at, "a colon is missing");
        l->at++;
        MR_TRY(skip_blanks(l));
    }
    return lex_value(l);
}

int mr_json_tokenize(struct mr_json_tokens *tokens, struct mr_str text, const struct mr_json_options *options,
                     struct mr_error *error)
{
    struct lexer l = {tokens, options, error, text.size, 0, 0};
    tokens->text = text.data;
    tokens->count = 0;
    if (text.size >= UINT32_MAX - 1)
        return fail(&l, 0, "a record of more than 4 GiB");
    if (text.size >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
        l.at = 3; /* a byte order mark */
    MR_TRY(skip_blanks(&l));
    if (l.at >= l.size)
        return MR_END;
    MR_TRY(lex_value(&l));
    while (l.depth > 0)
        MR_TRY(lex_inside(&l));
    tokens->end = (uint32_t)l.at;
    return MR_OK;
}

void mr_json_tokens_release(struct mr_json_tokens *tokens)
{
    mr_free(tokens->tokens);
    mr_free(tokens->stack);
    *tokens = (struct mr_json_tokens){0};
}

/* ---- text of strings ---- */
static uint32_t hex4(const char *text)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static void append_code_point(struct mr_text *out, uint32_t c)
{
    char bytes[4];
    int n = 0;
    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else if (c < 0x800) {
        bytes[n++] = (char)(0xC0 | c >> 6);
        bytes[n++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        bytes[n++] = (char)(0xE0 | c >> 12);
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[n++] = (char)(0x80 | (c & 0x3F));
    } else {
        bytes[n++] = (char)(0xF0 | c >> 18);
        bytes[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[n++] = (char)(0x80 | (c & 0x3F));
    }
    mr_text_append(out, bytes, (size_t)n);
}

/* text[i] is 'u' of an escape; gives back the index behind it. */
static size_t append_unicode_escape(struct mr_text *out, const char *text, size_t size, size_t i)
{
    uint32_t c = hex4(text + i + 1);
    i += 5;
    if (c >= 0xD800 && c < 0xDC00 && i + 6 <= size && text[i] == '\\' && text[i + 1] == 'u') {
        uint32_t low = hex4(text + i + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            append_code_point(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
            return i + 6;
        }
    }
    if (c >= 0xD800 && c < 0xE000)
        mr_text_append_char(out, '?'); /* what Java writes for half a character */
    else
        append_code_point(out, c);
    return i;
}

struct mr_str mr_json_unescape(const struct mr_json_tokens *tokens, const struct mr_json_token *token,
                               struct mr_text *scratch)
{
    const char *text = tokens->text + token->start;
    if (!token->escaped)
        return (struct mr_str){text, token->size};
    mr_text_clear(scratch);
    for (size_t i = 0; i < token->size;) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\\' && text[i + 1] == 'u') {
            i = append_unicode_escape(scratch, text, token->size, i + 1);
        } else if (c == '\\') {
            static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
            const char *known = text[i + 1] ? strchr(from, text[i + 1]) : NULL;
            size_t size = mr_utf8_character_size(text + i + 1, token->size - i - 1);
            size = size ? size : 1;
            mr_text_append(scratch, known ? &to[known - from] : text + i + 1, size);
            i += 1 + size;
        } else {
            size_t size = c < 0x80 ? 1 : mr_utf8_character_size(text + i, token->size - i);
            if (size == 0)
                mr_text_append_str(scratch, "\xEF\xBF\xBD");
            else
                mr_text_append(scratch, text + i, size);
            i += size ? size : 1;
        }
    }
    return mr_text_str(scratch);
}
