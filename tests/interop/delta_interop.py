#!/usr/bin/env python3
"""Delta tables that we write are opened by delta-rs, pyarrow, DuckDB and Spark, also after log checkpoints; what these write into
them, or into tables of their own, is read by us, and we go on appending.

usage: delta_interop.py [DELTA_TOOL]      (default: $BUILD/delta_tool)

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why". Spark needs Delta's jars: a folder in $DELTA_JARS, else .build/delta-jars, which
is filled by Maven when it can be. MILLRACE_SKIP_SPARK=1 leaves Spark out (loudly).
"""
import collections
import datetime
import decimal
import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

TOOL = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ.get("BUILD", ".build/release"), "delta_tool")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPOCH = datetime.datetime(1970, 1, 1)
TEXTS = ["plain", "a b/c%d=e", "é😀 \"q\"", "", "x'y:z?&+#", "a rather long text that is longer than the thirty-two characters Spark keeps 😀"]
failures = 0


def report(name, problem=None):
    global failures
    failures += problem is not None
    print("not ok %s: %s" % (name, str(problem).replace("\n", " ")[:900]) if problem is not None else "ok " + name, flush=True)


def check(name, work):
    started = time.time()
    try:
        problem = work()
    except Exception as trouble:  # whatever a reader throws is the finding
        problem = "%s: %s" % (type(trouble).__name__, trouble)
    if time.time() - started > 20:
        print("  %s took %.0f s" % (name, time.time() - started))
    report(name, problem)


def tool(*arguments):
    done = subprocess.run([TOOL] + [str(a) for a in arguments], capture_output=True)
    if done.returncode != 0:
        raise RuntimeError("delta_tool %s: %s" % (" ".join(map(str, arguments)), done.stderr.decode()))
    return done.stdout.decode().splitlines()


def fixed(number, scale):
    return format(number.quantize(decimal.Decimal(1).scaleb(-scale), context=decimal.Context(prec=60)), "f")


# ---- what row n of the tool's tables holds, as canonical values: times in microseconds, dates in days, decimals as text, bytes as hex ----
def value(name, kind, n):
    if name != "id" and (n + ord(name[0])) % 5 == 0:
        return None
    if kind == "arr":
        return [n + i for i in range(n % 4)]
    if kind == "m":
        return sorted(["k%d" % i, n * 10 + i] for i in range(n % 4))
    if kind == "n":
        inner = None if (n + ord("y")) % 5 == 0 else {"z": value("z", "st", n)}
        return {"x": value("x", "i", n), "y": inner}
    return {
        "id": lambda: n, "b": lambda: n % 2 == 0, "t": lambda: n % 256 - 128, "s": lambda: n * 7 % 65536 - 32768,
        "i": lambda: n * 1000003 % 4294967296 - 2147483648, "f": lambda: n / 4 - 10, "d": lambda: n / 8 - 100,
        "dec": lambda: fixed(decimal.Decimal(n * 101 - 5000).scaleb(-2), 2),
        "money": lambda: fixed(decimal.Decimal(n * 101).scaleb(-2), 2),  # delta-rs prints negative ones as "-7.-58"
        "big": lambda: fixed(decimal.Decimal(n * 10**17 - 5).scaleb(-5), 5),
        "st": lambda: TEXTS[n % 6], "bin": lambda: struct.pack("<q", n)[:n % 8].hex(),
        "da": lambda: n * 37 - 20000, "ts": lambda: n * 1000000000123 - 500000000000000,
    }[kind]()


COLUMNS = {
    "plain": {"id": "id", "st": "st", "p": "st"},
    "ntz": {"id": "id", "nt": "ts", "p": "ts"},
    "keys": {"id": "id", "p": "st", "b": "b", "t": "t", "i": "i", "d": "d", "dec": "money", "da": "da", "ts": "ts"},
    "types": {"id": "id", "b": "b", "t": "t", "s": "s", "i": "i", "f": "f", "d": "d", "dec": "dec", "big": "big", "st": "st",
              "bin": "bin", "da": "da", "ts": "ts", "arr": "arr", "m": "m", "n": "n", "p": "st"},
}


