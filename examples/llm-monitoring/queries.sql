-- Latency and quality of language models, as events come in. See README.md.

CREATE SOURCE llm_metrics (
  request_id    TEXT,
  timestamp     TIMESTAMP,
  latency_ms    DOUBLE,
  quality_score DOUBLE,
  model_name    TEXT,
  WATERMARK FOR timestamp AS timestamp - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'llm_metrics', format = 'json');

CREATE SINK slow     WITH (connector = 'console');
CREATE SINK unstable WITH (connector = 'console');

-- (a) Five minutes, looked at every minute: only where requests took more than two seconds on average.
INSERT INTO slow
SELECT window_start, window_end,
       avg(latency_ms) AS avg_latency,
       percentile(latency_ms, 95) AS p95_latency,
       count(*) AS requests
FROM HOP(llm_metrics, timestamp, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY window_start, window_end
HAVING avg(latency_ms) > 2000;

-- (b) The same windows, per model: only where the quality of the answers is not steady.
INSERT INTO unstable
SELECT window_start, window_end, model_name,
       avg(quality_score) AS avg_quality,
       stddev(quality_score) AS quality_deviation,
       count(*) AS requests
FROM HOP(llm_metrics, timestamp, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY window_start, window_end, model_name
HAVING stddev(quality_score) > 0.1;
