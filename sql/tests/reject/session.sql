CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT count(*) FROM SESSION(requests, ts);
SELECT count(*) FROM SESSION(requests, ts, INTERVAL '-1' MINUTE);
SELECT count(*) FROM SESSION(requests, ts, INTERVAL '1' DAY, INTERVAL '1' MINUTE);
SELECT count(*) FROM SESSION(requests, ts, INTERVAL '1' MINUTE, INTERVAL '1' DAY, INTERVAL '1' MINUTE);
SELECT count(*) FROM SESSION(requests, ts, INTERVAL '1' MINUTE, offset => INTERVAL '1' SECOND);
SELECT count(*) FROM SESSION(requests, ts, INTERVAL '1' MINUTE, max_length => INTERVAL '4000' DAY);
SELECT count(*) FROM SESSION(requests, ts, size => INTERVAL '1' MINUTE);
SELECT count(*) FROM SESSION(requests, latency_ms, 30);
SELECT count(*) FROM SESSION(TABLE requests PARTITION BY model, DESCRIPTOR(ts), INTERVAL '1' MINUTE);
SELECT model, count(*) FROM requests WINDOW SESSION (5 MINUTES) GROUP BY model;
SELECT count(*) FROM SESION(requests, ts, INTERVAL '1' MINUTE);
SELECT count(*) FROM TUMBLE(requests, ts, gap => INTERVAL '1' MINUTE);
