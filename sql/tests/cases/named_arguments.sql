CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT w.window_start, count(*) AS n
FROM HOP(requests, ts, size => INTERVAL '1 hour 30 minutes', slide => INTERVAL 30 SECOND) AS w;
