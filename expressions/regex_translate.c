/* expressions/regex_translate.c: Java's pattern syntax -> PCRE2's. */
#include "expressions/regex.h"

struct translator {
    struct mr_str in;
    size_t at;
    struct mr_text *out;
    bool unicode_classes, comments, failed;
    int depth;
};

static char peek(const struct translator *t, size_t ahead)
{
    return t->at + ahead < t->in.size ? t->in.data[t->at + ahead] : '\0';
}

static bool starts(const struct translator *t, const char *text)
{
    size_t size = strlen(text);
    return t->in.size - t->at >= size && memcmp(t->in.data + t->at, text, size) == 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Java's names of properties; the expansion stands inside a class. */
static const struct {
    const char *name, *in_class;
} properties[] = {
    {"Lower", "a-z"},
    {"Upper", "A-Z"},
    {"ASCII", "\\x00-\\x7F"},
    {"Alpha", "a-zA-Z"},
    {"Digit", "0-9"},
    {"Alnum", "a-zA-Z0-9"},
    {"Punct", "!-\\/:-@\\[-`{-~"},
    {"Graph", "!-~"},
    {"Print", " -~"},
    {"Blank", " \\t"},
    {"Cntrl", "\\x00-\\x1F\\x7F"},
    {"XDigit", "0-9a-fA-F"},
    {"Space", " \\t\\n\\x0B\\f\\r"},
    {"javaLowerCase", "\\p{Ll}"},
    {"javaUpperCase", "\\p{Lu}"},
    {"javaWhitespace", "\\t-\\r\\x1C-\\x20\\p{Zl}\\p{Zp}"},
    {"javaLetter", "\\p{L}"},
    {"javaDigit", "\\p{Nd}"},
    {"javaLetterOrDigit", "\\p{L}\\p{Nd}"},
    {"IsAlphabetic", "\\p{L}\\p{Nl}"},
    {"IsLetter", "\\p{L}"},
    {"IsIdeographic", "\\p{Han}"},
    {"IsUppercase", "\\p{Lu}"},
    {"IsLowercase", "\\p{Ll}"},
    {"IsTitlecase", "\\p{Lt}"},
    {"IsPunctuation", "\\p{P}"},
    {"IsControl", "\\p{Cc}"},
    {"IsDigit", "\\p{Nd}"},
    {"IsHex_Digit", "0-9a-fA-F"},
    {"IsWhite_Space", "\\t-\\r\\x20\\x85\\p{Z}"},
    {"all", "\\x00-\\x{10FFFF}"},
};

/* \p{Name}, \P{Name}, \pL behind the backslash. */
static bool translate_property(struct translator *t, bool in_class)
{
    bool negated = peek(t, 0) == 'P';
    struct mr_str name;
    t->at++;
    if (peek(t, 0) == '{') {
        const char *begin = t->in.data + t->at + 1;
        const char *end = memchr(begin, '}', t->in.size - t->at - 1);
        if (!end)
            return false;
        name = (struct mr_str){begin, (size_t)(end - begin)};
        t->at += name.size + 2;
    } else {
        name = (struct mr_str){t->in.data + t->at, t->at < t->in.size};
        t->at++;
    }
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        if (!mr_str_equal(name, mr_str_of(properties[i].name)))
            continue;
        if (negated && in_class)
            return false; /* "not one of these" has no form inside another class */
        mr_text_format(t->out,
                       in_class  ? "%s%s"
                       : negated ? "[^%s%s]"
                                 : "[%s%s]",
                       properties[i].in_class, "");
        return true;
    }
    const char *equals = memchr(name.data, '=', name.size);
    if (equals) /* script=, sc=, general_category=, gc= */
        name = (struct mr_str){equals + 1, (size_t)(name.data + name.size - equals - 1)};
    else if (mr_str_starts_with(name, MR_STR("Is")))
        name = (struct mr_str){name.data + 2, name.size - 2};
    if (name.size == 0 || mr_str_starts_with(name, MR_STR("In")))
        return false; /* blocks are not known here */
    mr_text_format(t->out, "\\%c{%.*s}", negated ? 'P' : 'p', (int)name.size, name.data);
    return true;
}

