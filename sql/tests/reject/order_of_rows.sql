-- Rows of a source have no end, so nothing orders them; LIMIT alone does not say which rows come.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT model FROM requests ORDER BY latency_ms;
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model LIMIT 3;
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model ORDER BY latency_ms DESC;
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model ORDER BY n LIMIT 0;
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model ORDER BY n LIMIT 10 OFFSET 5;
SELECT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model ORDER BY 4;
