#!/usr/bin/env python3
"""Asks a real Spark about casts, text forms, time zones, decimals and DDL, and writes tests/columns/spark_answers.jsonl.

Needs pyspark 4.2: python3 tests/columns/record_spark.py > tests/columns/spark_answers.jsonl
Each line: {"kind": ..., "input": [...], "answer": text or null}; the tests ask Millrace the same.
"""
import json
import random
import struct
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

ZONE = "Europe/Zurich"
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.session.timeZone", ZONE)
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
dice = random.Random(42)


def emit(kind, inputs, answer):
    print(json.dumps({"kind": kind, "input": inputs, "answer": answer}, ensure_ascii=True))


def ask(kind, schema, rows, expression):
    """One query for all rows; the answer is the expression's value as text."""
    frame = spark.createDataFrame([(i, *row) for i, row in enumerate(rows)], "i INT, " + schema).coalesce(1)
    answers = frame.selectExpr("i", f"CAST(({expression}) AS STRING) AS answer").orderBy("i").collect()
    for row, answer in zip(rows, answers):
        emit(kind, [str(v) if not isinstance(v, (str, type(None))) else v for v in row], answer["answer"])


DATES = """2024|2024-1|2024-01|2024-1-2|2024-01-02|2024-01-02T|2024-01-02 |2024-01-02 xyz|2024-01-02Tgarbage|2024-01-02x
 2024-01-02|\t2024-01-02\n|+2024-01-02|-2024-01-02|--2024-01-02|0001-01-01|0000-01-01|0000-02-29|-0001-12-31|9999-12-31|10000-01-01
+10000-01-01|123456-01-01|1234567-01-01|12345678-01-01|5881580-07-11|5881580-07-12|-5877641-06-23|-5877641-06-22|999-01-01
24-01-02|2024-13-01|2024-00-01|2024-02-30|2023-02-29|2024-02-29|1900-02-29|2000-02-29|2024-001-01|2024-01-001|2024-01-
2024-|2024--01|2024-01-02-03|2024/01/02|20240102|2024-1-2 3:4:5|2024-01-02 03:04:05.6+01:00|epoch|now|today|T12:00|12:00
||  |-|+|2024-01-0a|2024-0x-01|02024-01-01|002024-01-01|2024-01-02\u00a0|\u20032024-01-02|\x7f2024-01-02|\x012024-01-02
1582-10-04|1582-10-10|1582-10-15|2024-04-31|2024-06-31|2024-12-31|2024-12-32|1970-01-01|1969-12-31|2024-01-02T03:04:05Z
2024 |2024-02 |2024T|2024-02T|2024-2-2T1|2024-01-02\x00|٢٠٢٤-01-01"""

