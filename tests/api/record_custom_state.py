#!/usr/bin/env python3
"""Asks Spark what transformWithState answers, and records it for custom_state_test.c: custom_state_cases.json.

    python tests/api/record_custom_state.py [NAME ...]

Needs pyspark 4.2 with pandas and pyarrow; a minute or two. A processor reads its orders out of its input, so that a case is data: rows
(key, seq, op, name, n, at). The test's processor in C understands the same orders. A case is a list of steps, one file each; of each
step the rows put out are recorded, by micro-batch that put out any (a step makes one with data and perhaps one without); with processing time,
where Spark runs batches without data all the time, all together behind the last step. Times are seconds behind START; with processing time they
count from the batch that an order comes in.
"""
import json
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "custom_state_cases.json")
START = 1767225600  # 2026-01-01T00:00:00Z
INPUT = "key STRING, key2 INT, seq INT, op STRING, name STRING, n BIGINT, at TIMESTAMP"
OUTPUT = "key STRING, key2 INT, seq INT, text STRING"


def row(key, op, name=None, n=None, at=0, key2=1):
    return {"key": key, "key2": key2, "op": op, "name": name, "n": n, "at": at}


R = row
# name: (time mode, ttl in ms of value, list and map, output mode, steps); a step: (seconds to wait before it, rows)
CASES = {
    "value": ("none", 0, "append", [
        (0, [R("a", "get"), R("a", "set", n=1), R("a", "get"), R("b", "set", n=5), R(None, "set", n=7)]),
        (0, [R("a", "get"), R("b", "get"), R("b", "clear"), R("b", "get"), R(None, "get"), R("a", "get", key2=2), R("a", "get", key2=None)]),
        (0, [R("b", "get"), R("a", "set", n=2), R("a", "set", n=3), R("a", "get")]),
        (0, [R("a", "get"), R("a", "setnull"), R("a", "get")]),
        (0, [R("a", "get")])]),
    "list": ("none", 0, "append", [
        (0, [R("a", "list"), R("a", "append", n=1), R("a", "append", n=2), R("a", "list"), R("b", "append", n=9)]),
        (0, [R("a", "list"), R("a", "append", n=3), R("b", "list")]),
        (0, [R("a", "list"), R("a", "listclear"), R("a", "list"), R("a", "append", n=4), R("a", "list")]),
        (0, [R("a", "list"), R("b", "replace", n=3), R("b", "list")]),
        (0, [R("a", "list"), R("b", "list"), R("b", "append", n=8)]),
        (0, [R("b", "list")])]),
    "map": ("none", 0, "update", [
        (0, [R("a", "has", "x"), R("a", "put", "x", 1), R("a", "put", "y", 2), R("a", "has", "x"), R("a", "mapget", "x"), R("a", "map")]),
        (0, [R("a", "map"), R("a", "put", "x", 10), R("a", "remove", "y"), R("a", "map"), R("b", "map")]),
        (0, [R("a", "map"), R("a", "mapget", "z"), R("a", "remove", "z"), R("a", "put", "z", 3), R("a", "mapclear"), R("a", "map")]),
        (0, [R("a", "map"), R("a", "put", "w", 4), R("a", "map")]),
        (0, [R("a", "map")])]),
    "event_timers": ("event", 0, "append", [
        (0, [R("a", "timer", n=60, at=0), R("b", "timer", n=60, at=0), R("a", "timer", n=30, at=0), R("a", "timers"), R("a", "now")]),
        (0, [R("a", "set", n=5, at=40), R("c", "timer", n=20, at=41), R("c", "timer", n=35, at=42)]),  # watermark then 32
        (0, [R("a", "timers", at=50), R("b", "untimer", n=60, at=50), R("b", "untimer", n=61, at=50)]),
        (0, [R("z", "now", at=70)]),                                                                # watermark 60: exactly
        (0, [R("z", "now", at=200)]),
        (0, [R("late", "now", at=100), R("y", "timers", at=300), R("y", "timer", n=100, at=300)]),
        (0, [R("y", "timers", at=400)])]),
    "event_timer_again": ("event", 0, "update", [
        (0, [R("r", "repeat", n=10, at=0)]),       # its timer sets itself again, 10 s later, 3 times
        (0, [R("x", "now", at=25)]),               # watermark 15
        (0, [R("x", "now", at=100)]),              # watermark 90: those behind the first are set while it fires
        (0, [R("x", "now", at=101)]),
        (0, [R("x", "now", at=102)]),
        (0, [R("x", "now", at=103)])]),
    "event_timer_same": ("event", 0, "append", [
        (0, [R("s", "same", n=10, at=0), R("d", "timer", n=10, at=0), R("d", "timer", n=10, at=0)]),  # its timer sets the same time again
        (0, [R("x", "now", at=100)]),
        (0, [R("s", "timers", at=101), R("x", "now", at=101)]),
        (0, [R("s", "timers", at=200)])]),
    "event_null_time": ("event", 0, "append", [
        (0, [R("a", "timer", n=5, at=0), R("x", "now", at=50)]),
        (0, [R("a", "now", at=None), R("b", "timer", n=41, at=None), R("x", "now", at=51)]),
        (0, [R("x", "now", at=60)])]),
    "processing_timers": ("processing", 0, "append", [
        (0, [R("a", "timer", n=4), R("b", "timer", n=4), R("b", "timer", n=600), R("a", "timers")]),
        (10, [R("a", "timers"), R("b", "timers"), R("c", "timer", n=-1)]),
        (4, [R("b", "timers"), R("c", "timers")])]),
    "ttl": ("processing", 20000, "append", [
        (0, [R("a", "set", n=1), R("a", "append", n=1), R("a", "put", "x", 1), R("a", "get"), R("a", "list"), R("a", "map")]),
        (8, [R("a", "append", n=2), R("a", "put", "y", 2), R("a", "get"), R("a", "list"), R("a", "map")]),
        (16, [R("a", "get"), R("a", "list"), R("a", "map"), R("a", "has", "x"), R("a", "mapget", "x"), R("a", "append", n=3)]),
        (2, [R("a", "set", n=5), R("a", "put", "y", 7)]),
        (12, [R("a", "get"), R("a", "list"), R("a", "map")])]),
}


