CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW latency AS
SELECT window_start, window_end, model, avg(latency_ms) AS mean
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, model;
CREATE VIEW no_end AS
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model;
SELECT row_number() OVER (PARTITION BY model ORDER BY ts) FROM requests;
SELECT row_number() OVER (PARTITION BY model ORDER BY n) FROM no_end;
SELECT row_number() OVER (PARTITION BY model ORDER BY window_start) FROM latency;
SELECT row_number() OVER (PARTITION BY model ORDER BY window_end DESC) FROM latency;
SELECT row_number() OVER (PARTITION BY model) FROM latency;
SELECT row_number() OVER (PARTITION BY 1 ORDER BY window_end) FROM latency;
SELECT row_number(model) OVER (ORDER BY window_end) FROM latency;
SELECT row_number() OVER (ORDER BY window_end ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) FROM latency;
SELECT row_number() OVER w FROM latency;
SELECT row_number() OVER (ORDER BY window_end) + 1 AS n FROM latency;
SELECT model FROM latency WHERE row_number() OVER (ORDER BY window_end) > 3;
SELECT row_number() OVER (PARTITION BY avg(mean) ORDER BY window_end) FROM latency;
SELECT lag(mean) OVER (PARTITION BY model ORDER BY window_end) FROM latency;
SELECT window_end, row_number() OVER (ORDER BY window_end) AS n, count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
