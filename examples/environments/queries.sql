-- One file for three environments. What differs between them are values of options: STAGE, BROKERS, HOOK_URL and OUT.

CREATE SOURCE llm_requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  connector = 'kafka', brokers = env('BROKERS', 'localhost:9092'), topic = env('STAGE', 'dev') || '-requests', format = 'json',
  time_format = 'unix_ms', idle_timeout = env('IDLE_TIMEOUT', '10 s')
);

CREATE VIEW latency AS
SELECT window_end, model, avg(latency_ms) AS avg_ms, count(*) AS requests
FROM TUMBLE(llm_requests, ts, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model;

-- Each environment has a file of its own.
CREATE SINK rows WITH (
  connector = 'file', path = env('OUT', 'target/environments') || '-' || env('STAGE', 'dev') || '.jsonl', mode = 'overwrite'
);
INSERT INTO rows SELECT * FROM latency;

-- The receiver knows the sender by its token and the environment by a header.
CREATE SINK team WITH (
  connector = 'webhook', url = env('HOOK_URL', 'https://hooks.example.com/dev'),
  headers = (authorization = 'Bearer ' || secret('HOOK_TOKEN'), "X-Stage" = env('STAGE', 'dev'))
);
INSERT INTO team SELECT * FROM latency WHERE avg_ms > 1000;
