"""Kafka -> Delta and Kafka -> Kafka, exactly once, while Millrace is killed at random instants and the broker is killed and stopped.

    python tests/kafka/crash.py                                            the short form, as the tests run it
    python tests/kafka/crash.py --storms 20 --kills 50 --bounces 50 --messages 250000 --log crash.jsonl [--seed N]    the long form
    python tests/kafka/crash.py --kills 50 --bounces 50 --messages 250000 --log again.jsonl --seed N                  one line of it again

A line of the log: seed, start, end, kills, bounces, messages, verdict. The same seed gives the same instants (the world's timing differs).
What came out is read by kcat (read_committed) and delta-rs.
"""
import argparse
import collections
import glob
import os
import random
import signal
import struct
import subprocess
import threading
import time

from support import MILLRACE, Checks, Storm, confluent_kafka, same, suite

TO_DELTA = """CREATE STREAMING TABLE t AS SELECT CAST(CAST(value AS STRING) AS BIGINT) v FROM STREAM read_kafka(bootstrapServers => '$S',
subscribe => 'input', startingOffsets => 'earliest', maxOffsetsPerTrigger => 20000);"""
TO_KAFKA = """CREATE SINK output USING kafka OPTIONS (bootstrapServers '$S', topic 'output');
CREATE FLOW copy AS INSERT INTO output BY NAME SELECT key, value FROM STREAM read_kafka(bootstrapServers => '$S',
subscribe => 'input', startingOffsets => 'earliest', maxOffsetsPerTrigger => 20000);"""

POINTS = ("decide.before", "decide.after", "publish.before", "kafka.before_commit", "kafka.after_commit", "publish.after", "publish.marked",
          "recover.register", "recover.enrolled", "recover.publishing", "execute.after", "prepare.after", "kafka.settled")


class Feeder(threading.Thread):
    """Sends 0 .. total - 1 to four partitions, whatever the broker does: value v to partition v % 4, in order, each once. A producer
    that has lost its footing (idempotent ones end when the broker has forgotten them) is followed by one that looks where to go on."""

    def __init__(self, kafka, total, rate):
        super().__init__(daemon=True)
        self.kafka, self.total, self.rate, self.fell = kafka, total, rate, False
        self.next = [0, 1, 2, 3]

    def delivered(self, error, _):
        self.fell |= error is not None

    def send_due(self, producer, due):
        for p in range(4):
            while self.next[p] < due:
                try:
                    producer.produce("input", key=str(self.next[p] % 1000), value=str(self.next[p]), partition=p, on_delivery=self.delivered)
                    self.next[p] += 4
                except BufferError:
                    producer.poll(0.05)

    def send(self, begun):
        producer = self.kafka.producer(enable_idempotence=True, message_timeout_ms=600000, retry_backoff_ms=50)
        while min(self.next) < self.total and not self.fell:
            self.send_due(producer, min(self.total, int((time.time() - begun) * self.rate)))
            producer.poll(0)
            time.sleep(0.002)
        producer.flush(600)
        producer.purge()

    def run(self):
        begun = time.time()
        while min(self.next) < self.total:
            try:
                self.send(begun)
            except confluent_kafka.KafkaException:
                self.fell = True
            if self.fell:
                time.sleep(5)  # what is on its way arrives, or never
                self.fell = False
                self.next = [p + 4 * n for p, n in enumerate(self.kafka.counts("input"))]


def verdict(kafka, project, sent):
    """Lost and doubled rows of both targets, and rows out of order within a key's partition."""
    output = kafka.read_by_kcat("output")
    found = [("delta", [v for (v,) in project.table("t")])] if project.has("to_delta") else []
    found.append(("kafka", [int(value) for (_, _, value) in output]))
    said = []
    for name, values in found:
        counts = collections.Counter(values)
        lost = [i for i in range(sent) if counts[i] == 0]
        doubled = [v for v, n in counts.items() if n > 1]
        foreign = [v for v in counts if v < 0 or v >= sent]
        if lost or doubled or foreign:
            said.append(f"{name}: {len(lost)} lost {lost[:5]}, {len(doubled)} doubled {doubled[:5]}, {len(foreign)} foreign")
    last = {}
    for partition, key, value in output:
        if last.get((partition, key), -1) >= int(value):
            said.append(f"order: {value} of key {key} behind {last[(partition, key)]}")
            break
        last[(partition, key)] = int(value)
    return "; ".join(said) or "0 lost, 0 doubled"


