CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT model, latency_ms / 1000 AS seconds, upper(model), tokens * 2 + 1, coalesce(tokens, 0) AS tokens
FROM requests
WHERE model LIKE 'gpt%' OR model IN ('a', 'b', NULL);
