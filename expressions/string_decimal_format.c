/* expressions/string_decimal_format.c: format_number: a number by a pattern such as "#,##0.00" (Java's
 * DecimalFormat, English). */
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "expressions/string_kernels.h"

#define DIGITS_MAX 400

struct pattern {
    char prefix[64], suffix[64], negative_prefix[64], negative_suffix[64];
    bool own_negative;
    int multiplier; /* 1, 100 for %, 1000 for per mille */
    int min_integer, max_integer, min_fraction, max_fraction, grouping, exponent_digits;
};

/* Literal text around the digits, quotes resolved; stops at a digit character or ';'. */
static size_t read_affix(struct mr_str text, size_t at, char out[64], int *multiplier)
{
    size_t n = 0;
    bool quoted = false;
    for (; at < text.size && n < 60; at++) {
        char c = text.data[at];
        if (c == '\'') {
            if (at + 1 < text.size && text.data[at + 1] == '\'')
                out[n++] = text.data[at++];
            else
                quoted = !quoted;
            continue;
        }
        if (!quoted && c != '\0' && strchr("#0,.;", c))
            break;
        if (!quoted && c == '%')
            *multiplier = 100;
        if (!quoted && c == '\xE2' && at + 2 < text.size && memcmp(text.data + at, "\xE2\x80\xB0", 3) == 0)
            *multiplier = 1000;
        out[n++] = c;
    }
    out[n] = '\0';
    return at;
}

/* The digits' part: counts of # and 0 on both sides of the point. */
static size_t read_digits(struct mr_str text, size_t at, struct pattern *p)
{
    int left = 0, zero = 0, right = 0, point = -1, total = 0, grouping = -1;
    for (; at < text.size; at++) {
        char c = text.data[at];
        if (c == '#') {
            if (zero > 0)
                right++;
            else
                left++;
        } else if (c == '0') {
            zero++;
        } else if (c == ',') {
            grouping = 0;
            continue;
        } else if (c == '.' && point < 0) {
            point = total;
            continue;
        } else {
            break;
        }
        total++;
        if (grouping >= 0 && point < 0)
            grouping++;
    }
    if (at < text.size && text.data[at] == 'E') {
        for (at++; at < text.size && text.data[at] == '0'; at++)
            p->exponent_digits++;
    }
    if (zero == 0 && left > 0 && point >= 0) { /* "###.###": one zero stands before the point */
        int n = point == 0 ? 1 : point;
        left = n - 1;
        zero = 1;
    }
    int whole = point >= 0 ? point : total;
    p->min_integer = whole - left > 0 ? whole - left : 0;
    p->max_integer = p->exponent_digits ? left + p->min_integer : DIGITS_MAX;
    p->max_fraction = point >= 0 ? total - point : 0;
    p->min_fraction = point >= 0 && left + zero - point > 0 ? left + zero - point : 0;
    p->grouping = grouping > 0 ? grouping : 0;
    return at;
}

static bool parse_pattern(struct mr_str text, struct pattern *p)
{
    *p = (struct pattern){.multiplier = 1};
    size_t at = read_affix(text, 0, p->prefix, &p->multiplier);
    size_t digits = at;
    at = read_digits(text, at, p);
    if (at == digits && at < text.size)
        return false;
    at = read_affix(text, at, p->suffix, &p->multiplier);
    if (at < text.size && text.data[at] == ';') {
        int ignored = 1;
        struct pattern skipped = {.multiplier = 1};
        at = read_affix(text, at + 1, p->negative_prefix, &ignored);
        at = read_digits(text, at, &skipped);
        at = read_affix(text, at, p->negative_suffix, &ignored);
        p->own_negative = true;
    }
    return at == text.size && p->max_fraction < 100 && p->min_integer < 100;
}

/* A number as digits before and behind the decimal point. */
struct number {
    bool negative;
    char digits[DIGITS_MAX + 120]; /* `whole` of them, then the fraction */
    int whole, fraction;
};

static void from_text(struct number *n, const char *text)
{
    n->negative = *text == '-';
    text += n->negative;
    const char *point = strchr(text, '.');
    n->whole = (int)(point ? (size_t)(point - text) : strlen(text));
    n->fraction = point ? (int)strlen(point + 1) : 0;
    memcpy(n->digits, text, (size_t)n->whole);
    if (point)
        memcpy(n->digits + n->whole, point + 1, (size_t)n->fraction);
}

/* Rounds half to even, on the exact value. */
static void from_decimal(struct number *n, mr_i128 value, int scale, int places)
{
    char text[48];
    bool negative = value < 0;
    if (scale > places) {
        mr_i128 unit = mr_decimal_power(scale - places), rest = value % unit;
        value /= unit;
        rest = rest < 0 ? -rest : rest;
        bool odd = value & 1;
        if (rest * 2 > unit || (rest * 2 == unit && odd))
            value += negative ? -1 : 1;
        scale = places;
    }
    size_t size = mr_decimal_text(value, scale, text);
    text[size] = '\0';
    from_text(n, text);
    n->negative = negative;
}

static void from_double(struct number *n, double value, int places)
{
    char text[DIGITS_MAX + 110];
    size_t size = mr_number_fixed(value, places, text, sizeof text - 1);
    text[size] = '\0';
    from_text(n, text);
    n->negative = __builtin_signbit(value);
}

