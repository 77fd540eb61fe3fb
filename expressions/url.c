/* expressions/url.c: taking URLs apart, and percent-encoding. */
#include "expressions/encoding.h"
#include "expressions/url.h"

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool legal(struct mr_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == 0x7F || strchr("\"<>\\^`{|}", c))
            return false;
        if (c == '%' &&
            (i + 2 >= text.size || mr_hex_digit(text.data[i + 1]) < 0 || mr_hex_digit(text.data[i + 2]) < 0))
            return false;
    }
    return true;
}

static struct mr_str take_until(struct mr_str *rest, const char *stops)
{
    size_t n = 0;
    while (n < rest->size && !strchr(stops, rest->data[n]))
        n++;
    struct mr_str taken = {rest->data, n};
    rest->data += n;
    rest->size -= n;
    return taken;
}

/* [user@]host[:port]; a host with other characters than letters, digits, '-' and '.' is none to Java. */
static void split_authority(struct mr_url *url)
{
    struct mr_str rest = url->authority;
    const char *at = rest.size ? memrchr(rest.data, '@', rest.size) : NULL;
    if (at) {
        url->user_info = (struct mr_str){rest.data, (size_t)(at - rest.data)};
        rest = (struct mr_str){at + 1, rest.size - url->user_info.size - 1};
    }
    if (rest.size > 0 && rest.data[0] == '[') {
        const char *close = memchr(rest.data, ']', rest.size);
        if (close)
            url->host = (struct mr_str){rest.data, (size_t)(close - rest.data) + 1};
        return;
    }
    struct mr_str host = take_until(&rest, ":");
    for (size_t i = 0; i < host.size; i++)
        if (!is_alphanumeric(host.data[i]) && host.data[i] != '-' && host.data[i] != '.') {
            url->user_info = (struct mr_str){NULL, 0};
            return;
        }
    for (size_t i = 1; i < rest.size; i++)
        if (rest.data[i] < '0' || rest.data[i] > '9')
            return;
    if (host.size > 0)
        url->host = host;
}

bool mr_url_parse(struct mr_str text, struct mr_url *url)
{
    struct mr_str rest = text;
    *url = (struct mr_url){0};
    if (!legal(text))
        return false;
    struct mr_str scheme = take_until(&rest, ":/?#");
    bool has_scheme = rest.size > 0 && rest.data[0] == ':' && scheme.size > 0;
    if (has_scheme) {
        bool letter = (scheme.data[0] | 0x20) >= 'a' && (scheme.data[0] | 0x20) <= 'z';
        for (size_t i = 0; i < scheme.size; i++)
            if (!letter || (!is_alphanumeric(scheme.data[i]) && !strchr("+-.", scheme.data[i])))
                return false;
        url->scheme = scheme;
        rest.data++;
        rest.size--;
        if (rest.size == 0)
            return false;
    } else {
        rest = text;
        if (rest.size > 0 && rest.data[0] == ':')
            return false;
    }
    if (rest.size >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        rest.data += 2;
        rest.size -= 2;
        url->authority = take_until(&rest, "/?#");
        if (url->authority.size == 0 && rest.size == 0)
            return false;
        split_authority(url);
        if (url->authority.size == 0)
            url->authority.data = NULL;
    } else if (has_scheme && rest.data[0] != '/') {
        take_until(&rest, "#"); /* mailto:a@b has no parts */
        if (rest.size > 0)
            url->fragment = (struct mr_str){rest.data + 1, rest.size - 1};
        return true;
    }
    url->path = take_until(&rest, "?#");
    url->file = url->path;
    if (rest.size > 0 && rest.data[0] == '?') {
        rest.data++;
        rest.size--;
        url->query = take_until(&rest, "#");
        url->file.size += 1 + url->query.size;
    }
    if (rest.size > 0)
        url->fragment = (struct mr_str){rest.data + 1, rest.size - 1};
    return true;
}

static bool query_value(struct mr_str query, struct mr_str key, struct mr_str *out)
{
    while (query.data && query.size >= key.size) {
        struct mr_str pair = take_until(&query, "&");
        if (pair.size > key.size && pair.data[key.size] == '=' &&
            memcmp(pair.data, key.data, key.size) == 0) {
            *out = (struct mr_str){pair.data + key.size + 1, pair.size - key.size - 1};
            return true;
        }
        if (query.size == 0)
            return false;
        query.data++;
        query.size--;
    }
    return false;
}

bool mr_url_part(const struct mr_url *url, struct mr_str part, const struct mr_str *key, struct mr_str *out)
{
    const struct {
        const char *name;
        const struct mr_str *value;
    } parts[] = {{"HOST", &url->host},           {"PATH", &url->path},         {"QUERY", &url->query},
                 {"REF", &url->fragment},        {"PROTOCOL", &url->scheme},   {"FILE", &url->file},
                 {"AUTHORITY", &url->authority}, {"USERINFO", &url->user_info}};
    if (key)
        return mr_str_equal(part, MR_STR("QUERY")) && query_value(url->query, *key, out);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (mr_str_equal(part, mr_str_of(parts[i].name))) {
            *out = *parts[i].value;
            return out->data != NULL;
        }
    return false;
}

void mr_url_encode(struct mr_str text, struct mr_text *out)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (is_alphanumeric(c) || c == '.' || c == '-' || c == '*' || c == '_')
            mr_text_append_char(out, c);
        else if (c == ' ')
            mr_text_append_char(out, '+');
        else
            mr_text_format(out, "%%%02X", (unsigned char)c);
    }
}

bool mr_url_decode(struct mr_str text, struct mr_text *out)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? mr_hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? mr_hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            mr_text_append_char(out, (char)(high << 4 | low));
            i += 2;
        } else {
            mr_text_append_char(out, c == '+' ? ' ' : c);
        }
    }
    return true;
}
