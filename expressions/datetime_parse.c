/* expressions/datetime_parse.c: text -> instant by a datetime pattern, strictly, as java.time does it with
 * Spark's defaults. */
#include <strings.h>

#include "expressions/datetime_pattern.h"

struct parser {
    const char *text;
    int size;
    uint32_t seen; /* bit f: field f was read */
    int64_t value[MR_DT_FIELD_COUNT];
    bool has_offset;
    int32_t offset_seconds;
    const struct mr_zone *zone;
};

/* A field that is named twice must have one value. */
static bool set_field(struct parser *p, int field, int64_t value)
{
    if ((p->seen >> field & 1) && p->value[field] != value)
        return false;
    p->seen |= 1u << field;
    p->value[field] = value;
    return true;
}

static bool set_offset(struct parser *p, int32_t seconds)
{
    if (seconds > 18 * 3600 || seconds < -18 * 3600 || (p->has_offset && p->offset_seconds != seconds))
        return false;
    p->has_offset = true;
    p->offset_seconds = seconds;
    return true;
}

static int digit_at(const struct parser *p, int at)
{
    return at < p->size && p->text[at] >= '0' && p->text[at] <= '9' ? p->text[at] - '0' : -1;
}

/* Reads up to max_width digits; when fixed-width numbers follow, reads again leaving them theirs. -1: too
 * few. */
static int read_digits(const struct parser *p, int at, const struct mr_datetime_item *item, int64_t *value)
{
    int width = item->max_width + item->subsequent_width;
    int position = at;
    for (int pass = 0; pass < 2; pass++) {
        *value = 0;
        for (position = at; position < at + width && digit_at(p, position) >= 0; position++) {
            if (*value > (INT64_MAX - 9) / 10)
                return -1;
            *value = *value * 10 + digit_at(p, position);
        }
        if (position - at < item->min_width)
            return -1;
        if (item->subsequent_width == 0)
            break;
        width = position - at - item->subsequent_width;
        width = width < item->min_width ? item->min_width : width;
    }
    return position;
}

static int parse_number(struct parser *p, int at, const struct mr_datetime_item *item)
{
    if (at >= p->size)
        return -1;
    bool negative = p->text[at] == '-', positive = p->text[at] == '+';
    if (positive && item->sign != MR_DT_SIGN_EXCEEDS_PAD)
        return -1;
    if (negative && item->sign == MR_DT_SIGN_NOT_NEGATIVE)
        return -1;
    int start = at + (negative || positive);
    int64_t value;
    int end = read_digits(p, start, item, &value);
    if (end < 0 || (negative && value == 0))
        return -1;
    if (item->sign == MR_DT_SIGN_EXCEEDS_PAD && !negative && positive != (end - start > item->min_width))
        return -1;
    if (item->kind == MR_DT_REDUCED)
        value += 2000;
    return set_field(p, item->field, negative ? -value : value) ? end : -1;
}

static int parse_fraction(struct parser *p, int at, const struct mr_datetime_item *item)
{
    int64_t value = 0;
    int position = at;
    for (; position < at + item->max_width && digit_at(p, position) >= 0; position++)
        value = value * 10 + digit_at(p, position);
    if (position - at < item->min_width)
        return -1;
    for (int k = position - at; k < 9; k++)
        value *= 10;
    return set_field(p, MR_DT_NANO, value) ? position : -1;
}

static bool same_text(const struct parser *p, int at, const char *text, size_t size)
{
    return (size_t)(p->size - at) >= size && strncasecmp(p->text + at, text, size) == 0;
}

/* The longest of the names that stands at `at`. */
static int parse_name(struct parser *p, int at, const struct mr_datetime_item *item)
{
    static const char *const short_eras[2] = {"BC", "AD"};
    static const char *const halves[2] = {"AM", "PM"};
    const char *const *names = item->field == MR_DT_MONTH ? mr_month_names
                               : item->field == MR_DT_ERA ? (item->full ? mr_era_names : short_eras)
                                                          : halves;
    int count = item->field == MR_DT_MONTH ? 12 : 2;
    int best = -1, best_size = 0;
    for (int i = 0; i < count; i++) {
        size_t size = item->field == MR_DT_MONTH && !item->full ? 3 : strlen(names[i]);
        if ((int)size > best_size && same_text(p, at, names[i], size)) {
            best = i;
            best_size = (int)size;
        }
    }
    if (best < 0)
        return -1;
    int64_t value = item->field == MR_DT_MONTH ? best + 1 : best;
    return set_field(p, item->field, value) ? at + best_size : -1;
}