static void append_plain(struct mr_text *out, const struct pattern *p, const struct number *n)
{
    int first = 0, fraction = n->fraction;
    while (first < n->whole && n->digits[first] == '0')
        first++;
    while (fraction > p->min_fraction && n->digits[n->whole + fraction - 1] == '0')
        fraction--;
    int whole = n->whole - first, shown = whole > p->min_integer ? whole : p->min_integer;
    if (shown == 0 && fraction == 0 && p->min_fraction == 0)
        shown = 1;
    for (int i = shown; i > 0; i--) {
        mr_text_append_char(out, i > whole ? '0' : n->digits[n->whole - i]);
        if (p->grouping > 0 && i > 1 && (i - 1) % p->grouping == 0)
            mr_text_append_char(out, ',');
    }
    if (fraction > 0 || p->min_fraction > 0)
        mr_text_append_char(out, '.');
    for (int i = 0; i < (fraction > p->min_fraction ? fraction : p->min_fraction); i++)
        mr_text_append_char(out, i < fraction ? n->digits[n->whole + i] : '0');
}

/* 1.23E4; with more than one integer digit allowed the exponent is a multiple of their number. */
static void append_exponential(struct mr_text *out, const struct pattern *p, double value)
{
    char text[64];
    int integers = p->min_integer > 0 ? p->min_integer : 1, places = integers - 1 + p->max_fraction;
    snprintf(text, sizeof text, "%.*e", places > 40 ? 40 : places, value < 0 ? -value : value);
    int exponent = value == 0 ? 0 : (int)strtol(strchr(text, 'e') + 1, NULL, 10) - (integers - 1);
    char digits[64];
    int count = 0;
    for (const char *at = text; *at != 'e'; at++)
        if (*at != '.')
            digits[count++] = *at;
    while (count > integers + p->min_fraction && digits[count - 1] == '0')
        count--;
    mr_text_append(out, digits, (size_t)integers);
    if (count > integers) {
        mr_text_append_char(out, '.');
        mr_text_append(out, digits + integers, (size_t)(count - integers));
    }
    mr_text_format(out, "E%s%0*d", exponent < 0 ? "-" : "", p->exponent_digits,
                   exponent < 0 ? -exponent : exponent);
}

static double value_as_double(const struct mr_column *c, int64_t row)
{
    switch (c->type->id) {
    case MR_FLOAT:
        return (double)c->f32[row];
    case MR_DOUBLE:
        return c->f64[row];
    case MR_DECIMAL:
        return mr_decimal_to_double(mr_decimal_at(c, row), c->type->scale);
    default:
        return (double)c->i64[row];
    }
}

static void format_number(struct mr_text *out, const struct pattern *p, const struct mr_column *c,
                          int64_t row)
{
    bool floating = c->type->id == MR_FLOAT || c->type->id == MR_DOUBLE;
    double value = floating || p->exponent_digits ? value_as_double(c, row) * p->multiplier : 0;
    struct number n = {0};
    if (value != value) {
        mr_text_append_str(out, "NaN");
        return;
    }
    bool infinite = value - value != 0;
    if (floating && !infinite)
        from_double(&n, value, p->max_fraction);
    else if (c->type->id == MR_DECIMAL)
        from_decimal(&n, mr_decimal_at(c, row) * p->multiplier, c->type->scale, p->max_fraction);
    else if (!floating)
        from_decimal(&n, (mr_i128)c->i64[row] * p->multiplier, 0, p->max_fraction);
    else
        n.negative = value < 0;
    if (n.negative && !p->own_negative)
        mr_text_append_char(out, '-');
    mr_text_append_str(out, n.negative && p->own_negative ? p->negative_prefix : p->prefix);
    if (infinite)
        mr_text_append_str(out, "\xE2\x88\x9E");
    else if (p->exponent_digits)
        append_exponential(out, p, value);
    else
        append_plain(out, p, &n);
    mr_text_append_str(out, n.negative && p->own_negative ? p->negative_suffix : p->suffix);
}

/* format_number(number, places or pattern); integers come as BIGINT. Fewer than no places: NULL. */
MR_KERNEL(mr_string_format_number)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    bool by_pattern = arguments[1]->type->id == MR_STRING;
    MR_FOR_ROWS (i, rows, out->length) {
        struct pattern p = {.multiplier = 1, .min_integer = 1, .max_integer = DIGITS_MAX, .grouping = 3};
        mr_text_clear(&text);
        if (by_pattern && arguments[1]->views[i].size > 0) {
            struct mr_str pattern = mr_string_at(arguments[1], i);
            if (!parse_pattern(pattern, &p))
                MR_ERR(mr_row_error(error, "INVALID_PARAMETER_VALUE.PATTERN",
                                    "'%.*s' is no pattern of a number.",
                                    (int)(pattern.size > 100 ? 100 : pattern.size), pattern.data));
        } else if (!by_pattern) {
            int32_t places = arguments[1]->i32[i];
            if (places < 0) {
                MR_ERR(mr_column_set_null(out, i, error));
                continue;
            }
            p.min_fraction = p.max_fraction = places > 100 ? 100 : places;
        }
        format_number(&text, &p, arguments[0], i);
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}
