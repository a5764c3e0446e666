CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT lower(model) AS m, max(lower(model)) AS last, count(lower(model)) AS n, avg(latency_ms * 2) AS a, max(latency_ms * 2) AS b
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY lower(model);
