#!/usr/bin/env python3
"""Spark and Millrace run the same project, and read each other's tables.

  * examples/open-subset is run by spark-pipelines' own entry point and by `millrace run`, twice, with new files (some late) in between:
    equal rows in every table, whoever reads them;
  * examples/orders, run by Millrace often enough for log checkpoints, is read by Spark, delta-rs, pyarrow and DuckDB: the rows that a
    few lines of Python expect of that input.

One Spark session (Spark Connect, as spark-pipelines has it) does all of it. Environment: MILLRACE, DELTA_JARS; MILLRACE_SKIP_SPARK=1
leaves Spark out. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why".
"""
import collections
import contextlib
import datetime
import decimal
import glob
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

from delta_interop import find_jars

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MILLRACE = os.environ.get("MILLRACE") or os.path.join(ROOT, ".build/release/millrace")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
TABLES = ["measured", "per_minute", "extremes"]
failures = 0


def check(name, work):
    global failures
    try:
        problem = work()
    except Exception as trouble:  # whatever a reader throws is the finding
        problem = "%s: %s" % (type(trouble).__name__, trouble)
    failures += problem is not None
    print("not ok %s: %s" % (name, str(problem).replace("\n", " ")[:900]) if problem is not None else "ok " + name, flush=True)


# ---- rows, as comparable values ----
def plain(value):
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(datetime.timezone.utc)
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (value.microsecond // 1000)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return tuple(sorted((k, plain(v)) for k, v in value.items()))
    return value


def multiset(rows):
    return collections.Counter(plain(row) for row in rows)


def differ(got, wanted):
    got, wanted = multiset(got), multiset(wanted)
    if got == wanted:
        return None if got else "both are empty"
    return "%d rows, %d expected; only got %s; only expected %s" % (
        sum(got.values()), sum(wanted.values()), list((got - wanted).items())[:2], list((wanted - got).items())[:2])


# ---- readers ----
def millrace(project, *arguments):
    done = subprocess.run([MILLRACE] + list(arguments), cwd=project, capture_output=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError("millrace %s: %s" % (" ".join(arguments), done.stderr.decode()))
    return done.stdout.decode()


def by_millrace(project, relation):
    return [json.loads(line, parse_float=decimal.Decimal)
            for line in millrace(project, "sql", "SELECT * FROM " + relation, "--format", "json").splitlines()]


def by_delta_rs(path):
    import deltalake
    import pyarrow
    table = deltalake.DeltaTable(path)
    return pyarrow.table(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t")).to_pylist()


def by_pyarrow(path):
    import deltalake
    return deltalake.DeltaTable(path).to_pyarrow_dataset().to_table().to_pylist()


def by_duckdb(path):
    """Through its Delta extension where that is installed, else over the files of the table."""
    import deltalake
    import duckdb
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.execute("LOAD delta")
            source = "delta_scan('%s')" % path
        except duckdb.Error:
            source = "read_parquet(%s)" % [path + "/" + f if "://" not in f and f[0] != "/" else f.removeprefix("file://")
                                          for f in deltalake.DeltaTable(path).file_uris()]
        return connection.execute("SELECT * FROM " + source).to_arrow_table().to_pylist()


READERS = {"delta_rs": by_delta_rs, "pyarrow": by_pyarrow, "duckdb": by_duckdb}


# ---- Spark ----
class Spark:
    """The session spark-pipelines would make; kept open when a run ends, for its catalog is gone with it."""
    def __init__(self, jars, warehouse):
        from pyspark.sql import SparkSession
        warnings.simplefilter("ignore")
        os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")  # a short life: half the CPU time
        settings = {
            "spark.api.mode": "connect", "spark.jars": ",".join(jars), "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR", "spark.sql.warehouse.dir": warehouse,
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.session.timeZone": "UTC",
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.databricks.delta.snapshotPartitions": "1", "spark.sql.shuffle.partitions": "1"}
        builder = SparkSession.builder.master("local[2]")
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.end = self.session.stop
        type(self.session).stop = lambda session: None

    def run(self, project):
        from pyspark.pipelines import cli
        with contextlib.chdir(project), open(os.path.join(project, "spark.log"), "a") as log, contextlib.redirect_stdout(log):
            cli.run(spec_path=pathlib.Path("spark-pipeline.yml"), full_refresh=[], full_refresh_all=False, refresh=[], dry=False)

    def rows(self, relation):
        return self.session.sql("SELECT * FROM " + relation).toArrow().to_pylist()


def open_spark(warehouse):
    if os.environ.get("MILLRACE_SKIP_SPARK"):
        raise RuntimeError("MILLRACE_SKIP_SPARK is set")
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        raise RuntimeError("there is no Java")
    import grpc  # noqa: F401
    import yaml  # noqa: F401
    import pyspark.pipelines  # noqa: F401
    jars = find_jars()
    if not jars:
        raise RuntimeError("no Delta jars in $DELTA_JARS or .build/delta-jars, and Maven cannot fetch them")
    return Spark(jars, warehouse)


# ---- examples/open-subset ----
def copy_example(name, project):
    shutil.copytree(os.path.join(ROOT, "examples", name), project, ignore=shutil.ignore_patterns("landing", "spark-warehouse"))
    spec = os.path.join(project, "spark-pipeline.yml")
    with open(spec) as file:
        text = file.read()
    text, count = re.subn(r"(?m)^storage: .*$", "storage: file://%s/pipeline-storage" % project, text)
    assert count == 1
    with open(spec, "w") as file:
        file.write(text + ("" if "\nconfiguration:" in text else "configuration:\n  spark.sql.session.timeZone: UTC\n"))


def stamp(seconds):
    return (START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def put(folder, name, lines, age_s):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path + "~", "w") as file:
        file.write("".join(line + "\n" for line in lines))
    then = time.time() - age_s
    os.utime(path + "~", (then, then))
    os.rename(path + "~", path)


def land_readings(project, turn):
    dice = random.Random(turn)
    for number in range(5 - 2 * turn):
        lines = []
        for n in range(200):
            second = turn * 900 + number * 180 + n - (dice.random() < 0.1) * dice.choice([20, 50, 400])
            row = {"reading_id": turn * 10000 + number * 1000 + n, "sensor": dice.choice("abc"), "celsius": dice.randint(-7000, 7000) / 100,
                   "read_at": stamp(second), "station": {"name": dice.choice(["roof", "cellar é😀"]), "floor": dice.randint(-1, 9)}}
            for field in list(row):
                if dice.random() < 0.03:
                    row[field] = None
                elif dice.random() < 0.03:
                    del row[field]
            lines.append(json.dumps(row, ensure_ascii=dice.random() < 0.5))
        lines[7] = lines[7][:25]  # torn
        lines[8] = '{"reading_id": "eight", "sensor": 8, "celsius": "warm", "read_at": "yesterday", "station": []}'
        put(os.path.join(project, "landing/readings"), "%d-%d.json" % (turn, number), lines, 100 - turn * 50 - number)
    for number in range(2 - turn):
        lines = ["id,sensor,celsius,read_at"]
        for n in range(50):
            lines.append("%d,%s,%s,%s" % (turn * 10000 + 5000 + number * 100 + n, dice.choice(["a", "b", '"d, ""e"""', ""]),
                                          dice.choice(["12.5", "-3", "", "61.00", "1e1"]), stamp(turn * 900 + n * 20)))
        put(os.path.join(project, "landing/archive"), "%d-%d.csv" % (turn, number), lines, 100 - turn * 50 - number)


def make_external_tables(spark, project):
    """What `spark-sql` would do: a relative LOCATION is relative to that of the database."""
    spark.session.sql("CREATE DATABASE ext LOCATION 'file://%s'" % project)
    with open(os.path.join(project, "external/tables.sql")) as file:
        for statement in file.read().split(";"):
            if statement.strip():
                spark.session.sql(statement)


def test_open_subset(spark, theirs, ours):
    make_external_tables(spark, theirs)
    wanted = {}
    for turn in range(2):
        for project in (theirs, ours):
            land_readings(project, turn)
        check("open_subset_run_%d_by_spark" % turn, lambda: spark.run(theirs))
        check("open_subset_run_%d_by_millrace" % turn, lambda: millrace(ours, "run") and None)
        for table in TABLES:
            wanted[table] = spark.rows(table)
            check("open_subset_run_%d_%s" % (turn, table), lambda: differ(by_millrace(ours, table), wanted[table]))
    millrace(ours, "run")
    for table in TABLES:
        path = "%s/spark-warehouse/%s" % (ours, table)
        check("open_subset_%s_nothing_new" % table, lambda: differ(by_millrace(ours, table), wanted[table]))
        check("open_subset_%s_of_millrace_by_spark" % table, lambda: differ(spark.rows("delta.`%s`" % path), wanted[table]))
        check("open_subset_%s_of_spark_by_millrace" % table, lambda: differ(by_millrace(theirs, table), wanted[table]))
        for name, reader in READERS.items():
            check("open_subset_%s_of_millrace_by_%s" % (table, name), lambda: differ(reader(path), wanted[table]))
    check("open_subset_late_rows_were_dropped", lambda: late_dropped(spark))
    check("open_subset_columns", lambda: columns_differ(spark, ours))


def test_open_subset_alone(ours):
    for turn in range(2):
        land_readings(ours, turn)
        check("open_subset_run_%d_by_millrace" % turn, lambda: millrace(ours, "run") and None)
    for table in TABLES:
        check("open_subset_%s_of_millrace_by_pyarrow" % table,
              lambda: differ(by_pyarrow("%s/spark-warehouse/%s" % (ours, table)), by_millrace(ours, table)))


def late_dropped(spark):
    kept, there = (spark.session.sql(q).toArrow().to_pylist()[0]["n"] for q in (
        "SELECT sum(readings) AS n FROM per_minute",
        "SELECT count(*) AS n FROM measured WHERE celsius BETWEEN -60 AND 60 "
        "AND read_at < (SELECT max(minute) + INTERVAL 1 MINUTE FROM per_minute)"))
    return None if 0 < kept < there else "%s of %s: the input has no late rows" % (kept, there)


def columns_differ(spark, ours):
    for table in TABLES:
        mine, its = ([(f.name, f.dataType.simpleString()) for f in spark.session.table(t).schema]
                     for t in ("delta.`%s/spark-warehouse/%s`" % (ours, table), table))
        if mine != its:
            return "%s is %s, Spark's %s" % (table, mine, its)
    return None


# ---- examples/orders ----
def land_orders(project, turn):
    """Writes one file; returns what bronze should make of it."""
    dice = random.Random(100 + turn)
    lines, rows = [], []
    for n in range(40):
        number = turn * 40 + n
        event_ms = turn * 50000 + n * 1000 + dice.randint(0, 999) - (dice.random() < 0.1) * 200000
        row = {"order_id": number, "product": dice.choice(["espresso", "café crème ☕", "tea", ""]),
               "amount": decimal.Decimal(dice.randint(-50, 2000)).scaleb(-2),
               "ordered_at": START + datetime.timedelta(milliseconds=event_ms),
               "till": {"shop": dice.choice(["Bern", "Zürich"]), "number": dice.randint(1, 4)}}
        if n == 3:
            row["till"] = None
        text = json.dumps(dict(row, amount="@", ordered_at=plain(row["ordered_at"])), ensure_ascii=n % 2 == 0)
        text = text.replace('"@"', str(row["amount"]))
        if n == 11:
            text, row = text[:30], dict.fromkeys(row)
        lines.append(text)
        rows.append(dict(row, source_file="orders-%02d.json" % turn))
    put(os.path.join(project, "landing/orders"), "orders-%02d.json" % turn, lines, 50 - turn)
    return rows


class Gold:
    """The watermark's rules in a few lines: a batch drops by the watermark it found, and emits by the one it left."""
    def __init__(self):
        self.watermark, self.open, self.rows = START - datetime.timedelta(days=1), {}, []

    def batch(self, rows):
        for row in rows:
            minute = row["ordered_at"].replace(second=0, microsecond=0)
            if minute + datetime.timedelta(minutes=1) > self.watermark:
                self.open.setdefault((minute, row["product"]), []).append(row["amount"])
        self.watermark = max([self.watermark] + [row["ordered_at"] - datetime.timedelta(seconds=30) for row in rows])
        for minute, product in list(self.open):
            if minute + datetime.timedelta(minutes=1) <= self.watermark:
                amounts = self.open.pop((minute, product))
                self.rows.append({"minute": minute, "product": product, "orders": len(amounts), "revenue": sum(amounts)})


def test_orders(spark, project):
    wanted, gold = {"bronze": [], "silver": []}, Gold()
    for turn in range(14):
        bronze = land_orders(project, turn)
        silver = [dict({name: r[name] for name in ("order_id", "product", "amount", "ordered_at", "source_file")},
                       shop=(r["till"] or {}).get("shop")) for r in bronze if r["order_id"] is not None and r["amount"] > 0]
        millrace(project, "run")
        wanted["bronze"] += bronze
        wanted["silver"] += silver
        gold.batch(silver)
    wanted["gold"] = gold.rows
    for table, rows in wanted.items():
        path = "%s/spark-warehouse/%s" % (project, table)
        readers = dict(READERS, millrace=lambda path: by_millrace(project, table))
        if spark:
            readers["spark"] = lambda path: spark.rows("delta.`%s`" % path)
        check("orders_%s_has_log_checkpoint" % table,
              lambda: None if glob.glob(path + "/_delta_log/*.checkpoint.parquet") else "none was written")
        for name, reader in readers.items():
            check("orders_%s_by_%s" % (table, name), lambda: differ(reader(path), rows))


def main():
    try:
        import deltalake  # noqa: F401
        import duckdb  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as trouble:
        print("skip spark_pipelines: %s" % trouble)
        return 0
    scratch = os.path.realpath(tempfile.mkdtemp(prefix="millrace-spark-pipelines-"))
    theirs, ours, orders = (os.path.join(scratch, name) for name in ("theirs", "ours", "orders"))
    for name, project in (("open-subset", theirs), ("open-subset", ours), ("orders", orders)):
        copy_example(name, project)
    os.chdir(scratch)
    spark = None
    try:
        try:
            spark = open_spark(os.path.join(theirs, "spark-warehouse"))
        except Exception as trouble:
            print("skip spark_pipelines: %s: %s" % (type(trouble).__name__, str(trouble).replace("\n", " ")[:300]), flush=True)
        test_orders(spark, orders)
        if spark:
            test_open_subset(spark, theirs, ours)
        else:
            test_open_subset_alone(ours)
    finally:
        if spark:
            spark.end()
        if os.environ.get("KEEP"):
            print("kept " + scratch)
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
