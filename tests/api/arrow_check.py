#!/usr/bin/env python3
"""Rows between pyarrow and libmillrace over the Arrow C data interface, both ways, of every type.

usage: arrow_check.py BUILD      (with a Python that has pyarrow)
"""
import ctypes
import datetime
import decimal
import os
import random
import sys

import pyarrow as pa

LIBRARY = ctypes.CDLL(os.path.join(os.path.abspath(sys.argv[1]), "libmillrace.so"))
POINTER, TEXT = ctypes.c_void_p, ctypes.c_char_p
ROWS = ctypes.CFUNCTYPE(ctypes.c_int, POINTER, POINTER)
for name, result, arguments in [
        ("millrace_job_new", POINTER, [TEXT]), ("millrace_job_free", None, [POINTER]),
        ("millrace_job_set", ctypes.c_int, [POINTER, TEXT, TEXT]),
        ("millrace_read_options", POINTER, [POINTER, TEXT, ctypes.POINTER(TEXT)]),
        ("millrace_name", POINTER, [POINTER, TEXT]), ("millrace_query", ctypes.c_int, [POINTER, TEXT, ROWS, POINTER]),
        ("millrace_memory_append", ctypes.c_int, [POINTER, TEXT, POINTER, POINTER]),
        ("millrace_error_text", TEXT, [POINTER]), ("millrace_error_condition", TEXT, [POINTER]),
        ("millrace_rows_arrow", ctypes.c_int, [POINTER, POINTER, POINTER])]:
    function = getattr(LIBRARY, name)
    function.restype, function.argtypes = result, arguments

SCHEMA_BYTES, ARRAY_BYTES = 72, 80
UTC = datetime.timezone.utc


class Refused(Exception):
    pass


