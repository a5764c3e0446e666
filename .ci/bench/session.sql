-- The aggregates of Q1 over sessions of a model: less than 50 ms between two requests, cut after a minute.

CREATE SOURCE llm_requests (
  timestamp TIMESTAMP, model_name TEXT, latency_ms DOUBLE, quality_score DOUBLE, status BIGINT,
  WATERMARK FOR timestamp AS timestamp - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'bench', format = 'json');

CREATE SINK bench WITH (connector = 'console');

INSERT INTO bench
SELECT window_start, window_end, model_name,
       avg(latency_ms) AS avg_latency, percentile(latency_ms, 95) AS p95_latency,
       stddev(quality_score) AS quality_deviation, count(*) AS requests
FROM SESSION(llm_requests, timestamp, INTERVAL '50' MILLISECOND, max_length => INTERVAL '1' MINUTE)
WHERE status = 200
GROUP BY window_start, window_end, model_name
HAVING avg(latency_ms) > 1500;
