/* The Kafka source against faults that no broker gives on demand: errors of every request it makes, leaders
 * that move or are missing in the middle of a batch, brokers that are slow, or gone. A batch gives exactly
 * the offsets it decided, or a typed error, after which the query starts again where it was: no row is
 * skipped, none comes twice, and nothing takes for ever. */
#include "tests/kafka_mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "sources/kafka.h"

#define LOOKED_US 1200000 /* by then the brokers are asked for topics again */

enum { PARTITIONS = 3, MOST = 4096, ROWS = 400, LIMIT_S = 120 };

struct world {
    struct mock mock;
    rd_kafka_t *producer;
    int64_t next[PARTITIONS]; /* offset of the next message */
};

static void world_start(struct world *world)
{
    memset(world, 0, sizeof *world);
    mock_start(&world->mock, 3);
    rd_kafka_mock_topic_create(world->mock.cluster, "in", PARTITIONS, 3);
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_mock_partition_set_leader(world->mock.cluster, "in", p, p + 1);
    world->producer = client(RD_KAFKA_PRODUCER, world->mock.servers, NULL);
}

static void world_stop(struct world *world)
{
    rd_kafka_destroy(world->producer);
    mock_stop(&world->mock);
}

/* Every message says where it stands: partition/offset, and so much more. */
static void produce(struct world *world, int partition, int64_t count, size_t more)
{
    char *text = calloc(1, more + 64);
    for (int64_t i = 0; i < count; i++) {
        size_t size =
            (size_t)snprintf(text, 64, "%d/%lld ", partition, (long long)world->next[partition]++) + more;
        assert_int_equal(rd_kafka_producev(world->producer, RD_KAFKA_V_TOPIC("in"),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_VALUE(text, size), RD_KAFKA_V_END),
                         0);
    }
    free(text);
    assert_int_equal(rd_kafka_flush(world->producer, 20000), 0);
}

static void send_to_all(struct world *world)
{
    for (int p = 0; p < PARTITIONS; p++)
        produce(world, p, ROWS, 0);
}

/* ---- one query's side of the source, driven as the runtime does it ---- */

struct rig {
    struct world *world;
    struct mr_source source;
    struct mr_option options[16];
    int option_count;
    struct mr_checkpoint *checkpoint;
    char directory[64];
    struct mr_text from, to;
    int64_t batch;
    uint8_t read[PARTITIONS][MOST];    /* by the batch in hand */
    uint8_t decided[PARTITIONS][MOST]; /* by all before */
    void (*middle)(struct rig *rig);   /* called once, behind the first rows of a batch */
    bool was_in_the_middle;
};

static void option(struct rig *rig, const char *name, const char *value)
{
    rig->options[rig->option_count++] = (struct mr_option){name, value};
}

