/* formats/utf8_clean.c: invalid UTF-8 replaced. */
#include "formats/utf8_clean.h"

/* How many bytes at p, which are no UTF-8, become one U+FFFD. */
static size_t bad_size(const unsigned char *p, size_t left)
{
    bool second = left > 1 && (p[1] & 0xC0) == 0x80, third = left > 2 && (p[2] & 0xC0) == 0x80;
    if (p[0] >= 0xE0 && p[0] < 0xF0 && second && !(p[0] == 0xE0 && p[1] < 0xA0))
        return third ? 3 : 2;
    if (p[0] >= 0xF0 && p[0] < 0xF5 && second && !(p[0] == 0xF0 && p[1] < 0x90) &&
        !(p[0] == 0xF4 && p[1] > 0x8F))
        return third ? 3 : 2;
    return 1;
}

struct mr_str mr_utf8_clean(struct mr_str text, struct mr_text *scratch)
{
    size_t good = mr_utf8_valid_prefix(text);
    if (good == text.size)
        return text;
    mr_text_clear(scratch);
    while (text.size > 0) {
        mr_text_append(scratch, text.data, good);
        text.data += good;
        text.size -= good;
        if (text.size > 0) {
            size_t bad = bad_size((const unsigned char *)text.data, text.size);
            mr_text_append(scratch, "\xEF\xBF\xBD", 3);
            text.data += bad;
            text.size -= bad;
        }
        good = mr_utf8_valid_prefix(text);
    }
    return mr_text_str(scratch);
}
