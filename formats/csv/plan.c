/* formats/csv/plan.c: options and schema of the CSV format, made ready. */
#include "formats/csv/csv.h"

#define TO(member) MR_OPTION_HOME(csv_plan, options.member)

const struct mr_option_spec mr_csv_option_table[] = {
    {.include = mr_csv_read_table, TO(csv)},
    {.include = mr_record_line_table, TO(text)},
    {"header", MR_OPTION_BOOLEAN, "false", "the first line of a file names the columns", TO(header)},
    {"enforceSchema", MR_OPTION_BOOLEAN, "true", "false: names in the header must be those of the schema",
     TO(enforce_schema)},
    {"inferSchema", MR_OPTION_BOOLEAN, "(false; read_files: inferColumnTypes)",
     "inference finds types; else all columns are STRING", TO(infer_schema)},
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
    struct csv_options *o = &plan->options;
    if (o->csv.odd_quotes == MR_CSV_BACK_TO_DELIMITER && o->text.multi_line)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_OPTION",
                            "unescapedQuoteHandling BACK_TO_DELIMITER does not go with multiLine: a stray "
                            "quote would make records of what was read as one value. STOP_AT_DELIMITER is "
                            "the usual one.");
    o->csv.slow = format->way == MR_WAY_SLOW;
    MR_TRY(mr_csv_options_compile(&o->csv, &format->arena, format->zone, true, error));
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
        } else if (mr_str_equal_nocase(name, plan->options.csv.record.corrupt_name)) {
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
    if (line.size > 0 && (unsigned char)line.data[0] == options->csv.comment)
        return true;
    for (size_t i = 0; i < line.size; i++)
        if ((unsigned char)line.data[i] > ' ')
            return false;
    return true;
}

char *csv_header_name(struct mr_arena *arena, const struct mr_csv_record *header, int i)
{
    struct mr_str name = mr_csv_token_text(header, &header->tokens[i]);
    bool twice = false;
    if (name.size == 0)
        return mr_arena_format(arena, "_c%d", i);
    for (int k = 0; k < header->count; k++)
        twice |= k != i && mr_str_equal_nocase(name, mr_csv_token_text(header, &header->tokens[k]));
    return twice ? mr_arena_format(arena, "%.*s%d", (int)name.size, name.data, i)
                 : mr_arena_copy_text(arena, name.data, name.size);
}
