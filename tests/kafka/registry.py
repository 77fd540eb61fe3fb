"""from_avro and to_avro with a real schema registry (Apicurio, by Confluent's API) and a real broker; and with registries that are dead, mute or
overloaded."""
import http.server
import json
import os
import socket
import struct
import threading
import time

from apicurio import Registry
from broker import free_port
from support import Checks, fails, same, suite

V1 = {"type": "record", "name": "order", "fields": [{"name": "id", "type": "int"}, {"name": "who", "type": "string"}]}
V2 = {"type": "record", "name": "order", "fields": [{"name": "who", "type": "string"}, {"name": "id", "type": "long"},
                                                    {"name": "paid", "type": ["null", "double"], "default": None}]}


def message(schema_id, payload):
    return b"\0" + struct.pack(">i", schema_id) + payload


def old(schema_id):
    return message(schema_id, b"\x02\x04xy")


def new(schema_id):
    return message(schema_id, b"\x02z\x04\x02" + struct.pack("<d", 1.5))


def hexed(*messages):
    return ", ".join(f"(X'{m.hex()}')" for m in messages)


def newest_of_the_subject(kafka, registry):
    one, two = registry.register("s1", V1), registry.register("s1", V2)
    assert one != two
    rows = kafka.sql(f"SELECT o.id, o.who, o.paid FROM (SELECT from_avro(v, 's1', '{registry.url}') o "
                     f"FROM VALUES {hexed(old(one), new(two), old(one))} AS t(v))")
    same(rows, [["1", "xy", ""], ["2", "z", "1.5"], ["1", "xy", ""]])


def reader_schema_in_the_query(kafka, registry):
    one, two = registry.register("s2", V1), registry.register("s2", V2)
    reader = json.dumps({"type": "record", "name": "order", "fields": [{"name": "id", "type": "double"}]})
    for second, third in ((f"'{reader}'", f"'{registry.url}/'"), (f"'{reader}'", f"map('schemaRegistryAddress', '{registry.url}')"),
                          ("'s2'", f"'{registry.url}', map('avroSchema', '{reader}')"), (f"'{reader}'", f"map('confluent.schema.registry.url', '{registry.url}')")):
        rows = kafka.sql(f"SELECT from_avro(v, {second}, {third}).id AS id FROM VALUES {hexed(old(one), new(two))} AS t(v)")
        same(rows, [["1.0"], ["2.0"]], third)


def malformed(kafka, registry):
    one = registry.register("s3", V1)
    bad = [b"", b"\0\0", b"\1" + old(one)[1:], old(99999), old(one)[:-1]]
    query = "SELECT from_avro(v, 's3', '%s', map('mode', '%s')).who AS who FROM VALUES %s AS t(v)"
    same(kafka.sql(query % (registry.url, "PERMISSIVE", hexed(*bad, old(one)))), [[""]] * 5 + [["xy"]])
    for text, words in zip(bad, ("at byte 0", "at byte 0", "at byte 0", "no schema 99999", "at byte 7 of 8")):
        assert words in fails("MALFORMED_RECORD_IN_PARSING", kafka.sql, query % (registry.url, "FAILFAST", hexed(text))), words


def refused(kafka, registry):
    query = "SELECT from_avro(X'00', {}) AS a"
    assert "nothere" in fails("SCHEMA_REGISTRY_REQUEST_FAILED", kafka.sql, query.format(f"'nothere', '{registry.url}'"))
    fails("INVALID_OPTION_VALUE", kafka.sql, query.format("'s', 'localhost:8081'"))
    fails("UNKNOWN_OPTION", kafka.sql, query.format(f"'s', '{registry.url}', map('schemaRegistryAdress', 'x')"))


