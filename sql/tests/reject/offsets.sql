CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE, 15);
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE, offset => INTERVAL '100' MICROSECOND);
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' SECOND, INTERVAL '5' SECOND);
SELECT count(*) FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '1' HOUR, INTERVAL '1' SECOND, offset => INTERVAL '15' SECOND);
