-- What compose.yaml runs. Change it while it runs: the host deploys the file anew.

CREATE SOURCE llm_requests (
  model_name TEXT,
  timestamp  TIMESTAMP,
  latency_ms DOUBLE,
  status     BIGINT,
  WATERMARK FOR timestamp AS timestamp - INTERVAL '2' SECOND
) WITH (connector = 'kafka', brokers = 'kafka:29092', topic = 'llm_metrics', format = 'json');

CREATE SINK slow WITH (connector = 'kafka', brokers = 'kafka:29092', topic = 'slow_models', key = 'model');

-- The last minute of each model, every 10 seconds: streamgauge tail requests.latency
CREATE VIEW latency AS
SELECT window_end, model_name AS model, count(*) AS requests, avg(latency_ms) AS avg_ms, p95(latency_ms) AS p95_ms,
       100 * avg(CASE WHEN status >= 500 THEN 1.0 ELSE 0.0 END) AS errors_pct
FROM HOP(llm_requests, timestamp, INTERVAL '10' SECOND, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model_name;

INSERT INTO slow SELECT * FROM latency WHERE avg_ms > 800;
