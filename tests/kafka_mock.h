/* tests/kafka_mock.h: librdkafka's mock cluster, for faults that no broker gives on demand. It appends
 * what is produced at once, whatever becomes of the transaction, so that what counts is what was committed.
 */
#ifndef MR_TESTS_KAFKA_MOCK_H
#define MR_TESTS_KAFKA_MOCK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/env.h"
#include "base/error.h"

enum { /* of Kafka's protocol */
       API_PRODUCE = 0,
       API_FETCH = 1,
       API_LIST_OFFSETS = 2,
       API_METADATA = 3,
       API_OFFSET_COMMIT = 8,
       API_OFFSET_FETCH = 9,
       API_FIND_COORDINATOR = 10,
       API_INIT_PRODUCER_ID = 22,
       API_ADD_PARTITIONS = 24,
       API_ADD_OFFSETS = 25,
       API_END = 26,
       API_TXN_OFFSET_COMMIT = 28
};

static struct mr_error error;

struct mock {
    rd_kafka_t *handle;
    rd_kafka_mock_cluster_t *cluster;
    const char *servers;
};

static inline rd_kafka_t *client(rd_kafka_type_t type, const char *servers, const char *group)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    rd_kafka_conf_set(conf, "linger.ms", "1", why, sizeof why);
    if (servers)
        rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof why);
    if (group)
        rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rd_kafka_t *handle = rd_kafka_new(type, conf, why, sizeof why);
    assert_non_null(handle);
    return handle;
}

static inline void mock_start(struct mock *mock, int brokers)
{
    mock->handle = client(RD_KAFKA_PRODUCER, NULL, NULL);
    mock->cluster = rd_kafka_mock_cluster_new(mock->handle, brokers);
    assert_non_null(mock->cluster);
    mock->servers = rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

/* The next so many requests of this kind are answered with an error (__TRANSPORT: the connection is cut). */
static inline void mock_push(struct mock *mock, int16_t api, int times, rd_kafka_resp_err_t why)
{
    rd_kafka_resp_err_t stack[100];
    assert_true(times <= 100);
    for (int i = 0; i < times; i++)
        stack[i] = why;
    rd_kafka_mock_push_request_errors_array(mock->cluster, api, (size_t)times, stack);
}

static inline void mock_stop(struct mock *mock)
{
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->handle);
}

#endif