static void rig_init(struct rig *rig, struct world *world)
{
    memset(rig, 0, sizeof *rig);
    rig->world = world;
    strcpy(rig->directory, "/tmp/mr_kafka_mock_XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    mr_text_init(&rig->from);
    mr_text_init(&rig->to);
    option(rig, "bootstrapServers", world->mock.servers);
    option(rig, "subscribe", "in");
    option(rig, "startingOffsets", "earliest");
    option(rig, "fetchOffset.retryIntervalMs", "50");
    option(rig, "kafkaConsumer.pollTimeoutMs", "4000");
    option(rig, "kafka.socket.timeout.ms", "1500");
    option(rig, "kafka.topic.metadata.refresh.interval.ms", "500");
    option(rig, "kafka.log_level", "0");
}

static int rig_open(struct rig *rig)
{
    struct mr_checkpoint_options place = {.path = rig->directory};
    assert_true(mr_checkpoint_open(&rig->checkpoint, &place, &error) >= 0);
    rig->source = (struct mr_source){.type = &mr_kafka_source,
                                     .name = "s",
                                     .options = rig->options,
                                     .option_count = rig->option_count,
                                     .checkpoint = rig->checkpoint};
    mr_arena_init(&rig->source.arena);
    mr_error_clear(&error);
    int status = mr_kafka_source.open(&rig->source, &error);
    return status < 0 ? status : mr_kafka_source.restore(&rig->source, mr_text_str(&rig->from), &error);
}

static void rig_close(struct rig *rig)
{
    alarm(LIMIT_S);
    mr_kafka_source.close(&rig->source);
    mr_arena_release(&rig->source.arena);
    mr_checkpoint_close(rig->checkpoint);
}

static void rig_release(struct rig *rig)
{
    struct mr_error ignored;
    rig_close(rig);
    mr_text_release(&rig->from);
    mr_text_release(&rig->to);
    mr_directory_remove(rig->directory, &ignored);
}

/* MR_END: there is nothing new within the time. */
static int plan(struct rig *rig, int64_t within_us)
{
    int64_t until_us = mr_env()->monotonic_us() + within_us;
    alarm(LIMIT_S); /* nothing hangs */
    do {
        mr_text_clear(&rig->to);
        int status = mr_kafka_source.latest(&rig->source, mr_text_str(&rig->from), &rig->to, &error);
        if (status < 0)
            return status;
        if (rig->to.size > 0 && !mr_str_equal(mr_text_str(&rig->from), mr_text_str(&rig->to)))
            return MR_OK;
        mr_kafka_source.wait(&rig->source, until_us);
    } while (mr_env()->monotonic_us() < until_us);
    return MR_END;
}

static void note_rows(struct rig *rig, const struct mr_batch *batch)
{
    for (int64_t i = 0; i < batch->length; i++) {
        char expected[64];
        int32_t partition = batch->columns[3]->i32[i];
        int64_t offset = batch->columns[4]->i64[i];
        struct mr_str value = mr_view_str(&batch->columns[1]->views[i]);
        int size = snprintf(expected, sizeof expected, "%d/%lld ", (int)partition, (long long)offset);
        assert_true(partition >= 0 && partition < PARTITIONS && offset >= 0 && offset < MOST);
        assert_true(value.size >= (size_t)size && memcmp(value.data, expected, (size_t)size) == 0);
        rig->read[partition][offset]++;
    }
    if (batch->length > 0 && rig->middle && !rig->was_in_the_middle) {
        rig->was_in_the_middle = true;
        rig->middle(rig);
    }
}

static int read_split(struct rig *rig, const struct mr_split *split)
{
    struct mr_reader reader = {0};
    int status = mr_kafka_source.reader_open(&rig->source, split, &reader, &error);
    while (status == MR_OK) {
        struct mr_batch rows = {0};
        status = mr_kafka_source.read(&rig->source, &reader, &rows, &error);
        if (status == MR_OK)
            note_rows(rig, &rows);
        mr_batch_release(&rows);
    }
    mr_kafka_source.reader_close(&rig->source, &reader);
    return status == MR_END ? MR_OK : status;
}

static int64_t offset_of(struct mr_text *json, int partition)
{
    struct mr_arena arena;
    struct mr_json *root = NULL;
    char name[12];
    int64_t offset = 0;
    mr_arena_init(&arena);
    snprintf(name, sizeof name, "%d", partition);
    if (json->size > 0)
        assert_true(mr_json_parse(&arena, mr_text_str(json), &root, &error) >= 0);
    mr_json_get_i64(root ? mr_json_member(root, "in") : NULL, name, &offset);
    mr_arena_release(&arena);
    return offset;
}

/* What was read is what lies between from and to, each once, and nothing else. first: of what a topic that
 * lost its beginning still has. */
static void check_range(struct rig *rig, const int64_t *first)
{
    for (int p = 0; p < PARTITIONS; p++) {
        int64_t from = offset_of(&rig->from, p), to = offset_of(&rig->to, p);
        if (first && first[p] > from)
            from = first[p];
        for (int64_t o = 0; o < MOST; o++) {
            int wanted = o >= from && o < to;
            if (rig->read[p][o] != wanted)
                fail_msg("offset %lld of partition %d came %d times; %s to %s", (long long)o, p,
                         rig->read[p][o], rig->from.data, rig->to.data);
            rig->decided[p][o] = (uint8_t)(rig->decided[p][o] + wanted);
            assert_true(rig->decided[p][o] <= 1);
        }
    }
}

static void decide(struct rig *rig)
{
    struct mr_decision *decision;
    assert_true(mr_decision_begin(rig->checkpoint, rig->batch++, &decision, &error) >= 0);
    assert_true(mr_kafka_source.remember(&rig->source, mr_text_str(&rig->from), mr_text_str(&rig->to),
                                         decision, &error) >= 0);
    assert_true(mr_decision_commit(decision, MR_STR("{}"), &error) >= 0);
    mr_text_clear(&rig->from);
    mr_text_append(&rig->from, rig->to.data, rig->to.size);
    assert_true(mr_kafka_source.published(&rig->source, mr_text_str(&rig->from), &error) >= 0);
}

static int read_batch(struct rig *rig, const int64_t *first)
{
    struct mr_arena arena;
    struct mr_split_list splits = {.arena = &arena};
    mr_arena_init(&arena);
    memset(rig->read, 0, sizeof rig->read);
    alarm(LIMIT_S);
    int status =
        mr_kafka_source.split(&rig->source, mr_text_str(&rig->from), mr_text_str(&rig->to), &splits, &error);
    for (size_t i = 0; i < splits.count && status >= 0; i++)
        status = read_split(rig, &splits.splits[i]);
    mr_arena_release(&arena);
    if (status < 0)
        return status;
    check_range(rig, first);
    decide(rig);
    return MR_OK;
}

static bool all_is_read(struct rig *rig)
{
    for (int p = 0; p < PARTITIONS; p++) {
        if (offset_of(&rig->from, p) != rig->world->next[p])
            return false;
    }
    return true;
}

/* Batches until everything sent is read; an error ends it. MR_END: nothing new came, and rows are missing. */
static int catch_up(struct rig *rig, int64_t within_us)
{
    int status = MR_OK;
    while (status == MR_OK && !all_is_read(rig)) {
        status = plan(rig, within_us);
        if (status == MR_OK)
            status = read_batch(rig, NULL);
    }
    return status;
}

static void must_catch_up(struct rig *rig, const char *what)
{
    int status = catch_up(rig, 15000000);
    if (status != MR_OK)
        fail_msg("%s: %s", what, status == MR_END ? "nothing more came" : error.message);
}

static void must_fail(int status, const char *what, const char *condition)
{
    if (status >= 0)
        fail_msg("%s: no error (%d), %s was expected", what, status, condition);
    if (strcmp(error.condition, condition) != 0)
        fail_msg("%s: %s, not %s: %s", what, error.condition, condition, error.message);
    assert_true(error.message[0] != 0);
}

/* What the runtime does behind an error that may pass. */
static void start_again(struct rig *rig)
{
    rig_close(rig);
    assert_true(rig_open(rig) >= 0);
}

/* ---- errors of requests ---- */

enum where { RUNNING, STARTING };
static const struct fault {
    const char *name;
    int16_t api;
    int times;
    rd_kafka_resp_err_t why;
    enum where where;
    const char *condition; /* NULL: the source gets over it */
} faults[] = {
    {"fetch: leader moved", API_FETCH, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RUNNING, NULL},
    {"fetch: no leader", API_FETCH, 4, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RUNNING, NULL},
    {"fetch: replica away", API_FETCH, 4, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RUNNING, NULL},
    {"fetch: disk", API_FETCH, 4, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RUNNING, NULL},
    {"fetch: old epoch", API_FETCH, 4, RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RUNNING, NULL},
    {"fetch: offset not yet", API_FETCH, 4, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RUNNING, NULL},
    {"fetch: timed out at the broker", API_FETCH, 3, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RUNNING, NULL},
    {"fetch: connection cut", API_FETCH, 3, RD_KAFKA_RESP_ERR__TRANSPORT, RUNNING, NULL},
    {"fetch: topic unknown for a moment", API_FETCH, 2, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RUNNING,
     NULL},
    {"fetch: out of range for a moment", API_FETCH, 2, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, RUNNING, NULL},
    {"fetch: forbidden", API_FETCH, 60, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RUNNING,
     "KAFKA_REQUEST_FAILED"},
    {"fetch: leader moved, from the start", API_FETCH, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
     STARTING, NULL},
    {"fetch: connection cut, from the start", API_FETCH, 3, RD_KAFKA_RESP_ERR__TRANSPORT, STARTING, NULL},
    {"offsets: leader moved", API_LIST_OFFSETS, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RUNNING, NULL},
    {"offsets: no leader", API_LIST_OFFSETS, 4, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RUNNING, NULL},
    {"offsets: not yet", API_LIST_OFFSETS, 4, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RUNNING, NULL},
    {"offsets: connection cut", API_LIST_OFFSETS, 3, RD_KAFKA_RESP_ERR__TRANSPORT, RUNNING, NULL},
    {"offsets: timed out at the broker", API_LIST_OFFSETS, 3, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RUNNING,
     NULL},
    {"offsets: topic unknown for a moment", API_LIST_OFFSETS, 2, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
     RUNNING, NULL},
    {"offsets: forbidden", API_LIST_OFFSETS, 60, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RUNNING,
     "KAFKA_REQUEST_FAILED"},
    {"offsets: no leader, from the start", API_LIST_OFFSETS, 2, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
     STARTING, NULL},
    {"offsets: never, from the start", API_LIST_OFFSETS, 90, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, STARTING,
     "KAFKA_REQUEST_FAILED"},
    {"topics: connection cut", API_METADATA, 3, RD_KAFKA_RESP_ERR__TRANSPORT, RUNNING, NULL},
    {"topics: connection cut, from the start", API_METADATA, 2, RD_KAFKA_RESP_ERR__TRANSPORT, STARTING, NULL},
};

static void test_faults(void **state)
{
    (void)state;
    static struct rig rig;
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        const struct fault *fault = &faults[f];
        struct world world;
        world_start(&world);
        rig_init(&rig, &world);
        send_to_all(&world);
        if (fault->where == STARTING)
            mock_push(&world.mock, fault->api, fault->times, fault->why);
        int status = rig_open(&rig);
        if (fault->where == RUNNING) {
            must_catch_up(&rig, fault->name);
            send_to_all(&world);
            mock_push(&world.mock, fault->api, fault->times, fault->why);
        }
        if (!fault->condition) {
            assert_true(status >= 0);
            must_catch_up(&rig, fault->name);
        } else {
            must_fail(status < 0 ? status : catch_up(&rig, 15000000), fault->name, fault->condition);
            rd_kafka_mock_clear_request_errors(world.mock.cluster, fault->api);
            start_again(&rig);
            must_catch_up(&rig, fault->name);
        }
        rig_release(&rig);
        world_stop(&world);
    }
}

