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
PERSON = "{id: 'BIGINT', name: 'VARCHAR', dateTime: 'TIMESTAMP'}"
AUCTION = ("{id: 'BIGINT', itemName: 'VARCHAR', description: 'VARCHAR', initialBid: 'BIGINT', reserve: 'BIGINT', dateTime: 'TIMESTAMP', "
           "expires: 'TIMESTAMP', seller: 'BIGINT', category: 'BIGINT', extra: 'VARCHAR'}")


def read(kind, columns):
    return "read_json('%s/%s/*.json', format = 'newline_delimited', columns = %s)" % (data, kind, columns)


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
elif work == "window-join":
    query = ("SELECT p.id, p.name, a.id AS aid, time_bucket(INTERVAL 10 SECOND, p.dateTime) AS ws FROM %s AS p JOIN %s AS a "
             "ON p.id = a.seller AND time_bucket(INTERVAL 10 SECOND, p.dateTime) = time_bucket(INTERVAL 10 SECOND, a.dateTime)"
             % (read("person", PERSON), read("auction", AUCTION)))
    print(json.dumps({"rows": connection.execute("COPY (%s) TO '%s' (FORMAT parquet, COMPRESSION zstd)" % (query, out)).fetchone()[0]}))
elif work == "range-join":
    query = ("SELECT b.*, a.* FROM %s AS b JOIN %s AS a ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires "
             "WHERE a.category = 10" % (source, read("auction", AUCTION)))
    print(json.dumps({"rows": connection.execute("COPY (%s) TO '%s' (FORMAT parquet, COMPRESSION zstd)" % (query, out)).fetchone()[0]}))
elif work == "count":
    print(json.dumps({"rows": connection.execute("SELECT count(*) FROM %s" % source).fetchone()[0]}))
