#!/usr/bin/env python3
"""bench/peers/spark_kafka.py SERVERS TOPIC OUT: bench/kafka's windows as a Structured Streaming query, availableNow, Delta sink, RocksDB state, local[2].

SPARK_KAFKA_JARS names the folder of jars (bench/README.md says which)."""
import glob
import os
import sys

from pyspark.sql import SparkSession, functions as F

servers, topic, out = sys.argv[1:4]
spark = (SparkSession.builder.master("local[2]")
         .config("spark.jars", ",".join(glob.glob(os.path.join(os.environ["SPARK_KAFKA_JARS"], "*.jar"))))
         .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
         .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
         .config("spark.driver.memory", "4g").config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
         .config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2")
         .config("spark.databricks.delta.snapshotPartitions", "2")
         .config("spark.sql.streaming.stateStore.providerClass",
                 "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider")
         .config("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true").getOrCreate())
messages = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers).option("subscribe", topic)
            .option("startingOffsets", "earliest").load())
clicks = messages.select(F.from_json(F.col("value").cast("string"), "id INT, ts TIMESTAMP, price INT").alias("e")).select("e.*")
rows = (clicks.withWatermark("ts", "10 seconds").groupBy("id", F.window("ts", "10 seconds")).agg(F.count("*").alias("n"), F.sum("price").alias("total"))
        .select("id", F.col("window.start").alias("s"), "n", "total"))
(rows.writeStream.format("delta").outputMode("append").option("checkpointLocation", out + "/checkpoint").trigger(availableNow=True)
 .start(out + "/table").awaitTermination())
