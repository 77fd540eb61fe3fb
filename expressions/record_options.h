/* expressions/record_options.h: what JSON and CSV are told alike, in files and in functions. */
#ifndef MR_EXPRESSIONS_RECORD_OPTIONS_H
#define MR_EXPRESSIONS_RECORD_OPTIONS_H

#include "base/option.h"
#include "expressions/datetime_format.h"

enum mr_record_mode { MR_RECORD_PERMISSIVE, MR_RECORD_DROP_MALFORMED, MR_RECORD_FAIL_FAST };
struct mr_record_options {
    enum mr_record_mode mode;
    struct mr_str corrupt_name;
    bool date_time_fallback; /* a text that does not fit the given format is tried as CAST does it */
    const char *zone_name, *date_pattern, *timestamp_pattern, *timestamp_ntz_pattern; /* NULL: not given */
    /* Compiled. */
    const struct mr_zone *zone; /* of timestamps without one */
    const struct mr_datetime_format *date_format, *timestamp_format, *timestamp_ntz_format; /* reading; NULL:
                                                                                              as CAST does */
    const struct mr_datetime_format *date_print, *timestamp_print, *timestamp_ntz_print;    /* writing; NULL:
                                                                                              ISO 8601 */
};
/* Of struct mr_record_options; what concerns times alone, and with it how records are read. */
extern const struct mr_option_spec mr_time_option_table[], mr_record_option_table[];
/* Compiles what was given into the arena. zone: where none is. files: patterns must be good for reading, and
 * are for nothing else; otherwise for writing, and for reading if they can be. */
int mr_record_options_compile(struct mr_record_options *options, struct mr_arena *arena,
                              const struct mr_zone *zone, bool files, struct mr_error *error);

#endif
