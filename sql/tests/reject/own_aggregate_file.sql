CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE AGGREGATE one FROM 'nowhere.wasm';
CREATE AGGREGATE two FROM 'https://registry.example/geomean.wasm';
CREATE AGGREGATE three FROM '';
CREATE AGGREGATE four FROM 'plugins/geomean.wasm' WITH (sha256 = 'abc');
CREATE AGGREGATE five FROM 'plugins/geomean.wasm' WITH (sha256 = 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd');
CREATE AGGREGATE six FROM 'plugins/geomean.wasm' WITH (call_timeout = '0 s');
CREATE AGGREGATE seven FROM 'plugins/geomean.wasm' WITH (memory = 'much');
CREATE AGGREGATE eight FROM 'plugins/geomean.wasm' WITH (timeout = '1 s');

SELECT one(a), two(a) FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
