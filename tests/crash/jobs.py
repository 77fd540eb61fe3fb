"""The jobs of the crash tests, their input, and how one life of the process is run.

A trial is a folder with a project of its own (checkpoints, tables, progress); the input is shared and read only. A life is one run of
`millrace run` on it (job custom: of a program that embeds the library), undisturbed or with trouble made by the preloaded library (preload.c) or by a named kill point.
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MILLRACE = os.path.abspath(os.environ.get("MILLRACE", ".build/release/millrace"))
PRELOAD = os.path.abspath(os.environ.get("CRASH_PRELOAD") or os.path.join(os.environ.get("BUILD") or os.path.dirname(MILLRACE), "crash_preload.so"))
CUSTOM = os.path.join(os.path.dirname(MILLRACE), "crash_custom")
# A sanitizer's runtime must come first, also before the library; preloaded, it interposes what the library calls by name.
RUNTIME = re.search(r"(/\S*lib[at]san\.so\S*)", subprocess.run(["ldd", MILLRACE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode())
PRELOADED = (RUNTIME.group(1) + ":" if RUNTIME else "") + PRELOAD
BATCHES, ROWS = 10, 12
SCHEMA = "id BIGINT, k STRING, v INT, t TIMESTAMP"

SPEC = """name: crash
storage: storage
libraries:
  - glob:
      include: transformations/**
configuration:
  spark.sql.session.timeZone: UTC
  millrace.decision.microBatches: "1"
  millrace.publish.giveUpSeconds: "2"
  spark.sql.pipelines.maxFlowRetryAttempts: "1"
"""
# The window job retains a copy of its checkpoint now and then, so that this is disturbed too.
MORE = {"window": '  millrace.checkpoint.retainEvery: "4"\n'}
# Tables that are not appended to: rows replace each other, so that before recovery there may be rows the end does not have.
PROPERTIES = {mode: " TBLPROPERTIES ('millrace.outputMode' = '%s')" % mode for mode in ("update", "complete")}
# Jobs whose targets are folders that a file sink fills, with the log Spark's file sink keeps.
SINKS = {"files": "json"}
READ = "read_files('LANDING', format => 'json', schema => '" + SCHEMA + "', maxFilesPerTrigger => 1)"
WINDOW = ("SELECT window.start AS minute, k, count(*) AS n, sum(v) AS total, min(id) AS lowest "
          "FROM STREAM %s WATERMARK t DELAY OF INTERVAL 30 SECONDS GROUP BY window(t, '1 minute'), k")
# Keys of a fixed size: groups about to be evicted are stored many in one value, and sliding windows go by panes.
PANES = ("SELECT window.start AS begins, id % 5 AS g, count(*) AS n, sum(v) AS total, min(id) AS lowest "
         "FROM STREAM " + READ + " WATERMARK t DELAY OF INTERVAL 30 SECONDS GROUP BY window(t, '2 minutes', '30 seconds'), id % 5")
# State that is looked up by key: deduplication and sessions, over the same rows.
MARKED = "(SELECT id, k, v, v %% 4 AS d, t FROM STREAM %s WATERMARK t DELAY OF INTERVAL 30 SECONDS)" % READ
FIRSTS = "SELECT id, k, v, t FROM drop_duplicates_within_watermark(TABLE%s, 'k', 'd')" % MARKED
SESSIONS = ("SELECT session_window.start AS began, k, count(*) AS n, sum(v) AS total, max(id) AS highest "
            "FROM %s GROUP BY session_window(t, '9 seconds'), k" % MARKED)
SIDE = "(SELECT id, k, t FROM STREAM " + READ + " WATERMARK t DELAY OF INTERVAL 30 SECONDS WHERE v %s)"
OUTER = ("SELECT l.id AS lid, l.k AS lk, r.id AS rid, r.k AS rk FROM " + SIDE % "< 60" + " AS l FULL OUTER JOIN " + SIDE % ">= 40" +
         " AS r ON l.k = r.k AND r.t >= l.t AND r.t <= l.t + INTERVAL 20 SECONDS")
INNER = ("SELECT l.id AS lid, r.id AS rid, l.k AS k FROM " + SIDE % "< 60" + " AS l %s JOIN " + SIDE % ">= 40" +
         " AS r ON l.k = r.k AND r.t >= l.t AND r.t <= l.t + INTERVAL 20 SECONDS")
PAIRS = INNER.replace("r.id AS rid, l.k AS k", "r.id AS rid, l.k AS k, r.t AS t") % ""
COLOURS = "(SELECT * FROM VALUES ('a', 'red'), ('b', 'blue'), ('x', 'grey') AS colours(name, colour))"
# name -> {table: (SQL, the columns that are unique)}
JOBS = {
    "map": {"mapped": ("SELECT id, k, v * 2 AS doubled, t FROM STREAM " + READ + " WHERE v % 5 <> 0", ("id",))},
    "files": {"landed": ("SELECT id, k, v * 2 AS doubled, v % 3 AS part FROM STREAM " + READ, ("id",))},
    "window": {"windowed": (WINDOW % READ, ("minute", "k"))},
    "update": {"updated": ("SELECT k, v % 4 AS part, count(*) AS n, sum(v) AS total, max(id) AS last FROM STREAM " + READ + " GROUP BY k, v % 4",
                           ("k", "part"))},
    "panes": {"slid": (PANES, ("begins", "g"))},
    "outer": {"joined": (OUTER, ("lid", "rid"))},
    "inner": {"paired": (INNER % "", ("lid", "rid"))},
    "left": {"lefts": (INNER % "LEFT", ("lid", "rid"))},
    "semi": {"met": ((INNER % "LEFT SEMI").replace("l.id AS lid, r.id AS rid, l.k AS k", "l.id AS id, l.k AS k"), ("id",))},
    "static": {"coloured": ("SELECT s.id, s.k, c.colour FROM STREAM " + READ + " AS s LEFT JOIN " + COLOURS + " AS c ON s.k = c.name", ("id",))},
    # an operator above another; and all groups anew each time
    "chain": {"counted": ("SELECT window.start AS minute, k, count(*) AS n, sum(rid) AS total FROM (" + PAIRS + ") GROUP BY window(t, '1 minute'), k", ("minute", "k"))},
    "complete": {"whole": ("SELECT k, v % 4 AS part, count(*) AS n, sum(v) AS total FROM STREAM " + READ + " GROUP BY k, v % 4", ("k", "part"))},
    # the other form of deduplication: keys hold the event time
    "distinct": {"once": ("SELECT DISTINCT k, t FROM (SELECT k, t FROM STREAM " + READ + " WATERMARK t DELAY OF INTERVAL 30 SECONDS)", ("k", "t"))},
    "medallion": {"bronze": ("SELECT id, k, v, t FROM STREAM " + READ, ("id",)),
                  "gold": (WINDOW % "bronze", ("minute", "k"))},
    "custom": {"processed": (None, ("id",))},  # a program (custom.c), not a project
    "keyed": {"firsts": (FIRSTS, ("id",)), "sessions": (SESSIONS, ("began", "k"))},
}


def workplace():
    """A new folder on memory if there is room: fsync costs nothing there, and the library takes the place of the disk."""
    base = os.environ.get("CRASH_DIR") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    return tempfile.mkdtemp(prefix="millrace_crash_", dir=base)


def write_input(folder, batches=BATCHES, first=0, seed=7):
    """One file per batch, a minute of event time apart; every third holds rows that are late by then. Ids are unique over all files."""
    os.makedirs(folder, exist_ok=True)
    for number in range(first, first + batches):
        path, dice = os.path.join(folder, "part-%03d.json" % number), random.Random(seed * 1000 + number)
        with open(path + ".part", "w") as file:
            for row in range(ROWS):
                late = number % 3 == 2 and row % 4 == 0
                second = 60 * number + dice.randrange(60) - (300 if late else 0)
                second = max(second, 0)
                file.write(json.dumps({"id": number * 1000 + row, "k": "abc"[dice.randrange(3)], "v": dice.randrange(100),
                                       "t": "2026-01-01T%02d:%02d:%02dZ" % (second // 3600, second // 60 % 60, second % 60)}) + "\n")
        os.utime(path + ".part", (1767225600 + number, 1767225600 + number))
        os.rename(path + ".part", path)


def make_project(folder, job, landing):
    os.makedirs(os.path.join(folder, "transformations"))
    if job == "custom":
        with open(os.path.join(folder, "landing.txt"), "w") as file:
            file.write(landing)
        return
    with open(os.path.join(folder, "spark-pipeline.yml"), "w") as file:
        file.write(SPEC + MORE.get(job, ""))
    for table, (sql, _) in JOBS[job].items():
        with open(os.path.join(folder, "transformations", table + ".sql"), "w") as file:
            sql = sql.replace("LANDING", landing)
            if job in SINKS:
                file.write("CREATE SINK %s USING %s OPTIONS (path 'spark-warehouse/%s', partitionBy 'part');\nCREATE FLOW fill AS INSERT INTO %s BY NAME %s;\n"
                           % (table, SINKS[job], table, table, sql))
            else:
                file.write("CREATE OR REFRESH STREAMING TABLE %s%s AS %s;\n" % (table, PROPERTIES.get(job, ""), sql))


def table_path(folder, table):
    return os.path.join(folder, "spark-warehouse", table)


def log_path(job, table):
    """The folder inside a table's that says which files it has."""
    return os.path.join(table, "_spark_metadata" if job in SINKS else "_delta_log")


def log_of(folder, table):
    """{version: [actions]} as the files say."""
    log = os.path.join(table_path(folder, table), "_delta_log")
    found = {}
    for name in sorted(os.listdir(log) if os.path.isdir(log) else []):
        if name.endswith(".json") and name[:-5].isdigit():
            with open(os.path.join(log, name)) as file:
                found[int(name[:-5])] = [json.loads(line) for line in file if line.strip()]
    return found


class Life:
    """How a run ended. `died`: by SIGKILL, as asked. `refused`: exit 1 and a condition name. `calls`: durable calls made, if counted. `met`: the trouble struck."""

    def __init__(self, status, err, calls=None, late=False, met=False):
        self.status, self.err, self.calls, self.late = status, err, calls, late
        self.met = met or status == -signal.SIGKILL
        self.died = status == -signal.SIGKILL
        self.refused = status == 1 and "[" in err and "]" in err

    def __str__(self):
        return "status %s%s %s" % (self.status, " (time is up)" if self.late else "", self.err.strip()[-600:].replace("\n", " | "))


def command_of(folder, workers):
    program = os.path.join(folder, "landing.txt")
    if not os.path.exists(program):
        return [MILLRACE, "run", "--quiet", "--workers", str(workers)]
    with open(program) as file:
        return [CUSTOM, file.read(), str(workers)]


def live(folder, workers=1, at=0, kind=None, again=False, killpoint=None, count=False, trace=None, journal=None, path=None, seconds=120):
    """at, kind, again, path: which call meets which trouble; with killpoint, calls are counted from there. journal: for a power cut to come (power.py)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MILLRACE_")}
    calls = None
    if at or count or trace or journal:
        env.update(LD_PRELOAD=PRELOADED, MILLRACE_FAULT_ROOT=folder)
        if at:
            env.update(MILLRACE_FAULT_AT=str(at), MILLRACE_FAULT_KIND=kind, MILLRACE_FAULT_MET=folder + ".met")
            if killpoint:
                env["MILLRACE_FAULT_AFTER_POINT"] = "1"
            if again:
                env["MILLRACE_FAULT_AGAIN"] = "1"
            if path:
                env["MILLRACE_FAULT_PATH"] = path
        if count:
            env["MILLRACE_FAULT_COUNT"] = folder + ".count"
        if trace:
            env["MILLRACE_FAULT_TRACE"] = trace
        if journal:
            env["MILLRACE_FAULT_JOURNAL"] = journal
    if killpoint:
        env["MILLRACE_KILLPOINT"] = killpoint
    with open(folder + ".err", "w+b") as err:
        child = subprocess.Popen(command_of(folder, workers), cwd=folder, env=env,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        late = False
        try:
            status = child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            child.kill()
            child.wait()
            status = 124
        err.seek(0)
        text = err.read().decode("utf-8", "replace")
    if count and os.path.exists(folder + ".count"):
        with open(folder + ".count") as file:
            calls = int(file.read())
    met = os.path.exists(folder + ".met")
    if met:
        os.unlink(folder + ".met")
    return Life(status, text, calls, late, met)


def tables_aside(folder, job, to):
    """Keeps the tables as they are now, to be looked at later."""
    for table in JOBS[job]:
        if os.path.isdir(log_path(job, table_path(folder, table))):
            shutil.copytree(table_path(folder, table), os.path.join(to, table))


def now():
    return time.monotonic()
