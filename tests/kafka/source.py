"""read_kafka against a real broker: every option, and everything that can happen to a topic."""
import json
import os
import signal
import time

from support import Checks, Failed, fails, same, suite

STREAM = """CREATE STREAMING TABLE t AS SELECT CAST(key AS STRING) k, CAST(value AS STRING) v, partition p, offset o
FROM STREAM read_kafka(bootstrapServers => '$S', {options});"""


def numbers(first, last):
    return [str(i) for i in range(first, last)]


def values(project):
    return sorted(int(v) for (_, v, _, _) in project.table("t"))


def stream(kafka, options):
    return kafka.project(t=STREAM.format(options=options))


def row_schema(kafka):
    kafka.topic("schema", 2)
    kafka.send("schema", [("k", "v"), (None, "no key"), ("no value", None), ("", "")], partition=1, timestamp=1700000000123,
               headers=[("h", b"1"), ("h", b"2"), ("n", None)])
    kafka.send("schema", ["plain"], partition=0)
    rows = kafka.sql("SELECT CAST(key AS STRING), CAST(value AS STRING), topic, partition, offset, unix_millis(timestamp), timestampType, "
                     "size(headers), headers[1].key, CAST(headers[1].value AS STRING), headers[2].value IS NULL, headers IS NULL FROM "
                     "read_kafka(bootstrapServers => '$S', subscribe => 'schema', includeHeaders => true) WHERE partition = 1 ORDER BY offset")
    same([r[0:7] for r in rows], [["k", "v", "schema", "1", "0", "1700000000123", "0"], ["", "no key", "schema", "1", "1", "1700000000123", "0"],
                                  ["no value", "", "schema", "1", "2", "1700000000123", "0"], ['""', '""', "schema", "1", "3", "1700000000123", "0"]])
    same(rows[0][7:], ["3", "h", "2", "true", "false"])
    same(kafka.sql("SELECT count(*), count(key), count(value), count(headers) FROM read_kafka(bootstrapServers => '$S', "
                   "subscribe => 'schema', includeHeaders => true)"), [["5", "3", "4", "4"]])
    kafka.topic("appended", 1, message_timestamp_type="LogAppendTime")
    kafka.send("appended", ["x"])
    same(kafka.sql("SELECT timestampType FROM read_kafka(bootstrapServers => '$S', subscribe => 'appended')"), [["1"]])


def selection(kafka):
    for topic in ("sel.a", "sel.b", "other"):
        kafka.topic(topic, 2)
        kafka.send(topic, [topic + "0"], partition=0)
        kafka.send(topic, [topic + "1"], partition=1)
    query = "SELECT CAST(value AS STRING) v FROM read_kafka(bootstrapServers => '$S', {}) ORDER BY v"
    same(kafka.sql(query.format("assign => '{\"sel.a\":[1],\"other\":[0]}'")), [["other0"], ["sel.a1"]])
    same(kafka.sql(query.format("subscribe => 'sel.a, other'")), [["other0"], ["other1"], ["sel.a0"], ["sel.a1"]])
    same(kafka.sql(query.format("subscribePattern => 'sel\\\\..'")), [["sel.a0"], ["sel.a1"], ["sel.b0"], ["sel.b1"]])
    same(kafka.sql(query.format("subscribePattern => 'sel'")), [])
    same(kafka.sql("SELECT count(*) FROM read_kafka(`kafka.bootstrap.servers` => '$S', `kafka.client.id` => 'x', subscribe => 'other')"), [["2"]])


