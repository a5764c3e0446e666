CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

SELECT approx_percentile(0.9) WITHIN GROUP (ORDER BY a DESC) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT approx_percentile(0.25) WITHIN GROUP (ORDER BY n + 1 DESC) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
