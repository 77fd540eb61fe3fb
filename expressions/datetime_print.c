/* expressions/datetime_print.c: an instant as a datetime pattern writes it. */
#include <stdio.h>

#include "expressions/datetime_pattern.h"

struct moment {
    struct mr_civil civil;
    int64_t days;
    const struct mr_zone *zone;
    int64_t utc_us;
    int32_t offset_seconds;
};

static int64_t field_value(const struct moment *m, int field)
{
    const struct mr_civil *c = &m->civil;
    switch ((enum mr_datetime_field)field) {
    case MR_DT_ERA:
        return c->year > 0;
    case MR_DT_YEAR:
        return c->year;
    case MR_DT_YEAR_OF_ERA:
        return c->year > 0 ? c->year : 1 - c->year;
    case MR_DT_QUARTER:
        return (c->month + 2) / 3;
    case MR_DT_MONTH:
        return c->month;
    case MR_DT_DAY:
        return c->day;
    case MR_DT_DAY_OF_YEAR:
        return m->days - mr_days_from_civil(c->year, 1, 1) + 1;
    case MR_DT_DAY_OF_WEEK:
        return ((m->days + 3) % 7 + 7) % 7 + 1; /* 1970-01-01 was a Thursday */
    case MR_DT_ALIGNED_DAY:
        return (c->day - 1) % 7 + 1;
    case MR_DT_JULIAN_DAY:
        return m->days + 40587;
    case MR_DT_AMPM:
        return c->hour >= 12;
    case MR_DT_HOUR:
        return c->hour;
    case MR_DT_CLOCK_HOUR:
        return c->hour ? c->hour : 24;
    case MR_DT_HALF_HOUR:
        return c->hour % 12;
    case MR_DT_CLOCK_HALF_HOUR:
        return c->hour % 12 ? c->hour % 12 : 12;
    case MR_DT_MINUTE:
        return c->minute;
    case MR_DT_SECOND:
        return c->second;
    default:
        return (int64_t)c->microsecond * 1000;
    }
}

static void print_digits(struct mr_text *out, uint64_t value, int min_width)
{
    char digits[24];
    int n = (int)sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (int size = (int)sizeof digits - n; size < min_width; size++)
        mr_text_append_char(out, '0');
    mr_text_append(out, digits + n, sizeof digits - (size_t)n);
}

static bool print_number(const struct mr_datetime_item *item, int64_t value, struct mr_text *out)
{
    if (value < 0) {
        if (item->sign == MR_DT_SIGN_NOT_NEGATIVE)
            return false;
        mr_text_append_char(out, '-');
    } else if (item->sign == MR_DT_SIGN_EXCEEDS_PAD && item->min_width < 19 &&
               value >= (int64_t)mr_decimal_power(item->min_width)) {
        mr_text_append_char(out, '+');
    }
    print_digits(out, value < 0 ? (uint64_t)-value : (uint64_t)value, item->min_width);
    return true;
}

static void print_name(const struct mr_datetime_item *item, int64_t value, struct mr_text *out)
{
    switch ((enum mr_datetime_field)item->field) {
    case MR_DT_MONTH:
        mr_text_append(out, mr_month_names[value - 1], item->full ? strlen(mr_month_names[value - 1]) : 3);
        break;
    case MR_DT_DAY_OF_WEEK:
        mr_text_append(out, mr_weekday_names[value - 1],
                       item->full ? strlen(mr_weekday_names[value - 1]) : 3);
        break;
    case MR_DT_QUARTER:
        if (item->full)
            mr_text_append_str(out, mr_quarter_names[value - 1]);
        else
            mr_text_format(out, "Q%d", (int)value);
        break;
    case MR_DT_ERA:
        mr_text_append_str(out, item->full ? mr_era_names[value] : value ? "AD" : "BC");
        break;
    default:
        mr_text_append_str(out, value ? "PM" : "AM");
    }
}

static void print_offset(const struct mr_datetime_item *item, int32_t offset, struct mr_text *out)
{
    if (offset == 0) {
        mr_text_append(out, item->text.data, item->text.size);
        return;
    }
    int absolute = offset < 0 ? -offset : offset;
    int hour = absolute / 3600, minute = absolute / 60 % 60, second = absolute % 60;
    const char *colon = item->colon ? ":" : "";
    mr_text_format(out, "%c%02d", offset < 0 ? '-' : '+', hour);
    if (!item->minute_optional || minute != 0)
        mr_text_format(out, "%s%02d", colon, minute);
    if (item->second_allowed && second != 0)
        mr_text_format(out, "%s%02d", colon, second);
}

