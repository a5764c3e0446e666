CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT stddev(latency_ms), stddev_pop(latency_ms), var_samp(latency_ms), var_pop(tokens), std(latency_ms) AS same
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
