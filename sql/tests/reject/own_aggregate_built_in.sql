CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE AGGREGATE avg FROM 'plugins/geomean.wasm';
CREATE AGGREGATE "P95" FROM 'plugins/geomean.wasm';
CREATE AGGREGATE Lower FROM 'plugins/geomean.wasm';
CREATE AGGREGATE hop FROM 'plugins/geomean.wasm';
CREATE AGGREGATE my_avg FROM 'plugins/geomean.wasm';

SELECT my_avg(a) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
