"""The session of Spark that the peers run in: local[2], Delta, RocksDB state with its changelog, no more than it needs otherwise."""
import glob
import os

from pyspark.sql import SparkSession


def session(jars, memory):
    """jars: the environment variable that names the folder of jars (bench/README.md says which are needed)."""
    return (SparkSession.builder.master("local[2]")
            .config("spark.jars", ",".join(glob.glob(os.path.join(os.environ[jars], "*.jar"))))
            .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
            .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
            .config("spark.driver.memory", memory).config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
            .config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2")
            .config("spark.databricks.delta.snapshotPartitions", "2")
            .config("spark.sql.streaming.stateStore.providerClass",
                    "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider")
            .config("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true").getOrCreate())
