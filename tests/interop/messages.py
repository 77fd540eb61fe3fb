#!/usr/bin/env python3
"""Avro and Protobuf messages against other implementations: what fastavro and Google's protobuf write is read, and what we write they read.

usage: messages.py spark_function_query
"""
import base64
import datetime
import decimal
import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
QUERY = sys.argv[1]
UTC = datetime.timezone.utc


def ask(statements):
    done = subprocess.run([QUERY], input="".join(json.dumps({"sql": s}) + "\n" for s in statements), capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(statements), done.stderr[-2000:]
    for statement, answer in zip(statements, answers):
        assert "rows" in answer, (statement[:300], answer)
    return [answer["rows"] for answer in answers]


def column(messages):
    return "VALUES " + ", ".join("(X'%s')" % m.hex() for m in messages) + " AS t(v)"


def check(name, module, body):
    try:
        __import__(module)
    except ImportError:
        print(f"skip messages_{name}: the Python package {module.split('.')[0]} is not installed")
        return
    try:
        body()
        print(f"ok messages_{name}")
    except Exception as why:  # noqa: BLE001
        print(f"not ok messages_{name}: {type(why).__name__}: {str(why)[:1500]}".replace("\n", " | "))


def plain(value):
    """A value as to_json shows it: members that are NULL left out."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        text = value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        return text + ("Z" if value.tzinfo else "")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


# ---- Avro ----
AVRO = {"type": "record", "name": "all", "fields": [
    {"name": "i", "type": "int"}, {"name": "l", "type": "long"}, {"name": "f", "type": "float"}, {"name": "d", "type": "double"}, {"name": "b", "type": "boolean"},
    {"name": "s", "type": "string"}, {"name": "y", "type": "bytes"}, {"name": "x", "type": {"type": "fixed", "name": "four", "size": 4}},
    {"name": "e", "type": {"type": "enum", "name": "colour", "symbols": ["RED", "GREEN", "BLUE"]}}, {"name": "n", "type": ["null", "long"]},
    {"name": "last", "type": ["string", "null"]}, {"name": "a", "type": {"type": "array", "items": ["null", "double"]}},
    {"name": "m", "type": {"type": "map", "values": {"type": "array", "items": "int"}}},
    {"name": "o", "type": {"type": "record", "name": "inner", "fields": [{"name": "p", "type": "string"}]}},
    {"name": "again", "type": ["null", "inner"]}, {"name": "u", "type": ["null", "int", "string", "inner"]},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}}, {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "us", "type": {"type": "long", "logicalType": "timestamp-micros"}}, {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
    {"name": "c", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}}]}


def avro_values(dice):
    text = lambda: "".join(dice.choice("aZ ü€😀\"") for _ in range(dice.randrange(20)))  # noqa: E731
    number = lambda bits: dice.choice([0, -1, 1, dice.randrange(-2 ** (bits - 1), 2 ** (bits - 1))])  # noqa: E731
    moment = datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(milliseconds=dice.randrange(-10 ** 12, 10 ** 12))
    inner = {"p": text()}
    return {"i": number(32), "l": number(64), "f": dice.randrange(-1000, 1000) / 8, "d": dice.uniform(-1e6, 1e6), "b": dice.random() < 0.5, "s": text(), "y": dice.randbytes(dice.randrange(20)),
            "x": dice.randbytes(4), "e": dice.choice(["RED", "GREEN", "BLUE"]), "n": dice.choice([None, number(64)]), "last": dice.choice([None, text()]),
            "a": [dice.choice([None, dice.randrange(99) / 4]) for _ in range(dice.randrange(5))], "m": {text() + str(k): [number(32)] * k for k in range(dice.randrange(4))},
            "o": inner, "again": dice.choice([None, inner]), "u": dice.choice([None, number(32), text(), ("inner", inner)]), "day": moment.date(), "ms": moment, "us": moment,
            "local": moment.replace(tzinfo=None), "c": decimal.Decimal(dice.randrange(-10 ** 11, 10 ** 11)) / 1000}


def member(value):
    if value is None:
        return None
    if isinstance(value, tuple):
        return {"member2": value[1]}
    return {"member0": value} if isinstance(value, int) else {"member1": value}


def avro():
    import fastavro
    dice = random.Random(5)
    schema = fastavro.parse_schema(AVRO)
    values, messages = [avro_values(dice) for _ in range(300)], []
    for value in values:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, value)
        messages.append(out.getvalue())
    text = json.dumps(AVRO)
    rows, hexed = ask([f"SELECT to_json(from_avro(v, '{text}')) FROM {column(messages)}",
                       f"SELECT hex(to_avro(from_avro(v, '{text}'), '{text}')) FROM {column(messages)}"])
    for value, row in zip(values, rows):
        expected = plain(dict(value, u=member(value["u"])))
        expected["a"] = [None if v is None else v for v in value["a"]]
        assert json.loads(row) == expected, (json.loads(row), expected)
    for value, row in zip(values, hexed):
        back = fastavro.schemaless_reader(io.BytesIO(bytes.fromhex(row)), schema, None)
        expected = dict(value, u=value["u"][1] if isinstance(value["u"], tuple) else value["u"])
        assert back == expected, (back, expected)


# ---- Protobuf ----
def descriptors():
    """The descriptor set of messages.proto and messages2.proto, and their classes by name."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    import grpc_tools
    from grpc_tools import protoc
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "set")
        assert protoc.main(["protoc", "-I" + HERE, "-I" + os.path.join(os.path.dirname(grpc_tools.__file__), "_proto"), "--include_imports",
                            "--descriptor_set_out=" + path, "messages.proto", "messages2.proto"]) == 0
        with open(path, "rb") as file:
            data = file.read()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
    return data, {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in ("sample.All", "sample.Node", "old.Old", "sample.Wrapped", "sample.Free")}, pool