static void print_local_offset(const struct mr_datetime_item *item, int32_t offset, struct mr_text *out)
{
    mr_text_append_str(out, "GMT");
    if (offset == 0)
        return;
    int absolute = offset < 0 ? -offset : offset;
    int hour = absolute / 3600, minute = absolute / 60 % 60, second = absolute % 60;
    mr_text_format(out, item->full ? "%c%02d" : "%c%d", offset < 0 ? '-' : '+', hour);
    if (item->full || minute != 0 || second != 0)
        mr_text_format(out, ":%02d", minute);
    if (second != 0)
        mr_text_format(out, ":%02d", second);
}

/* Is it summer time? The lower of the year's two offsets is the standard one. */
static bool in_daylight_time(const struct moment *m)
{
    const int64_t half_year_us = 182LL * 86400 * 1000000;
    int32_t before = mr_zone_offset_seconds(m->zone, m->utc_us - half_year_us);
    int32_t after = mr_zone_offset_seconds(m->zone, m->utc_us + half_year_us);
    return m->offset_seconds > before || m->offset_seconds > after;
}

/* "EST" -> "ET", "Eastern Standard Time" -> "Eastern Time": where summer time has a name of its own that
 * differs in the same place. */
static void print_generic_name(const struct mr_zone_names *names, bool full, struct mr_text *out)
{
    const char *name = full ? names->standard_full : names->standard_short;
    const char *cut = full ? strstr(name, "Standard ") : strstr(name, "ST");
    size_t skip = full ? strlen("Standard ") : 1;
    bool summer = strcmp(names->standard_short, names->daylight_short) != 0;
    if (!cut || !summer) {
        mr_text_append_str(out, name);
        return;
    }
    mr_text_append(out, name, (size_t)(cut - name));
    mr_text_append_str(out, cut + skip);
}

static void print_zone_name(const struct mr_datetime_item *item, const struct moment *m, struct mr_text *out)
{
    const char *id = mr_zone_id(m->zone);
    const struct mr_zone_names *names = mr_zone_names_of(id);
    if (!names) {
        mr_text_append_str(out, id); /* as Java does for a zone without names, such as +02:00 */
        return;
    }
    if (item->generic) {
        print_generic_name(names, item->full, out);
        return;
    }
    bool daylight = in_daylight_time(m);
    if (item->full)
        mr_text_append_str(out, daylight ? names->daylight_full : names->standard_full);
    else
        mr_text_append_str(out, daylight ? names->daylight_short : names->standard_short);
}

static bool print_item(const struct mr_datetime_item *item, const struct moment *m, struct mr_text *out)
{
    int64_t value;
    switch ((enum mr_datetime_item_kind)item->kind) {
    case MR_DT_LITERAL:
        mr_text_append(out, item->text.data, item->text.size);
        break;
    case MR_DT_NUMBER:
        return print_number(item, field_value(m, item->field), out);
    case MR_DT_REDUCED:
        value = field_value(m, item->field);
        print_digits(out, (uint64_t)((value < 0 ? -value : value) % 100), 2);
        break;
    case MR_DT_FRACTION: {
        uint64_t nanos = (uint64_t)field_value(m, MR_DT_NANO);
        print_digits(out, nanos / (uint64_t)mr_decimal_power(9 - item->max_width), item->max_width);
        break;
    }
    case MR_DT_TEXT:
        print_name(item, field_value(m, item->field), out);
        break;
    case MR_DT_OFFSET:
        print_offset(item, m->offset_seconds, out);
        break;
    case MR_DT_LOCAL_OFFSET:
        print_local_offset(item, m->offset_seconds, out);
        break;
    case MR_DT_ZONE_ID:
        mr_text_append_str(out, mr_zone_id(m->zone));
        break;
    case MR_DT_ZONE_NAME:
        print_zone_name(item, m, out);
        break;
    case MR_DT_OPTIONAL_BEGIN:
    case MR_DT_OPTIONAL_END:
        break;
    }
    return true;
}

bool mr_datetime_format_print(const struct mr_datetime_format *format, int64_t micros,
                              const struct mr_zone *zone, struct mr_text *out)
{
    if (format->has_zone && !zone)
        return false;
    struct moment m = {.zone = zone, .utc_us = micros};
    m.offset_seconds = zone ? mr_zone_offset_seconds(zone, micros) : 0;
    int64_t local_us = micros + (int64_t)m.offset_seconds * 1000000;
    mr_civil_from_micros(local_us, &m.civil);
    m.days = mr_days_from_civil(m.civil.year, m.civil.month, m.civil.day);
    for (int i = 0; i < format->count; i++)
        if (!print_item(&format->items[i], &m, out))
            return false;
    return true;
}
