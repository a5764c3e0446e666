CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT bool_and(latency_ms) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT every(cached, cached) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