TIMES = """2024|2024-1|2024-01|2024-1-2|2024-01-02|2024-01-02T|2024-01-02 |2024-01-02 x|2024-01-02 3|2024-01-02 03|2024-01-02T03
2024-01-02 03:|2024-01-02 03:4|2024-01-02 03:04|2024-01-02 03:04:|2024-01-02 03:04:5|2024-01-02 03:04:05|2024-01-02T03:04:05
2024-01-02t03:04:05|2024-01-02  03:04:05|2024-01-02 03:04:05.|2024-01-02 03:04:05.1|2024-01-02 03:04:05.12|2024-01-02 03:04:05.123
2024-01-02 03:04:05.1234|2024-01-02 03:04:05.12345|2024-01-02 03:04:05.123456|2024-01-02 03:04:05.1234567
2024-01-02 03:04:05.123456789|2024-01-02 03:04:05.1234567890123|2024-01-02 03:04:05,123|2024-01-02 03:04:05Z
2024-01-02 03:04:05z|2024-01-02 03:04:05 Z|2024-01-02 03:04:05  Z|2024-01-02 03:04:05UTC|2024-01-02 03:04:05 UTC
2024-01-02 03:04:05 Europe/Zurich|2024-01-02 03:04:05Europe/Zurich|2024-07-02 03:04:05.5 America/New_York|2024-01-02 03:04:05 europe/zurich
2024-01-02 03:04:05+01:00|2024-01-02 03:04:05-01:00|2024-01-02 03:04:05+1|2024-01-02 03:04:05+01|2024-01-02 03:04:05+1:00
2024-01-02 03:04:05+01:0|2024-01-02 03:04:05+1:0|2024-01-02 03:04:05+0100|2024-01-02 03:04:05+010|2024-01-02 03:04:05+01:00:30
2024-01-02 03:04:05+010030|2024-01-02 03:04:05+18:00|2024-01-02 03:04:05+18:01|2024-01-02 03:04:05-18:00|2024-01-02 03:04:05+19
2024-01-02 03:04:05.5+01:00|2024-01-02 03:04:05. +01:00|2024-01-02 03:04:05.+01:00|2024-01-02 03:04+01:00|2024-01-02 03:04 UTC
2024-01-02 03:04Z|2024-01-02 03Z|2024-01-02Z|2024-01-02+01:00|2024-01-02 03:04:05 GMT|2024-01-02 03:04:05 GMT+1
2024-01-02 03:04:05 GMT+01:00|2024-01-02 03:04:05 UTC-2|2024-01-02 03:04:05 UT+3|2024-01-02 03:04:05 UTC+|2024-01-02 03:04:05 CET
2024-01-02 03:04:05 PST|2024-01-02 03:04:05 EST|2024-01-02 03:04:05 MST|2024-01-02 03:04:05 HST|2024-01-02 03:04:05 BST
2024-01-02 03:04:05 IST|2024-01-02 03:04:05 PDT|2024-01-02 03:04:05 EST5EDT|2024-01-02 03:04:05 Etc/GMT+5|2024-01-02 03:04:05 Z0
2024-01-02 24:00:00|2024-01-02 23:59:60|2024-01-02 23:60:00|2024-01-02 25:00|2024-02-30 00:00:00|2024-13-01 00:00:00
0001-01-01 00:00:00|0000-01-01 00:00:00|-0001-01-01 00:00:00|9999-12-31 23:59:59.999999|10000-01-01 00:00:00|+10000-01-01 00:00:00
123456-01-01 00:00:00|1234567-01-01 00:00:00|294247-01-10 04:00:54.775807Z|294247-01-10 04:00:54.775808Z|-290308-12-21 19:59:05.224192Z
-290308-12-21 19:59:05.224191Z|294247-01-10 05:00:54.775807|2024-03-31 02:30:00|2024-03-31 02:00:00|2024-03-31 03:00:00|2024-10-27 02:30:00
2024-10-27 01:59:59|2024-10-27 03:00:00|1900-01-01 00:00:00|1853-07-16 00:00:00|1894-06-01 00:00:00|1582-10-10 00:00:00|2500-07-01 00:00:00
2500-01-01 00:00:00|2038-01-20 00:00:00|2100-03-28 02:30:00|9999-07-01 12:00:00|2024-01-02 003:04:05|2024-01-02 03:004:05|2024-01-02 -3:04:05
2024-1-2 3:4:5|2024-1-2T3:4:5.6Z| 2024-01-02 03:04:05 |\t2024-01-02 03:04:05\n|2024-01-02 03:04:05\u00a0|+2024-01-02 03:04:05|-2024-01-02 03:04:05
20240102|2024/01/02 03:04:05|1704164645|1704164645.5|epoch|now|||-|+|:|T|T:|2024-01-02 03:04:05 posix/UTC|2024-01-02 03:04:05 right/UTC
2024-01-02 03:04:05 ../../etc/localtime|2024-01-02 03:04:05 localtime|2024-01-02 03:04:05 Factory|2024-01-02 03:04:05 UCT|2024-01-02 03:04:05 Zulu
2024-01-02 03:04:05 US/Pacific|2024-01-02 03:04:05 GB|2024-01-02 03:04:05 Asia/Calcutta|2024-01-02 03:04:05 Asia/Kathmandu|2024-01-02 03:04:05 +5:3
2024-01-02 03:04:05 +05:45|2024-01-02 03:04:05 GMT0|2024-01-02 03:04:05 ROC|2024-01-02 03:04:05 W-SU|2024-01-02 03:04:05 X|2024-01-02 03:04:05 +
2024-01-02 03:04:05.123 +|2024-01-02 03:04:05-|2024-01-02 03:04:05 1|2024-01-02 03:04:05.5 1|2024-01-02 03:04:05.5:1|2024-01-02 03:04:05:06
2024-01-02 03:04:05 Europe|2024-01-02 03:04:05 zone.tab|2024-01-02 03:04:05 tzdata.zi|2024-01-02T03:04:05.000+00:00"""