def wrong_options(kafka):
    query = "SELECT 1 FROM read_kafka(bootstrapServers => '$S', {})"
    for options, condition in (
            ("subscribe => 'a', assign => '{}'", "INVALID_OPTION_VALUE"), ("startingOffsets => 'earliest'", "INVALID_OPTION_VALUE"),
            ("subscribe => 'a', `kafka.auto.offset.reset` => 'latest'", "startingOffsets"),
            ("subscribe => 'a', `kafka.enable.auto.commit` => 'true'", "checkpoint"), ("subscribe => 'a', `kafka.no.such` => '1'", "no such setting"),
            ("subscribe => 'a', `kafka.sasl.jaas.config` => 'x'", "sasl.username"), ("subscribe => 'a', maxOfsetsPerTrigger => 3", "maxOffsetsPerTrigger"),
            ("subscribe => 'a', startingOffsets => 'latest'", "nothing to read"), ("subscribe => 'nobody'", "PATH_NOT_FOUND"),
            ("subscribe => 'schema', startingOffsets => '{\"schema\":{\"0\":0}}'", "KAFKA_START_OFFSET_DOES_NOT_MATCH_ASSIGNED"),
            ("subscribe => 'schema', startingOffsets => '{\"schema\":0}'", "INVALID_OPTION_VALUE"),
            ("subscribePattern => '('", "INVALID_OPTION_VALUE"), ("subscribe => 'a', failOnDataLoss => 'perhaps'", "INVALID_OPTION_VALUE")):
        fails(condition, kafka.sql, query.format(options))
    for name in ("auto.offset.reset", "enable.auto.commit", "interceptor.classes", "key.deserializer", "value.deserializer"):  # as Spark does
        said = fails("INVALID_OPTION_VALUE", kafka.sql, query.format(f"subscribe => 'schema', `kafka.{name}` => 'x'"))
        assert "kafka." + name in said, said
    fails("without STREAM", stream(kafka, "subscribe => 'schema', endingOffsets => 'latest'").run, "--quiet")
    fails("REQUIRED_PARAMETER_NOT_FOUND", kafka.sql, "SELECT 1 FROM read_kafka(subscribe => 'a')")
    fails("KAFKA_REQUEST_FAILED", kafka.sql,
          "SELECT 1 FROM read_kafka(bootstrapServers => '127.0.0.1:1', subscribe => 'a', `fetchOffset.numRetries` => 0)")


def bounds_by_offset(kafka):
    kafka.topic("bounds", 2)
    for i in range(10):
        kafka.send("bounds", [str(i)], partition=0, timestamp=1700000000000 + i * 1000)
        kafka.send("bounds", [str(100 + i)], partition=1, timestamp=1700000000000 + i * 1000)
    query = "SELECT count(*), min(CAST(CAST(value AS STRING) AS INT)), max(CAST(CAST(value AS STRING) AS INT)) FROM read_kafka(" \
            "bootstrapServers => '$S', subscribe => 'bounds', {})"
    same(kafka.sql(query.format("startingOffsets => '{\"bounds\":{\"0\":7,\"1\":-2}}', endingOffsets => '{\"bounds\":{\"0\":-1,\"1\":2}}'")),
         [["5", "7", "101"]])
    fails("START_OFFSET_RESET", kafka.sql, query.format("startingOffsets => '{\"bounds\":{\"0\":77,\"1\":-2}}'"))
    same(kafka.sql(query.format("startingOffsets => '{\"bounds\":{\"0\":77,\"1\":-2}}', failOnDataLoss => false")), [["20", "0", "109"]])


