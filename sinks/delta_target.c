/* sinks/delta_target.c: what the table is to be: options, schema of a new table, schema of files, enrolment.
 */
#include <stdio.h>

#include "sinks/delta.h"

#define PROPERTY_PREFIX "property."
#define TO(member) MR_OPTION_HOME(mr_delta_sink, options.member)

const struct mr_option_spec mr_delta_sink_options[] = {
    {"path", MR_OPTION_TEXT, NULL, "directory of the table", TO(path)},
    {"partitionColumns", MR_OPTION_TEXT, NULL, "columns a new table is partitioned by, separated by commas",
     TO(partition_columns)},
    {"mergeSchema", MR_OPTION_BOOLEAN, "false", "add columns the table lacks", TO(merge_schema)},
    {"overwriteSchema", MR_OPTION_BOOLEAN, "false",
     "with a commit that replaces all rows, replace a schema that does not fit too", TO(overwrite_schema)},
    {"comment", MR_OPTION_TEXT, NULL, "description of a new table", TO(comment)},
    {"notNullColumns", MR_OPTION_TEXT, NULL, "columns of a new table that are NOT NULL, separated by commas",
     TO(not_null_columns)},
    {"userMetadata", MR_OPTION_TEXT, NULL, "kept with every commit", TO(user_metadata)},
    {"oneShot", MR_OPTION_BOOLEAN, "false",
     "a query that runs once: the table remembers its last such write only, not one register per query",
     TO(one_shot)},
    {"checkpointLocation", MR_OPTION_IGNORED, NULL, .help = "set by the query"},
    {"delta.*", MR_OPTION_TEXT, NULL, .help = "a property of a new table"},
    {PROPERTY_PREFIX "*", MR_OPTION_TEXT, NULL, .help = "likewise, by its name behind the prefix"},
    {0},
};

/* "delta.x" and "property.x" are table properties. */
static int take_options(struct mr_delta_sink *s, struct mr_error *error)
{
    int count = s->sink->option_count;
    MR_TRY(mr_options_read(mr_delta_sink_options, "the Delta sink", s->sink->options, count, s, error));
    s->properties = (struct mr_delta_pairs){MR_ARENA_ARRAY(&s->arena, struct mr_delta_pair, count + 1), 0};
    if (!s->properties.items)
        return mr_error_memory(error, sizeof(struct mr_delta_pair) * (size_t)count);
    for (int i = 0; i < count; i++) {
        const struct mr_option *given = &s->sink->options[i];
        bool prefixed = strncmp(given->name, PROPERTY_PREFIX, sizeof(PROPERTY_PREFIX) - 1) == 0;
        if (!prefixed && strncmp(given->name, "delta.", 6) != 0)
            continue;
        struct mr_delta_pair *pair = &s->properties.items[s->properties.count++];
        pair->key = mr_str_of(given->name + (prefixed ? sizeof(PROPERTY_PREFIX) - 1 : 0));
        pair->value = mr_str_of(given->value);
    }
    return MR_OK;
}

/* "a, b" -> names; in the arena. */
static int split_names(struct mr_delta_sink *s, const char *text, struct mr_str **out, int *count,
                       struct mr_error *error)
{
    *count = 0;
    *out = MR_ARENA_ARRAY(&s->arena, struct mr_str, text ? strlen(text) + 1 : 1);
    if (!*out)
        return mr_error_memory(error, text ? strlen(text) : 0);
    while (text && *text) {
        size_t size = strcspn(text, ",");
        struct mr_str name = {text, size};
        while (name.size > 0 && name.data[0] == ' ')
            name.data++, name.size--;
        while (name.size > 0 && name.data[name.size - 1] == ' ')
            name.size--;
        if (name.size > 0)
            (*out)[(*count)++] = name;
        text += size + (text[size] == ',');
    }
    return MR_OK;
}

/* The sink's columns as a table would declare them: nullable unless named NOT NULL, whatever the query knows
 * of its results. */
