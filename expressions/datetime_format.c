/* expressions/datetime_format.c: datetime patterns: text -> items. */
#include "expressions/datetime_pattern.h"

#define PATTERN_ITEMS_MAX 4096

struct compiler {
    struct mr_arena *arena;
    struct mr_str pattern;
    enum mr_datetime_use use;
    bool has_era; /* then y counts within the era; else it is the proleptic year */
    struct mr_datetime_item *items;
    int count, capacity;
    int active;   /* the number that fixed-width numbers behind it are reserved from; -1: none */
    int open[16]; /* optional sections */
    int open_count;
    const char *problem; /* "": some; NULL: none */
    char letter;
};

static struct mr_datetime_item *add(struct compiler *c, int kind)
{
    if (c->count == c->capacity) {
        int capacity = c->capacity ? c->capacity * 2 : 16;
        struct mr_datetime_item *items = MR_ARENA_ARRAY(c->arena, struct mr_datetime_item, capacity);
        if (!items || capacity > PATTERN_ITEMS_MAX)
            return NULL;
        if (c->count > 0)
            memcpy(items, c->items, sizeof *items * (size_t)c->count);
        c->items = items;
        c->capacity = capacity;
    }
    struct mr_datetime_item *item = &c->items[c->count++];
    item->kind = (uint8_t)kind;
    c->active = -1;
    return item;
}

static bool add_literal(struct compiler *c, const char *data, size_t size)
{
    struct mr_datetime_item *item = add(c, MR_DT_LITERAL);
    if (!item)
        return false;
    item->text.data = mr_arena_copy_text(c->arena, data, size);
    item->text.size = size;
    return item->text.data != NULL;
}

/* Numbers that stand side by side: the first takes what is left when the fixed-width ones behind it have
 * theirs. */
static bool add_number(struct compiler *c, int kind, int field, int min_width, int max_width, int sign)
{
    int active = c->active;
    struct mr_datetime_item *item = add(c, kind);
    if (!item)
        return false;
    item->field = (uint8_t)field;
    item->min_width = (int16_t)min_width;
    item->max_width = (int16_t)max_width;
    item->sign = (uint8_t)sign;
    if (active >= 0 && min_width == max_width && sign == MR_DT_SIGN_NOT_NEGATIVE) {
        c->items[active].subsequent_width = (int16_t)(c->items[active].subsequent_width + max_width);
        c->active = active;
    } else {
        c->active = c->count - 1;
    }
    return true;
}

static bool add_text(struct compiler *c, int field, bool full)
{
    struct mr_datetime_item *item = add(c, MR_DT_TEXT);
    if (!item)
        return false;
    item->field = (uint8_t)field;
    item->full = full;
    return true;
}

static bool add_offset(struct compiler *c, bool colon, bool minute_optional, bool second_allowed,
                       const char *zero)
{
    struct mr_datetime_item *item = add(c, MR_DT_OFFSET);
    if (!item)
        return false;
    item->colon = colon;
    item->minute_optional = minute_optional;
    item->second_allowed = second_allowed;
    item->text = mr_str_of(zero);
    return true;
}

static bool add_zone(struct compiler *c, int kind, bool full)
{
    struct mr_datetime_item *item = add(c, kind);
    if (item)
        item->full = full;
    return item != NULL;
}

static bool one_or_two(struct compiler *c, int field, int count)
{
    if (count == 1)
        return add_number(c, MR_DT_NUMBER, field, 1, 19, MR_DT_SIGN_NORMAL);
    if (count == 2)
        return add_number(c, MR_DT_NUMBER, field, 2, 2, MR_DT_SIGN_NOT_NEGATIVE);
    return false;
}

static bool number_or_name(struct compiler *c, int field, int count)
{
    if (count <= 2)
        return one_or_two(c, field, count);
    return count <= 4 && add_text(c, field, count == 4);
}

static bool add_year(struct compiler *c, int count)
{
    int field = c->has_era ? MR_DT_YEAR_OF_ERA : MR_DT_YEAR;
    if (count == 2)
        return add_number(c, MR_DT_REDUCED, field, 2, 2, MR_DT_SIGN_NOT_NEGATIVE);
    return count <= 19 && add_number(c, MR_DT_NUMBER, field, count, 19,
                                     count < 4 ? MR_DT_SIGN_NORMAL : MR_DT_SIGN_EXCEEDS_PAD);
}

static bool add_fraction(struct compiler *c, int count)
{
    if (count > 9)
        return false;
    bool fixed = c->use == MR_DATETIME_PRINT || count == 1;
    if (fixed)
        return add_number(c, MR_DT_FRACTION, MR_DT_NANO, count, count, MR_DT_SIGN_NOT_NEGATIVE);
    struct mr_datetime_item *item = add(c, MR_DT_FRACTION);
    if (!item)
        return false;
    item->field = MR_DT_NANO;
    item->min_width = 1;
    item->max_width = (int16_t)count;
    return true;
}

