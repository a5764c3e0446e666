CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SOURCE w (ts TIMESTAMP) WITH (connector = 'file', path = 'x');
SELECT count(*) FROM TUMBLE(w, ts, INTERVAL '1' MINUTE);