static int declared_schema(struct mr_delta_sink *s, const struct mr_type **out, struct mr_error *error)
{
    const struct mr_type *given = s->sink->schema;
    struct mr_str *not_null = NULL;
    int count = 0;
    MR_TRY(split_names(s, s->options.not_null_columns, &not_null, &count, error));
    struct mr_field *fields = MR_ARENA_ARRAY(&s->arena, struct mr_field, given->field_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof(*fields) * (size_t)given->field_count);
    for (int i = 0; i < given->field_count; i++) {
        fields[i] = given->fields[i];
        fields[i].nullable = true;
        for (int j = 0; j < count; j++)
            if (mr_str_equal_nocase(not_null[j], mr_str_of(fields[i].name)))
                fields[i].nullable = false;
    }
    const struct mr_type *schema = mr_type_struct(&s->arena, fields, given->field_count);
    *out = schema ? mr_type_copy(&s->arena, schema) : NULL;
    return *out ? MR_OK : mr_error_memory(error, sizeof(*fields) * (size_t)given->field_count);
}

static int plan_new(struct mr_delta_sink *s, const struct mr_type *declared, const struct mr_str *asked,
                    int asked_count, struct mr_error *error)
{
    MR_TRY(
        mr_delta_schema_validate(mr_delta_path(&s->table), declared, asked, asked_count, NULL, NULL, error));
    s->schema = declared;
    for (int i = 0; i < asked_count; i++) { /* spelled as the column is */
        const char *name = declared->fields[mr_type_field(declared, asked[i], false, NULL)].name;
        s->partition_columns[s->partition_count++] = mr_str_of(name);
    }
    return MR_OK;
}

static int different_partitioning(const struct mr_delta_sink *s, struct mr_error *error)
{
    mr_error_set(error, MR_E_USAGE, "DELTA_CREATE_TABLE_WITH_DIFFERENT_PARTITIONING",
                 "The table %s is partitioned in another way than partitionColumns says (%s). Leave the "
                 "option out, or write to "
                 "a new table.",
                 mr_delta_path(&s->table), s->options.partition_columns);
    mr_error_parameter(error, "path", "%s", mr_delta_path(&s->table));
    return error->code;
}

static int plan_existing(struct mr_delta_sink *s, const struct mr_type *declared, const struct mr_str *asked,
                         int asked_count, struct mr_error *error)
{
    const struct mr_delta_snapshot *snapshot = &s->table.snapshot;
    const struct mr_delta_metadata *metadata = &snapshot->metadata;
    const struct mr_type *table_schema = mr_type_copy(&s->arena, snapshot->schema);
    if (!table_schema)
        return mr_error_memory(error, sizeof(*table_schema));
    MR_TRY(mr_delta_check_writable(mr_delta_path(&s->table), &snapshot->protocol, metadata, error));
    bool replaces =
        s->sink->truncate_first || (s->sink->mode == MR_MODE_COMPLETE && s->options.overwrite_schema);
    bool same_parts = asked_count == 0 || asked_count == metadata->partition_column_count;
    for (int i = 0; same_parts && i < asked_count; i++)
        same_parts = mr_str_equal_nocase(asked[i], metadata->partition_columns[i]);
    if (!same_parts && !replaces)
        return different_partitioning(s, error);
    s->schema = table_schema;
    if (s->options.merge_schema && table_schema->field_count > 0)
        MR_TRY(mr_delta_schema_merge(&s->arena, table_schema, declared, &s->schema, &s->merge, error));
    int status = mr_delta_schema_check(mr_delta_path(&s->table), s->schema, declared, error);
    if (status < 0 && !replaces)
        return status;
    if (status < 0 || !same_parts) { /* the commit that empties the table also says what it is from now on */
        mr_error_clear(error);
        s->overwrite_schema = true;
        s->merge = false;
        return plan_new(s, declared, asked, asked_count, error);
    }
    if (s->merge)
        MR_TRY(mr_delta_schema_validate(mr_delta_path(&s->table), s->schema, NULL, 0, NULL, NULL, error));
    for (int i = 0; i < metadata->partition_column_count; i++) {
        struct mr_str name = metadata->partition_columns[i];
        char *copy = mr_arena_copy_text(&s->arena, name.data, name.size);
        if (!copy)
            return mr_error_memory(error, name.size);
        s->partition_columns[s->partition_count++] = (struct mr_str){copy, name.size};
    }
    return MR_OK;
}