def written_and_read(kafka, registry):
    query = f"SELECT hex(to_avro(struct(id, who), 's4', '{registry.url}')) AS h FROM VALUES (1, 'a'), (2, NULL) AS t(id, who)"
    found = [bytes.fromhex(row[0]) for row in kafka.sql(query)]
    latest = registry.request("GET", "/subjects/s4/versions/latest")
    same([f["name"] for f in json.loads(latest["schema"])["fields"]], ["id", "who"])
    same([m[:5] for m in found], [message(latest["id"], b"")] * 2)
    same([bytes.fromhex(row[0]) for row in kafka.sql(query)], found, "a second run registers nothing new")
    same(registry.request("GET", "/subjects/s4/versions"), [1])
    rows = kafka.sql(f"SELECT o.id, o.who FROM (SELECT from_avro(v, 's4', '{registry.url}') o FROM VALUES {hexed(*found)} AS t(v))")
    same(rows, [["1", "a"], ["2", ""]])
    registry.register("s5", V2)
    rows = kafka.sql(f"SELECT hex(to_avro(struct('q' AS who, 7L AS id), 's5', '{registry.url}')) AS h")
    same(bytes.fromhex(rows[0][0])[5:], b"\x02q\x0e\0")


def pipeline(kafka, registry):
    one, two = registry.register("in-value", V1), registry.register("in-value", V2)
    kafka.topic("in")
    kafka.topic("out")
    kafka.send("in", [old(one), new(two), b"rubbish"])
    project = kafka.project(s=f"""CREATE STREAMING TABLE bronze AS SELECT o.* FROM (SELECT from_avro(value, 'in-value', '{registry.url}', map('mode', 'PERMISSIVE')) AS o
FROM STREAM read_kafka(bootstrapServers => '$S', subscribe => 'in', startingOffsets => 'earliest'));
CREATE SINK out USING kafka OPTIONS (bootstrapServers '$S', topic 'out');
CREATE FLOW f AS INSERT INTO out BY NAME SELECT to_avro(struct(who, id), 'out-value', '{registry.url}') AS value FROM STREAM bronze WHERE id IS NOT NULL;""")
    project.run()
    same(sorted(project.table("bronze", ["who", "id", "paid"]), key=str), [("xy", 1, None), ("z", 2, 1.5), (None, None, None)])
    written = registry.request("GET", "/subjects/out-value/versions/latest")["id"]
    same(sorted(v for _, _, v, _ in kafka.read("out")), [message(written, b"\0\x02z\0\x04"), message(written, b"\0\x04xy\0\x02")])
    kafka.send("in", [new(two)])
    project.run()
    same(len(project.table("bronze", ["id"])), 4)


def timed_out(kafka, url, longest):
    begun = time.time()
    text = fails("SCHEMA_REGISTRY_REQUEST_FAILED", kafka.sql, f"SELECT from_avro(X'0000000001', 's', '{url}') AS a")
    assert url in text and "attempt 3 of 3" in text, text
    assert time.time() - begun < longest, f"{time.time() - begun:.1f} s"


def dead_registry(kafka, _):
    timed_out(kafka, f"http://127.0.0.1:{free_port()}", 10)


def mute_registry(kafka, _):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        timed_out(kafka, f"http://127.0.0.1:{listener.getsockname()[1]}", 25)


def overloaded_registry(kafka, _):
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append((self.path, self.headers.get("Authorization")))
            body = json.dumps({"schema": json.dumps(V1), "id": 7}).encode()
            self.send_response(503 if len(calls) == 1 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    rows = kafka.sql(f"SELECT from_avro(v, 'a/b c', '{url}', map('confluent.schema.registry.basic.auth.user.info', 'me:secret')).id AS id "
                     f"FROM VALUES {hexed(old(7), old(7))} AS t(v)")
    server.shutdown()
    same(rows, [["1"], ["1"]])
    same([path for path, _ in calls], ["/subjects/a%2Fb%20c/versions/latest"] * 2, "the newest schema is the one of the messages")
    same(calls[0][1], "Basic bWU6c2VjcmV0")


def body(kafka):
    check = Checks("kafka_registry")
    only = os.environ.get("ONLY")
    with Registry(os.path.join(kafka.work, "registry")) as registry:
        for test in (newest_of_the_subject, reader_schema_in_the_query, malformed, refused, written_and_read, pipeline, dead_registry, mute_registry,
                     overloaded_registry):
            if not only or test.__name__ in only.split(","):
                check(test, kafka, registry)


suite("kafka_registry", body)
