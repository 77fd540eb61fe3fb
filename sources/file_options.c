/* sources/file_options.c: the options of the files source; those of its format are checked by the format. */
#include "sources/file_watch.h"

const struct mr_option_spec mr_file_option_table[] = {
    {"path", MR_OPTION_TEXT, NULL, "files", NULL, "folder, file or glob; relative to the project"},
    {"format", MR_OPTION_TEXT, "by name", "files", NULL, "json, csv, text, parquet, binaryFile"},
    {"schema", MR_OPTION_TEXT, NULL, "files", NULL,
     "columns and types, as in CREATE TABLE; not given: inferred"},
    {"schemaHints", MR_OPTION_TEXT, NULL, "files", NULL,
     "types of some columns of an inferred schema: 'a DATE, s.f INT'"},
    {"schemaLocation", MR_OPTION_TEXT, NULL, "files", NULL,
     "folder where the inferred schema is kept (_schemas/N)"},
    {"inferColumnTypes", MR_OPTION_BOOLEAN, "true", "files", NULL, "false: inferred columns are all STRING"},
    {"schemaEvolutionMode", MR_OPTION_CHOICE, "addNewColumns", "files",
     "addNewColumns|rescue|failOnNewColumns|none", "what new fields do; 'none' when a schema is given"},
    {"rescuedDataColumn", MR_OPTION_TEXT, "_rescued_data", "files", NULL,
     "column for what has no column or does not fit; with a given schema there is none by default"},
    {"partitionColumns", MR_OPTION_TEXT, "all", "files", NULL,
     "columns from folders named key=value; '' means none"},
    {"includeExistingFiles", MR_OPTION_BOOLEAN, "true", "files", NULL,
     "false: what is there at the very first start is left out"},
    {"maxFilesPerTrigger", MR_OPTION_INTEGER, "1000", "files", NULL, "files in one micro-batch"},
    {"maxBytesPerTrigger", MR_OPTION_BYTES, NULL, "files", NULL,
     "bytes in one micro-batch, at least one file"},
    {"pathGlobFilter", MR_OPTION_TEXT, NULL, "files", NULL, "glob that a file's name must match"},
    {"fileNamePattern", MR_OPTION_TEXT, NULL, "files", NULL, "the same as pathGlobFilter"},
    {"recursiveFileLookup", MR_OPTION_BOOLEAN, "true", "files", NULL, "folders within folders are read too"},
    {"recursive", MR_OPTION_BOOLEAN, "true", "files", NULL, "the same as recursiveFileLookup"},
    {"modifiedAfter", MR_OPTION_TIME, NULL, "files", NULL, "only files modified later than this time stamp"},
    {"modifiedBefore", MR_OPTION_TIME, NULL, "files", NULL,
     "only files modified earlier than this time stamp"},
    {"cleanSource", MR_OPTION_CHOICE, "OFF", "files", "OFF|DELETE|MOVE",
     "what happens to files after publication"},
    {"cleanSource.retentionDuration", MR_OPTION_DURATION, "30 days", "files", NULL,
     "how long after; DELETE takes more than 7 days only"},
    {"cleanSource.moveDestination", MR_OPTION_TEXT, NULL, "files", NULL, "folder on the same disk, for MOVE"},
    {"allowOverwrites", MR_OPTION_BOOLEAN, "false", "files", NULL,
     "a file whose modification time changes is read again"},
    {"ignoreMissingFiles", MR_OPTION_BOOLEAN, "false", "files", NULL,
     "a file gone before it was read is passed over"},
    {"ignoreCorruptFiles", MR_OPTION_BOOLEAN, "false", "files", NULL,
     "the unreadable rest of a file is passed over"},
    {"listInterval", MR_OPTION_DURATION, "10 seconds", "files", NULL,
     "how often the folder is listed, beside notifications"},
    {"splitBytes", MR_OPTION_BYTES, "32m", "files", NULL,
     "larger uncompressed files are read in ranges of this size"},
    {"validateOptions", MR_OPTION_BOOLEAN, "true", "files", NULL, "false: unknown options are passed over"},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true", "files", NULL,
     "names in files match columns with regard to case"},
    {"dialect", MR_OPTION_CHOICE, "read_files", "files", "read_files|spark",
     "whose defaults apply: read_files (Auto Loader) or Spark's USING … LOCATION"},
    {"schemaInference.sampleSize.numFiles", MR_OPTION_INTEGER, "1000", "files", NULL,
     "files that inference looks at"},
    {"schemaInference.sampleSize.numBytes", MR_OPTION_BYTES, "1g", "files", NULL,
     "bytes that inference looks at"},
    {"backfillInterval", MR_OPTION_IGNORED, NULL, "files", NULL, "see listInterval"},
    {"maxFileAge", MR_OPTION_IGNORED, NULL, "files", NULL, "files are remembered for good"},
    {"useStrictGlobber", MR_OPTION_IGNORED, "true", "files", NULL, "globs are Spark's"},
    {"useIncrementalListing", MR_OPTION_IGNORED, NULL, "files", NULL, "the kernel notifies"},
    {"useManagedFileEvents", MR_OPTION_IGNORED, NULL, "files", NULL, "the kernel notifies"},
    {"useNotifications", MR_OPTION_IGNORED, NULL, "files", NULL, "the kernel notifies"},
    {"listOnStart", MR_OPTION_IGNORED, NULL, "files", NULL, "a start always lists"},
    {"fetchParallelism", MR_OPTION_IGNORED, NULL, "files", NULL, "the kernel notifies"},
    {"maxCachedFiles", MR_OPTION_IGNORED, NULL, "files", NULL, "all that wait are kept in memory"},
    {"latestFirst", MR_OPTION_REFUSED, NULL, "files", NULL, "files are taken oldest first"},
    {"sourceArchiveDir", MR_OPTION_REFUSED, NULL, "files", NULL,
     "use cleanSource MOVE and cleanSource.moveDestination"},
    {0}};