/* From the planned table: which columns go into files, which make directories. */
static int plan_files(struct mr_delta_sink *s, struct mr_error *error)
{
    const struct mr_type *given = s->sink->schema;
    int count = given->field_count, files = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(&s->arena, struct mr_field, count + 1);
    struct mr_field *all = MR_ARENA_ARRAY(&s->arena, struct mr_field, count + 1);
    s->file_columns = MR_ARENA_ARRAY(&s->arena, int, count + 1);
    s->not_null = MR_ARENA_ARRAY(&s->arena, bool, count + 1);
    s->partition_sources = MR_ARENA_ARRAY(&s->arena, int, s->partition_count + 1);
    if (!fields || !all || !s->file_columns || !s->not_null || !s->partition_sources)
        return mr_error_memory(error, sizeof(*fields) * (size_t)count);
    for (int i = 0; i < s->partition_count; i++)
        s->partition_sources[i] = -1;
    for (int i = 0; i < count; i++) {
        const struct mr_field *known =
            &s->schema->fields[mr_type_field(s->schema, mr_str_of(given->fields[i].name), false, NULL)];
        s->not_null[i] = !known->nullable;
        s->any_not_null = s->any_not_null || !known->nullable;
        all[i] = given->fields[i];
        all[i].name = known->name;
        all[i].nullable = known->nullable;
        int part = -1;
        for (int j = 0; j < s->partition_count; j++)
            if (mr_str_equal_nocase(s->partition_columns[j], mr_str_of(known->name)))
                part = j;
        if (part >= 0) {
            s->partition_sources[part] = i;
            continue;
        }
        s->file_columns[files] = i;
        fields[files] = all[i];
        fields[files++].nullable = true; /* of the file: what is NOT NULL is checked before */
    }
    for (int i = 0; i < s->partition_count; i++)
        if (s->partition_sources[i] < 0)
            return mr_error_set(error, MR_E_SQL, "DELTA_PARTITION_COLUMN_NOT_FOUND",
                                "The table %s is partitioned by %.*s, and the data lack that column.",
                                mr_delta_path(&s->table), (int)s->partition_columns[i].size,
                                s->partition_columns[i].data);
    if (files == 0)
        return mr_error_set(error, MR_E_SQL, "DELTA_NON_PARTITION_COLUMN_ABSENT",
                            "The data for the table %s have partition columns only.",
                            mr_delta_path(&s->table));
    s->file_schema = mr_type_struct(&s->arena, fields, files);
    s->data_schema = mr_type_struct(&s->arena, all, count);
    return s->file_schema && s->data_schema ? MR_OK : mr_error_memory(error, sizeof(*fields) * (size_t)count);
}

int mr_delta_target_plan(struct mr_delta_sink *s, struct mr_error *error)
{
    struct mr_str *asked = NULL;
    const struct mr_type *declared = NULL;
    int asked_count = 0;
    MR_TRY(take_options(s, error));
    MR_TRY(split_names(s, s->options.partition_columns, &asked, &asked_count, error));
    MR_TRY(declared_schema(s, &declared, error));
    int most = asked_count > s->table.snapshot.metadata.partition_column_count
                   ? asked_count
                   : s->table.snapshot.metadata.partition_column_count;
    s->partition_columns = MR_ARENA_ARRAY(&s->arena, struct mr_str, most + 1);
    if (!s->partition_columns)
        return mr_error_memory(error, sizeof(struct mr_str) * (size_t)most);
    s->partition_count = 0; /* it may be planned a second time, see enrol */
    s->merge = s->overwrite_schema = s->any_not_null = false;
    s->create = s->table.snapshot.version < 0;
    if (s->create)
        MR_TRY(plan_new(s, declared, asked, asked_count, error));
    else
        MR_TRY(plan_existing(s, declared, asked, asked_count, error));
    if (!s->create && mr_delta_replaces(s->sink) &&
        mr_delta_property_is(&s->table.snapshot.metadata, "delta.appendOnly", false))
        return mr_error_set(error, MR_E_USAGE, "DELTA_CANNOT_MODIFY_APPEND_ONLY",
                            "The table %s has delta.appendOnly set; output mode %s replaces its rows.",
                            mr_delta_path(&s->table),
                            s->sink->mode == MR_MODE_COMPLETE ? "complete" : "update");
    return plan_files(s, error);
}

/* ---- creating and enrolling ---- */
int mr_delta_target_metadata(struct mr_delta_sink *s, const struct mr_delta_metadata *existing,
                             struct mr_delta_metadata *out, struct mr_error *error)
{
    struct mr_text json;
    mr_text_init(&json);
    mr_schema_to_json(&json, s->schema);
    *out = (struct mr_delta_metadata){.created_ms = mr_env()->now_us() / 1000};
    if (existing)
        *out = *existing;
    char *copy = json.failed ? NULL : mr_arena_copy_text(&s->arena, json.data, json.size);
    out->schema_json = (struct mr_str){copy, json.size};
    mr_text_release(&json);
    char *id = mr_arena_allocate(&s->arena, 37);
    if (!copy || !id)
        return mr_error_memory(error, out->schema_json.size);
    out->partition_columns = s->partition_columns;
    out->partition_column_count = s->partition_count;
    if (existing)
        return MR_OK;
    mr_delta_uuid(id);
    out->id = mr_str_of(id);
    out->description = mr_str_of(s->options.comment);
    out->configuration = s->properties;
    return MR_OK;
}