class Job:
    def __init__(self, zone="UTC"):
        self.job = LIBRARY.millrace_job_new(None)
        self.call(LIBRARY.millrace_job_set(self.job, b"spark.sql.session.timeZone", zone.encode()))
        self.call(LIBRARY.millrace_job_set(self.job, b"millrace.workers", b"1"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIBRARY.millrace_job_free(self.job)

    def call(self, status):
        if status < 0:
            raise Refused(LIBRARY.millrace_error_text(self.job).decode())

    def append(self, stream, batch):
        schema, array = (ctypes.create_string_buffer(n) for n in (SCHEMA_BYTES, ARRAY_BYTES))
        batch._export_to_c(ctypes.addressof(array), ctypes.addressof(schema))
        self.call(LIBRARY.millrace_memory_append(self.job, stream, ctypes.addressof(schema), ctypes.addressof(array)))

    def name(self, stream):
        options = (TEXT * 3)(b"stream", stream, None)
        source = LIBRARY.millrace_read_options(self.job, b"memory", options)
        self.call(0 if source and LIBRARY.millrace_name(source, stream) else -1)

    def query(self, sql):
        batches = []

        @ROWS
        def take(_, rows):
            schema, array = (ctypes.create_string_buffer(n) for n in (SCHEMA_BYTES, ARRAY_BYTES))
            if LIBRARY.millrace_rows_arrow(rows, ctypes.addressof(schema), ctypes.addressof(array)) < 0:
                return 1
            batches.append(pa.RecordBatch._import_from_c(ctypes.addressof(array), ctypes.addressof(schema)))
            return 0
        self.call(LIBRARY.millrace_query(self.job, sql.encode(), take, None))
        return batches[0]


FAILED = [0]


def report(name, problem=None):
    FAILED[0] += problem is not None
    print("not ok api_arrow_%s: %s" % (name, str(problem).replace("\n", " | ")[:600]) if problem else "ok api_arrow_" + name,
          flush=True)


def there_and_back(name, array, wanted_type, wanted=None):
    """The array, whole and as slices, into a stream and out by a query: wanted_type says what it must have become."""
    try:
        wanted = array.cast(wanted_type) if wanted is None else wanted
        for start, stop in [(0, len(array)), (1, len(array) - 1), (3, 3), (len(array) // 2, len(array))]:
            piece, expected = array[start:stop], wanted[start:stop]
            with Job() as job:
                job.append(b"c", pa.RecordBatch.from_arrays([piece, pa.array(range(len(piece)), pa.int64())], ["c", "i"]))
                job.name(b"c")
                got = job.query("SELECT c, i FROM c ORDER BY i")
            got.validate(full=True)
            if got.column(0).type != wanted_type:
                raise AssertionError("type %s, not %s" % (got.column(0).type, wanted_type))
            if got.column(0).to_pylist() != expected.to_pylist():
                raise AssertionError("[%d:%d] %s, not %s" % (start, stop, got.column(0).to_pylist()[:6], expected.to_pylist()[:6]))
        report(name)
    except Exception as problem:
        report(name, repr(problem))


def with_nulls(values, every=3):
    return [None if i % every == 1 else v for i, v in enumerate(values)]


def plain_types():
    for bits in (8, 16, 32, 64):
        signed, unsigned = getattr(pa, "int%d" % bits)(), getattr(pa, "uint%d" % bits)()
        values = [0, 1, -1, 2 ** (bits - 1) - 1, -2 ** (bits - 1)] * 5
        there_and_back("int%d" % bits, pa.array(with_nulls(values), signed), signed)
        wider = {8: pa.int16(), 16: pa.int32(), 32: pa.int64(), 64: pa.decimal128(20, 0)}[bits]
        values = [0, 1, 2 ** bits - 1, 2 ** (bits - 1)] * 5
        expected = pa.array([v if v is None or bits < 64 else decimal.Decimal(v) for v in with_nulls(values)], wider)
        there_and_back("uint%d" % bits, pa.array(with_nulls(values), unsigned), wider, expected)
    there_and_back("bool", pa.array(with_nulls([True, False, False, True] * 9), pa.bool_()), pa.bool_())
    floats = [0.0, -1.5, 65504.0, 6e-8, float("inf"), -0.0, 1 / 3]
    there_and_back("float32", pa.array(with_nulls(floats), pa.float32()), pa.float32())
    there_and_back("float64", pa.array(with_nulls(floats), pa.float64()), pa.float64())
    halves = pa.array(with_nulls([0.0, -1.5, 65504.0, 2.0 ** -24, float("inf"), 0.333251953125, 2.0 ** -14]), pa.float16())
    there_and_back("float16", halves, pa.float32())
    texts = ["", "a", "twelve bytes", "thirteen bytes", "grüße \U0001F375 and more than that", "x" * 5000, "\0"] * 3
    for name in ("string", "large_string", "string_view"):
        there_and_back(name, pa.array(with_nulls(texts), getattr(pa, name)()), pa.string())
    blobs = [t.encode() + b"\xff" for t in texts]
    for name in ("binary", "large_binary", "binary_view"):
        there_and_back(name, pa.array(with_nulls(blobs), getattr(pa, name)()), pa.binary())
    there_and_back("fixed_size_binary", pa.array(with_nulls([b"abc", b"\0\0\0", b"xyz"] * 4), pa.binary(3)), pa.binary())
    there_and_back("null", pa.nulls(9), pa.null())


def decimals():
    for bits, precision, scale in [(32, 9, 2), (64, 18, 4), (128, 10, 2), (128, 38, 9), (256, 38, 0), (128, 5, 5), (256, 20, 3)]:
        unit = decimal.Decimal(1).scaleb(-scale)
        with decimal.localcontext() as context:
            context.prec = 60
            values = [n * unit for n in (0, 1, -1, 10 ** precision - 1, 1 - 10 ** precision, 7 * 10 ** (precision // 2))] * 3
        array = pa.array(with_nulls(values), getattr(pa, "decimal%d" % bits)(precision, scale))
        there_and_back("decimal%d_%d_%d" % (bits, precision, scale), array, pa.decimal128(precision, scale))


def times():
    days = [datetime.date(1970, 1, 1), datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1582, 10, 4)] * 3
    there_and_back("date32", pa.array(with_nulls(days), pa.date32()), pa.date32())
    there_and_back("date64", pa.array(with_nulls(days), pa.date64()), pa.date32())
    moments = [0, 1, -1, 1709251199, -2208988800, 4102444800] * 3
    for unit, factor, divisor in [("s", 10 ** 6, 1), ("ms", 1000, 1), ("us", 1, 1), ("ns", 1, 1000)]:
        numbers = with_nulls([m * (10 ** 6 // factor) * (1000 if unit == "ns" else 1) + (m % 7) for m in moments])
        micros = [n if n is None else n * factor // divisor for n in numbers]
        for zone, became in [(None, None), ("UTC", "UTC"), ("Asia/Tokyo", "UTC")]:
            array = pa.array(numbers, pa.int64()).cast(pa.timestamp(unit, zone))
            expected = pa.array(micros, pa.int64()).cast(pa.timestamp("us", became))
            there_and_back("timestamp_%s_%s" % (unit, zone), array, pa.timestamp("us", became), expected)
        there_and_back("duration_" + unit, pa.array(numbers, pa.int64()).cast(pa.duration(unit)), pa.duration("us"),
                       pa.array(micros, pa.int64()).cast(pa.duration("us")))
    with Job("Europe/Zurich") as job:
        got = job.query("SELECT TIMESTAMP '2024-07-01 12:00:00' AS t, INTERVAL '2-3' YEAR TO MONTH AS m")
    wanted = datetime.datetime(2024, 7, 1, 10, tzinfo=UTC)
    good = got.schema.field("t").type == pa.timestamp("us", "Europe/Zurich") and got.column(0)[0].as_py() == wanted
    report("session_zone", None if good else repr(got.schema))


def nested():
    lists = [[1, 2], [], None, [3, None], [4] * 50, [None]] * 3
    there_and_back("list", pa.array(lists, pa.list_(pa.int32())), pa.list_(pa.int32()))
    there_and_back("large_list", pa.array(lists, pa.large_list(pa.int32())), pa.list_(pa.int32()),
                   pa.array(lists, pa.list_(pa.int32())))
    for name, kind in [("list_view", pa.list_view(pa.int32())), ("large_list_view", pa.large_list_view(pa.int32()))]:
        there_and_back(name, pa.array(lists, kind), pa.list_(pa.int32()), pa.array(lists, pa.list_(pa.int32())))
    shuffled = pa.ListViewArray.from_arrays(pa.array([4, 0, 2, 0], pa.int32()), pa.array([2, 3, 0, 6], pa.int32()),
                                            pa.array(["a", "b", None, "d", "e", "f"]))
    there_and_back("list_view_overlapping", shuffled, pa.list_(pa.string()), pa.array(shuffled.to_pylist(), pa.list_(pa.string())))
    pairs = [[1.5, None], None, [2.0, 3.0], [0.0, -1.0]] * 2
    there_and_back("fixed_size_list", pa.array(pairs, pa.list_(pa.float64(), 2)), pa.list_(pa.float64()),
                   pa.array(pairs, pa.list_(pa.float64())))
    kind = pa.struct([("a", pa.int64()), ("b", pa.struct([("c", pa.string()), ("d", pa.list_(pa.bool_()))]))])
    structs = [{"a": 1, "b": {"c": "x", "d": [True, None]}}, None, {"a": None, "b": None}, {"a": 4, "b": {"c": None, "d": []}}] * 3
    there_and_back("struct", pa.array(structs, kind), kind)
    kind = pa.map_(pa.string(), pa.list_(pa.int64()))
    maps = [[("k", [1]), ("a longer key than twelve", None)], [], None, [("z", [])]] * 3
    there_and_back("map", pa.array(maps, kind), kind)
    words = pa.array(["red", "green", None, "red", "a colour without a name", "green"] * 3)
    for index in (pa.int8(), pa.uint16(), pa.int32(), pa.int64()):
        there_and_back("dictionary_%s" % index, pa.DictionaryArray.from_arrays(pa.array(
            [0, 1, None, 2, 1, 0, 3, 1], index), words[1:5]), pa.string())


def random_tables():
    """Nested columns of random shape, 200 rows each."""
    dice = random.Random(7)
    makers = {pa.int32(): lambda: dice.randrange(-99, 99), pa.string(): lambda: "v" * dice.randrange(30), pa.bool_(): lambda: dice.random() < .5}

    def shape(depth):
        kind = dice.randrange(6) if depth < 3 else dice.randrange(3)
        if kind < 3:
            return list(makers)[kind]
        if kind == 3:
            return pa.list_(shape(depth + 1))
        if kind == 4:
            return pa.map_(pa.string(), shape(depth + 1))
        return pa.struct([("f%d" % i, shape(depth + 1)) for i in range(dice.randrange(1, 4))])

    def value(kind):
        if dice.random() < .15:
            return None
        if kind in makers:
            return makers[kind]()
        if pa.types.is_list(kind):
            return [value(kind.value_type) for _ in range(dice.randrange(4))]
        if pa.types.is_map(kind):
            return [("k%d" % i, value(kind.item_type)) for i in range(dice.randrange(3))]
        return {kind.field(i).name: value(kind.field(i).type) for i in range(kind.num_fields)}
    for i in range(12):
        kind = shape(0)
        there_and_back("random_%d" % i, pa.array([value(kind) for _ in range(200)], kind), kind)


def refused():
    cases = [("time32", pa.array([1], pa.time32("s")), "UNSUPPORTED_ARROWTYPE"),
             ("month_day_nano", pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "UNSUPPORTED_ARROWTYPE"),
             ("run_end_encoded", pa.RunEndEncodedArray.from_arrays([2], [1]), "UNSUPPORTED_ARROWTYPE"),
             ("dense_union", pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]),
              "UNSUPPORTED_ARROWTYPE")]
    for name, array, condition in cases:
        with Job() as job:
            try:
                job.append(b"r", pa.RecordBatch.from_arrays([array], ["c"]))
                report("refused_" + name, "it was taken")
            except Refused as why:
                report("refused_" + name, None if condition in str(why) else why)


def main():
    for group in (plain_types, decimals, times, nested, random_tables, refused):
        group()
    leaked = pa.total_allocated_bytes()
    report("released", "pyarrow still holds %d bytes" % leaked if leaked > 0 else None)
    return 1 if FAILED[0] else 0


if __name__ == "__main__":
    sys.exit(main())