def bounds_by_timestamp(kafka):
    query = "SELECT count(*), min(CAST(CAST(value AS STRING) AS INT)), max(CAST(CAST(value AS STRING) AS INT)) FROM read_kafka(" \
            "bootstrapServers => '$S', subscribe => 'bounds', {})"
    same(kafka.sql(query.format("startingTimestamp => 1700000007500")), [["4", "8", "109"]])
    same(kafka.sql(query.format("startingTimestamp => 1700000007500, startingOffsets => 'earliest', startingOffsetsByTimestamp => "
                                "'{\"bounds\":{\"0\":1,\"1\":1}}'")), [["4", "8", "109"]])
    same(kafka.sql(query.format("startingOffsetsByTimestamp => '{\"bounds\":{\"0\":1700000009000,\"1\":1700000001000}}', endingTimestamp => "
                                "1700000005000")), [["4", "101", "104"]])
    same(kafka.sql(query.format("startingOffsetsByTimestamp => '{\"bounds\":{\"0\":1700000008000,\"1\":1700000008000}}', startingOffsets => 'earliest'")),
         [["4", "8", "109"]], "times go before offsets")
    same(kafka.sql(query.format("endingTimestamp => 1700000002000, endingOffsetsByTimestamp => '{\"bounds\":{\"0\":1700000005000,\"1\":1700000005000}}', "
                                "endingOffsets => 'latest'")), [["4", "0", "101"]])
    same(kafka.sql(query.format("endingOffsetsByTimestamp => '{\"bounds\":{\"0\":1700000001000,\"1\":1700000001000}}', endingOffsets => 'latest'")),
         [["2", "0", "100"]])
    fails("no message that late", kafka.sql, query.format("startingTimestamp => 1800000000000"))
    same(kafka.sql(query.format("startingTimestamp => 1800000000000, startingOffsetsByTimestampStrategy => 'latest'"))[0][0], "0")


def offsets_in_the_decision(kafka):
    kafka.topic("plain", 3)
    project = stream(kafka, "subscribe => 'plain', startingOffsets => 'earliest'")
    for p in range(3):
        kafka.send("plain", numbers(p * 1000, p * 1000 + 500), partition=p)
    project.run()
    same(len(values(project)), 1500)
    kafka.send("plain", numbers(5000, 5010), partition=1)
    project.run()
    same(values(project), [*range(500), *range(1000, 1500), *range(2000, 2500), *range(5000, 5010)])
    last = project.progress("t")[-1]["sources"][0]
    same(last["startOffset"], {"plain": {"0": 500, "1": 500, "2": 500}})
    same(last["endOffset"], {"plain": {"0": 500, "1": 510, "2": 500}})
    project.run()
    same(len(values(project)), 1510)


def latest_is_remembered(kafka):
    kafka.topic("late")
    kafka.send("late", numbers(0, 5))
    project = stream(kafka, "subscribe => 'late'")
    project.run()
    same(values(project), [])
    kafka.send("late", numbers(5, 9))
    project.run()
    same(values(project), [5, 6, 7, 8])


def max_offsets(kafka):
    kafka.topic("limited", 3)
    kafka.send("limited", numbers(0, 900), partition=0)
    kafka.send("limited", numbers(900, 1000), partition=1)
    kafka.send("limited", ["1000"], partition=2)
    project = stream(kafka, "subscribe => 'limited', startingOffsets => 'earliest', maxOffsetsPerTrigger => 100")
    project.run()
    same(values(project), list(range(1001)))
    batches = project.progress("t")
    first = batches[0]["sources"][0]
    same(first["endOffset"], {"limited": {"0": 89, "1": 9, "2": 1}}, "the first batch")
    same(first["latestOffset"], {"limited": {"0": 900, "1": 100, "2": 1}})
    metrics = first["metrics"]
    same([metrics[k] for k in ("maxOffsetsBehindLatest", "minOffsetsBehindLatest")], ["811", "0"])
    assert abs(float(metrics["avgOffsetsBehindLatest"]) - 902 / 3) < 1e-9, metrics
    same(batches[-1]["sources"][0]["metrics"]["avgOffsetsBehindLatest"], "0.0")
    assert len(batches) >= 11, len(batches)


def shares_of_a_partition(kafka):
    kafka.topic("shares", 1)
    kafka.send("shares", numbers(0, 100000))
    for options in ("minPartitions => 7", "maxRecordsPerPartition => 999", "maxOffsetsPerTrigger => 33333"):
        project = stream(kafka, "subscribe => 'shares', startingOffsets => 'earliest', " + options)
        project.run()
        same(values(project), list(range(100000)), options)


