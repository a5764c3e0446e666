CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT sum(DISTINCT tokens) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT count(DISTINCT model, cached) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT count(DISTINCT *) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT median(DISTINCT latency_ms) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
SELECT averge(DISTINCT latency_ms) AS n FROM TUMBLE(requests, ts, INTERVAL '1' MINUTE);
