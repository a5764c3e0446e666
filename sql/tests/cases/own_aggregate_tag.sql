CREATE SOURCE s (a DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

CREATE AGGREGATE geomean FROM 'oci://registry.example/geomean:1.2';

SELECT geomean(a) AS middle FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