/* ---- leaders and brokers ---- */

static void move_leaders(struct rig *rig)
{
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_mock_partition_set_leader(rig->world->mock.cluster, "in", p, (p + 1) % 3 + 1);
}

static void cut_and_move(struct rig *rig)
{
    rd_kafka_mock_broker_set_down(rig->world->mock.cluster, 2);
    rd_kafka_mock_partition_set_leader(rig->world->mock.cluster, "in", 1, 3);
}

static void *up_later(void *ctx)
{
    struct rig *rig = ctx;
    mr_env()->sleep_us(1500000);
    for (int broker = 1; broker <= 3; broker++) {
        rd_kafka_mock_broker_set_up(rig->world->mock.cluster, broker);
        rd_kafka_mock_partition_set_leader(rig->world->mock.cluster, "in", broker - 1, broker);
    }
    return NULL;
}

static pthread_t helper;

static void all_down_for_a_while(struct rig *rig)
{
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_down(rig->world->mock.cluster, broker);
    assert_int_equal(pthread_create(&helper, NULL, up_later, rig), 0);
}

static void no_leader_for_a_while(struct rig *rig)
{
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_mock_partition_set_leader(rig->world->mock.cluster, "in", p, -1);
    assert_int_equal(pthread_create(&helper, NULL, up_later, rig), 0);
}

