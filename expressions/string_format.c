/* expressions/string_format.c: format_string, printf: the format specifiers of Java. */
#include <stdio.h>

#include "base/number.h"
#include "expressions/string_kernels.h"

struct spec {     /* %[index$][flags][width][.precision]conversion */
    int argument; /* -1: the next; -2: the last one again ('<') */
    bool left, alternate, plus, space, zero, comma, parentheses;
    int width, precision; /* -1: none */
    char conversion;
};

static int refuse(struct mr_error *error, const char *what, char conversion)
{
    return mr_row_error(error, "INVALID_PARAMETER_VALUE.PATTERN", "format_string: %s (%%%c).", what,
                        conversion);
}

static int number_at(struct mr_str format, size_t *at)
{
    int value = 0;
    while (*at < format.size && format.data[*at] >= '0' && format.data[*at] <= '9' && value < 100000000)
        value = value * 10 + (format.data[(*at)++] - '0');
    return value;
}

/* *at is behind the '%'; ends behind the conversion. */
static bool parse_spec(struct mr_str format, size_t *at, struct spec *s)
{
    *s = (struct spec){.argument = -1, .width = -1, .precision = -1};
    size_t start = *at;
    int number = number_at(format, at);
    if (*at > start && *at < format.size && format.data[*at] == '$') {
        s->argument = number - 1;
        ++*at;
    } else {
        *at = start;
    }
    if (*at < format.size && format.data[*at] == '<') {
        s->argument = -2;
        ++*at;
    }
    while (*at < format.size) {
        static const char flags[] = "-#+ 0,(";
        const char *known = format.data[*at] ? strchr(flags, format.data[*at]) : NULL;
        if (!known)
            break;
        bool *fields[] = {&s->left, &s->alternate, &s->plus, &s->space, &s->zero, &s->comma, &s->parentheses};
        *fields[known - flags] = true;
        ++*at;
    }
    if (*at < format.size && format.data[*at] >= '1' && format.data[*at] <= '9')
        s->width = number_at(format, at);
    if (*at < format.size && format.data[*at] == '.') {
        ++*at;
        s->precision = number_at(format, at);
    }
    if (*at >= format.size)
        return false;
    s->conversion = format.data[(*at)++];
    return true;
}

/* ---- numbers ---- */
static void append_grouped(struct mr_text *out, const char *digits, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            mr_text_append_char(out, ',');
        mr_text_append_char(out, digits[i]);
    }
}

/* Sign, zeros to fill the width, and the digits (grouped when asked for; the fraction begins at `whole`). */
static void append_number(struct mr_text *out, const struct spec *s, bool negative, const char *digits,
                          size_t size, size_t whole)
{
    struct mr_text body;
    mr_text_init(&body);
    if (s->comma)
        append_grouped(&body, digits, whole);
    else
        mr_text_append(&body, digits, whole);
    mr_text_append(&body, digits + whole, size - whole);
    const char *before = negative ? (s->parentheses ? "(" : "-") : s->plus ? "+" : s->space ? " " : "";
    const char *after = negative && s->parentheses ? ")" : "";
    mr_text_append_str(out, before);
    size_t have = strlen(before) + body.size + strlen(after);
    for (; s->zero && s->width > 0 && have < (size_t)s->width; have++)
        mr_text_append_char(out, '0');
    mr_text_append(out, body.data, body.size);
    mr_text_append_str(out, after);
    out->failed |= body.failed;
    mr_text_release(&body);
}

/* Rounds the shortest digits half up to `keep` of them (may be 0 or negative: then 0 or 1 digit is left); as
 * Java does. */
static int round_digits(char *digits, int count, int keep, int *exponent)
{
    if (keep >= count)
        return count;
    bool up = keep >= 0 && digits[keep] >= '5';
    int n = keep > 0 ? keep : 0;
    if (!up)
        return n;
    int i = n - 1;
    while (i >= 0 && digits[i] == '9')
        digits[i--] = '0';
    if (i >= 0) {
        digits[i]++;
        return n;
    }
    memmove(digits + 1, digits, (size_t)n);
    digits[0] = '1';
    ++*exponent;
    return n + 1;
}

/* d.ddd x 10^exponent with `precision` digits behind the point. */
static void append_fixed(struct mr_text *out, char *digits, int count, int exponent, int precision)
{
    count = round_digits(digits, count, exponent + 1 + precision, &exponent);
    if (count == 0)
        exponent = 0;
    int point = exponent + 1; /* digits before the decimal point */
    for (int i = 0; i < (point > 0 ? point : 1); i++)
        mr_text_append_char(out, point > 0 && i < count ? digits[i] : '0');
    if (precision > 0)
        mr_text_append_char(out, '.');
    for (int i = 0; i < precision; i++) {
        int k = point + i;
        mr_text_append_char(out, k >= 0 && k < count ? digits[k] : '0');
    }
}

