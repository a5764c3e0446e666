-- DISTINCT is of the rows of a window.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT DISTINCT model FROM requests;
SELECT DISTINCT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT DISTINCT model, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY model;
SELECT DISTINCT lowr(model) AS model FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
