#!/usr/bin/env python3
"""CREATE SINK … USING json, csv, parquet: what Spark, pyarrow and DuckDB find in the folder, after many runs, a full refresh, and trouble."""
import datetime
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

MILLRACE = os.path.abspath(os.environ.get("MILLRACE", ".build/release/millrace"))
SCHEMA = "id BIGINT, name STRING, at TIMESTAMP, day DATE, price DECIMAL(8,2), tags ARRAY<STRING>"
SOURCE = f"STREAM read_files('in', format => 'json', schema => '{SCHEMA}', maxFilesPerTrigger => 1)"
FAILED = 0


def check(name, body, *arguments):
    global FAILED
    try:
        body(*arguments)
        print(f"ok file_sinks_{name}")
    except Exception as why:  # noqa: BLE001
        FAILED += 1
        print(f"not ok file_sinks_{name}: {type(why).__name__}: {str(why)[-1200:]}".replace("\n", " | "))
    sys.stdout.flush()


def same(found, expected, what=""):
    assert found == expected, f"{what} found {str(found)[:500]}, expected {str(expected)[:500]}"


class Project:
    def __init__(self, work, name, sql):
        self.directory = os.path.join(work, name)
        os.makedirs(os.path.join(self.directory, "transformations"))
        os.makedirs(os.path.join(self.directory, "in"))
        with open(os.path.join(self.directory, "spark-pipeline.yml"), "w") as file:
            file.write("name: files\nstorage: storage\nlibraries:\n  - glob:\n      include: transformations/**\n"
                       "configuration:\n  spark.sql.session.timeZone: UTC\n  millrace.decision.microBatches: \"1\"\n")
        with open(os.path.join(self.directory, "transformations", "s.sql"), "w") as file:
            file.write(sql)
        self.number = 0

    def feed(self, rows):
        with open(os.path.join(self.directory, "in", f"f{self.number:03}.json"), "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        self.number += 1

    def run(self, *options, fails=None):
        done = subprocess.run([MILLRACE, "run", "--quiet", *options], cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == bool(fails) and (fails or "") in text, text[-1500:]
        return text

    def path(self, name):
        return os.path.join(self.directory, "out", name)

    def log(self, name):
        return sorted(n for n in os.listdir(os.path.join(self.path(name), "_spark_metadata")) if not n.startswith("_"))


def rows(first, count):
    return [{"id": i, "name": None if i % 7 == 0 else ["plain", 'a "quoted", one', "", "x y/z=ü%"][i % 4], "at": f"2024-01-02T03:04:{i % 60:02}.{i % 1000:03}Z",
             "day": f"2024-02-{i % 28 + 1:02}", "price": round(i / 4, 2), "tags": [f"t{i}"] * (i % 3)} for i in range(first, first + count)]


def expected(records, tags=True):
    return sorted((r["id"], r["name"], datetime.datetime.fromisoformat(r["at"].replace("Z", "+00:00")).replace(tzinfo=None), datetime.date.fromisoformat(r["day"]),
                   round(r["price"], 2)) + ((tuple(r["tags"]),) if tags else ()) for r in records)


def plain(found):
    return sorted(tuple(float(v) if type(v).__name__ == "Decimal" else tuple(v) if isinstance(v, list) else v.replace(tzinfo=None) if isinstance(v, datetime.datetime) else v
                        for v in row) for row in found)


SQL = f"""CREATE SINK j USING json OPTIONS (path 'out/j');
CREATE FLOW fj AS INSERT INTO j BY NAME SELECT * FROM {SOURCE};
CREATE SINK c USING csv OPTIONS (path 'out/c', header 'true', sep '|', nullValue 'NULL', partitionBy 'day');
CREATE FLOW fc AS INSERT INTO c BY NAME SELECT * EXCEPT (tags) FROM {SOURCE};
CREATE SINK p USING parquet OPTIONS (path 'out/p', partitionBy 'name', compression 'zstd');
CREATE FLOW fp AS INSERT INTO p BY NAME SELECT * FROM {SOURCE};
"""


def many_runs(project, all_rows):
    for number in range(4):
        for part in range(6):
            some = rows(100 * (6 * number + part), 5)
            all_rows += some
            project.feed(some)
        project.run()
    same(project.log("j"), ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19.compact", "20", "21", "22", "23", "9.compact"])


def by_pyarrow(project, all_rows):
    import pyarrow.dataset as dataset
    found = []
    for path in glob.glob(os.path.join(project.path("j"), "*.json")):
        with open(path) as file:
            found += [json.loads(line) for line in file]
    same(sorted(r["id"] for r in found), sorted(r["id"] for r in all_rows))
    table = dataset.dataset(project.path("p"), format="parquet", exclude_invalid_files=True).to_table()
    same(table.num_rows, len(all_rows))


def by_duckdb(project, all_rows):
    import duckdb
    same(duckdb.sql(f"SELECT count(*), sum(id) FROM read_json('{project.path('j')}/*.json')").fetchall(), [(len(all_rows), sum(r["id"] for r in all_rows))])
    found = duckdb.sql(f"SELECT id, name, price FROM read_csv('{project.path('c')}/*/*.csv', delim='|', header=true, quote='\"', escape='\\', nullstr='NULL', "
                       "allow_quoted_nulls=false)").fetchall()
    same(sorted((i, n, float(p)) for i, n, p in found), sorted((r["id"], r["name"], r["price"]) for r in all_rows))


def by_spark(spark, project, all_rows):
    with open(os.path.join(project.path("j"), "part-orphan.json"), "w") as file:
        file.write('{"id":-1}\n')  # in the folder, not in the log
    columns = ["id", "name", "at", "day", "price", "tags"]
    same(plain(spark.read.schema(SCHEMA).json(project.path("j")).select(columns).collect()), expected(all_rows))
    # Spark takes columns of a folder with a log by position, the partition's as the last
    csv = spark.read.schema("id BIGINT, name STRING, at TIMESTAMP, price DECIMAL(8,2), day DATE").option("header", "true").option("sep", "|").option("nullValue", "NULL").csv(project.path("c"))
    same(plain(csv.select(columns[:-1]).collect()), expected(all_rows, False))
    found = spark.read.parquet(project.path("p")).select(columns).collect()
    # a folder's name cannot tell an empty text from none
    same(plain([tuple(v if i != 1 else v or None for i, v in enumerate(r)) for r in found]),
         plain([tuple(v if i != 1 else v or None for i, v in enumerate(r)) for r in expected(all_rows)]))


def spark_goes_on(spark, project, all_rows):
    """Spark's own stream reads the folder by its log."""
    query = (spark.readStream.schema(SCHEMA).json(project.path("j")).writeStream.format("memory").queryName("seen")
             .option("checkpointLocation", os.path.join(project.directory, "spark-checkpoint")).trigger(availableNow=True).start())
    query.awaitTermination()
    same(spark.sql("SELECT count(*), sum(id) FROM seen").collect()[0][:], (len(all_rows), sum(r["id"] for r in all_rows)))


def full_refresh(spark, project, all_rows):
    for path in glob.glob(os.path.join(project.directory, "in", "f00*.json")):
        os.unlink(path)
    del all_rows[:50]
    project.run("--full-refresh-all")
    assert "39.compact" in project.log("j"), project.log("j")  # what makes the folder empty but for what follows
    if spark:
        by_spark(spark, project, all_rows)


def register(project):
    """The log is cut back, as if an older copy of the folder had been put there: the query stops."""
    project.feed(rows(90000, 2))
    project.run()
    log = os.path.join(project.path("j"), "_spark_metadata")
    last = max(project.log("j"), key=lambda n: int(n.split(".")[0]))
    os.unlink(os.path.join(log, last))
    project.feed(rows(91000, 2))
    project.run(fails="SINK_REGISTER_MISMATCH")


def refused(work):
    for name, sql, condition in (
            ("nopath", "USING json OPTIONS (header 'x')", "UNKNOWN_OPTION"), ("nopath2", "USING json", "REQUIRED_PARAMETER_NOT_FOUND"),
            ("part", "USING json OPTIONS (path 'o', partitionBy 'nope')", "PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA"),
            ("nested", "USING csv OPTIONS (path 'o')", "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"),
            ("codec", "USING parquet OPTIONS (path 'o', compression 'lzo')", "INVALID_OPTION_VALUE"), ("kind", "USING orc OPTIONS (path 'o')", "DATA_SOURCE_NOT_FOUND")):
        project = Project(work, "refused_" + name, f"CREATE SINK s {sql};\nCREATE FLOW f AS INSERT INTO s BY NAME SELECT * FROM {SOURCE};")
        project.feed(rows(0, 1))
        project.run(fails=condition)
    two = "CREATE SINK s USING json OPTIONS (path 'o');\n" + "".join(f"CREATE FLOW f{i} AS INSERT INTO s BY NAME SELECT * FROM {SOURCE};\n" for i in (1, 2))
    Project(work, "refused_two", two).run(fails="a folder takes one")


def main():
    work = tempfile.mkdtemp(prefix="millrace-files-")
    all_rows, spark = [], None
    project = Project(work, "p", SQL)
    check("many_runs", many_runs, project, all_rows)
    check("by_pyarrow", by_pyarrow, project, all_rows)
    check("by_duckdb", by_duckdb, project, all_rows)
    try:
        if os.environ.get("MILLRACE_SKIP_SPARK"):
            raise ImportError("MILLRACE_SKIP_SPARK is set")
        from pyspark.sql import SparkSession
        spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
                 .config("spark.driver.memory", "600m").config("spark.sql.shuffle.partitions", "1").getOrCreate())
        spark.sparkContext.setLogLevel("OFF")
    except Exception as why:  # noqa: BLE001
        print(f"skip file_sinks_by_spark: {str(why)[:200]}")
    if spark:
        check("by_spark", by_spark, spark, project, all_rows)
        check("spark_goes_on", spark_goes_on, spark, project, all_rows)
    check("full_refresh", full_refresh, spark, project, all_rows)
    check("register", register, project)
    check("refused", refused, work)
    if spark:
        spark.stop()
    if not os.environ.get("KEEP"):
        shutil.rmtree(work, ignore_errors=True)
    else:
        print("kept: " + work)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