static void append_scientific(struct mr_text *out, char *digits, int count, int exponent, int precision)
{
    count = round_digits(digits, count, precision + 1, &exponent);
    mr_text_append_char(out, digits[0]);
    if (precision > 0)
        mr_text_append_char(out, '.');
    for (int i = 1; i <= precision; i++)
        mr_text_append_char(out, i < count ? digits[i] : '0');
    mr_text_format(out, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
}

static void append_general(struct mr_text *out, char *digits, int count, int exponent, int precision)
{
    precision = precision == 0 ? 1 : precision;
    count = round_digits(digits, count, precision, &exponent);
    if (exponent >= -4 && exponent < precision)
        append_fixed(out, digits, count, exponent, precision - 1 - exponent);
    else
        append_scientific(out, digits, count, exponent, precision - 1);
}

static int format_floating(struct mr_text *out, const struct spec *s, const struct mr_column *c, int64_t row,
                           struct mr_error *error)
{
    char digits[MR_NUMBER_DIGITS + 2];
    double value = c->type->id == MR_FLOAT ? (double)c->f32[row] : c->f64[row];
    int precision = s->precision < 0 ? 6 : s->precision, exponent = 0, count = 1;
    bool negative = __builtin_signbit(value);
    struct spec plain = *s;
    if (value - value != 0) { /* NaN and the infinities are not filled with zeros */
        plain.zero = plain.comma = false;
        const char *name = value != value ? "NaN" : "Infinity";
        append_number(out, &plain, negative && value == value, name, strlen(name), strlen(name));
        return MR_OK;
    }
    digits[0] = '0';
    if (value != 0)
        count = c->type->id == MR_FLOAT ? mr_number_shortest_float(c->f32[row], digits, &exponent)
                                        : mr_number_shortest(value, digits, &exponent);
    struct mr_text body;
    mr_text_init(&body);
    char conversion = (char)(s->conversion | 0x20);
    if (conversion == 'f')
        append_fixed(&body, digits, count, exponent, precision);
    else if (conversion == 'e')
        append_scientific(&body, digits, count, exponent, precision);
    else
        append_general(&body, digits, count, exponent, precision);
    const char *point = body.size ? memchr(body.data, '.', body.size) : NULL;
    size_t whole = point ? (size_t)(point - body.data) : body.size;
    append_number(out, &plain, negative, body.data, body.size, conversion == 'e' ? 1 : whole);
    bool failed = body.failed;
    mr_text_release(&body);
    return failed ? mr_error_memory(error, 0) : MR_OK;
}

static void format_integer(struct mr_text *out, const struct spec *s, const struct mr_column *c, int64_t row)
{
    char digits[32];
    int64_t value = mr_integer_at(c, row);
    struct spec plain = *s;
    if (s->conversion == 'd') {
        uint64_t absolute = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)absolute);
        append_number(out, s, value < 0, digits, (size_t)size, (size_t)size);
        return;
    }
    int bits = (int)mr_type_width(c->type) * 8;
    uint64_t unsigned_value = bits == 64 ? (uint64_t)value : (uint64_t)value & ((1ULL << bits) - 1);
    const char *form = s->conversion == 'o' ? "%s%llo" : "%s%llx";
    const char *prefix = !s->alternate ? "" : s->conversion == 'o' ? "0" : "0x";
    int size = snprintf(digits, sizeof digits, form, prefix, (unsigned long long)unsigned_value);
    plain.comma = plain.plus = plain.space = false;
    append_number(out, &plain, false, digits, (size_t)size, (size_t)size);
}

/* ---- one specifier ---- */
static bool is_integer_like(const struct mr_type *type)
{
    return mr_type_is_integral(type) || (type->id >= MR_DATE && type->id <= MR_INTERVAL_YEAR_MONTH);
}

/* As Java's toString: arrays and structs without blanks, [a,b]. */
static void append_text(struct mr_text *out, const struct mr_column *c, int64_t row,
                        const struct mr_zone *zone)
{
    bool array = c->type->id == MR_ARRAY;
    if (mr_column_is_null(c, row)) {
        mr_text_append_str(out, "null");
        return;
    }
    if (!array && c->type->id != MR_STRUCT) {
        mr_value_text(out, c, row, zone);
        return;
    }
    int32_t first = array ? c->offsets[row] : 0, last = array ? c->offsets[row + 1] : c->child_count;
    mr_text_append_char(out, '[');
    for (int32_t i = first; i < last; i++) {
        if (i > first)
            mr_text_append_char(out, ',');
        append_text(out, c->children[array ? 0 : i], array ? i : row, zone);
    }
    mr_text_append_char(out, ']');
}

