#!/usr/bin/env python3
"""What we write is read alike by pyarrow, DuckDB, delta-rs and Spark; what they write, with every option that matters, is read by us.

usage: parquet_interop.py [PARQUET_TOOL]      (default: $BUILD/parquet_tool)

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why". The rows of each sample file are known as JSON lines (see
tests/formats/parquet_samples.h); whatever a reader returns is brought to Arrow and compared value by value.
"""
import datetime
import decimal
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile

TOOL = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ.get("BUILD", ".build/release"), "parquet_tool")
EPOCH = datetime.datetime(1970, 1, 1)
EPOCH_DATE = datetime.date(1970, 1, 1)
failures = 0


def report(name, problem=None):
    global failures
    failures += problem is not None
    print("not ok %s: %s" % (name, str(problem).replace("\n", " ")[:600]) if problem is not None else "ok " + name, flush=True)


def as_json(value, type_):
    """A Python value as parquet_samples.h would print it."""
    import pyarrow.types as t
    if value is None:
        return None
    if t.is_timestamp(type_):
        value = value.replace(tzinfo=None) - EPOCH
        return (value.days * 86400 + value.seconds) * 1000000 + value.microseconds
    if t.is_date(type_):
        return (value - EPOCH_DATE).days
    if t.is_decimal(type_):
        return format(value, "f")
    if t.is_binary(type_) or t.is_large_binary(type_) or t.is_fixed_size_binary(type_) or str(type_) == "binary_view":
        return bytes(value).hex()
    if t.is_struct(type_):
        return {f.name: as_json(value[f.name], f.type) for f in type_}
    if t.is_map(type_):
        pairs = value.items() if isinstance(value, dict) else value
        return [[as_json(k, type_.key_type), as_json(v, type_.item_type)] for k, v in pairs]
    if t.is_list(type_) or t.is_large_list(type_):
        return [as_json(v, type_.value_type) for v in value]
    if t.is_dictionary(type_):
        return as_json(value, type_.value_type)
    return value


def same_float(a, b):
    if isinstance(a, str) or isinstance(b, str):
        a, b = float(a.replace("Infinity", "inf")) if isinstance(a, str) else a, \
            float(b.replace("Infinity", "inf")) if isinstance(b, str) else b
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return math.copysign(1, a) == math.copysign(1, b)
    try:
        return struct.pack("<f", a) == struct.pack("<f", b) and "%.9g" % a == "%.9g" % b
    except OverflowError:
        return False


def same(expected, actual):
    if isinstance(actual, float):
        return expected is not None and same_float(expected, actual)
    if isinstance(expected, dict) and isinstance(actual, dict):
        return list(expected) == list(actual) and all(same(expected[k], actual[k]) for k in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(same(a, b) for a, b in zip(expected, actual))
    return expected == actual and isinstance(expected, bool) == isinstance(actual, bool)


def sort_key(row):
    """All that prints alike from every reader: no floating point."""
    return json.dumps([v for k, v in row.items() if k not in ("f32", "f64", "st", "ast")])


def compare(expected, table, ordered=True):
    """None, or the first difference between JSON rows and an Arrow table."""
    if table.num_rows != len(expected):
        return "%d rows, not %d" % (table.num_rows, len(expected))
    types = {f.name: f.type for f in table.schema}
    rows = [{name: as_json(value, types[name]) for name, value in row.items()} for row in table.to_pylist()]
    if not ordered:
        expected, rows = sorted(expected, key=sort_key), sorted(rows, key=sort_key)
    for number, (want, got) in enumerate(zip(expected, rows)):
        if list(got) != list(want):
            return "columns %s, not %s" % (list(got), list(want))
        for name in want:
            if not same(want[name], got[name]):
                return "row %d, column %s: %.200r, not %.200r" % (number, name, got[name], want[name])
    return None


def tool(*arguments):
    return subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def our_rows(path, at_once="1000"):
    done = tool("rows", os.path.abspath(path), at_once)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def compare_ours(expected, path):
    rows = our_rows(path)
    if len(rows) != len(expected):
        return "%d rows, not %d" % (len(rows), len(expected))
    for number, (want, got) in enumerate(zip(expected, rows)):
        if want != got:
            bad = [k for k in want if want[k] != got.get(k, "absent")]
            return "row %d, column %s: %.200r, not %.200r" % (number, bad[:1], got.get(bad[0]) if bad else got, want.get(bad[0]) if bad else want)
    return None


def checked(name, work):
    try:
        report(name, work())
    except Exception as e:  # a reader that refuses is a failure with its words
        report(name, "%s: %s" % (type(e).__name__, e))


# ---- what we write ----

def read_delta(folder, sample):
    """The sample as the only file of a Delta table, through delta-rs's own Parquet reader."""
    import deltalake
    import pyarrow as pa
    table = os.path.join(folder, "delta", sample)
    os.makedirs(os.path.join(table, "_delta_log"))
    shutil.copy(os.path.join(folder, sample + ".parquet"), os.path.join(table, "part.parquet"))
    with open(os.path.join(folder, sample + ".schema")) as f:
        schema = f.read()
    size = os.path.getsize(os.path.join(table, "part.parquet"))
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz"], "writerFeatures": ["timestampNtz"]}
    actions = [{"protocol": protocol},
               {"metaData": {"id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9", "format": {"provider": "parquet", "options": {}},
                             "schemaString": schema, "partitionColumns": [], "configuration": {}, "createdTime": 0}},
               {"add": {"path": "part.parquet", "partitionValues": {}, "size": size, "modificationTime": 0, "dataChange": True}}]
    with open(os.path.join(table, "_delta_log", "0" * 20 + ".json"), "w") as f:
        f.write("".join(json.dumps(a) + "\n" for a in actions))
    reader = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(table)).execute("SELECT * FROM t")
    return pa.table(reader.read_all() if hasattr(reader, "read_all") else reader)


