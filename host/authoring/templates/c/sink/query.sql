CREATE CONNECTOR {function} FROM '{name}.wasm';

CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'requests', format = 'json');

-- The address of a chat is a secret: whoever knows it can write there. A private address is refused unless it is allowed.
CREATE SINK chat WITH (connector = '{function}', url = secret('CHAT_URL'), allow_private = env('CHAT_PRIVATE', 'false'));

INSERT INTO chat
SELECT window_end, model, count(*) AS requests, avg(latency_ms) AS mean
FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model;
