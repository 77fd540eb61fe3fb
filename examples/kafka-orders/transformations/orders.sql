-- Orders come as JSON in a topic; bronze keeps what came, and where from.
CREATE STREAMING TABLE bronze AS
SELECT CAST(key AS STRING) AS customer, CAST(value AS STRING) AS body, partition, offset, timestamp
FROM STREAM read_kafka(bootstrapServers => 'localhost:19099', subscribe => 'orders', startingOffsets => 'earliest');

CREATE STREAMING TABLE silver (
  CONSTRAINT has_amount EXPECT (amount > 0) ON VIOLATION DROP ROW
) AS
SELECT o.id, customer, o.amount, timestamp
FROM (SELECT customer, timestamp, from_json(body, 'id BIGINT, amount DECIMAL(10, 2)') AS o FROM STREAM bronze);

-- What was sold per second.
CREATE STREAMING TABLE gold AS
SELECT window.start AS second, count(*) AS orders, sum(amount) AS turnover
FROM STREAM silver WATERMARK timestamp DELAY OF INTERVAL 1 SECOND
GROUP BY window(timestamp, '1 second');
