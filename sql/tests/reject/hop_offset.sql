CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT count(*) AS n FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '1' HOUR, INTERVAL '15' SECOND);