static void slow(struct rig *rig)
{
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(rig->world->mock.cluster, broker, 700);
}

static void slow_for_a_while(struct rig *rig) /* slower than any patience */
{
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(rig->world->mock.cluster, broker, 5000);
    mr_env()->sleep_us(100000);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(rig->world->mock.cluster, broker, 0);
}

static const struct {
    const char *name;
    void (*happens)(struct rig *rig);
    bool helped;
} events[] = {
    {"leaders move", move_leaders, false},
    {"a broker goes, another leads", cut_and_move, false},
    {"all brokers go and come", all_down_for_a_while, true},
    {"no partition has a leader", no_leader_for_a_while, true},
    {"slow brokers", slow, false},
    {"brokers that stand still for a while", slow_for_a_while, false},
};

/* Between two batches, and behind the first rows of one, when most of it has not come. */
static void test_events(void **state)
{
    (void)state;
    static struct rig rig;
    for (size_t e = 0; e < sizeof events / sizeof *events; e++) {
        for (int middle = 0; middle <= 1; middle++) {
            struct world world;
            world_start(&world);
            rig_init(&rig, &world);
            option(&rig, "kafka.queued.min.messages", "20"); /* the client does not have it all already */
            option(&rig, "kafka.fetch.message.max.bytes", "1000");
            option(&rig, "kafkaConsumer.pollTimeoutMs", "12000");
            option(&rig, "maxRecordsPerPartition", "100");
            assert_true(rig_open(&rig) >= 0);
            send_to_all(&world);
            must_catch_up(&rig, events[e].name);
            send_to_all(&world);
            if (middle)
                rig.middle = events[e].happens;
            else
                events[e].happens(&rig);
            must_catch_up(&rig, events[e].name);
            assert_true(!middle || rig.was_in_the_middle);
            if (events[e].helped)
                pthread_join(helper, NULL);
            rig_release(&rig);
            world_stop(&world);
        }
    }
}

