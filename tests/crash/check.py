"""Looks at the tables that survived, with delta-rs and pyarrow, never with the product: one process for all of them."""
import collections
import json
import os
import re
import urllib.parse

import pyarrow.parquet as parquet
from deltalake import DeltaTable

_cache = {}


def _rows_of(path):
    with open(path, "rb") as file:
        content = file.read()
    rows = _cache.get(content)
    if rows is None:
        table = parquet.read_table(path)
        rows = list(zip(*[c.to_pylist() for c in table.columns])) if table.num_rows else []
        rows = (table.column_names, rows)
        if len(_cache) < 20000:
            _cache[content] = rows
    return rows


def read_folder(path):
    """The same of a folder that a file sink fills: what its log names, as Spark reads it."""
    log = os.path.join(path, "_spark_metadata")
    names = {int(n.split(".")[0]): n for n in os.listdir(log) if re.fullmatch(r"\d+(\.compact)?", n)}
    compact = max([n for n, name in names.items() if name.endswith(".compact")], default=None)
    wanted = [n for n in sorted(names) if compact is None or n >= compact]
    if wanted and wanted != list(range(wanted[0], wanted[-1] + 1)) or (compact is None and wanted and wanted[0] != 0):
        raise AssertionError("entries of the log are missing: %s" % sorted(names.values()))
    rows, columns, seen = collections.Counter(), ["id", "k", "doubled", "part"], set()
    for n in wanted:
        with open(os.path.join(log, names[n])) as file:
            version, *lines = file.read().split("\n")
        if version != "v1":
            raise AssertionError("%s begins with %r" % (names[n], version))
        for line in lines:
            entry = json.loads(line)
            name = urllib.parse.unquote(entry["path"]).split("/" + os.path.basename(path) + "/", 1)[1]
            if name in seen:
                raise AssertionError("%s is named twice" % name)
            seen.add(name)
            with open(os.path.join(path, name), "rb") as file:
                content = file.read()
            if len(content) != entry["size"]:
                raise AssertionError("%s has %d bytes, the log says %d" % (name, len(content), entry["size"]))
            part = int(re.search(r"part=(\d+)/", name).group(1))
            for record in content.decode().splitlines():
                value = dict(json.loads(record), part=part)
                rows[tuple(value.get(c) for c in columns)] += 1
    return columns, rows


def read(path):
    """-> (columns, Counter of rows); raises where the table is not what a table must be."""
    if os.path.isdir(os.path.join(path, "_spark_metadata")):
        return read_folder(path)
    log = os.path.join(path, "_delta_log")
    versions = sorted(int(n[:-5]) for n in os.listdir(log) if re.fullmatch(r"\d{20}\.json", n))
    if versions != list(range(len(versions))):
        raise AssertionError("log versions are not contiguous: %s" % versions)
    table = DeltaTable(path)
    if table.version() != versions[-1]:
        raise AssertionError("delta-rs sees version %d of %d" % (table.version(), versions[-1]))
    columns = [field.name for field in table.schema().fields]
    rows = collections.Counter()
    for uri in table.file_uris():
        names, some = _rows_of(uri[len("file://"):] if uri.startswith("file://") else uri)
        if names != columns:
            raise AssertionError("%s has columns %s" % (uri, names))
        rows.update(some)
    return columns, rows


def compare(path, expected, unique, partial=False, replaced=False):
    """None, or what is wrong. partial: of a table before recovery, which may hold less but nothing else; replaced: its rows may be older ones."""
    try:
        columns, rows = read(path)
    except BaseException as problem:  # delta-rs panics are no Exceptions
        return "%s: %s" % (type(problem).__name__, str(problem)[:300])
    keys = collections.Counter()
    places = [columns.index(c) for c in unique]
    for row, count in rows.items():
        keys[tuple(row[p] for p in places)] += count
    doubled = [k for k, count in keys.items() if count > 1]
    if doubled:
        return "%d keys doubled, such as %s" % (len(doubled), doubled[:3])
    foreign, lost = rows - expected, expected - rows
    if partial and replaced:
        return None
    if foreign:
        return "%d rows that are not expected, such as %s" % (sum(foreign.values()), list(foreign)[:2])
    if lost and not partial:
        return "%d rows lost, such as %s" % (sum(lost.values()), list(lost)[:2])
    return None
