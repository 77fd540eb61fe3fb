-- Bronze: every order as it came, and where it came from. A line that is not JSON becomes a row of NULLs.
CREATE OR REFRESH STREAMING TABLE bronze
COMMENT 'Orders as the tills wrote them'
AS SELECT *, _metadata.file_name AS source_file
FROM STREAM read_files(
  'landing/orders',
  format => 'json',
  schema => 'order_id BIGINT, product STRING, amount DECIMAL(10,2), ordered_at TIMESTAMP, till STRUCT<shop: STRING, number: INT>',
  maxFilesPerTrigger => 100);
