CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_start, model, COUNT(*) AS n
FROM TABLE(HOP(DATA => TABLE requests, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' MINUTES, SIZE => INTERVAL '5' MINUTES))
GROUP BY window_start, window_end, model
EMIT ON WINDOW CLOSE;
