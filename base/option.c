/* base/option.c: option values as text, and the tables that say what is right. */
#include "base/option.h"

#include <stdio.h>
#include <stdlib.h>

static bool same_name(const char *a, const char *b)
{
    return mr_str_equal_nocase(mr_str_of(a), mr_str_of(b));
}

static bool is_named(const struct mr_option_spec *spec, const char *name)
{
    size_t size = strlen(spec->name);
    return spec->name[size - 1] == '*' ? strncmp(spec->name, name, size - 1) == 0
                                       : same_name(spec->name, name);
}

const struct mr_option_spec *mr_option_spec_find(const struct mr_option_spec *table, const char *name)
{
    for (const struct mr_option_spec *spec = table; spec->name || spec->include; spec++) {
        const struct mr_option_spec *found = spec->include ? mr_option_spec_find(spec->include, name) : NULL;
        if (found || (spec->name && is_named(spec, name)))
            return found ? found : spec;
    }
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

/* The choice's place among them; -1: it is none. */
static int choice_of(const char *choices, const char *value)
{
    struct mr_str wanted = mr_str_of(value);
    int place = 0;
    for (const char *p = choices; *p; place++) {
        size_t size = strcspn(p, "|");
        if (mr_str_equal_nocase((struct mr_str){p, size}, wanted))
            return place;
        p += size + (p[size] == '|');
    }
    return -1;
}

/* What a text says, and what it should have said. */
struct value {
    bool yes;
    int64_t number;
    char wanted[128];
};

static bool parse_number(const struct mr_option_spec *spec, const char *text, struct value *out)
{
    bool bytes = spec->type == MR_OPTION_BYTES, any = spec->least == 0 && spec->most == 0;
    snprintf(out->wanted, sizeof out->wanted, "%s",
             bytes ? "a number of bytes such as 1048576, 64k or 10mb" : "a whole number");
    size_t size = strlen(out->wanted);
    if (!any && spec->most < INT64_MAX)
        snprintf(out->wanted + size, sizeof out->wanted - size, " from %lld to %lld", (long long)spec->least,
                 (long long)spec->most);
    else if (!any)
        snprintf(out->wanted + size, sizeof out->wanted - size, ", at least %lld", (long long)spec->least);
    bool good =
        bytes ? mr_option_parse_bytes(text, &out->number) : mr_option_parse_integer(text, &out->number);
    bool fits = spec->home.size != sizeof(int) || out->number == (int)out->number;
    return good && fits && (any || (out->number >= spec->least && out->number <= spec->most));
}

static bool parse_value(const struct mr_option_spec *spec, const char *text, struct value *out)
{
    char bytes[8] = "";
    size_t size;
    const char *wanted = "";
    bool good = true;
    switch (spec->type) {
    case MR_OPTION_BOOLEAN:
        good = mr_option_parse_boolean(text, &out->yes);
        wanted = "true or false";
        break;
    case MR_OPTION_INTEGER:
    case MR_OPTION_BYTES:
        return parse_number(spec, text, out);
    case MR_OPTION_DURATION:
        good = mr_option_parse_duration(text, &out->number);
        wanted = "a duration such as '30 days' or '10 minutes'";
        break;
    case MR_OPTION_CHARACTER:
        size = mr_option_parse_character(text, bytes);
        good = *text == '\0' || size == 1;
        out->number = bytes[0] ? (unsigned char)bytes[0] : -1;
        wanted = "one ASCII character";
        break;
    case MR_OPTION_CHOICE:
        out->number = choice_of(spec->choices, text);
        good = out->number >= 0;
        out->yes = out->number == 1;
        wanted = spec->choices;
        break;
    default:
        break;
    }
    snprintf(out->wanted, sizeof out->wanted, "%s", wanted);
    return good;
}

static int parse_or_fail(const struct mr_option_spec *spec, const char *value, struct value *out,
                         struct mr_error *error)
{
    if (spec->type == MR_OPTION_REFUSED)
        mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_OPTION",
                     "The option %s is known, but not supported: %s. Leave it away.", spec->name, spec->help);
    else if (parse_value(spec, value, out))
        return MR_OK;
    else
        mr_error_set(error, MR_E_USAGE,
                     spec->type == MR_OPTION_CHARACTER ? "OPTION_VALUE_EXCEEDS_ONE_CHARACTER"
                                                       : "INVALID_OPTION_VALUE",
                     "The option %s cannot be '%s': it takes %s.", spec->name, value, out->wanted);
    mr_error_parameter(error, "option", "%s", spec->name);
    mr_error_parameter(error, "value", "%s", value);
    return error->code;
}

