/* formats/json/plan.c: options and schema of the JSON format, made ready. */
#include "formats/json/json.h"

const struct mr_option_spec mr_json_option_table[] = {
    {"mode", MR_OPTION_CHOICE, "PERMISSIVE", "json", "PERMISSIVE|DROPMALFORMED|FAILFAST",
     "what a malformed record does: a row of NULLs, nothing, an error"},
    {"columnNameOfCorruptRecord", MR_OPTION_TEXT, "_corrupt_record", "json", NULL,
     "the STRING column, if the schema has it, that keeps the text of malformed records"},
    {"multiLine", MR_OPTION_BOOLEAN, "false", "json", NULL, "a file is one record, or one array of them"},
    {"lineSep", MR_OPTION_TEXT, NULL, "json", NULL, "what ends a record; by default \\n, \\r\\n or \\r"},
    {"encoding", MR_OPTION_TEXT, "UTF-8", "json", NULL,
     "the files' encoding; any but UTF-8 needs lineSep or multiLine"},
    {"charset", MR_OPTION_TEXT, "UTF-8", "json", NULL, "the same as encoding"},
    {"dateFormat", MR_OPTION_TEXT, "yyyy-MM-dd", "json", NULL, "pattern of DATE"},
    {"timestampFormat", MR_OPTION_TEXT, "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "json", NULL,
     "pattern of TIMESTAMP"},
    {"timestampNTZFormat", MR_OPTION_TEXT, "yyyy-MM-dd'T'HH:mm:ss[.SSS]", "json", NULL,
     "pattern of TIMESTAMP_NTZ"},
    {"timeZone", MR_OPTION_TEXT, "session", "json", NULL, "zone of timestamps that name none"},
    {"locale", MR_OPTION_CHOICE, "en-US", "json", "en-US|en_US|en", "language of names in patterns"},
    {"enableDateTimeParsingFallback", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "a text that does not fit its pattern is read as CAST reads it"},
    {"allowSingleQuotes", MR_OPTION_BOOLEAN, "true", "json", NULL,
     "names and strings may stand in single quotes"},
    {"allowUnquotedFieldNames", MR_OPTION_BOOLEAN, "false", "json", NULL, "names may stand without quotes"},
    {"allowComments", MR_OPTION_BOOLEAN, "false", "json", NULL, "comments of C and C++ are passed over"},
    {"allowNumericLeadingZeros", MR_OPTION_BOOLEAN, "false", "json", NULL, "numbers may begin with zeros"},
    {"allowNonNumericNumbers", MR_OPTION_BOOLEAN, "true", "json", NULL,
     "NaN, Infinity, -INF and so on are numbers"},
    {"allowBackslashEscapingAnyCharacter", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "a backslash may precede anything"},
    {"allowUnquotedControlChars", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "strings may hold tabs and the like"},
    {"maxNestingDepth", MR_OPTION_INTEGER, "1000", "json", NULL, "deeper records are malformed"},
    {"maxNumLen", MR_OPTION_INTEGER, "1000", "json", NULL, "records with longer numbers are malformed"},
    {"maxStringLen", MR_OPTION_INTEGER, "none", "json", NULL, "records with longer strings are malformed"},
    {"primitivesAsString", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "inference: numbers and booleans become STRING"},
    {"prefersDecimal", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "inference: fractions become DECIMAL where they fit"},
    {"inferTimestamp", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "inference: strings that are timestamps become TIMESTAMP"},
    {"dropFieldIfAllNull", MR_OPTION_BOOLEAN, "false", "json", NULL,
     "inference: fields that are always null are left out"},
    {"samplingRatio", MR_OPTION_IGNORED, "1.0", "json", NULL, "inference reads whole files"},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true", "json", NULL,
     "names in records match columns with regard to case"},
    {"rescuedDataColumn", MR_OPTION_TEXT, NULL, "json", NULL,
     "a STRING column for what has no column or does not fit its type, as JSON"},
    {"badRecordsPath", MR_OPTION_REFUSED, NULL, "json", NULL,
     "use columnNameOfCorruptRecord or rescuedDataColumn"},
    {"singleVariantColumn", MR_OPTION_REFUSED, NULL, "json", NULL, "there is no VARIANT type yet"},
    {"upgradeExceptionAsBadRecord", MR_OPTION_IGNORED, "false", "json", NULL,
     "there is no older reader to differ from"},
    {0}};

static bool is_named(const struct mr_format *format, int field, struct mr_str name)
{
    return name.size > 0 && mr_str_equal_nocase(mr_str_of(format->schema->fields[field].name), name);
}

static int special_column(struct mr_format *format, int field, int *out, struct mr_error *error)
{
    const struct mr_field *f = &format->schema->fields[field];
    if (f->type->id != MR_STRING) {
        mr_error_set(error, MR_E_SQL, "INVALID_CORRUPT_RECORD_TYPE",
                     "The column %s keeps text of records, so it must be a STRING and nullable.", f->name);
        mr_error_parameter(error, "columnName", "%s", f->name);
        return error->code;
    }
    if (!format->used || format->used[field])
        *out = field;
    return MR_OK;
}

