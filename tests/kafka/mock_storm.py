"""Kafka -> Delta, exactly once, while the three brokers of a mock cluster go and come and leaders move, at random instants.

    python tests/kafka/mock_storm.py                                                        the short form, as the tests run it
    python tests/kafka/mock_storm.py --bounces 300 --log tests/kafka/storm.jsonl [--seed N] the long form, and one line of it again

A line of the log: seed, start, end, kind "mock", bounces, moves of leaders, ends (of Millrace, by a typed error; it is started again), messages,
verdict. What came out is read by delta-rs and compared, offset by offset, with what the partitions hold: a producer whose broker goes may send a
message twice, and the mock cluster keeps both.
"""
import argparse
import collections
import os
import random
import signal
import subprocess
import threading
import time

from mock import Cluster
from support import MILLRACE, Checks, Storm, confluent_kafka, same, suite

PARTITIONS = 4
RATE = 250  # messages a second
TO_DELTA = """CREATE STREAMING TABLE t AS SELECT partition p, offset o, CAST(value AS STRING) v FROM STREAM read_kafka(bootstrapServers => '$S',
subscribe => 'input', startingOffsets => 'earliest', maxOffsetsPerTrigger => 500);"""


class Feeder(threading.Thread):
    """Sends numbered messages to all partitions until it is told to end; whatever the brokers do, each arrives."""

    def __init__(self, kafka):
        super().__init__(daemon=True)
        self.producer = kafka.producer(message_timeout_ms=600000, retry_backoff_ms=20, reconnect_backoff_max_ms=200)
        self.sent, self.stopping, self.lost = 0, False, 0

    def delivered(self, error, _):
        self.lost += error is not None

    def run(self):
        begun = time.time()
        while not self.stopping:
            while self.sent < (time.time() - begun) * RATE:
                self.producer.produce("input", value=str(self.sent), partition=self.sent % PARTITIONS, on_delivery=self.delivered)
                self.sent += 1
            self.producer.poll(0)
            time.sleep(0.005)

    def finish(self):
        self.stopping = True
        self.join()
        same(self.producer.flush(120), 0, "messages that do not arrive")
        same(self.lost, 0, "messages that were not taken")


def held(kafka):
    """{(partition, offset): value} of the topic."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.servers, "group.id": "held", "enable.auto.commit": False, "enable.partition.eof": True,
                                         "auto.offset.reset": "error", "log_level": 0})
    consumer.assign([confluent_kafka.TopicPartition("input", p, 0) for p in range(PARTITIONS)])
    found, left, until = {}, set(range(PARTITIONS)), time.time() + 60
    while left:
        assert time.time() < until, "the topic cannot be read"
        for message in consumer.consume(2000, 0.1):
            if message.error() is None:
                found[(message.partition(), message.offset())] = message.value().decode()
            elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                left.discard(message.partition())
    consumer.close()
    return found


def verdict(kafka, project, sent):
    wanted = held(kafka)
    same(set(map(int, wanted.values())), set(range(sent)), "the topic")
    counts = collections.Counter(project.table("t", ["p", "o", "v"]))
    lost = [(p, o, v) for ((p, o), v) in wanted.items() if counts[(p, o, v)] == 0]
    doubled = [row for row, n in counts.items() if n > 1]
    foreign = [row for row in counts if wanted.get(row[:2]) != row[2]]
    if not lost and not doubled and not foreign:
        return "0 lost, 0 doubled"
    return f"{len(lost)} lost {lost[:5]}, {len(doubled)} doubled {doubled[:5]}, {len(foreign)} foreign {foreign[:5]}"


def bounce(cluster, dice):
    """One broker goes and comes, or all; leaders move before, meanwhile or afterwards. Returns how many moved."""
    moves = 0

    def move():
        nonlocal moves
        for p in dice.sample(range(PARTITIONS), dice.randint(0, PARTITIONS)):
            cluster.lead("input", p, dice.choice([*cluster.brokers, -1]) if dice.random() < 0.3 else dice.choice(cluster.brokers))
            moves += 1

    gone = list(cluster.brokers) if dice.random() < 0.15 else [dice.choice(cluster.brokers)]
    for broker in gone:
        cluster.down(broker)
    time.sleep(dice.random() * 0.25)
    move()
    time.sleep(dice.random() * 0.25)
    for broker in gone:
        cluster.up(broker)
    if dice.random() < 0.5:
        move()
    time.sleep(dice.random() * 0.5)
    return moves


def storm(kafka, cluster, bounces, seed):
    dice = random.Random(seed)
    cluster.topic("input", PARTITIONS)
    project = kafka.project(to_delta=TO_DELTA)
    feeder = Feeder(kafka)
    feeder.start()
    running, moves, ends = project.start("--quiet"), 0, 0
    for _ in range(bounces):
        moves += bounce(cluster, dice)
        if running.poll() is not None:
            ends += 1
            running = project.start("--quiet")
    for p in range(PARTITIONS):
        cluster.lead("input", p, p % len(cluster.brokers) + 1)
    feeder.finish()
    running.send_signal(signal.SIGTERM)
    running.wait(60)
    done = subprocess.run([MILLRACE, "run", "--quiet"], cwd=project.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    same(done.returncode, 0, done.stderr.decode()[-800:])
    if os.environ.get("KEEP"):
        print(project.directory)
    return {"kind": "mock", "bounces": bounces, "moves": moves, "ends": ends, "messages": feeder.sent, "verdict": verdict(kafka, project, feeder.sent)}


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bounces", type=int, default=10)
parser.add_argument("--seed", type=int, default=int(time.time()))
parser.add_argument("--log")
arguments = parser.parse_args()


def bounces_of_mock_brokers(kafka, cluster):
    with Storm(arguments.seed, arguments.log) as line:
        line.update(storm(kafka, cluster, arguments.bounces, arguments.seed))
    same(line["verdict"], "0 lost, 0 doubled")


suite("kafka_mock_storm", lambda kafka: Checks("kafka")(bounces_of_mock_brokers, kafka, kafka.server), server=Cluster)
