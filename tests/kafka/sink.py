"""CREATE SINK … USING kafka against a real broker: columns, options, what is refused, fencing, delivery."""
import os
import shutil
import signal
import subprocess
import time

from support import MILLRACE, Checks, Failed, fails, same, suite

FROM = "FROM STREAM read_kafka(bootstrapServers => '$S', subscribe => '{}', startingOffsets => 'earliest', includeHeaders => true)"


def pipe(kafka, source, select, options="topic 'o'", topic=True):
    options = options.replace("'o'", f"'{source}.out'")
    if topic:
        kafka.topic(source, 2)
        kafka.topic(source + ".out", 3)
    return kafka.project(s=f"CREATE SINK out USING kafka OPTIONS (bootstrapServers '$S', {options});\n"
                           f"CREATE FLOW f AS INSERT INTO out BY NAME SELECT {select} {FROM.format(source)};")


def columns(kafka):
    project = pipe(kafka, "columns", "key, CAST(value AS STRING) value, headers, CAST(1 AS INT) AS partition, 'x' AS other",
                   "topic 'o', includeHeaders true")
    kafka.send("columns", [("k", "v"), (None, "w"), ("gone", None), ("", "")], headers=[("a", b"1"), ("a", None), ("b", b"")])
    kafka.send("columns", ["without"], partition=1)
    project.run()
    headers = [("a", b"1"), ("a", None), ("b", b"")]
    found = kafka.read("columns.out")
    same([p for p, _, _, _ in found], [1] * 5)
    same(sorted(found, key=str), sorted([(1, b"k", b"v", headers), (1, None, b"w", headers), (1, b"gone", None, headers), (1, b"", b"", headers),
                                         (1, None, b"without", None)], key=str))


def topic_of_the_row(kafka):
    project = pipe(kafka, "routed", "value, CASE WHEN CAST(value AS STRING) < 'm' THEN 'routed.a' ELSE 'routed.b' END topic", "registerTopic 'o'")
    kafka.topic("routed.a")
    kafka.topic("routed.b")
    kafka.send("routed", ["apple", "zebra", "lemon"])
    project.run()
    same([v for (_, _, v, _) in kafka.read("routed.a")], [b"apple", b"lemon"])
    same([v for (_, _, v, _) in kafka.read("routed.b")], [b"zebra"])
    kafka.drop("routed.b")
    kafka.send("routed", ["yak"])
    assert "routed.b" in fails("KAFKA_RECORD_REFUSED", project.run), "the topic is named"
    kafka.topic("routed.b")
    project.run()
    same([v for (_, _, v, _) in kafka.read("routed.b")], [b"yak"])


def other_topic(kafka):
    """The topic written to may change over a checkpoint, where the register stays: what is decided later goes to the new one, once."""
    project = pipe(kafka, "moving", "value")
    kafka.topic("moved.out", 2)
    kafka.send("moving", ["a", "b"])
    project.run()
    with open(os.path.join(project.directory, "transformations", "s.sql")) as file:
        text = file.read()
    kafka.send("moving", ["c"])
    project.write("s", text.replace("'moving.out'", "'moved.out'"))
    assert "registerTopic" in fails("SINK_REGISTER_MISMATCH.ABSENT", project.run), "the remedy is named"
    project.write("s", text.replace("'moving.out'", "'moved.out', registerTopic 'moving.out'"))
    project.run()
    kafka.send("moving", ["d"])
    project.write("s", text)
    project.run()
    same(sorted(v for (_, _, v, _) in kafka.read("moving.out")), [b"a", b"b", b"d"])
    same(sorted(v for (_, _, v, _) in kafka.read("moved.out")), [b"c"])


def partition_of_the_row(kafka):
    project = pipe(kafka, "placed", "value, CAST(CAST(value AS STRING) AS INT) AS partition")
    kafka.send("placed", ["2", "0", None, "1", "2"])
    project.run()
    same(sorted((p, v) for (p, _, v, _) in kafka.read("placed.out") if v is not None), [(0, b"0"), (1, b"1"), (2, b"2"), (2, b"2")])
    same(sum(v is None for (_, _, v, _) in kafka.read("placed.out")), 1)
    kafka.send("placed", ["1", "3"])
    said = fails("KAFKA_RECORD_REFUSED", project.run)  # before it is decided
    assert "Partition 3" in said and "placed.out" in said, said[-500:]
    kafka.grow("placed.out", 4)
    project.run()
    same(sorted((p, v) for (p, _, v, _) in kafka.read("placed.out") if p in (1, 3) and v is not None), [(1, b"1"), (1, b"1"), (3, b"3")])
    for column in ("CAST(NULL AS STRING) AS topic", "'' AS topic"):
        project = pipe(kafka, "placed", "value, " + column, "registerTopic 'o'", topic=False)
        assert "no topic" in fails("KAFKA_RECORD_REFUSED", project.run)


