-- A minute is final 30 seconds (of event time) after it ended; what comes later is dropped.
CREATE STREAMING TABLE per_minute AS
SELECT window.start AS minute, sensor, count(*) AS readings, min(celsius) AS lowest, max(celsius) AS highest,
       avg(celsius) AS mean, count(*) FILTER (WHERE station = 'archive') AS archived
FROM STREAM plausible WATERMARK read_at DELAY OF INTERVAL 30 SECONDS AS p
GROUP BY window(read_at, '1 minute'), sensor;
