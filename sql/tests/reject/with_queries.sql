-- WITH: names that clash, that are not there, and queries where none may stand.
CREATE SOURCE requests (
  model TEXT, latency_ms DOUBLE, ts TIMESTAMP,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (connector = 'file', path = 'requests.jsonl');
WITH RECURSIVE a AS (SELECT model FROM a) SELECT model FROM a;
WITH a AS (SELECT model FROM requests), a AS (SELECT ts FROM requests) SELECT model FROM a;
WITH a (name) AS (SELECT model FROM requests) SELECT name FROM a;
WITH a AS SELECT model FROM requests SELECT model FROM a;
WITH a AS (SELECT model FROM requests) SELECT latency_ms FROM a;
WITH a AS (SELECT model FROM b), b AS (SELECT model FROM requests) SELECT model FROM a;
WITH a AS (SELECT model, ts FROM requests) SELECT model, count(*) AS n FROM TUMBLE((SELECT model, ts FROM a), ts, INTERVAL '1' HOUR) GROUP BY model;
SELECT model FROM (requests);
SELECT model FROM (SELECT model FROM requests WHERE latency > 5) AS r;
SELECT model FROM requests WHERE latency_ms > (SELECT max(latency_ms) FROM requests);
WITH "a/b" AS (SELECT window_end, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' HOUR) GROUP BY window_end) SELECT n FROM "a/b";
SELECT n FROM (SELECT window_end, count(*) AS n FROM TUMBLE(requests, ts, INTERVAL '1' HOUR) GROUP BY window_end) AS "..";