DECIMALS = """0|-0|+0|1|-1|+1|1.|.5|-.5|.|-.||  | 1 |\t1\n|1.5|1.005|1.004999|1.994|1.995|-1.995|99999999.99|99999999.994|99999999.995|-99999999.995
100000000|1e2|1E2|1e+2|1e-2|1e-3|5e-3|4.9e-3|1e|1e+|e5|1e5.5|1e400|1e-400|0e400|0e-5|1e99999999999
1e00000000000002|1_000|1,000|0x10|1d|1f|1.5d|NaN|Infinity|inf|--1|+-1|1 2|00000000000000000000000000000000000000000001.5|1.00000000000000000000000000000000000000000001
0.00000000000000000000000000000000000001|0.005|0.0049999999999999999999999999999999999999999999999999999|123456789012345678901234567890|1e38|1.5\x00|1\u00a0"""

WIDE = """12345678901234567890123456789012345678|99999999999999999999999999999999999999|100000000000000000000000000000000000000|99999999999999999999999999999999999999.4
99999999999999999999999999999999999999.5|-99999999999999999999999999999999999999|1e37|1e38|0.1e38|123456789.987654321"""

ZONES = """UTC GMT Z Europe/Zurich Europe/London Europe/Dublin America/New_York America/Los_Angeles America/Sao_Paulo Asia/Kolkata Asia/Kathmandu
Asia/Tokyo Australia/Sydney Australia/Lord_Howe Pacific/Apia Pacific/Chatham Africa/Cairo Asia/Tehran Asia/Jerusalem
America/Nuuk America/Santiago Antarctica/Troll +05:30 -03:00 GMT+2 UTC-7""".split()

DDL = """a INT|a int, b string|a BIGINT NOT NULL, b STRING COMMENT 'x'|`a b` INT|`a``b` INT|a INT NOT NULL COMMENT "it's"|a DECIMAL|a DECIMAL(10)|a DECIMAL(10,2)
a DECIMAL(39,2)|a dec(5, 1), b numeric(6)|a TINYINT, b BYTE, c SMALLINT, d SHORT, e LONG, f INTEGER, g REAL
a FLOAT, b DOUBLE, c BOOLEAN, d BINARY, e DATE, f TIMESTAMP, g TIMESTAMP_NTZ, h TIMESTAMP_LTZ|a ARRAY<INT>|a ARRAY<ARRAY<INT>>|a MAP<STRING, INT>
a MAP<STRING,ARRAY<DOUBLE>>|a STRUCT<b: INT, c: STRING>|a STRUCT<b INT, c STRING>|a STRUCT<b: INT NOT NULL COMMENT 'q'>|a STRUCT<>
a struct<struct: int>|struct INT|array INT|a VOID|a|a INT,|a INT b STRING|, a INT|a FOO|a INT NULL|a INT NOT|a INT COMMENT|a ARRAY|a ARRAY<>
a MAP<INT>|a INTERVAL YEAR TO MONTH|a INTERVAL DAY TO SECOND|a INTERVAL DAY TO MONTH|a INTERVAL YEAR|a INTERVAL MONTH|a INTERVAL DAY|a INTERVAL HOUR TO MINUTE|a INTERVAL MINUTE TO SECOND|a INTERVAL SECOND TO DAY|a INT(5)|1a INT|1 INT|a.b INT|a-b INT|_a INT|a$ INT|é INT|select INT|date DATE, timestamp TIMESTAMP|a STRING COMMENT 'x\\'y'|  a   INT  |a INT -- c|a /* x */ INT|a MAP|a STRUCT|é
a\tINT, b STRING|`` INT|a INT DEFAULT 5|A INT, a INT|a Int|a ARRAY<STRUCT<x: INT, y: MAP<STRING, DECIMAL(3,1)>>>"""