static bool hex_escape(struct translator *t, size_t digits)
{
    for (size_t i = 0; i < digits; i++)
        if (!is_hex(peek(t, 1 + i)))
            return false;
    mr_text_format(t->out, "\\x{%.*s}", (int)digits, t->in.data + t->at + 1);
    t->at += 1 + digits;
    return true;
}

/* \uD83D\uDE00 is one character; any other \uXXXX stands for itself. */
static bool unicode_escape(struct translator *t)
{
    uint32_t unit[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        size_t base = (size_t)k * 6;
        if (k == 1 && (peek(t, base - 1) != '\\' || peek(t, base) != 'u'))
            break;
        for (size_t i = 1; i <= 4; i++) {
            char c = peek(t, base + i);
            if (!is_hex(c))
                return false;
            unit[k] = unit[k] * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        if (unit[0] < 0xD800 || unit[0] >= 0xDC00)
            break;
    }
    if (unit[1] >= 0xDC00 && unit[1] < 0xE000) {
        mr_text_format(t->out, "\\x{%X}", 0x10000 + ((unit[0] - 0xD800) << 10) + (unit[1] - 0xDC00));
        t->at += 11;
        return true;
    }
    return hex_escape(t, 4);
}

/* \Q … \E: every character for itself. */
static void quoted(struct translator *t)
{
    t->at++;
    while (t->at < t->in.size && !starts(t, "\\E")) {
        unsigned char c = (unsigned char)t->in.data[t->at++];
        if (c < 0x80 && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            mr_text_append_char(t->out, '\\');
        mr_text_append_char(t->out, (char)c);
    }
    t->at += starts(t, "\\E") ? 2 : 0;
}

static bool octal_escape(struct translator *t)
{
    int value = 0, count = 0;
    for (t->at++; count < 3 && peek(t, 0) >= '0' && peek(t, 0) <= '7'; count++) {
        if (value * 8 + (peek(t, 0) - '0') > 0377)
            break;
        value = value * 8 + (peek(t, 0) - '0');
        t->at++;
    }
    mr_text_format(t->out, "\\x{%X}", (unsigned)value);
    return count > 0;
}

/* t->at is behind a backslash. */
static bool translate_escape(struct translator *t, bool in_class)
{
    char c = peek(t, 0);
    if (t->at >= t->in.size)
        return false;
    if (c == 'p' || c == 'P')
        return translate_property(t, in_class);
    if (c == 'Q') {
        quoted(t);
        return true;
    }
    if (c == '0')
        return octal_escape(t);
    if (c == 'u')
        return unicode_escape(t);
    if (c == 'x' && peek(t, 1) != '{')
        return hex_escape(t, 2);
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (c == 'E')
        return false;
    if (letter && !strchr(in_class ? "DHNSVWacdefhnrstvwx" : "ABDGHRSVWXZabcdefhknrstvwxz", c))
        return false;
    mr_text_append_char(t->out, '\\');
    mr_text_append_char(t->out, c);
    t->at++;
    return true;
}

static bool translate_class(struct translator *t);

/* One operand of a class: items up to && or the closing bracket. Plain items go to `items`, nested classes to
 * `nested`, as alternatives. */
static bool class_operand(struct translator *t, struct mr_text *items, struct mr_text *nested, bool first)
{
    while (t->at < t->in.size) {
        char c = peek(t, 0);
        if ((c == ']' && !first) || starts(t, "&&"))
            return true;
        struct mr_text *before = t->out;
        bool good = true;
        if (c == '[') {
            t->out = nested;
            if (nested->size > 0)
                mr_text_append_char(nested, '|');
            good = translate_class(t);
        } else if (c == '\\') {
            t->out = items;
            t->at++;
            good = translate_escape(t, true);
        } else {
            if (c == ']' || (items->size == 0 && strchr("^:.=", c))) /* [: is more than a class to PCRE2 */
                mr_text_append_char(items, '\\');
            mr_text_append_char(items, c);
            t->at++;
        }
        t->out = before;
        first = false;
        if (!good)
            return false;
    }
    return false; /* no closing bracket */
}

/* [items], or an alternation with the nested classes. */
static void append_operand(struct mr_text *out, const struct mr_text *items, const struct mr_text *nested)
{
    if (nested->size == 0)
        mr_text_format(out, "[%s]", items->data);
    else if (items->size == 0)
        mr_text_format(out, "(?:%s)", nested->data);
    else
        mr_text_format(out, "(?:[%s]|%s)", items->data, nested->data);
}

/* t->at is at '['. A class without nesting and && stays a class; the others become groups with look-ahead. */
static bool translate_class(struct translator *t)
{
    struct mr_text items, nested, all;
    mr_text_init(&items);
    mr_text_init(&nested);
    mr_text_init(&all);
    bool good = t->depth++ < 50, negated = false, plain = true, first = true;
    t->at++;
    if (peek(t, 0) == '^') {
        negated = true;
        t->at++;
    }
    int operands = 0;
    while (good) {
        mr_text_clear(&items);
        mr_text_clear(&nested);
        good = class_operand(t, &items, &nested, first);
        first = false;
        if (!good)
            break;
        bool last = peek(t, 0) == ']';
        plain = plain && last && nested.size == 0 && operands == 0;
        if (plain) {
            mr_text_format(&all, negated ? "[^%s]" : "[%s]", items.data);
        } else if (items.size > 0 || nested.size > 0) {
            struct mr_text operand;
            mr_text_init(&operand);
            append_operand(&operand, &items, &nested);
            mr_text_format(&all, "(?=%s)", operand.data);
            good = !operand.failed;
            mr_text_release(&operand);
        }
        operands++;
        t->at += last ? 1 : 2;
        if (last)
            break;
    }
    if (plain)
        mr_text_append(t->out, all.data, all.size);
    else if (negated)
        mr_text_format(t->out, "(?:(?!%s)(?s:.))", all.data);
    else
        mr_text_format(t->out, "(?:%s(?s:.))", all.data);
    good = good && !items.failed && !nested.failed && !all.failed;
    mr_text_release(&items);
    mr_text_release(&nested);
    mr_text_release(&all);
    t->depth--;
    return good;
}

/* t->at is at '('. Flags d, u and U of Java are not PCRE2's. */
static bool translate_group(struct translator *t)
{
    if (peek(t, 1) == '*')
        return false;
    if (peek(t, 1) != '?') {
        mr_text_append_char(t->out, '(');
        t->at++;
        return true;
    }
    char c = peek(t, 2);
    if (c != '\0' && strchr(":=!>", c)) {
        mr_text_append(t->out, t->in.data + t->at, 3);
        t->at += 3;
        return true;
    }
    if (c == '<') {
        mr_text_append_str(t->out, "(?<");
        t->at += 3;
        return true;
    }
    mr_text_append_str(t->out, "(?");
    for (t->at += 2; t->at < t->in.size; t->at++) {
        c = peek(t, 0);
        if (c == ':' || c == ')')
            break;
        if (!c || !strchr("idmsuxU-", c))
            return false;
        t->unicode_classes |= c == 'U';
        t->comments |= c == 'x';
        if (!strchr("duU", c))
            mr_text_append_char(t->out, c);
    }
    return t->at < t->in.size;
}

/* A '{' that begins no repetition is an error to Java. */
static bool is_repetition(const struct translator *t)
{
    size_t i = 1;
    while (peek(t, i) >= '0' && peek(t, i) <= '9')
        i++;
    if (i == 1)
        return false;
    if (peek(t, i) == ',')
        for (i++; peek(t, i) >= '0' && peek(t, i) <= '9';)
            i++;
    return peek(t, i) == '}';
}

bool mr_regex_translate(struct mr_str pattern, struct mr_text *out, bool *unicode_classes)
{
    struct translator t = {.in = pattern, .out = out};
    bool good = true;
    while (good && t.at < pattern.size) {
        char c = peek(&t, 0);
        if (c == '\\') {
            t.at++;
            good = translate_escape(&t, false);
        } else if (c == '[') {
            good = translate_class(&t);
        } else if (c == '(') {
            good = translate_group(&t);
        } else if (c == '{' && !is_repetition(&t)) {
            good = false;
        } else if (c == '#' && t.comments) {
            while (t.at < pattern.size && peek(&t, 0) != '\n')
                t.at++;
        } else {
            mr_text_append_char(out, c);
            t.at++;
        }
    }
    *unicode_classes = t.unicode_classes;
    return good && !out->failed;
}