#define DAY_US 86400000000LL

static const char *option(const struct file_source *s, const char *name)
{
    const struct mr_source *source = s->source;
    for (int i = source->option_count - 1; i >= 0; i--) {
        struct mr_str given = mr_str_of(source->options[i].name), prefix = MR_STR("cloudFiles.");
        if (given.size > prefix.size &&
            mr_str_equal_nocase((struct mr_str){given.data, prefix.size}, prefix)) {
            given.data += prefix.size;
            given.size -= prefix.size;
        }
        if (mr_str_equal_nocase(given, mr_str_of(name)))
            return source->options[i].value;
    }
    return NULL;
}

static bool flag(const struct file_source *s, const char *name, bool fallback)
{
    const char *text = option(s, name);
    bool value = fallback;
    if (text)
        mr_option_parse_boolean(text, &value);
    return value;
}

static int64_t number(const struct file_source *s, const char *name, int64_t fallback,
                      bool (*parse)(const char *text, int64_t *out))
{
    const char *text = option(s, name);
    int64_t value = fallback;
    if (text)
        parse(text, &value);
    return value;
}

static int bad_value(const char *name, const char *value, const char *why, struct mr_error *error)
{
    mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "The option %s cannot be '%s': %s.", name, value,
                 why);
    mr_error_parameter(error, "option", "%s", name);
    return error->code;
}

static int time_option(const struct file_source *s, const char *name, int64_t *out, struct mr_error *error)
{
    const char *text = option(s, name);
    if (text && !mr_timestamp_parse(mr_str_of(text), s->source->zone ? s->source->zone : mr_zone_utc(), out))
        return bad_value(name, text, "it takes a time stamp such as 2026-01-31T12:00:00", error);
    return MR_OK;
}

static int format_option(struct file_source *s, int *format_count, struct mr_error *error)
{
    const char *name = option(s, "format");
    if (!name && s->options.path) { /* by the path's extension; JSON else */
        const char *dot = strrchr(s->options.path, '.');
        name = dot && mr_format_type_find(mr_str_of(dot + 1)) ? dot + 1 : NULL;
    }
    if (!name)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "The files source needs the option format, e.g. format => 'json'.");
    s->options.format = mr_format_type_find(mr_str_of(name));
    *format_count = 0;
    if (s->options.format)
        return MR_OK;
    struct mr_text known;
    mr_text_init(&known);
    for (int i = 0; mr_format_types()[i]; i++)
        mr_text_format(&known, "%s%s", i ? ", " : "", mr_format_types()[i]->name);
    mr_error_set(error, MR_E_UNSUPPORTED, "DATA_SOURCE_NOT_FOUND",
                 "There is no reader for the format '%s'; there are %s.", name, known.data);
    mr_error_parameter(error, "provider", "%s", name);
    mr_text_release(&known);
    return error->code;
}

/* Every option belongs to the source, to the format, or to both. */
static int check_names(struct file_source *s, struct mr_error *error)
{
    const struct mr_source *source = s->source;
    const struct mr_option_spec *const tables[] = {mr_file_option_table, s->options.format->options};
    bool validate = flag(s, "validateOptions", true);
    s->options.format_options = MR_ARENA_ARRAY(&s->source->arena, struct mr_option, source->option_count + 2);
    if (!s->options.format_options)
        return mr_error_memory(error, sizeof(struct mr_option));
    for (int i = 0; i < source->option_count; i++) {
        const char *name = source->options[i].name;
        struct mr_str given = mr_str_of(name), prefix = MR_STR("cloudFiles.");
        if (given.size > prefix.size && mr_str_equal_nocase((struct mr_str){given.data, prefix.size}, prefix))
            name += prefix.size;
        const struct mr_option_spec *mine = mr_option_spec_find(tables[0], name);
        const struct mr_option_spec *formats = mr_option_spec_find(tables[1], name);
        if (!mine && !formats && validate)
            return mr_option_unknown(name, "read_files", tables, 2, error);
        if (mine)
            MR_TRY(mr_option_check(mine, source->options[i].value, error));
        if (formats) {
            MR_TRY(mr_option_check(formats, source->options[i].value, error));
            s->options.format_options[s->options.format_option_count++] =
                (struct mr_option){name, source->options[i].value};
        }
    }
    return MR_OK;
}

