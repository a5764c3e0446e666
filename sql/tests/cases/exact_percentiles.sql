CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS a, percentile_disc(0.5) WITHIN GROUP (ORDER BY tokens ASC) AS b,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY tokens) AS c, median(tokens) AS d, median(latency_ms) AS e,
       quantile_cont(latency_ms, 0.95) AS f, quantile_disc(ts, 0.25) AS g
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
