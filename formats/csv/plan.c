/* formats/csv/plan.c: options and schema of the CSV format, made ready. */
#include "formats/csv/csv.h"

const struct mr_option_spec mr_csv_option_table[] = {
    {"sep", MR_OPTION_TEXT, ",", "csv", NULL, "what stands between values; one or more characters"},
    {"delimiter", MR_OPTION_TEXT, ",", "csv", NULL, "the same as sep"},
    {"header", MR_OPTION_BOOLEAN, "false", "csv", NULL, "the first line of a file names the columns"},
    {"enforceSchema", MR_OPTION_BOOLEAN, "true", "csv", NULL,
     "false: names in the header must be those of the schema"},
    {"inferSchema", MR_OPTION_BOOLEAN, "false", "csv", NULL,
     "inference finds types; else all columns are STRING"},
    {"preferDate", MR_OPTION_BOOLEAN, "true", "csv", NULL, "inference: days become DATE, not TIMESTAMP"},
    {"mode", MR_OPTION_CHOICE, "PERMISSIVE", "csv", "PERMISSIVE|DROPMALFORMED|FAILFAST",
     "what a malformed record does: NULLs, nothing, an error"},
    {"columnNameOfCorruptRecord", MR_OPTION_TEXT, "_corrupt_record", "csv", NULL,
     "the STRING column, if the schema has it, that keeps the text of malformed records"},
    {"quote", MR_OPTION_CHARACTER, "\"", "csv", NULL, "stands around values; '' for none"},
    {"escape", MR_OPTION_CHARACTER, "\\", "csv", NULL, "before a quote within quotes"},
    {"charToEscapeQuoteEscaping", MR_OPTION_CHARACTER, "escape", "csv", NULL, "before an escape"},
    {"unescapedQuoteHandling", MR_OPTION_CHOICE, "STOP_AT_DELIMITER", "csv",
     "STOP_AT_DELIMITER|STOP_AT_CLOSING_QUOTE|SKIP_VALUE|RAISE_ERROR|BACK_TO_DELIMITER",
     "what a quote in the middle of a quoted value does; BACK_TO_DELIMITER not with multiLine"},
    {"comment", MR_OPTION_CHARACTER, NULL, "csv", NULL, "lines that begin with it are passed over"},
    {"nullValue", MR_OPTION_TEXT, "", "csv", NULL, "the text that means NULL"},
    {"emptyValue", MR_OPTION_TEXT, "", "csv", NULL, "what an empty quoted value is read as"},
    {"nanValue", MR_OPTION_TEXT, "NaN", "csv", NULL, "the text that means NaN"},
    {"positiveInf", MR_OPTION_TEXT, "Inf", "csv", NULL, "the text that means infinity"},
    {"negativeInf", MR_OPTION_TEXT, "-Inf", "csv", NULL, "the text that means negative infinity"},
    {"ignoreLeadingWhiteSpace", MR_OPTION_BOOLEAN, "false", "csv", NULL, "blanks before values do not count"},
    {"ignoreTrailingWhiteSpace", MR_OPTION_BOOLEAN, "false", "csv", NULL, "blanks after values do not count"},
    {"multiLine", MR_OPTION_BOOLEAN, "false", "csv", NULL, "quoted values may hold line ends"},
    {"lineSep", MR_OPTION_TEXT, NULL, "csv", NULL, "what ends a line; by default \\n, \\r\\n or \\r"},
    {"encoding", MR_OPTION_TEXT, "UTF-8", "csv", NULL, "the files' encoding"},
    {"charset", MR_OPTION_TEXT, "UTF-8", "csv", NULL, "the same as encoding"},
    {"dateFormat", MR_OPTION_TEXT, "yyyy-MM-dd", "csv", NULL, "pattern of DATE"},
    {"timestampFormat", MR_OPTION_TEXT, "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "csv", NULL,
     "pattern of TIMESTAMP"},
    {"timestampNTZFormat", MR_OPTION_TEXT, "yyyy-MM-dd'T'HH:mm:ss[.SSS]", "csv", NULL,
     "pattern of TIMESTAMP_NTZ"},
    {"enableDateTimeParsingFallback", MR_OPTION_BOOLEAN, "false", "csv", NULL,
     "a text that does not fit its pattern is read as CAST reads it"},
    {"timeZone", MR_OPTION_TEXT, "session", "csv", NULL, "zone of timestamps that name none"},
    {"locale", MR_OPTION_CHOICE, "en-US", "csv", "en-US|en_US|en", "language of names in patterns"},
    {"maxColumns", MR_OPTION_INTEGER, "20480", "csv", NULL, "a line with more values is an error"},
    {"maxCharsPerColumn", MR_OPTION_INTEGER, "-1", "csv", NULL, "a longer value is an error; -1: no limit"},
    {"skipRows", MR_OPTION_INTEGER, "0", "csv", NULL, "lines to pass over at the beginning of a file"},
    {"rescuedDataColumn", MR_OPTION_TEXT, NULL, "csv", NULL,
     "a STRING column for what has no column or does not fit its type, as JSON"},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true", "csv", NULL,
     "names in the header match columns with regard to case"},
    {"mergeSchema", MR_OPTION_IGNORED, "false", "csv", NULL, "inference looks at all sampled files"},
    {"samplingRatio", MR_OPTION_IGNORED, "1.0", "csv", NULL, "inference reads whole files"},
    {"inputBufferSize", MR_OPTION_IGNORED, "1048576", "csv", NULL, "buffers have a size of their own"},
    {"extension", MR_OPTION_IGNORED, "csv", "csv", NULL, "writing only"},
    {"escapeQuotes", MR_OPTION_IGNORED, "true", "csv", NULL, "writing only"},
    {"quoteAll", MR_OPTION_IGNORED, "false", "csv", NULL, "writing only"},
    {"badRecordsPath", MR_OPTION_REFUSED, NULL, "csv", NULL,
     "use columnNameOfCorruptRecord or rescuedDataColumn"},
    {"singleVariantColumn", MR_OPTION_REFUSED, NULL, "csv", NULL, "there is no VARIANT type yet"},
    {0}};

