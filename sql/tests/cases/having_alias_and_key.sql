CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT model, sum(tokens) AS tokens, max(latency_ms) AS latency_ms
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY model
HAVING tokens > 1000 AND latency_ms < 5 AND model <> 'x' AND sum(tokens) < 1e6;
