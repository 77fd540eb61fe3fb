#!/usr/bin/env python3
"""Records what Spark answers to the questions in tests/spark/function_questions.

usage: record_functions.py [FILE [JAR …]]        (default: tests/spark/function_questions; needs pyspark 4.2)

The file holds one question a line: expressions of a SELECT, or a whole query; "# …" is a heading, under which the answers stand, "zone: ID" sets
the session's time zone. Expressions with commas between them become questions of their own. Writes FILE.answers.jsonl, one JSON object a
question: {"group", "zone", "sql", "rows", "schema"} or {"group", "zone", "sql", "error", "sqlState"}.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def split(line):
    """Expressions that commas separate, outside parentheses and quotes."""
    parts, depth, quote, start, i = [], 0, None, 0, 0
    while i < len(line):
        c = line[i]
        if quote:
            if c == "\\" and line[i - len("r") - 1:i] is not None and not raw:
                i += 1
            elif c == quote:
                quote = None
        elif c in "'\"`":
            quote, raw = c, i > 0 and line[i - 1] in "rR" and (i < 2 or not line[i - 2].isalnum())
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(line[start:i])
            start = i + 1
        i += 1
    parts.append(line[start:])
    return [p.strip() for p in parts]


def questions(path):
    group, zone = "", "UTC"
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.strip("\n")
            if not line.strip():
                continue
            if line.startswith("# "):
                group = line[2:].strip()
            elif line.startswith("zone: "):
                zone = line[6:].strip()
            elif line.lower().startswith(("select ", "with ")):
                yield group, zone, line
            else:
                for part in split(line):
                    yield group, zone, "SELECT " + part


def condition_of(error):
    """Condition and state of a Spark error, or the Java exception's name."""
    while error is not None:
        get = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
        if get and get():
            return get(), error.getSqlState()
        java = getattr(error, "java_exception", None)
        while java is not None:
            if hasattr(java, "getCondition"):
                try:
                    if java.getCondition():
                        return java.getCondition(), java.getSqlState()
                except Exception:
                    pass
            cause = java.getCause()
            if cause is None:
                return java.getClass().getName(), None
            java = cause
        error = error.__cause__
    return "unknown", None


def main():
    from pyspark.sql import SparkSession

    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "function_questions")
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.jars", ",".join(sys.argv[2:]))
             .config("spark.sql.binaryOutputStyle", "UTF-8").config("spark.driver.memory", "600m")
             .config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    hive = spark._jvm.org.apache.spark.sql.execution.HiveResult
    with open(path + ".answers.jsonl", "w", encoding="utf-8") as out:
        for group, zone, sql in questions(path):
            answer = {"group": group, "zone": zone, "sql": sql}
            spark.conf.set("spark.sql.session.timeZone", zone)
            try:
                frame = spark.sql(sql)
                rows = hive.hiveResultString(frame._jdf.queryExecution().executedPlan())
                answer["rows"] = [rows.apply(i) for i in range(rows.size())]
                answer["schema"] = frame._jdf.schema().catalogString()
            except Exception as error:
                answer["error"], answer["sqlState"] = condition_of(error)
            out.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