int mr_delta_target_create(struct mr_delta_sink *s, struct mr_text *actions, struct mr_error *error)
{
    struct mr_delta_metadata metadata;
    struct mr_delta_protocol protocol;
    MR_TRY(mr_delta_target_metadata(s, NULL, &metadata, error));
    MR_TRY(mr_delta_protocol_for(&s->arena, s->schema, &s->properties, &protocol, error));
    MR_TRY(mr_delta_check_writable(mr_delta_path(&s->table), &protocol, &metadata, error));
    mr_delta_metadata_print(actions, &metadata);
    mr_delta_protocol_print(actions, &protocol);
    return MR_OK;
}

struct enrolment {
    struct mr_delta_sink *s;
    uint64_t id;
    struct mr_text parameters;
};

/* The metaData of the table with our columns added to those it has now. */
static int add_columns(struct mr_delta_sink *s, const struct mr_delta_snapshot *snapshot,
                       const struct mr_type *merged, struct mr_text *actions, struct mr_error *error)
{
    struct mr_delta_metadata metadata;
    struct mr_delta_protocol needed;
    s->schema = mr_type_copy(&s->arena, merged); /* the snapshot's goes when the commit is applied */
    if (!s->schema)
        return mr_error_memory(error, sizeof(*merged));
    MR_TRY(mr_delta_target_metadata(s, &snapshot->metadata, &metadata, error));
    MR_TRY(mr_delta_protocol_for(&s->arena, merged, &s->properties, &needed, error));
    if (needed.min_reader > 2 && !mr_delta_has_feature(&snapshot->protocol, "timestampNtz"))
        return mr_error_set(error, MR_E_UNSUPPORTED, "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE",
                            "A TIMESTAMP_NTZ column cannot be added to %s: its protocol lacks the feature "
                            "timestampNtz.",
                            mr_delta_path(&s->table));
    mr_delta_metadata_print(actions, &metadata);
    return MR_OK;
}

/* commitInfo.operationParameters of a new table, as Spark gives them. */
static void print_creation(struct mr_delta_sink *s, struct mr_text *out)
{
    struct mr_text columns, properties;
    mr_text_init(&columns);
    mr_text_init(&properties);
    struct mr_json_writer w = {.out = &columns};
    mr_json_begin_array(&w);
    for (int i = 0; i < s->partition_count; i++)
        mr_json_str(&w, s->partition_columns[i]);
    mr_json_end_array(&w);
    w = (struct mr_json_writer){.out = &properties};
    mr_json_begin_object(&w);
    for (int i = 0; i < s->properties.count; i++) {
        mr_json_key_str(&w, s->properties.items[i].key);
        mr_json_str(&w, s->properties.items[i].value);
    }
    mr_json_end_object(&w);
    w = (struct mr_json_writer){.out = out};
    mr_json_begin_object(&w);
    mr_json_key(&w, "partitionBy");
    mr_json_str(&w, mr_text_str(&columns));
    mr_json_key(&w, "description");
    if (s->options.comment && *s->options.comment)
        mr_json_cstr(&w, s->options.comment);
    else
        mr_json_null(&w);
    mr_json_key(&w, "isManaged");
    mr_json_cstr(&w, "false");
    mr_json_key(&w, "properties");
    mr_json_str(&w, mr_text_str(&properties));
    mr_json_end_object(&w);
    mr_text_release(&columns);
    mr_text_release(&properties);
}

