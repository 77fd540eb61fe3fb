#!/usr/bin/env python3
"""bench/peers/duckdb_peer.py WORK DATA OUT THREADS: the same work as one batch query of DuckDB; prints a JSON line with what it counted."""
import json
import sys

import duckdb

work, data, out, threads = sys.argv[1:5]
connection = duckdb.connect()
connection.execute("SET threads = %d" % int(threads))
connection.execute("SET preserve_insertion_order = false")
columns = ("{auction: 'BIGINT', bidder: 'BIGINT', price: 'BIGINT', channel: 'VARCHAR', url: 'VARCHAR', dateTime: 'TIMESTAMP', extra: 'VARCHAR'}")
source = "read_json('%s/bid/*.json', format = 'newline_delimited', columns = %s)" % (data, columns)
if work == "pass":
    rows = connection.execute("COPY (SELECT * FROM %s) TO '%s' (FORMAT parquet, COMPRESSION zstd)" % (source, out)).fetchone()[0]
    print(json.dumps({"rows": rows}))
elif work == "tumble":
    query = ("SELECT time_bucket(INTERVAL 10 SECOND, dateTime) AS w, auction, count(*) AS cnt, max(price) AS mx, avg(price) AS av "
             "FROM %s GROUP BY ALL" % source)
    rows, bids = connection.execute("SELECT count(*), sum(cnt) FROM (%s)" % query).fetchone()
    print(json.dumps({"rows": rows, "bids": int(bids)}))
elif work == "sliding":
    query = ("SELECT time_bucket(INTERVAL 2 SECOND, dateTime) - to_seconds(back) AS w, auction, count(*) AS cnt "
             "FROM (SELECT auction, dateTime, unnest([0, 2, 4, 6, 8]) AS back FROM %s) GROUP BY ALL" % source)
    rows, bids = connection.execute("SELECT count(*), sum(cnt) FROM (%s)" % query).fetchone()
    print(json.dumps({"rows": rows, "bids": int(bids)}))
elif work == "count":
    print(json.dumps({"rows": connection.execute("SELECT count(*) FROM %s" % source).fetchone()[0]}))
