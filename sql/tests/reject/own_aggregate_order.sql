CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

SELECT later(a) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
CREATE AGGREGATE later FROM 'plugins/geomean.wasm';
