/* sources/file_schema.c: the columns of the files: given, remembered, or inferred; and how they grow.
 *
 * Remembered: <schemaLocation>/_schemas/N, N = 0, 1, …; the line "v1", then
 * {"dataSchemaJson":"…","partitionSchemaJson":"…","format":"json"}. A version is fsynced before it is used
 * and never changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "formats/infer.h"
#include "sources/file_watch.h"

/* ---- the store ---- */

static const char *store_directory(struct file_source *s)
{
    struct mr_arena *arena = &s->source->arena;
    const char *place = s->source->schema_directory;
    if (s->options.schema_location) {
        const char *base = s->source->base_directory ? s->source->base_directory : ".";
        place = mr_path_from_uri(arena, mr_str_of(s->options.schema_location));
        if (place && place[0] != '/')
            place = mr_path_join(arena, base, place);
    }
    return place ? mr_path_join(arena, place, "_schemas") : NULL;
}

static int newest(void *ctx, const char *name, bool is_directory)
{
    int *version = ctx;
    char *end;
    long number = strtol(name, &end, 10);
    if (!is_directory && end != name && *end == '\0' && number >= 0 && number > *version)
        *version = (int)number;
    return 0;
}

/* Columns of files of one format say nothing about those of another. (Written by an older Millrace: unknown.)
 */
static int same_format(struct file_source *s, struct mr_json *json, struct mr_error *error)
{
    struct mr_str format;
    const char *now = s->options.format->name;
    if (!mr_json_get_str(json, "format", &format) || mr_str_equal_nocase(format, mr_str_of(now)))
        return MR_OK;
    mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                 "The columns remembered for this table were inferred from %.*s files, and the option format "
                 "is %s now. Set it back, give the columns (schema => '…'), read the new files in a table of "
                 "their own, or run once with --full-refresh, which infers anew.",
                 (int)format.size, format.data, now);
    mr_error_parameter(error, "option", "format");
    return error->code;
}

static int load_schema(struct file_source *s, const char *directory, const struct mr_type **data,
                       const struct mr_type **partitions, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    char number[16];
    int version = -1;
    *data = *partitions = NULL;
    if (mr_env()->list(directory, newest, &version) < 0 && errno != ENOENT)
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot list the folder",
                               directory);
    s->schema_version = version;
    if (version < 0)
        return MR_OK;
    snprintf(number, sizeof number, "%d", version);
    const char *path = mr_path_join(arena, directory, number);
    struct mr_text text;
    struct mr_json *json = NULL;
    struct mr_str schema = {0};
    mr_text_init(&text);
    int status = path ? mr_file_read_all(path, &text, error) : mr_error_memory(error, 0);
    if (status >= 0 && !mr_str_starts_with(mr_text_str(&text), MR_STR("v1\n")))
        status =
            mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                         "%s is no schema of version v1: damaged, or written by a newer Millrace.", path);
    char *copy = status >= 0 ? mr_arena_copy_text(arena, text.data + 3, text.size - 3) : NULL;
    if (status >= 0)
        status = copy ? mr_json_parse(arena, (struct mr_str){copy, text.size - 3}, &json, error)
                      : mr_error_memory(error, text.size);
    if (status >= 0 && !mr_json_get_str(json, "dataSchemaJson", &schema))
        status = mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT", "%s holds no dataSchemaJson.",
                              path);
    if (status >= 0)
        status = same_format(s, json, error);
    if (status >= 0)
        status = mr_schema_from_json(arena, schema, data, error);
    if (status >= 0 && mr_json_get_str(json, "partitionSchemaJson", &schema))
        status = mr_schema_from_json(arena, schema, partitions, error);
    mr_text_release(&text);
    if (status == MR_E_USAGE) /* the query's fault, not this file's */
        return status;
    return status < 0 ? mr_error_at(error, path, 0, 0, -1) : MR_OK;
}

