CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE SINK to_file WITH (connector = 'file', path = 'rows.jsonl', mode = 'append');
CREATE SINK to_webhook WITH (connector = 'webhook', url = 'http://127.0.0.1:8080/rows?a=1', signing_secret = secret('SIGNING'), allow_private = 'TRUE');
CREATE SINK to_slack WITH (connector = 'slack', url = secret('SLACK_URL'), on_ambiguous = 'drop', allow_private = 'false');
CREATE SINK to_topic WITH (connector = 'kafka', brokers = 'b:9092', topic = 'rows', control_topic = 'rows-delivered', sasl_password = secret('P'));
CREATE SINK to_scrapes WITH (connector = 'prometheus', listen = '[::1]:9464', prefix = 'llm');
CREATE VIEW slow AS
SELECT window_end, model, avg(latency_ms) AS latency FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, model;
INSERT INTO to_file SELECT * FROM slow;
INSERT INTO to_webhook SELECT * FROM slow;
INSERT INTO to_slack SELECT * FROM slow;
INSERT INTO to_topic SELECT * FROM slow;
INSERT INTO to_scrapes SELECT * FROM slow;