static int build_enrolment(void *ctx, const struct mr_delta_snapshot *snapshot,
                           struct mr_delta_commit_info *info, struct mr_text *actions, struct mr_error *error)
{
    struct enrolment *enrolment = ctx;
    struct mr_delta_sink *s = enrolment->s;
    const char *path = mr_delta_path(&s->table);
    struct mr_register found;
    mr_delta_register(s, snapshot, &found);
    if (snapshot->version < 0) {
        mr_text_clear(&enrolment->parameters);
        print_creation(s, &enrolment->parameters);
        info->operation = "CREATE TABLE";
        info->parameters = mr_text_str(&enrolment->parameters);
        MR_TRY(mr_delta_target_create(s, actions, error));
    } else if (s->create) {
        return mr_error_set(error, MR_E_CONFLICT, "DELTA_CONCURRENT_WRITE", "%s was created a moment ago.",
                            path);
    } else {
        bool changed = false;
        const struct mr_type *merged = snapshot->schema;
        if (s->merge)
            MR_TRY(
                mr_delta_schema_merge(&s->arena, snapshot->schema, s->data_schema, &merged, &changed, error));
        if (!s->overwrite_schema)
            MR_TRY(mr_delta_schema_check(path, merged, s->data_schema, error));
        if (found.present && !changed)
            return MR_END;
        if (changed) {
            info->operation = "ADD COLUMNS";
            MR_TRY(add_columns(s, snapshot, merged, actions, error));
        }
    }
    if (!found.present)
        mr_delta_txn_print(actions, s->decision_id_app, (int64_t)enrolment->id, mr_env()->now_us() / 1000);
    return enrolment->parameters.failed ? mr_error_memory(error, enrolment->parameters.size) : MR_OK;
}

/* How files are made is settled here, once: workers read it without a lock. */
static void settle_files(struct mr_delta_sink *s)
{
    const struct mr_delta_metadata *metadata = &s->table.snapshot.metadata;
    struct mr_delta_metadata own = {.configuration = s->properties};
    struct mr_str columns =
        mr_delta_property(s->create ? &own : metadata, "delta.dataSkippingNumIndexedCols");
    struct mr_str bytes = mr_delta_property(s->create ? &own : metadata, "delta.targetFileSize");
    struct mr_json number = {.type = MR_JSON_NUMBER, .text = columns, .raw = columns};
    int64_t asked = 32;
    char text[32];
    if (columns.size > 0)
        mr_json_to_i64(&number, &asked);
    s->stats_columns = (int)asked;
    s->roll_bytes = MR_DELTA_ROLL_BYTES;
    if (bytes.size > 0 && bytes.size < sizeof(text)) {
        memcpy(text, bytes.data, bytes.size);
        text[bytes.size] = '\0';
        if (mr_option_parse_bytes(text, &asked) && asked > 0)
            s->roll_bytes = asked;
    }
}

int mr_delta_target_enrol(struct mr_delta_sink *s, struct mr_register *out, struct mr_error *error)
{
    struct enrolment enrolment = {.s = s, .id = mr_env()->random() >> 1};
    struct mr_delta_commit_info info = {.operation = "STREAMING ENROL", .blind_append = true};
    int64_t version = -1;
    int status = MR_OK;
    enrolment.id += enrolment.id == 0;
    mr_text_init(&enrolment.parameters);
    if (!s->options.one_shot || s->merge) {
        status = mr_delta_commit(&s->table, &info, build_enrolment, &enrolment, &version, error);
        if (status == MR_E_CONFLICT && s->create && s->table.snapshot.version >= 0) {
            mr_error_clear(error); /* somebody else made it first: fit ourselves to what there is */
            status = mr_delta_target_plan(s, error);
            if (status == MR_OK)
                status = mr_delta_commit(&s->table, &info, build_enrolment, &enrolment, &version, error);
        }
    }
    mr_text_release(&enrolment.parameters);
    MR_TRY(status);
    /* What we are about to rely on must outlive a power cut: the last process may have died between linking
     * and fsyncing. */
    if (s->table.snapshot.version >= 0)
        MR_TRY(s->table.storage.type->sync_directory(&s->table.storage, MR_DELTA_LOG, error));
    if (!s->table.loaded)
        MR_TRY(mr_delta_load(&s->table, -1, error));
    mr_delta_register(s, &s->table.snapshot, out);
    if (s->options.one_shot &&
        !out->present) /* nothing is enrolled: creating the table and filling it is one commit */
        *out = (struct mr_register){true, -1, 1};
    mr_delta_target_note(s);
    settle_files(s);
    return MR_OK;
}

void mr_delta_target_note(struct mr_delta_sink *s)
{
    const struct mr_delta_metadata *metadata = &s->table.snapshot.metadata;
    size_t size = metadata->id.size < sizeof(s->table_id) - 1 ? metadata->id.size : sizeof(s->table_id) - 1;
    if (size > 0)
        memcpy(s->table_id, metadata->id.data, size);
    s->table_id[size] = '\0';
    s->append_only = mr_delta_property_is(metadata, "delta.appendOnly", false);
}
