/* expressions/duration.c: durations as people write them: numbers and units. */
#include <ctype.h>

#include "expressions/window.h"

struct unit {
    const char *name;
    int64_t months, micros;
};
static const struct unit units[] = {
    {"microsecond", 0, 1},
    {"millisecond", 0, 1000},
    {"second", 0, 1000000},
    {"minute", 0, INT64_C(60000000)},
    {"hour", 0, INT64_C(3600000000)},
    {"day", 0, INT64_C(86400000000)},
    {"week", 0, INT64_C(604800000000)},
    {"month", 1, 0},
    {"year", 12, 0},
};

static void skip_blanks(struct mr_str *text)
{
    while (text->size > 0 && isspace((unsigned char)*text->data)) {
        text->data++;
        text->size--;
    }
}

static bool take_char(struct mr_str *text, char c)
{
    if (text->size == 0 || *text->data != c)
        return false;
    text->data++;
    text->size--;
    return true;
}

static struct mr_str take_word(struct mr_str *text)
{
    struct mr_str word = {text->data, 0};
    while (word.size < text->size && isalpha((unsigned char)text->data[word.size]))
        word.size++;
    text->data += word.size;
    text->size -= word.size;
    return word;
}

static const struct unit *find_unit(struct mr_str word)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct mr_str singular = word;
        if (mr_str_equal_nocase(singular, mr_str_of(units[i].name)))
            return &units[i];
        if (singular.size > 1 && (singular.data[singular.size - 1] | 32) == 's')
            singular.size--;
        if (mr_str_equal_nocase(singular, mr_str_of(units[i].name)))
            return &units[i];
    }
    return NULL;
}

/* Digits with a sign, and a fraction of at most 9 digits in billionths. */
static bool take_number(struct mr_str *text, bool *negative, int64_t *whole, int64_t *billionths,
                        bool *fraction)
{
    int digits = 0, places = 0;
    *whole = *billionths = 0;
    *fraction = false;
    *negative = take_char(text, '-');
    if (!*negative)
        take_char(text, '+');
    skip_blanks(text);
    for (; text->size > 0 && isdigit((unsigned char)*text->data); text->data++, text->size--, digits++)
        if (__builtin_mul_overflow(*whole, 10, whole) ||
            __builtin_add_overflow(*whole, *text->data - '0', whole))
            return false;
    if (take_char(text, '.')) {
        *fraction = true;
        for (; text->size > 0 && isdigit((unsigned char)*text->data); text->data++, text->size--, places++)
            if (places < 9)
                *billionths = *billionths * 10 + (*text->data - '0');
        for (int i = places; i < 9; i++)
            *billionths *= 10;
    }
    return digits + places > 0 && places <= 9;
}

static bool take_part(struct mr_str *text, int64_t *months, int64_t *micros)
{
    bool negative = false, fraction = false;
    int64_t whole = 0, billionths = 0, m = 0, us = 0;
    if (!take_number(text, &negative, &whole, &billionths, &fraction))
        return false;
    skip_blanks(text);
    const struct unit *unit = find_unit(take_word(text));
    if (!unit || (fraction && unit->micros != 1000000)) /* only seconds have a fraction */
        return false;
    if (__builtin_mul_overflow(whole, unit->months, &m) || __builtin_mul_overflow(whole, unit->micros, &us) ||
        __builtin_add_overflow(us, billionths / 1000, &us))
        return false;
    if (negative)
        return !__builtin_sub_overflow(*months, m, months) && !__builtin_sub_overflow(*micros, us, micros);
    return !__builtin_add_overflow(*months, m, months) && !__builtin_add_overflow(*micros, us, micros);
}

bool mr_duration_parse(struct mr_str text, int64_t *months, int64_t *micros)
{
    *months = *micros = 0;
    skip_blanks(&text);
    struct mr_str rest = text;
    if (mr_str_equal_nocase(take_word(&rest), MR_STR("interval")))
        text = rest;
    skip_blanks(&text);
    if (text.size == 0)
        return false;
    while (text.size > 0) {
        if (!take_part(&text, months, micros))
            return false;
        skip_blanks(&text);
    }
    return true;
}
