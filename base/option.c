/* base/option.c: option values as text, and the tables that say what is right. */
#include "base/option.h"

#include <stdlib.h>

static bool same_name(const char *a, const char *b)
{
    return mr_str_equal_nocase(mr_str_of(a), mr_str_of(b));
}

const struct mr_option_spec *mr_option_spec_find(const struct mr_option_spec *table, const char *name)
{
    for (const struct mr_option_spec *spec = table; spec->name; spec++)
        if (same_name(spec->name, name))
            return spec;
    return NULL;
}

bool mr_option_parse_boolean(const char *text, bool *out)
{
    bool yes = same_name(text, "true");
    if (!yes && !same_name(text, "false"))
        return false;
    *out = yes;
    return true;
}

/* A number at the start of text; *rest is behind it and the blanks that follow. */
static bool leading_integer(const char *text, int64_t *out, const char **rest)
{
    bool negative = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    if (*p < '0' || *p > '9')
        return false;
    int64_t value = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value))
            return false;
    while (*p == ' ')
        p++;
    *out = negative ? -value : value;
    *rest = p;
    return true;
}

bool mr_option_parse_integer(const char *text, int64_t *out)
{
    const char *rest;
    int64_t value;
    if (!leading_integer(text, &value, &rest) || *rest)
        return false;
    *out = value;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

static bool apply_unit(const struct unit *units, const char *name, int64_t value, int64_t *out)
{
    for (const struct unit *unit = units; unit->name; unit++)
        if (same_name(unit->name, name))
            return !__builtin_mul_overflow(value, unit->factor, out);
    return false;
}

bool mr_option_parse_bytes(const char *text, int64_t *out)
{
    static const struct unit units[] = {{"", 1},           {"b", 1},          {"k", 1LL << 10},
                                        {"kb", 1LL << 10}, {"m", 1LL << 20},  {"mb", 1LL << 20},
                                        {"g", 1LL << 30},  {"gb", 1LL << 30}, {"t", 1LL << 40},
                                        {"tb", 1LL << 40}, {NULL, 0}};
    const char *rest;
    int64_t value;
    return leading_integer(text, &value, &rest) && value >= 0 && apply_unit(units, rest, value, out);
}

bool mr_option_parse_duration(const char *text, int64_t *out_us)
{
    static const struct unit units[] = {{"us", 1},
                                        {"microsecond", 1},
                                        {"microseconds", 1},
                                        {"ms", 1000},
                                        {"millisecond", 1000},
                                        {"milliseconds", 1000},
                                        {"s", 1000000},
                                        {"second", 1000000},
                                        {"seconds", 1000000},
                                        {"m", 60000000LL},
                                        {"min", 60000000LL},
                                        {"minute", 60000000LL},
                                        {"minutes", 60000000LL},
                                        {"h", 3600000000LL},
                                        {"hour", 3600000000LL},
                                        {"hours", 3600000000LL},
                                        {"d", 86400000000LL},
                                        {"day", 86400000000LL},
                                        {"days", 86400000000LL},
                                        {"week", 604800000000LL},
                                        {"weeks", 604800000000LL},
                                        {NULL, 0}};
    const char *rest, *start = text;
    int64_t value, total = 0;
    if (mr_str_starts_with(mr_str_of(start), MR_STR("interval ")) ||
        mr_str_starts_with(mr_str_of(start), MR_STR("INTERVAL ")))
        start += 9;
    do { /* "1 day 2 hours" */
        char unit[16];
        size_t size = 0;
        if (!leading_integer(start, &value, &rest))
            return false;
        while (rest[size] && rest[size] != ' ' && size + 1 < sizeof unit) {
            unit[size] = rest[size];
            size++;
        }
        unit[size] = '\0';
        if (size == 0 || !apply_unit(units, unit, value, &value) ||
            __builtin_add_overflow(total, value, &total))
            return false;
        for (start = rest + size; *start == ' ';)
            start++;
    } while (*start);
    *out_us = total;
    return true;
}

static size_t put_character(unsigned code, char out[8])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 63));
    out[2] = (char)(0x80 | (code & 63));
    return 3;
}

size_t mr_option_parse_character(const char *text, char out[8])
{
    static const char names[] = "t\tr\rb\bf\fn\n\"\"''\\\\";
    size_t size = strlen(text);
    if (size == 0)
        return 0;
    if (text[0] != '\\' || size == 1) {
        unsigned char lead = (unsigned char)text[0];
        size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
        if (need != size)
            return 0;
        memcpy(out, text, size);
        return size;
    }
    if (size == 2) {
        for (const char *name = names; *name; name += 2) {
            if (*name == text[1]) {
                out[0] = name[1];
                return 1;
            }
        }
        if (text[1] == '0') {
            out[0] = '\0';
            return 1;
        }
        return 0;
    }
    if (text[1] == 'u' && size == 6) {
        char *end;
        unsigned long code = strtoul(text + 2, &end, 16);
        return *end ? 0 : put_character((unsigned)code, out);
    }
    return 0;
}