def register_in_internal_topic(kafka):
    project = pipe(kafka, "inner", "value, 'inner.out' AS topic", "`kafka.client.id` 'x'")
    kafka.send("inner", ["1", "2"])
    project.run()
    project.run()
    same(len(kafka.read("inner.out")), 2)


def refused(kafka):
    for select, options, words in (
            ("CAST(1 AS INT) AS value", "topic 'o'", "STRING or BINARY"), ("key", "topic 'o'", "column value"), ("value", "includeHeaders false", "topic"),
            ("value", "topic 'o', delivery 'perhaps'", "delivery"), ("value", "topic 'o', `kafka.transactional.id` 'mine'", "transactional.id"),
            ("value", "topic 'o', `kafka.acks` '1'", "exactly once"), ("value", "topic 'o', `kafka.key.serializer` 'x'", "key.serializer"),
            ("value", "topic 'o', `kafka.value.serializer` 'x'", "value.serializer"), ("value", "topic 'o', topik 'x'", "topik"),
            ("value", "topic 'no.such'", "no.such")):
        project = pipe(kafka, "refused", select, options, topic=False)
        kafka.topic("refused", 1) if "refused" not in kafka.admin.list_topics(timeout=10).topics else None
        kafka.topic("refused.out", 1) if "refused.out" not in kafka.admin.list_topics(timeout=10).topics else None
        assert words in fails("", project.run, "--quiet"), (words, select, options)
    fails("TABLE_OR_VIEW_NOT_FOUND", kafka.project(s="CREATE SINK out USING kafka OPTIONS (bootstrapServers '$S', topic 'refused.out');\n"
                                                    f"CREATE FLOW f AS INSERT INTO out BY NAME SELECT value {FROM.format('refused')};\n"
                                                    "CREATE STREAMING TABLE t AS SELECT * FROM STREAM out;").run)
    fails("PIPELINE_DATASET_WITHOUT_FLOW", kafka.project(s="CREATE SINK out USING console;").run)
    fails("DATA_SOURCE_NOT_FOUND", kafka.project(s="CREATE SINK out USING paper;").run)


def records_that_brokers_refuse(kafka):
    """Refused before the decision as far as the options tell; else a batch that is decided stops, and is published once the topic takes it."""
    project = pipe(kafka, "edge", "value, headers", "topic 'o', includeHeaders true")
    for size, headers in ((999980, None), (900000, [("h", b"x" * 100000)])):
        kafka.send("edge", ["a" * size], headers=headers)
        assert "message.max.bytes" in fails("KAFKA_RECORD_REFUSED", project.run)
        kafka.truncate("edge", 0, kafka.counts("edge")[0])
        project = pipe(kafka, "edge", "value, headers", "topic 'o', includeHeaders true", topic=False)
    kafka.send("edge", ["a"], headers=[("n" * 70000, b"")])
    assert "headers" in fails("KAFKA_RECORD_REFUSED", project.run)
    kafka.truncate("edge", 0, kafka.counts("edge")[0])
    project = pipe(kafka, "edge", "value, headers", "topic 'o', includeHeaders true", topic=False)
    kafka.send("edge", ["a" * 900000])
    project.run()
    same([len(v) for (_, _, v, _) in kafka.read("edge.out")], [900000])
    kafka.topic("tight", 1)
    kafka.topic("tight.out", 1, max_message_bytes=100000)
    project = pipe(kafka, "tight", "key, value", topic=False)
    kafka.send("tight", ["b" * 200000, "c"])
    for _ in range(2):
        assert "set-aside" in fails("KAFKA_RECORD_REFUSED", project.run)
    configure(kafka, "tight.out", {"max.message.bytes": "1000000"})
    project.run()
    same([len(v) for (_, _, v, _) in kafka.read("tight.out")], [200000, 1])
    configure(kafka, "tight.out", {"cleanup.policy": "compact"})
    kafka.send("tight", ["no key"])
    assert "compacted" in fails("KAFKA_RECORD_REFUSED", project.run)


def configure(kafka, topic, settings):
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()]
    for future in kafka.admin.incremental_alter_configs([ConfigResource("topic", topic, incremental_configs=entries)]).values():
        future.result()
    time.sleep(0.3)


def large_outbox(kafka):
    project = pipe(kafka, "large", "key, value")
    for p in range(2):
        kafka.send("large", [(str(i), f"{i:06}" + "x" * 1000) for i in range(p * 30000, p * 30000 + 30000)], partition=p)
    project.run()
    found = kafka.read("large.out")
    same(sorted(int(k) for (_, k, _, _) in found), list(range(60000)))
    left = [name for directory, _, names in os.walk(project.directory) if directory.endswith("/outbox/out") for name in names]
    same(left, [], "files of published outboxes")