def expected(schema, first, rows, partitions=()):
    out = []
    for n in range(first, first + rows):
        row = {name: value(name, kind, n) for name, kind in COLUMNS[schema].items()}
        for name in partitions:  # an empty text cannot be a partition value: it is NULL
            row[name] = None if row[name] == "" else row[name]
        out.append(row)
    return out


def canonical(v):
    if v is None or isinstance(v, (bool, int, str)):
        return v
    if isinstance(v, float):
        return int(v) if v == int(v) and abs(v) < 2**53 else v
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, datetime.datetime):
        delta = v.replace(tzinfo=None) - EPOCH
        return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds
    if isinstance(v, datetime.date):
        return (v - EPOCH.date()).days
    if isinstance(v, dict):
        return {k: canonical(x) for k, x in v.items()}
    return [canonical(x) for x in v]


def multiset(rows):
    return collections.Counter(json.dumps({k: canonical(v) for k, v in row.items()}, sort_keys=True) for row in rows)


def differ(got, wanted):
    got, wanted = multiset(got), multiset(wanted)
    if got == wanted:
        return None
    return "%d rows, %d expected; only got %s; only expected %s" % (
        sum(got.values()), sum(wanted.values()), list((got - wanted).items())[:1], list((wanted - got).items())[:1])


def arrow_rows(table):
    rows = table.to_pylist()
    maps = [f.name for f in table.schema if str(f.type).startswith("map")]
    for row in rows:
        for name in maps:
            row[name] = None if row[name] is None else sorted(list(pair) for pair in row[name])
    return rows


# ---- readers ----
def read_delta_rs(path):
    import deltalake
    return arrow_rows(deltalake.DeltaTable(path).to_pyarrow_table())


def duckdb_sums(path):
    import deltalake
    import duckdb
    dataset = deltalake.DeltaTable(path).to_pyarrow_dataset()
    return duckdb.from_arrow(dataset).aggregate("count(*), sum(id), count(p)").limit(1).fetchall()[0]


def our_rows(path, command="rows", *more):
    """Parsed, with the types of the table as delta-rs sees them bringing texts back to values."""
    import base64
    import deltalake
    types = {f.name: str(f.type) for f in deltalake.DeltaTable(path).schema().fields}
    rows = []
    for line in tool(command, path, *more):
        row = json.loads(line, parse_float=decimal.Decimal)
        for name, kind in types.items():
            v = row.get(name)
            if v is None:
                continue
            if "timestamp" in kind:
                row[name] = datetime.datetime.fromisoformat(v if "." not in v else v.split(".")[0] + "." + v.split(".")[1].ljust(6, "0"))
            elif '"date"' in kind:
                row[name] = datetime.date.fromisoformat(v)
            elif '"binary"' in kind:
                row[name] = base64.b64decode(v)
            elif '"float"' in kind or '"double"' in kind:
                row[name] = float(v)
            elif "decimal" in kind:
                scale = int(kind.split("decimal(")[1].split(",")[1].split(")")[0])
                row[name] = fixed(decimal.Decimal(v), scale)
            elif "MapType" in kind or kind.startswith("map"):
                row[name] = sorted([k, x] for k, x in v.items())
        rows.append(row)
    return rows