def stamped(steps):
    """Rows with a number, and times as text."""
    seq, out = 0, []
    for wait, rows in steps:
        step = []
        for r in rows:
            at = r["at"]
            step.append(dict(r, seq=seq, at=None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + at))))
            seq += 1
        out.append((wait, step))
    return out


def processor(mode, ttl):
    from pyspark.sql import Row
    from pyspark.sql.streaming import StatefulProcessor

    class Orders(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            ttls = ttl or None
            self.value = handle.getValueState("value", "n BIGINT", ttls)
            self.list = handle.getListState("list", "n BIGINT", ttls)
            self.map = handle.getMapState("map", "name STRING", "n BIGINT", ttls)
            self.left = handle.getValueState("left", "n BIGINT")

        def when(self, seconds, now):
            return (START + seconds) * 1000 if mode == "event" else now + seconds * 1000

        def timers(self):
            times = sorted(self.handle.listTimers())
            return "<" + " ".join(str(t // 1000 - START) for t in times) + ">" if mode == "event" else "%d timers" % len(times)

        def one(self, r, now):
            op, n, name = r["op"], r["n"], r["name"]
            if op == "get":
                v = self.value.get()
                return "none" if v is None else str(v[0])
            if op == "set":
                self.value.update((n,))
            if op == "setnull":
                self.value.update((None,))
            if op == "clear":
                self.value.clear()
            if op == "append":
                self.list.appendValue((n,))
            if op == "replace":
                self.list.put([(i,) for i in range(n)])
            if op == "listclear":
                self.list.clear()
            if op == "list":
                return "[" + " ".join(str(e[0]) for e in self.list.get()) + "]"
            if op == "put":
                self.map.updateValue((name,), (n,))
            if op == "remove":
                self.map.removeKey((name,))
            if op == "has":
                return "yes" if self.map.containsKey((name,)) else "no"
            if op == "mapget":
                v = self.map.getValue((name,))
                return "none" if v is None else str(v[0])
            if op == "mapclear":
                self.map.clear()
            if op == "map":
                return "{" + " ".join(sorted("%s=%s" % (k[0], v[0]) for k, v in self.map.iterator())) + "}"
            if op in ("timer", "repeat", "same"):
                self.handle.registerTimer(self.when(n, now))
                if op != "timer":
                    self.left.update((3 if op == "repeat" else -1,))
            if op == "untimer":
                self.handle.deleteTimer(self.when(n, now))
            if op == "timers":
                return self.timers()
            return None

        def handleInputRows(self, key, rows, timerValues):
            now = timerValues.getCurrentProcessingTimeInMs()
            for r in sorted([r.asDict() for r in rows], key=lambda r: r["seq"]):
                text = self.one(r, now)
                if r["op"] == "now":
                    text = "watermark %d" % (timerValues.getCurrentWatermarkInMs() // 1000 - START)
                if text is not None:
                    yield Row(key=key[0], key2=key[1], seq=r["seq"], text=text)

        def handleExpiredTimer(self, key, timerValues, expiredTimerInfo):
            at, now = expiredTimerInfo.getExpiryTimeInMs(), timerValues.getCurrentProcessingTimeInMs()
            text = "fired"
            if mode == "event":
                watermark = timerValues.getCurrentWatermarkInMs() // 1000 - START
                text = "fired %d at %d" % (at // 1000 - START, watermark)
                text += " " + self.timers()
            left = self.left.get()
            if left is not None and left[0] < 0:
                self.handle.registerTimer(at)
                self.left.clear()
            elif left is not None and left[0] > 0:
                self.left.update((left[0] - 1,))
                self.handle.registerTimer(at + 10000)
            yield Row(key=key[0], key2=key[1], seq=-1, text=text)

        def close(self):
            pass

    return Orders()


def batch_time(query):
    """Of the first micro-batch that had rows."""
    from datetime import datetime, timezone
    text = next(p["timestamp"] for p in query.recentProgress if p["numInputRows"] > 0)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def run(spark, mode, ttl, output_mode, steps):
    work = tempfile.mkdtemp(prefix="custom_state_")
    landing, checkpoint = os.path.join(work, "in"), os.path.join(work, "checkpoint")
    os.mkdir(landing)
    answers = []
    rows, query = [], None

    def take(frame, batch):
        for r in frame.collect():
            rows.append((batch, r.asDict()))

    stream = spark.readStream.schema(INPUT).option("maxFilesPerTrigger", 1).json(landing)
    if mode == "event":
        stream = stream.withWatermark("at", "10 seconds")
    modes = {"none": "None", "event": "EventTime", "processing": "ProcessingTime"}
    out = stream.groupBy("key", "key2").transformWithState(processor(mode, ttl), OUTPUT, output_mode.capitalize(), modes[mode])

    def start(trigger):
        return out.writeStream.outputMode(output_mode).foreachBatch(take).option("checkpointLocation", checkpoint).trigger(**trigger).start()

    begun, seen = 0, 0
    for number, (wait, step) in enumerate(stamped(steps)):
        if mode != "processing":
            del rows[:]
        elif query is None:
            query = start({"processingTime": "200 milliseconds"})
        else:
            begun += wait
            time.sleep(max(0, begun - time.time()))
        path = os.path.join(landing, "%03d.json" % number)
        with open(path + ".tmp", "w") as file:
            for r in step:
                file.write(json.dumps(r) + "\n")
        os.rename(path + ".tmp", path)
        if mode == "processing":
            seen += len(step)
            while sum(p["numInputRows"] for p in query.recentProgress) < seen:
                time.sleep(0.05)
            begun = begun or batch_time(query)
            if number + 1 == len(steps):
                time.sleep(3)
        else:
            query = start({"availableNow": True})
            query.awaitTermination()
            batches = sorted(set(r[0] for r in rows))
            answers.append([sorted([r[1] for r in rows if r[0] == b], key=compact) for b in batches])
    if mode == "processing":
        query.stop()
        answers = [[]] * (len(steps) - 1) + [[sorted([r[1] for r in rows], key=compact)]]
    shutil.rmtree(work, ignore_errors=True)
    return answers


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def save(recorded):
    """A row on each line, as the test feeds and compares them."""
    with open(OUT, "w") as file:
        for i, (name, case) in enumerate(recorded.items()):
            head = {k: v for k, v in case.items() if k != "steps"}
            file.write(("{" if i == 0 else ",\n") + compact(name) + ":" + compact(head)[:-1] + ',"steps":[')
            for s, step in enumerate(case["steps"]):
                file.write((",\n" if s else "\n") + '{"wait_s":%d,"rows":[\n' % step["wait_s"] + ",\n".join(compact(r) for r in step["rows"]))
                file.write('],\n"answer":[' + ",".join("[\n" + ",\n".join(compact(r) for r in batch) + "]" for batch in step["answer"]) + "]}")
            file.write("]}")
        file.write("}\n")


def main():
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
             .config("spark.sql.shuffle.partitions", "1")
             .config("spark.sql.streaming.stateStore.providerClass",
                     "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    recorded = {}
    if os.path.exists(OUT):
        with open(OUT) as file:
            recorded = json.load(file)
    for name in sys.argv[1:] or CASES:
        mode, ttl, output_mode, steps = CASES[name]
        answers = run(spark, mode, ttl, output_mode, steps)
        recorded[name] = {"mode": mode, "ttl_ms": ttl, "output_mode": output_mode,
                          "steps": [{"wait_s": wait, "rows": rows, "answer": answer} for (wait, rows), answer in zip(stamped(steps), answers)]}
        print(name, *answers, sep="\n  ", flush=True)
    save(recorded)
    spark.stop()


main()
