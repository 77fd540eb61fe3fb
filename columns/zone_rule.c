/* columns/zone_rule.c: the rule at the end of a TZif file, and zone ids that name an offset. */
#include "columns/zone_rule.h"

#include "columns/value.h"

struct scan {
    const char *at, *end;
};

static bool take_char(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool take_number(struct scan *s, int *out)
{
    const char *start = s->at;
    int value = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - start < 4)
        value = value * 10 + (*s->at++ - '0');
    *out = value;
    return s->at > start;
}

static bool take_name(struct scan *s)
{
    const char *start = s->at;
    if (take_char(s, '<')) {
        while (s->at < s->end && *s->at != '>')
            s->at++;
        return take_char(s, '>');
    }
    while (s->at < s->end && ((*s->at >= 'a' && *s->at <= 'z') || (*s->at >= 'A' && *s->at <= 'Z')))
        s->at++;
    return s->at > start;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct scan *s, int32_t *out)
{
    bool negative = take_char(s, '-');
    if (!negative)
        take_char(s, '+');
    int hours = 0, minutes = 0, seconds = 0;
    if (!take_number(s, &hours))
        return false;
    if (take_char(s, ':')) {
        if (!take_number(s, &minutes))
            return false;
        if (take_char(s, ':') && !take_number(s, &seconds))
            return false;
    }
    int32_t total = hours * 3600 + minutes * 60 + seconds;
    *out = negative ? -total : total;
    return true;
}

static bool take_day(struct scan *s, struct mr_zone_day *out)
{
    *out = (struct mr_zone_day){.kind = MR_DAY_OF_YEAR, .time_seconds = 7200};
    if (take_char(s, 'M')) {
        out->kind = MR_DAY_OF_WEEK;
        bool good = take_number(s, &out->month) && take_char(s, '.') && take_number(s, &out->week) &&
                    take_char(s, '.') && take_number(s, &out->day);
        if (!good || out->month < 1 || out->month > 12 || out->week < 1 || out->week > 5 || out->day > 6)
            return false;
    } else {
        if (take_char(s, 'J'))
            out->kind = MR_DAY_NO_LEAP;
        if (!take_number(s, &out->day) || out->day > 365)
            return false;
    }
    return !take_char(s, '/') || take_time(s, &out->time_seconds);
}

bool mr_zone_rule_parse(struct mr_str text, struct mr_zone_rule *out)
{
    struct scan s = {text.data, text.data + text.size};
    *out = (struct mr_zone_rule){0};
    if (!take_name(&s) || !take_time(&s, &out->standard_offset))
        return false;
    out->standard_offset = -out->standard_offset; /* POSIX counts west */
    if (s.at == s.end)
        return true;
    out->has_summer = true;
    out->summer_offset = out->standard_offset + 3600;
    if (!take_name(&s))
        return false;
    if (s.at < s.end && *s.at != ',') {
        if (!take_time(&s, &out->summer_offset))
            return false;
        out->summer_offset = -out->summer_offset;
    }
    return take_char(&s, ',') && take_day(&s, &out->start) && take_char(&s, ',') &&
           take_day(&s, &out->stop) && s.at == s.end;
}

