-- Recomputed from the finished minutes.
CREATE MATERIALIZED VIEW extremes AS
SELECT sensor, count(*) AS minutes, sum(readings) AS readings, min(lowest) AS lowest, max(highest) AS highest
FROM per_minute
GROUP BY sensor
HAVING sum(readings) > 1;
