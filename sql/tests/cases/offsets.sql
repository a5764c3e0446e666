-- Local days, weeks that begin on Monday, and windows that start 15 seconds past the minute; negative and beyond the size.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, tokens BIGINT, cached BOOLEAN, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
SELECT window_start, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' DAY, offset => INTERVAL '-2' HOUR) GROUP BY window_start;
SELECT window_start, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' WEEK, INTERVAL '4' DAY) GROUP BY window_start;
SELECT window_end, count(*) AS n FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE, INTERVAL '75' SECOND) GROUP BY window_end;
SELECT window_end, count(*) AS n
FROM TABLE(CUMULATE(TABLE requests, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY, INTERVAL '-90' MINUTE))
GROUP BY window_end;
SELECT count(*) AS n FROM HOP(requests, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE, offset => INTERVAL '2' MINUTE);
