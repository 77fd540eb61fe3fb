/* expressions/functions_bases.c: numbers written in other bases: bin, conv. */
#include "expressions/cast.h"
#include "expressions/kernel.h"
#include "expressions/registry.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

/* The digits of an unsigned number, written from the end of text; where they begin. */
static char *write_digits(uint64_t value, unsigned base, char *end)
{
    do {
        *--end = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[value % base];
        value /= base;
    } while (value > 0);
    return end;
}

KERNEL(bin)
{
    (void)call;
    MR_ROWS(i, rows, out->length, {
        char text[64];
        char *start = write_digits((uint64_t)arguments[0]->i64[i], 2, text + sizeof text);
        MR_TRY(mr_column_set_bytes(out, i, start, (size_t)(text + sizeof text - start), error));
    });
    return MR_OK;
}

/* The value of a digit; 99: none. */
static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 32;
    return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 : 99;
}

/* The digits up to the first that is none in this base. false: more than 64 bits. */
static bool read_digits(struct mr_str text, unsigned base, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.size && digit_of(text.data[i]) < base; i++)
        if (__builtin_mul_overflow(*out, base, out) ||
            __builtin_add_overflow(*out, digit_of(text.data[i]), out))
            return false;
    return true;
}

static int convert(struct mr_str text, int from, int to, struct mr_column *out, int64_t row,
                   struct mr_error *error)
{
    char digits[65];
    uint64_t value = 0;
    int base = to < 0 ? -to : to;
    text = mr_cast_trim(text);
    if (text.size == 0 || from < 2 || from > 36 || base < 2 || base > 36)
        return mr_column_set_null(out, row, error);
    bool negative = *text.data == '-';
    if (negative) {
        text.data++;
        text.size--;
    }
    if (!read_digits(text, (unsigned)from, &value))
        return mr_row_overflow(error, "Overflow in function conv()", NULL);
    bool upper_half = value >> 63;
    if (negative && to > 0)
        value = upper_half ? UINT64_MAX : 0 - value;
    else if (!negative && to < 0 && upper_half) /* a negative number of 64 bits */
        value = 0 - value;
    bool minus = to < 0 && (negative || upper_half);
    char *start = write_digits(value, (unsigned)base, digits + sizeof digits);
    if (minus)
        *--start = '-';
    return mr_column_set_bytes(out, row, start, (size_t)(digits + sizeof digits - start), error);
}

KERNEL(conv)
{
    (void)call;
    MR_ROWS(i, rows, out->length, {
        MR_TRY(convert(mr_string_at(arguments[0], i), arguments[1]->i32[i], arguments[2]->i32[i], out, i,
                       error));
    });
    return MR_OK;
}

const struct mr_function mr_functions_bases[] = {
    {"bin", 1, 1, MR_FN_NULL_IF_ANY, .kernel = bin, .signature = "l>s"},
    {"conv", 3, 3, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, .kernel = conv, .signature = "sii>s"},
    {0},
};
