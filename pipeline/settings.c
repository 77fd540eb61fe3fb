/* pipeline/settings.c: see the header. */
#include "pipeline/settings.h"

#include <strings.h>

#include "columns/value.h"

#define MOST (1 << 20)

const struct mr_option_spec mr_setting_table[] = {
    {"spark.sql.session.timeZone", MR_OPTION_TEXT, "(the host's)", .help = "zone of times without one"},
    {"spark.sql.ansi.enabled", MR_OPTION_BOOLEAN, "true", .help = "overflow and bad casts are errors"},
    {"spark.sql.caseSensitive", MR_OPTION_BOOLEAN, "false", .help = "names differ by case"},
    {"spark.sql.streaming.multipleWatermarkPolicy", MR_OPTION_CHOICE, "min",
     "which of several watermarks counts", .choices = "min|max"},
    {"spark.sql.streaming.noDataMicroBatches.enabled", MR_OPTION_BOOLEAN, "true",
     .help = "a micro-batch without data where the watermark asks for one"},
    {"spark.sql.streaming.statefulOperator.checkCorrectness.enabled", MR_OPTION_BOOLEAN, "true",
     .help = "stateful operators above each other are refused where the upper one may drop rows as late"},
    {"pipelines.trigger.interval", MR_OPTION_DURATION, NULL,
     .help = "a micro-batch at most that often, when running continuously"},
    {"millrace.memory.limitMiB", MR_OPTION_INTEGER, "1024", "this job's share of memory", .most = MOST},
    {"millrace.state.partitions", MR_OPTION_INTEGER, "(one per worker)",
     "partitions of keyed state; may change with every run", .most = MOST},
    {"millrace.decision.microBatches", MR_OPTION_INTEGER, NULL,
     "micro-batches that one decision covers at most", .most = MOST},
    {"millrace.checkpoint.retainEvery", MR_OPTION_INTEGER, "0",
     "a copy of the checkpoint is kept every so many batches; 0: none", .most = MOST},
    {"millrace.checkpoint.retainCount", MR_OPTION_INTEGER, "3", "how many copies are kept", .most = MOST},
    {"millrace.checkpoint.force", MR_OPTION_BOOLEAN, "false",
     .help = "a checkpoint on a network file system is opened all the same"},
    {0},
};
const struct mr_option_spec mr_project_setting_table[] = {
    {.include = mr_setting_table},
    {"spark.sql.warehouse.dir", MR_OPTION_TEXT, "spark-warehouse", .help = "folder of the tables"},
    {"spark.sql.pipelines.maxFlowRetryAttempts", MR_OPTION_INTEGER, "2",
     "how often a flow is tried again in a run", .most = MOST},
    {"millrace.catalog.tables", MR_OPTION_TEXT, NULL, .help = "files of tables outside the pipeline"},
    {"millrace.publish.giveUpSeconds", MR_OPTION_INTEGER, "60",
     "how long a decided batch is tried to be published", .most = MOST},
    {0},
};

int mr_setting_check(const struct mr_option_spec *table, const char *owner, const char **key,
                     const char *value, struct mr_error *error)
{
    const struct mr_zone *zone;
    const struct mr_option_spec *spec = mr_option_spec_find(table, *key);
    if (!spec)
        return mr_option_unknown(*key, owner, &table, 1, error);
    *key = spec->name;
    if (spec == &mr_setting_table[0])
        return mr_zone_find(mr_str_of(value), &zone, error);
    return mr_option_check(spec, value, error);
}

int mr_project_setting_check(const char **key, const char *value, struct mr_error *error)
{
    const struct mr_option_spec *spec = mr_option_spec_find(mr_project_setting_table, *key);
    bool ours = strncasecmp(*key, "millrace.", 9) == 0;
    if (!ours && (!spec || strcmp(spec->name, *key) != 0))
        return MR_OK;
    return mr_setting_check(mr_project_setting_table, "A project", key, value, error);
}

const char *mr_setting_text(const struct mr_map *conf, const char *key)
{
    const struct mr_map_entry *entry = mr_map_get(conf, mr_str_of(key));
    return entry ? entry->pointer : NULL;
}

bool mr_setting_boolean(const struct mr_map *conf, const char *key, bool fallback)
{
    const char *value = mr_setting_text(conf, key);
    bool yes = fallback;
    return value && mr_option_parse_boolean(value, &yes) ? yes : fallback;
}

int64_t mr_setting_integer(const struct mr_map *conf, const char *key, int64_t fallback)
{
    const char *value = mr_setting_text(conf, key);
    int64_t number = fallback;
    return value && mr_option_parse_integer(value, &number) ? number : fallback;
}

int64_t mr_setting_duration_us(const struct mr_map *conf, const char *key, int64_t fallback_us)
{
    const char *value = mr_setting_text(conf, key);
    int64_t duration_us = fallback_us;
    return value && mr_option_parse_duration(value, &duration_us) ? duration_us : fallback_us;
}
