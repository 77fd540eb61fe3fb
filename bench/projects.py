"""bench/projects.py: the pipeline projects that the benchmarks run."""
import os

BIDS = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING"
PERSONS = ("id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP, "
           "extra STRING")
AUCTIONS = ("id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, "
            "expires TIMESTAMP, seller BIGINT, category BIGINT, extra STRING")
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
    # new persons with what they sell, per window (Nexmark's q8)
    "window-join": """CREATE STREAMING TABLE out AS
SELECT id, name, aid, pw.start AS ws
FROM (SELECT id, name, window(dateTime, '10 seconds') AS pw
      FROM STREAM read_files('%(data)s/person', format => 'json', schema => '%(persons)s', maxFilesPerTrigger => %(files)d)
           WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS)
JOIN (SELECT seller, id AS aid, window(dateTime, '10 seconds') AS aw
      FROM STREAM read_files('%(data)s/auction', format => 'json', schema => '%(auctions)s', maxFilesPerTrigger => %(files)d)
           WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS)
ON id = seller AND pw = aw;
""",
    # bids of a category with their auctions, while these run (q20)
    "range-join": """CREATE STREAMING TABLE out AS
SELECT b.auction, bidder, price, channel, url, b.dateTime AS bidTime, b.extra AS bextra, itemName, description, initialBid,
       reserve, a.dateTime AS aucTime, expires, seller, category, a.extra AS aextra
FROM (SELECT * FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d)
          WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS) AS b
JOIN (SELECT * FROM (SELECT * FROM STREAM read_files('%(data)s/auction', format => 'json', schema => '%(auctions)s',
                                                   maxFilesPerTrigger => %(files)d) WHERE category = 10)
          WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS) AS a
ON b.auction = a.id AND b.dateTime >= a.dateTime AND b.dateTime <= a.expires;
""",
    "session": """CREATE STREAMING TABLE out AS
SELECT session_window.start AS ws, session_window.end AS we, bidder, count(*) AS cnt
FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d)
     WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS
GROUP BY session_window(dateTime, '10 seconds'), bidder;
""",
    "dedup": """CREATE STREAMING TABLE out AS
SELECT * FROM drop_duplicates_within_watermark(TABLE(
    SELECT * FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d)
                  WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS), 'auction', 'bidder');
""",
    "sliding": """CREATE STREAMING TABLE out AS
SELECT window.start AS ws, window.end AS we, auction, count(*) AS cnt
FROM STREAM read_files('%(data)s/bid', format => 'json', schema => '%(bids)s', maxFilesPerTrigger => %(files)d)
     WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS
GROUP BY window(dateTime, '10 seconds', '2 seconds'), auction;
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
        sql.write(SQL[work] % {"data": data, "files": files, "bids": BIDS, "persons": PERSONS, "auctions": AUCTIONS})
    return folder
