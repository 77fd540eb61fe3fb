-- Gold: revenue per minute and product. A minute is final 30 seconds (of event time) after it ended.
CREATE OR REFRESH STREAMING TABLE gold AS
SELECT window.start AS minute, product, count(*) AS orders, sum(amount) AS revenue
FROM STREAM silver WATERMARK ordered_at DELAY OF INTERVAL 30 SECONDS
GROUP BY window(ordered_at, '1 minute'), product;
