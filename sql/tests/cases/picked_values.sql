CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT first(model) AS a, last(latency_ms) AS b, first_value(cached) AS c, last_value(ts) AS d, arg_min(model, latency_ms) AS e,
       max_by(tokens, ts) AS f, arg_max(latency_ms, tokens) FILTER (WHERE cached) AS g, min_by(cached, tokens) AS h
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT bool_and(cached) AS a, every(cached) AS b, bool_or(latency_ms > 100) AS c FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
