-- One table, filled by two flows: what the sensors send, and what an older system left behind.
CREATE STREAMING TABLE measured COMMENT 'Every reading, from wherever it came';

CREATE FLOW measured_live AS
INSERT INTO measured BY NAME
SELECT reading_id, upper(sensor) AS sensor, celsius, read_at, station.name AS station
FROM STREAM ext.readings WITH ('maxFilesPerTrigger' = '2');

CREATE FLOW measured_archive AS
INSERT INTO measured BY NAME
SELECT id AS reading_id, upper(sensor) AS sensor, celsius, read_at
FROM STREAM ext.archive;
