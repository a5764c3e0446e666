-- What `streamgauge demo` runs. Take it as a start of your own:
--   streamgauge demo --sql > my.sql      then change it, and
--   streamgauge run my.sql               on your Kafka: brokers and topic stand below.

-- One event a request, as JSON: {"request_id":"...","timestamp":"2026-01-01T00:00:00.000Z","model_name":"gpt-4o",...}.
-- Events may come up to 5 seconds out of order.
CREATE SOURCE llm_requests (
  request_id TEXT,
  timestamp TIMESTAMP,
  model_name TEXT,
  latency_ms DOUBLE,
  ttft_ms DOUBLE,             -- time to the first token; NULL where nothing was answered
  prompt_tokens BIGINT,
  completion_tokens BIGINT,
  cost_usd DOUBLE,
  quality_score DOUBLE,       -- 0 to 1; NULL where nobody judged
  status BIGINT,              -- as in HTTP
  WATERMARK FOR timestamp AS timestamp - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'llm_metrics', format = 'json', start = '10 minutes');

-- The last minute of each model, every 15 seconds. A SELECT prints its rows.
SELECT window_end,
       model_name AS model,
       count(*) AS requests,
       avg(latency_ms) AS avg_ms,
       p95(latency_ms) AS p95_ms,
       avg(ttft_ms) AS ttft_ms,
       avg(quality_score) AS quality,
       100 * avg(CASE WHEN status >= 500 THEN 1.0 ELSE 0.0 END) AS errors_pct,
       sum(cost_usd) AS cost_usd
FROM HOP(llm_requests, timestamp, INTERVAL '15' SECOND, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model_name;

-- Thresholds. A row that crosses one goes to the sink of that name.
CREATE SINK slow WITH (connector = 'console');
CREATE SINK unstable WITH (connector = 'console');
CREATE SINK failing WITH (connector = 'console');
CREATE SINK outlier WITH (connector = 'console');

-- Slow: above 2000 ms on average over 5 minutes, looked at every minute.
CREATE VIEW latency AS
SELECT window_start, window_end, model_name,
       avg(latency_ms) AS avg_ms, percentile(latency_ms, 95) AS p95_ms, count(*) AS requests
FROM HOP(llm_requests, timestamp, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)
GROUP BY window_start, window_end, model_name;

INSERT INTO slow SELECT * FROM latency WHERE avg_ms > 2000;

-- Unstable: the quality deviates by more than 0.1 over 2 minutes.
CREATE VIEW quality AS
SELECT window_start, window_end, model_name,
       stddev(quality_score) AS quality_deviation, avg(quality_score) AS avg_quality, count(quality_score) AS answers
FROM HOP(llm_requests, timestamp, slide => INTERVAL '30' SECOND, size => INTERVAL '2' MINUTE)
GROUP BY window_start, window_end, model_name;

INSERT INTO unstable SELECT * FROM quality WHERE quality_deviation > 0.1;

-- Failing: more than one request in ten within a minute.
INSERT INTO failing
SELECT window_start, window_end, model_name,
       100 * avg(CASE WHEN status >= 500 THEN 1.0 ELSE 0.0 END) AS errors_pct,
       count(CASE WHEN status >= 500 THEN TRUE END) AS failed,
       count(*) AS requests
FROM HOP(llm_requests, timestamp, INTERVAL '30' SECOND, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model_name
HAVING errors_pct > 10 AND requests >= 20;

-- Outlier: the newest answer is far slower than the model's last 5 minutes, as at the start of a slow spell.
INSERT INTO outlier
SELECT window_start, window_end, model_name,
       z_score(latency_ms) AS z_score, avg(latency_ms) AS usually_ms, max(latency_ms) AS slowest_ms
FROM HOP(llm_requests, timestamp, INTERVAL '5' SECOND, INTERVAL '5' MINUTE)
WHERE status = 200
GROUP BY window_start, window_end, model_name
HAVING z_score > 5.5;
