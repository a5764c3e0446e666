-- One view, sent five ways. See README.md for what each promises.

CREATE SOURCE llm_requests (
  timestamp  TIMESTAMP,
  model_name TEXT,
  latency_ms DOUBLE,
  WATERMARK FOR timestamp AS timestamp - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'llm_requests', format = 'json');

CREATE SINK to_file WITH (connector = 'file', path = 'target/delivery/to_file.jsonl');

-- One POST a row, signed. The example's receiver is on this machine: allow_private lets rows go there.
CREATE SINK to_webhook WITH (
  connector = 'webhook',
  url = secret('HOOK_URL'),
  signing_secret = secret('HOOK_SECRET'),
  allow_private = 'true'
);

-- One message a window. A message that may have arrived is not sent again.
CREATE SINK to_slack WITH (
  connector = 'slack',
  url = secret('SLACK_URL'),
  on_ambiguous = 'drop',
  allow_private = 'true'
);

-- What was delivered is remembered in control_topic, in the same transaction as the rows.
CREATE SINK to_topic WITH (
  connector = 'kafka', brokers = 'localhost:9092', topic = 'model_load', control_topic = 'model_load_delivered'
);

-- http://127.0.0.1:9464/metrics shows the last window.
CREATE SINK to_scrapes WITH (connector = 'prometheus', listen = '127.0.0.1:9464', prefix = 'llm');

CREATE VIEW model_load AS
SELECT window_start, window_end, model_name,
       count(*) AS requests, avg(latency_ms) AS avg_latency_ms, max(latency_ms) AS max_latency_ms
FROM TUMBLE(llm_requests, timestamp, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model_name;

INSERT INTO to_file    SELECT * FROM model_load;
INSERT INTO to_webhook SELECT * FROM model_load;
INSERT INTO to_topic   SELECT * FROM model_load;
INSERT INTO to_scrapes SELECT * FROM model_load;
-- People are told of what is slow only.
INSERT INTO to_slack   SELECT * FROM model_load WHERE avg_latency_ms > 2000;