def read_duckdb(path):
    import duckdb
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    result = connection.execute("SELECT * FROM read_parquet(?)", [path])
    return result.to_arrow_table() if hasattr(result, "to_arrow_table") else result.fetch_arrow_table()


def start_spark():
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
             .config("spark.driver.memory", "1g").config("spark.sql.execution.arrow.maxRecordsPerBatch", "100000")
             .config("spark.ui.showConsoleProgress", "false").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    return spark


def others_read_ours(folder, samples, spark):
    import pyarrow.parquet as pq
    for sample, expected in samples.items():
        path = os.path.join(folder, sample + ".parquet")
        checked("parquet_ours_%s_by_millrace" % sample, lambda: compare_ours(expected, path))
        checked("parquet_ours_%s_by_pyarrow" % sample, lambda: compare(expected, pq.ParquetFile(path, page_checksum_verification=True).read()))
        checked("parquet_ours_%s_by_duckdb" % sample, lambda: compare(expected, read_duckdb(path)))
        checked("parquet_ours_%s_by_delta_rs" % sample, lambda: compare(expected, read_delta(folder, sample), ordered=False))
        if spark:
            checked("parquet_ours_%s_by_spark" % sample, lambda: compare(expected, spark.read.parquet(path).toArrow()))
            spark.conf.set("spark.sql.parquet.enableVectorizedReader", "false")
            checked("parquet_ours_%s_by_spark_row_reader" % sample, lambda: compare(expected, spark.read.parquet(path).toArrow()))
            spark.conf.set("spark.sql.parquet.enableVectorizedReader", "true")


def statistics_are_right(folder, samples):
    """min, max and null counts of the footer against the values themselves."""
    import pyarrow.parquet as pq

    def check(path):
        file = pq.ParquetFile(path)
        for g in range(file.num_row_groups):
            table = file.read_row_group(g)
            for c in range(file.metadata.num_columns):
                chunk = file.metadata.row_group(g).column(c)
                name = chunk.path_in_schema
                if "." in name:
                    continue
                column, found = table.column(name), chunk.statistics
                if found is None or found.null_count != column.null_count:
                    return "%s: null count %s, not %d" % (name, found and found.null_count, column.null_count)
                values = [v for v in column.to_pylist() if v is not None]
                if not values or not found.has_min_max:
                    if values and not any(isinstance(v, float) and math.isnan(v) for v in values):
                        return name + ": no bounds"
                    continue
                low, high = found.min, found.max
                if isinstance(values[0], str):
                    values, low, high = [v.encode() for v in values], low.encode(), high.encode()
                exact = len(min(values)) <= 64 and len(max(values)) <= 64 if isinstance(values[0], bytes) else True
                if low > min(values) or high < max(values) or (exact and (low != min(values) or high != max(values))):
                    return "%s: bounds %r, %r" % (name, low, high)
        return None
    for sample in samples:
        if sample.startswith(("primitives", "many", "long", "dictionary", "required")):
            checked("parquet_statistics_%s" % sample, lambda: check(os.path.join(folder, sample + ".parquet")))


