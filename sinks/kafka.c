/* sinks/kafka.c: the verbs of the sink; see kafka.h. */
#include "sinks/kafka.h"

#include <stdio.h>

#define TO(member) MR_OPTION_HOME(mr_kafka_sink, member)

const struct mr_option_spec mr_kafka_sink_options[] = {
    {"kafka.message.max.bytes", MR_OPTION_INTEGER, "1000000", "a larger message is refused",
     TO(largest_bytes)},
    {.include = mr_kafka_client_table},
    {"topic", MR_OPTION_TEXT, NULL, "where all rows go; else the column topic says it", TO(topic)},
    {"includeHeaders", MR_OPTION_BOOLEAN, "false", "the column headers is sent, too", TO(with_headers)},
    {"delivery", MR_OPTION_CHOICE, "exactly-once",
     "at-least-once: without transactions; after a crash a batch may come twice",
     .choices = "exactly-once|at-least-once"},
    {"registerTopic", MR_OPTION_TEXT, "(topic, or __consumer_offsets)",
     "topic under whose partition 0 the sink's group keeps its place; the option topic, or "
     "__consumer_offsets",
     TO(register_topic)},
    {"registerRenewal", MR_OPTION_DURATION, "1 day",
     "how often an idle query says its place again; brokers forget it after offsets.retention.minutes",
     TO(renew_every_us)},
    {0},
};

/* ---- options and columns ---- */

static int find_column(const struct mr_type *schema, const char *name, const struct mr_type *other,
                       enum mr_type_id a, enum mr_type_id b, int *out, struct mr_error *error)
{
    *out = mr_type_field(schema, mr_str_of(name), false, NULL);
    if (*out < 0)
        return MR_OK;
    const struct mr_type *type = schema->fields[*out].type;
    if (type->id == a || type->id == b || (other && mr_type_equal(type, other)))
        return MR_OK;
    return mr_error_set(
        error, MR_E_USAGE, "KAFKA_SINK_COLUMN",
        "The column %s of a Kafka sink has the wrong type: key and value are STRING or BINARY, "
        "topic STRING, partition INT, headers ARRAY<STRUCT<key: STRING, value: BINARY>>. CAST it.",
        name);
}

static int find_columns(struct mr_kafka_sink *self, struct mr_error *error)
{
    const struct mr_type *schema = self->sink->schema;
    struct mr_kafka_columns *c = &self->columns;
    const struct mr_field header[] = {{.name = "key", .type = mr_type_of(MR_STRING), .nullable = true},
                                      {.name = "value", .type = mr_type_of(MR_BINARY), .nullable = true}};
    const struct mr_type entry = {.id = MR_STRUCT, .field_count = 2, .fields = header};
    const struct mr_field element = {.name = "element", .type = &entry, .nullable = true};
    const struct mr_type list = {.id = MR_ARRAY, .field_count = 1, .fields = &element};
    MR_TRY(find_column(schema, "key", NULL, MR_STRING, MR_BINARY, &c->key, error));
    MR_TRY(find_column(schema, "value", NULL, MR_STRING, MR_BINARY, &c->value, error));
    MR_TRY(find_column(schema, "topic", NULL, MR_STRING, MR_STRING, &c->topic, error));
    MR_TRY(find_column(schema, "partition", NULL, MR_INT, MR_INT, &c->partition, error));
    c->headers = -1;
    if (self->with_headers)
        MR_TRY(find_column(schema, "headers", &list, MR_VOID, MR_VOID, &c->headers, error));
    if (c->value < 0)
        return mr_error_set(error, MR_E_USAGE, "KAFKA_SINK_COLUMN",
                            "A Kafka sink needs a column value (STRING or BINARY).");
    if (c->topic < 0 && !self->topic)
        return mr_error_set(error, MR_E_USAGE, "KAFKA_SINK_COLUMN",
                            "A Kafka sink needs the option topic, or a column topic.");
    return MR_OK;
}

static int read_options(struct mr_kafka_sink *self, struct mr_error *error)
{
    const struct mr_sink *sink = self->sink;
    MR_TRY(mr_options_read(mr_kafka_sink_options, "kafka", sink->options, sink->option_count, self, error));
    if (!self->register_topic)
        self->register_topic = self->topic ? self->topic : "__consumer_offsets";
    MR_TRY(mr_kafka_producer_open(self, true, error));
    return find_columns(self, error);
}

/* Is it only that another record, or the transaction, has failed? */
static bool is_a_consequence(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR__PURGE_QUEUE || why == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
           why == RD_KAFKA_RESP_ERR__FATAL;
}

