"""librdkafka's mock cluster, of the system's library: brokers that go and come at once, leaders that move on demand. They are threads of this
process. It keeps the last 5 MB and 100,000 messages of a partition, what was aborted too, and no offsets of transactions."""
import ctypes

from broker import Unavailable

PRODUCER = 0


class Cluster:
    def __init__(self, brokers=3):
        self.brokers = range(1, brokers + 1)
        try:
            self.library = ctypes.CDLL("librdkafka.so.1")
        except OSError as why:
            raise Unavailable(f"librdkafka is not installed: {why}") from why
        for name, result, arguments in (
                ("rd_kafka_conf_new", ctypes.c_void_p, []), ("rd_kafka_conf_set", ctypes.c_int, [ctypes.c_void_p] + [ctypes.c_char_p] * 3 + [ctypes.c_size_t]),
                ("rd_kafka_new", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
                ("rd_kafka_destroy", None, [ctypes.c_void_p]), ("rd_kafka_mock_cluster_new", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
                ("rd_kafka_mock_cluster_destroy", None, [ctypes.c_void_p]), ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, [ctypes.c_void_p]),
                ("rd_kafka_mock_topic_create", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
                ("rd_kafka_mock_partition_set_leader", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]),
                ("rd_kafka_mock_broker_set_down", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
                ("rd_kafka_mock_broker_set_up", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32])):
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    def __enter__(self):
        why = ctypes.create_string_buffer(256)
        conf = self.library.rd_kafka_conf_new()
        self.library.rd_kafka_conf_set(conf, b"log_level", b"0", why, len(why))
        self.handle = self.library.rd_kafka_new(PRODUCER, conf, why, len(why))
        self.cluster = self.library.rd_kafka_mock_cluster_new(self.handle, len(self.brokers))
        self.servers = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()
        return self

    def __exit__(self, *why):
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self.handle)

    def topic(self, name, partitions):
        assert self.library.rd_kafka_mock_topic_create(self.cluster, name.encode(), partitions, len(self.brokers)) == 0

    def lead(self, topic, partition, broker):
        """The broker leads the partition; -1: nobody does."""
        assert self.library.rd_kafka_mock_partition_set_leader(self.cluster, topic.encode(), partition, broker) == 0

    def down(self, broker):
        assert self.library.rd_kafka_mock_broker_set_down(self.cluster, broker) == 0

    def up(self, broker):
        assert self.library.rd_kafka_mock_broker_set_up(self.cluster, broker) == 0
