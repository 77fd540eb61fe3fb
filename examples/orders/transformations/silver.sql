-- Silver: orders that can be trusted. What is dropped is counted, per expectation, in the progress records.
CREATE OR REFRESH STREAMING TABLE silver (
  CONSTRAINT readable EXPECT (order_id IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT positive EXPECT (amount > 0) ON VIOLATION DROP ROW)
AS SELECT order_id, product, amount, ordered_at, till.shop AS shop, source_file
FROM STREAM bronze;
