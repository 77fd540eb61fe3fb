#!/usr/bin/env python3
"""bench/peers/spark_peer.py WORK DATA OUT FILES: the same work as a Structured Streaming query, availableNow, Delta sink, RocksDB state, local[2].

DELTA_JARS names the folder of jars (bench/README.md says how to get them); WORK is pass, tumble, sliding, session, dedup, window-join, range-join or one-row."""
import sys

from pyspark.sql import functions as F
from spark_session import session

work, data, out, files = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
spark = session("DELTA_JARS", "8g")
schema = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING"
AUCTION = ("id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, "
           "seller BIGINT, category BIGINT, extra STRING")


def stream(kind, columns):
    return spark.readStream.schema(columns).option("maxFilesPerTrigger", files).json(data + "/" + kind)


bids = stream("bid", schema)
if work == "tumble":
    rows = (bids.withWatermark("dateTime", "4 seconds").groupBy(F.window("dateTime", "10 seconds"), "auction")
            .agg(F.count("*").alias("cnt"), F.max("price").alias("mx"), F.avg("price").alias("av"))
            .select(F.col("window.start").alias("ws"), F.col("window.end").alias("we"), "auction", "cnt", "mx", "av"))
elif work == "sliding":
    rows = (bids.withWatermark("dateTime", "4 seconds").groupBy(F.window("dateTime", "10 seconds", "2 seconds"), "auction")
            .agg(F.count("*").alias("cnt")).select(F.col("window.start").alias("ws"), F.col("window.end").alias("we"), "auction", "cnt"))
elif work == "session":
    rows = (bids.withWatermark("dateTime", "4 seconds").groupBy(F.session_window("dateTime", "10 seconds").alias("w"), "bidder")
            .agg(F.count("*").alias("cnt")).select(F.col("w.start").alias("ws"), F.col("w.end").alias("we"), "bidder", "cnt"))
elif work == "dedup":
    rows = bids.withWatermark("dateTime", "4 seconds").dropDuplicatesWithinWatermark(["auction", "bidder"])
elif work == "window-join":
    persons = (stream("person", "id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP, extra STRING")
               .withWatermark("dateTime", "4 seconds").select("id", "name", F.window("dateTime", "10 seconds").alias("pw")))
    sold = (stream("auction", AUCTION).withWatermark("dateTime", "4 seconds")
            .select("seller", F.col("id").alias("aid"), F.window("dateTime", "10 seconds").alias("aw")))
    rows = persons.join(sold, (persons.id == sold.seller) & (persons.pw == sold.aw)).select("id", "name", "aid", F.col("pw.start").alias("ws"))
elif work == "range-join":
    b = bids.withWatermark("dateTime", "4 seconds").alias("b")
    a = stream("auction", AUCTION).where("category = 10").withWatermark("dateTime", "4 seconds").alias("a")
    rows = b.join(a, F.expr("b.auction = a.id AND b.dateTime >= a.dateTime AND b.dateTime <= a.expires")).select(
        "b.auction", "bidder", "price", "channel", "url", F.col("b.dateTime").alias("bidTime"), F.col("b.extra").alias("bextra"), "itemName",
        "description", "initialBid", "reserve", F.col("a.dateTime").alias("aucTime"), "expires", "seller", "category", F.col("a.extra").alias("aextra"))
else:
    rows = bids
(rows.writeStream.format("delta").outputMode("append").option("checkpointLocation", out + "/checkpoint")
 .trigger(availableNow=True).start(out + "/table").awaitTermination())
spark.stop()
