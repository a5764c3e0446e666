CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT model FROM requests
WHERE cached IS NOT TRUE AND (tokens IS NULL OR tokens IS DISTINCT FROM 5) AND NOT (model = 'a' OR model NOT LIKE '%\_b%')
  AND latency_ms NOT BETWEEN 1 AND 2 AND tokens NOT IN (1, 2, 3);
