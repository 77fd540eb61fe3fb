/* expressions/record_options.c: see record_options.h. */
#include "expressions/record_options.h"

#define TO(member) MR_OPTION_HOME(mr_record_options, member)

const struct mr_option_spec mr_time_option_table[] = {
    {"dateFormat", MR_OPTION_TEXT, "(yyyy-MM-dd)", "pattern of DATE", TO(date_pattern)},
    {"timestampFormat", MR_OPTION_TEXT, "(yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX])", "pattern of TIMESTAMP",
     TO(timestamp_pattern)},
    {"timestampNTZFormat", MR_OPTION_TEXT, "(yyyy-MM-dd'T'HH:mm:ss[.SSS])", "pattern of TIMESTAMP_NTZ",
     TO(timestamp_ntz_pattern)},
    {"timeZone", MR_OPTION_TEXT, "(the session's)", "zone of timestamps that name none", TO(zone_name)},
    {"locale", MR_OPTION_CHOICE, "en-US", "language of names in patterns", .choices = "en-US|en_US|en"},
    {0},
};
const struct mr_option_spec mr_record_option_table[] = {
    {.include = mr_time_option_table},
    {"mode", MR_OPTION_CHOICE, "PERMISSIVE", "what a malformed record does: NULLs, nothing, an error",
     TO(mode), .choices = "PERMISSIVE|DROPMALFORMED|FAILFAST"},
    {"columnNameOfCorruptRecord", MR_OPTION_TEXT, "_corrupt_record",
     "the STRING column, if the schema has it, that keeps the text of malformed records", TO(corrupt_name)},
    {"enableDateTimeParsingFallback", MR_OPTION_BOOLEAN, "false",
     "a text that does not fit its pattern is read as CAST reads it", TO(date_time_fallback)},
    {0},
};

static int compile(struct mr_arena *arena, const char *pattern, bool files,
                   const struct mr_datetime_format **parse, const struct mr_datetime_format **print,
                   struct mr_error *error)
{
    struct mr_error only_printing;
    if (!pattern)
        return MR_OK;
    if (files)
        return mr_datetime_format_compile(arena, mr_str_of(pattern), MR_DATETIME_PARSE, parse, error);
    MR_TRY(mr_datetime_format_compile(arena, mr_str_of(pattern), MR_DATETIME_PRINT, print, error));
    mr_error_clear(&only_printing);
    if (mr_datetime_format_compile(arena, mr_str_of(pattern), MR_DATETIME_PARSE, parse, &only_printing) < 0)
        *parse = NULL;
    return MR_OK;
}

int mr_record_options_compile(struct mr_record_options *o, struct mr_arena *arena, const struct mr_zone *zone,
                              bool files, struct mr_error *error)
{
    o->zone = zone;
    if (o->zone_name)
        MR_TRY(mr_zone_find(mr_str_of(o->zone_name), &o->zone, error));
    MR_TRY(compile(arena, o->date_pattern, files, &o->date_format, &o->date_print, error));
    MR_TRY(compile(arena, o->timestamp_pattern, files, &o->timestamp_format, &o->timestamp_print, error));
    return compile(arena, o->timestamp_ntz_pattern, files, &o->timestamp_ntz_format, &o->timestamp_ntz_print,
                   error);
}
