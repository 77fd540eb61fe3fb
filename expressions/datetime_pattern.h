/* expressions/datetime_pattern.h: the compiled form of a datetime pattern; private to datetime_*.c. */
#ifndef MR_EXPRESSIONS_DATETIME_PATTERN_H
#define MR_EXPRESSIONS_DATETIME_PATTERN_H

#include "expressions/datetime_format.h"

enum mr_datetime_field {
    MR_DT_ERA,
    MR_DT_YEAR,
    MR_DT_YEAR_OF_ERA,
    MR_DT_QUARTER,
    MR_DT_MONTH,
    MR_DT_DAY,
    MR_DT_DAY_OF_YEAR,
    MR_DT_DAY_OF_WEEK,
    MR_DT_ALIGNED_DAY, /* day within the 7-day periods that begin on the first of the month */
    MR_DT_JULIAN_DAY,  /* modified Julian day number */
    MR_DT_AMPM,
    MR_DT_HOUR,            /* 0..23 */
    MR_DT_CLOCK_HOUR,      /* 1..24 */
    MR_DT_HALF_HOUR,       /* 0..11 */
    MR_DT_CLOCK_HALF_HOUR, /* 1..12 */
    MR_DT_MINUTE,
    MR_DT_SECOND,
    MR_DT_NANO,
    MR_DT_FIELD_COUNT
};
enum mr_datetime_sign { MR_DT_SIGN_NORMAL, MR_DT_SIGN_NOT_NEGATIVE, MR_DT_SIGN_EXCEEDS_PAD };
enum mr_datetime_item_kind {
    MR_DT_LITERAL,
    MR_DT_NUMBER,
    MR_DT_REDUCED,      /* the last two digits of a year, 2000..2099 */
    MR_DT_FRACTION,     /* of a second: min_width..max_width digits */
    MR_DT_TEXT,         /* a name: month, day, quarter, era, AM/PM; full or short */
    MR_DT_OFFSET,       /* +hhmm in its variants */
    MR_DT_LOCAL_OFFSET, /* GMT+2, GMT+02:00 */
    MR_DT_ZONE_ID,
    MR_DT_ZONE_NAME,
    MR_DT_OPTIONAL_BEGIN, /* jump: index of its end */
    MR_DT_OPTIONAL_END,
};
struct mr_datetime_item {
    uint8_t kind, field, sign;
    bool full;                            /* TEXT, LOCAL_OFFSET, ZONE_NAME: the long form */
    bool generic;                         /* ZONE_NAME: without saying whether it is summer time ("ET") */
    bool colon;                           /* OFFSET: hh:mm */
    bool minute_optional, second_allowed; /* OFFSET */
    int16_t min_width, max_width;
    int16_t subsequent_width; /* NUMBER: digits that the fixed-width numbers right behind it need */
    int16_t jump;
    struct mr_str text; /* LITERAL; OFFSET: what stands for zero */
};
struct mr_datetime_format {
    struct mr_datetime_item *items;
    int count;
    bool has_zone; /* some item needs a time zone to be printed */
};

extern const char *const mr_month_names[12];  /* full; the short ones are the first three letters */
extern const char *const mr_weekday_names[7]; /* Monday first */
extern const char *const mr_quarter_names[4];
extern const char *const mr_era_names[2]; /* before, Anno Domini */

/* Names of time zones as Java prints them in English. */
struct mr_zone_names {
    const char *standard_short, *daylight_short, *standard_full, *daylight_full;
    const char *id; /* the zone a name stands for when it is parsed */
};
/* NULL when the zone's names are not known. */
const struct mr_zone_names *mr_zone_names_of(const char *zone_id);
/* The longest name at the beginning of text, without regard to case; *size: its length. NULL: none. */
const struct mr_zone_names *mr_zone_names_match(struct mr_str text, size_t *size);

#endif