static void add_name(struct json_plan *plan, int field)
{
    struct json_field *f = &plan->fields[field];
    uint32_t slot = (uint32_t)f->hash & plan->slot_mask;
    while (plan->slots[slot] != 0)
        slot = (slot + 1) & plan->slot_mask;
    plan->slots[slot] = (uint16_t)(field + 1);
}

/* Sorts the schema's fields into special columns, the record's fields, and those nobody uses. */
static int plan_fields(struct mr_format *format, struct json_plan *plan, bool rescue, struct mr_error *error)
{
    int count = format->schema->field_count;
    uint32_t slots = 16;
    while (slots < (uint32_t)count * 2)
        slots *= 2;
    struct mr_field *record = MR_ARENA_ARRAY(&format->arena, struct mr_field, count + 1);
    plan->fields = MR_ARENA_ARRAY(&format->arena, struct json_field, count + 1);
    plan->columns = MR_ARENA_ARRAY(&format->arena, int, count + 1);
    plan->slots = MR_ARENA_ARRAY(&format->arena, uint16_t, slots);
    if (!record || !plan->fields || !plan->columns || !plan->slots)
        return mr_error_memory(error, sizeof *plan->fields * (size_t)count);
    plan->slot_mask = slots - 1;
    int used = 0;
    for (int i = 0; i < count; i++) {
        const struct mr_field *field = &format->schema->fields[i];
        if (format->rescued_column && is_named(format, i, mr_str_of(format->rescued_column))) {
            MR_TRY(special_column(format, i, &plan->rescued_column, error));
            continue;
        }
        if (is_named(format, i, plan->options.corrupt_record_name)) {
            MR_TRY(special_column(format, i, &plan->corrupt_column, error));
            continue;
        }
        size_t size = strlen(field->name);
        char *name = mr_arena_allocate_zeroed(&format->arena, size + 32);
        if (!name)
            return mr_error_memory(error, size);
        memcpy(name, field->name, size);
        struct json_field *f = &plan->fields[plan->field_count++];
        *f = (struct json_field){.name = {name, size}, .hash = json_name_hash(name, size), .record = -1};
        add_name(plan, plan->field_count - 1);
        if (!format->used || format->used[i] || rescue ||
            (format->report_new_fields && mr_type_is_nested(field->type))) {
            f->record = used;
            plan->columns[used] = i;
            record[used++] = *field;
        }
    }
    plan->record = mr_type_struct(&format->arena, record, used);
    return plan->record ? MR_OK : mr_error_memory(error, sizeof *record);
}

static int plan_options(struct mr_format *format, struct json_plan *plan, struct mr_error *error)
{
    for (int i = 0; i < format->option_count; i++) {
        const struct mr_option *option = &format->options[i];
        struct mr_str name = mr_str_of(option->name), value = mr_str_of(option->value);
        int status = mr_json_options_set(&plan->options, &format->arena, name, value, error);
        if (status < 0)
            return status;
        if (status != MR_END)
            continue;
        if (mr_str_equal_nocase(name, MR_STR("encoding")) || mr_str_equal_nocase(name, MR_STR("charset")))
            plan->encoding = option->value;
        else if (mr_str_equal_nocase(name, MR_STR("lineSep")))
            plan->line_separator = value;
        else if (mr_str_equal_nocase(name, MR_STR("multiLine")))
            mr_option_parse_boolean(option->value, &plan->multi_line);
    }
    bool utf8 = !plan->encoding || mr_str_equal_nocase(mr_str_of(plan->encoding), MR_STR("UTF-8"));
    if (!utf8 && !plan->multi_line && plan->line_separator.size == 0) {
        mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                     "Files in %s need the option lineSep (or multiLine) beside encoding.", plan->encoding);
        return error->code;
    }
    return MR_OK;
}

int mr_json_plan_open(struct mr_format *format, struct mr_error *error)
{
    struct json_plan *plan = MR_ARENA_NEW(&format->arena, struct json_plan);
    if (!plan)
        return mr_error_memory(error, sizeof *plan);
    format->ctx = plan;
    plan->corrupt_column = plan->rescued_column = -1;
    mr_json_options_init(&plan->options, format->zone);
    plan->options.case_sensitive = format->case_sensitive;
    MR_TRY(plan_options(format, plan, error));
    bool rescue = false;
    for (int i = 0; format->schema && format->rescued_column && i < format->schema->field_count; i++)
        rescue |=
            is_named(format, i, mr_str_of(format->rescued_column)) && (!format->used || format->used[i]);
    plan->options.collect_rescued = rescue || format->report_new_fields;
    struct mr_json_options defaults;
    mr_json_options_init(&defaults, format->zone);
    plan->baseline = format->way == MR_WAY_BASELINE;
    plan->scan_allowed =
        format->way != MR_WAY_SLOW && plan->options.case_sensitive && plan->options.max_number_size >= 1000 &&
        plan->options.max_string_size == defaults.max_string_size && plan->options.max_nesting_depth > 70;
    if (format->schema)
        MR_TRY(plan_fields(format, plan, rescue, error));
    plan->scan_allowed = plan->scan_allowed && plan->field_count < 30000;
    return MR_OK;
}
