-- LATE DATA TO is for windows over a source, and names a sink.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK late WITH (connector = 'console');
CREATE VIEW minutes AS SELECT window_end, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) LATE DATA TO out;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) LATE DATA TO;
SELECT model FROM requests LATE DATA TO late;
SELECT count(*) FROM TUMBLE(minutes, window_end, INTERVAL '1' HOUR) LATE DATA TO late;
WITH a AS (SELECT count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) LATE DATA TO late) SELECT n FROM a;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) LATE DATA TO late HAVING count(*) > 1;
