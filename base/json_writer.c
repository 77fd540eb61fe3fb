/* base/json_writer.c: JSON text out. */
#include <math.h>

#include "base/json.h"
#include "base/number.h"

static void separate(struct mr_json_writer *w)
{
    if (w->comma)
        mr_text_append_char(w->out, ',');
    w->comma = true;
}

void mr_json_begin_object(struct mr_json_writer *w)
{
    separate(w);
    mr_text_append_char(w->out, '{');
    w->comma = false;
}

void mr_json_end_object(struct mr_json_writer *w)
{
    mr_text_append_char(w->out, '}');
    w->comma = true;
}

void mr_json_begin_array(struct mr_json_writer *w)
{
    separate(w);
    mr_text_append_char(w->out, '[');
    w->comma = false;
}

void mr_json_end_array(struct mr_json_writer *w)
{
    mr_text_append_char(w->out, ']');
    w->comma = true;
}

static void escape_one(struct mr_text *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        mr_text_append(out, "\\\"", 2);
        break;
    case '\\':
        mr_text_append(out, "\\\\", 2);
        break;
    case '\b':
        mr_text_append(out, "\\b", 2);
        break;
    case '\f':
        mr_text_append(out, "\\f", 2);
        break;
    case '\n':
        mr_text_append(out, "\\n", 2);
        break;
    case '\r':
        mr_text_append(out, "\\r", 2);
        break;
    case '\t':
        mr_text_append(out, "\\t", 2);
        break;
    default: {
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        mr_text_append(out, escape, sizeof escape);
    }
    }
}

/* Does one of eight bytes need a closer look: a control character, a quote, a backslash, or no ASCII? */
static inline bool needs_care(const unsigned char *text)
{
    const uint64_t ones = 0x0101010101010101ULL, tops = 0x8080808080808080ULL;
    uint64_t eight;
    memcpy(&eight, text, 8);
    uint64_t quotes = eight ^ ones * '"', backslashes = eight ^ ones * '\\';
    return ((eight | (eight - ones * 0x20) | (quotes - ones) | (backslashes - ones)) & tops) != 0;
}

static void quote(struct mr_text *out, struct mr_str value)
{
    const unsigned char *text = (const unsigned char *)value.data;
    mr_text_append_char(out, '"');
    size_t clean = 0, i = 0; /* [clean, i) needs no escape and is not written yet */
    while (i < value.size) {
        if (value.size - i >= 8 && !needs_care(text + i)) {
            i += 8;
            continue;
        }
        unsigned char c = text[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t character = c < 0x80 ? 0 : mr_utf8_character_size(value.data + i, value.size - i);
        if (character > 0) {
            i += character;
            continue;
        }
        mr_text_append(out, text + clean, i - clean);
        if (c < 0x80)
            escape_one(out, c);
        else
            mr_text_append(out, "\xEF\xBF\xBD", 3);
        clean = ++i;
    }
    mr_text_append(out, text + clean, i - clean);
    mr_text_append_char(out, '"');
}

void mr_json_key(struct mr_json_writer *w, const char *name)
{
    mr_json_key_str(w, mr_str_of(name));
}

void mr_json_key_str(struct mr_json_writer *w, struct mr_str name)
{
    separate(w);
    quote(w->out, name);
    mr_text_append_char(w->out, ':');
    w->comma = false;
}

void mr_json_str(struct mr_json_writer *w, struct mr_str value)
{
    separate(w);
    quote(w->out, value);
}

void mr_json_cstr(struct mr_json_writer *w, const char *value)
{
    if (value)
        mr_json_str(w, mr_str_of(value));
    else
        mr_json_null(w);
}

void mr_json_i64(struct mr_json_writer *w, int64_t value)
{
    char text[24];
    separate(w);
    mr_text_append(w->out, text, mr_number_text_i64(value, text));
}

void mr_json_double(struct mr_json_writer *w, double value)
{
    char text[32];
    size_t size = mr_number_text(value, text);
    if (!isfinite(value)) {
        mr_json_str(w, (struct mr_str){text, size});
        return;
    }
    separate(w);
    mr_text_append(w->out, text, size);
}

void mr_json_bool(struct mr_json_writer *w, bool value)
{
    separate(w);
    mr_text_append_str(w->out, value ? "true" : "false");
}

void mr_json_null(struct mr_json_writer *w)
{
    separate(w);
    mr_text_append(w->out, "null", 4);
}

void mr_json_raw(struct mr_json_writer *w, struct mr_str json)
{
    separate(w);
    mr_text_append(w->out, json.data, json.size);
}
