/* sinks/file.c: the file sinks: options, columns, verbs. */
#include "sinks/file.h"

#include "base/json.h"

#define ROLL_BYTES (INT64_C(128) << 20)

#define TO(member) MR_OPTION_HOME(mr_file_options, member)

static const struct mr_option_spec common_options[] = {
    {"path", MR_OPTION_TEXT, NULL, "the folder; relative to the project", TO(path)},
    {"partitionBy", MR_OPTION_TEXT, NULL, "columns, separated by commas: a folder for each value",
     TO(partition_by)},
    {0},
};
static const struct mr_option_spec text_options[] = {
    {.include = common_options},
    {"lineSep", MR_OPTION_TEXT, "\n", "what ends a record", TO(line_end)},
    {"compression", MR_OPTION_CHOICE, "none", "files are not compressed", .choices = "none|uncompressed"},
    {0},
};
static const struct mr_option_spec json_options[] = {
    {.include = text_options},
    {.include = mr_time_option_table, TO(json.record)},
    {.include = mr_json_write_table, TO(json)},
    {0},
};
static const struct mr_option_spec csv_options[] = {
    {.include = text_options},
    {.include = mr_csv_write_table, TO(csv)},
    {"header", MR_OPTION_BOOLEAN, "false", "the first line of each file names the columns", TO(header)},
    {0},
};
static const struct mr_option_spec parquet_options[] = {
    {.include = common_options},
    {"compression", MR_OPTION_CHOICE, "snappy", "of pages", TO(codec),
     .choices = "snappy|zstd|gzip|none|uncompressed"},
    {0},
};

/* ---- columns ---- */
static int partition_column(struct mr_file_sink *s, struct mr_str name, struct mr_error *error)
{
    while (name.size > 0 && name.data[0] == ' ') {
        name.data++;
        name.size--;
    }
    while (name.size > 0 && name.data[name.size - 1] == ' ')
        name.size--;
    int column = mr_type_field(s->sink->schema, name, false, NULL);
    if (column < 0)
        return mr_error_set(error, MR_E_SQL, "PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA",
                            "The sink '%s' is to be partitioned by %.*s; the rows have no such column.",
                            s->sink->name, (int)name.size, name.data);
    if (mr_type_is_nested(s->sink->schema->fields[column].type))
        return mr_error_set(error, MR_E_SQL, "INVALID_PARTITION_COLUMN_DATA_TYPE",
                            "The sink '%s' cannot be partitioned by %.*s, which is no single value.",
                            s->sink->name, (int)name.size, name.data);
    s->partition_columns[s->partition_count++] = column;
    return MR_OK;
}

static int plan_columns(struct mr_file_sink *s, struct mr_error *error)
{
    const struct mr_type *schema = s->sink->schema;
    const char *by = s->options.partition_by;
    struct mr_field *fields = MR_ARENA_ARRAY(&s->arena, struct mr_field, schema->field_count + 1);
    s->partition_columns = MR_ARENA_ARRAY(&s->arena, int, (by ? strlen(by) : 0) + 1);
    s->file_columns = MR_ARENA_ARRAY(&s->arena, int, schema->field_count + 1);
    if (!fields || !s->partition_columns || !s->file_columns)
        return mr_error_memory(error, sizeof *fields);
    for (const char *at = by; at && *at;) {
        size_t size = strcspn(at, ",");
        MR_TRY(partition_column(s, (struct mr_str){at, size}, error));
        at += size + (at[size] == ',');
    }
    int count = 0;
    for (int c = 0; c < schema->field_count; c++) {
        bool partition = false;
        for (int i = 0; i < s->partition_count; i++)
            partition |= s->partition_columns[i] == c;
        if (partition)
            continue;
        fields[count] = schema->fields[c];
        s->file_columns[count++] = c;
        bool nested = mr_type_is_nested(fields[count - 1].type) || fields[count - 1].type->id == MR_BINARY;
        if (nested && mr_file_sink_is(s, &mr_csv_sink))
            return mr_error_set(
                error, MR_E_SQL, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                "CSV files hold no arrays, maps, structs and binary values; the column %s is one.",
                fields[count - 1].name);
    }
    if (count == 0)
        return mr_error_set(error, MR_E_SQL, "ALL_PARTITION_COLUMNS_NOT_ALLOWED",
                            "The sink '%s' has no column besides those it is partitioned by.", s->sink->name);
    s->file_schema = mr_type_struct(&s->arena, fields, count);
    return s->file_schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

/* ---- formats ---- */
static int plan_format(struct mr_file_sink *s, struct mr_error *error)
{
    static const struct {
        const char *suffix;
        enum mr_parquet_codec codec;
    } codecs[] = {{".snappy.parquet", MR_PARQUET_SNAPPY}, /* in the order of the choices */
                  {".zstd.parquet", MR_PARQUET_ZSTD},
                  {".gz.parquet", MR_PARQUET_GZIP},
                  {".parquet", MR_PARQUET_UNCOMPRESSED},
                  {".parquet", MR_PARQUET_UNCOMPRESSED}};
    const struct mr_zone *zone = s->sink->zone;
    if (mr_file_sink_is(s, &mr_parquet_sink)) {
        s->codec = codecs[s->options.codec].codec;
        s->suffix = codecs[s->options.codec].suffix;
        return MR_OK;
    }
    bool csv = mr_file_sink_is(s, &mr_csv_sink);
    s->suffix = csv ? ".csv" : ".json";
    return csv ? mr_csv_format_compile(&s->options.csv, &s->arena, zone, error)
               : mr_record_options_compile(&s->options.json.record, &s->arena, zone, false, error);
}

static int read_options(struct mr_file_sink *s, struct mr_error *error)
{
    const struct mr_sink *sink = s->sink;
    const struct mr_option_spec *table = sink->type == &mr_json_sink  ? json_options
                                         : sink->type == &mr_csv_sink ? csv_options
                                                                      : parquet_options;
    mr_json_options_init(&s->options.json, sink->zone);
    mr_json_options_init(&s->options.csv.times, sink->zone);
    MR_TRY(mr_options_read(table, sink->type->name, sink->options, sink->option_count, &s->options, error));
    const char *path = s->options.path;
    if (!path || (path[0] != '/' && !strchr(path, ':')))
        return mr_error_set(error, MR_E_USAGE, "REQUIRED_PARAMETER_NOT_FOUND",
                            "The sink '%s' needs the option 'path', the absolute name of a folder.",
                            sink->name);
    return MR_OK;
}

/* ---- verbs ---- */
static void file_close(struct mr_sink *sink)
{
    struct mr_file_sink *s = sink->ctx;
    if (!s)
        return;
    mr_file_sink_reset(s);
    mr_map_release(&s->parts);
    mr_map_release(&s->directories);
    mr_text_release(&s->lines);
    if (s->storage.type)
        mr_storage_close(&s->storage);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->guard);
    mr_arena_release(&s->decision);
    mr_arena_release(&s->arena);
    mr_free(s);
    sink->ctx = NULL;
}

