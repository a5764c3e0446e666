CREATE AGGREGATE {function} FROM '{name}.wasm';

CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'requests', format = 'json');

-- A window of a minute every 30 seconds: each is two slices, whose states `merge` puts together.
SELECT window_end, model, count(*) AS requests, {function}(latency_ms) AS middle, {function}(latency_ms, offset => 1) AS shifted
FROM HOP(requests, ts, INTERVAL '30' SECOND, INTERVAL '1' MINUTE)
GROUP BY window_start, window_end, model;