def filled(message, dice, depth=0):
    """Random fields of the message."""
    for field in message.DESCRIPTOR.fields:
        if dice.random() < 0.4 and not field.name == "id":
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields
            for _ in range(dice.randrange(4)):
                k = number(key, dice)
                if value.message_type:
                    filled(getattr(message, field.name)[k], dice, depth + 1)
                else:
                    getattr(message, field.name)[k] = number(value, dice)
        elif field.is_repeated:
            for _ in range(dice.randrange(4)):
                if field.message_type:
                    inside(getattr(message, field.name).add(), dice, depth)
                else:
                    getattr(message, field.name).append(number(field, dice))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            inside(getattr(message, field.name), dice, depth)
        else:
            setattr(message, field.name, number(field, dice))


def inside(message, dice, depth):
    if message.DESCRIPTOR.name in ("Timestamp", "Duration"):
        message.seconds = dice.randrange(0, 10 ** 9)
        message.nanos = dice.randrange(0, 10 ** 6) * 1000
    elif depth < 4:
        filled(message, dice, depth + 1)


def number(field, dice):
    kind = field.type
    if kind in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return dice.choice([0.0, dice.randrange(-1000, 1000) / 16])
    if kind == field.TYPE_BOOL:
        return dice.random() < 0.5
    if kind == field.TYPE_STRING:
        return "".join(dice.choice("aZ ü€😀\"") for _ in range(dice.randrange(20)))
    if kind == field.TYPE_BYTES:
        return dice.randbytes(dice.randrange(20))
    if kind == field.TYPE_ENUM:
        return dice.choice([v.number for v in field.enum_type.values])
    unsigned = kind in (field.TYPE_UINT32, field.TYPE_UINT64, field.TYPE_FIXED32, field.TYPE_FIXED64)
    bits = 32 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 64
    return dice.choice([0, 1, 300, dice.randrange(2 ** bits) if unsigned else dice.randrange(-2 ** (bits - 1), 2 ** (bits - 1))])


def signed(field, value):
    if field.type in (field.TYPE_UINT32, field.TYPE_FIXED32):
        return value - 2 ** 32 if value >= 2 ** 31 else value
    if field.type in (field.TYPE_UINT64, field.TYPE_FIXED64):
        return value - 2 ** 64 if value >= 2 ** 63 else value
    return value