def group_for_lag_tools(kafka):
    import confluent_kafka
    kafka.topic("lagging", 2)
    for p, count in ((0, 30), (1, 5)):
        kafka.send("lagging", numbers(0, count), partition=p)
    for option, name in (("`kafka.group.id` => 'watched'", "watched"), ("groupIdPrefix => 'team'", None)):
        stream(kafka, "subscribe => 'lagging', startingOffsets => 'earliest', " + option).run()
        groups = [g.group_id for g in kafka.admin.list_consumer_groups().result().valid]
        name = name or next(g for g in groups if g.startswith("team-"))
        consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.servers, "group.id": name})
        found = consumer.committed([confluent_kafka.TopicPartition("lagging", p) for p in range(2)], 10)
        consumer.close()
        same([p.offset for p in found], [30, 5], name)


def new_partitions(kafka):
    kafka.topic("growing", 1)
    kafka.send("growing", numbers(0, 10))
    project = stream(kafka, "subscribe => 'growing'")
    project.run()
    kafka.grow("growing", 3)
    kafka.send("growing", numbers(10, 20), partition=2)
    project.run()
    same(values(project), list(range(10, 20)))
    running = project.start()
    try:
        kafka.grow("growing", 4)
        kafka.send("growing", numbers(20, 30), partition=3)
        kafka.until(lambda: len(values(project)) == 20)
        kafka.send("growing", numbers(30, 35), partition=0)
        kafka.until(lambda: len(values(project)) == 25)
    finally:
        running.send_signal(signal.SIGTERM)
        same(running.wait(90), 0)


def new_topics_of_a_pattern(kafka):
    kafka.topic("pat.one")
    kafka.send("pat.one", numbers(0, 10))
    project = stream(kafka, "subscribePattern => 'pat\\..*'")  # latest: of the topics that are there
    project.run()
    kafka.send("pat.one", numbers(10, 15))
    running = project.start()
    try:
        kafka.until(lambda: values(project) == list(range(10, 15)))
        kafka.topic("pat.two", 2)
        kafka.topic("other.pat.three")
        kafka.send("other.pat.three", ["777"])
        kafka.send("pat.two", numbers(100, 120), partition=1)
        kafka.until(lambda: values(project) == [*range(10, 15), *range(100, 120)])
    finally:
        running.send_signal(signal.SIGTERM)
        same(running.wait(90), 0)
    kafka.topic("pat.four")  # while nothing runs
    kafka.send("pat.four", numbers(200, 203))
    project.run()
    same(values(project), [*range(10, 15), *range(100, 120), *range(200, 203)])


def starts_once(kafka):
    """Where a query starts is asked when it is new, not when it goes on."""
    kafka.topic("started")
    kafka.send("started", numbers(0, 10))
    project = stream(kafka, "subscribe => 'started', startingOffsets => '{\"started\":{\"0\":4}}'")
    project.run()
    same(values(project), list(range(4, 10)))
    kafka.send("started", numbers(10, 12))
    project.write("t", STREAM.format(options="subscribe => 'started', startingOffsets => 'earliest'"))
    project.run()
    same(values(project), list(range(4, 12)))


