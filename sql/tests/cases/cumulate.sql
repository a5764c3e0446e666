CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_start, window_end, model, count(*) AS n, quantile_cont(latency_ms, 0.5) AS half
FROM CUMULATE(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY window_start, window_end, model
HAVING count(*) > 3;
SELECT count(*) AS n FROM CUMULATE(requests, ts, step => INTERVAL '1' DAY, size => INTERVAL '1' DAY);