static int two_digits(const struct parser *p, int at)
{
    int a = digit_at(p, at), b = digit_at(p, at + 1);
    return a < 0 || b < 0 || a * 10 + b > 59 ? -1 : a * 10 + b;
}

/* [:]mm or [:]ss at `at`; the end, or -1 when it is not there. */
static int parse_part(const struct parser *p, int at, bool colon, int *part)
{
    if (colon && (at >= p->size || p->text[at] != ':'))
        return -1;
    *part = two_digits(p, at + colon);
    return *part < 0 ? -1 : at + colon + 2;
}

/* sign, hours and the rest; -1 when malformed. */
static int read_offset(const struct parser *p, int at, const struct mr_datetime_item *item, int32_t *seconds)
{
    if (at >= p->size || (p->text[at] != '+' && p->text[at] != '-'))
        return -1;
    int sign = p->text[at] == '-' ? -1 : 1;
    int hour = two_digits(p, at + 1), minute = 0, second = 0;
    if (hour < 0)
        return -1;
    int end = at + 3, next = parse_part(p, end, item->colon, &minute);
    if (next < 0) {
        if (!item->minute_optional)
            return -1;
        minute = 0;
    } else {
        end = next;
        next = item->second_allowed ? parse_part(p, end, item->colon, &second) : -1;
        end = next < 0 ? end : next;
        second = next < 0 ? 0 : second;
    }
    *seconds = sign * (hour * 3600 + minute * 60 + second);
    return end;
}

static int parse_offset(struct parser *p, int at, const struct mr_datetime_item *item)
{
    int32_t seconds = 0;
    int end;
    if (same_text(p, at, item->text.data, item->text.size))
        end = at + (int)item->text.size;
    else
        end = read_offset(p, at, item, &seconds);
    return end >= 0 && set_offset(p, seconds) ? end : -1;
}

static int parse_local_offset(struct parser *p, int at, const struct mr_datetime_item *item)
{
    if (!same_text(p, at, "GMT", 3))
        return -1;
    at += 3;
    if (at >= p->size || (p->text[at] != '+' && p->text[at] != '-'))
        return set_offset(p, 0) ? at : -1;
    int sign = p->text[at] == '-' ? -1 : 1;
    int hour, minute = 0, second = 0, end;
    if (item->full || digit_at(p, at + 2) >= 0) {
        hour = two_digits(p, at + 1);
        end = at + 3;
    } else {
        hour = digit_at(p, at + 1);
        end = at + 2;
    }
    if (hour < 0)
        return -1;
    int next = parse_part(p, end, true, &minute);
    if (next < 0 && item->full)
        return -1;
    if (next < 0) {
        minute = 0;
    } else {
        end = next;
        next = parse_part(p, end, true, &second);
        end = next < 0 ? end : next;
        second = next < 0 ? 0 : second;
    }
    return set_offset(p, sign * (hour * 3600 + minute * 60 + second)) ? end : -1;
}

static bool set_zone(struct parser *p, const char *id, size_t size)
{
    struct mr_error ignored;
    const struct mr_zone *zone;
    mr_error_clear(&ignored);
    if (size == 0 || mr_zone_find((struct mr_str){id, size}, &zone, &ignored) < 0 ||
        (p->zone && p->zone != zone))
        return false;
    p->zone = zone;
    return true;
}

static bool zone_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("/_-+~", c) != NULL;
}

/* "UTC", "GMT+02:00", "+02:00", "Europe/Zurich". */
static int parse_zone_id(struct parser *p, int at)
{
    static const struct mr_datetime_item id_offset = {.colon = true, .second_allowed = true};
    if (at >= p->size)
        return -1;
    int prefix = same_text(p, at, "UTC", 3) || same_text(p, at, "GMT", 3) ? 3
                 : same_text(p, at, "UT", 2)                              ? 2
                                                                          : 0;
    int32_t seconds;
    if (prefix > 0 || p->text[at] == '+' || p->text[at] == '-') {
        int end = read_offset(p, at + prefix, &id_offset, &seconds);
        if (end >= 0)
            return set_offset(p, seconds) ? end : -1;
        if (prefix > 0)
            return set_zone(p, "UTC", 3) ? at + prefix : -1;
        return -1;
    }
    int end = at;
    while (end < p->size && p->text[end] != '\0' && zone_character(p->text[end]))
        end++;
    for (; end > at; end--)
        if (set_zone(p, p->text + at, (size_t)(end - at)))
            return end;
    if (same_text(p, at, "Z", 1))
        return set_offset(p, 0) ? at + 1 : -1;
    return -1;
}

