CREATE SOURCE s (a BIGINT, x DOUBLE, t TEXT, p BOOLEAN, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 's.jsonl');
SELECT one, two, three FROM s;
SELECT lower(one) || two AS r, a + 1 AS a, b AS a FROM s WHERE four > 1 AND five = 2 OR p IN (six, seven);
SELECT model, avg(wrong) AS y, sum(x) FILTER (WHERE where_wrong > 1) AS z, max(x) AS m
FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) WHERE nope = 1 GROUP BY model, t, other HAVING y > 1 AND third > 2;
SELECT a, x, count(*) AS n, unknown FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY t HAVING a > 1;
SELECT a, avg(x), sum(x), nope FROM s;
SELECT nope, count(*), t FROM s GROUP BY nope, t HAVING oops > 1;
SELECT nope, count(*) FROM TUMBLE(s, x, 5) WHERE oops GROUP BY a;
SELECT nope, count(*) FROM CUMULATE(s, ts, INTERVAL '2' MINUTE, INTERVAL '5' MINUTE) GROUP BY nope;
INSERT INTO nowhere SELECT nope FROM s;
CREATE SOURCE d (a DECIMAL(10, 2), m MAP<STRING, ARRAY<INT>>, r ROW(a INT, b INT), ok TEXT, n TEXT NOT NULL, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts)
  WITH (connector = 'file', pth = 'x', numbers = 'yes', start = 'soon', colour = 'red');
SELECT nothing FROM d;
CREATE SINK k WITH (connector = 'webhook', url = 'ftp://x', colour = 'red', reject_after = 'soon');
