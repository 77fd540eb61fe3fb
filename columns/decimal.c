/* columns/decimal.c: arithmetic on unscaled integers, with 256-bit intermediates.
 *
 * Spark computes products with 39 significant digits and quotients with 39 digits after the point, both
 * rounded half up, and then rounds to the result's scale, half up again. Rounding twice differs from rounding
 * once when what is dropped is 0.4999...95 or above, so both steps are taken here too. */
#include "base/number.h"
#include "columns/value.h"

static const uint64_t small_powers[20] = {1ULL,
                                          10ULL,
                                          100ULL,
                                          1000ULL,
                                          10000ULL,
                                          100000ULL,
                                          1000000ULL,
                                          10000000ULL,
                                          100000000ULL,
                                          1000000000ULL,
                                          10000000000ULL,
                                          100000000000ULL,
                                          1000000000000ULL,
                                          10000000000000ULL,
                                          100000000000000ULL,
                                          1000000000000000ULL,
                                          10000000000000000ULL,
                                          100000000000000000ULL,
                                          1000000000000000000ULL,
                                          10000000000000000000ULL};

static inline mr_u128 power(int exponent)
{
    return exponent <= 19 ? small_powers[exponent] : (mr_u128)small_powers[19] * small_powers[exponent - 19];
}

mr_i128 mr_decimal_power(int exponent)
{
    return (mr_i128)power(exponent);
}

static inline mr_u128 magnitude(mr_i128 value)
{
    return value < 0 ? 0 - (mr_u128)value : (mr_u128)value;
}

bool mr_decimal_fits(mr_i128 unscaled, int precision)
{
    return magnitude(unscaled) < power(precision);
}

static bool give(mr_u128 value, bool negative, int precision, mr_i128 *out)
{
    if (value >= power(precision))
        return false;
    *out = negative ? -(mr_i128)value : (mr_i128)value;
    return true;
}

bool mr_decimal_rescale(mr_i128 value, int from_scale, int to_scale, int to_precision, mr_i128 *out)
{
    mr_u128 left = magnitude(value);
    if (to_scale > from_scale) {
        mr_u128 by = power(to_scale - from_scale), product;
        if (__builtin_mul_overflow(left, by, &product))
            return false;
        return give(product, value < 0, to_precision, out);
    }
    if (to_scale < from_scale) {
        mr_u128 by = power(from_scale - to_scale);
        mr_u128 rest = left % by;
        left = left / by + (rest >= by - rest);
    }
    return give(left, value < 0, to_precision, out);
}

/* ---- 256 bits, as eight digits of 32, least significant first ---- */

struct wide {
    uint32_t digit[8];
};

static struct wide widen(mr_u128 value)
{
    struct wide w = {{0}};
    for (int i = 0; i < 4; i++, value >>= 32)
        w.digit[i] = (uint32_t)value;
    return w;
}

static mr_u128 low_half(const struct wide *w)
{
    return (mr_u128)w->digit[3] << 96 | (mr_u128)w->digit[2] << 64 | (mr_u128)w->digit[1] << 32 | w->digit[0];
}

static bool is_narrow(const struct wide *w)
{
    return (w->digit[4] | w->digit[5] | w->digit[6] | w->digit[7]) == 0;
}

/* false when the product needs more than 256 bits */
static bool wide_multiply(struct wide *w, mr_u128 by)
{
    struct wide factor = widen(by);
    uint32_t product[12] = {0};
    for (int i = 0; i < 8; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < 4; k++) {
            carry += (uint64_t)w->digit[i] * factor.digit[k] + product[i + k];
            product[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + 4] = (uint32_t)carry;
    }
    memcpy(w->digit, product, sizeof w->digit);
    return (product[8] | product[9] | product[10] | product[11]) == 0;
}