static int64_t days_of(const struct mr_zone_day *day, int64_t year)
{
    int64_t new_year = mr_days_from_civil(year, 1, 1);
    if (day->kind == MR_DAY_OF_YEAR)
        return new_year + day->day;
    if (day->kind == MR_DAY_NO_LEAP) /* 1..365, February 29 never counted */
        return new_year + day->day - 1 + (day->day >= 60 && mr_days_in_month(year, 2) == 29);
    int64_t first = mr_days_from_civil(year, day->month, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
    int64_t date = 1 + (day->day - weekday + 7) % 7 + 7 * (day->week - 1);
    if (date > mr_days_in_month(year, day->month)) /* week 5 is the last one */
        date -= 7;
    return first + date - 1;
}

void mr_zone_rule_year(const struct mr_zone_rule *rule, int64_t year, int64_t change[2], int32_t offset[2])
{
    int64_t start = days_of(&rule->start, year) * 86400 + rule->start.time_seconds - rule->standard_offset;
    int64_t stop = days_of(&rule->stop, year) * 86400 + rule->stop.time_seconds - rule->summer_offset;
    int first = start < stop ? 0 : 1; /* south of the equator summer time ends before it starts */
    change[first] = start;
    offset[first] = rule->summer_offset;
    change[1 - first] = stop;
    offset[1 - first] = rule->standard_offset;
}

/* ---- ids ---- */

static bool two(struct scan *s, int *out)
{
    if (s->end - s->at < 2 || s->at[0] < '0' || s->at[0] > '9' || s->at[1] < '0' || s->at[1] > '9')
        return false;
    *out = (s->at[0] - '0') * 10 + s->at[1] - '0';
    s->at += 2;
    return true;
}

/* Minutes and seconds behind the hours: both with colons, or both without; a single digit of minutes after a
 * colon too. */
static bool minutes_and_seconds(struct scan *s, int *minutes, int *seconds)
{
    if (s->at == s->end)
        return true;
    bool colon = take_char(s, ':');
    if (colon && s->end - s->at == 1 && *s->at >= '0' && *s->at <= '9') {
        *minutes = *s->at++ - '0';
        return true;
    }
    if (!two(s, minutes))
        return false;
    if (s->at == s->end)
        return true;
    return take_char(s, ':') == colon && two(s, seconds) && s->at == s->end;
}

static bool parse_signed(struct scan s, int32_t *out)
{
    bool negative = s.at < s.end && *s.at == '-';
    int hours = 0, minutes = 0, seconds = 0;
    s.at++;
    if (!two(&s, &hours)) { /* +h, +h:mm */
        if (s.at == s.end || *s.at < '0' || *s.at > '9')
            return false;
        hours = *s.at++ - '0';
        if (s.at < s.end && *s.at != ':')
            return false;
    }
    if (!minutes_and_seconds(&s, &minutes, &seconds) || minutes > 59 || seconds > 59)
        return false;
    int32_t total = hours * 3600 + minutes * 60 + seconds;
    *out = negative ? -total : total;
    return total <= 18 * 3600;
}

bool mr_zone_offset_parse(struct mr_str id, int32_t *seconds)
{
    static const char *const prefixes[] = {"UTC", "GMT", "UT"};
    struct scan s = {id.data, id.data + id.size};
    *seconds = 0;
    if (mr_str_equal(id, MR_STR("Z")))
        return true;
    for (int i = 0; i < 3; i++) {
        struct mr_str prefix = mr_str_of(prefixes[i]);
        if (!mr_str_starts_with(id, prefix))
            continue;
        s.at += prefix.size;
        if (s.at == s.end)
            return true;
        break;
    }
    return s.at < s.end && (*s.at == '+' || *s.at == '-') && parse_signed(s, seconds);
}

struct mr_str mr_zone_short_id(struct mr_str id)
{
    static const char *const names[][2] = {
        {"ACT", "Australia/Darwin"},
        {"AET", "Australia/Sydney"},
        {"AGT", "America/Argentina/Buenos_Aires"},
        {"ART", "Africa/Cairo"},
        {"AST", "America/Anchorage"},
        {"BET", "America/Sao_Paulo"},
        {"BST", "Asia/Dhaka"},
        {"CAT", "Africa/Harare"},
        {"CNT", "America/St_Johns"},
        {"CST", "America/Chicago"},
        {"CTT", "Asia/Shanghai"},
        {"EAT", "Africa/Addis_Ababa"},
        {"ECT", "Europe/Paris"},
        {"IET", "America/Indiana/Indianapolis"},
        {"IST", "Asia/Kolkata"},
        {"JST", "Asia/Tokyo"},
        {"MIT", "Pacific/Apia"},
        {"NET", "Asia/Yerevan"},
        {"NST", "Pacific/Auckland"},
        {"PLT", "Asia/Karachi"},
        {"PNT", "America/Phoenix"},
        {"PRT", "America/Puerto_Rico"},
        {"PST", "America/Los_Angeles"},
        {"SST", "Pacific/Guadalcanal"},
        {"VST", "Asia/Ho_Chi_Minh"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (mr_str_equal(id, mr_str_of(names[i][0])))
            return mr_str_of(names[i][1]);
    return id;
}
