CREATE SOURCE s (a BIGINT, p BOOLEAN, x DOUBLE, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (connector='kafka', brokers='localhost:1', topic='x', format='json');
CREATE VIEW v AS SELECT a, ts FROM s;
SELECT a NOT FROM s;
SELECT a AS select FROM s;
SELECT 12abc FROM s;
SELECT count() FROM TUMBLE(s, ts, INTERVAL '1' MINUTE);
SELECT a FROM s WHERE a == 1;
