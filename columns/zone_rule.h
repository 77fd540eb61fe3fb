/* columns/zone_rule.h: POSIX TZ rules, offsets and short ids; private to this room. */
#ifndef MR_COLUMNS_ZONE_RULE_H
#define MR_COLUMNS_ZONE_RULE_H

#include "base/memory.h"

struct mr_zone_day {                                              /* one day of every year */
    enum { MR_DAY_NO_LEAP, MR_DAY_OF_YEAR, MR_DAY_OF_WEEK } kind; /* Jn, n, Mm.w.d */
    int month, week, day;
    int32_t time_seconds; /* local time of the change; may be negative or beyond a day */
};
struct mr_zone_rule {
    int32_t standard_offset, summer_offset; /* seconds east */
    bool has_summer;
    struct mr_zone_day start, stop; /* of summer time */
};

/* "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3" */
bool mr_zone_rule_parse(struct mr_str text, struct mr_zone_rule *out);
/* The two changes of a year, ascending: seconds since 1970 UTC, and the offset from there on. */
void mr_zone_rule_year(const struct mr_zone_rule *rule, int64_t year, int64_t change[2], int32_t offset[2]);
/* "Z", "+1", "+01", "+01:30", "+0130", "+01:30:15", "GMT+1", "UTC-02:00", "UT", "GMT" */
bool mr_zone_offset_parse(struct mr_str id, int32_t *seconds);
/* What mr_zone_to_utc takes off; for local times whose microseconds do not fit 64 bits although those in UTC
 * do. */
struct mr_zone;
int32_t mr_zone_local_offset(const struct mr_zone *zone, int64_t local_seconds);
/* The region of a three-letter id of Java's ("PST"), else id itself. */
struct mr_str mr_zone_short_id(struct mr_str id);

#endif
