-- WITH and queries in FROM: those that select rows are read through, those with windows run as views.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, status BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK out WITH (connector = 'console');
WITH good AS (SELECT lower(model) AS name, latency_ms, ts FROM requests WHERE status < 500)
SELECT name AS model, latency_ms FROM good WHERE latency_ms > 100;
INSERT INTO out
WITH good AS (SELECT lower(model) AS name, latency_ms, ts FROM requests WHERE status < 500),
     minutes AS (SELECT window_end, name, avg(latency_ms) AS mean FROM TUMBLE(good, ts, INTERVAL '1' MINUTE) GROUP BY window_end, name),
     slow AS (SELECT * FROM minutes WHERE mean > 10)
SELECT window_end, name, max(mean) AS worst FROM TUMBLE(slow, window_end, INTERVAL '1' HOUR) GROUP BY window_end, name;
CREATE VIEW worst AS
SELECT model, mean FROM (
  SELECT window_end, model, avg(latency_ms) AS mean FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, model
) AS minutes ORDER BY mean DESC LIMIT 5;
SELECT * FROM worst;