/* Called by rd_kafka_poll and flush, on the thread that publishes. */
static void delivered(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    (void)handle;
    struct mr_kafka_client *producer = opaque;
    struct mr_kafka_sink *self =
        (struct mr_kafka_sink *)((char *)producer - offsetof(struct mr_kafka_sink, producer));
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || (self->trouble[0] && !is_a_consequence(self->refusal)))
        return;
    self->refusal = message->err; /* message_errstr is the value here */
    snprintf(self->trouble, sizeof self->trouble, "%s, topic %s", rd_kafka_err2str(message->err),
             rd_kafka_topic_name(message->rkt));
}

int mr_kafka_producer_open(struct mr_kafka_sink *self, bool check_only, struct mr_error *error)
{
    static const struct mr_kafka_setting defaults[] = {
        {"retry.backoff.ms", "1"}, /* a transaction takes 104 ms otherwise, 12 with it */
        {"linger.ms", "1"},
        {"reconnect.backoff.ms", "20"},
        {"reconnect.backoff.max.ms", "500"},
        {"queue.buffering.max.kbytes", "65536"},
        {"topic.metadata.propagation.max.ms", "10000"},
        {"log.connection.close", "false"},
        {0},
    };
    const char *identity = self->id;
#ifdef MR_PLANT_KAFKA_TWO_WRITERS
    char own[160]; /* of this process alone: nobody is fenced out */
    snprintf(own, sizeof own, "%s/%llx", self->id, (unsigned long long)self->sink->attempt);
    identity = own;
#endif
    const struct mr_kafka_setting transactional[] = {{"transactional.id", identity},
                                                     {"enable.idempotence", "true"},
                                                     {"acks", "all"},
                                                     {0}};
    static const struct mr_kafka_setting idempotent[] = {{"enable.idempotence", "true"},
                                                         {"acks", "all"},
                                                         {0}};
    struct mr_kafka_client_options options = {.type = RD_KAFKA_PRODUCER,
                                              .options = self->sink->options,
                                              .option_count = self->sink->option_count,
                                              .defaults = defaults,
                                              .fixed = self->at_least_once ? idempotent : transactional,
                                              .delivered = delivered};
    return check_only ? mr_kafka_check_options(&options, error)
                      : mr_kafka_client_open(&self->producer, &options, error);
}

/* ---- topics of rows ---- */

