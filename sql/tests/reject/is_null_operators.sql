CREATE SOURCE s (a DOUBLE, n BIGINT, t TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'file', path = 'events.jsonl', format = 'json');

SELECT a ISNULL FROM s;
SELECT a NOTNULL AS x FROM s;
SELECT t FROM s WHERE a ISNULL;
SELECT a AS "isnull" FROM r;
