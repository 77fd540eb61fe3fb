"""What happens to topics and brokers, at its worst: topics made anew, cut while they are read, corrupt and huge messages, brokers that are away.

    python tests/kafka/trouble.py [--away SECONDS]    how long the broker stays away (15; the long form: 300)
"""
import argparse
import os
import signal
import time

from support import Checks, fails, same, suite

STREAM = """CREATE STREAMING TABLE t AS SELECT CAST(key AS STRING) k, CAST(value AS STRING) v, partition p, offset o
FROM STREAM read_kafka(bootstrapServers => '$S', {options});"""
AWAY = 15


def numbers(first, last):
    return [str(i) for i in range(first, last)]


def values(project):
    return sorted(int(v) for (_, v, _, _) in project.table("t"))


def both(kafka, topic):
    return [kafka.project(t=STREAM.format(options=f"subscribe => '{topic}', startingOffsets => 'earliest', failOnDataLoss => {flag}"))
            for flag in ("true", "false")]


def log_of(project):
    with open(os.path.join(project.directory, "run.log")) as log:
        return log.read()


def finish(running):
    running.send_signal(signal.SIGTERM)
    same(running.wait(90), 0, "the end of a run")


def anew_and_outgrown(kafka):
    kafka.topic("outgrown", 2)
    for p in range(2):
        kafka.send("outgrown", numbers(100 * p, 100 * p + 50), partition=p)
    projects = strict, lax = both(kafka, "outgrown")
    for project in projects:
        project.run()
    kafka.drop("outgrown")
    kafka.topic("outgrown", 2)
    kafka.send("outgrown", numbers(1000, 1080), partition=0)
    kafka.send("outgrown", numbers(2000, 2010), partition=1)
    said = fails("KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED", strict.run)
    assert "made anew" in said and "outgrown" in said, said[-500:]
    same(values(strict), [*range(50), *range(100, 150)])
    lax.run()
    same(values(lax), [*range(50), *range(100, 150), *range(1000, 1080), *range(2000, 2010)])
    kafka.send("outgrown", numbers(3000, 3010), partition=0)
    lax.run()
    same(len(values(lax)), 200)


def anew_while_it_is_read(kafka):
    kafka.topic("again", 1)
    kafka.send("again", numbers(0, 25))
    time.sleep(0.02)  # of one time stamp nothing can be told
    kafka.send("again", numbers(25, 50))
    strict, lax = both(kafka, "again")
    running = [project.start() for project in (strict, lax)]
    for project in (strict, lax):
        kafka.until(lambda: len(values(project)) == 50)
    time.sleep(0.3)
    kafka.drop("again")
    kafka.topic("again", 1)
    kafka.send("again", numbers(1000, 1100))
    kafka.until(lambda: running[0].poll() is not None)  # within a second; by then it may have read on
    assert running[0].returncode != 0 and "KAFKA_DATA_LOSS" in log_of(strict), log_of(strict)[-500:]
    same(values(strict)[:50], list(range(50)))
    kafka.until(lambda: len(set(values(lax))) == 150)
    same(sorted(set(values(lax))), [*range(50), *range(1000, 1100)])
    finish(running[1])


def cut_up_to_what_was_read(kafka):
    """Only the last message read, by which a topic is known, is gone: nothing is lost."""
    kafka.topic("edge")
    kafka.send("edge", numbers(0, 100))
    strict, lax = both(kafka, "edge")
    for project in (strict, lax):
        project.run()
    kafka.truncate("edge", 0, 100)
    kafka.send("edge", numbers(100, 120))
    for project in (strict, lax):
        project.run()
        same(values(project), list(range(120)))


def cut_while_it_is_read(kafka):
    kafka.topic("cutting")
    kafka.send("cutting", numbers(0, 10))
    strict, lax = both(kafka, "cutting")
    running = [project.start("--quiet") for project in (strict, lax)]
    for project in (strict, lax):
        kafka.until(lambda: len(values(project)) == 10)
    for process in running:  # so that they do not read what is cut
        process.send_signal(signal.SIGSTOP)
    kafka.send("cutting", numbers(10, 60))
    kafka.truncate("cutting", 0, 40)
    kafka.send("cutting", numbers(60, 70))
    for process in running:
        process.send_signal(signal.SIGCONT)
    kafka.until(lambda: 69 in values(lax))
    rows = values(lax)
    same([rows[:10], rows[-30:]], [list(range(10)), list(range(40, 70))])
    finish(running[1])
    kafka.until(lambda: running[0].poll() is not None or 69 in values(strict))
    if running[0].poll() is None:  # librdkafka had them in its queue before they were cut
        same(values(strict), list(range(70)))
        finish(running[0])
    else:
        assert "KAFKA_DATA_LOSS" in log_of(strict), log_of(strict)[-500:]
        same(values(strict), list(range(10)))


def corrupt_json(kafka):
    kafka.topic("json")
    kafka.send("json", ['{"a":1}', "{broken", None, '{"a":"x"}', '{"a":2} tail', '{"a":3}', "", "[1]"])
    query = "SELECT offset, from_json(CAST(value AS STRING), 'a INT, c STRING', map('mode', '{}', 'columnNameOfCorruptRecord', 'c')) j " \
            "FROM read_kafka(bootstrapServers => '$S', subscribe => 'json')"
    rows = kafka.sql("SELECT offset, j.a, j.c FROM (" + query.format("PERMISSIVE") + ") ORDER BY offset")
    same([r[1] for r in rows][:2], ["1", ""])
    same([(r[0], r[1]) for r in rows if r[1]], [("0", "1"), ("4", "2"), ("5", "3")] if rows[4][1] else [("0", "1"), ("5", "3")])
    same(len(rows), 8)
    fails("MALFORMED_RECORD_IN_PARSING", kafka.sql, "SELECT j.a FROM (" + query.format("FAILFAST").replace(", 'columnNameOfCorruptRecord', 'c'", "") + ")")


