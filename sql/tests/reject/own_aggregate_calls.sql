CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE AGGREGATE geomean FROM 'plugins/geomean.wasm';

SELECT geomean(t) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT geomean(a, 1, 2) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT geomean(a, b => 1) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT geomean(a, n) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT geomean(*) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT geomeen(a) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT geomean(DISTINCT a) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT a, geomean(a) FROM s;
