CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT tokens / latency_ms AS a, tokens > 1.5 AS b, ts > '2026-01-01T00:00:00Z' AS c, ts - INTERVAL '1' DAY AS d,
       CAST(tokens AS TEXT) AS e, CASE WHEN cached THEN 1 ELSE 0.5 END AS f, latency_ms IN (1, 2) AS g, NULL AS h
FROM requests
WHERE ts BETWEEN TIMESTAMP '2026-01-01 00:00:00' AND '2027-01-01';
