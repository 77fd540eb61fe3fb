/* columns/datetime_parse.c: dates and timestamps from text, as Spark's cast reads them. */
#include "base/env.h"
#include "columns/value.h"
#include "columns/zone_rule.h"

/* Blanks as Spark trims them: white space and ASCII control characters. */
static struct mr_str trimmed(struct mr_str text)
{
    while (text.size > 0 && ((unsigned char)text.data[0] <= ' ' || text.data[0] == 0x7F))
        text.data++, text.size--;
    while (text.size > 0 &&
           ((unsigned char)text.data[text.size - 1] <= ' ' || text.data[text.size - 1] == 0x7F))
        text.size--;
    return text;
}

static bool valid_date(int64_t year, int month, int day)
{
    return month >= 1 && month <= 12 && day >= 1 && day <= mr_days_in_month(year, month);
}

struct scan {
    const char *at, *end;
};

/* Reads digits; their count must lie within [least, most]. */
static bool digits(struct scan *s, int least, int most, int64_t *out)
{
    int count = 0;
    int64_t value = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && count <= most) {
        value = value * 10 + (*s->at++ - '0');
        count++;
    }
    *out = value;
    return count >= least && count <= most;
}

static bool take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static int year_sign(struct scan *s)
{
    if (take(s, '-'))
        return -1;
    take(s, '+');
    return 1;
}

bool mr_date_parse(struct mr_str text, int32_t *days)
{
    text = trimmed(text);
    struct scan s = {text.data, text.data + text.size};
    int64_t year = 0, month = 1, day = 1;
    int sign = year_sign(&s);
    if (!digits(&s, 4, 7, &year))
        return false;
    if (s.at < s.end) {
        if (!take(&s, '-') || !digits(&s, 1, 2, &month))
            return false;
        if (s.at < s.end) {
            if (!take(&s, '-') || !digits(&s, 1, 2, &day))
                return false;
            if (s.at < s.end && *s.at != ' ' && *s.at != 'T') /* after a blank or T anything may follow */
                return false;
        }
    }
    year *= sign;
    if (!valid_date(year, (int)month, (int)day))
        return false;
    int64_t result = mr_days_from_civil(year, (int)month, (int)day);
    if (result < INT32_MIN || result > INT32_MAX)
        return false;
    *days = (int32_t)result;
    return true;
}

struct parsed {
    struct mr_civil civil;
    bool time_only;
    struct mr_str zone; /* empty: none */
};

/* h[h][:m[m][:s[s][.fraction][zone]]], in the civil time. Hours alone are a time too, but not behind T alone.
 */
static bool parse_time(struct scan *s, struct parsed *out)
{
    int64_t value = 0;
    if (!digits(s, 1, 2, &value))
        return false;
    out->civil.hour = (int)value;
    if (s->at == s->end)
        return true;
    if (!take(s, ':') || !digits(s, 1, 2, &value))
        return false;
    out->civil.minute = (int)value;
    if (s->at == s->end)
        return true;
    if (!take(s, ':') || !digits(s, 1, 2, &value))
        return false;
    out->civil.second = (int)value;
    if (take(s, '.')) {
        int count = 0, fraction = 0;
        for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++, count++)
            if (count < 6)
                fraction = fraction * 10 + (*s->at - '0');
        for (; count < 6; count++)
            fraction *= 10;
        out->civil.microsecond = fraction;
    }
    out->zone = (struct mr_str){s->at, (size_t)(s->end - s->at)};
    return true;
}

static bool parse_timestamp(struct mr_str text, struct parsed *out)
{
    text = trimmed(text);
    struct scan s = {text.data, text.data + text.size};
    *out = (struct parsed){.civil = {.year = 1970, .month = 1, .day = 1}};
    struct scan colon = s;
    int64_t value = 0;
    bool hour_first = digits(&colon, 1, 2, &value) && colon.at < colon.end && *colon.at == ':';
    if (hour_first || take(&s, 'T')) {
        out->time_only = true;
        return parse_time(&s, out);
    }
    int sign = year_sign(&s);
    if (!digits(&s, 4, 6, &value))
        return false;
    out->civil.year = value * sign;
    if (s.at == s.end)
        return true;
    if (!take(&s, '-') || !digits(&s, 1, 2, &value))
        return false;
    out->civil.month = (int)value;
    if (s.at == s.end)
        return true;
    if (!take(&s, '-') || !digits(&s, 1, 2, &value))
        return false;
    out->civil.day = (int)value;
    if (s.at == s.end)
        return true;
    return (take(&s, ' ') || take(&s, 'T')) && parse_time(&s, out);
}

