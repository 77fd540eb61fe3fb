"""What the Kafka tests share: checks, topics, messages, projects."""
import glob
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import broker  # noqa: E402

MILLRACE = os.environ.get("MILLRACE", ".build/release/millrace")
if os.path.exists(os.environ.get("MILLRACE_ASAN", "")) and not os.environ.get("KAFKA_RELEASE"):
    MILLRACE_CHECKED = os.environ["MILLRACE_ASAN"]
else:
    MILLRACE_CHECKED = MILLRACE
MILLRACE, MILLRACE_CHECKED = os.path.abspath(MILLRACE), os.path.abspath(MILLRACE_CHECKED)

try:
    import confluent_kafka
    from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic
except ImportError:
    confluent_kafka = None


def suite(name, body, server=None, **settings):
    """Runs body(kafka) against a fresh broker (or server(): a mock cluster); says why when that cannot be."""
    if confluent_kafka is None:
        print(f"skip {name}: the Python package confluent-kafka is not installed")
        return
    work = tempfile.mkdtemp(prefix="millrace-kafka-")
    started = []
    try:
        with server() if server else broker.Broker(os.path.join(work, "broker"), **settings) as servers:
            body(Kafka(servers, work, started))
    except broker.Unavailable as why:
        print(f"skip {name}: {why}")
    finally:
        for process in started:  # of tests that failed
            if process.poll() is None:
                process.kill()
                process.wait()
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)


class Kafka:
    def __init__(self, server, work, started):
        self.server, self.work, self.servers, self.started = server, work, server.servers, started
        self.admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        self.projects = 0
        self.cached = None

    def topic(self, name, partitions=1, **config):
        config = {k.replace("_", "."): str(v) for k, v in config.items()}
        for future in self.admin.create_topics([NewTopic(name, partitions, 1, config=config)]).values():
            future.result()
        self.until(lambda: name in self.admin.list_topics(timeout=10).topics
                   and len(self.admin.list_topics(name, timeout=10).topics[name].partitions) == partitions)

    def grow(self, name, partitions):
        self.cached = None
        for future in self.admin.create_partitions([NewPartitions(name, partitions)]).values():
            future.result()
        self.until(lambda: len(self.admin.list_topics(name, timeout=10).topics[name].partitions) == partitions)

    def drop(self, name):
        self.cached = None
        for future in self.admin.delete_topics([name]).values():
            future.result()
        self.until(lambda: name not in self.admin.list_topics(timeout=10).topics)

    def truncate(self, name, partition, offset):
        """DeleteRecords, version 0: the Python client has it only in versions that crash when a topic is deleted."""
        text = name.encode()
        body = struct.pack(">hhih", 21, 0, 1, -1) + struct.pack(">ih", 1, len(text)) + text + struct.pack(">iiqi", 1, partition, offset, 10000)
        with socket.create_connection(("127.0.0.1", self.server.port), 10) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
                answer += connection.recv(4096)
        same(struct.unpack(">h", answer[-2:])[0], 0, "the broker's answer to DeleteRecords")

    def producer(self, **settings):
        settings = {k.replace("_", "."): v for k, v in settings.items()}
        return confluent_kafka.Producer({"bootstrap.servers": self.servers, "linger.ms": 5, "message.max.bytes": 12000000,
                                        "log_level": 0, **settings})

    def send(self, topic, values, partition=0, key=None, **more):
        """Values, or (key, value) pairs, to one partition."""
        if self.cached is None:
            self.cached = self.producer()
        for value in values:
            k, v = value if isinstance(value, tuple) else (key, value)
            while True:
                try:
                    self.cached.produce(topic, key=k, value=v, partition=partition, **more)
                    break
                except BufferError:
                    self.cached.poll(0.1)
        assert self.cached.flush(30) == 0

    def send_transaction(self, topic, values, commit, partition=0):
        producer = self.producer(transactional_id=f"t-{time.time()}")
        producer.init_transactions(30)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value=value, partition=partition)
        producer.flush(30)
        if commit == "open":
            return producer
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)

    def counts(self, topic):
        """Records of each partition of a topic without transactions, when the broker can say."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.servers, "group.id": "tests-counts"})
        while True:
            try:
                ids = sorted(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
                found = [consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), timeout=10)[1] for p in ids]
                consumer.close()
                return found
            except confluent_kafka.KafkaException:
                time.sleep(0.5)

    def read_by_kcat(self, topic):
        """[(partition, key, value)] of what was committed, each partition in order, as kcat reads it."""
        done = subprocess.run(["kcat", "-q", "-b", self.servers, "-C", "-t", topic, "-o", "beginning", "-e", "-X", "isolation.level=read_committed",
                               "-f", "%p\t%k\t%s\n"], capture_output=True, text=True, timeout=600, check=True)
        return [(int(partition), key, value) for partition, key, value in (line.split("\t") for line in done.stdout.splitlines())]

    def read(self, topic, isolation="read_committed"):
        """[(partition, key, value, headers)] of all that a consumer sees, in order."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.servers, "group.id": "tests-read", "enable.auto.commit": False,
                                             "isolation.level": isolation, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
        ids = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in ids])
        found, left = [], set(ids)
        while left:
            for message in consumer.consume(2000, 0.1):
                if message.error() is None:
                    found.append((message.partition(), message.key(), message.value(), message.headers()))
                elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise RuntimeError(message.error())
        consumer.close()
        return found

    @staticmethod
    def until(condition, seconds=90):
        end = time.time() + seconds
        while not condition():
            if time.time() > end:
                raise RuntimeError("timed out")
            time.sleep(0.02)

    def sql(self, statement, conf=None):
        """Rows as lists of texts; an Error when it fails."""
        done = subprocess.run([MILLRACE_CHECKED, "sql", "--format", "csv", statement.replace("$S", self.servers)], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120)
        if done.returncode != 0:
            raise Failed((done.stderr + done.stdout).decode())
        return [line.split(",") for line in done.stdout.decode().splitlines()[1:]]

    def project(self, **files):
        self.projects += 1
        return Project(self, os.path.join(self.work, f"project{self.projects}"), files)


