/* formats/csv/plan.c: options and schema of the CSV format, made ready. */
#include "formats/csv/csv.h"

#define TO(member) MR_OPTION_HOME(csv_plan, options.member)

const struct mr_option_spec mr_csv_option_table[] = {
    {.include = mr_record_option_table, TO(record)},
    {.include = mr_record_line_table, TO(text)},
    {"delimiter", MR_OPTION_TEXT, NULL, "the same as sep", TO(separator)},
    {"sep", MR_OPTION_TEXT, ",", "what stands between values; one or more characters", TO(separator)},
    {"header", MR_OPTION_BOOLEAN, "false", "the first line of a file names the columns", TO(header)},
    {"enforceSchema", MR_OPTION_BOOLEAN, "true", "false: names in the header must be those of the schema",
     TO(enforce_schema)},
    {"inferSchema", MR_OPTION_BOOLEAN, "false", "inference finds types; else all columns are STRING",
     TO(infer_schema)},
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
    {"skipRows", MR_OPTION_INTEGER, "0", "lines to pass over at the beginning of a file", TO(skip_rows)},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true",
     .help = "names in the header match columns with regard to case"},
    {"mergeSchema", MR_OPTION_IGNORED, "false", .help = "inference looks at all sampled files"},
    {"inputBufferSize", MR_OPTION_IGNORED, "1048576", .help = "buffers have a size of their own"},
    {"extension", MR_OPTION_IGNORED, "csv", .help = "writing only"},
    {"escapeQuotes", MR_OPTION_IGNORED, "true", .help = "writing only"},
    {"quoteAll", MR_OPTION_IGNORED, "false", .help = "writing only"},
    {0},
};

/* "\\t" and the like stand for one character; anything else for itself. */
static int set_delimiter(struct csv_options *o, struct mr_error *error)
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

static int compile_options(const struct mr_format *format, struct csv_options *o, struct mr_arena *arena,
                           struct mr_error *error)
{
    MR_TRY(set_delimiter(o, error));
    if (o->odd_quotes == CSV_BACK_TO_DELIMITER && o->text.multi_line)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_OPTION",
                            "unescapedQuoteHandling BACK_TO_DELIMITER does not go with multiLine: a stray "
                            "quote would make records of what was read as one value. STOP_AT_DELIMITER is "
                            "the usual one.");
    if (o->escape_escape == 0) /* not given */
        o->escape_escape = o->escape == o->quote ? -1 : o->escape;
    o->slow = format->way == MR_WAY_SLOW;
    return mr_record_options_compile(&o->record, arena, format->zone, true, error);
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
    struct csv_plan *plan = format->ctx;
    plan->corrupt_column = plan->rescued_column = -1;
    MR_TRY(compile_options(format, &plan->options, &format->arena, error));
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
        } else if (mr_str_equal_nocase(name, plan->options.record.corrupt_name)) {
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