static bool valid(const struct mr_civil *c)
{
    return valid_date(c->year, c->month, c->day) && c->hour < 24 && c->minute < 60 && c->second < 60;
}

static int64_t seconds_of(const struct mr_civil *c)
{
    return mr_days_from_civil(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 +
           c->second;
}

/* false beyond 64 bits */
static bool to_micros(int64_t seconds, int microsecond, int64_t *out)
{
    mr_i128 micros = (mr_i128)seconds * 1000000 + microsecond;
    *out = (int64_t)micros;
    return micros >= INT64_MIN && micros <= INT64_MAX;
}

/* An offset needs no zone object: *zone is left alone then. */
static bool zone_of(struct mr_str text, const struct mr_zone **zone, bool *is_offset, int32_t *offset)
{
    struct mr_error ignored;
    text = trimmed(text);
    *is_offset = mr_zone_offset_parse(text, offset);
    return *is_offset || mr_zone_find(text, zone, &ignored) >= 0;
}

bool mr_timestamp_parse(struct mr_str text, const struct mr_zone *zone, int64_t *micros)
{
    struct parsed p;
    bool is_offset = false;
    int32_t offset = 0;
    if (!parse_timestamp(text, &p))
        return false;
    if (p.zone.size > 0 && !zone_of(p.zone, &zone, &is_offset, &offset))
        return false;
    if (p.time_only) { /* today, in that zone */
        struct mr_civil today;
        int64_t now = mr_env()->now_us();
        mr_civil_from_micros(is_offset ? now + offset * INT64_C(1000000) : mr_zone_to_local(zone, now),
                             &today);
        p.civil.year = today.year, p.civil.month = today.month, p.civil.day = today.day;
    }
    if (!valid(&p.civil))
        return false;
    int64_t local = seconds_of(&p.civil);
    if (!is_offset)
        offset = mr_zone_local_offset(zone, local);
    return to_micros(local - offset, p.civil.microsecond, micros);
}

bool mr_timestamp_ntz_parse(struct mr_str text, int64_t *micros)
{
    struct parsed p;
    const struct mr_zone *zone = NULL;
    bool is_offset = false;
    int32_t offset = 0;
    if (!parse_timestamp(text, &p) || p.time_only)
        return false;
    if (p.zone.size > 0 &&
        !zone_of(p.zone, &zone, &is_offset, &offset)) /* must be one, and is then ignored */
        return false;
    return valid(&p.civil) && to_micros(seconds_of(&p.civil), p.civil.microsecond, micros);
}

/* ---- the form that data files use ---- */

static inline unsigned digit(const char *text, size_t at)
{
    return (unsigned)(unsigned char)text[at] - '0';
}

static inline uint64_t load_64(const char *text)
{
    uint64_t value;
    memcpy(&value, text, 8);
    return value;
}

/* Eight characters at once, the first in the lowest byte. Where `digits` has 0xFF stand digits, elsewhere
 * what `others` says: true when so. In *pairs, byte i is then ten times digit i plus digit i + 1. */
static inline bool digit_pairs(uint64_t text, uint64_t digits, uint64_t others, uint64_t *pairs)
{
    uint64_t values = (text & digits) ^ (digits & 0x3030303030303030ULL);
    uint64_t too_large =
        (values + (digits & 0x7676767676767676ULL)) | values; /* a digit above 9 reaches the top bit */
    *pairs = values * 10 + (values >> 8);
    return (text & ~digits) == others && (too_large & 0x8080808080808080ULL) == 0;
}

static inline unsigned byte_of(uint64_t value, int at)
{
    return (unsigned)(value >> (8 * at)) & 0xFF;
}

/* 1 to 8 digits that end at text[end], as if followed by zeros up to 8; end >= 8. */
static inline bool fraction_digits(const char *text, size_t end, int count, unsigned *out)
{
    uint64_t values = (load_64(text + end - 8) ^ 0x3030303030303030ULL) >> (8 * (8 - count));
    bool good = (((values + 0x7676767676767676ULL) | values) & 0x8080808080808080ULL) == 0;
    values = values * 10 + (values >> 8); /* two digits in every other byte, then four, then eight */
    values = (values & 0x00FF00FF00FF00FFULL) * 100 + ((values & 0x00FF00FF00FF00FFULL) >> 16);
    values = (values & 0x0000FFFF0000FFFFULL) * 10000 + ((values & 0x0000FFFF0000FFFFULL) >> 32);
    *out = (unsigned)values;
    return good;
}

/* Z, +hh:mm or -hh:mm to the end of the text: microseconds to take off. */
static inline bool iso_zone(const char *text, size_t at, size_t size, int64_t *offset_us)
{
    if (at + 1 == size && text[at] == 'Z') {
        *offset_us = 0;
        return true;
    }
    if (at + 6 != size || (text[at] != '+' && text[at] != '-') || text[at + 3] != ':')
        return false;
    unsigned h1 = digit(text, at + 1), h2 = digit(text, at + 2), m1 = digit(text, at + 4),
             m2 = digit(text, at + 5);
    bool bad = h1 > 9 || h2 > 9 || m1 > 5 || m2 > 9;
    unsigned hours = h1 * 10 + h2, minutes = m1 * 10 + m2;
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    if (bad || seconds > 18 * 3600)
        return false;
    *offset_us = (text[at] == '-' ? -seconds : seconds) * INT64_C(1000000);
    return true;
}

/* Days since 1970 with 32-bit arithmetic, for the years 0 to 9999. */
static inline int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    /* Before each month, in years that begin in March; January and February belong to the year before. */
    static const uint16_t before_month[13] = {0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
    unsigned y = year + 400 - (month <= 2); /* an era more, so that nothing is negative */
    unsigned century = y / 100;
    return (int64_t)(y * 365 + y / 4 - century + century / 4 + before_month[month] + day - 1) - 146097 -
           719468;
}

bool mr_timestamp_parse_iso(const char *text, size_t size, int64_t *micros)
{
    if (size < 20 || size > 36)
        return false;
    uint64_t date = 0, time = 0;
    unsigned s1 = digit(text, 17), s2 = digit(text, 18);
    bool good =
        digit_pairs(load_64(text), 0x00FFFF00FFFFFFFFULL, (uint64_t)'-' << 32 | (uint64_t)'-' << 56, &date);
    uint64_t rest = load_64(text + 8);
    good &= text[10] == 'T' || text[10] == ' ';
    good &= digit_pairs(rest & ~0xFF0000ULL, 0xFFFF00FFFF00FFFFULL, (uint64_t)':' << 40, &time);
    good &= text[16] == ':' && s1 <= 5 && s2 <= 9;
    unsigned year = byte_of(date, 0) * 100 + byte_of(date, 2), month = byte_of(date, 5),
             day = byte_of(time, 0);
    unsigned hour = byte_of(time, 3), minute = byte_of(time, 6), second = s1 * 10 + s2;
    good &= month - 1 <= 11 && day - 1 <= 30 && hour <= 23 && minute <= 59;
    if (!good || (day > 28 && (int)day > mr_days_in_month(year, (int)month)))
        return false;
    size_t at = 19;
    unsigned fraction = 0;
    if (text[at] == '.') {
        size_t zone_size = text[size - 1] == 'Z' ? 1 : 6;
        at = size - zone_size; /* the fraction ends here */
        if (at <= 20 || at > 29)
            return false;
        size_t stop = at > 28 ? 28 : at; /* of nine digits the last is not looked at but checked */
        if (!fraction_digits(text, stop, (int)(stop - 20), &fraction) || (at > 28 && digit(text, 28) > 9))
            return false;
        fraction /= 100;
    }
    int64_t offset_us = 0;
    if (!iso_zone(text, at, size, &offset_us))
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *micros = seconds * 1000000 + fraction - offset_us;
    return true;
}
