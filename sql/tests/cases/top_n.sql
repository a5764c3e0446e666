-- The rows of each window in an order of their own, and the first of them; over windows and over a view.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW minutes AS
SELECT window_end, model, count(*) AS n, avg(latency_ms) AS mean
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY window_end, model
ORDER BY n DESC, max(latency_ms) NULLS FIRST, 2;
SELECT * FROM minutes WHERE n > 1 ORDER BY mean DESC NULLS LAST, length(model) LIMIT 3;