def check_statistics(path):
    """Every bound in the log is one of the file's rows, numRecords and nullCount are exact."""
    import deltalake
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    table = deltalake.DeltaTable(path)
    actions = table.get_add_actions(flatten=True)
    rows = actions.to_pylist() if hasattr(actions, "to_pylist") else __import__("pyarrow").table(actions).to_pylist()
    bounds = 0
    for add in rows:
        data = pq.read_table(os.path.join(path, urllib.parse.unquote(add["path"])), partitioning=None)
        if add["num_records"] != data.num_rows:
            return "%s: numRecords %s, %d rows" % (add["path"], add["num_records"], data.num_rows)
        for name in data.column_names:
            column = data[name]
            nulls = add.get("null_count." + name)
            if nulls is not None and nulls != column.null_count:
                return "%s.%s: nullCount %s, %d in fact" % (add["path"], name, nulls, column.null_count)
            low, high = add.get("min." + name), add.get("max." + name)
            if low is None or column.null_count == len(column):
                continue
            extremes = pc.min_max(column).as_py()
            bounds += 1
            least, most = extremes["min"], extremes["max"]
            if isinstance(least, datetime.datetime):
                least, most, low, high = (canonical(v) for v in (least, most, low, high))
            if isinstance(least, str):
                least, most, low, high = (v.encode() for v in (least, most, low, high))
            if not (low <= least and most <= high):
                return "%s.%s: bounds %s..%s do not hold %s..%s" % (add["path"], name, low, high, least, most)
    return None if bounds > 20 else "only %d bounds were there to be checked" % bounds


# ---- tables of ours ----
def ours(scratch, name, schema, partitions, batches=25, rows=40):
    path = os.path.join(scratch, name)
    options = ["schema=" + schema] + (["partitionColumns=" + ",".join(partitions)] if partitions else [])
    query = uuid.uuid4()
    tool("write", path, query, 0, rows, batches, *options)
    return path, query, expected(schema, 0, rows * batches, partitions)


def test_ours(scratch, spark):
    for name, schema, partitions in [("flat", "types", []), ("by_text", "types", ["p"]), ("by_time", "ntz", ["p"]),
                                     ("by_keys", "keys", ["p", "b", "t", "i", "d", "dec", "da", "ts"])]:
        batches = 25 if name != "by_keys" else 3
        path, query, rows = ours(scratch, name, schema, partitions, batches)
        if name in ("flat", "by_text"):
            check("ours_%s_has_log_checkpoints" % name,
                  lambda: None if glob.glob(path + "/_delta_log/*.checkpoint.parquet") else "none was written")
        check("ours_%s_by_delta_rs" % name, lambda: differ(read_delta_rs(path), rows))
        check("ours_%s_by_ourselves" % name, lambda: differ(our_rows(path), rows))
        check("ours_%s_as_stream" % name, lambda: differ(our_rows(path, "stream"), rows))
        check("ours_%s_by_duckdb" % name, lambda: None if duckdb_sums(path)[:2] == (len(rows), sum(r["id"] for r in rows)) else "other sums")
        check("ours_%s_statistics" % name, lambda: check_statistics(path)) if name != "by_keys" and name != "by_time" else None
        if spark:
            check("ours_%s_by_spark" % name, lambda: differ(spark.rows(path), rows))
        tool("checkpoint", path)
        for old in sorted(glob.glob(path + "/_delta_log/0*.json"))[:-1]:  # as a clean-up of the log would
            os.remove(old)
        check("ours_%s_from_checkpoint_alone_by_delta_rs" % name, lambda: differ(read_delta_rs(path), rows))
        check("ours_%s_from_checkpoint_alone_by_ourselves" % name, lambda: differ(our_rows(path), rows))
        if spark:
            check("ours_%s_from_checkpoint_alone_by_spark" % name, lambda: differ(spark.rows(path), rows))


def test_complete(scratch, spark):
    path = os.path.join(scratch, "complete")
    tool("write", path, uuid.uuid4(), 0, 30, 4, "schema=plain", "mode=complete")
    rows = expected("plain", 90, 30)
    check("complete_by_delta_rs", lambda: differ(read_delta_rs(path), rows))
    if spark:
        check("complete_by_spark", lambda: differ(spark.rows(path), rows))


