/* formats/json/plan.c: options and schema of the JSON format, made ready. */
#include "formats/json/json.h"

const struct mr_option_spec mr_json_option_table[] = {
    {.include = mr_json_read_table, MR_OPTION_HOME(json_plan, options)},
    {.include = mr_record_line_table, MR_OPTION_HOME(json_plan, text)},
    {"upgradeExceptionAsBadRecord", MR_OPTION_IGNORED, NULL,
     .help = "there is no older reader to differ from"},
    {0},
};

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
        if (is_named(format, i, plan->options.record.corrupt_name)) {
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

static int check_encoding(const struct mr_record_lines *text, struct mr_error *error)
{
    if (mr_encoding_is_utf8(text->lines.encoding) || text->multi_line || text->lines.separator.size > 0)
        return MR_OK;
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                        "Files in %s need the option lineSep (or multiLine) beside encoding.",
                        text->lines.encoding);
}

int mr_json_plan_open(struct mr_format *format, struct mr_error *error)
{
    struct json_plan *plan = format->ctx;
    plan->corrupt_column = plan->rescued_column = -1;
    plan->options.exact_text = plan->options.array_as_rows = true;
    plan->options.case_sensitive = format->case_sensitive;
    MR_TRY(check_encoding(&plan->text, error));
    MR_TRY(mr_record_options_compile(&plan->options.record, &format->arena, format->zone, true, error));
    bool rescue = false;
    for (int i = 0; format->schema && format->rescued_column && i < format->schema->field_count; i++)
        rescue |=
            is_named(format, i, mr_str_of(format->rescued_column)) && (!format->used || format->used[i]);
    plan->options.collect_rescued = rescue || format->report_new_fields;
    plan->baseline = format->way == MR_WAY_BASELINE;
    plan->scan_allowed = format->way != MR_WAY_SLOW && plan->options.case_sensitive &&
                         plan->options.max_number_size >= 1000 &&
                         plan->options.max_string_size == INT64_MAX && plan->options.max_nesting_depth > 70;
    if (format->schema)
        MR_TRY(plan_fields(format, plan, rescue, error));
    plan->scan_allowed = plan->scan_allowed && plan->field_count < 30000;
    return MR_OK;
}