def lines(text, decode=False):
    items = [item for line in text.split("\n") for item in line.split("|")]
    return [item.encode().decode("unicode_escape") if decode and item.isascii() else item for item in items]


def doubles():
    values = [0.0, -0.0, 1.0, -1.0, 0.1, 0.001, 0.0001, 9999999.0, 1e7, 1.5e7, 123456.789, 1e10, 1e16, 1e17, 1e21, 1e22, 1e23,
              5e-324, 1e-323, 1.5e-323, 2e-323, 1e-322, 2.2250738585072014e-308, 1.7976931348623157e308, float("nan"), float("inf"),
              float("-inf"), 0.3, 2 / 3, 1 / 3, 100.0, 12345678.0, 1234567.0, 9007199254740993.0, 2.0**60, 4.35, 1.1, 0.5e-3, 1e-3,
              0.00099999, 9.999999e6, 2e-3, 1.2e-3, 123e-7]
    for _ in range(60):
        values.append(struct.unpack("<d", struct.pack("<Q", dice.getrandbits(64)))[0])
    for _ in range(40):
        values.append(round(dice.uniform(-1e6, 1e6), dice.randrange(1, 8)))
    return values


def instants():
    values = [0, -1, 1704164645123456, -62135596800000000, 253402300799999999, 32503680000000000, 4102444800000000]
    for year in (1883, 1900, 1918, 1942, 1969, 1985, 2007, 2023, 2024, 2037, 2038, 2100, 2437, 2438, 2500, 2900, 5000):
        for month in (1, 3, 4, 7, 10, 11):
            days = (year - 1970) * 365.2425 + month * 30.4 + dice.uniform(0, 25)
            values.append(int(days * 86400) * 1000000 + dice.randrange(1000000))
    return values


