"""A real Kafka broker for the tests: one node, KRaft, on free ports, in a folder of its own. Its jars come from Maven Central once and
are kept outside the repository. Needs java and mvn; Unavailable says what is missing.

    python tests/kafka/broker.py DIRECTORY [PORT] [--create-topics]   runs one in the foreground, until it is told to end
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

VERSION = "4.3.1"
OLDER = "3.9.1"  # the last line at which librdkafka before 2.6.1 can log in by SCRAM
CACHE = os.path.join(os.environ.get("MILLRACE_CACHE", os.path.expanduser("~/.cache/millrace")), "kafka-")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>%s</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
</dependencies></project>
"""
LOGGING = """appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss,SSS} %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.a.name=kafka.server
logger.a.level=info
logger.b.name=org.apache.kafka.server
logger.b.level=info
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{more_listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{more_listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{more_protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={directory}/data
num.network.threads=2
num.io.threads=2
background.threads=2
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
log.cleaner.backoff.ms=200
log.retention.check.interval.ms=500
log.retention.ms=-1
log.segment.delete.delay.ms=100
message.max.bytes=12000000
"""


class Unavailable(Exception):
    pass


def jars(version):
    """The folder with the broker's jars, fetched when it is not there yet."""
    cache = CACHE + version
    lib = os.path.join(cache, "lib")
    if os.path.isdir(lib) and len(os.listdir(lib)) > 30:
        return lib
    for tool in ("java", "mvn"):
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed")
    work = cache + f".{os.getpid()}"
    os.makedirs(work, exist_ok=True)
    with open(os.path.join(work, "pom.xml"), "w") as file:
        file.write(POM % version)
    done = subprocess.run(["mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"],
                          cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        shutil.rmtree(work, ignore_errors=True)
        raise Unavailable("the broker's jars cannot be fetched from Maven Central: " + done.stdout.decode()[-300:].replace("\n", " "))
    if not os.path.isdir(lib):
        os.makedirs(cache, exist_ok=True)
        os.rename(os.path.join(work, "lib"), lib)
    shutil.rmtree(work, ignore_errors=True)
    return lib


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    def __init__(self, directory, port=None, more_listeners="", more_protocols="", more_properties="", users=(), version=VERSION):
        if not shutil.which("java"):
            raise Unavailable("java is not installed")
        self.lib, self.cache = jars(version), CACHE + version
        self.directory = directory
        self.port = port or free_port()
        self.servers = f"127.0.0.1:{self.port}"
        self.process, self.archives, self.made, self.users = None, True, None, users
        os.makedirs(directory, exist_ok=True)
        self.log = os.path.join(directory, "broker.log")
        with open(os.path.join(directory, "log4j2.properties"), "w") as file:
            file.write(LOGGING)
        with open(os.path.join(directory, "server.properties"), "w") as file:
            file.write(PROPERTIES.format(port=self.port, controller=free_port(), directory=directory, more_listeners=more_listeners,
                                         more_protocols=more_protocols) + more_properties)

    def java(self, *arguments):
        archive = os.path.join(self.cache, "kafka.jsa")  # classes as Java likes to load them: halves the start
        sharing = ["-XX:SharedArchiveFile=" + archive] if os.path.exists(archive) else []
        if not sharing and arguments[0] == "kafka.Kafka" and self.archives:
            self.archives, self.made = False, archive + f".{os.getpid()}"
            sharing = ["-XX:ArchiveClassesAtExit=" + self.made]
        return ["java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xlog:disable", *sharing,
                "-Dlog4j2.configurationFile=" + os.path.join(self.directory, "log4j2.properties"), *arguments]

    def start(self, seconds=60):
        env = dict(os.environ, CLASSPATH=self.lib + "/*")
        properties = os.path.join(self.directory, "server.properties")
        if not os.path.isdir(os.path.join(self.directory, "data")):
            made = subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", properties,
                                            *[word for user in self.users for word in ("--add-scram", user)]), env=env,
                                  check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if made.returncode != 0:
                raise RuntimeError("the broker's storage cannot be made (status %d): %s" % (made.returncode, made.stdout.decode()[-1000:]))
        begun = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.java("kafka.Kafka", properties), env=env, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        until = time.time() + seconds
        while time.time() < until:
            with open(self.log, "rb") as log:
                log.seek(begun)
                if b"Kafka Server started" in log.read():
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        raise RuntimeError("the broker does not start, see " + self.log)

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()
        self.process = None

    def stop(self):
        self.kill(signal.SIGTERM)
        if self.made and os.path.exists(self.made):
            os.rename(self.made, os.path.join(self.cache, "kafka.jsa"))

    def __enter__(self):
        return self.start()

    def __exit__(self, *why):
        self.stop() if self.made else self.kill()


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if not a.startswith("--")]
    more = "auto.create.topics.enable=true\nnum.partitions=4\n" if "--create-topics" in sys.argv else ""
    broker = Broker(os.path.abspath(given[0]), int(given[1]) if len(given) > 1 else None, more_properties=more)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        broker.start()
        print(broker.servers, flush=True)
        broker.process.wait()
    finally:
        broker.kill()
