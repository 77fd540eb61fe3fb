/* columns/number_text.c: numbers as text and back. */
#include <math.h>

#include "base/number.h"
#include "columns/value.h"

size_t mr_double_text(double value, char out[32])
{
    return mr_number_text(value, out);
}

size_t mr_float_text(float value, char out[32])
{
    return mr_number_text_float(value, out);
}

size_t mr_double_json(double value, char out[32])
{
    return mr_number_text(value, out);
}

size_t mr_i64_text(int64_t value, char out[24])
{
    return mr_number_text_i64(value, out);
}

/* Up to 19 digits and a small power of ten: one exact multiplication or division, so the result is correctly
 * rounded. */
static bool parse_simple(const char *at, const char *end, bool negative, double *out)
{
    static const double powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (end - at > 19)
        return false;
    uint64_t value = 0;
    int digits = 0, after = 0;
    bool point = false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit <= 9) {
            value = value * 10 + digit;
            digits++;
            after += point;
        } else if (*at == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    if (digits == 0 || value > 1ULL << 53)
        return false;
    double result = (double)value / powers[after];
    *out = negative ? -result : result;
    return true;
}

bool mr_double_parse(struct mr_str text, double *out)
{
    const char *at = text.data, *end = at + text.size;
    if (at == end)
        return false;
    bool negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    if (at == end)
        return false;
    if (parse_simple(at, end, negative, out))
        return true;
    if (*at != '.' && (*at < '0' || *at > '9')) /* a second sign, inf, nan */
        return false;
    double value = 0;
    if (mr_number_parse_double(at, (size_t)(end - at), &value) != (size_t)(end - at))
        return false;
    *out = negative ? -value : value;
    return true;
}
