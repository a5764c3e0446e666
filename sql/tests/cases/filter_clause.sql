CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT model, count(*) FILTER (WHERE cached) AS hits, count(*) AS n,
       avg(latency_ms) FILTER (WHERE NOT cached AND tokens > 10) AS slow
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY model;