static int store_schema(struct file_source *s, const char *directory, const struct mr_type *data,
                        struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    struct mr_text schema, text;
    struct mr_json_writer writer = {&text, false};
    char number[16];
    snprintf(number, sizeof number, "%d", s->schema_version + 1);
    const char *path = mr_path_join(arena, directory, number);
    mr_text_init(&schema);
    mr_text_init(&text);
    mr_schema_to_json(&schema, data);
    mr_text_append_str(&text, "v1\n");
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "dataSchemaJson");
    mr_json_str(&writer, mr_text_str(&schema));
    mr_text_clear(&schema);
    mr_schema_to_json(&schema, s->partition_schema);
    mr_json_key(&writer, "partitionSchemaJson");
    mr_json_str(&writer, mr_text_str(&schema));
    mr_json_key(&writer, "format");
    mr_json_str(&writer, mr_str_of(s->options.format->name));
    mr_json_end_object(&writer);
    int status = !path || text.failed || schema.failed ? mr_error_memory(error, text.size) : MR_OK;
    if (status >= 0)
        status = mr_directory_create(directory, error);
    if (status >= 0)
        status = mr_file_replace(path, text.data, text.size, error);
    if (status >= 0)
        s->schema_version++;
    mr_text_release(&schema);
    mr_text_release(&text);
    return status;
}

/* ---- inference ---- */

static int collect(void *ctx, const char *path, const struct mr_file_info *info, struct mr_error *error)
{
    struct file_source *s = ctx;
    return info->size_bytes > 0 ? mr_file_pending_push(s, path, info, 0, false, error) : MR_OK;
}

/* A format that knows no schema yet. */
static int open_for_inference(struct file_source *s, struct mr_format *format, struct mr_error *error)
{
    *format = (struct mr_format){.zone = s->source->zone, .case_sensitive = s->options.case_sensitive};
    return mr_format_open(format, s->options.format, s->options.format_options,
                          s->options.format_option_count, error);
}

static int infer_file(struct file_source *s, struct mr_format *format, const char *path,
                      struct mr_infer *infer, struct mr_error *error)
{
    struct mr_format_range range = {.path = path, .end = -1};
    int status = s->storage.type->input(&s->storage, path + 1, &range.input, error);
    if (status >= 0)
        return format->type->infer(format, &range, infer, error);
    if (error->sys_errno == ENOENT) /* removed meanwhile */
        return MR_OK;
    return status;
}

/* Columns as the options want them: STRING only, hints. */
static int adjust(struct file_source *s, const struct mr_type **schema, bool hints, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    if (!s->options.infer_types && !s->options.format->file_schema) {
        int count = (*schema)->field_count;
        struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, count + 1);
        if (!fields)
            return mr_error_memory(error, sizeof *fields);
        for (int i = 0; i < count; i++) {
            fields[i] = (*schema)->fields[i];
            fields[i].type = mr_type_of(MR_STRING);
        }
        *schema = mr_type_struct(arena, fields, count);
        if (!*schema)
            return mr_error_memory(error, sizeof *fields);
    }
    if (hints && s->options.schema_hints)
        return mr_schema_hint(arena, *schema, s->options.schema_hints, schema, error);
    return MR_OK;
}

static int nothing_to_infer(struct file_source *s, struct mr_error *error)
{
    mr_error_set(error, MR_E_USAGE, "UNABLE_TO_INFER_SCHEMA",
                 "%s holds no %s data to take a schema from. Give one (schema => 'a INT, b STRING'), or put "
                 "a file there.",
                 s->options.path, s->options.format->name);
    mr_error_parameter(error, "format", "%s", s->options.format->name);
    return error->code;
}

/* Formats whose files name their columns: the oldest file's. */
static int schema_of_file(struct file_source *s, struct mr_format *format, const char *path,
                          const struct mr_type **out, struct mr_error *error)
{
    struct mr_format_range range = {.path = path, .end = -1};
    MR_TRY(s->storage.type->input(&s->storage, path + 1, &range.input, error));
    return format->type->file_schema(format, &range, &s->source->arena, out, error);
}

/* What the files in hand (oldest first) show, as far as the sample goes. */
static int infer_from(struct file_source *s, struct mr_format *format, struct mr_infer *infer,
                      const struct mr_type **out, struct mr_error *error)
{
    struct file_item item;
    int status = MR_OK;
    for (int64_t n = 0; status >= 0 && n < s->options.sample_files && infer->bytes_left > 0 && !*out; n++) {
        if (!mr_file_pending_pop(s, &item))
            break;
        status = format->type->file_schema ? schema_of_file(s, format, item.path, out, error)
                                           : infer_file(s, format, item.path, infer, error);
        mr_free(item.path);
    }
    if (status < 0 || *out)
        return status;
    if (s->options.spark_dialect)
        MR_TRY(mr_infer_corrupt_column(infer, error));
    return mr_infer_schema(infer, &s->source->arena, out, error);
}

