CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK out WITH (connector = 'console');
INSERT INTO out (name, "Count", twice) SELECT model, count(*), count(*) FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model HAVING count(*) > 1;
INSERT INTO out (a, b, c, d, e) SELECT * FROM requests;