/* Brokers that do not come back: the batch ends in an error that says so, and is read by the next start. */
static void test_gone_for_good(void **state)
{
    (void)state;
    static struct rig rig;
    struct world world;
    world_start(&world);
    rig_init(&rig, &world);
    option(&rig, "kafkaConsumer.pollTimeoutMs", "2500");
    option(&rig, "fetchOffset.numRetries", "1");
    send_to_all(&world);
    assert_true(rig_open(&rig) >= 0);
    must_catch_up(&rig, "before");
    send_to_all(&world);
    assert_int_equal(plan(&rig, 30000000), MR_OK);
    start_again(&rig); /* nothing is in the client's queues */
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_down(world.mock.cluster, broker);
    int64_t begun_us = mr_env()->monotonic_us();
    must_fail(read_batch(&rig, NULL), "gone in a batch", "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE");
    assert_true(error.flags & MR_RETRIABLE);
    assert_true(mr_env()->monotonic_us() - begun_us < 30000000);
    rig_close(&rig);
    begun_us = mr_env()->monotonic_us();
    int status = rig_open(&rig);
    must_fail(status < 0 ? status : plan(&rig, 20000000), "gone at the start", "KAFKA_REQUEST_FAILED");
    assert_true(mr_env()->monotonic_us() - begun_us < 300000000);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_up(world.mock.cluster, broker);
    start_again(&rig);
    must_catch_up(&rig, "after");
    rig_release(&rig);
    world_stop(&world);
}

