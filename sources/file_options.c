/* sources/file_options.c: the options of the files source; those of its format are checked by the format. */
#include "sources/file_watch.h"

#define DAY_US 86400000000LL
#define TO(member) MR_OPTION_HOME(file_options, member)

const struct mr_option_spec mr_file_option_table[] = {
    {"path", MR_OPTION_TEXT, NULL, "folder, file or glob; relative to the project", TO(path)},
    {"format", MR_OPTION_TEXT, "(by name)", "json, csv, text, parquet, binaryFile", TO(format_name)},
    {"schema", MR_OPTION_TEXT, NULL, "columns and types, as in CREATE TABLE; not given: inferred",
     TO(schema_text)},
    {"schemaHints", MR_OPTION_TEXT, NULL, "types of some columns of an inferred schema: 'a DATE, s.f INT'",
     TO(schema_hints)},
    {"schemaLocation", MR_OPTION_TEXT, NULL, "folder where the inferred schema is kept (_schemas/N)",
     TO(schema_location)},
    {"inferColumnTypes", MR_OPTION_BOOLEAN, "true", "false: inferred columns are all STRING",
     TO(infer_types)},
    {"schemaEvolutionMode", MR_OPTION_CHOICE, "(addNewColumns)",
     "what new fields do; 'none' when a schema is given", TO(evolution),
     .choices = "addNewColumns|rescue|failOnNewColumns|none"},
    {"rescuedDataColumn", MR_OPTION_TEXT, "(_rescued_data)",
     "column for what has no column or does not fit; with a given schema there is none by default",
     TO(rescued_column)},
    {"partitionColumns", MR_OPTION_TEXT, "(all)", "columns from folders named key=value; '' means none",
     TO(partition_columns)},
    {"includeExistingFiles", MR_OPTION_BOOLEAN, "true",
     "false: what is there at the very first start is left out", TO(include_existing)},
    {"maxFilesPerTrigger", MR_OPTION_INTEGER, "1000", "files in one micro-batch", TO(max_files),
     MR_OPTION_AT_LEAST(1)},
    {"maxBytesPerTrigger", MR_OPTION_BYTES, "(no limit)", "bytes in one micro-batch, at least one file",
     TO(max_bytes)},
    {"fileNamePattern", MR_OPTION_TEXT, NULL, "the same as pathGlobFilter", TO(name_filter)},
    {"pathGlobFilter", MR_OPTION_TEXT, NULL, "glob that a file's name must match", TO(name_filter)},
    {"recursive", MR_OPTION_BOOLEAN, "(true; spark: false)", "the same as recursiveFileLookup",
     TO(recursive)},
    {"recursiveFileLookup", MR_OPTION_BOOLEAN, "(true; spark: false)", "folders within folders are read too",
     TO(recursive)},
    {"modifiedAfter", MR_OPTION_TIME, NULL, "only files modified later than this time stamp",
     TO(modified_after)},
    {"modifiedBefore", MR_OPTION_TIME, NULL, "only files modified earlier than this time stamp",
     TO(modified_before)},
    {"cleanSource", MR_OPTION_CHOICE, "OFF", "what happens to files after publication", TO(clean),
     .choices = "OFF|DELETE|MOVE"},
    {"cleanSource.retentionDuration", MR_OPTION_DURATION, "30 days",
     "how long after; DELETE takes more than 7 days only", TO(clean_retention_us)},
    {"cleanSource.moveDestination", MR_OPTION_TEXT, NULL, "folder on the same disk, for MOVE",
     TO(clean_destination)},
    {"allowOverwrites", MR_OPTION_BOOLEAN, "false", "a file whose modification time changes is read again",
     TO(allow_overwrites)},
    {"ignoreMissingFiles", MR_OPTION_BOOLEAN, "false", "a file gone before it was read is passed over",
     TO(ignore_missing)},
    {"ignoreCorruptFiles", MR_OPTION_BOOLEAN, "false", "the unreadable rest of a file is passed over",
     TO(ignore_corrupt)},
    {"listInterval", MR_OPTION_DURATION, "10 seconds", "how often the folder is listed, beside notifications",
     TO(list_interval_us)},
    {"splitBytes", MR_OPTION_BYTES, "32m", "larger uncompressed files are read in ranges of this size",
     TO(split_bytes)},
    {"validateOptions", MR_OPTION_BOOLEAN, "true", "false: unknown options are passed over", TO(validate)},
    {"readerCaseSensitive", MR_OPTION_BOOLEAN, "true", "names in files match columns with regard to case",
     TO(case_sensitive)},
    {"dialect", MR_OPTION_CHOICE, "read_files",
     "whose defaults apply: read_files (Auto Loader) or Spark's USING … LOCATION", TO(spark_dialect),
     .choices = "read_files|spark"},
    {"schemaInference.sampleSize.numFiles", MR_OPTION_INTEGER, "1000", "files that inference looks at",
     TO(sample_files)},
    {"schemaInference.sampleSize.numBytes", MR_OPTION_BYTES, "1g", "bytes that inference looks at",
     TO(sample_bytes)},
    {"backfillInterval", MR_OPTION_IGNORED, NULL, .help = "see listInterval"},
    {"maxFileAge", MR_OPTION_IGNORED, NULL, .help = "files are remembered for good"},
    {"useStrictGlobber", MR_OPTION_IGNORED, "true", .help = "globs are Spark's"},
    {"useIncrementalListing", MR_OPTION_IGNORED, NULL, .help = "the kernel notifies"},
    {"useManagedFileEvents", MR_OPTION_IGNORED, NULL, .help = "the kernel notifies"},
    {"useNotifications", MR_OPTION_IGNORED, NULL, .help = "the kernel notifies"},
    {"listOnStart", MR_OPTION_IGNORED, NULL, .help = "a start always lists"},
    {"fetchParallelism", MR_OPTION_IGNORED, NULL, .help = "the kernel notifies"},
    {"maxCachedFiles", MR_OPTION_IGNORED, NULL, .help = "all that wait are kept in memory"},
    {"latestFirst", MR_OPTION_REFUSED, NULL, .help = "files are taken oldest first"},
    {"sourceArchiveDir", MR_OPTION_REFUSED, NULL,
     .help = "use cleanSource MOVE and cleanSource.moveDestination"},
    {0}};