def test_turns(scratch, spark):
    """They and we append in turn, with checkpoints of both in between."""
    import deltalake
    import pyarrow
    path = os.path.join(scratch, "turns")
    query = uuid.uuid4()
    rows = []
    number = 0
    for turn in range(4):
        tool("write", path, query, number, 10, 4, "schema=plain", "partitionColumns=p")
        rows += expected("plain", number, 40, ["p"])
        number += 40
        theirs = expected("plain", number, 10, ["p"])
        schema = pyarrow.schema([("id", pyarrow.int64()), ("st", pyarrow.string()), ("p", pyarrow.string())])
        deltalake.write_deltalake(path, pyarrow.Table.from_pylist(theirs, schema=schema), mode="append")
        rows += theirs
        number += 10
        if turn == 1:
            deltalake.DeltaTable(path).create_checkpoint()
        if turn == 2 and spark:  # ASCII only: delta-rs does not find files again whose paths Spark has written otherwise
            theirs = [r for r in expected("plain", number, 10, ["p"]) if (r["p"] or "").isascii()]
            spark.append(path, theirs)
            rows += theirs
            number += 10
            spark.session.sql("OPTIMIZE delta.`%s` WHERE p IN ('plain', 'a b/c%%d=e')" % path)
    check("turns_by_ourselves", lambda: differ(our_rows(path), rows))
    check("turns_as_stream", lambda: differ(our_rows(path, "stream", "startingVersion=0"), rows))
    check("turns_by_delta_rs", lambda: differ(read_delta_rs(path), rows))
    if spark:
        check("turns_by_spark", lambda: differ(spark.rows(path), rows))
        check("turns_streamed_by_spark", lambda: differ(spark.stream(path, os.path.join(scratch, "turns_copy")), rows))
    deltalake.DeltaTable(path).delete("id % 2 = 0")
    rows = [r for r in rows if r["id"] % 2]
    check("turns_after_delete", lambda: differ(our_rows(path), rows))
    tool("write", path, query, number, 10, 2, "schema=plain", "partitionColumns=p")
    rows += expected("plain", number, 20, ["p"])
    deltalake.DeltaTable(path).optimize.compact()
    check("turns_after_compaction", lambda: differ(our_rows(path), rows))


