-- What the killed host runs: one view, an operator over its rows, three sinks. $NAMES are filled in by the test.
CREATE SOURCE events (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, ok BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '500' MILLISECOND
) WITH (
  connector = 'kafka', brokers = '$BROKERS', topic = '$EVENTS', format = 'json',
  start = 'earliest', time_format = 'unix_ms', idle_timeout = '1 hour'
);

CREATE SINK hook WITH (
  connector = 'webhook', url = '$URL', signing_secret = secret('KILLS_HOOK_SECRET'), allow_private = 'true'
);

CREATE SINK files WITH (connector = 'file', path = '$FILES', rotate_bytes = '32 KiB', rotate_every = '1 second');

CREATE SINK rows WITH (connector = 'kafka', brokers = '$BROKERS', topic = '$ROWS', format = 'json', key = 'model');

CREATE VIEW traffic AS
SELECT window_start, window_end, model,
       count(*) AS n, sum(tokens) AS total, min(tokens) AS least, max(tokens) AS greatest,
       avg(latency_ms) AS average, stddev(latency_ms) AS deviation, percentile(latency_ms, 95) AS p95
FROM HOP(events, ts, INTERVAL '500' MILLISECOND, INTERVAL '2' SECOND)
WHERE ok
GROUP BY window_start, window_end, model;

CREATE VIEW numbered AS
SELECT *, row_number() OVER (PARTITION BY model ORDER BY window_end) AS number FROM traffic;

INSERT INTO hook SELECT * FROM numbered;
INSERT INTO rows SELECT * FROM numbered;
INSERT INTO files SELECT * FROM numbered;
