#!/usr/bin/env python3
"""Records what Spark makes of small files: reads cases/<format>_cases.py, asks pyspark, writes cases/<format>.jsonl.
usage: record.py [--again] json|csv|text|infer …      (needs pyspark; the recorded files are what the tests read)
Questions that have their answer keep it; --again asks all of them."""
import datetime
import decimal
import importlib
import json
import os
import re
import shutil
import struct
import sys
import tempfile

os.environ["TZ"] = "UTC"
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql import types as T  # noqa: E402

EPOCH = datetime.datetime(1970, 1, 1)


def render(value, kind):
    if value is None:
        return None
    if isinstance(kind, (T.DoubleType, T.FloatType)):
        return "f64:" + struct.pack(">d", value).hex()
    if isinstance(kind, T.DecimalType):
        return format(value, "f")
    if isinstance(kind, (T.TimestampType, T.TimestampNTZType)):
        delta = value.replace(tzinfo=None) - EPOCH
        return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds
    if isinstance(kind, T.DateType):
        return (value - datetime.date(1970, 1, 1)).days
    if isinstance(kind, T.BinaryType):
        return "hex:" + bytes(value).hex()
    if isinstance(kind, T.ArrayType):
        return [render(v, kind.elementType) for v in value]
    if isinstance(kind, T.MapType):
        return [[render(k, kind.keyType), render(v, kind.valueType)] for k, v in value.items()]
    if isinstance(kind, T.StructType):
        return [render(v, f.dataType) for v, f in zip(value, kind.fields)]
    return value


def conditions(problem):
    names = []
    text = str(problem)
    java = getattr(problem, "_origin", None)
    while java is not None and len(names) < 10:
        try:
            text += "\n[" + java.getCondition() + "]"
        except Exception:
            pass
        text += "\n" + str(java.toString())
        java = java.getCause()
    for name in re.findall(r"\[([A-Z][A-Z0-9_.]+)\]", text):
        if name not in names:
            names.append(name)
    return names or [re.sub(r"\s+", " ", text)[:200]]


def ask(spark, case, folder):
    path = os.path.join(folder, case.get("file", "data"))
    data = bytes.fromhex(case["hex"]) if "hex" in case else case["input"].encode("utf-8")
    with open(path, "wb") as out:
        out.write(data)
    options = case.get("options", {})
    try:
        reader = spark.read.options(**options)
        if "schema" in case:
            reader = reader.schema(case["schema"])
        frame = reader.format(case["format"]).load(path)
        if "select" in case:
            frame = frame.selectExpr(*case["select"])
        answer = {}
        if "schema" not in case:
            answer["schema"] = frame.schema.simpleString()
        if not case.get("schema_only"):
            frame = frame.cache() if case.get("cache") else frame
            answer["rows"] = [[render(v, f.dataType) for v, f in zip(row, frame.schema.fields)] for row in frame.collect()]
        return answer
    except Exception as problem:  # whatever Spark says is the answer
        return {"error": conditions(problem)}


def main():
    spark = (SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false")
             .config("spark.log.level", "OFF").config("spark.driver.memory", "2g").getOrCreate())
    here = os.path.dirname(os.path.abspath(__file__))
    for kind in [a for a in sys.argv[1:] if a != "--again"]:
        cases, path, known = importlib.import_module(kind + "_cases").CASES, os.path.join(here, kind + ".jsonl"), {}
        if os.path.exists(path) and "--again" not in sys.argv:
            with open(path) as old:
                answered = [json.loads(line) for line in old]
            known = {json.dumps(dict(c, expected=None)): c["expected"] for c in answered}
        with open(path, "w") as out:
            for case in cases:
                case = dict(case, expected=None)
                case["expected"] = known.get(json.dumps(case))
                if case["expected"] is None:
                    folder = tempfile.mkdtemp(prefix="record_")
                    case["expected"] = ask(spark, case, folder)
                    shutil.rmtree(folder)
                out.write(json.dumps(case, ensure_ascii=True) + "\n")
        print("%s: %d cases" % (kind, len(cases)))
    spark.stop()


if __name__ == "__main__":
    main()