def at_least_once(kafka):
    project = pipe(kafka, "often", "value", "topic 'o', delivery 'at-least-once'")
    kafka.send("often", [str(i) for i in range(1000)])
    project.run()
    project.run()
    same(sorted(int(v) for (_, _, v, _) in kafka.read("often.out")), list(range(1000)))


def fencing(kafka):
    project = pipe(kafka, "fenced", "value")
    kafka.send("fenced", ["0"])
    project.run()
    running = project.start()
    try:
        kafka.send("fenced", ["1"])
        kafka.until(lambda: len(kafka.read("fenced.out")) == 2)
        try:
            copied(kafka, project).run()  # while it is used
        except Failed:
            pass  # it may stop, too: what counts is that nothing is doubled
        kafka.send("fenced", ["2"])
        kafka.until(lambda: "fenced" in open(os.path.join(project.directory, "run.log")).read() or running.poll() is not None)
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
        running.wait(90)
    values = [v for (_, _, v, _) in kafka.read("fenced.out")]
    same(len(values), len(set(values)), "doubled rows among " + str(values))


def copied(kafka, project):
    """A copy of a project's folder, with its checkpoints, as somebody makes it who should not."""
    copy = kafka.project(s="CREATE VIEW v AS SELECT 1;")
    shutil.rmtree(copy.directory)
    shutil.copytree(project.directory, copy.directory)
    with open(os.path.join(copy.directory, "spark-pipeline.yml")) as file:
        text = file.read()
    with open(os.path.join(copy.directory, "spark-pipeline.yml"), "w") as file:
        file.write(text.replace(project.directory, copy.directory))
    return copy


def frozen(kafka, project, where):
    """A run that stops at a kill point, and is there to be woken."""
    env = dict(os.environ, MILLRACE_KILLPOINT=where, MILLRACE_KILLPOINT_STOPS="1")
    sleeper = subprocess.Popen([MILLRACE, "run", "--quiet"], cwd=project.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, env=env)
    kafka.started.append(sleeper)

    def stopped():
        with open(f"/proc/{sleeper.pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"

    kafka.until(stopped)
    return sleeper


def wakes_before_the_commit(kafka):
    """A process that is frozen when its transaction is ready wakes after another one has settled it."""
    project = pipe(kafka, "frozen", "value")
    kafka.send("frozen", ["0"])
    project.run()
    kafka.send("frozen", ["1"])
    sleeper = frozen(kafka, project, "kafka.before_commit:2")  # the first one enrols
    copy = copied(kafka, project)
    successor = copy.start("--quiet")
    time.sleep(8)  # it has looked around
    sleeper.send_signal(signal.SIGCONT)
    kafka.until(lambda: len(kafka.read("frozen.out")) >= 2)
    sleeper.communicate(timeout=120)
    kafka.send("frozen", ["2"])  # one that read the register too early publishes again before that
    kafka.until(lambda: b"2" in [v for (_, _, v, _) in kafka.read("frozen.out")])
    successor.send_signal(signal.SIGTERM)
    successor.wait(90)
    same(sorted(v for (_, _, v, _) in kafka.read("frozen.out")), [b"0", b"1", b"2"])


def decided_elsewhere(kafka):
    """A copy decides a batch of the same number, with other rows, and is killed before it publishes it."""
    project = pipe(kafka, "elsewhere", "value")
    kafka.send("elsewhere", ["0"])
    project.run()
    copy = copied(kafka, project)
    kafka.send("elsewhere", ["1"])
    subprocess.run([MILLRACE, "run", "--quiet"], cwd=copy.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                   env=dict(os.environ, MILLRACE_KILLPOINT="publish.before:1"))
    kafka.send("elsewhere", ["2"])
    project.run()
    said = fails("SINK_REGISTER_MISMATCH", copy.run)
    assert "decision" in said, said[-400:]
    same(sorted(v for (_, _, v, _) in kafka.read("elsewhere.out")), [b"0", b"1", b"2"])


def topic_gone_after_the_decision(kafka):
    """What cannot be published any more is told of soon, and published once the topic is back."""
    kafka.topic("gone.on")
    project = pipe(kafka, "gone", "value, 'gone.on' AS topic", "registerTopic 'gone.out'")
    kafka.send("gone", ["0", "1"])
    sleeper = frozen(kafka, project, "publish.before:1")
    kafka.drop("gone.on")
    begun = time.time()
    sleeper.send_signal(signal.SIGCONT)
    said = sleeper.communicate(timeout=150)[1].decode()
    took = time.time() - begun
    assert sleeper.returncode != 0 and "KAFKA_RECORD_REFUSED" in said and "gone.on" in said, said[-600:]
    assert took < 50, f"after {took:.0f} s"
    assert "gone.on" in fails("KAFKA_RECORD_REFUSED", project.run), project.output[-500:]
    kafka.topic("gone.on")
    project.run()
    same(sorted(v for (_, _, v, _) in kafka.read("gone.on")), [b"0", b"1"])


def register_lost(kafka):
    import confluent_kafka
    project = pipe(kafka, "lost", "value")
    kafka.send("lost", ["0"])
    project.run()
    groups = [g.group_id for g in kafka.admin.list_consumer_groups().result().valid]
    mine = [g for g in groups if g.endswith("/out")]
    for group in mine:
        try:
            kafka.admin.delete_consumer_groups([group])[group].result()
        except confluent_kafka.KafkaException:
            pass
    kafka.send("lost", ["1"])
    fails("SINK_REGISTER_MISMATCH.ABSENT", project.run)
    same([v for (_, _, v, _) in kafka.read("lost.out")], [b"0"])


def register_is_renewed(kafka):
    project = pipe(kafka, "renewed", "value", "topic 'o', registerRenewal '1 second'")
    kafka.send("renewed", ["0"])
    running = project.start()
    kafka.until(lambda: len(kafka.read("renewed.out")) == 1)

    def end():  # markers of transactions occupy offsets
        import confluent_kafka
        consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.servers, "group.id": "x"})
        try:
            return consumer.get_watermark_offsets(confluent_kafka.TopicPartition("__consumer_offsets", 0), 10)[1]
        finally:
            consumer.close()

    before = end()
    try:
        kafka.until(lambda: end() > before + 3)  # behind an error that may pass it is tried again after 30 seconds
    except RuntimeError as late:
        with open(os.path.join(project.directory, "run.log")) as log:
            raise RuntimeError("%d records, then %d: %s" % (before, end(), log.read()[-800:])) from late
    kafka.send("renewed", ["1"])
    kafka.until(lambda: len(kafka.read("renewed.out")) == 2)
    running.send_signal(signal.SIGTERM)
    same(running.wait(90), 0)
    project.run()
    same(sorted(v for (_, _, v, _) in kafka.read("renewed.out")), [b"0", b"1"])