# ---- what others write ----

def pyarrow_variants():
    for version in ("1.0", "2.0"):
        for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
            yield "v%s_%s" % (version[0], codec), dict(data_page_version=version, compression=codec, data_page_size=3000)
    yield "no_dictionary", dict(use_dictionary=False, write_page_checksum=True)
    yield "small_groups", dict(row_group_size=113, write_page_index=True)
    yield "int96", dict(use_deprecated_int96_timestamps=True)
    yield "delta", dict(use_dictionary=False, column_encoding={"i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED",
                                                               "s": "DELTA_BYTE_ARRAY", "x": "DELTA_LENGTH_BYTE_ARRAY", "d38": "DELTA_BYTE_ARRAY",
                                                               "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT",
                                                               "d20": "BYTE_STREAM_SPLIT", "d": "BYTE_STREAM_SPLIT", "b": "RLE"})
    yield "decimal_as_integer", dict(store_decimal_as_integer=True)


def we_read_pyarrow(folder, samples):
    import pyarrow.parquet as pq
    for sample in ("primitives", "nested", "primitives_few_values"):
        table = pq.read_table(os.path.join(folder, sample + ".parquet"))
        for name, options in pyarrow_variants():
            if "column_encoding" in options and sample == "nested":
                continue
            path = os.path.join(folder, "by_pyarrow_%s_%s.parquet" % (sample, name))

            def work():
                pq.write_table(table, path, **options)
                # INT96 is always a point in time, so a local time comes back as one: the digits are the same
                return compare_ours(samples[sample], path)
            checked("parquet_pyarrow_%s_%s" % (sample, name), work)


def we_read_duckdb(folder, samples):
    import duckdb
    for sample in ("primitives", "nested", "primitives_few_values"):
        for version in ("V1", "V2"):
            for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4_raw"):
                path = os.path.join(folder, "by_duckdb_%s_%s_%s.parquet" % (sample, version, codec))

                def work():
                    c = duckdb.connect()
                    c.execute("SET TimeZone = 'UTC'")
                    c.execute("COPY (SELECT * FROM read_parquet('%s')) TO '%s' (FORMAT parquet, PARQUET_VERSION %s, COMPRESSION %s, ROW_GROUP_SIZE 2048)"
                              % (os.path.join(folder, sample + ".parquet"), path, version, codec))
                    return compare_ours(samples[sample], path)
                checked("parquet_duckdb_%s_%s_%s" % (sample, version, codec), work)


def only_file(directory):
    return [os.path.join(directory, f) for f in sorted(os.listdir(directory)) if f.endswith(".parquet")][0]


def we_read_delta_rs(folder, samples):
    import deltalake
    import pyarrow.parquet as pq
    for sample in ("primitives", "nested"):
        def work():
            table = os.path.join(folder, "by_delta_rs_" + sample)
            deltalake.write_deltalake(table, pq.read_table(os.path.join(folder, sample + ".parquet")))
            return compare_ours(samples[sample], only_file(table))
        checked("parquet_delta_rs_%s" % sample, work)


