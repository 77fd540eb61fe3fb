"""bench/projects.py: the pipeline projects that the benchmarks run."""
import os

BIDS = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING"
SQL = {
    "pass": """CREATE STREAMING TABLE out AS
SELECT * FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d);
""",
    "tumble": """CREATE STREAMING TABLE out AS
SELECT window.start AS ws, window.end AS we, auction, count(*) AS cnt, max(price) AS mx, avg(price) AS av
FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d)
     WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS
GROUP BY window(dateTime, '10 seconds'), auction;
""",
    "day": """CREATE STREAMING TABLE out AS
SELECT window.start AS ws, auction, count(*) AS cnt, max(price) AS mx
FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d)
     WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS
GROUP BY window(dateTime, '1 day'), auction;
""",
}


def make(folder, work, data, files, configuration=""):
    os.makedirs(os.path.join(folder, "transformations"))
    with open(os.path.join(folder, "spark-pipeline.yml"), "w") as spec:
        spec.write("name: bench\nstorage: storage\nlibraries:\n  - glob:\n      include: transformations/**\n"
                   "configuration:\n  spark.sql.session.timeZone: \"UTC\"\n" + configuration)
    with open(os.path.join(folder, "transformations/out.sql"), "w") as sql:
        sql.write(SQL[work] % {"data": data, "files": files, "bids": BIDS})
    return folder
