CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT count(*) FROM CUMULATE(requests, ts, INTERVAL '1' DAY, INTERVAL '1' HOUR);
SELECT count(*) FROM CUMULATE(requests, ts, INTERVAL '7' MINUTE, INTERVAL '1' HOUR);
SELECT count(*) FROM CUMULATE(requests, ts, INTERVAL '1' HOUR);
SELECT count(*) FROM CUMULATE(requests, ts, slide => INTERVAL '1' HOUR, size => INTERVAL '1' DAY);
SELECT count(*) FROM CUMULATE(requests, ts, INTERVAL '1' MILLISECOND, INTERVAL '1' DAY);
SELECT count(*) FROM CUMULATE(requests, ts, INTERVAL '0' HOUR, INTERVAL '1' DAY);
