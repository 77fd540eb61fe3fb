"""Random streaming queries and random data, from a seed.

A spec is a plain dict of parts that can each be taken away (shrink.py does so): sources with their files of rows, and a query made of stages. case() turns a spec
into a case of the recorded form (tests/spark/cases): the SQL that both engines are given, and for deduplication, which Spark has no SQL for, `view` steps that the
Spark side runs as DataFrame calls and Millrace as table functions.
"""
import datetime
import random

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
SCHEMA = "id BIGINT, k STRING, v DOUBLE, n INT, d DECIMAL(10,2), ts TIMESTAMP"
KEYS = ["a", "b", "c", "", "\u00e9", None]
KINDS = ["window", "window", "group", "session", "dedup", "dedup", "join", "join", "join", "static", "map", "chain", "chain",
         "joins", "joins", "aggregates_joined"]


def stamp(seconds):
    time = START + datetime.timedelta(milliseconds=round(seconds * 1000))
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (time.microsecond // 1000)


def random_rows(rng, state, many):
    rows = []
    for _ in range(rng.choice([0, 1, 2, 4, 8, many])):
        state["now"] += rng.choice([0, 0, 0.5, 1, 3, 7])
        row = {"id": rng.randrange(12), "k": rng.choice(KEYS), "v": rng.choice([0.5, 1.0, -2.25, 1e10, 3.0]),
               "n": rng.choice([0, 1, 7, -3, 2000000]), "d": rng.choice(["1.25", "0.00", "-17.50", "99999.99"]),
               "ts": stamp(state["now"] - rng.choice([0, 0, 0, 0, 1, 2, 5, 12, 40]))}
        for name in row:
            if rng.random() < 0.03:
                row[name] = None
        rows.append(row)
        if rng.random() < 0.12:
            rows.append(dict(row))
    state["now"] += rng.choice([0, 1, 5, 20, 60])
    return rows


def random_source(rng, files):
    state = {"now": rng.choice([0, 0, 3, 100])}
    delay = rng.choice(["0 seconds", "2 seconds", "5 seconds", "10 seconds", "1 minute"])
    return {"watermark": delay if rng.random() < 0.9 else None,
            "files": [random_rows(rng, state, rng.choice([3, 12, 30])) for _ in range(files)]}


def aggregates(rng):
    pool = ["count(*)", "count(v)", "sum(n)", "sum(v)", "sum(d)", "avg(n)", "avg(d)", "min(v)", "max(ts)", "min(k)", "max(d)", "count(k)",
            "sort_array(collect_list(n))", "sort_array(collect_set(k))", "min_by(id, ts)", "max_by(n, v)", "stddev(n)", "approx_count_distinct(id)",
            "bool_or(n > 0)", "count_if(v > 1)", "any_value(1)", "percentile_approx(n, 0.5)", "bit_xor(n)"]
    chosen = rng.sample(pool, rng.choice([1, 1, 2, 3]))
    return [a if rng.random() < 0.85 or a.startswith("sort_array") else a + " FILTER (WHERE %s)" % condition(rng) for a in chosen]


def condition(rng):
    return rng.choice(["n > 0", "v IS NOT NULL", "k <> 'a'", "id % 2 = 0", "k IN ('a', 'b') OR n < 0", "d BETWEEN 0 AND 100", "length(k) = 1"])


def window(rng, column="ts"):
    length = rng.choice([5, 10, 30])
    text = "window(%s, '%d seconds'" % (column, length)
    if rng.random() < 0.4:
        text += ", '%d seconds'" % rng.choice([1, 2, 5, length])
        if rng.random() < 0.4:
            text += ", '%d seconds'" % rng.choice([1, 3])
    return text + ")"


def keys(rng, least=0):
    return rng.sample(["k", "id", "n % 3", "upper(k)"], rng.choice([least, 1, 1, 2]) if least < 2 else least)


def random_spec(seed):
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    files = rng.choice([1, 2, 3, 4, 5])
    names = ["s", "t"] if kind in ("join", "static", "aggregates_joined") or (kind == "chain" and rng.random() < 0.4) else ["s"]
    if kind == "joins":
        names = ["s", "t", "u"]
    spec = {"seed": seed, "kind": kind, "sources": {name: random_source(rng, files) for name in names}, "where": condition(rng) if rng.random() < 0.3 else None,
            "mode": "append", "conf": {}, "runs": None, "partitions": rng.choice([1, 1, 2, 4])}
    if files > 1 and rng.random() < 0.3:
        spec["runs"] = [rng.randrange(1, files), files]
    if rng.random() < 0.1:
        spec["conf"]["spark.sql.streaming.noDataMicroBatches.enabled"] = "false"
    if len(names) > 1 and rng.random() < 0.3:
        spec["conf"]["spark.sql.streaming.multipleWatermarkPolicy"] = "max"
    {"window": add_window, "group": add_group, "session": add_session, "dedup": add_dedup, "join": add_join, "static": add_static, "map": add_map,
     "chain": add_chain, "joins": add_joins, "aggregates_joined": add_aggregates_joined}[kind](rng, spec)
    return spec


def add_window(rng, spec):
    spec.update(group=[window(rng)] + keys(rng), aggregates=aggregates(rng), having=rng.choice([None, None, "count(*) > 1"]),
                mode=rng.choice(["append", "append", "update", "complete"]), grouping=rng.choice([None] * 12 + ["ROLLUP", "CUBE", "GROUPING SETS"]))
    add_order(rng, spec)


def add_order(rng, spec):
    if spec["mode"] == "complete" and rng.random() < 0.5:
        spec.update(order=True, limit=rng.choice([None, 1, 3]))


def add_group(rng, spec):
    spec.update(group=keys(rng), aggregates=aggregates(rng), having=rng.choice([None, None, "count(*) > 1"]), mode=rng.choice(["update", "update", "complete", "append"]),
                grouping=rng.choice([None, None, None, "ROLLUP", "CUBE"]))
    if rng.random() < 0.2:
        spec["group"].append("ts")
    elif rng.random() < 0.2:
        spec["group"].append("time_bucket(INTERVAL '%d' SECOND, ts)" % rng.choice([5, 30]))
    if rng.random() < 0.03:
        spec["aggregates"].append("count(DISTINCT id)")
    add_order(rng, spec)


def add_session(rng, spec):
    gap = rng.choice(["'5 seconds'", "'2 seconds'", "'20 seconds'", "CASE WHEN n > 0 THEN '3 seconds' ELSE '8 seconds' END", "CASE WHEN k = 'a' THEN '1 second' WHEN n < 0 THEN '0 seconds' ELSE '15 seconds' END"])
    spec.update(group=["session_window(ts, %s)" % gap] + keys(rng, rng.choice([0, 1, 1, 1, 1])), aggregates=aggregates(rng), having=None,
                mode=rng.choice(["append", "append", "append", "complete", "update"]))


def add_dedup(rng, spec):
    form = rng.choice(["dropDuplicates", "dropDuplicates", "dropDuplicatesWithinWatermark", "distinct"])
    columns = rng.sample(["id", "k", "n", "ts"], rng.choice([1, 1, 2, 3]))
    spec.update(dedup=form, columns=columns, mode=rng.choice(["append", "append", "append", "update", "complete"]))


def add_join(rng, spec):
    spec.update(join=rng.choice(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN"]), on=rng.sample(["s.id = t.id", "s.k = t.k", "s.n = t.n"], rng.choice([1, 1, 2])),
                mode=rng.choice(["append", "append", "append", "append", "update"]), residual=rng.choice([None, None, "s.n > 0", "t.v > 0.5", "s.v < t.v", "s.n <> t.n"]))
    if spec["residual"] == "s.n <> t.n" and "s.n = t.n" in spec["on"]:  # nothing at all: Spark does not even read
        spec["residual"] = None
    low, high = rng.choice([0, -5, 2]), rng.choice([5, 10, 30])
    spec["time"] = rng.choice([
        "t.ts >= s.ts + INTERVAL %d SECONDS AND t.ts <= s.ts + INTERVAL %d SECONDS" % (low, high), "s.ts BETWEEN t.ts AND t.ts + INTERVAL %d SECONDS" % high,
        "s.ts > t.ts - INTERVAL %d SECONDS" % high, "s.w = t.w", "s.ts = t.ts", None])
    if rng.random() < 0.25 and "SEMI" not in spec["join"] and spec["time"]:
        spec.update(group=["window(ts, '10 seconds')"], aggregates=["count(*)", "sum(n)"], mode="append")


def add_static(rng, spec):
    spec["sources"]["t"].update(static=True, watermark=None)
    # Of a side that has no row with a key, Spark does not even read the other.
    spec["sources"]["t"]["files"][0].append({"id": 3, "k": "a", "v": 1.0, "n": 1, "d": "1.25", "ts": stamp(1)})
    spec.update(join=rng.choice(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"]), on=rng.sample(["s.id = t.id", "s.k = t.k"], rng.choice([1, 2])),
                residual=rng.choice([None, None, "s.n > 0", "s.v < t.v"]), time=None)
    if rng.random() < 0.3:
        spec.update(group=[window(rng)] + keys(rng), aggregates=["count(*)", "sum(n)"], mode=rng.choice(["append", "update", "complete"]))


def add_map(rng, spec):
    spec.update(columns=rng.sample(["id", "upper(k) AS u", "n + 1 AS m", "v * 2 AS w", "date_trunc('MINUTE', ts) AS minute", "coalesce(k, 'none') AS c", "d * n AS p",
                                    "explode(array(1, id)) AS e", "transform(array(n, 1), x -> x + id) AS h", "ts"], 3),
                union=rng.random() < 0.3, limit=rng.choice([None, None, None, 5]), mode=rng.choice(["append", "update", "append"]))
    if spec["limit"]:  # how many rows Spark reads below a LIMIT, and so its event times, depends on its plan
        spec["sources"]["s"]["watermark"] = None
    spec["columns"] = [c for i, c in enumerate(spec["columns"]) if "explode" not in c or i == 0]


def add_chain(rng, spec):
    spec["chain"] = rng.choice(["dedup", "within", "distinct", "windows", "window_time", "union", "session_windows", "dedup_session"]) if len(spec["sources"]) == 1 else "union"
    spec.update(columns=rng.sample(["id", "k"], 1) + ["ts"], group=[window(rng)], aggregates=["count(*)", "sum(n)"], outer=rng.choice([10, 30, 60]),
                mode=rng.choice(["append", "append", "append", "append", "update", "complete"]))
    if "session" in spec["chain"]:
        spec["group"] = ["session_window(ts, '%d seconds')" % rng.choice([2, 5, 20])] + keys(rng, 1)


JOINS = ["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN"]


def near(rng, one, other):
    """A time condition of two streams, by which either side's rows may go."""
    return "%s.ts BETWEEN %s.ts - INTERVAL %d SECONDS AND %s.ts + INTERVAL %d SECONDS" % (other, one, rng.choice([0, 0, 5]), one, rng.choice([5, 10, 30]))


def add_joins(rng, spec):
    """Three streams: two joins in a row, or a join beside a deduplication; now and then with an aggregation above."""
    first, second = rng.choice(JOINS), rng.choice(JOINS)
    by_window, key = rng.random() < 0.25, rng.choice(["id", "k"])
    left = "t" if "SEMI" not in first and rng.random() < 0.5 else "s"
    spec.update(first=first, second=second, key=key, by_window=by_window, left=left, dedup=rng.choice([None, None, None, "below", "above"]),
                times=["s.w = t.w", "j.w = u.w"] if by_window else [near(rng, "s", "t"), near(rng, "j", "u")], mode=rng.choice(["append"] * 5 + ["update"]))
    if rng.random() < 0.3:
        spec.update(group=["window(%s, '20 seconds')" % ("w" if by_window else "ts")], aggregates=["count(*)", "sum(n)"])


def add_aggregates_joined(rng, spec):
    spec.update(join=rng.choice(JOINS), key=rng.choice(["id", "k"]), both=rng.random() < 0.5, length=rng.choice([5, 10, 30]), slide=rng.choice([None, None, 5]),
                mode=rng.choice(["append"] * 6 + ["update", "complete"]))


# ---- rendering ----
def aliased(expressions, prefix):
    return ["%s AS %s%d" % (e, prefix, i) for i, e in enumerate(expressions)]


def grouped(spec, relation):
    """SELECT of the group columns and aggregates."""
    group = spec["group"]
    columns = aliased(group, "g") + aliased(spec["aggregates"], "a")
    text = "SELECT %s FROM %s" % (", ".join(columns), relation)
    if spec.get("where"):
        text += " WHERE " + spec["where"]
    if group:
        text += " GROUP BY " + ("%s(%s)" % (spec["grouping"], ", ".join(group)) if spec.get("grouping") else ", ".join(group))
    if spec.get("having"):
        text += " HAVING " + spec["having"]
    if spec.get("order"):  # by every group too: what a LIMIT keeps is then certain
        text += " ORDER BY " + ", ".join(["a0"] + ["g%d" % i for i in range(len(group))]) + (" LIMIT %d" % spec["limit"] if spec.get("limit") else "")
    return text


def joined(spec):
    parts = spec["on"] + [p for p in (spec.get("time"), spec.get("residual")) if p]
    semi = "SEMI" in spec["join"] or "ANTI" in spec["join"]
    by_window = "s.w = t.w" in parts  # windows as keys; with the time beside them Spark refuses the two event times of one stream
    time = "w" if by_window and spec["seed"] % 8 else "ts"
    columns = "s.id, s.k, s.n, s.%s" % time + ("" if semi else ", t.id AS tid, t.n AS tn, t.%s AS tts" % time)
    with_window = "(SELECT id, k, v, n, d%s, window(ts, '10 seconds') AS w FROM %%s) %%s" % (", ts" if time == "ts" else "")
    left, right = [with_window % (n, n) if by_window else n for n in ("s", "t")]
    return "SELECT %s FROM %s %s %s ON %s" % (columns, left, spec["join"], right, " AND ".join(parts))


def joined_twice(spec):
    """(Spark's views, its SQL, ours) of two joins in a row."""
    time = "w" if spec["by_window"] else "ts"

    def source(name):
        return "(SELECT id, k, n, window(ts, '10 seconds') AS w FROM %s) %s" % (name, name) if spec["by_window"] else name

    def text(left, duplicates):
        key, semi = spec["key"], "SEMI" in spec["second"]
        side = spec["left"]
        other = "" if "SEMI" in spec["first"] else ", %s.n AS tn" % ("t" if side == "s" else "s")
        inner = "SELECT %s.id, %s.k, %s.n, %s.%s%s FROM %s %s %s ON s.%s = t.%s AND %s" % (
            side, side, side, side, time, other, left, spec["first"], source("t"), key, key, spec["times"][0])
        if duplicates:
            inner = duplicates % inner
        return "SELECT j.id, j.k, j.n, j.%s%s FROM (%s) j %s %s ON j.%s = u.%s AND %s" % (
            time, "" if semi else ", u.id AS uid, u.n AS un", inner, spec["second"], source("u"), key, key, spec["times"][1])

    columns = ["id", time]
    call = "drop_duplicates(TABLE(%s), 'id', '" + time + "')"
    if spec["dedup"] == "below" and not spec["by_window"]:
        views = [{"name": "sd", "sql": "SELECT * FROM s", "op": "dropDuplicates", "columns": columns}]
        return views, text("sd s", None), text(call % "s" + " s", None)
    if spec["dedup"] == "above":
        views = [{"name": "x", "sql": text(source("s"), None), "op": "dropDuplicates", "columns": columns}]
        kept = "SELECT id, %s FROM " % time  # the join's rows come in any order: of duplicates, only what makes them such is certain
        return views, kept + "x", kept + call % text(source("s"), None)
    sql = text(source("s"), None)
    return [], sql, sql


def aggregates_joined(spec):
    window_of = "window(ts, '%d seconds'%s)" % (spec["length"], ", '%d seconds'" % spec["slide"] if spec["slide"] else "")
    left = "(SELECT window AS w, %s, count(*) AS c FROM s GROUP BY %s, %s)" % (spec["key"], window_of, spec["key"])
    right = "(SELECT %s, n, %s AS w FROM t)" % (spec["key"], window_of)
    if spec["both"]:
        right = "(SELECT window AS w, %s, max(n) AS n FROM t GROUP BY %s, %s)" % (spec["key"], window_of, spec["key"])
    columns = "l.w, l.%s, l.c" % spec["key"] + ("" if "SEMI" in spec["join"] else ", r.n, r.w AS rw")
    return "SELECT %s FROM %s l %s %s r ON l.%s = r.%s AND l.w = r.w" % (columns, left, spec["join"], right, spec["key"], spec["key"])


def deduplicated(spec, form, columns, source):
    """How each engine is told: (a view's name in Spark's query, steps for Spark, Millrace's relation)."""
    function = "drop_duplicates" if form == "dropDuplicates" else "drop_duplicates_within_watermark"
    call = "%s(TABLE(%s), %s)" % (function, source, ", ".join("'%s'" % c for c in columns))
    return "u", [{"name": "u", "sql": "SELECT * FROM " + source, "op": form, "columns": columns}], call


def queries(spec):
    """(SQL for Spark, views for Spark, SQL for Millrace)."""
    kind, where = spec["kind"], " WHERE " + spec["where"] if spec.get("where") else ""
    if kind in ("window", "group", "session"):
        sql = grouped(spec, "s")
    elif kind == "dedup":
        if spec["dedup"] == "distinct":
            sql = "SELECT DISTINCT %s FROM s%s" % (", ".join(spec["columns"]), where)
        else:
            name, views, call = deduplicated(spec, spec["dedup"], spec["columns"], "s")
            return "SELECT * FROM %s%s" % (name, where), views, "SELECT * FROM %s%s" % (call, where)
    elif kind in ("join", "static"):
        sql = joined(spec)
        if spec.get("group"):
            if "s.w" in sql and "s.ts" not in sql:
                spec = dict(spec, group=["window(w, '20 seconds')"])
            sql = grouped(dict(spec, where=None), "(%s)" % sql)
    elif kind == "joins":
        views, spark_sql, sql = joined_twice(spec)
        if spec.get("group"):
            above = dict(spec, where=None, aggregates=["count(*)", "sum(id)"] if spec["dedup"] == "above" else spec["aggregates"])
            spark_sql, sql = [grouped(above, "(%s)" % text) for text in (spark_sql, sql)]
        return spark_sql, views, sql
    elif kind == "aggregates_joined":
        sql = aggregates_joined(spec)
    elif kind == "map":
        sql = "SELECT %s FROM s%s" % (", ".join(spec["columns"]), where)
        if spec["union"]:
            sql += " UNION ALL SELECT %s FROM s" % ", ".join(spec["columns"])
        if spec["limit"]:
            sql = "SELECT * FROM (%s) LIMIT %d" % (sql, spec["limit"])
    elif spec["chain"] == "union":
        sql = grouped(spec, "(SELECT * FROM s UNION ALL SELECT * FROM %s)" % ("t" if "t" in spec["sources"] else "s"))
    elif spec["chain"] in ("dedup", "within", "dedup_session"):
        name, views, call = deduplicated(spec, "dropDuplicatesWithinWatermark" if spec["chain"] == "within" else "dropDuplicates", spec["columns"], "s")
        return grouped(spec, name), views, grouped(spec, call)
    elif spec["chain"] == "distinct":
        sql = grouped(spec, "(SELECT DISTINCT * FROM s)")
    else:
        inner = grouped(spec, "s")
        over = "window(g0, '%d seconds')" % spec["outer"] if spec["chain"] != "window_time" else "window(window_time(g0), '%d seconds')" % spec["outer"]
        sql = "SELECT %s AS g, sum(a0) AS a, count(*) AS c FROM (%s) GROUP BY %s" % (over, inner, over)
    return sql, [], sql


def case(spec):
    """(case for Spark, case for Millrace, {file name: rows})."""
    files, sources = {}, {}
    for name, source in spec["sources"].items():
        listed = []
        for index, rows in enumerate(source["files"]):
            listed.append("%s-%02d.json" % (name, index))
            files[listed[-1]] = rows
        sources[name] = {"kind": "static" if source.get("static") else "stream", "schema": SCHEMA, "files": listed, "maxFilesPerTrigger": 1}
        if source["watermark"]:
            sources[name]["watermark"] = {"column": "ts", "delay": source["watermark"]}
    spark_sql, views, sql = queries(spec)
    common = {"name": "seed_%s" % spec["seed"], "outputMode": spec["mode"], "trigger": "availableNow", "sources": sources, "conf": spec["conf"]}
    if spec["runs"]:
        common["runs"] = spec["runs"]
    if spec["kind"] == "aggregates_joined" and "SEMI" in spec["join"]:  # Spark puts it below the aggregation when it takes the other side for small
        common["operators"] = False
    return dict(common, sql=spark_sql, views=views), dict(common, sql=sql), files
