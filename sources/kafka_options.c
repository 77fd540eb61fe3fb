/* sources/kafka_options.c: the options of Kafka as a source, and what librdkafka is told. */
#include <stdio.h>

#include "sources/kafka.h"

const struct mr_option_spec mr_kafka_source_options[] = {
    {"bootstrapServers", MR_OPTION_TEXT, NULL, "kafka", NULL, "host:port, with commas; needed"},
    {"kafka.bootstrap.servers", MR_OPTION_TEXT, NULL, "kafka", NULL, "the same, as Spark calls it"},
    {"assign", MR_OPTION_TEXT, NULL, "kafka source", NULL,
     "partitions: {\"topic\":[0,1]}; one of assign, subscribe, subscribePattern is needed"},
    {"subscribe", MR_OPTION_TEXT, NULL, "kafka source", NULL, "topics, with commas"},
    {"subscribePattern", MR_OPTION_TEXT, NULL, "kafka source", NULL,
     "regular expression that the whole name of a topic matches"},
    {"startingOffsets", MR_OPTION_TEXT, NULL, "kafka source", NULL,
     "of a new query: earliest, latest (a stream's default), or {\"topic\":{\"0\":23,\"1\":-2}} (-2 "
     "earliest, -1 "
     "latest)"},
    {"startingOffsetsByTimestamp", MR_OPTION_TEXT, NULL, "kafka source", NULL,
     "{\"topic\":{\"0\":1700000000000}}: from the first message at or after these milliseconds"},
    {"startingTimestamp", MR_OPTION_INTEGER, NULL, "kafka source", NULL,
     "the same for all partitions; goes before the two others"},
    {"startingOffsetsByTimestampStrategy", MR_OPTION_CHOICE, "error", "kafka source", "error|latest",
     "when no message is that late"},
    {"endingOffsets", MR_OPTION_TEXT, "latest", "kafka source", NULL, "batch reads: latest, or as above"},
    {"endingOffsetsByTimestamp", MR_OPTION_TEXT, NULL, "kafka source", NULL, "batch reads: as above"},
    {"endingTimestamp", MR_OPTION_INTEGER, NULL, "kafka source", NULL, "batch reads: as above"},
    {"failOnDataLoss", MR_OPTION_BOOLEAN, "true", "kafka source", NULL,
     "false: what the brokers have not any more is skipped, with a warning"},
    {"maxOffsetsPerTrigger", MR_OPTION_INTEGER, NULL, "kafka source", NULL,
     "offsets a micro-batch takes at most, shared out by what waits in each partition"},
    {"minOffsetsPerTrigger", MR_OPTION_INTEGER, NULL, "kafka source", NULL,
     "a micro-batch waits for so many, but not longer than maxTriggerDelay"},
    {"maxTriggerDelay", MR_OPTION_DURATION, "15m", "kafka source", NULL, "see minOffsetsPerTrigger"},
    {"minPartitions", MR_OPTION_INTEGER, NULL, "kafka source", NULL,
     "partitions are read by several workers; the order within one is lost"},
    {"maxRecordsPerPartition", MR_OPTION_INTEGER, NULL, "kafka source", NULL, "the same, by size"},
    {"includeHeaders", MR_OPTION_BOOLEAN, "false", "kafka source", NULL, "adds the column headers"},
    {"groupIdPrefix", MR_OPTION_TEXT, NULL, "kafka source", NULL,
     "offsets follow in the group <prefix>-<query id>-<number of the source>, for tools that watch lag; "
     "kafka.group.id names the whole group; without either there is no group"},
    {"fetchOffset.numRetries", MR_OPTION_INTEGER, "3", "kafka source", NULL,
     "tries to learn offsets when a query starts"},
    {"fetchOffset.retryIntervalMs", MR_OPTION_INTEGER, "1000", "kafka source", NULL, "pause between them"},
    {"kafkaConsumer.pollTimeoutMs", MR_OPTION_INTEGER, "120000", "kafka source", NULL,
     "how long planned messages may stay away"},
    {0},
};

static int wrong(struct mr_error *error, const char *message)
{
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "%s", message);
}

static const char *text(const struct mr_source *source, const char *name)
{
    return mr_option_value(source->options, source->option_count, name);
}

static int64_t number(const struct mr_source *source, const char *name, int64_t fallback)
{
    return mr_option_integer(source->options, source->option_count, name, fallback);
}

static int check_names(struct mr_source *source, struct mr_error *error)
{
    const struct mr_option_spec *const tables[] = {mr_kafka_source_options};
    for (int i = 0; i < source->option_count; i++) {
        const struct mr_option *option = &source->options[i];
        const struct mr_option_spec *spec = mr_option_spec_find(mr_kafka_source_options, option->name);
        if (!spec && mr_str_starts_with(mr_str_of(option->name), MR_STR("kafka.")))
            continue; /* librdkafka's */
        if (!spec)
            return mr_option_unknown(option->name, "kafka", tables, 1, error);
        MR_TRY(mr_option_check(spec, option->value, error));
    }
    return MR_OK;
}

static int read_selection(struct mr_source *source, struct mr_kafka_options *out, struct mr_error *error)
{
    static const char *const names[] = {"assign", "subscribe", "subscribePattern"};
    int given = 0;
    for (int i = 0; i < 3; i++) {
        const char *value = text(source, names[i]);
        if (!value)
            continue;
        given++;
        out->select = (enum mr_kafka_select)i;
        out->topics = value;
    }
    if (given != 1)
        return wrong(error, "One of the options assign, subscribe and subscribePattern says which topics are "
                            "read; exactly one is needed.");
    if (!*out->topics)
        return wrong(error, "The topics to read are empty.");
    return MR_OK;
}