def storm(kafka, kills, bounces, messages, seed):
    dice = random.Random(seed)
    kafka.topic("input", 4)
    kafka.topic("output", 3)
    project = kafka.project(to_delta=TO_DELTA, to_kafka=TO_KAFKA)
    feeder = Feeder(kafka, messages, messages / max(5.0, kills * 0.25 + bounces * 4))
    feeder.start()
    events = ["kill"] * kills + ["bounce"] * bounces
    dice.shuffle(events)
    running = project.start()
    crashes = 0
    for event in events:
        if event == "bounce":
            kafka.server.kill(dice.choice([signal.SIGKILL, signal.SIGTERM]))
            time.sleep(dice.random() * 0.3)
            kafka.server.start()
            time.sleep(dice.random() * 2)
        else:
            time.sleep(dice.random() ** 2 * 0.6)
            running.kill()
            running.wait()
        if running.poll() is not None:
            crashes += 1
            running = project.start()
    running.kill()
    running.wait()
    feeder.rate = 1e9
    feeder.join()
    for _ in range(20):  # a run may meet a broker that has just come back
        done = subprocess.run([MILLRACE, "run", "--quiet"], cwd=project.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        if done.returncode == 0:
            break
        time.sleep(1)
    same(done.returncode, 0, done.stderr.decode()[-800:])
    return verdict(kafka, project, messages)


def at_every_point(kafka):
    kafka.topic("input", 4)
    kafka.topic("output", 3)
    project = kafka.project(to_delta=TO_DELTA, to_kafka=TO_KAFKA)
    sent = 0
    project.run(binary=MILLRACE)
    for point in POINTS:
        for count in (1, 2):
            kafka.send("input", [str(sent + i) for i in range(100)], partition=sent % 4)
            sent += 100
            subprocess.run([MILLRACE, "run", "--quiet"], cwd=project.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                           env=dict(os.environ, MILLRACE_KILLPOINT=f"{point}:{count}"))
    project.run(binary=MILLRACE)
    same(verdict(kafka, project, sent), "0 lost, 0 doubled")
    for topic in ("input", "output"):
        kafka.drop(topic)


def forget_markers(kafka, topic):
    """Takes the marker of an abort that ends the log of each partition away, as a broker does that says a transaction is complete before
    it is. The broker must be down. Returns how many there were."""
    found = 0
    for directory in glob.glob(os.path.join(kafka.server.directory, "data", topic + "-*")):
        segment = sorted(glob.glob(os.path.join(directory, "*.log")))[-1]
        with open(segment, "rb+") as file:
            data, at, last = file.read(), 0, 0
            while at + 61 <= len(data) and struct.unpack_from(">i", data, at + 8)[0] > 0:
                last, at = at, at + 12 + struct.unpack_from(">i", data, at + 8)[0]
            if at > 0 and struct.unpack_from(">h", data, last + 21)[0] & 32 and struct.unpack_from(">h", data, last + 68)[0] == 0:
                file.truncate(last)
                found += 1
    return found


def transactions_that_a_broker_left_open(kafka):
    kafka.topic("input", 4)
    kafka.topic("output", 3)
    project = kafka.project(to_kafka=TO_KAFKA)

    def run(point=None):
        subprocess.run([MILLRACE, "run", "--quiet"], cwd=project.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                       env=dict(os.environ, MILLRACE_KILLPOINT=point or ""))

    kafka.send("input", [str(i) for i in range(100)], partition=0)
    run()
    kafka.send("input", [str(i) for i in range(100, 300)], partition=1)
    for _ in range(5):  # killed behind the second register it writes, its batch's, until the records were there
        run("kafka.before_commit:2")
        if len(kafka.read("output", "read_uncommitted")) > 100:
            break
    assert len(kafka.read("output", "read_uncommitted")) > 100, "no transaction was left open"
    run("recover.register:1")
    kafka.server.kill()
    forgotten = forget_markers(kafka, "output"), forget_markers(kafka, "__consumer_offsets")
    kafka.server.start()
    assert min(forgotten) > 0, f"no markers to forget: {forgotten}"
    project.run(binary=MILLRACE)
    same(verdict(kafka, project, 300), "0 lost, 0 doubled")
    for topic in ("input", "output"):
        kafka.drop(topic)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--storms", type=int, default=1)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--bounces", type=int, default=10)
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--log")
    arguments = parser.parse_args()

    def body(kafka):
        check = Checks("kafka_crash")
        if not arguments.log:
            check(at_every_point, kafka)
            check(transactions_that_a_broker_left_open, kafka)

        def kills_and_bounces(seed):
            with Storm(seed, arguments.log) as line:
                try:
                    said = storm(kafka, arguments.kills, arguments.bounces, arguments.messages, seed)
                finally:
                    for topic in ("input", "output"):
                        kafka.drop(topic)
                line.update(kills=arguments.kills, bounces=arguments.bounces, messages=arguments.messages, verdict=said)
            same(said, "0 lost, 0 doubled")

        for seed in range(arguments.seed, arguments.seed + arguments.storms):
            check(kills_and_bounces, seed)

    suite("kafka_crash", body)


main()
