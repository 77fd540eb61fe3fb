/* sinks/kafka_settings.c: what librdkafka is told: the user's kafka.* options, checked. Names that only
 * Kafka's Java client knows are translated here where librdkafka has the same thing under another name, and
 * refused, naming that, where it cannot be translated. */
#include <stdio.h>

#include "base/secret.h"
#include "sinks/kafka_settings.h"

#define PREFIX "kafka."
#define PREFIX_SIZE (sizeof PREFIX - 1)

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
    {"ssl.truststore.password", "it belongs to kafka.ssl.truststore.location, which is not given; kafka."
                                "ssl.ca.location (PEM) needs none"},
    {"ssl.enabled.protocols", "TLS 1.2 and 1.3 are spoken; the system's openssl.cnf may allow fewer"},
    {"ssl.protocol", "TLS 1.2 and 1.3 are spoken; the system's openssl.cnf may allow fewer"},
    {"ssl.provider", "TLS is OpenSSL's; use kafka.ssl.providers"},
    {"ssl.engine.factory.class", "TLS is OpenSSL's"},
    {"ssl.trustmanager.algorithm", "TLS is OpenSSL's"},
    {"ssl.keymanager.algorithm", "TLS is OpenSSL's"},
    {"sasl.client.callback.handler.class", "there are no Java classes; use kafka.sasl.username and "
                                           "kafka.sasl.password, or kafka.sasl.oauthbearer.method"},
    {"sasl.login.class", "there are no Java classes; use kafka.sasl.username and kafka.sasl.password"},
};
/* Settings of the Java client that change no result, accepted so that a project runs on both. */
static const char *const ignored[] = {
    "max.poll.records",  "default.api.timeout.ms", "receive.buffer.bytes",
    "send.buffer.bytes", "buffer.memory",          "max.block.ms",
    "ssl.keystore.type", "ssl.truststore.type", /* a look at the file says it */
};
static const struct mr_kafka_setting renamed[] = {
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},    {"max.request.size", "message.max.bytes"},
    {"ssl.truststore.certificates", "ssl.ca.pem"}, {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
    {"ssl.keystore.key", "ssl.key.pem"},
};

static bool is_ours(const char *name)
{
    return mr_str_starts_with(mr_str_of(name), MR_STR(PREFIX)) &&
           !mr_str_equal_nocase(mr_str_of(name), MR_STR("kafka.bootstrap.servers"));
}

int mr_kafka_setting_refuse(const char *name, const char *why, struct mr_error *error)
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

int mr_kafka_setting_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct mr_error *error)
{
    char why[256];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, why, sizeof why);
    if (result == RD_KAFKA_CONF_OK)
        return MR_OK;
    if (result == RD_KAFKA_CONF_UNKNOWN)
        return mr_kafka_setting_refuse(name, "librdkafka has no such setting (see its CONFIGURATION.md)",
                                       error);
    if (mr_secret_name(mr_str_of(name)))
        mr_secret_blot(why, strlen(why), mr_str_of(value));
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "The option %s%s: %s.", PREFIX, name, why);
}

static int set_one(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options, const char *name,
                   const char *value, struct mr_error *error)
{
    int status = mr_kafka_security_set(conf, options, name, value, error);
    if (status != MR_END)
        return status;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (strcmp(refused[i].name, name) == 0)
            return mr_kafka_setting_refuse(name, refused[i].instead, error);
    }
    for (const struct mr_kafka_setting *s = options->fixed; s && s->name; s++) {
        if (strcmp(s->name, name) == 0)
            return mr_kafka_setting_refuse(name, "exactly once rests on it", error);
    }
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        if (strcmp(renamed[i].name, name) == 0)
            return mr_kafka_setting_set(conf, renamed[i].value, value, error);
    }
    return is_ignored(name) ? MR_OK : mr_kafka_setting_set(conf, name, value, error);
}

const char *mr_kafka_user_setting(const struct mr_kafka_client_options *options, const char *name)
{
    const char *found = NULL;
    for (int i = 0; i < options->option_count; i++) {
        const struct mr_option *option = &options->options[i];
        if (is_ours(option->name) && strcmp(option->name + PREFIX_SIZE, name) == 0)
            found = option->value;
    }
    return found;
}

const struct mr_option_spec mr_kafka_client_table[] = {
    {"bootstrapServers", MR_OPTION_TEXT, NULL, .help = "host:port, with commas; needed"},
    {"kafka.bootstrap.servers", MR_OPTION_TEXT, NULL, .help = "the same, as Spark calls it"},
    {"kafka.*", MR_OPTION_TEXT, NULL, .help = "handed to librdkafka"},
    {0},
};

const char *mr_kafka_servers(const struct mr_option *options, int count)
{
    const char *servers = mr_option_text(options, count, "kafka.bootstrap.servers");
    return servers ? servers : mr_option_text(options, count, "bootstrapServers");
}

static int set_all(rd_kafka_conf_t *conf, const struct mr_kafka_setting *settings, struct mr_error *error)
{
    for (const struct mr_kafka_setting *s = settings; s && s->name; s++)
        MR_TRY(mr_kafka_setting_set(conf, s->name, s->value, error));
    return MR_OK;
}

int mr_kafka_configure(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options,
                       struct mr_error *error)
{
    const char *servers = mr_kafka_servers(options->options, options->option_count);
    if (!servers || !*servers)
        return mr_error_set(error, MR_E_USAGE, "REQUIRED_PARAMETER_NOT_FOUND",
                            "Kafka's servers are not given: bootstrapServers => 'host:9092'.");
    MR_TRY(mr_kafka_setting_set(conf, "bootstrap.servers", servers, error));
    MR_TRY(mr_kafka_setting_set(conf, "client.id", "millrace", error));
    MR_TRY(set_all(conf, options->defaults, error));
    for (int i = 0; i < options->option_count; i++) {
        const struct mr_option *option = &options->options[i];
        if (is_ours(option->name))
            MR_TRY(set_one(conf, options, option->name + PREFIX_SIZE, option->value, error));
    }
    MR_TRY(set_all(conf, options->fixed, error));
    return mr_kafka_setting_set(conf, "log.queue", "true", error);
}

int mr_kafka_check_options(const struct mr_kafka_client_options *options, struct mr_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int status = mr_kafka_configure(conf, options, error);
    rd_kafka_conf_destroy(conf);
    return status;
}
