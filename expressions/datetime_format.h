/* expressions/datetime_format.h: Spark's datetime patterns ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]"), compiled
 * once, for printing and for parsing.
 *
 * The letters and their meaning are those of Spark's datetime pattern guide, which are java.time's with some
 * left out; names of months and days are English (locale US). Parsing is strict, without regard to case, and
 * fields that the pattern does not name have the values of 1970-01-01 00:00:00. */
#ifndef MR_EXPRESSIONS_DATETIME_FORMAT_H
#define MR_EXPRESSIONS_DATETIME_FORMAT_H

#include "columns/value.h"

struct mr_datetime_format; /* immutable; in the arena it was compiled into */

enum mr_datetime_use { MR_DATETIME_PRINT, MR_DATETIME_PARSE };

/* Errors: INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER / .LENGTH / WITH_SUGGESTION,
 * INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN; code MR_E_SQL. */
int mr_datetime_format_compile(struct mr_arena *arena, struct mr_str pattern, enum mr_datetime_use use,
                               const struct mr_datetime_format **out, struct mr_error *error);

/* Appends the text of an instant as seen in zone. The zone NULL: micros is a local time (TIMESTAMP_NTZ, DATE
 * at midnight); then zone letters fail: false. */
bool mr_datetime_format_print(const struct mr_datetime_format *format, int64_t micros,
                              const struct mr_zone *zone, struct mr_text *out);

/* What a text says. Fails (false) when the text does not match from its first byte to its last, or names a
 * time that does not exist. */
struct mr_datetime_parsed {
    int64_t local_us; /* date and time as written */
    bool has_offset;  /* the text named an offset from UTC … */
    int32_t offset_seconds;
    const struct mr_zone *zone; /* … or a zone; else NULL */
};
bool mr_datetime_format_parse(const struct mr_datetime_format *format, struct mr_str text,
                              struct mr_datetime_parsed *out);
/* The same as an instant: the zone the text names, else `zone`. */
bool mr_datetime_format_parse_timestamp(const struct mr_datetime_format *format, struct mr_str text,
                                        const struct mr_zone *zone, int64_t *micros);
/* The local date, whatever the zone. */
bool mr_datetime_format_parse_date(const struct mr_datetime_format *format, struct mr_str text,
                                   int32_t *days);
/* The local time; a text with a zone gives its local time when the zone is allowed, else false. */
bool mr_datetime_format_parse_ntz(const struct mr_datetime_format *format, struct mr_str text,
                                  bool allow_zone, int64_t *local_us);

#endif
