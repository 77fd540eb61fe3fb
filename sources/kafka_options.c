/* sources/kafka_options.c: the options of Kafka as a source, and what librdkafka is told. */
#include <stdio.h>

#include "sources/kafka.h"

#define TO(member) MR_OPTION_HOME(mr_kafka_options, member)

const struct mr_option_spec mr_kafka_source_options[] = {
    {.include = mr_kafka_client_table},
    {"assign", MR_OPTION_TEXT, NULL,
     .help = "partitions: {\"topic\":[0,1]}; one of assign, subscribe, subscribePattern is needed"},
    {"subscribe", MR_OPTION_TEXT, NULL, .help = "topics, with commas"},
    {"subscribePattern", MR_OPTION_TEXT, NULL,
     .help = "regular expression that the whole name of a topic matches"},
    {"startingOffsets", MR_OPTION_TEXT, NULL,
     "of a new query: earliest, latest (a stream's default), or {\"topic\":{\"0\":23,\"1\":-2}} (-2 "
     "earliest, -1 latest)",
     TO(starting)},
    {"startingOffsetsByTimestamp", MR_OPTION_TEXT, NULL,
     "{\"topic\":{\"0\":1700000000000}}: from the first message at or after these milliseconds",
     TO(starting_by_timestamp)},
    {"startingTimestamp", MR_OPTION_INTEGER, "-1", "the same for all partitions; goes before the two others",
     TO(starting_ms)},
    {"startingOffsetsByTimestampStrategy", MR_OPTION_CHOICE, "error", "when no message is that late",
     TO(timestamp_latest), .choices = "error|latest"},
    {"endingOffsets", MR_OPTION_TEXT, "(latest)", "batch reads: latest, or as above", TO(ending)},
    {"endingOffsetsByTimestamp", MR_OPTION_TEXT, NULL, "batch reads: as above", TO(ending_by_timestamp)},
    {"endingTimestamp", MR_OPTION_INTEGER, "-1", "batch reads: as above", TO(ending_ms)},
    {"failOnDataLoss", MR_OPTION_BOOLEAN, "true",
     "false: what the brokers have not any more is skipped, with a warning", TO(fail_on_data_loss)},
    {"maxOffsetsPerTrigger", MR_OPTION_INTEGER, "0",
     "offsets a micro-batch takes at most, shared out by what waits in each partition", TO(max_offsets),
     MR_OPTION_AT_LEAST(0)},
    {"minOffsetsPerTrigger", MR_OPTION_INTEGER, "0",
     "a micro-batch waits for so many, but not longer than maxTriggerDelay", TO(min_offsets),
     MR_OPTION_AT_LEAST(0)},
    {"maxTriggerDelay", MR_OPTION_DURATION, "15m", "see minOffsetsPerTrigger", TO(max_delay_us)},
    {"minPartitions", MR_OPTION_INTEGER, "0",
     "partitions are read by several workers; the order within one is lost", TO(min_partitions),
     MR_OPTION_AT_LEAST(0)},
    {"maxRecordsPerPartition", MR_OPTION_INTEGER, "0", "the same, by size", TO(max_records),
     MR_OPTION_AT_LEAST(0)},
    {"includeHeaders", MR_OPTION_BOOLEAN, "false", "adds the column headers", TO(headers)},
    {"groupIdPrefix", MR_OPTION_TEXT, NULL,
     .help =
         "offsets follow in the group <prefix>-<query id>-<number of the source>, for tools that watch lag; "
         "kafka.group.id names the whole group; without either there is no group"},
    {"fetchOffset.numRetries", MR_OPTION_INTEGER, "3", "tries to learn offsets when a query starts",
     TO(retries)},
    {"fetchOffset.retryIntervalMs", MR_OPTION_INTEGER, "1000", "pause between them", TO(retry_us)},
    {"kafkaConsumer.pollTimeoutMs", MR_OPTION_INTEGER, "120000", "how long planned messages may stay away",
     TO(poll_timeout_us)},
    {0},
};

static int wrong(struct mr_error *error, const char *message)
{
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "%s", message);
}

static int read_selection(struct mr_source *source, struct mr_kafka_options *out, struct mr_error *error)
{
    static const char *const names[] = {"assign", "subscribe", "subscribePattern"};
    int given = 0;
    for (int i = 0; i < 3; i++) {
        const char *value = mr_option_text(source->options, source->option_count, names[i]);
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
    return MR_OK;
}

int mr_kafka_options_read(struct mr_source *source, struct mr_kafka_options *out, struct mr_error *error)
{
    MR_TRY(
        mr_options_read(mr_kafka_source_options, "kafka", source->options, source->option_count, out, error));
    MR_TRY(read_selection(source, out, error));
    out->batch = source->batch;
    out->poll_timeout_us *= 1000; /* they are given in milliseconds */
    out->retry_us *= 1000;
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
