CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT corr(latency_ms) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT ewma(latency_ms) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT ewma(latency_ms, tokens) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT ewma(latency_ms, '1 minute') AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT top_k(latency_ms, 3) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT string_agg(tokens, ',') AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT group_concat(model) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT covar_pop(latency_ms, tokens) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
