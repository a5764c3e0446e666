-- SELECT DISTINCT gives each row once a window, as GROUP BY without an aggregate does.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, status BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT DISTINCT window_end, lower(model) AS model, status FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT status FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY status, window_end;
SELECT DISTINCT window_end FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT DISTINCT 9 AS nine, model FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
