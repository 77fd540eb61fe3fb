/* expressions/encoding.c: base64 and hexadecimal text of bytes. */
#include "expressions/encoding.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void mr_base64_encode(const void *data, size_t size, char *out)
{
    const unsigned char *in = data;
    size_t i = 0;
    for (; i + 3 <= size; i += 3, out += 4) {
        uint32_t three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        out[0] = letters[three >> 18];
        out[1] = letters[three >> 12 & 63];
        out[2] = letters[three >> 6 & 63];
        out[3] = letters[three & 63];
    }
    if (i < size) {
        uint32_t rest = (uint32_t)in[i] << 16 | (i + 1 < size ? (uint32_t)in[i + 1] << 8 : 0);
        out[0] = letters[rest >> 18];
        out[1] = letters[rest >> 12 & 63];
        out[2] = i + 1 < size ? letters[rest >> 6 & 63] : '=';
        out[3] = '=';
    }
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What may follow the first '=': as much padding as the last four letters need. */
static bool padding_is_right(const char *text, size_t size, size_t at, int pending,
                             enum mr_base64_rules rules)
{
    int need = pending == 2 ? 2 : pending == 3 ? 1 : -1, have = 0;
    for (; at < size; at++) {
        if (text[at] == '=')
            have++;
        else if (rules == MR_BASE64_STRICT || letter_value(text[at]) >= 0)
            return false;
    }
    return have == need;
}

bool mr_base64_decode(const char *text, size_t size, enum mr_base64_rules rules, char *out, size_t *out_size)
{
    char *to = out;
    uint32_t bits = 0;
    int pending = 0; /* letters of the group in hand */
    for (size_t i = 0; i < size; i++) {
        int value = letter_value(text[i]);
        if (text[i] == '=') {
            if (!padding_is_right(text, size, i, pending, rules))
                return false;
            break;
        }
        if (value < 0) {
            if (rules == MR_BASE64_STRICT)
                return false;
            continue;
        }
        bits = bits << 6 | (uint32_t)value;
        if (++pending == 4) {
            *to++ = (char)(bits >> 16);
            *to++ = (char)(bits >> 8);
            *to++ = (char)bits;
            bits = 0;
            pending = 0;
        }
    }
    if (pending == 1 || (pending > 0 && rules == MR_BASE64_STRICT && text[size - 1] != '='))
        return false;
    if (pending == 2)
        *to++ = (char)(bits >> 4);
    if (pending == 3) {
        *to++ = (char)(bits >> 10);
        *to++ = (char)(bits >> 2);
    }
    *out_size = (size_t)(to - out);
    return true;
}

static void encode(const void *data, size_t size, char *out, const char *digits)
{
    const unsigned char *in = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
}

void mr_hex_encode(const void *data, size_t size, char *out)
{
    encode(data, size, out, "0123456789ABCDEF");
}
void mr_hex_encode_lower(const void *data, size_t size, char *out)
{
    encode(data, size, out, "0123456789abcdef");
}
