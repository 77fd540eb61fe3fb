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

static bool zone_of(struct mr_str text, const struct mr_zone **zone)
{
    struct mr_error ignored;
    text = trimmed(text);
    return mr_zone_find(text, zone, &ignored) >= 0;
}

bool mr_timestamp_parse(struct mr_str text, const struct mr_zone *zone, int64_t *micros)
{
    struct parsed p;
    if (!parse_timestamp(text, &p))
        return false;
    if (p.zone.size > 0 && !zone_of(p.zone, &zone))
        return false;
    if (p.time_only) { /* today, in that zone */
        struct mr_civil today;
        mr_civil_from_micros(mr_zone_to_local(zone, mr_env()->now_us()), &today);
        p.civil.year = today.year, p.civil.month = today.month, p.civil.day = today.day;
    }
    if (!valid(&p.civil))
        return false;
    int64_t local = seconds_of(&p.civil);
    return to_micros(local - mr_zone_local_offset(zone, local), p.civil.microsecond, micros);
}

bool mr_timestamp_ntz_parse(struct mr_str text, int64_t *micros)
{
    struct parsed p;
    const struct mr_zone *zone = NULL;
    if (!parse_timestamp(text, &p) || p.time_only)
        return false;
    if (p.zone.size > 0 && !zone_of(p.zone, &zone)) /* must be one, and is then ignored */
        return false;
    return valid(&p.civil) && to_micros(seconds_of(&p.civil), p.civil.microsecond, micros);
}

/* ---- the form that data files use ---- */

static inline unsigned digit(const char *text, int at)
{
    return (unsigned)(unsigned char)text[at] - '0';
}

/* Two digits; *bad collects what was none. */
static inline unsigned pair(const char *text, int at, unsigned *bad)
{
    unsigned tens = digit(text, at), ones = digit(text, at + 1);
    *bad |= (tens > 9) | (ones > 9);
    return tens * 10 + ones;
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
    unsigned bad = 0;
    unsigned hours = pair(text, (int)at + 1, &bad), minutes = pair(text, (int)at + 4, &bad);
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    if (bad || minutes > 59 || seconds > 18 * 3600)
        return false;
    *offset_us = (text[at] == '-' ? -seconds : seconds) * INT64_C(1000000);
    return true;
}

bool mr_timestamp_parse_iso(const char *text, size_t size, int64_t *micros)
{
    if (size < 20 || size > 36)
        return false;
    unsigned bad = 0;
    unsigned year = pair(text, 0, &bad) * 100 + pair(text, 2, &bad);
    unsigned month = pair(text, 5, &bad), day = pair(text, 8, &bad);
    unsigned hour = pair(text, 11, &bad), minute = pair(text, 14, &bad), second = pair(text, 17, &bad);
    bad |= (text[4] != '-') | (text[7] != '-') | (text[13] != ':') | (text[16] != ':');
    bad |= (text[10] != 'T') & (text[10] != ' ');
    bad |= (month - 1 > 11) | (day - 1 > 30) | (hour > 23) | (minute > 59) | (second > 59);
    if (bad || (day > 28 && (int)day > mr_days_in_month(year, (int)month)))
        return false;
    size_t at = 19;
    unsigned fraction = 0;
    if (text[at] == '.') {
        static const unsigned scale[7] = {0, 100000, 10000, 1000, 100, 10, 1};
        int count = 0;
        for (at++; at < size && digit(text, (int)at) <= 9; at++, count++)
            if (count < 6)
                fraction = fraction * 10 + digit(text, (int)at);
        if (count == 0)
            return false;
        fraction *= scale[count < 6 ? count : 6];
    }
    int64_t offset_us = 0;
    if (!iso_zone(text, at, size, &offset_us))
        return false;
    /* Days from civil with unsigned 32-bit arithmetic, for the years 0 to 9999. */
    unsigned before_march = month <= 2;
    unsigned y = year + 400 - before_march; /* an era more, so that nothing is negative */
    unsigned day_of_year = (153 * (month + (before_march ? 9 : -3)) + 2) / 5 + day - 1;
    unsigned days = y * 365 + y / 4 - y / 100 + y / 400 + day_of_year;
    int64_t since_1970 = (int64_t)days - 146097 - 719468;
    int64_t seconds = since_1970 * 86400 + hour * 3600 + minute * 60 + second;
    *micros = seconds * 1000000 + fraction - offset_us;
    return true;
}
