"""Runs one streaming case on Spark and returns what it did, in the form of the recordings' expected.json."""
import datetime
import decimal
import json
import logging
import os
import shutil
import tempfile


def session(scratch):
    from pyspark.sql import SparkSession
    builder = SparkSession.builder.master("local[2]").appName("millrace-random")
    for key, value in {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "1", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "OFF",
                       "spark.sql.streaming.numRecentProgressUpdates": "1000", "spark.driver.memory": "2g", "spark.local.dir": scratch,
                       "spark.sql.codegen.wholeStage": "false", "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    return spark


def plain(value):
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime.datetime):
        return (value.astimezone(datetime.timezone.utc) if value.tzinfo else value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, (datetime.date, decimal.Decimal)):
        return str(value)
    if hasattr(value, "asDict"):
        return {name: plain(item) for name, item in zip(value.__fields__, value)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value


def land(folder, files, first, upto):
    """Files of rows by arrival, the modification time fixes their order."""
    for index in range(first, min(upto, len(files))):
        path = os.path.join(folder, "%05d.json" % index)
        with open(path + ".part", "w") as out:
            for row in files[index]:
                out.write(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n")
        os.utime(path + ".part", (1700000000 + index, 1700000000 + index))
        os.rename(path + ".part", path)


def run(spark, case, files, scratch):
    work = tempfile.mkdtemp(prefix="random_", dir=scratch)
    spark = spark.newSession()
    out = {"error": None, "batches": [], "runBatches": []}
    try:
        for key, value in case["conf"].items():
            spark.conf.set(key, value)
        runs = case.get("runs") or [1000]
        for name, source in case["sources"].items():
            folder = os.path.join(work, name)
            os.makedirs(folder)
            rows = [files[f] for f in source["files"]]
            static = source["kind"] == "static"
            land(folder, rows, 0, 1000 if static else runs[0])
            reader = spark.read if static else spark.readStream.option("maxFilesPerTrigger", 1)
            frame = reader.schema(source["schema"]).json(folder)
            if source.get("watermark"):
                frame = frame.withWatermark(source["watermark"]["column"], source["watermark"]["delay"])
            frame.createOrReplaceTempView(name)
        for view in case["views"]:
            frame = spark.sql(view["sql"])
            getattr(frame, view["op"])(view["columns"]).createOrReplaceTempView(view["name"])
        frame = spark.sql(case["sql"])
        out["schema"] = frame.schema.simpleString()
        rows, progress = {}, {}

        def keep(batch, number):
            rows[number] = [plain(row) for row in batch.collect()]

        for at, upto in enumerate(runs):
            if at > 0:
                for name, source in case["sources"].items():
                    if source["kind"] == "stream":
                        land(os.path.join(work, name), [files[f] for f in source["files"]], runs[at - 1], upto)
            query = (frame.writeStream.outputMode(case["outputMode"]).option("checkpointLocation", os.path.join(work, "checkpoint")).foreachBatch(keep)
                     .trigger(availableNow=True).start())
            query.awaitTermination()
            for item in query.recentProgress:
                item = json.loads(item.json)
                progress.setdefault(item["batchId"], item)
            out["runBatches"].append(max(rows) if rows else -1)
        for number in sorted(rows):
            item = progress.get(number, {})
            times = item.get("eventTime", {})
            out["batches"].append({
                "batchId": number, "numInputRows": item.get("numInputRows"), "watermark": times.get("watermark"), "eventTime": {k: times[k] for k in times if k != "watermark"},
                "stateOperators": [{k: o.get(k) for k in ("operatorName", "numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark")}
                                   for o in item.get("stateOperators", [])],
                "rows": rows[number]})
    except Exception as error:  # what Spark says of the query is the answer
        get = getattr(error, "getCondition", None)
        state = getattr(error, "getSqlState", None)
        out["error"] = {"condition": get() if get else None, "sqlState": state() if state else None, "message": str(error)[:600]}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return out
