CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE AGGREGATE GeoMean FROM 'plugins/geomean.wasm';
CREATE AGGREGATE picked FROM 'plugins/geomean.wasm'
WITH (sha256 = 'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB', memory = '64 MiB', call_timeout = '250 ms');

SELECT geomean(a), GEOMEAN(n, 0.5) AS halves, geomean(a, offset => 1) AS plus, picked(t, n), count(*)
FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);

SELECT t, geomean(a) FILTER (WHERE n > 3) AS some, geomean(a) / 2 AS half
FROM HOP(s, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) GROUP BY t HAVING geomean(a) > 1;