static bool is(const char *value, const char *word)
{
    return value && mr_str_equal_nocase(mr_str_of(value), mr_str_of(word));
}

static int check_bounds(const struct mr_kafka_options *options, struct mr_error *error)
{
    bool ends = options->ending || options->ending_by_timestamp || options->ending_ms >= 0;
    if (!options->batch && ends)
        return wrong(error, "A stream has no end: endingOffsets and its kin are for reads without STREAM.");
    if (options->batch && is(options->starting, "latest"))
        return wrong(error, "startingOffsets 'latest' leaves nothing to read without STREAM.");
    if (is(options->ending, "earliest"))
        return wrong(error, "endingOffsets 'earliest' leaves nothing to read.");
    if (options->min_offsets > 0 && options->max_offsets > 0 && options->min_offsets > options->max_offsets)
        return wrong(error, "minOffsetsPerTrigger is above maxOffsetsPerTrigger.");
    if (options->max_offsets < 0 || options->min_offsets < 0 || options->min_partitions < 0 ||
        options->max_records < 0)
        return wrong(error, "maxOffsetsPerTrigger, minOffsetsPerTrigger, minPartitions and "
                            "maxRecordsPerPartition are numbers above 0.");
    return MR_OK;
}

int mr_kafka_options_read(struct mr_source *source, struct mr_kafka_options *out, struct mr_error *error)
{
    MR_TRY(check_names(source, error));
    MR_TRY(read_selection(source, out, error));
    out->batch = source->batch;
    out->starting = text(source, "startingOffsets");
    out->starting_by_timestamp = text(source, "startingOffsetsByTimestamp");
    out->starting_ms = number(source, "startingTimestamp", -1);
    out->ending = text(source, "endingOffsets");
    out->ending_by_timestamp = text(source, "endingOffsetsByTimestamp");
    out->ending_ms = number(source, "endingTimestamp", -1);
    out->timestamp_latest = is(text(source, "startingOffsetsByTimestampStrategy"), "latest");
    out->fail_on_data_loss = mr_option_boolean(source->options, source->option_count, "failOnDataLoss", true);
    out->headers = mr_option_boolean(source->options, source->option_count, "includeHeaders", false);
    out->max_offsets = number(source, "maxOffsetsPerTrigger", 0);
    out->min_offsets = number(source, "minOffsetsPerTrigger", 0);
    out->max_delay_us = 15LL * 60 * 1000000;
    if (text(source, "maxTriggerDelay"))
        mr_option_parse_duration(text(source, "maxTriggerDelay"), &out->max_delay_us);
    out->min_partitions = number(source, "minPartitions", 0);
    out->max_records = number(source, "maxRecordsPerPartition", 0);
    out->poll_timeout_us = number(source, "kafkaConsumer.pollTimeoutMs", 120000) * 1000;
    out->retries = number(source, "fetchOffset.numRetries", 3);
    out->retry_us = number(source, "fetchOffset.retryIntervalMs", 1000) * 1000;
    return check_bounds(out, error);
}

/* All queues together hold about so much; librdkafka's limits are per partition. */
#define QUEUES_BYTES (64LL << 20)
#define QUEUES_MESSAGES (128LL << 10)
#define FEW_PARTITIONS 16 /* the limits fit so many without asking how many there are */

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

int mr_kafka_source_client(struct mr_source *source, bool check_only, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    int64_t partitions = clamp((int64_t)self->partition_count, FEW_PARTITIONS, 1 << 16);
    char kilobytes[24], messages[24], fetch_bytes[24];
    snprintf(kilobytes, sizeof kilobytes, "%lld",
             (long long)clamp(QUEUES_BYTES / partitions / 1024, 64, 1 << 20));
    snprintf(messages, sizeof messages, "%lld", (long long)clamp(QUEUES_MESSAGES / partitions, 256, 1 << 20));
    snprintf(fetch_bytes, sizeof fetch_bytes, "%lld",
             (long long)clamp(QUEUES_BYTES / partitions, 64 << 10, 1 << 20));
    const struct mr_kafka_setting defaults[] = {
        {"isolation.level", "read_committed"}, /* Spark reads what was aborted, too */
        {"queued.max.messages.kbytes", kilobytes},
        {"queued.min.messages", messages},
        {"fetch.message.max.bytes", fetch_bytes},
        {"fetch.max.bytes", "8388608"},
        {"fetch.error.backoff.ms", "50"},
        {"reconnect.backoff.ms", "20"},
        {"reconnect.backoff.max.ms", "500"},
        {"log.connection.close", "false"},
        {0},
    };
    static const struct mr_kafka_setting fixed[] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {0},
    };
    struct mr_kafka_client_options options = {.type = RD_KAFKA_CONSUMER,
                                              .options = source->options,
                                              .option_count = source->option_count,
                                              .defaults = defaults,
                                              .fixed = fixed};
    if (check_only)
        return mr_kafka_check_options(&options, error);
    MR_TRY(mr_kafka_client_open(&self->client, &options, error));
    mr_kafka_name_group(source);
    return mr_kafka_client_open(&self->asker, &options, error);
}

bool mr_kafka_limits_fit(int64_t partitions)
{
    return partitions <= FEW_PARTITIONS;
}
