/* expressions/encoding.h: base64 and hexadecimal text of bytes. */
#ifndef MR_EXPRESSIONS_ENCODING_H
#define MR_EXPRESSIONS_ENCODING_H

#include "base/memory.h"

static inline size_t mr_base64_encoded_size(size_t size)
{
    return (size + 2) / 3 * 4;
}
/* RFC 4648 with padding, without line breaks; out has room for mr_base64_encoded_size(size). */
void mr_base64_encode(const void *data, size_t size, char *out);
enum mr_base64_rules {
    MR_BASE64_STRICT, /* padding needed, nothing between the letters: JSON's BINARY */
    MR_BASE64_MIME,   /* characters that are no letters are skipped, padding may be missing: unbase64 */
};
/* out has room for size * 3 / 4 + 3 bytes. false: malformed. */
bool mr_base64_decode(const char *text, size_t size, enum mr_base64_rules rules, char *out, size_t *out_size);

/* Upper case; out has room for 2 * size. */
void mr_hex_encode(const void *data, size_t size, char *out);
void mr_hex_encode_lower(const void *data, size_t size, char *out);
static inline int mr_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

#endif
