#!/usr/bin/env python3
"""tests/sql/record.py SCRIPT…: fills in what Spark answers to the `query` and `error` cases of scripts (see runner.c).

A case without expectations, or all with --all, gets Spark's schema and rows, or the condition and message parameters of its
error; the kind of case (query, error) is set accordingly. Cases headed `plan`, `refused` and `ours` (an answer on which we
differ on purpose, kept as it is) are not touched. Needs pyspark.
"""
import re
import sys

# Parameters that are not compared: wording, or Spark's own settings.
IGNORED = {"ansiConfig", "config", "docroot", "hint", "searchPath", "message", "alternative", "plan", "sqlExpr", "aggExpr",
           "windowSpec", "proposal",
           "windowExpr", "invalidExprSqls", "orderSpec", "wf", "required"}


def cases(path):
    """The script as a list of (comments, lines)."""
    found, comments, lines = [], [], []
    for line in open(path, encoding="utf-8").read().split("\n") + [""]:
        if line.startswith("#") and not lines:
            comments.append(line)
        elif line:
            lines.append(line)
        elif lines or comments:
            found.append((comments, lines))
            comments, lines = [], []
    return found


def answer(spark, sql):
    from pyspark.errors import PySparkException
    try:
        rows = spark.sql(sql)
        schema = rows.schema.simpleString()
        names = ["c%d" % i for i in range(len(rows.columns))]
        text = rows.toDF(*names).selectExpr(*["cast(%s as string)" % n for n in names]) if names else rows
        lines = ["|".join("NULL" if v is None else v for v in row) for row in text.collect()]
        return "query", [schema] + lines
    except PySparkException as error:
        condition = error.getCondition() or "?" + str(error)[:100].replace("\n", " ")
        parameters = error.getMessageParameters() or {}
        return "error", [condition] + ["%s = %s" % (k, v) for k, v in sorted(parameters.items())
                                       if k not in IGNORED and v and "\n" not in v]
    except Exception as error:  # found while the rows were made, beneath Python
        return "error", re.findall(r"\[([A-Z][A-Z0-9_.]+)\]", str(error))[:1] or ["?" + str(error)[:100].replace("\n", " ")]


def main():
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
             .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    everything = "--all" in sys.argv
    for path in [a for a in sys.argv[1:] if not a.startswith("--")]:
        out = []
        for comments, lines in cases(path):
            if lines and lines[0].startswith("view "):
                spark.sql("CREATE OR REPLACE TEMP VIEW %s AS %s" % (lines[0][5:], "\n".join(lines[1:])))
            elif lines and lines[0].startswith("set "):
                spark.conf.set(*lines[0][4:].split("=", 1))
            elif lines and lines[0] in ("query", "error"):
                cut = lines.index("----") if "----" in lines else len(lines)
                if everything or cut == len(lines):
                    kind, expected = answer(spark, "\n".join(lines[1:cut]))
                    lines = [kind] + lines[1:cut] + ["----"] + expected
            out.append("\n".join(comments + lines))
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n\n".join(out) + "\n")


main()