static int parse_zone_name(struct parser *p, int at)
{
    size_t size;
    const struct mr_zone_names *names =
        mr_zone_names_match((struct mr_str){p->text + at, (size_t)(p->size - at)}, &size);
    struct parser before = *p;
    int end = parse_zone_id(p, at);
    if (!names || end >= at + (int)size)
        return end;
    *p = before;
    return set_zone(p, names->id, strlen(names->id)) ? at + (int)size : -1;
}

static int parse_item(struct parser *p, int at, const struct mr_datetime_item *item)
{
    switch ((enum mr_datetime_item_kind)item->kind) {
    case MR_DT_LITERAL:
        return same_text(p, at, item->text.data, item->text.size) ? at + (int)item->text.size : -1;
    case MR_DT_NUMBER:
    case MR_DT_REDUCED:
        return parse_number(p, at, item);
    case MR_DT_FRACTION:
        return parse_fraction(p, at, item);
    case MR_DT_TEXT:
        return parse_name(p, at, item);
    case MR_DT_OFFSET:
        return parse_offset(p, at, item);
    case MR_DT_LOCAL_OFFSET:
        return parse_local_offset(p, at, item);
    case MR_DT_ZONE_ID:
        return parse_zone_id(p, at);
    case MR_DT_ZONE_NAME:
        return parse_zone_name(p, at);
    default:
        return at;
    }
}

/* items[first .. last); optional sections that do not match are as if they were not there. */
static int parse_items(struct parser *p, int at, const struct mr_datetime_item *items, int first, int last)
{
    for (int i = first; i < last && at >= 0; i++) {
        if (items[i].kind == MR_DT_OPTIONAL_BEGIN) {
            struct parser before = *p;
            int end = parse_items(p, at, items, i + 1, items[i].jump);
            if (end < 0)
                *p = before;
            else
                at = end;
            i = items[i].jump;
        } else {
            at = parse_item(p, at, &items[i]);
        }
    }
    return at;
}

/* ---- from fields to a time ---- */
static bool in_range(const struct parser *p, int field, int64_t low, int64_t high)
{
    return !(p->seen >> field & 1) || (p->value[field] >= low && p->value[field] <= high);
}

static bool ranges_hold(const struct parser *p)
{
    return in_range(p, MR_DT_YEAR, -290307, 294247) && in_range(p, MR_DT_YEAR_OF_ERA, 1, 294247) &&
           in_range(p, MR_DT_MONTH, 1, 12) && in_range(p, MR_DT_DAY, 1, 31) &&
           in_range(p, MR_DT_DAY_OF_YEAR, 1, 366) && in_range(p, MR_DT_HOUR, 0, 23) &&
           in_range(p, MR_DT_CLOCK_HOUR, 1, 24) && in_range(p, MR_DT_HALF_HOUR, 0, 11) &&
           in_range(p, MR_DT_CLOCK_HALF_HOUR, 1, 12) && in_range(p, MR_DT_MINUTE, 0, 59) &&
           in_range(p, MR_DT_SECOND, 0, 59) && in_range(p, MR_DT_JULIAN_DAY, -200000000, 200000000);
}

static bool seen(const struct parser *p, int field)
{
    return p->seen >> field & 1;
}

/* Clock hours, halves and eras become the plain fields; contradictions fail. */
static bool resolve_fields(struct parser *p)
{
    if (seen(p, MR_DT_YEAR_OF_ERA)) {
        bool before = seen(p, MR_DT_ERA) && p->value[MR_DT_ERA] == 0;
        int64_t year = p->value[MR_DT_YEAR_OF_ERA];
        if (!set_field(p, MR_DT_YEAR, before ? 1 - year : year))
            return false;
    }
    if (seen(p, MR_DT_CLOCK_HALF_HOUR) &&
        !set_field(p, MR_DT_HALF_HOUR, p->value[MR_DT_CLOCK_HALF_HOUR] % 12))
        return false;
    if (seen(p, MR_DT_CLOCK_HOUR) && !set_field(p, MR_DT_HOUR, p->value[MR_DT_CLOCK_HOUR] % 24))
        return false;
    if (seen(p, MR_DT_HALF_HOUR)) {
        bool full = seen(p, MR_DT_AMPM) || !seen(p, MR_DT_HOUR);
        int64_t half = seen(p, MR_DT_AMPM) ? p->value[MR_DT_AMPM] : 0;
        if (full && !set_field(p, MR_DT_HOUR, half * 12 + p->value[MR_DT_HALF_HOUR]))
            return false;
        return p->value[MR_DT_HOUR] % 12 == p->value[MR_DT_HALF_HOUR];
    }
    if (seen(p, MR_DT_AMPM)) {
        if (!seen(p, MR_DT_HOUR))
            return set_field(p, MR_DT_HOUR, p->value[MR_DT_AMPM] * 12);
        return p->value[MR_DT_HOUR] / 12 == p->value[MR_DT_AMPM];
    }
    return true;
}

