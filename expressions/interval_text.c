/* expressions/interval_text.c: intervals from text. */
#include <strings.h>

#include "expressions/coercion.h"
#include "expressions/interval_text.h"

static const char *const day_fields[] = {"DAY", "HOUR", "MINUTE", "SECOND"};
static const char *const year_fields[] = {"YEAR", "MONTH"};
static const int64_t unit_us[] = {86400000000, 3600000000, 60000000, 1000000};

static struct mr_str trim(struct mr_str t)
{
    while (t.size > 0 && (unsigned char)t.data[0] <= ' ') {
        t.data++;
        t.size--;
    }
    while (t.size > 0 && (unsigned char)t.data[t.size - 1] <= ' ')
        t.size--;
    return t;
}

static bool skip_word(struct mr_str *t, const char *word)
{
    size_t size = strlen(word);
    if (t->size < size || strncasecmp(t->data, word, size) != 0)
        return false;
    t->data += size;
    t->size -= size;
    *t = trim(*t);
    return true;
}

/* INTERVAL 'body' FIELD [TO FIELD]: leaves the body, and the sign before the quote; false when it is no such
 * literal. */
static bool unwrap(struct mr_str *text, const struct mr_type *type, bool *negative)
{
    struct mr_str t = *text;
    bool year_month = type->id == MR_INTERVAL_YEAR_MONTH;
    const char *const *fields = year_month ? year_fields : day_fields;
    int first = mr_type_interval_first(type), last = mr_type_interval_last(type);
    if (!skip_word(&t, "INTERVAL") || t.size == 0)
        return false;
    if (t.data[0] == '-' || t.data[0] == '+') {
        *negative = t.data[0] == '-';
        t.data++;
        t.size--;
        t = trim(t);
    }
    if (t.size == 0 || t.data[0] != '\'')
        return false;
    const char *end = memchr(t.data + 1, '\'', t.size - 1);
    if (!end)
        return false;
    struct mr_str body = {t.data + 1, (size_t)(end - t.data - 1)};
    t = trim((struct mr_str){end + 1, t.size - body.size - 2});
    if (!skip_word(&t, fields[first]) ||
        (last != first && (!skip_word(&t, "TO") || !skip_word(&t, fields[last]))))
        return false;
    *text = body;
    return t.size == 0;
}

/* One field's digits; the leading one may be long, the others have two. */
static bool read_field(struct mr_str *t, bool leading, int64_t *value)
{
    size_t n = 0, most = leading ? 18 : 2;
    *value = 0;
    while (n < t->size && n < most && t->data[n] >= '0' && t->data[n] <= '9')
        *value = *value * 10 + (t->data[n++] - '0');
    t->data += n;
    t->size -= n;
    return n > 0;
}

static bool read_fraction(struct mr_str *t, int64_t *micros)
{
    *micros = 0;
    if (t->size == 0 || t->data[0] != '.')
        return true;
    size_t n = 1;
    int64_t scale = 100000;
    for (; n < t->size && n <= 9 && t->data[n] >= '0' && t->data[n] <= '9'; n++, scale /= 10)
        *micros += (t->data[n] - '0') * scale;
    t->data += n;
    t->size -= n;
    return n > 1;
}

static bool skip_separator(struct mr_str *t, bool year_month, int field)
{
    char separator = year_month ? '-' : field == 1 ? ' ' : ':';
    if (t->size == 0 || t->data[0] != separator)
        return false;
    t->data++;
    t->size--;
    return true;
}

bool mr_interval_parse(struct mr_str text, const struct mr_type *type, int64_t *value)
{
    static const int64_t limits[] = {0, 23, 59, 59};
    bool year_month = type->id == MR_INTERVAL_YEAR_MONTH, negative = false;
    int first = mr_type_interval_first(type), last = mr_type_interval_last(type);
    struct mr_str t = trim(text);
    if (t.size > 0 && (t.data[0] | 0x20) == 'i' && !unwrap(&t, type, &negative))
        return false;
    if (t.size > 0 && (t.data[0] == '-' || t.data[0] == '+')) {
        negative ^= t.data[0] == '-';
        t.data++;
        t.size--;
    }
    int64_t sum = 0;
    for (int field = first; field <= last; field++) {
        int64_t part, unit = year_month ? (field == 0 ? 12 : 1) : unit_us[field];
        if (field > first && !skip_separator(&t, year_month, field))
            return false;
        if (!read_field(&t, field == first, &part) ||
            (field > first && part > (year_month ? 11 : limits[field])))
            return false;
        if (__builtin_mul_overflow(part, unit, &part) || __builtin_add_overflow(sum, part, &sum))
            return false;
    }
    int64_t micros = 0;
    if (!year_month && last == 3 && !read_fraction(&t, &micros))
        return false;
    if (t.size > 0 || __builtin_add_overflow(sum, micros, &sum) || (year_month && sum > INT32_MAX))
        return false;
    *value = negative ? -sum : sum;
    return true;
}