class Failed(Exception):
    pass


class Project:
    def __init__(self, kafka, directory, files):
        self.kafka, self.directory = kafka, directory
        os.makedirs(os.path.join(directory, "transformations"))
        with open(os.path.join(directory, "spark-pipeline.yml"), "w") as file:
            file.write(f"name: p\nstorage: file://{directory}/storage\nlibraries:\n  - glob:\n      include: transformations/**\n")
        for name, text in files.items():
            self.write(name, text)

    def write(self, name, text):
        with open(os.path.join(self.directory, "transformations", name + ".sql"), "w") as file:
            file.write(text.replace("$S", self.kafka.servers))

    def has(self, name):
        return os.path.exists(os.path.join(self.directory, "transformations", name + ".sql"))

    def run(self, *options, binary=None, env=None):
        done = subprocess.run([binary or MILLRACE_CHECKED, "run", *options], cwd=self.directory, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=180, env=env)
        self.output = (done.stdout + done.stderr).decode()
        if done.returncode != 0:
            raise Failed(self.output)
        return self.output

    def start(self, *options, binary=None):
        self.log = open(os.path.join(self.directory, "run.log"), "ab")
        process = subprocess.Popen([binary or MILLRACE, "run", "--continuous", *options], cwd=self.directory, stdin=subprocess.DEVNULL,
                                   stdout=self.log, stderr=self.log)
        self.kafka.started.append(process)
        return process

    def table(self, name, columns=None):
        """Rows of a Delta table, read by delta-rs."""
        from deltalake import DeltaTable
        path = os.path.join(self.directory, "spark-warehouse", name)
        if not glob.glob(os.path.join(path, "_delta_log", "*.json")):
            return []
        data = DeltaTable(path).to_pyarrow_table(columns=columns)
        return list(zip(*[column.to_pylist() for column in data.columns])) if data.num_rows else []

    def progress(self, table, flow=None):
        for directory, _, files in os.walk(os.path.join(self.directory, "storage", "_progress")):
            for file in files:
                if file == (flow or table) + ".jsonl":
                    with open(os.path.join(directory, file)) as lines:
                        return [json.loads(line) for line in lines]
        return []


class Checks:
    """Prints a line per check; a check is a function, its name the function's."""

    def __init__(self, prefix):
        self.prefix = prefix

    def __call__(self, function, *arguments):
        name = f"{self.prefix}_{function.__name__}"
        begun = time.time()
        try:
            function(*arguments)
            print(f"ok {name}")
        except Exception as why:  # noqa: BLE001
            print(f"not ok {name}: {type(why).__name__}: {str(why)[-1500:]}".replace("\n", " | "))
        if os.environ.get("TIMES"):
            print(f"  {time.time() - begun:.1f} s")
        sys.stdout.flush()


class Storm:
    """A line of a storm's log, as a dictionary to be filled in; printed, and added to the log where there is one."""

    def __init__(self, seed, log):
        self.log, self.line = log, {"seed": seed, "start": self.now(), "end": ""}

    @staticmethod
    def now():
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def __enter__(self):
        return self.line

    def __exit__(self, failed, *why):
        if failed:
            return
        self.line["end"] = self.now()
        print(json.dumps(self.line), flush=True)
        if self.log:
            with open(self.log, "a") as log:
                log.write(json.dumps(self.line) + "\n")


def same(found, expected, what=""):
    assert found == expected, f"{what} found {str(found)[:400]}, expected {str(expected)[:400]}"


def fails(condition, call, *arguments):
    try:
        call(*arguments)
    except Failed as why:
        assert condition in str(why), f"expected {condition}, got {str(why)[-600:]}"
        return str(why)
    raise AssertionError(f"no failure; {condition} was expected")
