/* base/json.c: a small document tree, strict RFC 8259. */
#include "base/json.h"

#include "base/number.h"

enum { DEEPEST = 1000 };

struct parser {
    struct mr_arena *arena;
    struct mr_str text;
    size_t at;
    int depth;
    struct mr_error *error;
};

static int bad(struct parser *p, size_t offset, const char *what)
{
    mr_error_set(p->error, MR_E_CORRUPT, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                 "Malformed JSON at byte %zu: %s.", offset, what);
    if (!p->error)
        return MR_E_CORRUPT;
    return mr_error_at(p->error, NULL, 0, 0, (int64_t)offset);
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.size) {
        char c = p->text.data[p->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        p->at++;
    }
}

static int peek(const struct parser *p)
{
    return p->at < p->text.size ? (unsigned char)p->text.data[p->at] : -1;
}

/* Four hex digits at `at`, or -1. */
static int hex4(const struct parser *p, size_t at)
{
    if (at + 4 > p->text.size)
        return -1;
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p->text.data[at + i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, int c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 63));
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

/* \uXXXX at p->at (the 'u'); a pair of surrogates is one character, a lone one becomes U+FFFD. */
static int parse_unicode(struct parser *p, char **out)
{
    int c = hex4(p, p->at + 1);
    if (c < 0)
        return bad(p, p->at, "\\u needs four hexadecimal digits");
    p->at += 5;
    if (c >= 0xD800 && c < 0xDC00 && p->at + 1 < p->text.size && p->text.data[p->at] == '\\' &&
        p->text.data[p->at + 1] == 'u') {
        int low = hex4(p, p->at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            p->at += 6;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    if (c >= 0xD800 && c < 0xE000)
        c = 0xFFFD;
    *out = put_utf8(*out, c);
    return MR_OK;
}

static int parse_escape(struct parser *p, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(p);
    if (c == 'u')
        return parse_unicode(p, out);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found)
        return bad(p, p->at, "an unknown escape");
    *(*out)++ = to[found - from];
    p->at++;
    return MR_OK;
}

/* At the opening quote. Without escapes the result views the text. */
static int parse_string(struct parser *p, struct mr_str *out)
{
    size_t start = ++p->at;
    while (p->at < p->text.size && (unsigned char)p->text.data[p->at] >= 0x20 && p->text.data[p->at] != '"' &&
           p->text.data[p->at] != '\\')
        p->at++;
    if (peek(p) == '"') {
        *out = (struct mr_str){p->text.data + start, p->at - start};
        p->at++;
        return MR_OK;
    }
    size_t end = p->at; /* of the string's raw text: an upper bound of its length */
    while (end < p->text.size && p->text.data[end] != '"')
        end += p->text.data[end] == '\\' ? 2 : 1;
    if (end >= p->text.size)
        return bad(p, start - 1, "a string that is not closed");
    char *copy = mr_arena_allocate(p->arena, end - start + 1);
    if (!copy)
        return mr_error_memory(p->error, end - start);
    memcpy(copy, p->text.data + start, p->at - start);
    char *to = copy + (p->at - start);
    while (peek(p) != '"') {
        int c = peek(p);
        if (c < 0x20)
            return bad(p, p->at, "a control character in a string");
        p->at++;
        if (c == '\\')
            MR_TRY(parse_escape(p, &to));
        else
            *to++ = (char)c;
    }
    p->at++;
    *out = (struct mr_str){copy, (size_t)(to - copy)};
    return MR_OK;
}

static bool skip_digits(struct parser *p)
{
    size_t start = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at > start;
}

static int parse_number(struct parser *p, struct mr_json *value)
{
    size_t start = p->at;
    p->at += peek(p) == '-';
    bool zero = peek(p) == '0';
    size_t digits = p->at;
    bool good = skip_digits(p) && !(zero && p->at > digits + 1);
    if (good && peek(p) == '.') {
        p->at++;
        good = skip_digits(p);
    }
    if (good && (peek(p) == 'e' || peek(p) == 'E')) {
        p->at++;
        p->at += peek(p) == '+' || peek(p) == '-';
        good = skip_digits(p);
    }
    if (!good)
        return bad(p, start, "this is no JSON value");
    value->type = MR_JSON_NUMBER;
    value->text = (struct mr_str){p->text.data + start, p->at - start};
    return MR_OK;
}

static bool take_word(struct parser *p, const char *word)
{
    struct mr_str rest = {p->text.data + p->at, p->text.size - p->at};
    if (!mr_str_starts_with(rest, mr_str_of(word)))
        return false;
    p->at += strlen(word);
    return true;
}

static int parse_value(struct parser *p, struct mr_json *value);

/* At the opening bracket. Recursion is bounded by DEEPEST. */
static int parse_children(struct parser *p, struct mr_json *value, bool object)
{
    int close = object ? '}' : ']';
    if (++p->depth > DEEPEST)
        return bad(p, p->at, "nested deeper than 1000 levels");
    p->at++;
    skip_blanks(p);
    struct mr_json **tail = &value->first;
    while (peek(p) != close) {
        if (value->count > 0) {
            if (peek(p) != ',')
                return bad(p, p->at, object ? "',' or '}' expected" : "',' or ']' expected");
            p->at++;
            skip_blanks(p);
        }
        struct mr_json *child = MR_ARENA_NEW(p->arena, struct mr_json);
        if (!child)
            return mr_error_memory(p->error, sizeof *child);
        if (object) {
            if (peek(p) != '"')
                return bad(p, p->at, "a member name in quotes expected");
            MR_TRY(parse_string(p, &child->key));
            skip_blanks(p);
            if (peek(p) != ':')
                return bad(p, p->at, "':' expected");
            p->at++;
        }
        MR_TRY(parse_value(p, child));
        skip_blanks(p);
        *tail = child;
        tail = &child->next;
        value->count++;
    }
    p->at++;
    p->depth--;
    return MR_OK;
}

static int parse_value(struct parser *p, struct mr_json *value)
{
    skip_blanks(p);
    size_t start = p->at;
    int c = peek(p), status = MR_OK;
    if (c == '{' || c == '[') {
        value->type = c == '{' ? MR_JSON_OBJECT : MR_JSON_ARRAY;
        status = parse_children(p, value, c == '{');
    } else if (c == '"') {
        value->type = MR_JSON_STRING;
        status = parse_string(p, &value->text);
    } else if (take_word(p, "true") || take_word(p, "false")) {
        value->type = MR_JSON_BOOLEAN;
        value->boolean = c == 't';
    } else if (take_word(p, "null")) {
        value->type = MR_JSON_NULL;
    } else if (c < 0) {
        status = bad(p, p->at, "the text ends where a value is expected");
    } else {
        status = parse_number(p, value);
    }
    value->raw = (struct mr_str){p->text.data + start, p->at - start};
    if (value->type != MR_JSON_STRING && value->type != MR_JSON_NUMBER)
        value->text = value->raw;
    return status;
}

int mr_json_parse(struct mr_arena *arena, struct mr_str text, struct mr_json **out, struct mr_error *error)
{
    struct parser p = {.arena = arena, .text = text, .error = error};
    *out = NULL;
    struct mr_json *value = MR_ARENA_NEW(arena, struct mr_json);
    if (!value)
        return mr_error_memory(error, sizeof *value);
    size_t broken = mr_utf8_valid_prefix(text);
    if (broken < text.size)
        return bad(&p, broken, "invalid UTF-8");
    MR_TRY(parse_value(&p, value));
    skip_blanks(&p);
    if (p.at < text.size)
        return bad(&p, p.at, "something follows the value");
    *out = value;
    return MR_OK;
}

const struct mr_json *mr_json_member(const struct mr_json *object, const char *name)
{
    if (!object || object->type != MR_JSON_OBJECT)
        return NULL;
    struct mr_str key = mr_str_of(name);
    const struct mr_json *found = NULL;
    for (const struct mr_json *m = object->first; m; m = m->next)
        if (mr_str_equal(m->key, key))
            found = m;
    return found;
}

bool mr_json_to_i64(const struct mr_json *number, int64_t *out)
{
    if (!number || number->type != MR_JSON_NUMBER)
        return false;
    bool negative = number->text.data[0] == '-';
    uint64_t value = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    for (size_t i = negative; i < number->text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)number->text.data[i] - '0';
        if (digit >
            9) /* a fraction or an exponent: whether it is whole or not, it is no exact integer text */
            return false;
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

bool mr_json_get_i64(const struct mr_json *object, const char *name, int64_t *out)
{
    return mr_json_to_i64(mr_json_member(object, name), out);
}

bool mr_json_get_bool(const struct mr_json *object, const char *name, bool *out)
{
    const struct mr_json *m = mr_json_member(object, name);
    if (!m || m->type != MR_JSON_BOOLEAN)
        return false;
    *out = m->boolean;
    return true;
}

bool mr_json_get_str(const struct mr_json *object, const char *name, struct mr_str *out)
{
    const struct mr_json *m = mr_json_member(object, name);
    if (!m || m->type != MR_JSON_STRING)
        return false;
    *out = m->text;
    return true;
}
