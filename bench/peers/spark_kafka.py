#!/usr/bin/env python3
"""bench/peers/spark_kafka.py SERVERS TOPIC OUT: bench/kafka's windows as a Structured Streaming query, availableNow, Delta sink, RocksDB state, local[2].

SPARK_KAFKA_JARS names the folder of jars (bench/README.md says which)."""
import sys

from pyspark.sql import functions as F
from spark_session import session

servers, topic, out = sys.argv[1:4]
spark = session("SPARK_KAFKA_JARS", "4g")
messages = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers).option("subscribe", topic)
            .option("startingOffsets", "earliest").load())
clicks = messages.select(F.from_json(F.col("value").cast("string"), "id INT, ts TIMESTAMP, price INT").alias("e")).select("e.*")
rows = (clicks.withWatermark("ts", "10 seconds").groupBy("id", F.window("ts", "10 seconds")).agg(F.count("*").alias("n"), F.sum("price").alias("total"))
        .select("id", F.col("window.start").alias("s"), "n", "total"))
(rows.writeStream.format("delta").outputMode("append").option("checkpointLocation", out + "/checkpoint").trigger(availableNow=True)
 .start(out + "/table").awaitTermination())