static int bad_value(const char *name, const char *value, const char *why, struct mr_error *error)
{
    mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "The option %s cannot be '%s': %s.", name, value,
                 why);
    mr_error_parameter(error, "option", "%s", name);
    return error->code;
}

static int read_time(const struct file_source *s, const char *name, const char *text, int64_t *out,
                     struct mr_error *error)
{
    if (text && !mr_timestamp_parse(mr_str_of(text), s->source->zone ? s->source->zone : mr_zone_utc(), out))
        return bad_value(name, text, "it takes a time stamp such as 2026-01-31T12:00:00", error);
    return MR_OK;
}

static int find_format(struct file_source *s, struct mr_error *error)
{
    const char *name = s->options.format_name;
    if (!name && s->options.path) { /* by the path's extension; JSON else */
        const char *dot = strrchr(s->options.path, '.');
        name = dot && mr_format_type_find(mr_str_of(dot + 1)) ? dot + 1 : NULL;
    }
    if (!name)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "The files source needs the option format, e.g. format => 'json'.");
    s->options.format = mr_format_type_find(mr_str_of(name));
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

/* The name without Auto Loader's prefix, in any case. */
static const char *plain_name(const char *name)
{
    static const struct mr_str prefix = {"cloudFiles.", 11};
    bool prefixed =
        strlen(name) > prefix.size && mr_str_equal_nocase((struct mr_str){name, prefix.size}, prefix);
    return name + (prefixed ? prefix.size : 0);
}

/* What Spark's readers leave to inferSchema, read_files has always done: inferColumnTypes rules there. */
static void settle_inference(struct file_options *o)
{
    static const char name[] = "inferSchema";
    if (!o->spark_dialect && o->infer_types && mr_option_spec_find(o->format->options, name) &&
        !mr_option_text(o->format_options, o->format_option_count, name))
        o->format_options[o->format_option_count++] = (struct mr_option){name, "true"};
}

