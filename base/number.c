/* base/number.c: the text forms of numbers. */
#include "base/number.h"

#include <math.h>
#include <string.h>

static const char digit_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

size_t mr_number_text_i64(int64_t value, char out[24])
{
    char reversed[24];
    char *at = reversed + sizeof reversed;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    while (left >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + left % 100 * 2, 2);
        left /= 100;
    }
    if (left >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + left * 2, 2);
    } else {
        *--at = (char)('0' + left);
    }
    if (value < 0)
        *--at = '-';
    size_t size = (size_t)(reversed + sizeof reversed - at);
    memcpy(out, at, size);
    return size;
}

static size_t special_text(double value, char out[32])
{
    const char *text = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    size_t size = strlen(text);
    memcpy(out, text, size);
    return size;
}

/* Java's layout: plain between 10^-3 and 10^7, else "d.dddE±x"; always a digit after the point. */
static size_t java_layout(bool negative, const char *digits, int count, int exponent, char out[32])
{
    char *at = out;
    if (negative)
        *at++ = '-';
    if (exponent >= 0 && exponent < 7) {
        for (int i = 0; i <= exponent; i++)
            *at++ = i < count ? digits[i] : '0';
        *at++ = '.';
        if (count <= exponent + 1)
            *at++ = '0';
        for (int i = exponent + 1; i < count; i++)
            *at++ = digits[i];
        return (size_t)(at - out);
    }
    if (exponent < 0 && exponent >= -3) {
        *at++ = '0';
        *at++ = '.';
        for (int i = -1; i > exponent; i--)
            *at++ = '0';
        memcpy(at, digits, (size_t)count);
        return (size_t)(at + count - out);
    }
    *at++ = digits[0];
    *at++ = '.';
    if (count == 1)
        *at++ = '0';
    memcpy(at, digits + 1, (size_t)count - 1);
    at += count - 1;
    *at++ = 'E';
    return (size_t)(at - out) + mr_number_text_i64(exponent, at);
}

/* Whole numbers below 10^7, the most frequent doubles of all, need no search for digits. */
static size_t small_whole(double value, char out[32])
{
    size_t size = mr_number_text_i64((int64_t)value, out);
    memcpy(out + size, ".0", 2);
    return size + 2;
}

/* Java prints at least two digits, and where one digit would do it takes the two that come closest: the
 * smallest double is 4.9E-324 to it, not 5.0E-324. Only numbers of very few bits have that choice. */
static int two_digits(double magnitude, bool is_float, char digits[MR_NUMBER_DIGITS], int *exponent)
{
    char two[MR_NUMBER_DIGITS], text[40];
    int at = 0;
    if (magnitude == 0 || mr_number_rounded(magnitude, 2, two, &at) != 2 || two[1] == '0')
        return 1;
    size_t size = java_layout(false, two, 2, at, text);
    float narrow = 0;
    double wide = 0;
    bool same = is_float ? mr_number_parse_float(text, size, &narrow) && (double)narrow == magnitude
                         : mr_number_parse_double(text, size, &wide) && wide == magnitude;
    if (!same)
        return 1;
    memcpy(digits, two, 2);
    *exponent = at;
    return 2;
}

/* Numbers of at most 15 digits, six of them behind the point. Two decimals of so few digits never have the
 * same nearest double, so the one found is the shortest. Returns the count of digits, 0: not so simple. */
static int few_digits(double magnitude, char digits[MR_NUMBER_DIGITS], int *exponent)
{
    if (!(magnitude >= 1e-3 && magnitude < 1e9))
        return 0;
    int64_t millionths = (int64_t)(magnitude * 1e6 + 0.5);
    if ((double)millionths / 1e6 != magnitude)
        return 0;
    int count = (int)mr_number_text_i64(millionths, digits);
    *exponent = count - 7;
    while (digits[count - 1] == '0')
        count--;
    return count;
}

size_t mr_number_text(double value, char out[32])
{
    if (value > -1e7 && value < 1e7 && value == (double)(int64_t)value && (value != 0 || !signbit(value)))
        return small_whole(value, out);
    if (!isfinite(value))
        return special_text(value, out);
    char digits[MR_NUMBER_DIGITS];
    int exponent = 0;
    double magnitude = fabs(value);
    int count = few_digits(magnitude, digits, &exponent);
    if (count == 0)
        count = mr_number_shortest(magnitude, digits, &exponent);
    if (count == 1 && magnitude < 1e-320)
        count = two_digits(magnitude, false, digits, &exponent);
    return java_layout(signbit(value), digits, count, exponent, out);
}

size_t mr_number_text_float(float value, char out[32])
{
    if (value > -1e7f && value < 1e7f && value == (float)(int64_t)value && (value != 0 || !signbit(value)))
        return small_whole((double)value, out);
    if (!isfinite(value))
        return special_text((double)value, out);
    char digits[MR_NUMBER_DIGITS];
    int exponent = 0;
    int count = mr_number_shortest_float(fabsf(value), digits, &exponent);
    if (count == 1 && fabsf(value) < 1e-42f)
        count = two_digits((double)fabsf(value), true, digits, &exponent);
    return java_layout(signbit(value), digits, count, exponent, out);
}

bool mr_number_is_huge(const char *text, size_t size)
{
    /* The power of ten of the first nonzero digit decides: such a literal is far from 1 on either side. */
    int64_t exponent = 0, power = -1;
    bool point = false, nonzero = false;
    size_t i = size > 0 && text[0] == '-';
    for (; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        nonzero = nonzero || text[i] != '0';
        if (!point && nonzero)
            power++;
        if (point && !nonzero)
            power--;
    }
    if (i < size) {
        i++;
        bool negative = i < size && text[i] == '-';
        i += i < size && (text[i] == '-' || text[i] == '+');
        for (; i < size && exponent < INT64_C(1) << 40; i++)
            exponent = exponent * 10 + (text[i] - '0');
        exponent = negative ? -exponent : exponent;
    }
    return power + exponent > 0;
}
