-- Windows over a view have one time: the end of its own windows, or the event time of the source whose rows it selects.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW minutes AS
SELECT window_start, window_end, model, count(*) AS n, max(ts) AS last_ts
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, model;
CREATE VIEW nameless AS
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model;
CREATE VIEW fast AS SELECT model, ts, ts + INTERVAL '1' HOUR AS later FROM requests WHERE latency_ms < 100;
CREATE VIEW timeless AS SELECT model FROM requests;
SELECT model, sum(n) AS n FROM TUMBLE(minutes, last_ts, INTERVAL '1' HOUR) GROUP BY model;
SELECT model, sum(n) AS n FROM TUMBLE(minutes, window_start, INTERVAL '1' HOUR) GROUP BY model;
SELECT model, sum(n) AS n FROM TUMBLE(minutes, ts, INTERVAL '1' HOUR) GROUP BY model;
SELECT model, sum(n) AS n FROM TUMBLE(nameless, window_end, INTERVAL '1' HOUR) GROUP BY model;
SELECT model, count(*) AS n FROM TUMBLE(fast, later, INTERVAL '1' HOUR) GROUP BY model;
SELECT model, count(*) AS n FROM TUMBLE(timeless, ts, INTERVAL '1' HOUR) GROUP BY model;