/* Every option belongs to the source, to the format, or to both. */
static int check_names(struct file_source *s, const struct mr_option *given, struct mr_error *error)
{
    struct file_options *o = &s->options;
    const struct mr_option_spec *const tables[] = {mr_file_option_table, o->format->options};
    o->format_options = MR_ARENA_ARRAY(&s->source->arena, struct mr_option, s->source->option_count + 2);
    if (!o->format_options)
        return mr_error_memory(error, sizeof(struct mr_option));
    for (int i = 0; i < s->source->option_count; i++) {
        const struct mr_option_spec *formats = mr_option_spec_find(tables[1], given[i].name);
        if (!formats && !mr_option_spec_find(tables[0], given[i].name) && o->validate)
            return mr_option_unknown(given[i].name, "read_files", tables, 2, error);
        if (!formats)
            continue;
        MR_TRY(mr_option_check(formats, given[i].value, error));
        o->format_options[o->format_option_count++] = given[i];
    }
    return MR_OK;
}

static int check_clean(const struct file_options *o, const struct mr_option *given, int count,
                       struct mr_error *error)
{
    if (o->clean == FILE_CLEAN_DELETE && o->clean_retention_us <= 7 * DAY_US)
        return bad_value("cleanSource.retentionDuration",
                         mr_option_text(given, count, "cleanSource.retentionDuration"),
                         "with cleanSource DELETE it is more than 7 days", error);
    if (o->clean == FILE_CLEAN_MOVE && !o->clean_destination)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "cleanSource MOVE needs the option cleanSource.moveDestination.");
    return MR_OK;
}

/* text: the option schemaEvolutionMode; NULL: not given. */
static int settle_evolution(struct file_options *o, const char *text, bool declared, struct mr_error *error)
{
    bool given = o->schema_text || declared;
    if (!text)
        o->evolution = given || o->spark_dialect || !o->format->infer ? FILE_EVOLVE_NONE : FILE_EVOLVE_ADD;
    else if (!o->format->infer && o->evolution != FILE_EVOLVE_NONE)
        return bad_value("schemaEvolutionMode", text,
                         "files of this format are read with one schema; leave it away", error);
    else if (given && o->evolution == FILE_EVOLVE_ADD)
        return bad_value("schemaEvolutionMode", text,
                         "columns cannot be added to a schema that is given; use schemaHints", error);
    return MR_OK;
}

int mr_file_options_read(struct file_source *s, struct mr_error *error)
{
    struct file_options *o = &s->options;
    const struct mr_source *source = s->source;
    int count = source->option_count, own_count = 0;
    struct mr_option *given = MR_ARENA_ARRAY(&s->source->arena, struct mr_option, count + 1);
    struct mr_option *own = MR_ARENA_ARRAY(&s->source->arena, struct mr_option, count + 1);
    if (!given || !own)
        return mr_error_memory(error, sizeof *given);
    for (int i = 0; i < count; i++) {
        given[i] = (struct mr_option){plain_name(source->options[i].name), source->options[i].value};
        if (mr_option_spec_find(mr_file_option_table, given[i].name))
            own[own_count++] = given[i];
    }
    const char *dialect = mr_option_text(given, count, "dialect");
    *o = (struct file_options){.modified_after_us = INT64_MIN,
                               .modified_before_us = INT64_MAX,
                               .max_bytes = INT64_MAX,
                               .recursive =
                                   !dialect || !mr_str_equal_nocase(mr_str_of(dialect), MR_STR("spark"))};
    MR_TRY(mr_options_read(mr_file_option_table, "read_files", own, own_count, o, error));
    if (!o->path || !*o->path)
        return mr_error_set(error, MR_E_USAGE, "STDS_REQUIRED_OPTION_UNSPECIFIED",
                            "The files source needs a path.");
    MR_TRY(find_format(s, error));
    MR_TRY(check_names(s, given, error));
    settle_inference(o);
    if (o->split_bytes < 1024)
        o->split_bytes = 1024;
    MR_TRY(read_time(s, "modifiedAfter", o->modified_after, &o->modified_after_us, error));
    MR_TRY(read_time(s, "modifiedBefore", o->modified_before, &o->modified_before_us, error));
    MR_TRY(check_clean(o, given, count, error));
    return settle_evolution(o, mr_option_text(given, count, "schemaEvolutionMode"),
                            source->declared_schema != NULL, error);
}
