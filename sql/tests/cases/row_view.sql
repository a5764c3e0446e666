CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
CREATE VIEW fast AS SELECT model, ts AS at FROM requests WHERE latency_ms < 10;
SELECT at, model FROM fast WHERE at > '2026-01-01T00:00:00Z';
