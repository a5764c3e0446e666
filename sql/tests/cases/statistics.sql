CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT corr(latency_ms, tokens) AS a, regr_slope(latency_ms, tokens) AS b, mad(latency_ms) AS c, ewma(latency_ms, INTERVAL '90' SECOND) AS d,
       ewma(latency_ms, half_life => 1.5) AS e, rate(tokens) AS f, string_agg(model, ', ') AS g, top_k(model, 3) AS h, top_k(tokens, 1) AS i,
       histogram(latency_ms) AS j, histogram(latency_ms, '100, 1000') AS k
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