int mr_option_check(const struct mr_option_spec *spec, const char *value, struct mr_error *error)
{
    struct value ignored = {0};
    return parse_or_fail(spec, value, &ignored, error);
}

static int put(const struct mr_option_spec *spec, const char *value, void *into, struct mr_error *error)
{
    struct value parsed = {0};
    char *home = (char *)into + spec->home.offset;
    size_t size = spec->home.size;
    bool text = spec->type == MR_OPTION_TEXT || spec->type == MR_OPTION_TIME;
    MR_TRY(parse_or_fail(spec, value, &parsed, error));
    if (size == 0)
        return MR_OK;
    if (text && size == sizeof(struct mr_str))
        *(struct mr_str *)home = mr_str_of(value);
    else if (text)
        *(const char **)home = value;
    else if (size == sizeof(bool))
        *(bool *)home = parsed.yes;
    else if (size == sizeof(int))
        *(int *)home = (int)parsed.number;
    else
        *(int64_t *)home = parsed.number;
    return MR_OK;
}

static int check_names(const struct mr_option_spec *table, const char *owner, const struct mr_option *options,
                       int count, struct mr_error *error)
{
    for (int i = 0; i < count; i++)
        if (!mr_option_spec_find(table, options[i].name))
            return mr_option_unknown(options[i].name, owner, &table, 1, error);
    return MR_OK;
}

struct reading {
    const struct mr_option *options;
    int count;
    bool defaults; /* put these, not what is given */
    bool lenient;
};

/* One pass over the table. */
static int put_all(const struct reading *r, const struct mr_option_spec *table, char *into,
                   struct mr_error *error)
{
    for (const struct mr_option_spec *spec = table; spec->name || spec->include; spec++) {
        const char *fixed = spec->default_value;
        if (spec->include) {
            MR_TRY(put_all(r, spec->include, into + spec->home.offset, error));
            continue;
        }
        if (r->defaults && fixed && fixed[0] != '(' && spec->home.size > 0)
            MR_TRY(put(spec, fixed, into, error));
        for (int i = 0; i < r->count && !r->defaults; i++) {
            const char *value = r->options[i].value;
            bool pass = r->lenient && spec->choices && choice_of(spec->choices, value) < 0;
            if (!pass && is_named(spec, r->options[i].name))
                MR_TRY(put(spec, value, into, error));
        }
    }
    return MR_OK;
}

int mr_options_read(const struct mr_option_spec *table, const char *owner, const struct mr_option *options,
                    int count, void *into, struct mr_error *error)
{
    if (owner)
        MR_TRY(check_names(table, owner, options, count, error));
    MR_TRY(put_all(&(struct reading){.defaults = true}, table, into, error));
    return put_all(&(struct reading){options, count, false, !owner}, table, into, error);
}

int mr_options_check(const struct mr_option_spec *table, const char *owner, const struct mr_option *options,
                     int count, struct mr_error *error)
{
    MR_TRY(check_names(table, owner, options, count, error));
    for (int i = 0; i < count; i++)
        MR_TRY(mr_option_check(mr_option_spec_find(table, options[i].name), options[i].value, error));
    return MR_OK;
}

/* The known name that is nearest to the given one, fewer than *best edits away. */
static void find_nearest(const struct mr_option_spec *table, const char *name, const char **nearest,
                         int *best)
{
    for (const struct mr_option_spec *spec = table; spec && (spec->name || spec->include); spec++) {
        int d = spec->name ? mr_edit_distance(name, spec->name) : *best;
        if (spec->include)
            find_nearest(spec->include, name, nearest, best);
        if (d < *best) {
            *best = d;
            *nearest = spec->name;
        }
    }
}

int mr_option_unknown(const char *name, const char *owner, const struct mr_option_spec *const *tables,
                      int count, struct mr_error *error)
{
    const char *nearest = NULL;
    int best = 4;
    for (int t = 0; t < count; t++)
        find_nearest(tables[t], name, &nearest, &best);
    if (nearest)
        mr_error_set(error, MR_E_USAGE, "UNKNOWN_OPTION", "%s has no option '%s'. Did you mean '%s'?", owner,
                     name, nearest);
    else
        mr_error_set(error, MR_E_USAGE, "UNKNOWN_OPTION",
                     "%s has no option '%s'. docs/options.md lists those it has.", owner, name);
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
