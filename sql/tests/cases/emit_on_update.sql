CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW so_far AS
SELECT window_start, window_end, model, count(*) AS n, avg(latency_ms) AS mean
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model
HAVING count(*) > 1
EMIT ON UPDATE EVERY INTERVAL '10' SECOND;
SELECT window_end, model FROM so_far WHERE n > 3;
SELECT window_end + INTERVAL '1' HOUR AS local, model AS "Model", count(*) AS n
FROM TUMBLE(requests, ts, INTERVAL '1' HOUR, offset => INTERVAL '30' MINUTE) r GROUP BY 2
ORDER BY window_end, n DESC LIMIT 3
EMIT ON UPDATE EVERY INTERVAL '15' MINUTE;
SELECT count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) EMIT ON WINDOW CLOSE;
