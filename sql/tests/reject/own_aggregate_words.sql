CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE AGGREGATE one;
CREATE AGGREGATE two (a DOUBLE) FROM 'plugins/geomean.wasm';
CREATE AGGREGATE three FROM plugins;
CREATE AGGREGATE four FROM 'plugins/geomean.wasm' LANGUAGE wasm;
CREATE AGGREGATE five FROM 'plugins/geomean.wasm';
CREATE AGGREGATE Five FROM 'plugins/geomean.wasm';