/* One step of long division: subtracts quotient * divisor from rest[0 .. n], returns the borrow. */
static uint32_t multiply_subtract(uint32_t *rest, const uint32_t *divisor, int n, uint64_t quotient)
{
    uint64_t carry = 0, borrow = 0;
    for (int i = 0; i < n; i++) {
        carry += quotient * divisor[i];
        uint64_t difference = (uint64_t)rest[i] - (uint32_t)carry - borrow;
        rest[i] = (uint32_t)difference;
        borrow = difference >> 63;
        carry >>= 32;
    }
    uint64_t difference = (uint64_t)rest[n] - carry - borrow;
    rest[n] = (uint32_t)difference;
    return (uint32_t)(difference >> 63);
}

static void add_back(uint32_t *rest, const uint32_t *divisor, int n)
{
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        carry += (uint64_t)rest[i] + divisor[i];
        rest[i] = (uint32_t)carry;
        carry >>= 32;
    }
    rest[n] += (uint32_t)carry;
}

/* w becomes the quotient; returns the remainder. Schoolbook division on 32-bit digits (Knuth, volume 2, 4.3.1
 * D). */
static mr_u128 wide_divide(struct wide *w, mr_u128 by)
{
    if (is_narrow(w)) {
        mr_u128 value = low_half(w);
        *w = widen(value / by);
        return value % by;
    }
    int shift = 0;
    mr_u128 normal = by;
    int n = 4;
    while (n > 1 && normal >> 96 == 0)
        normal <<= 32, n--;
    while (normal >> 127 == 0)
        normal <<= 1, shift++;
    struct wide divisor = widen(normal >> (32 * (4 - n)));
    uint32_t rest[9];
    uint32_t spill = 0;
    for (int i = 0; i < 8; i++) {
        rest[i] = w->digit[i] << shift | spill;
        spill = shift ? w->digit[i] >> (32 - shift) : 0;
    }
    rest[8] = spill;
    *w = (struct wide){{0}};
    uint64_t top = divisor.digit[n - 1], next = n > 1 ? divisor.digit[n - 2] : 0;
    for (int i = 8 - n; i >= 0; i--) {
        uint64_t two = (uint64_t)rest[i + n] << 32 | rest[i + n - 1];
        uint64_t quotient = two / top, left = two % top;
        while (quotient >> 32 || (n > 1 && quotient * next > (left << 32 | rest[i + n - 2]))) {
            quotient--;
            left += top;
            if (left >> 32)
                break;
        }
        if (multiply_subtract(rest + i, divisor.digit, n, quotient)) {
            quotient--;
            add_back(rest + i, divisor.digit, n);
        }
        w->digit[i] = (uint32_t)quotient;
    }
    struct wide remainder = {{0}};
    memcpy(remainder.digit, rest, sizeof(uint32_t) * (size_t)n);
    return low_half(&remainder) >> shift;
}

