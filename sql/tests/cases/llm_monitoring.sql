-- The example of the documentation, as far as the language goes.
CREATE SOURCE llm_requests (
  request_id TEXT, model_name TEXT, latency_ms DOUBLE, quality_score DOUBLE,
  tokens BIGINT PATH 'usage.total_tokens', ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'llm_metrics', format = 'json');

CREATE SINK team WITH (connector = 'slack', url = secret('SLACK_WEBHOOK_URL'));

CREATE VIEW latency AS
SELECT window_start, window_end, model_name,
       avg(latency_ms) AS avg_latency, percentile(latency_ms, 95) AS p95, count(*) AS requests
FROM HOP(llm_requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY window_start, window_end, model_name;

INSERT INTO team SELECT * FROM latency WHERE avg_latency > 2000;