static bool add_zone_letter(struct compiler *c, char letter, int count)
{
    switch (letter) {
    case 'V':
        return count == 2 && add_zone(c, MR_DT_ZONE_ID, true);
    case 'v':
        if ((count != 1 && count != 4) || !add_zone(c, MR_DT_ZONE_NAME, count == 4))
            return false;
        c->items[c->count - 1].generic = true;
        return true;
    case 'z':
        return count <= 4 && add_zone(c, MR_DT_ZONE_NAME, count == 4);
    case 'O':
        return (count == 1 || count == 4) && add_zone(c, MR_DT_LOCAL_OFFSET, count == 4);
    case 'Z':
        if (count == 4)
            return add_zone(c, MR_DT_LOCAL_OFFSET, true);
        return count < 4 ? add_offset(c, false, false, false, "+0000")
                         : count == 5 && add_offset(c, true, false, true, "Z");
    case 'X':
        return count <= 5 && add_offset(c, count == 3 || count == 5, count == 1, count >= 4, "Z");
    default: /* x */
        return count <= 5 && add_offset(c, count == 3 || count == 5, count == 1, count >= 4,
                                        count == 1       ? "+00"
                                        : count % 2 == 0 ? "+0000"
                                                         : "+00:00");
    }
}

static bool add_letter(struct compiler *c, char letter, int count)
{
    switch (letter) {
    case 'y':
        return add_year(c, count);
    case 'M':
    case 'L':
        return number_or_name(c, MR_DT_MONTH, count);
    case 'Q':
    case 'q':
        return number_or_name(c, MR_DT_QUARTER, count);
    case 'E':
        return count <= 4 && add_text(c, MR_DT_DAY_OF_WEEK, count == 4);
    case 'G':
        return count <= 4 && add_text(c, MR_DT_ERA, count == 4);
    case 'a':
        return count == 1 && add_text(c, MR_DT_AMPM, false);
    case 'F':
        return count == 1 && one_or_two(c, MR_DT_ALIGNED_DAY, 1);
    case 'D':
        if (count == 1)
            return one_or_two(c, MR_DT_DAY_OF_YEAR, 1);
        return count <= 3 &&
               add_number(c, MR_DT_NUMBER, MR_DT_DAY_OF_YEAR, count, 3, MR_DT_SIGN_NOT_NEGATIVE);
    case 'g':
        return count <= 19 && add_number(c, MR_DT_NUMBER, MR_DT_JULIAN_DAY, count, 19, MR_DT_SIGN_NORMAL);
    case 'S':
        return add_fraction(c, count);
    case 'd':
        return one_or_two(c, MR_DT_DAY, count);
    case 'H':
        return one_or_two(c, MR_DT_HOUR, count);
    case 'k':
        return one_or_two(c, MR_DT_CLOCK_HOUR, count);
    case 'K':
        return one_or_two(c, MR_DT_HALF_HOUR, count);
    case 'h':
        return one_or_two(c, MR_DT_CLOCK_HALF_HOUR, count);
    case 'm':
        return one_or_two(c, MR_DT_MINUTE, count);
    case 's':
        return one_or_two(c, MR_DT_SECOND, count);
    default:
        return strchr("VvzOZXx", letter) && add_zone_letter(c, letter, count);
    }
}

static bool add_quoted(struct compiler *c, size_t *at)
{
    struct mr_text literal;
    mr_text_init(&literal);
    size_t i = *at + 1;
    bool closed = false;
    for (; i < c->pattern.size; i++) {
        if (c->pattern.data[i] == '\'') {
            if (i + 1 < c->pattern.size && c->pattern.data[i + 1] == '\'') {
                i++;
            } else {
                closed = true;
                break;
            }
        }
        mr_text_append_char(&literal, c->pattern.data[i]);
    }
    if (literal.size == 0)
        mr_text_append_char(&literal, '\'');
    bool good = closed && !literal.failed && add_literal(c, literal.data, literal.size);
    mr_text_release(&literal);
    *at = i + 1;
    return good;
}

static bool end_optional(struct compiler *c)
{
    if (c->open_count == 0)
        return false;
    struct mr_datetime_item *end = add(c, MR_DT_OPTIONAL_END);
    if (!end)
        return false;
    c->items[c->open[--c->open_count]].jump = (int16_t)(c->count - 1);
    return true;
}

static bool begin_optional(struct compiler *c)
{
    if (c->open_count == (int)(sizeof c->open / sizeof c->open[0]))
        return false;
    c->open[c->open_count++] = c->count;
    return add(c, MR_DT_OPTIONAL_BEGIN) != NULL;
}

