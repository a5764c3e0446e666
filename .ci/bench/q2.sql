-- Q2: Q1 over sixty seconds, every second.

CREATE SOURCE llm_requests (
  timestamp TIMESTAMP, model_name TEXT, latency_ms DOUBLE, quality_score DOUBLE, status BIGINT,
  WATERMARK FOR timestamp AS timestamp - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'bench', format = 'json');

CREATE SINK bench WITH (connector = 'console');

INSERT INTO bench
SELECT window_start, window_end, model_name,
       avg(latency_ms) AS avg_latency, percentile(latency_ms, 95) AS p95_latency,
       stddev(quality_score) AS quality_deviation, count(*) AS requests
FROM HOP(llm_requests, timestamp, INTERVAL '1' SECOND, INTERVAL '60' SECOND)
WHERE status = 200
GROUP BY window_start, window_end, model_name
HAVING avg(latency_ms) > 1500;
