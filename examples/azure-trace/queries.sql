-- An hour of real LLM traffic: how fast, how much, how good. See README.md.

CREATE SOURCE llm_requests (
  request_id        TEXT,
  ts                TIMESTAMP,
  model             TEXT,
  status            BIGINT,
  prompt_tokens     BIGINT PATH 'usage.prompt_tokens',
  completion_tokens BIGINT PATH 'usage.completion_tokens',
  ttft_ms           DOUBLE,
  latency_ms        DOUBLE,
  cost_usd          DOUBLE,
  quality_score     DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'azure_llm', format = 'json');

CREATE SINK speed   WITH (connector = 'console');
CREATE SINK traffic WITH (connector = 'console');
CREATE SINK quality WITH (connector = 'console');

-- Slow models: five minutes, looked at every minute. A failed request has no tokens to wait for.
INSERT INTO speed
SELECT window_start, window_end, model,
       count(*) AS requests,
       avg(latency_ms) AS avg_latency_ms,
       percentile(latency_ms, 50) AS p50_latency_ms,
       percentile(latency_ms, 95) AS p95_latency_ms,
       p99(ttft_ms) AS p99_ttft_ms
FROM HOP(llm_requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
WHERE status = 200
GROUP BY window_start, window_end, model
HAVING avg(latency_ms) > 3000;

-- Load and cost: two minutes every 45 seconds, which does not divide them.
INSERT INTO traffic
SELECT window_start, window_end, model,
       count(completion_tokens) AS answered,
       sum(prompt_tokens + completion_tokens) AS tokens,
       max(completion_tokens) AS longest_answer,
       min(ttft_ms) AS min_ttft_ms,
       stddev(ttft_ms) AS stddev_ttft_ms,
       sum(cost_usd) * 30 AS usd_an_hour
FROM HOP(llm_requests, ts, slide => INTERVAL '45' SECOND, size => INTERVAL '2' MINUTE)
WHERE model IS NOT NULL AND model NOT IN ('piccolo-3b')
GROUP BY window_start, window_end, model
HAVING count(*) >= 40 OR stddev(ttft_ms) > 150;

-- Quality and errors by size of model: ten minutes every seven. Requests that were never routed are a group too (NULL).
INSERT INTO quality
SELECT window_end,
       CASE WHEN model IN ('atlas-70b', 'étoile-24b') THEN 'large' WHEN model LIKE '%b' THEN 'small' END AS tier,
       count(*) AS requests,
       count(quality_score) AS rated,
       avg(quality_score) AS avg_quality,
       stddev_pop(quality_score) AS deviation,
       percentile(quality_score, 10) AS p10_quality,
       sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors,
       100.0 * sum(CASE WHEN status <> 200 THEN 1 ELSE 0 END) / count(*) AS failed_percent
FROM TABLE(HOP(TABLE llm_requests, DESCRIPTOR(ts), INTERVAL '7' MINUTE, INTERVAL '10' MINUTE))
GROUP BY window_start, window_end, tier;
