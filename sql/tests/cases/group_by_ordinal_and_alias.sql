CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_start AS opened, model AS m, tokens > 100 AS big, count(*) AS n
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY 1, 2, big;
