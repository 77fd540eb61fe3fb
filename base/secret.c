/* base/secret.c: a rough lexer of SQL; see secret.h. It never fails: what does not parse is shown, too. */
#include "base/secret.h"

static bool contains(struct mr_str text, struct mr_str word)
{
    for (size_t i = 0; i + word.size <= text.size; i++)
        if (mr_str_equal_nocase((struct mr_str){text.data + i, word.size}, word))
            return true;
    return false;
}

static bool contains_any(struct mr_str text, const char *const *words)
{
    bool found = false;
    for (; *words && !found; words++)
        found = contains(text, mr_str_of(*words));
    return found;
}

bool mr_secret_name(struct mr_str name)
{
    static const char *const secrets[] = {"password",
                                          "passwd",
                                          "passphrase",
                                          "secret",
                                          "token",
                                          "jaas",
                                          "credential",
                                          "user.info",
                                          "access.key",
                                          "access_key",
                                          "accesskey",
                                          "private.key",
                                          "private_key",
                                          "privatekey",
                                          "store.key",
                                          "ssl.key.pem",
                                          "oauthbearer.config",
                                          NULL};
    static const char *const places[] = {".url", ".location", ".type", ".file", NULL};
    for (const char *const *place = places; *place; place++) {
        if (mr_str_ends_with(name, mr_str_of(*place)))
            return false;
    }
    return contains_any(name, secrets);
}

static bool is_secret_itself(struct mr_str literal)
{
    static const char *const signs[] = {"password=",
                                        "password =",
                                        "secret=",
                                        "sharedaccesskey=",
                                        "private key-----",
                                        "sharedaccesssignature=",
                                        NULL};
    return contains_any(literal, signs);
}

static bool is_word(char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* Behind what is no part of the statement. */
static size_t skip_comment(const char *text, size_t at)
{
    if (text[at] == '-') {
        at += strcspn(text + at, "\n");
    } else {
        const char *end = strstr(text + at + 2, "*/");
        at = end ? (size_t)(end - text) + 2 : at + strlen(text + at);
    }
    return at;
}

/* The text up to the quote that ends it, or to the end. */
static struct mr_str quoted(struct mr_secret_scan *scan, char quote, bool escapes)
{
    const char *text = scan->text;
    struct mr_str found = {text + scan->at, 0};
    while (text[scan->at] && text[scan->at] != quote) {
        if (escapes && text[scan->at] == '\\' && text[scan->at + 1])
            scan->at++;
        scan->at++;
    }
    found.size = (size_t)(text + scan->at - found.data);
    scan->at += text[scan->at] == quote;
    return found;
}

static void see_name(struct mr_secret_scan *scan, struct mr_str name, bool literal)
{
    bool was_armed = scan->armed && scan->valued;
    if (mr_secret_name(name)) {
        scan->armed = true;
        scan->valued = false;
        scan->patient = literal;
        scan->armed_depth = scan->depth;
    } else if (!was_armed) {
        scan->armed = false;
    }
}

static void see_mark(struct mr_secret_scan *scan, char c)
{
    bool here = scan->depth == scan->armed_depth;
    if (c == '(')
        scan->depth++;
    if (c == ')')
        scan->depth--;
    if (c == '=' || c == '>' || c == ':' || c == '(' || c == '|')
        scan->valued = scan->valued || (scan->armed && !(scan->patient && c == '('));
    else if (c == ',' && here)
        scan->armed = scan->armed && scan->patient && !scan->valued;
    else if (c == ';' || (c == ')' && scan->depth < scan->armed_depth))
        scan->armed = false;
}

static bool see_literal(struct mr_secret_scan *scan, struct mr_str literal)
{
    if (scan->armed) {
        scan->valued = true;
        return true;
    }
    if (is_secret_itself(literal))
        return true;
    if (literal.size < 100)
        see_name(scan, literal, true);
    return false;
}

bool mr_secret_next(struct mr_secret_scan *scan, struct mr_str *literal)
{
    while (scan->text[scan->at]) {
        const char *here = scan->text + scan->at;
        bool raw = (*here == 'r' || *here == 'R') && (here[1] == '\'' || here[1] == '"');
        if ((here[0] == '-' && here[1] == '-') || (here[0] == '/' && here[1] == '*')) {
            scan->at = skip_comment(scan->text, scan->at);
        } else if (*here == '\'' || *here == '"' || raw) {
            scan->at += raw ? 2 : 1;
            *literal = quoted(scan, here[raw], !raw);
            if (see_literal(scan, *literal))
                return true;
        } else if (*here == '`') {
            scan->at++;
            see_name(scan, quoted(scan, '`', false), false);
        } else if (is_word(*here)) {
            size_t size = 0;
            while (is_word(here[size]))
                size++;
            scan->at += size;
            see_name(scan, (struct mr_str){here, size}, false);
        } else {
            scan->at++;
            see_mark(scan, *here);
        }
    }
    return false;
}

/* ---- in a text ---- */

/* How many bytes of out are the literal's first: as it is written, or as it reads. */
static size_t same_bytes(const char *out, size_t room, struct mr_str literal, bool reads, bool *whole)
{
    size_t same = 0, at = 0;
    while (same < room && at < literal.size) {
        if (reads && literal.data[at] == '\\' && at + 1 < literal.size)
            at++;
        if (out[same] != literal.data[at])
            break;
        same++;
        at++;
    }
    *whole = at == literal.size;
    return same;
}

enum {
    SHORTEST = 4,
    TELLING = 8
}; /* bytes: a shorter secret is none; so many of a longer one tell too much */

void mr_secret_blot(char *out, size_t size, struct mr_str literal)
{
    for (size_t i = 0; literal.size >= SHORTEST && i < size; i++) {
        for (int reads = 0; reads <= 1; reads++) {
            bool whole;
            size_t same = same_bytes(out + i, size - i, literal, reads, &whole);
            if (same >= TELLING || (whole && same > 0))
                memset(out + i, '*', same);
        }
    }
}