def other_topics(kafka):
    """Topics may be added to what is subscribed, and read from their beginning; one that is left out is data loss, as in Spark. How they are named may change."""
    for name, first in (("sub.one", 0), ("sub.two", 100)):
        kafka.topic(name, 2)
        kafka.send(name, numbers(first, first + 10))
    project = stream(kafka, "subscribe => 'sub.one', startingOffsets => 'earliest'")
    project.run()
    same(values(project), list(range(10)))
    project.write("t", STREAM.format(options="subscribe => 'sub.one, sub.two', startingOffsets => 'latest'"))
    project.run()
    same(values(project), [*range(10), *range(100, 110)])
    kafka.send("sub.one", numbers(10, 12))
    project.write("t", STREAM.format(options="subscribePattern => 'sub\\..*'"))
    project.run()
    same(values(project), [*range(12), *range(100, 110)])
    kafka.send("sub.two", numbers(110, 112))
    project.write("t", STREAM.format(options="subscribe => 'sub.two'"))
    assert "sub.one" in fails("KAFKA_DATA_LOSS.PARTITIONS_DELETED", project.run), "the topic is named"
    project.write("t", STREAM.format(options="subscribe => 'sub.two', failOnDataLoss => false"))
    project.run()
    same(values(project), [*range(12), *range(100, 112)])
    kafka.send("sub.two", numbers(112, 115))
    project.write("t", STREAM.format(options="assign => '{\"sub.two\":[0,1]}'"))
    project.run()
    same(values(project), [*range(12), *range(100, 115)])


def transactions(kafka):
    kafka.topic("tx")
    kafka.send_transaction("tx", numbers(0, 10), True)
    kafka.send_transaction("tx", numbers(100, 110), False)
    kafka.send_transaction("tx", numbers(10, 20), True)
    kafka.send_transaction("tx", numbers(200, 300), False)
    project = stream(kafka, "subscribe => 'tx', startingOffsets => 'earliest'")
    project.run()
    same(values(project), list(range(20)))
    project.run()
    kafka.send_transaction("tx", numbers(200, 300), False)
    project.run()  # nothing but aborted rows and markers
    same(values(project), list(range(20)))
    pending = kafka.send_transaction("tx", numbers(20, 30), "open")
    project.run()
    same(values(project), list(range(20)))
    pending.commit_transaction(30)
    project.run()
    same(values(project), list(range(30)))
    same(kafka.sql("SELECT count(*) FROM read_kafka(bootstrapServers => '$S', subscribe => 'tx', "
                   "`kafka.isolation.level` => 'read_uncommitted')"), [["240"]])


def compacted(kafka):
    kafka.topic("compact", 1, cleanup_policy="compact", segment_ms=200, min_cleanable_dirty_ratio=0.001, min_compaction_lag_ms=0,
                delete_retention_ms=1)
    for i in range(20):
        kafka.send("compact", [(f"k{j % 5}", str(i * 100 + j)) for j in range(100)])
    time.sleep(0.4)
    kafka.send("compact", [("last", "99999")])
    kafka.until(lambda: len(kafka.read("compact")) < 1000)
    project = stream(kafka, "subscribe => 'compact', startingOffsets => 'earliest', maxOffsetsPerTrigger => 150")
    project.run()
    rows = {k: v for (k, v, _, _) in project.table("t")}
    same(rows, {"k0": "1995", "k1": "1996", "k2": "1997", "k3": "1998", "k4": "1999", "last": "99999"})


def truncated(kafka):
    kafka.topic("cut")
    kafka.send("cut", numbers(0, 100))
    strict, lax = (stream(kafka, f"subscribe => 'cut', startingOffsets => 'earliest', failOnDataLoss => {flag}") for flag in ("true", "false"))
    strict.run()
    lax.run()
    kafka.send("cut", numbers(100, 200))
    kafka.truncate("cut", 0, 150)
    said = fails("KAFKA_DATA_LOSS", strict.run)
    assert "150" in said and "failOnDataLoss" in said, said[-500:]
    same(values(strict), list(range(100)))
    lax.run()
    same(values(lax), [*range(100), *range(150, 200)])
    assert "kafka.data_loss" in lax.output, lax.output


def deleted_and_made_anew(kafka):
    kafka.topic("gone", 2)
    kafka.send("gone", numbers(0, 100))
    strict, lax = (stream(kafka, f"subscribe => 'gone', startingOffsets => 'earliest', failOnDataLoss => {flag}") for flag in ("true", "false"))
    strict.run()
    lax.run()
    kafka.drop("gone")
    fails("KAFKA_DATA_LOSS.PARTITIONS_DELETED", strict.run)
    kafka.topic("gone", 2)
    kafka.send("gone", numbers(100, 120))
    fails("KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED", strict.run)
    lax.run()
    same(values(lax), list(range(120)))