# ---- tables of Spark's ----
SPARK_TABLES = {
    "column_mapping_name": ["CREATE TABLE {t} (id BIGINT, `a b` STRING, n STRUCT<x: INT, y: STRING>) USING delta "
                            "TBLPROPERTIES ('delta.columnMapping.mode'='name')",
                            "INSERT INTO {t} SELECT id, concat('v', id), struct(int(id), 'z') FROM range(100)",
                            "ALTER TABLE {t} RENAME COLUMN `a b` TO `c,d`", "ALTER TABLE {t} RENAME COLUMN n.x TO xx",
                            "INSERT INTO {t} SELECT id, concat('w', id), struct(int(id), 'q') FROM range(5)"],
    "column_mapping_id": ["CREATE TABLE {t} (id BIGINT, s STRING, p STRING) USING delta PARTITIONED BY (p) "
                          "TBLPROPERTIES ('delta.columnMapping.mode'='id')",
                          "INSERT INTO {t} SELECT id, concat('v', id), concat('p', id % 3) FROM range(100)",
                          "ALTER TABLE {t} RENAME COLUMN s TO renamed"],
    "deletion_vectors": ["CREATE TABLE {t} (id BIGINT, s STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors'='true')",
                         "INSERT INTO {t} SELECT id, concat('v', id) FROM range(10000)", "DELETE FROM {t} WHERE id % 7 = 3",
                         "DELETE FROM {t} WHERE id BETWEEN 3000 AND 7000", "UPDATE {t} SET s = 'new' WHERE id % 1000 = 1"],
    "v2_checkpoint": ["CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.checkpointPolicy'='v2', 'delta.checkpointInterval'='2')"]
                     + ["INSERT INTO {t} SELECT id FROM range(10)"] * 5,
    "type_widening": ["CREATE TABLE {t} (id BIGINT, i TINYINT, f FLOAT) USING delta TBLPROPERTIES ('delta.enableTypeWidening'='true')",
                      "INSERT INTO {t} SELECT id, 5, 1.5 FROM range(10)", "ALTER TABLE {t} ALTER COLUMN i TYPE INT",
                      "ALTER TABLE {t} ALTER COLUMN f TYPE DOUBLE", "INSERT INTO {t} SELECT id, 500000, 2.25 FROM range(10)"],
    "all_types": ["CREATE TABLE {t} (id BIGINT, b BOOLEAN, t TINYINT, s SMALLINT, i INT, f FLOAT, d DOUBLE, dec DECIMAL(10,2), big DECIMAL(38,5), "
                  "st STRING, bin BINARY, da DATE, ts TIMESTAMP, arr ARRAY<INT>, p DATE) USING delta PARTITIONED BY (p)",
                  "INSERT INTO {t} SELECT id, id % 2 = 0, tinyint(id % 100), smallint(id), int(id), float(id), double(id), decimal(id), decimal(id), "
                  "string(id), cast(string(id) as binary), date_add(date'2000-01-01', int(id)), timestamp_micros(id * 1000003), "
                  "array(int(id), null), date_add(date'2000-01-01', int(id % 3)) FROM range(200)"],
    "constraints": ["CREATE TABLE {t} (id BIGINT NOT NULL, s STRING DEFAULT 'x') USING delta TBLPROPERTIES ('delta.feature.allowColumnDefaults'='supported')",
                    "ALTER TABLE {t} ADD CONSTRAINT positive CHECK (id >= 0)", "INSERT INTO {t} SELECT id, 'y' FROM range(10)"],
    "row_tracking": ["CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.enableRowTracking'='true')", "INSERT INTO {t} SELECT id FROM range(10)"],
    "change_feed": ["CREATE TABLE {t} (id BIGINT, s STRING) USING delta TBLPROPERTIES ('delta.enableChangeDataFeed'='true')",
                    "INSERT INTO {t} SELECT id, 'a' FROM range(10)", "UPDATE {t} SET s = 'b' WHERE id = 3"],
    "clustered": ["CREATE TABLE {t} (id BIGINT, s STRING) USING delta CLUSTER BY (id)", "INSERT INTO {t} SELECT id, 'a' FROM range(10)"],
}
REFUSED_FOR_WRITE = {"column_mapping_name", "column_mapping_id", "type_widening", "constraints", "row_tracking"}


def test_spark_tables(scratch, spark):
    for name, statements in SPARK_TABLES.items():
        path = os.path.join(scratch, "spark_" + name)
        try:
            for statement in statements:
                spark.session.sql(statement.format(t="delta.`%s`" % path))
        except Exception as trouble:
            print("skip spark_%s: Spark cannot make it: %s" % (name, str(trouble).replace("\n", " ")[:200]), flush=True)
            continue
        wanted = spark.json_rows(path)
        check("spark_%s_read" % name, lambda: differ([json.loads(line) for line in tool("rows", path)], wanted))

        def append():
            try:
                tool("write", path, uuid.uuid4(), 1000, 5, 2, "schema=plain" if name != "all_types" else "schema=plain_date", "mergeSchema=true")
            except RuntimeError as refused:
                if name in REFUSED_FOR_WRITE and "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE" in str(refused):
                    return None
                return refused
            if name in REFUSED_FOR_WRITE:
                return "was not refused"
            got = spark.rows(path)
            return None if len(got) == len(wanted) + 10 else "%d rows after appending to %d" % (len(got), len(wanted))
        check("spark_%s_append" % name, append)