/* ---- shares of partitions, for several workers ---- */

static void check_shares(const char *name, const char *value, size_t least, int64_t most_offsets)
{
    static struct rig rig;
    struct world world;
    struct mr_arena arena;
    struct mr_split_list splits = {.arena = &arena};
    int64_t total = 0;
    world_start(&world);
    rig_init(&rig, &world);
    option(&rig, name, value);
    send_to_all(&world);
    produce(&world, 1, 3 * ROWS, 0);
    assert_true(rig_open(&rig) >= 0);
    assert_int_equal(plan(&rig, 30000000), MR_OK);
    mr_arena_init(&arena);
    assert_true(mr_kafka_source.split(&rig.source, mr_text_str(&rig.from), mr_text_str(&rig.to), &splits,
                                      &error) >= 0);
    for (size_t i = 0; i < splits.count; i++) {
        const struct mr_kafka_split *share = splits.splits[i].ctx;
        assert_int_equal(splits.splits[i].lane, 0); /* several workers at one partition */
        assert_true(share->offsets > 0 && share->offsets <= most_offsets);
        total += share->offsets;
    }
    assert_true(splits.count >= least);
    assert_int_equal(total, 6 * ROWS);
    mr_arena_release(&arena);
    must_catch_up(&rig, name);
    rig_release(&rig);
    world_stop(&world);
}

static void test_shares(void **state)
{
    (void)state;
    check_shares("minPartitions", "12", 12, 201); /* by volume: 8 of them are the large partition's */
    check_shares("minPartitions", "1", 3, 4 * ROWS + 1);
    check_shares("maxRecordsPerPartition", "77", 6 * ROWS / 77, 77);
}

/* ---- topics ---- */

static void test_no_topic(void **state)
{
    (void)state;
    static struct rig rig;
    struct world world;
    world_start(&world);
    rig_init(&rig, &world);
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    int status = rig_open(&rig);
    must_fail(status < 0 ? status : plan(&rig, 30000000), "unknown topic", "PATH_NOT_FOUND");
    rig_release(&rig);
    rig_init(&rig, &world);
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    status = rig_open(&rig);
    must_fail(status < 0 ? status : plan(&rig, 30000000), "forbidden topic", "KAFKA_REQUEST_FAILED");
    rig_release(&rig);
    rig_init(&rig, &world);
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_mock_partition_set_leader(world.mock.cluster, "in", p, -1);
    option(&rig, "fetchOffset.numRetries", "1");
    status = rig_open(&rig);
    must_fail(status < 0 ? status : plan(&rig, 30000000), "no leader at the start", "KAFKA_REQUEST_FAILED");
    rig_release(&rig);
    world_stop(&world);
}

/* A topic that metadata lose for a moment is no data loss while it can be helped: strict queries say so, lax
 * ones skip nothing that is there again. */
static void test_topic_lost_for_a_moment(void **state)
{
    (void)state;
    static struct rig rig;
    struct world world;
    world_start(&world);
    rig_init(&rig, &world);
    send_to_all(&world);
    assert_true(rig_open(&rig) >= 0);
    must_catch_up(&rig, "before");
    send_to_all(&world);
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    mr_env()->sleep_us(LOOKED_US);
    assert_int_equal(plan(&rig, 1500000), MR_END);
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_NO_ERROR);
    must_catch_up(&rig, "a topic without leaders");
    send_to_all(&world);
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    mr_env()->sleep_us(LOOKED_US);
    must_fail(catch_up(&rig, 30000000), "a topic that is gone", "KAFKA_DATA_LOSS.PARTITIONS_DELETED");
    rd_kafka_mock_topic_set_error(world.mock.cluster, "in", RD_KAFKA_RESP_ERR_NO_ERROR);
    start_again(&rig);
    must_catch_up(&rig, "after");
    rig_release(&rig);
    world_stop(&world);
}