static bool is_choice(const char *choices, const char *value)
{
    struct mr_str wanted = mr_str_of(value);
    for (const char *p = choices; *p;) {
        size_t size = strcspn(p, "|");
        if (mr_str_equal_nocase((struct mr_str){p, size}, wanted))
            return true;
        p += size + (p[size] == '|');
    }
    return false;
}

static const char *type_name(enum mr_option_type type)
{
    static const char *const names[] = {"BOOLEAN", "INTEGER", "BYTES", "DURATION", "CHARACTER",
                                        "CHOICE",  "TIME",    "TEXT",  "IGNORED",  "REFUSED"};
    return names[type];
}

int mr_option_check(const struct mr_option_spec *spec, const char *value, struct mr_error *error)
{
    int64_t number;
    bool yes, good = true;
    char character[8];
    const char *wanted = "";
    switch (spec->type) {
    case MR_OPTION_BOOLEAN:
        good = mr_option_parse_boolean(value, &yes);
        wanted = "true or false";
        break;
    case MR_OPTION_INTEGER:
        good = mr_option_parse_integer(value, &number);
        wanted = "a whole number";
        break;
    case MR_OPTION_BYTES:
        good = mr_option_parse_bytes(value, &number);
        wanted = "a number of bytes such as 1048576, 64k or 10mb";
        break;
    case MR_OPTION_DURATION:
        good = mr_option_parse_duration(value, &number);
        wanted = "a duration such as '30 days' or '10 minutes'";
        break;
    case MR_OPTION_CHARACTER:
        good = *value == '\0' || mr_option_parse_character(value, character) > 0;
        wanted = "one character";
        break;
    case MR_OPTION_CHOICE:
        good = is_choice(spec->choices, value);
        wanted = spec->choices;
        break;
    case MR_OPTION_REFUSED:
        mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_OPTION",
                     "The option %s is known, but not supported: %s. Leave it away.", spec->name, spec->help);
        mr_error_parameter(error, "option", "%s", spec->name);
        return error->code;
    default:
        break;
    }
    if (good)
        return MR_OK;
    mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "The option %s cannot be '%s': it takes %s.",
                 spec->name, value, wanted);
    mr_error_parameter(error, "option", "%s", spec->name);
    mr_error_parameter(error, "value", "%s", value);
    return error->code;
}

/* Edits (insert, delete, replace) from a to b, without regard to case; names beyond 40 letters are far from
 * everything. */
static int distance(const char *a, const char *b)
{
    int row[42];
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > 40 || m > 40)
        return 100;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int above = row[j];
            int cost = diagonal + ((a[i - 1] | 32) != (b[j - 1] | 32));
            if (above + 1 < cost)
                cost = above + 1;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            diagonal = above;
            row[j] = cost;
        }
    }
    return row[m];
}

int mr_option_unknown(const char *name, const char *owner, const struct mr_option_spec *const *tables,
                      int count, struct mr_error *error)
{
    const char *nearest = NULL;
    int best = 4;
    for (int t = 0; t < count; t++) {
        for (const struct mr_option_spec *spec = tables[t]; spec && spec->name; spec++) {
            int d = distance(name, spec->name);
            if (d < best) {
                best = d;
                nearest = spec->name;
            }
        }
    }
    if (nearest)
        mr_error_set(error, MR_E_USAGE, "UNKNOWN_OPTION", "%s has no option '%s'. Did you mean '%s'?", owner,
                     name, nearest);
    else
        mr_error_set(error, MR_E_USAGE, "UNKNOWN_OPTION",
                     "%s has no option '%s'. See the page of options for those it has, or take it away.",
                     owner, name);
    mr_error_parameter(error, "option", "%s", name);
    return error->code;
}

const char *mr_option_text(const struct mr_option *options, int count, const char *name)
{
    for (int i = count - 1; i >= 0; i--)
        if (same_name(options[i].name, name))
            return options[i].value;
    return NULL;
}

bool mr_option_boolean(const struct mr_option *options, int count, const char *name, bool fallback)
{
    const char *text = mr_option_text(options, count, name);
    bool value;
    return text && mr_option_parse_boolean(text, &value) ? value : fallback;
}

int64_t mr_option_integer(const struct mr_option *options, int count, const char *name, int64_t fallback)
{
    const char *text = mr_option_text(options, count, name);
    int64_t value;
    return text && mr_option_parse_integer(text, &value) ? value : fallback;
}

void mr_option_describe(struct mr_text *out, const struct mr_option_spec *table)
{
    for (const struct mr_option_spec *spec = table; spec->name; spec++) {
        if (spec->type == MR_OPTION_REFUSED)
            continue;
        const char *type = spec->choices ? spec->choices : type_name(spec->type);
        mr_text_format(out, "  %-38s %-12s %-12s %s\n", spec->name, type,
                       spec->default_value ? spec->default_value : "-", spec->help);
    }
}