static int infer_schema(struct file_source *s, const struct mr_type **out, struct mr_error *error)
{
    struct mr_format format;
    struct mr_infer infer;
    mr_infer_init(&infer);
    infer.bytes_left = s->options.sample_bytes;
    infer.fold_case = !s->options.spark_dialect;
    *out = NULL;
    int status = open_for_inference(s, &format, error);
    if (status >= 0)
        status = mr_file_walk(s, false, collect, s, error);
    if (status >= 0)
        status = infer_from(s, &format, &infer, out, error);
    if (status >= 0)
        status = (*out)->field_count == 0 ? nothing_to_infer(s, error) : adjust(s, out, true, error);
    mr_file_list_release(&s->pending);
    s->pending_bytes = 0;
    mr_infer_release(&infer);
    mr_format_close(&format);
    return status;
}

/* ---- putting it together ---- */

/* Data columns: without those that folders give; with the rescued data column, if there is to be one. */
static int finish(struct file_source *s, const struct mr_type *schema, bool inferred, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    int count = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, schema->field_count + 2);
    bool wanted = s->options.evolution == FILE_EVOLVE_ADD || s->options.evolution == FILE_EVOLVE_RESCUE;
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    if (inferred && wanted && !s->options.rescued_column)
        s->options.rescued_column = "_rescued_data";
    for (int i = 0; i < schema->field_count; i++)
        if (mr_type_field(s->partition_schema, mr_str_of(schema->fields[i].name), false, NULL) < 0)
            fields[count++] = schema->fields[i];
    if (s->options.rescued_column && !*s->options.rescued_column)
        s->options.rescued_column = NULL;
    if (s->options.rescued_column &&
        mr_type_field(schema, mr_str_of(s->options.rescued_column), false, NULL) < 0)
        fields[count++] = (struct mr_field){.name = s->options.rescued_column,
                                            .type = mr_type_of(MR_STRING),
                                            .nullable = true};
    s->data_schema = mr_type_struct(arena, fields, count);
    return s->data_schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

/* Partition columns: those remembered stay as they are, though no file may show them any more; folders add to
 * them; hints say types. */
static int partitions_of(struct file_source *s, const struct mr_type *remembered, bool *grown,
                         struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    const struct mr_type *known = remembered ? remembered : mr_type_struct(arena, NULL, 0), *hinted = known;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, known ? known->field_count + 1 : 1);
    if (!known || !fields)
        return mr_error_memory(error, sizeof *fields);
    if (s->options.schema_hints)
        MR_TRY(mr_schema_hint(arena, known, s->options.schema_hints, &hinted, error));
    MR_TRY(mr_file_partition_schema(s, hinted, error));
    for (int i = 0; i < known->field_count; i++) /* hints come behind what they add to */
        fields[i] = hinted->fields[i];
    const struct mr_type *base = mr_type_struct(arena, fields, known->field_count);
    if (!base)
        return mr_error_memory(error, sizeof *base);
    return mr_schema_merge(arena, base, s->partition_schema, &s->partition_schema, grown, error);
}

int mr_file_schema_open(struct file_source *s, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    const struct mr_type *schema = s->source->declared_schema;
    if (!schema && s->options.schema_text)
        MR_TRY(mr_schema_parse(arena, mr_str_of(s->options.schema_text), &schema, error));
    if (!schema && s->options.format->fixed_schema)
        schema = s->options.format->fixed_schema();
    bool given = schema != NULL;
    if (given) {
        MR_TRY(mr_file_partition_schema(s, schema, error));
        if (s->options.schema_hints)
            MR_TRY(mr_schema_hint(arena, schema, s->options.schema_hints, &schema, error));
        return finish(s, schema, false, error);
    }
    const char *directory = store_directory(s);
    const struct mr_type *partitions = NULL, *remembered;
    bool more_partitions;
    if (directory)
        MR_TRY(load_schema(s, directory, &schema, &partitions, error));
    remembered = schema;
    bool stored = schema != NULL;
    if (!stored)
        MR_TRY(infer_schema(s, &schema, error));
    else if (s->options.schema_hints)
        MR_TRY(mr_schema_hint(arena, schema, s->options.schema_hints, &schema, error));
    MR_TRY(partitions_of(s, partitions, &more_partitions, error));
    if ((!stored || more_partitions) && directory && !s->source->schema_read_only)
        MR_TRY(store_schema(s, directory, stored ? remembered : schema, error));
    return finish(s, schema, true, error);
}

