-- Closed windows go on taking events; their rows, and those of statements that select from them, are revised. Windows and OVER over them are not.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, status BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK late WITH (connector = 'console');
CREATE VIEW minutes AS
SELECT window_end, model, count(*) AS n FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY window_end, model HAVING count(*) > 1
EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '150' SECOND LATE DATA TO late;
SELECT * FROM minutes WHERE n > 3;
CREATE VIEW busy AS SELECT window_end, model, n * 2 AS twice FROM minutes;
SELECT model, twice FROM busy;
SELECT window_end, sum(n) AS n FROM TUMBLE(minutes, window_end, INTERVAL '1' HOUR) GROUP BY window_end;
SELECT model, n, row_number() OVER (PARTITION BY model ORDER BY window_end) AS number FROM minutes;
SELECT window_end, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) ALLOW LATENESS INTERVAL '10' SECOND;
WITH hours AS (SELECT count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' HOUR) ALLOW LATENESS INTERVAL '1' DAY) SELECT n FROM hours;