def we_read_spark(folder, samples, spark):
    settings = {"v1": {}, "v2": {"parquet.writer.version": "v2"}, "legacy": {"spark.sql.parquet.writeLegacyFormat": "true"},
                "int96": {"spark.sql.parquet.outputTimestampType": "INT96"}, "millis": {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MILLIS"},
                "plain": {"parquet.enable.dictionary": "false"}, "pages": {"parquet.page.size": "1000", "parquet.page.row.count.limit": "50"}}
    for sample in ("primitives", "nested", "primitives_few_values"):
        for name, options in settings.items():
            for codec in (["snappy", "zstd", "gzip", "lz4_raw", "lz4", "uncompressed"] if name in ("v1", "v2") else ["zstd"]):
                target = os.path.join(folder, "by_spark_%s_%s_%s" % (sample, name, codec))

                def work():
                    for key, value in options.items():
                        if key.startswith("spark."):
                            spark.conf.set(key, value)
                    writer = spark.read.parquet(os.path.join(folder, sample + ".parquet")).coalesce(1).write
                    for key, value in options.items():
                        writer = writer.option(key, value)
                    writer.option("compression", codec).parquet(target)
                    for key in options:
                        if key.startswith("spark."):
                            spark.conf.unset(key)
                    expected = samples[sample]
                    if name == "millis":
                        expected = json.loads(json.dumps(expected))
                        for row in expected:
                            milliseconds_only(row)
                    return compare_ours(expected, only_file(target))
                checked("parquet_spark_%s_%s_%s" % (sample, name, codec), work)


def we_refuse_ancient_dates_of_old_spark(folder, spark):
    """Spark before 3.0 wrote the Julian calendar; newer ones do when told to, and say so in the file."""
    spark.conf.set("spark.sql.parquet.int96RebaseModeInWrite", "LEGACY")
    spark.conf.set("spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY")
    for kind in ("INT96", "TIMESTAMP_MICROS"):
        spark.conf.set("spark.sql.parquet.outputTimestampType", kind)
        for year, refused in (("1500", True), ("1950", False)):
            def work():
                target = os.path.join(folder, "ancient_%s_%s" % (kind, year))
                spark.sql("SELECT DATE'%s-01-01' AS d, TIMESTAMP'%s-01-01 00:00:00' AS t" % (year, year)).coalesce(1).write.parquet(target)
                done = tool("rows", only_file(target))
                said = done.stderr.decode()
                if refused and (done.returncode != 1 or "READ_ANCIENT_DATETIME" not in said):
                    return "not refused: %s %s" % (done.stdout.decode(), said)
                return said if not refused and done.returncode != 0 else None
            checked("parquet_spark_calendar_%s_%s" % (kind, year), work)
    for key in ("int96RebaseModeInWrite", "datetimeRebaseModeInWrite", "outputTimestampType"):
        spark.conf.unset("spark.sql.parquet." + key)


def milliseconds_only(row):
    """TIMESTAMP (not TIMESTAMP_NTZ) loses its microseconds there."""
    if row.get("t") is not None:
        row["t"] -= row["t"] % 1000
    for pair in row.get("ms") or []:
        if pair[1] and pair[1].get("q"):
            pair[1]["q"] = [None if v is None else v - v % 1000 for v in pair[1]["q"]]


def main():
    try:
        import duckdb  # noqa: F401
        import deltalake  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as e:
        print("skip parquet_interop: %s in %s" % (e, sys.executable))
        return 0
    if not os.path.exists(TOOL):
        print("not ok parquet_interop: %s is not built" % TOOL)
        return 1
    spark = None
    try:
        if os.environ.get("PARQUET_INTEROP_SPARK", "1") == "1":
            spark = start_spark()
    except Exception as e:
        print("skip parquet_interop_spark: %s" % str(e).replace("\n", " ")[:200])
    folder = tempfile.mkdtemp(prefix="millrace-parquet-")
    try:
        done = tool("write", folder)
        if done.returncode != 0:
            report("parquet_write_samples", done.stderr.decode())
            return 1
        samples = {}
        for file in sorted(os.listdir(folder)):
            if file.endswith(".json"):
                with open(os.path.join(folder, file)) as f:
                    samples[file[:-len(".json")]] = [json.loads(line) for line in f]
        others_read_ours(folder, samples, spark)
        statistics_are_right(folder, samples)
        we_read_pyarrow(folder, samples)
        we_read_duckdb(folder, samples)
        we_read_delta_rs(folder, samples)
        if spark:
            we_read_spark(folder, samples, spark)
            we_refuse_ancient_dates_of_old_spark(folder, spark)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if spark:
            spark.stop()
    return 1 if failures else 0


if __name__ == "__main__":
    decimal.getcontext().prec = 60
    sys.exit(main())
