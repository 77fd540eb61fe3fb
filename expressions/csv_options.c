/* expressions/csv_options.c: Spark's options of CSV by name. */
#include "expressions/csv.h"

#define TO(member) MR_OPTION_HOME(mr_csv_options, member)

const struct mr_option_spec mr_csv_read_table[] = {
    {.include = mr_record_option_table, TO(record)},
    {"delimiter", MR_OPTION_TEXT, NULL, "the same as sep", TO(separator)},
    {"sep", MR_OPTION_TEXT, ",", "what stands between values; one or more characters", TO(separator)},
    {"preferDate", MR_OPTION_BOOLEAN, "true", "inference: days become DATE, not TIMESTAMP", TO(prefer_date)},
    {"quote", MR_OPTION_CHARACTER, "\"", "stands around values; '' for none", TO(quote)},
    {"escape", MR_OPTION_CHARACTER, "\\", "before a quote within quotes", TO(escape)},
    {"charToEscapeQuoteEscaping", MR_OPTION_CHARACTER, "(the escape)", "before an escape", TO(escape_escape)},
    {"unescapedQuoteHandling", MR_OPTION_CHOICE, "STOP_AT_DELIMITER",
     "what a quote in the middle of a quoted value does; BACK_TO_DELIMITER not with multiLine",
     TO(odd_quotes),
     .choices = "STOP_AT_DELIMITER|STOP_AT_CLOSING_QUOTE|SKIP_VALUE|RAISE_ERROR|BACK_TO_DELIMITER"},
    {"comment", MR_OPTION_CHARACTER, "", "lines that begin with it are passed over", TO(comment)},
    {"nullValue", MR_OPTION_TEXT, "", "the text that means NULL", TO(null_value)},
    {"emptyValue", MR_OPTION_TEXT, "", "what an empty quoted value is read as", TO(empty_value)},
    {"nanValue", MR_OPTION_TEXT, "NaN", "the text that means NaN", TO(nan_value)},
    {"positiveInf", MR_OPTION_TEXT, "Inf", "the text that means infinity", TO(positive_infinity)},
    {"negativeInf", MR_OPTION_TEXT, "-Inf", "the text that means negative infinity", TO(negative_infinity)},
    {"ignoreLeadingWhiteSpace", MR_OPTION_BOOLEAN, "false", "blanks before values do not count",
     TO(trim_left)},
    {"ignoreTrailingWhiteSpace", MR_OPTION_BOOLEAN, "false", "blanks after values do not count",
     TO(trim_right)},
    {"maxColumns", MR_OPTION_INTEGER, "20480", "a line with more values is an error", TO(max_columns)},
    {"maxCharsPerColumn", MR_OPTION_INTEGER, "-1", "a longer value is an error; -1: no limit",
     TO(max_characters)},
    {0},
};
#undef TO

/* "\\t" and the like stand for one character; anything else for itself. */
static int set_delimiter(struct mr_csv_options *o, struct mr_error *error)
{
    const char *text = o->separator;
    size_t size = strlen(text);
    if (text[0] == '\\' && size > 1)
        o->delimiter_size = mr_option_parse_character(text, o->delimiter);
    else if (size < sizeof o->delimiter)
        memcpy(o->delimiter, text, o->delimiter_size = size);
    if (o->delimiter_size > 0)
        return MR_OK;
    return mr_error_set(error, MR_E_USAGE,
                        size ? "INVALID_DELIMITER_VALUE.UNSUPPORTED_SPECIAL_CHARACTER"
                             : "INVALID_DELIMITER_VALUE.EMPTY_STRING",
                        "The option sep cannot be '%s': it takes 1 to %d bytes, or \\t and the like.", text,
                        (int)sizeof o->delimiter - 1);
}

int mr_csv_options_compile(struct mr_csv_options *o, struct mr_arena *arena, const struct mr_zone *zone,
                           bool files, struct mr_error *error)
{
    MR_TRY(set_delimiter(o, error));
    if (o->escape_escape == 0) /* not given */
        o->escape_escape = o->escape == o->quote ? -1 : o->escape;
    return mr_record_options_compile(&o->record, arena, zone, files, error);
}
