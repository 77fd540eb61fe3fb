/* expressions/json_options.c: Spark's options of JSON by name. */
#include "expressions/json_convert.h"

#define TO(member) MR_OPTION_HOME(mr_json_options, member)

const struct mr_option_spec mr_json_read_table[] = {
    {.include = mr_record_option_table, TO(record)},
    {"allowSingleQuotes", MR_OPTION_BOOLEAN, "true", "names and strings may stand in single quotes",
     TO(allow_single_quotes)},
    {"allowUnquotedFieldNames", MR_OPTION_BOOLEAN, "false", "names may stand without quotes",
     TO(allow_unquoted_field_names)},
    {"allowComments", MR_OPTION_BOOLEAN, "false", "comments of C and C++ are passed over",
     TO(allow_comments)},
    {"allowNumericLeadingZeros", MR_OPTION_BOOLEAN, "false", "numbers may begin with zeros",
     TO(allow_numeric_leading_zeros)},
    {"allowNonNumericNumbers", MR_OPTION_BOOLEAN, "true", "NaN, Infinity, -INF and so on are numbers",
     TO(allow_non_numeric_numbers)},
    {"allowBackslashEscapingAnyCharacter", MR_OPTION_BOOLEAN, "false", "a backslash may precede anything",
     TO(allow_backslash_escaping_any_character)},
    {"allowUnquotedControlChars", MR_OPTION_BOOLEAN, "false", "strings may hold tabs and the like",
     TO(allow_unquoted_control_chars)},
    {"maxNestingDepth", MR_OPTION_INTEGER, "1000", "deeper records are malformed", TO(max_nesting_depth),
     .most = 100000},
    {"maxNumLen", MR_OPTION_INTEGER, "1000", "records with longer numbers are malformed", TO(max_number_size),
     MR_OPTION_AT_LEAST(0)},
    {"maxStringLen", MR_OPTION_INTEGER, "9223372036854775807", "records with longer strings are malformed",
     TO(max_string_size), MR_OPTION_AT_LEAST(0)},
    {"primitivesAsString", MR_OPTION_BOOLEAN, "false", "inference: numbers and booleans become STRING",
     TO(primitives_as_string)},
    {"prefersDecimal", MR_OPTION_BOOLEAN, "false", "inference: fractions become DECIMAL where they fit",
     TO(prefers_decimal)},
    {"inferTimestamp", MR_OPTION_BOOLEAN, "false", "inference: strings that are timestamps become TIMESTAMP",
     TO(infer_timestamp)},
    {"dropFieldIfAllNull", MR_OPTION_BOOLEAN, "false", "inference: fields that are always null are left out",
     TO(drop_field_if_all_null)},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true", "names in records match columns with regard to case",
     TO(case_sensitive)},
    {0},
};
const struct mr_option_spec mr_json_write_table[] = {
    {"ignoreNullFields", MR_OPTION_BOOLEAN, "true", "members that are NULL are left out",
     TO(ignore_null_fields)},
    {0},
};
static const struct mr_option_spec functions_table[] = {
    {.include = mr_json_read_table},
    {.include = mr_json_write_table},
    {"pretty", MR_OPTION_BOOLEAN, "false", "members on lines of their own", TO(pretty)},
    {"writeNonAsciiCharacterAsCodePoint", MR_OPTION_BOOLEAN, "false", "\\u00e9 and the like",
     TO(write_non_ascii_as_escapes)},
    {0},
};

int mr_json_options_read(struct mr_json_options *o, struct mr_arena *arena, const struct mr_zone *zone,
                         const struct mr_option *options, int count, struct mr_error *error)
{
    *o = (struct mr_json_options){.exact_text = true, .array_as_rows = true};
    MR_TRY(mr_options_read(functions_table, NULL, options, count, o, error));
    return mr_record_options_compile(&o->record, arena, zone, false, error);
}

void mr_json_options_init(struct mr_json_options *o, const struct mr_zone *zone)
{
    struct mr_error never;
    mr_json_options_read(o, NULL, zone, NULL, 0, &never);
}
