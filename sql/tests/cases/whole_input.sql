-- Aggregates without a window: one row a group when the input ends.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', topic = 'requests', brokers = 'b:9092');
SELECT model, count(*) AS n, avg(latency_ms) AS mean FROM requests GROUP BY model ORDER BY n DESC LIMIT 3;
SELECT count(*) AS n FROM requests;
SELECT DISTINCT lower(model) AS model FROM requests;
CREATE VIEW slow AS SELECT model, latency_ms / 1000 AS seconds FROM requests WHERE latency_ms > 1000;
SELECT model, max(seconds) AS worst FROM slow GROUP BY model HAVING max(seconds) > 2;
WITH totals AS (SELECT model, count(*) AS n FROM requests GROUP BY model) SELECT max(n) AS most FROM totals;
CREATE VIEW minutes AS
SELECT window_end, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end;
SELECT sum(n) AS n FROM minutes;
