CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_start, window_end, model, count(*) AS n, avg(latency_ms) AS mean
FROM SESSION(requests, ts, INTERVAL '30' MINUTE)
WHERE latency_ms > 0
GROUP BY window_start, window_end, model
HAVING count(*) > 1;
SELECT count(*) AS n FROM TABLE(SESSION(TABLE requests, DESCRIPTOR(ts), INTERVAL '90' SECOND, max_length => INTERVAL '1' HOUR));
CREATE VIEW minutes AS
SELECT window_end, model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, model;
CREATE VIEW busy AS
SELECT window_start, window_end, model, sum(n) AS n FROM SESSION(minutes, window_end, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end, model;
SELECT window_end, max(n) AS n FROM CUMULATE(busy, window_end, INTERVAL '1' HOUR, INTERVAL '1' DAY) GROUP BY window_end;
