/* sinks/kafka_settings.h: librdkafka's configuration out of options. Private to the kafka_*.c files of this
 * folder. */
#ifndef MR_SINKS_KAFKA_SETTINGS_H
#define MR_SINKS_KAFKA_SETTINGS_H

#include "sinks/kafka_client.h"

/* All that the options say. MR_E_USAGE */
int mr_kafka_configure(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options,
                       struct mr_error *error);
/* librdkafka's name; its complaint becomes INVALID_OPTION_VALUE. */
int mr_kafka_setting_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct mr_error *error);
/* INVALID_OPTION_VALUE: "The option kafka.<name> cannot be set: <why>." */
int mr_kafka_setting_refuse(const char *name, const char *why, struct mr_error *error);
/* The user's value of kafka.<name>; NULL: not given. */
const char *mr_kafka_user_setting(const struct mr_kafka_client_options *options, const char *name);

/* kafka_security.c: TLS and SASL as Kafka's Java client (and so Spark) spells them. MR_END: the option is
 * none of those, or is spelled alike in librdkafka. */
int mr_kafka_security_set(rd_kafka_conf_t *conf, const struct mr_kafka_client_options *options,
                          const char *name, const char *value, struct mr_error *error);

#endif
