CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT percentile_cont(latency_ms, 0.95) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT percentile_cont(95) WITHIN GROUP (ORDER BY latency_ms) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT percentile_disc(tokens) WITHIN GROUP (ORDER BY latency_ms) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY latency_ms DESC) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY latency_ms DESC) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY model) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT median(latency_ms) WITHIN GROUP (ORDER BY latency_ms) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT quantile_cont(latency_ms) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT quantile_cont(latency_ms, 95) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