def huge_messages(kafka):
    kafka.topic("huge", 1, max_message_bytes=12000000)
    kafka.topic("huge.out", 1, max_message_bytes=12000000)
    kafka.send("huge", [(None, "a" * 10_000_000), ("k", None), (None, None), ("", "b")])
    text = "CREATE SINK out USING kafka OPTIONS (bootstrapServers '$S', topic 'huge.out'{});\nCREATE FLOW f AS INSERT INTO out BY NAME SELECT " \
           "key, value FROM STREAM read_kafka(bootstrapServers => '$S', subscribe => 'huge', startingOffsets => 'earliest');"
    assert "message.max.bytes" in fails("KAFKA_RECORD_REFUSED", kafka.project(s=text.format("")).run), "the option is named"
    project = kafka.project(s=text.format(", `kafka.message.max.bytes` '11000000'"))
    project.run()
    same([(k, v if v is None else len(v)) for (_, k, v, _) in kafka.read("huge.out")], [(None, 10000000), (b"k", None), (None, None), (b"", 1)])


def slow_query_backs_up(kafka):
    """What a slow query has not taken stays at the broker: memory is the queues' limit, whatever waits."""
    kafka.topic("waiting", 16, max_message_bytes=2000000)
    for p in range(16):
        kafka.send("waiting", [os.urandom(1000000) for _ in range(25)], partition=p)
    project = kafka.project(t="CREATE STREAMING TABLE t AS SELECT partition p, offset o, length(value) n FROM STREAM read_kafka(bootstrapServers => '$S', "
                              "subscribe => 'waiting', startingOffsets => 'earliest', maxOffsetsPerTrigger => 16);")
    running = project.start("--quiet")
    kafka.until(lambda: len(project.table("t")) == 400, 180)
    with open(f"/proc/{running.pid}/status") as file:
        peak = next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
    finish(running)
    same(sorted(project.table("t")), [(p, o, 1000000) for p in range(16) for o in range(25)])
    assert peak <= 300, f"{peak:.0f} MiB"
    if os.environ.get("TIMES"):
        print(f"  peak {peak:.0f} MiB")


PIPE = """CREATE SINK out USING kafka OPTIONS (bootstrapServers '$S', topic '{0}.out');
CREATE FLOW f AS INSERT INTO out BY NAME SELECT value FROM STREAM read_kafka(bootstrapServers => '$S', subscribe => '{0}', startingOffsets => 'earliest');
CREATE STREAMING TABLE t AS SELECT 'k' k, CAST(value AS STRING) v, partition p, offset o
FROM STREAM read_kafka(bootstrapServers => '$S', subscribe => '{0}', startingOffsets => 'earliest');"""


def away_for_long(kafka):
    kafka.topic("away")
    kafka.topic("away.out")
    project = kafka.project(s=PIPE.format("away"))
    kafka.send("away", numbers(0, 50))
    running = project.start("--quiet")
    kafka.until(lambda: len(values(project)) == 50 and len(kafka.read("away.out")) == 50)
    kafka.send("away", numbers(50, 60))  # some of it may be decided and not published
    kafka.server.kill(signal.SIGKILL)

    def cpu():
        with open(f"/proc/{running.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = cpu()
    time.sleep(AWAY)
    assert running.poll() is None, "it ended: " + log_of(project)[-800:]
    spent = cpu() - before
    assert spent < 0.08 * AWAY + 0.3, f"{spent} s of CPU in {AWAY} s"
    assert "kafka.away" in log_of(project) and kafka.servers in log_of(project), log_of(project)[-500:]
    kafka.server.start()
    kafka.cached = None
    kafka.send("away", numbers(60, 100))
    kafka.until(lambda: len(values(project)) == 100 and len(kafka.read("away.out")) == 100)
    same(values(project), list(range(100)))
    same(sorted(int(v) for (_, _, v, _) in kafka.read("away.out")), list(range(100)))
    assert "kafka.back" in log_of(project), log_of(project)[-500:]
    finish(running)


def away_and_triggered_once(kafka):
    kafka.topic("once")
    kafka.topic("once.out")
    kafka.send("once", numbers(0, 10))
    project = kafka.project(s=PIPE.format("once").split("CREATE STREAMING")[0].replace("'earliest'", "'earliest', `fetchOffset.numRetries` => 1"))
    project.run()
    kafka.server.kill(signal.SIGKILL)
    begun = time.time()
    said = fails("KAFKA_REQUEST_FAILED", project.run, "--quiet")
    assert kafka.servers in said, said[-500:]
    assert time.time() - begun < 60, time.time() - begun
    kafka.server.start()
    kafka.cached = None
    kafka.send("once", numbers(10, 20))
    project.run()
    same(sorted(int(v) for (_, _, v, _) in kafka.read("once.out")), list(range(20)))


def body(kafka):
    check = Checks("kafka_trouble")
    only = os.environ.get("ONLY")
    for test in (anew_and_outgrown, anew_while_it_is_read, cut_up_to_what_was_read, cut_while_it_is_read, corrupt_json, huge_messages, slow_query_backs_up, away_for_long,
                 away_and_triggered_once):
        if not only or test.__name__ in only.split(","):
            check(test, kafka)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--away", type=float, default=AWAY)
AWAY = parser.parse_args().away
suite("kafka_trouble", body)
