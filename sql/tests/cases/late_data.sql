-- The events that are late for all windows go to a sink, with all columns of the source.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, status BIGINT, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK late WITH (connector = 'console');
CREATE VIEW minutes AS
SELECT window_end, model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_end, model
EMIT ON WINDOW CLOSE LATE DATA TO late;
SELECT * FROM minutes;