static const char *text_option(const struct mr_format *format, const char *name, const char *fallback)
{
    const char *text = mr_option_text(format->options, format->option_count, name);
    return text ? text : fallback;
}

static int character_option(const struct mr_format *format, const char *name, int fallback, int *out,
                            struct mr_error *error)
{
    const char *text = mr_option_text(format->options, format->option_count, name);
    char bytes[8];
    *out = fallback;
    if (!text)
        return MR_OK;
    size_t size = *text ? mr_option_parse_character(text, bytes) : 0;
    if (size > 1)
        return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                            "The option %s cannot be '%s': it takes one ASCII character.", name, text);
    *out = size == 0 || bytes[0] == '\0' ? -1 : (unsigned char)bytes[0];
    return MR_OK;
}

/* "\\t" and the like stand for one character; anything else for itself. */
static int delimiter_option(const struct mr_format *format, struct csv_options *o, struct mr_error *error)
{
    const char *text = text_option(format, "sep", text_option(format, "delimiter", ","));
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

static int odd_quotes_option(const struct mr_format *format, struct csv_options *o, struct mr_error *error)
{
    static const char *const names[] = {"STOP_AT_DELIMITER", "STOP_AT_CLOSING_QUOTE", "SKIP_VALUE",
                                        "RAISE_ERROR", "BACK_TO_DELIMITER"};
    struct mr_str given = mr_str_of(text_option(format, "unescapedQuoteHandling", names[0]));
    int which = 0;
    while (!mr_str_equal_nocase(given, mr_str_of(names[which])))
        which++; /* the table has let no other through */
    o->odd_quotes = (enum csv_odd_quotes)which;
    if (o->odd_quotes == CSV_BACK_TO_DELIMITER &&
        mr_option_boolean(format->options, format->option_count, "multiLine", false))
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_OPTION",
                            "unescapedQuoteHandling BACK_TO_DELIMITER does not go with multiLine: a stray "
                            "quote would make records of what was read as one value. STOP_AT_DELIMITER is "
                            "the usual one.");
    return MR_OK;
}

