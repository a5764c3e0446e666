CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT first(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT last_value(model, latency_ms) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT arg_max(model) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT arg_max(model, model) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT max_by(model, cached) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT latest_by_offset(model) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