static void cut(struct rig *rig) /* the mock cluster keeps 5 MB of a partition */
{
    produce(rig->world, 0, 60, 100000);
}

/* The log loses its beginning, which was planned. */
static void test_out_of_range(void **state)
{
    (void)state;
    static struct rig rig;
    for (int lax = 0; lax <= 1; lax++) {
        struct world world;
        world_start(&world);
        rig_init(&rig, &world);
        option(&rig, "failOnDataLoss", lax ? "false" : "true");
        send_to_all(&world);
        assert_true(rig_open(&rig) >= 0);
        must_catch_up(&rig, "before");
        send_to_all(&world);
        assert_int_equal(plan(&rig, 30000000), MR_OK);
        start_again(&rig); /* nothing is in the client's queues */
        cut(&rig);
        int64_t first[PARTITIONS] = {0}, high;
        assert_int_equal(rd_kafka_query_watermark_offsets(world.producer, "in", 0, &first[0], &high, 5000),
                         0);
        assert_true(first[0] > 2 * ROWS && high == world.next[0]);
        int status = read_batch(&rig, first);
        if (lax) {
            assert_int_equal(status, MR_OK);
            first[0] = first[0] > 2 * ROWS ? first[0] : 2 * ROWS;
            assert_int_equal(plan(&rig, 30000000), MR_OK);
            assert_int_equal(read_batch(&rig, first), MR_OK);
            assert_true(all_is_read(&rig));
        } else {
            must_fail(status, "a log that was cut", "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE");
        }
        rig_release(&rig);
        world_stop(&world);
    }
}

/* ---- offsets in a group, for those who watch lag: they follow when they can, and decide nothing ---- */

static const rd_kafka_resp_err_t coordinator[] = {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                                                  RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                                                  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                                  RD_KAFKA_RESP_ERR__TRANSPORT,
                                                  RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED};

static int64_t committed(const struct world *world, const char *group)
{
    rd_kafka_t *reader = client(RD_KAFKA_CONSUMER, world->mock.servers, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "in", 1);
    assert_int_equal(rd_kafka_committed(reader, list, 10000), 0);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(reader);
    return offset;
}

static void test_group(void **state)
{
    (void)state;
    static struct rig rig;
    static const int16_t apis[] = {API_FIND_COORDINATOR, API_OFFSET_COMMIT};
    for (size_t a = 0; a < sizeof apis / sizeof *apis; a++) {
        for (size_t e = 0; e < sizeof coordinator / sizeof *coordinator; e++) {
            struct world world;
            bool for_good = coordinator[e] == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
            world_start(&world);
            rig_init(&rig, &world);
            option(&rig, "kafka.group.id", "watched");
            send_to_all(&world);
            assert_true(rig_open(&rig) >= 0);
            mock_push(&world.mock, apis[a], for_good ? 90 : 2, coordinator[e]);
            must_catch_up(&rig, "offsets of a group");
            int64_t begun_us = mr_env()->monotonic_us();
            rig_release(&rig);
            assert_true(mr_env()->monotonic_us() - begun_us < 30000000);
            rd_kafka_mock_clear_request_errors(world.mock.cluster, apis[a]);
            if (!for_good)
                assert_int_equal(committed(&world, "watched"), world.next[1]);
            world_stop(&world);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),        cmocka_unit_test(test_events),
        cmocka_unit_test(test_gone_for_good), cmocka_unit_test(test_shares),
        cmocka_unit_test(test_no_topic),      cmocka_unit_test(test_topic_lost_for_a_moment),
        cmocka_unit_test(test_out_of_range),  cmocka_unit_test(test_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