def large_messages(kafka):
    kafka.topic("large", 1, max_message_bytes=12000000)
    kafka.send("large", ["a" * 10_000_000, "b", "c" * 5_000_000])
    same(kafka.sql("SELECT length(value) FROM read_kafka(bootstrapServers => '$S', subscribe => 'large')"), [["10000000"], ["1"], ["5000000"]])


def min_offsets(kafka):
    kafka.topic("few")
    project = stream(kafka, "subscribe => 'few', startingOffsets => 'earliest', minOffsetsPerTrigger => 10, maxTriggerDelay => '10s'")
    kafka.send("few", ["0"])
    running = project.start()
    try:
        kafka.until(lambda: values(project) == [0])  # the first batch waits for nothing
        kafka.send("few", ["1"])
        time.sleep(0.7)
        same(values(project), [0])
        kafka.send("few", numbers(2, 11))
        kafka.until(lambda: values(project) == list(range(11)), 8)  # sooner than by the delay
        kafka.send("few", ["11"])
        begun = time.time()
        kafka.until(lambda: len(values(project)) == 12)
        assert time.time() - begun > 1.5, "it did not wait"
    finally:
        running.send_signal(signal.SIGTERM)
        same(running.wait(90), 0)


def from_json_windows(kafka):
    kafka.topic("clicks", 4)
    for p in range(4):
        kafka.send("clicks", [json.dumps({"id": i % 10, "ts": f"2026-01-01 00:{i // 60 % 60:02}:{i % 60:02}"}) for i in range(0, 600)], partition=p)
        kafka.send("clicks", ["{broken", None, '{"id":1,"ts":"2026-01-01 01:00:00"}'], partition=p)
    project = kafka.project(t="""CREATE STREAMING TABLE t AS SELECT window.start s, count(*) n FROM (
SELECT e.id, e.ts FROM (SELECT from_json(CAST(value AS STRING), 'id INT, ts TIMESTAMP') e FROM STREAM read_kafka(bootstrapServers => '$S',
subscribe => 'clicks', startingOffsets => 'earliest'))) WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '1 minute');""")
    project.run()
    same(sorted(n for (_, n) in project.table("t")), [240] * 10)


def broker_goes_and_comes(kafka):
    kafka.topic("bounce")
    kafka.send("bounce", numbers(0, 10))
    project = stream(kafka, "subscribe => 'bounce', startingOffsets => 'earliest'")
    running = project.start()
    try:
        kafka.until(lambda: len(values(project)) == 10)
        for round in range(2):
            kafka.server.kill(signal.SIGKILL if round else signal.SIGTERM)
            time.sleep(1)
            kafka.server.start()
            kafka.cached = None
            kafka.send("bounce", numbers(10 + 10 * round, 20 + 10 * round))
            kafka.until(lambda: len(values(project)) == 20 + 10 * round)
        same(values(project), list(range(30)))
    finally:
        running.send_signal(signal.SIGTERM)
        same(running.wait(90), 0)


def body(kafka):
    check = Checks("kafka_source")
    only = os.environ.get("ONLY")
    for test in (row_schema, selection, wrong_options, bounds_by_offset, bounds_by_timestamp, offsets_in_the_decision, latest_is_remembered,
                 max_offsets, shares_of_a_partition, group_for_lag_tools, new_partitions, new_topics_of_a_pattern, starts_once, other_topics,
                 transactions, compacted, truncated, deleted_and_made_anew,
                 large_messages, min_offsets, from_json_windows, broker_goes_and_comes):
        if not only or test.__name__ in only.split(","):
            check(test, kafka)


suite("kafka_source", body)