class Spark:
    def __init__(self, jars, scratch):
        from pyspark.sql import SparkSession
        self.scratch, self.number = scratch, 0
        builder = SparkSession.builder.master("local[2]").config("spark.jars", ",".join(jars)).config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.databricks.delta.snapshotPartitions", "1")
        builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1")
        builder = builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        builder = builder.config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        self.session = builder.config("spark.sql.warehouse.dir", os.path.join(scratch, "warehouse")).getOrCreate()
        self.session.sparkContext.setLogLevel("OFF")

    def out(self, frame):
        import pyarrow.parquet as pq
        self.number += 1
        path = os.path.join(self.scratch, "spark_out_%d" % self.number)
        frame.coalesce(1).write.parquet(path)
        return pq.read_table(glob.glob(path + "/part-*.parquet")[0])

    def rows(self, path):
        return arrow_rows(self.out(self.session.read.format("delta").load(path)))

    def json_rows(self, path):
        """As our tool prints them."""
        from pyspark.sql import functions as F
        frame = self.session.read.format("delta").load(path)
        columns = [F.col("`%s`" % f.name).cast("string").alias(f.name) if f.dataType.typeName() == "timestamp" else F.col("`%s`" % f.name)
                   for f in frame.schema]
        return [json.loads(row[0]) for row in frame.select(F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})).collect()]

    def append(self, path, rows):
        frame = self.session.createDataFrame([(r["id"], r["st"], r["p"]) for r in rows], "id BIGINT, st STRING, p STRING")
        frame.write.format("delta").mode("append").save(path)

    def stream(self, path, copy):
        query = self.session.readStream.format("delta").load(path).writeStream.format("delta") \
            .option("checkpointLocation", copy + "_checkpoint").trigger(availableNow=True).start(copy)
        query.awaitTermination()
        return self.rows(copy)


def find_jars():
    for folder in [os.environ.get("DELTA_JARS"), os.path.join(ROOT, ".build/delta-jars")]:
        jars = glob.glob(os.path.join(folder, "*.jar")) if folder else []
        if jars:
            return jars
    folder = os.path.join(ROOT, ".build/delta-jars")
    if os.environ.get("MILLRACE_NO_INSTALL") or not shutil.which("mvn"):
        return []
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "pom.xml"), "w") as pom:
            pom.write("<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version><dependencies>"
                      "<dependency><groupId>io.delta</groupId><artifactId>delta-spark_4.2_2.13</artifactId><version>4.4.0</version></dependency>"
                      "</dependencies></project>")
        subprocess.run(["mvn", "-q", "-B", "-f", os.path.join(work, "pom.xml"), "dependency:copy-dependencies",
                        "-DincludeGroupIds=io.delta,io.unitycatalog", "-DoutputDirectory=" + folder], timeout=600, check=False,
                       stdout=sys.stderr)  # its colours would hide a line of ours
    return glob.glob(os.path.join(folder, "*.jar"))


def open_spark(scratch):
    try:
        if os.environ.get("MILLRACE_SKIP_SPARK"):
            raise RuntimeError("MILLRACE_SKIP_SPARK is set")
        import pyspark  # noqa: F401
        jars = find_jars()
        if not jars:
            raise RuntimeError("no Delta jars in $DELTA_JARS or .build/delta-jars, and Maven cannot fetch them")
        return Spark(jars, scratch)
    except Exception as trouble:
        print("skip interop_with_spark: %s" % str(trouble).replace("\n", " ")[:300], flush=True)
        return None


def main():
    try:
        import deltalake  # noqa: F401
        import duckdb  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as trouble:
        print("skip interop_with_others: %s" % trouble)
        return 0
    scratch = tempfile.mkdtemp(prefix="millrace-delta-interop-")
    spark = open_spark(scratch)
    try:
        test_ours(scratch, spark)
        test_complete(scratch, spark)
        test_turns(scratch, spark)
        if spark:
            test_spark_tables(scratch, spark)
    finally:
        if spark:
            spark.session.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