/* Drops the last digits, rounding half up: only the first of those dropped decides. */
static void wide_drop(struct wide *w, int digits)
{
    for (digits--; digits > 0; digits -= 38)
        wide_divide(w, power(digits > 38 ? 38 : digits));
    uint64_t carry = wide_divide(w, 10) >= 5;
    for (int i = 0; i < 8; i++) {
        carry += w->digit[i];
        w->digit[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static int decimal_digits(const struct wide *w)
{
    struct wide left = *w;
    int digits = 0;
    while (!is_narrow(&left)) {
        wide_divide(&left, small_powers[19]);
        digits += 19;
    }
    mr_u128 low = low_half(&left);
    while (low > 0) {
        low /= 10;
        digits++;
    }
    return digits;
}

bool mr_decimal_multiply(mr_i128 a, mr_i128 b, int scale_sum, int to_precision, int to_scale, mr_i128 *out)
{
    bool negative = (a < 0) != (b < 0);
    mr_u128 left = magnitude(a), right = magnitude(b), narrow;
    int drop = scale_sum - to_scale;
    if (!__builtin_mul_overflow(left, right, &narrow) && narrow < power(38)) {
        if (drop < 0)
            return mr_decimal_rescale(negative ? -(mr_i128)narrow : (mr_i128)narrow, scale_sum, to_scale,
                                      to_precision, out);
        if (drop > 0 && drop <= 38) {
            mr_u128 unit = power(drop), rest = narrow % unit;
            narrow = narrow / unit + (rest >= unit - rest);
        } else if (drop > 38) {
            narrow = 0;
        }
        return give(narrow, negative, to_precision, out);
    }
    struct wide product = widen(left);
    if (!wide_multiply(&product, right))
        return false;
    if (drop <= 0) /* more than 38 digits, and none may go */
        return false;
    int first = decimal_digits(&product) - 39;
    if (first > 0) {
        wide_drop(&product, first);
        drop -= first;
    }
    if (drop < 0)
        return false;
    if (drop > 0)
        wide_drop(&product, drop);
    return is_narrow(&product) && give(low_half(&product), negative, to_precision, out);
}

bool mr_decimal_divide(mr_i128 a, int a_scale, mr_i128 b, int b_scale, int to_precision, int to_scale,
                       mr_i128 *out)
{
    if (b == 0)
        return false;
    bool negative = (a < 0) != (b < 0);
    int exponent = to_scale + b_scale - a_scale;
    mr_u128 unit = magnitude(b);
    struct wide left = widen(magnitude(a));
    for (int raise = exponent; raise > 0; raise -= 38)
        if (!wide_multiply(&left, power(raise > 38 ? 38 : raise)))
            return false; /* more than 256 bits over less than 128: more than 38 digits */
    if (exponent < 0) {
        struct wide divisor = widen(unit);
        wide_multiply(&divisor, power(-exponent));
        if (!is_narrow(&divisor)) /* more than twice any dividend */
            return give(0, false, to_precision, out);
        unit = low_half(&divisor);
    }
    mr_u128 rest = wide_divide(&left, unit);
    if (!is_narrow(&left))
        return false;
    /* The first rounding adds half of its unit, 10^-kept of the final one; so up when rest/unit + 10^-kept/2
     * >= 1/2. */
    int kept = 39 - to_scale;
    mr_u128 threshold = unit - (kept <= 38 ? unit / power(kept) : 0);
    bool up = rest >= threshold || rest >= threshold - rest;
    return give(low_half(&left) + up, negative, to_precision, out);
}

/* ---- text ---- */

struct literal { /* digits with the point taken out */
    bool negative;
    const char *start, *stop; /* digits and at most one point */
    int64_t exponent;
};

static bool scan_literal(struct mr_str text, struct literal *out)
{
    const char *at = text.data, *end = at + text.size;
    *out = (struct literal){0};
    if (at < end && (*at == '-' || *at == '+'))
        out->negative = *at++ == '-';
    out->start = at;
    bool point = false, digit = false;
    for (; at < end; at++) {
        if (*at == '.' && !point)
            point = true;
        else if (*at >= '0' && *at <= '9')
            digit = true;
        else
            break;
    }
    out->stop = at;
    if (!digit)
        return false;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    while (end - at > 10 && *at == '0')
        at++;
    if (end - at > 10)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        out->exponent = out->exponent * 10 + (*at - '0');
    }
    if (negative)
        out->exponent = -out->exponent;
    return out->exponent >= -INT64_C(2147483647) && out->exponent <= INT64_C(2147483647);
}

/* Walks the digits from the most significant one; all below the scale but the first are dropped unseen. */
static bool unscaled_of(const struct literal *l, int scale, mr_u128 *out)
{
    int64_t place =
        l->exponent; /* power of ten of the next digit, once the digits before the point are counted */
    for (const char *c = l->start; c < l->stop && *c != '.'; c++)
        place++;
    mr_u128 value = 0;
    bool up = false;
    for (const char *c = l->start; c < l->stop; c++) {
        if (*c == '.')
            continue;
        place--;
        if (place < -scale) {
            up = place == -scale - 1 && *c >= '5';
            break;
        }
        if (value >= power(38))
            return false;
        value = value * 10 + (unsigned)(*c - '0');
    }
    if (value == 0 && place > 37) /* Spark counts the places even of a zero: 0e38 has none to spare */
        return false;
    if (value != 0)
        for (; place > -scale; place--) {
            if (value >= power(38))
                return false;
            value *= 10;
        }
    *out = value + up;
    return true;
}

/* [-]digits[.digits] of up to 18 digits, the form nearly all data have. Returns the digits after the point,
 * -1: not so. */
static int simple_literal(struct mr_str text, uint64_t *out, bool *negative)
{
    if (text.size == 0 || text.size > 20)
        return -1;
    size_t i = text.data[0] == '-';
    *negative = i > 0;
    size_t digits = 0, after = 0;
    bool point = false;
    uint64_t value = 0;
    for (; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit <= 9) {
            value = value * 10 + digit;
            digits++;
            after += point;
        } else if (text.data[i] == '.' && !point) {
            point = true;
        } else {
            return -1;
        }
    }
    *out = value;
    return digits > 0 && digits <= 18 ? (int)after : -1;
}

bool mr_decimal_parse(struct mr_str text, int precision, int scale, mr_i128 *out, bool *overflow)
{
    uint64_t simple = 0;
    bool negative = false;
    int after = simple_literal(text, &simple, &negative);
    if (after >= 0 && after <= scale) {
        *overflow = !give((mr_u128)simple * power(scale - after), negative, precision, out) ||
                    (scale - after > 20 && simple > 0 && power(38) / simple < power(scale - after));
        return true;
    }
    struct literal literal;
    mr_u128 value = 0;
    *overflow = false;
    if (!scan_literal(text, &literal))
        return false;
    *overflow = !unscaled_of(&literal, scale, &value) || !give(value, literal.negative, precision, out);
    return true;
}

/* The digits of a value, none for zero. */
static size_t digits_of(mr_u128 value, char digits[48])
{
    if (value <= INT64_MAX)
        return value ? mr_number_text_i64((int64_t)value, digits) : 0;
    char piece[24];
    size_t count = digits_of(value / small_powers[18], digits);
    size_t size = mr_number_text_i64((int64_t)(uint64_t)(value % small_powers[18]), piece);
    memset(digits + count, '0', 18 - size);
    memcpy(digits + count + 18 - size, piece, size);
    return count + 18;
}

size_t mr_decimal_text(mr_i128 unscaled, int scale, char out[48])
{
    char digits[48];
    size_t count = digits_of(magnitude(unscaled), digits), size = 0;
    if (unscaled < 0)
        out[size++] = '-';
    size_t whole = count > (size_t)scale ? count - (size_t)scale : 0;
    if (whole == 0)
        out[size++] = '0';
    memcpy(out + size, digits, whole);
    size += whole;
    if (scale == 0)
        return size;
    out[size++] = '.';
    for (size_t pad = count - whole; pad < (size_t)scale; pad++)
        out[size++] = '0';
    memcpy(out + size, digits + whole, count - whole);
    return size + count - whole;
}

double mr_decimal_to_double(mr_i128 unscaled, int scale)
{
    static const double exact_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (magnitude(unscaled) <= (mr_u128)1 << 53 && scale <= 22)
        return (double)(int64_t)unscaled /
               exact_powers[scale]; /* both exact, so the quotient is rounded once */
    char text[48];
    size_t size = mr_decimal_text(unscaled, scale, text);
    double value = 0;
    mr_number_parse_double(text, size, &value);
    return value;
}

bool mr_decimal_from_double(double value, int precision, int scale, mr_i128 *out)
{
    if (!(value - value == 0)) /* NaN or infinite */
        return false;
    char text[32];
    bool overflow = false;
    size_t size = mr_number_text(value, text);
    return mr_decimal_parse((struct mr_str){text, size}, precision, scale, out, &overflow) && !overflow;
}
