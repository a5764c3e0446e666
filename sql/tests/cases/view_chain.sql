CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK out WITH (connector = 'console');
CREATE VIEW slow AS
SELECT window_end, model, avg(latency_ms) AS average FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model;
CREATE VIEW slower AS SELECT model, average / 1000 AS seconds, window_end FROM slow WHERE average > 100;
INSERT INTO out SELECT s.model, seconds FROM slower s WHERE seconds > 1;
SELECT * FROM slower;
