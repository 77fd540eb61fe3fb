/* expressions/json_options.c: Spark's options of JSON by name. */
#include <stddef.h>

#include "base/option.h"
#include "expressions/json_convert.h"

void mr_json_options_init(struct mr_json_options *options, const struct mr_zone *zone)
{
    *options = (struct mr_json_options){
        .allow_single_quotes = true,
        .allow_non_numeric_numbers = true,
        .max_nesting_depth = 1000,
        .max_number_size = 1000,
        .max_string_size = INT64_MAX,
        .date_time_fallback = true,
        .case_sensitive = true,
        .exact_text = true,
        .array_as_rows = true,
        .corrupt_record_name = MR_STR("_corrupt_record"),
        .zone = zone,
        .ignore_null_fields = true,
    };
}

static const struct {
    const char *name;
    size_t offset;
} flags[] = {
    {"allowSingleQuotes", offsetof(struct mr_json_options, allow_single_quotes)},
    {"allowNonNumericNumbers", offsetof(struct mr_json_options, allow_non_numeric_numbers)},
    {"allowUnquotedFieldNames", offsetof(struct mr_json_options, allow_unquoted_field_names)},
    {"allowComments", offsetof(struct mr_json_options, allow_comments)},
    {"allowNumericLeadingZeros", offsetof(struct mr_json_options, allow_numeric_leading_zeros)},
    {"allowBackslashEscapingAnyCharacter",
     offsetof(struct mr_json_options, allow_backslash_escaping_any_character)},
    {"allowUnquotedControlChars", offsetof(struct mr_json_options, allow_unquoted_control_chars)},
    {"primitivesAsString", offsetof(struct mr_json_options, primitives_as_string)},
    {"prefersDecimal", offsetof(struct mr_json_options, prefers_decimal)},
    {"inferTimestamp", offsetof(struct mr_json_options, infer_timestamp)},
    {"dropFieldIfAllNull", offsetof(struct mr_json_options, drop_field_if_all_null)},
    {"enableDateTimeParsingFallback", offsetof(struct mr_json_options, date_time_fallback)},
    {"readerCaseSensitive", offsetof(struct mr_json_options, case_sensitive)},
    {"ignoreNullFields", offsetof(struct mr_json_options, ignore_null_fields)},
    {"pretty", offsetof(struct mr_json_options, pretty)},
    {"writeNonAsciiCharacterAsCodePoint", offsetof(struct mr_json_options, write_non_ascii_as_escapes)},
};

static int refuse(struct mr_str name, const char *value, const char *expected, struct mr_error *error)
{
    mr_error_set(error, MR_E_SQL, "INVALID_OPTION_VALUE", "The option %.*s is '%s'; it should be %s.",
                 (int)name.size, name.data, value, expected);
    mr_error_parameter(error, "optionName", "%.*s", (int)name.size, name.data);
    return error->code;
}

static int set_number(struct mr_json_options *o, struct mr_str name, const char *value,
                      struct mr_error *error)
{
    int64_t number;
    if (!mr_option_parse_integer(value, &number) || number < 0)
        return refuse(name, value, "a number", error);
    if (mr_str_equal_nocase(name, MR_STR("maxNestingDepth")))
        o->max_nesting_depth = number > 100000 ? 100000 : (int)number;
    else if (mr_str_equal_nocase(name, MR_STR("maxNumLen")))
        o->max_number_size = number;
    else
        o->max_string_size = number;
    return MR_OK;
}

static int set_mode(struct mr_json_options *o, struct mr_str value)
{
    o->mode = mr_str_equal_nocase(value, MR_STR("DROPMALFORMED")) ? MR_JSON_DROP_MALFORMED
              : mr_str_equal_nocase(value, MR_STR("FAILFAST"))
                  ? MR_JSON_FAIL_FAST
                  : MR_JSON_PERMISSIVE; /* as Spark: unknown ones too */
    return MR_OK;
}

static int set_format(struct mr_json_options *o, struct mr_arena *arena, struct mr_str name,
                      struct mr_str value, struct mr_error *error)
{
    const struct mr_datetime_format **parse = &o->timestamp_format, **print = &o->timestamp_print;
    if (mr_str_equal_nocase(name, MR_STR("dateFormat"))) {
        parse = &o->date_format;
        print = &o->date_print;
    } else if (mr_str_equal_nocase(name, MR_STR("timestampNTZFormat"))) {
        parse = &o->timestamp_ntz_format;
        print = &o->timestamp_ntz_print;
    }
    MR_TRY(mr_datetime_format_compile(arena, value, MR_DATETIME_PRINT, print, error));
    /* A pattern may be good for writing only; then reading with it is what fails. */
    struct mr_error only_printing;
    mr_error_clear(&only_printing);
    if (mr_datetime_format_compile(arena, value, MR_DATETIME_PARSE, parse, &only_printing) < 0)
        *parse = NULL;
    else
        o->date_time_fallback = false;
    return MR_OK;
}

int mr_json_options_set(struct mr_json_options *o, struct mr_arena *arena, struct mr_str name,
                        struct mr_str value, struct mr_error *error)
{
    const char *text = mr_arena_copy_text(arena, value.data, value.size);
    if (!text)
        return mr_error_memory(error, value.size);
    struct mr_str copy = {text, value.size};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (mr_str_equal_nocase(name, mr_str_of(flags[i].name))) {
            if (!mr_option_parse_boolean(text, (bool *)((char *)o + flags[i].offset)))
                return refuse(name, text, "true or false", error);
            return MR_OK;
        }
    }
    if (mr_str_equal_nocase(name, MR_STR("mode")))
        return set_mode(o, copy);
    if (mr_str_equal_nocase(name, MR_STR("columnNameOfCorruptRecord"))) {
        o->corrupt_record_name = copy;
        return MR_OK;
    }
    if (mr_str_equal_nocase(name, MR_STR("timeZone")))
        return mr_zone_find(copy, &o->zone, error);
    if (mr_str_equal_nocase(name, MR_STR("timestampFormat")) ||
        mr_str_equal_nocase(name, MR_STR("dateFormat")) ||
        mr_str_equal_nocase(name, MR_STR("timestampNTZFormat")))
        return set_format(o, arena, name, copy, error);
    if (mr_str_equal_nocase(name, MR_STR("maxNestingDepth")) ||
        mr_str_equal_nocase(name, MR_STR("maxNumLen")) || mr_str_equal_nocase(name, MR_STR("maxStringLen")))
        return set_number(o, name, text, error);
    return MR_END;
}
