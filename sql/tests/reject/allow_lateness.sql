-- ALLOW LATENESS is for TUMBLE, HOP and CUMULATE over a source, with rows that have no order in their window.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, op TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK late WITH (connector = 'console');
CREATE VIEW minutes AS SELECT window_end, model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model
ALLOW LATENESS INTERVAL '1' HOUR;
SELECT model FROM requests ALLOW LATENESS INTERVAL '1' HOUR;
SELECT count(*) FROM TUMBLE(minutes, window_end, INTERVAL '1' HOUR) ALLOW LATENESS INTERVAL '1' HOUR;
SELECT count(*) FROM SESSION(requests, ts, INTERVAL '1' MINUTE) ALLOW LATENESS INTERVAL '1' HOUR;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) ALLOW LATENESS INTERVAL '0' SECOND;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) ALLOW LATENESS INTERVAL '400' DAY;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) ALLOW LATENESS 5 MINUTES;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) LATE DATA TO late ALLOW LATENESS INTERVAL '1' HOUR;
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model ORDER BY n DESC LIMIT 3
ALLOW LATENESS INTERVAL '1' HOUR;
SELECT op, count(*) AS revision FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY op ALLOW LATENESS INTERVAL '1' HOUR;
SELECT model, n FROM minutes ORDER BY n LIMIT 1;
SELECT model AS op, n FROM minutes;
SELECT count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) ALLOW LATENESS INTERVAL '1' HOUR EMIT ON UPDATE EVERY INTERVAL '1' SECOND;
SELECT count(*) FROM requests ALLOW LATENESS INTERVAL '1' HOUR;
CREATE TABLE prices (model TEXT PRIMARY KEY, usd DOUBLE) WITH (connector = 'file', path = 'prices.csv', format = 'csv');
SELECT m.n, p.usd FROM minutes m LEFT JOIN prices p ON m.model = p.model;