static int pattern_option(struct mr_format *format, const char *name, const struct mr_datetime_format **out,
                          struct mr_error *error)
{
    const char *pattern = mr_option_text(format->options, format->option_count, name);
    if (!pattern)
        return MR_OK;
    return mr_datetime_format_compile(&format->arena, mr_str_of(pattern), MR_DATETIME_PARSE, out, error);
}

static int read_options(struct mr_format *format, struct csv_options *o, struct mr_error *error)
{
    const struct mr_option *given = format->options;
    int count = format->option_count;
    const char *mode = text_option(format, "mode", "PERMISSIVE"),
               *zone = mr_option_text(given, count, "timeZone");
    MR_TRY(delimiter_option(format, o, error));
    MR_TRY(character_option(format, "quote", '"', &o->quote, error));
    MR_TRY(character_option(format, "escape", '\\', &o->escape, error));
    MR_TRY(character_option(format, "charToEscapeQuoteEscaping", o->escape == o->quote ? -1 : o->escape,
                            &o->escape_escape, error));
    MR_TRY(character_option(format, "comment", -1, &o->comment, error));
    MR_TRY(odd_quotes_option(format, o, error));
    o->header = mr_option_boolean(given, count, "header", false);
    o->enforce_schema = mr_option_boolean(given, count, "enforceSchema", true);
    o->multi_line = mr_option_boolean(given, count, "multiLine", false);
    o->trim_left = mr_option_boolean(given, count, "ignoreLeadingWhiteSpace", false);
    o->trim_right = mr_option_boolean(given, count, "ignoreTrailingWhiteSpace", false);
    o->infer_schema = mr_option_boolean(given, count, "inferSchema", false);
    o->prefer_date = mr_option_boolean(given, count, "preferDate", true);
    o->date_time_fallback = mr_option_boolean(given, count, "enableDateTimeParsingFallback", false);
    o->null_value = mr_str_of(text_option(format, "nullValue", ""));
    o->empty_value = mr_str_of(text_option(format, "emptyValue", ""));
    o->nan_value = mr_str_of(text_option(format, "nanValue", "NaN"));
    o->positive_infinity = mr_str_of(text_option(format, "positiveInf", "Inf"));
    o->negative_infinity = mr_str_of(text_option(format, "negativeInf", "-Inf"));
    o->line_separator = mr_str_of(text_option(format, "lineSep", ""));
    o->max_columns = mr_option_integer(given, count, "maxColumns", 20480);
    o->max_characters = mr_option_integer(given, count, "maxCharsPerColumn", -1);
    o->skip_rows = mr_option_integer(given, count, "skipRows", 0);
    o->corrupt_name = mr_str_of(text_option(format, "columnNameOfCorruptRecord", "_corrupt_record"));
    o->encoding = text_option(format, "encoding", mr_option_text(given, count, "charset"));
    if (o->encoding && (mr_str_equal_nocase(mr_str_of(o->encoding), MR_STR("UTF-8")) ||
                        mr_str_equal_nocase(mr_str_of(o->encoding), MR_STR("UTF8"))))
        o->encoding = NULL;
    o->mode = mr_str_equal_nocase(mr_str_of(mode), MR_STR("DROPMALFORMED")) ? MR_JSON_DROP_MALFORMED
              : mr_str_equal_nocase(mr_str_of(mode), MR_STR("FAILFAST"))    ? MR_JSON_FAIL_FAST
                                                                            : MR_JSON_PERMISSIVE;
    o->slow = format->way == MR_WAY_SLOW;
    o->zone = format->zone;
    if (zone)
        MR_TRY(mr_zone_find(mr_str_of(zone), &o->zone, error));
    o->date_pattern = mr_option_text(given, count, "dateFormat");
    MR_TRY(pattern_option(format, "dateFormat", &o->date_format, error));
    MR_TRY(pattern_option(format, "timestampFormat", &o->timestamp_format, error));
    return pattern_option(format, "timestampNTZFormat", &o->timestamp_ntz_format, error);
}

