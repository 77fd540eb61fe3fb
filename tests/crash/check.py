"""Looks at the tables that survived, with delta-rs and pyarrow, never with the product: one process for all of them."""
import collections
import os
import re

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


def read(path):
    """-> (columns, Counter of rows); raises where the table is not what a table must be."""
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
