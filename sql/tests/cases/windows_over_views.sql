-- A minute, then an hour over its rows, then the day; also through a view that selects rows of a source, and one that selects rows of windows.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, status BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW good AS SELECT lower(model) AS model, latency_ms / 1000 AS latency_s, ts FROM requests WHERE status < 500;
CREATE VIEW minutes AS
SELECT window_start, window_end, model, count(*) AS n, max(latency_s) AS slowest
FROM TUMBLE(good, ts, INTERVAL '1' MINUTE)
WHERE latency_s > 0
GROUP BY window_start, window_end, model
HAVING count(*) > 1;
CREATE VIEW busy AS SELECT window_end, model, n FROM minutes WHERE n > 10;
CREATE VIEW hours AS
SELECT window_start, window_end, model, sum(n) AS n, max(m.window_end) AS last_minute
FROM HOP(busy, window_end, INTERVAL '30' MINUTE, INTERVAL '1' HOUR) AS m
GROUP BY window_start, window_end, model;
SELECT window_end, avg(n) AS mean FROM TUMBLE(hours, window_end, INTERVAL '1' DAY) GROUP BY window_end;
SELECT window_end, count(*) FROM TUMBLE(minutes, window_end, INTERVAL '1' HOUR) GROUP BY window_end;