static bool compile_items(struct compiler *c)
{
    size_t i = 0;
    while (i < c->pattern.size) {
        char ch = c->pattern.data[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        bool good;
        if (letter) {
            size_t start = i;
            while (i < c->pattern.size && c->pattern.data[i] == ch)
                i++;
            good = i - start < 64 && add_letter(c, ch, (int)(i - start));
        } else if (ch == '\'') {
            good = add_quoted(c, &i);
        } else {
            good = ch == '['   ? begin_optional(c)
                   : ch == ']' ? end_optional(c)
                               : !strchr("{}#", ch) && add_literal(c, &ch, 1);
            i++;
        }
        if (!good)
            return false;
    }
    while (c->open_count > 0)
        if (!end_optional(c))
            return false;
    return true;
}

/* Letters that Spark refuses whatever java.time thinks of them, outside quotes. *length: the run that is too
 * long. */
static char refused_letter(const struct compiler *c, const char *set, bool runs_of_five)
{
    bool quoted = false;
    for (size_t i = 0; i < c->pattern.size; i++) {
        char ch = c->pattern.data[i];
        if (ch == '\'')
            quoted = !quoted;
        if (quoted || ch == '\0' || !strchr(set, ch))
            continue;
        size_t run = 1;
        while (i + run < c->pattern.size && c->pattern.data[i + run] == ch)
            run++;
        if (!runs_of_five || run >= 5)
            return ch;
        i += run - 1;
    }
    return 0;
}

/* Would Java's old SimpleDateFormat take the pattern? Then Spark speaks of a changed meaning, not of a wrong
 * pattern. */
static bool legacy_accepts(struct mr_str pattern)
{
    bool quoted = false;
    int x_run = 0;
    for (size_t i = 0; i < pattern.size; i++) {
        char ch = pattern.data[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        x_run = !quoted && ch == 'X' ? x_run + 1 : 0;
        if (ch == '\'')
            quoted = !quoted;
        else if (!quoted && letter && (!strchr("GyMdkHmsSEDFwWahKzZYuXL", ch) || x_run > 3))
            return false;
    }
    return !quoted;
}

static int refuse(const struct compiler *c, struct mr_error *error)
{
    int size = c->pattern.size > 200 ? 200 : (int)c->pattern.size;
    if (legacy_accepts(c->pattern)) {
        mr_error_set(error, MR_E_SQL, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION",
                     "'%.*s' is no datetime pattern of today's Spark, though an old Spark took it. "
                     "See the list of pattern letters.",
                     size, c->pattern.data);
    } else if (c->letter && c->problem) {
        mr_error_set(error, MR_E_SQL, "INVALID_DATETIME_PATTERN.LENGTH",
                     "Too many letters '%c' in the datetime pattern '%.*s'.", c->letter, size,
                     c->pattern.data);
    } else if (c->letter) {
        mr_error_set(error, MR_E_SQL, "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER",
                     "The letter '%c' is not allowed in the datetime pattern '%.*s'.", c->letter, size,
                     c->pattern.data);
        mr_error_parameter(error, "c", "%c", c->letter);
    } else {
        mr_error_set(error, MR_E_SQL, "INVALID_DATETIME_PATTERN.WITH_SUGGESTION",
                     "'%.*s' is no datetime pattern. See the list of pattern letters.", size,
                     c->pattern.data);
    }
    mr_error_parameter(error, "pattern", "%.*s", size, c->pattern.data);
    return error->code;
}

int mr_datetime_format_compile(struct mr_arena *arena, struct mr_str pattern, enum mr_datetime_use use,
                               const struct mr_datetime_format **out, struct mr_error *error)
{
    struct compiler c = {.arena = arena, .pattern = pattern, .use = use, .active = -1};
    c.has_era = refused_letter(&c, "G", false) != 0;
    char week_based = refused_letter(&c, "YWwuec", false);
    if (week_based && !legacy_accepts(pattern)) {
        mr_error_set(error, MR_E_SQL, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN",
                     "The week-based letter '%c' is not supported in datetime patterns; use extract instead.",
                     week_based);
        mr_error_parameter(error, "c", "%c", week_based);
        return error->code;
    }
    if (week_based)
        return refuse(&c, error);
    c.letter = refused_letter(&c, use == MR_DATETIME_PARSE ? "ABnNpEFqQ" : "ABnNp", false);
    if (c.letter)
        return refuse(&c, error);
    c.letter = refused_letter(&c, "GMLEuQq", true);
    if (c.letter) {
        c.problem = "";
        return refuse(&c, error);
    }
    if (!compile_items(&c))
        return refuse(&c, error);
    struct mr_datetime_format *format = MR_ARENA_NEW(arena, struct mr_datetime_format);
    if (!format)
        return mr_error_memory(error, sizeof *format);
    format->items = c.items;
    format->count = c.count;
    for (int i = 0; i < c.count; i++)
        format->has_zone |= c.items[i].kind >= MR_DT_OFFSET && c.items[i].kind <= MR_DT_ZONE_NAME;
    *out = format;
    return MR_OK;
}