static int format_value(struct mr_call *call, struct mr_text *out, const struct spec *s,
                        const struct mr_column *c, int64_t row, struct mr_error *error)
{
    bool is_null = c->type->id == MR_VOID || mr_column_is_null(c, row);
    char conversion = (char)(s->conversion | 0x20);
    if (conversion == 'b') {
        bool truth = !is_null && (c->type->id != MR_BOOLEAN || c->booleans[row]);
        mr_text_append_str(out, truth ? "true" : "false");
        return MR_OK;
    }
    if (!strchr("sdoxefgc", conversion) || (s->conversion < 'a' && strchr("DOF", s->conversion)))
        return refuse(error, "no such conversion", s->conversion);
    if (is_null) {
        mr_text_append_str(out, "null");
        return MR_OK;
    }
    switch (conversion) {
    case 's':
        if (is_integer_like(c->type))
            mr_text_format(out, "%lld", (long long)mr_integer_at(c, row));
        else
            append_text(out, c, row, call->session->zone);
        return MR_OK;
    case 'd':
    case 'o':
    case 'x':
        if (!is_integer_like(c->type))
            return refuse(error, "the value is no integer", s->conversion);
        format_integer(out, s, c, row);
        return MR_OK;
    case 'c': {
        char bytes[4];
        if (!is_integer_like(c->type) || mr_type_width(c->type) > 4)
            return refuse(error, "the value is no code of a character", s->conversion);
        mr_text_append(out, bytes, mr_utf8_encode((uint32_t)mr_integer_at(c, row), bytes));
        return MR_OK;
    }
    default:
        if (c->type->id != MR_FLOAT && c->type->id != MR_DOUBLE)
            return refuse(error, "the value is no FLOAT or DOUBLE", s->conversion);
        return format_floating(out, s, c, row, error);
    }
}

/* Cuts to the precision (texts only), upper case, and blanks up to the width. */
static void append_field(struct mr_text *out, const struct spec *s, struct mr_text *field)
{
    size_t size = field->size;
    if (s->precision >= 0 && strchr("sSbB", s->conversion))
        size = mr_utf8_offset(field->data, size, s->precision);
    if (s->conversion >= 'A' && s->conversion <= 'Z')
        for (size_t i = 0; i < size; i++)
            if (field->data[i] >= 'a' && field->data[i] <= 'z')
                field->data[i] = (char)(field->data[i] - 32);
    int64_t width = mr_utf8_count(field->data, size);
    for (int64_t k = width; !s->left && k < s->width; k++)
        mr_text_append_char(out, ' ');
    mr_text_append(out, field->data, size);
    for (int64_t k = width; s->left && k < s->width; k++)
        mr_text_append_char(out, ' ');
}

static int format_row(struct mr_call *call, struct mr_column *const *arguments, int64_t row,
                      struct mr_text *out, struct mr_text *field, struct mr_error *error)
{
    struct mr_str format = mr_string_at(arguments[0], row);
    int count = call->expression->argument_count - 1, next = 0, last = -1;
    for (size_t i = 0; i < format.size;) {
        struct spec s;
        if (format.data[i] != '%') {
            mr_text_append_char(out, format.data[i++]);
            continue;
        }
        i++;
        if (!parse_spec(format, &i, &s))
            return refuse(error, "the text ends within a specifier", ' ');
        mr_text_clear(field);
        if (s.conversion == '%' || s.conversion == 'n') {
            mr_text_append_char(field, s.conversion == '%' ? '%' : '\n');
            append_field(out, &s, field);
            continue;
        }
        int argument = s.argument == -1 ? next++ : s.argument == -2 ? last : s.argument;
        if (argument < 0 || argument >= count)
            return refuse(error, "there is no argument for the specifier", s.conversion);
        last = argument;
        MR_TRY(format_value(call, field, &s, arguments[argument + 1], row, error));
        append_field(out, &s, field);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_format_string)
{
    struct mr_text text, field;
    mr_text_init(&text);
    mr_text_init(&field);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        if (mr_column_is_null(arguments[0], i)) {
            MR_ERR(mr_column_set_null(out, i, error));
            continue;
        }
        mr_text_clear(&text);
        MR_ERR(format_row(call, arguments, i, &text, &field, error));
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    mr_text_release(&field);
    return status;
}