static int file_open(struct mr_sink *sink, struct mr_error *error)
{
    struct mr_file_sink *s = mr_allocate_zeroed(sizeof *s);
    if (!s)
        return mr_error_memory(error, sizeof *s);
    sink->ctx = s;
    s->sink = sink;
    s->roll_bytes = ROLL_BYTES;
    s->next_entry = -1;
    mr_arena_init(&s->arena);
    mr_arena_init(&s->decision);
    mr_map_init(&s->parts);
    mr_map_init(&s->directories);
    mr_text_init(&s->lines);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->guard, NULL);
    s->id = mr_arena_format(&s->arena, "%s/%s", sink->query_id->text, sink->name);
    int status = s->id ? read_options(s, error) : mr_error_memory(error, strlen(sink->name));
    if (status >= 0)
        status = mr_storage_open(&s->storage, s->options.path, error);
    if (status >= 0)
        status = plan_columns(s, error);
    if (status >= 0)
        status = plan_format(s, error);
    if (status < 0)
        file_close(sink);
    return status < 0 ? status : MR_OK;
}

static int file_begin(struct mr_sink *sink, int64_t batch, struct mr_error *error)
{
    (void)error;
    ((struct mr_file_sink *)sink->ctx)->batch = batch;
    return MR_OK;
}

static int file_write(struct mr_sink *sink, int worker, const struct mr_batch *batch, struct mr_error *error)
{
    (void)worker;
    return batch->length > 0 ? mr_file_sink_write(sink->ctx, batch, error) : MR_OK;
}

/* The manifest: a line of JSON, then the lines of the log's entry. */
static int file_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                        const struct mr_register *predecessor, struct mr_text *manifest,
                        struct mr_error *error)
{
    struct mr_file_sink *s = sink->ctx;
    bool truncate = sink->truncate_first && predecessor->batch < 0;
    MR_TRY(mr_file_sink_finish(s, error));
    sink->metrics = s->written;
    if (s->written.files == 0 && !truncate)
        return MR_OK;
    mr_text_format(manifest,
                   "{\"manifest\":\"files\",\"version\":1,\"batch\":%lld,\"decision\":%lld,\"predecessor\":{"
                   "\"batch\":%lld,"
                   "\"decision\":%lld},\"attempt\":\"%016llx\",\"truncate\":%s}\n",
                   (long long)batch, (long long)decision_id, (long long)predecessor->batch,
                   (long long)predecessor->decision_id, (unsigned long long)sink->attempt,
                   truncate ? "true" : "false");
    for (const char *at = s->lines.data, *end = at ? at + s->lines.size : NULL; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        mr_text_append(manifest, at, (size_t)(newline - at));
        mr_text_append_str(manifest, ",\"millrace\":{\"sink\":");
        mr_json_cstr(&(struct mr_json_writer){.out = manifest}, s->id);
        mr_text_format(manifest, ",\"batch\":%lld,\"decision\":%lld}}\n", (long long)batch,
                       (long long)decision_id);
        at = newline + 1;
    }
    mr_file_sink_reset(s);
    return manifest->failed ? mr_error_memory(error, manifest->size) : MR_OK;
}

static void file_abandon(struct mr_sink *sink)
{
    mr_file_sink_reset(sink->ctx);
}

static void file_describe(struct mr_sink *sink, struct mr_text *out)
{
    const char *path = mr_option_text(sink->options, sink->option_count, "path");
    mr_text_format(out, "FileSink[%s]", path ? path : "");
}

#define FILE_SINK(name_)                                                                                     \
    {                                                                                                        \
        .name = name_, .modes = 1u << MR_MODE_APPEND, .flags = MR_SINK_ONE_FLOW, .open = file_open,          \
        .enrol = mr_file_sink_enrol, .begin = file_begin, .write = file_write, .prepare = file_prepare,      \
        .publish = mr_file_sink_publish, .published = mr_file_sink_published, .clean = mr_file_sink_clean,   \
        .abandon = file_abandon, .describe = file_describe, .close = file_close                              \
    }
const struct mr_sink_type mr_json_sink = FILE_SINK("json");
const struct mr_sink_type mr_csv_sink = FILE_SINK("csv");
const struct mr_sink_type mr_parquet_sink = FILE_SINK("parquet");