/* The schema without what is not of the files. */
static const struct mr_type *stored_part(struct file_source *s)
{
    struct mr_field *fields =
        MR_ARENA_ARRAY(&s->source->arena, struct mr_field, s->data_schema->field_count + 1);
    int count = 0;
    for (int i = 0; fields && i < s->data_schema->field_count; i++)
        if (!s->options.rescued_column ||
            strcmp(s->data_schema->fields[i].name, s->options.rescued_column) != 0)
            fields[count++] = s->data_schema->fields[i];
    return fields ? mr_type_struct(&s->source->arena, fields, count) : NULL;
}

static void list_new(struct mr_text *out, const struct mr_type *base, const struct mr_type *merged)
{
    for (int i = 0; i < merged->field_count; i++) {
        int same = mr_type_field(base, mr_str_of(merged->fields[i].name), false, NULL);
        if (same < 0 || !mr_type_equal(base->fields[same].type, merged->fields[i].type))
            mr_text_format(out, "%s%s", out->size ? ", " : "", merged->fields[i].name);
    }
}

static int merge_and_store(struct file_source *s, const struct mr_type *base, struct mr_infer *infer,
                           struct mr_text *names, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    const struct mr_type *found, *merged;
    const char *directory = store_directory(s);
    bool grown;
    MR_TRY(mr_infer_schema(infer, arena, &found, error));
    MR_TRY(adjust(s, &found, false, error));
    MR_TRY(mr_schema_merge(arena, base, found, &merged, &grown, error));
    list_new(names, base, merged);
    if (s->options.evolution == FILE_EVOLVE_FAIL)
        return MR_OK;
    if (!grown) /* starting again would end here again */
        return mr_error_set(
            error, MR_E_DATA, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE",
            "The file has fields that the schema lacks, and inference does not find them. Name "
            "them in schemaHints, or set schemaEvolutionMode => 'rescue'.");
    if (!directory)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "New fields appeared, and there is no schemaLocation to remember them in.");
    return store_schema(s, directory, merged, error);
}

int mr_file_schema_grow(struct file_source *s, const char *path, struct mr_error *error)
{
    struct mr_format format;
    struct mr_infer infer;
    struct mr_text names;
    struct mr_error problem = {0};
    mr_text_init(&names);
    mr_infer_init(&infer);
    infer.bytes_left = s->options.sample_bytes;
    infer.fold_case = true;
    const struct mr_type *base = stored_part(s);
    int status = open_for_inference(s, &format, &problem);
    if (status >= 0)
        status = base ? mr_infer_seed(&infer, base, &problem) : mr_error_memory(&problem, sizeof *base);
    if (status >= 0)
        status = infer_file(s, &format, path, &infer, &problem);
    if (status >= 0)
        status = merge_and_store(s, base, &infer, &names, &problem);
    if (status < 0) {
        *error = problem;
        mr_error_at(error, path, 0, 0, -1);
    } else if (s->options.evolution == FILE_EVOLVE_FAIL) {
        mr_error_set(error, MR_E_DATA, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE",
                     "%s has fields that the schema lacks: %s. Add them to the schema or to schemaHints, or "
                     "take the file away.",
                     path, names.data ? names.data : "");
    } else {
        mr_error_set(
            error, MR_E_SCHEMA_CHANGED, "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE",
            "%s has fields that the schema lacked: %s. They were added to it; the flow starts again.", path,
            names.data ? names.data : "");
    }
    if (status >= 0) {
        memcpy(error->sqlstate, "KD003", 6);
        mr_error_parameter(error, "fieldName", "%s", names.data ? names.data : "");
        mr_error_parameter(error, "filePath", "%s", path);
        mr_error_at(error, path, 0, 0, -1);
    }
    mr_infer_release(&infer);
    mr_format_close(&format);
    mr_text_release(&names);
    return error->code;
}
