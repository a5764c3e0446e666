CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT CASE WHEN cached THEN 1 ELSE 'no' END AS c FROM requests;
SELECT CASE WHEN cached THEN model ELSE tokens END AS d FROM requests;