def one(field, value):
    if field.type == field.TYPE_ENUM:
        found = field.enum_type.values_by_number.get(value)
        return found.name if found else f"UNKNOWN_ENUM_VALUE_{field.enum_type.name}_{value}"
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return "Infinity" if math.isinf(value) else value
    if field.message_type is None:
        return plain(signed(field, value))
    if field.message_type.name == "Timestamp":
        return plain(datetime.datetime.fromtimestamp(value.seconds, UTC) + datetime.timedelta(microseconds=value.nanos // 1000))
    if field.message_type.name == "Duration":
        return value.seconds * 10 ** 6 + value.nanos // 1000
    return shown(value)


def shown(message):
    """As to_json(from_protobuf(…)) shows it."""
    out = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields[1]
            out[field.name] = {str(k).lower() if isinstance(k, bool) else str(k): one(inner, value[k]) for k in value}
        elif field.is_repeated:
            out[field.name] = [one(field, v) for v in value]
        elif (message.HasField(field.name) if field.has_presence else value != field.default_value) or field.has_default_value:
            out[field.name] = one(field, value)
    return out


def lenient(value):
    """Durations are shown in a form of their own: only that they are there is compared."""
    return json.loads(json.dumps(value), object_hook=lambda d: {k: True if k == "lasted" else v for k, v in d.items()})


def protobuf():
    dice = random.Random(7)
    data, classes, _ = descriptors()
    for name, options in (("sample.All", ""), ("old.Old", ""), ("sample.Node", ", map('recursive.fields.max.depth', '8')")):
        messages = []
        for _ in range(200):
            message = classes[name]()
            filled(message, dice)
            messages.append(message)
        source = f"from_protobuf(v, '{name}', X'{data.hex()}'{options})"
        wire = [m.SerializeToString() for m in messages]
        # the same field twice: scalars of the last, elements of both
        merged = [classes[name].FromString(a + b) for a, b in zip(wire, wire[1:])]
        both = [a + b for a, b in zip(wire, wire[1:])]
        rows, more, back = ask([f"SELECT to_json({source}) FROM {column(wire)}", f"SELECT to_json({source}) FROM {column(both)}",
                                f"SELECT hex(to_protobuf({source}, '{name}', X'{data.hex()}')) FROM {column(wire)}"])
        for message, row in zip(messages + merged, rows + more):
            found, expected = lenient(json.loads(row)), lenient(shown(message))
            assert found == expected, (found, expected)
        for message, row in zip(messages, back):
            again = classes[name].FromString(bytes.fromhex(row))
            if name != "old.Old":  # a default that was missing is there now
                assert again == message, (again, message)


def any_as_json():
    from google.protobuf import duration_pb2, json_format, struct_pb2, timestamp_pb2, wrappers_pb2
    dice = random.Random(11)
    data, classes, pool = descriptors()
    messages = []
    for number in range(120):
        message = classes["sample.Wrapped"](id=number)
        for target in [message.what] * (number % 5 > 0) + [message.more.add() for _ in range(number % 3)]:
            inner = classes[dice.choice(["sample.All", "sample.Node", "old.Old"])]()
            filled(inner, dice, 3)
            kind = dice.randrange(7)
            if kind == 0:
                inner = dice.choice([timestamp_pb2.Timestamp(seconds=dice.randrange(10 ** 9), nanos=dice.choice([0, 5000000, 5000, 5])),
                                     duration_pb2.Duration(seconds=-5, nanos=-500000000), wrappers_pb2.Int64Value(value=7), wrappers_pb2.BoolValue()])
            elif kind == 1:
                inner = classes["sample.Free"]()
                inner.data.update({"a": [1.5, None, "x<y", {"b": True}], "c": {}})
                inner.flag.value = False
                inner.deeper.Pack(timestamp_pb2.Timestamp(seconds=1))
            target.Pack(inner)
        messages.append(message)
    wire = [m.SerializeToString() for m in messages]
    rows, = ask([f"SELECT to_json(from_protobuf(v, 'Wrapped', X'{data.hex()}', map('convert.any.fields.to.json', 'true'))) FROM {column(wire)}"])
    for message, row in zip(messages, rows):
        found = json.loads(row)
        shape = lambda m: json.loads(json_format.MessageToJson(m, preserving_proto_field_name=True, descriptor_pool=pool))  # noqa: E731
        expected = [shape(m) for m in ([message.what] if message.HasField("what") else []) + list(message.more)]
        same = [json.loads(t) for t in ([found["what"]] if "what" in found else []) + found["more"]]
        assert same == expected, (same, expected)


check("avro", "fastavro", avro)
check("protobuf", "grpc_tools.protoc", protobuf)
check("any_as_json", "grpc_tools.protoc", any_as_json)
