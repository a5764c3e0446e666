CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_end - window_start AS us, window_start + INTERVAL '30' SECOND AS middle,
       round(avg(latency_ms), 1) AS average, sum(tokens) / count(*) AS per_request, max(latency_ms) - min(latency_ms) AS spread
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
HAVING count(*) > 1 AND max(latency_ms) > 2 * min(latency_ms);
