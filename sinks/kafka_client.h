/* sinks/kafka_client.h: a handle of librdkafka and the options behind it, for the Kafka source and sink.
 *
 * Options named kafka.* go to librdkafka as they are, without the prefix. What decides correctness cannot be
 * set by them. librdkafka's threads never call code of ours: its logs and errors are events of the handle's
 * main queue, served where mr_kafka_serve is called. */
#ifndef MR_SINKS_KAFKA_CLIENT_H
#define MR_SINKS_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "base/env.h"
#include "base/option.h"

struct mr_kafka_setting { /* of librdkafka */
    const char *name, *value;
};
struct mr_kafka_client_options {
    rd_kafka_type_t type;
    const struct mr_option *options; /* the user's; those without the prefix kafka. are somebody else's */
    int option_count;
    const struct mr_kafka_setting *defaults; /* the user may set them otherwise; NULL name ends */
    const struct mr_kafka_setting *fixed;    /* nobody may */
    /* Of a producer; NULL: none. Called where the handle is polled, with the client as opaque. */
    void (*delivered)(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque);
};
struct mr_kafka_client {
    rd_kafka_t *handle; /* NULL: not open */
    /* The last thing that went wrong on its own, for messages; "" : nothing. Written by mr_kafka_serve. */
    char trouble[512];
    /* RD_KAFKA_RESP_ERR__AUTHENTICATION or __SSL: what brokers last answered was a refusal of this kind,
     * which time alone does not mend; else NO_ERROR. */
    rd_kafka_resp_err_t refused;
    const struct mr_option *options; /* the user's; what librdkafka says may repeat their secrets */
    int option_count;
};

/* Checks the kafka.* options: known to librdkafka, none of those that Millrace sets itself. Connects to
 * nobody. MR_E_USAGE */
int mr_kafka_check_options(const struct mr_kafka_client_options *options, struct mr_error *error);
/* Makes the handle; connections are made in the background. */
int mr_kafka_client_open(struct mr_kafka_client *client, const struct mr_kafka_client_options *options,
                         struct mr_error *error);
void mr_kafka_client_close(struct mr_kafka_client *client); /* zeroed is fine */
/* Serves logs and errors that have come in; does not wait. */
void mr_kafka_serve(struct mr_kafka_client *client);
/* rd_kafka_metadata within limit_ms, but no longer than until brokers refuse this client. */
rd_kafka_resp_err_t mr_kafka_metadata(struct mr_kafka_client *client, bool all, rd_kafka_topic_t *topic,
                                      const struct rd_kafka_metadata **out, int limit_ms);
/* The condition of an error at this client, and whether it is the brokers' refusal (of a password, a
 * certificate …) rather than that they are away. */
const char *mr_kafka_condition(const struct mr_kafka_client *client, bool *refused);
extern const struct mr_option_spec mr_kafka_client_table[]; /* of the source and the sink; without homes */
/* bootstrapServers, or kafka.bootstrap.servers; NULL: not given. */
const char *mr_kafka_servers(const struct mr_option *options, int count);
/* "what: why", with flags and, where librdkafka has said something lately, that too. Retriable is what is
 * temporary, but not where brokers refuse this client. */
int mr_kafka_error(struct mr_kafka_client *client, rd_kafka_resp_err_t why, struct mr_error *error,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* May the same request succeed later? (No broker, no leader, a timeout …) */
bool mr_kafka_is_temporary(rd_kafka_resp_err_t why);

#endif