def main():
    for text in (lines(DATES, True),):
        ask("date", "x STRING", [(t,) for t in text], "try_cast(x AS DATE)")
        ask("date_days", "x STRING", [(t,) for t in text], "unix_date(try_cast(x AS DATE))")
    times = [(t,) for t in lines(TIMES, True)]
    ask("timestamp", "x STRING", times, "unix_micros(try_cast(x AS TIMESTAMP))")
    ask("timestamp_ntz", "x STRING", times, "try_cast(x AS TIMESTAMP_NTZ)")
    for p, s in ((10, 2), (38, 0), (38, 38), (38, 10), (18, 18), (5, 5)):
        rows = [(t, p, s) for t in lines(DECIMALS, True) + lines(WIDE)]
        ask("decimal", "x STRING, p INT, s INT", rows, f"try_cast(x AS DECIMAL({p},{s}))")
    ask("double_text", "x DOUBLE", [(v,) for v in doubles()], "x")
    ask("double_decimal", "x DOUBLE", [(v,) for v in doubles()], "try_cast(x AS DECIMAL(20,4))")
    floats = [(struct.unpack("<f", struct.pack("<I", dice.getrandbits(32)))[0],) for _ in range(60)]
    floats += [(v,) for v in (0.0, -0.0, 1.0, 0.1, 1e10, 16777216.0, 3.4028234663852886e38, 1.401298464324817e-45, 2.802596928649634e-45)]
    ask("float_text", "x FLOAT", floats, "x")
    for unit in ("DAY", "HOUR", "MINUTE", "SECOND", "DAY TO HOUR", "DAY TO MINUTE", "HOUR TO SECOND", "MINUTE TO SECOND", "DAY TO SECOND"):
        rows = [(v,) for v in (0, 1, -1, 93784500000, -93784500000, 86400000000, 3600000000, 59999999, 100000000000000)]
        day_time = f"CAST(make_dt_interval(0, 0, 0, x / 1000000) AS INTERVAL {unit})"
        ask(f"interval {unit}", "x BIGINT", rows, f"concat(CAST({day_time} AS STRING), ' ', CAST(CAST({day_time} AS INTERVAL DAY TO SECOND) AS STRING))")
    for unit in ("YEAR", "MONTH", "YEAR TO MONTH"):
        year_month = f"CAST(make_ym_interval(0, x) AS INTERVAL {unit})"
        ask(f"interval {unit}", "x INT", [(v,) for v in (0, 1, -1, 14, -14, 12, 1200)], f"concat(CAST({year_month} AS STRING), ' ', CAST(CAST({year_month} AS INTERVAL YEAR TO MONTH) AS STRING))")
    ask("date_text", "x INT", [(d,) for d in (0, -1, 19724, -719162, -719163, -719528, -719529, -1000000, 2932896, 2932897, 40000000, 2147483647, -2147483648)], "date_from_unix_date(x)")
    ask("timestamp_text", "x BIGINT", [(v,) for v in instants()], "timestamp_micros(x)")
    extreme = [9223372036854775807 - 86400000000, -9223372036854775808 + 86400000000, -62167219200000000, -62167219200000001, 253402300800000000, 1, 10, 100, 1500000, 120000]
    ask("timestamp_text", "x BIGINT", [(v,) for v in extreme], "timestamp_micros(x)")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    for zone in ZONES:
        ask("to_local", "x BIGINT, z STRING", [(v, zone) for v in instants()[7::5]], "unix_micros(from_utc_timestamp(timestamp_micros(x), z))")
        ask("to_utc", "x BIGINT, z STRING", [(v, zone) for v in instants()[8::5]], "unix_micros(to_utc_timestamp(timestamp_micros(x), z))")
    gaps = [f"{y}-{d} {h}" for y in (2024, 2500) for d in ("03-31", "03-10", "10-27", "11-03", "10-06", "04-07") for h in ("00:30:00", "01:30:00", "02:15:00", "02:30:00", "03:30:00")]
    for zone in ("Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "Pacific/Apia"):
        ask("to_utc_text", "x STRING, z STRING", [(g, zone) for g in gaps], "unix_micros(to_utc_timestamp(x, z))")
    ask("to_utc_text", "x STRING, z STRING", [(f"2011-12-{d} 12:00:00", "Pacific/Apia") for d in (29, 30, 31)], "unix_micros(to_utc_timestamp(x, z))")
    spark.conf.set("spark.sql.session.timeZone", ZONE)
    decimals()
    values()
    struct_type = spark._jvm.org.apache.spark.sql.types.StructType
    for text in lines(DDL):
        try:
            emit("ddl", [text], struct_type.fromDDL(text).json())
        except Exception as error:
            emit("ddl", [text], "ERROR " + (getattr(error, "getCondition", lambda: None)() or type(error).__name__))
    types = ["DECIMAL(10,2)", "ARRAY<STRUCT<`a b`: INT NOT NULL, c: MAP<STRING, DATE>>>", "STRUCT<a: INT COMMENT 'x', b: TIMESTAMP_NTZ>", "INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH", "VOID", "STRUCT<a.b: INT>"]
    for text in types[:-1]:
        kind = T._parse_datatype_string(f"q {text}").fields[0].dataType
        jvm = spark._jvm.org.apache.spark.sql.types.DataType.fromJson(kind.json())
        emit("type_text", [text], jvm.sql())
        emit("type_simple", [text], jvm.simpleString())


def decimals():
    """Products and quotients at Spark's own result types."""
    cases = [("1", 1, 0, "3", 1, 0), ("2", 1, 0, "3", 1, 0), ("10", 2, 0, "4", 1, 0), ("-1", 1, 0, "8", 1, 0), ("0", 5, 2, "7", 5, 2)]
    shapes = [(5, 2), (10, 2), (18, 4), (18, 18), (20, 10), (38, 0), (38, 10), (38, 18), (38, 37), (30, 30), (38, 38)]
    for _ in range(400):
        row = []
        for _ in range(2):
            p, s = dice.choice(shapes)
            digits = str(dice.randrange(10 ** dice.randrange(1, p + 1))).rjust(s + 1, "0")
            if dice.random() < 0.2:
                digits = "9" * len(digits)
            text = digits[: len(digits) - s] + ("." + digits[len(digits) - s:] if s else "")
            text = text if int(digits) < 10**p else "0"
            row += [("-" if dice.random() < 0.3 else "") + text, p, s]
        cases.append(tuple(row))
    columns = []
    for i, (a, p, s, b, q, t) in enumerate(cases):
        x, y = f"CAST('{a}' AS DECIMAL({p},{s}))", f"CAST('{b}' AS DECIMAL({q},{t}))"
        columns += [f"try_multiply({x}, {y}) AS m{i}", f"try_divide({x}, {y}) AS d{i}"]
    for start in range(0, len(columns), 80):
        frame = spark.range(1).selectExpr(*columns[start:start + 80])
        row = frame.collect()[0]
        for field in frame.schema.fields:
            case = cases[int(field.name[1:])]
            value = row[field.name]
            inputs = [str(v) for v in case] + [str(field.dataType.precision), str(field.dataType.scale)]
            emit("multiply" if field.name[0] == "m" else "divide", inputs, None if value is None else format(value, f".{field.dataType.scale}f"))


def values():
    """Casts to string and to_json of nested values; the test builds the same values by hand."""
    row = spark.sql("""SELECT named_struct('a', 1, 'b', CAST(NULL AS STRING), 'c', array(1.5D, NULL, double('NaN')), 'd', map('k', 1, 'q', NULL),
        'e', DATE'2024-01-02', 'f', TIMESTAMP'2024-07-02 03:04:05.678901', 'g', TIMESTAMP_NTZ'2024-01-02 03:04:05', 'h', X'00FF41', 'i', 12.340BD,
        'j', true, 'k', CAST(1 AS FLOAT), 'l', INTERVAL '1 02:03:04.5' DAY TO SECOND, 'm', INTERVAL '-1-2' YEAR TO MONTH, 'n', named_struct('x', NULL),
        'o', array(named_struct('y', 'q\\"\\\\ \\n\\u00e9/')), 'p', 1e10D, 'q', CAST(0 AS DECIMAL(20,10)), 'r', CAST('-0.0000012' AS DECIMAL(20,8)), 's', CAST('0.000001' AS DECIMAL(20,6))) AS v""")
    row.createOrReplaceTempView("v")
    one = spark.sql("""SELECT CAST(struct(v.a, v.b, v.c, v.d, v.e, v.f, v.g, v.i, v.j, v.k, v.l, v.m, v.n, v.p, v.q, v.r, v.s) AS STRING) AS text, to_json(v) AS json,
        to_json(v, map('ignoreNullFields', 'false')) AS full FROM v""").collect()[0]
    emit("value_text", [], one["text"])
    emit("value_json", [], one["json"])
    emit("value_json_full", [], one["full"])


main()
spark.stop()
sys.stdout.flush()
