CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT percentile(latency_ms, 95) AS a, p95(latency_ms) AS b, p999(tokens) AS c, percentile(tokens, p => 50) AS d,
       approx_percentile(0.9) WITHIN GROUP (ORDER BY latency_ms) AS e
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