/* Is a topic there? What can be refused is refused before the decision. */
static int check_topic(struct mr_kafka_sink *self, const char *name, int *partitions, struct mr_error *error)
{
    static const struct mr_kafka_setting none[] = {{"log.connection.close", "false"}, {0}};
    struct mr_kafka_client_options options = {.type = RD_KAFKA_PRODUCER,
                                              .options = self->sink->options,
                                              .option_count = self->sink->option_count,
                                              .defaults = none};
    if (!self->asker.handle)
        MR_TRY(mr_kafka_client_open(&self->asker, &options, error));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(self->asker.handle, name, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t why = mr_kafka_metadata(&self->asker, false, topic, &metadata, 8000);
    *partitions = 0;
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
        why = metadata->topics[0].err;
        *partitions = metadata->topics[0].partition_cnt;
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    if (why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return mr_error_set(error, MR_E_DATA, "KAFKA_RECORD_REFUSED",
                            "The topic %s, which rows are for, does not exist. Create it.", name);
    return why == RD_KAFKA_RESP_ERR_NO_ERROR || why == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
               ? MR_OK
               : mr_kafka_error(&self->asker, why, error, "Whether the topic %s exists is not known", name);
}

static int look_at_topic(struct mr_kafka_sink *self, struct mr_map_entry *entry, struct mr_error *error)
{
    char name[256];
    int partitions;
    snprintf(name, sizeof name, "%.*s", (int)entry->key.size, entry->key.data);
    MR_TRY(check_topic(self, name, &partitions, error));
    entry->number = partitions > 0 ? partitions : 1;
    return MR_OK;
}

static int check_topics(struct mr_kafka_sink *self, struct mr_error *error)
{
    for (size_t i = 0; i < self->topics.count; i++) {
        struct mr_map_entry *entry = &self->topics.entries[i];
        const struct mr_map_entry *asked = mr_map_get(&self->asked, entry->key);
        int64_t wanted = asked && asked->number > 1 ? asked->number : 1;
        if (entry->number < wanted) /* not looked at, or it may have grown */
            MR_TRY(look_at_topic(self, entry, error));
        if (entry->number < wanted)
            return mr_error_set(
                error, MR_E_DATA, "KAFKA_RECORD_REFUSED",
                "Partition %lld of the topic %.*s, which a row is for, does not exist: there are "
                "%lld. Correct the column partition, or add partitions.",
                (long long)wanted - 1, (int)entry->key.size, entry->key.data, (long long)entry->number);
    }
    return MR_OK;
}

/* ---- the verbs ---- */

static void kafka_close(struct mr_sink *sink)
{
    struct mr_kafka_sink *self = sink->ctx;
    if (!self)
        return;
    mr_kafka_producer_drop(self);
    mr_kafka_client_close(&self->asker);
    mr_kafka_outbox_drop(self);
    for (int i = 0; self->scratch && i < sink->workers; i++)
        mr_text_release(&self->scratch[i]);
    mr_free(self->scratch);
    mr_text_release(&self->outbox);
    mr_map_release(&self->topics);
    mr_map_release(&self->asked);
    mr_map_release(&self->handles);
    pthread_mutex_destroy(&self->lock);
    mr_free(self);
    sink->ctx = NULL;
}

static int open_sink(struct mr_sink *sink, bool at_least_once, struct mr_error *error)
{
    struct mr_kafka_sink *self = mr_allocate_zeroed(sizeof *self);
    sink->ctx = self;
    if (!self)
        return mr_error_memory(error, sizeof *self);
    self->sink = sink;
    self->at_least_once = at_least_once;
    self->file = -1;
    self->attempted = INT64_MIN;
    self->first_prepared = INT64_MAX;
    pthread_mutex_init(&self->lock, NULL);
    mr_text_init(&self->outbox);
    mr_map_init(&self->topics);
    mr_map_init(&self->asked);
    mr_map_init(&self->handles);
    snprintf(self->id, sizeof self->id, "%s/%s", sink->query_id->text, sink->name);
    self->scratch = mr_allocate_zeroed(sizeof *self->scratch * (size_t)sink->workers);
    int status = self->scratch ? read_options(self, error) : mr_error_memory(error, sizeof *self->scratch);
    for (int i = 0; self->scratch && i < sink->workers; i++)
        mr_text_init(&self->scratch[i]);
    int partitions;
    if (status >= 0 && self->topic)
        status = check_topic(self, self->topic, &partitions, error);
    if (status < 0)
        kafka_close(sink);
    return status;
}

static int kafka_open(struct mr_sink *sink, struct mr_error *error)
{
    return open_sink(sink, false, error);
}

static int kafka_open_at_least_once(struct mr_sink *sink, struct mr_error *error)
{
    return open_sink(sink, true, error);
}

static int kafka_enrol(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    return mr_kafka_enrol(sink->ctx, out, error);
}

static int kafka_published(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    return mr_kafka_register(sink->ctx, out, error);
}

static int kafka_write(struct mr_sink *sink, int worker, const struct mr_batch *batch, struct mr_error *error)
{
    return mr_kafka_outbox_add(sink->ctx, worker, batch, error);
}

static int kafka_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                         const struct mr_register *predecessor, struct mr_text *manifest,
                         struct mr_error *error)
{
    struct mr_kafka_sink *self = sink->ctx;
    sink->metrics = (struct mr_sink_metrics){0};
    if (self->rows == 0)
        return MR_OK;
    MR_TRY(check_topics(self, error));
    if (self->first_prepared == INT64_MAX)
        self->first_prepared = batch;
    return mr_kafka_outbox_manifest(self, batch, decision_id, predecessor, manifest, error);
}

static int kafka_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error)
{
    (void)published; /* what is named is what pending manifests name */
    return sink->checkpoint ? mr_kafka_outbox_clean(sink->ctx, error) : MR_OK;
}

static void kafka_abandon(struct mr_sink *sink)
{
    mr_kafka_outbox_drop(sink->ctx);
}

static void kafka_describe(struct mr_sink *sink, struct mr_text *out)
{
    struct mr_kafka_sink *self = sink->ctx;
    mr_text_format(out, "KafkaSink[%s, %s, %s]", sink->name,
                   mr_kafka_servers(sink->options, sink->option_count),
                   self->topic ? self->topic : "topics of rows");
}

#define MODES 1U << MR_MODE_APPEND | 1U << MR_MODE_UPDATE | 1U << MR_MODE_COMPLETE

const struct mr_sink_type mr_kafka_sink = {
    .name = "kafka",
    .modes = MODES,
    .flags = MR_SINK_ANY_PACE | MR_SINK_WAITS,
    .absent_help = "When it is the topic that was changed, let the option registerTopic name the first one.",
    .open = kafka_open,
    .enrol = kafka_enrol,
    .write = kafka_write,
    .prepare = kafka_prepare,
    .publish = mr_kafka_publish,
    .published = kafka_published,
    .clean = kafka_clean,
    .renew = mr_kafka_renew,
    .abandon = kafka_abandon,
    .describe = kafka_describe,
    .close = kafka_close,
};

const struct mr_sink_type mr_kafka_at_least_once_sink = {
    .name = "kafka at least once",
    .modes = MODES,
    .flags = MR_SINK_NO_REGISTER | MR_SINK_ANY_PACE | MR_SINK_WAITS,
    .open = kafka_open_at_least_once,
    .write = kafka_write,
    .prepare = kafka_prepare,
    .publish = mr_kafka_publish,
    .abandon = kafka_abandon,
    .describe = kafka_describe,
    .close = kafka_close,
};
