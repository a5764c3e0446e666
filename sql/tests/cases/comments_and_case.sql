CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
-- a comment
sElEcT /* in */ MODEL, Avg(Latency_MS) -- behind
fRoM tumble(REQUESTS, TS, interval '5 minutes') Group By Model;
