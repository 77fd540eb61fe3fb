#!/usr/bin/env python3
"""Parquet files of many writers, each with its rows as JSON: every file is read as the JSON says, or refused by the name of what
is not supported.

usage: parquet_corpus.py [PARQUET_TOOL] [FOLDER]     (defaults: $BUILD/parquet_tool, ../shared/data/parquet)

The JSON was printed by a JavaScript reader: 64-bit integers and decimals may be rounded, bytes stand as text, times as ISO texts. Where
it cannot hold the value, pyarrow is asked instead.
"""
import datetime
import glob
import json
import math
import os
import subprocess
import sys

TOOL = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ.get("BUILD", ".build/release"), "parquet_tool")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, "../shared/data/parquet")

REFUSED = {  # what is not supported, as the message must name it
    "brotli_compressed": "BROTLI",
    "byte_stream_split_extended.gzip": "FLOAT16",
    "duckdb4442": "TIMESTAMP(NANOS)",
    "float16_nonzeros_and_nans": "FLOAT16",
    "geospatial": "GEOMETRY",
    "uuid": "UUID",
    "shredded-array": "VARIANT",
    "shredded-bool": "VARIANT",
    "shredded-int": "VARIANT",
    "shredded-nested-object": "VARIANT",
    "shredded-object": "VARIANT",
    "shredded-partial-object": "VARIANT",
    "shredded-sparse-timestamp": "VARIANT",
    "shredded-type-mismatch": "VARIANT",
}


def micros(text):
    if text[:1] in "+-":  # a year of six digits: moved by whole cycles of 400 years, which are 146,097 days
        year = int(text[:7])
        cycles = (year - 2000) // 400
        return micros("%04d%s" % (year - 400 * cycles, text[7:])) + cycles * 146097 * 86400000000
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    delta = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds


def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        try:
            return float(str(value).replace("Infinity", "inf"))
        except ValueError:
            return None
    return float(value)


def hex_of(value):
    """Bytes as the JSON shows them: as text, or as an object or list of numbers."""
    if isinstance(value, str):
        return {value.encode().hex(), value.encode("latin-1", "replace").hex()}
    if isinstance(value, dict) and all(k.isdigit() for k in value):
        return {bytes(value[k] for k in sorted(value, key=int)).hex()}
    if isinstance(value, list) and all(isinstance(v, int) and 0 <= v < 256 for v in value):
        return {bytes(value).hex()}
    return set()


def is_map(ours, theirs):
    return isinstance(ours, list) and isinstance(theirs, dict) and all(isinstance(p, list) and len(p) == 2 for p in ours)


def same(ours, theirs):
    if ours is None or theirs is None:
        return ours is None and theirs is None
    if is_map(ours, theirs):
        return len(ours) == len(theirs) and all(str(k) in theirs and same(v, theirs[str(k)]) for k, v in ours)
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(same(v, theirs.get(k)) for k, v in ours.items())
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs))
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours == theirs
    if ours == theirs:
        return True
    if isinstance(ours, str) and ours in hex_of(theirs):
        return True
    if isinstance(ours, int) and isinstance(theirs, str):
        try:
            return micros(theirs) in (ours, ours * 86400000000)
        except ValueError:
            pass
    a, b = number(ours), number(theirs)
    if a is None or b is None:
        return False
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def as_text(value):
    """Both readers' values in one form, coarse but complete."""
    if isinstance(value, dict):
        return {k: as_text(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_text(v) for v in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return micros(value.isoformat())
    if isinstance(value, datetime.date):
        return (value - datetime.date(1970, 1, 1)).days
    return value


class Skip(Exception):
    pass


def same_as_pyarrow(path, rows):
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise Skip("the JSON cannot hold its rows, and %s has no pyarrow to ask instead" % sys.executable)
    theirs = pq.ParquetFile(path).read().to_pylist()
    for index, (ours, row) in enumerate(zip(rows, theirs)):
        for column in ours:
            if not same(ours[column], as_text(row[column])):
                return "row %d, column %s: %.100r, not %.100r" % (index, column, ours[column], as_text(row[column]))
    return None if len(rows) == len(theirs) else "%d rows, not %d" % (len(rows), len(theirs))


def check(path):
    name = os.path.basename(path)[:-len(".parquet")]
    problems = []
    for at_once in ("1000", "3"):
        done = subprocess.run([TOOL, "rows", os.path.abspath(path), at_once], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode not in (0, 1):
            return "exit status %d: %s" % (done.returncode, said)
        if name in REFUSED:
            return None if done.returncode == 1 and REFUSED[name] in said else "not refused by the name of %s: %s" % (REFUSED[name], said)
        if done.returncode == 1:
            return said
        rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
        with open(path[:-len("parquet")] + "json") as f:
            expected = json.load(f)
        if len(rows) != len(expected):
            problems.append("%d rows, not %d" % (len(rows), len(expected)))
        for index, (ours, theirs) in enumerate(zip(rows, expected)):
            theirs = theirs if isinstance(theirs, list) else list(theirs.values())
            for column, value in zip(ours, theirs):
                if not same(ours[column], value):
                    problems.append("row %d, column %s: %.100r, not %.100r" % (index, column, ours[column], value))
        if problems:  # the JSON may be what is wrong
            try:
                other = same_as_pyarrow(path, rows)
            except Skip:
                raise
            except Exception as e:
                other = "pyarrow: %s" % str(e)[:100]
            if other is not None:
                return problems[0] + "; and against pyarrow: " + other
    return None


def main():
    files = sorted(glob.glob(os.path.join(FOLDER, "*.parquet")))
    if not files:
        print("skip parquet_corpus: no files in %s" % FOLDER)
        return 0
    failures = 0
    for path in files:
        name = "parquet_corpus_" + os.path.basename(path)[:-len(".parquet")]
        try:
            problem = check(path)
        except Skip as e:
            print("skip %s: %s" % (name, e))
            continue
        except Exception as e:
            problem = "%s: %s" % (type(e).__name__, e)
        failures += problem is not None
        print("ok " + name if problem is None else "not ok %s: %s" % (name, problem.replace("\n", " ")[:500]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
