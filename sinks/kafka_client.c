/* sinks/kafka_client.c: see kafka_client.h. */
#include "sinks/kafka_client.h"

#include <stdio.h>

#define PREFIX "kafka."
#define PREFIX_SIZE (sizeof PREFIX - 1)

/* ---- what the user may set ---- */

static const struct { /* what Millrace decides itself, and what only Kafka's Java client knows */
    const char *name, *instead;
} refused[] = {
    {"auto.offset.reset", "use startingOffsets and failOnDataLoss"},
    {"enable.auto.commit", "offsets are kept in the checkpoint"},
    {"enable.auto.offset.store", "offsets are kept in the checkpoint"},
    {"enable.partition.eof", "it is set by Millrace"},
    {"transactional.id", "it is made of the query's id"},
    {"enable.idempotence", "use delivery => 'exactly-once' or 'at-least-once'"},
    {"interceptor.classes", "there are no interceptors"},
    {"key.deserializer", "keys are binary; use SQL functions"},
    {"value.deserializer", "values are binary; use SQL functions"},
    {"key.serializer", "keys are binary or strings; use SQL functions"},
    {"value.serializer", "values are binary or strings; use SQL functions"},
    {"partitioner.class", "use kafka.partitioner (consistent_random, murmur2_random, …)"},
    {"plugin.library.paths", "plugins are not loaded"},
    {"sasl.jaas.config", "use kafka.sasl.username and kafka.sasl.password"},
    {"ssl.truststore.location", "use kafka.ssl.ca.location (PEM)"},
    {"ssl.truststore.password", "use kafka.ssl.ca.location (PEM)"},
    {"ssl.truststore.type", "use kafka.ssl.ca.location (PEM)"},
};
/* Settings of the Java client that change no result, accepted so that a project runs on both; and the group,
 * for which there is no use. */
static const char *const ignored[] = {
    "max.poll.records",  "default.api.timeout.ms", "receive.buffer.bytes",
    "send.buffer.bytes", "buffer.memory",          "max.block.ms",
    "group.id",          "ssl.keystore.type",
};

static bool is_ours(const char *name)
{
    return mr_str_starts_with(mr_str_of(name), MR_STR(PREFIX)) &&
           !mr_str_equal_nocase(mr_str_of(name), MR_STR("kafka.bootstrap.servers"));
}

static int refuse(const char *name, const char *why, struct mr_error *error)
{
    mr_error_parameter(error, "optionName", "%s%s", PREFIX, name);
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "The option %s%s cannot be set: %s.",
                        PREFIX, name, why);
}

static bool is_ignored(const char *name)
{
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        if (strcmp(ignored[i], name) == 0)
            return true;
    }
    return false;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct mr_error *error)
{
    char why[256];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, why, sizeof why);
    if (result == RD_KAFKA_CONF_OK)
        return MR_OK;
    if (result == RD_KAFKA_CONF_UNKNOWN)
        return refuse(name, "librdkafka has no such setting (see its CONFIGURATION.md)", error);
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "The option %s%s: %s.", PREFIX, name, why);
}

static int set_users(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options,
                     struct mr_error *error)
{
    for (int i = 0; i < options->option_count; i++) {
        if (!is_ours(options->options[i].name))
            continue;
        const char *name = options->options[i].name + PREFIX_SIZE;
        for (size_t r = 0; r < sizeof refused / sizeof *refused; r++) {
            if (strcmp(refused[r].name, name) == 0)
                return refuse(name, refused[r].instead, error);
        }
        for (const struct mr_kafka_setting *s = options->fixed; s && s->name; s++) {
            if (strcmp(s->name, name) == 0)
                return refuse(name, "exactly once rests on it", error);
        }
        if (!is_ignored(name))
            MR_TRY(set(conf, name, options->options[i].value, error));
    }
    return MR_OK;
}

const char *mr_kafka_servers(const struct mr_option *options, int count)
{
    const char *servers = mr_option_text(options, count, "kafka.bootstrap.servers");
    return servers ? servers : mr_option_text(options, count, "bootstrapServers");
}

static int configure(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options,
                     struct mr_error *error)
{
    const char *servers = mr_kafka_servers(options->options, options->option_count);
    if (!servers || !*servers)
        return mr_error_set(error, MR_E_USAGE, "REQUIRED_PARAMETER_NOT_FOUND",
                            "Kafka's servers are not given: bootstrapServers => 'host:9092'.");
    MR_TRY(set(conf, "bootstrap.servers", servers, error));
    MR_TRY(set(conf, "client.id", "millrace", error));
    for (const struct mr_kafka_setting *s = options->defaults; s && s->name; s++)
        MR_TRY(set(conf, s->name, s->value, error));
    MR_TRY(set_users(conf, options, error));
    for (const struct mr_kafka_setting *s = options->fixed; s && s->name; s++)
        MR_TRY(set(conf, s->name, s->value, error));
    return MR_OK;
}

int mr_kafka_check_options(const struct mr_kafka_client_options *options, struct mr_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int status = configure(conf, options, error);
    rd_kafka_conf_destroy(conf);
    return status;
}

/* ---- the handle ---- */

/* Both are called by mr_kafka_serve only: log.queue is on. */
static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    (void)handle;
    mr_log(level <= 3 ? MR_LOG_WARN : MR_LOG_DEBUG, "kafka.client", "%s: %s", facility, text);
}

static void on_error(rd_kafka_t *handle, int why, const char *reason, void *opaque)
{
    (void)handle;
    struct mr_kafka_client *client = opaque;
    snprintf(client->trouble, sizeof client->trouble, "%s",
             reason ? reason : rd_kafka_err2str((rd_kafka_resp_err_t)why));
}

int mr_kafka_client_open(struct mr_kafka_client *client, const struct mr_kafka_client_options *options,
                         struct mr_error *error)
{
    char why[256];
    client->trouble[0] = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int status = configure(conf, options, error);
    if (status >= 0)
        status = set(conf, "log.queue", "true", error);
    if (status < 0) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (options->delivered)
        rd_kafka_conf_set_dr_msg_cb(conf, options->delivered);
    client->handle = rd_kafka_new(options->type, conf, why, sizeof why);
    if (!client->handle) {
        rd_kafka_conf_destroy(conf);
        return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "Kafka's client cannot start: %s.",
                            why);
    }
    rd_kafka_set_log_queue(client->handle, NULL);
    return MR_OK;
}

void mr_kafka_client_close(struct mr_kafka_client *client)
{
    if (client->handle)
        rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client->handle = NULL;
}

void mr_kafka_serve(struct mr_kafka_client *client)
{
    if (client->handle)
        rd_kafka_poll(client->handle, 0);
}

bool mr_kafka_is_temporary(rd_kafka_resp_err_t why)
{
    switch (why) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__NOENT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
        return true;
    default:
        return false;
    }
}

int mr_kafka_error(struct mr_kafka_client *client, rd_kafka_resp_err_t why, struct mr_error *error,
                   const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    mr_kafka_serve(client);
    mr_error_set(error, MR_E_IO, "KAFKA_REQUEST_FAILED", "%s: %s (%s)%s%s.", what, rd_kafka_err2str(why),
                 rd_kafka_err2name(why), client->trouble[0] ? "; the client says: " : "", client->trouble);
    if (mr_kafka_is_temporary(why))
        error->flags |= MR_RETRIABLE;
    return error->code;
}
