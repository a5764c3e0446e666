CREATE SOURCE s (v DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 'x', format = 'json');
SELECT histogram(v, '0.5, 0.1') AS h, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