static int check_type(const struct mr_field *field, struct mr_error *error)
{
    if (!mr_type_is_nested(field->type) && field->type->id != MR_VOID &&
        field->type->id != MR_INTERVAL_DAY_TIME && field->type->id != MR_INTERVAL_YEAR_MONTH)
        return MR_OK;
    struct mr_text type;
    mr_text_init(&type);
    mr_type_text(&type, field->type);
    mr_error_set(error, MR_E_SQL, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                 "The column %s cannot be %s: CSV has plain values only.", field->name,
                 type.data ? type.data : "");
    mr_error_parameter(error, "columnName", "`%s`", field->name);
    mr_error_parameter(error, "columnType", "\"%s\"", type.data ? type.data : "");
    mr_error_parameter(error, "format", "CSV");
    mr_text_release(&type);
    return error->code;
}

static int special_column(const struct mr_format *format, int field, int *out, struct mr_error *error)
{
    if (format->schema->fields[field].type->id != MR_STRING)
        return mr_error_set(error, MR_E_SQL, "INVALID_CORRUPT_RECORD_TYPE",
                            "The column %s keeps text of records, so it must be a STRING and nullable.",
                            format->schema->fields[field].name);
    if (!format->used || format->used[field])
        *out = field;
    return MR_OK;
}

int mr_csv_plan_open(struct mr_format *format, struct mr_error *error)
{
    struct csv_plan *plan = MR_ARENA_NEW(&format->arena, struct csv_plan);
    if (!plan)
        return mr_error_memory(error, sizeof *plan);
    format->ctx = plan;
    plan->corrupt_column = plan->rescued_column = -1;
    MR_TRY(read_options(format, &plan->options, error));
    if (!format->schema)
        return MR_OK;
    int count = format->schema->field_count, used = 0;
    plan->columns = MR_ARENA_ARRAY(&format->arena, struct csv_column, count + 1);
    if (!plan->columns)
        return mr_error_memory(error, sizeof *plan->columns);
    for (int i = 0; i < count; i++) {
        const struct mr_field *field = &format->schema->fields[i];
        struct mr_str name = mr_str_of(field->name);
        if (format->rescued_column && mr_str_equal_nocase(name, mr_str_of(format->rescued_column))) {
            MR_TRY(special_column(format, i, &plan->rescued_column, error));
        } else if (mr_str_equal_nocase(name, plan->options.corrupt_name)) {
            MR_TRY(special_column(format, i, &plan->corrupt_column, error));
        } else {
            bool wanted = !format->used || format->used[i];
            MR_TRY(check_type(field, error));
            plan->columns[plan->column_count++] =
                (struct csv_column){field->name, field->type, wanted ? i : -1};
            used += wanted;
        }
    }
    plan->by_name = plan->options.header && (format->rescued_column || format->report_new_fields);
    plan->pruned = used < plan->column_count;
    plan->nothing =
        used == 0 && plan->column_count > 0 && plan->rescued_column < 0 && !format->report_new_fields;
    return MR_OK;
}

bool csv_is_nothing(const struct csv_options *options, struct mr_str line)
{
    if (line.size > 0 && (unsigned char)line.data[0] == options->comment)
        return true;
    for (size_t i = 0; i < line.size; i++)
        if ((unsigned char)line.data[i] > ' ')
            return false;
    return true;
}
