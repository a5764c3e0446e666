CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_end, model, avg(latency_ms) AS average, p95(latency_ms), count(*) AS n
FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
WHERE latency_ms IS NOT NULL
GROUP BY model
HAVING average > 2000;