def order_is_kept(kafka):
    project = pipe(kafka, "order", "key, value")
    for p in range(2):
        kafka.send("order", [(f"k{i % 7}{p}", str(i)) for i in range(50000)], partition=p)
    project.run()
    last = {}
    for partition, key, value, _ in kafka.read("order.out"):
        assert last.get((partition, key), -1) < int(value), (partition, key, value)
        last[(partition, key)] = int(value)
    same(sum(1 for _ in kafka.read("order.out")), 100000)


def windows_to_kafka(kafka):
    kafka.topic("win")
    kafka.topic("win.out")
    project = kafka.project(s="CREATE SINK out USING kafka OPTIONS (bootstrapServers '$S', topic 'win.out');\nCREATE FLOW f AS INSERT INTO out BY NAME "
                              "SELECT to_json(struct(window.start AS s, n)) value FROM (SELECT window, count(*) n FROM (SELECT timestamp FROM STREAM "
                              "read_kafka(bootstrapServers => '$S', subscribe => 'win', startingOffsets => 'earliest')) WATERMARK timestamp DELAY OF "
                              "INTERVAL 1 SECOND GROUP BY window(timestamp, '1 second'));")
    for i in range(50):
        kafka.send("win", ["x"], timestamp=1700000000000 + i * 100)
    project.run()
    same([v for (_, _, v, _) in kafka.read("win.out")],
         [f'{{"s":"2023-11-14T22:13:{20 + i}.000Z","n":10}}'.encode() for i in range(3)])


def console(kafka):
    kafka.topic("shown")
    kafka.send("shown", ["hello"])
    project = kafka.project(s="CREATE SINK screen USING console OPTIONS (numRows 5);\n"
                              f"CREATE FLOW f AS INSERT INTO screen BY NAME SELECT CAST(value AS STRING) said {FROM.format('shown')};")
    assert "|hello|" in project.run(), project.output


def body(kafka):
    check = Checks("kafka_sink")
    only = os.environ.get("ONLY")
    for test in (columns, topic_of_the_row, other_topic, partition_of_the_row, register_in_internal_topic, refused, records_that_brokers_refuse,
                 large_outbox, at_least_once, fencing, wakes_before_the_commit, decided_elsewhere, topic_gone_after_the_decision, register_lost,
                 register_is_renewed, order_is_kept,
                 windows_to_kafka, console):
        if not only or test.__name__ in only.split(","):
            check(test, kafka)


suite("kafka_sink", body)
