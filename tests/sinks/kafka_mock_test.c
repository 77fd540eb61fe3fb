/* The Kafka sink against faults that no broker gives on demand: errors of every request of a transaction,
 * answers that come after the client has given up though the broker did the work, coordinators that move,
 * brokers that go. A batch is published once, or the query stops with a typed error that says why. */
#include "tests/kafka_mock.h"

#include <stdio.h>
#include <stdlib.h>

#include "columns/type.h"
#include "sinks/kafka.h"

#define OK(call) assert_true((call) >= 0)
#define ROWS 20

struct rig { /* one query with one sink, driven as the runtime does it */
    struct mr_sink sink;
    struct mr_query_id id;
    struct mr_option options[8];
    struct mr_arena arena;
    struct mr_register at;
    int64_t batch;
    size_t more_bytes; /* of the last row of a batch */
};

/* The mock cluster answers TxnOffsetCommit and forgets it: what would be there once the transaction is
 * committed is put there by hand. */
static void mirror(const struct rig *rig, const struct mock *mock)
{
    char group[80], text[64];
    snprintf(group, sizeof group, "%s/out", rig->id.text);
    snprintf(text, sizeof text, "millrace 1 %llx", (unsigned long long)rig->at.decision_id);
    rd_kafka_t *writer = client(RD_KAFKA_CONSUMER, mock->servers, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, "out", 0);
    at->offset = rig->at.batch + 1;
    at->metadata = strdup(text);
    at->metadata_size = strlen(text);
    assert_int_equal(rd_kafka_commit(writer, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(writer);
}

static void rig_start(struct rig *rig, const struct mock *mock, const char *id)
{
    memset(rig, 0, sizeof *rig);
    mr_arena_init(&rig->arena);
    snprintf(rig->id.text, sizeof rig->id.text, "%s", id);
    const struct mr_type *schema = NULL;
    OK(mr_schema_parse(&rig->arena, MR_STR("value STRING"), &schema, &error));
    const struct mr_option options[] = {{"bootstrapServers", mock->servers},
                                        {"topic", "out"},
                                        {"kafka.socket.timeout.ms", "1500"},
                                        {"kafka.transaction.timeout.ms", "20000"},
                                        {"kafka.message.timeout.ms", "15000"},
                                        {"kafka.log_level", "0"}};
    memcpy(rig->options, options, sizeof options);
    rig->sink = (struct mr_sink){.type = &mr_kafka_sink,
                                 .name = "out",
                                 .schema = schema,
                                 .options = rig->options,
                                 .option_count = sizeof options / sizeof *options,
                                 .query_id = &rig->id,
                                 .attempt = 1,
                                 .workers = 1};
    OK(rig->sink.type->open(&rig->sink, &error));
    OK(rig->sink.type->enrol(&rig->sink, &rig->at, &error));
    assert_true(rig->at.present);
    mirror(rig, mock);
}

static void rig_stop(struct rig *rig)
{
    rig->sink.type->close(&rig->sink);
    mr_arena_release(&rig->arena);
}

static void rig_decide(struct rig *rig, struct mr_text *manifest)
{
    struct mr_batch rows = {0};
    char *text = calloc(1, rig->more_bytes + 32);
    OK(mr_batch_init(&rows, rig->sink.schema, ROWS, &error));
    for (int64_t i = 0; i < ROWS; i++) {
        size_t size = (size_t)snprintf(text, 32, "%lld", (long long)(rig->batch * ROWS + i));
        OK(mr_column_set_bytes(rows.columns[0], i, text, i + 1 < ROWS ? size : size + rig->more_bytes,
                               &error));
    }
    free(text);
    rows.columns[0]->length = rows.length = ROWS;
    mr_text_init(manifest);
    OK(rig->sink.type->write(&rig->sink, 0, &rows, &error));
    mr_batch_release(&rows);
    OK(rig->sink.type->prepare(&rig->sink, rig->batch, 1000 + (uint64_t)rig->batch, &rig->at, manifest,
                               &error));
}

/* As the publisher does it: again while that is worth it, and after an unknown outcome only behind a look at
 * the register. *attempts: publications that were begun. */
static int rig_publish(struct rig *rig, const struct mock *mock, const struct mr_text *manifest,
                       int *attempts)
{
    int status = MR_E_IO;
    *attempts = 0;
    for (int tries = 0; tries < 8; tries++) {
        mr_error_clear(&error);
        status = rig->sink.type->publish(&rig->sink, mr_text_str(manifest), &error);
        (*attempts)++;
        if (status >= 0 || !(error.flags & MR_RETRIABLE))
            break;
        struct mr_register found;
        bool ambiguous = error.flags & MR_AMBIGUOUS;
        int looked = ambiguous ? rig->sink.type->published(&rig->sink, &found, &error) : MR_END;
        if (looked == MR_OK && found.batch == rig->batch) {
            status = MR_OK;
            break;
        }
        mr_env()->sleep_us(20000);
    }
    if (status >= 0) {
        rig->at = (struct mr_register){true, rig->batch, 1000 + (uint64_t)rig->batch};
        rig->batch++;
        mirror(rig, mock);
    }
    return status;
}

/* How often each row stands in the topic; the mock cluster keeps what was aborted, too. */
static void count_rows(const struct mock *mock, int *counts, int most)
{
    rd_kafka_t *reader = client(RD_KAFKA_CONSUMER, mock->servers, "count");
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader, "out", NULL);
    int64_t low, high, at = 0;
    memset(counts, 0, sizeof *counts * (size_t)most);
    assert_int_equal(rd_kafka_query_watermark_offsets(reader, "out", 0, &low, &high, 10000), 0);
    assert_int_equal(rd_kafka_consume_start(topic, 0, low), 0);
    for (int idle = 0; at < high && idle < 50;) {
        rd_kafka_message_t *message = rd_kafka_consume(topic, 0, 200);
        idle += message == NULL;
        if (message && !message->err) {
            char text[32] = "";
            memcpy(text, message->payload, message->len < 31 ? message->len : 31);
            int number = atoi(text);
            assert_true(number >= 0 && number < most);
            counts[number]++;
            at = message->offset + 1;
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(reader);
}

enum outcome {
    ONCE,    /* the client or the broker gets over it: one transaction, no row twice */
    AGAIN,   /* the transaction is aborted and made anew: the register holds the batch once */
    FENCED,  /* stops: somebody else has this identity */
    REFUSED, /* stops: brokers do not allow it */
    UNFIT,   /* stops: brokers do not take such a record */
};
static const struct fault {
    const char *name;
    int16_t api;
    int times;
    rd_kafka_resp_err_t why;
    enum outcome outcome;
} faults[] = {
    {"produce: leader moved", API_PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ONCE},
    {"produce: replicas missing", API_PRODUCE, 2, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ONCE},
    {"produce: timed out at the broker", API_PRODUCE, 2, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ONCE},
    {"produce: connection cut", API_PRODUCE, 2, RD_KAFKA_RESP_ERR__TRANSPORT, ONCE},
    {"produce: out of order", API_PRODUCE, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, AGAIN},
    {"produce: unknown producer", API_PRODUCE, 1, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, AGAIN},
    {"produce: fenced", API_PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, FENCED},
    {"produce: forbidden", API_PRODUCE, 40, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, REFUSED},
    {"produce: too large", API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, UNFIT},
    {"produce: not valid", API_PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD, UNFIT},
    {"partitions: coordinator away", API_ADD_PARTITIONS, 3, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
     ONCE},
    {"partitions: coordinator moved", API_ADD_PARTITIONS, 2, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ONCE},
    {"partitions: concurrent", API_ADD_PARTITIONS, 5, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, ONCE},
    {"partitions: connection cut", API_ADD_PARTITIONS, 2, RD_KAFKA_RESP_ERR__TRANSPORT, ONCE},
    {"partitions: fenced", API_ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FENCED},
    {"partitions: old epoch", API_ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, FENCED},
    {"offsets: coordinator away", API_ADD_OFFSETS, 3, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, ONCE},
    {"offsets: connection cut", API_ADD_OFFSETS, 2, RD_KAFKA_RESP_ERR__TRANSPORT, ONCE},
    {"offsets: fenced", API_ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FENCED},
    {"offsets: forbidden", API_ADD_OFFSETS, 40, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
     REFUSED},
    {"register: loading", API_TXN_OFFSET_COMMIT, 3, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ONCE},
    {"register: coordinator moved", API_TXN_OFFSET_COMMIT, 2, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ONCE},
    {"register: timed out at the broker", API_TXN_OFFSET_COMMIT, 2, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
     ONCE},
    {"register: connection cut", API_TXN_OFFSET_COMMIT, 2, RD_KAFKA_RESP_ERR__TRANSPORT, ONCE},
    {"register: fenced", API_TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FENCED},
    {"register: forbidden", API_TXN_OFFSET_COMMIT, 40, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, REFUSED},
    {"end: coordinator away", API_END, 3, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, ONCE},
    {"end: coordinator moved", API_END, 2, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ONCE},
    {"end: connection cut", API_END, 2, RD_KAFKA_RESP_ERR__TRANSPORT, ONCE},
    {"end: concurrent", API_END, 3, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, ONCE},
    {"end: fenced", API_END, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, FENCED},
    {"end: unknown mapping", API_END, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, AGAIN},
};

static void test_faults(void **state)
{
    (void)state;
    static int counts[sizeof faults / sizeof *faults * 4 * ROWS];
    int most = sizeof counts / sizeof *counts;
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        const struct fault *fault = &faults[f];
        struct mock mock;
        struct rig rig;
        struct mr_text manifest;
        int attempts;
        mock_start(&mock, 1);
        rd_kafka_mock_topic_create(mock.cluster, "out", 1, 1);
        rig_start(&rig, &mock, "11111111-2222-3333-4444-555555555555");
        rig_decide(&rig, &manifest); /* a first batch without faults */
        OK(rig_publish(&rig, &mock, &manifest, &attempts));
        mr_text_release(&manifest);
        rig_decide(&rig, &manifest);
        mock_push(&mock, fault->api, fault->times, fault->why);
        int status = rig_publish(&rig, &mock, &manifest, &attempts);
        if (fault->outcome == ONCE || fault->outcome == AGAIN) {
            if (status < 0)
                print_error("%s: %s\n", fault->name, error.message);
            assert_true(status >= 0);
            count_rows(&mock, counts, most);
            for (int i = 0; i < 2 * ROWS; i++) {
                if (fault->outcome == ONCE && counts[i] != 1)
                    print_error("%s: row %d stands %d times after %d attempts\n", fault->name, i, counts[i],
                                attempts);
                assert_true(fault->outcome == ONCE ? counts[i] == 1 : counts[i] >= 1);
            }
        } else {
            static const char *const conditions[] = {[FENCED] = "SINK_REGISTER_MISMATCH.FOREIGN",
                                                     [REFUSED] = "KAFKA_REQUEST_FAILED",
                                                     [UNFIT] = "KAFKA_RECORD_REFUSED"};
            if (status >= 0 || strcmp(error.condition, conditions[fault->outcome]) != 0 ||
                (error.flags & MR_RETRIABLE))
                print_error("%s, %d attempts: %d %s %s\n", fault->name, attempts, status, error.condition,
                            error.message);
            assert_true(status < 0 && !(error.flags & MR_RETRIABLE));
            assert_string_equal(error.condition, conditions[fault->outcome]);
        }
        rd_kafka_mock_clear_request_errors(mock.cluster, fault->api);
        mr_text_release(&manifest);
        rig_stop(&rig);
        mock_stop(&mock);
    }
}

/* The broker does the work, the answer comes when the client has given up. */
static void test_late_answers(void **state)
{
    (void)state;
    static const int16_t apis[] = {API_END, API_TXN_OFFSET_COMMIT, API_ADD_OFFSETS, API_ADD_PARTITIONS};
    for (size_t a = 0; a < sizeof apis / sizeof *apis; a++) {
        struct mock mock;
        struct rig rig;
        struct mr_text manifest;
        int attempts, counts[ROWS];
        mock_start(&mock, 1);
        rd_kafka_mock_topic_create(mock.cluster, "out", 1, 1);
        rig_start(&rig, &mock, "21111111-2222-3333-4444-555555555555");
        rig_decide(&rig, &manifest);
        assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(mock.cluster, 1, apis[a], 1,
                                                                      RD_KAFKA_RESP_ERR_NO_ERROR, 4000),
                         0);
        int status = rig_publish(&rig, &mock, &manifest, &attempts);
        if (status < 0)
            print_error("request %d: %s\n", (int)apis[a], error.message);
        assert_true(status >= 0);
        mr_text_release(&manifest);
        count_rows(&mock, counts, ROWS);
        for (int i = 0; i < ROWS; i++)
            assert_true(counts[i] >= 1);
        rig_stop(&rig);
        mock_stop(&mock);
    }
}

static void test_start_under_faults(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t passing[] = {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                                                  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                                  RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                                                  RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS};
    struct mock mock;
    struct rig rig;
    struct mr_text manifest;
    int attempts;
    mock_start(&mock, 3);
    rd_kafka_mock_topic_create(mock.cluster, "out", 1, 3);
    rd_kafka_mock_push_request_errors_array(mock.cluster, API_INIT_PRODUCER_ID, 4, passing);
    rd_kafka_mock_push_request_errors_array(mock.cluster, API_FIND_COORDINATOR, 1, passing);
    rig_start(&rig, &mock, "31111111-2222-3333-4444-555555555555");
    rig_decide(&rig, &manifest);
    OK(rig_publish(&rig, &mock, &manifest, &attempts));
    mr_text_release(&manifest);
    for (int broker = 1; broker <= 3; broker++) { /* coordinators and leaders move between batches */
        OK(rd_kafka_mock_partition_set_leader(mock.cluster, "out", 0, broker));
        OK(rd_kafka_mock_coordinator_set(mock.cluster, "transaction",
                                         "31111111-2222-3333-4444-555555555555/out", broker % 3 + 1));
        rig_decide(&rig, &manifest);
        OK(rig_publish(&rig, &mock, &manifest, &attempts));
        mr_text_release(&manifest);
    }
    rig_stop(&rig);
    mock_stop(&mock);
}

/* A record that a client with other settings does not take, behind others that are on their way: a typed
 * stop, and no end of the process (librdkafka's, when it is left in the wrong moment). */
static void test_record_that_is_not_taken(void **state)
{
    (void)state;
    struct mock mock;
    mock_start(&mock, 1);
    rd_kafka_mock_topic_create(mock.cluster, "out", 1, 1);
    for (int round = 0; round < 30; round++) {
        struct rig rig;
        struct mr_text manifest;
        char id[40];
        int attempts;
        snprintf(id, sizeof id, "41111111-2222-3333-4444-5555555555%02d", round);
        rig_start(&rig, &mock, id);
        rig.more_bytes = 5000;
        rig_decide(&rig, &manifest);
        rig.options[rig.sink.option_count++] = (struct mr_option){"kafka.message.max.bytes", "1000"};
        mr_kafka_producer_drop(rig.sink.ctx);
        assert_true(rig_publish(&rig, &mock, &manifest, &attempts) < 0);
        assert_string_equal(error.condition, "KAFKA_RECORD_REFUSED");
        assert_int_equal(attempts, 1);
        mr_text_release(&manifest);
        rig_stop(&rig);
    }
    mock_stop(&mock);
}

/* What goes wrong with a renewal does not end the renewals. */
static void test_renewal_behind_a_failed_one(void **state)
{
    (void)state;
    struct mock mock;
    struct rig rig;
    int64_t next_us;
    mock_start(&mock, 1);
    rd_kafka_mock_topic_create(mock.cluster, "out", 1, 1);
    rig_start(&rig, &mock, "51111111-2222-3333-4444-555555555555");
    struct mr_kafka_sink *sink = rig.sink.ctx;
    OK(mr_kafka_renew(&rig.sink, &next_us, &error));
    assert_true(next_us > mr_env()->monotonic_us() + 1000000); /* it is not due */
    sink->renew_every_us = 1;
    mock_push(&mock, API_END, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
    assert_true(mr_kafka_renew(&rig.sink, &next_us, &error) < 0);
    assert_true(error.flags & MR_RETRIABLE);
    assert_null(sink->producer.handle);
    int64_t said_us = sink->renewed_us;
    OK(mr_kafka_renew(&rig.sink, &next_us, &error));
    assert_true(sink->renewed_us > said_us);
    rig_stop(&rig);
    mock_stop(&mock);
}

/* A topic that goes between decision and publication: brokers that say so are believed after a while, and
 * once it is back the batch is published. */
static void test_topic_that_goes(void **state)
{
    (void)state;
    for (int sent_before = 0; sent_before < 2; sent_before++) {
        struct mock mock;
        struct rig rig;
        struct mr_text manifest;
        int attempts;
        mock_start(&mock, 1);
        rd_kafka_mock_topic_create(mock.cluster, "out", 1, 1);
        rig_start(&rig, &mock, "61111111-2222-3333-4444-555555555555");
        rig_decide(&rig, &manifest);
        mr_kafka_producer_drop(rig.sink.ctx);
        if (sent_before)
            ((struct mr_kafka_sink *)rig.sink.ctx)->attempted = rig.batch;
        rd_kafka_mock_topic_set_error(mock.cluster, "out", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        assert_true(rig_publish(&rig, &mock, &manifest, &attempts) < 0);
        if (strcmp(error.condition, "KAFKA_RECORD_REFUSED") != 0 || attempts != 1)
            print_error("%d attempts: %s %s\n", attempts, error.condition, error.message);
        assert_string_equal(error.condition, "KAFKA_RECORD_REFUSED");
        assert_non_null(strstr(error.message, "not there any more"));
        assert_int_equal(attempts, 1);
        rd_kafka_mock_topic_set_error(mock.cluster, "out", RD_KAFKA_RESP_ERR_NO_ERROR);
        OK(rig_publish(&rig, &mock, &manifest, &attempts));
        mr_text_release(&manifest);
        rig_stop(&rig);
        mock_stop(&mock);
    }
}

/* librdkafka (2.0.2, and later ones by their code) forgets the request of send_offsets_to_transaction when
 * the producer is destroyed while the group's coordinator owes the answer: the handler of the answer returns
 * at __DESTROY without freeing it, 324 bytes. It comes to that here when a produce request ends in a fatal
 * error just then, which ends the call at once. What leaks is librdkafka's own copy of what the call is
 * given. The call is found on the stack by slow unwinding only: librdkafka has no frame pointers. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:rd_kafka_send_offsets_to_transaction\n";
}
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_late_answers),
        cmocka_unit_test(test_start_under_faults),
        cmocka_unit_test(test_record_that_is_not_taken),
        cmocka_unit_test(test_renewal_behind_a_failed_one),
        cmocka_unit_test(test_topic_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
