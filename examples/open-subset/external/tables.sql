-- Folders of files as tables, made outside the pipeline: by spark-sql, once. Millrace reads this file with the project.
CREATE TABLE ext.readings (reading_id BIGINT, sensor STRING, celsius DECIMAL(5,2), read_at TIMESTAMP, station STRUCT<name: STRING, floor: INT>)
USING json
LOCATION 'landing/readings';

CREATE TABLE ext.archive (id BIGINT, sensor STRING, celsius DECIMAL(5,2), read_at TIMESTAMP)
USING csv
OPTIONS (header 'true')
LOCATION 'landing/archive';
