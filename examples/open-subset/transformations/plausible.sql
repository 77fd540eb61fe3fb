-- What a thermometer can show. Open-source Spark has no expectations: a view with a WHERE drops, it does not count.
CREATE TEMPORARY VIEW plausible AS
SELECT reading_id, sensor, celsius, read_at, coalesce(station, 'archive') AS station
FROM STREAM measured
WHERE celsius BETWEEN -60 AND 60;
