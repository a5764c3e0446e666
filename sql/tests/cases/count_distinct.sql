CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT count(DISTINCT model) AS a, count(DISTINCT tokens) AS b, count(DISTINCT latency_ms) FILTER (WHERE cached) AS c,
       count(DISTINCT ts) AS d, count(DISTINCT cached) AS e, count_distinct(lower(model)) AS f, count(DISTINCT model) + 1 AS g,
       min(DISTINCT latency_ms) AS h, min(latency_ms) AS i, max(DISTINCT tokens) AS j, approx_count_distinct(model) AS k,
       approx_distinct(tokens) AS l, count(ALL model) AS m
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