static int64_t or_else(const struct parser *p, int field, int64_t otherwise)
{
    return seen(p, field) ? p->value[field] : otherwise;
}

static bool local_days(const struct parser *p, int64_t *days)
{
    int64_t year = or_else(p, MR_DT_YEAR, 1970);
    bool by_day_of_year = seen(p, MR_DT_DAY_OF_YEAR) && !(seen(p, MR_DT_MONTH) && seen(p, MR_DT_DAY));
    if (seen(p, MR_DT_JULIAN_DAY)) {
        *days = p->value[MR_DT_JULIAN_DAY] - 40587;
        return true;
    }
    int64_t first = mr_days_from_civil(year, 1, 1);
    int64_t length = mr_days_from_civil(year + 1, 1, 1) - first;
    if (by_day_of_year) {
        *days = first + p->value[MR_DT_DAY_OF_YEAR] - 1;
        return p->value[MR_DT_DAY_OF_YEAR] <= length;
    }
    int month = (int)or_else(p, MR_DT_MONTH, 1), day = (int)or_else(p, MR_DT_DAY, 1);
    *days = mr_days_from_civil(year, month, day);
    return day <= mr_days_in_month(year, month) &&
           (!seen(p, MR_DT_DAY_OF_YEAR) || *days - first + 1 == p->value[MR_DT_DAY_OF_YEAR]);
}

bool mr_datetime_format_parse(const struct mr_datetime_format *format, struct mr_str text,
                              struct mr_datetime_parsed *out)
{
    struct parser p = {.text = text.data, .size = (int)text.size};
    if (text.size > 4096)
        return false;
    int end = parse_items(&p, 0, format->items, 0, format->count);
    if (end != p.size || !ranges_hold(&p) || !resolve_fields(&p))
        return false;
    int64_t days;
    if (!local_days(&p, &days))
        return false;
    int64_t second =
        or_else(&p, MR_DT_HOUR, 0) * 3600 + or_else(&p, MR_DT_MINUTE, 0) * 60 + or_else(&p, MR_DT_SECOND, 0);
    int64_t micros;
    if (__builtin_mul_overflow(days * 86400 + second, 1000000, &micros) ||
        __builtin_add_overflow(micros, or_else(&p, MR_DT_NANO, 0) / 1000, &micros))
        return false;
    *out = (struct mr_datetime_parsed){micros, p.has_offset, p.offset_seconds, p.has_offset ? NULL : p.zone};
    return true;
}

bool mr_datetime_format_parse_timestamp(const struct mr_datetime_format *format, struct mr_str text,
                                        const struct mr_zone *zone, int64_t *micros)
{
    struct mr_datetime_parsed parsed;
    if (!mr_datetime_format_parse(format, text, &parsed))
        return false;
    if (parsed.has_offset)
        return !__builtin_sub_overflow(parsed.local_us, (int64_t)parsed.offset_seconds * 1000000, micros);
    *micros = mr_zone_to_utc(parsed.zone ? parsed.zone : zone, parsed.local_us);
    return true;
}

bool mr_datetime_format_parse_date(const struct mr_datetime_format *format, struct mr_str text, int32_t *days)
{
    struct mr_datetime_parsed parsed;
    if (!mr_datetime_format_parse(format, text, &parsed))
        return false;
    int64_t day_us = 86400LL * 1000000;
    *days = (int32_t)(parsed.local_us / day_us - (parsed.local_us % day_us < 0));
    return true;
}

bool mr_datetime_format_parse_ntz(const struct mr_datetime_format *format, struct mr_str text,
                                  bool allow_zone, int64_t *local_us)
{
    struct mr_datetime_parsed parsed;
    if (!mr_datetime_format_parse(format, text, &parsed) ||
        (!allow_zone && (parsed.has_offset || parsed.zone)))
        return false;
    *local_us = parsed.local_us;
    return true;
}