static int clean_options(struct file_source *s, struct mr_error *error)
{
    struct file_options *o = &s->options;
    const char *clean = option(s, "cleanSource");
    struct mr_str mode = clean ? mr_str_of(clean) : MR_STR("OFF");
    o->clean = mr_str_equal_nocase(mode, MR_STR("DELETE")) ? FILE_CLEAN_DELETE
               : mr_str_equal_nocase(mode, MR_STR("MOVE")) ? FILE_CLEAN_MOVE
                                                           : FILE_CLEAN_OFF;
    o->clean_retention_us = number(s, "cleanSource.retentionDuration", 30 * DAY_US, mr_option_parse_duration);
    o->clean_destination = option(s, "cleanSource.moveDestination");
    if (o->clean == FILE_CLEAN_DELETE && o->clean_retention_us <= 7 * DAY_US)
        return bad_value("cleanSource.retentionDuration", option(s, "cleanSource.retentionDuration"),
                         "with cleanSource DELETE it is more than 7 days", error);
    if (o->clean == FILE_CLEAN_MOVE && !o->clean_destination)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "cleanSource MOVE needs the option cleanSource.moveDestination.");
    return MR_OK;
}

static int evolution_option(struct file_source *s, struct mr_error *error)
{
    struct file_options *o = &s->options;
    const char *text = option(s, "schemaEvolutionMode");
    bool given = o->schema_text || s->source->declared_schema;
    o->evolution = given || o->spark_dialect || !o->format->infer ? FILE_EVOLVE_NONE : FILE_EVOLVE_ADD;
    if (!text)
        return MR_OK;
    static const char *const names[] = {"addNewColumns", "rescue", "failOnNewColumns", "none"};
    for (int i = 0; i < 4; i++)
        if (mr_str_equal_nocase(mr_str_of(text), mr_str_of(names[i])))
            o->evolution = (enum file_evolution)i;
    if (!o->format->infer && o->evolution != FILE_EVOLVE_NONE)
        return bad_value("schemaEvolutionMode", text,
                         "files of this format are read with one schema; leave it away", error);
    if (given && o->evolution == FILE_EVOLVE_ADD)
        return bad_value("schemaEvolutionMode", text,
                         "columns cannot be added to a schema that is given; use schemaHints", error);
    return MR_OK;
}

int mr_file_options_read(struct file_source *s, struct mr_error *error)
{
    struct file_options *o = &s->options;
    int count;
    *o = (struct file_options){.modified_after_us = INT64_MIN, .modified_before_us = INT64_MAX};
    o->path = option(s, "path");
    if (!o->path || !*o->path)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "The files source needs a path.");
    MR_TRY(format_option(s, &count, error));
    MR_TRY(check_names(s, error));
    const char *dialect = option(s, "dialect");
    o->spark_dialect = dialect && mr_str_equal_nocase(mr_str_of(dialect), MR_STR("spark"));
    o->schema_text = option(s, "schema");
    o->schema_hints = option(s, "schemaHints");
    o->schema_location = option(s, "schemaLocation");
    o->rescued_column = option(s, "rescuedDataColumn");
    o->partition_columns = option(s, "partitionColumns");
    o->infer_types = flag(s, "inferColumnTypes", true);
    o->include_existing = flag(s, "includeExistingFiles", true);
    o->recursive = flag(s, "recursiveFileLookup", flag(s, "recursive", !o->spark_dialect));
    o->allow_overwrites = flag(s, "allowOverwrites", false);
    o->ignore_missing = flag(s, "ignoreMissingFiles", false);
    o->ignore_corrupt = flag(s, "ignoreCorruptFiles", false);
    o->case_sensitive = flag(s, "readerCaseSensitive", true);
    o->max_files = number(s, "maxFilesPerTrigger", 1000, mr_option_parse_integer);
    o->max_bytes = number(s, "maxBytesPerTrigger", INT64_MAX, mr_option_parse_bytes);
    o->name_filter = option(s, "pathGlobFilter");
    if (!o->name_filter)
        o->name_filter = option(s, "fileNamePattern");
    o->list_interval_us = number(s, "listInterval", 10000000, mr_option_parse_duration);
    o->split_bytes = number(s, "splitBytes", 32 << 20, mr_option_parse_bytes);
    o->sample_files = number(s, "schemaInference.sampleSize.numFiles", 1000, mr_option_parse_integer);
    o->sample_bytes = number(s, "schemaInference.sampleSize.numBytes", 1 << 30, mr_option_parse_bytes);
    if (o->max_files <= 0)
        return bad_value("maxFilesPerTrigger", option(s, "maxFilesPerTrigger"), "it is at least 1", error);
    if (o->split_bytes < 1024)
        o->split_bytes = 1024;
    MR_TRY(time_option(s, "modifiedAfter", &o->modified_after_us, error));
    MR_TRY(time_option(s, "modifiedBefore", &o->modified_before_us, error));
    MR_TRY(clean_options(s, error));
    return evolution_option(s, error);
}
