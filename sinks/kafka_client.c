/* sinks/kafka_client.c: see kafka_client.h. */
#include <stdio.h>

#include "base/secret.h"
#include "sinks/kafka_settings.h"

/* What librdkafka says, without what is nobody's business. */
static void blot(const struct mr_kafka_client *client, char *text)
{
    for (int i = 0; i < client->option_count; i++) {
        if (mr_secret_name(mr_str_of(client->options[i].name)))
            mr_secret_blot(text, strlen(text), mr_str_of(client->options[i].value));
    }
}

/* Both are called by mr_kafka_serve only: log.queue is on. */
static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    char shown[1024];
    snprintf(shown, sizeof shown, "%s: %s", facility, text);
    blot(rd_kafka_opaque(handle), shown);
    mr_log(level <= 3 ? MR_LOG_WARN : MR_LOG_DEBUG, "kafka.client", "%s", shown);
}

#define MENDED_SCRAM 0x020601ff /* its nonce was one that strict servers refuse, and Kafka 4 is strict */

/* Refusals that librdkafka calls lost connections: a certificate may be refused after the handshake, and a
 * broker hangs up on a client that speaks TLS where it does not, or the other way round. */
static bool speaks_of_tls(const char *reason)
{
    return reason && (strstr(reason, "SSL routines:") || strstr(reason, "security.protocol"));
}

static void on_error(rd_kafka_t *handle, int why, const char *reason, void *opaque)
{
    (void)handle;
    struct mr_kafka_client *client = opaque;
    if (why == RD_KAFKA_RESP_ERR__AUTHENTICATION || why == RD_KAFKA_RESP_ERR__SSL)
        client->refused = (rd_kafka_resp_err_t)why;
    else if (speaks_of_tls(reason))
        client->refused = RD_KAFKA_RESP_ERR__SSL;
    else if (why == RD_KAFKA_RESP_ERR__TRANSPORT || why == RD_KAFKA_RESP_ERR__RESOLVE)
        client->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    else if (client->trouble[0] && why == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return; /* what was said of one of them says more */
    bool old_scram = why == RD_KAFKA_RESP_ERR__AUTHENTICATION && reason && strstr(reason, "SCRAM") &&
                     rd_kafka_version() < MENDED_SCRAM;
    snprintf(client->trouble, sizeof client->trouble, "%s%s%s",
             reason ? reason : rd_kafka_err2str((rd_kafka_resp_err_t)why),
             old_scram ? ". Brokers of Kafka 4 refuse every password that comes by SCRAM from a librdkafka "
                         "before 2.6.1, and this is "
                       : "",
             old_scram ? rd_kafka_version_str() : "");
    blot(client, client->trouble);
}

/* Tokens of OAUTHBEARER are renewed by librdkafka's own thread, with its own code. */
static void renew_tokens(rd_kafka_t *handle, bool bearer)
{
    rd_kafka_error_t *why = bearer ? rd_kafka_sasl_background_callbacks_enable(handle) : NULL;
    if (why) {
        mr_log(MR_LOG_WARN, "kafka.client", "tokens are not renewed: %s", rd_kafka_error_string(why));
        rd_kafka_error_destroy(why);
    }
}

static bool has_tokens(const struct mr_kafka_client_options *options)
{
    const char *one = mr_kafka_user_setting(options, "sasl.mechanism");
    const char *other = mr_kafka_user_setting(options, "sasl.mechanisms");
    return (one && strcmp(one, "OAUTHBEARER") == 0) || (other && strcmp(other, "OAUTHBEARER") == 0);
}

int mr_kafka_client_open(struct mr_kafka_client *client, const struct mr_kafka_client_options *options,
                         struct mr_error *error)
{
    char why[256];
    client->trouble[0] = 0;
    client->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->options = options->options;
    client->option_count = options->option_count;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int status = mr_kafka_configure(conf, options, error);
    if (status < 0) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_enable_sasl_queue(conf, has_tokens(options));
    if (options->delivered)
        rd_kafka_conf_set_dr_msg_cb(conf, options->delivered);
    client->handle = rd_kafka_new(options->type, conf, why, sizeof why);
    if (!client->handle) {
        blot(client, why);
        rd_kafka_conf_destroy(conf);
        return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE", "Kafka's client cannot start: %s.",
                            why);
    }
    rd_kafka_set_log_queue(client->handle, NULL);
    renew_tokens(client->handle, has_tokens(options));
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

rd_kafka_resp_err_t mr_kafka_metadata(struct mr_kafka_client *client, bool all, rd_kafka_topic_t *topic,
                                      const struct rd_kafka_metadata **out, int limit_ms)
{
    for (int patience_ms = 250;; patience_ms *= 2) { /* a refusal is heard between two questions */
        int wait_ms = patience_ms < limit_ms ? patience_ms : limit_ms;
        rd_kafka_resp_err_t why = rd_kafka_metadata(client->handle, all, topic, out, wait_ms);
        mr_kafka_serve(client);
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
            client->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
        limit_ms -= wait_ms;
        if ((why != RD_KAFKA_RESP_ERR__TIMED_OUT && why != RD_KAFKA_RESP_ERR__TRANSPORT) || limit_ms <= 0 ||
            client->refused)
            return why;
    }
}

const char *mr_kafka_condition(const struct mr_kafka_client *client, bool *refused)
{
    *refused = client->refused != RD_KAFKA_RESP_ERR_NO_ERROR;
    return !*refused                                              ? "KAFKA_REQUEST_FAILED"
           : client->refused == RD_KAFKA_RESP_ERR__AUTHENTICATION ? "KAFKA_REQUEST_FAILED.AUTHENTICATION"
                                                                  : "KAFKA_REQUEST_FAILED.TLS";
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
    bool refused;
    const char *condition = mr_kafka_condition(client, &refused);
    mr_error_set(error, MR_E_IO, condition, "%s: %s (%s)%s%s.", what, rd_kafka_err2str(why),
                 rd_kafka_err2name(why), client->trouble[0] ? "; the client says: " : "", client->trouble);
    if (mr_kafka_is_temporary(why) && !refused)
        error->flags |= MR_RETRIABLE;
    return error->code;
}
