/* base/utf8.c: what is valid UTF-8. */
#include "base/json.h"

size_t mr_utf8_character_size(const char *data, size_t size)
{
    const unsigned char *text = (const unsigned char *)data;
    unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || size < need)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && text[1] < 0xA0) || (lead == 0xED && text[1] > 0x9F)) /* overlong; surrogate */
        return 0;
    if ((lead == 0xF0 && text[1] < 0x90) || (lead == 0xF4 && text[1] > 0x8F)) /* overlong; beyond U+10FFFF */
        return 0;
    return need;
}

size_t mr_utf8_valid_prefix(struct mr_str text)
{
    size_t i = 0;
    while (i < text.size) {
        uint64_t eight;
        if (i + 8 <= text.size) { /* plain ASCII, the usual case, eight bytes at a time */
            memcpy(&eight, text.data + i, 8);
            if ((eight & 0x8080808080808080ULL) == 0) {
                i += 8;
                continue;
            }
        }
        size_t character = mr_utf8_character_size(text.data + i, text.size - i);
        if (character == 0)
            break;
        i += character;
    }
    return i;
}
