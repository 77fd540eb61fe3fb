-- Large orders go back to Kafka, each exactly once.
CREATE SINK alerts USING kafka OPTIONS (bootstrapServers 'localhost:19099', topic 'alerts');

CREATE FLOW large_orders AS INSERT INTO alerts BY NAME
SELECT customer AS key, to_json(struct(id, amount)) AS value FROM STREAM silver WHERE amount > 900;
