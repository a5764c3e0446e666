CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT 1 AS one, -2.5 AS two, 'it''s' AS three, TRUE AS four, 1e3 AS five, -9223372036854775808 AS least FROM requests;
